/*
 * fuzz_import.h - what must hold of every importer that reads a stream: each fact
 * has a value above 0 and a shape that reads back, each anchor an order; a refusal
 * is one line.
 */
#ifndef STC_TESTS_FUZZ_IMPORT_H
#define STC_TESTS_FUZZ_IMPORT_H

#include <math.h>

#include "calib/import.h"
#include "calib/source.h"
#include "tests/fuzz/fuzz.h"

static enum stc_err fuzz_meas(void *ctx, const struct stc_meas *m,
                              struct stc_diag *diag)
{
    (void)ctx, (void)diag;
    FUZZ_MUST(m->form >= 0 && m->form < STC_FORM_COUNT);
    FUZZ_MUST(m->value > 0.0 && isfinite(m->value));
    FUZZ_MUST(m->shape != NULL && m->gpu != NULL && m->unit != NULL);
    FUZZ_MUST(m->gpu[0] != '\0');
    char key[64], value[256];
    for (size_t at = 0; stc_shape_next(m->shape, &at, key, value, sizeof value);)
        FUZZ_MUST(at <= strlen(m->shape));
    return STC_OK;
}

static enum stc_err fuzz_anchor(void *ctx, const struct stc_anchor *a,
                                struct stc_diag *diag)
{
    (void)ctx, (void)diag;
    FUZZ_MUST(a->n_steps > 0 && a->n_skipped >= 0);
    FUZZ_MUST(!(a->step_s <= 0.0) && !(a->lo_s > a->hi_s));
    return STC_OK;
}

static void fuzz_import(stc_importer *importer, const uint8_t *data, size_t size)
{
    static const struct stc_import_opts none = {0};
    const struct stc_sink sink = {.meas = fuzz_meas, .anchor = fuzz_anchor};
    struct stc_import_report r = {.kind = ""};
    struct stc_diag diag = {""};
    struct stc_source src;
    char *text = fuzz_text(data, size);
    stc_source_open_mem(&src, "f", text, size);
    enum stc_err err = importer(&src, "f", &none, &sink, &r, &diag);
    stc_source_close(&src);
    FUZZ_MUST(err == STC_OK ||
              (diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL));
    FUZZ_MUST(r.n_rows >= 0 && r.n_skipped >= 0);
    free(text);
}

#endif
