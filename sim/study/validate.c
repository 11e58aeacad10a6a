/* validate.c - reads a table, forecasts its rows, adds up the errors. */
#include "sim/study/validate.h"

#include "scenarios/catalogues.h"
#include "sim/study/settle.h"
#include "sim/study/validate_kinds.h"
#include "sim/study/validate_sum.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
# include <omp.h>
#endif

enum { COLS_MAX = 128 };

/* A row of the file on its way to a forecast. */
struct input {
    const char **cell; /* by column of the kind: all that a forecast may see */
    const char *mem_kind;
    struct stc_vrow *row;
};

/* ==== reading ==== */

static const struct stc_vkind *find_kind(const struct stc_csv *csv)
{
    for (int k = 0; stc_vkinds[k]; k++) {
        int all = 1;
        for (int i = 0; stc_vkinds[k]->signature[i]; i++)
            all = all && stc_csv_col(csv, stc_vkinds[k]->signature[i]) >= 0;
        if (all) return stc_vkinds[k];
    }
    return NULL;
}

static enum stc_err need_kind(const struct stc_csv *csv, const struct stc_vkind **kind,
                              struct stc_diag *diag)
{
    *kind = find_kind(csv);
    if (*kind) return STC_OK;
    return stc_fail(
        diag, STC_ERR_PARSE,
        "%s:1: no known kind of table; one with the columns gpu, gpus, layers, hidden, "
        "framework and global_batch (training runs), or gpu, dtype, m, n, k and "
        "time_us "
        "(products) would be right",
        csv->name);
}

/* "column=value" or "column~part". */
static enum stc_err row_matches(const struct stc_csv *csv, const struct stc_vopts *o,
                                int *yes, struct stc_diag *diag)
{
    *yes = !o->source ||
           strstr(stc_csv_text(csv, stc_csv_col(csv, "source")), o->source) != NULL;
    for (int i = 0; i < o->n_where && *yes; i++) {
        const char *w = o->where[i], *op = strpbrk(w, "=~");
        char column[64];
        int col;
        if (!op)
            return stc_fail(diag, STC_ERR_PARSE,
                            "--where %s: not a condition; column=value or column~part "
                            "would be right",
                            w);
        snprintf(column, sizeof column, "%.*s", (int)(op - w), w);
        enum stc_err err = stc_csv_need(csv, column, &col, diag);
        if (err != STC_OK) return err;
        const char *cell = stc_csv_text(csv, col);
        *yes = *op == '=' ? strcmp(cell, op + 1) == 0 : strstr(cell, op + 1) != NULL;
    }
    return STC_OK;
}

static enum stc_err read_cases(const struct stc_csv *csv, const struct stc_vkind *kind,
                               struct stc_vrow *row, struct stc_diag *diag)
{
    if (kind->read_line) return kind->read_line(csv, row, diag);
    for (int q = 0; q < kind->n_quantities && row->n_cases < STC_VQ_MAX; q++) {
        const struct stc_vquantity *k = &kind->quantities[q];
        double v = 0;
        bool given = false, hidden = false;
        if (k->unless)
            hidden = stc_csv_text(csv, stc_csv_col(csv, k->unless))[0] != '\0';
        enum stc_err err =
            stc_csv_double(csv, stc_csv_col(csv, k->column), &v, &given, diag);
        if (err != STC_OK) return err;
        if (!given || hidden || v <= 0) continue;
        row->cases[row->n_cases++] = (struct stc_vcase){.quantity = k->quantity,
                                                        .is_mem = k->is_mem,
                                                        .measured = v * k->scale,
                                                        .predicted = (double)NAN,
                                                        .plain = (double)NAN,
                                                        .lo90 = (double)NAN,
                                                        .hi90 = (double)NAN};
    }
    return STC_OK;
}

static const char *keep(struct stc_arena *a, const char *text)
{
    return text[0] ? stc_arena_strdup(a, text) : "";
}

