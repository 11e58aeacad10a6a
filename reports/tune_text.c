#include "reports/tune_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/fmt.h"

/* "1,284,930" */
static const char *commas(struct stc_fmt *f, uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, v), k = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) f->text[k++] = ',';
        f->text[k++] = digits[i];
    }
    f->text[k] = '\0';
    return f->text;
}

static void layout(const struct stc_layout *l, struct stc_text *out)
{
    static const char *const shards[] = {"", " zero1", " zero2", " zero3", " hsdp"};
    static const char *const recompute[] = {"none", "sel", "full"};
    stc_text_printf(out, "tp%d%s", (int)l->tp, l->seq_parallel ? "+sp" : "");
    if (l->cp > 1) stc_text_printf(out, " cp%d", (int)l->cp);
    if (l->ep > 1) stc_text_printf(out, " ep%d", (int)l->ep);
    stc_text_printf(out, " pp%d", (int)l->pp);
    if (l->vp > 1) stc_text_printf(out, "x%d", (int)l->vp);
    stc_text_printf(out, " dp%d%s mb%d", (int)l->dp,
                    l->dp * l->cp > 1 ? shards[l->shard] : "", (int)l->micro_batch);
    stc_text_printf(out, " rc-%s", recompute[l->recompute]);
    if (l->recompute == STC_RECOMPUTE_FULL && l->recompute_layers >= 0)
        stc_text_printf(out, ":%d", (int)l->recompute_layers);
}

/* ==== the proof ==== */

/* The objective's cost in words a person knows. */
static void cost_text(const struct stc_tune_result *r, double cost,
                      struct stc_text *out)
{
    struct stc_fmt f;
    switch (r->objective) {
    case STC_OBJ_STEP: stc_text_put(out, stc_fmt_s(&f, cost)); break;
    case STC_OBJ_PER_GPU:
        stc_text_printf(out, "%s tokens/s/GPU", stc_fmt_num(&f, 1 / cost));
        break;
    case STC_OBJ_DOLLARS:
        stc_text_printf(out, "%s USD per million tokens", stc_fmt_num(&f, 1e6 * cost));
        break;
    case STC_OBJ_ENERGY:
        stc_text_printf(out, "%s J/token", stc_fmt_num(&f, cost));
        break;
    case STC_OBJ_DAYS: stc_text_printf(out, "%s days", stc_fmt_num(&f, cost)); break;
    case STC_OBJ_GPUS: stc_text_printf(out, "%.0f GPUs", floor(cost)); break;
    case STC_OBJ_HEADROOM: stc_text_put(out, stc_fmt_gib(&f, cost)); break;
    case STC_OBJ_COUNT: break;
    }
}

static void proof(const struct stc_tune_result *r, struct stc_text *out)
{
    struct stc_fmt f;
    struct stc_text t;
    uint64_t divide = 0;
    const struct stc_tune_count *c = r->count;
    for (int i = STC_TUNE_GPUS; i <= STC_TUNE_SCHEDULE; i++)
        divide += c[i].n;
    stc_text_init(&t, 0);
    stc_text_printf(&t, "%s layouts:", commas(&f, r->n_layouts));
    if (divide) stc_text_printf(&t, " %s do not divide,", commas(&f, divide));
    if (c[STC_TUNE_FRAMEWORK].n)
        stc_text_printf(&t, " %s the framework does not offer,",
                        commas(&f, c[STC_TUNE_FRAMEWORK].n));
    if (c[STC_TUNE_SAME].n)
        stc_text_printf(&t, " %s are another one spelt differently,",
                        commas(&f, c[STC_TUNE_SAME].n));
    stc_text_printf(&t, " %s do not fit,", commas(&f, c[STC_TUNE_MEMORY].n));
    stc_text_printf(&t, " %s cannot beat ", commas(&f, c[STC_TUNE_BOUND].n));
    cost_text(r, r->cutoff_s < 1e300 ? r->cutoff_s : r->picks[0].cost, &t);
    if (r->n_picks > 1) stc_text_printf(&t, " (rank %d)", r->n_picks);
    if (c[STC_TUNE_REFUSED].n)
        stc_text_printf(&t, ", %s were refused when simulated",
                        commas(&f, c[STC_TUNE_REFUSED].n));
    stc_text_printf(&t, ", %s simulated; ", commas(&f, c[STC_TUNE_SIMULATED].n));
    stc_text_put(&t, r->interrupted ? "stopped early: the best so far, not proven"
                                    : "optimal within the model");
    stc_fmt_wrap(out, "", 0, stc_text_str(&t));
    stc_text_free(&t);
}

