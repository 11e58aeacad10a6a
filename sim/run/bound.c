/* bound.c - see bound.h: the chain of stages, and what stands at its ends. */
#include "models/host.h"
#include "sim/run/bound_int.h"

#include <stdlib.h>
#include <string.h>

enum stc_err stc_bounder_make(const struct stc_run_params *p, struct stc_bounder **out)
{
    struct stc_bounder *b = calloc(1, sizeof *b);
    if (!b) return STC_ERR_NOMEM;
    b->p = p;
    stc_low_overlap(p, &b->overlap);
    b->ctime = STC_NEW_N(&b->fixed, struct stc_ctime, STC_CTIMES);
    b->otime = STC_NEW_N(&b->fixed, struct stc_otime, STC_OTIMES);
    if (!b->ctime || !b->otime) {
        stc_bounder_free(b);
        return STC_ERR_NOMEM;
    }
    *out = b;
    return STC_OK;
}

void stc_bounder_free(struct stc_bounder *b)
{
    if (!b) return;
    stc_arena_free(&b->memo);
    stc_arena_free(&b->scratch);
    stc_arena_free(&b->fixed);
    free(b->pipe);
    free(b);
}

int stc_b_split(const struct stc_bounder *b)
{
    uint8_t k = b->s->layout.schedule;
    return k == STC_SCHED_ZB_H1 || k == STC_SCHED_ZB_H2;
}

static int fsdp(const struct stc_bounder *b)
{
    return b->s->layout.shard >= STC_SHARD_ZERO3;
}

static stc_tick max_tick(stc_tick x, stc_tick y)
{
    return x > y ? x : y;
}

/* ==== the chain ==== */

static int room_for_chain(struct stc_bounder *b)
{
    struct stc_chain *c = &b->chain;
    const struct stc_layout *l = &b->s->layout;
    if (l->pp * l->vp > c->cap_v) {
        c->cap_v = 2 * l->pp * l->vp;
        c->v = stc_b_grow(b, (size_t)c->cap_v, sizeof *c->v);
    }
    if (l->pp > c->cap_s) {
        size_t n = 2 * (size_t)l->pp;
        c->cap_s = (int32_t)n;
        c->busy = stc_b_grow(b, n, sizeof *c->busy);
        c->launches = stc_b_grow(b, n, sizeof *c->launches);
        c->hop = stc_b_grow(b, n, sizeof *c->hop);
        c->params = stc_b_grow(b, n, sizeof *c->params);
        c->units = stc_b_grow(b, n, sizeof *c->units);
        c->begin = stc_b_grow(b, n, sizeof *c->begin);
        c->end = stc_b_grow(b, n, sizeof *c->end);
        c->late = stc_b_grow(b, n, 1);
        c->hosted = stc_b_grow(b, n, sizeof *c->hosted);
    }
    return b->err == STC_OK;
}

static void add_block(struct stc_chunk_cost *v, struct stc_param_count *p,
                      const struct stc_ucost *u, int32_t times)
{
    v->f += times * u->f;
    v->b += times * u->b;
    v->w += times * u->w;
    v->launches += (int64_t)times * (u->f_launches + u->b_launches);
    p->dense += times * u->params.dense;
    p->expert += times * u->params.expert;
}

