/*
 * gpu.h - what a maker says of one GPU: the specification that physics uses.
 *
 * THEORY. A kernel is bounded by arithmetic (a peak per number format), by
 * memory (mem_Bps) and by how it tiles over n_sm multiprocessors; a collective
 * by the links. These stand in datasheets; what share of them a program
 * reaches is the business of kernels/ and calib/.
 *
 * UNITS. SI; dense peaks (no sparsity), a multiply-add counted as two; one
 * direction of a link, all links of the GPU together. A peak of 0 means that
 * the GPU has no such unit; users fall back as they see fit.
 *
 * OWNERSHIP. Plain values, no pointers: copy freely.
 */
#ifndef STC_HW_GPU_H
#define STC_HW_GPU_H

#include "sim/base/dtype.h"

#include <stdbool.h>

/* X(id, name): the generation selects kernels (tiles, pipelines). */
#define STC_GEN_MAP(X)     \
 X(VOLTA, "volta")         \
 X(TURING, "turing")       \
 X(AMPERE, "ampere")       \
 X(ADA, "ada")             \
 X(HOPPER, "hopper")       \
 X(BLACKWELL, "blackwell") \
 X(CDNA2, "cdna2")         \
 X(CDNA3, "cdna3")

enum stc_gen {
#define STC_GEN_ROW(id, name) STC_GEN_##id,
    STC_GEN_MAP(STC_GEN_ROW)
#undef STC_GEN_ROW
        STC_GEN_COUNT
};

struct stc_gpu {
    char name[64];                          /* "H100-SXM5-80GB", as in the catalogue */
    double peak_flop_per_s[STC_MATH_COUNT]; /* dense; 0: the GPU has no such unit */
    int n_sm;                               /* multiprocessors (compute units on AMD) */
    double clock_hz;                        /* boost clock that the peaks assume */
    double mem_Bps;
    double mem_bytes; /* total as nvidia-smi shows it */
    double l2_bytes;
    double smem_bytes; /* shared memory of one SM */
    double
        exp_per_clock; /* exponentials of one SM and clock (special-function units); 0: 16 */
    double tdp_w;
    enum stc_gen gen;
    double nvlink_Bps; /* all links of the GPU together, one direction; 0: none */
    double pcie_Bps;   /* to the host, one direction */
    double conv_workspace_bytes; /* of the hungriest convolution that cuDNN chooses */
    double c2c_Bps;              /* NVLink-C2C to a Grace CPU, one direction; 0: none */

    double fp64_flop_per_s; /* vector units */
    bool has_bf16;         /* Volta and Turing have fp16 only: bf16 is emulated there */
    double mem_cuda_bytes; /* total as CUDA gives it to a program (PyTorch's
                               "total capacity") */
    int nvlink_gen;        /* 0: none; 1: AMD Infinity Fabric */
    int n_nvlinks;         /* nvlink_Bps / n_nvlinks is one link */
    char maker[16];
    char source[256]; /* documents that the row was read from */
};

/* "hopper", …; "?" outside the table. */
const char *stc_gen_name(enum stc_gen g);

#endif
