/*
 * err.h - error codes, and the sentence that goes with one.
 *
 * ERRORS. Four kinds, never mixed: a caller's mistake is an assert; a user's
 * mistake and the world's trouble (files, memory) are a code plus a sentence
 * in a struct stc_diag; our own impossibility is STC_ERR_BUG. Only sim/cli
 * prints and exits.
 *
 * FORM of a sentence: "FILE:LINE: KEY: reason; what would be right". Helpers
 * add file and line when they are known; no trailing newline, one line.
 */
#ifndef STC_BASE_ERR_H
#define STC_BASE_ERR_H

#include <stdarg.h>

/* What libstepcast.so shows to the outside; all else is hidden. */
#define STC_API               __attribute__((visibility("default")))
#define STC_MUST_USE          __attribute__((warn_unused_result))
#define STC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* X(name, value, text): the values are pinned, they are the library's ABI. */
#define STC_ERR_MAP(X)                                                \
 X(NOMEM, 1, "out of memory")                                         \
 X(IO, 2, "a file could not be read or written")                      \
 X(PARSE, 3, "text is not in the expected form")                      \
 X(RANGE, 4, "a value is outside its allowed range")                  \
 X(UNKNOWN, 5, "a name is not in the table it was looked up in")      \
 X(INFEASIBLE, 6, "the layout does not fit the model or the cluster") \
 X(BUG, 7, "an internal check failed; please report it")              \
 X(DEADLOCK, 8, "ranks wait for each other and none can go on")       \
 X(INTERRUPTED, 9, "stopped by the user")

#ifdef __cplusplus
extern "C" {
#endif

enum stc_err {
    STC_OK = 0, /* "success" */
#define STC_ERR_ROW(name, value, text) STC_ERR_##name = (value),
    STC_ERR_MAP(STC_ERR_ROW)
#undef STC_ERR_ROW
};

/* Where the sentence of a failure is put. Caller-owned, no life cycle. */
struct stc_diag {
    char text[512]; /* always NUL-terminated; empty when nothing failed */
};

/* Formats the sentence (cut to fit) and returns err, so that a failure is one
 * line: return stc_fail(diag, STC_ERR_RANGE, "tp: %d ...", tp). diag may be
 * NULL. An earlier sentence is replaced. */
enum stc_err stc_fail(struct stc_diag *diag, enum stc_err err, const char *fmt, ...)
    STC_PRINTF(3, 4);
enum stc_err stc_failv(struct stc_diag *diag, enum stc_err err, const char *fmt,
                       va_list ap);

/* Puts "prefix: " before the sentence that is already there. */
enum stc_err stc_fail_prefix(struct stc_diag *diag, enum stc_err err, const char *fmt,
                             ...) STC_PRINTF(3, 4);

/* The same, spelt so that a compiler sees which code comes back and knows that
 * outputs are set on every path that goes on. err is evaluated twice. */
static inline enum stc_err stc_err_same(enum stc_err err)
{
    return err;
}
#define stc_fail(diag, err, ...) \
 ((void)(stc_fail)((diag), (err), __VA_ARGS__), stc_err_same(err))
#define stc_fail_prefix(diag, err, ...) \
 ((void)(stc_fail_prefix)((diag), (err), __VA_ARGS__), stc_err_same(err))

/* "success", "out of memory", …; never NULL. */
STC_API const char *stc_err_text(enum stc_err err);

#ifdef __cplusplus
}
#endif

#endif
