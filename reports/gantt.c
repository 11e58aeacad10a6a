/*
 * gantt.c - the pipeline as characters: one line a stage, time to the right.
 *
 * A cell shows what the stage's compute stream did for most of that time:
 * forward of micro-batch m as the digit m mod 10, backward as the letter
 * a + m mod 26, a weight gradient apart as 'w', the optimizer as 'O', a
 * collective that compute waits for as '-', nothing as '.'.
 */
#include "reports/fmt.h"
#include "reports/step_text.h"

#include <string.h>

enum { LABEL = 9, CELLS = STC_REPORT_COLUMNS - LABEL, STAGES_MAX = 16 };

static char mark(const struct stc_span *s)
{
    int m = s->micro < 0 ? 0 : s->micro;
    if (s->part == STC_PART_OPTIMIZER) return 'O';
    if (s->part >= STC_PART_TP_COMM && s->part <= STC_PART_PP_COMM) return '-';
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

static void add_span(const struct stc_span *s, stc_tick step, char *line,
                     stc_tick *held)
{
    double per_cell = (double)step / CELLS;
    int from = (int)((double)s->start / per_cell),
        to = (int)((double)s->end / per_cell);
    for (int c = from < 0 ? 0 : from; c <= to && c < CELLS; c++) {
        stc_tick share =
            overlap(s, (stc_tick)(per_cell * c), (stc_tick)(per_cell * (c + 1)));
        if (share <= held[c]) continue;
        held[c] = share;
        line[c] = mark(s);
    }
}

static void stage_line(const struct stc_result *r, int stage, struct stc_text *out)
{
    char line[CELLS + 1];
    stc_tick held[CELLS] = {0};
    memset(line, '.', CELLS);
    line[CELLS] = '\0';
    for (int i = 0; i < r->n_spans; i++)
        if (r->spans[i].stage == stage && r->spans[i].stream == 0)
            add_span(&r->spans[i], r->step_ticks, line, held);
    stc_text_printf(out, "stage %-2d %s\n", stage, line);
}

void stc_report_pipeline(const struct stc_result *r, struct stc_text *out)
{
    if (r->n_spans <= 0 || r->n_stages < 2 || r->step_ticks <= 0) return;
    stc_fmt_section(out, "Pipeline (forward: digit, backward: letter, of the "
                         "micro-batch; - waits for comm, . idle)");
    int lines = r->n_stages < STAGES_MAX ? r->n_stages : STAGES_MAX;
    for (int i = 0; i < lines; i++)
        stage_line(r, stc_fmt_spread(i, lines, r->n_stages), out);
    if (r->n_stages > lines)
        stc_text_printf(out, "(%d of %d stages)\n", lines, (int)r->n_stages);
}
