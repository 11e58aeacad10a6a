#include "hw/catalogue.h"

#include "hw/keys.h"
#include "hw/product.h"
#include "sim/base/doc.h"
#include "sim/base/embed.h"
#include "sim/base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME_BYTES = 64 };

/* Every kind of row begins with its name, so that one list serves all. */
_Static_assert(offsetof(struct stc_gpu, name) == 0, "rows begin with their name");
_Static_assert(offsetof(struct stc_hw_node, name) == 0, "rows begin with their name");
_Static_assert(offsetof(struct stc_fabric, name) == 0, "rows begin with their name");

enum { GPUS, NODES, FABRICS, N_LISTS };

struct alias {
    const char *name, *means;
};

struct list {
    const void **rows;
    size_t n, cap;
};

struct stc_hw {
    struct stc_arena *arena;
    struct list lists[N_LISTS];
    struct alias *aliases;
    size_t n_aliases, cap_aliases;
};

static const char *const list_keys[N_LISTS] = {"gpus", "nodes", "fabrics"};
static const char *const list_what[N_LISTS] = {"GPU", "node", "fabric"};

static const struct stc_bind_table *list_table(int kind)
{
    static const struct stc_bind_table *const tables[N_LISTS] = {
        &stc_gpu_keys, &stc_hw_node_keys, &stc_fabric_keys};
    return tables[kind];
}

static const char *row_name(const void *row)
{
    return row; /* the first member */
}

/* ==== looking up ==== */

static ptrdiff_t find_row(const struct stc_hw *hw, int kind, const char *name)
{
    const struct list *l = &hw->lists[kind];
    for (size_t i = 0; i < l->n; i++) {
        if (strcasecmp(row_name(l->rows[i]), name) == 0) return (ptrdiff_t)i;
    }
    return -1;
}

static const char *unalias(const struct stc_hw *hw, const char *name)
{
    for (size_t i = hw->n_aliases; i-- > 0;) { /* later documents win */
        if (strcasecmp(hw->aliases[i].name, name) == 0) return hw->aliases[i].means;
    }
    return name;
}

/* "; did you mean …?" among the names of a kind. */
static void near_names(const struct stc_hw *hw, int kind, const char *name, char *buf,
                       size_t size)
{
    const char *names[256];
    size_t n = 0;
    for (size_t i = 0; i < hw->lists[kind].n && n < STC_N_ELEM(names); i++) {
        names[n++] = row_name(hw->lists[kind].rows[i]);
    }
    for (size_t i = 0; i < hw->n_aliases && n < STC_N_ELEM(names); i++) {
        if (find_row(hw, kind, hw->aliases[i].means) >= 0)
            names[n++] = hw->aliases[i].name;
    }
    stc_near_text(name, names, n, buf, size);
}

static enum stc_err find(const struct stc_hw *hw, int kind, const char *name,
                         const void **out, struct stc_diag *diag)
{
    ptrdiff_t i = find_row(hw, kind, name);
    if (i < 0) i = find_row(hw, kind, unalias(hw, name));
    if (i < 0) {
        char near[256];
        near_names(hw, kind, name, near, sizeof near);
        return stc_fail(diag, STC_ERR_UNKNOWN,
                        "%s: no such %s%s; `stepcast list %s` shows all", name,
                        list_what[kind], near, list_keys[kind]);
    }
    *out = hw->lists[kind].rows[i];
    return STC_OK;
}

/* ==== reading rows ==== */

static enum stc_err no_memory(struct stc_diag *diag)
{
    return stc_fail(diag, STC_ERR_NOMEM, "hardware catalogue: out of memory");
}

