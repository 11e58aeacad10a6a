/* fit_rows.c - the rows of a fit, and the numbers that are sought. */
#include "sim/study/fit_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "calib/load_platform.h"

/* ORDER: stc_stack_fitted. Spreads: a host's time differs by a factor of two
 * between machines; what a framework holds by three. */
static const struct fit_kind stack_kinds[STC_STACK_FITTED] = {
    {.quantity = FIT_TIME,
     .offset = offsetof(struct stc_stack, host_s_per_launch),
     .low = 1e-6,
     .high = 32e-6,
     .spread = 0.7},
    {.quantity = FIT_TIME,
     .offset = offsetof(struct stc_stack, host_s_per_step),
     .low = 5e-4,
     .high = 0.25,
     .spread = 1.0},
    {.quantity = FIT_MEM,
     .offset = offsetof(struct stc_stack, framework_bytes),
     .low = 16777216,
     .high = 2147483648.0,
     .spread = 1.1},
    {.quantity = FIT_MEM,
     .offset = offsetof(struct stc_stack, allocator_slack_frac),
     .low = 0.005,
     .high = 0.3,
     .spread = 0.7},
};

static void add_kind(struct fit *f, const struct fit_kind *k, int n_slots)
{
    struct fit_kind *to = &f->kinds[f->n_kinds++];
    *to = *k;
    to->first_slot = f->n_slots;
    to->n_slots = n_slots;
    f->n_slots += n_slots;
    for (int i = 0; i < FIT_NODES; i++)
        to->node[i] = k->low * pow(k->high / k->low, (double)i / (FIT_NODES - 1));
}

static enum stc_err make_kinds(struct fit *f, struct stc_diag *diag)
{
    for (int i = 0; i < stc_n_platform_pars; i++) {
        const struct stc_platform_par *p = &stc_platform_pars[i];
        if (p->spread <= 0) continue;
        if (f->n_kinds + STC_STACK_FITTED >= FIT_KINDS)
            return stc_fail(diag, STC_ERR_BUG, "fit: more kinds of numbers than room");
        struct fit_kind k = {.name = p->name,
                             .quantity = FIT_TIME,
                             .offset = p->offset,
                             .low = p->low,
                             .high = p->high,
                             .spread = p->spread,
                             .inverse = 1};
        add_kind(f, &k, STC_GEN_COUNT);
    }
    for (int i = 0; i < STC_STACK_FITTED; i++) {
        struct fit_kind k = stack_kinds[i];
        k.name = stc_stack_fitted[i];
        k.of_stack = 1;
        add_kind(f, &k, f->out->n_stacks);
    }
    return STC_OK;
}

int fit_slot(const struct fit_kind *k, const struct fit_row *r)
{
    return k->first_slot + (k->of_stack ? r->stack : r->gen);
}

/* ==== rows ==== */

static int stack_of(struct fit *f, const char *name)
{
    struct stc_stepfit_stack *v = f->out->stacks;
    int i = 0;
    while (i < f->out->n_stacks && strcmp(v[i].name, name) != 0)
        i++;
    if (i == f->out->n_stacks) {
        snprintf(v[i].name, sizeof v[i].name, "%s", name);
        f->out->n_stacks++;
    }
    return i;
}

static int source_of(struct fit *f, const char *name)
{
    struct stc_stepfit_source *v = f->out->sources;
    int i = 0;
    while (i < f->out->n_sources && strcmp(v[i].name, name) != 0)
        i++;
    if (i == f->out->n_sources) v[f->out->n_sources++].name = name;
    return i;
}

static void read_row(struct fit *f, struct fit_row *r, const char *why)
{
    struct stc_scenario s = *r->said;
    r->at[FIT_TIME] = r->at[FIT_MEM] = -1;
    for (int c = 0; c < r->v->n_cases; c++)
        r->at[r->v->cases[c].is_mem ? FIT_MEM : FIT_TIME] = c;
    r->source = source_of(f, r->v->source);
    r->ok = why == NULL && stc_scenario_resolve(&s, NULL) == STC_OK;
    for (int q = 0; q < FIT_QUANTITIES; q++)
        f->out->sources[r->source].n[q] += r->at[q] >= 0;
    if (!r->ok) return;
    r->gen = (int)s.cluster.gpu.gen;
    r->stack = stack_of(f, s.stack.name);
    f->out->gen_rows[r->gen] += r->at[FIT_TIME] >= 0;
    for (int q = 0; q < FIT_QUANTITIES; q++)
        f->out->stacks[r->stack].n[q] += r->at[q] >= 0;
}

