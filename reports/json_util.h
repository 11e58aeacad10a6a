/*
 * json_util.h - small doors to jansson for reports/.
 *
 * Values that do not exist (NaN) become null. A failed allocation leaves a
 * NULL somewhere, which jansson passes on: stc_json_text reports it once.
 */
#ifndef STC_REPORTS_JSON_UTIL_H
#define STC_REPORTS_JSON_UTIL_H

#include "sim/base/text.h"
#include <jansson.h>
#include <stdint.h>

json_t *stc_json_num(double v);
json_t *stc_json_hash(uint64_t v); /* 16 hex digits, as text */
/* "schema", "program", "version": the first keys of every document. */
json_t *stc_json_document(const char *what, int schema);
/* The same keys as text, for documents that are put together by hand. */
void stc_json_head(struct stc_text *out, const char *what, int schema);
void stc_json_quote(struct stc_text *out, const char *s);
void stc_json_put(json_t *obj, const char *key, json_t *value);
/* Writes the document with a newline and releases it. */
STC_MUST_USE enum stc_err stc_json_text(json_t *doc, struct stc_text *out,
                                        struct stc_diag *diag);

#endif
