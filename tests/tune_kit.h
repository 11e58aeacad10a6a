/* tune_kit.h - scenarios and random layouts for the tests of bounds and searches. */
#ifndef STC_TESTS_TUNE_KIT_H
#define STC_TESTS_TUNE_KIT_H

#include "sim/base/rng.h"
#include "sim/run/step.h"

/* Shipped cost parameters, in the arena. */
void stc_kit_params(struct stc_arena *a, struct stc_run_params *p);

/* The i-th test scenario as text; NULL past the end. Small models of each kind. */
const char *stc_kit_scenario(int i);
/* Loads it; the layout keys are its own. */
void stc_kit_load(const char *text, struct stc_scenario *s);

/* Sets random layout keys; 1 when the result resolves. */
int stc_kit_random(struct stc_rng *r, const struct stc_scenario *base,
                   struct stc_scenario *out);

#endif
