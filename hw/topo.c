#include "hw/topo.h"

#include "hw/topo_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct kind_info {
    enum stc_link_class cls;
    bool in;
    const char *name;
};

static const struct kind_info kinds[NL_COUNT] = {
#define ROW(id, cls_, in_, name_) [NL_##id] = {STC_LINK_##cls_, in_, name_},
    STC_NODE_LINK_MAP(ROW)
#undef ROW
};

static const struct {
    const char *name, *what;
} classes[STC_LINK_CLASS_COUNT] = {
#define ROW(id, text, what_) [STC_LINK_##id] = {text, what_},
    STC_LINK_CLASS_MAP(ROW)
#undef ROW
};

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* ==== layout ==== */

/* How many links of each kind a node has. */
static void count_node_links(struct stc_topo *t)
{
    const struct stc_cluster *c = &t->c;
    const struct stc_hw_node *n = &c->node;
    int gpus = n->n_gpus, *count = t->count;
    if (n->intra == STC_INTRA_NVSWITCH) count[NL_NVL_OUT] = count[NL_NVL_IN] = gpus;
    if (n->intra == STC_INTRA_NVLINK_MESH || n->intra == STC_INTRA_NVLINK_PAIRS) {
        for (int i = 0; i < gpus; i++) {
            for (int j = 0; j < gpus; j++) {
                if (n->mesh[i][j] > 0) count[NL_MESH]++;
            }
        }
    }
    if (n->pcie_Bps > 0) count[NL_PCIE_OUT] = count[NL_PCIE_IN] = gpus;
    if (n->pcie_Bps > 0 && n->gpus_per_switch > 1) {
        count[NL_SW_OUT] = count[NL_SW_IN] = t->n_switches;
    }
    if (t->n_sockets > 1) count[NL_SOCK_OUT] = count[NL_SOCK_IN] = t->n_sockets;
    if (c->gpu.c2c_Bps > 0) count[NL_C2C_OUT] = count[NL_C2C_IN] = gpus;
    count[NL_SHM_OUT] = count[NL_SHM_IN] = count[NL_SHM_BOTH] = gpus;
    if (c->n_nodes > 1) count[NL_NIC_OUT] = count[NL_NIC_IN] = t->n_ports;
}

static void lay_out_node(struct stc_topo *t)
{
    int at = 0;
    count_node_links(t);
    for (int k = 0; k < NL_COUNT; k++) {
        t->offset[k] = t->count[k] > 0 ? at : -1;
        at += t->count[k];
    }
    t->block = (uint32_t)at;
    int next = t->offset[NL_MESH];
    for (int i = 0; i < t->n_gpus_per_node; i++) {
        for (int j = 0; j < t->n_gpus_per_node; j++) {
            bool linked = t->count[NL_MESH] > 0 && t->c.node.mesh[i][j] > 0;
            t->mesh[i][j] = (int16_t)(linked ? next++ : -1);
        }
    }
}

/* Rate of the ports below one leaf, and below one pod. */
static double leaf_ports_Bps(const struct stc_topo *t)
{
    double ports = t->c.fabric.nodes_per_leaf * (double)(t->by_rail ? 1 : t->n_ports);
    return ports * stc_cluster_nic_Bps(&t->c);
}

static double leaf_trunk_Bps(const struct stc_topo *t)
{
    return leaf_ports_Bps(t) / t->c.fabric.oversubscription;
}

static double pod_trunk_Bps(const struct stc_topo *t)
{
    double leaves = t->groups_per_pod * (double)(t->by_rail ? t->n_ports : 1);
    return leaves * leaf_trunk_Bps(t) / t->c.fabric.core_oversubscription;
}

/* Parallel links that a trunk is made of: as fast as a port each. */
static int n_parallel(const struct stc_topo *t, double trunk_Bps)
{
    if (!t->c.fabric.hashed_ecmp) return 1;
    double n = trunk_Bps / stc_cluster_nic_Bps(&t->c);
    return n < 1 ? 1 : (int)(n + 0.5);
}

