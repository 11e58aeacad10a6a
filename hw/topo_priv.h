/*
 * topo_priv.h - how a topology numbers its links; shared by topo.c (makes
 * them) and route.c (walks them).
 *
 * LAYOUT. Node k owns links [k * block, (k + 1) * block): the same offsets in
 * every node. After the last node come the leaves, each with n_up links up and
 * n_up down, then the pods likewise. An offset of -1 means: no such links.
 */
#ifndef STC_HW_TOPO_PRIV_H
#define STC_HW_TOPO_PRIV_H

#include "hw/topo.h"

/* X(id, class, in, name): kinds of links inside a node, in block order. */
#define STC_NODE_LINK_MAP(X)               \
 X(NVL_OUT, NVLINK, 0, "gpu%d.nvlink.out") \
 X(NVL_IN, NVLINK, 1, "gpu%d.nvlink.in")   \
 X(PCIE_OUT, PCIE, 0, "gpu%d.pcie.out")    \
 X(PCIE_IN, PCIE, 1, "gpu%d.pcie.in")      \
 X(SW_OUT, PCIE, 0, "switch%d.pcie.out")   \
 X(SW_IN, PCIE, 1, "switch%d.pcie.in")     \
 X(SOCK_OUT, CPU, 0, "socket%d.out")       \
 X(SOCK_IN, CPU, 1, "socket%d.in")         \
 X(C2C_OUT, C2C, 0, "gpu%d.c2c.out")       \
 X(C2C_IN, C2C, 1, "gpu%d.c2c.in")         \
 X(SHM_OUT, HOST, 0, "gpu%d.shm.out")      \
 X(SHM_IN, HOST, 1, "gpu%d.shm.in")        \
 X(SHM_BOTH, HOST, 0, "gpu%d.shm.both")    \
 X(NIC_OUT, NIC, 0, "nic%d.out")           \
 X(NIC_IN, NIC, 1, "nic%d.in")             \
 X(MESH, NVLINK, 0, "mesh%d")

enum {
#define STC_NODE_LINK_ROW(id, cls, in, name) NL_##id,
    STC_NODE_LINK_MAP(STC_NODE_LINK_ROW)
#undef STC_NODE_LINK_ROW
        NL_COUNT,
    NL_LEAF_UP = NL_COUNT,
    NL_LEAF_DOWN,
    NL_POD_UP,
    NL_POD_DOWN
};

struct stc_topo {
    struct stc_cluster c;
    struct stc_degrade *degrades; /* own copy */
    int n_gpus_per_node, n_ports, n_switches, n_sockets;
    int offset[NL_COUNT]; /* in a node's block; -1: none */
    int count[NL_COUNT];
    int16_t mesh[STC_NODE_MAX_GPUS]
                [STC_NODE_MAX_GPUS]; /* offset in the block, -1: none */
    uint32_t block;
    bool by_rail;  /* a leaf per port */
    int n_groups;  /* of nodes_per_leaf nodes */
    int n_leaves;  /* groups × ports when by_rail */
    int leaf_n_up; /* parallel links of a leaf: 1 when spread evenly */
    int n_pods, groups_per_pod, pod_n_up;
    uint32_t leaf_base, pod_base;
    struct stc_link *links;
    size_t n_links;
};

/* First link of a leaf's or pod's uplinks; the downlinks follow. */
static inline uint32_t stc_topo_leaf_up(const struct stc_topo *t, int leaf)
{
    return t->leaf_base + (uint32_t)leaf * 2u * (uint32_t)t->leaf_n_up;
}

static inline uint32_t stc_topo_pod_up(const struct stc_topo *t, int pod)
{
    return t->pod_base + (uint32_t)pod * 2u * (uint32_t)t->pod_n_up;
}

#endif
