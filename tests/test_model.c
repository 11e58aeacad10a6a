/* Counts of models: published totals, the papers' formulas, the zoo. */
#include "models/model.h"

#include "sim/base/text.h"
#include "tests/testing.h"

static struct stc_model find(const char *name)
{
    struct stc_model m;
    struct stc_diag diag = {{0}};
    ck_assert_msg(stc_model_find(NULL, name, &m, &diag) == STC_OK, "%s", diag.text);
    return m;
}

static const struct {
    const char *name;
    double params;
    const char *source;
} totals[] = {
    {"gpt2", 124439808, "openai/gpt-2, 124M"},
    {"gpt2-xl", 1557611200, "openai/gpt-2, 1.5B"},
    {"bloom-176b", 176247271424, "bigscience/bloom model card"},
    {"bloom-7b1", 7069016064, "bigscience/bloom-7b1 model card"},
    {"bert-large", 336226108, "google-research/bert, with pre-training heads"},
    {"t5-v1.1-large", 783150080, "google/t5-v1_1-large"},
    {"ViT-B/16", 86567656, "torchvision vit_b_16"},
    {"phi-1.5", 1418270720, "microsoft/phi-1_5"},
    {"resnet-50", 25557032, "torchvision resnet50"},
    {"resnet-152", 60192808, "torchvision resnet152"},
    {"cifar-cnn", 62006, "the course notebook prints it"},
    {"wav2vec2-base", 94371712, "facebook/wav2vec2-base"},
    {"igpt-10m", 10001664, "course assessment"},
    {"gpt-oss-120b", 116829156672, "openai/gpt-oss-120b"},
    {"pythia-70m", 70426624, "EleutherAI/pythia: 18,915,328 and two tables of 50,304"},
    {"pythia-6.9b", 6856253440, "EleutherAI/pythia: 6,444,163,072 and two tables"},
    {"deepseek-v2", 235741434880, "deepseek-ai/DeepSeek-V2"},
    {"llama-2-70b", 68976648192, "meta-llama/Llama-2-70b-hf"},
    {"Llama-like 8.86B", 8858636288, "huggingface/nanotron benchmarks: 8.86B"},
};

START_TEST(model_counts_to_the_last_parameter)
{
    struct stc_model m = find(totals[_i].name);
    ck_assert_msg(stc_model_params(&m) == totals[_i].params, "%s: %.0f, not %.0f (%s)",
                  m.name, stc_model_params(&m), totals[_i].params, totals[_i].source);
}
END_TEST

/* P = 12 l h^2 (1 + 13/12h + (V+s)/12lh): Narayanan eq. 2 leaves out the last
 * norm's 2h. */
START_TEST(model_params_are_narayanan_eq_2)
{
    static const char *const names[] = {"gpt-1.7b", "gpt-18b", "gpt-145b", "gpt-1t",
                                        "gpt-course-124m"};
    for (int i = 0; i < 5; i++) {
        struct stc_model m = find(names[i]);
        double l = m.n_layers, h = m.hidden, v = m.vocab, s = m.max_positions;
        double eq2 = 12 * l * h * h * (1 + 13 / (12 * h) + (v + s) / (12 * l * h));
        ck_assert_double_eq_tol(stc_model_params(&m), eq2 + 2 * h, eq2 * 1e-12);
    }
}
END_TEST

/* F = 96 B s l h^2 (1 + s/6h + V/16lh) is full recompute: 4/3 of ours on the
 * layers, and the logits have no recompute (the paper says it counts them so). */
START_TEST(model_flop_is_narayanan_eq_3)
{
    struct stc_model m = find("gpt-145b");
    double tokens = 2304.0 * 2048, l = m.n_layers, h = m.hidden, s = 2048;
    double logits = 6.0 * tokens * h * m.vocab;
    double layers = stc_model_flop(&m, STC_FLOP_MODEL, tokens, s) - logits;
    ck_assert_double_eq_tol(layers, 72.0 * tokens * l * h * h * (1 + s / (6 * h)),
                            layers * 1e-12);
    ck_assert_double_eq_tol(stc_model_flop(&m, STC_FLOP_MEGATRON, tokens, s),
                            layers * 4 / 3 + logits, layers * 1e-12);
    /* 6 N: what the rule of thumb says */
    ck_assert_double_eq_tol(stc_model_flop(&m, STC_FLOP_6N, tokens, s),
                            6 * tokens * stc_model_params(&m), 1);
}
END_TEST

START_TEST(model_causal_convention_halves_attention)
{
    struct stc_model m = find("llama-3-8b");
    double full = stc_model_flop(&m, STC_FLOP_MODEL, 1e6, 8192),
           half = stc_model_flop(&m, STC_FLOP_MODEL_CAUSAL, 1e6, 8192);
    double attention =
        6.0 * 1e6 * 32 * 2 * 8192 * 4096; /* scores and context of 32 layers */
    ck_assert_double_eq_tol(full - half, attention / 2, full * 1e-12);
}
END_TEST

START_TEST(model_active_parameters_are_the_publishers)
{
    struct stc_model v3 = find("deepseek-v3"), mixtral = find("mixtral-8x7b"),
                     qwen = find("qwen3-235b-a22b");
    ck_assert_double_eq_tol(stc_model_params_active(&v3), 37e9,
                            1e9); /* 2412.19437: 37B */
    ck_assert_double_eq_tol(stc_model_params_active(&mixtral), 12.9e9,
                            1e8); /* 2401.04088: 13B */
    ck_assert_double_eq_tol(stc_model_params_active(&qwen), 22e9, 5e8);
    struct stc_model hybrid =
        find("nemotron3-super-release-gb200"); /* Nemotron 3 Super, 120B-A12B */
    ck_assert_double_eq_tol(stc_model_params(&hybrid), 120.6e9, 3e8);
    ck_assert_double_eq_tol(stc_model_params_active(&hybrid), 12.7e9, 3e8);
}
END_TEST

