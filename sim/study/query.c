/* query.c - see query.h. */
#include "sim/study/query_int.h"

#include "sim/run/place.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double z90 = 1.6448536269514722; /* 95th percentile of a normal */

/* ==== fill: what the keys mean ==== */

static enum stc_err dtype_of(const char *key, const char *name, enum stc_dtype *out,
                             struct stc_diag *diag)
{
    const char *names[STC_DTYPE_COUNT];
    char near[160];
    if (stc_dtype_parse(name, out)) return STC_OK;
    for (int i = 0; i < STC_DTYPE_COUNT; i++)
        names[i] = stc_dtype_info((enum stc_dtype)i)->name;
    return stc_fail(diag, STC_ERR_UNKNOWN, "%s: \"%s\" is no number format%s", key,
                    name,
                    stc_near_text(name, names, STC_DTYPE_COUNT, near, sizeof near));
}

static enum stc_err fill_gemm(struct stc_query *q, const struct stc_hw *hw,
                              struct stc_diag *diag)
{
    const struct stc_query_said *s = &q->said;
    (void)hw;
    q->q.gemm = (struct stc_gemm_q){.m = s->m,
                                    .n = s->n,
                                    .k = s->k,
                                    .batch = s->batch,
                                    .layout = (enum stc_gemm_layout)s->layout,
                                    .regime = (enum stc_regime)s->regime,
                                    .accumulate = s->accumulate};
    return dtype_of("dtype", s->dtype, &q->q.gemm.dtype, diag);
}

static enum stc_err fill_attention(struct stc_query *q, const struct stc_hw *hw,
                                   struct stc_diag *diag)
{
    const struct stc_query_said *s = &q->said;
    struct stc_attn_q *a = &q->q.attn;
    (void)hw;
    q->both = s->phase == STC_QUERY_PHASE_BOTH;
    *a = (struct stc_attn_q){.batch = s->batch,
                             .q_len = s->q_len,
                             .kv_len = s->kv_len,
                             .heads = s->heads,
                             .kv_heads = s->kv_heads,
                             .head_dim = s->head_dim,
                             .head_dim_v = s->head_dim_v,
                             .window = s->window,
                             .causal = s->causal,
                             .phase =
                                 q->both ? STC_ATTN_FWD : (enum stc_attn_phase)s->phase,
                             .impl = (enum stc_attn_impl)s->impl,
                             .regime = (enum stc_regime)s->regime};
    if (a->q_len == 0) a->q_len = a->phase == STC_ATTN_DECODE ? 1 : a->kv_len;
    if (a->kv_heads == 0) a->kv_heads = a->heads;
    if (a->kv_heads > a->heads || a->heads % a->kv_heads != 0)
        return stc_fail(diag, STC_ERR_RANGE, "kv_heads: %lld do not divide %lld heads",
                        (long long)a->kv_heads, (long long)a->heads);
    enum stc_err err = dtype_of("dtype", s->dtype, &a->dtype, diag);
    if (err != STC_OK) return err;
    return dtype_of("kv_dtype", s->kv_dtype[0] ? s->kv_dtype : s->dtype, &a->kv_dtype,
                    diag);
}

static enum stc_err fill_grouped(struct stc_query *q, const struct stc_hw *hw,
                                 struct stc_diag *diag)
{
    const struct stc_query_said *s = &q->said;
    (void)hw;
    q->q.grouped = (struct stc_grouped_q){.m_total = s->m,
                                          .n = s->n,
                                          .k = s->k,
                                          .groups = s->groups,
                                          .imbalance = s->imbalance,
                                          .layout = (enum stc_gemm_layout)s->layout,
                                          .regime = (enum stc_regime)s->regime};
    return dtype_of("dtype", s->dtype, &q->q.grouped.dtype, diag);
}

static enum stc_err fill_moe(struct stc_query *q, const struct stc_hw *hw,
                             struct stc_diag *diag)
{
    const struct stc_query_said *s = &q->said;
    (void)hw;
    q->q.moe = (struct stc_moe_q){.tokens = s->tokens,
                                  .hidden = s->hidden,
                                  .ffn = s->ffn,
                                  .topk = s->topk,
                                  .experts = s->experts,
                                  .moe_tp = s->moe_tp,
                                  .moe_ep = s->moe_ep,
                                  .alpha = s->alpha,
                                  .gated = s->gated,
                                  .regime = (enum stc_regime)s->regime};
    if (s->topk > s->experts)
        return stc_fail(diag, STC_ERR_RANGE, "topk: %lld of %lld experts",
                        (long long)s->topk, (long long)s->experts);
    return dtype_of("dtype", s->dtype, &q->q.moe.dtype, diag);
}

