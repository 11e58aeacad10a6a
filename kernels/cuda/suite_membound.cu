/*
 * suite_membound.cu - seconds of kernels that move more than they compute.
 * Run:   stepcast-bench --suite membound --out DIR
 * First  each operation runs on 16 rows of its width; every element of every
 *        output is compared with the fp64 reference of membound.c, on random
 *        operands and poisoned outputs.
 * Then   it is timed at its full number of rows, rotating over sets of buffers
 *        that the L2 cannot hold, and its outputs are searched for poison.
 * The kernels are our own (norms.cuh, pointwise.cuh): rows say "stepcast". What
 * PyTorch runs is measured by kernels/torch/bench.py.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frame.cuh"
#include "membound.h"
#include "norms.cuh"
#include "pointwise.cuh"

struct job {
    const struct stc_mb_op *op;
    enum stc_num num; /* of the case */
    int64_t rows, cols;
    int n_sets, blocks; /* blocks: of the backward norms */
    void *b[STC_MOST_SETS][STC_MB_BUFS];
    float *part; /* shares of gradients over rows */
};

static enum stc_num num_of(const struct job *j, int i)
{
    enum stc_num num = j->op->buf[i].num;
    return num == STC_NUM_COUNT ? j->num : num;
}

static int n_bufs(const struct job *j)
{
    int n = 0;
    while (n < STC_MB_BUFS && j->op->buf[n].ext != STC_MB_NONE)
        n++;
    return n;
}

/* ==== launching ==== */

template <class F> static void run_each(F f, size_t n_chunks, cudaStream_t s)
{
    each<<<(unsigned)((n_chunks + 255) / 256), 256, 0, s>>>(f, n_chunks);
}

/* Picks threads and registers for a row: at most 16384 columns. */
#define STC_BY_WIDTH(cols, LAUNCH) \
 do {                              \
  int chunks_ = (int)((cols) / 8); \
  if (chunks_ <= 128)              \
   LAUNCH(128, 1);                 \
  else if (chunks_ <= 256)         \
   LAUNCH(128, 2);                 \
  else if (chunks_ <= 512)         \
   LAUNCH(256, 2);                 \
  else if (chunks_ <= 1024)        \
   LAUNCH(256, 4);                 \
  else                             \
   LAUNCH(512, 4);                 \
 } while (0)

template <class T, bool MEAN>
static void run_norm_fwd(const struct job *j, void *const b[], cudaStream_t s)
{
    unsigned rows = (unsigned)j->rows;
    int cols = (int)j->cols, y = MEAN ? 3 : 2;
    const T *x = (const T *)b[0], *gain = (const T *)b[1];
    const T *shift = MEAN ? (const T *)b[2] : NULL;
    float *mean = MEAN ? (float *)b[4] : NULL, *rstd = (float *)b[MEAN ? 5 : 3];
#define LAUNCH(threads, nv) \
 norm_fwd<T, nv, MEAN>      \
     <<<rows, threads, 0, s>>>(x, gain, shift, (T *)b[y], mean, rstd, cols)
    STC_BY_WIDTH(cols, LAUNCH);
#undef LAUNCH
}

template <class T, bool MEAN>
static void run_norm_bwd(const struct job *j, void *const b[], cudaStream_t s)
{
    int cols = (int)j->cols, rows = (int)j->rows, width = cols * (MEAN ? 2 : 1);
    unsigned blocks = (unsigned)j->blocks;
    const T *x = (const T *)b[0], *gain = (const T *)b[1], *dy = (const T *)b[2];
    const float *mean = MEAN ? (const float *)b[3] : NULL;
    const float *rstd = (const float *)b[MEAN ? 4 : 3];
    T *dx = (T *)b[MEAN ? 5 : 4];
    float *dgain = (float *)b[MEAN ? 6 : 5];
#define LAUNCH(threads, nv) \
 norm_bwd<T, nv, MEAN>      \
     <<<blocks, threads, 0, s>>>(x, gain, dy, mean, rstd, dx, j->part, rows, cols)
    STC_BY_WIDTH(cols, LAUNCH);
#undef LAUNCH
    add_parts<<<(unsigned)((width + 127) / 128), 128, 0, s>>>(j->part, dgain,
                                                              (int)blocks, width);
}

