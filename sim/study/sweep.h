/*
 * sweep.h - one scenario over a grid of changed keys, kept in an SQLite file.
 *
 * THEORY. Point i of the grid is i in mixed radix over the axes, last axis fastest.
 * A point that stands in the file is not computed again, so a sweep that was
 * killed goes on where it was; each point is a transaction of its own. Shard k of n
 * takes the points with i mod n = k; files of shards merge into one.
 *
 * CURVES. Points that differ only in the number of GPUs make a scaling curve:
 * efficiency is the rate per GPU over that of the smallest; the *knee* is the
 * largest size up to which each added GPU still brings half of what the first ones
 * do. With one global batch it is strong scaling; `weak` scales the batch along.
 *
 * OWNERSHIP. A table lives in the caller's arena.
 */
#ifndef STC_STUDY_SWEEP_H
#define STC_STUDY_SWEEP_H

#include <signal.h>

#include "sim/base/arena.h"
#include "sim/base/text.h"
#include "sim/run/step.h"
#include "sim/study/tune.h"

enum { STC_SWEEP_AXES = 8, STC_SWEEP_VALUES = 64 };

struct stc_sweep_axis {
    char key[64];
    int n;
    char value[STC_SWEEP_VALUES][48];
};

struct stc_sweep_opts {
    int n_axes;
    struct stc_sweep_axis axis[STC_SWEEP_AXES];
    int tune, weak;
    int shard, n_shards; /* 0 of 0: all */
    int n_threads;
    const volatile sig_atomic_t *stop;
    const struct stc_team *team; /* NULL: alone */
    void (*progress)(void *ctx, long done, long total);
    void *ctx;
};

/* "cluster.nodes=16,32,64". */
STC_MUST_USE enum stc_err stc_sweep_vary(struct stc_sweep_opts *o, const char *words,
                                         struct stc_diag *diag);

struct stc_sweep_row {
    int64_t id;
    const char *status, *message; /* "ok", "does not fit", "infeasible" */
    const char *value[STC_SWEEP_AXES];
    int32_t n_gpus;
    double global_batch, step_s, lo90_s, hi90_s, tokens_per_s, tokens_per_s_per_gpu,
        mfu, peak_bytes, watts, usd_per_mtok;
    const char *layout;
    double efficiency; /* of its curve; NaN: on none */
    int knee;          /* the curve's knee is here */
    int curve;         /* number of its curve, -1 */
};
struct stc_sweep_table {
    int n_axes, n, n_curves, gpu_axis; /* gpu_axis: the axis that changes GPUs, -1 */
    int64_t n_points;                  /* of the grid */
    char key[STC_SWEEP_AXES][64];
    const char *title;
    int weak, tuned;
    struct stc_sweep_row *row;
};

/* Runs what is missing of the sweep in the file. */
STC_MUST_USE enum stc_err stc_sweep_run(const struct stc_scenario *s,
                                        const struct stc_run_params *p,
                                        const struct stc_sweep_opts *o,
                                        const char *path, struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_sweep_merge(const char *out, const char *const *in, int n,
                                          struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_sweep_load(struct stc_arena *a, const char *path,
                                         struct stc_sweep_table *out,
                                         struct stc_diag *diag);

#endif
