/* lower.c - see lower.h: the frame; blocks are written by lower_items.c. */
#include "sim/run/lower.h"

#include <string.h>

#include "models/host.h"
#include "sim/run/lower_int.h"

static const uint8_t slot_axis[STC_SLOT_COUNT] = {
    [STC_SLOT_FSEND] = STC_AXIS_PP,    [STC_SLOT_FRECV] = STC_AXIS_PP,
    [STC_SLOT_BSEND] = STC_AXIS_PP,    [STC_SLOT_BRECV] = STC_AXIS_PP,
    [STC_SLOT_TP] = STC_AXIS_TP,       [STC_SLOT_CP] = STC_AXIS_CP,
    [STC_SLOT_EP] = STC_AXIS_EP,       [STC_SLOT_ETP] = STC_AXIS_ETP,
    [STC_SLOT_DPCP] = STC_AXIS_DPCP,   [STC_SLOT_EDP] = STC_AXIS_EDP,
    [STC_SLOT_SHARD] = STC_AXIS_SHARD, [STC_SLOT_REPLICA] = STC_AXIS_REPLICA,
    [STC_SLOT_EMBED] = STC_AXIS_EMBED, [STC_SLOT_WORLD] = STC_AXIS_WORLD};

enum stc_axis stc_slot_axis(enum stc_slot s)
{
    return (enum stc_axis)slot_axis[s];
}

enum stc_slot stc_axis_slot(enum stc_axis a)
{
    for (int s = STC_SLOT_TP; s < STC_SLOT_COUNT; s++)
        if (slot_axis[s] == a) return (enum stc_slot)s;
    return STC_SLOT_WORLD;
}

const char *stc_stream_name(enum stc_stream s)
{
    static const char *const names[] = {
        "compute",      "host",         "gather parameters", "reduce gradients",
        "send forward", "recv forward", "send backward",     "recv backward",
        "copy to host", "copy to GPU",  "host optimizer",    "data loader"};
    return names[s];
}

/* ---- units: the lists of a stage's chunks, shared between equal layers ---- */

struct unit_cache {        /* of the stages whose groups look alike */
    struct stc_unit *unit; /* [kinds * 2]: by layer kind and whether recomputed */
    uint8_t *have;
    size_t n;
    int32_t *kind;                                /* [layers]: -1: not asked yet */
    struct stc_group_shape shape[STC_AXIS_COUNT]; /* theirs */
};

/* Weights of products; in all with norms (scale and shift) and biases, which a
 * convolution in front of a norm has not. */
static int32_t count_tensors(const struct stc_model *m, const struct stc_ops *fwd,
                             int32_t *all)
{
    int32_t weights = 0, norms = 0;
    for (int32_t i = 0; i < fwd->n; i++) {
        const struct stc_op *op = &fwd->ops[i];
        weights += op->kind == STC_OP_GROUPED ||
                   (op->kind == STC_OP_GEMM && op->shape.gemm.batch <= 1);
        norms += op->kind == STC_OP_MEMBOUND && op->shape.mem.op == STC_MEMOP_NORM_FWD;
    }
    int32_t bare = m->kind == STC_MODEL_CNN ? norms : m->linear_bias ? 0 : weights;
    *all = 2 * weights - bare + 2 * norms;
    return weights;
}

static void build_unit(struct stc_low *w, enum stc_block block, int32_t layer,
                       int recomputed, struct stc_unit *u)
{
    struct stc_ops ops;
    *u = (struct stc_unit){.block = block,
                           .layer = layer,
                           .params = stc_build_params(&w->b, block, layer)};
    w->err = stc_build_fwd(w->o->a, &w->b, block, layer, &ops, w->diag);
    if (w->err != STC_OK) return;
    u->keep_bytes = stc_build_keep_bytes(&ops, &w->b, recomputed);
    int32_t n_weights = count_tensors(w->b.model, &ops, &u->n_tensors);
    w->err = stc_optime(w->o->a, &w->time, &ops, &u->fwd);
    if (w->err == STC_OK)
        w->err = stc_build_bwd(w->o->a, &w->b, block, layer, recomputed, &ops, w->diag);
    if (w->err == STC_OK) w->err = stc_optime(w->o->a, &w->time, &ops, &u->bwd);
    if (w->err == STC_OK && stc_low_fsdp(w)) {
        u->fwd.n_launches += n_weights * w->b.stack->gather_tensor_launches;
        u->bwd.n_launches += n_weights * w->b.stack->gather_tensor_launches;
    }
}

