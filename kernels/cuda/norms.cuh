/*
 * norms.cuh - kernels that need a whole row: norms, softmax, cross-entropy.
 *
 * A row lies in the registers of one block (NV chunks of 8 per thread), so it
 * is read once. Backward norms run few persistent blocks, each of which keeps
 * its share of the gain's gradient in registers until it has done its rows;
 * a second kernel adds the shares up.
 */
#ifndef STC_KERNELS_CUDA_NORMS_CUH
#define STC_KERNELS_CUDA_NORMS_CUH

#include "membound.h"
#include "rows.cuh"

template <class T, int NV, bool MEAN>
__global__ void norm_fwd(const T *x, const T *gain, const T *shift, T *y,
                         float *mean_out, float *rstd_out, int cols)
{
    size_t row = blockIdx.x;
    int chunks = cols / 8;
    float v[NV][8], sum = 0, mean = 0;
    STC_CHUNKS(NV, chunks, i, c)
    {
        ld8(x + row * cols, c, v[i]);
        for (int e = 0; e < 8; e++)
            sum += MEAN ? v[i][e] : v[i][e] * v[i][e];
    }
    sum = over_block<false>(sum);
    if (MEAN) {
        mean = sum / cols;
        sum = 0;
        STC_CHUNKS(NV, chunks, i, c)
        {
            for (int e = 0; e < 8; e++)
                sum += (v[i][e] - mean) * (v[i][e] - mean);
        }
        sum = over_block<false>(sum);
    }
    float rstd = rsqrtf(sum / cols + STC_NORM_EPS);
    STC_CHUNKS(NV, chunks, i, c)
    {
        float g[8], s[8] = {0};
        ld8(gain, c, g);
        if (MEAN) ld8(shift, c, s);
        for (int e = 0; e < 8; e++)
            v[i][e] = (v[i][e] - mean) * rstd * g[e] + s[e];
        st8(y + row * cols, c, v[i]);
    }
    if (threadIdx.x == 0) {
        if (MEAN) mean_out[row] = mean;
        rstd_out[row] = rstd;
    }
}

template <class T, int NV, bool MEAN>
__global__ void norm_bwd(const T *x, const T *gain, const T *dy, const float *mean_in,
                         const float *rstd_in, T *dx, float *part, int rows, int cols)
{
    int chunks = cols / 8;
    float dg[NV][8] = {}, ds[NV][8] = {};
    for (int row = (int)blockIdx.x; row < rows; row += (int)gridDim.x) {
        size_t at = (size_t)row * cols;
        float mean = MEAN ? mean_in[row] : 0, rstd = rstd_in[row];
        float xh[NV][8], g[NV][8], sum_g = 0, sum_gx = 0;
        STC_CHUNKS(NV, chunks, i, c)
        {
            float w[8];
            ld8(x + at, c, xh[i]);
            ld8(dy + at, c, g[i]);
            ld8(gain, c, w);
            for (int e = 0; e < 8; e++) {
                xh[i][e] = (xh[i][e] - mean) * rstd;
                dg[i][e] += g[i][e] * xh[i][e];
                if (MEAN) ds[i][e] += g[i][e];
                g[i][e] *= w[e];
                sum_g += g[i][e];
                sum_gx += g[i][e] * xh[i][e];
            }
        }
        sum_g = MEAN ? over_block<false>(sum_g) / cols : 0;
        sum_gx = over_block<false>(sum_gx) / cols;
        STC_CHUNKS(NV, chunks, i, c)
        {
            for (int e = 0; e < 8; e++) {
                g[i][e] = rstd * (g[i][e] - sum_g - xh[i][e] * sum_gx);
            }
            st8(dx + at, c, g[i]);
        }
    }
    size_t width = (size_t)cols * (MEAN ? 2 : 1);
    STC_CHUNKS(NV, chunks, i, c)
    {
        st8(part + blockIdx.x * width, c, dg[i]);
        if (MEAN) st8(part + blockIdx.x * width + cols, c, ds[i]);
    }
}

/* out[c] = sum over the n partial rows. */
static __global__ void add_parts(const float *part, float *out, int n, int width)
{
    int c = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    float sum = 0;
    if (c >= width) return;
    for (int r = 0; r < n; r++)
        sum += part[(size_t)r * width + c];
    out[c] = sum;
}

template <class T, int NV> __global__ void softmax_fwd(const T *x, T *y, int cols)
{
    size_t at = (size_t)blockIdx.x * cols;
    int chunks = cols / 8;
    float v[NV][8], most = -INFINITY, sum = 0;
    STC_CHUNKS(NV, chunks, i, c)
    {
        ld8(x + at, c, v[i]);
        for (int e = 0; e < 8; e++)
            most = fmaxf(most, v[i][e]);
    }
    most = over_block<true>(most);
    STC_CHUNKS(NV, chunks, i, c)
    {
        for (int e = 0; e < 8; e++)
            sum += v[i][e] = __expf(v[i][e] - most);
    }
    sum = 1 / over_block<false>(sum);
    STC_CHUNKS(NV, chunks, i, c)
    {
        for (int e = 0; e < 8; e++)
            v[i][e] *= sum;
        st8(y + at, c, v[i]);
    }
}

template <class T, int NV>
__global__ void softmax_bwd(const T *y, const T *dy, T *dx, int cols)
{
    size_t at = (size_t)blockIdx.x * cols;
    int chunks = cols / 8;
    float v[NV][8], d[NV][8], dot = 0;
    STC_CHUNKS(NV, chunks, i, c)
    {
        ld8(y + at, c, v[i]);
        ld8(dy + at, c, d[i]);
        for (int e = 0; e < 8; e++)
            dot += v[i][e] * d[i][e];
    }
    dot = over_block<false>(dot);
    STC_CHUNKS(NV, chunks, i, c)
    {
        for (int e = 0; e < 8; e++)
            d[i][e] = v[i][e] * (d[i][e] - dot);
        st8(dx + at, c, d[i]);
    }
}

/* A vocabulary does not fit in registers: the row is read twice, the second
 * time mostly from L2. Maximum and sum run together (Milakov, Gimelshein 2018). */
template <class T>
__global__ void cross_entropy(const T *x, const int32_t *target, float *loss, T *dx,
                              int cols)
{
    size_t at = (size_t)blockIdx.x * cols;
    int chunks = cols / 8, t = target[blockIdx.x];
    float most = -INFINITY, sum = 0;
    for (int c = (int)threadIdx.x; c < chunks; c += (int)blockDim.x) {
        float v[8], top = most;
        ld8(x + at, c, v);
        for (int e = 0; e < 8; e++)
            top = fmaxf(top, v[e]);
        sum *= __expf(most - top);
        for (int e = 0; e < 8; e++)
            sum += __expf(v[e] - top);
        most = top;
    }
    float all = over_block<true>(most);
    sum = over_block<false>(sum > 0 ? sum * __expf(most - all) : 0);
    float share = 1.0f / gridDim.x, scale = share / sum;
    for (int c = (int)threadIdx.x; c < chunks; c += (int)blockDim.x) {
        float v[8];
        ld8(x + at, c, v);
        for (int e = 0; e < 8; e++) {
            if (8 * c + e == t) loss[blockIdx.x] = logf(sum) + all - v[e];
            v[e] = __expf(v[e] - all) * scale - (8 * c + e == t ? share : 0);
        }
        st8(dx + at, c, v);
    }
}

#endif
