#include "sim/base/stats.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void stc_ksum_add(struct stc_ksum *k, double v)
{
    double t = k->sum + v;
    k->comp += fabs(k->sum) >= fabs(v) ? (k->sum - t) + v : (v - t) + k->sum;
    k->sum = t;
}

double stc_ksum_get(const struct stc_ksum *k)
{
    return isfinite(k->comp) ? k->sum + k->comp
                             : k->sum; /* an infinite sum stays one */
}

double stc_sum(const double *v, size_t n)
{
    struct stc_ksum k = {0.0, 0.0};
    for (size_t i = 0; i < n; i++)
        stc_ksum_add(&k, v[i]);
    return stc_ksum_get(&k);
}

double stc_mean(const double *v, size_t n)
{
    return n == 0 ? (double)NAN : stc_sum(v, n) / (double)n;
}

double stc_sd(const double *v, size_t n)
{
    if (n < 2) return (double)NAN;
    double mean = stc_mean(v, n);
    struct stc_ksum k = {0.0, 0.0};
    for (size_t i = 0; i < n; i++)
        stc_ksum_add(&k, (v[i] - mean) * (v[i] - mean));
    return sqrt(stc_ksum_get(&k) / (double)(n - 1));
}

double stc_geomean(const double *v, size_t n)
{
    struct stc_ksum k = {0.0, 0.0};
    for (size_t i = 0; i < n; i++) {
        if (!(v[i] > 0.0)) return (double)NAN;
        stc_ksum_add(&k, log(v[i]));
    }
    return n == 0 ? (double)NAN : exp(stc_ksum_get(&k) / (double)n);
}

static int by_value(const void *pa, const void *pb)
{
    double a, b;
    memcpy(&a, pa, sizeof(a));
    memcpy(&b, pb, sizeof(b));
    if (isnan(a) || isnan(b)) return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    return (a > b) - (a < b);
}

void stc_sort(double *v, size_t n)
{
    if (n > 1) qsort(v, n, sizeof(*v), by_value);
}

double stc_quantile_sorted(const double *v, size_t n, double q)
{
    if (n == 0 || isnan(q)) return (double)NAN;
    if (q <= 0.0) return v[0];
    if (q >= 1.0) return v[n - 1];
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    double part = at - (double)i;
    return i + 1 < n && part > 0.0 ? v[i] + part * (v[i + 1] - v[i]) : v[i];
}

double stc_quantile(const double *v, size_t n, double q)
{
    if (n == 0 || n > SIZE_MAX / sizeof(*v)) return (double)NAN;
    double *copy = malloc(n * sizeof(*copy));
    if (copy == NULL) return (double)NAN;
    memcpy(copy, v, n * sizeof(*copy));
    stc_sort(copy, n);
    double r = stc_quantile_sorted(copy, n, q);
    free(copy);
    return r;
}

double stc_mape(const double *ours, const double *theirs, size_t n)
{
    struct stc_ksum k = {0.0, 0.0};
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(ours[i]) || isnan(theirs[i]) || theirs[i] == 0.0) continue;
        stc_ksum_add(&k, fabs(ours[i] - theirs[i]) / fabs(theirs[i]));
        used++;
    }
    return used == 0 ? (double)NAN : stc_ksum_get(&k) / (double)used;
}

static int sign(double a, double b)
{
    return (a > b) - (a < b);
}

double stc_kendall_tau(const double *x, const double *y, size_t n)
{
    double concord = 0.0, untied_x = 0.0, untied_y = 0.0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            int sx = sign(x[i], x[j]), sy = sign(y[i], y[j]);
            concord += sx * sy;
            untied_x += sx != 0;
            untied_y += sy != 0;
        }
    }
    if (untied_x == 0.0 || untied_y == 0.0) return (double)NAN;
    return concord / sqrt(untied_x * untied_y);
}

void stc_histogram(const double *v, size_t n, double lo, double hi, size_t *bins,
                   size_t n_bins)
{
    memset(bins, 0, n_bins * sizeof(*bins));
    if (n_bins == 0 || !(hi > lo)) return;
    for (size_t i = 0; i < n; i++) {
        if (isnan(v[i])) continue;
        double at = (v[i] - lo) / (hi - lo) * (double)n_bins;
        size_t b = at <= 0.0 ? 0 : at >= (double)n_bins ? n_bins - 1 : (size_t)at;
        bins[b]++;
    }
}
