#include "kernels/coll_alg.h"

#include <math.h>

#include "kernels/coll_consts.h"

/* ==== what the algorithms share ==== */

double stc_coll_fill_s(double fill_s, double half_bytes, double bytes)
{
    return fill_s * bytes / (bytes + half_bytes);
}

/* NIC to NIC over one or two switches, as the fits and priors include it. */
static const double usual_path_s[STC_FABRIC_TECH_COUNT] = {
    [STC_FABRIC_IB] = 1.5e-6,      [STC_FABRIC_ROCE] = 3e-6,
    [STC_FABRIC_EFA] = 16e-6,      [STC_FABRIC_OPA] = 1.5e-6,
    [STC_FABRIC_TCPX] = 26e-6,     [STC_FABRIC_SLINGSHOT] = 2.5e-6,
    [STC_FABRIC_ETHERNET] = 26e-6, [STC_FABRIC_SOCKET] = 30e-6,
};

double stc_coll_path_extra_s(const struct stc_coll_ctx *c)
{
    return stc_max2(0.0, c->g->nic_latency_s - usual_path_s[c->g->net]);
}

void stc_coll_terms_set(struct stc_coll_terms *t, double intra_s, double net_s)
{
    t->intra_s = intra_s;
    t->net_s = net_s;
    t->bw_s = intra_s > net_s ? intra_s : net_s;
}

/* LL128 is trusted on NVLink, and over networks that keep 128-byte stores whole. */
static bool ll128_ok(const struct stc_coll_ctx *c)
{
    if (!c->nvlink && c->k > 1.0) return false;
    if (c->nodes <= 1.0) return true;
    return c->g->net == STC_FABRIC_IB || c->g->net == STC_FABRIC_ROCE ||
           c->g->net == STC_FABRIC_EFA || c->g->net == STC_FABRIC_SLINGSHOT;
}

static void latencies(struct stc_coll_ctx *c)
{
    static const enum stc_cg hop[STC_PROTO_COUNT] = {STC_CG_HOP_LL, STC_CG_HOP_LL128,
                                                     STC_CG_HOP_SIMPLE};
    static const enum stc_cn net_hop[STC_PROTO_COUNT] = {
        STC_CN_HOP_LL, STC_CN_HOP_LL128, STC_CN_HOP_SIMPLE};
    double path_s = c->nodes > 1.0 ? stc_coll_path_extra_s(c) : 0.0;
    double post_s = STC_NCCL_NET_POST_S * (c->g->cpu_amd ? 2.0 : 1.0);
    for (int p = 0; p < STC_PROTO_COUNT; p++) {
        c->hop_s[p] = c->nvlink
                          ? stc_cg_s(c, hop[p])
                          : stc_max2(stc_nccl_pci_hop_s[p], c->g->intra_latency_s);
        c->net_hop_s[p] = c->cn[net_hop[p]] + path_s;
        c->ring_hop_s[p] =
            c->nodes <= 1.0
                ? c->hop_s[p]
                : stc_max2(c->hop_s[p], p == STC_PROTO_SIMPLE ? 3.0 * post_s : post_s);
        c->base_s[p] = stc_nccl_pci_base_s[p];
    }
    if (!c->nvlink && c->k > 1.0) return;
    double base_s = stc_cg_s(c, STC_CG_BASE);
    c->base_s[STC_PROTO_LL] = base_s;
    c->base_s[STC_PROTO_LL128] = base_s + stc_cg_s(c, STC_CG_ADD_LL128);
    c->base_s[STC_PROTO_SIMPLE] = base_s + stc_cg_s(c, STC_CG_ADD_SIMPLE);
}

/* Most that LL moves by NCCL's constants, bus bandwidth of the whole group. */
static double ll_max_Bps(const struct stc_coll_ctx *c)
{
    int col = c->nodes <= 1.0 ? 0 : c->nodes <= 2.0 ? 1 : 2;
    double ceil_Bps = stc_nccl_ll_max_Bps[stc_nccl_row(c->g->gen)][col];
    return c->nodes > 1.0 ? ceil_Bps * c->cn[STC_CN_LL_SCALE] : ceil_Bps;
}

/* A rank whose rail takes part of its traffic out of the node sends the rest
 * inside; with fewer rails than ranks some ranks send all of it inside. */
