#include "sim/study/anchor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/coll_params.h"
#include "kernels/cost_params.h"

enum { BISECTIONS = 18 };
static const double reach = 8.0; /* factors are sought in [1 / reach, reach] */

static const struct {
    const char *key, *title;
    bool is_rate;
    int family; /* whose uncertainty counts; -1: host */
} terms[STC_ANCHOR_COUNT] = {
    [STC_ANCHOR_GEMM] = {"gemm", "rate of matrix products", true, STC_FAMILY_GEMM},
    [STC_ANCHOR_ATTENTION] = {"attention", "rate of attention", true,
                              STC_FAMILY_ATTN_FWD},
    [STC_ANCHOR_MEMBOUND] = {"memory_bound", "rate of memory-bound kernels", true,
                             STC_FAMILY_MEMBOUND},
    [STC_ANCHOR_COLL_NODE] = {"coll_node", "rate of collectives inside a node", true,
                              STC_FAMILY_COLL_NVLINK},
    [STC_ANCHOR_COLL_NET] = {"coll_net", "rate of collectives between nodes", true,
                             STC_FAMILY_COLL_NET},
    [STC_ANCHOR_P2P] = {"p2p", "rate of send and receive", true, STC_FAMILY_P2P},
    [STC_ANCHOR_HOST_LAUNCH] = {"host_per_launch", "host seconds per kernel launch",
                                false, -1},
    [STC_ANCHOR_HOST_STEP] = {"host_per_step", "host seconds per step", false, -1},
};

/* A world in which one term can be changed. */
struct world {
    const struct stc_scenario *base;
    const struct stc_run_params *params;
    struct stc_scenario *s;
    struct stc_cost *cost;
    struct stc_coll_params *coll;
    struct stc_arena arena;
    struct stc_diag *diag;
};

/* ==== changing one term ==== */

/* Efficiencies of a family times f; its fixed times by f. */
static void scale_fits(struct stc_cost *c, enum stc_family family, double f)
{
    int n = 0;
    const struct stc_par_info *info = stc_par_table(family, &n);
    for (int i = 0; i < STC_FIT_MAX; i++) {
        if (c->fits[i].family != family) continue;
        for (int k = 0; k < n; k++) {
            const char *name = info[k].name;
            size_t len = strlen(name);
            if (strncmp(name, "eff_", 4) == 0 || strcmp(name, "sm_Bps") == 0)
                c->fits[i].v[k] *= f;
            else if (len > 2 && strcmp(name + len - 2, "_s") == 0)
                c->fits[i].v[k] /= f;
        }
    }
}

static void scale_compute(struct stc_cost *c, enum stc_anchor_term t, double f)
{
    if (t == STC_ANCHOR_GEMM) {
        scale_fits(c, STC_FAMILY_GEMM, f);
        scale_fits(c, STC_FAMILY_MOE_GEMM, f);
    } else if (t == STC_ANCHOR_ATTENTION) {
        scale_fits(c, STC_FAMILY_ATTN_FWD, f);
        scale_fits(c, STC_FAMILY_ATTN_BWD, f);
    } else {
        for (int g = 0; g < STC_GEN_COUNT; g++)
            for (int k = 0; k < STC_MEMK_COUNT; k++)
                c->platform[g].mem_eff[k] *= f;
    }
}

static void scale_terms(double *v, const struct stc_coll_term *info, int n, double f,
                        bool (*takes)(const char *name))
{
    for (int k = 0; k < n; k++) {
        if (!takes(info[k].name)) continue;
        if (info[k].is_time)
            v[k] /= f;
        else if (strstr(info[k].name, "eff") != NULL)
            v[k] *= f;
    }
}

static bool is_p2p(const char *name)
{
    return strstr(name, "p2p") != NULL;
}

static bool is_coll(const char *name)
{
    return !is_p2p(name);
}

