/*
 * test_breadth.c - laws of what people choose today: packed documents and long
 * sequences, sharding, adapters, optimizers, formats, NCCL's options.
 */
#include "models/build_int.h"
#include "models/memory.h"
#include "tests/law_kit.h"

#include <stdio.h>

/* FLOPs of the scores and context of layer 0, one micro-batch, one rank. */
static double attention_flop(const char *base, const char *more)
{
    struct stc_diag d = {0};
    struct stc_ops ops;
    double sum = 0;
    say(base, more);
    struct stc_build b = {&scn.model, &scn.layout, &scn.train, &scn.stack};
    stc_arena_reset(&arena);
    stc_assert_ok(stc_build_fwd(&arena, &b, STC_BLOCK_LAYER, 0, &ops, &d), &d);
    for (int i = 0; i < ops.n; i++)
        if (ops.ops[i].kind == STC_OP_ATTENTION) sum += ops.ops[i].flop;
    return sum;
}

static double layer_act(const char *base, const char *more)
{
    say(base, more);
    struct stc_build b = {&scn.model, &scn.layout, &scn.train, &scn.stack};
    return stc_mem_layer_act(&b, 0);
}

/* ==== documents, long sequences ==== */

#define LONG                                                                 \
 "model=llama3-8b cluster=dgx-h100 cluster.gpus=64 layout.tp=8 layout.cp=8 " \
 "train.global_batch=1 layout.recompute=full stack=megatron-bridge-2026 "    \
 "train.seq_len=131072 "

START_TEST(documents_cut_attention_in_proportion)
{
    double whole = attention_flop(LONG, "layout.cp=1 layout.dp=8 train.global_batch=8");
    static const int lengths[] = {65536, 8192, 1024};
    for (int i = 0; i < 3; i++) {
        char words[128];
        (void)snprintf(words, sizeof words,
                       "layout.cp=1 layout.dp=8 train.global_batch=8 train.doc_len=%d",
                       lengths[i]);
        ck_assert_double_eq_tol(attention_flop(LONG, words),
                                whole * lengths[i] / 131072, 1e-9 * whole);
        /* lengths that vary: a token sees E[len^2] / E[len] */
        (void)snprintf(words, sizeof words,
                       "layout.cp=1 layout.dp=8 train.global_batch=8 train.doc_len=%d "
                       "train.doc_len_cv=1",
                       lengths[i] / 2);
        ck_assert_double_eq_tol(attention_flop(LONG, words),
                                whole * lengths[i] / 131072, 1e-9 * whole);
        (void)snprintf(words, sizeof words, "train.doc_len=%d",
                       lengths[i]); /* a ring of 8: an eighth each */
        ck_assert_double_eq_tol(attention_flop(LONG, words),
                                whole * lengths[i] / 131072 / 8, 1e-9 * whole);
    }
    ck_assert_double_eq_tol(attention_flop(LONG, "train.doc_len=131072"), whole / 8,
                            1e-9 * whole);
}
END_TEST

START_TEST(documents_never_slower_when_shorter)
{
    double last = INFINITY;
    static const char *const words[] = {"train.doc_len=0",     "train.doc_len=65536",
                                        "train.doc_len=20000", "train.doc_len=8192",
                                        "train.doc_len=3000",  "train.doc_len=512"};
    double memory = alloc_bytes(LONG, words[0]);
    for (int i = 0; i < 6; i++) {
        double s = step_s(LONG, words[i]);
        ck_assert_msg(s <= last * 1.0001, "%s: %g after %g", words[i], s, last);
        ck_assert_double_eq_tol(res.peak_bytes[STC_MEMREP_ALLOCATED], memory, 1);
        last = s;
    }
}
END_TEST

