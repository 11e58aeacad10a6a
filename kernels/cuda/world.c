#include "world.h"

#ifdef WITH_MPI
# include <mpi.h>

int stc_world_open(struct stc_world *w, int *argc, char ***argv)
{
    MPI_Comm node;
    int is_first;
    if (MPI_Init(argc, argv) != MPI_SUCCESS) return -1;
    MPI_Comm_rank(MPI_COMM_WORLD, &w->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &w->size);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &w->local_rank);
    MPI_Comm_size(node, &w->local_size);
    MPI_Comm_free(&node);
    is_first = w->local_rank == 0;
    MPI_Allreduce(&is_first, &w->n_nodes, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    return 0;
}

void stc_world_close(struct stc_world *w)
{
    (void)w;
    MPI_Finalize();
}

void stc_world_bcast(const struct stc_world *w, void *data, size_t n_bytes)
{
    if (w->size > 1) MPI_Bcast(data, (int)n_bytes, MPI_BYTE, 0, MPI_COMM_WORLD);
}

void stc_world_barrier(const struct stc_world *w)
{
    if (w->size > 1) MPI_Barrier(MPI_COMM_WORLD);
}

double stc_world_max(const struct stc_world *w, double x)
{
    double most = x;
    if (w->size > 1) MPI_Allreduce(&x, &most, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return most;
}

void stc_world_abort(const struct stc_world *w, int code)
{
    if (w->size > 1) MPI_Abort(MPI_COMM_WORLD, code);
}

#else

int stc_world_open(struct stc_world *w, int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    w->rank = w->local_rank = 0;
    w->size = w->local_size = w->n_nodes = 1;
    return 0;
}

void stc_world_close(struct stc_world *w)
{
    (void)w;
}

void stc_world_bcast(const struct stc_world *w, void *data, size_t n_bytes)
{
    (void)w;
    (void)data;
    (void)n_bytes;
}

void stc_world_barrier(const struct stc_world *w)
{
    (void)w;
}

double stc_world_max(const struct stc_world *w, double x)
{
    (void)w;
    return x;
}

void stc_world_abort(const struct stc_world *w, int code)
{
    (void)w;
    (void)code;
}
#endif
