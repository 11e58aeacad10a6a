/*
 * overlap.h - what compute and communication lose when they share a GPU.
 *
 * THEORY. A collective holds one thread block per channel, each on an SM of its
 * own, and moves its bytes through HBM. A product beside it keeps the other
 * SMs: rate = 1 - held/SMs, times what the memory system's share takes from it.
 * Classes of communication: 0 inside the node, 1 between nodes, 2 pipeline
 * send/recv.
 *
 * SOURCES. Channels: NCCL's defaults by link (kernels/COLLECTIVES.md). Measured
 * slowdowns of products beside NCCL on A100 and H100 are 5 to 20 % (Rashidi et
 * al. 2007.00156; Agrawal et al., T3, 2401.16677; Wang et al., Domino,
 * 2409.15241); the suite `overlap` of kernels/cuda measures them here.
 *
 * UNITS. Rates in (0, 1]: share of the speed alone.
 */
#ifndef STC_KERNELS_OVERLAP_H
#define STC_KERNELS_OVERLAP_H

#include "kernels/coll.h"

enum { STC_OVERLAP_INTRA, STC_OVERLAP_NET, STC_OVERLAP_P2P, STC_OVERLAP_CLASSES };

/* Speed of compute while communication of one class runs beside it. */
double stc_overlap_rate(enum stc_gen gen, int comm_class);
/* While all classes of the bit mask do. */
double stc_overlap_mask_rate(enum stc_gen gen, int mask);
/* Speed of a product while a collective over this group runs beside it. */
double stc_overlap_work_rate(enum stc_gen gen, const struct stc_group_shape *g);

#endif
