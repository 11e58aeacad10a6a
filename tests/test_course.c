/*
 * test_course.c - the training exercises of the course (scenarios/course) against
 * what its notebooks printed (tests/data/truth/course.csv), within the tolerances of
 * the course's acceptance table; `stepcast validate tests/data/truth/course.csv`
 * prints the same.
 */
#include "sim/study/validate.h"

#include "calib/load_coll.h"
#include "calib/load_cost.h"
#include "sim/base/text.h"
#include "tests/testing.h"

#include <stdio.h>

static struct stc_arena keep;
static struct stc_run_params params;

static void setup(void)
{
    struct stc_cost *cost;
    struct stc_diag diag = {""};
    struct stc_coll_params *coll = STC_NEW(&keep, struct stc_coll_params);
    ck_assert_ptr_nonnull(coll);
    stc_assert_ok(stc_cost_load(&keep, &cost, &diag), &diag);
    stc_assert_ok(stc_load_coll(coll, &diag), &diag);
    params = (struct stc_run_params){.cost = cost, .coll = coll};
}

static void teardown(void)
{
    stc_arena_free(&keep);
}

static void simulate(const char *name, struct stc_arena *a, struct stc_scenario *s,
                     struct stc_result *r)
{
    char path[160];
    struct stc_diag diag = {""};
    snprintf(path, sizeof path, "scenarios/course/%s.yaml", name);
    stc_scenario_init(s);
    stc_assert_ok(stc_scenario_load_file(s, path, &diag), &diag);
    stc_assert_ok(stc_scenario_resolve(s, &diag), &diag);
    stc_assert_ok(stc_step_run(s, &params, a, r, &diag), &diag);
}

/* ==== every row of the table ==== */

/* Rows whose forecast misses its tolerance today, why, and a bound (a share, or from
 * 1 on a factor), so that it can get better but not worse. */
static const struct known {
    const char *id;
    double bound;
    const char *why;
} known[] = {
    {"ct138", 0.20,
     "cuDNN's workspace stands early, activations late: both are counted"},
    {"ct172", 0.12,
     "1.1 GiB that DeepSpeed keeps between steps (its own MemAllocated)"},
    {"ct175", 0.12, "the same"},
};

static const struct known *known_of(const char *id)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].id, id) == 0) return &known[i];
    return NULL;
}

START_TEST(course_rows_are_forecast_within_their_tolerances)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    struct stc_vreport r;
    const struct stc_vopts all = {0};
    stc_assert_ok(
        stc_validate_file(&a, "tests/data/truth/course.csv", &params, &all, &r, &diag),
        &diag);
    ck_assert_int_ge(r.n_judged, 80);
    for (int i = 0; i < r.n_rows; i++)
        for (int c = 0; c < r.rows[i].n_cases; c++) {
            struct stc_vcase k = r.rows[i].cases[c];
            const struct known *x = known_of(r.rows[i].id);
            ck_assert_msg(!x || !stc_validate_held(&k), "%s is held now: take it out",
                          r.rows[i].id);
            if (x) k.tolerance = x->bound;
            ck_assert_msg(stc_validate_held(&k), "%s %s %s: measured %g, forecast %g",
                          r.rows[i].id, r.rows[i].scenario, k.quantity, k.measured,
                          k.predicted);
        }
    stc_arena_free(&a);
}
END_TEST

/* ==== the scenarios are what the rows describe ==== */

static double cell_number(const struct stc_csv *csv, const char *column)
{
    const char *text = stc_csv_text(csv, stc_csv_col(csv, column));
    return text[0] ? strtod(text, NULL) : (double)NAN;
}

static void same(const struct stc_csv *csv, const char *column, double ours)
{
    double v = cell_number(csv, column);
    ck_assert_msg(isnan(v) || fabs(v - ours) < 0.5, "%s: %s is %g, the scenario has %g",
                  stc_csv_text(csv, stc_csv_col(csv, "id")), column, v, ours);
}

static void row_is_scenario(const struct stc_csv *csv, struct stc_scenario *s)
{
    struct stc_diag diag = {""};
    stc_assert_ok(stc_scenario_resolve(s, &diag), &diag);
    same(csv, "nodes", s->cluster.n_nodes);
    /* the baseline has four GPUs and uses one: nn.DataParallel with a batch of 1 */
    if (strcmp(stc_csv_text(csv, stc_csv_col(csv, "exercise")), "AS-1") != 0) {
        same(csv, "gpus_per_node", s->cluster.node.n_gpus);
        same(csv, "dp", s->layout.dp);
    }
    same(csv, "tp", s->layout.tp);
    same(csv, "pp", s->layout.pp);
    same(csv, "mbs", s->layout.micro_batch);
    same(csv, "gbs", s->train.global_batch);
    if (s->model.kind == STC_MODEL_CNN) return;
    same(csv, "layers", s->model.n_layers);
    same(csv, "hidden", s->model.hidden);
    same(csv, "heads", s->model.n_heads);
}

