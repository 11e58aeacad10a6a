#include <stdint.h>

#include "sim/base/rng.h"
#include "sim/base/text.h"
#include "tests/testing.h"

#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* ==== text ==== */

START_TEST(text_grows_and_stays_terminated)
{
    struct stc_text t;
    stc_text_init(&t, 0);
    ck_assert_str_eq(stc_text_str(&t), "");
    for (int i = 0; i < 1000; i++)
        stc_text_printf(&t, "%d,", i % 10);
    stc_text_put_n(&t, "endless", 3);
    ck_assert_uint_eq(t.len, 2003);
    ck_assert_uint_eq(strlen(stc_text_str(&t)), t.len);
    ck_assert_str_eq(stc_text_str(&t) + 2000, "end");
    ck_assert_int_eq(stc_text_err(&t), STC_OK);
    stc_text_clear(&t);
    ck_assert_str_eq(stc_text_str(&t), "");
    stc_text_free(&t);
    stc_text_free(&t);
}
END_TEST

START_TEST(text_bound_is_hard_and_sticky)
{
    struct stc_text t;
    stc_text_init(&t, 10);
    stc_text_put(&t, "0123456789");
    ck_assert_int_eq(stc_text_err(&t), STC_OK);
    stc_text_put(&t, "x");
    ck_assert_int_eq(stc_text_err(&t), STC_ERR_RANGE);
    stc_text_put(&t, "");
    stc_text_printf(&t, "%d", 1);
    ck_assert_str_eq(stc_text_str(&t), "0123456789");
    stc_text_clear(&t);
    stc_text_put(&t, "again");
    ck_assert_int_eq(stc_text_err(&t), STC_OK);
    stc_text_free(&t);
}
END_TEST

START_TEST(text_doubles_read_back_to_the_bit)
{
    struct stc_rng r;
    char buf[40];
    stc_rng_seed(&r, 11, "doubles");
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = stc_rng_u64(&r);
        double v, back;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v)) continue;
        ck_assert(stc_text_to_double(stc_text_double(v, buf, sizeof(buf)), &back));
        ck_assert_msg(memcmp(&v, &back, sizeof(v)) == 0, "%s", buf);
    }
    ck_assert_str_eq(stc_text_double(0.1, buf, sizeof(buf)), "0.1");
    ck_assert_str_eq(stc_text_double(5e10, buf, sizeof(buf)), "50000000000");
}
END_TEST

START_TEST(text_numbers_are_whole_texts)
{
    static const char *const bad[] = {"",      " ",    "x",     "1x",  "nan",
                                      "inf",   "-inf", "0x1p3", "1 2", "--1",
                                      "1e999", "e5",   "-"};
    double v = 5.0;
    int64_t i = 5;
    for (int k = 0; k < N(bad); k++) {
        ck_assert_msg(!stc_text_to_double(bad[k], &v), "\"%s\"", bad[k]);
        ck_assert_msg(!stc_text_to_i64(bad[k], &i), "\"%s\"", bad[k]);
    }
    ck_assert_double_eq(v, 5.0);
    ck_assert_int_eq(i, 5);
    ck_assert(!stc_text_to_i64("1.5", &i) &&
              !stc_text_to_i64("9223372036854775808", &i));
    ck_assert(stc_text_to_i64(" -9223372036854775808 ", &i) && i == INT64_MIN);
    ck_assert(stc_text_to_double(" .5 ", &v) && v == 0.5);
}
END_TEST

/* ==== CSV ==== */

static const struct {
    const char *what, *text, *history; /* fields joined by |, rows by / */
} reads[] = {
    {"plain", "a,b\n1,2\n3,4\n", "1|2/3|4/"},
    {"no line end at the end", "a,b\n1,2", "1|2/"},
    {"CRLF", "a,b\r\n1,2\r\n", "1|2/"},
    {"byte order mark",
     "\xef\xbb\xbf"
     "a,b\n1,2\n",
     "1|2/"},
    {"mark, then quotes", "\xef\xbb\xbf\"a\",b\n1,2\n", "1|2/"},
    {"empty fields", "a,b\n,\n1,\n", "|/1|/"},
    {"empty lines are skipped", "a,b\n\n1,2\n\n", "1|2/"},
    {"quotes", "a,b\n\"x,y\",\"say \"\"hi\"\"\"\n", "x,y|say \"hi\"/"},
    {"a line end in quotes", "a,b\n\"1\n2\",3\n", "1\n2|3/"},
    {"quoted header", "\"a\",\"b\"\n1,2\n", "1|2/"},
    {"quote inside a field", "a,b\n5\",6\n", "5\"|6/"},
    {"header only", "a,b\n", ""},
    {"a lone carriage return", "a,b\n1\r1,2\n", "1\r1|2/"},
};

