/*
 * headroom_text.h - how far a scenario can grow, for a person and as JSON.
 */
#ifndef STC_REPORTS_HEADROOM_TEXT_H
#define STC_REPORTS_HEADROOM_TEXT_H

#include "sim/base/text.h"
#include "sim/study/headroom.h"

void stc_report_headroom(const struct stc_headroom_report *r, struct stc_text *out);
/* s: the scenario that it was asked of. */
STC_MUST_USE enum stc_err stc_report_headroom_json(const struct stc_scenario *s,
                                                   const struct stc_headroom_report *r,
                                                   struct stc_text *out,
                                                   struct stc_diag *diag);

#endif
