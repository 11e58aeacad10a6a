/*
 * test_step_deadlock.c - no schedule hangs: random sizes of pipelines, chunks and
 * micro-batches under every schedule, stack and combination of overlaps. A
 * lowering that orders its transfers badly hangs here as a real job would.
 */
#include <stdio.h>

#include "models/catalogue.h"
#include "models/schedule.h"
#include "tests/step_kit.h"
#include "tests/testing.h"

enum { N_RUNS = 1200 };

static struct step_kit kit;

static const char *one_of(struct stc_rng *g, const char *const *of, size_t n)
{
    return of[stc_rng_below(g, n)];
}
#define ONE_OF(g, ...)                           \
 one_of((g), (const char *const[]){__VA_ARGS__}, \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static int between(struct stc_rng *g, int lo, int hi)
{
    return lo + (int)stc_rng_below(g, (uint64_t)(hi - lo + 1));
}

/* One random pipeline; 0 when its resolution refuses it. */
static int draw(struct stc_rng *g, struct stc_scenario *s, char *words, size_t size)
{
    struct stc_diag d = {0};
    char stack[64];
    int pp = between(g, 1, 12), vp = pp > 1 ? between(g, 1, 4) : 1,
        dp = between(g, 1, 3), tp = between(g, 1, 2);
    int micro = stc_rng_below(g, 2) ? between(g, 1, 40) : pp * between(g, 1, 4);
    int extra = vp == 1 && pp > 2 ? between(g, -1, 1) : 0;
    int layers = pp * vp * between(g, 1, 2) +
                 extra; /* or as they come: uneven, or chunks with none */
    if (stc_rng_below(g, 4) == 0)
        layers = between(g, 1, 2 * pp * vp) + (extra > 0 ? extra : 0);
    const char *schedule = vp > 1
                               ? ONE_OF(g, "auto", "interleaved", "gpipe")
                               : ONE_OF(g, "auto", "gpipe", "1f1b", "zb-h1", "zb-h2");
    (void)stc_stack_catalogue_name(
        NULL, (int)stc_rng_below(g, (uint64_t)stc_stack_catalogue_n(NULL)), stack,
        sizeof stack);
    int n = snprintf(
        words, size,
        "model.name=m model.family=%s model.layers=%d model.hidden=512 model.heads=8 "
        "model.vocab=4000 "
        "model.max_positions=256 model.tied_embeddings=%s cluster=dgx-a100-80gb "
        "cluster.gpus_per_node=%s cluster.gpus=%d "
        "cluster.nics_per_node=1 layout.tp=%d layout.pp=%d layout.vp=%d "
        "layout.schedule=%s layout.last_stage_extra=%d "
        "layout.grad_accum=%d layout.micro_batch=1 layout.shard=%s layout.recompute=%s "
        "stack=%s "
        "stack.overlap_p2p=%s stack.overlap_grad_reduce=%s "
        "stack.overlap_param_gather=%s stack.overlap_tp=%s "
        "train.offload=%s train.data_per_sample=%dms stack.prefetch_layers=%d "
        "stack.host_per_launch=%dus sim.straggler_rank=%d "
        "sim.fold_ranks=%s sim.fold_layers=%s",
        ONE_OF(g, "gpt", "llama"), layers, ONE_OF(g, "yes", "no"),
        ONE_OF(g, "2", "4", "8"), tp * pp * dp, tp, pp, vp, schedule, extra, micro,
        ONE_OF(g, "none", "zero1", "zero2", "zero3"),
        ONE_OF(g, "none", "selective", "full"), stack, ONE_OF(g, "yes", "no"),
        ONE_OF(g, "yes", "no"), ONE_OF(g, "yes", "no"),
        ONE_OF(g, "none", "next", "prev"),
        stc_rng_below(g, 5) ? "none" : ONE_OF(g, "optimizer", "optimizer+parameters"),
        stc_rng_below(g, 4) ? 0 : 5, between(g, 0, 3), between(g, 0, 1) * 8,
        stc_rng_below(g, 6) ? -1 : 0, ONE_OF(g, "on", "off"), ONE_OF(g, "on", "off"));
    ck_assert(n > 0 && (size_t)n < size);
    stc_scenario_init(s);
    return step_scenario(s, words, &d) == STC_OK;
}

START_TEST(step_never_deadlocks)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_rng g;
    int64_t ran = 0, drawn = 0, by_schedule[STC_SCHED_COUNT] = {0}, refused = 0;
    static struct stc_scenario s;
    char words[2048];
    step_kit_open(&kit);
    stc_rng_seed(&g, 7, "deadlock");
    while (ran < N_RUNS) {
        struct stc_diag d = {0};
        struct stc_result r;
        ck_assert_msg(++drawn < 20 * (int64_t)N_RUNS, "%lld of %lld draws ran",
                      (long long)ran, (long long)drawn);
        if (!draw(&g, &s, words, sizeof words)) continue;
        stc_arena_reset(&a);
        enum stc_err e = stc_step_run(&s, &kit.p, &a, &r, &d);
        if (e == STC_ERR_INFEASIBLE) {
            ck_assert_msg(strlen(d.text) > 20, "refused without a sentence: %s", words);
            refused++;
            continue;
        }
        ck_assert_msg(e == STC_OK, "%s: %s\n%s", stc_err_text(e), d.text, words);
        ck_assert_int_gt(r.step_ticks, 0);
        by_schedule[s.layout.schedule]++;
        ran++;
    }
    for (int k = 0; k < STC_SCHED_COUNT; k++) {
        printf("deadlock: %-12s %lld runs\n",
               stc_schedule_name((enum stc_schedule_kind)k), (long long)by_schedule[k]);
        ck_assert_int_ge(by_schedule[k], 50);
    }
    printf("deadlock: %lld schedules refused with a sentence\n", (long long)refused);
    stc_arena_free(&a);
    step_kit_close(&kit);
}
END_TEST

static Suite *deadlock_suite(void)
{
    Suite *s = suite_create("step_deadlock");
    TCase *t = tcase_create("sweep");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, step_never_deadlocks);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(deadlock_suite)
