/* fits.yaml and residual_*.csv: what calib/load_cost.c reads back. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "calib/evidence_pack.h"
#include "calib/fit.h"
#include "kernels/residual.h"

/* Files are written under another name and moved when all are whole: a kill at any
 * moment leaves the old file or the new one. */
static const char unfinished[] = ".new";

static enum stc_err path_in(const char *dir, const char *name, const char *suffix,
                            char path[1024], struct stc_diag *diag)
{
    int n = snprintf(path, 1024, "%s/%s%s", dir, name, suffix);
    if (n < 0 || n >= 1024)
        return stc_fail(diag, STC_ERR_RANGE, "%.500s: path too long", dir);
    return STC_OK;
}

static enum stc_err open_in(const char *dir, const char *name, FILE **out,
                            struct stc_diag *diag)
{
    char path[1024];
    enum stc_err err = path_in(dir, name, unfinished, path, diag);
    if (err != STC_OK) return err;
    *out = fopen(path, "w");
    return *out != NULL ? STC_OK
                        : stc_fail(diag, STC_ERR_IO, "%s: %s", path, strerror(errno));
}

static enum stc_err close_it(FILE *f, const char *name, struct stc_diag *diag)
{
    bool bad = fflush(f) != 0 || ferror(f) != 0 || fsync(fileno(f)) != 0;
    if (fclose(f) != 0 || bad)
        return stc_fail(diag, STC_ERR_IO, "%s: could not be written", name);
    return STC_OK;
}

/* Moves a finished file into place; made false: takes an older one away. */
static enum stc_err settle(const char *dir, const char *name, bool made,
                           struct stc_diag *diag)
{
    char from[1024], to[1024];
    enum stc_err err = path_in(dir, name, unfinished, from, diag);
    if (err == STC_OK) err = path_in(dir, name, "", to, diag);
    if (err != STC_OK) return err;
    int bad = made ? rename(from, to) : unlink(to) != 0 && errno != ENOENT;
    return bad ? stc_fail(diag, STC_ERR_IO, "%s: %s", to, strerror(errno)) : STC_OK;
}

enum stc_err stc_fit_put_text(const char *dir, const char *name, const char *text,
                              struct stc_diag *diag)
{
    FILE *f;
    enum stc_err err = open_in(dir, name, &f, diag);
    if (err != STC_OK) return err;
    fputs(text, f);
    err = close_it(f, name, diag);
    return err == STC_OK ? settle(dir, name, true, diag) : err;
}

static void write_fit(FILE *f, const struct stc_fit *t)
{
    int n_par;
    const struct stc_par_info *info = stc_par_table((enum stc_family)t->family, &n_par);

    fprintf(f,
            "  - family: %s\n    gpu: %s\n    generation: %s\n    variant: %s\n    "
            "rows: %d\n",
            stc_family_name((enum stc_family)t->family), t->gpu, stc_gen_name(t->gen),
            stc_dtype_info((enum stc_dtype)t->variant)->name, (int)t->n_rows);
    fprintf(f,
            "    left_out: {physics_error: %.4f, residual_error: %.4f, physics_sigma: "
            "%.4f, residual_sigma: %.4f}\n",
            t->err_plain, t->err_resid, t->sigma_plain, t->sigma_resid);
    fprintf(f, "    values:\n");
    for (int j = 0; j < n_par; j++)
        fprintf(f, "      %s: %.4g\n", info[j].name, t->v[j]);
}