static void scale_coll(struct stc_coll_params *p, enum stc_anchor_term t, double f)
{
    for (int g = 0; g < STC_GEN_COUNT && t != STC_ANCHOR_COLL_NET; g++)
        scale_terms(p->gen[g].v, stc_cg_terms, STC_CG_COUNT, f,
                    t == STC_ANCHOR_P2P ? is_p2p : is_coll);
    for (int g = 0; g < STC_FABRIC_TECH_COUNT && t != STC_ANCHOR_COLL_NODE; g++)
        scale_terms(p->net[g].v, stc_cn_terms, STC_CN_COUNT, f,
                    t == STC_ANCHOR_P2P ? is_p2p : is_coll);
}

/* Host times of zero have nothing to multiply: they count from a microsecond a
 * launch and a millisecond a step. */
static double host_base(const struct stc_scenario *s, enum stc_anchor_term t)
{
    return t == STC_ANCHOR_HOST_LAUNCH ? fmax(s->stack.host_s_per_launch, 1e-6)
                                       : fmax(s->stack.host_s_per_step, 1e-3);
}

/* The step with term t (COUNT: none) at f times what the model says. */
static enum stc_err step_at(struct world *w, enum stc_anchor_term t, double f,
                            struct stc_result *out)
{
    struct stc_run_params p = *w->params;
    memcpy(w->s, w->base, sizeof *w->s);
    w->s->sim.record = STC_RECORD_TOTALS;
    switch (t) {
    case STC_ANCHOR_GEMM:
    case STC_ANCHOR_ATTENTION:
    case STC_ANCHOR_MEMBOUND:
        memcpy(w->cost, w->params->cost, sizeof *w->cost);
        scale_compute(w->cost, t, f);
        p.cost = w->cost;
        break;
    case STC_ANCHOR_COLL_NODE:
    case STC_ANCHOR_COLL_NET:
    case STC_ANCHOR_P2P:
        memcpy(w->coll, w->params->coll, sizeof *w->coll);
        scale_coll(w->coll, t, f);
        p.coll = w->coll;
        break;
    case STC_ANCHOR_HOST_LAUNCH:
        w->s->stack.host_s_per_launch = host_base(w->base, t) * f;
        break;
    case STC_ANCHOR_HOST_STEP:
        w->s->stack.host_s_per_step = host_base(w->base, t) * f;
        break;
    case STC_ANCHOR_COUNT: break;
    }
    stc_arena_reset(&w->arena);
    memset(out, 0, sizeof *out);
    return stc_step_run(w->s, &p, &w->arena, out, w->diag);
}

/* ==== one line ==== */

/* The factor at which the step is `want`, by bisection between two factors whose
 * steps enclose it. */
static enum stc_err solve(struct world *w, enum stc_anchor_term t, double want,
                          struct stc_anchor_line *l)
{
    struct stc_result r;
    /* a is where the step is long. */
    double most = 200.0, fast = terms[t].is_rate ? reach : 1e-6;
    if (t == STC_ANCHOR_HOST_STEP)
        most = fmax(most, 2.0 * want / host_base(w->base, t));
    double slow = terms[t].is_rate ? 1.0 / reach : most;
    enum stc_err err = step_at(w, t, slow, &r);
    if (err != STC_OK) return err;
    double long_s = r.step_s;
    if ((err = step_at(w, t, fast, &r)) != STC_OK) return err;
    double short_s = r.step_s;
    l->possible = long_s > want && short_s < want;
    if (!l->possible) return STC_OK;
    double a = log(slow), b = log(fast);
    for (int i = 0; i < BISECTIONS; i++) {
        double mid = 0.5 * (a + b);
        if ((err = step_at(w, t, exp(mid), &r)) != STC_OK) return err;
        if (r.step_s > want)
            a = mid;
        else
            b = mid;
    }
    l->factor = exp(0.5 * (a + b));
    return STC_OK;
}

