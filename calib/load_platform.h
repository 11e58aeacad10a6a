/*
 * load_platform.h - named numbers of GPU generations and of stacks as data.
 *
 * THEORY. calib/data/platform.yaml holds, for each generation of GPUs, numbers
 * of struct stc_platform that whole training steps were needed to see: the clock
 * that a long loop sustains in each precision, shares of weight gradients and
 * grouped products. A number that the file does not hold keeps its prior
 * (stc_cost_platform_prior). The file also holds the sigma of what the lowering
 * itself does not know (overlap, habits of stacks), per class of step.
 * calib/data/stacks.yaml holds the fitted numbers of stacks; models/stack.c reads
 * it. calib/data/loso.csv holds the error of every source of the table, as fitted
 * and with the source left out of the fit. All three are written by
 * stc_fit_steps (sim/study/fit_platform.h).
 *
 * ERRORS. An unknown generation or name, or a value out of bounds: a sentence
 * with file and line.
 */
#ifndef STC_CALIB_LOAD_PLATFORM_H
#define STC_CALIB_LOAD_PLATFORM_H

#include <stddef.h>

#include "kernels/cost_params.h"
#include "sim/base/arena.h"
#include "sim/base/doc.h"
#include "sim/base/err.h"
#include "sim/base/text.h"

struct stc_platform_par {
    const char *name;
    size_t offset; /* in struct stc_platform; a double */
    double low, high;
    double spread; /* of log value around the prior: how far a fit may wander
                    * before it costs; 0: data, not fitted */
    const char *meaning;
};
extern const struct stc_platform_par stc_platform_pars[];
extern const int stc_n_platform_pars;

static inline double *stc_platform_at(struct stc_platform *p,
                                      const struct stc_platform_par *r)
{
    return (double *)(void *)((char *)p + r->offset);
}

/* Overwrites the numbers that the document holds. */
STC_MUST_USE enum stc_err stc_platform_read(const struct stc_node *root,
                                            struct stc_cost *c, struct stc_diag *diag);
/* The file that travels in the library, if there is one. */
STC_MUST_USE enum stc_err stc_platform_load(struct stc_arena *a, struct stc_cost *c,
                                            struct stc_diag *diag);
/* What stc_platform_read reads back: numbers that differ from `prior`, and all
 * fitted ones. rows[g]: measured steps of each generation. */
void stc_platform_write(const struct stc_cost *c, const int rows[STC_GEN_COUNT],
                        struct stc_text *out);

/* ==== loso.csv ==== */

struct stc_loso_row {
    char quantity[24]; /* "step_time", "memory" */
    char source[128];
    int n;
    double error, left_out_error; /* fractions */
};
/* The rows that travel in the library; none is no error. */
STC_MUST_USE enum stc_err stc_loso_load(struct stc_arena *a, struct stc_loso_row **out,
                                        int *n, struct stc_diag *diag);

#endif
