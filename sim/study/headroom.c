/* headroom.c - see headroom.h. */
#include "sim/study/headroom.h"

#include "sim/base/text.h"
#include "sim/run/bound.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *about;
} axes[STC_HEADROOM_COUNT] = {
#define ROW(id, name, help) {name, help},
    STC_HEADROOM_MAP(ROW)
#undef ROW
};

const char *stc_headroom_name(enum stc_headroom_axis a)
{
    return axes[a].name;
}

const char *stc_headroom_about(enum stc_headroom_axis a)
{
    return axes[a].about;
}

enum stc_err stc_headroom_find(const char *name, enum stc_headroom_axis *out,
                               struct stc_diag *diag)
{
    const char *names[STC_HEADROOM_COUNT];
    char near[160];
    for (int i = 0; i < STC_HEADROOM_COUNT; i++) {
        names[i] = axes[i].name;
        if (strcmp(names[i], name) == 0) {
            *out = (enum stc_headroom_axis)i;
            return STC_OK;
        }
    }
    stc_near_text(name, names, STC_HEADROOM_COUNT, near, sizeof near);
    return stc_fail(diag, STC_ERR_UNKNOWN, "--axis %s: no such axis%s", name,
                    near[0] ? near
                            : "; micro_batch, seq_len, layers, hidden or gpus would be "
                              "right");
}

/* ==== one value ==== */

/* The batch follows the micro-batch and the replicas: their number of
 * micro-batches is what a person holds on to. */
static void free_batch(const struct stc_scenario *base, struct stc_scenario *s)
{
    s->said.global_batch = STC_AUTO;
    s->said.grad_accum =
        base->train.global_batch / (base->layout.micro_batch * base->layout.dp);
    s->said.micro_batch = base->layout.micro_batch;
    s->said.recompute = base->layout.recompute + 1;
    s->resolved = 0;
}

static void set_seq_len(const struct stc_scenario *base, int64_t v,
                        struct stc_scenario *s)
{
    s->said.seq_len = (int32_t)v;
    if (base->model.max_positions > 0 && v > base->model.max_positions)
        s->said.m_max_positions = (int32_t)v;
}

static void set_hidden(const struct stc_scenario *base, int64_t v,
                       struct stc_scenario *s)
{
    const struct stc_model *m = &base->model;
    double k = (double)v / m->hidden;
    s->said.m_hidden = (int32_t)v;
    s->said.m_ffn = (int32_t)lround(k * m->ffn / 8) * 8;
    s->said.m_head_dim = (int32_t)lround(k * stc_model_head_dim(m));
    if (m->n_experts > 0)
        s->said.m_expert_ffn = (int32_t)lround(k * m->expert_ffn / 8) * 8;
}

static void set_value(const struct stc_scenario *base, enum stc_headroom_axis axis,
                      int64_t v, struct stc_scenario *s)
{
    free_batch(base, s);
    switch (axis) {
    case STC_HEADROOM_MICRO_BATCH: s->said.micro_batch = (int32_t)v; break;
    case STC_HEADROOM_SEQ_LEN: set_seq_len(base, v, s); break;
    case STC_HEADROOM_LAYERS: s->said.m_layers = (int32_t)v; break;
    case STC_HEADROOM_HIDDEN: set_hidden(base, v, s); break;
    default: break;
    }
}

static enum stc_err weigh(const struct stc_scenario *s, int64_t value,
                          struct stc_headroom_point *out, struct stc_diag *diag)
{
    const struct stc_build b = {&s->model, &s->layout, &s->train, &s->stack};
    *out = (struct stc_headroom_point){.value = value,
                                       .n_params = stc_model_params(&s->model),
                                       .tp = s->layout.tp,
                                       .pp = s->layout.pp,
                                       .dp = s->layout.dp};
    enum stc_err err =
        stc_bound_need_bytes(s, (double)INFINITY, &out->need_bytes, &out->stage, diag);
    return err == STC_OK ? stc_mem_estimate(&b, out->stage, &out->mem, diag) : err;
}

static enum stc_err try_value(const struct stc_scenario *base,
                              const struct stc_scenario *said,
                              enum stc_headroom_axis axis, int64_t v,
                              struct stc_headroom_point *out, struct stc_diag *diag)
{
    struct stc_scenario s = *said;
    set_value(base, axis, v, &s);
    enum stc_err err = stc_scenario_resolve(&s, diag);
    return err == STC_OK ? weigh(&s, v, out, diag) : err;
}

/* ==== the axes that grow ==== */

static int64_t step_of(const struct stc_scenario *s, enum stc_headroom_axis axis)
{
    const struct stc_layout *l = &s->layout;
    switch (axis) {
    case STC_HEADROOM_SEQ_LEN: {
        int64_t cut = (int64_t)l->tp * l->cp * 2; /* balanced halves of a ring */
        return cut > 64 ? cut : 64 / cut * cut;
    }
    case STC_HEADROOM_LAYERS: return (int64_t)l->pp * (l->vp > 0 ? l->vp : 1);
    case STC_HEADROOM_HIDDEN: return (int64_t)s->model.n_heads * 8;
    default: return 1;
    }
}

static int64_t now_of(const struct stc_scenario *s, enum stc_headroom_axis axis)
{
    switch (axis) {
    case STC_HEADROOM_MICRO_BATCH: return s->layout.micro_batch;
    case STC_HEADROOM_SEQ_LEN: return s->train.seq_len;
    case STC_HEADROOM_LAYERS: return s->model.n_layers;
    case STC_HEADROOM_HIDDEN: return s->model.hidden;
    default: return s->n_gpus;
    }
}

