/* Imports of Hugging Face configs: parameters to the last one against the
 * totals that publishers state (safetensors metadata or model cards). */
#include "models/import_hf.h"

#include "tests/testing.h"

#include <stdio.h>

/* Files of tests/data/truth/hf_configs. DeepSeek-V3 and R1 are published as
 * 671B main model + 14B multi-token prediction; the main model is counted. */
static const struct {
    const char *file;
    double params;
} files[] = {
    {"DeepSeek-V3", 671026419200.0},
    {"DeepSeek-R1", 671026419200.0},
    {"Meta-Llama-3.1-8B", 8030261248.0},
    {"Meta-Llama-3.1-70B", 70553706496.0},
    {"Meta-Llama-3.1-405B", 405853388800.0},
    {"MiniMax-M2.5", 228689764864.0},
    {"Mixtral-8x7B-v0.1", 46702792704.0},
    {"Mixtral-8x22B-v0.1", 140620634112.0},
    {"Qwen3-235B-A22B", 235093634560.0},
    {"Qwen3-30B-A3B", 30532122624.0},
    {"Qwen3-32B", 32762123264.0},
    {"Qwen3-8B", 8190735360.0},
};

START_TEST(hf_published_config_counts_to_the_last_parameter)
{
    char path[160];
    struct stc_model m;
    struct stc_diag diag = {{0}};
    (void)snprintf(path, sizeof path, "tests/data/truth/hf_configs/%s.json",
                   files[_i].file);
    ck_assert_msg(stc_import_hf_file(path, &m, &diag) == STC_OK, "%s", diag.text);
    ck_assert_msg(stc_model_params(&m) == files[_i].params, "%s: %.0f, not %.0f",
                  files[_i].file, stc_model_params(&m), files[_i].params);
    ck_assert_str_eq(m.name, files[_i].file);
}
END_TEST

static enum stc_err import(const char *json, struct stc_model *m, struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_node *root;
    enum stc_err err =
        stc_doc_parse_json(&a, "config.json", json, strlen(json), &root, diag);
    if (!err) {
        err = stc_import_hf(root, "x", m, diag);
    }
    stc_arena_free(&a);
    return err;
}

/* One published model an architecture: the config's sizes and the total. */
static const struct {
    const char *json;
    double params;
} models[] = {
    /* Qwen3-Next-80B-A3B, its weights without multi-token prediction */
    {"{\"model_type\": \"qwen3_next\", \"num_hidden_layers\": 48, \"hidden_size\": "
     "2048,"
     "\"intermediate_size\": 5120, \"num_attention_heads\": 16,"
     "\"num_key_value_heads\": 2, \"head_dim\": 256, \"vocab_size\": 151936,"
     "\"num_experts\": 512, \"num_experts_per_tok\": 10, \"moe_intermediate_size\": "
     "512,"
     "\"shared_expert_intermediate_size\": 512, \"full_attention_interval\": 4,"
     "\"linear_num_value_heads\": 32, \"linear_value_head_dim\": 128,"
     "\"linear_num_key_heads\": 16, \"linear_key_head_dim\": 128,"
     "\"tie_word_embeddings\": false}",
     79674391296.0},
#include "tests/hf_models.inc"
};

START_TEST(hf_architecture_counts_as_published)
{
    struct stc_model m;
    struct stc_diag diag = {{0}};
    ck_assert_msg(import(models[_i].json, &m, &diag) == STC_OK, "%s: %s",
                  models[_i].json, diag.text);
    ck_assert_msg(stc_model_params(&m) == models[_i].params,
                  "%.60s: %.0f, not %.0f (%+.0f)", models[_i].json,
                  stc_model_params(&m), models[_i].params,
                  stc_model_params(&m) - models[_i].params);
}
END_TEST

START_TEST(hf_unknown_architecture_is_an_error_with_near_names)
{
    struct stc_model m;
    struct stc_diag diag = {{0}};
    ck_assert_int_eq(
        import("{\"model_type\": \"lama\", \"hidden_size\": 8}", &m, &diag),
        STC_ERR_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(diag.text, "llama"));
    ck_assert_int_eq(import("{\"hidden_size\": 8}", &m, &diag), STC_ERR_PARSE);
    ck_assert_int_eq(
        import(
            "{\"model_type\": \"llama\", \"hidden_size\": 8, \"hidden_act\": \"silu\"}",
            &m, &diag),
        STC_ERR_RANGE);
    ck_assert_int_eq(
        import("{\"model_type\": \"llama\", \"hidden_act\": \"sine\"}", &m, &diag),
        STC_ERR_UNKNOWN);
    ck_assert_int_eq(
        import("{\"model_type\": \"llama\", \"hidden_size\": \"big\"}", &m, &diag),
        STC_ERR_PARSE);
    ck_assert_int_eq(stc_import_hf_file("tests/data/none.json", &m, &diag), STC_ERR_IO);
}
END_TEST

START_TEST(hf_knows_more_than_thirty_architectures)
{
    ck_assert_int_ge(stc_import_hf_n(), 32);
    ck_assert_str_eq(stc_import_hf_type(0), "llama");
    ck_assert_ptr_null(stc_import_hf_type(stc_import_hf_n()));
}
END_TEST

START_TEST(hf_text_part_of_a_seeing_model_is_found)
{
    struct stc_model m;
    struct stc_diag diag = {{0}};
    ck_assert_int_eq(import("{\"model_type\": \"sees\", \"text_config\": "
                            "{\"model_type\": \"llama\", \"hidden_size\": 64,"
                            "\"intermediate_size\": 128, \"num_hidden_layers\": 2, "
                            "\"num_attention_heads\": 4,"
                            "\"hidden_act\": \"silu\", \"vocab_size\": 100}}",
                            &m, &diag),
                     STC_OK);
    ck_assert_int_eq(m.n_kv_heads, 4);
}
END_TEST

static Suite *hf_suite(void)
{
    Suite *s = suite_create("hf");
    TCase *t = tcase_create("hf");
    tcase_add_loop_test(t, hf_published_config_counts_to_the_last_parameter, 0,
                        (int)(sizeof files / sizeof files[0]));
    tcase_add_loop_test(t, hf_architecture_counts_as_published, 0,
                        (int)(sizeof models / sizeof models[0]));
    tcase_add_test(t, hf_unknown_architecture_is_an_error_with_near_names);
    tcase_add_test(t, hf_knows_more_than_thirty_architectures);
    tcase_add_test(t, hf_text_part_of_a_seeing_model_is_found);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(hf_suite)
