/*
 * scenario.c - reading and writing scenarios: YAML, KEY=VALUE, presets.
 *
 * A document is read in three moves: the tree is copied with the short forms
 * written out ("model: NAME" is "model: {use: NAME}"), the key table reads the
 * copy, and the line of each key is remembered for later sentences.
 */
#include "scenarios/scenario.h"

#include "scenarios/catalogues.h"
#include "sim/base/bind.h"
#include "sim/base/doc.h"
#include "sim/base/embed.h"
#include "sim/base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void stc_scenario_init(struct stc_scenario *s)
{
    struct stc_arena a = STC_ARENA_INIT;
    memset(s, 0, sizeof *s);
    enum stc_err err = stc_bind_defaults(stc_scenario_keys(), s, &a, NULL);
    (void)err; /* the table is static: a test walks it */
    stc_arena_free(&a);
}

/* ==== words ==== */

/* YAML's other words for yes and no, where a row is a choice of yes and no. */
static const char *plain_word(const struct stc_bind_row *row, const char *text)
{
    static const char *const no[] = {"no", "false", "off"};
    static const char *const yes[] = {"yes", "true", "on"};
    if (row->type != STC_BIND_ENUM) return text;
    for (int i = 0; row->names[i]; i++) {
        const char *name = row->names[i];
        for (size_t k = 0; k < sizeof no / sizeof no[0]; k++) {
            if (strcasecmp(text, no[k]) == 0 &&
                (!strcmp(name, "no") || !strcmp(name, "off")))
                return name;
            if (strcasecmp(text, yes[k]) == 0 &&
                (!strcmp(name, "yes") || !strcmp(name, "on")))
                return name;
        }
    }
    return text;
}

/* ==== documents ==== */

static struct stc_node *copy_node(struct stc_arena *a, const struct stc_node *n,
                                  const struct stc_node *parent)
{
    struct stc_node *c = STC_NEW(a, struct stc_node);
    if (!c) return NULL;
    *c = *n;
    c->parent = parent;
    c->first = c->next = NULL;
    return c;
}

/* The value of a scalar key in the table's words. */
static void normalise(struct stc_node *leaf, const char *section)
{
    char key[160];
    if (leaf->kind != STC_NODE_SCALAR || !leaf->key) return;
    snprintf(key, sizeof key, "%s%s%s", section, *section ? "." : "", leaf->key);
    int row = stc_bind_find(stc_scenario_keys(), key);
    if (row >= 0) leaf->text = plain_word(&stc_scenario_keys()->rows[row], leaf->text);
}

static bool has_short_form(const struct stc_node *n)
{
    return n->key && n->kind == STC_NODE_SCALAR &&
           (!strcmp(n->key, "model") || !strcmp(n->key, "cluster") ||
            !strcmp(n->key, "stack"));
}

static enum stc_err copy_section(struct stc_arena *a, const struct stc_node *from,
                                 struct stc_node *to)
{
    const struct stc_node **tail = &to->first;
    for (const struct stc_node *c = from->first; c; c = c->next) {
        struct stc_node *leaf = copy_node(a, c, to);
        if (!leaf) return STC_ERR_NOMEM;
        leaf->first = c->first; /* deeper levels hold no short forms */
        normalise(leaf, to->key);
        *tail = leaf;
        tail = &leaf->next;
    }
    return STC_OK;
}

static enum stc_err expand(struct stc_arena *a, const struct stc_node *root,
                           struct stc_node **out)
{
    struct stc_node *map = copy_node(a, root, NULL);
    if (!map) return STC_ERR_NOMEM;
    const struct stc_node **tail = &map->first;
    for (const struct stc_node *c = root->first; c; c = c->next) {
        struct stc_node *n = copy_node(a, c, map);
        if (!n) return STC_ERR_NOMEM;
        if (has_short_form(c)) {
            struct stc_node *leaf = copy_node(a, c, n);
            if (!leaf) return STC_ERR_NOMEM;
            leaf->key = "use";
            n->kind = STC_NODE_MAP;
            n->text = "";
            n->n = 1;
            n->first = leaf;
        } else if (c->kind == STC_NODE_MAP && c->key) {
            if (copy_section(a, c, n) != STC_OK) return STC_ERR_NOMEM;
        } else {
            normalise(n, "");
        }
        *tail = n;
        tail = &n->next;
    }
    *out = map;
    return STC_OK;
}

