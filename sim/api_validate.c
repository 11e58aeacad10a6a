/* api_validate.c - forecasts against a table of measurements. */
#include "sim/api.h"

#include "reports/validate_text.h"
#include "sim/study/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum stc_err rows_csv(const struct stc_vreport *r, struct stc_out *out,
                             struct stc_diag *diag)
{
    char *data = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&data, &size);
    if (!f) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    enum stc_err err = stc_validate_write_rows(r, f);
    if (fclose(f) != 0) err = STC_ERR_NOMEM;
    if (err != STC_OK) {
        free(data);
        return stc_fail(diag, STC_ERR_NOMEM, "rows: out of memory");
    }
    *out = (struct stc_out){.data = data, .size = size};
    return STC_OK;
}

static enum stc_err report(const struct stc_vreport *r,
                           const struct stc_validate_opts *o, enum stc_format format,
                           struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    enum stc_err err = STC_OK;
    stc_text_init(&t, 0);
    if (format == STC_JSON)
        err = stc_report_validate_json(r, &t, diag);
    else if (o->parts)
        stc_report_validate_parts(r, &t);
    else
        stc_report_validate(r, &t);
    return stc_api_out(&t, err, out, diag);
}

enum stc_err stc_validate(struct stc *sim, const char *csv_path,
                          const struct stc_validate_opts *given, enum stc_format format,
                          struct stc_out *out, struct stc_out *rows,
                          struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_validate_opts o = STC_VALIDATE_OPTS_INIT;
    struct stc_vreport r;
    if (given) memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    const struct stc_vopts v = {.source = o.source,
                                .where = o.where,
                                .n_where = o.n_where,
                                .n_threads = sim->opts.n_threads,
                                .catalogues = stc_api_own(sim),
                                .progress = sim->opts.progress,
                                .ctx = sim->opts.progress_ctx};
    enum stc_err err = stc_validate_file(&a, csv_path, &sim->params, &v, &r, diag);
    if (err == STC_OK && r.n_rows == 0)
        err = stc_fail(diag, STC_ERR_UNKNOWN, "%s: no row%s", csv_path,
                       o.source || o.n_where ? " is of that source and has those cells"
                                             : "s below the header");
    if (err == STC_OK) err = report(&r, &o, format, out, diag);
    if (err == STC_OK && rows) {
        err = rows_csv(&r, rows, diag);
        if (err != STC_OK) stc_out_free(out);
    }
    stc_arena_free(&a);
    return err;
}

enum stc_err stc_validate_emit_yaml(struct stc *sim, const char *csv_path,
                                    const char *id, struct stc_out *out,
                                    struct stc_diag *diag)
{
    struct stc_text t;
    stc_text_init(&t, 0);
    enum stc_err err =
        stc_validate_emit_text(&sim->params, stc_api_own(sim), csv_path, id, &t, diag);
    if (err == STC_OK || stc_text_err(&t) != STC_OK)
        return stc_api_out(&t, err, out, diag);
    stc_text_free(&t);
    return err;
}
