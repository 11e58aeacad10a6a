/*
 * fabric.h - the network between nodes, as a product and as a shape.
 *
 * THEORY. Shapes:
 *   SINGLE          one switch: NIC out, NIC in. No trunk.
 *   FAT_TREE        nodes_per_leaf nodes with all their ports on one leaf;
 *                   leaves joined by spines; leafs_per_pod leaves a pod and a
 *                   core above when leafs_per_pod > 0.
 *   RAIL_OPTIMISED  port k of nodes_per_leaf nodes on leaf k of their group:
 *                   same rail, same group: one switch. Otherwise the spines.
 *   DRAGONFLY       a leaf is a router; leafs_per_pod routers a group, fully
 *                   joined; groups joined by global links.
 * The trunk of a leaf has (rate of the ports below) / oversubscription, that
 * of a pod or group likewise with core_oversubscription. With even spreading
 * (adaptive routing, the default) a trunk is one link of that rate; with
 * hashed_ecmp each flow is pinned to one of its parallel links by a hash of
 * its ends, and collisions show.
 *
 * efficiency is the share of the line rate that large messages reach between
 * two NICs (headers, PCIe credits, congestion control): measured, per product.
 */
#ifndef STC_HW_FABRIC_H
#define STC_HW_FABRIC_H

#include <stdbool.h>

#define STC_FABRIC_TECH_MAP(X) \
 X(IB, "ib")                   \
 X(ROCE, "roce")               \
 X(EFA, "efa")                 \
 X(OPA, "opa")                 \
 X(TCPX, "tcpx")               \
 X(SLINGSHOT, "slingshot")     \
 X(ETHERNET, "ethernet")       \
 X(SOCKET, "socket")

enum stc_fabric_tech {
#define STC_FABRIC_TECH_ROW(id, text) STC_FABRIC_##id,
    STC_FABRIC_TECH_MAP(STC_FABRIC_TECH_ROW)
#undef STC_FABRIC_TECH_ROW
        STC_FABRIC_TECH_COUNT
};

#define STC_FABRIC_SHAPE_MAP(X)      \
 X(RAIL_OPTIMISED, "rail-optimised") \
 X(FAT_TREE, "fat-tree")             \
 X(DRAGONFLY, "dragonfly")           \
 X(SINGLE, "single")

enum stc_fabric_shape {
#define STC_FABRIC_SHAPE_ROW(id, text) STC_SHAPE_##id,
    STC_FABRIC_SHAPE_MAP(STC_FABRIC_SHAPE_ROW)
#undef STC_FABRIC_SHAPE_ROW
        STC_FABRIC_SHAPE_COUNT
};

struct stc_fabric {
    char name[64]; /* "ib-hdr" */
    enum stc_fabric_tech tech;
    enum stc_fabric_shape shape;
    double link_Bps;   /* line rate of one port, one direction */
    double efficiency; /* (0,1] */
    double stream_Bps; /* most that one group's connections move out of a process, one
                        * direction: sockets fed by a CPU thread; 0: the port's rate */
    double base_latency_s; /* NIC to NIC over one switch */
    double hop_latency_s;  /* each further switch */
    int nodes_per_leaf;
    int leafs_per_pod;       /* leaves (rail-optimised: leaf groups) of a pod or group;
                                     0: one pod */
    double oversubscription; /* >= 1: ports below / links above, at the leaf */
    double core_oversubscription; /* the same at the pod or group */
    bool hashed_ecmp;
    bool gpudirect; /* NICs read GPU memory; else staged through the host */
    bool sharp;     /* switches reduce in flight */
    char source[256];
};

const char *stc_fabric_tech_name(enum stc_fabric_tech t);
bool stc_fabric_tech_find(const char *name, enum stc_fabric_tech *out);
const char *stc_fabric_shape_name(enum stc_fabric_shape s);
bool stc_fabric_shape_find(const char *name, enum stc_fabric_shape *out);

#endif
