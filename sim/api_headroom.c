/* api_headroom.c - how far the scenario can grow. */
#include "sim/api.h"

#include "reports/headroom_text.h"
#include "reports/notes.h"

#include <stdlib.h>

enum stc_err stc_headroom_report(struct stc *sim, const char *axis,
                                 enum stc_format format, struct stc_out *out,
                                 struct stc_diag *diag)
{
    enum stc_headroom_axis a = STC_HEADROOM_COUNT;
    struct stc_text t;
    if (axis) {
        enum stc_err err = stc_headroom_find(axis, &a, diag);
        if (err != STC_OK) return err;
    }
    struct stc_headroom_report *r = malloc(sizeof *r);
    if (!r) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    enum stc_err err = stc_headroom_run(&sim->scenario, a, r, diag);
    if (err == STC_OK) {
        stc_text_init(&t, 0);
        if (format == STC_JSON) {
            err = stc_report_headroom_json(&sim->scenario, r, &t, diag);
        } else {
            stc_report_warning(&sim->scenario, &t);
            stc_report_headroom(r, &t);
        }
        err = stc_api_out(&t, err, out, diag);
    }
    free(r);
    return err;
}