/* Whose row it is: its source, else the cells that the kind groups by. */
static const char *group_of(struct stc_arena *a, const struct stc_csv *csv,
                            const struct stc_vkind *kind)
{
    char text[256] = "";
    size_t n = 0;
    if (!kind->group) {
        const char *source = stc_csv_text(csv, stc_csv_col(csv, "source"));
        return source[0] ? stc_arena_strdup(a, source) : "-";
    }
    for (int i = 0; kind->group[i] && n < sizeof text; i++) {
        const char *cell = stc_csv_text(csv, stc_csv_col(csv, kind->group[i]));
        int k = snprintf(text + n, sizeof text - n, "%s%s", n > 0 ? " " : "", cell);
        n += k > 0 ? (size_t)k : 0;
    }
    return stc_arena_strdup(a, text);
}

static enum stc_err read_row(struct stc_arena *a, const struct stc_csv *csv,
                             const struct stc_vkind *kind, int number, struct input *in,
                             struct stc_vrow *row, struct stc_diag *diag)
{
    const char *id = stc_csv_text(csv, stc_csv_col(csv, "id"));
    memset(row, 0, sizeof *row);
    in->row = row;
    in->cell = STC_NEW_N(a, const char *, (size_t)kind->n_cols);
    if (!in->cell) return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", csv->name);
    row->line = csv->line;
    row->note = "";
    row->id = id[0] ? stc_arena_strdup(a, id) : stc_arena_printf(a, "%d", number);
    row->source = group_of(a, csv, kind);
    row->mem_kind = keep(a, stc_csv_text(csv, stc_csv_col(csv, "mem_kind")));
    if (!row->id || !row->source || !row->mem_kind)
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", csv->name);
    if (!row->mem_kind[0]) row->mem_kind = "unstated";
    for (int i = 0; i < kind->n_cols; i++) {
        in->cell[i] =
            keep(a, stc_csv_text(csv, stc_csv_col(csv, kind->cols[i].column)));
        if (!in->cell[i])
            return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", csv->name);
    }
    return read_cases(csv, kind, row, diag);
}

struct table {
    const struct stc_vkind *kind;
    struct input *inputs;
    struct stc_vrow *rows;
    int n, cap;
};

static enum stc_err grow(struct stc_arena *a, struct table *t)
{
    if (t->n < t->cap) return STC_OK;
    int cap = t->cap ? 2 * t->cap : 256;
    struct input *in = STC_NEW_N(a, struct input, (size_t)cap);
    struct stc_vrow *rows = STC_NEW_N(a, struct stc_vrow, (size_t)cap);
    if (!in || !rows) return STC_ERR_NOMEM;
    if (t->n) {
        memcpy(in, t->inputs, (size_t)t->n * sizeof *in);
        memcpy(rows, t->rows, (size_t)t->n * sizeof *rows);
        for (int i = 0; i < t->n; i++)
            in[i].row = &rows[i];
    }
    t->inputs = in;
    t->rows = rows;
    t->cap = cap;
    return STC_OK;
}

static enum stc_err read_table(struct stc_arena *a, struct stc_csv *csv,
                               const struct stc_vopts *o, struct table *t,
                               struct stc_diag *diag)
{
    enum stc_err err = need_kind(csv, &t->kind, diag);
    if (err != STC_OK) return err;
    if (t->kind->n_cols > COLS_MAX)
        return stc_fail(diag, STC_ERR_BUG, "a kind of table has too many columns");
    for (int number = 1;; number++) {
        bool got = false;
        int yes = 1;
        err = stc_csv_next(csv, &got, diag);
        if (err != STC_OK || !got) return err;
        err = row_matches(csv, o, &yes, diag);
        if (err != STC_OK) return err;
        if (!yes) continue;
        if (grow(a, t) != STC_OK)
            return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", csv->name);
        err = read_row(a, csv, t->kind, number, &t->inputs[t->n], &t->rows[t->n], diag);
        if (err != STC_OK) return err;
        t->n++;
    }
}

/* ==== forecasting ==== */

static void keep_parts(struct stc_vrow *row, const struct stc_result *r)
{
    const struct stc_stage_result *st = &r->stages[r->slowest_stage];
    row->simulated = 1;
    row->step_s = r->step_s;
    row->mfu = r->mfu;
    row->slowest_stage = r->slowest_stage;
    for (int p = 0; p < STC_PART_COUNT; p++)
        row->part_s[p] = stc_tick_to_s(st->part_ticks[p]);
    row->mem = r->stages[r->peak_stage].mem;
}

