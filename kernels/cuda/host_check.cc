/*
 * host_check.cc - the arithmetic of the memory-bound kernels, run on the CPU.
 *
 * The device headers are compiled for the host with one thread per block: an
 * exchange between lanes yields 0, which is neutral in a sum and harmless where
 * a maximum only keeps an exponential from overflowing. So indices, formulas,
 * vector loads and formats are compared with the references of membound.c on
 * any machine that has the CUDA headers; what this cannot see is barriers and
 * exchanges, which the GPU's own check covers.
 *
 * Build and run: make -C kernels/cuda check
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#include <cuda_runtime.h>

struct place {
    unsigned x;
};
static place threadIdx, blockIdx, blockDim = {1}, gridDim = {1};
static float __shfl_xor_sync(unsigned, float, int)
{
    return 0;
}
static void __syncthreads() {}
static float bits_as_float(unsigned u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
#define __expf          expf /* glibc has another one of that name */
#define rsqrtf(x)       (1 / sqrtf(x))
#define __uint_as_float bits_as_float
static float atomicAdd(float *p, float x)
{
    float before = *p;
    *p += x;
    return before;
}
#undef __shared__
#define __shared__ static
#undef __global__
#define __global__

#include "norms.cuh"
#include "pointwise.cuh"

enum { ROWS = STC_MB_CHECK_ROWS, MOST_CHUNKS = 8 };

template <class F> static void run_each(F f, size_t n_chunks)
{
    for (size_t c = 0; c < n_chunks; c++)
        f(c);
}

/* body for each of n blocks of one thread */
template <class B> static void blocks(int n, B body)
{
    gridDim.x = (unsigned)n;
    for (blockIdx.x = 0; blockIdx.x < (unsigned)n; blockIdx.x++)
        body();
    blockIdx.x = 0;
}

struct check {
    const struct stc_mb_op *op;
    int64_t rows, cols;
    std::vector<std::vector<char>> raw;
    std::vector<std::vector<double>> ref;
    // cppcheck-suppress invalidPointerCast ; raw bytes, aligned by the allocator
    template <class T> T *at(int i) { return (T *)raw[(size_t)i].data(); }
};

static enum stc_num num_of(const check &k, int i)
{
    enum stc_num num = k.op->buf[i].num;
    return num == STC_NUM_COUNT ? STC_NUM_BF16 : num;
}

static void run_norms(check &k, const char *name)
{
    const int cols = (int)k.cols, rows = (int)k.rows, n = 3; /* persistent blocks */
    std::vector<float> part((size_t)(n * cols * 2));
    auto add_up = [&](float *out, int width) {
        for (int c = 0; c < width; c++) {
            blockIdx.x = (unsigned)c;
            add_parts(part.data(), out, n, width);
        }
        blockIdx.x = 0;
    };
    if (!strcmp(name, "layer_norm fwd")) {
        blocks(rows, [&] {
            norm_fwd<bf16, MOST_CHUNKS, true>(k.at<bf16>(0), k.at<bf16>(1),
                                              k.at<bf16>(2), k.at<bf16>(3),
                                              k.at<float>(4), k.at<float>(5), cols);
        });
    } else if (!strcmp(name, "rms_norm fwd")) {
        blocks(rows, [&] {
            norm_fwd<bf16, MOST_CHUNKS, false>(k.at<bf16>(0), k.at<bf16>(1),
                                               (bf16 *)NULL, k.at<bf16>(2), NULL,
                                               k.at<float>(3), cols);
        });
    } else if (!strcmp(name, "layer_norm bwd")) {
        blocks(n, [&] {
            norm_bwd<bf16, MOST_CHUNKS, true>(
                k.at<bf16>(0), k.at<bf16>(1), k.at<bf16>(2), k.at<float>(3),
                k.at<float>(4), k.at<bf16>(5), part.data(), rows, cols);
        });
        add_up(k.at<float>(6), 2 * cols);
    } else {
        blocks(n, [&] {
            norm_bwd<bf16, MOST_CHUNKS, false>(k.at<bf16>(0), k.at<bf16>(1),
                                               k.at<bf16>(2), NULL, k.at<float>(3),
                                               k.at<bf16>(4), part.data(), rows, cols);
        });
        add_up(k.at<float>(5), cols);
    }
}