START_TEST(long_sequences_follow_their_laws)
{
    double flop[2][2], act[2][2], s[2][2];
    static const char *const kinds[] = {"ring", "ulysses"};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 2; i++) {
            char words[160];
            (void)snprintf(words, sizeof words,
                           "layout.tp=4 layout.dp=2 train.global_batch=2 "
                           "layout.cp_kind=%s train.seq_len=%d",
                           kinds[k], i ? 1048576 : 524288);
            flop[k][i] = attention_flop(LONG, words);
            act[k][i] = layer_act(LONG, words);
            s[k][i] = step_s(LONG, words);
        }
        ck_assert_double_eq_tol(flop[k][1], 4 * flop[k][0],
                                1e-9 * flop[k][1]); /* quadratic work, */
        ck_assert_double_eq_tol(act[k][1], 2 * act[k][0],
                                1e-9 * act[k][1]); /* linear memory */
        ck_assert_double_gt(s[k][1], 3 * s[k][0]);
        ck_assert_double_lt(s[k][1], 4 * s[k][0]);
    }
    ck_assert_double_eq_tol(flop[0][1], flop[1][1],
                            1e-9 * flop[0][1]); /* both ways share it evenly */
    double ring = alloc_bytes(LONG, "train.seq_len=1048576"),
           half = alloc_bytes(LONG, "train.seq_len=524288");
    ck_assert_double_lt(ring, 2 * half);
    /* a window makes it linear */
    double w1 = attention_flop(LONG, "model.window=4096 train.seq_len=524288"),
           w2 = attention_flop(LONG, "model.window=4096 train.seq_len=1048576");
    ck_assert_double_eq_tol(w2, 2 * w1, 1e-9 * w2);
    ck_assert_double_lt(step_s(LONG, "model.window=4096 train.seq_len=1048576"),
                        0.2 * step_s(LONG, "train.seq_len=1048576"));
}
END_TEST

/* ==== sharding ==== */

#define SHARDED                                                         \
 "model=llama3-8b cluster=dgx-h100 cluster.gpus=64 train.seq_len=4096 " \
 "train.global_batch=256 layout.micro_batch=1 layout.recompute=none "   \
 "stack=torchtitan-2025 stack.host_per_launch=0s "

/* Parameters of the model, twice over. */
static double two_p(void)
{
    return 2 * stc_model_params(&scn.model);
}

START_TEST(sharding_moves_what_the_papers_say)
{
    /* Zhao 2304.11277: resharded, parameters are gathered twice a micro-batch and
     * gradients scattered once; else gathered once. 1910.02054: 3 Psi of traffic. */
    static const struct {
        const char *words;
        int gathers, scatters; /* of all parameters, a step of four micro-batches */
    } cases[] = {
        {"layout.shard=zero3", 8, 4},
        {"layout.shard=zero3 layout.reshard_after_forward=no", 1, 4},
        {"layout.shard=zero2", 1, 4},
        {"layout.shard=hsdp layout.shard_group=8", 8, 4},
    };
    for (int i = 0; i < 4; i++) {
        const struct stc_result *r = run(SHARDED, cases[i].words);
        double width = scn.stack.grad_reduce_bytes / 2;
        ck_assert_msg(fabs(comm_bytes(r, "shard", "all_gather") / two_p() -
                           cases[i].gathers) < 0.01,
                      "%s: %g gathers", cases[i].words,
                      comm_bytes(r, "shard", "all_gather") / two_p());
        ck_assert_msg(fabs(comm_bytes(r, "shard", "reduce_scatter") / two_p() / width -
                           cases[i].scatters) < 0.01,
                      "%s: %g scatters", cases[i].words,
                      comm_bytes(r, "shard", "reduce_scatter") / two_p() / width);
    }
    /* HSDP: what is scattered over 8 is reduced across the 8 groups */
    double replicas = comm_bytes(&res, "replica", "all_reduce");
    ck_assert_double_eq_tol(
        replicas / (comm_bytes(&res, "shard", "reduce_scatter") / 8), 1, 0.01);
}
END_TEST

START_TEST(sharding_syncs_once_where_the_stack_does)
{
    run(SHARDED, "layout.shard=zero2");
    double every = comm_bytes(&res, "shard", "reduce_scatter");
    say(SHARDED, "layout.shard=zero2");
    scn.stack.reduce_every_micro = 0; /* no_sync but for the last */
    again();
    ck_assert_double_eq_tol(comm_bytes(&res, "shard", "reduce_scatter"), every / 4,
                            1e-6 * every);
}
END_TEST

START_TEST(sharding_groups_trade_memory_for_the_network)
{
    double last_mem = 0, net[4] = {0};
    static const char *const words[] = {"layout.shard=zero3",
                                        "layout.shard=hsdp layout.shard_group=32",
                                        "layout.shard=hsdp layout.shard_group=16",
                                        "layout.shard=hsdp layout.shard_group=8"};
    for (int i = 0; i < 4; i++) {
        double mem = alloc_bytes(SHARDED, words[i]);
        for (int32_t k = 0; k < res.n_links; k++)
            if (strstr(res.links[k].name, "NIC") ||
                strcmp(res.links[k].name, "nic") == 0)
                net[i] += res.links[k].bytes;
        ck_assert_double_gt(mem, last_mem);
        last_mem = mem;
    }
    /* groups inside a node: gathers leave the network, sums of shards take it */
    ck_assert_double_gt(net[3], 0);
    ck_assert_double_lt(net[3], net[0]);
}
END_TEST

