#include "models/build.h"

#include "models/build_int.h"

#include <math.h>
#include <string.h>

/* ==== emission ==== */

struct emit {
    const struct stc_nodes *s;
    struct stc_ops *out;
    uint8_t pass;
    double carried_keep; /* of a fused operator: goes to the next one */
};

static struct stc_op *put(struct emit *e, const struct stc_op *op)
{
    struct stc_op *o = &e->out->ops[e->out->n++];
    *o = *op;
    o->pass = e->pass;
    if (o->kind != STC_OP_COLL) {
        o->keep_bytes += e->carried_keep;
        e->carried_keep = 0;
    }
    return o;
}

static int overlap_level(const struct stc_build *b)
{
    return b->train->async_tp ? 2 : b->stack->overlap_tp;
}

static void put_coll(struct emit *e, const struct stc_bnode *n, enum stc_comm_kind kind,
                     double bytes, enum stc_overlap overlap)
{
    static const uint8_t ids[] = {[STC_COMM_ALL_REDUCE] = STC_OP_TP_ALL_REDUCE,
                                  [STC_COMM_ALL_GATHER] = STC_OP_TP_ALL_GATHER,
                                  [STC_COMM_REDUCE_SCATTER] = STC_OP_TP_REDUCE_SCATTER};
    struct stc_op op = {.kind = STC_OP_COLL,
                        .id = ids[kind],
                        .dtype = (uint8_t)e->s->act_dtype,
                        .n_launches = 1,
                        .graphed = n->op.graphed};
    op.shape.coll = (struct stc_shape_coll){.coll = (uint8_t)kind,
                                            .axis = n->tp_axis,
                                            .overlap = (uint8_t)overlap,
                                            .bytes = bytes};
    if (stc_layout_axis_size(e->s->b->layout, (enum stc_axis)n->tp_axis) > 1) {
        put(e, &op);
    }
}

static int low_precision(uint8_t dtype)
{
    enum stc_math m = stc_dtype_info((enum stc_dtype)dtype)->math;
    return m == STC_MATH_FP8 || m == STC_MATH_FP4;
}

/* Casts of an operand into the product's format; `copies`: row-wise and, for the
 * weight gradient, column-wise. A scale of the tensor at hand wants its largest
 * number first: one more pass. */
static void put_quantize(struct emit *e, const struct stc_bnode *n, double elements,
                         int copies)
{
    double b = stc_dtype_info((enum stc_dtype)n->op.dtype)->act_bytes;
    int looks = e->s->b->stack->fp8_scales_at_hand != 0;
    struct stc_op op = {.kind = STC_OP_MEMBOUND,
                        .id = STC_OP_FP8_QUANT,
                        .dtype = n->op.dtype,
                        .n_launches = (uint16_t)(1 + looks),
                        .graphed = n->op.graphed,
                        .read_bytes = elements * e->s->elem * (1 + looks),
                        .write_bytes = elements * b * copies};
    op.shape.mem.op = STC_MEMOP_CAST;
    put(e, &op);
}

static double operand_bytes(const struct emit *e, uint8_t dtype)
{
    return low_precision(dtype) ? stc_dtype_info((enum stc_dtype)dtype)->act_bytes
                                : e->s->elem;
}

static struct stc_op *put_gemm(struct emit *e, const struct stc_bnode *n, double m,
                               double nn, double k, double c_bytes)
{
    struct stc_op op = n->op;
    double batch = op.shape.gemm.batch, in = operand_bytes(e, op.dtype);
    op.shape.gemm.m = (int64_t)m;
    op.shape.gemm.n = (int64_t)nn;
    op.shape.gemm.k = (int64_t)k;
    op.flop = 2.0 * batch * m * nn * k;
    op.read_bytes = batch * (m + nn) * k * in;
    op.write_bytes = batch * m * nn * c_bytes;
    op.keep_bytes =
        e->pass == STC_PASS_FWD || e->pass == STC_PASS_RECOMPUTE ? n->op.keep_bytes : 0;
    return put(e, &op);
}

static int has_adapter(const struct emit *e, const struct stc_bnode *n)
{
    return n->weights && n->lora && e->s->b->train->lora_rank > 0;
}

