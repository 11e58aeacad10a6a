/* What left-out forecasts say, as the lines of a report. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calib/fit_cost.h"
#include "sim/base/stats.h"

/* Sums of one line while its rows are walked. */
struct tally {
    int n, n_inside;
    double plain, full, width;
};

static double err_of(double log_error)
{
    return fabs(exp(log_error) - 1);
}

/* The sigma that a row's fold did not help to make. */
static double sigma_without(const struct stc_fit_group *g, const double *e, int fold)
{
    double sum[400] = {0};
    int n = 0;
    /* A histogram of |e| in steps of 0.5 % is exact enough, and needs no sort per fold. */
    for (int i = 0; i < g->n; i++) {
        if (g->fold[i] == fold) continue;
        int b = (int)fmin(399, fabs(e[i]) / 0.005);
        sum[b]++;
        n++;
    }
    double want = 0.88 * n, seen = 0; /* as the shipped sigma is made */
    for (int b = 0; b < 400; b++) {
        if (seen + sum[b] >= want)
            return 0.005 * (b + (want - seen) / fmax(1, sum[b])) / 1.645;
        seen += sum[b];
    }
    return 2 / 1.645;
}

static void add_group(struct tally *t, const struct stc_fit_group *g)
{
    double sigma[32];
    for (int f = 0; f < 32; f++)
        sigma[f] = -1;
    for (int i = 0; i < g->n; i++) {
        int f = g->fold[i] % 32;
        if (sigma[f] < 0) sigma[f] = sigma_without(g, g->full, f);
        t->n++;
        t->plain += err_of(g->plain[i]);
        t->full += err_of(g->full[i]);
        t->n_inside += fabs(g->full[i]) <= 1.645 * sigma[f];
        t->width += exp(1.645 * sigma[f]) - 1;
    }
}

static void put(struct stc_fit_report *rep, const char *what, const struct tally *t,
                double bar)
{
    if (rep->n == STC_FIT_LINES || t->n == 0) return;
    struct stc_fit_line *l = &rep->v[rep->n++];
    *l = (struct stc_fit_line){.n = t->n,
                               .plain_mape = t->plain / t->n,
                               .full_mape = t->full / t->n,
                               .coverage = (double)t->n_inside / t->n,
                               .width_ratio = t->width / fmax(1e-12, t->full),
                               .bar = bar};
    snprintf(l->what, sizeof l->what, "%s", what);
}

/* X(GPU prefix, dtype, bar): issue 3's bars for one product. */
static double gemm_bar(const struct stc_fit *f)
{
    if (f->variant != STC_DTYPE_BF16) return 0.07;
    return strncmp(f->gpu, "H100", 4) == 0 ? 0.035 : 0.045;
}

static bool is_training(const struct stc_fit_group *g)
{
    return g->fit.family == STC_FAMILY_ATTN_BWD ||
           (g->fit.family == STC_FAMILY_ATTN_FWD && g->n < 200);
}

void stc_fit_lines(struct stc_fit_group *g, int n, struct stc_fit_report *rep)
{
    struct tally prefill = {0}, decode = {0}, train = {0}, moe = {0}, all = {0};

    for (int i = 0; i < n; i++) {
        const struct stc_fit *f = &g[i].fit;
        struct tally t = {0};
        char what[112];
        add_group(&t, &g[i]);
        add_group(&all, &g[i]);
        if (f->family == STC_FAMILY_ATTN_DECODE)
            add_group(&decode, &g[i]);
        else if (f->family == STC_FAMILY_MOE_GEMM)
            add_group(&moe, &g[i]);
        else if (is_training(&g[i]))
            add_group(&train, &g[i]);
        else if (f->family == STC_FAMILY_ATTN_FWD)
            add_group(&prefill, &g[i]);
        snprintf(what, sizeof what, "%s %s %s",
                 stc_family_name((enum stc_family)f->family), f->gpu,
                 stc_dtype_info((enum stc_dtype)f->variant)->name);
        put(rep, what, &t, f->family == STC_FAMILY_GEMM ? gemm_bar(f) : 0);
    }
    put(rep, "attention prefill, all", &prefill, 0.08);
    put(rep, "attention decode, all", &decode, 0.10);
    put(rep, "attention training, all", &train, 0.10);
    put(rep, "experts, all", &moe, 0.12);
    put(rep, "every kernel", &all, 0);
}

/* ==== by GPU ==== */

/* What leaving one GPU out says. */
struct left_out {
    struct tally all, large; /* large: rows that take over 50 us */
    double sigma;
};

