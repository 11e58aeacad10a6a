#include "calib/load_cost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calib/evidence_pack.h"
#include "calib/load_platform.h"
#include "kernels/residual.h"
#include "sim/base/doc.h"
#include "sim/base/embed.h"
#include "sim/base/text.h"

/* ==== names ==== */

static bool family_of(const char *text, uint8_t *out)
{
    for (int f = 0; f < STC_FITTED_COUNT; f++)
        if (strcmp(text, stc_family_name((enum stc_family)f)) == 0) {
            *out = (uint8_t)f;
            return true;
        }
    return false;
}

static bool gen_of(const char *text, enum stc_gen *out)
{
    for (int g = 0; g < STC_GEN_COUNT; g++)
        if (strcmp(text, stc_gen_name((enum stc_gen)g)) == 0) {
            *out = (enum stc_gen)g;
            return true;
        }
    return false;
}

/* ==== fits.yaml ==== */

static enum stc_err need_text(const struct stc_node *map, const char *key,
                              const struct stc_node **node, const char **out,
                              struct stc_diag *diag)
{
    enum stc_err err = stc_node_need(map, key, node, diag);
    return err == STC_OK ? stc_node_text(*node, out, diag) : err;
}

static enum stc_err load_names(const struct stc_node *n, struct stc_fit *f,
                               struct stc_diag *diag)
{
    const struct stc_node *at = n;
    const char *text;
    enum stc_dtype d = STC_DTYPE_BF16;
    enum stc_err err = need_text(n, "family", &at, &text, diag);
    if (err == STC_OK && !family_of(text, &f->family))
        return stc_node_fail(at, diag, STC_ERR_UNKNOWN, "\"%s\" is not a fitted family",
                             text);
    if (err == STC_OK) err = need_text(n, "generation", &at, &text, diag);
    if (err == STC_OK && !gen_of(text, &f->gen))
        return stc_node_fail(at, diag, STC_ERR_UNKNOWN, "\"%s\" is not a generation",
                             text);
    if (err == STC_OK) err = need_text(n, "variant", &at, &text, diag);
    if (err == STC_OK && !stc_dtype_parse(text, &d))
        return stc_node_fail(at, diag, STC_ERR_UNKNOWN, "\"%s\" is not a dtype", text);
    if (err == STC_OK) err = need_text(n, "gpu", &at, &text, diag);
    if (err != STC_OK) return err;
    if (strlen(text) >= sizeof f->gpu)
        return stc_node_fail(at, diag, STC_ERR_RANGE, "name too long");
    memcpy(f->gpu, text, strlen(text) + 1);
    f->variant = (uint8_t)d;
    return STC_OK;
}

static enum stc_err load_values(const struct stc_node *n, struct stc_fit *f,
                                struct stc_diag *diag)
{
    int n_par;
    const struct stc_par_info *info = stc_par_table((enum stc_family)f->family, &n_par);
    const struct stc_node *values, *at;
    enum stc_err err = stc_node_need(n, "values", &values, diag);

    for (int j = 0; j < n_par && err == STC_OK; j++) {
        err = stc_node_need(values, info[j].name, &at, diag);
        if (err == STC_OK) err = stc_node_double(at, &f->v[j], diag);
        if (err == STC_OK &&
            !(f->v[j] >= 0.99 * info[j].low && f->v[j] <= 1.01 * info[j].high))
            err = stc_node_fail(at, diag, STC_ERR_RANGE, "%g is not in [%g, %g]",
                                f->v[j], info[j].low, info[j].high);
    }
    return err;
}

static enum stc_err load_left_out(const struct stc_node *n, struct stc_fit *f,
                                  struct stc_diag *diag)
{
    const struct {
        const char *key;
        double *to;
    } rows[] = {{"physics_error", &f->err_plain},
                {"residual_error", &f->err_resid},
                {"physics_sigma", &f->sigma_plain},
                {"residual_sigma", &f->sigma_resid}};
    const struct stc_node *map, *at;
    enum stc_err err = stc_node_need(n, "left_out", &map, diag);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && err == STC_OK; i++) {
        err = stc_node_need(map, rows[i].key, &at, diag);
        if (err == STC_OK) err = stc_node_double(at, rows[i].to, diag);
        if (err == STC_OK && !(*rows[i].to >= 0 && *rows[i].to < 10))
            err = stc_node_fail(at, diag, STC_ERR_RANGE, "not in [0, 10)");
    }
    return err;
}

