/* Profiler traces: operators linked to kernels in either order, products and
 * collectives as rows, gzip, bounded memory on a large file, JSON's edges. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "calib/json_pull.h"
#include "tests/gen_kineto.h"
#include "tests/import_kit.h"
#include "tests/testing.h"

static struct kit k;

static void generate(char **text, size_t *len, long long n_bytes, long *steps)
{
    FILE *f = open_memstream(text, len);
    ck_assert_ptr_nonnull(f);
    *steps = gen_kineto(f, n_bytes);
    ck_assert_int_eq(fclose(f), 0);
}

static const struct kit_fact *find(enum stc_form form)
{
    for (int i = 0; i < k.n; i++)
        if (k.fact[i].form == form) return &k.fact[i];
    ck_abort_msg("no fact of form %s", stc_form_name(form));
    return NULL;
}

START_TEST(kineto_products_collectives_and_copies_are_told)
{
    char *text = NULL;
    size_t len = 0;
    long steps = 0;
    generate(&text, &len, 200000, &steps);
    stc_assert_ok(kit_run(&k, stc_import_kineto, "t.json", text, len, NULL), &k.diag);
    free(text);
    ck_assert_int_eq(k.n, 5); /* product, collective, copy, two kernels */
    const struct kit_fact *f = find(STC_FORM_GEMM_TORCH);
    ck_assert_str_eq(f->shape, "dtype=bfloat16;m=4096;n=4096;k=4096");
    ck_assert_int_eq(f->repeats, 4 * steps);
    stc_assert_near(f->value, 100e-6, 1e-6);
    ck_assert_str_eq(f->gpu, "H100-SXM5-80GB");
    f = find(STC_FORM_COLLECTIVES);
    ck_assert_str_eq(
        f->shape, "library=nccl;collective=all_reduce;dtype=bfloat16;gpus_per_node=8;"
                  "nodes=2;ranks=16;intra=NVLink4 NVSwitch;bytes=67108864");
    ck_assert_int_eq(f->repeats, steps);
    ck_assert_ptr_nonnull(strstr(f->notes, "kineto"));
    f = find(STC_FORM_COPY);
    stc_assert_near(f->value, 50e-6, 1e-6);
}
END_TEST

START_TEST(kineto_an_operators_kernels_add_up)
{
    static const char text[] =
        "{\"traceEvents\":[{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"a\",\"dur\":3,"
        "\"args\":{\"External id\":9,\"correlation\":1}},"
        "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"aten::addmm\",\"dur\":50,\"args\":"
        "{"
        "\"External id\":9,\"Input Dims\":[[8],[16,32],[32,8],[],[]],\"Input type\":"
        "[\"float\",\"c10::Half\",\"c10::Half\",\"Scalar\",\"Scalar\"]}},"
        "{\"args\":{\"External id\":9,\"correlation\":2},\"dur\":4,\"name\":\"b\","
        "\"cat\":\"kernel\",\"ph\":\"X\"}]}";
    stc_assert_ok(kit_run(&k, stc_import_kineto, "t", text, strlen(text), NULL),
                  &k.diag);
    const struct kit_fact *f = find(STC_FORM_GEMM_TORCH);
    ck_assert_str_eq(f->shape, "dtype=fp16;m=16;n=8;k=32");
    stc_assert_near(f->value, 7e-6, 1e-6);
}
END_TEST

