/*
 * suite_overlap.cu - what a product and something beside it cost each other.
 * Run:   stepcast-bench --suite overlap --out DIR
 *
 * Two streams of the same GPU. To time one side under the other, the other must
 * run before, during and after: a few calls of X are issued among 3.5 times as
 * long a row of Y, and a sample counts only if Y ended after X. Then the sides
 * change places. The rate of a side is its time alone over its time beside.
 *
 * Partners: a copy kernel on few thread blocks (what NCCL's kernels are to the
 * rest of the GPU: some SMs taken and memory shared; works on one GPU), the
 * copy engines, and NCCL's collectives over all GPUs of the node, where the
 * product runs on the first GPU only.
 */
#include <math.h>
#include <string.h>

#include "coll.cuh"
#include "gemm.cuh"

static __global__ void copy_few(uint4 *dst, const uint4 *src, size_t n)
{
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (; i + 3 * stride < n; i += 4 * stride) {
        uint4 a = src[i], b = src[i + stride], c = src[i + 2 * stride],
              d = src[i + 3 * stride];
        dst[i] = a;
        dst[i + stride] = b;
        dst[i + 2 * stride] = c;
        dst[i + 3 * stride] = d;
    }
    for (; i < n; i += stride)
        dst[i] = src[i];
}

int stc_copy_kernel(struct stc_frame *f, void *dst, const void *src, size_t n_bytes,
                    int ctas, cudaStream_t stream)
{
    copy_few<<<(unsigned)ctas, 512, 0, stream>>>((uint4 *)dst, (const uint4 *)src,
                                                 n_bytes / 16);
    STC_CUDA_INT(f, cudaGetLastError());
    return 0;
}

struct mover {
    int ctas; /* 0: a copy engine */
    void *dst, *host;
    const void *src;
    size_t n_bytes;
    enum cudaMemcpyKind kind;
};

static int call_mover(struct stc_frame *f, void *ctx, int i, cudaStream_t s)
{
    struct mover *m = (struct mover *)ctx;
    (void)i;
    if (m->ctas > 0) return stc_copy_kernel(f, m->dst, m->src, m->n_bytes, m->ctas, s);
    STC_CUDA_INT(f, cudaMemcpyAsync(m->dst, m->src, m->n_bytes, m->kind, s));
    return 0;
}

struct side {
    stc_call *call;
    void *ctx;
    cudaStream_t stream; /* where its events are recorded */
    cudaEvent_t start, end;
    double alone_us;
};

struct pair {
    struct side product, partner;
    struct stc_gemm gemm;
    struct mover mover;
    struct stc_coll coll;
    int is_coll;
    cudaStream_t second;
};

/* ==== timing ==== */

static enum stc_ran time_alone(struct stc_frame *f, struct side *s)
{
    double us[5];
    float ms;
    int i, k, n = 2;
    for (k = -2; k < 5; k++) {
        STC_CUDA(f, cudaEventRecord(s->start, s->stream));
        for (i = 0; i < n; i++) {
            if (s->call(f, s->ctx, i, s->stream)) return STC_RAN_FAIL;
        }
        STC_CUDA(f, cudaEventRecord(s->end, s->stream));
        STC_CUDA(f, cudaEventSynchronize(s->end));
        STC_CUDA(f, cudaEventElapsedTime(&ms, s->start, s->end));
        if (k < 0) n = stc_inner_calls((double)ms * 1e-3 / n, 8e-3, 200);
        if (k >= 0) us[k] = (double)ms * 1e3 / n;
    }
    s->alone_us = stc_quantiles_of(us, 5).median;
    return STC_RAN_OK;
}

/* Microseconds of one call of x among calls of y; NaN where y ended first. */
static enum stc_ran time_beside(struct stc_frame *f, struct side *x, struct side *y,
                                double *us)
{
    int n_x = stc_inner_calls(x->alone_us * 1e-6, 8e-3, 200);
    int n_y = (int)ceil(3.5 * n_x * x->alone_us / y->alone_us) + 4, i, pushed = 0;
    float ms = 0, after = 0;
    STC_CUDA(f, cudaEventRecord(y->start, y->stream));
    for (i = 0; i < n_y; i++) {
        int due = i < 2 ? 0 : (int)ceil(3.0 * (i - 1) * n_x / n_y);
        if (y->call(f, y->ctx, i, y->stream)) return STC_RAN_FAIL;
        if (due > n_x || i == n_y - 1) due = n_x;
        if (due > 0 && pushed == 0) STC_CUDA(f, cudaEventRecord(x->start, x->stream));
        for (; pushed < due; pushed++) {
            if (x->call(f, x->ctx, pushed, x->stream)) return STC_RAN_FAIL;
            if (pushed == n_x - 1) STC_CUDA(f, cudaEventRecord(x->end, x->stream));
        }
    }
    STC_CUDA(f, cudaEventRecord(y->end, y->stream));
    STC_CUDA(f, cudaEventSynchronize(x->end));
    STC_CUDA(f, cudaEventSynchronize(y->end));
    STC_CUDA(f, cudaEventElapsedTime(&ms, x->start, x->end));
    STC_CUDA(f, cudaEventElapsedTime(&after, x->end, y->end));
    *us = after > 0 ? (double)ms * 1e3 / n_x : NAN;
    return STC_RAN_OK;
}

static enum stc_ran sample_beside(struct stc_frame *f, const struct stc_case *c,
                                  struct side *x, struct side *y, struct stc_timing *t)
{
    double us[STC_MOST_SAMPLES], one = NAN;
    int i, n = 0;
    for (i = 0; i < c->n_samples; i++) {
        STC_TRY(time_beside(f, x, y, &one));
        if (!isnan(one)) us[n++] = one;
    }
    if (n == 0) {
        snprintf(f->why, sizeof f->why, "the two sides never ran together");
        return STC_RAN_SKIP;
    }
    stc_timing_from(f, us, n, stc_inner_calls(x->alone_us * 1e-6, 8e-3, 200), t);
    return STC_RAN_OK;
}

