/* test_coll.c - laws of the collectives, their flows against their closed
 * forms, published figures. */
#include "tests/testing.h"

#include <stdio.h>

#include "calib/load_coll.h"
#include "kernels/coll.h"
#include "kernels/coll_alg.h"
#include "kernels/coll_params.h"

static struct stc_coll_params prior, fitted, plain; /* plain: fitted, no residual */

static void setup(void)
{
    struct stc_diag diag = {{0}};
    stc_coll_params_prior(&prior);
    stc_coll_params_transfer(&prior);
    stc_assert_ok(stc_load_coll(&fitted, &diag), &diag);
    plain = fitted;
    plain.use_residual = false;
}

static struct stc_group_shape nvlink_node(int ranks)
{
    return (struct stc_group_shape){.n_ranks = ranks,
                                    .n_nodes = 1,
                                    .ranks_per_node = ranks,
                                    .domain_ranks = 8,
                                    .intra = STC_INTRA_NVSWITCH,
                                    .gen = STC_GEN_HOPPER,
                                    .intra_Bps = 450e9,
                                    .mem_Bps = 3.35e12,
                                    .nic_share = 1.0};
}

static struct stc_group_shape cluster(int nodes, int per_node)
{
    struct stc_group_shape g = nvlink_node(per_node);
    g.n_ranks = nodes * per_node;
    g.n_nodes = nodes;
    g.net = STC_FABRIC_IB;
    g.n_nics = per_node;
    g.nic_Bps = 50e9;
    return g;
}

static double seconds(const struct stc_coll_params *p, const struct stc_group_shape *g,
                      enum stc_coll c, double bytes, const struct stc_coll_force *f)
{
    struct stc_coll_est e;
    stc_coll_time(p, g, c, bytes, f, &e);
    return e.seconds;
}

static struct stc_coll_force forced(enum stc_coll_algo a)
{
    struct stc_coll_force f = STC_COLL_FORCE_INIT;
    f.algo = a;
    return f;
}

/* ==== laws ==== */

START_TEST(coll_bus_factor_is_what_leaves_a_port)
{
    /* PERFORMANCE.md of nccl-tests: 2 (n-1)/n and (n-1)/n */
    stc_assert_near(stc_coll_bus_factor(STC_COLL_ALL_REDUCE, 8), 1.75, 1e-15);
    stc_assert_near(stc_coll_bus_factor(STC_COLL_ALL_GATHER, 8), 0.875, 1e-15);
    stc_assert_near(stc_coll_bus_factor(STC_COLL_BROADCAST, 8), 1.0, 1e-15);
    for (int c = 0; c < STC_COLL_COUNT; c++)
        ck_assert_double_eq(stc_coll_bus_factor((enum stc_coll)c, 1), 0.0);
}
END_TEST

START_TEST(coll_all_reduce_is_reduce_scatter_plus_all_gather_in_ring_bytes)
{
    struct stc_coll_force ring = forced(STC_ALGO_RING);
    for (int n = 2; n <= 512; n *= 2) {
        struct stc_group_shape g = n <= 8 ? nvlink_node(n) : cluster(n / 8, 8);
        struct stc_coll_est ar, rs, ag;
        stc_coll_time(&plain, &g, STC_COLL_ALL_REDUCE, 1e9, &ring, &ar);
        stc_coll_time(&plain, &g, STC_COLL_REDUCE_SCATTER, 1e9, &ring, &rs);
        stc_coll_time(&plain, &g, STC_COLL_ALL_GATHER, 1e9, &ring, &ag);
        stc_assert_near(ar.bytes_per_rank, rs.bytes_per_rank + ag.bytes_per_rank,
                        1e-12);
        stc_assert_near(ar.net_bytes, rs.net_bytes + ag.net_bytes, 1e-12);
    }
}
END_TEST

START_TEST(coll_of_one_rank_or_no_bytes_costs_nothing)
{
    struct stc_group_shape one = nvlink_node(1), two = nvlink_node(2);
    for (int c = 0; c < STC_COLL_COUNT; c++) {
        ck_assert_double_eq(seconds(&fitted, &one, (enum stc_coll)c, 1e9, NULL), 0.0);
        if (c != STC_COLL_BARRIER)
            ck_assert_double_eq(seconds(&fitted, &two, (enum stc_coll)c, 0.0, NULL),
                                0.0);
    }
    ck_assert_double_gt(seconds(&fitted, &two, STC_COLL_BARRIER, 0.0, NULL), 1e-6);
}
END_TEST

