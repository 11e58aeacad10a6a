/* anchor_text.h - a run beside its forecast, and the terms that would explain it. */
#ifndef STC_REPORTS_ANCHOR_TEXT_H
#define STC_REPORTS_ANCHOR_TEXT_H

#include "sim/base/text.h"
#include "sim/study/anchor.h"

void stc_report_anchor(const struct stc_anchor_report *r, const struct stc_anchor *run,
                       struct stc_text *out);
void stc_report_anchor_json(const struct stc_anchor_report *r,
                            const struct stc_anchor *run, struct stc_text *out);

#endif
