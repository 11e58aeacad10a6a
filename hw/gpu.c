#include "hw/gpu.h"

#include <stddef.h>

const char *stc_gen_name(enum stc_gen g)
{
    static const char *const names[] = {
#define ROW(id, name) [STC_GEN_##id] = name,
        STC_GEN_MAP(ROW)
#undef ROW
    };
    size_t i = (size_t)g;
    return i < STC_GEN_COUNT ? names[i] : "?";
}
