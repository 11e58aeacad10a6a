/*
 * test_flow_laws.c - the fluid network on random fabrics: against the textbook
 * reference, and the laws that any max-min allocation obeys.
 */
#include "sim/base/rng.h"
#include "sim/engine/flow_priv.h"
#include "tests/flow_kit.h"
#include "tests/ref_maxmin.h"
#include "tests/testing.h"

/* ==== random fabrics ==== */

enum { MAX_LINKS = 40, MAX_FLOWS = 120, MAX_USES = 6 };

struct world {
    struct stc_rng rng;
    struct stc_flownet *net;
    uint32_t n_links, n; /* flows alive, in the order below */
    double capacity[MAX_LINKS];
    double want_carried[MAX_LINKS];
    struct stc_flow_spec spec[MAX_FLOWS];
    struct stc_flow_use uses[MAX_FLOWS][MAX_USES];
    uint32_t id[MAX_FLOWS];
    double moved[MAX_FLOWS]; /* integral of the reference's rates */
    double rate[MAX_FLOWS];
    uint64_t next_tag;
    bool round; /* equal capacities, weights and sizes: full of ties */
};

static double pick(struct world *w, double low, double high)
{
    if (w->round) return low * (double)(1U << stc_rng_below(&w->rng, 3));
    return low * pow(high / low, stc_rng_uniform(&w->rng));
}

static void world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){0};
    stc_rng_seed(&w->rng, seed, "fabric");
    w->round = seed % 3 == 0;
    w->n_links = 1 + (uint32_t)stc_rng_below(&w->rng, MAX_LINKS);
    for (uint32_t l = 0; l < w->n_links; l++)
        w->capacity[l] = pick(w, 1e9, 100e9);
    w->net = make(w->n_links, w->capacity);
    /* Every fifth always gives up relaxing and fills; others fall in between. */
    if (seed % 5 == 0) w->net->max_visits = 0;
}

static void world_start(struct world *w)
{
    const uint32_t i = w->n++;
    struct stc_flow_spec *s = &w->spec[i];

    *s = (struct stc_flow_spec){.n_uses =
                                    1 + (uint32_t)stc_rng_below(&w->rng, MAX_USES)};
    for (uint32_t u = 0; u < s->n_uses; u++) {
        w->uses[i][u].link = (uint32_t)stc_rng_below(&w->rng, w->n_links);
        w->uses[i][u].coeff = stc_rng_below(&w->rng, 2) ? 1.0 : pick(w, 0.5, 8.0);
    }
    s->uses = w->uses[i];
    s->weight = stc_rng_below(&w->rng, 2) ? 1.0 : pick(w, 0.25, 16.0);
    s->cap_Bps = stc_rng_below(&w->rng, 3) ? (double)INFINITY : pick(w, 0.1e9, 20e9);
    s->bytes = pick(w, 1e6, 1e9);
    s->tag = w->next_tag++;
    w->moved[i] = 0.0;
    ck_assert_int_eq(stc_flow_start(w->net, stc_flownet_now_tick(w->net), s, &w->id[i]),
                     STC_OK);
}

static void world_check(struct world *w, uint64_t seed)
{
    ref_maxmin(w->n_links, w->capacity, w->n, w->spec, w->rate);
    for (uint32_t i = 0; i < w->n; i++) {
        const double got = stc_flow_rate_Bps(w->net, w->id[i]);
        /* What is left of a link that others fill is rounding: 1e-15 of 100 GB/s. */
        ck_assert_msg(fabs(got - w->rate[i]) <= 1e-9 * w->rate[i] + 1e-4,
                      "fabric %u, flow %u of %u: %.17g, want %.17g", (unsigned)seed,
                      (unsigned)i, (unsigned)w->n, got, w->rate[i]);
    }
    ck_assert_msg(stc_flownet_sane(w->net), "fabric %u", (unsigned)seed);
}

/* Forgets flow i, which has ended: all its bytes must have moved. */
static void world_end(struct world *w, uint32_t i)
{
    const struct stc_flow_spec *s = &w->spec[i];
    /* Ends are rounded up to a tick, in which at most rate * tick moves. */
    ck_assert_msg(fabs(w->moved[i] - s->bytes) <=
                      1e-9 * s->bytes + 2.0 * w->rate[i] * TICK_S,
                  "%.17g bytes moved of %.17g", w->moved[i], s->bytes);
    for (uint32_t u = 0; u < s->n_uses; u++)
        w->want_carried[s->uses[u].link] += s->uses[u].coeff * s->bytes;
    w->n--;
    for (uint32_t j = i; j < w->n; j++) {
        w->spec[j] = w->spec[j + 1];
        memcpy(w->uses[j], w->uses[j + 1], sizeof w->uses[j]);
        w->spec[j].uses = w->uses[j];
        w->id[j] = w->id[j + 1];
        w->moved[j] = w->moved[j + 1];
        w->rate[j] = w->rate[j + 1];
    }
}

