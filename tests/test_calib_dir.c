/* A user's calibration end to end: measurements of one's own → store → fit → folder
 * → forecasts. Synthetic measurements are the shipped model's own seconds, made
 * 10 % longer: what was measured must follow, what was not must stay. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calib/coll_rows.h"
#include "calib/load_coll.h"
#include "calib/load_cost.h"
#include "calib/store.h"
#include "hw/catalogue.h"
#include "sim/stepcast.h"
#include "tests/testing.h"

static const double slower = 1.10;
static const char mine[] = "H100-SXM5-80GB", other[] = "A100-SXM4-80GB";

static struct stc_diag diag;
static struct stc_arena arena;
static char dir[64];
static struct stc_cost *shipped;
static struct stc_hw *hw;

static void setup(void)
{
    arena = (struct stc_arena)STC_ARENA_INIT;
    (void)snprintf(dir, sizeof dir, "/tmp/stc_calib_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    stc_assert_ok(stc_cost_load(&arena, &shipped, &diag), &diag);
    stc_assert_ok(stc_hw_load(&arena, &hw, &diag), &diag);
}

static void teardown(void)
{
    char cmd[128];
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
    stc_arena_free(&arena);
}

static const char *path(const char *name)
{
    static char buf[4][256];
    static int i;
    i = (i + 1) % 4;
    (void)snprintf(buf[i], sizeof buf[i], "%s/%s", dir, name);
    return buf[i];
}

static FILE *create(const char *name)
{
    FILE *f = fopen(path(name), "w");
    ck_assert_ptr_nonnull(f);
    return f;
}

static const struct stc_gpu *gpu(const char *name)
{
    const struct stc_gpu *g = NULL;
    stc_assert_ok(stc_hw_find_gpu(hw, name, &g, &diag), &diag);
    return g;
}

/* ==== measurements ==== */

static struct stc_gemm_q product(int i)
{
    static const int m[] = {512, 1024, 2048, 4096, 8192, 16384};
    static const int nk[] = {2048, 4096, 5120, 8192, 11008, 14336};
    return (struct stc_gemm_q){.m = m[i % 6],
                               .n = nk[i / 6 % 6],
                               .k = nk[(i / 36 + i) % 6],
                               .batch = 1,
                               .dtype = STC_DTYPE_BF16};
}

/* gemm.csv as stepcast-bench writes it. */
static void bench_gemms(const char *name, int n)
{
    FILE *f = create(name);
    fputs(
        "gpu,dtype,m,n,k,time_us,trans,pass,batch,out_dtype,mode,n_sets,tflops,min_us,"
        "median_us,p95_us,n_repeats,n_inner,rel_err,machine,driver,cuda,sm_mhz,mem_mhz,"
        "power_w,temp_c,date,key\n",
        f);
    for (int i = 0; i < n; i++) {
        struct stc_gemm_q q = product(i);
        struct stc_est e;
        stc_cost_gemm(shipped, gpu(mine), &q, &e);
        double us = 1e6 * slower * e.seconds;
        fprintf(f,
                "%s,bf16,%d,%d,%d,%.3f,TN,fwd,1,bf16,burst,4,%.1f,%.3f,%.3f,%.3f,25,10,"
                "0.001,box,570.1,12.8,1980,2619,650,55,2026-01-01,k%d\n",
                mine, (int)q.m, (int)q.n, (int)q.k, us, 0.0, us, us, us, i);
    }
    ck_assert_int_eq(fclose(f), 0);
}

/* nccl all-reduce of 8 ranks in a node; times of 1 where p is NULL. */
static void all_reduces(const char *name, const struct stc_coll_params *p,
                        const struct stc_coll_rows *rows)
{
    FILE *f = create(name);
    fputs("source,gpu,library,collective,dtype,gpus_per_node,nodes,ranks,intra,inter,"
          "nics_per_node,nic_gbps,bytes,time_us,notes\n",
          f);
    for (int i = 0; i < 20; i++) {
        double us = 1;
        if (p) {
            struct stc_coll_est e;
            const struct stc_coll_row *r = &rows->v[i];
            stc_coll_time(p, &r->g, r->coll, r->bytes, &r->f, &e);
            us = 1e6 * slower * e.seconds;
        }
        fprintf(
            f, "me,%s,nccl,all_reduce,fp16,8,1,8,NVLink4 NVSwitch,none,0,0,%ld,%.3f,\n",
            mine, 1024L << i, us);
    }
    ck_assert_int_eq(fclose(f), 0);
}

