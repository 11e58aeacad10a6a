#include "calib/fit_coll.h"

#include <math.h>
#include <string.h>

#include "calib/coll_lm.h"

/* Pull of a log parameter to its prior: one e-fold away weighs like one row that
 * is off by this much. */
static const double pull_gen = 0.05, pull_net = 0.10, pull_custom = 0.05;
static const double corner = 0.05; /* errors beyond 5 % count linearly */
enum { MAX_STEPS = 60, CUSTOM_ROUNDS = 3 };

struct job {
    struct stc_coll_params *p;
    const struct stc_coll_row **row;
    int n;
    double *v; /* the terms being fitted, in p */
    int n_par;
};

static void residuals(void *arg, const double *x, double *r)
{
    const struct job *j = (const struct job *)arg;
    for (int i = 0; i < j->n_par; i++)
        j->v[i] = exp(x[i]);
    for (int i = 0; i < j->n; i++) {
        struct stc_coll_est e;
        stc_coll_time(j->p, &j->row[i]->g, j->row[i]->coll, j->row[i]->bytes,
                      &j->row[i]->f, &e);
        /* without a base there is no residual yet: seconds are the physics' */
        r[i] = log(e.seconds / j->row[i]->seconds);
    }
}

static enum stc_err run_job(struct stc_arena *a, struct job *j, double pull,
                            struct stc_diag *diag)
{
    double prior[STC_LM_MAX_PAR], x[STC_LM_MAX_PAR];
    if (j->n == 0) return STC_OK;
    double *work = STC_NEW_N(a, double, (size_t)j->n *(size_t)(j->n_par + 2));
    if (work == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "fit of collectives: out of memory");
    for (int i = 0; i < j->n_par; i++)
        x[i] = prior[i] = log(j->v[i]);
    struct stc_lm lm = {.n_par = j->n_par,
                        .n_res = j->n,
                        .residuals = residuals,
                        .arg = j,
                        .prior = prior,
                        .pull = pull,
                        .corner = corner,
                        .max_steps = MAX_STEPS,
                        .work = work};
    (void)stc_lm_run(&lm, x);
    for (int i = 0; i < j->n_par; i++)
        j->v[i] = exp(x[i]);
    return STC_OK;
}

static bool usable(const struct stc_coll_row *r)
{
    return !(r->skewed && r->bytes < STC_COLL_SKEW_BYTES);
}

typedef bool row_test(const struct stc_coll_row *r, int a, int b);

static bool in_gen(const struct stc_coll_row *r, int gen, int unused)
{
    (void)unused;
    return (int)r->g.gen == gen && r->f.lib == STC_COLL_LIB_NCCL && r->g.n_nodes == 1;
}

static bool on_net(const struct stc_coll_row *r, int tech, int unused)
{
    (void)unused;
    return r->g.n_nodes > 1 && (int)r->g.net == tech;
}

static bool of_lib(const struct stc_coll_row *r, int gen, int lib)
{
    return (int)r->g.gen == gen && (int)r->f.lib == lib && r->g.n_nodes == 1;
}

static void gather(struct job *j, const struct stc_coll_rows *rows, const bool *keep,
                   row_test *test, int a, int b)
{
    j->n = 0;
    for (int i = 0; i < rows->n; i++)
        if ((keep == NULL || keep[i]) && usable(&rows->v[i]) && test(&rows->v[i], a, b))
            j->row[j->n++] = &rows->v[i];
}

/* A prior holds at 1.98 GHz: times of a slower clock start longer. */
static void start_at_clock(double *v, const struct stc_coll_term *terms, int n,
                           double ratio)
{
    for (int i = 0; i < n; i++)
        if (terms[i].is_time) v[i] *= ratio;
}

