#include "kernels/gemm.h"

#include <assert.h>
#include <math.h>

/* Tiles that the vendors' libraries choose among; a tile never exceeds the
 * product rounded up to 16. */
static const struct {
    double m, n, occupancy;
} tiles[] = {
    {128, 256, 1}, {256, 128, 1}, {128, 128, 2}, {64, 128, 2},
    {128, 64, 2},  {64, 64, 4},   {256, 64, 1},
};
enum {
    OUT_BYTES = 2, /* an output as it was measured; a sum read before is loaded ahead */
    FILL_STEPS = 8, /* of k, until a tile's pipeline runs at its rate */
    GRAIN = 16,     /* widths of fitted tiles; from 2 grains to WIDEST */
    WIDEST = 256,
    FITTED_WAVES = 3, /* more waves hardly gain by another width */
};
enum { N_TILES = (int)(sizeof tiles / sizeof tiles[0]) };

/* What does not depend on the tile. */
struct shape {
    double m, n, k, batch;
    double a_bytes, w_bytes, c_bytes; /* per element */
    double hbm_s, l2_Bps;
    double sm_Bps, out_Bps, sm_rate; /* of one SM; sm_rate: FLOP/s before feed */
    double slow_clock; /* latencies are cycles: reference clock / this GPU's */
    double traffic_bytes;
    int n_sm;
    bool persistent; /* its kernels stay on their SM and fit tiles to the waves */
};

struct choice {
    double seconds, tm, tn, split, waves, fill, math_s, mem_s, pipe_s, l2_s;
};

