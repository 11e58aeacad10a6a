/* The other half of a layer: one MLP, or experts. */
#include "models/build_int.h"

/* Activation between two products: read what FC1 wrote, write FC2's input. */
static void activation(struct stc_nodes *s, enum stc_op_id id, double tokens,
                       double width)
{
    const struct stc_model *m = s->b->model;
    int gated = stc_model_gated(m),
        fused = s->b->train->compile || s->b->stack->bias_gelu_fused;
    double out = tokens * width * s->elem, in = out * (gated ? 2 : 1);
    double extra =
        fused
            ? 0
            : out *
                  (1 +
                   s->eager_passes); /* bias, gate or the pieces of gelu by themselves */
    struct stc_bnode *n =
        stc_node_mem(s, id, STC_MEMOP_ACTIVATION, in + extra, out + extra);
    n->op.n_launches = (uint16_t)(fused ? 1 : 2 + s->eager_passes);
    n->op.keep_bytes =
        in + (fused || !gated ? 0 : out); /* eager silu(x)*y also keeps silu(x) */
    stc_node_bwd(n, STC_MEMOP_ACTIVATION, in + out + extra, in + extra,
                 fused ? 1 : 2 + s->eager_passes);
}

static void dense(struct stc_nodes *s, enum stc_op_id fc1, enum stc_op_id act,
                  enum stc_op_id fc2, double ffn, int keep_input)
{
    const struct stc_model *m = s->b->model;
    double h = m->hidden, f = ffn / s->tp;
    struct stc_bnode *n =
        stc_node_gemm(s, fc1, s->tokens, f * (stc_model_gated(m) ? 2 : 1), h);
    n->op.keep_bytes = keep_input ? s->kept_tokens * h * s->saved : 0;
    n->tp = STC_TP_COLUMN;
    n->bias = (uint8_t)(m->linear_bias != 0);
    activation(s, act, s->tokens, f);
    n = stc_node_gemm(s, fc2, s->tokens, h, f);
    n->op.keep_bytes = s->tokens * f * s->saved;
    n->tp = STC_TP_ROW;
    n->bias = (uint8_t)(m->linear_bias != 0);
}

void stc_nodes_mlp(struct stc_nodes *s)
{
    if (s->b->model->norms_per_layer != 1) {
        stc_nodes_norm(s, STC_OP_NORM_MLP, s->sp_tokens, s->b->model->hidden);
    }
    dense(s, STC_OP_FC1, STC_OP_ACT, STC_OP_FC2, s->b->model->ffn, 1);
    if (s->b->model->norms_per_layer == 4) {
        stc_nodes_norm(s, STC_OP_NORM_MLP, s->sp_tokens, s->b->model->hidden);
    }
    stc_nodes_residual(s, STC_OP_MLP_BIAS_DROPOUT_ADD);
}

/* Token copies that this rank's experts work on, in the mean. Ranks of one
 * expert-tensor group see each other's tokens. */
static double routed_tokens(const struct stc_nodes *s)
{
    const struct stc_model *m = s->b->model;
    double cap = s->b->train->moe_capacity_factor,
           copies = s->sp_tokens * m->topk * s->b->layout->etp;
    return cap > 0 && cap < 1 ? copies * cap : copies;
}

static void exchange(struct stc_nodes *s, enum stc_op_id id, double bytes)
{
    if (s->b->layout->ep <= 1) {
        return;
    }
    (void)stc_node_coll(s, id, STC_COMM_ALL_TO_ALL, STC_AXIS_EP, bytes,
                        STC_COMM_ALL_TO_ALL, bytes);
}

static void expert_tp(struct stc_nodes *s, int gather, double tokens)
{
    int32_t etp = s->b->layout->etp;
    double bytes = tokens * stc_model_expert_hidden(s->b->model) * s->elem;
    if (etp <= 1) {
        return;
    }
    stc_node_coll(s, gather ? STC_OP_TP_ALL_GATHER : STC_OP_TP_REDUCE_SCATTER,
                  gather ? STC_COMM_ALL_GATHER : STC_COMM_REDUCE_SCATTER, STC_AXIS_ETP,
                  bytes, gather ? STC_COMM_REDUCE_SCATTER : STC_COMM_ALL_GATHER, bytes);
}

