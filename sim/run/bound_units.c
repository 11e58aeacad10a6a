/* bound_units.c - what bounds are summed from, each computed once and kept. */
#include "sim/run/bound_int.h"

#include <string.h>

void *stc_b_grow(struct stc_bounder *b, size_t n, size_t size)
{
    void *p = stc_arena_alloc(&b->fixed, n, size);
    if (!p) b->err = STC_ERR_NOMEM;
    return p;
}

/* ==== groups ==== */

static uint16_t shape_id(struct stc_bounder *b, const struct stc_group_shape *s)
{
    for (int32_t i = b->n_shapes - 1; i >= 0; i--)
        if (memcmp(&b->shape[i], s, sizeof *s) == 0) return (uint16_t)i;
    if (b->n_shapes == b->cap_shapes) {
        int32_t cap = b->cap_shapes ? 2 * b->cap_shapes : 64;
        struct stc_group_shape *p = stc_b_grow(b, (size_t)cap, sizeof *p);
        if (!p) return 0;
        if (b->n_shapes) memcpy(p, b->shape, (size_t)b->n_shapes * sizeof *p);
        b->shape = p;
        b->cap_shapes = cap;
    }
    b->shape[b->n_shapes] = *s;
    return (uint16_t)b->n_shapes++;
}

static uint16_t axis_shape(struct stc_bounder *b, const struct stc_place *p,
                           enum stc_axis axis, int32_t rank)
{
    struct stc_group g = stc_layout_group(p->layout, axis, rank);
    struct stc_group_shape s;
    stc_place_shape(p, &g, &s);
    return shape_id(b, &s);
}

static int room_for_stages(struct stc_bounder *b, int32_t pp)
{
    struct stc_bplace *pl = &b->place;
    if (pp <= pl->cap) return 1;
    pl->axis = stc_b_grow(b, (size_t)pp, sizeof *pl->axis);
    pl->hop = stc_b_grow(b, (size_t)pp, sizeof *pl->hop);
    pl->cap = pl->axis && pl->hop ? pp : 0;
    return pl->cap > 0;
}

static void place_ends(struct stc_bounder *b, const struct stc_place *p,
                       int32_t per_stage)
{
    struct stc_bplace *pl = &b->place;
    const int32_t pp = p->layout->pp, want[STC_ENDS] = {0, pp - 1, 1};
    pl->n_ends = pp < STC_ENDS ? pp : STC_ENDS;
    for (int32_t e = 0; e < pl->n_ends; e++) {
        int32_t rank = want[e] * per_stage;
        pl->end[e] = want[e];
        pl->shard[e] = axis_shape(b, p, STC_AXIS_SHARD, rank);
        pl->dpcp[e] = axis_shape(b, p, STC_AXIS_DPCP, rank);
        pl->edp[e] = axis_shape(b, p, STC_AXIS_EDP, rank);
        pl->replica[e] = axis_shape(b, p, STC_AXIS_REPLICA, rank);
    }
    pl->embed = axis_shape(b, p, STC_AXIS_EMBED, 0);
    pl->world = axis_shape(b, p, STC_AXIS_WORLD, 0);
}

static const enum stc_axis inner[4] = {STC_AXIS_TP, STC_AXIS_CP, STC_AXIS_EP,
                                       STC_AXIS_ETP};

/* Stages that are whole nodes look alike; others are looked at one by one. */
static void place_stages(struct stc_bounder *b, const struct stc_place *p,
                         int32_t per_stage)
{
    struct stc_bplace *pl = &b->place;
    int32_t pp = p->layout->pp, domain = stc_cluster_nvlink_domain_gpus(p->cluster);
    int alike = per_stage % domain == 0 && per_stage % p->cluster->node.n_gpus == 0;
    for (int32_t s = 0; s < pp; s++) {
        int32_t rank = s * per_stage, to = (s + 1 < pp ? s + 1 : 0) * per_stage;
        if (alike && s > 0) {
            memcpy(pl->axis[s], pl->axis[0], sizeof pl->axis[s]);
        } else {
            for (int x = 0; x < 4; x++)
                pl->axis[s][x] = axis_shape(b, p, inner[x], rank);
        }
        struct stc_group_shape pair;
        if (to == rank) {
            pl->hop[s] = 0;
            continue;
        }
        stc_place_pair_shape(p, rank, to, &pair);
        pl->hop[s] = shape_id(b, &pair);
    }
}

