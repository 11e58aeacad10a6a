/* Scenarios: one table of keys, lossless texts, and sentences that say what would be right. */
#include "scenarios/scenario.h"

#include "sim/base/bind.h"
#include "sim/base/embed.h"
#include "sim/base/rng.h"
#include "sim/base/text.h"
#include "tests/testing.h"

#include <stdio.h>

static struct stc_scenario loaded(const char *text)
{
    struct stc_scenario s;
    struct stc_diag diag = {""};
    stc_scenario_init(&s);
    ck_assert_msg(stc_scenario_load(&s, "test.yaml", text, strlen(text), &diag) ==
                      STC_OK,
                  "%s", diag.text);
    return s;
}

static struct stc_scenario resolved(const char *text)
{
    struct stc_scenario s = loaded(text);
    struct stc_diag diag = {""};
    ck_assert_msg(stc_scenario_resolve(&s, &diag) == STC_OK, "%s", diag.text);
    return s;
}

#define SMALL                                                  \
 "model: {layers: 8, hidden: 1024, heads: 16, vocab: 32000}\n" \
 "cluster: {use: dgx-a100-80gb, nodes: 2}\n"                   \
 "layout: {tp: 4, pp: 2, micro_batch: 2}\n"                    \
 "train: {seq_len: 2048, global_batch: 64, precision: bf16}\n" \
 "stack: megatron-lm-2022\n"

/* ==== the table ==== */

START_TEST(scenario_every_key_has_help_a_default_that_parses_and_a_place)
{
    const struct stc_bind_table *t = stc_scenario_keys();
    struct stc_scenario s;
    char key[160];
    stc_scenario_init(&s);
    for (int i = 0; i < t->n_rows; i++) {
        const struct stc_bind_row *r = &t->rows[i];
        stc_bind_key(r, key, sizeof key);
        ck_assert_msg(r->help && r->help[0], "%s", key);
        ck_assert_int_eq(stc_scenario_key(key), i);
        ck_assert_uint_le(
            stc_scenario_target(i)->offset + stc_scenario_target(i)->width, sizeof s);
        if (r->def)
            ck_assert_msg(stc_scenario_set(&s, key, r->def, NULL) == STC_OK, "%s", key);
    }
    ck_assert_int_eq(stc_scenario_key("model"), stc_scenario_key("model.use"));
    ck_assert_int_eq(stc_scenario_key("no.such"), -1);
}
END_TEST

START_TEST(scenario_keys_md_is_what_the_table_prints)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_text t;
    char *file = NULL;
    size_t len = 0;
    stc_text_init(&t, 0);
    stc_bind_help(stc_scenario_keys(), true, &t);
    ck_assert_int_eq(stc_read_file(&a, "scenarios/KEYS.md", &file, &len, NULL), STC_OK);
    ck_assert_msg(
        strstr(file, stc_text_str(&t)) != NULL,
        "scenarios/KEYS.md is old: make golden, or stepcast help keys --markdown");
    stc_text_free(&t);
    stc_arena_free(&a);
}
END_TEST

/* ==== texts ==== */

static void must_come_back(const struct stc_scenario *s, const char *what)
{
    struct stc_scenario again;
    struct stc_diag diag = {""};
    struct stc_text t;
    stc_text_init(&t, 0);
    ck_assert_int_eq(stc_scenario_write(s, &t), STC_OK);
    stc_scenario_init(&again);
    ck_assert_msg(stc_scenario_load(&again, what, stc_text_str(&t), t.len, &diag) ==
                      STC_OK,
                  "%s", diag.text);
    ck_assert_msg(stc_bind_equal(stc_scenario_keys(), s, &again), "%s:\n%s", what,
                  stc_text_str(&t));
    stc_text_free(&t);
}

START_TEST(scenario_written_and_loaded_is_the_same_for_every_preset)
{
    int n = 0;
    for (int i = 0; i < stc_embed_count(); i++) {
        const struct stc_embed *e = stc_embed_at(i);
        struct stc_scenario s;
        struct stc_diag diag = {""};
        if (strncmp(e->path, "scenarios/", 10) != 0) continue;
        stc_scenario_init(&s);
        ck_assert_msg(stc_scenario_load(&s, e->path, (const char *)e->data, e->size,
                                        &diag) == STC_OK,
                      "%s", diag.text);
        must_come_back(&s, e->path);
        ck_assert_msg(stc_scenario_resolve(&s, &diag) == STC_OK, "%s", diag.text);
        n++;
    }
    ck_assert_int_ge(n, 12);
}
END_TEST

