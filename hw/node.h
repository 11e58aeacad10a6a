/*
 * node.h - one machine: which GPUs, how they reach each other, the host and the
 * NICs.
 *
 * THEORY. Four ways a node joins its GPUs:
 *   NVSWITCH      every GPU reaches every other at its full NVLink rate;
 *   NVLINK_MESH   links run between fixed pairs: mesh[i][j] of them (DGX-1's
 *                 hybrid cube mesh, AMD's Infinity Fabric);
 *   NVLINK_PAIRS  a mesh whose only links are bridges on (0,1), (2,3), …;
 *   PCIE          none: through switches and host bridges.
 * Pairs without a link go through the PCIe tree: GPU → switch → socket →
 * socket → switch → GPU. With peer access off (cluster.p2p false) everything
 * is staged in host memory at shm_Bps per GPU.
 *
 * A GPU's NIC is the closest: GPU i of n uses port i * n_ports / n, where
 * n_ports = min(n_nics, n_gpus) and spare NICs are bundled with their port
 * (p5's four EFA devices per GPU act as one of four times the rate).
 *
 * UNITS. Rates are one direction. OWNERSHIP. Plain values: copy freely.
 */
#ifndef STC_HW_NODE_H
#define STC_HW_NODE_H

#include "hw/gpu.h"

#include <stdbool.h>
#include <stdint.h>

enum { STC_NODE_MAX_GPUS = 16 };

/* X(id, text) */
#define STC_INTRA_MAP(X)         \
 X(NVSWITCH, "nvswitch")         \
 X(NVLINK_MESH, "nvlink-mesh")   \
 X(NVLINK_PAIRS, "nvlink-pairs") \
 X(PCIE, "pcie")

enum stc_intra {
#define STC_INTRA_ROW(id, text) STC_INTRA_##id,
    STC_INTRA_MAP(STC_INTRA_ROW)
#undef STC_INTRA_ROW
        STC_INTRA_COUNT
};

struct stc_hw_node {
    char name[64];        /* "dgx-a100-80gb" */
    char gpu_name[64];    /* row of gpus.yaml */
    char fabric_name[64]; /* the fabric of this machine's reference cluster */
    int n_gpus;

    enum stc_intra intra;
    double nvlink_Bps;       /* per GPU, one direction; 0: take the GPU's */
    double nvlink_link_Bps;  /* of one link: follows from the GPU's; meshes only */
    double nvlink_eff;       /* (0,1]: share of it that a large copy reaches */
    double nvlink_latency_s; /* GPU to GPU */
    int nvlink_domain_nodes; /* nodes that share one NVLink domain: 1, NVL72: 18
                              */
    bool nvls;               /* the switches reduce in flight (NVLink SHARP) */
    uint8_t mesh[STC_NODE_MAX_GPUS][STC_NODE_MAX_GPUS]; /* links i → j, symmetric */

    int gpus_per_switch; /* GPUs behind one PCIe switch; 1: straight on the root
                          */
    int switches_per_socket;
    int n_sockets;   /* follows from the two above */
    double pcie_Bps; /* GPU's slot; 0: take the GPU's */
    double pcie_eff;
    double pcie_latency_s;
    double switch_up_Bps; /* PCIe switch to its socket; 0: as one slot */
    double socket_Bps;    /* between two sockets (UPI, xGMI) */
    bool pcie_p2p;        /* peer copies over PCIe are possible */
    double shm_Bps;       /* staged through host memory, per GPU and direction; 0: pcie
                           * eff / 2 */
    double
        shm_duplex_Bps; /* the same, both directions of a GPU together; 0: 1.4 times shm_Bps */
    double
        shm_ring_Bps; /* what a ring's kernels get there, per GPU and direction; 0: half
                          * of duplex */
    double shm_latency_s;

    int n_nics;
    double nic_Bps;     /* of one NIC, one direction */
    char nic_kind[32];  /* "ConnectX-6 HDR" */
    bool nic_on_switch; /* beside the GPUs on their PCIe switch, or on the socket
                         */

    int cpu_cores;
    double thread_speed; /* of one core running Python, 1: an EPYC of 2020 (Zen 2, 3) */
    double timer_cost;   /* of a profiler's event, 1: a clock that user code can read */
    double ram_bytes;
    double ram_Bps; /* STREAM-like, all sockets */
    double nvme_bytes;
    double nvme_read_Bps;
    double nvme_write_Bps;

    bool reference; /* the usual machine of this GPU and GPU count */
    char source[256];
};

/* Ports that flows see: min(n_nics, n_gpus), at least 0. */
int stc_hw_node_n_ports(const struct stc_hw_node *n);
/* The port of GPU `gpu` (0-based in the node), or -1 without NICs. */
int stc_hw_node_port_of(const struct stc_hw_node *n, int gpu);

/* The three below want rates that stc_cluster_finish has filled in. Usable
 * (efficiency included), one direction. */

/* Between one GPU and its socket's memory, and of a peer copy that has no
 * NVLink: over PCIe, or staged in host memory when p2p is off or impossible. */
double stc_hw_node_pcie_Bps(const struct stc_hw_node *n);
double stc_hw_node_host_path_Bps(const struct stc_hw_node *n, bool p2p);

/* What concurrent rings over these GPUs of a node get out of each GPU.
 * NVSwitch: the GPU's links; mesh: the links that stay inside the set, at its
 * poorest member (the degree bound, which NCCL's search reaches on DGX-1: 6
 * directed rings of 25 GB/s); a set that links do not connect: the host path.
 * n_set >= 2. */
double stc_hw_node_ring_Bps(const struct stc_hw_node *n, const int *gpus, int n_set,
                            bool p2p);

const char *stc_intra_name(enum stc_intra k);
bool stc_intra_find(const char *name, enum stc_intra *out);

#endif
