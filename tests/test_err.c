#include "tests/testing.h"

static const struct {
    enum stc_err err;
    int value;
    const char *text;
} rows[] = {
#define ROW(name, value, text) {STC_ERR_##name, value, text},
    STC_ERR_MAP(ROW)
#undef ROW
};

START_TEST(err_each_code_has_its_pinned_value_and_text)
{
    ck_assert_int_eq((int)rows[_i].err, rows[_i].value);
    ck_assert_int_eq(rows[_i].value, _i + 1);
    ck_assert_str_eq(stc_err_text(rows[_i].err), rows[_i].text);
}
END_TEST

START_TEST(err_text_knows_success_and_strangers)
{
    ck_assert_str_eq(stc_err_text(STC_OK), "success");
    ck_assert_str_eq(stc_err_text((enum stc_err)99), "unknown error");
}
END_TEST

START_TEST(err_fail_returns_its_code_and_writes_one_line)
{
    struct stc_diag d = {"old"};
    ck_assert_int_eq(stc_fail(&d, STC_ERR_RANGE, "tp: %d\nis bad\r", 7), STC_ERR_RANGE);
    ck_assert_str_eq(d.text, "tp: 7 is bad ");
    ck_assert_int_eq(stc_fail(NULL, STC_ERR_IO, "nobody reads this"), STC_ERR_IO);
    ck_assert_int_eq(stc_fail_prefix(NULL, STC_ERR_IO, "nor this"), STC_ERR_IO);
}
END_TEST

START_TEST(err_prefix_goes_before_and_the_old_sentence_may_be_an_argument)
{
    struct stc_diag d = {""};
    (void)stc_fail(&d, STC_ERR_PARSE, "reason");
    ck_assert_int_eq(stc_fail_prefix(&d, STC_ERR_PARSE, "%s:%d", "f.yaml", 3),
                     STC_ERR_PARSE);
    ck_assert_str_eq(d.text, "f.yaml:3: reason");
    (void)stc_fail(&d, STC_ERR_PARSE, "again: %s", d.text);
    ck_assert_str_eq(d.text, "again: f.yaml:3: reason");
}
END_TEST

START_TEST(err_long_sentences_are_cut_and_terminated)
{
    struct stc_diag d;
    (void)stc_fail(&d, STC_ERR_BUG, "%600s", "x");
    ck_assert_uint_eq(strlen(d.text), sizeof(d.text) - 1);
    (void)stc_fail_prefix(&d, STC_ERR_BUG, "%600s", "y");
    ck_assert_uint_eq(strlen(d.text), sizeof(d.text) - 1);
}
END_TEST

static Suite *err_suite(void)
{
    Suite *s = suite_create("err");
    TCase *t = tcase_create("err");
    tcase_add_loop_test(t, err_each_code_has_its_pinned_value_and_text, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(t, err_text_knows_success_and_strangers);
    tcase_add_test(t, err_fail_returns_its_code_and_writes_one_line);
    tcase_add_test(t, err_prefix_goes_before_and_the_old_sentence_may_be_an_argument);
    tcase_add_test(t, err_long_sentences_are_cut_and_terminated);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(err_suite)
