/* Sweeps: what is in the file is what a simulation says; shards and deaths change
 * nothing. */
#include "sim/study/sweep.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kill_kit.h"
#include "tests/testing.h"
#include "tests/tune_kit.h"

static struct stc_arena fixed = STC_ARENA_INIT;
static struct stc_run_params params;
static char folder[] = "/tmp/stepcast-sweep-XXXXXX";

static void setup(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    stc_kit_params(&fixed, &params);
}
static void teardown(void)
{
    char cmd[80];
    snprintf(cmd, sizeof cmd, "rm -rf %s", folder);
    ck_assert_int_eq(system(cmd), 0);
    stc_arena_free(&fixed);
}

static const char *in(char *buf, size_t size, const char *name)
{
    snprintf(buf, size, "%s/%s", folder, name);
    return buf;
}

static void grid(struct stc_sweep_opts *o, int tune)
{
    struct stc_diag diag = {""};
    memset(o, 0, sizeof *o);
    o->tune = tune;
    o->n_threads = 2;
    stc_assert_ok(stc_sweep_vary(o, "cluster.nodes=1,2,4", &diag), &diag);
    stc_assert_ok(stc_sweep_vary(o, "layout.micro_batch=1,2,3,4", &diag), &diag);
}

static void base(struct stc_scenario *s)
{
    struct stc_diag diag = {""};
    stc_kit_load(stc_kit_scenario(0), s);
    stc_assert_ok(stc_scenario_set(s, "layout.tp", "4", &diag), &diag);
    stc_assert_ok(stc_scenario_set(s, "train.global_batch", "128", &diag), &diag);
}

static void load(const char *path, struct stc_arena *a, struct stc_sweep_table *t)
{
    struct stc_diag diag = {""};
    stc_assert_ok(stc_sweep_load(a, path, t, &diag), &diag);
}

static void same_tables(const struct stc_sweep_table *x,
                        const struct stc_sweep_table *y)
{
    ck_assert_int_eq(x->n, y->n);
    for (int i = 0; i < x->n; i++) {
        ck_assert_int_eq(x->row[i].id, y->row[i].id);
        ck_assert_str_eq(x->row[i].status, y->row[i].status);
        ck_assert_str_eq(x->row[i].layout, y->row[i].layout);
        if (!isnan(x->row[i].step_s))
            ck_assert_double_eq(x->row[i].step_s, y->row[i].step_s);
    }
}

START_TEST(test_rows_are_simulations)
{
    struct stc_scenario s, t;
    struct stc_sweep_opts o;
    struct stc_sweep_table table;
    struct stc_arena a = STC_ARENA_INIT, run = STC_ARENA_INIT;
    struct stc_result r;
    struct stc_diag diag = {""};
    char path[64];
    int n_ok = 0;
    base(&s);
    grid(&o, 0);
    stc_assert_ok(stc_sweep_run(&s, &params, &o, in(path, sizeof path, "a.db"), &diag),
                  &diag);
    load(path, &a, &table);
    ck_assert_int_eq(table.n, 12);
    for (int i = 0; i < table.n; i++) {
        t = s;
        for (int k = 0; k < table.n_axes; k++)
            stc_assert_ok(
                stc_scenario_set(&t, table.key[k], table.row[i].value[k], &diag),
                &diag);
        if (strcmp(table.row[i].status, "infeasible") ==
            0) { /* 3 does not divide 128 */
            ck_assert_int_ne(stc_scenario_resolve(&t, &diag), STC_OK);
            continue;
        }
        n_ok++;
        stc_arena_reset(&run);
        stc_assert_ok(stc_scenario_resolve(&t, &diag), &diag);
        stc_assert_ok(stc_step_run(&t, &params, &run, &r, &diag), &diag);
        ck_assert_double_eq(r.step_s, table.row[i].step_s);
        ck_assert_int_eq(table.row[i].n_gpus, t.n_gpus);
    }
    ck_assert_int_eq(n_ok, 9);
    ck_assert_int_eq(table.n_curves, 3);
    for (int i = 0; i < table.n; i++)
        if (table.row[i].curve >= 0 && table.row[i].n_gpus == 8)
            stc_assert_near(table.row[i].efficiency, 1.0, 1e-12);
    stc_arena_free(&a);
    stc_arena_free(&run);
}
END_TEST

START_TEST(test_weak_scaling_grows_the_batch)
{
    struct stc_scenario s;
    struct stc_sweep_opts o = {.weak = 1, .n_threads = 1};
    struct stc_sweep_table t;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    char path[64];
    base(&s);
    stc_assert_ok(stc_sweep_vary(&o, "cluster.nodes=1,2,4", &diag), &diag);
    stc_assert_ok(stc_sweep_run(&s, &params, &o, in(path, sizeof path, "w.db"), &diag),
                  &diag);
    load(path, &a, &t);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(t.row[i].global_batch, 128 * t.row[i].n_gpus / 8);
    ck_assert_double_gt(t.row[2].efficiency, 0.5);
    ck_assert_double_le(t.row[2].efficiency, 1.02);
    stc_arena_free(&a);
}
END_TEST

