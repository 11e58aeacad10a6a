#include "sim/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ==== reading ==== */

static int next_char(struct stc_csv *c)
{
    if (c->file != NULL) return getc(c->file);
    return c->mem_pos < c->mem_len ? (unsigned char)c->mem[c->mem_pos++] : EOF;
}

static void put_back(struct stc_csv *c, int ch)
{
    if (ch == EOF) return;
    if (c->file != NULL)
        (void)ungetc(ch, c->file);
    else
        c->mem_pos--;
}

enum stc_err(stc_csv_fail)(const struct stc_csv *c, int col, struct stc_diag *diag,
                           enum stc_err err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)stc_failv(diag, err, fmt, ap);
    va_end(ap);
    if (col >= 0 && col < c->n_cols)
        return stc_fail_prefix(diag, err, "%s:%d: %s", c->name, c->line,
                               c->header[col]);
    return stc_fail_prefix(diag, err, "%s:%d", c->name, c->line);
}

/* A row being read: its bytes, and where its fields begin. */
struct row {
    struct stc_csv *csv;
    size_t len;
    int n;
    size_t start[STC_CSV_MAX_COLS];
    bool too_long, too_wide, bad_quote, any_quote;
};

static void row_put(struct row *r, int ch)
{
    if (r->len + 1 >= STC_CSV_MAX_ROW_BYTES) {
        r->too_long = true;
        return;
    }
    r->csv->buf[r->len++] = (char)ch;
}

/* Inside quotes, up to and with the closing one. */
static void read_quoted(struct row *r)
{
    for (;;) {
        int ch = next_char(r->csv);
        if (ch == EOF || ch == '\0') {
            r->bad_quote = true;
            return;
        }
        if (ch == '"') {
            int after = next_char(r->csv);
            if (after != '"') {
                put_back(r->csv, after);
                return;
            }
        }
        if (ch == '\n') r->csv->next_line++;
        row_put(r, ch);
        if (r->too_long) return;
    }
}

/* A byte order mark may stand before the header. Returns the next character;
 * bytes that only began like one are put into the field. */
static int skip_bom(struct row *r, int first)
{
    int second = next_char(r->csv);
    if (second != 0xbb) {
        row_put(r, first);
        return second;
    }
    int third = next_char(r->csv);
    if (third == 0xbf) return next_char(r->csv);
    row_put(r, first);
    row_put(r, second);
    return third;
}

/* One field; returns what ended it: ',', '\n' or EOF. */
static int read_field(struct row *r)
{
    if (r->n == STC_CSV_MAX_COLS)
        r->too_wide = true;
    else
        r->start[r->n++] = r->len;
    int ch = next_char(r->csv);
    if (ch == 0xef && r->csv->header_buf == NULL && r->n == 1) ch = skip_bom(r, ch);
    bool quoted = ch == '"';
    if (quoted) {
        r->any_quote = true;
        read_quoted(r);
        ch = next_char(r->csv);
    }
    for (;; ch = next_char(r->csv)) {
        if (ch == '\r') {
            int after = next_char(r->csv);
            if (after == '\n' || after == EOF)
                ch = after;
            else
                put_back(r->csv, after);
        }
        if (ch == ',' || ch == '\n' || ch == EOF || r->too_long || r->bad_quote) break;
        if (quoted || ch == '\0')
            r->bad_quote = true; /* text after the closing quote */
        row_put(r, ch);
    }
    if (ch == '\n') r->csv->next_line++;
    row_put(r, '\0');
    return ch;
}

/* Reads one row into csv->buf. *got false: nothing but the end was left. */
static enum stc_err read_row(struct stc_csv *c, struct row *r, bool *got,
                             struct stc_diag *diag)
{
    int end;
    *got = false;
    do { /* skip empty lines */
        *r = (struct row){.csv = c};
        c->line = c->next_line;
        int ch = next_char(c);
        if (ch == EOF) {
            if (c->file != NULL && ferror(c->file))
                return stc_csv_fail(c, -1, diag, STC_ERR_IO, "cannot read: %s",
                                    strerror(errno));
            return STC_OK;
        }
        put_back(c, ch);
        do {
            end = read_field(r);
        } while (end == ',' && !r->too_wide);
    } while (r->n == 1 && c->buf[0] == '\0' && end == '\n' && !r->any_quote &&
             !r->too_long);
    if (r->too_long)
        return stc_csv_fail(c, -1, diag, STC_ERR_PARSE,
                            "a row of more than %d bytes; a quote may be left open",
                            STC_CSV_MAX_ROW_BYTES);
    if (r->too_wide)
        return stc_csv_fail(c, -1, diag, STC_ERR_PARSE, "more than %d columns",
                            STC_CSV_MAX_COLS);
    if (r->bad_quote)
        return stc_csv_fail(
            c, -1, diag, STC_ERR_PARSE,
            "a quote is left open, or text follows a closing quote, or a "
            "NUL stands in the text");
    *got = true;
    return STC_OK;
}

