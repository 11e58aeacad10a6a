#include "reports/diff_text.h"

#include "reports/fmt.h"
#include "reports/json_util.h"
#include "reports/notes.h"
#include "reports/notes_json.h"
#include "reports/step_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "+1.234 s": the sign always shows. */
static const char *signed_s(struct stc_fmt *f, double s)
{
    struct stc_fmt g;
    if (!isfinite(s))
        snprintf(f->text, sizeof f->text, "-");
    else
        snprintf(f->text, sizeof f->text, "%c%.28s", s < 0 ? '-' : '+',
                 stc_fmt_s(&g, fabs(s)));
    return f->text;
}

static void side(const char *letter, const char *name, const struct stc_scenario *s,
                 const struct stc_result *r, struct stc_text *out)
{
    enum { LABEL = 3 };
    struct stc_fmt f, g;
    struct stc_text t;
    stc_text_init(&t, 0);
    stc_fmt_wrap(out, letter, LABEL, name);
    stc_text_printf(&t, "%s on %d x %s, ", s->model_name, (int)s->n_gpus, s->gpu_name);
    stc_report_layout(s, &t);
    stc_fmt_wrap(out, "", LABEL, stc_text_str(&t));
    stc_text_clear(&t);
    stc_text_printf(&t, "step %s, MFU %s", stc_fmt_s(&f, r->step_s),
                    stc_fmt_pct(&g, r->mfu));
    stc_fmt_wrap(out, "", LABEL, stc_text_str(&t));
    stc_text_clear(&t);
    stc_report_verdict(s, r, &t);
    stc_fmt_wrap(out, "", LABEL, stc_text_str(&t));
    stc_text_clear(&t);
    stc_report_notes(s, &t);
    if (*stc_text_str(&t)) {
        stc_text_printf(out, "%*sWARNING\n", LABEL, "");
        stc_fmt_wrap(out, "", LABEL, stc_text_str(&t));
    }
    stc_text_free(&t);
}

/* A bar that begins where the last ended; '+' grows, '-' shrinks. */
static void fall(double from, double to, double most, struct stc_text *out)
{
    enum { WIDTH = 40 };
    int a = (int)(from / most * WIDTH + 0.5), b = (int)(to / most * WIDTH + 0.5);
    int left = a < b ? a : b, right = a < b ? b : a;
    if (left == right) right++;
    stc_fmt_fill(out, ' ', left);
    stc_fmt_fill(out, to >= from ? '+' : '-', right - left);
}

static void whole(const char *title, double t, double most, struct stc_text *out)
{
    enum { WIDTH = 40 };
    struct stc_fmt f;
    stc_text_printf(out, "%-32s %10s %11s  ", title, stc_fmt_s(&f, t), "");
    stc_fmt_fill(out, '#', (int)(t / most * WIDTH + 0.5));
    stc_text_put(out, "\n");
}

static double highest(const struct stc_diff *d)
{
    double at = d->a_result.step_s, most = fmax(at, d->b_result.step_s);
    for (int k = 0; k < STC_PART_COUNT; k++) {
        at += d->part_s[k];
        most = fmax(most, at);
    }
    return most > 0 ? most : 1;
}

static void waterfall(const struct stc_diff *d, struct stc_text *out)
{
    double most = highest(d), at = d->a_result.step_s;
    struct stc_fmt f, g;
    stc_fmt_section(out, "Waterfall (parts of the busiest stage)");
    whole("A", at, most, out);
    for (int k = 0; k < STC_PART_COUNT; k++) {
        if (fabs(d->part_s[k]) < 1e-9 * most) continue;
        stc_text_printf(out, "%-32s %10s %11s  ", stc_part_title((enum stc_part)k),
                        signed_s(&f, d->part_s[k]),
                        stc_fmt_signed_pct(&g, d->part_s[k] / d->a_result.step_s));
        fall(at, at + d->part_s[k], most, out);
        stc_text_put(out, "\n");
        at += d->part_s[k];
    }
    whole("B", d->b_result.step_s, most, out);
}

