#include "sim/cli/cli.h"

#include <string.h>

static const char own_tables[] = "tests/data/truth";

static enum cli_exit exec(const struct cli_args *a)
{
    struct stc *sim = NULL;
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    const char *tables = cli_value(a, "near");
    if (strcmp(a->arg[0], "op") != 0 && strcmp(a->arg[0], "keys") != 0) {
        const char *const words[] = {"op", "keys"};
        char near[64];
        cli_complain("explain: %s: not a thing to explain%s; \"explain op KIND\" or "
                     "\"explain keys\" would be right",
                     a->arg[0],
                     stc_did_you_mean(a->arg[0], words, 2, near, sizeof near));
        return CLI_USAGE;
    }
    const char *op = a->n > 1 ? a->arg[1] : NULL;
    if (!op || strcmp(a->arg[0], "keys") == 0) {
        enum stc_err err =
            stc_explain_keys(op, a->json ? STC_JSON : STC_TEXT, &out, &diag);
        return err == STC_OK ? cli_print(&out) : cli_fail(err, &diag);
    }
    enum cli_exit rc = cli_open(&sim, a, 1);
    if (rc != CLI_FINE) return rc;
    enum stc_err err = stc_explain_op(sim, op, a->arg + 2, (size_t)(a->n - 2),
                                      tables ? tables : own_tables,
                                      a->json ? STC_JSON : STC_TEXT, &out, &diag);
    rc = err == STC_OK ? cli_print(&out) : cli_fail(err, &diag);
    stc_close(sim);
    return rc;
}

const struct cli_cmd cli_explain = {
    .name = "explain",
    .args = "op KIND KEY=VALUE... | keys [KIND]",
    .about = "print the reasoning behind the seconds of one kernel or collective",
    .details =
        "KIND is gemm, attention, grouped, moe, membound, collective, copy or launch; "
        "explain keys KIND\n"
        "lists its keys. Example:\n"
        "  stepcast explain op gemm gpu=H100-SXM5-80GB m=4096 n=12288 k=12288 "
        "dtype=bf16\n"
        "  stepcast explain op collective gpu=H100-SXM5-80GB collective=all-reduce "
        "ranks=16 bytes=1GiB\n",
    .min_args = 1,
    .max_args = -1,
    .opts = {{"near", "DIR",
              "tables of measured kernels; tests/data/truth when not said"},
             CLI_CALIB,
             CLI_CATALOGUE},
    .exec = exec,
};