static void count_sources(struct fit *f)
{
    for (int s = 0; s < f->out->n_sources; s++) {
        unsigned char gens[STC_GEN_COUNT] = {0};
        for (int k = 0; k < f->out->n_stacks; k++) {
            int seen[FIT_QUANTITIES] = {0};
            for (int i = 0; i < f->n_rows; i++) {
                const struct fit_row *r = &f->rows[i];
                if (!r->ok || r->source != s) continue;
                gens[r->gen] |= r->at[FIT_TIME] >= 0;
                for (int q = 0; q < FIT_QUANTITIES; q++)
                    seen[q] |= r->stack == k && r->at[q] >= 0;
            }
            for (int q = 0; q < FIT_QUANTITIES; q++)
                f->out->stacks[k].n_sources[q] += seen[q];
        }
        for (int g = 0; g < STC_GEN_COUNT; g++)
            f->out->gen_sources[g] += gens[g];
    }
}

/* ==== numbers ==== */

static enum stc_err make_prior(struct fit *f, struct stc_diag *diag)
{
    struct stc_platform p[STC_GEN_COUNT];
    stc_cost_platform_prior(p);
    for (int k = 0; k < f->n_kinds; k++)
        for (int i = 0; i < f->kinds[k].n_slots; i++) {
            const struct fit_kind *kind = &f->kinds[k];
            struct stc_stack s;
            const char *from = (const char *)&p[i % STC_GEN_COUNT];
            if (kind->of_stack) {
                enum stc_err err = stc_stack_prior(f->out->stacks[i].name, &s, diag);
                if (err != STC_OK) return err;
                from = (const char *)&s;
            }
            double v;
            memcpy(&v, from + kind->offset, sizeof v);
            f->prior[kind->first_slot + i] = fmin(fmax(v, kind->low), kind->high);
        }
    memcpy(f->x, f->prior, (size_t)f->n_slots * sizeof *f->x);
    return STC_OK;
}

static enum stc_err make_lists(struct fit *f)
{
    for (int q = 0; q < FIT_QUANTITIES; q++) {
        f->weight[q] = STC_NEW_N(f->a, double, (size_t)f->n_rows + 1);
        if (!f->weight[q]) return STC_ERR_NOMEM;
        for (int i = 0; i < f->n_rows; i++)
            if (f->rows[i].at[q] >= 0)
                f->weight[q][i] = 1.0 / f->out->sources[f->rows[i].source].n[q];
    }
    for (int k = 0; k < f->n_kinds; k++)
        for (int i = 0; i < f->n_rows; i++)
            if (f->rows[i].ok && f->rows[i].at[f->kinds[k].quantity] >= 0)
                f->n_slot_rows[fit_slot(&f->kinds[k], &f->rows[i])]++;
    for (int s = 0; s < f->n_slots; s++) {
        f->slot_rows[s] = STC_NEW_N(f->a, int, (size_t)f->n_slot_rows[s] + 1);
        if (!f->slot_rows[s]) return STC_ERR_NOMEM;
        f->n_slot_rows[s] = 0;
    }
    for (int k = 0; k < f->n_kinds; k++)
        for (int i = 0; i < f->n_rows; i++) {
            if (!f->rows[i].ok || f->rows[i].at[f->kinds[k].quantity] < 0) continue;
            int s = fit_slot(&f->kinds[k], &f->rows[i]);
            f->slot_rows[s][f->n_slot_rows[s]++] = i;
        }
    return STC_OK;
}

enum stc_err fit_read(struct fit *f, const char *path, struct stc_diag *diag)
{
    struct stc_vruns runs;
    enum stc_err err = stc_validate_runs(f->a, path, &runs, diag);
    if (err != STC_OK) return err;
    size_t n = (size_t)runs.n + 1;
    f->vkind = runs.kind;
    f->n_rows = runs.n;
    f->rows = STC_NEW_N(f->a, struct fit_row, n);
    f->out->sources = STC_NEW_N(f->a, struct stc_stepfit_source, n);
    f->out->stacks = STC_NEW_N(f->a, struct stc_stepfit_stack, n);
    if (!f->rows || !f->out->sources || !f->out->stacks)
        return stc_fail(diag, STC_ERR_NOMEM, "fit: out of memory");
    for (int i = 0; i < runs.n; i++) {
        f->rows[i].v = &runs.rows[i];
        f->rows[i].said = &runs.said[i];
        read_row(f, &f->rows[i], runs.why[i]);
    }
    count_sources(f);
    err = make_kinds(f, diag);
    if (err != STC_OK) return err;
    n = (size_t)f->n_slots + 1;
    f->prior = STC_NEW_N(f->a, double, n);
    f->x = STC_NEW_N(f->a, double, n);
    f->slot_rows = STC_NEW_N(f->a, int *, n);
    f->n_slot_rows = STC_NEW_N(f->a, int, n);
    if (!f->prior || !f->x || !f->slot_rows || !f->n_slot_rows ||
        make_lists(f) != STC_OK)
        return stc_fail(diag, STC_ERR_NOMEM, "fit: out of memory");
    return make_prior(f, diag);
}
