/*
 * lower_items.c - the blocks of a schedule's items: forward, backward, weight
 * gradient of a chunk, with the pipeline's and the data-parallel traffic that
 * hangs on them.
 */
#include "models/host.h"
#include "sim/run/lower_int.h"

struct stc_param_count stc_low_chunk_params(const struct stc_low *w, int32_t chunk)
{
    struct stc_param_count sum = {0, 0};
    const struct stc_chunk *c = &w->chunks[chunk];
    for (int32_t u = 0; u < c->n; u++) {
        sum.dense += c->units[u].params.dense;
        sum.expert += c->units[u].params.expert;
    }
    return sum;
}

int stc_low_fsdp(const struct stc_low *w)
{
    uint8_t s = w->b.layout->shard;
    return s == STC_SHARD_ZERO3 || s == STC_SHARD_HSDP;
}

static int axis_n(const struct stc_low *w, enum stc_axis a)
{
    return w->shape[a].n_ranks;
}

/* ---- data-parallel traffic ---- */

/* One all-gather, or (older ZeRO-1) a broadcast from every rank of what it
 * updated, one after the other: the latency of n broadcasts grows with n. */
static void gather_one(struct stc_low *w, enum stc_slot slot, double bytes,
                       uint32_t wait)
{
    int n = axis_n(w, stc_slot_axis(slot));
    if (bytes <= 0 || n < 2) return;
    struct stc_comm_op op = {(uint8_t)slot, STC_COLL_ALL_GATHER, 1, bytes};
    if (w->b.stack->zero1_broadcast && w->b.layout->shard == STC_SHARD_ZERO1)
        op = (struct stc_comm_op){(uint8_t)slot, STC_COLL_BROADCAST, n, bytes / n};
    struct stc_task *t = stc_low_join_op(w, STC_STREAM_GATHER, &op);
    if (wait) stc_low_wait(t, wait);
}

static void gather_params(struct stc_low *w, const struct stc_param_count *p,
                          uint32_t wait)
{
    double width = w->b.stack->param_gather_bytes;
    gather_one(w, STC_SLOT_SHARD, p->dense * width, wait);
    gather_one(w, STC_SLOT_EDP, p->expert * width, wait);
}

/* FSDP gathers and scatters over one communicator, in the order of issue. */
static enum stc_stream reduce_stream(const struct stc_low *w)
{
    return stc_low_fsdp(w) ? STC_STREAM_GATHER : STC_STREAM_REDUCE;
}

static void reduce_one(struct stc_low *w, enum stc_slot slot, enum stc_coll coll,
                       double bytes, uint32_t wait)
{
    if (bytes <= 0 || axis_n(w, stc_slot_axis(slot)) < 2) return;
    struct stc_task *t = stc_low_join(w, reduce_stream(w), slot, coll, bytes);
    if (wait) stc_low_wait(t, wait);
}

/* Gradients of p parameters leave: who gets what depends on the sharding. */
void stc_low_reduce_grads(struct stc_low *w, const struct stc_param_count *p,
                          uint32_t wait)
{
    const struct stc_layout *l = w->b.layout;
    double width = w->b.stack->grad_reduce_bytes * stc_build_trained_share(&w->b);
    uint32_t n = w->n[reduce_stream(w)];
    int scatter = l->shard != STC_SHARD_NONE &&
                  !(l->shard == STC_SHARD_ZERO1 && w->b.stack->reduce_whole_grads);
    if (scatter) {
        reduce_one(w, STC_SLOT_SHARD, STC_COLL_REDUCE_SCATTER, p->dense * width, wait);
        double mine = p->dense * width / (double)axis_n(w, STC_AXIS_SHARD);
        reduce_one(w, STC_SLOT_REPLICA, STC_COLL_ALL_REDUCE, mine, 0);
    } else {
        reduce_one(w, STC_SLOT_DPCP, STC_COLL_ALL_REDUCE, p->dense * width, wait);
    }
    reduce_one(w, STC_SLOT_EDP, scatter ? STC_COLL_REDUCE_SCATTER : STC_COLL_ALL_REDUCE,
               p->expert * width, wait);
    stc_low_grads_out(
        w, p, w->n[reduce_stream(w)] > n ? stc_low_mark(w, reduce_stream(w)) : wait);
}

/* ---- pipeline traffic ---- */

static struct stc_task *p2p(struct stc_low *w, enum stc_stream s, enum stc_slot slot)
{
    return stc_low_join(w, s, slot, STC_COLL_SEND_RECV, stc_build_hop_bytes(&w->b));
}

