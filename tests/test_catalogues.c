/* Catalogues of one's own: what is laid over what, and that nothing else changes. */
#include "scenarios/catalogues.h"

#include "hw/catalogue.h"
#include "hw/keys.h"
#include "models/model.h"
#include "models/stack.h"
#include "scenarios/scenario.h"
#include "sim/stepcast.h"
#include "tests/testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct stc_arena arena;
static struct stc_catalogue_docs docs;
static struct stc_diag diag;

static void setup(void)
{
    arena = (struct stc_arena)STC_ARENA_INIT;
    docs.n = 0;
    diag.text[0] = '\0';
}

static void teardown(void)
{
    stc_arena_free(&arena);
}

static enum stc_err add(const char *text)
{
    return stc_catalogues_parse(&arena, "mine.yaml", text, strlen(text), &docs, &diag);
}

static const struct stc_catalogues *built(const char *text)
{
    const struct stc_catalogues *c = NULL;
    stc_assert_ok(add(text), &diag);
    stc_assert_ok(stc_catalogues_build(&arena, &docs, &c, &diag), &diag);
    return c;
}

START_TEST(catalogues_like_without_a_change_is_the_row_itself)
{
    const struct stc_catalogues *c =
        built("gpus: {mine: {like: H100-SXM5-80GB}}\n"
              "models: {m: {like: llama-3-8b}}\n"
              "s: {like: torchtitan-2025}\n"); /* tells by what it is like */
    const struct stc_gpu *own, *shipped;
    struct stc_model m, m0;
    struct stc_stack s, s0;
    stc_assert_ok(stc_hw_find_gpu(c->hw, "mine", &own, &diag), &diag);
    stc_assert_ok(stc_hw_find_gpu(c->hw, "H100-SXM5-80GB", &shipped, &diag), &diag);
    ck_assert(stc_bind_equal(&stc_gpu_keys, own, shipped));
    stc_assert_ok(stc_model_find(&c->models, "m", &m, &diag), &diag);
    stc_assert_ok(stc_model_find(NULL, "llama-3-8b", &m0, &diag), &diag);
    ck_assert(stc_bind_equal(stc_model_keys(), &m, &m0));
    /* with the numbers that were fitted for it, too */
    stc_assert_ok(stc_stack_find(&c->stacks, "s", &s, &diag), &diag);
    stc_assert_ok(stc_stack_find(NULL, "torchtitan-2025", &s0, &diag), &diag);
    ck_assert(stc_bind_equal(stc_stack_keys(), &s, &s0));
    ck_assert_str_eq(s.framework, s0.framework);
    ck_assert_int_eq(s.year_from, s0.year_from);
}
END_TEST

START_TEST(catalogues_a_hidden_row_changes_nothing_that_is_like_it)
{
    /* tensorflow2-horovod-2021 is like pytorch-ddp-2021; llama files likewise */
    const struct stc_catalogues *c =
        built("pytorch-ddp-2021: {like: pytorch-ddp-2021, bucket_bytes: 1MiB}\n");
    struct stc_stack own, s, s0;
    stc_assert_ok(stc_stack_find(&c->stacks, "pytorch-ddp-2021", &own, &diag), &diag);
    stc_assert_near(own.bucket_bytes, 1048576, 0);
    stc_assert_ok(stc_stack_find(&c->stacks, "pytorch-ddp-2023", &s, &diag), &diag);
    stc_assert_ok(stc_stack_find(NULL, "pytorch-ddp-2023", &s0, &diag), &diag);
    ck_assert(stc_bind_equal(stc_stack_keys(), &s, &s0));
    /* by framework and year, too; the list has it once */
    stc_assert_ok(
        stc_stack_for(&c->stacks, "pytorch-ddp-2021", 2021, NULL, &own, &diag), &diag);
    stc_assert_near(own.bucket_bytes, 1048576, 0);
    ck_assert_int_eq(stc_stack_catalogue_n(&c->stacks), stc_stack_catalogue_n(NULL));
}
END_TEST

START_TEST(catalogues_rows_name_rows_of_any_file)
{
    const struct stc_gpu *g;
    const struct stc_hw_node *n;
    struct stc_model m;
    stc_assert_ok(
        add("nodes: {n: {like: dgx-h100, gpu: g, fabric: f}}\na: {like: b}\n"), &diag);
    stc_assert_ok(add("fabrics: {f: {like: ib-ndr}}\nb: {like: llama-3-8b}\n"), &diag);
    const struct stc_catalogues *c =
        built("gpus: {g: {like: T4}}\naliases: {gg: g}\nb: {like: b, n_layers: 3}\n");
    stc_assert_ok(stc_hw_find_node(c->hw, "N", &n, &diag), &diag);
    ck_assert_str_eq(n->gpu_name, "g");
    stc_assert_ok(stc_hw_find_gpu(c->hw, "gg", &g, &diag), &diag);
    ck_assert_str_eq(g->name, "g");
    stc_assert_ok(stc_model_find(&c->models, "a", &m, &diag), &diag);
    ck_assert_int_eq(m.n_layers, 3);
}
END_TEST

START_TEST(catalogues_framework_and_year_prefer_ones_own)
{
    const struct stc_catalogues *c =
        built("ours: {like: megatron-lm-2024, frameworks: [Megatron-LM], years: [2024, "
              "2024], nccl_version: \"9.9\"}\n");
    struct stc_stack s;
    stc_assert_ok(stc_stack_for(&c->stacks, "Megatron-LM", 2024, "hopper", &s, &diag),
                  &diag);
    ck_assert_str_eq(s.name, "ours");
    stc_assert_ok(stc_stack_for(&c->stacks, "Megatron-LM", 2025, NULL, &s, &diag),
                  &diag);
    ck_assert_str_ne(s.name, "ours");
}
END_TEST

