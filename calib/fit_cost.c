#include "calib/fit_cost.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "calib/coll_lm.h"
#include "calib/evidence_pack.h"
#include "calib/fit_trees.h"
#include "sim/base/rng.h"
#include "sim/base/stats.h"

enum { MIN_TREE_ROWS = 400, MAX_FOLDS = 20 };

/* ==== efficiencies ==== */

struct problem {
    const struct stc_cost_row **rows;
    int n, n_par;
    const struct stc_par_info *info;
    const struct stc_residual *kept; /* that will multiply the physics; NULL: none */
};

/* The residual that stays as it was known: too few rows for another. */
static const struct stc_residual *kept_residual(const struct stc_fit_group *g)
{
    return g->base != NULL && g->n < MIN_TREE_ROWS ? g->base->residual : NULL;
}

/* u in R <-> value in [low, high], in the logarithm. */
static double to_value(const struct stc_par_info *p, double u)
{
    double s = 1 / (1 + exp(-u)), lo = log(p->low), hi = log(p->high);
    return exp(lo + (hi - lo) * s);
}

static double to_u(const struct stc_par_info *p, double value)
{
    double s = (log(value) - log(p->low)) / (log(p->high) - log(p->low));
    s = fmin(0.98, fmax(0.02, s));
    return log(s / (1 - s));
}

static void log_errors(void *arg, const double *u, double *r)
{
    const struct problem *p = arg;
    double v[STC_PAR_MAX];
    struct stc_terms t;

    for (int j = 0; j < p->n_par; j++)
        v[j] = to_value(&p->info[j], u[j]);
    t.want_features = p->kept != NULL;
    for (int i = 0; i < p->n; i++) {
        struct stc_residual_hit hit = {0};
        stc_cost_row_terms(p->rows[i], v, &t);
        if (p->kept != NULL) stc_residual_at(p->kept, t.feat, &hit);
        r[i] = log(t.seconds / p->rows[i]->seconds) + hit.log_factor;
    }
}

/* Of a generic prior little is kept; what is known of this very GPU moves only as
 * far as its few rows ask. */
static double pull_of(const struct stc_fit_group *g, int n)
{
    return (g->base != NULL ? 0.05 : 0.02) * sqrt(n / 1000.0 + 0.01);
}

/* Fits v in place from where it stands, on the rows not in `fold` (-1: all). */
static enum stc_err fit_values(struct stc_fit_group *g, const struct stc_fit_opt *opt,
                               int fold, int max_steps, double *v)
{
    int n_par, most = opt->fit_rows > 0 ? opt->fit_rows : 1500, n = 0;
    const struct stc_par_info *info =
        stc_par_table((enum stc_family)g->rows[0].family, &n_par);
    const struct stc_cost_row **rows =
        STC_NEW_N(&g->arena, const struct stc_cost_row *, (size_t)g->n);
    double u[STC_PAR_MAX], prior[STC_PAR_MAX];
    struct stc_rng rng;

    if (rows == NULL) return stc_fail(&g->diag, STC_ERR_NOMEM, "fit");
    stc_rng_seed(&rng, 11, "rows to fit on");
    double keep = (double)most / g->n;
    for (int i = 0; i < g->n; i++) {
        double draw = stc_rng_uniform(&rng);
        if (draw < keep && (fold < 0 || g->fold[i] != fold)) rows[n++] = &g->rows[i];
    }
    struct problem p = {
        .rows = rows, .n = n, .n_par = n_par, .info = info, .kept = kept_residual(g)};
    double *work = STC_NEW_N(&g->arena, double, (size_t)n *((size_t)n_par + 2));
    if (work == NULL) return stc_fail(&g->diag, STC_ERR_NOMEM, "fit");
    for (int j = 0; j < n_par; j++) {
        prior[j] = to_u(&info[j], g->base != NULL ? g->base->v[j] : info[j].prior);
        u[j] = to_u(&info[j], v[j]);
    }
    struct stc_lm lm = {.n_par = n_par,
                        .n_res = n,
                        .residuals = log_errors,
                        .arg = &p,
                        .prior = prior,
                        .pull = pull_of(g, n),
                        .corner = 0.06,
                        .max_steps = max_steps,
                        .work = work};
    (void)stc_lm_run(&lm, u);
    for (int j = 0; j < n_par; j++)
        v[j] = to_value(&info[j], u[j]);
    return STC_OK;
}

