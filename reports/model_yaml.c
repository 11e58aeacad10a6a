/* model_yaml.c - see model_yaml.h. */
#include "reports/model_yaml.h"

#include "reports/json_util.h"
#include "sim/base/bind.h"

#include <string.h>

/* The keys of an entry that differ from their defaults. */
static void entry(const struct stc_model *m, struct stc_text *out)
{
    const struct stc_bind_table *t = stc_model_keys();
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_model plain;
    struct stc_bind_seen differ = {{0}};
    struct stc_text x, y;
    stc_text_init(&x, 0);
    stc_text_init(&y, 0);
    memset(&plain, 0, sizeof plain);
    int have = stc_bind_defaults(t, &plain, &a, NULL) == STC_OK;
    for (int i = 0; i < t->n_rows; i++) {
        stc_text_clear(&x);
        stc_text_clear(&y);
        stc_bind_get_text(&t->rows[i], m, &x);
        stc_bind_get_text(&t->rows[i], &plain, &y);
        if (!have || strcmp(stc_text_str(&x), stc_text_str(&y)) != 0)
            stc_bind_mark(&differ, i);
    }
    stc_bind_write_yaml(t, m, &differ, false, out);
    stc_text_free(&x);
    stc_text_free(&y);
    stc_arena_free(&a);
}

void stc_report_model_yaml(const struct stc_model *m, struct stc_text *out)
{
    struct stc_text yaml;
    stc_text_init(&yaml, 0);
    entry(m, &yaml);
    stc_text_printf(out, "# %.0f parameters", stc_model_params(m));
    if (m->n_experts > 0)
        stc_text_printf(out, ", %.0f active for a token", stc_model_params_active(m));
    if (stc_model_mtp_params(m) > 0)
        stc_text_printf(out, "; %.0f more of multi-token prediction",
                        stc_model_mtp_params(m));
    stc_text_printf(out, "\n\"%s\":\n", m->name);
    for (const char *line = stc_text_str(&yaml); *line;) {
        size_t n = strcspn(line, "\n");
        stc_text_put(out, "  ");
        stc_text_put_n(out, line, n);
        stc_text_put(out, "\n");
        line += n + (line[n] == '\n');
    }
    if (stc_text_err(&yaml) != STC_OK && out->err == STC_OK)
        out->err = stc_text_err(&yaml);
    stc_text_free(&yaml);
}

enum stc_err stc_report_model_json(const struct stc_model *m, struct stc_text *out,
                                   struct stc_diag *diag)
{
    json_t *doc = stc_json_document("model", 1);
    struct stc_text yaml;
    stc_text_init(&yaml, 0);
    entry(m, &yaml);
    stc_json_put(doc, "name", json_string(m->name));
    stc_json_put(doc, "parameters", stc_json_num(stc_model_params(m)));
    stc_json_put(doc, "active_parameters", stc_json_num(stc_model_params_active(m)));
    stc_json_put(doc, "mtp_parameters", stc_json_num(stc_model_mtp_params(m)));
    stc_json_put(doc, "yaml", json_string(stc_text_str(&yaml)));
    stc_text_free(&yaml);
    return stc_json_text(doc, out, diag);
}
