/* test_experts.c - laws of expert layers: routing, exchange, recompute, precision. */
#include "models/build_int.h"
#include "tests/law_kit.h"

#include <math.h>
#include <stdio.h>

#define EXPERTS                                                      \
 "model=qwen3-30b-a3b cluster=dgx-h100 cluster.gpus=32 layout.ep=8 " \
 "layout.micro_batch=1 train.seq_len=4096 train.global_batch=64 "    \
 "layout.recompute=full stack=megatron-bridge-2026 "

START_TEST(experts_balanced_is_one_and_more_is_never_faster)
{
    double balanced = step_s(EXPERTS, "train.routing_balanced=yes");
    ck_assert_double_eq_tol(step_s(EXPERTS, "train.moe_imbalance=1"), balanced, 1e-12);
    double last = balanced;
    for (int i = 0; i < 8; i++) {
        char words[64];
        (void)snprintf(words, sizeof words, "train.moe_imbalance=%g", 1 + 0.25 * i);
        double s = step_s(EXPERTS, words);
        ck_assert_double_ge(s, last);
        last = s;
    }
    ck_assert_double_gt(last, 1.1 * balanced);
}
END_TEST

START_TEST(experts_popularity_is_a_seeded_distribution)
{
    static const char *const alphas[] = {"0.05", "0.2", "0.5", "1", "2"};
    double last = 1;
    for (int i = 0; i < 5; i++) {
        char words[64];
        (void)snprintf(words, sizeof words, "train.moe_alpha=%s", alphas[i]);
        say(EXPERTS, words);
        struct stc_build b = {&scn.model, &scn.layout, &scn.train, &scn.stack};
        double x = stc_build_imbalance(&b);
        ck_assert_double_eq(x, stc_build_imbalance(&b));
        ck_assert_double_gt(x, last);
        ck_assert_double_le(x, 8); /* eight ranks: the worst is all on one */
        last = x;
    }
    say(EXPERTS, "train.moe_alpha=1 train.moe_capacity_factor=1.25");
    struct stc_build b = {&scn.model, &scn.layout, &scn.train, &scn.stack};
    ck_assert_double_eq_tol(stc_build_imbalance(&b), 1.25, 1e-12);
    say(EXPERTS, "train.moe_alpha=1 layout.ep=1"); /* every rank has all of them */
    ck_assert_double_eq_tol(stc_build_imbalance(&b), 1, 1e-12);
}
END_TEST

START_TEST(experts_exchange_conserves_bytes)
{
    /* each token's k copies go out and come back, forward and backward; none of it
     * depends on who is popular, nor on how the experts are dealt */
    double want = 0;
    static const char *const words[] = {"layout.ep=8",       "layout.ep=4",
                                        "layout.ep=32",      "train.moe_imbalance=3",
                                        "train.moe_alpha=1", "layout.dp=32"};
    for (int i = 0; i < 6; i++) {
        char more[128];
        (void)snprintf(more, sizeof more, "layout.recompute=none %s", words[i]);
        double all = comm_bytes(run(EXPERTS, more), "ep", "all_to_all") * 32;
        if (i == 0) {
            const struct stc_model *m = &scn.model;
            want = 4.0 * 64 * 4096 * m->topk * m->hidden * 2 * m->n_layers;
        }
        ck_assert_msg(fabs(all - want) <= 1e-9 * want, "%s: %g, not %g", words[i], all,
                      want);
    }
}
END_TEST

#define LATENT                                                                 \
 "model=deepseek-v3 cluster=gb300-nvl72 cluster.gpus=256 layout.pp=4 "         \
 "layout.ep=64 layout.micro_batch=1 train.seq_len=4096 train.precision=mxfp8 " \
 "train.global_batch=1024 train.routing_balanced=yes "

