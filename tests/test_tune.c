/* The search against exhaustive enumeration; pruned layouts simulated; the ranking
 * does not depend on threads, processes or interruptions. */
#include "sim/study/tune_space.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kill_kit.h"
#include "tests/testing.h"
#include "tests/tune_kit.h"

static struct stc_arena fixed = STC_ARENA_INIT;
static struct stc_run_params params;
enum { KILLS = 20 };

static void setup(void)
{
    stc_kit_params(&fixed, &params);
}
static void teardown(void)
{
    stc_arena_free(&fixed);
}

static void set(struct stc_scenario *s, const char *key, const char *value)
{
    struct stc_diag diag = {""};
    stc_assert_ok(stc_scenario_set(s, key, value, &diag), &diag);
}

/* ==== exactness ==== */

static void random_space(struct stc_rng *r, struct stc_scenario *s)
{
    static const struct {
        const char *key, *v[6];
    } axes[] = {
        {"tune.tp", {"1,2,4", "2,8", "1..8", "4", "free", "1,3"}},
        {"tune.pp", {"1,2,4", "2,4", "1..8", "1", "8", "4,3"}},
        {"tune.vp", {"1", "1,2", "1,3", "2", "1", "fixed"}},
        {"tune.micro_batch", {"1,2", "1", "1,8", "2,4", "4", "1,3"}},
        {"tune.recompute",
         {"free", "none", "full", "none,selective", "auto", "full,none"}},
        {"tune.recompute_layers", {"auto", "all,1,2", "auto", "1,3", "all,2", "auto"}},
        {"tune.shard", {"auto", "none,zero1", "zero1", "zero3", "none,zero2", "auto"}},
        {"tune.seq_parallel", {"free", "no", "yes", "auto", "fixed", "yes,no"}},
        {"tune.split", {"auto", "0/0,-1/-1", "auto", "0/-1,0/0", "auto", "auto"}},
        {"tune.overlap_p2p", {"auto", "free", "auto", "no", "yes", "auto"}},
        {"tune.overlap_grad_reduce", {"auto", "free", "auto", "no", "yes", "auto"}},
        {"tune.schedule", {"auto", "auto", "auto,gpipe", "free", "auto", "zb-h1,auto"}},
        {"tune.objective",
         {"step_time", "tokens_per_gpu", "energy", "dollars", "headroom", "step_time"}},
    };
    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++)
        set(s, axes[i].key, axes[i].v[stc_rng_below(r, 6)]);
    set(s, "tune.price", "2USD");
}

static enum stc_err run(const struct stc_scenario *s, int exhaustive, int threads,
                        int top, struct stc_arena *a, struct stc_tune_result *out)
{
    struct stc_tune_opts o = {
        .exhaustive = exhaustive, .n_threads = threads, .top_n = top};
    struct stc_diag diag = {""};
    enum stc_err err = stc_tune_run(a, s, &params, &o, out, &diag);
    ck_assert_msg(err == STC_OK || err == STC_ERR_INFEASIBLE, "%s", diag.text);
    return err;
}

static void same_ranking(const struct stc_tune_result *x,
                         const struct stc_tune_result *y)
{
    ck_assert_int_eq(x->n_picks, y->n_picks);
    for (int i = 0; i < x->n_picks; i++) {
        ck_assert_uint_eq(x->picks[i].id, y->picks[i].id);
        ck_assert_double_eq(x->picks[i].cost, y->picks[i].cost);
    }
}

static uint64_t total(const struct stc_tune_result *r)
{
    uint64_t n = 0;
    for (int i = 0; i < STC_TUNE_REASONS; i++)
        n += r->count[i].n;
    return n;
}

START_TEST(test_equals_exhaustive)
{
    struct stc_scenario s;
    struct stc_rng rng;
    int n = 0, n_none = 0;
    uint64_t layouts = 0, pruned = 0;
    stc_rng_seed(&rng, 7, "test_tune");
    for (int i = 0; i < 170; i++) {
        struct stc_arena a = STC_ARENA_INIT, b = STC_ARENA_INIT;
        struct stc_tune_result fast, slow;
        stc_kit_load(stc_kit_scenario(i % 4), &s);
        set(&s, "cluster.nodes", i % 3 ? "1" : "2");
        random_space(&rng, &s);
        enum stc_err x = run(&s, 0, 1, 3, &a, &fast), y = run(&s, 1, 2, 3, &b, &slow);
        ck_assert_int_eq(x, y);
        if (x == STC_OK) {
            same_ranking(&fast, &slow);
            ck_assert_uint_eq(total(&fast), fast.n_layouts);
            ck_assert_uint_eq(total(&slow), slow.n_layouts);
            layouts += fast.n_layouts;
            pruned += fast.count[STC_TUNE_BOUND].n;
            n++;
        } else {
            n_none++;
        }
        stc_arena_free(&a);
        stc_arena_free(&b);
    }
    printf("tune/exhaustive %d spaces of %llu layouts, %llu pruned by bounds, %d "
           "without any "
           "layout\n",
           n, (unsigned long long)layouts, (unsigned long long)pruned, n_none);
    ck_assert_int_ge(n, 100);
    ck_assert_uint_gt(pruned, 1000);
}
END_TEST

