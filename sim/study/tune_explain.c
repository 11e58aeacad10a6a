/*
 * tune_explain.c - why not this one? The space is searched again with what the
 * person says fixed; the best of what is left is set against the winner, or, when
 * nothing is left, the reason is told.
 */
#include "sim/study/tune_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/text.h"

/* A word that names an axis narrows the search to its value; any other key of a
 * scenario is set. */
static enum stc_err say_word(struct stc_scenario *s, char *w, int *n_axes,
                             struct stc_diag *diag)
{
    char key[128], *eq = strchr(w, '=');
    if (!eq)
        return stc_fail(diag, STC_ERR_PARSE,
                        "explain: \"%s\" is not KEY=VALUE, as in tp=4,pp=8", w);
    *eq = '\0';
    int x = stc_tune_axis_find(w);
    if (x >= 0) {
        ++*n_axes;
        snprintf(key, sizeof key, "tune.%s", stc_tune_axis_name((enum stc_tune_axis)x));
        return stc_scenario_set(s, key, eq + 1, diag);
    }
    static const char *const sections[] = {"", "layout.", "stack.", "train."};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        snprintf(key, sizeof key, "%s%s", sections[i], w);
        if (stc_scenario_key(key) >= 0) break;
    }
    return stc_scenario_set(s, stc_scenario_key(key) >= 0 ? key : w, eq + 1, diag);
}

static enum stc_err say_words(struct stc_scenario *s, const char *words, int *n_axes,
                              struct stc_diag *diag)
{
    char copy[512], *save = NULL;
    enum stc_err err = STC_OK;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *w = strtok_r(copy, ", ", &save); err == STC_OK && w;
         w = strtok_r(NULL, ", ", &save))
        err = say_word(s, w, n_axes, diag);
    return err;
}

static enum stc_err memory(const struct stc_scenario *s, struct stc_tune_why *out,
                           struct stc_diag *diag)
{
    const struct stc_build b = {&s->model, &s->layout, &s->train, &s->stack};
    out->room_bytes = s->cluster.gpu.mem_bytes - s->sim.mem_margin_bytes;
    enum stc_err err =
        stc_bound_need_bytes(s, (double)INFINITY, &out->need_bytes, &out->stage, diag);
    return err == STC_OK ? stc_mem_estimate(&b, out->stage, &out->memory, diag) : err;
}

static enum stc_err forecast(struct stc_arena *a, const struct stc_tune_space *sp,
                             const struct stc_scenario *s,
                             const struct stc_run_params *p,
                             const struct stc_tune_result *r, struct stc_tune_why *out,
                             struct stc_diag *diag)
{
    struct stc_bounder *b = NULL;
    struct stc_bound bound;
    struct stc_result *res = STC_NEW(a, struct stc_result);
    if (!res || stc_bounder_make(p, &b) != STC_OK)
        return stc_fail(diag, STC_ERR_NOMEM, "tune: out of memory");
    enum stc_err err = stc_bound_fast(b, s, 0, &bound, diag);
    stc_bounder_free(b);
    if (err == STC_OK) err = stc_step_run(s, p, a, res, diag);
    if (err != STC_OK) {
        out->reason = STC_TUNE_REFUSED;
        snprintf(out->sentence, sizeof out->sentence, "%.250s", diag->text);
        return STC_OK;
    }
    out->bound_s = stc_tick_to_s(bound.step_ticks);
    stc_tune_fill(sp, s, res, &out->pick);
    out->pick.bound_s = out->bound_s;
    out->simulated = 1;
    stc_tune_compare(sp, &r->picks[0], &out->pick);
    if (out->reason == STC_TUNE_SIMULATED && out->pick.cost > r->cutoff_s)
        out->reason = STC_TUNE_BOUND;
    return STC_OK;
}

/* Why nothing is left: what settled most, memory before all else. */
static enum stc_tune_reason main_reason(const struct stc_tune_result *r)
{
    int top = STC_TUNE_GPUS;
    if (r->count[STC_TUNE_MEMORY].n > 0) return STC_TUNE_MEMORY;
    for (int i = 0; i < STC_TUNE_SIMULATED; i++)
        if (i != STC_TUNE_SAME && r->count[i].n > r->count[top].n) top = i;
    return (enum stc_tune_reason)top;
}

enum stc_err stc_tune_explain(struct stc_arena *a, const struct stc_scenario *s,
                              const struct stc_run_params *p,
                              const struct stc_tune_result *r, const char *words,
                              struct stc_tune_why *out, struct stc_diag *diag)
{
    struct stc_tune_space *sp = STC_NEW(a, struct stc_tune_space);
    struct stc_scenario *t = STC_NEW(a, struct stc_scenario),
                        *best = STC_NEW(a, struct stc_scenario);
    struct stc_tune_result *of = STC_NEW(a, struct stc_tune_result);
    struct stc_tune_opts one = {.top_n = 1, .n_threads = r->n_threads};
    struct stc_diag why = {""};
    memset(out, 0, sizeof *out);
    if (!sp || !t || !best || !of)
        return stc_fail(diag, STC_ERR_NOMEM, "tune: out of memory");
    *t = *s;
    enum stc_err err = say_words(t, words, &out->n_axes, diag);
    if (err != STC_OK) return err;
    err = stc_tune_run(a, t, p, &one, of, &why);
    out->n_layouts = of->n_layouts;
    if (err == STC_ERR_INFEASIBLE) {
        out->reason = main_reason(of);
        out->least = of->count[out->reason].least;
        snprintf(out->sentence, sizeof out->sentence, "%.250s", why.text);
        return STC_OK;
    }
    if (err != STC_OK) return stc_fail(diag, err, "%s", why.text);
    out->reason = STC_TUNE_SIMULATED;
    err = stc_tune_space_make(a, t, sp, diag);
    if (err == STC_OK) err = stc_tune_apply(t, &of->picks[0], best, diag);
    if (err == STC_OK) err = stc_scenario_resolve(best, diag);
    if (err == STC_OK) err = memory(best, out, diag);
    if (err == STC_OK) err = forecast(a, sp, best, p, r, out, diag);
    snprintf(out->pick.keys, sizeof out->pick.keys, "%s", of->picks[0].keys);
    return err;
}
