/* A cluster from its tools' output. The texts have the tools' form and were
 * written for this. What is said must load as a scenario; what is not told must be
 * named. */
#include "hw/catalogue.h"
#include "hw/describe.h"
#include "hw/xml_pull.h"
#include "scenarios/scenario.h"
#include "sim/base/text.h"
#include "tests/testing.h"

static struct stc_diag diag;
static struct stc_arena arena = STC_ARENA_INIT;
static struct stc_hw *hw;
static struct stc_describe d;
static struct stc_text out;

static void setup(void)
{
    stc_assert_ok(stc_hw_load(&arena, &hw, &diag), &diag);
    stc_describe_init(&d);
    stc_text_init(&out, 0);
}

static void teardown(void)
{
    stc_text_free(&out);
    stc_arena_free(&arena);
}

static void add(const char *text)
{
    stc_assert_ok(stc_describe_add(&d, "t", text, strlen(text), &diag), &diag);
}

/* The section as a scenario; the text must also hold these words. */
static const struct stc_scenario *scenario(const char *words)
{
    static struct stc_scenario s;
    stc_text_clear(&out);
    stc_describe_yaml(&d, hw, &out);
    stc_scenario_init(&s);
    stc_assert_ok(
        stc_scenario_load(&s, "described", stc_text_str(&out), out.len, &diag), &diag);
    ck_assert_msg(strstr(stc_text_str(&out), words) != NULL, "no \"%s\" in:\n%s", words,
                  stc_text_str(&out));
    return &s;
}

/* A matrix of n GPUs all joined by `link`, and one NIC a GPU. */
static void matrix(char *to, size_t size, int n, const char *link)
{
    size_t o = 0;
    for (int i = -1; i < n; i++) {
        if (i >= 0) o += (size_t)snprintf(to + o, size - o, "GPU%d", i);
        for (int j = 0; j < n; j++)
            o += (size_t)(i < 0 ? snprintf(to + o, size - o, "\tGPU%d", j)
                                : snprintf(to + o, size - o, "\t%s",
                                           i == j ? " X " : link));
        for (int j = 0; j < n; j++)
            o += (size_t)(i < 0 ? snprintf(to + o, size - o, "\tNIC%d", j)
                                : snprintf(to + o, size - o, "\t%s",
                                           i == j           ? "PXB"
                                           : i / 4 == j / 4 ? "NODE"
                                                            : "SYS"));
        o += (size_t)(i < 0 ? snprintf(to + o, size - o,
                                       "\tCPU Affinity\tNUMA Affinity\n")
                            : snprintf(to + o, size - o, "\t%d-%d\t%d\n",
                                       i < 4 ? 0 : 48, i < 4 ? 47 : 95, i / 4));
    }
    (void)snprintf(
        to + o, size - o,
        "\nLegend:\n\n  X    = Self\n\nNIC Legend:\n\n  NIC0: mlx5_0\n  NIC1: "
        "mlx5_3\n");
}

static const char smi[] =
    "<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "
    "\"x.dtd\">\n<nvidia_smi_log>\n"
    "<driver_version>550.54</driver_version><cuda_version>12.4</cuda_version>"
    "<attached_gpus>8</attached_gpus>"
    "<gpu id=\"0\"><product_name>NVIDIA H100 80GB HBM3</product_name>"
    "<mig_mode><current_mig>Disabled</current_mig></mig_mode>"
    "<fb_memory_usage><total>81559 MiB</total></fb_memory_usage>"
    "<pci><pci_gpu_link_info><pcie_gen><max_link_gen>5</max_link_gen></pcie_gen>"
    "</pci_gpu_link_info></pci></gpu>\n<!-- <gpu> -->\n</nvidia_smi_log>\n";

static const char ibstat[] =
    "CA 'mlx5_0'\n\tCA type: MT4129\n\tNumber of ports: 1\n"
    "\tPort 1:\n\t\tState: Active\n\t\tPhysical state: LinkUp\n"
    "\t\tRate: 400\n\t\tLink layer: InfiniBand\n"
    "CA 'mlx5_9'\n\tCA type: MT4123\n\tPort 1:\n\t\tState: Down\n"
    "\t\tRate: 10\n\t\tLink layer: Ethernet\n";

START_TEST(describe_a_known_node_is_named)
{
    char text[8192];
    matrix(text, sizeof text, 8, "NV18");
    add(text);
    add(smi);
    add(ibstat);
    const struct stc_scenario *s = scenario("Not told: how many nodes");
    ck_assert_str_eq(s->said.c_use, "dgx-h100");
    ck_assert_int_eq(s->said.c_nodes, 1);
}
END_TEST

