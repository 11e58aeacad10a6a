#include "sim/study/diff.h"

#include "sim/base/bind.h"

#include <math.h>
#include <string.h>

/* A scenario on the walk from A to B; the keys changed since it last could be cut. */
struct walk {
    struct stc_arena *arena;
    const struct stc_run_params *p;
    struct stc_scenario now;
    double now_s;
    struct stc_text keys, from, to;
    struct stc_scenario alone; /* A with the pending keys only */
};

static enum stc_err simulate(struct stc_arena *a, struct stc_scenario *s,
                             const struct stc_run_params *p, struct stc_result *r,
                             struct stc_diag *diag)
{
    memset(r, 0, sizeof *r);
    enum stc_err err = stc_scenario_resolve(s, diag);
    return err == STC_OK ? stc_step_run(s, p, a, r, diag) : err;
}

/* Step time only; NaN when the scenario cannot be simulated. */
static double step_s(struct stc_scenario s, const struct stc_run_params *p)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_result r;
    struct stc_diag unused;
    double t = simulate(&a, &s, p, &r, &unused) == STC_OK ? r.step_s : (double)NAN;
    stc_arena_free(&a);
    return t;
}

static void copy_key(const struct stc_bind_row *row, const struct stc_scenario *from,
                     struct stc_scenario *to)
{
    memcpy((char *)to + row->offset, (const char *)from + row->offset, row->size);
    to->resolved = 0;
}

static void value_text(const struct stc_bind_row *row, const struct stc_scenario *s,
                       struct stc_text *out)
{
    size_t before = out->len;
    stc_bind_get_text(row, s, out);
    if (out->len == before) stc_text_put(out, "not said");
}

static int same_value(const struct stc_bind_row *row, const struct stc_scenario *x,
                      const struct stc_scenario *y)
{
    const struct stc_bind_table one = {
        .what = "scenario", .rows = row, .n_rows = 1, .struct_size = sizeof *x};
    return stc_bind_equal(&one, x, y);
}

static int counts_for_time(const struct stc_bind_row *row)
{
    return strcmp(row->section, "published") != 0 && strcmp(row->key, "title") != 0 &&
           strcmp(row->key, "record") != 0;
}

static enum stc_err close_change(struct walk *w, const struct stc_scenario *a,
                                 double a_s, double t, struct stc_diff *d)
{
    struct stc_diff_change *c = &d->changes[d->n_changes++];
    c->keys = stc_arena_strdup(w->arena, stc_text_str(&w->keys));
    c->from = stc_arena_strdup(w->arena, stc_text_str(&w->from));
    c->to = stc_arena_strdup(w->arena, stc_text_str(&w->to));
    c->walk_s = t - w->now_s;
    c->alone_s = step_s(w->alone, w->p) - a_s;
    w->now_s = t;
    w->alone = *a;
    stc_text_clear(&w->keys);
    stc_text_clear(&w->from);
    stc_text_clear(&w->to);
    return c->keys && c->from && c->to ? STC_OK : STC_ERR_NOMEM;
}

static enum stc_err go(struct walk *w, const struct stc_scenario *a,
                       const struct stc_scenario *b, struct stc_diff *d)
{
    const struct stc_bind_table *table = stc_scenario_keys();
    char key[160];
    for (int i = 0; i < table->n_rows; i++) {
        const struct stc_bind_row *row = &table->rows[i];
        if (!counts_for_time(row) || same_value(row, a, b)) continue;
        const char *sep = w->keys.len ? ", " : "";
        stc_text_printf(&w->keys, "%s%s", sep, stc_bind_key(row, key, sizeof key));
        stc_text_put(&w->from, sep);
        stc_text_put(&w->to, sep);
        value_text(row, a, &w->from);
        value_text(row, b, &w->to);
        copy_key(row, b, &w->now);
        copy_key(row, b, &w->alone);
        double t = step_s(w->now, w->p);
        if (isnan(t)) continue; /* cannot be cut yet: joins the next change */
        enum stc_err err = close_change(w, a, d->a_result.step_s, t, d);
        if (err != STC_OK) return err;
    }
    /* B itself was simulated: what is pending ends there. */
    return w->keys.len ? close_change(w, a, d->a_result.step_s, d->b_result.step_s, d)
                       : STC_OK;
}

static enum stc_err changes(struct stc_arena *arena, const struct stc_scenario *a,
                            const struct stc_scenario *b,
                            const struct stc_run_params *p, struct stc_diff *d,
                            struct stc_diag *diag)
{
    struct walk w = {
        .arena = arena, .p = p, .now = *a, .now_s = d->a_result.step_s, .alone = *a};
    d->changes = STC_NEW_N(arena, struct stc_diff_change, STC_KEY_COUNT);
    stc_text_init(&w.keys, 0);
    stc_text_init(&w.from, 0);
    stc_text_init(&w.to, 0);
    enum stc_err err = d->changes ? go(&w, a, b, d) : STC_ERR_NOMEM;
    stc_text_free(&w.keys);
    stc_text_free(&w.from);
    stc_text_free(&w.to);
    return err == STC_OK ? STC_OK : stc_fail(diag, err, "diff: %s", stc_err_text(err));
}

enum stc_err stc_diff_run(struct stc_arena *arena, const struct stc_scenario *a,
                          const struct stc_scenario *b, const struct stc_run_params *p,
                          struct stc_diff *out, struct stc_diag *diag)
{
    memset(out, 0, sizeof *out);
    out->a = *a;
    out->b = *b;
    enum stc_err err = simulate(arena, &out->a, p, &out->a_result, diag);
    if (err == STC_OK) err = simulate(arena, &out->b, p, &out->b_result, diag);
    if (err != STC_OK) return err;
    if (out->a_result.n_stages > 0 && out->b_result.n_stages > 0) {
        const struct stc_stage_result *x =
            &out->a_result.stages[out->a_result.slowest_stage];
        const struct stc_stage_result *y =
            &out->b_result.stages[out->b_result.slowest_stage];
        for (int k = 0; k < STC_PART_COUNT; k++)
            out->part_s[k] =
                stc_tick_to_s(y->part_ticks[k]) - stc_tick_to_s(x->part_ticks[k]);
    }
    return changes(arena, a, b, p, out, diag);
}
