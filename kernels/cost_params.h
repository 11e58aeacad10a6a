/*
 * cost_params.h - the named numbers behind the compute cost model.
 *
 * THEORY. A *fit* is one set of efficiencies: a kernel family on one GPU in
 * one variant (dtype of a product, dtype of a cache). Its numbers have names,
 * units and bounds, listed below once per family; the same rows give the
 * enum, the names in calib/data/fits.yaml, the priors and the fit's bounds.
 * Latencies are seconds, the rest are shares of what the specification
 * allows, so that a fit of one GPU says something about its neighbours.
 *
 * A fit may carry a residual (kernels/residual.h): what measurements said
 * beyond physics × efficiency.
 *
 * TRANSFER. A query on a GPU without a fit of the family takes the geometric
 * mean of the fits of its generation, else the fit that was pooled over all
 * measured GPUs; calib/
 * calls stc_cost_index, which prepares those rows, so that a query only looks up.
 *
 * OWNERSHIP. Plain arrays. calib/ fills them from calib/data; kernels never
 * read a file. stc_cost_prior gives the shipped priors without any file.
 */
#ifndef STC_KERNELS_COST_PARAMS_H
#define STC_KERNELS_COST_PARAMS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/cost.h"

/* Latencies of parameters are at this SM clock (H100 SXM5's boost) and scale with
 * cycles on another GPU. */
#define STC_CLOCK_REF_HZ 1.83e9

#define STC_PAR_MAX  24
#define STC_FEAT_MAX 24
#define STC_FIT_MAX  256
#define STC_FIT_ANY  "any" /* as a fit's GPU: pooled over all measured ones */
#define STC_FIT_GPUS 32    /* GPUs that have a fit of their own */

/* X(id, name, prior, low, high): products, plain. */
#define STC_GEMM_PAR_MAP(X)                                                           \
 X(LAUNCH_S, launch_s, 2.2e-6, 5e-7, 2e-5) /* empty kernel, seen back to back */      \
 X(WAVE_S, wave_s, 3e-7, 5e-8, 5e-6)   /* prologue and drain of one wave of tiles */  \
 X(EFF_MATH, eff_math, 0.90, 0.3, 1.0) /* share of peak in a full tile's main loop */ \
 X(EFF_HBM, eff_hbm, 0.80, 0.3, 1.0)   /* share of the datasheet's memory rate */     \
 X(L2_RATIO, l2_ratio, 4.0, 1.0, 8.0)  /* L2 rate / datasheet's memory rate */        \
 X(SM_PULL, sm_pull, 6.0, 1.0, 40.0) /* what one SM pulls in / (memory rate / SMs) */ \
 X(SERIAL, serial, 0.3, 0.01, 1.0) /* share of the lesser bound that is not hidden */ \
 X(SPLIT_S, split_s, 2.5e-6, 1e-7, 1e-5) /* the reduction kernel of split-k */        \
 X(FEED, feed, 0.05, 0.001, 1.0) /* slowdown of small tiles: operand bytes/FLOP */    \
 X(KSTEP_S, kstep_s, 5e-8, 1e-9, 3e-7) /* latency of a 64-deep step of one tile */    \
 X(FILL_S, fill_s, 1e-7, 1e-9, 1e-6)   /* each of a tile's first steps of k */        \
 X(ROTATE, rotate, 10.0, 0.5, 20.0)    /* weights cycled through: L2 residency */     \
 X(QUANT_S, quant_s, 1e-9, 1e-9, 2e-5) /* quantising the activations: its launch */   \
 X(QUANT_PASS, quant_pass, 4.0, 1.0,                                                  \
   30.0) /* and bytes per element at the memory rate */                               \
 X(THROTTLE, throttle, 0.2, 0.001,                                                    \
   1.0) /* clock lost to the power limit by long work, at the H100's peak per watt */ \
 X(THROTTLE_S, throttle_s, 1e-3, 1e-4, 1e-2) /* after about so many seconds of it */  \
 X(C_CROWD, c_crowd, 1.0, 0.2, 20.0)         /* how fast outputs crowd the L2 */      \
 X(PUSH, push, 1.5, 0.1,                                                              \
   500.0) /* what one SM writes of a 16-bit tile / (memory rate / SMs) */

