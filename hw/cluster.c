#include "hw/cluster.h"

#include "hw/catalogue.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Staging through host memory where nobody measured it: the share of a PCIe
 * slot that p2pBandwidthLatencyTest without peer access reaches on the two
 * machines where it was (10.5 of 15.75 and 21.6 of 31.5 GB/s best, 7 and 16.6
 * worst), and what both directions together reach of one (1.4). */
static const double shm_of_slot = 0.4;
static const double shm_duplex_of_one = 1.4;

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Rates left at 0 take the GPU's; the socket count follows from the tree. */
static void fill_rates(struct stc_cluster *c)
{
    struct stc_hw_node *n = &c->node;
    if (n->nvlink_Bps <= 0) n->nvlink_Bps = c->gpu.nvlink_Bps;
    n->nvlink_link_Bps = c->gpu.n_nvlinks > 0 ? n->nvlink_Bps / c->gpu.n_nvlinks : 0;
    if (n->pcie_Bps <= 0) n->pcie_Bps = c->gpu.pcie_Bps;
    double slot_Bps = n->pcie_Bps > 0 ? n->pcie_Bps : c->gpu.c2c_Bps;
    if (n->shm_Bps <= 0) n->shm_Bps = shm_of_slot * slot_Bps;
    if (n->shm_duplex_Bps <= 0) n->shm_duplex_Bps = shm_duplex_of_one * n->shm_Bps;
    if (n->switch_up_Bps <= 0) n->switch_up_Bps = n->pcie_Bps;
    n->n_sockets =
        ceil_div(ceil_div(n->n_gpus, n->gpus_per_switch), n->switches_per_socket);
    if (c->gpu.mem_cuda_bytes <= 0) c->gpu.mem_cuda_bytes = c->gpu.mem_bytes;
    if (n->intra != STC_INTRA_NVLINK_PAIRS) return;
    memset(n->mesh, 0, sizeof n->mesh);
    for (int i = 0; i + 1 < n->n_gpus; i += 2) {
        n->mesh[i][i + 1] = n->mesh[i + 1][i] = (uint8_t)c->gpu.n_nvlinks;
    }
}

static enum stc_err check_node(const struct stc_cluster *c, struct stc_diag *diag)
{
    const struct stc_hw_node *n = &c->node;
    if (n->n_gpus < 1 || n->n_gpus > STC_NODE_MAX_GPUS) {
        return stc_fail(diag, STC_ERR_RANGE, "%s: %d GPUs per node is not in [1, %d]",
                        n->name, n->n_gpus, STC_NODE_MAX_GPUS);
    }
    if (n->gpus_per_switch < 1 || n->switches_per_socket < 1 ||
        n->nvlink_domain_nodes < 1) {
        return stc_fail(
            diag, STC_ERR_RANGE,
            "%s: GPUs per switch, switches per socket and nodes per NVLink domain "
            "are at least 1",
            n->name);
    }
    if (n->intra != STC_INTRA_PCIE && n->nvlink_Bps <= 0 && c->gpu.nvlink_Bps <= 0) {
        return stc_fail(
            diag, STC_ERR_RANGE,
            "%s: %s has no NVLink; `intra: pcie` or `nvlink.bandwidth` would be right",
            n->name, c->gpu.name);
    }
    if (n->intra == STC_INTRA_NVLINK_MESH && n->n_gpus > 1 && c->gpu.n_nvlinks < 1) {
        return stc_fail(diag, STC_ERR_RANGE, "%s: a mesh needs the GPU's nvlink.links",
                        n->name);
    }
    if (n->pcie_Bps <= 0 && c->gpu.pcie_Bps <= 0 && c->gpu.c2c_Bps <= 0) {
        return stc_fail(diag, STC_ERR_RANGE,
                        "%s: neither PCIe nor C2C joins GPU and host", n->name);
    }
    for (int i = 0; i < n->n_gpus; i++) {
        for (int j = 0; j < n->n_gpus; j++) {
            if (n->mesh[i][j] == n->mesh[j][i] && (i != j || n->mesh[i][j] == 0))
                continue;
            return stc_fail(diag, STC_ERR_RANGE, "%s: links %d-%d are not symmetric",
                            n->name, i, j);
        }
    }
    return STC_OK;
}

