#include "tests/ref_maxmin.h"

#include <math.h>

/* Level at which the link is full if its flows without a rate all rise together. */
static double share(uint32_t link, double capacity, uint32_t n,
                    const struct stc_flow_spec *flow, const double *rate)
{
    double left = capacity, weight = 0.0;
    for (uint32_t f = 0; f < n; f++) {
        for (uint32_t u = 0; u < flow[f].n_uses; u++) {
            if (flow[f].uses[u].link != link) continue;
            if (rate[f] < 0.0)
                weight += flow[f].uses[u].coeff * flow[f].weight;
            else
                left -= flow[f].uses[u].coeff * rate[f];
        }
    }
    return weight > 0.0 ? fmax(left / weight, 0.0) : (double)INFINITY;
}

void ref_maxmin(uint32_t n_links, const double *capacity_Bps, uint32_t n,
                const struct stc_flow_spec *flow, double *rate_Bps)
{
    for (uint32_t f = 0; f < n; f++)
        rate_Bps[f] = -1.0; /* not frozen yet */
    for (;;) {
        double level = INFINITY;
        uint32_t full = n_links, capped = n;
        for (uint32_t l = 0; l < n_links; l++) {
            const double s = share(l, capacity_Bps[l], n, flow, rate_Bps);
            if (s < level) level = s, full = l;
        }
        for (uint32_t f = 0; f < n; f++) {
            const double s = flow[f].cap_Bps / flow[f].weight;
            if (rate_Bps[f] < 0.0 && s < level) level = s, capped = f;
        }
        if (level == (double)INFINITY) return;
        for (uint32_t f = 0; f < n; f++) {
            bool freeze = f == capped;
            for (uint32_t u = 0; u < flow[f].n_uses && capped == n; u++)
                freeze = freeze || flow[f].uses[u].link == full;
            if (freeze && rate_Bps[f] < 0.0) rate_Bps[f] = flow[f].weight * level;
        }
    }
}
