/*
 * test_breadth_host.c - what a step does with the machine's own memory: states
 * and activations that leave the GPU, data loaders. Laws: bytes are moved, not
 * lost; a better host never costs time; nothing about folding or bounds changes.
 */
#include "models/host.h"
#include "sim/run/bound.h"
#include "sim/study/settle.h"
#include "tests/step_kit.h"
#include "tests/testing.h"

#include <stdio.h>

static struct step_kit kit;
static struct stc_arena arena = STC_ARENA_INIT;
static struct stc_scenario scn;
static struct stc_result res;

static void setup(void)
{
    step_kit_open(&kit);
}
static void teardown(void)
{
    stc_arena_free(&arena);
    step_kit_close(&kit);
}

static const struct stc_result *again(void)
{
    struct stc_diag d = {0};
    stc_arena_reset(&arena);
    stc_assert_ok(stc_step_run(&scn, &kit.p, &arena, &res, &d), &d);
    return &res;
}

static const struct stc_result *run(const char *base, const char *more)
{
    struct stc_diag d = {0};
    stc_scenario_init(&scn);
    stc_assert_ok(step_set(&scn, base, &d), &d);
    stc_assert_ok(step_scenario(&scn, more, &d), &d);
    return again();
}

static double step_s(const char *base, const char *more)
{
    return run(base, more)->step_s;
}

static double part_s(const struct stc_result *r, enum stc_part p)
{
    return (double)r->stages[r->slowest_stage].part_ticks[p] / STC_TICKS_PER_S;
}

/* Eight GPUs with PCIe; 16-bit parameters, 12 bytes a parameter of states. */
#define LLAMA                                                          \
 "model=llama3-8b cluster=dgx-h100 cluster.gpus=8 train.seq_len=4096 " \
 "train.global_batch=64 layout.micro_batch=1 layout.recompute=none "   \
 "stack=torchtitan-2025 stack.host_per_launch=0s "

/* ==== states ==== */

START_TEST(host_takes_the_states_that_the_gpu_gives)
{
    static const char *const shards[] = {"zero1", "zero2", "zero3"};
    for (int i = 0; i < 3; i++) {
        char words[128];
        (void)snprintf(words, sizeof words, "layout.shard=%s", shards[i]);
        struct stc_mem_est before = run(LLAMA, words)->stages[0].mem;
        ck_assert_double_eq(res.host.bytes[STC_HOST_OPTIM], 0);
        (void)snprintf(words, sizeof words, "layout.shard=%s train.offload=optimizer",
                       shards[i]);
        const struct stc_result *r = run(LLAMA, words);
        ck_assert_double_lt(r->stages[0].mem.bytes[STC_MEM_OPTIM],
                            1e-3 * before.bytes[STC_MEM_OPTIM]);
        struct stc_build b = {&scn.model, &scn.layout, &scn.train, &scn.stack};
        struct stc_param_count n = stc_mem_stage_params(&b, 0);
        /* all eight ranks stand in one node: the node has every state once */
        ck_assert_double_eq_tol(r->host.bytes[STC_HOST_OPTIM], 12 * n.dense,
                                1e-6 * n.dense);
        double grad = r->stages[0].mem.bytes[STC_MEM_GRAD];
        if (i == 0) /* whole gradients are still added up on the GPU */
            ck_assert_double_eq_tol(grad, before.bytes[STC_MEM_GRAD], 1);
        else
            ck_assert_double_eq_tol(grad, 0, 1);
        ck_assert_double_eq_tol(r->stages[0].mem.bytes[STC_MEM_PARAM],
                                before.bytes[STC_MEM_PARAM], 1);
    }
}
END_TEST

START_TEST(host_takes_parameters_of_sharded_layers_only)
{
    const struct stc_result *r =
        run(LLAMA, "layout.shard=zero3 train.offload=optimizer+parameters");
    struct stc_diag d = {0};
    ck_assert_double_eq_tol(r->stages[0].mem.bytes[STC_MEM_PARAM], 0, 1);
    ck_assert_double_gt(r->host.bytes[STC_HOST_PARAM], 15e9);
    stc_scenario_init(&scn);
    stc_assert_ok(step_set(&scn, LLAMA, &d), &d);
    ck_assert_int_eq(
        step_scenario(&scn, "layout.shard=zero1 train.offload=optimizer+parameters",
                      &d),
        STC_ERR_INFEASIBLE);
    ck_assert_ptr_nonnull(strstr(d.text, "zero3"));
}
END_TEST

