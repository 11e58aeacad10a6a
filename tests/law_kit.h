/*
 * law_kit.h - a scenario from a base and changes to it, run with the kernels'
 * priors: for tests of laws. Each test file has its own.
 */
#ifndef STC_TESTS_LAW_KIT_H
#define STC_TESTS_LAW_KIT_H

#include "tests/step_kit.h"
#include "tests/testing.h"

static struct step_kit kit;
static struct stc_arena arena = STC_ARENA_INIT;
static struct stc_scenario scn;
static struct stc_result res;

static inline void setup(void)
{
    step_kit_open(&kit);
}
static inline void teardown(void)
{
    stc_arena_free(&arena);
    step_kit_close(&kit);
}

static inline void say(const char *base, const char *more)
{
    struct stc_diag d = {0};
    stc_scenario_init(&scn);
    stc_assert_ok(step_set(&scn, base, &d), &d);
    stc_assert_ok(step_scenario(&scn, more, &d), &d);
}

static inline const struct stc_result *again(void)
{
    struct stc_diag d = {0};
    stc_arena_reset(&arena);
    stc_assert_ok(stc_step_run(&scn, &kit.p, &arena, &res, &d), &d);
    return &res;
}

static inline const struct stc_result *run(const char *base, const char *more)
{
    say(base, more);
    return again();
}

static inline double step_s(const char *base, const char *more)
{
    return run(base, more)->step_s;
}
static inline double alloc_bytes(const char *base, const char *more)
{
    return run(base, more)->peak_bytes[STC_MEMREP_ALLOCATED];
}

/* Bytes that one rank brings to a collective over an axis in a step. */
static inline double comm_bytes(const struct stc_result *r, const char *axis,
                                const char *coll)
{
    double sum = 0;
    for (int32_t i = 0; i < r->n_comms; i++)
        if (strcmp(r->comms[i].axis, axis) == 0 && strcmp(r->comms[i].coll, coll) == 0)
            sum += r->comms[i].bytes;
    return sum;
}

#endif
