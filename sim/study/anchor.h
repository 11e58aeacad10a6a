/*
 * anchor.h - how far a forecast is from a run, and which one term would explain
 * it.
 *
 * THEORY. A run's log gives its step time (or a rate, which is a step time once
 * the tokens of a step are known). For each named term of the cost model - the
 * rate of products, of attention, of memory-bound kernels, of collectives in a
 * node and between nodes, of send and receive, the host's time per launch and per
 * step - the step is simulated again with that term alone changed, and the factor
 * that makes forecast and run agree is found by bisection in the logarithm (the
 * step never gets slower when a term gets faster). A term is *plausible* when its
 * factor lies within three times the model's own uncertainty of that family, or
 * within a factor of three for host times, which differ most between machines.
 * Plausible terms come first, the one that needs the least (in units of its
 * uncertainty) leading. One run cannot tell two terms apart that act alike.
 *
 * COST. Some twenty simulations a term.
 *
 * ERRORS. As stc_step_run. A log without any rate is STC_ERR_RANGE.
 */
#ifndef STC_STUDY_ANCHOR_H
#define STC_STUDY_ANCHOR_H

#include <stdbool.h>

#include "calib/store.h"
#include "sim/run/step.h"

enum stc_anchor_term {
    STC_ANCHOR_GEMM,
    STC_ANCHOR_ATTENTION,
    STC_ANCHOR_MEMBOUND,
    STC_ANCHOR_COLL_NODE,
    STC_ANCHOR_COLL_NET,
    STC_ANCHOR_P2P,
    STC_ANCHOR_HOST_LAUNCH,
    STC_ANCHOR_HOST_STEP,
    STC_ANCHOR_COUNT
};

struct stc_anchor_line {
    enum stc_anchor_term term;
    const char *key, *title;
    bool possible; /* some factor brings forecast and run together */
    bool plausible;
    bool is_rate;   /* factor multiplies a rate; else seconds */
    double factor;  /* the term must be this times what the model says */
    double seconds; /* host terms: the value that would be needed */
    double score;   /* |log factor| / uncertainty of the term */
};

struct stc_anchor_report {
    double measured_s, forecast_s, lo90_s, hi90_s;
    bool derived; /* the step time follows from a printed rate */
    bool inside;  /* the run lies inside the forecast's interval */
    double measured_bytes, forecast_bytes;         /* memory; NaN: not printed */
    struct stc_anchor_line line[STC_ANCHOR_COUNT]; /* best first */
    int n_plausible;
};

/* s is resolved. */
STC_MUST_USE enum stc_err stc_anchor_explain(const struct stc_scenario *s,
                                             const struct stc_run_params *p,
                                             const struct stc_anchor *run,
                                             struct stc_anchor_report *out,
                                             struct stc_diag *diag);

#endif