START_TEST(catalogues_hash_is_of_what_they_say)
{
    static const char text[] = "m: {like: llama-3-8b}\n";
    struct stc_scenario s[3];
    for (int i = 0; i < 3; i++) {
        const struct stc_catalogues *c = NULL;
        docs.n = 0;
        stc_assert_ok(stc_catalogues_parse(&arena, i ? "a" : "b", text,
                                           strlen(text) - (i == 2), &docs, &diag),
                      &diag);
        stc_assert_ok(stc_catalogues_build(&arena, &docs, &c, &diag), &diag);
        stc_scenario_init(&s[i]);
        s[i].catalogues = c;
        snprintf(s[i].said.catalogue, sizeof s[i].said.catalogue, "%d", i);
    }
    ck_assert(stc_scenario_hash(&s[0]) == stc_scenario_hash(&s[1]));
    ck_assert(stc_scenario_hash(&s[0]) != stc_scenario_hash(&s[2]));
}
END_TEST

START_TEST(catalogues_without_memory_say_so)
{
    static const char text[] = "gpus: {g: {like: T4}}\nnodes: {n: {like: dgx-h100}}\n"
                               "m: {like: llama-3-8b}\nprices: []\n";
    struct stc_arena small = STC_ARENA_INIT;
    const struct stc_catalogues *c = built(text);
    ck_assert_ptr_nonnull(c);
    const size_t need = arena.used_bytes;
    for (size_t cap = 64; cap < need; cap += need / 100) {
        c = NULL;
        docs.n = 0;
        stc_arena_reset(&small);
        small.cap_bytes = cap;
        enum stc_err err =
            stc_catalogues_parse(&small, "m", text, strlen(text), &docs, &diag);
        if (err == STC_OK) err = stc_catalogues_build(&small, &docs, &c, &diag);
        ck_assert_int_eq(err, STC_ERR_NOMEM);
        ck_assert_ptr_null(c);
    }
    stc_arena_free(&small);
}
END_TEST

/* ==== of a handle ==== */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static double parameters(struct stc *sim)
{
    struct stc_out out = {0};
    stc_assert_ok(stc_simulate_report(sim, STC_JSON, &out, &diag), &diag);
    const char *at = strstr(out.data, "\"parameters\": ");
    ck_assert_ptr_nonnull(at);
    double n = strtod(at + strlen("\"parameters\": "), NULL);
    stc_out_free(&out);
    return n;
}

START_TEST(catalogues_of_two_handles_are_two_worlds)
{
    char own[] = "/tmp/stc-cat-XXXXXX";
    int fd = mkstemp(own);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
    write_file(own, "llama-3-8b: {like: llama-3-8b, n_layers: 2}\n");
    const char *const paths[] = {own};
    struct stc_opts o = STC_OPTS_INIT;
    struct stc *plain, *with;
    stc_assert_ok(stc_open(&plain, &o, &diag), &diag);
    o.catalogues = paths;
    o.n_catalogues = 1;
    stc_assert_ok(stc_open(&with, &o, &diag), &diag);
    stc_assert_ok(stc_load(plain, "llama3-8b-8xh100-torchtitan", &diag), &diag);
    stc_assert_ok(stc_load(with, "llama3-8b-8xh100-torchtitan", &diag), &diag);
    const double many = parameters(plain), few = parameters(with);
    ck_assert(few < many / 2);

    /* said afterwards it lies below the options'; what fails changes nothing */
    stc_assert_ok(stc_set(plain, "catalogue", own, &diag), &diag);
    stc_assert_near(parameters(plain), few, 0);
    ck_assert_int_eq(stc_set(plain, "catalogue", "/no/such", &diag), STC_ERR_IO);
    stc_assert_near(parameters(plain), few, 0);
    ck_assert_int_ne(stc_load_text(plain, "t", "catalogue: /no/such\n", 20, &diag), 0);
    stc_assert_near(parameters(plain), few, 0);
    stc_assert_ok(stc_set(plain, "catalogue", "", &diag), &diag);
    stc_assert_near(parameters(plain), many, 0);
    stc_close(plain);
    stc_close(with);

    write_file(own, "llama-3-8b: {like: llama-3-8b, layers: 2}\n");
    ck_assert_int_eq(stc_open(&with, &o, &diag), STC_ERR_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(diag.text, ":1: llama-3-8b.layers: "));
    ck_assert_int_eq(unlink(own), 0);
}
END_TEST

static Suite *catalogues_suite(void)
{
    Suite *s = suite_create("catalogues");
    TCase *t = tcase_create("catalogues");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, catalogues_like_without_a_change_is_the_row_itself);
    tcase_add_test(t, catalogues_a_hidden_row_changes_nothing_that_is_like_it);
    tcase_add_test(t, catalogues_rows_name_rows_of_any_file);
    tcase_add_test(t, catalogues_framework_and_year_prefer_ones_own);
    tcase_add_test(t, catalogues_hash_is_of_what_they_say);
    tcase_add_test(t, catalogues_without_memory_say_so);
    tcase_add_test(t, catalogues_of_two_handles_are_two_worlds);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(catalogues_suite)