static enum stc_err fit_gens(struct stc_arena *a, struct job *j,
                             const struct stc_coll_rows *rows, const bool *keep,
                             struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (int g = 0; err == STC_OK && g < STC_GEN_COUNT; g++) {
        struct stc_coll_gen_fit *f = &j->p->gen[g];
        gather(j, rows, keep, in_gen, g, 0);
        if (j->n == 0) continue;
        j->p->use_residual = f->n_rows > 0;
        double clock_hz = stc_coll_gen_clock_hz((enum stc_gen)g);
        start_at_clock(f->v, stc_cg_terms, STC_CG_COUNT, f->clock_hz / clock_hz);
        f->clock_hz = clock_hz;
        f->n_rows = j->n;
        j->v = f->v;
        j->n_par = STC_CG_COUNT;
        err = run_job(a, j, pull_gen, diag);
    }
    return err;
}

static enum stc_err fit_nets(struct stc_arena *a, struct job *j,
                             const struct stc_coll_rows *rows, const bool *keep,
                             struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (int t = 0; err == STC_OK && t < STC_FABRIC_TECH_COUNT; t++) {
        gather(j, rows, keep, on_net, t, 0);
        if (j->n == 0) continue;
        j->p->use_residual = j->p->net[t].n_rows > 0;
        j->p->net[t].n_rows = j->n;
        j->v = j->p->net[t].v;
        j->n_par = STC_CN_COUNT;
        err = run_job(a, j, pull_net, diag);
    }
    return err;
}

static double job_error(const struct job *j, int n_ranks)
{
    double sum = 0.0;
    for (int i = 0; i < j->n; i++) {
        if (j->row[i]->g.n_ranks != n_ranks) continue;
        struct stc_coll_est e;
        stc_coll_time(j->p, &j->row[i]->g, j->row[i]->coll, j->row[i]->bytes,
                      &j->row[i]->f, &e);
        sum += fabs(log(e.physics_s / j->row[i]->seconds));
    }
    return sum;
}

/* The size up to which the library keeps to its own kernel, tried by doublings. */
static void fit_limits(struct job *j, struct stc_coll_custom_fit *f, bool known)
{
    for (int s = 0; s < STC_CUSTOM_SIZES; s++) {
        if (known && job_error(j, 2 << s) <= 0.0) continue; /* no such group here */
        double best = INFINITY, best_bytes = f->max_bytes[s];
        for (int e = 18; e <= 30; e++) {
            f->max_bytes[s] = exp2((double)e);
            double err = job_error(j, 2 << s);
            if (err < best - 1e-9) {
                best = err;
                best_bytes = f->max_bytes[s];
            }
        }
        f->max_bytes[s] = best_bytes;
    }
}

static enum stc_err fit_customs(struct stc_arena *a, struct job *j,
                                const struct stc_coll_rows *rows, const bool *keep,
                                struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (int l = STC_COLL_LIB_NCCL + 1; l < STC_COLL_LIB_COUNT; l++)
        for (int g = 0; err == STC_OK && g < STC_GEN_COUNT; g++) {
            struct stc_coll_custom_fit *f = &j->p->custom[l][g];
            gather(j, rows, keep, of_lib, g, l);
            if (j->n == 0) continue;
            bool known = j->p->use_residual = f->n_rows > 0;
            double clock_hz = stc_coll_gen_clock_hz((enum stc_gen)g);
            start_at_clock(f->v, stc_cc_terms, STC_CC_COUNT, f->clock_hz / clock_hz);
            f->clock_hz = clock_hz;
            f->n_rows = j->n;
            j->v = f->v;
            j->n_par = STC_CC_COUNT;
            for (int round = 0; err == STC_OK && round < CUSTOM_ROUNDS; round++) {
                fit_limits(j, f, known);
                err = run_job(a, j, pull_custom, diag);
            }
        }
    return err;
}

/* ==== what was known before ==== */

static int n_rows_of(const struct stc_coll_rows *rows, const bool *keep, row_test *test,
                     int a, int b)
{
    int n = 0;
    for (int i = 0; i < rows->n; i++)
        n +=
            (keep == NULL || keep[i]) && usable(&rows->v[i]) && test(&rows->v[i], a, b);
    return n;
}

