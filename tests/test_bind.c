#include <stdint.h>

#include "sim/base/bind.h"
#include "sim/base/rng.h"
#include "tests/testing.h"

struct fabric {
    double nic_Bps, nic_s, oversub_frac;
};

struct thing {
    int tp, chunks, kind;
    int64_t tokens;
    double x, rate_Bps, list[4];
    bool seq;
    uint32_t fused;
    char name[STC_NAME_BYTES], names[3][STC_NAME_BYTES];
    const char *note;
    int n_list, n_names, ints[5], n_ints;
    struct fabric fabric;
    int private_count; /* no row names it */
};

static const char *const kinds[] = {"none", "selective", "full", NULL};
static const char *const fusions[] = {"bias-gelu", "softmax", "rope", NULL};
static const char *const also[] = {"model", "cluster.gpus", NULL};

static const struct stc_bind_row rows[] = {
    {STC_BIND_FIELD("", "name", NAME, struct thing, name), .def = "none given",
     .help = "what it is called"},
    {STC_BIND_FIELD("", "note", TEXT, struct thing, note), .help = "free text"},
    {STC_BIND_FIELD("layout", "tp", INT, struct thing, tp), .def = "1", .min = 1,
     .max = 1024, .help = "tensor-parallel ranks"},
    {STC_BIND_FIELD("layout", "chunks", INT, struct thing, chunks), .def = "auto",
     .min = 1, .max = 64, .flags = STC_BIND_AUTO, .help = "virtual stages"},
    {STC_BIND_FIELD("layout", "seq", BOOL, struct thing, seq), .def = "true"},
    {STC_BIND_FIELD("train", "tokens", I64, struct thing, tokens), .dim = STC_DIM_COUNT,
     .def = "300B", .min = 1, .max = 1e15},
    {STC_BIND_FIELD("train", "recompute", ENUM, struct thing, kind), .names = kinds,
     .def = "none"},
    {STC_BIND_FIELD("train", "fused", MASK, struct thing, fused), .names = fusions,
     .def = "softmax,rope"},
    {STC_BIND_FIELD("train", "x", REAL, struct thing, x), .def = "0"},
    {STC_BIND_LIST("train", "list", REAL_LIST, struct thing, list, n_list),
     .dim = STC_DIM_SECONDS, .def = "1us,2us"},
    {STC_BIND_LIST("train", "ints", INT_LIST, struct thing, ints, n_ints), .min = 0,
     .max = 9},
    {STC_BIND_LIST("train", "names", NAME_LIST, struct thing, names, n_names)},
    {STC_BIND_FIELD("cluster", "rate", REAL, struct thing, rate_Bps),
     .dim = STC_DIM_BPS, .def = "auto", .flags = STC_BIND_AUTO, .min = 1,
     .max = HUGE_VAL},
    {STC_BIND_FIELD("cluster.fabric", "nic_bw", REAL, struct thing, fabric.nic_Bps),
     .dim = STC_DIM_BPS, .def = "400Gbps", .min = 1, .max = 1e15,
     .help = "one NIC, one direction"},
    {STC_BIND_FIELD("cluster.fabric", "latency", REAL, struct thing, fabric.nic_s),
     .dim = STC_DIM_SECONDS, .def = "2us", .min = 0, .max = 1},
    {STC_BIND_FIELD("cluster.fabric", "oversub", REAL, struct thing,
                    fabric.oversub_frac),
     .dim = STC_DIM_FRAC, .def = "0%", .min = 0, .max = 1},
};
static const struct stc_bind_table table = {.what = "thing",
                                            .rows = rows,
                                            .n_rows = STC_N_ELEM(rows),
                                            .struct_size = sizeof(struct thing),
                                            .also = also};

static struct stc_arena arena = STC_ARENA_INIT;
static struct stc_diag diag; /* one test runs at a time, in a process of its own */

static struct thing defaults(void)
{
    struct thing t;
    memset(&t, 0, sizeof(t));
    stc_assert_ok(stc_bind_defaults(&table, &t, &arena, &diag), &diag);
    return t;
}

static enum stc_err read_into(struct thing *t, struct stc_bind_seen *seen,
                              const char *yaml)
{
    const struct stc_node *root = NULL;
    stc_assert_ok(
        stc_doc_parse_yaml(&arena, "f.yaml", yaml, strlen(yaml), &root, &diag), &diag);
    return stc_bind_doc(&table, root, t, seen, &arena, &diag);
}

