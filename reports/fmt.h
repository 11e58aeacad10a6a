/*
 * fmt.h - numbers and bars for people: 4 significant digits, plain ASCII.
 *
 * Only reports/ formats; everything below is SI. Each function writes into the
 * caller's buffer and returns it, so that several fit in one printf.
 */
#ifndef STC_REPORTS_FMT_H
#define STC_REPORTS_FMT_H

#include "sim/base/text.h"
#include <stddef.h>

enum { STC_FMT_BYTES = 32, STC_REPORT_COLUMNS = 100 };

struct stc_fmt { /* a buffer to pass around: struct stc_fmt f; stc_fmt_s(&f, x) */
    char text[STC_FMT_BYTES];
};

const char *stc_fmt_s(struct stc_fmt *f, double seconds);   /* "13.75 s", "431.2 ms" */
const char *stc_fmt_gib(struct stc_fmt *f, double bytes);   /* "56.10 GiB" */
const char *stc_fmt_bytes(struct stc_fmt *f, double bytes); /* "1.342 GB": traffic */
const char *stc_fmt_rate(struct stc_fmt *f, double Bps);    /* "23.11 GB/s" */
const char *stc_fmt_num(struct stc_fmt *f, double v);    /* "9532", "148.9": 4 digits */
const char *stc_fmt_pct(struct stc_fmt *f, double frac); /* "51.4 %" */
const char *stc_fmt_signed_pct(struct stc_fmt *f, double frac); /* "+3.1 %" */

/* `width` characters, of which frac * width are `fill`, the rest `rest`. */
void stc_fmt_bar(struct stc_text *out, double frac, int width, char fill, char rest);
/* `n` times c. */
void stc_fmt_fill(struct stc_text *out, char c, int n);
/* "label     text", broken at blanks within the columns; further lines are indented
 * to where the text began. Ends with a newline. */
void stc_fmt_wrap(struct stc_text *out, const char *label, int indent,
                  const char *text);
/* The i-th of `lines` things out of n, evenly spread, both ends included. */
int stc_fmt_spread(int i, int lines, int n);
/* A blank line, the title, a line of dashes. */
void stc_fmt_section(struct stc_text *out, const char *title);

#endif
