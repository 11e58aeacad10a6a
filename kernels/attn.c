#include "kernels/attn.h"

#include <math.h>

enum { BLOCK_Q = 128, BLOCK_K = 128 };

/* Speed of the first FlashAttention beside the second: "around 2x" (Dao
 * 2307.08691 §4.1: 1.7 to 3.0 forward, 2.0 to 2.6 backward, long sequences). */
static const double flash1_of_flash2 = 0.5;

/* Latencies are cycles. */
static double slow_clock(const struct stc_gpu *g)
{
    return g->clock_hz > 0 ? STC_CLOCK_REF_HZ / g->clock_hz : 1;
}

static double peak_of_cache(const struct stc_gpu *g, enum stc_dtype d)
{
    enum stc_math m = stc_dtype_info(d)->math;
    double p = g->peak_flop_per_s[m] > 0 ? g->peak_flop_per_s[m]
                                         : g->peak_flop_per_s[STC_MATH_FP16];
    return p > 0 ? p : 1e12;
}

/* Rate relative to head_dim 128, between the measured widths by logarithm. */
static double head_factor(double d, double f64, double f192, double f256, double f512)
{
    if (d <= 64) return f64;
    if (d <= 128) return f64 + (1 - f64) * (d - 64) / 64;
    if (d <= 192) return 1 + (f192 - 1) * (d - 128) / 64;
    if (d <= 256) return f192 + (f256 - f192) * (d - 192) / 64;
    return d >= 512 ? f512 : f256 + (f512 - f256) * (d - 256) / 256;
}

/* Seconds of n exponentials on one SM. Units of twice the rate halve the time at
 * their rate; what the fit lost beside it (16 a clock everywhere it looked) stays. */
static double exp_time(const struct stc_gpu *g, double n, double eff)
{
    const double seen = 16;
    double rate = g->exp_per_clock > 0 ? g->exp_per_clock : seen;
    double lost = eff < 1 ? (1 / eff - 1) / seen : 0;
    return n / g->clock_hz * (1 / (rate * fmax(eff, 1)) + lost);
}

/* How the queries of one (sequence, head) are cut. */
struct cut {
    double heads;   /* that have CTAs of their own: kv heads when the group is packed */
    double ctas;    /* blocks of queries of one of them */
    double pairs;   /* full blocks of queries and keys of one of them */
    double longest; /* blocks of keys of its longest CTA */
};

/* Blocks are whole except that a short side shrinks to half a block. One query
 * per sequence: the heads of a group share their keys in one block (packed). */
static void set_cut(struct cut *c, const struct stc_attn_q *q)
{
    bool packed = q->q_len == 1;
    double rows = packed ? (double)q->heads / (double)q->kv_heads : (double)q->q_len;
    double nq = ceil(rows / BLOCK_Q), kv = (double)q->kv_len;
    double height = rows <= BLOCK_Q / 2 ? 0.5 : 1, all = ceil(kv / (BLOCK_K / 2)) / 2,
           per = all;

    c->longest = all;
    if (q->causal && !packed) {
        double off = fmax(0, (double)(q->kv_len - q->q_len)) / BLOCK_K;
        per = fmin(all, off + (nq + 1) / 2);
    }
    if (q->window > 0) {
        double w = ceil((double)q->window / BLOCK_K) + 1;
        per = fmin(per, w);
        c->longest = fmin(all, w);
    }
    c->heads = packed ? (double)q->kv_heads : (double)q->heads;
    c->ctas = nq;
    c->pairs = nq * per * height;
}

static double exact_flop(const struct stc_attn_q *q, double widths)
{
    double s = (double)q->q_len, kv = (double)q->kv_len, seen = kv;
    if (q->causal) seen = fmax(0, kv - s) + (s + 1) / 2;
    if (q->window > 0) seen = fmin(seen, (double)q->window);
    return 2 * (double)q->batch * (double)q->heads * s * seen * widths;
}

