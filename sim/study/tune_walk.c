/*
 * tune_walk.c - one node of the space, down the ladder; see tune_space.h.
 *
 * The inner axes are loops from outside in; a check stands at the outermost loop
 * that knows enough, and what it rejects is counted as everything below it.
 */
#include "sim/study/tune_space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/study/price.h"
#include "sim/study/tune_int.h"

struct stc_tune_walker {
    const struct stc_tune_space *sp;
    const struct stc_run_params *p;
    struct stc_bounder *bounder;
    struct stc_arena run;
    struct stc_result result;
    /* the node at hand, kept for the next question about it */
    uint64_t node; /* + 1 */
    enum stc_tune_reason node_reason;
    struct stc_layout node_layout;
    char node_why[160];
    /* the layout at hand */
    struct stc_scenario cur;
    uint32_t variant; /* of cur, + 1 */
    struct stc_stack base_stack;
    int32_t digit[STC_TA_COUNT], lo[STC_TA_COUNT], hi[STC_TA_COUNT];
    const struct stc_tune_sink *sink;
    double need, room;
    int32_t edp;
    int moe, reached;
    struct stc_bound bound;
    struct stc_diag *diag;
    enum stc_err err;
};

enum stc_err stc_tune_walker_make(const struct stc_tune_space *sp,
                                  const struct stc_run_params *p,
                                  struct stc_tune_walker **out)
{
    struct stc_tune_walker *w = calloc(1, sizeof *w);
    if (!w) return STC_ERR_NOMEM;
    w->sp = sp;
    w->p = p;
    enum stc_err err = stc_bounder_make(p, &w->bounder);
    if (err != STC_OK) {
        free(w);
        return err;
    }
    *out = w;
    return STC_OK;
}

void stc_tune_walker_free(struct stc_tune_walker *w)
{
    if (!w) return;
    stc_bounder_free(w->bounder);
    stc_arena_free(&w->run);
    free(w);
}

/* ==== the objective ==== */

double stc_tune_cost(const struct stc_tune_space *sp, const struct stc_scenario *s,
                     double step_s, double busy_s, double need_bytes)
{
    double n = stc_layout_world(&s->layout),
           tokens = (double)s->train.global_batch * s->train.seq_len,
           days = sp->tokens / tokens * step_s / 86400;
    switch (sp->objective) {
    case STC_OBJ_PER_GPU: return n * step_s / tokens;
    case STC_OBJ_DOLLARS: return n * step_s / 3600 * sp->usd_per_gpu_hour / tokens;
    case STC_OBJ_ENERGY: {
        double waits = step_s > busy_s ? step_s - busy_s : 0;
        return n *
               (stc_watts(&s->cluster.gpu, 1) * busy_s +
                stc_watts(&s->cluster.gpu, 0) * waits) /
               tokens;
    }
    case STC_OBJ_DAYS: return days;
    case STC_OBJ_GPUS:
        return days * 86400 > sp->deadline_s ? (double)INFINITY : n + 1e-9 * step_s;
    case STC_OBJ_HEADROOM:
        return step_s > sp->limit_s ? (double)INFINITY : need_bytes + 1e-3 * step_s;
    case STC_OBJ_STEP:
    case STC_OBJ_COUNT: break;
    }
    return step_s;
}

/* ==== counting ==== */

static uint64_t below(const struct stc_tune_walker *w, int axis)
{
    uint64_t n = 1;
    for (int x = axis + 1; x < STC_TA_COUNT; x++)
        n *= (uint64_t)(w->hi[x] - w->lo[x]);
    return n;
}

/* Everything below the present value of `axis` is settled. */
static void reject(struct stc_tune_walker *w, int axis, enum stc_tune_reason r,
                   double by, const char *example)
{
    w->sink->count(w->sink->ctx, r, below(w, axis), by, example);
}

static int32_t value(const struct stc_tune_walker *w, int axis)
{
    return w->sp->axis[axis].v[w->digit[axis]];
}

/* ==== inner loops, from the innermost out ==== */

