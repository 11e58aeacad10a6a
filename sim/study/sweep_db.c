/* sweep_db.c - the results file of a sweep: writing, merging, reading. */
#include "sim/study/sweep_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    "CREATE TABLE point(id INTEGER PRIMARY KEY, status TEXT NOT NULL, message TEXT, "
    "gpus INTEGER, global_batch REAL, step_s REAL, lo90_s REAL, hi90_s REAL, "
    "tokens_per_s REAL, "
    "tokens_per_s_per_gpu REAL, mfu REAL, peak_bytes REAL, watts REAL, usd_per_mtok "
    "REAL, "
    "layout TEXT, v0 TEXT, v1 TEXT, v2 TEXT, v3 TEXT, v4 TEXT, v5 TEXT, v6 TEXT, "
    "v7 TEXT) STRICT;";

static const struct stc_db_kind kind = {"results file of a sweep", 1, schema};

enum stc_err stc_sweep_open(struct stc_db **db, const char *path, enum stc_db_mode mode,
                            struct stc_diag *diag)
{
    return stc_db_open(db, path, mode, &kind, diag);
}

enum stc_err stc_sweep_put_meta(struct stc_db *db, const char *key, const char *value,
                                struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    enum stc_err err =
        stc_db_prepare(db, "INSERT OR REPLACE INTO meta VALUES(?,?)", &st, diag);
    if (err != STC_OK) return err;
    stc_db_bind_text(st, 1, key);
    stc_db_bind_text(st, 2, value);
    err = stc_db_step(st, NULL, diag);
    stc_db_finish(st);
    return err;
}

enum stc_err stc_sweep_get_meta(struct stc_db *db, const char *key, char *out,
                                size_t size, struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    bool row = false;
    out[0] = '\0';
    enum stc_err err =
        stc_db_prepare(db, "SELECT value FROM meta WHERE key=?", &st, diag);
    if (err != STC_OK) return err;
    stc_db_bind_text(st, 1, key);
    err = stc_db_step(st, &row, diag);
    if (err == STC_OK && row) snprintf(out, size, "%s", stc_db_col_text(st, 0));
    stc_db_finish(st);
    return err;
}

