#include "kernels/cost.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/cost_params.h"
#include "kernels/membound.h"
#include "kernels/residual.h"

static double clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* Sigma by tier where no left-out rows say better; see calib/data/fits.yaml. */
static const double tier_sigma[STC_TIER_COUNT] = {
    [STC_TIER_MEASURED] = 0.05,
    [STC_TIER_INTERPOLATED] = 0.08,
    [STC_TIER_TRANSFERRED] = 0.18,
    [STC_TIER_PRIOR] = 0.30,
};

/* Fills seconds, tier, sigma and the layers from a fit and its terms. */
static void finish(const struct stc_fit *f, bool exact, const struct stc_terms *t,
                   struct stc_est *out)
{
    struct stc_residual_hit hit = {.log_factor = 0, .distance = -1, .seen = false};
    const struct stc_residual *r = exact ? f->residual : NULL;
    uint8_t tier = f->tier;

    if (r != NULL) stc_residual_at(r, t->feat, &hit);
    if (!exact && tier < STC_TIER_TRANSFERRED) tier = STC_TIER_TRANSFERRED;
    if (r != NULL && !hit.seen && tier < STC_TIER_INTERPOLATED)
        tier = STC_TIER_INTERPOLATED;
    double sigma = tier_sigma[tier];
    if (r != NULL && f->sigma_resid > 0)
        sigma = f->sigma_resid;
    else if (f->sigma_plain > 0)
        sigma = f->sigma_plain;
    if (hit.distance > 0) sigma += fmin(0.2, 0.05 * hit.distance);
    *out = (struct stc_est){
        .seconds = t->seconds * exp(hit.log_factor),
        .sigma_log = sigma,
        .physics_s = t->ideal_s,
        .efficiency = t->ideal_s / t->seconds,
        .residual = exp(hit.log_factor),
        .distance = hit.distance,
        .flop = t->flop,
        .bytes = t->bytes,
        .family = f->family,
        .tier = tier,
        .outside = hit.distance > 0,
        .bound = t->bound,
    };
}

static void nothing(enum stc_family family, struct stc_est *out)
{
    *out = (struct stc_est){.efficiency = 1,
                            .residual = 1,
                            .distance = -1,
                            .family = (uint8_t)family,
                            .tier = STC_TIER_PRIOR,
                            .bound = "nothing"};
}

/* Applies a factor on the work between launch and end (regime, layout). */
static void slow_down(struct stc_est *e, double launch_s, double factor)
{
    double fixed = fmin(launch_s, e->seconds), before = e->seconds;
    e->seconds = fixed + (e->seconds - fixed) * factor;
    if (before > 0) e->efficiency *= before / e->seconds;
}

/* An operand width per rank off the tile costs a share of the speed,
 * growing from 8-element to 64-element misalignment. */
static double align_factor(const struct stc_platform *p, int64_t n, int64_t k)
{
    int64_t w = n % 128 != 0 ? n : k;
    if (n < 512 || k < 512 || (n % 64 == 0 && k % 64 == 0)) return 1;
    double worst = w % 8 != 0 || k % 8 != 0 ? 2.0 : 1.0;
    return 1 + p->align_loss * worst;
}

/* Clock in a long loop / in a burst. A part of the generation with less power
 * for each FLOP it could do (500 W boards of a 700 W chip) sustains less. */
static double sustained(const struct stc_platform *p, const struct stc_gpu *g,
                        enum stc_math m)
{
    double clock = p->in_situ[m], peak = g->peak_flop_per_s[STC_MATH_FP16];
    if (p->ref_tdp_w <= 0 || g->tdp_w <= 0 || peak <= 0) return clock;
    /* Small boards idle at less: a quarter of their limit at most. */
    double idle = fmin(p->idle_w, 0.25 * g->tdp_w),
           ref_idle = fmin(p->idle_w, 0.25 * p->ref_tdp_w);
    double budget = (g->tdp_w - idle) / peak;
    double usual = (p->ref_tdp_w - ref_idle) / p->ref_flop_per_s;
    /* A burst on the reference part meets its power limit too: a part with more
     * power for its peak may pass it, by little before voltage forbids. */
    return fmin(1.2, clock * pow(budget / usual, p->power_exp));
}

/* Rate of a recipe that nobody measured alone, relative to the one whose fit it
 * borrows. Row scales are applied outside the tensor core's accumulation, and
 * whole steps with them run no faster than bf16; e8m0 blocks cost Blackwell 4 to
 * 10 % of per-tensor scaling (seen in NVIDIA's and torchtitan's tables). */