static struct stc_group_shape shape_row(int i)
{
    static const int rows[][2] = {{1, 2}, {1, 4}, {1, 8},  {1, 6},
                                  {2, 8}, {4, 8}, {16, 1}, {64, 8}};
    return rows[i][0] == 1 ? nvlink_node(rows[i][1]) : cluster(rows[i][0], rows[i][1]);
}
enum { N_SHAPES = 8 };

START_TEST(coll_time_grows_with_bytes)
{
    struct stc_group_shape g = shape_row(_i);
    for (int lib = 0; lib < STC_COLL_LIB_COUNT; lib++)
        for (int c = 0; c < STC_COLL_COUNT; c++) {
            struct stc_coll_force f = STC_COLL_FORCE_INIT;
            f.lib = (enum stc_coll_lib)lib;
            /* A library hands over to NCCL at a size of its own; the step there is
             * the library's, up or down, so only the formula of NCCL is held. */
            if (lib != STC_COLL_LIB_NCCL) continue;
            double before = 0.0;
            for (double b = 256.0; b < 3e10; b *= 1.07) {
                double s = seconds(&fitted, &g, (enum stc_coll)c, b, &f);
                ck_assert_msg(s >= before * (1.0 - 1e-6),
                              "%s n=%d nodes=%d: %g bytes %g s < %g s",
                              stc_coll_name((enum stc_coll)c), g.n_ranks, g.n_nodes, b,
                              s, before);
                before = s;
            }
        }
}
END_TEST

START_TEST(coll_faster_links_never_slow)
{
    struct stc_group_shape g = shape_row(_i), fast = g;
    fast.intra_Bps *= 2.0;
    fast.nic_Bps *= 2.0;
    for (int c = 0; c < STC_COLL_COUNT; c++)
        for (double b = 1024.0; b < 1e10; b *= 3.0)
            ck_assert_double_le(seconds(&fitted, &fast, (enum stc_coll)c, b, NULL),
                                seconds(&fitted, &g, (enum stc_coll)c, b, NULL) *
                                    (1.0 + 1e-9));
}
END_TEST

START_TEST(coll_sharing_a_nic_costs_its_share_at_large_sizes)
{
    struct stc_group_shape g = cluster(16, 1), shared = g;
    shared.nic_share = 4.0;
    struct stc_coll_force ring = forced(STC_ALGO_RING);
    struct stc_coll_est a, b;
    stc_coll_time(&plain, &g, STC_COLL_ALL_GATHER, 1e10, &ring, &a);
    stc_coll_time(&plain, &shared, STC_COLL_ALL_GATHER, 1e10, &ring, &b);
    stc_assert_near((b.seconds - b.latency_s) / (a.seconds - a.latency_s), 4.0, 1e-9);
}
END_TEST

START_TEST(coll_ring_latency_grows_with_ranks_tree_latency_with_their_logarithm)
{
    struct stc_coll_force ring = forced(STC_ALGO_RING), tree = forced(STC_ALGO_TREE);
    struct stc_group_shape a = cluster(96, 1), b = cluster(384, 1);
    double ring_ratio = seconds(&plain, &b, STC_COLL_ALL_REDUCE, 4096, &ring) /
                        seconds(&plain, &a, STC_COLL_ALL_REDUCE, 4096, &ring);
    double tree_ratio = seconds(&plain, &b, STC_COLL_ALL_REDUCE, 4096, &tree) /
                        seconds(&plain, &a, STC_COLL_ALL_REDUCE, 4096, &tree);
    ck_assert(ring_ratio > 3.5 && ring_ratio < 4.2);
    ck_assert(tree_ratio > 1.05 && tree_ratio < 1.5);
    struct stc_coll_est e;
    stc_coll_time(&plain, &b, STC_COLL_ALL_REDUCE, 65536, NULL, &e);
    ck_assert_int_eq(e.algo, STC_ALGO_TREE);
    /* 384 ranks, 1 GB: at most what the NIC allows, at least half of it. */
    stc_coll_time(&plain, &b, STC_COLL_ALL_REDUCE, 1e9, NULL, &e);
    ck_assert(e.bus_Bps < 50e9 && e.bus_Bps > 25e9);
}
END_TEST

/* ==== flows ==== */