static enum stc_err answer(const struct stc_vkind *kind, const struct stc_run_params *p,
                           const struct stc_catalogues *own, struct input *in,
                           struct stc_diag *diag)
{
    const struct stc_hw *hw;
    struct stc_query q;
    struct stc_query_answer ans;
    enum stc_err err = stc_vrow_query(kind, in->cell, &q, diag);
    if (err == STC_OK) err = stc_scenario_hw(own, &hw, diag);
    if (err == STC_OK) err = stc_query_resolve(&q, hw, diag);
    if (err != STC_OK) return err;
    stc_query_time(&q, p, &ans);
    for (int c = 0; c < in->row->n_cases; c++) {
        struct stc_vcase *k = &in->row->cases[c];
        const struct stc_vquantity *v = kind->quantities;
        while (strcmp(v->quantity, k->quantity) != 0)
            v++;
        double lo = v->qget(&q, ans.lo90_s), hi = v->qget(&q, ans.hi90_s);
        k->predicted = v->qget(&q, ans.seconds);
        k->plain = v->qget(&q, ans.plain_s);
        k->lo90 = fmin(lo, hi); /* a rate's ends change places */
        k->hi90 = fmax(lo, hi);
    }
    return STC_OK;
}

void stc_validate_put(const struct stc_vkind *kind, const struct stc_result *r,
                      int mem_kind, struct stc_vrow *row)
{
    for (int c = 0; c < row->n_cases; c++)
        for (int q = 0; q < kind->n_quantities; q++)
            if (strcmp(kind->quantities[q].quantity, row->cases[c].quantity) == 0)
                kind->quantities[q].get(r, mem_kind, &row->cases[c].predicted,
                                        &row->cases[c].lo90, &row->cases[c].hi90);
}

static void forecast(const struct stc_vkind *kind, const struct stc_run_params *p,
                     const struct stc_catalogues *own, struct input *in,
                     struct stc_arena *a, char *note, size_t note_size)
{
    if (kind->is_query) {
        struct stc_diag why = {""};
        enum stc_err e = answer(kind, p, own, in, &why);
        if (e != STC_OK)
            snprintf(note, note_size, "%s", why.text[0] ? why.text : stc_err_text(e));
        return;
    }
    struct stc_scenario s;
    struct stc_result r;
    struct stc_diag diag = {""};
    if (in->row->why_not) return;
    memset(&r, 0, sizeof r);
    enum stc_err err = stc_vrow_scenario(kind, own, in->cell, &s, &diag);
    if (err == STC_OK) err = stc_settle_run(&s, p, a, &r, &diag);
    if (err != STC_OK) {
        snprintf(note, note_size, "%s", diag.text[0] ? diag.text : stc_err_text(err));
        return;
    }
    struct stc_vctx c = {.kind = kind, .cell = in->cell};
    const char *framework = stc_vctx_cell(&c, "framework");
    if (!s.said.stack_use[0] &&
        strncmp(s.said.framework, framework, strlen(framework)) != 0)
        snprintf(note, note_size,
                 "framework \"%s\" is not in models/stacks: forecast as %s", framework,
                 s.stack.name);
    stc_validate_put(kind, &r, s.mem_kind, in->row);
    if (r.n_stages > 0) keep_parts(in->row, &r);
}

struct progress {
    const struct stc_vopts *o;
    long done, total;
};

static void one_more(struct progress *g)
{
#ifdef _OPENMP
# pragma omp critical(stc_validate_progress)
#endif
    {
        g->done++;
        if (g->o->progress) g->o->progress(g->o->ctx, g->done, g->total);
    }
}

/* Rows in parallel; each thread has an arena of its own, notes go to a shared
 * block that is laid out beforehand, so that nothing depends on the order. */
static enum stc_err forecast_all(struct stc_arena *a, const struct table *t,
                                 const struct stc_run_params *p,
                                 const struct stc_vopts *o, struct stc_diag *diag)
{
    enum { NOTE_BYTES = 400 };
    char *notes = STC_NEW_N(a, char, (size_t)t->n *NOTE_BYTES);
    struct progress g = {.o = o, .total = t->n};
    if (!notes) return stc_fail(diag, STC_ERR_NOMEM, "validate: out of memory");
    int threads = o->n_threads;
#ifdef _OPENMP
    if (threads <= 0) threads = omp_get_max_threads();
# pragma omp parallel num_threads(threads)
#endif
    {
        struct stc_arena mine = STC_ARENA_INIT;
        (void)threads;
#ifdef _OPENMP
# pragma omp for schedule(dynamic, 4)
#endif
        for (int i = 0; i < t->n; i++) {
            char *note = notes + (size_t)i * NOTE_BYTES;
            stc_arena_reset(&mine);
            forecast(t->kind, p, o->catalogues, &t->inputs[i], &mine, note, NOTE_BYTES);
            t->inputs[i].row->note = note;
            one_more(&g);
        }
        stc_arena_free(&mine);
    }
    return STC_OK;
}