enum stc_err stc_sweep_put_row(struct stc_db *db, const struct stc_sweep_row *r,
                               int n_axes, struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    enum stc_err err =
        stc_db_prepare(db,
                       "INSERT OR REPLACE INTO point "
                       "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                       &st, diag);
    if (err != STC_OK) return err;
    const double v[] = {
        r->global_batch,         r->step_s, r->lo90_s,     r->hi90_s, r->tokens_per_s,
        r->tokens_per_s_per_gpu, r->mfu,    r->peak_bytes, r->watts,  r->usd_per_mtok};
    stc_db_bind_i64(st, 1, r->id);
    stc_db_bind_text(st, 2, r->status);
    stc_db_bind_text(st, 3, r->message);
    stc_db_bind_i64(st, 4, r->n_gpus);
    for (int i = 0; i < 10; i++)
        stc_db_bind_double(st, 5 + i, v[i]);
    stc_db_bind_text(st, 15, r->layout);
    for (int i = 0; i < STC_SWEEP_AXES; i++)
        stc_db_bind_text(st, 16 + i, i < n_axes ? r->value[i] : NULL);
    err = stc_db_step(st, NULL, diag);
    stc_db_finish(st);
    return err;
}

/* ==== merging ==== */

static const char *const meta_keys[] = {"hash",  "axes", "points",
                                        "title", "weak", "tuned"};
enum { N_META = sizeof meta_keys / sizeof meta_keys[0], META_BYTES = 8192 };

static enum stc_err merge_meta(struct stc_db *to, struct stc_db *from, const char *path,
                               struct stc_diag *diag)
{
    char have[META_BYTES], want[META_BYTES];
    for (int i = 0; i < N_META; i++) {
        enum stc_err err =
            stc_sweep_get_meta(to, meta_keys[i], have, sizeof have, diag);
        if (err == STC_OK)
            err = stc_sweep_get_meta(from, meta_keys[i], want, sizeof want, diag);
        if (err == STC_OK && i == 0 && have[0] && strcmp(have, want) != 0)
            err = stc_fail(diag, STC_ERR_PARSE, "%s: results of another sweep", path);
        if (err == STC_OK && !have[0])
            err = stc_sweep_put_meta(to, meta_keys[i], want, diag);
        if (err != STC_OK) return err;
    }
    return STC_OK;
}

static enum stc_err copy_rows(struct stc_db *to, const char *path,
                              struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_sweep_table t;
    enum stc_err err = stc_sweep_load(&a, path, &t, diag);
    if (err == STC_OK) err = stc_db_begin(to, diag);
    for (int i = 0; err == STC_OK && i < t.n; i++)
        err = stc_sweep_put_row(to, &t.row[i], t.n_axes, diag);
    if (err == STC_OK)
        err = stc_db_commit(to, diag);
    else
        stc_db_rollback(to);
    stc_arena_free(&a);
    return err;
}

enum stc_err stc_sweep_merge(const char *out, const char *const *in, int n,
                             struct stc_diag *diag)
{
    struct stc_db *to = NULL;
    enum stc_err err = stc_sweep_open(&to, out, STC_DB_CREATE, diag);
    for (int i = 0; err == STC_OK && i < n; i++) {
        struct stc_db *from = NULL;
        err = stc_sweep_open(&from, in[i], STC_DB_READ, diag);
        if (err == STC_OK) err = merge_meta(to, from, in[i], diag);
        stc_db_close(from);
        if (err == STC_OK) err = copy_rows(to, in[i], diag);
    }
    stc_db_close(to);
    return err;
}

/* ==== reading ==== */

static enum stc_err read_meta(struct stc_arena *a, struct stc_db *db,
                              struct stc_sweep_table *t, struct stc_diag *diag)
{
    char text[META_BYTES], *save = NULL;
    enum stc_err err = stc_sweep_get_meta(db, "axes", text, sizeof text, diag);
    if (err != STC_OK) return err;
    for (char *w = strtok_r(text, " ", &save); w && t->n_axes < STC_SWEEP_AXES;
         w = strtok_r(NULL, " ", &save))
        snprintf(t->key[t->n_axes++], sizeof t->key[0], "%.63s", w);
    err = stc_sweep_get_meta(db, "points", text, sizeof text, diag);
    if (err == STC_OK) t->n_points = atoll(text);
    if (err == STC_OK) err = stc_sweep_get_meta(db, "weak", text, sizeof text, diag);
    if (err == STC_OK) t->weak = atoi(text);
    if (err == STC_OK) err = stc_sweep_get_meta(db, "tuned", text, sizeof text, diag);
    if (err == STC_OK) t->tuned = atoi(text);
    if (err == STC_OK) err = stc_sweep_get_meta(db, "title", text, sizeof text, diag);
    t->title = stc_arena_strdup(a, text);
    return err == STC_OK && !t->title ? stc_fail(diag, STC_ERR_NOMEM, "out of memory")
                                      : err;
}

static int read_row(struct stc_arena *a, const struct stc_db_stmt *st, int n_axes,
                    struct stc_sweep_row *r)
{
    double *const v[] = {&r->global_batch, &r->step_s,       &r->lo90_s,
                         &r->hi90_s,       &r->tokens_per_s, &r->tokens_per_s_per_gpu,
                         &r->mfu,          &r->peak_bytes,   &r->watts,
                         &r->usd_per_mtok};
    r->id = stc_db_col_i64(st, 0);
    r->status = stc_arena_strdup(a, stc_db_col_text(st, 1));
    r->message = stc_arena_strdup(a, stc_db_col_text(st, 2));
    r->n_gpus = (int32_t)stc_db_col_i64(st, 3);
    for (int i = 0; i < 10; i++)
        *v[i] = stc_db_col_double(st, 4 + i);
    r->layout = stc_arena_strdup(a, stc_db_col_text(st, 14));
    for (int i = 0; i < n_axes; i++) {
        r->value[i] = stc_arena_strdup(a, stc_db_col_text(st, 15 + i));
        if (!r->value[i]) return 0;
    }
    r->efficiency = (double)NAN;
    r->curve = -1;
    return r->status && r->message && r->layout;
}

enum stc_err stc_sweep_load(struct stc_arena *a, const char *path,
                            struct stc_sweep_table *t, struct stc_diag *diag)
{
    struct stc_db *db = NULL;
    struct stc_db_stmt *st = NULL;
    int64_t n = 0;
    memset(t, 0, sizeof *t);
    t->gpu_axis = -1;
    enum stc_err err = stc_sweep_open(&db, path, STC_DB_READ, diag);
    if (err == STC_OK) err = read_meta(a, db, t, diag);
    if (err == STC_OK) err = stc_db_one_i64(db, "SELECT count(*) FROM point", &n, diag);
    if (err == STC_OK) {
        t->row = STC_NEW_N(a, struct stc_sweep_row, (size_t)n);
        if (!t->row) err = stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    }
    if (err == STC_OK)
        err = stc_db_prepare(db, "SELECT * FROM point ORDER BY id", &st, diag);
    for (bool row = true; err == STC_OK && row;) {
        err = stc_db_step(st, &row, diag);
        if (err != STC_OK || !row || t->n == n) break;
        if (!read_row(a, st, t->n_axes, &t->row[t->n++]))
            err = stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    }
    stc_db_finish(st);
    stc_db_close(db);
    if (err == STC_OK) stc_sweep_curves(t);
    return err;
}

/* ==== curves ==== */

static int same_but(const struct stc_sweep_table *t, const struct stc_sweep_row *x,
                    const struct stc_sweep_row *y)
{
    for (int i = 0; i < t->n_axes; i++)
        if (i != t->gpu_axis && strcmp(x->value[i], y->value[i]) != 0) return 0;
    return 1;
}

static void find_gpu_axis(struct stc_sweep_table *t)
{
    static const char *const names[] = {"cluster.nodes", "cluster.gpus", "layout.dp"};
    for (int i = 0; i < t->n_axes; i++)
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            if (strcmp(t->key[i], names[k]) == 0) t->gpu_axis = i;
}

/* Efficiency against the smallest; the knee beyond which an added GPU brings less than
 * half of what the first ones do: none where it never does. */
static void one_curve(struct stc_sweep_table *t, struct stc_sweep_row **v, int n)
{
    int knee = 0, open = 1;
    double first = v[0]->tokens_per_s / v[0]->n_gpus;
    for (int i = 0; i < n; i++) {
        v[i]->efficiency = v[i]->tokens_per_s / v[i]->n_gpus / first;
        v[i]->curve = t->n_curves;
        if (i == 0) continue;
        double gain = (v[i]->tokens_per_s - v[i - 1]->tokens_per_s) /
                      (v[i]->n_gpus - v[i - 1]->n_gpus) / first;
        if (gain < 0.5) open = 0;
        if (open) knee = i;
    }
    v[knee]->knee = !open;
    t->n_curves++;
}

void stc_sweep_curves(struct stc_sweep_table *t)
{
    find_gpu_axis(t);
    if (t->gpu_axis < 0) return;
    struct stc_sweep_row **v = calloc((size_t)t->n + 1, sizeof *v);
    for (int i = 0; v && i < t->n; i++) {
        int n = 0;
        if (t->row[i].curve >= 0 || strcmp(t->row[i].status, "ok") != 0) continue;
        for (int k = i; k < t->n; k++) {
            struct stc_sweep_row *r = &t->row[k];
            if (strcmp(r->status, "ok") != 0 || !same_but(t, &t->row[i], r)) continue;
            int at = n++;
            for (; at > 0 && v[at - 1]->n_gpus > r->n_gpus; at--)
                v[at] = v[at - 1];
            v[at] = r;
        }
        if (n > 1 && v[0]->n_gpus < v[n - 1]->n_gpus) one_curve(t, v, n);
    }
    free(v);
}
