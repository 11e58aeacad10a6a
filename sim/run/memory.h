/*
 * memory.h - the tracker: bytes alive on a stage's GPU as its items run.
 *
 * THEORY. Independent of the closed form (models/memory.h): states are counted
 * from the parameters that lowering found, activations are the keep_bytes of the
 * operators, added when a forward runs and dropped when its backward has run,
 * with what recompute and gathering bring back while it runs. Items of a stage
 * run in list order on one stream, so the peak is a walk over the list; the
 * clock is only needed to draw it.
 */
#ifndef STC_RUN_MEMORY_H
#define STC_RUN_MEMORY_H

#include "sim/run/breakdown.h"

struct stc_track {
    double static_bytes; /* parameters, gradients, optimizer, framework */
    double peak_bytes;
    int32_t peak_item;
    int32_t n_points;
    struct stc_mem_point *points; /* only when the watch has item times */
};

STC_MUST_USE enum stc_err stc_track_stage(struct stc_arena *a,
                                          const struct stc_lowered *low, int32_t stage,
                                          const struct stc_mem_est *closed,
                                          const struct stc_watch *w,
                                          struct stc_track *out);

#endif