/* ==== the large space ==== */

static void big(struct stc_scenario *s)
{
    struct stc_diag diag = {""};
    stc_scenario_init(s);
    stc_assert_ok(stc_scenario_load_preset(s, "tune/gpt3-175b-512xa100", &diag), &diag);
}

struct sample { /* layouts that got as far as a bound, every so many */
    uint64_t seen, every;
    uint64_t id[4096];
    size_t n;
};
static void no_count(void *ctx, enum stc_tune_reason r, uint64_t n, double by,
                     const char *example)
{
    (void)ctx, (void)r, (void)n, (void)by, (void)example;
}
static void take(void *ctx, const struct stc_tune_leaf *l)
{
    struct sample *x = ctx;
    if (x->seen++ % x->every == 0 && x->n < sizeof x->id / sizeof x->id[0])
        x->id[x->n++] = l->id;
}

START_TEST(test_pruned_do_not_win)
{
    struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_tune_result r;
    struct stc_tune_space sp;
    struct stc_tune_walker *w;
    struct stc_diag diag = {""};
    static struct sample x;
    struct stc_rng rng;
    big(&s);
    ck_assert_int_eq(run(&s, 0, 2, 1, &a, &r), STC_OK);
    stc_assert_ok(stc_tune_space_make(&a, &s, &sp, &diag), &diag);
    ck_assert_int_eq(stc_tune_walker_make(&sp, &params, &w), STC_OK);
    /* Every fourth node from a random one on, and of its layouts every so many. */
    x.every = (r.count[STC_TUNE_BOUND].n + r.count[STC_TUNE_SIMULATED].n) / 8800 + 1;
    struct stc_tune_sink sink = {.ctx = &x, .count = no_count, .leaf = take};
    stc_rng_seed(&rng, 11, "pruned");
    for (uint64_t i = stc_rng_below(&rng, 4); i < sp.n_nodes; i += 4)
        stc_assert_ok(stc_tune_walk(w, i, &sink, &diag), &diag);
    for (uint64_t i = 0; x.n < 2000 && i < sp.n_nodes; i++)
        if (i % 4 != 0) stc_assert_ok(stc_tune_walk(w, i, &sink, &diag), &diag);
    ck_assert_uint_ge(x.n, 2000);
    for (size_t k = 0; k < 2000; k++) {
        struct stc_tune_sim sim;
        const size_t i = k * x.n / 2000;
        stc_assert_ok(stc_tune_simulate(w, x.id[i], &sim, NULL, &diag), &diag);
        ck_assert_msg(!sim.ok || sim.cost >= r.picks[0].cost,
                      "layout %llu takes %.9g s, the proven optimum %.9g s",
                      (unsigned long long)x.id[i], sim.cost, r.picks[0].cost);
    }
    printf("tune/pruned 2000 of %llu layouts simulated, none beats %.4f s\n",
           (unsigned long long)x.seen, r.picks[0].step_s);
    stc_tune_walker_free(w);
    stc_arena_free(&a);
}
END_TEST

START_TEST(test_threads_do_not_matter)
{
    struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT, b = STC_ARENA_INIT;
    struct stc_tune_result one, two;
    big(&s);
    set(&s, "tune.recompute_layers", "all");
    set(&s, "tune.split", "fixed");
    set(&s, "tune.tp", "4,8");
    set(&s, "tune.overlap_tp", "none,prev");
    ck_assert_int_eq(run(&s, 0, 1, 20, &a, &one), STC_OK);
    ck_assert_int_eq(run(&s, 0, 2, 20, &b, &two), STC_OK);
    same_ranking(&one, &two);
    for (int i = 0; i < STC_TUNE_REASONS; i++)
        ck_assert_uint_eq(one.count[i].n, two.count[i].n);
    stc_arena_free(&a);
    stc_arena_free(&b);
}
END_TEST

/* ==== a pick is a scenario ==== */

