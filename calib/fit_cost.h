/* fit_cost.h - one group's fit; private to calib/fit*.c. */
#ifndef STC_CALIB_FIT_COST_H
#define STC_CALIB_FIT_COST_H

#include "calib/fit.h"

/* Rows of one (family, GPU, variant), and what left-out forecasts of them say. */
struct stc_fit_group {
    const struct stc_cost_row *rows;
    int n;
    const struct stc_fit *base; /* better known than by these rows; NULL: no */
    struct stc_fit fit;
    double *plain,
        *full;     /* [n] log(forecast / measured), left out; 0 without holdout */
    uint8_t *fold; /* [n] */
    struct stc_arena arena;
    enum stc_err err;
    struct stc_diag diag;
};

/* Fits the whole group, then its folds. Fills fit, plain, full, fold. */
void stc_fit_group(struct stc_fit_group *g, const struct stc_fit_opt *opt);

/* One set of efficiencies for all measured GPUs of a (family, variant) but
 * `without` (NULL: none left out): what a GPU of another generation is given.
 * False when fewer than two GPUs remain; fit.gpu is "any". */
bool stc_fit_pooled(const struct stc_fit_group *g, int n, uint8_t family,
                    uint8_t variant, const char *without, struct stc_fit *out);

/* Lines of the report from fitted groups. */
void stc_fit_lines(struct stc_fit_group *g, int n, struct stc_fit_report *rep);
/* Forecasts every (family, variant) of each GPU from the others; fills pools (at
 * least n) with the pooled fits, whose sigmas are of those forecasts. */
enum stc_err stc_fit_by_gpu(struct stc_arena *a, struct stc_fit_group *g, int n,
                            struct stc_fit *pools, int *n_pools,
                            struct stc_fit_report *rep,
                            struct stc_diag *diag) STC_MUST_USE;
enum stc_err stc_fit_by_source(struct stc_arena *a, const struct stc_cost *c,
                               const struct stc_hw *hw, const char *folder,
                               struct stc_fit_report *rep,
                               struct stc_diag *diag) STC_MUST_USE;

#endif
