/* explain_text.c - see explain_text.h. */
#include "reports/explain_text.h"

#include "reports/fmt.h"

#include <stdio.h>
#include <string.h>

/* "989.4 TFLOP/s" */
static const char *flops(struct stc_fmt *f, double v, const char *unit)
{
    static const char *const prefix[] = {"", "k", "M", "G", "T", "P"};
    struct stc_fmt num;
    int i = 0;
    while (v >= 999.95 && i < 5) {
        v /= 1000;
        i++;
    }
    snprintf(f->text, sizeof f->text, "%s %s%s", stc_fmt_num(&num, v), prefix[i], unit);
    return f->text;
}

static const char *tier_about(enum stc_tier t)
{
    static const char *const about[STC_TIER_COUNT] = {
        "this very shape was measured", "shapes around it were measured on this GPU",
        "from this kernel's behaviour on other GPUs or shapes",
        "from the specification and common sense alone"};
    return about[t];
}

/* ==== sections ==== */

static void headline(const struct stc_explain *e, struct stc_text *out)
{
    struct stc_fmt f, g, h;
    const struct stc_query_answer *a = &e->a;
    struct stc_text q;
    stc_text_init(&q, 4096);
    stc_query_write(&e->q, &q);
    stc_fmt_wrap(out, "question", 10, stc_text_str(&q));
    stc_text_free(&q);
    stc_text_printf(out, "estimate  %s", stc_fmt_s(&f, a->seconds));
    stc_text_printf(out, "   (90 %%: %s to %s)\n", stc_fmt_s(&g, a->lo90_s),
                    stc_fmt_s(&h, a->hi90_s));
    if (a->est.flop > 0) {
        stc_text_printf(out, "rate      %s",
                        flops(&f, a->est.flop / a->seconds, "FLOP/s"));
        if (e->peak_flop_per_s > 0)
            stc_text_printf(
                out, ", %s of the peak",
                stc_fmt_pct(&g, a->est.flop / a->seconds / e->peak_flop_per_s));
        stc_text_put(out, "\n");
    } else if (a->est.bytes > 0) {
        stc_text_printf(out, "rate      %s\n",
                        stc_fmt_rate(&f, a->est.bytes / a->seconds));
    }
    stc_text_printf(out, "tier      %s: %s\n", stc_tier_name(a->tier),
                    tier_about(a->tier));
}

static void layers(const struct stc_explain *e, struct stc_text *out)
{
    struct stc_fmt f, g;
    const struct stc_est *x = &e->a.est;
    stc_fmt_section(out, "Physics / efficiency x residual");
    if (e->math_s > 0)
        stc_text_printf(out, "  arithmetic alone %12s   %s at %s\n",
                        stc_fmt_s(&f, e->math_s), flops(&g, x->flop, "FLOP"),
                        flops(&(struct stc_fmt){""}, e->peak_flop_per_s, "FLOP/s"));
    if (e->memory_s > 0)
        stc_text_printf(out, "  memory alone     %12s   %s at %s\n",
                        stc_fmt_s(&f, e->memory_s), stc_fmt_bytes(&g, x->bytes),
                        stc_fmt_rate(&(struct stc_fmt){""}, e->q.gpu->mem_Bps));
    stc_text_printf(out, "physics            %12s   bound by %s\n",
                    stc_fmt_s(&f, x->physics_s), x->bound);
    stc_text_printf(out, "/ efficiency       %12.4f", x->efficiency);
    if (e->fit && e->fit->n_rows > 0)
        stc_text_printf(out, "   fit of %s on %s: %d rows, %s off alone%s",
                        stc_family_name((enum stc_family)e->fit->family), e->fit->gpu,
                        e->fit->n_rows, stc_fmt_pct(&f, e->fit->err_plain),
                        e->exact ? "" : " (transferred)");
    else if (e->fit)
        stc_text_printf(out, "   %s: transferred from its generation or a prior",
                        stc_family_name((enum stc_family)e->fit->family));
    stc_text_put(out, "\n");
    stc_text_printf(out, "x residual         %12.4f", x->residual);
    if (x->distance > 0)
        stc_text_printf(out, "   %.1f octaves outside the measured range: faded",
                        x->distance);
    else if (x->distance < 0)
        stc_text_put(out, "   none: no measurements of this kernel here");
    else if (e->fit)
        stc_text_printf(out, "   inside the measured range; %s off with it, left out",
                        stc_fmt_pct(&f, e->fit->err_resid));
    stc_text_printf(out, "\n= estimate         %12s   sigma %.3f (log)\n",
                    stc_fmt_s(&g, e->a.seconds), e->a.sigma_log);
}

static void terms(const struct stc_explain *e, struct stc_text *out)
{
    struct stc_fmt f, g, h;
    if (e->n_terms == 0) return;
    stc_fmt_section(out,
                    "What each named number costs here (estimate less the estimate "
                    "with it at its best)");
    for (int i = 0; i < e->n_terms; i++) {
        const struct stc_explain_term *t = &e->terms[i];
        size_t n = strlen(t->name);
        int is_s = n > 2 && strcmp(t->name + n - 2, "_s") == 0;
        if (t->cost_s < 0.001 * e->a.seconds) continue;
        stc_text_printf(out, "  %-14s %12s %12s  %6s\n", t->name,
                        is_s ? stc_fmt_s(&f, t->value) : stc_fmt_num(&f, t->value),
                        stc_fmt_s(&g, t->cost_s),
                        stc_fmt_pct(&h, t->cost_s / e->a.seconds));
    }
}

