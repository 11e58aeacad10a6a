#include "kernels/evidence.h"

#include <math.h>
#include <stddef.h>

#include "kernels/residual.h"

/* Axes that are not logarithms: one octave is worth this much of them. */
static double axis_scale(int family, int axis)
{
    bool attention = family == STC_FAMILY_ATTN_FWD || family == STC_FAMILY_ATTN_DECODE;
    if (attention && axis == 4) return 64;                    /* head_dim */
    if (family == STC_FAMILY_MOE_GEMM && axis == 7) return 1; /* alpha */
    return 0;
}

static void set_hit(const struct stc_evidence *e, int family, int row, double distance,
                    struct stc_evidence_hit *h)
{
    *h = (struct stc_evidence_hit){.id = e->id[row],
                                   .seconds = exp2((double)e->log2_s[row]),
                                   .distance = distance};
    for (int a = 0; a < e->n_axes; a++) {
        double x = (double)e->value[a][e->index[row * e->n_axes + a]];
        h->axis[a] = axis_scale(family, a) > 0 ? x : rint(exp2(x));
    }
}

static int nearest(const struct stc_fit *f, const float *feat, int k,
                   struct stc_evidence_hit *out)
{
    const struct stc_evidence *e = f->residual != NULL ? f->residual->evidence : NULL;
    double d2[STC_EVIDENCE_AXES][STC_EVIDENCE_VALUES];
    int n = 0;

    if (e == NULL || k <= 0) return 0;
    for (int a = 0; a < e->n_axes; a++) {
        double scale = axis_scale(f->family, a);
        for (int i = 0; i < e->n_values[a]; i++) {
            double d =
                ((double)feat[a] - (double)e->value[a][i]) / (scale > 0 ? scale : 1);
            d2[a][i] = d * d;
        }
    }
    for (int row = 0; row < e->n; row++) {
        double sum = 0;
        for (int a = 0; a < e->n_axes; a++)
            sum += d2[a][e->index[row * e->n_axes + a]];
        double d = sqrt(sum);
        if (n == k && d >= out[n - 1].distance) continue;
        int at = n < k ? n++ : k - 1;
        for (; at > 0 && out[at - 1].distance > d; at--)
            out[at] = out[at - 1];
        set_hit(e, f->family, row, d, &out[at]);
    }
    return n;
}

int stc_cost_nearest_gemm(const struct stc_cost *c, const struct stc_gpu *gpu,
                          const struct stc_gemm_q *q, int k,
                          struct stc_evidence_hit *out)
{
    bool exact;
    const struct stc_fit *f = stc_cost_pick(c, gpu, STC_FAMILY_GEMM, q->dtype, &exact);
    struct stc_terms t = {.want_features = true};
    if (!exact || q->m <= 0 || q->n <= 0 || q->k <= 0) return 0;
    stc_gemm_terms(gpu, f->v, q, &t);
    return nearest(f, t.feat, k, out);
}

int stc_cost_nearest_attn(const struct stc_cost *c, const struct stc_gpu *gpu,
                          const struct stc_attn_q *q, int k,
                          struct stc_evidence_hit *out)
{
    bool exact, decode = q->phase == STC_ATTN_DECODE;
    enum stc_dtype variant =
        stc_dtype_info(q->kv_dtype)->act_bytes < 2 ? STC_DTYPE_FP8 : STC_DTYPE_BF16;
    const struct stc_fit *f = stc_cost_pick(
        c, gpu, decode ? STC_FAMILY_ATTN_DECODE : STC_FAMILY_ATTN_FWD, variant, &exact);
    struct stc_terms t = {.want_features = true};
    if (!exact || q->phase == STC_ATTN_BWD || q->batch <= 0 || q->kv_len <= 0 ||
        q->heads <= 0 || q->kv_heads <= 0)
        return 0;
    if (decode)
        stc_decode_terms(gpu, f->v, q, &t);
    else
        stc_attn_terms(gpu, f->v, q, &t);
    return nearest(f, t.feat, k, out);
}

int stc_cost_nearest_moe(const struct stc_cost *c, const struct stc_gpu *gpu,
                         const struct stc_moe_q *q, int k, struct stc_evidence_hit *out)
{
    bool exact;
    const struct stc_fit *f =
        stc_cost_pick(c, gpu, STC_FAMILY_MOE_GEMM, q->dtype, &exact);
    struct stc_terms t = {.want_features = true};
    if (!exact || q->tokens <= 0 || q->experts <= 0) return 0;
    stc_moe_terms(gpu, f->v, q, &t);
    return nearest(f, t.feat, k, out);
}
