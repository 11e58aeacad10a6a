#include "reports/anchor_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/fmt.h"
#include "reports/json_util.h"

static void headline(const struct stc_anchor_report *r, const struct stc_anchor *run,
                     struct stc_text *out)
{
    struct stc_fmt a, b, c, d;
    stc_text_printf(
        out, "run       %s%s, %s: median of %d entries, %d left out as warm-up\n",
        stc_fmt_s(&a, r->measured_s), r->derived ? " (from a printed rate)" : "",
        run->framework, run->n_steps, run->n_skipped);
    if (run->lo_s > 0.0)
        stc_text_printf(out, "          10 to 90 %% of its steps: %s to %s\n",
                        stc_fmt_s(&a, run->lo_s), stc_fmt_s(&b, run->hi_s));
    stc_text_printf(out, "forecast  %s, %s (90 %%: %s to %s)%s\n",
                    stc_fmt_s(&a, r->forecast_s),
                    stc_fmt_signed_pct(&d, r->forecast_s / r->measured_s - 1.0),
                    stc_fmt_s(&b, r->lo90_s), stc_fmt_s(&c, r->hi90_s),
                    r->inside ? "; the run lies inside" : "; the run lies outside");
    if (r->measured_bytes > 0.0)
        stc_text_printf(
            out, "memory    %s in the log, %s forecast (%s)\n",
            stc_fmt_gib(&a, r->measured_bytes), stc_fmt_gib(&b, r->forecast_bytes),
            stc_fmt_signed_pct(&c, r->forecast_bytes / r->measured_bytes - 1.0));
}

static void one_line(const struct stc_anchor_line *l, struct stc_text *out)
{
    struct stc_fmt a;
    if (!l->possible) {
        stc_text_printf(out, "  %-36s no value brings them together\n", l->title);
        return;
    }
    char factor[32];
    const char *seconds = l->is_rate ? "" : stc_fmt_s(&a, l->seconds);
    snprintf(factor, sizeof factor, "x %.3g", l->factor);
    if (!l->plausible)
        stc_text_printf(out, "  %-36s %-10s %-10s  beyond its usual range\n", l->title,
                        factor, seconds);
    else if (l->is_rate)
        stc_text_printf(out, "  %-36s %s\n", l->title, factor);
    else
        stc_text_printf(out, "  %-36s %-10s %s\n", l->title, factor, seconds);
}

void stc_report_anchor(const struct stc_anchor_report *r, const struct stc_anchor *run,
                       struct stc_text *out)
{
    headline(r, run, out);
    stc_fmt_section(out, "One term that would explain the difference");
    for (int i = 0; i < STC_ANCHOR_COUNT; i++)
        one_line(&r->line[i], out);
    if (r->n_plausible == 0)
        stc_text_put(
            out, "\nNo single term explains it within its usual range: look for what "
                 "the scenario says otherwise than the run did.\n");
    else
        stc_text_printf(out, "\nLikeliest: %s, at %.3g times what the model says.\n",
                        r->line[0].title, r->line[0].factor);
}

static void number(struct stc_text *out, const char *key, double v, const char *end)
{
    char buf[32];
    stc_text_printf(out, "\"%s\": %s%s", key,
                    isfinite(v) ? stc_text_double(v, buf, sizeof buf) : "null", end);
}

void stc_report_anchor_json(const struct stc_anchor_report *r,
                            const struct stc_anchor *run, struct stc_text *out)
{
    stc_text_put(out, "{");
    stc_json_head(out, "anchor", 1);
    stc_text_printf(out, ",\n \"framework\": \"%s\", \"n_steps\": %d, ", run->framework,
                    run->n_steps);
    number(out, "measured_s", r->measured_s, ", ");
    number(out, "forecast_s", r->forecast_s, ", ");
    number(out, "lo90_s", r->lo90_s, ", ");
    number(out, "hi90_s", r->hi90_s, ", ");
    number(out, "measured_bytes", r->measured_bytes, ", ");
    number(out, "forecast_bytes", r->forecast_bytes, ", \"terms\": [");
    for (int i = 0; i < STC_ANCHOR_COUNT; i++) {
        const struct stc_anchor_line *l = &r->line[i];
        stc_text_printf(out, "%s\n  {\"term\": \"%s\", \"plausible\": %s, ",
                        i > 0 ? "," : "", l->key, l->plausible ? "true" : "false");
        number(out, "factor", l->possible ? l->factor : (double)NAN, "}");
    }
    stc_text_put(out, "\n]}\n");
}