static void lay_out_network(struct stc_topo *t)
{
    const struct stc_fabric *f = &t->c.fabric;
    t->leaf_n_up = t->pod_n_up = 1;
    t->n_groups = t->n_pods = 1;
    t->leaf_base = t->pod_base = (uint32_t)t->c.n_nodes * t->block;
    if (t->c.n_nodes == 1 || f->shape == STC_SHAPE_SINGLE) return;
    t->by_rail = f->shape == STC_SHAPE_RAIL_OPTIMISED;
    t->n_groups = ceil_div(t->c.n_nodes, f->nodes_per_leaf);
    t->groups_per_pod = f->leafs_per_pod;
    if (t->groups_per_pod > 0) t->n_pods = ceil_div(t->n_groups, t->groups_per_pod);
    if (t->n_groups > 1 || (t->by_rail && t->n_ports > 1)) {
        t->n_leaves = t->n_groups * (t->by_rail ? t->n_ports : 1);
    }
    t->leaf_n_up = n_parallel(t, leaf_trunk_Bps(t));
    t->pod_base = t->leaf_base + 2u * (uint32_t)t->n_leaves * (uint32_t)t->leaf_n_up;
    if (t->n_pods > 1) t->pod_n_up = n_parallel(t, pod_trunk_Bps(t));
}

/* ==== rates ==== */

struct rate {
    double line_Bps, usable_Bps, latency_s;
};

/* Rate and latency of a kind of node link, before degradations. A transfer
 * crosses an out and an in link, so each has half of the latency. */
static struct rate node_rate(const struct stc_topo *t, int kind)
{
    const struct stc_hw_node *n = &t->c.node;
    const struct stc_fabric *f = &t->c.fabric;
    double port_Bps = t->n_ports > 0 ? n->n_nics * n->nic_Bps / t->n_ports : 0;
    double c2c_Bps = t->c.gpu.c2c_Bps;
    switch (kind) {
    case NL_NVL_OUT:
    case NL_NVL_IN:
        return (struct rate){n->nvlink_Bps, n->nvlink_Bps * n->nvlink_eff,
                             n->nvlink_latency_s / 2};
    case NL_MESH:
        return (struct rate){n->nvlink_link_Bps, n->nvlink_link_Bps * n->nvlink_eff,
                             n->nvlink_latency_s};
    case NL_PCIE_OUT:
    case NL_PCIE_IN:
        return (struct rate){n->pcie_Bps, n->pcie_Bps * n->pcie_eff,
                             n->pcie_latency_s / 2};
    case NL_SW_OUT:
    case NL_SW_IN:
        return (struct rate){n->switch_up_Bps, n->switch_up_Bps * n->pcie_eff, 0};
    case NL_SOCK_OUT:
    case NL_SOCK_IN: return (struct rate){n->socket_Bps, n->socket_Bps, 0};
    case NL_C2C_OUT:
    case NL_C2C_IN:
        return (struct rate){c2c_Bps, c2c_Bps * n->pcie_eff, n->pcie_latency_s / 2};
    case NL_SHM_OUT:
    case NL_SHM_IN: return (struct rate){n->shm_Bps, n->shm_Bps, n->shm_latency_s / 2};
    case NL_SHM_BOTH: return (struct rate){n->shm_duplex_Bps, n->shm_duplex_Bps, 0};
    default:
        return (struct rate){port_Bps, port_Bps * f->efficiency, f->base_latency_s / 2};
    }
}

static void put_link(struct stc_link *l, struct rate r, enum stc_link_class cls,
                     bool in, int kind, int owner, int index)
{
    *l = (struct stc_link){.capacity_Bps = r.usable_Bps,
                           .line_Bps = r.line_Bps,
                           .latency_s = r.latency_s,
                           .cls = (uint8_t)cls,
                           .is_in = in,
                           .kind = (uint16_t)kind,
                           .owner = owner,
                           .index = index};
}

static void fill_block(const struct stc_topo *t, struct stc_link *block)
{
    for (int k = 0; k < NL_COUNT; k++) {
        struct rate r = node_rate(t, k);
        for (int i = 0; i < t->count[k]; i++) {
            put_link(&block[t->offset[k] + i], r, kinds[k].cls, kinds[k].in, k, 0, i);
        }
    }
    for (int i = 0; i < t->n_gpus_per_node; i++) {
        for (int j = 0; j < t->n_gpus_per_node; j++) {
            if (t->mesh[i][j] < 0) continue;
            struct stc_link *l = &block[t->mesh[i][j]];
            l->capacity_Bps *= t->c.node.mesh[i][j];
            l->line_Bps *= t->c.node.mesh[i][j];
            l->index = i * STC_NODE_MAX_GPUS + j;
        }
    }
}

