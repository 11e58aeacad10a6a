/* Names, aliases, user rows, clusters from little said. */
#include <stdio.h>

#include "hw/catalogue.h"
#include "hw/keys.h"
#include "sim/base/text.h"
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

static struct stc_cluster resolve(struct stc_cluster_ask ask)
{
    struct stc_cluster c;
    memset(&c, 0, sizeof c);
    stc_assert_ok(stc_cluster_resolve(hw, &ask, &c, &diag), &diag);
    return c;
}

static enum stc_err add(const char *text)
{
    return stc_hw_add_yaml(hw, text, strlen(text), "mine.yaml", &diag);
}

/* ==== names ==== */

/* The names that published measurements use. */
static const char *const truth_names[] = {
    "V100-SXM2-16GB", "V100-SXM2-32GB", "V100-SXM3-32GB", "A100-SXM4-40GB",
    "A100-SXM4-80GB", "A800-SXM4-80GB", "H100-SXM5-80GB", "H100-SXM5-96GB-HBM2e-500W",
    "H200-SXM-141GB", "B200-SXM-180GB", "B300-SXM-288GB", "GB200-NVL72",
    "GB300-NVL72",    "A100-80GB-PCIe", "A100-40GB-PCIe", "L40S-48GB"};

START_TEST(catalogue_knows_the_names_of_measurements)
{
    for (size_t i = 0; i < sizeof truth_names / sizeof truth_names[0]; i++) {
        const struct stc_gpu *g = NULL;
        stc_assert_ok(stc_hw_find_gpu(hw, truth_names[i], &g, &diag), &diag);
    }
}
END_TEST

/* Every gpu cell of a table, and for each GPU a usual machine with the stated
 * number per node. Skipped where the table was not copied into the tree. */
START_TEST(catalogue_covers_the_tables_of_measurements)
{
    static const char *const tables[] = {"tests/data/truth/training.csv",
                                         "tests/data/truth/micro/gemm.csv",
                                         "tests/data/truth/micro/collectives.csv"};
    struct stc_csv csv;
    if (stc_csv_open(&csv, tables[_i], &diag) != STC_OK) return;
    int col = stc_csv_col(&csv, "gpu"), per = stc_csv_col(&csv, "gpus_per_node");
    char last[64] = "";
    bool got = true;
    ck_assert_int_ge(col, 0);
    for (;;) {
        stc_assert_ok(stc_csv_next(&csv, &got, &diag), &diag);
        if (!got) break;
        if (strcmp(last, stc_csv_text(&csv, col)) == 0) continue;
        snprintf(last, sizeof last, "%s", stc_csv_text(&csv, col));
        int gpus_per_node = per >= 0 ? atoi(stc_csv_text(&csv, per)) : 0;
        struct stc_cluster c;
        stc_assert_ok(
            stc_cluster_default_for_gpu(hw, last, gpus_per_node, 0, &c, &diag), &diag);
        if (gpus_per_node > 0) ck_assert_int_eq(c.node.n_gpus, gpus_per_node);
    }
    stc_csv_close(&csv);
}
END_TEST

START_TEST(catalogue_unknown_names_list_near_ones)
{
    const struct stc_gpu *g = NULL;
    const struct stc_hw_node *n = NULL;
    const struct stc_fabric *f = NULL;
    stc_assert_fails(stc_hw_find_gpu(hw, "H100-SXM5-8GB", &g, &diag), STC_ERR_UNKNOWN,
                     &diag, "H100-SXM5-80GB");
    stc_assert_fails(stc_hw_find_node(hw, "dgx-h10", &n, &diag), STC_ERR_UNKNOWN, &diag,
                     "dgx-h100");
    stc_assert_fails(stc_hw_find_fabric(hw, "ib-ndx", &f, &diag), STC_ERR_UNKNOWN,
                     &diag, "ib-ndr");
    ck_assert_ptr_null(g);
    ck_assert_ptr_null(n);
    ck_assert_ptr_null(f);
}
END_TEST

START_TEST(catalogue_names_do_not_care_about_case)
{
    const struct stc_gpu *g = NULL;
    stc_assert_ok(stc_hw_find_gpu(hw, "h100-sxm5-80gb", &g, &diag), &diag);
    ck_assert_str_eq(g->name, "H100-SXM5-80GB");
}
END_TEST

/* ==== every node and fabric ==== */

