/*
 * explain.h - why the cost model says what it says of one question.
 *
 * THEORY. An estimate is physics / efficiency × residual (kernels/cost.h). Here
 * each layer is laid open: what arithmetic and memory alone would take, which
 * fit gave the efficiencies and what each named number of it costs (the estimate
 * again with that number at its best bound), what the residual added, and the
 * measurements nearest to the question with the model's own error on them. Of a
 * collective: every algorithm and protocol that was weighed.
 *
 * OWNERSHIP. Texts and arrays live in the arena; the fit belongs to the
 * parameters.
 *
 * COST. Microseconds; with `folder` as long as its tables take to read (0.5 s).
 */
#ifndef STC_STUDY_EXPLAIN_H
#define STC_STUDY_EXPLAIN_H

#include "kernels/cost_params.h"
#include "sim/base/arena.h"
#include "sim/study/query.h"

enum { STC_EXPLAIN_NEAR = 5 };

struct stc_explain_term { /* a named number of the fit */
    const char *name;
    double value;
    double cost_s; /* estimate less the estimate with this number at its best */
};

struct stc_explain_near { /* a measurement */
    const char *what;     /* its shape, as keys */
    int row;              /* in its table, from 1 */
    double measured_s, ours_s;
    double distance; /* octaves; another GPU counts 4 more */
};

struct stc_explain {
    struct stc_query q; /* resolved */
    struct stc_query_answer a;
    double math_s;             /* FLOP at the peak rate alone; 0: no arithmetic */
    double memory_s;           /* bytes at the memory's rate alone */
    double peak_flop_per_s;    /* of the number format; 0: none */
    const struct stc_fit *fit; /* NULL: a family without fits */
    bool exact;                /* the fit is of this GPU and format */
    int n_terms;
    struct stc_explain_term terms[STC_PAR_MAX]; /* dearest first */
    int n_near, n_rows; /* rows: measurements of this family at hand */
    struct stc_explain_near near[STC_EXPLAIN_NEAR];
    int n_candidates;
    struct stc_coll_candidate candidates[STC_COLL_CANDIDATES];
};

/* q: set, not necessarily resolved. folder: measured tables (truth/, or its
 * micro/); NULL or without tables: no nearest measurements. */
STC_MUST_USE enum stc_err stc_explain_query(struct stc_arena *a,
                                            const struct stc_query *q,
                                            const struct stc_hw *hw,
                                            const struct stc_run_params *p,
                                            const char *folder, struct stc_explain *out,
                                            struct stc_diag *diag);

#endif
