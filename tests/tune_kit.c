#include "tests/tune_kit.h"

#include <stdio.h>
#include <string.h>

#include "calib/load_coll.h"
#include "kernels/coll_params.h"
#include "kernels/cost_params.h"
#include "tests/testing.h"

void stc_kit_params(struct stc_arena *a, struct stc_run_params *p)
{
    struct stc_diag diag = {""};
    struct stc_cost *cost = STC_NEW(a, struct stc_cost);
    struct stc_coll_params *coll = STC_NEW(a, struct stc_coll_params);
    ck_assert_ptr_nonnull(cost);
    ck_assert_ptr_nonnull(coll);
    stc_cost_prior(cost);
    stc_assert_ok(stc_load_coll(coll, &diag), &diag);
    *p = (struct stc_run_params){.cost = cost, .coll = coll};
}

static const char *const scenarios[] = {
    "model: {family: gpt, layers: 24, hidden: 2048, heads: 16, vocab: 51200}\n"
    "cluster: {use: dgx-a100-80gb, nodes: 4, fabric: ib}\n"
    "train: {seq_len: 2048, global_batch: 128, precision: fp16}\n"
    "stack: megatron-lm-2022\n",
    "model: {family: llama, layers: 30, hidden: 4096, heads: 32, kv_heads: 8}\n"
    "cluster: {gpu: H100-SXM5-80GB, nodes: 2}\n"
    "train: {seq_len: 4096, global_batch: 64}\n"
    "stack: megatron-core-0.14\n",
    "model: {family: moe, layers: 16, hidden: 2048, heads: 16, ffn: 4096, experts: 16, "
    "topk: 2}\n"
    "cluster: {gpu: H100-SXM5-80GB, nodes: 2}\n"
    "train: {seq_len: 2048, global_batch: 64}\n"
    "stack: megatron-core-0.14\n",
    "model: {family: llama, layers: 16, hidden: 2048, heads: 16}\n"
    "cluster: {gpu: A100-SXM4-80GB, nodes: 2}\n"
    "train: {seq_len: 2048, global_batch: 64}\n"
    "stack: torchtitan-2025\n",
};

const char *stc_kit_scenario(int i)
{
    return i < (int)(sizeof scenarios / sizeof scenarios[0]) ? scenarios[i] : NULL;
}

void stc_kit_load(const char *text, struct stc_scenario *s)
{
    struct stc_diag diag = {""};
    stc_scenario_init(s);
    stc_assert_ok(stc_scenario_load(s, "kit", text, strlen(text), &diag), &diag);
}

static int put(struct stc_scenario *s, const char *key, const char *value)
{
    struct stc_diag diag;
    return stc_scenario_set(s, key, value, &diag) == STC_OK;
}

static int put_one(struct stc_rng *r, struct stc_scenario *s, const char *key,
                   const char *const *values)
{
    size_t n = 0;
    while (values[n])
        n++;
    return put(s, key, values[stc_rng_below(r, n)]);
}

int stc_kit_random(struct stc_rng *r, const struct stc_scenario *base,
                   struct stc_scenario *out)
{
    static const char *const size[] = {"1", "1", "2", "4", "8", NULL};
    static const char *const few[] = {"1", "1", "1", "2", NULL};
    static const char *const vp[] = {"1", "1", "2", "3", NULL};
    static const char *const yes[] = {"auto", "no", "yes", NULL};
    static const char *const shard[] = {"none",  "zero1", "zero2",
                                        "zero3", "hsdp",  NULL};
    static const char *const rec[] = {"none", "selective", "full", "full", NULL};
    static const char *const depth[] = {"auto", "1", "2", "5", NULL};
    static const char *const sched[] = {"auto",  "auto",  "auto", "gpipe",
                                        "zb-h1", "zb-h2", NULL};
    static const char *const tp_over[] = {"auto", "none", "next", "prev", NULL};
    static const char *const extra[] = {"0", "0", "0", "-1", "1", NULL};
    static const struct {
        const char *key;
        const char *const *values;
    } axes[] = {
        {"layout.tp", size},
        {"layout.pp", size},
        {"layout.cp", few},
        {"layout.vp", vp},
        {"layout.micro_batch", size},
        {"layout.seq_parallel", yes},
        {"layout.shard", shard},
        {"layout.recompute", rec},
        {"layout.recompute_layers", depth},
        {"layout.schedule", sched},
        {"layout.first_stage_extra", extra},
        {"layout.last_stage_extra", extra},
        {"layout.reshard_after_forward", yes},
        {"stack.overlap_grad_reduce", yes},
        {"stack.overlap_param_gather", yes},
        {"stack.overlap_p2p", yes},
        {"stack.overlap_tp", tp_over},
    };
    struct stc_diag diag;
    *out = *base;
    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++)
        if (!put_one(r, out, axes[i].key, axes[i].values)) return 0;
    if (base->said.m_experts > 0 && !put_one(r, out, "layout.ep", size)) return 0;
    return stc_scenario_resolve(out, &diag) == STC_OK;
}
