#include "sim/base/units.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/text.h"

/* ==== the tables ==== */

enum { UP = 1, DOWN = 2, BIN = 4 };

static const struct {
    const char *text;
    int class;
    int pow10, pow2;
} prefixes[] = {
    {"", UP | DOWN | BIN, 0, 0},
    {"k", UP, 3, 0},
    {"K", UP, 3, 0},
    {"M", UP, 6, 0},
    {"G", UP, 9, 0},
    {"T", UP, 12, 0},
    {"P", UP, 15, 0},
    {"E", UP, 18, 0},
    {"Z", UP, 21, 0},
    {"Y", UP, 24, 0},
    {"m", DOWN, -3, 0},
    {"u", DOWN, -6, 0},
    {"\xc2\xb5", DOWN, -6, 0}, /* micro sign */
    {"\xce\xbc", DOWN, -6, 0}, /* Greek mu */
    {"n", DOWN, -9, 0},
    {"p", DOWN, -12, 0},
    {"Ki", BIN, 0, 10},
    {"Mi", BIN, 0, 20},
    {"Gi", BIN, 0, 30},
    {"Ti", BIN, 0, 40},
    {"Pi", BIN, 0, 50},
};

/* ORDER: the first row of a dimension is the one that is written. factor must
 * be exact in binary; powers of ten go to pow10. */
static const struct {
    enum stc_dim dim;
    const char *text;
    int class;
    int pow10;
    double factor;
} units[] = {
    {STC_DIM_NONE, "", 0, 0, 1.0},
    {STC_DIM_SECONDS, "s", DOWN, 0, 1.0},
    {STC_DIM_SECONDS, "min", 0, 0, 60.0},
    {STC_DIM_SECONDS, "h", 0, 0, 3600.0},
    {STC_DIM_SECONDS, "d", 0, 0, 86400.0},
    {STC_DIM_BYTES, "B", UP | BIN, 0, 1.0},
    {STC_DIM_BPS, "B/s", UP | BIN, 0, 1.0},
    {STC_DIM_BPS, "bps", UP | BIN, 0, 0.125},
    {STC_DIM_BPS, "b/s", UP | BIN, 0, 0.125},
    {STC_DIM_BPS, "bit/s", UP | BIN, 0, 0.125},
    {STC_DIM_FLOP, "FLOP", UP, 0, 1.0},
    {STC_DIM_FLOP, "FLOPs", UP, 0, 1.0},
    {STC_DIM_FLOP_PER_S, "FLOP/s", UP, 0, 1.0},
    {STC_DIM_FLOP_PER_S, "FLOPS", UP, 0, 1.0},
    {STC_DIM_FLOP_PER_S, "FLOPs", UP, 0, 1.0},
    {STC_DIM_FLOP_PER_S, "FLOPs/s", UP, 0, 1.0},
    {STC_DIM_FLOP_PER_S, "flop/s", UP, 0, 1.0},
    {STC_DIM_WATT, "W", UP | DOWN, 0, 1.0},
    {STC_DIM_JOULE, "J", UP | DOWN, 0, 1.0},
    {STC_DIM_JOULE, "Wh", UP, 0, 3600.0},
    {STC_DIM_HZ, "Hz", UP, 0, 1.0},
    {STC_DIM_USD, "USD", UP, 0, 1.0},
    {STC_DIM_USD, "$", UP, 0, 1.0},
    {STC_DIM_COUNT, "", UP | BIN, 0, 1.0},
    {STC_DIM_COUNT, "B", 0, 9, 1.0}, /* "300B tokens" */
    {STC_DIM_FRAC, "", 0, 0, 1.0},
    {STC_DIM_FRAC, "%", 0, -2, 1.0},
};

#define N_PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))
#define N_UNITS    (sizeof(units) / sizeof(units[0]))

static const struct {
    const char *symbol, *example;
} dims[STC_DIM_N] = {
#define ROW(name, symbol, example) {symbol, example},
    STC_DIM_MAP(ROW)
#undef ROW
};

const char *stc_dim_symbol(enum stc_dim dim)
{
    return dims[dim].symbol;
}
const char *stc_dim_example(enum stc_dim dim)
{
    return dims[dim].example;
}

/* ==== reading ==== */

/* The number at the start of text, its exponent apart. "1E" is not a number
 * with an empty exponent but 1 and the prefix exa. */
struct number {
    char mantissa[48];
    long exponent;
    const char *rest;
};

