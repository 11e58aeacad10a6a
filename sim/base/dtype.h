/*
 * dtype.h - number formats of operands, with the bytes they take.
 *
 * A dtype here names a *recipe* of a product, not only a storage format: the
 * truth tables tell per-tensor fp8 from block-scaled fp8, because their kernels
 * and their speed differ though the bytes do not. Activations and weights have
 * their own width (int4_wo: 16-bit activations, 4-bit weights).
 *
 * UNITS. Bytes per element, scale factors included as their share: one e8m0
 * byte per 32 elements (OCP Microscaling Formats 1.0), one e4m3 byte per 16
 * for nvfp4 (cuDNN and cuBLAS documentation of block scaling), an fp16 scale
 * per 128 for grouped int4.
 *
 * NAMES. The first name is ours; the second is how truth/ spells it when that
 * is another word. Both are understood by stc_dtype_parse.
 */
#ifndef STC_BASE_DTYPE_H
#define STC_BASE_DTYPE_H

#include <stdbool.h>

/* Which of a GPU's peak rates a product of this dtype runs at. */
enum stc_math {
    STC_MATH_FP32, /* outside the tensor cores */
    STC_MATH_TF32,
    STC_MATH_FP16, /* fp16 and bf16: equal peaks on every GPU of the catalogue */
    STC_MATH_FP8,
    STC_MATH_FP4,
    STC_MATH_INT8,
    STC_MATH_COUNT
};

/* X(id, name, other name, activation bytes, weight bytes, math) */
#define STC_DTYPE_MAP(X)                                              \
 X(FP32, "fp32", "float32", 4.0, 4.0, STC_MATH_FP32)                  \
 X(TF32, "tf32", "tfloat32", 4.0, 4.0, STC_MATH_TF32)                 \
 X(FP16, "fp16", "float16", 2.0, 2.0, STC_MATH_FP16)                  \
 X(BF16, "bf16", "bfloat16", 2.0, 2.0, STC_MATH_FP16)                 \
 X(FP8, "fp8", "fp8-tensor", 1.0, 1.0, STC_MATH_FP8)                  \
 X(FP8_ROW, "fp8-rowwise", "fp8_row", 1.0, 1.0, STC_MATH_FP8)         \
 X(FP8_BLOCK, "fp8-blockwise", "fp8_block", 1.0, 1.0, STC_MATH_FP8)   \
 X(MXFP8, "mxfp8", "mx-fp8", 1.03125, 1.03125, STC_MATH_FP8)          \
 X(NVFP4, "nvfp4", "fp4", 0.5625, 0.5625, STC_MATH_FP4)               \
 X(INT8_SQ, "sq", "int8_sq", 1.0, 1.0, STC_MATH_INT8)                 \
 X(INT8_WO, "int8_wo", "int8-weights", 2.0, 1.0, STC_MATH_FP16)       \
 X(INT4_WO, "int4_wo", "int4-weights", 2.0, 0.515625, STC_MATH_FP16)  \
 X(MXFP4_A16, "w4a16_mxfp4", "mxfp4_wo", 2.0, 0.53125, STC_MATH_FP16) \
 X(MXFP4_A8, "w4a8_mxfp4_mxfp8", "mxfp4_mxfp8", 1.03125, 0.53125, STC_MATH_FP8)

enum stc_dtype {
#define STC_DTYPE_ROW(id, name, other, act, weight, math) STC_DTYPE_##id,
    STC_DTYPE_MAP(STC_DTYPE_ROW)
#undef STC_DTYPE_ROW
        STC_DTYPE_COUNT
};

struct stc_dtype_info {
    const char *name;
    const char *other_name;
    double act_bytes;    /* per element of the activation operand */
    double weight_bytes; /* per element of the weight operand */
    enum stc_math math;
};

/* The row of a dtype; d must be below STC_DTYPE_COUNT. */
const struct stc_dtype_info *stc_dtype_info(enum stc_dtype d);

/* "bf16" or "bfloat16" -> STC_DTYPE_BF16. False, and *out untouched, for a
 * name that is neither column. */
bool stc_dtype_parse(const char *text, enum stc_dtype *out);

/* "fp16", "fp8", …: the name of a peak rate. */
const char *stc_math_name(enum stc_math m);

#endif