static enum stc_err write_yaml(const struct stc_cost *c, const char *dir,
                               struct stc_diag *diag)
{
    FILE *f;
    enum stc_err err = open_in(dir, "fits.yaml", &f, diag);
    if (err != STC_OK) return err;
    fputs("# Named efficiencies of the compute cost model, one set per (family, GPU, "
          "variant).\n"
          "# Written by the fit (calib/fit.h) from tests/data/truth/micro; do not edit "
          "by hand.\n"
          "# Meanings, units and bounds of the values: kernels/cost_params.h. Errors "
          "and sigmas\n"
          "# are of rows that the fit did not see (five folds by shape); fractions.\n"
          "# source: ai-dynamo/aiconfigurator (Apache-2.0) for gemm, prefill, decode, "
          "experts;\n"
          "#         NVIDIA/cudnn-frontend (MIT) for training attention.\n"
          "version: 1\nfits:\n",
          f);
    for (int i = 0; i < c->n_fits && c->fits[i].n_rows > 0; i++)
        write_fit(f, &c->fits[i]);
    return close_it(f, "fits.yaml", diag);
}

/* One row of the file per tree: its questions, its leaves in 1e-4. */
static void write_tree(FILE *f, const struct stc_fit *t, const struct stc_residual *r,
                       int tree)
{
    fprintf(f, "%s,%s,tree,%d,", t->gpu,
            stc_dtype_info((enum stc_dtype)t->variant)->name, tree);
    for (int j = 0; j < r->depth; j++)
        fprintf(f, "%s%d>%.6g", j > 0 ? " " : "", r->feat[tree * r->depth + j],
                (double)r->threshold[tree * r->depth + j]);
    fputc(',', f);
    const float *leaf = r->leaf + ((size_t)tree << r->depth);
    for (int l = 0; l < 1 << r->depth; l++)
        fprintf(f, "%s%ld", l > 0 ? " " : "", lround(1e4 * (double)leaf[l]));
    fputc('\n', f);
}

static void write_range(FILE *f, const struct stc_fit *t, const struct stc_residual *r)
{
    for (int i = 0; i < r->n_axes; i++)
        fprintf(f, "%s,%s,range,%d,%.6g,%.6g\n", t->gpu,
                stc_dtype_info((enum stc_dtype)t->variant)->name, i, (double)r->lo[i],
                (double)r->hi[i]);
}

static bool has_residual(const struct stc_cost *c, int family)
{
    for (int i = 0; i < c->n_fits; i++)
        if (c->fits[i].family == family && c->fits[i].residual != NULL) return true;
    return false;
}

static void residual_name(int family, char name[64])
{
    snprintf(name, 64, "residual_%s.csv", stc_family_name((enum stc_family)family));
}

static enum stc_err write_residuals(const struct stc_cost *c, enum stc_family family,
                                    const char *dir, struct stc_diag *diag)
{
    char name[64];
    FILE *f;
    residual_name(family, name);
    if (!has_residual(c, family)) return STC_OK;
    enum stc_err err = open_in(dir, name, &f, diag);
    if (err != STC_OK) return err;
    fputs("gpu,variant,kind,index,a,b\n", f);
    for (int i = 0; i < c->n_fits; i++) {
        const struct stc_fit *t = &c->fits[i];
        if (t->family != family || t->residual == NULL) continue;
        write_range(f, t, t->residual);
        for (int tree = 0; tree < t->residual->n_trees; tree++)
            write_tree(f, t, t->residual, tree);
        if (t->residual->evidence == NULL) continue;
        char prefix[112];
        snprintf(prefix, sizeof prefix, "%s,%s", t->gpu,
                 stc_dtype_info((enum stc_dtype)t->variant)->name);
        stc_evidence_write(f, prefix, t->residual->evidence);
    }
    return close_it(f, name, diag);
}

enum stc_err stc_fit_write(const struct stc_cost *c, const char *dir,
                           struct stc_diag *diag)
{
    enum stc_err err = write_yaml(c, dir, diag);
    for (int f = 0; f < STC_FITTED_COUNT && err == STC_OK; f++)
        err = write_residuals(c, (enum stc_family)f, dir, diag);
    for (int f = 0; f < STC_FITTED_COUNT && err == STC_OK; f++) {
        char name[64];
        residual_name(f, name);
        err = settle(dir, name, has_residual(c, f), diag);
    }
    return err == STC_OK ? settle(dir, "fits.yaml", true, diag) : err;
}
