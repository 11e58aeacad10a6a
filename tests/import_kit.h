/*
 * import_kit.h - drives an importer from a text and keeps what it says.
 */
#ifndef STC_TESTS_IMPORT_KIT_H
#define STC_TESTS_IMPORT_KIT_H

#include <stdio.h>
#include <string.h>

#include "calib/import.h"
#include "calib/source.h"

enum { KIT_FACTS = 4096 };

struct kit_fact {
    enum stc_form form;
    char shape[512], gpu[64], unit[16], notes[128];
    double value, min, p95;
    long long repeats;
    int line;
};

struct kit {
    struct kit_fact fact[KIT_FACTS];
    int n, n_anchors;
    struct stc_anchor anchor;
    struct stc_import_report report;
    struct stc_diag diag;
};

static inline enum stc_err kit_meas(void *ctx, const struct stc_meas *m,
                                    struct stc_diag *diag)
{
    struct kit *k = ctx;
    (void)diag;
    if (k->n == KIT_FACTS) return STC_OK;
    struct kit_fact *f = &k->fact[k->n++];
    *f = (struct kit_fact){.form = m->form,
                           .value = m->value,
                           .min = m->min,
                           .p95 = m->p95,
                           .repeats = (long long)m->repeats,
                           .line = m->line};
    (void)snprintf(f->shape, sizeof f->shape, "%.511s", m->shape);
    (void)snprintf(f->gpu, sizeof f->gpu, "%.63s", m->gpu);
    (void)snprintf(f->unit, sizeof f->unit, "%.15s", m->unit);
    (void)snprintf(f->notes, sizeof f->notes, "%.127s",
                   m->notes != NULL ? m->notes : "");
    return STC_OK;
}

static inline enum stc_err kit_anchor(void *ctx, const struct stc_anchor *a,
                                      struct stc_diag *diag)
{
    struct kit *k = ctx;
    (void)diag;
    k->anchor = *a;
    k->n_anchors++;
    return STC_OK;
}

static inline enum stc_err kit_run(struct kit *k, stc_importer *importer,
                                   const char *name, const char *text, size_t len,
                                   const struct stc_import_opts *o)
{
    static const struct stc_import_opts none = {0};
    struct stc_source src;
    const struct stc_sink sink = {.meas = kit_meas, .anchor = kit_anchor, .ctx = k};
    memset(&k->report, 0, sizeof k->report);
    k->n = k->n_anchors = 0;
    k->diag.text[0] = '\0';
    stc_source_open_mem(&src, name, text, len);
    enum stc_err err =
        importer(&src, name, o != NULL ? o : &none, &sink, &k->report, &k->diag);
    stc_source_close(&src);
    return err;
}

#endif
