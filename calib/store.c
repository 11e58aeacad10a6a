#include "calib/store.h"
#include "calib/store_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/embed.h"

enum { N_MACHINES = 32 };

/* How often a hash was seen in this file: open addressing, keys are never 0. */
struct seen {
    uint64_t *key;
    uint32_t *n;
    size_t cap, used;
};

struct machine {
    char name[64], gpu[64], driver[64], clocks[64];
    int64_t id;
};

struct stc_store {
    struct stc_db *db;
    struct stc_db_stmt *insert, *machine_in, *machine_id, *unretract;
    stc_store_commit_fn *on_commit;
    void *ctx;
    struct seen seen;
    struct machine machines[N_MACHINES]; /* a small cache, filled round-robin */
    int n_machines, next_machine;
    int64_t file_id, n_rows, n_new, in_batch;
    bool open_file, any_retracted, known;
};

static const char *text(const char *s)
{
    return s != NULL ? s : "";
}

static int64_t signed_hash(uint64_t h)
{
    int64_t v;
    memcpy(&v, &h, sizeof v);
    return v;
}

struct stc_db *stc_store_db(struct stc_store *s)
{
    return s->db;
}

/* ==== opening ==== */

enum stc_err stc_store_open(struct stc_store **out, const char *path,
                            enum stc_db_mode mode, struct stc_diag *diag)
{
    const struct stc_embed *schema = stc_embed_find("calib/schema.sql");
    if (schema == NULL)
        return stc_fail(diag, STC_ERR_BUG, "calib/schema.sql is not in the library");
    const struct stc_db_kind kind = {.what = "calibration store",
                                     .version = STC_STORE_VERSION,
                                     .schema = (const char *)schema->data};
    struct stc_store *s = calloc(1, sizeof *s);
    if (s == NULL) return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", path);
    enum stc_err err = stc_db_open(&s->db, path, mode, &kind, diag);
    if (err != STC_OK) {
        free(s);
        return err;
    }
    *out = s;
    return STC_OK;
}

static void end_file(struct stc_store *s)
{
    stc_db_finish(s->insert);
    stc_db_finish(s->machine_in);
    stc_db_finish(s->machine_id);
    stc_db_finish(s->unretract);
    s->insert = s->machine_in = s->machine_id = s->unretract = NULL;
    free(s->seen.key);
    free(s->seen.n);
    s->seen = (struct seen){0};
    s->n_machines = s->next_machine = 0;
    s->open_file = false;
}

void stc_store_abort(struct stc_store *s)
{
    if (!s->open_file) return;
    end_file(s);
    stc_db_rollback(s->db);
}

void stc_store_close(struct stc_store *s)
{
    if (s == NULL) return;
    stc_store_abort(s);
    stc_db_close(s->db);
    free(s);
}

enum stc_err stc_store_check(struct stc_store *s, struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    bool row = false;
    enum stc_err err = stc_db_check(s->db, diag);
    if (err == STC_OK)
        err = stc_db_prepare(s->db, "PRAGMA foreign_key_check", &st, diag);
    if (err == STC_OK) err = stc_db_step(st, &row, diag);
    if (err == STC_OK && row)
        err = stc_fail(diag, STC_ERR_PARSE,
                       "the store is damaged: a row of %s points at nothing",
                       stc_db_col_text(st, 0));
    stc_db_finish(st);
    return err;
}

/* ==== adding ==== */

/* Counts h; *before says how often it was seen. */
static bool seen_count(struct seen *s, uint64_t h, uint32_t *before)
{
    if (h == 0) h = 1;
    if (s->used * 2 >= s->cap) {
        size_t cap = s->cap > 0 ? s->cap * 2 : 1024;
        uint64_t *key = calloc(cap, sizeof *key);
        uint32_t *n = calloc(cap, sizeof *n);
        if (key == NULL || n == NULL) {
            free(key);
            free(n);
            return false;
        }
        for (size_t i = 0; i < s->cap; i++) {
            if (s->key[i] == 0) continue;
            size_t at = (size_t)s->key[i] & (cap - 1);
            while (key[at] != 0)
                at = (at + 1) & (cap - 1);
            key[at] = s->key[i];
            n[at] = s->n[i];
        }
        free(s->key);
        free(s->n);
        s->key = key;
        s->n = n;
        s->cap = cap;
    }
    size_t at = (size_t)h & (s->cap - 1);
    while (s->key[at] != 0 && s->key[at] != h)
        at = (at + 1) & (s->cap - 1);
    if (s->key[at] == 0) s->used++;
    s->key[at] = h;
    *before = s->n[at]++;
    return true;
}

