#include "reports/validate_text.h"

#include "reports/fmt.h"
#include "reports/json_util.h"

#include <math.h>
#include <string.h>

/* The name, and beside it a kind of memory or what physics alone reaches. */
static void first_columns(const char *name, int width, const char *second,
                          int second_width, struct stc_text *out)
{
    stc_text_printf(out, "%-*.*s", width, width, name);
    if (second_width)
        stc_text_printf(out, " %-*.*s", second_width, second_width, second);
}

static void table(const char *title, const struct stc_vsum *sums, int n,
                  struct stc_text *out)
{
    struct stc_fmt f, g, h, p;
    int twins = 0; /* errors with the source left out of the fit */
    if (n == 0) return;
    stc_fmt_section(out, title);
    for (int i = 0; i < n; i++)
        twins |= !isnan(sums[i].left_out);
    int layers = !isnan(sums[0].plain); /* a cost query: what physics alone says */
    int memory = sums[0].mem_kind != NULL;
    int width = memory ? 26 : layers ? 42 : 43, second = memory ? 20 : layers ? 8 : 0;
    if (twins) width -= 9;
    first_columns(layers ? "group" : "source", width, memory ? "kind" : "physics",
                  second, out);
    stc_text_printf(out, " %5s %4s %8s%s %9s  %s\n", "rows", "none", "error",
                    twins ? " left out" : "", "bias", "worst");
    for (int i = 0; i < n; i++) {
        const struct stc_vsum *s = &sums[i];
        first_columns(s->source, width,
                      memory ? s->mem_kind : stc_fmt_pct(&p, s->plain), second, out);
        stc_text_printf(out, " %5d %4d %8s", s->n, s->n_missing,
                        stc_fmt_pct(&f, s->mape));
        if (twins)
            stc_text_printf(out, " %8s",
                            isnan(s->left_out) ? "-" : stc_fmt_pct(&f, s->left_out));
        stc_text_printf(out, " %9s  %s %s\n",
                        s->n > s->n_missing ? stc_fmt_signed_pct(&g, s->bias) : "-",
                        s->worst_id,
                        s->worst_id[0] ? stc_fmt_signed_pct(&h, s->worst) : "-");
    }
}

/* Mean over the sources with at least five rows, none missing. */
static double mean_of_large(const struct stc_vsum *s, int n, int *n_large)
{
    double sum = 0;
    *n_large = 0;
    for (int i = 0; i < n; i++)
        if (s[i].n >= 5 && s[i].n_missing == 0) {
            sum += s[i].mape;
            (*n_large)++;
        }
    return *n_large ? sum / *n_large : (double)NAN;
}

static void score(const char *what, double value, int n_sources, int forecast, int rows,
                  const struct stc_vsum *sums, struct stc_text *out)
{
    struct stc_fmt f, g;
    int n_large;
    double large = mean_of_large(sums, n_sources, &n_large);
    if (n_sources == 0) return;
    stc_text_printf(out,
                    "%-10s %d of %d rows; mean over %d sources %s; over %d complete "
                    "ones of 5+ rows %s\n",
                    what, forecast, rows, n_sources, stc_fmt_pct(&f, value), n_large,
                    stc_fmt_pct(&g, large));
}

/* A figure as its quantity's name says: s, bytes, or as it stands. */
static const char *figure(struct stc_fmt *f, const struct stc_vcase *k, double v)
{
    size_t n = strlen(k->quantity);
    if (isnan(v)) return "-";
    if (n > 6 && strcmp(k->quantity + n - 6, "_bytes") == 0) return stc_fmt_gib(f, v);
    if (k->is_mem) return v > 0 ? "yes" : "no";
    if (n > 2 && strcmp(k->quantity + n - 2, "_s") == 0 &&
        strcmp(k->quantity, "samples_per_s") != 0)
        return stc_fmt_s(f, v);
    return stc_fmt_num(f, v);
}

static void judged_row(const struct stc_vrow *row, const struct stc_vcase *k,
                       struct stc_text *out)
{
    struct stc_fmt f, g, h;
    char allowed[24], what[24];
    size_t n = strlen(k->quantity);
    snprintf(what, sizeof what, "%s", k->quantity);
    if (n > 6 && n < sizeof what && strcmp(what + n - 6, "_bytes") == 0)
        what[n - 6] = '\0';
    if (k->tolerance >= 1)
        snprintf(allowed, sizeof allowed, "x %.1f", k->tolerance);
    else
        snprintf(allowed, sizeof allowed, "%.0f %%", 100 * k->tolerance);
    stc_text_printf(out, "%-6.6s %-7.7s %-21.21s %-20.20s %10s %10s %8s %5s %s\n",
                    row->id, row->source, row->scenario ? row->scenario : "", what,
                    figure(&f, k, k->measured), figure(&g, k, k->predicted),
                    isnan(k->predicted)
                        ? "-"
                        : stc_fmt_signed_pct(&h, k->predicted / k->measured - 1),
                    allowed, stc_validate_held(k) ? "" : "NO");
    if (isnan(k->predicted)) stc_text_printf(out, "%15s%s\n", "", row->note);
}

