/*
 * store.h - the calibration store: machines, measurements, anchors, fits.
 *
 * THEORY. A measurement is a fact: a question (form and shape), a machine, a
 * value, and where it was read (file, line, date, tool). Facts are only ever
 * added. A fact is known by the hash of all it says together with how many equal
 * rows stood before it in the same file, so that reading a file twice, or a file
 * that has grown, adds only what is new.
 *
 * DURABILITY. An import commits every STC_STORE_BATCH facts. Killed at any
 * moment it leaves a valid store that holds every committed row and no half of
 * one; importing the same file again goes on where it stopped (`imported` says
 * which files were read to their end).
 *
 * ORDER. open, then begin ... add ... end per file; each, forget and the fits
 * outside of that. One thread at a time.
 *
 * ERRORS. As sim/base/db.h: a store of a newer version, a damaged one and a file
 * that is none are refused with one line.
 *
 * COST. add: about 5 us (make bench: store_import).
 */
#ifndef STC_CALIB_STORE_H
#define STC_CALIB_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/forms.h"
#include "sim/base/db.h"
#include "sim/base/err.h"

enum { STC_STORE_VERSION = 1, STC_STORE_BATCH = 4096 };

struct stc_store; /* opaque */

/* path ":memory:" for tests. */
STC_MUST_USE enum stc_err stc_store_open(struct stc_store **out, const char *path,
                                         enum stc_db_mode mode, struct stc_diag *diag);
void stc_store_close(struct stc_store *s); /* NULL is fine */
/* The file's pages and the rows' references. */
STC_MUST_USE enum stc_err stc_store_check(struct stc_store *s, struct stc_diag *diag);

/* ==== adding ==== */

struct stc_store_file {
    const char *path, *kind, *tool, *date;
    uint64_t hash; /* of its bytes */
    int64_t bytes;
};

/* Texts may be NULL (read as ""); min, p95 NaN and repeats 0: not said. */
struct stc_meas {
    enum stc_form form;
    const char *shape, *extra; /* calib/forms.h */
    const char *gpu, *machine, *driver, *clocks;
    const char *source, *ref, *notes, *unit, *date;
    double value, min, p95; /* value > 0 */
    int64_t repeats;
    int line;
};

/* Medians over the steps after warm-up; NaN and 0: not printed. */
struct stc_anchor {
    char framework[32];
    int n_steps, n_skipped;
    double step_s, lo_s, hi_s;
    double tokens_per_s_per_gpu, samples_per_s;
    double allocated_bytes, reserved_bytes;
    int64_t global_batch;
};

struct stc_store_counts {
    int64_t n_rows, n_new; /* given; not there before */
    bool known;            /* the file was imported to its end before */
};

/* Called after every commit with the facts given so far; may be NULL. */
typedef void stc_store_commit_fn(void *ctx, int64_t n_rows);

STC_MUST_USE enum stc_err stc_store_begin(struct stc_store *s,
                                          const struct stc_store_file *f,
                                          stc_store_commit_fn *on_commit, void *ctx,
                                          struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_store_add(struct stc_store *s, const struct stc_meas *m,
                                        struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_store_add_anchor(struct stc_store *s,
                                               const struct stc_anchor *a,
                                               struct stc_diag *diag);
/* Commits and marks the file as read to its end. */
STC_MUST_USE enum stc_err stc_store_end(struct stc_store *s,
                                        struct stc_store_counts *out,
                                        struct stc_diag *diag);
/* After a failure between begin and end: what was committed stays, the rest
 * is undone. */
void stc_store_abort(struct stc_store *s);

/* ==== reading ==== */

struct stc_meas_row {
    struct stc_meas m; /* texts live during the call */
    int64_t id;
    const char *file;
};
/* Anything but STC_OK ends the walk and is returned. */
typedef enum stc_err stc_meas_fn(void *ctx, const struct stc_meas_row *row,
                                 struct stc_diag *diag);
/* Facts that are not retracted, in the order they came. form NULL, gpu NULL: all. */
STC_MUST_USE enum stc_err stc_store_each(struct stc_store *s, const char *form,
                                         const char *gpu, stc_meas_fn *fn, void *ctx,
                                         struct stc_diag *diag);

/* A line for every form and GPU: "form,gpu,rows,files,machines". */
struct stc_store_line {
    const char *form, *gpu;
    int64_t n_rows, n_files, n_machines;
};
typedef enum stc_err stc_store_line_fn(void *ctx, const struct stc_store_line *line,
                                       struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_store_summary(struct stc_store *s, stc_store_line_fn *fn,
                                            void *ctx, struct stc_diag *diag);

/* What is counted: "measurement", "retracted", "file", "machine", "anchor", "fit". */
STC_MUST_USE enum stc_err stc_store_count(struct stc_store *s, const char *table,
                                          int64_t *out, struct stc_diag *diag);

/* ==== forgetting and fits ==== */

/* what: "file" (path, or its end), "machine", "gpu", "form", "source". */
STC_MUST_USE enum stc_err stc_store_forget(struct stc_store *s, const char *what,
                                           const char *value, const char *date,
                                           int64_t *n, struct stc_diag *diag);

/* One fit: its text, and the facts of `forms` (NULL-terminated) as used, and as
 * scored when `scored`. */
STC_MUST_USE enum stc_err stc_store_add_fit(struct stc_store *s, const char *name,
                                            const char *program, const char *date,
                                            const char *text,
                                            const enum stc_form *forms, int n_forms,
                                            bool scored, struct stc_diag *diag);

#endif
