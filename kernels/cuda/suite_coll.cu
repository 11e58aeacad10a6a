/*
 * suite_coll.cu - seconds of NCCL's collectives and of send/recv.
 * Run:   stepcast-bench --suite coll --out DIR        all GPUs of this node
 *        mpirun ... stepcast-bench --suite coll ...   built WITH_MPI, many nodes
 * First  each collective runs on numbers whose result is known exactly, into
 *        poisoned buffers; 64 places on every local rank are compared.
 * Then   calls are issued in a row on every rank and the clock is read when the
 *        last rank is done, as nccl-tests does; out of place, bf16. `bytes` is
 *        the whole buffer, which for all_gather is the gathered one.
 * Algorithm and protocol are NCCL's choice unless NCCL_ALGO and NCCL_PROTO are
 * set; what they said is recorded with the row.
 */
#include "coll.cuh"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_NCCL
# include <nccl.h>

struct comms {
    int n_ranks, n_local, first_rank;
    ncclComm_t comm[STC_MOST_LOCAL];
    cudaStream_t stream[STC_MOST_LOCAL];
};

# define NCCL(f, call)                                                           \
  do {                                                                           \
   ncclResult_t r_ = (call);                                                     \
   if (r_ != ncclSuccess) {                                                      \
    snprintf((f)->why, sizeof(f)->why, "%s: %s", #call, ncclGetErrorString(r_)); \
    return STC_RAN_FAIL;                                                         \
   }                                                                             \
  } while (0)

/* ==== communicators ==== */

static int device_of(const struct stc_frame *f, int local)
{
    return f->world.size > 1 ? f->device : local;
}

static enum stc_ran init_comms(struct stc_frame *f, struct comms *c)
{
    ncclUniqueId id;
    int i;
    memset(&id, 0, sizeof id);
    if (f->world.rank == 0) NCCL(f, ncclGetUniqueId(&id));
    stc_world_bcast(&f->world, &id, sizeof id);
    NCCL(f, ncclGroupStart());
    for (i = 0; i < c->n_local; i++) {
        STC_CUDA(f, cudaSetDevice(device_of(f, i)));
        NCCL(f, ncclCommInitRank(&c->comm[i], c->n_ranks, id, c->first_rank + i));
    }
    NCCL(f, ncclGroupEnd());
    for (i = 0; i < c->n_local; i++) {
        STC_CUDA(f, cudaSetDevice(device_of(f, i)));
        STC_CUDA(f, cudaStreamCreateWithFlags(&c->stream[i], cudaStreamNonBlocking));
    }
    STC_CUDA(f, cudaSetDevice(f->device));
    return STC_RAN_OK;
}

void stc_coll_close(struct stc_frame *f)
{
    struct comms *c = (struct comms *)f->coll;
    int i;
    if (!c) return;
    for (i = 0; i < c->n_local; i++) {
        if (c->stream[i]) cudaStreamDestroy(c->stream[i]);
        if (c->comm[i]) ncclCommDestroy(c->comm[i]);
    }
    free(c);
    f->coll = NULL;
}

static enum stc_ran comms_of(struct stc_frame *f, int n_ranks)
{
    struct comms *c = (struct comms *)f->coll;
    if (c && c->n_ranks == n_ranks) return STC_RAN_OK;
    stc_coll_close(f);
    c = (struct comms *)calloc(1, sizeof *c);
    if (!c) return STC_RAN_FAIL;
    c->n_ranks = n_ranks;
    c->n_local = f->world.size > 1 ? 1 : n_ranks;
    c->first_rank = f->world.size > 1 ? f->world.rank : 0;
    f->coll = c;
    if (c->n_local > STC_MOST_LOCAL) {
        snprintf(f->why, sizeof f->why, "more than %d GPUs in one process",
                 STC_MOST_LOCAL);
        return STC_RAN_SKIP;
    }
    return init_comms(f, c);
}

/* ==== one collective ==== */

static __global__ void fill_rank(uint16_t *to, size_t n, int rank)
{
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (; i < n; i += stride)
        to[i] = stc_bf16_enc(stc_coll_value(rank, i));
}

enum stc_ran stc_coll_make(struct stc_frame *f, const char *kind, int64_t n_bytes,
                           int n_ranks, struct stc_coll *c)
{
    const struct comms *comms;
    size_t send, recv;
    int i;
    memset(c, 0, sizeof *c);
    STC_TRY(comms_of(f, n_ranks));
    comms = (const struct comms *)f->coll;
    c->kind = stc_coll_find(kind);
    c->n_ranks = n_ranks;
    c->n_local = comms->n_local;
    c->first_rank = comms->first_rank;
    c->n_all = n_bytes / 2;
    send = (size_t)stc_coll_send_n(c->kind, c->n_all, n_ranks);
    recv = (size_t)stc_coll_recv_n(c->kind, c->n_all, n_ranks);
    if (c->kind == STC_N_COLL_KINDS || send == 0 || recv == 0) {
        snprintf(f->why, sizeof f->why, "too few bytes for %d ranks", n_ranks);
        return STC_RAN_SKIP;
    }
    for (i = 0; i < c->n_local; i++) {
        c->comm[i] = comms->comm[i];
        c->stream[i] = comms->stream[i];
        STC_CUDA(f, cudaSetDevice(device_of(f, i)));
        STC_CUDA(f, cudaMalloc(&c->send[i], send * 2));
        STC_CUDA(f, cudaMalloc(&c->recv[i], recv * 2));
        fill_rank<<<512, 256, 0, c->stream[i]>>>((uint16_t *)c->send[i], send,
                                                 c->first_rank + i);
        STC_CUDA(f, cudaGetLastError());
        STC_CUDA(f, cudaMemsetAsync(c->recv[i], 0xff, recv * 2, c->stream[i]));
    }
    STC_CUDA(f, cudaSetDevice(f->device));
    return STC_RAN_OK;
}

void stc_coll_free(struct stc_coll *c)
{
    int i;
    for (i = 0; i < c->n_local; i++) {
        if (c->send[i]) cudaFree(c->send[i]);
        if (c->recv[i]) cudaFree(c->recv[i]);
    }
}

static ncclResult_t exchange(const struct stc_coll *c, int i, int all)
{
    int me = c->first_rank + i, n = c->n_ranks, r;
    size_t share = (size_t)(c->n_all / (all ? n : 1));
    const char *send = (const char *)c->send[i];
    char *recv = (char *)c->recv[i];
    ncclComm_t comm = (ncclComm_t)c->comm[i];
    ncclResult_t e = ncclSuccess;
    if (!all) {
        e = ncclSend(send, share, ncclBfloat16, (me + 1) % n, comm, c->stream[i]);
        if (e != ncclSuccess) return e;
        return ncclRecv(recv, share, ncclBfloat16, (me + n - 1) % n, comm,
                        c->stream[i]);
    }
    for (r = 0; r < n && e == ncclSuccess; r++) {
        size_t at = (size_t)r * share * 2;
        e = ncclSend(send + at, share, ncclBfloat16, r, comm, c->stream[i]);
        if (e == ncclSuccess) {
            e = ncclRecv(recv + at, share, ncclBfloat16, r, comm, c->stream[i]);
        }
    }
    return e;
}

static ncclResult_t issue(const struct stc_coll *c, int i)
{
    ncclComm_t comm = (ncclComm_t)c->comm[i];
    cudaStream_t s = c->stream[i];
    size_t n_send = (size_t)stc_coll_send_n(c->kind, c->n_all, c->n_ranks);
    size_t n_recv = (size_t)stc_coll_recv_n(c->kind, c->n_all, c->n_ranks);
    const void *in = c->send[i];
    void *out = c->recv[i];
    switch (c->kind) {
    case STC_ALL_REDUCE:
        return ncclAllReduce(in, out, n_send, ncclBfloat16, ncclSum, comm, s);
    case STC_ALL_GATHER: return ncclAllGather(in, out, n_send, ncclBfloat16, comm, s);
    case STC_REDUCE_SCATTER:
        return ncclReduceScatter(in, out, n_recv, ncclBfloat16, ncclSum, comm, s);
    case STC_BROADCAST: return ncclBroadcast(in, out, n_send, ncclBfloat16, 0, comm, s);
    case STC_REDUCE:
        return ncclReduce(in, out, n_send, ncclBfloat16, ncclSum, 0, comm, s);
    default: return exchange(c, i, c->kind == STC_ALLTOALL);
    }
}

int stc_coll_call(struct stc_frame *f, void *ctx, int call, cudaStream_t stream)
{
    const struct stc_coll *c = (const struct stc_coll *)ctx;
    ncclResult_t e = ncclGroupStart(), end;
    int i;
    (void)call;
    (void)stream;
    for (i = 0; i < c->n_local && e == ncclSuccess; i++)
        e = issue(c, i);
    end = ncclGroupEnd();
    if (e == ncclSuccess) e = end;
    if (e == ncclSuccess) return 0;
    snprintf(f->why, sizeof f->why, "NCCL: %s", ncclGetErrorString(e));
    return -1;
}

void stc_coll_version(char *out, size_t n)
{
    int v = 0;
    ncclGetVersion(&v);
    snprintf(out, n, "%d.%d.%d", v / 10000, v % 10000 / 100, v % 100);
}

#else /* without NCCL */

enum stc_ran stc_coll_make(struct stc_frame *f, const char *kind, int64_t n_bytes,
                           int n_ranks, struct stc_coll *c)
{
    (void)kind;
    (void)n_bytes;
    (void)n_ranks;
    memset(c, 0, sizeof *c);
    snprintf(f->why, sizeof f->why, "built without NCCL");
    return STC_RAN_SKIP;
}

void stc_coll_free(struct stc_coll *c)
{
    (void)c;
}

void stc_coll_close(struct stc_frame *f)
{
    (void)f;
}

int stc_coll_call(struct stc_frame *f, void *ctx, int i, cudaStream_t stream)
{
    (void)ctx;
    (void)i;
    (void)stream;
    snprintf(f->why, sizeof f->why, "built without NCCL");
    return -1;
}

void stc_coll_version(char *out, size_t n)
{
    if (n > 0) out[0] = '\0';
}
#endif

/* ==== checking and timing ==== */

enum stc_ran stc_coll_sync(struct stc_frame *f, const struct stc_coll *c)
{
    int i;
    for (i = 0; i < c->n_local; i++)
        STC_CUDA(f, cudaStreamSynchronize(c->stream[i]));
    return STC_RAN_OK;
}

enum stc_ran stc_coll_check(struct stc_frame *f, struct stc_coll *c, double *rel_err)
{
    int64_t n = stc_coll_recv_n(c->kind, c->n_all, c->n_ranks);
    int i, q;
    *rel_err = 0;
    if (stc_coll_call(f, c, 0, NULL)) return STC_RAN_FAIL;
    STC_TRY(stc_coll_sync(f, c));
    for (i = 0; i < c->n_local; i++) {
        int me = c->first_rank + i;
        if (c->kind == STC_REDUCE && me != 0) continue;
        for (q = 0; q < 66; q++) {
            int64_t at = q == 64   ? 0
                         : q == 65 ? n - 1
                                   : stc_rand_index(8, (uint64_t)q, 1 << 30) % n;
            double want = stc_coll_expect(c->kind, c->n_all, c->n_ranks, me, at), err;
            uint16_t raw = 0;
            STC_CUDA(f, cudaMemcpy(&raw, (const uint16_t *)c->recv[i] + at, 2,
                                   cudaMemcpyDeviceToHost));
            err = fabs((double)stc_bf16_dec(raw) - want) / (want > 1 ? want : 1);
            if (!(err <= 0.02)) {
                snprintf(f->why, sizeof f->why,
                         "rank %d, element %lld: %g instead of %g", me, (long long)at,
                         (double)stc_bf16_dec(raw), want);
                return STC_RAN_WRONG;
            }
            if (err > *rel_err) *rel_err = err;
        }
    }
    return STC_RAN_OK;
}

static enum stc_ran one_sample(struct stc_frame *f, struct stc_coll *c, int n_inner,
                               double *us)
{
    double start;
    int i;
    stc_world_barrier(&f->world);
    start = stc_wall_s();
    for (i = 0; i < n_inner; i++) {
        if (stc_coll_call(f, c, i, NULL)) return STC_RAN_FAIL;
    }
    STC_TRY(stc_coll_sync(f, c));
    *us = stc_world_max(&f->world, (stc_wall_s() - start) * 1e6 / n_inner);
    return STC_RAN_OK;
}

static enum stc_ran time_coll(struct stc_frame *f, const struct stc_case *k,
                              struct stc_coll *c, struct stc_timing *t)
{
    double us[STC_MOST_SAMPLES], first = 0;
    int plan[2], i;
    STC_TRY(one_sample(f, c, 3, &first));
    plan[0] = stc_inner_calls(first * 1e-6, 2e-3, 50);
    plan[1] = stc_sample_count(k, first * 1e-6 * plan[0]);
    stc_world_bcast(&f->world, plan, sizeof plan);
    for (i = 0; i < plan[1]; i++)
        STC_TRY(one_sample(f, c, plan[0], &us[i]));
    stc_timing_from(f, us, plan[1], plan[0], t);
    return STC_RAN_OK;
}

static const char *env_or(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static enum stc_ran measure(struct stc_frame *f, const struct stc_case *k,
                            struct stc_coll *c)
{
    int n_nodes = f->world.n_nodes, per_node = (int)k->d[STC_D_RANKS] / n_nodes;
    struct stc_timing t;
    struct stc_row row;
    char version[32], notes[64];
    double err;
    enum stc_ran made =
        stc_coll_make(f, k->op, k->d[STC_D_BYTES], (int)k->d[STC_D_RANKS], c);
    /* All ranks go on, or none: memory may be short on one of them only. */
    STC_TRY((enum stc_ran)(int)stc_world_max(&f->world, (double)made));
    STC_TRY(stc_coll_check(f, c, &err));
    STC_TRY(time_coll(f, k, c, &t));
    t.rel_err = err;
    stc_coll_version(version, sizeof version);
    snprintf(notes, sizeof notes, "NCCL %s; out of place", version);
    stc_row_start(&row);
    stc_row_text(&row, "stepcast-bench");
    stc_row_text(&row, f->gpu);
    stc_row_text(&row, "nccl");
    stc_row_text(&row, k->op);
    stc_row_text(&row, stc_num_name(k->num));
    stc_row_int(&row, per_node);
    stc_row_int(&row, n_nodes);
    stc_row_int(&row, k->d[STC_D_RANKS]);
    stc_row_text(&row, f->labels.intra);
    stc_row_text(&row, n_nodes > 1 ? f->labels.inter : "none");
    stc_row_int(&row, n_nodes > 1 ? f->labels.nics_per_node : 0);
    stc_row_int(&row, n_nodes > 1 ? f->labels.nic_gbps : 0);
    stc_row_int(&row, k->d[STC_D_BYTES]);
    stc_row_num(&row, t.us.median);
    stc_row_text(&row, notes);
    stc_row_text(&row, env_or("NCCL_ALGO", "auto"));
    stc_row_text(&row, env_or("NCCL_PROTO", "auto"));
    stc_row_num(&row, (double)k->d[STC_D_BYTES] / t.us.median * 1e-3 *
                          stc_coll_bus_factor(c->kind, c->n_ranks));
    stc_row_tail(f, &row, &t);
    return stc_put(f, &row);
}

enum stc_ran stc_run_coll(struct stc_frame *f, const struct stc_case *k)
{
    struct stc_coll c;
    enum stc_ran ran = measure(f, k, &c);
    stc_coll_free(&c);
    cudaSetDevice(f->device);
    return ran;
}
