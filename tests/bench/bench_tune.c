/*
 * bench_tune.c - the bounds and the search: microseconds a bound, layouts settled a
 * second and core, seconds to the proven optimum of GPT-3 175B on 512 A100.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "calib/load_coll.h"
#include "kernels/coll_params.h"
#include "kernels/cost_params.h"
#include "sim/study/tune_space.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const struct stc_diag *diag)
{
    fprintf(stderr, "%s\n", diag->text);
    exit(1);
}

static struct stc_scenario scenario;
static struct stc_cost cost;
static struct stc_coll_params coll;

static void bounds(const struct stc_run_params *p)
{
    struct stc_bounder *b;
    struct stc_diag diag = {""};
    struct stc_scenario s = scenario;
    struct stc_bound out;
    if (stc_scenario_resolve(&s, &diag) != STC_OK || stc_bounder_make(p, &b) != STC_OK)
        die(&diag);
    for (int kind = 0; kind < 4; kind++) {
        static const char *const names[] = {"bound_fast/warm", "bound_fast/new-chain",
                                            "bound_memory", "bound_tight"};
        long n = kind == 3 ? 2000 : 200000, i;
        double best = 1e9, need;
        int32_t stage;
        for (int round = 0; round < 5; round++) {
            double t = now_s();
            for (i = 0; i < n; i++) {
                enum stc_err err = STC_OK;
                if (kind == 1) s.layout.recompute_layers = 1 + (int32_t)(i & 1);
                if (kind < 2) err = stc_bound_fast(b, &s, 0, &out, &diag);
                if (kind == 2)
                    err = stc_bound_need_bytes(&s, 1e18, &need, &stage, &diag);
                if (kind == 3) err = stc_bound_tight(b, &s, 0, &out, &diag);
                if (err != STC_OK) die(&diag);
            }
            t = (now_s() - t) / (double)n;
            if (t < best) best = t;
        }
        printf("%-28s %8ld %12.1f ns\n", names[kind], n, best * 1e9);
    }
    stc_bounder_free(b);
}

static void search(const struct stc_run_params *p, int threads)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    struct stc_tune_opts o = {.n_threads = threads};
    struct stc_tune_result r;
    if (stc_tune_run(&a, &scenario, p, &o, &r, &diag) != STC_OK) die(&diag);
    printf("tune/threads-%d %llu %.1f ns/layout/core: %.2f s, %.0f layouts/s/core, "
           "%llu tight "
           "bounds, %llu simulated, best %.4f s\n",
           threads, (unsigned long long)r.n_layouts, 1e9 / r.settled_per_s, r.wall_s,
           r.settled_per_s, (unsigned long long)r.n_tight,
           (unsigned long long)r.count[STC_TUNE_SIMULATED].n, r.picks[0].step_s);
    for (int i = 0; i < STC_TUNE_REASONS; i++)
        printf("#  %-10s %llu\n", stc_tune_reason_name((enum stc_tune_reason)i),
               (unsigned long long)r.count[i].n);
    for (int i = 0; i < r.n_picks && i < 4; i++)
        printf("#  %.4f s  %s\n", r.picks[i].step_s, r.picks[i].keys);
    stc_arena_free(&a);
}

int main(int argc, char **argv)
{
    struct stc_diag diag = {""};
    struct stc_run_params p = {.cost = &cost, .coll = &coll};
    stc_cost_prior(&cost);
    if (stc_load_coll(&coll, &diag) != STC_OK) die(&diag);
    stc_scenario_init(&scenario);
    if (stc_scenario_load_preset(&scenario, "tune/gpt3-175b-512xa100", &diag) != STC_OK)
        die(&diag);
    bounds(&p);
    int most = argc > 1 ? atoi(argv[1]) : 2;
    for (int t = most; t <= most; t++)
        search(&p, t);
    return 0;
}
