/* Attention of one layer: projections, rotary, scores, out projection. */
#include "models/build_int.h"

#include <math.h>

/* Sizes of one rank's share. */
struct attn {
    double q_len, kv_len;     /* a sample's, on this rank */
    double heads, kv_heads;   /* on this rank */
    double qk, v;             /* head sizes */
    double q_width, kv_width; /* of the projections, this rank */
    int causal, window;
    double seen;   /* mean keys a query sees */
    double own_kv; /* keys this rank keeps: a ring's visitors are not */
    double docs;   /* attention's own batch: pieces that do not see each other */
};

/* Packed documents: attention stays inside each. A token's document is longer than
 * the mean document, E[len^2] / E[len] = mean (1 + cv^2), so that many keys a query
 * meets; a rank's queries fall into as many pieces. */
static void cut_documents(const struct stc_build *b, struct attn *a)
{
    const struct stc_train *t = b->train;
    a->docs = 1;
    if (t->doc_len <= 0) return;
    double len = t->doc_len * (1 + t->doc_len_cv * t->doc_len_cv);
    if (len >= a->kv_len) return;
    if (len < 1) len = 1;
    if (len < a->q_len) {
        a->docs = a->q_len / len;
        a->q_len = len;
    }
    a->kv_len = len;
}

static struct attn sizes(const struct stc_nodes *s, int cross)
{
    const struct stc_build *b = s->b;
    const struct stc_model *m = b->model;
    struct attn a = {0};
    double cp = b->layout->cp, seq = stc_build_seq(b, s->layer);
    a.heads = (double)m->n_heads / s->tp;
    a.kv_heads = m->n_kv_heads >= s->tp ? (double)m->n_kv_heads / s->tp
                                        : 1; /* replicated below one head a rank */
    a.qk = stc_model_qk_dim(m);
    a.v = stc_model_v_dim(m);
    a.q_width = a.heads * a.qk;
    a.kv_width = a.kv_heads * a.qk;
    a.kv_len = cross ? stc_build_seq(b, 0) : seq;
    a.q_len = b->layout->cp_kind == STC_CP_RING ? seq / cp : seq;
    if (b->layout->cp_kind == STC_CP_ULYSSES) {
        a.heads /= cp;
        a.kv_heads = a.kv_heads >= cp ? a.kv_heads / cp : 1;
    }
    a.own_kv = b->layout->cp_kind == STC_CP_RING ? a.kv_len / cp : a.kv_len;
    a.causal = !cross && stc_model_causal(m, s->layer);
    a.window = cross ? 0 : stc_model_layer_window(m, s->layer);
    if (!cross && stc_build_flash(b)) {
        cut_documents(b, &a);
    } else {
        a.docs = 1; /* unfused scores are whole, masked or not */
    }
    a.seen = a.causal ? a.kv_len / 2 : a.kv_len;
    if (a.window > 0 && a.window < a.seen) {
        a.seen = a.window;
    }
    return a;
}

/* Scores in memory: two batched products around softmax and dropout. The
 * kernels do not know that half of a causal matrix is zero. */