enum stc_gemm_par {
#define STC_PAR_ROW(id, name, prior, lo, hi) STC_GP_##id,
    STC_GEMM_PAR_MAP(STC_PAR_ROW)
#undef STC_PAR_ROW
        STC_GP_COUNT
};

/* X(id, name, prior, low, high): fused attention over whole sequences. */
#define STC_ATTN_PAR_MAP(X)                                                           \
 X(LAUNCH_S, launch_s, 1.0e-5, 1e-6, 5e-5)                                            \
 X(EFF_MATH, eff_math, 0.70, 0.1, 1.0) /* share of peak of the products */            \
 X(EFF_EXP, eff_exp, 0.80, 0.1, 8.0)   /* exponentials / (16 per clock and SM) */     \
 X(SERIAL, serial, 0.3, 0.01, 1.0)     /* softmax not hidden behind products */       \
 X(EFF_HBM, eff_hbm, 0.70, 0.1, 1.0)                                                  \
 X(CTA_S, cta_s, 1.5e-6, 1e-8, 2e-5)   /* fixed time of a block of queries */         \
 X(BLOCK_S, block_s, 3e-7, 1e-8, 5e-6) /* latency of one block of keys */             \
 X(TAIL, tail, 0.5, 0.01, 2.0)       /* of the longest block, not filled by others */ \
 X(ROW_S, row_s, 1e-11, 1e-13, 1e-7) /* rotary and cache write, per row of a head */  \
 X(HEAD_192, head_192, 1.0, 0.02, 2.0) /* rate relative to head_dim 128 */            \
 X(HEAD_256, head_256, 0.9, 0.02, 2.0)                                                \
 X(HEAD_512, head_512, 0.5, 0.02, 2.0)                                                \
 X(FILL_S, fill_s, 2e-6, 1e-7, 2e-5) /* extra of more than one wave */                \
 X(FLASH2, flash2, 0.60, 0.1, 1.0)   /* FlashAttention-2 relative to the best kernel */

enum stc_attn_par {
#define STC_PAR_ROW(id, name, prior, lo, hi) STC_AP_##id,
    STC_ATTN_PAR_MAP(STC_PAR_ROW)
#undef STC_PAR_ROW
        STC_AP_COUNT
};

/* X(id, name, prior, low, high): one query token against a KV cache. */
#define STC_DECODE_PAR_MAP(X)                                                         \
 X(LAUNCH_S, launch_s, 9e-6, 1e-6, 5e-5)                                              \
 X(EFF_HBM, eff_hbm, 0.80, 0.1, 1.0)                                                  \
 X(SM_PULL, sm_pull, 3.0, 0.3, 30.0) /* what one SM pulls in / (memory rate / SMs) */ \
 X(SPLIT_S, split_s, 2e-6, 1e-8, 2e-5) /* combining parts of one sequence */          \
 X(CTA_S, cta_s, 1e-6, 1e-9, 2e-5) /* fixed time of a block, per block on its SM */   \
 X(BLOCK_S, block_s, 3e-7, 1e-9, 5e-6) /* latency of 64 keys in one block */          \
 X(EFF_MATH, eff_math, 0.30, 0.01, 1.0)                                               \
 X(SERIAL, serial, 0.3, 0.01, 1.0)                                                    \
 X(ROW_S, row_s, 1e-10, 1e-13, 1e-7)   /* per (sequence, head) */                     \
 X(HEAD_192, head_192, 1.0, 0.02, 2.0) /* memory rate relative to head_dim 128 */     \
 X(HEAD_256, head_256, 1.0, 0.02, 2.0)                                                \
 X(HEAD_512, head_512, 0.9, 0.02, 2.0)                                                \
 X(HEAD_64, head_64, 0.95, 0.02, 2.0)                                                 \
 X(SPLIT_KEYS, split_keys, 256, 32, 8192) /* fewest keys of one part */

enum stc_decode_par {
#define STC_PAR_ROW(id, name, prior, lo, hi) STC_DP_##id,
    STC_DECODE_PAR_MAP(STC_PAR_ROW)
#undef STC_PAR_ROW
        STC_DP_COUNT
};