START_TEST(describe_nics_without_a_gpu_beside_them_do_not_count)
{
    char text[8192];
    matrix(text, sizeof text, 8, "NV18");
    add(text);
    add(smi);
    add(ibstat); /* mlx5_9 is down and beside no GPU */
    (void)scenario("8 of 9 NICs");
}
END_TEST

START_TEST(describe_slurm_counts_nodes_and_kinds)
{
    add("NodeName=g1 Arch=x86_64 CoresPerSocket=56\n   CPUAlloc=0 CPUTot=224\n   "
        "Gres=gpu:h100:8(S:0-1)\n   RealMemory=2000000 Sockets=2 Boards=1\n   "
        "ThreadsPerCore=2\n\nNodeName=g2 Arch=x86_64 CoresPerSocket=56\n   "
        "Gres=gpu:h100:8(S:0-1)\n   RealMemory=2000000 Sockets=2\n\n"
        "NodeName=v1 CoresPerSocket=20\n   Gres=gpu:v100:4\n   RealMemory=180000 "
        "Sockets=2\n"
        "NodeName=cpu1 CoresPerSocket=64\n   Gres=(null)\n   Sockets=2\n");
    const struct stc_scenario *s = scenario("1 further nodes have other GPUs");
    ck_assert_int_eq(s->said.c_nodes, 2);
    ck_assert_int_eq(d.cpu_cores, 112);
    ck_assert_int_eq(d.n_sockets, 2);
    ck_assert_int_eq(d.n_gpus, 8);
    ck_assert(s->said.c_use[0] != '\0' || strcmp(s->said.c_gpu, "H100-SXM5-80GB") == 0);
}
END_TEST

START_TEST(describe_mesh_is_not_taken_for_a_switch)
{
    struct stc_hw_node const *n;
    add("\tGPU0\tGPU1\tGPU2\tGPU3\tCPU Affinity\nGPU0\t X \tNV4\tNV4\tNV4\t0-15\n"
        "GPU1\tNV4\t X \tNV4\tNV4\t0-15\nGPU2\tNV4\tNV4\t X \tNV4\t0-15\n"
        "GPU3\tNV4\tNV4\tNV4\t X \t0-15\n");
    (void)snprintf(d.product, sizeof d.product, "NVIDIA A100-SXM4-40GB");
    d.gpu_mem_bytes = 42.9e9;
    stc_describe_node_yaml(&d, hw, "mine", &out);
    stc_assert_ok(stc_hw_add_yaml(hw, stc_text_str(&out), out.len, "mine", &diag),
                  &diag);
    stc_assert_ok(stc_hw_find_node(hw, "mine", &n, &diag), &diag);
    ck_assert_int_eq(n->intra, STC_INTRA_NVLINK_MESH);
    ck_assert_int_eq(n->mesh[0][3], 4);
    ck_assert_int_eq(n->n_gpus, 4);
}
END_TEST

START_TEST(describe_pairs_and_plain_pcie)
{
    add("\tGPU0\tGPU1\tGPU2\tGPU3\tCPU Affinity\nGPU0\tX\tNV4\tPHB\tSYS\t0\n"
        "GPU1\tNV4\tX\tSYS\tSYS\t0\nGPU2\tPHB\tSYS\tX\tNV4\t0\nGPU3\tSYS\tSYS\tNV4\tX\t"
        "0\n");
    (void)snprintf(d.product, sizeof d.product, "NVIDIA A40");
    (void)scenario("nvlink-pairs");
    stc_describe_init(&d);
    add("GPU0 GPU1 CPU Affinity\nGPU0 X SYS 0\nGPU1 SYS X 1\n");
    (void)snprintf(d.product, sizeof d.product, "NVIDIA L4");
    (void)scenario("pcie");
    ck_assert_int_eq(d.n_gpus, 2);
}
END_TEST

