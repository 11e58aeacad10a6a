/*
 * flow_kit.h - what the tests of the fluid network share.
 */
#ifndef STC_TESTS_FLOW_KIT_H
#define STC_TESTS_FLOW_KIT_H

#include "sim/engine/flow.h"
#include "tests/testing.h"

#define TICK_S  1e-12
#define S_TICKS 1000000000000 /* ticks of a second */

static inline uint32_t start(struct stc_flownet *net, int64_t now_tick, double bytes,
                             double weight, double cap_Bps,
                             const struct stc_flow_use *uses, uint32_t n_uses)
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

static inline uint32_t start_on(struct stc_flownet *net, int64_t now_tick, double bytes,
                                uint32_t link)
{
    const struct stc_flow_use use = {link, 1.0};
    return start(net, now_tick, bytes, 1.0, INFINITY, &use, 1);
}

static inline struct stc_flownet *make(uint32_t n_links, const double *capacity_Bps)
{
    struct stc_flownet *net;
    ck_assert_int_eq(stc_flownet_init(&net, n_links, capacity_Bps, TICK_S), STC_OK);
    return net;
}

/* Runs until nothing is left and returns the tick of the last end. */
static inline int64_t drain(struct stc_flownet *net)
{
    const uint64_t *tags;
    int64_t t, last = stc_flownet_now_tick(net);
    while ((t = stc_flownet_next(net, NULL)) != INT64_MAX) {
        if (stc_flownet_advance(net, t, &tags) > 0) last = t;
    }
    ck_assert(stc_flownet_sane(net));
    return last;
}

#endif