START_TEST(catalogue_every_node_makes_a_cluster)
{
    ck_assert_uint_ge(stc_hw_n_nodes(hw), 40);
    for (size_t i = 0; i < stc_hw_n_nodes(hw); i++) {
        const struct stc_hw_node *n = stc_hw_node_at(hw, i);
        struct stc_cluster c =
            resolve((struct stc_cluster_ask){.use = n->name, .n_nodes = 4});
        ck_assert_msg(strlen(n->source) > 20, "%s: no source", n->name);
        ck_assert_msg(n->cpu_cores > 0 && n->ram_bytes > 100e9, "%s: no host", n->name);
        /* The network is slower than the links inside. */
        double gpu_net = stc_cluster_node_Bps(&c) / c.node.n_gpus;
        if (c.node.intra == STC_INTRA_NVSWITCH) {
            ck_assert_msg(gpu_net < stc_cluster_nvlink_Bps(&c) / 2, "%s", n->name);
        }
        ck_assert_msg(gpu_net < 110e9 && gpu_net > 0.1e9, "%s: %g B/s", n->name,
                      gpu_net);
        ck_assert_msg(c.node.shm_Bps > 0 && c.node.n_sockets >= 1, "%s", n->name);
    }
}
END_TEST

/* A GPU has as many links as its mesh gives it, never more. */
START_TEST(catalogue_meshes_use_no_more_links_than_the_gpu_has)
{
    for (size_t i = 0; i < stc_hw_n_nodes(hw); i++) {
        const struct stc_hw_node *n = stc_hw_node_at(hw, i);
        if (n->intra != STC_INTRA_NVLINK_MESH) continue;
        const struct stc_gpu *g = NULL;
        stc_assert_ok(stc_hw_find_gpu(hw, n->gpu_name, &g, &diag), &diag);
        for (int a = 0; a < n->n_gpus; a++) {
            int degree = 0;
            for (int b = 0; b < n->n_gpus; b++) {
                degree += n->mesh[a][b];
                ck_assert_int_eq(n->mesh[a][b], n->mesh[b][a]);
            }
            ck_assert_msg(degree > 0 && degree <= g->n_nvlinks,
                          "%s: GPU %d has %d links", n->name, a, degree);
        }
    }
    /* By hand: the hybrid cube mesh uses all six links of every V100. */
    const struct stc_hw_node *dgx1 = NULL;
    stc_assert_ok(stc_hw_find_node(hw, "dgx-1-v100-16gb", &dgx1, &diag), &diag);
    for (int a = 0; a < 8; a++) {
        int degree = 0;
        for (int b = 0; b < 8; b++)
            degree += dgx1->mesh[a][b];
        ck_assert_int_eq(degree, 6);
    }
}
END_TEST

START_TEST(catalogue_every_fabric_is_complete)
{
    for (size_t i = 0; i < stc_hw_n_fabrics(hw); i++) {
        const struct stc_fabric *f = stc_hw_fabric_at(hw, i);
        ck_assert_msg(strlen(f->source) > 20, "%s: no source", f->name);
        ck_assert_msg(f->link_Bps >= 1e9 && f->link_Bps <= 100e9, "%s", f->name);
        ck_assert_msg(f->base_latency_s >= 0.5e-6 && f->base_latency_s < 1e-4, "%s",
                      f->name);
        struct stc_cluster c = resolve((struct stc_cluster_ask){
            .use = "dgx-h100", .fabric = f->name, .n_nodes = 64});
        stc_assert_near(c.node.nic_Bps,
                        strcmp(f->name, "ib-ndr") == 0 ? 50e9 : f->link_Bps, 0);
    }
}
END_TEST

/* ==== little said ==== */

START_TEST(catalogue_a_gpu_alone_gives_its_reference_cluster)
{
    struct stc_cluster c;
    stc_assert_ok(stc_cluster_default_for_gpu(hw, "A100-SXM4-80GB", 0, 1024, &c, &diag),
                  &diag);
    ck_assert_str_eq(c.node.name, "dgx-a100-80gb");
    ck_assert_int_eq(c.n_nodes, 128);
    ck_assert_int_eq(c.node.n_nics, 8);
    stc_assert_near(c.node.nic_Bps, 25e9, 0);
    ck_assert_str_eq(c.fabric.name, "ib-hdr");
    stc_assert_ok(stc_cluster_default_for_gpu(hw, "V100-SXM2-32GB", 4, 64, &c, &diag),
                  &diag);
    ck_assert_str_eq(c.node.name, "jean-zay-v100-32gb");
    stc_assert_ok(stc_cluster_default_for_gpu(hw, "V100-SXM3-32GB", 16, 32, &c, &diag),
                  &diag);
    ck_assert_str_eq(c.node.name, "dgx-2");
    stc_assert_ok(stc_cluster_default_for_gpu(hw, "GB200-NVL72", 4, 144, &c, &diag),
                  &diag);
    ck_assert_int_eq(stc_cluster_nvlink_domain_gpus(&c), 72);
}
END_TEST

