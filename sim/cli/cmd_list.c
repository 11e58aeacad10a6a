#include "sim/cli/cli.h"

static enum cli_exit run(const struct cli_args *a, int show)
{
    struct stc *sim = NULL;
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    enum stc_format format = a->json ? STC_JSON : STC_TEXT;
    enum cli_exit rc = cli_open(&sim, a, 0);
    if (rc != CLI_FINE) return rc;
    enum stc_err err = show ? stc_show(sim, a->arg[0], format, &out, &diag)
                            : stc_list(sim, a->arg[0], format, &out, &diag);
    rc = err == STC_OK ? cli_print(&out) : cli_fail(err, &diag);
    stc_close(sim);
    return rc;
}

static enum cli_exit exec_list(const struct cli_args *a)
{
    return run(a, 0);
}

static enum cli_exit exec_show(const struct cli_args *a)
{
    return run(a, 1);
}

const struct cli_cmd cli_list = {
    .name = "list",
    .args = "gpus|nodes|fabrics|models|stacks|scenarios|prices",
    .about = "list what the catalogues hold",
    .min_args = 1,
    .max_args = 1,
    .opts = {CLI_CATALOGUE},
    .exec = exec_list,
};

const struct cli_cmd cli_show = {
    .name = "show",
    .args = "NAME",
    .about = "print all that is known of a GPU, node, fabric, model, stack or scenario",
    .min_args = 1,
    .max_args = 1,
    .opts = {CLI_CATALOGUE},
    .exec = exec_show,
};