static void reasons(const struct stc_tune_result *r, struct stc_text *out)
{
    struct stc_fmt f, g;
    stc_fmt_section(out, "Why the others lost");
    for (int i = 0; i < STC_TUNE_REASONS; i++) {
        const struct stc_tune_count *c = &r->count[i];
        if (c->n == 0) continue;
        stc_text_printf(out, "%15s  %s", commas(&f, c->n),
                        stc_tune_reason_text((enum stc_tune_reason)i));
        if (i == STC_TUNE_MEMORY)
            stc_text_printf(out, ": %s too much on average, the nearest %s",
                            stc_fmt_gib(&f, c->sum / (double)c->n),
                            stc_fmt_gib(&g, c->least));
        if (i == STC_TUNE_BOUND && r->objective == STC_OBJ_STEP && c->least < 1e300)
            stc_text_printf(out, ", the nearest %s above it", stc_fmt_s(&f, c->least));
        if (c->example[0]) stc_text_printf(out, ": %.60s", c->example);
        stc_text_put(out, "\n");
    }
}

/* ==== the ranking ==== */

static void extra_head(const struct stc_tune_result *r, struct stc_text *out)
{
    if (!isnan(r->usd_per_gpu_hour)) stc_text_put(out, "  $/Mtok");
    stc_text_put(out, "  J/tok");
    if (r->tokens > 0) stc_text_put(out, "   days");
}

static void extra(const struct stc_tune_result *r, const struct stc_tune_pick *k,
                  struct stc_text *out)
{
    if (!isnan(r->usd_per_gpu_hour))
        stc_text_printf(out, "  %6.3f", 1e6 * k->usd_per_token);
    stc_text_printf(out, "  %5.2f", k->joules_per_token);
    if (r->tokens > 0) stc_text_printf(out, "  %5.1f", k->days);
}

static void row(const struct stc_tune_result *r, const struct stc_tune_pick *k,
                const char *rank, struct stc_text *out)
{
    struct stc_fmt f, g;
    struct stc_text l;
    stc_text_init(&l, 0);
    layout(&k->layout, &l);
    stc_text_printf(out, "%3s%c %-38s %9s %6s %7.0f  ", rank, k->indistinct ? '~' : ' ',
                    stc_text_str(&l), stc_fmt_s(&f, k->step_s), stc_fmt_pct(&g, k->mfu),
                    k->tokens_per_s_per_gpu);
    stc_text_printf(out, "%9s", stc_fmt_gib(&f, k->peak_bytes));
    extra(r, k, out);
    if (r->picks && k->n_gpus != r->picks[0].n_gpus)
        stc_text_printf(out, "  %d GPUs", (int)k->n_gpus);
    stc_text_put(out, "\n");
    if (k->differs[0]) stc_text_printf(out, "       %s\n", k->differs);
    stc_text_free(&l);
}

static void head(const struct stc_tune_result *r, struct stc_text *out)
{
    stc_text_printf(out, "     %-38s %9s %6s %7s  %9s", "layout", "step", "MFU",
                    "tok/s/G", "memory");
    extra_head(r, out);
    stc_text_put(out, "\n");
}

static void ranking(const struct stc_tune_result *r, struct stc_text *out)
{
    int same = 0;
    stc_fmt_section(out, "The best, and what distinguishes them from the first");
    head(r, out);
    for (int i = 0; i < r->n_picks; i++) {
        char rank[12];
        snprintf(rank, sizeof rank, "%d", i + 1);
        row(r, &r->picks[i], rank, out);
        same += i > 0 && r->picks[i].indistinct;
    }
    if (r->has_own) row(r, &r->own, "own", out);
    if (same > 0)
        stc_fmt_wrap(
            out, "~ ", 2,
            "not to be told from the first: the 90 % interval of the difference "
            "(errors that both share cancel) holds zero");
    if (r->has_own && !r->own_fits)
        stc_text_put(out, "  the scenario's own layout does not fit in memory\n");
}

