#include "sim/base/bind_convert.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ==== layout in memory ==== */

/* Bytes of one item. ORDER: enum stc_bind_type. */
static const size_t item_bytes[] = {
    [STC_BIND_INT] = sizeof(int),
    [STC_BIND_I64] = sizeof(int64_t),
    [STC_BIND_REAL] = sizeof(double),
    [STC_BIND_BOOL] = sizeof(bool),
    [STC_BIND_ENUM] = sizeof(int),
    [STC_BIND_MASK] = sizeof(uint32_t),
    [STC_BIND_NAME] = 1,
    [STC_BIND_TEXT] = sizeof(const char *),
    [STC_BIND_INT_LIST] = sizeof(int),
    [STC_BIND_REAL_LIST] = sizeof(double),
    [STC_BIND_NAME_LIST] = STC_NAME_BYTES,
};

static unsigned char *at(void *obj, size_t offset)
{
    return (unsigned char *)obj + offset;
}

static const unsigned char *at_const(const void *obj, size_t offset)
{
    return (const unsigned char *)obj + offset;
}

static bool has_count(const struct stc_bind_row *row)
{
    return row->type == STC_BIND_INT_LIST || row->type == STC_BIND_REAL_LIST ||
           row->type == STC_BIND_NAME_LIST;
}

bool stc_bind_is_list(const struct stc_bind_row *row)
{
    return has_count(row) || row->type == STC_BIND_MASK;
}

static int capacity(const struct stc_bind_row *row)
{
    size_t n = row->size / item_bytes[row->type];
    return n < STC_BIND_MAX_ITEMS ? (int)n : STC_BIND_MAX_ITEMS;
}

void stc_bind_clear(const struct stc_bind_row *row, void *obj)
{
    int zero = 0;
    memset(at(obj, row->offset), 0, row->size);
    if (has_count(row)) memcpy(at(obj, row->count_offset), &zero, sizeof(zero));
}

/* ==== text to value ==== */

static enum stc_err in_range(const struct stc_bind_row *row, double v, enum stc_dim dim,
                             struct stc_diag *diag)
{
    char got[48], lo[48], hi[48];
    if (row->min == 0.0 && row->max == 0.0) return STC_OK;
    if (v >= row->min && v <= row->max) return STC_OK;
    (void)stc_units_format_exact(v, dim, got, sizeof(got));
    (void)stc_units_format_exact(row->min, dim, lo, sizeof(lo));
    (void)stc_units_format_exact(row->max, dim, hi, sizeof(hi));
    if (isinf(row->max))
        return stc_fail(diag, STC_ERR_RANGE, "%s is below %s", got, lo);
    if (isinf(row->min))
        return stc_fail(diag, STC_ERR_RANGE, "%s is above %s", got, hi);
    return stc_fail(diag, STC_ERR_RANGE, "%s is not in [%s, %s]", got, lo, hi);
}

static bool is_auto(const struct stc_bind_row *row, const char *text)
{
    return (row->flags & STC_BIND_AUTO) != 0 && strcmp(text, "auto") == 0;
}

static enum stc_err to_real(const struct stc_bind_row *row, const char *text,
                            double *out, struct stc_diag *diag)
{
    *out = -1.0;
    if (is_auto(row, text)) return STC_OK;
    enum stc_err err = stc_units_parse(text, row->dim, out, diag);
    return err != STC_OK ? err : in_range(row, *out, row->dim, diag);
}

static enum stc_err to_i64(const struct stc_bind_row *row, const char *text,
                           int64_t most, int64_t *out, struct stc_diag *diag)
{
    double v;
    *out = -1;
    if (is_auto(row, text)) return STC_OK;
    if (!stc_text_to_i64(text, out)) {
        /* "300B" tokens, and 1e9 where people write it; exact below 2^53 */
        enum stc_dim dim = row->dim == STC_DIM_COUNT ? STC_DIM_COUNT : STC_DIM_NONE;
        if (stc_units_parse(text, dim, &v, diag) != STC_OK)
            return stc_fail(diag, STC_ERR_PARSE, "\"%.60s\" is not a whole number%s",
                            text, (row->flags & STC_BIND_AUTO) != 0 ? " or auto" : "");
        if (v != floor(v) || fabs(v) > 9007199254740992.0)
            return stc_fail(diag, STC_ERR_PARSE, "\"%.60s\" is not a whole number",
                            text);
        *out = (int64_t)v;
    }
    if (*out > most || *out < -most)
        return stc_fail(diag, STC_ERR_RANGE, "%lld is too large", (long long)*out);
    return in_range(row, (double)*out, STC_DIM_NONE, diag);
}

