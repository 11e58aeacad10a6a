/*
 * rows.cuh - what the memory-bound kernels are built from: 8 elements at a
 * time (16 bytes of bf16), sums over a block, rows held in registers.
 */
#ifndef STC_KERNELS_CUDA_ROWS_CUH
#define STC_KERNELS_CUDA_ROWS_CUH

#include <cuda_bf16.h>
#include <cuda_fp8.h>
#include <stdint.h>

typedef __nv_bfloat16 bf16;
typedef __nv_fp8_e4m3 e4m3;

static __device__ __forceinline__ void ld8(const bf16 *p, size_t chunk, float v[8])
{
    uint4 raw = ((const uint4 *)p)[chunk];
    const uint32_t w[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        v[2 * i] = __uint_as_float(w[i] << 16);
        v[2 * i + 1] = __uint_as_float(w[i] & 0xffff0000u);
    }
}

static __device__ __forceinline__ void st8(bf16 *p, size_t chunk, const float v[8])
{
    uint32_t w[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        __nv_bfloat162 pair = __floats2bfloat162_rn(v[2 * i], v[2 * i + 1]);
        w[i] = *(const uint32_t *)&pair;
    }
    ((uint4 *)p)[chunk] = make_uint4(w[0], w[1], w[2], w[3]);
}

static __device__ __forceinline__ void ld8(const float *p, size_t chunk, float v[8])
{
    float4 lo = ((const float4 *)p)[2 * chunk], hi = ((const float4 *)p)[2 * chunk + 1];
    v[0] = lo.x, v[1] = lo.y, v[2] = lo.z, v[3] = lo.w;
    v[4] = hi.x, v[5] = hi.y, v[6] = hi.z, v[7] = hi.w;
}

static __device__ __forceinline__ void st8(float *p, size_t chunk, const float v[8])
{
    ((float4 *)p)[2 * chunk] = make_float4(v[0], v[1], v[2], v[3]);
    ((float4 *)p)[2 * chunk + 1] = make_float4(v[4], v[5], v[6], v[7]);
}

static __device__ __forceinline__ void ld8(const uint8_t *p, size_t chunk, float v[8])
{
    uint2 raw = ((const uint2 *)p)[chunk];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        v[i] = (float)((raw.x >> (8 * i)) & 0xffu);
        v[i + 4] = (float)((raw.y >> (8 * i)) & 0xffu);
    }
}

static __device__ __forceinline__ void st8(uint8_t *p, size_t chunk, const float v[8])
{
    uint2 raw = make_uint2(0, 0);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        raw.x |= (uint32_t)v[i] << (8 * i);
        raw.y |= (uint32_t)v[i + 4] << (8 * i);
    }
    ((uint2 *)p)[chunk] = raw;
}

static __device__ __forceinline__ void st8(e4m3 *p, size_t chunk, const float v[8])
{
    uint2 raw = make_uint2(0, 0);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        raw.x |= (uint32_t)e4m3(v[i]).__x << (8 * i);
        raw.y |= (uint32_t)e4m3(v[i + 4]).__x << (8 * i);
    }
    ((uint2 *)p)[chunk] = raw;
}

/* The sum (or the largest) of x over the block, in every thread. */
template <bool MAX> static __device__ __forceinline__ float over_block(float x)
{
    __shared__ float part[33];
    int lane = (int)threadIdx.x & 31, warp = (int)threadIdx.x >> 5;
    int n_warps = ((int)blockDim.x + 31) >> 5;
#pragma unroll
    for (int s = 16; s > 0; s >>= 1) {
        float y = __shfl_xor_sync(0xffffffffu, x, s);
        x = MAX ? fmaxf(x, y) : x + y;
    }
    __syncthreads(); /* part may still be read from the sum before */
    if (lane == 0) part[warp] = x;
    __syncthreads();
    if (warp == 0) {
        x = lane < n_warps ? part[lane] : MAX ? -INFINITY : 0.0f;
#pragma unroll
        for (int s = 16; s > 0; s >>= 1) {
            float y = __shfl_xor_sync(0xffffffffu, x, s);
            x = MAX ? fmaxf(x, y) : x + y;
        }
        if (lane == 0) part[32] = x;
    }
    __syncthreads();
    return part[32];
}

/* Runs `body(index, c)` for the chunks c of a row that belong to this thread;
 * index is a compile-time place in registers. */
/* clang-format off */
#define STC_CHUNKS(NV, chunks, index, c)                               \
 _Pragma("unroll") for (int index = 0; index < (NV); index++)          \
  if (int c = (int)threadIdx.x + index * (int)blockDim.x; c < (chunks))
/* clang-format on */

#endif
