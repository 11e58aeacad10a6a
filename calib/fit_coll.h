/*
 * fit_coll.h - from measured collectives to the parameters of kernels/coll.h.
 *
 * THEORY. Four fits, each of a few named terms with a pull to their priors
 * (kernels/coll_params.h):
 *   generation  NCCL inside one node, per GPU generation;
 *   fabric      what crosses nodes, per fabric, the generations held fixed;
 *   library     a serving framework's all-reduce, per generation, with the
 *               sizes up to which it does not call NCCL;
 *   residual    log(measured / formula) of each series, smoothed over sizes.
 * Errors are relative (log), robust (calib/coll_lm.h). Kernel times of traces
 * that hold the wait for a late rank (struct stc_coll_row.skewed) are scored but
 * not fitted below 4 MiB.
 *
 * CROSS-VALIDATION. By shape: five folds of (collective, ranks, nodes, bytes),
 * all GPUs and libraries together, so that a twin run does not give the answer
 * away. By GPU: the generation's rows removed, its terms transferred. By
 * cluster: all rows between nodes of one cluster removed. The sigmas of the
 * parameters are the 90 % quantiles of these left-out errors over 1.645.
 *
 * COST. The fit alone ~0.3 s, with cross-validation ~3 s on one core.
 */
#ifndef STC_CALIB_FIT_COLL_H
#define STC_CALIB_FIT_COLL_H

#include "calib/coll_rows.h"
#include "kernels/coll_params.h"
#include "sim/base/text.h"

enum { STC_COLL_CV_LINES = 48 };

struct stc_coll_cv_line {
    char what[56];
    int n;
    double physics_mape; /* physics × efficiency alone */
    double full_mape;    /* with the residual */
    double coverage;     /* share of rows inside the 90 % interval */
    double width_ratio;  /* mean half-width of the interval / mean absolute error */
    double bar;          /* full_mape must not exceed; 0: none */
};
struct stc_coll_cv {
    struct stc_coll_cv_line v[STC_COLL_CV_LINES];
    int n;
};

/* Fits on FOLDER/micro/collectives.csv, else FOLDER/collectives.csv. cv NULL:
 * no cross-validation, sigmas stay those of base, else priors. base: what is
 * believed before (NULL: the priors); terms that more rows stand behind there start
 * from it, are pulled to it, and are fitted under its residuals. Only what has rows
 * in FOLDER is in *out as measured. */
STC_MUST_USE enum stc_err stc_fit_coll(struct stc_arena *a, const struct stc_hw *hw,
                                       const char *folder,
                                       const struct stc_coll_params *base,
                                       struct stc_coll_params *out,
                                       struct stc_coll_cv *cv, struct stc_diag *diag);

/* One fit on the rows that keep (NULL: all). */
STC_MUST_USE enum stc_err stc_fit_coll_rows(struct stc_arena *a,
                                            const struct stc_coll_rows *rows,
                                            const bool *keep,
                                            const struct stc_coll_params *base,
                                            struct stc_coll_params *out,
                                            struct stc_diag *diag);
/* Its last part: the residual tables, for the terms that are in p. */
void stc_fit_coll_residuals(const struct stc_coll_rows *rows, const bool *keep,
                            struct stc_coll_params *p);
/* Fills cv and the sigmas of p. */
STC_MUST_USE enum stc_err stc_fit_coll_validate(struct stc_arena *a,
                                                const struct stc_coll_rows *rows,
                                                const struct stc_coll_params *base,
                                                struct stc_coll_params *p,
                                                struct stc_coll_cv *cv,
                                                struct stc_diag *diag);
/* Not fitted: below this size a skewed row says nothing of the collective. */
#define STC_COLL_SKEW_BYTES 4194304.0

void stc_fit_coll_report(const struct stc_coll_cv *cv, struct stc_text *out);

#endif