static enum stc_err load_fit(const struct stc_node *n, struct stc_fit *f,
                             struct stc_diag *diag)
{
    const struct stc_node *at;
    int rows = 0;

    *f = (struct stc_fit){.tier = STC_TIER_MEASURED};
    enum stc_err err = load_names(n, f, diag);
    if (err == STC_OK) err = stc_node_need(n, "rows", &at, diag);
    if (err == STC_OK) err = stc_node_int(at, &rows, diag);
    if (err == STC_OK && rows <= 0)
        err = stc_node_fail(at, diag, STC_ERR_RANGE, "must be positive");
    f->n_rows = rows;
    if (err == STC_OK) err = load_left_out(n, f, diag);
    if (err == STC_OK) err = load_values(n, f, diag);
    return err;
}

static enum stc_err load_fits(const struct stc_node *root, struct stc_cost *c,
                              struct stc_diag *diag)
{
    const struct stc_node *list, *at;
    int version = 0;
    enum stc_err err = stc_node_need(root, "version", &at, diag);

    if (err == STC_OK) err = stc_node_int(at, &version, diag);
    if (err == STC_OK && version != 1)
        err = stc_node_fail(at, diag, STC_ERR_RANGE, "version %d; this program reads 1",
                            version);
    if (err == STC_OK) err = stc_node_need(root, "fits", &list, diag);
    if (err != STC_OK) return err;
    for (const struct stc_node *n = list->first; n != NULL; n = n->next) {
        if (c->n_fits == STC_FIT_MAX / 2)
            return stc_node_fail(n, diag, STC_ERR_RANGE, "more than %d fits",
                                 STC_FIT_MAX / 2);
        err = load_fit(n, &c->fits[c->n_fits], diag);
        if (err != STC_OK) return err;
        c->n_fits++;
    }
    return STC_OK;
}

/* ==== residual_*.csv ==== */

enum { MAX_TREES = 4096, MAX_DEPTH = 8 };

/* A residual while its rows come in. */
struct growing {
    struct stc_residual *r;
    uint8_t *feat;
    float *threshold, *leaf;
    int cap;
};

static enum stc_err room(struct stc_arena *a, struct growing *g, int depth,
                         struct stc_diag *diag)
{
    if (g->r->n_trees < g->cap) return STC_OK;
    size_t cap = g->cap > 0 ? 2 * (size_t)g->cap : 256, d = (size_t)depth,
           n = (size_t)g->r->n_trees;
    if (cap > MAX_TREES)
        return stc_fail(diag, STC_ERR_RANGE, "more than %d trees", MAX_TREES);
    uint8_t *feat = STC_NEW_N(a, uint8_t, cap * d);
    float *t = STC_NEW_N(a, float, cap *d), *leaf = STC_NEW_N(a, float, cap << d);
    if (feat == NULL || t == NULL || leaf == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "residual");
    if (n > 0) {
        memcpy(feat, g->feat, n * d);
        memcpy(t, g->threshold, n * d * sizeof *t);
        memcpy(leaf, g->leaf, (n << d) * sizeof *leaf);
    }
    g->r->feat = g->feat = feat;
    g->r->threshold = g->threshold = t;
    g->r->leaf = g->leaf = leaf;
    g->cap = (int)cap;
    return STC_OK;
}

/* "3>1.5 0>7 …": feature and threshold of each question. Returns how many. */
static int parse_questions(const char *s, uint8_t *feat, float *t)
{
    int n = 0;
    while (*s != '\0') {
        char *end;
        long f = strtol(s, &end, 10);
        if (end == s || *end != '>' || f < 0 || f >= STC_FEAT_MAX || n == MAX_DEPTH)
            return -1;
        s = end + 1;
        float x = strtof(s, &end);
        if (end == s || !isfinite(x)) return -1;
        feat[n] = (uint8_t)f;
        t[n++] = x;
        s = *end == ' ' ? end + 1 : end;
        if (*end != ' ' && *end != '\0') return -1;
    }
    return n;
}

