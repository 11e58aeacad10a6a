/*
 * tune_work.c - the parallel parts of a search.
 *
 * Nodes and items go to processes by their number, inside a process to threads as
 * they become free. Every process ends up with all results, in the order of their
 * numbers; what is decided from them is decided everywhere alike.
 */
#include "sim/study/tune_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
# include <omp.h>
#endif

static int me(void)
{
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

int stc_search_stop(struct stc_search *q)
{
    if (q->o->stop && *q->o->stop) q->stopped = 1;
    return q->stopped;
}

static void progress(struct stc_search *q, const char *what, long done, long total)
{
    if (q->o->progress && q->team->rank == 0)
        q->o->progress(q->o->ctx, what, done, total, q->best_s);
}

enum stc_err stc_leaves_put(struct stc_leaves *l, const struct stc_tune_leaf *leaf)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct stc_tune_leaf *v = realloc(l->v, cap * sizeof *v);
        if (!v) return STC_ERR_NOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *leaf;
    return STC_OK;
}

/* ==== the first walk: counts, and the best bound of every node ==== */

static void sum_count(void *ctx, enum stc_tune_reason r, uint64_t n, double by,
                      const char *example)
{
    struct stc_node_sum *s = ctx;
    if (s->n[r] == 0 || by < s->least[r]) s->least[r] = by;
    s->n[r] += n;
    s->sum[r] += (double)n * by;
    if (r == STC_TUNE_MODEL && !s->why[0] && example)
        snprintf(s->why, sizeof s->why, "%.90s", example);
}

static int before(const struct stc_tune_leaf *x, const struct stc_tune_leaf *y)
{
    return x->cost < y->cost || (!(y->cost < x->cost) && x->id < y->id);
}

struct sum_ctx {
    struct stc_node_sum *s;
    double bucket_bytes;
};

static void sum_count_ctx(void *ctx, enum stc_tune_reason r, uint64_t n, double by,
                          const char *example)
{
    sum_count(((struct sum_ctx *)ctx)->s, r, n, by, example);
}

static void sum_leaf(void *ctx, const struct stc_tune_leaf *l)
{
    struct sum_ctx *c = ctx;
    struct stc_node_sum *s = c->s;
    if (s->n_fit++ == 0 || before(l, &s->best)) s->best = *l;
    int k = (int)(l->need_bytes / c->bucket_bytes);
    k = k < 0 ? 0 : k >= STC_TUNE_BUCKETS ? STC_TUNE_BUCKETS - 1 : k;
    if (!(s->bucket[k].need_bytes > 0) || before(l, &s->bucket[k])) s->bucket[k] = *l;
}

/* A failure in a parallel loop: the first sentence stays. Other threads look at
 * `all` (an enum stc_err) without the lock, to do no more. */
static void note(struct stc_search *q, _Atomic int *all, enum stc_err err,
                 const struct stc_diag *diag)
{
    if (err == STC_OK) return;
#ifdef _OPENMP
# pragma omp critical(stc_tune_error)
#endif
    {
        if (*all == STC_OK) {
            *all = (int)err;
            if (q->diag) *q->diag = *diag;
        }
    }
}

static enum stc_err walk_one(struct stc_search *q, uint64_t i, struct stc_diag *diag)
{
    const struct stc_scenario *any = q->sp->variant;
    for (uint32_t v = 0; v < q->sp->n_variants; v++)
        if (q->sp->variant_ok[v]) any = &q->sp->variant[v];
    struct stc_node_sum s;
    memset(&s, 0, sizeof s);
    struct sum_ctx c = {&s, any->cluster.gpu.mem_bytes / STC_TUNE_BUCKETS};
    struct stc_tune_sink sink = {.ctx = &c, .count = sum_count_ctx, .leaf = sum_leaf};
    enum stc_err err = stc_tune_walk(q->walker[me()], i, &sink, diag);
    if (err != STC_OK) return err;
    s.done = 1;
#ifdef _OPENMP
# pragma omp critical(stc_tune_journal)
#endif
    {
        q->node[i] = s;
        err = stc_journal_put(&q->journal, 'n', i, &s, sizeof s, diag);
    }
    return err;
}

