#include "sim/engine/flow.h"

#include "sim/engine/flow_priv.h"
#include "tests/flow_kit.h"
#include "tests/flows_csv.h"
#include "tests/testing.h"

/* ==== by hand ==== */

START_TEST(flow_textbook_line_of_three_links)
{
    /* Link 0: A, B; link 1: A, C; link 2: A, D, E. C_l = 1, 2, 9 GB/s.
     * A and B get 1/2 each; C the 1.5 left; D and E (9 - 0.5)/2 = 4.25. */
    const double capacity[] = {1e9, 2e9, 9e9};
    const struct stc_flow_use all[] = {{0, 1.0}, {1, 1.0}, {2, 1.0}};
    struct stc_flownet *net = make(3, capacity);

    const uint32_t a = start(net, 0, 1e9, 1.0, INFINITY, all, 3);
    const uint32_t b = start_on(net, 0, 1e9, 0);
    const uint32_t c = start_on(net, 0, 1e9, 1);
    const uint32_t d = start_on(net, 0, 1e9, 2);
    const uint32_t e = start_on(net, 0, 1e9, 2);
    stc_assert_near(stc_flow_rate_Bps(net, a), 0.5e9, 1e-12);
    stc_assert_near(stc_flow_rate_Bps(net, b), 0.5e9, 1e-12);
    stc_assert_near(stc_flow_rate_Bps(net, c), 1.5e9, 1e-12);
    stc_assert_near(stc_flow_rate_Bps(net, d), 4.25e9, 1e-12);
    stc_assert_near(stc_flow_rate_Bps(net, e), 4.25e9, 1e-12);
    stc_assert_near(stc_flownet_load_Bps(net, 2), 9e9, 1e-12);
    /* A keeps 0.5 GB/s until it and B end together at 2 s. */
    ck_assert_int_eq(drain(net), 2 * (int64_t)S_TICKS);
    stc_flownet_free(net);
}
END_TEST

START_TEST(flow_rates_follow_weights_up_to_caps)
{
    /* 10 GB/s among weights 1, 2, 7 with the last capped at 1: 3, 6, 1. */
    const double capacity[] = {10e9};
    const struct stc_flow_use use = {0, 1.0};
    struct stc_flownet *net = make(1, capacity);

    const uint32_t a = start(net, 0, 1e9, 1.0, INFINITY, &use, 1);
    const uint32_t b = start(net, 0, 1e9, 2.0, INFINITY, &use, 1);
    const uint32_t c = start(net, 0, 1e9, 7.0, 1e9, &use, 1);
    stc_assert_near(stc_flow_rate_Bps(net, a), 3e9, 1e-12);
    stc_assert_near(stc_flow_rate_Bps(net, b), 6e9, 1e-12);
    stc_assert_near(stc_flow_rate_Bps(net, c), 1e9, 1e-12);
    /* b ends at 1/6 s; a then has 9 GB/s for its other 0.5 GB; c takes 1 s. */
    ck_assert_int_eq(stc_flownet_next(net, NULL), 166666666667);
    ck_assert_int_eq(drain(net), S_TICKS);
    stc_flownet_free(net);
}
END_TEST

START_TEST(flow_class_of_k_equals_k_flows)
{
    /* k flows from ports of their own into link 0, beside a single other one. */
    enum { K = 6 };
    double capacity[K + 1];
    for (int i = 0; i <= K; i++)
        capacity[i] = i == 0 ? 7e9 : 3e9;
    struct stc_flownet *apart = make(K + 1, capacity), *folded = make(K + 1, capacity);
    uint32_t id = 0;

    for (uint32_t i = 1; i <= K; i++) {
        const struct stc_flow_use uses[] = {{0, 1.0}, {i, 1.0}};
        id = start(apart, 0, 5e9, 1.0, INFINITY, uses, 2);
    }
    const struct stc_flow_use uses[] = {{0, K}, {1, 1.0}};
    const uint32_t class = start(folded, 0, 5e9, 1.0, INFINITY, uses, 2);
    start_on(apart, 0, 1e9, 0);
    start_on(folded, 0, 1e9, 0);
    stc_assert_near(stc_flow_rate_Bps(folded, class), stc_flow_rate_Bps(apart, id),
                    1e-12);
    ck_assert_int_eq(drain(folded), drain(apart));
    stc_assert_near(stc_flownet_carried_bytes(folded, 0),
                    stc_flownet_carried_bytes(apart, 0), 1e-12);
    stc_flownet_free(apart);
    stc_flownet_free(folded);
}
END_TEST

