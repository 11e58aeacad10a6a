/* cmd_calibrate.c - measurements of one's own: import, fit, show, check, export,
 * forget, anchor. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct verb {
    const char *name;
    int least, most; /* words after the verb; -1: any */
    const char *usage;
    enum cli_exit (*exec)(const struct cli_args *a, const struct stc_calibrate_opts *o);
};

static enum cli_exit print(enum stc_err err, struct stc_out *out,
                           const struct stc_diag *diag)
{
    return err == STC_OK ? cli_print(out) : cli_fail(err, diag);
}

static enum stc_format format_of(const struct cli_args *a)
{
    return a->json ? STC_JSON : STC_TEXT;
}

/* Every file is tried; the worst outcome is the command's. */
static enum cli_exit import(const struct cli_args *a,
                            const struct stc_calibrate_opts *o)
{
    enum cli_exit worst = CLI_FINE;
    for (int i = 1; i < a->n; i++) {
        struct stc_out out = {0};
        struct stc_diag diag = {""};
        enum stc_err err =
            stc_calibrate_import(o, a->arg[i], format_of(a), &out, &diag);
        enum cli_exit rc = print(err, &out, &diag);
        if (rc > worst) worst = rc;
    }
    return worst;
}

static enum cli_exit show(const struct cli_args *a, const struct stc_calibrate_opts *o)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    return print(stc_calibrate_show(o, format_of(a), &out, &diag), &out, &diag);
}

static enum cli_exit folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return CLI_FINE;
    cli_complain("%s: %s", path, strerror(errno));
    return CLI_TROUBLE;
}

static enum cli_exit export(const struct cli_args *a,
                            const struct stc_calibrate_opts *o) {
    struct stc_out out = {0}; struct stc_diag diag = {""};
    enum cli_exit rc = folder(a->arg[1]);
    if (rc != CLI_FINE) return rc;
    return print(stc_calibrate_export(o, a->arg[1], format_of(a), &out, &diag), &out,
                 &diag);
}

static enum cli_exit fit(const struct cli_args *a, const struct stc_calibrate_opts *o)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    enum cli_exit rc = folder(a->arg[1]);
    if (rc != CLI_FINE) return rc;
    return print(stc_calibrate_fit(o, a->arg[1], format_of(a), &out, &diag), &out,
                 &diag);
}

static enum cli_exit fit_steps(const struct cli_args *a,
                               const struct stc_calibrate_opts *o)
{
    static const char *const names[3] = {"platform.yaml", "stacks.yaml", "loso.csv"};
    struct stc_out out = {0}, files[3] = {{0}};
    struct stc_diag diag = {""};
    struct stc *sim = NULL;
    (void)o;
    enum cli_exit rc = cli_open(&sim, a, 0);
    if (rc == CLI_FINE && a->n > 2) rc = folder(a->arg[2]);
    if (rc == CLI_FINE) {
        enum stc_err err =
            stc_calibrate_fit_steps(sim, a->arg[1], format_of(a), &out, files, &diag);
        if (err != STC_OK) rc = cli_fail(err, &diag);
    }
    for (int i = 0; i < 3; i++) {
        char path[4096];
        int n =
            snprintf(path, sizeof path, "%s/%s", a->n > 2 ? a->arg[2] : "", names[i]);
        if (rc == CLI_FINE && a->n > 2 && n > 0 && (size_t)n < sizeof path)
            rc = cli_write_file(path, files[i].data, files[i].size);
        stc_out_free(&files[i]);
    }
    stc_close(sim);
    if (rc == CLI_FINE) return cli_print(&out); /* the files are there */
    stc_out_free(&out);
    return rc;
}

static enum cli_exit forget(const struct cli_args *a,
                            const struct stc_calibrate_opts *o)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    char what[32];
    const char *eq = strchr(a->arg[1], '=');
    if (!eq || (size_t)(eq - a->arg[1]) >= sizeof what || !eq[1]) {
        cli_complain("%s: say file=, machine=, gpu=, form= or source= and a value",
                     a->arg[1]);
        return CLI_USAGE;
    }
    snprintf(what, sizeof what, "%.*s", (int)(eq - a->arg[1]), a->arg[1]);
    return print(stc_calibrate_forget(o, what, eq + 1, format_of(a), &out, &diag), &out,
                 &diag);
}

static enum cli_exit check(const struct cli_args *a, const struct stc_calibrate_opts *o)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    struct stc *sim = NULL;
    enum cli_exit rc = cli_open(&sim, a, 0);
    if (rc != CLI_FINE) return rc;
    rc = print(stc_calibrate_check(sim, o, format_of(a), &out, &diag), &out, &diag);
    stc_close(sim);
    return rc;
}

static enum cli_exit anchor(const struct cli_args *a,
                            const struct stc_calibrate_opts *o)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    struct stc *sim = NULL;
    (void)o;
    enum cli_exit rc = cli_open(&sim, a, 0);
    if (rc != CLI_FINE) return rc;
    rc = cli_load(sim, a->arg[1], a->arg + 3, a->n - 3);
    if (rc == CLI_FINE)
        rc = print(stc_calibrate_anchor(sim, a->arg[2], format_of(a), &out, &diag),
                   &out, &diag);
    stc_close(sim);
    return rc;
}

