#include <stdint.h>

#include "sim/base/doc.h"
#include "sim/base/embed.h"
#include "sim/base/text.h"
#include "tests/testing.h"

#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* The tree in one line: {key: value, ...} with nothing left to chance. */
static void show(const struct stc_node *n, struct stc_text *t)
{
    if (n->key != NULL) stc_text_printf(t, "%s:", n->key);
    if (n->kind == STC_NODE_NULL) stc_text_put(t, "~");
    if (n->kind == STC_NODE_SCALAR)
        stc_text_printf(t, n->quoted ? "'%s'" : "%s", n->text);
    if (n->kind == STC_NODE_NULL || n->kind == STC_NODE_SCALAR) return;
    stc_text_put(t, n->kind == STC_NODE_MAP ? "{" : "[");
    for (const struct stc_node *c = n->first; c != NULL; c = c->next) {
        ck_assert_ptr_eq(c->parent, n);
        if (c != n->first) stc_text_put(t, ",");
        show(c, t);
    }
    stc_text_put(t, n->kind == STC_NODE_MAP ? "}" : "]");
}

static const struct {
    const char *name, *text, *tree;
} trees[] = {
    {"a.yaml", "", "{}"},
    {"a.yaml", "# only a comment\n", "{}"},
    {"a.yaml", "a: 1\nb: two words # why\n", "{a:1,b:two words}"},
    {"a.yaml", "layout: {tp: 8, pp: [1, 2]}", "{layout:{tp:8,pp:[1,2]}}"},
    {"a.yaml", "l:\n  - x: 1\n  - y: 2\n", "{l:[{x:1},{y:2}]}"},
    {"a.yaml", "a:\nb: ~\nc: null\nd: ''\ne: 'null'\n", "{a:~,b:~,c:~,d:'',e:'null'}"},
    {"a.yaml", "x: |\n  two\n  lines\n", "{x:'two\nlines\n'}"},
    {"a.yaml", "- 010\n- 1e3\n- yes\n", "[010,1e3,yes]"},
    {"a.yaml", "plain", "plain"},
    {"a.json", "{}", "{}"},
    {"a.json", "{\"a\": 1, \"b\": [true, null, \"s\\n\", 1.50e3, -7]}",
     "{a:1,b:[true,~,'s\n',1.50e3,-7]}"},
    {"A.JSON", "[{\"x\": {}}, [], \"a\\\"b\"]", "[{x:{}},[],'a\"b']"},
    {"a.json", " 3.25 ", "3.25"},
};

START_TEST(doc_text_becomes_the_tree)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag d = {""};
    struct stc_text t;
    const struct stc_node *root = NULL;
    stc_text_init(&t, 0);
    stc_assert_ok(stc_doc_parse(&a, trees[_i].name, trees[_i].text,
                                strlen(trees[_i].text), &root, &d),
                  &d);
    show(root, &t);
    ck_assert_str_eq(stc_text_str(&t), trees[_i].tree);
    stc_text_free(&t);
    stc_arena_free(&a);
}
END_TEST

static const struct {
    const char *name, *text, *words;
} wrong[] = {
    {"a.yaml", "a: 1\nb: 2\na: 3\n",
     "a.yaml:3: a: stands twice; the first is in line 1"},
    {"a.yaml", "x: &id 1\n", "a.yaml:1: anchors and aliases"},
    {"a.yaml", "x: *id\n", "a.yaml:1: anchors and aliases"},
    {"a.yaml", "x: !!python/object 1\n", ""},
    {"a.yaml", "x: !mine 1\n", "a.yaml:1: the tag \"!mine\" is not known"},
    {"a.yaml", "a: 1\n---\nb: 2\n", "a.yaml:2: a second document"},
    {"a.yaml", "? [a, b]\n: 1\n", "a.yaml:1: a key must be a plain word"},
    {"a.yaml", "a: [1, 2\nb: 3\n", "a.yaml:"},
    {"a.yaml", "a: b: c\n", "a.yaml:1: mapping values are not allowed"},
    {"a.yaml", "a: \"\\0\"\n", "a.yaml:1: a NUL character"},
    {"a.yaml", "a: \xff\xfe\n", "a.yaml: byte 3"},
    {"a.json", "{\"a\": 1, \"a\": 2}", "a.json:1: duplicate object key"},
    {"a.json", "{\"a\":\n 1,}", "a.json:2: "},
    {"a.json", "", "a.json:1: "},
    {"a.json", "{\"a\": \"\\u0000\"}", "a.json:1: "},
    {"a.json", "{} {}", "a.json:1: end of file expected"},
};

