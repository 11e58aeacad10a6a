/* Tables of measurements: forms, units, what is refused. */
#include "tests/import_kit.h"
#include "tests/testing.h"

#include "hw/catalogue.h"

static struct kit k;

static enum stc_err run(const char *text)
{
    return kit_run(&k, stc_import_csv, "t.csv", text, strlen(text), NULL);
}

START_TEST(csv_bench_columns_become_shape_and_spread)
{
    stc_assert_ok(
        run("gpu,dtype,m,n,k,time_us,trans,pass,batch,out_dtype,mode,n_sets,tflops,min_"
            "us,"
            "median_us,p95_us,n_repeats,n_inner,rel_err,machine,driver,cuda,sm_mhz,mem_"
            "mhz,"
            "power_w,temp_c,date,key\n"
            "NVIDIA "
            "H200,bfloat16,4096,1024,512,12.5,TN,fwd,1,bfloat16,burst,4,343.6,12.1,"
            "12.5,14,30,8,0.001,box7,570.1,13.0,1980,2619,650,55,2026-01-02,abc\n"),
        &k.diag);
    ck_assert_int_eq(k.n, 1);
    ck_assert_int_eq(k.fact[0].form, STC_FORM_GEMM);
    ck_assert_str_eq(k.fact[0].gpu, "H200-SXM-141GB");
    ck_assert_str_eq(k.fact[0].shape,
                     "dtype=bfloat16;m=4096;n=1024;k=512;trans=TN;pass=fwd;batch=1;"
                     "out_dtype=bfloat16;mode=burst");
    stc_assert_near(k.fact[0].value, 12.5e-6, 1e-12);
    stc_assert_near(k.fact[0].min, 12.1e-6, 1e-12);
    stc_assert_near(k.fact[0].p95, 14e-6, 1e-12);
    ck_assert_int_eq(k.fact[0].repeats, 30);
}
END_TEST

static const struct {
    const char *header, *row;
    enum stc_form form;
    double value;
    const char *unit;
} forms[] = {
    {"gpu,dtype,m,n,k,time_us", "A10,fp16,1,2,3,4", STC_FORM_GEMM, 4e-6, "s"},
    {"source,ref,gpu,dtype,m,n,k,time_us,notes", "s,r,A10,fp16,1,2,3,4,n",
     STC_FORM_GEMM_TORCH, 4e-6, "s"},
    {"gpu,dtype,kv_dtype,batch,kv_len,heads,kv_heads,head_dim,time_us",
     "A10,a,b,1,2,3,4,5,6", STC_FORM_ATTENTION_DECODE, 6e-6, "s"},
    {"gpu,dtype,kv_dtype,batch,seq_len,heads,kv_heads,head_dim,time_us",
     "A10,a,b,1,2,3,4,5,6", STC_FORM_ATTENTION_PREFILL, 6e-6, "s"},
    {"source,ref,gpu,impl,phase,causal,dtype,batch,heads,kv_heads,head_dim,seqlen_q,"
     "seqlen_kv,time_us,notes",
     "s,r,A10,cudnn,fwd,1,a,1,2,3,4,5,6,7,n", STC_FORM_ATTENTION_TRAIN, 7e-6, "s"},
    {"source,ref,gpu,test,op,value,notes", "s,r,A10,copy,triad,1610,GB/s",
     STC_FORM_MEMORY_BOUND, 1610e9, "B/s"},
    {"gpu,dtype,tokens,hidden,expert_ffn,topk,experts,moe_tp,moe_ep,routing,time_us",
     "A10,a,1,2,3,4,5,6,7,balanced,8", STC_FORM_MOE, 8e-6, "s"},
    {"id,model,gpu,tp,step_time_s", "1,gpt,A10,4,2.5", STC_FORM_TRAINING, 2.5, "s"},
};

START_TEST(csv_every_form_is_known_by_its_header)
{
    char text[1024];
    (void)snprintf(text, sizeof text, "%s\n%s\n", forms[_i].header, forms[_i].row);
    stc_assert_ok(run(text), &k.diag);
    ck_assert_int_eq(k.n, 1);
    ck_assert_int_eq(k.fact[0].form, forms[_i].form);
    stc_assert_near(k.fact[0].value, forms[_i].value, 1e-12);
    ck_assert_str_eq(k.fact[0].unit, forms[_i].unit);
    ck_assert_int_eq(k.fact[0].line, 2);
}
END_TEST

