/*
 * test_place.c - what a group of ranks looks like on the nodes of a cluster, and
 * which links its ring loads.
 */
#include "sim/run/place.h"

#include "hw/catalogue.h"
#include "scenarios/scenario.h"
#include "tests/testing.h"

struct bed {
    struct stc_arena a;
    struct stc_cluster c;
    struct stc_layout l;
    struct stc_place p;
};

static void bed_open(struct bed *b, int nodes, int nics, int tp, int pp, int dp)
{
    const struct stc_hw *hw;
    struct stc_diag d = {0};
    struct stc_topo *t;
    struct stc_cluster_ask ask = {
        .use = "dgx-a100-80gb", .n_nodes = nodes, .nics_per_node = nics};
    *b = (struct bed){.a = STC_ARENA_INIT};
    stc_assert_ok(stc_scenario_hw(NULL, &hw, &d), &d);
    stc_assert_ok(stc_cluster_resolve(hw, &ask, &b->c, &d), &d);
    stc_assert_ok(stc_topo_make(&b->a, &b->c, &t, &d), &d);
    b->l = (struct stc_layout){.tp = tp,
                               .pp = pp,
                               .vp = 1,
                               .cp = 1,
                               .ep = 1,
                               .etp = tp,
                               .dp = dp,
                               .micro_batch = 1,
                               .n_micro = 1,
                               .recompute_layers = -1};
    b->p = (struct stc_place){&b->c, t, &b->l, tp * pp * dp};
}

static struct stc_group_shape shape_of(const struct bed *b, enum stc_axis axis,
                                       int32_t rank)
{
    struct stc_group_shape s;
    struct stc_group g = stc_layout_group(&b->l, axis, rank);
    stc_place_shape(&b->p, &g, &s);
    return s;
}

/* 8 GPUs a node, tp innermost: by hand. */
static const struct {
    const char *what;
    int nodes, nics, tp, pp, dp;
    enum stc_axis axis;
    int n_ranks, n_nodes, per_node, n_nics;
} rows[] = {
    {"tp fills a node", 4, 8, 8, 2, 2, STC_AXIS_TP, 8, 1, 8, 8},
    {"tp 4: half a node, half the NICs", 4, 8, 4, 2, 4, STC_AXIS_TP, 4, 1, 4, 4},
    {"tp 16 spans two nodes", 4, 8, 16, 1, 2, STC_AXIS_TP, 16, 2, 8, 8},
    {"dp strides over nodes, one GPU each", 4, 8, 8, 1, 4, STC_AXIS_DP, 4, 4, 1, 1},
    {"dp 4 with tp 4: two in each of two nodes", 4, 8, 4, 2, 4, STC_AXIS_DP, 4, 2, 2,
     2},
    {"the same with one NIC a node", 4, 1, 4, 2, 4, STC_AXIS_DP, 4, 2, 2, 1},
    {"dp inside a node", 2, 8, 2, 2, 4, STC_AXIS_DP, 4, 1, 4, 4},
    {"all", 4, 8, 4, 2, 4, STC_AXIS_WORLD, 32, 4, 8, 8},
    {"nobody else", 1, 8, 8, 1, 1, STC_AXIS_DP, 1, 1, 1, 1},
};

START_TEST(place_counts_nodes_ranks_and_nics)
{
    struct bed b;
    bed_open(&b, rows[_i].nodes, rows[_i].nics, rows[_i].tp, rows[_i].pp, rows[_i].dp);
    struct stc_group_shape s = shape_of(&b, rows[_i].axis, 0);
    ck_assert_msg(s.n_ranks == rows[_i].n_ranks && s.n_nodes == rows[_i].n_nodes &&
                      s.ranks_per_node == rows[_i].per_node &&
                      s.n_nics == rows[_i].n_nics,
                  "%s: %d ranks, %d nodes, %d a node, %d NICs", rows[_i].what,
                  s.n_ranks, s.n_nodes, s.ranks_per_node, s.n_nics);
    ck_assert(s.intra_Bps > 0 && s.nic_Bps > 0 && s.domain_ranks == 8);
    stc_arena_free(&b.a);
}
END_TEST

