/*
 * bench_import.c - measurements read at work. Prints "name  n  value unit".
 *
 * kineto_json: a synthetic profiler trace of 1 GB, through a pipe, so that no disk
 * holds it (bar: 20 s, 200 MiB). kineto_gz: a quarter of it, compressed. The CPU's
 * seconds of reading alone; what writes the trace is another process. peak is of the
 * process. store_import: rows of products a second from a table into a new store
 * (bar: 100,000 rows in 3 s). n is megabytes, or rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calib/import.h"
#include "calib/source.h"
#include "calib/store.h"
#include "tests/bench/bench.h"
#include "tests/gen_kineto.h"

static void must_sys(int fine, const char *what)
{
    if (fine) return;
    perror(what);
    exit(3);
}

static enum stc_err count_meas(void *ctx, const struct stc_meas *m,
                               struct stc_diag *diag)
{
    (void)diag;
    *(int64_t *)ctx += m->repeats;
    return STC_OK;
}

static enum stc_err no_anchor(void *ctx, const struct stc_anchor *a,
                              struct stc_diag *diag)
{
    (void)ctx, (void)a, (void)diag;
    return STC_OK;
}

static void trace(const char *name, const char *path, int megabytes)
{
    struct stc_source src;
    struct stc_diag diag = {{0}};
    struct stc_import_report report = {0};
    static const struct stc_import_opts none = {0};
    int64_t n_seen = 0;
    const struct stc_sink sink = {
        .meas = count_meas, .anchor = no_anchor, .ctx = &n_seen};
    double start_s = bench_cpu_s();
    bench_must(stc_source_open(&src, path, &diag), &diag);
    bench_must(stc_import_kineto(&src, path, &none, &sink, &report, &diag), &diag);
    stc_source_close(&src);
    double took_s = bench_cpu_s() - start_s;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%-14s %8d %10.2f s%s\n", name, megabytes, took_s, n_seen > 0 ? "" : "?");
    printf("%-14s %8d %10.1f MiB\n", "  peak_rss", megabytes,
           (double)u.ru_maxrss / 1024);
}

static void kineto_json(const char *path, int megabytes)
{
    must_sys(mkfifo(path, 0600) == 0, path);
    fflush(stdout);
    pid_t writer = fork();
    must_sys(writer >= 0, "fork");
    if (writer == 0) {
        FILE *f = fopen(path, "w");
        if (f == NULL) _exit(1);
        (void)gen_kineto(f, megabytes * 1000000LL);
        _exit(fclose(f) == 0 ? 0 : 1);
    }
    trace("kineto_json", path, megabytes);
    int status = 1;
    must_sys(waitpid(writer, &status, 0) == writer && status == 0, "writer");
}

static void kineto_gz(const char *path, int megabytes)
{
    char cmd[128];
    (void)snprintf(cmd, sizeof cmd, "gzip -1 > %s", path);
    FILE *f = popen(cmd, "w");
    must_sys(f != NULL, "gzip");
    (void)gen_kineto(f, megabytes * 1000000LL);
    must_sys(pclose(f) == 0, "gzip");
    trace("kineto_gz", path, megabytes);
}

static void store_import(const char *table, const char *db, int n_rows)
{
    struct stc_diag diag = {{0}};
    struct stc_store *s;
    struct stc_import_report r = {0};
    FILE *f = fopen(table, "w");
    must_sys(f != NULL, table);
    fputs("gpu,dtype,m,n,k,time_us\n", f);
    for (int i = 0; i < n_rows; i++)
        fprintf(f, "H100-SXM5-80GB,bfloat16,%d,4096,%d,%d.5\n", 1 + i % 1000,
                64 * (1 + i / 1000), 5 + i % 77);
    must_sys(fclose(f) == 0, table);
    bench_must(stc_store_open(&s, db, STC_DB_CREATE, &diag), &diag);
    double start_s = bench_cpu_s();
    bench_must(stc_import_file(s, table, NULL, &r, &diag), &diag);
    double took_s = bench_cpu_s() - start_s;
    stc_store_close(s);
    printf("%-14s %8d %10.0f rows/s\n", "store_import", n_rows,
           (double)r.n_new / took_s);
}

int main(void)
{
    char dir[] = "/tmp/stc_bench_XXXXXX", fifo[64], gz[64], csv[64], db[64], cmd[64];
    must_sys(mkdtemp(dir) != NULL, dir);
    (void)snprintf(fifo, sizeof fifo, "%s/t.json", dir);
    (void)snprintf(gz, sizeof gz, "%s/t.json.gz", dir);
    (void)snprintf(csv, sizeof csv, "%s/g.csv", dir);
    (void)snprintf(db, sizeof db, "%s/a.db", dir);
    kineto_json(fifo, 1000);
    kineto_gz(gz, 250);
    store_import(csv, db, 100000);
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) == 0 ? 0 : 3;
}
