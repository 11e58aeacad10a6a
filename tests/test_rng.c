#include <stdint.h>

#include "sim/base/rng.h"
#include "sim/base/stats.h"
#include "tests/testing.h"

START_TEST(rng_same_seed_and_purpose_same_stream)
{
    struct stc_rng a, b, other, next;
    stc_rng_seed(&a, 42, "arrivals");
    stc_rng_seed(&b, 42, "arrivals");
    stc_rng_seed(&other, 42, "failures");
    stc_rng_seed(&next, 43, "arrivals");
    int same_other = 0, same_next = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = stc_rng_u64(&a);
        ck_assert_uint_eq(x, stc_rng_u64(&b));
        same_other += x == stc_rng_u64(&other);
        same_next += x == stc_rng_u64(&next);
    }
    ck_assert_int_eq(same_other, 0);
    ck_assert_int_eq(same_next, 0);
}
END_TEST

/* The reference C of xoshiro256** (public domain) from state {1, 2, 3, 4}. */
START_TEST(rng_is_xoshiro256starstar)
{
    struct stc_rng r = {{1, 2, 3, 4}};
    static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240};
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(stc_rng_u64(&r), want[i]);
}
END_TEST

/* Bounds are five standard errors of the estimate at n = 200,000. */
START_TEST(rng_moments_are_those_of_the_distribution)
{
    enum { N = 200000 };
    struct stc_rng r;
    double *v = malloc(N * sizeof(*v));
    stc_rng_seed(&r, 5, "moments");
    for (int i = 0; i < N; i++) {
        v[i] = stc_rng_uniform(&r);
        ck_assert(v[i] >= 0.0 && v[i] < 1.0);
    }
    ck_assert_double_eq_tol(stc_mean(v, N), 0.5, 5 * 0.2887 / sqrt(N));
    for (int i = 0; i < N; i++)
        v[i] = stc_rng_normal(&r, 3.0, 2.0);
    ck_assert_double_eq_tol(stc_mean(v, N), 3.0, 5 * 2.0 / sqrt(N));
    ck_assert_double_eq_tol(stc_sd(v, N), 2.0, 5 * 2.0 / sqrt(2.0 * N));
    for (int i = 0; i < N; i++)
        v[i] = stc_rng_exponential(&r, 4.0);
    ck_assert_double_eq_tol(stc_mean(v, N), 4.0, 5 * 4.0 / sqrt(N));
    for (int i = 0; i < N; i++)
        v[i] = stc_rng_lognormal(&r, 1.0, 0.5);
    ck_assert_double_eq_tol(stc_quantile(v, N, 0.5), exp(1.0),
                            5 * 1.2533 * 0.5 * exp(1.0) / sqrt(N));
    free(v);
}
END_TEST

START_TEST(rng_below_is_even_over_its_range)
{
    struct stc_rng r;
    int count[6] = {0};
    stc_rng_seed(&r, 9, "below");
    for (int i = 0; i < 60000; i++) {
        uint64_t x = stc_rng_below(&r, 6);
        ck_assert_uint_lt(x, 6);
        count[x]++;
    }
    double chi2 = 0.0;
    for (int i = 0; i < 6; i++)
        chi2 += (count[i] - 10000.0) * (count[i] - 10000.0) / 10000.0;
    ck_assert_double_lt(chi2, 25.7); /* 5 degrees of freedom, p = 1e-4 */
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(stc_rng_below(&r, 1), 0);
        ck_assert_uint_lt(stc_rng_below(&r, (UINT64_C(1) << 63) + 1),
                          (UINT64_C(1) << 63) + 1);
    }
}
END_TEST

static Suite *rng_suite(void)
{
    Suite *s = suite_create("rng");
    TCase *t = tcase_create("rng");
    tcase_add_test(t, rng_same_seed_and_purpose_same_stream);
    tcase_add_test(t, rng_is_xoshiro256starstar);
    tcase_add_test(t, rng_moments_are_those_of_the_distribution);
    tcase_add_test(t, rng_below_is_even_over_its_range);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(rng_suite)
