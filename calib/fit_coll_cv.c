#include "calib/fit_coll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/fit.h"

enum { FOLDS = 5 };
static const double z90 = 1.6449;

/* What a row was predicted when it (or its GPU, or its cluster) was left out. */
struct left_out {
    double physics, full; /* log(predicted / measured); NaN: not predicted */
};

struct cv {
    struct stc_arena *a;
    const struct stc_coll_rows *rows;
    const struct stc_coll_params *base;
    struct stc_diag *diag;
    struct stc_coll_params *fit; /* scratch */
    bool *keep;
    struct left_out *shape, *gpu, *cluster;
};

static double predict(struct stc_coll_params *p, const struct stc_coll_row *r,
                      bool residual)
{
    struct stc_coll_est e;
    p->use_residual = residual;
    stc_coll_time(p, &r->g, r->coll, r->bytes, &r->f, &e);
    p->use_residual = true;
    return log(e.seconds / r->seconds);
}

/* Fold of a shape. Sizes are rounded to a sixteenth of an octave, so that 1e6
 * and 2^20 are two shapes, and equal sizes of twin runs one. */
static unsigned fold_of(const struct stc_coll_row *r)
{
    uint32_t h = (uint32_t)r->coll * 2654435761u;
    h = (h ^ (uint32_t)r->g.n_ranks) * 2246822519u;
    h = (h ^ (uint32_t)r->g.n_nodes) * 3266489917u;
    h = (h ^ (uint32_t)lrint(16.0 * log2(r->bytes))) * 668265263u;
    h ^= h >> 15;
    h *= 2246822519u;
    return (h ^ (h >> 13)) % FOLDS;
}

static enum stc_err refit(struct cv *v)
{
    return stc_fit_coll_rows(v->a, v->rows, v->keep, v->base, v->fit, v->diag);
}

static void score(struct cv *v, struct left_out *into, const bool *who)
{
    for (int i = 0; i < v->rows->n; i++)
        if (who[i]) {
            into[i].physics = predict(v->fit, &v->rows->v[i], false);
            into[i].full = predict(v->fit, &v->rows->v[i], true);
        }
}

static enum stc_err leave(struct cv *v, struct left_out *into, const bool *who)
{
    for (int i = 0; i < v->rows->n; i++)
        v->keep[i] = !who[i];
    enum stc_err err = refit(v);
    if (err == STC_OK) score(v, into, who);
    return err;
}

static enum stc_err run_folds(struct cv *v, bool *who)
{
    enum stc_err err = STC_OK;
    const struct stc_coll_rows *rows = v->rows;
    for (unsigned f = 0; err == STC_OK && f < FOLDS; f++) {
        for (int i = 0; i < rows->n; i++)
            who[i] = fold_of(&rows->v[i]) == f;
        err = leave(v, v->shape, who);
    }
    for (int g = 0; err == STC_OK && g < STC_GEN_COUNT; g++) {
        int n = 0;
        for (int i = 0; i < rows->n; i++) {
            who[i] = (int)rows->v[i].g.gen == g && rows->v[i].g.n_nodes == 1;
            n += who[i];
        }
        if (n > 0) err = leave(v, v->gpu, who);
    }
    for (int first = 0; err == STC_OK && first < rows->n; first++) {
        const struct stc_coll_row *r = &rows->v[first];
        bool done = r->g.n_nodes == 1;
        for (int k = 0; k < first && !done; k++)
            done = rows->v[k].g.n_nodes > 1 && rows->v[k].cluster == r->cluster;
        if (done) continue;
        for (int i = 0; i < rows->n; i++)
            who[i] = rows->v[i].g.n_nodes > 1 && rows->v[i].cluster == r->cluster;
        err = leave(v, v->cluster, who);
    }
    return err;
}

/* ==== sigmas ==== */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static enum stc_family family_of(const struct stc_coll_row *r)
{
    if (r->coll == STC_COLL_SEND_RECV) return STC_FAMILY_P2P;
    if (r->g.n_nodes > 1) return STC_FAMILY_COLL_NET;
    return r->f.lib == STC_COLL_LIB_NCCL ? STC_FAMILY_COLL_NVLINK
                                         : STC_FAMILY_COLL_CUSTOM;
}

static double sigma_of(const struct cv *v, const struct left_out *e, enum stc_family f,
                       double *buf)
{
    int n = 0;
    for (int i = 0; i < v->rows->n; i++)
        if (family_of(&v->rows->v[i]) == f && isfinite(e[i].full))
            buf[n++] = fabs(e[i].full);
    if (n < 8) return NAN;
    qsort(buf, (size_t)n, sizeof buf[0], by_value);
    return buf[(int)(0.9 * (double)(n - 1) + 0.5)] / z90;
}