/* The up-projections cost little again and spare Q, K and V: 512 numbers a head. */
START_TEST(experts_latent_attention_recomputes_its_up_projections)
{
    static const char *const stack = "stack=megatron-bridge-2026 layout.recompute=";
    char none[96], some[96], all[96];
    (void)snprintf(none, sizeof none, "%snone", stack);
    (void)snprintf(some, sizeof some, "%sselective", stack);
    (void)snprintf(all, sizeof all, "%sfull", stack);
    double s = step_s(LATENT, some), s0 = step_s(LATENT, none);
    ck_assert_double_gt(s, s0);
    ck_assert_double_lt(s, 1.1 * s0);
    ck_assert_double_lt(s, step_s(LATENT, all));
    double spared = alloc_bytes(LATENT, none) - alloc_bytes(LATENT, some),
           a_layer = 4096.0 * 128 * (192 + 192 + 128) * 2;
    ck_assert_double_ge(spared, 10 * a_layer);
    ck_assert_double_lt(spared / a_layer - floor(spared / a_layer + 1e-6), 1e-3);
}
END_TEST

START_TEST(experts_8_bit_attention_is_faster_and_keeps_less)
{
    static const char *const wide =
        "stack=megatron-bridge-2026 stack.overlap_moe=yes layout.recompute=none";
    static const char *const thin = "stack=megatron-bridge-26.06 layout.recompute=none";
    double s = step_s(LATENT, wide), bytes = alloc_bytes(LATENT, wide);
    ck_assert_double_lt(step_s(LATENT, thin), 0.95 * s);
    ck_assert_double_lt(alloc_bytes(LATENT, thin), 0.95 * bytes);
}
END_TEST

/* Routing that keeps a token in fewer groups, and so on fewer nodes, sends less. */
START_TEST(experts_fewer_groups_reach_fewer_nodes)
{
    static const char *const nodes =
        "cluster=dgx-h100 layout.pp=4 layout.ep=64 stack=megatron-bridge-2025 "
        "layout.recompute=full stack.overlap_moe=no stack.moe_deepep=yes "
        "train.precision=fp8 ";
    double last = 0;
    for (int m = 1; m <= 8; m++) {
        char more[320];
        (void)snprintf(more, sizeof more, "%smodel.route_groups=8 model.topk_groups=%d",
                       nodes, m);
        double s = step_s(LATENT, more);
        ck_assert_double_gt(s, last);
        last = s;
    }
    char none[320];
    (void)snprintf(none, sizeof none, "%smodel.route_groups=0 model.topk_groups=0",
                   nodes);
    ck_assert_double_eq_tol(step_s(LATENT, none), last, 1e-12);
}
END_TEST

/* 2: beside other compute only where the group leaves its NVLink domain. */
START_TEST(experts_exchange_hides_where_it_leaves_the_domain)
{
    static const char *const over = "cluster=dgx-b200 layout.pp=8 layout.ep=32 "
                                    "stack=megatron-bridge-2026 layout.recompute=full ";
    char no[128];
    (void)snprintf(no, sizeof no, "%sstack.overlap_moe=no", over);
    ck_assert_double_lt(step_s(LATENT, over), 0.9 * step_s(LATENT, no));
    static const char *const in = "layout.ep=64 stack=megatron-bridge-2026 "
                                  "layout.recompute=full ";
    (void)snprintf(no, sizeof no, "%sstack.overlap_moe=no", in);
    ck_assert_double_eq_tol(step_s(LATENT, in), step_s(LATENT, no), 1e-12);
}
END_TEST

static double exchange_s(const struct stc_result *r)
{
    const stc_tick *parts = r->stages[r->slowest_stage].part_ticks;
    return (double)parts[STC_PART_EP_COMM] / STC_TICKS_PER_S;
}

/* The exchange waits for its busiest rank, though the bytes are the same. */
START_TEST(experts_exchange_waits_for_the_busiest)
{
    static const char *const alone = "stack.overlap_moe=no train.moe_imbalance=";
    double last = 0;
    for (int i = 1; i <= 4; i++) {
        char words[96];
        (void)snprintf(words, sizeof words, "%s%d", alone, i);
        double ep = exchange_s(run(EXPERTS, words));
        if (i > 1) ck_assert_double_gt(ep, 0.8 * i / (i - 1.0) * last);
        last = ep;
    }
}
END_TEST

