#include "calib/import.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/source.h"
#include "hw/gpu.h"
#include "hw/product.h"

const char *stc_import_gpu(const struct stc_hw *hw, const char *product,
                           double mem_bytes, char *buf, size_t size)
{
    const struct stc_gpu *row =
        hw ? stc_hw_gpu_of_product(hw, product, mem_bytes) : NULL;
    const char *name = row ? row->name : stc_gpu_of_product(product, mem_bytes);
    (void)snprintf(buf, size, "%s", name != NULL ? name : stc_product_bare(product));
    return buf;
}

/* ==== what kind of file ==== */

enum kind { NSYS, KINETO, CSV, TEXT };

/* The first bytes, gzip undone; *raw_sqlite when the file itself is SQLite. */
static enum stc_err look(const char *path, char head[512], size_t *n, bool *gzipped,
                         struct stc_diag *diag)
{
    struct stc_source src;
    unsigned char magic[2] = {0, 0};
    FILE *f = fopen(path, "rb");
    if (f == NULL) return stc_fail(diag, STC_ERR_IO, "%s: %s", path, strerror(errno));
    *gzipped = fread(magic, 1, 2, f) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    if (ferror(f) != 0) {
        int e = errno;
        (void)fclose(f);
        return stc_fail(diag, STC_ERR_IO, "%s: %s", path, strerror(e));
    }
    (void)fclose(f);
    enum stc_err err = stc_source_open(&src, path, diag);
    if (err != STC_OK) return err;
    err = stc_source_read(&src, head, 511, n, diag);
    head[*n] = '\0';
    stc_source_close(&src);
    return err;
}

static enum kind kind_of(const char *head, size_t n)
{
    size_t i = 0;
    if (n >= 16 && memcmp(head, "SQLite format 3", 16) == 0) return NSYS;
    if (n >= 3 && memcmp(head, "\xEF\xBB\xBF", 3) == 0) i = 3;
    while (i < n && isspace((unsigned char)head[i]))
        i++;
    if (i < n && head[i] == '{') return KINETO;
    /* '[' also begins lines of logs: "[2025-01-01 ...". */
    if (i < n && head[i] == '[') {
        size_t k = i + 1;
        while (k < n && isspace((unsigned char)head[k]))
            k++;
        if (k < n && head[k] == '{') return KINETO;
    }
    /* A header: at least two commas in the first line and only words. */
    int commas = 0;
    for (; i < n && head[i] != '\n' && head[i] != '\r'; i++) {
        commas += head[i] == ',';
        if (!isalnum((unsigned char)head[i]) && strchr(",_\" .-/", head[i]) == NULL)
            return TEXT;
    }
    return commas >= 2 ? CSV : TEXT;
}

/* FNV-1a and length of the file as it lies there. */
static enum stc_err hash_file(const char *path, struct stc_store_file *f,
                              struct stc_diag *diag)
{
    enum { SIZE = 1 << 18 };
    FILE *in = fopen(path, "rb");
    if (in == NULL) return stc_fail(diag, STC_ERR_IO, "%s: %s", path, strerror(errno));
    char *buf = malloc(SIZE);
    size_t n = 0;
    f->hash = STC_HASH_INIT;
    while (buf != NULL && (n = fread(buf, 1, SIZE, in)) > 0) {
        f->hash = stc_hash64(f->hash, buf, n);
        f->bytes += (int64_t)n;
    }
    bool bad = ferror(in) != 0;
    (void)fclose(in);
    free(buf);
    if (buf == NULL) return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", path);
    return bad ? stc_fail(diag, STC_ERR_IO, "%s: could not be read", path) : STC_OK;
}

/* ==== into the store ==== */

static enum stc_err to_store(void *ctx, const struct stc_meas *m, struct stc_diag *diag)
{
    return stc_store_add(ctx, m, diag);
}

static enum stc_err anchor_to_store(void *ctx, const struct stc_anchor *a,
                                    struct stc_diag *diag)
{
    return stc_store_add_anchor(ctx, a, diag);
}

