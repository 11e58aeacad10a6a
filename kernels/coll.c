#include "kernels/coll.h"

#include <assert.h>
#include <math.h>

#include "kernels/coll_alg.h"
#include "kernels/coll_consts.h"
#include "kernels/coll_params.h"

static const struct stc_coll_alg *const algs[] = {
    &stc_coll_alg_ring,       &stc_coll_alg_tree,     &stc_coll_alg_nvls,
    &stc_coll_alg_nvls_tree,  &stc_coll_alg_collnet,  &stc_coll_alg_pat,
    &stc_coll_alg_hier,       &stc_coll_alg_pairwise, &stc_coll_alg_custom_one,
    &stc_coll_alg_custom_two,
};
enum { N_ALGS = sizeof algs / sizeof algs[0] };

static const struct stc_coll_force no_force = STC_COLL_FORCE_INIT;

/* ==== the question, prepared ==== */

static double steps_of(enum stc_coll coll, double n)
{
    switch (coll) {
#define X(id, name, other, bus, steps_) \
 case STC_COLL_##id:                    \
  return (steps_);
#include "kernels/colls.def"
#undef X
    case STC_COLL_COUNT: break;
    }
    return 0.0;
}

/* Ring hops that cross nodes. An all-reduce ring goes round twice; NCCL counts
 * 2 N of its hops as network (tuning.cc, nInterSteps). */
static double net_hops_of(const struct stc_coll_ctx *c)
{
    if (c->nodes <= 1.0) return 0.0;
    if (c->k <= 1.0) return c->steps;
    bool twice = c->coll == STC_COLL_ALL_REDUCE || c->coll == STC_COLL_BARRIER;
    return stc_min2(c->steps, twice ? 2.0 * c->nodes : c->nodes - 1.0);
}

/* Host staging halves PCIe: once in, once out over the same slot. */
enum { SHM_COPIES = 2 };

static double port_rate_Bps(const struct stc_group_shape *g,
                            const struct stc_coll_force *f)
{
    double Bps = g->intra_Bps;
    if (f->p2p_disable && !g->shm && g->pcie_Bps > 0.0)
        Bps = stc_min2(Bps, g->pcie_Bps / SHM_COPIES);
    if (f->max_ctas > 0)
        Bps = stc_min2(Bps, (double)f->max_ctas *
                                stc_nccl_channel_Bps[stc_nccl_row(g->gen)]);
    return Bps;
}

static void ctx_make(struct stc_coll_ctx *c, const struct stc_coll_params *p,
                     const struct stc_group_shape *g, enum stc_coll coll, double bytes,
                     const struct stc_coll_force *f)
{
    const struct stc_coll_gen_fit *fit = &p->gen[g->gen];
    c->p = p;
    c->g = g;
    c->f = f;
    c->cg = fit->v;
    c->cn = p->net[g->net].v;
    c->t_scale =
        fit->n_rows > 0 || g->clock_hz <= 0.0 ? 1.0 : fit->clock_hz / g->clock_hz;
    c->coll = coll;
    c->bytes = coll == STC_COLL_BARRIER ? 0.0 : bytes;
    c->n = (double)g->n_ranks;
    c->nodes = (double)g->n_nodes;
    c->log2_nodes = g->n_nodes > 1 ? log2(c->nodes) : 0.0;
    c->k = (double)g->ranks_per_node;
    c->rf = stc_coll_bus_factor(coll, g->n_ranks);
    c->steps = steps_of(coll, c->n);
    c->hops_net = net_hops_of(c);
    /* A set that NVLink does not connect comes with the host path's rate. */
    bool by_host = g->pcie_Bps > 0.0 && g->intra_Bps <= g->pcie_Bps;
    c->nvlink = !g->shm && !f->p2p_disable && !by_host &&
                (g->intra == STC_INTRA_NVSWITCH || g->intra == STC_INTRA_NVLINK_MESH ||
                 (g->intra == STC_INTRA_NVLINK_PAIRS && g->ranks_per_node <= 2));
    c->port_Bps = port_rate_Bps(g, f);
    c->max_channels = stc_nccl_channels[stc_nccl_row(g->gen)];
    if (f->max_ctas > 0)
        c->max_channels = stc_min2(c->max_channels, (double)f->max_ctas);
    if (f->min_ctas > 0)
        c->max_channels = stc_max2(c->max_channels, (double)f->min_ctas);

    double nics = (double)(g->n_nics > 0 ? g->n_nics : 1);
    c->n_rails = stc_min2(nics, c->k);
    c->rail_Bps = g->nic_Bps * nics / c->n_rails;
    if (g->pcie_Bps > 0.0)
        c->rail_Bps = stc_min2(c->rail_Bps, g->pcie_Bps * c->k / c->n_rails);
    if (g->nic_share > 1.0) c->rail_Bps /= g->nic_share;
    stc_coll_ctx_rates(c);
}