static double recipe_rate(enum stc_dtype d)
{
    return d == STC_DTYPE_FP8_ROW ? 0.70 : d == STC_DTYPE_MXFP8 ? 0.93 : 1;
}

void stc_cost_gemm(const struct stc_cost *c, const struct stc_gpu *gpu,
                   const struct stc_gemm_q *q, struct stc_est *out)
{
    assert(q->m >= 0 && q->n >= 0 && q->k >= 0);
    if (q->m == 0 || q->n == 0 || q->k == 0) {
        nothing(STC_FAMILY_GEMM, out);
        return;
    }
    bool exact;
    struct stc_terms t = {.want_features = false};
    const struct stc_fit *f = stc_cost_pick(c, gpu, STC_FAMILY_GEMM, q->dtype, &exact);
    const struct stc_platform *p = &c->platform[gpu->gen];

    t.want_features = exact && f->residual != NULL;
    if (t.want_features) stc_residual_ahead(f->residual);
    stc_gemm_terms(gpu, f->v, q, &t);
    finish(f, exact, &t, out);
    double slow = align_factor(p, q->n, q->k);
    if (!exact) slow /= recipe_rate(q->dtype);
    if (q->layout == STC_GEMM_NT) slow /= p->wgrad_eff;
    if (q->regime == STC_REGIME_IN_SITU) {
        double clock = sustained(p, gpu, stc_dtype_info(q->dtype)->math);
        slow /= t.bound[0] == 'm' || t.bound[0] == 'p' ? clock : p->in_situ_mem;
        out->sigma_log = hypot(out->sigma_log, p->in_situ_sigma_log);
    }
    if (slow != 1) slow_down(out, f->v[STC_GP_LAUNCH_S], slow);
}

/* Scores are written, read by softmax, written, read by the second product:
 * the product kernels' own traffic is in gemm, the softmax pass is here. */
static void unfused(const struct stc_cost *c, const struct stc_gpu *gpu,
                    const struct stc_attn_q *q, struct stc_est *out)
{
    int64_t d = q->head_dim, dv = q->head_dim_v > 0 ? q->head_dim_v : d;
    bool bwd = q->phase == STC_ATTN_BWD;
    struct stc_gemm_q score = {q->q_len, q->kv_len,   d,         q->batch * q->heads,
                               q->dtype, STC_GEMM_TN, q->regime, false,
                               false};
    struct stc_gemm_q value = {q->q_len, dv,          q->kv_len, q->batch * q->heads,
                               q->dtype, STC_GEMM_NN, q->regime, false,
                               false};
    double bytes = (double)q->batch * (double)q->heads * (double)q->q_len *
                   (double)q->kv_len * stc_dtype_info(q->dtype)->act_bytes;
    /* Passes over the scores beyond the products' own (fitted to runs without flash attention: about 6.5
     * and 9.5 in all; two of them belong to the products forward, four back). */
    double passes = bwd ? 5.5 : 4.5;
    struct stc_mem_q soft = {.read_bytes = bytes * passes / 2,
                             .write_bytes = bytes * passes / 2,
                             .n_launches = 3,
                             .kind = STC_MEMK_SOFTMAX,
                             .regime = q->regime};
    struct stc_est a, b, s;

    stc_cost_gemm(c, gpu, &score, &a);
    stc_cost_gemm(c, gpu, &value, &b);
    stc_cost_membound(c, gpu, &soft, &s);
    double n = bwd ? 2 : 1; /* each product has two in backward */
    *out = a;
    out->seconds = n * (a.seconds + b.seconds) + s.seconds;
    out->physics_s = n * (a.physics_s + b.physics_s) + s.physics_s;
    out->flop = n * (a.flop + b.flop);
    out->bytes = n * (a.bytes + b.bytes) + s.bytes;
    out->efficiency = out->physics_s / out->seconds;
    out->residual = 1;
    out->sigma_log = fmax(a.sigma_log, c->platform[gpu->gen].unfused_sigma_log);
    out->tier = STC_TIER_TRANSFERRED;
    out->family = bwd ? STC_FAMILY_ATTN_BWD : STC_FAMILY_ATTN_FWD;
    out->bound = s.seconds > out->seconds / 2 ? "hbm" : "math";
}