/* ==== doors ==== */

static enum stc_err validate_csv(struct stc_arena *a, struct stc_csv *csv,
                                 const struct stc_run_params *p,
                                 const struct stc_vopts *o, struct stc_vreport *out,
                                 struct stc_diag *diag)
{
    struct table t = {0};
    enum stc_err err = read_table(a, csv, o, &t, diag);
    if (err == STC_OK) err = forecast_all(a, &t, p, o, diag);
    if (err != STC_OK) return err;
    *out = (struct stc_vreport){.kind = t.kind->name,
                                .title = t.kind->title,
                                .is_query = t.kind->is_query,
                                .n_rows = t.n,
                                .rows = t.rows};
    return stc_validate_sum(a, out, diag);
}

enum stc_err stc_validate_file(struct stc_arena *a, const char *path,
                               const struct stc_run_params *p,
                               const struct stc_vopts *o, struct stc_vreport *out,
                               struct stc_diag *diag)
{
    struct stc_csv csv;
    enum stc_err err = stc_csv_open(&csv, path, diag);
    if (err != STC_OK) return err;
    err = validate_csv(a, &csv, p, o, out, diag);
    stc_csv_close(&csv);
    return err;
}

enum stc_err stc_validate_mem(struct stc_arena *a, const char *name, const char *text,
                              size_t len, const struct stc_run_params *p,
                              const struct stc_vopts *o, struct stc_vreport *out,
                              struct stc_diag *diag)
{
    struct stc_csv csv;
    enum stc_err err = stc_csv_open_mem(&csv, name, text, len, diag);
    if (err != STC_OK) return err;
    err = validate_csv(a, &csv, p, o, out, diag);
    stc_csv_close(&csv);
    return err;
}

/* ==== runs ==== */

static enum stc_err make_runs(struct stc_arena *a, struct stc_csv *csv,
                              struct stc_vruns *out, struct stc_diag *diag)
{
    struct table t = {0};
    const struct stc_vopts all = {0};
    enum stc_err err = read_table(a, csv, &all, &t, diag);
    if (err != STC_OK) return err;
    if (t.kind->is_query)
        return stc_fail(diag, STC_ERR_UNKNOWN, "%s: its rows are no training runs",
                        csv->name);
    *out = (struct stc_vruns){.kind = t.kind, .n = t.n, .rows = t.rows};
    out->said = STC_NEW_N(a, struct stc_scenario, (size_t)t.n + 1);
    out->why = STC_NEW_N(a, const char *, (size_t)t.n + 1);
    if (!out->said || !out->why)
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", csv->name);
    for (int i = 0; i < t.n; i++) {
        struct stc_diag why = {""};
        err = stc_vrow_scenario(t.kind, NULL, t.inputs[i].cell, &out->said[i], &why);
        if (err == STC_OK) continue;
        out->why[i] = stc_arena_strdup(a, why.text[0] ? why.text : stc_err_text(err));
        if (!out->why[i]) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    }
    return STC_OK;
}

enum stc_err stc_validate_runs(struct stc_arena *a, const char *path,
                               struct stc_vruns *out, struct stc_diag *diag)
{
    struct stc_csv csv;
    enum stc_err err = stc_csv_open(&csv, path, diag);
    if (err != STC_OK) return err;
    err = make_runs(a, &csv, out, diag);
    stc_csv_close(&csv);
    return err;
}

/* ==== emit ==== */

