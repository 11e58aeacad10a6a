/*
 * prog.h - the program of a training step: a cursor per stream over the items of
 * its stage's template. Implements the two calls of sim/engine/machine.h.
 */
#ifndef STC_RUN_PROG_H
#define STC_RUN_PROG_H

#include "sim/run/comms.h"

struct stc_cursor { int32_t busy; uint32_t task; };

struct stc_step_prog {
    const struct stc_lowered *low;
    const struct stc_comms *comms;
    int32_t per_stage;          /* ranks of a stage */
    double *factor;             /* [rank classes] */
    struct stc_cursor *at;      /* [rank classes][STREAM_COUNT] */
};

STC_MUST_USE enum stc_err stc_step_prog_init(struct stc_arena *a, const struct stc_lowered *low,
                                             const struct stc_comms *comms, struct stc_step_prog *out);
struct stc_prog stc_step_prog(struct stc_step_prog *p);

#endif