static double inside_share(const struct stc_coll_ctx *c)
{
    if (c->nodes <= 1.0) return 1.0;
    if (c->k <= 1.0) return 0.0;
    return c->n_rails >= c->k ? (c->k - 1.0) / c->k : 1.0;
}

double stc_coll_tree_load(double n_nodes)
{
    return n_nodes <= 1.0 ? 0.0 : n_nodes <= 2.0 ? 1.0 : n_nodes <= 3.0 ? 1.5 : 2.0;
}

void stc_coll_ctx_rates(struct stc_coll_ctx *c)
{
    bool ar = c->coll == STC_COLL_ALL_REDUCE;
    double port_Bps = c->port_Bps, ll_Bps = ll_max_Bps(c);
    double ch_Bps = stc_nccl_channel_Bps[stc_nccl_row(c->g->gen)] * c->max_channels;
    latencies(c);
    if (c->nvlink) port_Bps *= c->cg[ar ? STC_CG_EFF_ALLREDUCE : STC_CG_EFF_RING];
    c->ring_Bps[STC_PROTO_LL] = stc_min2(ll_Bps, port_Bps * STC_NCCL_LL_SHARE);
    c->ring_Bps[STC_PROTO_LL128] = stc_min2(port_Bps * STC_NCCL_LL128_SHARE, ch_Bps);
    c->ring_Bps[STC_PROTO_SIMPLE] = port_Bps;
    bool copies =
        ar || c->coll == STC_COLL_ALL_GATHER || c->coll == STC_COLL_REDUCE_SCATTER;
    c->own_Bps = c->nvlink && copies && c->nodes <= 1.0
                     ? c->n * c->g->intra_Bps * c->cg[STC_CG_OWN_COPY]
                     : 0.0;
    c->inside_share = inside_share(c);
    c->tree_load = stc_coll_tree_load(c->nodes);
    c->net_Bps[STC_PROTO_LL] =
        stc_min2(c->rail_Bps * STC_NCCL_LL_SHARE, ll_Bps / c->n_rails);
    c->net_Bps[STC_PROTO_LL128] = c->rail_Bps * c->cn[STC_CN_EFF_LL128];
    c->net_Bps[STC_PROTO_SIMPLE] = c->rail_Bps * c->cn[STC_CN_EFF];
}

/* Seconds of the intra part: bytes over the port under a protocol, plus the
 * rank's own part copied inside its memory (it rides the same channels). */
static double intra_ring_s(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                           double bytes)
{
    double s = bytes / c->ring_Bps[p];
    if (p != STC_PROTO_LL && c->own_Bps > 0.0) s += c->bytes / c->own_Bps;
    return s;
}

/* ==== ring ==== */

static bool ring_applies(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    if (c->coll == STC_COLL_ALL_TO_ALL || c->coll == STC_COLL_SEND_RECV) return false;
    return p != STC_PROTO_LL128 || ll128_ok(c);
}

static void ring_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                      struct stc_coll_terms *t)
{
    t->latency_s = c->base_s[p] + (c->steps - c->hops_net) * c->ring_hop_s[p];
    if (c->hops_net > 0.0) t->latency_s += c->hops_net * c->net_hop_s[p];
    if (p == STC_PROTO_SIMPLE && c->nvlink && c->nodes <= 1.0)
        t->latency_s += stc_coll_fill_s(stc_cg_s(c, STC_CG_FILL),
                                        c->cg[STC_CG_FILL_HALF], c->bytes);

    t->intra_bytes = c->bytes * c->rf * c->inside_share;
    double intra_s = t->intra_bytes > 0.0 ? intra_ring_s(c, p, t->intra_bytes) : 0.0;
    t->net_bytes = c->nodes > 1.0 ? c->bytes * c->rf / c->n_rails : 0.0;
    double net_s = t->net_bytes > 0.0 ? t->net_bytes / c->net_Bps[p] : 0.0;
    stc_coll_terms_set(t, intra_s, net_s);
}

const struct stc_coll_alg stc_coll_alg_ring = {
    .id = STC_ALGO_RING,
    .colls = 0xffff & ~(STC_COLL_BIT(ALL_TO_ALL) | STC_COLL_BIT(SEND_RECV)),
    .protos = STC_COLL_ANY_PROTO,
    .applies = ring_applies,
    .time_s = ring_time,
    .emit = stc_coll_emit_ring,
};