static void front(const struct stc_tune_result *r, struct stc_text *out)
{
    if (r->n_front == 0) return;
    stc_fmt_section(
        out, "Front of step time, memory and GPUs (nothing is better in all three)");
    head(r, out);
    for (int i = 0; i < r->n_front; i++)
        row(r, &r->front[i], "", out);
}

static void first(const struct stc_tune_result *r, struct stc_text *out)
{
    struct stc_fmt f, g, h;
    const struct stc_tune_pick *k = &r->picks[0];
    stc_text_put(out, "\n");
    stc_fmt_wrap(out, "set        ", 11, k->keys);
    stc_text_printf(out, "step time  %s (90 %%: %s to %s)", stc_fmt_s(&f, k->step_s),
                    stc_fmt_s(&g, k->lo90_s), stc_fmt_s(&h, k->hi90_s));
    if (r->has_own && r->own_fits && r->own.step_s > 0)
        stc_text_printf(out, "; the scenario's own: %s, %.3g times as long",
                        stc_fmt_s(&f, r->own.step_s), r->own.step_s / k->step_s);
    stc_text_printf(out, "\nhead-room  %s of %s left\n",
                    stc_fmt_gib(&f, k->capacity_bytes - k->peak_bytes),
                    stc_fmt_gib(&g, k->capacity_bytes));
    stc_text_printf(out, "power      %.0f W a GPU, %.3g J a token\n", k->watts,
                    k->joules_per_token);
    if (!isnan(r->usd_per_gpu_hour)) {
        stc_text_printf(out,
                        "money      %.4g USD a million tokens at %.4g USD a GPU-hour\n",
                        1e6 * k->usd_per_token, r->usd_per_gpu_hour);
        if (r->price_source[0]) stc_fmt_wrap(out, "           ", 11, r->price_source);
    }
    if (r->tokens > 0)
        stc_text_printf(out, "job        %.4g tokens in %.3g days%s\n", r->tokens,
                        k->days, " of steps alone");
}

void stc_report_tune(const struct stc_scenario *s, const struct stc_tune_result *r,
                     int times, struct stc_text *out)
{
    const char *title = s->said.title[0] ? s->said.title : s->file;
    struct stc_text t;
    stc_text_init(&t, 0);
    stc_text_printf(&t, "Best layout by %s: %s", stc_tune_objective_name(r->objective),
                    title);
    stc_fmt_wrap(out, "", 0, stc_text_str(&t));
    stc_fmt_fill(out, '=', STC_REPORT_COLUMNS);
    stc_text_put(out, "\n");
    proof(r, out);
    if (times)
        stc_text_printf(
            out, "%.2f s on %d thread%s%s: %.3g layouts settled a second and core\n",
            r->wall_s, r->n_threads * r->n_ranks,
            r->n_threads * r->n_ranks > 1 ? "s" : "", r->resumed ? " (resumed)" : "",
            r->settled_per_s);
    first(r, out);
    ranking(r, out);
    front(r, out);
    reasons(r, out);
    stc_fmt_section(out, "The space");
    stc_fmt_wrap(out, "", 0, r->axes);
    stc_text_free(&t);
}

/* ==== one layout ==== */