static const enum stc_coll_algo algos[] = {
    STC_ALGO_AUTO,      STC_ALGO_RING, STC_ALGO_TREE,    STC_ALGO_NVLS,
    STC_ALGO_NVLS_TREE, STC_ALGO_HIER, STC_ALGO_COLLNET, STC_ALGO_PAT};

/* Most seconds that any port or rail needs for the flows, alone. */
static double busiest_s(const struct stc_coll_flows *f, const struct stc_group_shape *g)
{
    int n = g->n_ranks;
    double *out = calloc((size_t)n * 4, sizeof *out), most = 0.0;
    ck_assert_ptr_nonnull(out);
    int rails = g->n_nics < g->ranks_per_node ? g->n_nics : g->ranks_per_node;
    double rail_Bps = rails > 0 ? g->nic_Bps * g->n_nics / rails : 1.0;
    for (size_t i = 0; i < f->n; i++) {
        const struct stc_coll_flow *w = &f->v[i];
        ck_assert(w->src >= 0 && w->src < n && w->dst >= 0 && w->dst < n &&
                  w->src != w->dst);
        ck_assert_int_eq(w->inter,
                         w->src / g->ranks_per_node != w->dst / g->ranks_per_node);
        double s = w->inter ? w->bytes / (rail_Bps * f->eff_net)
                            : w->bytes / (g->intra_Bps * f->eff_intra);
        out[4 * w->src + (w->inter ? 0 : 1)] += s;
        out[4 * w->dst + (w->inter ? 2 : 3)] += s;
    }
    for (int i = 0; i < 4 * n; i++)
        most = fmax(most, out[i]);
    free(out);
    return most;
}

START_TEST(coll_flows_on_an_idle_fabric_take_the_closed_form)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_group_shape g = shape_row(_i);
    if (g.n_ranks > 128) g = cluster(8, 8);
    g.sharp = true;
    int checked = 0;
    for (size_t k = 0; k < sizeof algos / sizeof algos[0]; k++)
        for (int lib = 0; lib < 2; lib++)
            for (int c = 0; c < STC_COLL_COUNT; c++)
                for (double b = 4096.0; b < 2e9; b *= 16.0) {
                    struct stc_coll_force f = forced(algos[k]);
                    f.lib = lib == 0 ? STC_COLL_LIB_NCCL : STC_COLL_LIB_VLLM;
                    f.hier_all_to_all = algos[k] == STC_ALGO_HIER;
                    f.hier_net_frac = 0.6;
                    struct stc_coll_flows w = {.arena = &a};
                    struct stc_coll_est e;
                    stc_coll_time(&fitted, &g, (enum stc_coll)c, b, &f, &e);
                    ck_assert_int_eq(
                        stc_coll_emit(&fitted, &g, (enum stc_coll)c, b, &f, &w),
                        STC_OK);
                    stc_assert_near(w.start_latency_s, e.latency_s, 1e-9);
                    double bw_s = e.seconds - e.latency_s;
                    if (bw_s > 0.0) stc_assert_near(busiest_s(&w, &g), bw_s, 0.01);
                    checked += bw_s > 0.0;
                }
    ck_assert_int_gt(checked, 100);
    stc_arena_free(&a);
}
END_TEST

START_TEST(coll_flows_conserve_bytes)
{
    struct stc_arena a = STC_ARENA_INIT;
    static const enum stc_coll symmetric[] = {STC_COLL_ALL_REDUCE, STC_COLL_ALL_GATHER,
                                              STC_COLL_REDUCE_SCATTER,
                                              STC_COLL_ALL_TO_ALL};
    struct stc_group_shape g = shape_row(_i);
    for (size_t c = 0; c < 4; c++) {
        struct stc_coll_flows w = {.arena = &a};
        ck_assert_int_eq(stc_coll_emit(&fitted, &g, symmetric[c], 1e8, NULL, &w),
                         STC_OK);
        double *net = calloc((size_t)g.n_ranks, sizeof *net);
        ck_assert_ptr_nonnull(net);
        for (size_t i = 0; i < w.n; i++) {
            net[w.v[i].src] -= w.v[i].bytes;
            net[w.v[i].dst] += w.v[i].bytes;
        }
        for (int i = 0; i < g.n_ranks; i++)
            ck_assert_double_lt(fabs(net[i]), 1.0);
        free(net);
    }
    stc_arena_free(&a);
}
END_TEST

