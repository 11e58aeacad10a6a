/*
 * coll.h - seconds of one collective on one group of GPUs, and its flows.
 *
 * THEORY. A collective is carried out by an algorithm (ring, tree, NVLS, …)
 * under a protocol (LL, LL128, Simple), as NCCL does. Each pair costs
 *
 *     latency (launch + hops) + fill (pipeline of chunks) + bytes / bandwidth
 *
 * and the pair that NCCL would pick is taken: the cheapest that the group can
 * run. Bandwidth is the specification of the link × a named efficiency of the
 * GPU generation or fabric; launch and hop latencies are fitted platform terms
 * (struct stc_coll_gen_fit, struct stc_coll_net_fit). Over that lies a
 * residual: what near measurements said beyond the formula, fading with
 * distance to 1. kernels/COLLECTIVES.md derives every formula.
 *
 * SIZE. `bytes` is what nccl-tests calls size: the whole buffer of a rank for
 * all-reduce, broadcast, reduce; the gathered buffer for all-gather and
 * reduce-scatter; the whole send buffer of a rank for all-to-all; the message
 * for send_recv (a rank sends and receives one); ignored by barrier.
 *
 * SHARING. nic_share > 1 says that so many equal groups use the same NICs at
 * the same time; flows (emit) instead of the closed form resolve it exactly.
 *
 * UNITS. Seconds, bytes, bytes per second in one direction.
 *
 * OWNERSHIP. Parameters and shapes are plain values; an estimate allocates
 * nothing, reads nothing and may run in many threads. Flows are carved from
 * the caller's arena.
 *
 * ERRORS. stc_coll_time has none: a group of one rank costs 0. An impossible
 * force (NVLS on a GPU without it) is ignored, as NCCL does with a warning, and
 * `forced` in the estimate is false.
 *
 * COST. stc_coll_time: O(1), ~0.2 us (make bench). Emit: O(flows).
 */
#ifndef STC_KERNELS_COLL_H
#define STC_KERNELS_COLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/fabric.h"
#include "hw/gpu.h"
#include "hw/node.h"
#include "kernels/cost.h"
#include "sim/base/arena.h"
#include "sim/base/err.h"

enum stc_coll {
#define X(id, name, other, bus, steps) STC_COLL_##id,
#include "kernels/colls.def"
#undef X
    STC_COLL_COUNT
};

/* X(id, name, NCCL_ALGO's word) */
#define STC_COLL_ALGO_MAP(X)                                                           \
 X(RING, "ring", "Ring")                                                               \
 X(TREE, "tree", "Tree")                                                               \
 X(NVLS, "nvls", "NVLS")               /* in-switch reduction and multicast */         \
 X(NVLS_TREE, "nvls-tree", "NVLSTree") /* NVLS in the node, tree between */            \
 X(HIER, "hierarchical", "-")          /* node first, then rails (Megatron, DeepEP) */ \
 X(PAIRWISE, "pairwise", "-")          /* grouped send/recv */                         \
 X(COLLNET, "collnet", "CollnetDirect") /* SHARP in the InfiniBand switches */         \
 X(PAT, "pat", "PAT")                   /* log-step all-gather, one rank a node */     \
 X(CUSTOM_ONE, "custom-one-shot", "-")  /* serving: every rank reads all others */     \
 X(CUSTOM_TWO, "custom-two-shot", "-")  /* serving: reduce-scatter + all-gather */

enum stc_coll_algo {
#define STC_COLL_ALGO_ROW(id, name, nccl) STC_ALGO_##id,
    STC_COLL_ALGO_MAP(STC_COLL_ALGO_ROW)
#undef STC_COLL_ALGO_ROW
        STC_ALGO_COUNT
};
#define STC_ALGO_AUTO STC_ALGO_COUNT

enum stc_coll_proto {
    STC_PROTO_LL,
    STC_PROTO_LL128,
    STC_PROTO_SIMPLE,
    STC_PROTO_COUNT
};
#define STC_PROTO_AUTO STC_PROTO_COUNT