template <class T>
static void run_softmax(const struct job *j, void *const b[], int bwd, cudaStream_t s)
{
    unsigned rows = (unsigned)j->rows;
    int cols = (int)j->cols;
#define FWD(threads, nv) \
 softmax_fwd<T, nv><<<rows, threads, 0, s>>>((const T *)b[0], (T *)b[1], cols)
#define BWD(threads, nv) \
 softmax_bwd<T, nv>      \
     <<<rows, threads, 0, s>>>((const T *)b[0], (const T *)b[1], (T *)b[2], cols)
    if (bwd) {
        STC_BY_WIDTH(cols, BWD);
    } else {
        STC_BY_WIDTH(cols, FWD);
    }
#undef FWD
#undef BWD
}

/* Operations that exist for every format. 0: not among them. */
template <class T>
static int run_any(const struct job *j, void *const b[], cudaStream_t s)
{
    const char *name = j->op->name;
    size_t n = (size_t)(j->rows * j->cols) / 8, row = (size_t)j->cols / 8;
    T *const *t = (T *const *)b;
#define IS(text) (strcmp(name, text) == 0)
    if (IS("layer_norm fwd"))
        run_norm_fwd<T, true>(j, b, s);
    else if (IS("layer_norm bwd"))
        run_norm_bwd<T, true>(j, b, s);
    else if (IS("rms_norm fwd"))
        run_norm_fwd<T, false>(j, b, s);
    else if (IS("rms_norm bwd"))
        run_norm_bwd<T, false>(j, b, s);
    else if (IS("softmax fwd"))
        run_softmax<T>(j, b, 0, s);
    else if (IS("softmax bwd"))
        run_softmax<T>(j, b, 1, s);
    else if (IS("gelu fwd"))
        run_each(gelu_fwd<T>{t[0], t[1]}, n, s);
    else if (IS("gelu bwd"))
        run_each(gelu_bwd<T>{t[0], t[1], t[2]}, n, s);
    else if (IS("swiglu fwd"))
        run_each(swiglu_fwd<T>{t[0], t[1], row}, n, s);
    else if (IS("swiglu bwd"))
        run_each(swiglu_bwd<T>{t[0], t[1], t[2], row}, n, s);
    else if (IS("copy"))
        run_each(convert<T, T>{t[0], t[1]}, n, s);
    else if (IS("add"))
        run_each(add_two<T>{t[0], t[1], t[2]}, n, s);
    else if (IS("fill"))
        run_each(fill<T>{t[0]}, n, s);
    else if (IS("dropout_add fwd"))
        run_each(dropout_add_fwd<T>{t[0], t[1], t[2], (uint8_t *)b[3]}, n, s);
    else if (IS("dropout_add bwd"))
        run_each(dropout_add_bwd<T>{t[0], (const uint8_t *)b[1], t[2]}, n, s);
    else if (IS("rotary"))
        run_each(rotary<T>{t[0], (const float *)b[1], (const float *)b[2], t[3], row},
                 n / 2, s);
    else if (IS("embedding fwd"))
        run_each(embedding_fwd<T>{(const int32_t *)b[0], t[1], t[2], row}, n, s);
    else if (IS("embedding bwd"))
        run_each(embedding_bwd<T>{(const int32_t *)b[0], t[1], (float *)b[2], row}, n,
                 s);
    else if (IS("cross_entropy"))
        cross_entropy<T><<<(unsigned)j->rows, 1024, 0, s>>>(
            t[0], (const int32_t *)b[1], (float *)b[2], t[3], (int)j->cols);
    else if (IS("grad_norm")) {
        cudaMemsetAsync(b[1], 0, sizeof(float), s);
        sum_squares<T><<<1024, 256, 0, s>>>(t[0], (float *)b[1], n);
    } else {
        return 0;
    }
    return 1;
}

/* Operations of fixed formats. */
static int run_fixed(const struct job *j, void *const b[], cudaStream_t s)
{
    const char *name = j->op->name;
    size_t n = (size_t)(j->rows * j->cols) / 8;
    float *const *f = (float *const *)b;
    bf16 *const *h = (bf16 *const *)b;
    if (IS("adam fp32"))
        run_each(adam<float, float>{f[0], f[1], f[2], f[3], NULL}, n, s);
    else if (IS("adam fp32 copy"))
        run_each(adam<float, float>{f[0], f[1], f[2], f[3], h[4]}, n, s);
    else if (IS("adam bf16"))
        run_each(adam<bf16, bf16>{h[0], h[1], h[2], h[3], NULL}, n, s);
    else if (IS("cast fp32 bf16"))
        run_each(convert<float, bf16>{f[0], h[1]}, n, s);
    else if (IS("cast bf16 fp32"))
        run_each(convert<bf16, float>{h[0], f[1]}, n, s);
    else if (IS("cast bf16 fp8"))
        run_each(convert<bf16, e4m3>{h[0], (e4m3 *)b[1]}, n, s);
    else
        return 0;
    return 1;
}

