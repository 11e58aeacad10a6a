#include "calib/json_pull.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 18 };
/* What may come next. */
enum { W_VALUE, W_FIRST, W_KEY, W_FIRST_KEY, W_COLON, W_COMMA, W_NOTHING };

static enum stc_err bad(const struct stc_json *j, const char *what,
                        struct stc_diag *diag)
{
    return stc_fail(diag, STC_ERR_PARSE, "%s: byte %lld: %s", j->src->name,
                    (long long)(j->base + (int64_t)j->pos), what);
}

enum stc_err stc_json_open(struct stc_json *j, struct stc_source *src,
                           struct stc_diag *diag)
{
    *j = (struct stc_json){.src = src, .want = W_VALUE, .text = NULL};
    j->buf = malloc(BLOCK + 1);
    j->scratch = malloc(STC_JSON_TOKEN + 8);
    if (j->buf == NULL || j->scratch == NULL) {
        stc_json_close(j);
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", src->name);
    }
    return STC_OK;
}

void stc_json_close(struct stc_json *j)
{
    free(j->buf);
    free(j->scratch);
    j->buf = j->scratch = NULL;
}

/* More bytes behind those from `keep` on, which move to the front. *more is
 * false at the end of the text. */
static enum stc_err refill(struct stc_json *j, size_t keep, bool *more,
                           struct stc_diag *diag)
{
    size_t left = j->len - keep, n = 0;
    if (keep > 0 && left > 0) memmove(j->buf, j->buf + keep, left);
    j->base += (int64_t)keep;
    j->pos -= keep;
    j->len = left;
    *more = false;
    if (left == BLOCK) return STC_OK; /* full: the caller copes */
    enum stc_err err = stc_source_read(j->src, j->buf + left, BLOCK - left, &n, diag);
    if (err != STC_OK) return err;
    j->len += n;
    *more = n > 0;
    return STC_OK;
}

/* The next byte that is no blank, not consumed; -1 at the end, -2 on failure. */
static int peek(struct stc_json *j, enum stc_err *err, struct stc_diag *diag)
{
    for (;;) {
        while (j->pos < j->len) {
            char c = j->buf[j->pos];
            if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
                return (unsigned char)c;
            j->pos++;
        }
        bool more = false;
        *err = refill(j, j->len, &more, diag);
        if (*err != STC_OK) return -2;
        if (!more) return -1;
    }
}

/* ==== strings ==== */

static size_t utf8(uint32_t u, char *to)
{
    if (u >= 0xD800 && u < 0xE000) u = '?';
    if (u == 0) u = ' ';
    if (u < 0x80) return to[0] = (char)u, 1;
    if (u < 0x800) {
        to[0] = (char)(0xC0 | (u >> 6));
        to[1] = (char)(0x80 | (u & 63));
        return 2;
    }
    if (u < 0x10000) {
        to[0] = (char)(0xE0 | (u >> 12));
        to[1] = (char)(0x80 | ((u >> 6) & 63));
        to[2] = (char)(0x80 | (u & 63));
        return 3;
    }
    to[0] = (char)(0xF0 | (u >> 18));
    to[1] = (char)(0x80 | ((u >> 12) & 63));
    to[2] = (char)(0x80 | ((u >> 6) & 63));
    to[3] = (char)(0x80 | (u & 63));
    return 4;
}

static enum stc_err get(struct stc_json *j, int *c, struct stc_diag *diag)
{
    if (j->pos == j->len) {
        bool more = false;
        enum stc_err err = refill(j, j->len, &more, diag);
        if (err != STC_OK) return err;
        if (!more) return bad(j, "the text ends inside a string", diag);
    }
    *c = (unsigned char)j->buf[j->pos++];
    return STC_OK;
}

static enum stc_err hex4(struct stc_json *j, uint32_t *out, struct stc_diag *diag)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int c = 0;
        enum stc_err err = get(j, &c, diag);
        if (err != STC_OK) return err;
        int v = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (v < 0) return bad(j, "four hexadecimal digits must follow \\u", diag);
        *out = *out * 16 + (uint32_t)v;
    }
    return STC_OK;
}

