#include "coll_ref.h"

#include <string.h>

static const struct {
    const char *name;
    int splits_send, splits_recv; /* the buffer holds one rank's share */
    double factor;                /* of bus bandwidth, times (n - 1) / n if shared */
    int shared;
} rows[STC_N_COLL_KINDS] = {
    [STC_ALL_REDUCE] = {"all_reduce", 0, 0, 2, 1},
    [STC_ALL_GATHER] = {"all_gather", 1, 0, 1, 1},
    [STC_REDUCE_SCATTER] = {"reduce_scatter", 0, 1, 1, 1},
    [STC_ALLTOALL] = {"alltoall", 0, 0, 1, 1},
    [STC_BROADCAST] = {"broadcast", 0, 0, 1, 0},
    [STC_REDUCE] = {"reduce", 0, 0, 1, 0},
    [STC_SEND_RECV] = {"send_recv", 0, 0, 1, 0},
};

enum stc_coll_kind stc_coll_find(const char *name)
{
    int k;
    for (k = 0; k < STC_N_COLL_KINDS; k++) {
        if (strcmp(rows[k].name, name) == 0) return (enum stc_coll_kind)k;
    }
    return STC_N_COLL_KINDS;
}

/* Kinds that split work in shares of whole elements: the rest is not moved. */
static int64_t whole(enum stc_coll_kind k, int64_t n_all, int n_ranks)
{
    int shares = k == STC_ALL_GATHER || k == STC_REDUCE_SCATTER || k == STC_ALLTOALL;
    return shares ? n_all / n_ranks * n_ranks : n_all;
}

int64_t stc_coll_send_n(enum stc_coll_kind k, int64_t n_all, int n_ranks)
{
    return whole(k, n_all, n_ranks) / (rows[k].splits_send ? n_ranks : 1);
}

int64_t stc_coll_recv_n(enum stc_coll_kind k, int64_t n_all, int n_ranks)
{
    return whole(k, n_all, n_ranks) / (rows[k].splits_recv ? n_ranks : 1);
}

static double sum_of(int n_ranks, int64_t i)
{
    double sum = 0;
    int r;
    for (r = 0; r < n_ranks; r++)
        sum += (double)stc_coll_value(r, (uint64_t)i);
    return sum;
}

double stc_coll_expect(enum stc_coll_kind k, int64_t n_all, int n_ranks, int me,
                       int64_t i)
{
    int64_t n = whole(k, n_all, n_ranks) / n_ranks; /* of one share */
    switch (k) {
    case STC_ALL_REDUCE:
    case STC_REDUCE: return sum_of(n_ranks, i);
    case STC_REDUCE_SCATTER: return sum_of(n_ranks, me * n + i);
    case STC_ALL_GATHER: return (double)stc_coll_value((int)(i / n), (uint64_t)(i % n));
    case STC_ALLTOALL:
        return (double)stc_coll_value((int)(i / n), (uint64_t)(me * n + i % n));
    case STC_SEND_RECV:
        return (double)stc_coll_value((me + n_ranks - 1) % n_ranks, (uint64_t)i);
    case STC_BROADCAST:
    case STC_N_COLL_KINDS: break;
    }
    return (double)stc_coll_value(0, (uint64_t)i);
}

double stc_coll_bus_factor(enum stc_coll_kind k, int n_ranks)
{
    double share = rows[k].shared ? (double)(n_ranks - 1) / n_ranks : 1;
    return rows[k].factor * share;
}
