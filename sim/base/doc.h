/*
 * doc.h - YAML (libyaml) and JSON (jansson) as one tree.
 *
 * Scenarios, catalogues, launch files and Hugging Face configs all become the
 * same nodes, each with its file, line and column, so that whoever reads a
 * value can say where it stands.
 *
 * ORDER. Children keep the order of the text. Scalars stay text; the reader of
 * a value decides its type, so "1e3" and "010" cannot be misread early.
 *
 * LIMITS. Depth 64, 2^20 nodes, 64 MiB a file. Anchors and aliases are refused
 * (a few lines of them can stand for gigabytes), as are a second document in
 * the file, tags other than the core ones, and a key that stands twice (both
 * lines are named).
 *
 * OWNERSHIP. All nodes and texts live in the arena; the input text may go.
 *
 * ERRORS. STC_ERR_IO, STC_ERR_PARSE, STC_ERR_NOMEM; "FILE:LINE: KEY: ...".
 */
#ifndef STC_BASE_DOC_H
#define STC_BASE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/arena.h"
#include "sim/base/err.h"
#include "sim/base/units.h"

enum stc_node_kind {
    STC_NODE_NULL,   /* nothing, ~, null */
    STC_NODE_SCALAR, /* text */
    STC_NODE_LIST,   /* children without keys */
    STC_NODE_MAP,    /* children with keys */
};

struct stc_node {
    enum stc_node_kind kind;
    bool quoted;      /* a scalar in quotes: text, not a number */
    int line, column; /* from 1, of the value; of the key if there is one */
    int n;            /* children */
    const char *file; /* name given to the parser */
    const char *key;  /* within a map, else NULL */
    const char *text; /* of a scalar, "" otherwise */
    const struct stc_node *parent;       /* NULL for the root */
    const struct stc_node *first, *next; /* children; sibling */
};

/* An empty text gives an empty map. */
enum stc_err stc_doc_parse_yaml(struct stc_arena *a, const char *name, const char *text,
                                size_t len, const struct stc_node **out,
                                struct stc_diag *diag) STC_MUST_USE;
enum stc_err stc_doc_parse_json(struct stc_arena *a, const char *name, const char *text,
                                size_t len, const struct stc_node **out,
                                struct stc_diag *diag) STC_MUST_USE;
/* .json by jansson, all else as YAML. */
enum stc_err stc_doc_parse(struct stc_arena *a, const char *name, const char *text,
                           size_t len, const struct stc_node **out,
                           struct stc_diag *diag) STC_MUST_USE;
enum stc_err stc_doc_read_file(struct stc_arena *a, const char *path,
                               const struct stc_node **out,
                               struct stc_diag *diag) STC_MUST_USE;
/* An embedded file (embed.h): "hw/data/gpus.yaml". */
enum stc_err stc_doc_read_embed(struct stc_arena *a, const char *path,
                                const struct stc_node **out,
                                struct stc_diag *diag) STC_MUST_USE;
/* The bytes of a file plus a NUL, in the arena; at most 64 MiB. */
enum stc_err stc_read_file(struct stc_arena *a, const char *path, char **text,
                           size_t *len, struct stc_diag *diag) STC_MUST_USE;

/* Iteration: for (const struct stc_node *c = map->first; c; c = c->next) */

/* Child by key, or NULL (also when node is NULL or not a map). */
const struct stc_node *stc_node_get(const struct stc_node *map, const char *key);
/* Child by a dotted path, "layout.tp", or NULL. */
const struct stc_node *stc_node_path(const struct stc_node *map, const char *path);
/* Child by position, or NULL. */
const struct stc_node *stc_node_at(const struct stc_node *list, int index);
/* As get, but absence is an error. */
enum stc_err stc_node_need(const struct stc_node *map, const char *key,
                           const struct stc_node **out,
                           struct stc_diag *diag) STC_MUST_USE;

/* A scalar as a value. On error *out is untouched. */
enum stc_err stc_node_double(const struct stc_node *n, double *out,
                             struct stc_diag *diag) STC_MUST_USE;
enum stc_err stc_node_units(const struct stc_node *n, enum stc_dim dim, double *out,
                            struct stc_diag *diag) STC_MUST_USE;
enum stc_err stc_node_i64(const struct stc_node *n, int64_t *out,
                          struct stc_diag *diag) STC_MUST_USE;
enum stc_err stc_node_int(const struct stc_node *n, int *out,
                          struct stc_diag *diag) STC_MUST_USE;
/* true false yes no on off, any case. */
enum stc_err stc_node_bool(const struct stc_node *n, bool *out,
                           struct stc_diag *diag) STC_MUST_USE;
enum stc_err stc_node_text(const struct stc_node *n, const char **out,
                           struct stc_diag *diag) STC_MUST_USE;

/* "FILE:LINE: KEY: sentence", KEY with its sections ("layout.tp"). */
enum stc_err stc_node_fail(const struct stc_node *n, struct stc_diag *diag,
                           enum stc_err err, const char *fmt, ...) STC_PRINTF(4, 5);
/* As stc_fail: the code is seen by the compiler. */
#define stc_node_fail(n, diag, err, ...) \
 ((void)(stc_node_fail)((n), (diag), (err), __VA_ARGS__), stc_err_same(err))

#endif
