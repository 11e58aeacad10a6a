/*
 * op.h - what one rank computes in one block of a model, as a flat list.
 *
 * THEORY. A block (embedding, one layer, head, optimizer) in one pass (forward,
 * recompute, backward) is a list of operators in issue order. Each says what it
 * is (kind and shape, the keys of the cost model), what it moves and what it
 * keeps alive. Backward is its own list, not a factor. Shapes are per rank:
 * tensor, sequence, context and expert parallelism are already divided out and
 * their collectives stand in the list as operators of kind STC_OP_COLL.
 *
 * UNITS. flop: multiply and add count as two. Bytes are HBM traffic
 * (read/write), kept activation (keep_bytes) or a collective's buffer as
 * nccl-tests counts it.
 *
 * OWNERSHIP. Plain values: lists copy, print and hash. They live in the arena
 * they were built in.
 */
#ifndef STC_MODELS_OP_H
#define STC_MODELS_OP_H

#include "models/layout.h"
#include "sim/base/dtype.h"
#include <stdint.h>

enum stc_op_id {
#define X(id, name, part) STC_OP_##id,
#include "models/ops.def"
#undef X
    STC_OP_COUNT
};

enum stc_op_kind {
    STC_OP_GEMM,      /* shape.gemm */
    STC_OP_ATTENTION, /* shape.attn: one fused kernel */
    STC_OP_MEMBOUND,  /* shape.mem: time follows bytes and launches */
    STC_OP_GROUPED,   /* shape.moe: grouped products of the local experts */
    STC_OP_COLL,      /* shape.coll */
};

enum stc_pass {
    STC_PASS_FWD,
    STC_PASS_RECOMPUTE, /* forward again, before the backward */
    STC_PASS_DGRAD,     /* gradient of the inputs (and everything not split off) */
    STC_PASS_WGRAD,     /* gradient of the weights: zero-bubble schedules move it */
    STC_PASS_OPT,
    STC_PASS_COUNT
};

/* What a memory-bound kernel does: one efficiency each in the cost model. */
enum stc_mem_op {
    STC_MEMOP_COPY,
    STC_MEMOP_NORM_FWD,
    STC_MEMOP_NORM_BWD,
    STC_MEMOP_ELEMENTWISE,
    STC_MEMOP_ACTIVATION,
    STC_MEMOP_DROPOUT_ADD,
    STC_MEMOP_SOFTMAX,
    STC_MEMOP_ROTARY,
    STC_MEMOP_XENT,
    STC_MEMOP_EMBED_FWD,
    STC_MEMOP_EMBED_BWD,
    STC_MEMOP_CAST,
    STC_MEMOP_OPTIMIZER,
    STC_MEMOP_REDUCE,
    STC_MEMOP_PERMUTE,
    STC_MEMOP_COUNT
};

struct stc_shape_gemm {
    int64_t m, n, k;
    int32_t batch; /* C[m,n] += A[m,k] B[k,n], batch times */
};
struct stc_shape_attn {
    int32_t batch, q_len, kv_len, heads, kv_heads, head_dim, head_dim_v;
    int32_t window; /* 0: all */
    uint8_t causal, backward;
};
struct stc_shape_mem {
    uint8_t op; /* enum stc_mem_op */
};
struct stc_shape_moe {
    int64_t tokens; /* routed tokens x top-k that reach this rank, mean over ranks */
    int32_t local_experts, experts, topk, ep, etp;
    int64_t n, k;       /* per expert: [tokens_e, k] x [k, n] */
    double imbalance;   /* busiest rank's load / mean, >= 1 */
    uint8_t one_kernel; /* 1: one kernel for all experts, 0: a product an expert */
};
struct stc_shape_coll {
    uint8_t coll; /* enum stc_coll of kernels/coll.h: same order, see stc_comm_kind */
    uint8_t axis; /* enum stc_axis: which group of the layout */
    uint8_t overlap; /* enum stc_overlap */
    double bytes;    /* the buffer as nccl-tests counts it */
};

/* The collectives an operator list may contain; ORDER is kernels/coll.h's. */
enum stc_comm_kind {
    STC_COMM_ALL_REDUCE,
    STC_COMM_ALL_GATHER,
    STC_COMM_REDUCE_SCATTER,
    STC_COMM_ALL_TO_ALL,
    STC_COMM_BROADCAST,
    STC_COMM_REDUCE,
    STC_COMM_SEND_RECV
};

/* How a collective in the list relates to the compute around it. */
enum stc_overlap {
    STC_OVERLAP_NONE, /* in the compute stream's way: everything waits */
    STC_OVERLAP_NEXT, /* runs beside the next GEMM in the list (async, split rings) */
    STC_OVERLAP_PREV, /* runs beside the GEMM before it (pipelined reduce-scatter) */
};

struct stc_op {
    uint8_t kind;        /* enum stc_op_kind */
    uint8_t id;          /* enum stc_op_id */
    uint8_t pass;        /* enum stc_pass */
    uint8_t dtype;       /* enum stc_dtype of the arithmetic */
    uint16_t n_launches; /* kernels put on the stream, for the host's floor */
    uint8_t graphed;     /* 1: launched inside a CUDA graph */
    union {
        struct stc_shape_gemm gemm;
        struct stc_shape_attn attn;
        struct stc_shape_mem mem;
        struct stc_shape_moe moe;
        struct stc_shape_coll coll;
    } shape;
    double flop; /* arithmetic actually done */
    double read_bytes, write_bytes;
    double keep_bytes; /* activation alive from here to its backward */
};

struct stc_ops { /* a list; ops live in an arena */
    struct stc_op *ops;
    int n, cap;
};

/* "mlp_fc1" and back (-1: no such operator); "gemm", "comm", … */
const char *stc_op_name(enum stc_op_id id);
const char *stc_op_part(enum stc_op_id id);
int stc_op_find(const char *name);

double stc_ops_flop(const struct stc_ops *l);
double stc_ops_keep_bytes(const struct stc_ops *l);

#endif
