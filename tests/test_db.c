#include <stdio.h>
#include <unistd.h>

#include "sim/base/db.h"
#include "sim/base/rng.h"
#include "tests/testing.h"

static const struct stc_db_kind kind = {
    .what = "test store",
    .version = 3,
    .schema = "CREATE TABLE m (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, s "
              "REAL, n INTEGER) STRICT;"
              "CREATE TABLE child (m INTEGER NOT NULL REFERENCES m (id)) STRICT;"};

static char path[64], wal[80];
static struct stc_diag d;

static void setup(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/stc_test_db_%ld.sqlite", (long)getpid());
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    (void)unlink(path);
}

static void teardown(void)
{
    (void)unlink(path);
}

static struct stc_db *make(void)
{
    struct stc_db *db = NULL;
    stc_assert_ok(stc_db_open(&db, path, STC_DB_CREATE, &kind, &d), &d);
    return db;
}

static void insert(struct stc_db *db, const char *name, double s)
{
    struct stc_db_stmt *st = NULL;
    stc_assert_ok(
        stc_db_prepare(db, "INSERT INTO m (name, s, n) VALUES (?, ?, ?)", &st, &d), &d);
    stc_db_bind_text(st, 1, name);
    stc_db_bind_double(st, 2, s);
    stc_db_bind_i64(st, 3, 7);
    stc_assert_ok(stc_db_step(st, NULL, &d), &d);
    stc_db_finish(st);
}