START_TEST(sharding_prefetch_hides_and_costs_memory)
{
    double s[3], mem[3];
    for (int i = 0; i < 3; i++) {
        char words[64];
        (void)snprintf(words, sizeof words,
                       "layout.shard=zero3 stack.prefetch_layers=%d", i);
        s[i] = step_s(SHARDED, words);
        mem[i] = res.peak_bytes[STC_MEMREP_ALLOCATED];
    }
    ck_assert_double_gt(s[0], 1.05 * s[1]); /* nothing ahead: every gather shows */
    ck_assert_double_le(s[2], 1.005 * s[1]);
    ck_assert_double_lt(mem[0], mem[1]);
    ck_assert_double_eq_tol(mem[2] - mem[1], mem[1] - mem[0], 1); /* a unit each */
}
END_TEST

static double part_s(const struct stc_result *r, enum stc_part p)
{
    return (double)r->stages[0].part_ticks[p] / STC_TICKS_PER_S;
}

/* Eight experts of a token lie on 8 (1 - (7/8)^8) of 8 GPUs: a dispatcher that
 * sends it once to each of them puts two thirds of the copies on NVLink. */
START_TEST(experts_on_one_gpu_get_a_token_once)
{
#define EIGHT                                                                   \
 "model=qwen3-30b-a3b cluster=dgx-h100 cluster.gpus=8 layout.ep=8 "             \
 "layout.tp=1 layout.micro_batch=4 train.seq_len=4096 layout.shard=zero1 "      \
 "train.routing_balanced=yes train.global_batch=32 stack=megatron-bridge-2026 " \
 "stack.overlap_moe=no "
    double copies = part_s(run(EIGHT, "stack.moe_deepep=no"), STC_PART_EP_COMM),
           once = part_s(run(EIGHT, "stack.moe_deepep=yes"), STC_PART_EP_COMM);
    ck_assert_double_eq_tol(once / copies, 1 - pow(7.0 / 8, 8), 0.03);
}
END_TEST

START_TEST(sharding_faster_network_never_slower)
{
    static const char *const words[] = {"layout.shard=zero3",
                                        "layout.shard=hsdp layout.shard_group=8",
                                        "layout.shard=zero2"};
    for (int i = 0; i < 3; i++) {
        double last = INFINITY;
        for (double times = 0.25; times <= 4; times *= 2) {
            say(SHARDED, words[i]);
            scn.cluster.node.nic_Bps *= times;
            double s = again()->step_s;
            ck_assert_msg(s <= last * 1.0012, "%s: %g after %g", words[i], s,
                          last); /* NCCL's choice may turn */
            last = s;
        }
    }
}
END_TEST

/* ==== adapters, optimizers, formats ==== */

#define NCCL                                                      \
 "model=llama3-8b cluster=dgx-h100 cluster.gpus=64 layout.tp=8 "  \
 "train.seq_len=4096 train.global_batch=64 layout.micro_batch=1 " \
 "layout.recompute=none stack=megatron-lm-2022 layout.seq_parallel=no "

START_TEST(adapters_spare_gradients_states_and_traffic)
{
#define DDP SHARDED "layout.shard=none layout.tp=8 "
    double all = step_s(DDP, "title=x"), mem = res.peak_bytes[STC_MEMREP_ALLOCATED],
           reduced = comm_bytes(&res, "dp-cp", "all_reduce");
    double lora = step_s(DDP, "train.lora_rank=16 train.frozen=yes");
    ck_assert_double_lt(lora, 0.9 * all);
    ck_assert_double_lt(comm_bytes(&res, "dp-cp", "all_reduce"), 0.05 * reduced);
    /* of 18 bytes a parameter the 2 of itself stay, and what the adapters need */
    ck_assert_double_lt(res.peak_bytes[STC_MEMREP_ALLOCATED],
                        mem - 11 * stc_model_params(&scn.model) / 8);
    double bigger = alloc_bytes(DDP, "train.lora_rank=64 train.frozen=yes");
    ck_assert_double_gt(bigger,
                        alloc_bytes(DDP, "train.lora_rank=16 train.frozen=yes"));
}
END_TEST

