/* The calibration store: facts stay, files read twice add nothing, no kill and no
 * damaged file leaves anything but a valid store and one line. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calib/export.h"
#include "calib/import.h"
#include "calib/store.h"
#include "tests/kill_kit.h"
#include "tests/testing.h"

static struct stc_diag diag;
static char dir[64];

static void setup(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/stc_store_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    char cmd[128];
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static const char *path(const char *name)
{
    static char buf[4][256];
    static int i;
    i = (i + 1) % 4;
    (void)snprintf(buf[i], sizeof buf[i], "%s/%s", dir, name);
    return buf[i];
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(path(name), "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* n products with distinct shapes. */
static void write_gemms(const char *name, int n)
{
    FILE *f = fopen(path(name), "wb");
    ck_assert_ptr_nonnull(f);
    fputs("gpu,dtype,m,n,k,time_us\n", f);
    for (int i = 0; i < n; i++)
        fprintf(f, "H100-SXM5-80GB,bfloat16,%d,4096,%d,%d.5\n", 1 + i % 1000,
                64 * (1 + i / 1000), 5 + i % 77);
    ck_assert_int_eq(fclose(f), 0);
}

static struct stc_store *open_store(const char *name, enum stc_db_mode mode)
{
    struct stc_store *s = NULL;
    stc_assert_ok(stc_store_open(&s, path(name), mode, &diag), &diag);
    return s;
}

static int64_t count(struct stc_store *s, const char *table)
{
    int64_t n = -1;
    stc_assert_ok(stc_store_count(s, table, &n, &diag), &diag);
    return n;
}

static struct stc_import_report import(struct stc_store *s, const char *name)
{
    struct stc_import_report r = {0};
    stc_assert_ok(stc_import_file(s, path(name), NULL, &r, &diag), &diag);
    return r;
}

START_TEST(store_same_file_twice_adds_nothing)
{
    struct stc_store *s = open_store("a.db", STC_DB_CREATE);
    write_gemms("g.csv", 5000);
    struct stc_import_report r = import(s, "g.csv");
    ck_assert_int_eq(r.n_rows, 5000);
    ck_assert_int_eq(r.n_new, 5000);
    ck_assert(!r.known);
    r = import(s, "g.csv");
    ck_assert_int_eq(r.n_new, 0);
    ck_assert(r.known);
    ck_assert_int_eq(count(s, "measurement"), 5000);
    ck_assert_int_eq(count(s, "file"), 1);
    stc_store_close(s);
}
END_TEST

START_TEST(store_grown_file_adds_what_is_new_and_equal_rows_both_count)
{
    struct stc_store *s = open_store("a.db", STC_DB_CREATE);
    write_file("g.csv",
               "gpu,dtype,m,n,k,time_us\nA10,fp16,1,2,3,4\nA10,fp16,1,2,3,4\n");
    ck_assert_int_eq(import(s, "g.csv").n_new, 2);
    write_file("g.csv", "gpu,dtype,m,n,k,time_us\nA10,fp16,1,2,3,4\nA10,fp16,1,2,3,4\n"
                        "A10,fp16,1,2,3,5\nA10,fp16,1,2,3,4\n");
    struct stc_import_report r = import(s, "g.csv");
    ck_assert_int_eq(r.n_rows, 4);
    ck_assert_int_eq(r.n_new, 2);
    stc_store_close(s);
}
END_TEST

START_TEST(store_facts_cannot_be_changed)
{
    static const struct stc_db_kind kind = {
        .what = "store", .version = STC_STORE_VERSION, .schema = ""};
    struct stc_store *s = open_store("a.db", STC_DB_CREATE);
    struct stc_db *db = NULL;
    write_gemms("g.csv", 3);
    (void)import(s, "g.csv");
    stc_store_close(s);
    stc_assert_ok(stc_db_open(&db, path("a.db"), STC_DB_WRITE, &kind, &diag), &diag);
    stc_assert_fails(stc_db_exec(db, "UPDATE measurement SET value = 1", &diag),
                     STC_ERR_RANGE, &diag, "never changed");
    stc_assert_fails(stc_db_exec(db, "DELETE FROM measurement", &diag), STC_ERR_RANGE,
                     &diag, "never deleted");
    stc_db_close(db);
}
END_TEST

