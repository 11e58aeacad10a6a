#include "sim/base/err.h"

#include <stdio.h>
#include <string.h>

enum stc_err stc_failv(struct stc_diag *diag, enum stc_err err, const char *fmt,
                       va_list ap)
{
    if (diag == NULL) return err;
    struct stc_diag out; /* an argument may point into the old sentence */
    (void)vsnprintf(out.text, sizeof(out.text), fmt, ap);
    for (char *p = out.text; *p != '\0'; p++)
        if (*p == '\n' || *p == '\r') *p = ' '; /* a sentence is one line */
    *diag = out;
    return err;
}

enum stc_err(stc_fail)(struct stc_diag *diag, enum stc_err err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)stc_failv(diag, err, fmt, ap);
    va_end(ap);
    return err;
}

enum stc_err(stc_fail_prefix)(struct stc_diag *diag, enum stc_err err, const char *fmt,
                              ...)
{
    if (diag == NULL) return err;
    struct stc_diag prefix;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(prefix.text, sizeof(prefix.text), fmt, ap);
    va_end(ap);
    return stc_fail(diag, err, "%s: %s", prefix.text, diag->text);
}

const char *stc_err_text(enum stc_err err)
{
    switch (err) {
    case STC_OK: return "success";
#define ROW(name, value, text) \
 case STC_ERR_##name: return text;
        STC_ERR_MAP(ROW)
#undef ROW
    }
    return "unknown error";
}