/* X(id, name, prior, low, high): grouped expert products. */
#define STC_MOE_PAR_MAP(X)                                                           \
 X(LAUNCH_S, launch_s, 3e-5, 1e-6,                                                   \
   3e-4) /* routing, permutes, quantising: all launches */                           \
 X(EFF_MATH, eff_math, 0.60, 0.05, 1.0)                                              \
 X(EFF_HBM, eff_hbm, 0.70, 0.1, 1.0) /* weights streamed */                          \
 X(SERIAL, serial, 0.3, 0.01, 1.0)                                                   \
 X(ROW_PASS, row_pass, 12.0, 0.5,                                                    \
   200.0) /* bytes per element: permute, act., combine */                            \
 X(EXPERT_S, expert_s, 1e-7, 1e-10, 1e-5) /* bookkeeping per local expert */         \
 X(WAVE_S, wave_s, 1e-6, 1e-8, 2e-5)                                                 \
 X(KSTEP_S, kstep_s, 1e-7, 1e-9, 1e-6)                                               \
 X(THROTTLE, throttle, 0.1, 0.001, 1.0)                                              \
 X(TOKEN_S, token_s, 1e-9, 1e-12, 1e-6)         /* top-k and sort, per token copy */ \
 X(EXPERTS_S, all_experts_s, 1e-8, 1e-11, 1e-6) /* histogram, per expert of the layer */

enum stc_moe_par {
#define STC_PAR_ROW(id, name, prior, lo, hi) STC_MP_##id,
    STC_MOE_PAR_MAP(STC_PAR_ROW)
#undef STC_PAR_ROW
        STC_MP_COUNT
};

/* One number of a family: its name in fits.yaml, its prior and bounds. */
struct stc_par_info {
    const char *name;
    double prior, low, high;
};
/* The rows of a fitted family (GEMM, ATTN_FWD, ATTN_BWD, ATTN_DECODE,
 * MOE_GEMM); NULL and 0 for others. */
const struct stc_par_info *stc_par_table(enum stc_family f, int *n);

/* One kernel family on one GPU in one variant. */
struct stc_fit {
    char gpu[64];
    enum stc_gen gen;
    uint8_t family;  /* enum stc_family */
    uint8_t variant; /* enum stc_dtype: of the product, or of the cache */
    uint8_t tier;    /* the best tier an estimate from it can have */
    int32_t n_rows;  /* measurements behind it; 0: prior or transferred */
    double v[STC_PAR_MAX];
    double sigma_plain; /* of log error, left out, physics × efficiency alone */
    double sigma_resid; /* with the residual; 0 when there is none */
    double err_plain;   /* mean absolute percentage error, left out (fractions) */
    double err_resid;
    const struct stc_residual *residual; /* kernels/residual.h; NULL: none */
};

/* What is not fitted row by row: named shares per kernel generation. */
struct stc_platform {
    double mem_eff[STC_MEMK_COUNT]; /* share of the memory rate of a large pass */
    double mem_launch_s;            /* of one memory-bound kernel */
    double mem_ramp_bytes;          /* bytes at which half the rate is reached */
    double in_situ[STC_MATH_COUNT]; /* math rate in a long loop / in a burst */
    double in_situ_mem;             /* memory rate in a long loop / in a burst */
    double in_situ_sigma_log; /* of products in a loop, beside a burst's: other library
                                 versions, colder caches, clocks of the day */
    double ref_tdp_w,
        ref_flop_per_s; /* of the GPU that in_situ was seen on: its power limit, 16-bit peak */
    double idle_w;       /* what does not go into arithmetic */
    double power_exp;    /* clock follows (power for arithmetic / peak) to this power */
    double launch_gpu_s; /* between kernels of a CUDA graph */
    double launch_host_s; /* host thread, one eager launch */
    double copy_eff;      /* share of PCIe or C2C */
    double copy_latency_s;
    double pageable_eff; /* of pinned */
    double align_loss;   /* speed lost by widths off the tile */
    double wgrad_eff;    /* NT layout relative to TN */
    double grouped_eff;  /* grouped relative to one product */
    double unfused_sigma_log;
};

