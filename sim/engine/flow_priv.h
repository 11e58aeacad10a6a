/*
 * flow_priv.h - the state of the fluid network; flow*.c only.
 *
 * A link's *own* flows are those it is the bottleneck of; they stand in a heap
 * by the value of the link's clock at which they end. The clock counts bytes
 * per unit of weight and runs at the link's level. A flow's cap is a link of
 * its own, number n_links + slot of the flow, so that the solver knows links only.
 *
 * Sums kept for each link: other = rate taken by flows that are not its own,
 * own_cw = sum of coeff * weight of its own. At rest, for each link with own
 * flows, level = (capacity - other) / own_cw; for each without, other <= limit.
 */
#ifndef STC_ENGINE_FLOW_PRIV_H
#define STC_ENGINE_FLOW_PRIV_H

#include <math.h>

#include "sim/engine/event.h"
#include "sim/engine/flow.h"

#define STC_NONE     UINT32_MAX
#define STC_INF      ((double)INFINITY)
/* Levels and loads closer than this are equal: far above the rounding of the
 * sums, far below the 1e-9 that the solver promises. */
#define STC_FLOW_TOL 1e-12

#define STC_POOL_CLASSES 28

/* Arrays of 2^k elements in one growing block, addressed by offset. */
struct stc_flow_pool {
    void *base;
    size_t elem_bytes;
    uint32_t used, cap;
    uint32_t free_head[STC_POOL_CLASSES];
};

struct stc_fl_use {
    uint32_t link;
    uint32_t pos; /* place in the link's list */
    double cw;    /* coeff * weight: rate taken per unit of level */
};

struct stc_fl_on { /* a flow in the list of a link it crosses */
    uint32_t flow;
    uint32_t use; /* in the pool of uses */
};

struct stc_fl_own { /* a flow in the heap of its bottleneck */
    double end;     /* value of the link's clock when the last byte has moved */
    uint32_t flow;
    uint32_t use,
        n_uses; /* copied from the flow: the solver's inner loop reads them in order */
};

enum stc_fl_state { STC_FL_FREE, STC_FL_WAITING, STC_FL_FRESH, STC_FL_LIVE };

struct stc_fl_flow {
    double weight, bytes;
    uint64_t tag, seq;
    uint32_t link;     /* its bottleneck; STC_NONE while fresh */
    uint32_t heap_pos; /* there */
    uint32_t use, n_uses, use_class;
    uint32_t next_free;
    uint32_t fill_link; /* scratch of the full solve */
    uint32_t stamp;
    enum stc_fl_state state;
};

struct stc_fl_hot { /* what the inner loop touches: half a cache line */
    double level;   /* INFINITY: not full */
    double other;
    double
        trigger; /* solve again when other exceeds it: -INFINITY full, limit not, INFINITY queued */
    double limit; /* capacity * (1 + TOL) */
};

struct stc_fl_link {
    double capacity, own_cw;
    double clock; /* at clock_tick */
    stc_tick clock_tick;
    double done_bytes;
    uint32_t list, n_list; /* flows across it, in the pool of lists */
    uint32_t heap, n_own;  /* in the pool of heaps */
    uint32_t size_class;   /* of both; STC_NONE: no memory yet */
    uint32_t n_reserved;   /* flows started and not ended */
    uint32_t next_queued;
    uint32_t stamp;
    uint32_t n_since_scan; /* solutions since its sums were last taken anew */
    bool guessed;          /* level set without looking for faster flows */
    bool changed;          /* its next end has to be reckoned again */
    /* Scratch of the full solve. */
    double fill_left, fill_cw, fill_level;
    uint32_t fill_n;
};

struct stc_fl_key {
    double key;
    uint32_t id, aux;
};

#define STC_FL_BUCKETS 4096U
#define STC_FL_BLOCK   64U

struct stc_flownet {
    uint32_t n_links, n_nodes, cap_nodes; /* n_nodes: links and the caps of all slots */
    double tick_s;
    stc_tick now_tick, next_tick;
    uint32_t epoch;
    bool solved;
    size_t n_flows;
    uint32_t n_busy_links; /* with flows across them, caps included */
    uint64_t next_seq;

