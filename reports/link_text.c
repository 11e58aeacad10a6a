#include "reports/link_text.h"

#include "hw/topo.h"

#include <math.h>

enum { SHOWN_MAX = 8 }; /* GPUs of a node; the others repeat them */

/* Both directions of a pair together: each link carries what both routes put on it. */
static double both_ways_Bps(const struct stc_topo *t, const struct stc_route *x,
                            const struct stc_route *y)
{
    const struct stc_link *links = stc_topo_links(t);
    double least = INFINITY;
    for (int i = 0; i < x->n_links; i++) {
        double load = x->coef[i];
        for (int k = 0; k < y->n_links; k++)
            load += y->link[k] == x->link[i] ? y->coef[k] : 0;
        least = fmin(least, links[x->link[i]].capacity_Bps / load);
    }
    return 2 * least;
}

enum figure { ONE_WAY, BOTH_WAYS, LATENCY };

static double figure(const struct stc_topo *t, enum figure f, int a, int b)
{
    struct stc_route x, y;
    stc_topo_route(t, a, b, &x);
    stc_topo_route(t, b, a, &y);
    if (f == LATENCY) return x.latency_s * 1e6;
    return (f == ONE_WAY ? stc_topo_route_Bps(t, &x) : both_ways_Bps(t, &x, &y)) * 1e-9;
}

static void matrix(const struct stc_topo *t, enum figure f, const char *title,
                   struct stc_text *out)
{
    int n = stc_topo_n_gpus(t) < SHOWN_MAX ? stc_topo_n_gpus(t) : SHOWN_MAX;
    stc_text_printf(out, "# %s\n#       ", title);
    for (int b = 0; b < n; b++)
        stc_text_printf(out, "%8d", b);
    for (int a = 0; a < n; a++) {
        stc_text_printf(out, "\n# %4d  ", a);
        for (int b = 0; b < n; b++)
            if (a == b)
                stc_text_printf(out, "%8s", "-");
            else
                stc_text_printf(out, "%8.4g", figure(t, f, a, b));
    }
    stc_text_put(out, "\n");
}

void stc_report_link_matrix(const struct stc_hw *hw, const char *node,
                            struct stc_text *out)
{
    static const struct {
        bool p2p;
        enum figure f;
        const char *title;
    } tables[] = {{true, ONE_WAY, "GB/s one way, peer access on"},
                  {false, ONE_WAY, "GB/s one way, peer access off"},
                  {true, BOTH_WAYS, "GB/s both ways, peer access on"},
                  {false, BOTH_WAYS, "GB/s both ways, peer access off"},
                  {true, LATENCY, "latency in us, peer access on"},
                  {false, LATENCY, "latency in us, peer access off"}};
    const struct stc_cluster_ask ask = {.use = node, .n_nodes = 1};
    struct stc_cluster c;
    if (stc_cluster_resolve(hw, &ask, &c, NULL) != STC_OK || c.node.n_gpus < 2) return;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct stc_arena a = STC_ARENA_INIT;
        struct stc_topo *t;
        c.p2p = tables[i].p2p;
        if (stc_topo_make(&a, &c, &t, NULL) == STC_OK)
            matrix(t, tables[i].f, tables[i].title, out);
        stc_arena_free(&a);
    }
}