/* The two thin products of a low-rank adapter, `times` each. */
static void put_adapter(struct emit *e, const struct stc_bnode *n, int times)
{
    struct stc_bnode thin = *n;
    double r = e->s->b->train->lora_rank, m = (double)n->op.shape.gemm.m;
    thin.op.dtype = (uint8_t)e->s->act_dtype;
    thin.op.n_launches = 1;
    for (int i = 0; i < times; i++) {
        thin.op.keep_bytes = m * r * e->s->elem;
        put_gemm(e, &thin, m, r, (double)n->op.shape.gemm.k, e->s->elem);
        thin.op.keep_bytes = 0;
        put_gemm(e, &thin, m, (double)n->op.shape.gemm.n, r, e->s->elem);
    }
}

static int overlap_if(const struct emit *e, int level, enum stc_overlap how)
{
    return overlap_level(e->s->b) >= level ? (int)how : STC_OVERLAP_NONE;
}

static void fwd_gemm(struct emit *e, const struct stc_bnode *n)
{
    const struct stc_shape_gemm *g = &n->op.shape.gemm;
    double m = (double)g->m, nn = (double)g->n, k = (double)g->k;
    if (n->tp == STC_TP_COLUMN && n->sp) {
        put_coll(e, n, STC_COMM_ALL_GATHER, m * k * e->s->elem,
                 (enum stc_overlap)overlap_if(e, 2, STC_OVERLAP_NEXT));
    }
    if (n->weights && low_precision(n->op.dtype)) {
        double micro = e->s->b->layout->n_micro; /* weights are cast once a step */
        put_quantize(e, n, m * k + nn * k / micro, 2);
    }
    put_gemm(e, n, m, nn, k, e->s->elem);
    if (has_adapter(e, n)) {
        put_adapter(e, n, 1);
    }
    if (n->tp == STC_TP_ROW) {
        put_coll(e, n, n->sp ? STC_COMM_REDUCE_SCATTER : STC_COMM_ALL_REDUCE,
                 m * nn * e->s->elem,
                 (enum stc_overlap)overlap_if(e, 2, STC_OVERLAP_PREV));
    }
}

/* Gradients of micro-batches are added to what is there, unless the product does
 * it (fused), or shards are reduced at once and added small. Where 32-bit ones stand
 * beside the product's, they are added there, some after a cast into a copy. */
static void put_accumulate(struct emit *e, const struct stc_bnode *n, double elements)
{
    const struct stc_build *b = e->s->b;
    int fp32 = stc_build_fp32_grads(b), cast = fp32 && b->stack->fp32_grads_cast;
    int main_grads = fp32 || b->stack->grad_bytes > e->s->elem;
    if (b->stack->wgrad_accum_fused || b->layout->shard >= STC_SHARD_ZERO2 ||
        (b->layout->n_micro == 1 && !main_grads)) {
        return;
    }
    double g = fp32 ? 4 : b->stack->grad_bytes, add = cast ? g : e->s->elem;
    struct stc_op op = {.kind = STC_OP_MEMBOUND,
                        .id = STC_OP_GRAD_ACCUM,
                        .dtype = (uint8_t)e->s->act_dtype,
                        .n_launches = (uint16_t)(1 + cast),
                        .graphed = n->op.graphed,
                        .read_bytes = elements * (add + g + cast * e->s->elem),
                        .write_bytes = elements * (g + cast * g)};
    op.shape.mem.op = STC_MEMOP_ELEMENTWISE;
    put(e, &op);
}

static void bwd_weights(struct emit *e, const struct stc_bnode *n, double m, double nn,
                        double k)
{
    const struct stc_build *b = e->s->b;
    if (has_adapter(e, n)) {
        put_adapter(e, n, 1);
        e->pass = STC_PASS_WGRAD;
        put_adapter(e, n, 1);
    }
    if (b->train->lora_rank > 0 && b->train->frozen) {
        e->pass = STC_PASS_DGRAD;
        return;
    }
    e->pass = STC_PASS_WGRAD;
    double c = b->stack->wgrad_accum_fused ? 2 * b->stack->grad_bytes : e->s->elem;
    struct stc_op *op = put_gemm(e, n, nn, k, m, c);
    op->n_launches = (uint16_t)(1 + n->bias);
    put_accumulate(e, n, nn * k);
    e->pass = STC_PASS_DGRAD;
}

