/*
 * model_yaml.h - a model as an entry of the catalogue (models/data).
 */
#ifndef STC_REPORTS_MODEL_YAML_H
#define STC_REPORTS_MODEL_YAML_H

#include "models/model.h"
#include "sim/base/text.h"

/* "NAME:" and the keys that differ from their defaults, with the counted
 * parameters as a comment. Reading it back gives the same model. */
void stc_report_model_yaml(const struct stc_model *m, struct stc_text *out);
STC_MUST_USE enum stc_err stc_report_model_json(const struct stc_model *m,
                                                struct stc_text *out,
                                                struct stc_diag *diag);

#endif
