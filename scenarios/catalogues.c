/* catalogues.c - users' files over the shipped catalogues. */
#include "scenarios/catalogues.h"

#include "hw/catalogue.h"
#include "models/model.h"
#include "models/stack.h"
#include "scenarios/scenario.h"
#include "sim/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* ORDER: the sections that hw/catalogue.c reads come first. */
static const char *const sections[] = {"gpus",   "nodes",  "fabrics", "aliases",
                                       "prices", "models", "stacks"};
enum { N_SECTIONS = sizeof sections / sizeof sections[0] };

static enum stc_err no_memory(struct stc_diag *diag)
{
    return stc_fail(diag, STC_ERR_NOMEM, "catalogue: out of memory");
}

/* ==== reading ==== */

static enum stc_err put_doc(struct stc_catalogue_docs *docs,
                            const struct stc_node *root, const char *name,
                            const char *text, size_t len, struct stc_diag *diag)
{
    if (root->kind != STC_NODE_MAP || !root->first)
        return stc_fail(diag, STC_ERR_PARSE,
                        "%s:%d: %s; gpus, nodes, fabrics, models or stacks, as "
                        "stepcast help catalogue shows, would be right",
                        name, root->line > 0 ? root->line : 1,
                        root->kind == STC_NODE_MAP || root->kind == STC_NODE_NULL
                            ? "an empty catalogue"
                            : "not a catalogue");
    if (docs->n == STC_CATALOGUE_FILES)
        return stc_fail(diag, STC_ERR_RANGE, "%s: more than %d files of catalogues",
                        name, STC_CATALOGUE_FILES);
    docs->v[docs->n].root = root;
    docs->v[docs->n++].hash = stc_hash64(STC_HASH_INIT, text, len);
    return STC_OK;
}

enum stc_err stc_catalogues_parse(struct stc_arena *a, const char *name,
                                  const char *text, size_t len,
                                  struct stc_catalogue_docs *docs,
                                  struct stc_diag *diag)
{
    const struct stc_node *root = NULL;
    enum stc_err err = stc_doc_parse(a, name, text, len, &root, diag);
    return err == STC_OK ? put_doc(docs, root, name, text, len, diag) : err;
}

static enum stc_err read_one(struct stc_arena *a, const char *path,
                             struct stc_catalogue_docs *docs, struct stc_diag *diag)
{
    char *text = NULL;
    size_t len = 0;
    enum stc_err err = stc_read_file(a, path, &text, &len, diag);
    return err == STC_OK ? stc_catalogues_parse(a, path, text, len, docs, diag) : err;
}

static bool is_catalogue_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot &&
           (strcasecmp(dot, ".yaml") == 0 || strcasecmp(dot, ".yml") == 0 ||
            strcasecmp(dot, ".json") == 0);
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The paths of a folder's catalogues, sorted. */
static enum stc_err list_folder(struct stc_arena *a, DIR *d, const char *path,
                                const char **out, int *n, struct stc_diag *diag)
{
    *n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (!is_catalogue_name(e->d_name)) continue;
        if (*n == STC_CATALOGUE_FILES)
            return stc_fail(diag, STC_ERR_RANGE, "%s: more than %d files of catalogues",
                            path, STC_CATALOGUE_FILES);
        size_t size = strlen(path) + strlen(e->d_name) + 2;
        char *full = stc_arena_alloc(a, size, 1);
        if (!full) return no_memory(diag);
        size_t cut = strlen(path) > 1 && path[strlen(path) - 1] == '/';
        snprintf(full, size, "%.*s/%s", (int)(strlen(path) - cut), path, e->d_name);
        out[(*n)++] = full;
    }
    if (*n == 0)
        return stc_fail(diag, STC_ERR_IO,
                        "%s: a folder without catalogues (*.yaml, *.yml, *.json)",
                        path);
    qsort(out, (size_t)*n, sizeof *out, by_text);
    return STC_OK;
}

enum stc_err stc_catalogues_read(struct stc_arena *a, const char *path,
                                 struct stc_catalogue_docs *docs, struct stc_diag *diag)
{
    const char *files[STC_CATALOGUE_FILES];
    struct stat st;
    int n = 0;
    const int before = docs->n;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return read_one(a, path, docs, diag);
    DIR *d = opendir(path);
    if (!d) return stc_fail(diag, STC_ERR_IO, "%s: %s", path, strerror(errno));
    enum stc_err err = list_folder(a, d, path, files, &n, diag);
    closedir(d);
    for (int i = 0; i < n && err == STC_OK; i++)
        err = read_one(a, files[i], docs, diag);
    if (err != STC_OK) docs->n = before;
    return err;
}

/* ==== entries of models and stacks ==== */

struct lists {
    struct stc_cat_own *models, *stacks;
    int n_models, n_stacks;
};

static bool is_section(const char *key)
{
    for (int i = 0; i < N_SECTIONS; i++)
        if (strcmp(key, sections[i]) == 0) return true;
    return false;
}