static void bwd_gemm(struct emit *e, const struct stc_bnode *n)
{
    const struct stc_shape_gemm *g = &n->op.shape.gemm;
    double m = (double)g->m, nn = (double)g->n, k = (double)g->k,
           x = m * k * e->s->elem;
    if (!n->weights) { /* scores, context: gradients of both operands */
        put_gemm(e, n, m, k, nn, e->s->elem);
        put_gemm(e, n, nn, k, m, e->s->elem);
        return;
    }
    if (n->tp == STC_TP_ROW && n->sp) {
        put_coll(e, n, STC_COMM_ALL_GATHER, m * nn * e->s->elem,
                 (enum stc_overlap)overlap_if(e, 2, STC_OVERLAP_NEXT));
    }
    if (low_precision(n->op.dtype)) {
        put_quantize(e, n, m * nn, 2);
    }
    if (n->tp == STC_TP_COLUMN && n->sp) { /* the input was kept in shards */
        put_coll(e, n, STC_COMM_ALL_GATHER, x,
                 (enum stc_overlap)overlap_if(e, 1, STC_OVERLAP_NEXT));
    }
    if (!n->no_input_grad) {
        put_gemm(e, n, m, k, nn, e->s->elem)->n_launches = n->bwd_launches;
    }
    if (n->tp == STC_TP_COLUMN) {
        put_coll(e, n, n->sp ? STC_COMM_REDUCE_SCATTER : STC_COMM_ALL_REDUCE, x,
                 (enum stc_overlap)overlap_if(e, 1, STC_OVERLAP_NEXT));
    }
    bwd_weights(e, n, m, nn, k);
}

static void put_grouped(struct emit *e, const struct stc_bnode *n, int64_t nn,
                        int64_t k, int quantized_operand)
{
    struct stc_op op = n->op;
    double t = (double)op.shape.moe.tokens,
           w = (double)op.shape.moe.local_experts * (double)nn * (double)k;
    double in = operand_bytes(e, op.dtype);
    if (quantized_operand && low_precision(op.dtype)) {
        put_quantize(e, n, t * (double)k, 2);
    }
    op.shape.moe.n = nn;
    op.shape.moe.k = k;
    op.read_bytes = (t * (double)k + w) * in;
    op.write_bytes = t * (double)nn * e->s->elem;
    if (e->pass == STC_PASS_WGRAD) {
        double g = e->s->b->stack->wgrad_accum_fused ? 2 * e->s->b->stack->grad_bytes
                                                     : e->s->elem;
        op.read_bytes = t * (double)(nn + k) * in;
        op.write_bytes = w * g;
    }
    if (e->pass != STC_PASS_FWD && e->pass != STC_PASS_RECOMPUTE) {
        op.keep_bytes = 0;
    }
    put(e, &op);
}

static void bwd_grouped(struct emit *e, const struct stc_bnode *n)
{
    int64_t nn = n->op.shape.moe.n, k = n->op.shape.moe.k;
    put_grouped(e, n, k, nn, 1);
    if (e->s->b->train->lora_rank > 0 && e->s->b->train->frozen) {
        return;
    }
    e->pass = STC_PASS_WGRAD;
    put_grouped(e, n, nn, k, 0);
    put_accumulate(e, n,
                   (double)n->op.shape.moe.local_experts * (double)nn * (double)k);
    e->pass = STC_PASS_DGRAD;
}

static int group_alone(const struct emit *e, const struct stc_bnode *n)
{
    return stc_layout_axis_size(e->s->b->layout,
                                (enum stc_axis)n->op.shape.coll.axis) <= 1;
}

/* torch.compile joins the residual with the norm that follows it. */
static int is_fused(const struct emit *e, const struct stc_bnode *n)
{
    uint8_t id = n->op.id;
    if (n->op.kind != STC_OP_MEMBOUND) {
        return 0;
    }
    if (e->s->b->train->compile &&
        (id == STC_OP_ATTN_BIAS_DROPOUT_ADD || id == STC_OP_MLP_BIAS_DROPOUT_ADD)) {
        return 1;
    }
    if (id == STC_OP_MOE_ACT && stc_build_fused_experts(e->s->b)) {
        return 1;
    }
    return stc_stack_fuses(e->s->b->stack, (enum stc_op_id)id);
}