/* Room for one more; the old array stays in the arena, for readers that hold it. */
static enum stc_err put_row(struct stc_hw *hw, int kind, const void *row,
                            struct stc_diag *diag)
{
    struct list *l = &hw->lists[kind];
    ptrdiff_t at = find_row(hw, kind, row_name(row));
    if (at >= 0) {
        l->rows[at] = row;
        return STC_OK;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap > 0 ? 2 * l->cap : 64;
        const void **rows = stc_arena_alloc(hw->arena, cap, sizeof *rows);
        if (!rows) return no_memory(diag);
        if (l->n > 0) memcpy(rows, l->rows, l->n * sizeof *rows);
        l->rows = rows;
        l->cap = cap;
    }
    l->rows[l->n++] = row;
    return STC_OK;
}

/* "0-3x2": two links between GPUs 0 and 3; "0-1": one. */
static enum stc_err read_link(const struct stc_node *item, struct stc_hw_node *n,
                              struct stc_diag *diag)
{
    int a, b, count = 1, end = 0, more = 0;
    const char *s = item->text;
    if (sscanf(s, "%d-%d%n", &a, &b, &end) != 2) end = 0;
    if (end > 0 && s[end] == 'x' && sscanf(s + end, "x%d%n", &count, &more) == 1)
        end += more;
    bool good = end > 0 && s[end] == '\0' && a >= 0 && b >= 0 &&
                a < STC_NODE_MAX_GPUS && b < STC_NODE_MAX_GPUS && a != b && count > 0 &&
                count <= 64;
    if (!good) {
        return stc_node_fail(
            item, diag, STC_ERR_PARSE,
            "\"%s\" is not a link; 0-3x2 (two links between GPUs 0 and 3) is", s);
    }
    n->mesh[a][b] = n->mesh[b][a] = (uint8_t)count;
    return STC_OK;
}

static enum stc_err read_links(const struct stc_node *map, struct stc_hw_node *n,
                               struct stc_diag *diag)
{
    const struct stc_node *links = stc_node_get(map, "links");
    if (!links) return STC_OK;
    memset(n->mesh, 0, sizeof n->mesh);
    for (const struct stc_node *item = links->first; item; item = item->next) {
        enum stc_err err = read_link(item, n, diag);
        if (err != STC_OK) return err;
    }
    return STC_OK;
}

/* What no default can stand in for. */
static enum stc_err check_row(const struct stc_hw *hw, int kind, const void *row,
                              const struct stc_node *map, struct stc_diag *diag)
{
    if (kind == GPUS) {
        const struct stc_gpu *g = row;
        if (g->n_sm > 0 && g->clock_hz > 0 && g->mem_Bps > 0 && g->mem_bytes > 0 &&
            g->peak_flop_per_s[STC_MATH_FP32] > 0 &&
            g->peak_flop_per_s[STC_MATH_FP16] > 0) {
            return STC_OK;
        }
        return stc_node_fail(
            map, diag, STC_ERR_RANGE,
            "a GPU needs sm, clock, memory.bandwidth, memory.size, peak.fp32 "
            "and peak.fp16 above 0");
    }
    if (kind == FABRICS) {
        const struct stc_fabric *f = row;
        if (f->link_Bps > 0) return STC_OK;
        return stc_node_fail(map, diag, STC_ERR_RANGE, "a fabric needs link above 0");
    }
    const struct stc_hw_node *n = row;
    char near[256];
    if (find_row(hw, GPUS, n->gpu_name) < 0) {
        near_names(hw, GPUS, n->gpu_name, near, sizeof near);
        return stc_node_fail(map, diag, STC_ERR_UNKNOWN, "gpu: \"%s\": no such GPU%s",
                             n->gpu_name, near);
    }
    if (n->fabric_name[0] != '\0' && find_row(hw, FABRICS, n->fabric_name) < 0) {
        near_names(hw, FABRICS, n->fabric_name, near, sizeof near);
        return stc_node_fail(map, diag, STC_ERR_UNKNOWN,
                             "fabric: \"%s\": no such fabric%s", n->fabric_name, near);
    }
    return STC_OK;
}

