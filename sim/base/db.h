/*
 * db.h - the only caller of SQLite.
 *
 * A store is a file with a known schema version (PRAGMA user_version) and
 * STRICT tables. A file is somebody else's until proven: opened with
 * trusted_schema off, length limits lowered, cell sizes checked, and a newer
 * version is refused with a sentence instead of being misread.
 *
 * OWNERSHIP. open/close and prepare/finish pair up; both ends take NULL. Column
 * texts live until the next step, reset or finish of their statement.
 *
 * ERRORS. STC_ERR_IO (cannot open, disk), STC_ERR_PARSE (not a store, corrupt,
 * newer), STC_ERR_RANGE (a constraint), STC_ERR_NOMEM; one line each.
 *
 * THREADS. One handle, one thread at a time.
 */
#ifndef STC_BASE_DB_H
#define STC_BASE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/err.h"

struct stc_db;      /* opaque */
struct stc_db_stmt; /* opaque */

enum stc_db_mode {
    STC_DB_READ, /* must exist; nothing is written, but for what a killed writer left */
    STC_DB_WRITE,  /* must exist */
    STC_DB_CREATE, /* made with the schema when absent or empty */
};

/* What kind of store it is. */
struct stc_db_kind {
    const char *what;   /* "calibration store" */
    int version;        /* user_version written and understood */
    const char *schema; /* script of CREATE TABLE ... STRICT; ends with NUL */
};

/* path ":memory:" works with CREATE. CREATE and WRITE use WAL. kind NULL, with
 * READ only: a file of some other program, of whatever version. */
enum stc_err stc_db_open(struct stc_db **out, const char *path, enum stc_db_mode mode,
                         const struct stc_db_kind *kind,
                         struct stc_diag *diag) STC_MUST_USE;
void stc_db_close(struct stc_db *db);

/* PRAGMA quick_check: reads the whole file. */
enum stc_err stc_db_check(struct stc_db *db, struct stc_diag *diag) STC_MUST_USE;

/* One or more statements without results. */
enum stc_err stc_db_exec(struct stc_db *db, const char *sql,
                         struct stc_diag *diag) STC_MUST_USE;

enum stc_err stc_db_begin(struct stc_db *db, struct stc_diag *diag) STC_MUST_USE;
enum stc_err stc_db_commit(struct stc_db *db, struct stc_diag *diag) STC_MUST_USE;
/* Never fails loudly: it runs on the way out of another failure. */
void stc_db_rollback(struct stc_db *db);

enum stc_err stc_db_prepare(struct stc_db *db, const char *sql,
                            struct stc_db_stmt **out,
                            struct stc_diag *diag) STC_MUST_USE;
void stc_db_finish(struct stc_db_stmt *st);

/* Parameters count from 1. A failure is kept and reported by the next step.
 * Text is copied; NULL text and NaN become SQL NULL. */
void stc_db_bind_i64(struct stc_db_stmt *st, int i, int64_t v);
void stc_db_bind_double(struct stc_db_stmt *st, int i, double v);
void stc_db_bind_text(struct stc_db_stmt *st, int i, const char *v);
void stc_db_bind_null(struct stc_db_stmt *st, int i);

/* *row (may be NULL when no rows are expected) is false when done. */
enum stc_err stc_db_step(struct stc_db_stmt *st, bool *row,
                         struct stc_diag *diag) STC_MUST_USE;
/* Ready for new parameters; the old ones are cleared. */
void stc_db_reset(struct stc_db_stmt *st);

/* Columns count from 0. */
int stc_db_n_cols(const struct stc_db_stmt *st);
const char *stc_db_col_name(const struct stc_db_stmt *st, int i);
bool stc_db_col_is_null(const struct stc_db_stmt *st, int i);
int64_t stc_db_col_i64(const struct stc_db_stmt *st, int i);
double stc_db_col_double(const struct stc_db_stmt *st, int i);    /* NaN for NULL */
const char *stc_db_col_text(const struct stc_db_stmt *st, int i); /* "" for NULL */

int64_t stc_db_last_id(const struct stc_db *db);
/* Rows changed by the last statement. */
int64_t stc_db_n_changed(const struct stc_db *db);

/* The first column of the first row, for counts and the like. */
enum stc_err stc_db_one_i64(struct stc_db *db, const char *sql, int64_t *out,
                            struct stc_diag *diag) STC_MUST_USE;

#endif