/* ==== making ==== */

static enum stc_ran make_mover(struct stc_frame *f, const struct stc_case *c,
                               struct mover *m)
{
    void *a, *b;
    m->n_bytes = (size_t)c->d[STC_D_PARTNER_BYTES];
    m->ctas = (int)c->d[STC_D_PARTNER_CTAS];
    m->kind = cudaMemcpyDeviceToDevice;
    a = stc_pool_take(f, m->n_bytes);
    b = stc_pool_take(f, m->n_bytes);
    if (!a || !b) return STC_RAN_SKIP;
    if (stc_fill_random(f, a, STC_NUM_F32, m->n_bytes / 4, 11) ||
        stc_fill_random(f, b, STC_NUM_F32, m->n_bytes / 4, 12)) {
        return STC_RAN_FAIL;
    }
    m->src = a;
    m->dst = b;
    if (strncmp(c->op, "host_to", 7) == 0 ||
        strncmp(c->op, "device_to_host", 14) == 0) {
        int up = c->op[0] == 'h';
        STC_CUDA(f, cudaMallocHost(&m->host, m->n_bytes));
        STC_CUDA(f, cudaMemcpy(m->host, a, m->n_bytes, cudaMemcpyDeviceToHost));
        m->kind = up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
        if (up)
            m->src = m->host;
        else
            m->dst = m->host;
    }
    return STC_RAN_OK;
}

static enum stc_ran make_pair(struct stc_frame *f, const struct stc_case *c,
                              struct pair *p)
{
    struct stc_case product = *c; /* its last sizes are the partner's */
    double err;
    product.d[STC_D_BATCH] = 1;
    product.d[STC_D_SETS] = 1;
    STC_TRY(stc_gemm_make(f, &product, &p->gemm));
    STC_TRY(stc_gemm_check(f, &p->gemm, &err));
    STC_CUDA(f, cudaStreamCreateWithFlags(&p->second, cudaStreamNonBlocking));
    p->product.call = stc_gemm_call;
    p->product.ctx = &p->gemm;
    p->product.stream = f->stream;
    p->is_coll = stc_coll_find(c->op) != STC_N_COLL_KINDS;
    if (p->is_coll) {
        STC_TRY(
            stc_coll_make(f, c->op, c->d[STC_D_PARTNER_BYTES], f->n_devices, &p->coll));
        STC_TRY(stc_coll_check(f, &p->coll, &err));
        p->partner.call = stc_coll_call;
        p->partner.ctx = &p->coll;
        p->partner.stream = p->coll.stream[0];
    } else {
        STC_TRY(make_mover(f, c, &p->mover));
        p->partner.call = call_mover;
        p->partner.ctx = &p->mover;
        p->partner.stream = p->second;
    }
    STC_CUDA(f, cudaEventCreate(&p->product.start));
    STC_CUDA(f, cudaEventCreate(&p->product.end));
    STC_CUDA(f, cudaEventCreate(&p->partner.start));
    STC_CUDA(f, cudaEventCreate(&p->partner.end));
    STC_CUDA(f, cudaStreamSynchronize(f->stream));
    return STC_RAN_OK;
}

static void free_pair(struct pair *p)
{
    stc_gemm_free(&p->gemm);
    if (p->is_coll) stc_coll_free(&p->coll);
    if (p->mover.host) cudaFreeHost(p->mover.host);
    if (p->second) cudaStreamDestroy(p->second);
    if (p->product.start) cudaEventDestroy(p->product.start);
    if (p->product.end) cudaEventDestroy(p->product.end);
    if (p->partner.start) cudaEventDestroy(p->partner.start);
    if (p->partner.end) cudaEventDestroy(p->partner.end);
}

/* ==== the suite ==== */

static enum stc_ran measure(struct stc_frame *f, const struct stc_case *c,
                            struct pair *p)
{
    struct stc_timing product, partner;
    struct stc_row row;
    STC_TRY(make_pair(f, c, p));
    STC_TRY(time_alone(f, &p->product));
    STC_TRY(time_alone(f, &p->partner));
    STC_TRY(sample_beside(f, c, &p->product, &p->partner, &product));
    STC_TRY(sample_beside(f, c, &p->partner, &p->product, &partner));
    stc_row_start(&row);
    stc_row_text(&row, f->gpu);
    stc_row_text(&row, stc_num_name(c->num));
    stc_row_int(&row, c->d[STC_D_M]);
    stc_row_int(&row, c->d[STC_D_N]);
    stc_row_int(&row, c->d[STC_D_K]);
    stc_row_text(&row, c->op);
    stc_row_int(&row, c->d[STC_D_PARTNER_BYTES]);
    stc_row_int(&row, c->d[STC_D_PARTNER_CTAS]);
    stc_row_num(&row, p->product.alone_us);
    stc_row_num(&row, product.us.median);
    stc_row_num(&row, p->partner.alone_us);
    stc_row_num(&row, partner.us.median);
    stc_row_num(&row, p->product.alone_us / product.us.median);
    stc_row_num(&row, p->partner.alone_us / partner.us.median);
    stc_row_tail(f, &row, &product);
    return stc_put(f, &row);
}

enum stc_ran stc_run_overlap(struct stc_frame *f, const struct stc_case *c)
{
    struct pair p;
    enum stc_ran ran;
    memset(&p, 0, sizeof p);
    ran = measure(f, c, &p);
    free_pair(&p);
    cudaSetDevice(f->device);
    return ran;
}
