#include "models/memory.h"

#include "models/build_int.h"
#include "models/host.h"

#include <math.h>
#include <string.h>

static const char *const names[STC_MEM_COUNT] = {
#define STC_MEM_ROW(id, name) [STC_MEM_##id] = name,
    STC_MEM_KIND_MAP(STC_MEM_ROW)
#undef STC_MEM_ROW
};

const char *stc_mem_name(enum stc_mem_kind k)
{
    return (unsigned)k < STC_MEM_COUNT ? names[k] : "?";
}

double stc_mem_allocated(const struct stc_mem_est *e)
{
    double sum = 0;
    for (int k = 0; k < STC_MEM_COUNT; k++) {
        sum += k == STC_MEM_SLACK || k == STC_MEM_CONTEXT ? 0 : e->bytes[k];
    }
    return sum;
}

double stc_mem_reserved(const struct stc_mem_est *e)
{
    return stc_mem_allocated(e) + e->bytes[STC_MEM_SLACK];
}

double stc_mem_smi(const struct stc_mem_est *e)
{
    return stc_mem_reserved(e) + e->bytes[STC_MEM_CONTEXT];
}

/* ==== states ==== */

static int32_t stage_layers(const struct stc_build *b, int32_t stage, int32_t chunk)
{
    return stc_layout_layers(b->layout, b->model->n_layers + b->model->dec_layers,
                             chunk * b->layout->pp + stage);
}

static struct stc_param_count plus(struct stc_param_count x, struct stc_param_count y)
{
    return (struct stc_param_count){x.dense + y.dense, x.expert + y.expert};
}

struct stc_param_count stc_mem_stage_params(const struct stc_build *b, int32_t stage)
{
    const struct stc_layout *l = b->layout;
    int32_t total = b->model->n_layers + b->model->dec_layers;
    struct stc_param_count sum = {0, 0};
    for (int32_t c = 0; c < l->vp; c++) {
        int32_t v = c * l->pp + stage, first = stc_layout_first_layer(l, total, v),
                n = stage_layers(b, stage, c);
        for (int32_t i = first; i < first + n; i++) {
            sum = plus(sum, stc_build_params(b, STC_BLOCK_LAYER, i));
        }
    }
    if (stage == 0) {
        sum = plus(sum, stc_build_params(b, STC_BLOCK_EMBED, 0));
    }
    if (stage == l->pp - 1) {
        sum = plus(sum, stc_build_params(b, STC_BLOCK_HEAD, 0));
        for (int32_t i = 0; i < b->model->mtp_layers; i++) {
            sum = plus(sum, stc_build_params(b, STC_BLOCK_MTP, i));
        }
    }
    return sum;
}

/* Bytes a parameter of each state: of 16-bit training what the stack keeps, of
 * 32-bit training a copy of everything once. */
struct widths {
    double param, grad, main, state, fp32_grad;
};

static struct widths state_widths(const struct stc_build *b)
{
    static const double moments[] = {[STC_OPT_ADAM] = 1,
                                     [STC_OPT_LAMB] = 1,
                                     [STC_OPT_ADAFACTOR] = 0.01,
                                     [STC_OPT_SGD] = 0.5};
    const struct stc_stack *k = b->stack;
    double share = moments[b->train->optimizer];
    if (stc_build_elem_bytes(b) > 2) {
        return (struct widths){4, 4, 0, 8 * share, 0};
    }
    double fp32_grad = stc_build_fp32_grads(b) ? 4 : 0;
    return (struct widths){k->param_bytes, k->grad_bytes, k->main_param_bytes,
                           k->optim_state_bytes * share, fp32_grad};
}

/* Adds the states of n parameters, cut over `ranks` as far as the sharding goes. */
static void add_states(const struct stc_build *b, double n, double ranks,
                       struct stc_mem_est *out)
{
    struct widths w = state_widths(b);
    int shard = b->layout->shard;
    double optim = w.main + w.state, trained = n * stc_build_trained_share(b);
    double cut_optim = shard >= STC_SHARD_ZERO1 ? ranks : 1,
           cut_grad = shard >= STC_SHARD_ZERO2 ? ranks : 1;
    double cut_param = shard >= STC_SHARD_ZERO3 ? ranks : 1;
    double here = 1 - stc_host_share(b->train); /* models/host.h has the rest */
    out->bytes[STC_MEM_PARAM] +=
        n * w.param / cut_param + (trained < n ? trained * w.param / cut_param : 0);
    /* cut gradients leave with their states, whole ones are still added to here */
    out->bytes[STC_MEM_GRAD] += trained * (w.grad + w.fp32_grad) / cut_grad *
                                (shard >= STC_SHARD_ZERO2 ? here : 1);
    out->bytes[STC_MEM_OPTIM] += trained * optim / cut_optim * here;
    if (stc_host_params_away(b)) {
        out->bytes[STC_MEM_PARAM] -= n * w.param / cut_param;
    }
}

