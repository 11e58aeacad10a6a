/* place.c - see place.h. */
#include "sim/run/place.h"

#include <string.h>

/* What one group gets from a NIC. A NIC that cannot read GPU memory is served through the host's: its traffic
 * crosses the GPU's slot, where both hang on one switch that switch's uplink a
 * second time, and the host's memory twice each way. */
static double nic_Bps(const struct stc_cluster *c)
{
    const struct stc_hw_node *n = &c->node;
    double rate = n->nic_Bps, slot = stc_hw_node_pcie_Bps(n);
    if (c->fabric.stream_Bps > 0 && c->fabric.stream_Bps < rate)
        rate = c->fabric.stream_Bps;
    if (c->fabric.gpudirect) return rate;
    if (n->nic_on_switch && n->switch_up_Bps * n->pcie_eff / 2 < slot)
        slot = n->switch_up_Bps * n->pcie_eff / 2;
    if (slot > 0 && slot < rate) rate = slot;
    int ports = stc_hw_node_n_ports(n);
    if (n->ram_Bps > 0 && ports > 0 && n->ram_Bps / 4 / ports < rate)
        rate = n->ram_Bps / 4 / ports;
    return rate;
}

/* What does not depend on which ranks are in the group. */
static void base_shape(const struct stc_place *p, struct stc_group_shape *o)
{
    const struct stc_cluster *c = p->cluster;
    const struct stc_hw_node *n = &c->node;
    memset(o, 0, sizeof *o); /* padding too: shapes are compared by memcmp */
    o->domain_ranks = stc_cluster_nvlink_domain_gpus(c);
    o->intra = n->intra;
    o->shm = !c->p2p;
    o->gen = c->gpu.gen;
    o->net = c->fabric.tech;
    o->clock_hz = c->gpu.clock_hz;
    o->intra_latency_s = n->nvlink_latency_s;
    o->mem_Bps = c->gpu.mem_Bps;
    o->nic_Bps = nic_Bps(c);
    o->nic_latency_s = c->fabric.base_latency_s;
    o->nic_share = 1;
    o->pcie_Bps = c->gpu.pcie_Bps;
    o->sharp = c->fabric.sharp;
}

/* Bandwidth of rings over the members inside the first member's node. */
static double intra_Bps(const struct stc_place *p, const struct stc_group *g,
                        int32_t per_node)
{
    const struct stc_hw_node *n = &p->cluster->node;
    if (n->nvlink_domain_nodes > 1)
        return stc_cluster_nvlink_Bps(p->cluster) / n->nvlink_eff;
    int set[STC_NODE_MAX_GPUS], k = 0;
    int node = stc_group_member(g, 0) / n->n_gpus;
    for (int32_t i = 0; i < g->n && k < STC_NODE_MAX_GPUS && k < per_node; i++) {
        int gpu = stc_group_member(g, i);
        if (gpu / n->n_gpus == node) set[k++] = gpu % n->n_gpus;
    }
    if (k < 2) return 0;
    /* hw/ gives usable rates, the collectives' efficiency belongs to the collectives */
    double usable = stc_hw_node_ring_Bps(n, set, k, p->cluster->p2p);
    int linked = p->cluster->p2p && n->intra != STC_INTRA_PCIE && usable > n->pcie_Bps;
    return linked ? usable / n->nvlink_eff : usable;
}

static int ports_of(const struct stc_hw_node *n, const int *slots, int k)
{
    unsigned seen = 0;
    for (int i = 0; i < k; i++) {
        int port = stc_hw_node_port_of(n, slots[i]);
        if (port >= 0) seen |= 1U << (port & 31);
    }
    return __builtin_popcount(seen);
}

