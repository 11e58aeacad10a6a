/*
 * minmax.h - fmin, fmax, ceil and floor without a call.
 *
 * An estimate takes a hundred of each, and without -ffast-math a compiler must call
 * the library for their treatment of NaN and signed zeros, which do not occur here:
 * a third of a query's time, and most of what a cold one waits for.
 */
#ifndef STC_KERNELS_MINMAX_H
#define STC_KERNELS_MINMAX_H

#include <stdint.h>

static inline double stc_min(double a, double b)
{
    return a < b ? a : b;
}

static inline double stc_max(double a, double b)
{
    return a > b ? a : b;
}

/* ceil and floor of x >= 0; beyond 2^52 every double is whole. */
static inline double stc_up(double x)
{
    if (!(x < 4503599627370496.0)) return x;
    double whole = (double)(int64_t)x;
    return whole < x ? whole + 1 : whole;
}

static inline double stc_down(double x)
{
    return x < 4503599627370496.0 ? (double)(int64_t)x : x;
}

#endif
