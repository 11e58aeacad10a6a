/* Reports: they keep to their columns, add up, and other programs can read them. */
#include "reports/diff_text.h"
#include "reports/fmt.h"
#include "reports/step_text.h"
#include "reports/trace.h"
#include "sim/api.h"
#include "sim/base/embed.h"
#include "sim/study/diff.h"
#include "tests/testing.h"

#include <jansson.h>
#include <stdio.h>
#include <zlib.h>

static struct stc *opened(const char *scenario)
{
    struct stc *sim = NULL;
    struct stc_opts o = STC_OPTS_INIT;
    struct stc_diag diag = {""};
    ck_assert_msg(stc_open(&sim, &o, &diag) == STC_OK, "%s", diag.text);
    if (scenario)
        ck_assert_msg(stc_load(sim, scenario, &diag) == STC_OK, "%s", diag.text);
    return sim;
}

/* Characters, not bytes. */
static int longest_line(const char *text)
{
    int most = 0, n = 0;
    for (; *text; text++) {
        if (*text == '\n') {
            most = n > most ? n : most;
            n = 0;
        } else if (((unsigned char)*text & 0xC0) != 0x80) {
            n++;
        }
    }
    return most;
}

/* ==== numbers ==== */

static const struct {
    double v;
    const char *s, *gib, *num;
} numbers[] = {
    {0, "0.000 s", "0.000 GiB", "0.000"},
    {13.75, "13.75 s", "0.000 GiB", "13.75"},
    {0.4312, "431.2 ms", "0.000 GiB", "0.431"},
    {1234.5678, "1235 s", "0.000 GiB", "1235"},
    {99.9996, "100.0 s", "0.000 GiB", "100.0"},
    {2e-6, "2.000 us", "0.000 GiB", "0.000"},
    {1073741824.0 * 52.1, "55941949030 s", "52.10 GiB", "55941949030"},
};

START_TEST(report_numbers_have_four_digits_and_a_fitting_prefix)
{
    struct stc_fmt f;
    ck_assert_str_eq(stc_fmt_s(&f, numbers[_i].v), numbers[_i].s);
    ck_assert_str_eq(stc_fmt_gib(&f, numbers[_i].v), numbers[_i].gib);
    ck_assert_str_eq(stc_fmt_num(&f, numbers[_i].v), numbers[_i].num);
    ck_assert_str_eq(stc_fmt_s(&f, (double)NAN), "-");
    ck_assert_str_eq(stc_fmt_signed_pct(&f, -0.031), "-3.1 %");
}
END_TEST

START_TEST(report_wrapping_keeps_every_word_and_the_columns)
{
    struct stc_text t;
    char words[600] = "";
    for (int i = 0; i < 80; i++)
        snprintf(words + strlen(words), sizeof words - strlen(words), "%sw%d",
                 i ? " " : "", i);
    stc_text_init(&t, 0);
    stc_fmt_wrap(&t, "label", 15, words);
    stc_fmt_wrap(&t, "label", 15, "");
    ck_assert_int_le(longest_line(stc_text_str(&t)), STC_REPORT_COLUMNS);
    for (int i = 0; i < 80; i++) {
        char word[16];
        snprintf(word, sizeof word, "w%d", i);
        ck_assert_ptr_nonnull(strstr(stc_text_str(&t), word));
    }
    stc_text_free(&t);
}
END_TEST

/* ==== one step ==== */

START_TEST(report_every_preset_keeps_to_100_columns_and_adds_up)
{
    int n = 0;
    for (int i = 0; i < stc_embed_count(); i++) {
        const char *path = stc_embed_at(i)->path;
        if (strncmp(path, "scenarios/", 10) != 0) continue;
        struct stc *sim = opened(path);
        struct stc_out out = {0};
        struct stc_diag diag = {""};
        ck_assert_msg(stc_simulate_report(sim, STC_TEXT, &out, &diag) == STC_OK,
                      "%s: %s", path, diag.text);
        ck_assert_msg(longest_line(out.data) <= STC_REPORT_COLUMNS, "%s: %d", path,
                      longest_line(out.data));
        ck_assert_ptr_nonnull(strstr(out.data, "step time"));
        ck_assert_ptr_nonnull(
            strstr(out.data, sim->result.fits ? "fits: stage" : "does not fit: stage"));
        for (int s = 0; s < sim->result.n_stages; s++) {
            stc_tick sum = 0;
            for (int p = 0; p < STC_PART_COUNT; p++)
                sum += sim->result.stages[s].part_ticks[p];
            ck_assert_msg(sum == sim->result.step_ticks, "%s: stage %d", path, s);
        }
        stc_out_free(&out);
        stc_close(sim);
        n++;
    }
    ck_assert_int_ge(n, 12);
}
END_TEST