START_TEST(coll_double_tree_reaches_every_node_and_loads_as_stated)
{
    for (int n = 2; n <= 65; n++) {
        double most = 0.0;
        int out[65] = {0}, in[65] = {0};
        for (int half = 0; half < 2; half++)
            for (int v = 0; v < n; v++) {
                int steps = 0, u = v;
                while (u >= 0 && steps <= n) {
                    u = stc_coll_tree_parent(u, n, half == 1);
                    steps++;
                }
                ck_assert_int_le(steps, 2 + (int)ceil(log2((double)n)) + 1);
                int up = stc_coll_tree_parent(v, n, half == 1);
                if (up < 0) continue;
                out[v]++, in[up]++, out[up]++, in[v]++;
            }
        for (int v = 0; v < n; v++)
            most = fmax(most, 0.5 * fmax(out[v], in[v]));
        ck_assert_msg(fabs(most - stc_coll_tree_load((double)n)) < 1e-12,
                      "n=%d: %g, stated %g", n, most, stc_coll_tree_load((double)n));
    }
}
END_TEST

START_TEST(coll_emit_without_memory_says_so)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_group_shape g = cluster(4, 8);
    enum stc_err err;
    struct stc_coll_flows w = {.arena = &a};
    STC_EACH_CAP (&a, err,
                  stc_coll_emit(&fitted, &g, STC_COLL_ALL_TO_ALL, 1e8, NULL, &w))
        ;
    ck_assert_int_eq(err, STC_OK);
    stc_arena_free(&a);
}
END_TEST

/* ==== forces ==== */

START_TEST(coll_a_force_is_obeyed_or_ignored_and_says_which)
{
    struct stc_group_shape g = nvlink_node(8);
    struct stc_coll_force f = forced(STC_ALGO_RING);
    struct stc_coll_est e, free_e;
    stc_coll_time(&fitted, &g, STC_COLL_ALL_REDUCE, 1e9, &f, &e);
    ck_assert(e.forced && e.algo == STC_ALGO_RING);
    stc_coll_time(&fitted, &g, STC_COLL_ALL_REDUCE, 1e9, NULL, &free_e);
    ck_assert_int_eq(free_e.algo, STC_ALGO_NVLS);
    ck_assert_double_gt(e.seconds, free_e.seconds);

    g.gen = STC_GEN_AMPERE; /* no NVLS there */
    f = forced(STC_ALGO_NVLS);
    stc_coll_time(&fitted, &g, STC_COLL_ALL_REDUCE, 1e9, &f, &e);
    ck_assert(!e.forced && e.algo != STC_ALGO_NVLS);

    g = nvlink_node(8);
    f = (struct stc_coll_force)STC_COLL_FORCE_INIT;
    f.proto = STC_PROTO_LL;
    stc_coll_time(&fitted, &g, STC_COLL_ALL_GATHER, 1e9, &f, &e);
    ck_assert(e.forced && e.proto == STC_PROTO_LL);
    /* NCCL's table: LL stays below 141 GB/s on one Hopper node. */
    ck_assert_double_le(e.bus_Bps, 141e9);
    f = (struct stc_coll_force)STC_COLL_FORCE_INIT;
    f.max_ctas = 4;
    ck_assert_double_gt(seconds(&fitted, &g, STC_COLL_ALL_GATHER, 1e9, &f),
                        2.0 * seconds(&fitted, &g, STC_COLL_ALL_GATHER, 1e9, NULL));
    f = (struct stc_coll_force)STC_COLL_FORCE_INIT;
    f.p2p_disable = true;
    g.pcie_Bps = 64e9;
    stc_coll_time(&fitted, &g, STC_COLL_ALL_REDUCE, 1e9, &f, &e);
    ck_assert_double_le(e.bus_Bps, 32e9);
}
END_TEST

START_TEST(coll_candidates_hold_the_choice_and_nothing_cheaper)
{
    struct stc_group_shape g = shape_row(_i);
    for (double b = 1024.0; b < 1e10; b *= 5.0) {
        struct stc_coll_candidate v[STC_COLL_CANDIDATES];
        struct stc_coll_est e;
        int chosen = 0,
            n = stc_coll_candidates(&fitted, &g, STC_COLL_ALL_REDUCE, b, NULL, v);
        stc_coll_time(&fitted, &g, STC_COLL_ALL_REDUCE, b, NULL, &e);
        ck_assert_int_ge(n, 2);
        for (int i = 0; i < n; i++) {
            ck_assert_double_ge((v[i].latency_s + v[i].bw_s) * (1.0 + 1e-12),
                                e.physics_s);
            chosen += v[i].chosen;
            if (v[i].chosen) ck_assert(v[i].algo == e.algo && v[i].proto == e.proto);
        }
        ck_assert_int_eq(chosen, 1);
    }
}
END_TEST