/* Causal flash attention as PyTorch 2.5 and later record it, forward and backward. */
START_TEST(kineto_fused_attention_is_a_row_of_training_attention)
{
    static const char text[] =
        "[{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"aten::_flash_attention_forward\","
        "\"dur\":9,\"args\":{\"External id\":4,\"Concrete "
        "Inputs\":[\"\",\"\",\"\",\"\","
        "\"\",\"4096\",\"4096\",\"0.\",\"True\",\"False\",\"0.08\"],\"Input type\":["
        "\"c10::BFloat16\",\"c10::BFloat16\",\"c10::BFloat16\",\"\",\"\",\"Scalar\"],"
        "\"Input Dims\":[[2,4096,32,128],[2,4096,8,128],[2,4096,8,128],[],[],[]]}},"
        "{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"flash\",\"dur\":700,\"args\":{"
        "\"External id\":4,\"correlation\":1}},"
        "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":"
        "\"aten::_scaled_dot_product_cudnn_attention\",\"dur\":9,\"args\":{\"External "
        "id\":"
        "5,\"Concrete Inputs\":[\"\",\"\",\"\",\"\",\"True\",\"0.\",\"False\"],"
        "\"Input type\":[\"c10::Half\",\"c10::Half\",\"c10::Half\"],"
        "\"Input Dims\":[[1,16,512,64],[1,16,1024,64],[1,16,1024,64]]}},"
        "{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"cudnn\",\"dur\":30,\"args\":{"
        "\"External id\":5,\"correlation\":2}},"
        "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"aten::_flash_attention_backward\","
        "\"dur\":9,\"args\":{\"External id\":6,\"Input type\":[\"c10::Half\"],"
        "\"Input Dims\":[[1,8,4,64],[1,8,4,64],[1,8,4,64]]}},"
        "{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"bwd\",\"dur\":40,\"args\":{"
        "\"External id\":6,\"correlation\":3}}]";
    stc_assert_ok(kit_run(&k, stc_import_kineto, "t", text, strlen(text), NULL),
                  &k.diag);
    int n = 0;
    for (int i = 0; i < k.n; i++) {
        const struct kit_fact *f = &k.fact[i];
        if (f->form != STC_FORM_ATTENTION_TRAIN) continue;
        bool flash = f->value > 1e-4;
        ck_assert_str_eq(
            f->shape, flash ? "impl=PyTorch SDPA (flash);phase=fwd;causal=1;dtype="
                              "bfloat16;batch=2;heads=32;kv_heads=8;head_dim=128;"
                              "seqlen_q=4096;seqlen_kv=4096"
                            : "impl=cudnn;phase=fwd;causal=0;dtype=fp16;batch=1;heads="
                              "16;kv_heads=16;head_dim=64;seqlen_q=512;seqlen_kv=1024");
        stc_assert_near(f->value, flash ? 700e-6 : 30e-6, 1e-5);
        n++;
    }
    ck_assert_int_eq(n, 2); /* the backward does not say whether it is causal */
    ck_assert_ptr_nonnull(find(STC_FORM_OP));
}
END_TEST

START_TEST(kineto_correlation_repeated_as_external_id_is_no_link)
{
    static const char text[] =
        "[{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"aten::empty\",\"dur\":5,\"args\":"
        "{"
        "\"External id\":9}},{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"a\",\"dur\":3,"
        "\"args\":{\"External id\":9,\"correlation\":9}}]";
    stc_assert_ok(kit_run(&k, stc_import_kineto, "t", text, strlen(text), NULL),
                  &k.diag);
    ck_assert_int_eq(k.n, 1);
    ck_assert_int_eq(k.fact[0].form, STC_FORM_KERNEL);
}
END_TEST

/* Imports a compressed trace of n_bytes; the steps in it. */
static long import_gz(const char *path, long long n_bytes)
{
    struct stc_source src;
    const struct stc_sink sink = {.meas = kit_meas, .anchor = kit_anchor, .ctx = &k};
    static const struct stc_import_opts none = {0};
    char cmd[80];
    (void)snprintf(cmd, sizeof cmd, "gzip -1 > %s", path);
    FILE *f = popen(cmd, "w");
    ck_assert_ptr_nonnull(f);
    long steps = gen_kineto(f, n_bytes);
    ck_assert_int_eq(pclose(f), 0);
    k.n = 0;
    stc_assert_ok(stc_source_open(&src, path, &k.diag), &k.diag);
    stc_assert_ok(stc_import_kineto(&src, path, &none, &sink, &k.report, &k.diag),
                  &k.diag);
    ck_assert_int_ge(src.bytes, n_bytes);
    stc_source_close(&src);
    ck_assert_int_eq(find(STC_FORM_GEMM_TORCH)->repeats, 4 * steps);
    return steps;
}

static long peak_bytes(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss * 1024;
}

/* Memory holds 16 bytes an operator, in a table that doubles: under an eighth of
 * the trace, and nothing of the trace itself. */
START_TEST(kineto_gzip_and_large_files_in_bounded_memory)
{
    char path[] = "/tmp/stc_kineto_XXXXXX";
    const long long small = 4 << 20, large = 36 << 20;
    ck_assert_int_ge(mkstemp(path), 0);
    (void)import_gz(path, small);
    const long before = peak_bytes();
    long steps = import_gz(path, large);
    const long grown = peak_bytes() - before;
    (void)remove(path);
    ck_assert_msg(grown <= (large - small) / 8,
                  "%ld bytes more for %lld bytes more of trace (%ld steps)", grown,
                  large - small, steps);
}
END_TEST

