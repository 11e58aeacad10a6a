/*
 * coll_ref.h - what a collective must leave behind, and its bus bandwidth.
 *
 * Rank r holds small whole numbers, so that sums are exact in bf16 up to 85
 * ranks. n is elements per rank for the kinds that split the buffer, else all.
 *
 *     all_reduce       out[i] = sum over r of v(r, i)
 *     all_gather       out[r n + i] = v(r, i)
 *     reduce_scatter   out[i] on rank q = sum over r of v(r, q n + i)
 *     alltoall         out[r n + i] on rank q = v(r, q n + i)
 *     broadcast        out[i] = v(0, i)
 *     reduce           out[i] on rank 0 = sum over r of v(r, i)
 *     send_recv        out[i] on rank q = v(q - 1, i), in a ring
 *
 * BUS BANDWIDTH. The bytes that the busiest link must carry, per second: bytes
 * / time times 2 (n - 1) / n for all_reduce (each byte is reduced and then
 * spread), (n - 1) / n for the kinds that keep one share, 1 for the others
 * (nccl-tests, doc/PERFORMANCE.md).
 */
#ifndef STC_KERNELS_CUDA_COLL_REF_H
#define STC_KERNELS_CUDA_COLL_REF_H

#include "num.h"

#ifdef __cplusplus
extern "C" {
#endif

enum stc_coll_kind {
    STC_ALL_REDUCE,
    STC_ALL_GATHER,
    STC_REDUCE_SCATTER,
    STC_ALLTOALL,
    STC_BROADCAST,
    STC_REDUCE,
    STC_SEND_RECV,
    STC_N_COLL_KINDS
};

/* The row of the table with that name; STC_N_COLL_KINDS: none. */
enum stc_coll_kind stc_coll_find(const char *name);

/* Elements of the send and of the receive buffer of one rank, where the whole
 * buffer (as nccl-tests counts) has n_all elements. */
int64_t stc_coll_send_n(enum stc_coll_kind k, int64_t n_all, int n_ranks);
int64_t stc_coll_recv_n(enum stc_coll_kind k, int64_t n_all, int n_ranks);

STC_HD static inline float stc_coll_value(int rank, uint64_t i)
{
    return (float)(stc_mix(1000u + (uint64_t)rank, i) & 3u);
}

/* Element i of rank `me`'s receive buffer. */
double stc_coll_expect(enum stc_coll_kind k, int64_t n_all, int n_ranks, int me,
                       int64_t i);

double stc_coll_bus_factor(enum stc_coll_kind k, int n_ranks);

#ifdef __cplusplus
}
#endif
#endif
