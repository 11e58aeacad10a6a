/*
 * model.h - the hyper-parameters of a model, and what follows from them by
 * counting: parameters and FLOPs.
 *
 * UNITS. Sizes are elements. Zero means "not there" (no experts, no MLA, …).
 * SOURCES of the counts: Narayanan 2104.04473 eq. 2-3; Korthikanti 2205.05198
 * appendix A; Chowdhery 2204.02311 appendix B (MFU).
 */
#ifndef STC_MODELS_MODEL_H
#define STC_MODELS_MODEL_H

#include "sim/base/err.h"
#include <stddef.h>
#include <stdint.h>

enum stc_model_kind {
    STC_MODEL_DECODER,
    STC_MODEL_ENCODER,
    STC_MODEL_ENC_DEC,
    STC_MODEL_VIT,
    STC_MODEL_CNN,
    STC_MODEL_AUDIO
};
enum stc_mlp_kind {
    STC_MLP_GELU,
    STC_MLP_RELU,
    STC_MLP_RELU2,
    STC_MLP_SWIGLU,
    STC_MLP_GEGLU
};
enum stc_norm_kind { STC_NORM_LAYERNORM, STC_NORM_RMSNORM, STC_NORM_LAYERNORM_NO_BIAS };
enum stc_pos_kind {
    STC_POS_LEARNED,
    STC_POS_ROTARY,
    STC_POS_ALIBI,
    STC_POS_RELATIVE,
    STC_POS_NONE
};

struct stc_model {
    char name[64];
    int32_t kind;       /* enum stc_model_kind */
    int32_t n_layers;   /* decoder layers; encoder layers of an encoder(-decoder) */
    int32_t dec_layers; /* decoder layers of an encoder-decoder */
    int32_t hidden, ffn, n_heads, n_kv_heads,
        head_dim;           /* head_dim 0: hidden / n_heads */
    int32_t mlp, norm, pos; /* enums above */
    int32_t vocab;          /* unpadded; padding is the stack's */
    int32_t max_positions;  /* learned positions; 0: seq_len */
    int32_t tied_embeddings, qkv_bias, linear_bias,
        embed_norm; /* 0 or 1; linear_bias: all but QKV */
    int32_t
        qk_norm; /* 0 none, 1 a weight per head dimension, 2 over the whole projection */
    int32_t window,
        window_every; /* sliding-window attention: size; 1 layer in n is full */
    /* multi-head latent attention (DeepSeek-V2 2405.04434 §2.1) */
    int32_t mla_q_rank, mla_kv_rank, mla_nope_dim, mla_rope_dim, mla_v_dim;
    /* experts */
    int32_t n_experts, topk, expert_ffn, n_shared_experts;
    /* groups of experts, and how many of them a token's topk may come from; 0: no
     * such limit (DeepSeek-V2 2405.04434 §2.2.2, device-limited routing) */
    int32_t route_groups, topk_groups;
    int32_t
        shared_ffn; /* width of all shared experts together; 0: n_shared_experts * expert_ffn */
    int32_t dense_layers; /* first layers without experts */
    int32_t moe_every;    /* 1: each later layer has experts; 2: every other, … */
    int32_t moe_latent; /* width that routed experts work in (Nemotron 3); 0: hidden */
    int32_t mtp_layers; /* multi-token prediction depth (DeepSeek-V3 2412.19437 §2.2) */
    int32_t n_token_types; /* BERT segments */
    int32_t heads_extra;   /* BERT pooler and prediction transform: 0 or 1 */
    int32_t image, patch, n_classes, channels; /* ViT, CNN */
    int32_t
        norms_per_layer; /* 0: two (three with cross-attention); GPT-J one, Gemma 2 four */
    int32_t router_bias; /* a bias an expert that counts as a parameter (DeepSeek-V3) */
    int32_t shared_gate; /* a gate of one column on the shared experts (Qwen1.5-MoE) */
    int32_t head_bias;   /* output head with a bias a token (GPT-J) */
    int32_t
        rel_buckets; /* relative positions: a table of buckets x heads per stack (T5) */
    int32_t gen_hidden, gen_ffn,
        gen_heads; /* ELECTRA: the generator that runs before, as deep as the model */
    /* layers of one half each, a letter a layer: M Mamba-2 mixer (2405.21060), * attention, - MLP, E experts;
     * n_layers is its length. Empty: every layer has attention and an MLP or experts. */
    char pattern[128];
    int32_t mamba_heads, mamba_head_dim, mamba_state,
        mamba_groups; /* 0: 2*hidden/64, 64, 128, 8 */
    /* every so many layers one has full attention, the others a gated delta net
     * (2412.06464) with the mixer's widths: heads and head_dim of values, state and
     * groups of keys; 0: all have attention */
    int32_t attention_every;
    int32_t attn_gate; /* 1: attention's output is gated by as many columns more */
    /* convolutional nets and front ends: rows of {type, outputs, kernel, stride, padding, repeat} */
    int32_t net[96], n_net;
    /* what a published run of this model fixes beside its sizes */
    int32_t
        attention_unfused; /* 1: the run keeps the scores in memory whatever the stack can do */
    int32_t
        logits_extra_bytes; /* bytes a logit more at the peak (a fused loss that keeps fp32 copies) */
    int32_t no_dropout; /* 1: dropout is off */
    int32_t
        out_bias; /* on the out projection of attention: 0 as linear_bias, 1 yes, 2 no */
    int32_t attn_sinks;  /* 1: a learned logit a head (gpt-oss) */
    int32_t dec_seq_len; /* decoder side of an encoder-decoder; 0: as the encoder */
    char source[160];    /* where the figures were read */
};

