/*
 * memory.h - bytes on one GPU in closed form, by kind and stage.
 *
 * THEORY. States: ZeRO (Rajbhandari 1910.02054) and Megatron's distributed
 * optimizer. Activations: Korthikanti 2205.05198 eq. 1-5, generalised to gated
 * MLP, grouped heads, fused attention, other byte widths; micro-batches in
 * flight by schedule and stage. The tuner prunes with it; the simulator's
 * tracker adds up the operators' keep_bytes independently and must reach the
 * same peak (tests/test_memory.c holds the two against each other).
 */
#ifndef STC_MODELS_MEMORY_H
#define STC_MODELS_MEMORY_H

#include "models/build.h"

#define STC_MEM_KIND_MAP(X)                                                                     \
 X(PARAM, "parameters")                                                                         \
 X(GRAD, "gradients")                                                                           \
 X(OPTIM, "optimizer")                                                                          \
 X(ACT, "activations")                                                                          \
 X(LOGITS, "logits")                                                                            \
 X(BUFFER,                                                                                      \
   "buffers") /* communication, gathered parameters, cuBLAS workspaces, backward temporaries */ \
 X(FRAMEWORK, "framework")                                                                      \
 X(SLACK,                                                                                       \
   "allocator_slack") /* reserved but not allocated: only what nvidia-smi sees */               \
 X(CONTEXT, "cuda_context") /* likewise */

enum stc_mem_kind {
#define STC_MEM_ROW(id, name) STC_MEM_##id,
    STC_MEM_KIND_MAP(STC_MEM_ROW)
#undef STC_MEM_ROW
        STC_MEM_COUNT
};

struct stc_mem_est {
    double bytes[STC_MEM_COUNT];
};

/* The three ways a run's memory is reported (truth: mem_kind). */
double stc_mem_allocated(const struct stc_mem_est *e); /* without slack and context */
double stc_mem_reserved(const struct stc_mem_est *e);  /* + slack */
double stc_mem_smi(const struct stc_mem_est *e);       /* + context */

/* Peak of one stage's fullest rank. */
STC_MUST_USE enum stc_err stc_mem_estimate(const struct stc_build *b, int32_t stage,
                                           struct stc_mem_est *out,
                                           struct stc_diag *diag);
/* Its parts. Activation bytes of a layer and micro-batch (not recomputed whole);
 * chunk-forwards alive at the worst moment; parameters a rank of the stage holds. */
double stc_mem_layer_act(const struct stc_build *b, int32_t layer);
int32_t stc_mem_in_flight(const struct stc_layout *l, int32_t stage);
struct stc_param_count stc_mem_stage_params(const struct stc_build *b, int32_t stage);
const char *stc_mem_name(enum stc_mem_kind k);

#endif