static double clamp01(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* Rates of a math class; a GPU without the unit falls back as libraries do. */
static double peak_of(const struct stc_gpu *g, enum stc_math m)
{
    static const enum stc_math next[STC_MATH_COUNT] = {
        [STC_MATH_FP32] = STC_MATH_FP32, [STC_MATH_TF32] = STC_MATH_FP32,
        [STC_MATH_FP16] = STC_MATH_FP32, [STC_MATH_FP8] = STC_MATH_FP16,
        [STC_MATH_FP4] = STC_MATH_FP8,   [STC_MATH_INT8] = STC_MATH_FP16,
    };
    while (g->peak_flop_per_s[m] <= 0 && next[m] != m)
        m = next[m];
    return g->peak_flop_per_s[m] > 0 ? g->peak_flop_per_s[m] : 1e12;
}

/* Volta's and Turing's 16-bit kernels load rows in vectors: where one starts on an
 * odd element the libraries of their years take the CUDA cores (NVIDIA, "Matrix
 * Multiplication Background User's Guide", requirements to use tensor cores). */
static enum stc_math math_of(const struct stc_gpu *g, const struct stc_gemm_q *q)
{
    enum stc_math m = stc_dtype_info(q->dtype)->math;
    int odd = q->n % 2 != 0 || q->k % 2 != 0,
        vectors = g->gen == STC_GEN_VOLTA || g->gen == STC_GEN_TURING;
    return m == STC_MATH_FP16 && odd && vectors ? STC_MATH_FP32 : m;
}

/* What the power limit has to do: 16-bit FLOP/s per watt, times the energy of one by
 * process relative to TSMC's 5 nm class (TSMC's own figures, power at equal speed: 7 nm
 * -40 % twice from 16/12 nm, 5 nm -30 % from 7 nm); the H100 SXM5's is 1. */
static double heat_of(const struct stc_gpu *g)
{
    static const double energy[STC_GEN_COUNT] = {[STC_GEN_VOLTA] = 4.0,
                                                 [STC_GEN_TURING] = 4.0,
                                                 [STC_GEN_AMPERE] = 1.43,
                                                 [STC_GEN_CDNA2] = 1.43};
    double peak = g->peak_flop_per_s[STC_MATH_FP16];
    if (g->tdp_w <= 0 || peak <= 0) return 1;
    double each = energy[g->gen] > 0 ? energy[g->gen] : 1;
    return each * peak / g->tdp_w / (989.4e12 / 700);
}

static void set_shape(struct shape *s, const struct stc_gpu *g, const double *v,
                      const struct stc_gemm_q *q)
{
    const struct stc_dtype_info *d = stc_dtype_info(q->dtype);
    s->m = (double)q->m;
    s->n = (double)q->n;
    s->k = (double)q->k;
    s->batch = q->batch > 0 ? (double)q->batch : 1;
    s->a_bytes = d->act_bytes;
    s->w_bytes = d->weight_bytes;
    s->c_bytes = q->accumulate                                              ? 8
                 : q->dtype == STC_DTYPE_FP32 || q->dtype == STC_DTYPE_TF32 ? 4
                                                                            : 2;
    s->n_sm = g->n_sm > 0 ? g->n_sm : 1;
    double a = s->batch * s->a_bytes * s->m * s->k,
           w = s->batch * s->w_bytes * s->n * s->k;
    double c = s->batch * s->c_bytes * s->m * s->n;
    double l2 = 0.8 * g->l2_bytes + 1;
    /* In a training loop nothing but the activations just written is warm. */
    double rotate = q->regime == STC_REGIME_IN_SITU ? 1e3 : v[STC_GP_ROTATE];
    double miss_w = clamp01((rotate * w + a) / l2 - 1);
    double miss_a = clamp01(2 * a / l2 - 1);
    double miss_c = clamp01(v[STC_GP_C_CROWD] * c / l2 - 1);
    s->traffic_bytes = a + w + c;
    s->hbm_s =
        (w * miss_w + a * miss_a + c * miss_c) / (g->mem_Bps * v[STC_GP_EFF_HBM]);
    s->l2_Bps = v[STC_GP_L2_RATIO] * g->mem_Bps;
    s->slow_clock = g->clock_hz > 0 ? STC_CLOCK_REF_HZ / g->clock_hz : 1;
    s->sm_Bps = v[STC_GP_SM_PULL] * g->mem_Bps / s->n_sm;
    s->out_Bps = v[STC_GP_PUSH] * g->mem_Bps / s->n_sm;
    s->persistent = g->gen == STC_GEN_HOPPER || g->gen == STC_GEN_BLACKWELL;
    double rate = peak_of(g, math_of(g, q)) * v[STC_GP_EFF_MATH];
    double whole_s = 2 * s->batch * s->m * s->n * s->k / rate;
    rate /= 1 + v[STC_GP_THROTTLE] * heat_of(g) * whole_s /
                    (whole_s + v[STC_GP_THROTTLE_S]);
    s->sm_rate = rate / s->n_sm;
}

/* A way to cut the product; feed: slowdown of loading operands for so small a tile. */
struct cut {
    double tm, tn, feed, split;
};

static double feed_of(const double *v, double tm, double tn)
{
    return 1 + v[STC_GP_FEED] * (128 / tm + 128 / tn - 1.5);
}

static void try_one(const struct shape *s, const double *v, struct cut cut,
                    struct choice *best)
{
    double tm = cut.tm, tn = cut.tn, split = cut.split;
    double n_tiles = ceil(s->m / tm) * ceil(s->n / tn) * s->batch * split;
    double k = ceil(s->k / split / 64) * 64;
    double waves = ceil(n_tiles / s->n_sm);
    double occupancy = floor(512 / (tm + tn));
    if (occupancy > 8) occupancy = 8;
    if (occupancy < 1) occupancy = 1;
    double math_s = waves * 2 * tm * tn * k * cut.feed / s->sm_rate;
    double pull = k * (s->a_bytes * tm + s->w_bytes * tn);
    double c_bytes = s->batch * s->c_bytes * s->m * s->n;
    double l2_s = (n_tiles * pull + c_bytes) / s->l2_Bps;
    double mem_s = fmax(s->hbm_s, fmax(l2_s, waves * pull / s->sm_Bps));
    double pipe_s = ceil(n_tiles / (s->n_sm * occupancy)) * k / 64 * v[STC_GP_KSTEP_S] *
                    s->slow_clock;
    double x = fmax(math_s, pipe_s);
    double hi = fmax(x, mem_s), r = fmin(x, mem_s) / hi;
    double t = hi * (1 + v[STC_GP_SERIAL] * r * r) +
               fmin(k / 64, FILL_STEPS) * v[STC_GP_FILL_S] * s->slow_clock +
               (s->persistent ? 0 : waves - 1) * v[STC_GP_WAVE_S] * s->slow_clock +
               waves * tm * tn * OUT_BYTES / s->out_Bps;
    if (split > 1)
        t += v[STC_GP_SPLIT_S] * s->slow_clock +
             split * s->batch * s->m * s->n * 8 / s->l2_Bps;
    if (t < best->seconds) {
        *best = (struct choice){.seconds = t,
                                .tm = tm,
                                .tn = tn,
                                .split = split,
                                .waves = waves,
                                .fill = n_tiles / s->n_sm,
                                .math_s = math_s,
                                .mem_s = mem_s,
                                .pipe_s = pipe_s,
                                .l2_s = l2_s};
    }
}

static void try_tile(const struct shape *s, const double *v, int i, struct choice *best)
{
    double tm = fmin(tiles[i].m, ceil(s->m / 16) * 16),
           tn = fmin(tiles[i].n, ceil(s->n / 16) * 16);
    double n_tiles = ceil(s->m / tm) * ceil(s->n / tn) * s->batch;
    double most = fmin(s->k / 128, s->n_sm), want = s->n_sm / n_tiles;
    const double splits[3] = {floor(want), ceil(want), floor(want / 2)};

    struct cut cut = {tm, tn, feed_of(v, tiles[i].m, tiles[i].n), 1};
    try_one(s, v, cut, best);
    if (want < 1.5) return;
    for (int j = 0; j < 3; j++)
        if (splits[j] >= 2 && splits[j] <= most) {
            cut.split = splits[j];
            try_one(s, v, cut, best);
        }
}

/* Tiles `base` long (of n if turned, else of m) whose width lets 1, 2, … whole
 * waves hold them all. */
static void try_fitted(const struct shape *s, const double *v, double base, bool turned,
                       struct choice *best)
{
    double rows = ceil((turned ? s->n : s->m) / base) * s->batch,
           other = turned ? s->m : s->n;
    for (int waves = 1; waves <= FITTED_WAVES; waves++) {
        double cols = floor(waves * s->n_sm / rows);
        double width = cols >= 1 ? ceil(other / cols / GRAIN) * GRAIN : 2 * WIDEST;
        if (width < 2 * GRAIN || width > WIDEST) continue;
        double tm = turned ? width : base, tn = turned ? base : width;
        try_one(s, v, (struct cut){tm, tn, feed_of(v, tm, tn), 1}, best);
    }
}

/* How much of its last wave a tiling fills, in the logarithm: which tile a
 * library takes hangs on it, whatever our own choice was. */
static double last_wave(const struct shape *s, double tm, double tn)
{
    double w = ceil(s->m / tm) * ceil(s->n / tn) * s->batch / s->n_sm;
    return stc_feat_log2(w / ceil(w));
}

static void set_features(const struct shape *s, const struct choice *b, float *f)
{
    double m = stc_feat_log2(s->m), n = stc_feat_log2(s->n), k = stc_feat_log2(s->k);
    double hi = fmax(fmax(b->math_s, b->mem_s), b->pipe_s);
    const double x[STC_GEMM_FEATS] = {
        m,
        n,
        k,
        m + n,
        n + k,
        m + k,
        stc_feat_log2(b->tm),
        stc_feat_log2(b->tn),
        stc_feat_log2(b->split),
        stc_feat_log2(b->waves),
        b->fill / b->waves,
        stc_feat_log2(b->math_s / b->mem_s),
        stc_feat_log2(b->pipe_s / hi),
        stc_feat_log2((s->hbm_s + 1e-9) / hi),
        stc_feat_log2(b->seconds),
        fmod(s->m, 16) > 0 ? fmod(s->m, 2) : -1,
        last_wave(s, 128, 128),
        last_wave(s, 128, 256),
        last_wave(s, 256, 128),
        last_wave(s, 256, 256),
        last_wave(s, 64, 256),
        last_wave(s, 64, 128),
    };
    for (int i = 0; i < STC_GEMM_FEATS; i++)
        f[i] = (float)x[i];
}

void stc_gemm_terms(const struct stc_gpu *gpu, const double *v,
                    const struct stc_gemm_q *q, struct stc_terms *t)
{
    struct shape s;
    struct choice best = {.seconds = HUGE_VAL};

    set_shape(&s, gpu, v, q);
    for (int i = 0; i < N_TILES; i++)
        try_tile(&s, v, i, &best);
    for (int i = 0; i < 4 && s.persistent; i++)
        try_fitted(&s, v, i < 2 ? 128 : 64, i % 2 == 1, &best);
    t->seconds = v[STC_GP_LAUNCH_S] * s.slow_clock + best.seconds;
    const struct stc_dtype_info *d = stc_dtype_info(q->dtype);
    if (!q->quantized && d->act_bytes < 2) {
        /* Next to no launch means no pass either; a step here would make a fit's
         * last digit decide. */
        double pass = clamp01((v[STC_GP_QUANT_S] - 2e-9) / 8e-9);
        t->seconds +=
            pass * (v[STC_GP_QUANT_S] + s.m * s.k * v[STC_GP_QUANT_PASS] /
                                            (gpu->mem_Bps * v[STC_GP_EFF_HBM]));
    }
    t->flop = 2 * s.batch * s.m * s.n * s.k;
    t->bytes = s.traffic_bytes;
    t->ideal_s = fmax(best.waves * 2 * best.tm * best.tn * s.k / best.split * s.n_sm /
                          peak_of(gpu, math_of(gpu, q)),
                      s.traffic_bytes / gpu->mem_Bps);
    double top = fmax(fmax(best.math_s, best.mem_s), best.pipe_s);
    t->bound = top < 0.5 * t->seconds ? "latency"
               : top == best.math_s   ? "math"
               : top == best.pipe_s   ? "pipe"
               : top == s.hbm_s       ? "hbm"
                                      : "l2";
    if (t->want_features) set_features(&s, &best, t->feat);
}