static void fwd_node(struct emit *e, const struct stc_bnode *n)
{
    switch ((enum stc_op_kind)n->op.kind) {
    case STC_OP_GEMM: fwd_gemm(e, n); return;
    case STC_OP_GROUPED:
        put_grouped(e, n, n->op.shape.moe.n, n->op.shape.moe.k, 1);
        return;
    case STC_OP_COLL:
        if (!group_alone(e, n)) {
            put(e, &n->op);
        }
        return;
    default: break;
    }
    if (is_fused(e, n)) {
        e->carried_keep += n->op.keep_bytes;
    } else {
        put(e, &n->op);
    }
}

static void bwd_node(struct emit *e, const struct stc_bnode *n)
{
    struct stc_op op = n->op;
    op.keep_bytes = 0;
    op.n_launches = n->bwd_launches;
    switch ((enum stc_op_kind)n->op.kind) {
    case STC_OP_GEMM: bwd_gemm(e, n); return;
    case STC_OP_GROUPED: bwd_grouped(e, n); return;
    case STC_OP_COLL:
        op.shape.coll.coll = n->bwd_coll;
        /* what rode beside the operator after it now comes behind it */
        if (op.shape.coll.overlap == STC_OVERLAP_NEXT)
            op.shape.coll.overlap = STC_OVERLAP_PREV;
        op.shape.coll.bytes = n->bwd_coll_bytes;
        if (n->bwd_coll_bytes > 0 && !group_alone(e, n)) {
            put(e, &op);
        }
        return;
    case STC_OP_ATTENTION:
        op.shape.attn.backward = 1;
        op.flop *=
            2.5; /* five products against two (FlashAttention-2 2307.08691 §4.1) */
        break;
    case STC_OP_MEMBOUND:
        if (is_fused(e, n)) {
            return;
        }
        op.shape.mem.op = n->bwd_op;
        op.flop *= 2; /* a scan: gradients of its input and of its factors */
        break;
    }
    op.read_bytes = n->bread;
    op.write_bytes = n->bwrite;
    put(e, &op);
}

/* ==== what selective recompute drops ==== */

static int is_core(const struct stc_bnode *n)
{
    return n->op.id == STC_OP_ATTN_SCORES || n->op.id == STC_OP_ATTN_SOFTMAX ||
           n->op.id == STC_OP_ATTN_DROPOUT || n->op.id == STC_OP_ATTN_CONTEXT ||
           n->op.id == STC_OP_ATTN;
}

/* Per-operator checkpointing as torchtitan does it: the attention's output and
 * every other product's output stay, all else is computed again. Its products
 * are Q K V out gate up down (Q K V out up down of a plain MLP), so of our joined
 * ones a part stays. */
static double kept_part(const struct stc_nodes *s, const struct stc_bnode *n,
                        int *n_products)
{
    const struct stc_model *m = s->b->model;
    int gated = stc_model_gated(m);
    switch (n->op.id) {
    case STC_OP_QKV: {
        double kv = m->n_kv_heads >= s->tp ? (double)m->n_kv_heads / s->tp : 1;
        double q = (double)m->n_heads / s->tp;
        return (q + kv) / (q + 2 * kv);
    }
    case STC_OP_ATTN_PROJ: return 0;
    case STC_OP_FC1: return gated ? 0.5 : 1;
    case STC_OP_FC2: return gated ? 1 : 0;
    default: return ++*n_products % 2;
    }
}

static double kept_output(const struct stc_nodes *s, const struct stc_bnode *n,
                          double part)
{
    double out =
        (double)n->op.shape.gemm.m * (double)n->op.shape.gemm.n * s->elem * part;
    return n->tp == STC_TP_ROW && n->sp ? out / s->tp : out;
}

/* The up-projections of latent attention, and what follows up to the core. */
static int is_latent_up(const struct stc_bnode *n)
{
    return n->op.id == STC_OP_Q_UP || n->op.id == STC_OP_KV_UP ||
           n->op.id == STC_OP_ROTARY || n->op.id == STC_OP_CAST;
}

enum stc_selective stc_build_selective(const struct stc_build *b)
{
    if (b->stack->selective_ops == 2 && b->model->mla_kv_rank > 0)
        return STC_SELECT_LATENT;
    return b->stack->selective_ops ? STC_SELECT_OPS : STC_SELECT_CORE;
}

