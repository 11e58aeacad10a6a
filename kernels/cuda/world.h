/*
 * world.h - the processes of one run: one without MPI, many with it.
 *
 * Built with -DWITH_MPI, every process drives one GPU and process 0 writes the
 * files; all processes must take the same decisions, so what process 0 decides
 * (skip this case, this many calls) is broadcast. Without MPI one process
 * drives all GPUs of the node and these calls cost nothing.
 */
#ifndef STC_KERNELS_CUDA_WORLD_H
#define STC_KERNELS_CUDA_WORLD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stc_world {
    int rank, size;             /* of processes */
    int local_rank, local_size; /* among the processes of this node */
    int n_nodes;
};

int stc_world_open(struct stc_world *w, int *argc, char ***argv);
void stc_world_close(struct stc_world *w);
void stc_world_bcast(const struct stc_world *w, void *data, size_t n_bytes);
void stc_world_barrier(const struct stc_world *w);
double stc_world_max(const struct stc_world *w, double x);
/* Ends every process: the others may be waiting inside a collective. */
void stc_world_abort(const struct stc_world *w, int code);

#ifdef __cplusplus
}
#endif
#endif