/* A rate without a count: one NIC per GPU; a technology: its row of that rate. */
START_TEST(catalogue_network_words_of_measurements)
{
    static const struct {
        const char *gpu, *fabric;
        int nics;
        double nic_Bps;
        const char *want;
        int want_nics;
    } rows[] = {
        {"A100-SXM4-80GB", "opa", 4, 12.5e9, "opa-100", 4},
        {"A100-SXM4-80GB", "roce", 0, 25e9, "roce-200", 8},
        {"A100-SXM4-80GB", "roce", 4, 12.5e9, "roce-100", 4},
        {"A100-SXM4-80GB", "ib", 4, 25e9, "ib-hdr", 4},
        {"H100-SXM5-80GB", "ib", 8, 50e9, "ib-ndr", 8},
        {"H100-SXM5-80GB", "roce", 0, 50e9, "roce-400", 8},
        {"GB200-NVL72", "roce", 0, 50e9, "roce-400", 4},
        {"H100-SXM5-80GB", "tcpxo", 8, 25e9, "gcp-tcpxo", 8},
        {"H100-SXM5-80GB", NULL, 0, 100e9, "ib-ndr", 8},
    };
    struct stc_cluster c =
        resolve((struct stc_cluster_ask){.gpu = rows[_i].gpu,
                                         .fabric = rows[_i].fabric,
                                         .nics_per_node = rows[_i].nics,
                                         .nic_Bps = rows[_i].nic_Bps,
                                         .n_nodes = 4});
    ck_assert_str_eq(c.fabric.name, rows[_i].want);
    ck_assert_int_eq(c.node.n_nics, rows[_i].want_nics);
    stc_assert_near(c.node.nic_Bps, rows[_i].nic_Bps, 0);
    stc_assert_near(c.fabric.link_Bps, rows[_i].nic_Bps, 0);
}
END_TEST

START_TEST(catalogue_part_of_a_machine_has_its_share_of_nics)
{
    struct stc_cluster c = resolve(
        (struct stc_cluster_ask){.use = "dli_v100", .gpus_per_node = 2, .n_nodes = 2});
    ck_assert_int_eq(c.node.n_gpus, 2);
    ck_assert_int_eq(c.node.n_nics, 1);
    c = resolve(
        (struct stc_cluster_ask){.use = "dgx-h100", .gpus_per_node = 4, .n_nodes = 2});
    ck_assert_int_eq(c.node.n_nics, 4);
    c = resolve((struct stc_cluster_ask){.use = "dgx-h100", .n_gpus = 1});
    ck_assert_int_eq(c.n_nodes, 1);
    ck_assert_int_eq(c.node.n_gpus, 1);
}
END_TEST

START_TEST(catalogue_impossible_counts_are_refused_and_change_nothing)
{
    struct stc_cluster c;
    memset(&c, 7, sizeof c);
    struct stc_cluster before = c;
    struct stc_cluster_ask odd = {.use = "dgx-h100", .n_gpus = 12};
    struct stc_cluster_ask both = {.use = "dgx-h100", .n_gpus = 32, .n_nodes = 2};
    struct stc_cluster_ask many = {
        .use = "dgx-h100", .gpus_per_node = 16, .n_nodes = 1};
    struct stc_cluster_ask none = {.n_nodes = 1};
    stc_assert_fails(stc_cluster_resolve(hw, &odd, &c, &diag), STC_ERR_RANGE, &diag,
                     "multiple");
    stc_assert_fails(stc_cluster_resolve(hw, &both, &c, &diag), STC_ERR_RANGE, &diag,
                     "not 32");
    stc_assert_fails(stc_cluster_resolve(hw, &many, &c, &diag), STC_ERR_RANGE, &diag,
                     "has 8");
    stc_assert_fails(stc_cluster_resolve(hw, &none, &c, &diag), STC_ERR_UNKNOWN, &diag,
                     "neither");
    ck_assert_mem_eq(&c, &before, sizeof c);
}
END_TEST

