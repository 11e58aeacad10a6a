/*
 * fit_trees.h - grows the residual: boosted symmetric trees.
 *
 * THEORY. Gradient boosting (Friedman 2001): each tree is grown on what the
 * trees before it left, and a share `rate` of it is added. A symmetric tree
 * asks one question per level for all its nodes (arXiv:1706.09516); the best
 * question is the one that most raises the sum over leaves of G²/(n + lambda),
 * G the sum of gradients in a leaf. The gradient is the error clipped to
 * ±corner (Huber's loss), so that a row which a vendor's autotuner spoiled does
 * not pull its neighbours. Rows are sampled per tree, without replacement.
 *
 * Leaves are rounded to 1e-4 as they are grown, so that the text form in
 * calib/data/residual_*.csv is exact and later trees make good the rounding.
 *
 * COST. O(trees × depth × rows × features); 4,000 rows, 16 features, 200 trees
 * of depth 6: about 0.2 s. Deterministic for a seed.
 */
#ifndef STC_CALIB_FIT_TREES_H
#define STC_CALIB_FIT_TREES_H

#include "kernels/residual.h"
#include "sim/base/arena.h"
#include "sim/base/err.h"

struct stc_trees_opt {
    int n_trees, depth; /* depth at most 8 */
    double rate, lambda, corner;
    double row_share; /* of the rows, per tree */
    uint64_t seed;
};
extern const struct stc_trees_opt stc_trees_default;

/* Rows are n × STC_FEAT_MAX floats, of which n_feats count. The trees, the
 * range of the axes (and no `seen`) are put into *out, in the arena. */
STC_MUST_USE enum stc_err stc_trees_grow(struct stc_arena *a,
                                         const struct stc_trees_opt *opt,
                                         const float *feat, const double *y, int n,
                                         int n_feats, int n_axes,
                                         struct stc_residual *out,
                                         struct stc_diag *diag);

#endif