/* Everybody gets everybody's nodes. */
static enum stc_err share_nodes(struct stc_search *q)
{
    if (q->team->size == 1) return STC_OK;
    struct item {
        uint64_t i;
        struct stc_node_sum s;
    } *mine = malloc((q->sp->n_nodes / (uint64_t)q->team->size + 2) * sizeof *mine),
      *all;
    size_t n = 0, bytes = 0;
    if (!mine) return stc_fail(q->diag, STC_ERR_NOMEM, "tune: out of memory");
    for (uint64_t i = (uint64_t)q->team->rank; i < q->sp->n_nodes;
         i += (uint64_t)q->team->size) {
        mine[n].i = i;
        mine[n++].s = q->node[i];
    }
    void *got = NULL;
    enum stc_err err =
        q->team->gather(q->team->self, mine, n * sizeof *mine, &got, &bytes);
    all = got;
    for (size_t k = 0; err == STC_OK && k < bytes / sizeof *all; k++)
        q->node[all[k].i] = all[k].s;
    free(mine);
    free(got);
    return err == STC_OK ? err : stc_fail(q->diag, err, "tune: a gather failed");
}

enum stc_err stc_search_walk_all(struct stc_search *q)
{
    _Atomic int failed = STC_OK;
    uint64_t size = (uint64_t)q->team->size, rank = (uint64_t)q->team->rank,
             mine = (q->sp->n_nodes + size - 1 - rank) / size;
    long done = 0;
#ifdef _OPENMP
# pragma omp parallel for schedule(dynamic, 1) num_threads(q->n_threads)
#endif
    for (uint64_t k = 0; k < mine; k++) {
        uint64_t i = k * size + rank;
        struct stc_diag diag = {""};
        if (failed != STC_OK || q->node[i].done || stc_search_stop(q)) continue;
        note(q, &failed, walk_one(q, i, &diag), &diag);
#ifdef _OPENMP
# pragma omp critical(stc_tune_progress)
#endif
        progress(q, "bounds", ++done, (long)mine);
    }
    enum stc_err all = (enum stc_err)failed;
    int bad = q->team->any(q->team->self, all != STC_OK);
    q->stopped = q->team->any(q->team->self, q->stopped);
    if (all != STC_OK) return all;
    if (bad) return stc_fail(q->diag, STC_ERR_BUG, "tune: another process failed");
    return share_nodes(q);
}

/* ==== the second walk: what may still win ==== */

struct collect_ctx {
    struct stc_leaves *out;
    int (*want)(const void *ctx, const struct stc_tune_leaf *l);
    const void *ctx;
    enum stc_err err;
};

static void no_count(void *ctx, enum stc_tune_reason r, uint64_t n, double by,
                     const char *example)
{
    (void)ctx, (void)r, (void)n, (void)by, (void)example;
}

static void collect_leaf(void *ctx, const struct stc_tune_leaf *l)
{
    struct collect_ctx *c = ctx;
    if (c->err == STC_OK && c->want(c->ctx, l)) c->err = stc_leaves_put(c->out, l);
}

static enum stc_err share_leaves(struct stc_search *q, struct stc_leaves *l)
{
    if (q->team->size == 1) return STC_OK;
    void *all = NULL;
    size_t bytes = 0;
    enum stc_err err =
        q->team->gather(q->team->self, l->v, l->n * sizeof *l->v, &all, &bytes);
    if (err != STC_OK) return stc_fail(q->diag, err, "tune: a gather failed");
    free(l->v);
    l->v = all;
    l->n = l->cap = bytes / sizeof *l->v;
    return STC_OK;
}