START_TEST(coll_hierarchical_all_to_all_sends_a_token_once_per_node)
{
    /* By hand: 8 of 256 experts on 8 nodes; a node is missed with probability
     * C(224,8)/C(256,8) = 0.3386, so 7 × 0.6614 = 4.63 remote nodes hear of a
     * token of which 7 copies travel. */
    double frac = stc_coll_dedup_frac(8, 256, 8);
    stc_assert_near(frac, 0.6614, 2e-3);
    stc_assert_near(stc_coll_dedup_frac(1, 256, 8), 1.0, 1e-12);
    struct stc_group_shape g = cluster(8, 8);
    struct stc_coll_force f = STC_COLL_FORCE_INIT;
    struct stc_coll_est flat, hier;
    stc_coll_time(&plain, &g, STC_COLL_ALL_TO_ALL, 1e9, &f, &flat);
    f.hier_all_to_all = true;
    f.hier_net_frac = frac;
    stc_coll_time(&plain, &g, STC_COLL_ALL_TO_ALL, 1e9, &f, &hier);
    ck_assert_int_eq(hier.algo, STC_ALGO_HIER);
    stc_assert_near(hier.net_bytes / flat.net_bytes, frac, 1e-12);
    ck_assert_double_lt(hier.seconds, flat.seconds);
}
END_TEST

START_TEST(coll_names_are_read_as_they_are_written_anywhere)
{
    enum stc_coll c;
    enum stc_coll_algo al;
    enum stc_coll_proto pr;
    enum stc_coll_lib li;
    ck_assert(stc_coll_parse("alltoall", &c) && c == STC_COLL_ALL_TO_ALL);
    ck_assert(stc_coll_parse("All-Reduce", &c) && c == STC_COLL_ALL_REDUCE);
    ck_assert(!stc_coll_parse("gossip", &c) && c == STC_COLL_ALL_REDUCE);
    ck_assert(stc_coll_algo_parse("NVLSTree", &al) && al == STC_ALGO_NVLS_TREE);
    ck_assert(stc_coll_algo_parse("auto", &al) && al == STC_ALGO_AUTO);
    ck_assert(!stc_coll_algo_parse("-", &al));
    ck_assert(stc_coll_proto_parse("ll128", &pr) && pr == STC_PROTO_LL128);
    ck_assert(stc_coll_lib_parse("vllm-eager", &li) && li == STC_COLL_LIB_VLLM_EAGER);
    for (int i = 0; i < STC_COLL_COUNT; i++)
        ck_assert(stc_coll_parse(stc_coll_name((enum stc_coll)i), &c) && (int)c == i);
    for (int i = 0; i <= STC_ALGO_COUNT; i++)
        ck_assert(stc_coll_algo_parse(stc_coll_algo_name((enum stc_coll_algo)i), &al) &&
                  (int)al == i);
}
END_TEST

/* ==== machines without measurements ==== */

START_TEST(coll_course_machines_reach_their_published_bus_bandwidth)
{
    /* COURSE figures: four V100 through host memory 5.4 GB/s; two nodes over
     * sockets 2.5 (V100) and 1.76 GB/s (A100), at gradients of 0.5 GB. */
    struct stc_group_shape v = {.n_ranks = 2,
                                .n_nodes = 1,
                                .ranks_per_node = 2,
                                .domain_ranks = 4,
                                .intra = STC_INTRA_NVLINK_MESH,
                                .shm = true,
                                .gen = STC_GEN_VOLTA,
                                .intra_Bps = 5.4e9,
                                .nic_share = 1.0};
    struct stc_coll_est e;
    stc_coll_time(&fitted, &v, STC_COLL_ALL_REDUCE, 0.5e9, NULL, &e);
    stc_assert_near(e.bus_Bps, 5.4e9, 0.05);
    struct stc_group_shape s = v;
    s.n_ranks = 4;
    s.n_nodes = 2;
    s.net = STC_FABRIC_SOCKET;
    s.n_nics = 1;
    s.nic_Bps = 2.5e9;
    stc_coll_time(&fitted, &s, STC_COLL_ALL_REDUCE, 0.5e9, NULL, &e);
    ck_assert(e.bus_Bps > 2.3e9 && e.bus_Bps < 4.0e9);
    ck_assert_int_ge(e.tier, STC_TIER_TRANSFERRED);
}
END_TEST

