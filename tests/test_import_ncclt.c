/* nccl-tests output as people paste it: prefixes, several runs, columns with and
 * without root, N/A, results found wrong. The texts were written for this. */
#include "tests/import_kit.h"
#include "tests/testing.h"

#include "sim/base/doc.h"

static struct kit k;

static void read_file(const char *path, const struct stc_import_opts *o)
{
    struct stc_arena a = STC_ARENA_INIT;
    char *text = NULL;
    size_t len = 0;
    stc_assert_ok(stc_read_file(&a, path, &text, &len, &k.diag), &k.diag);
    stc_assert_ok(kit_run(&k, stc_import_ncclt, path, text, len, o), &k.diag);
    stc_arena_free(&a);
}

static void read_text(const char *name, const char *text)
{
    stc_assert_ok(kit_run(&k, stc_import_ncclt, name, text, strlen(text), NULL),
                  &k.diag);
}

static void is(int i, const char *key, const char *want)
{
    char buf[64];
    ck_assert_int_lt(i, k.n);
    ck_assert_str_eq(stc_shape_get(k.fact[i].shape, key, buf, sizeof buf), want);
}

START_TEST(ncclt_mpi_prefixes_hosts_and_versions_are_understood)
{
    const struct stc_import_opts o = {
        .fabric = "IB NDR400", .nics_per_node = 4, .nic_gbps = 400};
    read_file("tests/data/import/nccl_mpi.txt", &o);
    ck_assert_int_eq(k.n, 5); /* 3 right rows, of which 2 with in-place figures */
    is(0, "collective", "all_reduce");
    is(0, "ranks", "8");
    is(0, "nodes", "2");
    is(0, "gpus_per_node", "4");
    is(0, "intra", "NVLink4 NVSwitch");
    is(0, "inter", "IB NDR400");
    is(0, "nic_gbps", "400");
    is(0, "bytes", "1048576");
    is(0, "dtype", "float32");
    is(0, "place", "");
    is(1, "place", "in");
    ck_assert_str_eq(k.fact[0].gpu, "H100-SXM5-80GB");
    ck_assert_ptr_nonnull(strstr(k.fact[0].notes, "2.21.5"));
    stc_assert_near(k.fact[0].value, 80e-6, 1e-12);
    stc_assert_near(k.fact[1].value, 81e-6, 1e-12);
    ck_assert_int_eq(k.fact[0].line, 18);
}
END_TEST

START_TEST(ncclt_wrong_results_are_no_measurements)
{
    read_file("tests/data/import/nccl_mpi.txt", NULL);
    for (int i = 0; i < k.n; i++) {
        char buf[32];
        ck_assert_str_ne(stc_shape_get(k.fact[i].shape, "bytes", buf, sizeof buf),
                         "4194304");
    }
    ck_assert_int_eq(k.report.n_skipped, 1);
    ck_assert_ptr_nonnull(strstr(k.report.remark, "wrong"));
}
END_TEST

START_TEST(ncclt_runs_of_one_file_are_kept_apart)
{
    read_file("tests/data/import/nccl_two_runs.txt", NULL);
    ck_assert_int_eq(k.n, 6);
    is(0, "collective", "all_gather");
    is(0, "ranks", "2");
    is(0, "inter", "none");
    is(2, "collective", "broadcast");
    is(2, "ranks", "4");
    is(4, "dtype", "fp16");
    /* 12345 us has no point, as the root has not: algbw decides which is which */
    stc_assert_near(k.fact[2].value, 12345e-6, 1e-12);
}
END_TEST

START_TEST(ncclt_ranks_follow_from_bus_bandwidth)
{
    /* 2 (n - 1) / n = 1.9375 for 32 ranks; no device list was pasted */
    read_text("x",
              "./all_reduce_perf -b 8G\n"
              "  8589934592    2147483648     float     sum      -1    40000  214.75  "
              "416.07      0    40000  214.75  416.07      0\n");
    ck_assert_int_eq(k.n, 2);
    is(0, "ranks", "32");
    is(0, "nodes", "");
    is(0, "collective", "all_reduce");
}
END_TEST

START_TEST(ncclt_name_may_come_from_the_file)
{
    static const char text[] =
        "# Using devices\n#   Rank  0 Pid 1 on a device  0 [0x00] Tesla "
        "V100-SXM2-16GB\n"
        "#   Rank  1 Pid 1 on a device  1 [0x00] Tesla V100-SXM2-16GB\n"
        "  1048576  262144  float  100.0  10.49  5.24  0  100.0  10.49  5.24  0\n";
    read_text("logs/nccl_alltoall_8.txt", text);
    ck_assert_int_eq(k.n, 2);
    is(0, "collective", "all_to_all");
    read_text("logs/run1.txt", text);
    ck_assert_int_eq(k.n, 0); /* all-gather, all-to-all: nothing says which */
    ck_assert_int_eq(k.report.n_skipped, 1);
    ck_assert_ptr_nonnull(strstr(k.report.remark, "name"));
}
END_TEST

START_TEST(ncclt_figures_against_the_name_win)
{
    /* A script names all_gather_perf, but the pasted table is an all-reduce. */
    read_text("x",
              "for t in all_reduce_perf all_gather_perf\n"
              "# Rank  0 Pid 1 on a device  0 [0x00] NVIDIA H200\n"
              "# Rank  1 Pid 1 on a device  1 [0x00] NVIDIA H200\n"
              "# Rank  2 Pid 1 on a device  2 [0x00] NVIDIA H200\n"
              "# Rank  3 Pid 1 on a device  3 [0x00] NVIDIA H200\n"
              "1048576 262144 float sum -1 100.0 10.49 15.73 0 100.0 10.49 15.73 0\n");
    is(0, "collective", "all_reduce");
}
END_TEST

START_TEST(ncclt_prose_holds_no_results)
{
    read_text("x", "We saw 1048576 262144 float numbers and a busbw of 5 GB/s\n"
                   "8 2 float sum -1 xx yy zz\n1 2 half\n");
    ck_assert_int_eq(k.n, 0);
}
END_TEST

static Suite *import_ncclt_suite(void)
{
    Suite *s = suite_create("import_ncclt");
    TCase *t = tcase_create("ncclt");
    tcase_add_test(t, ncclt_mpi_prefixes_hosts_and_versions_are_understood);
    tcase_add_test(t, ncclt_wrong_results_are_no_measurements);
    tcase_add_test(t, ncclt_runs_of_one_file_are_kept_apart);
    tcase_add_test(t, ncclt_ranks_follow_from_bus_bandwidth);
    tcase_add_test(t, ncclt_name_may_come_from_the_file);
    tcase_add_test(t, ncclt_figures_against_the_name_win);
    tcase_add_test(t, ncclt_prose_holds_no_results);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(import_ncclt_suite)
