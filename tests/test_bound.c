/* Bounds never exceed the step they bound, and are near it. */
#include "sim/run/bound.h"

#include <stdio.h>

#include "tests/testing.h"
#include "tests/tune_kit.h"

enum { N_LAYOUTS = 700 }; /* that resolve, of each scenario */

struct tally {
    int n, n_dead;
    double fast, tight; /* sums of bound / step */
};

static void say(const struct stc_scenario *s, double bound, double step)
{
    const struct stc_layout *l = &s->layout;
    ck_abort_msg(
        "bound %.9g s exceeds the step %.9g s: tp %d pp %d vp %d cp %d ep %d dp %d "
        "micro %d x %d shard %d sched %d sp %d recompute %d/%d extra %d %d reshard "
        "%d, overlap grad %d gather %d p2p %d tp %d, %s",
        bound, step, l->tp, l->pp, l->vp, l->cp, l->ep, l->dp, l->micro_batch,
        l->n_micro, l->shard, l->schedule, l->seq_parallel, l->recompute,
        l->recompute_layers, l->first_stage_extra, l->last_stage_extra,
        l->reshard_after_forward, s->stack.overlap_grad_reduce,
        s->stack.overlap_param_gather, s->stack.overlap_p2p, s->stack.overlap_tp,
        s->stack.name);
}

static void check_one(struct stc_bounder *b, const struct stc_scenario *s,
                      uint32_t variant, const struct stc_run_params *p,
                      struct stc_arena *a, struct tally *t)
{
    struct stc_bound fast, tight;
    struct stc_result r;
    struct stc_diag diag = {""}, unused = {""};
    enum stc_err sim = stc_step_run(s, p, a, &r, &diag);
    if (sim != STC_OK) { /* what lowering refuses has no bound to keep */
        t->n_dead++;
        return;
    }
    stc_assert_ok(stc_bound_fast(b, s, variant, &fast, &unused), &unused);
    stc_assert_ok(stc_bound_tight(b, s, variant, &tight, &unused), &unused);
    if (fast.step_ticks > r.step_ticks)
        say(s, stc_tick_to_s(fast.step_ticks), r.step_s);
    if (tight.step_ticks > r.step_ticks)
        say(s, stc_tick_to_s(tight.step_ticks), r.step_s);
    ck_assert_int_ge(tight.step_ticks, fast.step_ticks);
    double need;
    int32_t stage;
    double room = s->cluster.gpu.mem_bytes - s->sim.mem_margin_bytes;
    stc_assert_ok(stc_bound_need_bytes(s, 1e18, &need, &stage, &unused), &unused);
    ck_assert_int_eq(need <= room, r.fits);
    t->n++;
    t->fast += stc_tick_to_s(fast.step_ticks) / r.step_s;
    t->tight += stc_tick_to_s(tight.step_ticks) / r.step_s;
}

START_TEST(test_admissible)
{
    struct stc_arena fixed = STC_ARENA_INIT, run = STC_ARENA_INIT;
    struct stc_run_params p;
    struct stc_scenario base, s;
    struct stc_bounder *b;
    struct stc_rng rng;
    struct tally t = {0};
    stc_kit_params(&fixed, &p);
    stc_kit_load(stc_kit_scenario(_i), &base);
    stc_rng_seed(&rng, 1, "test_bound");
    ck_assert_int_eq(stc_bounder_make(&p, &b), STC_OK);
    for (uint32_t i = 0; t.n + t.n_dead < N_LAYOUTS && i < 200000; i++) {
        if (!stc_kit_random(&rng, &base, &s)) continue;
        stc_arena_reset(&run);
        check_one(b, &s, i, &p, &run, &t);
    }
    printf(
        "bound/scenario-%d  %d layouts, %d refused: fast %.4f tight %.4f of the step\n",
        _i, t.n, t.n_dead, t.fast / t.n, t.tight / t.n);
    ck_assert_int_gt(t.n, N_LAYOUTS / 4);
    ck_assert_double_gt(t.fast / t.n, 0.85);
    ck_assert_double_gt(t.tight / t.n, 0.90);
    stc_bounder_free(b);
    stc_arena_free(&run);
    stc_arena_free(&fixed);
}
END_TEST

static Suite *bound_suite(void)
{
    Suite *s = suite_create("bound");
    TCase *t = tcase_create("admissible");
    int n = 0;
    while (stc_kit_scenario(n))
        n++;
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, test_admissible, 0, n);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(bound_suite)