START_TEST(host_share_divides_states_and_time)
{
    double none = step_s(LLAMA, "layout.shard=zero2");
    const struct stc_result *r =
        run(LLAMA, "layout.shard=zero2 train.offload=optimizer train.offload_frac=0.5");
    double half = r->step_s, bytes = r->host.bytes[STC_HOST_OPTIM];
    r = run(LLAMA, "layout.shard=zero2 train.offload=optimizer");
    ck_assert_double_eq_tol(bytes, r->host.bytes[STC_HOST_OPTIM] / 2, 1);
    ck_assert_double_lt(none, half);
    ck_assert_double_lt(half, r->step_s);
    ck_assert_double_eq_tol(part_s(r, STC_PART_OFFLOAD), r->step_s - none,
                            0.1 * (r->step_s - none));
}
END_TEST

START_TEST(host_update_is_as_fast_as_published)
{
    /* CPU Adam: 2.57 s for 10 billion parameters on a DGX-2 (2101.06840, table 4) */
    const struct stc_result *r = run(
        "model.family=gpt model.name=10b model.layers=50 model.hidden=4096 "
        "model.heads=32 "
        "model.max_positions=1024 cluster=dgx-2 cluster.gpus=1 train.precision=fp16 "
        "layout.micro_batch=8 train.global_batch=8 layout.recompute=full "
        "stack=deepspeed-2022 "
        "layout.shard=zero2 ",
        "train.offload=optimizer");
    double billions = r->host.bytes[STC_HOST_OPTIM] / 12e9;
    ck_assert_double_gt(billions, 9.5);
    ck_assert_double_eq_tol(part_s(r, STC_PART_OFFLOAD) / billions, 0.257, 0.03);
    ck_assert_int_eq(r->fits,
                     1); /* the paper's claim: 13 billion on one V100 of 32 GB */
}
END_TEST

START_TEST(host_better_never_slower)
{
#define OFF LLAMA "layout.shard=zero3 train.offload=optimizer+parameters "
    double base = step_s(OFF, "title=x");
    ck_assert_double_ge(step_s(OFF, "stack.offload_blocking=yes"), base);
    ck_assert_double_gt(step_s(OFF, "train.offload_to=nvme"), base);
    ck_assert_double_gt(res.host.nvme_bytes, 100e9);
    ck_assert_double_eq(res.host.bytes[STC_HOST_OPTIM], 0);
    /* one step late: the update hides behind the next step as far as that is long */
    double late = step_s(OFF, "train.offload_delayed=yes");
    ck_assert_double_lt(late, base);
    ck_assert_double_lt(late, 1.02 * step_s(LLAMA, "layout.shard=zero3"));
    double last = INFINITY;
    for (double times = 0.25; times <= 4; times *= 2) {
        run(OFF, "title=x");
        scn.cluster.node.ram_Bps *= times;
        double s = again()->step_s;
        ck_assert_double_le(s, last);
        last = s;
    }
    last = INFINITY;
    for (double times = 0.25; times <= 4; times *= 2) {
        run(OFF, "title=x");
        scn.cluster.node.pcie_Bps *= times;
        scn.cluster.node.switch_up_Bps *= times;
        scn.cluster.gpu.pcie_Bps *= times;
        double s = again()->step_s;
        ck_assert_double_le(s, last);
        last = s;
    }
}
END_TEST

/* ==== activations ==== */

#define GRACE                                                                   \
 "model=llama3-70b cluster=alps-gh200 cluster.gpus=16 layout.tp=4 layout.dp=4 " \
 "train.seq_len=8192 train.global_batch=16 layout.micro_batch=1 "               \
 "stack=megatron-bridge-2026 "