static void world_advance(struct world *w, int64_t to_tick)
{
    const uint64_t *tags;
    const double dt_s = (double)(to_tick - stc_flownet_now_tick(w->net)) * TICK_S;
    const size_t n = stc_flownet_advance(w->net, to_tick, &tags);

    for (uint32_t i = 0; i < w->n; i++)
        w->moved[i] += w->rate[i] * dt_s;
    for (size_t k = 0; k < n; k++) {
        uint32_t i = 0;
        while (i < w->n && w->spec[i].tag != tags[k])
            i++;
        ck_assert_uint_lt(i, w->n);
        world_end(w, i);
    }
}

static void world_step(struct world *w)
{
    const int64_t next = stc_flownet_next(w->net, NULL);
    const int64_t now = stc_flownet_now_tick(w->net);
    const uint64_t what = stc_rng_below(&w->rng, 8);

    if (what < 2 || next == INT64_MAX) {
        for (uint64_t k = stc_rng_below(&w->rng, what == 0 ? 3 : 30) + 1; k > 0; k--) {
            if (w->n < MAX_FLOWS) world_start(w);
        }
    }
    if (what == 3) {
        const uint32_t l = (uint32_t)stc_rng_below(&w->rng, w->n_links);
        w->capacity[l] = stc_rng_below(&w->rng, 8) ? pick(w, 1e9, 100e9) : 0.0;
        stc_flownet_set_capacity(w->net, now, l, w->capacity[l]);
    } else if (what == 4 && next < INT64_MAX) { /* part of the way */
        world_advance(w,
                      now + (int64_t)((double)(next - now) * stc_rng_uniform(&w->rng)));
    } else if (what > 4 && next < INT64_MAX) {
        world_advance(w, next);
    }
}

static void world_finish(struct world *w, uint64_t seed)
{
    for (uint32_t l = 0; l < w->n_links; l++) {
        w->capacity[l] = fmax(w->capacity[l], 1e9);
        stc_flownet_set_capacity(w->net, stc_flownet_now_tick(w->net), l,
                                 w->capacity[l]);
    }
    world_check(w, seed);
    for (int64_t t; (t = stc_flownet_next(w->net, NULL)) != INT64_MAX;) {
        world_advance(w, t);
        world_check(w, seed);
    }
    ck_assert_uint_eq(w->n, 0);
    for (uint32_t l = 0; l < w->n_links; l++)
        stc_assert_near(stc_flownet_carried_bytes(w->net, l), w->want_carried[l],
                        1e-12);
    stc_flownet_free(w->net);
}

/* 20 x 50 = 1,000 fabrics: starts, ends and changed capacities in any order;
 * after each step every rate equals the reference's, and what has moved when a
 * flow ends are its bytes. */
START_TEST(flow_rates_equal_progressive_filling)
{
    struct world *w = malloc(sizeof *w);

    ck_assert_ptr_nonnull(w);
    for (uint64_t seed = 50 * (uint64_t)_i; seed < 50 * (uint64_t)_i + 50; seed++) {
        world_init(w, seed);
        for (int step = 0; step < 25; step++) {
            world_step(w);
            world_check(w, seed);
        }
        world_finish(w, seed);
    }
    free(w);
}
END_TEST

/* ==== laws ==== */

