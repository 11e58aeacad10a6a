#include "sim/cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static void on_signal(int sig)
{
    stop = 1;
    signal(sig, SIG_DFL);
}

static enum cli_exit usage(const char *why)
{
    cli_complain("sweep: %s", why);
    return CLI_USAGE;
}

/* A results file in words, numbers or pictures. */
static enum cli_exit show(const struct cli_args *a, struct stc *sim, const char *path)
{
    static const struct {
        const char *opt;
        enum stc_sweep_format format;
    } files[] = {{"csv", STC_SWEEP_CSV}, {"plot", STC_SWEEP_PLOT}};
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *to = cli_value(a, files[i].opt);
        if (!to) continue;
        enum stc_err err = stc_sweep_report(sim, path, files[i].format, &out, &diag);
        if (err != STC_OK) return cli_fail(err, &diag);
        enum cli_exit rc = files[i].format == STC_SWEEP_PLOT
                               ? cli_gnuplot(out.data, out.size, to)
                               : cli_write_file(to, out.data, out.size);
        stc_out_free(&out);
        if (rc != CLI_FINE) return rc;
    }
    enum stc_err err = stc_sweep_report(
        sim, path, a->json ? STC_SWEEP_JSON : STC_SWEEP_TEXT, &out, &diag);
    return err == STC_OK ? cli_print(&out) : cli_fail(err, &diag);
}

static enum cli_exit merge(const struct cli_args *a, struct stc *sim, const char *to)
{
    struct stc_diag diag = {""};
    enum stc_err err = stc_sweep_merge_files(sim, to, a->arg, a->n, &diag);
    return err == STC_OK ? show(a, sim, to) : cli_fail(err, &diag);
}

static int parse_shard(const char *text, struct stc_sweep_options *o)
{
    int used = 0;
    return sscanf(text, "%d/%d%n", &o->shard, &o->n_shards, &used) == 2 &&
           !text[used] && o->n_shards > 0 && o->shard >= 0 && o->shard < o->n_shards;
}

/* ==== a job array ==== */

/* One word as the shell reads it back. */
static void put_word(const char *word)
{
    fputs(" '", stdout);
    for (const char *c = word; *c; c++)
        if (*c == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*c);
    putchar('\'');
}

/* The sweep as a Slurm job array with a shard a task, on standard output. */
static enum cli_exit print_job(const struct cli_args *a, const char *path)
{
    static const char *const passed[] = {"vary",  "tune",      "weak",
                                         "calib", "catalogue", "threads"};
    char *end;
    long n = strtol(cli_value(a, "job"), &end, 10);
    if (*end || n < 1 || n > 100000)
        return usage("--job N: a number of tasks from 1 to 100000 would be right");
    printf("#!/bin/bash\n#SBATCH --job-name=stepcast-sweep\n#SBATCH --array=0-%ld\n"
           "#SBATCH --nodes=1\n#SBATCH --ntasks=1\n",
           n - 1);
    printf("# Afterwards: stepcast sweep --merge");
    put_word(path);
    put_word(path);
    printf(".*\nset -e\n\"${STEPCAST:-stepcast}\" sweep");
    for (int i = 0; i < a->n; i++)
        put_word(a->arg[i]);
    for (int i = 0; i < a->n_values; i++)
        for (size_t k = 0; k < sizeof passed / sizeof passed[0]; k++) {
            if (strcmp(a->values[i].name, passed[k]) != 0) continue;
            printf(" --%s", passed[k]);
            if (a->values[i].value[0]) put_word(a->values[i].value);
        }
    printf(" --shard \"$SLURM_ARRAY_TASK_ID/%ld\" --out", n);
    put_word(path);
    printf(".\"$SLURM_ARRAY_TASK_ID\" >/dev/null\n");
    return fflush(stdout) == 0 ? CLI_FINE : CLI_TROUBLE;
}

static int under_mpi(void)
{
    const char *v = getenv("OMPI_COMM_WORLD_SIZE");
    return (v && atoi(v) > 0) || getenv("PMIX_RANK") != NULL;
}

static enum cli_exit sweep(const struct cli_args *a, struct stc *sim)
{
    const char *path = cli_value(a, "out"), *shard = cli_value(a, "shard"),
               *to = cli_value(a, "merge"), *vary[CLI_VALUES_MAX];
    struct stc_sweep_options o = STC_SWEEP_OPTIONS_INIT;
    struct stc_diag diag = {""};
    if (to) return merge(a, sim, to);
    if (cli_value(a, "show")) return show(a, sim, cli_value(a, "show"));
    if (a->n < 1) return usage("a scenario is needed; stepcast sweep --help");
    if (!path)
        return usage("--out FILE is needed: the results file, as in --out sweep.db");
    if (cli_value(a, "job")) return print_job(a, path);
    if (shard && !parse_shard(shard, &o))
        return usage("--shard I/N with 0 <= I < N would be right, as in --shard 0/4");
    for (int i = 0; i < a->n_values; i++)
        if (strcmp(a->values[i].name, "vary") == 0)
            vary[o.n_vary++] = a->values[i].value;
    enum cli_exit rc = cli_load(sim, a->arg[0], a->arg + 1, a->n - 1);
    if (rc != CLI_FINE) return rc;
    o.vary = vary;
    o.tune = cli_value(a, "tune") != NULL;
    o.weak = cli_value(a, "weak") != NULL;
    o.world = under_mpi();
    o.stop = &stop;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    enum stc_err err = stc_sweep(sim, &o, path, &diag);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (err == STC_ERR_INTERRUPTED && o.world && !diag.text[0]) return CLI_FINE;
    if (err != STC_OK) return cli_fail(err, &diag);
    rc = show(a, sim, path);
    if (!stop || rc != CLI_FINE) return rc;
    cli_complain("stopped: the same command goes on with the points that are missing");
    return CLI_TROUBLE;
}

static enum cli_exit exec(const struct cli_args *a)
{
    struct stc *sim = NULL;
    const char *threads = cli_value(a, "threads");
    enum cli_exit rc = cli_open(&sim, a, threads ? atoi(threads) : 0);
    if (rc == CLI_FINE) rc = sweep(a, sim);
    stc_close(sim);
    return rc;
}

const struct cli_cmd cli_sweep = {
    .name = "sweep",
    .args = "SCENARIO [KEY=VALUE...] --vary KEY=V,V --out FILE | --merge FILE FILE...",
    .about = "forecast a grid of changed keys into an SQLite file",
    .details =
        "A point that stands in the file is not computed again: a sweep that was "
        "killed "
        "goes on. Shards\n(one of a Slurm job array each) write files of their own; "
        "--merge joins them.\n",
    .min_args = 0,
    .max_args = -1,
    .opts = {{"vary", "KEY=V,V", "values of a key; repeat it for a grid"},
             {"out", "FILE", "the results file"},
             {"tune", NULL,
              "the best layout of every point (the scenario's tune: section)"},
             {"weak", NULL, "weak scaling: the batch grows with the GPUs"},
             {"shard", "I/N", "only every N-th point, from the I-th (from 0)"},
             {"job", "N", "print a Slurm job array of N shards instead"},
             {"merge", "FILE", "join results files into this one"},
             {"show", "FILE", "print a results file"},
             {"csv", "FILE", "the table as CSV"},
             {"plot", "FILE", "a picture (PNG) of rate and efficiency"},
             CLI_CALIB,
             CLI_CATALOGUE,
             {"threads", "N", "threads (as many as cores)"}},
    .exec = exec,
};
