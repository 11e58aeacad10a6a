/*
 * resolve_layout.c - the training job and its layout: what the stack takes when
 * nobody says, and the arithmetic that joins gpus, dp, micro-batches and batch.
 */
#include "scenarios/resolve.h"

#include <limits.h>

/* ==== the job ==== */

static enum stc_err check_precision(const struct stc_scenario *s, struct stc_diag *diag)
{
    const struct stc_gpu *g = &s->cluster.gpu;
    const struct stc_dtype_info *d = stc_dtype_info((enum stc_dtype)s->train.precision);
    if (s->train.precision == STC_DTYPE_BF16 && !g->has_bf16)
        return stc_scenario_fail(s, STC_KEY_precision, diag, STC_ERR_INFEASIBLE,
                                 "%s has no bf16 units; fp16 or fp32 would be right",
                                 g->name);
    if (g->peak_flop_per_s[d->math] <= 0)
        return stc_scenario_fail(s, STC_KEY_precision, diag, STC_ERR_INFEASIBLE,
                                 "%s has no %s units; %s would be right", g->name,
                                 stc_math_name(d->math), g->has_bf16 ? "bf16" : "fp16");
    return STC_OK;
}

/* A stack's widths are those of 16-bit training; in 32 bits gradients and gathered
 * parameters travel as they are kept, and so do gradients that are kept in 32. */
static void widen(struct stc_scenario *s)
{
    int all = s->train.precision == STC_DTYPE_FP32 ||
              s->train.precision == STC_DTYPE_TF32,
        grads = s->stack.fp32_grads_by_dtype && s->train.precision != STC_DTYPE_FP16;
    if ((all || grads) && s->said.k_reduce_bytes < 0) s->stack.grad_reduce_bytes = 4;
    if (all) s->stack.param_gather_bytes = 4;
}

/* Tokens of a sample that the model itself fixes; 0: somebody must say. */
static int32_t own_seq_len(const struct stc_model *m)
{
    if (m->kind == STC_MODEL_CNN) return 1; /* an image */
    if (m->kind == STC_MODEL_VIT && m->patch > 0)
        return (m->image / m->patch) * (m->image / m->patch) +
               1; /* and a class token */
    return m->max_positions;
}

enum stc_err stc_resolve_train(struct stc_scenario *s, struct stc_diag *diag)
{
    struct stc_train *t = &s->train;
    t->precision = s->cluster.gpu.has_bf16 ? STC_DTYPE_BF16 : STC_DTYPE_FP16;
    t->flash = s->stack.default_flash;
    t->dropout = s->stack.default_dropout;
    t->seq_len = own_seq_len(&s->model);
    t->offload_frac = 1;
    t->conv_workspace_bytes = s->cluster.gpu.conv_workspace_bytes;
    t->data_workers = t->data_prefetch = 2; /* Megatron-LM's and PyTorch's defaults */
    stc_resolve_put(s, "train");
    if (s->said.cuda_graphs == 0)
        t->cuda_graphs =
            s->stack.default_cuda_graphs == 1 ||
            (s->stack.default_cuda_graphs == 2 && t->moe_capacity_factor > 0);
    widen(s);
    if (s->said.loss_scaling == 0)
        t->fp16_loss_scaling = t->precision == STC_DTYPE_FP16;
    if (t->seq_len <= 0)
        return stc_scenario_fail(s, STC_KEY_seq_len, diag, STC_ERR_PARSE,
                                 "not said, and the model names no longest sequence; "
                                 "tokens a sample, as in 2048");
    return check_precision(s, diag);
}

/* ==== ranks ==== */

static enum stc_err ranks(struct stc_scenario *s, struct stc_diag *diag)
{
    struct stc_layout *l = &s->layout;
    int64_t shard = (int64_t)l->tp * l->pp * l->cp;
    if (shard > s->n_gpus || s->n_gpus % shard != 0)
        return stc_scenario_fail(s, s->said.dp != STC_AUTO ? STC_KEY_dp : STC_KEY_tp,
                                 diag, STC_ERR_INFEASIBLE,
                                 "%d GPUs are not a multiple of tp*cp*pp = %d*%d*%d = "
                                 "%lld; other factors, or another "
                                 "number of GPUs, would be right",
                                 (int)s->n_gpus, (int)l->tp, (int)l->cp, (int)l->pp,
                                 (long long)shard);
    l->dp = (int32_t)(s->n_gpus / shard);
    if (s->said.dp != STC_AUTO && s->said.dp != l->dp)
        return stc_scenario_fail(
            s, STC_KEY_dp, diag, STC_ERR_INFEASIBLE,
            "tp*cp*pp*dp = %lld, but the job has %d GPUs; dp = %d would be right",
            (long long)(shard * s->said.dp), (int)s->n_gpus, (int)l->dp);
    l->etp = stc_said_or(s->said.etp, l->ep > 1 ? 1 : l->tp);
    if (s->model.n_experts == 0) l->etp = stc_said_or(s->said.etp, l->tp);
    return STC_OK;
}

/* ==== batches ==== */

static enum stc_err batch_misfit(const struct stc_scenario *s, struct stc_diag *diag,
                                 int64_t unit)
{
    int64_t g = s->train.global_batch, below = g / unit * unit;
    return stc_scenario_fail(s, STC_KEY_global_batch, diag, STC_ERR_INFEASIBLE,
                             "%lld samples do not divide into micro-batches of %d on "
                             "%d replicas; %lld would be right",
                             (long long)g, (int)s->layout.micro_batch,
                             (int)s->layout.dp, (long long)(below > 0 ? below : unit));
}