    struct stc_fl_hot *hot; /* [cap_nodes] */
    struct stc_fl_link *link;
    stc_tick *end_tick;       /* [cap_nodes] next end among a link's own flows */
    stc_tick *block_end_tick; /* least of each STC_FL_BLOCK of these */
    struct stc_fl_flow *flow;
    uint32_t n_slots, cap_slots, free_slot;
    uint32_t n_fresh, n_done, n_seeds, n_changed, n_blocks_stale;
    uint32_t *fresh, *seeds, *changed, *blocks_stale;
    bool *block_stale;
    uint64_t *done_tag, *done_seq;
    struct stc_flow_pool uses, lists, heaps;
    struct stc_queue latencies;

    /* Scratch of the solver: one entry a flow or a node. */
    struct stc_fl_key *pick; /* [cap_nodes] */
    uint32_t *walk_links, *walk_flows;
    uint32_t stamp;
    uint32_t *seen; /* [n_links] use of the flow being started, to merge duplicates */
    uint32_t bucket[STC_FL_BUCKETS];
    uint64_t bucket_bits[STC_FL_BUCKETS / 64], bucket_words;
    uint64_t bucket_base;
    uint32_t max_visits; /* of a busy link, on average, before filling takes over */

    struct stc_flownet_stats stats;
};

/* flow_mem.c */
void stc_fl_pool_init(struct stc_flow_pool *p, size_t elem_bytes);
void stc_fl_pool_free(struct stc_flow_pool *p);
/* Offset of 2^size_class elements, STC_NONE when memory is out. */
uint32_t stc_fl_pool_take(struct stc_flow_pool *p, uint32_t size_class);
void stc_fl_pool_give(struct stc_flow_pool *p, uint32_t offset, uint32_t size_class);
uint32_t stc_fl_class_for(uint32_t n);
STC_MUST_USE enum stc_err stc_fl_reserve_slots(struct stc_flownet *net,
                                               uint32_t n_slots);
STC_MUST_USE enum stc_err stc_fl_reserve_on(struct stc_flownet *net, uint32_t link,
                                            uint32_t n);
void stc_fl_free_all(struct stc_flownet *net);

/* flow_solve.c: brings all levels to rest. */
void stc_fl_solve(struct stc_flownet *net);
/* flow_fill.c: the component of the seeds, by progressive filling. */
void stc_fl_fill(struct stc_flownet *net);

/* flow_heap.c */
void stc_fl_settle(struct stc_flownet *net, uint32_t link); /* clock up to now */
void stc_fl_heap_add(struct stc_flownet *net, uint32_t link, uint32_t flow, double end);
double stc_fl_heap_take(struct stc_flownet *net, uint32_t link,
                        uint32_t pos); /* its end */
/* Tick at which the clock of the link shows `end`. */
stc_tick stc_fl_tick_of(const struct stc_flownet *net, uint32_t link, double end);
void stc_fl_refresh_ends(
    struct stc_flownet *net); /* of the changed links; sets next_tick */

static inline struct stc_fl_use *stc_fl_uses(const struct stc_flownet *net)
{
    return (struct stc_fl_use *)net->uses.base;
}

static inline struct stc_fl_on *stc_fl_list(const struct stc_flownet *net,
                                            uint32_t link)
{
    return (struct stc_fl_on *)net->lists.base + net->link[link].list;
}

static inline struct stc_fl_own *stc_fl_heap(const struct stc_flownet *net,
                                             uint32_t link)
{
    return (struct stc_fl_own *)net->heaps.base + net->link[link].heap;
}

static inline void stc_fl_mark_changed(struct stc_flownet *net, uint32_t link)
{
    if (net->link[link].changed) return;
    net->link[link].changed = true;
    net->changed[net->n_changed++] = link;
}

/* To be solved again, unless it is already to be. */
static inline void stc_fl_seed(struct stc_flownet *net, uint32_t link)
{
    struct stc_fl_hot *h = &net->hot[link];
    if (h->trigger == STC_INF) return;
    h->trigger = STC_INF;
    net->seeds[net->n_seeds++] = link;
}

#endif
