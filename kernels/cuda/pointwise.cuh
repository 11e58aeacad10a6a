/*
 * pointwise.cuh - kernels whose every 8 elements stand alone, as functors that
 * `each` runs over all chunks; and the few that walk rows without sums.
 */
#ifndef STC_KERNELS_CUDA_POINTWISE_CUH
#define STC_KERNELS_CUDA_POINTWISE_CUH

#include "membound.h"
#include "rows.cuh"

template <class F> __global__ void each(F f, size_t n_chunks)
{
    size_t c = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    if (c < n_chunks) f(c);
}

static __device__ __forceinline__ float gelu_tanh(float x)
{
    return tanhf(0.7978845608f * (x + 0.044715f * x * x * x));
}

template <class T> struct gelu_fwd {
    const T *x;
    T *y;
    __device__ void operator()(size_t c) const
    {
        float v[8];
        ld8(x, c, v);
        for (int e = 0; e < 8; e++)
            v[e] = 0.5f * v[e] * (1 + gelu_tanh(v[e]));
        st8(y, c, v);
    }
};

template <class T> struct gelu_bwd {
    const T *x, *dy;
    T *dx;
    __device__ void operator()(size_t c) const
    {
        float v[8], d[8];
        ld8(x, c, v);
        ld8(dy, c, d);
        for (int e = 0; e < 8; e++) {
            float t = gelu_tanh(v[e]);
            float inner = 0.7978845608f * (1 + 3 * 0.044715f * v[e] * v[e]);
            d[e] *= 0.5f * (1 + t) + 0.5f * v[e] * (1 - t * t) * inner;
        }
        st8(dx, c, d);
    }
};

template <class T> struct swiglu_fwd {
    const T *x;
    T *y;
    size_t row_chunks;
    __device__ void operator()(size_t c) const
    {
        size_t row = c / row_chunks, at = c + row * row_chunks;
        float a[8], u[8];
        ld8(x, at, a);
        ld8(x, at + row_chunks, u);
        for (int e = 0; e < 8; e++)
            a[e] = a[e] / (1 + __expf(-a[e])) * u[e];
        st8(y, c, a);
    }
};

template <class T> struct swiglu_bwd {
    const T *x, *dy;
    T *dx;
    size_t row_chunks;
    __device__ void operator()(size_t c) const
    {
        size_t row = c / row_chunks, at = c + row * row_chunks;
        float a[8], u[8], d[8];
        ld8(x, at, a);
        ld8(x, at + row_chunks, u);
        ld8(dy, c, d);
        for (int e = 0; e < 8; e++) {
            float s = 1 / (1 + __expf(-a[e])),
                  da = d[e] * u[e] * s * (1 + a[e] * (1 - s));
            u[e] = d[e] * a[e] * s;
            a[e] = da;
        }
        st8(dx, at, a);
        st8(dx, at + row_chunks, u);
    }
};

template <class T> struct dropout_add_fwd {
    const T *x, *residual;
    T *y;
    uint8_t *mask;
    __device__ void operator()(size_t c) const
    {
        float v[8], r[8], keep[8];
        ld8(x, c, v);
        ld8(residual, c, r);
        for (int e = 0; e < 8; e++) {
            keep[e] = (float)stc_dropout_keep(8 * c + e);
            r[e] += v[e] * keep[e] * (1 / (1 - STC_DROPOUT_P));
        }
        st8(y, c, r);
        st8(mask, c, keep);
    }
};

template <class T> struct dropout_add_bwd {
    const T *dy;
    const uint8_t *mask;
    T *dx;
    __device__ void operator()(size_t c) const
    {
        float d[8], keep[8];
        ld8(dy, c, d);
        ld8(mask, c, keep);
        for (int e = 0; e < 8; e++)
            d[e] *= keep[e] * (1 / (1 - STC_DROPOUT_P));
        st8(dx, c, d);
    }
};

