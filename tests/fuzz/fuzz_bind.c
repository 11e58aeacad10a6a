/*
 * Reached: bind.c, bind_convert.c, bind_write.c, units.c, doc_yaml.c.
 * Holds: text that is refused leaves the struct alone; text that is accepted,
 * written as YAML and read again, gives the same struct.
 */
#include <math.h>

#include "sim/base/bind.h"
#include "tests/fuzz/fuzz.h"

struct thing {
    int tp, kind, ints[4], n_ints;
    int64_t tokens;
    double rate_Bps, seconds[3], share;
    int n_seconds, n_names;
    bool on;
    uint32_t mask;
    char name[STC_NAME_BYTES], names[3][STC_NAME_BYTES];
    const char *note;
};

static const char *const kinds[] = {"none", "some", "all", NULL};
static const char *const also[] = {"model", NULL};
static const struct stc_bind_row rows[] = {
    {STC_BIND_FIELD("", "name", NAME, struct thing, name)},
    {STC_BIND_FIELD("", "note", TEXT, struct thing, note)},
    {STC_BIND_FIELD("a", "tp", INT, struct thing, tp), .def = "auto", .min = 1,
     .max = 99, .flags = STC_BIND_AUTO},
    {STC_BIND_FIELD("a", "kind", ENUM, struct thing, kind), .names = kinds},
    {STC_BIND_FIELD("a", "mask", MASK, struct thing, mask), .names = kinds},
    {STC_BIND_FIELD("a", "on", BOOL, struct thing, on)},
    {STC_BIND_LIST("a", "ints", INT_LIST, struct thing, ints, n_ints)},
    {STC_BIND_LIST("a.b", "names", NAME_LIST, struct thing, names, n_names)},
    {STC_BIND_FIELD("a.b", "tokens", I64, struct thing, tokens), .dim = STC_DIM_COUNT},
    {STC_BIND_FIELD("a.b", "rate", REAL, struct thing, rate_Bps), .dim = STC_DIM_BPS,
     .min = 0, .max = HUGE_VAL},
    {STC_BIND_FIELD("a.b", "share", REAL, struct thing, share), .dim = STC_DIM_FRAC,
     .min = 0, .max = 1},
    {STC_BIND_LIST("a.b", "s", REAL_LIST, struct thing, seconds, n_seconds),
     .dim = STC_DIM_SECONDS},
};
static const struct stc_bind_table table = {.what = "thing",
                                            .rows = rows,
                                            .n_rows = STC_N_ELEM(rows),
                                            .struct_size = sizeof(struct thing),
                                            .also = also};

static void round_trip(const struct thing *t, struct stc_arena *a)
{
    struct stc_diag diag = {""};
    struct stc_text yaml;
    struct thing back;
    const struct stc_node *root = NULL;
    memset(&back, 0, sizeof(back));
    stc_text_init(&yaml, 0);
    stc_bind_write_yaml(&table, t, NULL, false, &yaml);
    FUZZ_MUST(stc_text_err(&yaml) == STC_OK);
    FUZZ_MUST(stc_doc_parse_yaml(a, "f", stc_text_str(&yaml), yaml.len, &root, &diag) ==
              STC_OK);
    FUZZ_MUST(stc_bind_doc(&table, root, &back, NULL, a, &diag) == STC_OK);
    FUZZ_MUST(stc_bind_equal(&table, t, &back));
    stc_text_free(&yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    struct thing t, before;
    const struct stc_node *root = NULL;
    memset(&t, 0, sizeof(t));
    FUZZ_MUST(stc_bind_defaults(&table, &t, &a, &diag) == STC_OK);
    memcpy(&before, &t, sizeof(t));
    /* Both doors: the whole as a document, and as the value of each key. */
    if (stc_doc_parse_yaml(&a, "f", (const char *)data, size, &root, &diag) == STC_OK) {
        if (stc_bind_doc(&table, root, &t, NULL, &a, &diag) == STC_OK)
            round_trip(&t, &a);
        else
            FUZZ_MUST(memcmp(&t, &before, sizeof(t)) == 0 &&
                      strncmp(diag.text, "f:", 2) == 0);
    }
    char *text = fuzz_text(data, size);
    for (int i = 0; i < table.n_rows && size < 200; i++) {
        char key[64];
        memcpy(&before, &t, sizeof(t));
        if (stc_bind_set(&table, &t, stc_bind_key(&rows[i], key, sizeof(key)), text,
                         NULL, &a, &diag) != STC_OK)
            FUZZ_MUST(memcmp(&t, &before, sizeof(t)) == 0);
    }
    round_trip(&t, &a);
    free(text);
    stc_arena_free(&a);
    return 0;
}