static int call_job(struct stc_frame *f, void *ctx, int i, cudaStream_t stream)
{
    struct job *j = (struct job *)ctx;
    void *const *b = j->b[i % j->n_sets];
    int done = run_fixed(j, b, stream);
    if (!done && j->num == STC_NUM_BF16) done = run_any<bf16>(j, b, stream);
    if (!done && j->num == STC_NUM_F32) done = run_any<float>(j, b, stream);
    if (!done) {
        snprintf(f->why, sizeof f->why, "internal: no kernel for %s", j->op->name);
        return -1;
    }
    STC_CUDA_INT(f, cudaGetLastError());
    return 0;
}

/* ==== operands ==== */

static __global__ void fill_values(void *to, enum stc_num num, size_t n,
                                   enum stc_mb_fill fill, uint64_t seed, int32_t limit)
{
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (; i < n; i += stride)
        stc_num_put(num, to, i, stc_mb_value(fill, seed, i, limit));
}

static int32_t limit_of(const struct job *j, int i)
{
    return (int32_t)(j->op->buf[i].fill == STC_MB_TOKEN ? stc_mb_vocab(j->rows)
                                                        : j->cols);
}

static enum stc_ran make_set(struct stc_frame *f, struct job *j, int set)
{
    int i, n = n_bufs(j);
    for (i = 0; i < n; i++) {
        const struct stc_mb_buf *b = &j->op->buf[i];
        size_t count = (size_t)stc_mb_elements(b->ext, j->rows, j->cols);
        size_t bytes = count * (size_t)stc_num_bytes(num_of(j, i));
        j->b[set][i] = stc_pool_take(f, bytes);
        if (!j->b[set][i]) return STC_RAN_SKIP;
        if (b->dir == STC_MB_OUT) {
            if (stc_poison(f, j->b[set][i], bytes)) return STC_RAN_FAIL;
        } else {
            fill_values<<<(unsigned)f->prop.multiProcessorCount * 16, 256, 0,
                          f->stream>>>(j->b[set][i], num_of(j, i), count, b->fill,
                                       (uint64_t)i, limit_of(j, i));
            STC_CUDA(f, cudaGetLastError());
        }
    }
    j->n_sets = set + 1;
    return STC_RAN_OK;
}

static enum stc_ran make_job(struct stc_frame *f, const struct stc_case *c,
                             int64_t rows, int n_sets, struct job *j)
{
    int64_t most = 2 * f->prop.multiProcessorCount;
    int set;
    memset(j, 0, sizeof *j);
    stc_pool_reset(f);
    j->op = stc_mb_find(c->op);
    j->num = c->num;
    j->rows = rows;
    j->cols = c->d[STC_D_COLS];
    j->blocks = (int)(rows < most ? rows : most);
    j->part =
        (float *)stc_pool_take(f, (size_t)(j->blocks * j->cols) * 2 * sizeof(float));
    if (!j->op || !j->part) return STC_RAN_SKIP;
    for (set = 0; set < n_sets; set++) {
        enum stc_ran ran = make_set(f, j, set);
        if (ran == STC_RAN_SKIP && set > 0) break; /* fewer sets will do */
        STC_TRY(ran);
    }
    return STC_RAN_OK;
}

/* ==== checking ==== */

static int compare_output(struct stc_frame *f, const struct job *j, int i,
                          const double *ref, double *worst)
{
    enum stc_num num = num_of(j, i);
    size_t n = (size_t)stc_mb_elements(j->op->buf[i].ext, j->rows, j->cols), k;
    char *raw = (char *)malloc(n * (size_t)stc_num_bytes(num));
    double *got = (double *)malloc(n * sizeof *got), err;
    cudaError_t e = cudaErrorMemoryAllocation;
    if (raw && got) {
        e = cudaMemcpy(raw, j->b[0][i], n * (size_t)stc_num_bytes(num),
                       cudaMemcpyDeviceToHost);
    }
    for (k = 0; e == cudaSuccess && k < n; k++)
        got[k] = (double)stc_num_get(num, raw, k);
    err = e == cudaSuccess ? stc_mb_error(ref, got, (int64_t)n) : INFINITY;
    if (err > *worst) *worst = err;
    if (err > stc_mb_tolerance(num)) {
        snprintf(f->why, sizeof f->why,
                 "buffer %d differs from the reference by %.3g, allowed %.3g", i, err,
                 stc_mb_tolerance(num));
    }
    free(raw);
    free(got);
    return err > stc_mb_tolerance(num);
}