int stc_b_place(struct stc_bounder *b)
{
    const struct stc_layout *l = &b->s->layout;
    struct stc_bplace *pl = &b->place;
    if (pl->serial && pl->key.variant == b->variant && pl->key.tp == l->tp &&
        pl->key.cp == l->cp && pl->key.ep == l->ep && pl->key.etp == l->etp &&
        pl->key.dp == l->dp && pl->key.pp == l->pp &&
        pl->key.shard_group == l->shard_group)
        return 1;
    int32_t per_stage = l->tp * l->cp * l->dp;
    struct stc_place p = {&b->s->cluster, NULL, l, per_stage * l->pp};
    if (!room_for_stages(b, l->pp)) return 0;
    pl->key.variant = b->variant;
    pl->key.tp = l->tp;
    pl->key.cp = l->cp;
    pl->key.ep = l->ep;
    pl->key.etp = l->etp;
    pl->key.dp = l->dp;
    pl->key.pp = l->pp;
    pl->key.shard_group = l->shard_group;
    place_stages(b, &p, per_stage);
    place_ends(b, &p, per_stage);
    pl->serial = ++b->serial;
    return b->err == STC_OK;
}

/* ==== blocks ==== */

static struct stc_optime optime_of(const struct stc_bounder *b,
                                   const struct stc_group_shape *shapes)
{
    struct stc_optime t = {.s = b->s,
                           .p = b->p,
                           .axis_shape = shapes,
                           .force = stc_low_force(b->s),
                           .overlap = b->overlap};
    return t;
}

static void shapes_of(const struct stc_bounder *b, const uint16_t id[4],
                      struct stc_group_shape out[STC_AXIS_COUNT])
{
    for (int x = 0; x < STC_AXIS_COUNT; x++)
        out[x] = b->shape[id[0]];
    for (int x = 0; x < 4; x++)
        out[inner[x]] = b->shape[id[x]];
}

static void one_unit(struct stc_bounder *b, const struct stc_optime *t,
                     enum stc_block block, int32_t layer, int recomputed,
                     struct stc_ucost *u)
{
    struct stc_ops ops;
    struct stc_pieces f, w;
    stc_arena_reset(&b->scratch);
    if (b->err == STC_OK)
        b->err = stc_build_fwd(&b->scratch, &b->build, block, layer, &ops, b->diag);
    if (b->err == STC_OK) b->err = stc_optime(&b->scratch, t, &ops, &f);
    if (b->err == STC_OK)
        b->err = stc_build_bwd(&b->scratch, &b->build, block, layer, recomputed, &ops,
                               b->diag);
    if (b->err == STC_OK) b->err = stc_optime(&b->scratch, t, &ops, &w);
    if (b->err != STC_OK) return;
    double each = stc_low_launch_s(b->s), host = each * f.n_launches;
    if (b->s->stack.launch_blocking) { /* a part of the compute stream */
        f.total += stc_s_to_tick(host);
        w.total += stc_s_to_tick(each * w.n_launches);
        host = 0;
    }
    *u = (struct stc_ucost){.f = f.total,
                            .b = w.total,
                            .w = w.wgrad_ticks,
                            .f_launches = f.n_launches,
                            .b_launches = w.n_launches,
                            .params = stc_build_params(&b->build, block, layer),
                            .host_late = host > 0.7 * stc_tick_to_s(f.total)};
}

static void sum_layers(struct stc_units *u)
{
    for (int32_t i = 0; i < u->n_layers; i++) {
        const struct stc_ucost *x = u->layer[2 * i], *r = u->layer[2 * i + 1];
        struct stc_usums *s = &u->sums[i + 1];
        *s = u->sums[i];
        s->f += x->f;
        s->b += x->b;
        s->w += x->w;
        s->br += r->b;
        s->wr += r->w;
        s->launches += x->f_launches + x->b_launches;
        s->launches_r += r->f_launches + r->b_launches;
        s->dense += x->params.dense;
        s->expert += x->params.expert;
        u->all_layers_late &= x->host_late;
    }
}

