/* overlap.c - see overlap.h. */
#include "kernels/overlap.h"

/* SMs held, of how many, and the share that HBM and L2 traffic costs on top. */
struct held { double sm[STC_OVERLAP_CLASSES], of; double mem[STC_OVERLAP_CLASSES]; };

static const struct held by_gen[STC_GEN_COUNT] = {
    [STC_GEN_VOLTA] = {{12, 4, 2}, 80, {0.04, 0.02, 0.01}},
    [STC_GEN_TURING] = {{4, 2, 2}, 72, {0.04, 0.02, 0.01}},
    [STC_GEN_AMPERE] = {{16, 4, 2}, 108, {0.04, 0.02, 0.01}},
    [STC_GEN_ADA] = {{4, 2, 2}, 142, {0.04, 0.02, 0.01}},
    [STC_GEN_HOPPER] = {{16, 4, 2}, 132, {0.04, 0.02, 0.01}},
    [STC_GEN_BLACKWELL] = {{16, 4, 2}, 148, {0.04, 0.02, 0.01}},
    [STC_GEN_CDNA2] = {{16, 8, 4}, 110, {0.04, 0.02, 0.01}},
    [STC_GEN_CDNA3] = {{28, 8, 4}, 304, {0.04, 0.02, 0.01}},
};

double stc_overlap_rate(enum stc_gen gen, int c)
{
    const struct held *h = &by_gen[gen];
    return (1 - h->sm[c] / h->of) * (1 - h->mem[c]);
}

double stc_overlap_mask_rate(enum stc_gen gen, int mask)
{
    double rate = 1;
    for (int c = 0; c < STC_OVERLAP_CLASSES; c++)
        if (mask & (1 << c)) rate *= stc_overlap_rate(gen, c);
    return rate;
}

double stc_overlap_work_rate(enum stc_gen gen, const struct stc_group_shape *g)
{
    return stc_overlap_rate(gen, g->n_nodes > 1 ? STC_OVERLAP_NET : STC_OVERLAP_INTRA);
}
