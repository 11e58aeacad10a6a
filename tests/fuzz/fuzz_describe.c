/*
 * Reached: describe*.c, xml_pull.c. Holds: what is refused leaves the struct alone;
 * what is said loads as a scenario.
 */
#include "hw/catalogue.h"
#include "hw/describe.h"
#include "scenarios/scenario.h"
#include "sim/base/text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stc_describe d, before;
    static struct stc_scenario s;
    const struct stc_hw *hw = NULL;
    struct stc_diag diag = {""};
    struct stc_text out;
    char *text = fuzz_text(data, size);
    FUZZ_MUST(stc_scenario_hw(NULL, &hw, &diag) == STC_OK);
    stc_describe_init(&d);
    before = d;
    enum stc_err err = stc_describe_add(&d, "f", text, size, &diag);
    if (err != STC_OK) {
        FUZZ_MUST(memcmp(&d, &before, sizeof d) == 0);
        FUZZ_MUST(diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL);
    } else {
        FUZZ_MUST(d.n_gpus >= 0 && d.n_gpus <= STC_NODE_MAX_GPUS);
        stc_text_init(&out, 0);
        stc_describe_yaml(&d, hw, &out);
        stc_scenario_init(&s);
        FUZZ_MUST(stc_scenario_load(&s, "y", stc_text_str(&out), out.len, &diag) ==
                  STC_OK);
        stc_text_clear(&out);
        stc_describe_node_yaml(&d, hw, "mine", &out);
        stc_text_free(&out);
    }
    free(text);
    return 0;
}
