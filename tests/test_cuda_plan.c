/*
 * test_cuda_plan.c - the half of stepcast-bench that needs no GPU: number
 * formats, grids and their time, CSV and going on after a kill.
 */
#include "tests/testing.h"

#include <stdio.h>
#include <unistd.h>

#include "kernels/cuda/csv.c"
#include "kernels/cuda/plan.c"

#include "kernels/cuda/membound.c"
#include "kernels/cuda/plan_gemm.c"
#undef LEN
#include "kernels/cuda/plan_rest.c"

/* ==== number formats ==== */

START_TEST(every_small_number_survives_decoding_and_encoding)
{
    for (uint32_t u = 0; u < 65536; u++) {
        uint16_t h = (uint16_t)u;
        if ((h & 0x7c00u) != 0x7c00u) ck_assert_uint_eq(stc_f16_enc(stc_f16_dec(h)), h);
        if ((h & 0x7f80u) != 0x7f80u)
            ck_assert_uint_eq(stc_bf16_enc(stc_bf16_dec(h)), h);
        if (u < 256 && (u & 0x7fu) != 0x7fu) {
            ck_assert_uint_eq(stc_e4m3_enc(stc_e4m3_dec((uint8_t)u)), u);
        }
    }
}
END_TEST

/* Rounding picks the nearer neighbour; halfway goes to the even one. */
START_TEST(encoding_rounds_to_the_nearest)
{
    for (uint32_t u = 0; u + 1 < 0x7c00u; u++) {
        float lo = stc_f16_dec((uint16_t)u), hi = stc_f16_dec((uint16_t)(u + 1));
        float mid = 0.5f * (lo + hi);
        ck_assert_uint_eq(stc_f16_enc(mid), u + (u & 1u));
        ck_assert_uint_eq(stc_f16_enc(0.75f * lo + 0.25f * hi), u);
    }
    for (uint32_t u = 0; u + 1 < 0x7fu; u++) {
        float lo = stc_e4m3_dec((uint8_t)u), hi = stc_e4m3_dec((uint8_t)(u + 1));
        ck_assert_uint_eq(stc_e4m3_enc(0.5f * (lo + hi)), u + (u & 1u));
        ck_assert_uint_eq(stc_e4m3_enc(0.25f * lo + 0.75f * hi), u + 1);
    }
}
END_TEST

/* OCP 8-bit floating point specification 1.0, table 1; IEEE 754 binary16. */
START_TEST(formats_have_their_published_limits)
{
    stc_assert_near((double)stc_e4m3_dec(0x7e), 448.0, 0);
    stc_assert_near((double)stc_e4m3_dec(0x01), 0.001953125, 0); /* 2^-9 */
    ck_assert_uint_eq(stc_e4m3_enc(1e6f), 0x7e);
    stc_assert_near((double)stc_f16_dec(0x7bff), 65504.0, 0);
    ck_assert_uint_eq(stc_f16_enc(65519.0f), 0x7bff);
    ck_assert_uint_eq(stc_f16_enc(65520.0f), 0x7c00);
    ck_assert_uint_eq(stc_bf16_enc(1.0f), 0x3f80);
    ck_assert(isnan(stc_bf16_dec(0xffff)) && isnan(stc_f16_dec(0xffff)));
    ck_assert(isnan(stc_e4m3_dec(0xff))); /* poison is a NaN in every format */
}
END_TEST

START_TEST(random_data_has_mean_0_and_variance_1)
{
    double sum = 0, sum2 = 0;
    int n = 1 << 20, n_zero = 0;
    for (int i = 0; i < n; i++) {
        double x = (double)stc_rand_normal(7, (uint64_t)i);
        sum += x;
        sum2 += x * x;
        n_zero += x * x < 1e-12;
    }
    ck_assert_double_lt(fabs(sum / n), 5e-3); /* five standard errors */
    stc_assert_near(sum2 / n, 1.0, 1e-2);
    ck_assert_int_lt(n_zero, 100);
    for (uint64_t i = 0; i < 1000; i++) {
        int32_t at = stc_rand_index(3, i, 17);
        ck_assert(at >= 0 && at < 17);
    }
}
END_TEST