static void write_file(const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(db_rows_come_back_as_they_went_in)
{
    struct stc_db *db = make();
    struct stc_db_stmt *st = NULL;
    bool row;
    insert(db, "a", 0.1);
    ck_assert_int_eq(stc_db_last_id(db), 1);
    ck_assert_int_eq(stc_db_n_changed(db), 1);
    insert(db, "b", (double)NAN);
    stc_db_close(db);
    stc_assert_ok(stc_db_open(&db, path, STC_DB_READ, &kind, &d), &d);
    stc_assert_ok(
        stc_db_prepare(db, "SELECT name, s, n, id FROM m WHERE id >= ?1 ORDER BY id",
                       &st, &d),
        &d);
    ck_assert_int_eq(stc_db_n_cols(st), 4);
    ck_assert_str_eq(stc_db_col_name(st, 1), "s");
    for (int again = 0; again < 2; again++) {
        stc_db_bind_i64(st, 1, 1);
        stc_assert_ok(stc_db_step(st, &row, &d), &d);
        ck_assert(row);
        ck_assert_str_eq(stc_db_col_text(st, 0), "a");
        ck_assert_double_eq(stc_db_col_double(st, 1), 0.1);
        ck_assert_int_eq(stc_db_col_i64(st, 2), 7);
        stc_assert_ok(stc_db_step(st, &row, &d), &d);
        ck_assert(row && stc_db_col_is_null(st, 1) && isnan(stc_db_col_double(st, 1)));
        ck_assert_str_eq(stc_db_col_text(st, 1), "");
        stc_assert_ok(stc_db_step(st, &row, &d), &d);
        ck_assert(!row);
        stc_db_reset(st);
    }
    stc_db_finish(st);
    stc_assert_ok(stc_db_check(db, &d), &d);
    int64_t n = 0;
    stc_assert_ok(stc_db_one_i64(db, "SELECT count(*) FROM m", &n, &d), &d);
    ck_assert_int_eq(n, 2);
    stc_db_close(db);
    stc_db_close(NULL);
    stc_db_finish(NULL);
}
END_TEST

START_TEST(db_constraints_and_types_are_kept)
{
    struct stc_db *db = make();
    struct stc_db_stmt *st = NULL;
    insert(db, "a", 1.0);
    stc_assert_fails(stc_db_exec(db, "INSERT INTO m (name) VALUES ('a')", &d),
                     STC_ERR_RANGE, &d, "UNIQUE");
    stc_assert_fails(
        stc_db_exec(db, "INSERT INTO m (name, n) VALUES ('c', 'many')", &d),
        STC_ERR_RANGE, &d, "cannot store TEXT");
    stc_assert_fails(stc_db_exec(db, "INSERT INTO child VALUES (99)", &d),
                     STC_ERR_RANGE, &d, "FOREIGN KEY");
    stc_assert_fails(stc_db_exec(db, "INSERT INTO nowhere VALUES (1)", &d),
                     STC_ERR_PARSE, &d, "no such table");
    stc_assert_fails(stc_db_prepare(db, "SELEKT", &st, &d), STC_ERR_PARSE, &d,
                     "syntax error");
    stc_assert_ok(stc_db_prepare(db, "SELECT ?", &st, &d), &d);
    stc_db_bind_i64(st, 2, 5); /* there is no second: kept until the step */
    stc_assert_fails(stc_db_step(st, NULL, &d), STC_ERR_RANGE, &d, path);
    stc_db_finish(st);
    stc_assert_fails(stc_db_exec(db, "ATTACH ':memory:' AS x", &d), STC_ERR_PARSE, &d,
                     "too many attached");
    stc_db_close(db);
}
END_TEST

START_TEST(db_transactions_are_all_or_nothing)
{
    struct stc_db *db = make();
    int64_t n = -1;
    stc_assert_ok(stc_db_begin(db, &d), &d);
    insert(db, "a", 1.0);
    stc_db_rollback(db);
    stc_db_rollback(db); /* harmless outside of one */
    stc_assert_ok(stc_db_one_i64(db, "SELECT count(*) FROM m", &n, &d), &d);
    ck_assert_int_eq(n, 0);
    stc_assert_ok(stc_db_begin(db, &d), &d);
    insert(db, "a", 1.0);
    stc_assert_ok(stc_db_commit(db, &d), &d);
    stc_db_close(db);
    ck_assert_int_ne(access(wal, F_OK), 0); /* one plain file is left */
    stc_assert_ok(stc_db_open(&db, path, STC_DB_WRITE, &kind, &d), &d);
    stc_assert_ok(stc_db_one_i64(db, "SELECT count(*) FROM m", &n, &d), &d);
    ck_assert_int_eq(n, 1);
    stc_db_close(db);
}
END_TEST

START_TEST(db_reading_writes_nothing)
{
    struct stc_db *db = make();
    stc_db_close(db);
    stc_assert_ok(stc_db_open(&db, path, STC_DB_READ, &kind, &d), &d);
    stc_assert_fails(stc_db_exec(db, "INSERT INTO m (name) VALUES ('x')", &d),
                     STC_ERR_IO, &d, "readonly");
    stc_db_close(db);
}
END_TEST

START_TEST(db_other_versions_and_files_are_refused_with_a_sentence)
{
    struct stc_db *db = NULL;
    stc_assert_fails(stc_db_open(&db, path, STC_DB_READ, &kind, &d), STC_ERR_IO, &d,
                     "unable to open");
    stc_assert_fails(stc_db_open(&db, path, STC_DB_WRITE, &kind, &d), STC_ERR_IO, &d,
                     "unable to open");
    stc_db_close(make());
    struct stc_db_kind other = kind;
    other.version = 2;
    stc_assert_fails(stc_db_open(&db, path, STC_DB_READ, &other, &d), STC_ERR_PARSE, &d,
                     "version 3, newer than this program, which reads version 2");
    other.version = 4;
    stc_assert_fails(stc_db_open(&db, path, STC_DB_CREATE, &other, &d), STC_ERR_PARSE,
                     &d, "older");
    write_file("not a database, but long enough to be read as a header of one", 61);
    stc_assert_fails(stc_db_open(&db, path, STC_DB_READ, &kind, &d), STC_ERR_PARSE, &d,
                     "is not an SQLite file");
    stc_assert_fails(stc_db_open(&db, path, STC_DB_CREATE, &kind, &d), STC_ERR_PARSE,
                     &d, "is not an SQLite file");
    write_file("", 0);
    stc_assert_fails(stc_db_open(&db, path, STC_DB_READ, &kind, &d), STC_ERR_PARSE, &d,
                     "is not a test store");
    ck_assert_ptr_null(db);
    struct stc_db_kind broken = kind;
    broken.schema = "CREATE TABLE a (x INTEGER) STRICT; CREATE NONSENSE;";
    stc_assert_fails(stc_db_open(&db, path, STC_DB_CREATE, &broken, &d), STC_ERR_PARSE,
                     &d, "syntax error");
    stc_assert_ok(stc_db_open(&db, path, STC_DB_CREATE, &kind, &d),
                  &d); /* nothing was left half made */
    stc_db_close(db);
}
END_TEST

/* Whatever bytes are turned over in a good file, the answer is rows or one
 * sentence, never a crash (ASan and UBSan watch). */
START_TEST(db_damaged_files_give_one_clear_line)
{
    static unsigned char good[1 << 17], bad[1 << 17];
    struct stc_db *db = make();
    char name[16];
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof(name), "row %d", i);
        insert(db, name, i);
    }
    stc_db_close(db);
    FILE *f = fopen(path, "rb");
    size_t n = fread(good, 1, sizeof(good), f);
    (void)fclose(f);
    ck_assert(n > 4096 && n < sizeof(good));
    struct stc_rng r;
    stc_rng_seed(&r, 8, "damage");
    int refused = 0;
    for (int i = 0; i < 200; i++) {
        memcpy(bad, good, n);
        for (uint64_t k = 1 + stc_rng_below(&r, 200); k > 0; k--)
            bad[stc_rng_below(&r, i % 2 == 0 ? n : 4096)] =
                (unsigned char)stc_rng_below(&r, 256);
        write_file(bad, i % 5 == 0 ? (size_t)stc_rng_below(&r, n) : n);
        int64_t sum = 0;
        d.text[0] = '\0';
        enum stc_err err = stc_db_open(&db, path, STC_DB_READ, &kind, &d);
        bool opened = err == STC_OK;
        if (opened) err = stc_db_check(db, &d);
        if (opened && err == STC_OK)
            err = stc_db_one_i64(db, "SELECT sum(length(name)) FROM m", &sum, &d);
        if (opened) stc_db_close(db);
        ck_assert((err == STC_OK) == (d.text[0] == '\0'));
        ck_assert_ptr_null(strchr(d.text, '\n'));
        refused += err != STC_OK;
    }
    ck_assert_int_gt(refused, 100);
}
END_TEST

static Suite *db_suite(void)
{
    Suite *s = suite_create("db");
    TCase *t = tcase_create("db");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, db_rows_come_back_as_they_went_in);
    tcase_add_test(t, db_constraints_and_types_are_kept);
    tcase_add_test(t, db_transactions_are_all_or_nothing);
    tcase_add_test(t, db_reading_writes_nothing);
    tcase_add_test(t, db_other_versions_and_files_are_refused_with_a_sentence);
    tcase_add_test(t, db_damaged_files_give_one_clear_line);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(db_suite)
