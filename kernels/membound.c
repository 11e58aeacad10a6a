#include "kernels/membound.h"

#include <assert.h>
#include <stddef.h>

/* Fitted to RMS and layer norms in bf16 on H200, GB200 and GB300, one set for all
 * three (NVIDIA/cudnn-frontend, benchmark/norms/results, MIT; 2026-02). */
static const struct stc_norm_kernel kernels[STC_NORM_COUNT][2] = {
    /* launch_s, eff, row_s, wide, sigma_log: forward, backward */
    [STC_NORM_FUSED] = {{2.6e-6, 0.87, 2.7e-11, 0.08, 0.19},
                        {7.4e-6, 0.92, 3.5e-11, 0.37, 0.10}},
    [STC_NORM_EAGER] = {{2.5e-6, 0.92, 6.1e-10, 0.78, 0.13},
                        {5.0e-7, 0.51, 3.2e-9, 0.91, 0.14}},
    [STC_NORM_COMPILED] = {{1.8e-6, 0.75, 0, 0, 0.14},
                           {7.7e-6, 0.37, 1.9e-11, 0, 0.23}},
};

const struct stc_norm_kernel *stc_norm_kernel(const struct stc_mem_q *q)
{
    bool back = q->kind == STC_MEMK_NORM_BWD;
    if (!back && q->kind != STC_MEMK_NORM_FWD) return NULL;
    return q->norm != STC_NORM_ANY && q->rows > 0 ? &kernels[q->norm][back] : NULL;
}

static double norm_s(const struct stc_gpu *gpu, const struct stc_platform *p,
                     const struct stc_mem_q *q, const struct stc_norm_kernel *k)
{
    double rate = gpu->mem_Bps * k->eff;
    if (q->regime == STC_REGIME_IN_SITU) rate *= p->in_situ_mem;
    return k->launch_s + (double)q->rows * k->row_s +
           (q->read_bytes + q->write_bytes) / rate *
               (1 + k->wide * (double)q->cols / 16384);
}

double stc_membound_s(const struct stc_gpu *gpu, const struct stc_platform *p,
                      const struct stc_mem_q *q)
{
    assert((unsigned)q->kind < STC_MEMK_COUNT && q->read_bytes >= 0 &&
           q->write_bytes >= 0);
    double n = q->n_launches > 0 ? (double)q->n_launches : 1;
    double bytes = q->read_bytes + q->write_bytes;
    const struct stc_norm_kernel *norm = stc_norm_kernel(q);
    if (bytes <= 0) return 0;
    if (norm != NULL) return norm_s(gpu, p, q, norm);
    double rate = gpu->mem_Bps * p->mem_eff[q->kind];
    if (q->regime == STC_REGIME_IN_SITU) rate *= p->in_situ_mem;
    double hbm = bytes;
    /* What is read from L2 costs a third (L2 rate over memory rate, gemm fits). */
    if (q->l2_resident && q->read_bytes + q->write_bytes < 0.5 * gpu->l2_bytes)
        hbm = q->write_bytes + q->read_bytes / 3;
    double each = bytes / n;
    return n * p->mem_launch_s + hbm / rate * (each + p->mem_ramp_bytes) / each;
}
