#include "tests/step_kit.h"

#include <stdarg.h>
#include <stdio.h>

#include "calib/load_coll.h"
#include "kernels/cost_params.h"
#include "tests/testing.h"

const char *const step_feature_names[STEP_FEATURE_COUNT] = {
#define STEP_ROW(id, text) text,
    STEP_FEATURES(STEP_ROW)
#undef STEP_ROW
};

void step_kit_open(struct step_kit *k)
{
    struct stc_diag d = {0};
    k->cost = calloc(1, sizeof *k->cost);
    k->coll = calloc(1, sizeof *k->coll);
    ck_assert(k->cost && k->coll);
    stc_cost_prior(k->cost);
    stc_assert_ok(stc_load_coll(k->coll, &d), &d);
    k->p = (struct stc_run_params){.cost = k->cost, .coll = k->coll};
}

void step_kit_close(struct step_kit *k)
{
    free(k->cost);
    free(k->coll);
}

enum stc_err step_set(struct stc_scenario *s, const char *words, struct stc_diag *diag)
{
    char buf[2048], *save = NULL;
    (void)snprintf(buf, sizeof buf, "%s", words);
    for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char *value = strchr(w, '=');
        ck_assert_msg(value != NULL, "\"%s\" has no =", w);
        *value++ = '\0';
        enum stc_err e = stc_scenario_set(s, w, value, diag);
        if (e != STC_OK) return e;
    }
    return STC_OK;
}

enum stc_err step_scenario(struct stc_scenario *s, const char *words,
                           struct stc_diag *diag)
{
    enum stc_err e = step_set(s, words, diag);
    return e == STC_OK ? stc_scenario_resolve(s, diag) : e;
}

/* ==== random scenarios ==== */

struct draw {
    struct stc_rng rng;
    struct step_case *c;
    size_t len;
};