static double largest_layer(const struct stc_build *b)
{
    double most = 0;
    for (int32_t i = 0; i < b->model->n_layers + b->model->dec_layers; i++) {
        struct stc_param_count c = stc_build_params(b, STC_BLOCK_LAYER, i);
        most = c.dense + c.expert > most ? c.dense + c.expert : most;
    }
    return most;
}

/* Embedding and head of a stage: FSDP's root unit. */
static double root_params(const struct stc_build *b, int32_t stage)
{
    double n = stage == 0 ? stc_build_params(b, STC_BLOCK_EMBED, 0).dense : 0;
    return stage == b->layout->pp - 1 ? n + stc_build_params(b, STC_BLOCK_HEAD, 0).dense
                                      : n;
}

/* Parameters gathered to be worked with: the unit at hand and those prefetched,
 * and the gradients of a unit before they are cut. The root unit (embedding and
 * head) stays gathered from its forward to its backward. Under a pipeline FSDP
 * may keep all of a stage gathered, and its gradients whole until the last
 * micro-batch, so as not to communicate for each. */
static void add_gathered(const struct stc_build *b, int32_t stage, double n_params,
                         struct stc_mem_est *out)
{
    const struct stc_layout *l = b->layout;
    double e = stc_build_elem_bytes(b), layer = largest_layer(b),
           root = root_params(b, stage);
    if (l->shard < STC_SHARD_ZERO3 || stc_layout_axis_size(l, STC_AXIS_SHARD) <= 1) {
        return;
    }
    int whole = l->pp > 1 && b->stack->pp_keeps_unsharded;
    double gathered = layer * (1 + b->stack->prefetch_layers) + root,
           grads = layer + root;
    if (whole || !l->reshard_after_forward) {
        gathered = n_params;
    }
    if (whole && l->n_micro > 1) {
        grads = n_params;
    }
    out->bytes[STC_MEM_BUFFER] += gathered * e;
    out->bytes[b->stack->grads_come_and_go ? STC_MEM_GRAD : STC_MEM_BUFFER] +=
        grads * b->stack->grad_reduce_bytes;
}

/* Buckets that gradients are copied to before they are reduced. */
static void add_buckets(const struct stc_build *b, double n_params,
                        struct stc_mem_est *out)
{
    double all = n_params * b->stack->grad_reduce_bytes, one = b->stack->bucket_bytes;
    if (b->layout->pp == 1 && stc_layout_axis_size(b->layout, STC_AXIS_DPCP) > 1) {
        out->bytes[STC_MEM_BUFFER] +=
            b->stack->n_reduce_buffers * (all < one ? all : one);
    }
}

/* What stands only while the optimizer steps. */
static double step_bytes(const struct stc_build *b, struct stc_param_count n)
{
    const struct stc_layout *l = b->layout;
    int cut = l->shard >= STC_SHARD_ZERO1;
    double owned = n.dense / (cut ? stc_layout_axis_size(l, STC_AXIS_SHARD) : 1);
    owned += n.expert / (cut ? stc_layout_axis_size(l, STC_AXIS_EDP) : 1);
    owned *= 1 - stc_host_share(b->train);
    return stc_build_elem_bytes(b) > 2 || stc_build_fp32_grads(b)
               ? 0
               : owned * b->stack->step_bytes;
}

/* ==== activations ==== */

