#include "sim/cli/cli.h"

#include <string.h>

static enum cli_exit diff(const struct cli_args *a, struct stc *x, struct stc *y)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    int self = strchr(a->arg[1], '=') != NULL; /* one scenario, changed */
    const char *second = self ? a->arg[0] : a->arg[1];
    int first_set = self ? 1 : 2;
    if (strcmp(a->arg[0], "-") == 0 && strcmp(second, "-") == 0) {
        cli_complain("diff: standard input can be read once only");
        return CLI_USAGE;
    }
    enum cli_exit rc = cli_load(x, a->arg[0], NULL, 0);
    if (rc == CLI_FINE) rc = cli_load(y, second, a->arg + first_set, a->n - first_set);
    if (rc != CLI_FINE) return rc;
    enum stc_err err = stc_diff(x, y, a->json ? STC_JSON : STC_TEXT, &out, &diag);
    return err == STC_OK ? cli_print(&out) : cli_fail(err, &diag);
}

static enum cli_exit exec(const struct cli_args *a)
{
    struct stc *x = NULL, *y = NULL;
    enum cli_exit rc = cli_open(&x, a, 0);
    if (rc == CLI_FINE) rc = cli_open(&y, a, 0);
    if (rc == CLI_FINE) rc = diff(a, x, y);
    stc_close(x);
    stc_close(y);
    return rc;
}

const struct cli_cmd cli_diff = {
    .name = "diff",
    .args = "A B [KEY=VALUE...] | A KEY=VALUE...",
    .about = "explain the difference between two scenarios' steps",
    .details = "KEY=VALUE changes B; without B, B is A with these changes. Shown: a "
               "waterfall of parts,\n"
               "and the keys that differ put over A one at a time.\n",
    .min_args = 2,
    .max_args = -1,
    .opts = {CLI_CALIB, CLI_CATALOGUE},
    .exec = exec,
};