/* After a backslash: its character(s) into to; *n how many. */
static enum stc_err escape(struct stc_json *j, char to[4], size_t *n,
                           struct stc_diag *diag)
{
    static const char from[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
    int c = 0;
    uint32_t u = 0, low = 0;
    enum stc_err err = get(j, &c, diag);
    if (err != STC_OK) return err;
    const char *at = c != 0 ? strchr(from, c) : NULL;
    if (at != NULL) {
        to[0] = is[at - from];
        *n = 1;
        return STC_OK;
    }
    if (c != 'u') return bad(j, "no such escape in a string", diag);
    if ((err = hex4(j, &u, diag)) != STC_OK) return err;
    if (u >= 0xD800 && u < 0xDC00) { /* the first half of a pair */
        int b = 0;
        if ((err = get(j, &b, diag)) != STC_OK) return err;
        if (b == '\\' && (err = get(j, &c, diag)) != STC_OK) return err;
        if (b == '\\' && c == 'u') {
            if ((err = hex4(j, &low, diag)) != STC_OK) return err;
            if (low >= 0xDC00 && low < 0xE000)
                u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
        } else {
            j->pos -= b == '\\' ? 2 : 1; /* both bytes came from this block */
        }
    }
    *n = utf8(u, to);
    return STC_OK;
}

/* The general way: byte by byte into scratch. The opening quote is consumed,
 * and `have` bytes stand in scratch already. */
static enum stc_err string_slow(struct stc_json *j, size_t have, struct stc_diag *diag)
{
    size_t o = have;
    for (;;) {
        char out[4];
        size_t n = 1;
        int c = 0;
        /* Both halves of a pair of escapes must lie in one block. */
        if (j->len - j->pos < 16) {
            bool more = false;
            enum stc_err err = refill(j, j->pos, &more, diag);
            if (err != STC_OK) return err;
        }
        enum stc_err err = get(j, &c, diag);
        if (err != STC_OK) return err;
        if (c == '"') break;
        out[0] = (char)(c == 0 ? ' ' : c);
        if (c == '\\' && (err = escape(j, out, &n, diag)) != STC_OK) return err;
        if (o + n > STC_JSON_TOKEN)
            j->cut = true;
        else
            memcpy(j->scratch + o, out, n), o += n;
    }
    j->scratch[o] = '\0';
    j->text = j->scratch;
    j->text_len = o;
    return STC_OK;
}

static enum stc_err string(struct stc_json *j, struct stc_diag *diag)
{
    size_t start = ++j->pos;
    const char *end = memchr(j->buf + start, '"', j->len - start);
    j->cut = false;
    if (end != NULL) {
        size_t n = (size_t)(end - (j->buf + start));
        if (n < STC_JSON_TOKEN && memchr(j->buf + start, '\\', n) == NULL &&
            memchr(j->buf + start, '\0', n) == NULL) {
            j->text = j->buf + start;
            j->text_len = n;
            j->text[n] = '\0'; /* where the closing quote was */
            j->pos = start + n + 1;
            return STC_OK;
        }
    }
    return string_slow(j, 0, diag);
}

/* ==== numbers and words ==== */

static bool word_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '+' || c == '-' || c == '.' || c == '_';
}

static enum stc_err word(struct stc_json *j, struct stc_diag *diag)
{
    static const struct {
        const char *text;
        enum stc_json_kind kind;
    } words[] = {{"true", STC_JSON_TRUE},        {"false", STC_JSON_FALSE},
                 {"null", STC_JSON_NULL},        {"NaN", STC_JSON_NUMBER},
                 {"nan", STC_JSON_NUMBER},       {"Infinity", STC_JSON_NUMBER},
                 {"-Infinity", STC_JSON_NUMBER}, {"inf", STC_JSON_NUMBER},
                 {"-nan", STC_JSON_NUMBER},      {"-inf", STC_JSON_NUMBER}};
    size_t n = 0;
    char c;
    for (;;) {
        if (j->pos + n == j->len) {
            bool more = false;
            enum stc_err err = refill(j, j->pos, &more, diag);
            if (err != STC_OK) return err;
            if (!more) break;
        }
        c = j->buf[j->pos + n];
        if (!word_char(c) || n >= 512) break;
        n++;
    }
    const char *at = j->buf + j->pos;
    memcpy(j->scratch, at, n);
    j->scratch[n] = '\0';
    at = j->scratch;
    bool number = n > 0 && n < 512 && strspn(at, "0123456789+-.eE") == n &&
                  ((at[0] >= '0' && at[0] <= '9') ||
                   (at[0] == '-' && at[1] >= '0' && at[1] <= '9'));
    j->text = j->scratch;
    j->text_len = n;
    j->cut = false;
    j->kind = STC_JSON_NUMBER;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(j->scratch, words[i].text) != 0) continue;
        j->kind = words[i].kind;
        number = true;
    }
    if (!number) return bad(j, "a value is wanted here", diag);
    j->pos += n;
    return STC_OK;
}

