/*
 * cost.h - seconds of every compute operator, with an interval and a source.
 *
 * THEORY. An estimate is three layers, each shown by `explain`:
 *
 *     seconds = physics(GPU specification, shape)        never fitted
 *             × 1 / efficiency(GPU, family, regime)      a few named numbers
 *             × residual(near measurements)              fades to 1 with distance
 *
 * Physics counts tiles and waves over the SMs, k-loops, bytes at HBM and L2,
 * and launches (kernels/gemm.h, attn.h, moe.h, membound.h). Efficiencies are
 * properties of a GPU or of a kernel generation. The residual is a table of
 * what measurements said beyond that, looked up in log shape space.
 *
 * TIER. measured: a row of about this shape exists; interpolated: rows around
 * it; transferred: this GPU or dtype was never measured, its efficiencies come
 * from its kernel generation; prior: from published peaks and common sense.
 * `outside` says that the shape lies beyond what was measured.
 *
 * SIGMA. sigma_log is the standard deviation of log(measured / estimated),
 * taken from left-out residuals of that family and tier; 90 % of cases lie
 * within seconds × exp(±1.645 sigma_log).
 *
 * REGIME. Micro-benchmarks run short and warm (BURST); a training loop runs
 * for minutes at its power limit with colder caches (IN_SITU) and is slower by
 * a factor that belongs to (GPU, precision). Ask for what the scenario is.
 *
 * UNITS. Seconds, bytes, FLOP (a multiply-add is two).
 *
 * OWNERSHIP. struct stc_cost is immutable once loaded and may be shared by
 * threads; an estimate reads no file and allocates nothing. Whoever loads it
 * (calib/) keeps the arena alive.
 *
 * ERRORS. None: every query with positive sizes has an answer. Sizes of zero
 * cost zero seconds; negative sizes are a caller's mistake (assert).
 *
 * COST. A query is below 200 ns warm (tests/bench/bench_cost.c).
 */
#ifndef STC_KERNELS_COST_H
#define STC_KERNELS_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/gpu.h"
#include "sim/base/dtype.h"

/* X(id, name): errors inside one family on one GPU count as fully correlated,
 * families as independent (DESIGN §5.10). */
#define STC_FAMILY_MAP(X)                                                 \
 X(GEMM, "gemm")                                                          \
 X(ATTN_FWD, "attn_fwd")                                                  \
 X(ATTN_BWD, "attn_bwd")                                                  \
 X(ATTN_DECODE, "attn_decode")                                            \
 X(MOE_GEMM, "moe_gemm")                                                  \
 X(MEMBOUND, "membound")                                                  \
 X(LAUNCH, "launch")                                                      \
 X(COPY, "copy")                                                          \
 X(COLL_NVLINK, "coll_nvlink") /* collectives inside one NVLink domain */ \
 X(COLL_NET, "coll_net")       /* collectives that cross nodes */         \
 X(COLL_CUSTOM, "coll_custom") /* serving frameworks' own all-reduce */   \
 X(P2P, "p2p")                 /* send/recv */                            \
 X(HOST, "host")               /* CPU work that the GPU waits for */

enum stc_family {
#define STC_FAMILY_ROW(id, name) STC_FAMILY_##id,
    STC_FAMILY_MAP(STC_FAMILY_ROW)
#undef STC_FAMILY_ROW
        STC_FAMILY_COUNT
};
const char *stc_family_name(enum stc_family f);

enum stc_tier {
    STC_TIER_MEASURED,
    STC_TIER_INTERPOLATED,
    STC_TIER_TRANSFERRED,
    STC_TIER_PRIOR,
    STC_TIER_COUNT
};
const char *stc_tier_name(enum stc_tier t);

enum stc_regime {
    STC_REGIME_BURST,   /* short, warm runs: serving with idle gaps, micro-benchmarks */
    STC_REGIME_IN_SITU, /* minutes at the power limit: training */
    STC_REGIME_COUNT
};

