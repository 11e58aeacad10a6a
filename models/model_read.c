/* The model catalogue: keys of an entry, look-up, inline models of scenarios. */
#include "models/catalogue.h"
#include "models/model.h"

#include <stdio.h>
#include <string.h>

static const struct stc_cat shipped = {.folder = "models/data/"};

static const struct stc_cat *or_shipped(const struct stc_cat *c)
{
    return c ? c : &shipped;
}

/* ORDER: the enums of model.h. */
static const char *const kinds[] = {
    "decoder", "encoder", "encoder-decoder", "vit", "cnn", "audio", NULL};
static const char *const mlps[] = {"gelu", "relu", "relu2", "swiglu", "geglu", NULL};
static const char *const norms[] = {"layernorm", "rmsnorm", "layernorm-no-bias", NULL};
static const char *const positions[] = {"learned",  "rotary", "alibi",
                                        "relative", "none",   NULL};

/* ORDER: most as the scenario's keys of the same name (scenarios/fields.def). */
#define UPTO(member, most, help_)                                                    \
 {                                                                                   \
  STC_BIND_FIELD("", #member, INT, struct stc_model, member), .min = 0, .max = most, \
                                                              .help = help_          \
 }
#define N(member, help_) UPTO(member, 1e7, help_)
#define E(member, names_, help_)                                                \
 {                                                                              \
  STC_BIND_FIELD("", #member, ENUM, struct stc_model, member), .names = names_, \
                                                               .help = help_    \
 }

static const struct stc_bind_row rows[] = {
    E(kind, kinds, "architecture"),
    UPTO(n_layers, 10000, "layers; of an encoder-decoder the encoder's"),
    UPTO(dec_layers, 10000, "decoder layers of an encoder-decoder"),
    UPTO(hidden, 1e6, "width of the residual stream"),
    N(ffn, "inner width of the dense MLP"),
    UPTO(n_heads, 1e5, "attention heads"),
    UPTO(n_kv_heads, 1e5, "key/value heads; 0: as many as heads"),
    UPTO(head_dim, 1e5, "size of a head; 0: hidden / n_heads"),
    E(mlp, mlps, "activation, gated or not"),
    E(norm, norms, "normalisation"),
    E(pos, positions, "positions"),
    UPTO(vocab, 1e8, "tokens of the vocabulary, unpadded"),
    UPTO(max_positions, 1e8, "learned positions"),
    N(tied_embeddings, "1: the output head is the embedding table"),
    N(qkv_bias, "1: biases on QKV"),
    N(linear_bias, "1: biases on the other products"),
    N(qk_norm, "1: a norm per head on queries and keys; 2: over the projection"),
    N(embed_norm, "1: a norm behind the embedding"),
    UPTO(window, 1e8, "sliding-window attention: its size"),
    UPTO(window_every, 10000, "one layer in so many is full"),
    N(mla_q_rank, "latent attention: rank of queries"),
    N(mla_kv_rank, "rank of keys and values"),
    N(mla_nope_dim, "head part without rotary"),
    N(mla_rope_dim, "head part with rotary"),
    N(mla_v_dim, "head size of values"),
    UPTO(n_experts, 1e5, "routed experts a layer"),
    UPTO(topk, 1e5, "experts a token"),
    UPTO(route_groups, 1e5, "groups of experts, for routing"),
    UPTO(topk_groups, 1e5, "groups that a token's experts may come from"),
    N(expert_ffn, "inner width of an expert"),
    N(n_shared_experts, "experts that see every token"),
    N(shared_ffn, "width of all shared experts together"),
    UPTO(dense_layers, 10000, "first layers without experts"),
    UPTO(moe_every, 10000, "one layer in so many has experts"),
    N(moe_latent, "width that routed experts work in"),
    {STC_BIND_FIELD("", "pattern", NAME, struct stc_model, pattern),
     .help = "a letter a layer: M mixer, * attention, - MLP, E experts"},
    {STC_BIND_LIST("", "net", INT_LIST, struct stc_model, net, n_net),
     .help = "rows of type, outputs, kernel, stride, padding, repeat"},
    N(mamba_heads, "heads of a mixer"),
    N(mamba_head_dim, "size of a mixer's head"),
    N(mamba_state, "state a channel"),
    N(mamba_groups, "groups of B and C"),
    UPTO(attention_every, 10000,
         "one layer in so many has attention, the others a gated delta net"),
    UPTO(attn_gate, 1, "1: attention's output is gated"),
    UPTO(mtp_layers, 100, "multi-token prediction layers"),
    N(n_token_types, "segments (BERT)"),
    N(heads_extra, "1: pooler and prediction transform (BERT)"),
    UPTO(image, 1e5, "side of the image"),
    UPTO(patch, 1e5, "side of a patch"),
    N(n_classes, "classes"),
    N(channels, "channels of the image"),
    N(norms_per_layer, "0: two"),
    N(router_bias, "1: a bias an expert in the router"),
    N(shared_gate, "1: shared experts have a gate"),
    N(head_bias, "1: the output head has a bias"),
    N(rel_buckets, "relative-position buckets (T5)"),
    N(attention_unfused, "1: scores stay in memory"),
    N(logits_extra_bytes, "bytes a logit more at the peak"),
    N(no_dropout, "1: dropout is off"),
    N(out_bias, "bias of the out projection: 0 as linear_bias, 1 yes, 2 no"),
    N(attn_sinks, "1: a learned logit a head"),
    N(dec_seq_len, "tokens of the decoder side"),
    N(gen_hidden, "ELECTRA generator: width"),
    N(gen_ffn, "its MLP"),
    N(gen_heads, "its heads"),
    {STC_BIND_FIELD("", "source", NAME, struct stc_model, source),
     .help = "where the figures were read"},
};
static const char *const also[] = {"alias", "like", NULL};
static const struct stc_bind_table table = {.what = "model",
                                            .rows = rows,
                                            .n_rows = STC_N_ELEM(rows),
                                            .struct_size = sizeof(struct stc_model),
                                            .also = also};

static void finish(struct stc_model *m, const char *name)
{
    (void)snprintf(m->name, sizeof m->name, "%s", name);
    if (m->pattern[0]) {
        m->n_layers = (int32_t)strlen(m->pattern);
    }
    if (m->n_kv_heads == 0) {
        m->n_kv_heads = m->n_heads;
    }
}

static enum stc_err read_entry(struct stc_arena *a, const struct stc_cat *c,
                               const struct stc_cat_entry *e, struct stc_model *m,
                               struct stc_diag *diag)
{
    struct stc_diag why = {""};
    const struct stc_node *map = NULL;
    enum stc_err err = stc_cat_bind(a, c, e, &table, m, diag);
    if (err) return err;
    finish(m, e->name);
    err = stc_model_check(m, &why);
    if (!err) return STC_OK;
    if (e->own < 0 || stc_cat_parse(a, c, e, &map, NULL))
        return stc_fail(diag, err, "%s", why.text);
    return stc_node_fail(map, diag, err, "%s", why.text);
}

enum stc_err stc_model_find(const struct stc_cat *cat, const char *name,
                            struct stc_model *out, struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_cat_entry e;
    struct stc_model m;
    const struct stc_cat *c = or_shipped(cat);
    memset(&m, 0, sizeof m);
    enum stc_err err = stc_cat_find(c, "model", name, &e, diag);
    if (!err) err = read_entry(&a, c, &e, &m, diag);
    if (!err) *out = m;
    stc_arena_free(&a);
    return err;
}

const struct stc_bind_table *stc_model_keys(void)
{
    return &table;
}

int stc_model_catalogue_n(const struct stc_cat *cat)
{
    return stc_cat_count(or_shipped(cat));
}

const char *stc_model_catalogue_name(const struct stc_cat *cat, int i, char *buf,
                                     size_t size)
{
    struct stc_cat_entry e;
    if (!stc_cat_at(or_shipped(cat), i, &e)) {
        return NULL;
    }
    (void)snprintf(buf, size, "%s", e.name);
    return buf;
}
