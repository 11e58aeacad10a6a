#include "sim/cli/cli.h"

#include <stdio.h>
#include <string.h>

static int ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

static enum cli_exit write_trace(struct stc *sim, const char *path)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    enum stc_err err = stc_simulate_trace(sim, ends_with(path, ".gz"), &out, &diag);
    if (err != STC_OK) return cli_fail(err, &diag);
    enum cli_exit rc = cli_write_file(path, out.data, out.size);
    stc_out_free(&out);
    return rc;
}

static enum cli_exit write_plot(struct stc *sim, const char *path)
{
    struct stc_out script = {0};
    struct stc_diag diag = {""};
    enum stc_err err = stc_simulate_memory_plot(sim, &script, &diag);
    if (err != STC_OK) return cli_fail(err, &diag);
    enum cli_exit rc = cli_gnuplot(script.data, script.size, path);
    stc_out_free(&script);
    return rc;
}

static enum cli_exit verdict(struct stc *sim, const char *name)
{
    struct stc_step step;
    struct stc_diag diag = {""};
    enum stc_err err = stc_simulate(sim, &step, &diag);
    if (err != STC_OK) return cli_fail(err, &diag);
    if (step.fits) return CLI_FINE;
    if (step.host_missing_bytes > 0)
        cli_complain("%s: does not fit: %.1f GiB missing in the fullest node's host",
                     name, step.host_missing_bytes / 1073741824.0);
    if (step.missing_bytes > 0 || step.host_missing_bytes <= 0)
        cli_complain("%s: does not fit: %.1f GiB missing on the fullest GPU", name,
                     step.missing_bytes / 1073741824.0);
    return CLI_INFEASIBLE;
}

static enum cli_exit simulate(const struct cli_args *a, struct stc *sim)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    const char *trace = cli_value(a, "trace"), *plot = cli_value(a, "plot");
    enum cli_exit rc = cli_load(sim, a->arg[0], a->arg + 1, a->n - 1);
    if (rc != CLI_FINE) return rc;
    enum stc_err err =
        cli_value(a, "yaml")
            ? stc_write(sim, &out, &diag)
            : stc_simulate_report(sim, a->json ? STC_JSON : STC_TEXT, &out, &diag);
    if (err != STC_OK) return cli_fail(err, &diag);
    /* files first: a report on the screen means that they are there */
    if (trace) rc = write_trace(sim, trace);
    if (rc == CLI_FINE && plot) rc = write_plot(sim, plot);
    if (rc != CLI_FINE) {
        stc_out_free(&out);
        return rc;
    }
    rc = cli_print(&out);
    if (rc != CLI_FINE || cli_value(a, "yaml")) return rc;
    return verdict(sim, a->arg[0]);
}

static enum cli_exit exec(const struct cli_args *a)
{
    struct stc *sim = NULL;
    enum cli_exit rc = cli_open(&sim, a, 0);
    if (rc != CLI_FINE) return rc;
    rc = simulate(a, sim);
    stc_close(sim);
    return rc;
}

const struct cli_cmd cli_simulate = {
    .name = "simulate",
    .args = "SCENARIO [KEY=VALUE...]",
    .about = "simulate one training step and print where its time and memory go",
    .details = "SCENARIO is a YAML file, the name of one that travels with the program "
               "(stepcast list\n"
               "scenarios), or - for standard input. KEY=VALUE overrides a key: "
               "layout.tp=4; stepcast\n"
               "help keys lists them. Exit code 1: the model does not fit, or the "
               "layout cannot be cut.\n",
    .min_args = 1,
    .max_args = -1,
    .opts = {{"trace", "FILE",
              "write a Chrome/Perfetto trace; compressed when FILE ends with .gz"},
             {"plot", "FILE.png", "plot memory over time (needs gnuplot)"},
             CLI_CALIB,
             CLI_CATALOGUE,
             {"yaml", NULL, "print the scenario as YAML instead of simulating it"}},
    .exec = exec,
};
