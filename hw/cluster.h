/*
 * cluster.h - the machine a scenario runs on: one kind of node, a count, a
 * fabric.
 *
 * A cluster holds copies of its rows, so that a scenario may change a figure
 * without touching the catalogue; `struct stc_cluster_ask` says what a person
 * stated (0 or NULL: not stated) and stc_cluster_resolve fills the rest with
 * "the usual one of that GPU's reference cluster".
 *
 * GPUs are numbered node by node: GPU g is slot g % gpus_per_node of node
 * g / gpus_per_node, as launchers number ranks.
 */
#ifndef STC_HW_CLUSTER_H
#define STC_HW_CLUSTER_H

#include "hw/fabric.h"
#include "hw/gpu.h"
#include "hw/node.h"
#include "sim/base/err.h"

#include <stddef.h>

struct stc_hw; /* hw/catalogue.h */

enum stc_degrade_kind {
    STC_DEGRADE_COMPUTE, /* arithmetic and memory of a GPU run at factor */
    STC_DEGRADE_NVLINK,
    STC_DEGRADE_PCIE,
    STC_DEGRADE_NIC
};

/* A part that runs below its specification: a straggler, a lame link. */
struct stc_degrade {
    enum stc_degrade_kind kind;
    int node;      /* >= 0 */
    int gpu;       /* slot in the node (NIC: port); -1: all of the node */
    double factor; /* (0, 1] */
};

struct stc_cluster {
    char name[64];
    struct stc_gpu gpu;
    struct stc_hw_node node;  /* n_gpus, n_nics, nic_Bps as used here */
    struct stc_fabric fabric; /* link_Bps = node.nic_Bps after resolving */
    int n_nodes;
    bool p2p; /* peer access between GPUs of a node; off: staged in host memory */
    bool pxn; /* NCCL's PXN: leave by the NIC of the receiver's rail over NVLink */
    const struct stc_degrade *degrades; /* borrowed */
    size_t n_degrades;
};

struct stc_cluster_ask {
    const char *use;     /* node row, "dgx-a100-80gb" */
    const char *gpu;     /* or only the GPU */
    const char *fabric;  /* fabric row ("ib-hdr") or a technology ("ib") */
    int n_nodes, n_gpus; /* one of them; both must agree */
    int gpus_per_node;
    int nics_per_node;
    double nic_Bps;
    int nvlink_domain_gpus; /* 72 for NVL72 */
};

/* Fills *out, or leaves it untouched and says what is wrong: unknown names
 * with near ones, counts that do not divide. */
STC_MUST_USE enum stc_err stc_cluster_resolve(const struct stc_hw *hw,
                                              const struct stc_cluster_ask *ask,
                                              struct stc_cluster *out,
                                              struct stc_diag *diag);

/* The reference cluster of a GPU: its usual node (with gpus_per_node GPUs when
 * > 0) and fabric, for n_gpus GPUs. */
STC_MUST_USE enum stc_err stc_cluster_default_for_gpu(const struct stc_hw *hw,
                                                      const char *gpu,
                                                      int gpus_per_node, int n_gpus,
                                                      struct stc_cluster *out,
                                                      struct stc_diag *diag);

/* Checks a cluster after fields were changed by hand (ranges, mesh symmetry)
 * and recomputes what follows from them (n_sockets, rates left at 0). */
STC_MUST_USE enum stc_err stc_cluster_finish(struct stc_cluster *c,
                                             struct stc_diag *diag);

static inline int stc_cluster_n_gpus(const struct stc_cluster *c)
{
    return c->n_nodes * c->node.n_gpus;
}

/* Product of the degradations of that kind that hit GPU g (1 when none). */
double stc_cluster_factor(const struct stc_cluster *c, enum stc_degrade_kind kind,
                          int node, int gpu);

/* Usable rates, one direction: line rate × efficiency. */
double stc_cluster_nic_Bps(
    const struct stc_cluster *c); /* of one port (bundle of NICs) */
double stc_cluster_node_Bps(const struct stc_cluster *c); /* all NICs of a node */
double stc_cluster_nvlink_Bps(const struct stc_cluster *c);
double stc_cluster_host_Bps(
    const struct stc_cluster *c); /* GPU <-> host memory copies */

/* GPUs that share one NVLink domain: gpus_per_node, or 72. */
int stc_cluster_nvlink_domain_gpus(const struct stc_cluster *c);

#endif
