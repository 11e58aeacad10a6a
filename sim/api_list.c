/* api_list.c - what the catalogues hold. */
#include "sim/api.h"

#include "reports/list.h"

enum stc_err stc_list(struct stc *sim, const char *what, enum stc_format format,
                      struct stc_out *out, struct stc_diag *diag)
{
    const struct stc_hw *hw = NULL;
    struct stc_text t;
    (void)sim;
    enum stc_err err = stc_scenario_hw(&hw, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    err = stc_report_list(hw, what, format == STC_JSON, &t, diag);
    return stc_api_out(&t, err, out, diag);
}

enum stc_err stc_show(struct stc *sim, const char *name, enum stc_format format,
                      struct stc_out *out, struct stc_diag *diag)
{
    const struct stc_hw *hw = NULL;
    struct stc_text t;
    (void)sim;
    enum stc_err err = stc_scenario_hw(&hw, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    err = stc_report_show(hw, name, format == STC_JSON, &t, diag);
    return stc_api_out(&t, err, out, diag);
}
