/*
 * load_cost.h - the shipped parameters as a struct stc_cost.
 *
 * THEORY. calib/data/fits.yaml holds the named efficiencies, the files
 * residual_FAMILY.csv beside it the residuals. Platforms start from the priors
 * of kernels/cost_params.h; calib/data/platform.yaml overwrites what it holds
 * (calib/load_platform.h). A fit whose family, variant or value is unknown is
 * an error that names the line: parameters are never guessed.
 *
 * A USER'S FOLDER (stc_cost_load_over) is laid over the shipped parameters, fit by
 * fit: what it does not measure stays as shipped, so that a few measurements of
 * one GPU cannot spoil another family. Its pooled fits ("any") only serve where
 * the shipped ones have none: they know fewer GPUs.
 *
 * OWNERSHIP. Everything lives in the arena; the result is immutable and may be
 * shared by threads.
 *
 * COST. About 10 ms for the shipped files.
 */
#ifndef STC_CALIB_LOAD_COST_H
#define STC_CALIB_LOAD_COST_H

#include "kernels/cost_params.h"
#include "sim/base/arena.h"
#include "sim/base/err.h"

/* The files that travel inside the library. */
STC_MUST_USE enum stc_err stc_cost_load(struct stc_arena *a, struct stc_cost **out,
                                        struct stc_diag *diag);

/* The files of a folder (as stc_fit_write leaves them). */
STC_MUST_USE enum stc_err stc_cost_load_dir(struct stc_arena *a, const char *dir,
                                            struct stc_cost **out,
                                            struct stc_diag *diag);

/* The shipped parameters with those of a folder over them: fits.yaml and its
 * residuals, platform.yaml; each may be absent. */
STC_MUST_USE enum stc_err stc_cost_load_over(struct stc_arena *a, const char *dir,
                                             struct stc_cost **out,
                                             struct stc_diag *diag);

/* Of every number that a forecast can depend on. */
uint64_t stc_cost_hash(const struct stc_cost *c);

#endif