/* The same calls as suite_membound.cu makes. 0: an operation without one. */
static int run_op(check &k)
{
    const char *name = k.op->name;
    size_t n = (size_t)(k.rows * k.cols) / 8, row = (size_t)k.cols / 8;
    int cols = (int)k.cols, rows = (int)k.rows;
#define H(i)     k.at<bf16>(i)
#define S(i)     k.at<float>(i)
#define IS(text) (strcmp(name, text) == 0)
    if (strstr(name, "_norm "))
        run_norms(k, name);
    else if (IS("gelu fwd"))
        run_each(gelu_fwd<bf16>{H(0), H(1)}, n);
    else if (IS("gelu bwd"))
        run_each(gelu_bwd<bf16>{H(0), H(1), H(2)}, n);
    else if (IS("swiglu fwd"))
        run_each(swiglu_fwd<bf16>{H(0), H(1), row}, n);
    else if (IS("swiglu bwd"))
        run_each(swiglu_bwd<bf16>{H(0), H(1), H(2), row}, n);
    else if (IS("dropout_add fwd"))
        run_each(dropout_add_fwd<bf16>{H(0), H(1), H(2), k.at<uint8_t>(3)}, n);
    else if (IS("dropout_add bwd"))
        run_each(dropout_add_bwd<bf16>{H(0), k.at<uint8_t>(1), H(2)}, n);
    else if (IS("softmax fwd"))
        blocks(rows, [&] { softmax_fwd<bf16, MOST_CHUNKS>(H(0), H(1), cols); });
    else if (IS("softmax bwd"))
        blocks(rows, [&] { softmax_bwd<bf16, MOST_CHUNKS>(H(0), H(1), H(2), cols); });
    else if (IS("cross_entropy"))
        blocks(rows,
               [&] { cross_entropy<bf16>(H(0), k.at<int32_t>(1), S(2), H(3), cols); });
    else if (IS("rotary"))
        run_each(rotary<bf16>{H(0), S(1), S(2), H(3), row}, n / 2);
    else if (IS("embedding fwd"))
        run_each(embedding_fwd<bf16>{k.at<int32_t>(0), H(1), H(2), row}, n);
    else if (IS("embedding bwd"))
        run_each(embedding_bwd<bf16>{k.at<int32_t>(0), H(1), S(2), row}, n);
    else if (IS("adam fp32"))
        run_each(adam<float, float>{S(0), S(1), S(2), S(3), NULL}, n);
    else if (IS("adam fp32 copy"))
        run_each(adam<float, float>{S(0), S(1), S(2), S(3), H(4)}, n);
    else if (IS("adam bf16"))
        run_each(adam<bf16, bf16>{H(0), H(1), H(2), H(3), NULL}, n);
    else if (IS("cast fp32 bf16"))
        run_each(convert<float, bf16>{S(0), H(1)}, n);
    else if (IS("cast bf16 fp32"))
        run_each(convert<bf16, float>{H(0), S(1)}, n);
    else if (IS("cast bf16 fp8"))
        run_each(convert<bf16, e4m3>{H(0), k.at<e4m3>(1)}, n);
    else if (IS("copy"))
        run_each(convert<bf16, bf16>{H(0), H(1)}, n);
    else if (IS("add"))
        run_each(add_two<bf16>{H(0), H(1), H(2)}, n);
    else if (IS("fill"))
        run_each(fill<bf16>{H(0)}, n);
    else if (IS("grad_norm")) {
        *S(1) = 0;
        sum_squares<bf16>(H(0), S(1), n);
    } else {
        return 0;
    }
    return 1;
}

static int check_op(const struct stc_mb_op *op)
{
    /* More than a whole vocabulary row in cross_entropy, two heads in rotary. */
    check k = {op, ROWS, 64, {}, {}};
    double *ref[STC_MB_BUFS] = {NULL}, worst = 0;
    int i, n = 0, bad = 0;
    if (strcmp(op->name, "cross_entropy") == 0) k.cols = 1024;
    if (strcmp(op->name, "rotary") == 0) k.cols = 192;
    for (; n < STC_MB_BUFS && op->buf[n].ext != STC_MB_NONE; n++) {
        const struct stc_mb_buf *b = &op->buf[n];
        size_t count = (size_t)stc_mb_elements(b->ext, k.rows, k.cols), e;
        int32_t limit =
            (int32_t)(b->fill == STC_MB_TOKEN ? stc_mb_vocab(k.rows) : k.cols);
        k.raw.emplace_back(count * (size_t)stc_num_bytes(num_of(k, n)), (char)0xff);
        k.ref.emplace_back(count);
        for (e = 0; e < count; e++) {
            float x = stc_mb_value(b->fill, (uint64_t)n, e, limit);
            k.ref[(size_t)n][e] = (double)stc_num_round(num_of(k, n), x);
            if (b->dir != STC_MB_OUT)
                stc_num_put(num_of(k, n), k.raw[(size_t)n].data(), e, x);
        }
    }
    for (i = 0; i < n; i++)
        ref[i] = k.ref[(size_t)i].data();
    gridDim.x = 1;
    if (!run_op(k)) {
        printf("%-18s has no kernel\n", op->name);
        return 1;
    }
    op->ref(k.rows, k.cols, ref);
    for (i = 0; i < n; i++) {
        size_t count = k.ref[(size_t)i].size(), e;
        std::vector<double> got(count);
        double err;
        if (op->buf[i].dir == STC_MB_IN) continue;
        for (e = 0; e < count; e++) {
            got[e] = (double)stc_num_get(num_of(k, i), k.raw[(size_t)i].data(), e);
        }
        err = stc_mb_error(ref[i], got.data(), (int64_t)count);
        bad |= !(err <= stc_mb_tolerance(num_of(k, i)));
        worst = err > worst ? err : worst;
    }
    printf("%-18s %-5s largest error %.2g\n", op->name, bad ? "WRONG" : "ok", worst);
    return bad;
}

int main()
{
    int i, bad = 0;
    for (i = 0; i < stc_mb_n_ops; i++)
        bad |= check_op(&stc_mb_ops[i]);
    return bad;
}