static const int64_t largest[STC_HEADROOM_COUNT] = {[STC_HEADROOM_MICRO_BATCH] = 1
                                                                                 << 16,
                                                    [STC_HEADROOM_SEQ_LEN] = 1 << 27,
                                                    [STC_HEADROOM_LAYERS] = 4096,
                                                    [STC_HEADROOM_HIDDEN] = 1 << 18,
                                                    [STC_HEADROOM_GPUS] = 1 << 14};

struct search {
    const struct stc_scenario *base, *said;
    enum stc_headroom_axis axis;
    double room;
    int64_t step;
    struct stc_headroom *out;
};

/* Does k steps fit? A value that cannot be cut ends the axis like a full GPU. */
static int fits(struct search *x, int64_t k)
{
    struct stc_headroom_point p;
    struct stc_diag why = {""};
    if (try_value(x->base, x->said, x->axis, k * x->step, &p, &why) != STC_OK) {
        snprintf(x->out->stopped_by, sizeof x->out->stopped_by, "%.250s", why.text);
        return 0;
    }
    if (p.need_bytes > x->room) {
        x->out->beyond = p;
        return 0;
    }
    x->out->best = p;
    return 1;
}

static void grow(struct search *x)
{
    int64_t most = largest[x->axis] / x->step, lo = 0, hi = 1;
    while (hi <= most && fits(x, hi)) {
        lo = hi;
        hi *= 2;
    }
    if (hi > most) {
        hi = most + 1;
        if (lo == most) x->out->endless = 1;
    }
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (fits(x, mid))
            lo = mid;
        else
            hi = mid;
    }
    x->out->endless = lo == most;
    if (x->out->beyond.value != hi * x->step)
        x->out->beyond = (struct stc_headroom_point){0};
    if (x->out->beyond.value > 0) x->out->stopped_by[0] = '\0';
}

/* ==== fewest GPUs ==== */

static enum stc_err try_layout(const struct search *x, int32_t tp, int32_t pp,
                               int32_t n, struct stc_headroom_point *out,
                               struct stc_diag *diag)
{
    struct stc_scenario s = *x->said;
    free_batch(x->base, &s);
    s.said.tp = tp;
    s.said.pp = pp;
    s.said.dp = STC_AUTO;
    if (pp != x->base->layout.pp) { /* chunks and uneven ends were for another cut */
        s.said.vp = 1;
        s.said.first_extra = s.said.last_extra = 0;
        s.said.schedule = 0;
    }
    s.said.c_nodes = STC_AUTO;
    s.said.c_gpus = n;
    enum stc_err err = stc_scenario_resolve(&s, diag);
    return err == STC_OK ? weigh(&s, n, out, diag) : err;
}

/* The first layout of n GPUs that fits; the one that needs least when none does. */
static int any_layout(struct search *x, int32_t n, struct stc_headroom_point *least)
{
    int32_t cp = x->base->layout.cp,
            most_tp = stc_cluster_nvlink_domain_gpus(&x->base->cluster);
    *least = (struct stc_headroom_point){0};
    if (n % cp != 0) return 0;
    for (int32_t pp = 1; pp <= n / cp && pp <= x->base->model.n_layers; pp++) {
        if (n / cp % pp != 0) continue;
        for (int32_t tp = 1; tp <= n / cp / pp && tp <= most_tp; tp++) {
            struct stc_headroom_point p;
            if (n / cp / pp % tp != 0) continue;
            if (try_layout(x, tp, pp, n, &p, NULL) != STC_OK) continue;
            if (p.need_bytes <= x->room) {
                x->out->best = p;
                return 1;
            }
            if (least->value == 0 || p.need_bytes < least->need_bytes) *least = p;
        }
    }
    return 0;
}

/* In growing strides, then the numbers that the last stride left out. */
static void shrink(struct search *x)
{
    struct stc_headroom_point least;
    int32_t before = 0;
    for (int32_t n = 1; n <= largest[STC_HEADROOM_GPUS];
         n = n < 8 ? n + 1 : n + n / 8) {
        if (any_layout(x, n, &least)) {
            for (int32_t k = before + 1; k < n; k++) {
                if (any_layout(x, k, &least)) return;
                if (least.value > 0) x->out->beyond = least;
            }
            return;
        }
        before = n;
        if (least.value > 0) x->out->beyond = least; /* the last that was too small */
    }
    snprintf(x->out->stopped_by, sizeof x->out->stopped_by,
             "no number of GPUs up to %lld is enough",
             (long long)largest[STC_HEADROOM_GPUS]);
}

/* ==== door ==== */

enum stc_err stc_headroom_run(const struct stc_scenario *s, enum stc_headroom_axis axis,
                              struct stc_headroom_report *out, struct stc_diag *diag)
{
    memset(out, 0, sizeof *out);
    out->s = *s;
    out->s.resolved = 0;
    enum stc_err err = stc_scenario_resolve(&out->s, diag);
    if (err == STC_OK) err = weigh(&out->s, 0, &out->now, diag);
    if (err != STC_OK) return err;
    out->capacity_bytes = out->s.cluster.gpu.mem_bytes - out->s.sim.mem_margin_bytes;
    for (int i = 0; i < STC_HEADROOM_COUNT; i++) {
        if (axis != STC_HEADROOM_COUNT && (int)axis != i) continue;
        struct stc_headroom *h = &out->v[out->n++];
        h->axis = (enum stc_headroom_axis)i;
        h->now = now_of(&out->s, h->axis);
        struct search x = {
            &out->s, s, h->axis, out->capacity_bytes, step_of(&out->s, h->axis), h};
        if (h->axis == STC_HEADROOM_GPUS)
            shrink(&x);
        else
            grow(&x);
    }
    return STC_OK;
}
