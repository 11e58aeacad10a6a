#include "sim/base/dtype.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const struct stc_dtype_info dtypes[STC_DTYPE_COUNT] = {
#define ROW(id, name, other, act, weight, math) \
 [STC_DTYPE_##id] = {name, other, act, weight, math},
    STC_DTYPE_MAP(ROW)
#undef ROW
};

const struct stc_dtype_info *stc_dtype_info(enum stc_dtype d)
{
    assert((unsigned)d < STC_DTYPE_COUNT);
    return &dtypes[d];
}

bool stc_dtype_parse(const char *text, enum stc_dtype *out)
{
    for (unsigned i = 0; i < STC_DTYPE_COUNT; i++) {
        if (strcmp(text, dtypes[i].name) == 0 ||
            strcmp(text, dtypes[i].other_name) == 0) {
            *out = (enum stc_dtype)i;
            return true;
        }
    }
    return false;
}

const char *stc_math_name(enum stc_math m)
{
    static const char *const names[STC_MATH_COUNT] = {
        [STC_MATH_FP32] = "fp32", [STC_MATH_TF32] = "tf32", [STC_MATH_FP16] = "fp16",
        [STC_MATH_FP8] = "fp8",   [STC_MATH_FP4] = "fp4",   [STC_MATH_INT8] = "int8",
    };
    return (unsigned)m < STC_MATH_COUNT ? names[m] : "?";
}
