/*
 * build_int.h - the half-way form of a block: forward operators, each with what
 * undoing it costs. Only build*.c include this.
 *
 * THEORY. A block is written down once, as the forward list. A node says enough
 * to derive the other passes: a product [m,k]x[k,n] with weights gives
 * dX = dY W^T (DGRAD) and dW = dY^T X (WGRAD); one without weights (scores,
 * context) gives two DGRAD products; a memory-bound operator carries the bytes
 * of its backward; a collective its conjugate. Backward runs the nodes from the
 * end. Collectives of a tensor-parallel product live in its node, because their
 * place among dgrad and wgrad is what overlap is about (Korthikanti 2205.05198
 * fig. 5-6; Megatron-Core layers.py).
 */
#ifndef STC_MODELS_BUILD_INT_H
#define STC_MODELS_BUILD_INT_H

#include "models/build.h"

enum {
    STC_NODE_MAX = 1024,
    STC_NODE_FEW = 96
}; /* of nets with convolutions and of ELECTRA's generator; of others */

enum stc_node_tp { /* collectives of a product */
                   STC_TP_NONE,
                   STC_TP_COLUMN, /* input gathered (SP), input gradient reduced */
                   STC_TP_ROW     /* output reduced, output gradient gathered (SP) */
};

struct stc_bnode {
    struct stc_op op;     /* the forward operator */
    double bread, bwrite; /* bytes of the backward, memory-bound kinds */
    uint16_t bwd_launches;
    uint8_t bwd_op;        /* enum stc_mem_op of the backward */
    uint8_t weights;       /* product with weights of its own */
    uint8_t no_input_grad; /* nothing upstream learns (token ids, image) */
    uint8_t tp;            /* enum stc_node_tp */
    uint8_t tp_axis;       /* STC_AXIS_TP or STC_AXIS_ETP */
    uint8_t sp;            /* sequence-parallel form of the collectives */
    uint8_t selective;     /* dropped and recomputed by selective recompute */
    uint8_t bwd_coll;      /* enum stc_comm_kind of a collective's conjugate */
    uint8_t bias;
    uint8_t lora; /* may carry an adapter */
    double bwd_coll_bytes;
};

struct stc_nodes {
    const struct stc_build *b;
    struct stc_bnode *node; /* the caller's, of cap */
    int cap;
    int n;
    int32_t layer; /* of the block being written */
    double tokens; /* a rank's tokens of a micro-batch (cp divided out) */
    double
        kept_tokens; /* of a column-parallel product's input, alive until its backward */
    double sp_tokens; /* those it holds between tensor-parallel regions */
    double elem;      /* bytes of an activation's element */
    double saved;     /* of a product's input kept for its weight gradient */
    int tp;
    int eager_passes; /* extra HBM passes of eager element-wise code */
    enum stc_dtype act_dtype, gemm_dtype; /* of activations; of the big products */
};

void stc_nodes_init(struct stc_nodes *s, const struct stc_build *b, int32_t layer);

/* Products. m rows (tokens), n outputs, k inputs; n and k per rank. */
struct stc_bnode *stc_node_gemm(struct stc_nodes *s, enum stc_op_id id, double m,
                                double n, double k);
struct stc_bnode *stc_node_batched(struct stc_nodes *s, enum stc_op_id id, double batch,
                                   double m, double n, double k);
struct stc_bnode *stc_node_grouped(struct stc_nodes *s, enum stc_op_id id,
                                   double tokens, double n, double k);
/* A memory-bound operator; bytes of forward and backward, read and written. */
struct stc_bnode *stc_node_mem(struct stc_nodes *s, enum stc_op_id id,
                               enum stc_mem_op op, double read, double write);
struct stc_bnode *stc_node_coll(struct stc_nodes *s, enum stc_op_id id,
                                enum stc_comm_kind kind, enum stc_axis axis,
                                double bytes, enum stc_comm_kind bwd, double bwd_bytes);
void stc_node_bwd(struct stc_bnode *n, enum stc_mem_op op, double read, double write,
                  int launches);

void stc_nodes_residual(struct stc_nodes *s, enum stc_op_id id);

/* The blocks: build_attn.c, build_mlp.c, build_ends.c. */
void stc_nodes_attention(struct stc_nodes *s, int cross);
void stc_nodes_mlp(struct stc_nodes *s);
void stc_nodes_moe(struct stc_nodes *s);
void stc_nodes_expert_linear(struct stc_nodes *s, const struct stc_conv *c);
void stc_nodes_layer(struct stc_nodes *s);
void stc_nodes_convs(struct stc_nodes *s);
void stc_nodes_audio(struct stc_nodes *s);
void stc_nodes_embed(struct stc_nodes *s);
void stc_nodes_head(struct stc_nodes *s);
void stc_nodes_mtp(struct stc_nodes *s);
void stc_nodes_norm(struct stc_nodes *s, enum stc_op_id id, double tokens,
                    double width);

/* Formats: what an activation's element takes, which dtype the products have. */
double stc_build_elem_bytes(const struct stc_build *b);
enum stc_dtype stc_build_act_dtype(const struct stc_build *b);
int stc_build_flash(const struct stc_build *b);     /* fused attention in effect */
int stc_build_attn_8bit(const struct stc_build *b); /* it runs in 8 bits */
int stc_build_dropout(const struct stc_build *b);   /* dropout layers are there */
double stc_build_saved_bytes(const struct stc_build *b);
/* What selective recompute is of, with this stack and model. */
enum stc_selective { STC_SELECT_CORE, STC_SELECT_OPS, STC_SELECT_LATENT };
enum stc_selective stc_build_selective(const struct stc_build *b);
int stc_build_sp(const struct stc_build *b); /* sequence parallel in effect: tp > 1 */
int32_t stc_build_seq(const struct stc_build *b,
                      int32_t layer); /* tokens of a sample at a layer */
double stc_build_imbalance(const struct stc_build *b);
/* Experts' products take activation and casts along (block-scaled formats only). */
int stc_build_fused_experts(const struct stc_build *b);

#endif