static void unfused_core(struct stc_nodes *s, const struct attn *a)
{
    const struct stc_stack *k = s->b->stack;
    double mb = s->b->layout->micro_batch, batch = mb * a->heads, e = s->elem;
    double scores = batch * a->q_len * a->kv_len;
    struct stc_bnode *n =
        stc_node_batched(s, STC_OP_ATTN_SCORES, batch, a->q_len, a->kv_len, a->qk);
    n->op.keep_bytes =
        mb * e * (a->q_len * a->heads + a->own_kv * a->kv_heads) * a->qk; /* Q and K */
    /* without the fused kernel: scale, mask and softmax are kernels apart, the
     * softmax in fp32; the fused one takes 16-bit scores only (Megatron-LM
     * fused_softmax.py), else mask and softmax are two */
    int fused = k->masked_softmax_fused && e < 4;
    double extra = fused                     ? 0
                   : k->masked_softmax_fused ? scores * e
                                             : scores * (e + 4.0);
    n = stc_node_mem(s, STC_OP_ATTN_SOFTMAX, STC_MEMOP_SOFTMAX, scores * e + extra,
                     scores * e + extra);
    n->op.n_launches = fused ? 1 : 4;
    n->op.keep_bytes = scores * e;
    n->selective = 1;
    stc_node_bwd(n, STC_MEMOP_SOFTMAX, 2 * scores * e + extra, scores * e + extra,
                 fused ? 1 : 3);
    if (stc_build_dropout(s->b)) {
        double mask =
            k->unfused_dropout_mask_bytes > 0 ? k->unfused_dropout_mask_bytes : 1;
        n = stc_node_mem(s, STC_OP_ATTN_DROPOUT, STC_MEMOP_DROPOUT_ADD, scores * e,
                         scores * (e + mask));
        n->op.keep_bytes = scores * (e + mask);
        n->selective = 1;
        stc_node_bwd(n, STC_MEMOP_DROPOUT_ADD, scores * (e + mask), scores * e, 1);
    }
    n = stc_node_batched(s, STC_OP_ATTN_CONTEXT, batch, a->q_len, a->v, a->kv_len);
    n->op.keep_bytes = mb * a->own_kv * a->kv_heads * a->v * e; /* V */
}

static void fused_core(struct stc_nodes *s, const struct attn *a)
{
    double mb = s->b->layout->micro_batch * a->docs, wide = s->elem, e = wide;
    double n_q = mb * a->q_len * a->heads * a->qk,
           n_o = mb * a->q_len * a->heads * a->v,
           n_kv = mb * a->kv_len * a->kv_heads * (a->qk + a->v);
    if (stc_build_attn_8bit(s->b)) { /* casts of Q, K, V; of the output's gradient */
        e = 1;
        struct stc_bnode *c = stc_node_mem(s, STC_OP_CAST, STC_MEMOP_CAST,
                                           (n_q + n_kv) * wide, (n_q + n_kv) * e);
        stc_node_bwd(c, STC_MEMOP_CAST, n_o * wide, n_o * e, 1);
    }
    struct stc_bnode *n = stc_node_batched(s, STC_OP_ATTN, 1, 1, 1, 1);
    double q = n_q * e, o = n_o * wide, kv = n_kv * e;
    if (e < wide) n->op.dtype = STC_DTYPE_FP8;
    double batch = ceil(mb - 1e-9); /* whole pieces; the queries stay as many */
    n->op.kind = STC_OP_ATTENTION;
    n->op.shape.attn =
        (struct stc_shape_attn){.batch = (int32_t)batch,
                                .q_len = (int32_t)(a->q_len * mb / batch),
                                .kv_len = (int32_t)a->kv_len,
                                .heads = (int32_t)a->heads,
                                .kv_heads = (int32_t)a->kv_heads,
                                .head_dim = (int32_t)a->qk,
                                .head_dim_v = (int32_t)a->v,
                                .window = a->window,
                                .causal = (uint8_t)a->causal};
    n->op.flop = 2.0 * mb * a->heads * a->q_len * a->seen * (a->qk + a->v);
    n->op.read_bytes = q + kv;
    n->op.write_bytes = o;
    /* Q, K, V and the log-sum-exp; the output is the out projection's input, kept there */
    n->op.keep_bytes =
        q + s->b->layout->micro_batch * a->own_kv * a->kv_heads * (a->qk + a->v) * e +
        mb * a->q_len * a->heads * 4.0;
    stc_node_bwd(n, STC_MEMOP_COPY, 2 * (q + kv) + 2 * o, q + kv, 3);
}

