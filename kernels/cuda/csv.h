/*
 * csv.h - rows out, and the keys of rows already there back in.
 *
 * THEORY. A benchmark is killed sooner or later: a queue's limit, a lost node.
 * Every finished case is one line, written and flushed at once, whose last
 * column is the case's key. On the next start the keys are read back and those
 * cases are skipped, so no state besides the CSV exists. A line that was being
 * written when the process died has no newline: it is cut off before anything
 * is appended.
 *
 * FORM. RFC 4180: commas between fields, quotes only around fields that hold a
 * comma, a quote or a newline. The first line names the columns. A file whose
 * first line differs is refused, never overwritten: it is of another version.
 *
 * ERRORS. Calls return 0, or -1 with a sentence in `why`.
 */
#ifndef STC_KERNELS_CUDA_CSV_H
#define STC_KERNELS_CUDA_CSV_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { STC_WHY_BYTES = 256, STC_ROW_BYTES = 2048 };

/* A row under construction; fields are appended from left to right. */
struct stc_row {
    char text[STC_ROW_BYTES];
    size_t len;
    int n_fields;
    int overflow; /* a field did not fit: the row must not be written */
};

void stc_row_start(struct stc_row *row);
void stc_row_text(struct stc_row *row, const char *text); /* NULL: empty */
void stc_row_int(struct stc_row *row, long long value);
void stc_row_num(struct stc_row *row, double value); /* NaN: an empty field */

/* A set of keys. Zero-initialise; free with stc_keys_free. */
struct stc_keys {
    char **slots;
    size_t n, n_slots;
};

int stc_keys_add(struct stc_keys *keys, const char *key); /* -1: no memory */
int stc_keys_has(const struct stc_keys *keys, const char *key);
void stc_keys_free(struct stc_keys *keys);

/* One CSV file open for appending. */
struct stc_csv {
    FILE *file;
    int n_columns;
    int n_rows;    /* whole rows found when it was opened */
    int n_damaged; /* complete lines with a wrong number of fields: kept, ignored */
    int torn;      /* 1: an unfinished last line was cut off */
};

/* Open (or create) `path` with header line `columns`; every key found is added
 * to `keys`. */
int stc_csv_open(struct stc_csv *csv, const char *path, const char *columns,
                 struct stc_keys *keys, char why[STC_WHY_BYTES]);
/* Appends the row and flushes it to the kernel. */
int stc_csv_put(struct stc_csv *csv, const struct stc_row *row,
                char why[STC_WHY_BYTES]);
void stc_csv_close(struct stc_csv *csv);

/* Fields of one line (no newline); the last one, unquoted, goes into `last`.
 * Returns the number of fields, or -1 where quotes do not close. */
int stc_csv_fields(const char *line, size_t len, char *last, size_t n_last);

#ifdef __cplusplus
}
#endif
#endif