/* The families that are fitted, packed. */
enum { STC_FITTED_COUNT = STC_FAMILY_MOE_GEMM + 1 };

/* X(id, name, meaning): classes of training steps by what a forecast is unsure of
 * beside its kernels: overlap, what stacks do. */
#define STC_LOWERING_MAP(X)                                                   \
 X(DENSE, "dense", "no experts, GPU-bound")                                   \
 X(EXPERTS, "experts", "expert layers: routing, dispatchers, their releases") \
 X(HOST, "host", "a twentieth of the step or more waits for the host")        \
 X(GUESSED, "guessed", "another stack stands in for one that nobody described")
enum stc_lowering {
#define STC_LOWERING_ROW(id, name, meaning) STC_LOWERING_##id,
    STC_LOWERING_MAP(STC_LOWERING_ROW)
#undef STC_LOWERING_ROW
        STC_LOWERING_COUNT
};
#define STC_LOWERING_SIGMA_PRIOR 0.06

/* Where a (family, dtype) of one GPU or generation is answered. */
struct stc_fit_slot {
    int16_t fit; /* index; -1: none */
    bool own;    /* the fit is of this GPU and of a kernel of the same speed */
};

struct stc_cost {
    int n_fits; /* the loaded ones, then the transferred ones */
    struct stc_fit fits[STC_FIT_MAX];
    struct stc_platform platform[STC_GEN_COUNT];
    double lowering_sigma_log[STC_LOWERING_COUNT];
    /* Built by stc_cost_index. */
    int n_gpus;
    char gpus[STC_FIT_GPUS][64];
    struct stc_fit_slot by_gpu[STC_FIT_GPUS][STC_FITTED_COUNT][STC_DTYPE_COUNT];
    struct stc_fit_slot by_gen[STC_GEN_COUNT][STC_FITTED_COUNT][STC_DTYPE_COUNT];
};

/* Every GPU at the priors: no file, no residual, tier prior. Indexed. */
void stc_cost_prior(struct stc_cost *c);
/* The priors of platforms alone, for a loader that then adds fits. */
void stc_cost_platform_prior(struct stc_platform p[STC_GEN_COUNT]);

/* The fit that a query of a fitted family uses; never NULL once indexed.
 * *exact: the fit is of this very GPU and variant. */
const struct stc_fit *stc_cost_pick(const struct stc_cost *c, const struct stc_gpu *gpu,
                                    enum stc_family family, enum stc_dtype variant,
                                    bool *exact);

/* After fits were loaded: makes the transferred rows and the lookup tables.
 * False when there is no room for them (too many fits). */
bool stc_cost_index(struct stc_cost *c);

/* The logarithm of a feature: a threshold needs no more digits, and a cold query
 * finds the float's small table sooner. */
static inline double stc_feat_log2(double x)
{
    return (double)log2f((float)x);
}

/* What a physics function says of one query. */
struct stc_terms {
    double seconds; /* model with the fit's efficiencies */
    double ideal_s; /* specification alone: tiles counted, no latency */
    double flop, bytes;
    const char *bound;        /* static */
    bool want_features;       /* in: fill feat (a dozen logarithms) */
    float feat[STC_FEAT_MAX]; /* the first n_axes are the shape's axes */
};

void stc_gemm_terms(const struct stc_gpu *gpu, const double *v,
                    const struct stc_gemm_q *q, struct stc_terms *t);
void stc_attn_terms(const struct stc_gpu *gpu, const double *v,
                    const struct stc_attn_q *q, struct stc_terms *t);
void stc_decode_terms(const struct stc_gpu *gpu, const double *v,
                      const struct stc_attn_q *q, struct stc_terms *t);
void stc_moe_terms(const struct stc_gpu *gpu, const double *v,
                   const struct stc_moe_q *q, struct stc_terms *t);

#define STC_GEMM_FEATS   22
#define STC_GEMM_AXES    3
#define STC_ATTN_FEATS   14
#define STC_ATTN_AXES    5
#define STC_DECODE_FEATS 14
#define STC_DECODE_AXES  5
#define STC_MOE_FEATS    16
#define STC_MOE_AXES     8

#endif