/* A random value of a row, as text. */
static void random_value(struct stc_rng *g, const struct stc_bind_row *r, char *buf,
                         size_t size)
{
    double lo = r->min, hi = r->max, u = stc_rng_uniform(g);
    int n = 0;
    if (r->type == STC_BIND_NAME) {
        snprintf(buf, size, "n%d: \"quoted\" #%d", (int)stc_rng_below(g, 100),
                 (int)stc_rng_below(g, 100));
        if (r->size < 24) snprintf(buf, size, "n%d", (int)stc_rng_below(g, 100));
    } else if (r->type == STC_BIND_ENUM) {
        while (r->names[n])
            n++;
        snprintf(buf, size, "%s", r->names[stc_rng_below(g, (uint64_t)n)]);
    } else if (r->type == STC_BIND_REAL) {
        char num[40];
        stc_text_double(lo + u * u * (hi - lo), num, sizeof num);
        snprintf(buf, size, "%s%s", num, stc_dim_symbol(r->dim));
    } else {
        snprintf(buf, size, "%lld", (long long)(lo + u * u * (hi - lo)));
    }
}

START_TEST(scenario_any_values_come_back_to_the_last_bit)
{
    const struct stc_bind_table *t = stc_scenario_keys();
    struct stc_rng g;
    stc_rng_seed(&g, 7, "scenario texts");
    for (int round = 0; round < 200; round++) {
        struct stc_scenario s;
        stc_scenario_init(&s);
        for (int k = 0; k < 20; k++) {
            const struct stc_bind_row *r =
                &t->rows[stc_rng_below(&g, (uint64_t)t->n_rows)];
            struct stc_diag diag = {""};
            char key[160], value[200];
            random_value(&g, r, value, sizeof value);
            ck_assert_msg(stc_scenario_set(&s, stc_bind_key(r, key, sizeof key), value,
                                           &diag) == STC_OK,
                          "%s=%s: %s", key, value, diag.text);
        }
        must_come_back(&s, "random");
    }
}
END_TEST

START_TEST(scenario_a_set_key_and_a_line_of_yaml_are_the_same)
{
    struct stc_scenario by_set = loaded(SMALL),
                        by_text = loaded(SMALL "sim: {fold_ranks: off}\nyear: 2022\n");
    struct stc_scenario words = loaded("layout: {seq_parallel: true}\n"),
                        plain = loaded("layout: {seq_parallel: yes}\n");
    ck_assert_int_eq(stc_scenario_set(&by_set, "sim.fold_ranks", "off", NULL), STC_OK);
    ck_assert_int_eq(stc_scenario_set(&by_set, "year", "2022", NULL), STC_OK);
    ck_assert(stc_bind_equal(stc_scenario_keys(), &by_set, &by_text));
    ck_assert(stc_bind_equal(stc_scenario_keys(), &words, &plain));
    ck_assert_int_eq(stc_scenario_set(&plain, "layout.seq_parallel", "FALSE", NULL),
                     STC_OK);
    ck_assert_int_eq(plain.said.seq_parallel, 1); /* "no" */
}
END_TEST

START_TEST(scenario_the_short_form_of_a_name_is_its_use)
{
    struct stc_scenario a =
        loaded("model: gpt3-175b\ncluster: dgx-h100\nstack: megatron-lm-2022\n");
    struct stc_scenario b = loaded("model: {use: gpt3-175b}\ncluster: {use: "
                                   "dgx-h100}\nstack: {use: megatron-lm-2022}\n");
    ck_assert(stc_bind_equal(stc_scenario_keys(), &a, &b));
    ck_assert_int_eq(stc_scenario_set(&a, "model", "llama-3-8b", NULL), STC_OK);
    ck_assert_str_eq(a.said.model_use, "llama-3-8b");
}
END_TEST

/* ==== refused ==== */

