/* store_read.c - walking, counting, forgetting; fits and what they used. */
#include "calib/store.h"
#include "calib/store_priv.h"

#include <stdio.h>
#include <string.h>

#define LIVE " NOT EXISTS (SELECT 1 FROM retracted r WHERE r.measurement_id = m.id)"

static void fill(struct stc_db_stmt *st, struct stc_meas_row *r)
{
    r->id = stc_db_col_i64(st, 0);
    r->file = stc_db_col_text(st, 1);
    struct stc_meas *m = &r->m;
    m->line = (int)stc_db_col_i64(st, 2);
    m->shape = stc_db_col_text(st, 4);
    m->value = stc_db_col_double(st, 5);
    m->unit = stc_db_col_text(st, 6);
    m->min = stc_db_col_double(st, 7);
    m->p95 = stc_db_col_double(st, 8);
    m->repeats = stc_db_col_i64(st, 9);
    m->source = stc_db_col_text(st, 10);
    m->ref = stc_db_col_text(st, 11);
    m->notes = stc_db_col_text(st, 12);
    m->extra = stc_db_col_text(st, 13);
    m->date = stc_db_col_text(st, 14);
    m->machine = stc_db_col_text(st, 15);
    m->gpu = stc_db_col_text(st, 16);
    m->driver = stc_db_col_text(st, 17);
    m->clocks = stc_db_col_text(st, 18);
}

enum stc_err stc_store_each(struct stc_store *s, const char *form, const char *gpu,
                            stc_meas_fn *fn, void *ctx, struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    bool row = false;
    enum stc_err err = stc_db_prepare(
        stc_store_db(s),
        "SELECT m.id, f.path, m.line, m.form, m.shape, m.value, m.unit, m.min, m.p95,"
        " m.repeats, m.source, m.ref, m.notes, m.extra, m.date, k.name, k.gpu,"
        " k.driver, k.clocks FROM measurement m"
        " JOIN machine k ON k.id = m.machine_id JOIN file f ON f.id = m.file_id"
        " WHERE (?1 IS NULL OR m.form = ?1) AND (?2 IS NULL OR k.gpu = ?2) AND" LIVE
        " ORDER BY m.id",
        &st, diag);
    if (err != STC_OK) return err;
    if (form != NULL) stc_db_bind_text(st, 1, form);
    if (gpu != NULL) stc_db_bind_text(st, 2, gpu);
    while ((err = stc_db_step(st, &row, diag)) == STC_OK && row) {
        struct stc_meas_row r;
        /* A form of a later program is not this one's to read. */
        if (!stc_form_find(stc_db_col_text(st, 3), &r.m.form)) continue;
        fill(st, &r);
        err = fn(ctx, &r, diag);
        if (err != STC_OK) break;
    }
    stc_db_finish(st);
    return err;
}

enum stc_err stc_store_summary(struct stc_store *s, stc_store_line_fn *fn, void *ctx,
                               struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    bool row = false;
    enum stc_err err =
        stc_db_prepare(stc_store_db(s),
                       "SELECT m.form, k.gpu, count(*), count(DISTINCT m.file_id),"
                       " count(DISTINCT m.machine_id) FROM measurement m"
                       " JOIN machine k ON k.id = m.machine_id WHERE" LIVE
                       " GROUP BY m.form, k.gpu ORDER BY m.form, k.gpu",
                       &st, diag);
    if (err != STC_OK) return err;
    while ((err = stc_db_step(st, &row, diag)) == STC_OK && row) {
        const struct stc_store_line line = {.form = stc_db_col_text(st, 0),
                                            .gpu = stc_db_col_text(st, 1),
                                            .n_rows = stc_db_col_i64(st, 2),
                                            .n_files = stc_db_col_i64(st, 3),
                                            .n_machines = stc_db_col_i64(st, 4)};
        err = fn(ctx, &line, diag);
        if (err != STC_OK) break;
    }
    stc_db_finish(st);
    return err;
}