START_TEST(csv_refusals_name_line_and_column)
{
    stc_assert_fails(run("a,b,c\n1,2,3\n"), STC_ERR_PARSE, &k.diag, "t.csv:1");
    stc_assert_fails(run("gpu,dtype,m,n,k,time_us\nA10,fp16,0,2,3,4\n"), STC_ERR_RANGE,
                     &k.diag, "t.csv:2: m:");
    stc_assert_fails(run("gpu,dtype,m,n,k,time_us\nA10,fp16,many,2,3,4\n"),
                     STC_ERR_PARSE, &k.diag, "many");
    stc_assert_fails(run("gpu,dtype,m,n,k,time_us\nA10,fp16,1,2,3,-4\n"), STC_ERR_RANGE,
                     &k.diag, "time_us");
    stc_assert_fails(run("gpu,dtype,m,n,k,time_us\n,fp16,1,2,3,4\n"), STC_ERR_PARSE,
                     &k.diag, "no GPU");
}
END_TEST

START_TEST(csv_rows_without_a_figure_are_counted)
{
    stc_assert_ok(run("gpu,dtype,m,n,k,time_us\nA10,fp16,1,2,3,\nA10,fp16,1,2,3,9\n"),
                  &k.diag);
    ck_assert_int_eq(k.n, 1);
    ck_assert_int_eq(k.report.n_skipped, 1);
}
END_TEST

START_TEST(shape_cells_survive_every_character)
{
    struct stc_text t;
    char buf[64], key[64], value[64];
    size_t at = 0;
    stc_text_init(&t, 0);
    stc_shape_put(&t, "a", "x;y=z%1\t");
    stc_shape_put(&t, "empty", "");
    stc_shape_put_i64(&t, "n", 42);
    ck_assert_str_eq(stc_shape_get(stc_text_str(&t), "a", buf, sizeof buf),
                     "x;y=z%1\t");
    ck_assert_str_eq(stc_shape_get(stc_text_str(&t), "empty", buf, sizeof buf), "");
    stc_assert_near(stc_shape_num(stc_text_str(&t), "n", 0), 42.0, 0);
    ck_assert(stc_shape_next(stc_text_str(&t), &at, key, value, sizeof value));
    ck_assert_str_eq(key, "a");
    ck_assert(stc_shape_next(stc_text_str(&t), &at, key, value, sizeof value));
    ck_assert_str_eq(value, "42");
    ck_assert(!stc_shape_next(stc_text_str(&t), &at, key, value, sizeof value));
    stc_text_free(&t);
}
END_TEST

START_TEST(gpu_products_have_catalogue_names)
{
    static const struct {
        const char *product, *name;
    } rows[] = {{"NVIDIA A100-SXM4-80GB", "A100-SXM4-80GB"},
                {"NVIDIA A100 80GB PCIe", "A100-PCIe-80GB"},
                {"NVIDIA H100 80GB HBM3", "H100-SXM5-80GB"},
                {"NVIDIA H100 PCIe", "H100-PCIe-80GB"},
                {"Tesla V100-SXM2-32GB", "V100-SXM2-32GB"},
                {"NVIDIA A10G", "A10G"}, /* not an A10 */
                {"NVIDIA L40S", "L40S"},
                {"NVIDIA GB200", "GB200-NVL72"},
                {"AMD Instinct MI300X", "MI300X"},
                {"H100-SXM5-96GB-HBM2e-500W", "H100-SXM5-96GB-HBM2e-500W"}};
    char buf[64];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_str_eq(stc_import_gpu(NULL, rows[i].product, 0, buf, sizeof buf),
                         rows[i].name);
}
END_TEST

START_TEST(gpu_names_of_the_catalogue_are_their_own)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_hw *hw;
    char buf[64];
    stc_assert_ok(stc_hw_load(&a, &hw, &k.diag), &k.diag);
    for (size_t i = 0; i < stc_hw_n_gpus(hw); i++) {
        const char *name = stc_hw_gpu_at(hw, i)->name;
        ck_assert_str_eq(stc_import_gpu(NULL, name, 0, buf, sizeof buf), name);
        ck_assert_str_eq(stc_import_gpu(hw, name, 0, buf, sizeof buf), name);
    }
    stc_arena_free(&a);
}
END_TEST

static Suite *import_csv_suite(void)
{
    Suite *s = suite_create("import_csv");
    TCase *t = tcase_create("csv");
    tcase_add_test(t, csv_bench_columns_become_shape_and_spread);
    tcase_add_loop_test(t, csv_every_form_is_known_by_its_header, 0,
                        (int)(sizeof forms / sizeof forms[0]));
    tcase_add_test(t, csv_refusals_name_line_and_column);
    tcase_add_test(t, csv_rows_without_a_figure_are_counted);
    tcase_add_test(t, shape_cells_survive_every_character);
    tcase_add_test(t, gpu_names_of_the_catalogue_are_their_own);
    tcase_add_test(t, gpu_products_have_catalogue_names);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(import_csv_suite)
