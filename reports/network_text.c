/* network_text.c - collectives, links, and what the forecast rests on. */
#include "reports/fmt.h"
#include "reports/step_text.h"

#include <stdio.h>

static void collectives(const struct stc_result *r, struct stc_text *out)
{
    struct stc_fmt f, g, h;
    if (r->n_comms <= 0) return;
    stc_fmt_section(out, "Collectives (of one rank)");
    stc_text_printf(out, "%-5s %-14s %-24s %6s %6s %7s %9s %9s %11s\n", "axis",
                    "collective", "how", "ranks", "nodes", "calls", "each", "busy",
                    "bus rate");
    for (int i = 0; i < r->n_comms; i++) {
        const struct stc_comm_result *c = &r->comms[i];
        char how[64];
        snprintf(how, sizeof how, "%s%s%s%s", c->algo ? c->algo : "-",
                 c->proto && c->proto[0] ? "/" : "", c->proto ? c->proto : "",
                 c->by_flows ? ", flows" : "");
        char what[32]; /* "replica" is longer than its column */
        snprintf(what, sizeof what, "%-5s %-14s", c->axis, c->coll);
        stc_text_printf(out, "%-20.20s %-24.24s %6d %6d %7.0f %9s %9s %11s\n", what,
                        how, (int)c->group_size, (int)c->group_nodes, c->calls,
                        stc_fmt_bytes(&f, c->calls > 0 ? c->bytes / c->calls : 0),
                        stc_fmt_s(&g, c->busy_s), stc_fmt_rate(&h, c->bus_Bps));
    }
}

static void links(const struct stc_result *r, struct stc_text *out)
{
    enum { WIDTH = 30 };
    struct stc_fmt f, g, h;
    int any = 0;
    for (int i = 0; i < r->n_links; i++) {
        const struct stc_link_result *l = &r->links[i];
        if (l->bytes <= 0) continue;
        if (!any++) stc_fmt_section(out, "Links (carried in one step)");
        stc_text_printf(out, "%-12s %6d x %-11s %10s   busiest %8s  ", l->name,
                        (int)l->n_links, stc_fmt_rate(&f, l->capacity_Bps),
                        stc_fmt_bytes(&g, l->bytes), stc_fmt_pct(&h, l->busiest_frac));
        stc_fmt_bar(out, l->busiest_frac, WIDTH, '#', '.');
        stc_text_put(out, "\n");
    }
}

void stc_report_network(const struct stc_result *r, struct stc_text *out)
{
    collectives(r, out);
    links(r, out);
}

static void tiers(const struct stc_result *r, struct stc_text *t)
{
    struct stc_fmt f;
    for (int k = 0; k < STC_TIER_COUNT; k++)
        if (r->tier_frac[k] >= 0.0005)
            stc_text_printf(t, "%s%s %s", t->len ? ", " : "",
                            stc_tier_name((enum stc_tier)k),
                            stc_fmt_pct(&f, r->tier_frac[k]));
}

static void families(const struct stc_result *r, struct stc_text *t)
{
    struct stc_fmt f, g;
    for (int k = 0; k < STC_FAMILY_COUNT; k++)
        if (r->family_frac[k] >= 0.01)
            stc_text_printf(t, "%s%s %s (+-%s)", t->len ? ", " : "",
                            stc_family_name((enum stc_family)k),
                            stc_fmt_pct(&f, r->family_frac[k]),
                            stc_fmt_pct(&g, r->family_sigma[k]));
}

void stc_report_evidence(const struct stc_result *r, struct stc_text *out)
{
    enum { LABEL = 12 };
    const struct stc_counts *c = &r->counts;
    struct stc_text t;
    stc_text_init(&t, 0);
    stc_fmt_section(
        out, "What the forecast rests on (shares of estimated time; +- one deviation)");
    tiers(r, &t);
    stc_fmt_wrap(out, "evidence", LABEL, stc_text_str(&t));
    stc_text_clear(&t);
    families(r, &t);
    stc_fmt_wrap(out, "families", LABEL, stc_text_str(&t));
    stc_text_clear(&t);
    stc_text_printf(&t,
                    "%lld events, %lld tasks, %lld collectives (%lld in closed form, "
                    "%lld as flows); %d ranks in %d "
                    "classes, %d links in %d classes",
                    (long long)c->events, (long long)c->tasks, (long long)c->joins,
                    (long long)c->joins_closed, (long long)c->joins_flows,
                    (int)c->n_ranks, (int)c->n_rank_classes, (int)c->n_links,
                    (int)c->n_link_classes);
    stc_fmt_wrap(out, "simulated", LABEL, stc_text_str(&t));
    if (r->outside)
        stc_fmt_wrap(out, "care", LABEL, "some shapes lie beyond what was measured");
    stc_text_free(&t);
}