/* Graphs by themselves only where a capacity makes every shape the same. */
START_TEST(experts_with_a_capacity_are_graphed)
{
    static const char *const old = "stack=megatron-bridge-2025 ";
    say(EXPERTS, old);
    ck_assert_int_eq(scn.train.cuda_graphs, 0);
    say(EXPERTS, "stack=megatron-bridge-2025 train.moe_capacity_factor=1");
    ck_assert_int_eq(scn.train.cuda_graphs, 1);
    say(EXPERTS, "stack=megatron-bridge-2025 train.moe_capacity_factor=1 "
                 "train.cuda_graphs=no");
    ck_assert_int_eq(scn.train.cuda_graphs, 0);
}
END_TEST

START_TEST(experts_capacity_drops_work)
{
    double all = run(EXPERTS, "train.routing_balanced=yes")->hw_flop,
           less =
               run(EXPERTS, "train.routing_balanced=yes train.moe_capacity_factor=0.5")
                   ->hw_flop;
    ck_assert_double_lt(less, 0.85 * all);
    ck_assert_double_le(
        step_s(EXPERTS, "train.moe_imbalance=3 train.moe_capacity_factor=1.25"),
        step_s(EXPERTS, "train.moe_imbalance=3"));
    /* and the fullest rank's activations are the more, the more go there */
    ck_assert_double_gt(
        alloc_bytes(EXPERTS, "layout.recompute=none train.moe_imbalance=2"),
        1.05 * alloc_bytes(EXPERTS, "layout.recompute=none train.moe_imbalance=1"));
}
END_TEST

START_TEST(experts_tensor_parallel_and_dense_layers)
{
    /* cut two ways or not, a rank works on as many products and holds as much */
    double whole = run(EXPERTS,
                       "layout.ep=8 train.routing_balanced=yes layout.recompute=none")
                       ->hw_flop,
           cut = run(EXPERTS, "layout.ep=4 layout.etp=2 train.routing_balanced=yes "
                              "layout.recompute=none")
                     ->hw_flop;
    ck_assert_double_eq_tol(whole, cut, 1e-6 * whole);
    ck_assert_double_gt(comm_bytes(&res, "etp", "all_gather"), 0);
    ck_assert_double_gt(comm_bytes(&res, "etp", "reduce_scatter"), 0);
    say("model=deepseek-v3 cluster=dgx-h100 cluster.gpus=512 layout.ep=64 layout.pp=8 "
        "train.seq_len=4096 "
        "train.global_batch=1024 stack=megatron-bridge-2026 ",
        "title=x");
    struct stc_build b = {&scn.model, &scn.layout, &scn.train, &scn.stack};
    struct stc_param_count dense = stc_build_params(&b, STC_BLOCK_LAYER, 0),
                           moe = stc_build_params(&b, STC_BLOCK_LAYER, 3);
    ck_assert_double_eq(dense.expert, 0);
    ck_assert_double_gt(moe.expert, 0);
    /* 256 / 64 experts of three matrices of 7168 x 2048 */
    ck_assert_double_eq_tol(moe.expert, 4.0 * 3 * 7168 * 2048, 1);
    double shared = moe.dense;
    scn.model.n_shared_experts = scn.model.shared_ffn = 0;
    moe = stc_build_params(&b, STC_BLOCK_LAYER, 3);
    ck_assert_double_eq_tol(shared - moe.dense, 3.0 * 7168 * 2048, 1);
}
END_TEST

static Suite *experts_suite(void)
{
    Suite *s = suite_create("experts");
    TCase *t = tcase_create("laws");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, experts_balanced_is_one_and_more_is_never_faster);
    tcase_add_test(t, experts_popularity_is_a_seeded_distribution);
    tcase_add_test(t, experts_exchange_conserves_bytes);
    tcase_add_test(t, experts_latent_attention_recomputes_its_up_projections);
    tcase_add_test(t, experts_8_bit_attention_is_faster_and_keeps_less);
    tcase_add_test(t, experts_fewer_groups_reach_fewer_nodes);
    tcase_add_test(t, experts_exchange_hides_where_it_leaves_the_domain);
    tcase_add_test(t, experts_exchange_waits_for_the_busiest);
    tcase_add_test(t, experts_with_a_capacity_are_graphed);
    tcase_add_test(t, experts_capacity_drops_work);
    tcase_add_test(t, experts_tensor_parallel_and_dense_layers);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(experts_suite)
