#include "kernels/moe.h"

#include <math.h>

enum { N_QUANT = 8 };

/* Integral of x^e over [lo, hi]. */
static double power_integral(double e, double lo, double hi)
{
    if (fabs(e + 1) < 1e-9) return log(hi / lo);
    return (pow(hi, e + 1) - pow(lo, e + 1)) / (e + 1);
}

void stc_powerlaw_set(struct stc_powerlaw *p, double alpha, double lo, double hi)
{
    double z = power_integral(-alpha, lo, hi);
    double m2 = power_integral(2 - alpha, lo, hi) / z;
    *p = (struct stc_powerlaw){.alpha = alpha, .lo = lo, .hi = hi};
    p->mean = power_integral(1 - alpha, lo, hi) / z;
    p->cv2 = fmax(0, m2 / (p->mean * p->mean) - 1);
}

double stc_powerlaw_quantile(const struct stc_powerlaw *p, double u)
{
    double a = 1 - p->alpha;
    if (fabs(a) < 1e-9) return p->lo * pow(p->hi / p->lo, u);
    double l = pow(p->lo, a);
    return pow(l + (pow(p->hi, a) - l) * u, 1 / a);
}

/* Rows on the busiest rank, as tiles and as active experts. */
struct load {
    double rows, active, m_tiles, tile_m, imbalance;
};

static double pick_tile(double rows_per_expert)
{
    return rows_per_expert <= 16   ? 16
           : rows_per_expert <= 32 ? 32
           : rows_per_expert <= 64 ? 64
                                   : 128;
}

static void set_load(struct load *l, const struct stc_moe_q *q)
{
    double copies = (double)q->tokens * (double)q->topk, e = (double)q->experts;
    double ep = q->moe_ep > 0 ? (double)q->moe_ep : 1, local = fmax(1, e / ep);
    double mean = copies / e;

    if (q->alpha <= 0) {
        *l = (struct load){.rows = copies / ep, .imbalance = 1};
        l->active = fmin(local, ceil(copies / ep));
        l->tile_m = pick_tile(mean);
        l->m_tiles = l->active * ceil(l->rows / l->active / l->tile_m);
        return;
    }
    struct stc_powerlaw p;
    bool many = copies > e;
    stc_powerlaw_set(&p, q->alpha, many ? 1 : 0.01,
                     many ? fmax(2, 0.8 * (double)q->tokens) : 2);
    double worst = ep > 1 ? sqrt(2 * log(ep) * p.cv2 / local) : 0;
    l->imbalance = fmin(1 + worst, fmin(ep, fmax(1, p.hi / p.mean)));
    l->rows = copies / ep * l->imbalance;
    l->tile_m = pick_tile(mean * l->imbalance);
    l->active = l->m_tiles = 0;
    for (int i = 0; i < N_QUANT; i++) {
        double x = stc_powerlaw_quantile(&p, (i + 0.5) / N_QUANT) / p.mean * mean *
                   l->imbalance;
        double share = x < 1 ? x : 1;
        l->active += share * local / N_QUANT;
        l->m_tiles += share * ceil(x / l->tile_m) * local / N_QUANT;
    }
    l->active = fmax(l->active, fmin(1, copies));
    l->m_tiles = fmax(l->m_tiles, l->active);
}

/* One of the two grouped products. */
struct product {
    double math_s, hbm_s, pipe_s, waves, seconds;
};

static void set_product(struct product *o, const struct stc_gpu *g, const double *v,
                        const struct load *l, const struct stc_dtype_info *d, double n,
                        double k)
{
    enum stc_math m = d->math;
    double peak = g->peak_flop_per_s[m] > 0 ? g->peak_flop_per_s[m]
                                            : g->peak_flop_per_s[STC_MATH_FP16];
    double rate = peak / g->n_sm * v[STC_MP_EFF_MATH];
    double whole = 2 * l->rows * n * k / (peak * v[STC_MP_EFF_MATH]);
    rate /= 1 + v[STC_MP_THROTTLE] * whole / (whole + 1e-3);
    double tiles = l->m_tiles * ceil(n / 128);
    o->waves = fmax(1, ceil(tiles / g->n_sm));
    o->math_s = fmax(tiles / g->n_sm, 1) * 2 * l->tile_m * 128 * k / rate;
    o->hbm_s =
        (l->active * n * k * d->weight_bytes + l->rows * (k * d->act_bytes + n * 2)) /
        (g->mem_Bps * v[STC_MP_EFF_HBM]);
    o->pipe_s = o->waves * k / 64 * v[STC_MP_KSTEP_S];
    double x = fmax(o->math_s, o->pipe_s), hi = fmax(x, o->hbm_s),
           r = fmin(x, o->hbm_s) / hi;
    o->seconds = hi * (1 + v[STC_MP_SERIAL] * r * r) + o->waves * v[STC_MP_WAVE_S];
}

void stc_moe_terms(const struct stc_gpu *gpu, const double *v,
                   const struct stc_moe_q *q, struct stc_terms *t)
{
    const struct stc_dtype_info *d = stc_dtype_info(q->dtype);
    double tp = q->moe_tp > 0 ? (double)q->moe_tp : 1,
           ep = q->moe_ep > 0 ? (double)q->moe_ep : 1;
    double h = (double)q->hidden, f = (double)q->ffn / tp, up = q->gated ? 2 * f : f;
    double local = fmax(1, (double)q->experts / ep),
           copies = (double)q->tokens * (double)q->topk;
    struct load l;
    struct product a, b;

    set_load(&l, q);
    set_product(&a, gpu, v, &l, d, up, h);
    set_product(&b, gpu, v, &l, d, h, f);
    double pass_s = l.rows * (h + up) * v[STC_MP_ROW_PASS] / gpu->mem_Bps;
    double fixed_s = v[STC_MP_LAUNCH_S] + local * v[STC_MP_EXPERT_S] +
                     copies * v[STC_MP_TOKEN_S] +
                     (double)q->experts * v[STC_MP_EXPERTS_S];
    t->seconds = fixed_s + a.seconds + b.seconds + pass_s;
    t->flop = 2 * l.rows * h * (up + f);
    t->bytes = l.active * h * (up + f) * d->weight_bytes +
               l.rows * (h + up) * d->act_bytes * 2;
    double peak = gpu->peak_flop_per_s[d->math] > 0
                      ? gpu->peak_flop_per_s[d->math]
                      : gpu->peak_flop_per_s[STC_MATH_FP16];
    t->ideal_s = fmax(t->flop / peak, t->bytes / gpu->mem_Bps);
    t->bound = fixed_s > 0.5 * t->seconds                ? "latency"
               : a.hbm_s + b.hbm_s > a.math_s + b.math_s ? "hbm"
                                                         : "math";
    if (!t->want_features) return;
    const double x[STC_MOE_FEATS] = {
        stc_feat_log2((double)q->tokens),
        stc_feat_log2(h),
        stc_feat_log2((double)q->ffn),
        stc_feat_log2((double)q->topk),
        stc_feat_log2((double)q->experts),
        stc_feat_log2(tp),
        stc_feat_log2(ep),
        q->alpha,
        stc_feat_log2(local),
        stc_feat_log2(f),
        stc_feat_log2(l.rows / l.active),
        stc_feat_log2(l.active),
        stc_feat_log2((a.math_s + b.math_s) / (a.hbm_s + b.hbm_s)),
        stc_feat_log2(a.waves),
        stc_feat_log2(t->seconds),
        stc_feat_log2(copies),
    };
    for (int i = 0; i < STC_MOE_FEATS; i++)
        t->feat[i] = (float)x[i];
}
