/*
 * build.h - (model, layout, job, stack) -> operator lists of one rank.
 *
 * THEORY. A stage's chunk computes  [embedding] + layers + [final norm, head,
 * loss]  forward, the same backwards, and after the last micro-batch the
 * optimizer. Each of these is a block; a block's list in a pass is a pure
 * function. The stack's fusions are applied here (an operator that is fused
 * disappears, its neighbours keep their bytes).
 *
 * Backward lists hold, in issue order, recompute (pass RECOMPUTE) where the
 * layout asks for it, then DGRAD and WGRAD operators interleaved as frameworks
 * issue them (output gradient, dgrad, wgrad, input gradient).
 */
#ifndef STC_MODELS_BUILD_H
#define STC_MODELS_BUILD_H

#include "models/layout.h"
#include "models/model.h"
#include "models/op.h"
#include "models/stack.h"
#include "models/train.h"
#include "sim/base/arena.h"

enum stc_block {
    STC_BLOCK_EMBED,
    STC_BLOCK_LAYER, /* which one: `layer`, its kind (dense, experts, windowed, decoder with cross-attention) follows */
    STC_BLOCK_HEAD,  /* final norm, logits, loss */
    STC_BLOCK_MTP
};

struct stc_build { /* all borrowed, all const */
    const struct stc_model *model;
    const struct stc_layout *layout;
    const struct stc_train *train;
    const struct stc_stack *stack;
};

/* Forward list of one micro-batch. */
STC_MUST_USE enum stc_err stc_build_fwd(struct stc_arena *a, const struct stc_build *b,
                                        enum stc_block block, int32_t layer,
                                        struct stc_ops *out, struct stc_diag *diag);
/* Backward list; `recomputed`: this layer's activations were dropped, its whole
 * forward runs again first (layout.recompute FULL, for the layers it names). The
 * list of a SELECTIVE layout holds its partial recompute whatever the flag. */
STC_MUST_USE enum stc_err stc_build_bwd(struct stc_arena *a, const struct stc_build *b,
                                        enum stc_block block, int32_t layer,
                                        int recomputed, struct stc_ops *out,
                                        struct stc_diag *diag);
/* Optimizer step of a rank that owns n_params parameters of which it updates
 * n_owned (ZeRO); gradient norm, unscale, update, cast back. */
STC_MUST_USE enum stc_err stc_build_optimizer(struct stc_arena *a,
                                              const struct stc_build *b,
                                              double n_params, double n_owned,
                                              struct stc_ops *out,
                                              struct stc_diag *diag);

/* Layers with equal lists share a kind: 0 <= kind < stc_build_n_layer_kinds. */
int32_t stc_build_layer_kind(const struct stc_build *b, int32_t layer);
int32_t stc_build_n_layer_kinds(const struct stc_build *b);

/* Parameters of one rank: of a block, dense and expert parts apart (they are
 * reduced over different groups). */
struct stc_param_count {
    double dense, expert;
};
struct stc_param_count stc_build_params(const struct stc_build *b, enum stc_block block,
                                        int32_t layer);

/* True when 32-bit gradients stand beside those of the products and sum them up. */
int stc_build_fp32_grads(const struct stc_build *b);

/* True when gradients that are not cut leave beside the last backward. */
int stc_build_reduces_early(const struct stc_build *b);

/* Bytes of the activation handed from stage to stage, of one micro-batch and rank. */
double stc_build_boundary_bytes(const struct stc_build *b);
/* Of it, what one rank puts on the wire: with p2p_scatter_gather each tensor-
 * parallel rank sends its share and the receivers gather (2104.04473 §4.1). */
double stc_build_hop_bytes(const struct stc_build *b);

/* Bytes a layer's forward leaves alive until its backward; when recomputed, only
 * its input. (keep_bytes of the forward list say the former.) */
double stc_build_keep_bytes(const struct stc_ops *fwd, const struct stc_build *b,
                            int recomputed);

/* True when layer `i` of a stage's n is recomputed whole. */
int stc_build_layer_recomputed(const struct stc_build *b, int32_t i, int32_t n);

int32_t stc_build_padded_vocab(const struct stc_build *b);

#endif
