/* Parameters of a rank, kinds of layers, and the optimizer's list. */
#include "models/build_int.h"
#include "models/host.h"

#include <math.h>

/* What tensor parallelism does not cut: norms, the biases behind row-parallel
 * products, routers, down projections of latent attention. */
static double replicated(const struct stc_model *m, int32_t layer)
{
    double h = m->hidden;
    double p = stc_model_layer_n_norms(m, layer) * stc_model_norm_params(m, h);
    int attention = stc_model_layer_has_attention(m, layer);
    p += m->linear_bias ? h * (attention + (m->pattern[0] == 0)) : 0;
    if (attention && m->qk_norm) {
        p += 2 * stc_model_norm_params(m, stc_model_head_dim(m));
    }
    if (attention && m->mla_kv_rank > 0) {
        p += h * (m->mla_q_rank + m->mla_kv_rank + m->mla_rope_dim) + m->mla_q_rank +
             m->mla_kv_rank;
    }
    if (stc_model_layer_is_moe(m, layer)) {
        p += h * m->n_experts + (m->router_bias ? m->n_experts : 0) +
             (m->shared_gate ? h : 0) + 2 * h * m->moe_latent;
    }
    return p;
}

static struct stc_param_count layer_params(const struct stc_build *b, int32_t layer)
{
    const struct stc_model *m = b->model;
    const struct stc_layout *l = b->layout;
    double experts = stc_model_layer_expert_params(m, layer),
           same = replicated(m, layer);
    double cut = stc_model_layer_params(m, layer) - experts - same;
    struct stc_param_count c = {.dense = same + cut / l->tp,
                                .expert = experts / ((double)l->ep * l->etp)};
    if (stc_model_layer_has_attention(m, layer) && m->mla_kv_rank == 0 &&
        m->n_kv_heads < l->tp) { /* a key/value head is held by several ranks */
        double kv = 2.0 * m->hidden * stc_model_head_dim(m);
        c.dense += kv * (1 - (double)m->n_kv_heads / l->tp);
    }
    return c;
}

struct stc_param_count stc_build_params(const struct stc_build *b, enum stc_block block,
                                        int32_t layer)
{
    const struct stc_model *m = b->model;
    double tp = b->layout->tp, h = m->hidden,
           pad = stc_build_padded_vocab(b) - m->vocab;
    struct stc_param_count c = {0, 0};
    int table = m->kind != STC_MODEL_VIT && m->kind != STC_MODEL_CNN &&
                m->kind != STC_MODEL_AUDIO;
    switch (block) {
    case STC_BLOCK_LAYER: return layer_params(b, layer);
    case STC_BLOCK_EMBED:
        c.dense = stc_model_embedding_params(m);
        if (table) {
            c.dense += (m->vocab + pad) * h / tp - m->vocab * h;
        }
        return c;
    case STC_BLOCK_HEAD:
        c.dense = stc_model_head_params(m);
        if (table && !m->tied_embeddings) {
            c.dense += (m->vocab + pad) * h / tp - m->vocab * h;
        } else if (table && b->layout->pp > 1) { /* tied: the last stage has a copy */
            c.dense += (m->vocab + pad) * h / tp;
        }
        return c;
    case STC_BLOCK_MTP: {
        int32_t last = m->n_layers + m->dec_layers;
        c = layer_params(b, last);
        c.dense += 2 * h * h / tp + 3 * stc_model_norm_params(m, h);
        return c;
    }
    }
    return c;
}

/* ==== kinds of layers ==== */

struct kind_key {
    int moe, decoder, window, attention, mamba;
};

static struct kind_key key_of(const struct stc_build *b, int32_t layer)
{
    return (struct kind_key){stc_model_layer_is_moe(b->model, layer),
                             stc_model_layer_is_decoder(b->model, layer),
                             stc_model_layer_window(b->model, layer),
                             stc_model_layer_has_attention(b->model, layer),
                             stc_model_layer_is_mamba(b->model, layer)};
}

static int same_key(struct kind_key x, struct kind_key y)
{
    return x.moe == y.moe && x.decoder == y.decoder && x.window == y.window &&
           x.attention == y.attention && x.mamba == y.mamba;
}

/* Kinds are numbered by first appearance; there are at most eight of them. */
enum { MAX_KINDS = 8 };

static int32_t count_kinds(const struct stc_build *b, int32_t upto,
                           struct kind_key seen[MAX_KINDS])
{
    int32_t n = 0;
    for (int32_t l = 0; l < upto; l++) {
        struct kind_key k = key_of(b, l);
        int32_t i = 0;
        while (i < n && !same_key(seen[i], k)) {
            i++;
        }
        if (i == n && n < MAX_KINDS) {
            seen[n++] = k;
        }
    }
    return n;
}

