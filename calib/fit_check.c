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
    double want = 0.9 * n, seen = 0;
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
        char what[72];
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

/* Forecasts group `left` with no fit of its GPU. */
static void transfer_one(struct stc_cost *c, const struct stc_fit_group *g, int n,
                         int left, struct tally *t)
{
    bool exact;

    c->n_fits = 0;
    for (int i = 0; i < n; i++)
        if (strcmp(g[i].fit.gpu, g[left].fit.gpu) != 0) c->fits[c->n_fits++] = g[i].fit;
    if (!stc_cost_index(c)) return;
    const struct stc_fit *f =
        stc_cost_pick(c, g[left].rows[0].gpu, (enum stc_family)g[left].fit.family,
                      (enum stc_dtype)g[left].fit.variant, &exact);
    for (int i = 0; i < g[left].n; i++) {
        struct stc_terms terms = {.want_features = false};
        stc_cost_row_terms(&g[left].rows[i], f->v, &terms);
        double e = log(terms.seconds / g[left].rows[i].seconds);
        t->n++;
        t->plain += err_of(e);
        t->full += err_of(e);
        t->n_inside += fabs(e) <= 1.645 * f->sigma_plain;
        t->width += exp(1.645 * f->sigma_plain) - 1;
    }
}

enum stc_err stc_fit_by_gpu(struct stc_arena *a, struct stc_fit_group *g, int n,
                            struct stc_fit_report *rep, struct stc_diag *diag)
{
    struct stc_cost *c = STC_NEW(a, struct stc_cost);
    if (c == NULL) return stc_fail(diag, STC_ERR_NOMEM, "fit by GPU");
    for (int i = 0; i < n; i++) {
        const struct stc_fit *f = &g[i].fit;
        struct tally t = {0};
        char what[72];
        if (f->variant != STC_DTYPE_BF16 || is_training(&g[i])) continue;
        transfer_one(c, g, n, i, &t);
        snprintf(what, sizeof what, "by GPU: %s on %s from the others",
                 stc_family_name((enum stc_family)f->family), f->gpu);
        put(rep, what, &t,
            f->family == STC_FAMILY_GEMM       ? 0.15
            : f->family == STC_FAMILY_MOE_GEMM ? 0
                                               : 0.30);
    }
    return STC_OK;
}

/* ==== by source ==== */

enum stc_err stc_fit_by_source(struct stc_arena *a, const struct stc_cost *c,
                               const char *folder, struct stc_fit_report *rep,
                               struct stc_diag *diag)
{
    struct stc_cost_rows rows;
    enum stc_err err = stc_cost_rows_torch(a, folder, &rows, diag);
    if (err == STC_ERR_IO) return STC_OK; /* a folder without that table */
    for (int regime = 0; regime < STC_REGIME_COUNT && err == STC_OK; regime++)
        for (int large = 0; large < 2; large++) {
            struct tally t = {0};
            char what[72];
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

void stc_fit_print(const struct stc_fit_report *rep, struct stc_text *out)
{
    stc_text_printf(out, "%-52s %6s %9s %9s %6s %9s %7s\n", "left out", "rows",
                    "physics %", "resid. %", "bar %", "in 90% %", "width/e");
    for (int i = 0; i < rep->n; i++) {
        const struct stc_fit_line *l = &rep->v[i];
        stc_text_printf(out, "%-52s %6d %9.2f %9.2f ", l->what, l->n,
                        100 * l->plain_mape, 100 * l->full_mape);
        if (l->bar > 0)
            stc_text_printf(out, "%6.1f ", 100 * l->bar);
        else
            stc_text_printf(out, "%6s ", "-");
        stc_text_printf(out, "%9.1f %7.2f%s\n", 100 * l->coverage, l->width_ratio,
                        l->bar > 0 && l->full_mape > l->bar ? "  over" : "");
    }
    stc_text_printf(out, "fitted in %.1f s\n", rep->seconds);
}