START_TEST(optimizers_order_by_their_states)
{
    static const char *const words[] = {"train.optimizer=adafactor",
                                        "train.optimizer=sgd", "train.optimizer=adam"};
    double last = 0;
    for (int i = 0; i < 3; i++) {
        run(NCCL, words[i]);
        double bytes = res.stages[0].mem.bytes[STC_MEM_OPTIM];
        ck_assert_msg(bytes > last, "%s", words[i]);
        last = bytes;
    }
    run(NCCL, "train.optimizer=lamb");
    ck_assert_double_eq_tol(res.stages[0].mem.bytes[STC_MEM_OPTIM], last, 1);
    /* master copy and half of the moments against all of them (Adam 12, SGD 8 bytes) */
    double sgd = run(NCCL, "train.optimizer=sgd")->stages[0].mem.bytes[STC_MEM_OPTIM];
    ck_assert_double_eq_tol(last / sgd, 1.5, 0.01);
    ck_assert_double_gt(step_s(NCCL, "train.optimizer=lamb"),
                        step_s(NCCL, "train.optimizer=sgd"));
}
END_TEST

START_TEST(formats_order_as_measured)
{
    /* rowwise scales cost what the products win; mx formats 4 to 10 % against
     * per-tensor; whole steps of 8B gain 1.15 to 1.28 on H100 */
    double bf16 = step_s(SHARDED, "train.precision=bf16"),
           tensor = step_s(SHARDED, "train.precision=fp8"),
           row = step_s(SHARDED, "train.precision=fp8-rowwise"),
           fp32 = step_s(SHARDED, "train.precision=fp32");
    ck_assert_double_lt(tensor, bf16 / 1.1);
    ck_assert_double_gt(tensor, bf16 / 1.4);
    ck_assert_double_gt(row, tensor);
    ck_assert_double_gt(fp32, 2 * bf16);
#define GB200                                                        \
 "model=llama3-70b cluster=gb200-nvl72 cluster.gpus=64 layout.tp=2 " \
 "layout.pp=4 train.seq_len=8192 train.global_batch=128 "            \
 "stack=megatron-bridge-2026 layout.recompute=none layout.micro_batch=1 "
    double mx = step_s(GB200, "train.precision=mxfp8"),
           per = step_s(GB200, "train.precision=fp8"),
           nv = step_s(GB200, "train.precision=nvfp4"),
           b16 = step_s(GB200, "train.precision=bf16");
    ck_assert_double_gt(mx, per);
    ck_assert_double_lt(mx, 1.15 * per);
    ck_assert_double_lt(mx, b16);
    ck_assert_double_lt(nv, mx / 1.15);
    ck_assert_double_gt(nv, mx / 1.7);
}
END_TEST

/* ==== NCCL ==== */

static const struct stc_comm_result *comm_of(const char *axis, const char *coll)
{
    for (int32_t i = 0; i < res.n_comms; i++)
        if (strcmp(res.comms[i].axis, axis) == 0 &&
            strcmp(res.comms[i].coll, coll) == 0)
            return &res.comms[i];
    ck_abort_msg("no %s over %s", coll, axis);
    return NULL;
}

START_TEST(nccl_options_do_what_they_say)
{
    static const struct {
        const char *set, *algo, *proto;
    } cases[] = {{"sim.nccl_algo=Ring", "ring", NULL},
                 {"sim.nccl_algo=Tree", "tree", NULL},
                 {"sim.nccl_algo=NVLS", "nvls", NULL},
                 {"sim.nccl_proto=LL", NULL, "LL"},
                 {"sim.nccl_proto=LL128", NULL, "LL128"},
                 {"sim.nccl_proto=Simple", NULL, "Simple"}};
    double free_s = step_s(NCCL, "title=x");
    for (int i = 0; i < 6; i++) {
        double s = step_s(NCCL, cases[i].set);
        const struct stc_comm_result *c = comm_of("tp", "all_reduce");
        if (cases[i].algo) ck_assert_str_eq(c->algo, cases[i].algo);
        if (cases[i].proto) ck_assert_str_eq(c->proto, cases[i].proto);
        ck_assert_msg(s > 0.98 * free_s, "%s beats NCCL's own choice: %g < %g",
                      cases[i].set, s, free_s);
    }
    ck_assert_double_gt(step_s(NCCL, "sim.nccl_proto=LL"), 1.2 * free_s);
    ck_assert_double_gt(step_s(NCCL, "sim.nccl_p2p_disable=on"), 1.5 * free_s);
    double last = INFINITY;
    static const char *const ctas[] = {"1", "2", "4", "8", "16"};
    for (int i = 0; i < 5; i++) {
        char words[64];
        (void)snprintf(words, sizeof words, "sim.nccl_algo=Ring sim.nccl_max_ctas=%s",
                       ctas[i]);
        double s = step_s(NCCL, words);
        ck_assert_double_le(s, last);
        last = s;
    }
    ck_assert_double_lt(last,
                        0.7 * step_s(NCCL, "sim.nccl_algo=Ring sim.nccl_max_ctas=1"));
}
END_TEST

