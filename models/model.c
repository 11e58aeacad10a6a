#include "models/model.h"

#include <stddef.h>

int32_t stc_model_head_dim(const struct stc_model *m)
{
    return m->head_dim > 0 ? m->head_dim : m->hidden / m->n_heads;
}

static int is_mla(const struct stc_model *m)
{
    return m->mla_kv_rank > 0;
}

int stc_model_qk_dim(const struct stc_model *m)
{
    return is_mla(m) ? m->mla_nope_dim + m->mla_rope_dim : stc_model_head_dim(m);
}

int stc_model_v_dim(const struct stc_model *m)
{
    return is_mla(m) ? m->mla_v_dim : stc_model_head_dim(m);
}

int stc_model_gated(const struct stc_model *m)
{
    return m->mlp == STC_MLP_SWIGLU || m->mlp == STC_MLP_GEGLU;
}

/* The letter of a layer; 0 when every layer is whole. Layers past the end
 * (multi-token prediction) are like the last with experts or MLP: whole. */
static char letter(const struct stc_model *m, int32_t layer)
{
    return m->pattern[0] && layer >= 0 && layer < m->n_layers ? m->pattern[layer] : 0;
}

/* Layers of multi-token prediction, past the end, have attention. */
static int is_delta(const struct stc_model *m, int32_t layer)
{
    return m->attention_every > 0 && layer < m->n_layers &&
           (layer + 1) % m->attention_every != 0;
}

int stc_model_layer_has_attention(const struct stc_model *m, int32_t layer)
{
    char c = m->kind == STC_MODEL_CNN ? '0' : letter(m, layer);
    return (c == 0 && !is_delta(m, layer)) || c == '*';
}

int stc_model_layer_is_mamba(const struct stc_model *m, int32_t layer)
{
    return letter(m, layer) == 'M' || is_delta(m, layer);
}

int stc_model_layer_has_mlp(const struct stc_model *m, int32_t layer)
{
    char c = m->kind == STC_MODEL_CNN ? '0' : letter(m, layer);
    return c == '-' || (c == 0 && !stc_model_layer_is_moe(m, layer));
}

struct stc_mamba stc_model_mamba(const struct stc_model *m)
{
    struct stc_mamba x;
    double dim = m->mamba_head_dim > 0 ? m->mamba_head_dim : 64;
    double groups = m->mamba_groups > 0 ? m->mamba_groups : 8;
    x.heads = m->mamba_heads > 0 ? m->mamba_heads : 2.0 * m->hidden / dim;
    x.state = m->mamba_state > 0 ? m->mamba_state : 128;
    x.inner = x.heads * dim;
    x.delta = m->attention_every > 0;
    x.in_width = 2 * x.inner + 2 * groups * x.state + x.heads; /* z, x, B, C, dt */
    x.in_width += x.delta ? x.heads : 0; /* z, v, q, k, decay, strength */
    return x;
}

int32_t stc_model_expert_hidden(const struct stc_model *m)
{
    return m->moe_latent > 0 ? m->moe_latent : m->hidden;
}

int stc_model_layer_is_moe(const struct stc_model *m, int32_t layer)
{
    if (letter(m, layer)) {
        return letter(m, layer) == 'E';
    }
    if (m->n_experts <= 0 || layer < m->dense_layers || m->kind == STC_MODEL_CNN) {
        return 0; /* a net's experts stand in its rows */
    }
    int32_t every = m->moe_every > 1 ? m->moe_every : 1;
    return (layer - m->dense_layers) % every == every - 1;
}

int stc_model_layer_is_decoder(const struct stc_model *m, int32_t layer)
{
    return m->kind == STC_MODEL_ENC_DEC && layer >= m->n_layers;
}

int stc_model_layer_window(const struct stc_model *m, int32_t layer)
{
    if (m->window <= 0) {
        return 0;
    }
    int full = m->window_every > 0 && layer % m->window_every == m->window_every - 1;
    return full ? 0 : m->window;
}

int stc_model_causal(const struct stc_model *m, int32_t layer)
{
    return m->kind == STC_MODEL_DECODER || stc_model_layer_is_decoder(m, layer);
}

