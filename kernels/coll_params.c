#include "kernels/coll_params.h"

#include <math.h>
#include <string.h>

const struct stc_coll_term stc_cg_terms[STC_CG_COUNT] = {
#define X(id, name, prior, is_time, help) [STC_CG_##id] = {name, prior, is_time, help},
    STC_CG_MAP(X)
#undef X
};
const struct stc_coll_term stc_cn_terms[STC_CN_COUNT] = {
#define X(id, name, prior, is_time, help) [STC_CN_##id] = {name, prior, is_time, help},
    STC_CN_MAP(X)
#undef X
};
const struct stc_coll_term stc_cc_terms[STC_CC_COUNT] = {
#define X(id, name, prior, is_time, help) [STC_CC_##id] = {name, prior, is_time, help},
    STC_CC_MAP(X)
#undef X
};

enum { PRIOR_CLOCK_MHZ = 1980 };

double stc_coll_gen_clock_hz(enum stc_gen g)
{
    /* Maximum graphics clocks of the SXM (AMD: OAM) products, makers' data sheets. */
    switch (g) {
    case STC_GEN_VOLTA: return 1.53e9;
    case STC_GEN_TURING: return 1.59e9;
    case STC_GEN_AMPERE: return 1.41e9;
    case STC_GEN_ADA: return 2.52e9;
    case STC_GEN_HOPPER: return 1.98e9;
    case STC_GEN_BLACKWELL: return 1.965e9;
    case STC_GEN_CDNA2: return 1.7e9;
    case STC_GEN_CDNA3: return 2.1e9;
    case STC_GEN_COUNT: break;
    }
    return 1.98e9;
}

/* What differs from InfiniBand, fabric by fabric. A one-way hop under LL is
 * the GPU-to-GPU time of a small message through NCCL's proxy:
 *   roce       InfiniBand + 1 us (NVIDIA perftest figures, RoCE v2 against IB)
 *   efa        SRD: about 15 us + proxy; aws-ofi-nccl tells NCCL 75 us a tree level
 *   opa        host-staged in part (no GPUDirect RDMA by default), PSM2 1 us + copies;
 *              its share of the link is measured, hw/data/fabrics.yaml
 *   tcpx       GPUDirect-TCPX(O): kernel TCP data path on the host
 *   slingshot  as RoCE; NCCL through libfabric
 *   ethernet, socket: kernel TCP, 30 to 60 us; the link's rate is stated as measured
 * Shares of the line rate for sockets are 1 because the catalogue holds measured
 * rates of such links. */
static void net_prior(struct stc_coll_params *p, enum stc_fabric_tech t,
                      double hop_ll_s, double hop_simple_s, double eff, double eff_p2p)
{
    double *v = p->net[t].v;
    for (int i = 0; i < STC_CN_COUNT; i++)
        v[i] = stc_cn_terms[i].prior;
    v[STC_CN_HOP_LL] = hop_ll_s;
    v[STC_CN_HOP_LL128] = 1.5 * hop_ll_s;
    v[STC_CN_HOP_SIMPLE] = hop_simple_s;
    v[STC_CN_EFF] = eff;
    v[STC_CN_EFF_P2P] = eff_p2p;
    p->net[t].n_rows = 0;
}

void stc_coll_params_prior(struct stc_coll_params *p)
{
    memset(p, 0, sizeof *p);
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        for (int i = 0; i < STC_CG_COUNT; i++)
            p->gen[g].v[i] = stc_cg_terms[i].prior;
        p->gen[g].clock_hz = PRIOR_CLOCK_MHZ * 1e6;
        for (int l = 0; l < STC_COLL_LIB_COUNT; l++) {
            struct stc_coll_custom_fit *c = &p->custom[l][g];
            for (int i = 0; i < STC_CC_COUNT; i++)
                c->v[i] = stc_cc_terms[i].prior;
            if (l == STC_COLL_LIB_VLLM_EAGER) c->v[STC_CC_FLOOR] = 25e-6;
            for (int s = 0; s < STC_CUSTOM_SIZES; s++)
                c->max_bytes[s] = 8388608.0;
            c->clock_hz = PRIOR_CLOCK_MHZ * 1e6;
        }
    }
    net_prior(p, STC_FABRIC_IB, 4.5e-6, 14e-6, 0.95, 0.72);
    net_prior(p, STC_FABRIC_ROCE, 5.5e-6, 15e-6, 0.90, 0.70);
    net_prior(p, STC_FABRIC_EFA, 20e-6, 40e-6, 0.85, 0.65);
    net_prior(p, STC_FABRIC_OPA, 6e-6, 18e-6, 0.42, 0.40);
    net_prior(p, STC_FABRIC_TCPX, 25e-6, 50e-6, 0.80, 0.60);
    net_prior(p, STC_FABRIC_SLINGSHOT, 6e-6, 16e-6, 0.88, 0.68);
    net_prior(p, STC_FABRIC_ETHERNET, 30e-6, 60e-6, 0.85, 0.80);
    net_prior(p, STC_FABRIC_SOCKET, 30e-6, 60e-6, 1.0, 1.0);
    for (int f = 0; f < STC_FAMILY_COUNT; f++)
        for (int t = 0; t < STC_TIER_COUNT; t++)
            p->sigma_log[f][t] = 0.10 + 0.12 * t;
    p->use_residual = true;
}

