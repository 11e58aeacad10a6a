#include "reports/plot.h"

#include "reports/fmt.h"

#include <math.h>
#include <string.h>

enum { LINES = 6 };
#define GIB 1073741824.0

/* gnuplot's double-quoted strings: no quotes, backslashes or markup in them. */
static void put_title(struct stc_text *out, const char *s)
{
    for (; *s; s++)
        if (!strchr("\"\\`\n\r", *s)) stc_text_put_n(out, s, 1);
}

static void data(const struct stc_stage_result *st, const struct stc_result *r,
                 struct stc_text *out)
{
    double last = 0;
    for (int k = 0; k < st->n_mem_points; k++) {
        last = st->mem_points[k].bytes / GIB;
        stc_text_printf(out, "%.9g %.6g\n", stc_tick_to_s(st->mem_points[k].t), last);
    }
    stc_text_printf(out, "%.9g %.6g\ne\n", r->step_s, last);
}

enum stc_err stc_report_memory_plot(const struct stc_scenario *s,
                                    const struct stc_result *r, struct stc_text *out,
                                    struct stc_diag *diag)
{
    int n = r->n_stages < LINES ? r->n_stages : LINES, points = 0;
    double most = r->mem_capacity_bytes;
    for (int i = 0; i < r->n_stages; i++) {
        points += r->stages[i].n_mem_points;
        most = fmax(most, r->stages[i].tracked_peak_bytes);
    }
    if (points == 0)
        return stc_fail(
            diag, STC_ERR_PARSE,
            "plot: the run kept no memory over time; sim.record=stages would be right");
    stc_text_put(out, "set terminal pngcairo size 1000,560 enhanced font "
                      "'sans,11'\nset title \"Memory over one step: ");
    put_title(out, s->title[0] ? s->title : s->model_name);
    stc_text_put(out, "\" noenhanced\nset xlabel 'time (s); what a micro-batch keeps "
                      "stands from the start of its forward to the end of its "
                      "backward'\nset ylabel 'allocated on "
                      "one GPU (GiB)'\nset grid\n"
                      "set key outside right top\n");
    stc_text_printf(out, "set xrange [0:%.9g]\nset yrange [0:%.6g]\nplot ", r->step_s,
                    1.06 * most / GIB);
    for (int i = 0; i < n; i++)
        stc_text_printf(out, "'-' using 1:2 with steps linewidth 2 title 'stage %d', ",
                        stc_fmt_spread(i, n, r->n_stages));
    stc_text_printf(out,
                    "%.6g with lines linewidth 2 dashtype 2 linecolor rgb 'black' "
                    "title 'capacity'\n",
                    r->mem_capacity_bytes / GIB);
    for (int i = 0; i < n; i++)
        data(&r->stages[stc_fmt_spread(i, n, r->n_stages)], r, out);
    enum stc_err err = stc_text_err(out);
    return err == STC_OK ? STC_OK : stc_fail(diag, err, "plot: %s", stc_err_text(err));
}
