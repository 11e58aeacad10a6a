/*
 * tune_judge.c - would the forecast have chosen well among measured layouts?
 *
 * Runs that share source, model, shape, GPUs, global batch, sequence, precision and
 * framework make a group when there are at least three that differ in layout. The
 * forecast's first is charged with its measured time over the best measured one.
 */
#include "sim/study/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/study/validate.h"

static const char *const same[] = {
    "source",  "model",      "layers",  "hidden",        "ffn",           "vocab",
    "experts", "seq_len",    "gpu",     "gpus",          "precision",     "framework",
    "year",    "flash_attn", "compile", "gpus_per_node", "nvlink_domain", "nic_gbps"};
static const char *const layout[] = {"tp",
                                     "pp",
                                     "vp",
                                     "cp",
                                     "ep",
                                     "dp",
                                     "schedule",
                                     "shard",
                                     "shard_group",
                                     "seq_parallel",
                                     "micro_batch",
                                     "recompute",
                                     "end_stage_layers",
                                     "comm_overlap",
                                     "async_tp"};
enum {
    N_SAME = sizeof same / sizeof same[0],
    N_LAYOUT = sizeof layout / sizeof layout[0]
};

struct run {
    const char *id, *source, *key, *layout, *what;
    int line;
    double measured, forecast; /* times, or 1 / rates */
};

struct runs {
    struct run *v;
    int n, cap;
};

static const char *join(struct stc_arena *a, struct stc_csv *c, const char *const *cols,
                        int n)
{
    struct stc_text t;
    stc_text_init(&t, 0);
    for (int i = 0; i < n; i++)
        stc_text_printf(&t, "%s|", stc_csv_text(c, stc_csv_col(c, cols[i])));
    char *out = stc_arena_strdup(a, stc_text_str(&t));
    stc_text_free(&t);
    return out;
}

static double number(struct stc_csv *c, const char *col, double other)
{
    double v;
    return stc_text_to_double(stc_csv_text(c, stc_csv_col(c, col)), &v) ? v : other;
}

/* Samples a step, said or from its factors; 0: not to be known. */
static double batch_of(struct stc_csv *c)
{
    double said = number(c, "global_batch", 0), tp = number(c, "tp", 1),
           pp = number(c, "pp", 1), cp = number(c, "cp", 1);
    if (said > 0) return said;
    double dp = number(c, "dp", number(c, "gpus", 0) / (tp * pp * cp));
    return dp * number(c, "micro_batch", 1) * number(c, "grad_accum", 1);
}

static enum stc_err read_runs(struct stc_arena *a, struct stc_csv *c, struct runs *out,
                              struct stc_diag *diag)
{
    for (;;) {
        bool got = false;
        enum stc_err err = stc_csv_next(c, &got, diag);
        if (err != STC_OK || !got) return err;
        if (out->n == out->cap) {
            int cap = out->cap ? 2 * out->cap : 256;
            struct run *v = STC_NEW_N(a, struct run, (size_t)cap);
            if (!v) return stc_fail(diag, STC_ERR_NOMEM, "judge: out of memory");
            if (out->n) memcpy(v, out->v, (size_t)out->n * sizeof *v);
            out->v = v;
            out->cap = cap;
        }
        struct run *r = &out->v[out->n++];
        *r = (struct run){.line = c->line, .measured = NAN, .forecast = NAN};
        r->id = stc_arena_strdup(a, stc_csv_text(c, stc_csv_col(c, "id")));
        r->source = stc_arena_strdup(a, stc_csv_text(c, stc_csv_col(c, "source")));
        r->key = stc_arena_printf(a, "%s%.10g", join(a, c, same, N_SAME), batch_of(c));
        r->layout = join(a, c, layout, N_LAYOUT);
        r->what = stc_arena_printf(a, "%s, %s x %s, batch %.10g, %s",
                                   stc_csv_text(c, stc_csv_col(c, "model")),
                                   stc_csv_text(c, stc_csv_col(c, "gpus")),
                                   stc_csv_text(c, stc_csv_col(c, "gpu")), batch_of(c),
                                   stc_csv_text(c, stc_csv_col(c, "precision")));
        if (!r->id || !r->source || !r->key || !r->layout || !r->what)
            return stc_fail(diag, STC_ERR_NOMEM, "judge: out of memory");
    }
}

/* Times of validate's rows, in the same order. */
static void take_times(struct runs *runs, const struct stc_vreport *rep)
{
    for (int i = 0, k = 0; i < rep->n_rows; i++) {
        while (k < runs->n && runs->v[k].line != rep->rows[i].line)
            k++;
        if (k == runs->n) return;
        for (int c = 0; c < rep->rows[i].n_cases; c++) {
            const struct stc_vcase *x = &rep->rows[i].cases[c];
            int rate = strcmp(x->quantity, "tokens_per_s_per_gpu") == 0;
            if (x->is_mem) continue;
            runs->v[k].measured = rate ? 1 / x->measured : x->measured;
            runs->v[k].forecast = rate ? 1 / x->predicted : x->predicted;
        }
    }
}

