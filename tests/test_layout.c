/* Layouts are arithmetic: every axis partitions the world, whatever the sizes. */
#include "models/layout.h"

#include "sim/base/rng.h"
#include "tests/testing.h"

static struct stc_layout plain(int32_t tp, int32_t cp, int32_t dp, int32_t pp)
{
    return (struct stc_layout){.tp = tp,
                               .cp = cp,
                               .dp = dp,
                               .pp = pp,
                               .vp = 1,
                               .ep = 1,
                               .etp = 1,
                               .micro_batch = 1,
                               .n_micro = 1,
                               .recompute_layers = -1};
}

static int32_t pick(struct stc_rng *r, const int32_t *from, int n)
{
    return from[stc_rng_below(r, (uint64_t)n)];
}

START_TEST(layout_axes_partition_the_ranks)
{
    static const int32_t sizes[] = {1, 2, 3, 4, 6};
    struct stc_rng r;
    stc_rng_seed(&r, 20240501, "layouts");
    for (int k = 0; k < 200; k++) {
        struct stc_layout l = plain(pick(&r, sizes, 5), pick(&r, sizes, 3),
                                    pick(&r, sizes, 5), pick(&r, sizes, 4));
        int32_t inner = l.tp * l.cp * l.dp;
        do {
            l.ep = 1 + (int32_t)stc_rng_below(&r, 6);
            l.etp = 1 + (int32_t)stc_rng_below(&r, 3);
        } while (inner % (l.ep * l.etp) != 0);
        do {
            l.shard_group = (int32_t)stc_rng_below(&r, 5);
        } while (l.shard_group > 0 && l.shard_group != l.dp &&
                 l.dp * l.cp % l.shard_group != 0);
        ck_assert_msg(stc_layout_sane(&l),
                      "tp %d cp %d dp %d pp %d ep %d etp %d shard %d", l.tp, l.cp, l.dp,
                      l.pp, l.ep, l.etp, l.shard_group);
    }
}
END_TEST

START_TEST(layout_numbers_ranks_as_megatron_does)
{
    /* tp fastest, then cp, dp, pp: rank 13 of 2 x 1 x 4 x 2 is tp 1, dp 2, pp 1 */
    struct stc_layout l = plain(2, 1, 4, 2);
    struct stc_coord c = stc_layout_coord(&l, 13);
    ck_assert_int_eq(c.tp, 1);
    ck_assert_int_eq(c.dp, 2);
    ck_assert_int_eq(c.pp, 1);
    for (int32_t r = 0; r < stc_layout_world(&l); r++) {
        c = stc_layout_coord(&l, r);
        ck_assert_int_eq(stc_layout_rank(&l, &c), r);
    }
    struct stc_group g =
        stc_layout_group(&l, STC_AXIS_DP, 13); /* strides over tp: 9 11 13 15 */
    ck_assert_int_eq(stc_group_member(&g, 0), 9);
    ck_assert_int_eq(g.stride, 2);
    ck_assert_int_eq(stc_group_index(&g, 13), 2);
    ck_assert_int_eq(stc_group_index(&g, 12), -1);
    g = stc_layout_group(&l, STC_AXIS_EMBED, 5); /* first and last stage: 5 and 13 */
    ck_assert_int_eq(stc_group_member(&g, 0), 5);
    ck_assert_int_eq(stc_group_member(&g, 1), 13);
}
END_TEST

START_TEST(layout_experts_recut_the_same_ranks)
{
    struct stc_layout l = plain(2, 1, 8, 1);
    l.ep = 4;
    l.etp = 2;
    ck_assert_int_eq(stc_layout_axis_size(&l, STC_AXIS_EDP), 2);
    struct stc_group ep = stc_layout_group(&l, STC_AXIS_EP, 3); /* etp 1: 1 3 5 7 */
    ck_assert_int_eq(ep.first, 1);
    ck_assert_int_eq(ep.stride, 2);
    ck_assert_int_eq(ep.n, 4);
    struct stc_group edp = stc_layout_group(&l, STC_AXIS_EDP, 3); /* 3 and 11 */
    ck_assert_int_eq(stc_group_member(&edp, 1), 11);
}
END_TEST

static const struct {
    const char *what;
    int32_t layers, pp, vp, first, last;
    int32_t want[8]; /* of the first virtual stages; -2 ends */
} cuts[] = {
    {"even", 12, 4, 1, 0, 0, {3, 3, 3, 3, -2}},
    {"zero bubble: one layer less at the ends",
     22,
     8,
     1,
     -1,
     -1,
     {2, 3, 3, 3, 3, 3, 3, 2}},
    {"the same, one layer a chunk", 22, 8, 3, -1, -1, {0, 1, 1, 1, 1, 1, 1, 1}},
    {"a remainder goes to the middle", 70, 12, 1, 0, 0, {5, 6, 6, 6, 6, 6, 6, 6}},
    {"two stages: the first takes the odd one", 3, 2, 1, 0, 0, {2, 1, -2}},
    {"one stage has all", 7, 1, 1, 0, 0, {7, -2}},
};

START_TEST(layout_cuts_layers)
{
    struct stc_layout l = plain(1, 1, 1, cuts[_i].pp);
    l.vp = cuts[_i].vp;
    l.first_stage_extra = (int16_t)cuts[_i].first;
    l.last_stage_extra = (int16_t)cuts[_i].last;
    int32_t sum = 0, n = l.pp * l.vp;
    for (int32_t v = 0; v < n; v++) {
        ck_assert_int_eq(stc_layout_first_layer(&l, cuts[_i].layers, v), sum);
        sum += stc_layout_layers(&l, cuts[_i].layers, v);
    }
    ck_assert_int_eq(sum, cuts[_i].layers);
    for (int v = 0; v < 8 && cuts[_i].want[v] != -2; v++) {
        ck_assert_msg(stc_layout_layers(&l, cuts[_i].layers, v) == cuts[_i].want[v],
                      "%s: stage %d", cuts[_i].what, v);
    }
}
END_TEST

START_TEST(layout_cut_that_cannot_be_is_minus_one)
{
    struct stc_layout l = plain(1, 1, 1, 4);
    l.first_stage_extra = -3;
    ck_assert_int_eq(stc_layout_layers(&l, 4, 0), -1);
    ck_assert_int_eq(stc_layout_layers(&l, 4, 4), -1);
    ck_assert_int_eq(stc_layout_first_layer(&l, 4, 2), -1);
}
END_TEST

START_TEST(layout_sane_sees_what_does_not_divide)
{
    struct stc_layout l = plain(2, 1, 3, 1);
    l.ep = 4;
    ck_assert_int_eq(stc_layout_sane(&l), 0);
    l.ep = 1;
    l.shard_group = 2;
    ck_assert_int_eq(stc_layout_sane(&l), 0);
    l.shard_group = 0;
    l.n_micro = 0;
    ck_assert_int_eq(stc_layout_sane(&l), 0);
}
END_TEST

static Suite *layout_suite(void)
{
    Suite *s = suite_create("layout");
    TCase *t = tcase_create("layout");
    tcase_add_test(t, layout_axes_partition_the_ranks);
    tcase_add_test(t, layout_numbers_ranks_as_megatron_does);
    tcase_add_test(t, layout_experts_recut_the_same_ranks);
    tcase_add_loop_test(t, layout_cuts_layers, 0, (int)(sizeof cuts / sizeof cuts[0]));
    tcase_add_test(t, layout_cut_that_cannot_be_is_minus_one);
    tcase_add_test(t, layout_sane_sees_what_does_not_divide);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(layout_suite)