/* Receives what the item needs and makes compute wait for it. Where the stack
 * does not overlap, compute waits for its sends too (batched isend/irecv, then
 * wait), and the receive is posted after the item before; the interleaved
 * schedule posts those of the next forward and backward together, before either
 * runs (Megatron-LM, send_forward_backward_recv_forward_backward), so there a
 * receive never comes late. */
static void receive(struct stc_low *w, int needed, enum stc_stream s,
                    enum stc_slot slot)
{
    int overlap = w->b.stack->overlap_p2p;
    if (needed) {
        struct stc_task *t = p2p(w, s, slot);
        if (!overlap && w->b.layout->vp == 1)
            stc_low_wait(t, stc_rel(STC_STREAM_COMPUTE, 0));
        stc_low_need(w, stc_low_mark(w, s));
    }
    if (!overlap && w->b.layout->pp > 1) {
        stc_low_need(w, stc_rel(STC_STREAM_FSEND, 0));
        stc_low_need(w, stc_rel(STC_STREAM_BSEND, 0));
    }
    /* what came in shares is put together again */
    if (needed && stc_build_hop_bytes(&w->b) < stc_build_boundary_bytes(&w->b)) {
        struct stc_coll_est e;
        stc_optime_coll(&w->time, STC_AXIS_TP, STC_COLL_ALL_GATHER,
                        stc_build_boundary_bytes(&w->b), &e);
        stc_low_add(w, STC_PART_TP_COMM, stc_s_to_tick(e.seconds));
    }
}

static void send(struct stc_low *w, int needed, enum stc_stream s, enum stc_slot slot)
{
    if (w->n_need)
        stc_low_add(w, STC_PART_OTHER, 0); /* a chunk without layers only hands on */
    stc_low_cut(w);
    if (!needed) return;
    stc_low_wait(p2p(w, s, slot), stc_low_mark(w, STC_STREAM_COMPUTE));
}

/* ---- units ---- */

/* Gathers of a chunk's units run ahead of their compute: unit u is asked for
 * when unit u - ahead - 1 is done, so that no more than ahead + 1 are in memory. */
struct ahead {
    int on;
    int32_t next;      /* first unit not asked for yet */
    uint32_t *compute; /* [units]: compute after a unit */
    uint32_t *
        gather; /* [units]: gather stream after its parameters; 0: nothing to wait for */
    uint32_t *out; /* [units]: copies to the host after its activations; 0: they stay */
};

/* Asks for what may be asked for before unit k computes, then makes compute
 * wait for unit k. `backward`: units come last first. */
static void gather_ahead(struct stc_low *w, const struct stc_chunk *c, struct ahead *g,
                         int32_t k, int backward)
{
    if (!g->on) return;
    int32_t ahead = w->b.stack->prefetch_layers;
    for (; g->next < c->n && g->next <= k + ahead; g->next++) {
        const struct stc_unit *u = &c->units[backward ? c->n - 1 - g->next : g->next];
        uint32_t wait = g->next - ahead - 1 >= 0 ? g->compute[g->next - ahead - 1] : 0;
        uint32_t before = w->n[STC_STREAM_GATHER];
        uint32_t there = stc_low_params_in(w, &u->params, wait);
        gather_params(w, &u->params, there ? there : wait);
        g->gather[g->next] = w->n[STC_STREAM_GATHER] > before
                                 ? stc_low_mark(w, STC_STREAM_GATHER)
                                 : there;
    }
    if (g->gather[k]) stc_low_need(w, g->gather[k]);
}

static void unit_host(struct stc_low *w, int32_t n_launches)
{
    if (w->b.stack->launch_blocking) {
        stc_low_add(w, STC_PART_HOST,
                    stc_s_to_tick(w->host_s_per_launch * (double)n_launches));
        return;
    }
    if (!w->host_bound) return;
    stc_low_host(w, n_launches);
    stc_low_need(w, stc_low_mark(w, STC_STREAM_HOST));
}

static int gathers_now(const struct stc_low *w, const struct stc_item_variant *v)
{
    const struct stc_layout *l = w->b.layout;
    if (stc_low_fsdp(w) && l->pp > 1 && w->b.stack->pp_keeps_unsharded)
        return v->kind == STC_ITEM_F && v->first_micro;
    if (stc_low_fsdp(w))
        return v->kind == STC_ITEM_F ? v->first_micro || l->reshard_after_forward
                                     : l->reshard_after_forward;
    int zero12 = l->shard == STC_SHARD_ZERO1 || l->shard == STC_SHARD_ZERO2;
    return zero12 && w->b.stack->overlap_param_gather && v->kind == STC_ITEM_F &&
           v->first_micro;
}

