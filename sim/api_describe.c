/* api_describe.c - a cluster from what its own tools print. */
#include "sim/api.h"

#include "hw/describe.h"
#include "scenarios/scenario.h"

enum stc_err stc_describe_cluster(struct stc *sim, const struct stc_describe_input *in,
                                  size_t n, const char *node_name, struct stc_out *out,
                                  struct stc_diag *diag)
{
    struct stc_describe d;
    struct stc_text t;
    const struct stc_hw *hw = NULL;
    (void)sim;
    stc_describe_init(&d);
    enum stc_err err = stc_scenario_hw(&hw, diag);
    for (size_t i = 0; err == STC_OK && i < n; i++)
        err = stc_describe_add(&d, in[i].name, in[i].text, in[i].size, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (node_name)
        stc_describe_node_yaml(&d, hw, node_name, &t);
    else
        stc_describe_yaml(&d, hw, &t);
    return stc_api_out(&t, STC_OK, out, diag);
}