static enum stc_err to_int(const struct stc_bind_row *row, const char *text, int *out,
                           struct stc_diag *diag)
{
    int64_t v;
    enum stc_err err = to_i64(row, text, INT_MAX, &v, diag);
    *out = err == STC_OK ? (int)v : 0;
    return err;
}

static enum stc_err to_bool(const char *text, bool *out, struct stc_diag *diag)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (int i = 0; i < 6; i++) {
        if (strcasecmp(text, words[i]) != 0) continue;
        *out = i % 2 == 1;
        return STC_OK;
    }
    return stc_fail(diag, STC_ERR_PARSE, "\"%.60s\" is not true or false", text);
}

static int n_names(const struct stc_bind_row *row)
{
    int n = 0;
    while (row->names[n] != NULL)
        n++;
    return n;
}

static enum stc_err to_enum(const struct stc_bind_row *row, const char *text, int *out,
                            struct stc_diag *diag)
{
    struct stc_text all;
    char near[160];
    int n = n_names(row);
    for (int i = 0; i < n; i++) {
        if (strcmp(row->names[i], text) != 0) continue;
        *out = i;
        return STC_OK;
    }
    stc_text_init(&all, 240);
    for (int i = 0; i < n; i++)
        stc_text_printf(&all, "%s%s", i > 0 ? ", " : "", row->names[i]);
    enum stc_err err =
        stc_fail(diag, STC_ERR_UNKNOWN, "\"%.60s\" is not one of %s%s%s", text,
                 stc_text_str(&all), stc_text_err(&all) != STC_OK ? ", ..." : "",
                 stc_near_text(text, row->names, (size_t)n, near, sizeof(near)));
    stc_text_free(&all);
    return err;
}

/* The length of the UTF-8 character at p, 0 when it is none or is one that a
 * YAML file may not hold, so that what is read can be written back. */
static int utf8_len(const unsigned char *p)
{
    unsigned cp, least;
    int n;
    if (p[0] < 0x80) return p[0] >= 0x20 && p[0] != 0x7f ? 1 : 0;
    if (p[0] >= 0xc2 && p[0] < 0xe0)
        n = 2, cp = p[0] & 0x1fu, least = 0xa0;
    else if (p[0] >= 0xe0 && p[0] < 0xf0)
        n = 3, cp = p[0] & 0xfu, least = 0x800;
    else if (p[0] >= 0xf0 && p[0] < 0xf5)
        n = 4, cp = p[0] & 0x7u, least = 0x10000;
    else
        return 0;
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        cp = cp << 6 | (p[i] & 0x3fu);
    }
    bool odd = (cp >= 0xd800 && cp < 0xe000) || cp == 0xfeff || cp == 0xfffe ||
               cp == 0xffff || cp == 0x2028 || cp == 0x2029;
    return cp < least || cp > 0x10ffff || odd ? 0 : n;
}

/* most: bytes that fit, without the NUL. */
static enum stc_err check_text(const char *text, size_t most, struct stc_diag *diag)
{
    size_t len = strlen(text);
    if (len > most)
        return stc_fail(diag, STC_ERR_RANGE, "\"%.40s...\" is longer than %zu bytes",
                        text, most);
    for (const char *p = text; *p != '\0';) {
        int n = utf8_len((const unsigned char *)p);
        if (n == 0)
            return stc_fail(diag, STC_ERR_PARSE,
                            "byte %zu is a control character or not UTF-8",
                            (size_t)(p - text) + 1);
        p += n;
    }
    return STC_OK;
}

