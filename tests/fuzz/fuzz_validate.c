/*
 * Reached: validate.c (reading a table), validate_kinds.c (converters), csv.c,
 * and the scenario setter with whatever stands in a cell.
 * Holds: a table is refused with a sentence, or every row has either a forecast
 * or a note; the step itself is cut short, so that only reading is fuzzed.
 */
#include "sim/study/validate.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const where[] = {"gpus~x"}; /* no row: only the reading */
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_vreport r;
    struct stc_diag diag = {""};
    struct stc_run_params p = {.cost = NULL};
    const struct stc_vopts o = {.where = where, .n_where = 1, .n_threads = 1};
    char *text = fuzz_text(data, size);
    enum stc_err err = stc_validate_mem(&a, "fuzz", text, size, &p, &o, &r, &diag);
    if (err != STC_OK)
        FUZZ_MUST(diag.text[0] != '\0');
    else
        FUZZ_MUST(r.n_rows >= 0 && r.n_time_forecast <= r.n_time_rows);
    stc_arena_free(&a);
    free(text);
    return 0;
}
