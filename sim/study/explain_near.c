/*
 * explain_near.c - the measurements nearest to a question.
 *
 * Distance is Euclid's over the log2 of the sizes, so that "twice as wide" is 1
 * whatever the size; a row of another GPU is 4 octaves further away.
 */
#include "sim/study/explain_int.h"

#include "calib/coll_rows.h"
#include "calib/cost_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_AXES = 8 };
static const double other_gpu = 4;

/* ==== where a question and a row lie ==== */

static int gemm_axes(const struct stc_gemm_q *q, double *x)
{
    x[0] = (double)q->m;
    x[1] = (double)q->n;
    x[2] = (double)q->k;
    return 3;
}

static int attn_axes(const struct stc_attn_q *q, double *x)
{
    x[0] = (double)q->batch;
    x[1] = (double)q->q_len;
    x[2] = (double)q->kv_len;
    x[3] = (double)q->heads;
    x[4] = (double)q->kv_heads;
    x[5] = (double)q->head_dim;
    x[6] = q->causal ? 1 : 2; /* another pattern: an octave */
    x[7] = q->impl == STC_ATTN_FLASH ? 1 : 2;
    return 8;
}

static int moe_axes(const struct stc_moe_q *q, double *x)
{
    x[0] = (double)q->tokens;
    x[1] = (double)q->hidden;
    x[2] = (double)q->ffn;
    x[3] = (double)q->topk;
    x[4] = (double)q->experts;
    x[5] = (double)q->moe_tp;
    x[6] = (double)q->moe_ep;
    x[7] = 1 + q->alpha;
    return 8;
}

static double apart(const double *x, const double *y, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double d = log2(x[i] / y[i]);
        sum += d * d;
    }
    return sqrt(sum);
}

/* Keeps the nearest, nearest first; says where it was put, -1: too far. */
static int put(struct stc_explain *e, double distance)
{
    int at = e->n_near;
    while (at > 0 && e->near[at - 1].distance > distance)
        at--;
    if (at >= STC_EXPLAIN_NEAR) return -1;
    int last = e->n_near < STC_EXPLAIN_NEAR ? e->n_near++ : STC_EXPLAIN_NEAR - 1;
    memmove(&e->near[at + 1], &e->near[at], (size_t)(last - at) * sizeof e->near[0]);
    e->near[at] = (struct stc_explain_near){.distance = distance};
    return at;
}

/* ==== kernels ==== */

static const char *gemm_text(struct stc_arena *a, const struct stc_cost_row *r)
{
    const struct stc_gemm_q *q = &r->q.gemm;
    return stc_arena_printf(a, "%s m=%lld n=%lld k=%lld", r->gpu->name, (long long)q->m,
                            (long long)q->n, (long long)q->k);
}

static const char *attn_text(struct stc_arena *a, const struct stc_cost_row *r)
{
    const struct stc_attn_q *q = &r->q.attn;
    return stc_arena_printf(a, "%s b=%lld q=%lld kv=%lld heads=%lld/%lld x %lld%s",
                            r->gpu->name, (long long)q->batch, (long long)q->q_len,
                            (long long)q->kv_len, (long long)q->heads,
                            (long long)q->kv_heads, (long long)q->head_dim,
                            q->causal ? "" : " full");
}

static const char *moe_text(struct stc_arena *a, const struct stc_cost_row *r)
{
    const struct stc_moe_q *q = &r->q.moe;
    return stc_arena_printf(
        a, "%s t=%lld h=%lld f=%lld top %lld of %lld tp=%lld ep=%lld", r->gpu->name,
        (long long)q->tokens, (long long)q->hidden, (long long)q->ffn,
        (long long)q->topk, (long long)q->experts, (long long)q->moe_tp,
        (long long)q->moe_ep);
}

static double row_estimate(const struct stc_run_params *p, const struct stc_cost_row *r)
{
    struct stc_est est;
    if (r->family == STC_FAMILY_GEMM)
        stc_cost_gemm(p->cost, r->gpu, &r->q.gemm, &est);
    else if (r->family == STC_FAMILY_MOE_GEMM)
        stc_cost_moe(p->cost, r->gpu, &r->q.moe, &est);
    else
        stc_cost_attn(p->cost, r->gpu, &r->q.attn, &est);
    return est.seconds;
}

