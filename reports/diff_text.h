/* diff_text.h - two scenarios side by side, a waterfall of parts, and one change at a time. */
#ifndef STC_REPORTS_DIFF_TEXT_H
#define STC_REPORTS_DIFF_TEXT_H

#include "sim/base/text.h"
#include "sim/study/diff.h"

void stc_report_diff(const struct stc_diff *d, const char *a_name, const char *b_name,
                     struct stc_text *out);
STC_MUST_USE enum stc_err stc_report_diff_json(const struct stc_diff *d,
                                               const char *a_name, const char *b_name,
                                               struct stc_text *out,
                                               struct stc_diag *diag);

#endif
