/* Memory in closed form: against the operator lists, the course, published runs. */
#include "models/memory.h"

#include "models/build_int.h"
#include "sim/base/rng.h"
#include "tests/memory_rows.h"
#include "tests/model_kit.h"

static const char *const zoo[] = {
    "gpt-22b",       "gpt3-175b",     "llama-3-8b",
    "llama-3-70b",   "mpt-7b",        "bloom-7b1",
    "qwen3-30b-a3b", "mixtral-8x7b",  "qwen3-next-80b-a3b",
    "deepseek-v2",   "t5-v1.1-large", "nemotron3-super-release-gb200",
    "qwen3-8b"};
static const char *const stacks[] = {"megatron-lm-2021", "megatron-lm-2022",
                                     "nemo-2024",        "nanotron-0.5",
                                     "torchtitan-2024",  "megatron-bridge-26.06"};

static int32_t one_of(struct stc_rng *r, int32_t a, int32_t b, int32_t c)
{
    uint64_t i = stc_rng_below(r, 3);
    return i == 0 ? a : i == 1 ? b : c;
}

static void random_job(struct stc_rng *r, struct stc_kit *k)
{
    stc_kit_init(k, zoo[stc_rng_below(r, sizeof zoo / sizeof zoo[0])],
                 stacks[stc_rng_below(r, 5)], one_of(r, 512, 1024, 4096));
    k->layout.tp = one_of(r, 1, 2, 8);
    k->layout.cp = one_of(r, 1, 1, 2);
    k->layout.ep = k->model.n_experts > 0 ? one_of(r, 1, 2, 8) : 1;
    k->layout.dp = 8;
    k->layout.micro_batch = one_of(r, 1, 2, 4);
    k->layout.seq_parallel = (uint8_t)stc_rng_below(r, 2);
    k->layout.recompute =
        stc_rng_below(r, 2) ? STC_RECOMPUTE_SELECTIVE : STC_RECOMPUTE_NONE;
    k->train.flash = (int32_t)stc_rng_below(r, 2) || k->stack.selective_ops;
    k->train.dropout = (int32_t)stc_rng_below(r, 2);
    k->train.compile = (int32_t)stc_rng_below(r, 2);
    static const int32_t precisions[] = {STC_DTYPE_FP32, STC_DTYPE_FP16, STC_DTYPE_BF16,
                                         STC_DTYPE_FP8, STC_DTYPE_MXFP8};
    k->train.precision = precisions[stc_rng_below(r, 5)];
}

/* Two ways to count: memory.c's formula and the operators' keep_bytes. */
START_TEST(memory_formula_is_the_sum_of_what_operators_keep)
{
    struct stc_rng r;
    stc_rng_seed(&r, 1, "memory");
    for (int i = 0; i < 400; i++) {
        struct stc_arena a = STC_ARENA_INIT;
        struct stc_kit k;
        random_job(&r, &k);
        int experts = k.model.n_experts > 0;
        int plain = !experts && k.model.mla_kv_rank == 0 && !k.model.pattern[0] &&
                    k.model.kind == STC_MODEL_DECODER;
        if (k.layout.recompute == STC_RECOMPUTE_SELECTIVE && !plain &&
            stc_build_selective(&k.b) == STC_SELECT_OPS) {
            k.layout.recompute =
                STC_RECOMPUTE_NONE; /* torchtitan's rule is for plain decoders */
        }
        int32_t layer = (int32_t)stc_rng_below(
            &r, (uint64_t)(k.model.n_layers + k.model.dec_layers));
        struct stc_ops fwd;
        ck_assert_int_eq(stc_build_fwd(&a, &k.b, STC_BLOCK_LAYER, layer, &fwd, NULL),
                         STC_OK);
        double list = stc_ops_keep_bytes(&fwd),
               formula = stc_mem_layer_act(&k.b, layer);
        ck_assert_msg(
            fabs(list / formula - 1) < 1e-9,
            "%s layer %d %s tp %d cp %d ep %d sp %d recompute %d flash %d: %g, %g",
            k.model.name, layer, k.stack.name, k.layout.tp, k.layout.cp, k.layout.ep,
            k.layout.seq_parallel, k.layout.recompute, k.train.flash, list, formula);
        stc_arena_free(&a);
    }
}
END_TEST

