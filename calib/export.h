/*
 * export.h - the store as a folder of CSVs, in truth/micro's forms.
 *
 * The fits read such a folder. for_fit leaves out what a table's columns cannot
 * say and the fits must not take for something else: products with another
 * storage order, batches, steady runs (they go to gemm_torch.csv), in-place
 * collectives, collectives whose nodes are not known.
 */
#ifndef STC_CALIB_EXPORT_H
#define STC_CALIB_EXPORT_H

#include "calib/store.h"

/* Writes FOLDER/<file> of every form with rows; form NULL: all; gpu NULL: all.
 * The folder must exist. *n_rows (may be NULL) counts lines. */
STC_MUST_USE enum stc_err stc_store_export(struct stc_store *s, const char *folder,
                                           const char *form, const char *gpu,
                                           bool for_fit, int64_t *n_rows,
                                           struct stc_diag *diag);

#endif
