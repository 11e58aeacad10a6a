/*
 * suite_copy.cu - seconds of copies: inside the device, between devices, over
 * the host's bus from pinned and from pageable memory.
 * Run:   stepcast-bench --suite copy --out DIR
 * First  the destination is poisoned, one copy runs, and the destination is
 *        compared with the source at 64 places and at both ends.
 * Then   as frame.cuh says; copies that the L2 could hold rotate over places.
 *        GB/s are bytes copied per second (for device_to_device and both_ways
 *        bytes through the memory or both directions: twice that).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frame.cuh"

enum kind { D2D, H2D, D2H, BOTH, PEER };

struct copy {
    enum kind kind;
    int pinned, n_sets;
    size_t n_bytes;
    char *dev_a, *dev_b;   /* device; dev_b only for device to device */
    char *host_a, *host_b; /* host; host_b only for both ways */
    char *peer;            /* on device 1 */
    cudaStream_t other;
    cudaEvent_t fork, join;
};

static int call_copy(struct stc_frame *f, void *ctx, int i, cudaStream_t s)
{
    struct copy *c = (struct copy *)ctx;
    size_t n = c->n_bytes, at = (size_t)(i % c->n_sets) * n;
    switch (c->kind) {
    case D2D:
        STC_CUDA_INT(f, cudaMemcpyAsync(c->dev_b + at, c->dev_a + at, n,
                                        cudaMemcpyDeviceToDevice, s));
        break;
    case H2D:
        STC_CUDA_INT(f, cudaMemcpyAsync(c->dev_a + at, c->host_a + at, n,
                                        cudaMemcpyHostToDevice, s));
        break;
    case D2H:
        STC_CUDA_INT(f, cudaMemcpyAsync(c->host_a + at, c->dev_a + at, n,
                                        cudaMemcpyDeviceToHost, s));
        break;
    case PEER:
        STC_CUDA_INT(f, cudaMemcpyPeerAsync(c->peer + at, 1, c->dev_a + at, 0, n, s));
        break;
    case BOTH: /* two streams, joined, so that a graph can hold them */
        STC_CUDA_INT(f, cudaEventRecord(c->fork, s));
        STC_CUDA_INT(f, cudaStreamWaitEvent(c->other, c->fork, 0));
        STC_CUDA_INT(f, cudaMemcpyAsync(c->dev_a + at, c->host_a + at, n,
                                        cudaMemcpyHostToDevice, s));
        STC_CUDA_INT(f, cudaMemcpyAsync(c->host_b + at, c->dev_b + at, n,
                                        cudaMemcpyDeviceToHost, c->other));
        STC_CUDA_INT(f, cudaEventRecord(c->join, c->other));
        STC_CUDA_INT(f, cudaStreamWaitEvent(s, c->join, 0));
        break;
    }
    return 0;
}

static char *host_take(struct stc_frame *f, size_t n, int pinned)
{
    void *p = NULL;
    if (!pinned) {
        p = malloc(n);
    } else if (cudaMallocHost(&p, n) != cudaSuccess) {
        p = NULL;
        cudaGetLastError();
    }
    if (!p) snprintf(f->why, sizeof f->why, "no host memory for %zu bytes", n);
    return (char *)p;
}

static void host_free(char *p, int pinned)
{
    if (p && pinned) cudaFreeHost(p);
    if (p && !pinned) free(p);
}

static void host_pattern(char *p, size_t n, uint64_t seed)
{
    size_t i;
    for (i = 0; i + 8 <= n; i += 8) {
        uint64_t z = stc_mix(seed, i);
        memcpy(p + i, &z, 8);
    }
}

