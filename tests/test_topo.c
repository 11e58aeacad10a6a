/* Topologies and routes: what holds on every machine of the catalogue, then
 * single facts by hand. */
#include <stdio.h>
#include <time.h>

#include "hw/catalogue.h"
#include "hw/topo.h"
#include "tests/testing.h"

static struct stc_arena arena = STC_ARENA_INIT;
static struct stc_hw *hw;
static struct stc_diag diag;

static void load(void)
{
    diag.text[0] = '\0';
    stc_assert_ok(stc_hw_load(&arena, &hw, &diag), &diag);
}

static void unload(void)
{
    stc_arena_free(&arena);
}

static struct stc_cluster cluster(struct stc_cluster_ask ask)
{
    struct stc_cluster c;
    memset(&c, 0, sizeof c);
    stc_assert_ok(stc_cluster_resolve(hw, &ask, &c, &diag), &diag);
    return c;
}

static struct stc_topo *make(const struct stc_cluster *c)
{
    struct stc_topo *t = NULL;
    stc_assert_ok(stc_topo_make(&arena, c, &t, &diag), &diag);
    ck_assert(stc_topo_sane(t));
    return t;
}

static struct stc_topo *make_ask(struct stc_cluster_ask ask)
{
    struct stc_cluster c = cluster(ask);
    return make(&c);
}

static struct stc_route route(const struct stc_topo *t, int a, int b)
{
    struct stc_route r;
    stc_topo_route(t, a, b, &r);
    return r;
}

static double rate(const struct stc_topo *t, int a, int b)
{
    struct stc_route r = route(t, a, b);
    return stc_topo_route_Bps(t, &r);
}

static int count_class(const struct stc_topo *t, const struct stc_route *r, int cls)
{
    int n = 0;
    for (int i = 0; i < r->n_links; i++)
        n += stc_topo_links(t)[r->link[i]].cls == cls;
    return n;
}

/* "node0.gpu1.nvlink.out node0.gpu2.nvlink.in" */
static const char *spell(const struct stc_topo *t, const struct stc_route *r, char *buf,
                         size_t n)
{
    buf[0] = '\0';
    for (int i = 0; i < r->n_links; i++) {
        char name[64];
        size_t len = strlen(buf);
        snprintf(buf + len, n - len, "%s%s", i ? " " : "",
                 stc_topo_link_name(t, r->link[i], name, sizeof name));
    }
    return buf;
}

static void assert_route(const struct stc_topo *t, int a, int b, const char *want)
{
    char buf[1024];
    struct stc_route r = route(t, a, b);
    ck_assert_str_eq(spell(t, &r, buf, sizeof buf), want);
}

/* ==== on every machine ==== */

/* A route exists for every pair, names each link once, has positive
 * coefficients, the latency of its links, and the same rate and latency there
 * and back (no machine of the catalogue is one-sided). */
static void check_pair(const struct stc_topo *t, int a, int b)
{
    struct stc_route r = route(t, a, b), back = route(t, b, a);
    const struct stc_link *links = stc_topo_links(t);
    double latency_s = 0;
    const char *name = stc_topo_cluster(t)->name;
    ck_assert_msg(r.n_links > 0, "%s: %d to %d: no route", name, a, b);
    ck_assert_int_le(r.n_links, STC_ROUTE_MAX);
    for (int i = 0; i < r.n_links; i++) {
        ck_assert_uint_lt(r.link[i], stc_topo_n_links(t));
        ck_assert(r.coef[i] > 0);
        latency_s += links[r.link[i]].latency_s;
        for (int j = 0; j < i; j++) {
            ck_assert_msg(r.link[i] != r.link[j], "%s: %d to %d: a link twice", name, a,
                          b);
        }
    }
    stc_assert_near(r.latency_s, latency_s, 1e-12);
    stc_assert_near(back.latency_s, r.latency_s, 1e-12);
    stc_assert_near(stc_topo_route_Bps(t, &back), stc_topo_route_Bps(t, &r), 1e-12);
    ck_assert(r.latency_s > 0 && r.latency_s < 1e-3);
}