enum stc_err stc_store_count(struct stc_store *s, const char *table, int64_t *out,
                             struct stc_diag *diag)
{
    static const char *const known[] = {"measurement", "retracted",      "file",
                                        "machine",     "anchor",         "fit",
                                        "imported",    "fit_measurement"};
    char sql[64];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(table, known[i]) != 0) continue;
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", known[i]);
        return stc_db_one_i64(stc_store_db(s), sql, out, diag);
    }
    return stc_fail(diag, STC_ERR_UNKNOWN, "%s: no table of the store", table);
}

/* ==== forgetting ==== */

static const struct {
    const char *what, *where;
} ways[] = {
    {"file", "file_id IN (SELECT id FROM file WHERE path = ?3"
             " OR substr(path, -length(?3) - 1) = '/' || ?3)"},
    {"machine", "machine_id IN (SELECT id FROM machine WHERE name = ?3)"},
    {"gpu", "machine_id IN (SELECT id FROM machine WHERE gpu = ?3)"},
    {"form", "form = ?3"},
    {"source", "source = ?3"},
};

enum stc_err stc_store_forget(struct stc_store *s, const char *what, const char *value,
                              const char *date, int64_t *n, struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    char sql[512], why[128];
    const char *where = NULL;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(ways[i].what, what) == 0) where = ways[i].where;
    if (where == NULL)
        return stc_fail(diag, STC_ERR_UNKNOWN,
                        "%s: say what to forget by file, machine, gpu, form or source",
                        what);
    (void)snprintf(sql, sizeof sql,
                   "INSERT OR IGNORE INTO retracted (measurement_id, date, why)"
                   " SELECT id, ?1, ?2 FROM measurement WHERE %s",
                   where);
    (void)snprintf(why, sizeof why, "%s %.100s", what, value);
    enum stc_err err = stc_db_prepare(stc_store_db(s), sql, &st, diag);
    if (err != STC_OK) return err;
    stc_db_bind_text(st, 1, date);
    stc_db_bind_text(st, 2, why);
    stc_db_bind_text(st, 3, value);
    err = stc_db_step(st, NULL, diag);
    if (err == STC_OK) *n = stc_db_n_changed(stc_store_db(s));
    stc_db_finish(st);
    return err;
}

/* ==== fits ==== */

static enum stc_err link_forms(struct stc_store *s, int64_t fit_id, const char *role,
                               const enum stc_form *forms, int n_forms,
                               struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    enum stc_err err = stc_db_prepare(
        stc_store_db(s),
        "INSERT INTO fit_measurement (fit_id, measurement_id, role)"
        " SELECT ?1, m.id, ?2 FROM measurement m WHERE m.form = ?3 AND" LIVE,
        &st, diag);
    for (int i = 0; err == STC_OK && i < n_forms; i++) {
        stc_db_reset(st);
        stc_db_bind_i64(st, 1, fit_id);
        stc_db_bind_text(st, 2, role);
        stc_db_bind_text(st, 3, stc_form_name(forms[i]));
        err = stc_db_step(st, NULL, diag);
    }
    stc_db_finish(st);
    return err;
}

enum stc_err stc_store_add_fit(struct stc_store *s, const char *name,
                               const char *program, const char *date, const char *text,
                               const enum stc_form *forms, int n_forms, bool scored,
                               struct stc_diag *diag)
{
    struct stc_db *db = stc_store_db(s);
    struct stc_db_stmt *st = NULL;
    enum stc_err err = stc_db_begin(db, diag);
    if (err != STC_OK) return err;
    err = stc_db_prepare(
        db, "INSERT INTO fit (name, program, date, text) VALUES (?, ?, ?, ?)", &st,
        diag);
    if (err == STC_OK) {
        const char *const v[4] = {name, program, date, text};
        for (int i = 0; i < 4; i++)
            stc_db_bind_text(st, i + 1, v[i]);
        err = stc_db_step(st, NULL, diag);
    }
    int64_t id = stc_db_last_id(db);
    stc_db_finish(st);
    if (err == STC_OK) err = link_forms(s, id, "used", forms, n_forms, diag);
    if (err == STC_OK && scored)
        err = link_forms(s, id, "scored", forms, n_forms, diag);
    if (err == STC_OK) err = stc_db_commit(db, diag);
    if (err != STC_OK) stc_db_rollback(db);
    return err;
}