void stc_report_why(const struct stc_tune_result *r, const struct stc_tune_why *w,
                    const char *words, struct stc_text *out)
{
    struct stc_fmt f, g;
    const struct stc_tune_pick *best = &r->picks[0];
    struct stc_text t;
    stc_text_init(&t, 0);
    stc_text_printf(&t, "Why not %s?", words);
    stc_fmt_section(out, stc_text_str(&t));
    stc_text_clear(&t);
    layout(&w->pick.layout, &t);
    if (!w->simulated) {
        stc_text_printf(out, "rung     %s\n", stc_tune_reason_text(w->reason));
        stc_fmt_wrap(out, "         ", 9, w->sentence);
        stc_text_free(&t);
        return;
    }
    stc_text_printf(out, "layout   %s, the best of the %s left open\n",
                    stc_text_str(&t), commas(&f, w->n_layouts));
    stc_text_printf(out, "rung     %s\n",
                    w->bound_s > r->cutoff_s
                        ? "its bound is above the last of the ranking: not simulated"
                        : "simulated, slower than the ranking");
    if (w->need_bytes > 0) {
        stc_text_printf(out, "memory   stage %d needs %s of %s", (int)w->stage,
                        stc_fmt_gib(&f, w->need_bytes), stc_fmt_gib(&g, w->room_bytes));
        if (w->need_bytes > w->room_bytes)
            stc_text_printf(out, ": %s too much",
                            stc_fmt_gib(&f, w->need_bytes - w->room_bytes));
        stc_text_put(out, "\n");
        stc_text_clear(&t);
        for (int k = 0; k < STC_MEM_COUNT; k++)
            if (w->memory.bytes[k] > 0.02 * w->need_bytes)
                stc_text_printf(&t, "%s%s %s", *stc_text_str(&t) ? "; " : "",
                                stc_mem_name((enum stc_mem_kind)k),
                                stc_fmt_gib(&f, w->memory.bytes[k]));
        stc_fmt_wrap(out, "", 9, stc_text_str(&t));
    }
    if (w->simulated) {
        const struct stc_tune_pick *k = &w->pick;
        stc_text_printf(out,
                        "time     bound %s, simulated %s: ", stc_fmt_s(&f, w->bound_s),
                        stc_fmt_s(&g, k->step_s));
        stc_text_printf(out, "%s against the first's %s%s\n",
                        stc_fmt_signed_pct(&f, k->step_s / best->step_s - 1),
                        stc_fmt_s(&g, best->step_s),
                        k->indistinct ? " (within the interval of their difference)"
                                      : "");
        for (int p = 0; p < STC_PART_COUNT; p++) {
            double d = k->part_s[p] - best->part_s[p];
            if (fabs(d) < 0.003 * best->step_s) continue;
            stc_text_printf(out, "         %c%-9s %s\n", d > 0 ? '+' : '-',
                            stc_fmt_s(&f, fabs(d)), stc_part_title((enum stc_part)p));
        }
        if (k->differs[0]) stc_text_printf(out, "differs  %s\n", k->differs);
    }
    stc_text_free(&t);
}

/* ==== how good are the choices? ==== */

void stc_report_judge(const struct stc_judge *j, struct stc_text *out)
{
    stc_fmt_section(
        out,
        "Choice among measured layouts (groups of one source that vary the layout)");
    stc_text_printf(out, "%4s %6s %6s  %s\n", "runs", "loss", "tau",
                    "group: chosen by the forecast / best by the clock");
    const char *source = "";
    struct stc_text t;
    stc_text_init(&t, 0);
    for (int i = 0; i < j->n; i++) {
        const struct stc_judge_group *g = &j->group[i];
        if (strcmp(source, g->source) != 0) stc_text_printf(out, "%.95s\n", g->source);
        source = g->source;
        char figures[48], tau[16] = "-";
        if (!isnan(g->tau)) snprintf(tau, sizeof tau, "%.2f", g->tau);
        snprintf(figures, sizeof figures, "%4d %5.1f%% %6s  ", g->n, 100 * g->loss,
                 tau);
        stc_text_clear(&t);
        stc_text_printf(&t, "%.60s: %s / %s", g->what, g->chosen, g->best);
        stc_fmt_wrap(out, figures, (int)strlen(figures), stc_text_str(&t));
    }
    stc_text_free(&t);
    stc_text_printf(
        out,
        "\n%d groups of %d sources. Mean over sources: the chosen layout is %.1f %% "
        "slower than the best\nmeasured (aim 4 %%), Kendall's tau over pairs "
        "that differ by > 4 %% is %.2f (aim 0.8).\nMean over groups: %.1f %%, %.2f.\n",
        j->n, j->n_sources, 100 * j->loss, j->tau, 100 * j->mean_loss, j->mean_tau);
}
