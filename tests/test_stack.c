/* Stacks: every entry reads, every framework of the run table has one. */
#include "models/stack.h"

#include "models/catalogue.h"
#include "models/layout.h"
#include "sim/base/text.h"
#include "tests/testing.h"

START_TEST(stack_every_entry_loads_and_makes_sense)
{
    char name[64];
    int n = 0;
    for (; stc_stack_catalogue_name(NULL, n, name, sizeof name); n++) {
        struct stc_stack s;
        struct stc_diag diag = {{0}};
        ck_assert_msg(stc_stack_find(NULL, name, &s, &diag) == STC_OK, "%s", diag.text);
        ck_assert_msg(s.framework[0] && s.year_from >= 2018 && s.year_to >= s.year_from,
                      "%s", name);
        double bytes =
            s.param_bytes + s.grad_bytes + s.main_param_bytes + s.optim_state_bytes;
        ck_assert_msg(bytes >= 8 && bytes <= 22, /* 8: all of it in 16 bits */
                      "%s: %g bytes a parameter", name, bytes);
        ck_assert_msg(s.bucket_bytes > 0 && s.logits_bytes >= 2 &&
                          s.vocab_pad_multiple >= 1,
                      "%s", name);
        ck_assert_msg(s.host_s_per_launch > 1e-7 && s.host_s_per_launch < 1e-4, "%s",
                      name);
        ck_assert_msg(s.framework_bytes >= 0 && s.allocator_slack_frac < 0.5 &&
                          s.context_bytes > 1e8,
                      "%s", name);
        ck_assert_msg(s.nccl_version[0], "%s", name);
    }
    ck_assert_int_eq(n, stc_stack_catalogue_n(NULL));
}
END_TEST

START_TEST(stack_every_framework_of_the_table_has_one_of_its_time)
{
    struct stc_csv c;
    struct stc_diag diag = {{0}};
    bool got = true;
    int framework, year, rows = 0;
    ck_assert_int_eq(stc_csv_open(&c, "tests/data/truth/training.csv", &diag), STC_OK);
    ck_assert_int_eq(stc_csv_need(&c, "framework", &framework, &diag), STC_OK);
    ck_assert_int_eq(stc_csv_need(&c, "year", &year, &diag), STC_OK);
    while (stc_csv_next(&c, &got, &diag) == STC_OK && got) {
        struct stc_stack s;
        int y = atoi(stc_csv_text(&c, year));
        ck_assert_msg(stc_stack_for(NULL, stc_csv_text(&c, framework), y, NULL, &s,
                                    &diag) == STC_OK,
                      "%s", diag.text);
        ck_assert_msg(y >= s.year_from && y <= s.year_to, "%s of %d got %s",
                      stc_csv_text(&c, framework), y, s.name);
        rows++;
    }
    stc_csv_close(&c);
    ck_assert_int_gt(rows, 900);
}
END_TEST

/* What a look at the text rules out is never what the parser would have read. */
START_TEST(stack_no_framework_is_ruled_out_where_it_is_listed)
{
    const struct stc_cat cat = {.folder = "models/stacks/"};
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_cat_entry e;
    int ruled_out = 0, listed = 0;
    for (int i = 0; stc_cat_at(&cat, i, &e); i++) {
        const struct stc_node *map;
        struct stc_cat_entry other;
        struct stc_diag diag = {{0}};
        stc_assert_ok(stc_cat_parse(&a, &cat, &e, &map, &diag), &diag);
        const struct stc_node *names = stc_node_get(map, "frameworks");
        for (const struct stc_node *n = names ? names->first : NULL; n; n = n->next) {
            ck_assert_msg(stc_cat_may_list(&e, "frameworks", n->text), "%s: %s", e.name,
                          n->text);
            listed++;
            for (int k = 0; stc_cat_at(&cat, k, &other); k++)
                ruled_out += !stc_cat_may_list(&other, "frameworks", n->text);
        }
        stc_arena_reset(&a);
    }
    ck_assert_int_gt(listed, 30);
    ck_assert_int_gt(ruled_out, 10 * listed);
    stc_arena_free(&a);
}
END_TEST