/* Tables that say how near is near enough: every row, and what was not compared. */
static void judged(const struct stc_vreport *r, struct stc_text *out)
{
    if (r->n_judged == 0) return;
    stc_fmt_section(out, "Row by row");
    stc_text_printf(out, "%-6s %-7s %-21s %-20s %10s %10s %8s %5s %s\n", "row",
                    "source", "scenario", "quantity", "measured", "forecast", "error",
                    "may", "held");
    for (int i = 0; i < r->n_rows; i++)
        for (int c = 0; c < r->rows[i].n_cases; c++)
            judged_row(&r->rows[i], &r->rows[i].cases[c], out);
    stc_fmt_section(out, "Not compared");
    for (int i = 0; i < r->n_rows; i++) {
        const char *why = r->rows[i].why_not;
        int n = 0, seen = 0;
        for (int k = 0; why && k < r->n_rows; k++) {
            if (!r->rows[k].why_not || strcmp(r->rows[k].why_not, why) != 0) continue;
            seen |= k < i;
            n++;
        }
        if (why && !seen) stc_text_printf(out, "%4d  %s\n", n, why);
    }
}

void stc_report_validate(const struct stc_vreport *r, struct stc_text *out)
{
    struct stc_fmt f;
    stc_text_printf(out,
                    "%d measured rows (%s)\nerror: mean absolute percentage; a row "
                    "without a forecast counts 100 %%\n",
                    r->n_rows, r->kind);
    table(r->title, r->time, r->n_time, out);
    table("Peak memory", r->mem_kinds, r->n_mem_kinds, out);
    judged(r, out);
    stc_fmt_section(out, "Score");
    score(r->is_query ? "forecast" : "step time", r->time_score, r->n_time,
          r->n_time_forecast, r->n_time_rows, r->time, out);
    score("memory", r->mem_score, r->n_mem, r->n_mem_forecast, r->n_mem_rows, r->mem,
          out);
    if (!isnan(r->time_left_out))
        stc_text_printf(out, "%-10s step time %s", "left out",
                        stc_fmt_pct(&f, r->time_left_out));
    if (!isnan(r->time_left_out) && !isnan(r->mem_left_out))
        stc_text_printf(out, ", memory %s", stc_fmt_pct(&f, r->mem_left_out));
    if (!isnan(r->time_left_out))
        stc_text_put(out, ": each source by numbers fitted without it\n");
    if (r->n_judged)
        stc_text_printf(out, "%-10s %d of %d rows lie within what their table allows\n",
                        "held", r->n_held, r->n_judged);
    if (r->n_time_forecast)
        stc_text_printf(
            out, "%-10s %s of the measured times lie inside the 90 %% interval\n",
            "interval", stc_fmt_pct(&f, r->inside90));
}

static const char *unit_of(const struct stc_vcase *k)
{
    static const char *const units[][2] = {{"step_time_s", "s"},
                                           {"tokens_per_s_per_gpu", "tok/s"},
                                           {"time_us", "us"},
                                           {"bandwidth_GBps", "GB/s"}};
    if (k->is_mem) return "GiB";
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i][0], k->quantity) == 0) return units[i][1];
    return "";
}

/* The shares of one measurement: seconds of a stage, or GiB. */
static void put_parts(const struct stc_vrow *row, const struct stc_vcase *k,
                      struct stc_text *t)
{
    if (isnan(k->predicted)) stc_text_put(t, row->note);
    if (!row->simulated) return;
    for (int p = 0; p < STC_PART_COUNT && !k->is_mem; p++)
        if (row->part_s[p] > 0)
            stc_text_printf(t, "%s%s=%.4g", *stc_text_str(t) ? " " : "",
                            stc_part_key((enum stc_part)p), row->part_s[p]);
    for (int m = 0; m < STC_MEM_COUNT && k->is_mem; m++)
        if (row->mem.bytes[m] > 0)
            stc_text_printf(t, "%s%s=%.3g", *stc_text_str(t) ? " " : "",
                            stc_mem_name((enum stc_mem_kind)m),
                            row->mem.bytes[m] / 1073741824.0);
}

