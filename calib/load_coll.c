#include "calib/load_coll.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/text.h"

static const enum stc_family families[] = {STC_FAMILY_COLL_NVLINK, STC_FAMILY_COLL_NET,
                                           STC_FAMILY_COLL_CUSTOM, STC_FAMILY_P2P};
static const char *const family_names[] = {"coll_nvlink", "coll_net", "coll_custom",
                                           "p2p"};
enum { N_FAMILIES = sizeof families / sizeof families[0] };

/* ==== reading ==== */

static int gen_of(const char *key)
{
    for (int g = 0; g < STC_GEN_COUNT; g++)
        if (strcmp(stc_gen_name((enum stc_gen)g), key) == 0) return g;
    return -1;
}

static enum stc_err positive(const struct stc_node *n, double *out,
                             struct stc_diag *diag)
{
    double v = 0.0;
    enum stc_err err = stc_node_double(n, &v, diag);
    if (err != STC_OK) return err;
    if (!(v > 0.0 && v < 1e18))
        return stc_node_fail(n, diag, STC_ERR_RANGE, "must be above 0 and finite");
    *out = v;
    return STC_OK;
}

static enum stc_err count(const struct stc_node *n, int lo, int hi, int *out,
                          struct stc_diag *diag)
{
    int v = 0;
    enum stc_err err = stc_node_int(n, &v, diag);
    if (err != STC_OK) return err;
    if (v < lo || v > hi)
        return stc_node_fail(n, diag, STC_ERR_RANGE, "%d is not in [%d, %d]", v, lo,
                             hi);
    *out = v;
    return STC_OK;
}

struct block {
    const struct stc_coll_term *terms;
    int n_terms;
    double *v;
    double *clock_hz; /* NULL: none */
    int *n_rows;
    double *max_bytes; /* NULL: none */
};

static enum stc_err read_list(const struct stc_node *list, double *v, int n,
                              struct stc_diag *diag)
{
    if (list->kind != STC_NODE_LIST || list->n != n)
        return stc_node_fail(list, diag, STC_ERR_PARSE, "must be a list of %d numbers",
                             n);
    int i = 0;
    for (const struct stc_node *e = list->first; e != NULL; e = e->next, i++) {
        enum stc_err err = positive(e, &v[i], diag);
        if (err != STC_OK) return err;
    }
    return STC_OK;
}

static enum stc_err read_block(const struct stc_node *map, const struct block *b,
                               struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (const struct stc_node *e = map->first; err == STC_OK && e != NULL;
         e = e->next) {
        if (strcmp(e->key, "rows") == 0) {
            err = count(e, 0, 100000000, b->n_rows, diag);
            continue;
        }
        if (b->clock_hz != NULL && strcmp(e->key, "clock_hz") == 0) {
            err = positive(e, b->clock_hz, diag);
            continue;
        }
        if (b->max_bytes != NULL && strcmp(e->key, "max_bytes") == 0) {
            err = read_list(e, b->max_bytes, STC_CUSTOM_SIZES, diag);
            continue;
        }
        int i = 0;
        while (i < b->n_terms && strcmp(b->terms[i].name, e->key) != 0)
            i++;
        if (i == b->n_terms)
            return stc_node_fail(e, diag, STC_ERR_UNKNOWN,
                                 "no term of a collective has this name");
        err = positive(e, &b->v[i], diag);
    }
    return err;
}

static enum stc_err read_gens(const struct stc_node *map, struct stc_coll_params *p,
                              struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (const struct stc_node *e = map->first; err == STC_OK && e != NULL;
         e = e->next) {
        int g = gen_of(e->key);
        if (g < 0)
            return stc_node_fail(e, diag, STC_ERR_UNKNOWN, "no such GPU generation");
        struct block b = {stc_cg_terms,        STC_CG_COUNT,      p->gen[g].v,
                          &p->gen[g].clock_hz, &p->gen[g].n_rows, NULL};
        err = read_block(e, &b, diag);
    }
    return err;
}

