/*
 * Reached: scenario.c, keys.c, resolve*.c, bind, doc_yaml, the catalogues' finds.
 * Holds: text that is refused leaves the struct alone; what is accepted, written
 * as YAML and loaded again, is the same scenario; resolving never leaves a half
 * scenario behind and what it accepts is a sane layout.
 */
#include "models/layout.h"
#include "scenarios/scenario.h"
#include "sim/base/bind.h"
#include "tests/fuzz/fuzz.h"

static void must_write_back(const struct stc_scenario *s)
{
    struct stc_scenario again;
    struct stc_diag diag = {""};
    struct stc_text t;
    stc_text_init(&t, 0);
    FUZZ_MUST(stc_scenario_write(s, &t) == STC_OK);
    stc_scenario_init(&again);
    enum stc_err err =
        stc_scenario_load(&again, "written", stc_text_str(&t), t.len, &diag);
    if (err != STC_OK) (void)fprintf(stderr, "%s\n%s", diag.text, stc_text_str(&t));
    FUZZ_MUST(err == STC_OK);
    FUZZ_MUST(stc_bind_equal(stc_scenario_keys(), s, &again));
    stc_text_free(&t);
}

static void must_resolve_or_stay(struct stc_scenario *s)
{
    static struct stc_scenario before;
    struct stc_diag diag = {""};
    before = *s;
    if (stc_scenario_resolve(s, &diag) != STC_OK) {
        FUZZ_MUST(diag.text[0] != '\0');
        FUZZ_MUST(memcmp(&before, s, sizeof before) == 0);
        return;
    }
    FUZZ_MUST(s->resolved == 1);
    FUZZ_MUST(s->layout.n_micro >= 1 && s->layout.dp >= 1);
    FUZZ_MUST(stc_layout_world(&s->layout) == s->n_gpus);
    if (s->n_gpus <= 4096) FUZZ_MUST(stc_layout_sane(&s->layout));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stc_scenario s, before;
    struct stc_diag diag = {""};
    stc_scenario_init(&s);
    before = s;
    char *text = fuzz_text(data, size);
    if (stc_scenario_load(&s, "fuzz", text, size, &diag) != STC_OK) {
        FUZZ_MUST(diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL);
        FUZZ_MUST(memcmp(&before, &s, sizeof s) == 0);
    } else {
        must_write_back(&s);
        must_resolve_or_stay(&s);
    }
    free(text);
    return 0;
}
