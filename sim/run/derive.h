/* derive.h - from the record of a run to the result; private to sim/run. */
#ifndef STC_RUN_DERIVE_H
#define STC_RUN_DERIVE_H

#include "sim/run/breakdown.h"

struct stc_run {
    const struct stc_scenario *s;
    const struct stc_cost *cost;
    struct stc_arena *a;
    struct stc_place place;
    struct stc_lowered low;
    struct stc_comms comms;
    struct stc_watch watch;
    stc_tick step_ticks;
    stc_tick *rank_end; /* [rank classes] */
    struct stc_machine_stats stats;
    struct stc_result *out;
};

STC_MUST_USE enum stc_err stc_derive(struct stc_run *r, struct stc_diag *diag);

#endif
