#include "models/op.h"

#include <string.h>

static const struct {
    const char *name, *part;
} names[STC_OP_COUNT] = {
#define X(id, name, part) [STC_OP_##id] = {name, part},
#include "models/ops.def"
#undef X
};

const char *stc_op_name(enum stc_op_id id)
{
    return (unsigned)id < STC_OP_COUNT ? names[id].name : "?";
}

const char *stc_op_part(enum stc_op_id id)
{
    return (unsigned)id < STC_OP_COUNT ? names[id].part : "?";
}

int stc_op_find(const char *name)
{
    for (int i = 0; i < STC_OP_COUNT; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

double stc_ops_flop(const struct stc_ops *l)
{
    double sum = 0;
    for (int i = 0; i < l->n; i++) {
        sum += l->ops[i].flop;
    }
    return sum;
}

double stc_ops_keep_bytes(const struct stc_ops *l)
{
    double sum = 0;
    for (int i = 0; i < l->n; i++) {
        sum += l->ops[i].keep_bytes;
    }
    return sum;
}
