/*
 * units.h - the door between text with units and SI numbers.
 *
 * Every quantity a person writes carries its unit ("400Gbps", "2us", "80GiB")
 * and becomes a double in SI at this door; inside there are no units but SI.
 * A dimensioned number without a unit is an error, because a reader could not
 * tell GB from GiB or Gbit from GByte.
 *
 * UNITS. Prefixes are exact: k M G T P E are powers of ten, Ki Mi Gi Ti Pi of
 * two. b is a bit, B a byte: "400Gbps" is 50e9 bytes per second. The number and
 * its power of ten are converted together, so "989.4TFLOP/s" == 989.4e12 to
 * the last bit.
 *
 * TICKS. Steps and serving count int64 ticks of 1 ps (106 days of range); see
 * sim/engine. Conversion rounds to nearest and clamps to [0, STC_TICK_MAX].
 *
 * ERRORS. STC_ERR_PARSE with a sentence that shows what would be right.
 */
#ifndef STC_BASE_UNITS_H
#define STC_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "sim/base/err.h"

/* X(name, symbol, example): symbol is the SI unit ("" when there is none). */
#define STC_DIM_MAP(X)                   \
 X(NONE, "", "1.5")                      \
 X(SECONDS, "s", "2us")                  \
 X(BYTES, "B", "80GB")                   \
 X(BPS, "B/s", "400Gbps")                \
 X(FLOP, "FLOP", "3.1TFLOP")             \
 X(FLOP_PER_S, "FLOP/s", "989.4TFLOP/s") \
 X(WATT, "W", "700W")                    \
 X(JOULE, "J", "3.6MJ")                  \
 X(HZ, "Hz", "1.98GHz")                  \
 X(USD, "USD", "2.5USD")                 \
 X(COUNT, "", "300B")                    \
 X(FRAC, "", "12%")

enum stc_dim {
#define STC_DIM_ROW(name, symbol, example) STC_DIM_##name,
    STC_DIM_MAP(STC_DIM_ROW)
#undef STC_DIM_ROW
        STC_DIM_N
};

/* NONE: a plain number. COUNT: plain or with k M B(=1e9) G T and Ki Mi Gi.
 * FRAC: 0.12 or 12%. All others need a unit. Infinite and NaN are refused. */
enum stc_err stc_units_parse(const char *text, enum stc_dim dim, double *out,
                             struct stc_diag *diag) STC_MUST_USE;

/* For people: 4 significant digits and a fitting prefix, "1.234 ms" without
 * the space: "1.234ms", "81.3GB". Parses back to 4 digits. Returns buf. */
char *stc_units_format(double value, enum stc_dim dim, char *buf, size_t size);

/* For files: the shortest text that parses back to the very same double.
 * 40 bytes always suffice. Returns buf. */
char *stc_units_format_exact(double value, enum stc_dim dim, char *buf, size_t size);

/* "B/s"; "" for NONE, COUNT and FRAC. */
const char *stc_dim_symbol(enum stc_dim dim);
/* A text that would be right: "400Gbps". */
const char *stc_dim_example(enum stc_dim dim);

typedef int64_t stc_tick;
#define STC_TICK_MAX    INT64_MAX
#define STC_TICKS_PER_S 1e12

stc_tick stc_s_to_tick(double s);
double stc_tick_to_s(stc_tick t);

#endif
