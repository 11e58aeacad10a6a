/*
 * residual.h - what measurements said beyond physics × efficiency.
 *
 * THEORY. log(measured / model) is a function of the query's features (the
 * log2 sizes, and what the model chose: tile, waves, which bound). It is held
 * as a sum of small symmetric decision trees, each of `depth` questions
 * "feature > threshold" whose answers form the index of a leaf (Friedman,
 * "Greedy function approximation", 2001; symmetric trees: Prokhorenkova et al.,
 * "CatBoost", arXiv:1706.09516). Trees were grown so that leaves with few rows
 * say little, and are always scored on rows that they did not see.
 *
 * FADING. Outside the measured range of an axis the sum is multiplied by
 * 1 / (1 + d²), d the distance to the range in octaves, all axes together: far
 * from every measurement the residual is 1.
 *
 * SEEN. A set of shape hashes says whether this very shape was measured.
 *
 * OWNERSHIP. All arrays belong to the loader's arena.
 *
 * COST. n_trees × depth comparisons: about 0.4 us for 110 trees of depth 8. Every tree's leaf
 * is a line of memory of its own: all are asked for before the first is added, so
 * that a query whose parameters left the caches waits for memory once, not per tree.
 */
#ifndef STC_KERNELS_RESIDUAL_H
#define STC_KERNELS_RESIDUAL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/cost_params.h"

struct stc_residual {
    int n_feats, n_axes; /* the first n_axes features are the shape's sizes */
    int n_trees, depth;
    const uint8_t *feat;                      /* [n_trees * depth] */
    const float *threshold;                   /* [n_trees * depth] */
    const float *leaf;                        /* [n_trees << depth], log seconds */
    float lo[STC_FEAT_MAX], hi[STC_FEAT_MAX]; /* measured range of the axes */
    uint32_t n_seen;      /* slots of the table, a power of two; 0: none */
    const uint64_t *seen; /* open addressing; 0 is an empty slot */
    const struct stc_evidence *evidence; /* kernels/evidence.h; NULL: not kept */
};

struct stc_residual_hit {
    double log_factor; /* add to log seconds */
    double distance;   /* octaves outside the measured range; 0 inside */
    bool seen;         /* this very shape was measured */
};

void stc_residual_at(const struct stc_residual *r, const float *feat,
                     struct stc_residual_hit *hit);

/* Asks the memory for the trees' questions: they arrive while physics is computed. */
void stc_residual_ahead(const struct stc_residual *r);

/* Hash of the axes (never 0), equal for equal shapes. */
uint64_t stc_residual_hash(const float *feat, int n_axes);

#endif