void stc_attn_terms(const struct stc_gpu *gpu, const double *v,
                    const struct stc_attn_q *q, struct stc_terms *t)
{
    bool bwd = q->phase == STC_ATTN_BWD;
    double d = (double)q->head_dim, dv = q->head_dim_v > 0 ? (double)q->head_dim_v : d;
    double b = (double)q->batch, h = (double)q->heads, hk = (double)q->kv_heads,
           s = (double)q->q_len;
    struct cut c;
    set_cut(&c, q);
    double n_sm = gpu->n_sm, ctas = b * c.heads * c.ctas;
    double slow = slow_clock(gpu);
    double pairs = b * c.heads * c.pairs, widths = bwd ? 3 * d + 2 * dv : d + dv;
    double peak = peak_of_cache(gpu, q->dtype);
    double rate =
        peak / n_sm * v[STC_AP_EFF_MATH] *
        head_factor(d, 1, v[STC_AP_HEAD_192], v[STC_AP_HEAD_256], v[STC_AP_HEAD_512]);
    bool old = q->impl == STC_ATTN_FLASH2 || q->impl == STC_ATTN_FLASH1;
    if (old && gpu->gen >= STC_GEN_HOPPER) rate *= v[STC_AP_FLASH2];
    if (q->impl == STC_ATTN_FLASH1) rate *= flash1_of_flash2;
    double math_s = 2.0 * BLOCK_Q * BLOCK_K * widths / rate;
    double exp_s = exp_time(gpu, BLOCK_Q * BLOCK_K, v[STC_AP_EFF_EXP]);
    double pair_s = fmax(math_s, exp_s) + v[STC_AP_SERIAL] * fmin(math_s, exp_s);
    double busy_s = (pairs * pair_s + ctas * v[STC_AP_CTA_S] * slow) / n_sm;
    double longest_s =
        c.longest * fmax(pair_s, v[STC_AP_BLOCK_S] * slow) + v[STC_AP_CTA_S] * slow;
    double act = stc_dtype_info(q->dtype)->act_bytes,
           kvb = stc_dtype_info(q->kv_dtype)->act_bytes;
    double bytes = b *
                   (s * h * (d + dv) * act + (double)q->kv_len * hk * (d + dv) * kvb) *
                   (bwd ? 2.5 : 1);
    double hbm_s = bytes / (gpu->mem_Bps * v[STC_AP_EFF_HBM]);
    double more =
        ctas > n_sm ? v[STC_AP_TAIL] * longest_s + v[STC_AP_FILL_S] * slow : 0;
    double body = fmax(fmax(busy_s + more, longest_s), hbm_s);

    t->seconds =
        v[STC_AP_LAUNCH_S] + body + b * s * (h + 2 * hk) * v[STC_AP_ROW_S] * slow;
    t->flop = exact_flop(q, widths);
    t->bytes = bytes;
    t->ideal_s =
        fmax(pairs * 2.0 * BLOCK_Q * BLOCK_K * widths / peak, bytes / gpu->mem_Bps);
    t->bound = body < 0.5 * t->seconds ? "latency"
               : body == hbm_s         ? "hbm"
               : body == longest_s     ? "longest block"
               : exp_s > math_s        ? "exp"
                                       : "math";
    if (!t->want_features) return;
    const double x[STC_ATTN_FEATS] = {
        stc_feat_log2(b),
        stc_feat_log2(s),
        stc_feat_log2(h),
        stc_feat_log2(hk),
        d,
        stc_feat_log2(h / hk),
        stc_feat_log2(b * h),
        stc_feat_log2(b * s * h),
        stc_feat_log2(busy_s / longest_s),
        stc_feat_log2(t->seconds),
        stc_feat_log2(hbm_s / body),
        ctas / n_sm / ceil(ctas / n_sm),
        stc_feat_log2(ctas / n_sm),
        stc_feat_log2(b * s),
    };
    for (int i = 0; i < STC_ATTN_FEATS; i++)
        t->feat[i] = (float)x[i];
}

void stc_decode_terms(const struct stc_gpu *gpu, const double *v,
                      const struct stc_attn_q *q, struct stc_terms *t)
{
    double d = (double)q->head_dim, dv = q->head_dim_v > 0 ? (double)q->head_dim_v : d;
    double b = (double)q->batch, h = (double)q->heads, hk = (double)q->kv_heads;
    double kv = (double)q->kv_len, n_sm = gpu->n_sm, slow = slow_clock(gpu);
    if (q->window > 0) kv = fmin(kv, (double)q->window);
    double rows = h / hk * (q->q_len > 0 ? (double)q->q_len : 1);
    double ctas = b * hk * ceil(rows / 64);
    double split = floor(fmin(n_sm / ctas, kv / v[STC_DP_SPLIT_KEYS]));
    if (split < 1) split = 1;
    double kvb = stc_dtype_info(q->kv_dtype)->act_bytes,
           act = stc_dtype_info(q->dtype)->act_bytes;
    double cache = b * kv * hk * (d + dv) * kvb,
           bytes = cache + b * rows * hk * (d + dv) * act;
    double per = kv / split * (d + dv) * kvb; /* of one CTA */
    double width = head_factor(d, v[STC_DP_HEAD_64], v[STC_DP_HEAD_192],
                               v[STC_DP_HEAD_256], v[STC_DP_HEAD_512]);
    double turns = ceil(ctas * split / n_sm);
    double hbm_s = bytes / (gpu->mem_Bps * v[STC_DP_EFF_HBM] * width);
    double sm_s = turns * (v[STC_DP_CTA_S] * slow +
                           per / (v[STC_DP_SM_PULL] * gpu->mem_Bps / n_sm * width));
    double pipe_s = kv / split / 64 * v[STC_DP_BLOCK_S] * slow;
    double math_s = 2 * ctas * 64 * kv * (d + dv) /
                    (peak_of_cache(gpu, q->dtype) * v[STC_DP_EFF_MATH] * width);
    double mem = fmax(hbm_s, fmax(sm_s, pipe_s));
    double body = fmax(mem, math_s) + v[STC_DP_SERIAL] * fmin(mem, math_s);

    t->seconds = v[STC_DP_LAUNCH_S] + body +
                 (split > 1 ? v[STC_DP_SPLIT_S] * slow : 0) +
                 b * rows * hk * v[STC_DP_ROW_S] * slow;
    t->flop = 2 * b * rows * hk * kv * (d + dv);
    t->bytes = bytes;
    t->ideal_s = fmax(bytes / gpu->mem_Bps, t->flop / peak_of_cache(gpu, q->dtype));
    t->bound = body < 0.5 * t->seconds ? "latency"
               : math_s > mem          ? "math"
               : hbm_s == mem          ? "hbm"
                                       : "sm";
    if (!t->want_features) return;
    const double x[STC_DECODE_FEATS] = {
        stc_feat_log2(b),
        stc_feat_log2(kv),
        stc_feat_log2(h),
        stc_feat_log2(hk),
        d,
        stc_feat_log2(h / hk),
        stc_feat_log2(b * hk),
        stc_feat_log2(b * h),
        stc_feat_log2(cache),
        stc_feat_log2(turns),
        stc_feat_log2(split),
        stc_feat_log2(t->seconds),
        ctas * split / n_sm / turns,
        stc_feat_log2(kv / split),
    };
    for (int i = 0; i < STC_DECODE_FEATS; i++)
        t->feat[i] = (float)x[i];
}