START_TEST(doc_mistakes_name_file_and_line)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag d = {""};
    const struct stc_node *root = NULL;
    enum stc_err err = stc_doc_parse(&a, wrong[_i].name, wrong[_i].text,
                                     strlen(wrong[_i].text), &root, &d);
    if (wrong[_i].words[0] == '\0') { /* a core tag that we do not interpret */
        ck_assert_int_eq(err, STC_OK);
    } else {
        ck_assert_int_eq(err, STC_ERR_PARSE);
        ck_assert_msg(strstr(d.text, wrong[_i].words) == d.text, "%s", d.text);
        ck_assert_ptr_null(root);
    }
    stc_arena_free(&a);
}
END_TEST

START_TEST(doc_nodes_know_where_they_stand)
{
    static const char yaml[] = "# head\nlayout:\n  tp: 8\n  list: [1,\n    2]\n";
    static const char json[] =
        "\n{\"layout\":\n  {\"tp\": 8,\n  \"list\": [1,\n    2]}}\n";
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag d = {""};
    for (int k = 0; k < 2; k++) {
        const char *name = k == 0 ? "f.yaml" : "f.json", *text = k == 0 ? yaml : json;
        const struct stc_node *root = NULL;
        stc_assert_ok(stc_doc_parse(&a, name, text, strlen(text), &root, &d), &d);
        const struct stc_node *tp = stc_node_path(root, "layout.tp");
        const struct stc_node *two = stc_node_at(stc_node_path(root, "layout.list"), 1);
        ck_assert_int_eq(tp->line, 3);
        ck_assert_int_eq(stc_node_get(root, "layout")->line, 2);
        ck_assert_int_eq(two->line, 5);
        ck_assert_int_eq(two->column, 5);
        ck_assert_str_eq(tp->file, name);
        (void)stc_node_fail(tp, &d, STC_ERR_RANGE, "too %s", "big");
        ck_assert_str_eq(strchr(d.text, ':'), ":3: layout.tp: too big");
        (void)stc_node_fail(two, &d, STC_ERR_RANGE, "no");
        ck_assert_str_eq(strchr(d.text, ':'), ":5: layout.list[1]: no");
        ck_assert_ptr_null(stc_node_path(root, "layout.t"));
        ck_assert_ptr_null(stc_node_get(NULL, "x"));
        ck_assert_ptr_null(stc_node_at(tp, 0));
        stc_assert_fails(stc_node_need(root, "mdel", &tp, &d), STC_ERR_PARSE, &d,
                         "\"mdel\" is missing");
    }
    stc_arena_free(&a);
}
END_TEST