static void leaf(struct stc_tune_walker *w)
{
    if (w->err != STC_OK) return;
    w->err = stc_bound_fast(w->bounder, &w->cur, w->variant - 1, &w->bound, w->diag);
    if (w->err != STC_OK) return;
    double step = stc_tick_to_s(w->bound.step_ticks);
    struct stc_tune_leaf l = {
        .id = stc_tune_number(w->sp, w->digit),
        .cost = stc_tune_cost(w->sp, &w->cur, step, w->bound.busy_frac * step, w->need),
        .need_bytes = w->need,
        .step_s = step};
    w->reached = 1;
    w->sink->leaf(w->sink->ctx, &l);
}

#define EACH(w, axis)              \
 (w)->digit[axis] = (w)->lo[axis]; \
 (w)->digit[axis] < (w)->hi[axis]; \
 (w)->digit[axis]++

static int32_t switched(const struct stc_tune_walker *w, int axis, int32_t usual)
{
    int32_t v = value(w, axis);
    return v == 0 ? usual : v - 1;
}

static int no_replicas(const struct stc_tune_walker *w)
{
    const struct stc_layout *l = &w->cur.layout;
    return l->dp * l->cp == 1 && (!w->moe || w->edp == 1);
}

static void switches(struct stc_tune_walker *w)
{
    struct stc_stack *k = &w->cur.stack;
    const struct stc_layout *l = &w->cur.layout;
    int alone = no_replicas(w),
        zero12 = l->shard == STC_SHARD_ZERO1 || l->shard == STC_SHARD_ZERO2;
    for (EACH(w, STC_TA_GRAD)) {
        if ((alone || l->shard >= STC_SHARD_ZERO2) && w->digit[STC_TA_GRAD] > 0) {
            reject(w, STC_TA_GRAD, STC_TUNE_SAME, 0, "overlap_grad_reduce");
            continue;
        }
        k->overlap_grad_reduce =
            switched(w, STC_TA_GRAD, w->base_stack.overlap_grad_reduce);
        for (EACH(w, STC_TA_GATHER)) {
            if ((alone || !zero12) && w->digit[STC_TA_GATHER] > 0) {
                reject(w, STC_TA_GATHER, STC_TUNE_SAME, 0, "overlap_param_gather");
                continue;
            }
            k->overlap_param_gather =
                switched(w, STC_TA_GATHER, w->base_stack.overlap_param_gather);
            for (EACH(w, STC_TA_P2P)) {
                k->overlap_p2p = switched(w, STC_TA_P2P, w->base_stack.overlap_p2p);
                const char *no = stc_tune_no_p2p(&w->cur, value(w, STC_TA_P2P) == 2);
                if (l->pp == 1 && w->digit[STC_TA_P2P] > 0)
                    reject(w, STC_TA_P2P, STC_TUNE_SAME, 0, "overlap_p2p");
                else if (no)
                    reject(w, STC_TA_P2P, STC_TUNE_FRAMEWORK, 0, no);
                else
                    leaf(w);
            }
        }
    }
}

static void memory(struct stc_tune_walker *w)
{
    int32_t stage;
    if (w->err != STC_OK) return;
    w->err = stc_bound_need_bytes(&w->cur, w->room, &w->need, &stage, w->diag);
    if (w->err != STC_OK) return;
    if (w->need > w->room)
        reject(w, STC_TA_RESHARD, STC_TUNE_MEMORY, w->need - w->room, "");
    else
        switches(w);
}

static void reshard(struct stc_tune_walker *w)
{
    struct stc_layout *l = &w->cur.layout;
    for (EACH(w, STC_TA_RESHARD)) {
        int32_t v = value(w, STC_TA_RESHARD);
        if (l->shard < STC_SHARD_ZERO3 && w->digit[STC_TA_RESHARD] > 0) {
            reject(w, STC_TA_RESHARD, STC_TUNE_SAME, 0, "reshard_after_forward");
            continue;
        }
        l->reshard_after_forward =
            (uint8_t)(v == 0 ? l->shard >= STC_SHARD_ZERO3 && l->pp == 1 : v - 1);
        memory(w);
    }
}

