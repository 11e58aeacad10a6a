#include "kernels/overlap.h"

#include <math.h>

void stc_overlap_prior(struct stc_overlap_params *p)
{
    /* A V100 SM has little shared memory left beside a channel's 16 warps; later
     * ones hold a channel and a block of a non-persistent kernel together. */
    static const struct stc_overlap_gen base = {0.9, 3.0, 0.02};
    for (int g = 0; g < STC_GEN_COUNT; g++)
        p->gen[g] = base;
    p->gen[STC_GEN_VOLTA] = (struct stc_overlap_gen){1.0, 3.0, 0.01};
    p->gen[STC_GEN_TURING] = (struct stc_overlap_gen){1.0, 3.0, 0.01};
    p->gen[STC_GEN_AMPERE] = (struct stc_overlap_gen){0.9, 3.0, 0.02};
    p->gen[STC_GEN_HOPPER] = (struct stc_overlap_gen){0.9, 3.0, 0.03};
    p->gen[STC_GEN_BLACKWELL] = (struct stc_overlap_gen){0.9, 3.0, 0.03};
    for (int f = 0; f < STC_FAMILY_COUNT; f++)
        p->family[f] = (struct stc_overlap_family){0.0, 0.0};
    p->family[STC_FAMILY_GEMM] = (struct stc_overlap_family){0.25, 0.08};
    p->family[STC_FAMILY_MOE_GEMM] = (struct stc_overlap_family){0.4, 0.10};
    p->family[STC_FAMILY_ATTN_FWD] = (struct stc_overlap_family){0.15, 0.05};
    p->family[STC_FAMILY_ATTN_BWD] = (struct stc_overlap_family){0.2, 0.06};
    p->family[STC_FAMILY_ATTN_DECODE] = (struct stc_overlap_family){0.9, 0.15};
    p->family[STC_FAMILY_MEMBOUND] = (struct stc_overlap_family){1.0, 0.18};
    p->family[STC_FAMILY_COPY] = (struct stc_overlap_family){0.2, 0.03};
    p->min_rate = 0.1;
}

void stc_overlap_of_coll(const struct stc_coll_est *e, struct stc_overlap_comm *out)
{
    out->n_channels = e->n_channels;
    out->wire_Bps = e->seconds > 0.0 ? e->bytes_per_rank / e->seconds : 0.0;
}

/* Kernels that run on SMs and HBM; a host's work or a launch feels nothing. */
static bool computes(enum stc_family f)
{
    return f <= STC_FAMILY_MEMBOUND;
}

double stc_overlap_compute_rate(const struct stc_overlap_params *p,
                                const struct stc_gpu *gpu, enum stc_family family,
                                const struct stc_overlap_comm *comm)
{
    if (comm == NULL || (comm->n_channels <= 0 && comm->wire_Bps <= 0.0)) return 1.0;
    if (!computes(family) && family != STC_FAMILY_COPY) return 1.0;
    const struct stc_overlap_gen *g = &p->gen[gpu->gen];
    double rate = 1.0;
    if (computes(family)) {
        double n_sm = gpu->n_sm > 0 ? (double)gpu->n_sm : 1.0;
        rate *= 1.0 - fmin(1.0, g->sm_hold * (double)comm->n_channels / n_sm);
        rate *= 1.0 - g->power;
    }
    if (gpu->mem_Bps > 0.0) {
        double u = fmin(1.0, g->hbm_per_wire * comm->wire_Bps / gpu->mem_Bps);
        rate *= 1.0 - p->family[family].feel_hbm * u;
    }
    return fmax(p->min_rate, rate);
}

double stc_overlap_comm_rate(const struct stc_overlap_params *p, enum stc_family family)
{
    return fmax(p->min_rate, 1.0 - p->family[family].slow_comm);
}
