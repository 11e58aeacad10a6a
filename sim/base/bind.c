#include "sim/base/bind.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/bind_convert.h"

enum { KEY_BYTES = 160 };

/* ==== names ==== */

char *stc_bind_key(const struct stc_bind_row *row, char *buf, size_t size)
{
    (void)snprintf(buf, size, "%s%s%s", row->section,
                   row->section[0] != '\0' ? "." : "", row->key);
    return buf;
}

/* key is "section.key": compared without gluing the two together. */
static bool is_row(const struct stc_bind_row *row, const char *key)
{
    size_t n = strlen(row->section);
    if (n == 0) return strcmp(row->key, key) == 0;
    return strncmp(row->section, key, n) == 0 && key[n] == '.' &&
           strcmp(row->key, key + n + 1) == 0;
}

int stc_bind_find(const struct stc_bind_table *t, const char *key)
{
    for (int i = 0; i < t->n_rows; i++)
        if (is_row(&t->rows[i], key)) return i;
    return -1;
}

/* section is `name` itself or below it ("" holds everything). */
static bool is_within(const char *section, const char *name)
{
    size_t n = strlen(name);
    if (n == 0) return true;
    return strncmp(section, name, n) == 0 && (section[n] == '\0' || section[n] == '.');
}

static bool is_section(const struct stc_bind_table *t, const char *name)
{
    for (int i = 0; i < t->n_rows; i++)
        if (is_within(t->rows[i].section, name)) return true;
    return false;
}

static bool is_elsewhere(const struct stc_bind_table *t, const char *key)
{
    for (const char *const *a = t->also; a != NULL && *a != NULL; a++)
        if (is_within(key, *a)) return true;
    return false;
}

/* The sentence for a key that no row has: near names of the same section
 * first, then the same key in another section. */
static enum stc_err unknown_key(const struct stc_bind_table *t, const char *full,
                                struct stc_diag *diag)
{
    const char *names[STC_BIND_MAX_ROWS];
    char near[200] = "", other[KEY_BYTES];
    size_t n = 0;
    const char *dot = strrchr(full, '.');
    size_t section_len = dot != NULL ? (size_t)(dot - full) : 0;
    const char *key = dot != NULL ? dot + 1 : full;
    for (int i = 0; i < t->n_rows; i++) {
        const char *s = t->rows[i].section;
        bool same = strlen(s) == section_len && strncmp(s, full, section_len) == 0;
        bool top = section_len == 0 && strchr(s, '.') == NULL;
        bool repeated = n > 0 && strcmp(names[n - 1], s) == 0;
        if (same)
            names[n++] = t->rows[i].key;
        else if (top && !repeated)
            names[n++] = s;
    }
    for (int i = 0; i < t->n_rows && near[0] == '\0'; i++)
        if (strcmp(t->rows[i].key, key) == 0)
            (void)snprintf(near, sizeof(near), "; did you mean %s?",
                           stc_bind_key(&t->rows[i], other, sizeof(other)));
    if (near[0] == '\0') (void)stc_near_text(key, names, n, near, sizeof(near));
    return stc_fail(diag, STC_ERR_UNKNOWN, "is not a key of a %s%s", t->what, near);
}

/* ==== seen ==== */

bool stc_bind_is_seen(const struct stc_bind_seen *s, int row)
{
    return row >= 0 && row < STC_BIND_MAX_ROWS &&
           (s->bits[row / 64] >> (row % 64) & 1u) != 0;
}

void stc_bind_mark(struct stc_bind_seen *s, int row)
{
    assert(row >= 0 && row < STC_BIND_MAX_ROWS);
    s->bits[row / 64] |= (uint64_t)1 << (row % 64);
}

/* ==== text to struct ==== */

enum stc_err stc_bind_defaults(const struct stc_bind_table *t, void *obj,
                               struct stc_arena *a, struct stc_diag *diag)
{
    char key[KEY_BYTES];
    for (int i = 0; i < t->n_rows; i++) {
        const struct stc_bind_row *row = &t->rows[i];
        stc_bind_clear(row, obj);
        if (row->def == NULL) continue;
        enum stc_err err = stc_bind_convert_text(row, row->def, obj, a, diag);
        if (err != STC_OK)
            return stc_fail_prefix(diag, err, "default of %s",
                                   stc_bind_key(row, key, sizeof(key)));
    }
    return STC_OK;
}

enum stc_err stc_bind_set(const struct stc_bind_table *t, void *obj, const char *key,
                          const char *value, struct stc_bind_seen *seen,
                          struct stc_arena *a, struct stc_diag *diag)
{
    int i = stc_bind_find(t, key);
    enum stc_err err;
    if (i < 0) {
        err = unknown_key(t, key, diag);
        return stc_fail_prefix(diag, err, "%.100s", key);
    }
    void *copy = malloc(t->struct_size);
    if (copy == NULL) return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", key);
    memcpy(copy, obj, t->struct_size);
    err = stc_bind_convert_text(&t->rows[i], value, copy, a, diag);
    if (err == STC_OK) {
        memcpy(obj, copy, t->struct_size);
        if (seen != NULL) stc_bind_mark(seen, i);
    } else {
        (void)stc_fail_prefix(diag, err, "%.100s", key);
    }
    free(copy);
    return err;
}