static int by_key(const void *x, const void *y)
{
    const struct run *a = x, *b = y;
    int c = strcmp(a->key, b->key);
    return c ? c : (a->line > b->line) - (a->line < b->line);
}

static int n_layouts(const struct run *v, int n)
{
    int k = 0;
    for (int i = 0; i < n; i++) {
        int j = 0;
        while (j < i && strcmp(v[i].layout, v[j].layout) != 0)
            j++;
        k += j == i;
    }
    return k;
}

static void judge_group(const struct run *v, int n, struct stc_judge_group *g)
{
    int first = 0, best = 0, right = 0;
    *g = (struct stc_judge_group){.source = v[0].source, .what = v[0].what, .n = n};
    for (int i = 0; i < n; i++) {
        if (v[i].forecast < v[first].forecast) first = i;
        if (v[i].measured < v[best].measured) best = i;
        for (int j = 0; j < i; j++) {
            double d = v[i].measured / v[j].measured, f = v[i].forecast - v[j].forecast;
            if (d < 1.04 && d > 1 / 1.04) continue;
            g->n_pairs++;
            right += (d > 1 && f > 0) || (d < 1 && f < 0) ? 1 : f < 0 || f > 0 ? -1 : 0;
        }
    }
    g->chosen = v[first].id;
    g->best = v[best].id;
    g->loss = v[first].measured / v[best].measured - 1;
    g->tau = g->n_pairs > 0 ? (double)right / g->n_pairs : (double)NAN;
}

static int by_source(const void *x, const void *y)
{
    const struct stc_judge_group *a = x, *b = y;
    int c = strcmp(a->source, b->source);
    return c ? c : strcmp(a->what, b->what);
}

static void summarise(struct stc_judge *j)
{
    int n_tau = 0, n_tau_sources = 0;
    qsort(j->group, (size_t)j->n, sizeof *j->group, by_source);
    for (int i = 0; i < j->n;) {
        double loss = 0, tau = 0;
        int k = i, n = 0;
        for (; k < j->n && strcmp(j->group[k].source, j->group[i].source) == 0; k++) {
            loss += j->group[k].loss;
            if (isnan(j->group[k].tau)) continue;
            tau += j->group[k].tau;
            n++;
        }
        j->n_sources++;
        j->loss += loss / (k - i);
        j->mean_loss += loss;
        j->mean_tau += tau;
        n_tau += n;
        if (n > 0) {
            j->tau += tau / n;
            n_tau_sources++;
        }
        i = k;
    }
    j->loss /= j->n_sources > 0 ? j->n_sources : 1;
    j->tau /= n_tau_sources > 0 ? n_tau_sources : 1;
    j->mean_loss /= j->n > 0 ? j->n : 1;
    j->mean_tau /= n_tau > 0 ? n_tau : 1;
}

enum stc_err stc_tune_judge(struct stc_arena *a, const struct stc_catalogues *own,
                            const char *csv_path, const struct stc_run_params *p,
                            int n_threads, struct stc_judge *out, struct stc_diag *diag)
{
    struct stc_csv csv;
    struct stc_vreport rep;
    struct stc_vopts o = {.n_threads = n_threads, .catalogues = own};
    struct runs runs = {0};
    memset(out, 0, sizeof *out);
    enum stc_err err = stc_validate_file(a, csv_path, p, &o, &rep, diag);
    if (err == STC_OK) err = stc_csv_open(&csv, csv_path, diag);
    if (err != STC_OK) return err;
    err = read_runs(a, &csv, &runs, diag);
    stc_csv_close(&csv);
    if (err != STC_OK) return err;
    take_times(&runs, &rep);
    int n = 0;
    for (int i = 0; i < runs.n; i++) /* what was neither measured nor forecast is out */
        if (runs.v[i].measured > 0 && runs.v[i].forecast > 0) runs.v[n++] = runs.v[i];
    qsort(runs.v, (size_t)n, sizeof *runs.v, by_key);
    out->group = STC_NEW_N(a, struct stc_judge_group, (size_t)n + 1);
    if (!out->group) return stc_fail(diag, STC_ERR_NOMEM, "judge: out of memory");
    for (int i = 0, k; i < n; i = k) {
        for (k = i; k < n && strcmp(runs.v[k].key, runs.v[i].key) == 0;)
            k++;
        if (n_layouts(&runs.v[i], k - i) >= 3)
            judge_group(&runs.v[i], k - i, &out->group[out->n++]);
    }
    summarise(out);
    return STC_OK;
}