/* X(id, name): who carries the collective out. */
#define STC_COLL_LIB_MAP(X)                                                   \
 X(NCCL, "nccl")                                                              \
 X(TRTLLM, "trtllm")         /* TensorRT-LLM's all-reduce, in a CUDA graph */ \
 X(VLLM, "vllm")             /* vLLM's, in a CUDA graph */                    \
 X(VLLM_EAGER, "vllm-eager") /* the same, launched op by op */

enum stc_coll_lib {
#define STC_COLL_LIB_ROW(id, name) STC_COLL_LIB_##id,
    STC_COLL_LIB_MAP(STC_COLL_LIB_ROW)
#undef STC_COLL_LIB_ROW
        STC_COLL_LIB_COUNT
};

/* What the cost depends on of a group of ranks. Members are numbered node by
 * node: member = node * ranks_per_node + local (the last node may hold fewer). */
struct stc_group_shape {
    int n_ranks;
    int n_nodes;        /* NVLink domains that the group touches */
    int ranks_per_node; /* the most in one node */
    int domain_ranks;   /* GPUs in one NVLink domain (8; 72 in an NVL72 rack) */
    enum stc_intra intra;
    bool shm; /* no peer access: staged through host memory, intra_Bps is that rate */
    enum stc_gen gen;
    enum stc_fabric_tech net; /* read only when n_nodes > 1 */
    double
        clock_hz; /* GPU clock: latencies of an unmeasured GPU scale by it; 0: the generation's */
    double intra_Bps; /* a rank's port inside the node, one direction, by specification;
                             * on a mesh what its links into the group give (stc_hw_node_ring_Bps) */
    double intra_latency_s; /* of one hop where no generation fit applies (PCIe, SHM) */
    double mem_Bps;         /* HBM: eager custom all-reduce copies through it */
    int n_nics;             /* NICs of one node that this group can use */
    double nic_Bps;         /* of one NIC, one direction, by specification */
    double
        nic_latency_s; /* NIC to NIC, one way, all switches of the path; 0: the usual */
    double nic_share;  /* equal groups on the same NICs at once; 0 or 1: alone */
    double pcie_Bps;   /* GPU to NIC and host path; 0: not limiting */
    bool
        sharp; /* the switches can reduce in flight; used when collnet_enable says so */
    bool cpu_amd; /* net post overhead 2 us instead of 1 (NCCL tuning.cc) */
};

/* What a user may pin, as NCCL's environment does. Zero-initialise through
 * STC_COLL_FORCE_INIT, then set. */
struct stc_coll_force {
    enum stc_coll_algo algo;   /* STC_ALGO_AUTO */
    enum stc_coll_proto proto; /* STC_PROTO_AUTO */
    enum stc_coll_lib lib;     /* STC_COLL_LIB_NCCL */
    int max_ctas;              /* NCCL_MAX_CTAS; 0: NCCL's own */
    int min_ctas;              /* NCCL_MIN_CTAS; 0: NCCL's own */
    bool p2p_disable;     /* NCCL_P2P_DISABLE=1: intra traffic through host memory */
    bool collnet_enable;  /* NCCL_COLLNET_ENABLE=1: SHARP where the fabric has it */
    bool nvls_disable;    /* NCCL_NVLS_ENABLE=0 */
    bool hier_all_to_all; /* token once per destination node, then NVLink (DeepEP) */
    double hier_net_frac; /* with it: distinct (token, node) pairs / copies that leave
                                * the node, from stc_coll_dedup_frac; 0 is read as 1 */
    int nccl_version;     /* 22703 for 2.27.3; 0: a current one */
};
#define STC_COLL_FORCE_INIT                                                \
 {                                                                         \
  .algo = STC_ALGO_AUTO, .proto = STC_PROTO_AUTO, .lib = STC_COLL_LIB_NCCL \
 }