/* ==== the choice ==== */

struct pick {
    const struct stc_coll_alg *alg;
    enum stc_coll_proto proto;
    struct stc_coll_terms t;
    bool forced;
};

static bool allowed(const struct stc_coll_alg *a, enum stc_coll_proto p,
                    const struct stc_coll_force *f, enum stc_coll coll)
{
    /* NCCL_ALGO and NCCL_PROTO do not reach grouped send/recv. */
    if (coll == STC_COLL_ALL_TO_ALL || coll == STC_COLL_SEND_RECV) return true;
    return (f->algo == STC_ALGO_AUTO || f->algo == a->id) &&
           (f->proto == STC_PROTO_AUTO || f->proto == p);
}

/* Whose choice comes first: who asked for the hierarchical form gets it; a
 * library below its own limit does not ask what NCCL would need. */
static int rank_of(const struct stc_coll_alg *a)
{
    if (a->id == STC_ALGO_HIER) return 2;
    return a->id == STC_ALGO_CUSTOM_ONE || a->id == STC_ALGO_CUSTOM_TWO;
}

/* Who may carry it out, in the order in which ties are decided. */
struct choice {
    int n, rank; /* of all that are there; lower ones are left out */
    bool forced;
    struct {
        const struct stc_coll_alg *alg;
        enum stc_coll_proto proto;
    } v[N_ALGS * STC_PROTO_COUNT];
};

static void list_choice(const struct stc_coll_ctx *c, bool obey, struct choice *l)
{
    l->n = 0;
    l->rank = -1;
    for (int i = 0; i < N_ALGS; i++) {
        const struct stc_coll_alg *a = algs[i];
        if ((a->colls >> c->coll & 1) == 0) continue;
        int rank = rank_of(a);
        if (rank < l->rank) continue;
        int last = a->protos == STC_COLL_SIMPLE_ONLY ? STC_PROTO_SIMPLE : 0;
        for (int p = STC_PROTO_COUNT - 1; p >= last; p--) {
            enum stc_coll_proto proto = (enum stc_coll_proto)p;
            if (obey && !allowed(a, proto, c->f, c->coll)) continue;
            if (!a->applies(c, proto)) continue;
            if (rank > l->rank) l->n = 0;
            l->rank = rank;
            l->v[l->n].alg = a;
            l->v[l->n++].proto = proto;
        }
    }
}

static void choices_of(const struct stc_coll_ctx *c, struct choice *l)
{
    l->forced = c->f->algo != STC_ALGO_AUTO || c->f->proto != STC_PROTO_AUTO;
    list_choice(c, l->forced, l);
    if (l->n > 0 || !l->forced) return;
    list_choice(c, false, l);
    l->forced = false;
}

