/* bound_int.h - private to sim/run/bound*.c: memos of blocks, groups, collectives. */
#ifndef STC_RUN_BOUND_INT_H
#define STC_RUN_BOUND_INT_H

#include "sim/base/text.h"
#include "sim/run/bound.h"
#include "sim/run/lower_int.h"

/* One block's lists in numbers. */
struct stc_ucost {
    stc_tick f, b, w; /* b holds w, the weight gradients */
    int32_t f_launches, b_launches;
    struct stc_param_count params;
    int host_late; /* the forward's launches take about as long as it */
};

/* All blocks of a (tp, cp, …): sums[i] is of the layers before i. */
struct stc_usums {
    stc_tick f, b, w, br, wr; /* br, wr: recomputed whole */
    int64_t launches, launches_r;
    double dense, expert;
};
struct stc_units {
    struct stc_ucost embed, head, mtp;
    const struct stc_ucost **layer; /* [n_layers][2]: by recomputed */
    struct stc_usums *sums;         /* [n_layers + 1] */
    int32_t n_layers;
    int all_layers_late;
    uint64_t serial;
};

struct stc_ukey {
    uint32_t variant;
    int32_t tp, cp, ep, etp, dp, micro_batch, n_micro;
    uint16_t shape[4]; /* of tp, cp, ep, etp */
    uint8_t seq_parallel, recompute, cp_kind, shard2, deep, pad[3];
};

struct stc_uslot {
    struct stc_ukey key;
    struct stc_units *units;
};

enum { STC_ENDS = 3 }; /* stages whose data-parallel traffic is looked at */

/* Where the groups of a layout stand. */
struct stc_bplace {
    struct {
        uint32_t variant;
        int32_t tp, cp, ep, etp, dp, pp, shard_group;
    } key;
    uint64_t serial;
    int32_t cap, n_ends, end[STC_ENDS];
    uint16_t (*axis)[4]; /* [pp] */
    uint16_t *hop;       /* [pp]: to the next stage; the last to the first */
    uint16_t shard[STC_ENDS], dpcp[STC_ENDS], edp[STC_ENDS], replica[STC_ENDS];
    uint16_t embed, world;
};

struct stc_chunk_cost { /* of one virtual stage */
    stc_tick f, b, w;
    int64_t launches;
    int32_t first, n, n_rec; /* layers */
};

/* A layout's virtual stages; valid while its key holds. */
struct stc_chain {
    struct {
        uint64_t place, units;
        int32_t pp, vp, recompute_layers, recompute;
        int16_t first_extra, last_extra;
    } key;
    int32_t cap_v, cap_s;
    struct stc_chunk_cost *v; /* [pp * vp] */
    stc_tick *busy;           /* [pp]: one micro-batch through all chunks, both ways */
    int64_t *launches;        /* [pp] */
    stc_tick *hop;            /* [pp] */
    struct stc_param_count *params;
    const struct stc_units **units; /* [pp] */
    stc_tick *begin, *end;          /* [pp]: earliest first forward, last backward */
    stc_tick *hosted;               /* [pp]: the host's launches alone; 0: beside */
    stc_tick busy_sum;              /* of all stages */
    uint8_t *late;
};

struct stc_ctime {
    uint64_t bytes_bits;
    uint32_t key;
    uint32_t used;
    stc_tick ticks;
};
enum { STC_CTIMES = 4096 };

struct stc_otime {
    double n_params, n_owned;
    uint32_t variant;
    int32_t tp, pp;
    stc_tick ticks;
};
enum { STC_OTIMES = 64 };

struct stc_bounder {
    const struct stc_run_params *p;
    struct stc_overlap_params overlap;
    struct stc_arena memo, scratch, fixed;
    struct stc_uslot *slot;
    uint32_t n_slots, n_used;
    uint64_t serial;
    struct stc_group_shape *shape;
    int32_t n_shapes, cap_shapes;
    struct stc_bplace place;
    struct stc_chain chain;
    struct stc_ctime *ctime;
    struct stc_otime *otime;
    void *pipe; /* bound_tight.c */
    size_t pipe_bytes;
    /* the question at hand */
    const struct stc_scenario *s;
    struct stc_build build;
    uint32_t variant;
    struct stc_diag *diag;
    enum stc_err err;
};

/* bound_units.c */
int stc_b_place(struct stc_bounder *b);
const struct stc_units *stc_b_units(struct stc_bounder *b, int32_t stage);
/* Drops the memo of blocks when it has grown large; not in the middle of a chain. */
void stc_b_forget(struct stc_bounder *b);
stc_tick stc_b_coll(struct stc_bounder *b, uint16_t shape, enum stc_coll c,
                    double bytes);
stc_tick stc_b_optimizer(struct stc_bounder *b, double n_params, double n_owned);
void *stc_b_grow(struct stc_bounder *b, size_t n, size_t size);

/* bound.c: everything around the schedule; end[] and begin[] of the chain are
 * filled in by either bound. */
int stc_b_chain(struct stc_bounder *b);
void stc_b_finish(struct stc_bounder *b, struct stc_bound *out);
/* Before the first forward of stage 0: host, the first gathers. */
stc_tick stc_b_head_start(struct stc_bounder *b);
int stc_b_split(const struct stc_bounder *b);
/* bound_tight.c: fills chain.end, >= what fast put there. */
int stc_b_pipeline(struct stc_bounder *b, stc_tick start);

#endif