START_TEST(catalogue_degraded_parts_must_exist)
{
    struct stc_cluster c =
        resolve((struct stc_cluster_ask){.use = "dgx-h100", .n_nodes = 2});
    struct stc_degrade d[2] = {{STC_DEGRADE_COMPUTE, 1, 3, 0.8},
                               {STC_DEGRADE_COMPUTE, 1, -1, 0.5}};
    c.degrades = d;
    c.n_degrades = 2;
    stc_assert_ok(stc_cluster_finish(&c, &diag), &diag);
    stc_assert_near(stc_cluster_factor(&c, STC_DEGRADE_COMPUTE, 1, 3), 0.4, 1e-12);
    stc_assert_near(stc_cluster_factor(&c, STC_DEGRADE_COMPUTE, 1, 0), 0.5, 1e-12);
    stc_assert_near(stc_cluster_factor(&c, STC_DEGRADE_COMPUTE, 0, 3), 1, 0);
    stc_assert_near(stc_cluster_factor(&c, STC_DEGRADE_NIC, 1, 3), 1, 0);
    d[0].node = 2;
    stc_assert_fails(stc_cluster_finish(&c, &diag), STC_ERR_RANGE, &diag, "not there");
}
END_TEST

/* ==== rings ==== */

START_TEST(catalogue_ring_rates_of_known_machines)
{
    int quad[] = {0, 1, 2, 3}, all[] = {0, 1, 2, 3, 4, 5, 6, 7}, apart[] = {0, 5};
    struct stc_cluster c = resolve((struct stc_cluster_ask){.use = "dgx-1-v100-16gb"});
    /* by hand: 6 links of 25 GB/s; 4 stay in a quad; 0 and 5 share none */
    stc_assert_near(stc_hw_node_ring_Bps(&c.node, all, 8, true), 150e9 * 0.97, 1e-12);
    stc_assert_near(stc_hw_node_ring_Bps(&c.node, quad, 4, true), 100e9 * 0.97, 1e-12);
    stc_assert_near(stc_hw_node_ring_Bps(&c.node, apart, 2, true), 15.75e9 * 0.8,
                    1e-12);
    c = resolve((struct stc_cluster_ask){.use = "dgx-a100-80gb"});
    stc_assert_near(stc_hw_node_ring_Bps(&c.node, quad, 4, true), 300e9 * 0.92, 1e-12);
    /* course: shared memory between two V100 5.4 GB/s each way; a bridge 275 */
    c = resolve((struct stc_cluster_ask){.use = "dli_v100"});
    stc_assert_near(stc_hw_node_ring_Bps(&c.node, quad, 2, false), 5.4e9, 1e-9);
    c = resolve((struct stc_cluster_ask){.use = "dli_a100"});
    stc_assert_near(stc_hw_node_ring_Bps(&c.node, quad, 2, true), 275e9, 0.01);
    stc_assert_near(stc_hw_node_ring_Bps(&c.node, quad, 4, true), 4.8e9, 1e-9);
}
END_TEST

/* ==== user rows ==== */

START_TEST(catalogue_user_rows_win_and_may_start_from_another)
{
    size_t n = stc_hw_n_gpus(hw);
    stc_assert_ok(
        add("gpus:\n"
            "  H100-SXM5-80GB: {like: H100-SXM5-80GB, tdp: 500W}\n"
            "  X1: {like: H100-SXM5-80GB, memory: {size: 100GB, bandwidth: 4TB/s}}\n"
            "nodes:\n"
            "  box: {like: dgx-h100, gpu: X1, gpus: 4, reference: yes}\n"),
        &diag);
    const struct stc_gpu *g = NULL;
    stc_assert_ok(stc_hw_find_gpu(hw, "H100-SXM5-80GB", &g, &diag), &diag);
    stc_assert_near(g->tdp_w, 500, 0);
    stc_assert_near(g->mem_Bps, 3350e9, 0); /* the rest as before */
    ck_assert_uint_eq(stc_hw_n_gpus(hw), n + 1);
    struct stc_cluster c;
    stc_assert_ok(stc_cluster_default_for_gpu(hw, "x1", 0, 8, &c, &diag), &diag);
    ck_assert_str_eq(c.node.name, "box");
    ck_assert_int_eq(c.n_nodes, 2);
    stc_assert_near(c.gpu.tdp_w, 500, 0);
    stc_assert_near(c.gpu.mem_cuda_bytes, 100e9, 0); /* not that of the H100 */
}
END_TEST

