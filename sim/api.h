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
#include "scenarios/catalogues.h"
#include "sim/base/arena.h"
#include "sim/base/text.h"
#include "sim/run/step.h"
#include "sim/stepcast.h"

/* Users' catalogues, built, in an arena of their own. */
struct stc_api_world {
    struct stc_arena arena;
    const struct stc_catalogues *built; /* NULL: only the shipped ones */
};

struct stc {
    struct stc_opts opts;
    struct stc_arena arena;         /* lives as long as the handle */
    struct stc_catalogue_docs docs; /* of the options */
    struct stc_api_world *world;    /* the scenario's catalogue, docs over it */
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
/* Reads the catalogues of the options (api_catalogue.c). */
STC_MUST_USE enum stc_err stc_api_catalogues(struct stc *sim, struct stc_diag *diag);
/* Builds what the scenario's names are looked up in and lets s point to it; *old is
 * what to close when s has taken the place of the handle's scenario. */
STC_MUST_USE enum stc_err stc_api_world(struct stc *sim, struct stc_scenario *s,
                                        struct stc_api_world **old,
                                        struct stc_diag *diag);
/* 0: the catalogues of the options changed what the scenario's file asks. */
int stc_api_same_question(const struct stc *sim, const struct stc_scenario *s);
void stc_api_world_close(struct stc_api_world *w); /* NULL is fine */
/* What names are looked up in now; NULL: the shipped catalogues. */
const struct stc_catalogues *stc_api_own(const struct stc *sim);
/* The hardware that measurements may name, in arena a. */
STC_MUST_USE enum stc_err stc_api_hardware(struct stc_arena *a,
                                           const struct stc_calibrate_opts *o,
                                           const struct stc_hw **out,
                                           struct stc_diag *diag);
/* Fills cost and coll from what travels in the library (api_params.c). */
STC_MUST_USE enum stc_err stc_api_params(struct stc *sim, struct stc_diag *diag);

#endif