int32_t stc_model_total_layers(const struct stc_model *m)
{
    return m->n_layers + m->dec_layers + m->mtp_layers;
}

int32_t stc_model_pipeline_layers(const struct stc_model *m)
{
    return stc_model_total_layers(m) - m->mtp_layers;
}

int32_t stc_model_shared_ffn(const struct stc_model *m)
{
    return m->shared_ffn > 0 ? m->shared_ffn : m->n_shared_experts * m->expert_ffn;
}

/* ==== parameters ==== */

double stc_model_norm_params(const struct stc_model *m, double width)
{
    return m->norm == STC_NORM_LAYERNORM ? 2.0 * width : width;
}

static double mla_params(const struct stc_model *m)
{
    double h = m->hidden, heads = m->n_heads, qk = stc_model_qk_dim(m);
    double q = m->mla_q_rank > 0
                   ? h * m->mla_q_rank + m->mla_q_rank + m->mla_q_rank * heads * qk
                   : h * heads * qk;
    double kv = h * (m->mla_kv_rank + m->mla_rope_dim) + m->mla_kv_rank +
                (double)m->mla_kv_rank * heads * (m->mla_nope_dim + m->mla_v_dim);
    return q + kv + heads * m->mla_v_dim * h;
}

double stc_model_attention_params(const struct stc_model *m)
{
    if (is_mla(m)) {
        return mla_params(m);
    }
    double h = m->hidden, hd = stc_model_head_dim(m);
    double q = m->n_heads * hd, kv = m->n_kv_heads * hd;
    double p = h * (q * (1 + m->attn_gate) + 2 * kv) + q * h;
    p += m->qkv_bias ? q + 2 * kv : 0;
    p += (m->out_bias == 1 || (m->linear_bias && m->out_bias != 2)) ? h : 0;
    p += m->attn_sinks ? m->n_heads : 0;
    if (m->qk_norm) {
        p += m->qk_norm == 1 ? 2 * stc_model_norm_params(m, hd)
                             : stc_model_norm_params(m, q + kv);
    }
    return p;
}

static double mlp_params(const struct stc_model *m, double width, int bias)
{
    int n_in = stc_model_gated(m) ? 2 : 1;
    double p = (n_in + 1) * (double)m->hidden * width;
    return bias ? p + n_in * width + m->hidden : p;
}

double stc_model_layer_expert_params(const struct stc_model *m, int32_t layer)
{
    if (!stc_model_layer_is_moe(m, layer)) {
        return 0;
    }
    double one =
        (stc_model_gated(m) ? 3.0 : 2.0) * stc_model_expert_hidden(m) * m->expert_ffn;
    one += m->linear_bias ? (stc_model_gated(m) ? 2.0 : 1.0) * m->expert_ffn + m->hidden
                          : 0;
    return m->n_experts * one;
}

int stc_model_layer_n_norms(const struct stc_model *m, int32_t layer)
{
    if (m->kind == STC_MODEL_CNN) {
        return 0;
    }
    if (letter(m, layer)) {
        return 1;
    }
    int n = m->norms_per_layer > 0 ? m->norms_per_layer : 2;
    return n + stc_model_layer_is_decoder(m, layer);
}

/* Mamba-2 (2405.21060 §7): projections, a convolution of four taps over x, B and
 * C with bias, three numbers a head, a gated norm. */
static double mamba_params(const struct stc_model *m)
{
    struct stc_mamba x = stc_model_mamba(m);
    double conv = x.in_width - x.inner - (x.delta ? 2 : 1) * x.heads;
    if (x.delta) /* convolution without bias; decay and its step a head; a head's norm */
        return m->hidden * (x.in_width + x.inner) + conv * 4 + 2 * x.heads +
               x.inner / x.heads;
    return m->hidden * x.in_width + conv * 5 + 3 * x.heads + x.inner +
           x.inner * m->hidden;
}

