/* optime.c - see optime.h. */
#include "sim/run/optime.h"

#include "models/build_int.h"

#include <assert.h>
#include <math.h>
static const uint8_t memk_of[STC_MEMOP_COUNT] = {
    [STC_MEMOP_COPY] = STC_MEMK_COPY,
    [STC_MEMOP_NORM_FWD] = STC_MEMK_NORM_FWD,
    [STC_MEMOP_NORM_BWD] = STC_MEMK_NORM_BWD,
    [STC_MEMOP_ELEMENTWISE] = STC_MEMK_ELEMENTWISE,
    [STC_MEMOP_ACTIVATION] = STC_MEMK_GELU,
    [STC_MEMOP_DROPOUT_ADD] = STC_MEMK_DROPOUT_ADD,
    [STC_MEMOP_SOFTMAX] = STC_MEMK_SOFTMAX,
    [STC_MEMOP_ROTARY] = STC_MEMK_ROTARY,
    [STC_MEMOP_XENT] = STC_MEMK_XENT,
    [STC_MEMOP_EMBED_FWD] = STC_MEMK_EMBED,
    [STC_MEMOP_EMBED_BWD] = STC_MEMK_EMBED,
    [STC_MEMOP_CAST] = STC_MEMK_CAST,
    [STC_MEMOP_OPTIMIZER] = STC_MEMK_ADAM,
    [STC_MEMOP_REDUCE] = STC_MEMK_REDUCE,
    [STC_MEMOP_PERMUTE] = STC_MEMK_PERMUTE};

static const uint8_t axis_part[STC_AXIS_COUNT] = {
    [STC_AXIS_TP] = STC_PART_TP_COMM,    [STC_AXIS_CP] = STC_PART_CP_COMM,
    [STC_AXIS_DP] = STC_PART_DP_COMM,    [STC_AXIS_DPCP] = STC_PART_DP_COMM,
    [STC_AXIS_PP] = STC_PART_PP_COMM,    [STC_AXIS_EP] = STC_PART_EP_COMM,
    [STC_AXIS_ETP] = STC_PART_EP_COMM,   [STC_AXIS_EDP] = STC_PART_DP_COMM,
    [STC_AXIS_SHARD] = STC_PART_DP_COMM, [STC_AXIS_REPLICA] = STC_PART_DP_COMM,
    [STC_AXIS_EMBED] = STC_PART_PP_COMM, [STC_AXIS_WORLD] = STC_PART_DP_COMM};

static enum stc_gemm_layout gemm_layout(const struct stc_op *op)
{
    return op->pass == STC_PASS_WGRAD   ? STC_GEMM_NT
           : op->pass == STC_PASS_DGRAD ? STC_GEMM_NN
                                        : STC_GEMM_TN;
}

static void cost_gemm(const struct stc_optime *t, const struct stc_op *op,
                      struct stc_est *out)
{
    const struct stc_shape_gemm *g = &op->shape.gemm;
    struct stc_gemm_q q = {.m = g->m,
                           .n = g->n,
                           .k = g->k,
                           .batch = g->batch,
                           .dtype = (enum stc_dtype)op->dtype,
                           .layout = gemm_layout(op),
                           .regime = STC_REGIME_IN_SITU,
                           .quantized = true, /* casts are operators of their own */
                           .accumulate = op->pass == STC_PASS_WGRAD &&
                                         t->s->stack.wgrad_accum_fused};
    stc_cost_gemm(t->p->cost, &t->s->cluster.gpu, &q, out);
}

/* By stack.attention_kernel. */
static const uint8_t impls[] = {STC_ATTN_FLASH, STC_ATTN_FLASH2, STC_ATTN_FLASH1};