static void forward(struct stc_low *w, const struct stc_item_variant *v,
                    struct ahead *g)
{
    const struct stc_chunk *c = &w->chunks[v->chunk];
    receive(w, !c->first, STC_STREAM_FRECV, STC_SLOT_FRECV);
    for (int32_t i = 0; i < c->n; i++) {
        gather_ahead(w, c, g, i, 0);
        stc_low_away_begin(w, c, i, g->out);
        unit_host(w, c->units[i].fwd.n_launches);
        stc_low_pieces(w, &c->units[i].fwd, STC_WHICH_ALL);
        if (g->on || c->away) stc_low_cut(w);
        g->compute[i] = stc_low_mark(w, STC_STREAM_COMPUTE);
        g->out[i] = stc_low_away_end(w, c, i);
    }
    send(w, !c->last, STC_STREAM_FSEND, STC_SLOT_FSEND);
}

/* Gradients leave when this item is the last that adds to them, or at every
 * micro-batch where they are sharded. */
static int reduces_now(const struct stc_low *w, const struct stc_item_variant *v)
{
    const struct stc_layout *l = w->b.layout;
    int late = l->pp > 1 && w->b.stack->pp_keeps_unsharded;
    if (l->shard == STC_SHARD_ZERO2 || stc_low_fsdp(w))
        return v->last_micro || (w->b.stack->reduce_every_micro && !late);
    return v->last_micro && stc_build_reduces_early(&w->b);
}

static void backward(struct stc_low *w, const struct stc_item_variant *v,
                     struct ahead *g)
{
    const struct stc_chunk *c = &w->chunks[v->chunk];
    int split = w->b.layout->schedule == STC_SCHED_ZB_H1 ||
                w->b.layout->schedule == STC_SCHED_ZB_H2;
    receive(w, !c->last, STC_STREAM_BRECV, STC_SLOT_BRECV);
    int reduce = reduces_now(w, v), per_unit = stc_low_fsdp(w);
    struct stc_param_count bucket = {0, 0};
    for (int32_t k = 0; k < c->n; k++) {
        const struct stc_unit *u = &c->units[c->n - 1 - k];
        gather_ahead(w, c, g, k, 1);
        stc_low_away_back(w, c, k, g->compute);
        unit_host(w, u->bwd.n_launches);
        stc_low_pieces(w, &u->bwd, split ? STC_WHICH_NO_WGRAD : STC_WHICH_ALL);
        if (g->on || c->away) stc_low_cut(w);
        bucket.dense += u->params.dense;
        bucket.expert += u->params.expert;
        double bytes = (bucket.dense + bucket.expert) * w->b.stack->grad_reduce_bytes;
        if (reduce &&
            (per_unit || bytes >= w->b.stack->bucket_bytes || k == c->n - 1)) {
            stc_low_cut(w);
            stc_low_reduce_grads(w, &bucket, stc_low_mark(w, STC_STREAM_COMPUTE));
            bucket = (struct stc_param_count){0, 0};
        }
        g->compute[k] = stc_low_mark(w, STC_STREAM_COMPUTE);
    }
    send(w, !c->first, STC_STREAM_BSEND, STC_SLOT_BSEND);
}

static void weight_grad(struct stc_low *w, const struct stc_item_variant *v)
{
    const struct stc_chunk *c = &w->chunks[v->chunk];
    for (int32_t k = 0; k < c->n; k++)
        stc_low_pieces(w, &c->units[c->n - 1 - k].bwd, STC_WHICH_WGRAD);
    stc_low_cut(w);
}

static const char *const item_names[] = {"F", "B", "W"};

void stc_low_item(struct stc_low *w, const struct stc_item_variant *v)
{
    size_t n = (size_t)w->chunks[v->chunk].n + 1;
    struct ahead g = {gathers_now(w, v), 0, STC_NEW_N(w->o->a, uint32_t, n),
                      STC_NEW_N(w->o->a, uint32_t, n), STC_NEW_N(w->o->a, uint32_t, n)};
    if (!g.compute || !g.gather || !g.out) {
        w->err = STC_ERR_NOMEM;
        return;
    }
    w->item = v->kind;
    w->name = item_names[v->kind];
    switch ((enum stc_item_kind)v->kind) {
    case STC_ITEM_F: forward(w, v, &g); break;
    case STC_ITEM_B: backward(w, v, &g); break;
    case STC_ITEM_W: weight_grad(w, v); break;
    }
}

/* ---- the ends of a step ---- */

