/*
 * load_coll.h - the parameters of the collectives as text, and back.
 *
 * calib/data/fits_coll.yaml is written by the fit (calib/fit_coll.h) and read
 * here; it travels inside the library. What the file does not name keeps its
 * prior, and generations without rows are transferred from those with.
 *
 * FORM. generations: {hopper: {clock, rows, base_s, …}}, fabrics: {ib: {…}},
 * libraries: {trtllm: {hopper: {…, max_bytes: [2, 4, 8 ranks]}}},
 * sigma_log: {coll_nvlink: [measured, interpolated, transferred, prior]},
 * residuals: a list of series, `log_permille` being 1000 ln(measured / formula)
 * at 2^8, 2^8.5, … bytes.
 *
 * ERRORS. Unknown keys, generations and fabrics, wrong counts and numbers out
 * of range are refused with file and line; *out is then untouched.
 */
#ifndef STC_CALIB_LOAD_COLL_H
#define STC_CALIB_LOAD_COLL_H

#include "kernels/coll_params.h"
#include "sim/base/doc.h"
#include "sim/base/text.h"

#define STC_COLL_FITS_PATH "calib/data/fits_coll.yaml"

/* The shipped parameters. */
STC_MUST_USE enum stc_err stc_load_coll(struct stc_coll_params *out,
                                        struct stc_diag *diag);
/* From any document of that form. */
STC_MUST_USE enum stc_err stc_load_coll_doc(const struct stc_node *root,
                                            struct stc_coll_params *out,
                                            struct stc_diag *diag);
/* The shipped parameters with those of DIR/fits_coll.yaml over them: a generation,
 * fabric or library that the file measured replaces the shipped one, a residual the
 * series of the same name; sigmas are the file's. No such file: as shipped. */
STC_MUST_USE enum stc_err stc_load_coll_over(const char *dir,
                                             struct stc_coll_params *out,
                                             struct stc_diag *diag);
uint64_t stc_coll_hash(const struct stc_coll_params *p);
/* The same as text; reading it back gives the same parameters. */
void stc_coll_params_write(const struct stc_coll_params *p, struct stc_text *out);
/* What writing and reading does to the numbers (6 digits, permille): apply it
 * after a fit to get exactly what the file will say. */
STC_MUST_USE enum stc_err stc_coll_params_round(struct stc_arena *a,
                                                struct stc_coll_params *p,
                                                struct stc_diag *diag);

#endif