static enum stc_ran prepare(struct stc_frame *f, const struct stc_case *k,
                            struct copy *c)
{
    size_t total;
    int host = 0;
    memset(c, 0, sizeof *c);
    c->n_bytes = (size_t)k->d[STC_D_BYTES];
    c->pinned = strstr(k->op, "pinned") != NULL;
    c->kind = strncmp(k->op, "host_to", 7) == 0           ? H2D
              : strncmp(k->op, "device_to_host", 14) == 0 ? D2H
              : strncmp(k->op, "both", 4) == 0            ? BOTH
              : strstr(k->op, "peer")                     ? PEER
                                                          : D2D;
    host = c->kind == H2D || c->kind == D2H || c->kind == BOTH;
    c->n_sets = c->n_bytes <= (size_t)16 << 20 ? 4 : 1;
    if (c->kind == D2D) c->n_sets = stc_sets_for(f, 2.0 * (double)c->n_bytes);
    total = c->n_bytes * (size_t)c->n_sets;
    c->dev_a = (char *)stc_pool_take(f, total);
    c->dev_b = (char *)stc_pool_take(f, total);
    if (!c->dev_a || !c->dev_b) return STC_RAN_SKIP;
    if (host) {
        c->host_a = host_take(f, total, c->pinned);
        if (!c->host_a) return STC_RAN_SKIP;
        host_pattern(c->host_a, total, 5);
    }
    if (c->kind == BOTH) {
        c->host_b = host_take(f, total, 1);
        if (!c->host_b) return STC_RAN_SKIP;
        memset(c->host_b, 0xff, total);
        STC_CUDA(f, cudaStreamCreateWithFlags(&c->other, cudaStreamNonBlocking));
        STC_CUDA(f, cudaEventCreateWithFlags(&c->fork, cudaEventDisableTiming));
        STC_CUDA(f, cudaEventCreateWithFlags(&c->join, cudaEventDisableTiming));
    }
    if (c->kind == PEER) {
        int can = 0;
        STC_CUDA(f, cudaDeviceCanAccessPeer(&can, 0, 1));
        if (can && cudaDeviceEnablePeerAccess(1, 0) != cudaSuccess) cudaGetLastError();
        STC_CUDA(f, cudaSetDevice(1));
        STC_CUDA(f, cudaMalloc((void **)&c->peer, total));
        STC_CUDA(f, cudaSetDevice(0));
    }
    if (c->kind == H2D) {
        if (stc_poison(f, c->dev_a, total)) return STC_RAN_FAIL;
    } else if (stc_fill_random(f, c->dev_a, STC_NUM_F32, total / 4, 9)) {
        return STC_RAN_FAIL;
    }
    if (c->kind == D2D && stc_poison(f, c->dev_b, total)) return STC_RAN_FAIL;
    if (c->kind == BOTH && stc_fill_random(f, c->dev_b, STC_NUM_F32, total / 4, 9)) {
        return STC_RAN_FAIL;
    }
    if (c->kind == D2H) memset(c->host_a, 0xff, total);
    return STC_RAN_OK;
}

static void release(struct copy *c)
{
    host_free(c->host_a, c->pinned);
    host_free(c->host_b, 1);
    if (c->peer) cudaFree(c->peer);
    if (c->other) cudaStreamDestroy(c->other);
    if (c->fork) cudaEventDestroy(c->fork);
    if (c->join) cudaEventDestroy(c->join);
}

/* Words at the same place of the source and of the destination. */
static enum stc_ran compare(struct stc_frame *f, const struct copy *c, const char *to,
                            const char *from)
{
    int q;
    for (q = 0; q < 66; q++) {
        size_t words = c->n_bytes / 4,
               at = 4 * (size_t)stc_rand_index(4, (uint64_t)q, (int32_t)words);
        uint32_t a = 0, b = 1;
        if (q == 64) at = 0;
        if (q == 65) at = 4 * (words - 1);
        STC_CUDA(f, cudaMemcpy(&a, to + at, 4, cudaMemcpyDefault));
        STC_CUDA(f, cudaMemcpy(&b, from + at, 4, cudaMemcpyDefault));
        if (a != b) {
            snprintf(f->why, sizeof f->why, "byte %zu was not copied", at);
            return STC_RAN_WRONG;
        }
    }
    return STC_RAN_OK;
}

static enum stc_ran check(struct stc_frame *f, struct copy *c)
{
    if (call_copy(f, c, 0, f->stream)) return STC_RAN_FAIL;
    STC_CUDA(f, cudaStreamSynchronize(f->stream));
    switch (c->kind) {
    case D2D: return compare(f, c, c->dev_b, c->dev_a);
    case H2D: return compare(f, c, c->dev_a, c->host_a);
    case D2H: return compare(f, c, c->host_a, c->dev_a);
    case PEER: return compare(f, c, c->peer, c->dev_a);
    case BOTH:
        STC_TRY(compare(f, c, c->dev_a, c->host_a));
        return compare(f, c, c->host_b, c->dev_b);
    }
    return STC_RAN_OK;
}

static enum stc_ran measure(struct stc_frame *f, const struct stc_case *k,
                            struct copy *c)
{
    struct stc_timing t;
    struct stc_row row;
    STC_TRY(prepare(f, k, c));
    STC_TRY(check(f, c));
    STC_TRY(stc_time(f, k, call_copy, c, c->pinned || c->kind == D2D || c->kind == PEER,
                     0, &t));
    t.rel_err = 0;
    stc_row_start(&row);
    stc_row_text(&row, "stepcast-bench");
    stc_row_text(&row, f->machine);
    stc_row_text(&row, f->gpu);
    stc_row_text(&row, "stepcast copy");
    stc_row_text(&row, k->op);
    stc_row_num(&row, k->move_bytes / t.us.median * 1e-3);
    stc_row_text(&row, "GB/s per GPU");
    stc_row_text(&row, stc_num_name(k->num));
    stc_row_int(&row, 1);
    stc_row_int(&row, k->d[STC_D_BYTES]);
    stc_row_num(&row, k->move_bytes);
    stc_row_num(&row, t.us.median);
    stc_row_tail(f, &row, &t);
    return stc_put(f, &row);
}

enum stc_ran stc_run_copy(struct stc_frame *f, const struct stc_case *k)
{
    struct copy c;
    enum stc_ran ran = measure(f, k, &c);
    release(&c);
    return ran;
}