static void router(struct stc_nodes *s)
{
    const struct stc_model *m = s->b->model;
    double t = s->sp_tokens, experts = m->n_experts;
    struct stc_bnode *n = stc_node_gemm(s, STC_OP_ROUTER, t, experts, m->hidden);
    n->op.dtype = (uint8_t)s->act_dtype; /* kept out of 8-bit recipes */
    n->lora = 0;
    n->op.keep_bytes = t * m->hidden * s->elem + t * experts * 4.0;
    n->op.n_launches =
        8; /* cast, product, softmax or sigmoid, bias, top-k, normalise, counts */
    n->bwd_launches = 6;
}

void stc_nodes_moe(struct stc_nodes *s)
{
    const struct stc_model *m = s->b->model;
    double h = stc_model_expert_hidden(m), e = s->elem, t = s->sp_tokens,
           copies = t * m->topk, work = routed_tokens(s),
           most = work * stc_build_imbalance(s->b); /* on the fullest rank */
    double f = (double)m->expert_ffn / s->b->layout->etp;
    int gated = stc_model_gated(m);
    stc_nodes_norm(s, STC_OP_NORM_MLP, t, m->hidden);
    router(s);
    if (stc_model_shared_ffn(m) > 0) {
        dense(s, STC_OP_SHARED_FC1, STC_OP_SHARED_ACT, STC_OP_SHARED_FC2,
              stc_model_shared_ffn(m), 0);
    }
    if (m->moe_latent > 0) { /* the routed experts see a projection of the tokens */
        (void)stc_node_gemm(s, STC_OP_MOE_LATENT, t, h, m->hidden);
    }
    struct stc_bnode *n = stc_node_mem(s, STC_OP_MOE_PERMUTE, STC_MEMOP_PERMUTE,
                                       copies * h * e, copies * h * e);
    n->op.n_launches =
        24; /* counts, cumulative sums, sort, masks, copies to the host, gather */
    n->bwd_launches = 8;
    exchange(s, STC_OP_MOE_DISPATCH, copies * h * e);
    expert_tp(s, 1, work);
    n = stc_node_grouped(s, STC_OP_MOE_FC1, work, f * (gated ? 2 : 1), h);
    n->op.keep_bytes = most * h * s->saved;
    double out = work * f * e, in = out * (gated ? 2 : 1);
    n = stc_node_mem(s, STC_OP_MOE_ACT, STC_MEMOP_ACTIVATION, in, out);
    n->op.keep_bytes = in * most / work;
    stc_node_bwd(n, STC_MEMOP_ACTIVATION, in + out, in, 1);
    n = stc_node_grouped(s, STC_OP_MOE_FC2, work, h, f);
    n->op.keep_bytes = most * f * s->saved;
    expert_tp(s, 0, work);
    exchange(s, STC_OP_MOE_COMBINE, copies * h * e);
    n = stc_node_mem(s, STC_OP_MOE_UNPERMUTE, STC_MEMOP_PERMUTE, copies * h * e,
                     t * h * e);
    n->op.n_launches = 8;
    /* weighting the outputs by the router's probabilities needs them again */
    n->op.keep_bytes = s->b->stack->moe_probs_in_act ? 0 : copies * h * e;
    stc_node_bwd(n, STC_MEMOP_PERMUTE, (copies + t) * h * e, copies * h * e, 2);
    if (m->moe_latent > 0) {
        n = stc_node_gemm(s, STC_OP_MOE_LATENT, t, m->hidden, h);
        n->op.keep_bytes = t * h * s->saved;
    }
    stc_nodes_residual(s, STC_OP_MLP_BIAS_DROPOUT_ADD);
}

/* DeepSpeed's MoE around one linear layer (deepspeed/moe/sharded_moe.py 0.6.5:
 * top1gating, einsum to dispatch and combine). Launches: counted in a PyTorch trace
 * of the course's expert net. */
