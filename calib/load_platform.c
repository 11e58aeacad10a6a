/* load_platform.c - see load_platform.h. */
#include "calib/load_platform.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/embed.h"

#define P(name, member, low, high, spread, meaning)                       \
 {                                                                        \
  name, offsetof(struct stc_platform, member), low, high, spread, meaning \
 }
const struct stc_platform_par stc_platform_pars[] = {
    P("in_situ_fp32", in_situ[STC_MATH_FP32], 0.5, 1.0, 0.10,
      "clock of a long loop / of a burst, fp32 outside the tensor cores"),
    P("in_situ_tf32", in_situ[STC_MATH_TF32], 0.5, 1.0, 0.10, "the same, tf32"),
    P("in_situ_fp16", in_situ[STC_MATH_FP16], 0.5, 1.0, 0.10,
      "the same, fp16 and bf16"),
    P("in_situ_fp8", in_situ[STC_MATH_FP8], 0.5, 1.0, 0.10, "the same, 8 bits"),
    P("in_situ_fp4", in_situ[STC_MATH_FP4], 0.5, 1.0, 0.10, "the same, 4 bits"),
    P("in_situ_mem", in_situ_mem, 0.7, 1.0, 0,
      "memory rate of a long loop / of a burst"),
    P("wgrad_eff", wgrad_eff, 0.7, 1.0, 0,
      "weight-gradient products (both operands strided in k) / forward ones"),
    P("grouped_eff", grouped_eff, 0.4, 1.0, 0,
      "grouped expert products / one product of all their tokens"),
    P("align_loss", align_loss, 0.0, 0.5, 0, "speed lost by widths off the tile of 64"),
    P("power_exp", power_exp, 0.0, 1.0, 0,
      "clock follows (power for arithmetic / peak) to this power"),
    P("idle_w", idle_w, 0, 300, 0, "watts that do not go into arithmetic"),
};
#undef P
const int stc_n_platform_pars =
    (int)(sizeof stc_platform_pars / sizeof stc_platform_pars[0]);

static const char path_platform[] = "calib/data/platform.yaml",
                  path_loso[] = "calib/data/loso.csv";

static const char *const class_names[STC_LOWERING_COUNT] = {
#define ROW(id, name, meaning) [STC_LOWERING_##id] = name,
    STC_LOWERING_MAP(ROW)
#undef ROW
};
static const char *const class_meanings[STC_LOWERING_COUNT] = {
#define ROW(id, name, meaning) [STC_LOWERING_##id] = meaning,
    STC_LOWERING_MAP(ROW)
#undef ROW
};

/* ==== reading ==== */

static enum stc_err take(const struct stc_node *n, double low, double high, double *out,
                         struct stc_diag *diag)
{
    double v;
    enum stc_err err = stc_node_double(n, &v, diag);
    if (err != STC_OK) return err;
    if (!(v >= low && v <= high))
        return stc_node_fail(n, diag, STC_ERR_RANGE, "%g is not in [%g, %g]", v, low,
                             high);
    *out = v;
    return STC_OK;
}

static enum stc_err read_generation(const struct stc_node *map, struct stc_platform *p,
                                    struct stc_diag *diag)
{
    for (const struct stc_node *n = map->first; n != NULL; n = n->next) {
        int i = 0;
        if (strcmp(n->key, "rows") == 0) continue; /* for people */
        while (i < stc_n_platform_pars &&
               strcmp(stc_platform_pars[i].name, n->key) != 0)
            i++;
        if (i == stc_n_platform_pars)
            return stc_node_fail(n, diag, STC_ERR_UNKNOWN,
                                 "not a number of a generation");
        const struct stc_platform_par *r = &stc_platform_pars[i];
        enum stc_err err = take(n, r->low, r->high, stc_platform_at(p, r), diag);
        if (err != STC_OK) return err;
    }
    return STC_OK;
}

static enum stc_err read_sigmas(const struct stc_node *map, struct stc_cost *c,
                                struct stc_diag *diag)
{
    for (const struct stc_node *n = map->first; n != NULL; n = n->next) {
        int k = 0;
        while (k < STC_LOWERING_COUNT && strcmp(class_names[k], n->key) != 0)
            k++;
        if (k == STC_LOWERING_COUNT)
            return stc_node_fail(n, diag, STC_ERR_UNKNOWN, "not a class of steps");
        enum stc_err err = take(n, 0, 2, &c->lowering_sigma_log[k], diag);
        if (err != STC_OK) return err;
    }
    return STC_OK;
}

static int gen_of(const char *text)
{
    for (int g = 0; g < STC_GEN_COUNT; g++)
        if (strcmp(text, stc_gen_name((enum stc_gen)g)) == 0) return g;
    return -1;
}

enum stc_err stc_platform_read(const struct stc_node *root, struct stc_cost *c,
                               struct stc_diag *diag)
{
    const struct stc_node *at, *sigmas = stc_node_get(root, "lowering_sigma_log");
    int version = 0;
    enum stc_err err = stc_node_need(root, "version", &at, diag);
    if (err == STC_OK) err = stc_node_int(at, &version, diag);
    if (err == STC_OK && version != 1)
        err = stc_node_fail(at, diag, STC_ERR_RANGE, "version %d; this program reads 1",
                            version);
    if (err == STC_OK && sigmas != NULL) err = read_sigmas(sigmas, c, diag);
    if (err == STC_OK) err = stc_node_need(root, "generations", &at, diag);
    if (err != STC_OK) return err;
    for (const struct stc_node *n = at->first; n != NULL; n = n->next) {
        int g = n->key != NULL ? gen_of(n->key) : -1;
        if (g < 0)
            return stc_node_fail(n, diag, STC_ERR_UNKNOWN, "not a generation of GPUs");
        err = read_generation(n, &c->platform[g], diag);
        if (err != STC_OK) return err;
    }
    return STC_OK;
}