/* Equal groups look equal: ranks of one node's width apart see one shape. */
START_TEST(place_shapes_are_equal_where_groups_are)
{
    struct bed b;
    bed_open(&b, 8, 8, 4, 2, 8);
    for (int axis = 0; axis < STC_AXIS_COUNT; axis++) {
        struct stc_group_shape first = shape_of(&b, (enum stc_axis)axis, 0);
        for (int32_t r = 8; r < b.p.n_ranks / b.l.pp; r += 8) {
            struct stc_group_shape s = shape_of(&b, (enum stc_axis)axis, r);
            ck_assert_mem_eq(&s, &first, sizeof s);
        }
    }
    stc_arena_free(&b.a);
}
END_TEST

START_TEST(place_pairs_look_the_same_from_both_ends)
{
    struct bed b;
    struct stc_group_shape x, y;
    bed_open(&b, 4, 8, 8, 4, 1);
    stc_place_pair_shape(&b.p, 3, 11, &x);
    stc_place_pair_shape(&b.p, 11, 3, &y);
    ck_assert_mem_eq(&x, &y, sizeof x);
    ck_assert_int_eq(x.n_nodes, 2);
    stc_place_pair_shape(&b.p, 3, 4, &x);
    ck_assert_int_eq(x.n_nodes, 1);
    stc_arena_free(&b.a);
}
END_TEST

/* A ring over four nodes with one GPU each sends once out of and once into each. */
START_TEST(place_rings_load_every_nic_once_each_way)
{
    struct bed b;
    struct stc_link_use use[400];
    bed_open(&b, 4, 8, 8, 1, 4);
    struct stc_group g = stc_layout_group(&b.l, STC_AXIS_DP, 5);
    int32_t n = stc_place_ring_uses(&b.p, &g, use, 400), out = 0, in = 0;
    ck_assert_int_gt(n, 0);
    ck_assert_int_le(n, 400);
    for (int32_t i = 0; i < n; i++) {
        const struct stc_link *l = &stc_topo_links(b.p.topo)[use[i].link];
        if (l->cls != STC_LINK_NIC) continue;
        stc_assert_near(use[i].coef, 1.0, 0);
        out += !l->is_in;
        in += l->is_in;
    }
    ck_assert_int_eq(out, 4);
    ck_assert_int_eq(in, 4);
    g = stc_layout_group(&b.l, STC_AXIS_TP, 5); /* inside a node: none */
    ck_assert_int_eq(stc_place_ring_uses(&b.p, &g, use, 400), 0);
    stc_arena_free(&b.a);
}
END_TEST

/* Too little room is told, not overrun. */
START_TEST(place_counts_past_the_room)
{
    struct bed b;
    struct stc_link_use use[400] = {{0, 0}};
    bed_open(&b, 4, 8, 8, 1, 4);
    struct stc_group g = stc_layout_group(&b.l, STC_AXIS_DP, 0);
    int32_t n = stc_place_ring_uses(&b.p, &g, use, 400);
    use[3].coef = -7;
    ck_assert_int_eq(stc_place_ring_uses(&b.p, &g, use, 3), n);
    stc_assert_near(use[3].coef, -7.0, 0);
    stc_arena_free(&b.a);
}
END_TEST

static Suite *place_suite(void)
{
    Suite *s = suite_create("place");
    TCase *t = tcase_create("place");
    tcase_add_loop_test(t, place_counts_nodes_ranks_and_nics, 0,
                        (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(t, place_shapes_are_equal_where_groups_are);
    tcase_add_test(t, place_pairs_look_the_same_from_both_ends);
    tcase_add_test(t, place_rings_load_every_nic_once_each_way);
    tcase_add_test(t, place_counts_past_the_room);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(place_suite)
