/*
 * headroom.h - how far a scenario can grow before it no longer fits.
 *
 * THEORY. One axis at a time, all else as the scenario says: the largest
 * micro-batch, sequence, depth, width, and the smallest number of GPUs. A value
 * fits when the fullest stage's closed-form bytes (models/memory.h: allocated and
 * context) leave the margin of the scenario free, as `simulate` judges. Bytes grow
 * with each axis, so the largest is found by doubling and halving.
 *
 *   micro_batch  the number of micro-batches stays, the global batch follows
 *   seq_len      a learned position table grows with it
 *   layers       in steps of pp * vp
 *   hidden       heads stay, their width and the MLP's grow in proportion
 *   gpus         cp stays; every tp inside a node, pp and dp that can be cut are
 *                tried, fewest GPUs first, then least pp, then least tp
 *
 * Beyond the answer stands the next value, and what is largest at its peak.
 *
 * ERRORS. As stc_scenario_resolve. An axis whose smallest value does not fit is an
 * answer (best 0).
 *
 * COST. Some 30 closed forms an axis, gpus some hundred: ~10 ms.
 */
#ifndef STC_STUDY_HEADROOM_H
#define STC_STUDY_HEADROOM_H

#include "models/memory.h"
#include "scenarios/scenario.h"

/* X(id, name, help) */
#define STC_HEADROOM_MAP(X)                           \
 X(MICRO_BATCH, "micro_batch", "largest micro-batch") \
 X(SEQ_LEN, "seq_len", "longest sequence")            \
 X(LAYERS, "layers", "most layers")                   \
 X(HIDDEN, "hidden", "widest model")                  \
 X(GPUS, "gpus", "fewest GPUs")

enum stc_headroom_axis {
#define STC_HEADROOM_ROW(id, name, help) STC_HEADROOM_##id,
    STC_HEADROOM_MAP(STC_HEADROOM_ROW)
#undef STC_HEADROOM_ROW
        STC_HEADROOM_COUNT
};
const char *stc_headroom_name(enum stc_headroom_axis a);
const char *stc_headroom_about(enum stc_headroom_axis a);
STC_MUST_USE enum stc_err stc_headroom_find(const char *name,
                                            enum stc_headroom_axis *out,
                                            struct stc_diag *diag);

/* One value of an axis. */
struct stc_headroom_point {
    int64_t value; /* 0: there is none */
    double need_bytes;
    int32_t stage;          /* the fullest */
    struct stc_mem_est mem; /* of that stage */
    double n_params;        /* of the model at that value */
    int32_t tp, pp, dp;
};

struct stc_headroom {
    enum stc_headroom_axis axis;
    int64_t now; /* as the scenario has it */
    struct stc_headroom_point best, beyond;
    int endless;          /* 1: the largest value tried still fits */
    char stopped_by[256]; /* what else than memory ends the axis; "" */
};

struct stc_headroom_report {
    struct stc_scenario s; /* resolved */
    struct stc_headroom_point now;
    double capacity_bytes; /* of a GPU, less the margin */
    int n;
    struct stc_headroom v[STC_HEADROOM_COUNT];
};

/* s: loaded, not necessarily resolved. Only `axis`, or all when it is
 * STC_HEADROOM_COUNT. */
STC_MUST_USE enum stc_err stc_headroom_run(const struct stc_scenario *s,
                                           enum stc_headroom_axis axis,
                                           struct stc_headroom_report *out,
                                           struct stc_diag *diag);

#endif
