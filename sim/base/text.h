/*
 * text.h - growable text with a hard bound, CSV, near names, hashing.
 *
 * OWNERSHIP. stc_text and stc_csv are caller-owned: init or open, then free or
 * close (both may be called twice). Fields of a CSV row live until the next
 * stc_csv_next.
 *
 * ERRORS. stc_text is sticky: after the first failure (bound or memory) all
 * puts do nothing and stc_text_err says why, so that a long report checks once.
 */
#ifndef STC_BASE_TEXT_H
#define STC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/base/err.h"

/* ==== text ==== */

struct stc_text {
    char *ptr;        /* NUL-terminated once something was put; else NULL */
    size_t len;       /* bytes without the NUL */
    size_t cap, max;  /* private: allocated; hard bound on len */
    enum stc_err err; /* private: the first failure */
};

/* max_bytes 0 means 64 MiB. */
void stc_text_init(struct stc_text *t, size_t max_bytes);
void stc_text_free(struct stc_text *t);
void stc_text_clear(struct stc_text *t);
void stc_text_put(struct stc_text *t, const char *s);
void stc_text_put_n(struct stc_text *t, const char *s, size_t n);
void stc_text_printf(struct stc_text *t, const char *fmt, ...) STC_PRINTF(2, 3);
/* Never NULL: "" for an empty text. */
const char *stc_text_str(const struct stc_text *t);
/* STC_OK, STC_ERR_NOMEM or STC_ERR_RANGE (the bound). */
enum stc_err stc_text_err(const struct stc_text *t);

/* The same bits: 0.0 is not -0.0, and a NaN is itself. */
bool stc_same_double(double a, double b);

/* The shortest of %.15g %.16g %.17g that reads back as the same double. */
char *stc_text_double(double v, char *buf, size_t size);

/* Whole text as a number; no trailing characters; inf, nan and hex refused. */
bool stc_text_to_double(const char *s, double *out);
bool stc_text_to_i64(const char *s, int64_t *out);

/* ==== CSV (RFC 4180) ==== */

#define STC_CSV_MAX_COLS      256
#define STC_CSV_MAX_ROW_BYTES 65536

/* ORDER. The first row is the header. Each further row has as many fields as
 * the header, else it is an error that names the line. Quoted fields may hold
 * commas, quotes ("") and line ends. CRLF and LF both end a row; an empty line
 * is skipped; a UTF-8 byte order mark is dropped. */
struct stc_csv {
    const char *name; /* for sentences; the caller's, must outlive this */
    FILE *file;       /* private: one of file and mem */
    const char *mem;
    size_t mem_len, mem_pos;
    char *buf; /* private: the row, fields cut by NULs */
    char *header_buf;
    char *header[STC_CSV_MAX_COLS]; /* column names */
    char *field[STC_CSV_MAX_COLS];  /* fields of the present row */
    int n_cols;
    int line;      /* line at which the present row begins, from 1 */
    int next_line; /* private */
};

enum stc_err stc_csv_open(struct stc_csv *c, const char *path,
                          struct stc_diag *diag) STC_MUST_USE;
/* text must outlive the reader. */
enum stc_err stc_csv_open_mem(struct stc_csv *c, const char *name, const char *text,
                              size_t len, struct stc_diag *diag) STC_MUST_USE;
/* *got is false at the end. */
enum stc_err stc_csv_next(struct stc_csv *c, bool *got,
                          struct stc_diag *diag) STC_MUST_USE;
void stc_csv_close(struct stc_csv *c);

/* Index of a column, or -1. */
int stc_csv_col(const struct stc_csv *c, const char *name);
/* As above, but an absent column is an error with near names. */
enum stc_err stc_csv_need(const struct stc_csv *c, const char *name, int *col,
                          struct stc_diag *diag) STC_MUST_USE;
/* The field, or "" when col is -1. */
const char *stc_csv_text(const struct stc_csv *c, int col);
/* An empty or absent cell leaves *out alone and gives *given = false. given
 * NULL: the cell must be there. */
enum stc_err stc_csv_double(const struct stc_csv *c, int col, double *out, bool *given,
                            struct stc_diag *diag) STC_MUST_USE;
enum stc_err stc_csv_i64(const struct stc_csv *c, int col, int64_t *out, bool *given,
                         struct stc_diag *diag) STC_MUST_USE;
/* "NAME:LINE: COLUMN: sentence" (col may be -1). */
enum stc_err stc_csv_fail(const struct stc_csv *c, int col, struct stc_diag *diag,
                          enum stc_err err, const char *fmt, ...) STC_PRINTF(5, 6);
#define stc_csv_fail(c, col, diag, err, ...)                    \
 ((void)(stc_csv_fail)((c), (col), (diag), (err), __VA_ARGS__), \
  stc_err_same(err)) /* as stc_fail */

/* Writing: puts between begin and end make one row; quotes where needed. */
struct stc_csv_writer {
    FILE *file;
    int col; /* fields already put in this row */
};
void stc_csv_put_text(struct stc_csv_writer *w, const char *s);
void stc_csv_put_double(struct stc_csv_writer *w, double v); /* lossless; NaN: empty */
void stc_csv_put_i64(struct stc_csv_writer *w, int64_t v);
void stc_csv_end_row(struct stc_csv_writer *w);

/* ==== near names ==== */

/* Up to max names nearest to `name` by edit distance (insert, delete, change,
 * swap of neighbours; case counts half), nearest first; only those near enough
 * to be meant. Returns how many. */
size_t stc_near(const char *name, const char *const *names, size_t n, const char **out,
                size_t max);
/* "; did you mean tp or pp?", or "" when nothing is near. Returns buf. */
char *stc_near_text(const char *name, const char *const *names, size_t n, char *buf,
                    size_t size);

/* ==== hash ==== */

/* FNV-1a, 64 bits (Fowler, Noll, Vo). Start with STC_HASH_INIT. Not for
 * secrets: it tells two scenarios apart. */
#define STC_HASH_INIT UINT64_C(14695981039346656037)
uint64_t stc_hash64(uint64_t h, const void *data, size_t n);

#endif
