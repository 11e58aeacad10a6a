/*
 * forms.h - kinds of measurement tables (forms.def), and shapes as text.
 *
 * A shape is the question that a measurement answers, as "key=value" cells
 * joined by ';' in the form's order: "dtype=bfloat16;m=1;n=32;k=128". In cells
 * the characters % ; = and control characters are written %XX. Empty cells are
 * left out, so a table with more columns asks the same question when they are
 * empty.
 */
#ifndef STC_CALIB_FORMS_H
#define STC_CALIB_FORMS_H

#include <stdbool.h>

#include "sim/base/text.h"

enum stc_form {
#define X(id, name, file, need, keys) STC_FORM_##id,
#include "calib/forms.def"
#undef X
    STC_FORM_COUNT
};

const char *stc_form_name(enum stc_form f);
/* "" when the form is not exported. */
const char *stc_form_file(enum stc_form f);
bool stc_form_find(const char *name, enum stc_form *out);
/* By the names of a header; false: none that is known. */
bool stc_form_of_header(char *const *names, int n, enum stc_form *out);

enum stc_key_kind { STC_KEY_TEXT, STC_KEY_COUNT_0, STC_KEY_COUNT_1 };
struct stc_form_key {
    char name[32];
    enum stc_key_kind kind;
};
enum { STC_FORM_MAX_KEYS = 24 };
/* Keys of a form; 0 for "*" (every column that is nothing else). */
int stc_form_keys(enum stc_form f, struct stc_form_key out[STC_FORM_MAX_KEYS]);

/* Appends a cell (nothing when value is empty). */
void stc_shape_put(struct stc_text *t, const char *key, const char *value);
void stc_shape_put_i64(struct stc_text *t, const char *key, int64_t value);
/* The cell's value in buf, "" when absent (or longer than buf). */
const char *stc_shape_get(const char *shape, const char *key, char *buf, size_t size);
/* As a number; `otherwise` when absent or no number. */
double stc_shape_num(const char *shape, const char *key, double otherwise);
/* The next cell from *at (start at 0); false at the end. */
bool stc_shape_next(const char *shape, size_t *at, char key[64], char *value,
                    size_t size);

#endif