static void remember_lines(struct stc_scenario *s, const struct stc_node *map)
{
    char key[160];
    for (int i = 0; i < STC_KEY_COUNT; i++) {
        const struct stc_bind_row *row = &stc_scenario_keys()->rows[i];
        const struct stc_node *n =
            stc_node_path(map, stc_bind_key(row, key, sizeof key));
        if (n) s->line[i] = n->line;
    }
}

/* What a file says of its catalogue is beside the file; false: the path is too long. */
static bool beside(struct stc_scenario *s, const char *name)
{
    char path[2 * sizeof s->said.catalogue];
    const char *slash = strrchr(name, '/');
    if (!slash || s->said.catalogue[0] == '/') return true;
    int n = snprintf(path, sizeof path, "%.*s/%s", (int)(slash - name), name,
                     s->said.catalogue);
    if (n < 0 || (size_t)n >= sizeof s->said.catalogue) return false;
    memcpy(s->said.catalogue, path, (size_t)n + 1);
    return true;
}

static enum stc_err load_tree(struct stc_scenario *s, struct stc_arena *a,
                              const char *name, const struct stc_node *root,
                              struct stc_diag *diag)
{
    struct stc_node *map = NULL;
    if (root->kind != STC_NODE_MAP)
        return stc_fail(diag, STC_ERR_PARSE,
                        "%s:%d: not a scenario; keys and values are needed, as in "
                        "\"model: gpt3-175b\"",
                        name, root->line);
    if (expand(a, root, &map) != STC_OK)
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", name);
    struct stc_scenario tmp = *s;
    enum stc_err err = stc_bind_doc(stc_scenario_keys(), map, &tmp, NULL, a, diag);
    if (err != STC_OK) return err;
    tmp.resolved = 0;
    if (tmp.said.catalogue[0] && !beside(&tmp, name))
        return stc_node_fail(stc_node_get(map, "catalogue"), diag, STC_ERR_RANGE,
                             "the path is longer than %zu bytes",
                             sizeof tmp.said.catalogue - 1);
    snprintf(tmp.file, sizeof tmp.file, "%s", name);
    remember_lines(&tmp, map);
    *s = tmp;
    return STC_OK;
}

enum stc_err stc_scenario_load(struct stc_scenario *s, const char *name,
                               const char *text, size_t len, struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_node *root = NULL;
    enum stc_err err = stc_doc_parse(&a, name, text, len, &root, diag);
    if (err == STC_OK) err = load_tree(s, &a, name, root, diag);
    stc_arena_free(&a);
    return err;
}

enum stc_err stc_scenario_load_file(struct stc_scenario *s, const char *path,
                                    struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_node *root = NULL;
    enum stc_err err = stc_doc_read_file(&a, path, &root, diag);
    if (err == STC_OK) err = load_tree(s, &a, path, root, diag);
    stc_arena_free(&a);
    return err;
}

/* ==== presets ==== */

static bool is_preset(const char *path)
{
    size_t n = strlen(path);
    return strncmp(path, "scenarios/", 10) == 0 && n > 5 &&
           strcmp(path + n - 5, ".yaml") == 0;
}

/* "scenarios/published/x.yaml" answers to itself, "published/x" and "x". */
static bool preset_answers(const char *path, const char *name)
{
    size_t n = strlen(path) - 5, len = strlen(name);
    if (len > 5 && strcmp(name + len - 5, ".yaml") == 0) len -= 5;
    if (len > n || len == 0) return false;
    return strncmp(path + n - len, name, len) == 0 &&
           (len == n || path[n - len - 1] == '/');
}

/* "scenarios/published/x.yaml" -> "x", into buf. */
static const char *base_name(const char *path, char buf[96])
{
    const char *base = strrchr(path, '/') + 1; /* is_preset saw one */
    snprintf(buf, 96, "%.*s", (int)(strlen(base) - 5), base);
    return buf;
}

enum stc_err stc_scenario_load_preset(struct stc_scenario *s, const char *name,
                                      struct stc_diag *diag)
{
    enum { MOST = 64 };
    const char *known[MOST];
    char near[256], bases[MOST][96];
    size_t n = 0;
    for (int i = 0; i < stc_embed_count(); i++) {
        const struct stc_embed *e = stc_embed_at(i);
        if (!is_preset(e->path)) continue;
        if (preset_answers(e->path, name))
            return stc_scenario_load(s, e->path, (const char *)e->data, e->size, diag);
        if (n < MOST) {
            known[n] = base_name(e->path, bases[n]);
            n++;
        }
    }
    return stc_fail(diag, STC_ERR_UNKNOWN, "%s: no such scenario%s", name,
                    stc_near_text(name, known, n, near, sizeof near));
}

