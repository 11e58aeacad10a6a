/*
 * tune_space.h - the space of layouts: axes, their values, a number for each layout.
 *
 * THEORY. A layout's number is written in mixed radix with one digit an axis,
 * outermost first. The outer axes (GPUs, tp, cp, ep, etp, pp, micro-batch) make a
 * *node*: what divides is found out once a node by the scenario's own resolving.
 * The inner axes are walked inside the node; whatever an outer axis settles,
 * settles all numbers below it, and is counted as so many.
 */
#ifndef STC_STUDY_TUNE_SPACE_H
#define STC_STUDY_TUNE_SPACE_H

#include "sim/run/bound.h"
#include "sim/study/tune.h"

/* ORDER: outermost first; axis_rows in tune_space.c follows it. */
enum stc_tune_axis {
    STC_TA_GPUS,
    STC_TA_TP,
    STC_TA_CP,
    STC_TA_EP,
    STC_TA_ETP,
    STC_TA_PP,
    STC_TA_MICRO,
    STC_TA_PRECISION,
    STC_TA_OVERLAP_TP,
    STC_TA_SEQ,
    STC_TA_RECOMPUTE,
    STC_TA_DEPTH,
    STC_TA_SCHEDULE,
    STC_TA_VP,
    STC_TA_SPLIT,
    STC_TA_SHARD,
    STC_TA_SHARD_GROUP,
    STC_TA_RESHARD,
    STC_TA_GRAD,
    STC_TA_GATHER,
    STC_TA_P2P,
    STC_TA_COUNT
};
enum { STC_TA_OUTER = STC_TA_PRECISION, STC_TA_VALUES = 96 };

struct stc_tune_axis_values {
    int32_t n;
    int32_t v[STC_TA_VALUES]; /* as the scenario's `said` field has it */
};

struct stc_tune_space {
    const struct stc_scenario *s; /* as said */
    struct stc_tune_axis_values axis[STC_TA_COUNT];
    uint64_t n_nodes, n_inner, n_layouts;
    int32_t own_gpus; /* what the scenario has by itself */
    /* resolved, by (GPUs, precision, tp overlap); NULL: not one layout resolves */
    struct stc_scenario *variant;
    uint8_t *variant_ok;
    uint32_t n_variants;
    enum stc_tune_objective objective;
    double usd_per_gpu_hour, tokens, deadline_s, slower;
    double limit_s; /* HEADROOM: slower layouts do not count */
};

STC_MUST_USE enum stc_err stc_tune_space_make(struct stc_arena *a,
                                              const struct stc_scenario *s,
                                              struct stc_tune_space *out,
                                              struct stc_diag *diag);
/* "tp 1 2 4 8; pp 1 2 4": axes with more than one value. */
void stc_tune_space_text(const struct stc_tune_space *sp, struct stc_text *out);
uint64_t stc_tune_space_hash(const struct stc_tune_space *sp);

/* Digits of a number, and the number of digits. */
void stc_tune_digits(const struct stc_tune_space *sp, uint64_t id,
                     int32_t digit[STC_TA_COUNT]);
uint64_t stc_tune_number(const struct stc_tune_space *sp,
                         const int32_t digit[STC_TA_COUNT]);
uint32_t stc_tune_variant(const struct stc_tune_space *sp,
                          const int32_t digit[STC_TA_COUNT]);

/* Puts the digits' values into `said`; the scenario is not resolved after. */
void stc_tune_say(const struct stc_tune_space *sp, const int32_t digit[STC_TA_COUNT],
                  struct stc_scenario *s);
void stc_tune_say_axis(const struct stc_tune_space *sp, int axis, int32_t v,
                       struct stc_scenario *s);
/* "layout.tp=4 layout.pp=8 …" of the axes that a person may set. */
void stc_tune_keys(const struct stc_tune_space *sp, const int32_t digit[STC_TA_COUNT],
                   const struct stc_layout *l, char *out, size_t size);
const char *stc_tune_axis_name(enum stc_tune_axis x);
/* Value of an axis as a scenario would write it. */
const char *stc_tune_value_text(enum stc_tune_axis x, int32_t v, char *buf,
                                size_t size);
/* Which axis a key names ("layout.tp", "tp"); -1. */
int stc_tune_axis_find(const char *key);

/* ==== one node ==== */

/* A layout that got as far as the fast bound. */
struct stc_tune_leaf {
    uint64_t id;
    double cost;       /* lower bound of the objective */
    double need_bytes; /* memory */
    double step_s;     /* lower bound */
};
/* What a walk tells: every layout is either counted or handed over. */
struct stc_tune_sink {
    void *ctx;
    void (*count)(void *ctx, enum stc_tune_reason r, uint64_t n, double by,
                  const char *example);
    void (*leaf)(void *ctx, const struct stc_tune_leaf *l);
    uint64_t only; /* != 0: this number + 1 alone is looked at (explain) */
};

struct stc_tune_walker; /* scratch of one thread */
STC_MUST_USE enum stc_err stc_tune_walker_make(const struct stc_tune_space *sp,
                                               const struct stc_run_params *p,
                                               struct stc_tune_walker **out);
void stc_tune_walker_free(struct stc_tune_walker *w);
STC_MUST_USE enum stc_err stc_tune_walk(struct stc_tune_walker *w, uint64_t node,
                                        const struct stc_tune_sink *sink,
                                        struct stc_diag *diag);
/* The scenario of a number, resolved as the walk would have it; 0: rejected. */
int stc_tune_scenario(struct stc_tune_walker *w, uint64_t id,
                      const struct stc_scenario **s, uint32_t *variant);
/* Tight bound of the objective. */
STC_MUST_USE enum stc_err stc_tune_tight(struct stc_tune_walker *w, uint64_t id,
                                         double need_bytes, double *cost,
                                         struct stc_diag *diag);
struct stc_tune_sim {
    uint64_t id;
    double cost, step_s, need_bytes;
    int32_t ok; /* 0: refused */
    int32_t n_gpus;
};
/* Simulates; result may be NULL, else it stays until the next call. */
STC_MUST_USE enum stc_err stc_tune_simulate(struct stc_tune_walker *w, uint64_t id,
                                            struct stc_tune_sim *out,
                                            const struct stc_result **result,
                                            struct stc_diag *diag);

/* The objective: lower is better; monotone in step_s and busy_s for equal GPUs.
 * busy_s: seconds the average GPU computes in a step. */
double stc_tune_cost(const struct stc_tune_space *sp, const struct stc_scenario *s,
                     double step_s, double busy_s, double need_bytes);

#endif