START_TEST(model_resnet_flop_is_the_papers)
{
    struct stc_model m = find("resnet-50"), big = find("resnet-152");
    /* 1512.03385 table 1: 3.8 and 11.3 GFLOPs, multiply-adds, without shortcuts'
     * products; torchvision's accounting gives 4.09 and 11.51 */
    ck_assert_double_eq_tol(stc_model_conv_macs(&m, 0), 4.09e9, 0.03e9);
    ck_assert_double_eq_tol(stc_model_conv_macs(&big, 0), 11.51e9, 0.06e9);
    ck_assert_int_eq(stc_model_frames(&m, 0), 1);
    struct stc_model audio = find("wav2vec2-base"); /* 16 kHz: 49 frames a second */
    ck_assert_int_eq(stc_model_frames(&audio, 16000), 49);
}
END_TEST

START_TEST(model_mtp_is_counted_apart)
{
    struct stc_model with = find("DeepSeekV3 (w/ MTP)"), without = find("deepseek-v3");
    ck_assert_double_eq(stc_model_params(&with), stc_model_params(&without));
    /* published: 14B with its own copies of embedding and head, 2 x 0.93B */
    ck_assert_double_eq_tol(stc_model_mtp_params(&with), 11.6e9, 3e8);
    ck_assert_double_gt(stc_model_flop(&with, STC_FLOP_MODEL, 1e6, 4096),
                        stc_model_flop(&without, STC_FLOP_MODEL, 1e6, 4096));
}
END_TEST

START_TEST(model_names_compare_without_case_and_dashes)
{
    ck_assert_str_eq(find("LLAMA3_70B").name, find("llama-3 70b").name);
    ck_assert_str_eq(find("GPT-3 175B").name, find("gpt3-175b").name);
}
END_TEST

START_TEST(model_unknown_name_lists_near_ones)
{
    struct stc_model m;
    struct stc_diag diag = {{0}};
    ck_assert_int_eq(stc_model_find(NULL, "llama-3-8bb", &m, &diag), STC_ERR_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(diag.text, "llama-3-8b"));
}
END_TEST

START_TEST(model_every_entry_of_the_zoo_loads)
{
    char name[64];
    int n = 0;
    for (; stc_model_catalogue_name(NULL, n, name, sizeof name); n++) {
        struct stc_model m = find(name);
        ck_assert_msg(m.source[0], "%s has no source", name);
        ck_assert_msg(stc_model_params(&m) > 1e3, "%s", name);
    }
    ck_assert_int_eq(n, stc_model_catalogue_n(NULL));
    ck_assert_int_ge(n, 120);
}
END_TEST

static const struct {
    const char *file, *column;
} tables[] = {{"training.csv", "model"},
              {"serving.csv", "model_path"},
              {"inference.csv", "model"}};

START_TEST(model_every_name_of_the_tables_is_found)
{
    char path[96];
    struct stc_csv c;
    struct stc_diag diag = {{0}};
    int col, rows = 0;
    bool got = true;
    (void)snprintf(path, sizeof path, "tests/data/truth/%s", tables[_i].file);
    ck_assert_msg(stc_csv_open(&c, path, &diag) == STC_OK, "%s", diag.text);
    ck_assert_int_eq(stc_csv_need(&c, tables[_i].column, &col, &diag), STC_OK);
    while (stc_csv_next(&c, &got, &diag) == STC_OK && got) {
        (void)find(stc_csv_text(&c, col));
        rows++;
    }
    stc_csv_close(&c);
    ck_assert_int_gt(rows, 300);
}
END_TEST

START_TEST(model_check_names_what_is_wrong)
{
    struct stc_diag diag = {{0}};
    struct stc_model m = find("mixtral-8x7b");
    m.topk = 9;
    ck_assert_int_eq(stc_model_check(&m, &diag), STC_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(diag.text, "topk"));
    m = find("gpt2");
    m.n_heads = m.n_kv_heads = 7;
    ck_assert_int_eq(stc_model_check(&m, &diag), STC_ERR_RANGE);
    m = find("llama-3-8b");
    m.n_kv_heads = 5;
    ck_assert_int_eq(stc_model_check(&m, &diag), STC_ERR_RANGE);
}
END_TEST

static Suite *model_suite(void)
{
    Suite *s = suite_create("model");
    TCase *t = tcase_create("model");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, model_counts_to_the_last_parameter, 0,
                        (int)(sizeof totals / sizeof totals[0]));
    tcase_add_test(t, model_params_are_narayanan_eq_2);
    tcase_add_test(t, model_flop_is_narayanan_eq_3);
    tcase_add_test(t, model_causal_convention_halves_attention);
    tcase_add_test(t, model_active_parameters_are_the_publishers);
    tcase_add_test(t, model_resnet_flop_is_the_papers);
    tcase_add_test(t, model_mtp_is_counted_apart);
    tcase_add_test(t, model_names_compare_without_case_and_dashes);
    tcase_add_test(t, model_unknown_name_lists_near_ones);
    tcase_add_test(t, model_every_entry_of_the_zoo_loads);
    tcase_add_loop_test(t, model_every_name_of_the_tables_is_found, 0, 3);
    tcase_add_test(t, model_check_names_what_is_wrong);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(model_suite)
