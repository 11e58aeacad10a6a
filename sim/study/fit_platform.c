/* fit_platform.c - rounds of scan and search, the left-out twin, the sigmas. */
#include "sim/study/fit_platform.h"

#include <math.h>
#include <string.h>

#include "sim/base/stats.h"
#include "sim/study/fit_int.h"

#ifdef _OPENMP
# include <omp.h>
#endif

/* One spread away from the prior costs as much as one per cent more error of one
 * source. */
static const double default_pull = 0.01;
enum { DEFAULT_ROUNDS = 2, DEFAULT_LEAST_SOURCES = 2 };

/* Errors by source as the rows stand now. */
static void errors(const struct fit *f, double *of_source[FIT_QUANTITIES],
                   double score[FIT_QUANTITIES])
{
    for (int q = 0; q < FIT_QUANTITIES; q++) {
        int n = 0;
        score[q] = 0;
        for (int s = 0; s < f->out->n_sources; s++)
            of_source[q][s] = f->out->sources[s].n[q] ? 0 : (double)NAN;
        for (int i = 0; i < f->n_rows; i++) {
            const struct fit_row *r = &f->rows[i];
            if (r->at[q] < 0) continue;
            double e = r->ok ? fit_error(r, q, r->base[q]) : 1;
            of_source[q][r->source] += f->weight[q][i] * e;
        }
        for (int s = 0; s < f->out->n_sources; s++) {
            if (isnan(of_source[q][s])) continue;
            score[q] += of_source[q][s];
            n++;
        }
        score[q] = n ? score[q] / n : (double)NAN;
    }
}

enum moment { AT_PRIOR, AT_FIT, LEFT_OUT };

static enum stc_err note_errors(struct fit *f, enum moment m, struct stc_diag *diag)
{
    size_t n = (size_t)f->out->n_sources + 1;
    double *e[FIT_QUANTITIES] = {STC_NEW_N(f->a, double, n),
                                 STC_NEW_N(f->a, double, n)};
    double *score = m == AT_PRIOR ? f->out->prior_score
                    : m == AT_FIT ? f->out->score
                                  : f->out->left_out_score;
    if (!e[FIT_TIME] || !e[FIT_MEM])
        return stc_fail(diag, STC_ERR_NOMEM, "fit: out of memory");
    errors(f, e, score);
    for (int s = 0; s < f->out->n_sources; s++)
        for (int q = 0; q < FIT_QUANTITIES; q++) {
            struct stc_stepfit_source *to = &f->out->sources[s];
            double *at = m == AT_PRIOR ? to->prior
                         : m == AT_FIT ? to->fitted
                                       : to->left_out;
            at[q] = e[q][s];
        }
    return STC_OK;
}

/* ==== rounds ==== */

/* The best of the rounds, by real simulation: a round that got worse is dropped. */
static enum stc_err rounds(struct fit *f, int n, struct stc_diag *diag)
{
    size_t bytes = (size_t)f->n_slots * sizeof(double);
    double *best = STC_NEW_N(f->a, double, (size_t)f->n_slots + 1), best_score = 0;
    double *e[FIT_QUANTITIES] = {
        STC_NEW_N(f->a, double, (size_t)f->out->n_sources + 1),
        STC_NEW_N(f->a, double, (size_t)f->out->n_sources + 1)};
    if (!best || !e[0] || !e[1])
        return stc_fail(diag, STC_ERR_NOMEM, "fit: out of memory");
    fit_settle(f, f->x, -1);
    enum stc_err err = note_errors(f, AT_PRIOR, diag);
    for (int i = 0; i < n && err == STC_OK; i++) {
        double score[FIT_QUANTITIES],
            *x = STC_NEW_N(f->a, double, (size_t)f->n_slots + 1);
        if (!x) return stc_fail(diag, STC_ERR_NOMEM, "fit: out of memory");
        fit_scan(f);
        err = fit_search(f, -1, x, diag);
        if (err != STC_OK) break;
        int same = memcmp(x, f->x, bytes) == 0;
        memcpy(f->x, x, bytes);
        fit_settle(f, f->x, -1);
        errors(f, e, score);
        double sum = score[FIT_TIME] + (isnan(score[FIT_MEM]) ? 0 : score[FIT_MEM]);
        if (i == 0 || sum < best_score) {
            best_score = sum;
            memcpy(best, f->x, bytes);
        }
        if (same) break;
    }
    if (err != STC_OK) return err;
    if (memcmp(best, f->x, bytes) != 0) {
        memcpy(f->x, best, bytes);
        fit_settle(f, f->x, -1);
    }
    fit_scan(f); /* around what stands, for the searches that leave a source out */
    return note_errors(f, AT_FIT, diag);
}

