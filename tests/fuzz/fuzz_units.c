/*
 * Reached: units.c, text.c (numbers). The first byte chooses the dimension.
 * Holds: what is accepted is finite, is written exactly and reads back the
 * same; without a unit, units_parse and strtod agree.
 */
#include <math.h>

#include "sim/base/text.h"
#include "sim/base/units.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    enum stc_dim dim = (enum stc_dim)(data[0] % STC_DIM_N);
    char *text = fuzz_text(data + 1, size - 1);
    struct stc_diag diag = {""};
    double v = -7.0, back, plain;
    char buf[48];
    if (stc_units_parse(text, dim, &v, &diag) == STC_OK) {
        FUZZ_MUST(isfinite(v));
        (void)stc_units_format_exact(v, dim, buf, sizeof(buf));
        FUZZ_MUST(strlen(buf) < 40);
        FUZZ_MUST(stc_units_parse(buf, dim, &back, &diag) == STC_OK);
        FUZZ_MUST(memcmp(&v, &back, sizeof(v)) == 0);
        (void)stc_units_format(v, dim, buf, sizeof(buf));
        if (dim == STC_DIM_NONE) {
            FUZZ_MUST(stc_text_to_double(text, &plain) || strlen(text) > 0);
            if (stc_text_to_double(text, &plain))
                FUZZ_MUST(memcmp(&v, &plain, sizeof(v)) == 0);
        }
    } else {
        double untouched = -7.0;
        FUZZ_MUST(diag.text[0] != '\0' && memcmp(&v, &untouched, sizeof(v)) == 0);
    }
    free(text);
    return 0;
}