/* ==== PAT: all-gather and reduce-scatter in log steps, one rank a node ==== */

static bool pat_applies(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    bool kind = c->coll == STC_COLL_ALL_GATHER || c->coll == STC_COLL_REDUCE_SCATTER;
    bool known = c->f->nccl_version == 0 || c->f->nccl_version >= 22300;
    return kind && known && p == STC_PROTO_SIMPLE && c->k <= 1.0 && c->nodes > 1.0;
}

static void pat_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                     struct stc_coll_terms *t)
{
    t->latency_s = c->base_s[p] + ceil(c->log2_nodes) * c->net_hop_s[p];
    t->intra_bytes = 0.0;
    t->net_bytes = c->bytes * c->rf / c->n_rails;
    stc_coll_terms_set(t, 0.0, t->net_bytes / (c->net_Bps[p] * STC_NCCL_PAT_SHARE));
}

const struct stc_coll_alg stc_coll_alg_pat = {
    .id = STC_ALGO_PAT,
    .colls = STC_COLL_BIT(ALL_GATHER) | STC_COLL_BIT(REDUCE_SCATTER),
    .protos = STC_COLL_SIMPLE_ONLY,
    .applies = pat_applies,
    .time_s = pat_time,
    .emit = stc_coll_emit_ring,
};

/* ==== tree: a chain in the node, a double binary tree between nodes ==== */

static bool tree_applies(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    /* Inside one node NCCL's tree is a chain: a ring's latency at less bandwidth. */
    bool worth = c->nodes > 1.0 || c->f->algo == STC_ALGO_TREE;
    return c->coll == STC_COLL_ALL_REDUCE && worth &&
           (p != STC_PROTO_LL128 || ll128_ok(c));
}

static double net_fill_s(const struct stc_coll_ctx *c)
{
    return c->log2_nodes *
           stc_coll_fill_s(c->cn[STC_CN_FILL], c->cn[STC_CN_FILL_HALF], c->bytes);
}

static void tree_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                      struct stc_coll_terms *t)
{
    t->latency_s = c->base_s[p] + 2.0 * (c->k - 1.0) * c->hop_s[p];
    if (c->nodes > 1.0) t->latency_s += 2.0 * c->log2_nodes * c->net_hop_s[p];
    if (p == STC_PROTO_SIMPLE && c->nodes > 1.0) t->latency_s += net_fill_s(c);
    t->intra_bytes = 2.0 * c->bytes * c->inside_share;
    double intra_s = 0.0;
    if (c->k > 1.0) {
        double share =
            STC_NCCL_TREE_SHARE * (c->nodes <= 1.0 ? STC_NCCL_TREE_NODE_SHARE : 1.0);
        intra_s = intra_ring_s(c, p, t->intra_bytes) / share;
    }
    t->net_bytes = c->bytes * c->tree_load / c->n_rails;
    double net_s = t->net_bytes > 0.0 ? t->net_bytes / c->net_Bps[p] : 0.0;
    stc_coll_terms_set(t, intra_s, net_s);
}

const struct stc_coll_alg stc_coll_alg_tree = {
    .id = STC_ALGO_TREE,
    .colls = STC_COLL_BIT(ALL_REDUCE),
    .protos = STC_COLL_ANY_PROTO,
    .applies = tree_applies,
    .time_s = tree_time,
    .emit = stc_coll_emit_tree,
};

/* ==== NVLS: reduction and multicast in the NVSwitch ==== */

static bool nvls_gpu(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    return c->coll == STC_COLL_ALL_REDUCE && p == STC_PROTO_SIMPLE && c->nvlink &&
           c->g->intra == STC_INTRA_NVSWITCH && c->k > 2.0 && !c->f->nvls_disable &&
           (c->g->gen == STC_GEN_HOPPER || c->g->gen == STC_GEN_BLACKWELL) &&
           (c->f->nccl_version == 0 || c->f->nccl_version >= 21700);
}

static bool nvls_applies(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    return nvls_gpu(c, p) && c->nodes <= 1.0;
}

