/*
 * stepcast-bench - measures a GPU so that forecasts can be fitted to it.
 *
 * This file is the program: options, the plan, progress, what to do when a
 * case fails. Exit codes: 0 done, 1 something failed, 2 usage, 3 no GPU,
 * 4 a result differs from its reference, 5 stopped by --max-s or a signal with
 * cases left (run it again to go on).
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coll.cuh"
#include "frame.cuh"

enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_GPU = 3,
    EXIT_WRONG = 4,
    EXIT_MORE = 5
};
enum { MOST_SUITES = 16, MOST_FILES = 16 };

static const struct {
    const char *name;
    stc_suite_run *run;
} runs[] = {
    {"gemm", stc_run_gemm},         {"gemm_steady", stc_run_gemm_steady},
    {"membound", stc_run_membound}, {"copy", stc_run_copy},
    {"launch", stc_run_launch},     {"coll", stc_run_coll},
    {"overlap", stc_run_overlap},   {"clocks", stc_run_clocks},
};

struct options {
    const char *out, *assume;
    struct stc_labels labels;
    struct stc_plan_opts plan;
    double max_s;
    int list, dry_run, gpus; /* gpus: for --dry-run where none is at hand */
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* ==== options ==== */

static const char usage[] =
    "usage: stepcast-bench [options]\n"
    "Measures the GPUs of this machine; prints CSV files for `stepcast calibrate "
    "import`.\n\n"
    "  --out DIR           folder of the CSV files (default: bench); a run that was\n"
    "                      stopped goes on from what is there\n"
    "  --suite A,B         only these suites (default: all that apply)\n"
    "  --quick             short grids: two minutes instead of eight\n"
    "  --max-s N           stop after N seconds with exit code 5; run again to go on\n"
    "  --dry-run           print the plan and its estimated time; needs no GPU\n"
    "  --assume NAME       GPU that --dry-run assumes: H200 (default), H100, A100, "
    "B200, V100\n"
    "  --gpus N            GPUs that --dry-run assumes (default: 1)\n"
    "  --list              print the suites\n"
    "  --gpu NAME          the GPU's catalogue name (default: from the driver)\n"
    "  --machine NAME      the machine's name in the rows (default: the host's)\n"
    "  --intra TEXT        links inside a node, e.g. \"NVLink4 NVSwitch\"\n"
    "  --inter TEXT        network between nodes, e.g. \"IB NDR400\"\n"
    "  --nics-per-node N   and --nic-gbps N: of that network\n"
    "  --help              this text\n";

static int parse_count(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text == '\0' || *end != '\0' || !(*out >= 0 && *out <= 1e6);
}

/* 0, or a usage error. */
static int parse(int argc, char **argv, struct options *o)
{
    struct {
        const char *flag;
        const char **text;
        double number;
    } with[] = {
        {"--out", &o->out, 0},
        {"--suite", &o->plan.only, 0},
        {"--assume", &o->assume, 0},
        {"--gpu", &o->labels.gpu, 0},
        {"--machine", &o->labels.machine, 0},
        {"--intra", &o->labels.intra, 0},
        {"--inter", &o->labels.inter, 0},
        {"--max-s", NULL, 0},
        {"--gpus", NULL, 1},
        {"--nics-per-node", NULL, 0},
        {"--nic-gbps", NULL, 0},
    };
    int i, k, n = (int)(sizeof with / sizeof with[0]);
    for (i = 1; i < argc; i++) {
        int found = 1;
        if (strcmp(argv[i], "--quick") == 0)
            o->plan.quick = 1;
        else if (strcmp(argv[i], "--dry-run") == 0)
            o->dry_run = 1;
        else if (strcmp(argv[i], "--list") == 0)
            o->list = 1;
        else
            found = 0;
        for (k = 0; !found && k < n; k++) {
            if (strcmp(argv[i], with[k].flag) != 0) continue;
            found = 1;
            if (++i >= argc) {
                fprintf(stderr, "stepcast-bench: %s wants a value\n", with[k].flag);
                return -1;
            }
            if (with[k].text) {
                *with[k].text = argv[i];
            } else if (parse_count(argv[i], &with[k].number)) {
                fprintf(stderr, "stepcast-bench: %s wants a number, not \"%s\"\n",
                        with[k].flag, argv[i]);
                return -1;
            }
        }
        if (!found) {
            fprintf(stderr, "stepcast-bench: unknown option %s; see --help\n", argv[i]);
            return -1;
        }
    }
    o->max_s = with[7].number;
    o->gpus = (int)with[8].number;
    o->labels.nics_per_node = (int)with[9].number;
    o->labels.nic_gbps = (int)with[10].number;
    return 0;
}

