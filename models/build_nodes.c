#include "models/build_int.h"

#include "sim/base/rng.h"

#include <assert.h>
#include <math.h>
#include <string.h>

double stc_build_elem_bytes(const struct stc_build *b)
{
    int32_t p = b->train->precision;
    return p == STC_DTYPE_FP32 || p == STC_DTYPE_TF32 ? 4.0 : 2.0;
}

enum stc_dtype stc_build_act_dtype(const struct stc_build *b)
{
    switch (b->train->precision) {
    case STC_DTYPE_FP32:
    case STC_DTYPE_TF32:
    case STC_DTYPE_FP16:
    case STC_DTYPE_BF16: return (enum stc_dtype)b->train->precision;
    default: return STC_DTYPE_BF16; /* 8- and 4-bit recipes keep 16-bit activations */
    }
}

int stc_build_flash(const struct stc_build *b)
{
    return b->train->flash && !b->model->attention_unfused;
}

int stc_build_dropout(const struct stc_build *b)
{
    return b->train->dropout && !b->model->no_dropout;
}

double stc_build_saved_bytes(const struct stc_build *b)
{
    const struct stc_dtype_info *d =
        stc_dtype_info((enum stc_dtype)b->train->precision);
    int small = d->math == STC_MATH_FP8 || d->math == STC_MATH_FP4;
    return small && b->stack->fp8_saves_quantized ? d->act_bytes
                                                  : stc_build_elem_bytes(b);
}

int stc_build_sp(const struct stc_build *b)
{
    return b->layout->seq_parallel && b->layout->tp > 1;
}

int32_t stc_build_seq(const struct stc_build *b, int32_t layer)
{
    const struct stc_model *m = b->model;
    if (m->kind == STC_MODEL_VIT) {
        return (m->image / m->patch) * (m->image / m->patch) + 1;
    }
    if (m->kind == STC_MODEL_CNN) { /* an image is one token */
        return 1;
    }
    if (m->kind == STC_MODEL_AUDIO) {
        return stc_model_frames(m, b->train->seq_len);
    }
    int dec = stc_model_layer_is_decoder(m, layer);
    int32_t dec_len =
        b->train->dec_seq_len > 0 ? b->train->dec_seq_len : m->dec_seq_len;
    return dec && dec_len > 0 ? dec_len : b->train->seq_len;
}

/* Popularity of expert i of n falls as (i+1)^-alpha; experts are dealt to the ranks
 * by chance. The busiest rank's load over the mean, as the mean of a few deals;
 * seeded, so that a scenario has one answer. */
static double sampled_imbalance(int32_t n, int32_t ep, double alpha)
{
    enum { DEALS = 16, MOST = 1024 };
    double weight[MOST], sum = 0, worst = 0;
    struct stc_rng rng;
    if (n > MOST || n < 1 || ep < 1) return 1;
    stc_rng_seed(&rng, 1, "expert popularity");
    for (int32_t i = 0; i < n; i++) {
        weight[i] = pow(i + 1, -alpha);
        sum += weight[i];
    }
    for (int d = 0; d < DEALS; d++) {
        double most = 0;
        for (int32_t i = n - 1; i > 0; i--) { /* Fisher-Yates */
            int32_t k = (int32_t)stc_rng_below(&rng, (uint64_t)i + 1);
            double w = weight[i];
            weight[i] = weight[k];
            weight[k] = w;
        }
        for (int32_t r = 0; r < ep; r++) {
            double load = 0;
            for (int32_t i = r * (n / ep); i < (r + 1) * (n / ep); i++)
                load += weight[i];
            most = load > most ? load : most;
        }
        worst += most * ep / sum / DEALS;
    }
    return worst > 1 ? worst : 1;
}

/* A capacity factor cuts off what is above it. */
static double capped(double imbalance, double cap)
{
    if (cap <= 0 || cap >= imbalance) return imbalance;
    return cap > 1 ? cap : 1;
}

int stc_build_attn_8bit(const struct stc_build *b)
{
    return b->stack->attention_8bit && b->model->n_experts > 0 &&
           b->train->precision == STC_DTYPE_MXFP8 && stc_build_flash(b);
}

int stc_build_fused_experts(const struct stc_build *b)
{
    enum stc_dtype d = (enum stc_dtype)b->train->precision;
    return b->stack->moe_fused_mlp && (d == STC_DTYPE_MXFP8 || d == STC_DTYPE_NVFP4);
}

double stc_build_imbalance(const struct stc_build *b)
{
    const struct stc_train *t = b->train;
    if (t->moe_imbalance >= 1) return capped(t->moe_imbalance, t->moe_capacity_factor);
    if (t->routing_balanced || b->layout->ep <= 1) return 1.0;
    double learned = 1.3; /* learned routing with an auxiliary loss */
    if (t->moe_alpha > 0)
        learned = sampled_imbalance(b->model->n_experts, b->layout->ep, t->moe_alpha);
    return capped(learned, t->moe_capacity_factor);
}

void stc_nodes_init(struct stc_nodes *s, const struct stc_build *b, int32_t layer)
{
    struct stc_bnode *node = s->node;
    int cap = s->cap;
    memset(s, 0, sizeof *s);
    s->node = node;
    s->cap = cap;
    s->b = b;
    s->layer = layer;
    s->tp = b->layout->tp;
    s->tokens =
        (double)b->layout->micro_batch * stc_build_seq(b, layer) / b->layout->cp;
    s->sp_tokens = stc_build_sp(b) ? s->tokens / s->tp : s->tokens;
    s->kept_tokens = b->stack->sp_keeps_gathered ? s->tokens : s->sp_tokens;
    s->elem = stc_build_elem_bytes(b);
    s->saved = stc_build_saved_bytes(b);
    s->act_dtype = stc_build_act_dtype(b);
    s->gemm_dtype = (enum stc_dtype)b->train->precision;
    s->eager_passes = b->train->compile ? 0 : b->stack->elementwise_passes;
}