static bool parse_leaves(const char *s, int n, float *leaf)
{
    for (int i = 0; i < n; i++) {
        char *end;
        long x = strtol(s, &end, 10);
        if (end == s || x < -100000 || x > 100000) return false;
        leaf[i] = (float)((double)x / 1e4);
        s = end;
    }
    return *s == '\0';
}

static enum stc_err take_tree(struct stc_arena *a, struct growing *g,
                              const struct stc_csv *csv, int col, struct stc_diag *diag)
{
    uint8_t feat[MAX_DEPTH];
    float t[MAX_DEPTH];
    int depth = parse_questions(stc_csv_text(csv, col), feat, t);

    if (depth < 1 || (g->r->n_trees > 0 && depth != g->r->depth))
        return stc_csv_fail(csv, col, diag, STC_ERR_PARSE, "not a tree's questions");
    g->r->depth = depth;
    enum stc_err err = room(a, g, depth, diag);
    if (err != STC_OK) return err;
    size_t n = (size_t)g->r->n_trees, d = (size_t)depth;
    memcpy(g->feat + n * d, feat, d);
    memcpy(g->threshold + n * d, t, d * sizeof *t);
    if (!parse_leaves(stc_csv_text(csv, col + 1), 1 << depth, g->leaf + (n << d)))
        return stc_csv_fail(csv, col + 1, diag, STC_ERR_PARSE, "not %d leaves",
                            1 << depth);
    g->r->n_trees++;
    return STC_OK;
}

static enum stc_err take_range(struct growing *g, const struct stc_csv *csv, int index,
                               int col, struct stc_diag *diag)
{
    double lo, hi;
    enum stc_err err = stc_csv_double(csv, col, &lo, NULL, diag);
    if (err == STC_OK) err = stc_csv_double(csv, col + 1, &hi, NULL, diag);
    if (err != STC_OK) return err;
    if (index < 0 || index >= STC_FEAT_MAX || !(lo <= hi))
        return stc_csv_fail(csv, col, diag, STC_ERR_RANGE, "not a range of an axis");
    g->r->lo[index] = (float)lo;
    g->r->hi[index] = (float)hi;
    if (index >= g->r->n_axes) g->r->n_axes = index + 1;
    return STC_OK;
}

static struct stc_fit *fit_of(struct stc_cost *c, int family, const char *gpu,
                              const char *variant)
{
    enum stc_dtype d;
    if (!stc_dtype_parse(variant, &d)) return NULL;
    for (int i = 0; i < c->n_fits; i++)
        if (c->fits[i].family == family && c->fits[i].variant == d &&
            strcmp(c->fits[i].gpu, gpu) == 0)
            return &c->fits[i];
    return NULL;
}

static enum stc_err take_row(struct stc_arena *a, struct growing *g,
                             const struct stc_csv *csv, int index,
                             struct stc_diag *diag)
{
    const char *kind = stc_csv_text(csv, 2), *text = stc_csv_text(csv, 4);
    enum stc_err err;
    if (strcmp(kind, "tree") == 0) return take_tree(a, g, csv, 4, diag);
    if (strcmp(kind, "range") == 0) return take_range(g, csv, index, 4, diag);
    if (strcmp(kind, "axis") == 0)
        err = stc_evidence_axis(a, g->r, index, text, diag);
    else if (strcmp(kind, "rows") == 0)
        err = stc_evidence_rows(a, g->r, text, diag);
    else
        return stc_csv_fail(csv, 2, diag, STC_ERR_UNKNOWN,
                            "\"%s\" is not tree, range, axis or rows", kind);
    return err == STC_OK ? err
                         : stc_fail_prefix(diag, err, "%s:%d", csv->name, csv->line);
}

/* Columns: gpu, variant, kind, index, a, b. */
static enum stc_err take_rows(struct stc_arena *a, struct stc_cost *c, int family,
                              struct stc_csv *csv, struct stc_diag *diag)
{
    struct growing g = {0};
    const struct stc_fit *of = NULL;
    int gpu, kind;
    enum stc_err err = stc_csv_need(csv, "gpu", &gpu, diag);

