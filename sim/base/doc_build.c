#include "sim/base/doc_build.h"

#include <string.h>

#include "sim/base/text.h"

/* Keys of one map, hashed: a map of a million keys is read in linear time. */
struct stc_doc_keys {
    struct slot {
        const char *key;
        int line;
    } * slots;
    size_t n, cap; /* cap: a power of two */
};

static enum stc_err no_memory(struct stc_doc_build *b)
{
    return stc_fail(b->diag, STC_ERR_NOMEM, "%s: out of memory", b->file);
}

static struct slot *find_slot(const struct stc_doc_keys *k, const char *key)
{
    size_t i = (size_t)stc_hash64(STC_HASH_INIT, key, strlen(key)) & (k->cap - 1);
    while (k->slots[i].key != NULL && strcmp(k->slots[i].key, key) != 0)
        i = (i + 1) & (k->cap - 1);
    return &k->slots[i];
}

static bool grow_keys(struct stc_doc_keys *k, struct stc_arena *a)
{
    struct stc_doc_keys more = {.cap = k->cap != 0 ? k->cap * 4 : 16, .n = k->n};
    more.slots = STC_NEW_N(a, struct slot, more.cap);
    if (more.slots == NULL) return false;
    for (size_t i = 0; i < k->cap; i++)
        if (k->slots[i].key != NULL) *find_slot(&more, k->slots[i].key) = k->slots[i];
    *k = more;
    return true;
}

enum stc_err stc_doc_begin(struct stc_doc_build *b, struct stc_arena *a,
                           const char *name, struct stc_diag *diag)
{
    b->arena = a;
    b->file = name;
    b->diag = diag;
    b->root = NULL;
    b->depth = 0;
    b->n_nodes = 0;
    const char *copy = stc_arena_strdup(a, name);
    if (copy == NULL) return no_memory(b);
    b->file = copy;
    return STC_OK;
}

/* A copy without inner NULs, which C text cannot hold. */
static enum stc_err copy_text(struct stc_doc_build *b, const char *text, size_t len,
                              int line, const char **out)
{
    if (memchr(text, '\0', len) != NULL)
        return stc_fail(b->diag, STC_ERR_PARSE, "%s:%d: a NUL character within a text",
                        b->file, line);
    char *p = stc_arena_alloc(b->arena, len + 1, 1);
    if (p == NULL) return no_memory(b);
    memcpy(p, text, len);
    *out = p;
    return STC_OK;
}

enum stc_err stc_doc_key(struct stc_doc_build *b, const char *text, size_t len,
                         int line, int column)
{
    struct stc_doc_open *o = &b->open[b->depth - 1];
    const char *key;
    enum stc_err err = copy_text(b, text, len, line, &key);
    if (err != STC_OK) return err;
    if (o->keys == NULL && (o->keys = STC_NEW(b->arena, struct stc_doc_keys)) == NULL)
        return no_memory(b);
    if (o->keys->n * 2 >= o->keys->cap && !grow_keys(o->keys, b->arena))
        return no_memory(b);
    struct slot *s = find_slot(o->keys, key);
    if (s->key != NULL)
        return stc_fail(b->diag, STC_ERR_PARSE,
                        "%s:%d: %.80s: stands twice; the first is in line %d", b->file,
                        line, key, s->line);
    *s = (struct slot){key, line};
    o->keys->n++;
    o->key = key;
    o->key_line = line;
    o->key_column = column;
    return STC_OK;
}

bool stc_doc_wants_key(const struct stc_doc_build *b)
{
    if (b->depth == 0) return false;
    const struct stc_doc_open *o = &b->open[b->depth - 1];
    return o->node->kind == STC_NODE_MAP && o->key == NULL;
}

/* Hangs a node below the top of the stack. */
static void attach(struct stc_doc_build *b, struct stc_node *n)
{
    if (b->depth == 0) {
        b->root = n;
        return;
    }
    struct stc_doc_open *o = &b->open[b->depth - 1];
    n->parent = o->node;
    n->key = o->key;
    if (o->key != NULL) {
        n->line = o->key_line;
        n->column = o->key_column;
    }
    o->key = NULL;
    if (o->last != NULL)
        o->last->next = n;
    else
        o->node->first = n;
    o->last = n;
    o->node->n++;
}

enum stc_err stc_doc_add(struct stc_doc_build *b, enum stc_node_kind kind,
                         const char *text, size_t len, int line, int column)
{
    bool is_container = kind == STC_NODE_LIST || kind == STC_NODE_MAP;
    if (is_container && b->depth == STC_DOC_MAX_DEPTH)
        return stc_fail(b->diag, STC_ERR_PARSE, "%s:%d: nested deeper than %d", b->file,
                        line, STC_DOC_MAX_DEPTH);
    if (b->n_nodes++ >= STC_DOC_MAX_NODES)
        return stc_fail(b->diag, STC_ERR_PARSE, "%s:%d: more than %d values", b->file,
                        line, STC_DOC_MAX_NODES);
    struct stc_node *n = STC_NEW(b->arena, struct stc_node);
    if (n == NULL) return no_memory(b);
    *n = (struct stc_node){
        .kind = kind, .line = line, .column = column, .file = b->file, .text = ""};
    if (kind == STC_NODE_SCALAR) {
        enum stc_err err = copy_text(b, text, len, line, &n->text);
        if (err != STC_OK) return err;
    }
    attach(b, n);
    if (is_container) b->open[b->depth++] = (struct stc_doc_open){.node = n};
    return STC_OK;
}

void stc_doc_set_quoted(struct stc_doc_build *b)
{
    struct stc_node *n = b->depth > 0 ? b->open[b->depth - 1].last : b->root;
    if (n != NULL) n->quoted = true;
}

void stc_doc_pop(struct stc_doc_build *b)
{
    if (b->depth > 0) b->depth--;
}