static void shard_group(struct stc_tune_walker *w)
{
    struct stc_layout *l = &w->cur.layout;
    int32_t ranks = l->dp * l->cp;
    for (EACH(w, STC_TA_SHARD_GROUP)) {
        int32_t g = value(w, STC_TA_SHARD_GROUP),
                open = w->sp->axis[STC_TA_SHARD_GROUP].n > 1;
        int whole = g == 0 || g == ranks || g == l->dp;
        if (open && l->shard != STC_SHARD_HSDP && w->digit[STC_TA_SHARD_GROUP] > 0) {
            reject(w, STC_TA_SHARD_GROUP, STC_TUNE_SAME, 0, "shard_group");
        } else if (open && l->shard == STC_SHARD_HSDP && whole) {
            reject(w, STC_TA_SHARD_GROUP, STC_TUNE_SAME, 0, "hsdp over all replicas");
        } else if (g > 0 && ranks % g != 0) {
            reject(w, STC_TA_SHARD_GROUP, STC_TUNE_MODEL, 0,
                   "dp*cp is not a multiple of shard_group");
        } else {
            l->shard_group = g == ranks ? 0 : g;
            reshard(w);
        }
    }
}

static void shard(struct stc_tune_walker *w)
{
    struct stc_layout *l = &w->cur.layout;
    for (EACH(w, STC_TA_SHARD)) {
        int32_t v = value(w, STC_TA_SHARD);
        l->shard = (uint8_t)(v == 0 ? w->base_stack.default_shard : v - 1);
        const char *no = stc_tune_no_shard(&w->cur);
        if (no_replicas(w) && w->digit[STC_TA_SHARD] > 0)
            reject(w, STC_TA_SHARD, STC_TUNE_SAME, 0, "nothing to shard over");
        else if (no)
            reject(w, STC_TA_SHARD, STC_TUNE_FRAMEWORK, 0, no);
        else
            shard_group(w);
    }
}

/* Largest chunk of layers, -1 when they cannot be cut so; as the scenario's own
 * check: only an end that was asked to may be empty. */
static int32_t largest_chunk(const struct stc_tune_walker *w)
{
    const struct stc_layout *l = &w->cur.layout;
    int32_t total = stc_model_pipeline_layers(&w->cur.model), most = 0,
            last = l->pp * l->vp - 1;
    for (int32_t v = 0; v <= last; v++) {
        int32_t n = stc_layout_layers(l, total, v);
        int end = (v == 0 && l->first_stage_extra < 0) ||
                  (v == last && l->last_stage_extra < 0);
        if (n < 0 || (n == 0 && !end)) return -1;
        most = n > most ? n : most;
    }
    return most;
}

static void split(struct stc_tune_walker *w)
{
    struct stc_layout *l = &w->cur.layout;
    for (EACH(w, STC_TA_SPLIT)) {
        int32_t v = value(w, STC_TA_SPLIT), depth = value(w, STC_TA_DEPTH);
        if (l->pp == 1 && w->digit[STC_TA_SPLIT] > 0) {
            reject(w, STC_TA_SPLIT, STC_TUNE_SAME, 0, "split");
            continue;
        }
        l->first_stage_extra = (int16_t)(v / 2001 - 1000);
        l->last_stage_extra = (int16_t)(v % 2001 - 1000);
        int32_t most = largest_chunk(w);
        if (most < 0)
            reject(w, STC_TA_SPLIT, STC_TUNE_LAYERS, 0, "");
        else if (l->recompute == STC_RECOMPUTE_FULL && depth > 0 && depth >= most &&
                 w->digit[STC_TA_DEPTH] > 0)
            reject(w, STC_TA_SPLIT, STC_TUNE_SAME, 0, "recompute_layers");
        else
            shard(w);
    }
}

static enum stc_tune_reason chunks_fit(const struct stc_tune_walker *w)
{
    const struct stc_layout *l = &w->cur.layout;
    int chunked =
        l->schedule == STC_SCHED_INTERLEAVED || l->schedule == STC_SCHED_GPIPE;
    int32_t rounds = l->n_micro / l->pp > 1 ? l->n_micro / l->pp : 1;
    if (l->pp == 1 && l->vp > 1) return STC_TUNE_LAYERS;
    if ((!chunked && l->vp > 1) || l->vp > UINT8_MAX) return STC_TUNE_SCHEDULE;
    if (l->schedule == STC_SCHED_INTERLEAVED && l->n_micro % rounds != 0)
        return STC_TUNE_SCHEDULE;
    return STC_TUNE_SIMULATED;
}

