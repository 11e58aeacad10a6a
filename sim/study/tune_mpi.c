/* tune_mpi.c - the processes of an MPI job as a team; without MPI there is one. */
#include "sim/study/tune.h"

#include <stdlib.h>
#include <string.h>

#ifdef STC_WITH_MPI
# include <limits.h>
# include <mpi.h>

/* Allgatherv in pieces of at most INT_MAX bytes a process. */
static enum stc_err world_gather(void *self, const void *mine, size_t n, void **all,
                                 size_t *n_all)
{
    int size;
    (void)self;
    *all = NULL;
    *n_all = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int *counts = malloc(2 * (size_t)size * sizeof *counts), *off = counts + size;
    unsigned long long bytes = n, total = 0;
    if (!counts) return STC_ERR_NOMEM;
    MPI_Allreduce(&bytes, &total, 1, MPI_UNSIGNED_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
    int count = n > INT_MAX ? INT_MAX : (int)n;
    MPI_Allgather(&count, 1, MPI_INT, counts, 1, MPI_INT, MPI_COMM_WORLD);
    off[0] = 0;
    for (int i = 1; i < size; i++)
        off[i] = off[i - 1] + counts[i - 1];
    *all = total > INT_MAX ? NULL : malloc(total ? (size_t)total : 1);
    int ok = *all != NULL, everybody = 0;
    MPI_Allreduce(&ok, &everybody, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
    if (everybody)
        MPI_Allgatherv(mine, count, MPI_BYTE, *all, counts, off, MPI_BYTE,
                       MPI_COMM_WORLD);
    free(counts);
    *n_all = (size_t)total;
    if (everybody) return STC_OK;
    free(*all);
    *all = NULL;
    return STC_ERR_NOMEM;
}

static int world_any(void *self, int mine)
{
    int any = 0;
    (void)self;
    MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_LOR, MPI_COMM_WORLD);
    return any;
}

void stc_team_world(struct stc_team *t)
{
    int given, there = 0;
    memset(t, 0, sizeof *t);
    MPI_Initialized(&there);
    if (!there) MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given);
    MPI_Comm_rank(MPI_COMM_WORLD, &t->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &t->size);
    t->gather = world_gather;
    t->any = world_any;
}

void stc_team_finish(struct stc_team *t)
{
    int over = 0;
    (void)t;
    MPI_Finalized(&over);
    if (!over) MPI_Finalize();
}

int stc_team_has_mpi(void)
{
    return 1;
}
#else
static enum stc_err one_gather(void *self, const void *mine, size_t n, void **all,
                               size_t *n_all)
{
    (void)self;
    *all = malloc(n ? n : 1);
    if (!*all) return STC_ERR_NOMEM;
    memcpy(*all, mine, n);
    *n_all = n;
    return STC_OK;
}

static int one_any(void *self, int mine)
{
    (void)self;
    return mine;
}

void stc_team_world(struct stc_team *t)
{
    *t = (struct stc_team){0, 1, NULL, one_gather, one_any};
}

void stc_team_finish(struct stc_team *t)
{
    (void)t;
}

int stc_team_has_mpi(void)
{
    return 0;
}
#endif
