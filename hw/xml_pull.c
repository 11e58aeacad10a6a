#include "hw/xml_pull.h"

#include <ctype.h>
#include <string.h>

void stc_xml_open(struct stc_xml *x, const char *name, const char *text, size_t len)
{
    x->name = name;
    x->at = text;
    x->end = text + len;
    x->line = 1;
    x->depth = x->closes = x->n_attrs = 0;
    x->kind = STC_XML_TEXT;
    x->tag[0] = x->text[0] = '\0';
}

static enum stc_err bad(const struct stc_xml *x, const char *what,
                        struct stc_diag *diag)
{
    return stc_fail(diag, STC_ERR_PARSE, "%s:%d: %s", x->name, x->line, what);
}

static void step(struct stc_xml *x, const char *to)
{
    for (; x->at < to; x->at++)
        x->line += *x->at == '\n';
}

/* Behind the next occurrence of `mark`; 0 when there is none. */
static int pass(struct stc_xml *x, const char *mark)
{
    size_t n = strlen(mark);
    for (const char *p = x->at; (size_t)(x->end - p) >= n; p++) {
        if (memcmp(p, mark, n) != 0) continue;
        step(x, p + n);
        return 1;
    }
    return 0;
}

static int starts(const struct stc_xml *x, const char *mark)
{
    size_t n = strlen(mark);
    return (size_t)(x->end - x->at) >= n && memcmp(x->at, mark, n) == 0;
}

/* n bytes, entities undone, cut to fit. */
static void decode(const char *from, size_t n, char *to, size_t size)
{
    static const struct {
        const char *name;
        char is;
    } all[] = {{"&amp;", '&'},
               {"&lt;", '<'},
               {"&gt;", '>'},
               {"&quot;", '"'},
               {"&apos;", '\''}};
    size_t o = 0;
    for (size_t i = 0; i < n && o + 1 < size;) {
        size_t used = 1;
        char c = from[i];
        for (size_t k = 0; c == '&' && k < sizeof all / sizeof all[0]; k++) {
            size_t len = strlen(all[k].name);
            if (n - i < len || memcmp(from + i, all[k].name, len) != 0) continue;
            c = all[k].is;
            used = len;
            break;
        }
        to[o++] = (char)((unsigned char)c < 0x20 ? ' ' : c);
        i += used;
    }
    to[o] = '\0';
}

static int name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == ':' || c == '.';
}

static int read_name(struct stc_xml *x, char to[STC_XML_NAME])
{
    const char *p = x->at;
    while (p < x->end && name_char(*p))
        p++;
    size_t n = (size_t)(p - x->at);
    if (n == 0 || n >= STC_XML_NAME) return 0;
    memcpy(to, x->at, n);
    to[n] = '\0';
    x->at = p;
    return 1;
}

static void blanks(struct stc_xml *x)
{
    const char *p = x->at;
    while (p < x->end && isspace((unsigned char)*p))
        p++;
    step(x, p);
}

static enum stc_err attribute(struct stc_xml *x, struct stc_diag *diag)
{
    char key[STC_XML_NAME];
    if (!read_name(x, key)) return bad(x, "an attribute has no proper name", diag);
    blanks(x);
    if (!starts(x, "=")) return bad(x, "an attribute has no value", diag);
    x->at++;
    blanks(x);
    if (!starts(x, "\"") && !starts(x, "'"))
        return bad(x, "an attribute's value is not in quotes", diag);
    char quote = *x->at++;
    const char *end = memchr(x->at, quote, (size_t)(x->end - x->at));
    if (end == NULL) return bad(x, "an attribute's value has no end", diag);
    if (x->n_attrs < STC_XML_ATTRS) {
        memcpy(x->key[x->n_attrs], key, sizeof key);
        decode(x->at, (size_t)(end - x->at), x->value[x->n_attrs], STC_XML_VALUE);
        x->n_attrs++;
    }
    step(x, end + 1);
    return STC_OK;
}

static enum stc_err start_tag(struct stc_xml *x, struct stc_diag *diag)
{
    x->at++;
    x->n_attrs = 0;
    if (!read_name(x, x->tag)) return bad(x, "an element has no proper name", diag);
    if (x->depth == STC_XML_DEPTH) return bad(x, "nested more than 64 deep", diag);
    for (;;) {
        blanks(x);
        if (starts(x, ">") || starts(x, "/>")) break;
        enum stc_err err = attribute(x, diag);
        if (err != STC_OK) return err;
    }
    x->closes = *x->at == '/';
    x->at += x->closes ? 2 : 1;
    memcpy(x->open[x->depth++], x->tag, STC_XML_NAME);
    x->kind = STC_XML_START;
    return STC_OK;
}

static enum stc_err stop(struct stc_xml *x)
{
    memcpy(x->tag, x->open[--x->depth], STC_XML_NAME);
    x->closes = 0;
    x->kind = STC_XML_STOP;
    return STC_OK;
}

static enum stc_err end_tag(struct stc_xml *x, struct stc_diag *diag)
{
    char tag[STC_XML_NAME];
    x->at += 2;
    if (!read_name(x, tag)) return bad(x, "an end tag has no proper name", diag);
    blanks(x);
    if (!starts(x, ">")) return bad(x, "an end tag has no end", diag);
    x->at++;
    if (x->depth == 0 || strcmp(tag, x->open[x->depth - 1]) != 0)
        return bad(x, "an end tag does not match its start", diag);
    return stop(x);
}

enum stc_err stc_xml_next(struct stc_xml *x, struct stc_diag *diag)
{
    if (x->closes) return stop(x);
    while (x->at < x->end) {
        if (*x->at != '<') {
            const char *end = memchr(x->at, '<', (size_t)(x->end - x->at));
            if (end == NULL) end = x->end;
            blanks(x);
            const char *from = x->at, *to = end;
            while (to > from && isspace((unsigned char)to[-1]))
                to--;
            step(x, end > x->at ? end : x->at);
            if (to <= from || x->depth == 0) continue;
            decode(from, (size_t)(to - from), x->text, sizeof x->text);
            x->kind = STC_XML_TEXT;
            return STC_OK;
        }
        if (starts(x, "<?")) {
            if (!pass(x, "?>")) return bad(x, "a declaration has no end", diag);
        } else if (starts(x, "<!--")) {
            if (!pass(x, "-->")) return bad(x, "a comment has no end", diag);
        } else if (starts(x, "<!")) {
            if (!pass(x, ">")) return bad(x, "a declaration has no end", diag);
        } else {
            return starts(x, "</") ? end_tag(x, diag) : start_tag(x, diag);
        }
    }
    if (x->depth > 0) return bad(x, "the text ends inside an element", diag);
    x->kind = STC_XML_END;
    return STC_OK;
}

const char *stc_xml_attr(const struct stc_xml *x, const char *key)
{
    for (int i = 0; i < x->n_attrs; i++)
        if (strcmp(x->key[i], key) == 0) return x->value[i];
    return "";
}

int stc_xml_within(const struct stc_xml *x, const char *path)
{
    int level = x->depth;
    const char *end = path + strlen(path);
    while (end > path) {
        const char *p = end;
        while (p > path && p[-1] != '/')
            p--;
        size_t n = (size_t)(end - p);
        if (--level < 0 || strlen(x->open[level]) != n ||
            memcmp(x->open[level], p, n) != 0)
            return 0;
        end = p > path ? p - 1 : p;
    }
    return 1;
}