START_TEST(topo_every_pair_of_every_machine_is_joined)
{
    for (size_t i = 0; i < stc_hw_n_nodes(hw); i++) {
        struct stc_cluster c = cluster(
            (struct stc_cluster_ask){.use = stc_hw_node_at(hw, i)->name, .n_nodes = 2});
        c.fabric.nodes_per_leaf = 1; /* so that trunks are crossed */
        for (int how = 0; how < 4; how++) {
            c.p2p = (how & 1) == 0;
            c.pxn = (how & 2) == 0;
            struct stc_topo *t = make(&c);
            int n = stc_topo_n_gpus(t);
            for (int a = 0; a < n; a++) {
                for (int b = 0; b < n; b++) {
                    if (a != b && (c.pxn ? c.p2p && a < b : true)) check_pair(t, a, b);
                }
            }
        }
    }
}
END_TEST

START_TEST(topo_every_fabric_joins_distant_nodes)
{
    for (size_t i = 0; i < stc_hw_n_fabrics(hw); i++) {
        struct stc_topo *t =
            make_ask((struct stc_cluster_ask){.use = "dgx-h100",
                                              .fabric = stc_hw_fabric_at(hw, i)->name,
                                              .n_nodes = 500});
        int n = stc_topo_n_gpus(t);
        for (int k = 0; k < 500; k++) {
            int a = (k * 7919) % n, b = (k * 104729 + 13) % n;
            if (a / 8 != b / 8) check_pair(t, a, b);
        }
    }
}
END_TEST

/* Every link is used by some route: none is made in vain. */
START_TEST(topo_every_link_is_used)
{
    static const char *const names[] = {"dgx-1-v100-16gb", "dgx-a100-80gb", "pcie-l40s",
                                        "gb200-nvl72", "frontier-mi250x"};
    struct stc_cluster c =
        cluster((struct stc_cluster_ask){.use = names[_i], .n_nodes = 20});
    c.fabric.nodes_per_leaf = 2;
    c.fabric.leafs_per_pod = 2;
    unsigned char *used = NULL;
    size_t n_links = 0;
    for (int p2p = 0; p2p < 2; p2p++) {
        c.p2p = p2p;
        struct stc_topo *t = make(&c);
        if (!used) {
            n_links = stc_topo_n_links(t);
            used = stc_arena_alloc(&arena, n_links, 1);
        }
        ck_assert_uint_eq(stc_topo_n_links(t), n_links);
        for (int a = 0; a < stc_topo_n_gpus(t); a++) {
            struct stc_route r;
            stc_topo_route_to_host(t, a, &r);
            for (int i = 0; i < r.n_links; i++)
                used[r.link[i]] = 1;
            stc_topo_route_from_host(t, a, &r);
            for (int i = 0; i < r.n_links; i++)
                used[r.link[i]] = 1;
            for (int b = 0; b < stc_topo_n_gpus(t); b++) {
                stc_topo_route(t, a, b, &r);
                for (int i = 0; i < r.n_links; i++)
                    used[r.link[i]] = 1;
            }
        }
    }
    struct stc_topo *t = make(&c);
    for (size_t i = 0; i < n_links; i++) {
        char name[64];
        ck_assert_msg(used[i], "%s: %s is never used", names[_i],
                      stc_topo_link_name(t, (uint32_t)i, name, sizeof name));
    }
}
END_TEST

/* ==== inside a node ==== */

START_TEST(topo_nvswitch_goes_out_and_in)
{
    struct stc_topo *t = make_ask((struct stc_cluster_ask){.use = "dgx-a100-80gb"});
    assert_route(t, 1, 6, "node0.gpu1.nvlink.out node0.gpu6.nvlink.in");
    stc_assert_near(rate(t, 1, 6), 300e9 * 0.92, 1e-12);
    ck_assert_int_eq(route(t, 3, 3).n_links, 0);
    ck_assert(isinf(rate(t, 3, 3)));
}
END_TEST