/* ==== plans ==== */

static struct stc_plan plan_of(int quick, int n_gpus, int n_ranks, int multi,
                               const char *only)
{
    struct stc_plan_opts o = {quick, n_gpus, n_ranks, multi, only};
    struct stc_plan plan = {NULL, 0, 0};
    const char *unknown = NULL;
    ck_assert_int_eq(stc_plan_build(&plan, &o, &unknown), 0);
    return plan;
}

static double seconds_of(const struct stc_plan *plan, const char *gpu)
{
    double sum = 0;
    for (size_t i = 0; i < plan->n; i++) {
        sum += stc_case_estimate_s(&plan->cases[i], stc_assumed_find(gpu));
    }
    return sum;
}

START_TEST(one_gpu_takes_eight_minutes_and_quick_two)
{
    static const char *const gpus[] = {"H200", "H100", "A100", "B200"};
    struct stc_plan full = plan_of(0, 1, 1, 0, NULL), quick = plan_of(1, 1, 1, 0, NULL);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_double_le(seconds_of(&full, gpus[i]), 480.0);
        ck_assert_double_ge(seconds_of(&full, gpus[i]), 60.0);
        ck_assert_double_le(seconds_of(&quick, gpus[i]), 120.0);
    }
    stc_plan_free(&full);
    stc_plan_free(&quick);
}
END_TEST

START_TEST(keys_are_distinct_and_fit_a_csv_field)
{
    struct stc_plan plan = plan_of(0, 8, 8, 0, NULL);
    struct stc_keys keys = {NULL, 0, 0};
    for (size_t i = 0; i < plan.n; i++) {
        const char *key = plan.cases[i].key;
        ck_assert_msg(!stc_keys_has(&keys, key), "%s is planned twice", key);
        ck_assert_ptr_null(strpbrk(key, ", \"\n"));
        ck_assert_uint_lt(strlen(key), STC_KEY_BYTES - 1);
        ck_assert_int_eq(stc_keys_add(&keys, key), 0);
    }
    ck_assert_uint_eq(keys.n, plan.n);
    stc_keys_free(&keys);
    stc_plan_free(&plan);
}
END_TEST

START_TEST(every_suite_and_format_of_the_list_is_planned)
{
    static const struct {
        const char *suite, *op;
        enum stc_num num;
    } wanted[] = {
        {"gemm", "TN fwd", STC_NUM_BF16},
        {"gemm", "NN dgrad", STC_NUM_F16},
        {"gemm", "NT wgrad", STC_NUM_TF32},
        {"gemm", "TN fwd", STC_NUM_F32},
        {"gemm", "TN wgrad", STC_NUM_E4M3},
        {"gemm", "NT batched", STC_NUM_BF16},
        {"gemm_steady", "TN fwd", STC_NUM_BF16},
        {"membound", "adam fp32", STC_NUM_BF16},
        {"membound", "cross_entropy", STC_NUM_BF16},
        {"copy", "device_to_host pageable", STC_NUM_U8},
        {"launch", "graph_launch", STC_NUM_U8},
        {"coll", "send_recv", STC_NUM_BF16},
        {"overlap", "all_reduce", STC_NUM_BF16},
        {"clocks", "TN fwd", STC_NUM_BF16},
    };
    struct stc_plan plan = plan_of(0, 8, 8, 0, NULL);
    for (size_t w = 0; w < sizeof wanted / sizeof wanted[0]; w++) {
        int found = 0;
        for (size_t i = 0; i < plan.n; i++) {
            const struct stc_case *c = &plan.cases[i];
            found |= strcmp(stc_bench_suites[c->suite].name, wanted[w].suite) == 0 &&
                     strcmp(c->op, wanted[w].op) == 0 && c->num == wanted[w].num;
        }
        ck_assert_msg(found, "%s %s is not planned", wanted[w].suite, wanted[w].op);
    }
    stc_plan_free(&plan);
}
END_TEST

/* fp8 products exist as TN only and want sizes in multiples of 16 (cuBLAS
 * documentation, "FP8 data types usage"); row kernels move 8 elements at a time. */
