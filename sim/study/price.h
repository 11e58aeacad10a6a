/*
 * price.h - dollars and watts of a GPU.
 *
 * SOURCES. hw/data/prices.yaml: published list prices, each with its date.
 * POWER. A GPU of a training job draws idle_frac of its limit while it waits (the
 * collectives it waits in poll) and nearly the limit while it computes:
 *     watts = TDP x (idle_frac + (1 - idle_frac) x busy share)
 * A prior: published traces of LLM training show 30-40 % of TDP in waiting phases
 * and 90-100 % in products (Patel et al., POLCA, 2308.12908, fig. 4).
 */
#ifndef STC_STUDY_PRICE_H
#define STC_STUDY_PRICE_H

#include "hw/gpu.h"
#include "sim/base/err.h"
#include <stddef.h>

/* Dollars of one GPU for one hour, of a user's catalogue (own, may be NULL), else of
 * the table; NaN when neither knows it. */
struct stc_catalogues;
STC_MUST_USE enum stc_err stc_price_of(const struct stc_catalogues *own,
                                       const char *gpu, double *usd_per_gpu_hour,
                                       char *source, size_t source_size,
                                       struct stc_diag *diag);
double stc_watts(const struct stc_gpu *g, double busy_frac);

#endif