START_TEST(activations_leave_layer_by_layer)
{
    double last = INFINITY;
    for (int n = 0; n <= 32; n += 4) {
        char words[64];
        (void)snprintf(words, sizeof words, "train.offload_activations=%d", n);
        const struct stc_result *r = run(LLAMA, words);
        double act = r->stages[0].mem.bytes[STC_MEM_ACT];
        struct stc_build b = {&scn.model, &scn.layout, &scn.train, &scn.stack};
        double layer = stc_mem_layer_act(&b, 0);
        int away = n < 32 ? n : 31; /* the last is needed at once */
        ck_assert_double_eq_tol(r->host.bytes[STC_HOST_ACT], 8 * away * layer,
                                1e-6 * layer);
        if (n > 4) /* beyond the window each layer that leaves is one less */
            ck_assert_double_eq_tol(act, last - layer * (n < 32 ? 4 : 3), 1e-6 * layer);
        ck_assert_double_eq_tol(r->stages[0].tracked_peak_bytes,
                                stc_mem_allocated(&r->stages[0].mem),
                                0.02 * stc_mem_allocated(&r->stages[0].mem));
        last = act;
    }
}
END_TEST

START_TEST(activations_are_nearly_free_over_c2c_and_not_over_pcie)
{
    double keep = step_s(GRACE, "layout.recompute=none"),
           again_s = step_s(GRACE, "layout.recompute=full"),
           away = step_s(GRACE, "layout.recompute=none train.offload_activations=79");
    ck_assert_double_le(away, 1.01 * keep);
    ck_assert_double_gt(again_s, 1.2 * keep);
    double pcie = step_s(LLAMA, "train.offload_activations=31");
    ck_assert_double_gt(pcie, step_s(LLAMA, "layout.recompute=full"));
    ck_assert_double_gt(pcie, step_s(LLAMA, "train.offload_activations=8"));
}
END_TEST

START_TEST(activations_leave_by_themselves_where_the_link_is_fast)
{
    struct stc_diag d = {0};
#define OPEN                                                                \
 "model=llama3-8b cluster.gpus=4 train.seq_len=16384 train.global_batch=8 " \
 "layout.micro_batch=1 stack=megatron-bridge-2026 "
    stc_scenario_init(&scn);
    stc_assert_ok(step_set(&scn, OPEN, &d), &d);
    stc_assert_ok(step_set(&scn, "cluster=alps-gh200", &d), &d);
    stc_assert_ok(stc_settle(&scn, &kit.p, &d), &d);
    ck_assert_int_gt(scn.train.offload_activations, 0);
    ck_assert_int_eq(scn.layout.recompute, STC_RECOMPUTE_NONE);
    double away = again()->step_s;
    ck_assert_int_eq(res.fits, 1);
    stc_assert_ok(
        step_set(&scn, "train.offload_activations=0 layout.recompute=full", &d), &d);
    scn.said.recompute_layers = STC_AUTO;
    scn.resolved = 0;
    stc_assert_ok(stc_scenario_resolve(&scn, &d), &d);
    ck_assert_double_gt(again()->step_s, away);
    /* over PCIe nobody does */
    stc_scenario_init(&scn);
    stc_assert_ok(step_set(&scn, OPEN, &d), &d);
    stc_assert_ok(step_set(&scn, "cluster=dgx-h100 cluster.gpus=8", &d), &d);
    stc_assert_ok(stc_settle(&scn, &kit.p, &d), &d);
    ck_assert_int_eq(scn.train.offload_activations, 0);
    ck_assert_int_ne(scn.layout.recompute, STC_RECOMPUTE_NONE);
}
END_TEST

/* ==== sharding that is unsaid ==== */