/* Virtual stage v: layers from prefix sums, the model's ends by themselves. */
static void chunk_cost(struct stc_bounder *b, int32_t v, int32_t first, int32_t n)
{
    const struct stc_layout *l = &b->s->layout;
    struct stc_chain *c = &b->chain;
    int32_t stage = v % l->pp, want = l->recompute_layers,
            n_rec = l->recompute != STC_RECOMPUTE_FULL ? 0
                    : want < 0 || want > n             ? n
                                                       : want;
    const struct stc_units *u = c->units[stage];
    const struct stc_usums *x = &u->sums[first], *y = &u->sums[first + n_rec],
                           *z = &u->sums[first + n];
    struct stc_chunk_cost k = {.f = z->f - x->f,
                               .b = y->br - x->br + z->b - y->b,
                               .w = y->wr - x->wr + z->w - y->w,
                               .launches = y->launches_r - x->launches_r + z->launches -
                                           y->launches,
                               .first = first,
                               .n = n,
                               .n_rec = n_rec};
    struct stc_param_count *p = &c->params[stage];
    p->dense += z->dense - x->dense;
    p->expert += z->expert - x->expert;
    c->late[stage] |= (uint8_t)(n > 0 && u->all_layers_late);
    if (v == 0) {
        add_block(&k, p, &u->embed, 1);
        c->late[stage] |= (uint8_t)u->embed.host_late;
    }
    if (v == l->pp * l->vp - 1) {
        add_block(&k, p, &u->mtp, b->s->model.mtp_layers);
        add_block(&k, p, &u->head, 1);
        c->late[stage] |= (uint8_t)u->head.host_late;
    }
    c->v[v] = k;
    c->busy[stage] += k.f + k.b;
    c->launches[stage] += k.launches;
}

static int cut_layers(struct stc_bounder *b)
{
    const struct stc_layout *l = &b->s->layout;
    const struct stc_model *m = &b->s->model;
    int32_t total = stc_model_pipeline_layers(m), first = 0;
    for (int32_t v = 0; v < l->pp * l->vp; v++) {
        int32_t n = stc_layout_layers(l, total, v);
        if (n < 0 || first + n > total) {
            b->err = stc_fail(b->diag, STC_ERR_INFEASIBLE,
                              "%d layers cannot be cut into pp %d x vp %d chunks",
                              (int)total, (int)l->pp, (int)l->vp);
            return 0;
        }
        chunk_cost(b, v, first, n);
        first += n;
    }
    return 1;
}

static int same_chain(const struct stc_bounder *b, uint64_t units)
{
    const struct stc_layout *l = &b->s->layout;
    const struct stc_chain *c = &b->chain;
    return c->key.units == units && c->key.place == b->place.serial &&
           c->key.pp == l->pp && c->key.vp == l->vp &&
           c->key.recompute_layers == l->recompute_layers &&
           c->key.recompute == l->recompute &&
           c->key.first_extra == l->first_stage_extra &&
           c->key.last_extra == l->last_stage_extra;
}

static void remember_chain(struct stc_bounder *b, uint64_t units)
{
    const struct stc_layout *l = &b->s->layout;
    struct stc_chain *c = &b->chain;
    c->key.units = units;
    c->key.place = b->place.serial;
    c->key.pp = l->pp;
    c->key.vp = l->vp;
    c->key.recompute_layers = l->recompute_layers;
    c->key.recompute = l->recompute;
    c->key.first_extra = l->first_stage_extra;
    c->key.last_extra = l->last_stage_extra;
}

int stc_b_chain(struct stc_bounder *b)
{
    const struct stc_layout *l = &b->s->layout;
    struct stc_chain *c = &b->chain;
    stc_b_forget(b);
    if (!stc_b_place(b)) return 0;
    const struct stc_units *u = stc_b_units(b, 0);
    if (!u) return 0;
    if (same_chain(b, u->serial)) return 1;
    memset(&c->key, 0, sizeof c->key);
    if (!room_for_chain(b)) return 0;
    double bytes = stc_build_hop_bytes(&b->build);
    for (int32_t s = 0; s < l->pp; s++) {
        if (s > 0 && memcmp(b->place.axis[s], b->place.axis[s - 1],
                            sizeof b->place.axis[s]) != 0)
            u = stc_b_units(b, s);
        if (!u) return 0;
        c->units[s] = u;
        c->busy[s] = 0;
        c->launches[s] = 0;
        c->late[s] = 0;
        c->params[s] = (struct stc_param_count){0, 0};
        c->hop[s] =
            l->pp > 1 ? stc_b_coll(b, b->place.hop[s], STC_COLL_SEND_RECV, bytes) : 0;
    }
    if (!cut_layers(b)) return 0;
    c->busy_sum = 0;
    for (int32_t s = 0; s < l->pp; s++)
        c->busy_sum += c->busy[s];
    remember_chain(b, c->units[0]->serial);
    return b->err == STC_OK;
}

