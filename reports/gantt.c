/*
 * gantt.c - the pipeline as characters: one line a stage, time to the right.
 *
 * A cell shows what the stage's compute stream did for most of that time:
 * forward of micro-batch m as the digit m mod 10, backward as the letter
 * a + m mod 26 (their own collectives among them), a weight gradient apart as 'w',
 * the optimizer as 'O', the host as 'h', a transfer that compute waits for as '-',
 * nothing as '.'.
 */
#include "reports/fmt.h"
#include "reports/step_text.h"

#include <string.h>

enum { LABEL = 9, CELLS = STC_REPORT_COLUMNS - LABEL, STAGES_MAX = 16 };

static char mark(const struct stc_span *s)
{
    int m = s->micro < 0 ? 0 : s->micro;
    int within = s->part >= STC_PART_TP_COMM && s->part <= STC_PART_EP_COMM &&
                 s->name && strchr("FBRW", s->name[0]); /* of a micro-batch's own */
    if (s->part == STC_PART_OPTIMIZER) return 'O';
    if (s->part == STC_PART_HOST) return 'h';
    if (!within && s->part >= STC_PART_TP_COMM && s->part <= STC_PART_PP_COMM)
        return '-';
    if (s->part == STC_PART_BUBBLE || s->part == STC_PART_OTHER || !s->name) return '.';
    if (s->name[0] == 'F') return (char)('0' + m % 10);
    if (s->name[0] == 'B' || s->name[0] == 'R') return (char)('a' + m % 26);
    if (s->name[0] == 'W') return 'w';
    return '-';
}

/* Ticks of the span inside a cell. */
static stc_tick overlap(const struct stc_span *s, stc_tick from, stc_tick to)
{
    stc_tick a = s->start > from ? s->start : from, b = s->end < to ? s->end : to;
    return b > a ? b - a : 0;
}

/* What a cell saw: ticks by mark. */
enum { MARKS = 8 };
struct cell {
    char mark[MARKS];
    stc_tick held[MARKS];
};

static void add_span(const struct stc_span *s, stc_tick step, struct cell *cells)
{
    double per_cell = (double)step / CELLS;
    int from = (int)((double)s->start / per_cell),
        to = (int)((double)s->end / per_cell);
    char m = mark(s);
    for (int c = from < 0 ? 0 : from; c <= to && c < CELLS; c++) {
        int i = 0;
        while (i < MARKS - 1 && cells[c].mark[i] && cells[c].mark[i] != m)
            i++;
        cells[c].mark[i] = m;
        cells[c].held[i] +=
            overlap(s, (stc_tick)(per_cell * c), (stc_tick)(per_cell * (c + 1)));
    }
}

static char most(const struct cell *x)
{
    int best = 0;
    for (int i = 1; i < MARKS && x->mark[i]; i++)
        if (x->held[i] > x->held[best]) best = i;
    return x->held[best] > 0 ? x->mark[best] : '.';
}

static void stage_line(const struct stc_result *r, int stage, struct stc_text *out)
{
    struct cell cells[CELLS] = {0};
    char line[CELLS + 1];
    for (int i = 0; i < r->n_spans; i++)
        if (r->spans[i].stage == stage && r->spans[i].stream == 0)
            add_span(&r->spans[i], r->step_ticks, cells);
    for (int c = 0; c < CELLS; c++)
        line[c] = most(&cells[c]);
    line[CELLS] = '\0';
    stc_text_printf(out, "stage %-2d %s\n", stage, line);
}

void stc_report_pipeline(const struct stc_result *r, struct stc_text *out)
{
    if (r->n_spans <= 0 || r->n_stages < 2 || r->step_ticks <= 0) return;
    stc_fmt_section(out, "Pipeline (forward: digit, backward: letter, of the "
                         "micro-batch; - waits for comm, h host, . idle)");
    int lines = r->n_stages < STAGES_MAX ? r->n_stages : STAGES_MAX;
    for (int i = 0; i < lines; i++)
        stage_line(r, stc_fmt_spread(i, lines, r->n_stages), out);
    if (r->n_stages > lines)
        stc_text_printf(out, "(%d of %d stages)\n", lines, (int)r->n_stages);
}