int32_t stc_build_layer_kind(const struct stc_build *b, int32_t layer)
{
    struct kind_key seen[MAX_KINDS], want = key_of(b, layer);
    int32_t first = 0;
    while (first < layer && !same_key(key_of(b, first), want)) {
        first++;
    }
    int32_t n = count_kinds(b, first, seen);
    return n < MAX_KINDS ? n : 0;
}

int32_t stc_build_n_layer_kinds(const struct stc_build *b)
{
    struct kind_key seen[MAX_KINDS];
    return count_kinds(b, b->model->n_layers + b->model->dec_layers, seen);
}

/* ==== optimizer ==== */

/* Bytes moved a parameter, on top of the gradient's: states and master copy read
 * and written; the working copy is written back. `kernels`: of the eager form. */
static const struct {
    double states, passes;
    int kernels;
} optimizers[] = {
    [STC_OPT_ADAM] = {2, 1, 12},
    [STC_OPT_LAMB] = {2, 2,
                      16}, /* a second pass applies the trust ratio (1904.00962) */
    [STC_OPT_ADAFACTOR] = {0.01, 2, 20},
    [STC_OPT_SGD] = {1, 1, 3},
};

static struct stc_op mem_op(enum stc_op_id id, enum stc_mem_op op, double read,
                            double write, double launches)
{
    struct stc_op o = {.kind = STC_OP_MEMBOUND,
                       .id = (uint8_t)id,
                       .pass = STC_PASS_OPT,
                       .dtype = STC_DTYPE_FP32,
                       .n_launches = (uint16_t)(launches < 1       ? 1
                                                : launches > 60000 ? 60000
                                                                   : launches),
                       .read_bytes = read,
                       .write_bytes = write};
    o.shape.mem.op = (uint8_t)op;
    return o;
}

/* Parameter tensors of this rank: what launches of per-tensor code count. */
static double n_tensors(const struct stc_build *b)
{
    double layers = (double)(b->model->n_layers + b->model->dec_layers) / b->layout->pp;
    return layers * (b->model->linear_bias ? 12 : 9) + 4;
}

enum stc_err stc_build_optimizer(struct stc_arena *a, const struct stc_build *b,
                                 double n_params, double n_owned, struct stc_ops *out,
                                 struct stc_diag *diag)
{
    const struct stc_stack *k = b->stack;
    const struct stc_train *t = b->train;
    double e = stc_build_elem_bytes(b), g = e < 4 ? k->grad_bytes : 4,
           tensors = n_tensors(b);
    double chunks = k->multi_tensor_optim
                        ? 1 + tensors / 30
                        : tensors; /* tensors a multi-tensor launch takes */
    out->ops = STC_NEW_N(a, struct stc_op, 8);
    out->n = 0;
    out->cap = 8;
    if (!out->ops) {
        return stc_fail(diag, STC_ERR_NOMEM, "optimizer list: no memory");
    }
    double share = stc_build_trained_share(b);
    n_params *= share;
    n_owned *= share * (1 - stc_host_share(t)); /* the rest is updated on the host */
    if (t->fp16_loss_scaling) {
        out->ops[out->n++] = mem_op(STC_OP_GRAD_UNSCALE, STC_MEMOP_ELEMENTWISE,
                                    n_owned * g, n_owned * g, chunks);
    }
    double updated = n_owned > 0 || stc_host_share(t) > 0 ? n_owned : n_params;
    out->ops[out->n++] =
        mem_op(STC_OP_GRAD_NORM, STC_MEMOP_REDUCE, updated * g, 0, chunks + 2);
    double state = 4.0 * optimizers[t->optimizer].states, master = 4.0,
           passes = optimizers[t->optimizer].passes;
    double read = updated * (g + master + state) * passes;
    double write = updated * (master + state + (e < 4 ? k->param_bytes : 0)) * passes;
    double launches = k->multi_tensor_optim
                          ? chunks * passes
                          : tensors * optimizers[t->optimizer].kernels;
    out->ops[out->n++] =
        mem_op(STC_OP_OPT_STEP, STC_MEMOP_OPTIMIZER, read, write, launches);
    out->ops[out->n++] =
        mem_op(STC_OP_ZERO_GRAD, STC_MEMOP_COPY, 0, n_params * g, chunks);
    for (int i = 0; i < out->n; i++) {
        out->ops[i].flop = 0;
    }
    return STC_OK;
}

/* ---- what becomes of their gradients ---- */

int stc_build_fp32_grads(const struct stc_build *b)
{
    return b->stack->fp32_grads_by_dtype && b->train->precision != STC_DTYPE_FP16 &&
           stc_build_elem_bytes(b) <= 2;
}

int stc_build_reduces_early(const struct stc_build *b)
{
    int late = b->layout->shard == STC_SHARD_ZERO1 && b->stack->reduce_whole_grads == 2;
    return b->stack->overlap_grad_reduce && !late;
}