/* The course's link matrix: 24.25 and 48.48 GB/s, and 275 on a bridge. */
START_TEST(topo_course_machines_give_the_measured_link_matrix)
{
    struct stc_topo *v = make_ask((struct stc_cluster_ask){.use = "dli_v100"});
    assert_route(v, 0, 3, "node0.nvlink.0-3");
    stc_assert_near(rate(v, 0, 1), 24.25e9, 0.01);
    stc_assert_near(rate(v, 0, 3), 48.48e9, 0.01);
    struct stc_topo *a = make_ask((struct stc_cluster_ask){.use = "dli_a100"});
    stc_assert_near(rate(a, 2, 3), 275e9, 0.01);
    ck_assert(rate(a, 0, 2) > 17.5e9 && rate(a, 0, 2) < 21.7e9); /* pairs without one */
    struct stc_cluster off = cluster((struct stc_cluster_ask){.use = "dli_v100"});
    off.p2p = false;
    struct stc_topo *s = make(&off);
    ck_assert(rate(s, 0, 1) > 6.9e9 && rate(s, 0, 1) < 10.6e9);
    stc_assert_near(route(s, 0, 1).latency_s, 17.4e-6, 1e-9);
}
END_TEST

/* Two containers of two GPUs: the socket between them is the narrow place. */
START_TEST(topo_containers_of_one_host_meet_at_the_socket)
{
    struct stc_topo *t = make_ask(
        (struct stc_cluster_ask){.use = "dli_v100", .gpus_per_node = 2, .n_nodes = 2});
    stc_assert_near(rate(t, 0, 2), 3.54e9, 1e-12);
    stc_assert_near(rate(t, 1, 3), 3.54e9, 1e-12);
    struct stc_route x = route(t, 0, 2), y = route(t, 1, 3);
    int shared = 0;
    for (int i = 0; i < x.n_links; i++) {
        for (int j = 0; j < y.n_links; j++)
            shared += x.link[i] == y.link[j];
    }
    ck_assert_int_eq(shared, 2); /* the one NIC, out and in */
    ck_assert_int_eq(count_class(t, &x, STC_LINK_TRUNK), 0);
}
END_TEST

START_TEST(topo_mesh_pairs_without_a_link_go_by_pcie)
{
    struct stc_topo *t = make_ask((struct stc_cluster_ask){.use = "dgx-1-v100-16gb"});
    assert_route(t, 0, 5,
                 "node0.gpu0.pcie.out node0.switch0.pcie.out node0.socket0.out "
                 "node0.socket1.in node0.switch2.pcie.in node0.gpu5.pcie.in");
    stc_assert_near(rate(t, 0, 5), 15.75e9 * 0.8, 1e-12);
    struct stc_topo *p = make_ask((struct stc_cluster_ask){.use = "pcie-l40s"});
    assert_route(p, 0, 1, "node0.gpu0.pcie.out node0.gpu1.pcie.in"); /* same switch */
    assert_route(p, 0, 2,
                 "node0.gpu0.pcie.out node0.switch0.pcie.out node0.switch1.pcie.in "
                 "node0.gpu2.pcie.in");
}
END_TEST

START_TEST(topo_host_copies_take_pcie_or_c2c)
{
    struct stc_topo *t = make_ask((struct stc_cluster_ask){.use = "dgx-h100"});
    struct stc_route r;
    char buf[256];
    stc_topo_route_to_host(t, 5, &r);
    ck_assert_str_eq(spell(t, &r, buf, sizeof buf), "node0.gpu5.pcie.out");
    /* nvbandwidth on this machine: 51 to 52 GB/s (Azure AI benchmarking guide) */
    stc_assert_near(stc_topo_route_Bps(t, &r), 52e9, 0.02);
    struct stc_topo *g = make_ask((struct stc_cluster_ask){.use = "gb200-nvl72"});
    stc_topo_route_from_host(g, 2, &r);
    ck_assert_str_eq(spell(g, &r, buf, sizeof buf), "node0.gpu2.c2c.in");
    struct stc_topo *d = make_ask((struct stc_cluster_ask){.use = "dgx-a100-80gb"});
    struct stc_route s;
    stc_topo_route_to_host(d, 0, &r);
    stc_topo_route_to_host(d, 1, &s);
    ck_assert_uint_eq(r.link[1], s.link[1]); /* two GPUs share a switch's uplink */
}
END_TEST

