#include "sim/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ==== text ==== */

void stc_text_init(struct stc_text *t, size_t max_bytes)
{
    *t = (struct stc_text){.max = max_bytes != 0 ? max_bytes : (size_t)64 << 20};
}

void stc_text_free(struct stc_text *t)
{
    size_t max = t->max;
    free(t->ptr);
    stc_text_init(t, max);
}

void stc_text_clear(struct stc_text *t)
{
    t->len = 0;
    t->err = STC_OK;
    if (t->ptr != NULL) t->ptr[0] = '\0';
}

/* Room for n more bytes and the NUL. */
static bool reserve(struct stc_text *t, size_t n)
{
    if (t->err != STC_OK) return false;
    if (n > t->max || t->len > t->max - n) {
        t->err = STC_ERR_RANGE;
        return false;
    }
    size_t need = t->len + n + 1;
    if (need <= t->cap) return true;
    size_t cap = t->cap != 0 ? t->cap : 128;
    while (cap < need)
        cap *= 2;
    char *p = realloc(t->ptr, cap);
    if (p == NULL) {
        t->err = STC_ERR_NOMEM;
        return false;
    }
    t->ptr = p;
    t->cap = cap;
    return true;
}

void stc_text_put_n(struct stc_text *t, const char *s, size_t n)
{
    if (!reserve(t, n)) return;
    if (n != 0) memcpy(t->ptr + t->len, s, n);
    t->len += n;
    t->ptr[t->len] = '\0';
}

void stc_text_put(struct stc_text *t, const char *s)
{
    stc_text_put_n(t, s, strlen(s));
}

void stc_text_printf(struct stc_text *t, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(t, (size_t)n)) {
        (void)vsnprintf(t->ptr + t->len, (size_t)n + 1, fmt, again);
        t->len += (size_t)n;
    }
    va_end(again);
}

const char *stc_text_str(const struct stc_text *t)
{
    return t->ptr != NULL ? t->ptr : "";
}
enum stc_err stc_text_err(const struct stc_text *t)
{
    return t->err;
}

/* ==== numbers ==== */

bool stc_same_double(double a, double b)
{
    uint64_t x, y;
    memcpy(&x, &a, sizeof(x));
    memcpy(&y, &b, sizeof(y));
    return x == y;
}

char *stc_text_double(double v, char *buf, size_t size)
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(buf, size, "%.*g", digits, v);
        double back = strtod(buf, NULL);
        if (stc_same_double(back, v)) break;
    }
    return buf;
}

bool stc_text_to_double(const char *s, double *out)
{
    while (isspace((unsigned char)*s))
        s++;
    /* strtod also takes inf, nan and hex: none of them is a figure. */
    const char *d = s + (*s == '+' || *s == '-');
    if (!isdigit((unsigned char)d[0]) && !(d[0] == '.' && isdigit((unsigned char)d[1])))
        return false;
    if (d[0] == '0' && (d[1] == 'x' || d[1] == 'X')) return false;
    char *end;
    double v = strtod(s, &end);
    while (isspace((unsigned char)*end))
        end++;
    if (*end != '\0' || !isfinite(v)) return false;
    *out = v;
    return true;
}

bool stc_text_to_i64(const char *s, int64_t *out)
{
    while (isspace((unsigned char)*s))
        s++;
    const char *d = s + (*s == '+' || *s == '-');
    if (!isdigit((unsigned char)*d)) return false;
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    if (*end != '\0' || errno == ERANGE) return false;
    *out = v;
    return true;
}

/* ==== near names ==== */

enum { NEAR_MAX = 63, SAME = 0, CASE = 1, EDIT = 2 };

static int swap_cost(char a, char b)
{
    if (a == b) return SAME;
    int same_letter = tolower((unsigned char)a) == tolower((unsigned char)b);
    /* tp-size and tp_size differ as little as case does. */
    int same_dash =
        (a == '-' || a == '_' || a == ' ') && (b == '-' || b == '_' || b == ' ');
    return same_letter || same_dash ? CASE : EDIT;
}

static int min2(int a, int b)
{
    return a < b ? a : b;
}

/* Damerau's distance in its "optimal string alignment" form; three rows. */
static int distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > NEAR_MAX || nb > NEAR_MAX) return EDIT * NEAR_MAX;
    int rows[3][NEAR_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = EDIT * (int)j;
    for (size_t i = 1; i <= na; i++) {
        int *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = EDIT * (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int d = last[j - 1] + swap_cost(a[i - 1], b[j - 1]);
            d = min2(d, min2(last[j], now[j - 1]) + EDIT);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d = min2(d, before[j - 2] + EDIT);
            now[j] = d;
        }
    }
    return rows[na % 3][nb];
}

size_t stc_near(const char *name, const char *const *names, size_t n, const char **out,
                size_t max)
{
    enum { MOST = 8 };
    int dist[MOST];
    size_t found = 0, len = strlen(name);
    if (max > MOST) max = MOST;
    /* A third of the letters may differ; a short name by one letter, or by its
     * end ("h100" for "h100-sxm"). */
    int limit = EDIT * (int)(len / 3 > 1 ? len / 3 : 1);
    for (size_t i = 0; i < n && max > 0; i++) {
        int d = distance(name, names[i]);
        if (len >= 2 && strcasecmp(name, names[i]) == 0) d = min2(d, CASE);
        if (len >= 3 && strncasecmp(name, names[i], len) == 0) d = min2(d, limit);
        if (d > limit) continue;
        size_t at = found;
        while (at > 0 && dist[at - 1] > d)
            at--;
        if (at == max) continue;
        if (found < max) found++;
        for (size_t k = found - 1; k > at; k--) {
            dist[k] = dist[k - 1];
            out[k] = out[k - 1];
        }
        dist[at] = d;
        out[at] = names[i];
    }
    return found;
}

char *stc_near_text(const char *name, const char *const *names, size_t n, char *buf,
                    size_t size)
{
    const char *near[3];
    size_t k = stc_near(name, names, n, near, 3);
    if (size > 0) buf[0] = '\0';
    if (k == 1) (void)snprintf(buf, size, "; did you mean %s?", near[0]);
    if (k == 2) (void)snprintf(buf, size, "; did you mean %s or %s?", near[0], near[1]);
    if (k == 3)
        (void)snprintf(buf, size, "; did you mean %s, %s or %s?", near[0], near[1],
                       near[2]);
    return buf;
}

/* ==== hash ==== */

uint64_t stc_hash64(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    return h;
}