START_TEST(report_a_measured_time_stands_beside_the_forecast)
{
    struct stc *sim = opened("gpt3-175b-64xa100");
    struct stc_out out = {0};
    ck_assert_int_eq(stc_simulate_report(sim, STC_TEXT, &out, NULL), STC_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "measured 13.75 s: forecast "));
    ck_assert_ptr_nonnull(strstr(out.data, "arXiv 2205.05198"));
    stc_out_free(&out);
    ck_assert_int_eq(stc_set(sim, "published.step_time", "auto", NULL), STC_OK);
    ck_assert_int_eq(stc_simulate_report(sim, STC_TEXT, &out, NULL), STC_OK);
    ck_assert_ptr_null(strstr(out.data, "measured 13.75 s"));
    stc_out_free(&out);
    stc_close(sim);
}
END_TEST

START_TEST(report_the_pipeline_has_a_line_for_each_stage)
{
    struct stc *sim = opened("gpt3-175b-64xa100");
    struct stc_out out = {0};
    ck_assert_int_eq(stc_simulate_report(sim, STC_TEXT, &out, NULL), STC_OK);
    for (int s = 0; s < 8; s++) {
        char label[32];
        snprintf(label, sizeof label, "\nstage %-2d ", s);
        ck_assert_ptr_nonnull(strstr(out.data, label));
    }
    stc_out_free(&out);
    stc_close(sim);
}
END_TEST

static double num(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    ck_assert_msg(json_is_number(v), "%s", key);
    return json_number_value(v);
}

START_TEST(report_json_parses_names_its_versions_and_adds_up)
{
    struct stc *sim = opened("gpt3-175b-64xa100");
    struct stc_out out = {0};
    ck_assert_int_eq(stc_simulate_report(sim, STC_JSON, &out, NULL), STC_OK);
    json_t *doc = json_loadb(out.data, out.size, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(doc);
    ck_assert_int_eq((int)num(doc, "schema"), STC_RESULT_SCHEMA);
    ck_assert_str_eq(json_string_value(json_object_get(doc, "version")), stc_version());
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(doc, "scenario_hash"))),
                      16);
    double step = num(doc, "step_s");
    ck_assert_double_eq_tol(step, sim->result.step_s, 1e-12 * step);
    size_t i;
    json_t *stage;
    json_array_foreach(json_object_get(doc, "stages"), i, stage)
    {
        double sum = 0;
        const char *key;
        json_t *v;
        json_object_foreach(json_object_get(stage, "parts_s"), key, v) sum +=
            json_number_value(v);
        ck_assert_double_eq_tol(sum, step, 1e-9 * step);
    }
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "stages")), 8);
    ck_assert(json_is_boolean(json_object_get(json_object_get(doc, "memory"), "fits")));
    /* the YAML in it is the scenario */
    const char *yaml =
        json_string_value(json_object_get(json_object_get(doc, "scenario"), "yaml"));
    ck_assert_int_eq(stc_load_text(sim, "again", yaml, strlen(yaml), NULL), STC_OK);
    struct stc_step again;
    ck_assert_int_eq(stc_simulate(sim, &again, NULL), STC_OK);
    ck_assert_double_eq_tol(again.step_s, step, 1e-12 * step);
    json_decref(doc);
    stc_out_free(&out);
    stc_close(sim);
}
END_TEST

/* ==== trace ==== */

static void must_lie_inside(const json_t *events, double step_us)
{
    size_t i;
    json_t *e;
    int kernels = 0;
    json_array_foreach(events, i, e)
    {
        const char *cat = json_string_value(json_object_get(e, "cat")),
                   *ph = json_string_value(json_object_get(e, "ph"));
        ck_assert_ptr_nonnull(ph);
        if (!cat || strcmp(cat, "kernel") != 0) continue;
        double ts = num(e, "ts"), dur = num(e, "dur");
        ck_assert_double_ge(ts, 0);
        ck_assert_double_ge(dur, 0);
        ck_assert_double_le(ts + dur, step_us * (1 + 1e-9));
        const json_t *args = json_object_get(e, "args");
        ck_assert(json_is_integer(json_object_get(args, "stream")) &&
                  json_is_integer(json_object_get(args, "device")));
        kernels++;
    }
    ck_assert_int_gt(kernels, 100);
}

