/* What stands before the first layer and after the last. */
#include "models/build_int.h"

static double table_rows(const struct stc_nodes *s)
{
    return (double)stc_build_padded_vocab(s->b) / s->tp;
}

static void patches(struct stc_nodes *s)
{
    const struct stc_model *m = s->b->model;
    struct stc_bnode *n = stc_node_gemm(s, STC_OP_CONV, s->tokens, m->hidden,
                                        (double)m->channels * m->patch * m->patch);
    n->op.dtype = (uint8_t)s->act_dtype;
    n->no_input_grad = 1;
    n->lora = 0;
    n->op.keep_bytes = s->tokens * m->channels * m->patch * m->patch * s->elem;
}

static void tokens(struct stc_nodes *s)
{
    double h = s->b->model->hidden, x = s->tokens * h * s->elem,
           table = table_rows(s) * h * s->elem;
    struct stc_bnode *n = stc_node_mem(s, STC_OP_EMBED, STC_MEMOP_EMBED_FWD, x, x);
    n->op.keep_bytes = s->tokens * 8.0; /* token ids, int64 */
    /* the dense gradient of the table is cleared, then added to */
    stc_node_bwd(n, STC_MEMOP_EMBED_BWD, 2 * x, x + table, 2);
    n->op.n_launches = s->tp > 1 ? 4 : 1; /* mask of a vocabulary shard */
    if (s->tp > 1 && stc_build_sp(s->b)) {
        stc_node_coll(s, STC_OP_TP_REDUCE_SCATTER, STC_COMM_REDUCE_SCATTER, STC_AXIS_TP,
                      x, STC_COMM_ALL_GATHER, x);
    } else if (s->tp > 1) {
        n = stc_node_coll(s, STC_OP_TP_ALL_REDUCE, STC_COMM_ALL_REDUCE, STC_AXIS_TP, x,
                          STC_COMM_ALL_REDUCE, 0);
    }
}

/* Cross-entropy over a vocabulary that tp ranks share: maximum, sum of
 * exponentials and the target's logit are all-reduced (Megatron 1909.08053 §3). */
static void loss(struct stc_nodes *s, double t)
{
    double v = t * table_rows(s), e = s->elem;
    int fused = s->b->stack->fused_xent || s->b->train->compile;
    struct stc_bnode *n;
    if (!fused && s->elem < 4) {
        n = stc_node_mem(s, STC_OP_CAST, STC_MEMOP_CAST, v * e, v * 4.0);
        stc_node_bwd(n, STC_MEMOP_CAST, v * 4.0, v * e, 1);
    }
    /* unfused: max (r), shift (r w), exp (r w), sum (r), divide (r w) on fp32 */
    double read = fused ? v * e : v * 4.0 * 5, write = fused ? v * e : v * 4.0 * 3;
    enum stc_mem_op passes = fused ? STC_MEMOP_XENT : STC_MEMOP_ELEMENTWISE;
    n = stc_node_mem(s, STC_OP_XENT, passes, read, write);
    n->op.n_launches = fused ? 2 : 12;
    n->op.keep_bytes = fused ? v * e : v * 4.0;
    stc_node_bwd(n, passes, fused ? v * e : v * 4.0, fused ? v * e : v * 4.0,
                 fused ? 1 : 4);
    for (int i = 0; s->tp > 1 && i < 3; i++) {
        n = stc_node_coll(s, STC_OP_XENT_ALL_REDUCE, STC_COMM_ALL_REDUCE, STC_AXIS_TP,
                          t * 4.0, STC_COMM_ALL_REDUCE, 0);
    }
}

/* ELECTRA (2003.10555): a small masked language model makes the inputs that
 * the model proper judges; both are trained in one step. */
static void generator(struct stc_nodes *s)
{
    const struct stc_build *b = s->b;
    struct stc_model gen = *b->model;
    gen.hidden = b->model->gen_hidden;
    gen.ffn = b->model->gen_ffn;
    gen.n_heads = gen.n_kv_heads = b->model->gen_heads;
    struct stc_build small = *b;
    small.model = &gen;
    s->b = &small;
    for (int32_t l = 0; l < gen.n_layers; l++) {
        stc_nodes_layer(s);
    }
    double t = s->tokens * 0.15625; /* 80 masked of 512 */
    stc_node_gemm(s, STC_OP_FC1, t, b->model->hidden, gen.hidden);
    struct stc_bnode *n =
        stc_node_gemm(s, STC_OP_LOGITS, t, table_rows(s), b->model->hidden);
    n->op.keep_bytes = t * b->model->hidden * s->elem;
    loss(s, t);
    s->b = b;
}