START_TEST(sizes_obey_what_the_kernels_need)
{
    struct stc_plan plan = plan_of(0, 1, 1, 0, "gemm,gemm_steady,membound");
    for (size_t i = 0; i < plan.n; i++) {
        const struct stc_case *c = &plan.cases[i];
        if (strcmp(stc_bench_suites[c->suite].name, "membound") == 0) {
            ck_assert_int_eq(c->d[STC_D_COLS] % 8, 0);
            ck_assert_double_lt(c->move_bytes, 12e9);
        } else if (c->num == STC_NUM_E4M3) {
            ck_assert_msg(strncmp(c->op, "TN", 2) == 0, "%s", c->key);
            for (int k = 0; k < 3; k++) {
                ck_assert_msg(c->d[k] % 16 == 0, "%s", c->key);
            }
        } else {
            stc_assert_near(c->flop,
                            2.0 * (double)c->d[0] * (double)c->d[1] * (double)c->d[2] *
                                (double)c->d[3],
                            1e-12);
        }
    }
    stc_plan_free(&plan);
}
END_TEST

START_TEST(one_gpu_plans_no_collectives_and_many_nodes_plan_nothing_else)
{
    struct stc_plan one = plan_of(0, 1, 1, 0, NULL), many = plan_of(0, 8, 24, 1, NULL);
    for (size_t i = 0; i < one.n; i++) {
        ck_assert_str_ne(stc_bench_suites[one.cases[i].suite].name, "coll");
        ck_assert_str_ne(one.cases[i].op, "all_reduce");
    }
    ck_assert_uint_gt(many.n, 50);
    for (size_t i = 0; i < many.n; i++) {
        ck_assert_str_eq(stc_bench_suites[many.cases[i].suite].name, "coll");
        ck_assert_int_eq(many.cases[i].d[STC_D_RANKS], 24);
    }
    stc_plan_free(&one);
    stc_plan_free(&many);
}
END_TEST

START_TEST(an_unknown_suite_is_named)
{
    struct stc_plan_opts o = {0, 1, 1, 0, "gemm,gem"};
    struct stc_plan plan = {NULL, 0, 0};
    const char *unknown = NULL;
    ck_assert_int_eq(stc_plan_build(&plan, &o, &unknown), -1);
    ck_assert_str_eq(unknown, "gem");
}
END_TEST

START_TEST(quantiles_by_nearest_rank)
{
    double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2}, many[20];
    struct stc_quantiles q = stc_quantiles_of(odd, 3);
    ck_assert(q.min == 1 && q.median == 3 && q.p95 == 5);
    q = stc_quantiles_of(even, 4);
    ck_assert(q.min == 1 && q.median == 2.5 && q.p95 == 4);
    for (int i = 0; i < 20; i++)
        many[i] = 20 - i;
    ck_assert(stc_quantiles_of(many, 20).p95 == 19); /* 19 of 20 are not above */
}
END_TEST

START_TEST(samples_keep_to_the_budget)
{
    struct stc_case c = {0};
    c.n_samples = 25;
    c.budget_s = 0.05;
    ck_assert_int_eq(stc_inner_calls(10e-6, 300e-6, 64), 30);
    ck_assert_int_eq(stc_inner_calls(1e-6, 300e-6, 64), 64);
    ck_assert_int_eq(stc_inner_calls(1.0, 300e-6, 64), 1);
    ck_assert_int_eq(stc_sample_count(&c, 300e-6), 25);
    ck_assert_int_eq(stc_sample_count(&c, 5e-3), 10);
    ck_assert_int_eq(stc_sample_count(&c, 1.0), STC_LEAST_SAMPLES);
}
END_TEST

START_TEST(gpus_get_the_names_of_the_catalogue)
{
    static const struct {
        const char *driver, *name;
        double gib;
    } rows[] = {{"NVIDIA H200", "H200-SXM-141GB", 139.8},
                {"NVIDIA H100 80GB HBM3", "H100-SXM5-80GB", 79.6},
                {"NVIDIA A100-SXM4-80GB", "A100-SXM4-80GB", 79.3},
                {"NVIDIA B200", "B200-SXM-180GB", 178},
                {"Tesla V100-SXM2-32GB", "V100-SXM2-32GB", 31.7},
                {"NVIDIA Example 1", "NVIDIA-Example-1", 10}};
    char name[64];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stc_gpu_truth_name(rows[i].driver, rows[i].gib * 1073741824.0, name,
                           sizeof name);
        ck_assert_str_eq(name, rows[i].name);
    }
}
END_TEST