static void core(struct stc_nodes *s, int cross)
{
    const struct stc_layout *l = s->b->layout;
    struct attn a = sizes(s, cross);
    double e = s->elem, mb = l->micro_batch;
    int ulysses = l->cp > 1 && l->cp_kind == STC_CP_ULYSSES;
    if (ulysses) {
        double bytes =
            s->tokens * (a.q_width + a.kv_width + a.kv_width / a.qk * a.v) * e;
        stc_node_coll(s, STC_OP_CP_ALL_TO_ALL, STC_COMM_ALL_TO_ALL, STC_AXIS_CP, bytes,
                      STC_COMM_ALL_TO_ALL, bytes);
    } else if (l->cp > 1) {
        /* each rank's keys and values visit the cp-1 others, beside the
         * attention of the part at hand; backward also sends their gradients */
        double bytes = (l->cp - 1) * mb * a.own_kv * a.kv_heads * (a.qk + a.v) * e;
        struct stc_bnode *n =
            stc_node_coll(s, STC_OP_CP_KV_EXCHANGE, STC_COMM_SEND_RECV, STC_AXIS_CP,
                          bytes, STC_COMM_SEND_RECV, 2 * bytes);
        n->op.shape.coll.overlap = STC_OVERLAP_NEXT;
        n->op.n_launches = (uint16_t)(l->cp - 1);
        n->bwd_launches = (uint16_t)(2 * (l->cp - 1));
    }
    if (stc_build_flash(s->b)) {
        fused_core(s, &a);
    } else {
        unfused_core(s, &a);
    }
    if (ulysses) {
        double bytes = s->tokens * a.q_width / a.qk * a.v * e;
        stc_node_coll(s, STC_OP_CP_ALL_TO_ALL, STC_COMM_ALL_TO_ALL, STC_AXIS_CP, bytes,
                      STC_COMM_ALL_TO_ALL, bytes);
    }
}

static void latent_projections(struct stc_nodes *s)
{
    const struct stc_model *m = s->b->model;
    double h = m->hidden, heads = (double)m->n_heads / s->tp, qk = stc_model_qk_dim(m),
           e = s->elem;
    double t = s->tokens, ts = s->sp_tokens;
    struct stc_bnode *n;
    if (m->mla_q_rank > 0) {
        n = stc_node_gemm(s, STC_OP_Q_DOWN, ts, m->mla_q_rank, h);
        n->op.keep_bytes = ts * h * s->saved;
        stc_nodes_norm(s, STC_OP_QK_NORM, ts, m->mla_q_rank);
        n = stc_node_gemm(s, STC_OP_Q_UP, t, heads * qk, m->mla_q_rank);
        n->op.keep_bytes = ts * m->mla_q_rank * s->saved;
        n->tp = STC_TP_COLUMN;
    } else {
        n = stc_node_gemm(s, STC_OP_Q_UP, t, heads * qk, h);
        n->op.keep_bytes = ts * h * s->saved;
        n->tp = STC_TP_COLUMN;
    }
    n = stc_node_gemm(s, STC_OP_KV_DOWN, ts, m->mla_kv_rank + m->mla_rope_dim, h);
    stc_nodes_norm(s, STC_OP_QK_NORM, ts, m->mla_kv_rank);
    n = stc_node_gemm(s, STC_OP_KV_UP, t, heads * (m->mla_nope_dim + m->mla_v_dim),
                      m->mla_kv_rank);
    n->op.keep_bytes = ts * m->mla_kv_rank * s->saved;
    n->tp = STC_TP_COLUMN;
    /* rotary on the rope part, then concatenation with the other part */
    double bytes = t * heads * 2 * qk * e;
    n = stc_node_mem(s, STC_OP_ROTARY, STC_MEMOP_ROTARY, bytes, bytes);
    n->op.n_launches = (uint16_t)(2 + 2 * s->eager_passes);
    n->bwd_launches = n->op.n_launches;
}