START_TEST(flow_link_named_twice_counts_twice)
{
    const double capacity[] = {10e9};
    const struct stc_flow_use uses[] = {{0, 1.0}, {0, 1.5}};
    struct stc_flownet *net = make(1, capacity);
    const uint32_t id = start(net, 0, 8e9, 1.0, INFINITY, uses, 2);

    stc_assert_near(stc_flow_rate_Bps(net, id), 4e9, 1e-12);
    ck_assert_int_eq(drain(net), 2 * (int64_t)S_TICKS);
    stc_assert_near(stc_flownet_carried_bytes(net, 0), 20e9, 1e-12);
    stc_flownet_free(net);
}
END_TEST

START_TEST(flow_moves_bytes_only_after_its_latency)
{
    const double capacity[] = {1e9};
    const struct stc_flow_use use = {0, 1.0};
    struct stc_flow_spec spec = {.uses = &use,
                                 .n_uses = 1,
                                 .weight = 1.0,
                                 .cap_Bps = INFINITY,
                                 .bytes = 1e9,
                                 .latency_tick = S_TICKS / 2,
                                 .tag = 77};
    struct stc_flownet *net = make(1, capacity);
    const uint64_t *tags;
    uint32_t id;

    ck_assert_int_eq(stc_flow_start(net, 0, &spec, &id), STC_OK);
    const uint32_t other = start_on(net, 0, 1e9, 0);
    ck_assert(stc_flow_rate_Bps(net, id) <= 0.0);
    stc_assert_near(stc_flow_rate_Bps(net, other), 1e9, 1e-12);
    ck_assert_int_eq(stc_flownet_next(net, NULL), S_TICKS / 2);
    ck_assert_uint_eq(stc_flownet_advance(net, S_TICKS / 2, &tags), 0);
    stc_assert_near(stc_flow_rate_Bps(net, other), 0.5e9, 1e-12);
    stc_assert_near(stc_flow_left_bytes(net, other), 0.5e9, 1e-12);
    stc_assert_near(stc_flow_left_bytes(net, id), 1e9, 1e-12);
    /* The other ends at 1.5 s, this one (half left) at 2 s. */
    ck_assert_int_eq(stc_flownet_next(net, NULL), S_TICKS / 2 * 3);
    ck_assert_uint_eq(stc_flownet_advance(net, S_TICKS / 2 * 3, &tags), 1);
    ck_assert_uint_eq(tags[0], 1000000000);
    ck_assert_int_eq(stc_flownet_next(net, NULL), 2 * (int64_t)S_TICKS);
    ck_assert_uint_eq(stc_flownet_advance(net, 2 * (int64_t)S_TICKS, &tags), 1);
    ck_assert_uint_eq(tags[0], 77);
    stc_flownet_free(net);
}
END_TEST