static void one_by_one(const struct stc_diff *d, struct stc_text *out)
{
    struct stc_fmt f, g, h;
    stc_fmt_section(out, "One change at a time");
    if (d->n_changes == 0) {
        stc_text_put(out, "the scenarios are the same\n");
        return;
    }
    stc_text_printf(out, "%-38s %11s %9s %14s\n", "change", "adds", "",
                    "alone, over A");
    for (int i = 0; i < d->n_changes; i++) {
        const struct stc_diff_change *c = &d->changes[i];
        const char *keys = c->keys;
        if (strlen(keys) > 38) { /* a line of their own */
            stc_fmt_wrap(out, "", 0, keys);
            keys = "";
        }
        stc_text_printf(out, "%-38s %11s %9s %14s\n", keys, signed_s(&f, c->walk_s),
                        stc_fmt_signed_pct(&h, c->walk_s / d->a_result.step_s),
                        signed_s(&g, c->alone_s));
        stc_text_printf(out, "    %.44s -> %.44s\n", c->from, c->to);
    }
}

void stc_report_diff(const struct stc_diff *d, const char *a_name, const char *b_name,
                     struct stc_text *out)
{
    struct stc_fmt f, g, h;
    double a = d->a_result.step_s, b = d->b_result.step_s;
    side("A", a_name, &d->a, &d->a_result, out);
    side("B", b_name, &d->b, &d->b_result, out);
    stc_text_printf(out, "\nB - A: %s (%s); tokens/s of each GPU %s\n",
                    signed_s(&f, b - a), stc_fmt_signed_pct(&g, b / a - 1),
                    stc_fmt_signed_pct(&h, d->b_result.tokens_per_s_per_gpu /
                                                   d->a_result.tokens_per_s_per_gpu -
                                               1));
    waterfall(d, out);
    one_by_one(d, out);
}

static json_t *one_side(const char *name, const struct stc_scenario *s,
                        const struct stc_result *r)
{
    json_t *j = json_object(), *parts = json_object();
    for (int k = 0; k < STC_PART_COUNT && r->n_stages > 0; k++)
        stc_json_put(
            parts, stc_part_key((enum stc_part)k),
            stc_json_num(stc_tick_to_s(r->stages[r->slowest_stage].part_ticks[k])));
    stc_json_put(j, "name", json_string(name));
    stc_json_put(j, "model", json_string(s->model_name));
    stc_json_put(j, "scenario_hash", stc_json_hash(r->scenario_hash));
    stc_json_put(j, "step_s", stc_json_num(r->step_s));
    stc_json_put(j, "tokens_per_s_per_gpu", stc_json_num(r->tokens_per_s_per_gpu));
    stc_json_put(j, "mfu", stc_json_num(r->mfu));
    stc_json_put(j, "fits", json_boolean(r->fits));
    stc_json_put(j, "parts_s", parts);
    stc_json_put(j, "notes", stc_report_notes_json(s));
    return j;
}

enum stc_err stc_report_diff_json(const struct stc_diff *d, const char *a_name,
                                  const char *b_name, struct stc_text *out,
                                  struct stc_diag *diag)
{
    json_t *doc = stc_json_document("difference", 1), *parts = json_object(),
           *list = json_array();
    for (int k = 0; k < STC_PART_COUNT; k++)
        stc_json_put(parts, stc_part_key((enum stc_part)k), stc_json_num(d->part_s[k]));
    for (int i = 0; i < d->n_changes; i++) {
        json_t *c = json_object();
        stc_json_put(c, "keys", json_string(d->changes[i].keys));
        stc_json_put(c, "from", json_string(d->changes[i].from));
        stc_json_put(c, "to", json_string(d->changes[i].to));
        stc_json_put(c, "adds_s", stc_json_num(d->changes[i].walk_s));
        stc_json_put(c, "alone_s", stc_json_num(d->changes[i].alone_s));
        json_array_append_new(list, c);
    }
    stc_json_put(doc, "a", one_side(a_name, &d->a, &d->a_result));
    stc_json_put(doc, "b", one_side(b_name, &d->b, &d->b_result));
    stc_json_put(doc, "difference_s",
                 stc_json_num(d->b_result.step_s - d->a_result.step_s));
    stc_json_put(doc, "parts_s", parts);
    stc_json_put(doc, "changes", list);
    return stc_json_text(doc, out, diag);
}
