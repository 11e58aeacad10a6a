#include "kernels/coll_alg.h"

#include <math.h>

#include "kernels/coll_consts.h"

/* Launch of grouped send/recv on this group. */
static double base_s(const struct stc_coll_ctx *c)
{
    if (c->nodes > 1.0) return c->cn[STC_CN_BASE_P2P] + c->net_hop_s[STC_PROTO_LL];
    return c->nvlink ? stc_cg_s(c, STC_CG_BASE_P2P) : stc_nccl_pci_base_s[STC_PROTO_LL];
}

static double fill_s(const struct stc_coll_ctx *c)
{
    if (!c->nvlink || c->k <= 1.0) return 0.0;
    /* Send/recv chunks are a tenth of a ring's buffer: they fill that early. */
    return stc_coll_fill_s(stc_cg_s(c, STC_CG_FILL_P2P), 0.1 * c->cg[STC_CG_FILL_HALF],
                           c->bytes);
}

static double port_s(const struct stc_coll_ctx *c, double bytes)
{
    if (bytes <= 0.0) return 0.0;
    return bytes / (c->port_Bps * (c->nvlink ? c->cg[STC_CG_EFF_P2P] : 1.0));
}

static double rail_s(const struct stc_coll_ctx *c, double bytes)
{
    return bytes > 0.0 ? bytes / (c->rail_Bps * c->cn[STC_CN_EFF_P2P]) : 0.0;
}

static bool pairwise_applies(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    return p == STC_PROTO_SIMPLE &&
           (c->coll == STC_COLL_ALL_TO_ALL || c->coll == STC_COLL_SEND_RECV);
}

static void pairwise_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                          struct stc_coll_terms *t)
{
    (void)p;
    t->latency_s = base_s(c) + fill_s(c);
    if (c->coll == STC_COLL_SEND_RECV) {
        bool inter = c->nodes > 1.0;
        t->intra_bytes = inter ? 0.0 : c->bytes;
        t->net_bytes = inter ? c->bytes : 0.0;
        stc_coll_terms_set(t, port_s(c, t->intra_bytes), rail_s(c, t->net_bytes));
        return;
    }
    double peer_s =
        c->nvlink ? stc_cg_s(c, STC_CG_PEER) : stc_nccl_pci_hop_s[STC_PROTO_LL];
    t->latency_s += peer_s * (c->k - 1.0);
    if (c->nodes > 1.0) t->latency_s += STC_NCCL_NET_POST_S * (c->n - c->k);
    t->intra_bytes = c->bytes * (c->k - 1.0) / c->n;
    double intra_s = port_s(c, t->intra_bytes);
    if (c->nvlink)
        intra_s += c->bytes / (c->n * c->g->intra_Bps * c->cg[STC_CG_OWN_P2P]);
    t->net_bytes = c->bytes * (c->n - c->k) / c->n * c->k / c->n_rails;
    stc_coll_terms_set(t, intra_s, rail_s(c, t->net_bytes));
}

const struct stc_coll_alg stc_coll_alg_pairwise = {
    .id = STC_ALGO_PAIRWISE,
    .colls = STC_COLL_BIT(ALL_TO_ALL) | STC_COLL_BIT(SEND_RECV),
    .protos = STC_COLL_SIMPLE_ONLY,
    .applies = pairwise_applies,
    .time_s = pairwise_time,
    .emit = stc_coll_emit_pairs,
};

/* ==== hierarchical: node first, then rails ====
 *
 * All-to-all: a token leaves its node once per destination node, on the rail of
 * its rank, and is handed on over NVLink there (DeepEP's normal kernels).
 * All-reduce: reduce-scatter in the node, ring all-reduce over each rail,
 * all-gather in the node, chunk after chunk, so that the slower part shows. */

static bool hier_applies(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    if (p != STC_PROTO_SIMPLE || c->nodes <= 1.0 || c->k <= 1.0) return false;
    if (c->coll == STC_COLL_ALL_TO_ALL) return c->f->hier_all_to_all;
    return c->coll == STC_COLL_ALL_REDUCE && c->f->algo == STC_ALGO_HIER;
}

static void hier_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                      struct stc_coll_terms *t)
{
    if (c->coll == STC_COLL_ALL_TO_ALL) {
        double frac =
            c->f->hier_net_frac > 0.0 ? stc_min2(1.0, c->f->hier_net_frac) : 1.0;
        double away = c->bytes * (c->n - c->k) / c->n;
        t->latency_s = base_s(c) + fill_s(c) + STC_NCCL_NET_POST_S * (c->nodes - 1.0) +
                       c->hop_s[STC_PROTO_LL];
        t->intra_bytes = c->bytes * (c->k - 1.0) / c->n + away * (c->k - 1.0) / c->k;
        t->net_bytes = away * frac * c->k / c->n_rails;
        stc_coll_terms_set(t, port_s(c, t->intra_bytes), rail_s(c, t->net_bytes));
        return;
    }
    t->latency_s = c->base_s[p] + 2.0 * (c->k - 1.0) * c->hop_s[p] +
                   2.0 * (c->nodes - 1.0) * c->net_hop_s[p];
    t->intra_bytes = 2.0 * c->bytes * (c->k - 1.0) / c->k;
    t->net_bytes = 2.0 * (c->nodes - 1.0) / c->nodes * c->bytes / c->n_rails;
    double eff = c->nvlink ? c->cg[STC_CG_EFF_ALLREDUCE] : 1.0;
    stc_coll_terms_set(t, t->intra_bytes / (c->port_Bps * eff),
                       t->net_bytes / (c->rail_Bps * c->cn[STC_CN_EFF]));
}