/* Terms that more rows stand behind in base than in all of `rows` (not only those
 * that a fold keeps: a fold must not learn from base what it left out). */
static void start_from(const struct stc_coll_params *base,
                       const struct stc_coll_rows *rows, struct stc_coll_params *p)
{
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        if (base->gen[g].n_rows > n_rows_of(rows, NULL, in_gen, g, 0))
            p->gen[g] = base->gen[g];
        for (int l = STC_COLL_LIB_NCCL + 1; l < STC_COLL_LIB_COUNT; l++)
            if (base->custom[l][g].n_rows > n_rows_of(rows, NULL, of_lib, g, l))
                p->custom[l][g] = base->custom[l][g];
    }
    for (int t = 0; t < STC_FABRIC_TECH_COUNT; t++)
        if (base->net[t].n_rows > n_rows_of(rows, NULL, on_net, t, 0))
            p->net[t] = base->net[t];
    memcpy(p->res, base->res, sizeof p->res);
    p->n_res = base->n_res;
    memcpy(p->sigma_log, base->sigma_log, sizeof p->sigma_log);
    stc_coll_params_index(p);
}

/* What was only believed is not measured. */
static void keep_own(const struct stc_coll_rows *rows, const bool *keep,
                     struct stc_coll_params *p)
{
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        if (n_rows_of(rows, keep, in_gen, g, 0) == 0) p->gen[g].n_rows = 0;
        for (int l = STC_COLL_LIB_NCCL + 1; l < STC_COLL_LIB_COUNT; l++)
            if (n_rows_of(rows, keep, of_lib, g, l) == 0) p->custom[l][g].n_rows = 0;
    }
    for (int t = 0; t < STC_FABRIC_TECH_COUNT; t++)
        if (n_rows_of(rows, keep, on_net, t, 0) == 0) p->net[t].n_rows = 0;
}

enum stc_err stc_fit_coll_rows(struct stc_arena *a, const struct stc_coll_rows *rows,
                               const bool *keep, const struct stc_coll_params *base,
                               struct stc_coll_params *out, struct stc_diag *diag)
{
    stc_coll_params_prior(out);
    if (base != NULL) start_from(base, rows, out);
    out->use_residual = false;
    struct job j = {.p = out,
                    .row = STC_NEW_N(a, const struct stc_coll_row *, (size_t)rows->n)};
    if (j.row == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "fit of collectives: out of memory");
    enum stc_err err = fit_gens(a, &j, rows, keep, diag);
    if (err == STC_OK) {
        stc_coll_params_transfer(out);
        err = fit_nets(a, &j, rows, keep, diag);
    }
    if (err == STC_OK) err = fit_customs(a, &j, rows, keep, diag);
    if (err != STC_OK) return err;
    stc_coll_params_transfer(out);
    stc_fit_coll_residuals(rows, keep, out);
    out->use_residual = true;
    if (base != NULL) keep_own(rows, keep, out);
    return STC_OK;
}

enum stc_err stc_fit_coll(struct stc_arena *a, const struct stc_hw *hw,
                          const char *folder, const struct stc_coll_params *base,
                          struct stc_coll_params *out, struct stc_coll_cv *cv,
                          struct stc_diag *diag)
{
    struct stc_coll_rows rows;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/micro/collectives.csv", folder);
    FILE *there = fopen(path, "r");
    if (there != NULL)
        (void)fclose(there);
    else
        (void)snprintf(path, sizeof path, "%s/collectives.csv", folder);
    /* Below 1 KiB a collective is its launch; the bars and the fit start there. */
    enum stc_err err = stc_coll_rows_read(a, hw, path, 1024.0, &rows, diag);
    if (err == STC_OK) err = stc_fit_coll_rows(a, &rows, NULL, base, out, diag);
    if (err == STC_OK && cv != NULL)
        err = stc_fit_coll_validate(a, &rows, base, out, cv, diag);
    return err;
}
