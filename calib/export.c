#include "calib/export.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct out {
    FILE *file[STC_FORM_COUNT];
    struct stc_form_key keys[STC_FORM_COUNT][STC_FORM_MAX_KEYS];
    int n_keys[STC_FORM_COUNT];
    const char *folder;
    bool for_fit;
    int64_t n_rows;
};

/* Columns besides the keys, in truth's order: what stands before and after. */
static const struct {
    enum stc_form form;
    const char *before, *after;
} frames[] = {
    {STC_FORM_GEMM, "gpu", "time_us"},
    {STC_FORM_GEMM_TORCH, "source ref gpu", "time_us notes"},
    {STC_FORM_ATTENTION_DECODE, "gpu", "time_us"},
    {STC_FORM_ATTENTION_PREFILL, "gpu", "time_us"},
    {STC_FORM_ATTENTION_TRAIN, "source ref gpu", "time_us notes"},
    {STC_FORM_COLLECTIVES, "source gpu", "time_us notes"},
    {STC_FORM_MOE, "gpu", "time_us"},
    {STC_FORM_MEMORY_BOUND, "source ref gpu", "value notes time_us"},
    {STC_FORM_LAUNCH, "gpu", "time_us notes"},
};
/* What every file ends with. */
static const char tail[] = "min_us p95_us n_repeats machine driver clocks date";

static void frame(enum stc_form f, const char **before, const char **after)
{
    *before = *after = NULL;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        if (frames[i].form != f) continue;
        *before = frames[i].before;
        *after = frames[i].after;
    }
}

static void put_us(struct stc_csv_writer *w, double seconds)
{
    /* A micro-second figure of a file comes back as it was written. */
    double us = seconds * 1e6, near = round(us * 1e6) / 1e6;
    stc_csv_put_double(w, fabs(near - us) <= 1e-12 * us ? near : us);
}

static void column(struct stc_csv_writer *w, const char *name, const struct stc_meas *m)
{
    char buf[64];
    const struct {
        const char *name, *text;
    } texts[] = {{"gpu", m->gpu},       {"source", m->source},   {"ref", m->ref},
                 {"notes", m->notes},   {"machine", m->machine}, {"driver", m->driver},
                 {"clocks", m->clocks}, {"date", m->date}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(name, texts[i].name) != 0) continue;
        stc_csv_put_text(w, texts[i].text);
        return;
    }
    bool seconds = strcmp(m->unit, "s") == 0;
    if (strcmp(name, "time_us") == 0)
        put_us(w, seconds ? m->value : (double)NAN);
    else if (strcmp(name, "value") == 0 && seconds)
        stc_csv_put_text(w, stc_shape_get(m->extra, "value", buf, sizeof buf));
    else if (strcmp(name, "value") == 0)
        stc_csv_put_double(w, strcmp(m->unit, "B/s") == 0 ? m->value / 1e9 : m->value);
    else if (strcmp(name, "min_us") == 0)
        put_us(w, m->min);
    else if (strcmp(name, "p95_us") == 0)
        put_us(w, m->p95);
    else if (strcmp(name, "n_repeats") == 0 && m->repeats > 0)
        stc_csv_put_i64(w, m->repeats);
    else
        stc_csv_put_text(w, "");
}

/* Calls put for every word of a list. */
static void words(struct stc_csv_writer *w, const char *list, const struct stc_meas *m)
{
    char name[32];
    size_t n;
    for (; *(list += strspn(list, " ")) != '\0'; list += n) {
        n = strcspn(list, " ");
        (void)snprintf(name, sizeof name, "%.*s", (int)n, list);
        if (m != NULL)
            column(w, name, m);
        else
            stc_csv_put_text(w, name);
    }
}

