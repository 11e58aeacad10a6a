/*
 * json_pull.h - JSON as a stream of tokens, for files that no memory holds.
 *
 * THEORY. The reader is asked for one token at a time and keeps only its nesting
 * (one bit a level) and the present token, which is a slice of its block. It
 * accepts RFC 8259 JSON; besides that control characters inside strings, and
 * NaN and Infinity as numbers, because profilers print them.
 *
 * LIMITS. Depth 64. A string or number beyond STC_JSON_TOKEN bytes is cut
 * (token.cut). Escapes are undone; \u escapes become UTF-8, lone surrogates '?'.
 *
 * OWNERSHIP. A token's text (NUL-terminated) lives until the next call.
 *
 * ERRORS. STC_ERR_PARSE with the byte at which the text stops being JSON.
 *
 * COST. About 400 MB/s of trace, skip about 700 MB/s.
 */
#ifndef STC_CALIB_JSON_PULL_H
#define STC_CALIB_JSON_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/source.h"
#include "sim/base/err.h"

enum { STC_JSON_TOKEN = 1 << 16, STC_JSON_DEPTH = 64 };

enum stc_json_kind {
    STC_JSON_END, /* of the text */
    STC_JSON_OBJECT,
    STC_JSON_OBJECT_END,
    STC_JSON_ARRAY,
    STC_JSON_ARRAY_END,
    STC_JSON_KEY,
    STC_JSON_STRING,
    STC_JSON_NUMBER, /* text as written */
    STC_JSON_TRUE,
    STC_JSON_FALSE,
    STC_JSON_NULL
};

struct stc_json {
    struct stc_source *src;
    char *buf, *scratch; /* private */
    size_t len, pos;     /* in buf */
    int64_t base;        /* bytes before buf */
    uint64_t in_object;  /* bit per level: 1 object, 0 array */
    int depth;
    int want; /* private: what may come next */
    bool ended;
    /* the present token */
    enum stc_json_kind kind;
    char *text; /* KEY, STRING, NUMBER, true, false, null; else "" */
    size_t text_len;
    bool cut;
};

STC_MUST_USE enum stc_err stc_json_open(struct stc_json *j, struct stc_source *src,
                                        struct stc_diag *diag);
void stc_json_close(struct stc_json *j);
STC_MUST_USE enum stc_err stc_json_next(struct stc_json *j, struct stc_diag *diag);
/* Over the value whose first token is the present one (or, after a KEY, over
 * the value that follows). */
STC_MUST_USE enum stc_err stc_json_skip(struct stc_json *j, struct stc_diag *diag);

#endif