/* ==== between nodes ==== */

START_TEST(topo_same_rail_stays_on_its_leaf)
{
    struct stc_topo *t =
        make_ask((struct stc_cluster_ask){.use = "dgx-h100", .n_nodes = 64});
    assert_route(t, 3, 8 + 3,
                 "node0.gpu3.pcie.out node0.nic3.out node1.nic3.in node1.gpu3.pcie.in");
    stc_assert_near(rate(t, 3, 11), 50e9 * 0.97, 1e-12);
    /* another rail, and the next group of 32 nodes: through the spines */
    assert_route(
        t, 3, 8 + 4,
        "node0.gpu3.pcie.out node0.nic3.out leaf3.up0 leaf4.down0 node1.nic4.in "
        "node1.gpu4.pcie.in");
    assert_route(
        t, 3, 32 * 8 + 3,
        "node0.gpu3.pcie.out node0.nic3.out leaf3.up0 leaf11.down0 node32.nic3.in "
        "node32.gpu3.pcie.in");
    ck_assert(route(t, 3, 32 * 8 + 3).latency_s > route(t, 3, 11).latency_s);
}
END_TEST

START_TEST(topo_pxn_changes_rail_over_nvlink)
{
    struct stc_cluster c =
        cluster((struct stc_cluster_ask){.use = "dgx-h100", .n_nodes = 4});
    c.pxn = true;
    struct stc_topo *t = make(&c);
    assert_route(t, 3, 8 + 4,
                 "node0.gpu3.nvlink.out node0.gpu4.nvlink.in node0.gpu4.pcie.out "
                 "node0.nic4.out node1.nic4.in node1.gpu4.pcie.in");
}
END_TEST

/* GPUs share a NIC when there are fewer; several NICs act as one port when
 * there are more. */
START_TEST(topo_nics_are_shared_or_bundled)
{
    struct stc_topo *t =
        make_ask((struct stc_cluster_ask){.use = "jean-zay-a100", .n_nodes = 2});
    struct stc_route a = route(t, 0, 8), b = route(t, 1, 9), c = route(t, 2, 10);
    ck_assert_uint_eq(a.link[1], b.link[1]);
    ck_assert_uint_ne(a.link[1], c.link[1]);
    stc_assert_near(rate(t, 0, 8), 12.5e9 * 0.42, 1e-12);
    struct stc_topo *p5 =
        make_ask((struct stc_cluster_ask){.use = "aws-p5", .n_nodes = 2});
    stc_assert_near(rate(p5, 0, 8), 4 * 12.5e9 * 0.88, 1e-12);
}
END_TEST

START_TEST(topo_nvl72_crosses_trays_over_nvlink)
{
    struct stc_topo *t =
        make_ask((struct stc_cluster_ask){.use = "gb200-nvl72", .n_nodes = 36});
    assert_route(t, 0, 71, "node0.gpu0.nvlink.out node17.gpu3.nvlink.in");
    struct stc_route r = route(t, 0, 72); /* the next rack */
    ck_assert_int_eq(count_class(t, &r, STC_LINK_NVLINK), 0);
    ck_assert_int_eq(count_class(t, &r, STC_LINK_NIC), 2);
}
END_TEST

