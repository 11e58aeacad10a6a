#include "reports/list.h"

#include "hw/catalogue.h"
#include "hw/keys.h"
#include "models/model.h"
#include "models/stack.h"
#include "reports/fmt.h"
#include "reports/json_util.h"
#include "reports/link_text.h"
#include "scenarios/catalogues.h"
#include "scenarios/scenario.h"
#include "sim/base/bind.h"
#include "sim/base/embed.h"
#include "sim/study/price.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One line of a list: the name and what to know at a glance. */
typedef void line_fn(const struct stc_catalogues *own, int i, struct stc_text *name,
                     struct stc_text *about);

/* The hardware that names are looked up in; the shipped rows are always there. */
static const struct stc_hw *hw_of(const struct stc_catalogues *own)
{
    const struct stc_hw *hw = NULL;
    enum stc_err err = stc_scenario_hw(own, &hw, NULL);
    (void)err; /* the handle was opened with it */
    return hw;
}

static int n_gpus(const struct stc_catalogues *own)
{
    return (int)stc_hw_n_gpus(hw_of(own));
}
static int n_nodes(const struct stc_catalogues *own)
{
    return (int)stc_hw_n_nodes(hw_of(own));
}
static int n_fabrics(const struct stc_catalogues *own)
{
    return (int)stc_hw_n_fabrics(hw_of(own));
}
static int n_models(const struct stc_catalogues *own)
{
    return stc_model_catalogue_n(stc_catalogues_models(own));
}
static int n_stacks(const struct stc_catalogues *own)
{
    return stc_stack_catalogue_n(stc_catalogues_stacks(own));
}

static int is_scenario(const char *path)
{
    size_t n = strlen(path);
    return strncmp(path, "scenarios/", 10) == 0 && n > 15 &&
           strcmp(path + n - 5, ".yaml") == 0;
}

static int n_scenarios(const struct stc_catalogues *own)
{
    int n = 0;
    (void)own;
    for (int i = 0; i < stc_embed_count(); i++)
        n += is_scenario(stc_embed_at(i)->path);
    return n;
}

static void gpu_line(const struct stc_catalogues *own, int i, struct stc_text *name,
                     struct stc_text *about)
{
    struct stc_fmt f, g, h;
    const struct stc_gpu *x = stc_hw_gpu_at(hw_of(own), (size_t)i);
    stc_text_put(name, x->name);
    stc_text_printf(about, "%s, %s TFLOP/s 16-bit, %s at %s, NVLink %.0f GB/s",
                    stc_gen_name(x->gen),
                    stc_fmt_num(&f, x->peak_flop_per_s[STC_MATH_FP16] / 1e12),
                    stc_fmt_bytes(&g, x->mem_bytes), stc_fmt_rate(&h, x->mem_Bps),
                    x->nvlink_Bps / 1e9);
}

static void node_line(const struct stc_catalogues *own, int i, struct stc_text *name,
                      struct stc_text *about)
{
    const struct stc_hw_node *x = stc_hw_node_at(hw_of(own), (size_t)i);
    stc_text_put(name, x->name);
    stc_text_printf(about, "%d x %s, %s, %d x %.0f Gbit/s", x->n_gpus, x->gpu_name,
                    stc_intra_name(x->intra), x->n_nics, x->nic_Bps * 8e-9);
}

static void fabric_line(const struct stc_catalogues *own, int i, struct stc_text *name,
                        struct stc_text *about)
{
    const struct stc_fabric *x = stc_hw_fabric_at(hw_of(own), (size_t)i);
    stc_text_put(name, x->name);
    stc_text_printf(about, "%s, %s, %.0f Gbit/s a port", stc_fabric_tech_name(x->tech),
                    stc_fabric_shape_name(x->shape), x->link_Bps * 8e-9);
}

static void model_line(const struct stc_catalogues *own, int i, struct stc_text *name,
                       struct stc_text *about)
{
    struct stc_model m;
    struct stc_fmt f;
    char id[64];
    const struct stc_cat *cat = stc_catalogues_models(own);
    stc_text_put(name, stc_model_catalogue_name(cat, i, id, sizeof id));
    if (stc_model_find(cat, id, &m, NULL) != STC_OK) return;
    stc_text_printf(about, "%sB parameters, %d layers, hidden %d",
                    stc_fmt_num(&f, stc_model_params(&m) / 1e9),
                    (int)stc_model_total_layers(&m), (int)m.hidden);
    if (m.n_experts > 0)
        stc_text_printf(about, ", %d of %d experts", (int)m.topk, (int)m.n_experts);
}

static void stack_line(const struct stc_catalogues *own, int i, struct stc_text *name,
                       struct stc_text *about)
{
    struct stc_stack k;
    char id[64];
    const struct stc_cat *cat = stc_catalogues_stacks(own);
    stc_text_put(name, stc_stack_catalogue_name(cat, i, id, sizeof id));
    if (stc_stack_find(cat, id, &k, NULL) != STC_OK) return;
    stc_text_printf(about, "%s, %d to %d", k.framework, (int)k.year_from,
                    (int)k.year_to);
}