/* ==== the schedule, without its waits ==== */

/* Compute waits for what it sends where the stack does not overlap it: each
 * item's send is in the way, but for the last one's. */
static stc_tick sends(const struct stc_bounder *b, int32_t stage)
{
    const struct stc_layout *l = &b->s->layout;
    const struct stc_chain *c = &b->chain;
    stc_tick all = 0, back = c->hop[stage > 0 ? stage - 1 : l->pp - 1];
    if (b->s->stack.overlap_p2p || l->pp == 1 || stc_b_split(b)) return 0;
    for (int32_t k = 0; k < l->vp; k++) {
        int32_t v = k * l->pp + stage;
        if (v < l->pp * l->vp - 1) all += c->hop[stage];
        if (v > 0) all += back;
    }
    return l->n_micro * all - (stage > 0 ? back : 0);
}

static void fast_pipeline(struct stc_bounder *b, stc_tick start)
{
    const struct stc_layout *l = &b->s->layout;
    struct stc_chain *c = &b->chain;
    int split = stc_b_split(b),
        hosted = !b->s->train.cuda_graphs && stc_low_launch_s(b->s) > 0;
    stc_tick at = start, down = 0;
    for (int32_t s = 0; s < l->pp; s++) {
        c->begin[s] = at;
        at += c->v[s].f + c->hop[s];
    }
    for (int32_t s = l->pp - 1; s >= 0; s--) {
        stc_tick busy = l->n_micro * c->busy[s] + sends(b, s), n = l->n_micro;
        stc_tick grads = split ? n * (c->busy[s] - c->v[s].w) : busy;
        stc_tick own = c->v[s].b - (split ? c->v[s].w : 0);
        down = s == l->pp - 1 ? c->begin[s] + grads
                              : max_tick(c->begin[s] + grads, down + c->hop[s] + own);
        c->end[s] = max_tick(c->begin[s] + busy, down + (split ? c->v[s].w : 0));
        c->hosted[s] = 0;
        if (hosted && c->late[s]) {
            stc_tick host = stc_s_to_tick(stc_low_launch_s(b->s) * (double)n *
                                          (double)c->launches[s]);
            c->hosted[s] = host;
        }
    }
}

/* ==== data-parallel traffic at the ends ==== */

static int axis_n(const struct stc_bounder *b, uint16_t shape)
{
    return b->shape[shape].n_ranks;
}

/* One all-gather, or a broadcast of each rank's part, one after the other. */
static stc_tick one_gather(struct stc_bounder *b, uint16_t shape, double bytes)
{
    int n = axis_n(b, shape);
    if (bytes <= 0 || n < 2) return 0;
    if (b->s->stack.zero1_broadcast && b->s->layout.shard == STC_SHARD_ZERO1)
        return n * stc_b_coll(b, shape, STC_COLL_BROADCAST, bytes / n);
    return stc_b_coll(b, shape, STC_COLL_ALL_GATHER, bytes);
}

static stc_tick gather_ticks(struct stc_bounder *b, int32_t e,
                             const struct stc_param_count *p)
{
    double width = b->s->stack.param_gather_bytes;
    return one_gather(b, b->place.shard[e], p->dense * width) +
           one_gather(b, b->place.edp[e], p->expert * width);
}

static stc_tick one_reduce(struct stc_bounder *b, uint16_t shape, enum stc_coll c,
                           double bytes)
{
    return bytes <= 0 || axis_n(b, shape) < 2 ? 0 : stc_b_coll(b, shape, c, bytes);
}