/* By hand: 4 nodes of 8 NICs of 50 GB/s at 0.97 below a leaf, 2:1. */
START_TEST(topo_trunks_are_what_oversubscription_leaves)
{
    struct stc_cluster c = cluster((struct stc_cluster_ask){
        .use = "dgx-h100", .fabric = "ib-ndr-fat-tree", .n_nodes = 64});
    c.fabric.oversubscription = 2;
    c.fabric.leafs_per_pod = 4;
    c.fabric.core_oversubscription = 4;
    struct stc_topo *t = make(&c);
    struct stc_link_class_info k[STC_LINK_CLASS_COUNT];
    stc_topo_link_classes(t, k);
    ck_assert_uint_eq(k[STC_LINK_TRUNK].n_links, 2 * 16);
    stc_assert_near(k[STC_LINK_TRUNK].min_capacity_Bps, 4 * 8 * 50e9 * 0.97 / 2, 1e-12);
    ck_assert_uint_eq(k[STC_LINK_CORE].n_links, 2 * 4);
    stc_assert_near(k[STC_LINK_CORE].min_capacity_Bps,
                    4 * (4 * 8 * 50e9 * 0.97 / 2) / 4, 1e-12);
    struct stc_route r = route(t, 0, 63 * 8);
    ck_assert_int_eq(count_class(t, &r, STC_LINK_TRUNK), 2);
    ck_assert_int_eq(count_class(t, &r, STC_LINK_CORE), 2);
    ck_assert_str_eq(k[STC_LINK_TRUNK].name, "leaf trunk");
    ck_assert_str_eq(stc_link_class_name(STC_LINK_NIC), "NIC");
}
END_TEST

/* Hashing pins a flow to one of the parallel links, always the same, and over
 * many pairs uses them all about equally. */
START_TEST(topo_hashed_paths_are_fixed_and_spread)
{
    struct stc_cluster c = cluster((struct stc_cluster_ask){
        .use = "dgx-h100", .fabric = "roce-400-ecmp", .n_nodes = 64});
    struct stc_topo *t = make(&c);
    int hits[64] = {0}, n = 0;
    for (int a = 0; a < 32; a++) { /* the first leaf: 4 nodes, 32 uplinks */
        for (int b = 32; b < 64 * 8; b++) {
            struct stc_route r = route(t, a, b), again = route(t, a, b);
            ck_assert_mem_eq(r.link, again.link, (size_t)r.n_links * sizeof r.link[0]);
            const struct stc_link *up = &stc_topo_links(t)[r.link[2]];
            ck_assert_int_eq(up->cls, STC_LINK_TRUNK);
            ck_assert_int_lt(up->index, 32);
            stc_assert_near(up->capacity_Bps, 50e9 * 0.92, 1e-9);
            hits[up->index]++;
            n++;
        }
    }
    for (int i = 0; i < 32; i++) {
        ck_assert(hits[i] > n / 32 * 0.7 && hits[i] < n / 32 * 1.3);
    }
}
END_TEST

START_TEST(topo_degraded_links_are_slower_and_only_they)
{
    struct stc_cluster c =
        cluster((struct stc_cluster_ask){.use = "dgx-h100", .n_nodes = 2});
    struct stc_topo *whole = make(&c);
    struct stc_degrade d[] = {{STC_DEGRADE_NIC, 1, 2, 0.5},
                              {STC_DEGRADE_NVLINK, 0, -1, 0.25}};
    c.degrades = d;
    c.n_degrades = 2;
    struct stc_topo *t = make(&c);
    stc_assert_near(rate(t, 2, 10), rate(whole, 2, 10) / 2, 1e-12);
    stc_assert_near(rate(t, 3, 11), rate(whole, 3, 11), 0);
    stc_assert_near(rate(t, 0, 1), rate(whole, 0, 1) / 4, 1e-12);
    stc_assert_near(rate(t, 8, 9), rate(whole, 8, 9), 0);
}
END_TEST

