/*
 * resolve_model.c - the model of a scenario: from the catalogue, or from the
 * habits of its family, with the said keys on top.
 */
#include "scenarios/catalogues.h"
#include "scenarios/resolve.h"

#include <stdio.h>
#include <string.h>

/* ORDER: names_family of keys.c without "auto". What a family's publications
 * do unless they say otherwise; vocabularies are those of its usual tokenizer.
 * GPT-2/3 (Radford 2019, Brown 2005.14165), LLaMA (2302.13971), MPT (MosaicML
 * llm-foundry, ALiBi 2108.12409), BLOOM (2211.05100), BERT (1810.04805),
 * T5 v1.1 (2002.05202), ViT (2010.11929). */
/* clang-format off: version 14 crashes on rows of unlike fields */
static const struct stc_model families[] = {
    {.name = "gpt",
     .mlp = STC_MLP_GELU,
     .norm = STC_NORM_LAYERNORM,
     .pos = STC_POS_LEARNED,
     .tied_embeddings = 1,
     .qkv_bias = 1,
     .linear_bias = 1,
     .vocab = 50257},
    {.name = "llama",
     .mlp = STC_MLP_SWIGLU,
     .norm = STC_NORM_RMSNORM,
     .pos = STC_POS_ROTARY,
     .vocab = 32000},
    {.name = "mpt",
     .mlp = STC_MLP_GELU,
     .norm = STC_NORM_LAYERNORM,
     .pos = STC_POS_ALIBI,
     .tied_embeddings = 1,
     .vocab = 50368},
    {.name = "bloom",
     .mlp = STC_MLP_GELU,
     .norm = STC_NORM_LAYERNORM,
     .pos = STC_POS_ALIBI,
     .tied_embeddings = 1,
     .qkv_bias = 1,
     .linear_bias = 1,
     .embed_norm = 1,
     .vocab = 250880},
    {.name = "moe",
     .mlp = STC_MLP_SWIGLU,
     .norm = STC_NORM_RMSNORM,
     .pos = STC_POS_ROTARY,
     .vocab = 32000,
     .moe_every = 1},
    {.name = "bert",
     .kind = STC_MODEL_ENCODER,
     .mlp = STC_MLP_GELU,
     .norm = STC_NORM_LAYERNORM,
     .pos = STC_POS_LEARNED,
     .tied_embeddings = 1,
     .qkv_bias = 1,
     .linear_bias = 1,
     .vocab = 30522,
     .n_token_types = 2,
     .heads_extra = 1},
    {.name = "t5",
     .kind = STC_MODEL_ENC_DEC,
     .mlp = STC_MLP_GEGLU,
     .norm = STC_NORM_RMSNORM,
     .pos = STC_POS_RELATIVE,
     .vocab = 32128},
    {.name = "vit",
     .kind = STC_MODEL_VIT,
     .mlp = STC_MLP_GELU,
     .norm = STC_NORM_LAYERNORM,
     .pos = STC_POS_LEARNED,
     .qkv_bias = 1,
     .linear_bias = 1,
     .image = 224,
     .patch = 16,
     .n_classes = 1000,
     .channels = 3},
};
/* clang-format on */

static void round_off(struct stc_model *m)
{
    if (m->n_kv_heads == 0) m->n_kv_heads = m->n_heads;
    if (m->ffn == 0 && m->n_experts > 0) m->ffn = m->expert_ffn;
    if (m->ffn == 0)
        m->ffn =
            stc_model_gated(m) ? (m->hidden * 8 / 3 + 255) / 256 * 256 : 4 * m->hidden;
    if (m->n_experts > 0) {
        if (m->expert_ffn == 0) m->expert_ffn = m->ffn;
        if (m->topk == 0) m->topk = 1;
        if (m->moe_every == 0) m->moe_every = 1;
        if (m->shared_ffn > 0 && m->n_shared_experts == 0) m->n_shared_experts = 1;
    }
}

static enum stc_err check_sizes(const struct stc_scenario *s, struct stc_diag *diag)
{
    const struct stc_model *m = &s->model;
    const struct {
        int32_t value;
        int row;
    } needed[] = {{m->n_layers, STC_KEY_m_layers},
                  {m->hidden, STC_KEY_m_hidden},
                  {m->n_heads, STC_KEY_m_heads}};
    if (m->kind == STC_MODEL_CNN) return STC_OK;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (needed[i].value <= 0)
            return stc_scenario_fail(s, needed[i].row, diag, STC_ERR_PARSE,
                                     "not said; a number, or a model of the catalogue "
                                     "(model: NAME), would be right");
    if (m->head_dim == 0 && m->mla_kv_rank == 0 && m->hidden % m->n_heads != 0)
        return stc_scenario_fail(s, STC_KEY_m_heads, diag, STC_ERR_INFEASIBLE,
                                 "%d heads do not divide hidden %d; say "
                                 "model.head_dim, or another number of heads",
                                 (int)m->n_heads, (int)m->hidden);
    return STC_OK;
}

enum stc_err stc_resolve_model(struct stc_scenario *s, struct stc_diag *diag)
{
    struct stc_diag why = {""};
    enum stc_err err;
    if (s->said.model_use[0]) {
        err = stc_model_find(stc_catalogues_models(s->catalogues), s->said.model_use,
                             &s->model, &why);
        if (err != STC_OK)
            return stc_scenario_fail(s, STC_KEY_model_use, diag, err, "%s", why.text);
    } else {
        s->model = families[stc_chosen_or(s->said.family, 0)];
        memset(s->model.name, 0, sizeof s->model.name);
    }
    /* As many as there are heads, unless somebody says otherwise of either. */
    if (s->model.n_kv_heads == s->model.n_heads) s->model.n_kv_heads = 0;
    stc_resolve_put(s, "model");
    if (s->said.model_label[0])
        snprintf(s->model.name, sizeof s->model.name, "%.63s", s->said.model_label);
    if (!s->model.name[0])
        snprintf(s->model.name, sizeof s->model.name, "%.16s %dx%d",
                 families[stc_chosen_or(s->said.family, 0)].name,
                 (int)s->model.n_layers, (int)s->model.hidden);
    snprintf(s->model_name, sizeof s->model_name, "%s", s->model.name);
    err = check_sizes(s, diag);
    if (err != STC_OK) return err;
    round_off(&s->model);
    err = stc_model_check(&s->model, &why);
    if (err != STC_OK)
        return stc_scenario_fail(
            s, s->said.model_use[0] ? STC_KEY_model_use : STC_KEY_m_layers, diag, err,
            "%s", why.text);
    return STC_OK;
}
