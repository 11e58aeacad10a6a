#include <stdio.h>
#include <string.h>

#include "sim/base/bind.h"
#include "sim/base/bind_convert.h"

void stc_bind_get_text(const struct stc_bind_row *row, const void *obj,
                       struct stc_text *out)
{
    int n = stc_bind_n_items(row, obj);
    if (row->type == STC_BIND_MASK && n == 0) stc_text_put(out, "none");
    for (int i = 0; i < n; i++) {
        if (i > 0) stc_text_put(out, ",");
        stc_bind_put_item(row, obj, i, out);
    }
}

bool stc_bind_equal(const struct stc_bind_table *t, const void *x, const void *y)
{
    struct stc_text tx, ty;
    stc_text_init(&tx, 0);
    stc_text_init(&ty, 0);
    bool same = true;
    for (int i = 0; i < t->n_rows && same; i++) {
        stc_text_clear(&tx);
        stc_text_clear(&ty);
        stc_bind_get_text(&t->rows[i], x, &tx);
        stc_bind_get_text(&t->rows[i], y, &ty);
        same = stc_text_err(&tx) == STC_OK && stc_text_err(&ty) == STC_OK &&
               strcmp(stc_text_str(&tx), stc_text_str(&ty)) == 0;
    }
    stc_text_free(&tx);
    stc_text_free(&ty);
    return same;
}

/* ==== YAML ==== */

/* Words that our reader or another's would not take as plain text. */
static bool needs_quotes(const char *s)
{
    static const char *const words[] = {"null", "Null", "NULL", "~"};
    if (s[0] == '\0') return true;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(s, words[i]) == 0) return true;
    size_t plain = strspn(
        s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./%+-");
    bool negative = s[0] == '-' && s[1] >= '0' && s[1] <= '9';
    bool odd_start = s[0] == '%' || (s[0] == '-' && !negative);
    return s[plain] != '\0' || odd_start || strcmp(s, "...") == 0;
}

static void put_scalar(struct stc_text *out, const char *s)
{
    if (!needs_quotes(s)) {
        stc_text_put(out, s);
        return;
    }
    stc_text_put(out, "\"");
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') stc_text_put(out, "\\");
        stc_text_put_n(out, s, 1);
    }
    stc_text_put(out, "\"");
}

/* What one call of stc_bind_write_yaml carries along. */
struct writer {
    const struct stc_bind_table *table;
    const void *obj;
    const struct stc_bind_seen *only;
    bool with_help;
    struct stc_text *out;
    struct stc_text item;
};

static bool is_written(const struct writer *w, int i)
{
    if ((w->table->rows[i].flags & STC_BIND_NO_WRITE) != 0) return false;
    return w->only == NULL || stc_bind_is_seen(w->only, i);
}

static void put_item(struct writer *w, const struct stc_bind_row *row, int i)
{
    stc_text_clear(&w->item);
    stc_bind_put_item(row, w->obj, i, &w->item);
    put_scalar(w->out, stc_text_str(&w->item));
}

static void put_row(struct writer *w, const struct stc_bind_row *row, int depth)
{
    stc_text_printf(w->out, "%*s%s: ", 2 * depth, "", row->key);
    if (stc_bind_is_list(row)) {
        int n = stc_bind_n_items(row, w->obj);
        stc_text_put(w->out, "[");
        for (int i = 0; i < n; i++) {
            if (i > 0) stc_text_put(w->out, ", ");
            put_item(w, row, i);
        }
        stc_text_put(w->out, "]");
    } else {
        put_item(w, row, 0);
    }
    if (w->with_help && row->help != NULL) stc_text_printf(w->out, " # %s", row->help);
    stc_text_put(w->out, "\n");
}

/* The length of the next step of `section` below `prefix`, 0 when it is not
 * below: "a.b.c" below "a" is "b". *from is where the step begins. */
static size_t next_step(const char *section, const char *prefix, const char **from)
{
    size_t n = strlen(prefix);
    if (strncmp(section, prefix, n) != 0) return 0;
    if (n > 0) {
        if (section[n] != '.') return 0;
        n++;
    }
    *from = section + n;
    return strcspn(section + n, ".");
}

/* Row i is the first written one of its subsection below prefix. */
static bool opens_section(const struct writer *w, int i, const char *prefix,
                          const char **name, size_t *len)
{
    *len = next_step(w->table->rows[i].section, prefix, name);
    if (*len == 0 || !is_written(w, i)) return false;
    for (int k = 0; k < i; k++) {
        const char *other = NULL;
        size_t n = next_step(w->table->rows[k].section, prefix, &other);
        if (n == *len && strncmp(other, *name, n) == 0 && is_written(w, k))
            return false;
    }
    return true;
}

static void put_section(struct writer *w, const char *prefix, int depth)
{
    for (int i = 0; i < w->table->n_rows; i++)
        if (strcmp(w->table->rows[i].section, prefix) == 0 && is_written(w, i))
            put_row(w, &w->table->rows[i], depth);
    for (int i = 0; i < w->table->n_rows; i++) {
        const char *name = NULL;
        size_t len;
        char below[160];
        if (!opens_section(w, i, prefix, &name, &len)) continue;
        stc_text_printf(w->out, "%*s%.*s:\n", 2 * depth, "", (int)len, name);
        (void)snprintf(below, sizeof(below), "%s%s%.*s", prefix,
                       prefix[0] != '\0' ? "." : "", (int)len, name);
        put_section(w, below, depth + 1);
    }
}

