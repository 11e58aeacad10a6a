#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "sim/base/doc_build.h"

/*
 * jansson decides what is JSON and decodes it, but keeps no lines. Its objects
 * keep their order, so a cursor walks the same text in step with the tree and
 * tells the line of each value (and the digits of each number as written).
 */
struct cursor {
    const char *p, *end, *bol;
    int line;
};

static void skip_space(struct cursor *c)
{
    for (; c->p < c->end && strchr(" \t\r\n,:", *c->p) != NULL && *c->p != '\0';
         c->p++) {
        if (*c->p != '\n') continue;
        c->line++;
        c->bol = c->p + 1;
    }
}

static int column(const struct cursor *c)
{
    return (int)(c->p - c->bol) + 1;
}

static void skip_string(struct cursor *c)
{
    for (c->p++; c->p < c->end && *c->p != '"'; c->p++)
        if (*c->p == '\\') c->p++;
    c->p++;
}

static size_t skip_word(struct cursor *c)
{
    const char *from = c->p;
    while (c->p < c->end && strchr(" \t\r\n,:]}", *c->p) == NULL)
        c->p++;
    return (size_t)(c->p - from);
}

static enum stc_err add(struct stc_doc_build *b, struct cursor *c, const json_t *v);

static enum stc_err add_object(struct stc_doc_build *b, struct cursor *c,
                               const json_t *v)
{
    enum stc_err err = stc_doc_add(b, STC_NODE_MAP, "", 0, c->line, column(c));
    if (err != STC_OK) return err;
    c->p++; /* the opening brace */
    /* jansson's iterator wants its object without const, and does not write. */
    json_t *object = json_incref((json_t *)(uintptr_t)v);
    for (void *it = json_object_iter(object); it != NULL && err == STC_OK;
         it = json_object_iter_next(object, it)) {
        const char *key = json_object_iter_key(it);
        skip_space(c);
        err = stc_doc_key(b, key, strlen(key), c->line, column(c));
        skip_string(c);
        skip_space(c);
        if (err == STC_OK) err = add(b, c, json_object_iter_value(it));
    }
    json_decref(object);
    skip_space(c);
    c->p++;
    stc_doc_pop(b);
    return err;
}

static enum stc_err add_array(struct stc_doc_build *b, struct cursor *c,
                              const json_t *v)
{
    enum stc_err err = stc_doc_add(b, STC_NODE_LIST, "", 0, c->line, column(c));
    if (err != STC_OK) return err;
    c->p++;
    for (size_t i = 0; i < json_array_size(v) && err == STC_OK; i++) {
        skip_space(c);
        err = add(b, c, json_array_get(v, i));
    }
    skip_space(c);
    c->p++;
    stc_doc_pop(b);
    return err;
}

static enum stc_err add(struct stc_doc_build *b, struct cursor *c, const json_t *v)
{
    int line = c->line, col = column(c);
    const char *from = c->p;
    enum stc_err err;
    switch (json_typeof(v)) {
    case JSON_OBJECT: return add_object(b, c, v);
    case JSON_ARRAY: return add_array(b, c, v);
    case JSON_STRING:
        skip_string(c);
        err = stc_doc_add(b, STC_NODE_SCALAR, json_string_value(v),
                          json_string_length(v), line, col);
        if (err == STC_OK) stc_doc_set_quoted(b);
        return err;
    case JSON_NULL:
        (void)skip_word(c);
        return stc_doc_add(b, STC_NODE_NULL, "", 0, line, col);
    default: break; /* a number, true or false: as written */
    }
    size_t n = skip_word(c);
    return stc_doc_add(b, STC_NODE_SCALAR, from, n, line, col);
}

enum stc_err stc_doc_parse_json(struct stc_arena *a, const char *name, const char *text,
                                size_t len, const struct stc_node **out,
                                struct stc_diag *diag)
{
    struct stc_doc_build b;
    json_error_t why;
    enum stc_err err = stc_doc_begin(&b, a, name, diag);
    if (err != STC_OK) return err;
    /* Integers too long for 64 bits are refused by jansson; that is well. */
    json_t *root =
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (root == NULL)
        return stc_fail(diag, STC_ERR_PARSE, "%s:%d: %s", name, why.line, why.text);
    struct cursor c = {.p = text, .end = text + len, .bol = text, .line = 1};
    skip_space(&c);
    err = add(&b, &c, root);
    json_decref(root);
    if (err == STC_OK) *out = b.root;
    return err;
}
