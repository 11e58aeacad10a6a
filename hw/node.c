#include "hw/node.h"

#include <math.h>
#include <stddef.h>
#include <strings.h>

static const char *const intra_names[] = {
#define ROW(id, text) [STC_INTRA_##id] = text,
    STC_INTRA_MAP(ROW)
#undef ROW
};

const char *stc_intra_name(enum stc_intra k)
{
    size_t i = (size_t)k;
    return i < STC_INTRA_COUNT ? intra_names[i] : "?";
}

bool stc_intra_find(const char *name, enum stc_intra *out)
{
    for (size_t i = 0; i < STC_INTRA_COUNT; i++) {
        if (strcasecmp(intra_names[i], name) == 0) {
            *out = (enum stc_intra)i;
            return true;
        }
    }
    return false;
}

int stc_hw_node_n_ports(const struct stc_hw_node *n)
{
    return n->n_nics < n->n_gpus ? n->n_nics : n->n_gpus;
}

int stc_hw_node_port_of(const struct stc_hw_node *n, int gpu)
{
    int ports = stc_hw_node_n_ports(n);
    return ports > 0 ? gpu * ports / n->n_gpus : -1;
}

double stc_hw_node_pcie_Bps(const struct stc_hw_node *n)
{
    return n->pcie_Bps * n->pcie_eff;
}

double stc_hw_node_host_path_Bps(const struct stc_hw_node *n, bool p2p)
{
    if (p2p && n->pcie_p2p && n->pcie_Bps > 0) return stc_hw_node_pcie_Bps(n);
    double both =
        fmin(n->shm_Bps, n->shm_duplex_Bps / 2); /* rings go both ways at once */
    return n->shm_ring_Bps > 0 ? fmin(both, n->shm_ring_Bps) : both;
}

/* True when the set's mesh links join all its members: a walk from the first. */
static bool mesh_connects(const struct stc_hw_node *n, const int *gpus, int n_set)
{
    int seen[STC_NODE_MAX_GPUS] = {0}, stack[STC_NODE_MAX_GPUS], depth = 0, found = 1;
    stack[depth++] = 0;
    seen[0] = 1;
    while (depth > 0) {
        int i = stack[--depth];
        for (int j = 0; j < n_set; j++) {
            if (seen[j] || n->mesh[gpus[i]][gpus[j]] == 0) continue;
            seen[j] = 1;
            found++;
            stack[depth++] = j;
        }
    }
    return found == n_set;
}

double stc_hw_node_ring_Bps(const struct stc_hw_node *n, const int *gpus, int n_set,
                            bool p2p)
{
    double host_Bps = stc_hw_node_host_path_Bps(n, p2p);
    if (!p2p || n->intra == STC_INTRA_PCIE) return host_Bps;
    if (n->intra == STC_INTRA_NVSWITCH) return n->nvlink_Bps * n->nvlink_eff;
    if (!mesh_connects(n, gpus, n_set)) return host_Bps;
    int least = 1 << 30;
    for (int i = 0; i < n_set; i++) {
        int degree = 0;
        for (int j = 0; j < n_set; j++)
            degree += n->mesh[gpus[i]][gpus[j]];
        if (degree < least) least = degree;
    }
    return least * n->nvlink_link_Bps * n->nvlink_eff;
}
