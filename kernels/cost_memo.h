/*
 * cost_memo.h - the last answers of the cost model, for whoever asks often.
 *
 * THEORY. A step asks the same few hundred shapes again and again. A memo is a
 * direct-mapped table from the query (a 128-bit hash of its fields, the GPU and
 * the cost model) to the estimate: a hit costs a hash and a copy. An estimate
 * from a memo is the estimate, bit for bit.
 *
 * OWNERSHIP. The table lives in the caller's arena and belongs to one thread;
 * struct stc_cost itself stays immutable and shared. A memo must not outlive the
 * cost model and the GPUs that it was asked about (they are known by address).
 *
 * COST. A hit about 30 ns, a miss that plus the estimate.
 */
#ifndef STC_KERNELS_COST_MEMO_H
#define STC_KERNELS_COST_MEMO_H

#include "kernels/cost.h"
#include "sim/base/arena.h"
#include "sim/base/err.h"

struct stc_cost_memo_slot {
    uint64_t key, check; /* 0, 0: empty */
    struct stc_est est;
};

struct stc_cost_memo {
    struct stc_cost_memo_slot *slot;
    uint64_t mask;
    uint64_t n_hits, n_misses;
};

/* Room for about n estimates (rounded up to a power of two, at most 2^24). */
STC_MUST_USE enum stc_err stc_cost_memo_init(struct stc_cost_memo *m,
                                             struct stc_arena *a, size_t n,
                                             struct stc_diag *diag);

void stc_memo_gemm(struct stc_cost_memo *m, const struct stc_cost *c,
                   const struct stc_gpu *gpu, const struct stc_gemm_q *q,
                   struct stc_est *out);
void stc_memo_attn(struct stc_cost_memo *m, const struct stc_cost *c,
                   const struct stc_gpu *gpu, const struct stc_attn_q *q,
                   struct stc_est *out);
void stc_memo_moe(struct stc_cost_memo *m, const struct stc_cost *c,
                  const struct stc_gpu *gpu, const struct stc_moe_q *q,
                  struct stc_est *out);

#endif
