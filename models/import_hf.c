#include "models/import_hf.h"

#include "sim/base/bind.h"
#include "sim/base/text.h"

#include <stdio.h>
#include <string.h>

/* Traits that a config does not print. */
enum trait {
    GATED = 1 << 0,
    TIED = 1 << 1,     /* unless tie_word_embeddings says otherwise */
    QKV_BIAS = 1 << 2, /* unless a key says otherwise */
    LINEAR_BIAS = 1 << 3,
    NO_OUT_BIAS = 1 << 4,
    QK_NORM = 1 << 5,      /* a weight per head dimension */
    QK_NORM_WIDE = 1 << 6, /* over the projection */
    ONE_NORM = 1 << 7,     /* attention and MLP in parallel behind one norm */
    FOUR_NORMS = 1 << 8,
    EMBED_NORM = 1 << 9,
    HEAD_BIAS = 1 << 10,
    ROUTER_BIAS = 1 << 11,
    SHARED_GATE = 1 << 12,
    SINKS = 1 << 13,
    MULTI_QUERY = 1 << 14,     /* one key/value head unless a key says otherwise */
    EXPERTS_ALWAYS = 1 << 15,  /* intermediate_size is the experts' */
    OUT_BIAS_BY_KEY = 1 << 16, /* attention_bias covers the out projection too */
    BERT_HEADS = 1 << 17,
    OUT_GATE = 1 << 18 /* of attention's output, unless a key says otherwise */
};

struct arch {
    const char *type;
    enum stc_model_kind kind;
    enum stc_norm_kind norm;
    enum stc_pos_kind pos;
    unsigned traits;
    int position_offset; /* rows of the position table beyond max_position_embeddings */
    int window_every; /* with a sliding window: one layer in so many is full; 0: none */
};

#define LLAMA GATED | OUT_BIAS_BY_KEY
#define GPT   LINEAR_BIAS | QKV_BIAS
#define RMS   STC_NORM_RMSNORM
#define LN    STC_NORM_LAYERNORM
#define LN0   STC_NORM_LAYERNORM_NO_BIAS
#define DEC   STC_MODEL_DECODER
#define ENC   STC_MODEL_ENCODER
#define ROT   STC_POS_ROTARY