double stc_model_layer_params(const struct stc_model *m, int32_t layer)
{
    double p = stc_model_layer_n_norms(m, layer) * stc_model_norm_params(m, m->hidden);
    if (stc_model_layer_has_attention(m, layer)) {
        p += stc_model_attention_params(m) * (1 + stc_model_layer_is_decoder(m, layer));
    }
    p += stc_model_layer_is_mamba(m, layer) ? mamba_params(m) : 0;
    p += stc_model_layer_has_mlp(m, layer) ? mlp_params(m, m->ffn, m->linear_bias) : 0;
    if (!stc_model_layer_is_moe(m, layer)) {
        return p;
    }
    p += (double)m->hidden * m->n_experts + (m->router_bias ? m->n_experts : 0);
    p += 2.0 * m->hidden * m->moe_latent; /* into the experts' width and back */
    if (stc_model_shared_ffn(m) > 0) {
        p += mlp_params(m, stc_model_shared_ffn(m), m->linear_bias) +
             (m->shared_gate ? m->hidden : 0);
    }
    return p + stc_model_layer_expert_params(m, layer);
}

/* Patches of an image, and the class token. */
static double vit_embedding(const struct stc_model *m)
{
    double n = (double)(m->image / m->patch) * (m->image / m->patch), h = m->hidden;
    return (double)m->channels * m->patch * m->patch * h + h + h + (n + 1) * h;
}

/* wav2vec 2.0 (2006.11477): convolutions, a norm over the first's channels, norm
 * and projection to the hidden width, a grouped convolution of 128 taps for
 * positions (with its weight norm), the encoder's norm, the mask's vector. */
static double audio_embedding(const struct stc_model *m)
{
    double h = m->hidden, c = m->n_net >= 6 ? m->net[m->n_net - 5] : h;
    return stc_model_conv_params(m) + 2 * c + 2 * c + c * h + h + h * (h / 16) * 128 +
           h + 128 + stc_model_norm_params(m, h) + h;
}

double stc_model_embedding_params(const struct stc_model *m)
{
    double h = m->hidden;
    if (m->kind == STC_MODEL_VIT) {
        return vit_embedding(m);
    }
    if (m->kind == STC_MODEL_CNN) {
        return stc_model_conv_params(m);
    }
    if (m->kind == STC_MODEL_AUDIO) {
        return audio_embedding(m);
    }
    double p = m->vocab * h + m->n_token_types * h;
    p += m->pos == STC_POS_LEARNED ? m->max_positions * h : 0;
    p += m->embed_norm ? stc_model_norm_params(m, h) : 0;
    p += (double)m->rel_buckets * m->n_heads * (m->kind == STC_MODEL_ENC_DEC ? 2 : 1);
    return p;
}

double stc_model_head_params(const struct stc_model *m)
{
    double h = m->hidden, p = 0;
    if (m->kind == STC_MODEL_CNN || m->kind == STC_MODEL_AUDIO) {
        return m->vocab > 1 ? h * m->vocab + m->vocab : 0; /* CTC */
    }
    if (m->kind != STC_MODEL_ENCODER) { /* BERT's last norm is its last layer's */
        p += stc_model_norm_params(m, h) * (m->kind == STC_MODEL_ENC_DEC ? 2 : 1);
    }
    if (m->kind == STC_MODEL_VIT) {
        return p + h * m->n_classes + m->n_classes;
    }
    p += m->tied_embeddings ? 0 : m->vocab * h;
    p += m->head_bias ? m->vocab : 0;
    if (m->heads_extra) { /* pooler, prediction transform with norm, next-sentence classes */
        p += 2 * (h * h + h) + stc_model_norm_params(m, h) + 2 * h + 2;
    }
    return p;
}

double stc_model_params(const struct stc_model *m)
{
    double p = stc_model_embedding_params(m) + stc_model_head_params(m);
    for (int32_t l = 0; l < m->n_layers + m->dec_layers; l++) {
        p += stc_model_layer_params(m, l);
    }
    return p;
}

double stc_model_mtp_params(const struct stc_model *m)
{
    double h = m->hidden, one = stc_model_layer_params(m, m->n_layers) + 2 * h * h +
                                3 * stc_model_norm_params(m, h);
    return m->mtp_layers * one;
}

double stc_model_params_active(const struct stc_model *m)
{
    double p = stc_model_params(m);
    for (int32_t l = 0; l < m->n_layers + m->dec_layers; l++) {
        double experts = stc_model_layer_expert_params(m, l);
        p -= experts > 0 ? experts * (1.0 - (double)m->topk / m->n_experts) : 0;
    }
    return p;
}

