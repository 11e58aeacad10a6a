/* api_import.c - what others wrote becomes ours: a Hugging Face config as a model. */
#include "sim/api.h"

#include "models/import_hf.h"
#include "reports/model_yaml.h"

#include <stdio.h>

enum stc_err stc_import_hf_model(const char *path, const char *name,
                                 enum stc_format format, struct stc_out *out,
                                 struct stc_diag *diag)
{
    struct stc_model m;
    struct stc_text t;
    enum stc_err err = stc_import_hf_file(path, &m, diag);
    if (err != STC_OK) return err;
    if (name) snprintf(m.name, sizeof m.name, "%s", name);
    stc_text_init(&t, 0);
    if (format == STC_JSON)
        err = stc_report_model_json(&m, &t, diag);
    else
        stc_report_model_yaml(&m, &t);
    return stc_api_out(&t, err, out, diag);
}