/* ==== CSV ==== */

static char path[64];

static void make_path(void)
{
    int fd;
    snprintf(path, sizeof path, "/tmp/stc_csv_XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void drop_path(void)
{
    unlink(path);
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void put_key(struct stc_csv *csv, const char *note, const char *key)
{
    struct stc_row row;
    char why[STC_WHY_BYTES];
    stc_row_start(&row);
    stc_row_text(&row, note);
    stc_row_num(&row, 1.5);
    stc_row_text(&row, key);
    ck_assert_int_eq(stc_csv_put(csv, &row, why), 0);
}

START_TEST(a_file_cut_off_anywhere_goes_on_without_loss)
{
    static const char *const keys[] = {"a/1", "b/2", "c/3"};
    char whole[512], part[512], why[STC_WHY_BYTES];
    struct stc_keys done = {NULL, 0, 0};
    struct stc_csv csv;
    size_t len, cut;
    FILE *file;
    ck_assert_int_eq(stc_csv_open(&csv, path, "note,x,key", &done, why), 0);
    for (int i = 0; i < 3; i++)
        put_key(&csv, i == 1 ? "odd, \"one\"" : "plain", keys[i]);
    stc_csv_close(&csv);
    file = fopen(path, "rb");
    len = fread(whole, 1, sizeof whole - 1, file);
    whole[len] = '\0';
    fclose(file);
    for (cut = 0; cut <= len; cut++) { /* a kill may come after any byte */
        struct stc_keys left = {NULL, 0, 0};
        snprintf(part, sizeof part, "%.*s", (int)cut, whole);
        write_text(part);
        ck_assert_int_eq(stc_csv_open(&csv, path, "note,x,key", &left, why), 0);
        ck_assert_int_eq(csv.n_damaged, 0);
        for (int i = 0; i < 3; i++) {
            if (!stc_keys_has(&left, keys[i])) {
                put_key(&csv, i == 1 ? "odd, \"one\"" : "plain", keys[i]);
            }
        }
        stc_csv_close(&csv);
        file = fopen(path, "rb");
        ck_assert_uint_eq(fread(part, 1, sizeof part - 1, file), len);
        fclose(file);
        ck_assert_int_eq(memcmp(part, whole, len), 0);
        stc_keys_free(&left);
    }
    stc_keys_free(&done);
}
END_TEST

START_TEST(a_file_of_other_columns_is_refused)
{
    struct stc_keys keys = {NULL, 0, 0};
    struct stc_csv csv;
    char why[STC_WHY_BYTES], text[64];
    FILE *file;
    write_text("x,y\n1,2\n");
    ck_assert_int_eq(stc_csv_open(&csv, path, "note,x,key", &keys, why), -1);
    ck_assert_ptr_nonnull(strstr(why, "other columns"));
    file = fopen(path, "rb"); /* and left as it was */
    ck_assert_uint_eq(fread(text, 1, sizeof text, file), 8);
    fclose(file);
    stc_keys_free(&keys);
}
END_TEST

START_TEST(damaged_lines_are_counted_and_not_believed)
{
    struct stc_keys keys = {NULL, 0, 0};
    struct stc_csv csv;
    char why[STC_WHY_BYTES];
    write_text("note,x,key\np,1,a\nonly,two\np,\"1,b\nq,2,c\n");
    ck_assert_int_eq(stc_csv_open(&csv, path, "note,x,key", &keys, why), 0);
    ck_assert_int_eq(csv.n_rows, 2);
    ck_assert_int_eq(csv.n_damaged, 2);
    ck_assert(stc_keys_has(&keys, "a") && stc_keys_has(&keys, "c"));
    stc_csv_close(&csv);
    stc_keys_free(&keys);
}
END_TEST

START_TEST(a_row_of_the_wrong_width_is_not_written)
{
    struct stc_keys keys = {NULL, 0, 0};
    struct stc_csv csv;
    struct stc_row row;
    char why[STC_WHY_BYTES];
    ck_assert_int_eq(stc_csv_open(&csv, path, "note,x,key", &keys, why), 0);
    stc_row_start(&row);
    stc_row_text(&row, "one");
    ck_assert_int_eq(stc_csv_put(&csv, &row, why), -1);
    stc_row_start(&row);
    for (int i = 0; i < 3; i++) {
        char big[STC_ROW_BYTES];
        memset(big, 'x', sizeof big - 1);
        big[sizeof big - 1] = '\0';
        stc_row_text(&row, big);
    }
    ck_assert_int_eq(stc_csv_put(&csv, &row, why), -1);
    stc_csv_close(&csv);
    stc_keys_free(&keys);
}
END_TEST

START_TEST(numbers_and_quotes_in_rows)
{
    struct stc_row row;
    char last[32];
    stc_row_start(&row);
    stc_row_num(&row, NAN);
    stc_row_num(&row, 123.4567891);
    stc_row_int(&row, -5);
    stc_row_text(&row, NULL);
    stc_row_text(&row, "say \"a,b\"");
    ck_assert_str_eq(row.text, ",123.457,-5,,\"say \"\"a,b\"\"\"");
    ck_assert_int_eq(stc_csv_fields(row.text, row.len, last, sizeof last), 5);
    ck_assert_str_eq(last, "say \"a,b\"");
}
END_TEST

START_TEST(thousands_of_keys_are_found_again)
{
    struct stc_keys keys = {NULL, 0, 0};
    char key[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "k/%d", i);
        ck_assert_int_eq(stc_keys_add(&keys, key), 0);
        ck_assert_int_eq(stc_keys_add(&keys, key), 0); /* twice is once */
    }
    ck_assert_uint_eq(keys.n, 5000);
    for (int i = 0; i < 6000; i++) {
        snprintf(key, sizeof key, "k/%d", i);
        ck_assert_int_eq(stc_keys_has(&keys, key), i < 5000);
    }
    stc_keys_free(&keys);
}
END_TEST

static Suite *cuda_plan_suite(void)
{
    Suite *s = suite_create("cuda_plan");
    TCase *num = tcase_create("numbers"), *plan = tcase_create("plan");
    TCase *csv = tcase_create("csv");
    tcase_add_test(num, every_small_number_survives_decoding_and_encoding);
    tcase_add_test(num, encoding_rounds_to_the_nearest);
    tcase_add_test(num, formats_have_their_published_limits);
    tcase_add_test(num, random_data_has_mean_0_and_variance_1);
    tcase_add_test(plan, one_gpu_takes_eight_minutes_and_quick_two);
    tcase_add_test(plan, keys_are_distinct_and_fit_a_csv_field);
    tcase_add_test(plan, every_suite_and_format_of_the_list_is_planned);
    tcase_add_test(plan, sizes_obey_what_the_kernels_need);
    tcase_add_test(plan, one_gpu_plans_no_collectives_and_many_nodes_plan_nothing_else);
    tcase_add_test(plan, an_unknown_suite_is_named);
    tcase_add_test(plan, quantiles_by_nearest_rank);
    tcase_add_test(plan, samples_keep_to_the_budget);
    tcase_add_test(plan, gpus_get_the_names_of_the_catalogue);
    tcase_add_checked_fixture(csv, make_path, drop_path);
    tcase_add_test(csv, a_file_cut_off_anywhere_goes_on_without_loss);
    tcase_add_test(csv, a_file_of_other_columns_is_refused);
    tcase_add_test(csv, damaged_lines_are_counted_and_not_believed);
    tcase_add_test(csv, a_row_of_the_wrong_width_is_not_written);
    tcase_add_test(csv, numbers_and_quotes_in_rows);
    tcase_add_test(csv, thousands_of_keys_are_found_again);
    suite_add_tcase(s, num);
    suite_add_tcase(s, plan);
    suite_add_tcase(s, csv);
    return s;
}

STC_TEST_MAIN(cuda_plan_suite)