static void grouped_projections(struct stc_nodes *s, int cross)
{
    const struct stc_model *m = s->b->model;
    double h = m->hidden, t = s->tokens, e = s->elem, hd = stc_model_head_dim(m);
    double heads = (double)m->n_heads / s->tp;
    double kv_heads = m->n_kv_heads >= s->tp ? (double)m->n_kv_heads / s->tp : 1;
    double width = (heads * (1 + m->attn_gate) + 2 * kv_heads) * hd;
    if (cross) { /* queries of the decoder, keys and values of the encoder's output */
        double t_enc = (double)s->b->layout->micro_batch * stc_build_seq(s->b, 0) /
                       s->b->layout->cp;
        struct stc_bnode *q = stc_node_gemm(s, STC_OP_QKV, t, heads * hd, h);
        q->op.keep_bytes = s->kept_tokens * h * s->saved;
        q->tp = STC_TP_COLUMN;
        struct stc_bnode *kv =
            stc_node_gemm(s, STC_OP_QKV, t_enc, 2 * kv_heads * hd, h);
        kv->tp = STC_TP_COLUMN;
        return;
    }
    struct stc_bnode *n = stc_node_gemm(s, STC_OP_QKV, t, width, h);
    n->op.keep_bytes = s->kept_tokens * h * s->saved;
    n->tp = STC_TP_COLUMN;
    n->bias = (uint8_t)(m->qkv_bias != 0);
    if (m->qk_norm) {
        stc_nodes_norm(s, STC_OP_QK_NORM, t * (heads + kv_heads), hd);
    }
    if (m->pos == STC_POS_ROTARY) {
        double bytes = t * (heads + kv_heads) * hd * e * (1 + s->eager_passes);
        n = stc_node_mem(s, STC_OP_ROTARY, STC_MEMOP_ROTARY, bytes, bytes);
        n->op.n_launches = (uint16_t)(2 + 6 * s->eager_passes);
        n->bwd_launches = n->op.n_launches;
    }
}

/* Bias, dropout and the residual: one kernel when fused. */
void stc_nodes_residual(struct stc_nodes *s, enum stc_op_id id)
{
    double x = s->sp_tokens * s->b->model->hidden, e = s->elem;
    int dropout = stc_build_dropout(s->b),
        fused = s->b->train->compile || s->b->stack->bias_gelu_fused;
    double mask = dropout ? 1.0 : 0.0, extra = fused || !dropout ? 0 : 2 * x * e;
    struct stc_bnode *n = stc_node_mem(s, id, STC_MEMOP_DROPOUT_ADD, 2 * x * e + extra,
                                       x * (e + mask) + extra);
    n->op.n_launches = (uint16_t)(fused || !dropout ? 1 : 3);
    n->op.keep_bytes = x * mask;
    stc_node_bwd(n, STC_MEMOP_DROPOUT_ADD, x * (2 * e + mask), x * e, dropout ? 2 : 1);
}

void stc_nodes_attention(struct stc_nodes *s, int cross)
{
    const struct stc_model *m = s->b->model;
    double h = m->hidden, o = (double)m->n_heads / s->tp * stc_model_v_dim(m);
    if (m->norms_per_layer != 1 || !cross) {
        stc_nodes_norm(s, STC_OP_NORM_ATTN, s->sp_tokens, h);
    }
    if (m->mla_kv_rank > 0) {
        latent_projections(s);
    } else {
        grouped_projections(s, cross);
    }
    core(s, cross);
    struct stc_bnode *n;
    if (m->attn_gate) { /* sigmoid of the gate times the output: both are kept */
        double x = s->tokens * o * s->elem;
        n = stc_node_mem(s, STC_OP_ATTN_GATE, STC_MEMOP_ACTIVATION, 2 * x, x);
        n->op.keep_bytes = 2 * x;
        stc_node_bwd(n, STC_MEMOP_ACTIVATION, 3 * x, 2 * x, 1);
    }
    n = stc_node_gemm(s, STC_OP_ATTN_PROJ, s->tokens, h, o);
    n->op.keep_bytes =
        s->tokens * o *
        (stc_build_flash(s->b) ? s->elem
                               : s->saved); /* flash needs its output itself */
    n->tp = STC_TP_ROW;
    n->bias = (uint8_t)(m->linear_bias != 0);
    if (m->norms_per_layer == 4) { /* Gemma 2: a norm after each half too */
        stc_nodes_norm(s, STC_OP_NORM_ATTN, s->sp_tokens, h);
    }
    stc_nodes_residual(s, STC_OP_ATTN_BIAS_DROPOUT_ADD);
}