START_TEST(test_apply_is_lossless)
{
    struct stc_scenario s, t;
    struct stc_arena a = STC_ARENA_INIT, run_a = STC_ARENA_INIT;
    struct stc_tune_result r;
    struct stc_result step;
    struct stc_diag diag = {""};
    stc_kit_load(stc_kit_scenario(_i), &s);
    set(&s, "tune.overlap_p2p", "free");
    set(&s, "tune.split", "free");
    ck_assert_int_eq(run(&s, 0, 2, 8, &a, &r), STC_OK);
    for (int i = 0; i < r.n_picks; i++) {
        stc_assert_ok(stc_tune_apply(&s, &r.picks[i], &t, &diag), &diag);
        stc_assert_ok(stc_scenario_resolve(&t, &diag), &diag);
        ck_assert_msg(memcmp(&t.layout, &r.picks[i].layout, sizeof t.layout) == 0,
                      "layout of \"%s\" differs", r.picks[i].keys);
        stc_arena_reset(&run_a);
        stc_assert_ok(stc_step_run(&t, &params, &run_a, &step, &diag), &diag);
        ck_assert_double_eq(step.step_s, r.picks[i].step_s);
    }
    stc_arena_free(&a);
    stc_arena_free(&run_a);
}
END_TEST

START_TEST(test_front)
{
    struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT, b = STC_ARENA_INIT;
    struct stc_tune_result r, all;
    struct stc_diag diag = {""};
    struct stc_tune_opts o = {.n_threads = 2, .front = 1},
                         every = {.n_threads = 2, .front = 1, .exhaustive = 1};
    stc_kit_load(stc_kit_scenario(0), &s);
    set(&s, "tune.gpus", "8,16");
    stc_assert_ok(stc_tune_run(&a, &s, &params, &o, &r, &diag), &diag);
    stc_assert_ok(stc_tune_run(&b, &s, &params, &every, &all, &diag), &diag);
    ck_assert_int_gt(r.n_front, 2);
    ck_assert_int_eq(r.n_front, all.n_front);
    for (int i = 0; i < r.n_front; i++)
        ck_assert_uint_eq(r.front[i].id, all.front[i].id);
    for (int i = 0; i < r.n_front; i++)
        for (int j = 0; j < r.n_front; j++)
            ck_assert(i == j || r.front[i].step_s < r.front[j].step_s ||
                      r.front[i].peak_bytes < r.front[j].peak_bytes ||
                      r.front[i].n_gpus < r.front[j].n_gpus);
    stc_arena_free(&a);
    stc_arena_free(&b);
}
END_TEST

START_TEST(test_fewest_gpus)
{
    struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_tune_result r;
    struct stc_diag diag = {""};
    struct stc_tune_opts o = {.n_threads = 2, .top_n = 1};
    double days[2];
    for (int i = 0; i < 2; i++) { /* what 8 and 16 GPUs take */
        stc_kit_load(stc_kit_scenario(0), &s);
        set(&s, "tune.gpus", i ? "16" : "8");
        set(&s, "tune.tokens", "10B");
        set(&s, "tune.objective", "days");
        stc_assert_ok(stc_tune_run(&a, &s, &params, &o, &r, &diag), &diag);
        days[i] = r.picks[0].cost;
    }
    ck_assert_double_lt(days[1], days[0]);
    char deadline[40];
    snprintf(deadline, sizeof deadline, "%.6fd", (days[0] + days[1]) / 2);
    set(&s, "tune.gpus", "8,16,32");
    set(&s, "tune.objective", "gpus");
    set(&s, "tune.deadline", deadline);
    stc_assert_ok(stc_tune_run(&a, &s, &params, &o, &r, &diag), &diag);
    ck_assert_int_eq(r.picks[0].n_gpus, 16);
    set(&s, "tune.deadline", "1s");
    stc_assert_fails(stc_tune_run(&a, &s, &params, &o, &r, &diag), STC_ERR_INFEASIBLE,
                     &diag, "deadline");
    stc_arena_free(&a);
}
END_TEST