static void cost_attn(const struct stc_optime *t, const struct stc_op *op,
                      struct stc_est *out)
{
    const struct stc_shape_attn *g = &op->shape.attn;
    struct stc_attn_q q = {.batch = g->batch,
                           .q_len = g->q_len,
                           .kv_len = g->kv_len,
                           .heads = g->heads,
                           .kv_heads = g->kv_heads,
                           .head_dim = g->head_dim,
                           .head_dim_v = g->head_dim_v,
                           .window = g->window,
                           .causal = g->causal,
                           .phase = g->backward ? STC_ATTN_BWD : STC_ATTN_FWD,
                           .impl =
                               (enum stc_attn_impl)impls[t->s->stack.attention_kernel],
                           .dtype = (enum stc_dtype)op->dtype,
                           .kv_dtype = (enum stc_dtype)op->dtype,
                           .regime = STC_REGIME_IN_SITU};
    if (q.causal && q.q_len < q.kv_len && g->window == 0) {
        /* a ring of ranks: each holds an early and a late slice, so its queries
         * see half of the keys whatever the rank */
        q.causal = false;
        q.kv_len = (q.kv_len + 1) / 2;
    }
    stc_cost_attn(t->p->cost, &t->s->cluster.gpu, &q, out);
}

static void cost_mem(const struct stc_optime *t, const struct stc_op *op,
                     struct stc_est *out)
{
    struct stc_mem_q q = {.read_bytes = op->read_bytes,
                          .write_bytes = op->write_bytes,
                          .n_launches = op->n_launches,
                          .kind = (enum stc_memk)memk_of[op->shape.mem.op],
                          .regime = STC_REGIME_IN_SITU};
    stc_cost_membound(t->p->cost, &t->s->cluster.gpu, &q, out);
}

static void cost_grouped(const struct stc_optime *t, const struct stc_op *op,
                         struct stc_est *out)
{
    const struct stc_shape_moe *g = &op->shape.moe;
    /* every rank waits for the busiest in the combine that follows */
    int64_t busiest = (int64_t)((double)g->tokens * g->imbalance + 0.5);
    struct stc_grouped_q q = {.m_total = busiest,
                              .n = g->n,
                              .k = g->k,
                              .groups = g->local_experts,
                              .imbalance = g->imbalance,
                              .one_kernel = g->one_kernel,
                              .dtype = (enum stc_dtype)op->dtype,
                              .layout = gemm_layout(op),
                              .regime = STC_REGIME_IN_SITU};
    stc_cost_grouped(t->p->cost, &t->s->cluster.gpu, &q, out);
}

void stc_optime_op(const struct stc_optime *t, const struct stc_op *op,
                   struct stc_est *out)
{
    switch ((enum stc_op_kind)op->kind) {
    case STC_OP_GEMM: cost_gemm(t, op, out); return;
    case STC_OP_ATTENTION: cost_attn(t, op, out); return;
    case STC_OP_MEMBOUND: cost_mem(t, op, out); return;
    case STC_OP_GROUPED: cost_grouped(t, op, out); return;
    case STC_OP_COLL: break;
    }
    assert(!"a collective is not a compute operator");
}

void stc_optime_coll(const struct stc_optime *t, enum stc_axis axis, enum stc_coll coll,
                     double bytes, struct stc_coll_est *out)
{
    stc_coll_time(t->p->coll, &t->axis_shape[axis], coll, bytes, &t->force, out);
}

static void book(struct stc_ledger *l, double seconds, double sigma, enum stc_family f,
                 enum stc_tier tier, int outside)
{
    l->family_s[f] += seconds;
    l->family_var[f] += seconds * sigma;
    l->tier_s[tier] += seconds;
    l->outside |= outside;
}

void stc_ledger_add(struct stc_ledger *l, const struct stc_ledger *x, double times)
{
    for (int f = 0; f < STC_FAMILY_COUNT; f++) {
        l->family_s[f] += times * x->family_s[f];
        l->family_var[f] += times * x->family_var[f];
    }
    const struct stc_coll_book *from = &x->coll[0][0];
    struct stc_coll_book *to = &l->coll[0][0];
    for (int i = 0; i < (int)STC_AXIS_COUNT * STC_COLL_KINDS; i++) {
        if (from[i].calls <= 0) continue;
        to[i].calls += times * from[i].calls;
        to[i].bytes += times * from[i].bytes;
        to[i].busy_s += times * from[i].busy_s;
        to[i].intra_bytes += times * from[i].intra_bytes;
        to[i].net_bytes += times * from[i].net_bytes;
    }
    for (int k = 0; k < STC_TIER_COUNT; k++)
        l->tier_s[k] += times * x->tier_s[k];
    l->hw_flop += times * x->hw_flop;
    l->again_flop += times * x->again_flop;
    l->outside |= x->outside;
}