static enum stc_err check_network(const struct stc_cluster *c, struct stc_diag *diag)
{
    const struct stc_hw_node *n = &c->node;
    const struct stc_fabric *f = &c->fabric;
    if (c->n_nodes < 1 || c->n_nodes > 1000000) {
        return stc_fail(diag, STC_ERR_RANGE, "nodes: %d is not in [1, 1000000]",
                        c->n_nodes);
    }
    if (c->n_nodes == 1) return STC_OK;
    if (n->n_nics < 1 || !(n->nic_Bps > 0)) {
        return stc_fail(
            diag, STC_ERR_RANGE,
            "%s: %d nodes but no NIC; nics_per_node and nic_bw would join them",
            n->name, c->n_nodes);
    }
    if (f->name[0] == '\0' || !(f->efficiency > 0) || f->efficiency > 1 ||
        f->nodes_per_leaf < 1 || f->oversubscription < 1 ||
        f->core_oversubscription < 1 || f->base_latency_s < 0 || f->hop_latency_s < 0) {
        return stc_fail(
            diag, STC_ERR_RANGE,
            "fabric %s: needs a name, efficiency in (0,1], nodes_per_leaf and "
            "over-subscriptions >= 1",
            f->name[0] ? f->name : "(none)");
    }
    return STC_OK;
}

static enum stc_err check_degrades(const struct stc_cluster *c, struct stc_diag *diag)
{
    for (size_t i = 0; i < c->n_degrades; i++) {
        const struct stc_degrade *d = &c->degrades[i];
        if (d->node < 0 || d->node >= c->n_nodes || d->gpu < -1 ||
            d->gpu >= c->node.n_gpus) {
            return stc_fail(diag, STC_ERR_RANGE,
                            "degraded part %zu: node %d, GPU %d is not there", i,
                            d->node, d->gpu);
        }
        if (!(d->factor > 0) || d->factor > 1) {
            return stc_fail(diag, STC_ERR_RANGE,
                            "degraded part %zu: %g is not in (0, 1]", i, d->factor);
        }
    }
    return STC_OK;
}

enum stc_err stc_cluster_finish(struct stc_cluster *c, struct stc_diag *diag)
{
    enum stc_err err = check_node(c, diag);
    if (err == STC_OK) err = check_network(c, diag);
    if (err == STC_OK) err = check_degrades(c, diag);
    if (err != STC_OK) return err;
    c->fabric.link_Bps = c->node.nic_Bps;
    fill_rates(c);
    return STC_OK;
}

/* ==== resolving ==== */

/* The usual node of a GPU: a reference row with that many GPUs, else the first
 * reference row, else the first row at all that has enough. */
static const struct stc_hw_node *usual_node(const struct stc_hw *hw, const char *gpu,
                                            int n_gpus)
{
    const struct stc_hw_node *best = NULL;
    int best_score = 0;
    for (size_t i = 0; i < stc_hw_n_nodes(hw); i++) {
        const struct stc_hw_node *n = stc_hw_node_at(hw, i);
        bool grows = n->intra == STC_INTRA_PCIE; /* slots: as many as asked for */
        if (strcasecmp(n->gpu_name, gpu) != 0) continue;
        if (n->n_gpus < n_gpus && !grows) continue;
        int score = 1 + 2 * (n->reference ? 1 : 0) + (n->n_gpus == n_gpus ? 4 : 0);
        if (score > best_score) {
            best = n;
            best_score = score;
        }
    }
    return best;
}