START_TEST(flow_of_nothing_ends_with_its_latency)
{
    const double capacity[] = {1e9};
    const struct stc_flow_use use = {0, 1.0};
    const struct stc_flow_spec specs[] = {
        {.uses = &use,
         .n_uses = 1,
         .weight = 1.0,
         .cap_Bps = INFINITY,
         .bytes = 0.0,
         .tag = 1},
        {.n_uses = 0, .weight = 1.0, .cap_Bps = INFINITY, .bytes = 5e9, .tag = 2},
        {.n_uses = 0,
         .weight = 1.0,
         .cap_Bps = 1e9,
         .bytes = 0.0,
         .latency_tick = 9,
         .tag = 3},
        {.n_uses = 0,
         .weight = 2.0,
         .cap_Bps = 5e9,
         .bytes = 5e9,
         .latency_tick = 9,
         .tag = 4},
    };
    static const int64_t end_tick[] = {0, 0, 9, 9 + S_TICKS};
    struct stc_flownet *net = make(1, capacity);
    const uint64_t *tags;
    size_t n_seen = 0;

    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(stc_flow_start(net, 0, &specs[i], NULL), STC_OK);
    for (int64_t t; (t = stc_flownet_next(net, NULL)) != INT64_MAX;) {
        const size_t n = stc_flownet_advance(net, t, &tags);
        for (size_t i = 0; i < n; i++, n_seen++) {
            ck_assert_uint_eq(tags[i], n_seen + 1);
            ck_assert_int_eq(t, end_tick[n_seen]);
        }
    }
    ck_assert_uint_eq(n_seen, 4);
    ck_assert_uint_eq(stc_flownet_n_flows(net), 0);
    stc_flownet_free(net);
}
END_TEST

START_TEST(flow_equal_ends_come_together_in_order_of_start)
{
    enum { N = 300 };
    double capacity[N + 1];
    for (int i = 0; i <= N; i++)
        capacity[i] = 1e9 / 3.0;
    struct stc_flownet *net = make(N + 1, capacity);
    const uint64_t *tags;

    for (uint32_t i = 0; i < N; i++) {
        /* Three families, each with bottlenecks of its own, all end at 2 s. */
        const struct stc_flow_use uses[] = {{i + 1, i % 3 + 1.0}, {0, 0.001}};
        const struct stc_flow_spec spec = {.uses = uses,
                                           .n_uses = 2,
                                           .weight = 1.0 + i % 7,
                                           .cap_Bps = INFINITY,
                                           .bytes = 2e9 / 3.0 / (i % 3 + 1.0),
                                           .tag = i};
        ck_assert_int_eq(stc_flow_start(net, 0, &spec, NULL), STC_OK);
    }
    ck_assert_int_eq(stc_flownet_next(net, NULL), 2 * (int64_t)S_TICKS);
    ck_assert_uint_eq(stc_flownet_advance(net, 2 * (int64_t)S_TICKS, &tags), N);
    for (uint32_t i = 0; i < N; i++)
        ck_assert_uint_eq(tags[i], i);
    ck_assert_int_eq(stc_flownet_next(net, NULL), INT64_MAX);
    stc_flownet_free(net);
}
END_TEST

START_TEST(flow_capacity_changes_on_the_way)
{
    /* 3 GB at 1 GB/s for 1 s, at 0 for 1 s, at 4 GB/s for the rest: 2.5 s. */
    const double capacity[] = {1e9};
    struct stc_flownet *net = make(1, capacity);
    uint32_t before, after;

    const uint32_t id = start_on(net, 0, 3e9, 0);
    ck_assert_int_eq(stc_flownet_next(net, &before), 3 * (int64_t)S_TICKS);
    stc_flownet_set_capacity(net, S_TICKS, 0, 0.0);
    ck_assert_int_eq(stc_flownet_next(net, &after), INT64_MAX);
    ck_assert_uint_ne(before, after);
    ck_assert(stc_flow_rate_Bps(net, id) <= 0.0);
    stc_assert_near(stc_flow_left_bytes(net, id), 2e9, 1e-12);
    stc_flownet_set_capacity(net, 2 * (int64_t)S_TICKS, 0, 4e9);
    ck_assert_int_eq(stc_flownet_next(net, NULL), 5 * (int64_t)S_TICKS / 2);
    ck_assert(stc_flownet_sane(net));
    stc_flownet_free(net);
}
END_TEST