enum stc_err stc_model_check(const struct stc_model *m,
                             struct stc_diag *diag) STC_MUST_USE;

int32_t stc_model_head_dim(const struct stc_model *m);
int stc_model_gated(const struct stc_model *m); /* MLP with two input products */
int stc_model_layer_is_moe(const struct stc_model *m, int32_t layer);
int32_t stc_model_total_layers(
    const struct stc_model *m); /* n_layers + dec_layers + mtp */
/* Those that a pipeline cuts: the layers of multi-token prediction sit with the
 * head on the last stage. */
int32_t stc_model_pipeline_layers(const struct stc_model *m);

/* Types of the rows of `net`. */
enum stc_net_row {
    STC_NET_CONV,       /* bias, ReLU */
    STC_NET_CONV_NORM,  /* batch norm, ReLU */
    STC_NET_POOL,       /* maximum; kernel 0: mean over all */
    STC_NET_LINEAR,     /* bias, ReLU */
    STC_NET_BOTTLENECK, /* ResNet (1512.03385 fig. 5): 1x1, 3x3, 1x1 around a shortcut */
    STC_NET_CONV_BARE,  /* no bias, GELU: wav2vec 2.0's front end */
    STC_NET_EXPERTS /* n_experts linear layers, bias, behind a gate; kernel: how many */
};

/* One convolution or linear layer of a net, as products see it. */
struct stc_conv {
    int32_t in, out,
        kernel; /* taps: kernel^2, or kernel of a 1-D net; a linear layer is 1x1 on one place */
    int32_t places; /* output places a sample */
    int32_t norm, bias, pool;
    int32_t experts; /* so many linear layers behind a gate; 0: one, without */
};
enum { STC_MAX_CONVS = 320 };
/* The net spelt out; `length`: samples of a 1-D net. Returns how many. */
int stc_model_convs(const struct stc_model *m, double length,
                    struct stc_conv out[STC_MAX_CONVS]);
double stc_model_conv_params(
    const struct stc_model *m); /* of the net, without what is not in rows */
double stc_model_conv_macs(const struct stc_model *m, double length); /* a sample */
int32_t stc_model_frames(const struct stc_model *m,
                         double length); /* places behind the last row */

/* Parameters: exact, as the publisher counts them (vocab unpadded; the layers of
 * multi-token prediction apart). */
double stc_model_params(const struct stc_model *m);
double stc_model_mtp_params(const struct stc_model *m);
double stc_model_params_active(
    const struct stc_model *m); /* per token, of expert models */
double stc_model_embedding_params(
    const struct stc_model *m); /* token + position + type tables */
double stc_model_layer_params(const struct stc_model *m, int32_t layer);
double stc_model_layer_expert_params(const struct stc_model *m,
                                     int32_t layer); /* the routed experts' part */
double stc_model_attention_params(
    const struct stc_model *m); /* of one layer: projections, their biases and norms */
double stc_model_norm_params(const struct stc_model *m, double width); /* one norm */
double stc_model_head_params(
    const struct stc_model *m); /* final norm, untied output, task heads */
/* Which halves a layer has. */
int stc_model_layer_has_attention(const struct stc_model *m, int32_t layer);
int stc_model_layer_has_mlp(const struct stc_model *m,
                            int32_t layer); /* dense; experts: layer_is_moe */
int stc_model_layer_n_norms(const struct stc_model *m, int32_t layer);
int stc_model_layer_is_mamba(const struct stc_model *m, int32_t layer);
struct stc_mamba {
    double inner, in_width, heads, state;
    int delta; /* gated delta net: its state is corrected, not only decayed */
};             /* widths of a mixer: elements */
struct stc_mamba stc_model_mamba(const struct stc_model *m);
int32_t stc_model_expert_hidden(const struct stc_model *m);
int32_t stc_model_shared_ffn(const struct stc_model *m);
int stc_model_layer_is_decoder(const struct stc_model *m,
                               int32_t layer); /* has cross-attention (T5) */
int stc_model_layer_window(const struct stc_model *m,
                           int32_t layer); /* window size, 0: full attention */
int stc_model_qk_dim(const struct stc_model *
                         m); /* head sizes of scores and of values: equal but for MLA */
int stc_model_v_dim(const struct stc_model *m);
int stc_model_causal(const struct stc_model *m, int32_t layer);

/* FLOPs conventions, each named in reports. Of one step of `tokens` tokens in
 * sequences of seq_len. No recompute. */
enum stc_flop_convention {
    STC_FLOP_MODEL, /* forward + 2x backward, all products, attention counted full (not halved for causal) + logits */
    STC_FLOP_MODEL_CAUSAL, /* the same with causal attention halved */
    STC_FLOP_6N,           /* 6 * parameters * tokens */
    STC_FLOP_MEGATRON /* Narayanan eq. 3: 96 B s l h^2 (1 + s/6h + V/16lh), full recompute counted */
};
double stc_model_flop(const struct stc_model *m, enum stc_flop_convention c,
                      double tokens, double seq_len);

/* The catalogue: models/data with what a user laid over it; cat NULL: models/data. */
struct stc_cat;
struct stc_bind_table;
enum stc_err stc_model_find(const struct stc_cat *cat, const char *name,
                            struct stc_model *out, struct stc_diag *diag) STC_MUST_USE;
int stc_model_catalogue_n(const struct stc_cat *cat);
/* Copies the i-th name; returns buf, NULL past the end. */
const char *stc_model_catalogue_name(const struct stc_cat *cat, int i, char *buf,
                                     size_t size);
const struct stc_bind_table *stc_model_keys(void); /* keys of an entry: help, checks */

#endif