static void import(const char *db, const char *file)
{
    struct stc_calibrate_opts o = STC_CALIBRATE_OPTS_INIT;
    struct stc_out out = {0};
    o.db = db;
    stc_assert_ok(stc_calibrate_import(&o, file, STC_TEXT, &out, &diag), &diag);
    stc_out_free(&out);
}

static void fit(const char *db, const char *folder)
{
    struct stc_calibrate_opts o = STC_CALIBRATE_OPTS_INIT;
    struct stc_out out = {0};
    o.db = db;
    (void)mkdir(folder, 0777);
    stc_assert_ok(stc_calibrate_fit(&o, folder, STC_TEXT, &out, &diag), &diag);
    stc_out_free(&out);
}

static double step_s(const char *calib)
{
    struct stc_opts o = STC_OPTS_INIT;
    struct stc *sim = NULL;
    struct stc_step step;
    o.calib = calib;
    stc_assert_ok(stc_open(&sim, &o, &diag), &diag);
    stc_assert_ok(stc_load(sim, "llama3-8b-8xh100-torchtitan", &diag), &diag);
    stc_assert_ok(stc_simulate(sim, &step, &diag), &diag);
    stc_close(sim);
    return step.step_s;
}

/* ==== tests ==== */

static double ratio(const struct stc_cost *c, const char *name, struct stc_gemm_q q)
{
    struct stc_est a, b;
    stc_cost_gemm(shipped, gpu(name), &q, &a);
    stc_cost_gemm(c, gpu(name), &q, &b);
    return b.seconds / a.seconds;
}

/* Rows in the loop: 3 products, 60 (the residual stays the shipped one), 500 (one of
 * its own). */
static const int n_products[] = {3, 60, 500};

START_TEST(calib_products_measured_slower_are_forecast_slower_and_nothing_else)
{
    struct stc_cost *c;
    bench_gemms("gemm.csv", n_products[_i]);
    import(path("my.db"), path("gemm.csv"));
    fit(path("my.db"), path("fits"));
    stc_assert_ok(stc_cost_load_over(&arena, path("fits"), &c, &diag), &diag);
    double sum = 0;
    for (int i = 0; i < 40; i++) {
        struct stc_gemm_q q = product(7 * i + 3);
        q.m += 128; /* not among the measured */
        sum += ratio(c, mine, q) / 40;
        stc_assert_near(ratio(c, other, q), 1.0, 1e-12);
        q.dtype = STC_DTYPE_FP8;
        stc_assert_near(ratio(c, mine, q), 1.0, 1e-12);
    }
    stc_assert_near(sum, slower, _i == 0 ? 0.05 : 0.03);
    struct stc_attn_q attn = {.batch = 1,
                              .q_len = 4096,
                              .kv_len = 4096,
                              .heads = 32,
                              .kv_heads = 8,
                              .head_dim = 128,
                              .causal = true,
                              .dtype = STC_DTYPE_BF16,
                              .kv_dtype = STC_DTYPE_BF16};
    struct stc_est a, b;
    stc_cost_attn(shipped, gpu(mine), &attn, &a);
    stc_cost_attn(c, gpu(mine), &attn, &b);
    ck_assert_double_eq(a.seconds, b.seconds);
    ck_assert_uint_ne(stc_cost_hash(c), stc_cost_hash(shipped));
    double step = step_s(path("fits")) / step_s(NULL);
    ck_assert_msg(step > 1.03 && step < 1.13, "the step takes %.3f times as long",
                  step);
}
END_TEST

START_TEST(calib_collectives_measured_slower_are_forecast_slower_and_nothing_else)
{
    static struct stc_coll_params before, after;
    struct stc_coll_rows rows, all;
    stc_assert_ok(stc_load_coll(&before, &diag), &diag);
    all_reduces("c.csv", NULL, NULL);
    stc_assert_ok(stc_coll_rows_read(&arena, NULL, path("c.csv"), 0, &rows, &diag),
                  &diag);
    all_reduces("c.csv", &before, &rows);
    import(path("my.db"), path("c.csv"));
    fit(path("my.db"), path("fits"));
    stc_assert_ok(stc_load_coll_over(path("fits"), &after, &diag), &diag);
    for (int i = 2; i < rows.n; i++) {
        const struct stc_coll_row *r = &rows.v[i];
        struct stc_coll_est a, b;
        stc_coll_time(&before, &r->g, r->coll, r->bytes, &r->f, &a);
        stc_coll_time(&after, &r->g, r->coll, r->bytes, &r->f, &b);
        stc_assert_near(b.seconds / a.seconds, slower, 0.04);
    }
    stc_assert_ok(stc_coll_rows_read(&arena, NULL,
                                     "tests/data/truth/micro/collectives.csv", 1024,
                                     &all, &diag),
                  &diag);
    for (int i = 0; i < all.n; i++) {
        const struct stc_coll_row *r = &all.v[i];
        struct stc_coll_est a, b;
        if (r->g.gen == STC_GEN_HOPPER || r->g.n_nodes > 1) continue;
        stc_coll_time(&before, &r->g, r->coll, r->bytes, &r->f, &a);
        stc_coll_time(&after, &r->g, r->coll, r->bytes, &r->f, &b);
        stc_assert_near(b.seconds, a.seconds, 1e-9);
    }
    ck_assert_uint_ne(stc_coll_hash(&before), stc_coll_hash(&after));
}
END_TEST

