/* Convolutions as products: ResNet, small nets, wav2vec 2.0's front end. */
#include "models/build_int.h"

/* One layer: product over its places, batch norm, activation, pooling. */
static void conv(struct stc_nodes *s, const struct stc_conv *c, int first)
{
    const struct stc_model *m = s->b->model;
    double batch = s->b->layout->micro_batch, places = batch * c->places;
    double taps =
        m->kind == STC_MODEL_AUDIO ? c->kernel : (double)c->kernel * c->kernel;
    double out = places * c->out * s->elem;
    if (c->experts > 0) {
        stc_nodes_expert_linear(s, c);
        return;
    }
    struct stc_bnode *n = stc_node_gemm(s, STC_OP_CONV, places, c->out, taps * c->in);
    n->no_input_grad = (uint8_t)first;
    n->bias = (uint8_t)(c->bias != 0);
    n->lora = 0;
    if (c->norm) {
        n = stc_node_mem(s, STC_OP_BATCH_NORM, STC_MEMOP_NORM_FWD, 2 * out, out);
        n->op.keep_bytes = out;
        stc_node_bwd(n, STC_MEMOP_NORM_BWD, 4 * out, out, 2);
    }
    n = stc_node_mem(s, STC_OP_ACT, STC_MEMOP_ACTIVATION, out, out);
    n->op.keep_bytes = out; /* the next layer's input; in place for ReLU */
    stc_node_bwd(n, STC_MEMOP_ACTIVATION, 2 * out, out, 1);
    if (c->pool) {
        n = stc_node_mem(s, STC_OP_POOL, STC_MEMOP_ELEMENTWISE, out, out / 4);
        stc_node_bwd(n, STC_MEMOP_ELEMENTWISE, out / 2, out, 1);
    }
}

void stc_nodes_convs(struct stc_nodes *s)
{
    struct stc_conv convs[STC_MAX_CONVS];
    int n = stc_model_convs(s->b->model, s->b->train->seq_len, convs);
    for (int i = 0; i < n && s->n + 8 < s->cap; i++) {
        conv(s, &convs[i], i == 0);
    }
}

/* Behind the convolutions: norm, projection, and a grouped convolution that
 * tells positions (2006.11477 §2). */
void stc_nodes_audio(struct stc_nodes *s)
{
    const struct stc_model *m = s->b->model;
    double h = m->hidden, c = m->n_net >= 6 ? m->net[m->n_net - 5] : h,
           x = s->tokens * h * s->elem;
    stc_nodes_convs(s);
    stc_nodes_norm(s, STC_OP_NORM_ATTN, s->tokens, c);
    struct stc_bnode *n = stc_node_gemm(s, STC_OP_CONV, s->tokens, h, c);
    n->op.keep_bytes = s->tokens * c * s->elem;
    n->lora = 0;
    n = stc_node_gemm(s, STC_OP_CONV, s->tokens, h, h / 16 * 128);
    n->op.keep_bytes = x;
    n->lora = 0;
    n = stc_node_mem(s, STC_OP_ACT, STC_MEMOP_ACTIVATION, x, x);
    n->op.keep_bytes = x;
    stc_nodes_norm(s, STC_OP_NORM_ATTN, s->tokens, h);
}