START_TEST(topo_single_node_has_no_network)
{
    struct stc_topo *t = make_ask((struct stc_cluster_ask){.use = "dgx-h100"});
    struct stc_link_class_info k[STC_LINK_CLASS_COUNT];
    stc_topo_link_classes(t, k);
    ck_assert_uint_eq(k[STC_LINK_NIC].n_links, 0);
    ck_assert_uint_eq(k[STC_LINK_TRUNK].n_links, 0);
    ck_assert_uint_eq(k[STC_LINK_NVLINK].n_links, 16);
}
END_TEST

/* Far more than it takes (a few ms), so that a busy machine does not fail it. */
START_TEST(topo_16384_gpus_are_made_and_routed_at_once)
{
    struct stc_cluster c = cluster((struct stc_cluster_ask){
        .use = "dgx-h100", .fabric = "roce-400-meta", .n_nodes = 2048});
    clock_t start = clock();
    struct stc_topo *t = make(&c);
    double made_s = (double)(clock() - start) / CLOCKS_PER_SEC;
    double sum = 0;
    start = clock();
    for (int i = 0; i < 1000000; i++) {
        struct stc_route r;
        stc_topo_route(t, i % 16384, (int)(((unsigned)i * 2654435761u) % 16384), &r);
        sum += r.latency_s;
    }
    double routed_s = (double)(clock() - start) / CLOCKS_PER_SEC;
    ck_assert(sum > 0);
    ck_assert_msg(made_s < 0.5, "16,384 GPUs took %g s", made_s);
    ck_assert_msg(routed_s < 2, "a route took %g us", routed_s);
    ck_assert_uint_lt(stc_topo_n_links(t) * sizeof(struct stc_link), 30u << 20);
}
END_TEST

START_TEST(topo_survives_every_failed_allocation)
{
    struct stc_cluster c =
        cluster((struct stc_cluster_ask){.use = "dgx-h100", .n_nodes = 4});
    struct stc_arena small = STC_ARENA_INIT;
    struct stc_topo *t = NULL;
    enum stc_err err;
    STC_EACH_CAP (&small, err, stc_topo_make(&small, &c, &t, &diag))
        ;
    ck_assert_int_eq(err, STC_OK);
    ck_assert(stc_topo_sane(t));
    stc_arena_free(&small);
}
END_TEST

static Suite *topo_suite(void)
{
    Suite *s = suite_create("topo");
    TCase *c = tcase_create("topo");
    tcase_add_checked_fixture(c, load, unload);
    tcase_set_timeout(c, 30);
    tcase_add_test(c, topo_every_pair_of_every_machine_is_joined);
    tcase_add_test(c, topo_every_fabric_joins_distant_nodes);
    tcase_add_loop_test(c, topo_every_link_is_used, 0, 5);
    tcase_add_test(c, topo_nvswitch_goes_out_and_in);
    tcase_add_test(c, topo_course_machines_give_the_measured_link_matrix);
    tcase_add_test(c, topo_containers_of_one_host_meet_at_the_socket);
    tcase_add_test(c, topo_mesh_pairs_without_a_link_go_by_pcie);
    tcase_add_test(c, topo_host_copies_take_pcie_or_c2c);
    tcase_add_test(c, topo_same_rail_stays_on_its_leaf);
    tcase_add_test(c, topo_pxn_changes_rail_over_nvlink);
    tcase_add_test(c, topo_nics_are_shared_or_bundled);
    tcase_add_test(c, topo_nvl72_crosses_trays_over_nvlink);
    tcase_add_test(c, topo_trunks_are_what_oversubscription_leaves);
    tcase_add_test(c, topo_hashed_paths_are_fixed_and_spread);
    tcase_add_test(c, topo_degraded_links_are_slower_and_only_they);
    tcase_add_test(c, topo_single_node_has_no_network);
    tcase_add_test(c, topo_16384_gpus_are_made_and_routed_at_once);
    tcase_add_test(c, topo_survives_every_failed_allocation);
    suite_add_tcase(s, c);
    return s;
}

STC_TEST_MAIN(topo_suite)