static struct stc_bnode *add(struct stc_nodes *s, enum stc_op_kind kind,
                             enum stc_op_id id)
{
    assert(s->n < s->cap);
    struct stc_bnode *n = &s->node[s->n++];
    memset(n, 0, sizeof *n);
    n->op.kind = (uint8_t)kind;
    n->op.id = (uint8_t)id;
    n->op.pass = STC_PASS_FWD;
    n->op.dtype = (uint8_t)s->act_dtype;
    n->op.n_launches = 1;
    n->op.graphed = (uint8_t)(s->b->train->cuda_graphs != 0);
    n->bwd_launches = 1;
    return n;
}

struct stc_bnode *stc_node_gemm(struct stc_nodes *s, enum stc_op_id id, double m,
                                double n, double k)
{
    struct stc_bnode *g = add(s, STC_OP_GEMM, id);
    g->op.shape.gemm = (struct stc_shape_gemm){
        .m = (int64_t)m, .n = (int64_t)n, .k = (int64_t)k, .batch = 1};
    g->op.flop = 2.0 * m * n * k;
    g->weights = 1;
    g->lora = 1;
    g->tp_axis = STC_AXIS_TP;
    g->sp = (uint8_t)stc_build_sp(s->b);
    return g;
}

struct stc_bnode *stc_node_batched(struct stc_nodes *s, enum stc_op_id id, double batch,
                                   double m, double n, double k)
{
    struct stc_bnode *g = add(s, STC_OP_GEMM, id);
    g->op.shape.gemm = (struct stc_shape_gemm){
        .m = (int64_t)m, .n = (int64_t)n, .k = (int64_t)k, .batch = (int32_t)batch};
    g->op.flop = 2.0 * batch * m * n * k;
    return g;
}

struct stc_bnode *stc_node_grouped(struct stc_nodes *s, enum stc_op_id id,
                                   double tokens, double n, double k)
{
    const struct stc_layout *l = s->b->layout;
    const struct stc_model *m = s->b->model;
    struct stc_bnode *g = add(s, STC_OP_GROUPED, id);
    g->op.dtype = (uint8_t)s->gemm_dtype;
    g->op.shape.moe = (struct stc_shape_moe){.tokens = (int64_t)tokens,
                                             .local_experts = m->n_experts / l->ep,
                                             .experts = m->n_experts,
                                             .topk = m->topk,
                                             .ep = l->ep,
                                             .etp = l->etp,
                                             .n = (int64_t)n,
                                             .k = (int64_t)k,
                                             .imbalance = stc_build_imbalance(s->b)};
    g->op.flop = 2.0 * tokens * n * k;
    /* Transformer Engine's GroupedLinear enqueues one product an expert on a few
     * streams, and in 8 bits a cast of its operand: few bytes, many launches. */
    int per_expert = stc_dtype_info(s->gemm_dtype)->act_bytes < 2 ? 4 : 1;
    g->op.shape.moe.one_kernel = (uint8_t)stc_build_fused_experts(s->b);
    g->op.n_launches =
        (uint16_t)(g->op.shape.moe.one_kernel ? 1
                                              : per_expert * (m->n_experts / l->ep));
    g->weights = 1;
    g->tp_axis = STC_AXIS_ETP;
    g->sp = 1;
    return g;
}

struct stc_bnode *stc_node_mem(struct stc_nodes *s, enum stc_op_id id,
                               enum stc_mem_op op, double read, double write)
{
    struct stc_bnode *n = add(s, STC_OP_MEMBOUND, id);
    n->op.shape.mem.op = (uint8_t)op;
    n->op.read_bytes = read;
    n->op.write_bytes = write;
    n->bwd_op = (uint8_t)op;
    n->bread = read;
    n->bwrite = write;
    return n;
}

void stc_node_bwd(struct stc_bnode *n, enum stc_mem_op op, double read, double write,
                  int launches)
{
    n->bwd_op = (uint8_t)op;
    n->bread = read;
    n->bwrite = write;
    n->bwd_launches = (uint16_t)launches;
}

struct stc_bnode *stc_node_coll(struct stc_nodes *s, enum stc_op_id id,
                                enum stc_comm_kind kind, enum stc_axis axis,
                                double bytes, enum stc_comm_kind bwd, double bwd_bytes)
{
    struct stc_bnode *n = add(s, STC_OP_COLL, id);
    n->op.shape.coll = (struct stc_shape_coll){.coll = (uint8_t)kind,
                                               .axis = (uint8_t)axis,
                                               .overlap = STC_OVERLAP_NONE,
                                               .bytes = bytes};
    n->bwd_coll = (uint8_t)bwd;
    n->bwd_coll_bytes = bwd_bytes;
    return n;
}

/* A norm reads and writes its tensor; eager code (RMSNorm in separate torch
 * operators) goes over it `eager_passes` times more, once per kernel. */
void stc_nodes_norm(struct stc_nodes *s, enum stc_op_id id, double tokens, double width)
{
    double bytes = tokens * width * s->elem, more = s->eager_passes;
    struct stc_bnode *n =
        stc_node_mem(s, id, STC_MEMOP_NORM_FWD, bytes * (1 + more), bytes * (1 + more));
    n->op.keep_bytes = bytes;
    n->op.n_launches = (uint16_t)(1 + s->eager_passes * 2);
    stc_node_bwd(n, STC_MEMOP_NORM_BWD, bytes * (2 + more), bytes * (1 + more),
                 2 + s->eager_passes * 2);
}