/* Geometric mean of the measured rows; times in clock cycles, so that a slower
 * clock means a longer latency. NVLS terms come from generations that have it. */
static void transfer_gens(struct stc_coll_params *p)
{
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        if (p->gen[g].n_rows > 0) continue;
        double clock_hz = stc_coll_gen_clock_hz((enum stc_gen)g);
        for (int i = 0; i < STC_CG_COUNT; i++) {
            bool nvls =
                i == STC_CG_ADD_NVLS || i == STC_CG_EFF_NVLS || i == STC_CG_FILL_NVLS;
            double sum = 0.0, n = 0.0;
            for (int h = 0; h < STC_GEN_COUNT; h++) {
                if (p->gen[h].n_rows <= 0 || (nvls && h < STC_GEN_HOPPER)) continue;
                double v = p->gen[h].v[i];
                if (stc_cg_terms[i].is_time) v *= p->gen[h].clock_hz / clock_hz;
                sum += log(v);
                n += 1.0;
            }
            if (n > 0.0)
                p->gen[g].v[i] = exp(sum / n);
            else if (stc_cg_terms[i].is_time)
                p->gen[g].v[i] =
                    stc_cg_terms[i].prior * PRIOR_CLOCK_MHZ * 1e6 / clock_hz;
        }
        p->gen[g].clock_hz = clock_hz;
    }
}

static void transfer_custom(struct stc_coll_params *p)
{
    for (int l = 0; l < STC_COLL_LIB_COUNT; l++)
        for (int g = 0; g < STC_GEN_COUNT; g++) {
            struct stc_coll_custom_fit *c = &p->custom[l][g];
            if (c->n_rows > 0) continue;
            double sum[STC_CC_COUNT] = {0}, thr[STC_CUSTOM_SIZES] = {0}, n = 0.0;
            double clock_hz = stc_coll_gen_clock_hz((enum stc_gen)g);
            for (int h = 0; h < STC_GEN_COUNT; h++) {
                const struct stc_coll_custom_fit *m = &p->custom[l][h];
                if (m->n_rows <= 0) continue;
                for (int i = 0; i < STC_CC_COUNT; i++)
                    sum[i] +=
                        log(m->v[i] *
                            (stc_cc_terms[i].is_time ? m->clock_hz / clock_hz : 1.0));
                for (int s = 0; s < STC_CUSTOM_SIZES; s++)
                    thr[s] += log(m->max_bytes[s]);
                n += 1.0;
            }
            if (n <= 0.0) continue;
            for (int i = 0; i < STC_CC_COUNT; i++)
                c->v[i] = exp(sum[i] / n);
            for (int s = 0; s < STC_CUSTOM_SIZES; s++)
                c->max_bytes[s] = exp(thr[s] / n);
            c->clock_hz = clock_hz;
        }
}

void stc_coll_params_index(struct stc_coll_params *p)
{
    for (int i = 0; i < p->n_res; i++) {
        struct stc_coll_res *r = &p->res[i];
        r->log2_ranks = log2((double)r->n_ranks);
        r->log2_nodes = log2((double)r->n_nodes);
        uint32_t key =
            stc_coll_res_key(r->gen, r->lib, r->coll, r->net, r->n_nodes > 1);
        int at = i;
        for (; at > 0 && p->res_key[at - 1] > key; at--) {
            p->res_key[at] = p->res_key[at - 1];
            p->res_of_key[at] = p->res_of_key[at - 1];
        }
        p->res_key[at] = key;
        p->res_of_key[at] = (uint8_t)i;
    }
}

void stc_coll_params_transfer(struct stc_coll_params *p)
{
    stc_coll_params_index(p);
    transfer_gens(p);
    transfer_custom(p);
}