START_TEST(describe_nccl_topology_tells_switches_and_rates)
{
    add("<system version=\"1\"><cpu numaid=\"0\" arch=\"x86_64\">"
        "<pci busid=\"0000:0f:00.0\" class=\"0x030200\" vendor=\"0x10de\" "
        "device=\"0x2330\">"
        "<gpu dev=\"0\" sm=\"90\"><nvlink target=\"0000:1c:00.0\" count=\"18\" "
        "tclass=\"0x068000\"/></gpu></pci>"
        "<pci busid=\"0000:0c:00.0\" class=\"0x020700\" vendor=\"0x15b3\"><nic><net "
        "name=\"mlx5_0\" speed=\"400000\" port=\"1\"/></nic></pci></cpu></system>");
    ck_assert_int_eq(d.links_per_gpu, 18);
    ck_assert_int_eq(d.n_nics, 1);
    stc_assert_near(d.nic[0].Bps, 50e9, 1e-12);
    const struct stc_scenario *s = scenario("H100");
    ck_assert(s->said.c_use[0] != '\0' || strcmp(s->said.c_gpu, "H100-SXM5-80GB") == 0);
    ck_assert_ptr_null(strstr(stc_text_str(&out), "how the GPUs reach"));
}
END_TEST

START_TEST(describe_unknown_products_are_named_not_guessed)
{
    add("<nvidia_smi_log><gpu id=\"0\"><product_name>NVIDIA Moon 1</product_name></gpu>"
        "</nvidia_smi_log>");
    const struct stc_scenario *s = scenario("The catalogue has no \"NVIDIA Moon 1\"");
    ck_assert_str_eq(s->said.c_gpu, "Moon-1");
    ck_assert_ptr_nonnull(strstr(stc_text_str(&out), "#     Moon-1:\n"));
    ck_assert_ptr_nonnull(strstr(stc_text_str(&out), "#       like: NAME"));
}
END_TEST

START_TEST(describe_refusals)
{
    static const char *const bad[] = {"",
                                      "hello",
                                      "\tGPU0\tGPU1\nGPU0\t X \tNV1\n",
                                      "<nvidia_smi_log><gpu>",
                                      "<system></cpu>",
                                      "<system version='1'></system>",
                                      "CA type: MT1\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct stc_describe before = d;
        ck_assert_int_eq(stc_describe_add(&d, "t", bad[i], strlen(bad[i]), &diag),
                         STC_ERR_PARSE);
        ck_assert_ptr_null(strchr(diag.text, '\n'));
        ck_assert_int_eq(memcmp(&before, &d, sizeof d), 0);
    }
}
END_TEST

START_TEST(xml_elements_attributes_and_entities)
{
    static const char text[] =
        "<a x='1 &lt; 2' y=\"q\"><!-- <no> --><b/> t &amp; u </a>";
    struct stc_xml x;
    stc_xml_open(&x, "t", text, sizeof text - 1);
    stc_assert_ok(stc_xml_next(&x, &diag), &diag);
    ck_assert_int_eq(x.kind, STC_XML_START);
    ck_assert_str_eq(stc_xml_attr(&x, "x"), "1 < 2");
    ck_assert_str_eq(stc_xml_attr(&x, "z"), "");
    stc_assert_ok(stc_xml_next(&x, &diag), &diag);
    ck_assert_str_eq(x.tag, "b");
    ck_assert(stc_xml_within(&x, "a/b"));
    ck_assert(!stc_xml_within(&x, "c/b"));
    stc_assert_ok(stc_xml_next(&x, &diag), &diag);
    ck_assert_int_eq(x.kind, STC_XML_STOP);
    stc_assert_ok(stc_xml_next(&x, &diag), &diag);
    ck_assert_str_eq(x.text, "t & u");
    stc_assert_ok(stc_xml_next(&x, &diag), &diag);
    ck_assert_int_eq(x.kind, STC_XML_STOP);
    stc_assert_ok(stc_xml_next(&x, &diag), &diag);
    ck_assert_int_eq(x.kind, STC_XML_END);
}
END_TEST

static Suite *describe_suite(void)
{
    Suite *s = suite_create("describe");
    TCase *t = tcase_create("describe");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, describe_a_known_node_is_named);
    tcase_add_test(t, describe_nics_without_a_gpu_beside_them_do_not_count);
    tcase_add_test(t, describe_slurm_counts_nodes_and_kinds);
    tcase_add_test(t, describe_mesh_is_not_taken_for_a_switch);
    tcase_add_test(t, describe_pairs_and_plain_pcie);
    tcase_add_test(t, describe_nccl_topology_tells_switches_and_rates);
    tcase_add_test(t, describe_unknown_products_are_named_not_guessed);
    tcase_add_test(t, describe_refusals);
    tcase_add_test(t, xml_elements_attributes_and_entities);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(describe_suite)