static void add_error(struct tally *t, double e, double sigma)
{
    t->n++;
    t->plain += err_of(e);
    t->full += err_of(e);
    t->n_inside += fabs(e) <= 1.645 * sigma;
    t->width += exp(1.645 * sigma) - 1;
}

/* Forecasts group g by the efficiencies of v; sigma < 0: only measure it. */
static void forecast(const struct stc_fit_group *g, const double *v, double sigma,
                     struct left_out *o)
{
    int hist[400] = {0}, n = 0, b = 0;

    *o = (struct left_out){0};
    for (int i = 0; i < g->n; i++) {
        struct stc_terms t = {.want_features = false};
        stc_cost_row_terms(&g->rows[i], v, &t);
        double e = log(t.seconds / g->rows[i].seconds);
        hist[(int)fmin(399, fabs(e) / 0.005)]++;
        add_error(&o->all, e, sigma);
        if (g->rows[i].seconds > 50e-6) add_error(&o->large, e, sigma);
    }
    while (b < 399 && (n += hist[b]) < 0.9 * g->n)
        b++;
    o->sigma = 0.005 * (b + 1) / 1.645;
}

static bool seen_before(const struct stc_fit_group *g, int i)
{
    for (int j = 0; j < i; j++)
        if (g[j].fit.family == g[i].fit.family && g[j].fit.variant == g[i].fit.variant)
            return true;
    return false;
}

static int group_at(const struct stc_fit_group *g, int n, const struct stc_fit *like,
                    int k)
{
    for (int i = 0; i < n; i++)
        if (g[i].fit.family == like->family && g[i].fit.variant == like->variant &&
            g[i].n >= 200 && k-- == 0)
            return i;
    return -1;
}

static void put_left_out(struct stc_fit_report *rep, const struct stc_fit *f,
                         const struct left_out *o)
{
    double bar = f->family == STC_FAMILY_GEMM       ? 0.15
                 : f->family == STC_FAMILY_MOE_GEMM ? 0
                                                    : 0.30;
    char what[112];
    const char *name = stc_family_name((enum stc_family)f->family),
               *dtype = stc_dtype_info((enum stc_dtype)f->variant)->name;
    snprintf(what, sizeof what, "by GPU: %s %s %s", name, f->gpu, dtype);
    put(rep, what, &o->all, f->variant == STC_DTYPE_BF16 ? bar : 0);
    snprintf(what, sizeof what, "by GPU: %s %s %s, over 50 us", name, f->gpu, dtype);
    put(rep, what, &o->large, f->variant == STC_DTYPE_BF16 ? bar : 0);
}

static void join(struct tally *t, const struct tally *x)
{
    t->n += x->n;
    t->n_inside += x->n_inside;
    t->plain += x->plain;
    t->full += x->full;
    t->width += x->width;
}

enum { MOST_GPUS = 8 };

/* One (family, variant): its pooled fit, and each GPU from the others. */
struct pooled {
    struct stc_fit fit;
    int k, at[MOST_GPUS];
    struct left_out o[MOST_GPUS];
};

static void leave_out_each(struct stc_fit_group *g, int n, int i, struct pooled *p)
{
    double var = 0;

    if (seen_before(g, i) ||
        !stc_fit_pooled(g, n, g[i].fit.family, g[i].fit.variant, NULL, &p->fit)) {
        p->fit.n_rows = 0;
        return;
    }
    for (; p->k < MOST_GPUS && (p->at[p->k] = group_at(g, n, &g[i].fit, p->k)) >= 0;
         p->k++) {
        const struct stc_fit_group *of = &g[p->at[p->k]];
        struct left_out *o = &p->o[p->k];
        struct stc_fit other;
        if (!stc_fit_pooled(g, n, of->fit.family, of->fit.variant, of->fit.gpu, &other))
            other = p->fit;
        forecast(of, other.v, 0, o);
        forecast(of, other.v, o->sigma, o);
        var += o->sigma * o->sigma;
    }
    p->fit.sigma_plain = p->k > 0 ? sqrt(var / p->k) : 0.3;
}