static stc_tick reduce_ticks(struct stc_bounder *b, int32_t e,
                             const struct stc_param_count *p)
{
    const struct stc_layout *l = &b->s->layout;
    const struct stc_bplace *pl = &b->place;
    double width = b->s->stack.grad_reduce_bytes * stc_build_trained_share(&b->build);
    int scatter = l->shard != STC_SHARD_NONE &&
                  !(l->shard == STC_SHARD_ZERO1 && b->s->stack.reduce_whole_grads);
    enum stc_coll kind = scatter ? STC_COLL_REDUCE_SCATTER : STC_COLL_ALL_REDUCE;
    stc_tick t;
    if (scatter) {
        double mine = p->dense * width / axis_n(b, pl->shard[e]);
        t = one_reduce(b, pl->shard[e], kind, p->dense * width) +
            one_reduce(b, pl->replica[e], STC_COLL_ALL_REDUCE, mine);
    } else {
        t = one_reduce(b, pl->dpcp[e], kind, p->dense * width);
    }
    return t + one_reduce(b, pl->edp[e], kind, p->expert * width);
}

/* The i-th block of virtual stage v in forward order; NULL past the end. */
static const struct stc_ucost *block_at(const struct stc_bounder *b, int32_t v,
                                        int32_t i)
{
    const struct stc_layout *l = &b->s->layout;
    const struct stc_chunk_cost *k = &b->chain.v[v];
    const struct stc_units *u = b->chain.units[v % l->pp];
    if (v == 0 && i-- == 0) return &u->embed;
    if (i < k->n) return u->layer[2 * (k->first + i) + (i < k->n_rec)];
    i -= k->n;
    if (v < l->pp * l->vp - 1) return NULL;
    if (i < b->s->model.mtp_layers) return &u->mtp;
    return i == b->s->model.mtp_layers ? &u->head : NULL;
}

static int32_t n_blocks(const struct stc_bounder *b, int32_t v)
{
    const struct stc_layout *l = &b->s->layout;
    return b->chain.v[v].n + (v == 0) +
           (v == l->pp * l->vp - 1 ? 1 + b->s->model.mtp_layers : 0);
}

/* All gathers of virtual stage v's blocks. */
static stc_tick chunk_gathers(struct stc_bounder *b, int32_t e, int32_t v)
{
    stc_tick t = 0;
    for (int32_t i = 0; i < n_blocks(b, v); i++)
        t += gather_ticks(b, e, &block_at(b, v, i)->params);
    return t;
}

static int zero12(const struct stc_bounder *b)
{
    uint8_t k = b->s->layout.shard;
    return k == STC_SHARD_ZERO1 || k == STC_SHARD_ZERO2;
}

/* Reductions leave bucket by bucket while the last backward of chunk 0 runs; how
 * much later than its end the last of them is through. `all` gets their sum. */
static stc_tick reduce_tail(struct stc_bounder *b, int32_t e, stc_tick *all)
{
    int32_t v = b->place.end[e], n = n_blocks(b, v);
    struct stc_param_count bucket = {0, 0};
    stc_tick left = b->chain.v[v].b, done = INT64_MIN / 2, sum = 0;
    if (stc_b_split(b)) left -= b->chain.v[v].w;
    for (int32_t i = n - 1; i >= 0; i--) {
        const struct stc_ucost *u = block_at(b, v, i);
        left -= stc_b_split(b) ? u->b - u->w : u->b;
        bucket.dense += u->params.dense;
        bucket.expert += u->params.expert;
        double bytes = (bucket.dense + bucket.expert) * b->s->stack.grad_reduce_bytes;
        if (!fsdp(b) && bytes < b->s->stack.bucket_bytes && i > 0) continue;
        stc_tick t = reduce_ticks(b, e, &bucket);
        done = max_tick(done, -left) + t;
        sum += t;
        bucket = (struct stc_param_count){0, 0};
    }
    *all = sum;
    return done;
}

