/*
 * membound.h - the memory-bound operations as a table: their buffers, bytes
 * and CPU references.
 *
 * THEORY. Such a kernel is judged by the bytes that it cannot avoid: every
 * input read once, every output written once, what is updated in place both.
 * So an operation is described by its buffers, from which follow its bytes, its
 * operands, the poisoning and comparing of its outputs, and all that is left to
 * write is the kernel (suite_membound.cu) and the reference (membound.c).
 *
 * REFERENCES work on doubles that hold the operands exactly as the device sees
 * them (rounded to their formats) and are plain loops in fp64.
 *
 * SHAPES. R rows, C columns, row-major. V rows of an embedding table.
 * H = 64 columns of one head for rotary, which turns pairs (i, i + 32).
 *
 *     layer_norm   y = (x - mean) rstd gamma + beta      Ba, Kiros, Hinton 2016
 *     rms_norm     y = x rstd gamma                      Zhang, Sennrich 2019
 *     gelu         the tanh form                         Hendrycks, Gimpel 2016, sec. 2
 *     swiglu       silu(a) b for a row [a | b]           Shazeer 2020, eq. 6
 *     rotary       Su et al. 2021, eq. 34, halves instead of neighbours
 *     adam         AdamW, Loshchilov, Hutter 2019, alg. 2
 */
#ifndef STC_KERNELS_CUDA_MEMBOUND_H
#define STC_KERNELS_CUDA_MEMBOUND_H

#include <stdint.h>

#include "num.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { STC_MB_BUFS = 7, STC_MB_CHECK_ROWS = 16, STC_MB_HALF_HEAD = 32 };

enum stc_mb_ext {
    STC_MB_NONE,
    STC_MB_RC,  /* R × C */
    STC_MB_RC2, /* R × 2C */
    STC_MB_C,
    STC_MB_C2, /* 2 × C: two vectors, one after the other */
    STC_MB_R,
    STC_MB_RH, /* R × 32: cosines and sines */
    STC_MB_VC, /* V × C, of which R rows are touched */
    STC_MB_ONE
};

enum stc_mb_dir { STC_MB_IN, STC_MB_OUT, STC_MB_INOUT };

enum stc_mb_fill {
    STC_MB_NORMAL,
    STC_MB_ONEISH,   /* 1 + 0.1 normal: gains, reciprocal deviations */
    STC_MB_POSITIVE, /* 0.01 + 0.01 |normal|: second moments */
    STC_MB_TOKEN,    /* 0 .. V - 1 */
    STC_MB_CLASS,    /* 0 .. C - 1 */
    STC_MB_MASK      /* 0 or 1, as dropout draws it */
};

struct stc_mb_buf {
    enum stc_mb_ext ext;
    enum stc_mb_dir dir;
    enum stc_num num; /* STC_NUM_COUNT: the format of the case */
    enum stc_mb_fill fill;
};

struct stc_mb_op {
    const char *name;                   /* "layer_norm fwd" */
    int any_format;                     /* also timed in fp32 */
    int64_t least_cols, most_cols;      /* 0: no limit */
    struct stc_mb_buf buf[STC_MB_BUFS]; /* ends with ext NONE */
    void (*ref)(int64_t rows, int64_t cols, double *const b[]);
};

extern const struct stc_mb_op stc_mb_ops[];
extern const int stc_mb_n_ops;

const struct stc_mb_op *stc_mb_find(const char *name);

/* Rows of the embedding table: small where everything is compared. */
int64_t stc_mb_vocab(int64_t rows);
int64_t stc_mb_elements(enum stc_mb_ext ext, int64_t rows, int64_t cols);
double stc_mb_bytes(const struct stc_mb_op *op, enum stc_num num, int64_t rows,
                    int64_t cols);

/* Allowed |result - reference| / (|reference| + rms of the reference). */
double stc_mb_tolerance(enum stc_num out);

/* The largest such error of n elements; infinity where one is not a number. */
double stc_mb_error(const double *ref, const double *got, int64_t n);

#define STC_DROPOUT_P    0.1f
#define STC_MB_MASK_SEED 77u

/* 1 where dropout keeps element i. */
STC_HD static inline int stc_dropout_keep(uint64_t i)
{
    return (uint32_t)(stc_mix(STC_MB_MASK_SEED, i) >> 32) >= 429496730u; /* p = 0.1 */
}

STC_HD static inline float stc_mb_value(enum stc_mb_fill fill, uint64_t seed,
                                        uint64_t i, int32_t limit)
{
    float x;
    switch (fill) {
    case STC_MB_ONEISH: return 1.0f + 0.1f * stc_rand_normal(seed, i);
    case STC_MB_POSITIVE:
        x = stc_rand_normal(seed, i);
        return 0.01f + 0.01f * (x < 0 ? -x : x);
    case STC_MB_TOKEN:
    case STC_MB_CLASS: return (float)stc_rand_index(seed, i, limit);
    case STC_MB_MASK: return (float)stc_dropout_keep(i);
    default: return stc_rand_normal(seed, i);
    }
}

/* Constants of the update, the same on host and device. */
#define STC_ADAM_LR    1e-3f
#define STC_ADAM_BETA1 0.9f
#define STC_ADAM_BETA2 0.95f
#define STC_ADAM_EPS   1e-8f
#define STC_ADAM_DECAY 0.1f
#define STC_ADAM_CORR1 0.1f  /* 1 - beta1^t at t = 1 */
#define STC_ADAM_CORR2 0.05f /* 1 - beta2^t at t = 1 */
#define STC_NORM_EPS   1e-5f

#ifdef __cplusplus
}
#endif
#endif