START_TEST(coll_an_unmeasured_generation_is_transferred_in_clock_cycles)
{
    struct stc_group_shape g = nvlink_node(8);
    g.gen = STC_GEN_VOLTA;
    g.intra_Bps = 150e9;
    g.clock_hz = 1.53e9;
    struct stc_coll_est e, slow;
    stc_coll_time(&fitted, &g, STC_COLL_ALL_REDUCE, 1024, NULL, &e);
    ck_assert_int_eq(e.tier, STC_TIER_TRANSFERRED);
    g.clock_hz = 0.765e9;
    stc_coll_time(&fitted, &g, STC_COLL_ALL_REDUCE, 1024, NULL, &slow);
    stc_assert_near(slow.latency_s / e.latency_s, 2.0, 1e-9);
    /* DGX-2, 16 V100 on NVSwitch: NCCL 2.4's launch post prints about 120 GB/s of
     * bus bandwidth; the port is 150. */
    g.clock_hz = 1.53e9;
    g.n_ranks = g.ranks_per_node = g.domain_ranks = 16;
    stc_coll_time(&fitted, &g, STC_COLL_ALL_REDUCE, 1e9, NULL, &e);
    ck_assert(e.bus_Bps > 95e9 && e.bus_Bps < 140e9);
}
END_TEST

START_TEST(coll_two_nodes_of_ndr_reach_what_was_published)
{
    /* nccl-tests issue 309: 164 GB/s of bus bandwidth at 16 MB, 270 at 64 MB, 469
     * at 16 GB: no single efficiency would do. */
    static const double row[][2] = {
        {16777216.0, 164e9}, {67108864.0, 270e9}, {17179869184.0, 469e9}};
    struct stc_group_shape g = cluster(2, 8);
    for (int i = 0; i < 3; i++) {
        struct stc_coll_est e;
        stc_coll_time(&plain, &g, STC_COLL_ALL_REDUCE, row[i][0], NULL, &e);
        stc_assert_near(e.bus_Bps, row[i][1], 0.12);
        stc_coll_time(&fitted, &g, STC_COLL_ALL_REDUCE, row[i][0], NULL, &e);
        stc_assert_near(e.bus_Bps, row[i][1], 0.06);
        ck_assert_int_eq(e.tier, STC_TIER_MEASURED);
    }
}
END_TEST

static Suite *coll_suite(void)
{
    Suite *s = suite_create("coll");
    TCase *t = tcase_create("coll");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, coll_bus_factor_is_what_leaves_a_port);
    tcase_add_test(t, coll_all_reduce_is_reduce_scatter_plus_all_gather_in_ring_bytes);
    tcase_add_test(t, coll_of_one_rank_or_no_bytes_costs_nothing);
    tcase_add_loop_test(t, coll_time_grows_with_bytes, 0, N_SHAPES);
    tcase_add_loop_test(t, coll_faster_links_never_slow, 0, N_SHAPES);
    tcase_add_test(t, coll_sharing_a_nic_costs_its_share_at_large_sizes);
    tcase_add_test(
        t, coll_ring_latency_grows_with_ranks_tree_latency_with_their_logarithm);
    tcase_add_loop_test(t, coll_flows_on_an_idle_fabric_take_the_closed_form, 0,
                        N_SHAPES);
    tcase_add_loop_test(t, coll_flows_conserve_bytes, 0, N_SHAPES);
    tcase_add_test(t, coll_double_tree_reaches_every_node_and_loads_as_stated);
    tcase_add_test(t, coll_emit_without_memory_says_so);
    tcase_add_test(t, coll_a_force_is_obeyed_or_ignored_and_says_which);
    tcase_add_loop_test(t, coll_candidates_hold_the_choice_and_nothing_cheaper, 0,
                        N_SHAPES);
    tcase_add_test(t, coll_hierarchical_all_to_all_sends_a_token_once_per_node);
    tcase_add_test(t, coll_names_are_read_as_they_are_written_anywhere);
    tcase_add_test(t, coll_course_machines_reach_their_published_bus_bandwidth);
    tcase_add_test(t, coll_an_unmeasured_generation_is_transferred_in_clock_cycles);
    tcase_add_test(t, coll_two_nodes_of_ndr_reach_what_was_published);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(coll_suite)