/* ==== left out ==== */

static enum stc_err leave_out(struct fit *f, struct stc_diag *diag)
{
    int n = f->out->n_sources;
    size_t stride = (size_t)f->n_slots;
    double *x = STC_NEW_N(f->a, double, (size_t)n *stride + 1);
    enum stc_err err = STC_OK;
    if (!x) return stc_fail(diag, STC_ERR_NOMEM, "fit: out of memory");
#ifdef _OPENMP
# pragma omp parallel for schedule(dynamic, 1) num_threads(f->threads)
#endif
    for (int s = 0; s < n; s++) {
        enum stc_err e = fit_search(f, s, x + (size_t)s * stride, NULL);
        if (e != STC_OK) {
#ifdef _OPENMP
# pragma omp critical(stc_fit_left_out)
#endif
            err = e;
        }
    }
    if (err != STC_OK) return stc_fail(diag, err, "fit: out of memory");
    for (int s = 0; s < n; s++)
        fit_settle(f, x + (size_t)s * stride, s);
    return note_errors(f, LEFT_OUT, diag);
}

/* ==== sigmas ==== */

static double log_residual(const struct fit_row *r)
{
    double m = r->v->cases[r->at[FIT_TIME]].measured;
    return fabs(log((r->rate_s > 0 ? r->rate_s / m : m) / r->base[FIT_TIME]));
}

static int has_residual(const struct fit_row *r)
{
    return r->ok && r->at[FIT_TIME] >= 0 && !isnan(r->base[FIT_TIME]);
}

/* What must stand beside the kernels' own variance for the row to lie just inside. */
static double sigma_needed(const struct fit_row *r)
{
    double s = log_residual(r) / 1.645;
    return sqrt(fmax(0, s * s - r->rel));
}

/* The sigma that 90 % of a class need (STC_LOWERING_COUNT: of all rows), NaN: few. */
static double class_sigma(const struct fit *f, int k, double *scratch)
{
    enum { FEW = 20 };
    size_t n = 0;
    for (int i = 0; i < f->n_rows; i++)
        if (has_residual(&f->rows[i]) &&
            (k == STC_LOWERING_COUNT || f->rows[i].lowering == k))
            scratch[n++] = sigma_needed(&f->rows[i]);
    if (n < FEW) return (double)NAN;
    return round(1000 * fmax(0.02, stc_quantile(scratch, n, 0.9))) / 1000;
}

/* Counts the rows of each class and those inside. Returns how many are inside. */
static int count_inside(struct fit *f, int *all)
{
    int in[STC_LOWERING_COUNT] = {0}, n[STC_LOWERING_COUNT] = {0}, sum = 0;
    for (int i = 0; i < f->n_rows; i++) {
        const struct fit_row *r = &f->rows[i];
        if (!has_residual(r)) continue;
        in[r->lowering] +=
            sigma_needed(r) <= f->out->cost->lowering_sigma_log[r->lowering];
        n[r->lowering]++;
    }
    *all = 0;
    for (int k = 0; k < STC_LOWERING_COUNT; k++) {
        if (!n[k]) continue;
        f->out->class_rows[k] = n[k];
        f->out->class_inside[k] = (double)in[k] / n[k];
        *all += n[k];
        sum += in[k];
    }
    return sum;
}