START_TEST(stack_of_a_year_between_is_the_nearest)
{
    struct stc_stack s;
    ck_assert_int_eq(stc_stack_for(NULL, "Megatron-LM", 2019, NULL, &s, NULL), STC_OK);
    ck_assert_str_eq(s.name, "megatron-lm-2020");
    ck_assert_int_eq(stc_stack_for(NULL, "Megatron-LM", 2030, NULL, &s, NULL), STC_OK);
    ck_assert_str_eq(s.name, "megatron-lm-2025");
    ck_assert_int_eq(
        stc_stack_for(NULL, "Megatron-LM", STC_STACK_NEWEST, NULL, &s, NULL), STC_OK);
    ck_assert_str_eq(s.name, "megatron-lm-2025");
    ck_assert_int_eq(stc_stack_for(NULL, "megatron-lm-2022", 0, NULL, &s, NULL),
                     STC_OK); /* a name will do */
    ck_assert_str_eq(s.name, "megatron-lm-2022");
    ck_assert_int_eq(stc_stack_for(NULL, "Megatron-LM 23.04", 2022, NULL, &s, NULL),
                     STC_OK);
    ck_assert_str_eq(s.name, "megatron-lm-2022"); /* a release of a known name */
    ck_assert_int_eq(stc_stack_for(NULL, "PyTorch Fabric", 2023, NULL, &s, NULL),
                     STC_ERR_UNKNOWN);
    ck_assert_int_eq(stc_stack_for(NULL, "PyTorch FSDP", 2023, NULL, &s, NULL), STC_OK);
    ck_assert_int_eq(s.default_shard, STC_SHARD_ZERO3);
}
END_TEST

/* An entry of a GPU generation goes before one of all, and for that one alone. */
START_TEST(stack_of_a_generation_goes_before_one_of_all)
{
    static const char *const bridge = "Megatron-Bridge/Megatron-Core 26.06";
    struct stc_stack s;
    ck_assert_int_eq(stc_stack_for(NULL, bridge, 2026, "hopper", &s, NULL), STC_OK);
    ck_assert_str_eq(s.name, "megatron-bridge-26.06-hopper");
    ck_assert_int_eq(s.attention_8bit, 0);
    ck_assert_int_eq(stc_stack_for(NULL, bridge, 2026, "blackwell", &s, NULL), STC_OK);
    ck_assert_str_eq(s.name, "megatron-bridge-26.06");
    ck_assert_int_eq(s.attention_8bit, 1);
    ck_assert_int_eq(stc_stack_for(NULL, bridge, 2026, NULL, &s, NULL), STC_OK);
    ck_assert_str_eq(s.name, "megatron-bridge-26.06");
    ck_assert_int_eq(stc_stack_for(NULL, "Megatron-LM", 2021, "hopper", &s, NULL),
                     STC_OK);
    ck_assert_str_eq(s.name, "megatron-lm-2021");
}
END_TEST

START_TEST(stack_unknown_framework_is_an_error)
{
    struct stc_stack s;
    struct stc_diag diag = {{0}};
    ck_assert_int_eq(stc_stack_for(NULL, "Megatrn-LM", 2021, NULL, &s, &diag),
                     STC_ERR_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(diag.text, "Megatrn-LM"));
}
END_TEST

static Suite *stack_suite(void)
{
    Suite *s = suite_create("stack");
    TCase *t = tcase_create("stack");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, stack_every_entry_loads_and_makes_sense);
    tcase_add_test(t, stack_every_framework_of_the_table_has_one_of_its_time);
    tcase_add_test(t, stack_no_framework_is_ruled_out_where_it_is_listed);
    tcase_add_test(t, stack_of_a_year_between_is_the_nearest);
    tcase_add_test(t, stack_of_a_generation_goes_before_one_of_all);
    tcase_add_test(t, stack_unknown_framework_is_an_error);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(stack_suite)