enum stc_err stc_search_collect(
    struct stc_search *q, int (*want)(const void *ctx, const struct stc_tune_leaf *l),
    int (*open)(const void *ctx, const struct stc_node_sum *s), const void *ctx,
    struct stc_leaves *out)
{
    _Atomic int failed = STC_OK;
    uint64_t size = (uint64_t)q->team->size, rank = (uint64_t)q->team->rank,
             mine = (q->sp->n_nodes + size - 1 - rank) / size;
    long done = 0;
    *out = (struct stc_leaves){0};
#ifdef _OPENMP
# pragma omp parallel for schedule(dynamic, 1) num_threads(q->n_threads)
#endif
    for (uint64_t k = 0; k < mine; k++) {
        uint64_t i = k * size + rank;
        struct stc_leaves found = {0};
        struct collect_ctx c = {&found, want, ctx, STC_OK};
        struct stc_tune_sink sink = {
            .ctx = &c, .count = no_count, .leaf = collect_leaf};
        struct stc_diag diag = {""};
        if (failed != STC_OK || !q->node[i].n_fit || !open(ctx, &q->node[i]) ||
            stc_search_stop(q))
            continue;
        enum stc_err err = stc_tune_walk(q->walker[me()], i, &sink, &diag);
        if (err == STC_OK) err = c.err;
#ifdef _OPENMP
# pragma omp critical(stc_tune_progress)
#endif
        {
            for (size_t n = 0; err == STC_OK && n < found.n; n++)
                err = stc_leaves_put(out, &found.v[n]);
            progress(q, "candidates", ++done, (long)mine);
        }
        if (err == STC_ERR_NOMEM) err = stc_fail(&diag, err, "tune: out of memory");
        note(q, &failed, err, &diag);
        free(found.v);
    }
    enum stc_err all = (enum stc_err)failed;
    int bad = q->team->any(q->team->self, all != STC_OK);
    q->stopped = q->team->any(q->team->self, q->stopped);
    if (all == STC_OK && bad)
        all = stc_fail(q->diag, STC_ERR_BUG, "tune: another process failed");
    return all == STC_OK ? share_leaves(q, out) : all;
}

/* ==== simulating ==== */