static const struct verb verbs[] = {
    {"import", 1, -1, "import FILE...", import},
    {"show", 0, 0, "show", show},
    {"check", 0, 0, "check [--holdout 5]", check},
    {"fit", 1, 1, "fit FOLDER", fit},
    {"fit-steps", 1, 2, "fit-steps RUNS.csv [FOLDER]", fit_steps},
    {"export", 1, 1, "export FOLDER", export},
    {"forget", 1, 1, "forget file=F|machine=M|gpu=G|form=T|source=S", forget},
    {"anchor", 2, -1, "anchor SCENARIO LOG [KEY=VALUE...]", anchor},
};

/* A whole number of an option, 0 when it was not given; -1 when it is none. */
static long number(const struct cli_args *a, const char *name)
{
    const char *s = cli_value(a, name);
    char *end = NULL;
    if (!s) return 0;
    long v = strtol(s, &end, 10);
    if (end != s && !*end && v >= 0 && v <= 100000) return v;
    cli_complain("calibrate: --%s %s: not a number", name, s);
    return -1;
}

static enum cli_exit exec(const struct cli_args *a)
{
    struct stc_calibrate_opts o = STC_CALIBRATE_OPTS_INIT;
    const char *env = getenv("STEPCAST_DB"), *gbps = cli_value(a, "nic-gbps");
    long holdout = number(a, "holdout"), nics = number(a, "nics");
    if (holdout < 0 || nics < 0) return CLI_USAGE;
    o.db = cli_value(a, "db") ? cli_value(a, "db")
           : env && env[0]    ? env
                              : "stepcast.db";
    o.machine = cli_value(a, "machine");
    o.gpu = cli_value(a, "gpu");
    o.form = cli_value(a, "form");
    o.fabric = cli_value(a, "fabric");
    o.nics_per_node = (int)nics;
    o.nic_gbps = gbps ? strtod(gbps, NULL) : 0;
    o.holdout = (int)holdout;
    struct cli_catalogues own;
    enum cli_exit rc = cli_catalogues(&own, a);
    if (rc != CLI_FINE) return rc;
    o.catalogues = own.path;
    o.n_catalogues = own.n;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        const struct verb *v = &verbs[i];
        if (strcmp(v->name, a->arg[0]) != 0) continue;
        if (a->n - 1 >= v->least && (v->most < 0 || a->n - 1 <= v->most))
            return v->exec(a, &o);
        cli_complain("usage: stepcast calibrate %s", v->usage);
        return CLI_USAGE;
    }
    const char *names[sizeof verbs / sizeof verbs[0]];
    char near[128], all[128] = "";
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        size_t n = strlen(all);
        names[i] = verbs[i].name;
        snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", names[i]);
    }
    cli_complain("calibrate %s: no such verb (there are %s)%s", a->arg[0], all,
                 stc_did_you_mean(a->arg[0], names, sizeof verbs / sizeof verbs[0],
                                  near, sizeof near));
    return CLI_USAGE;
}

const struct cli_cmd cli_calibrate = {
    .name = "calibrate",
    .args = "VERB ...",
    .about = "keep measurements of your own machines, fit to them, compare with runs",
    .details =
        "  import FILE...            tables of stepcast-bench, nccl-tests output, "
        "PyTorch "
        "profiler\n"
        "                            traces (.json, .json.gz), Nsight Systems exports "
        "(.sqlite),\n"
        "                            logs of Megatron-LM, NeMo, DeepSpeed, torchtitan\n"
        "  show                      what the store holds; with --form and --gpu: the "
        "facts\n"
        "  check                     is the store whole; how well is it forecast\n"
        "  fit FOLDER                parameters from the store, as text files, for "
        "--calib FOLDER of\n"
        "                            simulate, validate, explain, tune, sweep, diff, "
        "headroom\n"
        "  fit-steps RUNS.csv [FOLDER]\n"
        "                            clocks of GPU generations and host times of "
        "stacks from whole\n"
        "                            runs, each source's error also without it; "
        "FOLDER: calib/data\n"
        "  export FOLDER             the facts as CSV\n"
        "  forget WHAT=VALUE         retract facts of a file, machine, gpu, form or "
        "source\n"
        "  anchor SCENARIO LOG [KEY=VALUE...]\n"
        "                            how far the forecast is from this run, and which "
        "one term\n"
        "                            would explain it\n"
        "The store is --db FILE, else $STEPCAST_DB, else ./stepcast.db.\n",
    .min_args = 1,
    .max_args = -1,
    .opts = {{"db", "FILE", "the store"},
             {"machine", "NAME", "import: your word for the machine"},
             {"gpu", "GPU", "import: of files that do not name it; else only this one"},
             {"form", "TABLE", "show, export: only this table"},
             {"fabric", "WORDS", "import of nccl-tests: the network, \"IB NDR400\""},
             {"nics", "N", "import of nccl-tests: NICs of a node"},
             {"nic-gbps", "X", "import of nccl-tests: gigabits/s of a NIC"},
             {"holdout", "N", "check, fit: cross-validate with N folds"},
             {"calib", "DIR", "check, anchor: forecast with what fit put into DIR"},
             {"catalogue", "PATH", "import, fit, check, anchor: hardware of your own"}},
    .exec = exec,
};
