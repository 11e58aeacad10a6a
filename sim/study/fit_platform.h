/*
 * fit_platform.h - named numbers of GPU generations and stacks from whole steps.
 *
 * THEORY. A row of the table has one GPU and one stack. Numbers of a generation
 * (clock sustained in each precision) and of a stack (host seconds a launch and a
 * step, the framework's bytes, allocator slack) are sought that minimise the sum
 * over sources of their mean absolute percentage error, plus a weak pull to each
 * prior: pull × (log(x / prior) / spread)². No number belongs to a row or to a
 * source: a stack's is sought only where two sources tell it, for with one it
 * would be that source's constant under another name. Times and memory depend on different numbers, so one search serves both.
 *
 * SCAN. A step costs about a millisecond, a search needs millions. So each row is
 * simulated once for every number and node, the others at the centre, and the
 * search reads the sum of the differences: seconds spent in fp8 products, in
 * 16-bit products and in the host add up. Where they do not quite (a host that
 * hides behind the GPU), the next round scans around the new centre. What the
 * rows leave open (micro-batch, recompute) is settled anew at each centre.
 *
 * LEFT OUT. For each source the same search is done without its rows, from the
 * priors; its rows are then settled and simulated with what came out. That is the
 * twin printed beside each error, and from its residuals come the sigmas: of each
 * class of steps such that 90 % of left-out rows lie inside the interval.
 *
 * ORDER. The start is always the priors, so that a second run finds the same.
 *
 * COST. About (numbers × nodes × rounds) passes over the table: minutes.
 */
#ifndef STC_STUDY_FIT_PLATFORM_H
#define STC_STUDY_FIT_PLATFORM_H

#include "kernels/cost_params.h"
#include "models/stack.h"
#include "sim/base/arena.h"
#include "sim/base/text.h"
#include "sim/run/step.h"

struct stc_stepfit_opts {
    double pull;                                        /* 0: the default */
    int rounds;                                         /* 0: the default */
    int least_sources;                                  /* 0: the default */
    int n_threads;                                      /* 0: as OpenMP likes */
    void (*progress)(void *ctx, long done, long total); /* may be NULL */
    void *ctx;
};

struct stc_stepfit_source {
    const char *name;
    int n[2];                                /* rows with a time, with a memory */
    double prior[2], fitted[2], left_out[2]; /* errors */
};

struct stc_stepfit_stack {
    char name[64];
    int n[2], n_sources[2];
    double prior[STC_STACK_FITTED], value[STC_STACK_FITTED];
    int touched[STC_STACK_FITTED]; /* some row tells its value */
    int sought[STC_STACK_FITTED];  /* and enough sources do */
};

struct stc_stepfit {
    struct stc_cost *cost; /* with the fitted numbers and sigmas */
    int gen_rows[STC_GEN_COUNT];
    int gen_sources[STC_GEN_COUNT];
    int n_sources, n_stacks;
    struct stc_stepfit_source *sources;
    struct stc_stepfit_stack *stacks;
    double prior_score[2], score[2], left_out_score[2]; /* times, memory */
    int class_rows[STC_LOWERING_COUNT];
    double class_inside[STC_LOWERING_COUNT]; /* share of left-out rows inside */
    double inside;
    long n_steps; /* simulated */
    double pull;
};

STC_MUST_USE enum stc_err stc_stepfit_run(struct stc_arena *a, const char *csv_path,
                                          const struct stc_run_params *p,
                                          const struct stc_stepfit_opts *o,
                                          struct stc_stepfit *out,
                                          struct stc_diag *diag);

/* What was found, as text. */
void stc_stepfit_report(const struct stc_stepfit *f, struct stc_text *out);
/* calib/data/stacks.yaml and calib/data/loso.csv (platform.yaml:
 * stc_platform_write of calib/load_platform.h). */
void stc_stepfit_stacks_yaml(const struct stc_stepfit *f, struct stc_text *out);
void stc_stepfit_loso_csv(const struct stc_stepfit *f, struct stc_text *out);

#endif
