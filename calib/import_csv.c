/*
 * import_csv.c - tables: our own CSVs and truth/micro's.
 *
 * A header names the form (calib/forms.def). Of its columns some are the
 * question (the form's keys), some are common to all forms (the table below),
 * and the rest is kept as `extra`. time_us is the value where there is one, else
 * the median, else `value` in what the notes say ("GB/s; ...").
 */
#include "calib/import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/source.h"

enum role {
    R_EXTRA,
    R_KEY,
    R_GPU,
    R_TIME_US,
    R_MEDIAN_US,
    R_VALUE,
    R_STEP_S,
    R_MIN_US,
    R_P95_US,
    R_REPEATS,
    R_SOURCE,
    R_REF,
    R_NOTES,
    R_MACHINE,
    R_DRIVER,
    R_CLOCKS,
    R_DATE,
    R_IGNORE,
    R_COUNT
};

static const struct {
    const char *name;
    enum role role;
} common[] = {
    {"gpu", R_GPU},
    {"time_us", R_TIME_US},
    {"median_us", R_MEDIAN_US},
    {"min_us", R_MIN_US},
    {"p95_us", R_P95_US},
    {"n_repeats", R_REPEATS},
    {"repeats", R_REPEATS},
    {"source", R_SOURCE},
    {"ref", R_REF},
    {"notes", R_NOTES},
    {"machine", R_MACHINE},
    {"driver", R_DRIVER},
    {"clocks", R_CLOCKS},
    {"date", R_DATE},
    {"value", R_VALUE},
    {"step_time_s", R_STEP_S},
    {"gemm_with_us", R_TIME_US},
    {"call_us", R_TIME_US},
    {"key", R_IGNORE},
};

struct table {
    struct stc_csv csv;
    enum stc_form form;
    enum role role[STC_CSV_MAX_COLS];
    int col[R_COUNT]; /* of each role; -1: none */
    struct stc_form_key keys[STC_FORM_MAX_KEYS];
    int key_col[STC_FORM_MAX_KEYS], n_keys;
    struct stc_text shape, extra;
};

static void assign_roles(struct table *t)
{
    bool all_keys = (t->n_keys = stc_form_keys(t->form, t->keys)) == 0;
    for (int r = 0; r < R_COUNT; r++)
        t->col[r] = -1;
    for (int k = 0; k < t->n_keys; k++)
        t->key_col[k] = -1;
    for (int i = 0; i < t->csv.n_cols; i++) {
        const char *name = t->csv.header[i];
        t->role[i] = all_keys ? R_KEY : R_EXTRA;
        for (size_t k = 0; k < sizeof common / sizeof common[0]; k++)
            if (strcmp(common[k].name, name) == 0) t->role[i] = common[k].role;
        for (int k = 0; k < t->n_keys; k++) {
            if (strcmp(t->keys[k].name, name) != 0) continue;
            t->role[i] = R_KEY;
            t->key_col[k] = i;
        }
        if (t->col[t->role[i]] < 0) t->col[t->role[i]] = i;
    }
}

static enum stc_err key_cell(struct table *t, int k, struct stc_diag *diag)
{
    int col = t->key_col[k];
    const char *cell = stc_csv_text(&t->csv, col);
    double v = 0.0, least = t->keys[k].kind == STC_KEY_COUNT_1 ? 1.0 : 0.0;
    if (cell[0] == '\0') return STC_OK;
    if (t->keys[k].kind != STC_KEY_TEXT) {
        if (!stc_text_to_double(cell, &v))
            return stc_csv_fail(&t->csv, col, diag, STC_ERR_PARSE,
                                "\"%.40s\" is no number", cell);
        if (v < least || v > 1e18)
            return stc_csv_fail(&t->csv, col, diag, STC_ERR_RANGE,
                                "%.40s is not in [%g, 1e18]", cell, least);
    }
    stc_shape_put(&t->shape, t->keys[k].name, cell);
    return STC_OK;
}

static enum stc_err cells(struct table *t, struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    stc_text_clear(&t->shape);
    stc_text_clear(&t->extra);
    for (int k = 0; err == STC_OK && k < t->n_keys; k++)
        if (t->key_col[k] >= 0) err = key_cell(t, k, diag);
    for (int i = 0; err == STC_OK && i < t->csv.n_cols; i++) {
        const char *cell = stc_csv_text(&t->csv, i);
        if (t->role[i] == R_KEY && t->n_keys == 0)
            stc_shape_put(&t->shape, t->csv.header[i], cell);
        /* `value` says something besides the time when both are there. */
        if (t->role[i] == R_EXTRA ||
            (t->role[i] == R_VALUE &&
             stc_csv_text(&t->csv, t->col[R_TIME_US])[0] != '\0'))
            stc_shape_put(&t->extra, t->csv.header[i], cell);
    }
    if (err == STC_OK &&
        (stc_text_err(&t->shape) != STC_OK || stc_text_err(&t->extra) != STC_OK))
        err = stc_csv_fail(&t->csv, -1, diag, STC_ERR_NOMEM, "out of memory");
    return err;
}