static enum stc_err by_source(const char *path, stc_importer *importer,
                              const struct stc_import_opts *o,
                              const struct stc_sink *sink, struct stc_import_report *r,
                              struct stc_diag *diag)
{
    struct stc_source src;
    enum stc_err err = stc_source_open(&src, path, diag);
    if (err != STC_OK) return err;
    err = importer(&src, path, o, sink, r, diag);
    stc_source_close(&src);
    return err;
}

/* Text is results of nccl-tests, else a training log. */
static enum stc_err by_text(const char *path, const struct stc_import_opts *o,
                            const struct stc_sink *sink, struct stc_import_report *r,
                            struct stc_diag *diag)
{
    char remark[sizeof r->remark];
    r->kind = "nccl-tests";
    enum stc_err err = by_source(path, stc_import_ncclt, o, sink, r, diag);
    if (err != STC_OK || r->n_rows > 0) return err;
    memcpy(remark, r->remark, sizeof remark);
    r->kind = "log";
    err = by_source(path, stc_import_log, o, sink, r, diag);
    if (err != STC_ERR_PARSE) return err;
    if (remark[0] != '\0')
        return stc_fail(diag, STC_ERR_PARSE, "%s: nccl-tests output, but %s", path,
                        remark);
    return stc_fail(
        diag, STC_ERR_PARSE,
        "%s: neither a table of measurements, nccl-tests output, a "
        "profiler's trace, an Nsight Systems export nor a training log with "
        "step times",
        path);
}

static enum stc_err run(enum kind kind, const char *path,
                        const struct stc_import_opts *o, const struct stc_sink *sink,
                        struct stc_import_report *r, struct stc_diag *diag)
{
    static const char *const names[] = {
        [NSYS] = "nsys", [KINETO] = "kineto", [CSV] = "csv", [TEXT] = "text"};
    r->kind = names[kind];
    switch (kind) {
    case NSYS: return stc_import_nsys(path, o, sink, r, diag);
    case KINETO: return by_source(path, stc_import_kineto, o, sink, r, diag);
    case CSV: return by_source(path, stc_import_csv, o, sink, r, diag);
    case TEXT: break;
    }
    return by_text(path, o, sink, r, diag);
}

enum stc_err stc_import_file(struct stc_store *s, const char *path,
                             const struct stc_import_opts *o,
                             struct stc_import_report *out, struct stc_diag *diag)
{
    static const struct stc_import_opts none = {0};
    char head[512];
    size_t n = 0;
    bool gzipped = false;
    struct stc_import_report r = {.kind = ""};
    struct stc_store_counts counts = {0};
    struct stc_store_file f = {.path = path};
    const struct stc_sink sink = {
        .meas = to_store, .anchor = anchor_to_store, .ctx = s};
    if (o == NULL) o = &none;
    f.tool = o->tool;
    f.date = o->date;
    enum stc_err err = look(path, head, &n, &gzipped, diag);
    if (err == STC_OK) err = hash_file(path, &f, diag);
    if (err != STC_OK) return err;
    enum kind kind = kind_of(head, n);
    if (gzipped && (kind == NSYS || kind == CSV))
        return stc_fail(diag, STC_ERR_PARSE,
                        "%s: unpack it first; only traces and logs are read from gzip",
                        path);
    f.kind = kind == NSYS     ? "nsys"
             : kind == KINETO ? "kineto"
             : kind == CSV    ? "csv"
                              : "text";
    err = stc_store_begin(s, &f, o->on_commit, o->ctx, diag);
    if (err != STC_OK) return err;
    err = run(kind, path, o, &sink, &r, diag);
    if (err != STC_OK) {
        stc_store_abort(s);
        return err;
    }
    err = stc_store_end(s, &counts, diag);
    r.n_new = counts.n_new;
    r.known = counts.known;
    if (err == STC_OK && out != NULL) *out = r;
    return err;
}