/* ==== the grammar ==== */

static bool in_object(const struct stc_json *j)
{
    return j->depth > 0 && ((j->in_object >> (j->depth - 1)) & 1) != 0;
}

static void after_value(struct stc_json *j)
{
    j->want = j->depth == 0 ? W_NOTHING : W_COMMA;
}

static enum stc_err open_level(struct stc_json *j, bool object, struct stc_diag *diag)
{
    if (j->depth == STC_JSON_DEPTH) return bad(j, "nested more than 64 deep", diag);
    uint64_t bit = UINT64_C(1) << j->depth;
    j->in_object = object ? j->in_object | bit : j->in_object & ~bit;
    j->depth++;
    j->pos++;
    j->kind = object ? STC_JSON_OBJECT : STC_JSON_ARRAY;
    j->want = object ? W_FIRST_KEY : W_FIRST;
    return STC_OK;
}

static enum stc_err close_level(struct stc_json *j, bool object, struct stc_diag *diag)
{
    if (j->depth == 0 || in_object(j) != object)
        return bad(j, "a bracket closes what was not opened", diag);
    j->depth--;
    j->pos++;
    j->kind = object ? STC_JSON_OBJECT_END : STC_JSON_ARRAY_END;
    after_value(j);
    return STC_OK;
}

static enum stc_err value(struct stc_json *j, int c, struct stc_diag *diag)
{
    if (c == '{') return open_level(j, true, diag);
    if (c == '[') return open_level(j, false, diag);
    enum stc_err err;
    if (c == '"') {
        j->kind = STC_JSON_STRING;
        err = string(j, diag);
    } else {
        err = word(j, diag);
    }
    after_value(j);
    return err;
}

enum stc_err stc_json_next(struct stc_json *j, struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    static char empty[1];
    j->text = empty;
    j->text_len = 0;
    for (;;) {
        int c = peek(j, &err, diag);
        if (c == -2) return err;
        if (c == -1) {
            if (j->want != W_NOTHING) return bad(j, "the text ends too early", diag);
            j->kind = STC_JSON_END;
            return STC_OK;
        }
        switch (j->want) {
        case W_NOTHING: return bad(j, "more text after the end", diag);
        case W_COMMA:
            if (c == '}' || c == ']') return close_level(j, c == '}', diag);
            if (c != ',') return bad(j, "a comma or a closing bracket is wanted", diag);
            j->pos++;
            j->want = in_object(j) ? W_KEY : W_VALUE;
            break;
        case W_COLON:
            if (c != ':') return bad(j, "a colon is wanted after a key", diag);
            j->pos++;
            j->want = W_VALUE;
            break;
        case W_FIRST_KEY:
        case W_KEY:
            if (c == '}' && j->want == W_FIRST_KEY) return close_level(j, true, diag);
            if (c != '"') return bad(j, "a key in quotes is wanted", diag);
            j->kind = STC_JSON_KEY;
            j->want = W_COLON;
            return string(j, diag);
        case W_FIRST:
            if (c == ']') return close_level(j, false, diag);
            return value(j, c, diag);
        default: return value(j, c, diag);
        }
    }
}

enum stc_err stc_json_skip(struct stc_json *j, struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    if (j->kind == STC_JSON_KEY) err = stc_json_next(j, diag);
    int level = j->depth;
    if (j->kind != STC_JSON_OBJECT && j->kind != STC_JSON_ARRAY) return err;
    while (err == STC_OK && j->depth >= level)
        err = stc_json_next(j, diag);
    return err;
}