static void layer_unit(struct stc_low *w, struct unit_cache *cache, int32_t layer,
                       int recomputed, struct stc_unit *u)
{
    int32_t *kind = &cache->kind[layer];
    if (*kind < 0) *kind = stc_build_layer_kind(&w->b, layer);
    int32_t slot = *kind * 2 + recomputed;
    if (!cache->have[slot]) {
        build_unit(w, STC_BLOCK_LAYER, layer, recomputed, &cache->unit[slot]);
        cache->have[slot] = 1;
    }
    *u = cache->unit[slot];
    u->layer = layer;
}

/* The i-th of a chunk's n layers; what waits on the host does not wait here. */
static void add_layer(struct stc_low *w, struct unit_cache *cache, struct stc_chunk *c,
                      int32_t layer, int32_t i, int32_t n)
{
    struct stc_unit *u = &c->units[c->n++];
    layer_unit(w, cache, layer, stc_build_layer_recomputed(&w->b, i, n), u);
    if (!stc_host_layer_away(&w->b, i, n)) return;
    u->away_bytes = u->keep_bytes;
    u->keep_bytes = 0;
    c->away = 1;
}

static void build_chunk(struct stc_low *w, struct unit_cache *cache, int32_t chunk)
{
    const struct stc_layout *l = w->b.layout;
    int32_t v = chunk * l->pp + w->stage, total = stc_model_pipeline_layers(w->b.model);
    int32_t n = stc_layout_layers(l, total, v),
            first = stc_layout_first_layer(l, total, v);
    struct stc_chunk *c = &w->chunks[chunk];
    c->first = v == 0;
    c->last = v == l->pp * l->vp - 1;
    int32_t mtp = c->last ? w->b.model->mtp_layers : 0;
    c->units =
        STC_NEW_N(w->o->a, struct stc_unit, (size_t)(n > 0 ? n : 0) + 2 + (size_t)mtp);
    if (n < 0 || !c->units) {
        w->err = !c->units
                     ? STC_ERR_NOMEM
                     : stc_fail(w->diag, STC_ERR_INFEASIBLE,
                                "%d layers cannot be cut into pp %d x vp %d chunks",
                                total, l->pp, l->vp);
        return;
    }
    if (c->first) build_unit(w, STC_BLOCK_EMBED, 0, 0, &c->units[c->n++]);
    for (int32_t i = 0; i < n && w->err == STC_OK; i++)
        add_layer(w, cache, c, first + i, i, n);
    for (int32_t i = 0; i < mtp && w->err == STC_OK; i++)
        build_unit(w, STC_BLOCK_MTP, i, 0, &c->units[c->n++]);
    if (c->last && w->err == STC_OK)
        build_unit(w, STC_BLOCK_HEAD, 0, 0, &c->units[c->n++]);
    for (int32_t i = 0; i < c->n; i++)
        w->n_tensors += c->units[i].n_tensors;
    w->t->n_layers += n;
    struct stc_param_count p = stc_low_chunk_params(w, chunk);
    w->t->n_params += p.dense + p.expert;
}

