/* fit_write.c - what a fit of steps found: for people, and as files. */
#include <math.h>

#include "calib/load_platform.h"
#include "sim/study/fit_platform.h"

static void pct(struct stc_text *out, double v)
{
    if (isnan(v))
        stc_text_put(out, "        -");
    else
        stc_text_printf(out, " %6.1f %%", 100 * v);
}

static void sources(const struct stc_stepfit *f, int q, const char *title,
                    struct stc_text *out)
{
    stc_text_printf(out, "%-44.44s %5s %8s %8s %8s\n", title, "rows", "priors",
                    "fitted", "left out");
    for (int i = 0; i < f->n_sources; i++) {
        const struct stc_stepfit_source *s = &f->sources[i];
        if (s->n[q] == 0) continue;
        stc_text_printf(out, "%-44.44s %5d", s->name, s->n[q]);
        pct(out, s->prior[q]);
        pct(out, s->fitted[q]);
        pct(out, s->left_out[q]);
        stc_text_put(out, "\n");
    }
    stc_text_printf(out, "%-44s %5s", "mean over sources", "");
    pct(out, f->prior_score[q]);
    pct(out, f->score[q]);
    pct(out, f->left_out_score[q]);
    stc_text_put(out, "\n\n");
}

static void generations(const struct stc_stepfit *f, struct stc_text *out)
{
    struct stc_platform prior[STC_GEN_COUNT];
    stc_cost_platform_prior(prior);
    stc_text_put(out, "Generations: fitted (prior)\n");
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        struct stc_platform p = f->cost->platform[g];
        if (f->gen_rows[g] == 0) continue;
        stc_text_printf(out,
                        "  %-10s %4d rows, %d sources:", stc_gen_name((enum stc_gen)g),
                        f->gen_rows[g], f->gen_sources[g]);
        for (int i = 0; i < stc_n_platform_pars; i++)
            if (stc_platform_pars[i].spread > 0)
                stc_text_printf(out, " %s %.3g (%.3g)", stc_platform_pars[i].name,
                                *stc_platform_at(&p, &stc_platform_pars[i]),
                                *stc_platform_at(&prior[g], &stc_platform_pars[i]));
        stc_text_put(out, "\n");
    }
    stc_text_put(out, "\n");
}

/* ORDER: stc_stack_fitted. */
static const struct {
    const char *unit;
    double scale;
} as[STC_STACK_FITTED] = {{"us", 1e6}, {"ms", 1e3}, {"MiB", 1 / 1048576.0}, {"%", 100}};

static void stacks(const struct stc_stepfit *f, struct stc_text *out)
{
    stc_text_printf(out, "%-24s %5s %5s", "Stacks: fitted (prior)", "times", "mems");
    for (int k = 0; k < STC_STACK_FITTED; k++)
        stc_text_printf(out, " %21s", stc_stack_fitted[k]);
    stc_text_put(out, "\n");
    for (int i = 0; i < f->n_stacks; i++) {
        const struct stc_stepfit_stack *s = &f->stacks[i];
        stc_text_printf(out, "%-24.24s %5d %5d", s->name, s->n[0], s->n[1]);
        for (int k = 0; k < STC_STACK_FITTED; k++)
            if (s->touched[k] && s->sought[k])
                stc_text_printf(out, " %8.3g (%6.3g) %-3s", s->value[k] * as[k].scale,
                                s->prior[k] * as[k].scale, as[k].unit);
            else
                stc_text_printf(out, " %21s", "-");
        stc_text_put(out, "\n");
    }
    stc_text_put(out, "\n");
}

static void classes(const struct stc_stepfit *f, struct stc_text *out)
{
    static const char *const names[] = {
#define ROW(id, name, meaning) [STC_LOWERING_##id] = name,
        STC_LOWERING_MAP(ROW)
#undef ROW
    };
    stc_text_put(out, "Sigma of log step time beside the kernels' own\n");
    for (int k = 0; k < STC_LOWERING_COUNT; k++)
        stc_text_printf(out,
                        "  %-8s %.3f: %4.1f %% of %d left-out rows inside the 90 %% "
                        "interval\n",
                        names[k], f->cost->lowering_sigma_log[k],
                        100 * f->class_inside[k], f->class_rows[k]);
    stc_text_printf(out, "  all             %4.1f %%\n", 100 * f->inside);
}

void stc_stepfit_report(const struct stc_stepfit *f, struct stc_text *out)
{
    stc_text_printf(out, "%ld steps simulated, pull %g\n\n", f->n_steps, f->pull);
    generations(f, out);
    stacks(f, out);
    sources(f, 0, "Step time", out);
    sources(f, 1, "Peak memory", out);
    classes(f, out);
}

/* ==== files ==== */

void stc_stepfit_stacks_yaml(const struct stc_stepfit *f, struct stc_text *out)
{
    static const char *const unit[STC_STACK_FITTED] = {"s", "s", "B", ""};
    stc_text_put(
        out,
        "# The fitted numbers of stacks; what is not here keeps the prior of "
        "models/stacks.\n"
        "# Written by `stepcast calibrate fit-steps`; meanings: models/stack.h.\n");
    for (int i = 0; i < f->n_stacks; i++) {
        const struct stc_stepfit_stack *s = &f->stacks[i];
        int any = 0;
        for (int k = 0; k < STC_STACK_FITTED; k++) {
            if (!s->touched[k] || s->value[k] == s->prior[k]) continue; /* bits */
            if (!any)
                stc_text_printf(out, "\n%s:  # %d times, %d memories\n", s->name,
                                s->n[0], s->n[1]);
            any = 1;
            stc_text_printf(out, "  %s: %.10g%s  # prior %.4g\n", stc_stack_fitted[k],
                            s->value[k], unit[k], s->prior[k]);
        }
    }
}

/* Texts of sources hold commas and quotes. */
static void quoted(struct stc_text *out, const char *s)
{
    stc_text_put(out, "\"");
    for (; *s; s++) {
        if (*s == '"') stc_text_put(out, "\"");
        stc_text_put_n(out, s, 1);
    }
    stc_text_put(out, "\"");
}

void stc_stepfit_loso_csv(const struct stc_stepfit *f, struct stc_text *out)
{
    static const char *const names[] = {"step_time", "memory"};
    stc_text_put(out, "quantity,source,rows,error,left_out_error\n");
    for (int q = 0; q < 2; q++)
        for (int i = 0; i < f->n_sources; i++) {
            const struct stc_stepfit_source *s = &f->sources[i];
            if (s->n[q] == 0) continue;
            stc_text_printf(out, "%s,", names[q]);
            quoted(out, s->name);
            stc_text_printf(out, ",%d,%.4f,%.4f\n", s->n[q], s->fitted[q],
                            s->left_out[q]);
        }
}
