/*
 * fit.h - from measured kernels to the parameters of the compute cost model.
 *
 * THEORY. Per (family, GPU, variant): the named efficiencies are fitted by
 * robust least squares on log(measured / model) (calib/coll_lm.h, numbers kept in
 * their bounds by a logistic map, a weak pull to the priors), on at most
 * `fit_rows` rows drawn evenly; then the residual is grown on what is left
 * (calib/fit_trees.h) where there are enough rows.
 *
 * CROSS-VALIDATION (holdout k > 1).
 *   by shape   rows of one shape share a fold; efficiencies and residual are
 *              refitted without the fold; both errors are printed: physics ×
 *              efficiency alone, and with the residual. Sigmas come from here.
 *   by GPU     a GPU's fits are removed and its rows are forecast by transfer.
 *   by source  gemm_torch.csv (another laboratory, in a model's loop) is forecast.
 * Coverage of a fold uses the sigma of the other folds.
 *
 * COST. The fit alone 15 s on two cores, five folds 60 s.
 */
#ifndef STC_CALIB_FIT_H
#define STC_CALIB_FIT_H

#include "calib/cost_rows.h"
#include "sim/base/text.h"

struct stc_fit_opt {
    int holdout;   /* folds; 0 or 1: none, sigmas are in-sample */
    int fit_rows;  /* rows of a group that efficiencies are fitted on; 0: 1500 */
    int max_steps; /* of least squares; 0: 30 */
    /* What is believed of a GPU before these measurements; NULL: the priors. A group
     * that has fewer rows than its fit in here starts from that fit and is pulled to
     * it; with too few rows for a residual of its own it keeps that one too. */
    const struct stc_cost *base;
    const struct stc_hw *hw; /* the GPUs of the rows; NULL: the shipped catalogue */
};

enum { STC_FIT_LINES = 128 };

/* One line of the report. */
struct stc_fit_line {
    char what[112];
    int n;
    double plain_mape, full_mape; /* left out; fractions */
    double coverage;              /* of the 90 % interval; 0: not scored */
    double width_ratio;           /* mean half-width / mean absolute error */
    double bar;                   /* full_mape must not exceed; 0: none */
};
struct stc_fit_report {
    int n;
    struct stc_fit_line v[STC_FIT_LINES];
    double seconds;
    bool in_sample; /* no folds: errors are of the rows that were fitted */
};

/* Fits every group of FOLDER's rows; *out is indexed and lives in the arena. */
STC_MUST_USE enum stc_err stc_fit_compute(struct stc_arena *a, const char *folder,
                                          const struct stc_fit_opt *opt,
                                          struct stc_cost **out,
                                          struct stc_fit_report *rep,
                                          struct stc_diag *diag);

/* Writes DIR/fits.yaml and DIR/residual_FAMILY.csv, each whole or not at all;
 * residuals of families that have none any more are removed. */
STC_MUST_USE enum stc_err stc_fit_write(const struct stc_cost *c, const char *dir,
                                        struct stc_diag *diag);

/* One file of text into a folder, whole or not at all. */
STC_MUST_USE enum stc_err stc_fit_put_text(const char *dir, const char *name,
                                           const char *text, struct stc_diag *diag);

/* The report as a table: mean absolute error of left-out rows by physics ×
 * efficiency alone and with the residual, the bar of the latter, the share of rows
 * inside the 90 % interval, its mean half-width / mean absolute error. */
void stc_fit_put_head(const char *title, struct stc_text *out);
void stc_fit_put_line(const struct stc_fit_line *l, struct stc_text *out);
void stc_fit_print(const struct stc_fit_report *rep, struct stc_text *out);

#endif