/* Trunks. From leaf to leaf two switches are passed beyond the first, from pod
 * to pod two more; a dragonfly's local and global hop is one each. */
static void fill_network(struct stc_topo *t)
{
    const struct stc_fabric *f = &t->c.fabric;
    double down_hop_s = f->shape == STC_SHAPE_DRAGONFLY ? 0 : f->hop_latency_s;
    double leaf_Bps = leaf_trunk_Bps(t) / t->leaf_n_up;
    for (int leaf = 0; leaf < t->n_leaves; leaf++) {
        struct stc_link *l = &t->links[stc_topo_leaf_up(t, leaf)];
        for (int i = 0; i < t->leaf_n_up; i++) {
            struct rate up = {leaf_Bps / f->efficiency, leaf_Bps, f->hop_latency_s};
            struct rate down = {up.line_Bps, leaf_Bps, down_hop_s};
            put_link(&l[i], up, STC_LINK_TRUNK, false, NL_LEAF_UP, leaf, i);
            put_link(&l[t->leaf_n_up + i], down, STC_LINK_TRUNK, true, NL_LEAF_DOWN,
                     leaf, i);
        }
    }
    if (t->n_pods < 2) return;
    double pod_Bps = pod_trunk_Bps(t) / t->pod_n_up;
    for (int pod = 0; pod < t->n_pods; pod++) {
        struct stc_link *l = &t->links[stc_topo_pod_up(t, pod)];
        for (int i = 0; i < t->pod_n_up; i++) {
            struct rate up = {pod_Bps / f->efficiency, pod_Bps, f->hop_latency_s};
            struct rate down = {up.line_Bps, pod_Bps, down_hop_s};
            put_link(&l[i], up, STC_LINK_CORE, false, NL_POD_UP, pod, i);
            put_link(&l[t->pod_n_up + i], down, STC_LINK_CORE, true, NL_POD_DOWN, pod,
                     i);
        }
    }
}

/* True when a degradation of that kind hits links of this kind. */
static bool degrade_hits(enum stc_degrade_kind d, int kind)
{
    switch (d) {
    case STC_DEGRADE_NVLINK:
        return kind == NL_NVL_OUT || kind == NL_NVL_IN || kind == NL_MESH;
    case STC_DEGRADE_PCIE: return kind == NL_PCIE_OUT || kind == NL_PCIE_IN;
    case STC_DEGRADE_NIC: return kind == NL_NIC_OUT || kind == NL_NIC_IN;
    case STC_DEGRADE_COMPUTE: break;
    }
    return false;
}

static void apply_degrades(struct stc_topo *t)
{
    for (size_t i = 0; i < t->c.n_degrades; i++) {
        const struct stc_degrade *d = &t->c.degrades[i];
        struct stc_link *block = &t->links[(size_t)d->node * t->block];
        for (uint32_t k = 0; k < t->block; k++) {
            struct stc_link *l = &block[k];
            if (!degrade_hits(d->kind, l->kind)) continue;
            bool mesh = l->kind == NL_MESH;
            int a = mesh ? l->index / STC_NODE_MAX_GPUS : l->index;
            int b = mesh ? l->index % STC_NODE_MAX_GPUS : l->index;
            if (d->gpu < 0 || d->gpu == a || d->gpu == b) l->capacity_Bps *= d->factor;
        }
    }
}

/* ==== making ==== */

static enum stc_err copy_cluster(struct stc_topo *t, struct stc_arena *a,
                                 const struct stc_cluster *c, struct stc_diag *diag)
{
    t->c = *c;
    t->degrades = STC_NEW_N(a, struct stc_degrade, c->n_degrades);
    if (!t->degrades) return stc_fail(diag, STC_ERR_NOMEM, "topology: out of memory");
    if (c->n_degrades > 0)
        memcpy(t->degrades, c->degrades, c->n_degrades * sizeof *t->degrades);
    t->c.degrades = t->degrades;
    t->n_gpus_per_node = c->node.n_gpus;
    t->n_ports = stc_hw_node_n_ports(&c->node);
    t->n_switches = ceil_div(c->node.n_gpus, c->node.gpus_per_switch);
    t->n_sockets = ceil_div(t->n_switches, c->node.switches_per_socket);
    return STC_OK;
}