START_TEST(course_scenarios_are_what_the_rows_describe)
{
    static const char path[] = "tests/data/truth/course.csv";
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_vruns runs;
    struct stc_csv csv;
    struct stc_diag diag = {""};
    bool got = true;
    int n = 0;
    stc_assert_ok(stc_validate_runs(&a, path, &runs, &diag), &diag);
    stc_assert_ok(stc_csv_open(&csv, path, &diag), &diag);
    for (int i = 0; i < runs.n; i++) {
        stc_assert_ok(stc_csv_next(&csv, &got, &diag), &diag);
        ck_assert_str_eq(stc_csv_text(&csv, stc_csv_col(&csv, "id")), runs.rows[i].id);
        if (runs.why[i]) continue; /* served requests, formulas: no scenario */
        row_is_scenario(&csv, &runs.said[i]);
        n++;
    }
    stc_csv_close(&csv);
    stc_arena_free(&a);
    ck_assert_int_ge(n, 140);
}
END_TEST

/* ==== what the exercises ask ==== */

static double compute_s(const struct stc_result *r)
{
    static const enum stc_part parts[] = {STC_PART_GEMM, STC_PART_ATTENTION,
                                          STC_PART_MEMBOUND, STC_PART_RECOMPUTE};
    double sum = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        sum += stc_tick_to_s(r->stages[0].part_ticks[parts[i]]);
    return sum;
}

START_TEST(course_accumulation_is_four_computes_and_one_reduction)
{
    static struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT, b = STC_ARENA_INIT;
    struct stc_result one, four;
    simulate("l1_04_recompute_v100", &a, &s, &one);
    simulate("l1_04_accumulate_v100", &b, &s, &four);
    stc_assert_near(compute_s(&four), 4 * compute_s(&one), 0.03);
    stc_assert_near(four.step_s - one.step_s, 3 * compute_s(&one), 0.05);
    /* unchanged by accumulation */
    stc_assert_near(four.peak_bytes[STC_MEMREP_ALLOCATED],
                    one.peak_bytes[STC_MEMREP_ALLOCATED], 1e-9);
    stc_arena_free(&a);
    stc_arena_free(&b);
}
END_TEST

START_TEST(course_network_eats_the_second_node)
{
    /* L1-03: comm 299 of 615 ms; four A100 over sockets give less than one A100 */
    static struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_result r, one;
    simulate("l1_03_dp4_v100", &a, &s, &r);
    stc_assert_near(stc_tick_to_s(r.stages[0].part_ticks[STC_PART_DP_COMM]) / r.step_s,
                    0.486, 0.10);
    simulate("l1_03_dp4_a100", &a, &s, &r);
    simulate("l1_02_dp1_a100", &a, &s, &one);
    ck_assert(r.samples_per_s < one.samples_per_s);
    stc_arena_free(&a);
}
END_TEST

START_TEST(course_zero1_states_are_what_deepspeed_prints)
{
    /* L1-06c: 0.17 GiB of weights and fp32 masters, 0.28 with Adam's moments: 2P + 4P/4
     * + 8P/4 (see_memory_usage, two digits) */
    static struct stc_scenario s;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_result r;
    simulate("l1_06_zero1_a100", &a, &s, &r);
    const double *m = r.stages[0].mem.bytes;
    stc_assert_near((m[STC_MEM_PARAM] + m[STC_MEM_OPTIM]) / 1073741824.0, 0.28, 0.05);
    stc_arena_free(&a);
}
END_TEST

START_TEST(course_estimator_counts)
{
    /* L1-04d: P = 12 l h^2 (1 + 13/(12h) + (V+s)/(12 l h)), without the last norm;
     * s = 1048 is the notebook's own typing */
    struct stc_model m = {.n_layers = 40,
                          .hidden = 6144,
                          .ffn = 4 * 6144,
                          .n_heads = 48,
                          .n_kv_heads = 48,
                          .vocab = 50257,
                          .max_positions = 1048,
                          .tied_embeddings = 1,
                          .qkv_bias = 1,
                          .linear_bias = 1};
    stc_assert_near(stc_model_params(&m) - 2.0 * m.hidden, 18437806080.0, 0);
    m.n_layers = 12;
    m.hidden = 768;
    m.ffn = 3072;
    m.n_heads = m.n_kv_heads = 12;
    m.max_positions = 1024;
    stc_assert_near(stc_model_params(&m) - 2.0 * m.hidden, 124438272.0, 0);
}
END_TEST

START_TEST(course_models_have_the_printed_parameters)
{
    static const struct {
        const char *name;
        double params, tol;
    } models[] = {{"igpt-10m", 10001664, 0},
                  {"igpt-19m", 19.48e6, 1e-3},
                  {"cifar-cnn", 62006, 0},
                  {"resnet-152", 60.2e6, 1e-3}};
    struct stc_model m;
    struct stc_diag diag = {""};
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        stc_assert_ok(stc_model_find(NULL, models[i].name, &m, &diag), &diag);
        stc_assert_near(stc_model_params(&m), models[i].params, models[i].tol);
    }
}
END_TEST

static Suite *course_suite(void)
{
    Suite *s = suite_create("course");
    TCase *t = tcase_create("course");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, course_rows_are_forecast_within_their_tolerances);
    tcase_add_test(t, course_scenarios_are_what_the_rows_describe);
    tcase_add_test(t, course_accumulation_is_four_computes_and_one_reduction);
    tcase_add_test(t, course_network_eats_the_second_node);
    tcase_add_test(t, course_zero1_states_are_what_deepspeed_prints);
    tcase_add_test(t, course_estimator_counts);
    tcase_add_test(t, course_models_have_the_printed_parameters);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(course_suite)
