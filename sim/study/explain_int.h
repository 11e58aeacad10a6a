/* explain_int.h - private to explain: the measurements nearest to a question. */
#ifndef STC_STUDY_EXPLAIN_INT_H
#define STC_STUDY_EXPLAIN_INT_H

#include "sim/study/explain.h"

/* Fills e->near from the tables of the folder. Absent tables: none. */
STC_MUST_USE enum stc_err stc_explain_find_near(
    struct stc_arena *a, const struct stc_hw *hw, const struct stc_run_params *p,
    const char *folder, struct stc_explain *e, struct stc_diag *diag);

#endif