static void parts_line(const struct stc_vrow *row, struct stc_text *out)
{
    enum { LABEL = 54 };
    struct stc_fmt f, g, h;
    struct stc_text t;
    stc_text_init(&t, 0);
    for (int c = 0; c < row->n_cases; c++) {
        const struct stc_vcase *k = &row->cases[c];
        double unit = k->is_mem ? 1.0 / 1073741824.0 : 1;
        char label[128];
        snprintf(label, sizeof label, "%-14.14s %-6.6s %10s %10s %9s", row->id,
                 unit_of(k), stc_fmt_num(&f, k->measured * unit),
                 stc_fmt_num(&g, k->predicted * unit),
                 stc_fmt_signed_pct(&h, k->predicted / k->measured - 1));
        stc_text_clear(&t);
        put_parts(row, k, &t);
        stc_fmt_wrap(out, label, LABEL, stc_text_str(&t));
    }
    stc_text_free(&t);
}

void stc_report_validate_parts(const struct stc_vreport *r, struct stc_text *out)
{
    stc_text_printf(out,
                    "parts of the busiest stage (s) or of the fullest (GiB)\n"
                    "%-14s %-6s %10s %10s %9s parts\n",
                    "row", "unit", "measured", "forecast", "error");
    for (int i = 0; i < r->n_rows; i++)
        parts_line(&r->rows[i], out);
}

static json_t *sums_json(const struct stc_vsum *s, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        json_t *j = json_object();
        stc_json_put(j, "source", json_string(s[i].source));
        if (s[i].mem_kind) stc_json_put(j, "mem_kind", json_string(s[i].mem_kind));
        stc_json_put(j, "rows", json_integer(s[i].n));
        stc_json_put(j, "without_forecast", json_integer(s[i].n_missing));
        stc_json_put(j, "mape", stc_json_num(s[i].mape));
        if (!isnan(s[i].plain))
            stc_json_put(j, "mape_without_residual", stc_json_num(s[i].plain));
        if (!isnan(s[i].left_out))
            stc_json_put(j, "mape_left_out", stc_json_num(s[i].left_out));
        stc_json_put(j, "bias", stc_json_num(s[i].bias));
        stc_json_put(j, "worst_id", json_string(s[i].worst_id));
        stc_json_put(j, "worst", stc_json_num(s[i].worst));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *rows_json(const struct stc_vreport *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n_rows; i++)
        for (int c = 0; c < r->rows[i].n_cases; c++) {
            const struct stc_vcase *k = &r->rows[i].cases[c];
            json_t *j = json_object();
            stc_json_put(j, "id", json_string(r->rows[i].id));
            stc_json_put(j, "quantity", json_string(k->quantity));
            stc_json_put(j, "measured", stc_json_num(k->measured));
            stc_json_put(j, "predicted", stc_json_num(k->predicted));
            stc_json_put(j, "lo90", stc_json_num(k->lo90));
            stc_json_put(j, "hi90", stc_json_num(k->hi90));
            if (r->rows[i].scenario)
                stc_json_put(j, "scenario", json_string(r->rows[i].scenario));
            if (k->tolerance > 0) {
                stc_json_put(j, "tolerance", stc_json_num(k->tolerance));
                stc_json_put(j, "held", json_boolean(stc_validate_held(k)));
            }
            stc_json_put(j, "note", json_string(r->rows[i].note));
            json_array_append_new(list, j);
        }
    return list;
}

enum stc_err stc_report_validate_json(const struct stc_vreport *r, struct stc_text *out,
                                      struct stc_diag *diag)
{
    json_t *doc = stc_json_document("validation", 1);
    stc_json_put(doc, "kind", json_string(r->kind));
    stc_json_put(doc, "time_score", stc_json_num(r->time_score));
    stc_json_put(doc, "memory_score", stc_json_num(r->mem_score));
    if (!isnan(r->time_left_out))
        stc_json_put(doc, "time_score_left_out", stc_json_num(r->time_left_out));
    if (!isnan(r->mem_left_out))
        stc_json_put(doc, "memory_score_left_out", stc_json_num(r->mem_left_out));
    stc_json_put(doc, "inside_90", stc_json_num(r->inside90));
    stc_json_put(doc, "time", sums_json(r->time, r->n_time));
    stc_json_put(doc, "memory", sums_json(r->mem, r->n_mem));
    stc_json_put(doc, "memory_by_kind", sums_json(r->mem_kinds, r->n_mem_kinds));
    stc_json_put(doc, "rows", rows_json(r));
    return stc_json_text(doc, out, diag);
}