void stc_ledger_coll(struct stc_ledger *l, enum stc_axis axis, enum stc_coll coll,
                     const struct stc_group_shape *g, const struct stc_coll_est *e,
                     double bytes, double calls)
{
    struct stc_coll_book *b = &l->coll[axis][coll];
    b->calls += calls;
    b->bytes += calls * bytes;
    b->busy_s += calls * e->seconds;
    if (g->n_nodes > 1)
        b->net_bytes += calls * e->net_bytes * g->n_nics /
                        (g->ranks_per_node > 0 ? g->ranks_per_node : 1);
    else
        b->intra_bytes += calls * e->bytes_per_rank;
}

static uint8_t part_of(const struct stc_op *op)
{
    if (op->pass == STC_PASS_OPT) return STC_PART_OPTIMIZER;
    if (op->pass == STC_PASS_RECOMPUTE) return STC_PART_RECOMPUTE;
    switch ((enum stc_op_kind)op->kind) {
    case STC_OP_GEMM:
        return op->id == STC_OP_ATTN_SCORES || op->id == STC_OP_ATTN_CONTEXT
                   ? STC_PART_ATTENTION
                   : STC_PART_GEMM;
    case STC_OP_GROUPED: return STC_PART_GEMM;
    case STC_OP_ATTENTION: return STC_PART_ATTENTION;
    case STC_OP_MEMBOUND:
        return op->id == STC_OP_ATTN_SOFTMAX || op->id == STC_OP_ATTN_DROPOUT
                   ? STC_PART_ATTENTION
                   : STC_PART_MEMBOUND;
    case STC_OP_COLL: break;
    }
    return STC_PART_OTHER;
}

/* Chunks that a split collective is cut into: the ring's ranks. */
static double n_chunks(const struct stc_optime *t, const struct stc_op *coll)
{
    int n = t->axis_shape[coll->shape.coll.axis].n_ranks;
    return n > 1 ? (double)n : 1;
}

/* A product with a collective beside it: each slows the other while both run. */
static void pair(const struct stc_optime *t, const struct stc_op *coll,
                 const struct stc_coll_est *e, struct stc_piece *work)
{
    struct stc_overlap_comm beside;
    stc_overlap_of_coll(e, &beside);
    enum stc_family f =
        work->part == STC_PART_ATTENTION ? STC_FAMILY_ATTN_FWD : STC_FAMILY_GEMM;
    double rate = stc_overlap_compute_rate(&t->overlap, &t->s->cluster.gpu, f, &beside);
    double w = (double)work->ticks,
           c = e->seconds * STC_TICKS_PER_S / stc_overlap_comm_rate(&t->overlap, f);
    double n = n_chunks(t, coll);
    double slowed =
        c * rate >= w ? w / rate : w + c * (1 - rate); /* the product, while both run */
    /* A gather's first chunk is the rank's own: nothing is exposed at its start.
     * A scatter's last chunk leaves after the product. Bound by the links, one
     * chunk of the product stands out at the other end. */
    double edge = coll->shape.coll.overlap == STC_OVERLAP_PREV ? c / n : 0;
    double both = slowed + edge > c + w / n ? slowed + edge : c + w / n;
    stc_tick all = (stc_tick)(both + 0.5);
    work->exposed = all - work->ticks;
    work->hidden = stc_s_to_tick(e->seconds);
    work->ticks = all;
    work->axis = coll->shape.coll.axis;
    work->coll = coll->shape.coll.coll;
    work->coll_bytes = coll->shape.coll.bytes;
}

