/* Questions to the cost model: the same seconds by keys as by structs, and tables of
 * kernels whose forecasts do not see what was measured. */
#include "sim/study/explain.h"
#include "sim/study/validate.h"

#include "calib/load_coll.h"
#include "calib/load_cost.h"
#include "models/catalogue.h"
#include "models/import_hf.h"
#include "reports/model_yaml.h"
#include "tests/testing.h"

#include <stdio.h>

static struct stc_arena arena;
static struct stc_cost *cost;
static struct stc_coll_params coll;
static struct stc_run_params params;
static const struct stc_hw *hw;

static void setup(void)
{
    struct stc_diag diag = {""};
    stc_assert_ok(stc_cost_load(&arena, &cost, &diag), &diag);
    stc_assert_ok(stc_load_coll(&coll, &diag), &diag);
    stc_assert_ok(stc_scenario_hw(NULL, &hw, &diag), &diag);
    params = (struct stc_run_params){.cost = cost, .coll = &coll};
}

static void teardown(void)
{
    stc_arena_free(&arena);
}

/* "m=1 n=2": sets, resolved. */
static enum stc_err ask(struct stc_query *q, enum stc_qkind kind, const char *words,
                        struct stc_diag *diag)
{
    char text[512], *rest = NULL;
    snprintf(text, sizeof text, "%s", words);
    stc_query_init(q, kind);
    for (char *w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
        char *eq = strchr(w, '=');
        *eq = '\0';
        enum stc_err err = stc_query_set(q, w, eq + 1, diag);
        if (err != STC_OK) return err;
    }
    return stc_query_resolve(q, hw, diag);
}

static double seconds(enum stc_qkind kind, const char *words)
{
    struct stc_query q;
    struct stc_query_answer a;
    struct stc_diag diag = {""};
    stc_assert_ok(ask(&q, kind, words, &diag), &diag);
    stc_query_time(&q, &params, &a);
    ck_assert(a.lo90_s <= a.seconds && a.seconds <= a.hi90_s);
    return a.seconds;
}

START_TEST(query_by_keys_is_the_query_by_struct)
{
    struct stc_est e;
    const struct stc_gpu *gpu;
    struct stc_diag diag = {""};
    stc_assert_ok(stc_hw_find_gpu(hw, "H100-SXM5-80GB", &gpu, &diag), &diag);
    const struct stc_gemm_q g = {
        .m = 4096, .n = 12288, .k = 12288, .batch = 1, .dtype = STC_DTYPE_BF16};
    stc_cost_gemm(cost, gpu, &g, &e);
    stc_assert_near(
        seconds(STC_QUERY_GEMM, "gpu=H100-SXM5-80GB m=4096 n=12288 k=12288 dtype=bf16"),
        e.seconds, 0);
    const struct stc_mem_q m = {
        .read_bytes = 1e8, .write_bytes = 1e8, .kind = STC_MEMK_GELU};
    stc_cost_membound(cost, gpu, &m, &e);
    stc_assert_near(seconds(STC_QUERY_MEMBOUND,
                            "gpu=H100-SXM5-80GB pass=gelu read=100MB write=100MB"),
                    e.seconds, 0);
}
END_TEST

START_TEST(query_forward_and_backward_is_their_sum)
{
    double s[3];
    static const char *const phases[] = {"fwd", "bwd", "fwd+bwd"};
    for (int i = 0; i < 3; i++) {
        char text[160];
        snprintf(text, sizeof text,
                 "gpu=H100-SXM5-80GB batch=2 kv_len=4096 heads=32 kv_heads=8 phase=%s",
                 phases[i]);
        s[i] = seconds(STC_QUERY_ATTENTION, text);
    }
    stc_assert_near(s[2], s[0] + s[1], 1e-12);
}
END_TEST