/* One functor call turns 8 pairs: chunks c and c + 4 of a head of 8 chunks. */
template <class T> struct rotary {
    const T *x;
    const float *cosines, *sines;
    T *y;
    size_t row_chunks; /* of the whole row */
    __device__ void operator()(size_t p) const
    {
        size_t row = p / (row_chunks / 2), q = p % (row_chunks / 2);
        size_t lo = row * row_chunks + q / 4 * 8 + q % 4, hi = lo + 4;
        float a[8], b[8], cs[8], sn[8];
        ld8(x, lo, a);
        ld8(x, hi, b);
        ld8(cosines, row * 4 + q % 4, cs);
        ld8(sines, row * 4 + q % 4, sn);
        for (int e = 0; e < 8; e++) {
            float t = a[e] * cs[e] - b[e] * sn[e];
            b[e] = b[e] * cs[e] + a[e] * sn[e];
            a[e] = t;
        }
        st8(y, lo, a);
        st8(y, hi, b);
    }
};

template <class T> struct embedding_fwd {
    const int32_t *token;
    const T *table;
    T *y;
    size_t row_chunks;
    __device__ void operator()(size_t c) const
    {
        size_t row = c / row_chunks, in_row = c % row_chunks;
        float v[8];
        ld8(table, (size_t)token[row] * row_chunks + in_row, v);
        st8(y, c, v);
    }
};

template <class T> struct embedding_bwd {
    const int32_t *token;
    const T *dy;
    float *dtable;
    size_t row_chunks;
    __device__ void operator()(size_t c) const
    {
        size_t row = c / row_chunks, in_row = c % row_chunks;
        float *to = dtable + ((size_t)token[row] * row_chunks + in_row) * 8;
        float v[8];
        ld8(dy, c, v);
        for (int e = 0; e < 8; e++)
            atomicAdd(to + e, v[e]);
    }
};

template <class P, class G> struct adam {
    P *p, *m, *v;
    const G *g;
    bf16 *copy; /* NULL: none */
    __device__ void operator()(size_t c) const
    {
        float pp[8], mm[8], vv[8], gg[8];
        ld8(p, c, pp);
        ld8(m, c, mm);
        ld8(v, c, vv);
        ld8(g, c, gg);
        for (int e = 0; e < 8; e++) {
            mm[e] = STC_ADAM_BETA1 * mm[e] + (1 - STC_ADAM_BETA1) * gg[e];
            vv[e] = STC_ADAM_BETA2 * vv[e] + (1 - STC_ADAM_BETA2) * gg[e] * gg[e];
            pp[e] = pp[e] * (1 - STC_ADAM_LR * STC_ADAM_DECAY) -
                    STC_ADAM_LR * (mm[e] / STC_ADAM_CORR1) /
                        (sqrtf(vv[e] / STC_ADAM_CORR2) + STC_ADAM_EPS);
        }
        st8(p, c, pp);
        st8(m, c, mm);
        st8(v, c, vv);
        if (copy) st8(copy, c, pp);
    }
};

template <class A, class B> struct convert {
    const A *x;
    B *y;
    __device__ void operator()(size_t c) const
    {
        float v[8];
        ld8(x, c, v);
        st8(y, c, v);
    }
};

template <class T> struct add_two {
    const T *x, *z;
    T *y;
    __device__ void operator()(size_t c) const
    {
        float a[8], b[8];
        ld8(x, c, a);
        ld8(z, c, b);
        for (int e = 0; e < 8; e++)
            a[e] += b[e];
        st8(y, c, a);
    }
};

template <class T> struct fill {
    T *y;
    __device__ void operator()(size_t c) const
    {
        float v[8];
        for (int e = 0; e < 8; e++)
            v[e] = 1.5f;
        st8(y, c, v);
    }
};

template <class T> __global__ void sum_squares(const T *x, float *out, size_t n_chunks)
{
    size_t c = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    float sum = 0;
    for (; c < n_chunks; c += (size_t)gridDim.x * blockDim.x) {
        float v[8];
        ld8(x, c, v);
        for (int e = 0; e < 8; e++)
            sum += v[e] * v[e];
    }
    sum = over_block<false>(sum);
    if (threadIdx.x == 0) atomicAdd(out, sum);
}

#endif