START_TEST(catalogue_refused_rows_change_nothing)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"gpus: {Y: {like: H100-SXM5-80GB, tdpp: 3W}}", "tdpp"},
        {"gpus: {Y: {like: H100-SXM5-80GB, tdp: 3}}", "mine.yaml:1"},
        {"gpus: {Y: {sm: 3}}", "memory"},
        {"gpus: {Y: {like: H100-SXM5-80G}}", "H100-SXM5-80GB"},
        {"gpus: {Y: 3}", "map"},
        {"nodes: {Y: {gpu: H100-SXM5-80G}}", "H100-SXM5-80GB"},
        {"nodes: {Y: {gpu: L4, fabric: ib-ndx}}", "ib-ndr"},
        {"nodes: {Y: {like: dgx-1, links: [0-0]}}", "not a link"},
        {"nodes: {Y: {like: dgx-1, links: [0-1y2]}}", "not a link"},
        {"fabrics: {Y: {tech: ib}}", "link"},
        {"fabrics: {Y: {like: ib-ndr, efficiency: 2}}", "efficiency"},
        {"gpu: {}", "section"},
        {"gpus: {Z: {like: L4}, Y: {like: L4, clock: fast}}", "clock"},
    };
    size_t n = stc_hw_n_gpus(hw), m = stc_hw_n_nodes(hw);
    enum stc_err err = add(rows[_i].text);
    ck_assert_msg(err != STC_OK, "accepted: %s", rows[_i].text);
    ck_assert_msg(strstr(diag.text, rows[_i].words) != NULL,
                  "\"%s\" does not hold \"%s\"", diag.text, rows[_i].words);
    ck_assert_uint_eq(stc_hw_n_gpus(hw), n);
    ck_assert_uint_eq(stc_hw_n_nodes(hw), m);
    const struct stc_gpu *g = NULL;
    ck_assert_int_eq(stc_hw_find_gpu(hw, "Z", &g, &diag), STC_ERR_UNKNOWN);
}
END_TEST

START_TEST(catalogue_survives_every_failed_allocation)
{
    struct stc_arena small = STC_ARENA_INIT;
    struct stc_hw *out = NULL;
    enum stc_err err;
    small.cap_bytes = 0;
    stc_assert_ok(stc_hw_load(&small, &out, &diag), &diag);
    size_t need = small.used_bytes;
    for (size_t cap = 64; cap < need; cap += need / 40) {
        stc_arena_reset(&small);
        small.cap_bytes = cap;
        err = stc_hw_load(&small, &out, &diag);
        ck_assert_int_eq(err, STC_ERR_NOMEM);
    }
    stc_arena_free(&small);
}
END_TEST

static Suite *catalogue_suite(void)
{
    Suite *s = suite_create("catalogue");
    TCase *c = tcase_create("catalogue");
    tcase_add_checked_fixture(c, load, unload);
    tcase_add_test(c, catalogue_knows_the_names_of_measurements);
    tcase_add_loop_test(c, catalogue_covers_the_tables_of_measurements, 0, 3);
    tcase_add_test(c, catalogue_unknown_names_list_near_ones);
    tcase_add_test(c, catalogue_names_do_not_care_about_case);
    tcase_add_test(c, catalogue_every_node_makes_a_cluster);
    tcase_add_test(c, catalogue_meshes_use_no_more_links_than_the_gpu_has);
    tcase_add_test(c, catalogue_every_fabric_is_complete);
    tcase_add_test(c, catalogue_a_gpu_alone_gives_its_reference_cluster);
    tcase_add_loop_test(c, catalogue_network_words_of_measurements, 0, 9);
    tcase_add_test(c, catalogue_part_of_a_machine_has_its_share_of_nics);
    tcase_add_test(c, catalogue_impossible_counts_are_refused_and_change_nothing);
    tcase_add_test(c, catalogue_degraded_parts_must_exist);
    tcase_add_test(c, catalogue_ring_rates_of_known_machines);
    tcase_add_test(c, catalogue_user_rows_win_and_may_start_from_another);
    tcase_add_loop_test(c, catalogue_refused_rows_change_nothing, 0, 13);
    tcase_add_test(c, catalogue_survives_every_failed_allocation);
    suite_add_tcase(s, c);
    return s;
}

STC_TEST_MAIN(catalogue_suite)