static const struct arch archs[] = {
    {"llama", DEC, RMS, ROT, LLAMA, 0, 0},
    {"mistral", DEC, RMS, ROT, LLAMA, 0, 0},
    {"ministral", DEC, RMS, ROT, LLAMA, 0, 0},
    {"mixtral", DEC, RMS, ROT, LLAMA | EXPERTS_ALWAYS, 0, 0},
    {"qwen2", DEC, RMS, ROT, GATED | QKV_BIAS, 0, 0},
    {"qwen2_moe", DEC, RMS, ROT, GATED | QKV_BIAS | SHARED_GATE, 0, 0},
    {"qwen3", DEC, RMS, ROT, LLAMA | QK_NORM, 0, 0},
    {"qwen3_moe", DEC, RMS, ROT, LLAMA | QK_NORM, 0, 0},
    {"qwen3_next", DEC, RMS, ROT, LLAMA | QK_NORM | SHARED_GATE | OUT_GATE, 0, 0},
    {"qwen3_5_moe_text", DEC, RMS, ROT, LLAMA | QK_NORM | SHARED_GATE | OUT_GATE, 0, 0},
    {"phi", DEC, LN, ROT, GPT | ONE_NORM | HEAD_BIAS, 0, 0},
    {"phi3", DEC, RMS, ROT, GATED, 0, 0},
    {"phimoe", DEC, LN, ROT,
     GATED | QKV_BIAS | EXPERTS_ALWAYS | HEAD_BIAS | OUT_BIAS_BY_KEY, 0, 0},
    {"gemma", DEC, RMS, ROT, LLAMA | TIED, 0, 0},
    {"gemma2", DEC, RMS, ROT, LLAMA | TIED | FOUR_NORMS, 0, 2},
    {"gemma3_text", DEC, RMS, ROT, LLAMA | TIED | FOUR_NORMS | QK_NORM, 0, 6},
    {"cohere", DEC, LN0, ROT, LLAMA | TIED | ONE_NORM, 0, 0},
    {"cohere2", DEC, LN0, ROT, LLAMA | TIED | ONE_NORM, 0, 4},
    {"stablelm", DEC, LN, ROT, GATED, 0, 0},
    {"starcoder2", DEC, LN, ROT, GPT | TIED, 0, 0},
    {"gpt2", DEC, LN, STC_POS_LEARNED, GPT | TIED, 0, 0},
    {"gpt_bigcode", DEC, LN, STC_POS_LEARNED, GPT | TIED | MULTI_QUERY, 0, 0},
    {"gptj", DEC, LN, ROT, LINEAR_BIAS | NO_OUT_BIAS | ONE_NORM | HEAD_BIAS, 0, 0},
    {"codegen", DEC, LN, ROT, LINEAR_BIAS | NO_OUT_BIAS | ONE_NORM | HEAD_BIAS, 0, 0},
    {"gpt_neo", DEC, LN, STC_POS_LEARNED, LINEAR_BIAS | TIED, 0, 2},
    {"gpt_neox", DEC, LN, ROT, GPT, 0, 0},
    {"opt", DEC, LN, STC_POS_LEARNED, GPT | TIED, 2, 0},
    {"bloom", DEC, LN, STC_POS_ALIBI, GPT | TIED | EMBED_NORM, 0, 0},
    {"mpt", DEC, LN0, STC_POS_ALIBI, TIED, 0, 0},
    {"falcon", DEC, LN, ROT, TIED | MULTI_QUERY | ONE_NORM, 0, 0},
    {"olmo2", DEC, RMS, ROT, LLAMA | QK_NORM_WIDE, 0, 0},
    {"olmoe", DEC, RMS, ROT, LLAMA | QK_NORM_WIDE | EXPERTS_ALWAYS, 0, 0},
    {"internlm", DEC, RMS, ROT, GATED | QKV_BIAS | OUT_BIAS_BY_KEY, 0, 0},
    {"internlm2", DEC, RMS, ROT, GATED, 0, 0},
    {"baichuan", DEC, RMS, ROT, GATED, 0, 0},
    {"granite", DEC, RMS, ROT, LLAMA | TIED, 0, 0},
    {"granitemoe", DEC, RMS, ROT, LLAMA | TIED | EXPERTS_ALWAYS, 0, 0},
    {"smollm3", DEC, RMS, ROT, LLAMA | TIED, 0, 0},
    {"seed_oss", DEC, RMS, ROT, GATED | QKV_BIAS, 0, 0},
    {"ernie4_5", DEC, RMS, ROT, LLAMA | TIED, 0, 0},
    {"hunyuan_v1_dense", DEC, RMS, ROT, LLAMA | QK_NORM, 0, 0},
    {"nemotron", DEC, LN, ROT, OUT_BIAS_BY_KEY, 0, 0},
    {"glm", DEC, RMS, ROT, GATED | QKV_BIAS, 0, 0},
    {"glm4", DEC, RMS, ROT, GATED | QKV_BIAS | FOUR_NORMS, 0, 0},
    {"glm4_moe", DEC, RMS, ROT, GATED | ROUTER_BIAS, 0, 0},
    {"gpt_oss", DEC, RMS, ROT,
     GATED | QKV_BIAS | LINEAR_BIAS | EXPERTS_ALWAYS | SINKS | ROUTER_BIAS, 0, 2},
    {"deepseek_v2", DEC, RMS, ROT, GATED, 0, 0},
    {"deepseek_v3", DEC, RMS, ROT, GATED | ROUTER_BIAS, 0, 0},
    {"kimi_k2", DEC, RMS, ROT, GATED | ROUTER_BIAS, 0, 0},
    {"minimax_m2", DEC, RMS, ROT, GATED | EXPERTS_ALWAYS, 0, 0},
    {"dots1", DEC, RMS, ROT, LLAMA | QK_NORM | ROUTER_BIAS, 0, 0},
    {"exaone", DEC, RMS, ROT, GATED, 0, 0},
    {"exaone4", DEC, RMS, ROT, GATED | QK_NORM, 0, 4},
    {"olmo3", DEC, RMS, ROT, LLAMA | QK_NORM_WIDE, 0, 4},
    {"arcee", DEC, RMS, ROT, OUT_BIAS_BY_KEY, 0, 0},
    {"helium", DEC, RMS, ROT, LLAMA, 0, 0},
    {"minicpm", DEC, RMS, ROT, LLAMA | TIED, 0, 0},
    {"ernie4_5_moe", DEC, RMS, ROT, LLAMA | TIED | ROUTER_BIAS, 0, 0},
    {"bert", ENC, LN, STC_POS_LEARNED, GPT | TIED | EMBED_NORM | BERT_HEADS | HEAD_BIAS,
     0, 0},
    {"t5", STC_MODEL_ENC_DEC, RMS, STC_POS_RELATIVE, TIED, 0, 0},
    {"mt5", STC_MODEL_ENC_DEC, RMS, STC_POS_RELATIVE, 0, 0, 0},
    {"vit", STC_MODEL_VIT, LN, STC_POS_LEARNED, GPT, 0, 0},
};