/* The cheapest, of equals the first. There is always one: tests/test_coll.c asks for all. */
static void choose(const struct stc_coll_ctx *c, const struct choice *l,
                   struct pick *best)
{
    struct stc_coll_terms t[2];
    int at = 0, spare = 1;
    l->v[0].alg->time_s(c, l->v[0].proto, &t[0]);
    double best_s = t[0].latency_s + t[0].bw_s;
    for (int i = 1; i < l->n; i++) {
        l->v[i].alg->time_s(c, l->v[i].proto, &t[spare]);
        double s = t[spare].latency_s + t[spare].bw_s;
        if (s >= best_s) continue;
        best_s = s;
        at = i;
        spare = 1 - spare;
    }
    best->alg = l->v[at].alg;
    best->proto = l->v[at].proto;
    best->t = t[1 - spare];
    best->forced = l->forced;
}

/* ==== the residual ==== */

struct res_hit {
    double log_ratio;
    double lo_log_ratio, hi_log_ratio; /* at the grid points around */
    double lo_bytes, hi_bytes, frac;
    double distance; /* log2 units; -1: none */
    bool exact, outside;
};

/* The grid points around c->bytes. */
struct res_at {
    int i;
    double frac, log2_bytes;
};

static struct res_at grid_at(const struct stc_coll_ctx *c)
{
    struct res_at at;
    at.log2_bytes = log2(c->bytes);
    double pos = (at.log2_bytes - STC_RES_LOG2_MIN) * STC_RES_PER_OCTAVE;
    pos = stc_min2(stc_max2(pos, 0.0), (double)(STC_RES_POINTS - 1) - 1e-9);
    at.i = (int)pos;
    at.frac = pos - (double)at.i;
    return at;
}

static bool outside_of(const struct stc_coll_res *r, double bytes)
{
    return bytes < 0.99 * r->min_bytes || bytes > 1.01 * r->max_bytes;
}

static int first_of(const struct stc_coll_params *p, uint32_t key)
{
    int first = 0;
    for (int n = p->n_res; n > 0;) {
        int half = n / 2;
        bool after = p->res_key[first + half] < key;
        first += after ? half + 1 : 0;
        n = after ? n - half - 1 : half;
    }
    return first;
}

/* The series of these very ranks and nodes speaks alone. Else a weighted mean
 * of those of its kind: the weight falls as a bell over one doubling of ranks
 * or nodes, and what is said fades likewise, so that far series say nothing. */
static double series_mix(const struct stc_coll_ctx *c, int i, struct res_hit *h)
{
    uint32_t key =
        stc_coll_res_key(c->g->gen, c->f->lib, c->coll, c->g->net, c->nodes > 1.0);
    double sum_w = 0.0, nearest2 = INFINITY, log2_n = -1.0;
    const int n = c->p->n_res;
    for (int s = first_of(c->p, key); s < n && c->p->res_key[s] == key; s++) {
        const struct stc_coll_res *r = &c->p->res[c->p->res_of_key[s]];
        if (r->n_ranks == c->g->n_ranks && r->n_nodes == c->g->n_nodes) {
            h->lo_log_ratio = (double)r->log_ratio[i];
            h->hi_log_ratio = (double)r->log_ratio[i + 1];
            h->outside = outside_of(r, c->bytes);
            return 0.0;
        }
        if (log2_n < 0.0) log2_n = log2(c->n);
        double dn = r->log2_ranks - log2_n, dk = r->log2_nodes - c->log2_nodes;
        double d2 = dn * dn + dk * dk;
        double w = exp(-2.0 * d2), said = w * exp(-0.5 * d2);
        h->lo_log_ratio += said * (double)r->log_ratio[i];
        h->hi_log_ratio += said * (double)r->log_ratio[i + 1];
        sum_w += w;
        if (d2 < nearest2) {
            nearest2 = d2;
            h->outside = d2 > 1.0 || outside_of(r, c->bytes);
        }
    }
    if (sum_w <= 0.0) return -1.0;
    h->lo_log_ratio /= sum_w;
    h->hi_log_ratio /= sum_w;
    return sqrt(nearest2);
}

