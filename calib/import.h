/*
 * import.h - files of measurements into the store, whatever their kind.
 *
 * THEORY. A file is looked at, not asked: an SQLite header is an Nsight Systems
 * export, '{' or '[' a profiler's trace, a header of known columns a table
 * (calib/forms.def), and text is nccl-tests output or a training log. gzip is
 * undone on the way in. An importer turns what it reads into facts and hands
 * them to a sink, so that a fuzzer can drive it without a store.
 *
 * LIMITS. Memory does not grow with the file: traces are read as a stream,
 * lines beyond 64 KiB are cut, tables of names are bounded.
 *
 * ERRORS. "FILE:LINE: ...": a file of which not one fact can be read is refused.
 * Rows that cannot be used in a file of the right kind are counted in n_skipped;
 * a table with a wrong number in it is refused as a whole row by row: what stood
 * before stays.
 */
#ifndef STC_CALIB_IMPORT_H
#define STC_CALIB_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/store.h"
#include "sim/base/err.h"

struct stc_source; /* calib/source.h */

/* Where facts go. Anything but STC_OK ends the import. */
struct stc_sink {
    enum stc_err (*meas)(void *ctx, const struct stc_meas *m, struct stc_diag *diag);
    enum stc_err (*anchor)(void *ctx, const struct stc_anchor *a,
                           struct stc_diag *diag);
    void *ctx;
};

struct stc_hw;
struct stc_import_opts {
    const char *machine; /* the owner's name for it; NULL: what the file says */
    const char *gpu;     /* for files that do not name it; NULL: none */
    const char *fabric;  /* of nccl-tests over nodes: "InfiniBand NDR"; NULL: unknown */
    int nics_per_node;   /* likewise; 0: unknown */
    double nic_gbps;
    const char *tool, *date; /* for provenance; NULL: "" */
    const struct stc_hw *hw; /* whose rows a file may name; NULL: only the shipped */
    stc_store_commit_fn *on_commit;
    void *ctx;
};

struct stc_import_report {
    const char *kind;      /* static: "csv", "nccl-tests", "kineto", "nsys", "log" */
    int64_t n_rows, n_new; /* facts read; not in the store before */
    int64_t n_skipped;     /* rows or lines that looked like facts but hold none */
    bool known;            /* this very file was imported before */
    char remark[256];      /* what the reader should know; "" mostly */
};

STC_MUST_USE enum stc_err stc_import_file(struct stc_store *s, const char *path,
                                          const struct stc_import_opts *o,
                                          struct stc_import_report *out,
                                          struct stc_diag *diag);

/* The importers; name is for sentences. They fill n_rows, n_skipped, remark. */
typedef enum stc_err stc_importer(struct stc_source *src, const char *name,
                                  const struct stc_import_opts *o,
                                  const struct stc_sink *sink,
                                  struct stc_import_report *r, struct stc_diag *diag);
stc_importer stc_import_csv, stc_import_ncclt, stc_import_kineto, stc_import_log;
/* SQLite wants a path. */
STC_MUST_USE enum stc_err stc_import_nsys(const char *path,
                                          const struct stc_import_opts *o,
                                          const struct stc_sink *sink,
                                          struct stc_import_report *r,
                                          struct stc_diag *diag);

/* A log on its own: what `calibrate anchor` compares with. */
STC_MUST_USE enum stc_err stc_log_read(struct stc_source *src, const char *name,
                                       struct stc_anchor *out, struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_log_read_file(const char *path, struct stc_anchor *out,
                                            struct stc_diag *diag);

/* "NVIDIA A100-SXM4-80GB" -> "A100-SXM4-80GB" where the catalogue (hw NULL: the shipped
 * table of products) has it, else the text itself. Returns buf. */
const char *stc_import_gpu(const struct stc_hw *hw, const char *product,
                           double mem_bytes, char *buf, size_t size);

#endif