/* GPUs per node and nodes from what was stated. */
static enum stc_err settle_counts(const struct stc_cluster_ask *ask,
                                  struct stc_cluster *c, struct stc_diag *diag)
{
    int have = c->node.n_gpus;
    int per_node = ask->gpus_per_node > 0 ? ask->gpus_per_node : have;
    if (ask->gpus_per_node <= 0 && ask->n_nodes <= 1 && ask->n_gpus > 0 &&
        ask->n_gpus < have) {
        per_node = ask->n_gpus; /* part of one machine */
    }
    if (per_node > have && c->node.intra != STC_INTRA_PCIE) {
        return stc_fail(diag, STC_ERR_RANGE, "gpus_per_node: %s has %d GPUs, not %d",
                        c->node.name, have, per_node);
    }
    int n_nodes = ask->n_nodes;
    if (n_nodes <= 0 && ask->n_gpus > 0) {
        if (ask->n_gpus < per_node) per_node = ask->n_gpus;
        if (ask->n_gpus % per_node != 0) {
            return stc_fail(diag, STC_ERR_RANGE,
                            "gpus: %d is not a multiple of the node's %d", ask->n_gpus,
                            per_node);
        }
        n_nodes = ask->n_gpus / per_node;
    }
    if (n_nodes <= 0) n_nodes = 1;
    if (ask->n_gpus > 0 && (long)n_nodes * per_node != ask->n_gpus) {
        return stc_fail(diag, STC_ERR_RANGE,
                        "gpus: %d nodes of %d GPUs are not %d GPUs", n_nodes, per_node,
                        ask->n_gpus);
    }
    if (per_node != have) { /* a share of the machine has a share of its NICs */
        int nics = c->node.n_nics * per_node / have;
        c->node.n_nics = c->node.n_nics > 0 && nics < 1 ? 1 : nics;
        c->node.n_gpus = per_node;
    }
    c->n_nodes = n_nodes;
    return STC_OK;
}

/* The row of a technology whose rate is nearest; the first of equals. */
static const struct stc_fabric *nearest_fabric(const struct stc_hw *hw,
                                               enum stc_fabric_tech tech,
                                               double nic_Bps)
{
    const struct stc_fabric *best = NULL;
    double best_distance = INFINITY;
    for (size_t i = 0; i < stc_hw_n_fabrics(hw); i++) {
        const struct stc_fabric *f = stc_hw_fabric_at(hw, i);
        double distance = fabs(log(f->link_Bps / nic_Bps));
        if (f->tech != tech || distance >= best_distance) continue;
        best = f;
        best_distance = distance;
    }
    return best;
}

/* A fabric by its row's name, or by its technology's, which keeps the NICs. A
 * row other than the node's own brings its own NICs when no rate was stated. */
static enum stc_err settle_fabric(const struct stc_hw *hw,
                                  const struct stc_cluster_ask *ask,
                                  struct stc_cluster *c, struct stc_diag *diag)
{
    const char *name = ask->fabric ? ask->fabric : c->node.fabric_name;
    const struct stc_fabric *f = NULL;
    enum stc_fabric_tech tech;
    if (name[0] == '\0') return STC_OK;
    enum stc_err err = stc_hw_find_fabric(hw, name, &f, diag);
    if (err == STC_OK) {
        bool own = strcmp(f->name, c->node.fabric_name) == 0;
        if (!own && ask->nic_Bps <= 0) c->node.nic_Bps = f->link_Bps;
    } else if (stc_fabric_tech_find(name, &tech)) {
        f = nearest_fabric(hw, tech, c->node.nic_Bps);
    }
    if (!f) return err;
    if (diag) diag->text[0] = '\0'; /* of the first try */
    c->fabric = *f;
    return STC_OK;
}

static enum stc_err find_parts(const struct stc_hw *hw,
                               const struct stc_cluster_ask *ask, struct stc_cluster *c,
                               struct stc_diag *diag)
{
    const struct stc_hw_node *node = NULL;
    const struct stc_gpu *gpu = NULL;
    enum stc_err err;
    if (ask->gpu) {
        err = stc_hw_find_gpu(hw, ask->gpu, &gpu, diag);
        if (err != STC_OK) return err;
    }
    if (ask->use) {
        err = stc_hw_find_node(hw, ask->use, &node, diag);
        if (err != STC_OK) return err;
    } else if (gpu) {
        node = usual_node(hw, gpu->name, ask->gpus_per_node);
        if (!node) {
            return stc_fail(
                diag, STC_ERR_UNKNOWN,
                "gpu: no node of the catalogue has %d %s; name one with `use`, whose "
                "GPUs become these, or add one (stepcast help catalogue)",
                ask->gpus_per_node > 0 ? ask->gpus_per_node : 1, gpu->name);
        }
    } else {
        return stc_fail(diag, STC_ERR_UNKNOWN,
                        "cluster: neither a node nor a GPU is named");
    }
    if (!gpu) {
        err = stc_hw_find_gpu(hw, node->gpu_name, &gpu, diag);
        if (err != STC_OK) return err;
    }
    c->gpu = *gpu;
    c->node = *node;
    snprintf(c->node.gpu_name, sizeof c->node.gpu_name, "%s", gpu->name);
    return STC_OK;
}