static void layers(struct stc_bounder *b, const struct stc_optime *t,
                   struct stc_units *u)
{
    int32_t n_kinds = stc_build_n_layer_kinds(&b->build);
    int full = b->s->layout.recompute == STC_RECOMPUTE_FULL;
    struct stc_ucost *kind = STC_NEW_N(&b->memo, struct stc_ucost, (size_t)n_kinds * 2);
    uint8_t *have = STC_NEW_N(&b->memo, uint8_t, (size_t)n_kinds);
    if (!kind || !have) {
        b->err = STC_ERR_NOMEM;
        return;
    }
    for (int32_t i = 0; i < u->n_layers && b->err == STC_OK; i++) {
        int32_t k = n_kinds > 1 ? stc_build_layer_kind(&b->build, i) : 0;
        if (!have[k]) {
            have[k] = 1;
            one_unit(b, t, STC_BLOCK_LAYER, i, 0, &kind[2 * k]);
            if (full)
                one_unit(b, t, STC_BLOCK_LAYER, i, 1, &kind[2 * k + 1]);
            else
                kind[2 * k + 1] = kind[2 * k];
        }
        u->layer[2 * i] = &kind[2 * k];
        u->layer[2 * i + 1] = &kind[2 * k + 1];
    }
}

static struct stc_units *make_units(struct stc_bounder *b, const uint16_t id[4])
{
    const struct stc_model *m = &b->s->model;
    struct stc_group_shape shapes[STC_AXIS_COUNT];
    int32_t n = stc_model_pipeline_layers(m);
    struct stc_units *u = STC_NEW(&b->memo, struct stc_units);
    if (!u) return NULL;
    u->n_layers = n;
    u->layer = STC_NEW_N(&b->memo, const struct stc_ucost *, (size_t)n * 2);
    u->sums = STC_NEW_N(&b->memo, struct stc_usums, (size_t)n + 1);
    if (!u->layer || !u->sums) return NULL;
    shapes_of(b, id, shapes);
    struct stc_optime t = optime_of(b, shapes);
    one_unit(b, &t, STC_BLOCK_EMBED, 0, 0, &u->embed);
    one_unit(b, &t, STC_BLOCK_HEAD, 0, 0, &u->head);
    if (m->mtp_layers > 0) one_unit(b, &t, STC_BLOCK_MTP, 0, 0, &u->mtp);
    layers(b, &t, u);
    if (b->err != STC_OK) return NULL;
    u->all_layers_late = 1;
    sum_layers(u);
    u->serial = ++b->serial;
    return u;
}

/* Lists depend on n_micro where weights are cast once a step (8-bit formats)
 * and where there is only one; on dp where experts are spread over replicas. */
static void unit_key(const struct stc_bounder *b, int32_t stage, struct stc_ukey *k)
{
    const struct stc_layout *l = &b->s->layout;
    const struct stc_model *m = &b->s->model;
    enum stc_math math = stc_dtype_info((enum stc_dtype)b->s->train.precision)->math;
    int low = math == STC_MATH_FP8 || math == STC_MATH_FP4;
    memset(k, 0, sizeof *k);
    k->variant = b->variant;
    k->tp = l->tp;
    k->cp = l->cp;
    k->ep = l->ep;
    k->etp = l->etp;
    k->dp = m->n_experts > 0 ? l->dp : 0;
    k->micro_batch = l->micro_batch;
    k->n_micro = low || l->n_micro == 1 ? l->n_micro : 0;
    k->seq_parallel = l->seq_parallel;
    k->recompute = l->recompute;
    k->cp_kind = l->cp_kind;
    k->shard2 = l->shard >= STC_SHARD_ZERO2;
    k->deep = l->pp > 1;
    memcpy(k->shape, b->place.axis[stage], sizeof k->shape);
}

enum { FIRST_SLOTS = 1024, MOST_UNITS = 16384 };

static int rehash(struct stc_bounder *b, uint32_t n)
{
    struct stc_uslot *slot = STC_NEW_N(&b->memo, struct stc_uslot, n);
    if (!slot) return 0;
    for (uint32_t i = 0; i < b->n_slots; i++) {
        if (!b->slot[i].units) continue;
        uint64_t h = stc_hash64(STC_HASH_INIT, &b->slot[i].key, sizeof b->slot[i].key);
        uint32_t at = (uint32_t)(h ^ h >> 32) & (n - 1);
        while (slot[at].units)
            at = (at + 1) & (n - 1);
        slot[at] = b->slot[i];
    }
    b->slot = slot;
    b->n_slots = n;
    return 1;
}

