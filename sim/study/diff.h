/*
 * diff.h - where the difference between two scenarios comes from.
 *
 * THEORY. Two views of the same difference:
 *   parts: the busiest stage's time of B less that of A, part by part; they add
 *          up to the difference of the steps exactly.
 *   changes: the keys that differ are put over A one by one, in the order of
 *          the key table, each time simulating; the differences of that walk
 *          add up to the whole as well. A change whose intermediate scenario
 *          cannot be cut joins the next one. `alone` is what the change does to
 *          A with nothing else changed.
 *
 * OWNERSHIP. Everything lives in the arena given.
 */
#ifndef STC_STUDY_DIFF_H
#define STC_STUDY_DIFF_H

#include "sim/base/arena.h"
#include "sim/run/result.h"
#include "sim/run/step.h"

struct stc_diff_change {
    const char *keys;      /* "layout.tp" or "layout.tp, layout.pp" */
    const char *from, *to; /* values, joined likewise */
    double walk_s;         /* step after - step before, on the way from A to B */
    double
        alone_s; /* step of A with this change only - step of A; NaN: cannot be cut */
};

struct stc_diff {
    struct stc_scenario a, b; /* resolved */
    struct stc_result a_result, b_result;
    double part_s[STC_PART_COUNT]; /* of the busiest stages: B - A */
    int n_changes;
    struct stc_diff_change *changes;
};

/* a and b: loaded, not necessarily resolved. */
STC_MUST_USE enum stc_err stc_diff_run(struct stc_arena *arena,
                                       const struct stc_scenario *a,
                                       const struct stc_scenario *b,
                                       const struct stc_run_params *p,
                                       struct stc_diff *out, struct stc_diag *diag);

#endif