START_TEST(test_says_why)
{
    struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_tune_result r;
    struct stc_tune_why w;
    struct stc_diag diag = {""};
    stc_kit_load(stc_kit_scenario(0), &s);
    ck_assert_int_eq(run(&s, 0, 2, 3, &a, &r), STC_OK);
    stc_assert_ok(stc_tune_explain(&a, &s, &params, &r, "tp=3", &w, &diag), &diag);
    ck_assert(!w.simulated);
    ck_assert_int_eq(w.reason, STC_TUNE_GPUS);
    stc_assert_ok(stc_tune_explain(&a, &s, &params, &r, "tp=8,pp=2", &w, &diag), &diag);
    ck_assert(w.simulated);
    ck_assert_int_eq(w.pick.layout.tp, 8);
    ck_assert_double_ge(w.pick.step_s, r.picks[0].step_s);
    ck_assert_double_le(w.bound_s, w.pick.step_s);
    stc_assert_fails(stc_tune_explain(&a, &s, &params, &r, "tp", &w, &diag),
                     STC_ERR_PARSE, &diag, "KEY=VALUE");
    set(&s, "tune.tp", "1;2");
    stc_assert_fails(
        stc_tune_run(&a, &s, &params, &(struct stc_tune_opts){0}, &r, &diag),
        STC_ERR_PARSE, &diag, "tune.tp");
    stc_arena_free(&a);
}
END_TEST

/* ==== robustness ==== */

static void step_done(void *ctx, const char *what, long done, long total, double best_s)
{
    (void)what, (void)done, (void)total, (void)best_s;
    stc_kill_step(ctx);
}

static enum stc_err search(const struct stc_scenario *s, const char *journal,
                           struct stc_kill *moment, struct stc_tune_result *r,
                           struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_tune_opts o = {
        .n_threads = 1, .journal = journal, .progress = step_done, .ctx = moment};
    stc_kill_step(moment);
    enum stc_err err = stc_tune_run(&a, s, &params, &o, r, diag);
    stc_arena_free(&a);
    return err;
}

START_TEST(test_killed_search_resumes)
{
    struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_tune_result whole, resumed;
    struct stc_diag diag = {""};
    struct stc_rng rng;
    struct stc_kill moment = {.at = -1};
    char path[] = "/tmp/stepcast-journal-XXXXXX";
    int killed = 0;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    stc_kit_load(stc_kit_scenario(0), &s); /* 24 million layouts, cheap steps */
    static const char *const open[] = {
        "tune.split",    "tune.overlap_p2p",      "tune.overlap_grad_reduce",
        "tune.schedule", "tune.recompute_layers", "tune.shard"};
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        set(&s, open[i], "free");
    stc_assert_ok(search(&s, NULL, &moment, &resumed, &diag), &diag);
    const long n_steps = moment.n_steps;
    ck_assert_int_gt(n_steps, 50);
    ck_assert_int_eq(run(&s, 0, 2, 10, &a, &whole), STC_OK);
    stc_rng_seed(&rng, 3, "kills");
    for (int i = 0; i < KILLS; i++) {
        struct stc_tune_opts o = {.n_threads = 2, .journal = path};
        int status;
        unlink(path);
        stc_kill_choose(&moment, &rng, n_steps - 1, 8000000);
        pid_t pid = fork();
        if (pid == 0)
            _exit(search(&s, path, &moment, &resumed, &diag) == STC_OK ? 0 : 1);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        killed += WIFSIGNALED(status);
        stc_assert_ok(stc_tune_run(&a, &s, &params, &o, &resumed, &diag), &diag);
        same_ranking(&whole, &resumed);
        for (int k = 0; k < STC_TUNE_REASONS; k++)
            ck_assert_uint_eq(whole.count[k].n, resumed.count[k].n);
    }
    printf(
        "tune/kill -9: %d of %d runs died under way, all resumed to the same ranking\n",
        killed, KILLS);
    ck_assert_int_ge(killed, KILLS * 4 / 5);
    unlink(path);
    stc_arena_free(&a);
}
END_TEST

START_TEST(test_interrupted_answers)
{
    static volatile sig_atomic_t stop;
    struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_tune_result r;
    struct stc_diag diag = {""};
    struct stc_tune_opts o = {.stop = &stop, .n_threads = 1};
    stc_kit_load(stc_kit_scenario(0), &s);
    stop = 1;
    enum stc_err err = stc_tune_run(&a, &s, &params, &o, &r, &diag);
    ck_assert(err == STC_ERR_INTERRUPTED || (err == STC_OK && r.interrupted));
    stc_arena_free(&a);
}
END_TEST

static Suite *tune_suite(void)
{
    Suite *s = suite_create("tune");
    TCase *t = tcase_create("search");
    tcase_set_timeout(t, 600);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_equals_exhaustive);
    tcase_add_test(t, test_pruned_do_not_win);
    tcase_add_test(t, test_threads_do_not_matter);
    tcase_add_loop_test(t, test_apply_is_lossless, 0, 4);
    tcase_add_test(t, test_front);
    tcase_add_test(t, test_fewest_gpus);
    tcase_add_test(t, test_says_why);
    tcase_add_test(t, test_killed_search_resumes);
    tcase_add_test(t, test_interrupted_answers);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(tune_suite)
