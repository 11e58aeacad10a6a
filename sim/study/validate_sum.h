/* validate_sum.h - private to sim/study: fills the summaries of a report whose rows are done. */
#ifndef STC_STUDY_VALIDATE_SUM_H
#define STC_STUDY_VALIDATE_SUM_H

#include "sim/study/validate.h"

STC_MUST_USE enum stc_err stc_validate_sum(struct stc_arena *a, struct stc_vreport *r,
                                           struct stc_diag *diag);

#endif