static enum stc_err provenance(void *ctx, const struct stc_meas_row *r,
                               struct stc_diag *d)
{
    int *line = ctx;
    (void)d;
    ck_assert_ptr_nonnull(strstr(r->file, "g.csv"));
    ck_assert_int_eq(r->m.line, (*line)++);
    ck_assert_str_eq(r->m.gpu, "H100-SXM5-80GB");
    return STC_OK;
}

START_TEST(store_every_fact_knows_file_and_line)
{
    struct stc_store *s = open_store("a.db", STC_DB_CREATE);
    int line = 2; /* after the header */
    write_gemms("g.csv", 100);
    (void)import(s, "g.csv");
    stc_assert_ok(stc_store_each(s, "gemm", NULL, provenance, &line, &diag), &diag);
    ck_assert_int_eq(line, 102);
    stc_store_close(s);
}
END_TEST

static enum stc_err tally(void *ctx, const struct stc_meas_row *r, struct stc_diag *d)
{
    (void)r, (void)d;
    ++*(int *)ctx;
    return STC_OK;
}

START_TEST(store_forgotten_facts_leave_and_come_back_when_said_again)
{
    struct stc_store *s = open_store("a.db", STC_DB_CREATE);
    int64_t gone = 0;
    int seen = 0;
    write_gemms("g.csv", 100);
    (void)import(s, "g.csv");
    stc_assert_ok(stc_store_forget(s, "file", "g.csv", "", &gone, &diag), &diag);
    ck_assert_int_eq(gone, 100);
    stc_assert_ok(stc_store_each(s, NULL, NULL, tally, &seen, &diag), &diag);
    ck_assert_int_eq(seen, 0);
    ck_assert_int_eq(count(s, "measurement"), 100); /* the record stays */
    (void)import(s, "g.csv");
    stc_assert_ok(stc_store_each(s, NULL, NULL, tally, &seen, &diag), &diag);
    ck_assert_int_eq(seen, 100);
    stc_assert_fails(stc_store_forget(s, "colour", "red", "", &gone, &diag),
                     STC_ERR_UNKNOWN, &diag, "source");
    stc_store_close(s);
}
END_TEST

START_TEST(store_fits_name_what_they_used)
{
    static const enum stc_form forms[] = {STC_FORM_GEMM, STC_FORM_MOE};
    struct stc_store *s = open_store("a.db", STC_DB_CREATE);
    write_gemms("g.csv", 100);
    (void)import(s, "g.csv");
    stc_assert_ok(
        stc_store_add_fit(s, "compute", "test", "", "eff: 1\n", forms, 2, true, &diag),
        &diag);
    ck_assert_int_eq(count(s, "fit"), 1);
    ck_assert_int_eq(count(s, "fit_measurement"), 200); /* used and scored */
    stc_assert_ok(stc_store_check(s, &diag), &diag);
    stc_store_close(s);
}
END_TEST

/* ==== kill -9 ==== */

struct child {
    struct stc_kill moment;
    int fd;
};

static void report_commit(void *ctx, int64_t n_rows)
{
    struct child *c = ctx;
    ck_assert_int_eq(write(c->fd, &n_rows, sizeof n_rows), (ssize_t)sizeof n_rows);
    stc_kill_step(&c->moment);
}

static void child(struct child *c)
{
    struct stc_store *s = NULL;
    struct stc_import_opts o = {.on_commit = report_commit, .ctx = c};
    stc_kill_step(&c->moment);
    if (stc_store_open(&s, path("k.db"), STC_DB_CREATE, &diag) != STC_OK) _exit(3);
    if (stc_import_file(s, path("g.csv"), &o, NULL, &diag) != STC_OK) _exit(4);
    stc_store_close(s);
    _exit(0);
}