static enum stc_err read_nets(const struct stc_node *map, struct stc_coll_params *p,
                              struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (const struct stc_node *e = map->first; err == STC_OK && e != NULL;
         e = e->next) {
        enum stc_fabric_tech t;
        if (!stc_fabric_tech_find(e->key, &t))
            return stc_node_fail(e, diag, STC_ERR_UNKNOWN, "no such fabric");
        struct block b = {stc_cn_terms, STC_CN_COUNT,      p->net[t].v,
                          NULL,         &p->net[t].n_rows, NULL};
        err = read_block(e, &b, diag);
    }
    return err;
}

static enum stc_err read_libs(const struct stc_node *map, struct stc_coll_params *p,
                              struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (const struct stc_node *l = map->first; err == STC_OK && l != NULL;
         l = l->next) {
        enum stc_coll_lib lib;
        if (!stc_coll_lib_parse(l->key, &lib))
            return stc_node_fail(l, diag, STC_ERR_UNKNOWN, "no such library");
        for (const struct stc_node *e = l->first; err == STC_OK && e != NULL;
             e = e->next) {
            int g = gen_of(e->key);
            if (g < 0)
                return stc_node_fail(e, diag, STC_ERR_UNKNOWN,
                                     "no such GPU generation");
            struct stc_coll_custom_fit *c = &p->custom[lib][g];
            struct block b = {stc_cc_terms, STC_CC_COUNT, c->v,
                              &c->clock_hz, &c->n_rows,   c->max_bytes};
            err = read_block(e, &b, diag);
        }
    }
    return err;
}

static enum stc_err read_sigmas(const struct stc_node *map, struct stc_coll_params *p,
                                struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (const struct stc_node *e = map->first; err == STC_OK && e != NULL;
         e = e->next) {
        int f = 0;
        while (f < N_FAMILIES && strcmp(family_names[f], e->key) != 0)
            f++;
        if (f == N_FAMILIES)
            return stc_node_fail(e, diag, STC_ERR_UNKNOWN, "no family of collectives");
        err = read_list(e, p->sigma_log[families[f]], STC_TIER_COUNT, diag);
    }
    return err;
}

static enum stc_err read_curve(const struct stc_node *list, struct stc_coll_res *r,
                               struct stc_diag *diag)
{
    if (list->kind != STC_NODE_LIST || list->n != STC_RES_POINTS)
        return stc_node_fail(list, diag, STC_ERR_PARSE, "must be a list of %d numbers",
                             (int)STC_RES_POINTS);
    int i = 0;
    for (const struct stc_node *e = list->first; e != NULL; e = e->next, i++) {
        double v = 0.0;
        enum stc_err err = stc_node_double(e, &v, diag);
        if (err != STC_OK) return err;
        if (!(fabs(v) <= 5000.0))
            return stc_node_fail(e, diag, STC_ERR_RANGE, "is not in [-5000, 5000]");
        r->log_ratio[i] = (float)(v * 1e-3);
    }
    return STC_OK;
}

static enum stc_err need_text(const struct stc_node *map, const char *key,
                              const char **out, struct stc_diag *diag)
{
    const struct stc_node *n;
    enum stc_err err = stc_node_need(map, key, &n, diag);
    return err == STC_OK ? stc_node_text(n, out, diag) : err;
}

static enum stc_err read_series(const struct stc_node *map, struct stc_coll_res *r,
                                struct stc_diag *diag)
{
    const char *gen = "", *lib = "", *coll = "", *net = "";
    const struct stc_node *ranks, *nodes, *lo, *hi, *curve;
    enum stc_err err = need_text(map, "generation", &gen, diag);
    if (err == STC_OK) err = need_text(map, "library", &lib, diag);
    if (err == STC_OK) err = need_text(map, "collective", &coll, diag);
    if (err == STC_OK) err = need_text(map, "fabric", &net, diag);
    if (err == STC_OK) err = stc_node_need(map, "ranks", &ranks, diag);
    if (err == STC_OK) err = stc_node_need(map, "nodes", &nodes, diag);
    if (err == STC_OK) err = stc_node_need(map, "min_bytes", &lo, diag);
    if (err == STC_OK) err = stc_node_need(map, "max_bytes", &hi, diag);
    if (err == STC_OK) err = stc_node_need(map, "log_permille", &curve, diag);
    if (err != STC_OK) return err;
    int g = gen_of(gen);
    if (g < 0 || !stc_coll_lib_parse(lib, &r->lib) || !stc_coll_parse(coll, &r->coll) ||
        !stc_fabric_tech_find(net, &r->net))
        return stc_node_fail(map, diag, STC_ERR_UNKNOWN,
                             "generation, library, collective or fabric: %s %s %s %s",
                             gen, lib, coll, net);
    r->gen = (enum stc_gen)g;
    err = count(ranks, 2, 1000000, &r->n_ranks, diag);
    if (err == STC_OK) err = count(nodes, 1, 1000000, &r->n_nodes, diag);
    if (err == STC_OK) err = positive(lo, &r->min_bytes, diag);
    if (err == STC_OK) err = positive(hi, &r->max_bytes, diag);
    return err == STC_OK ? read_curve(curve, r, diag) : err;
}