#define MIB 1048576.0

/* torch's max_memory_allocated of the course's runs. */
static const struct {
    const char *stack;
    int precision, micro, recompute;
    double measured_mib;
} course[] = {
    {"megatron-lm-course", STC_DTYPE_FP32, 2, STC_RECOMPUTE_NONE, 10582.0},
    {"megatron-lm-course", STC_DTYPE_FP16, 4, STC_RECOMPUTE_NONE, 12013.9},
    {"megatron-lm-course", STC_DTYPE_FP16, 4, STC_RECOMPUTE_FULL, 3176.1},
    {"nemo-course", STC_DTYPE_TF32, 16, STC_RECOMPUTE_NONE, 73118.5},
    {"nemo-course", STC_DTYPE_FP16, 16, STC_RECOMPUTE_NONE, 45452.5},
    {"nemo-course", STC_DTYPE_FP16, 16, STC_RECOMPUTE_FULL, 10142.0},
};

START_TEST(memory_course_runs_within_five_percent)
{
    struct stc_kit k;
    struct stc_mem_est e;
    stc_kit_init(&k, "gpt-course-124m", course[_i].stack, 1024);
    k.layout.micro_batch = course[_i].micro;
    k.layout.recompute = (uint8_t)course[_i].recompute;
    k.train.precision = course[_i].precision;
    k.train.dropout = 1;
    ck_assert_int_eq(stc_mem_estimate(&k.b, 0, &e, NULL), STC_OK);
    double mib = stc_mem_allocated(&e) / MIB;
    ck_assert_msg(fabs(mib / course[_i].measured_mib - 1) < 0.05,
                  "%s: %.0f MiB, measured %.1f", course[_i].stack, mib,
                  course[_i].measured_mib);
}
END_TEST

START_TEST(memory_course_tp2_pp2_within_ten_percent)
{
    struct stc_kit k;
    struct stc_mem_est e;
    stc_kit_init(&k, "gpt-course-124m", "megatron-lm-course", 1024);
    k.layout.tp = k.layout.pp = 2;
    k.layout.micro_batch = 4;
    k.train.precision = STC_DTYPE_FP32;
    k.train.dropout = 1;
    static const double measured_mib[] = {5251.8, 5345.0};
    for (int32_t s = 0; s < 2; s++) {
        ck_assert_int_eq(stc_mem_estimate(&k.b, s, &e, NULL), STC_OK);
        double mib = stc_mem_allocated(&e) / MIB;
        ck_assert_msg(fabs(mib / measured_mib[s] - 1) < 0.10,
                      "stage %d: %.0f MiB, measured %.1f", s, mib, measured_mib[s]);
    }
}
END_TEST

START_TEST(memory_zero_stages_divide_states)
{
    struct stc_kit k;
    stc_kit_init(&k, "gpt2", "megatron-lm-2022", 1024);
    k.layout.dp = 4;
    double states[4];
    for (int z = 0; z < 4; z++) {
        struct stc_mem_est e;
        k.layout.shard = (uint8_t)z;
        ck_assert_int_eq(stc_mem_estimate(&k.b, 0, &e, NULL), STC_OK);
        states[z] =
            e.bytes[STC_MEM_PARAM] + e.bytes[STC_MEM_GRAD] + e.bytes[STC_MEM_OPTIM];
    }
    double p = 124475904 + 0.0; /* vocabulary padded to 50304 */
    ck_assert_double_eq_tol(states[0], 18 * p, 1);
    ck_assert_double_eq_tol(states[1], (2 + 4 + 12.0 / 4) * p,
                            1); /* Rajbhandari 1910.02054 fig. 1, with fp32 gradients */
    ck_assert_double_eq_tol(states[2], (2 + 16.0 / 4) * p, 1);
    ck_assert_double_eq_tol(states[3], 18.0 / 4 * p, 1);
}
END_TEST