enum stc_err stc_fit_by_gpu(struct stc_arena *a, struct stc_fit_group *g, int n,
                            struct stc_fit *pools, int *n_pools,
                            struct stc_fit_report *rep, struct stc_diag *diag)
{
    struct pooled *p = STC_NEW_N(a, struct pooled, (size_t)n);
    if (p == NULL) return stc_fail(diag, STC_ERR_NOMEM, "fit by GPU");
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < n; i++)
        leave_out_each(g, n, i, &p[i]);
    struct tally gemm = {0}, attn = {0};
    *n_pools = 0;
    for (int i = 0; i < n; i++) {
        if (p[i].fit.n_rows == 0) continue;
        pools[(*n_pools)++] = p[i].fit;
        for (int j = 0; j < p[i].k; j++)
            put_left_out(rep, &g[p[i].at[j]].fit, &p[i].o[j]);
        for (int j = 0; j < p[i].k && p[i].fit.variant == STC_DTYPE_BF16; j++) {
            if (p[i].fit.family == STC_FAMILY_GEMM)
                join(&gemm, &p[i].o[j].all);
            else if (p[i].fit.family != STC_FAMILY_MOE_GEMM)
                join(&attn, &p[i].o[j].all);
        }
    }
    put(rep, "by GPU: gemm bf16, all", &gemm, 0.15);
    put(rep, "by GPU: attention bf16, all", &attn, 0.30);
    return STC_OK;
}

/* ==== by source ==== */

enum stc_err stc_fit_by_source(struct stc_arena *a, const struct stc_cost *c,
                               const struct stc_hw *hw, const char *folder,
                               struct stc_fit_report *rep, struct stc_diag *diag)
{
    struct stc_cost_rows rows;
    enum stc_err err = stc_cost_rows_torch(a, hw, folder, &rows, diag);
    if (err == STC_ERR_IO) return STC_OK; /* a folder without that table */
    for (int regime = 0; regime < STC_REGIME_COUNT && err == STC_OK; regime++)
        for (int large = 0; large < 2; large++) {
            struct tally t = {0};
            char what[112];
            for (int i = 0; i < rows.n; i++) {
                struct stc_gemm_q q = rows.v[i].q.gemm;
                struct stc_est e;
                if ((q.m >= 1024) != (large == 1)) continue;
                q.regime = (enum stc_regime)regime;
                stc_cost_gemm(c, rows.v[i].gpu, &q, &e);
                double x = log(e.seconds / rows.v[i].seconds);
                t.n++;
                t.full += err_of(x);
                t.plain += err_of(x - log(e.residual));
                t.n_inside += fabs(x) <= 1.645 * e.sigma_log;
                t.width += exp(1.645 * e.sigma_log) - 1;
            }
            snprintf(what, sizeof what, "by source: gemm_torch %s, %s",
                     large ? "m >= 1024" : "m < 1024",
                     regime == STC_REGIME_BURST ? "as burst" : "as in situ");
            put(rep, what, &t, 0);
        }
    return err;
}

/* Whether a line misses its bar, and whether physics alone misses twice of it. */
static const char *verdict(double plain, double full, double bar)
{
    if (bar <= 0) return "";
    if (full > bar) return plain > 2 * bar ? "  over, physics too" : "  over";
    return plain > 2 * bar ? "  physics over twice the bar" : "";
}

void stc_fit_put_line(const struct stc_fit_line *l, struct stc_text *out)
{
    char what[128], bar[16] = "-", inside[16] = "-", width[16] = "-";
    snprintf(what, sizeof what, "%s%s", strncmp(l->what, "by ", 3) ? "by shape: " : "",
             l->what);
    if (l->bar > 0) snprintf(bar, sizeof bar, "%.1f", 100 * l->bar);
    if (l->coverage > 0) { /* scored */
        snprintf(inside, sizeof inside, "%.1f", 100 * l->coverage);
        snprintf(width, sizeof width, "%.2f", l->width_ratio);
    }
    stc_text_printf(out, "%-50s %6d %9.2f %7.2f %6s %8s %7s%s\n", what, l->n,
                    100 * l->plain_mape, 100 * l->full_mape, bar, inside, width,
                    verdict(l->plain_mape, l->full_mape, l->bar));
}

void stc_fit_put_head(const char *title, struct stc_text *out)
{
    stc_text_printf(out, "%-50s %6s %9s %7s %6s %8s %7s\n", title, "rows", "physics %",
                    "full %", "bar %", "in 90% %", "width/e");
}

void stc_fit_print(const struct stc_fit_report *rep, struct stc_text *out)
{
    stc_fit_put_head(rep->in_sample ? "by shape: of the fitted rows" : "left out", out);
    for (int i = 0; i < rep->n; i++)
        stc_fit_put_line(&rep->v[i], out);
    stc_text_printf(out, "fitted in %.1f s\n", rep->seconds);
}