START_TEST(bind_defaults_fill_every_row_and_nothing_else)
{
    struct thing t;
    memset(&t, 0x5a, sizeof(t));
    stc_assert_ok(stc_bind_defaults(&table, &t, &arena, &diag), &diag);
    ck_assert_str_eq(t.name, "none given");
    ck_assert_ptr_null(t.note);
    ck_assert(t.tp == 1 && t.chunks == -1 && t.seq && t.kind == 0 && t.fused == 6);
    ck_assert_int_eq(t.tokens, INT64_C(300000000000));
    ck_assert(t.n_list == 2 && t.list[1] == 2e-6 && t.n_ints == 0 && t.n_names == 0);
    ck_assert(t.rate_Bps == -1.0 && t.fabric.nic_Bps == 50e9 && t.fabric.nic_s == 2e-6);
    ck_assert_int_eq(t.private_count, 0x5a5a5a5a);
    stc_arena_free(&arena);
}
END_TEST

START_TEST(bind_document_fills_the_struct_and_marks_what_it_gave)
{
    struct thing t = defaults();
    struct stc_bind_seen seen = {{0}};
    t.private_count = 77;
    stc_assert_ok(read_into(&t, &seen,
                            "name: x\nnote: 'a, b'\nmodel: {anything: [goes]}\n"
                            "layout: {tp: 8, chunks: 2, seq: off}\n"
                            "train: {tokens: 1.5T, recompute: full, fused: [rope], x: "
                            "-1e-3, list: [3ms], "
                            "ints: [1, 2, 3], names: [ab, cd]}\n"
                            "cluster:\n  gpus: 8\n  rate: 1GB/s\n  fabric: {nic_bw: "
                            "50GB/s, oversub: 25%}\n"),
                  &diag);
    ck_assert_str_eq(t.name, "x");
    ck_assert_str_eq(t.note, "a, b");
    ck_assert(t.tp == 8 && t.chunks == 2 && !t.seq && t.kind == 2 && t.fused == 4 &&
              t.x == -1e-3);
    ck_assert(t.n_list == 1 && t.list[0] == 3e-3 && t.list[1] == 0.0 && t.n_ints == 3 &&
              t.ints[2] == 3);
    ck_assert(t.n_names == 2 && strcmp(t.names[1], "cd") == 0);
    ck_assert(t.rate_Bps == 1e9 && t.fabric.nic_Bps == 50e9 &&
              t.fabric.oversub_frac == 0.25);
    ck_assert_int_eq(t.private_count, 77);
    ck_assert(stc_bind_is_seen(&seen, stc_bind_find(&table, "cluster.fabric.nic_bw")));
    ck_assert(
        !stc_bind_is_seen(&seen, stc_bind_find(&table, "cluster.fabric.latency")));
    ck_assert_int_eq(stc_bind_find(&table, "cluster.fabric"), -1);
    stc_arena_free(&arena);
}
END_TEST

