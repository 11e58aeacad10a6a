/*
 * optime.h - operator lists with their seconds: pieces that lowering strings
 * together.
 *
 * THEORY. A piece is one operator: work on the compute stream, or a collective
 * in its way. Where the stack lets a collective ride beside a product
 * (STC_OVERLAP_NEXT, _PREV) the two become one piece that takes the longer of
 * both, the product slowed while the collective runs (kernels/overlap.h), plus
 * the first (or last) of the ring's n chunks that has nothing to hide behind.
 *
 * UNITS. Ticks, rounded per piece, so that any grouping of pieces adds up to
 * the same integer.
 *
 * OWNERSHIP. Pieces live in the arena.
 */
#ifndef STC_RUN_OPTIME_H
#define STC_RUN_OPTIME_H

#include "models/build.h"
#include "sim/run/place.h"
#include "sim/run/result.h"
#include "sim/run/step.h"

struct stc_piece {
    stc_tick ticks;  /* on the compute stream */
    stc_tick hidden; /* of a collective beside it: in parallel, for the books */
    uint8_t part;    /* enum stc_part */
    uint8_t is_coll; /* a collective in the compute stream's way */
    uint8_t pass;    /* enum stc_pass */
    uint8_t op;      /* enum stc_op_id */
    uint16_t n_launches;
    uint8_t axis, coll; /* is_coll (or hidden > 0): which */
    double coll_bytes;
    stc_tick
        exposed; /* of ticks: how much is a collective's, when it rides beside a product */
};

/* What the pieces stand on, for the interval and the tiers. */
struct stc_coll_book {
    double calls, bytes, busy_s, intra_bytes, net_bytes;
}; /* of one rank */
enum { STC_COLL_KINDS = 8 };
struct stc_ledger {
    struct stc_coll_book coll[STC_AXIS_COUNT][STC_COLL_KINDS];
    double family_s[STC_FAMILY_COUNT]; /* seconds */
    double family_var
        [STC_FAMILY_COUNT]; /* seconds × sigma_log: fully correlated inside a family */
    double tier_s[STC_TIER_COUNT];
    double hw_flop, again_flop; /* done; of it, recomputed */
    int outside;
};
void stc_ledger_coll(struct stc_ledger *l, enum stc_axis axis, enum stc_coll coll,
                     const struct stc_group_shape *g, const struct stc_coll_est *e,
                     double bytes, double calls);
void stc_ledger_add(struct stc_ledger *l, const struct stc_ledger *x, double times);

struct stc_pieces {
    struct stc_piece *v;
    int32_t n;
    stc_tick total; /* sum of ticks */
    int32_t n_launches;
    stc_tick wgrad_ticks; /* of it: what a zero-bubble schedule may move */
    double keep_bytes;
    const struct stc_ledger *ledger; /* in the arena: layers that are equal share it */
};

struct stc_optime { /* borrowed, const */
    const struct stc_scenario *s;
    const struct stc_run_params *p;
    const struct stc_group_shape
        *axis_shape; /* [STC_AXIS_COUNT]: the groups of this stage */
    struct stc_coll_force force;
    struct stc_overlap_params overlap;
};

/* Seconds of a list. `times`: how often the list runs, for nothing but the
 * ledger of the caller. */
STC_MUST_USE enum stc_err stc_optime(struct stc_arena *a, const struct stc_optime *t,
                                     const struct stc_ops *ops, struct stc_pieces *out);

/* Seconds of one collective over an axis, closed form, alone. */
void stc_optime_coll(const struct stc_optime *t, enum stc_axis axis, enum stc_coll coll,
                     double bytes, struct stc_coll_est *out);

/* Estimate of one compute operator. */
void stc_optime_op(const struct stc_optime *t, const struct stc_op *op,
                   struct stc_est *out);

#endif