static enum stc_err to_name(const char *text, unsigned char *out, size_t size,
                            struct stc_diag *diag)
{
    enum stc_err err = check_text(text, size - 1, diag);
    if (err != STC_OK) return err;
    memset(out, 0, size);
    memcpy(out, text, strlen(text) + 1);
    return STC_OK;
}

static enum stc_err to_text(const char *text, unsigned char *out, struct stc_arena *a,
                            struct stc_diag *diag)
{
    enum { MOST = 64 * 1024 };
    const char *copy = NULL; /* an empty text is an unset one */
    enum stc_err err = check_text(text, MOST, diag);
    if (err != STC_OK) return err;
    if (text[0] != '\0') {
        copy = stc_arena_strdup(a, text);
        if (copy == NULL) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    }
    memcpy(out, &copy, sizeof(copy));
    return STC_OK;
}

/* One value, or one item of a list, to its place. */
static enum stc_err convert_one(const struct stc_bind_row *row, const char *text,
                                unsigned char *out, struct stc_arena *a,
                                struct stc_diag *diag)
{
    union {
        int i;
        int64_t i64;
        double real;
        bool flag;
    } v = {0};
    enum stc_err err = STC_OK;
    switch (row->type) {
    case STC_BIND_NAME: return to_name(text, out, row->size, diag);
    case STC_BIND_TEXT: return to_text(text, out, a, diag);
    case STC_BIND_NAME_LIST:
        if (strpbrk(text, ",[]") != NULL)
            return stc_fail(diag, STC_ERR_PARSE, "\"%.60s\" holds a comma or bracket",
                            text);
        return to_name(text, out, STC_NAME_BYTES, diag);
    case STC_BIND_INT:
    case STC_BIND_INT_LIST: err = to_int(row, text, &v.i, diag); break;
    case STC_BIND_I64: err = to_i64(row, text, INT64_MAX, &v.i64, diag); break;
    case STC_BIND_REAL:
    case STC_BIND_REAL_LIST: err = to_real(row, text, &v.real, diag); break;
    case STC_BIND_BOOL: err = to_bool(text, &v.flag, diag); break;
    case STC_BIND_ENUM: err = to_enum(row, text, &v.i, diag); break;
    case STC_BIND_MASK: err = STC_ERR_BUG; break; /* convert_mask does these */
    }
    if (err == STC_OK) memcpy(out, &v, item_bytes[row->type]);
    return err;
}

static enum stc_err convert_mask(const struct stc_bind_row *row,
                                 const char *const *texts, int n, void *obj,
                                 struct stc_diag *diag)
{
    uint32_t mask = 0;
    assert(n_names(row) <= 32);
    for (int i = 0; i < n; i++) {
        int bit = 0;
        if (strcmp(texts[i], "none") == 0 && n == 1) break;
        enum stc_err err = to_enum(row, texts[i], &bit, diag);
        if (err != STC_OK) return err;
        mask |= (uint32_t)1 << bit;
    }
    memcpy(at(obj, row->offset), &mask, sizeof(mask));
    return STC_OK;
}

enum stc_err stc_bind_convert(const struct stc_bind_row *row, const char *const *texts,
                              int n, void *obj, struct stc_arena *a,
                              struct stc_diag *diag)
{
    assert(row->type == STC_BIND_NAME || has_count(row) ||
           row->size == item_bytes[row->type]);
    if (row->type == STC_BIND_MASK) return convert_mask(row, texts, n, obj, diag);
    if (!has_count(row))
        return convert_one(row, texts[0], at(obj, row->offset), a, diag);
    if (n > capacity(row))
        return stc_fail(diag, STC_ERR_RANGE, "%d items; at most %d are read", n,
                        capacity(row));
    stc_bind_clear(row, obj);
    for (int i = 0; i < n; i++) {
        unsigned char *out = at(obj, row->offset + (size_t)i * item_bytes[row->type]);
        enum stc_err err = convert_one(row, texts[i], out, a, diag);
        if (err != STC_OK) return err;
    }
    memcpy(at(obj, row->count_offset), &n, sizeof(n));
    return STC_OK;
}