static enum stc_err batches(struct stc_scenario *s, struct stc_diag *diag)
{
    struct stc_layout *l = &s->layout;
    int32_t accum = s->said.grad_accum;
    if (s->said.global_batch == STC_AUTO) {
        if (s->said.micro_batch == STC_AUTO)
            return stc_scenario_fail(s, STC_KEY_global_batch, diag, STC_ERR_PARSE,
                                     "not said; samples a step, or layout.micro_batch "
                                     "and layout.grad_accum");
        int64_t g = (int64_t)s->said.micro_batch * l->dp * stc_said_or(accum, 1);
        if (g > INT32_MAX)
            return stc_scenario_fail(s, STC_KEY_global_batch, diag, STC_ERR_RANGE,
                                     "%lld samples a step are too many", (long long)g);
        s->train.global_batch = (int32_t)g;
    }
    int64_t g = s->train.global_batch;
    l->micro_batch = stc_said_or(s->said.micro_batch, 1);
    if (s->said.micro_batch == STC_AUTO && accum != STC_AUTO) {
        int64_t pieces = (int64_t)l->dp * accum;
        if (g % pieces != 0) return batch_misfit(s, diag, pieces);
        l->micro_batch = (int32_t)(g / pieces);
    }
    int64_t unit = (int64_t)l->micro_batch * l->dp;
    if (g % unit != 0) return batch_misfit(s, diag, unit);
    l->n_micro = (int32_t)(g / unit);
    if (accum != STC_AUTO && accum != l->n_micro)
        return stc_scenario_fail(s, STC_KEY_grad_accum, diag, STC_ERR_INFEASIBLE,
                                 "global_batch / (micro_batch*dp) is %d, not %d; leave "
                                 "it out, or change one of them",
                                 (int)l->n_micro, (int)accum);
    return STC_OK;
}

/* ==== pipeline ==== */

static int can_cut(const struct stc_scenario *s, int32_t vp)
{
    struct stc_layout l = s->layout;
    l.vp = vp;
    for (int32_t v = 0; v < l.pp * vp; v++)
        if (stc_layout_layers(&l, stc_model_pipeline_layers(&s->model), v) < 0)
            return 0;
    return 1;
}

/* The recipe's chunks when nobody says: as the stack has it, or as many as the
 * layers allow; interleaving needs micro-batches in multiples of pp. */
static int32_t recipe_vp(const struct stc_scenario *s)
{
    int32_t want = s->stack.default_vp, pp = s->layout.pp;
    int schedule = stc_chosen_or(s->said.schedule, -1);
    if (pp == 1 || (schedule >= 0 && schedule != STC_SCHED_INTERLEAVED)) return 1;
    if (want == 1 && schedule < 0) return 1;
    if (s->layout.n_micro % pp != 0) return 1;
    int32_t layers = stc_model_pipeline_layers(&s->model) -
                     s->layout.first_stage_extra - s->layout.last_stage_extra;
    for (int32_t vp = want > 1 ? want : layers / pp; vp > 1; vp--)
        if (layers % (pp * vp) == 0 && can_cut(s, vp)) return vp;
    return 1;
}

static void pipeline(struct stc_scenario *s)
{
    struct stc_layout *l = &s->layout;
    l->vp = stc_said_or(s->said.vp, 0);
    if (l->vp == 0) l->vp = recipe_vp(s);
    int chosen = stc_chosen_or(s->said.schedule, -1);
    if (chosen < 0) chosen = l->vp > 1 ? STC_SCHED_INTERLEAVED : STC_SCHED_1F1B;
    if (chosen == STC_SCHED_INTERLEAVED && l->vp == 1)
        chosen = STC_SCHED_1F1B; /* one chunk: the same thing */
    l->schedule = (uint8_t)chosen;
}

/* Stacks that deal blocks by cost: the head takes the place of as many layers as
 * it has parameters' worth of products. */
static void balance_head(struct stc_scenario *s)
{
    struct stc_layout *l = &s->layout;
    int said = s->line[STC_KEY_first_extra] != 0 || s->line[STC_KEY_last_extra] != 0;
    if (!s->stack.balance_head || said || l->pp == 1 || l->vp > 1) return;
    int32_t n = stc_model_pipeline_layers(&s->model);
    double head = (double)s->model.vocab * s->model.hidden /
                  stc_model_layer_params(&s->model, n - 1);
    double want = (n + head) / l->pp - head; /* layers of the last stage */
    double best = n;
    for (int32_t x = 0; x > -n; x--) {
        double last = (double)(n - x) / l->pp + x,
               off = last > want ? last - want : want - last;
        if ((n - x) % l->pp != 0 || last < 1 || off >= best) continue;
        best = off;
        l->last_stage_extra = (int16_t)x;
    }
}

enum stc_err stc_resolve_layout(struct stc_scenario *s, struct stc_diag *diag)
{
    struct stc_layout *l = &s->layout;
    l->tp = l->pp = l->cp = l->ep = 1;
    l->recompute_layers = -1;
    stc_resolve_put(s, "layout");
    enum stc_err err = ranks(s, diag);
    if (err == STC_OK) err = batches(s, diag);
    if (err != STC_OK) return err;
    l->shard = (uint8_t)stc_chosen_or(s->said.shard, s->stack.default_shard);
    if (l->shard_group == l->dp * l->cp) l->shard_group = 0;
    l->reshard_after_forward = (uint8_t)stc_chosen_or(
        s->said.reshard, l->shard >= STC_SHARD_ZERO3 && l->pp == 1);
    l->seq_parallel =
        (uint8_t)(l->tp > 1 &&
                  stc_chosen_or(s->said.seq_parallel, s->stack.default_seq_parallel));
    l->recompute =
        (uint8_t)stc_chosen_or(s->said.recompute, s->stack.default_recompute);
    pipeline(s);
    balance_head(s);
    return STC_OK;
}