static int selective(const struct stc_build *b, enum stc_block block)
{
    return b->layout->recompute == STC_RECOMPUTE_SELECTIVE &&
           !b->stack->selective_blocks &&
           (block == STC_BLOCK_LAYER || block == STC_BLOCK_MTP);
}

/* Of fused attention its log-sum-exp alone: the rest is computed again. */
static double lse_bytes(const struct stc_nodes *s, const struct stc_bnode *n)
{
    return n->op.write_bytes / s->elem / n->op.shape.attn.head_dim_v * 4.0;
}

/* Keep of the forward under selective recompute. */
static void selective_keep(struct stc_nodes *s)
{
    int products = 0;
    enum stc_selective how = stc_build_selective(s->b);
    for (int i = 0; i < s->n; i++) {
        struct stc_bnode *n = &s->node[i];
        if (how == STC_SELECT_CORE) {
            n->op.keep_bytes = n->selective ? 0 : n->op.keep_bytes;
        } else if (how == STC_SELECT_LATENT) {
            if (n->op.kind == STC_OP_ATTENTION) n->op.keep_bytes = lse_bytes(s, n);
        } else if (n->op.kind == STC_OP_GEMM && n->weights) {
            n->op.keep_bytes = kept_output(s, n, kept_part(s, n, &products));
        } else if (n->op.kind == STC_OP_ATTENTION) {
            n->op.keep_bytes = n->op.write_bytes + lse_bytes(s, n);
        } else {
            n->op.keep_bytes =
                i == 0 ? n->op.keep_bytes : 0; /* the first norm's: the layer's input */
        }
    }
}

/* What per-operator checkpointing computes again of a node. */
static void put_again(struct emit *e, const struct stc_bnode *n, int *n_products)
{
    if (n->op.kind == STC_OP_GEMM && n->weights) {
        struct stc_bnode rest = *n;
        rest.op.shape.gemm.n = (int64_t)((double)n->op.shape.gemm.n *
                                         (1 - kept_part(e->s, n, n_products)));
        if (n->tp == STC_TP_ROW) { /* the reduced output is among what stays */
            rest.tp = STC_TP_NONE;
        }
        if (rest.op.shape.gemm.n > 0) {
            fwd_node(e, &rest);
        }
    } else if (!is_core(n) && n->op.kind != STC_OP_COLL) {
        fwd_node(e, n);
    }
}

static void put_recompute(struct emit *e, int whole)
{
    const struct stc_nodes *s = e->s;
    int products = 0;
    enum stc_selective how = stc_build_selective(s->b);
    e->pass = STC_PASS_RECOMPUTE;
    for (int i = 0; i < s->n; i++) {
        const struct stc_bnode *n = &s->node[i];
        if (whole || (how == STC_SELECT_CORE && is_core(n)) ||
            (how == STC_SELECT_LATENT && is_latent_up(n))) {
            fwd_node(e, n);
        } else if (how == STC_SELECT_OPS) {
            put_again(e, n, &products);
        }
    }
    e->carried_keep = 0;
}

/* ==== interface ==== */

static void write_block(struct stc_nodes *s, enum stc_block block)
{
    switch (block) {
    case STC_BLOCK_EMBED: stc_nodes_embed(s); break;
    case STC_BLOCK_LAYER: stc_nodes_layer(s); break;
    case STC_BLOCK_HEAD: stc_nodes_head(s); break;
    case STC_BLOCK_MTP: stc_nodes_mtp(s); break;
    }
    for (int i = 0; i < s->n; i++) { /* the layers' products run in the chosen format */
        struct stc_bnode *n = &s->node[i];
        int in_layer = block == STC_BLOCK_LAYER || block == STC_BLOCK_MTP;
        if (in_layer && n->weights && n->op.id != STC_OP_ROUTER &&
            n->op.id != STC_OP_LOGITS) {
            n->op.dtype = (uint8_t)s->gemm_dtype;
        }
    }
}