START_TEST(doc_values_are_read_as_what_is_asked)
{
    static const char text[] =
        "i: 12\nx: 2.5\nbw: 400Gbps\nyes: On\nt: word\nbig: 3000000000\nl: []\n";
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag d = {""};
    const struct stc_node *r = NULL;
    int i = 0;
    int64_t n = 0;
    double x = 0;
    bool b = false;
    const char *s = NULL;
    stc_assert_ok(stc_doc_parse_yaml(&a, "f", text, strlen(text), &r, &d), &d);
    stc_assert_ok(stc_node_int(stc_node_get(r, "i"), &i, &d), &d);
    stc_assert_ok(stc_node_i64(stc_node_get(r, "big"), &n, &d), &d);
    stc_assert_ok(stc_node_bool(stc_node_get(r, "yes"), &b, &d), &d);
    stc_assert_ok(stc_node_text(stc_node_get(r, "t"), &s, &d), &d);
    stc_assert_ok(stc_node_double(stc_node_get(r, "x"), &x, &d), &d);
    ck_assert(i == 12 && n == INT64_C(3000000000) && b && x == 2.5);
    ck_assert_str_eq(s, "word");
    stc_assert_ok(stc_node_units(stc_node_get(r, "bw"), STC_DIM_BPS, &x, &d), &d);
    ck_assert_double_eq(x, 50e9);
    stc_assert_fails(stc_node_units(stc_node_get(r, "x"), STC_DIM_BPS, &x, &d),
                     STC_ERR_PARSE, &d, "f:2: x: \"2.5\" has no unit");
    stc_assert_fails(stc_node_int(stc_node_get(r, "x"), &i, &d), STC_ERR_PARSE, &d,
                     "not a whole number");
    stc_assert_fails(stc_node_int(stc_node_get(r, "big"), &i, &d), STC_ERR_RANGE, &d,
                     "too large");
    stc_assert_fails(stc_node_bool(stc_node_get(r, "t"), &b, &d), STC_ERR_PARSE, &d,
                     "not true or false");
    stc_assert_fails(stc_node_text(stc_node_get(r, "l"), &s, &d), STC_ERR_PARSE, &d,
                     "f:7: l: is a list");
    stc_arena_free(&a);
}
END_TEST

START_TEST(doc_depth_and_size_are_bounded)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag d = {""};
    struct stc_text t;
    const struct stc_node *r = NULL;
    stc_text_init(&t, 0);
    for (int k = 0; k < 2; k++) {
        stc_text_clear(&t);
        for (int i = 0; i < 65; i++)
            stc_text_put(&t, "[");
        for (int i = 0; i < 65; i++)
            stc_text_put(&t, "]");
        stc_assert_fails(stc_doc_parse(&a, k == 0 ? "f.yaml" : "f.json",
                                       stc_text_str(&t), t.len, &r, &d),
                         STC_ERR_PARSE, &d, "nested deeper than 64");
        stc_assert_ok(stc_doc_parse(&a, k == 0 ? "f.yaml" : "f.json",
                                    stc_text_str(&t) + 1, t.len - 2, &r, &d),
                      &d);
    }
    stc_text_clear(&t);
    stc_text_put(&t, "[1");
    for (int i = 0; i < 1 << 20; i++)
        stc_text_put(&t, ",1");
    stc_text_put(&t, "]");
    stc_assert_fails(stc_doc_parse_json(&a, "f", stc_text_str(&t), t.len, &r, &d),
                     STC_ERR_PARSE, &d, "more than 1048576 values");
    stc_text_free(&t);
    stc_arena_free(&a);
}
END_TEST

START_TEST(doc_short_memory_is_told)
{
    static const char text[] = "a: {b: [1, 2, 3], c: text}\nd: e\n";
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag d = {""};
    const struct stc_node *r = NULL;
    enum stc_err err;
    STC_EACH_CAP (&a, err, stc_doc_parse_yaml(&a, "f", text, strlen(text), &r, &d))
        ;
    ck_assert_int_eq(err, STC_OK);
    STC_EACH_CAP (&a, err, stc_doc_parse_json(&a, "f", "{\"a\":[1,{}]}", 12, &r, &d))
        ;
    ck_assert_int_eq(err, STC_OK);
    stc_arena_free(&a);
}
END_TEST

START_TEST(doc_files_are_read_and_missing_ones_told)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag d = {""};
    const struct stc_node *r = NULL;
    char *text;
    size_t len;
    stc_assert_ok(stc_read_file(&a, "LICENSE", &text, &len, &d), &d);
    ck_assert_uint_eq(strlen(text), len);
    stc_assert_fails(stc_doc_read_file(&a, "no/such.yaml", &r, &d), STC_ERR_IO, &d,
                     "no/such.yaml: cannot open");
    stc_assert_fails(stc_doc_read_file(&a, "tests", &r, &d), STC_ERR_IO, &d,
                     "tests: cannot read");
    stc_assert_fails(stc_doc_read_embed(&a, "no/such.yaml", &r, &d), STC_ERR_UNKNOWN,
                     &d, "built-in");
    stc_arena_free(&a);
}
END_TEST