    if (err == STC_OK) err = stc_csv_need(csv, "kind", &kind, diag);
    if (err == STC_OK && (csv->n_cols != 6 || gpu != 0 || kind != 2))
        err = stc_csv_fail(csv, -1, diag, STC_ERR_PARSE,
                           "columns are gpu,variant,kind,index,a,b");
    while (err == STC_OK) {
        bool got;
        int64_t index;
        err = stc_csv_next(csv, &got, diag);
        if (err != STC_OK || !got) break;
        struct stc_fit *f =
            fit_of(c, family, stc_csv_text(csv, 0), stc_csv_text(csv, 1));
        if (f == NULL)
            return stc_csv_fail(csv, 0, diag, STC_ERR_UNKNOWN,
                                "fits.yaml has no such fit");
        if (f != of) {
            g = (struct growing){.r = STC_NEW(a, struct stc_residual)};
            if (g.r == NULL) return stc_fail(diag, STC_ERR_NOMEM, "residual");
            f->residual = g.r;
            of = f;
        }
        err = stc_csv_i64(csv, 3, &index, NULL, diag);
        if (err != STC_OK) break;
        err = take_row(a, &g, csv, (int)index, diag);
    }
    return err;
}

/* ==== both ==== */

static enum stc_err open_table(struct stc_csv *csv, const char *dir, int family,
                               bool *there, struct stc_diag *diag)
{
    char path[1024];
    const char *name = stc_family_name((enum stc_family)family);
    int n = snprintf(path, sizeof path, "%s/residual_%s.csv",
                     dir != NULL ? dir : "calib/data", name);
    if (n < 0 || (size_t)n >= sizeof path)
        return stc_fail(diag, STC_ERR_RANGE, "%s: path too long", dir);
    *there = true;
    if (dir == NULL) {
        const struct stc_embed *e = stc_embed_find(path);
        *there = e != NULL;
        if (e == NULL) return STC_OK;
        return stc_csv_open_mem(csv, e->path, (const char *)e->data, e->size, diag);
    }
    *there = access(path, R_OK) == 0;
    if (!*there) return STC_OK;
    char *kept = strdup(path); /* the reader keeps the name for its sentences */
    if (kept == NULL) return stc_fail(diag, STC_ERR_NOMEM, "residual");
    enum stc_err err = stc_csv_open(csv, kept, diag);
    if (err == STC_OK) csv->name = "residual";
    free(kept);
    return err;
}

static enum stc_err load_from(struct stc_arena *a, const char *dir,
                              const struct stc_node *root, struct stc_cost **out,
                              struct stc_diag *diag)
{
    struct stc_cost *c = STC_NEW(a, struct stc_cost);
    if (c == NULL) return stc_fail(diag, STC_ERR_NOMEM, "cost model");
    stc_cost_prior(c);
    c->n_fits = 0; /* the index of the priors alone is built anew below */
    enum stc_err err = stc_platform_load(a, c, diag);
    if (err == STC_OK) err = load_fits(root, c, diag);
    for (int f = 0; f < STC_FITTED_COUNT && err == STC_OK; f++) {
        struct stc_csv csv = {0};
        bool there = false;
        err = open_table(&csv, dir, f, &there, diag);
        if (err == STC_OK && there) err = take_rows(a, c, f, &csv, diag);
        if (there) stc_csv_close(&csv);
    }
    for (int i = 0; i < c->n_fits && err == STC_OK; i++)
        if (c->fits[i].residual != NULL)
            err = stc_evidence_done(
                a, (struct stc_residual *)(uintptr_t)c->fits[i].residual, diag);
    if (err == STC_OK && !stc_cost_index(c))
        err = stc_fail(diag, STC_ERR_RANGE, "fits.yaml: too many fits");
    if (err == STC_OK) *out = c;
    return err;
}

enum stc_err stc_cost_load(struct stc_arena *a, struct stc_cost **out,
                           struct stc_diag *diag)
{
    const struct stc_node *root;
    enum stc_err err = stc_doc_read_embed(a, "calib/data/fits.yaml", &root, diag);
    return err == STC_OK ? load_from(a, NULL, root, out, diag) : err;
}

