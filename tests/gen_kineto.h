/*
 * gen_kineto.h - a profiler's trace of any size, written in Kineto's form:
 * products with shapes, element-wise kernels, collectives, runtime calls.
 */
#ifndef STC_TESTS_GEN_KINETO_H
#define STC_TESTS_GEN_KINETO_H

#include <stdio.h>

/* Writes a trace of at least n_bytes; returns the number of steps in it. Each step
 * holds 4 products of 100 us (m = n = k = 4096, bf16), one copy, and one
 * all-reduce of 64 MiB over 16 ranks of two nodes. */
long gen_kineto(FILE *f, long long n_bytes);

#endif
