/* model_kit.h - jobs for the tests of models/: GPTs of any size on plain layouts. */
#ifndef STC_TESTS_MODEL_KIT_H
#define STC_TESTS_MODEL_KIT_H

#include "models/build.h"
#include "tests/testing.h"

struct stc_kit {
    struct stc_model model;
    struct stc_layout layout;
    struct stc_train train;
    struct stc_stack stack;
    struct stc_build b;
};

/* A catalogue model with a stack on one GPU, one sample, one micro-batch. */
void stc_kit_init(struct stc_kit *k, const char *model, const char *stack, int32_t seq);
/* Forward and backward operators of the whole model (all layers, both ends). */
struct stc_ops stc_kit_all(struct stc_arena *a, const struct stc_kit *k, int forward,
                           int backward);
struct stc_ops stc_kit_layer(struct stc_arena *a, const struct stc_kit *k, int backward,
                             int recomputed);

#endif