START_TEST(test_shards_merge)
{
    struct stc_scenario s;
    struct stc_sweep_opts o;
    struct stc_sweep_table whole, merged;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    char path[64], part[3][64], out[64];
    base(&s);
    grid(&o, 0);
    stc_assert_ok(stc_sweep_run(&s, &params, &o, in(path, sizeof path, "a.db"), &diag),
                  &diag);
    for (int i = 0; i < 3; i++) {
        char name[24];
        snprintf(name, sizeof name, "part%d.db", i);
        o.shard = i;
        o.n_shards = 3;
        stc_assert_ok(
            stc_sweep_run(&s, &params, &o, in(part[i], sizeof part[i], name), &diag),
            &diag);
    }
    const char *parts[] = {part[0], part[1], part[2]};
    stc_assert_ok(stc_sweep_merge(in(out, sizeof out, "m.db"), parts, 3, &diag), &diag);
    load(path, &a, &whole);
    load(out, &a, &merged);
    same_tables(&whole, &merged);
    /* another sweep's file is refused */
    o.tune = 1;
    stc_assert_fails(stc_sweep_run(&s, &params, &o, path, &diag), STC_ERR_PARSE, &diag,
                     "another sweep");
    stc_arena_free(&a);
}
END_TEST

static void point_done(void *ctx, long done, long total)
{
    (void)done, (void)total;
    stc_kill_step(ctx);
}

START_TEST(test_killed_sweep_resumes)
{
    enum { KILLS = 20 };
    struct stc_scenario s;
    struct stc_sweep_opts o;
    struct stc_sweep_table whole, resumed;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    struct stc_rng rng;
    struct stc_kill moment;
    char path[64];
    int killed = 0;
    base(&s);
    grid(&o, 1);
    stc_assert_ok(stc_scenario_set(&s, "tune.vp", "1,2,3", &diag), &diag);
    stc_assert_ok(stc_sweep_run(&s, &params, &o, in(path, sizeof path, "a.db"), &diag),
                  &diag);
    load(path, &a, &whole);
    stc_rng_seed(&rng, 5, "kills");
    for (int i = 0; i < KILLS; i++) {
        char name[16];
        int status;
        snprintf(name, sizeof name, "k%d.db", i);
        in(path, sizeof path, name);
        stc_kill_choose(&moment, &rng, whole.n, 5000000);
        pid_t pid = fork();
        if (pid == 0) {
            o.n_threads = 1;
            o.progress = point_done;
            o.ctx = &moment;
            stc_kill_step(&moment);
            _exit(stc_sweep_run(&s, &params, &o, path, &diag) == STC_OK ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        killed += WIFSIGNALED(status);
        stc_assert_ok(stc_sweep_run(&s, &params, &o, path, &diag), &diag);
        load(path, &a, &resumed);
        same_tables(&whole, &resumed);
    }
    printf(
        "sweep/kill -9: %d of %d runs died under way, all resumed to the same table\n",
        killed, KILLS);
    ck_assert_int_ge(killed, KILLS * 4 / 5);
    stc_arena_free(&a);
}
END_TEST

START_TEST(test_words)
{
    struct stc_sweep_opts o = {0};
    struct stc_diag diag = {""};
    stc_assert_fails(stc_sweep_vary(&o, "cluster.nodes", &diag), STC_ERR_PARSE, &diag,
                     "KEY=VALUE");
    stc_assert_fails(stc_sweep_vary(&o, "cluster.nose=1", &diag), STC_ERR_UNKNOWN,
                     &diag, "cluster.nose");
    stc_assert_fails(stc_sweep_vary(&o, "cluster.nodes=1,,2", &diag), STC_ERR_RANGE,
                     &diag, "empty");
    stc_assert_ok(stc_sweep_vary(&o, "fabric.nic_bw=100Gbps", &diag), &diag);
    ck_assert_str_eq(o.axis[0].key, "cluster.nic_bw");
}
END_TEST

static Suite *sweep_suite(void)
{
    Suite *s = suite_create("sweep");
    TCase *t = tcase_create("sweep");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_rows_are_simulations);
    tcase_add_test(t, test_weak_scaling_grows_the_batch);
    tcase_add_test(t, test_shards_merge);
    tcase_add_test(t, test_killed_sweep_resumes);
    tcase_add_test(t, test_words);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(sweep_suite)
