/* tune_text.h - the answer of a search: proof, ranking, front, one layout explained. */
#ifndef STC_REPORTS_TUNE_TEXT_H
#define STC_REPORTS_TUNE_TEXT_H

#include "sim/base/text.h"
#include "sim/study/tune.h"

/* times 0: without wall time and speed, so that two runs print the same. */
void stc_report_tune(const struct stc_scenario *s, const struct stc_tune_result *r,
                     int times, struct stc_text *out);
STC_MUST_USE enum stc_err stc_report_tune_json(const struct stc_scenario *s,
                                               const struct stc_tune_result *r,
                                               struct stc_text *out,
                                               struct stc_diag *diag);
void stc_report_why(const struct stc_tune_result *r, const struct stc_tune_why *w,
                    const char *words, struct stc_text *out);
void stc_report_judge(const struct stc_judge *j, struct stc_text *out);
STC_MUST_USE enum stc_err stc_report_judge_json(const struct stc_judge *j,
                                                struct stc_text *out,
                                                struct stc_diag *diag);

#endif