/* Attention of a layer: what stands from its forward to its backward. */
static double attention_act(const struct stc_build *b, int32_t layer, int cross)
{
    const struct stc_model *m = b->model;
    const struct stc_layout *l = b->layout;
    double e = stc_build_elem_bytes(b), saved = stc_build_saved_bytes(b), tp = l->tp;
    double t = (double)l->micro_batch * stc_build_seq(b, layer) / l->cp,
           ts = stc_build_sp(b) ? t / tp : t;
    double h = m->hidden, heads = m->n_heads / tp, dropout = stc_build_dropout(b);
    double kv = m->n_kv_heads >= l->tp ? m->n_kv_heads / tp : 1;
    double qk = stc_model_qk_dim(m), v = stc_model_v_dim(m),
           keys = cross ? stc_build_seq(b, 0) : stc_build_seq(b, layer);
    /* norm's input, the dropout mask behind; QKV's input */
    int gathered = b->stack->sp_keeps_gathered && m->mla_kv_rank == 0;
    double bytes = ts * h * (e + dropout) + (gathered ? t : ts) * h * saved;
    if (m->mla_kv_rank > 0) {
        kv = heads;
        bytes += ts * (m->mla_q_rank + m->mla_kv_rank) *
                 (e + saved); /* the two norms' and up projections' inputs */
    } else if (m->qk_norm) {
        bytes += t * (heads + kv) * qk * e;
    }
    double own_keys = (double)l->micro_batch * keys / l->cp;
    double core = (t * heads * qk + own_keys * kv * (qk + v)) *
                  (stc_build_attn_8bit(b) ? 1 : e); /* Q, K, V */
    double out = t * heads * v * (stc_build_flash(b) ? e : saved) +
                 m->attn_gate * 2 * t * heads * v * e;
    int selective =
        l->recompute == STC_RECOMPUTE_SELECTIVE && !b->stack->selective_blocks;
    enum stc_selective what = stc_build_selective(b);
    if (stc_build_flash(b)) { /* latent attention's up-projections make Q, K, V again */
        core = selective && what == STC_SELECT_LATENT ? 0 : core;
        return bytes + core + out + t * heads * 4.0;
    }
    int dropped = selective && what == STC_SELECT_CORE;
    double mask = b->stack->unfused_dropout_mask_bytes > 0
                      ? b->stack->unfused_dropout_mask_bytes
                      : 1;
    double scores = dropped ? 0 : t * keys * heads * (e + (dropout > 0 ? e + mask : 0));
    return bytes + core + out + scores;
}

static double mlp_act(const struct stc_build *b, double tokens, double ffn,
                      double input_tokens)
{
    const struct stc_model *m = b->model;
    double e = stc_build_elem_bytes(b), saved = stc_build_saved_bytes(b);
    int gated = stc_model_gated(m),
        fused = b->train->compile || b->stack->bias_gelu_fused;
    double kept = gated ? (fused ? 2 : 3) : 1;
    return tokens * ffn * (kept * e + saved) + input_tokens * m->hidden * saved;
}

static double dense_half(const struct stc_build *b, int32_t layer)
{
    const struct stc_layout *l = b->layout;
    double e = stc_build_elem_bytes(b), dropout = stc_build_dropout(b);
    double t = (double)l->micro_batch * stc_build_seq(b, layer) / l->cp,
           ts = stc_build_sp(b) ? t / l->tp : t;
    return ts * b->model->hidden * (e + dropout) + /* norm's input, mask */
           mlp_act(b, t, (double)b->model->ffn / l->tp,
                   b->stack->sp_keeps_gathered ? t : ts);
}

static double experts_half(const struct stc_build *b, int32_t layer)
{
    const struct stc_model *m = b->model;
    const struct stc_layout *l = b->layout;
    double e = stc_build_elem_bytes(b), saved = stc_build_saved_bytes(b), h = m->hidden;
    double t = (double)l->micro_batch * stc_build_seq(b, layer) / l->cp,
           ts = stc_build_sp(b) ? t / l->tp : t, hx = stc_model_expert_hidden(m);
    double cap = b->train->moe_capacity_factor, copies = ts * m->topk,
           work = copies * l->etp * (cap > 0 && cap < 1 ? cap : 1);
    work *= stc_build_imbalance(b);                     /* the fullest rank's */
    double bytes = ts * h * (e + stc_build_dropout(b)); /* norm's input, mask */
    bytes += ts * (h * e + m->n_experts * 4.0);         /* router */
    bytes += m->moe_latent > 0 ? ts * hx * saved : 0;
    bytes += (b->stack->moe_probs_in_act ? 0 : copies * hx * e) +
             work * hx * saved; /* experts' outputs, to weight them; their inputs */
    bytes += work * m->expert_ffn / l->etp * ((stc_model_gated(m) ? 2 : 1) * e + saved);
    if (stc_model_shared_ffn(m) > 0) {
        bytes += mlp_act(b, t, (double)stc_model_shared_ffn(m) / l->tp, 0);
    }
    return bytes;
}