/* The row starts from `like`, or from the defaults of the keys. */
static enum stc_err start_row(struct stc_hw *hw, int kind, const struct stc_node *map,
                              void *row, struct stc_diag *diag)
{
    const struct stc_node *like = stc_node_get(map, "like");
    const struct stc_bind_table *table = list_table(kind);
    if (!like) return stc_bind_defaults(table, row, hw->arena, diag);
    const char *name = NULL;
    enum stc_err err = stc_node_text(like, &name, diag);
    if (err != STC_OK) return err;
    const void *base = NULL;
    struct stc_diag why = {""};
    err = find(hw, kind, name, &base, &why);
    if (err != STC_OK) return stc_node_fail(like, diag, err, "%s", why.text);
    memcpy(row, base, table->struct_size);
    return STC_OK;
}

static enum stc_err read_row(struct stc_hw *hw, int kind, const struct stc_node *map,
                             struct stc_diag *diag)
{
    const struct stc_bind_table *table = list_table(kind);
    if (map->kind != STC_NODE_MAP) {
        return stc_node_fail(map, diag, STC_ERR_PARSE, "a %s is a map of keys",
                             list_what[kind]);
    }
    if (strlen(map->key) >= NAME_BYTES) {
        return stc_node_fail(map, diag, STC_ERR_RANGE,
                             "names have at most %d characters", NAME_BYTES - 1);
    }
    void *row = stc_arena_alloc(hw->arena, 1, table->struct_size);
    if (!row) return no_memory(diag);
    enum stc_err err = start_row(hw, kind, map, row, diag);
    if (err == STC_OK) err = stc_bind_doc(table, map, row, NULL, hw->arena, diag);
    if (err == STC_OK && kind == NODES) err = read_links(map, row, diag);
    if (err != STC_OK) return err;
    snprintf(row, NAME_BYTES, "%s", map->key);
    if (kind == GPUS) {
        /* A size without `cuda` must not keep that of the row it started from. */
        struct stc_gpu *g = row;
        bool resized =
            stc_node_path(map, "memory.size") && !stc_node_path(map, "memory.cuda");
        if (resized || g->mem_cuda_bytes <= 0) g->mem_cuda_bytes = g->mem_bytes;
    }
    err = check_row(hw, kind, row, map, diag);
    return err == STC_OK ? put_row(hw, kind, row, diag) : err;
}

static enum stc_err read_aliases(struct stc_hw *hw, const struct stc_node *map,
                                 struct stc_diag *diag)
{
    if (map->kind != STC_NODE_MAP) {
        return stc_node_fail(map, diag, STC_ERR_PARSE,
                             "aliases are a map: OTHER-NAME: NAME");
    }
    for (const struct stc_node *item = map->first; item; item = item->next) {
        const char *means = NULL;
        enum stc_err err = stc_node_text(item, &means, diag);
        if (err != STC_OK) return err;
        if (hw->n_aliases == hw->cap_aliases) {
            size_t cap = hw->cap_aliases > 0 ? 2 * hw->cap_aliases : 32;
            struct alias *grown = STC_NEW_N(hw->arena, struct alias, cap);
            if (!grown) return no_memory(diag);
            if (hw->n_aliases > 0)
                memcpy(grown, hw->aliases, hw->n_aliases * sizeof *grown);
            hw->aliases = grown;
            hw->cap_aliases = cap;
        }
        hw->aliases[hw->n_aliases++] = (struct alias){item->key, means};
    }
    return STC_OK;
}

static enum stc_err read_section(struct stc_hw *hw, const struct stc_node *section,
                                 int kind, struct stc_diag *diag)
{
    if (section->kind == STC_NODE_NULL) return STC_OK;
    if (section->kind != STC_NODE_MAP) {
        return stc_node_fail(section, diag, STC_ERR_PARSE,
                             "a map is wanted: NAME: {KEY: VALUE}");
    }
    for (const struct stc_node *row = section->first; row; row = row->next) {
        enum stc_err err = read_row(hw, kind, row, diag);
        if (err != STC_OK) return err;
    }
    return STC_OK;
}