static enum stc_err fill_membound(struct stc_query *q, const struct stc_hw *hw,
                                  struct stc_diag *diag)
{
    const struct stc_query_said *s = &q->said;
    (void)hw;
    q->q.mem = (struct stc_mem_q){.read_bytes = s->read_bytes,
                                  .write_bytes = s->write_bytes,
                                  .n_launches = s->launches,
                                  .kind = (enum stc_memk)s->pass,
                                  .regime = (enum stc_regime)s->regime,
                                  .l2_resident = s->l2_resident,
                                  .norm = (enum stc_norm)s->norm,
                                  .rows = s->rows,
                                  .cols = s->cols};
    if (s->read_bytes + s->write_bytes > 0) return STC_OK;
    return stc_fail(diag, STC_ERR_RANGE,
                    "read: neither bytes read nor written; read=1GB write=1GB would be "
                    "right");
}

static enum stc_err fill_copy(struct stc_query *q, const struct stc_hw *hw,
                              struct stc_diag *diag)
{
    (void)hw, (void)diag;
    q->q.copy = (struct stc_copy_q){q->said.bytes, (enum stc_copy_dir)q->said.direction,
                                    q->said.pinned};
    return STC_OK;
}

static enum stc_err fill_launch(struct stc_query *q, const struct stc_hw *hw,
                                struct stc_diag *diag)
{
    (void)hw, (void)diag;
    q->q.launch.n = q->said.launches;
    q->q.launch.graph = q->said.graph;
    return STC_OK;
}

/* ==== fill: collectives ==== */

static enum stc_err fill_force(const struct stc_query_said *s, struct stc_query_coll *c,
                               struct stc_diag *diag)
{
    c->force = (struct stc_coll_force)STC_COLL_FORCE_INIT;
    c->force.min_ctas = s->min_ctas;
    c->force.max_ctas = s->max_ctas;
    c->force.p2p_disable = !s->p2p;
    c->force.collnet_enable = s->sharp;
    if (!stc_coll_parse(s->collective, &c->coll)) {
        const char *names[STC_COLL_COUNT];
        char near[160];
        for (int i = 0; i < STC_COLL_COUNT; i++)
            names[i] = stc_coll_name((enum stc_coll)i);
        return stc_fail(
            diag, STC_ERR_UNKNOWN, "collective: \"%s\" is not known%s", s->collective,
            stc_near_text(s->collective, names, STC_COLL_COUNT, near, sizeof near));
    }
    if (!stc_coll_lib_parse(s->library, &c->force.lib))
        return stc_fail(diag, STC_ERR_UNKNOWN,
                        "library: \"%s\" is not known; nccl, trtllm, vllm, vllm-eager",
                        s->library);
    if (s->algo[0] && !stc_coll_algo_parse(s->algo, &c->force.algo))
        return stc_fail(diag, STC_ERR_UNKNOWN,
                        "algo: \"%s\" is not known; Ring, Tree, NVLS, NVLSTree",
                        s->algo);
    if (s->proto[0] && !stc_coll_proto_parse(s->proto, &c->force.proto))
        return stc_fail(diag, STC_ERR_UNKNOWN,
                        "proto: \"%s\" is not known; LL, LL128, Simple", s->proto);
    return STC_OK;
}

static enum stc_err find_cluster(const struct stc_query *q, const struct stc_hw *hw,
                                 struct stc_cluster *out, struct stc_diag *diag)
{
    const struct stc_query_said *s = &q->said;
    struct stc_cluster_ask ask = {.use = s->node[0] ? s->node : NULL,
                                  .gpu = q->gpu->name,
                                  .fabric = s->fabric[0] ? s->fabric : NULL,
                                  .n_nodes = s->nodes > 1 ? s->nodes : 1,
                                  .gpus_per_node = s->gpus_per_node,
                                  .nics_per_node = s->nics,
                                  .nic_Bps = s->nic_Bps};
    enum stc_err err = stc_cluster_resolve(hw, &ask, out, diag);
    if (err != STC_OK || s->nodes > 0) return err;
    ask.n_nodes = (s->ranks + out->node.n_gpus - 1) / out->node.n_gpus;
    return stc_cluster_resolve(hw, &ask, out, diag);
}

