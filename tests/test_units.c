#include <stdint.h>

#include "sim/base/rng.h"
#include "sim/base/units.h"
#include "tests/testing.h"

static const struct {
    const char *text;
    enum stc_dim dim;
    double want; /* exact: the reader must not lose a bit */
} good[] = {
    {"400Gbps", STC_DIM_BPS, 50e9},
    {"50GB/s", STC_DIM_BPS, 50e9},
    {"50 GB/s", STC_DIM_BPS, 50e9},
    {"1GiB/s", STC_DIM_BPS, 1073741824.0},
    {"100Gbit/s", STC_DIM_BPS, 12.5e9},
    {"2us", STC_DIM_SECONDS, 2e-6},
    {"2\xc2\xb5s", STC_DIM_SECONDS, 2e-6},
    {"1.7ns", STC_DIM_SECONDS, 1.7e-9},
    {"90min", STC_DIM_SECONDS, 5400.0},
    {"2h", STC_DIM_SECONDS, 7200.0},
    {"30d", STC_DIM_SECONDS, 2592000.0},
    {"0.25s", STC_DIM_SECONDS, 0.25},
    {"80GiB", STC_DIM_BYTES, 85899345920.0},
    {"80GB", STC_DIM_BYTES, 80e9},
    {"25MB", STC_DIM_BYTES, 25e6},
    {"1EB", STC_DIM_BYTES, 1e18}, /* exa, not an exponent */
    {"1e3B", STC_DIM_BYTES, 1e3},
    {"989.4TFLOP/s", STC_DIM_FLOP_PER_S, 989.4e12},
    {"989.4TFLOPS", STC_DIM_FLOP_PER_S, 989.4e12},
    {"4.5PFLOP/s", STC_DIM_FLOP_PER_S, 4.5e15},
    {"3.15ZFLOP", STC_DIM_FLOP, 3.15e21},
    {"700W", STC_DIM_WATT, 700.0},
    {"10.2kW", STC_DIM_WATT, 10200.0},
    {"1kWh", STC_DIM_JOULE, 3.6e6},
    {"1.98GHz", STC_DIM_HZ, 1.98e9},
    {"2.5USD", STC_DIM_USD, 2.5},
    {"$2.5", STC_DIM_USD, 2.5},
    {"$3M", STC_DIM_USD, 3e6},
    {"300B", STC_DIM_COUNT, 300e9},
    {"1.5T", STC_DIM_COUNT, 1.5e12},
    {"8Ki", STC_DIM_COUNT, 8192.0},
    {"1k", STC_DIM_COUNT, 1000.0},
    {"42", STC_DIM_COUNT, 42.0},
    {"12%", STC_DIM_FRAC, 0.12},
    {"0.12", STC_DIM_FRAC, 0.12},
    {"-1.5e-3", STC_DIM_NONE, -1.5e-3},
    {"+7", STC_DIM_NONE, 7.0},
};

START_TEST(units_text_becomes_the_exact_si_number)
{
    struct stc_diag d = {""};
    double got = -1.0;
    stc_assert_ok(stc_units_parse(good[_i].text, good[_i].dim, &got, &d), &d);
    ck_assert_msg(got == good[_i].want, "%s: got %.17g, want %.17g", good[_i].text, got,
                  good[_i].want);
}
END_TEST

static const struct {
    const char *text;
    enum stc_dim dim;
    const char *words;
} bad[] = {
    {"400", STC_DIM_BPS, "has no unit; for example 400Gbps"},
    {"0", STC_DIM_BYTES, "has no unit"},
    {"80gb", STC_DIM_BYTES, "unknown unit"},
    {"2GB/s", STC_DIM_BYTES, "unknown unit"},
    {"2ks", STC_DIM_SECONDS, "unknown unit"},
    {"1mB", STC_DIM_BYTES, "unknown unit"},
    {"5us", STC_DIM_NONE, "not a plain number"},
    {"fast", STC_DIM_BPS, "is not a number"},
    {"", STC_DIM_SECONDS, "is not a number"},
    {".", STC_DIM_NONE, "is not a number"},
    {"nan", STC_DIM_NONE, "is not a number"},
    {"inf", STC_DIM_NONE, "is not a number"},
    {"0x10", STC_DIM_NONE, "not a plain number"},
    {"1 2", STC_DIM_NONE, "not a plain number"},
    {"1e400", STC_DIM_NONE, "too large"},
    {"1e9999s", STC_DIM_SECONDS, "is not a number"},
    {"12%%", STC_DIM_FRAC, "unknown unit"},
};

START_TEST(units_mistakes_are_told_and_leave_the_number_alone)
{
    struct stc_diag d = {""};
    double got = 123.0;
    ck_assert_int_ne(stc_units_parse(bad[_i].text, bad[_i].dim, &got, &d), STC_OK);
    ck_assert_msg(strstr(d.text, bad[_i].words) != NULL, "%s: %s", bad[_i].text,
                  d.text);
    ck_assert_double_eq(got, 123.0);
}
END_TEST