START_TEST(csv_reads_rfc_4180)
{
    struct stc_diag d = {""};
    struct stc_csv c;
    struct stc_text got;
    bool row;
    stc_text_init(&got, 0);
    stc_assert_ok(
        stc_csv_open_mem(&c, "t.csv", reads[_i].text, strlen(reads[_i].text), &d), &d);
    ck_assert_int_eq(c.n_cols, 2);
    ck_assert_int_eq(stc_csv_col(&c, "a"), 0);
    ck_assert_int_eq(stc_csv_col(&c, "b"), 1);
    for (;;) {
        stc_assert_ok(stc_csv_next(&c, &row, &d), &d);
        if (!row) break;
        stc_text_printf(&got, "%s|%s/", stc_csv_text(&c, 0), stc_csv_text(&c, 1));
    }
    ck_assert_msg(strcmp(stc_text_str(&got), reads[_i].history) == 0, "%s: %s",
                  reads[_i].what, stc_text_str(&got));
    stc_csv_close(&c);
    stc_text_free(&got);
}
END_TEST

static const struct {
    const char *text, *words;
} wrong[] = {
    {"", "t.csv: is empty"},
    {"a,a\n", "t.csv:1: column \"a\" stands twice"},
    {"a,b\n1,2\n1,2,3\n", "t.csv:3: 3 fields where the header has 2"},
    {"a,b\n\"1\n2\",3\n1\n", "t.csv:4: 1 fields"},
    {"a,b\n\"1,2\n", "t.csv:2: a quote is left open"},
    {"a,b\n\"1\"x,2\n", "t.csv:2: a quote is left open, or text"},
};

START_TEST(csv_mistakes_name_file_and_line)
{
    struct stc_diag d = {""};
    struct stc_csv c;
    bool row = true;
    enum stc_err err =
        stc_csv_open_mem(&c, "t.csv", wrong[_i].text, strlen(wrong[_i].text), &d);
    while (err == STC_OK && row)
        err = stc_csv_next(&c, &row, &d);
    ck_assert_int_eq(err, STC_ERR_PARSE);
    ck_assert_msg(strstr(d.text, wrong[_i].words) != NULL, "%s", d.text);
    stc_csv_close(&c);
}
END_TEST

START_TEST(csv_rows_and_columns_are_bounded)
{
    struct stc_diag d = {""};
    struct stc_csv c;
    struct stc_text t;
    bool row;
    stc_text_init(&t, 0);
    stc_text_put(&t, "a\n\"");
    for (int i = 0; i < STC_CSV_MAX_ROW_BYTES; i++)
        stc_text_put(&t, "x");
    stc_assert_ok(stc_csv_open_mem(&c, "t", stc_text_str(&t), t.len, &d), &d);
    stc_assert_fails(stc_csv_next(&c, &row, &d), STC_ERR_PARSE, &d,
                     "t:2: a row of more than");
    stc_csv_close(&c);
    stc_text_clear(&t);
    for (int i = 0; i < STC_CSV_MAX_COLS; i++)
        stc_text_printf(&t, "c%d,", i);
    stc_assert_fails(stc_csv_open_mem(&c, "t", stc_text_str(&t), t.len, &d),
                     STC_ERR_PARSE, &d, "more than 256 columns");
    stc_text_free(&t);
}
END_TEST

START_TEST(csv_cells_become_numbers_or_sentences)
{
    static const char text[] = "n,x,name\n7,2.5,ab\n,,\nz,1..2,c\n";
    struct stc_diag d = {""};
    struct stc_csv c;
    bool row, given;
    int64_t n = -1;
    double x = -1.0;
    int col;
    stc_assert_ok(stc_csv_open_mem(&c, "t", text, strlen(text), &d), &d);
    stc_assert_fails(stc_csv_need(&c, "nmae", &col, &d), STC_ERR_UNKNOWN, &d,
                     "did you mean name?");
    stc_assert_ok(stc_csv_need(&c, "name", &col, &d), &d);
    ck_assert_int_eq(col, 2);
    stc_assert_ok(stc_csv_next(&c, &row, &d), &d);
    stc_assert_ok(stc_csv_i64(&c, 0, &n, NULL, &d), &d);
    stc_assert_ok(stc_csv_double(&c, 1, &x, &given, &d), &d);
    ck_assert(n == 7 && x == 2.5 && given);
    stc_assert_ok(stc_csv_next(&c, &row, &d), &d);
    stc_assert_ok(stc_csv_i64(&c, 0, &n, &given, &d), &d);
    ck_assert(n == 7 && !given);
    stc_assert_fails(stc_csv_double(&c, 1, &x, NULL, &d), STC_ERR_PARSE, &d,
                     "t:3: x: the cell is empty");
    stc_assert_ok(stc_csv_next(&c, &row, &d), &d);
    stc_assert_fails(stc_csv_i64(&c, 0, &n, NULL, &d), STC_ERR_PARSE, &d,
                     "t:4: n: \"z\"");
    stc_assert_fails(stc_csv_double(&c, 1, &x, NULL, &d), STC_ERR_PARSE, &d,
                     "t:4: x: \"1..2\"");
    ck_assert_str_eq(stc_csv_text(&c, -1), "");
    stc_csv_close(&c);
    stc_assert_fails(stc_csv_open(&c, "tests/no-such.csv", &d), STC_ERR_IO, &d,
                     "tests/no-such.csv: cannot open");
}
END_TEST