/* ==== residual ==== */

/* The shapes that the residual was grown from; feat holds all rows in order. */
static enum stc_err keep_evidence(struct stc_fit_group *g, const float *feat,
                                  struct stc_residual *r)
{
    double *s = STC_NEW_N(&g->arena, double, (size_t)g->n);
    int32_t *id = STC_NEW_N(&g->arena, int32_t, (size_t)g->n);
    if (s == NULL || id == NULL) return stc_fail(&g->diag, STC_ERR_NOMEM, "evidence");
    for (int i = 0; i < g->n; i++) {
        s[i] = g->rows[i].seconds;
        id[i] = g->rows[i].id;
    }
    return stc_evidence_make(&g->arena, feat, s, id, g->n, r, &g->diag);
}

static enum stc_err fit_residual(struct stc_fit_group *g, int fold, const double *v,
                                 const struct stc_residual **out)
{
    int n_axes, n_feats = stc_cost_n_feats((enum stc_family)g->rows[0].family, &n_axes),
                n = 0;
    float *feat = STC_NEW_N(&g->arena, float, (size_t)g->n *STC_FEAT_MAX);
    double *y = STC_NEW_N(&g->arena, double, (size_t)g->n);
    struct stc_residual *r = STC_NEW(&g->arena, struct stc_residual);

    *out = kept_residual(g);
    if (g->n < MIN_TREE_ROWS) return STC_OK;
    if (feat == NULL || y == NULL || r == NULL)
        return stc_fail(&g->diag, STC_ERR_NOMEM, "residual");
    for (int i = 0; i < g->n; i++) {
        struct stc_terms t = {.want_features = true};
        if (fold >= 0 && g->fold[i] == fold) continue;
        stc_cost_row_terms(&g->rows[i], v, &t);
        memcpy(feat + (size_t)n * STC_FEAT_MAX, t.feat, sizeof t.feat);
        y[n++] = log(g->rows[i].seconds / t.seconds);
    }
    enum stc_err err = stc_trees_grow(&g->arena, &stc_trees_default, feat, y, n,
                                      n_feats, n_axes, r, &g->diag);
    if (err == STC_OK && fold < 0) err = keep_evidence(g, feat, r);
    if (err == STC_OK) *out = r;
    return err;
}

/* ==== folds ==== */

/* Rows of one shape share a fold: the hash knows only the shape. */
static void deal(struct stc_fit_group *g, int n_folds)
{
    for (int i = 0; i < g->n; i++) {
        const struct stc_cost_row *r = &g->rows[i];
        uint64_t h = STC_HASH_INIT;
        h = r->family == STC_FAMILY_GEMM ? stc_hash64(h, &r->q.gemm, sizeof r->q.gemm)
            : r->family == STC_FAMILY_MOE_GEMM
                ? stc_hash64(h, &r->q.moe, sizeof r->q.moe)
                : stc_hash64(h, &r->q.attn, sizeof r->q.attn);
        h ^= h >> 29;
        g->fold[i] = (uint8_t)(h % (uint64_t)n_folds);
    }
}

static enum stc_err score(struct stc_fit_group *g, int fold, const double *v,
                          const struct stc_residual *res)
{
    for (int i = 0; i < g->n; i++) {
        struct stc_terms t = {.want_features = res != NULL};
        struct stc_residual_hit hit = {0};
        if (fold >= 0 && g->fold[i] != fold) continue;
        stc_cost_row_terms(&g->rows[i], v, &t);
        if (res != NULL) stc_residual_at(res, t.feat, &hit);
        g->plain[i] = log(t.seconds / g->rows[i].seconds);
        g->full[i] = g->plain[i] + hit.log_factor;
    }
    return STC_OK;
}

static enum stc_err one_fold(struct stc_fit_group *g, const struct stc_fit_opt *opt,
                             int fold)
{
    double v[STC_PAR_MAX];
    const struct stc_residual *res;

    memcpy(v, g->fit.v, sizeof v);
    enum stc_err err = fit_values(g, opt, fold, 6, v);
    if (err == STC_OK) err = fit_residual(g, fold, v, &res);
    if (err == STC_OK) err = score(g, fold, v, res);
    return err;
}