static void build_units(struct stc_low *w, struct unit_cache *cache)
{
    const struct stc_layout *l = w->b.layout;
    if (!cache->have) {
        cache->n = (size_t)stc_build_n_layer_kinds(&w->b) * 2;
        cache->unit = STC_NEW_N(w->o->a, struct stc_unit, cache->n);
        cache->have = STC_NEW_N(w->o->a, uint8_t, cache->n);
        int32_t n_layers = stc_model_total_layers(w->b.model);
        cache->kind = STC_NEW_N(w->o->a, int32_t, (size_t)n_layers + 1);
        for (int32_t i = 0; cache->kind && i < n_layers; i++)
            cache->kind[i] = -1;
    }
    w->chunks = STC_NEW_N(w->o->a, struct stc_chunk, (size_t)l->vp);
    if (!cache->unit || !cache->have || !cache->kind || !w->chunks) {
        w->err = STC_ERR_NOMEM;
        return;
    }
    if (memcmp(cache->shape, w->shape, sizeof w->shape) != 0)
        memset(cache->have, 0, cache->n);
    memcpy(cache->shape, w->shape, sizeof w->shape);
    for (int32_t c = 0; c < l->vp && w->err == STC_OK; c++)
        build_chunk(w, cache, c);
}

/* The host is on the path when it needs about as long as the GPU somewhere. */
static int host_matters(const struct stc_low *w)
{
    if (w->b.train->cuda_graphs || w->host_s_per_launch <= 0) return 0;
    for (int32_t c = 0; c < w->b.layout->vp; c++) {
        for (int32_t u = 0; u < w->chunks[c].n; u++) {
            const struct stc_unit *x = &w->chunks[c].units[u];
            double f = w->host_s_per_launch * x->fwd.n_launches,
                   b = w->host_s_per_launch * x->bwd.n_launches;
            if (f > 0.7 * stc_tick_to_s(x->fwd.total) ||
                b > 0.7 * stc_tick_to_s(x->bwd.total))
                return 1;
        }
    }
    return 0;
}

/* ---- items ---- */

enum { VARIANTS_PER_CHUNK = 3 * 4 };

static int32_t variant_block(struct stc_low *w, int32_t *memo,
                             const struct stc_item_variant *v)
{
    int32_t *m = &memo[v->chunk * VARIANTS_PER_CHUNK + v->kind * 4 +
                       v->first_micro * 2 + v->last_micro];
    if (*m < 0) {
        stc_low_item(w, v);
        if (w->err == STC_OK) *m = stc_low_block_end(w);
    }
    return *m;
}

static int alloc_items(struct stc_low *w, int32_t n, int32_t n_variants)
{
    struct stc_arena *a = w->o->a;
    struct stc_stage_tmpl *t = w->t;
    t->n_items = n;
    t->item_block = STC_NEW_N(a, uint16_t, (size_t)n);
    t->item_micro = STC_NEW_N(a, int32_t, (size_t)n);
    t->item_kind = STC_NEW_N(a, uint8_t, (size_t)n);
    t->item_chunk = STC_NEW_N(a, uint8_t, (size_t)n);
    t->base = STC_NEW_N(a, uint32_t, (size_t)n * STC_STREAM_COUNT);
    t->blocks = STC_NEW_N(a, struct stc_block_tmpl, (size_t)n_variants + 2);
    return t->item_block && t->item_micro && t->item_kind && t->item_chunk && t->base &&
           t->blocks;
}

static void put_item(struct stc_stage_tmpl *t, int32_t i, int32_t block, int32_t micro,
                     uint8_t kind, uint8_t chunk)
{
    t->item_block[i] = (uint16_t)block;
    t->item_micro[i] = micro;
    t->item_kind[i] = kind;
    t->item_chunk[i] = chunk;
}

/* Prefix sums: where each stream stands when an item begins, and which items
 * have tasks of a stream. */