static enum stc_err put_published(const struct stc_vkind *kind,
                                  const struct stc_vrow *row, struct stc_scenario *s,
                                  struct stc_diag *diag)
{
    for (int c = 0; c < row->n_cases; c++)
        for (int q = 0; q < kind->n_quantities; q++) {
            char number[40], text[64];
            const struct stc_vquantity *k = &kind->quantities[q];
            if (!k->published || strcmp(k->quantity, row->cases[c].quantity) != 0)
                continue;
            snprintf(text, sizeof text, "%s%s",
                     stc_text_double(row->cases[c].measured, number, sizeof number),
                     k->unit);
            enum stc_err err = stc_scenario_set(s, k->published, text, diag);
            if (err != STC_OK) return err;
        }
    return stc_scenario_set(s, "published.source", row->source, diag);
}

static enum stc_err find_row(struct stc_arena *a, struct stc_csv *csv, const char *id,
                             struct table *t, int *at, struct stc_diag *diag)
{
    struct stc_vopts all = {0};
    enum stc_err err = read_table(a, csv, &all, t, diag);
    *at = -1;
    for (int i = 0; err == STC_OK && i < t->n; i++)
        if (strcmp(t->rows[i].id, id) == 0) *at = i;
    if (err == STC_OK && *at < 0)
        err = stc_fail(diag, STC_ERR_UNKNOWN, "%s: no row %s", csv->name, id);
    return err;
}

/* What the row leaves open is written as it was settled for the forecast. */
static void say_settled(struct stc_scenario *s, const struct stc_run_params *p)
{
    struct stc_scenario t = *s;
    if (stc_settle(&t, p, NULL) != STC_OK) return; /* simulating it will say why */
    s->said = t.said;
}

static enum stc_err emit_csv(const struct stc_run_params *p,
                             const struct stc_catalogues *own, struct stc_csv *csv,
                             const char *id, struct stc_scenario *out,
                             struct stc_query *query, int *is_query,
                             struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct table t = {0};
    struct stc_scenario s;
    int at;
    enum stc_err err = find_row(&a, csv, id, &t, &at, diag);
    *is_query = err == STC_OK && t.kind->is_query;
    if (*is_query) {
        err = stc_vrow_query(t.kind, t.inputs[at].cell, query, diag);
    } else {
        if (err == STC_OK)
            err = stc_vrow_scenario(t.kind, own, t.inputs[at].cell, &s, diag);
        if (err == STC_OK) err = put_published(t.kind, &t.rows[at], &s, diag);
        if (err == STC_OK) say_settled(&s, p);
        if (err == STC_OK) *out = s;
    }
    stc_arena_free(&a);
    return err;
}

enum stc_err stc_validate_emit_text(const struct stc_run_params *p,
                                    const struct stc_catalogues *own, const char *path,
                                    const char *id, struct stc_text *out,
                                    struct stc_diag *diag)
{
    struct stc_csv csv;
    struct stc_scenario s;
    struct stc_query q;
    int is_query = 0;
    enum stc_err err = stc_csv_open(&csv, path, diag);
    if (err != STC_OK) return err;
    err = emit_csv(p, own, &csv, id, &s, &q, &is_query, diag);
    stc_csv_close(&csv);
    if (err != STC_OK) return err;
    if (!is_query) return stc_scenario_write(&s, out);
    stc_query_write(&q, out);
    stc_text_put(out, "\n");
    return STC_OK;
}

enum stc_err stc_validate_write_rows(const struct stc_vreport *r, FILE *f)
{
    static const char *const header[] = {"id",   "quantity", "measured", "predicted",
                                         "lo90", "hi90",     "note"};
    struct stc_csv_writer w = {.file = f};
    for (size_t i = 0; i < sizeof header / sizeof header[0]; i++)
        stc_csv_put_text(&w, header[i]);
    stc_csv_end_row(&w);
    for (int i = 0; i < r->n_rows; i++)
        for (int c = 0; c < r->rows[i].n_cases; c++) {
            const struct stc_vcase *k = &r->rows[i].cases[c];
            const double v[] = {k->measured, k->predicted, k->lo90, k->hi90};
            stc_csv_put_text(&w, r->rows[i].id);
            stc_csv_put_text(&w, k->quantity);
            for (size_t n = 0; n < sizeof v / sizeof v[0]; n++)
                if (isnan(v[n]))
                    stc_csv_put_text(&w, "");
                else
                    stc_csv_put_double(&w, v[n]);
            stc_csv_put_text(&w, r->rows[i].note);
            stc_csv_end_row(&w);
        }
    return ferror(f) ? STC_ERR_IO : STC_OK;
}
