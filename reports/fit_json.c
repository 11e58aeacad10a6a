/* fit_json.c - see fit_json.h. */
#include "reports/fit_json.h"

#include "calib/load_platform.h"
#include "reports/json_util.h"

static json_t *line(const char *what, int n, double physics, double full, double inside,
                    double width, double bar)
{
    json_t *j = json_object();
    stc_json_put(j, "what", json_string(what));
    stc_json_put(j, "rows", json_integer(n));
    stc_json_put(j, "physics_error", stc_json_num(physics));
    stc_json_put(j, "error", stc_json_num(full));
    stc_json_put(j, "inside_90", inside > 0 ? stc_json_num(inside) : json_null());
    stc_json_put(j, "width_over_error", inside > 0 ? stc_json_num(width) : json_null());
    stc_json_put(j, "bar", bar > 0 ? stc_json_num(bar) : json_null());
    return j;
}

static json_t *kernels(const struct stc_fit_report *r)
{
    json_t *j = json_object(), *list = json_array();
    for (int i = 0; i < r->n; i++) {
        const struct stc_fit_line *l = &r->v[i];
        json_array_append_new(list, line(l->what, l->n, l->plain_mape, l->full_mape,
                                         l->coverage, l->width_ratio, l->bar));
    }
    stc_json_put(j, "left_out", json_boolean(!r->in_sample));
    stc_json_put(j, "wall_s", stc_json_num(r->seconds));
    stc_json_put(j, "lines", list);
    return j;
}

static json_t *collectives(const struct stc_coll_cv *cv)
{
    json_t *j = json_object(), *list = json_array();
    for (int i = 0; cv && i < cv->n; i++) {
        const struct stc_coll_cv_line *l = &cv->v[i];
        json_array_append_new(list, line(l->what, l->n, l->physics_mape, l->full_mape,
                                         l->coverage, l->width_ratio, l->bar));
    }
    stc_json_put(j, "left_out", json_boolean(cv != NULL));
    stc_json_put(j, "lines", list);
    return j;
}

json_t *stc_report_fit_json(const struct stc_fit_said *s)
{
    json_t *j = json_object();
    stc_json_put(j, "kernels", s->kernels ? kernels(s->kernels) : json_null());
    stc_json_put(j, "collectives", s->has_coll ? collectives(s->coll) : json_null());
    return j;
}

/* ==== whole steps ==== */

static json_t *generations(const struct stc_stepfit *f)
{
    struct stc_platform prior[STC_GEN_COUNT];
    json_t *list = json_array();
    stc_cost_platform_prior(prior);
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        struct stc_platform p = f->cost->platform[g];
        json_t *j, *value = json_object(), *before = json_object();
        if (f->gen_rows[g] == 0) {
            json_decref(value);
            json_decref(before);
            continue;
        }
        for (int i = 0; i < stc_n_platform_pars; i++) {
            const struct stc_platform_par *par = &stc_platform_pars[i];
            if (par->spread <= 0) continue;
            stc_json_put(value, par->name, stc_json_num(*stc_platform_at(&p, par)));
            stc_json_put(before, par->name,
                         stc_json_num(*stc_platform_at(&prior[g], par)));
        }
        j = json_object();
        stc_json_put(j, "generation", json_string(stc_gen_name((enum stc_gen)g)));
        stc_json_put(j, "rows", json_integer(f->gen_rows[g]));
        stc_json_put(j, "sources", json_integer(f->gen_sources[g]));
        stc_json_put(j, "fitted", value);
        stc_json_put(j, "prior", before);
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *stacks(const struct stc_stepfit *f)
{
    json_t *list = json_array();
    for (int i = 0; i < f->n_stacks; i++) {
        const struct stc_stepfit_stack *s = &f->stacks[i];
        json_t *j = json_object(), *value = json_object(), *prior = json_object();
        for (int k = 0; k < STC_STACK_FITTED; k++) {
            stc_json_put(value, stc_stack_fitted[k],
                         s->touched[k] && s->sought[k] ? stc_json_num(s->value[k])
                                                       : json_null());
            stc_json_put(prior, stc_stack_fitted[k], stc_json_num(s->prior[k]));
        }
        stc_json_put(j, "stack", json_string(s->name));
        stc_json_put(j, "times", json_integer(s->n[0]));
        stc_json_put(j, "memories", json_integer(s->n[1]));
        stc_json_put(j, "fitted", value);
        stc_json_put(j, "prior", prior);
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *errors(double prior, double fitted, double left_out)
{
    json_t *j = json_object();
    stc_json_put(j, "prior", stc_json_num(prior));
    stc_json_put(j, "fitted", stc_json_num(fitted));
    stc_json_put(j, "left_out", stc_json_num(left_out));
    return j;
}

static json_t *quantity(const struct stc_stepfit *f, int q)
{
    json_t *j = json_object(), *list = json_array();
    for (int i = 0; i < f->n_sources; i++) {
        const struct stc_stepfit_source *s = &f->sources[i];
        if (s->n[q] == 0) continue;
        json_t *row = errors(s->prior[q], s->fitted[q], s->left_out[q]);
        stc_json_put(row, "source", json_string(s->name));
        stc_json_put(row, "rows", json_integer(s->n[q]));
        json_array_append_new(list, row);
    }
    stc_json_put(j, "mean",
                 errors(f->prior_score[q], f->score[q], f->left_out_score[q]));
    stc_json_put(j, "sources", list);
    return j;
}

static json_t *classes(const struct stc_stepfit *f)
{
    static const char *const names[] = {
#define ROW(id, name, meaning) [STC_LOWERING_##id] = name,
        STC_LOWERING_MAP(ROW)
#undef ROW
    };
    json_t *list = json_array();
    for (int k = 0; k < STC_LOWERING_COUNT; k++) {
        json_t *j = json_object();
        stc_json_put(j, "class", json_string(names[k]));
        stc_json_put(j, "sigma_log", stc_json_num(f->cost->lowering_sigma_log[k]));
        stc_json_put(j, "rows", json_integer(f->class_rows[k]));
        stc_json_put(j, "inside_90", stc_json_num(f->class_inside[k]));
        json_array_append_new(list, j);
    }
    return list;
}

enum stc_err stc_report_stepfit_json(const struct stc_stepfit *f, struct stc_text *out,
                                     struct stc_diag *diag)
{
    json_t *doc = stc_json_document("fit-steps", 1);
    stc_json_put(doc, "steps", json_integer(f->n_steps));
    stc_json_put(doc, "pull", stc_json_num(f->pull));
    stc_json_put(doc, "generations", generations(f));
    stc_json_put(doc, "stacks", stacks(f));
    stc_json_put(doc, "step_time", quantity(f, 0));
    stc_json_put(doc, "peak_memory", quantity(f, 1));
    stc_json_put(doc, "classes", classes(f));
    stc_json_put(doc, "inside_90", stc_json_num(f->inside));
    return stc_json_text(doc, out, diag);
}
