#include "sim/base/db.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_MS = 10000 };

struct stc_db {
    sqlite3 *handle;
    const char *path; /* within the same allocation */
    enum stc_db_mode mode;
};

struct stc_db_stmt {
    struct stc_db *db;
    sqlite3_stmt *st;
    int bind_rc; /* the first failure of a bind since the last reset */
};

/* ==== errors ==== */

static enum stc_err code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return STC_OK;
    case SQLITE_NOMEM: return STC_ERR_NOMEM;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
    case SQLITE_ERROR:
    case SQLITE_SCHEMA: return STC_ERR_PARSE;
    case SQLITE_CONSTRAINT:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH: return STC_ERR_RANGE;
    default: return STC_ERR_IO;
    }
}

static enum stc_err fail(const struct stc_db *db, int rc, struct stc_diag *diag)
{
    const char *what = sqlite3_errmsg(db->handle);
    if ((rc & 0xff) == SQLITE_NOTADB) what = "is not an SQLite file";
    if ((rc & 0xff) == SQLITE_CORRUPT) what = "is damaged";
    return stc_fail(diag, code_of(rc), "%.200s: %.250s", db->path, what);
}

/* ==== opening ==== */

static int harden(struct stc_db *db)
{
    static const struct {
        int id, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, 16 << 20},
        {SQLITE_LIMIT_SQL_LENGTH, 1 << 20},
        {SQLITE_LIMIT_COLUMN, 200},
        {SQLITE_LIMIT_EXPR_DEPTH, 100},
        {SQLITE_LIMIT_COMPOUND_SELECT, 20},
        {SQLITE_LIMIT_VDBE_OP, 250000},
        {SQLITE_LIMIT_FUNCTION_ARG, 16},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        (void)sqlite3_limit(db->handle, limits[i].id, limits[i].value);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (db->mode ==
        STC_DB_READ) { /* a file of unknown origin runs nothing of its own */
        (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    }
    (void)sqlite3_busy_timeout(db->handle, BUSY_MS);
    int rc = sqlite3_exec(db->handle,
                          "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                          "PRAGMA mmap_size=0; PRAGMA foreign_keys=ON;",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK && db->mode == STC_DB_READ)
        rc = sqlite3_exec(db->handle, "PRAGMA query_only=ON;", NULL, NULL, NULL);
    return rc;
}

static enum stc_err one(struct stc_db *db, const char *sql, int64_t *out,
                        struct stc_diag *diag)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(st);
    enum stc_err err = STC_OK;
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    else if (rc == SQLITE_DONE)
        err = stc_fail(diag, STC_ERR_PARSE, "%s: no row", db->path);
    else
        err = fail(db, rc, diag);
    (void)sqlite3_finalize(st);
    return err;
}

static enum stc_err make(struct stc_db *db, const struct stc_db_kind *kind,
                         struct stc_diag *diag)
{
    char sql[64];
    int64_t version = 0;
    enum stc_err err = stc_db_exec(db, "BEGIN IMMEDIATE", diag);
    if (err != STC_OK) return err;
    /* Somebody else may have made it while we waited. */
    err = one(db, "PRAGMA user_version", &version, diag);
    if (err == STC_OK && version == 0) {
        err = stc_db_exec(db, kind->schema, diag);
        (void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", kind->version);
        if (err == STC_OK) err = stc_db_exec(db, sql, diag);
    }
    if (err == STC_OK) err = stc_db_commit(db, diag);
    if (err != STC_OK) stc_db_rollback(db);
    return err;
}

static enum stc_err check_version(struct stc_db *db, const struct stc_db_kind *kind,
                                  struct stc_diag *diag)
{
    int64_t version = 0, n_tables = 0;
    if (kind == NULL) /* anybody's: only that it is SQLite at all */
        return one(db, "SELECT count(*) FROM sqlite_schema", &n_tables, diag);
    enum stc_err err = one(db, "PRAGMA user_version", &version, diag);
    if (err == STC_OK)
        err = one(db, "SELECT count(*) FROM sqlite_schema", &n_tables, diag);
    if (err != STC_OK) return err;
    if (version == 0 && n_tables == 0 && db->mode == STC_DB_CREATE)
        return make(db, kind, diag);
    if (version == kind->version) return STC_OK;
    if (version == 0)
        return stc_fail(diag, STC_ERR_PARSE, "%s: is not a %s", db->path, kind->what);
    return stc_fail(
        diag, STC_ERR_PARSE,
        "%s: a %s of version %lld, %s than this program, which reads version %d",
        db->path, kind->what, (long long)version,
        version > kind->version ? "newer" : "older", kind->version);
}

enum stc_err stc_db_open(struct stc_db **out, const char *path, enum stc_db_mode mode,
                         const struct stc_db_kind *kind, struct stc_diag *diag)
{
    static const int flags[] = {
        /* Who was killed may have left a journal that only a writer may settle; of a
         * file that is write-protected SQLite makes a reader by itself. */
        [STC_DB_READ] = SQLITE_OPEN_READWRITE,
        [STC_DB_WRITE] = SQLITE_OPEN_READWRITE,
        [STC_DB_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
    };
    size_t len = strlen(path) + 1;
    struct stc_db *db = malloc(sizeof(*db) + len);
    if (db == NULL) return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", path);
    *db = (struct stc_db){.path = memcpy((char *)(db + 1), path, len), .mode = mode};
    enum stc_err err = STC_OK;
    int rc =
        sqlite3_open_v2(path, &db->handle, flags[mode] | SQLITE_OPEN_NOMUTEX, NULL);
    if (db->handle == NULL) {
        free(db);
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", path);
    }
    if (rc == SQLITE_OK) rc = harden(db);
    if (rc != SQLITE_OK) err = fail(db, rc, diag);
    if (err == STC_OK) err = check_version(db, kind, diag);
    if (err == STC_OK && mode != STC_DB_READ)
        err = stc_db_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                          diag);
    if (err == STC_OK)
        *out = db;
    else
        stc_db_close(db);
    return err;
}

void stc_db_close(struct stc_db *db)
{
    if (db == NULL) return;
    if (db->mode != STC_DB_READ) {
        /* Leave one plain file: a WAL file cannot be read from a folder that
         * cannot be written. Refused, harmlessly, while others have it open. */
        (void)sqlite3_busy_timeout(db->handle, 0);
        (void)sqlite3_exec(db->handle, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    }
    (void)sqlite3_close(db->handle);
    free(db);
}

enum stc_err stc_db_check(struct stc_db *db, struct stc_diag *diag)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &st, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(st);
    enum stc_err err = STC_OK;
    if (rc != SQLITE_ROW) {
        err = fail(db, rc, diag);
    } else {
        const unsigned char *text = sqlite3_column_text(st, 0);
        if (text == NULL || strcmp((const char *)text, "ok") != 0)
            err = stc_fail(diag, STC_ERR_PARSE, "%s: is damaged: %.200s", db->path,
                           text != NULL ? (const char *)text : "no report");
    }
    (void)sqlite3_finalize(st);
    return err;
}

/* ==== statements ==== */

enum stc_err stc_db_exec(struct stc_db *db, const char *sql, struct stc_diag *diag)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? STC_OK : fail(db, rc, diag);
}

enum stc_err stc_db_begin(struct stc_db *db, struct stc_diag *diag)
{
    return stc_db_exec(db, db->mode == STC_DB_READ ? "BEGIN" : "BEGIN IMMEDIATE", diag);
}

enum stc_err stc_db_commit(struct stc_db *db, struct stc_diag *diag)
{
    return stc_db_exec(db, "COMMIT", diag);
}

void stc_db_rollback(struct stc_db *db)
{
    if (sqlite3_get_autocommit(db->handle) == 0)
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

enum stc_err stc_db_prepare(struct stc_db *db, const char *sql,
                            struct stc_db_stmt **out, struct stc_diag *diag)
{
    struct stc_db_stmt *s = malloc(sizeof(*s));
    if (s == NULL) return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", db->path);
    *s = (struct stc_db_stmt){.db = db};
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &s->st, NULL);
    if (rc != SQLITE_OK) {
        enum stc_err err = fail(db, rc, diag);
        free(s);
        return err;
    }
    *out = s;
    return STC_OK;
}

void stc_db_finish(struct stc_db_stmt *st)
{
    if (st == NULL) return;
    (void)sqlite3_finalize(st->st);
    free(st);
}

static void keep(struct stc_db_stmt *st, int rc)
{
    if (st->bind_rc == SQLITE_OK) st->bind_rc = rc;
}

void stc_db_bind_i64(struct stc_db_stmt *st, int i, int64_t v)
{
    keep(st, sqlite3_bind_int64(st->st, i, v));
}

void stc_db_bind_double(struct stc_db_stmt *st, int i, double v)
{
    keep(st,
         isnan(v) ? sqlite3_bind_null(st->st, i) : sqlite3_bind_double(st->st, i, v));
}

void stc_db_bind_text(struct stc_db_stmt *st, int i, const char *v)
{
    keep(st, sqlite3_bind_text(st->st, i, v, -1, SQLITE_TRANSIENT));
}

void stc_db_bind_null(struct stc_db_stmt *st, int i)
{
    keep(st, sqlite3_bind_null(st->st, i));
}

enum stc_err stc_db_step(struct stc_db_stmt *st, bool *row, struct stc_diag *diag)
{
    if (row != NULL) *row = false;
    int rc = st->bind_rc != SQLITE_OK ? st->bind_rc : sqlite3_step(st->st);
    if (rc == SQLITE_ROW && row != NULL) *row = true;
    return code_of(rc) == STC_OK ? STC_OK : fail(st->db, rc, diag);
}

void stc_db_reset(struct stc_db_stmt *st)
{
    (void)sqlite3_reset(st->st);
    (void)sqlite3_clear_bindings(st->st);
    st->bind_rc = SQLITE_OK;
}

int stc_db_n_cols(const struct stc_db_stmt *st)
{
    return sqlite3_column_count(st->st);
}

const char *stc_db_col_name(const struct stc_db_stmt *st, int i)
{
    const char *s = sqlite3_column_name(st->st, i);
    return s != NULL ? s : "";
}

bool stc_db_col_is_null(const struct stc_db_stmt *st, int i)
{
    return sqlite3_column_type(st->st, i) == SQLITE_NULL;
}

int64_t stc_db_col_i64(const struct stc_db_stmt *st, int i)
{
    return sqlite3_column_int64(st->st, i);
}

double stc_db_col_double(const struct stc_db_stmt *st, int i)
{
    return stc_db_col_is_null(st, i) ? (double)NAN : sqlite3_column_double(st->st, i);
}

const char *stc_db_col_text(const struct stc_db_stmt *st, int i)
{
    const unsigned char *s = sqlite3_column_text(st->st, i);
    return s != NULL ? (const char *)s : "";
}

int64_t stc_db_last_id(const struct stc_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}
int64_t stc_db_n_changed(const struct stc_db *db)
{
    return sqlite3_changes64(db->handle);
}

enum stc_err stc_db_one_i64(struct stc_db *db, const char *sql, int64_t *out,
                            struct stc_diag *diag)
{
    return one(db, sql, out, diag);
}