static double mape(const double *e, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += fabs(exp(e[i]) - 1);
    return n > 0 ? sum / n : 0;
}

/* Half of the 90 % interval in log, as a standard deviation. Heavy tails (a
 * vendor's tactic gone wrong) would widen every interval: 88 % is aimed at. */
static double sigma_of(const double *e, int n, double *scratch)
{
    for (int i = 0; i < n; i++)
        scratch[i] = fabs(e[i]);
    stc_sort(scratch, (size_t)n);
    return n > 0 ? stc_quantile_sorted(scratch, (size_t)n, 0.88) / 1.645 : 0;
}

/* A handful of rows cannot show how unsure a forecast is: not less than was known. */
static void doubt_few(struct stc_fit_group *g)
{
    struct stc_fit *f = &g->fit;
    if (g->n >= MIN_TREE_ROWS) return;
    f->sigma_plain = fmax(f->sigma_plain, g->base->sigma_plain);
    f->sigma_resid =
        f->residual != NULL ? fmax(f->sigma_resid, g->base->sigma_resid) : 0;
    f->err_plain = fmax(f->err_plain, g->base->err_plain);
    f->err_resid = f->residual != NULL ? fmax(f->err_resid, g->base->err_resid) : 0;
}

void stc_fit_group(struct stc_fit_group *g, const struct stc_fit_opt *opt)
{
    const struct stc_cost_row *r = g->rows;
    int n_par, steps = opt->max_steps > 0 ? opt->max_steps : 30, folds = opt->holdout;
    const struct stc_par_info *info = stc_par_table((enum stc_family)r->family, &n_par);
    const struct stc_residual *res = NULL;
    double *scratch = STC_NEW_N(&g->arena, double, (size_t)g->n);

    g->fit = (struct stc_fit){.gen = r->gpu->gen,
                              .family = r->family,
                              .variant = r->variant,
                              .tier = STC_TIER_MEASURED,
                              .n_rows = g->n};
    memcpy(g->fit.gpu, r->gpu->name, sizeof g->fit.gpu);
    for (int j = 0; j < n_par; j++)
        g->fit.v[j] = g->base != NULL ? g->base->v[j] : info[j].prior;
    /* Recipes that quantise start from a launch of it, not from none. */
    if (g->base == NULL && r->family == STC_FAMILY_GEMM &&
        stc_dtype_info((enum stc_dtype)r->variant)->act_bytes < 2)
        g->fit.v[STC_GP_QUANT_S] = 3e-6;
    g->plain = STC_NEW_N(&g->arena, double, (size_t)g->n);
    g->full = STC_NEW_N(&g->arena, double, (size_t)g->n);
    g->fold = STC_NEW_N(&g->arena, uint8_t, (size_t)g->n);
    if (scratch == NULL || g->plain == NULL || g->full == NULL || g->fold == NULL) {
        g->err = stc_fail(&g->diag, STC_ERR_NOMEM, "fit");
        return;
    }
    g->err = fit_values(g, opt, -1, steps, g->fit.v);
    if (g->err == STC_OK) g->err = fit_residual(g, -1, g->fit.v, &res);
    if (g->err == STC_OK) g->err = score(g, -1, g->fit.v, res);
    if (folds > MAX_FOLDS) folds = MAX_FOLDS;
    if (folds > 1) deal(g, folds);
    for (int f = 0; f < folds && folds > 1 && g->err == STC_OK; f++)
        g->err = one_fold(g, opt, f);
    if (g->err != STC_OK) return;
    g->fit.residual = res;
    g->fit.err_plain = mape(g->plain, g->n);
    g->fit.err_resid = res != NULL ? mape(g->full, g->n) : 0;
    g->fit.sigma_plain = sigma_of(g->plain, g->n, scratch);
    g->fit.sigma_resid = res != NULL ? sigma_of(g->full, g->n, scratch) : 0;
    if (g->base != NULL) doubt_few(g);
}

/* ==== pooled over GPUs ==== */

