#include "kernels/cost_params.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const char *const family_names[STC_FAMILY_COUNT] = {
#define ROW(id, name) [STC_FAMILY_##id] = name,
    STC_FAMILY_MAP(ROW)
#undef ROW
};

const char *stc_family_name(enum stc_family f)
{
    return (unsigned)f < STC_FAMILY_COUNT ? family_names[f] : "?";
}

const char *stc_tier_name(enum stc_tier t)
{
    static const char *const names[STC_TIER_COUNT] = {"measured", "interpolated",
                                                      "transferred", "prior"};
    return (unsigned)t < STC_TIER_COUNT ? names[t] : "?";
}

const char *stc_memk_name(enum stc_memk k)
{
    static const char *const names[STC_MEMK_COUNT] = {
#define ROW(id, name) [STC_MEMK_##id] = name,
        STC_MEMK_MAP(ROW)
#undef ROW
    };
    return (unsigned)k < STC_MEMK_COUNT ? names[k] : "?";
}

#define ROW(id, name, prior, lo, hi) {#name, prior, lo, hi},
static const struct stc_par_info gemm_pars[] = {STC_GEMM_PAR_MAP(ROW)};
static const struct stc_par_info attn_pars[] = {STC_ATTN_PAR_MAP(ROW)};
static const struct stc_par_info decode_pars[] = {STC_DECODE_PAR_MAP(ROW)};
static const struct stc_par_info moe_pars[] = {STC_MOE_PAR_MAP(ROW)};
#undef ROW

const struct stc_par_info *stc_par_table(enum stc_family f, int *n)
{
    switch (f) {
    case STC_FAMILY_GEMM: *n = STC_GP_COUNT; return gemm_pars;
    case STC_FAMILY_ATTN_FWD:
    case STC_FAMILY_ATTN_BWD: *n = STC_AP_COUNT; return attn_pars;
    case STC_FAMILY_ATTN_DECODE: *n = STC_DP_COUNT; return decode_pars;
    case STC_FAMILY_MOE_GEMM: *n = STC_MP_COUNT; return moe_pars;
    default: *n = 0; return NULL;
    }
}

/* ==== which fit answers ==== */

/* A dtype without a fit is answered by its neighbour: first by one whose kernels
 * run at the same speed (fp16 as bf16), then by the nearest recipe. */
static const struct {
    enum stc_dtype like;
    bool same_speed;
} neighbour[STC_DTYPE_COUNT] = {
    [STC_DTYPE_FP32] = {STC_DTYPE_BF16, false},
    [STC_DTYPE_TF32] = {STC_DTYPE_BF16, false},
    [STC_DTYPE_FP16] = {STC_DTYPE_BF16, true},
    [STC_DTYPE_BF16] = {STC_DTYPE_BF16, true},
    [STC_DTYPE_FP8] = {STC_DTYPE_FP8_BLOCK, false},
    [STC_DTYPE_FP8_ROW] = {STC_DTYPE_FP8, false},
    [STC_DTYPE_FP8_BLOCK] = {STC_DTYPE_FP8, false},
    [STC_DTYPE_MXFP8] = {STC_DTYPE_FP8, false},
    [STC_DTYPE_NVFP4] = {STC_DTYPE_FP8, false},
    [STC_DTYPE_INT8_SQ] = {STC_DTYPE_FP8, false},
    [STC_DTYPE_INT8_WO] = {STC_DTYPE_BF16, false},
    [STC_DTYPE_INT4_WO] = {STC_DTYPE_INT8_WO, false},
    [STC_DTYPE_MXFP4_A16] = {STC_DTYPE_BF16, false},
    [STC_DTYPE_MXFP4_A8] = {STC_DTYPE_FP8, false},
};

/* NVIDIA's compute capability; AMD's stand far away, so that any fit of their
 * own outweighs a borrowed one. */
static const double capability[STC_GEN_COUNT] = {
    [STC_GEN_VOLTA] = 7.0, [STC_GEN_TURING] = 7.5, [STC_GEN_AMPERE] = 8.0,
    [STC_GEN_ADA] = 8.9,   [STC_GEN_HOPPER] = 9.0, [STC_GEN_BLACKWELL] = 10.0,
    [STC_GEN_CDNA2] = 4.0, [STC_GEN_CDNA3] = 5.0,
};