/* The members of the first node give the ports; the rest is counting. */
static void fill_shape(const struct stc_query_said *s, const struct stc_cluster *c,
                       struct stc_group_shape *g)
{
    int domain = stc_cluster_nvlink_domain_gpus(c);
    int nodes = s->nodes > 0 ? s->nodes : (s->ranks + domain - 1) / domain;
    int per = (s->ranks + nodes - 1) / nodes;
    struct stc_place place = {.cluster = c};
    struct stc_group first = {.first = 0, .stride = 1, .n = per, .block = per};
    stc_place_shape(&place, &first, g);
    g->n_ranks = s->ranks;
    g->n_nodes = nodes;
    g->ranks_per_node = per;
}

static enum stc_err fill_collective(struct stc_query *q, const struct stc_hw *hw,
                                    struct stc_diag *diag)
{
    const struct stc_query_said *s = &q->said;
    struct stc_query_coll *c = &q->q.coll;
    struct stc_cluster cluster;
    enum stc_err err = fill_force(s, c, diag);
    if (err == STC_OK && s->nodes > s->ranks)
        err = stc_fail(diag, STC_ERR_RANGE, "nodes: %d ranks cannot spread over %d",
                       s->ranks, s->nodes);
    if (err == STC_OK) err = find_cluster(q, hw, &cluster, diag);
    if (err != STC_OK) return err;
    cluster.p2p = cluster.p2p && s->p2p;
    c->bytes = s->bytes;
    fill_shape(s, &cluster, &c->shape);
    if (c->shape.ranks_per_node > stc_cluster_nvlink_domain_gpus(&cluster))
        return stc_fail(diag, STC_ERR_RANGE,
                        "nodes: %d ranks do not fit on %d nodes of %d GPUs", s->ranks,
                        c->shape.n_nodes, stc_cluster_nvlink_domain_gpus(&cluster));
    return STC_OK;
}

/* ==== time ==== */

static void time_gemm(const struct stc_query *q, const struct stc_cost *c,
                      struct stc_est *out)
{
    stc_cost_gemm(c, q->gpu, &q->q.gemm, out);
}

static void time_attention(const struct stc_query *q, const struct stc_cost *c,
                           struct stc_est *out)
{
    stc_cost_attn(c, q->gpu, &q->q.attn, out);
    if (!q->both) return;
    struct stc_attn_q back = q->q.attn;
    struct stc_est e;
    back.phase = STC_ATTN_BWD;
    stc_cost_attn(c, q->gpu, &back, &e);
    double plain = out->seconds / out->residual + e.seconds / e.residual;
    /* the backward is most of it: family, tier and bound are its own */
    e.sigma_log = hypot(out->sigma_log * out->seconds, e.sigma_log * e.seconds) /
                  (out->seconds + e.seconds);
    e.seconds += out->seconds;
    e.physics_s += out->physics_s;
    e.flop += out->flop;
    e.bytes += out->bytes;
    e.residual = e.seconds / plain;
    e.efficiency = e.physics_s / plain;
    *out = e;
}

static void time_grouped(const struct stc_query *q, const struct stc_cost *c,
                         struct stc_est *out)
{
    stc_cost_grouped(c, q->gpu, &q->q.grouped, out);
}

static void time_moe(const struct stc_query *q, const struct stc_cost *c,
                     struct stc_est *out)
{
    stc_cost_moe(c, q->gpu, &q->q.moe, out);
}

static void time_membound(const struct stc_query *q, const struct stc_cost *c,
                          struct stc_est *out)
{
    stc_cost_membound(c, q->gpu, &q->q.mem, out);
}

static void time_copy(const struct stc_query *q, const struct stc_cost *c,
                      struct stc_est *out)
{
    stc_cost_host_copy(c, q->gpu, &q->q.copy, out);
}

static void time_launch(const struct stc_query *q, const struct stc_cost *c,
                        struct stc_est *out)
{
    stc_cost_launch(c, q->gpu, q->q.launch.n, q->q.launch.graph, out);
}

static void time_collective(const struct stc_query *q, const struct stc_run_params *p,
                            struct stc_query_answer *out)
{
    const struct stc_query_coll *c = &q->q.coll;
    struct stc_coll_est *e = &out->coll;
    stc_coll_time(p->coll, &c->shape, c->coll, c->bytes, &c->force, e);
    out->seconds = e->seconds;
    out->plain_s = e->physics_s;
    out->sigma_log = e->sigma_log;
    out->tier = e->tier;
    out->family = e->family;
}

/* ==== kinds ==== */

