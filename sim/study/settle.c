/* settle.c - see settle.h. */
#include "sim/study/settle.h"

#include "sim/study/tune_int.h"

enum { MAX_MICRO = 16, MAX_CHOICES = 64 };
static const double keep_free_frac = 0.03;

struct choice {
    int32_t micro_batch, recompute,
        layers;   /* layers of a stage that are recomputed; -1: all */
    int32_t away; /* layers whose activations wait on the host */
    double need_bytes;
};

/* Bytes of the fullest stage. */
static enum stc_err need(const struct stc_scenario *s, double *out,
                         struct stc_diag *diag)
{
    struct stc_build b = {&s->model, &s->layout, &s->train, &s->stack};
    *out = 0;
    for (int32_t i = 0; i < s->layout.pp; i++) {
        struct stc_mem_est m;
        enum stc_err e = stc_mem_estimate(&b, i, &m, diag);
        if (e != STC_OK) return e;
        double bytes = stc_mem_allocated(&m) + m.bytes[STC_MEM_CONTEXT];
        if (bytes > *out) *out = bytes;
    }
    return STC_OK;
}

static enum stc_err with_choice(const struct stc_scenario *s, const struct choice *c,
                                struct stc_scenario *out, struct stc_diag *diag)
{
    *out = *s;
    out->said.micro_batch = c->micro_batch;
    out->said.recompute = c->recompute + 1; /* 0 is auto */
    out->said.recompute_layers = c->layers;
    if (c->away > 0) out->said.offload_activations = c->away;
    out->resolved = 0;
    return stc_scenario_resolve(out, diag);
}

/* Micro-batches worth trying: one that is said, or powers of two. */
static int micro_batches(const struct stc_scenario *s, int32_t *out)
{
    int n = 0;
    if (s->said.micro_batch != STC_AUTO || s->said.grad_accum != STC_AUTO) {
        out[n++] = s->layout.micro_batch;
        return n;
    }
    int32_t replica = s->train.global_batch / s->layout.dp;
    int32_t pieces =
        s->stack.default_micro_per_stage * s->layout.pp; /* the stack's own rule */
    if (s->layout.pp > 1 && pieces > 0 && replica % pieces == 0) {
        out[n++] = replica / pieces;
        return n;
    }
    for (int32_t b = 1; b <= MAX_MICRO && b <= replica; b *= 2)
        if (replica % b == 0) out[n++] = b;
    if (n == 0) out[n++] = s->layout.micro_batch;
    return n;
}

static int recompute_open(const struct stc_scenario *s)
{
    return s->said.recompute == 0;
}

/* What is said, or the stack's way and then, for when that does not fit, ever
 * more recompute: selective where scores are kept (Korthikanti 2205.05198), whole
 * layers of a quarter, half, all of a stage. */
static int recomputes(const struct stc_scenario *s, struct choice *out)
{
    int n = 0;
    out[n++] = (struct choice){.recompute = s->layout.recompute,
                               .layers = s->layout.recompute_layers};
    if (!recompute_open(s) || s->layout.recompute == STC_RECOMPUTE_FULL) return n;
    int keeps_scores = !s->train.flash || s->stack.selective_ops;
    if (s->layout.recompute == STC_RECOMPUTE_NONE && s->stack.year_from >= 2022 &&
        keeps_scores)
        out[n++] = (struct choice){.recompute = STC_RECOMPUTE_SELECTIVE, .layers = -1};
    int32_t of_stage = stc_model_pipeline_layers(&s->model) / s->layout.pp;
    for (int32_t part = 4; part >= 2; part /= 2)
        if (of_stage / part > 0)
            out[n++] = (struct choice){.recompute = STC_RECOMPUTE_FULL,
                                       .layers = of_stage / part};
    out[n++] = (struct choice){.recompute = STC_RECOMPUTE_FULL, .layers = -1};
    return n;
}

/* Over NVLink-C2C activations of some layers, by eighths, may wait on the host
 * instead, where the stack can (Megatron-Core does without a pipeline only). */
static int offloads(const struct stc_scenario *s, struct choice *out)
{
    int n = 0;
    if (!recompute_open(s) || s->said.offload_activations != STC_AUTO) return n;
    if (!s->stack.offloads_activations || s->cluster.gpu.c2c_Bps <= 0 ||
        s->layout.pp > 1)
        return n;
    int32_t layers = stc_model_pipeline_layers(&s->model);
    for (int32_t eighths = 1; eighths <= 8; eighths++)
        if (layers * eighths / 8 > 0)
            out[n++] = (struct choice){.recompute = s->layout.recompute,
                                       .layers = s->layout.recompute_layers,
                                       .away = layers * eighths / 8};
    return n;
}

/* Adds the ways of a list up to the first that fits: stronger ones only cost time.
 * 1: the very first does. */
