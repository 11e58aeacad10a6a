/*
 * stats.h - small statistics over plain arrays.
 *
 * n 0 gives NaN where a value cannot exist, never a crash. Sums are
 * compensated (Kahan 1965 in Neumaier's form, 1974), so that results do not
 * depend on magnitude order.
 */
#ifndef STC_BASE_STATS_H
#define STC_BASE_STATS_H

#include <stddef.h>

struct stc_ksum {
    double sum, comp;
};
void stc_ksum_add(struct stc_ksum *k, double v);
double stc_ksum_get(const struct stc_ksum *k);

double stc_sum(const double *v, size_t n);
double stc_mean(const double *v, size_t n);
/* Sample standard deviation (n - 1); NaN below two values. */
double stc_sd(const double *v, size_t n);
double stc_geomean(const double *v, size_t n);

/* Ascending, in place; NaN last. */
void stc_sort(double *v, size_t n);
/* Of ascending values, q in [0, 1], linear between neighbours: type 7 of
 * Hyndman and Fan (1996), which GSL and NumPy use. */
double stc_quantile_sorted(const double *v, size_t n, double q);
/* As above on a copy; NaN when memory is short. */
double stc_quantile(const double *v, size_t n, double q);

/* Mean of |ours - theirs| / |theirs|, a fraction; pairs with theirs 0 or NaN on either side are left out. */
double stc_mape(const double *ours, const double *theirs, size_t n);

/* Kendall's tau-b (ties corrected), O(n^2). NaN when either side is constant. */
double stc_kendall_tau(const double *x, const double *y, size_t n);

/* Counts in n_bins equal bins over [lo, hi]; outliers in the first and last. */
void stc_histogram(const double *v, size_t n, double lo, double hi, size_t *bins,
                   size_t n_bins);

#endif