static void set_sigmas(const struct cv *v, struct stc_coll_params *p, double *buf)
{
    static const enum stc_family fams[] = {STC_FAMILY_COLL_NVLINK, STC_FAMILY_COLL_NET,
                                           STC_FAMILY_COLL_CUSTOM, STC_FAMILY_P2P};
    for (size_t i = 0; i < sizeof fams / sizeof fams[0]; i++) {
        double *s = p->sigma_log[fams[i]];
        double shape = sigma_of(v, v->shape, fams[i], buf);
        bool net = fams[i] == STC_FAMILY_COLL_NET;
        double far = sigma_of(v, net ? v->cluster : v->gpu, fams[i], buf);
        /* Another machine with the same links is not the measured machine: between
         * nodes even a measured shape is as uncertain as a left-out cluster. */
        if (isfinite(shape)) s[STC_TIER_MEASURED] = s[STC_TIER_INTERPOLATED] = shape;
        if (isfinite(far) && net) s[STC_TIER_MEASURED] = s[STC_TIER_INTERPOLATED] = far;
        if (isfinite(far)) s[STC_TIER_TRANSFERRED] = net ? 1.3 * far : far;
        s[STC_TIER_PRIOR] = 1.5 * s[STC_TIER_TRANSFERRED];
    }
}

/* ==== the table ==== */

typedef bool line_test(const struct stc_coll_row *r, int arg);

static void add_line(const struct cv *v, const struct left_out *e,
                     const struct stc_coll_params *p, struct stc_coll_cv *cv,
                     const char *what, line_test *test, int arg, enum stc_tier tier,
                     double bar)
{
    if (cv->n == STC_COLL_CV_LINES) return;
    struct stc_coll_cv_line *l = &cv->v[cv->n];
    *l = (struct stc_coll_cv_line){.bar = bar};
    (void)snprintf(l->what, sizeof l->what, "%s", what);
    double width = 0.0;
    for (int i = 0; i < v->rows->n; i++) {
        const struct stc_coll_row *r = &v->rows->v[i];
        if (!isfinite(e[i].full) || !test(r, arg)) continue;
        double s = p->sigma_log[family_of(r)][tier];
        l->n++;
        l->physics_mape += fabs(exp(e[i].physics) - 1.0);
        l->full_mape += fabs(exp(e[i].full) - 1.0);
        l->coverage += fabs(e[i].full) <= z90 * s ? 1.0 : 0.0;
        width += 0.5 * (exp(z90 * s) - exp(-z90 * s));
    }
    if (l->n == 0) return;
    double n = (double)l->n;
    l->width_ratio = width / l->full_mape;
    l->physics_mape /= n;
    l->full_mape /= n;
    l->coverage /= n;
    cv->n++;
}

static bool nccl_node(const struct stc_coll_row *r, int gen)
{
    return r->f.lib == STC_COLL_LIB_NCCL && r->g.n_nodes == 1 &&
           (gen < 0 || (int)r->g.gen == gen);
}
static bool nccl_clean(const struct stc_coll_row *r, int unused)
{
    (void)unused;
    return nccl_node(r, -1) && !(r->skewed && r->bytes < STC_COLL_SKEW_BYTES);
}
static bool nccl_clean_gen(const struct stc_coll_row *r, int gen)
{
    return nccl_clean(r, 0) && (int)r->g.gen == gen;
}
static bool nccl_coll(const struct stc_coll_row *r, int coll)
{
    return nccl_node(r, -1) && (int)r->coll == coll;
}
static bool custom(const struct stc_coll_row *r, int lib)
{
    return r->f.lib != STC_COLL_LIB_NCCL && (lib < 0 || (int)r->f.lib == lib);
}
static bool between(const struct stc_coll_row *r, int unused)
{
    (void)unused;
    return r->g.n_nodes > 1;
}
static bool of_cluster(const struct stc_coll_row *r, int first)
{
    (void)first;
    return r->g.n_nodes > 1 && (int)(r->cluster & 0x7fffffff) == first;
}