/* NICs that the group's members in its first node are closest to. */
static int group_ports(const struct stc_place *p, const struct stc_group *g)
{
    const struct stc_hw_node *n = &p->cluster->node;
    int slots[STC_NODE_MAX_GPUS], k = 0;
    int node = stc_group_member(g, 0) / n->n_gpus;
    for (int32_t i = 0; i < g->n && k < STC_NODE_MAX_GPUS; i++) {
        int gpu = stc_group_member(g, i);
        if (gpu / n->n_gpus == node) slots[k++] = gpu % n->n_gpus;
    }
    return ports_of(n, slots, k);
}

/* An NVLink domain of many nodes (NVL72): each of its nodes has NICs of its own.
 * How many nodes the group's ranks of one domain spread over. */
static int nodes_of_domain(const struct stc_place *p, const struct stc_group *g,
                           int per_domain)
{
    int n = p->cluster->node.n_gpus, node = stc_group_member(g, 0) / n, here = 0;
    if (p->cluster->node.nvlink_domain_nodes <= 1) return 1;
    for (int32_t i = 0; i < g->n && stc_group_member(g, i) / n == node; i++)
        here++;
    return here > 0 ? (per_domain + here - 1) / here : 1;
}

void stc_place_shape(const struct stc_place *p, const struct stc_group *g,
                     struct stc_group_shape *o)
{
    base_shape(p, o);
    o->n_ranks = g->n;
    int32_t domain = -1, run = 0;
    for (int32_t i = 0; i < g->n; i++) {
        int32_t d = stc_group_member(g, i) / o->domain_ranks;
        if (d != domain) {
            o->n_nodes++;
            domain = d;
            run = 0;
        }
        run++;
        if (run > o->ranks_per_node) o->ranks_per_node = run;
    }
    if (o->ranks_per_node > 1) o->intra_Bps = intra_Bps(p, g, o->ranks_per_node);
    if (o->intra_Bps <= 0)
        o->intra_Bps = p->cluster->gpu.nvlink_Bps > 0 ? p->cluster->gpu.nvlink_Bps
                                                      : p->cluster->gpu.pcie_Bps;
    o->n_nics = group_ports(p, g);
    /* several NICs may stand behind one port (hw/node.h): the group has them all */
    int ports = stc_hw_node_n_ports(&p->cluster->node);
    if (ports > 0) o->n_nics = o->n_nics * (p->cluster->node.n_nics / ports);
    o->n_nics *= nodes_of_domain(p, g, o->ranks_per_node);
    if (o->n_nics == 0) o->n_nics = 1;
}

void stc_place_pair_shape(const struct stc_place *p, int32_t src, int32_t dst,
                          struct stc_group_shape *o)
{
    struct stc_group g = {.first = src < dst ? src : dst,
                          .stride = src < dst ? dst - src : src - dst,
                          .n = 2,
                          .block = 2};
    stc_place_shape(p, &g, o);
}

/* Appends the route from a to b, all coefficients times k. */
static int32_t add_route(const struct stc_place *p, int32_t a, int32_t b, double k,
                         struct stc_link_use *out, int32_t n, int32_t cap)
{
    struct stc_route r;
    stc_topo_route(p->topo, a, b, &r);
    for (int i = 0; i < r.n_links; i++, n++)
        if (n < cap) out[n] = (struct stc_link_use){r.link[i], r.coef[i] * k};
    return n;
}

int32_t stc_place_ring_uses(const struct stc_place *p, const struct stc_group *g,
                            struct stc_link_use *out, int32_t cap)
{
    struct stc_group_shape s;
    stc_place_shape(p, g, &s);
    if (s.n_nodes < 2) return 0;
    int32_t per = s.ranks_per_node, n = 0;
    int ports = group_ports(p, g);
    double k = ports > 0 ? (double)ports / (double)per : 1;
    /* Members come node by node; the i-th of one node sends to the i-th of the next. */
    for (int32_t i = 0; i < g->n; i++) {
        int32_t to = (i + per) % g->n;
        n = add_route(p, stc_group_member(g, i), stc_group_member(g, to), k, out, n,
                      cap);
    }
    return n;
}
