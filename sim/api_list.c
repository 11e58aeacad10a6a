/* api_list.c - what the catalogues hold. */
#include "sim/api.h"

#include "reports/list.h"

enum stc_err stc_list(struct stc *sim, const char *what, enum stc_format format,
                      struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    stc_text_init(&t, 0);
    enum stc_err err =
        stc_report_list(stc_api_own(sim), what, format == STC_JSON, &t, diag);
    return stc_api_out(&t, err, out, diag);
}

enum stc_err stc_show(struct stc *sim, const char *name, enum stc_format format,
                      struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    stc_text_init(&t, 0);
    enum stc_err err =
        stc_report_show(stc_api_own(sim), name, format == STC_JSON, &t, diag);
    return stc_api_out(&t, err, out, diag);
}
