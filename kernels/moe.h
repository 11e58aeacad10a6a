/*
 * moe.h - seconds of the grouped products of one expert layer on one rank.
 *
 * THEORY. tokens × topk copies meet `experts`; a rank holds experts/moe_ep of
 * them. Under a power law of popularity p(x) ~ x^-alpha on [1, x_max] the load
 * of an expert is x / E[x] × the mean load (eight quantiles stand for the
 * distribution, its moments are closed forms). The busiest rank decides:
 *
 *     imbalance ≈ 1 + cv(x)/sqrt(experts per rank) · sqrt(2 ln moe_ep)
 *
 * (the mean of the largest of moe_ep nearly normal sums; Embrechts et al.,
 * "Modelling Extremal Events", ex. 3.3.29). Each product is one launch over
 * the local experts; an expert's rows are padded to a tile, an expert without
 * rows is skipped, and the weights of the active ones are read once:
 *
 *     t = Σ_{up, down} max(math, weights at HBM, k pipeline)
 *         + row passes (permute, quantise, activation, combine) + launches
 *
 * Small batches are bound by reading weights, tiny ones by launches.
 */
#ifndef STC_KERNELS_MOE_H
#define STC_KERNELS_MOE_H

#include "kernels/cost_params.h"

/* Mean, squared coefficient of variation and quantile(u) of the power law
 * x^-alpha on [lo, hi]; alpha other than 1 and 2 and 3. */
struct stc_powerlaw {
    double alpha, lo, hi, mean, cv2;
};
void stc_powerlaw_set(struct stc_powerlaw *p, double alpha, double lo, double hi);
double stc_powerlaw_quantile(const struct stc_powerlaw *p, double u);

#endif