/* The command line and the document say the same sentence, after the place. */
static const struct {
    const char *key, *value, *yaml;
    enum stc_err err;
    const char *words;
} wrong[] = {
    {"layout.tp", "0", "layout: {tp: 0}", STC_ERR_RANGE,
     "layout.tp: 0 is not in [1, 1024]"},
    {"layout.tp", "2.5", "layout:\n  tp: 2.5", STC_ERR_PARSE,
     "layout.tp: \"2.5\" is not a whole number"},
    {"layout.tp", "8x", "layout: {tp: 8x}", STC_ERR_PARSE,
     "layout.tp: \"8x\" is not a whole number"},
    {"layout.tp", "auto", "layout: {tp: auto}", STC_ERR_PARSE,
     "layout.tp: \"auto\" is not a whole number"},
    {"layout.tp", "99999999999", "layout: {tp: 99999999999}", STC_ERR_RANGE,
     "too large"},
    {"layout.chunks", "few", "layout: {chunks: few}", STC_ERR_PARSE,
     "is not a whole number or auto"},
    {"layout.seq", "maybe", "layout: {seq: maybe}", STC_ERR_PARSE,
     "layout.seq: \"maybe\" is not true or false"},
    {"layout.tpp", "1", "layout: {tpp: 1}", STC_ERR_UNKNOWN,
     "layout.tpp: is not a key of a thing; did you mean tp?"},
    {"tp", "1", "tp: 1", STC_ERR_UNKNOWN,
     "tp: is not a key of a thing; did you mean layout.tp?"},
    {"lay.tp", "1", "lay: {tp: 1}", STC_ERR_UNKNOWN, "is not a key of a thing"},
    {"train.recompute", "ful", "train: {recompute: ful}", STC_ERR_UNKNOWN,
     "is not one of none, selective, full; did you mean full?"},
    {"train.fused", "rope,gelu", "train: {fused: [rope, gelu]}", STC_ERR_UNKNOWN,
     "\"gelu\" is not one of bias-gelu"},
    {"train.ints", "1,2,3,4,5,6", "train: {ints: [1,2,3,4,5,6]}", STC_ERR_RANGE,
     "6 items; at most 5"},
    {"train.ints", "1,20", "train: {ints: [1,20]}", STC_ERR_RANGE,
     "train.ints: 20 is not in [0, 9]"},
    {"train.list", "1us,2", "train: {list: [1us, 2]}", STC_ERR_PARSE,
     "\"2\" has no unit; for example 2us"},
    {"cluster.rate", "0.5B/s", "cluster: {rate: 0.5B/s}", STC_ERR_RANGE,
     "0.5B/s is below 1B/s"},
    {"cluster.fabric.nic_bw", "400", "cluster: {fabric: {nic_bw: 400}}", STC_ERR_PARSE,
     "cluster.fabric.nic_bw: \"400\" has no unit; for example 400Gbps"},
    {"cluster.fabric.latency", "2s", "cluster: {fabric: {latency: 2s}}", STC_ERR_RANGE,
     "2s is not in [0s, 1s]"},
    {"cluster.fabric.oversub", "120%", "cluster: {fabric: {oversub: 120%}}",
     STC_ERR_RANGE, "1.2 is not in [0, 1]"},
};

START_TEST(bind_mistakes_are_told_alike_and_change_nothing)
{
    struct thing t = defaults(), before = t;
    struct stc_bind_seen seen = {{0}}, none = {{0}};
    char yaml[200];
    stc_assert_fails(
        stc_bind_set(&table, &t, wrong[_i].key, wrong[_i].value, &seen, &arena, &diag),
        wrong[_i].err, &diag, wrong[_i].words);
    struct stc_diag by_set = diag;
    (void)snprintf(yaml, sizeof(yaml), "name: good\n%s\n", wrong[_i].yaml);
    stc_assert_fails(read_into(&t, &seen, yaml), wrong[_i].err, &diag, wrong[_i].words);
    ck_assert_msg(strncmp(diag.text, "f.yaml:", 7) == 0, "%s", diag.text);
    if (strcmp(wrong[_i].key, "lay.tp") != 0) { /* there the section is the mistake */
        const char *after_line = strchr(diag.text + 7, ':') + 2;
        ck_assert_str_eq(after_line, by_set.text);
    }
    ck_assert_int_eq(memcmp(&t, &before, sizeof(t)), 0);
    ck_assert_int_eq(memcmp(&seen, &none, sizeof(seen)), 0);
    stc_arena_free(&arena);
}
END_TEST

