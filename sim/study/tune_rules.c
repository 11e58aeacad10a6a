/* tune_rules.c - what frameworks do not offer, each rule with where it was read. */
#include "sim/study/tune_int.h"

#include <string.h>

static int framework_has(const struct stc_scenario *s, const char *part)
{
    return strstr(s->stack.name, part) != NULL;
}

static int megatron(const struct stc_scenario *s)
{
    return framework_has(s, "megatron") || framework_has(s, "nemo");
}

/* Megatron-LM, megatron/core/pipeline_parallel/schedules.py: the interleaved
 * schedule wants micro-batches in multiples of the pipeline. */
const char *stc_tune_no_interleaving(const struct stc_scenario *s)
{
    const struct stc_layout *l = &s->layout;
    return megatron(s) && l->schedule == STC_SCHED_INTERLEAVED &&
                   l->n_micro % l->pp != 0
               ? "Megatron interleaves only micro-batches in multiples of pp"
               : NULL;
}

/* Megatron-LM, training/arguments.py: experts with tensor parallelism need
 * sequence parallelism. */
const char *stc_tune_no_experts(const struct stc_scenario *s, int moe)
{
    const struct stc_layout *l = &s->layout;
    return megatron(s) && moe && l->tp > 1 && !l->seq_parallel
               ? "Megatron wants sequence parallelism with experts and tp > 1"
               : NULL;
}

/* DeepSpeed, runtime/pipe/engine.py: ZeRO-2 and 3 are incompatible with pipelines;
 * Megatron-LM's optimizer shards states only; Megatron-FSDP (core 0.12 and later, the
 * stacks that gather ahead) cuts parameters too, and has no pipeline. */
const char *stc_tune_no_shard(const struct stc_scenario *s)
{
    const struct stc_layout *l = &s->layout;
    if (framework_has(s, "deepspeed") && l->pp > 1 && l->shard >= STC_SHARD_ZERO2)
        return "DeepSpeed's pipelines work with ZeRO 0 and 1 only";
    int fsdp =
        s->stack.prefetch_layers > 0 && l->pp == 1 && l->shard == STC_SHARD_ZERO3;
    if (megatron(s) && l->shard >= STC_SHARD_ZERO2 && !fsdp)
        return "Megatron's distributed optimizer shards states only";
    return NULL;
}

/* Megatron-LM, training/arguments.py: overlap_p2p_comm is for interleaving. */
const char *stc_tune_no_p2p(const struct stc_scenario *s, int asked)
{
    return megatron(s) && asked && s->stack.overlap_p2p && s->layout.vp == 1
               ? "Megatron overlaps pipeline messages only when interleaving"
               : NULL;
}
