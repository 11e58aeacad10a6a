/*
 * settle.h - what a scenario leaves open, as the people who ran it would have
 * chosen: the fastest that fits.
 *
 * THEORY. Published runs often do not say their micro-batch or recompute, but
 * their authors tuned both. Where `layout.micro_batch` is unsaid, every power of
 * two that divides the replica's batch is tried; where `layout.recompute` is
 * unsaid, the stack's own way, and when that does not fit ever more of it.
 * Memory is the closed form with 3 % of the GPU left free; those that fit are
 * simulated and the fastest is kept. On a GPU with NVLink-C2C to its host a stack
 * that can (offloads_activations) may instead let activations wait there. Where
 * nothing fits, what is unsaid of `layout.shard` and `layout.tp` rises, as far as the
 * framework offers it and tp up to a node, until it fits: what was run did fit. What
 * is said is never touched, so a settled scenario settles to itself.
 *
 * ERRORS. As stc_scenario_resolve and stc_step_run. When nothing fits, the
 * candidate that needs least memory is kept and the result will say that it
 * does not fit.
 */
#ifndef STC_STUDY_SETTLE_H
#define STC_STUDY_SETTLE_H

#include "sim/run/step.h"

/* Resolves s, settles what is open, and leaves s resolved. */
STC_MUST_USE enum stc_err stc_settle(struct stc_scenario *s,
                                     const struct stc_run_params *p,
                                     struct stc_diag *diag);

/* Settles and simulates. */
STC_MUST_USE enum stc_err stc_settle_run(struct stc_scenario *s,
                                         const struct stc_run_params *p,
                                         struct stc_arena *a, struct stc_result *out,
                                         struct stc_diag *diag);

#endif
