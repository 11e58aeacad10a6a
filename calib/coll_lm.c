#include "calib/coll_lm.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* sign(r) sqrt(2 rho): squared and halved it is the loss, so Gauss-Newton holds. */
static double soften(double r, double corner)
{
    double q = r / corner;
    double loss = sqrt(1.0 + q * q) - 1.0;
    return copysign(corner * sqrt(2.0 * loss), r);
}

static double evaluate(const struct stc_lm *p, const double *x, double *r)
{
    p->residuals(p->arg, x, r);
    double sum = 0.0;
    for (int i = 0; i < p->n_res; i++) {
        r[i] = soften(r[i], p->corner);
        sum += r[i] * r[i];
    }
    for (int j = 0; j < p->n_par; j++) {
        double d = p->pull * (x[j] - p->prior[j]);
        sum += d * d;
    }
    return sum;
}

/* Solves A d = b in place for a symmetric positive definite A (Cholesky). */
static bool solve(double a[STC_LM_MAX_PAR][STC_LM_MAX_PAR], double *b, int n)
{
    for (int j = 0; j < n; j++) {
        double d = a[j][j];
        for (int k = 0; k < j; k++)
            d -= a[j][k] * a[j][k];
        if (!(d > 0.0)) return false;
        a[j][j] = sqrt(d);
        for (int i = j + 1; i < n; i++) {
            double s = a[i][j];
            for (int k = 0; k < j; k++)
                s -= a[i][k] * a[j][k];
            a[i][j] = s / a[j][j];
        }
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++)
            b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++)
            b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
    return true;
}

struct normal {
    double a[STC_LM_MAX_PAR][STC_LM_MAX_PAR];
    double b[STC_LM_MAX_PAR];
};

static void normal_equations(const struct stc_lm *p, const double *x, const double *r,
                             double *jac, double *r2, struct normal *e)
{
    enum { STEP_PPM = 300 };
    double y[STC_LM_MAX_PAR];
    memset(e, 0, sizeof *e);
    for (int j = 0; j < p->n_par; j++) {
        double h = STEP_PPM * 1e-6;
        memcpy(y, x, (size_t)p->n_par * sizeof *y);
        y[j] += h;
        (void)evaluate(p, y, r2);
        for (int i = 0; i < p->n_res; i++)
            jac[j * p->n_res + i] = (r2[i] - r[i]) / h;
    }
    for (int j = 0; j < p->n_par; j++) {
        const double *jj = jac + j * p->n_res;
        for (int k = 0; k <= j; k++) {
            const double *jk = jac + k * p->n_res;
            double s = 0.0;
            for (int i = 0; i < p->n_res; i++)
                s += jj[i] * jk[i];
            e->a[j][k] = e->a[k][j] = s;
        }
        for (int i = 0; i < p->n_res; i++)
            e->b[j] -= jj[i] * r[i];
        e->a[j][j] += p->pull * p->pull;
        e->b[j] -= p->pull * p->pull * (x[j] - p->prior[j]);
    }
}

double stc_lm_run(const struct stc_lm *p, double *x)
{
    double *r = p->work, *r2 = r + p->n_res, *jac = r2 + p->n_res;
    double best = evaluate(p, x, r), damp = 1e-2;
    for (int step = 0; step < p->max_steps && damp < 1e8; step++) {
        struct normal e;
        normal_equations(p, x, r, jac, r2, &e);
        bool better = false;
        for (int tries = 0; tries < 10 && !better; tries++) {
            struct normal t = e;
            for (int j = 0; j < p->n_par; j++)
                t.a[j][j] *= 1.0 + damp;
            double y[STC_LM_MAX_PAR];
            if (solve(t.a, t.b, p->n_par)) {
                /* No parameter moves by more than a factor of e at once. */
                for (int j = 0; j < p->n_par; j++)
                    y[j] = x[j] + fmin(1.0, fmax(-1.0, t.b[j]));
                double s = evaluate(p, y, r2);
                if (s < best) {
                    bool small = best - s < 1e-7 * best;
                    best = s;
                    memcpy(x, y, (size_t)p->n_par * sizeof *x);
                    damp *= 0.3;
                    better = true;
                    if (small) return best;
                }
            }
            if (!better) damp *= 4.0;
        }
        if (!better) break;
        (void)evaluate(p, x, r);
    }
    return best;
}