/* A group that holds the rows of several, evenly thinned to `most` in all. */
static bool pool_rows(const struct stc_fit_group *g, int n, const struct stc_fit *of,
                      const char *without, int most, struct stc_fit_group *out)
{
    int total = 0, n_gpus = 0, made = 0;
    for (int i = 0; i < n; i++) {
        const struct stc_fit *f = &g[i].fit;
        bool in = f->family == of->family && f->variant == of->variant &&
                  (without == NULL || strcmp(f->gpu, without) != 0);
        if (in) total += g[i].n, n_gpus++;
    }
    struct stc_cost_row *rows =
        n_gpus > 0 ? STC_NEW_N(&out->arena, struct stc_cost_row, (size_t)total) : NULL;
    if (n_gpus < (without == NULL ? 2 : 1) || rows == NULL) return false;
    for (int i = 0; i < n; i++) {
        const struct stc_fit *f = &g[i].fit;
        bool in = f->family == of->family && f->variant == of->variant &&
                  (without == NULL || strcmp(f->gpu, without) != 0);
        double step = fmax(1, (double)g[i].n * n_gpus / most);
        for (double at = 0; in && at < g[i].n; at += step)
            rows[made++] = g[i].rows[(int)at];
    }
    out->rows = rows;
    out->n = made;
    return true;
}

bool stc_fit_pooled(const struct stc_fit_group *g, int n, uint8_t family,
                    uint8_t variant, const char *without, struct stc_fit *out)
{
    /* fewer rows say little of a GPU that none of them is of: what is near weighs more */
    enum { MOST = 2400, STEPS = 30, LEAST = 400 };
    struct stc_fit_opt opt = {.fit_rows = MOST};
    struct stc_fit_group pool = {.arena = STC_ARENA_INIT};
    int n_par;
    const struct stc_par_info *info = stc_par_table((enum stc_family)family, &n_par);

    *out = (struct stc_fit){.gpu = STC_FIT_ANY,
                            .family = family,
                            .variant = variant,
                            .tier = STC_TIER_TRANSFERRED};
    bool ok = pool_rows(g, n, out, without, MOST, &pool) && pool.n >= LEAST;
    if (ok) {
        out->gen = pool.rows[0].gpu->gen;
        out->n_rows = pool.n;
        for (int j = 0; j < n_par; j++)
            out->v[j] = info[j].prior;
        ok = fit_values(&pool, &opt, -1, STEPS, out->v) == STC_OK;
    }
    stc_arena_free(&pool.arena);
    return ok;
}

/* ==== all groups ==== */

static int cut_groups(const struct stc_cost_rows *rows, struct stc_fit_group *g,
                      int most)
{
    int n = 0;
    for (int i = 0; i < rows->n; i++) {
        const struct stc_cost_row *r = &rows->v[i], *p = i > 0 ? r - 1 : NULL;
        bool same = p != NULL && p->family == r->family && p->gpu == r->gpu &&
                    p->variant == r->variant;
        if (!same && n == most) return -1;
        if (!same) g[n++] = (struct stc_fit_group){.rows = r};
        g[n - 1].n++;
    }
    return n;
}

/* The fit of this very group, if more is behind it than the group's own rows. */
static const struct stc_fit *better_known(const struct stc_cost *base,
                                          const struct stc_fit_group *g)
{
    const struct stc_cost_row *r = g->rows;
    for (int i = 0; base != NULL && i < base->n_fits; i++) {
        const struct stc_fit *f = &base->fits[i];
        if (f->family == r->family && f->variant == r->variant && f->n_rows > g->n &&
            strcmp(f->gpu, r->gpu->name) == 0)
            return f;
    }
    return NULL;
}

static enum stc_err gather(struct stc_arena *a, struct stc_fit_group *g, int n,
                           const struct stc_fit *pools, int n_pools,
                           struct stc_cost **out, struct stc_diag *diag)
{
    struct stc_cost *c = STC_NEW(a, struct stc_cost);
    if (c == NULL) return stc_fail(diag, STC_ERR_NOMEM, "cost model");
    stc_cost_platform_prior(c->platform);
    for (int i = 0; i < n; i++)
        c->fits[c->n_fits++] = g[i].fit;
    for (int i = 0; i < n_pools; i++)
        c->fits[c->n_fits++] = pools[i];
    if (!stc_cost_index(c))
        return stc_fail(diag, STC_ERR_RANGE, "more than %d fits", STC_FIT_MAX);
    *out = c;
    return STC_OK;
}