static const struct {
    const char *name, *about;
    enum stc_err (*fill)(struct stc_query *q, const struct stc_hw *hw,
                         struct stc_diag *diag);
    void (*time)(const struct stc_query *q, const struct stc_cost *c,
                 struct stc_est *out); /* NULL: a collective */
} kinds[STC_QUERY_COUNT] = {
    [STC_QUERY_GEMM] = {"gemm", "one matrix product", fill_gemm, time_gemm},
    [STC_QUERY_ATTENTION] = {"attention", "fused or unfused attention, a pass of it",
                             fill_attention, time_attention},
    [STC_QUERY_GROUPED] = {"grouped", "products of all local experts in one launch",
                           fill_grouped, time_grouped},
    [STC_QUERY_MOE] = {"moe", "the expert products of one layer on one rank", fill_moe,
                       time_moe},
    [STC_QUERY_MEMBOUND] = {"membound", "a kernel that only moves memory",
                            fill_membound, time_membound},
    [STC_QUERY_COLLECTIVE] = {"collective", "communication of a group of GPUs",
                              fill_collective, NULL},
    [STC_QUERY_COPY] = {"copy", "bytes between host and GPU", fill_copy, time_copy},
    [STC_QUERY_LAUNCH] = {"launch", "starts of kernels on one stream", fill_launch,
                          time_launch},
};

const char *stc_query_kind_name(enum stc_qkind k)
{
    return kinds[k].name;
}

const char *stc_query_kind_about(enum stc_qkind k)
{
    return kinds[k].about;
}

const struct stc_bind_table *stc_query_keys(enum stc_qkind k)
{
    return &stc_query_tables[k];
}

enum stc_err stc_query_kind_find(const char *name, enum stc_qkind *out,
                                 struct stc_diag *diag)
{
    const char *names[STC_QUERY_COUNT];
    char near[160];
    for (int i = 0; i < STC_QUERY_COUNT; i++) {
        names[i] = kinds[i].name;
        if (strcmp(names[i], name) == 0) {
            *out = (enum stc_qkind)i;
            return STC_OK;
        }
    }
    stc_near_text(name, names, STC_QUERY_COUNT, near, sizeof near);
    return stc_fail(diag, STC_ERR_UNKNOWN, "%s: no such operator%s", name,
                    near[0] ? near
                            : "; gemm, attention, grouped, moe, membound, collective, "
                              "copy or launch would be right");
}

void stc_query_init(struct stc_query *q, enum stc_qkind kind)
{
    struct stc_diag none;
    memset(q, 0, sizeof *q);
    q->kind = kind;
    /* the defaults are constants of this program: they convert */
    (void)!stc_bind_defaults(&stc_query_tables[kind], &q->said, NULL, &none);
}

enum stc_err stc_query_set(struct stc_query *q, const char *key, const char *value,
                           struct stc_diag *diag)
{
    return stc_bind_set(&stc_query_tables[q->kind], &q->said, key, value, &q->seen,
                        NULL, diag);
}

enum stc_err stc_query_resolve(struct stc_query *q, const struct stc_hw *hw,
                               struct stc_diag *diag)
{
    const struct stc_bind_table *t = &stc_query_tables[q->kind];
    for (int i = 0; i < t->n_rows; i++)
        if ((t->rows[i].flags & STC_BIND_REQUIRED) && !stc_bind_is_seen(&q->seen, i))
            return stc_fail(diag, STC_ERR_PARSE, "%s: %s is missing: %s=..., %s",
                            kinds[q->kind].name, t->rows[i].key, t->rows[i].key,
                            t->rows[i].help);
    enum stc_err err = stc_hw_find_gpu(hw, q->said.gpu, &q->gpu, diag);
    return err == STC_OK ? kinds[q->kind].fill(q, hw, diag) : err;
}

void stc_query_time(const struct stc_query *q, const struct stc_run_params *p,
                    struct stc_query_answer *out)
{
    memset(out, 0, sizeof *out);
    if (kinds[q->kind].time) {
        kinds[q->kind].time(q, p->cost, &out->est);
        out->seconds = out->est.seconds;
        out->plain_s = out->est.seconds / out->est.residual;
        out->sigma_log = out->est.sigma_log;
        out->tier = (enum stc_tier)out->est.tier;
        out->family = (enum stc_family)out->est.family;
    } else {
        time_collective(q, p, out);
    }
    out->lo90_s = out->seconds * exp(-z90 * out->sigma_log);
    out->hi90_s = out->seconds * exp(z90 * out->sigma_log);
}

void stc_query_write(const struct stc_query *q, struct stc_text *out)
{
    const struct stc_bind_table *t = &stc_query_tables[q->kind];
    stc_text_put(out, kinds[q->kind].name);
    for (int i = 0; i < t->n_rows; i++) {
        if (!stc_bind_is_seen(&q->seen, i)) continue;
        stc_text_printf(out, " %s=", t->rows[i].key);
        stc_bind_get_text(&t->rows[i], &q->said, out);
    }
}