enum stc_err stc_bind_convert_text(const struct stc_bind_row *row, const char *text,
                                   void *obj, struct stc_arena *a,
                                   struct stc_diag *diag)
{
    if (!stc_bind_is_list(row)) return stc_bind_convert(row, &text, 1, obj, a, diag);
    const char *items[STC_BIND_MAX_ITEMS];
    char *copy = stc_arena_strdup(a, text);
    if (copy == NULL) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    int n = 0;
    size_t len = strlen(copy);
    if (len >= 2 && copy[0] == '[' && copy[len - 1] == ']') {
        copy[len - 1] = '\0';
        copy++;
    }
    for (char *p = copy; p != NULL && n < STC_BIND_MAX_ITEMS;) {
        char *comma = strchr(p, ',');
        if (comma != NULL) *comma = '\0';
        p += strspn(p, " ");
        for (size_t k = strlen(p); k > 0 && p[k - 1] == ' '; k--)
            p[k - 1] = '\0';
        items[n++] = p;
        p = comma != NULL ? comma + 1 : NULL;
    }
    if (n == 1 && items[0][0] == '\0') n = 0; /* an empty list */
    return stc_bind_convert(row, items, n, obj, a, diag);
}

/* ==== value to text ==== */

int stc_bind_n_items(const struct stc_bind_row *row, const void *obj)
{
    int n = 1;
    if (row->type == STC_BIND_MASK) {
        uint32_t mask;
        memcpy(&mask, at_const(obj, row->offset), sizeof(mask));
        for (n = 0; mask != 0; mask &= mask - 1)
            n++;
    } else if (has_count(row)) {
        memcpy(&n, at_const(obj, row->count_offset), sizeof(n));
        if (n > capacity(row)) n = capacity(row);
        if (n < 0) n = 0;
    }
    return n;
}

static void put_mask_item(const struct stc_bind_row *row, uint32_t mask, int i,
                          struct stc_text *out)
{
    int n = n_names(row);
    for (int bit = 0; bit < n && bit < 32; bit++)
        if ((mask >> bit & 1u) != 0 && i-- == 0) stc_text_put(out, row->names[bit]);
}

void stc_bind_put_item(const struct stc_bind_row *row, const void *obj, int i,
                       struct stc_text *out)
{
    char buf[48];
    const unsigned char *p = at_const(
        obj, row->offset + (has_count(row) ? (size_t)i * item_bytes[row->type] : 0));
    union {
        int i;
        int64_t i64;
        double real;
        bool flag;
        uint32_t mask;
        const char *text;
    } v;
    memset(&v, 0, sizeof(v));
    if (row->type != STC_BIND_NAME && row->type != STC_BIND_NAME_LIST)
        memcpy(&v, p, item_bytes[row->type]);
    bool may_auto = (row->flags & STC_BIND_AUTO) != 0;
    switch (row->type) {
    case STC_BIND_INT:
    case STC_BIND_INT_LIST:
        if (may_auto && v.i == -1)
            stc_text_put(out, "auto");
        else
            stc_text_printf(out, "%d", v.i);
        break;
    case STC_BIND_I64:
        if (may_auto && v.i64 == -1)
            stc_text_put(out, "auto");
        else
            stc_text_printf(out, "%lld", (long long)v.i64);
        break;
    case STC_BIND_REAL:
    case STC_BIND_REAL_LIST:
        if (may_auto && v.real == -1.0)
            stc_text_put(out, "auto");
        else
            stc_text_put(out,
                         stc_units_format_exact(v.real, row->dim, buf, sizeof(buf)));
        break;
    case STC_BIND_BOOL: stc_text_put(out, v.flag ? "true" : "false"); break;
    case STC_BIND_ENUM:
        if (v.i >= 0 && v.i < n_names(row)) stc_text_put(out, row->names[v.i]);
        break;
    case STC_BIND_MASK: put_mask_item(row, v.mask, i, out); break;
    case STC_BIND_NAME:
        stc_text_put_n(out, (const char *)p, strnlen((const char *)p, row->size));
        break;
    case STC_BIND_NAME_LIST:
        stc_text_put_n(out, (const char *)p, strnlen((const char *)p, STC_NAME_BYTES));
        break;
    case STC_BIND_TEXT: stc_text_put(out, v.text != NULL ? v.text : ""); break;
    }
}
