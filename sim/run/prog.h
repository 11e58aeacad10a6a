/*
 * prog.h - the program of a training step: a cursor per stream over the items of
 * its stage's template. Implements the two calls of sim/engine/machine.h.
 */
#ifndef STC_RUN_PROG_H
#define STC_RUN_PROG_H

#include "sim/run/comms.h"

/* Where a stream stands. What its next task needs is looked up when the one before
 * it is given out, so that memory has time to answer. */
struct stc_cursor {
    const struct stc_task *task; /* the next; NULL: the end */
    const uint32_t *base;        /* of its item */
    int32_t busy, item;
    uint32_t left; /* tasks of the stream in the item, with the next */
};

/* What a rank's cursors read: its stage's template, its communicators. */
struct stc_rank_view {
    const struct stc_stage_tmpl *tmpl;
    double factor;                    /* on work */
    int32_t comm[STC_SLOT_COUNT];     /* class of its communicator, -1 */
    int32_t op_first[STC_SLOT_COUNT]; /* that class's first operation */
};

struct stc_step_prog {
    const struct stc_lowered *low;
    const struct stc_comms *comms;
    struct stc_rank_view *view; /* [rank classes] */
    struct stc_cursor *at;      /* [rank classes][STREAM_COUNT] */
};

STC_MUST_USE enum stc_err stc_step_prog_init(struct stc_arena *a,
                                             const struct stc_lowered *low,
                                             const struct stc_comms *comms,
                                             struct stc_step_prog *out);
struct stc_prog stc_step_prog(struct stc_step_prog *p);

#endif