enum stc_err stc_topo_make(struct stc_arena *a, const struct stc_cluster *c,
                           struct stc_topo **out, struct stc_diag *diag)
{
    struct stc_cluster checked = *c;
    enum stc_err err = stc_cluster_finish(&checked, diag);
    if (err != STC_OK) return err;
    struct stc_topo *t = STC_NEW(a, struct stc_topo);
    if (!t) return stc_fail(diag, STC_ERR_NOMEM, "topology: out of memory");
    err = copy_cluster(t, a, &checked, diag);
    if (err != STC_OK) return err;
    lay_out_node(t);
    lay_out_network(t);
    t->n_links = stc_topo_pod_up(t, t->n_pods > 1 ? t->n_pods : 0);
    t->links = STC_NEW_N(a, struct stc_link, t->n_links);
    if (!t->links) {
        return stc_fail(diag, STC_ERR_NOMEM, "topology of %d nodes: out of memory",
                        c->n_nodes);
    }
    fill_block(t, t->links);
    for (int node = 1; node < c->n_nodes; node++) {
        struct stc_link *l = &t->links[(size_t)node * t->block];
        memcpy(l, t->links, t->block * sizeof *l);
        for (uint32_t i = 0; i < t->block; i++)
            l[i].owner = node;
    }
    fill_network(t);
    apply_degrades(t);
    *out = t;
    return STC_OK;
}

/* ==== reading ==== */

const struct stc_cluster *stc_topo_cluster(const struct stc_topo *t)
{
    return &t->c;
}

size_t stc_topo_n_links(const struct stc_topo *t)
{
    return t->n_links;
}

const struct stc_link *stc_topo_links(const struct stc_topo *t)
{
    return t->links;
}

int stc_topo_n_gpus(const struct stc_topo *t)
{
    return stc_cluster_n_gpus(&t->c);
}

const char *stc_link_class_name(enum stc_link_class c)
{
    size_t i = (size_t)c;
    return i < STC_LINK_CLASS_COUNT ? classes[i].name : "?";
}

const char *stc_topo_link_name(const struct stc_topo *t, uint32_t link, char *buf,
                               size_t n)
{
    const struct stc_link *l = &t->links[link];
    char part[32];
    if (l->kind >= NL_COUNT) {
        const char *what =
            l->kind == NL_LEAF_UP || l->kind == NL_LEAF_DOWN ? "leaf" : "pod";
        snprintf(buf, n, "%s%d.%s%d", what, l->owner, l->is_in ? "down" : "up",
                 l->index);
        return buf;
    }
    if (l->kind == NL_MESH) {
        snprintf(buf, n, "node%d.nvlink.%d-%d", l->owner, l->index / STC_NODE_MAX_GPUS,
                 l->index % STC_NODE_MAX_GPUS);
        return buf;
    }
    /* The names hold one %d each; a literal format keeps the compiler's check. */
    const char *name = kinds[l->kind].name, *mark = strchr(name, '%');
    snprintf(part, sizeof part, "%.*s%d%s", (int)(mark - name), name, l->index,
             mark + 2);
    snprintf(buf, n, "node%d.%s", l->owner, part);
    return buf;
}

void stc_topo_link_classes(const struct stc_topo *t,
                           struct stc_link_class_info out[STC_LINK_CLASS_COUNT])
{
    for (size_t i = 0; i < STC_LINK_CLASS_COUNT; i++) {
        out[i] = (struct stc_link_class_info){.name = classes[i].name,
                                              .what = classes[i].what};
    }
    for (size_t i = 0; i < t->n_links; i++) {
        struct stc_link_class_info *k = &out[t->links[i].cls];
        double cap = t->links[i].capacity_Bps;
        if (k->n_links == 0 || cap < k->min_capacity_Bps) k->min_capacity_Bps = cap;
        k->n_links++;
        k->capacity_Bps += cap;
    }
}

bool stc_topo_sane(const struct stc_topo *t)
{
    for (size_t i = 0; i < t->n_links; i++) {
        const struct stc_link *l = &t->links[i];
        if (!(l->capacity_Bps > 0) || isinf(l->capacity_Bps)) return false;
        if (!(l->line_Bps >= l->capacity_Bps * (1 - 1e-12))) return false;
        if (!(l->latency_s >= 0) || l->cls >= STC_LINK_CLASS_COUNT) return false;
        if (l->kind < NL_COUNT && (size_t)l->owner != i / t->block) return false;
    }
    return true;
}
