/* headroom: what it calls the largest fits, the next does not, and `simulate`
 * agrees with both. */
#include "sim/study/headroom.h"

#include "tests/step_kit.h"
#include "tests/testing.h"

#include <stdio.h>

static struct step_kit kit;

static void setup(void)
{
    step_kit_open(&kit);
}

static void teardown(void)
{
    step_kit_close(&kit);
}

static const char *const presets[] = {"gpt3-13b-8xa100", "llama3-70b-256xh100",
                                      "gpt3-175b-64xa100", "mpt-7b-8xh100"};

static void run(const char *preset, enum stc_headroom_axis axis,
                struct stc_headroom_report *r)
{
    struct stc_scenario s;
    struct stc_diag diag = {""};
    stc_scenario_init(&s);
    stc_assert_ok(stc_scenario_load_preset(&s, preset, &diag), &diag);
    stc_assert_ok(stc_headroom_run(&s, axis, r, &diag), &diag);
}

/* Does the scenario with that micro-batch or sequence fit, as a run says? */
static int fits(const struct stc_headroom_report *r, const char *key, long long v)
{
    struct stc_scenario s = r->s;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_result res;
    struct stc_diag diag = {""};
    char words[160];
    s.resolved = 0;
    s.said.global_batch = STC_AUTO;
    s.said.grad_accum =
        r->s.train.global_batch / (r->s.layout.micro_batch * r->s.layout.dp);
    snprintf(words, sizeof words, "%s=%lld", key, v);
    stc_assert_ok(step_set(&s, words, &diag), &diag);
    if (s.model.max_positions > 0 && v > s.model.max_positions) {
        snprintf(words, sizeof words, "model.max_positions=%lld", v);
        stc_assert_ok(step_set(&s, words, &diag), &diag);
    }
    stc_assert_ok(stc_scenario_resolve(&s, &diag), &diag);
    stc_assert_ok(stc_step_run(&s, &kit.p, &a, &res, &diag), &diag);
    stc_arena_free(&a);
    return res.fits;
}

START_TEST(headroom_is_where_simulate_says_that_it_no_longer_fits)
{
    static const struct {
        enum stc_headroom_axis axis;
        const char *key;
    } rows[] = {{STC_HEADROOM_MICRO_BATCH, "layout.micro_batch"},
                {STC_HEADROOM_SEQ_LEN, "train.seq_len"}};
    static struct stc_headroom_report r;
    for (size_t p = 0; p < sizeof presets / sizeof presets[0]; p++) {
        run(presets[p], rows[_i].axis, &r);
        const struct stc_headroom *h = &r.v[0];
        ck_assert_int_eq(r.n, 1);
        ck_assert_msg(h->best.value > 0, "%s", presets[p]);
        if (rows[_i].axis == STC_HEADROOM_SEQ_LEN && h->best.value > 65536)
            continue; /* long to simulate */
        ck_assert_msg(fits(&r, rows[_i].key, (long long)h->best.value), "%s: %s=%lld",
                      presets[p], rows[_i].key, (long long)h->best.value);
        if (h->beyond.value > 0)
            ck_assert_msg(!fits(&r, rows[_i].key, (long long)h->beyond.value),
                          "%s: %s=%lld", presets[p], rows[_i].key,
                          (long long)h->beyond.value);
    }
}
END_TEST

START_TEST(headroom_every_axis_ends_between_neighbours)
{
    static struct stc_headroom_report r;
    run(presets[_i], STC_HEADROOM_COUNT, &r);
    ck_assert_int_eq(r.n, STC_HEADROOM_COUNT);
    for (int i = 0; i < r.n; i++) {
        const struct stc_headroom *h = &r.v[i];
        ck_assert_int_eq((int)h->axis, i);
        if (h->best.value > 0) ck_assert(h->best.need_bytes <= r.capacity_bytes);
        if (h->beyond.value > 0) ck_assert(h->beyond.need_bytes > r.capacity_bytes);
        if (h->axis != STC_HEADROOM_GPUS && r.now.need_bytes <= r.capacity_bytes &&
            h->axis != STC_HEADROOM_HIDDEN)
            ck_assert_msg(h->best.value >= h->now,
                          "%s: %s: %lld fits now, %lld at most", presets[_i],
                          stc_headroom_name(h->axis), (long long)h->now,
                          (long long)h->best.value);
        if (h->axis == STC_HEADROOM_GPUS) ck_assert(h->best.value <= h->now);
    }
}
END_TEST

START_TEST(headroom_fewest_gpus_is_a_lower_bound_of_states)
{
    /* 175 billion parameters at 18 bytes (fp16 weights and gradients, fp32 copy of
     * weights, two moments and Megatron's temporaries at least) over 80 GB each */
    static struct stc_headroom_report r;
    run("gpt3-175b-64xa100", STC_HEADROOM_GPUS, &r);
    ck_assert(r.v[0].best.value >= (int64_t)ceil(16 * 175e9 / 85.9e9));
    ck_assert(r.v[0].best.value <= 64);
}
END_TEST

START_TEST(headroom_unknown_axis_names_near_ones)
{
    enum stc_headroom_axis a;
    struct stc_diag diag = {""};
    stc_assert_fails(stc_headroom_find("gpu", &a, &diag), STC_ERR_UNKNOWN, &diag,
                     "gpus");
    for (int i = 0; i < STC_HEADROOM_COUNT; i++) {
        stc_assert_ok(
            stc_headroom_find(stc_headroom_name((enum stc_headroom_axis)i), &a, &diag),
            &diag);
        ck_assert_int_eq((int)a, i);
    }
}
END_TEST

static Suite *headroom_suite(void)
{
    Suite *s = suite_create("headroom");
    TCase *t = tcase_create("headroom");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, headroom_is_where_simulate_says_that_it_no_longer_fits, 0,
                        2);
    tcase_add_loop_test(t, headroom_every_axis_ends_between_neighbours, 0,
                        (int)(sizeof presets / sizeof presets[0]));
    tcase_add_test(t, headroom_fewest_gpus_is_a_lower_bound_of_states);
    tcase_add_test(t, headroom_unknown_axis_names_near_ones);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(headroom_suite)