static enum stc_dtype cache_variant(enum stc_dtype kv)
{
    return stc_dtype_info(kv)->act_bytes < 2 ? STC_DTYPE_FP8 : STC_DTYPE_BF16;
}

void stc_cost_attn(const struct stc_cost *c, const struct stc_gpu *gpu,
                   const struct stc_attn_q *q, struct stc_est *out)
{
    static const enum stc_family families[] = {
        [STC_ATTN_FWD] = STC_FAMILY_ATTN_FWD,
        [STC_ATTN_BWD] = STC_FAMILY_ATTN_BWD,
        [STC_ATTN_DECODE] = STC_FAMILY_ATTN_DECODE,
    };
    assert(q->batch >= 0 && q->q_len >= 0 && q->kv_len >= 0 && q->heads >= 0 &&
           q->kv_heads >= 0);
    enum stc_family family = families[q->phase];
    if (q->batch == 0 || q->q_len == 0 || q->kv_len == 0 || q->heads == 0 ||
        q->head_dim <= 0) {
        nothing(family, out);
        return;
    }
    if (q->impl == STC_ATTN_UNFUSED && q->phase != STC_ATTN_DECODE) {
        unfused(c, gpu, q, out);
        return;
    }
    struct stc_attn_q x = *q;
    struct stc_terms t = {.want_features = false};
    bool exact;
    if (x.kv_heads == 0 || x.kv_heads > x.heads) x.kv_heads = x.heads;
    enum stc_dtype variant =
        cache_variant(q->phase == STC_ATTN_BWD ? q->dtype : q->kv_dtype);
    const struct stc_fit *f = stc_cost_pick(c, gpu, family, variant, &exact);
    const struct stc_platform *p = &c->platform[gpu->gen];

    t.want_features = exact && f->residual != NULL;
    if (t.want_features) stc_residual_ahead(f->residual);
    if (q->phase == STC_ATTN_DECODE)
        stc_decode_terms(gpu, f->v, &x, &t);
    else
        stc_attn_terms(gpu, f->v, &x, &t);
    /* The residual is of causal full-width attention by the best kernel. */
    bool plain =
        q->impl == STC_ATTN_FLASH && x.window == 0 &&
        (x.head_dim_v == 0 || x.head_dim_v == x.head_dim) &&
        (q->phase == STC_ATTN_DECODE ? x.q_len == 1 : x.q_len == x.kv_len && x.causal);
    finish(f, exact && plain, &t, out);
    if (exact && !plain)
        out->tier = f->tier < STC_TIER_INTERPOLATED ? STC_TIER_INTERPOLATED : f->tier;
    if (q->regime == STC_REGIME_IN_SITU) {
        double clock = t.bound[0] == 'm' || t.bound[0] == 'e'
                           ? sustained(p, gpu, STC_MATH_FP16)
                           : p->in_situ_mem;
        /* Attention draws less power than products: half the loss. */
        slow_down(out, f->v[STC_AP_LAUNCH_S], 0.5 + 0.5 / clock);
    }
}

void stc_cost_moe(const struct stc_cost *c, const struct stc_gpu *gpu,
                  const struct stc_moe_q *q, struct stc_est *out)
{
    assert(q->tokens >= 0 && q->hidden >= 0 && q->ffn >= 0);
    if (q->tokens == 0 || q->hidden == 0 || q->ffn == 0 || q->experts <= 0 ||
        q->topk <= 0) {
        nothing(STC_FAMILY_MOE_GEMM, out);
        return;
    }
    bool exact;
    struct stc_terms t = {.want_features = false};
    const struct stc_fit *f =
        stc_cost_pick(c, gpu, STC_FAMILY_MOE_GEMM, q->dtype, &exact);
    const struct stc_platform *p = &c->platform[gpu->gen];

    t.want_features = exact && f->residual != NULL;
    if (t.want_features) stc_residual_ahead(f->residual);
    stc_moe_terms(gpu, f->v, q, &t);
    finish(f, exact, &t, out);
    if (q->regime == STC_REGIME_IN_SITU)
        slow_down(out, f->v[STC_MP_LAUNCH_S],
                  1 / (t.bound[0] == 'm'
                           ? sustained(p, gpu, stc_dtype_info(q->dtype)->math)
                           : p->in_situ_mem));
}