static enum stc_err copy_evidence(struct stc_arena *a, struct stc_residual *r,
                                  struct stc_diag *diag)
{
    const struct stc_evidence *s = r->evidence;
    r->seen = NULL;
    r->n_seen = 0;
    if (s == NULL) return STC_OK;
    size_t n = (size_t)s->n, axes = (size_t)s->n_axes;
    struct stc_evidence *e = STC_NEW(a, struct stc_evidence);
    uint8_t *index = STC_NEW_N(a, uint8_t, n * axes);
    float *log2_s = STC_NEW_N(a, float, n);
    int32_t *id = STC_NEW_N(a, int32_t, n);
    if (e == NULL || index == NULL || log2_s == NULL || id == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "evidence");
    *e = *s;
    memcpy(index, s->index, n * axes);
    memcpy(log2_s, s->log2_s, n * sizeof *log2_s);
    memcpy(id, s->id, n * sizeof *id);
    e->index = index;
    e->log2_s = log2_s;
    e->id = id;
    r->evidence = e;
    return stc_evidence_done(a, r, diag);
}

/* The groups' arenas go with the caller's: trees are copied over. */
static enum stc_err keep_residual(struct stc_arena *a, struct stc_fit *f,
                                  struct stc_diag *diag)
{
    if (f->residual == NULL) return STC_OK;
    const struct stc_residual *s = f->residual;
    size_t n = (size_t)s->n_trees, d = (size_t)s->depth;
    struct stc_residual *r = STC_NEW(a, struct stc_residual);
    uint8_t *feat = STC_NEW_N(a, uint8_t, n * d);
    float *t = STC_NEW_N(a, float, n *d), *leaf = STC_NEW_N(a, float, n << d);
    if (r == NULL || feat == NULL || t == NULL || leaf == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "residual");
    *r = *s;
    memcpy(feat, s->feat, n * d);
    memcpy(t, s->threshold, n * d * sizeof *t);
    memcpy(leaf, s->leaf, (n << d) * sizeof *leaf);
    r->feat = feat;
    r->threshold = t;
    r->leaf = leaf;
    f->residual = r;
    return copy_evidence(a, r, diag);
}

enum stc_err stc_fit_compute(struct stc_arena *a, const char *folder,
                             const struct stc_fit_opt *opt, struct stc_cost **out,
                             struct stc_fit_report *rep, struct stc_diag *diag)
{
    enum { MOST = 120 };
    struct stc_cost_rows rows;
    struct timespec t0, t1;

    *rep = (struct stc_fit_report){.in_sample = opt->holdout < 2};
    clock_gettime(CLOCK_MONOTONIC, &t0);
    enum stc_err err = stc_cost_rows_read(a, opt->hw, folder, &rows, diag);
    if (err != STC_OK) return err;
    struct stc_fit_group *g = STC_NEW_N(a, struct stc_fit_group, MOST);
    if (g == NULL) return stc_fail(diag, STC_ERR_NOMEM, "fit");
    int n = cut_groups(&rows, g, MOST);
    if (n < 0)
        return stc_fail(diag, STC_ERR_RANGE, "more than %d groups of rows", MOST);
    for (int i = 0; i < n; i++)
        g[i].base = better_known(opt->base, &g[i]);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < n; i++)
        stc_fit_group(&g[i], opt);
    for (int i = 0; i < n && err == STC_OK; i++) {
        if (g[i].err != STC_OK)
            err = stc_fail(diag, g[i].err, "%s", g[i].diag.text);
        else
            err = keep_residual(a, &g[i].fit, diag);
    }
    if (err == STC_OK) stc_fit_lines(g, n, rep);
    int n_pools = 0;
    struct stc_fit *pools = STC_NEW_N(a, struct stc_fit, MOST);
    if (err == STC_OK && pools == NULL) err = stc_fail(diag, STC_ERR_NOMEM, "fit");
    if (err == STC_OK) err = stc_fit_by_gpu(a, g, n, pools, &n_pools, rep, diag);
    if (err == STC_OK) err = gather(a, g, n, pools, n_pools, out, diag);
    if (err == STC_OK && opt->holdout > 1)
        err = stc_fit_by_source(a, *out, opt->hw, folder, rep, diag);
    for (int i = 0; i < n; i++)
        stc_arena_free(&g[i].arena);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    rep->seconds =
        (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec);
    return err;
}
