/*
 * Reached: doc_yaml.c, doc_build.c and the getters of doc.c.
 * Holds: an accepted text gives a tree whose links, counts, lines and keys are
 * sound; a refused one gives one sentence that begins with the file's name.
 */
#include "sim/base/doc.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct stc_node *n, int depth)
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
        check(c, depth + 1);
    }
    FUZZ_MUST(count == n->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    const struct stc_node *root = NULL;
    a.cap_bytes = 64u << 20;
    enum stc_err err =
        stc_doc_parse_yaml(&a, "f", (const char *)data, size, &root, &diag);
    if (err == STC_OK)
        check(root, 0);
    else
        FUZZ_MUST(root == NULL && strncmp(diag.text, "f:", 2) == 0);
    stc_arena_free(&a);
    return 0;
}