static void chunks(struct stc_tune_walker *w)
{
    struct stc_layout *l = &w->cur.layout;
    int32_t asked = value(w, STC_TA_SCHEDULE) - 1;
    for (EACH(w, STC_TA_VP)) {
        l->vp = value(w, STC_TA_VP);
        int32_t kind = asked >= 0  ? asked
                       : l->vp > 1 ? (int32_t)STC_SCHED_INTERLEAVED
                                   : (int32_t)STC_SCHED_1F1B;
        if (kind == STC_SCHED_INTERLEAVED && l->vp == 1) kind = STC_SCHED_1F1B;
        l->schedule = (uint8_t)kind;
        enum stc_tune_reason r = chunks_fit(w);
        const char *no = stc_tune_no_interleaving(&w->cur);
        if (r != STC_TUNE_SIMULATED)
            reject(w, STC_TA_VP, r, 0, "");
        else if (no)
            reject(w, STC_TA_VP, STC_TUNE_FRAMEWORK, 0, no);
        else
            split(w);
    }
}

static void schedule(struct stc_tune_walker *w)
{
    for (EACH(w, STC_TA_SCHEDULE)) {
        if (w->cur.layout.pp == 1 && w->digit[STC_TA_SCHEDULE] > 0)
            reject(w, STC_TA_SCHEDULE, STC_TUNE_SAME, 0, "schedule");
        else
            chunks(w);
    }
}

static void recompute(struct stc_tune_walker *w)
{
    struct stc_layout *l = &w->cur.layout;
    for (EACH(w, STC_TA_RECOMPUTE)) {
        int32_t v = value(w, STC_TA_RECOMPUTE);
        l->recompute = (uint8_t)(v == 0 ? w->base_stack.default_recompute : v - 1);
        for (EACH(w, STC_TA_DEPTH)) {
            if (l->recompute != STC_RECOMPUTE_FULL && w->digit[STC_TA_DEPTH] > 0) {
                reject(w, STC_TA_DEPTH, STC_TUNE_SAME, 0, "recompute_layers");
                continue;
            }
            l->recompute_layers = value(w, STC_TA_DEPTH);
            schedule(w);
        }
    }
}

static void seq_parallel(struct stc_tune_walker *w)
{
    struct stc_layout *l = &w->cur.layout;
    int32_t tokens = w->cur.train.seq_len / l->cp;
    for (EACH(w, STC_TA_SEQ)) {
        int32_t v = value(w, STC_TA_SEQ);
        if (l->tp == 1 && w->digit[STC_TA_SEQ] > 0) {
            reject(w, STC_TA_SEQ, STC_TUNE_SAME, 0, "seq_parallel");
            continue;
        }
        l->seq_parallel =
            (uint8_t)(l->tp > 1 &&
                      (v == 0 ? w->base_stack.default_seq_parallel : v - 1));
        const char *no = stc_tune_no_experts(&w->cur, w->moe);
        if (l->seq_parallel && tokens % l->tp != 0)
            reject(w, STC_TA_SEQ, STC_TUNE_MODEL, 0,
                   "seq_len / cp is not a multiple of tp");
        else if (no)
            reject(w, STC_TA_SEQ, STC_TUNE_FRAMEWORK, 0, no);
        else
            recompute(w);
    }
}

/* ==== the node ==== */

static void take_variant(struct stc_tune_walker *w)
{
    uint32_t v = stc_tune_variant(w->sp, w->digit);
    if (w->variant != v + 1) {
        w->cur = w->sp->variant[v];
        w->base_stack = w->cur.stack;
        w->variant = v + 1;
    }
    w->cur.stack = w->base_stack;
    w->cur.layout = w->node_layout;
    w->moe = w->cur.model.n_experts > 0;
    w->edp = stc_layout_axis_size(&w->cur.layout, STC_AXIS_EDP);
    w->room = w->cur.cluster.gpu.mem_bytes - w->cur.sim.mem_margin_bytes;
}