void stc_bind_write_yaml(const struct stc_bind_table *t, const void *obj,
                         const struct stc_bind_seen *only_seen, bool with_help,
                         struct stc_text *out)
{
    struct writer w = {t, obj, only_seen, with_help, out, {0}};
    stc_text_init(&w.item, 0);
    put_section(&w, "", 0);
    if (stc_text_err(&w.item) != STC_OK && out->err == STC_OK)
        out->err = stc_text_err(&w.item);
    stc_text_free(&w.item);
}

/* ==== the manual ==== */

static const char *type_text(const struct stc_bind_row *row)
{
    static const char *const text[] = {
        [STC_BIND_INT] = "whole number",
        [STC_BIND_I64] = "whole number",
        [STC_BIND_REAL] = "number",
        [STC_BIND_BOOL] = "true or false",
        [STC_BIND_ENUM] = "one of",
        [STC_BIND_MASK] = "some of",
        [STC_BIND_NAME] = "name",
        [STC_BIND_TEXT] = "text",
        [STC_BIND_INT_LIST] = "whole numbers",
        [STC_BIND_REAL_LIST] = "numbers",
        [STC_BIND_NAME_LIST] = "names",
    };
    return text[row->type];
}

static void put_type(const struct stc_bind_row *row, bool markdown,
                     struct stc_text *out)
{
    stc_text_put(out, type_text(row));
    if (row->type == STC_BIND_ENUM || row->type == STC_BIND_MASK)
        for (int i = 0; row->names[i] != NULL; i++)
            stc_text_printf(out, markdown ? "%s `%s`" : "%s %s", i > 0 ? "," : "",
                            row->names[i]);
    bool real = row->type == STC_BIND_REAL || row->type == STC_BIND_REAL_LIST;
    if (real && stc_dim_symbol(row->dim)[0] != '\0')
        stc_text_printf(out, " in %s", stc_dim_symbol(row->dim));
    if (row->min != 0.0 || row->max != 0.0) {
        char lo[48], hi[48];
        enum stc_dim dim = real ? row->dim : STC_DIM_NONE;
        stc_text_printf(out, ", %s to %s",
                        stc_units_format_exact(row->min, dim, lo, sizeof(lo)),
                        stc_units_format_exact(row->max, dim, hi, sizeof(hi)));
    }
    if ((row->flags & STC_BIND_AUTO) != 0) stc_text_put(out, ", or auto");
}

void stc_bind_type(const struct stc_bind_row *row, struct stc_text *out)
{
    put_type(row, false, out);
}

/* Words from column `indent` to 100; the first line stands there already. */
static void put_wrapped(const char *text, int indent, struct stc_text *out)
{
    enum { COLUMNS = 100 };
    int at = indent;
    while (*text != '\0') {
        int n = (int)strcspn(text, " ");
        if (at > indent && at + 1 + n > COLUMNS) {
            stc_text_printf(out, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            stc_text_put(out, " ");
            at++;
        }
        stc_text_put_n(out, text, (size_t)n);
        at += n;
        text += n + (text[n] == ' ');
    }
    stc_text_put(out, "\n");
}

static void put_plain(const struct stc_bind_row *row, struct stc_text *out)
{
    enum { KEY = 28 };
    char key[160];
    struct stc_text type;
    stc_bind_key(row, key, sizeof(key));
    stc_text_printf(out, "  %-*s ", KEY, key);
    put_wrapped(row->help != NULL ? row->help : "", KEY + 3, out);
    stc_text_init(&type, 0);
    put_type(row, false, &type);
    if (row->def != NULL && row->def[0] != '\0')
        stc_text_printf(&type, "; default %s", row->def);
    if ((row->flags & STC_BIND_REQUIRED) != 0) stc_text_put(&type, "; required");
    stc_text_printf(out, "%*s", KEY + 5, "");
    put_wrapped(stc_text_str(&type), KEY + 5, out);
    stc_text_free(&type);
}

static void put_markdown(const struct stc_bind_row *row, struct stc_text *out)
{
    stc_text_printf(out, "| `%s` | ", row->key);
    put_type(row, true, out);
    if ((row->flags & STC_BIND_REQUIRED) != 0)
        stc_text_put(out, " | required");
    else if (row->def != NULL && row->def[0] != '\0')
        stc_text_printf(out, " | `%s`", row->def);
    else
        stc_text_put(out, " | ");
    stc_text_printf(out, " | %s |\n", row->help != NULL ? row->help : "");
}

void stc_bind_help(const struct stc_bind_table *t, bool markdown, struct stc_text *out)
{
    for (int i = 0; i < t->n_rows; i++) {
        const struct stc_bind_row *row = &t->rows[i];
        bool first = i == 0 || strcmp(row->section, t->rows[i - 1].section) != 0;
        const char *section = row->section[0] != '\0' ? row->section : t->what;
        if (first && markdown)
            stc_text_printf(
                out,
                "%s### %s\n\n| key | type | default | meaning |\n|---|---|---|---|\n",
                i > 0 ? "\n" : "", section);
        else if (first)
            stc_text_printf(out, "%s%s\n", i > 0 ? "\n" : "", section);
        if (markdown)
            put_markdown(row, out);
        else
            put_plain(row, out);
    }
}