/* What a walk through a document carries along. */
struct walk {
    const struct stc_bind_table *table;
    unsigned char *copy; /* of the struct; committed at the end */
    struct stc_bind_seen found;
    struct stc_arena *arena;
    struct stc_diag *diag;
};

static enum stc_err read_list(const struct stc_bind_row *row, const struct stc_node *n,
                              struct walk *w, struct stc_diag *why)
{
    const char *items[STC_BIND_MAX_ITEMS];
    int k = 0;
    for (const struct stc_node *c = n->first; c != NULL; c = c->next) {
        if (c->kind != STC_NODE_SCALAR)
            return stc_fail(why, STC_ERR_PARSE,
                            "an item of the list is not a plain value");
        if (k == STC_BIND_MAX_ITEMS)
            return stc_fail(why, STC_ERR_RANGE, "more than %d items",
                            STC_BIND_MAX_ITEMS);
        items[k++] = c->text;
    }
    return stc_bind_convert(row, items, k, w->copy, w->arena, why);
}

static enum stc_err read_value(int i, const struct stc_node *n, struct walk *w)
{
    static const char *const what[] = {"has no value", "is a value", "is a list",
                                       "is a map"};
    const struct stc_bind_row *row = &w->table->rows[i];
    struct stc_diag why = {""};
    enum stc_err err;
    if (n->kind == STC_NODE_SCALAR)
        err = stc_bind_convert_text(row, n->text, w->copy, w->arena, &why);
    else if (n->kind == STC_NODE_LIST && stc_bind_is_list(row))
        err = read_list(row, n, w, &why);
    else
        err = stc_fail(&why, STC_ERR_PARSE, "%s; %s is wanted%s%s", what[n->kind],
                       stc_bind_is_list(row) ? "a list" : "one value",
                       row->def != NULL && row->def[0] != '\0' ? ", for example " : "",
                       row->def != NULL ? row->def : "");
    if (err != STC_OK) return stc_node_fail(n, w->diag, err, "%s", why.text);
    stc_bind_mark(&w->found, i);
    return STC_OK;
}

/* Depth is bounded by the document's (doc.h). */
static enum stc_err walk_map(struct walk *w, const struct stc_node *map,
                             const char *section)
{
    for (const struct stc_node *c = map->first; c != NULL; c = c->next) {
        char full[KEY_BYTES];
        struct stc_diag why = {""};
        (void)snprintf(full, sizeof(full), "%s%s%s", section,
                       section[0] != '\0' ? "." : "", c->key);
        enum stc_err err = STC_OK;
        int i = strchr(c->key, '.') == NULL ? stc_bind_find(w->table, full) : -1;
        if (is_elsewhere(w->table, full)) continue;
        bool section_here = strchr(c->key, '.') == NULL && is_section(w->table, full);
        if (section_here && c->kind == STC_NODE_MAP)
            err = walk_map(w, c, full);
        else if (i >= 0)
            err = read_value(i, c, w);
        else if (section_here && c->kind != STC_NODE_NULL)
            err = stc_node_fail(c, w->diag, STC_ERR_PARSE,
                                "is a section; its keys stand below it, indented");
        else if (!section_here) {
            err = unknown_key(w->table, full, &why);
            (void)stc_node_fail(c, w->diag, err, "%s", why.text);
        }
        if (err != STC_OK) return err;
    }
    return STC_OK;
}

static enum stc_err check_required(const struct walk *w, const struct stc_node *map)
{
    char key[KEY_BYTES];
    for (int i = 0; i < w->table->n_rows; i++) {
        const struct stc_bind_row *row = &w->table->rows[i];
        if ((row->flags & STC_BIND_REQUIRED) == 0 || stc_bind_is_seen(&w->found, i))
            continue;
        return stc_node_fail(map, w->diag, STC_ERR_PARSE, "%s is missing (%s)",
                             stc_bind_key(row, key, sizeof(key)),
                             row->help != NULL ? row->help : "required");
    }
    return STC_OK;
}

enum stc_err stc_bind_doc(const struct stc_bind_table *t, const struct stc_node *map,
                          void *obj, struct stc_bind_seen *seen, struct stc_arena *a,
                          struct stc_diag *diag)
{
    assert(t->n_rows <= STC_BIND_MAX_ROWS);
    if (map->kind != STC_NODE_MAP)
        return stc_node_fail(map, diag, STC_ERR_PARSE, "a %s is a map of keys",
                             t->what);
    struct walk w = {
        .table = t, .copy = malloc(t->struct_size), .arena = a, .diag = diag};
    if (w.copy == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", map->file);
    memcpy(w.copy, obj, t->struct_size);
    enum stc_err err = walk_map(&w, map, "");
    if (err == STC_OK) err = check_required(&w, map);
    if (err == STC_OK) {
        memcpy(obj, w.copy, t->struct_size);
        for (size_t i = 0; seen != NULL && i < STC_BIND_MAX_ROWS / 64; i++)
            seen->bits[i] |= w.found.bits[i];
    }
    free(w.copy);
    return err;
}
