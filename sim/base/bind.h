/*
 * bind.h - key tables: one row is the parser, the default, the check and the
 * manual of one key.
 *
 * A table of rows describes a struct. From it come the reading of a document,
 * the CLI's KEY=VALUE (the very same conversion and sentences), the writing
 * back and the help. Sections may nest: section "cluster.fabric", key "nic_bw".
 *
 *     static const struct stc_bind_row rows[] = {
 *         {STC_BIND_FIELD("layout", "tp", INT, struct scenario, tp), .def = "1",
 *          .min = 1, .max = 1024, .help = "tensor-parallel ranks"},
 *         {STC_BIND_FIELD("fabric", "nic_bw", REAL, struct scenario, nic_bw_Bps),
 *          .dim = STC_DIM_BPS, .def = "400Gbps", .min = 1, .max = 1e15, .help = "..."},
 *     };
 *     static const struct stc_bind_table table = {
 *         .what = "scenario", .rows = rows, .n_rows = STC_N_ELEM(rows),
 *         .struct_size = sizeof(struct scenario)};
 *
 * TYPES in memory
 *     INT  int          I64  int64_t     REAL double (SI)   BOOL bool
 *     ENUM int, index into names         MASK uint32_t, bit i for names[i]
 *     NAME char[size]   TEXT const char * (in the arena, NULL when unset)
 *     INT_LIST int[], REAL_LIST double[], NAME_LIST char[][STC_NAME_BYTES]:
 *          at most size / element; the count, an int, at count_offset
 * Lists are written [1, 2, 4], or "1,2,4" on the command line.
 *
 * ERRORS. Unknown keys (with near names), missing units, fractions for whole
 * numbers, ranges: "FILE:LINE: layout.tp: 0 is not in [1, 1024]". On any error
 * the struct and the seen set are untouched.
 */
#ifndef STC_BASE_BIND_H
#define STC_BASE_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/arena.h"
#include "sim/base/doc.h"
#include "sim/base/err.h"
#include "sim/base/text.h"
#include "sim/base/units.h"

#define STC_NAME_BYTES    64
#define STC_BIND_MAX_ROWS 512
#define STC_N_ELEM(a)     ((int)(sizeof(a) / sizeof((a)[0])))

/* ORDER: the handlers in bind.c follow this. */
enum stc_bind_type {
    STC_BIND_INT,
    STC_BIND_I64,
    STC_BIND_REAL,
    STC_BIND_BOOL,
    STC_BIND_ENUM,
    STC_BIND_MASK,
    STC_BIND_NAME,
    STC_BIND_TEXT,
    STC_BIND_INT_LIST,
    STC_BIND_REAL_LIST,
    STC_BIND_NAME_LIST,
};

enum {
    STC_BIND_AUTO = 1u,     /* "auto" is allowed and stored as -1 (INT, I64, REAL) */
    STC_BIND_REQUIRED = 2u, /* a document must hold it */
    STC_BIND_NO_WRITE = 4u, /* not written back by stc_bind_write_yaml */
};

struct stc_bind_row {
    const char *section; /* "" for the top level; dots nest */
    const char *key;
    enum stc_bind_type type;
    size_t offset, size;
    size_t count_offset; /* lists only */
    enum stc_dim dim;    /* REAL, REAL_LIST; COUNT also for INT and I64 */
    unsigned flags;
    const char *def;          /* text of the default; NULL: zero / empty */
    double min, max;          /* inclusive; both 0: no bounds */
    const char *const *names; /* ENUM, MASK: ends with NULL */
    const char *help;
};

/* The first six members of a row. */
#define STC_BIND_FIELD(section_, key_, type_, struct_, member_) \
 .section = section_, .key = key_, .type = STC_BIND_##type_,    \
 .offset = offsetof(struct_, member_), .size = sizeof(((struct_ *)0)->member_)
#define STC_BIND_LIST(section_, key_, type_, struct_, member_, count_) \
 STC_BIND_FIELD(section_, key_, type_, struct_, member_),              \
     .count_offset = offsetof(struct_, count_)

struct stc_bind_table {
    const char *what; /* "scenario": for help and sentences */
    const struct stc_bind_row *rows;
    int n_rows; /* at most STC_BIND_MAX_ROWS */
    size_t struct_size;
    /* Keys that the document may hold but somebody else reads ("model",
     * "cluster.gpus"); a whole subtree each. Ends with NULL; may be NULL. */
    const char *const *also;
};

/* Which rows were given by the user, by row index. Start with {0}. */
struct stc_bind_seen {
    uint64_t bits[STC_BIND_MAX_ROWS / 64];
};

/* Sets every row of the struct to its default; what no row names is left. */
enum stc_err stc_bind_defaults(const struct stc_bind_table *t, void *obj,
                               struct stc_arena *a, struct stc_diag *diag) STC_MUST_USE;

/* Reads a map into obj. Rows that the map does not hold keep their value, so
 * call stc_bind_defaults first. seen may be NULL; rows found are added to it. */
enum stc_err stc_bind_doc(const struct stc_bind_table *t, const struct stc_node *map,
                          void *obj, struct stc_bind_seen *seen, struct stc_arena *a,
                          struct stc_diag *diag) STC_MUST_USE;

/* One key by its full name "layout.tp" and its text. seen may be NULL. */
enum stc_err stc_bind_set(const struct stc_bind_table *t, void *obj, const char *key,
                          const char *value, struct stc_bind_seen *seen,
                          struct stc_arena *a, struct stc_diag *diag) STC_MUST_USE;

/* Index of the row with that full name, or -1. */
int stc_bind_find(const struct stc_bind_table *t, const char *key);
/* "layout.tp" or "seed"; returns buf. */
char *stc_bind_key(const struct stc_bind_row *row, char *buf, size_t size);

bool stc_bind_is_seen(const struct stc_bind_seen *s, int row);
void stc_bind_mark(struct stc_bind_seen *s, int row);

/* The field as text that stc_bind_set reads back to the identical value. */
void stc_bind_get_text(const struct stc_bind_row *row, const void *obj,
                       struct stc_text *out);

/* The whole struct as YAML, section by section in row order; comments with the
 * help when with_help. only_seen (may be NULL) restricts to those rows. */
void stc_bind_write_yaml(const struct stc_bind_table *t, const void *obj,
                         const struct stc_bind_seen *only_seen, bool with_help,
                         struct stc_text *out);

/* The manual: a markdown table per section, or aligned plain text. */
void stc_bind_help(const struct stc_bind_table *t, bool markdown, struct stc_text *out);
/* "number in s, 0 s to 10 s, or auto": what a row takes. */
void stc_bind_type(const struct stc_bind_row *row, struct stc_text *out);

/* Two structs agree in every row of the table. */
bool stc_bind_equal(const struct stc_bind_table *t, const void *x, const void *y);

#endif