static enum stc_err find_file(struct stc_store *s, const struct stc_store_file *f,
                              struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    bool row = false;
    enum stc_err err = stc_db_prepare(
        s->db,
        "SELECT id, EXISTS (SELECT 1 FROM imported WHERE file_id = file.id)"
        " FROM file WHERE hash = ? AND bytes = ?",
        &st, diag);
    if (err != STC_OK) return err;
    stc_db_bind_i64(st, 1, signed_hash(f->hash));
    stc_db_bind_i64(st, 2, f->bytes);
    err = stc_db_step(st, &row, diag);
    if (err == STC_OK && row) {
        s->file_id = stc_db_col_i64(st, 0);
        s->known = stc_db_col_i64(st, 1) != 0;
    }
    stc_db_finish(st);
    if (err != STC_OK || row) return err;
    err = stc_db_prepare(s->db,
                         "INSERT INTO file (path, hash, bytes, kind, tool, date)"
                         " VALUES (?, ?, ?, ?, ?, ?)",
                         &st, diag);
    if (err != STC_OK) return err;
    stc_db_bind_text(st, 1, text(f->path));
    stc_db_bind_i64(st, 2, signed_hash(f->hash));
    stc_db_bind_i64(st, 3, f->bytes);
    stc_db_bind_text(st, 4, text(f->kind));
    stc_db_bind_text(st, 5, text(f->tool));
    stc_db_bind_text(st, 6, text(f->date));
    err = stc_db_step(st, NULL, diag);
    s->file_id = stc_db_last_id(s->db);
    stc_db_finish(st);
    return err;
}