static bool has_key(const struct stc_bind_table *t, const char *key)
{
    for (int i = 0; t->also && t->also[i]; i++)
        if (strcmp(t->also[i], key) == 0) return true;
    return stc_bind_find(t, key) >= 0;
}

/* An entry without a section tells by a key that only one kind has, else by what
 * it is `like`. */
static bool is_stack(const struct stc_node *map, const struct stc_cat *stacks)
{
    const struct stc_node *like = stc_node_get(map, "like");
    struct stc_cat_entry e;
    for (const struct stc_node *n = map->first; n; n = n->next) {
        bool model = has_key(stc_model_keys(), n->key),
             stack = has_key(stc_stack_keys(), n->key);
        if (model != stack) return stack;
    }
    return like && stc_cat_find(stacks, "", like->text, &e, NULL) == STC_OK;
}

/* "gpu: {X: {...}}": a section's name that was mistyped. */
static bool holds_only_maps(const struct stc_node *map)
{
    for (const struct stc_node *n = map->first; n; n = n->next)
        if (n->kind != STC_NODE_MAP) return false;
    return true;
}

static enum stc_err not_a_section(const struct stc_node *n, struct stc_diag *diag)
{
    char near[128];
    return stc_node_fail(
        n, diag, STC_ERR_UNKNOWN,
        "not a section of a catalogue%s; gpus, nodes, fabrics, aliases, prices, models "
        "and stacks are, and NAME: {KEY: VALUE} is a model or a stack",
        stc_near_text(n->key, sections, N_SECTIONS, near, sizeof near));
}

static enum stc_err check_entry(const struct stc_node *n, const char *what,
                                struct stc_diag *diag)
{
    if (n->kind != STC_NODE_MAP || !n->first)
        return stc_node_fail(n, diag, STC_ERR_PARSE, "a %s is a map of keys", what);
    if (strlen(n->key) >= STC_NAME_BYTES || !n->key[0])
        return stc_node_fail(n, diag, STC_ERR_RANGE, "names have 1 to %d characters",
                             STC_NAME_BYTES - 1);
    return STC_OK;
}

static enum stc_err put_section(const struct stc_node *section, const char *what,
                                struct stc_cat_own *list, int *n, struct stc_diag *diag)
{
    if (section->kind == STC_NODE_NULL) return STC_OK;
    if (section->kind != STC_NODE_MAP)
        return stc_node_fail(section, diag, STC_ERR_PARSE,
                             "a map is wanted: NAME: {KEY: VALUE}");
    for (const struct stc_node *e = section->first; e; e = e->next) {
        enum stc_err err = check_entry(e, what, diag);
        if (err != STC_OK) return err;
        list[(*n)++].map = e;
    }
    return STC_OK;
}

static enum stc_err put_entries(const struct stc_node *root, struct lists *l,
                                struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (const struct stc_node *n = root->first; n && err == STC_OK; n = n->next) {
        if (strcmp(n->key, "models") == 0) {
            err = put_section(n, "model", l->models, &l->n_models, diag);
        } else if (strcmp(n->key, "stacks") == 0) {
            err = put_section(n, "stack", l->stacks, &l->n_stacks, diag);
        } else if (!is_section(n->key)) {
            const struct stc_cat stacks = {"models/stacks/", l->stacks, l->n_stacks};
            if (n->kind != STC_NODE_MAP || !n->first || holds_only_maps(n))
                return not_a_section(n, diag);
            bool stack = is_stack(n, &stacks);
            err = check_entry(n, stack ? "stack" : "model", diag);
            if (err == STC_OK && stack)
                l->stacks[l->n_stacks++].map = n;
            else if (err == STC_OK)
                l->models[l->n_models++].map = n;
        }
    }
    return err;
}

/* At most as many entries as there are nodes two levels deep. */
static size_t most_entries(const struct stc_catalogue_docs *docs)
{
    size_t n = 1;
    for (int i = 0; i < docs->n; i++)
        for (const struct stc_node *c = docs->v[i].root->first; c; c = c->next)
            n += 1 + (size_t)c->n;
    return n;
}

static enum stc_err read_entries(struct stc_arena *a,
                                 const struct stc_catalogue_docs *docs,
                                 struct stc_catalogues *c, struct stc_diag *diag)
{
    size_t most = most_entries(docs);
    struct lists l = {STC_NEW_N(a, struct stc_cat_own, most),
                      STC_NEW_N(a, struct stc_cat_own, most), 0, 0};
    enum stc_err err = l.models && l.stacks ? STC_OK : no_memory(diag);
    for (int i = 0; i < docs->n && err == STC_OK; i++)
        err = put_entries(docs->v[i].root, &l, diag);
    c->models = (struct stc_cat){"models/data/", l.models, l.n_models};
    c->stacks = (struct stc_cat){"models/stacks/", l.stacks, l.n_stacks};
    return err;
}

/* Every entry is read once, so that a mistake is said where it stands and not when
 * somebody asks for the name. */
