/*
 * doc_build.h - how doc_yaml.c and doc_json.c put a tree together.
 *
 * ORDER. Nodes are made in the order of the text; children are appended. The
 * builder keeps the open containers on a stack of bounded depth.
 *
 * ERRORS. As doc.h; the builder writes the sentence.
 */
#ifndef STC_BASE_DOC_BUILD_H
#define STC_BASE_DOC_BUILD_H

#include "sim/base/doc.h"

enum { STC_DOC_MAX_DEPTH = 64, STC_DOC_MAX_NODES = 1 << 20 };

struct stc_doc_open {
    struct stc_node *node, *last; /* last: its youngest child */
    const char *key;              /* read, its value not yet */
    int key_line, key_column;
    struct stc_doc_keys *keys; /* for the search of duplicates */
};

struct stc_doc_build {
    struct stc_arena *arena;
    const char *file;
    struct stc_diag *diag;
    struct stc_node *root;
    int depth, n_nodes;
    struct stc_doc_open open[STC_DOC_MAX_DEPTH];
};

/* A key of the map on top of the stack; a second one of the same text fails. */
enum stc_err stc_doc_key(struct stc_doc_build *b, const char *text, size_t len,
                         int line, int column) STC_MUST_USE;
/* A node below the top of the stack; containers are pushed on it. */
enum stc_err stc_doc_add(struct stc_doc_build *b, enum stc_node_kind kind,
                         const char *text, size_t len, int line,
                         int column) STC_MUST_USE;
void stc_doc_pop(struct stc_doc_build *b);
/* The node added last gets its mark of quotes. */
void stc_doc_set_quoted(struct stc_doc_build *b);
bool stc_doc_wants_key(const struct stc_doc_build *b);

/* Prepares a builder; copies the name into the arena. */
enum stc_err stc_doc_begin(struct stc_doc_build *b, struct stc_arena *a,
                           const char *name, struct stc_diag *diag) STC_MUST_USE;

#endif