/* Random fields full of awkward characters survive a write and a read. */
START_TEST(csv_what_is_written_reads_back)
{
    enum { ROWS = 300, COLS = 4 };
    static const char letters[] = "ab,\"\n\r \xc3\xa9";
    char fields[ROWS][COLS][12];
    char *text = NULL;
    size_t len = 0;
    struct stc_rng r;
    stc_rng_seed(&r, 4, "csv");
    FILE *f = open_memstream(&text, &len);
    ck_assert_ptr_nonnull(f);
    struct stc_csv_writer w = {.file = f};
    for (int i = 0; i < COLS; i++)
        stc_csv_put_i64(&w, i);
    stc_csv_end_row(&w);
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < COLS; k++) {
            size_t n = (size_t)stc_rng_below(&r, 11);
            for (size_t j = 0; j < n; j++)
                fields[i][k][j] = letters[stc_rng_below(&r, sizeof(letters) - 1)];
            fields[i][k][n] = '\0';
            stc_csv_put_text(&w, fields[i][k]);
        }
        stc_csv_end_row(&w);
    }
    ck_assert_int_eq(fclose(f), 0);
    struct stc_diag d = {""};
    struct stc_csv c;
    bool row;
    stc_assert_ok(stc_csv_open_mem(&c, "t", text, len, &d), &d);
    for (int i = 0; i < ROWS; i++) {
        stc_assert_ok(stc_csv_next(&c, &row, &d), &d);
        ck_assert(row);
        for (int k = 0; k < COLS; k++)
            ck_assert_str_eq(stc_csv_text(&c, k), fields[i][k]);
    }
    stc_csv_close(&c);
    free(text);
}
END_TEST

/* ==== near names, hash ==== */

START_TEST(near_names_are_what_was_meant)
{
    static const char *const names[] = {"tp",
                                        "pp",
                                        "dp",
                                        "recompute",
                                        "micro_batch",
                                        "H100-SXM5-80GB",
                                        "H200-SXM5-141GB"};
    static const struct {
        const char *typed, *text;
    } rows[] = {
        {"recompuet", "; did you mean recompute?"},
        {"micro-batch", "; did you mean micro_batch?"},
        {"MICRO_BATCH", "; did you mean micro_batch?"},
        {"h100-sxm5-80gb", "; did you mean H100-SXM5-80GB?"},
        {"H100", "; did you mean H100-SXM5-80GB?"},
        {"tpp", "; did you mean tp or pp?"},
        {"zebra", ""},
        {"", ""},
    };
    char buf[200];
    for (int i = 0; i < N(rows); i++)
        ck_assert_str_eq(stc_near_text(rows[i].typed, names, 7, buf, sizeof(buf)),
                         rows[i].text);
    const char *out[2];
    ck_assert_uint_eq(stc_near("xp", names, 7, out, 2), 2);
    ck_assert_uint_eq(stc_near("xp", names, 0, out, 2), 0);
}
END_TEST

/* From the table of the FNV reference page: "" , "a", "foobar". */
START_TEST(hash_is_fnv1a_64)
{
    ck_assert_uint_eq(stc_hash64(STC_HASH_INIT, "", 0), UINT64_C(0xcbf29ce484222325));
    ck_assert_uint_eq(stc_hash64(STC_HASH_INIT, "a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    ck_assert_uint_eq(stc_hash64(STC_HASH_INIT, "foobar", 6),
                      UINT64_C(0x85944171f73967e8));
}
END_TEST

static Suite *text_suite(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("text");
    tcase_add_test(t, text_grows_and_stays_terminated);
    tcase_add_test(t, text_bound_is_hard_and_sticky);
    tcase_add_test(t, text_doubles_read_back_to_the_bit);
    tcase_add_test(t, text_numbers_are_whole_texts);
    tcase_add_loop_test(t, csv_reads_rfc_4180, 0, N(reads));
    tcase_add_loop_test(t, csv_mistakes_name_file_and_line, 0, N(wrong));
    tcase_add_test(t, csv_rows_and_columns_are_bounded);
    tcase_add_test(t, csv_cells_become_numbers_or_sentences);
    tcase_add_test(t, csv_what_is_written_reads_back);
    tcase_add_test(t, near_names_are_what_was_meant);
    tcase_add_test(t, hash_is_fnv1a_64);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(text_suite)
