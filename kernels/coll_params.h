/*
 * coll_params.h - the figures behind kernels/coll.h: NCCL's public constants,
 * fitted platform terms, and the residual tables.
 *
 * THEORY. Three kinds of figures, kept apart:
 *   constants  - NCCL's own tuning tables (NVIDIA/nccl, src/graph/tuning.cc,
 *                2.18 to 2.29): per-protocol bandwidth ceilings, hop latencies
 *                on PCIe; never fitted (kernels/coll_consts.h);
 *   platform   - one row of named terms per GPU generation on NVLink, one per
 *                fabric, one per serving library × generation; fitted by
 *                calib/fit_coll.c, with a prior each;
 *   residual   - per measured series (who, collective, ranks, nodes) the log
 *                ratio measured / formula on a grid of half octaves of bytes.
 *
 * TRANSFER. A generation that was never measured takes the mean of the
 * measured ones: shares as they are, latencies in clock cycles.
 *
 * OWNERSHIP. Plain arrays, no pointers: fill, then share.
 */
#ifndef STC_KERNELS_COLL_PARAMS_H
#define STC_KERNELS_COLL_PARAMS_H

#include "kernels/coll.h"

/* X(id, name, prior, is_time, help): terms of a GPU generation on NVLink. Times
 * are seconds at the generation's clock (the prior's clock is 1.98 GHz); shares
 * are of the specification's port rate. */
#define STC_CG_MAP(X)                                                              \
 X(BASE, "base_s", 6e-6, 1, "launch and first byte of a ring or tree")             \
 X(HOP_LL, "hop_ll_s", 0.9e-6, 1, "one hop under LL")                              \
 X(ADD_LL128, "add_ll128_s", 1e-6, 1, "more to launch under LL128")                \
 X(HOP_LL128, "hop_ll128_s", 0.9e-6, 1, "one hop under LL128")                     \
 X(ADD_SIMPLE, "add_simple_s", 5e-6, 1, "more to launch under Simple")             \
 X(HOP_SIMPLE, "hop_simple_s", 1.5e-6, 1, "one hop under Simple")                  \
 X(EFF_RING, "eff_ring", 0.78, 0, "all-gather, reduce-scatter: share of the port") \
 X(EFF_ALLREDUCE, "eff_allreduce", 0.80, 0, "ring all-reduce: share of the port")  \
 X(OWN_COPY, "own_copy", 2.0, 0, "copy of a rank's own part, in port rates")       \
 X(FILL, "fill_s", 8e-6, 1, "pipeline of full chunks, reached by large messages")  \
 X(FILL_HALF, "fill_half_bytes", 4e6, 0, "size that reaches half of fill_s")       \
 X(ADD_NVLS, "add_nvls_s", 25e-6, 1, "more to launch under NVLS")                  \
 X(EFF_NVLS, "eff_nvls", 0.65, 0, "NVLS: share of the port")                       \
 X(FILL_NVLS, "fill_nvls_s", 12e-6, 1, "as fill_s, NVLS")                          \
 X(BASE_P2P, "base_p2p_s", 6e-6, 1, "launch of send/recv and all-to-all")          \
 X(PEER, "peer_s", 0.3e-6, 1, "each further peer of an all-to-all")                \
 X(EFF_P2P, "eff_p2p", 0.72, 0, "all-to-all, send/recv: share of the port")        \
 X(OWN_P2P, "own_copy_p2p", 2.0, 0, "as own_copy, all-to-all")                     \
 X(FILL_P2P, "fill_p2p_s", 8e-6, 1, "as fill_s, all-to-all")

enum stc_cg {
#define STC_CG_ROW(id, name, prior, is_time, help) STC_CG_##id,
    STC_CG_MAP(STC_CG_ROW)
#undef STC_CG_ROW
        STC_CG_COUNT
};

/* X(id, name, prior, is_time, help): terms of a fabric between nodes. The
 * priors are InfiniBand's; the other fabrics' are in kernels/coll_params.c. */
#define STC_CN_MAP(X)                                                                 \
 X(HOP_LL, "hop_ll_s", 4.5e-6, 1, "GPU to GPU over the fabric under LL")              \
 X(HOP_LL128, "hop_ll128_s", 7e-6, 1, "under LL128")                                  \
 X(HOP_SIMPLE, "hop_simple_s", 14e-6, 1, "under Simple: posts, chunk, flush")         \
 X(LL_SCALE, "ll_scale", 1.0, 0, "LL's ceiling, in NCCL's constant")                  \
 X(EFF_LL128, "eff_ll128", 0.5, 0, "LL128: share of the NICs")                        \
 X(EFF, "eff", 0.95, 0, "Simple, large messages: share of the NICs")                  \
 X(FILL, "fill_s", 100e-6, 1, "pipeline of full chunks over the nodes' tree or ring") \
 X(FILL_HALF, "fill_half_bytes", 16e6, 0, "size that reaches half of fill_s")         \
 X(BASE_P2P, "base_p2p_s", 11e-6, 1,                                                  \
   "launch to first byte of send/recv, less hop_ll_s")                                \
 X(EFF_P2P, "eff_p2p", 0.72, 0, "send/recv and all-to-all: share of the NIC")