enum stc_err stc_cost_load_dir(struct stc_arena *a, const char *dir,
                               struct stc_cost **out, struct stc_diag *diag)
{
    const struct stc_node *root;
    char path[1024];
    int n = snprintf(path, sizeof path, "%s/fits.yaml", dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return stc_fail(diag, STC_ERR_RANGE, "%s: path too long", dir);
    enum stc_err err = stc_doc_read_file(a, path, &root, diag);
    return err == STC_OK ? load_from(a, dir, root, out, diag) : err;
}

/* ==== over the shipped ==== */

/* Fits that were loaded come first; those made by the index have no rows. */
static int n_loaded(const struct stc_cost *c)
{
    int n = 0;
    while (n < c->n_fits && c->fits[n].n_rows > 0)
        n++;
    return n;
}

static enum stc_err lay_over(struct stc_cost *c, const struct stc_cost *own,
                             const char *dir, struct stc_diag *diag)
{
    int n_own = n_loaded(own);
    c->n_fits = n_loaded(c);
    for (int i = 0; i < n_own; i++) {
        const struct stc_fit *f = &own->fits[i];
        int at = 0;
        while (at < c->n_fits &&
               (c->fits[at].family != f->family || c->fits[at].variant != f->variant ||
                strcmp(c->fits[at].gpu, f->gpu) != 0))
            at++;
        if (at < c->n_fits && strcmp(f->gpu, STC_FIT_ANY) == 0) continue;
        if (at == STC_FIT_MAX / 2)
            return stc_fail(diag, STC_ERR_RANGE, "%s: more than %d fits", dir,
                            STC_FIT_MAX / 2);
        c->fits[at] = *f;
        if (at == c->n_fits) c->n_fits++;
    }
    return STC_OK;
}

static bool holds(const char *dir, const char *name, char *path, size_t size)
{
    int n = snprintf(path, size, "%s/%s", dir, name);
    return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}

enum stc_err stc_cost_load_over(struct stc_arena *a, const char *dir,
                                struct stc_cost **out, struct stc_diag *diag)
{
    struct stc_cost *c, *own;
    const struct stc_node *root;
    char path[1024];
    enum stc_err err = stc_cost_load(a, &c, diag);
    if (err == STC_OK && holds(dir, "fits.yaml", path, sizeof path)) {
        err = stc_cost_load_dir(a, dir, &own, diag);
        if (err == STC_OK) err = lay_over(c, own, dir, diag);
    }
    if (err == STC_OK && holds(dir, "platform.yaml", path, sizeof path)) {
        err = stc_doc_read_file(a, path, &root, diag);
        if (err == STC_OK) err = stc_platform_read(root, c, diag);
    }
    if (err == STC_OK && !stc_cost_index(c))
        err = stc_fail(diag, STC_ERR_RANGE, "%s: too many fits or GPUs", dir);
    if (err == STC_OK) *out = c;
    return err;
}

uint64_t stc_cost_hash(const struct stc_cost *c)
{
    uint64_t h = STC_HASH_INIT;
    int n = n_loaded(c);
    for (int i = 0; i < n; i++) {
        const struct stc_fit *f = &c->fits[i];
        const struct stc_residual *r = f->residual;
        const int id[] = {f->family, f->variant, f->n_rows, (int)f->gen};
        h = stc_hash64(h, f->gpu, strlen(f->gpu));
        h = stc_hash64(h, id, sizeof id);
        h = stc_hash64(h, f->v, sizeof f->v);
        h = stc_hash64(h, &f->sigma_plain, sizeof f->sigma_plain);
        h = stc_hash64(h, &f->sigma_resid, sizeof f->sigma_resid);
        if (r == NULL) continue;
        size_t trees = (size_t)r->n_trees, nodes = trees * (size_t)r->depth;
        h = stc_hash64(h, r->feat, nodes);
        h = stc_hash64(h, r->threshold, nodes * sizeof *r->threshold);
        h = stc_hash64(h, r->leaf, (trees << r->depth) * sizeof *r->leaf);
    }
    for (int g = 0; g < STC_GEN_COUNT; g++) /* all of it is doubles: no padding */
        h = stc_hash64(h, &c->platform[g], sizeof c->platform[g]);
    return stc_hash64(h, c->lowering_sigma_log, sizeof c->lowering_sigma_log);
}