static const struct {
    const char *what, *text, *says;
    enum stc_err err;
} refused[] = {
    {"unknown key", "layout:\n  tpp: 4\n", "test.yaml:2: layout.tpp", STC_ERR_UNKNOWN},
    {"near name", "layout:\n  micro_bach: 4\n", "micro_batch", STC_ERR_UNKNOWN},
    {"unknown section", "\nlayuot: {tp: 4}\n", "test.yaml:2", STC_ERR_UNKNOWN},
    {"missing unit", "cluster: {nic_bw: 200}\n", "unit", STC_ERR_PARSE},
    {"unit of another thing", "cluster: {nic_bw: 200GiB}\n", "cluster.nic_bw",
     STC_ERR_PARSE},
    {"fraction of a count", "layout: {tp: 2.5}\n", "layout.tp", STC_ERR_PARSE},
    {"below the range", "layout: {tp: 0}\n", "[1, 4096]", STC_ERR_RANGE},
    {"not a choice", "layout: {schedule: 2f2b}\n", "interleaved", STC_ERR_UNKNOWN},
    {"a list for a number", "layout: {tp: [1, 2]}\n", "layout.tp", STC_ERR_PARSE},
    {"a map for a number", "layout: {tp: {a: 1}}\n", "layout.tp", STC_ERR_PARSE},
    {"twice", "layout: {tp: 1, tp: 2}\n", "tp", STC_ERR_PARSE},
    {"a list for a scenario", "- a\n- b\n", "test.yaml:1", STC_ERR_PARSE},
    {"one word", "hello\n", "test.yaml:1", STC_ERR_PARSE},
    {"cut short", "layout: {tp: 4, pp\n", "test.yaml:", STC_ERR_PARSE},
    {"binary", "\x01\x02\xff\xfe\x00", "test.yaml:", STC_ERR_PARSE},
    {"alias bomb", "a: &x [1]\nb: *x\n", "test.yaml:", STC_ERR_PARSE},
};

START_TEST(scenario_refused_text_says_where_and_leaves_the_struct_alone)
{
    struct stc_scenario s = loaded(SMALL), before = s;
    struct stc_diag diag = {""};
    enum stc_err err = stc_scenario_load(&s, "test.yaml", refused[_i].text,
                                         strlen(refused[_i].text), &diag);
    ck_assert_msg(err != STC_OK, "%s", refused[_i].what);
    ck_assert_msg(strstr(diag.text, refused[_i].says) != NULL, "%s: %s",
                  refused[_i].what, diag.text);
    ck_assert_msg(strstr(diag.text, "test.yaml:") == diag.text, "%s: %s",
                  refused[_i].what, diag.text);
    ck_assert_ptr_null(strchr(diag.text, '\n'));
    ck_assert_msg(err == refused[_i].err || err == STC_ERR_PARSE, "%s: %s: %s",
                  refused[_i].what, stc_err_text(err), diag.text);
    ck_assert_int_eq(memcmp(&s, &before, sizeof s), 0);
}
END_TEST

START_TEST(scenario_a_refused_set_leaves_the_struct_alone)
{
    struct stc_scenario s = loaded(SMALL), before = s;
    struct stc_diag diag = {""};
    ck_assert_int_ne(stc_scenario_set(&s, "layout.tp", "lots", &diag), STC_OK);
    ck_assert_int_ne(stc_scenario_set(&s, "layout", "4", &diag), STC_OK);
    ck_assert_int_ne(stc_scenario_set(&s, "", "4", &diag), STC_OK);
    ck_assert_int_ne(stc_scenario_set(&s, "layout.tp", "", &diag), STC_OK);
    ck_assert_int_eq(memcmp(&s, &before, sizeof s), 0);
}
END_TEST

START_TEST(scenario_a_missing_file_is_an_io_error_with_its_name)
{
    struct stc_scenario s;
    struct stc_diag diag = {""};
    stc_scenario_init(&s);
    ck_assert_int_eq(stc_scenario_load_file(&s, "no/such.yaml", &diag), STC_ERR_IO);
    ck_assert_ptr_nonnull(strstr(diag.text, "no/such.yaml"));
    ck_assert_int_eq(stc_scenario_load_preset(&s, "gpt3-175b-64xa10", &diag),
                     STC_ERR_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(diag.text, "gpt3-175b-64xa100"));
    ck_assert_int_eq(stc_scenario_load_preset(&s, "published/gpt3-175b-64xa100", &diag),
                     STC_OK);
    ck_assert_int_eq(stc_scenario_load_preset(&s, "gpt3-175b-64xa100.yaml", &diag),
                     STC_OK);
}
END_TEST