START_TEST(report_trace_has_kinetos_keys_and_lies_inside_the_step)
{
    static const char *const keys[] = {"schemaVersion", "deviceProperties",
                                       "distributedInfo", "traceEvents", "traceName"};
    struct stc *sim = opened("gpt3-175b-64xa100");
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    ck_assert_msg(stc_simulate_trace(sim, 0, &out, &diag) == STC_OK, "%s", diag.text);
    json_error_t err;
    json_t *doc = json_loadb(out.data, out.size, JSON_REJECT_DUPLICATES, &err);
    ck_assert_msg(doc != NULL, "line %d: %s", err.line, err.text);
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        ck_assert_msg(json_object_get(doc, keys[k]) != NULL, "%s", keys[k]);
    must_lie_inside(json_object_get(doc, "traceEvents"), sim->result.step_s * 1e6);
    ck_assert_ptr_nonnull(strstr(out.data, "ProfilerStep#0"));
    ck_assert_ptr_nonnull(strstr(out.data, "Total Allocated"));
    json_decref(doc);
    stc_out_free(&out);
    stc_close(sim);
}
END_TEST

START_TEST(report_a_compressed_trace_is_the_trace)
{
    struct stc *sim = opened("gpt3-13b-8xa100");
    struct stc_out plain = {0}, packed = {0};
    ck_assert_int_eq(stc_simulate_trace(sim, 0, &plain, NULL), STC_OK);
    ck_assert_int_eq(stc_simulate_trace(sim, 1, &packed, NULL), STC_OK);
    ck_assert_uint_lt(packed.size, plain.size);
    char *back = malloc(plain.size + 1);
    z_stream z;
    memset(&z, 0, sizeof z);
    ck_assert_int_eq(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
    z.next_in = (unsigned char *)packed.data;
    z.avail_in = (unsigned)packed.size;
    z.next_out = (unsigned char *)back;
    z.avail_out = (unsigned)plain.size + 1;
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(z.total_out, plain.size);
    ck_assert_mem_eq(back, plain.data, plain.size);
    inflateEnd(&z);
    free(back);
    stc_out_free(&plain);
    stc_out_free(&packed);
    stc_close(sim);
}
END_TEST

START_TEST(report_plot_is_a_script_with_its_data)
{
    struct stc *sim = opened("gpt3-175b-64xa100");
    struct stc_out out = {0};
    ck_assert_int_eq(stc_set(sim, "title", "quotes \" and `ticks` \\ stay out", NULL),
                     STC_OK);
    ck_assert_int_eq(stc_simulate_memory_plot(sim, &out, NULL), STC_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "set terminal pngcairo"));
    ck_assert_ptr_nonnull(strstr(
        out.data, "title \"Memory over one step: quotes  and ticks  stay out\""));
    ck_assert_ptr_nonnull(strstr(out.data, "stage 7"));
    stc_out_free(&out);
    stc_close(sim);
}
END_TEST

/* ==== diff ==== */

START_TEST(report_a_difference_adds_up_both_ways)
{
    struct stc *x = opened("gpt3-175b-64xa100"),
               *y = opened("gpt3-175b-64xa100-full-recompute");
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diff d;
    struct stc_diag diag = {""};
    ck_assert_msg(stc_diff_run(&a, &x->scenario, &y->scenario, &x->params, &d, &diag) ==
                      STC_OK,
                  "%s", diag.text);
    double whole = d.b_result.step_s - d.a_result.step_s, parts = 0, walk = 0;
    for (int p = 0; p < STC_PART_COUNT; p++)
        parts += d.part_s[p];
    for (int i = 0; i < d.n_changes; i++)
        walk += d.changes[i].walk_s;
    ck_assert_double_gt(whole, 0);
    ck_assert_double_eq_tol(parts, whole, 1e-9);
    ck_assert_double_eq_tol(walk, whole, 1e-9);
    ck_assert_int_eq(d.n_changes, 2); /* sequence parallelism, recompute */
    stc_arena_free(&a);
    stc_close(x);
    stc_close(y);
}
END_TEST