int stc_import_hf_n(void)
{
    return STC_N_ELEM(archs);
}

const char *stc_import_hf_type(int i)
{
    return i >= 0 && i < stc_import_hf_n() ? archs[i].type : NULL;
}

/* ==== keys ==== */

/* Each size under the names the families give it, the first that is there. */
#define SIZE(member, ...)             \
 {                                    \
  offsetof(struct stc_model, member), \
  {                                   \
   __VA_ARGS__                        \
  }                                   \
 }
static const struct {
    size_t offset;
    const char *keys[6];
} sizes[] = {
    SIZE(n_layers, "num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    SIZE(dec_layers, "num_decoder_layers"),
    SIZE(hidden, "hidden_size", "n_embd", "d_model"),
    SIZE(ffn, "intermediate_size", "n_inner", "d_ff", "ffn_dim", "ffn_hidden_size"),
    SIZE(n_heads, "num_attention_heads", "n_head", "n_heads", "num_heads"),
    SIZE(n_kv_heads, "num_key_value_heads", "num_kv_heads", "n_head_kv"),
    SIZE(head_dim, "head_dim", "d_kv"),
    SIZE(vocab, "vocab_size"),
    SIZE(max_positions, "max_position_embeddings", "n_positions", "max_seq_len"),
    SIZE(window, "sliding_window"),
    SIZE(mla_q_rank, "q_lora_rank"),
    SIZE(mla_kv_rank, "kv_lora_rank"),
    SIZE(mla_nope_dim, "qk_nope_head_dim"),
    SIZE(mla_rope_dim, "qk_rope_head_dim"),
    SIZE(mla_v_dim, "v_head_dim"),
    SIZE(n_experts, "n_routed_experts", "num_local_experts", "num_experts",
         "moe_num_experts"),
    SIZE(topk, "num_experts_per_tok", "moe_top_k", "moe_k"),
    SIZE(route_groups, "n_group"),
    SIZE(topk_groups, "topk_group"),
    SIZE(expert_ffn, "moe_intermediate_size"),
    SIZE(n_shared_experts, "n_shared_experts", "moe_num_shared_experts"),
    SIZE(shared_ffn, "shared_expert_intermediate_size", "shared_intermediate_size"),
    SIZE(dense_layers, "first_k_dense_replace", "moe_layer_start_index"),
    SIZE(moe_every, "decoder_sparse_step", "moe_layer_freq"),
    SIZE(attention_every, "full_attention_interval"),
    SIZE(mamba_heads, "linear_num_value_heads"),
    SIZE(mamba_head_dim, "linear_value_head_dim"),
    SIZE(mamba_groups, "linear_num_key_heads"),
    SIZE(mamba_state, "linear_key_head_dim"),
    SIZE(n_token_types, "type_vocab_size"),
    SIZE(rel_buckets, "relative_attention_num_buckets"),
    SIZE(image, "image_size"),
    SIZE(patch, "patch_size"),
    SIZE(channels, "num_channels"),
};

static enum stc_err read_sizes(const struct stc_node *c, struct stc_model *m,
                               struct stc_diag *diag)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int k = 0; k < 6 && sizes[i].keys[k]; k++) {
            const struct stc_node *n = stc_node_get(c, sizes[i].keys[k]);
            int value = 0;
            if (!n || n->kind == STC_NODE_NULL) {
                continue;
            }
            enum stc_err err = stc_node_int(n, &value, diag);
            if (err) {
                return err;
            }
            int32_t v = value;
            memcpy((char *)m + sizes[i].offset, &v, sizeof v);
            break;
        }
    }
    return STC_OK;
}

/* A flag of the config, or what the architecture does. A key that is there but
 * is no flag is the caller's to complain of. */
static int flag(const struct stc_node *c, const char *key, int otherwise)
{
    const struct stc_node *n = stc_node_get(c, key);
    bool b = false;
    if (!n || n->kind != STC_NODE_SCALAR || stc_node_bool(n, &b, NULL)) {
        return otherwise;
    }
    return b;
}

static const char *word(const struct stc_node *c, const char *key)
{
    const struct stc_node *n = stc_node_get(c, key);
    return n && n->kind == STC_NODE_SCALAR ? n->text : "";
}

