/* Operator lists: their sums are the papers' closed forms. */
#include "tests/model_kit.h"

static double sum_flop(const struct stc_ops *l, int kind)
{
    double sum = 0;
    for (int i = 0; i < l->n; i++) {
        sum += l->ops[i].kind == kind ? l->ops[i].flop : 0;
    }
    return sum;
}

static double coll_bytes(const struct stc_ops *l, int id)
{
    double sum = 0;
    for (int i = 0; i < l->n; i++) {
        sum += l->ops[i].kind == STC_OP_COLL && l->ops[i].id == id
                   ? l->ops[i].shape.coll.bytes
                   : 0;
    }
    return sum;
}

static const struct {
    const char *model;
    int32_t tp, cp, seq, flash;
} sizes[] = {
    {"gpt-1.7b", 1, 1, 2048, 0},
    {"gpt-1.7b", 8, 1, 2048, 0},
    {"gpt3-175b", 8, 1, 2048, 1},
    {"llama-3-8b", 1, 1, 8192, 1},
    {"llama-3-8b", 4, 2, 8192, 1},
    {"mixtral-8x7b", 1, 1, 4096, 1},
    {"qwen3-30b-a3b", 2, 1, 4096, 1},
    {"bloom-7b1", 4, 1, 2048, 0},
    {"deepseekv3-l4", 1, 1, 4096, 1},
    {"t5-v1.1-large", 2, 1, 512, 0},
    {"mpt-7b", 1, 1, 2048, 1},
    {"qwen3-next-80b-a3b", 2, 1, 4096, 1},
    {"nemotron3-super-release-gb200", 2, 1, 8192, 1},
};

/* Forward + backward on all ranks of the tensor and context group is the model's
 * count: flash with the causal half, unfused with the full square. */
START_TEST(build_flop_is_the_models)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    stc_kit_init(&k, sizes[_i].model, "megatron-lm-2022", sizes[_i].seq);
    k.layout.tp = sizes[_i].tp;
    k.layout.cp = sizes[_i].cp;
    k.layout.seq_parallel = sizes[_i].tp > 1;
    k.train.flash = sizes[_i].flash;
    k.stack.vocab_pad_multiple = 1;
    struct stc_ops all = stc_kit_all(&a, &k, 1, 1);
    double ranks = sizes[_i].tp * sizes[_i].cp,
           attention = sum_flop(&all, STC_OP_ATTENTION);
    double got = (stc_ops_flop(&all) - attention + attention * 6 / 7) *
                 ranks; /* fused backward: 2.5, not 2 */
    double want = stc_model_flop(
        &k.model, sizes[_i].flash ? STC_FLOP_MODEL_CAUSAL : STC_FLOP_MODEL,
        sizes[_i].seq, sizes[_i].seq);
    /* padding of the vocabulary to tp, and the router on each rank, are not the model's */
    ck_assert_msg(fabs(got / want - 1) < 2e-3, "%s tp %d cp %d: %g of %g",
                  sizes[_i].model, sizes[_i].tp, sizes[_i].cp, got, want);
    stc_arena_free(&a);
}
END_TEST

START_TEST(build_weights_of_products_are_the_models)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    stc_kit_init(&k, "llama-3-8b", "megatron-core-0.14", 1024);
    k.train.flash = 1;
    struct stc_ops fwd = stc_kit_all(&a, &k, 1, 0);
    double weights = 0;
    for (int i = 0; i < fwd.n; i++) {
        const struct stc_shape_gemm *g = &fwd.ops[i].shape.gemm;
        weights += fwd.ops[i].kind == STC_OP_GEMM ? (double)(g->n * g->k) : 0;
    }
    /* all but the embedding table and the norms */
    double norms = (32 * 2 + 1) * 4096.0, table = 128256.0 * 4096;
    ck_assert_double_eq(weights, stc_model_params(&k.model) - norms - table);
    stc_arena_free(&a);
}
END_TEST

