#include "sim/cli/cli.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Ctrl-C asks for the answer so far; a second one ends the program. */
static volatile sig_atomic_t stop;
static void on_signal(int sig)
{
    stop = 1;
    signal(sig, SIG_DFL);
}

/* A line on standard error when that is a terminal, after a second. */
static void status(void *ctx, const char *what, long done, long total, double best_s)
{
    static struct timespec begin, last;
    struct timespec now;
    (void)ctx;
    if (!isatty(STDERR_FILENO)) return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (begin.tv_sec == 0) begin = last = now;
    double since = (double)(now.tv_sec - begin.tv_sec),
           gap = (double)(now.tv_sec - last.tv_sec) +
                 1e-9 * (double)(now.tv_nsec - last.tv_nsec);
    if (since < 1 || gap < 0.1) return;
    last = now;
    fprintf(stderr, "\r\033[K%s %ld", what, done);
    if (total > 0) fprintf(stderr, " of %ld", total);
    if (isfinite(best_s)) fprintf(stderr, ", best %.4g s", best_s);
    fprintf(stderr, " (Ctrl-C: answer now)");
    fflush(stderr);
}

/* Started by mpirun or srun with more than one process? */
static int under_mpi(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *v = getenv(names[i]);
        if (v && atoi(v) > 0) return 1;
    }
    return getenv("PMIX_RANK") != NULL;
}

static enum cli_exit write_outputs(const struct cli_args *a, struct stc_out *out,
                                   struct stc_out *yaml)
{
    enum cli_exit rc = CLI_FINE;
    const char *path = cli_value(a, "write");
    if (path && yaml->data) rc = cli_write_file(path, yaml->data, yaml->size);
    stc_out_free(yaml);
    if (out->data) {
        enum cli_exit printed = cli_print(out);
        if (rc == CLI_FINE) rc = printed;
    }
    return rc;
}

static enum cli_exit judge(const struct cli_args *a, struct stc *sim)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    enum stc_err err = stc_tune_judge_report(
        sim, cli_value(a, "judge"), a->json ? STC_JSON : STC_TEXT, &out, &diag);
    return err == STC_OK ? cli_print(&out) : cli_fail(err, &diag);
}

static enum cli_exit tune(const struct cli_args *a, struct stc *sim)
{
    struct stc_out out = {0}, yaml = {0};
    struct stc_diag diag = {""};
    struct stc_tune_options o = STC_TUNE_OPTIONS_INIT;
    const char *top = cli_value(a, "top");
    if (cli_value(a, "judge")) return judge(a, sim);
    if (a->n < 1) {
        cli_complain("usage: stepcast tune %s", a->cmd->args);
        return CLI_USAGE;
    }
    enum cli_exit rc = cli_load(sim, a->arg[0], a->arg + 1, a->n - 1);
    if (rc != CLI_FINE) return rc;
    o.top_n = top ? atoi(top) : 0;
    o.front = cli_value(a, "front") != NULL;
    o.journal = cli_value(a, "journal");
    o.explain = cli_value(a, "explain");
    o.no_times = cli_value(a, "no-times") != NULL;
    o.world = under_mpi();
    o.stop = &stop;
    o.status = status;
    if (top && (o.top_n < 1 || o.top_n > 10000)) {
        cli_complain("tune: --top %s: a number from 1 to 10000 would be right", top);
        return CLI_USAGE;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    enum stc_err err = stc_tune(sim, &o, a->json ? STC_JSON : STC_TEXT, &out,
                                cli_value(a, "write") ? &yaml : NULL, &diag);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
    if (err != STC_OK) return cli_fail(err, &diag);
    return write_outputs(a, &out, &yaml);
}

static enum cli_exit exec(const struct cli_args *a)
{
    struct stc *sim = NULL;
    const char *threads = cli_value(a, "threads");
    enum cli_exit rc = cli_open(&sim, a, threads ? atoi(threads) : 0);
    if (rc == CLI_FINE) rc = tune(a, sim);
    stc_close(sim);
    return rc;
}

const struct cli_cmd cli_tune = {
    .name = "tune",
    .args = "SCENARIO [KEY=VALUE...] | --judge FILE",
    .about = "find the best layout, and say why every other lost",
    .details = "The scenario's tune: section says which axes are searched (stepcast "
               "help keys). "
               "Ctrl-C prints\nthe answer so far. Under mpirun or srun the processes "
               "share the "
               "work.\n",
    .min_args = 0,
    .max_args = -1,
    .opts = {{"top", "N", "rank the best N (10); the proof is for all N"},
             {"front", NULL, "also the Pareto front of time, memory and GPUs"},
             {"explain", "LAYOUT", "why is this one not chosen? as in tp=4,pp=8"},
             {"write", "FILE", "the scenario with the best layout, as YAML"},
             {"journal", "FILE", "a killed search goes on from this file"},
             {"threads", "N", "threads (as many as cores)"},
             {"judge", "CSV", "the choice among measured runs of a table"},
             CLI_CALIB,
             CLI_CATALOGUE,
             {"no-times", NULL, "leave out how long the search took"}},
    .exec = exec,
};
