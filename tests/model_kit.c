#include "tests/model_kit.h"

void stc_kit_init(struct stc_kit *k, const char *model, const char *stack, int32_t seq)
{
    struct stc_diag diag = {{0}};
    memset(k, 0, sizeof *k);
    ck_assert_msg(stc_model_find(NULL, model, &k->model, &diag) == STC_OK, "%s",
                  diag.text);
    ck_assert_msg(stc_stack_find(NULL, stack, &k->stack, &diag) == STC_OK, "%s",
                  diag.text);
    k->layout = (struct stc_layout){.tp = 1,
                                    .cp = 1,
                                    .dp = 1,
                                    .pp = 1,
                                    .vp = 1,
                                    .ep = 1,
                                    .etp = 1,
                                    .micro_batch = 1,
                                    .n_micro = 1,
                                    .recompute_layers = -1,
                                    .schedule = STC_SCHED_1F1B,
                                    .reshard_after_forward = 1};
    k->train = (struct stc_train){.seq_len = seq,
                                  .global_batch = 1,
                                  .precision = STC_DTYPE_FP16,
                                  .routing_balanced = 1};
    k->b = (struct stc_build){&k->model, &k->layout, &k->train, &k->stack};
}

static void append(struct stc_arena *a, struct stc_ops *all, const struct stc_ops *more)
{
    struct stc_op *ops = STC_NEW_N(a, struct stc_op, (size_t)(all->n + more->n));
    if (all->n > 0) {
        memcpy(ops, all->ops, sizeof *ops * (size_t)all->n);
    }
    memcpy(ops + all->n, more->ops, sizeof *ops * (size_t)more->n);
    all->ops = ops;
    all->n = all->cap = all->n + more->n;
}

static void block(struct stc_arena *a, const struct stc_kit *k, enum stc_block b,
                  int32_t layer, int back, struct stc_ops *all)
{
    struct stc_ops ops;
    enum stc_err err = back ? stc_build_bwd(a, &k->b, b, layer, 0, &ops, NULL)
                            : stc_build_fwd(a, &k->b, b, layer, &ops, NULL);
    ck_assert_int_eq(err, STC_OK);
    append(a, all, &ops);
}

struct stc_ops stc_kit_all(struct stc_arena *a, const struct stc_kit *k, int forward,
                           int backward)
{
    struct stc_ops all = {0};
    for (int back = 0; back < 2; back++) {
        if (!(back ? backward : forward)) {
            continue;
        }
        block(a, k, STC_BLOCK_EMBED, 0, back, &all);
        for (int32_t l = 0; l < k->model.n_layers + k->model.dec_layers; l++) {
            block(a, k, STC_BLOCK_LAYER, l, back, &all);
        }
        block(a, k, STC_BLOCK_HEAD, 0, back, &all);
    }
    return all;
}

struct stc_ops stc_kit_layer(struct stc_arena *a, const struct stc_kit *k, int backward,
                             int recomputed)
{
    struct stc_ops ops;
    enum stc_err err =
        backward ? stc_build_bwd(a, &k->b, STC_BLOCK_LAYER, 0, recomputed, &ops, NULL)
                 : stc_build_fwd(a, &k->b, STC_BLOCK_LAYER, 0, &ops, NULL);
    ck_assert_int_eq(err, STC_OK);
    return ops;
}
