#include "sim/cli/cli.h"

static enum cli_exit headroom(const struct cli_args *a, struct stc *sim)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    enum cli_exit rc = cli_load(sim, a->arg[0], a->arg + 1, a->n - 1);
    if (rc != CLI_FINE) return rc;
    enum stc_err err = stc_headroom_report(sim, cli_value(a, "axis"),
                                           a->json ? STC_JSON : STC_TEXT, &out, &diag);
    return err == STC_OK ? cli_print(&out) : cli_fail(err, &diag);
}

static enum cli_exit exec(const struct cli_args *a)
{
    struct stc *sim = NULL;
    enum cli_exit rc = cli_open(&sim, a, 1);
    if (rc != CLI_FINE) return rc;
    rc = headroom(a, sim);
    stc_close(sim);
    return rc;
}

const struct cli_cmd cli_headroom = {
    .name = "headroom",
    .args = "SCENARIO [KEY=VALUE...]",
    .about = "the largest micro-batch, sequence and model and the fewest GPUs that fit",
    .details =
        "One axis at a time, all else as the scenario says; beyond each answer, what "
        "would stand at\n"
        "the peak. Axes: micro_batch, seq_len, layers, hidden, gpus.\n",
    .min_args = 1,
    .max_args = -1,
    .opts = {{"axis", "NAME", "only that axis"}, CLI_CALIB, CLI_CATALOGUE},
    .exec = exec,
};
