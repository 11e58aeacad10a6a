/*
 * bind_convert.h - one row's text to its field and back; only for bind*.c.
 *
 * ERRORS. Sentences come without "FILE:LINE: KEY: "; the caller knows where the
 * text stood.
 */
#ifndef STC_BASE_BIND_CONVERT_H
#define STC_BASE_BIND_CONVERT_H

#include "sim/base/bind.h"

enum { STC_BIND_MAX_ITEMS = 1024 };

bool stc_bind_is_list(const struct stc_bind_row *row);

/* texts holds one value, or the items of a list. obj is written on success and
 * may be half written on failure (callers work on a copy). */
enum stc_err stc_bind_convert(const struct stc_bind_row *row, const char *const *texts,
                              int n, void *obj, struct stc_arena *a,
                              struct stc_diag *diag) STC_MUST_USE;

/* As convert, but from one text; lists are cut at commas, [] around is fine. */
enum stc_err stc_bind_convert_text(const struct stc_bind_row *row, const char *text,
                                   void *obj, struct stc_arena *a,
                                   struct stc_diag *diag) STC_MUST_USE;

/* Zero, or an empty list or text. */
void stc_bind_clear(const struct stc_bind_row *row, void *obj);

/* Items of the field (1 unless a list), and one of them as text. */
int stc_bind_n_items(const struct stc_bind_row *row, const void *obj);
void stc_bind_put_item(const struct stc_bind_row *row, const void *obj, int i,
                       struct stc_text *out);

#endif