static enum stc_err try_entries(const struct stc_catalogues *c, struct stc_diag *diag)
{
    struct stc_model m;
    struct stc_stack s;
    enum stc_err err = STC_OK;
    for (int i = 0; i < c->models.n_own && err == STC_OK; i++)
        err = stc_model_find(&c->models, c->models.own[i].map->key, &m, diag);
    for (int i = 0; i < c->stacks.n_own && err == STC_OK; i++)
        err = stc_stack_find(&c->stacks, c->stacks.own[i].map->key, &s, diag);
    return err;
}

/* ==== prices ==== */

static enum stc_err check_price(const struct stc_node *row, const struct stc_hw *hw,
                                struct stc_diag *diag)
{
    const struct stc_node *gpu = NULL, *usd = NULL;
    const struct stc_gpu *g;
    const char *name = NULL;
    struct stc_diag why = {""};
    double v = 0;
    enum stc_err err = stc_node_need(row, "gpu", &gpu, diag);
    if (err == STC_OK) err = stc_node_text(gpu, &name, diag);
    if (err == STC_OK) err = stc_node_need(row, "usd_per_gpu_hour", &usd, diag);
    if (err == STC_OK) err = stc_node_double(usd, &v, diag);
    if (err == STC_OK && !(v >= 0 && v < 1e6))
        err = stc_node_fail(usd, diag, STC_ERR_RANGE, "%g is not in [0, 1e6]", v);
    if (err == STC_OK && stc_hw_find_gpu(hw, name, &g, &why) != STC_OK)
        err = stc_node_fail(gpu, diag, STC_ERR_UNKNOWN, "%s", why.text);
    return err;
}

static enum stc_err read_prices(struct stc_arena *a,
                                const struct stc_catalogue_docs *docs,
                                struct stc_catalogues *c, struct stc_diag *diag)
{
    size_t most = 0;
    for (int i = 0; i < docs->n; i++) {
        const struct stc_node *list = stc_node_get(docs->v[i].root, "prices");
        if (!list) continue;
        if (list->kind != STC_NODE_LIST)
            return stc_node_fail(
                list, diag, STC_ERR_PARSE,
                "a list is wanted: - {gpu: NAME, usd_per_gpu_hour: 2}");
        most += (size_t)list->n;
    }
    c->prices = STC_NEW_N(a, const struct stc_node *, most + 1);
    if (!c->prices) return no_memory(diag);
    for (int i = 0; i < docs->n; i++) {
        const struct stc_node *list = stc_node_get(docs->v[i].root, "prices");
        for (const struct stc_node *row = list ? list->first : NULL; row;
             row = row->next) {
            enum stc_err err = check_price(row, c->hw, diag);
            if (err != STC_OK) return err;
            c->prices[c->n_prices++] = row;
        }
    }
    return STC_OK;
}

/* ==== building ==== */

static enum stc_err read_hw(struct stc_arena *a, const struct stc_catalogue_docs *docs,
                            struct stc_catalogues *c, struct stc_diag *diag)
{
    const struct stc_node *roots[STC_CATALOGUE_FILES];
    const struct stc_hw *base = NULL;
    for (int i = 0; i < docs->n; i++)
        roots[i] = docs->v[i].root;
    enum stc_err err = stc_scenario_hw(NULL, &base, diag);
    if (err == STC_OK) err = stc_hw_copy(a, base, &c->hw, diag);
    if (err == STC_OK) err = stc_hw_add_docs(c->hw, roots, (size_t)docs->n, diag);
    return err;
}

static enum stc_err name_files(struct stc_arena *a,
                               const struct stc_catalogue_docs *docs,
                               struct stc_catalogues *c, struct stc_diag *diag)
{
    struct stc_text t;
    stc_text_init(&t, 0);
    for (int i = 0; i < docs->n; i++) {
        stc_text_printf(&t, "%s%s", i ? ", " : "", docs->v[i].root->file);
        c->hash = stc_hash64(c->hash, &docs->v[i].hash, sizeof docs->v[i].hash);
    }
    c->files = stc_arena_strdup(a, stc_text_str(&t));
    enum stc_err err =
        c->files && stc_text_err(&t) == STC_OK ? STC_OK : no_memory(diag);
    stc_text_free(&t);
    return err;
}

enum stc_err stc_catalogues_build(struct stc_arena *a,
                                  const struct stc_catalogue_docs *docs,
                                  const struct stc_catalogues **out,
                                  struct stc_diag *diag)
{
    struct stc_catalogues *c = STC_NEW(a, struct stc_catalogues);
    if (!c) return no_memory(diag);
    c->hash = STC_HASH_INIT;
    enum stc_err err = read_entries(a, docs, c, diag);
    if (err == STC_OK) err = read_hw(a, docs, c, diag);
    if (err == STC_OK) err = read_prices(a, docs, c, diag);
    if (err == STC_OK) err = try_entries(c, diag);
    if (err == STC_OK) err = name_files(a, docs, c, diag);
    if (err == STC_OK) *out = c;
    return err;
}