void stc_nodes_embed(struct stc_nodes *s)
{
    const struct stc_model *m = s->b->model;
    double x = s->sp_tokens * m->hidden * s->elem;
    struct stc_bnode *n;
    if (m->kind == STC_MODEL_CNN) {
        stc_nodes_convs(s);
        return;
    }
    if (m->kind == STC_MODEL_AUDIO) {
        stc_nodes_audio(s);
        return;
    }
    if (m->kind == STC_MODEL_VIT) {
        patches(s);
    } else {
        tokens(s);
    }
    if (m->pos == STC_POS_LEARNED || m->n_token_types > 0) {
        n = stc_node_mem(s, STC_OP_POS_EMBED, STC_MEMOP_ELEMENTWISE, 2 * x, x);
        n->op.n_launches = (uint16_t)(2 + (m->n_token_types > 0 ? 2 : 0));
        stc_node_bwd(n, STC_MEMOP_EMBED_BWD, x, x, 2);
    }
    if (m->embed_norm) {
        stc_nodes_norm(s, STC_OP_NORM_ATTN, s->sp_tokens, m->hidden);
    }
    if (stc_build_dropout(s->b)) {
        n = stc_node_mem(s, STC_OP_EMBED_DROPOUT, STC_MEMOP_DROPOUT_ADD, x,
                         x * (1 + 1 / s->elem));
        n->op.keep_bytes = x / s->elem;
    }
    if (m->gen_hidden > 0) {
        generator(s);
    }
}

static void logits(struct stc_nodes *s, double t)
{
    struct stc_bnode *n =
        stc_node_gemm(s, STC_OP_LOGITS, t, table_rows(s), s->b->model->hidden);
    n->op.dtype = (uint8_t)s->act_dtype; /* kept out of 8-bit recipes */
    n->tp = STC_TP_COLUMN;
    n->lora = 0;
    n->op.keep_bytes = s->sp_tokens * s->b->model->hidden * s->elem;
    loss(s, t);
}

/* BERT predicts 15 % of its tokens; the reference codes gather them first
 * (max_predictions_per_seq 80 of 512, 20 of 128). */
static double predicted_tokens(const struct stc_nodes *s)
{
    return s->b->model->kind == STC_MODEL_ENCODER && s->b->stack->masked_head_gather
               ? s->tokens * 0.15625
               : s->tokens;
}

void stc_nodes_head(struct stc_nodes *s)
{
    const struct stc_model *m = s->b->model;
    double h = m->hidden;
    struct stc_bnode *n;
    if (m->kind == STC_MODEL_CNN || m->kind == STC_MODEL_AUDIO) {
        double rows = s->tokens, v = m->vocab > 1 ? m->vocab : m->n_classes;
        if (m->vocab > 1) {
            stc_node_gemm(s, STC_OP_LOGITS, rows, v, h)->op.keep_bytes =
                rows * h * s->elem;
        }
        n = stc_node_mem(s, STC_OP_XENT, STC_MEMOP_XENT, rows * v * 4.0,
                         rows * v * 4.0);
        n->op.n_launches = 3;
        return;
    }
    if (m->kind != STC_MODEL_ENCODER) {
        stc_nodes_norm(s, STC_OP_NORM_FINAL, s->sp_tokens, h);
    }
    if (m->kind == STC_MODEL_VIT) {
        double rows = s->b->layout->micro_batch;
        n = stc_node_gemm(s, STC_OP_LOGITS, rows, m->n_classes, h);
        n->lora = 0;
        n = stc_node_mem(s, STC_OP_XENT, STC_MEMOP_XENT, rows * m->n_classes * 4.0,
                         rows * m->n_classes * 4.0);
        return;
    }
    if (m->gen_hidden > 0) { /* replaced or not: a product and one number a token */
        n = stc_node_gemm(s, STC_OP_FC1, s->tokens, h, h);
        n->op.keep_bytes = s->tokens * h * s->elem;
        stc_node_mem(s, STC_OP_ACT, STC_MEMOP_ACTIVATION, s->tokens * h * s->elem,
                     s->tokens * h * s->elem);
        stc_node_mem(s, STC_OP_XENT, STC_MEMOP_XENT, s->tokens * h * s->elem,
                     s->tokens * 4.0);
        return;
    }
    double t = predicted_tokens(s);
    if (m->heads_extra) { /* prediction transform: product, gelu, norm */
        n = stc_node_gemm(s, STC_OP_FC1, t, h, h);
        n->op.keep_bytes = t * h * s->elem;
        n = stc_node_mem(s, STC_OP_ACT, STC_MEMOP_ACTIVATION, t * h * s->elem,
                         t * h * s->elem);
        stc_nodes_norm(s, STC_OP_NORM_FINAL, t, h);
    }
    logits(s, t);
}

/* DeepSeek-V3 2412.19437 §2.2: norms of the hidden state and of the next
 * token's embedding, a product that joins them, a layer, the shared head. */
void stc_nodes_mtp(struct stc_nodes *s)
{
    double h = s->b->model->hidden, t = s->sp_tokens;
    tokens(s);
    stc_nodes_norm(s, STC_OP_NORM_ATTN, t, h);
    stc_nodes_norm(s, STC_OP_NORM_ATTN, t, h);
    struct stc_bnode *n = stc_node_gemm(s, STC_OP_FC1, s->tokens, h / s->tp, 2 * h);
    n->op.keep_bytes = t * 2 * h * s->elem;
    n->tp = STC_TP_COLUMN;
    stc_nodes_layer(s);
    stc_nodes_norm(s, STC_OP_NORM_FINAL, t, h);
    logits(s, s->tokens);
}
