/*
 * gemm.cuh - one cuBLASLt product with its operands, ready to run; used by the
 * suites gemm, gemm_steady, overlap and clocks.
 *
 * The algorithm is the first one that cuBLASLt's heuristic offers with 32 MiB
 * of workspace, as PyTorch takes it on Hopper; nothing is tuned by trying.
 */
#ifndef STC_KERNELS_CUDA_GEMM_CUH
#define STC_KERNELS_CUDA_GEMM_CUH

#include <cublasLt.h>

#include "frame.cuh"
#include "gemm_ref.h"

enum { STC_GEMM_WORKSPACE_BYTES = 32 << 20 };

struct stc_gemm {
    struct stc_gemm_shape shape;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t a_layout, b_layout, d_layout;
    cublasLtMatmulAlgo_t algo;
    void *workspace;
    float *one; /* device scale of fp8 operands */
    enum stc_num out;
    int n_sets;
    void *a[STC_MOST_SETS], *b[STC_MOST_SETS], *d[STC_MOST_SETS];
};

/* Takes memory from the pool, fills operands, poisons results, picks the
 * algorithm. STC_RAN_SKIP where the library has none. */
enum stc_ran stc_gemm_make(struct stc_frame *f, const struct stc_case *c,
                           struct stc_gemm *g);
void stc_gemm_free(struct stc_gemm *g);

/* An stc_call; ctx is a struct stc_gemm. */
int stc_gemm_call(struct stc_frame *f, void *ctx, int i, cudaStream_t stream);

/* Runs set 0 once and compares samples of it with the reference. */
enum stc_ran stc_gemm_check(struct stc_frame *f, struct stc_gemm *g, double *rel_err);

#endif
