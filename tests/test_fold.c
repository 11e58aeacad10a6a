/*
 * test_fold.c - folding is exact: hundreds of random small scenarios, each run
 * with ranks and layers folded and not. Step time and every part of every stage
 * agree to 1e-9 of the step.
 */
#include <stdio.h>

#include "tests/step_kit.h"
#include "tests/testing.h"

enum { N_CASES = 400 };

static struct step_kit kit;

static void run(const struct step_case *c, int fold_ranks, int fold_layers,
                struct stc_arena *a, struct stc_result *r)
{
    struct stc_diag d = {0};
    struct stc_scenario s = c->s;
    s.sim.fold_ranks = fold_ranks;
    s.sim.fold_layers = fold_layers;
    enum stc_err e = stc_step_run(&s, &kit.p, a, r, &d);
    ck_assert_msg(e == STC_OK, "fold_ranks %d fold_layers %d: %s\n%s", fold_ranks,
                  fold_layers, d.text, c->words);
}

static double worst;         /* relative, over all comparisons */
static stc_tick worst_ticks; /* in absolute numbers */

static int close_ticks(stc_tick x, stc_tick y, stc_tick step)
{
    double rel = fabs((double)(x - y)) / (double)step;
    stc_tick apart = x > y ? x - y : y - x;
    if (rel > worst) worst = rel;
    if (apart > worst_ticks) worst_ticks = apart;
    return rel <= 1e-9;
}

static void same(const struct step_case *c, const char *what,
                 const struct stc_result *x, const struct stc_result *y)
{
    ck_assert_msg(close_ticks(x->step_ticks, y->step_ticks, x->step_ticks),
                  "%s: step %lld, %lld ticks\n%s", what, (long long)x->step_ticks,
                  (long long)y->step_ticks, c->words);
    ck_assert_int_eq(x->n_stages, y->n_stages);
    for (int32_t i = 0; i < x->n_stages; i++)
        for (int p = 0; p < STC_PART_COUNT; p++)
            ck_assert_msg(close_ticks(x->stages[i].part_ticks[p],
                                      y->stages[i].part_ticks[p], x->step_ticks),
                          "%s: stage %d, %s: %lld, %lld of %lld ticks\n%s", what,
                          (int)i, stc_part_key((enum stc_part)p),
                          (long long)x->stages[i].part_ticks[p],
                          (long long)y->stages[i].part_ticks[p],
                          (long long)x->step_ticks, c->words);
}

START_TEST(fold_ranks_and_layers_change_nothing)
{
    int64_t hits[STEP_FEATURE_COUNT] = {0}, ranks = 0, classes = 0;
    struct stc_arena a = STC_ARENA_INIT;
    static struct step_case c;
    step_kit_open(&kit);
    for (uint64_t n = 0; n < N_CASES; n++) {
        struct stc_result full, r;
        step_case_random(&c, "fold", n);
        stc_arena_reset(&a);
        run(&c, 0, 0, &a, &full);
        run(&c, 1, 0, &a, &r);
        same(&c, "ranks folded", &full, &r);
        run(&c, 0, 1, &a, &r);
        same(&c, "layers folded", &full, &r);
        run(&c, 1, 1, &a, &r);
        same(&c, "both folded", &full, &r);
        if (r.counts.joins_flows > 0) c.hits |= 1U << STEP_FLOWS;
        if (r.counts.n_rank_classes < r.counts.n_ranks) c.hits |= 1U << STEP_FOLDED;
        for (int f = 0; f < STEP_FEATURE_COUNT; f++)
            hits[f] += c.hits >> f & 1;
        ranks += r.counts.n_ranks;
        classes += r.counts.n_rank_classes;
    }
    printf("fold: %d scenarios, %lld ranks in %lld classes, worst difference %.2g of "
           "the step, %lld ps\n",
           (int)N_CASES, (long long)ranks, (long long)classes, worst,
           (long long)worst_ticks);
    for (int f = 0; f < STEP_FEATURE_COUNT; f++) {
        printf("fold:   %-26s %lld\n", step_feature_names[f], (long long)hits[f]);
        ck_assert_msg(hits[f] >= 10, "%s is hit %lld times only", step_feature_names[f],
                      (long long)hits[f]);
    }
    stc_arena_free(&a);
    step_kit_close(&kit);
}
END_TEST

static Suite *fold_suite(void)
{
    Suite *s = suite_create("fold");
    TCase *t = tcase_create("exact");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, fold_ranks_and_layers_change_nothing);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(fold_suite)
