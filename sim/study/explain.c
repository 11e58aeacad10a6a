/* explain.c - see explain.h. */
#include "sim/study/explain_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ==== the fit and what its numbers cost ==== */

/* The number format by which the family's fits are told apart; -1: none are. */
static int variant_of(const struct stc_query *q)
{
    switch (q->kind) {
    case STC_QUERY_GEMM: return (int)q->q.gemm.dtype;
    case STC_QUERY_GROUPED: return (int)q->q.grouped.dtype;
    case STC_QUERY_MOE: return (int)q->q.moe.dtype;
    case STC_QUERY_ATTENTION: {
        enum stc_dtype d =
            q->q.attn.phase == STC_ATTN_BWD ? q->q.attn.dtype : q->q.attn.kv_dtype;
        if (q->q.attn.impl == STC_ATTN_UNFUSED) return -1;
        return stc_dtype_info(d)->act_bytes < 2 ? STC_DTYPE_FP8 : STC_DTYPE_BF16;
    }
    default: return -1;
    }
}

static enum stc_family family_of(const struct stc_query *q)
{
    static const enum stc_family attn[] = {STC_FAMILY_ATTN_FWD, STC_FAMILY_ATTN_BWD,
                                           STC_FAMILY_ATTN_DECODE};
    if (q->kind == STC_QUERY_ATTENTION) return attn[q->q.attn.phase];
    return q->kind == STC_QUERY_MOE ? STC_FAMILY_MOE_GEMM : STC_FAMILY_GEMM;
}

/* Physics with the efficiencies v: the question of one family. */
static double terms_s(const struct stc_query *q, const double *v)
{
    struct stc_terms t = {.want_features = false};
    switch (q->kind) {
    case STC_QUERY_GEMM: stc_gemm_terms(q->gpu, v, &q->q.gemm, &t); break;
    case STC_QUERY_MOE: stc_moe_terms(q->gpu, v, &q->q.moe, &t); break;
    case STC_QUERY_ATTENTION:
        if (q->q.attn.phase == STC_ATTN_DECODE)
            stc_decode_terms(q->gpu, v, &q->q.attn, &t);
        else
            stc_attn_terms(q->gpu, v, &q->q.attn, &t);
        break;
    default: break;
    }
    return t.seconds;
}

static int dearest_first(const void *x, const void *y)
{
    const struct stc_explain_term *a = x, *b = y;
    return a->cost_s < b->cost_s ? 1 : a->cost_s > b->cost_s ? -1 : 0;
}

static void weigh_terms(struct stc_explain *e)
{
    int n;
    const struct stc_par_info *info =
        stc_par_table((enum stc_family)e->fit->family, &n);
    double whole = terms_s(&e->q, e->fit->v);
    for (int i = 0; i < n && whole > 0; i++) {
        double v[STC_PAR_MAX], low, high;
        memcpy(v, e->fit->v, sizeof v);
        v[i] = info[i].low;
        low = terms_s(&e->q, v);
        v[i] = info[i].high;
        high = terms_s(&e->q, v);
        double gain = (whole - fmin(low, high)) / whole;
        e->terms[e->n_terms++] = (struct stc_explain_term){
            .name = info[i].name,
            .value = e->fit->v[i],
            /* of the estimate, residual and regime included */
            .cost_s = fmax(0, gain) * e->a.seconds};
    }
    qsort(e->terms, (size_t)e->n_terms, sizeof e->terms[0], dearest_first);
}

static void explain_compute(struct stc_explain *e, const struct stc_run_params *p)
{
    const struct stc_gpu *gpu = e->q.gpu;
    int variant = variant_of(&e->q);
    enum stc_dtype d = STC_DTYPE_BF16;
    if (e->q.kind == STC_QUERY_ATTENTION) d = e->q.q.attn.dtype;
    if (e->q.kind != STC_QUERY_ATTENTION && variant >= 0) d = (enum stc_dtype)variant;
    if (e->a.est.flop > 0) {
        e->peak_flop_per_s = gpu->peak_flop_per_s[stc_dtype_info(d)->math];
        if (e->peak_flop_per_s > 0) e->math_s = e->a.est.flop / e->peak_flop_per_s;
    }
    if (e->q.kind != STC_QUERY_COPY) e->memory_s = e->a.est.bytes / gpu->mem_Bps;
    if (variant < 0) return;
    e->fit = stc_cost_pick(p->cost, gpu, family_of(&e->q), (enum stc_dtype)variant,
                           &e->exact);
    if (!e->q.both && e->q.kind != STC_QUERY_GROUPED) weigh_terms(e);
}

/* ==== doors ==== */

enum stc_err stc_explain_query(struct stc_arena *a, const struct stc_query *q,
                               const struct stc_hw *hw, const struct stc_run_params *p,
                               const char *folder, struct stc_explain *out,
                               struct stc_diag *diag)
{
    memset(out, 0, sizeof *out);
    out->q = *q;
    enum stc_err err = stc_query_resolve(&out->q, hw, diag);
    if (err != STC_OK) return err;
    stc_query_time(&out->q, p, &out->a);
    if (q->kind == STC_QUERY_COLLECTIVE) {
        const struct stc_query_coll *c = &out->q.q.coll;
        out->n_candidates = stc_coll_candidates(p->coll, &c->shape, c->coll, c->bytes,
                                                &c->force, out->candidates);
    } else {
        explain_compute(out, p);
    }
    return folder ? stc_explain_find_near(a, hw, p, folder, out, diag) : STC_OK;
}
