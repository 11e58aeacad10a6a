/* sweep_int.h - private to sim/study/sweep*.c: the results file. */
#ifndef STC_STUDY_SWEEP_INT_H
#define STC_STUDY_SWEEP_INT_H

#include "sim/base/db.h"
#include "sim/study/sweep.h"

STC_MUST_USE enum stc_err stc_sweep_open(struct stc_db **db, const char *path,
                                         enum stc_db_mode mode, struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_sweep_put_meta(struct stc_db *db, const char *key,
                                             const char *value, struct stc_diag *diag);
/* "" when it is not there. */
STC_MUST_USE enum stc_err stc_sweep_get_meta(struct stc_db *db, const char *key,
                                             char *out, size_t size,
                                             struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_sweep_put_row(struct stc_db *db,
                                            const struct stc_sweep_row *r, int n_axes,
                                            struct stc_diag *diag);
void stc_sweep_curves(struct stc_sweep_table *t);

#endif