/* Of every class from the rows of left-out sources; of stacks that are guessed from
 * all rows once more, as if nobody knew their frameworks. */
static enum stc_err sigmas(struct fit *f, struct stc_diag *diag)
{
    double *v = STC_NEW_N(f->a, double, (size_t)f->n_rows + 1),
           *sigma = f->out->cost->lowering_sigma_log;
    int all;
    if (!v) return stc_fail(diag, STC_ERR_NOMEM, "fit: out of memory");
    double any = class_sigma(f, STC_LOWERING_COUNT, v);
    for (int k = 0; k < STC_LOWERING_COUNT; k++) {
        double own = class_sigma(f, k, v);
        sigma[k] = !isnan(own) ? own : !isnan(any) ? any : STC_LOWERING_SIGMA_PRIOR;
    }
    int inside = count_inside(f, &all);
    f->out->inside = all ? (double)inside / all : (double)NAN;
    fit_settle_guessed(f, f->x);
    double guessed = class_sigma(f, STC_LOWERING_GUESSED, v);
    if (!isnan(guessed)) sigma[STC_LOWERING_GUESSED] = guessed;
    (void)count_inside(f, &all);
    return STC_OK;
}

/* ==== door ==== */

static void take_stacks(struct fit *f)
{
    for (int i = 0; i < f->out->n_stacks; i++) {
        int n = 0;
        for (int k = 0; k < f->n_kinds; k++) {
            if (!f->kinds[k].of_stack) continue;
            int slot = f->kinds[k].first_slot + i;
            f->out->stacks[i].prior[n] = f->prior[slot];
            f->out->stacks[i].value[n] = f->x[slot];
            f->out->stacks[i].sought[n] =
                f->out->stacks[i].n_sources[f->kinds[k].quantity] >= f->least_sources;
            for (int j = 0; j < f->n_slot_rows[slot]; j++)
                f->out->stacks[i].touched[n] |=
                    (f->rows[f->slot_rows[slot][j]].moves & 1u << k) != 0;
            n++;
        }
    }
}

enum stc_err stc_stepfit_run(struct stc_arena *a, const char *csv_path,
                             const struct stc_run_params *p,
                             const struct stc_stepfit_opts *o, struct stc_stepfit *out,
                             struct stc_diag *diag)
{
    struct fit f = {.a = a, .params = p, .o = o, .out = out, .threads = o->n_threads};
    int n = o->rounds > 0 ? o->rounds : DEFAULT_ROUNDS;
    memset(out, 0, sizeof *out);
    f.least_sources = o->least_sources > 0 ? o->least_sources : DEFAULT_LEAST_SOURCES;
    f.pull = out->pull = o->pull > 0 ? o->pull : default_pull;
    if (f.threads <= 0) f.threads = 1;
#ifdef _OPENMP
    if (o->n_threads <= 0) f.threads = omp_get_max_threads();
#endif
    f.cost = STC_NEW(a, struct stc_cost);
    out->cost = STC_NEW(a, struct stc_cost);
    if (!f.cost || !out->cost)
        return stc_fail(diag, STC_ERR_NOMEM, "fit: out of memory");
    enum stc_err err = fit_read(&f, csv_path, diag);
    if (err != STC_OK) return err;
    f.total = (long)f.n_rows * (n + 1) * f.n_kinds * 3;
    err = rounds(&f, n, diag);
    if (err != STC_OK) return err;
    take_stacks(&f);
    *out->cost = *p->cost;
    fit_put_cost(&f, f.x, out->cost);
    err = leave_out(&f, diag);
    if (err == STC_OK) err = sigmas(&f, diag);
    out->n_steps = f.n_steps;
    return err;
}
