/*
 * membound.h - seconds of kernels that only move bytes.
 *
 * THEORY. A pass over B bytes costs
 *
 *     t = n · launch + B / rate(B),   rate(B) = mem_Bps · eff(kind) · b / (b + ramp)
 *
 * with b the bytes of one launch: below `ramp` there are too few bytes in
 * flight to fill the memory system (Little's law). eff(kind) is the share of the
 * datasheet's rate that a good kernel of that kind reaches; reductions over
 * rows (norm backward, cross-entropy) reach less than copies. A pass whose input
 * was just written and fits the L2 may run at the L2's rate.
 *
 * NORMS. Whose kernel it is matters more than the memory. Of a norm of `rows` rows
 * of `cols` by a known implementation
 *
 *     t = launch + rows · row + B / (mem_Bps · eff) · (1 + wide · cols/16384)
 *
 * launch: all its kernels; row: what a row takes beyond its bytes (a block each in
 * eager kernels; the weights' gradient is a sum down the rows); wide: rows that do
 * not fit a block's registers are read again.
 */
#ifndef STC_KERNELS_MEMBOUND_H
#define STC_KERNELS_MEMBOUND_H

#include "kernels/cost_params.h"

/* How one implementation does one direction of a norm. */
struct stc_norm_kernel {
    double launch_s, eff, row_s, wide;
    double sigma_log; /* of GPUs left out of its fit */
};
/* NULL: no norm, or not said whose. */
const struct stc_norm_kernel *stc_norm_kernel(const struct stc_mem_q *q);

/* Seconds of the pass by one platform's shares; no interval. */
double stc_membound_s(const struct stc_gpu *gpu, const struct stc_platform *p,
                      const struct stc_mem_q *q);

#endif
