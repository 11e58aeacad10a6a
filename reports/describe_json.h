/*
 * describe_json.h - a described cluster for programs.
 *
 * The YAML that a person gets is the answer; programs get it whole (`yaml`), its
 * values as they stand there (rates keep their units) and its comments (`remarks`).
 */
#ifndef STC_REPORTS_DESCRIBE_JSON_H
#define STC_REPORTS_DESCRIBE_JSON_H

#include "sim/base/err.h"
#include "sim/base/text.h"

STC_MUST_USE enum stc_err stc_report_describe_json(const char *yaml,
                                                   struct stc_text *out,
                                                   struct stc_diag *diag);

#endif
