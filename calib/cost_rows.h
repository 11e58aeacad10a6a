/*
 * cost_rows.h - measured kernels as queries of the cost model.
 *
 * THEORY. A row of truth's micro tables is a query of one family on one GPU
 * plus the seconds it took. Rows that state too little (no head count) are left
 * out. `id` is the row's number in its file, from 1, as `validate` counts.
 *
 * OWNERSHIP. All arrays in the arena given; GPUs point into hw or, where that is
 * NULL, into the shipped catalogue, loaded into the same arena.
 */
#ifndef STC_CALIB_COST_ROWS_H
#define STC_CALIB_COST_ROWS_H

#include "kernels/cost_params.h"
#include "sim/base/arena.h"
#include "sim/base/err.h"

struct stc_hw;
struct stc_cost_row {
    const struct stc_gpu *gpu;
    uint8_t family;  /* enum stc_family */
    uint8_t variant; /* enum stc_dtype: as struct stc_fit */
    int32_t id;
    double seconds;
    union {
        struct stc_gemm_q gemm;
        struct stc_attn_q attn;
        struct stc_moe_q moe;
    } q;
};

struct stc_cost_rows {
    int n, cap;
    struct stc_cost_row *v;
};

/* Reads gemm.csv, attention_{prefill,decode,train}.csv and moe.csv of FOLDER/micro
 * (else of FOLDER itself); a file that is not there is left out, all absent is
 * an error. Rows come sorted by (family, GPU name, variant, file order). */
STC_MUST_USE enum stc_err stc_cost_rows_read(struct stc_arena *a,
                                             const struct stc_hw *hw,
                                             const char *folder,
                                             struct stc_cost_rows *out,
                                             struct stc_diag *diag);
/* gemm_torch.csv alone: products timed inside a model. */
STC_MUST_USE enum stc_err stc_cost_rows_torch(struct stc_arena *a,
                                              const struct stc_hw *hw,
                                              const char *folder,
                                              struct stc_cost_rows *out,
                                              struct stc_diag *diag);

/* What physics × the efficiencies v says of a row. */
void stc_cost_row_terms(const struct stc_cost_row *r, const double *v,
                        struct stc_terms *t);
/* Features and axes of a family's residual. */
int stc_cost_n_feats(enum stc_family f, int *n_axes);

#endif