/* Mamba-2: the fused scan keeps its input and the gated norm's; the products theirs. */
static double mixer_act(const struct stc_build *b, int32_t layer)
{
    const struct stc_layout *l = b->layout;
    struct stc_mamba x = stc_model_mamba(b->model);
    double e = stc_build_elem_bytes(b), saved = stc_build_saved_bytes(b);
    double t = (double)l->micro_batch * stc_build_seq(b, layer) / l->cp,
           ts = stc_build_sp(b) ? t / l->tp : t;
    double in = b->model->hidden * (ts * (e + stc_build_dropout(b)) +
                                    (b->stack->sp_keeps_gathered ? t : ts) * saved);
    return in + t / l->tp * ((x.in_width + x.inner) * e + x.inner * saved);
}

/* torchtitan's per-operator checkpointing keeps a layer's input, the attention's
 * output with its log-sum-exp, and every other product's output. */
static double per_operator_act(const struct stc_build *b, int32_t layer)
{
    const struct stc_model *m = b->model;
    const struct stc_layout *l = b->layout;
    double e = stc_build_elem_bytes(b), tp = l->tp;
    double t = (double)l->micro_batch * stc_build_seq(b, layer) / l->cp,
           ts = stc_build_sp(b) ? t / tp : t;
    double q = m->n_heads / tp * stc_model_v_dim(m),
           qk = m->n_heads / tp * stc_model_qk_dim(m);
    double kv = (m->n_kv_heads >= l->tp ? m->n_kv_heads / tp : 1) * stc_model_qk_dim(m);
    /* products in order: Q K V out, then gate up down (or up down) */
    double kept = qk + kv + (stc_model_gated(m) ? m->ffn / tp : 0);
    double down = stc_model_gated(m) ? ts * m->hidden : t * m->ffn / tp;
    return (ts * m->hidden + t * (kept + q) + down) * e + t * m->n_heads / tp * 4.0;
}

double stc_mem_layer_act(const struct stc_build *b, int32_t layer)
{
    const struct stc_model *m = b->model;
    if (b->layout->recompute == STC_RECOMPUTE_SELECTIVE &&
        stc_build_selective(b) == STC_SELECT_OPS) {
        return per_operator_act(b, layer);
    }
    double bytes = 0;
    bytes += stc_model_layer_has_attention(m, layer) ? attention_act(b, layer, 0) : 0;
    bytes += stc_model_layer_is_decoder(m, layer) ? attention_act(b, layer, 1) : 0;
    bytes += stc_model_layer_is_mamba(m, layer) ? mixer_act(b, layer) : 0;
    bytes += stc_model_layer_has_mlp(m, layer) ? dense_half(b, layer) : 0;
    return bytes + (stc_model_layer_is_moe(m, layer) ? experts_half(b, layer) : 0);
}

/* Multi-token prediction on the last stage: a layer, three norms' inputs and the
 * joining product's for each. */
static double mtp_act(const struct stc_build *b)
{
    const struct stc_layout *l = b->layout;
    int32_t last = b->model->n_layers + b->model->dec_layers;
    double t = (double)l->micro_batch * stc_build_seq(b, last) / l->cp,
           ts = stc_build_sp(b) ? t / l->tp : t;
    double ends = ts * b->model->hidden * 6 * stc_build_elem_bytes(b);
    return b->model->mtp_layers * (stc_mem_layer_act(b, last) + ends);
}

/* Outputs of a net's convolutions, and what their batch norms keep. */
static double conv_act(const struct stc_build *b)
{
    struct stc_conv convs[STC_MAX_CONVS];
    int n = stc_model_convs(b->model, b->train->seq_len, convs);
    double elements = 0;
    for (int i = 0; i < n; i++) {
        elements += (double)convs[i].places * convs[i].out * (1 + convs[i].norm);
    }
    return elements * b->layout->micro_batch * stc_build_elem_bytes(b);
}

/* Activations of a chunk, one micro-batch; the fullest recomputed layer apart, and
 * what of the layers kept on the host is on its way. */