/* Gradients of stage end[e] are reduced no earlier than this. */
static stc_tick reduced_at(struct stc_bounder *b, int32_t e)
{
    const struct stc_layout *l = &b->s->layout;
    const struct stc_stack *k = &b->s->stack;
    int32_t s = b->place.end[e];
    stc_tick end = b->chain.end[s], all;
    int early = l->shard >= STC_SHARD_ZERO2 || stc_build_reduces_early(&b->build);
    if (!early)
        return max_tick(end, b->chain.hosted[s]) +
               reduce_ticks(b, e, &b->chain.params[s]);
    stc_tick tail = reduce_tail(b, e, &all), last = end;
    if (stc_b_split(b)) /* weight gradients may fill what follows the last backward */
        last = end - (stc_tick)l->n_micro * b->chain.v[s].w;
    stc_tick t = max_tick(end, last + tail);
    int late = l->pp > 1 && k->pp_keeps_unsharded;
    if (l->shard >= STC_SHARD_ZERO2 && k->reduce_every_micro && !late)
        t = max_tick(t, b->chain.begin[s] + b->chain.v[s].f + l->n_micro * all);
    return t;
}

/* A stream of gathers is at least as long as they are. */
static stc_tick gathered_at(struct stc_bounder *b, int32_t e)
{
    const struct stc_layout *l = &b->s->layout;
    int32_t s = b->place.end[e];
    int kept = l->pp > 1 && b->s->stack.pp_keeps_unsharded;
    if (!fsdp(b) || !l->reshard_after_forward || kept || n_blocks(b, s) == 0) return 0;
    return 2 * (stc_tick)l->n_micro * chunk_gathers(b, e, s) + block_at(b, s, 0)->b;
}

stc_tick stc_b_head_start(struct stc_bounder *b)
{
    stc_tick host = stc_s_to_tick(stc_low_step_s(b->s));
    if (!fsdp(b) && !(zero12(b) && b->s->stack.overlap_param_gather)) return host;
    int32_t n = n_blocks(b, 0);
    if (n == 0) return host;
    stc_tick gathers = chunk_gathers(b, 0, 0);
    return max_tick(host, gathers + block_at(b, 0, n - 1)->f - b->chain.v[0].f);
}

static stc_tick update_ticks(struct stc_bounder *b, int32_t e)
{
    const struct stc_layout *l = &b->s->layout;
    const struct stc_bplace *pl = &b->place;
    const struct stc_param_count *p = &b->chain.params[pl->end[e]];
    double owners = l->shard == STC_SHARD_NONE ? 1 : axis_n(b, pl->shard[e]),
           expert = l->shard == STC_SHARD_NONE ? 1 : axis_n(b, pl->edp[e]);
    stc_tick t = stc_b_optimizer(b, p->dense + p->expert,
                                 p->dense / owners + p->expert / expert);
    if (zero12(b) && !b->s->stack.overlap_param_gather) t += gather_ticks(b, e, p);
    return t;
}

/* The first and the last stage agree on the gradient of a shared table. */
static stc_tick tied(struct stc_bounder *b)
{
    const struct stc_layout *l = &b->s->layout;
    if (!b->s->model.tied_embeddings || l->pp < 2) return 0;
    double bytes = (double)stc_build_padded_vocab(&b->build) / l->tp *
                   b->s->model.hidden * b->s->stack.grad_reduce_bytes;
    return one_reduce(b, b->place.embed, STC_COLL_ALL_REDUCE, bytes);
}

/* Engines round flows to ticks, latency and bytes apart: never more than this. */
static stc_tick without_rounding(stc_tick t)
{
    return t - t / 1000000000 - 1000;
}

void stc_b_finish(struct stc_bounder *b, struct stc_bound *out)
{
    const struct stc_layout *l = &b->s->layout;
    const struct stc_chain *c = &b->chain;
    stc_tick t = 0, ends = 0, update = 0;
    int32_t top = 0;
    for (int32_t s = 0; s < l->pp; s++) {
        t = max_tick(t, max_tick(c->end[s], c->hosted[s]));
        if (c->busy[s] > c->busy[top]) top = s;
    }
    for (int32_t e = 0; e < b->place.n_ends; e++) {
        stc_tick r = max_tick(reduced_at(b, e), gathered_at(b, e));
        if (e < 2)
            ends = max_tick(ends, r);
        else
            t = max_tick(t, r);
        update = max_tick(update, update_ticks(b, e));
    }
    stc_tick compute = t;
    t = max_tick(t, ends + tied(b));
    stc_tick world = axis_n(b, b->place.world) > 1
                         ? stc_b_coll(b, b->place.world, STC_COLL_ALL_REDUCE, 8)
                         : 0;
    *out = (struct stc_bound){.step_ticks = without_rounding(t + world + update),
                              .stage_ticks = l->n_micro * c->busy[top],
                              .dp_ticks = t - compute,
                              .end_ticks = world + update,
                              .stage = top};
    out->bubble_ticks = compute - out->stage_ticks;
    out->busy_frac = (double)l->n_micro * (double)c->busy_sum / (double)l->pp /
                     (double)out->step_ticks;
}