/* ==== plan ==== */

static void print_plan(const struct stc_plan *plan, const struct stc_assumed_gpu *gpu,
                       const struct stc_keys *done)
{
    double total = 0;
    size_t i, all = 0;
    int s;
    printf("%-12s %6s %6s %9s  %s\n", "suite", "cases", "done", "estimate", "file");
    for (s = 0; s < stc_bench_n_suites; s++) {
        size_t n = 0, n_done = 0;
        double seconds = 0;
        for (i = 0; i < plan->n; i++) {
            const struct stc_case *c = &plan->cases[i];
            if (c->suite != s) continue;
            n++;
            if (stc_keys_has(done, c->key))
                n_done++;
            else
                seconds += stc_case_estimate_s(c, gpu);
        }
        if (n == 0) continue;
        printf("%-12s %6zu %6zu %7.0f s  %s\n", stc_bench_suites[s].name, n, n_done,
               seconds, stc_bench_suites[s].file);
        total += seconds;
        all += n;
    }
    printf("%-12s %6zu %6s %7.0f s  (%.1f minutes on an assumed %s)\n", "total", all,
           "", total, total / 60, gpu->name);
}

/* ==== files ==== */

struct files {
    struct stc_csv csv[MOST_FILES];
    const char *name[MOST_FILES];
    int n;
    struct stc_csv skipped;
    struct stc_keys done;
};

static int open_one(const char *dir, const char *name, const char *columns,
                    struct stc_csv *csv, struct stc_keys *done, char why[STC_WHY_BYTES])
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        snprintf(why, STC_WHY_BYTES, "--out is too long");
        return -1;
    }
    return stc_csv_open(csv, path, columns, done, why);
}

static int find_file(const struct files *files, const char *name)
{
    int i;
    for (i = 0; i < files->n; i++) {
        if (strcmp(files->name[i], name) == 0) return i;
    }
    return -1;
}

/* Only files of suites in the plan, so that no empty ones are left about. */
static int open_files(struct files *files, const struct stc_plan *plan, const char *dir,
                      char why[STC_WHY_BYTES])
{
    char columns[1024];
    size_t i;
    if (mkdir(dir, 0777) && errno != EEXIST) {
        snprintf(why, STC_WHY_BYTES, "%s: %s", dir, strerror(errno));
        return -1;
    }
    for (i = 0; i < plan->n; i++) {
        const struct stc_suite_info *s = &stc_bench_suites[plan->cases[i].suite];
        if (find_file(files, s->file) >= 0 || files->n == MOST_FILES) continue;
        snprintf(columns, sizeof columns, "%s,%s", s->columns, STC_TAIL_COLUMNS);
        if (open_one(dir, s->file, columns, &files->csv[files->n], &files->done, why))
            return -1;
        files->name[files->n++] = s->file;
    }
    return open_one(dir, "skipped.csv", "suite,reason,key", &files->skipped,
                    &files->done, why);
}

static void close_files(struct files *files)
{
    int i;
    for (i = 0; i < files->n; i++)
        stc_csv_close(&files->csv[i]);
    stc_csv_close(&files->skipped);
    stc_keys_free(&files->done);
}

/* ==== running ==== */

static void progress(const struct stc_frame *f, const struct stc_case *c, size_t i,
                     size_t n, double left_s)
{
    if (f->world.rank != 0 || !isatty(STDERR_FILENO)) return;
    fprintf(stderr, "\r\033[K[%zu/%zu] about %.0f s left  %.60s", i + 1, n, left_s,
            c->key);
    fflush(stderr);
}

