/* validate_text.h - errors by source as a table, rows with their parts for whoever improves the model, JSON. */
#ifndef STC_REPORTS_VALIDATE_TEXT_H
#define STC_REPORTS_VALIDATE_TEXT_H

#include "sim/base/text.h"
#include "sim/study/validate.h"

void stc_report_validate(const struct stc_vreport *r, struct stc_text *out);
/* One line a row: measured, forecast, error, then the busiest stage's parts in seconds. */
void stc_report_validate_parts(const struct stc_vreport *r, struct stc_text *out);
STC_MUST_USE enum stc_err stc_report_validate_json(const struct stc_vreport *r,
                                                   struct stc_text *out,
                                                   struct stc_diag *diag);

#endif
