/*
 * num.h - number formats and random data that host and device agree on, bit
 * for bit.
 *
 * THEORY. A benchmark on zeros runs too fast (fewer bits toggle, less power)
 * and hides unwritten outputs. So every operand is filled with normal-like
 * random values in the full mantissa of its format. The value of element i is
 * a pure function of (seed, i): a 64-bit mix (the SplitMix64 finaliser, Steele,
 * Lea, Flood, OOPSLA 2014) whose four 16-bit parts are added, which gives an
 * Irwin-Hall(4) variable of mean 0 and variance 1 after scaling. The CPU can
 * therefore compute any element of a reference without copying an operand.
 *
 * FORMATS. bf16: 8 bits of exponent, 7 of mantissa. fp16: IEEE 754 binary16.
 * e4m3: 4 and 3 bits, no infinities, largest 448 (OCP 8-bit floating point
 * specification 1.0, table 1). Encoding rounds to nearest even; e4m3 saturates.
 *
 * Everything here is static inline and compiles as C11 and as CUDA C++.
 */
#ifndef STC_KERNELS_CUDA_NUM_H
#define STC_KERNELS_CUDA_NUM_H

#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
# define STC_HD __host__ __device__
#else
# define STC_HD
#endif

/* X(id, name, bytes of one element as stored) */
#define STC_NUM_MAP(X)                                             \
 X(F32, "fp32", 4)                                                 \
 X(TF32, "tf32", 4) /* fp32 in memory; products on tensor cores */ \
 X(BF16, "bfloat16", 2)                                            \
 X(F16, "fp16", 2)                                                 \
 X(E4M3, "fp8", 1)                                                 \
 X(I32, "int32", 4)                                                \
 X(U8, "uint8", 1)

enum stc_num {
#define STC_NUM_ROW(id, name, bytes) STC_NUM_##id,
    STC_NUM_MAP(STC_NUM_ROW)
#undef STC_NUM_ROW
        STC_NUM_COUNT
};

static inline int stc_num_bytes(enum stc_num d)
{
    static const int bytes[STC_NUM_COUNT] = {
#define STC_NUM_ROW(id, name, n_bytes) n_bytes,
        STC_NUM_MAP(STC_NUM_ROW)
#undef STC_NUM_ROW
    };
    return bytes[d];
}

static inline const char *stc_num_name(enum stc_num d)
{
    static const char *const names[STC_NUM_COUNT] = {
#define STC_NUM_ROW(id, name, n_bytes) name,
        STC_NUM_MAP(STC_NUM_ROW)
#undef STC_NUM_ROW
    };
    return names[d];
}