/* Korthikanti 2205.05198: bytes of a layer, per s*b*h. */
static double keep_per_sbh(struct stc_kit *k)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_ops fwd = stc_kit_layer(&a, k, 0, 0);
    double keep = stc_ops_keep_bytes(&fwd) /
                  ((double)k->train.seq_len * k->layout.micro_batch * k->model.hidden);
    stc_arena_free(&a);
    return keep;
}

static const struct {
    const char *what;
    int32_t tp, sp, selective;
    double fixed, by_t, scores,
        scores_by_t; /* fixed + by_t/t + (scores + scores_by_t/t) a s / h */
} korthikanti[] = {
    {"eq. 1: no parallelism", 1, 0, 0, 34, 0, 5, 0},
    {"eq. 2: tensor parallel", 8, 0, 0, 10, 24, 0, 5},
    {"eq. 4: with sequence parallel", 8, 1, 0, 0, 34, 0, 5},
    {"table 2: selective, tensor and sequence", 8, 1, 1, 0, 34, 0, 0},
    {"table 2: selective, tensor", 8, 0, 1, 10, 24, 0, 0},
};

START_TEST(build_keeps_what_korthikanti_says)
{
    static const char *const names[] = {"gpt-22b", "gpt3-175b", "gpt-530b", "gpt-1t"};
    for (int i = 0; i < 4; i++) {
        struct stc_kit k;
        stc_kit_init(&k, names[i], "megatron-lm-2022", 2048);
        k.layout.tp = korthikanti[_i].tp;
        k.layout.seq_parallel = (uint8_t)korthikanti[_i].sp;
        k.layout.micro_batch = 4;
        k.layout.recompute =
            korthikanti[_i].selective ? STC_RECOMPUTE_SELECTIVE : STC_RECOMPUTE_NONE;
        k.train.dropout = 1;
        double t = k.layout.tp, as_h = (double)k.model.n_heads * 2048 / k.model.hidden;
        double want = korthikanti[_i].fixed + korthikanti[_i].by_t / t +
                      (korthikanti[_i].scores + korthikanti[_i].scores_by_t / t) * as_h;
        ck_assert_msg(fabs(keep_per_sbh(&k) - want) < 1e-9, "%s, %s: %g sbh, not %g",
                      korthikanti[_i].what, names[i], keep_per_sbh(&k), want);
    }
}
END_TEST

/* Narayanan 2104.04473 §3.2: four all-reduces of bsh a layer; with sequence
 * parallelism four gathers and four scatters plus one gather more for each of
 * the two column products' weight gradients (2205.05198 §4.2.2). */
START_TEST(build_tensor_parallel_traffic_is_the_papers)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    stc_kit_init(&k, "gpt3-175b", "megatron-lm-2022", 2048);
    k.layout.tp = 8;
    double bsh = 2048.0 * 12288 * 2;
    struct stc_ops f = stc_kit_layer(&a, &k, 0, 0), b = stc_kit_layer(&a, &k, 1, 0);
    ck_assert_double_eq(coll_bytes(&f, STC_OP_TP_ALL_REDUCE), 2 * bsh);
    ck_assert_double_eq(coll_bytes(&b, STC_OP_TP_ALL_REDUCE), 2 * bsh);
    k.layout.seq_parallel = 1;
    f = stc_kit_layer(&a, &k, 0, 0);
    b = stc_kit_layer(&a, &k, 1, 0);
    ck_assert_double_eq(coll_bytes(&f, STC_OP_TP_ALL_GATHER), 2 * bsh);
    ck_assert_double_eq(coll_bytes(&f, STC_OP_TP_REDUCE_SCATTER), 2 * bsh);
    ck_assert_double_eq(coll_bytes(&b, STC_OP_TP_ALL_GATHER), 4 * bsh);
    ck_assert_double_eq(coll_bytes(&b, STC_OP_TP_REDUCE_SCATTER), 2 * bsh);
    ck_assert_double_eq(coll_bytes(&f, STC_OP_TP_ALL_REDUCE), 0);
    stc_arena_free(&a);
}
END_TEST