/* The measured value; *there is false for a row without one. */
static enum stc_err value_of(struct table *t, struct stc_meas *m, bool *there,
                             struct stc_diag *diag)
{
    static const struct {
        enum role role;
        double scale;
    } from[] = {
        {R_TIME_US, 1e-6}, {R_MEDIAN_US, 1e-6}, {R_STEP_S, 1.0}, {R_VALUE, 1.0}};
    const struct stc_csv *c = &t->csv;
    *there = false;
    m->unit = "s";
    for (size_t i = 0; i < sizeof from / sizeof from[0] && !*there; i++) {
        int col = t->col[from[i].role];
        if (col < 0) continue;
        enum stc_err err = stc_csv_double(c, col, &m->value, there, diag);
        if (err != STC_OK) return err;
        if (!*there) continue;
        if (!(m->value > 0.0) || !(m->value < 1e15))
            return stc_csv_fail(c, col, diag, STC_ERR_RANGE, "%g is no measured value",
                                m->value);
        m->value *= from[i].scale;
        if (from[i].role == R_VALUE) {
            bool rate = strncmp(m->notes, "GB/s", 4) == 0;
            m->unit = rate ? "B/s" : "as noted";
            if (rate) m->value *= 1e9;
        }
    }
    return STC_OK;
}

static enum stc_err optional_us(const struct table *t, enum role r, double *out,
                                struct stc_diag *diag)
{
    bool there = false;
    double v = 0.0;
    *out = (double)NAN;
    if (t->col[r] < 0) return STC_OK;
    enum stc_err err = stc_csv_double(&t->csv, t->col[r], &v, &there, diag);
    if (err == STC_OK && there) *out = v * 1e-6;
    return err;
}

static enum stc_err one_row(struct table *t, const struct stc_import_opts *o,
                            const struct stc_sink *sink, struct stc_import_report *r,
                            struct stc_diag *diag)
{
    const struct stc_csv *c = &t->csv;
    struct stc_meas m = {.form = t->form, .line = c->line};
    char gpu[64];
    bool there = false;
    m.notes = stc_csv_text(c, t->col[R_NOTES]);
    m.source = stc_csv_text(c, t->col[R_SOURCE]);
    m.ref = stc_csv_text(c, t->col[R_REF]);
    m.date = stc_csv_text(c, t->col[R_DATE]);
    m.driver = stc_csv_text(c, t->col[R_DRIVER]);
    m.machine = o->machine != NULL ? o->machine : stc_csv_text(c, t->col[R_MACHINE]);
    m.clocks = stc_csv_text(c, t->col[R_CLOCKS]);
    m.gpu = stc_csv_text(c, t->col[R_GPU]);
    if (m.gpu[0] == '\0') m.gpu = o->gpu != NULL ? o->gpu : "";
    if (m.gpu[0] == '\0')
        return stc_csv_fail(c, t->col[R_GPU], diag, STC_ERR_PARSE, "no GPU is named");
    m.gpu = stc_import_gpu(o->hw, m.gpu, 0.0, gpu, sizeof gpu);
    enum stc_err err = value_of(t, &m, &there, diag);
    if (err == STC_OK && !there) {
        r->n_skipped++;
        return STC_OK;
    }
    if (err == STC_OK) err = cells(t, diag);
    if (err == STC_OK) err = optional_us(t, R_MIN_US, &m.min, diag);
    if (err == STC_OK) err = optional_us(t, R_P95_US, &m.p95, diag);
    bool given = false;
    if (err == STC_OK && t->col[R_REPEATS] >= 0)
        err = stc_csv_i64(c, t->col[R_REPEATS], &m.repeats, &given, diag);
    if (err != STC_OK) return err;
    m.shape = stc_text_str(&t->shape);
    m.extra = stc_text_str(&t->extra);
    r->n_rows++;
    return sink->meas(sink->ctx, &m, diag);
}

static enum stc_err rows(struct table *t, const struct stc_import_opts *o,
                         const struct stc_sink *sink, struct stc_import_report *r,
                         struct stc_diag *diag)
{
    bool got = true;
    if (!stc_form_of_header(t->csv.header, t->csv.n_cols, &t->form))
        return stc_csv_fail(&t->csv, -1, diag, STC_ERR_PARSE,
                            "no table of measurements has these columns; known are "
                            "those of kernels/README.md");
    assign_roles(t);
    enum stc_err err = STC_OK;
    while ((err = stc_csv_next(&t->csv, &got, diag)) == STC_OK && got)
        if ((err = one_row(t, o, sink, r, diag)) != STC_OK) break;
    return err;
}

/* CSV wants all of the text or a FILE; a source is either a file or memory. */
enum stc_err stc_import_csv(struct stc_source *src, const char *name,
                            const struct stc_import_opts *o,
                            const struct stc_sink *sink, struct stc_import_report *r,
                            struct stc_diag *diag)
{
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL) return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", name);
    stc_text_init(&t->shape, 1u << 20);
    stc_text_init(&t->extra, 1u << 20);
    enum stc_err err =
        src->gz != NULL ? stc_csv_open(&t->csv, name, diag)
                        : stc_csv_open_mem(&t->csv, name, src->mem, src->mem_len, diag);
    if (err == STC_OK) {
        err = rows(t, o, sink, r, diag);
        stc_csv_close(&t->csv);
    }
    stc_text_free(&t->shape);
    stc_text_free(&t->extra);
    free(t);
    return err;
}