static void near(const struct stc_explain *e, struct stc_text *out)
{
    struct stc_fmt f, g, h;
    if (e->n_near == 0) return;
    stc_fmt_section(out, "Nearest measurements");
    stc_text_printf(out, "%-62s %4s %9s %9s %7s\n", "shape", "away", "measured", "ours",
                    "error");
    for (int i = 0; i < e->n_near; i++) {
        const struct stc_explain_near *x = &e->near[i];
        stc_text_printf(out, "%-62.62s %4.1f %9s %9s %7s\n", x->what, x->distance,
                        stc_fmt_s(&f, x->measured_s), stc_fmt_s(&g, x->ours_s),
                        stc_fmt_signed_pct(&h, x->ours_s / x->measured_s - 1));
    }
    stc_text_printf(out, "of %d of this kind; away: octaves, 4 more on another GPU\n",
                    e->n_rows);
}

/* ==== collectives ==== */

static void group(const struct stc_group_shape *g, struct stc_text *out)
{
    struct stc_fmt f, h;
    stc_text_printf(out, "group     %d ranks on %d node%s, %d a node, %s at %s%s\n",
                    g->n_ranks, g->n_nodes, g->n_nodes > 1 ? "s" : "",
                    g->ranks_per_node, stc_intra_name(g->intra),
                    stc_fmt_rate(&f, g->intra_Bps), g->shm ? ", peer access off" : "");
    if (g->n_nodes > 1)
        stc_text_printf(out, "network   %s, %d NIC%s of %s for each node's ranks\n",
                        stc_fabric_tech_name(g->net), g->n_nics,
                        g->n_nics > 1 ? "s" : "", stc_fmt_rate(&h, g->nic_Bps));
}

static void collective(const struct stc_explain *e, struct stc_text *out)
{
    struct stc_fmt f, g, h, k;
    const struct stc_coll_est *x = &e->a.coll;
    group(&e->q.q.coll.shape, out);
    stc_text_printf(out, "chosen    %s, %s, %d channels; bus bandwidth %s\n",
                    stc_coll_algo_name(x->algo), stc_coll_proto_name(x->proto),
                    x->n_channels, stc_fmt_rate(&f, x->bus_Bps));
    stc_fmt_section(out, "Formula x residual");
    stc_text_printf(out, "latency            %12s   launch, hops, fill\n",
                    stc_fmt_s(&f, x->latency_s));
    stc_text_printf(out, "formula            %12s   %s through the busiest port%s\n",
                    stc_fmt_s(&g, x->physics_s), stc_fmt_bytes(&h, x->bytes_per_rank),
                    x->net_bytes > 0 ? "," : "");
    if (x->net_bytes > 0)
        stc_text_printf(out, "%34s%s through the busiest NIC\n", "",
                        stc_fmt_bytes(&k, x->net_bytes));
    stc_text_printf(out, "x residual         %12.4f", x->residual);
    if (x->distance >= 0)
        stc_text_printf(out, "   %.1f octaves from the nearest measurement",
                        x->distance);
    else
        stc_text_put(out, "   none: no measurements of such a group");
    stc_text_printf(out, "\n= estimate         %12s   sigma %.3f (log)\n",
                    stc_fmt_s(&f, e->a.seconds), e->a.sigma_log);
}

static void candidates(const struct stc_explain *e, struct stc_text *out)
{
    struct stc_fmt f, g, h, k, l;
    if (e->n_candidates == 0) return;
    stc_fmt_section(out, "What was weighed (before the residual)");
    stc_text_printf(out, "%-2s%-16s %-8s %12s %12s %12s %12s %12s\n", "", "algorithm",
                    "protocol", "latency", "bandwidth", "sum", "port bytes",
                    "NIC bytes");
    for (int i = 0; i < e->n_candidates; i++) {
        const struct stc_coll_candidate *c = &e->candidates[i];
        stc_text_printf(out, "%-2s%-16s %-8s %12s %12s %12s %12s %12s\n",
                        c->chosen ? ">" : "", stc_coll_algo_name(c->algo),
                        stc_coll_proto_name(c->proto), stc_fmt_s(&f, c->latency_s),
                        stc_fmt_s(&g, c->bw_s), stc_fmt_s(&h, c->latency_s + c->bw_s),
                        stc_fmt_bytes(&k, c->intra_bytes),
                        stc_fmt_bytes(&l, c->net_bytes));
    }
}

void stc_report_explain(const struct stc_explain *e, struct stc_text *out)
{
    headline(e, out);
    if (e->q.kind == STC_QUERY_COLLECTIVE) {
        collective(e, out);
        candidates(e, out);
    } else {
        layers(e, out);
        terms(e, out);
    }
    near(e, out);
}

void stc_report_explain_kinds(struct stc_text *out)
{
    for (int i = 0; i < STC_QUERY_COUNT; i++)
        stc_text_printf(out, "%-12s %s\n", stc_query_kind_name((enum stc_qkind)i),
                        stc_query_kind_about((enum stc_qkind)i));
}
