/*
 * coll_consts.h - NCCL's own constants, as facts; never fitted.
 *
 * Source: NVIDIA/nccl, src/graph/tuning.cc of 2.18 to 2.28 (BSD-3-Clause): the
 * tables llMaxBws, perChMaxRingLL128Bws, hwLat, baseLat, getNetOverhead and the
 * protocol factors beside them. GB/s there are 1e9 B/s; rows are Volta, Ampere,
 * Hopper, Blackwell; columns one, two, more nodes.
 */
#ifndef STC_KERNELS_COLL_CONSTS_H
#define STC_KERNELS_COLL_CONSTS_H

#include "hw/gpu.h"

/* Most that LL moves, bus bandwidth of the group. */
static const double stc_nccl_ll_max_Bps[4][3] = {
    {39.0e9, 39.0e9, 20.4e9},
    {87.7e9, 22.5e9, 19.0e9},
    {141.0e9, 45.0e9, 35.0e9},
    {282.0e9, 90.0e9, 70.0e9},
};
/* Most that one channel (one CTA) moves under LL128, and about what a CTA
 * copies at all: a cap when the user limits CTAs. */
static const double stc_nccl_channel_Bps[4] = {20.0e9, 20.0e9, 36.7e9, 73.4e9};
/* Channels of a large message: NVLink graph search of DGX-1/2, A100, H100, B200. */
static const double stc_nccl_channels[4] = {12.0, 24.0, 24.0, 32.0};

#define STC_NCCL_LL_SHARE        (1.0 / 4.0) /* LL: 4 bytes of data with 4 of flag, and more */
#define STC_NCCL_LL128_SHARE     (120.0 / 128.0) /* LL128: 120 of 128 bytes are data */
#define STC_NCCL_TREE_SHARE      0.92            /* tree against ring, links */
#define STC_NCCL_TREE_NODE_SHARE 0.85            /* the tree pattern inside one node */
#define STC_NCCL_PAT_SHARE       0.75
#define STC_NCCL_COLLNET_SHARE   0.85
#define STC_NCCL_COLLNET_HOP_S   31e-6 /* NET hop of CollnetDirect */

/* GPU pairs that talk over PCIe or through host memory: hop per protocol, and
 * launch per protocol (LL, LL128, Simple). */
static const double stc_nccl_pci_hop_s[3] = {1.0e-6, 2.5e-6, 5.7e-6};
static const double stc_nccl_pci_base_s[3] = {6.6e-6, 14.0e-6, 8.4e-6};

/* Posting one network operation: 1 us on Intel hosts, 2 on AMD; three of them
 * under Simple. */
#define STC_NCCL_NET_POST_S 1.0e-6

static inline int stc_nccl_row(enum stc_gen g)
{
    return g <= STC_GEN_TURING      ? 0
           : g <= STC_GEN_ADA       ? 1
           : g == STC_GEN_BLACKWELL ? 3
                                    : 2;
}

#endif