enum stc_cn {
#define STC_CN_ROW(id, name, prior, is_time, help) STC_CN_##id,
    STC_CN_MAP(STC_CN_ROW)
#undef STC_CN_ROW
        STC_CN_COUNT
};

/* X(id, name, prior, is_time, help): a serving library's own all-reduce. */
#define STC_CC_MAP(X)                                                                 \
 X(BASE, "base_s", 3.5e-6, 1, "launch in a graph to done, two ranks, few bytes")      \
 X(PEER, "peer_s", 0.15e-6, 1, "each further rank")                                   \
 X(EFF_ONE, "eff_one_shot", 0.6, 0, "one-shot: share of the port")                    \
 X(ADD_TWO, "add_two_shot_s", 4e-6, 1, "second barrier of two-shot")                  \
 X(EFF_TWO, "eff_two_shot", 0.6, 0, "two-shot: share of the port")                    \
 X(FLOOR, "floor_s", 0.3e-6, 1, "eager: host time from call to done; graphs: unused") \
 X(EFF_COPY, "eff_copy", 0.85, 0, "eager: copy into the shared buffer, share of HBM")

enum stc_cc {
#define STC_CC_ROW(id, name, prior, is_time, help) STC_CC_##id,
    STC_CC_MAP(STC_CC_ROW)
#undef STC_CC_ROW
        STC_CC_COUNT
};

struct stc_coll_gen_fit {
    double v[STC_CG_COUNT];
    double clock_hz; /* at which the times hold */
    int n_rows;      /* measurements behind it; 0: transferred */
};
struct stc_coll_net_fit {
    double v[STC_CN_COUNT];
    int n_rows; /* 0: prior */
};
/* Largest message that the library carries itself, per group size 2, 4, 8;
 * beyond it calls NCCL. */
enum { STC_CUSTOM_SIZES = 3 };
struct stc_coll_custom_fit {
    double v[STC_CC_COUNT];
    double max_bytes[STC_CUSTOM_SIZES];
    double clock_hz;
    int n_rows;
};

/* Residual of one series on a grid: log2 bytes from STC_RES_LOG2_MIN in steps
 * of 1/STC_RES_PER_OCTAVE. Far from any measurement the value has faded to 0. */
enum {
    STC_RES_LOG2_MIN = 8,
    STC_RES_PER_OCTAVE = 2,
    STC_RES_POINTS = 55,
    STC_RES_SERIES = 128
};
struct stc_coll_res {
    enum stc_gen gen;
    enum stc_coll_lib lib;
    enum stc_coll coll;
    enum stc_fabric_tech net; /* read only when n_nodes > 1 */
    int n_ranks, n_nodes;
    double min_bytes, max_bytes;   /* measured range */
    double log2_ranks, log2_nodes; /* filled by stc_coll_params_index */
    float log_ratio[STC_RES_POINTS];
};

struct stc_coll_params {
    struct stc_coll_gen_fit gen[STC_GEN_COUNT];
    struct stc_coll_net_fit net[STC_FABRIC_TECH_COUNT];
    struct stc_coll_custom_fit custom[STC_COLL_LIB_COUNT][STC_GEN_COUNT];
    struct stc_coll_res res[STC_RES_SERIES];
    int n_res;
    /* Filled by stc_coll_params_index: the keys (stc_coll_res_key) in order, and whose
     * they are; equal keys in the order of res. */
    uint32_t res_key[STC_RES_SERIES];
    uint8_t res_of_key[STC_RES_SERIES];
    /* [family][tier], families COLL_NVLINK, COLL_NET, COLL_CUSTOM, P2P */
    double sigma_log[STC_FAMILY_COUNT][STC_TIER_COUNT];
    bool use_residual; /* off: physics × efficiency alone */
};

/* Names and priors of the terms, for fits and files. */
struct stc_coll_term {
    const char *name;
    double prior;
    int is_time;
    const char *help;
};
extern const struct stc_coll_term stc_cg_terms[STC_CG_COUNT];
extern const struct stc_coll_term stc_cn_terms[STC_CN_COUNT];
extern const struct stc_coll_term stc_cc_terms[STC_CC_COUNT];

/* Every term at its prior, no residual: what a machine without any measurement
 * would be forecast with. */
void stc_coll_params_prior(struct stc_coll_params *p);

/* Gives generations without rows the mean of those with (TRANSFER above), and
 * likewise each library. Call after the measured ones are filled. */
void stc_coll_params_transfer(struct stc_coll_params *p);

/* What must be equal for a series to say anything about a question. */
static inline uint32_t stc_coll_res_key(enum stc_gen gen, enum stc_coll_lib lib,
                                        enum stc_coll coll, enum stc_fabric_tech net,
                                        bool inter)
{
    uint32_t tech = inter ? 1u + (uint32_t)net : 0u;
    return (uint32_t)gen | (uint32_t)lib << 8 | (uint32_t)coll << 16 | tech << 24;
}
/* Fills what a query needs of the residual tables. Call after they changed. */
void stc_coll_params_index(struct stc_coll_params *p);

/* Clock at which a generation's latencies are stated when the GPU's is unknown. */
double stc_coll_gen_clock_hz(enum stc_gen g);

#endif