static bool is_exchange(const struct stc_op *op)
{
    return op->id == STC_OP_MOE_DISPATCH || op->id == STC_OP_MOE_COMBINE;
}

/* How many of n places hold the groups of experts that a token is routed to: of g
 * groups, evenly laid over the places, m are drawn (hypergeometric). */
static double places_reached(const struct stc_model *model, double n)
{
    double g = model->route_groups, m = model->topk_groups, none = 1;
    if (g < 2 || m < 1 || m >= g) return n;
    if (n >= g) return n * m / g; /* a group spans places */
    for (double i = 0; i < m; i++)
        none *= fmax(0, g - g / n - i) / (g - i);
    return n * (1 - none);
}

/* Distinct destinations among the k experts of a token: a dispatcher that sends a
 * token once to each puts this share of k copies on the wire (uniform routing over
 * the places that its groups reach: n (1 - (1 - 1/n)^k)). Destinations are NVLink
 * domains where the group has several, else its ranks: DeepEP's dispatch inside a
 * node goes by is_token_in_rank, its combine sums on the rank first. */
static double once_per_place(const struct stc_optime *t, const struct stc_op *op)
{
    const struct stc_group_shape *g = &t->axis_shape[op->shape.coll.axis];
    double n = g->n_nodes > 1 ? g->n_nodes : g->n_ranks, k = t->s->model.topk;
    if (!is_exchange(op) || !t->s->stack.moe_deepep || n < 2 || k < 2) return 1;
    n = places_reached(&t->s->model, n);
    return n * (1 - pow(1 - 1 / n, k)) / k;
}

/* What the busiest rank of an exchange receives (and sends back), over the mean:
 * everyone waits for it. */
static double busiest_share(const struct stc_optime *t, const struct stc_op *op)
{
    const struct stc_scenario *s = t->s;
    struct stc_build b = {&s->model, &s->layout, &s->train, &s->stack};
    return is_exchange(op) ? stc_build_imbalance(&b) : 1;
}

static void coll_piece(const struct stc_optime *t, const struct stc_op *op,
                       struct stc_piece *pc, struct stc_ledger *l,
                       struct stc_coll_est *e)
{
    double share = once_per_place(t, op) * busiest_share(t, op);
    stc_optime_coll(t, (enum stc_axis)op->shape.coll.axis,
                    (enum stc_coll)op->shape.coll.coll, op->shape.coll.bytes * share,
                    e);
    book(l, e->seconds, e->sigma_log, e->family, e->tier, e->outside);
    stc_ledger_coll(l, (enum stc_axis)op->shape.coll.axis,
                    (enum stc_coll)op->shape.coll.coll,
                    &t->axis_shape[op->shape.coll.axis], e, op->shape.coll.bytes, 1);
    *pc = (struct stc_piece){.ticks = stc_s_to_tick(e->seconds),
                             .part = axis_part[op->shape.coll.axis],
                             .is_coll = 1,
                             .pass = op->pass,
                             .op = op->id,
                             .n_launches = op->n_launches,
                             .axis = op->shape.coll.axis,
                             .coll = op->shape.coll.coll,
                             .coll_bytes = op->shape.coll.bytes};
}

static void work_piece(const struct stc_optime *t, const struct stc_op *op,
                       struct stc_piece *pc, struct stc_ledger *l)
{
    struct stc_est e;
    stc_optime_op(t, op, &e);
    book(l, e.seconds, e.sigma_log, (enum stc_family)e.family, (enum stc_tier)e.tier,
         e.outside);
    l->hw_flop += op->flop;
    if (op->pass == STC_PASS_RECOMPUTE) l->again_flop += op->flop;
    *pc = (struct stc_piece){.ticks = stc_s_to_tick(e.seconds),
                             .part = part_of(op),
                             .pass = op->pass,
                             .op = op->id,
                             .n_launches = op->n_launches};
}

/* Expert exchange beside the compute of another micro-batch (Megatron-Core's
 * combined forward and backward): of C ticks of exchange beside W of work, what
 * exceeds W stays, and the work is slowed while both run. */
