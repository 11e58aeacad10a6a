/*
 * opstats.h - durations by name, in bounded memory.
 *
 * THEORY. A trace holds millions of durations of thousands of distinct things.
 * Each thing keeps its count, minimum and a sample of STC_OPSTATS_SAMPLE
 * durations drawn evenly over the whole stream (reservoir sampling, Vitter 1985,
 * algorithm R, with a fixed seed), from which median and 95 % quantile come.
 * Up to that many durations the quantiles are exact.
 *
 * LIMITS. STC_OPSTATS_MOST names; further ones are counted in n_refused. So at
 * most about 40 MB.
 */
#ifndef STC_CALIB_OPSTATS_H
#define STC_CALIB_OPSTATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/arena.h"

enum { STC_OPSTATS_SAMPLE = 255, STC_OPSTATS_MOST = 16384 };

struct stc_opstat {
    const char *name; /* in the arena */
    uint64_t hash;
    int64_t n;
    double min_s;
    float *sample; /* seconds; allocated with the first duration */
};

struct stc_opstats {
    struct stc_arena arena;
    struct stc_opstat *v; /* index 0 is unused: 0 means "no name" */
    uint32_t *slot;       /* open addressing over v */
    uint32_t n;
    int64_t n_refused;
    uint64_t rng;
};

bool stc_opstats_init(struct stc_opstats *s); /* false: out of memory */
void stc_opstats_free(struct stc_opstats *s);
/* The index of a name, 0 when there is no room. */
uint32_t stc_opstats_name(struct stc_opstats *s, const char *name, size_t len);
/* One more duration; false: out of memory. */
bool stc_opstats_add(struct stc_opstats *s, uint32_t i, double seconds);
/* Of name i with n > 0. */
void stc_opstats_quantiles(const struct stc_opstats *s, uint32_t i, double *median,
                           double *p95);

#endif