static int n_pass(const struct stc_ops *l, int pass)
{
    int n = 0;
    for (int i = 0; i < l->n; i++) {
        n += l->ops[i].pass == pass;
    }
    return n;
}

START_TEST(build_recompute_is_the_forward_again)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    stc_kit_init(&k, "gpt-22b", "megatron-lm-2022", 2048);
    k.layout.tp = 4;
    k.train.dropout = 1;
    struct stc_ops f = stc_kit_layer(&a, &k, 0, 0), plain = stc_kit_layer(&a, &k, 1, 0);
    k.layout.recompute = STC_RECOMPUTE_FULL;
    struct stc_ops full = stc_kit_layer(&a, &k, 1, 1);
    ck_assert_int_eq(n_pass(&full, STC_PASS_RECOMPUTE), f.n);
    ck_assert_double_eq_tol(stc_ops_flop(&full),
                            stc_ops_flop(&plain) + stc_ops_flop(&f), 1);
    ck_assert_double_eq(stc_build_keep_bytes(&f, &k.b, 1), 2048.0 * 6144 * 2);
    k.layout.recompute = STC_RECOMPUTE_SELECTIVE;
    struct stc_ops some = stc_kit_layer(&a, &k, 1, 0);
    double core = 2.0 * 2 * 64 / 4 * 2048.0 * 2048 *
                  96; /* scores and context of 16 heads of 96 */
    ck_assert_double_eq_tol(stc_ops_flop(&some), stc_ops_flop(&plain) + core, 1);
    ck_assert_int_eq(n_pass(&some, STC_PASS_RECOMPUTE), 4);
    stc_arena_free(&a);
}
END_TEST

/* About 6.5 + 9.5 passes over a s^2 b elements : by counting. */
START_TEST(build_unfused_attention_passes_over_the_scores)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    stc_kit_init(&k, "gpt-22b", "megatron-lm-2022", 2048);
    k.train.dropout = 1;
    struct stc_ops l[2] = {stc_kit_layer(&a, &k, 0, 0), stc_kit_layer(&a, &k, 1, 0)};
    double square = 64.0 * 2048 * 2048 * 2, want[2] = {6.5, 9.5};
    for (int p = 0; p < 2; p++) {
        double bytes = 0;
        for (int i = 0; i < l[p].n; i++) {
            const struct stc_op *o = &l[p].ops[i];
            int core = o->id >= STC_OP_ATTN_SCORES && o->id <= STC_OP_ATTN_CONTEXT;
            bytes += core ? o->read_bytes + o->write_bytes : 0;
        }
        ck_assert_double_eq_tol(bytes / square, want[p],
                                0.5); /* Q, K, V and their gradients on top */
    }
    stc_arena_free(&a);
}
END_TEST

START_TEST(build_fp8_runs_the_layers_products_and_casts)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    stc_kit_init(&k, "llama-3-8b", "nemo-2024", 8192);
    k.train.flash = 1;
    k.train.precision = STC_DTYPE_FP8;
    struct stc_ops f = stc_kit_all(&a, &k, 1, 0);
    int casts = 0, products = 0;
    for (int i = 0; i < f.n; i++) {
        const struct stc_op *o = &f.ops[i];
        casts += o->id == STC_OP_FP8_QUANT;
        if (o->kind == STC_OP_GEMM && o->id != STC_OP_LOGITS) {
            ck_assert_int_eq(o->dtype, STC_DTYPE_FP8);
            products++;
        } else {
            ck_assert_int_ne(o->kind == STC_OP_GEMM && o->dtype == STC_DTYPE_FP8, 1);
        }
    }
    ck_assert_int_eq(products, 32 * 4);
    ck_assert_int_eq(casts, products);
    stc_arena_free(&a);
}
END_TEST

/* Bytes a weight and micro-batch beside the product that makes its gradient:
 * 16-bit sums, 32-bit sums (nanotron), 32-bit sums of a copy (DeepSpeed's bf16
 * optimizer), none where the product adds. */
