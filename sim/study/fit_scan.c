/* fit_scan.c - simulates rows with given numbers. */
#include "sim/study/fit_int.h"

#include <math.h>
#include <string.h>

#include "sim/study/settle.h"
#include "sim/study/validate_kinds.h"

#ifdef _OPENMP
# include <omp.h>
#endif

static void put(void *at, size_t offset, double v)
{
    memcpy((char *)at + offset, &v, sizeof v);
}

void fit_put_cost(const struct fit *f, const double *x, struct stc_cost *c)
{
    for (int k = 0; k < f->n_kinds; k++)
        for (int g = 0; g < STC_GEN_COUNT && !f->kinds[k].of_stack; g++)
            put(&c->platform[g], f->kinds[k].offset, x[f->kinds[k].first_slot + g]);
}

/* said: as a person would say it, for what resolving still decides. */
void fit_put_stack(const struct fit *f, const double *x, int stack,
                   struct stc_scenario *s, int said)
{
    double v[STC_STACK_FITTED] = {0};
    int n = 0;
    for (int k = 0; k < f->n_kinds; k++) {
        const struct fit_kind *kind = &f->kinds[k];
        if (!kind->of_stack) continue;
        v[n] = x[kind->first_slot + stack];
        put(&s->stack, kind->offset, v[n++]);
    }
    if (!said) return;
    s->said.k_host_launch = v[0]; /* ORDER: stc_stack_fitted */
    s->said.k_host_step = v[1];
    s->said.k_framework = v[2];
}

static void one_more(struct fit *f)
{
#ifdef _OPENMP
# pragma omp critical(stc_fit_progress)
#endif
    {
        f->n_steps++;
        if (++f->done % 256 == 0 && f->o->progress)
            f->o->progress(f->o->ctx, f->done, f->total);
    }
}

/* ==== centre ==== */

static void settle_row(const struct fit *f, const double *x, int guess,
                       struct stc_arena *a, struct fit_row *r)
{
    const struct stc_run_params p = {
        .cost = f->cost, .coll = f->params->coll, .overlap = f->params->overlap};
    struct stc_result out;
    r->settled = *r->said;
    int ok = !guess || stc_vrow_stand_in(&r->settled, NULL) == STC_OK;
    if (!guess) fit_put_stack(f, x, r->stack, &r->settled, 1);
    memset(&out, 0, sizeof out);
    for (int c = 0; c < r->v->n_cases; c++)
        r->v->cases[c].predicted = (double)NAN;
    ok = ok && stc_settle(&r->settled, &p, NULL) == STC_OK;
    if (!guess) fit_put_stack(f, x, r->stack, &r->settled, 0);
    ok = ok && stc_step_run(&r->settled, &p, a, &out, NULL) == STC_OK;
    r->base[FIT_TIME] = ok ? out.step_s : (double)NAN;
    r->base[FIT_MEM] = ok ? out.peak_bytes[r->settled.mem_kind] : (double)NAN;
    r->rate_s = 0;
    if (!ok) return;
    stc_validate_put(f->vkind, &out, r->settled.mem_kind, r->v);
    if (r->at[FIT_TIME] >= 0 && r->v->cases[r->at[FIT_TIME]].quantity[0] != 's')
        r->rate_s = r->v->cases[r->at[FIT_TIME]].predicted * out.step_s;
    double s = log(out.hi90_s / out.step_s) / 1.645;
    r->rel = fmax(0, s * s - out.lowering_sigma_log * out.lowering_sigma_log);
    r->lowering = out.lowering;
}

static void settle_rows(struct fit *f, const double *x, int source, int guess)
{
    *f->cost = *f->params->cost;
    fit_put_cost(f, x, f->cost);
#ifdef _OPENMP
# pragma omp parallel num_threads(f->threads)
#endif
    {
        struct stc_arena mine = STC_ARENA_INIT;
#ifdef _OPENMP
# pragma omp for schedule(dynamic, 4)
#endif
        for (int i = 0; i < f->n_rows; i++) {
            struct fit_row *r = &f->rows[i];
            if (!r->ok || (source >= 0 && r->source != source)) continue;
            stc_arena_reset(&mine);
            settle_row(f, x, guess, &mine, r);
            one_more(f);
        }
        stc_arena_free(&mine);
    }
}

void fit_settle(struct fit *f, const double *x, int source)
{
    settle_rows(f, x, source, 0);
}

void fit_settle_guessed(struct fit *f, const double *x)
{
    settle_rows(f, x, -1, 1);
}

/* ==== nodes ==== */

static double at_node(const struct fit *f, const struct stc_run_params *p,
                      const struct fit_kind *k, int node, struct stc_arena *a,
                      const struct fit_row *r)
{
    struct stc_scenario s = r->settled;
    struct stc_result out;
    if (k->of_stack) put(&s.stack, k->offset, k->node[node]);
    memset(&out, 0, sizeof out);
    stc_arena_reset(a);
    (void)f;
    if (stc_step_run(&s, p, a, &out, NULL) != STC_OK) return r->base[k->quantity];
    return k->quantity == FIT_TIME ? out.step_s : out.peak_bytes[s.mem_kind];
}

/* The lowest node tells whether the number moves the row at all. */
static void scan_node(struct fit *f, int kind, int node)
{
    const struct fit_kind *k = &f->kinds[kind];
    *f->cost = *f->params->cost;
    fit_put_cost(f, f->x, f->cost);
    for (int g = 0; g < STC_GEN_COUNT && !k->of_stack; g++)
        put(&f->cost->platform[g], k->offset, k->node[node]);
    const struct stc_run_params p = {
        .cost = f->cost, .coll = f->params->coll, .overlap = f->params->overlap};
#ifdef _OPENMP
# pragma omp parallel num_threads(f->threads)
#endif
    {
        struct stc_arena mine = STC_ARENA_INIT;
#ifdef _OPENMP
# pragma omp for schedule(dynamic, 4)
#endif
        for (int i = 0; i < f->n_rows; i++) {
            struct fit_row *r = &f->rows[i];
            if (!r->ok || r->at[k->quantity] < 0 || isnan(r->base[k->quantity]))
                continue;
            if (node > 0 && !(r->moves & 1u << kind)) continue;
            r->node[kind][node] = at_node(f, &p, k, node, &mine, r);
            double rise = r->node[kind][node] / r->base[k->quantity] - 1;
            if (node == 0 && fabs(rise) > 1e-7) r->moves |= 1u << kind;
            one_more(f);
        }
        stc_arena_free(&mine);
    }
}

void fit_scan(struct fit *f)
{
    for (int i = 0; i < f->n_rows; i++)
        f->rows[i].moves = 0;
    for (int k = 0; k < f->n_kinds; k++)
        for (int n = 0; n < FIT_NODES; n++)
            scan_node(f, k, n);
}