START_TEST(parameters_are_cut_where_nothing_else_fits)
{
    struct stc_diag d = {0};
    static const char *const big = "model=llama3-70b cluster=dgx-h100 cluster.gpus=64 "
                                   "train.seq_len=4096 train.global_batch=64 "
                                   "layout.micro_batch=1 stack=megatron-bridge-2026 ";
    static const struct {
        const char *more;
        int shard;
    } rows[] = {{"", STC_SHARD_ZERO3},
                {"layout.recompute=full", STC_SHARD_ZERO3},
                {"layout.tp=8", STC_SHARD_ZERO1}, /* fits as it is */
                {"layout.pp=2", STC_SHARD_ZERO1}, /* a pipeline has its own way */
                {"layout.shard=zero1 layout.tp=1", STC_SHARD_ZERO1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stc_scenario_init(&scn);
        stc_assert_ok(step_set(&scn, big, &d), &d);
        stc_assert_ok(step_set(&scn, rows[i].more, &d), &d);
        stc_assert_ok(stc_settle(&scn, &kit.p, &d), &d);
        ck_assert_msg(scn.layout.shard == rows[i].shard, "%s: %d", rows[i].more,
                      (int)scn.layout.shard);
    }
    ck_assert_int_eq(again()->fits, 0);
}
END_TEST

/* ==== what was run did fit ==== */

static const struct {
    const char *stack, *said;
    int tp, shard; /* at least, exactly */
} spread[] = {
    /* Megatron shards its optimizer only: layers are cut instead */
    {"stack=megatron-lm-2022", "title=x", 2, STC_SHARD_ZERO1},
    {"framework=DeepSpeed year=2024", "title=x", 1, STC_SHARD_ZERO3},
    {"framework=DeepSpeed year=2024", "layout.shard=zero1 layout.tp=1", 1,
     STC_SHARD_ZERO1},
};

START_TEST(an_open_layout_grows_until_it_fits)
{
    struct stc_diag d = {0};
    int said = strstr(spread[_i].said, "layout") != NULL;
    stc_scenario_init(&scn);
    stc_assert_ok(step_set(&scn,
                           "model=llama-65b cluster=dgx-a100-80gb cluster.gpus=64 "
                           "train.seq_len=2048 train.global_batch=64",
                           &d),
                  &d);
    stc_assert_ok(step_set(&scn, spread[_i].stack, &d), &d);
    stc_assert_ok(step_set(&scn, spread[_i].said, &d), &d);
    stc_assert_ok(stc_settle(&scn, &kit.p, &d), &d);
    ck_assert_int_eq(scn.layout.shard, spread[_i].shard);
    ck_assert_int_ge(scn.layout.tp, spread[_i].tp);
    if (spread[_i].tp == 1) ck_assert_int_eq(scn.layout.tp, 1);
    ck_assert_int_eq(again()->fits, !said); /* what is said is not touched */
}
END_TEST

/* ==== data ==== */

static double with_data(const char *more)
{
    return step_s(LLAMA, more);
}

START_TEST(data_stall_when_loaders_are_slower_than_the_step)
{
    double base = with_data("title=x");
    /* 8 samples a replica and step, four loaders: exposed beyond base * 4 / 8 a sample */
    ck_assert_double_eq_tol(
        with_data("train.data_per_sample=100ms train.data_workers=4"), base, 1e-9);
    double slow = with_data("train.data_per_sample=8s train.data_workers=4");
    ck_assert_double_eq_tol(slow, 16, 0.02);
    ck_assert_double_eq_tol(part_s(&res, STC_PART_HOST), slow - base, 0.02 * slow);
    double own = with_data("train.data_per_sample=100ms train.data_workers=0");
    ck_assert_double_eq_tol(own, base + 0.8, 1e-6);
    double late = with_data(
        "train.data_per_sample=100ms train.data_workers=4 train.data_prefetch=0");
    ck_assert_double_eq_tol(late, base + 0.2, 1e-6);
}
END_TEST

START_TEST(data_loaders_share_the_cores)
{
    double few = with_data("train.data_per_sample=20s train.data_workers=14");
    double many = with_data(
        "train.data_per_sample=20s train.data_workers=1000"); /* 112 cores, 8 replicas */
    ck_assert_double_eq_tol(few, many, 1e-9);
    ck_assert_double_gt(res.host.bytes[STC_HOST_LOADER], 8 * 1000 * 0.4e9);
    ck_assert_int_eq(res.host_fits, 0); /* 4 TB of loaders in 2 TB */
    ck_assert_int_eq(res.fits, 0);
    ck_assert_double_lt(res.mem_missing_bytes, 1); /* and yet the GPU has room */
}
END_TEST

/* ==== nothing else changes ==== */

static void offload_case(struct step_case *c, uint64_t n)
{
    struct stc_diag d = {0};
    step_case_random(c, "offload", n);
    int params = c->s.layout.shard >= STC_SHARD_ZERO3;
    char words[160];
    (void)snprintf(
        words, sizeof words,
        "train.offload_activations=%d train.offload=%s train.offload_delayed=%s "
        "train.data_per_sample=%dus",
        (int)(n % 4),
        n % 3 == 0             ? "none"
        : params && n % 3 == 1 ? "optimizer+parameters"
                               : "optimizer",
        n % 7 ? "no" : "yes", (int)(n % 5) * 300);
    c->s.resolved = 0;
    stc_assert_ok(step_scenario(&c->s, words, &d), &d);
}

START_TEST(host_work_keeps_the_laws)
{
    static struct step_case c;
    struct stc_bounder *bounder = NULL;
    struct stc_diag d = {0};
    ck_assert_int_eq(stc_bounder_make(&kit.p, &bounder), STC_OK);
    for (uint64_t n = 0; n < 120; n++) {
        offload_case(&c, n);
        scn = c.s;
        again();
        stc_tick step = res.step_ticks;
        for (int32_t i = 0; i < res.n_stages; i++) {
            stc_tick sum = 0;
            for (int p = 0; p < STC_PART_COUNT; p++) {
                ck_assert_msg(res.stages[i].part_ticks[p] >= 0, "%s: part %d\n",
                              c.words, p);
                sum += res.stages[i].part_ticks[p];
            }
            ck_assert_msg(sum == step, "%s: parts %lld of %lld", c.words,
                          (long long)sum, (long long)step);
        }
        struct stc_bound bound;
        stc_assert_ok(stc_bound_fast(bounder, &scn, (uint32_t)n, &bound, &d), &d);
        ck_assert_msg(bound.step_ticks <= step, "fast bound %lld > %lld: %s",
                      (long long)bound.step_ticks, (long long)step, c.words);
        stc_assert_ok(stc_bound_tight(bounder, &scn, (uint32_t)n, &bound, &d), &d);
        ck_assert_msg(bound.step_ticks <= step, "tight bound %lld > %lld: %s",
                      (long long)bound.step_ticks, (long long)step, c.words);
        scn.sim.fold_layers = scn.sim.fold_ranks = 0;
        again();
        ck_assert_msg(llabs(res.step_ticks - step) <= step / 1000000000 + 1000,
                      "unfolded %lld, folded %lld: %s", (long long)res.step_ticks,
                      (long long)step, c.words);
    }
    stc_bounder_free(bounder);
}
END_TEST

static Suite *breadth_host_suite(void)
{
    Suite *s = suite_create("breadth_host");
    TCase *t = tcase_create("laws");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 240);
    tcase_add_test(t, host_takes_the_states_that_the_gpu_gives);
    tcase_add_test(t, host_takes_parameters_of_sharded_layers_only);
    tcase_add_test(t, host_share_divides_states_and_time);
    tcase_add_test(t, host_update_is_as_fast_as_published);
    tcase_add_test(t, host_better_never_slower);
    tcase_add_test(t, activations_leave_layer_by_layer);
    tcase_add_test(t, activations_are_nearly_free_over_c2c_and_not_over_pcie);
    tcase_add_test(t, activations_leave_by_themselves_where_the_link_is_fast);
    tcase_add_test(t, parameters_are_cut_where_nothing_else_fits);
    tcase_add_loop_test(t, an_open_layout_grows_until_it_fits, 0,
                        (int)(sizeof spread / sizeof spread[0]));
    tcase_add_test(t, data_stall_when_loaders_are_slower_than_the_step);
    tcase_add_test(t, data_loaders_share_the_cores);
    tcase_add_test(t, host_work_keeps_the_laws);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(breadth_host_suite)