START_TEST(query_collective_takes_the_machine_of_the_gpu)
{
    struct stc_query q;
    struct stc_diag diag = {""};
    stc_assert_ok(ask(&q, STC_QUERY_COLLECTIVE,
                      "collective=all-reduce gpu=H100-SXM5-80GB ranks=16 bytes=1GiB",
                      &diag),
                  &diag);
    const struct stc_group_shape *g = &q.q.coll.shape;
    ck_assert_int_eq(g->n_nodes, 2);
    ck_assert_int_eq(g->ranks_per_node, 8);
    ck_assert_int_eq(g->n_nics, 8);
    stc_assert_near(g->intra_Bps, 450e9, 1e-9);
    stc_assert_near(g->nic_Bps, 50e9, 1e-9);
    /* what NCCL would not choose is slower */
    double free_s = seconds(STC_QUERY_COLLECTIVE, "collective=all-reduce ranks=16 "
                                                  "gpu=H100-SXM5-80GB bytes=1GiB");
    ck_assert(free_s <= seconds(STC_QUERY_COLLECTIVE,
                                "collective=all-reduce ranks=16 gpu=H100-SXM5-80GB "
                                "bytes=1GiB algo=Ring proto=LL"));
    stc_assert_fails(ask(&q, STC_QUERY_COLLECTIVE,
                         "collective=all-reduce gpu=H100-SXM5-80GB ranks=64 nodes=2 "
                         "bytes=1GiB",
                         &diag),
                     STC_ERR_RANGE, &diag, "do not fit");
    stc_assert_fails(ask(&q, STC_QUERY_COLLECTIVE,
                         "collective=all-redcue gpu=H100-SXM5-80GB ranks=8 bytes=1GiB",
                         &diag),
                     STC_ERR_UNKNOWN, &diag, "did you mean");
}
END_TEST

START_TEST(query_written_out_asks_the_same)
{
    struct stc_query q, again;
    struct stc_text t;
    struct stc_diag diag = {""};
    stc_text_init(&t, 0);
    stc_assert_ok(ask(&q, STC_QUERY_MOE,
                      "gpu=B200-SXM-180GB tokens=4k hidden=7168 ffn=2048 topk=8 "
                      "experts=256 moe_ep=8 dtype=fp8 alpha=1.2",
                      &diag),
                  &diag);
    stc_query_write(&q, &t);
    const char *words = strchr(stc_text_str(&t), ' ');
    stc_assert_ok(ask(&again, STC_QUERY_MOE, words + 1, &diag), &diag);
    ck_assert_mem_eq(&q.said, &again.said, sizeof q.said);
    stc_text_free(&t);
}
END_TEST