/* "gpt3-13b-8xa100" of "scenarios/gpt3-13b-8xa100.yaml". */
static const char *scenario_name(const char *path, char *buf, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(buf, size, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(buf, '.');
    if (dot) *dot = '\0';
    return buf;
}

/* The value of the line that begins with `title:`, without quotes. */
static void put_title(const char *yaml, struct stc_text *about)
{
    while (strncmp(yaml, "title: ", 7) != 0) {
        yaml = strchr(yaml, '\n');
        if (!yaml) return;
        yaml++;
    }
    yaml += 7 + (yaml[7] == '"');
    stc_text_put_n(about, yaml, strcspn(yaml, "\"\n"));
}

static void scenario_line(const struct stc_catalogues *own, int i,
                          struct stc_text *name, struct stc_text *about)
{
    (void)own;
    for (int k = 0; k < stc_embed_count(); k++) {
        const struct stc_embed *e = stc_embed_at(k);
        if (!is_scenario(e->path) || i-- != 0) continue;
        char base[128];
        stc_text_put(name, scenario_name(e->path, base, sizeof base));
        put_title((const char *)e->data, about);
    }
}

static void price_line(const struct stc_catalogues *own, int i, struct stc_text *name,
                       struct stc_text *about)
{
    const struct stc_gpu *g = stc_hw_gpu_at(hw_of(own), (size_t)i);
    char source[256] = "";
    double usd = (double)NAN;
    struct stc_fmt f;
    stc_text_put(name, g->name);
    if (stc_price_of(own, g->name, &usd, source, sizeof source, NULL) != STC_OK ||
        isnan(usd))
        stc_text_put(about, "no published price");
    else
        stc_text_printf(about, "%s USD for an hour; %.50s", stc_fmt_num(&f, usd),
                        source);
}

static const struct list {
    const char *what;
    int (*n)(const struct stc_catalogues *own);
    line_fn *line;
} lists[] = {
    {"gpus", n_gpus, gpu_line},          {"nodes", n_nodes, node_line},
    {"fabrics", n_fabrics, fabric_line}, {"models", n_models, model_line},
    {"stacks", n_stacks, stack_line},    {"scenarios", n_scenarios, scenario_line},
    {"prices", n_gpus, price_line}};
enum { N_LISTS = sizeof lists / sizeof lists[0] };

/* A name wider than the column stands on a line of its own. */
static void put_line(const char *name, const char *about, int width,
                     struct stc_text *out)
{
    if ((int)strlen(name) > width) {
        stc_text_printf(out, "%s\n", name);
        name = "";
    }
    stc_fmt_wrap(out, name, width + 1, about);
}

static void put_json(const char *name, const char *about, json_t *list)
{
    json_t *j = json_object();
    stc_json_put(j, "name", json_string(name));
    stc_json_put(j, "about", json_string(about));
    json_array_append_new(list, j);
}

/* All lines into the JSON list or, without one, as text: first pass the width. */
static void put_list(const struct stc_catalogues *own, const struct list *l,
                     json_t *list, struct stc_text *out)
{
    enum { WIDEST = 40 };
    struct stc_text name, about;
    int width = 0;
    stc_text_init(&name, 0);
    stc_text_init(&about, 0);
    for (int pass = list ? 1 : 0; pass < 2; pass++)
        for (int i = 0; i < l->n(own); i++) {
            stc_text_clear(&name);
            stc_text_clear(&about);
            l->line(own, i, &name, &about);
            int n = (int)strlen(stc_text_str(&name));
            if (pass == 0)
                width = n > width && n <= WIDEST ? n : width;
            else if (list)
                put_json(stc_text_str(&name), stc_text_str(&about), list);
            else
                put_line(stc_text_str(&name), stc_text_str(&about), width, out);
        }
    stc_text_free(&name);
    stc_text_free(&about);
}

enum stc_err stc_report_list(const struct stc_catalogues *own, const char *what,
                             int json, struct stc_text *out, struct stc_diag *diag)
{
    const char *names[N_LISTS];
    char near[128];
    for (int k = 0; k < N_LISTS; k++) {
        names[k] = lists[k].what;
        if (strcmp(what, lists[k].what) != 0) continue;
        json_t *list = json ? json_array() : NULL;
        put_list(own, &lists[k], list, out);
        if (!json) return STC_OK;
        json_t *doc = stc_json_document("list", 1);
        stc_json_put(doc, what, list);
        return stc_json_text(doc, out, diag);
    }
    return stc_fail(diag, STC_ERR_UNKNOWN,
                    "%s: no such list%s; gpus, nodes, fabrics, models, stacks, "
                    "scenarios or prices would be right",
                    what, stc_near_text(what, names, N_LISTS, near, sizeof near));
}

/* ==== show ==== */

/* A scenario's lines as they stand. */
static int find_scenario(const char *name, struct stc_text *yaml)
{
    char base[128];
    for (int k = 0; k < stc_embed_count(); k++) {
        const struct stc_embed *e = stc_embed_at(k);
        if (!is_scenario(e->path)) continue;
        scenario_name(e->path, base, sizeof base);
        if (strcmp(base, name) != 0 && strcmp(e->path, name) != 0) continue;
        stc_text_put_n(yaml, (const char *)e->data, e->size);
        return 1;
    }
    return 0;
}

/* What a name stands for, as YAML. */
static int find(const struct stc_catalogues *own, const char *name, const char **kind,
                struct stc_text *yaml)
{
    const struct stc_gpu *gpu;
    const struct stc_hw_node *node;
    const struct stc_fabric *fabric;
    struct stc_model model;
    struct stc_stack stack;
    if (stc_hw_find_gpu(hw_of(own), name, &gpu, NULL) == STC_OK) {
        *kind = "gpu";
        stc_bind_write_yaml(&stc_gpu_keys, gpu, NULL, true, yaml);
    } else if (stc_hw_find_node(hw_of(own), name, &node, NULL) == STC_OK) {
        *kind = "node";
        stc_bind_write_yaml(&stc_hw_node_keys, node, NULL, true, yaml);
        stc_report_link_matrix(hw_of(own), name, yaml);
    } else if (stc_hw_find_fabric(hw_of(own), name, &fabric, NULL) == STC_OK) {
        *kind = "fabric";
        stc_bind_write_yaml(&stc_fabric_keys, fabric, NULL, true, yaml);
    } else if (stc_model_find(stc_catalogues_models(own), name, &model, NULL) ==
               STC_OK) {
        *kind = "model";
        stc_bind_write_yaml(stc_model_keys(), &model, NULL, true, yaml);
    } else if (stc_stack_find(stc_catalogues_stacks(own), name, &stack, NULL) ==
               STC_OK) {
        *kind = "stack";
        stc_bind_write_yaml(stc_stack_keys(), &stack, NULL, true, yaml);
    } else {
        *kind = "scenario";
        return find_scenario(name, yaml);
    }
    return 1;
}

/* Every name of every catalogue; names that are NULL (no memory) are left out. */
static size_t all_names(const struct stc_catalogues *own, struct stc_arena *a,
                        const char **names, size_t most)
{
    const struct stc_hw *hw = hw_of(own);
    const struct stc_cat *models = stc_catalogues_models(own),
                         *stacks = stc_catalogues_stacks(own);
    char id[64];
    size_t n = 0;
    for (size_t i = 0; i < stc_hw_n_gpus(hw) && n < most; i++)
        names[n++] = stc_hw_gpu_at(hw, i)->name;
    for (size_t i = 0; i < stc_hw_n_nodes(hw) && n < most; i++)
        names[n++] = stc_hw_node_at(hw, i)->name;
    for (size_t i = 0; i < stc_hw_n_fabrics(hw) && n < most; i++)
        names[n++] = stc_hw_fabric_at(hw, i)->name;
    for (int i = 0; n < most && stc_model_catalogue_name(models, i, id, sizeof id); i++)
        if ((names[n] = stc_arena_strdup(a, id))) n++;
    for (int i = 0; n < most && stc_stack_catalogue_name(stacks, i, id, sizeof id); i++)
        if ((names[n] = stc_arena_strdup(a, id))) n++;
    for (int k = 0; k < stc_embed_count() && n < most; k++) {
        if (!is_scenario(stc_embed_at(k)->path)) continue;
        scenario_name(stc_embed_at(k)->path, id, sizeof id);
        if ((names[n] = stc_arena_strdup(a, id))) n++;
    }
    return n;
}

static enum stc_err unknown(const struct stc_catalogues *own, const char *name,
                            struct stc_diag *diag)
{
    enum { MOST = 600 };
    struct stc_arena a = STC_ARENA_INIT;
    const char *names[MOST];
    char near[256];
    size_t n = all_names(own, &a, names, MOST);
    enum stc_err err =
        stc_fail(diag, STC_ERR_UNKNOWN,
                 "%s: not in any catalogue%s; stepcast list shows what is", name,
                 stc_near_text(name, names, n, near, sizeof near));
    stc_arena_free(&a);
    return err;
}

enum stc_err stc_report_show(const struct stc_catalogues *own, const char *name,
                             int json, struct stc_text *out, struct stc_diag *diag)
{
    struct stc_text yaml;
    const char *kind = "";
    stc_text_init(&yaml, 0);
    if (!find(own, name, &kind, &yaml)) {
        stc_text_free(&yaml);
        return unknown(own, name, diag);
    }
    enum stc_err err = STC_OK;
    if (json) {
        json_t *doc = stc_json_document(kind, 1);
        stc_json_put(doc, "name", json_string(name));
        stc_json_put(doc, "yaml", json_string(stc_text_str(&yaml)));
        err = stc_json_text(doc, out, diag);
    } else {
        stc_text_printf(out, "# %s %s\n%s", kind, name, stc_text_str(&yaml));
    }
    stc_text_free(&yaml);
    return err;
}
