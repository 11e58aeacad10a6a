/*
 * evidence.h - the measured shapes behind a residual, and the nearest of them.
 *
 * THEORY. A residual keeps the list of shapes that it was grown from: per row
 * the index of each axis' value, the measured seconds and the row's number in
 * its table. An estimate only asks whether its very shape is among them
 * (residual.h, `seen`); `explain` asks for the nearest, by Euclidean distance of
 * the axes (octaves of sizes; head_dim and the power law's alpha as they are,
 * scaled to be comparable).
 *
 * OWNERSHIP. Arrays in the loader's arena.
 *
 * COST. stc_cost_nearest_*: one pass over the rows of the fit, about 20 us.
 */
#ifndef STC_KERNELS_EVIDENCE_H
#define STC_KERNELS_EVIDENCE_H

#include <stdint.h>

#include "kernels/cost_params.h"

enum { STC_EVIDENCE_AXES = 8, STC_EVIDENCE_VALUES = 91 };

struct stc_evidence {
    int n, n_axes;
    const uint8_t *index; /* [n][n_axes], into value */
    const float *log2_s;  /* [n] measured */
    const int32_t *id;    /* [n] row in its table, from 1 */
    int n_values[STC_EVIDENCE_AXES];
    float value[STC_EVIDENCE_AXES][STC_EVIDENCE_VALUES]; /* as the feature holds it */
};

struct stc_evidence_hit {
    int32_t id;
    double seconds;
    double distance;
    double axis[STC_EVIDENCE_AXES]; /* sizes again: m, n, k; batch, length, heads, … */
};

/* Up to k measured rows nearest to a query, nearest first; returns how many (0
 * where the GPU was not measured). The table that ids refer to is that of the
 * family: gemm.csv, attention_prefill.csv, attention_decode.csv, moe.csv. */
int stc_cost_nearest_gemm(const struct stc_cost *c, const struct stc_gpu *gpu,
                          const struct stc_gemm_q *q, int k,
                          struct stc_evidence_hit *out);
int stc_cost_nearest_attn(const struct stc_cost *c, const struct stc_gpu *gpu,
                          const struct stc_attn_q *q, int k,
                          struct stc_evidence_hit *out);
int stc_cost_nearest_moe(const struct stc_cost *c, const struct stc_gpu *gpu,
                         const struct stc_moe_q *q, int k,
                         struct stc_evidence_hit *out);

#endif
