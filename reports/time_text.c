/* time_text.c - where the step's time goes: bars of the slowest stage, a line for each stage. */
#include "reports/fmt.h"
#include "reports/step_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double part_s(const struct stc_stage_result *st, int p)
{
    return stc_tick_to_s(st->part_ticks[p]);
}

static void bars(const struct stc_result *r, struct stc_text *out)
{
    enum { WIDTH = 42 };
    const struct stc_stage_result *st = &r->stages[r->slowest_stage];
    struct stc_fmt f, g;
    for (int p = 0; p < STC_PART_COUNT; p++) {
        double t = part_s(st, p);
        if (t <= 0) continue;
        stc_text_printf(out, "%-31s %10s %8s", stc_part_title((enum stc_part)p),
                        stc_fmt_s(&f, t), stc_fmt_pct(&g, t / r->step_s));
        int n = (int)(t / r->step_s * WIDTH + 0.5);
        stc_text_put(out, n > 0 ? "  " : "");
        stc_fmt_fill(out, '#', n);
        stc_text_put(out, "\n");
    }
}

/* Columns of the stage table: sums of parts. */
static const struct column {
    const char *title;
    uint32_t parts;
} columns[] = {
    {"compute",
     1U << STC_PART_GEMM | 1U << STC_PART_ATTENTION | 1U << STC_PART_MEMBOUND},
    {"recompute", 1U << STC_PART_RECOMPUTE},
    {"tp+cp+ep",
     1U << STC_PART_TP_COMM | 1U << STC_PART_CP_COMM | 1U << STC_PART_EP_COMM},
    {"dp", 1U << STC_PART_DP_COMM},
    {"pp+bubble", 1U << STC_PART_PP_COMM | 1U << STC_PART_BUBBLE},
    {"optimizer", 1U << STC_PART_OPTIMIZER},
    {"host+other", 1U << STC_PART_HOST | 1U << STC_PART_OTHER},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static double column_s(const struct stc_stage_result *st, const struct column *c)
{
    double sum = 0;
    for (int p = 0; p < STC_PART_COUNT; p++)
        if (c->parts >> p & 1U) sum += part_s(st, p);
    return sum;
}

/* Two stages that print the same line. */
static int alike(const struct stc_stage_result *a, const struct stc_stage_result *b,
                 double step_s)
{
    for (int c = 0; c < N_COLUMNS; c++)
        if (fabs(column_s(a, &columns[c]) - column_s(b, &columns[c])) > 1e-3 * step_s)
            return 0;
    return a->n_layers == b->n_layers;
}

static void stage_line(const struct stc_result *r, int from, int to,
                       struct stc_text *out)
{
    const struct stc_stage_result *st = &r->stages[from];
    struct stc_fmt f;
    char name[32];
    if (from == to)
        snprintf(name, sizeof name, "%d", from);
    else
        snprintf(name, sizeof name, "%d-%d", from, to);
    stc_text_printf(out, "%-7s %6d", name, (int)st->n_layers);
    for (int c = 0; c < N_COLUMNS; c++) {
        double t = column_s(st, &columns[c]);
        stc_text_printf(out, " %10s", t > 0 ? stc_fmt_s(&f, t) : "-");
    }
    stc_text_put(out, "\n");
}

static void stages(const struct stc_result *r, struct stc_text *out)
{
    stc_fmt_section(out, "Stages (one GPU of each; parts add up to the step)");
    stc_text_printf(out, "%-7s %6s", "stage", "layers");
    for (int c = 0; c < N_COLUMNS; c++)
        stc_text_printf(out, " %10s", columns[c].title);
    stc_text_put(out, "\n");
    for (int from = 0; from < r->n_stages;) {
        int to = from;
        while (to + 1 < r->n_stages &&
               alike(&r->stages[from], &r->stages[to + 1], r->step_s))
            to++;
        stage_line(r, from, to, out);
        from = to + 1;
    }
}

void stc_report_time(const struct stc_result *r, struct stc_text *out)
{
    char title[96];
    if (r->n_stages <= 0) return;
    snprintf(title, sizeof title, "Where the time goes (stage %d, the busiest)",
             (int)r->slowest_stage);
    stc_fmt_section(out, r->n_stages > 1 ? title : "Where the time goes");
    bars(r, out);
    if (r->n_stages > 1) stages(r, out);
}