STC_HD static inline uint64_t stc_mix(uint64_t seed, uint64_t i)
{
    uint64_t z = (seed + 1u) * 0x9e3779b97f4a7c15u + i * 0xd1b54a32d192ed03u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Mean 0, variance 1, |x| < 3.5. One exact integer sum, one rounding. */
STC_HD static inline float stc_rand_normal(uint64_t seed, uint64_t i)
{
    uint64_t z = stc_mix(seed, i);
    int32_t sum = (int32_t)(z & 0xffffu) + (int32_t)((z >> 16) & 0xffffu) +
                  (int32_t)((z >> 32) & 0xffffu) + (int32_t)(z >> 48) - 131070;
    /* Var of four uniforms on 0..65535 is (65536^2 - 1) / 3. */
    return (float)sum * (1.0f / 37837.2f);
}

/* Uniform on 0 .. n - 1, by multiply and shift. */
STC_HD static inline int32_t stc_rand_index(uint64_t seed, uint64_t i, int32_t n)
{
    return (int32_t)(((stc_mix(seed, i) >> 32) * (uint64_t)(uint32_t)n) >> 32);
}

STC_HD static inline uint32_t stc_f32_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

STC_HD static inline float stc_f32_from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

STC_HD static inline uint16_t stc_bf16_enc(float x)
{
    uint32_t u = stc_f32_bits(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return 0x7fffu;
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

STC_HD static inline float stc_bf16_dec(uint16_t h)
{
    return stc_f32_from_bits((uint32_t)h << 16);
}

/* Round a positive significand to nearest even after dropping `drop` bits. */
STC_HD static inline uint32_t stc_rne(uint32_t v, int drop)
{
    uint32_t half, rest;
    if (drop > 31) return 0;
    if (drop <= 0) return v;
    half = 1u << (drop - 1);
    rest = v & ((1u << drop) - 1u);
    v >>= drop;
    return v + (rest > half || (rest == half && (v & 1u)) ? 1u : 0u);
}

/* A float as sign | exponent | mantissa of a small format with the given bias
 * and mantissa bits; subnormals come out right because the carry of the
 * rounding runs into the exponent field. Overflow is the caller's. */
STC_HD static inline uint32_t stc_small_enc(float x, int bias, int man_bits)
{
    uint32_t u = stc_f32_bits(x) & 0x7fffffffu;
    int e = (int)(u >> 23) - 127;
    uint32_t sig = (u & 0x7fffffu) | 0x800000u;
    if (u < 0x00800000u) return 0; /* fp32 subnormals are far below either */
    if (e + bias <= 0) return stc_rne(sig, 23 - man_bits + 1 - (e + bias));
    return ((uint32_t)(e + bias - 1) << man_bits) + stc_rne(sig, 23 - man_bits);
}

STC_HD static inline float stc_small_dec(uint32_t v, int bias, int man_bits)
{
    uint32_t e = v >> man_bits, man = v & ((1u << man_bits) - 1u);
    float scale = stc_f32_from_bits((uint32_t)(127 - bias + 1 - man_bits) << 23);
    if (e == 0) return (float)man * scale;
    return stc_f32_from_bits(((e + (uint32_t)(127 - bias)) << 23) |
                             (man << (23 - man_bits)));
}

STC_HD static inline uint16_t stc_f16_enc(float x)
{
    uint32_t sign = (stc_f32_bits(x) >> 16) & 0x8000u;
    uint32_t mag = stc_f32_bits(x) & 0x7fffffffu;
    uint32_t v;
    if (mag > 0x7f800000u) return 0x7fffu;
    if (mag >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* >= 65520 */
    v = stc_small_enc(x, 15, 10);
    return (uint16_t)(sign | v);
}

STC_HD static inline float stc_f16_dec(uint16_t h)
{
    uint32_t mag = h & 0x7fffu;
    float x;
    if (mag >= 0x7c00u) {
        return stc_f32_from_bits(((uint32_t)(h & 0x8000u) << 16) | 0x7f800000u |
                                 ((mag & 0x3ffu) << 13));
    }
    x = stc_small_dec(mag, 15, 10);
    return (h & 0x8000u) ? -x : x;
}

STC_HD static inline uint8_t stc_e4m3_enc(float x)
{
    uint32_t sign = (stc_f32_bits(x) >> 24) & 0x80u;
    uint32_t mag = stc_f32_bits(x) & 0x7fffffffu;
    if (mag > 0x7f800000u) return (uint8_t)(sign | 0x7fu);
    if (mag >= 0x43e00000u) return (uint8_t)(sign | 0x7eu); /* >= 448 saturates */
    return (uint8_t)(sign | stc_small_enc(x, 7, 3));
}

STC_HD static inline float stc_e4m3_dec(uint8_t b)
{
    uint32_t mag = b & 0x7fu;
    float x = mag == 0x7fu ? stc_f32_from_bits(0x7fc00000u) : stc_small_dec(mag, 7, 3);
    return (b & 0x80u) ? -x : x;
}

/* x as it will be once stored in format d. */
STC_HD static inline float stc_num_round(enum stc_num d, float x)
{
    switch (d) {
    case STC_NUM_BF16: return stc_bf16_dec(stc_bf16_enc(x));
    case STC_NUM_F16: return stc_f16_dec(stc_f16_enc(x));
    case STC_NUM_E4M3: return stc_e4m3_dec(stc_e4m3_enc(x));
    default: return x;
    }
}

/* Store and load element i of an array of format d (floating formats). */
STC_HD static inline void stc_num_put(enum stc_num d, void *base, uint64_t i, float x)
{
    switch (d) {
    case STC_NUM_BF16: ((uint16_t *)base)[i] = stc_bf16_enc(x); break;
    case STC_NUM_F16: ((uint16_t *)base)[i] = stc_f16_enc(x); break;
    case STC_NUM_E4M3: ((uint8_t *)base)[i] = stc_e4m3_enc(x); break;
    case STC_NUM_I32: ((int32_t *)base)[i] = (int32_t)x; break;
    case STC_NUM_U8: ((uint8_t *)base)[i] = (uint8_t)x; break;
    default: ((float *)base)[i] = x; break;
    }
}

STC_HD static inline float stc_num_get(enum stc_num d, const void *base, uint64_t i)
{
    switch (d) {
    case STC_NUM_BF16: return stc_bf16_dec(((const uint16_t *)base)[i]);
    case STC_NUM_F16: return stc_f16_dec(((const uint16_t *)base)[i]);
    case STC_NUM_E4M3: return stc_e4m3_dec(((const uint8_t *)base)[i]);
    case STC_NUM_I32: return (float)((const int32_t *)base)[i];
    case STC_NUM_U8: return (float)((const uint8_t *)base)[i];
    default: return ((const float *)base)[i];
    }
}

#endif