static bool scan_number(const char *p, struct number *out)
{
    size_t n = 0, digits = 0;
    bool dot = false;
    if (*p == '+' || *p == '-') out->mantissa[n++] = *p++;
    for (; isdigit((unsigned char)*p) || (*p == '.' && !dot); p++) {
        if (n + 1 >= sizeof(out->mantissa)) return false;
        if (*p == '.')
            dot = true;
        else
            digits++;
        out->mantissa[n++] = *p;
    }
    out->mantissa[n] = '\0';
    if (digits == 0) return false;
    out->exponent = 0;
    if (*p == 'e' || *p == 'E') {
        const char *q = p + 1;
        if (*q == '+' || *q == '-') q++;
        if (isdigit((unsigned char)*q)) {
            char *end;
            out->exponent = strtol(p + 1, &end, 10);
            p = end;
        }
    }
    out->rest = p;
    return out->exponent > -1000 && out->exponent < 1000;
}

static bool find_unit(const char *text, size_t len, enum stc_dim dim, int *pow10,
                      double *factor)
{
    for (size_t u = 0; u < N_UNITS; u++) {
        size_t n = strlen(units[u].text);
        if (units[u].dim != dim || n > len) continue;
        if (memcmp(text + len - n, units[u].text, n) != 0) continue;
        for (size_t p = 0; p < N_PREFIXES; p++) {
            if (strlen(prefixes[p].text) != len - n) continue;
            if (memcmp(text, prefixes[p].text, len - n) != 0) continue;
            if (p != 0 && (prefixes[p].class & units[u].class) == 0) continue;
            *pow10 = units[u].pow10 + prefixes[p].pow10;
            *factor = ldexp(units[u].factor, prefixes[p].pow2);
            return true;
        }
    }
    return false;
}

static bool is_plain(enum stc_dim dim)
{
    return dims[dim].symbol[0] == '\0';
}

enum stc_err stc_units_parse(const char *text, enum stc_dim dim, double *out,
                             struct stc_diag *diag)
{
    const char *p = text;
    while (isspace((unsigned char)*p))
        p++;
    bool dollar = dim == STC_DIM_USD && *p == '$';
    if (dollar) p++;
    struct number num;
    if (!scan_number(p, &num))
        return stc_fail(diag, STC_ERR_PARSE,
                        "\"%.60s\" is not a number; for example %s", text,
                        dims[dim].example);
    p = num.rest;
    while (isspace((unsigned char)*p))
        p++;
    size_t len = strlen(p);
    while (len > 0 && isspace((unsigned char)p[len - 1]))
        len--;
    int pow10 = 0;
    double factor = 1.0;
    bool bare = len == 0 && (dollar || is_plain(dim));
    if (!bare && len == 0)
        return stc_fail(diag, STC_ERR_PARSE, "\"%.60s\" has no unit; for example %s",
                        text, dims[dim].example);
    if (!bare && !find_unit(p, len, dollar ? STC_DIM_COUNT : dim, &pow10, &factor)) {
        if (dim == STC_DIM_NONE)
            return stc_fail(diag, STC_ERR_PARSE, "\"%.60s\" is not a plain number",
                            text);
        return stc_fail(diag, STC_ERR_PARSE,
                        "\"%.60s\" has an unknown unit; for example %s", text,
                        dims[dim].example);
    }
    char buf[80];
    (void)snprintf(buf, sizeof(buf), "%se%ld", num.mantissa, num.exponent + pow10);
    double v = strtod(buf, NULL) * factor;
    if (!isfinite(v))
        return stc_fail(diag, STC_ERR_RANGE, "\"%.60s\" is too large for a number",
                        text);
    *out = v;
    return STC_OK;
}

/* ==== writing ==== */

struct scale {
    const char *suffix;
    double unit;
};

/* Ascending. The last rung is used for everything above. */
static const struct scale seconds_ladder[] = {{"ps", 1e-12}, {"ns", 1e-9}, {"us", 1e-6},
                                              {"ms", 1e-3},  {"s", 1.0},   {NULL, 0.0}};
static const struct scale count_ladder[] = {{"", 1.0},  {"k", 1e3},  {"M", 1e6},
                                            {"B", 1e9}, {"T", 1e12}, {NULL, 0.0}};
static const struct scale si_ladder[] = {
    {"", 1.0},   {"k", 1e3},  {"M", 1e6},  {"G", 1e9},  {"T", 1e12},
    {"P", 1e15}, {"E", 1e18}, {"Z", 1e21}, {"Y", 1e24}, {NULL, 0.0}};

