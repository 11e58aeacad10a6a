/*
 * tune_front.c - the Pareto front of step time, memory and GPUs.
 *
 * A layout is dominated when another is as fast, as small and on as few GPUs. Its
 * bound stands for its time: when even that is dominated, so is the layout. Memory
 * counts in steps of half a GiB, else the front is dust.
 */
#include "sim/study/tune_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double rounded(double bytes)
{
    const double grain = 0.5 * 1073741824.0;
    return ceil(bytes / grain) * grain;
}

struct front {
    const struct stc_search *q;
    struct stc_tune_sim *v; /* by time */
    size_t n;
};

static int32_t gpus_of(const struct stc_search *q, uint64_t id)
{
    int32_t d[STC_TA_COUNT];
    stc_tune_digits(q->sp, id, d);
    return q->sp->axis[STC_TA_GPUS].v[d[STC_TA_GPUS]];
}

static int dominated(const struct front *f, double step_s, double need, int32_t gpus,
                     uint64_t id)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].id != id && f->v[i].step_s <= step_s &&
            rounded(f->v[i].need_bytes) <= rounded(need) && f->v[i].n_gpus <= gpus)
            return 1;
    return 0;
}

static int leaf_open(const void *ctx, const struct stc_tune_leaf *l)
{
    const struct front *f = ctx;
    return !dominated(f, l->step_s, l->need_bytes, gpus_of(f->q, l->id), l->id);
}

/* The node's best time with its least memory: nothing in it is better than both. */
static int node_open(const void *ctx, const struct stc_node_sum *s)
{
    const struct front *f = ctx;
    double least = (double)INFINITY, fast = (double)INFINITY;
    for (int k = 0; k < STC_TUNE_BUCKETS; k++) {
        if (!(s->bucket[k].need_bytes > 0)) continue;
        if (s->bucket[k].step_s < fast) fast = s->bucket[k].step_s;
        if (least > s->bucket[k].need_bytes) least = 0; /* not known below a bucket */
    }
    return !dominated(f, fast, least, gpus_of(f->q, s->best.id), s->best.id);
}

static int by_time(const void *x, const void *y)
{
    const struct stc_tune_sim *a = x, *b = y;
    if (a->step_s < b->step_s || b->step_s < a->step_s)
        return a->step_s < b->step_s ? -1 : 1;
    if (a->need_bytes < b->need_bytes || b->need_bytes < a->need_bytes)
        return a->need_bytes < b->need_bytes ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

/* Of all that was simulated, what nothing dominates. */
static void renew(const struct stc_search *q, struct front *f)
{
    memcpy(f->v, q->sim, q->n_sims * sizeof *f->v);
    qsort(f->v, q->n_sims, sizeof *f->v, by_time);
    size_t n = q->n_sims;
    f->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct stc_tune_sim s = f->v[i];
        if (s.ok && !dominated(f, s.step_s, s.need_bytes, s.n_gpus, s.id))
            f->v[f->n++] = s;
    }
}

static enum stc_err grow(const struct stc_search *q, struct front *f, size_t more)
{
    struct stc_tune_sim *v = realloc(f->v, (q->n_sims + more + 1) * sizeof *v);
    if (!v) return stc_fail(q->diag, STC_ERR_NOMEM, "tune: out of memory");
    f->v = v;
    return STC_OK;
}

enum { ROUND = 64 };

static int leaf_by_time(const void *x, const void *y)
{
    const struct stc_tune_leaf *a = x, *b = y;
    if (a->step_s < b->step_s || b->step_s < a->step_s)
        return a->step_s < b->step_s ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

/* Those of v that are not dominated when their turn comes. */
static enum stc_err settle_all(struct stc_search *q, struct front *f,
                               struct stc_tune_leaf *v, size_t n)
{
    enum stc_err err = STC_OK;
    qsort(v, n, sizeof *v, leaf_by_time);
    for (size_t at = 0; err == STC_OK && at < n;) {
        uint64_t ids[ROUND];
        size_t k = 0;
        for (; at < n && k < ROUND; at++)
            if (!stc_search_seen(q, v[at].id) && leaf_open(f, &v[at]))
                ids[k++] = v[at].id;
        if (k == 0) break;
        err = grow(q, f, k);
        if (err == STC_OK) err = stc_search_simulate(q, ids, k);
        if (err == STC_OK) renew(q, f);
        if (stc_search_stop(q)) break;
    }
    return err;
}

enum stc_err stc_search_front(struct stc_search *q, uint64_t **ids, size_t *n)
{
    struct front f = {.q = q};
    struct stc_leaves first = {0}, all = {0};
    enum stc_err err = grow(q, &f, 1);
    if (err == STC_OK) renew(q, &f);
    for (uint64_t i = 0; err == STC_OK && i < q->sp->n_nodes; i++)
        for (int k = 0; err == STC_OK && k < STC_TUNE_BUCKETS; k++)
            if (q->node[i].bucket[k].need_bytes > 0)
                err = stc_leaves_put(&first, &q->node[i].bucket[k]);
    if (err == STC_OK) err = settle_all(q, &f, first.v, first.n);
    if (err == STC_OK) err = stc_search_collect(q, leaf_open, node_open, &f, &all);
    if (err == STC_OK) err = settle_all(q, &f, all.v, all.n);
    *ids = malloc((f.n ? f.n : 1) * sizeof **ids);
    *n = 0;
    for (size_t i = 0; err == STC_OK && *ids && i < f.n; i++)
        (*ids)[(*n)++] = f.v[i].id;
    free(first.v);
    free(all.v);
    free(f.v);
    return err;
}
