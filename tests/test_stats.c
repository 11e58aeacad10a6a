#include "sim/base/rng.h"
#include "sim/base/stats.h"
#include "tests/testing.h"

START_TEST(stats_sum_keeps_what_naive_addition_loses)
{
    const double v[] = {1.0, 1e100, 1.0, -1e100}; /* Neumaier's own example: 2 */
    ck_assert_double_eq(stc_sum(v, 4), 2.0);
    ck_assert_double_eq(stc_sum(v, 0), 0.0);
    const double big[] = {1e308, 1e308};
    ck_assert(isinf(stc_sum(big, 2)));
}
END_TEST

START_TEST(stats_moments_by_hand)
{
    const double v[] = {2, 4, 4, 4, 5, 5, 7, 9}; /* mean 5, sum of squares 32 */
    ck_assert_double_eq(stc_mean(v, 8), 5.0);
    stc_assert_near(stc_sd(v, 8), sqrt(32.0 / 7.0), 1e-15);
    ck_assert(isnan(stc_mean(v, 0)));
    ck_assert(isnan(stc_sd(v, 1)));
    const double g[] = {1, 10, 100};
    stc_assert_near(stc_geomean(g, 3), 10.0, 1e-14);
    const double z[] = {1, 0};
    ck_assert(isnan(stc_geomean(z, 2)));
    ck_assert(isnan(stc_geomean(z, 0)));
}
END_TEST

START_TEST(stats_quantiles_are_linear_between_neighbours)
{
    const double v[] = {40, 10, 30, 20};
    ck_assert_double_eq(stc_quantile(v, 4, 0.0), 10.0);
    ck_assert_double_eq(stc_quantile(v, 4, 1.0), 40.0);
    ck_assert_double_eq(stc_quantile(v, 4, 0.5), 25.0);
    ck_assert_double_eq_tol(stc_quantile(v, 4, 0.9), 37.0, 1e-12); /* 10 + 2.7 * 10 */
    ck_assert_double_eq(stc_quantile(v, 1, 0.3), 40.0);
    ck_assert(isnan(stc_quantile(v, 0, 0.5)));
    ck_assert_double_eq(v[0], 40.0); /* the caller's array is left alone */
}
END_TEST

START_TEST(stats_sort_puts_nan_last)
{
    double v[] = {3, (double)NAN, 1, (double)INFINITY, 2, (double)NAN, -1};
    stc_sort(v, 7);
    const double want[] = {-1, 1, 2, 3};
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq(v[i], want[i]);
    ck_assert(isinf(v[4]) && isnan(v[5]) && isnan(v[6]));
}
END_TEST

START_TEST(stats_mape_leaves_out_what_has_no_ratio)
{
    const double ours[] = {110, 90, 5, (double)NAN};
    const double theirs[] = {100, 100, 0, 7};
    stc_assert_near(stc_mape(ours, theirs, 4), 0.10, 1e-15);
    ck_assert(isnan(stc_mape(ours, theirs, 0)));
}
END_TEST

START_TEST(stats_kendall_tau_of_known_orders)
{
    const double x[] = {1, 2, 3, 4, 5}, up[] = {2, 4, 6, 8, 9},
                 down[] = {5, 4, 3, 2, 1};
    const double one_swap[] = {1, 2, 4, 3, 5}; /* 9 concordant, 1 discordant of 10 */
    const double flat[] = {1, 1, 1, 1, 1};
    ck_assert_double_eq(stc_kendall_tau(x, up, 5), 1.0);
    ck_assert_double_eq(stc_kendall_tau(x, down, 5), -1.0);
    stc_assert_near(stc_kendall_tau(x, one_swap, 5), 0.8, 1e-15);
    ck_assert(isnan(stc_kendall_tau(x, flat, 5)));
    const double tie[] = {1, 1, 2, 3, 4}; /* tau-b: 9 / sqrt(10 * 9) */
    stc_assert_near(stc_kendall_tau(x, tie, 5), 9.0 / sqrt(90.0), 1e-15);
}
END_TEST

START_TEST(stats_histogram_counts_everything_once)
{
    struct stc_rng r;
    double v[5000];
    size_t bins[10], total = 0;
    stc_rng_seed(&r, 2, "histogram");
    for (int i = 0; i < 5000; i++)
        v[i] = stc_rng_normal(&r, 0.5, 0.5);
    stc_histogram(v, 5000, 0.0, 1.0, bins, 10);
    for (int i = 0; i < 10; i++)
        total += bins[i];
    ck_assert_uint_eq(total, 5000);
    const double edge[] = {-1, 0, 0.05, 0.1, 0.95, 1.0, 2.0, (double)NAN};
    stc_histogram(edge, 8, 0.0, 1.0, bins, 10);
    ck_assert_uint_eq(bins[0], 3);
    ck_assert_uint_eq(bins[1], 1);
    ck_assert_uint_eq(bins[9], 3);
}
END_TEST

static Suite *stats_suite(void)
{
    Suite *s = suite_create("stats");
    TCase *t = tcase_create("stats");
    tcase_add_test(t, stats_sum_keeps_what_naive_addition_loses);
    tcase_add_test(t, stats_moments_by_hand);
    tcase_add_test(t, stats_quantiles_are_linear_between_neighbours);
    tcase_add_test(t, stats_sort_puts_nan_last);
    tcase_add_test(t, stats_mape_leaves_out_what_has_no_ratio);
    tcase_add_test(t, stats_kendall_tau_of_known_orders);
    tcase_add_test(t, stats_histogram_counts_everything_once);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(stats_suite)