/* ==== FLOPs ==== */

/* Multiply-adds of the products of a layer, a token. A mixer's scan updates and
 * reads a state per channel. */
static double layer_macs(const struct stc_model *m, int32_t layer)
{
    double h = m->hidden, q = m->n_heads * (double)stc_model_head_dim(m), macs = 0;
    double kv = m->n_kv_heads * (double)stc_model_head_dim(m);
    if (stc_model_layer_has_attention(m, layer)) {
        double attn = is_mla(m) ? mla_params(m) - m->mla_q_rank - m->mla_kv_rank
                                : h * (q * (1 + m->attn_gate) + 2 * kv) + q * h;
        macs += attn * (1 + stc_model_layer_is_decoder(m, layer));
    }
    if (stc_model_layer_is_mamba(m, layer)) {
        struct stc_mamba x = stc_model_mamba(m);
        macs += h * x.in_width + x.inner * h + (x.delta ? 3 : 2) * x.inner * x.state;
    }
    macs += stc_model_layer_has_mlp(m, layer) ? mlp_params(m, m->ffn, 0) : 0;
    if (!stc_model_layer_is_moe(m, layer)) {
        return macs;
    }
    double matrices = stc_model_gated(m) ? 3 : 2;
    macs += m->topk * matrices * stc_model_expert_hidden(m) * m->expert_ffn;
    macs += h * m->n_experts + 2 * h * m->moe_latent;
    return macs + (stc_model_shared_ffn(m) > 0
                       ? mlp_params(m, stc_model_shared_ffn(m), 0)
                       : 0);
}

/* Multiply-adds of scores and context of a layer, a token that sees `seen` others. */
static double attention_macs(const struct stc_model *m, int32_t layer, double seq_len,
                             int halve)
{
    double width = m->n_heads * (double)(stc_model_qk_dim(m) + stc_model_v_dim(m)),
           seen = seq_len;
    int window = stc_model_layer_window(m, layer);
    if (!stc_model_layer_has_attention(m, layer)) {
        return 0;
    }
    if (window > 0 && window < seq_len) {
        seen = window;
    } else if (halve && stc_model_causal(m, layer)) {
        seen *= 0.5;
    }
    return width * seen;
}

/* Tokens of the decoder's side to one of the encoder's. */
static double decoder_share(const struct stc_model *m, double seq_len)
{
    return m->kind == STC_MODEL_ENC_DEC && m->dec_seq_len > 0 ? m->dec_seq_len / seq_len
                                                              : 1;
}

/* A decoder layer, a token of the encoder: its keys and values of the
 * cross-attention come from there, all else from the decoder's tokens. */
static double decoder_macs(const struct stc_model *m, int32_t layer, double seq_len,
                           int halve)
{
    double share = decoder_share(m, seq_len), dec = seq_len * share;
    double kv = 2.0 * m->hidden * m->n_kv_heads * stc_model_head_dim(m);
    double width = 2.0 * m->n_heads * stc_model_head_dim(m);
    double own = layer_macs(m, layer) - kv + width * (halve ? dec / 2 : dec);
    return share * (own + width * seq_len) + kv;
}

static double model_macs_per_token(const struct stc_model *m, double seq_len, int halve)
{
    double macs = 0, h = m->hidden;
    if (m->kind == STC_MODEL_CNN) { /* a token is an image */
        return stc_model_conv_macs(m, 0);
    }
    int32_t n = m->n_layers + m->dec_layers;
    for (int32_t l = 0; l < n; l++) {
        macs += stc_model_layer_is_decoder(m, l)
                    ? decoder_macs(m, l, seq_len, halve)
                    : layer_macs(m, l) + attention_macs(m, l, seq_len, halve);
    }
    for (int32_t l = 0; l < m->mtp_layers; l++) {
        macs += layer_macs(m, m->n_layers) +
                attention_macs(m, m->n_layers, seq_len, halve) + 2 * h * h +
                h * m->vocab;
    }
    if (m->kind == STC_MODEL_VIT) {
        return macs + (double)m->channels * m->patch * m->patch * h;
    }
    if (m->kind ==
        STC_MODEL_AUDIO) { /* projection, grouped convolution for positions, CTC head */
        double c = m->n_net >= 6 ? m->net[m->n_net - 5] : h;
        return macs + c * h + h * (h / 16) * 128 + (m->vocab > 1 ? h * m->vocab : 0);
    }
    return macs + h * m->vocab * decoder_share(m, seq_len);
}