static const struct {
    const char *stack;
    enum stc_dtype precision;
    double bytes;
} sums[] = {
    {"megatron-deepspeed-2022", STC_DTYPE_FP16, 2 + 2 + 2},
    {"megatron-deepspeed-2022", STC_DTYPE_BF16, 2 + 4 + 4 + 4 + 4},
    {"nanotron-0.5", STC_DTYPE_BF16, 2 + 4 + 4},
    {"megatron-lm-2022", STC_DTYPE_BF16, 0},
};

START_TEST(build_gradients_of_micro_batches_are_summed)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    stc_kit_init(&k, "llama-3-8b", sums[_i].stack, 4096);
    k.train.precision = sums[_i].precision;
    k.layout.n_micro = 2;
    struct stc_ops b = stc_kit_layer(&a, &k, 1, 0);
    double bytes = 0, weights = 0;
    for (int i = 0; i < b.n; i++) {
        const struct stc_op *o = &b.ops[i];
        if (o->kind == STC_OP_GEMM && o->pass == STC_PASS_WGRAD)
            weights += (double)o->shape.gemm.m * (double)o->shape.gemm.n;
        if (o->id == STC_OP_GRAD_ACCUM) bytes += o->read_bytes + o->write_bytes;
    }
    ck_assert_double_gt(weights, 0);
    ck_assert_double_eq(bytes, weights * sums[_i].bytes);
    stc_arena_free(&a);
}
END_TEST

START_TEST(build_experts_exchange_each_copy_twice)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    stc_kit_init(&k, "qwen3-30b-a3b", "megatron-bridge-2025", 4096);
    k.train.flash = 1;
    k.layout.dp = k.layout.ep = 8;
    struct stc_ops f = stc_kit_layer(&a, &k, 0, 0), b = stc_kit_layer(&a, &k, 1, 0);
    double copies = 4096.0 * 8 * 2048 * 2; /* tokens x top-k x hidden x bytes */
    ck_assert_double_eq(coll_bytes(&f, STC_OP_MOE_DISPATCH), copies);
    ck_assert_double_eq(coll_bytes(&f, STC_OP_MOE_COMBINE), copies);
    ck_assert_double_eq(coll_bytes(&b, STC_OP_MOE_DISPATCH), copies);
    double grouped = sum_flop(&f, STC_OP_GROUPED);
    ck_assert_double_eq(grouped, 2.0 * 4096 * 8 * 3 * 2048 * 768);
    ck_assert_double_eq(sum_flop(&b, STC_OP_GROUPED), 2 * grouped);
    stc_arena_free(&a);
}
END_TEST

START_TEST(build_adapters_replace_weight_gradients)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    stc_kit_init(&k, "llama-2-7b", "litgpt-2024", 512);
    k.train.flash = 1;
    double full, lora;
    struct stc_ops b = stc_kit_layer(&a, &k, 1, 0);
    full = sum_flop(&b, STC_OP_GEMM);
    k.train.lora_rank = 8;
    k.train.frozen = 1;
    b = stc_kit_layer(&a, &k, 1, 0);
    lora = sum_flop(&b, STC_OP_GEMM);
    ck_assert_double_gt(lora, 0.5 * full);
    ck_assert_double_lt(lora, 0.53 * full);
    stc_arena_free(&a);
}
END_TEST

