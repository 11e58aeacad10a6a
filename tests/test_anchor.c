/* Which term explains a run: a run made by changing one term must be explained by
 * that term, at the factor it was changed by. */
#include "calib/load_coll.h"
#include "calib/load_cost.h"
#include "reports/anchor_text.h"
#include "sim/study/anchor.h"
#include "tests/testing.h"

static struct stc_diag diag;
static struct stc_arena arena = STC_ARENA_INIT, run_arena = STC_ARENA_INIT;
static struct stc_cost *cost;
static struct stc_coll_params coll;
static struct stc_run_params params;
static struct stc_scenario base;

static void setup(void)
{
    stc_assert_ok(stc_cost_load(&arena, &cost, &diag), &diag);
    stc_assert_ok(stc_load_coll(&coll, &diag), &diag);
    params = (struct stc_run_params){.cost = cost, .coll = &coll};
    stc_scenario_init(&base);
    stc_assert_ok(stc_scenario_load_preset(&base, "gpt-22b-8xa100", &diag), &diag);
}

static void teardown(void)
{
    stc_arena_free(&arena);
    stc_arena_free(&run_arena);
}

static double step_of(const char *key, const char *value, struct stc_result *r)
{
    struct stc_scenario s = base;
    if (key != NULL) stc_assert_ok(stc_scenario_set(&s, key, value, &diag), &diag);
    stc_assert_ok(stc_scenario_resolve(&s, &diag), &diag);
    stc_arena_reset(&run_arena);
    memset(r, 0, sizeof *r);
    stc_assert_ok(stc_step_run(&s, &params, &run_arena, r, &diag), &diag);
    return r->step_s;
}

static struct stc_anchor made(double step_s)
{
    struct stc_anchor a = {.framework = "Megatron-LM", .n_steps = 10, .step_s = step_s};
    a.lo_s = a.hi_s = step_s;
    a.allocated_bytes = a.reserved_bytes = (double)NAN;
    return a;
}

static const struct stc_anchor_line *line(const struct stc_anchor_report *r,
                                          enum stc_anchor_term t)
{
    for (int i = 0; i < STC_ANCHOR_COUNT; i++)
        if (r->line[i].term == t) return &r->line[i];
    return NULL;
}

static struct stc_anchor_report explain(const struct stc_anchor *run)
{
    struct stc_anchor_report r;
    struct stc_scenario s = base;
    stc_assert_ok(stc_scenario_resolve(&s, &diag), &diag);
    stc_assert_ok(stc_anchor_explain(&s, &params, run, &r, &diag), &diag);
    return r;
}

START_TEST(anchor_host_time_of_a_step_is_found)
{
    struct stc_result r;
    double plain = step_of(NULL, NULL, &r);
    double slow = step_of("stack.host_per_step", "1s", &r);
    ck_assert_double_gt(slow, plain);
    const struct stc_anchor run = made(slow);
    struct stc_anchor_report rep = explain(&run);
    const struct stc_anchor_line *l = line(&rep, STC_ANCHOR_HOST_STEP);
    ck_assert(l->possible);
    stc_assert_near(l->seconds, 1.0, 0.02);
    stc_assert_near(rep.forecast_s, plain, 1e-12);
}
END_TEST

START_TEST(anchor_a_run_as_forecast_needs_no_change)
{
    struct stc_result r;
    const struct stc_anchor run = made(step_of(NULL, NULL, &r));
    struct stc_anchor_report rep = explain(&run);
    ck_assert(rep.inside);
    const struct stc_anchor_line *l = line(&rep, STC_ANCHOR_GEMM);
    ck_assert(l->possible && l->plausible);
    /* the residual's trees are steps of the rate too: one may lie beside 1 */
    stc_assert_near(l->factor, 1.0, 5e-3);
}
END_TEST

START_TEST(anchor_faster_run_wants_faster_products)
{
    struct stc_result r;
    double plain = step_of(NULL, NULL, &r);
    const struct stc_anchor slow = made(plain * 1.05), fast = made(plain * 0.97);
    struct stc_anchor_report a = explain(&slow), b = explain(&fast);
    ck_assert_double_lt(line(&a, STC_ANCHOR_GEMM)->factor, 1.0);
    ck_assert_double_gt(line(&b, STC_ANCHOR_GEMM)->factor, 1.0);
    /* One node: nothing between nodes can explain anything. */
    ck_assert(!line(&a, STC_ANCHOR_COLL_NET)->possible);
    /* Best first: plausible before the rest, then by score. */
    for (int i = 1; i < STC_ANCHOR_COUNT; i++)
        ck_assert(a.line[i - 1].plausible >= a.line[i].plausible);
}
END_TEST

START_TEST(anchor_rates_become_step_times)
{
    struct stc_result r;
    double plain = step_of(NULL, NULL, &r);
    struct stc_anchor run = made((double)NAN);
    run.tokens_per_s_per_gpu = r.tokens_per_s_per_gpu / 2.0;
    struct stc_anchor_report rep = explain(&run);
    ck_assert(rep.derived);
    stc_assert_near(rep.measured_s, 2.0 * plain, 1e-9);
    struct stc_anchor none = made((double)NAN);
    struct stc_scenario s = base;
    stc_assert_ok(stc_scenario_resolve(&s, &diag), &diag);
    none.samples_per_s = none.tokens_per_s_per_gpu = (double)NAN;
    stc_assert_fails(stc_anchor_explain(&s, &params, &none, &rep, &diag), STC_ERR_RANGE,
                     &diag, "no step time");
}
END_TEST

START_TEST(anchor_report_names_the_likeliest)
{
    struct stc_result r;
    struct stc_text t;
    const struct stc_anchor run = made(step_of(NULL, NULL, &r) * 1.02);
    struct stc_anchor_report rep = explain(&run);
    stc_text_init(&t, 0);
    stc_report_anchor(&rep, &run, &t);
    ck_assert_ptr_nonnull(strstr(stc_text_str(&t), rep.line[0].title));
    ck_assert_ptr_nonnull(strstr(stc_text_str(&t), "Likeliest"));
    stc_text_clear(&t);
    stc_report_anchor_json(&rep, &run, &t);
    ck_assert_ptr_nonnull(strstr(stc_text_str(&t), "\"terms\""));
    stc_text_free(&t);
}
END_TEST

static Suite *anchor_suite(void)
{
    Suite *s = suite_create("anchor");
    TCase *t = tcase_create("anchor");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, anchor_host_time_of_a_step_is_found);
    tcase_add_test(t, anchor_a_run_as_forecast_needs_no_change);
    tcase_add_test(t, anchor_faster_run_wants_faster_products);
    tcase_add_test(t, anchor_rates_become_step_times);
    tcase_add_test(t, anchor_report_names_the_likeliest);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(anchor_suite)
