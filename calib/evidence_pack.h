/*
 * evidence_pack.h - the measured shapes of a residual, made, packed and unpacked.
 *
 * FORM in residual_FAMILY.csv. "axis" rows list the values of an axis as the
 * feature holds them; "rows" rows hold up to 4,000 measurements each, every one
 * n_axes characters (index of its value on each axis), two of the measured time
 * (log2 seconds from -24, in 1/340 octave), two of the distance of its row number
 * to the one before. Digits are base 91: '#' to '~' without the comma.
 */
#ifndef STC_CALIB_EVIDENCE_PACK_H
#define STC_CALIB_EVIDENCE_PACK_H

#include <stdio.h>

#include "kernels/evidence.h"
#include "kernels/residual.h"
#include "sim/base/arena.h"
#include "sim/base/err.h"
#include "sim/base/text.h"

enum { STC_EVIDENCE_CHUNK = 4000 };

/* From the features of n rows (n × STC_FEAT_MAX floats) to r->evidence and
 * r->seen. An axis of more than 91 values leaves both out: nothing fails. */
STC_MUST_USE enum stc_err stc_evidence_make(struct stc_arena *a, const float *feat,
                                            const double *seconds, const int32_t *id,
                                            int n, struct stc_residual *r,
                                            struct stc_diag *diag);

/* `prefix` is "GPU,VARIANT". */
void stc_evidence_write(FILE *f, const char *prefix, const struct stc_evidence *e);

/* One "axis" or "rows" row while reading; stc_evidence_done fills r->seen. */
STC_MUST_USE enum stc_err stc_evidence_axis(struct stc_arena *a, struct stc_residual *r,
                                            int axis, const char *text,
                                            struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_evidence_rows(struct stc_arena *a, struct stc_residual *r,
                                            const char *text, struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_evidence_done(struct stc_arena *a, struct stc_residual *r,
                                            struct stc_diag *diag);

#endif