START_TEST(build_params_of_ranks_add_up)
{
    static const char *const names[] = {"gpt3-175b", "llama-3-70b", "qwen3-235b-a22b",
                                        "deepseek-v2"};
    for (int i = 0; i < 4; i++) {
        struct stc_kit k;
        stc_kit_init(&k, names[i], "megatron-core-0.14", 2048);
        k.stack.vocab_pad_multiple = 1;
        double sum = stc_build_params(&k.b, STC_BLOCK_EMBED, 0).dense +
                     stc_build_params(&k.b, STC_BLOCK_HEAD, 0).dense;
        for (int32_t l = 0; l < k.model.n_layers; l++) {
            struct stc_param_count c = stc_build_params(&k.b, STC_BLOCK_LAYER, l);
            sum += c.dense + c.expert;
        }
        ck_assert_double_eq_tol(sum, stc_model_params(&k.model), 1);
        double one =
            stc_build_params(&k.b, STC_BLOCK_LAYER, k.model.n_layers - 1).expert;
        k.layout.ep = 8;
        k.layout.dp = 8;
        ck_assert_double_eq_tol(
            stc_build_params(&k.b, STC_BLOCK_LAYER, k.model.n_layers - 1).expert * 8,
            one, 1);
    }
}
END_TEST

START_TEST(build_kinds_tell_layers_apart)
{
    struct stc_kit k;
    stc_kit_init(&k, "deepseek-v3", "megatron-core-0.14", 2048);
    ck_assert_int_eq(stc_build_n_layer_kinds(&k.b), 2);
    ck_assert_int_eq(stc_build_layer_kind(&k.b, 2), 0);
    ck_assert_int_eq(stc_build_layer_kind(&k.b, 3), 1);
    ck_assert_int_eq(stc_build_layer_kind(&k.b, 60), 1);
    stc_kit_init(&k, "gpt3-175b", "megatron-lm-2022", 2048);
    ck_assert_int_eq(stc_build_n_layer_kinds(&k.b), 1);
    stc_kit_init(&k, "t5-v1.1-large", "jax-2023", 512);
    ck_assert_int_eq(stc_build_n_layer_kinds(&k.b), 2);
}
END_TEST

START_TEST(build_nets_are_their_convolutions)
{
    static const char *const names[] = {"resnet-50", "cifar-cnn", "wav2vec2-base"};
    struct stc_arena a = STC_ARENA_INIT;
    for (int i = 0; i < 3; i++) {
        struct stc_kit k;
        struct stc_ops f, b;
        stc_kit_init(&k, names[i], "pytorch-ddp-2021", 16000);
        k.layout.micro_batch = 4;
        k.train.flash = 1;
        ck_assert_int_eq(stc_build_fwd(&a, &k.b, STC_BLOCK_EMBED, 0, &f, NULL), STC_OK);
        ck_assert_int_eq(stc_build_bwd(&a, &k.b, STC_BLOCK_EMBED, 0, 0, &b, NULL),
                         STC_OK);
        double front = 2 * 4 * stc_model_conv_macs(&k.model, 16000),
               got = stc_ops_flop(&f);
        double ends =
            k.model.kind == STC_MODEL_AUDIO ? 2.0 * 4 * 49 * 768 * (512 + 48 * 128) : 0;
        ck_assert_double_eq_tol(got, front + ends, front * 1e-9);
        struct stc_conv convs[STC_MAX_CONVS];
        ck_assert_int_gt(stc_model_convs(&k.model, 16000, convs), 4);
        double taps = k.model.kind == STC_MODEL_AUDIO
                          ? convs[0].kernel
                          : convs[0].kernel * convs[0].kernel;
        double first = 2 * 4 * taps * convs[0].in * convs[0].out * convs[0].places;
        ck_assert_double_eq_tol(stc_ops_flop(&b), 2 * got - first,
                                got * 1e-9); /* no input gradient */
    }
    stc_arena_free(&a);
}
END_TEST

START_TEST(build_electra_runs_two_networks)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k, bert;
    stc_kit_init(&k, "electra-base", "tensorflow2-horovod-2021", 512);
    stc_kit_init(&bert, "bert-base", "tensorflow2-horovod-2021", 512);
    struct stc_ops with, without;
    ck_assert_int_eq(stc_build_fwd(&a, &k.b, STC_BLOCK_EMBED, 0, &with, NULL), STC_OK);
    ck_assert_int_eq(stc_build_fwd(&a, &bert.b, STC_BLOCK_EMBED, 0, &without, NULL),
                     STC_OK);
    ck_assert_double_eq(stc_ops_flop(&without), 0);
    /* 12 layers a third as wide: a ninth of the products, a third of the attention; and its head */
    double layers = 12 * (24.0 * 512 * 256 * 256 + 4.0 * 512 * 512 * 256);
    double head = 2.0 * 80 * 768 * (256 + 30528.0);
    ck_assert_double_eq_tol(stc_ops_flop(&with), layers + head, (layers + head) * 1e-3);
    stc_arena_free(&a);
}
END_TEST