START_TEST(store_killed_at_any_moment_keeps_what_was_committed)
{
    enum { ROWS = 30000, KILLS = 50, BATCHES = ROWS / STC_STORE_BATCH };
    struct stc_rng rng;
    int n_killed = 0;
    write_gemms("g.csv", ROWS);
    stc_rng_seed(&rng, 9, "kills");
    for (int i = 0; i < KILLS; i++) {
        int fd[2];
        int64_t said = 0, n = 0;
        struct child c;
        ck_assert_int_eq(pipe(fd), 0);
        (void)remove(path("k.db"));
        (void)remove(path("k.db-wal"));
        (void)remove(path("k.db-shm"));
        c.fd = fd[1];
        stc_kill_choose(&c.moment, &rng, BATCHES, 20000000);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) child(&c);
        (void)close(fd[1]);
        int status = 0;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        n_killed += WIFSIGNALED(status) ? 1 : 0;
        while (read(fd[0], &n, sizeof n) == (ssize_t)sizeof n)
            said = n;
        (void)close(fd[0]);
        struct stc_store *s = open_store("k.db", STC_DB_CREATE);
        stc_assert_ok(stc_store_check(s, &diag), &diag);
        int64_t there = count(s, "measurement");
        ck_assert_msg(there >= said, "kill %d: %lld rows, %lld were committed", i,
                      (long long)there, (long long)said);
        ck_assert(there == ROWS || there % STC_STORE_BATCH == 0);
        /* and the same import goes on to the end */
        if (i % 10 == 0) {
            ck_assert_int_eq(import(s, "g.csv").n_new, ROWS - there);
            ck_assert_int_eq(count(s, "measurement"), ROWS);
        }
        stc_store_close(s);
    }
    printf("store/kill -9: %d of %d imports died under way\n", n_killed, KILLS);
    ck_assert_int_ge(n_killed, KILLS * 4 / 5); /* else the moments test nothing */
}
END_TEST

/* ==== files of somebody else ==== */

START_TEST(store_newer_is_refused_with_a_sentence)
{
    static const struct stc_db_kind newer = {.what = "calibration store",
                                             .version = STC_STORE_VERSION + 1,
                                             .schema =
                                                 "CREATE TABLE t(a INTEGER) STRICT;"};
    struct stc_db *db = NULL;
    struct stc_store *s = NULL;
    stc_assert_ok(stc_db_open(&db, path("n.db"), STC_DB_CREATE, &newer, &diag), &diag);
    stc_db_close(db);
    stc_assert_fails(stc_store_open(&s, path("n.db"), STC_DB_WRITE, &diag),
                     STC_ERR_PARSE, &diag, "newer than this program");
    write_file("text.db",
               "this is no database at all, but it is long enough to look at");
    stc_assert_fails(stc_store_open(&s, path("text.db"), STC_DB_READ, &diag),
                     STC_ERR_PARSE, &diag, "not an SQLite file");
    stc_assert_fails(stc_store_open(&s, path("none.db"), STC_DB_READ, &diag),
                     STC_ERR_IO, &diag, "none.db");
}
END_TEST

/* Opens, walks and checks whatever is there; only a crash or two lines fail. */
static void prod(const char *name)
{
    struct stc_store *s = NULL;
    int seen = 0;
    diag.text[0] = '\0';
    enum stc_err err = stc_store_open(&s, path(name), STC_DB_READ, &diag);
    if (err == STC_OK) err = stc_store_each(s, NULL, NULL, tally, &seen, &diag);
    if (err == STC_OK) err = stc_store_check(s, &diag);
    if (err != STC_OK) {
        ck_assert_ptr_null(strchr(diag.text, '\n'));
        ck_assert_str_ne(diag.text, "");
    }
    stc_store_close(s);
}

