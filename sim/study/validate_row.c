/* validate_row.c - the cells of a row become a scenario, or a question to the model. */
#include "scenarios/catalogues.h"
#include "sim/study/validate_kinds.h"

#include <stdio.h>
#include <string.h>

const char *stc_vctx_cell(const struct stc_vctx *c, const char *column)
{
    for (int i = 0; i < c->kind->n_cols; i++)
        if (strcmp(c->kind->cols[i].column, column) == 0) return c->cell[i];
    return "";
}

static enum stc_err set_col(const struct stc_vcol *col, const struct stc_vctx *c,
                            const char *cell, struct stc_scenario *s,
                            struct stc_diag *diag)
{
    char text[256];
    if (!cell[0] && !col->when_empty) return STC_OK;
    if (col->conv == STC_VCONV_FN) return col->fn(c, cell, s, diag);
    snprintf(text, sizeof text, "%s%s", cell, col->suffix ? col->suffix : "");
    return stc_scenario_set(s, col->key, text, diag);
}

static int32_t year_of(const struct stc_scenario *s)
{
    return s->said.year > 0 ? s->said.year : STC_STACK_NEWEST;
}

enum stc_err stc_vrow_stand_in(struct stc_scenario *s, struct stc_diag *diag)
{
    int32_t year = year_of(s);
    int shard = s->said.shard - 1; /* 0 is auto */
    int fsdp = shard == STC_SHARD_ZERO3 || shard == STC_SHARD_HSDP;
    const char *sharded = year < 2023   ? "DeepSpeed"
                          : year < 2024 ? "PyTorch FSDP"
                                        : "PyTorch FSDP2";
    enum stc_err err =
        stc_scenario_set(s, "framework", fsdp ? sharded : "Megatron-LM", diag);
    return err == STC_OK ? stc_scenario_set(s, "stack.guessed", "yes", diag) : err;
}

static bool is_known(const struct stc_scenario *s)
{
    struct stc_stack found;
    return !s->said.framework[0] || s->said.stack_use[0] ||
           stc_stack_for(stc_catalogues_stacks(s->catalogues), s->said.framework,
                         year_of(s), NULL, &found, NULL) == STC_OK;
}

enum stc_err stc_vrow_scenario(const struct stc_vkind *kind,
                               const struct stc_catalogues *own,
                               const char *const *cell, struct stc_scenario *s,
                               struct stc_diag *diag)
{
    struct stc_vctx c = {.kind = kind, .cell = cell};
    stc_scenario_init(s);
    s->catalogues = own;
    for (int i = 0; i < kind->n_cols; i++) {
        enum stc_err err = set_col(&kind->cols[i], &c, cell[i], s, diag);
        if (err != STC_OK) return err;
    }
    return is_known(s) ? STC_OK : stc_vrow_stand_in(s, diag);
}

enum stc_err stc_vrow_query(const struct stc_vkind *kind, const char *const *cell,
                            struct stc_query *q, struct stc_diag *diag)
{
    struct stc_vctx c = {.kind = kind, .cell = cell};
    char text[256];
    enum stc_err err = STC_OK;
    stc_query_init(q, kind->query);
    for (int i = 0; kind->fixed && kind->fixed[i].key && err == STC_OK; i++)
        err = stc_query_set(q, kind->fixed[i].key, kind->fixed[i].value, diag);
    for (int i = 0; i < kind->n_cols && err == STC_OK; i++) {
        const struct stc_vcol *col = &kind->cols[i];
        if (!cell[i][0] && !col->when_empty) continue;
        if (col->conv == STC_VCONV_FN) {
            if (col->qfn) err = col->qfn(&c, cell[i], q, diag);
            continue;
        }
        snprintf(text, sizeof text, "%s%s", cell[i], col->suffix ? col->suffix : "");
        err = stc_query_set(q, col->key, text, diag);
    }
    return err;
}