static enum stc_err read_header(struct stc_csv *c, struct stc_diag *diag)
{
    struct row r;
    bool got;
    enum stc_err err = read_row(c, &r, &got, diag);
    if (err != STC_OK) return err;
    if (!got)
        return stc_fail(diag, STC_ERR_PARSE,
                        "%s: is empty; the first line names the columns", c->name);
    c->header_buf = malloc(r.len);
    if (c->header_buf == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", c->name);
    memcpy(c->header_buf, c->buf, r.len);
    for (int i = 0; i < r.n; i++)
        c->header[i] = c->header_buf + r.start[i];
    for (int i = 0; i < r.n; i++) {
        int first = stc_csv_col(c, c->header[i]);
        if (first >= 0)
            return stc_csv_fail(c, -1, diag, STC_ERR_PARSE,
                                "column \"%.60s\" stands twice", c->header[i]);
        c->n_cols = i + 1;
    }
    return STC_OK;
}

static enum stc_err start(struct stc_csv *c, struct stc_diag *diag)
{
    c->next_line = 1;
    c->buf = malloc(STC_CSV_MAX_ROW_BYTES);
    enum stc_err err = c->buf == NULL
                           ? stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", c->name)
                           : read_header(c, diag);
    if (err != STC_OK) stc_csv_close(c);
    return err;
}

enum stc_err stc_csv_open(struct stc_csv *c, const char *path, struct stc_diag *diag)
{
    *c = (struct stc_csv){.name = path, .file = fopen(path, "rb")};
    if (c->file == NULL)
        return stc_fail(diag, STC_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    return start(c, diag);
}

enum stc_err stc_csv_open_mem(struct stc_csv *c, const char *name, const char *text,
                              size_t len, struct stc_diag *diag)
{
    *c = (struct stc_csv){.name = name, .mem = text, .mem_len = len};
    return start(c, diag);
}

void stc_csv_close(struct stc_csv *c)
{
    if (c->file != NULL) (void)fclose(c->file);
    free(c->buf);
    free(c->header_buf);
    *c = (struct stc_csv){.name = c->name};
}

enum stc_err stc_csv_next(struct stc_csv *c, bool *got, struct stc_diag *diag)
{
    struct row r;
    *got = false;
    enum stc_err err = read_row(c, &r, got, diag);
    if (err != STC_OK || !*got) return err;
    if (r.n != c->n_cols) {
        *got = false;
        return stc_csv_fail(c, -1, diag, STC_ERR_PARSE,
                            "%d fields where the header has %d", r.n, c->n_cols);
    }
    for (int i = 0; i < r.n; i++)
        c->field[i] = c->buf + r.start[i];
    return STC_OK;
}

int stc_csv_col(const struct stc_csv *c, const char *name)
{
    for (int i = 0; i < c->n_cols; i++)
        if (strcmp(c->header[i], name) == 0) return i;
    return -1;
}

enum stc_err stc_csv_need(const struct stc_csv *c, const char *name, int *col,
                          struct stc_diag *diag)
{
    char near[160];
    const char *names[STC_CSV_MAX_COLS];
    int i = stc_csv_col(c, name);
    if (i >= 0) {
        *col = i;
        return STC_OK;
    }
    for (i = 0; i < c->n_cols; i++)
        names[i] = c->header[i];
    return stc_fail(diag, STC_ERR_UNKNOWN, "%s:1: no column \"%.60s\"%s", c->name, name,
                    stc_near_text(name, names, (size_t)c->n_cols, near, sizeof(near)));
}

const char *stc_csv_text(const struct stc_csv *c, int col)
{
    return col >= 0 && col < c->n_cols && c->field[col] != NULL ? c->field[col] : "";
}

/* True when there is a cell to convert; else *err says what that means. */
static bool cell(const struct stc_csv *c, int col, bool *given, enum stc_err *err,
                 struct stc_diag *diag)
{
    bool there = stc_csv_text(c, col)[0] != '\0';
    *err = STC_OK;
    if (given != NULL)
        *given = there;
    else if (!there)
        *err = stc_csv_fail(c, col, diag, STC_ERR_PARSE, "the cell is empty");
    return there;
}

enum stc_err stc_csv_double(const struct stc_csv *c, int col, double *out, bool *given,
                            struct stc_diag *diag)
{
    enum stc_err err;
    if (!cell(c, col, given, &err, diag)) return err;
    if (stc_text_to_double(c->field[col], out)) return STC_OK;
    return stc_csv_fail(c, col, diag, STC_ERR_PARSE, "\"%.60s\" is not a number",
                        c->field[col]);
}

enum stc_err stc_csv_i64(const struct stc_csv *c, int col, int64_t *out, bool *given,
                         struct stc_diag *diag)
{
    enum stc_err err;
    if (!cell(c, col, given, &err, diag)) return err;
    if (stc_text_to_i64(c->field[col], out)) return STC_OK;
    return stc_csv_fail(c, col, diag, STC_ERR_PARSE, "\"%.60s\" is not a whole number",
                        c->field[col]);
}

/* ==== writing ==== */

void stc_csv_put_text(struct stc_csv_writer *w, const char *s)
{
    if (w->col++ > 0) (void)putc(',', w->file);
    /* Quoted too: the one empty field of a row, which would be an empty line, and
     * what a reader would take for a byte order mark. */
    bool plain = strpbrk(s, ",\"\r\n") == NULL && strncmp(s, "\xef\xbb\xbf", 3) != 0;
    if (plain && (s[0] != '\0' || w->col > 1)) {
        (void)fputs(s, w->file);
        return;
    }
    (void)putc('"', w->file);
    for (; *s != '\0'; s++) {
        if (*s == '"') (void)putc('"', w->file);
        (void)putc(*s, w->file);
    }
    (void)putc('"', w->file);
}

void stc_csv_put_double(struct stc_csv_writer *w, double v)
{
    char buf[40];
    stc_csv_put_text(w, isnan(v) ? "" : stc_text_double(v, buf, sizeof(buf)));
}

void stc_csv_put_i64(struct stc_csv_writer *w, int64_t v)
{
    char buf[24];
    (void)snprintf(buf, sizeof(buf), "%lld", (long long)v);
    stc_csv_put_text(w, buf);
}

void stc_csv_end_row(struct stc_csv_writer *w)
{
    (void)putc('\n', w->file);
    w->col = 0;
}