static enum stc_err read_residuals(const struct stc_node *list,
                                   struct stc_coll_params *p, struct stc_diag *diag)
{
    for (const struct stc_node *e = list->first; e != NULL; e = e->next) {
        if (p->n_res == STC_RES_SERIES)
            return stc_node_fail(e, diag, STC_ERR_RANGE, "more than %d series",
                                 (int)STC_RES_SERIES);
        enum stc_err err = read_series(e, &p->res[p->n_res], diag);
        if (err != STC_OK) return err;
        p->n_res++;
    }
    return STC_OK;
}

/* sigma_log: what holds for families that the file does not name; NULL: priors. */
static enum stc_err load_onto(const struct stc_node *root,
                              double sigma_log[][STC_TIER_COUNT],
                              struct stc_coll_params *out, struct stc_diag *diag)
{
    static const struct {
        const char *key;
        enum stc_err (*read)(const struct stc_node *, struct stc_coll_params *,
                             struct stc_diag *);
    } parts[] = {{"generations", read_gens},
                 {"fabrics", read_nets},
                 {"libraries", read_libs},
                 {"sigma_log", read_sigmas},
                 {"residuals", read_residuals}};
    enum { N = sizeof parts / sizeof parts[0] };
    struct stc_coll_params p;
    stc_coll_params_prior(&p);
    if (sigma_log != NULL) memcpy(p.sigma_log, sigma_log, sizeof p.sigma_log);
    enum stc_err err = STC_OK;
    for (const struct stc_node *e = root->first; err == STC_OK && e != NULL;
         e = e->next) {
        int i = 0;
        while (i < N && e->key != NULL && strcmp(parts[i].key, e->key) != 0)
            i++;
        if (i == N || e->key == NULL)
            return stc_node_fail(
                e, diag, STC_ERR_UNKNOWN,
                "is not a part of this file: generations, fabrics, libraries, "
                "sigma_log, residuals are");
        err = parts[i].read(e, &p, diag);
    }
    if (err != STC_OK) return err;
    stc_coll_params_transfer(&p);
    *out = p;
    return STC_OK;
}

enum stc_err stc_load_coll_doc(const struct stc_node *root, struct stc_coll_params *out,
                               struct stc_diag *diag)
{
    return load_onto(root, NULL, out, diag);
}

enum stc_err stc_load_coll(struct stc_coll_params *out, struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_node *root = NULL;
    enum stc_err err = stc_doc_read_embed(&a, STC_COLL_FITS_PATH, &root, diag);
    if (err == STC_OK) err = stc_load_coll_doc(root, out, diag);
    stc_arena_free(&a);
    return err;
}

/* ==== over the shipped ==== */

static bool same_series(const struct stc_coll_res *a, const struct stc_coll_res *b)
{
    return a->gen == b->gen && a->lib == b->lib && a->coll == b->coll &&
           a->n_ranks == b->n_ranks && a->n_nodes == b->n_nodes &&
           (a->n_nodes == 1 || a->net == b->net);
}

static enum stc_err lay_series(struct stc_coll_params *p, const struct stc_coll_res *r,
                               struct stc_diag *diag)
{
    int i = 0;
    while (i < p->n_res && !same_series(&p->res[i], r))
        i++;
    if (i == STC_RES_SERIES)
        return stc_fail(diag, STC_ERR_RANGE, "more than %d series of collectives",
                        (int)STC_RES_SERIES);
    p->res[i] = *r;
    if (i == p->n_res) p->n_res++;
    return STC_OK;
}

