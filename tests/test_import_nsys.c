/* Nsight Systems exports: tables of two versions, made here by SQL. */
#include <stdio.h>
#include <unistd.h>

#include "sim/base/db.h"
#include "tests/import_kit.h"
#include "tests/testing.h"

static struct kit k;
static char path[64];

static void make(const char *sql)
{
    static struct stc_db_kind kind = {.what = "export", .version = 7};
    struct stc_db *db = NULL;
    (void)snprintf(path, sizeof path, "/tmp/stc_nsys_XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    kind.schema = sql;
    stc_assert_ok(stc_db_open(&db, path, STC_DB_CREATE, &kind, &k.diag), &k.diag);
    stc_db_close(db);
}

static enum stc_err run(void)
{
    static const struct stc_import_opts none = {0};
    const struct stc_sink sink = {.meas = kit_meas, .anchor = kit_anchor, .ctx = &k};
    k.n = 0;
    memset(&k.report, 0, sizeof k.report);
    enum stc_err err = stc_import_nsys(path, &none, &sink, &k.report, &k.diag);
    (void)remove(path);
    return err;
}

static const struct kit_fact *find(const char *shape)
{
    for (int i = 0; i < k.n; i++)
        if (strcmp(k.fact[i].shape, shape) == 0) return &k.fact[i];
    ck_abort_msg("no fact \"%s\"", shape);
    return NULL;
}

START_TEST(nsys_kernels_copies_and_ranges)
{
    make(
        "CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);"
        "INSERT INTO StringIds VALUES (1, 'gemm_kernel'), (2, 'step');"
        "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, \"end\" INT, shortName "
        "INT,"
        " demangledName INT);"
        "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (0, 1000, 2, 1),"
        " (2000, 5000, 2, 1), (6000, 8000, 2, 1), (9000, 9000, 2, 1), (5, 9, 2, 99);"
        "CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INT, \"end\" INT, bytes INT,"
        " copyKind INT);"
        "INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (0, 500, 4096, 1);"
        "CREATE TABLE NVTX_EVENTS (start INT, \"end\" INT, text TEXT, textId INT);"
        "INSERT INTO NVTX_EVENTS VALUES (0, 1000000, NULL, 2), (0, NULL, 'mark', NULL),"
        " (0, 7000, 'forward', NULL);"
        "CREATE TABLE TARGET_INFO_GPU (name TEXT, totalMemory INT);"
        "INSERT INTO TARGET_INFO_GPU VALUES ('NVIDIA H100 80GB HBM3', 84942979072);");
    stc_assert_ok(run(), &k.diag);
    ck_assert_int_eq(k.n, 4);
    const struct kit_fact *f = find("kernel=gemm_kernel");
    stc_assert_near(f->value, 2e-6, 1e-6); /* median of 1, 3, 2 us */
    stc_assert_near(f->min, 1e-6, 1e-6);
    ck_assert_int_eq(f->repeats, 3);
    ck_assert_str_eq(f->gpu, "H100-SXM5-80GB");
    stc_assert_near(find("copy=Memcpy HtoD;bytes=4096")->value, 5e-7, 1e-6);
    stc_assert_near(find("range=step")->value, 1e-3, 1e-6);
    stc_assert_near(find("range=forward")->value, 7e-6, 1e-6);
}
END_TEST

START_TEST(nsys_older_exports_lack_columns)
{
    make("CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);"
         "INSERT INTO StringIds VALUES (1, 'k');"
         "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, \"end\" INT, shortName "
         "INT);"
         "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (0, 1000, 1);");
    stc_assert_ok(run(), &k.diag);
    ck_assert_int_eq(k.n, 1);
    ck_assert_str_eq(k.fact[0].gpu, "unknown");
}
END_TEST

START_TEST(nsys_other_databases_are_refused)
{
    make("CREATE TABLE t (a INT);");
    stc_assert_fails(run(), STC_ERR_PARSE, &k.diag, "no Nsight Systems export");
}
END_TEST

START_TEST(nsys_a_table_that_is_a_view_of_an_endless_query_is_not_run)
{
    make(
        "CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);"
        "INSERT INTO StringIds VALUES (1, 'k');"
        "CREATE VIEW CUPTI_ACTIVITY_KIND_KERNEL AS WITH RECURSIVE c(start) AS (SELECT 1"
        " UNION ALL SELECT start + 1 FROM c) SELECT start, start + 1 AS \"end\","
        " 1 AS shortName FROM c;");
    ck_assert_int_ne(run(), STC_OK);
}
END_TEST

static Suite *import_nsys_suite(void)
{
    Suite *s = suite_create("import_nsys");
    TCase *t = tcase_create("nsys");
    tcase_add_test(t, nsys_kernels_copies_and_ranges);
    tcase_add_test(t, nsys_older_exports_lack_columns);
    tcase_add_test(t, nsys_other_databases_are_refused);
    tcase_add_test(t, nsys_a_table_that_is_a_view_of_an_endless_query_is_not_run);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(import_nsys_suite)