/* One estimate. seconds = physics_s / efficiency × residual. */
struct stc_est {
    double seconds;
    double sigma_log; /* standard deviation of log seconds */
    double physics_s; /* what the specification alone allows, tiles and waves counted */
    double efficiency; /* (0, 1.5]: what this GPU reaches of it; includes the regime */
    double residual;   /* 1 when no measurement is near */
    double
        distance; /* to the nearest measurement, in log2 units; -1: none of this GPU */
    double flop;  /* arithmetic done */
    double bytes; /* bytes that must cross HBM */
    uint8_t family; /* enum stc_family */
    uint8_t tier;   /* enum stc_tier */
    bool outside;   /* the shape is beyond the measured range */
    int32_t
        evidence; /* row (from 1) of the nearest measurement in its residual table; 0: none */
    const char
        *bound; /* what limits it: "math", "hbm", "l2", "latency", …; static text */
};

struct stc_cost; /* kernels/cost_params.h */

/* C(m,n) = A(m,k) B(k,n), `batch` times. For a linear layer m is tokens, n its
 * outputs, k its inputs; dgrad is (m,k,n), wgrad is (n,k,m). */
enum stc_gemm_layout {
    STC_GEMM_TN, /* both operands k-contiguous: forward of a linear */
    STC_GEMM_NN, /* dgrad */
    STC_GEMM_NT  /* wgrad: both operands strided in k */
};
struct stc_gemm_q {
    int64_t m, n, k;
    int64_t batch; /* 0 is read as 1 */
    enum stc_dtype dtype;
    enum stc_gemm_layout layout;
    enum stc_regime regime;
    bool
        quantized; /* activations come in the product's narrow format: no cast before it */
    bool
        accumulate; /* C is read and written in fp32 (gradient accumulation fused into wgrad) */
};
void stc_cost_gemm(const struct stc_cost *c, const struct stc_gpu *gpu,
                   const struct stc_gemm_q *q, struct stc_est *out);

enum stc_attn_phase { STC_ATTN_FWD, STC_ATTN_BWD, STC_ATTN_DECODE };
enum stc_attn_impl {
    STC_ATTN_FLASH,  /* the best fused kernel of the generation */
    STC_ATTN_FLASH2, /* FlashAttention-2 (PyTorch SDPA): no Hopper or Blackwell path */
    STC_ATTN_FLASH1, /* FlashAttention of 2022, CUDA or Triton */
    STC_ATTN_UNFUSED /* two batched products and softmax, scores kept in HBM */
};
struct stc_attn_q {
    int64_t batch;
    int64_t q_len, kv_len; /* decode: q_len is 1, or more with speculation */
    int64_t heads, kv_heads;
    int64_t head_dim;
    int64_t head_dim_v; /* 0: as head_dim (MLA: 192 and 128) */
    int64_t window;     /* sliding window in tokens; 0: none */
    bool causal;
    enum stc_attn_phase phase;
    enum stc_attn_impl impl;
    enum stc_dtype dtype;
    enum stc_dtype kv_dtype; /* of the cache; decode and chunked prefill read it */
    enum stc_regime regime;
};
void stc_cost_attn(const struct stc_cost *c, const struct stc_gpu *gpu,
                   const struct stc_attn_q *q, struct stc_est *out);

/* X(id, name): kinds of memory-bound kernels; each reaches its own share of HBM. */
#define STC_MEMK_MAP(X)                                                  \
 X(COPY, "copy")                                                         \
 X(FILL, "fill")                                                         \
 X(CAST, "cast")                                                         \
 X(ELEMENTWISE, "elementwise")                                           \
 X(NORM_FWD, "norm_fwd")                                                 \
 X(NORM_BWD, "norm_bwd")                                                 \
 X(GELU, "gelu")                                                         \
 X(SWIGLU, "swiglu")                                                     \
 X(DROPOUT_ADD, "dropout_add")                                           \
 X(SOFTMAX, "softmax")                                                   \
 X(ROTARY, "rotary")                                                     \
 X(XENT, "xent")                                                         \
 X(EMBED, "embed")                                                       \
 X(REDUCE, "reduce")                                                     \
 X(ADAM, "adam")                                                         \
 X(QUANTIZE, "quantize")                                                 \
 X(PERMUTE, "permute") /* token dispatch and combine of expert layers */ \
 X(TRANSPOSE, "transpose")