static double chunk_act(const struct stc_build *b, int32_t stage, int32_t chunk,
                        double *recomputed_peak, double *window)
{
    const struct stc_layout *l = b->layout;
    int32_t total = b->model->n_layers + b->model->dec_layers,
            v = chunk * l->pp + stage;
    int32_t n = stage_layers(b, stage, chunk),
            first = stc_layout_first_layer(l, total, v);
    double bytes = 0;
    for (int32_t i = 0; i < n; i++) {
        double act = stc_mem_layer_act(b, first + i), keep = act;
        if (stc_build_layer_recomputed(b, i, n)) {
            keep = stc_build_boundary_bytes(b);
            *recomputed_peak = act > *recomputed_peak ? act : *recomputed_peak;
        }
        if (stc_host_layer_away(b, i, n)) { /* all but what is on its way */
            *window =
                keep * STC_HOST_WINDOW > *window ? keep * STC_HOST_WINDOW : *window;
        } else {
            bytes += keep;
        }
    }
    return bytes;
}

/* Chunk-forwards alive at the worst moment: Narayanan 2104.04473 §2.2 (1F1B,
 * interleaved), Huang 1811.06965 (GPipe: all), Qi 2401.10241 table 1 (H1 like
 * 1F1B on every stage, H2 twice that). */
int32_t stc_mem_in_flight(const struct stc_layout *l, int32_t stage)
{
    int32_t n = l->n_micro, most = n;
    switch ((enum stc_schedule_kind)l->schedule) {
    case STC_SCHED_1F1B: most = l->pp - stage; break;
    case STC_SCHED_INTERLEAVED: {
        int32_t rounds = n / l->pp > 1 ? n / l->pp : 1;
        n *= l->vp;
        most = (l->pp - stage - 1) * 2 + (l->vp - 1) * (l->n_micro / rounds) + 1;
        break;
    }
    case STC_SCHED_ZB_H1: most = l->pp; break;
    case STC_SCHED_ZB_H2: most = 2 * l->pp - 1; break;
    case STC_SCHED_GPIPE:
        n *= l->vp;
        most = n;
        break;
    case STC_SCHED_COUNT: break;
    }
    return most < n ? most : n;
}

/* Gradients that stand beside the activations in a layer's backward: of the
 * MLP's inner tensors, or of unfused scores, and of the residual stream. */
static double backward_temporaries(const struct stc_build *b)
{
    const struct stc_model *m = b->model;
    const struct stc_layout *l = b->layout;
    double e = stc_build_elem_bytes(b),
           t = (double)l->micro_batch * stc_build_seq(b, 0) / l->cp;
    double ffn = m->ffn, mlp, attn = t * 4.0 * m->hidden / l->tp * e;
    if (m->n_experts > 0) {
        double work = (stc_build_sp(b) ? t / l->tp : t) * m->topk * l->etp;
        ffn = work * m->expert_ffn / l->etp / t * l->tp;
        ffn = ffn > m->ffn ? ffn : m->ffn;
    }
    mlp = t * ffn / l->tp * e * (stc_model_gated(m) ? 3 : 2);
    if (!stc_build_flash(b)) {
        /* the fused softmax writes its gradient in place, eager code beside it */
        double copies = b->stack->masked_softmax_fused ? 2 : 1;
        attn += copies * t * stc_build_seq(b, 0) * m->n_heads / l->tp * e;
    }
    return 2 * t * m->hidden * e + (mlp > attn ? mlp : attn);
}

static double logits_bytes(const struct stc_build *b)
{
    double t = (double)b->layout->micro_batch *
               stc_build_seq(b, b->model->n_layers + b->model->dec_layers - 1) /
               b->layout->cp;
    double each = b->stack->logits_bytes;
    if (b->train->compile && b->stack->logits_bytes_compiled > 0) {
        each = b->stack->logits_bytes_compiled;
    }
    each += b->model->logits_extra_bytes - (stc_build_elem_bytes(b) > 2 ? 2 : 0);
    if (b->model->kind >= STC_MODEL_VIT || b->model->gen_hidden > 0) {
        return 0;
    }
    if (b->model->kind == STC_MODEL_ENCODER && b->stack->masked_head_gather) {
        t *= 0.15625;
    }
    return t * stc_build_padded_vocab(b) / b->layout->tp * each *
           (1 + b->model->mtp_layers); /* each prediction has its own */
}