/* Nothing but the sections that are read here. */
static enum stc_err check_sections(const struct stc_node *root, struct stc_diag *diag)
{
    for (const struct stc_node *c = root->first; c; c = c->next) {
        bool known = c->key && strcmp(c->key, "aliases") == 0;
        for (int k = 0; k < N_LISTS; k++)
            known = known || (c->key && !strcmp(c->key, list_keys[k]));
        if (known) continue;
        return stc_node_fail(
            c, diag, STC_ERR_PARSE,
            "unknown section; a catalogue has gpus, nodes, fabrics, aliases");
    }
    return STC_OK;
}

/* What an alias of a user's file stands for must be there. */
static enum stc_err check_aliases(const struct stc_hw *hw, const struct stc_node *map,
                                  struct stc_diag *diag)
{
    for (const struct stc_node *item = map ? map->first : NULL; item;
         item = item->next) {
        bool found = false;
        for (int k = 0; k < N_LISTS; k++)
            found = found || find_row(hw, k, item->text) >= 0;
        if (!found)
            return stc_node_fail(item, diag, STC_ERR_UNKNOWN,
                                 "\"%s\" is no GPU, node or fabric of the catalogue",
                                 item->text);
    }
    return STC_OK;
}

static enum stc_err read_docs(struct stc_hw *hw, const struct stc_node *const *roots,
                              size_t n, struct stc_diag *diag)
{
    /* GPUs and fabrics first: nodes name them, wherever they stand. */
    static const int order[N_LISTS] = {GPUS, FABRICS, NODES};
    enum stc_err err = STC_OK;
    for (size_t i = 0; i < n && err == STC_OK; i++) {
        const struct stc_node *aliases = stc_node_get(roots[i], "aliases");
        if (aliases) err = read_aliases(hw, aliases, diag);
    }
    for (int k = 0; k < N_LISTS; k++)
        for (size_t i = 0; i < n && err == STC_OK; i++) {
            const struct stc_node *part = stc_node_get(roots[i], list_keys[order[k]]);
            if (part) err = read_section(hw, part, order[k], diag);
        }
    return err;
}

/* A copy of the lists' arrays in arena a, so that what happens to it changes
 * nothing of hw. */
static enum stc_err copy_lists(struct stc_arena *a, const struct stc_hw *hw,
                               struct stc_hw *out, struct stc_diag *diag)
{
    *out = *hw;
    out->arena = a;
    out->cap_aliases = hw->n_aliases; /* full: the next one gets an array of its own */
    for (int k = 0; k < N_LISTS; k++) {
        struct list *l = &out->lists[k];
        if (l->n == 0) continue;
        const void **rows = stc_arena_alloc(a, l->cap, sizeof *rows);
        if (!rows) return no_memory(diag);
        memcpy(rows, hw->lists[k].rows, l->n * sizeof *rows);
        l->rows = rows;
    }
    return STC_OK;
}

/* Refused documents change nothing. */
static enum stc_err add_docs(struct stc_hw *hw, const struct stc_node *const *roots,
                             size_t n, struct stc_diag *diag)
{
    struct stc_hw next;
    enum stc_err err = copy_lists(hw->arena, hw, &next, diag);
    if (err == STC_OK) err = read_docs(&next, roots, n, diag);
    if (err == STC_OK) *hw = next;
    return err;
}

/* ==== the public calls ==== */

enum stc_err stc_hw_load(struct stc_arena *a, struct stc_hw **out,
                         struct stc_diag *diag)
{
    static const char *const files[] = {"hw/data/gpus.yaml", "hw/data/fabrics.yaml",
                                        "hw/data/nodes.yaml"};
    struct stc_hw *hw = STC_NEW(a, struct stc_hw);
    if (!hw) return no_memory(diag);
    hw->arena = a;
    for (int i = 0; i < STC_N_ELEM(files); i++) {
        const struct stc_node *root = NULL;
        enum stc_err err = stc_doc_read_embed(a, files[i], &root, diag);
        if (err == STC_OK) err = check_sections(root, diag);
        if (err == STC_OK) err = add_docs(hw, &root, 1, diag);
        if (err != STC_OK) return err;
    }
    *out = hw;
    return STC_OK;
}