static int64_t duration(uint64_t seed, double factor, uint32_t n,
                        const uint64_t *not_tag, int64_t *end_tick)
{
    struct world *w = malloc(sizeof *w);
    const uint64_t *tags;
    int64_t last = 0;

    ck_assert_ptr_nonnull(w);
    world_init(w, seed);
    for (uint32_t l = 0; l < w->n_links; l++)
        stc_flownet_set_capacity(w->net, 0, l, factor * w->capacity[l]);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = w->n++;
        struct stc_flow_spec *s = &w->spec[at];
        w->uses[at][0] =
            (struct stc_flow_use){(uint32_t)stc_rng_below(&w->rng, w->n_links), 1.0};
        w->uses[at][1] =
            (struct stc_flow_use){(uint32_t)stc_rng_below(&w->rng, w->n_links), 1.0};
        *s = (struct stc_flow_spec){.uses = w->uses[at],
                                    .n_uses = 2,
                                    .weight = pick(w, 1.0, 4.0),
                                    .cap_Bps = INFINITY,
                                    .bytes = pick(w, 1e6, 1e9),
                                    .tag = i};
        if (not_tag != NULL && *not_tag == i) continue;
        ck_assert_int_eq(stc_flow_start(w->net, 0, s, NULL), STC_OK);
    }
    for (int64_t t; (t = stc_flownet_next(w->net, NULL)) != INT64_MAX; last = t) {
        const size_t n_done = stc_flownet_advance(w->net, t, &tags);
        for (size_t k = 0; k < n_done; k++) {
            if (end_tick != NULL) end_tick[tags[k]] = t;
        }
    }
    stc_flownet_free(w->net);
    free(w);
    return last;
}

START_TEST(flow_twice_the_rates_halve_all_times)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        const double slow = (double)duration(seed, 1.0, 60, NULL, NULL);
        const double fast = (double)duration(seed, 2.0, 60, NULL, NULL);
        /* Each of up to 60 ends is rounded by up to a tick. */
        ck_assert_msg(fabs(slow - 2.0 * fast) <= 200.0 + 1e-9 * slow, "%g %g", slow,
                      fast);
    }
}
END_TEST

START_TEST(flow_one_more_on_a_link_delays_all_others)
{
    int64_t with[20], without[20];
    const double capacity[] = {10e9};

    for (uint64_t seed = 0; seed < 50; seed++) {
        for (int pass = 0; pass < 2; pass++) {
            struct stc_rng rng;
            struct stc_flownet *net = make(1, capacity);
            const uint64_t *tags;
            stc_rng_seed(&rng, seed, "one link");
            for (uint32_t i = 0; i < 20; i++) {
                const struct stc_flow_use use = {0, 1.0 + stc_rng_uniform(&rng)};
                const struct stc_flow_spec spec = {
                    .uses = &use,
                    .n_uses = 1,
                    .weight = 0.5 + stc_rng_uniform(&rng),
                    .cap_Bps = 1e9 * (1.0 + stc_rng_uniform(&rng)),
                    .bytes = 1e9 * stc_rng_uniform(&rng),
                    .tag = i,
                    .latency_tick = (int64_t)stc_rng_below(&rng, S_TICKS)};
                if (i == 0 && pass == 1) continue;
                ck_assert_int_eq(stc_flow_start(net, 0, &spec, NULL), STC_OK);
            }
            for (int64_t t; (t = stc_flownet_next(net, NULL)) != INT64_MAX;) {
                const size_t n = stc_flownet_advance(net, t, &tags);
                for (size_t k = 0; k < n; k++)
                    (pass == 0 ? with : without)[tags[k]] = t;
            }
            stc_flownet_free(net);
        }
        for (int i = 1; i < 20; i++)
            ck_assert_int_ge(with[i] + 100, without[i]);
    }
}
END_TEST

START_TEST(flow_ends_depend_only_on_what_is_connected)
{
    /* Taking one flow away leaves the ends of other components as they were,
     * to the tick. A fabric of many links and few flows has several. */
    enum { N = 12 };
    int64_t all[N], fewer[N];
    uint32_t n_same = 0;

    for (uint64_t seed = 1; seed < 60; seed++) {
        const uint64_t gone = seed % N;
        (void)duration(seed, 1.0, N, NULL, all);
        (void)duration(seed, 1.0, N, &gone, fewer);
        for (uint64_t i = 0; i < N; i++) {
            if (i != gone && all[i] == fewer[i]) n_same++;
        }
    }
    ck_assert_uint_gt(n_same, 59 * N / 3);
}
END_TEST

static Suite *flow_laws_suite(void)
{
    Suite *s = suite_create("flow_laws");
    TCase *r = tcase_create("random"), *l = tcase_create("laws");

    tcase_add_loop_test(r, flow_rates_equal_progressive_filling, 0, 20);
    suite_add_tcase(s, r);
    tcase_add_test(l, flow_twice_the_rates_halve_all_times);
    tcase_add_test(l, flow_one_more_on_a_link_delays_all_others);
    tcase_add_test(l, flow_ends_depend_only_on_what_is_connected);
    suite_add_tcase(s, l);
    return s;
}

STC_TEST_MAIN(flow_laws_suite)