/* Every catalogue that travels in the library is a document, and is found. */
START_TEST(embed_files_are_sorted_found_and_equal_to_the_tree)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag d = {""};
    for (int i = 0; i < stc_embed_count(); i++) {
        const struct stc_embed *e = stc_embed_at(i);
        char *text = NULL;
        size_t len = 0;
        const struct stc_node *r = NULL;
        ck_assert_ptr_eq(stc_embed_find(e->path), e);
        if (i > 0) ck_assert_int_lt(strcmp(stc_embed_at(i - 1)->path, e->path), 0);
        ck_assert_uint_eq(e->data[e->size], 0);
        stc_assert_ok(stc_read_file(&a, e->path, &text, &len, &d), &d);
        ck_assert_uint_eq(len, e->size);
        ck_assert_int_eq(memcmp(text, e->data, len), 0);
        if (strstr(e->path, ".yaml") != NULL)
            stc_assert_ok(stc_doc_read_embed(&a, e->path, &r, &d), &d);
        stc_arena_reset(&a);
    }
    ck_assert_ptr_null(stc_embed_find("hw/data"));
    ck_assert_ptr_null(stc_embed_at(-1));
    ck_assert_ptr_null(stc_embed_at(stc_embed_count()));
    stc_arena_free(&a);
}
END_TEST

/* Texts on which a parser could spend time or stack without end. */
static const struct {
    const char *name, *head, *again, *words;
} hostile[] = {
    {"f.yaml", "a: ", "[", "nested deeper than 64"},
    {"f.yaml", "", "- ", "nested deeper than 64"},
    {"f.yaml", "", "{a: ", "nested deeper than 64"},
    {"f.yaml", "", "? ", "a key must be a plain word"},
    {"f.yaml", "", "%TAG ! tag:x\n", "more than 16 %TAG"},
    {"f.yaml", "a: 1\n", "---\n", "a second document"},
    {"f.json", "", "[", "depth"},
    {"f.json", "", "{\"a\":", "depth"},
    {"f.json", "{\"a\":1", ",\"a\":1", "duplicate"},
};

START_TEST(doc_hostile_texts_are_refused_soon)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag d = {""};
    struct stc_text t;
    const struct stc_node *r = NULL;
    stc_text_init(&t, 0);
    stc_text_put(&t, hostile[_i].head);
    while (t.len < 2 << 20)
        stc_text_put(&t, hostile[_i].again);
    stc_assert_fails(
        stc_doc_parse(&a, hostile[_i].name, stc_text_str(&t), t.len, &r, &d),
        STC_ERR_PARSE, &d, hostile[_i].words);
    stc_text_free(&t);
    stc_arena_free(&a);
}
END_TEST

static Suite *doc_suite(void)
{
    Suite *s = suite_create("doc");
    TCase *t = tcase_create("doc");
    tcase_add_loop_test(t, doc_text_becomes_the_tree, 0, N(trees));
    tcase_add_loop_test(t, doc_mistakes_name_file_and_line, 0, N(wrong));
    tcase_add_test(t, doc_nodes_know_where_they_stand);
    tcase_add_test(t, doc_values_are_read_as_what_is_asked);
    tcase_add_test(t, doc_depth_and_size_are_bounded);
    tcase_add_loop_test(t, doc_hostile_texts_are_refused_soon, 0,
                        (int)(sizeof hostile / sizeof hostile[0]));
    tcase_add_test(t, doc_short_memory_is_told);
    tcase_add_test(t, doc_files_are_read_and_missing_ones_told);
    tcase_add_test(t, embed_files_are_sorted_found_and_equal_to_the_tree);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(doc_suite)