START_TEST(build_pads_the_vocabulary)
{
    struct stc_kit k;
    stc_kit_init(&k, "gpt2", "megatron-lm-2022", 1024);
    ck_assert_int_eq(stc_build_padded_vocab(&k.b), 50304);
    k.layout.tp = 8;
    ck_assert_int_eq(stc_build_padded_vocab(&k.b), 51200); /* as in Narayanan's table */
}
END_TEST

START_TEST(build_optimizer_moves_thirty_bytes_a_parameter)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    struct stc_ops ops;
    stc_kit_init(&k, "gpt3-175b", "megatron-lm-2022", 2048);
    ck_assert_int_eq(stc_build_optimizer(&a, &k.b, 1e9, 1e9, &ops, NULL), STC_OK);
    for (int i = 0; i < ops.n; i++) {
        if (ops.ops[i].id ==
            STC_OP_OPT_STEP) { /* read g m v w (4 each), write m v w and the 16-bit copy */
            ck_assert_double_eq(ops.ops[i].read_bytes + ops.ops[i].write_bytes, 30e9);
        }
    }
    struct stc_ops part;
    ck_assert_int_eq(stc_build_optimizer(&a, &k.b, 1e9, 1e8, &part, NULL), STC_OK);
    ck_assert_int_eq(part.n, ops.n);
    stc_arena_free(&a);
}
END_TEST

START_TEST(build_runs_out_of_memory_cleanly)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_kit k;
    struct stc_ops ops;
    enum stc_err err;
    stc_kit_init(&k, "gpt2", "megatron-lm-2022", 1024);
    STC_EACH_CAP (&a, err, stc_build_bwd(&a, &k.b, STC_BLOCK_LAYER, 0, 0, &ops, NULL))
        ;
    ck_assert_int_eq(err, STC_OK);
    stc_arena_free(&a);
}
END_TEST

static Suite *build_suite(void)
{
    Suite *s = suite_create("build");
    TCase *t = tcase_create("build");
    tcase_add_loop_test(t, build_flop_is_the_models, 0,
                        (int)(sizeof sizes / sizeof sizes[0]));
    tcase_add_test(t, build_weights_of_products_are_the_models);
    tcase_add_loop_test(t, build_keeps_what_korthikanti_says, 0,
                        (int)(sizeof korthikanti / sizeof korthikanti[0]));
    tcase_add_test(t, build_tensor_parallel_traffic_is_the_papers);
    tcase_add_test(t, build_recompute_is_the_forward_again);
    tcase_add_test(t, build_unfused_attention_passes_over_the_scores);
    tcase_add_test(t, build_fp8_runs_the_layers_products_and_casts);
    tcase_add_loop_test(t, build_gradients_of_micro_batches_are_summed, 0,
                        (int)(sizeof sums / sizeof sums[0]));
    tcase_add_test(t, build_experts_exchange_each_copy_twice);
    tcase_add_test(t, build_adapters_replace_weight_gradients);
    tcase_add_test(t, build_params_of_ranks_add_up);
    tcase_add_test(t, build_kinds_tell_layers_apart);
    tcase_add_test(t, build_nets_are_their_convolutions);
    tcase_add_test(t, build_electra_runs_two_networks);
    tcase_add_test(t, build_pads_the_vocabulary);
    tcase_add_test(t, build_optimizer_moves_thirty_bytes_a_parameter);
    tcase_add_test(t, build_runs_out_of_memory_cleanly);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(build_suite)