static void hide_exchange(const struct stc_optime *t, const struct stc_coll_est *e,
                          struct stc_pieces *l)
{
    double c = 0, w = 0;
    for (int32_t i = 0; i < l->n; i++) {
        if (l->v[i].is_coll && l->v[i].axis == STC_AXIS_EP)
            c += (double)l->v[i].ticks;
        else if (!l->v[i].is_coll)
            w += (double)l->v[i].ticks;
    }
    if (c <= 0) return;
    struct stc_overlap_comm beside;
    stc_overlap_of_coll(e, &beside);
    double rate = stc_overlap_compute_rate(&t->overlap, &t->s->cluster.gpu,
                                           STC_FAMILY_GEMM, &beside);
    double both = c * rate < w ? c : w / rate; /* how long both run */
    double exposed = c - both + both * (1 - rate);
    for (int32_t i = 0; i < l->n; i++) {
        struct stc_piece *p = &l->v[i];
        if (!p->is_coll || p->axis != STC_AXIS_EP) continue;
        p->hidden = p->ticks;
        p->ticks = (stc_tick)((double)p->ticks * exposed / c + 0.5);
    }
}

static bool exchange_hides(const struct stc_optime *t)
{
    int32_t how = t->s->stack.overlap_moe;
    return how == 1 || (how == 2 && t->axis_shape[STC_AXIS_EP].n_nodes > 1);
}

enum stc_err stc_optime(struct stc_arena *a, const struct stc_optime *t,
                        const struct stc_ops *ops, struct stc_pieces *out)
{
    *out = (struct stc_pieces){0};
    out->v = STC_NEW_N(a, struct stc_piece, (size_t)ops->n + 1);
    struct stc_ledger *ledger = STC_NEW(a, struct stc_ledger);
    if (!out->v || !ledger) return STC_ERR_NOMEM;
    out->ledger = ledger;
    struct stc_coll_est exchange;
    bool exchanges = false;
    const struct stc_op *pending =
        NULL; /* a collective that rides beside the next product */
    struct stc_coll_est pending_est, e;
    int32_t last_work = -1; /* the product a PREV collective rides beside */
    for (int i = 0; i < ops->n; i++) {
        const struct stc_op *op = &ops->ops[i];
        struct stc_piece *pc = &out->v[out->n];
        out->keep_bytes += op->keep_bytes;
        if (op->kind == STC_OP_COLL) {
            coll_piece(t, op, pc, ledger, &e);
            if (op->shape.coll.axis == STC_AXIS_EP) {
                exchange = e;
                exchanges = true;
            }
            bool next = op->shape.coll.overlap == STC_OVERLAP_NEXT && !pending &&
                        i + 1 < ops->n;
            if (next) {
                pending = op;
                pending_est = e;
                out->n_launches += op->n_launches;
                continue;
            }
            if (op->shape.coll.overlap == STC_OVERLAP_PREV && last_work >= 0 &&
                out->v[last_work].hidden == 0) {
                pair(t, op, &e, &out->v[last_work]);
                out->n_launches += op->n_launches;
                continue;
            }
            out->n++;
            continue;
        }
        work_piece(t, op, pc, ledger);
        bool product = op->kind == STC_OP_GEMM || op->kind == STC_OP_GROUPED ||
                       op->kind == STC_OP_ATTENTION;
        if (product) last_work = out->n;
        if (pending && product) {
            pair(t, pending, &pending_est, pc);
            pending = NULL;
        }
        out->n++;
    }
    if (pending) coll_piece(t, pending, &out->v[out->n++], &(struct stc_ledger){0}, &e);
    if (exchanges && exchange_hides(t)) hide_exchange(t, &exchange, out);
    for (int32_t i = 0; i < out->n; i++) {
        out->total += out->v[i].ticks;
        out->n_launches += out->v[i].n_launches;
        if (out->v[i].pass == STC_PASS_WGRAD) out->wgrad_ticks += out->v[i].ticks;
    }
    return STC_OK;
}
