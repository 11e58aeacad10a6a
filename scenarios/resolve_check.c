/* resolve_check.c - can this layout be cut from this model? Rows of divisibility. */
#include "scenarios/resolve.h"

/* `what` of `value` must be a multiple of `by`. */
struct rule {
    int applies, row;
    int64_t value, by;
    const char *what, *by_what;
};

static enum stc_err check_rules(const struct stc_scenario *s, const struct rule *rules,
                                int n, struct stc_diag *diag)
{
    for (int i = 0; i < n; i++) {
        const struct rule *r = &rules[i];
        if (!r->applies || (r->by > 0 && r->value % r->by == 0)) continue;
        return stc_scenario_fail(
            s, r->row, diag, STC_ERR_INFEASIBLE,
            "%s %lld is not a multiple of %s = %lld; a divisor of it would be right",
            r->what, (long long)r->value, r->by_what, (long long)r->by);
    }
    return STC_OK;
}

static enum stc_err check_widths(const struct stc_scenario *s, struct stc_diag *diag)
{
    const struct stc_model *m = &s->model;
    const struct stc_layout *l = &s->layout;
    const int transformer = m->kind != STC_MODEL_CNN, moe = m->n_experts > 0;
    const int kv_shared = m->n_kv_heads > 0 &&
                          l->tp % m->n_kv_heads == 0; /* a kv head on several ranks */
    const int64_t tokens = s->train.seq_len / (l->cp > 0 ? l->cp : 1),
                  stage_ranks = (int64_t)l->tp * l->cp * l->dp;
    const struct rule rules[] = {
        {transformer, STC_KEY_tp, m->n_heads, l->tp, "heads", "tp"},
        {transformer && !kv_shared, STC_KEY_tp, m->n_kv_heads, l->tp, "kv_heads", "tp"},
        {transformer, STC_KEY_tp, m->ffn, l->tp, "ffn", "tp"},
        {l->cp > 1, STC_KEY_cp, s->train.seq_len, 2 * (int64_t)l->cp, "seq_len",
         "2*cp (each rank takes an early and a late piece)"},
        {l->cp > 1 && l->cp_kind == STC_CP_ULYSSES, STC_KEY_cp, m->n_heads,
         (int64_t)l->cp * l->tp, "heads", "cp*tp"},
        {l->seq_parallel, STC_KEY_tp, tokens, l->tp, "seq_len / cp",
         "tp (sequence parallelism cuts the tokens)"},
        {moe, STC_KEY_ep, m->n_experts, l->ep, "experts", "ep"},
        {moe, STC_KEY_etp, m->expert_ffn, l->etp, "expert_ffn", "etp"},
        {moe, STC_KEY_ep, stage_ranks, (int64_t)l->ep * l->etp, "tp*cp*dp", "ep*etp"},
        {l->shard_group > 0, STC_KEY_shard_group, (int64_t)l->dp * l->cp,
         l->shard_group, "dp*cp", "shard_group"},
    };
    return check_rules(s, rules, (int)(sizeof rules / sizeof rules[0]), diag);
}

/* A chunk without layers makes sense only at the ends, when asked for: a stage
 * of its own for the embedding or the head. */
static int chunk_is_empty(const struct stc_scenario *s, int32_t v)
{
    const struct stc_layout *l = &s->layout;
    int32_t n = stc_layout_layers(l, stc_model_pipeline_layers(&s->model), v),
            last = l->pp * l->vp - 1;
    int end =
        (v == 0 && l->first_stage_extra < 0) || (v == last && l->last_stage_extra < 0);
    return n < 0 || (n == 0 && !end);
}

static enum stc_err check_stages(const struct stc_scenario *s, struct stc_diag *diag)
{
    const struct stc_layout *l = &s->layout;
    int32_t layers = stc_model_pipeline_layers(&s->model);
    int row = l->vp > 1 ? STC_KEY_vp : STC_KEY_pp;
    if (l->pp == 1 && l->vp > 1)
        return stc_scenario_fail(
            s, row, diag, STC_ERR_INFEASIBLE,
            "chunks need a pipeline; vp = 1, or pp > 1, would be right");
    for (int32_t v = 0; v < l->pp * l->vp; v++)
        if (chunk_is_empty(s, v))
            return stc_scenario_fail(s, row, diag, STC_ERR_INFEASIBLE,
                                     "%d layers cannot be cut into %d stages of %d "
                                     "chunks; fewer stages or chunks "
                                     "would be right",
                                     (int)layers, (int)l->pp, (int)l->vp);
    return STC_OK;
}

static enum stc_err check_offload(const struct stc_scenario *s, struct stc_diag *diag)
{
    const struct stc_train *t = &s->train;
    if (t->offload == 2 && s->layout.shard < STC_SHARD_ZERO3)
        return stc_scenario_fail(
            s, STC_KEY_offload, diag, STC_ERR_INFEASIBLE,
            "parameters visit the GPU unit by unit only where they are "
            "sharded; layout.shard zero3 or hsdp, or offload: optimizer, "
            "would be right");
    if (t->offload > 0 && t->offload_nvme && s->cluster.node.nvme_read_Bps <= 0)
        return stc_scenario_fail(
            s, STC_KEY_offload_to, diag, STC_ERR_INFEASIBLE,
            "%s has no local disks; offload_to: cpu would be right", s->node_name);
    return STC_OK;
}

enum stc_err stc_resolve_check(const struct stc_scenario *s, struct stc_diag *diag)
{
    const struct stc_model *m = &s->model;
    if (m->n_experts == 0 && s->layout.ep > 1)
        return stc_scenario_fail(s, STC_KEY_ep, diag, STC_ERR_INFEASIBLE,
                                 "%s has no experts; ep = 1 would be right", m->name);
    if (m->topk > m->n_experts)
        return stc_scenario_fail(
            s, STC_KEY_m_topk, diag, STC_ERR_INFEASIBLE,
            "%d of %d experts cannot be chosen; at most %d would be right",
            (int)m->topk, (int)m->n_experts, (int)m->n_experts);
    enum stc_err err = check_offload(s, diag);
    if (err == STC_OK) err = check_widths(s, diag);
    return err == STC_OK ? check_stages(s, diag) : err;
}
