#include "sim/engine/flow.h"

#include "sim/base/rng.h"
#include "sim/engine/flow_priv.h"
#include "tests/flows_csv.h"
#include "tests/ref_maxmin.h"
#include "tests/testing.h"

#define TICK_S  1e-12
#define S_TICKS 1000000000000 /* ticks of a second */

/* ==== by hand ==== */

static uint32_t start(struct stc_flownet *net, int64_t now_tick, double bytes,
                      double weight, double cap_Bps, const struct stc_flow_use *uses,
                      uint32_t n_uses)
{
    const struct stc_flow_spec spec = {.uses = uses,
                                       .n_uses = n_uses,
                                       .weight = weight,
                                       .cap_Bps = cap_Bps,
                                       .bytes = bytes,
                                       .tag = (uint64_t)bytes};
    uint32_t id;
    ck_assert_int_eq(stc_flow_start(net, now_tick, &spec, &id), STC_OK);
    return id;
}

static uint32_t start_on(struct stc_flownet *net, int64_t now_tick, double bytes,
                         uint32_t link)
{
    const struct stc_flow_use use = {link, 1.0};
    return start(net, now_tick, bytes, 1.0, INFINITY, &use, 1);
}

static struct stc_flownet *make(uint32_t n_links, const double *capacity_Bps)
{
    struct stc_flownet *net;
    ck_assert_int_eq(stc_flownet_init(&net, n_links, capacity_Bps, TICK_S), STC_OK);
    return net;
}

/* Runs until nothing is left and returns the tick of the last end. */
static int64_t drain(struct stc_flownet *net)
{
    const uint64_t *tags;
    int64_t t, last = stc_flownet_now_tick(net);
    while ((t = stc_flownet_next(net, NULL)) != INT64_MAX) {
        if (stc_flownet_advance(net, t, &tags) > 0) last = t;
    }
    ck_assert(stc_flownet_sane(net));
    return last;
}

START_TEST(flow_textbook_line_of_three_links)
{
    /* Link 0: A, B; link 1: A, C; link 2: A, D, E. C_l = 1, 2, 9 GB/s.
     * A and B get 1/2 each; C the 1.5 left; D and E (9 - 0.5)/2 = 4.25. */
    const double capacity[] = {1e9, 2e9, 9e9};
    const struct stc_flow_use all[] = {
        {0, 1.0},
        {1, 1.0},
        {2, 1.0}
    };
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
        const struct stc_flow_use uses[] = {
            {0, 1.0},
            {i, 1.0}
        };
        id = start(apart, 0, 5e9, 1.0, INFINITY, uses, 2);
    }
    const struct stc_flow_use uses[] = {
        {0, K  },
        {1, 1.0}
    };
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
    const struct stc_flow_use uses[] = {
        {0, 1.0},
        {0, 1.5}
    };
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
         .tag = 1                                                                   },
        {.n_uses = 0,   .weight = 1.0, .cap_Bps = INFINITY, .bytes = 5e9, .tag = 2},
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
         .tag = 4                                                                 },
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
        const struct stc_flow_use uses[] = {
            {i + 1, i % 3 + 1.0},
            {0,     0.001      }
        };
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
    const struct stc_flow_use uses[] = {
        {0, 1.0},
        {1, 1.0}
    };
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
    {"tests/data/truth/flows_1k.csv",  1000,  50  },
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
    TCase *t = tcase_create("by hand"), *r = tcase_create("random"),
          *l = tcase_create("laws");

    tcase_add_test(t, flow_textbook_line_of_three_links);
    tcase_add_test(t, flow_rates_follow_weights_up_to_caps);
    tcase_add_test(t, flow_class_of_k_equals_k_flows);
    tcase_add_test(t, flow_link_named_twice_counts_twice);
    tcase_add_test(t, flow_moves_bytes_only_after_its_latency);
    tcase_add_test(t, flow_of_nothing_ends_with_its_latency);
    tcase_add_test(t, flow_equal_ends_come_together_in_order_of_start);
    tcase_add_test(t, flow_capacity_changes_on_the_way);
    suite_add_tcase(s, t);
    tcase_add_loop_test(r, flow_rates_equal_progressive_filling, 0, 20);
    suite_add_tcase(s, r);
    tcase_add_test(l, flow_twice_the_rates_halve_all_times);
    tcase_add_test(l, flow_one_more_on_a_link_delays_all_others);
    tcase_add_test(l, flow_ends_depend_only_on_what_is_connected);
    tcase_add_test(l, flow_memory_stands_still_after_the_first_round);
    tcase_add_test(l, flow_sane_sees_a_wrong_rate);
    tcase_add_loop_test(l, flow_ends_as_simgrid_says, 0, 2);
    suite_add_tcase(s, l);
    return s;
}

STC_TEST_MAIN(flow_suite)