START_TEST(report_changes_that_cannot_be_cut_alone_go_together)
{
    struct stc *x = opened("gpt3-175b-64xa100"), *y = opened("gpt3-175b-64xa100");
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diff d;
    /* pp 16 with vp 3 does not fit 64 GPUs; with tp 4 it does */
    ck_assert_int_eq(stc_set(y, "layout.pp", "16", NULL), STC_OK);
    ck_assert_int_eq(stc_set(y, "layout.tp", "4", NULL), STC_OK);
    ck_assert_int_eq(stc_set(y, "layout.dp", "1", NULL), STC_OK);
    ck_assert_int_eq(stc_diff_run(&a, &x->scenario, &y->scenario, &x->params, &d, NULL),
                     STC_OK);
    double walk = 0;
    for (int i = 0; i < d.n_changes; i++)
        walk += d.changes[i].walk_s;
    ck_assert_int_ge(d.n_changes, 1);
    ck_assert_double_eq_tol(walk, d.b_result.step_s - d.a_result.step_s, 1e-9);
    stc_arena_free(&a);
    stc_close(x);
    stc_close(y);
}
END_TEST

START_TEST(report_a_scenario_does_not_differ_from_itself)
{
    struct stc *x = opened("gpt3-13b-8xa100"), *y = opened("gpt3-13b-8xa100");
    struct stc_out out = {0};
    ck_assert_int_eq(stc_diff(x, y, STC_TEXT, &out, NULL), STC_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "the scenarios are the same"));
    ck_assert_int_le(longest_line(out.data), STC_REPORT_COLUMNS);
    stc_out_free(&out);
    stc_close(x);
    stc_close(y);
}
END_TEST

/* ==== lists ==== */

START_TEST(report_whatever_is_listed_can_be_shown)
{
    static const char *const lists[] = {"gpus", "nodes", "fabrics", "models", "stacks"};
    struct stc *sim = opened(NULL);
    struct stc_out out = {0};
    int n = 0;
    ck_assert_int_eq(stc_list(sim, lists[_i], STC_JSON, &out, NULL), STC_OK);
    json_t *doc = json_loadb(out.data, out.size, 0, NULL), *e;
    size_t i;
    json_array_foreach(json_object_get(doc, lists[_i]), i, e)
    {
        struct stc_out one = {0};
        struct stc_diag diag = {""};
        if (n++ % 7 != 0) continue; /* every seventh: models are many */
        const char *name = json_string_value(json_object_get(e, "name"));
        ck_assert_msg(stc_show(sim, name, STC_TEXT, &one, &diag) == STC_OK, "%s",
                      diag.text);
        stc_out_free(&one);
    }
    ck_assert_int_gt(n, 3);
    json_decref(doc);
    stc_out_free(&out);
    stc_close(sim);
}
END_TEST

static Suite *report_suite(void)
{
    Suite *s = suite_create("report");
    TCase *t = tcase_create("numbers");
    tcase_add_loop_test(t, report_numbers_have_four_digits_and_a_fitting_prefix, 0,
                        (int)(sizeof numbers / sizeof numbers[0]));
    tcase_add_test(t, report_wrapping_keeps_every_word_and_the_columns);
    suite_add_tcase(s, t);
    t = tcase_create("step");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, report_every_preset_keeps_to_100_columns_and_adds_up);
    tcase_add_test(t, report_a_measured_time_stands_beside_the_forecast);
    tcase_add_test(t, report_the_pipeline_has_a_line_for_each_stage);
    tcase_add_test(t, report_json_parses_names_its_versions_and_adds_up);
    tcase_add_test(t, report_trace_has_kinetos_keys_and_lies_inside_the_step);
    tcase_add_test(t, report_a_compressed_trace_is_the_trace);
    tcase_add_test(t, report_plot_is_a_script_with_its_data);
    suite_add_tcase(s, t);
    t = tcase_create("others");
    tcase_add_test(t, report_a_difference_adds_up_both_ways);
    tcase_add_test(t, report_changes_that_cannot_be_cut_alone_go_together);
    tcase_add_test(t, report_a_scenario_does_not_differ_from_itself);
    tcase_add_loop_test(t, report_whatever_is_listed_can_be_shown, 0, 5);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(report_suite)