enum stc_memk {
#define STC_MEMK_ROW(id, name) STC_MEMK_##id,
    STC_MEMK_MAP(STC_MEMK_ROW)
#undef STC_MEMK_ROW
        STC_MEMK_COUNT
};
const char *stc_memk_name(enum stc_memk k);
/* X(id, name): whose norm; ANY when it is not known, a share of the memory rate then. */
#define STC_NORM_MAP(X)                                                    \
 X(ANY, "any")                                                             \
 X(FUSED, "fused")       /* one kernel: cuDNN, Apex, Transformer Engine */ \
 X(EAGER, "eager")       /* PyTorch's operators one by one */              \
 X(COMPILED, "compiled") /* torch.compile */

enum stc_norm {
#define STC_NORM_ROW(id, name) STC_NORM_##id,
    STC_NORM_MAP(STC_NORM_ROW)
#undef STC_NORM_ROW
        STC_NORM_COUNT
};

struct stc_mem_q {
    double read_bytes, write_bytes;
    int64_t n_launches; /* kernels it is cut into; 0 is read as 1 */
    enum stc_memk kind;
    enum stc_regime regime;
    bool l2_resident; /* its input was just written and fits: may read from L2 */
    /* Norms only; 0 rows: not said, the norm is any. */
    enum stc_norm norm;
    int64_t rows, cols;
};
void stc_cost_membound(const struct stc_cost *c, const struct stc_gpu *gpu,
                       const struct stc_mem_q *q, struct stc_est *out);

/* The grouped products of one expert layer on one rank: up (and gate), the
 * activation, down. Routing and its permutes included; communication not. */
struct stc_moe_q {
    int64_t
        tokens; /* tokens routed over the whole expert group; top-k copies not counted */
    int64_t hidden, ffn;
    int64_t topk, experts;
    int64_t moe_tp, moe_ep; /* the rank holds experts/moe_ep, each cut moe_tp ways */
    double alpha;           /* power law of expert popularity; 0: balanced */
    bool gated;             /* three matrices an expert (SwiGLU), else two */
    enum stc_dtype dtype;
    enum stc_regime regime;
};
void stc_cost_moe(const struct stc_cost *c, const struct stc_gpu *gpu,
                  const struct stc_moe_q *q, struct stc_est *out);

/* One grouped product inside a training step: `groups` products of m_total rows
 * together, (m_i, n, k) each, in one launch. imbalance = busiest / mean group. */
struct stc_grouped_q {
    int64_t m_total, n, k;
    int64_t groups;
    double imbalance; /* 1: balanced */
    bool one_kernel;  /* all groups in one persistent kernel, not a product each */
    enum stc_dtype dtype;
    enum stc_gemm_layout layout;
    enum stc_regime regime;
};
void stc_cost_grouped(const struct stc_cost *c, const struct stc_gpu *gpu,
                      const struct stc_grouped_q *q, struct stc_est *out);

/* The shortest time between the starts of n kernels of one stream: on the GPU
 * alone (in a CUDA graph) or as a framework's host thread issues them. */
void stc_cost_launch(const struct stc_cost *c, const struct stc_gpu *gpu,
                     int64_t n_kernels, bool in_graph, struct stc_est *out);

/* Bytes between host and GPU over PCIe or NVLink-C2C, whichever the GPU has. */
enum stc_copy_dir { STC_COPY_H2D, STC_COPY_D2H };
struct stc_copy_q {
    double bytes;
    enum stc_copy_dir dir;
    bool pinned; /* pageable memory is staged through a bounce buffer */
};
void stc_cost_host_copy(const struct stc_cost *c, const struct stc_gpu *gpu,
                        const struct stc_copy_q *q, struct stc_est *out);

#endif
