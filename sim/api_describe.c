/* api_describe.c - a cluster from what its own tools print. */
#include "sim/api.h"

#include "hw/describe.h"
#include "reports/describe_json.h"
#include "scenarios/scenario.h"

enum stc_err stc_describe_cluster(struct stc *sim, const struct stc_describe_input *in,
                                  size_t n, const char *node_name,
                                  enum stc_format format, struct stc_out *out,
                                  struct stc_diag *diag)
{
    struct stc_describe d;
    struct stc_text t, json;
    const struct stc_hw *hw = NULL;
    stc_describe_init(&d);
    enum stc_err err = stc_scenario_hw(stc_api_own(sim), &hw, diag);
    for (size_t i = 0; err == STC_OK && i < n; i++)
        err = stc_describe_add(&d, in[i].name, in[i].text, in[i].size, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (node_name)
        stc_describe_node_yaml(&d, hw, node_name, &t);
    else
        stc_describe_yaml(&d, hw, &t);
    if (format == STC_TEXT) return stc_api_out(&t, STC_OK, out, diag);
    stc_text_init(&json, 0);
    err = stc_report_describe_json(stc_text_str(&t), &json, diag);
    stc_text_free(&t);
    return stc_api_out(&json, err, out, diag);
}