static enum stc_err lay_over(struct stc_coll_params *p,
                             const struct stc_coll_params *own, struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        if (own->gen[g].n_rows > 0) p->gen[g] = own->gen[g];
        for (int l = 0; l < STC_COLL_LIB_COUNT; l++)
            if (own->custom[l][g].n_rows > 0) p->custom[l][g] = own->custom[l][g];
    }
    for (int n = 0; n < STC_FABRIC_TECH_COUNT; n++)
        if (own->net[n].n_rows > 0) p->net[n] = own->net[n];
    for (int i = 0; i < own->n_res && err == STC_OK; i++)
        err = lay_series(p, &own->res[i], diag);
    memcpy(p->sigma_log, own->sigma_log, sizeof p->sigma_log);
    return err;
}

enum stc_err stc_load_coll_over(const char *dir, struct stc_coll_params *out,
                                struct stc_diag *diag)
{
    char path[1024];
    int n = snprintf(path, sizeof path, "%s/fits_coll.yaml", dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return stc_fail(diag, STC_ERR_RANGE, "%s: path too long", dir);
    enum stc_err err = stc_load_coll(out, diag);
    if (err != STC_OK || access(path, R_OK) != 0) return err;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_coll_params *own = STC_NEW(&a, struct stc_coll_params);
    const struct stc_node *root = NULL;
    if (own == NULL) return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", path);
    err = stc_doc_read_file(&a, path, &root, diag);
    if (err == STC_OK) err = load_onto(root, out->sigma_log, own, diag);
    if (err == STC_OK) err = lay_over(out, own, diag);
    if (err == STC_OK) stc_coll_params_transfer(out);
    stc_arena_free(&a);
    return err;
}

uint64_t stc_coll_hash(const struct stc_coll_params *p)
{
    uint64_t h = STC_HASH_INIT;
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        h = stc_hash64(h, p->gen[g].v, sizeof p->gen[g].v);
        h = stc_hash64(h, &p->gen[g].clock_hz, sizeof p->gen[g].clock_hz);
        for (int l = 0; l < STC_COLL_LIB_COUNT; l++) {
            const struct stc_coll_custom_fit *c = &p->custom[l][g];
            h = stc_hash64(h, c->v, sizeof c->v);
            h = stc_hash64(h, c->max_bytes, sizeof c->max_bytes);
        }
    }
    for (int n = 0; n < STC_FABRIC_TECH_COUNT; n++)
        h = stc_hash64(h, p->net[n].v, sizeof p->net[n].v);
    for (int i = 0; i < p->n_res; i++) {
        const struct stc_coll_res *r = &p->res[i];
        const int id[] = {(int)r->gen, (int)r->lib, (int)r->coll,
                          (int)r->net, r->n_ranks,  r->n_nodes};
        h = stc_hash64(h, id, sizeof id);
        h = stc_hash64(h, r->log_ratio, sizeof r->log_ratio);
    }
    return stc_hash64(h, p->sigma_log, sizeof p->sigma_log);
}

/* ==== writing ==== */

static void write_terms(struct stc_text *t, const char *indent,
                        const struct stc_coll_term *terms, int n, const double *v)
{
    for (int i = 0; i < n; i++)
        stc_text_printf(t, "%s%s: %.6g # %s\n", indent, terms[i].name, v[i],
                        terms[i].help);
}

static void write_gens(const struct stc_coll_params *p, struct stc_text *t)
{
    stc_text_put(t, "generations:\n");
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        const struct stc_coll_gen_fit *f = &p->gen[g];
        if (f->n_rows == 0) continue;
        stc_text_printf(t, "  %s:\n    clock_hz: %.6g\n    rows: %d\n",
                        stc_gen_name((enum stc_gen)g), f->clock_hz, f->n_rows);
        write_terms(t, "    ", stc_cg_terms, STC_CG_COUNT, f->v);
    }
}