static size_t slot_of(const struct stc_search *q, uint64_t id)
{
    size_t at =
        (size_t)((id + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (q->cap_seen - 1);
    while (q->seen[at] && q->seen[at] != id + 1)
        at = (at + 1) & (q->cap_seen - 1);
    return at;
}

int stc_search_seen(const struct stc_search *q, uint64_t id)
{
    return q->cap_seen > 0 && q->seen[slot_of(q, id)] != 0;
}

static int remember(struct stc_search *q, const struct stc_tune_sim *s)
{
    if (2 * (q->n_seen + 1) > q->cap_seen) {
        struct stc_search old = *q;
        q->cap_seen = q->cap_seen ? 2 * q->cap_seen : 1024;
        q->seen = calloc(q->cap_seen, sizeof *q->seen);
        if (!q->seen) return 0;
        for (size_t i = 0; i < old.cap_seen; i++)
            if (old.seen[i]) q->seen[slot_of(q, old.seen[i] - 1)] = old.seen[i];
        free(old.seen);
    }
    if (q->n_sims == q->cap_sims) {
        size_t cap = q->cap_sims ? 2 * q->cap_sims : 256;
        struct stc_tune_sim *v = realloc(q->sim, cap * sizeof *v);
        if (!v) return 0;
        q->sim = v;
        q->cap_sims = cap;
    }
    q->seen[slot_of(q, s->id)] = s->id + 1;
    q->n_seen++;
    q->sim[q->n_sims++] = *s;
    if (s->ok && !(q->best_s <= s->step_s)) q->best_s = s->step_s;
    return 1;
}

static const struct stc_tune_sim *kept(const struct stc_search *q, uint64_t id)
{
    size_t lo = 0, hi = q->n_kept;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (q->kept[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < q->n_kept && q->kept[lo].id == id ? &q->kept[lo] : NULL;
}

static enum stc_err run_one(struct stc_search *q, uint64_t id, struct stc_tune_sim *out,
                            struct stc_diag *diag)
{
    const struct stc_tune_sim *old = kept(q, id);
    if (old) {
        *out = *old;
        return STC_OK;
    }
    return stc_tune_simulate(q->walker[me()], id, out, NULL, diag);
}

/* Everybody's share of a round, put together; v has n records of `size` bytes. */
static enum stc_err share_round(struct stc_search *q, void *v, size_t n, size_t size)
{
    if (q->team->size == 1) return STC_OK;
    size_t each = (size_t)q->team->size, mine = 0, bytes = 0;
    char *buf = malloc(n * size + 1);
    void *all = NULL;
    if (!buf) return stc_fail(q->diag, STC_ERR_NOMEM, "tune: out of memory");
    for (size_t i = (size_t)q->team->rank; i < n; i += each)
        memcpy(buf + mine++ * size, (char *)v + i * size, size);
    enum stc_err err = q->team->gather(q->team->self, buf, mine * size, &all, &bytes);
    const char *from = all;
    for (size_t r = 0; err == STC_OK && r < each; r++)
        for (size_t i = r; i < n; i += each, from += size)
            memcpy((char *)v + i * size, from, size);
    free(buf);
    free(all);
    return err == STC_OK ? err : stc_fail(q->diag, err, "tune: a gather failed");
}

static enum stc_err settle(struct stc_search *q, enum stc_err mine)
{
    int bad = q->team->any(q->team->self, mine != STC_OK);
    if (mine != STC_OK) return mine;
    return bad ? stc_fail(q->diag, STC_ERR_BUG, "tune: another process failed")
               : STC_OK;
}

enum stc_err stc_search_simulate(struct stc_search *q, const uint64_t *ids, size_t n)
{
    struct stc_tune_sim *out = calloc(n ? n : 1, sizeof *out);
    _Atomic int failed = STC_OK;
    size_t size = (size_t)q->team->size, rank = (size_t)q->team->rank;
    if (!out) return stc_fail(q->diag, STC_ERR_NOMEM, "tune: out of memory");
#ifdef _OPENMP
# pragma omp parallel for schedule(dynamic, 1) num_threads(q->n_threads)
#endif
    for (size_t i = rank; i < n; i += size) {
        struct stc_diag diag = {""};
        if (failed == STC_OK)
            note(q, &failed, run_one(q, ids[i], &out[i], &diag), &diag);
    }
    enum stc_err all = settle(q, (enum stc_err)failed);
    if (all == STC_OK) all = share_round(q, out, n, sizeof *out);
    for (size_t i = 0; all == STC_OK && i < n; i++) {
        if (stc_search_seen(q, ids[i])) continue;
        int old = kept(q, ids[i]) != NULL;
        if (!remember(q, &out[i]))
            all = stc_fail(q->diag, STC_ERR_NOMEM, "tune: out of memory");
        else if (!old)
            all = stc_journal_put(&q->journal, 's', ids[i], &out[i], sizeof out[i],
                                  q->diag);
    }
    free(out);
    progress(q, "simulated", (long)q->n_sims, 0);
    return all;
}

enum stc_err stc_search_tight(struct stc_search *q, struct stc_tune_leaf *leaf,
                              size_t n)
{
    _Atomic int failed = STC_OK;
    size_t size = (size_t)q->team->size, rank = (size_t)q->team->rank;
#ifdef _OPENMP
# pragma omp parallel for schedule(dynamic, 1) num_threads(q->n_threads)
#endif
    for (size_t i = rank; i < n; i += size) {
        struct stc_diag diag = {""};
        double cost = leaf[i].cost;
        if (failed != STC_OK) continue;
        note(q, &failed,
             stc_tune_tight(q->walker[me()], leaf[i].id, leaf[i].need_bytes, &cost,
                            &diag),
             &diag);
        if (cost > leaf[i].cost) leaf[i].cost = cost;
    }
    q->n_tight += n;
    enum stc_err all = settle(q, (enum stc_err)failed);
    return all == STC_OK ? share_round(q, leaf, n, sizeof *leaf) : all;
}

static int by_double(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

double stc_search_cutoff(const struct stc_search *q, int n)
{
    double *v = malloc((q->n_sims ? q->n_sims : 1) * sizeof *v), out = (double)INFINITY;
    size_t k = 0;
    if (!v) return out;
    for (size_t i = 0; i < q->n_sims; i++)
        if (q->sim[i].ok) v[k++] = q->sim[i].cost;
    qsort(v, k, sizeof *v, by_double);
    if (k >= (size_t)n) out = v[n - 1];
    free(v);
    return out;
}