static double distance_of(const struct stc_explain *e, const struct stc_cost_row *r)
{
    double x[MAX_AXES] = {0}, y[MAX_AXES] = {0};
    int n;
    if (r->family == STC_FAMILY_GEMM) {
        n = gemm_axes(&e->q.q.gemm, x);
        gemm_axes(&r->q.gemm, y);
    } else if (r->family == STC_FAMILY_MOE_GEMM) {
        n = moe_axes(&e->q.q.moe, x);
        moe_axes(&r->q.moe, y);
    } else {
        n = attn_axes(&e->q.q.attn, x);
        attn_axes(&r->q.attn, y);
    }
    double d = apart(x, y, n);
    return strcmp(r->gpu->name, e->q.gpu->name) == 0 ? d : d + other_gpu;
}

static enum stc_err near_kernels(struct stc_arena *a, const struct stc_hw *hw,
                                 const struct stc_run_params *p, const char *folder,
                                 struct stc_explain *e, struct stc_diag *diag)
{
    const struct stc_cost_row *found[STC_EXPLAIN_NEAR] = {0};
    struct stc_cost_rows rows;
    enum stc_err err = stc_cost_rows_read(a, hw, folder, &rows, diag);
    if (err == STC_ERR_IO) return STC_OK; /* no tables there */
    if (err != STC_OK) return err;
    for (int i = 0; i < rows.n; i++) {
        const struct stc_cost_row *r = &rows.v[i];
        if (r->family != e->fit->family || r->variant != e->fit->variant) continue;
        e->n_rows++;
        int at = put(e, distance_of(e, r));
        if (at < 0) continue;
        memmove(&found[at + 1 < STC_EXPLAIN_NEAR ? at + 1 : at], &found[at],
                (size_t)(STC_EXPLAIN_NEAR - 1 - at) * sizeof(found[0]));
        found[at] = r;
    }
    for (int i = 0; i < e->n_near; i++) {
        const struct stc_cost_row *r = found[i];
        e->near[i].what = r->family == STC_FAMILY_GEMM       ? gemm_text(a, r)
                          : r->family == STC_FAMILY_MOE_GEMM ? moe_text(a, r)
                                                             : attn_text(a, r);
        if (!e->near[i].what) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
        e->near[i].row = r->id;
        e->near[i].measured_s = r->seconds;
        e->near[i].ours_s = row_estimate(p, r);
    }
    return STC_OK;
}

/* ==== collectives ==== */

static enum stc_err near_collectives(struct stc_arena *a,
                                     const struct stc_run_params *p, const char *folder,
                                     struct stc_explain *e, struct stc_diag *diag)
{
    const struct stc_query_coll *c = &e->q.q.coll;
    const char *path = stc_arena_printf(a, "%s/micro/collectives.csv", folder);
    struct stc_coll_rows rows;
    if (path && access(path, R_OK) != 0)
        path = stc_arena_printf(a, "%s/collectives.csv", folder);
    if (!path) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    if (access(path, R_OK) != 0 || c->bytes <= 0) return STC_OK;
    enum stc_err err = stc_coll_rows_read(a, NULL, path, 0, &rows, diag);
    if (err != STC_OK) return err;
    for (int i = 0; i < rows.n; i++) {
        const struct stc_coll_row *r = &rows.v[i];
        if (r->coll != c->coll || r->f.lib != c->force.lib) continue;
        const double x[] = {c->bytes, c->shape.n_ranks, c->shape.n_nodes},
                     y[] = {r->bytes, r->g.n_ranks, r->g.n_nodes};
        e->n_rows++;
        int at = put(e, apart(x, y, 3) + (r->g.gen == c->shape.gen ? 0 : other_gpu));
        if (at < 0) continue;
        struct stc_coll_est est;
        stc_coll_time(p->coll, &r->g, r->coll, r->bytes, &r->f, &est);
        e->near[at].row = r->row;
        e->near[at].measured_s = r->seconds;
        e->near[at].ours_s = est.seconds;
        e->near[at].what = stc_arena_printf(a, "%s, %d ranks on %d nodes, %.0f bytes",
                                            stc_gen_name(r->g.gen), r->g.n_ranks,
                                            r->g.n_nodes, r->bytes);
        if (!e->near[at].what) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    }
    return STC_OK;
}

enum stc_err stc_explain_find_near(struct stc_arena *a, const struct stc_hw *hw,
                                   const struct stc_run_params *p, const char *folder,
                                   struct stc_explain *e, struct stc_diag *diag)
{
    if (e->q.kind == STC_QUERY_COLLECTIVE)
        return near_collectives(a, p, folder, e, diag);
    if (!e->fit || e->q.both || e->q.kind == STC_QUERY_GROUPED) return STC_OK;
    return near_kernels(a, hw, p, folder, e, diag);
}
