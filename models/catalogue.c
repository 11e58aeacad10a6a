#include "models/catalogue.h"

#include "sim/base/embed.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int skipped(char c)
{
    return c == '-' || c == '_' || c == '/' || c == ' ';
}

/* Compares the first n bytes of x with all of y. */
static int same(const char *x, size_t n, const char *y)
{
    size_t i = 0;
    for (;;) {
        while (i < n && skipped(x[i])) {
            i++;
        }
        while (skipped(*y)) {
            y++;
        }
        if (i == n || !*y) {
            return i == n && !*y;
        }
        if (tolower((unsigned char)x[i]) != tolower((unsigned char)*y)) {
            return 0;
        }
        i++;
        y++;
    }
}

int stc_cat_same_name(const char *x, const char *y)
{
    return same(x, strlen(x), y);
}

static int next_file(struct stc_cat_walk *w)
{
    for (; (w->embed = stc_embed_at(w->file)) != NULL; w->file++) {
        if (strncmp(w->embed->path, w->cat->folder, strlen(w->cat->folder)) == 0) {
            w->at = (const char *)w->embed->data;
            w->end = w->at + w->embed->size;
            w->line = 1;
            w->file++;
            return 1;
        }
    }
    return 0;
}

static const char *line_end(const char *at, const char *end)
{
    const char *nl = memchr(at, '\n', (size_t)(end - at));
    return nl ? nl + 1 : end;
}

static int begins_entry(const char *at, const char *end)
{
    return at < end && *at != ' ' && *at != '#' && *at != '\n' && *at != '\r';
}

static void copy_name(char *out, const char *at, const char *end)
{
    size_t n = 0;
    char quote = *at == '"' || *at == '\'' ? *at++ : 0;
    while (at < end && *at != '\n' && *at != (quote ? quote : ':') &&
           n + 1 < STC_NAME_BYTES) {
        out[n++] = *at++;
    }
    out[n] = '\0';
}

static int next_entry(struct stc_cat_walk *w, struct stc_cat_entry *out)
{
    for (;;) {
        while (w->embed && w->at < w->end && !begins_entry(w->at, w->end)) {
            w->at = line_end(w->at, w->end);
            w->line++;
        }
        if (w->embed && w->at < w->end) {
            break;
        }
        if (!next_file(w)) {
            return 0;
        }
    }
    out->path = w->embed->path;
    out->text = w->at;
    out->line = w->line;
    out->own = -1;
    copy_name(out->name, w->at, w->end);
    do {
        w->at = line_end(w->at, w->end);
        w->line++;
    } while (w->at < w->end && !begins_entry(w->at, w->end));
    out->len = (size_t)(w->at - out->text);
    return 1;
}

/* ==== users' entries ==== */

static void own_entry(const struct stc_cat *c, int k, struct stc_cat_entry *out)
{
    const struct stc_node *map = c->own[k].map;
    *out = (struct stc_cat_entry){.path = map->file, .line = map->line, .own = k};
    (void)snprintf(out->name, sizeof out->name, "%s", map->key);
}

static int own_has_name(const struct stc_node *map, const char *name)
{
    if (stc_cat_same_name(map->key, name)) return 1;
    const struct stc_node *alias = stc_node_get(map, "alias");
    for (const struct stc_node *n = alias ? alias->first : NULL; n; n = n->next)
        if (stc_cat_same_name(n->text, name)) return 1;
    return 0;
}

/* Whether an entry of the name stands in a later file of the user's. */
static int is_hidden(const struct stc_cat *c, const struct stc_cat_entry *e)
{
    for (int k = e->own + 1; k < c->n_own; k++)
        if (stc_cat_same_name(c->own[k].map->key, e->name)) return 1;
    return 0;
}

/* ==== walking and finding ==== */

bool stc_cat_next(struct stc_cat_walk *w, struct stc_cat_entry *out)
{
    while (next_entry(w, out))
        if (!is_hidden(w->cat, out)) return true;
    while (w->own < w->cat->n_own) {
        own_entry(w->cat, w->own++, out);
        if (!is_hidden(w->cat, out)) return true;
    }
    return false;
}

int stc_cat_at(const struct stc_cat *c, int i, struct stc_cat_entry *out)
{
    struct stc_cat_walk w = {.cat = c};
    while (stc_cat_next(&w, out))
        if (i-- == 0) return 1;
    return 0;
}

int stc_cat_count(const struct stc_cat *c)
{
    struct stc_cat_walk w = {.cat = c};
    struct stc_cat_entry e;
    int n = 0;
    while (stc_cat_next(&w, &e))
        n++;
    return n;
}

enum { PLAIN_NO, PLAIN_YES, NOT_PLAIN };

/* Whether one of the names in [a, "b, c", d] is the one sought; p is after the '['.
 * NOT_PLAIN: written in a way that only a parser reads. */
static int in_list(const char *p, const char *end, const char *name)
{
    while (p < end && *p != ']') {
        while (p < end && (*p == ' ' || *p == ',' || *p == '\n')) {
            p++;
        }
        char stop = p < end && *p == '"' ? '"' : ',';
        p += stop == '"';
        const char *from = p;
        while (p < end && *p != stop && (stop == '"' || *p != ']')) {
            if (strchr("\\#'\n", *p)) {
                return NOT_PLAIN;
            }
            p++;
        }
        if (same(from, (size_t)(p - from), name)) {
            return PLAIN_YES;
        }
        p += stop == '"' && p < end;
    }
    return PLAIN_NO;
}