static void residual(const struct stc_coll_ctx *c, struct res_hit *h)
{
    *h = (struct res_hit){.distance = -1.0};
    if (!c->p->use_residual || !c->nvlink || c->bytes <= 0.0) return;
    if (c->g->intra != STC_INTRA_NVSWITCH && c->k > 1.0) return;
    struct res_at at = grid_at(c);
    double nearest = series_mix(c, at.i, h);
    if (nearest < 0.0) {
        *h = (struct res_hit){.distance = -1.0};
        return;
    }
    h->log_ratio = h->lo_log_ratio + at.frac * (h->hi_log_ratio - h->lo_log_ratio);
    h->frac = at.frac;
    h->lo_bytes = (double)(INT64_C(1) << (at.i / 2 + STC_RES_LOG2_MIN)) *
                  ((at.i & 1) != 0 ? 1.41421356237309515 : 1.0);
    h->hi_bytes = h->lo_bytes * 1.41421356237309515;
    double off = fabs(at.log2_bytes - nearbyint(at.log2_bytes));
    h->distance = stc_max2(nearest, off);
    h->exact = nearest < 1e-9 && off < 0.2;
}

static double seconds_at(const struct stc_coll_ctx *c, const struct choice *l,
                         double bytes)
{
    struct stc_coll_ctx at = *c;
    struct choice other;
    at.bytes = bytes;
    if (c->f->lib != STC_COLL_LIB_NCCL) {
        choices_of(&at, &other);
        l = &other;
    }
    struct pick k;
    choose(&at, l, &k);
    return k.t.latency_s + k.t.bw_s;
}

/* Formula × residual. Where the residual falls between two grid points, the
 * product could dip; there the two ends are joined by a power law instead, so
 * that more bytes never take less time. */
static double with_residual(const struct stc_coll_ctx *c, const struct choice *l,
                            const struct pick *k, const struct res_hit *h)
{
    double physics_s = k->t.latency_s + k->t.bw_s;
    if (h->distance < 0.0) return physics_s;
    if (h->hi_log_ratio >= h->lo_log_ratio || c->bytes <= h->lo_bytes ||
        c->bytes >= h->hi_bytes)
        return physics_s * exp(h->log_ratio);
    double lo_s = seconds_at(c, l, h->lo_bytes), hi_s = seconds_at(c, l, h->hi_bytes);
    return lo_s * exp(h->log_ratio + h->frac * log(hi_s / lo_s));
}

/* ==== the estimate ==== */

static enum stc_family family_of(const struct stc_coll_ctx *c, const struct pick *k)
{
    if (c->coll == STC_COLL_SEND_RECV) return STC_FAMILY_P2P;
    if (c->nodes > 1.0) return STC_FAMILY_COLL_NET;
    (void)k;
    return c->f->lib != STC_COLL_LIB_NCCL ? STC_FAMILY_COLL_CUSTOM
                                          : STC_FAMILY_COLL_NVLINK;
}

static enum stc_tier tier_of(const struct stc_coll_ctx *c, const struct res_hit *h,
                             bool asked)
{
    bool fitted = c->nvlink && c->p->gen[c->g->gen].n_rows > 0;
    bool net_fitted = c->nodes <= 1.0 || c->p->net[c->g->net].n_rows > 0;
    if (h->distance >= 0.0 && !asked && !h->outside)
        return h->exact ? STC_TIER_MEASURED : STC_TIER_INTERPOLATED;
    if ((fitted || c->k <= 1.0) && net_fitted) return STC_TIER_INTERPOLATED;
    if (c->nvlink || net_fitted) return STC_TIER_TRANSFERRED;
    return STC_TIER_PRIOR;
}

/* NCCL gives a channel at least 64 kB under Simple, less under LL and LL128
 * (thread thresholds of 64, 8 B … × threads), before it opens the next. */