static const struct scale *ladder_of(enum stc_dim dim)
{
    if (dim == STC_DIM_SECONDS) return seconds_ladder;
    return dim == STC_DIM_COUNT ? count_ladder : si_ladder;
}

/* The rung at which the value has one to three digits before the point. */
static const struct scale *rung_of(double value, const struct scale *l)
{
    while (l[1].suffix != NULL && fabs(value) / l->unit >= 999.95)
        l++;
    return l;
}

static void format_seconds(double s, char *buf, size_t size)
{
    static const struct scale long_times[] = {
        {"d", 86400.0}, {"h", 3600.0}, {"min", 60.0}};
    if (fabs(s) < 600.0) {
        const struct scale *r =
            s == 0.0 ? &seconds_ladder[4] : rung_of(s, seconds_ladder);
        (void)snprintf(buf, size, "%.4g%s", s / r->unit, r->suffix);
        return;
    }
    int i = fabs(s) >= 172800.0 ? 0 : fabs(s) >= 7200.0 ? 1 : 2;
    (void)snprintf(buf, size, "%.4g%s", s / long_times[i].unit, long_times[i].suffix);
}

char *stc_units_format(double value, enum stc_dim dim, char *buf, size_t size)
{
    if (!isfinite(value)) {
        (void)snprintf(buf, size, "%s",
                       isnan(value) ? "n/a"
                       : value > 0  ? "inf"
                                    : "-inf");
    } else if (dim == STC_DIM_NONE) {
        (void)snprintf(buf, size, "%.4g", value);
    } else if (dim == STC_DIM_FRAC) {
        (void)snprintf(buf, size, "%.4g%%", value * 100.0);
    } else if (dim == STC_DIM_SECONDS) {
        format_seconds(value, buf, size);
    } else {
        const struct scale *r = rung_of(value, ladder_of(dim));
        (void)snprintf(buf, size, "%.4g%s%s", value / r->unit, r->suffix,
                       dims[dim].symbol);
    }
    return buf;
}

/* Keeps "number + suffix" when it is shorter than best and means exactly v. */
static void offer(double v, enum stc_dim dim, double unit, const char *suffix,
                  char best[48])
{
    char num[32], text[48];
    double back;
    (void)stc_text_double(v / unit, num, sizeof(num));
    const char *symbol = strcmp(suffix, "%") == 0 ? "" : dims[dim].symbol;
    if (dim == STC_DIM_SECONDS) symbol = ""; /* the ladder has whole names */
    (void)snprintf(text, sizeof(text), "%s%s%s", num, suffix, symbol);
    if (best[0] != '\0' && strlen(text) >= strlen(best)) return;
    if (stc_units_parse(text, dim, &back, NULL) != STC_OK) return;
    if (stc_same_double(back, v)) memcpy(best, text, sizeof(text));
}

char *stc_units_format_exact(double value, enum stc_dim dim, char *buf, size_t size)
{
    static const struct scale bin_ladder[] = {{"Ki", 1024.0},
                                              {"Mi", 1048576.0},
                                              {"Gi", 1073741824.0},
                                              {"Ti", 1099511627776.0},
                                              {NULL, 0.0}};
    char best[48] = "";
    if (!isfinite(value)) return stc_units_format(value, dim, buf, size);
    if (dim == STC_DIM_SECONDS)
        offer(value, dim, 1.0, "s", best);
    else
        offer(value, dim, 1.0, "", best);
    if (dim != STC_DIM_NONE && dim != STC_DIM_FRAC)
        for (const struct scale *l = ladder_of(dim); l->suffix != NULL; l++)
            offer(value, dim, l->unit, l->suffix, best);
    if (dim == STC_DIM_BYTES)
        for (const struct scale *l = bin_ladder; l->suffix != NULL; l++)
            offer(value, dim, l->unit, l->suffix, best);
    (void)snprintf(buf, size, "%s", best);
    return buf;
}

/* ==== ticks ==== */

stc_tick stc_s_to_tick(double s)
{
    double t = s * STC_TICKS_PER_S;
    if (!(t > 0.0)) return 0; /* NaN too */
    if (t >= 9223372036854775807.0) return STC_TICK_MAX;
    return (stc_tick)(t + 0.5 >= 4503599627370496.0 ? t : floor(t + 0.5));
}

double stc_tick_to_s(stc_tick t)
{
    return (double)t / STC_TICKS_PER_S;
}