void stc_b_forget(struct stc_bounder *b)
{
    if (b->n_used < MOST_UNITS) return;
    stc_arena_reset(&b->memo);
    b->slot = NULL;
    b->n_slots = b->n_used = 0;
    memset(&b->chain.key, 0, sizeof b->chain.key);
}

static int room_for_unit(struct stc_bounder *b)
{
    if (b->n_used * 2 < b->n_slots) return 1;
    return rehash(b, b->n_slots ? 2 * b->n_slots : FIRST_SLOTS);
}

const struct stc_units *stc_b_units(struct stc_bounder *b, int32_t stage)
{
    struct stc_ukey k;
    unit_key(b, stage, &k);
    if (!room_for_unit(b)) {
        b->err = STC_ERR_NOMEM;
        return NULL;
    }
    uint64_t h = stc_hash64(STC_HASH_INIT, &k, sizeof k);
    uint32_t at = (uint32_t)(h ^ h >> 32) & (b->n_slots - 1);
    while (b->slot[at].units) {
        if (memcmp(&b->slot[at].key, &k, sizeof k) == 0) return b->slot[at].units;
        at = (at + 1) & (b->n_slots - 1);
    }
    struct stc_units *u = make_units(b, k.shape);
    if (!u) {
        if (b->err == STC_OK) b->err = STC_ERR_NOMEM;
        return NULL;
    }
    b->slot[at] = (struct stc_uslot){k, u};
    b->n_used++;
    return u;
}

/* ==== collectives, the optimizer ==== */

stc_tick stc_b_coll(struct stc_bounder *b, uint16_t shape, enum stc_coll c,
                    double bytes)
{
    uint64_t bits;
    memcpy(&bits, &bytes, sizeof bits);
    uint32_t key = (uint32_t)shape << 8 | (uint32_t)c << 4 | (b->variant & 15U);
    uint64_t h = (bits ^ key) * UINT64_C(0x9E3779B97F4A7C15);
    struct stc_ctime *e = &b->ctime[(h >> 40) % STC_CTIMES];
    if (e->used == b->variant + 1 && e->key == key && e->bytes_bits == bits)
        return e->ticks;
    struct stc_coll_force force = stc_low_force(b->s);
    struct stc_coll_est est;
    stc_coll_time(b->p->coll, &b->shape[shape], c, bytes, &force, &est);
    *e = (struct stc_ctime){bits, key, b->variant + 1, stc_s_to_tick(est.seconds)};
    return e->ticks;
}

stc_tick stc_b_optimizer(struct stc_bounder *b, double n_params, double n_owned)
{
    const struct stc_layout *l = &b->s->layout;
    uint64_t h;
    double both = n_params + 3 * n_owned;
    memcpy(&h, &both, sizeof h);
    h = (h + (uint64_t)l->pp * 64 + (uint64_t)l->tp) * UINT64_C(0x9E3779B97F4A7C15);
    struct stc_otime *e = &b->otime[(h >> 40) % STC_OTIMES];
    if (e->ticks > 0 && e->variant == b->variant && e->tp == l->tp && e->pp == l->pp &&
        stc_same_double(e->n_params, n_params) && stc_same_double(e->n_owned, n_owned))
        return e->ticks;
    struct stc_group_shape shapes[STC_AXIS_COUNT];
    struct stc_ops ops;
    struct stc_pieces pieces = {0};
    shapes_of(b, b->place.axis[0], shapes);
    struct stc_optime t = optime_of(b, shapes);
    stc_arena_reset(&b->scratch);
    if (b->err == STC_OK)
        b->err = stc_build_optimizer(&b->scratch, &b->build, n_params, n_owned, &ops,
                                     b->diag);
    if (b->err == STC_OK) b->err = stc_optime(&b->scratch, &t, &ops, &pieces);
    *e = (struct stc_otime){n_params, n_owned, b->variant, l->tp, l->pp, pieces.total};
    return pieces.total;
}