START_TEST(flow_carried_bytes_follow_the_time)
{
    /* Two equal flows on 2 GB/s: after 1 s each has moved 1 GB, one of them over
     * link 1 with coefficient 3. */
    const double capacity[] = {2e9, 100e9};
    const struct stc_flow_use uses[] = {{0, 1.0}, {1, 3.0}};
    struct stc_flownet *net = make(2, capacity);
    const uint64_t *tags;

    start(net, 0, 4e9, 1.0, INFINITY, uses, 2);
    start_on(net, 0, 4e9, 0);
    ck_assert_uint_eq(stc_flownet_advance(net, S_TICKS, &tags), 0);
    stc_assert_near(stc_flownet_carried_bytes(net, 0), 2e9, 1e-12);
    stc_assert_near(stc_flownet_carried_bytes(net, 1), 3e9, 1e-12);
    (void)drain(net);
    stc_assert_near(stc_flownet_carried_bytes(net, 0), 8e9, 1e-12);
    stc_assert_near(stc_flownet_carried_bytes(net, 1), 12e9, 1e-12);
    stc_assert_near(stc_flownet_capacity_Bps(net, 1), 100e9, 0.0);
    stc_flownet_free(net);
}
END_TEST

START_TEST(flow_cleared_net_is_as_new)
{
    struct flows_csv csv;
    ck_assert(flows_csv_read(&csv, "tests/data/truth/flows_1k.csv"));
    struct stc_flownet *net = make(csv.n_links, csv.capacity_Bps);
    const uint64_t *tags;
    int64_t end_tick[2];

    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < csv.n_flows; i++) {
            const struct stc_flow_spec spec = flows_csv_spec(&csv, i, TICK_S);
            ck_assert_int_eq(stc_flow_start(net, 0, &spec, NULL), STC_OK);
        }
        if (round == 0) { /* cleared half way, with latencies and ends to come */
            for (int k = 0; k < 500; k++)
                (void)stc_flownet_advance(net, stc_flownet_next(net, NULL), &tags);
            stc_flownet_clear(net);
            ck_assert_uint_eq(stc_flownet_n_flows(net), 0);
            ck_assert_int_eq(stc_flownet_next(net, NULL), INT64_MAX);
            ck_assert(stc_flownet_sane(net));
            ck_assert(stc_flownet_carried_bytes(net, 0) <= 0.0);
            for (uint32_t i = 0; i < csv.n_flows; i++) {
                const struct stc_flow_spec spec = flows_csv_spec(&csv, i, TICK_S);
                ck_assert_int_eq(stc_flow_start(net, 0, &spec, NULL), STC_OK);
            }
        }
        end_tick[round] = drain(net);
        ck_assert_uint_le(stc_flownet_stats(net).n_full_solves, 2);
        stc_flownet_free(net);
        net = make(csv.n_links, csv.capacity_Bps);
    }
    ck_assert_int_eq(end_tick[0], end_tick[1]);
    stc_flownet_free(net);
    flows_csv_free(&csv);
}
END_TEST

/* ==== as a whole ==== */

START_TEST(flow_memory_stands_still_after_the_first_round)
{
    struct flows_csv csv;
    ck_assert(flows_csv_read(&csv, "tests/data/truth/flows_1k.csv"));
    struct stc_flownet *net = make(csv.n_links, csv.capacity_Bps);
    uint32_t sizes[4] = {0}, again[4];

    for (int round = 0; round < 3; round++) {
        const int64_t now = stc_flownet_now_tick(net);
        for (uint32_t i = 0; i < csv.n_flows; i++) {
            const struct stc_flow_spec spec = flows_csv_spec(&csv, i, TICK_S);
            ck_assert_int_eq(stc_flow_start(net, now, &spec, NULL), STC_OK);
        }
        (void)drain(net);
        memcpy(again,
               (uint32_t[]){net->cap_slots, net->uses.used, net->lists.used,
                            net->heaps.used},
               sizeof again);
        if (round > 0) ck_assert_mem_eq(again, sizes, sizeof sizes);
        memcpy(sizes, again, sizeof sizes);
    }
    stc_flownet_free(net);
    flows_csv_free(&csv);
}
END_TEST

