/*
 * coll_lm.h - robust least squares for a few parameters (Levenberg-Marquardt).
 *
 * THEORY. Minimises the sum of rho(r_i) over data plus a quadratic pull of each
 * parameter to its prior, sum of (pull (x_j - prior_j))^2. rho is the
 * pseudo-Huber loss with corner `corner`: quadratic near 0, linear far out, so
 * that rows which the formula cannot meet (a switch of protocol, a noisy run)
 * do not bend it. Derivatives are differences; steps follow Marquardt's rule.
 * Source: Marquardt 1963; Charbonnier et al. 1997 for the loss.
 *
 * COST. O(iterations × n_par × cost of all residuals). Deterministic.
 */
#ifndef STC_CALIB_COLL_LM_H
#define STC_CALIB_COLL_LM_H

enum { STC_LM_MAX_PAR = 24 };

struct stc_lm {
    int n_par, n_res;
    void (*residuals)(void *arg, const double *x, double *r); /* n_res of them */
    void *arg;
    const double *prior; /* n_par */
    double pull;         /* weight of the prior, in residual units per unit of x */
    double corner;       /* > 0 */
    int max_steps;
    double *work; /* caller's: n_res * (n_par + 2) doubles */
};

/* Moves x (n_par) to a minimum near where it starts; returns the objective. */
double stc_lm_run(const struct stc_lm *p, double *x);

#endif
