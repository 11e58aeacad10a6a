/* step_json.h - the whole result as JSON: SI units in the keys' names, schema, versions, hashes. */
#ifndef STC_REPORTS_STEP_JSON_H
#define STC_REPORTS_STEP_JSON_H

#include "scenarios/scenario.h"
#include "sim/base/text.h"
#include "sim/run/result.h"

STC_MUST_USE enum stc_err stc_report_step_json(const struct stc_scenario *s,
                                               const struct stc_result *r,
                                               struct stc_text *out,
                                               struct stc_diag *diag);

#endif
