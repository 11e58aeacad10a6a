/* validate_sum.c - errors per source, per kind of memory, and the score. */
#include "sim/study/validate_sum.h"

#include "calib/load_platform.h"
#include "sim/study/validate.h"

#include <math.h>
#include <string.h>

/* The summary of (source, mem_kind), made when new. mem_kind NULL: all. */
static struct stc_vsum *sum_of(struct stc_vsum *sums, int *n, const char *source,
                               const char *mem_kind)
{
    for (int i = 0; i < *n; i++)
        if (strcmp(sums[i].source, source) == 0 &&
            (!mem_kind || strcmp(sums[i].mem_kind, mem_kind) == 0))
            return &sums[i];
    sums[*n] =
        (struct stc_vsum){.source = source, .mem_kind = mem_kind, .worst_id = ""};
    return &sums[(*n)++];
}

static void add_case(struct stc_vsum *s, const char *id, const struct stc_vcase *c)
{
    s->n++;
    if (isnan(c->predicted)) {
        s->n_missing++;
        s->mape += 1; /* a skipped row counts 100 % */
        s->plain += 1;
        return;
    }
    double e = (c->predicted - c->measured) / c->measured;
    s->mape += fabs(e);
    s->bias += e;
    s->plain += fabs(c->plain - c->measured) / c->measured; /* NaN stays NaN */
    if (fabs(e) > fabs(s->worst)) {
        s->worst = e;
        s->worst_id = id;
    }
}

int stc_validate_held(const struct stc_vcase *k)
{
    double ratio = k->predicted / k->measured;
    if (k->tolerance >= 1) return ratio <= k->tolerance && ratio >= 1 / k->tolerance;
    return fabs(ratio - 1) <= k->tolerance; /* a NaN is not */
}

static double finish(struct stc_vsum *sums, int n)
{
    double score = 0;
    for (int i = 0; i < n; i++) {
        int have = sums[i].n - sums[i].n_missing;
        sums[i].mape /= sums[i].n;
        sums[i].plain /= sums[i].n;
        if (have > 0) sums[i].bias /= have;
        score += sums[i].mape;
    }
    return n > 0 ? score / n : (double)NAN;
}

static void add_row(struct stc_vreport *r, const struct stc_vrow *row, int *inside)
{
    for (int c = 0; c < row->n_cases; c++) {
        const struct stc_vcase *k = &row->cases[c];
        int have = !isnan(k->predicted), judged = k->tolerance > 0;
        r->n_judged += judged;
        r->n_held += judged && stc_validate_held(k);
        if (k->is_mem) {
            add_case(sum_of(r->mem, &r->n_mem, row->source, NULL), row->id, k);
            add_case(sum_of(r->mem_kinds, &r->n_mem_kinds, row->source, row->mem_kind),
                     row->id, k);
            r->n_mem_rows++;
            r->n_mem_forecast += have;
        } else {
            add_case(sum_of(r->time, &r->n_time, row->source, NULL), row->id, k);
            r->n_time_rows++;
            r->n_time_forecast += have;
            *inside += have && k->measured >= k->lo90 && k->measured <= k->hi90;
        }
    }
}

/* A source's twin counts for the very number of rows that it was made with.
 * Returns the mean over sources, NaN when one has none. */
static double twins(struct stc_vsum *sums, int n, const char *quantity,
                    const struct stc_loso_row *rows, int n_rows)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sums[i].left_out = NAN;
        for (int k = 0; k < n_rows; k++)
            if (rows[k].n == sums[i].n && strcmp(rows[k].quantity, quantity) == 0 &&
                strcmp(rows[k].source, sums[i].source) == 0)
                sums[i].left_out = rows[k].left_out_error;
        sum += sums[i].left_out;
    }
    return n > 0 ? sum / n : (double)NAN;
}

static enum stc_err left_out(struct stc_arena *a, struct stc_vreport *r,
                             struct stc_diag *diag)
{
    struct stc_loso_row *rows;
    int n;
    enum stc_err err = stc_loso_load(a, &rows, &n, diag);
    if (err != STC_OK) return err;
    if (r->is_query) n = 0;
    r->time_left_out = twins(r->time, r->n_time, "step_time", rows, n);
    r->mem_left_out = twins(r->mem, r->n_mem, "memory", rows, n);
    (void)twins(r->mem_kinds, r->n_mem_kinds, "memory", rows, n); /* of one kind only */
    return STC_OK;
}

enum stc_err stc_validate_sum(struct stc_arena *a, struct stc_vreport *r,
                              struct stc_diag *diag)
{
    size_t n = (size_t)r->n_rows * STC_VQ_MAX;
    int inside = 0;
    r->time = STC_NEW_N(a, struct stc_vsum, n);
    r->mem = STC_NEW_N(a, struct stc_vsum, n);
    r->mem_kinds = STC_NEW_N(a, struct stc_vsum, n);
    if (!r->time || !r->mem || !r->mem_kinds)
        return stc_fail(diag, STC_ERR_NOMEM, "validate: out of memory");
    for (int i = 0; i < r->n_rows; i++)
        add_row(r, &r->rows[i], &inside);
    r->time_score = finish(r->time, r->n_time);
    r->mem_score = finish(r->mem, r->n_mem);
    finish(r->mem_kinds, r->n_mem_kinds);
    enum stc_err err = left_out(a, r, diag);
    if (err != STC_OK) return err;
    for (int i = 0; i < r->n_time && !r->is_query; i++)
        r->time[i].plain = NAN; /* rows without a forecast counted there too */
    for (int i = 0; i < r->n_mem; i++)
        r->mem[i].plain = NAN;
    for (int i = 0; i < r->n_mem_kinds; i++)
        r->mem_kinds[i].plain = NAN;
    r->inside90 =
        r->n_time_forecast ? (double)inside / r->n_time_forecast : (double)NAN;
    return STC_OK;
}