/* Owner of 1/k pulls a reduced part and multicasts it: S + S/k out of a port. */
static double nvls_port_bytes(const struct stc_coll_ctx *c)
{
    return c->bytes * (c->k + 1.0) / c->k;
}

static double nvls_latency_s(const struct stc_coll_ctx *c)
{
    return stc_cg_s(c, STC_CG_BASE) + stc_cg_s(c, STC_CG_ADD_NVLS) +
           stc_coll_fill_s(stc_cg_s(c, STC_CG_FILL_NVLS), c->cg[STC_CG_FILL_HALF],
                           c->bytes);
}

static void nvls_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                      struct stc_coll_terms *t)
{
    (void)p;
    t->latency_s = nvls_latency_s(c);
    t->intra_bytes = nvls_port_bytes(c);
    t->net_bytes = 0.0;
    stc_coll_terms_set(t, t->intra_bytes / (c->port_Bps * c->cg[STC_CG_EFF_NVLS]), 0.0);
}

const struct stc_coll_alg stc_coll_alg_nvls = {
    .id = STC_ALGO_NVLS,
    .colls = STC_COLL_BIT(ALL_REDUCE),
    .protos = STC_COLL_SIMPLE_ONLY,
    .applies = nvls_applies,
    .time_s = nvls_time,
    .emit = stc_coll_emit_ring,
};

static bool nvls_tree_applies(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    return nvls_gpu(c, p) && c->nodes > 1.0;
}

static void nvls_tree_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                           struct stc_coll_terms *t)
{
    t->latency_s =
        nvls_latency_s(c) + 2.0 * c->log2_nodes * c->net_hop_s[p] + net_fill_s(c);
    t->intra_bytes = nvls_port_bytes(c);
    t->net_bytes = c->bytes * c->tree_load / c->n_rails;
    stc_coll_terms_set(t, t->intra_bytes / (c->port_Bps * c->cg[STC_CG_EFF_NVLS]),
                       t->net_bytes / c->net_Bps[p]);
}

const struct stc_coll_alg stc_coll_alg_nvls_tree = {
    .id = STC_ALGO_NVLS_TREE,
    .colls = STC_COLL_BIT(ALL_REDUCE),
    .protos = STC_COLL_SIMPLE_ONLY,
    .applies = nvls_tree_applies,
    .time_s = nvls_tree_time,
    .emit = stc_coll_emit_tree,
};

/* ==== CollNet: SHARP reduces in the InfiniBand switches ==== */

static bool collnet_applies(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    return c->coll == STC_COLL_ALL_REDUCE && p == STC_PROTO_SIMPLE && c->g->sharp &&
           (c->f->collnet_enable || c->f->algo == STC_ALGO_COLLNET) && c->nodes > 1.0 &&
           c->g->net == STC_FABRIC_IB;
}

static void collnet_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                         struct stc_coll_terms *t)
{
    bool nvls = nvls_gpu(c, p);
    t->latency_s = STC_NCCL_COLLNET_HOP_S + stc_coll_path_extra_s(c) +
                   (nvls ? nvls_latency_s(c) : c->base_s[p] + 2.0 * c->hop_s[p]);
    /* Up to the rail's GPU and back down: reduce-scatter and all-gather inside. */
    t->intra_bytes =
        c->k > 1.0 ? (nvls ? nvls_port_bytes(c) : 2.0 * c->bytes * (c->k - 1.0) / c->k)
                   : 0.0;
    double share =
        c->nvlink ? c->cg[nvls ? STC_CG_EFF_NVLS : STC_CG_EFF_ALLREDUCE] : 1.0;
    t->net_bytes = c->bytes / c->n_rails;
    stc_coll_terms_set(t, c->k > 1.0 ? t->intra_bytes / (c->port_Bps * share) : 0.0,
                       t->net_bytes / (c->net_Bps[p] * STC_NCCL_COLLNET_SHARE));
}

const struct stc_coll_alg stc_coll_alg_collnet = {
    .id = STC_ALGO_COLLNET,
    .colls = STC_COLL_BIT(ALL_REDUCE),
    .protos = STC_COLL_SIMPLE_ONLY,
    .applies = collnet_applies,
    .time_s = collnet_time,
    .emit = stc_coll_emit_ring,
};