static enum stc_ran check(struct stc_frame *f, const struct stc_case *c,
                          double *rel_err)
{
    struct job j;
    double *ref[STC_MB_BUFS] = {NULL};
    int i, n, wrong = 0;
    STC_TRY(make_job(f, c, STC_MB_CHECK_ROWS, 1, &j));
    if (call_job(f, &j, 0, f->stream)) return STC_RAN_FAIL;
    STC_CUDA(f, cudaStreamSynchronize(f->stream));
    n = n_bufs(&j);
    *rel_err = 0;
    for (i = 0; i < n; i++) {
        size_t count = (size_t)stc_mb_elements(j.op->buf[i].ext, j.rows, j.cols), k;
        ref[i] = (double *)malloc(count * sizeof(double));
        wrong |= !ref[i];
        for (k = 0; ref[i] && k < count; k++) {
            float x = stc_mb_value(j.op->buf[i].fill, (uint64_t)i, k, limit_of(&j, i));
            ref[i][k] = (double)stc_num_round(num_of(&j, i), x);
        }
    }
    if (!wrong) j.op->ref(j.rows, j.cols, ref);
    for (i = 0; i < n; i++) {
        if (!wrong && j.op->buf[i].dir != STC_MB_IN) {
            wrong |= compare_output(f, &j, i, ref[i], rel_err);
        }
    }
    for (i = 0; i < n; i++)
        free(ref[i]);
    return wrong ? STC_RAN_WRONG : STC_RAN_OK;
}

static enum stc_ran look_for_poison(struct stc_frame *f, const struct job *j)
{
    int i, n = n_bufs(j);
    for (i = 0; i < n; i++) {
        enum stc_num num = num_of(j, i);
        long nan;
        if (j->op->buf[i].dir == STC_MB_IN || num == STC_NUM_U8) continue;
        nan =
            stc_count_nan(f, j->b[0][i], num,
                          (size_t)stc_mb_elements(j->op->buf[i].ext, j->rows, j->cols));
        if (nan < 0) return STC_RAN_FAIL;
        if (nan > 0) {
            snprintf(f->why, sizeof f->why,
                     "%ld elements of buffer %d were not written", nan, i);
            return STC_RAN_WRONG;
        }
    }
    return STC_RAN_OK;
}

/* ==== the suite ==== */

/* "layer_norm fwd" -> "layer_norm stepcast fwd", as truth names such rows. */
static void test_name(const char *op, char *out, size_t n)
{
    const char *blank = strchr(op, ' ');
    int len = blank ? (int)(blank - op) : (int)strlen(op);
    snprintf(out, n, "%.*s stepcast%s", len, op, blank ? blank : "");
}

enum stc_ran stc_run_membound(struct stc_frame *f, const struct stc_case *c)
{
    struct job j;
    struct stc_timing t;
    struct stc_row row;
    char text[96];
    double err = NAN;
    STC_TRY(check(f, c, &err));
    STC_TRY(make_job(f, c, c->d[STC_D_ROWS], stc_sets_for(f, c->move_bytes), &j));
    STC_TRY(stc_time(f, c, call_job, &j, 1, 0, &t));
    STC_TRY(look_for_poison(f, &j));
    t.rel_err = err;
    stc_row_start(&row);
    stc_row_text(&row, "stepcast-bench");
    stc_row_text(&row, f->machine);
    stc_row_text(&row, f->gpu);
    test_name(c->op, text, sizeof text);
    stc_row_text(&row, text);
    snprintf(text, sizeof text, "%s N=%lld C=%lld", stc_num_name(c->num),
             (long long)j.rows, (long long)j.cols);
    stc_row_text(&row, text);
    stc_row_num(&row, c->move_bytes / t.us.median * 1e-3);
    stc_row_text(&row, "GB/s achieved");
    stc_row_text(&row, stc_num_name(c->num));
    stc_row_int(&row, j.rows);
    stc_row_int(&row, j.cols);
    stc_row_num(&row, c->move_bytes);
    stc_row_num(&row, t.us.median);
    stc_row_tail(f, &row, &t);
    return stc_put(f, &row);
}