static int find_fit(const struct stc_cost *c, int n, const char *gpu, int family,
                    int variant)
{
    for (int i = 0; i < n; i++) {
        const struct stc_fit *f = &c->fits[i];
        if (f->family == family && f->variant == variant && f->n_rows > 0 &&
            strcmp(f->gpu, gpu) == 0)
            return i;
    }
    return -1;
}

static bool is_pooled(const struct stc_fit *f)
{
    return strcmp(f->gpu, STC_FIT_ANY) == 0;
}

/* The first fit of a product on Ampere; -1: none. */
static int ampere_of(const struct stc_cost *c, int n, int variant)
{
    for (int i = 0; i < n; i++)
        if (c->fits[i].family == STC_FAMILY_GEMM && c->fits[i].variant == variant &&
            c->fits[i].gen == STC_GEN_AMPERE && !is_pooled(&c->fits[i]))
            return i;
    return -1;
}

/* Geometric mean of the fits of a family and variant on GPUs of the generation,
 * else the pooled fit, else the mean of all, near generations weighing most.
 * False when nobody measured the variant. */
static bool mix(const struct stc_cost *c, int n, int family, int variant,
                enum stc_gen gen, struct stc_fit *out)
{
    double sum[STC_PAR_MAX] = {0}, weight = 0, var = 0;
    const struct stc_fit *pooled = NULL;
    bool kin = false;
    int n_par;

    (void)stc_par_table((enum stc_family)family, &n_par);
    *out = (struct stc_fit){.gen = gen,
                            .family = (uint8_t)family,
                            .variant = (uint8_t)variant,
                            .tier = STC_TIER_TRANSFERRED};
    for (int i = 0; i < n; i++) {
        const struct stc_fit *f = &c->fits[i];
        if (f->family != family || f->variant != variant || f->n_rows <= 0) continue;
        if (is_pooled(f)) {
            pooled = f;
            continue;
        }
        kin |= f->gen == gen;
        double d = capability[f->gen] - capability[gen],
               w = f->gen == gen ? 1e3 : 1 / (0.05 + d * d);
        for (int j = 0; j < n_par; j++)
            sum[j] += w * log(f->v[j]);
        var += w * f->sigma_plain * f->sigma_plain;
        weight += w;
    }
    if (!kin && pooled != NULL) {
        memcpy(out->v, pooled->v, sizeof out->v);
        out->sigma_plain = pooled->sigma_plain;
        /* Persistent kernels say nothing of a wave's start: as on Ampere. */
        int like = family == STC_FAMILY_GEMM ? ampere_of(c, n, variant) : -1;
        if (like >= 0) out->v[STC_GP_WAVE_S] = c->fits[like].v[STC_GP_WAVE_S];
        return true;
    }
    if (weight <= 0) return false;
    for (int j = 0; j < n_par; j++)
        out->v[j] = exp(sum[j] / weight);
    out->sigma_plain = hypot(sqrt(var / weight), kin ? 0.06 : 0.12);
    return true;
}

static void prior_fit(int family, int variant, enum stc_gen gen, struct stc_fit *out)
{
    int n_par;
    const struct stc_par_info *info = stc_par_table((enum stc_family)family, &n_par);

    *out = (struct stc_fit){.gen = gen,
                            .family = (uint8_t)family,
                            .variant = (uint8_t)variant,
                            .tier = STC_TIER_PRIOR,
                            .sigma_plain = 0.30};
    for (int j = 0; j < n_par; j++)
        out->v[j] = info[j].prior;
}

/* Products on the CUDA cores: no tensor pipeline to feed, cuBLAS comes within a
 * tenth of the peak (SGEMM of 14.0 of 15.7 TFLOP/s on V100: Jia et al.
 * 1804.06826). */
static void fp32_fit(enum stc_gen gen, struct stc_fit *f)
{
    prior_fit(STC_FAMILY_GEMM, STC_DTYPE_FP32, gen, f);
    f->v[STC_GP_EFF_MATH] = 0.92;
    f->v[STC_GP_THROTTLE] = 0.02; /* far from the power limit */
}