static int index_items(struct stc_low *w)
{
    struct stc_stage_tmpl *t = w->t;
    uint32_t at[STC_STREAM_COUNT] = {0};
    uint16_t *busy =
        STC_NEW_N(w->o->a, uint16_t, (size_t)t->n_blocks); /* bit a stream */
    if (!busy) return 0;
    for (int32_t i = 0; i < t->n_blocks; i++)
        for (int s = 0; s < STC_STREAM_COUNT; s++)
            busy[i] |= (uint16_t)((t->blocks[i].n[s] > 0) << s);
    for (int32_t i = 0; i < t->n_items; i++) {
        const struct stc_block_tmpl *b = &t->blocks[t->item_block[i]];
        memcpy(&t->base[(size_t)i * STC_STREAM_COUNT], at, sizeof at);
        for (unsigned left = busy[t->item_block[i]]; left; left &= left - 1) {
            int s = __builtin_ctz(left);
            at[s] += b->n[s];
            t->n_busy[s]++;
        }
    }
    for (int s = 0; s < STC_STREAM_COUNT; s++) {
        t->busy[s] = STC_NEW_N(w->o->a, int32_t, (size_t)t->n_busy[s] + 1);
        if (!t->busy[s]) return 0;
        t->n_busy[s] = 0;
    }
    for (int32_t i = 0; i < t->n_items; i++)
        for (unsigned left = busy[t->item_block[i]]; left; left &= left - 1) {
            int s = __builtin_ctz(left);
            t->busy[s][t->n_busy[s]++] = i;
        }
    return 1;
}

/* Which item is the first and which the last of each chunk and kind. */
static void write_items(struct stc_low *w, const struct stc_schedule *sc)
{
    const struct stc_layout *l = w->b.layout;
    int32_t n_var = l->vp * VARIANTS_PER_CHUNK;
    int32_t *memo = STC_NEW_N(w->o->a, int32_t, (size_t)n_var);
    if (!memo || !alloc_items(w, sc->n + 2, n_var)) {
        w->err = STC_ERR_NOMEM;
        return;
    }
    for (int32_t i = 0; i < n_var; i++)
        memo[i] = -1;
    stc_low_begin_step(w);
    put_item(w->t, 0, stc_low_block_end(w), -1, 3, 0);
    for (int32_t i = 0; i < sc->n && w->err == STC_OK; i++) {
        const struct stc_item *it = &sc->items[i];
        struct stc_item_variant v = {it->kind, it->chunk, it->micro == 0,
                                     it->micro == l->n_micro - 1};
        if (v.kind != STC_ITEM_F) v.first_micro = 0;
        if (v.kind != STC_ITEM_B) v.last_micro = 0;
        put_item(w->t, i + 1, variant_block(w, memo, &v), it->micro, it->kind,
                 it->chunk);
    }
    if (w->err != STC_OK) return;
    stc_low_end_step(w);
    if (w->err != STC_OK) return;
    put_item(w->t, sc->n + 1, stc_low_block_end(w), -1, 3, 0);
    if (w->err == STC_OK && !index_items(w)) w->err = STC_ERR_NOMEM;
}

static void stage_ledger(struct stc_low *w)
{
    double m = w->b.layout->n_micro;
    for (int32_t c = 0; c < w->b.layout->vp; c++) {
        for (int32_t u = 0; u < w->chunks[c].n; u++) {
            stc_ledger_add(&w->t->ledger, w->chunks[c].units[u].fwd.ledger, m);
            stc_ledger_add(&w->t->ledger, w->chunks[c].units[u].bwd.ledger, m);
        }
    }
    w->t->hw_flop = w->t->ledger.hw_flop;
    w->t->again_flop = w->t->ledger.again_flop;
}

static int chunk_memory(struct stc_low *w)
{
    int32_t vp = w->b.layout->vp;
    w->t->chunk_keep_bytes = STC_NEW_N(w->o->a, double, (size_t)vp);
    w->t->chunk_work_bytes = STC_NEW_N(w->o->a, double, (size_t)vp);
    if (!w->t->chunk_keep_bytes || !w->t->chunk_work_bytes) return 0;
    w->t->head_chunk = -1;
    for (int32_t c = 0; c < vp; c++) {
        for (int32_t u = 0; u < w->chunks[c].n; u++) {
            const struct stc_unit *x = &w->chunks[c].units[u];
            w->t->chunk_keep_bytes[c] += x->keep_bytes;
            if (x->block == STC_BLOCK_HEAD) {
                w->t->head_chunk = c;
                w->t->head_keep_bytes = x->keep_bytes;
            }
            double gone = x->away_bytes * STC_HOST_WINDOW;
            if (gone > w->t->away_bytes) w->t->away_bytes = gone;
            double extra = x->fwd.keep_bytes - x->keep_bytes -
                           x->away_bytes; /* what recompute brings back */
            if (extra > w->t->chunk_work_bytes[c]) w->t->chunk_work_bytes[c] = extra;
        }
    }
    return 1;
}