START_TEST(nccl_sharp_needs_its_switches_and_pat_its_groups)
{
    (void)run(NCCL, "layout.shard=none cluster.sharp=yes sim.nccl_algo=CollnetDirect");
    double in_network = comm_of("dp-cp", "all_reduce")->busy_s;
    ck_assert_str_eq(comm_of("dp-cp", "all_reduce")->algo, "collnet");
    (void)run(NCCL, "layout.shard=none cluster.sharp=no sim.nccl_algo=CollnetDirect");
    ck_assert_str_ne(comm_of("dp-cp", "all_reduce")->algo, "collnet");
    ck_assert_double_lt(in_network, comm_of("dp-cp", "all_reduce")->busy_s);
    (void)run(NCCL, "layout.shard=none cluster.sharp=yes sim.nccl_collnet_enable=on");
    ck_assert_double_le(comm_of("dp-cp", "all_reduce")->busy_s, 1.01 * in_network);
    (void)run(NCCL, "sim.nccl_nvls_disable=on");
    ck_assert_ptr_null(strstr(comm_of("tp", "all_reduce")->algo, "nvls"));
    /* one rank a node: gathers over the network may go in log steps */
    (void)run(NCCL, "layout.shard=zero1 sim.nccl_algo=PAT");
    ck_assert_str_eq(comm_of("shard", "all_gather")->algo, "pat");
}
END_TEST

START_TEST(nccl_without_gpudirect_goes_through_the_host)
{
    double direct = step_s(NCCL, "layout.shard=none"),
           staged = step_s(NCCL, "layout.shard=none cluster.gpudirect=no");
    ck_assert_double_gt(staged, 1.02 * direct);
    double tp = comm_of("tp", "all_reduce")->busy_s; /* inside a node nothing changes */
    (void)run(NCCL, "layout.shard=none");
    ck_assert_double_eq_tol(comm_of("tp", "all_reduce")->busy_s, tp, 1e-9 * tp);
}
END_TEST

START_TEST(nccl_unknown_names_are_errors)
{
    struct stc_diag d = {0};
    static const char *const words[] = {"sim.nccl_algo=Circle", "sim.nccl_proto=LL256"};
    for (int i = 0; i < 2; i++) {
        say(NCCL, words[i]);
        stc_arena_reset(&arena);
        ck_assert_int_eq(stc_step_run(&scn, &kit.p, &arena, &res, &d), STC_ERR_UNKNOWN);
        ck_assert_ptr_nonnull(strstr(d.text, "would be right"));
    }
}
END_TEST

static Suite *breadth_suite(void)
{
    Suite *s = suite_create("breadth");
    TCase *t = tcase_create("laws");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, documents_cut_attention_in_proportion);
    tcase_add_test(t, documents_never_slower_when_shorter);
    tcase_add_test(t, long_sequences_follow_their_laws);
    tcase_add_test(t, sharding_moves_what_the_papers_say);
    tcase_add_test(t, sharding_syncs_once_where_the_stack_does);
    tcase_add_test(t, sharding_groups_trade_memory_for_the_network);
    tcase_add_test(t, sharding_prefetch_hides_and_costs_memory);
    tcase_add_test(t, sharding_faster_network_never_slower);
    tcase_add_test(t, experts_on_one_gpu_get_a_token_once);
    tcase_add_test(t, adapters_spare_gradients_states_and_traffic);
    tcase_add_test(t, optimizers_order_by_their_states);
    tcase_add_test(t, formats_order_as_measured);
    tcase_add_test(t, nccl_options_do_what_they_say);
    tcase_add_test(t, nccl_sharp_needs_its_switches_and_pat_its_groups);
    tcase_add_test(t, nccl_without_gpudirect_goes_through_the_host);
    tcase_add_test(t, nccl_unknown_names_are_errors);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(breadth_suite)