/* Any layout of this number of GPUs that resolved. */
static const struct stc_scenario *of_gpus(const struct stc_tune_walker *w)
{
    int32_t d[STC_TA_COUNT] = {0};
    d[STC_TA_GPUS] = w->digit[STC_TA_GPUS];
    uint32_t v = stc_tune_variant(w->sp, d),
             n = (uint32_t)(w->sp->axis[STC_TA_PRECISION].n *
                            w->sp->axis[STC_TA_OVERLAP_TP].n);
    for (uint32_t i = v; i < v + n; i++)
        if (w->sp->variant_ok[i]) return &w->sp->variant[i];
    return NULL;
}

/* Does the scenario itself say that this node can be cut? */
static enum stc_tune_reason ask_scenario(struct stc_tune_walker *w,
                                         const struct stc_scenario *g)
{
    struct stc_diag why = {""};
    int32_t plain[STC_TA_COUNT];
    uint32_t first = (uint32_t)(g - w->sp->variant);
    memcpy(plain, w->digit, sizeof plain);
    for (int x = STC_TA_OUTER; x < STC_TA_COUNT; x++)
        plain[x] = 0;
    uint32_t inside = first % (uint32_t)(w->sp->axis[STC_TA_PRECISION].n *
                                         w->sp->axis[STC_TA_OVERLAP_TP].n);
    plain[STC_TA_PRECISION] =
        (int32_t)(inside / (uint32_t)w->sp->axis[STC_TA_OVERLAP_TP].n);
    plain[STC_TA_OVERLAP_TP] =
        (int32_t)(inside % (uint32_t)w->sp->axis[STC_TA_OVERLAP_TP].n);
    w->variant = 0; /* cur is used as scratch */
    w->cur = *w->sp->s;
    stc_tune_say(w->sp, plain, &w->cur);
    struct stc_said *k = &w->cur.said;
    k->global_batch = g->train.global_batch;
    k->vp = 1;
    k->schedule = 0;
    k->seq_parallel = k->shard = k->recompute = 1; /* none of it */
    k->shard_group = STC_AUTO;
    k->first_extra = k->last_extra = 0;
    enum stc_err err = stc_scenario_resolve(&w->cur, &why);
    w->node_layout = w->cur.layout;
    if (err == STC_OK) return STC_TUNE_SIMULATED;
    const char *tail = strstr(why.text, ": ");
    snprintf(w->node_why, sizeof w->node_why, "%.150s", tail ? tail + 2 : why.text);
    return strstr(why.text, "layers cannot be cut") ? STC_TUNE_LAYERS : STC_TUNE_MODEL;
}

static enum stc_tune_reason judge_node(struct stc_tune_walker *w)
{
    const struct stc_scenario *g = of_gpus(w);
    w->node_why[0] = '\0';
    if (!g) return STC_TUNE_MODEL;
    int64_t cut =
        (int64_t)value(w, STC_TA_TP) * value(w, STC_TA_CP) * value(w, STC_TA_PP);
    int64_t gpus = value(w, STC_TA_GPUS);
    if (gpus % cut != 0) return STC_TUNE_GPUS;
    int64_t dp = gpus / cut;
    if (g->train.global_batch % (dp * value(w, STC_TA_MICRO)) != 0)
        return STC_TUNE_BATCH;
    return ask_scenario(w, g);
}

static void walk_inner(struct stc_tune_walker *w)
{
    for (EACH(w, STC_TA_PRECISION))
        for (EACH(w, STC_TA_OVERLAP_TP)) {
            if (!w->sp->variant_ok[stc_tune_variant(w->sp, w->digit)]) {
                reject(w, STC_TA_OVERLAP_TP, STC_TUNE_MODEL, 0, "precision");
                continue;
            }
            take_variant(w);
            if (w->cur.layout.tp == 1 && w->digit[STC_TA_OVERLAP_TP] > 0)
                reject(w, STC_TA_OVERLAP_TP, STC_TUNE_SAME, 0, "overlap_tp");
            else
                seq_parallel(w);
        }
}