enum stc_err stc_platform_load(struct stc_arena *a, struct stc_cost *c,
                               struct stc_diag *diag)
{
    const struct stc_node *root;
    if (stc_embed_find(path_platform) == NULL) return STC_OK;
    enum stc_err err = stc_doc_read_embed(a, path_platform, &root, diag);
    return err == STC_OK ? stc_platform_read(root, c, diag) : err;
}

/* ==== writing ==== */

void stc_platform_write(const struct stc_cost *c, const int rows[STC_GEN_COUNT],
                        struct stc_text *out)
{
    struct stc_platform prior[STC_GEN_COUNT];
    stc_cost_platform_prior(prior);
    stc_text_put(
        out, "# Numbers of GPU generations that whole training steps were needed to "
             "see, and how\n"
             "# unsure a forecast of a step is beside its kernels. Written by "
             "`stepcast calibrate\n"
             "# fit-steps`, to be read and compared by people; a number that is not "
             "here keeps its\n"
             "# prior (kernels/cost_params.c).\n#\n");
    for (int i = 0; i < stc_n_platform_pars; i++)
        stc_text_printf(out, "#   %-13s %s%s\n", stc_platform_pars[i].name,
                        stc_platform_pars[i].meaning,
                        stc_platform_pars[i].spread > 0 ? "" : " (not fitted)");
    stc_text_put(out, "version: 1\n\n# Standard deviation of log(measured / forecast) "
                      "beside the kernels' own, such that 90 %\n"
                      "# of the rows of left-out sources lie inside the interval.\n"
                      "lowering_sigma_log:\n");
    for (int k = 0; k < STC_LOWERING_COUNT; k++)
        stc_text_printf(out, "  %s: %.3f  # %s\n", class_names[k],
                        c->lowering_sigma_log[k], class_meanings[k]);
    stc_text_put(out, "\ngenerations:\n");
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        if (rows[g] == 0) continue;
        struct stc_platform p = c->platform[g];
        stc_text_printf(out, "  %s:\n    rows: %d\n", stc_gen_name((enum stc_gen)g),
                        rows[g]);
        for (int i = 0; i < stc_n_platform_pars; i++) {
            const struct stc_platform_par *r = &stc_platform_pars[i];
            double v = *stc_platform_at(&p, r);
            if (r->spread > 0 && stc_same_double(v, *stc_platform_at(&prior[g], r)))
                continue;
            stc_text_printf(out, "    %s: %.4g\n", r->name, v);
        }
    }
}

/* ==== loso.csv ==== */

enum { LOSO_MAX = 512 };

static enum stc_err take_loso(const struct stc_csv *csv, struct stc_loso_row *r,
                              struct stc_diag *diag)
{
    int64_t n = 0;
    snprintf(r->quantity, sizeof r->quantity, "%s", stc_csv_text(csv, 0));
    snprintf(r->source, sizeof r->source, "%s", stc_csv_text(csv, 1));
    enum stc_err err = stc_csv_i64(csv, 2, &n, NULL, diag);
    if (err == STC_OK) err = stc_csv_double(csv, 3, &r->error, NULL, diag);
    if (err == STC_OK) err = stc_csv_double(csv, 4, &r->left_out_error, NULL, diag);
    if (err == STC_OK && (n < 0 || n > 1000000))
        err = stc_csv_fail(csv, 2, diag, STC_ERR_RANGE, "not a number of rows");
    r->n = (int)n;
    return err;
}

enum stc_err stc_loso_load(struct stc_arena *a, struct stc_loso_row **out, int *n,
                           struct stc_diag *diag)
{
    const struct stc_embed *e = stc_embed_find(path_loso);
    struct stc_csv csv = {0};
    *n = 0;
    *out = NULL;
    if (e == NULL) return STC_OK;
    *out = STC_NEW_N(a, struct stc_loso_row, LOSO_MAX);
    if (*out == NULL) return stc_fail(diag, STC_ERR_NOMEM, "%s", path_loso);
    enum stc_err err =
        stc_csv_open_mem(&csv, e->path, (const char *)e->data, e->size, diag);
    if (err == STC_OK && csv.n_cols != 5)
        err = stc_csv_fail(&csv, -1, diag, STC_ERR_PARSE,
                           "columns are quantity,source,rows,error,left_out_error");
    while (err == STC_OK) {
        bool got;
        err = stc_csv_next(&csv, &got, diag);
        if (err != STC_OK || !got) break;
        if (*n == LOSO_MAX) {
            err = stc_csv_fail(&csv, -1, diag, STC_ERR_RANGE, "more than %d rows",
                               LOSO_MAX);
            break;
        }
        err = take_loso(&csv, &(*out)[*n], diag);
        if (err == STC_OK) (*n)++;
    }
    stc_csv_close(&csv);
    return err;
}