enum stc_err stc_hw_add_yaml(struct stc_hw *hw, const char *text, size_t len,
                             const char *file, struct stc_diag *diag)
{
    const struct stc_node *root = NULL;
    enum stc_err err = stc_doc_parse_yaml(hw->arena, file, text, len, &root, diag);
    if (err != STC_OK) return err;
    if (root->kind != STC_NODE_MAP) {
        return stc_node_fail(root, diag, STC_ERR_PARSE,
                             "a catalogue is a map of sections");
    }
    err = check_sections(root, diag);
    return err == STC_OK ? add_docs(hw, &root, 1, diag) : err;
}

enum stc_err stc_hw_copy(struct stc_arena *a, const struct stc_hw *base,
                         struct stc_hw **out, struct stc_diag *diag)
{
    struct stc_hw *hw = STC_NEW(a, struct stc_hw);
    if (!hw) return no_memory(diag);
    enum stc_err err = copy_lists(a, base, hw, diag);
    if (err == STC_OK) *out = hw;
    return err;
}

enum stc_err stc_hw_add_docs(struct stc_hw *hw, const struct stc_node *const *roots,
                             size_t n, struct stc_diag *diag)
{
    struct stc_hw next;
    enum stc_err err = copy_lists(hw->arena, hw, &next, diag);
    if (err == STC_OK) err = read_docs(&next, roots, n, diag);
    for (size_t i = 0; i < n && err == STC_OK; i++)
        err = check_aliases(&next, stc_node_get(roots[i], "aliases"), diag);
    if (err == STC_OK) *hw = next;
    return err;
}

enum stc_err stc_hw_find_gpu(const struct stc_hw *hw, const char *name,
                             const struct stc_gpu **out, struct stc_diag *diag)
{
    const void *row = NULL;
    enum stc_err err = find(hw, GPUS, name, &row, diag);
    bool printed = err != STC_OK && strchr(name, ' '); /* by nvidia-smi, or a person */
    const char *known = printed ? stc_gpu_of_product(name, 0) : NULL;
    if (known) {
        if (diag) diag->text[0] = '\0';
        err = find(hw, GPUS, known, &row, diag);
    }
    if (err == STC_OK) *out = row;
    return err;
}

enum stc_err stc_hw_find_node(const struct stc_hw *hw, const char *name,
                              const struct stc_hw_node **out, struct stc_diag *diag)
{
    const void *row = NULL;
    enum stc_err err = find(hw, NODES, name, &row, diag);
    if (err == STC_OK) *out = row;
    return err;
}

enum stc_err stc_hw_find_fabric(const struct stc_hw *hw, const char *name,
                                const struct stc_fabric **out, struct stc_diag *diag)
{
    const void *row = NULL;
    enum stc_err err = find(hw, FABRICS, name, &row, diag);
    if (err == STC_OK) *out = row;
    return err;
}

size_t stc_hw_n_gpus(const struct stc_hw *hw)
{
    return hw->lists[GPUS].n;
}

const struct stc_gpu *stc_hw_gpu_at(const struct stc_hw *hw, size_t i)
{
    return hw->lists[GPUS].rows[i];
}

size_t stc_hw_n_nodes(const struct stc_hw *hw)
{
    return hw->lists[NODES].n;
}

const struct stc_hw_node *stc_hw_node_at(const struct stc_hw *hw, size_t i)
{
    return hw->lists[NODES].rows[i];
}

size_t stc_hw_n_fabrics(const struct stc_hw *hw)
{
    return hw->lists[FABRICS].n;
}

const struct stc_fabric *stc_hw_fabric_at(const struct stc_hw *hw, size_t i)
{
    return hw->lists[FABRICS].rows[i];
}
