/*
 * place.h - ranks of a layout on GPUs of a cluster, and what a group of ranks
 * looks like to a collective.
 *
 * THEORY. Rank r runs on GPU r: launchers number ranks node by node, and the
 * layout's rank order decides which groups stay inside a node and which stride
 * over nodes (Megatron-LM: tp innermost, pp outermost).
 */
#ifndef STC_RUN_PLACE_H
#define STC_RUN_PLACE_H

#include "hw/topo.h"
#include "kernels/coll.h"
#include "models/layout.h"

struct stc_place {
    const struct stc_cluster *cluster;
    const struct stc_topo *topo;
    const struct stc_layout *layout;
    int32_t n_ranks;
};

/* The shape of a group, as the collective model wants it; nic_share is 1. */
void stc_place_shape(const struct stc_place *p, const struct stc_group *g,
                     struct stc_group_shape *out);
/* The same for the two ends of a pipeline hop. */
void stc_place_pair_shape(const struct stc_place *p, int32_t src, int32_t dst,
                          struct stc_group_shape *out);

/* Links that one ring over the group's nodes loads, per unit of "bytes through
 * the busiest NIC": fills up to cap (link, coefficient) pairs, returns how many
 * there are (a link may come twice). 0 for a group inside one NVLink domain. */
struct stc_link_use {
    uint32_t link;
    double coef;
};
int32_t stc_place_ring_uses(const struct stc_place *p, const struct stc_group *g,
                            struct stc_link_use *out, int32_t cap);

#endif
