/*
 * flow.h - the fluid network: flows that share links max-min fairly.
 *
 * THEORY. A flow f moves bytes at a rate r_f = w_f * level_f and uses
 * c_fl * r_f of the rate C_l of each link l it crosses (c = 1: a plain flow;
 * c = k: a class that stands for k equal flows through l). Weighted max-min
 * fairness raises all levels together until a link is full, freezes the flows
 * through it, and goes on with the others (progressive filling: Bertsekas and
 * Gallager, Data Networks, 2nd ed., 6.5.2). Equivalently: no link is over its
 * rate, and every flow has a full link (its *bottleneck*) on which no level is
 * higher, or runs at its cap. A cap is a private link of that rate.
 *
 * The allocation is the only fixed point of
 *     level_l = the x with  sum over f through l of c w min(x, level of f on its other links) = C_l
 * taken over all links (no x: the link is not full, level infinite; Charny,
 * Clark and Jain 1995 on the distributed form). After an arrival, departure or
 * change of capacity only links whose equation was touched are solved again,
 * lowest level first, since a level depends on lower ones alone; what does not
 * change is not visited. Many changes at once are solved by filling their
 * connected component from the start.
 *
 * All flows with one bottleneck run at one level, so they share one clock of
 * "bytes per unit of weight" (virtual time: Demers, Keshav and Shenker 1989);
 * a change of level costs the link, not each of its flows, a new finish time.
 *
 * ORDER of calls. Start flows, change capacities; then stc_flownet_next says
 * when something happens next; stc_flownet_advance goes there and says which
 * flows ended. All changes made at one tick are solved once, when next or a
 * query needs it. Times never go back, and never pass the tick that next gave.
 *
 * UNITS. Bytes, bytes per second; ticks of tick_s seconds. Ends are rounded up
 * to ticks: flows that end within one tick are given back together.
 *
 * OWNERSHIP. The net owns everything; specs are copied. Memory is kept for
 * reuse: nothing is allocated once the peak numbers of flows and uses have
 * been seen.
 *
 * COST. O(uses of the flows whose level changes) per arrival or departure;
 * about 200 bytes a flow with 6 links (make bench: flow_10k).
 */
#ifndef STC_ENGINE_FLOW_H
#define STC_ENGINE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/err.h"
#include "sim/base/units.h"

struct stc_flow_use {
    uint32_t link;
    double coeff; /* > 0: rate of the link that one unit of the flow's rate takes */
};

struct stc_flow_spec {
    const struct stc_flow_use *uses; /* a link named twice counts the sum */
    uint32_t n_uses; /* 0: only the cap limits; no cap either: ends after its latency */
    double weight;   /* > 0; usually 1 */
    double cap_Bps;  /* > 0; INFINITY: none */
    double bytes;    /* >= 0 */
    stc_tick latency_tick; /* >= 0: no byte moves before it has passed */
    uint64_t tag;          /* the caller's; given back at the end */
};

/* Opaque state, private to flow*.c. */
struct stc_flownet;

/* A net of links 0..n_links-1; capacity_Bps[l] >= 0 is copied. tick_s > 0. */
STC_MUST_USE enum stc_err stc_flownet_init(struct stc_flownet **net, uint32_t n_links,
                                           const double *capacity_Bps, double tick_s);
void stc_flownet_free(struct stc_flownet *net); /* NULL is fine */
/* No flows, time 0, bytes carried 0; capacities and memory stay. */
void stc_flownet_clear(struct stc_flownet *net);

/* Starts a flow at now_tick >= the net's time, and not after what next gave.
 * *id (may be NULL) names the flow until it ends and may then be reused.
 * STC_ERR_NOMEM leaves the net as it was. */
STC_MUST_USE enum stc_err stc_flow_start(struct stc_flownet *net, stc_tick now_tick,
                                         const struct stc_flow_spec *spec,
                                         uint32_t *id);

/* Capacity of a link from now on; 0 stalls what crosses it. */
void stc_flownet_set_capacity(struct stc_flownet *net, stc_tick now_tick, uint32_t link,
                              double capacity_Bps);

/* Tick of the next end or latency expiry; INT64_MAX when nothing will happen.
 * *epoch (may be NULL) changes whenever that tick may have: an event made from
 * an older one is stale. */
stc_tick stc_flownet_next(struct stc_flownet *net, uint32_t *epoch);

/* Moves time to now_tick (<= stc_flownet_next) and returns the number of flows
 * that end there; *tags points to their tags in order of start, valid until
 * the next call that is not a query. May be 0 (only a latency passed). */
size_t stc_flownet_advance(struct stc_flownet *net, stc_tick now_tick,
                           const uint64_t **tags);

/* Queries; those of rates solve first if something is pending. */
stc_tick stc_flownet_now_tick(const struct stc_flownet *net);
uint32_t stc_flownet_n_links(const struct stc_flownet *net);
size_t stc_flownet_n_flows(
    const struct stc_flownet *net); /* not ended; latencies included */
double stc_flow_rate_Bps(struct stc_flownet *net,
                         uint32_t id); /* 0 during its latency */
double stc_flow_left_bytes(struct stc_flownet *net, uint32_t id);
double stc_flownet_capacity_Bps(const struct stc_flownet *net, uint32_t link);
double stc_flownet_load_Bps(struct stc_flownet *net, uint32_t link);
/* Bytes that have crossed the link (coeff * bytes of each flow), so
 * utilisation = carried / (capacity * time). O(flows on the link). */
double stc_flownet_carried_bytes(struct stc_flownet *net, uint32_t link);

/* Counts of work done, for benches and tests. */
struct stc_flownet_stats {
    uint64_t n_solves,
        n_full_solves;       /* batches solved; of these by filling from the start */
    uint64_t n_links_solved; /* link equations solved by the incremental way */
};
struct stc_flownet_stats stc_flownet_stats(const struct stc_flownet *net);

/* True when no link is over its rate (1e-9 relative), every flow has a full
 * link on which no level is higher or is at its cap, and the inner sums agree
 * with the flows. O(all): for assert() and tests only. */
bool stc_flownet_sane(struct stc_flownet *net);

#endif
