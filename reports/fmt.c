#include "reports/fmt.h"

#include <math.h>
#include <stdio.h>

/* 4 significant digits without an exponent; 0 decimals from 1000 on. */
static void digits(char *buf, size_t size, double v)
{
    double a = fabs(v);
    int decimals = a >= 999.95 ? 0 : a >= 99.995 ? 1 : a >= 9.9995 ? 2 : 3;
    snprintf(buf, size, "%.*f", decimals, v);
}

static const char *scaled(struct stc_fmt *f, double v, double base,
                          const char *const *units, int n, int first)
{
    char num[24];
    int i = first;
    double a = fabs(v);
    while (i + 1 < n && a >= base * 0.99995) {
        a /= base;
        v /= base;
        i++;
    }
    while (i > 0 && a < 0.99995 && a > 0) {
        a *= base;
        v *= base;
        i--;
    }
    if (!isfinite(v)) {
        snprintf(f->text, sizeof f->text, "-");
        return f->text;
    }
    digits(num, sizeof num, v);
    snprintf(f->text, sizeof f->text, "%s %s", num, units[i]);
    return f->text;
}

const char *stc_fmt_s(struct stc_fmt *f, double seconds)
{
    static const char *const units[] = {"ps", "ns", "us", "ms", "s"};
    return scaled(f, seconds, 1000, units, 5, 4);
}

const char *stc_fmt_gib(struct stc_fmt *f, double bytes)
{
    char num[24];
    digits(num, sizeof num, bytes / 1073741824.0);
    snprintf(f->text, sizeof f->text, "%s GiB", num);
    return f->text;
}

const char *stc_fmt_bytes(struct stc_fmt *f, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    return scaled(f, bytes, 1000, units, 6, 0);
}

const char *stc_fmt_rate(struct stc_fmt *f, double Bps)
{
    static const char *const units[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s"};
    return scaled(f, Bps, 1000, units, 6, 0);
}

const char *stc_fmt_num(struct stc_fmt *f, double v)
{
    if (isfinite(v))
        digits(f->text, sizeof f->text, v);
    else
        snprintf(f->text, sizeof f->text, "-");
    return f->text;
}

const char *stc_fmt_pct(struct stc_fmt *f, double frac)
{
    if (isfinite(frac))
        snprintf(f->text, sizeof f->text, "%.1f %%", 100 * frac);
    else
        snprintf(f->text, sizeof f->text, "-");
    return f->text;
}

const char *stc_fmt_signed_pct(struct stc_fmt *f, double frac)
{
    if (isfinite(frac))
        snprintf(f->text, sizeof f->text, "%+.1f %%", 100 * frac);
    else
        snprintf(f->text, sizeof f->text, "-");
    return f->text;
}

void stc_fmt_fill(struct stc_text *out, char c, int n)
{
    char line[STC_REPORT_COLUMNS];
    for (int i = 0; i < STC_REPORT_COLUMNS; i++)
        line[i] = c;
    while (n > 0) {
        int k = n < STC_REPORT_COLUMNS ? n : STC_REPORT_COLUMNS;
        stc_text_put_n(out, line, (size_t)k);
        n -= k;
    }
}

void stc_fmt_bar(struct stc_text *out, double frac, int width, char fill, char rest)
{
    double want = isfinite(frac) ? frac * width : 0;
    int n = want <= 0 ? 0 : want >= width ? width : (int)(want + 0.5);
    stc_fmt_fill(out, fill, n);
    stc_fmt_fill(out, rest, width - n);
}

/* Bytes of the next piece of at most `room` characters; UTF-8's further bytes
 * count nothing. A word longer than the room is cut. */
static size_t piece(const char *text, int room)
{
    size_t blank = 0, i = 0;
    for (int columns = 0; text[i] && columns <= room; i++) {
        if (text[i] == ' ') blank = i;
        if (((unsigned char)text[i] & 0xC0) != 0x80) columns++;
        if (columns > room) return blank ? blank : i;
    }
    return i;
}

void stc_fmt_wrap(struct stc_text *out, const char *label, int indent, const char *text)
{
    stc_text_printf(out, "%-*s", indent, label);
    for (;;) {
        size_t n = piece(text, STC_REPORT_COLUMNS - indent);
        stc_text_put_n(out, text, n);
        stc_text_put(out, "\n");
        text += n;
        while (*text == ' ')
            text++;
        if (!*text) return;
        stc_fmt_fill(out, ' ', indent);
    }
}

int stc_fmt_spread(int i, int lines, int n)
{
    return lines < 2 ? 0 : (int)((long)i * (n - 1) / (lines - 1));
}

void stc_fmt_section(struct stc_text *out, const char *title)
{
    stc_text_printf(out, "\n%s\n", title);
    stc_fmt_fill(out, '-', STC_REPORT_COLUMNS);
    stc_text_put(out, "\n");
}
