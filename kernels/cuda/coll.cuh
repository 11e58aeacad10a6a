/*
 * coll.cuh - one NCCL collective with its buffers; used by the suites coll and
 * overlap. Built without NCCL (-DWITH_NCCL absent) every call says so.
 *
 * Without MPI one process drives all GPUs of the node (one communicator each,
 * calls grouped); with MPI each process drives one.
 */
#ifndef STC_KERNELS_CUDA_COLL_CUH
#define STC_KERNELS_CUDA_COLL_CUH

#include "coll_ref.h"
#include "frame.cuh"

enum { STC_MOST_LOCAL = 16 };

struct stc_coll {
    enum stc_coll_kind kind;
    int n_ranks, n_local, first_rank; /* this process drives first_rank ... */
    int64_t n_all;                    /* bf16 elements of the whole buffer */
    cudaStream_t stream[STC_MOST_LOCAL];
    void *comm[STC_MOST_LOCAL];
    void *send[STC_MOST_LOCAL], *recv[STC_MOST_LOCAL];
};

/* Makes the communicator if the one at hand has another size, allocates,
 * fills, poisons. */
enum stc_ran stc_coll_make(struct stc_frame *f, const char *kind, int64_t n_bytes,
                           int n_ranks, struct stc_coll *c);
void stc_coll_free(struct stc_coll *c);
void stc_coll_close(struct stc_frame *f); /* the communicators */

/* An stc_call on the communicator's own streams; `stream` is not used. */
int stc_coll_call(struct stc_frame *f, void *ctx, int i, cudaStream_t stream);
enum stc_ran stc_coll_sync(struct stc_frame *f, const struct stc_coll *c);
enum stc_ran stc_coll_check(struct stc_frame *f, struct stc_coll *c, double *rel_err);

/* "2.28.9", or "" without NCCL. */
void stc_coll_version(char *out, size_t n);

#endif
