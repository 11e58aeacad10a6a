/*
 * fuzz_doc.h - what must hold of a text format's parser: an accepted text gives a
 * tree whose links, counts, lines and keys are sound; a refused one gives one
 * sentence that begins with the file's name.
 */
#ifndef STC_TESTS_FUZZ_DOC_H
#define STC_TESTS_FUZZ_DOC_H

#include "sim/base/doc.h"
#include "tests/fuzz/fuzz.h"

static void fuzz_tree(const struct stc_node *n, int depth)
{
    struct stc_diag diag;
    double x;
    bool b;
    int count = 0;
    FUZZ_MUST(depth <= 65 && n->text != NULL && n->line >= 1 && n->column >= 1);
    (void)!stc_node_double(n, &x, &diag);
    (void)!stc_node_bool(n, &b, &diag);
    for (const struct stc_node *c = n->first; c != NULL; c = c->next, count++) {
        FUZZ_MUST(c->parent == n);
        FUZZ_MUST((c->key != NULL) == (n->kind == STC_NODE_MAP));
        if (c->key != NULL && count < 50) FUZZ_MUST(stc_node_get(n, c->key) == c);
        fuzz_tree(c, depth + 1);
    }
    FUZZ_MUST(count == n->n);
}

typedef enum stc_err fuzz_parse(struct stc_arena *a, const char *name, const char *text,
                                size_t size, const struct stc_node **root,
                                struct stc_diag *diag);

static int fuzz_doc(fuzz_parse *parse, const uint8_t *data, size_t size)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    const struct stc_node *root = NULL;
    a.cap_bytes = 64u << 20;
    if (parse(&a, "f", (const char *)data, size, &root, &diag) == STC_OK)
        fuzz_tree(root, 0);
    else
        FUZZ_MUST(root == NULL && strncmp(diag.text, "f:", 2) == 0);
    stc_arena_free(&a);
    return 0;
}

#endif