static int channels_of(const struct stc_coll_ctx *c, const struct pick *k)
{
    static const double per_channel_bytes[STC_PROTO_COUNT] = {4096.0, 4800.0, 65536.0};
    double most = c->max_channels;
    if (k->alg->id == STC_ALGO_NVLS || k->alg->id == STC_ALGO_NVLS_TREE)
        most = stc_min2(most, 16.0);
    if (c->k <= 1.0) most = stc_min2(most, 4.0 * c->n_rails);
    double want = ceil(c->bytes / c->n / per_channel_bytes[k->proto]);
    double n = stc_min2(most, stc_max2(1.0, want));
    if (c->f->min_ctas > 0) n = stc_max2(n, (double)c->f->min_ctas);
    return (int)n;
}

/* vLLM without CUDA graphs: the input is copied into the shared buffer, and the
 * host needs floor_s to launch. */
static double eager_s(const struct stc_coll_ctx *c, double seconds)
{
    if (c->f->lib != STC_COLL_LIB_VLLM_EAGER || c->coll != STC_COLL_ALL_REDUCE ||
        c->nodes > 1.0)
        return seconds;
    const double *v = c->p->custom[c->f->lib][c->g->gen].v;
    if (c->g->mem_Bps > 0.0)
        seconds += 2.0 * c->bytes / (c->g->mem_Bps * v[STC_CC_EFF_COPY]);
    return stc_max2(seconds, v[STC_CC_FLOOR]);
}

static void shape_check(const struct stc_group_shape *g)
{
    assert(g->n_ranks >= 1 && g->n_nodes >= 1 && g->ranks_per_node >= 1);
    assert(g->n_nodes * g->ranks_per_node >= g->n_ranks);
    assert(g->ranks_per_node == 1 || g->intra_Bps > 0.0);
    assert(g->n_nodes == 1 || g->nic_Bps > 0.0);
    (void)g;
}

/* Shares of the specification's rates that the flows reach. */
static void set_eff(const struct stc_coll_ctx *c, struct stc_coll_terms *t)
{
    double rail_Bps = c->g->nic_Bps * (double)c->g->n_nics / c->n_rails;
    t->eff_intra =
        t->intra_s > 0.0 ? t->intra_bytes / (c->g->intra_Bps * t->intra_s) : 1.0;
    t->eff_net = t->net_s > 0.0 ? t->net_bytes / (rail_Bps * t->net_s) : 1.0;
}

static void fill_est(const struct stc_coll_ctx *c, const struct choice *l,
                     struct pick *k, const struct res_hit *h, struct stc_coll_est *out)
{
    double physics_s = eager_s(c, k->t.latency_s + k->t.bw_s);
    set_eff(c, &k->t);
    /* Eager adds to the formula; the residual of its series is over the sum. */
    double s = c->f->lib == STC_COLL_LIB_VLLM_EAGER && h->distance >= 0.0
                   ? physics_s * exp(h->log_ratio)
                   : with_residual(c, l, k, h);
    out->seconds = h->distance >= 0.0 ? s : physics_s;
    out->physics_s = physics_s;
    out->residual = out->seconds / physics_s;
    double bw_s = k->t.bw_s * out->residual;
    out->latency_s = out->seconds - bw_s;
    out->bytes_per_rank =
        stc_max2(k->t.intra_bytes, c->nodes > 1.0 ? k->t.net_bytes : 0.0);
    out->net_bytes = k->t.net_bytes;
    out->bus_Bps = c->bytes * c->rf / out->seconds;
    out->eff_intra = k->t.eff_intra / out->residual;
    out->eff_net = k->t.eff_net / out->residual;
    out->algo = k->alg->id;
    out->proto = k->proto;
    out->forced = k->forced;
    out->n_channels = channels_of(c, k);
    out->distance = h->distance;
    out->outside = h->outside;
    out->family = family_of(c, k);
    bool asked = k->forced || c->f->max_ctas > 0 || c->f->p2p_disable;
    out->tier = tier_of(c, h, asked);
    out->sigma_log = c->p->sigma_log[out->family][out->tier];
}

