#include <stdint.h>

#include "sim/base/rng.h"
#include "tests/testing.h"

START_TEST(arena_memory_is_zeroed_aligned_and_disjoint)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_rng r;
    enum { N = 400 };
    unsigned char *p[N];
    size_t n[N];
    stc_rng_seed(&r, 1, "arena");
    for (int round = 0; round < 3; round++) { /* reused blocks must be zero again */
        for (int i = 0; i < N; i++) {
            n[i] = (size_t)stc_rng_below(&r, i % 50 == 0 ? 100000 : 300);
            p[i] = stc_arena_alloc(&a, n[i], 1);
            ck_assert_ptr_nonnull(p[i]);
            ck_assert_uint_eq((uintptr_t)p[i] % 16, 0);
            for (size_t k = 0; k < n[i]; k++)
                ck_assert_uint_eq(p[i][k], 0);
            memset(p[i], i % 251 + 1, n[i]);
        }
        for (int i = 0; i < N; i++)
            for (size_t k = 0; k < n[i]; k++)
                ck_assert_uint_eq(p[i][k], (unsigned)(i % 251 + 1));
        stc_arena_reset(&a);
        ck_assert_uint_eq(a.used_bytes, 0);
    }
    stc_arena_free(&a);
    ck_assert_ptr_null(a.head);
}
END_TEST

START_TEST(arena_refuses_products_that_overflow)
{
    struct stc_arena a = STC_ARENA_INIT;
    ck_assert_ptr_null(stc_arena_alloc(&a, SIZE_MAX / 2, 4));
    ck_assert_ptr_null(stc_arena_alloc(&a, SIZE_MAX, 1));
    ck_assert_ptr_null(stc_arena_alloc(&a, 1, SIZE_MAX));
    ck_assert_ptr_nonnull(stc_arena_alloc(&a, 0, 8));
    ck_assert_ptr_nonnull(stc_arena_alloc(&a, SIZE_MAX, 0));
    stc_arena_free(&a);
}
END_TEST

START_TEST(arena_cap_is_never_passed_and_outlives_a_reset)
{
    struct stc_arena a = STC_ARENA_INIT;
    a.cap_bytes = 1000;
    size_t n = 0;
    while (stc_arena_alloc(&a, 1, 48) != NULL)
        n++;
    ck_assert_uint_eq(n, 20); /* 20 * 48 <= 1000 < 21 * 48 */
    ck_assert_uint_le(a.used_bytes, 1000);
    stc_arena_reset(&a);
    ck_assert_ptr_null(stc_arena_alloc(&a, 1, 1001));
    ck_assert_ptr_nonnull(stc_arena_alloc(&a, 1, 900));
    stc_arena_free(&a);
}
END_TEST

START_TEST(arena_text_is_copied_and_formatted)
{
    struct stc_arena a = STC_ARENA_INIT;
    char word[] = "abc";
    char *copy = stc_arena_strdup(&a, word);
    word[0] = 'x';
    ck_assert_str_eq(copy, "abc");
    ck_assert_str_eq(stc_arena_printf(&a, "%s-%05d", copy, 42), "abc-00042");
    a.cap_bytes = 1;
    ck_assert_ptr_null(stc_arena_strdup(&a, "y"));
    ck_assert_ptr_null(stc_arena_printf(&a, "%d", 1));
    stc_arena_free(&a);
}
END_TEST

static Suite *arena_suite(void)
{
    Suite *s = suite_create("arena");
    TCase *t = tcase_create("arena");
    tcase_add_test(t, arena_memory_is_zeroed_aligned_and_disjoint);
    tcase_add_test(t, arena_refuses_products_that_overflow);
    tcase_add_test(t, arena_cap_is_never_passed_and_outlives_a_reset);
    tcase_add_test(t, arena_text_is_copied_and_formatted);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(arena_suite)