static const struct {
    const char *yaml, *words;
} shapes[] = {
    {"layout: 8", "f.yaml:1: layout: is a section"},
    {"layout: {tp: [1]}",
     "f.yaml:1: layout.tp: is a list; one value is wanted, for example 1"},
    {"layout: {tp: }", "f.yaml:1: layout.tp: has no value"},
    {"layout: {tp: {a: 1}}", "f.yaml:1: layout.tp: is a map"},
    {"train: {ints: [[1]]}", "an item of the list is not a plain value"},
    {"layout.tp: 4", "is not a key of a thing"},
    {"- 1", "f.yaml:1: a thing is a map of keys"},
    {"name: \"\\x01\"", "byte 1 is a control character"},
    {"name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "is longer than 63 bytes"},
};

START_TEST(bind_wrong_shapes_are_told)
{
    struct thing t = defaults();
    enum stc_err err = read_into(&t, NULL, shapes[_i].yaml);
    ck_assert_int_ne(err, STC_OK);
    ck_assert_msg(strstr(diag.text, shapes[_i].words) != NULL, "%s", diag.text);
    stc_arena_free(&arena);
}
END_TEST

START_TEST(bind_empty_sections_and_required_keys)
{
    struct thing t = defaults();
    stc_assert_ok(read_into(&t, NULL, "layout:\ntrain: {}\n"), &diag);
    struct stc_bind_row must = rows[2];
    must.flags = STC_BIND_REQUIRED;
    const struct stc_bind_table one = {
        .what = "thing", .rows = &must, .n_rows = 1, .struct_size = sizeof(t)};
    const struct stc_node *root = NULL;
    stc_assert_ok(stc_doc_parse_yaml(&arena, "f", "{}", 2, &root, &diag), &diag);
    stc_assert_fails(stc_bind_doc(&one, root, &t, NULL, &arena, &diag), STC_ERR_PARSE,
                     &diag, "f:1: layout.tp is missing (tensor-parallel ranks)");
    stc_arena_free(&arena);
}
END_TEST

static void random_name(struct stc_rng *r, char *out, size_t most, bool plain)
{
    static const char *const bits[] = {
        "a", "Z",  "0",  "-", "_",  ".",        " ", "null", "~", "%",
        "'", "\"", "\\", "#", ": ", "\xc3\xa9", "{", "]",    ",", "\xf0\x9f\x98\x80"};
    size_t len = 0;
    out[0] = '\0';
    for (uint64_t n = stc_rng_below(r, 12); n > 0; n--) {
        const char *b = bits[stc_rng_below(r, plain ? 6 : 20)];
        if (len + strlen(b) >= most) break;
        memcpy(out + len, b, strlen(b) + 1);
        len += strlen(b);
    }
}

static void randomise(struct stc_rng *r, struct thing *t)
{
    static char note[80];
    t->tp = 1 + (int)stc_rng_below(r, 1024);
    t->chunks = stc_rng_below(r, 2) == 0 ? -1 : 1 + (int)stc_rng_below(r, 64);
    t->seq = stc_rng_below(r, 2) == 0;
    t->kind = (int)stc_rng_below(r, 3);
    t->tokens = 1 + (int64_t)stc_rng_below(r, UINT64_C(1) << 49);
    t->x = stc_rng_normal(r, 0.0, 1.0) * exp(stc_rng_normal(r, 0.0, 50.0));
    t->fused = (uint32_t)stc_rng_below(r, 8);
    t->rate_Bps = 1.0 + stc_rng_lognormal(r, 10.0, 10.0);
    t->fabric.nic_s = stc_rng_uniform(r);
    t->fabric.oversub_frac = stc_rng_uniform(r);
    random_name(r, t->name, sizeof(t->name), false);
    random_name(r, note, sizeof(note), false);
    t->note = note[0] != '\0' ? note : NULL;
    t->n_list = (int)stc_rng_below(r, 5);
    memset(t->list, 0, sizeof(t->list));
    for (int i = 0; i < t->n_list; i++)
        t->list[i] = stc_rng_lognormal(r, -10.0, 10.0);
    t->n_names = (int)stc_rng_below(r, 4);
    memset(t->names, 0, sizeof(t->names));
    for (int i = 0; i < t->n_names; i++) {
        random_name(r, t->names[i], STC_NAME_BYTES, true);
        if (t->names[i][0] == '\0') t->names[i][0] = 'n';
    }
}

/* struct -> YAML -> struct, and struct -> text -> struct field by field. */
START_TEST(bind_what_is_written_reads_back_identical)
{
    struct stc_rng r;
    struct stc_text yaml, field;
    char key[160];
    stc_rng_seed(&r, 6, "bind");
    stc_text_init(&yaml, 0);
    stc_text_init(&field, 0);
    for (int i = 0; i < 500; i++) {
        struct thing t = defaults(), back = t, by_set = t;
        randomise(&r, &t);
        stc_text_clear(&yaml);
        stc_bind_write_yaml(&table, &t, NULL, i % 2 == 0, &yaml);
        enum stc_err err = read_into(&back, NULL, stc_text_str(&yaml));
        ck_assert_msg(err == STC_OK, "%s in\n%s", diag.text, stc_text_str(&yaml));
        ck_assert_msg(stc_bind_equal(&table, &t, &back), "%s", stc_text_str(&yaml));
        ck_assert(t.x == back.x && memcmp(t.list, back.list, sizeof(t.list)) == 0);
        ck_assert_str_eq(t.name, back.name);
        ck_assert(t.tokens == back.tokens && t.fused == back.fused);
        for (int k = 0; k < table.n_rows; k++) {
            stc_text_clear(&field);
            stc_bind_get_text(&rows[k], &t, &field);
            stc_assert_ok(stc_bind_set(&table, &by_set,
                                       stc_bind_key(&rows[k], key, sizeof(key)),
                                       stc_text_str(&field), NULL, &arena, &diag),
                          &diag);
        }
        ck_assert(stc_bind_equal(&table, &t, &by_set));
        by_set.tp = by_set.tp % 1024 + 1;
        ck_assert(!stc_bind_equal(&table, &t, &by_set));
        stc_arena_reset(&arena);
    }
    stc_text_free(&yaml);
    stc_text_free(&field);
    stc_arena_free(&arena);
}
END_TEST

START_TEST(bind_yaml_holds_only_what_was_seen_and_nests)
{
    struct thing t = defaults();
    struct stc_bind_seen seen = {{0}};
    struct stc_text out;
    stc_text_init(&out, 0);
    stc_assert_ok(stc_bind_set(&table, &t, "cluster.fabric.nic_bw", "200Gbps", &seen,
                               &arena, &diag),
                  &diag);
    stc_assert_ok(stc_bind_set(&table, &t, "layout.tp", "4", &seen, &arena, &diag),
                  &diag);
    stc_assert_ok(
        stc_bind_set(&table, &t, "train.ints", "[3, 4]", &seen, &arena, &diag), &diag);
    stc_assert_ok(stc_bind_set(&table, &t, "name", "a: b", &seen, &arena, &diag),
                  &diag);
    stc_bind_write_yaml(&table, &t, &seen, true, &out);
    ck_assert_str_eq(
        stc_text_str(&out),
        "name: \"a: b\" # what it is called\n"
        "layout:\n  tp: 4 # tensor-parallel ranks\n"
        "train:\n  ints: [3, 4]\n"
        "cluster:\n  fabric:\n    nic_bw: 25GB/s # one NIC, one direction\n");
    stc_text_free(&out);
    stc_arena_free(&arena);
}
END_TEST

START_TEST(bind_help_names_every_key)
{
    struct stc_text plain, md;
    char key[160], cell[170];
    stc_text_init(&plain, 0);
    stc_text_init(&md, 0);
    stc_bind_help(&table, false, &plain);
    stc_bind_help(&table, true, &md);
    for (int i = 0; i < table.n_rows; i++) {
        ck_assert_ptr_nonnull(
            strstr(stc_text_str(&plain), stc_bind_key(&rows[i], key, sizeof(key))));
        (void)snprintf(cell, sizeof(cell), "| `%s` |", rows[i].key);
        ck_assert_ptr_nonnull(strstr(stc_text_str(&md), cell));
    }
    ck_assert_ptr_nonnull(
        strstr(stc_text_str(&md),
               "| `tp` | whole number, 1 to 1024 | `1` | tensor-parallel ranks |"));
    stc_text_free(&plain);
    stc_text_free(&md);
}
END_TEST

START_TEST(bind_short_memory_is_told_and_changes_nothing)
{
    struct thing t = defaults(), before = t;
    enum stc_err err;
    struct stc_arena small = STC_ARENA_INIT;
    STC_EACH_CAP (
        &small, err,
        stc_bind_set(&table, &t, "note", "a text of some length", NULL, &small, &diag))
        ;
    ck_assert_int_eq(err, STC_OK);
    ck_assert_str_eq(t.note, "a text of some length");
    t.note = before.note;
    ck_assert_int_eq(memcmp(&t, &before, sizeof(t)), 0);
    stc_arena_free(&small);
    stc_arena_free(&arena);
}
END_TEST

#define N(a) ((int)(sizeof(a) / sizeof((a)[0])))

static Suite *bind_suite(void)
{
    Suite *s = suite_create("bind");
    TCase *t = tcase_create("bind");
    tcase_add_test(t, bind_defaults_fill_every_row_and_nothing_else);
    tcase_add_test(t, bind_document_fills_the_struct_and_marks_what_it_gave);
    tcase_add_loop_test(t, bind_mistakes_are_told_alike_and_change_nothing, 0,
                        N(wrong));
    tcase_add_loop_test(t, bind_wrong_shapes_are_told, 0, N(shapes));
    tcase_add_test(t, bind_empty_sections_and_required_keys);
    tcase_add_test(t, bind_what_is_written_reads_back_identical);
    tcase_add_test(t, bind_yaml_holds_only_what_was_seen_and_nests);
    tcase_add_test(t, bind_help_names_every_key);
    tcase_add_test(t, bind_short_memory_is_told_and_changes_nothing);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(bind_suite)