START_TEST(flow_sane_sees_a_wrong_rate)
{
    const double capacity[] = {1e9, 3e9};
    const struct stc_flow_use uses[] = {{0, 1.0}, {1, 1.0}};
    struct stc_flownet *net = make(2, capacity);

    start(net, 0, 1e9, 1.0, INFINITY, uses, 2);
    start_on(net, 0, 1e9, 1);
    ck_assert(stc_flownet_sane(net));
    net->hot[0].level *= 1.0 + 1e-8; /* over its rate */
    ck_assert(!stc_flownet_sane(net));
    net->hot[0].level = 0.5e9; /* below what it may have */
    ck_assert(!stc_flownet_sane(net));
    stc_flownet_free(net);
}
END_TEST

/* ==== the truth ==== */

static const struct {
    const char *path;
    uint32_t n_flows, look_every;
} truths[] = {
    {"tests/data/truth/flows_1k.csv", 1000, 50},
    {"tests/data/truth/flows_10k.csv", 10000, 1000},
};

START_TEST(flow_ends_as_simgrid_says)
{
    struct flows_csv csv;
    const uint64_t *tags;
    double sum = 0.0, want_last_s = 0.0, last_s = 0.0;
    uint32_t n_done = 0, next_look = 0;

    ck_assert(flows_csv_read(&csv, truths[_i].path));
    ck_assert_uint_eq(csv.n_flows, truths[_i].n_flows);
    struct stc_flownet *net = make(csv.n_links, csv.capacity_Bps);
    for (uint32_t i = 0; i < csv.n_flows; i++) {
        const struct stc_flow_spec spec = flows_csv_spec(&csv, i, TICK_S);
        ck_assert_int_eq(stc_flow_start(net, 0, &spec, NULL), STC_OK);
        want_last_s = fmax(want_last_s, csv.row[i].finish_s);
    }
    for (int64_t t; (t = stc_flownet_next(net, NULL)) != INT64_MAX;) {
        const size_t n = stc_flownet_advance(net, t, &tags);
        last_s = (double)t * TICK_S;
        for (size_t k = 0; k < n; k++, n_done++)
            sum += fabs(last_s / csv.row[tags[k]].finish_s - 1.0);
        if (n_done >= next_look) {
            ck_assert(stc_flownet_sane(net));
            next_look += truths[_i].look_every;
        }
    }
    ck_assert_uint_eq(n_done, csv.n_flows);
    stc_assert_near(last_s, want_last_s, 1e-6);
    ck_assert_msg(sum / n_done <= 1e-3, "mean difference %g", sum / n_done);
    for (uint32_t l = 0; l < csv.n_links; l++)
        ck_assert(stc_flownet_carried_bytes(net, l) <=
                  last_s * FLOWS_CSV_BPS * (1.0 + 1e-9));
    stc_flownet_free(net);
    flows_csv_free(&csv);
}
END_TEST

static Suite *flow_suite(void)
{
    Suite *s = suite_create("flow");
    TCase *t = tcase_create("by hand"), *w = tcase_create("as a whole");

    tcase_add_test(t, flow_textbook_line_of_three_links);
    tcase_add_test(t, flow_rates_follow_weights_up_to_caps);
    tcase_add_test(t, flow_class_of_k_equals_k_flows);
    tcase_add_test(t, flow_link_named_twice_counts_twice);
    tcase_add_test(t, flow_moves_bytes_only_after_its_latency);
    tcase_add_test(t, flow_of_nothing_ends_with_its_latency);
    tcase_add_test(t, flow_equal_ends_come_together_in_order_of_start);
    tcase_add_test(t, flow_capacity_changes_on_the_way);
    tcase_add_test(t, flow_carried_bytes_follow_the_time);
    tcase_add_test(t, flow_cleared_net_is_as_new);
    suite_add_tcase(s, t);
    tcase_add_test(w, flow_memory_stands_still_after_the_first_round);
    tcase_add_test(w, flow_sane_sees_a_wrong_rate);
    tcase_add_loop_test(w, flow_ends_as_simgrid_says, 0, 2);
    suite_add_tcase(s, w);
    return s;
}

STC_TEST_MAIN(flow_suite)
