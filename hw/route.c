/* Routes of topo.h: which links a transfer loads. Pure arithmetic on ids. */
#include "hw/topo.h"

#include "hw/topo_priv.h"

#include <assert.h>
#include <math.h>

static void add(const struct stc_topo *t, struct stc_route *r, uint32_t link,
                double coef)
{
    assert(r->n_links < STC_ROUTE_MAX);
    r->link[r->n_links] = link;
    r->coef[r->n_links] = coef;
    r->n_links++;
    r->latency_s += t->links[link].latency_s;
}

/* A link of a node by kind; kinds that this topology lacks are passed over. */
static void add_node(const struct stc_topo *t, struct stc_route *r, int node, int kind,
                     int index)
{
    if (t->offset[kind] < 0) return;
    add(t, r, (uint32_t)node * t->block + (uint32_t)(t->offset[kind] + index), 1);
}

static int switch_of(const struct stc_topo *t, int slot)
{
    return slot / t->c.node.gpus_per_switch;
}

static int socket_of_switch(const struct stc_topo *t, int sw)
{
    return sw / t->c.node.switches_per_socket;
}

static int switch_of_port(const struct stc_topo *t, int port)
{
    return port * t->n_switches / t->n_ports;
}

/* GPU memory to its socket: by PCIe, else by C2C. */
static void add_up(const struct stc_topo *t, struct stc_route *r, int node, int slot,
                   bool to_root)
{
    if (t->offset[NL_PCIE_OUT] < 0) {
        add_node(t, r, node, NL_C2C_OUT, slot);
        return;
    }
    add_node(t, r, node, NL_PCIE_OUT, slot);
    if (to_root) add_node(t, r, node, NL_SW_OUT, switch_of(t, slot));
}

static void add_down(const struct stc_topo *t, struct stc_route *r, int node, int slot,
                     bool from_root)
{
    if (t->offset[NL_PCIE_IN] < 0) {
        add_node(t, r, node, NL_C2C_IN, slot);
        return;
    }
    if (from_root) add_node(t, r, node, NL_SW_IN, switch_of(t, slot));
    add_node(t, r, node, NL_PCIE_IN, slot);
}

static void add_sockets(const struct stc_topo *t, struct stc_route *r, int node,
                        int from, int to)
{
    if (from == to) return;
    add_node(t, r, node, NL_SOCK_OUT, from);
    add_node(t, r, node, NL_SOCK_IN, to);
}

/* Staged in host memory: the slots are inside shm_Bps already. */
static void add_staged(const struct stc_topo *t, struct stc_route *r, int node, int src,
                       int dst)
{
    add_node(t, r, node, NL_SHM_OUT, src);
    add_node(t, r, node, NL_SHM_BOTH, src);
    add_sockets(t, r, node, socket_of_switch(t, switch_of(t, src)),
                socket_of_switch(t, switch_of(t, dst)));
    add_node(t, r, node, NL_SHM_BOTH, dst);
    add_node(t, r, node, NL_SHM_IN, dst);
}

static void route_inside(const struct stc_topo *t, int node, int src, int dst,
                         struct stc_route *r)
{
    const struct stc_hw_node *n = &t->c.node;
    if (!t->c.p2p) {
        add_staged(t, r, node, src, dst);
    } else if (t->offset[NL_NVL_OUT] >= 0) {
        add_node(t, r, node, NL_NVL_OUT, src);
        add_node(t, r, node, NL_NVL_IN, dst);
    } else if (t->mesh[src][dst] >= 0) {
        add(t, r, (uint32_t)node * t->block + (uint32_t)t->mesh[src][dst], 1);
    } else if (!n->pcie_p2p) {
        add_staged(t, r, node, src, dst);
    } else {
        int ssw = switch_of(t, src), dsw = switch_of(t, dst);
        add_up(t, r, node, src, ssw != dsw);
        add_sockets(t, r, node, socket_of_switch(t, ssw), socket_of_switch(t, dsw));
        add_down(t, r, node, dst, ssw != dsw);
    }
}

/* GPU to its NIC port. A NIC beside the GPU on its switch costs no uplink. */
static void add_to_nic(const struct stc_topo *t, struct stc_route *r, int node,
                       int slot, int port)
{
    int gsw = switch_of(t, slot), nsw = switch_of_port(t, port);
    bool beside = t->c.node.nic_on_switch && t->c.fabric.gpudirect && gsw == nsw;
    add_up(t, r, node, slot, !beside);
    if (beside) return;
    add_sockets(t, r, node, socket_of_switch(t, gsw), socket_of_switch(t, nsw));
    if (t->c.node.nic_on_switch) add_node(t, r, node, NL_SW_IN, nsw);
}

static void add_from_nic(const struct stc_topo *t, struct stc_route *r, int node,
                         int slot, int port)
{
    int gsw = switch_of(t, slot), nsw = switch_of_port(t, port);
    bool beside = t->c.node.nic_on_switch && t->c.fabric.gpudirect && gsw == nsw;
    if (!beside) {
        if (t->c.node.nic_on_switch) add_node(t, r, node, NL_SW_OUT, nsw);
        add_sockets(t, r, node, socket_of_switch(t, nsw), socket_of_switch(t, gsw));
    }
    add_down(t, r, node, slot, !beside);
}