/* ==== resolved ==== */

START_TEST(scenario_dp_and_micro_batches_follow_from_gpus_and_batch)
{
    struct stc_scenario s =
        resolved(SMALL); /* by hand: 16 / (4*2) = 2; 64 / (2*2) = 16 */
    ck_assert_int_eq(s.layout.dp, 2);
    ck_assert_int_eq(s.layout.n_micro, 16);
    ck_assert_int_eq(s.n_gpus, 16);
    ck_assert_int_eq(s.model.ffn, 4096);
    ck_assert_int_eq(s.model.n_kv_heads, 16);
    ck_assert_int_eq(s.layout.etp, 4);
    s = resolved(SMALL "year: 2022\n");
    ck_assert_int_eq(stc_layout_world(&s.layout), s.n_gpus);
    ck_assert(stc_layout_sane(&s.layout));
}
END_TEST

START_TEST(scenario_the_stack_speaks_where_the_person_is_silent)
{
    struct stc_scenario silent = resolved(SMALL);
    struct stc_scenario said = resolved(SMALL "sim: {seed: 2}\n");
    ck_assert_int_eq(silent.layout.shard, silent.stack.default_shard);
    ck_assert_int_eq(silent.layout.recompute, silent.stack.default_recompute);
    ck_assert_int_eq(silent.train.flash, silent.stack.default_flash);
    ck_assert_int_eq(said.sim.seed, 2);
    struct stc_scenario s = loaded(SMALL);
    ck_assert_int_eq(stc_scenario_set(&s, "layout.shard", "zero2", NULL), STC_OK);
    ck_assert_int_eq(stc_scenario_set(&s, "train.flash_attn", "yes", NULL), STC_OK);
    ck_assert_int_eq(stc_scenario_set(&s, "stack.bucket", "1MiB", NULL), STC_OK);
    ck_assert_int_eq(stc_scenario_resolve(&s, NULL), STC_OK);
    ck_assert_int_eq(s.layout.shard, STC_SHARD_ZERO2);
    ck_assert_int_eq(s.train.flash, 1);
    ck_assert_double_eq(s.stack.bucket_bytes, 1048576);
}
END_TEST

START_TEST(scenario_resolving_twice_changes_nothing_and_auto_unsays)
{
    struct stc_scenario s = resolved(SMALL), again = s;
    ck_assert_int_eq(stc_scenario_resolve(&again, NULL), STC_OK);
    ck_assert_int_eq(memcmp(&s, &again, sizeof s), 0);
    ck_assert_int_eq(stc_scenario_set(&again, "layout.dp", "auto", NULL), STC_OK);
    ck_assert_int_eq(again.resolved, 0);
    ck_assert_int_eq(stc_scenario_resolve(&again, NULL), STC_OK);
    ck_assert_mem_eq(&s.layout, &again.layout, sizeof s.layout);
}
END_TEST

static const struct {
    const char *what, *key, *value, *says;
} misfits[] = {
    {"GPUs do not divide", "layout.tp", "3", "not a multiple of tp*cp*pp"},
    {"dp is not what follows", "layout.dp", "4", "dp = 2 would be right"},
    {"batch does not divide", "train.global_batch", "65", "64 would be right"},
    {"heads do not divide", "model.heads", "6", "heads"},
    {"layers cannot be cut", "model.layers", "1", "cannot be cut"},
    {"no such unit", "train.precision", "fp8", "has no fp8 units"},
    {"experts of a dense model", "layout.ep", "2", "no experts"},
    {"accumulation contradicts", "layout.grad_accum", "3", "is 16, not 3"},
    {"unknown GPU", "cluster.gpu", "A100-SXM4-80", "A100-SXM4-80GB"},
    {"unknown node", "cluster.use", "dgx-a100-80g", "dgx-a100-80gb"},
    {"unknown fabric", "cluster.fabric", "ib-hrd", "ib-hdr"},
    {"unknown model", "model", "gpt3-175", "gpt3-175b"},
    {"unknown stack", "stack", "megatron-lm-202", "megatron-lm-202"},
    {"more GPUs than nodes", "cluster.gpus", "64", "8 nodes would be right"},
    {"more chunks than layers", "layout.vp", "8", "cannot be cut"},
    {"shard group", "layout.shard_group", "3", "shard_group"},
    {"no sequence", "train.seq_len", "auto", "not said"},
    {"no batch", "train.global_batch", "auto", "samples"},
};

