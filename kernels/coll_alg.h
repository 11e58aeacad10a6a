/*
 * coll_alg.h - one way to carry out a collective; private to kernels/coll*.c.
 *
 * THEORY. An algorithm is four functions. time_s gives the closed form on an
 * idle fabric in two parts: latency (launch, hops, pipeline fill) and the
 * bytes of the busiest port and NIC over what they reach. emit gives the same
 * algorithm as flows: the busiest port carries the same bytes, so the two
 * agree by construction wherever the fabric is symmetric, and the network
 * engine finds out what happens where it is not.
 */
#ifndef STC_KERNELS_COLL_ALG_H
#define STC_KERNELS_COLL_ALG_H

#include "kernels/coll.h"
#include "kernels/coll_params.h"

/* One question, prepared: everything that the algorithms share. */
struct stc_coll_ctx {
    const struct stc_coll_params *p;
    const struct stc_group_shape *g;
    const struct stc_coll_force *f;
    const double *cg; /* the generation's terms; times still need t_scale */
    const double *cn; /* the fabric's terms */
    double t_scale;   /* clock of the fit / clock of this GPU */
    enum stc_coll coll;
    double bytes; /* S */
    double log2_nodes;
    double n, nodes, k; /* ranks, nodes, ranks per node, as doubles */
    double rf, steps;   /* bus factor and dependent sends on a ring */
    double hops_net;    /* of those sends, how many cross nodes */
    bool nvlink;     /* the group's intra traffic is on NVLink and fitted terms apply */
    double port_Bps; /* a rank's port, capped by CTAs and host path */
    double rail_Bps; /* one rail between nodes, shared NICs counted */
    double n_rails;  /* rails of the group in one node: min(NICs, ranks) */
    double max_channels; /* CTAs that NCCL would use for a large message */
    /* By protocol, whatever the bytes (stc_coll_ctx_rates): */
    double base_s[STC_PROTO_COUNT];     /* launch */
    double hop_s[STC_PROTO_COUNT];      /* one hop inside the node */
    double ring_hop_s[STC_PROTO_COUNT]; /* the same on a ring that leaves it too */
    double net_hop_s[STC_PROTO_COUNT];  /* one hop between nodes */
    double ring_Bps[STC_PROTO_COUNT];   /* out of a port on a ring */
    double net_Bps[STC_PROTO_COUNT];    /* out of one rail */
    double own_Bps;      /* of S: a rank's own part copied beside it; 0: no such copy */
    double inside_share; /* of a rank's traffic that stays in the node */
    double tree_load;    /* stc_coll_tree_load */
};

/* What time_s answers. eff_*: share of g->intra_Bps and g->nic_Bps reached. */
struct stc_coll_terms {
    double latency_s;
    double bw_s;
    double intra_s, net_s; /* what each side needs for its bytes; bw_s is the larger */
    double intra_bytes;    /* leaving the busiest rank's port inside the node */
    double net_bytes;      /* leaving the busiest rail */
    double eff_intra, eff_net; /* filled for the chosen algorithm only */
};

struct stc_coll_alg {
    enum stc_coll_algo id;
    uint16_t colls; /* bit per collective, and */
    uint8_t protos; /* per protocol, for which applies() is asked at all */
    /* Looks at the bytes for a serving library's own kernels only. */
    bool (*applies)(const struct stc_coll_ctx *c, enum stc_coll_proto p);
    void (*time_s)(const struct stc_coll_ctx *c, enum stc_coll_proto p,
                   struct stc_coll_terms *out);
    enum stc_err (*emit)(const struct stc_coll_ctx *c, const struct stc_coll_terms *t,
                         struct stc_coll_flows *out);
};

enum {
    STC_COLL_ANY_PROTO = (1 << STC_PROTO_COUNT) - 1,
    STC_COLL_SIMPLE_ONLY = 1 << STC_PROTO_SIMPLE
};
#define STC_COLL_BIT(id) (1u << STC_COLL_##id)

extern const struct stc_coll_alg stc_coll_alg_ring, stc_coll_alg_tree,
    stc_coll_alg_nvls, stc_coll_alg_nvls_tree, stc_coll_alg_collnet, stc_coll_alg_pat,
    stc_coll_alg_hier, stc_coll_alg_pairwise, stc_coll_alg_custom_one,
    stc_coll_alg_custom_two;

/* fmin and fmax are calls, and think about NaN; these are one instruction. */
static inline double stc_min2(double a, double b)
{
    return a < b ? a : b;
}
static inline double stc_max2(double a, double b)
{
    return a > b ? a : b;
}

/* Times of a generation at this GPU's clock. */
static inline double stc_cg_s(const struct stc_coll_ctx *c, enum stc_cg i)
{
    return c->cg[i] * c->t_scale;
}

/* What depends on the protocol but not on the bytes; the rest of c is filled. */
void stc_coll_ctx_rates(struct stc_coll_ctx *c);
/* What the path adds to the fabric's usual one. */
double stc_coll_path_extra_s(const struct stc_coll_ctx *c);
/* Pipeline of chunks that grow with the message: F S / (S + S_half). */
double stc_coll_fill_s(double fill_s, double half_bytes, double bytes);
/* Sets bw_s from the seconds each side needs. */
void stc_coll_terms_set(struct stc_coll_terms *t, double intra_s, double net_s);

/* Most that one node sends in a double binary tree over n nodes (up and down,
 * both trees), in units of the message: 1 for two nodes, 2 from four on. */
double stc_coll_tree_load(double n_nodes);
/* Node above `v` in the first (or the mirrored) tree; -1 for the root. */
int stc_coll_tree_parent(int v, int n_nodes, bool mirrored);

/* Emitters: each shows t->intra_bytes at every port and t->net_bytes at the
 * busiest rail of every node, in the algorithm's pattern. */
enum stc_err stc_coll_emit_ring(const struct stc_coll_ctx *c,
                                const struct stc_coll_terms *t,
                                struct stc_coll_flows *out);
enum stc_err stc_coll_emit_tree(const struct stc_coll_ctx *c,
                                const struct stc_coll_terms *t,
                                struct stc_coll_flows *out);
enum stc_err stc_coll_emit_pairs(const struct stc_coll_ctx *c,
                                 const struct stc_coll_terms *t,
                                 struct stc_coll_flows *out);

#endif