static enum stc_err hier_emit(const struct stc_coll_ctx *c,
                              const struct stc_coll_terms *t,
                              struct stc_coll_flows *out)
{
    return c->coll == STC_COLL_ALL_TO_ALL ? stc_coll_emit_pairs(c, t, out)
                                          : stc_coll_emit_ring(c, t, out);
}

const struct stc_coll_alg stc_coll_alg_hier = {
    .id = STC_ALGO_HIER,
    .colls = STC_COLL_BIT(ALL_REDUCE) | STC_COLL_BIT(ALL_TO_ALL),
    .protos = STC_COLL_SIMPLE_ONLY,
    .applies = hier_applies,
    .time_s = hier_time,
    .emit = hier_emit,
};

/* ==== serving frameworks' own all-reduce ====
 *
 * One kernel, peers' buffers mapped. One-shot: every rank reads all others,
 * (n-1) S through its port, one barrier. Two-shot: reduce-scatter then
 * all-gather, 2 (n-1)/n S, two barriers. Launched op by op ("eager"), vLLM
 * first copies the input into the shared buffer, and the host needs floor_s. */

static const struct stc_coll_custom_fit *custom_of(const struct stc_coll_ctx *c)
{
    return &c->p->custom[c->f->lib][c->g->gen];
}

static double custom_scale(const struct stc_coll_ctx *c,
                           const struct stc_coll_custom_fit *u)
{
    return u->n_rows > 0 || c->g->clock_hz <= 0.0 ? 1.0 : u->clock_hz / c->g->clock_hz;
}

static bool custom_applies(const struct stc_coll_ctx *c, enum stc_coll_proto p)
{
    if (c->f->lib == STC_COLL_LIB_NCCL || c->coll != STC_COLL_ALL_REDUCE ||
        !c->nvlink || c->nodes > 1.0 || c->n > 8.0 || p != STC_PROTO_SIMPLE)
        return false;
    int size = c->n <= 2.0 ? 0 : c->n <= 4.0 ? 1 : 2;
    return c->bytes <= custom_of(c)->max_bytes[size] * 1.0001;
}

static void one_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                     struct stc_coll_terms *t)
{
    (void)p;
    const struct stc_coll_custom_fit *u = custom_of(c);
    t->latency_s =
        custom_scale(c, u) * (u->v[STC_CC_BASE] + u->v[STC_CC_PEER] * (c->n - 2.0));
    t->intra_bytes = c->bytes * (c->n - 1.0);
    t->net_bytes = 0.0;
    stc_coll_terms_set(t, t->intra_bytes / (c->g->intra_Bps * u->v[STC_CC_EFF_ONE]),
                       0.0);
}

static void two_time(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                     struct stc_coll_terms *t)
{
    (void)p;
    const struct stc_coll_custom_fit *u = custom_of(c);
    t->latency_s = custom_scale(c, u) * (u->v[STC_CC_BASE] + u->v[STC_CC_ADD_TWO] +
                                         2.0 * u->v[STC_CC_PEER] * (c->n - 2.0));
    t->intra_bytes = c->bytes * 2.0 * (c->n - 1.0) / c->n;
    t->net_bytes = 0.0;
    stc_coll_terms_set(t, t->intra_bytes / (c->g->intra_Bps * u->v[STC_CC_EFF_TWO]),
                       0.0);
}

static enum stc_err custom_emit(const struct stc_coll_ctx *c,
                                const struct stc_coll_terms *t,
                                struct stc_coll_flows *out)
{
    return stc_coll_emit_pairs(c, t, out);
}

const struct stc_coll_alg stc_coll_alg_custom_one = {
    .id = STC_ALGO_CUSTOM_ONE,
    .colls = STC_COLL_BIT(ALL_REDUCE),
    .protos = STC_COLL_SIMPLE_ONLY,
    .applies = custom_applies,
    .time_s = one_time,
    .emit = custom_emit,
};
const struct stc_coll_alg stc_coll_alg_custom_two = {
    .id = STC_ALGO_CUSTOM_TWO,
    .colls = STC_COLL_BIT(ALL_REDUCE),
    .protos = STC_COLL_SIMPLE_ONLY,
    .applies = custom_applies,
    .time_s = two_time,
    .emit = custom_emit,
};