static enum stc_err prepare(struct stc_store *s, struct stc_diag *diag)
{
    const struct {
        struct stc_db_stmt **st;
        const char *sql;
    } all[] = {
        {&s->insert,
         "INSERT OR IGNORE INTO measurement (hash, file_id, line, machine_id, form,"
         " shape, value, unit, min, p95, repeats, source, ref, notes, extra, date)"
         " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
        {&s->machine_in,
         "INSERT OR IGNORE INTO machine (name, gpu, driver, clocks) VALUES (?,?,?,?)"},
        {&s->machine_id,
         "SELECT id FROM machine WHERE name=? AND gpu=? AND driver=? AND clocks=?"},
        {&s->unretract, "DELETE FROM retracted WHERE measurement_id ="
                        " (SELECT id FROM measurement WHERE hash=?)"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        enum stc_err err = stc_db_prepare(s->db, all[i].sql, all[i].st, diag);
        if (err != STC_OK) return err;
    }
    return STC_OK;
}

enum stc_err stc_store_begin(struct stc_store *s, const struct stc_store_file *f,
                             stc_store_commit_fn *on_commit, void *ctx,
                             struct stc_diag *diag)
{
    int64_t n = 0;
    s->on_commit = on_commit;
    s->ctx = ctx;
    s->n_rows = s->n_new = s->in_batch = 0;
    s->known = false;
    enum stc_err err = stc_db_begin(s->db, diag);
    if (err != STC_OK) return err;
    s->open_file = true;
    err = find_file(s, f, diag);
    if (err == STC_OK) err = prepare(s, diag);
    if (err == STC_OK)
        err = stc_db_one_i64(s->db, "SELECT count(*) FROM retracted", &n, diag);
    s->any_retracted = n > 0;
    if (err != STC_OK) stc_store_abort(s);
    return err;
}

static bool same(const char *kept, const char *given)
{
    return strncmp(kept, given, 63) == 0;
}

static enum stc_err machine_of(struct stc_store *s, const struct stc_meas *m,
                               int64_t *id, struct stc_diag *diag)
{
    const char *v[4] = {text(m->machine), text(m->gpu), text(m->driver),
                        text(m->clocks)};
    for (int i = 0; i < s->n_machines; i++) {
        const struct machine *k = &s->machines[i];
        if (!same(k->gpu, v[1]) || !same(k->name, v[0]) || !same(k->driver, v[2]) ||
            !same(k->clocks, v[3]))
            continue;
        *id = k->id;
        return STC_OK;
    }
    struct machine *k = &s->machines[s->next_machine];
    char *const to[4] = {k->name, k->gpu, k->driver, k->clocks};
    for (int i = 0; i < 4; i++) { /* machine texts are cut to what the cache compares */
        size_t n = strlen(v[i]);
        if (n > 63) n = 63;
        memcpy(to[i], v[i], n);
        to[i][n] = '\0';
    }
    enum stc_err err = STC_OK;
    bool row = false;
    stc_db_reset(s->machine_in);
    stc_db_reset(s->machine_id);
    for (int i = 0; i < 4; i++) {
        stc_db_bind_text(s->machine_in, i + 1, to[i]);
        stc_db_bind_text(s->machine_id, i + 1, to[i]);
    }
    err = stc_db_step(s->machine_in, NULL, diag);
    if (err == STC_OK) err = stc_db_step(s->machine_id, &row, diag);
    if (err != STC_OK) return err;
    if (!row) return stc_fail(diag, STC_ERR_BUG, "machine: not there after its insert");
    k->id = *id = stc_db_col_i64(s->machine_id, 0);
    stc_db_reset(s->machine_id);
    s->next_machine = (s->next_machine + 1) % N_MACHINES;
    if (s->n_machines < N_MACHINES) s->n_machines++;
    return STC_OK;
}

static uint64_t hash_text(uint64_t h, const char *s)
{
    return stc_hash64(h, text(s), strlen(text(s)) + 1);
}

/* All that the fact says; a NaN counts as "not said". */
static uint64_t fact_hash(const struct stc_meas *m)
{
    uint64_t h = STC_HASH_INIT;
    const char *const t[] = {stc_form_name(m->form),
                             m->shape,
                             m->machine,
                             m->gpu,
                             m->driver,
                             m->clocks,
                             m->unit,
                             m->source,
                             m->ref,
                             m->notes,
                             m->extra,
                             m->date};
    const double d[] = {m->value, m->min, m->p95, (double)m->repeats};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        h = hash_text(h, t[i]);
    for (size_t i = 0; i < sizeof d / sizeof d[0]; i++) {
        double v = isnan(d[i]) ? -1.0 : d[i];
        h = stc_hash64(h, &v, sizeof v);
    }
    return h;
}

static enum stc_err commit_batch(struct stc_store *s, bool again, struct stc_diag *diag)
{
    enum stc_err err = stc_db_commit(s->db, diag);
    if (err != STC_OK) return err;
    s->in_batch = 0;
    if (s->on_commit != NULL) s->on_commit(s->ctx, s->n_rows);
    return again ? stc_db_begin(s->db, diag) : STC_OK;
}

static void bind_fact(struct stc_db_stmt *st, const struct stc_meas *m, int64_t hash,
                      int64_t file_id, int64_t machine_id)
{
    stc_db_bind_i64(st, 1, hash);
    stc_db_bind_i64(st, 2, file_id);
    stc_db_bind_i64(st, 3, m->line);
    stc_db_bind_i64(st, 4, machine_id);
    stc_db_bind_text(st, 5, stc_form_name(m->form));
    stc_db_bind_text(st, 6, text(m->shape));
    stc_db_bind_double(st, 7, m->value);
    stc_db_bind_text(st, 8, text(m->unit));
    stc_db_bind_double(st, 9, m->min);
    stc_db_bind_double(st, 10, m->p95);
    if (m->repeats > 0) stc_db_bind_i64(st, 11, m->repeats);
    stc_db_bind_text(st, 12, text(m->source));
    stc_db_bind_text(st, 13, text(m->ref));
    stc_db_bind_text(st, 14, text(m->notes));
    stc_db_bind_text(st, 15, text(m->extra));
    stc_db_bind_text(st, 16, text(m->date));
}

enum stc_err stc_store_add(struct stc_store *s, const struct stc_meas *m,
                           struct stc_diag *diag)
{
    uint32_t before = 0;
    int64_t machine_id = 0;
    uint64_t h = fact_hash(m);
    if (!(m->value > 0.0) || !isfinite(m->value))
        return stc_fail(diag, STC_ERR_RANGE, "a measured value must be above 0");
    if (!seen_count(&s->seen, h, &before))
        return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    h = stc_hash64(h, &before, sizeof before);
    enum stc_err err = machine_of(s, m, &machine_id, diag);
    if (err != STC_OK) return err;
    stc_db_reset(s->insert);
    bind_fact(s->insert, m, signed_hash(h), s->file_id, machine_id);
    err = stc_db_step(s->insert, NULL, diag);
    if (err != STC_OK) return err;
    bool added = stc_db_n_changed(s->db) > 0;
    if (!added && s->any_retracted) { /* said again: no longer forgotten */
        stc_db_reset(s->unretract);
        stc_db_bind_i64(s->unretract, 1, signed_hash(h));
        err = stc_db_step(s->unretract, NULL, diag);
        if (err != STC_OK) return err;
    }
    s->n_rows++;
    if (added) s->n_new++;
    return ++s->in_batch < STC_STORE_BATCH ? STC_OK : commit_batch(s, true, diag);
}

enum stc_err stc_store_add_anchor(struct stc_store *s, const struct stc_anchor *a,
                                  struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    const double d[] = {a->step_s,
                        a->lo_s,
                        a->hi_s,
                        a->tokens_per_s_per_gpu,
                        a->samples_per_s,
                        (double)a->global_batch,
                        a->allocated_bytes,
                        a->reserved_bytes};
    uint64_t h = hash_text(STC_HASH_INIT, a->framework);
    h = stc_hash64(h, &a->n_steps, sizeof a->n_steps);
    h = stc_hash64(h, d, sizeof d);
    h = stc_hash64(h, &s->file_id, sizeof s->file_id);
    enum stc_err err = stc_db_prepare(
        s->db,
        "INSERT OR IGNORE INTO anchor (hash, file_id, framework, n_steps, step_s, lo_s,"
        " hi_s, tokens_per_s_per_gpu, samples_per_s, global_batch, allocated_bytes,"
        " reserved_bytes) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        &st, diag);
    if (err != STC_OK) return err;
    stc_db_bind_i64(st, 1, signed_hash(h));
    stc_db_bind_i64(st, 2, s->file_id);
    stc_db_bind_text(st, 3, a->framework);
    stc_db_bind_i64(st, 4, a->n_steps);
    for (int i = 0; i < 5; i++)
        stc_db_bind_double(st, 5 + i, d[i]);
    if (a->global_batch > 0) stc_db_bind_i64(st, 10, a->global_batch);
    stc_db_bind_double(st, 11, d[6]);
    stc_db_bind_double(st, 12, d[7]);
    err = stc_db_step(st, NULL, diag);
    if (err == STC_OK && stc_db_n_changed(s->db) > 0) s->n_new++;
    s->n_rows++;
    stc_db_finish(st);
    return err;
}

enum stc_err stc_store_end(struct stc_store *s, struct stc_store_counts *out,
                           struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    enum stc_err err = stc_db_prepare(
        s->db, "INSERT OR IGNORE INTO imported (file_id, n_rows) VALUES (?, ?)", &st,
        diag);
    if (err == STC_OK) {
        stc_db_bind_i64(st, 1, s->file_id);
        stc_db_bind_i64(st, 2, s->n_rows);
        err = stc_db_step(st, NULL, diag);
    }
    stc_db_finish(st);
    struct stc_store_counts c = {
        .n_rows = s->n_rows, .n_new = s->n_new, .known = s->known};
    if (err != STC_OK) {
        stc_store_abort(s);
        return err;
    }
    err = commit_batch(s, false, diag);
    end_file(s);
    if (err != STC_OK)
        stc_db_rollback(s->db);
    else if (out != NULL)
        *out = c;
    return err;
}