struct stc_coll_force stc_low_force(const struct stc_scenario *s)
{
    struct stc_coll_force f = STC_COLL_FORCE_INIT;
    if (s->sim.nccl_algo[0]) (void)stc_coll_algo_parse(s->sim.nccl_algo, &f.algo);
    if (s->sim.nccl_proto[0]) (void)stc_coll_proto_parse(s->sim.nccl_proto, &f.proto);
    f.max_ctas = s->sim.nccl_max_ctas;
    f.p2p_disable = s->sim.nccl_p2p_disable != 0;
    f.nvls_disable = s->sim.nccl_nvls_disable != 0;
    f.collnet_enable = s->sim.nccl_collnet_enable != 0;
    f.hier_all_to_all = s->stack.moe_deepep != 0;
    return f;
}

void stc_low_overlap(const struct stc_run_params *p, struct stc_overlap_params *out)
{
    if (p->overlap)
        *out = *p->overlap;
    else
        stc_overlap_prior(out);
}

static enum stc_err lower_stage(struct stc_lowered *o, int32_t stage,
                                struct unit_cache *cache, struct stc_diag *diag)
{
    const struct stc_scenario *s = o->s;
    const struct stc_layout *l = &s->layout;
    struct stc_low *w = STC_NEW(o->a, struct stc_low);
    if (!w) return STC_ERR_NOMEM;
    w->o = o;
    w->t = &o->stages[stage];
    w->b = (struct stc_build){&s->model, l, &s->train, &s->stack};
    w->time = (struct stc_optime){
        .s = s, .p = o->p, .axis_shape = w->shape, .force = stc_low_force(s)};
    stc_low_overlap(o->p, &w->time.overlap);
    w->stage = stage;
    w->host_s_per_launch = stc_low_launch_s(s);
    w->diag = diag;
    for (int x = 0; x < STC_AXIS_COUNT; x++) {
        struct stc_group g =
            stc_layout_group(l, (enum stc_axis)x, stage * (l->tp * l->cp * l->dp));
        stc_place_shape(o->place, &g, &w->shape[x]);
    }
    build_units(w, cache);
    if (w->err != STC_OK) return w->err;
    w->host_bound = host_matters(w);
    struct stc_schedule sc;
    enum stc_err e = stc_schedule_build(o->a, l, stage, &sc, diag);
    if (e != STC_OK) return e;
    write_items(w, &sc);
    if (w->err != STC_OK) return w->err;
    stage_ledger(w);
    w->t->colour = (uint64_t)stage + 1;
    return chunk_memory(w) ? STC_OK : STC_ERR_NOMEM;
}

enum stc_err stc_lower(struct stc_arena *a, const struct stc_scenario *s,
                       const struct stc_run_params *p, const struct stc_place *place,
                       struct stc_lowered *out, struct stc_diag *diag)
{
    *out = (struct stc_lowered){
        .a = a, .s = s, .p = p, .place = place, .n_stages = s->layout.pp};
    out->explicit_joins = s->sim.straggler_rank >= 0 || s->cluster.n_degrades > 0;
    out->explicit_ops = !s->sim.fold_layers || out->explicit_joins;
    out->stages = STC_NEW_N(a, struct stc_stage_tmpl, (size_t)s->layout.pp);
    if (!out->stages)
        return stc_fail(diag, STC_ERR_NOMEM, "out of memory while lowering");
    struct unit_cache cache = {NULL, NULL, 0, NULL, {{0}}};
    for (int32_t i = 0; i < s->layout.pp; i++) {
        enum stc_err e = lower_stage(out, i, &cache, diag);
        if (e == STC_ERR_NOMEM)
            return stc_fail(diag, e, "out of memory while lowering stage %d", i);
        if (e != STC_OK) return e;
    }
    return STC_OK;
}