START_TEST(calib_folders_that_hold_none_are_refused)
{
    struct stc_opts o = STC_OPTS_INIT;
    struct stc *sim = NULL;
    o.calib = path("none");
    stc_assert_fails(stc_open(&sim, &o, &diag), STC_ERR_IO, &diag,
                     "calibrate fit writes one");
    ck_assert_int_eq(mkdir(path("fits"), 0777), 0);
    FILE *f = create("fits/fits_coll.yaml");
    fputs("generations:\n  hopper: {base_s: -1}\n", f);
    ck_assert_int_eq(fclose(f), 0);
    o.calib = path("fits");
    stc_assert_fails(stc_open(&sim, &o, &diag), STC_ERR_RANGE, &diag, "base_s");
}
END_TEST

/* ==== kill -9 ==== */

static void fit_forever(void)
{
    struct stc_calibrate_opts o = STC_CALIBRATE_OPTS_INIT;
    struct stc_out out = {0};
    const char *folder = path("fits"); /* names stay: path() has few of them */
    o.db = path("my.db");
    for (;;) {
        if (stc_calibrate_fit(&o, folder, STC_TEXT, &out, &diag) != STC_OK) {
            fprintf(stderr, "fit: %s\n", diag.text);
            _exit(3);
        }
        stc_out_free(&out);
    }
}

static void must_be_whole(int64_t n_facts)
{
    struct stc_store *s = NULL;
    struct stc_opts o = STC_OPTS_INIT;
    struct stc *sim = NULL;
    int64_t n = 0;
    stc_assert_ok(stc_store_open(&s, path("my.db"), STC_DB_READ, &diag), &diag);
    stc_assert_ok(stc_store_check(s, &diag), &diag);
    stc_assert_ok(stc_store_count(s, "measurement", &n, &diag), &diag);
    ck_assert_int_eq(n, n_facts);
    stc_store_close(s);
    o.calib = path("fits");
    if (access(path("fits/fits.yaml"), R_OK) != 0) return; /* killed before the first */
    stc_assert_ok(stc_open(&sim, &o, &diag), &diag);
    stc_close(sim);
}

START_TEST(calib_fit_killed_at_any_moment_leaves_store_and_folder_whole)
{
    enum { KILLS = 50 };
    uint64_t x = 88172645463325252u;
    int n_killed = 0, status = 0;
    bench_gemms("gemm.csv", 40);
    import(path("my.db"), path("gemm.csv"));
    ck_assert_int_eq(mkdir(path("fits"), 0777), 0);
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) fit_forever();
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        const struct timespec wait = {.tv_nsec = (long)(x % 300000000u)};
        (void)nanosleep(&wait, NULL);
        (void)kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        n_killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        must_be_whole(40);
    }
    ck_assert_int_eq(n_killed, KILLS); /* none gave up by itself */
    fit(path("my.db"), path("fits"));  /* goes on, and clears what the killed left */
    must_be_whole(40);
    char cmd[256];
    (void)snprintf(cmd, sizeof cmd, "! ls -d %s.work-* >/dev/null 2>&1", path("my.db"));
    ck_assert_int_eq(system(cmd), 0);
}
END_TEST

static Suite *calib_dir_suite(void)
{
    Suite *s = suite_create("calib_dir");
    TCase *t = tcase_create("calib_dir");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(
        t, calib_products_measured_slower_are_forecast_slower_and_nothing_else, 0,
        (int)(sizeof n_products / sizeof n_products[0]));
    tcase_add_test(
        t, calib_collectives_measured_slower_are_forecast_slower_and_nothing_else);
    tcase_add_test(t, calib_folders_that_hold_none_are_refused);
    tcase_add_test(t, calib_fit_killed_at_any_moment_leaves_store_and_folder_whole);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(calib_dir_suite)