static int ask(struct stc_bounder *b, const struct stc_scenario *s, uint32_t variant,
               struct stc_diag *diag)
{
    b->s = s;
    b->build = (struct stc_build){&s->model, &s->layout, &s->train, &s->stack};
    b->variant = variant;
    b->diag = diag;
    b->err = STC_OK;
    return stc_b_chain(b);
}

static enum stc_err answer(struct stc_bounder *b)
{
    if (b->err == STC_ERR_NOMEM)
        return stc_fail(b->diag, STC_ERR_NOMEM, "bound: out of memory");
    return b->err;
}

enum stc_err stc_bound_fast(struct stc_bounder *b, const struct stc_scenario *s,
                            uint32_t variant, struct stc_bound *out,
                            struct stc_diag *diag)
{
    *out = (struct stc_bound){0};
    if (ask(b, s, variant, diag)) {
        fast_pipeline(b, stc_b_head_start(b));
        stc_b_finish(b, out);
    }
    return answer(b);
}

enum stc_err stc_bound_tight(struct stc_bounder *b, const struct stc_scenario *s,
                             uint32_t variant, struct stc_bound *out,
                             struct stc_diag *diag)
{
    *out = (struct stc_bound){0};
    if (ask(b, s, variant, diag)) {
        stc_tick start = stc_b_head_start(b);
        fast_pipeline(b, start);
        if (s->layout.pp == 1 || stc_b_pipeline(b, start)) stc_b_finish(b, out);
    }
    return answer(b);
}

/* ==== memory ==== */

static enum stc_err stage_need(const struct stc_build *b, int32_t stage, double *most,
                               int32_t *at, struct stc_diag *diag)
{
    struct stc_mem_est m;
    enum stc_err err = stc_mem_estimate(b, stage, &m, diag);
    if (err != STC_OK) return err;
    double need = stc_mem_allocated(&m) + m.bytes[STC_MEM_CONTEXT];
    if (need > *most) {
        *most = need;
        *at = stage;
    }
    return STC_OK;
}

/* Stages after the second hold no more than it, unless layers differ. */
static int middle_alike(const struct stc_build *b)
{
    const struct stc_layout *l = b->layout;
    int32_t even = b->model->n_layers + b->model->dec_layers - l->first_stage_extra -
                   l->last_stage_extra;
    return stc_build_n_layer_kinds(b) == 1 && even % (l->pp * l->vp) == 0;
}

enum stc_err stc_bound_need_bytes(const struct stc_scenario *s, double limit_bytes,
                                  double *need_bytes, int32_t *stage,
                                  struct stc_diag *diag)
{
    const struct stc_build b = {&s->model, &s->layout, &s->train, &s->stack};
    int32_t pp = s->layout.pp;
    *need_bytes = 0;
    *stage = 0;
    enum stc_err err = stage_need(&b, 0, need_bytes, stage, diag);
    if (err == STC_OK && pp > 1 && *need_bytes <= limit_bytes)
        err = stage_need(&b, pp - 1, need_bytes, stage, diag);
    int32_t to = pp > 2 && middle_alike(&b) ? 2 : pp - 1;
    for (int32_t i = 1; err == STC_OK && i < to && *need_bytes <= limit_bytes; i++)
        err = stage_need(&b, i, need_bytes, stage, diag);
    return err;
}