/* What a generation's hardware is known for where nobody measured it here. */
static void adjust(struct stc_fit *f)
{
    bool amd = f->gen == STC_GEN_CDNA2 || f->gen == STC_GEN_CDNA3;
    if (f->gen != STC_GEN_VOLTA && f->gen != STC_GEN_TURING && !amd) return;
    /* V100: cuBLAS fp16 reaches 83 to 90 of 125 TFLOP/s (Markidis et al.,
     * "NVIDIA Tensor Core Programmability", IPDPSW 2018). MI250X and MI300X:
     * 45 to 60 % of peak bf16 against 70 to 85 % on A100 and H100. */
    if (f->family == STC_FAMILY_GEMM && f->variant == STC_DTYPE_FP32) return;
    double rate = amd ? 0.70 : 0.80; /* beside the watts that kernels/gemm.h counts */
    if (f->family == STC_FAMILY_GEMM) f->v[STC_GP_EFF_MATH] *= rate;
    if (f->family == STC_FAMILY_MOE_GEMM) f->v[STC_MP_EFF_MATH] *= rate;
    if (f->family == STC_FAMILY_ATTN_FWD || f->family == STC_FAMILY_ATTN_BWD)
        f->v[STC_AP_EFF_MATH] *= rate * 0.8;
    f->tier = STC_TIER_PRIOR;
    f->sigma_plain = hypot(f->sigma_plain, 0.15);
}

static bool fill_gen(struct stc_cost *c, int n_loaded, int family, enum stc_gen gen)
{
    struct stc_fit_slot *slots = c->by_gen[gen][family];

    for (int d = 0; d < STC_DTYPE_COUNT; d++)
        slots[d] = (struct stc_fit_slot){-1, false};
    for (int d = 0; d < STC_DTYPE_COUNT; d++) {
        struct stc_fit f;
        bool known = mix(c, n_loaded, family, d, gen, &f);
        if (!known && d == STC_DTYPE_BF16)
            prior_fit(family, d, gen, &f);
        else if (!known && d == STC_DTYPE_FP32 && family == STC_FAMILY_GEMM)
            fp32_fit(gen, &f);
        else if (!known)
            continue;
        if (c->n_fits == STC_FIT_MAX) return false;
        adjust(&f);
        slots[d].fit = (int16_t)c->n_fits;
        c->fits[c->n_fits++] = f;
    }
    for (int d = 0; d < STC_DTYPE_COUNT; d++) {
        int at = d;
        for (int hops = 0; slots[at].fit < 0 && hops < 3; hops++)
            at = (int)neighbour[at].like;
        slots[d].fit = slots[at].fit >= 0 ? slots[at].fit : slots[STC_DTYPE_BF16].fit;
    }
    return true;
}

static void fill_gpu(struct stc_cost *c, int n_loaded, int g, int family)
{
    struct stc_fit_slot *slots = c->by_gpu[g][family];

    for (int d = 0; d < STC_DTYPE_COUNT; d++) {
        int own = find_fit(c, n_loaded, c->gpus[g], family, d);
        bool same = own >= 0;
        if (own < 0) {
            own = find_fit(c, n_loaded, c->gpus[g], family, (int)neighbour[d].like);
            same = own >= 0 && neighbour[d].same_speed;
        }
        slots[d] = (struct stc_fit_slot){(int16_t)own, same};
    }
}

bool stc_cost_index(struct stc_cost *c)
{
    int n_loaded = 0;

    while (n_loaded < c->n_fits && c->fits[n_loaded].n_rows > 0)
        n_loaded++;
    c->n_fits = n_loaded;
    c->n_gpus = 0;
    for (int i = 0; i < n_loaded; i++) {
        if (is_pooled(&c->fits[i])) continue;
        int g = 0;
        while (g < c->n_gpus && strcmp(c->gpus[g], c->fits[i].gpu) != 0)
            g++;
        if (g < c->n_gpus) continue;
        if (g == STC_FIT_GPUS) return false;
        memcpy(c->gpus[g], c->fits[i].gpu, sizeof c->gpus[g]);
        c->n_gpus++;
    }
    for (int f = 0; f < STC_FITTED_COUNT; f++) {
        for (int g = 0; g < c->n_gpus; g++)
            fill_gpu(c, n_loaded, g, f);
        for (int g = 0; g < STC_GEN_COUNT; g++)
            if (!fill_gen(c, n_loaded, f, (enum stc_gen)g)) return false;
    }
    return true;
}

const struct stc_fit *stc_cost_pick(const struct stc_cost *c, const struct stc_gpu *gpu,
                                    enum stc_family family, enum stc_dtype variant,
                                    bool *exact)
{
    *exact = false;
    for (int g = 0; g < c->n_gpus; g++) {
        if (c->gpus[g][0] != gpu->name[0] || strcmp(c->gpus[g], gpu->name) != 0)
            continue;
        struct stc_fit_slot s = c->by_gpu[g][family][variant];
        if (s.fit < 0) break;
        *exact = s.own;
        return &c->fits[s.fit];
    }
    return &c->fits[c->by_gen[gpu->gen][family][variant].fit];
}

