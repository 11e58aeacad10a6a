/*
 * schedule.h - pipeline schedules as lists of items.
 *
 * THEORY. A stage works off a list of {forward, backward, weight-gradient} of
 * (micro-batch, chunk). GPipe (Huang 1811.06965), 1F1B (PipeDream-flush,
 * Narayanan 2104.04473 fig. 4), interleaved 1F1B (same, §2.2), zero-bubble H1
 * and H2 (Qi 2401.10241). Where the schedule splits the backward, kind B is the
 * input gradient and W the weight gradient; otherwise B is both.
 *
 * ORDER. For every stage the list is in issue order; F(v, m) of virtual stage
 * v = chunk*pp + stage needs F(v-1, m), B(v, m) needs B(v+1, m) and F(v, m).
 * stc_schedule_sane runs the lists against each other and says whether they
 * finish (no deadlock).
 */
#ifndef STC_MODELS_SCHEDULE_H
#define STC_MODELS_SCHEDULE_H

#include "models/layout.h"
#include "sim/base/arena.h"

enum stc_item_kind { STC_ITEM_F, STC_ITEM_B, STC_ITEM_W };

struct stc_item {
    uint8_t kind; /* enum stc_item_kind */
    uint8_t chunk;
    uint16_t pad;
    int32_t micro;
};

struct stc_schedule { /* of one stage */
    struct stc_item *items;
    int32_t n;
    int32_t
        in_flight; /* most (micro, chunk) forwards whose backward has not run: chunk-granular */
};

/* The list of `stage`. INFEASIBLE with a sentence when the schedule cannot be
 * laid out (interleaved needs n_micro % pp == 0, …). */
STC_MUST_USE enum stc_err stc_schedule_build(struct stc_arena *a,
                                             const struct stc_layout *l, int32_t stage,
                                             struct stc_schedule *out,
                                             struct stc_diag *diag);

/* Does the set of pp lists finish? `all` has pp entries. For assert, tests. */
int stc_schedule_sane(const struct stc_layout *l, const struct stc_schedule *all);

const char *stc_schedule_name(enum stc_schedule_kind k); /* "1f1b", "interleaved", … */

#endif