static void row(struct out *o, enum stc_form f, const struct stc_meas *m)
{
    struct stc_csv_writer w = {.file = o->file[f]};
    const char *before, *after;
    char buf[256];
    frame(f, &before, &after);
    words(&w, before, m);
    for (int k = 0; k < o->n_keys[f]; k++)
        stc_csv_put_text(
            &w, m != NULL ? stc_shape_get(m->shape, o->keys[f][k].name, buf, sizeof buf)
                          : o->keys[f][k].name);
    words(&w, after, m);
    words(&w, tail, m);
    stc_csv_end_row(&w);
}

static enum stc_err file_of(struct out *o, enum stc_form f, struct stc_diag *diag)
{
    char path[4096];
    if (o->file[f] != NULL) return STC_OK;
    int n = snprintf(path, sizeof path, "%s/%s", o->folder, stc_form_file(f));
    if (n < 0 || (size_t)n >= sizeof path)
        return stc_fail(diag, STC_ERR_IO, "%.200s: the name is too long", o->folder);
    o->file[f] = fopen(path, "wb");
    if (o->file[f] == NULL)
        return stc_fail(diag, STC_ERR_IO, "%s: %s", path, strerror(errno));
    o->n_keys[f] = stc_form_keys(f, o->keys[f]);
    row(o, f, NULL);
    return STC_OK;
}

/* Where a fact goes for a fit; false: nowhere. */
static bool fit_form(const struct stc_meas *m, enum stc_form *f)
{
    char trans[8], mode[64], in[8];
    *f = m->form;
    if (strcmp(m->unit, "s") != 0 && m->form != STC_FORM_MEMORY_BOUND) return false;
    if (m->form == STC_FORM_GEMM || m->form == STC_FORM_GEMM_TORCH) {
        (void)stc_shape_get(m->shape, "trans", trans, sizeof trans);
        (void)stc_shape_get(m->shape, "mode", mode, sizeof mode);
        if (stc_shape_num(m->shape, "batch", 1.0) > 1.0) return false;
        if (trans[0] != '\0' && strcmp(trans, "TN") != 0) return false;
        if (strcmp(mode, "steady") == 0) *f = STC_FORM_GEMM_TORCH;
    }
    if (m->form == STC_FORM_COLLECTIVES) {
        double nodes = stc_shape_num(m->shape, "nodes", 0.0);
        (void)stc_shape_get(m->shape, "intra", mode, sizeof mode);
        return stc_shape_get(m->shape, "place", in, sizeof in)[0] == '\0' &&
               nodes >= 1.0 && stc_shape_num(m->shape, "gpus_per_node", 0.0) >= 1.0 &&
               strncmp(mode, "NVLink", 6) == 0;
    }
    return true;
}

static enum stc_err one(void *ctx, const struct stc_meas_row *r, struct stc_diag *diag)
{
    struct out *o = ctx;
    enum stc_form f = r->m.form;
    const char *before, *after;
    if (o->for_fit && !fit_form(&r->m, &f)) return STC_OK;
    frame(f, &before, &after);
    if (before == NULL) return STC_OK; /* has no table of its own */
    enum stc_err err = file_of(o, f, diag);
    if (err != STC_OK) return err;
    row(o, f, &r->m);
    o->n_rows++;
    return STC_OK;
}

enum stc_err stc_store_export(struct stc_store *s, const char *folder, const char *form,
                              const char *gpu, bool for_fit, int64_t *n_rows,
                              struct stc_diag *diag)
{
    struct out o = {.folder = folder, .for_fit = for_fit};
    enum stc_err err = stc_store_each(s, form, gpu, one, &o, diag);
    for (int f = 0; f < STC_FORM_COUNT; f++) {
        if (o.file[f] == NULL) continue;
        bool bad = ferror(o.file[f]) != 0;
        if ((fclose(o.file[f]) != 0 || bad) && err == STC_OK)
            err = stc_fail(diag, STC_ERR_IO, "%s/%s: could not be written", folder,
                           stc_form_file((enum stc_form)f));
    }
    if (n_rows != NULL) *n_rows = o.n_rows;
    return err;
}