enum stc_err stc_tune_walk(struct stc_tune_walker *w, uint64_t node,
                           const struct stc_tune_sink *sink, struct stc_diag *diag)
{
    w->sink = sink;
    w->diag = diag;
    w->err = STC_OK;
    w->reached = 0;
    stc_tune_digits(w->sp, sink->only ? sink->only - 1 : node * w->sp->n_inner,
                    w->digit);
    for (int x = 0; x < STC_TA_COUNT; x++) {
        w->lo[x] = sink->only ? w->digit[x] : 0;
        w->hi[x] = sink->only ? w->digit[x] + 1 : w->sp->axis[x].n;
    }
    if (w->node != node + 1) {
        w->node_reason = judge_node(w);
        w->node = node + 1;
    }
    if (w->node_reason != STC_TUNE_SIMULATED) {
        reject(w, STC_TA_OUTER - 1, w->node_reason, 0, w->node_why);
        return STC_OK;
    }
    walk_inner(w);
    return w->err;
}

/* ==== one layout ==== */

static void ignore_count(void *ctx, enum stc_tune_reason r, uint64_t n, double by,
                         const char *example)
{
    (void)ctx, (void)r, (void)n, (void)by, (void)example;
}
static void ignore_leaf(void *ctx, const struct stc_tune_leaf *l)
{
    (void)ctx, (void)l;
}

static int reach(struct stc_tune_walker *w, uint64_t id, struct stc_diag *diag)
{
    struct stc_tune_sink sink = {
        .count = ignore_count, .leaf = ignore_leaf, .only = id + 1};
    return stc_tune_walk(w, id / w->sp->n_inner, &sink, diag) == STC_OK && w->reached;
}

int stc_tune_scenario(struct stc_tune_walker *w, uint64_t id,
                      const struct stc_scenario **s, uint32_t *variant)
{
    struct stc_diag diag = {""};
    if (!reach(w, id, &diag)) return 0;
    *s = &w->cur;
    *variant = w->variant - 1;
    return 1;
}

enum stc_err stc_tune_tight(struct stc_tune_walker *w, uint64_t id, double need_bytes,
                            double *cost, struct stc_diag *diag)
{
    struct stc_bound b;
    if (!reach(w, id, diag))
        return w->err != STC_OK
                   ? w->err
                   : stc_fail(diag, STC_ERR_BUG, "tune: layout %llu got lost",
                              (unsigned long long)id);
    double busy = w->bound.busy_frac * stc_tick_to_s(w->bound.step_ticks);
    enum stc_err err = stc_bound_tight(w->bounder, &w->cur, w->variant - 1, &b, diag);
    if (err == STC_OK)
        *cost = stc_tune_cost(w->sp, &w->cur, stc_tick_to_s(b.step_ticks), busy,
                              need_bytes);
    return err;
}

enum stc_err stc_tune_simulate(struct stc_tune_walker *w, uint64_t id,
                               struct stc_tune_sim *out,
                               const struct stc_result **result, struct stc_diag *diag)
{
    *out = (struct stc_tune_sim){.id = id, .cost = (double)INFINITY};
    if (!reach(w, id, diag)) return w->err;
    double busy = w->bound.busy_frac * stc_tick_to_s(w->bound.step_ticks);
    stc_arena_reset(&w->run);
    enum stc_err err = stc_step_run(&w->cur, w->p, &w->run, &w->result, diag);
    if (err == STC_ERR_INFEASIBLE || err == STC_ERR_DEADLOCK || err == STC_ERR_RANGE)
        return STC_OK; /* refused: counted, not an error */
    if (err != STC_OK) return err;
    out->need_bytes = w->need;
    out->step_s = w->result.step_s;
    out->ok = w->result.fits;
    out->n_gpus = stc_layout_world(&w->cur.layout);
    if (out->ok) out->cost = stc_tune_cost(w->sp, &w->cur, out->step_s, busy, w->need);
    if (result) *result = &w->result;
    return STC_OK;
}
