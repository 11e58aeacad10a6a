#include "reports/sweep_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/fmt.h"
#include "reports/json_util.h"
#include "reports/notes.h"
#include "reports/notes_json.h"

static const char *last_word(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

static int is_ok(const struct stc_sweep_row *r)
{
    return strcmp(r->status, "ok") == 0;
}

/* ==== what must be said of points ==== */

enum { NOTES_MOST = 8 };

/* Points that one sentence is of. */
struct note {
    struct stc_scenario of; /* the first of them */
    struct stc_text text;
    int first, n;
};

/* The scenario of a point, as the sweep made it but for the batch of weak scaling. */
static int point_of(const struct stc_scenario *base, const struct stc_sweep_table *t,
                    const struct stc_sweep_row *r, struct stc_scenario *out)
{
    struct stc_diag diag;
    *out = *base;
    for (int i = 0; i < t->n_axes; i++)
        if (stc_scenario_set(out, t->key[i], r->value[i], &diag) != STC_OK) return 0;
    return stc_scenario_resolve(out, &diag) == STC_OK;
}

/* Sentences in the order of their first points; each text is to be freed. */
static int collect(const struct stc_scenario *base, const struct stc_sweep_table *t,
                   struct note v[NOTES_MOST])
{
    int n = 0;
    for (int k = 0; base && k < t->n; k++) {
        struct note one = {.first = k, .n = 1};
        int at = 0;
        stc_text_init(&one.text, 0);
        if (point_of(base, t, &t->row[k], &one.of))
            stc_report_notes(&one.of, &one.text);
        while (at < n &&
               strcmp(stc_text_str(&v[at].text), stc_text_str(&one.text)) != 0)
            at++;
        v[at < n ? at : 0].n += at < n;
        if (at < n || n == NOTES_MOST || !*stc_text_str(&one.text))
            stc_text_free(&one.text);
        else
            v[n++] = one;
    }
    return n;
}

static void put_warnings(const struct stc_scenario *base,
                         const struct stc_sweep_table *t, struct stc_text *out)
{
    enum { LABEL = 10 };
    struct note *v = calloc(NOTES_MOST, sizeof *v);
    int n = v ? collect(base, t, v) : 0;
    for (int i = 0; i < n; i++) {
        stc_fmt_wrap(out, "WARNING", LABEL, stc_text_str(&v[i].text));
        stc_text_free(&v[i].text);
    }
    free(v);
}

static json_t *notes_json(const struct stc_scenario *base,
                          const struct stc_sweep_table *t)
{
    json_t *list = json_array();
    struct note *v = calloc(NOTES_MOST, sizeof *v);
    int n = v ? collect(base, t, v) : 0;
    for (int i = 0; i < n; i++) {
        json_t *of = stc_report_notes_json(&v[i].of), *first = json_array_get(of, 0);
        if (first) {
            stc_json_put(first, "first_point", json_integer(t->row[v[i].first].id));
            stc_json_put(first, "points", json_integer(v[i].n));
            json_array_append(list, first);
        }
        json_decref(of);
        stc_text_free(&v[i].text);
    }
    free(v);
    return list;
}

/* ==== text ==== */

static int width_of(const struct stc_sweep_table *t, int axis)
{
    size_t w = strlen(last_word(t->key[axis]));
    for (int i = 0; i < t->n; i++)
        if (strlen(t->row[i].value[axis]) > w) w = strlen(t->row[i].value[axis]);
    return (int)(w > 24 ? 24 : w);
}

static void put_row(const struct stc_sweep_table *t, const struct stc_sweep_row *r,
                    struct stc_text *out)
{
    struct stc_fmt f, g, h;
    for (int i = 0; i < t->n_axes; i++)
        stc_text_printf(out, "%*.24s  ", width_of(t, i), r->value[i]);
    if (strcmp(r->status, "infeasible") == 0) {
        stc_text_printf(out, "%s: %.120s\n", r->status, r->message);
        return;
    }
    stc_text_printf(out, "%6d %10s %10.0f %8.1f %7s %10s", (int)r->n_gpus,
                    stc_fmt_s(&f, r->step_s), r->tokens_per_s, r->tokens_per_s_per_gpu,
                    stc_fmt_pct(&g, r->mfu), stc_fmt_gib(&h, r->peak_bytes));
    if (!isnan(r->efficiency))
        stc_text_printf(out, " %6.1f%%%s", 100 * r->efficiency,
                        r->knee ? " <- knee" : "");
    if (!is_ok(r)) stc_text_printf(out, "  %s: %s", r->status, r->message);
    stc_text_put(out, "\n");
    if (t->tuned && r->layout[0]) stc_fmt_wrap(out, "        ", 10, r->layout);
}

void stc_report_sweep(const struct stc_sweep_table *t, const struct stc_scenario *base,
                      struct stc_text *out)
{
    stc_fmt_wrap(out, "", 0, t->title);
    stc_fmt_fill(out, '=', STC_REPORT_COLUMNS);
    stc_text_printf(out, "\n%d of %lld points%s%s\n\n", t->n, (long long)t->n_points,
                    t->tuned ? ", the best layout of each" : "",
                    t->weak ? ", the batch grows with the GPUs" : "");
    put_warnings(base, t, out);
    for (int i = 0; i < t->n_axes; i++)
        stc_text_printf(out, "%*s  ", width_of(t, i), last_word(t->key[i]));
    stc_text_printf(out, "%6s %10s %10s %8s %7s %10s", "GPUs", "step", "tokens/s",
                    "tok/s/G", "MFU", "memory");
    if (t->n_curves > 0) stc_text_put(out, "  scaling");
    stc_text_put(out, "\n");
    for (int i = 0; i < t->n; i++)
        put_row(t, &t->row[i], out);
    if (t->n_curves > 0)
        stc_fmt_wrap(out, "\nscaling  ", 9,
                     t->weak
                         ? "rate per GPU against the smallest size (weak: batch per "
                           "GPU stays). knee, where there is one: beyond it an added "
                           "GPU brings less than half of what the first ones do"
                         : "rate per GPU against the smallest size (strong: the batch "
                           "stays). knee, where there is one: beyond it an added GPU "
                           "brings less than half of what the first ones do");
}

/* ==== CSV, JSON ==== */

static const struct {
    const char *name;
    size_t at;
} numbers[] = {
#define NUMBER(field)                           \
 {                                              \
#  field, offsetof(struct stc_sweep_row, field) \
 }
    NUMBER(global_batch), NUMBER(step_s),       NUMBER(lo90_s),
    NUMBER(hi90_s),       NUMBER(tokens_per_s), NUMBER(tokens_per_s_per_gpu),
    NUMBER(mfu),          NUMBER(peak_bytes),   NUMBER(watts),
    NUMBER(usd_per_mtok), NUMBER(efficiency),
#undef NUMBER
};
enum { N_NUMBERS = sizeof numbers / sizeof numbers[0] };

static double number_of(const struct stc_sweep_row *r, int i)
{
    double v;
    memcpy(&v, (const char *)r + numbers[i].at, sizeof v);
    return v;
}

static void last_cell(struct stc_text *out, const char *text)
{
    int quote = strpbrk(text, ",\"\n") != NULL;
    if (quote) stc_text_put(out, "\"");
    for (; *text; text++) {
        char one[3] = {*text, '\0', '\0'};
        if (*text == '"') one[1] = '"';
        stc_text_put(out, one);
    }
    if (quote) stc_text_put(out, "\"");
}

static void cell(struct stc_text *out, const char *text)
{
    last_cell(out, text);
    stc_text_put(out, ",");
}

void stc_report_sweep_csv(const struct stc_sweep_table *t, struct stc_text *out)
{
    char buf[40];
    stc_text_put(out, "point,");
    for (int i = 0; i < t->n_axes; i++)
        cell(out, t->key[i]);
    stc_text_put(out, "status,gpus,");
    for (int i = 0; i < N_NUMBERS; i++)
        cell(out, numbers[i].name);
    stc_text_put(out, "layout,message\n");
    for (int k = 0; k < t->n; k++) {
        const struct stc_sweep_row *r = &t->row[k];
        stc_text_printf(out, "%lld,", (long long)r->id);
        for (int i = 0; i < t->n_axes; i++)
            cell(out, r->value[i]);
        cell(out, r->status);
        stc_text_printf(out, "%d,", (int)r->n_gpus);
        for (int i = 0; i < N_NUMBERS; i++)
            cell(out, isnan(number_of(r, i))
                          ? ""
                          : stc_text_double(number_of(r, i), buf, sizeof buf));
        cell(out, r->layout);
        last_cell(out, r->message);
        stc_text_put(out, "\n");
    }
}

enum stc_err stc_report_sweep_json(const struct stc_sweep_table *t,
                                   const struct stc_scenario *base,
                                   struct stc_text *out, struct stc_diag *diag)
{
    json_t *o = stc_json_document("sweep", 1), *rows = json_array();
    stc_json_put(o, "title", json_string(t->title));
    stc_json_put(o, "points", json_integer(t->n_points));
    stc_json_put(o, "tuned", json_boolean(t->tuned));
    stc_json_put(o, "weak", json_boolean(t->weak));
    stc_json_put(o, "notes", notes_json(base, t));
    for (int k = 0; rows && k < t->n; k++) {
        const struct stc_sweep_row *r = &t->row[k];
        json_t *x = json_object(), *set = json_object();
        stc_json_put(x, "point", json_integer(r->id));
        for (int i = 0; i < t->n_axes; i++)
            stc_json_put(set, t->key[i], json_string(r->value[i]));
        stc_json_put(x, "set", set);
        stc_json_put(x, "status", json_string(r->status));
        stc_json_put(x, "gpus", json_integer(r->n_gpus));
        for (int i = 0; i < N_NUMBERS; i++)
            stc_json_put(x, numbers[i].name, stc_json_num(number_of(r, i)));
        stc_json_put(x, "knee", json_boolean(r->knee));
        stc_json_put(x, "layout", json_string(r->layout));
        stc_json_put(x, "message", json_string(r->message));
        if (json_array_append_new(rows, x) != 0) break;
    }
    stc_json_put(o, "rows", rows);
    return stc_json_text(o, out, diag);
}

/* ==== pictures ==== */

static void quoted(struct stc_text *out, const char *text)
{
    stc_text_put(out, "\"");
    for (; *text; text++) {
        char one[3] = {*text, '\0', '\0'};
        if (*text == '"' || *text == '\\') {
            one[0] = '\\';
            one[1] = *text;
        }
        stc_text_put(out, *text == '_' ? "\\\\_" : one);
    }
    stc_text_put(out, "\"");
}

/* What distinguishes a curve: the values of the other axes. */
static void curve_name(const struct stc_sweep_table *t, const struct stc_sweep_row *r,
                       struct stc_text *name)
{
    stc_text_clear(name);
    for (int i = 0; i < t->n_axes; i++)
        if (i != t->gpu_axis)
            stc_text_printf(name, "%s%s %s", name->len ? ", " : "",
                            last_word(t->key[i]), r->value[i]);
    if (!name->len) stc_text_put(name, t->tuned ? "best layout" : "forecast");
}

static const struct stc_sweep_row *first_of(const struct stc_sweep_table *t, int curve)
{
    const struct stc_sweep_row *best = NULL;
    for (int i = 0; i < t->n; i++)
        if (t->row[i].curve == curve && (!best || t->row[i].n_gpus < best->n_gpus))
            best = &t->row[i];
    return best;
}

static void data_block(const struct stc_sweep_table *t, int curve, struct stc_text *out)
{
    int after = 0;
    stc_text_printf(out, "$c%d << EOD\n", curve);
    for (;;) { /* by GPUs */
        const struct stc_sweep_row *next = NULL;
        for (int i = 0; i < t->n; i++) {
            const struct stc_sweep_row *r = &t->row[i];
            if (r->curve == curve && r->n_gpus > after &&
                (!next || r->n_gpus < next->n_gpus))
                next = r;
        }
        if (!next) break;
        stc_text_printf(out, "%d %.10g %.10g %d\n", (int)next->n_gpus,
                        next->tokens_per_s, 100 * next->efficiency, next->knee);
        after = next->n_gpus;
    }
    stc_text_put(out, "EOD\n");
}

enum { MOST_CURVES = 8 };

/* The legend of the circles, once, where there are any. */
static const char *knee_title(const struct stc_sweep_table *t, int curve)
{
    int any = 0;
    for (int i = 0; i < t->n; i++)
        any += t->row[i].knee;
    return curve == 0 && any
               ? "title 'knee: beyond it an added GPU brings less than half'"
               : "notitle";
}

static void scaling_plot(const struct stc_sweep_table *t, struct stc_text *out)
{
    struct stc_text name;
    int n = t->n_curves < MOST_CURVES ? t->n_curves : MOST_CURVES;
    stc_text_init(&name, 0);
    for (int c = 0; c < n; c++)
        data_block(t, c, out);
    stc_text_put(out, "set terminal pngcairo size 1200,900 font 'Sans,13'\n"
                      "set multiplot layout 2,1 title ");
    quoted(out, t->title);
    stc_text_printf(
        out,
        " font ',15'\nset grid lc rgb '#dddddd'\nset key top left\n"
        "set logscale x 2\nset logscale y\nset ylabel 'tokens/s'\nset xlabel "
        "'GPUs (%s scaling)'\nset format y '%%.1s%%c'\nplot ",
        t->weak ? "weak" : "strong");
    for (int c = 0; c < n; c++) {
        const struct stc_sweep_row *r = first_of(t, c);
        curve_name(t, r, &name);
        stc_text_printf(out, "%s$c%d using 1:2 with linespoints lw 2 pt 7 lc %d title ",
                        c ? ", " : "", c, c + 1);
        quoted(out, stc_text_str(&name));
    }
    const struct stc_sweep_row *r = first_of(t, 0);
    stc_text_printf(
        out,
        ", %.10g*x with lines dt 2 lc rgb '#888888' title 'as the smallest, "
        "per GPU'\n",
        r->tokens_per_s / r->n_gpus);
    stc_text_put(
        out, "unset logscale y\nset format y '%g'\nset yrange [0:*]\nset key bottom "
             "left\nset ylabel 'efficiency, %'\nplot ");
    for (int c = 0; c < n; c++) {
        stc_text_printf(
            out,
            "%s$c%d using 1:3 with linespoints lw 2 pt 7 lc %d notitle, $c%d using "
            "1:($4 > 0 ? $3 : 1/0) with points pt 6 ps 3 lw 2 lc %d %s",
            c ? ", " : "", c, c + 1, c, c + 1, knee_title(t, c));
    }
    stc_text_put(out, "\nunset multiplot\n");
    stc_text_free(&name);
}

static void bar_plot(const struct stc_sweep_table *t, struct stc_text *out)
{
    stc_text_put(out, "$d << EOD\n");
    for (int i = 0; i < t->n; i++) {
        const struct stc_sweep_row *r = &t->row[i];
        stc_text_printf(out, "%d ", i);
        struct stc_text name;
        stc_text_init(&name, 0);
        for (int k = 0; k < t->n_axes; k++)
            stc_text_printf(&name, "%s%s", k ? ", " : "", r->value[k]);
        quoted(out, stc_text_str(&name));
        stc_text_printf(out, " %.10g\n", is_ok(r) ? r->tokens_per_s_per_gpu : 0.0);
        stc_text_free(&name);
    }
    stc_text_put(out,
                 "EOD\nset terminal pngcairo size 1200,700 font 'Sans,13'\nset title ");
    quoted(out, t->title);
    stc_text_put(
        out, "\nset grid y lc rgb '#dddddd'\nset style fill solid 0.8\nset boxwidth "
             "0.7\nset yrange [0:*]\nset ylabel 'tokens/s of one GPU (0: does not "
             "fit)'\nset xtics rotate by -35\nset xlabel '");
    for (int k = 0; k < t->n_axes; k++)
        stc_text_printf(out, "%s%s", k ? ", " : "", last_word(t->key[k]));
    stc_text_put(out,
                 "' noenhanced\nplot $d using 1:3:xtic(2) with boxes lc rgb '#3465a4' "
                 "notitle\n");
}

enum stc_err stc_report_sweep_plot(const struct stc_sweep_table *t,
                                   struct stc_text *out, struct stc_diag *diag)
{
    if (t->n == 0)
        return stc_fail(diag, STC_ERR_PARSE, "the sweep has no results to draw yet");
    if (t->n_curves > 0)
        scaling_plot(t, out);
    else
        bar_plot(t, out);
    return STC_OK;
}