/* An upper bound that holds by physics: no stage of a cut job needs more than
 * the whole on one GPU, in states; more micro-batches in flight never less. */
START_TEST(memory_is_monotone)
{
    struct stc_kit k;
    struct stc_mem_est a, b;
    stc_kit_init(&k, "gpt-22b", "megatron-lm-2022", 2048);
    k.layout.pp = 4;
    for (int32_t m = 1; m < 8; m++) {
        k.layout.n_micro = m;
        ck_assert_int_eq(stc_mem_estimate(&k.b, 0, &a, NULL), STC_OK);
        k.layout.n_micro = m + 1;
        ck_assert_int_eq(stc_mem_estimate(&k.b, 0, &b, NULL), STC_OK);
        ck_assert_double_ge(b.bytes[STC_MEM_ACT], a.bytes[STC_MEM_ACT]);
    }
    ck_assert_double_le(stc_mem_allocated(&a), stc_mem_reserved(&a));
    ck_assert_double_le(stc_mem_reserved(&a), stc_mem_smi(&a));
}
END_TEST

START_TEST(memory_of_a_cut_that_cannot_be_is_an_error)
{
    struct stc_kit k;
    struct stc_mem_est e;
    struct stc_diag diag = {{0}};
    stc_kit_init(&k, "gpt2", "megatron-lm-2022", 1024);
    k.layout.pp = 4;
    k.layout.first_stage_extra = -9;
    ck_assert_int_eq(stc_mem_estimate(&k.b, 0, &e, &diag), STC_ERR_INFEASIBLE);
    ck_assert_ptr_nonnull(strstr(diag.text, "cannot be cut"));
}
END_TEST

/* Every published memory peak; the score is truth's: mean over sources. */
START_TEST(memory_published_runs_within_ten_percent)
{
    enum { MAX_SOURCES = 32 };
    struct {
        char name[128];
        double error;
        int n;
    } sources[MAX_SOURCES] = {{{0}, 0, 0}};
    struct stc_csv c;
    struct stc_mem_row row;
    int n_sources = 0, rows = 0;
    ck_assert_int_eq(stc_csv_open(&c, "tests/data/truth/training.csv", NULL), STC_OK);
    for (; stc_mem_rows_next(&c, &row); rows++) {
        double got = stc_mem_row_forecast(&row);
        int i = 0;
        while (i < n_sources && strcmp(sources[i].name, row.source) != 0) {
            i++;
        }
        if (i == n_sources) {
            ck_assert_int_lt(n_sources, MAX_SOURCES);
            memcpy(sources[n_sources++].name, row.source, sizeof row.source);
        }
        sources[i].error += got < 0 ? 1 : fabs(got / row.measured_bytes - 1);
        sources[i].n++;
    }
    stc_csv_close(&c);
    double score = 0;
    for (int i = 0; i < n_sources; i++) {
        double mape = 100 * sources[i].error / sources[i].n;
        printf("memory  %-62.62s %3d rows %5.1f %%\n", sources[i].name, sources[i].n,
               mape);
        ck_assert_msg(mape < 15, "%s: %.1f %%", sources[i].name, mape);
        score += mape / n_sources;
    }
    printf("memory  mean over %d sources, %d rows: %.1f %%\n", n_sources, rows, score);
    ck_assert_double_le(score, 10);
}
END_TEST

static Suite *memory_suite(void)
{
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, memory_formula_is_the_sum_of_what_operators_keep);
    tcase_add_loop_test(t, memory_course_runs_within_five_percent, 0,
                        (int)(sizeof course / sizeof course[0]));
    tcase_add_test(t, memory_course_tp2_pp2_within_ten_percent);
    tcase_add_test(t, memory_zero_stages_divide_states);
    tcase_add_test(t, memory_is_monotone);
    tcase_add_test(t, memory_of_a_cut_that_cannot_be_is_an_error);
    tcase_add_test(t, memory_published_runs_within_ten_percent);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(memory_suite)