START_TEST(units_every_example_is_right)
{
    struct stc_diag d = {""};
    double v;
    stc_assert_ok(
        stc_units_parse(stc_dim_example((enum stc_dim)_i), (enum stc_dim)_i, &v, &d),
        &d);
    ck_assert_double_gt(v, 0.0);
}
END_TEST

/* Any finite double, of any size, written by the exact form reads back the
 * same; by the human form within its four digits. */
START_TEST(units_what_is_written_reads_back)
{
    enum stc_dim dim = (enum stc_dim)_i;
    struct stc_diag d = {""};
    struct stc_rng r;
    char buf[48];
    double back;
    stc_rng_seed(&r, 7, stc_dim_example(dim));
    for (int i = 0; i < 3000; i++) {
        double v = stc_rng_lognormal(&r, 10.0, i % 2 == 0 ? 12.0 : 100.0);
        if (i % 7 == 0) v = -v;
        if (i % 11 == 0) v = floor(v);
        if (i == 0) v = 0.0;
        if (i == 1) v = 999.95;
        if (i == 2) v = 999950.0;
        stc_assert_ok(stc_units_parse(stc_units_format_exact(v, dim, buf, sizeof(buf)),
                                      dim, &back, &d),
                      &d);
        ck_assert_msg(memcmp(&v, &back, sizeof(v)) == 0, "%.17g became %s, %.17g", v,
                      buf, back);
        ck_assert_uint_lt(strlen(buf), 40);
        stc_assert_ok(
            stc_units_parse(stc_units_format(v, dim, buf, sizeof(buf)), dim, &back, &d),
            &d);
        stc_assert_near(back, v, 5.1e-4);
    }
}
END_TEST

static const struct {
    double v;
    enum stc_dim dim;
    const char *human, *exact;
} written[] = {
    {50e9, STC_DIM_BPS, "50GB/s", "50GB/s"},
    {989.4e12, STC_DIM_FLOP_PER_S, "989.4TFLOP/s", "989.4TFLOP/s"},
    {2e-6, STC_DIM_SECONDS, "2us", "2us"},
    {12.34567, STC_DIM_SECONDS, "12.35s", "12.34567s"},
    {86400.0 * 34, STC_DIM_SECONDS, "34d", "2937600s"},
    {85899345920.0, STC_DIM_BYTES, "85.9GB", "80GiB"},
    {999960.0, STC_DIM_BYTES, "1MB", "999960B"},
    {300e9, STC_DIM_COUNT, "300B", "300B"},
    {0.5127, STC_DIM_FRAC, "51.27%", "0.5127"},
    {0.0, STC_DIM_SECONDS, "0s", "0s"},
    {0.0, STC_DIM_BYTES, "0B", "0B"},
};

START_TEST(units_people_read_four_digits_and_files_all)
{
    char buf[48];
    ck_assert_str_eq(stc_units_format(written[_i].v, written[_i].dim, buf, sizeof(buf)),
                     written[_i].human);
    ck_assert_str_eq(
        stc_units_format_exact(written[_i].v, written[_i].dim, buf, sizeof(buf)),
        written[_i].exact);
}
END_TEST

START_TEST(units_ticks_round_to_nearest_and_clamp)
{
    ck_assert_int_eq(stc_s_to_tick(1e-12), 1);
    ck_assert_int_eq(stc_s_to_tick(1.4e-12), 1);
    ck_assert_int_eq(stc_s_to_tick(1.6e-12), 2);
    ck_assert_int_eq(stc_s_to_tick(3.25), INT64_C(3250000000000));
    ck_assert_int_eq(stc_s_to_tick(0.0), 0);
    ck_assert_int_eq(stc_s_to_tick(-5.0), 0);
    ck_assert_int_eq(stc_s_to_tick((double)NAN), 0);
    ck_assert_int_eq(stc_s_to_tick(1e30), STC_TICK_MAX);
    ck_assert_double_eq(stc_tick_to_s(INT64_C(2500000000000)), 2.5);
    struct stc_rng r;
    stc_rng_seed(&r, 3, "ticks");
    for (int i = 0; i < 10000; i++) {
        stc_tick t = (stc_tick)stc_rng_below(&r, UINT64_C(1) << (1 + i % 50));
        ck_assert_int_eq(stc_s_to_tick(stc_tick_to_s(t)), t);
    }
}
END_TEST

#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

static Suite *units_suite(void)
{
    Suite *s = suite_create("units");
    TCase *t = tcase_create("units");
    tcase_add_loop_test(t, units_text_becomes_the_exact_si_number, 0, N(good));
    tcase_add_loop_test(t, units_mistakes_are_told_and_leave_the_number_alone, 0,
                        N(bad));
    tcase_add_loop_test(t, units_every_example_is_right, 0, STC_DIM_N);
    tcase_add_loop_test(t, units_what_is_written_reads_back, 0, STC_DIM_N);
    tcase_add_loop_test(t, units_people_read_four_digits_and_files_all, 0, N(written));
    tcase_add_test(t, units_ticks_round_to_nearest_and_clamp);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(units_suite)