/* ==== priors ==== */

void stc_cost_platform_prior(struct stc_platform p[STC_GEN_COUNT])
{
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        p[g] = (struct stc_platform){
            /* BabelStream: 1,610 to 1,750 of 2,039 GB/s on A100, 2,900 of
             * 3,350 on H100 (Azure AI benchmarking guide, ND A100 v4, ND H100 v5). */
            .mem_launch_s = 2.5e-6,
            .mem_ramp_bytes = 4e6,
            .in_situ_mem = 0.97,
            /* 90 % of Llama-2's linears timed in place lie within 19 % of the forecast
             * on A100, 23 % on H100 (microsoft/vidur, gemm_torch.csv). */
            .in_situ_sigma_log = 0.11,
            .launch_gpu_s = 1.3e-6,
            .launch_host_s = 5e-6,
            .copy_eff = 0.82,
            .copy_latency_s = 9e-6,
            .pageable_eff = 0.35,
            .align_loss = 0.25,
            .wgrad_eff = 0.97,
            .grouped_eff = 0.85,
            .unfused_sigma_log = 0.15,
        };
        for (int k = 0; k < STC_MEMK_COUNT; k++)
            p[g].mem_eff[k] = 0.82;
        p[g].mem_eff[STC_MEMK_REDUCE] = 0.88;
        /* RMS norm on H200 and GB200 (NVIDIA cudnn-frontend, benchmark/norms):
         * forward 0.70 (PyTorch) to 0.80 (cuDNN), backward 0.26 to 0.77. */
        p[g].mem_eff[STC_MEMK_NORM_FWD] = 0.74;
        p[g].mem_eff[STC_MEMK_NORM_BWD] = 0.55;
        p[g].mem_eff[STC_MEMK_XENT] = 0.65;
        p[g].mem_eff[STC_MEMK_EMBED] = 0.50;
        p[g].mem_eff[STC_MEMK_PERMUTE] = 0.60;
        p[g].mem_eff[STC_MEMK_TRANSPOSE] = 0.65;
        p[g].mem_eff[STC_MEMK_SOFTMAX] = 0.70;
        for (int m = 0; m < STC_MATH_COUNT; m++)
            p[g].in_situ[m] = 0.90;
    }
    /* Power limit and dense 16-bit peak of each generation's reference part
     * (datasheets, as in hw/data/gpus.yaml). */
    static const struct {
        enum stc_gen gen;
        double tdp_w, flop_per_s;
    } ref[] = {{STC_GEN_VOLTA, 300, 125e12},
               {STC_GEN_AMPERE, 400, 312e12},
               {STC_GEN_HOPPER, 700, 989.4e12},
               {STC_GEN_BLACKWELL, 1000, 2250e12}};
    for (size_t i = 0; i < sizeof ref / sizeof ref[0]; i++) {
        p[ref[i].gen].ref_tdp_w = ref[i].tdp_w;
        p[ref[i].gen].ref_flop_per_s = ref[i].flop_per_s;
        p[ref[i].gen].idle_w =
            110; /* leakage, HBM refresh, links: H100 idles at 70 to 120 W */
        /* f V^2 with V falling along f: between 1/3 (V proportional to f) and 1 (V fixed) */
        p[ref[i].gen].power_exp = 0.6;
    }
    /* Long training loops against short warm runs: 0.90 on A100 and 0.93 on H100
     * within one profiled model (gemm_torch.csv), less over whole steps; power
     * limits bite more the more a chip's peak exceeds its TDP. */
    for (int m = 0; m < STC_MATH_COUNT; m++) {
        p[STC_GEN_HOPPER].in_situ[m] = 0.86;
        p[STC_GEN_BLACKWELL].in_situ[m] = 0.78;
    }
}

void stc_cost_prior(struct stc_cost *c)
{
    c->n_fits = 0;
    stc_cost_platform_prior(c->platform);
    for (int k = 0; k < STC_LOWERING_COUNT; k++)
        c->lowering_sigma_log[k] = STC_LOWERING_SIGMA_PRIOR;
    bool fits = stc_cost_index(c); /* always: nothing is loaded */
    (void)fits;
}