START_TEST(store_damaged_ones_give_one_line)
{
    struct stc_store *s = open_store("a.db", STC_DB_CREATE);
    uint64_t x = 1234567u;
    write_gemms("g.csv", 2000);
    (void)import(s, "g.csv");
    stc_store_close(s);
    FILE *f = fopen(path("a.db"), "rb");
    static unsigned char bytes[1 << 20], bent[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    ck_assert_uint_gt(n, 10000);
    for (int i = 0; i < 60; i++) {
        size_t len = i % 3 == 0 ? n * (size_t)i / 60 : n;
        memcpy(bent, bytes, n);
        for (int k = 0; k < i && i % 3 != 0; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            bent[x % (i % 2 ? n : 4096)] = (unsigned char)(x >> 40);
        }
        f = fopen(path("bent.db"), "wb");
        ck_assert_uint_eq(fwrite(bent, 1, len, f), len);
        (void)fclose(f);
        prod("bent.db");
    }
}
END_TEST

START_TEST(store_export_gives_the_tables_back)
{
    static char a[4096], b[4096];
    struct stc_store *s = open_store("a.db", STC_DB_CREATE), *t;
    int64_t n = 0;
    write_file(
        "c.csv",
        "source,gpu,library,collective,dtype,gpus_per_node,nodes,ranks,intra,inter,"
        "nics_per_node,nic_gbps,bytes,time_us,notes\n"
        "x,H100-SXM5-80GB,nccl,all_reduce,fp16,8,1,8,NVLink4 NVSwitch,none,0,0,1024,"
        "12.345,\"a, b\"\n");
    (void)import(s, "c.csv");
    ck_assert_int_eq(mkdir(path("out"), 0777), 0);
    stc_assert_ok(stc_store_export(s, path("out"), NULL, NULL, false, &n, &diag),
                  &diag);
    ck_assert_int_eq(n, 1);
    FILE *f = fopen(path("out/collectives.csv"), "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(a, sizeof a, f));
    ck_assert_ptr_nonnull(fgets(b, sizeof b, f));
    (void)fclose(f);
    ck_assert_int_eq(
        strncmp(a,
                "source,gpu,library,collective,dtype,gpus_per_node,nodes,ranks,"
                "intra,inter,nics_per_node,nic_gbps,bytes,",
                100),
        0);
    ck_assert_ptr_nonnull(
        strstr(b, "x,H100-SXM5-80GB,nccl,all_reduce,fp16,8,1,8,NVLink4 NVSwitch,"
                  "none,0,0,1024,,,,12.345,\"a, b\""));
    ck_assert_int_eq(mkdir(path("fit"), 0777), 0);
    stc_assert_ok(stc_store_export(s, path("fit"), NULL, NULL, true, &n, &diag), &diag);
    ck_assert_int_eq(n, 1); /* its nodes and links are known: fits may have it */
    t = open_store("b.db", STC_DB_CREATE);
    ck_assert_int_eq(import(t, "out/collectives.csv").n_new, 1);
    stc_store_close(t);
    stc_store_close(s);
}
END_TEST

START_TEST(store_for_fits_leaves_out_what_they_would_misread)
{
    struct stc_store *s = open_store("a.db", STC_DB_CREATE);
    int64_t all = 0, fit = 0;
    write_file("g.csv", "gpu,dtype,m,n,k,time_us,trans,batch,mode\n"
                        "H100-SXM5-80GB,fp16,1,2,3,4,TN,1,burst\n"
                        "H100-SXM5-80GB,fp16,1,2,3,5,NT,1,burst\n"
                        "H100-SXM5-80GB,fp16,1,2,3,6,TN,8,burst\n"
                        "H100-SXM5-80GB,fp16,1,2,3,7,TN,1,steady\n");
    (void)import(s, "g.csv");
    ck_assert_int_eq(mkdir(path("o1"), 0777), 0);
    ck_assert_int_eq(mkdir(path("o2"), 0777), 0);
    stc_assert_ok(stc_store_export(s, path("o1"), NULL, NULL, false, &all, &diag),
                  &diag);
    stc_assert_ok(stc_store_export(s, path("o2"), NULL, NULL, true, &fit, &diag),
                  &diag);
    ck_assert_int_eq(all, 4);
    ck_assert_int_eq(fit, 2); /* burst TN; steady goes to gemm_torch.csv */
    ck_assert_int_eq(access(path("o2/gemm_torch.csv"), R_OK), 0);
    stc_store_close(s);
}
END_TEST

static Suite *store_suite(void)
{
    Suite *s = suite_create("store");
    TCase *t = tcase_create("store");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, store_same_file_twice_adds_nothing);
    tcase_add_test(t, store_grown_file_adds_what_is_new_and_equal_rows_both_count);
    tcase_add_test(t, store_facts_cannot_be_changed);
    tcase_add_test(t, store_every_fact_knows_file_and_line);
    tcase_add_test(t, store_forgotten_facts_leave_and_come_back_when_said_again);
    tcase_add_test(t, store_fits_name_what_they_used);
    tcase_add_test(t, store_killed_at_any_moment_keeps_what_was_committed);
    tcase_add_test(t, store_newer_is_refused_with_a_sentence);
    tcase_add_test(t, store_damaged_ones_give_one_line);
    tcase_add_test(t, store_export_gives_the_tables_back);
    tcase_add_test(t, store_for_fits_leaves_out_what_they_would_misread);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(store_suite)
