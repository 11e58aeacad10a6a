#include "hw/fabric.h"

#include <stddef.h>
#include <strings.h>

static const char *const tech_names[] = {
#define ROW(id, text) [STC_FABRIC_##id] = text,
    STC_FABRIC_TECH_MAP(ROW)
#undef ROW
};

static const char *const shape_names[] = {
#define ROW(id, text) [STC_SHAPE_##id] = text,
    STC_FABRIC_SHAPE_MAP(ROW)
#undef ROW
};

const char *stc_fabric_tech_name(enum stc_fabric_tech t)
{
    size_t i = (size_t)t;
    return i < STC_FABRIC_TECH_COUNT ? tech_names[i] : "?";
}

bool stc_fabric_tech_find(const char *name, enum stc_fabric_tech *out)
{
    for (size_t i = 0; i < STC_FABRIC_TECH_COUNT; i++) {
        if (strcasecmp(tech_names[i], name) == 0) {
            *out = (enum stc_fabric_tech)i;
            return true;
        }
    }
    return false;
}

const char *stc_fabric_shape_name(enum stc_fabric_shape s)
{
    size_t i = (size_t)s;
    return i < STC_FABRIC_SHAPE_COUNT ? shape_names[i] : "?";
}

bool stc_fabric_shape_find(const char *name, enum stc_fabric_shape *out)
{
    for (size_t i = 0; i < STC_FABRIC_SHAPE_COUNT; i++) {
        if (strcasecmp(shape_names[i], name) == 0) {
            *out = (enum stc_fabric_shape)i;
            return true;
        }
    }
    return false;
}