static enum stc_err activation(const struct stc_node *c, int gated, struct stc_model *m,
                               struct stc_diag *diag)
{
    static const char *const keys[] = {
        "hidden_act",        "hidden_activation", "activation_function",
        "feed_forward_proj", "ffn_act",           "activation"};
    const char *act = "";
    for (int i = 0; i < STC_N_ELEM(keys) && !*act; i++) {
        act = word(c, keys[i]);
    }
    if (strncmp(act, "gated-", 6) == 0) { /* T5 v1.1: gated-gelu */
        gated = 1;
        act += 6;
    }
    if (strcmp(act, "relu2") == 0) {
        m->mlp = STC_MLP_RELU2;
    } else if (strcmp(act, "relu") == 0) {
        m->mlp = STC_MLP_RELU;
    } else if (strcmp(act, "silu") == 0 || strcmp(act, "swish") == 0) {
        m->mlp = STC_MLP_SWIGLU;
        if (!gated) {
            return stc_fail(diag, STC_ERR_UNKNOWN,
                            "hidden_act: %s without a gate is not known", act);
        }
    } else if (!*act || strncmp(act, "gelu", 4) == 0 ||
               strncmp(act, "quick_gelu", 10) == 0) {
        m->mlp = gated ? STC_MLP_GEGLU : STC_MLP_GELU;
    } else {
        return stc_fail(diag, STC_ERR_UNKNOWN,
                        "hidden_act: \"%s\" is not known; silu, gelu, relu, relu2",
                        act);
    }
    if (gated && m->mlp == STC_MLP_GEGLU && !*act) {
        m->mlp = STC_MLP_SWIGLU;
    }
    return STC_OK;
}

static int has(const struct arch *a, enum trait t)
{
    return (a->traits & t) != 0;
}

static void biases(const struct stc_node *c, const struct arch *a, struct stc_model *m)
{
    int attention =
        flag(c, "attention_bias",
             flag(c, "qkv_bias", flag(c, "use_qkv_bias", has(a, QKV_BIAS))));
    int linear =
        flag(c, "use_bias", flag(c, "mlp_bias", flag(c, "bias", has(a, LINEAR_BIAS))));
    if (stc_node_get(c, "no_bias")) { /* MPT */
        attention = linear = !flag(c, "no_bias", 1);
    }
    m->qkv_bias =
        has(a, LINEAR_BIAS) && has(a, QKV_BIAS) && !stc_node_get(c, "attention_bias")
            ? linear
            : attention;
    m->linear_bias = linear;
    if (has(a, NO_OUT_BIAS)) {
        m->out_bias = 2;
    } else if (has(a, OUT_BIAS_BY_KEY) && attention != linear) {
        m->out_bias = attention ? 1 : 2;
    }
}

static void traits(const struct stc_node *c, const struct arch *a, struct stc_model *m)
{
    m->kind = a->kind;
    m->norm = a->norm;
    m->pos = a->pos;
    m->tied_embeddings = flag(c, "tie_word_embeddings", has(a, TIED));
    m->qk_norm = has(a, QK_NORM) ? 1 : has(a, QK_NORM_WIDE) ? 2 : 0;
    if (stc_node_get(c, "use_qk_norm")) { /* MiniMax, GLM, Cohere */
        int wide = strcmp(word(c, "qk_norm_type"), "per_layer") == 0;
        m->qk_norm = flag(c, "use_qk_norm", 0) ? (wide ? 2 : 1) : 0;
    }
    m->norms_per_layer = has(a, ONE_NORM) ? 1 : has(a, FOUR_NORMS) ? 4 : 0;
    m->embed_norm = has(a, EMBED_NORM);
    m->head_bias = has(a, HEAD_BIAS);
    m->router_bias = has(a, ROUTER_BIAS) || flag(c, "use_routing_bias", 0);
    m->shared_gate = has(a, SHARED_GATE);
    m->attn_gate = flag(c, "attn_output_gate", has(a, OUT_GATE));
    m->attn_sinks = has(a, SINKS);
    m->heads_extra = has(a, BERT_HEADS);
    m->window_every = a->window_every;
    biases(c, a, m);
}

/* ==== what does not fit a table ==== */

static void falcon(const struct stc_node *c, struct stc_model *m)
{
    if (flag(c, "new_decoder_architecture", 0)) {
        m->norms_per_layer = 0; /* a norm for each half, still in parallel */
    } else if (flag(c, "multi_query", 1)) {
        m->n_kv_heads = 1;
    } else {
        m->n_kv_heads = m->n_heads;
    }
    if (flag(c, "alibi", 0)) {
        m->pos = STC_POS_ALIBI;
    }
}

