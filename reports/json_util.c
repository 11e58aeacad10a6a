#include "reports/json_util.h"

#include "reports/version.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *stc_json_num(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

json_t *stc_json_hash(uint64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%016" PRIx64, v);
    return json_string(text);
}

void stc_json_put(json_t *obj, const char *key, json_t *value)
{
    /* json_object_set_new takes the value even when it fails */
    if (json_object_set_new(obj, key, value) != 0)
        json_object_set_new(obj, "incomplete", json_true());
}

json_t *stc_json_document(const char *what, int schema)
{
    json_t *doc = json_object();
    stc_json_put(doc, "what", json_string(what));
    stc_json_put(doc, "schema", json_integer(schema));
    stc_json_put(doc, "program", json_string("stepcast"));
    stc_json_put(doc, "version", json_string(STC_VERSION));
    return doc;
}

void stc_json_head(struct stc_text *out, const char *what, int schema)
{
    stc_text_printf(out,
                    "\"what\": \"%s\", \"schema\": %d, \"program\": \"stepcast\", "
                    "\"version\": \"" STC_VERSION "\"",
                    what, schema);
}

static void quote_n(struct stc_text *out, const char *s, size_t n)
{
    stc_text_put(out, "\"");
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)s[i] < 0x20 || s[i] == '"' || s[i] == '\\')
            stc_text_printf(out, "\\u%04x", (unsigned)(unsigned char)s[i]);
        else
            stc_text_put_n(out, s + i, 1);
    }
    stc_text_put(out, "\"");
}

void stc_json_quote(struct stc_text *out, const char *s)
{
    quote_n(out, s, strlen(s));
}

static int put(const char *buf, size_t n, void *out)
{
    stc_text_put_n(out, buf, n);
    return 0;
}

enum stc_err stc_json_text(json_t *doc, struct stc_text *out, struct stc_diag *diag)
{
    int bad = !doc || json_object_get(doc, "incomplete") ||
              json_dump_callback(doc, put, out,
                                 JSON_INDENT(1) | JSON_REAL_PRECISION(15)) != 0;
    json_decref(doc);
    if (bad) return stc_fail(diag, STC_ERR_NOMEM, "json: out of memory");
    stc_text_put(out, "\n");
    enum stc_err err = stc_text_err(out);
    return err == STC_OK ? STC_OK : stc_fail(diag, err, "json: %s", stc_err_text(err));
}
