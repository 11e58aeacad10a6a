#include "sim/base/doc.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/base/embed.h"
#include "sim/base/text.h"

#define MAX_FILE_BYTES ((size_t)64 << 20)

/* ==== reading files ==== */

static enum stc_err read_open_file(struct stc_arena *a, const char *path, FILE *f,
                                   char **text, size_t *len, struct stc_diag *diag)
{
    /* Read in pieces: a pipe or /dev/stdin has no size to ask for. */
    struct stc_text t;
    char piece[8192];
    enum stc_err err = STC_OK;
    stc_text_init(&t, MAX_FILE_BYTES);
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        stc_text_put_n(&t, piece, n);
    if (ferror(f))
        err = stc_fail(diag, STC_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    else if (stc_text_err(&t) == STC_ERR_RANGE)
        err = stc_fail(diag, STC_ERR_PARSE, "%s: is larger than 64 MiB", path);
    else if (stc_text_err(&t) != STC_OK ||
             (*text = stc_arena_alloc(a, t.len + 1, 1)) == NULL)
        err = stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", path);
    if (err == STC_OK) {
        memcpy(*text, stc_text_str(&t), t.len);
        *len = t.len;
    }
    stc_text_free(&t);
    return err;
}

enum stc_err stc_read_file(struct stc_arena *a, const char *path, char **text,
                           size_t *len, struct stc_diag *diag)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return stc_fail(diag, STC_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    enum stc_err err = read_open_file(a, path, f, text, len, diag);
    (void)fclose(f);
    return err;
}

enum stc_err stc_doc_parse(struct stc_arena *a, const char *name, const char *text,
                           size_t len, const struct stc_node **out,
                           struct stc_diag *diag)
{
    size_t n = strlen(name);
    bool json = n >= 5 && strcasecmp(name + n - 5, ".json") == 0;
    return (json ? stc_doc_parse_json : stc_doc_parse_yaml)(a, name, text, len, out,
                                                            diag);
}

enum stc_err stc_doc_read_file(struct stc_arena *a, const char *path,
                               const struct stc_node **out, struct stc_diag *diag)
{
    char *text;
    size_t len;
    enum stc_err err = stc_read_file(a, path, &text, &len, diag);
    return err != STC_OK ? err : stc_doc_parse(a, path, text, len, out, diag);
}

enum stc_err stc_doc_read_embed(struct stc_arena *a, const char *path,
                                const struct stc_node **out, struct stc_diag *diag)
{
    const struct stc_embed *e = stc_embed_find(path);
    if (e == NULL)
        return stc_fail(diag, STC_ERR_UNKNOWN, "%s: is not among the built-in files",
                        path);
    return stc_doc_parse(a, path, (const char *)e->data, e->size, out, diag);
}

/* ==== walking ==== */

const struct stc_node *stc_node_get(const struct stc_node *map, const char *key)
{
    if (map == NULL || map->kind != STC_NODE_MAP) return NULL;
    for (const struct stc_node *c = map->first; c != NULL; c = c->next)
        if (strcmp(c->key, key) == 0) return c;
    return NULL;
}

const struct stc_node *stc_node_path(const struct stc_node *map, const char *path)
{
    const struct stc_node *n = map;
    while (n != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        const struct stc_node *c = n->kind == STC_NODE_MAP ? n->first : NULL;
        while (c != NULL && (strncmp(c->key, path, len) != 0 || c->key[len] != '\0'))
            c = c->next;
        n = c;
        path += len + (path[len] == '.');
    }
    return n;
}

const struct stc_node *stc_node_at(const struct stc_node *list, int index)
{
    if (list == NULL || index < 0) return NULL;
    const struct stc_node *c = list->first;
    while (c != NULL && index-- > 0)
        c = c->next;
    return c;
}

/* "layout.tp", "nodes[2].gpu" */
static void full_key(const struct stc_node *n, struct stc_text *t)
{
    if (n->parent == NULL) return;
    full_key(n->parent, t);
    if (n->key != NULL) {
        stc_text_printf(t, "%s%.80s", t->len > 0 ? "." : "", n->key);
        return;
    }
    int index = 0;
    for (const struct stc_node *c = n->parent->first; c != NULL && c != n; c = c->next)
        index++;
    stc_text_printf(t, "[%d]", index);
}

enum stc_err(stc_node_fail)(const struct stc_node *n, struct stc_diag *diag,
                            enum stc_err err, const char *fmt, ...)
{
    struct stc_text key;
    va_list ap;
    va_start(ap, fmt);
    (void)stc_failv(diag, err, fmt, ap);
    va_end(ap);
    stc_text_init(&key, 240);
    full_key(n, &key);
    if (key.len > 0)
        (void)stc_fail_prefix(diag, err, "%.200s:%d: %s", n->file, n->line,
                              stc_text_str(&key));
    else
        (void)stc_fail_prefix(diag, err, "%.200s:%d", n->file, n->line);
    stc_text_free(&key);
    return err;
}

enum stc_err stc_node_need(const struct stc_node *map, const char *key,
                           const struct stc_node **out, struct stc_diag *diag)
{
    const struct stc_node *c = stc_node_get(map, key);
    if (c == NULL && map->kind != STC_NODE_MAP)
        return stc_node_fail(map, diag, STC_ERR_PARSE,
                             "must be a map that holds \"%s\"", key);
    if (c == NULL)
        return stc_node_fail(map, diag, STC_ERR_PARSE, "\"%s\" is missing", key);
    *out = c;
    return STC_OK;
}

/* ==== values ==== */

enum stc_err stc_node_text(const struct stc_node *n, const char **out,
                           struct stc_diag *diag)
{
    static const char *const what[] = {"nothing", "a value", "a list", "a map"};
    if (n->kind != STC_NODE_SCALAR)
        return stc_node_fail(n, diag, STC_ERR_PARSE, "is %s; a value is wanted",
                             what[n->kind]);
    *out = n->text;
    return STC_OK;
}

enum stc_err stc_node_units(const struct stc_node *n, enum stc_dim dim, double *out,
                            struct stc_diag *diag)
{
    const char *text;
    struct stc_diag why;
    enum stc_err err = stc_node_text(n, &text, diag);
    if (err != STC_OK) return err;
    err = stc_units_parse(text, dim, out, &why);
    return err == STC_OK ? STC_OK : stc_node_fail(n, diag, err, "%s", why.text);
}

enum stc_err stc_node_double(const struct stc_node *n, double *out,
                             struct stc_diag *diag)
{
    return stc_node_units(n, STC_DIM_NONE, out, diag);
}

enum stc_err stc_node_i64(const struct stc_node *n, int64_t *out, struct stc_diag *diag)
{
    const char *text;
    enum stc_err err = stc_node_text(n, &text, diag);
    if (err != STC_OK) return err;
    if (stc_text_to_i64(text, out)) return STC_OK;
    return stc_node_fail(n, diag, STC_ERR_PARSE, "\"%.60s\" is not a whole number",
                         text);
}

enum stc_err stc_node_int(const struct stc_node *n, int *out, struct stc_diag *diag)
{
    int64_t v;
    enum stc_err err = stc_node_i64(n, &v, diag);
    if (err != STC_OK) return err;
    if (v < INT_MIN || v > INT_MAX)
        return stc_node_fail(n, diag, STC_ERR_RANGE, "%lld is too large", (long long)v);
    *out = (int)v;
    return STC_OK;
}

enum stc_err stc_node_bool(const struct stc_node *n, bool *out, struct stc_diag *diag)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    const char *text;
    enum stc_err err = stc_node_text(n, &text, diag);
    if (err != STC_OK) return err;
    for (int i = 0; i < 6; i++) {
        if (strcasecmp(text, words[i]) != 0) continue;
        *out = i % 2 == 1;
        return STC_OK;
    }
    return stc_node_fail(n, diag, STC_ERR_PARSE, "\"%.60s\" is not true or false",
                         text);
}
