/*
 * explain_text.h - why the cost model says what it says, for a person and as JSON.
 */
#ifndef STC_REPORTS_EXPLAIN_TEXT_H
#define STC_REPORTS_EXPLAIN_TEXT_H

#include "sim/base/text.h"
#include "sim/study/explain.h"

void stc_report_explain(const struct stc_explain *e, struct stc_text *out);
STC_MUST_USE enum stc_err stc_report_explain_json(const struct stc_explain *e,
                                                  struct stc_text *out,
                                                  struct stc_diag *diag);
/* The kinds of questions; the keys of one. */
void stc_report_explain_kinds(struct stc_text *out);
STC_MUST_USE enum stc_err stc_report_explain_kinds_json(struct stc_text *out,
                                                        struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_report_explain_keys_json(enum stc_qkind kind,
                                                       struct stc_text *out,
                                                       struct stc_diag *diag);

#endif
