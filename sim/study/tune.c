/* tune.c - see tune.h: the order of a search. */
#include "sim/study/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/study/price.h"
#include "sim/study/tune_int.h"

#ifdef _OPENMP
# include <omp.h>
#endif

const char *stc_tune_reason_name(enum stc_tune_reason r)
{
    static const char *const names[] = {
#define ROW(id, name, text) name,
        STC_TUNE_REASON_MAP(ROW)
#undef ROW
    };
    return names[r];
}

const char *stc_tune_reason_text(enum stc_tune_reason r)
{
    static const char *const texts[] = {
#define ROW(id, name, text) text,
        STC_TUNE_REASON_MAP(ROW)
#undef ROW
    };
    return texts[r];
}

static const char *const objectives[STC_OBJ_COUNT] = {
    [STC_OBJ_STEP] = "step_time",   [STC_OBJ_PER_GPU] = "tokens_per_gpu",
    [STC_OBJ_DOLLARS] = "dollars",  [STC_OBJ_ENERGY] = "energy",
    [STC_OBJ_DAYS] = "days",        [STC_OBJ_GPUS] = "gpus",
    [STC_OBJ_HEADROOM] = "headroom"};

const char *stc_tune_objective_name(enum stc_tune_objective o)
{
    return objectives[o];
}