START_TEST(scenario_what_cannot_be_is_said_with_what_would_be_right)
{
    struct stc_scenario s = loaded(SMALL), before;
    struct stc_diag diag = {""};
    ck_assert_int_eq(stc_scenario_set(&s, misfits[_i].key, misfits[_i].value, &diag),
                     STC_OK);
    if (!strcmp(misfits[_i].what, "no batch"))
        ck_assert_int_eq(stc_scenario_set(&s, "layout.micro_batch", "auto", &diag),
                         STC_OK);
    before = s;
    ck_assert_msg(stc_scenario_resolve(&s, &diag) != STC_OK, "%s", misfits[_i].what);
    ck_assert_msg(strstr(diag.text, misfits[_i].says) != NULL, "%s: %s",
                  misfits[_i].what, diag.text);
    ck_assert_int_eq(memcmp(&s, &before, sizeof s), 0);
}
END_TEST

START_TEST(scenario_a_resolve_error_names_the_line_of_the_key)
{
    struct stc_scenario s =
        loaded("model: gpt3-175b\ncluster: dgx-a100-80gb\nlayout:\n  tp: 3\ntrain: "
               "{global_batch: 8}\n");
    struct stc_diag diag = {""};
    ck_assert_int_eq(stc_scenario_resolve(&s, &diag), STC_ERR_INFEASIBLE);
    ck_assert_msg(strstr(diag.text, "test.yaml:4: layout.tp: ") == diag.text, "%s",
                  diag.text);
}
END_TEST

START_TEST(scenario_the_hash_follows_what_the_forecast_depends_on)
{
    struct stc_scenario s = resolved(SMALL),
                        t = resolved(
                            SMALL
                            "title: another\npublished: {step_time: 3s, source: x}\n");
    ck_assert_uint_eq(stc_scenario_hash(&s), stc_scenario_hash(&t));
    t = resolved(SMALL "sim: {mem_margin: 1GiB}\n");
    ck_assert_uint_ne(stc_scenario_hash(&s), stc_scenario_hash(&t));
    t = loaded(SMALL);
    ck_assert_int_eq(stc_scenario_set(&t, "layout.tp", "2", NULL), STC_OK);
    ck_assert_int_eq(stc_scenario_resolve(&t, NULL), STC_OK);
    ck_assert_uint_ne(stc_scenario_hash(&s), stc_scenario_hash(&t));
}
END_TEST

static Suite *scenario_suite(void)
{
    Suite *s = suite_create("scenario");
    TCase *t = tcase_create("keys and texts");
    tcase_add_test(t, scenario_every_key_has_help_a_default_that_parses_and_a_place);
    tcase_add_test(t, scenario_keys_md_is_what_the_table_prints);
    tcase_add_test(t, scenario_written_and_loaded_is_the_same_for_every_preset);
    tcase_add_test(t, scenario_any_values_come_back_to_the_last_bit);
    tcase_add_test(t, scenario_a_set_key_and_a_line_of_yaml_are_the_same);
    tcase_add_test(t, scenario_the_short_form_of_a_name_is_its_use);
    suite_add_tcase(s, t);
    t = tcase_create("refused");
    tcase_add_loop_test(t, scenario_refused_text_says_where_and_leaves_the_struct_alone,
                        0, (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(t, scenario_a_refused_set_leaves_the_struct_alone);
    tcase_add_test(t, scenario_a_missing_file_is_an_io_error_with_its_name);
    suite_add_tcase(s, t);
    t = tcase_create("resolved");
    tcase_add_test(t, scenario_dp_and_micro_batches_follow_from_gpus_and_batch);
    tcase_add_test(t, scenario_the_stack_speaks_where_the_person_is_silent);
    tcase_add_test(t, scenario_resolving_twice_changes_nothing_and_auto_unsays);
    tcase_add_loop_test(t, scenario_what_cannot_be_is_said_with_what_would_be_right, 0,
                        (int)(sizeof misfits / sizeof misfits[0]));
    tcase_add_test(t, scenario_a_resolve_error_names_the_line_of_the_key);
    tcase_add_test(t, scenario_the_hash_follows_what_the_forecast_depends_on);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(scenario_suite)
