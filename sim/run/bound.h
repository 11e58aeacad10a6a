/*
 * bound.h - what a layout's step cannot beat, in microseconds of thinking.
 *
 * THEORY. The step simulator strings together work and waits. Both bounds drop
 * waits and keep the work, with the very numbers of lowering (stc_optime), so
 * neither can exceed the simulated step: they are admissible.
 *
 *   fast   for every stage: the pipeline's fill + the stage's own busy time +
 *          the drain through the stages before it; then what of the gradient
 *          reduction cannot ride beside the last backward, the norm, the
 *          optimizer, the gather of parameters; where gathers or reductions are
 *          a stream of their own, that stream's length.
 *   tight  the same ends around the schedule itself, run item by item with
 *          sends and receives but without interference and shared links.
 *
 * A block's list is timed once per (tp, cp, ep, etp, micro-batch, sequence
 * parallel, recompute, …) and kept; what a layout then costs is sums.
 *
 * OWNERSHIP. One bounder a thread; it owns its memory (free).
 *
 * COST. fast 1-3 us on a warm memo, tight ~10 ns an item (make bench).
 */
#ifndef STC_RUN_BOUND_H
#define STC_RUN_BOUND_H

#include "sim/run/step.h"

struct stc_bounder;

/* What a bound is made of; step_ticks is the bound. */
struct stc_bound {
    stc_tick step_ticks;
    stc_tick stage_ticks;  /* busy time of the busiest stage: work that nothing hides */
    stc_tick bubble_ticks; /* fill and drain around it */
    stc_tick dp_ticks;     /* data-parallel traffic that nothing can hide */
    stc_tick end_ticks;    /* norm, optimizer, gather of parameters */
    double busy_frac;      /* compute streams' mean busy share of step_ticks */
    int32_t stage;         /* the busiest */
};

STC_MUST_USE enum stc_err stc_bounder_make(const struct stc_run_params *p,
                                           struct stc_bounder **out);
void stc_bounder_free(struct stc_bounder *b);

/* s: resolved, but for the layout that is asked about. `variant`: equal numbers
 * promise that everything of s but s->layout is equal. INFEASIBLE where lowering
 * would say so. */
STC_MUST_USE enum stc_err stc_bound_fast(struct stc_bounder *b,
                                         const struct stc_scenario *s, uint32_t variant,
                                         struct stc_bound *out, struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_bound_tight(struct stc_bounder *b,
                                          const struct stc_scenario *s,
                                          uint32_t variant, struct stc_bound *out,
                                          struct stc_diag *diag);

/* Bytes that the fullest GPU needs (allocated + context), as result.fits judges
 * it. Stops at the first stage beyond limit_bytes. */
STC_MUST_USE enum stc_err stc_bound_need_bytes(const struct stc_scenario *s,
                                               double limit_bytes, double *need_bytes,
                                               int32_t *stage, struct stc_diag *diag);

#endif
