/*
 * topo.h - a cluster as directed links with rates, and routes over them.
 *
 * THEORY. Every place where bytes queue is a link with one rate: a GPU's NVLink
 * ports out and in (the switch itself never blocks), a mesh link per direction,
 * PCIe slots, switch uplinks, sockets, NIC ports, leaf and pod trunks. A route
 * is the list of links a flow loads, each with a coefficient: 1, or 2 where the
 * bytes cross twice (host memory: written, then read). The fluid network
 * (sim/engine/flow.h) shares them; nothing here knows about flows.
 *
 * Symmetry is kept on purpose: nodes are laid out as equal blocks of link ids,
 * so that folding (classes of ranks and links) finds equal things equal, and a
 * route is arithmetic: O(1), nothing stored per pair.
 *
 * UNITS. capacity_Bps = line rate × efficiency × degradations.
 * COST. Memory O(links), 40 bytes each; 16,384 GPUs in
 * a few milliseconds; a route in about 50 ns.
 * OWNERSHIP. All in the arena given; the cluster is copied.
 */
#ifndef STC_HW_TOPO_H
#define STC_HW_TOPO_H

#include "hw/cluster.h"
#include "sim/base/arena.h"
#include "sim/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* X(id, text, what): the classes that reports sum over. */
#define STC_LINK_CLASS_MAP(X)                                       \
 X(NVLINK, "NVLink", "GPU to GPU inside a node or NVLink domain")   \
 X(PCIE, "PCIe", "GPU slot, and PCIe switch to socket")             \
 X(C2C, "C2C", "GPU to its own CPU over NVLink-C2C")                \
 X(HOST, "host", "host memory, and copies staged in it")            \
 X(CPU, "CPU socket", "between the sockets of a node")              \
 X(NIC, "NIC", "node to network, per port")                         \
 X(TRUNK, "leaf trunk", "leaf to spine; dragonfly: inside a group") \
 X(CORE, "core trunk", "pod to core; dragonfly: between groups")

enum stc_link_class {
#define STC_LINK_CLASS_ROW(id, text, what) STC_LINK_##id,
    STC_LINK_CLASS_MAP(STC_LINK_CLASS_ROW)
#undef STC_LINK_CLASS_ROW
        STC_LINK_CLASS_COUNT
};

struct stc_link {
    double capacity_Bps; /* > 0 */
    double line_Bps;     /* what the maker states; reports print it */
    double latency_s;    /* >= 0 */
    uint8_t cls;         /* enum stc_link_class */
    uint8_t is_in;       /* towards the GPU (in) or away from it (out) */
    uint16_t kind;       /* private: for names */
    int32_t owner;       /* private: node, leaf or pod */
    int32_t index;       /* private: GPU slot, port, uplink */
};

enum { STC_ROUTE_MAX = 20 };

struct stc_route {
    int n_links;
    uint32_t link[STC_ROUTE_MAX]; /* in order of travel, each at most once */
    double coef[STC_ROUTE_MAX];   /* > 0 */
    double latency_s;             /* sum of the links', with the fabric's hops */
};

struct stc_topo; /* opaque; immutable once made, shared by threads */

STC_MUST_USE enum stc_err stc_topo_make(struct stc_arena *a,
                                        const struct stc_cluster *c,
                                        struct stc_topo **out, struct stc_diag *diag);

const struct stc_cluster *stc_topo_cluster(const struct stc_topo *t);
size_t stc_topo_n_links(const struct stc_topo *t);
const struct stc_link *stc_topo_links(const struct stc_topo *t);
int stc_topo_n_gpus(const struct stc_topo *t);

/* GPU to GPU; src == dst gives no links and latency 0. */
void stc_topo_route(const struct stc_topo *t, int src_gpu, int dst_gpu,
                    struct stc_route *out);
/* Between a GPU and the host memory next to it. */
void stc_topo_route_to_host(const struct stc_topo *t, int gpu, struct stc_route *out);
void stc_topo_route_from_host(const struct stc_topo *t, int gpu, struct stc_route *out);

/* The rate one flow alone gets: min over links of capacity / coefficient;
 * infinite for a route without links. */
double stc_topo_route_Bps(const struct stc_topo *t, const struct stc_route *r);

/* "node3.gpu5.nvlink.out"; cut to fit; returns buf. */
const char *stc_topo_link_name(const struct stc_topo *t, uint32_t link, char *buf,
                               size_t n);

struct stc_link_class_info {
    const char *name, *what;
    size_t n_links;          /* of this class in this topology */
    double capacity_Bps;     /* sum over them */
    double min_capacity_Bps; /* 0 when there is none */
};
/* Totals per class, indexed by enum stc_link_class. O(links). */
void stc_topo_link_classes(const struct stc_topo *t,
                           struct stc_link_class_info out[STC_LINK_CLASS_COUNT]);
const char *stc_link_class_name(enum stc_link_class c);

/* True when every capacity is positive and finite, every index in range and
 * ids follow the layout. O(links): for assert() and tests. */
bool stc_topo_sane(const struct stc_topo *t);

#endif
