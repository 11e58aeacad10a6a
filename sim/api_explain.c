/* api_explain.c - why the cost model says what it says. */
#include "sim/api.h"

#include "reports/explain_text.h"
#include "sim/study/explain.h"

#include <stdio.h>
#include <string.h>

static enum stc_err put(struct stc_query *q, const char *word, struct stc_diag *diag)
{
    char key[64];
    const char *eq = strchr(word, '=');
    if (!eq || (size_t)(eq - word) >= sizeof key)
        return stc_fail(diag, STC_ERR_PARSE, "%s: not KEY=VALUE, as in m=4096", word);
    snprintf(key, sizeof key, "%.*s", (int)(eq - word), word);
    return stc_query_set(q, key, eq + 1, diag);
}

enum stc_err stc_explain_op(struct stc *sim, const char *op, const char *const *sets,
                            size_t n_sets, const char *tables, enum stc_format format,
                            struct stc_out *out, struct stc_diag *diag)
{
    const struct stc_hw *hw;
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_text t;
    struct stc_query q;
    struct stc_explain e;
    enum stc_qkind kind;
    enum stc_err err = stc_query_kind_find(op, &kind, diag);
    if (err == STC_OK) err = stc_scenario_hw(stc_api_own(sim), &hw, diag);
    if (err != STC_OK) return err;
    stc_query_init(&q, kind);
    for (size_t i = 0; i < n_sets && err == STC_OK; i++)
        err = put(&q, sets[i], diag);
    if (err == STC_OK)
        err = stc_explain_query(&a, &q, hw, &sim->params, tables, &e, diag);
    if (err == STC_OK) {
        stc_text_init(&t, 0);
        if (format == STC_JSON)
            err = stc_report_explain_json(&e, &t, diag);
        else
            stc_report_explain(&e, &t);
        err = stc_api_out(&t, err, out, diag);
    }
    stc_arena_free(&a);
    return err;
}

enum stc_err stc_explain_keys(const char *op, enum stc_format format,
                              struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    enum stc_qkind kind = STC_QUERY_COUNT;
    enum stc_err err = op ? stc_query_kind_find(op, &kind, diag) : STC_OK;
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (format == STC_JSON)
        err = op ? stc_report_explain_keys_json(kind, &t, diag)
                 : stc_report_explain_kinds_json(&t, diag);
    else if (op)
        stc_bind_help(stc_query_keys(kind), false, &t);
    else
        stc_report_explain_kinds(&t);
    return stc_api_out(&t, err, out, diag);
}