START_TEST(kineto_cut_short_is_one_line)
{
    char *text = NULL;
    size_t len = 0;
    long steps = 0;
    generate(&text, &len, 10000, &steps);
    for (size_t cut = 0; cut < len; cut += 97) {
        ck_assert_int_ne(kit_run(&k, stc_import_kineto, "t.json", text, cut, NULL),
                         STC_OK);
        ck_assert_str_ne(k.diag.text, "");
        ck_assert_ptr_null(strchr(k.diag.text, '\n'));
    }
    free(text);
}
END_TEST

/* ==== the reader of JSON ==== */

static const struct {
    const char *text, *tokens;
} good[] = {
    {"{}", "{}"},
    {" [1, -2.5e+3 ,\"a\"] ", "[1 -2.5e+3 a ]"},
    {"{\"a\":{\"b\":[true,false,null]}}", "{a:{b:[truetfalsefnulln]}}"},
    {"\"\\u00e9\\ud83d\\ude00\\n\"", "\xc3\xa9\xf0\x9f\x98\x80\n "},
    {"\"\\ud800x\"", "?x "},
    {"NaN", "NaN "},
};
static const char *const bad[] = {
    "",
    "{",
    "[1,]",
    "{\"a\"}",
    "{\"a\":}",
    "{a:1}",
    "[1 2]",
    "[1}",
    "\"abc",
    "\"\\x\"",
    "\"\\u12g4\"",
    "tru",
    "]",
    "1 2",
    "-",
    "[[[[",
    "{\"a\":1,}",
    "\"\\ud800\\",
    "\"\\ud800\\u12",
    ":",
    "01x",
};

static enum stc_err tokens(const char *text, char *out, size_t size)
{
    static const char marks[] = ".{}[]:  tfn";
    struct stc_source src;
    struct stc_json j;
    size_t o = 0;
    stc_source_open_mem(&src, "j", text, strlen(text));
    enum stc_err err = stc_json_open(&j, &src, &k.diag);
    while (err == STC_OK && (err = stc_json_next(&j, &k.diag)) == STC_OK &&
           j.kind != STC_JSON_END && o + j.text_len + 2 < size) {
        memcpy(out + o, j.text, j.text_len);
        o += j.text_len;
        out[o++] = marks[j.kind];
    }
    out[o] = '\0';
    stc_json_close(&j);
    stc_source_close(&src);
    return err;
}

START_TEST(json_good_texts_give_their_tokens)
{
    char out[256];
    stc_assert_ok(tokens(good[_i].text, out, sizeof out), &k.diag);
    ck_assert_str_eq(out, good[_i].tokens);
}
END_TEST

START_TEST(json_bad_texts_are_refused_with_their_byte)
{
    char out[256];
    ck_assert_msg(tokens(bad[_i], out, sizeof out) == STC_ERR_PARSE, "accepted: %s",
                  bad[_i]);
    ck_assert_ptr_nonnull(strstr(k.diag.text, "byte"));
}
END_TEST

START_TEST(json_depth_and_tokens_are_bounded)
{
    enum { DEEP = STC_JSON_DEPTH + 1, LONG = 3 * STC_JSON_TOKEN };
    static char text[LONG + 3], out[LONG + 3];
    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    ck_assert_int_eq(tokens(text, out, sizeof out), STC_ERR_PARSE);
    text[2 * DEEP - 1] = '\0';
    stc_assert_ok(tokens(text + 1, out, sizeof out), &k.diag);
    memset(text, '"', sizeof text - 1);
    memset(text + 1, 'x', LONG);
    stc_assert_ok(tokens(text, out, sizeof out), &k.diag);
    ck_assert_uint_le(strlen(out), STC_JSON_TOKEN + 1); /* cut */
}
END_TEST

static Suite *import_kineto_suite(void)
{
    Suite *s = suite_create("import_kineto");
    TCase *t = tcase_create("kineto");
    tcase_add_test(t, kineto_products_collectives_and_copies_are_told);
    tcase_add_test(t, kineto_an_operators_kernels_add_up);
    tcase_add_test(t, kineto_fused_attention_is_a_row_of_training_attention);
    tcase_add_test(t, kineto_correlation_repeated_as_external_id_is_no_link);
    tcase_add_test(t, kineto_gzip_and_large_files_in_bounded_memory);
    tcase_add_test(t, kineto_cut_short_is_one_line);
    tcase_add_loop_test(t, json_good_texts_give_their_tokens, 0,
                        (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(t, json_bad_texts_are_refused_with_their_byte, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(t, json_depth_and_tokens_are_bounded);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(import_kineto_suite)