static void add_activations(const struct stc_build *b, int32_t stage,
                            struct stc_mem_est *out)
{
    const struct stc_layout *l = b->layout;
    double recomputed = 0, sum = 0, window = 0;
    for (int32_t c = 0; c < l->vp; c++) {
        sum += chunk_act(b, stage, c, &recomputed, &window);
    }
    double alive = sum / l->vp * stc_mem_in_flight(l, stage) + window;
    double work = recomputed + backward_temporaries(b);
    if (l->pp > 1 && b->stack->pp_keeps_outputs) {
        alive += stc_build_boundary_bytes(b) * stc_mem_in_flight(l, stage);
    }
    if (stage == l->pp - 1 && b->model->mtp_layers > 0) {
        alive += mtp_act(b);
    }
    out->bytes[STC_MEM_ACT] += alive;
    if (stage == 0 && b->model->kind == STC_MODEL_CNN)
        out->bytes[STC_MEM_BUFFER] += b->train->conv_workspace_bytes;
    if (stage == 0 && b->model->n_net > 0) {
        out->bytes[STC_MEM_ACT] += conv_act(b) * stc_mem_in_flight(l, stage);
    }
    if (stage == 0) { /* masks of the embedding's dropout */
        out->bytes[STC_MEM_ACT] +=
            stc_build_dropout(b) ? stc_build_boundary_bytes(b) / stc_build_elem_bytes(b)
                                 : 0;
    }
    double logits = stage == l->pp - 1 ? logits_bytes(b) : 0;
    /* the loss and the first layer's backward do not stand at the same time */
    out->bytes[STC_MEM_LOGITS] += logits > work ? logits : 0;
    out->bytes[logits > work ? STC_MEM_LOGITS : STC_MEM_ACT] +=
        logits > work ? 0 : recomputed;
    out->bytes[STC_MEM_BUFFER] += logits > work ? 0 : work - recomputed;
}

enum stc_err stc_mem_estimate(const struct stc_build *b, int32_t stage,
                              struct stc_mem_est *out, struct stc_diag *diag)
{
    const struct stc_layout *l = b->layout;
    struct stc_mem_est e;
    memset(&e, 0, sizeof e);
    for (int32_t c = 0; c < l->vp; c++) {
        if (stage < 0 || stage >= l->pp || stage_layers(b, stage, c) < 0) {
            return stc_fail(
                diag, STC_ERR_INFEASIBLE,
                "layout: %d layers cannot be cut into pp %d x vp %d with these ends",
                (int)(b->model->n_layers + b->model->dec_layers), (int)l->pp,
                (int)l->vp);
        }
    }
    struct stc_param_count n = stc_mem_stage_params(b, stage);
    add_states(b, n.dense, stc_layout_axis_size(l, STC_AXIS_SHARD), &e);
    add_states(b, n.expert, stc_layout_axis_size(l, STC_AXIS_EDP), &e);
    double states = stc_mem_allocated(&e), step = step_bytes(b, n);
    add_gathered(b, stage, n.dense + n.expert, &e);
    add_activations(b, stage, &e);
    if (stc_build_sp(b)) { /* the gathered input of a product */
        e.bytes[STC_MEM_BUFFER] += stc_build_boundary_bytes(b) * l->tp;
    }
    add_buckets(b, n.dense + n.expert, &e);
    if (b->stack->grads_come_and_go && l->n_micro == 1) /* as activations go */
        e.bytes[STC_MEM_GRAD] = fmax(0, e.bytes[STC_MEM_GRAD] - e.bytes[STC_MEM_ACT]);
    double over = states + step - stc_mem_allocated(&e);
    if (over > 0) { /* the step, not the backward, is the peak */
        e.bytes[STC_MEM_OPTIM] += over;
    }
    e.bytes[STC_MEM_FRAMEWORK] = b->stack->framework_bytes;
    /* the step's flat buffers do not fit into blocks cached for activations */
    e.bytes[STC_MEM_SLACK] = stc_mem_allocated(&e) * b->stack->allocator_slack_frac +
                             step - (over > 0 ? over : 0);
    e.bytes[STC_MEM_CONTEXT] = b->stack->context_bytes;
    *out = e;
    return STC_OK;
}
