/* fit_json.h - what fits of measurements and of whole steps found, as JSON. */
#ifndef STC_REPORTS_FIT_JSON_H
#define STC_REPORTS_FIT_JSON_H

#include "calib/fit.h"
#include "calib/fit_coll.h"
#include "sim/study/fit_platform.h"
#include <jansson.h>
#include <stdbool.h>

/* One call of `calibrate fit`, or of the folds of `calibrate check`. */
struct stc_fit_said {
    bool has_coll;                        /* collectives were in the store */
    const struct stc_coll_cv *coll;       /* NULL: not cross-validated */
    const struct stc_fit_report *kernels; /* NULL: none in the store */
};

/* {"kernels": ..., "collectives": ...}; null where the shipped numbers stay. */
json_t *stc_report_fit_json(const struct stc_fit_said *s);
STC_MUST_USE enum stc_err stc_report_stepfit_json(const struct stc_stepfit *f,
                                                  struct stc_text *out,
                                                  struct stc_diag *diag);

#endif