/* Jobs over several NVLink domains are given equal segments of each, so that no
 * group straddles two (Slurm's topology/block and --segment; NVIDIA asks for 16
 * of the 18 trays of an NVL72): the largest segment that divides the nodes. */
static void align_domains(struct stc_cluster *c)
{
    int domain = c->node.nvlink_domain_nodes;
    if (domain <= 1 || c->n_nodes <= domain) return;
    for (int seg = domain; 2 * seg > domain; seg--) {
        if (c->n_nodes % seg == 0) {
            c->node.nvlink_domain_nodes = seg;
            return;
        }
    }
}

enum stc_err stc_cluster_resolve(const struct stc_hw *hw,
                                 const struct stc_cluster_ask *ask,
                                 struct stc_cluster *out, struct stc_diag *diag)
{
    struct stc_cluster c = {.p2p = true};
    enum stc_err err = find_parts(hw, ask, &c, diag);
    if (err == STC_OK) err = settle_counts(ask, &c, diag);
    if (err != STC_OK) return err;
    if (ask->nic_Bps > 0) {
        c.node.nic_Bps = ask->nic_Bps;
        c.node.n_nics = c.node.n_gpus; /* a rate alone: one NIC per GPU */
    }
    if (ask->nics_per_node > 0) c.node.n_nics = ask->nics_per_node;
    if (ask->nvlink_domain_gpus > 0) {
        c.node.nvlink_domain_nodes = ceil_div(ask->nvlink_domain_gpus, c.node.n_gpus);
    }
    align_domains(&c);
    err = settle_fabric(hw, ask, &c, diag);
    if (err != STC_OK) return err;
    snprintf(c.name, sizeof c.name, "%s", c.node.name);
    err = stc_cluster_finish(&c, diag);
    if (err == STC_OK) *out = c;
    return err;
}

enum stc_err stc_cluster_default_for_gpu(const struct stc_hw *hw, const char *gpu,
                                         int gpus_per_node, int n_gpus,
                                         struct stc_cluster *out, struct stc_diag *diag)
{
    struct stc_cluster_ask ask = {
        .gpu = gpu, .gpus_per_node = gpus_per_node, .n_gpus = n_gpus};
    return stc_cluster_resolve(hw, &ask, out, diag);
}

/* ==== derived ==== */

double stc_cluster_factor(const struct stc_cluster *c, enum stc_degrade_kind kind,
                          int node, int gpu)
{
    double factor = 1;
    for (size_t i = 0; i < c->n_degrades; i++) {
        const struct stc_degrade *d = &c->degrades[i];
        if (d->kind == kind && d->node == node && (d->gpu < 0 || d->gpu == gpu)) {
            factor *= d->factor;
        }
    }
    return factor;
}

double stc_cluster_node_Bps(const struct stc_cluster *c)
{
    return c->node.n_nics * c->node.nic_Bps * c->fabric.efficiency;
}

double stc_cluster_nic_Bps(const struct stc_cluster *c)
{
    int ports = stc_hw_node_n_ports(&c->node);
    return ports > 0 ? stc_cluster_node_Bps(c) / ports : 0;
}

double stc_cluster_nvlink_Bps(const struct stc_cluster *c)
{
    return c->node.intra == STC_INTRA_PCIE ? 0
                                           : c->node.nvlink_Bps * c->node.nvlink_eff;
}

double stc_cluster_host_Bps(const struct stc_cluster *c)
{
    if (c->gpu.c2c_Bps > 0) return c->gpu.c2c_Bps * c->node.pcie_eff;
    return stc_hw_node_pcie_Bps(&c->node);
}

int stc_cluster_nvlink_domain_gpus(const struct stc_cluster *c)
{
    int nodes = c->node.nvlink_domain_nodes;
    return c->node.n_gpus * (nodes < c->n_nodes ? nodes : c->n_nodes);
}
