/*
 * api.h - private to the façade: what a handle holds.
 *
 * The cost parameters are loaded once at stc_open; the result of the last
 * simulation stays until the scenario changes.
 */
#ifndef STC_API_PRIVATE_H
#define STC_API_PRIVATE_H

#include "kernels/coll_params.h"
#include "kernels/cost_params.h"
#include "sim/base/arena.h"
#include "sim/base/text.h"
#include "sim/run/step.h"
#include "sim/stepcast.h"

struct stc {
    struct stc_opts opts;
    struct stc_arena arena; /* lives as long as the handle */
    struct stc_cost *cost;
    struct stc_coll_params *coll;
    struct stc_run_params params;
    struct stc_scenario scenario; /* as said */
    struct stc_scenario resolved; /* of the last result */
    struct stc_arena run;         /* the last result's memory */
    struct stc_result result;
    int simulated, recorded; /* recorded: spans and memory points were kept */
};

/* Simulates unless the last result still holds; record 1: with spans. */
STC_MUST_USE enum stc_err stc_api_run(struct stc *sim, int record,
                                      struct stc_diag *diag);
/* Hands the text over; t is empty afterwards. */
STC_MUST_USE enum stc_err stc_api_out(struct stc_text *t, enum stc_err err,
                                      struct stc_out *out, struct stc_diag *diag);
/* Fills cost and coll from what travels in the library (api_params.c). */
STC_MUST_USE enum stc_err stc_api_params(struct stc *sim, struct stc_diag *diag);

#endif