static void judge(struct stc_anchor_line *l, const struct stc_result *base,
                  const struct stc_scenario *s)
{
    int fam = terms[l->term].family;
    double sigma = fam >= 0 ? base->family_sigma[fam] : 0.0;
    /* Families without time in this step have no sigma. */
    double unit = fam >= 0 ? fmax(sigma, 0.05) : log(3.0) / 2.0;
    double limit = fam >= 0 ? 3.0 : 2.0;
    if (!l->possible) {
        l->score = INFINITY;
        return;
    }
    if (!l->is_rate) l->seconds = host_base(s, l->term) * l->factor;
    l->score = fabs(log(l->factor)) / unit;
    l->plausible = l->score <= limit;
}

static int by_score(const void *x, const void *y)
{
    const struct stc_anchor_line *a = x, *b = y;
    if (a->plausible != b->plausible) return a->plausible ? -1 : 1;
    if (a->possible != b->possible) return a->possible ? -1 : 1;
    if (a->score < b->score) return -1;
    if (a->score > b->score) return 1;
    return a->term < b->term ? -1 : a->term > b->term;
}

/* ==== the report ==== */

/* The run's step time; a rate becomes one with the forecast's tokens a step. */
static double measured_step(const struct stc_anchor *run, const struct stc_result *r,
                            bool *derived)
{
    *derived = !(run->step_s > 0.0);
    if (!*derived) return run->step_s;
    if (run->tokens_per_s_per_gpu > 0.0)
        return r->step_s * r->tokens_per_s_per_gpu / run->tokens_per_s_per_gpu;
    if (run->samples_per_s > 0.0)
        return r->step_s * r->samples_per_s / run->samples_per_s;
    return (double)NAN;
}

static enum stc_err explain(struct world *w, const struct stc_anchor *run,
                            struct stc_anchor_report *out)
{
    struct stc_result base;
    enum stc_err err = step_at(w, STC_ANCHOR_COUNT, 1.0, &base);
    if (err != STC_OK) return err;
    *out = (struct stc_anchor_report){.forecast_s = base.step_s,
                                      .lo90_s = base.lo90_s,
                                      .hi90_s = base.hi90_s,
                                      .measured_bytes = run->allocated_bytes,
                                      .forecast_bytes =
                                          base.peak_bytes[STC_MEMREP_ALLOCATED]};
    out->measured_s = measured_step(run, &base, &out->derived);
    if (!(out->measured_s > 0.0))
        return stc_fail(w->diag, STC_ERR_RANGE,
                        "the log prints no step time and no rate");
    if (!(out->measured_bytes > 0.0) && run->reserved_bytes > 0.0)
        out->measured_bytes = run->reserved_bytes;
    out->inside = out->measured_s >= base.lo90_s && out->measured_s <= base.hi90_s;
    for (int t = 0; t < STC_ANCHOR_COUNT; t++) {
        struct stc_anchor_line *l = &out->line[t];
        *l = (struct stc_anchor_line){.term = (enum stc_anchor_term)t,
                                      .key = terms[t].key,
                                      .title = terms[t].title,
                                      .is_rate = terms[t].is_rate,
                                      .factor = 1.0};
        err = solve(w, (enum stc_anchor_term)t, out->measured_s, l);
        if (err != STC_OK) return err;
        judge(l, &base, w->base);
        out->n_plausible += l->plausible;
    }
    qsort(out->line, STC_ANCHOR_COUNT, sizeof out->line[0], by_score);
    return STC_OK;
}

enum stc_err stc_anchor_explain(const struct stc_scenario *s,
                                const struct stc_run_params *p,
                                const struct stc_anchor *run,
                                struct stc_anchor_report *out, struct stc_diag *diag)
{
    struct world w = {.base = s,
                      .params = p,
                      .s = malloc(sizeof *w.s),
                      .cost = malloc(sizeof *w.cost),
                      .coll = malloc(sizeof *w.coll),
                      .diag = diag};
    enum stc_err err = w.s != NULL && w.cost != NULL && w.coll != NULL
                           ? explain(&w, run, out)
                           : stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    stc_arena_free(&w.arena);
    free(w.s);
    free(w.cost);
    free(w.coll);
    return err;
}
