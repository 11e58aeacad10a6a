/*
 * Reached: csv.c. Holds: every row has the header's fields; what was read,
 * written and read again is the same.
 */
#include "sim/base/text.h"
#include "tests/fuzz/fuzz.h"

/* All fields of the text, written as CSV; -1 columns when it is refused. */
static int rewrite(const char *text, size_t len, char **out, size_t *out_len)
{
    struct stc_diag diag = {""};
    struct stc_csv c;
    bool row = true;
    FILE *f = open_memstream(out, out_len);
    FUZZ_MUST(f != NULL);
    struct stc_csv_writer w = {.file = f};
    enum stc_err err = stc_csv_open_mem(&c, "f", text, len, &diag);
    int n_cols = c.n_cols;
    for (int i = 0; err == STC_OK && i < n_cols; i++)
        stc_csv_put_text(&w, c.header[i]);
    if (err == STC_OK) stc_csv_end_row(&w);
    while (err == STC_OK && row) {
        err = stc_csv_next(&c, &row, &diag);
        for (int i = 0; err == STC_OK && row && i < n_cols; i++)
            stc_csv_put_text(&w, stc_csv_text(&c, i));
        if (err == STC_OK && row) stc_csv_end_row(&w);
    }
    FUZZ_MUST(err == STC_OK || strncmp(diag.text, "f:", 2) == 0);
    stc_csv_close(&c);
    FUZZ_MUST(fclose(f) == 0);
    return err == STC_OK ? n_cols : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *once = NULL, *twice = NULL;
    size_t n_once = 0, n_twice = 0;
    int cols = rewrite(text, size, &once, &n_once);
    /* Quoting can make a row too long; what fits must be a fixed point. */
    if (cols > 0 && size < STC_CSV_MAX_ROW_BYTES / 4) {
        FUZZ_MUST(rewrite(once, n_once, &twice, &n_twice) == cols);
        FUZZ_MUST(n_once == n_twice && memcmp(once, twice, n_once) == 0);
    }
    free(text);
    free(once);
    free(twice);
    return 0;
}
