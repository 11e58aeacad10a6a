/*
 * comms.h - the communicators of a run: who is in them, what their operations
 * take, and which of them load the network together.
 *
 * THEORY. Every slot of a template becomes one communicator per group of its
 * axis (per pair of ranks for the pipeline). When two that can be live at the
 * same time load one link, inter-node operations are flows: one fluid variable
 * per operation, because a ring moves at the rate of its slowest edge, with the
 * ring's links as uses and the closed form's rate as its cap. Otherwise the
 * closed form holds and the network engine is not needed.
 *
 * The graph of ranks, communicators and links goes to sim/run/classes.h; what is
 * built here afterwards is the quotient: one communicator, operation table and
 * link per class.
 */
#ifndef STC_RUN_COMMS_H
#define STC_RUN_COMMS_H

#include "sim/run/classes.h"
#include "sim/run/lower.h"

struct stc_comm_info {      /* one communicator of the full job */
    uint8_t slot;           /* the FSEND or BSEND slot stands for a pipeline pair */
    int32_t shape;          /* index into shapes */
    struct stc_group group; /* pipeline: first = sender, stride = receiver - sender */
};

struct stc_comms {
    int32_t n, n_shapes;
    struct stc_comm_info *info;
    struct stc_group_shape *shapes;
    int32_t *member_off, *use_off;
    struct stc_member *member;
    struct stc_link_use *use;
    int32_t *rank_comm
        [STC_SLOT_COUNT]; /* [n_ranks]: communicator, -1; NULL: slot not used */
    int32_t n_links;      /* links in use, compact numbers */
    uint32_t *link_id;    /* compact -> topology */

    struct stc_partition part;
    /* the quotient, for the machine */
    uint32_t *members;       /* [part.n_comms]: arrivals an operation needs */
    struct stc_join_op *ops; /* [part.n_comms or shapes][n comm ops] flattened */
    int32_t n_join_ops;
    int32_t *
        op_index; /* [part.n_comms]: first operation of a class; + index among its slot's ops */
    int32_t *op_rank; /* [lowered.n_ops]: index among its slot's operations */
    struct stc_coll_est *op_est; /* [n_join_ops]: the closed form behind each */
    double *link_capacity_Bps;   /* [part.n_links] */
};

STC_MUST_USE enum stc_err stc_comms_make(struct stc_arena *a, struct stc_lowered *low,
                                         struct stc_comms *out, struct stc_diag *diag);

/* Kernel-time factor of a rank: straggler and degradations, >= 1. */
double stc_rank_factor(const struct stc_lowered *low, int32_t rank);

#endif