static int add_ways(const struct stc_scenario *s, int32_t micro_batch,
                    const struct choice *ways, int n_ways, struct choice *out, int *n)
{
    double room = s->cluster.gpu.mem_bytes * (1 - keep_free_frac);
    for (int k = 0; k < n_ways && *n < MAX_CHOICES; k++) {
        struct stc_scenario t;
        struct choice c = ways[k];
        c.micro_batch = micro_batch;
        if (with_choice(s, &c, &t, NULL) != STC_OK ||
            need(&t, &c.need_bytes, NULL) != STC_OK)
            continue;
        out[(*n)++] = c;
        if (c.need_bytes <= room) return k == 0;
    }
    return 0;
}

static int any_fits(const struct stc_scenario *s, const struct choice *c, int n)
{
    double room = s->cluster.gpu.mem_bytes * (1 - keep_free_frac);
    for (int i = 0; i < n; i++)
        if (c[i].need_bytes <= room) return 1;
    return 0;
}

static int choices(const struct stc_scenario *s, struct choice *out)
{
    int32_t micro[MAX_CHOICES];
    struct choice rec[8], away[8];
    int n_micro = micro_batches(s, micro), n_rec = recomputes(s, rec),
        n_away = offloads(s, away), n = 0;
    for (int i = 0; i < n_micro; i++)
        if (!add_ways(s, micro[i], rec, n_rec, out, &n))
            (void)add_ways(s, micro[i], away, n_away, out, &n);
    return n;
}

/* Some micro-batch and recompute that are open or said leave it room. */
static int fits(const struct stc_scenario *s)
{
    struct choice c[MAX_CHOICES];
    int n = choices(s, c);
    return any_fits(s, c, n);
}

/* The scenario with that tp and sharding, if the framework has it and it fits. */
static int fits_as(const struct stc_scenario *s, int32_t tp, int32_t shard,
                   struct stc_scenario *out)
{
    *out = *s;
    out->said.tp = tp;
    out->said.shard = shard + 1; /* 0 is auto */
    out->resolved = 0;
    return stc_scenario_resolve(out, NULL) == STC_OK && !stc_tune_no_shard(out) &&
           fits(out);
}

/* Where nothing fits: the least more of what the layout leaves open, states cut
 * finer, then (where the framework does not cut parameters) layers as well. */
static void spread(struct stc_scenario *s)
{
    struct stc_scenario t = *s;
    int32_t most = s->layout.tp;
    if ((s->said.shard != 0 && s->said.tp != STC_AUTO) || fits(s)) return;
    t.layout.shard = STC_SHARD_ZERO3;
    if (s->said.tp == STC_AUTO && s->said.dp == STC_AUTO && stc_tune_no_shard(&t))
        most = s->cluster.node.n_gpus;
    int32_t finest = s->said.shard == 0 ? STC_SHARD_ZERO3 : s->layout.shard;
    for (int32_t tp = s->layout.tp; tp <= most; tp *= 2)
        for (int32_t shard = s->layout.shard; shard <= finest; shard++)
            if (fits_as(s, tp, shard, &t)) {
                *s = t;
                return;
            }
}

static enum stc_err fastest(const struct stc_scenario *s,
                            const struct stc_run_params *p, const struct choice *c,
                            int n, int *best, struct stc_diag *diag)
{
    double room = s->cluster.gpu.mem_bytes * (1 - keep_free_frac), least = 0,
           best_s = 0;
    int smallest = -1;
    *best = -1;
    for (int i = 0; i < n; i++) {
        if (smallest < 0 || c[i].need_bytes < least) {
            smallest = i;
            least = c[i].need_bytes;
        }
        if (c[i].need_bytes > room) continue;
        struct stc_scenario t;
        struct stc_arena a = STC_ARENA_INIT;
        struct stc_result r;
        enum stc_err e = with_choice(s, &c[i], &t, diag);
        if (e == STC_OK) e = stc_step_run(&t, p, &a, &r, diag);
        stc_arena_free(&a);
        if (e == STC_ERR_NOMEM) return e;
        if (e != STC_OK || !r.host_fits) continue;
        if (*best < 0 || r.step_s < best_s) {
            *best = i;
            best_s = r.step_s;
        }
    }
    if (*best < 0) *best = smallest;
    return STC_OK;
}

enum stc_err stc_settle(struct stc_scenario *s, const struct stc_run_params *p,
                        struct stc_diag *diag)
{
    enum stc_err e = stc_scenario_resolve(s, diag);
    if (e != STC_OK) return e;
    spread(s);
    int open_micro = s->said.micro_batch == STC_AUTO && s->said.grad_accum == STC_AUTO;
    if (!open_micro && !recompute_open(s)) return STC_OK;
    struct choice c[MAX_CHOICES];
    int n = choices(s, c), best;
    if (n == 0) return STC_OK; /* as resolved: the run will say what is wrong */
    e = fastest(s, p, c, n, &best, diag);
    if (e != STC_OK || best < 0) return e;
    struct stc_scenario t;
    e = with_choice(s, &c[best], &t, diag);
    if (e == STC_OK) *s = t;
    return e;
}

enum stc_err stc_settle_run(struct stc_scenario *s, const struct stc_run_params *p,
                            struct stc_arena *a, struct stc_result *out,
                            struct stc_diag *diag)
{
    enum stc_err e = stc_settle(s, p, diag);
    return e == STC_OK ? stc_step_run(s, p, a, out, diag) : e;
}
