/*
 * gemm_ref.h - any element of a matrix product, in fp64, without the matrices.
 *
 * THEORY. The row-major result is m × n, the sums have k terms. cuBLAS is
 * column-major, so it computes the transposed result, n × m, from operand A
 * (the n side) and operand B (the m side); op "TN" says how each is stored:
 *
 *     A: 'T' element (j, l) at l + j k     'N' at j + l n
 *     B: 'N' element (i, l) at l + i k     'T' at i + l m
 *     D: element (i, j) at j + i n
 *
 * Operands are random_normal(seed, index), rounded to the format, so the CPU
 * computes the few elements that it looks at from the indices alone. Products
 * of two such numbers have variance 1: a sum has a root mean square of sqrt(k),
 * which is what an error is measured against.
 */
#ifndef STC_KERNELS_CUDA_GEMM_REF_H
#define STC_KERNELS_CUDA_GEMM_REF_H

#include "num.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { STC_SEED_A = 1, STC_SEED_B = 2 };

struct stc_gemm_shape {
    char op[3]; /* "TN", "NN", "NT" */
    enum stc_num num;
    int64_t m, n, k, batch;
};

int64_t stc_gemm_a_index(const struct stc_gemm_shape *s, int64_t batch, int64_t j,
                         int64_t l);
int64_t stc_gemm_b_index(const struct stc_gemm_shape *s, int64_t batch, int64_t i,
                         int64_t l);
int64_t stc_gemm_d_index(const struct stc_gemm_shape *s, int64_t batch, int64_t i,
                         int64_t j);
double stc_gemm_ref(const struct stc_gemm_shape *s, int64_t batch, int64_t i,
                    int64_t j);

/* |got - ref| / (|ref| + sqrt(k)), and what is allowed. */
double stc_gemm_error(const struct stc_gemm_shape *s, double ref, double got);
double stc_gemm_tolerance(enum stc_num num);

#ifdef __cplusplus
}
#endif
#endif
