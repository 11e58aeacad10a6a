/* api_diff.c - where the difference between two scenarios comes from. */
#include "sim/api.h"

#include "reports/diff_text.h"
#include "sim/study/diff.h"

static const char *name_of(const struct stc_scenario *s)
{
    return s->said.title[0] ? s->said.title : s->file[0] ? s->file : "-";
}

enum stc_err stc_diff(struct stc *a, struct stc *b, enum stc_format format,
                      struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    struct stc_diff *d = STC_NEW(&a->run, struct stc_diff);
    a->simulated = a->recorded = 0; /* its arena is used for the difference */
    if (!d) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    enum stc_err err =
        stc_diff_run(&a->run, &a->scenario, &b->scenario, &a->params, d, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (format == STC_JSON)
        err = stc_report_diff_json(d, name_of(&a->scenario), name_of(&b->scenario), &t,
                                   diag);
    else
        stc_report_diff(d, name_of(&a->scenario), name_of(&b->scenario), &t);
    return stc_api_out(&t, err, out, diag);
}