/* What the optimizer's step does tensor by tensor, in the host's time: kernels of a
 * few microseconds, and between them waits for their results. */
static double tensors_s(const struct stc_low *w)
{
    const struct stc_stack *k = w->b.stack;
    int flat = w->b.layout->shard != STC_SHARD_NONE ||
               w->b.train->precision == STC_DTYPE_FP32 ||
               w->b.train->precision == STC_DTYPE_TF32;
    return w->n_tensors * w->host_s_per_launch *
           (flat ? k->step_flat_launches : k->step_tensor_launches);
}

void stc_low_begin_step(struct stc_low *w)
{
    w->item = 3;
    w->name = "step";
    stc_tick odds = stc_s_to_tick(stc_low_step_s(w->time.s));
    stc_low_add(w, STC_PART_HOST, odds);
    stc_low_host_busy(w, odds); /* the thread that launches does them */
    stc_low_loader_begin(w);
    stc_low_host_begin(w);
    stc_low_cut(w);
}

/* Gradients that have not left yet, tied embeddings, norm, update, gather. */
void stc_low_end_step(struct stc_low *w)
{
    const struct stc_layout *l = w->b.layout;
    struct stc_param_count all = {0, 0};
    double embed = 0;
    for (int32_t c = 0; c < l->vp; c++) {
        struct stc_param_count p = stc_low_chunk_params(w, c);
        all.dense += p.dense;
        all.expert += p.expert;
        if (w->chunks[c].first || w->chunks[c].last)
            embed = (double)stc_build_padded_vocab(&w->b) / l->tp * w->b.model->hidden;
    }
    w->item = 3;
    w->name = "optimizer";
    int already = l->shard == STC_SHARD_ZERO2 || stc_low_fsdp(w) ||
                  stc_build_reduces_early(&w->b);
    if (!already) stc_low_reduce_grads(w, &all, stc_rel(STC_STREAM_COMPUTE, 0));
    if (w->b.model->tied_embeddings && l->pp > 1 && embed > 0)
        reduce_one(w, STC_SLOT_EMBED, STC_COLL_ALL_REDUCE,
                   embed * w->b.stack->grad_reduce_bytes,
                   stc_rel(STC_STREAM_COMPUTE, 0));
    stc_low_need(w, stc_low_mark(w, STC_STREAM_REDUCE));
    stc_low_need(w, stc_low_mark(w, STC_STREAM_GATHER));
    stc_low_need(w, stc_rel(STC_STREAM_BSEND, 0));
    stc_low_add(w, STC_PART_HOST, stc_s_to_tick(tensors_s(w)));
    if (axis_n(w, STC_AXIS_WORLD) > 1) {
        stc_low_add(w, STC_PART_OPTIMIZER, 0);
        stc_low_cut(w);
        (void)stc_low_join(w, STC_STREAM_COMPUTE, STC_SLOT_WORLD, STC_COLL_ALL_REDUCE,
                           8);
    }
    w->norm_mark = w->n[STC_STREAM_COMPUTE] ? stc_low_mark(w, STC_STREAM_COMPUTE)
                                            : stc_rel(STC_STREAM_COMPUTE, 0);
    double owners = l->shard == STC_SHARD_NONE ? 1 : (double)axis_n(w, STC_AXIS_SHARD);
    double expert_owners =
        l->shard == STC_SHARD_NONE ? 1 : (double)axis_n(w, STC_AXIS_EDP);
    struct stc_ops ops;
    struct stc_pieces pieces;
    w->err = stc_build_optimizer(w->o->a, &w->b, all.dense + all.expert,
                                 all.dense / owners + all.expert / expert_owners, &ops,
                                 w->diag);
    if (w->err == STC_OK) w->err = stc_optime(w->o->a, &w->time, &ops, &pieces);
    if (w->err != STC_OK) return;
    stc_ledger_add(&w->t->ledger, pieces.ledger, 1);
    stc_low_pieces(w, &pieces, STC_WHICH_ALL);
    stc_low_cut(w);
    stc_low_host_update(w, all.dense / owners + all.expert / expert_owners);
    stc_low_loader_end(w);
    int zero12 = l->shard == STC_SHARD_ZERO1 || l->shard == STC_SHARD_ZERO2;
    if (zero12 && !w->b.stack->overlap_param_gather) {
        gather_params(w, &all, stc_low_mark(w, STC_STREAM_COMPUTE));
        stc_low_need(w, stc_low_mark(w, STC_STREAM_GATHER));
        stc_low_add(w, STC_PART_OPTIMIZER, 0);
        stc_low_cut(w);
    }
}
