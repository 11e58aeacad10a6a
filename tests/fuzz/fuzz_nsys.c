/*
 * Reached: import_nsys.c, store.c, store_read.c and SQLite behind them, on files
 * that may be anything. Holds: one line or an answer, never a crash.
 */
#include <unistd.h>

#include "calib/import.h"
#include "calib/store.h"
#include "tests/fuzz/fuzz.h"

static enum stc_err meas(void *ctx, const struct stc_meas *m, struct stc_diag *diag)
{
    (void)ctx, (void)diag;
    FUZZ_MUST(m->value > 0.0);
    return STC_OK;
}

static enum stc_err row(void *ctx, const struct stc_meas_row *r, struct stc_diag *diag)
{
    (void)diag;
    FUZZ_MUST(r->m.shape != NULL);
    return ++*(int *)ctx < 1000 ? STC_OK : STC_ERR_INTERRUPTED;
}

static void as_store(const char *path)
{
    struct stc_store *s = NULL;
    struct stc_diag diag = {""};
    int n = 0;
    enum stc_err err = stc_store_open(&s, path, STC_DB_READ, &diag);
    if (err == STC_OK) err = stc_store_each(s, NULL, NULL, row, &n, &diag);
    if (err == STC_OK) err = stc_store_check(s, &diag);
    FUZZ_MUST(err == STC_OK || err == STC_ERR_INTERRUPTED ||
              (diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL));
    stc_store_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct stc_import_opts none = {0};
    const struct stc_sink sink = {.meas = meas};
    struct stc_import_report r = {.kind = ""};
    struct stc_diag diag = {""};
    char path[] = "/tmp/stc_fuzz_XXXXXX";
    int fd = mkstemp(path);
    FUZZ_MUST(fd >= 0);
    FUZZ_MUST(write(fd, data, size) == (ssize_t)size);
    (void)close(fd);
    enum stc_err err = stc_import_nsys(path, &none, &sink, &r, &diag);
    FUZZ_MUST(err == STC_OK ||
              (diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL));
    as_store(path);
    (void)remove(path);
    return 0;
}
