/*
 * classes.h - folding in space: which ranks, communicators and links cannot be
 * told apart.
 *
 * THEORY. Colour refinement (Weisfeiler-Leman of dimension 1) on the graph of
 * ranks, communicators and links: a node's colour becomes a hash of its own and
 * of the multiset of its neighbours' colours, edges labelled with the member's
 * role or the link's coefficient, until the number of colours no longer grows.
 * The partition is equitable, so the quotient has the same max-min shares and
 * the same history: one rank of each class stands for all (Grohe et al. 2014,
 * "Dimension reduction via colour refinement").
 *
 * OWNERSHIP. All in the arena.
 * COST. O(edges) a round, a handful of rounds.
 */
#ifndef STC_RUN_CLASSES_H
#define STC_RUN_CLASSES_H

#include <stdint.h>

#include "sim/base/arena.h"
#include "sim/base/err.h"
#include "sim/run/place.h"

struct stc_member {
    int32_t rank;
    uint32_t role;
};

struct stc_graph {
    int32_t n_ranks, n_comms, n_links;
    uint64_t *rank_colour, *comm_colour, *link_colour; /* initial; overwritten */
    const int32_t *member_off;                         /* [n_comms + 1] */
    const struct stc_member *member;
    const int32_t *use_off; /* [n_comms + 1] */
    const struct stc_link_use *use;
};

struct stc_partition {
    int32_t n_ranks, n_comms, n_links;             /* classes */
    int32_t *rank_class, *comm_class, *link_class; /* of each */
    int32_t *rank_rep, *comm_rep, *link_rep;       /* first of each class */
    int32_t *rank_size, *comm_size, *link_size;
};

/* fold 0: every one its own class. */
STC_MUST_USE enum stc_err stc_classes(struct stc_arena *a, struct stc_graph *g,
                                      int fold, struct stc_partition *out);

#endif