static enum stc_err begin(struct stc_arena *a, const struct stc_build *b,
                          enum stc_block block, int32_t layer, struct stc_nodes **s,
                          struct stc_ops *out, struct stc_diag *diag)
{
    int many = b->model->n_net > 0 || b->model->gen_hidden > 0;
    *s = STC_NEW(a, struct stc_nodes);
    if (*s) {
        (*s)->cap = many ? STC_NODE_MAX : STC_NODE_FEW;
        (*s)->node = STC_NEW_N(a, struct stc_bnode, (size_t)(*s)->cap);
    }
    if (!*s || !(*s)->node) {
        return stc_fail(diag, STC_ERR_NOMEM, "operator list: no memory");
    }
    int32_t at = layer;
    if (block == STC_BLOCK_HEAD ||
        block == STC_BLOCK_MTP) { /* they see the last layer's sequence */
        at = b->model->n_layers + b->model->dec_layers -
             (b->model->kind == STC_MODEL_ENC_DEC ? 1 : 0);
    }
    stc_nodes_init(*s, b, at);
    write_block(*s, block);
    int32_t cap = (*s)->n * 16 + 8;
    out->ops = STC_NEW_N(a, struct stc_op, (size_t)cap);
    out->n = 0;
    out->cap = cap;
    return out->ops ? STC_OK
                    : stc_fail(diag, STC_ERR_NOMEM, "operator list: no memory for %d",
                               (int)cap);
}

enum stc_err stc_build_fwd(struct stc_arena *a, const struct stc_build *b,
                           enum stc_block block, int32_t layer, struct stc_ops *out,
                           struct stc_diag *diag)
{
    struct stc_nodes *s;
    enum stc_err err = begin(a, b, block, layer, &s, out, diag);
    if (err) {
        return err;
    }
    if (selective(b, block)) {
        selective_keep(s);
    }
    struct emit e = {.s = s, .out = out, .pass = STC_PASS_FWD};
    for (int i = 0; i < s->n; i++) {
        fwd_node(&e, &s->node[i]);
    }
    if (out->n > 0) {
        out->ops[out->n - 1].keep_bytes += e.carried_keep;
    }
    return STC_OK;
}

enum stc_err stc_build_bwd(struct stc_arena *a, const struct stc_build *b,
                           enum stc_block block, int32_t layer, int recomputed,
                           struct stc_ops *out, struct stc_diag *diag)
{
    struct stc_nodes *s;
    enum stc_err err = begin(a, b, block, layer, &s, out, diag);
    if (err) {
        return err;
    }
    struct emit e = {.s = s, .out = out};
    if (recomputed && !selective(b, block)) {
        put_recompute(&e, 1);
    } else if (selective(b, block)) {
        put_recompute(&e, 0);
    }
    e.pass = STC_PASS_DGRAD;
    for (int i = s->n - 1; i >= 0; i--) {
        bwd_node(&e, &s->node[i]);
    }
    return STC_OK;
}

double stc_build_keep_bytes(const struct stc_ops *fwd, const struct stc_build *b,
                            int recomputed)
{
    return recomputed ? stc_build_boundary_bytes(b) : stc_ops_keep_bytes(fwd);
}

int stc_build_layer_recomputed(const struct stc_build *b, int32_t i, int32_t n)
{
    int32_t want = b->layout->recompute_layers, how = b->layout->recompute;
    int whole = how == STC_RECOMPUTE_FULL ||
                (how == STC_RECOMPUTE_SELECTIVE && b->stack->selective_blocks);
    return whole && i < (want < 0 || want > n ? n : want);
}

double stc_build_boundary_bytes(const struct stc_build *b)
{
    double tokens =
        (double)b->layout->micro_batch * stc_build_seq(b, 0) / b->layout->cp;
    double bytes = tokens * b->model->hidden * stc_build_elem_bytes(b);
    return stc_build_sp(b) ? bytes / b->layout->tp : bytes;
}

double stc_build_hop_bytes(const struct stc_build *b)
{
    int cut = b->stack->p2p_scatter_gather && !stc_build_sp(b);
    return stc_build_boundary_bytes(b) / (cut ? b->layout->tp : 1);
}

int32_t stc_build_padded_vocab(const struct stc_build *b)
{
    int32_t unit =
        (b->stack->vocab_pad_multiple > 0 ? b->stack->vocab_pad_multiple : 1) *
        b->layout->tp;
    return (b->model->vocab + unit - 1) / unit * unit;
}