void stc_cost_grouped(const struct stc_cost *c, const struct stc_gpu *gpu,
                      const struct stc_grouped_q *q, struct stc_est *out)
{
    int64_t groups = q->groups > 0 ? q->groups : 1;
    struct stc_gemm_q one = {.m = q->m_total,
                             .n = q->n,
                             .k = q->k,
                             .batch = 1,
                             .dtype = q->dtype,
                             .layout = q->layout,
                             .regime = q->regime};
    struct stc_est w = {0};

    stc_cost_gemm(c, gpu, &one, out);
    if (q->m_total == 0) return;
    /* All groups' weights are read, not one group's; rows are padded to tiles. */
    double each = (double)q->m_total / (double)groups,
           pad = ceil(each / 64) * 64 / each;
    double weights = (double)(groups - 1) * (double)q->n * (double)q->k *
                     stc_dtype_info(q->dtype)->weight_bytes;
    double slow = clamp(pad, 1, 4);
    if (!q->one_kernel) slow /= c->platform[gpu->gen].grouped_eff;

    struct stc_mem_q read = {
        .read_bytes = weights, .kind = STC_MEMK_COPY, .regime = q->regime};
    if (weights > 0) stc_cost_membound(c, gpu, &read, &w);
    out->seconds = fmax(out->seconds * slow, w.seconds + 0.25 * out->seconds * slow);
    out->efficiency = out->physics_s / out->seconds;
    out->sigma_log = hypot(out->sigma_log, 0.10);
    out->tier = out->tier < STC_TIER_TRANSFERRED ? STC_TIER_TRANSFERRED : out->tier;
    out->family = STC_FAMILY_MOE_GEMM;
}

void stc_cost_membound(const struct stc_cost *c, const struct stc_gpu *gpu,
                       const struct stc_mem_q *q, struct stc_est *out)
{
    const struct stc_platform *p = &c->platform[gpu->gen];
    double bytes = q->read_bytes + q->write_bytes;

    nothing(STC_FAMILY_MEMBOUND, out);
    if (bytes <= 0) return;
    out->seconds = stc_membound_s(gpu, p, q);
    out->physics_s = bytes / gpu->mem_Bps;
    out->efficiency = out->physics_s / out->seconds;
    out->bytes = bytes;
    out->bound = out->efficiency > 0.4 * p->mem_eff[q->kind] ? "hbm" : "latency";
    out->tier = gpu->gen == STC_GEN_HOPPER || gpu->gen == STC_GEN_BLACKWELL
                    ? STC_TIER_INTERPOLATED
                    : STC_TIER_TRANSFERRED;
    const struct stc_norm_kernel *norm = stc_norm_kernel(q);
    out->sigma_log = norm != NULL ? norm->sigma_log : tier_sigma[out->tier];
}

void stc_cost_launch(const struct stc_cost *c, const struct stc_gpu *gpu,
                     int64_t n_kernels, bool in_graph, struct stc_est *out)
{
    const struct stc_platform *p = &c->platform[gpu->gen];

    assert(n_kernels >= 0);
    nothing(STC_FAMILY_LAUNCH, out);
    out->seconds = (double)n_kernels * (in_graph ? p->launch_gpu_s : p->launch_host_s);
    out->physics_s = out->seconds;
    out->sigma_log = tier_sigma[STC_TIER_PRIOR];
    out->bound = in_graph ? "gpu front end" : "host";
}

void stc_cost_host_copy(const struct stc_cost *c, const struct stc_gpu *gpu,
                        const struct stc_copy_q *q, struct stc_est *out)
{
    const struct stc_platform *p = &c->platform[gpu->gen];
    double link = gpu->c2c_Bps > 0    ? gpu->c2c_Bps
                  : gpu->pcie_Bps > 0 ? gpu->pcie_Bps
                                      : 16e9;

    nothing(STC_FAMILY_COPY, out);
    if (q->bytes <= 0) return;
    double rate = link * p->copy_eff * (q->pinned ? 1 : p->pageable_eff);
    /* A C2C link is fast enough that the host's memory bounds what goes back. */
    if (gpu->c2c_Bps > 0 && q->dir == STC_COPY_D2H) rate *= 0.8;
    out->physics_s = q->bytes / link;
    out->seconds = p->copy_latency_s + q->bytes / rate;
    out->efficiency = out->physics_s / out->seconds;
    out->bytes = q->bytes;
    out->bound = gpu->c2c_Bps > 0 ? "c2c" : "pcie";
    out->tier = STC_TIER_TRANSFERRED;
    out->sigma_log = tier_sigma[out->tier];
}