static int32_t pick(struct draw *d, const int32_t *of, size_t n)
{
    return of[stc_rng_below(&d->rng, n)];
}
#define PICK(d, ...)                       \
 pick((d), (const int32_t[]){__VA_ARGS__}, \
      sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static int chance(struct draw *d, double p)
{
    return stc_rng_uniform(&d->rng) < p;
}

static const char *word(struct draw *d, const char *const *of, size_t n)
{
    return of[stc_rng_below(&d->rng, n)];
}
#define WORD(d, ...)                           \
 word((d), (const char *const[]){__VA_ARGS__}, \
      sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void say(struct draw *d, const char *fmt, ...) STC_PRINTF(2, 3);
static void say(struct draw *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(d->c->words + d->len, sizeof d->c->words - d->len, fmt, ap);
    va_end(ap);
    ck_assert(n > 0 && d->len + (size_t)n < sizeof d->c->words);
    d->len += (size_t)n;
}

static void hit(struct draw *d, enum step_feature f, int yes)
{
    if (yes) d->c->hits |= 1U << f;
}

static void draw_model(struct draw *d, int moe, int32_t layers)
{
    int32_t heads = PICK(d, 4, 8, 16), dim = PICK(d, 32, 64);
    say(d,
        "model.name=m model.family=%s model.layers=%d model.hidden=%d model.heads=%d "
        "model.kv_heads=%d ",
        moe ? "moe" : WORD(d, "gpt", "llama"), (int)layers, (int)(heads * dim),
        (int)heads, (int)(chance(d, 0.3) ? heads / 2 : heads));
    say(d, "model.vocab=%d model.tied_embeddings=%s train.seq_len=%d ",
        (int)PICK(d, 1000, 8000, 32000), WORD(d, "yes", "no"),
        (int)PICK(d, 256, 512, 1024));
    if (moe)
        say(d, "model.experts=8 model.topk=2 model.expert_ffn=256 ");
    else
        say(d, "model.ffn=%d ", (int)(heads * dim * 4));
}

static void draw_cluster(struct draw *d, int32_t gpus)
{
    int32_t per_node = PICK(d, 2, 4, 8), nodes = (gpus + per_node - 1) / per_node;
    int32_t nics = PICK(d, 1, 2, per_node);
    if (nics > per_node) nics = per_node;
    say(d,
        "cluster=dgx-a100-80gb cluster.gpus_per_node=%d cluster.gpus=%d "
        "cluster.nics_per_node=%d cluster.nic_bw=%dGbps ",
        (int)per_node, (int)gpus, (int)nics, (int)PICK(d, 25, 100, 200));
    if (nodes > 1) {
        int32_t over = PICK(d, 1, 1, 2, 4);
        say(d, "cluster.oversubscription=%d cluster.nodes_per_leaf=%d ", (int)over,
            (int)PICK(d, 1, 2, 4));
        hit(d, STEP_OVERSUB, over > 1);
        hit(d, STEP_SHARED_NIC, nics < per_node);
    }
    hit(d, STEP_NODES, nodes > 1);
}

static void draw_layout(struct draw *d, int moe)
{
    int32_t tp = PICK(d, 1, 1, 2, 4), pp = PICK(d, 1, 2, 2, 3, 4),
            cp = PICK(d, 1, 1, 1, 2);
    int32_t dp = PICK(d, 1, 2, 2, 3, 4, 8), vp = pp > 1 ? PICK(d, 1, 1, 2, 3) : 1;
    int zb = pp > 1 && vp == 1 && chance(d, 0.15),
        gpipe = pp > 1 && !zb && chance(d, 0.15);
    int32_t first = 0, last = 0, layers = pp * vp * PICK(d, 1, 2);
    if (pp > 1 && chance(d, 0.35)) {
        first = PICK(d, -1, 0, 1);
        last = PICK(d, -1, 1);
        layers = pp * vp * 2 + first + last;
    }
    int32_t n_micro = vp > 1 ? pp * PICK(d, 1, 2, 3) : PICK(d, 1, 2, 3, 5, 8);
    draw_model(d, moe, layers);
    say(d, "layout.tp=%d layout.pp=%d layout.cp=%d layout.vp=%d ", (int)tp, (int)pp,
        (int)cp, (int)vp);
    say(d,
        "layout.micro_batch=%d layout.grad_accum=%d layout.first_stage_extra=%d "
        "layout.last_stage_extra=%d ",
        (int)PICK(d, 1, 2), (int)n_micro, (int)first, (int)last);
    if (zb) say(d, "layout.schedule=%s ", WORD(d, "zb-h1", "zb-h2"));
    if (gpipe) say(d, "layout.schedule=gpipe ");
    if (moe) say(d, "layout.ep=%d ", (int)PICK(d, 1, 2, 4));
    int32_t gpus = tp * pp * cp * dp;
    draw_cluster(d, gpus);
    if (chance(d, 0.15))
        say(d, "sim.straggler_rank=%d sim.straggler_factor=1.%d ",
            (int)stc_rng_below(&d->rng, (uint64_t)gpus), (int)PICK(d, 1, 3, 7));
    if (dp * cp % 2 == 0 && dp * cp > 2 && chance(d, 0.2))
        say(d, "layout.shard=hsdp layout.shard_group=2 ");
    else
        say(d, "layout.shard=%s ",
            WORD(d, "none", "none", "zero1", "zero1", "zero2", "zero3", "auto"));
}

static void draw_software(struct draw *d)
{
    say(d, "stack=%s ",
        WORD(d, "megatron-lm-2021", "megatron-lm-2022", "megatron-lm-2024",
             "megatron-deepspeed-2022", "deepspeed-2022", "torchtitan-2024",
             "nemo-2024", "pytorch-fsdp1-2024", "nemo-2025"));
    say(d, "layout.recompute=%s layout.seq_parallel=%s ",
        WORD(d, "auto", "none", "selective", "full"), WORD(d, "auto", "no"));
    say(d,
        "stack.overlap_grad_reduce=%s stack.overlap_param_gather=%s "
        "stack.overlap_p2p=%s ",
        WORD(d, "auto", "no", "yes"), WORD(d, "auto", "no", "yes"),
        WORD(d, "auto", "no", "yes"));
    if (chance(d, 0.3)) say(d, "stack.bucket=%dMB ", (int)PICK(d, 1, 4, 25));
    if (chance(d, 0.3)) say(d, "stack.host_per_launch=%dus ", (int)PICK(d, 0, 2, 10));
}

/* States and activations on the host, data loaders, packed documents. */
static void draw_host(struct draw *d)
{
    if (chance(d, 0.15))
        say(d, "train.offload=%s train.offload_to=%s stack.offload_blocking=%s ",
            WORD(d, "optimizer", "optimizer", "optimizer+parameters"),
            WORD(d, "cpu", "nvme"), WORD(d, "auto", "yes", "no"));
    if (chance(d, 0.1)) say(d, "train.offload_activations=%d ", (int)PICK(d, 1, 2));
    if (chance(d, 0.15))
        say(d,
            "train.data_per_sample=%dms train.data_workers=%d train.data_prefetch=%d ",
            (int)PICK(d, 1, 5, 50), (int)PICK(d, 0, 1, 3), (int)PICK(d, 0, 1, 2));
    if (chance(d, 0.1)) say(d, "train.doc_len=200 train.doc_len_cv=1 ");
}

/* What the resolved scenario is made of. */
static void look(struct draw *d)
{
    static const struct stc_degrade lame = {STC_DEGRADE_COMPUTE, 0, 1, 0.8};
    struct stc_scenario *s = &d->c->s;
    const struct stc_layout *l = &s->layout;
    if (chance(d, 0.1)) {
        s->cluster.degrades = &lame;
        s->cluster.n_degrades = 1;
        say(d, "(GPU 1 of node 0 at 0.8) ");
    }
    hit(d, STEP_DEGRADED, s->cluster.n_degrades > 0);
    hit(d, STEP_STRAGGLER, s->sim.straggler_rank >= 0);
    hit(d, STEP_INTERLEAVED, l->vp > 1 && l->schedule == STC_SCHED_INTERLEAVED);
    hit(d, STEP_UNEVEN, l->first_stage_extra != 0 || l->last_stage_extra != 0);
    hit(d, STEP_ZERO1, l->shard == STC_SHARD_ZERO1);
    hit(d, STEP_ZERO2, l->shard == STC_SHARD_ZERO2);
    hit(d, STEP_ZERO3, l->shard == STC_SHARD_ZERO3);
    hit(d, STEP_HSDP, l->shard == STC_SHARD_HSDP);
    hit(d, STEP_TP, l->tp > 1);
    hit(d, STEP_CP, l->cp > 1);
    hit(d, STEP_PP, l->pp > 1);
    hit(d, STEP_DP, l->dp > 1);
    hit(d, STEP_EP, l->ep > 1);
    hit(d, STEP_OFFLOAD, s->train.offload != 0 || s->train.offload_activations > 0);
    hit(d, STEP_LOADER, s->train.data_s_per_sample > 0);
    hit(d, STEP_GPIPE, l->schedule == STC_SCHED_GPIPE && l->pp > 1);
    hit(d, STEP_ZB, l->schedule == STC_SCHED_ZB_H1 || l->schedule == STC_SCHED_ZB_H2);
}

void step_case_random(struct step_case *c, const char *purpose, uint64_t n)
{
    struct draw d = {.c = c};
    struct stc_diag diag = {0};
    stc_rng_seed(&d.rng, n + 1, purpose);
    for (int tries = 0; tries < 200; tries++) {
        int moe = chance(&d, 0.15);
        *c = (struct step_case){.hits = 0};
        d.len = 0;
        stc_scenario_init(&c->s);
        draw_layout(&d, moe);
        draw_software(&d);
        draw_host(&d);
        if (step_scenario(&c->s, c->words, &diag) != STC_OK) continue;
        look(&d);
        return;
    }
    ck_abort_msg("no random scenario could be laid out; the last: %s: %s", c->words,
                 diag.text);
}
