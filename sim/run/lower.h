/*
 * lower.h - a scenario as templates: for each stage the tasks of every item of
 * its schedule, shared by all its ranks.
 *
 * THEORY. A stage works off its schedule (models/schedule.h). Every kind of
 * item (forward, backward, first forward, last backward, …, of a chunk) is a
 * *block*: a short list of tasks for each stream, whose waits are relative to
 * where the streams stand when the item begins. A rank is then a cursor per
 * stream over (item, task) and the table that turns the template's slots into
 * its own communicators.
 *
 * SEGMENTS (fold in time). Consecutive work of the compute stream with no edge
 * to another stream between becomes one WORK; collectives whose links belong to
 * their group alone (tensor, context, expert parallel) join it in closed form.
 * With fold_layers off every operator is a task of its own; when ranks differ
 * (a straggler, a lame link) such collectives are JOINs, because members no
 * longer arrive together.
 *
 * STREAMS. Compute; host (only where it can be late); gathers and reductions of
 * the data-parallel axes; four for the pipeline's sends and receives; copies to
 * and from the host, updates there (sim/run/lower_host.c), data loaders.
 */
#ifndef STC_RUN_LOWER_H
#define STC_RUN_LOWER_H

#include "models/schedule.h"
#include "sim/engine/machine.h"
#include "sim/run/optime.h"

enum stc_stream {
    STC_STREAM_COMPUTE,
    STC_STREAM_HOST,
    STC_STREAM_GATHER,
    STC_STREAM_REDUCE,
    STC_STREAM_FSEND,
    STC_STREAM_FRECV,
    STC_STREAM_BSEND,
    STC_STREAM_BRECV,
    STC_STREAM_D2H,    /* copies to the host, */
    STC_STREAM_H2D,    /* and from it: a link's directions do not slow each other */
    STC_STREAM_CPU,    /* updates of offloaded states */
    STC_STREAM_LOADER, /* the next step's data */
    STC_STREAM_COUNT
};
const char *stc_stream_name(enum stc_stream s);

/* The communicators a template speaks of; each rank has at most one of each. */
enum stc_slot {
    STC_SLOT_FSEND,
    STC_SLOT_FRECV,
    STC_SLOT_BSEND,
    STC_SLOT_BRECV,
    STC_SLOT_TP,
    STC_SLOT_CP,
    STC_SLOT_EP,
    STC_SLOT_ETP,
    STC_SLOT_DPCP,
    STC_SLOT_EDP,
    STC_SLOT_SHARD,
    STC_SLOT_REPLICA,
    STC_SLOT_EMBED,
    STC_SLOT_WORLD,
    STC_SLOT_COUNT
};
enum stc_axis stc_slot_axis(enum stc_slot s);
enum stc_slot stc_axis_slot(enum stc_axis a);

/* An operation a slot's communicator is asked for. */
struct stc_comm_op {
    uint8_t slot, coll;
    int32_t repeat; /* one after the other, e.g. a broadcast from every rank */
    double bytes;   /* of one */
};

/* What a WORK consists of, so that its time can be told by parts. */
struct stc_seg_piece {
    stc_tick end;
    uint8_t part;
}; /* end: ticks of the segment up to and with it */
struct stc_segment {
    stc_tick part_ticks[STC_PART_COUNT]; /* add up to the task's amount */
    int32_t first_piece,
        n_pieces; /* the same in order, for a WORK that something slows in between */
    uint8_t item; /* enum stc_item_kind, 3: other */
    const char *name;
};

/* Interference classes of WORK: what communication on the GPU slows, and what not. */
enum { STC_WORK_GPU, STC_WORK_HOST };

/* Relative wait: the streams' ordinals at the item's start + k. */
static inline uint32_t stc_rel(uint32_t stream, uint32_t k)
{
    return (stream << 28) | (k + 1);
}

struct stc_block_tmpl {
    uint32_t off[STC_STREAM_COUNT], n[STC_STREAM_COUNT]; /* into tasks */
};

struct stc_stage_tmpl {
    int32_t n_items;
    uint16_t *item_block; /* [n_items] */
    int32_t *item_micro;  /* [n_items]; -1: begin or end of the step */
    uint8_t *item_kind, *item_chunk;
    uint32_t *base; /* [n_items][STREAM_COUNT]: tasks of the stream before the item */
    int32_t *busy[STC_STREAM_COUNT]; /* items that have tasks of a stream */
    int32_t n_busy[STC_STREAM_COUNT];
    int32_t n_blocks;
    struct stc_block_tmpl *blocks;
    struct stc_task *
        tasks; /* WORK tag: segment; JOIN ref: slot, amount: comm op, tag: COMM_TAG | comm op */
    int32_t n_tasks, cap_tasks;
    int32_t n_layers;
    uint64_t colour;          /* equal templates have equal colours */
    struct stc_ledger ledger; /* of one rank's step */
    double n_params, hw_flop, again_flop;
    /* memory of one item, for the tracker: bytes a forward of each chunk leaves alive */
    double *chunk_keep_bytes; /* [vp] */
    double *chunk_work_bytes; /* [vp]: while its backward runs */
    int32_t head_chunk;       /* that computes the loss; -1: none */
    double head_keep_bytes;   /* of chunk_keep_bytes there: the head's own */
    double away_bytes; /* of layers kept on the host: what is on its way at a time */
};

#define STC_COMM_TAG 0x80000000U

struct stc_lowered {
    struct stc_arena *a;
    const struct stc_scenario *s;
    const struct stc_run_params *p;
    const struct stc_place *place;
    int32_t n_stages;
    struct stc_stage_tmpl *stages;
    struct stc_segment *segs;
    int32_t n_segs, cap_segs;
    struct stc_seg_piece *pieces;
    int32_t n_pieces, cap_pieces;
    struct stc_comm_op *ops;
    int32_t n_ops, cap_ops;
    int explicit_ops; /* every operator a task of its own */
    int explicit_joins; /* ranks differ: collectives in compute's way are JOINs, not closed forms */
    int has_joins[STC_SLOT_COUNT];
    int needs_flows; /* set by sim/run/comms.c */
};

STC_MUST_USE enum stc_err stc_lower(struct stc_arena *a, const struct stc_scenario *s,
                                    const struct stc_run_params *p,
                                    const struct stc_place *place,
                                    struct stc_lowered *out, struct stc_diag *diag);

#endif