double stc_model_flop(const struct stc_model *m, enum stc_flop_convention c,
                      double tokens, double seq_len)
{
    double h = m->hidden, l = m->n_layers;
    if (m->kind == STC_MODEL_AUDIO) { /* tokens are audio samples; layers see frames */
        double frames = stc_model_frames(m, seq_len);
        double clip = model_macs_per_token(m, frames, 0) * frames +
                      stc_model_conv_macs(m, seq_len);
        return 6.0 * tokens / seq_len * clip;
    }
    switch (c) {
    case STC_FLOP_MODEL: return 6.0 * tokens * model_macs_per_token(m, seq_len, 0);
    case STC_FLOP_MODEL_CAUSAL:
        return 6.0 * tokens * model_macs_per_token(m, seq_len, 1);
    case STC_FLOP_6N: return 6.0 * tokens * stc_model_params_active(m);
    case STC_FLOP_MEGATRON:
        return 96.0 * tokens * l * h * h *
               (1.0 + seq_len / (6.0 * h) + m->vocab / (16.0 * l * h));
    }
    return 0;
}

/* ==== check ==== */

static enum stc_err check_experts(const struct stc_model *m, struct stc_diag *diag)
{
    if (m->n_experts == 0) {
        return STC_OK;
    }
    if (m->topk < 1 || m->topk > m->n_experts) {
        return stc_fail(diag, STC_ERR_RANGE, "%s: topk: %d is not in [1, %d experts]",
                        m->name, (int)m->topk, (int)m->n_experts);
    }
    if (m->topk_groups > m->route_groups) {
        return stc_fail(diag, STC_ERR_RANGE, "%s: topk_groups: %d of %d route_groups",
                        m->name, (int)m->topk_groups, (int)m->route_groups);
    }
    if (m->expert_ffn < 1) {
        return stc_fail(diag, STC_ERR_RANGE,
                        "%s: expert_ffn: %d; a model with experts says their width",
                        m->name, (int)m->expert_ffn);
    }
    return STC_OK;
}

enum stc_err stc_model_check(const struct stc_model *m, struct stc_diag *diag)
{
    const struct {
        const char *key;
        int32_t value, min;
    } needs[] = {
        {"n_layers", m->n_layers, 1},
        {"hidden", m->hidden, 1},
        {"n_heads", m->n_heads, 1},
        {"n_kv_heads", m->n_kv_heads, 1},
        {"ffn", m->ffn, m->n_experts > 0 ? 0 : 1},
        {"vocab", m->vocab, m->kind == STC_MODEL_VIT ? 0 : 1},
        {"dec_layers", m->dec_layers, m->kind == STC_MODEL_ENC_DEC ? 1 : 0},
        {"patch", m->patch, m->kind == STC_MODEL_VIT ? 1 : 0},
    };
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (needs[i].value < needs[i].min) {
            return stc_fail(diag, STC_ERR_RANGE, "%s: %s: %d is below %d", m->name,
                            needs[i].key, (int)needs[i].value, (int)needs[i].min);
        }
    }
    if (m->head_dim == 0 && m->hidden % m->n_heads != 0 && !is_mla(m)) {
        return stc_fail(diag, STC_ERR_RANGE,
                        "%s: n_heads: %d does not divide hidden %d; give head_dim",
                        m->name, (int)m->n_heads, (int)m->hidden);
    }
    if (m->n_heads % m->n_kv_heads != 0) {
        return stc_fail(diag, STC_ERR_RANGE,
                        "%s: n_kv_heads: %d does not divide n_heads %d", m->name,
                        (int)m->n_kv_heads, (int)m->n_heads);
    }
    return check_experts(m, diag);
}