/* Which of n parallel links a flow between these ports takes (hashed ECMP): a
 * switch hashes addresses, here the finaliser of MurmurHash3 (Appleby). */
static uint32_t pick(uint32_t src, uint32_t dst, uint32_t salt, int n)
{
    if (n <= 1) return 0;
    uint64_t h = ((uint64_t)src << 32 | dst) ^ ((uint64_t)salt << 17);
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    h ^= h >> 33;
    return (uint32_t)(h % (uint64_t)n);
}

static void add_network(const struct stc_topo *t, struct stc_route *r, int snode,
                        int sport, int dnode, int dport)
{
    int per_leaf = t->c.fabric.nodes_per_leaf;
    if (t->n_leaves == 0) return; /* one switch */
    int sgroup = snode / per_leaf, dgroup = dnode / per_leaf;
    int sleaf = t->by_rail ? sgroup * t->n_ports + sport : sgroup;
    int dleaf = t->by_rail ? dgroup * t->n_ports + dport : dgroup;
    if (sleaf == dleaf) return;
    uint32_t src = (uint32_t)(snode * t->n_ports + sport);
    uint32_t dst = (uint32_t)(dnode * t->n_ports + dport);
    uint32_t up = pick(src, dst, 1, t->leaf_n_up);
    add(t, r, stc_topo_leaf_up(t, sleaf) + up, 1);
    int spod = t->groups_per_pod > 0 ? sgroup / t->groups_per_pod : 0;
    int dpod = t->groups_per_pod > 0 ? dgroup / t->groups_per_pod : 0;
    if (spod != dpod) {
        uint32_t core = pick(src, dst, 2, t->pod_n_up);
        add(t, r, stc_topo_pod_up(t, spod) + core, 1);
        add(t, r, stc_topo_pod_up(t, dpod) + (uint32_t)t->pod_n_up + core, 1);
        /* from the core, the destination's pod chooses the spine anew */
        up = pick(src, dst, 3, t->leaf_n_up);
    }
    add(t, r, stc_topo_leaf_up(t, dleaf) + (uint32_t)t->leaf_n_up + up, 1);
}

static void route_between(const struct stc_topo *t, int snode, int src, int dnode,
                          int dst, struct stc_route *r)
{
    int sport = stc_hw_node_port_of(&t->c.node, src);
    int dport = stc_hw_node_port_of(&t->c.node, dst);
    if (t->c.pxn && t->c.p2p && t->by_rail && sport != dport &&
        t->offset[NL_NVL_OUT] >= 0) {
        /* over NVLink to the GPU beside the NIC of the receiver's rail */
        route_inside(t, snode, src, dst, r);
        src = dst;
        sport = dport;
    }
    add_to_nic(t, r, snode, src, sport);
    add_node(t, r, snode, NL_NIC_OUT, sport);
    add_network(t, r, snode, sport, dnode, dport);
    add_node(t, r, dnode, NL_NIC_IN, dport);
    add_from_nic(t, r, dnode, dst, dport);
}

void stc_topo_route(const struct stc_topo *t, int src_gpu, int dst_gpu,
                    struct stc_route *out)
{
    int per_node = t->n_gpus_per_node;
    int snode = src_gpu / per_node, dnode = dst_gpu / per_node;
    int src = src_gpu % per_node, dst = dst_gpu % per_node;
    assert(src_gpu >= 0 && src_gpu < stc_topo_n_gpus(t));
    assert(dst_gpu >= 0 && dst_gpu < stc_topo_n_gpus(t));
    out->n_links = 0;
    out->latency_s = 0;
    if (src_gpu == dst_gpu) return;
    if (snode == dnode) {
        route_inside(t, snode, src, dst, out);
        return;
    }
    int domain = t->c.node.nvlink_domain_nodes;
    if (snode / domain == dnode / domain && t->offset[NL_NVL_OUT] >= 0 && t->c.p2p) {
        add_node(t, out, snode, NL_NVL_OUT, src);
        add_node(t, out, dnode, NL_NVL_IN, dst);
        return;
    }
    route_between(t, snode, src, dnode, dst, out);
}

void stc_topo_route_to_host(const struct stc_topo *t, int gpu, struct stc_route *out)
{
    int node = gpu / t->n_gpus_per_node, slot = gpu % t->n_gpus_per_node;
    out->n_links = 0;
    out->latency_s = 0;
    if (t->offset[NL_C2C_OUT] >= 0) {
        add_node(t, out, node, NL_C2C_OUT, slot);
    } else {
        add_up(t, out, node, slot, true);
    }
}

void stc_topo_route_from_host(const struct stc_topo *t, int gpu, struct stc_route *out)
{
    int node = gpu / t->n_gpus_per_node, slot = gpu % t->n_gpus_per_node;
    out->n_links = 0;
    out->latency_s = 0;
    if (t->offset[NL_C2C_IN] >= 0) {
        add_node(t, out, node, NL_C2C_IN, slot);
    } else {
        add_down(t, out, node, slot, true);
    }
}

double stc_topo_route_Bps(const struct stc_topo *t, const struct stc_route *r)
{
    double rate = INFINITY;
    for (int i = 0; i < r->n_links; i++) {
        double share = t->links[r->link[i]].capacity_Bps / r->coef[i];
        if (share < rate) rate = share;
    }
    return rate;
}