static void end_progress(const struct stc_frame *f)
{
    if (f->world.rank == 0 && isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}

static int put_skipped(struct stc_frame *f, struct files *files,
                       const struct stc_case *c)
{
    struct stc_row row;
    if (f->world.rank != 0) return 0;
    stc_row_start(&row);
    stc_row_text(&row, stc_bench_suites[c->suite].name);
    stc_row_text(&row, f->why);
    stc_row_text(&row, c->key);
    return stc_csv_put(&files->skipped, &row, f->why);
}

static stc_suite_run *find_run(const struct stc_case *c)
{
    size_t i;
    for (i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        if (strcmp(runs[i].name, stc_bench_suites[c->suite].name) == 0)
            return runs[i].run;
    }
    return NULL;
}

/* 0: go on; otherwise the program's exit code. */
static int run_case(struct stc_frame *f, struct files *files, const struct stc_case *c,
                    size_t *n_skipped)
{
    int file = find_file(files, stc_bench_suites[c->suite].file);
    enum stc_ran ran;
    f->key = c->key;
    f->csv = f->world.rank == 0 && file >= 0 ? &files->csv[file] : NULL;
    f->why[0] = '\0';
    stc_pool_reset(f);
    ran = find_run(c)(f, c);
    if (ran == STC_RAN_OK) return 0;
    end_progress(f);
    if (ran == STC_RAN_SKIP) {
        (*n_skipped)++;
        return put_skipped(f, files, c) ? EXIT_FAILED : 0;
    }
    fprintf(stderr, "stepcast-bench: %s: %s\n", c->key, f->why);
    if (ran == STC_RAN_WRONG) {
        fprintf(stderr,
                "stepcast-bench: a wrong kernel's time is worth nothing; stopped\n");
        return EXIT_WRONG;
    }
    return EXIT_FAILED;
}

static int run_all(struct stc_frame *f, struct files *files,
                   const struct stc_plan *plan, const struct options *o)
{
    const struct stc_assumed_gpu *gpu = stc_assumed_find(o->assume);
    double start = stc_wall_s(), left = 0;
    size_t i, n_run = 0, n_skipped = 0, n_left = 0;
    int code = 0;
    for (i = 0; i < plan->n; i++) {
        if (!stc_keys_has(&files->done, plan->cases[i].key)) {
            left += stc_case_estimate_s(&plan->cases[i], gpu);
        }
    }
    for (i = 0; i < plan->n; i++) {
        const struct stc_case *c = &plan->cases[i];
        double estimate = stc_case_estimate_s(c, gpu);
        int what = 0; /* 0 run, 1 done before, 2 stop */
        if (f->world.rank == 0) {
            double used = stc_wall_s() - start;
            what = stc_keys_has(&files->done, c->key) ? 1 : 0;
            if (stopped || (o->max_s > 0 && used + estimate > o->max_s)) what = 2;
        }
        stc_world_bcast(&f->world, &what, sizeof what);
        if (what == 1) continue;
        if (what == 2) {
            n_left = plan->n - i;
            break;
        }
        progress(f, c, i, plan->n, left);
        code = run_case(f, files, c, &n_skipped);
        if (code) return code;
        n_run++;
        left -= estimate;
    }
    end_progress(f);
    if (f->world.rank == 0) {
        fprintf(stderr, "stepcast-bench: %zu cases in %.0f s, %zu of them skipped%s\n",
                n_run, stc_wall_s() - start, n_skipped,
                n_left ? "; more are left" : "");
    }
    return n_left ? EXIT_MORE : 0;
}

static int no_gpu(const char *reason)
{
    fprintf(stderr, "stepcast-bench: no GPU: %s\n", reason);
    return EXIT_NO_GPU;
}

static int measure(struct stc_frame *f, const struct stc_plan *plan,
                   const struct options *o, struct files *files)
{
    int code;
    if (f->world.rank == 0 && open_files(files, plan, o->out, f->why)) {
        fprintf(stderr, "stepcast-bench: %s\n", f->why);
        return EXIT_FAILED;
    }
    if (stc_frame_open(f) != STC_RAN_OK) {
        fprintf(stderr, "stepcast-bench: %s\n", f->why);
        return EXIT_FAILED;
    }
    if (f->world.rank == 0) {
        fprintf(stderr, "stepcast-bench: %s (%s), %d GPU(s), %zu cases, into %s/\n",
                f->gpu, f->prop.name, f->n_devices, plan->n, o->out);
    }
    code = run_all(f, files, plan, o);
    stc_coll_close(f);
    stc_frame_close(f);
    return code;
}

static int dry_run(struct stc_frame *f, struct options *o, struct files *files,
                   struct stc_plan *plan)
{
    const struct stc_assumed_gpu *gpu = stc_assumed_find(o->assume);
    struct stat there;
    if (!gpu) {
        fprintf(stderr,
                "stepcast-bench: --assume knows H200, H100, A100, B200, V100\n");
        return EXIT_USAGE;
    }
    /* What is done already counts, but a dry run makes no folder. */
    if (stat(o->out, &there) == 0 && open_files(files, plan, o->out, f->why)) {
        fprintf(stderr, "stepcast-bench: %s\n", f->why);
        return EXIT_FAILED;
    }
    if (f->world.rank == 0) print_plan(plan, gpu, &files->done);
    return 0;
}

static void list_suites(void)
{
    int s;
    for (s = 0; s < stc_bench_n_suites; s++) {
        printf("%-12s %-17s %s%s\n", stc_bench_suites[s].name, stc_bench_suites[s].file,
               stc_bench_suites[s].what,
               stc_bench_suites[s].n_gpus > 1 ? " (2 GPUs)" : "");
    }
}

static int run_program(struct stc_frame *f, struct options *o)
{
    struct stc_plan plan = {NULL, 0, 0};
    struct files files;
    const char *unknown = NULL;
    cudaError_t e = cudaSuccess;
    int code;
    memset(&files, 0, sizeof files);
    if (o->list) {
        list_suites();
        return 0;
    }
    if (!o->dry_run) {
        e = cudaGetDeviceCount(&f->n_devices);
        if (e != cudaSuccess || f->n_devices == 0) {
            return no_gpu(e == cudaSuccess ? "the driver shows none"
                                           : cudaGetErrorString(e));
        }
        f->device = f->world.size > 1 ? f->world.local_rank % f->n_devices : 0;
    }
    o->plan.n_gpus = o->dry_run ? o->gpus : f->n_devices;
    o->plan.n_ranks = f->world.size > 1 ? f->world.size : o->plan.n_gpus;
    o->plan.multi_node = f->world.size > 1;
    if (stc_plan_build(&plan, &o->plan, &unknown)) {
        if (unknown) {
            fprintf(stderr, "stepcast-bench: no suite is called \"%.*s\"; see --list\n",
                    (int)strcspn(unknown, ","), unknown);
        }
        return unknown ? EXIT_USAGE : EXIT_FAILED;
    }
    code = o->dry_run ? dry_run(f, o, &files, &plan) : measure(f, &plan, o, &files);
    close_files(&files);
    stc_plan_free(&plan);
    return code;
}

int main(int argc, char **argv)
{
    struct options o;
    struct stc_frame f;
    struct sigaction action;
    int i, code;
    memset(&o, 0, sizeof o);
    memset(&f, 0, sizeof f);
    memset(&action, 0, sizeof action);
    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return 0;
        }
    }
    o.out = "bench";
    if (stc_world_open(&f.world, &argc, &argv)) return EXIT_FAILED;
    if (parse(argc, argv, &o)) {
        stc_world_close(&f.world);
        return EXIT_USAGE;
    }
    f.labels = o.labels;
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    code = run_program(&f, &o);
    if (code == EXIT_FAILED || code == EXIT_WRONG) stc_world_abort(&f.world, code);
    stc_world_close(&f.world);
    return code;
}