/* Whether the entry's list `key` holds the name, by its text alone. */
static int listed(const struct stc_cat_entry *e, const char *key, const char *name)
{
    const char *end = e->text + e->len, *at = e->text;
    size_t n = strlen(key);
    for (; at < end; at = line_end(at, end)) {
        const char *p = at;
        while (p < end && *p == ' ') {
            p++;
        }
        if ((size_t)(end - p) <= n || memcmp(p, key, n) != 0 || p[n] != ':') {
            continue;
        }
        p += n + 1;
        return end - p > 2 && memcmp(p, " [", 2) == 0 ? in_list(p + 2, end, name)
                                                      : NOT_PLAIN;
    }
    return PLAIN_NO;
}

bool stc_cat_may_list(const struct stc_cat_entry *e, const char *key, const char *name)
{
    return !e->text || listed(e, key, name) != PLAIN_NO;
}

/* Says that there is no such name, and which are near. */
static enum stc_err not_there(const struct stc_cat *c, const char *what,
                              const char *name, struct stc_diag *diag)
{
    enum { MAX_NAMES = 1024 };
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_cat_walk w = {.cat = c};
    struct stc_cat_entry e;
    const char **names = STC_NEW_N(&a, const char *, MAX_NAMES);
    size_t n = 0;
    for (int k = 0; names && k < c->n_own && n < MAX_NAMES; k++)
        names[n++] = c->own[k].map->key;
    while (names && n < MAX_NAMES && next_entry(&w, &e)) {
        names[n] = stc_arena_strdup(&a, e.name);
        n += names[n] != NULL;
    }
    char near[256];
    near[0] = '\0';
    enum stc_err err =
        stc_fail(diag, STC_ERR_UNKNOWN, "%s: \"%s\" is not in the catalogue%s", what,
                 name, names ? stc_near_text(name, names, n, near, sizeof near) : "");
    stc_arena_free(&a);
    return err;
}

enum stc_err stc_cat_find(const struct stc_cat *c, const char *what, const char *name,
                          struct stc_cat_entry *out, struct stc_diag *diag)
{
    struct stc_cat_walk w = {.cat = c};
    struct stc_cat_entry e;
    for (int k = c->n_own; k-- > 0;) {
        if (!own_has_name(c->own[k].map, name)) continue;
        own_entry(c, k, out);
        return STC_OK;
    }
    while (next_entry(&w, &e))
        if (stc_cat_same_name(e.name, name) || listed(&e, "alias", name) == PLAIN_YES) {
            *out = e;
            return STC_OK;
        }
    return not_there(c, what, name, diag);
}

enum stc_err stc_cat_parse(struct stc_arena *a, const struct stc_cat *c,
                           const struct stc_cat_entry *e, const struct stc_node **map,
                           struct stc_diag *diag)
{
    if (e->own >= 0) {
        *map = c->own[e->own].map;
        return STC_OK;
    }
    const struct stc_node *root;
    enum stc_err err = stc_doc_parse_yaml(a, e->path, e->text, e->len, &root, diag);
    if (err) {
        return err;
    }
    if (root->kind != STC_NODE_MAP || !root->first ||
        root->first->kind != STC_NODE_MAP) {
        return stc_fail(diag, STC_ERR_PARSE, "%s:%d: %s: an entry is a map", e->path,
                        e->line, e->name);
    }
    *map = root->first;
    return STC_OK;
}

enum stc_err stc_cat_base(const struct stc_cat *c, const struct stc_cat_entry *e,
                          const struct stc_node *map, bool *found,
                          struct stc_cat_entry *out, struct stc_diag *diag)
{
    const struct stc_node *like = stc_node_get(map, "like");
    struct stc_cat below = *c;
    struct stc_diag why = {""};
    *found = like != NULL;
    if (!like) return STC_OK;
    if (e->own < 0)
        below.n_own = 0;
    else if (own_has_name(map, like->text))
        below.n_own = e->own; /* what it hides */
    enum stc_err err = stc_cat_find(&below, "like", like->text, out, &why);
    if (!err) return STC_OK;
    return stc_node_fail(like, diag, err, "%s",
                         strncmp(why.text, "like: ", 6) == 0 ? why.text + 6 : why.text);
}

static enum stc_err bind_chain(struct stc_arena *a, const struct stc_cat *c,
                               const struct stc_cat_entry *e,
                               const struct stc_bind_table *t, void *obj, int depth,
                               struct stc_diag *diag)
{
    const struct stc_node *map;
    struct stc_cat_entry base;
    bool has_base = false;
    enum stc_err err = stc_cat_parse(a, c, e, &map, diag);
    if (!err) err = stc_cat_base(c, e, map, &has_base, &base, diag);
    if (err) return err;
    if (has_base && depth > 16) {
        return stc_fail(diag, STC_ERR_PARSE, "%s:%d: %s: `like` goes round in a circle",
                        e->path, e->line, e->name);
    }
    if (has_base) err = bind_chain(a, c, &base, t, obj, depth + 1, diag);
    return err ? err : stc_bind_doc(t, map, obj, NULL, a, diag);
}

enum stc_err stc_cat_bind(struct stc_arena *a, const struct stc_cat *c,
                          const struct stc_cat_entry *e, const struct stc_bind_table *t,
                          void *obj, struct stc_diag *diag)
{
    return bind_chain(a, c, e, t, obj, 0, diag);
}