int stc_tune_objective_find(const char *name)
{
    for (int i = 0; i < STC_OBJ_COUNT; i++)
        if (strcmp(objectives[i], name) == 0) return i;
    return -1;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ==== alone ==== */

static enum stc_err alone_gather(void *self, const void *mine, size_t n, void **all,
                                 size_t *n_all)
{
    (void)self;
    *all = malloc(n ? n : 1);
    if (!*all) return STC_ERR_NOMEM;
    memcpy(*all, mine, n);
    *n_all = n;
    return STC_OK;
}

static int alone_any(void *self, int mine)
{
    (void)self;
    return mine;
}

static const struct stc_team alone = {0, 1, NULL, alone_gather, alone_any};

/* ==== seeds: the best bounds of the best nodes ==== */

static int by_cost(const void *x, const void *y)
{
    const struct stc_tune_leaf *a = x, *b = y;
    if (a->cost < b->cost || b->cost < a->cost) return a->cost < b->cost ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

enum { ROUND = 64, SEEDS = 256 };

static enum stc_err seeds(struct stc_search *q)
{
    struct stc_tune_leaf *v = malloc((q->sp->n_nodes + 1) * sizeof *v);
    uint64_t ids[SEEDS];
    size_t n = 0, at = 0;
    enum stc_err err = STC_OK;
    if (!v) return stc_fail(q->diag, STC_ERR_NOMEM, "tune: out of memory");
    for (uint64_t i = 0; i < q->sp->n_nodes; i++)
        if (q->node[i].n_fit) v[n++] = q->node[i].best;
    qsort(v, n, sizeof *v, by_cost);
    while (err == STC_OK && at < n && at < SEEDS) { /* until no node's best can help */
        size_t k = 0;
        if (v[at].cost > stc_search_cutoff(q, q->top_n)) break;
        while (k < ROUND && at < n)
            ids[k++] = v[at++].id;
        err = stc_search_simulate(q, ids, k);
        if (stc_search_stop(q)) break;
    }
    free(v);
    return err;
}

/* ==== best first ==== */

/* A heap of leaves by (cost, id); `tight` marks those whose bound is the tight one. */
struct heap {
    struct item {
        struct stc_tune_leaf leaf;
        int tight;
    } * v;
    size_t n;
};

static int item_before(const struct item *x, const struct item *y)
{
    return by_cost(&x->leaf, &y->leaf) < 0;
}

static void sift_down(struct heap *h, size_t i)
{
    struct item x = h->v[i];
    for (size_t c = 2 * i + 1; c < h->n; c = 2 * i + 1) {
        if (c + 1 < h->n && item_before(&h->v[c + 1], &h->v[c])) c++;
        if (!item_before(&h->v[c], &x)) break;
        h->v[i] = h->v[c];
        i = c;
    }
    h->v[i] = x;
}

static void push(struct heap *h, const struct item *x)
{
    size_t i = h->n++;
    while (i > 0 && item_before(x, &h->v[(i - 1) / 2])) {
        h->v[i] = h->v[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->v[i] = *x;
}

static struct item pop(struct heap *h)
{
    struct item top = h->v[0];
    h->v[0] = h->v[--h->n];
    if (h->n) sift_down(h, 0);
    return top;
}

struct cutoff {
    double cost;
};
static int may_win(const void *ctx, const struct stc_tune_leaf *l)
{
    return !(l->cost > ((const struct cutoff *)ctx)->cost) && isfinite(l->cost);
}
static int node_may_win(const void *ctx, const struct stc_node_sum *s)
{
    return may_win(ctx, &s->best);
}

/* One round: the next leaves that may still win get their tight bound or, when
 * they have it, are simulated. 0: nothing is left. */
static enum stc_err next_round(struct stc_search *q, struct heap *h, int exhaustive,
                               int *more)
{
    struct stc_tune_leaf loose[ROUND];
    uint64_t ids[ROUND];
    size_t n_loose = 0, n_ids = 0;
    double cut = exhaustive ? (double)INFINITY : stc_search_cutoff(q, q->top_n);
    while (h->n > 0 && n_loose + n_ids < ROUND && !(h->v[0].leaf.cost > cut)) {
        struct item x = pop(h);
        if (stc_search_seen(q, x.leaf.id)) continue;
        if (x.tight || exhaustive)
            ids[n_ids++] = x.leaf.id;
        else
            loose[n_loose++] = x.leaf;
    }
    *more = n_loose + n_ids > 0;
    enum stc_err err = stc_search_tight(q, loose, n_loose);
    for (size_t i = 0; err == STC_OK && i < n_loose; i++)
        push(h, &(struct item){loose[i], 1});
    if (err == STC_OK && n_ids > 0) err = stc_search_simulate(q, ids, n_ids);
    return err;
}

static enum stc_err best_first(struct stc_search *q, double *closest)
{
    struct cutoff cut = {q->o->exhaustive ? (double)INFINITY
                                          : stc_search_cutoff(q, q->top_n)};
    struct stc_leaves l;
    struct heap h = {0};
    int more = 1;
    enum stc_err err = stc_search_collect(q, may_win, node_may_win, &cut, &l);
    if (err == STC_OK) {
        h.v = malloc((l.n ? l.n : 1) * sizeof *h.v);
        if (!h.v) err = stc_fail(q->diag, STC_ERR_NOMEM, "tune: out of memory");
    }
    for (size_t i = 0; err == STC_OK && i < l.n; i++)
        push(&h, &(struct item){l.v[i], 0});
    free(l.v);
    while (err == STC_OK && more) {
        stc_search_stop(q);
        q->stopped = q->team->any(q->team->self, q->stopped);
        if (q->stopped) break;
        err = next_round(q, &h, q->o->exhaustive, &more);
    }
    *closest = h.n > 0 ? h.v[0].leaf.cost : (double)INFINITY;
    free(h.v);
    return err;
}

/* ==== what comes out ==== */

static void add_counts(struct stc_search *q, struct stc_tune_result *out,
                       double closest)
{
    uint64_t fit = 0, ok = 0;
    for (uint64_t i = 0; i < q->sp->n_nodes; i++) {
        const struct stc_node_sum *s = &q->node[i];
        fit += s->n_fit;
        for (int r = 0; r < STC_TUNE_REASONS; r++) {
            struct stc_tune_count *c = &out->count[r];
            if (s->n[r] == 0) continue;
            if (c->n == 0 || s->least[r] < c->least) c->least = s->least[r];
            c->n += s->n[r];
            c->sum += s->sum[r];
        }
        if (s->why[0] && !out->count[STC_TUNE_MODEL].example[0])
            snprintf(out->count[STC_TUNE_MODEL].example, sizeof out->count[0].example,
                     "%s", s->why);
    }
    for (size_t i = 0; i < q->n_sims; i++)
        ok += q->sim[i].ok != 0;
    out->count[STC_TUNE_SIMULATED].n = ok;
    out->count[STC_TUNE_REFUSED].n = q->n_sims - ok;
    out->count[STC_TUNE_BOUND].n = fit - q->n_sims;
    out->cutoff_s = stc_search_cutoff(q, q->top_n);
    for (uint64_t i = 0; i < q->sp->n_nodes; i++)
        if (q->node[i].n_fit && q->node[i].best.cost > out->cutoff_s &&
            q->node[i].best.cost < closest)
            closest = q->node[i].best.cost;
    out->count[STC_TUNE_BOUND].least = closest - out->cutoff_s;
}

static int by_result(const void *x, const void *y)
{
    const struct stc_tune_sim *a = x, *b = y;
    if (a->ok != b->ok) return a->ok ? -1 : 1;
    if (a->cost < b->cost || b->cost < a->cost) return a->cost < b->cost ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static enum stc_err pick_all(struct stc_search *q, struct stc_tune_result *out)
{
    if (q->n_sims > 0) qsort(q->sim, q->n_sims, sizeof *q->sim, by_result);
    int n = 0;
    while (n < q->top_n && (size_t)n < q->n_sims && q->sim[n].ok &&
           isfinite(q->sim[n].cost))
        n++;
    out->picks = STC_NEW_N(q->a, struct stc_tune_pick, (size_t)n);
    if (!out->picks) return stc_fail(q->diag, STC_ERR_NOMEM, "tune: out of memory");
    for (int i = 0; i < n; i++) {
        enum stc_err err = stc_search_pick(q, q->sim[i].id, &out->picks[i]);
        if (err != STC_OK) return err;
        out->picks[i].cost = q->sim[i].cost;
        stc_tune_compare(q->sp, &out->picks[0], &out->picks[i]);
    }
    out->n_picks = n;
    return STC_OK;
}

static enum stc_err pick_front(struct stc_search *q, struct stc_tune_result *out)
{
    uint64_t *ids = NULL;
    size_t n = 0;
    enum stc_err err = stc_search_front(q, &ids, &n);
    out->front = STC_NEW_N(q->a, struct stc_tune_pick, n);
    if (err == STC_OK && !out->front)
        err = stc_fail(q->diag, STC_ERR_NOMEM, "tune: out of memory");
    for (size_t i = 0; err == STC_OK && i < n; i++) {
        err = stc_search_pick(q, ids[i], &out->front[i]);
        stc_tune_compare(q->sp, &out->front[0], &out->front[i]);
        out->n_front = (int)i + 1;
    }
    free(ids);
    return err;
}

static enum stc_err nothing_left(const struct stc_tune_result *r, struct stc_diag *diag)
{
    const struct stc_tune_count *m = &r->count[STC_TUNE_MEMORY];
    uint64_t fit = r->count[STC_TUNE_SIMULATED].n + r->count[STC_TUNE_BOUND].n;
    if (r->interrupted)
        return stc_fail(diag, STC_ERR_INTERRUPTED,
                        "stopped before any layout was simulated");
    if (fit > 0 && r->objective == STC_OBJ_GPUS)
        return stc_fail(
            diag, STC_ERR_INFEASIBLE,
            "none of %llu layouts meets the deadline; more GPUs (tune.gpus), "
            "fewer tokens or more time would be right",
            (unsigned long long)r->n_layouts);
    if (m->n > 0 && fit == 0)
        return stc_fail(
            diag, STC_ERR_INFEASIBLE,
            "none of %llu layouts can be run: %llu do not fit, the nearest by "
            "%.2f GiB; more GPUs, more recompute or sharding (tune.shard=free) "
            "would be right",
            (unsigned long long)r->n_layouts, (unsigned long long)m->n,
            m->least / 1073741824.0);
    const struct stc_tune_count *d = &r->count[STC_TUNE_MODEL];
    return stc_fail(
        diag, STC_ERR_INFEASIBLE,
        "none of %llu layouts can be run: %llu do not divide the GPUs, %llu "
        "the batch, %llu the model%s%s",
        (unsigned long long)r->n_layouts, (unsigned long long)r->count[STC_TUNE_GPUS].n,
        (unsigned long long)r->count[STC_TUNE_BATCH].n, (unsigned long long)d->n,
        d->example[0] ? ": " : "", d->example);
}

/* The scenario's own layout, for comparison. */
static void own_layout(struct stc_search *q, struct stc_tune_result *out)
{
    struct stc_scenario *s = STC_NEW(q->a, struct stc_scenario);
    struct stc_result r;
    struct stc_diag unused;
    if (!s) return;
    *s = *q->sp->s;
    s->resolved = 0;
    struct stc_arena run = STC_ARENA_INIT;
    if (stc_scenario_resolve(s, &unused) == STC_OK &&
        stc_step_run(s, q->p, &run, &r, &unused) == STC_OK) {
        out->has_own = 1;
        out->own_fits = r.fits;
        stc_tune_fill(q->sp, s, &r, &out->own);
        if (out->n_picks > 0) stc_tune_compare(q->sp, &out->picks[0], &out->own);
    }
    stc_arena_free(&run);
}

/* ==== the journal ==== */

static void replayed(void *ctx, char kind, uint64_t key, const void *data, size_t n)
{
    struct stc_search *q = ctx;
    if (kind == 'n' && n == sizeof(struct stc_node_sum) && key < q->sp->n_nodes)
        memcpy(&q->node[key], data, n);
    if (kind == 's' && n == sizeof(struct stc_tune_sim)) {
        struct stc_tune_sim *v = realloc(q->kept, (q->n_kept + 1) * sizeof *v);
        if (!v) return; /* it is simulated again */
        q->kept = v;
        memcpy(&v[q->n_kept++], data, n);
    }
}

static int by_id(const void *x, const void *y)
{
    const struct stc_tune_sim *a = x, *b = y;
    return (a->id > b->id) - (a->id < b->id);
}

/* Every process reads the journal of the first; only the first writes on. */
static enum stc_err open_journal(struct stc_search *q, struct stc_tune_result *out)
{
    char path[4096];
    q->journal.fd = -1;
    if (!q->o->journal) return STC_OK;
    if (q->team->rank == 0)
        snprintf(path, sizeof path, "%s", q->o->journal);
    else
        snprintf(path, sizeof path, "%s.%d", q->o->journal, q->team->rank);
    enum stc_err err =
        stc_journal_open(&q->journal, path, stc_tune_space_hash(q->sp) ^ q->p->hash,
                         replayed, q, q->diag);
    if (q->n_kept > 0) qsort(q->kept, q->n_kept, sizeof *q->kept, by_id);
    for (uint64_t i = 0; i < q->sp->n_nodes; i++)
        out->resumed |= (int)q->node[i].done;
    return err;
}

/* ==== the whole ==== */

static enum stc_err prepare(struct stc_search *q)
{
    q->n_threads = q->o->n_threads;
#ifdef _OPENMP
    if (q->n_threads <= 0) q->n_threads = omp_get_max_threads();
#endif
    if (q->n_threads <= 0) q->n_threads = 1;
    q->top_n = q->o->top_n > 0 ? q->o->top_n : 10;
    q->best_s = (double)INFINITY;
    q->node = calloc(q->sp->n_nodes, sizeof *q->node);
    q->walker = calloc((size_t)q->n_threads, sizeof *q->walker);
    enum stc_err err = q->node && q->walker ? STC_OK : STC_ERR_NOMEM;
    for (int i = 0; err == STC_OK && i < q->n_threads; i++)
        err = stc_tune_walker_make(q->sp, q->p, &q->walker[i]);
    return err == STC_OK ? err : stc_fail(q->diag, err, "tune: out of memory");
}

static void clean_up(struct stc_search *q)
{
    stc_journal_close(&q->journal);
    for (int i = 0; q->walker && i < q->n_threads; i++)
        stc_tune_walker_free(q->walker[i]);
    free(q->walker);
    free(q->node);
    free(q->sim);
    free(q->seen);
    free(q->kept);
}

static enum stc_err search(struct stc_search *q, struct stc_tune_result *out)
{
    double closest = (double)INFINITY;
    enum stc_err err = prepare(q);
    if (err == STC_OK) err = open_journal(q, out);
    if (err == STC_OK) err = stc_search_walk_all(q);
    if (err == STC_OK && !q->o->exhaustive) err = seeds(q);
    if (err == STC_OK && !q->stopped) err = best_first(q, &closest);
    if (err != STC_OK) return err;
    out->interrupted = q->stopped;
    add_counts(q, out, closest);
    out->n_tight = q->n_tight;
    err = pick_all(q, out);
    if (err == STC_OK && out->n_picks == 0) err = nothing_left(out, q->diag);
    if (err == STC_OK && q->o->front && !q->stopped) err = pick_front(q, out);
    if (err == STC_OK) own_layout(q, out);
    return err;
}

static enum stc_err run_space(struct stc_arena *a, struct stc_tune_space *sp,
                              const struct stc_run_params *p,
                              const struct stc_tune_opts *o,
                              struct stc_tune_result *out, struct stc_diag *diag)
{
    struct stc_search *q = STC_NEW(a, struct stc_search);
    double begin = now_s();
    if (!q) return stc_fail(diag, STC_ERR_NOMEM, "tune: out of memory");
    *q = (struct stc_search){.sp = sp,
                             .p = p,
                             .o = o,
                             .team = o->team ? o->team : &alone,
                             .a = a,
                             .diag = diag};
    q->journal.fd = -1;
    memset(out, 0, sizeof *out);
    out->n_layouts = sp->n_layouts;
    out->objective = sp->objective;
    enum stc_err err = search(q, out);
    out->n_threads = q->n_threads;
    out->n_ranks = q->team->size;
    clean_up(q);
    out->wall_s = now_s() - begin;
    out->settled_per_s =
        (double)sp->n_layouts / out->wall_s / (out->n_threads * out->n_ranks);
    return err;
}

static enum stc_err describe(struct stc_arena *a, const struct stc_tune_space *sp,
                             struct stc_tune_result *out, struct stc_diag *diag)
{
    struct stc_text t;
    struct stc_diag unused;
    double usd;
    stc_text_init(&t, 0);
    stc_tune_space_text(sp, &t);
    out->axes = stc_arena_strdup(a, stc_text_str(&t));
    stc_text_free(&t);
    for (int x = 0; x < STC_TA_COUNT; x++)
        out->n_axes += sp->axis[x].n > 1;
    out->usd_per_gpu_hour = sp->usd_per_gpu_hour;
    out->tokens = sp->tokens;
    const char *gpu = sp->variant[0].gpu_name;
    for (uint32_t v = 0; v < sp->n_variants; v++)
        if (sp->variant_ok[v]) gpu = sp->variant[v].gpu_name;
    if (sp->s->said.t_price >= 0)
        snprintf(out->price_source, sizeof out->price_source, "as the scenario says");
    else if (stc_price_of(sp->s->catalogues, gpu, &usd, out->price_source,
                          sizeof out->price_source, &unused) != STC_OK)
        out->price_source[0] = '\0';
    return out->axes ? STC_OK : stc_fail(diag, STC_ERR_NOMEM, "tune: out of memory");
}

/* How slow a layout may be that is searched for its memory. */
static enum stc_err find_limit(struct stc_arena *a, struct stc_tune_space *sp,
                               const struct stc_run_params *p,
                               const struct stc_tune_opts *o,
                               struct stc_tune_result *out, struct stc_diag *diag)
{
    struct stc_tune_opts first = *o;
    first.top_n = 1;
    first.journal = NULL;
    first.front = 0;
    sp->objective = STC_OBJ_STEP;
    enum stc_err err = run_space(a, sp, p, &first, out, diag);
    sp->objective = STC_OBJ_HEADROOM;
    if (err == STC_OK) sp->limit_s = out->picks[0].step_s * (1 + sp->slower);
    return err;
}

enum stc_err stc_tune_run(struct stc_arena *a, const struct stc_scenario *s,
                          const struct stc_run_params *p, const struct stc_tune_opts *o,
                          struct stc_tune_result *out, struct stc_diag *diag)
{
    struct stc_tune_space *sp = STC_NEW(a, struct stc_tune_space);
    if (!sp) return stc_fail(diag, STC_ERR_NOMEM, "tune: out of memory");
    enum stc_err err = stc_tune_space_make(a, s, sp, diag);
    if (err == STC_OK && sp->objective == STC_OBJ_HEADROOM)
        err = find_limit(a, sp, p, o, out, diag);
    if (err == STC_OK) err = run_space(a, sp, p, o, out, diag);
    if (err == STC_OK) err = describe(a, sp, out, diag);
    return err;
}