START_TEST(explain_layers_multiply_to_the_estimate)
{
    static const struct {
        enum stc_qkind kind;
        const char *words;
    } rows[] = {
        {STC_QUERY_GEMM, "gpu=A100-SXM4-80GB m=2048 n=8192 k=8192"},
        {STC_QUERY_GEMM, "gpu=V100-SXM2-16GB m=100 n=300 k=500 dtype=fp16"},
        {STC_QUERY_ATTENTION, "gpu=H100-SXM5-80GB batch=4 kv_len=2048 heads=16"},
        {STC_QUERY_MOE, "gpu=H100-SXM5-80GB tokens=512 hidden=4096 ffn=1536 topk=8 "
                        "experts=128"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stc_query q;
        static struct stc_explain e;
        struct stc_diag diag = {""};
        stc_assert_ok(ask(&q, rows[i].kind, rows[i].words, &diag), &diag);
        stc_assert_ok(
            stc_explain_query(&arena, &q, hw, &params, "tests/data/truth", &e, &diag),
            &diag);
        const struct stc_est *x = &e.a.est;
        stc_assert_near(x->physics_s / x->efficiency * x->residual, x->seconds, 1e-9);
        ck_assert(e.fit != NULL && e.n_terms > 0 && e.n_near > 0);
        for (int k = 1; k < e.n_terms; k++)
            ck_assert(e.terms[k].cost_s <= e.terms[k - 1].cost_s);
        for (int k = 1; k < e.n_near; k++)
            ck_assert(e.near[k].distance >= e.near[k - 1].distance);
        /* no part costs more than the whole */
        ck_assert(e.terms[0].cost_s <= e.a.seconds);
    }
}
END_TEST

/* ==== tables ==== */

static const struct {
    const char *file;
    int n_missing; /* rows of its first 400 that are no question of ours */
} tables[] = {{"gemm", 0},
              {"gemm_torch", 0},
              {"attention_prefill", 0},
              {"attention_decode", 0},
              {"attention_train", 0},
              {"moe", 0},
              {"collectives", 0},
              {"memory_bound", 19}};
enum { ROWS = 400 };

static int measured(const char *column)
{
    static const char *const names[] = {"id",    "source",  "ref",
                                        "notes", "time_us", "value"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(column, names[i]) == 0) return 1;
    return 0;
}

/* The first rows of a table; blank: measured values are 1, words are gone. */
static char *copy(const char *path, int blank, size_t *size)
{
    char *data = NULL;
    struct stc_csv csv;
    struct stc_diag diag = {""};
    bool got = true;
    FILE *f = open_memstream(&data, size);
    struct stc_csv_writer w = {.file = f};
    stc_assert_ok(stc_csv_open(&csv, path, &diag), &diag);
    for (int i = 0; i < csv.n_cols; i++)
        stc_csv_put_text(&w, csv.header[i]);
    stc_csv_end_row(&w);
    for (int row = 0; row < ROWS; row++) {
        stc_assert_ok(stc_csv_next(&csv, &got, &diag), &diag);
        if (!got) break;
        for (int i = 0; i < csv.n_cols; i++) {
            int value = strcmp(csv.header[i], "time_us") == 0 ||
                        strcmp(csv.header[i], "value") == 0;
            const char *hidden = !value || csv.field[i][0] == '\0' ? "" : "1";
            stc_csv_put_text(&w,
                             blank && measured(csv.header[i]) ? hidden : csv.field[i]);
        }
        stc_csv_end_row(&w);
    }
    stc_csv_close(&csv);
    ck_assert_int_eq(fclose(f), 0);
    return data;
}

START_TEST(validate_forecasts_kernels_without_seeing_what_was_measured)
{
    char path[160];
    struct stc_vreport r[2];
    const struct stc_vopts o = {.n_threads = 1};
    struct stc_diag diag = {""};
    int missing = 0;
    snprintf(path, sizeof path, "tests/data/truth/micro/%s.csv", tables[_i].file);
    for (int blank = 0; blank < 2; blank++) {
        size_t size = 0;
        char *text = copy(path, blank, &size);
        stc_assert_ok(
            stc_validate_mem(&arena, path, text, size, &params, &o, &r[blank], &diag),
            &diag);
        free(text);
    }
    ck_assert_int_eq(r[0].n_rows, r[1].n_rows);
    for (int i = 0; i < r[0].n_rows; i++) {
        const struct stc_vrow *a = &r[0].rows[i], *b = &r[1].rows[i];
        ck_assert_int_eq(a->n_cases, b->n_cases);
        for (int c = 0; c < a->n_cases; c++) {
            missing += isnan(a->cases[c].predicted);
            ck_assert(stc_same_double(a->cases[c].predicted, b->cases[c].predicted));
            ck_assert(stc_same_double(a->cases[c].lo90, b->cases[c].lo90));
            ck_assert(isnan(a->cases[c].predicted) == (a->note[0] != '\0'));
        }
    }
    ck_assert_int_eq(missing, tables[_i].n_missing);
}
END_TEST

/* ==== an imported model, written and read back ==== */

START_TEST(import_hf_written_as_yaml_reads_back_to_the_same_model)
{
    static const char *const files[] = {"DeepSeek-V3", "Meta-Llama-3.1-70B",
                                        "Mixtral-8x7B-v0.1", "Qwen3-235B-A22B",
                                        "MiniMax-M2.5"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[160];
        struct stc_model m, back;
        struct stc_text t;
        struct stc_diag diag = {""};
        const struct stc_node *root;
        snprintf(path, sizeof path, "tests/data/truth/hf_configs/%s.json", files[i]);
        stc_assert_ok(stc_import_hf_file(path, &m, &diag), &diag);
        stc_text_init(&t, 0);
        stc_report_model_yaml(&m, &t);
        stc_assert_ok(
            stc_doc_parse_yaml(&arena, "m.yaml", stc_text_str(&t), t.len, &root, &diag),
            &diag);
        const struct stc_cat_own own = {root->first};
        const struct stc_cat cat = {"models/data/", &own, 1};
        stc_assert_ok(stc_model_find(&cat, root->first->key, &back, &diag), &diag);
        ck_assert(stc_bind_equal(stc_model_keys(), &m, &back));
        stc_assert_near(stc_model_params(&back), stc_model_params(&m), 0);
        stc_text_free(&t);
    }
}
END_TEST

static Suite *query_suite(void)
{
    Suite *s = suite_create("query");
    TCase *t = tcase_create("query");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, query_by_keys_is_the_query_by_struct);
    tcase_add_test(t, query_forward_and_backward_is_their_sum);
    tcase_add_test(t, query_collective_takes_the_machine_of_the_gpu);
    tcase_add_test(t, query_written_out_asks_the_same);
    tcase_add_test(t, explain_layers_multiply_to_the_estimate);
    tcase_add_loop_test(t, validate_forecasts_kernels_without_seeing_what_was_measured,
                        0, (int)(sizeof tables / sizeof tables[0]));
    tcase_add_test(t, import_hf_written_as_yaml_reads_back_to_the_same_model);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(query_suite)