static void settle(const struct stc_node *c, const struct arch *a, struct stc_model *m)
{
    if (has(a, MULTI_QUERY) && m->n_kv_heads == 0 && flag(c, "multi_query", 1)) {
        m->n_kv_heads = 1;
    }
    if (strcmp(a->type, "falcon") == 0) {
        falcon(c, m);
    }
    if (m->n_kv_heads == 0) {
        m->n_kv_heads = m->n_heads;
    }
    if (m->ffn == 0) { /* GPT-2, BLOOM, MPT leave it out */
        m->ffn = 4 * m->hidden;
    }
    if (m->n_experts > 0 && (m->expert_ffn == 0 || has(a, EXPERTS_ALWAYS))) {
        m->expert_ffn = m->ffn;
    }
    if (m->n_experts == 0) {
        m->topk = m->expert_ffn = m->n_shared_experts = m->shared_ffn =
            m->dense_layers = m->moe_every = 0;
        m->router_bias = m->shared_gate = 0;
    }
    if (m->window > 0 && !flag(c, "use_sliding_window", 1)) {
        m->window = 0;
    }
    m->window_every = m->window > 0 ? m->window_every : 0;
    m->max_positions =
        m->pos == STC_POS_LEARNED ? m->max_positions + a->position_offset : 0;
    if (m->kind == STC_MODEL_ENC_DEC && m->dec_layers == 0) {
        m->dec_layers = m->n_layers;
    }
    if (m->kind == STC_MODEL_VIT) {
        const struct stc_node *labels = stc_node_get(c, "id2label");
        m->n_classes = labels ? labels->n : 1000;
        m->channels = m->channels > 0 ? m->channels : 3;
    }
}

/* ==== interface ==== */

static const struct arch *find_arch(const char *type)
{
    for (int i = 0; i < STC_N_ELEM(archs); i++) {
        if (strcmp(archs[i].type, type) == 0) {
            return &archs[i];
        }
    }
    return NULL;
}

static enum stc_err unknown(const struct stc_node *config, const char *type,
                            struct stc_diag *diag)
{
    const char *names[STC_N_ELEM(archs)];
    char near[256];
    for (int i = 0; i < STC_N_ELEM(archs); i++) {
        names[i] = archs[i].type;
    }
    const struct stc_node *at = stc_node_get(config, "model_type");
    return stc_node_fail(
        at ? at : config, diag, STC_ERR_UNKNOWN, "architecture \"%s\" is not known%s",
        type, stc_near_text(type, names, STC_N_ELEM(archs), near, sizeof near));
}

enum stc_err stc_import_hf(const struct stc_node *config, const char *name,
                           struct stc_model *out, struct stc_diag *diag)
{
    const char *type = word(config, "model_type");
    if (!*type) {
        return stc_node_fail(config, diag, STC_ERR_PARSE,
                             "no model_type; is this a Hugging Face config.json?");
    }
    const struct stc_node *text =
        stc_node_get(config, "text_config"); /* of models that also see */
    if (text && !find_arch(type)) {
        return stc_import_hf(text, name, out, diag);
    }
    const struct arch *a = find_arch(type);
    if (!a) {
        return unknown(config, type, diag);
    }
    struct stc_model m;
    memset(&m, 0, sizeof m);
    (void)snprintf(m.name, sizeof m.name, "%s", name);
    (void)snprintf(m.source, sizeof m.source, "config.json of %.100s (%s)", name, type);
    traits(config, a, &m);
    enum stc_err err = read_sizes(config, &m, diag);
    if (!err) {
        err = activation(config, has(a, GATED), &m, diag);
    }
    if (!err) {
        settle(config, a, &m);
        err = stc_model_check(&m, diag);
    }
    if (!err) {
        *out = m;
    }
    return err;
}

/* "a/b/Qwen3-8B.json" and "a/Qwen3-8B/config.json" are both Qwen3-8B. */
static void name_from_path(const char *path, char *out, size_t size)
{
    size_t end = strlen(path);
    if (end > 5 && strcmp(path + end - 5, ".json") == 0) {
        end -= 5;
    }
    if (end >= 7 && strncmp(path + end - 7, "/config", 7) == 0) {
        end -= 7;
    }
    size_t from = end;
    while (from > 0 && path[from - 1] != '/') {
        from--;
    }
    (void)snprintf(out, size, "%.*s", (int)(end - from), path + from);
}

enum stc_err stc_import_hf_file(const char *path, struct stc_model *out,
                                struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_node *root;
    char name[STC_NAME_BYTES];
    name_from_path(path, name, sizeof name);
    enum stc_err err = stc_doc_read_file(&a, path, &root, diag);
    if (!err) {
        err = stc_import_hf(root, name, out, diag);
    }
    stc_arena_free(&a);
    return err;
}