void stc_nodes_expert_linear(struct stc_nodes *s, const struct stc_conv *c)
{
    double t = s->b->layout->micro_batch, bytes = t * c->in * s->elem;
    struct stc_bnode *n = stc_node_gemm(s, STC_OP_ROUTER, t, c->experts, c->in);
    n->op.keep_bytes = bytes;
    n->op.n_launches = 46; /* noise, arg max, one-hot, cumulative sum, capacity, loss */
    n->bwd_launches = 9;
    n = stc_node_mem(s, STC_OP_MOE_PERMUTE, STC_MEMOP_PERMUTE, bytes, bytes);
    n->op.n_launches = 6;
    n->bwd_launches = 8;
    exchange(s, STC_OP_MOE_DISPATCH, bytes);
    n = stc_node_grouped(s, STC_OP_MOE_FC1, t, c->out, c->in);
    n->op.keep_bytes = bytes;
    n->op.n_launches = 7; /* product, sum of its parts and bias for each of two */
    n->bwd_launches = 9;
    exchange(s, STC_OP_MOE_COMBINE, t * c->out * s->elem);
    n = stc_node_mem(s, STC_OP_MOE_UNPERMUTE, STC_MEMOP_PERMUTE, bytes, bytes);
    n->op.n_launches = 3;
    n->bwd_launches = 5;
}

/* Mamba-2 mixer: one product in, convolution and chunked scan in a fused kernel
 * that keeps its input only, a gated norm, one product out. Heads are cut by
 * tensor parallelism; B and C of a group too. A gated delta net is the same but for
 * its scan: its keys' products are solved for within a chunk, and the state at each
 * chunk's start (head x head numbers, 16 bits) goes through memory
 * (fla-org/flash-linear-attention, chunks of 64). */
static void mixer(struct stc_nodes *s)
{
    struct stc_mamba x = stc_model_mamba(s->b->model);
    double h = s->b->model->hidden, t = s->tokens, e = s->elem, in = x.in_width / s->tp;
    double inner = x.inner / s->tp, states = x.delta ? t / 64 * inner * x.state * e : 0;
    stc_nodes_norm(s, STC_OP_NORM_ATTN, s->sp_tokens, h);
    struct stc_bnode *n = stc_node_gemm(s, STC_OP_MAMBA_IN, t, in, h);
    n->op.keep_bytes = s->kept_tokens * h * s->saved;
    n->tp = STC_TP_COLUMN;
    n = stc_node_mem(s, STC_OP_MAMBA_SCAN, STC_MEMOP_SOFTMAX, 3 * t * in * e + states,
                     t * (in + inner) * e + states);
    n->op.n_launches =
        6; /* convolution, cumulative decay, chunk states, state passing, chunk scan, norm */
    n->op.flop = (x.delta ? 6 : 4) * t * inner * x.state;
    n->op.keep_bytes = t * (in + inner) * e; /* its input, and the gated norm's */
    stc_node_bwd(n, STC_MEMOP_SOFTMAX, 6 * t * in * e + 3 * states,
                 3 * t * in * e + 2 * states, 12);
    n = stc_node_gemm(s, STC_OP_MAMBA_OUT, t, h, inner);
    n->op.keep_bytes = t * inner * s->saved;
    n->tp = STC_TP_ROW;
    stc_nodes_residual(s, STC_OP_ATTN_BIAS_DROPOUT_ADD);
}

void stc_nodes_layer(struct stc_nodes *s)
{
    const struct stc_model *m = s->b->model;
    if (stc_model_layer_has_attention(m, s->layer)) {
        stc_nodes_attention(s, 0);
    }
    if (stc_model_layer_is_decoder(m, s->layer)) {
        stc_nodes_attention(s, 1);
    }
    if (stc_model_layer_is_mamba(m, s->layer)) {
        mixer(s);
    }
    if (stc_model_layer_is_moe(m, s->layer)) {
        stc_nodes_moe(s);
    } else if (stc_model_layer_has_mlp(m, s->layer)) {
        stc_nodes_mlp(s);
    }
}