static void write_nets(const struct stc_coll_params *p, struct stc_text *t)
{
    stc_text_put(t, "fabrics:\n");
    for (int n = 0; n < STC_FABRIC_TECH_COUNT; n++) {
        if (p->net[n].n_rows == 0) continue;
        stc_text_printf(t, "  %s:\n    rows: %d\n",
                        stc_fabric_tech_name((enum stc_fabric_tech)n),
                        p->net[n].n_rows);
        write_terms(t, "    ", stc_cn_terms, STC_CN_COUNT, p->net[n].v);
    }
}

static void write_libs(const struct stc_coll_params *p, struct stc_text *t)
{
    stc_text_put(t, "libraries:\n");
    for (int l = STC_COLL_LIB_NCCL + 1; l < STC_COLL_LIB_COUNT; l++) {
        bool named = false;
        for (int g = 0; g < STC_GEN_COUNT; g++) {
            const struct stc_coll_custom_fit *f = &p->custom[l][g];
            if (f->n_rows == 0) continue;
            if (!named)
                stc_text_printf(t, "  %s:\n", stc_coll_lib_name((enum stc_coll_lib)l));
            named = true;
            stc_text_printf(t, "    %s:\n      clock_hz: %.6g\n      rows: %d\n",
                            stc_gen_name((enum stc_gen)g), f->clock_hz, f->n_rows);
            stc_text_printf(
                t,
                "      max_bytes: [%.0f, %.0f, %.0f] # own kernel up to this size, "
                "2, 4, 8 ranks\n",
                f->max_bytes[0], f->max_bytes[1], f->max_bytes[2]);
            write_terms(t, "      ", stc_cc_terms, STC_CC_COUNT, f->v);
        }
    }
}

static void write_residuals(const struct stc_coll_params *p, struct stc_text *t)
{
    stc_text_put(t, "residuals:\n");
    for (int i = 0; i < p->n_res; i++) {
        const struct stc_coll_res *r = &p->res[i];
        stc_text_printf(
            t,
            "  - {generation: %s, library: %s, collective: %s, fabric: %s, ranks: %d, "
            "nodes: %d, min_bytes: %.0f, max_bytes: %.0f,\n     log_permille: [",
            stc_gen_name(r->gen), stc_coll_lib_name(r->lib), stc_coll_name(r->coll),
            stc_fabric_tech_name(r->net), r->n_ranks, r->n_nodes, r->min_bytes,
            r->max_bytes);
        for (int g = 0; g < STC_RES_POINTS; g++)
            stc_text_printf(t, "%s%.3f", g == 0 ? "" : ", ",
                            1000.0 * (double)r->log_ratio[g]);
        stc_text_put(t, "]}\n");
    }
}

void stc_coll_params_write(const struct stc_coll_params *p, struct stc_text *t)
{
    stc_text_put(
        t,
        "# Written by the fit (calib/fit_coll.h) from micro/collectives.csv; not by "
        "hand.\n"
        "# Sources of the measurements: ai-dynamo/aiconfigurator (Apache-2.0),\n"
        "# microsoft/vidur (MIT), NVIDIA/nccl-tests issue 309, aws-samples (MIT-0).\n"
        "# Seconds at clock_hz, shares of the specification's one-direction rate, "
        "bytes.\n");
    write_gens(p, t);
    write_nets(p, t);
    write_libs(p, t);
    stc_text_put(t, "sigma_log: # measured, interpolated, transferred, prior; from "
                    "left-out rows\n");
    for (int f = 0; f < N_FAMILIES; f++) {
        const double *s = p->sigma_log[families[f]];
        stc_text_printf(t, "  %s: [%.4f, %.4f, %.4f, %.4f]\n", family_names[f], s[0],
                        s[1], s[2], s[3]);
    }
    write_residuals(p, t);
}

enum stc_err stc_coll_params_round(struct stc_arena *a, struct stc_coll_params *p,
                                   struct stc_diag *diag)
{
    struct stc_text t;
    const struct stc_node *root = NULL;
    stc_text_init(&t, 0);
    stc_coll_params_write(p, &t);
    enum stc_err err = stc_text_err(&t);
    if (err == STC_OK)
        err = stc_doc_parse_yaml(a, STC_COLL_FITS_PATH, stc_text_str(&t), t.len, &root,
                                 diag);
    if (err == STC_OK) err = stc_load_coll_doc(root, p, diag);
    stc_text_free(&t);
    return err;
}