static void ask(const struct stc_coll_ctx *c, struct pick *k, struct stc_coll_est *out)
{
    struct choice l;
    choices_of(c, &l);
    choose(c, &l, k);
    struct res_hit h = {.distance = -1.0};
    /* Measurements were taken with NCCL's own choice: they say nothing of another. */
    if (!k->forced && c->f->max_ctas == 0) residual(c, &h);
    fill_est(c, &l, k, &h, out);
}

static bool trivial(const struct stc_group_shape *g, enum stc_coll coll, double bytes)
{
    return g->n_ranks <= 1 || (bytes <= 0.0 && coll != STC_COLL_BARRIER);
}

void stc_coll_time(const struct stc_coll_params *p, const struct stc_group_shape *g,
                   enum stc_coll coll, double bytes, const struct stc_coll_force *force,
                   struct stc_coll_est *out)
{
    shape_check(g);
    assert(bytes >= 0.0);
    *out = (struct stc_coll_est){
        .residual = 1.0, .eff_intra = 1.0, .eff_net = 1.0, .distance = -1.0};
    if (trivial(g, coll, bytes)) return;
    struct stc_coll_ctx c;
    struct pick k;
    ctx_make(&c, p, g, coll, bytes, force != NULL ? force : &no_force);
    ask(&c, &k, out);
}

int stc_coll_candidates(const struct stc_coll_params *p,
                        const struct stc_group_shape *g, enum stc_coll coll,
                        double bytes, const struct stc_coll_force *force,
                        struct stc_coll_candidate out[STC_COLL_CANDIDATES])
{
    shape_check(g);
    if (trivial(g, coll, bytes)) return 0;
    struct stc_coll_ctx c;
    struct choice l;
    struct pick k;
    int n = 0;
    ctx_make(&c, p, g, coll, bytes, force != NULL ? force : &no_force);
    choices_of(&c, &l);
    choose(&c, &l, &k);
    for (int i = 0; i < N_ALGS; i++)
        for (int proto = 0; proto < STC_PROTO_COUNT && n < STC_COLL_CANDIDATES;
             proto++) {
            const struct stc_coll_alg *a = algs[i];
            if ((a->colls >> coll & 1) == 0 || (a->protos >> proto & 1) == 0) continue;
            if (!a->applies(&c, (enum stc_coll_proto)proto)) continue;
            struct stc_coll_terms t;
            a->time_s(&c, (enum stc_coll_proto)proto, &t);
            out[n++] = (struct stc_coll_candidate){
                .algo = a->id,
                .proto = (enum stc_coll_proto)proto,
                .latency_s = t.latency_s,
                .bw_s = t.bw_s,
                .intra_bytes = t.intra_bytes,
                .net_bytes = t.net_bytes,
                .chosen = a == k.alg && (int)k.proto == proto,
            };
        }
    return n;
}

enum stc_err stc_coll_emit(const struct stc_coll_params *p,
                           const struct stc_group_shape *g, enum stc_coll coll,
                           double bytes, const struct stc_coll_force *force,
                           struct stc_coll_flows *out)
{
    shape_check(g);
    out->v = NULL;
    out->n = out->cap = 0;
    out->start_latency_s = 0.0;
    out->eff_intra = out->eff_net = 1.0;
    if (trivial(g, coll, bytes)) return STC_OK;
    struct stc_group_shape alone = *g;
    alone.nic_share = 1.0; /* the engine shares the NICs */
    struct stc_coll_ctx c;
    struct pick k;
    struct stc_coll_est est;
    ctx_make(&c, p, &alone, coll, bytes, force != NULL ? force : &no_force);
    ask(&c, &k, &est);
    out->start_latency_s = est.latency_s;
    out->eff_intra = est.eff_intra;
    out->eff_net = est.eff_net;
    return k.alg->emit(&c, &k.t, out);
}
