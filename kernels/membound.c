#include "kernels/membound.h"

#include <assert.h>

double stc_membound_s(const struct stc_gpu *gpu, const struct stc_platform *p,
                      const struct stc_mem_q *q)
{
    assert((unsigned)q->kind < STC_MEMK_COUNT && q->read_bytes >= 0 &&
           q->write_bytes >= 0);
    double n = q->n_launches > 0 ? (double)q->n_launches : 1;
    double bytes = q->read_bytes + q->write_bytes;
    if (bytes <= 0) return 0;
    double rate = gpu->mem_Bps * p->mem_eff[q->kind];
    if (q->regime == STC_REGIME_IN_SITU) rate *= p->in_situ_mem;
    double hbm = bytes;
    /* What is read from L2 costs a third (L2 rate over memory rate, gemm fits). */
    if (q->l2_resident && q->read_bytes + q->write_bytes < 0.5 * gpu->l2_bytes)
        hbm = q->write_bytes + q->read_bytes / 3;
    double each = bytes / n;
    return n * p->mem_launch_s + hbm / rate * (each + p->mem_ramp_bytes) / each;
}