struct stc_coll_est {
    double seconds;
    double latency_s; /* the part that is not bytes / bandwidth: launch, hops, fill */
    double physics_s; /* seconds without the residual */
    double residual;  /* seconds / physics_s */
    double bytes_per_rank; /* leaving the busiest rank's port, on the wire */
    double net_bytes;      /* leaving the busiest NIC, on the wire */
    double bus_Bps;        /* as nccl-tests prints it */
    double eff_intra;      /* share of intra_Bps that the flows reach */
    double eff_net;        /* share of nic_Bps that the flows reach */
    double sigma_log;      /* standard deviation of log seconds */
    double distance;       /* to the nearest measurement, log2 units; -1: none */
    enum stc_coll_algo algo;
    enum stc_coll_proto proto;
    enum stc_tier tier;
    enum stc_family family;
    int n_channels; /* CTAs that it holds on each GPU */
    bool forced;    /* the force was possible and was obeyed */
    bool outside;   /* beyond the measured range of bytes or ranks */
};

struct stc_coll_params; /* kernels/coll_params.h */

/* force NULL: automatic, NCCL. */
void stc_coll_time(const struct stc_coll_params *p, const struct stc_group_shape *g,
                   enum stc_coll coll, double bytes, const struct stc_coll_force *force,
                   struct stc_coll_est *out);

/* What was weighed: every algorithm and protocol that the group could run, in
 * the order of the tables; the one that stc_coll_time took is marked. For
 * `explain`. Returns how many were written. */
struct stc_coll_candidate {
    enum stc_coll_algo algo;
    enum stc_coll_proto proto;
    double latency_s; /* launch, hops, fill */
    double bw_s;      /* bytes / bandwidth; before the residual */
    double intra_bytes, net_bytes;
    bool chosen;
};
enum { STC_COLL_CANDIDATES = 32 };
int stc_coll_candidates(const struct stc_coll_params *p,
                        const struct stc_group_shape *g, enum stc_coll coll,
                        double bytes, const struct stc_coll_force *force,
                        struct stc_coll_candidate out[STC_COLL_CANDIDATES]);

/* One transfer between two members (indices as in struct stc_group_shape). */
struct stc_coll_flow {
    int src, dst;
    double bytes; /* on the wire */
    bool inter;   /* crosses nodes */
};
struct stc_coll_flows {
    struct stc_coll_flow *v; /* in the arena */
    size_t n, cap;
    double start_latency_s; /* all flows start this long after the last rank arrived */
    /* Share of g->intra_Bps and g->nic_Bps that these flows reach. An engine whose
     * links carry capacity C runs a flow at weight 1 with bytes × rate / (C × eff). */
    double eff_intra;
    double eff_net;
    struct stc_arena *arena;
};

/* The chosen algorithm as flows. On an idle fabric the slowest port of
 * bytes / (rate × eff) equals seconds - latency_s (tests/test_coll.c, 1 %);
 * the residual is folded into start_latency_s and eff. */
STC_MUST_USE enum stc_err stc_coll_emit(const struct stc_coll_params *p,
                                        const struct stc_group_shape *g,
                                        enum stc_coll coll, double bytes,
                                        const struct stc_coll_force *force,
                                        struct stc_coll_flows *out);

/* Of top-k copies of a token spread evenly over `experts` on `n_nodes` nodes:
 * expected distinct remote nodes / expected copies to remote nodes, (0, 1]. */
double stc_coll_dedup_frac(int topk, int experts, int n_nodes);

/* Bytes through a rank's port / S. 0 for one rank. */
double stc_coll_bus_factor(enum stc_coll coll, int n_ranks);

const char *stc_coll_name(enum stc_coll c);
bool stc_coll_parse(const char *text,
                    enum stc_coll *out); /* "alltoall", "all-to-all", … */
const char *stc_coll_algo_name(enum stc_coll_algo a); /* "auto" for STC_ALGO_AUTO */
bool stc_coll_algo_parse(const char *text,
                         enum stc_coll_algo *out); /* "Ring", "NVLSTree", … */
const char *stc_coll_proto_name(enum stc_coll_proto p);
bool stc_coll_proto_parse(const char *text, enum stc_coll_proto *out);
const char *stc_coll_lib_name(enum stc_coll_lib l);
bool stc_coll_lib_parse(const char *text, enum stc_coll_lib *out);

#endif
