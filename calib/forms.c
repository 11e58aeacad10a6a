#include "calib/forms.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *file, *need, *keys;
} forms[STC_FORM_COUNT] = {
#define X(id, name, file, need, keys) {name, file, need, keys},
#include "calib/forms.def"
#undef X
};

const char *stc_form_name(enum stc_form f)
{
    return forms[f].name;
}

const char *stc_form_file(enum stc_form f)
{
    return forms[f].file;
}

bool stc_form_find(const char *name, enum stc_form *out)
{
    for (int i = 0; i < STC_FORM_COUNT; i++) {
        if (strcmp(forms[i].name, name) != 0) continue;
        *out = (enum stc_form)i;
        return true;
    }
    return false;
}

/* The next word of a list separated by blanks; its length, 0 at the end. */
static size_t word(const char **at)
{
    *at += strspn(*at, " ");
    return strcspn(*at, " ");
}

static bool has_all(const char *need, char *const *names, int n)
{
    size_t len;
    for (const char *at = need; (len = word(&at)) > 0; at += len) {
        bool found = false;
        for (int i = 0; i < n && !found; i++)
            found = strlen(names[i]) == len && memcmp(names[i], at, len) == 0;
        if (!found) return false;
    }
    return true;
}

bool stc_form_of_header(char *const *names, int n, enum stc_form *out)
{
    for (int i = 0; i < STC_FORM_COUNT; i++) {
        if (!has_all(forms[i].need, names, n)) continue;
        *out = (enum stc_form)i;
        return true;
    }
    return false;
}

int stc_form_keys(enum stc_form f, struct stc_form_key out[STC_FORM_MAX_KEYS])
{
    size_t len;
    int n = 0;
    if (strcmp(forms[f].keys, "*") == 0) return 0;
    for (const char *at = forms[f].keys; (len = word(&at)) > 0; at += len) {
        char last = at[len - 1];
        size_t bare = last == '#' || last == '+' ? len - 1 : len;
        if (n == STC_FORM_MAX_KEYS || bare >= sizeof out[n].name) break;
        memcpy(out[n].name, at, bare);
        out[n].name[bare] = '\0';
        out[n].kind = last == '#'   ? STC_KEY_COUNT_0
                      : last == '+' ? STC_KEY_COUNT_1
                                    : STC_KEY_TEXT;
        n++;
    }
    return n;
}

/* ==== shapes ==== */

static void put_escaped(struct stc_text *t, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '%' || c == ';' || c == '=' || c < 0x20)
            stc_text_printf(t, "%%%02X", c);
        else
            stc_text_put_n(t, s, 1);
    }
}

void stc_shape_put(struct stc_text *t, const char *key, const char *value)
{
    if (value[0] == '\0') return;
    if (t->len > 0) stc_text_put_n(t, ";", 1);
    put_escaped(t, key);
    stc_text_put_n(t, "=", 1);
    put_escaped(t, value);
}

void stc_shape_put_i64(struct stc_text *t, const char *key, int64_t value)
{
    char buf[24];
    (void)snprintf(buf, sizeof buf, "%" PRId64, value);
    stc_shape_put(t, key, buf);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Unescapes n bytes; false when they do not fit (out is then ""). */
static bool unescape(const char *s, size_t n, char *out, size_t size)
{
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '%' && i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
            c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
            i += 2;
        }
        if (o + 1 >= size) {
            out[0] = '\0';
            return false;
        }
        out[o++] = c;
    }
    out[o] = '\0';
    return true;
}

bool stc_shape_next(const char *shape, size_t *at, char key[64], char *value,
                    size_t size)
{
    const char *s = shape + *at;
    if (*s == '\0') return false;
    size_t cell = strcspn(s, ";");
    const char *eq = memchr(s, '=', cell);
    size_t key_len = eq != NULL ? (size_t)(eq - s) : cell;
    (void)unescape(s, key_len, key, 64);
    value[0] = '\0';
    if (eq != NULL) (void)unescape(eq + 1, cell - key_len - 1, value, size);
    *at += cell + (s[cell] == ';' ? 1 : 0);
    return true;
}

const char *stc_shape_get(const char *shape, const char *key, char *buf, size_t size)
{
    size_t len = strlen(key);
    for (const char *s = shape; *s != '\0';) {
        size_t cell = strcspn(s, ";");
        if (cell > len && s[len] == '=' && memcmp(s, key, len) == 0) {
            (void)unescape(s + len + 1, cell - len - 1, buf, size);
            return buf;
        }
        s += cell + (s[cell] == ';' ? 1 : 0);
    }
    buf[0] = '\0';
    return buf;
}

double stc_shape_num(const char *shape, const char *key, double otherwise)
{
    char buf[64];
    double v;
    return stc_text_to_double(stc_shape_get(shape, key, buf, sizeof buf), &v)
               ? v
               : otherwise;
}