static void table(const struct cv *v, const struct stc_coll_params *p,
                  struct stc_coll_cv *cv)
{
    char what[56];
    cv->n = 0;
    const enum stc_tier near = STC_TIER_INTERPOLATED, far = STC_TIER_TRANSFERRED;
    add_line(v, v->shape, p, cv, "by shape: NCCL, one node", nccl_node, -1, near, 0.08);
    add_line(v, v->shape, p, cv, "by shape: NCCL, one node, skewed traces apart",
             nccl_clean, 0, near, 0.08);
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        (void)snprintf(what, sizeof what, "by shape: NCCL, one node, %s",
                       stc_gen_name((enum stc_gen)g));
        add_line(v, v->shape, p, cv, what, nccl_node, g, near, 0.0);
    }
    for (int c = 0; c < STC_COLL_COUNT; c++) {
        (void)snprintf(what, sizeof what, "by shape: NCCL, one node, %s",
                       stc_coll_name((enum stc_coll)c));
        add_line(v, v->shape, p, cv, what, nccl_coll, c, near, 0.0);
    }
    add_line(v, v->shape, p, cv, "by shape: custom all-reduce", custom, -1, near, 0.10);
    for (int l = 1; l < STC_COLL_LIB_COUNT; l++) {
        (void)snprintf(what, sizeof what, "by shape: custom all-reduce, %s",
                       stc_coll_lib_name((enum stc_coll_lib)l));
        add_line(v, v->shape, p, cv, what, custom, l, near, 0.0);
    }
    add_line(v, v->shape, p, cv, "by shape: between nodes", between, 0, near, 0.0);
    add_line(v, v->gpu, p, cv, "by GPU: NCCL, one node", nccl_node, -1, far, 0.25);
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        (void)snprintf(what, sizeof what, "by GPU: NCCL, one node, %s",
                       stc_gen_name((enum stc_gen)g));
        add_line(v, v->gpu, p, cv, what, nccl_clean_gen, g, far, 0.0);
    }
    add_line(v, v->gpu, p, cv, "by GPU: custom all-reduce", custom, -1, far, 0.0);
    add_line(v, v->cluster, p, cv, "by source: 2 to 4 nodes", between, 0, near, 0.20);
    for (int i = 0; i < v->rows->n; i++) {
        const struct stc_coll_row *r = &v->rows->v[i];
        bool done = r->g.n_nodes == 1;
        for (int k = 0; k < i && !done; k++)
            done = v->rows->v[k].g.n_nodes > 1 && v->rows->v[k].cluster == r->cluster;
        if (done) continue;
        (void)snprintf(what, sizeof what, "by source: %.36s", r->cluster_name);
        add_line(v, v->cluster, p, cv, what, of_cluster, (int)(r->cluster & 0x7fffffff),
                 near, 0.0);
    }
}

enum stc_err stc_fit_coll_validate(struct stc_arena *a,
                                   const struct stc_coll_rows *rows,
                                   const struct stc_coll_params *base,
                                   struct stc_coll_params *p, struct stc_coll_cv *cv,
                                   struct stc_diag *diag)
{
    size_t n = (size_t)rows->n;
    struct cv v = {.a = a,
                   .rows = rows,
                   .base = base,
                   .diag = diag,
                   .fit = STC_NEW(a, struct stc_coll_params),
                   .keep = STC_NEW_N(a, bool, n),
                   .shape = STC_NEW_N(a, struct left_out, n),
                   .gpu = STC_NEW_N(a, struct left_out, n),
                   .cluster = STC_NEW_N(a, struct left_out, n)};
    bool *who = STC_NEW_N(a, bool, n);
    double *buf = STC_NEW_N(a, double, n);
    if (v.fit == NULL || v.keep == NULL || v.shape == NULL || v.gpu == NULL ||
        v.cluster == NULL || who == NULL || buf == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "fit of collectives: out of memory");
    for (size_t i = 0; i < n; i++)
        v.shape[i] = v.gpu[i] = v.cluster[i] = (struct left_out){NAN, NAN};
    enum stc_err err = run_folds(&v, who);
    if (err != STC_OK) return err;
    set_sigmas(&v, p, buf);
    table(&v, p, cv);
    return STC_OK;
}

void stc_fit_coll_report(const struct stc_coll_cv *cv, struct stc_text *out)
{
    stc_fit_put_head("left out", out);
    for (int i = 0; i < cv->n; i++) {
        const struct stc_coll_cv_line *c = &cv->v[i];
        struct stc_fit_line l = {.n = c->n,
                                 .plain_mape = c->physics_mape,
                                 .full_mape = c->full_mape,
                                 .coverage = c->coverage,
                                 .width_ratio = c->width_ratio,
                                 .bar = c->bar};
        (void)snprintf(l.what, sizeof l.what, "%s", c->what);
        stc_fit_put_line(&l, out);
    }
}