/* ==== one key ==== */

enum stc_err stc_scenario_set(struct stc_scenario *s, const char *key,
                              const char *value, struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_scenario tmp = *s;
    int row = stc_scenario_key(key);
    char full[160];
    if (row >= 0) {
        value = plain_word(&stc_scenario_keys()->rows[row], value);
        key = stc_bind_key(&stc_scenario_keys()->rows[row], full, sizeof full);
    }
    enum stc_err err =
        stc_bind_set(stc_scenario_keys(), &tmp, key, value, NULL, &a, diag);
    if (err == STC_OK) {
        tmp.resolved = 0;
        if (row >= 0) tmp.line[row] = -1;
        *s = tmp;
    }
    stc_arena_free(&a);
    return err;
}

enum stc_err stc_scenario_fail(const struct stc_scenario *s, int row,
                               struct stc_diag *diag, enum stc_err err, const char *fmt,
                               ...)
{
    char key[160], where[200] = "";
    struct stc_diag tmp;
    va_list ap;
    va_start(ap, fmt);
    stc_failv(&tmp, err, fmt, ap);
    va_end(ap);
    stc_bind_key(&stc_scenario_keys()->rows[row], key, sizeof key);
    if (s->line[row] > 0)
        snprintf(where, sizeof where, "%s:%d: ", s->file, (int)s->line[row]);
    else if (s->line[row] == 0 && s->file[0])
        snprintf(where, sizeof where, "%s: ", s->file);
    return stc_fail(diag, err, "%s%s: %s", where, key, tmp.text);
}

/* ==== writing ==== */

enum stc_err stc_scenario_write(const struct stc_scenario *s, struct stc_text *out)
{
    const struct stc_bind_table *t = stc_scenario_keys();
    struct stc_bind_seen seen = {{0}};
    struct stc_scenario plain;
    struct stc_text now, then;
    stc_scenario_init(&plain);
    stc_text_init(&now, 0);
    stc_text_init(&then, 0);
    for (int i = 0; i < t->n_rows; i++) {
        stc_text_clear(&now);
        stc_text_clear(&then);
        stc_bind_get_text(&t->rows[i], s, &now);
        stc_bind_get_text(&t->rows[i], &plain, &then);
        if (strcmp(stc_text_str(&now), stc_text_str(&then)) != 0)
            stc_bind_mark(&seen, i);
    }
    stc_bind_write_yaml(t, s, &seen, false, out);
    enum stc_err err = stc_text_err(&now);
    if (err == STC_OK) err = stc_text_err(out);
    stc_text_free(&now);
    stc_text_free(&then);
    return err;
}

/* Keys that the forecast does not depend on. */
static bool only_for_eyes(int row)
{
    return row == STC_KEY_title || row == STC_KEY_catalogue ||
           row == STC_KEY_model_label || row == STC_KEY_record || row >= STC_KEY_p_step;
}

/* Bytes of the resolved field of a row; texts hash as what was said. */
static size_t target_bytes(int row)
{
    return stc_scenario_keys()->rows[row].type == STC_BIND_NAME
               ? 0
               : stc_scenario_target(row)->width;
}

uint64_t stc_scenario_hash(const struct stc_scenario *s)
{
    const struct stc_bind_table *t = stc_scenario_keys();
    uint64_t h = STC_HASH_INIT;
    struct stc_text text;
    stc_text_init(&text, 0);
    for (int i = 0; i < t->n_rows; i++) {
        if (only_for_eyes(i)) continue;
        stc_text_clear(&text);
        stc_bind_get_text(&t->rows[i], s, &text);
        h = stc_hash64(h, stc_text_str(&text), strlen(stc_text_str(&text)) + 1);
        if (s->resolved)
            h = stc_hash64(h, (const char *)s + stc_scenario_target(i)->offset,
                           target_bytes(i));
    }
    stc_text_free(&text);
    if (s->catalogues) /* not where they stand, but what they say */
        h = stc_hash64(h, &s->catalogues->hash, sizeof s->catalogues->hash);
    if (s->resolved) {
        h = stc_hash64(h, s->stack.name, strlen(s->stack.name));
        h = stc_hash64(h, s->gpu_name, strlen(s->gpu_name));
        h = stc_hash64(h, &s->layout, sizeof s->layout);
    }
    return h;
}
