/*
 * step.h - simulates one training step of a resolved scenario.
 *
 * THEORY. place (ranks onto GPUs) -> lower (a template of tasks per stage) ->
 * classes (ranks that cannot be told apart run once) -> the engine -> derive.
 *
 * ERRORS. INFEASIBLE when the layout cannot be placed or scheduled; a model that
 * does not fit in memory is not an error here: result.fits says so.
 */
#ifndef STC_RUN_STEP_H
#define STC_RUN_STEP_H

#include "kernels/coll.h"
#include "kernels/cost.h"
#include "kernels/overlap.h"
#include "scenarios/scenario.h"
#include "sim/base/arena.h"
#include "sim/run/result.h"

struct stc_run_params { /* borrowed, immutable, shared by threads */
    const struct stc_cost *cost;
    const struct stc_coll_params *coll;
    const struct stc_overlap_params *overlap; /* NULL: the literature's figures */
    uint64_t hash; /* of the above, as results and journals show it; 0: not made */
};

/* RANGE when the step of a resolved scenario takes more than a day even at the peak of
 * all its GPUs: beyond that the clock's 106 days may not do. */
STC_MUST_USE enum stc_err stc_step_check_length(const struct stc_scenario *s,
                                                struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_step_run(const struct stc_scenario *s,
                                       const struct stc_run_params *p,
                                       struct stc_arena *a, struct stc_result *out,
                                       struct stc_diag *diag);

#endif
