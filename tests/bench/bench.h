/* bench.h - what benches of one thread share: the CPU's clock, so that neighbours do
 * not count, and an error that ends the run. */
#ifndef STC_TESTS_BENCH_BENCH_H
#define STC_TESTS_BENCH_BENCH_H

#include "sim/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* CPU seconds of this process. */
static inline double bench_cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void bench_must(enum stc_err err, const struct stc_diag *diag)
{
    if (err == STC_OK) return;
    fprintf(stderr, "bench: %s\n", diag->text);
    exit(3);
}

#endif
