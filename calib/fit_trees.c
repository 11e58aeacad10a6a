#include "calib/fit_trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/rng.h"

enum { MAX_BINS = 64, MAX_DEPTH = 8 };

const struct stc_trees_opt stc_trees_default = {
    .n_trees = 110,
    .depth = 8,
    .rate = 0.25,
    .lambda = 6,
    .corner = 0.15,
    .row_share = 0.8,
    .seed = 7,
};

/* All that growing needs; one allocation each, in the arena. */
struct grower {
    const struct stc_trees_opt *opt;
    int n, n_feats;
    const double *y;
    uint8_t *bin; /* [feature][row] */
    int n_borders[STC_FEAT_MAX];
    float border[STC_FEAT_MAX][MAX_BINS];
    double *pred, *grad;
    int *rows; /* those of this tree first */
    int n_rows;
    uint16_t *leaf_of; /* [row] */
    double *sum;       /* [leaf][bin] */
    int *count;        /* [leaf][bin] */
    float *sorted;
    struct stc_rng rng;
};

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Borders halfway between neighbouring values, at most MAX_BINS - 1, at equal
 * shares of the rows when there are more values. */
static void set_borders(struct grower *g, const float *feat, int f)
{
    int n_unique = 0, n = g->n;
    for (int i = 0; i < n; i++)
        g->sorted[i] = feat[(size_t)i * STC_FEAT_MAX + (size_t)f];
    qsort(g->sorted, (size_t)n, sizeof(float), by_value);
    for (int i = 0; i < n; i++)
        if (i == 0 || g->sorted[i] - g->sorted[i - 1] > 1e-6f) n_unique++;
    int most = MAX_BINS - 1, made = 0, next = 0;
    for (int i = 1; i < n && made < most; i++) {
        float lo = g->sorted[i - 1], hi = g->sorted[i];
        if (hi - lo <= 1e-6f) continue;
        if (n_unique - 1 > most && i < next) continue;
        g->border[f][made++] = lo + (hi - lo) / 2;
        next = (int)((double)n * (made + 1) / (most + 1));
    }
    g->n_borders[f] = made;
    for (int i = 0; i < n; i++) {
        float x = feat[(size_t)i * STC_FEAT_MAX + (size_t)f];
        int lo = 0, hi = made;
        while (lo < hi) {
            int mid = (lo + hi) / 2;
            if (x > g->border[f][mid])
                lo = mid + 1;
            else
                hi = mid;
        }
        g->bin[(size_t)f * (size_t)n + (size_t)i] = (uint8_t)lo;
    }
}

/* Best border of a feature for a tree that has n_leaves leaves so far. */
static double best_border(struct grower *g, int f, int n_leaves, int *border)
{
    int n_bins = g->n_borders[f] + 1;
    const uint8_t *bin = g->bin + (size_t)f * (size_t)g->n;
    double gain[MAX_BINS] = {0};

    memset(g->sum, 0, (size_t)n_leaves * MAX_BINS * sizeof *g->sum);
    memset(g->count, 0, (size_t)n_leaves * MAX_BINS * sizeof *g->count);
    for (int j = 0; j < g->n_rows; j++) {
        int i = g->rows[j];
        size_t at = (size_t)g->leaf_of[i] * MAX_BINS + bin[i];
        g->sum[at] += g->grad[i];
        g->count[at]++;
    }
    for (int l = 0; l < n_leaves; l++) {
        const double *s = g->sum + (size_t)l * MAX_BINS;
        const int *c = g->count + (size_t)l * MAX_BINS;
        double all = 0, left = 0;
        int n_all = 0, n_left = 0;
        for (int b = 0; b < n_bins; b++)
            all += s[b], n_all += c[b];
        if (n_all == 0) continue;
        for (int b = 0; b < n_bins - 1; b++) {
            left += s[b];
            n_left += c[b];
            double right = all - left;
            gain[b] += left * left / (n_left + g->opt->lambda) +
                       right * right / (n_all - n_left + g->opt->lambda);
        }
    }
    *border = 0;
    for (int b = 1; b < n_bins - 1; b++)
        if (gain[b] > gain[*border]) *border = b;
    return n_bins > 1 ? gain[*border] : -1;
}

static void sample_rows(struct grower *g)
{
    g->n_rows = (int)ceil(g->n * g->opt->row_share);
    for (int i = 0; i < g->n_rows; i++) {
        int j = i + (int)stc_rng_below(&g->rng, (uint64_t)(g->n - i));
        int swap = g->rows[i];
        g->rows[i] = g->rows[j];
        g->rows[j] = swap;
    }
}

static void grow_one(struct grower *g, uint8_t *feat, float *threshold, float *leaf)
{
    int depth = g->opt->depth, n_leaves = 1 << depth;
    double corner = g->opt->corner;

    for (int i = 0; i < g->n; i++) {
        double r = g->y[i] - g->pred[i];
        g->grad[i] = r > corner ? corner : r < -corner ? -corner : r;
        g->leaf_of[i] = 0;
    }
    sample_rows(g);
    for (int d = 0; d < depth; d++) {
        int best_f = 0, best_b = 0;
        double best = -1;
        for (int f = 0; f < g->n_feats; f++) {
            int b;
            double gain = best_border(g, f, 1 << d, &b);
            if (gain > best) best = gain, best_f = f, best_b = b;
        }
        feat[d] = (uint8_t)best_f;
        threshold[d] = g->n_borders[best_f] > 0 ? g->border[best_f][best_b] : 0;
        const uint8_t *bin = g->bin + (size_t)best_f * (size_t)g->n;
        for (int i = 0; i < g->n; i++)
            g->leaf_of[i] =
                (uint16_t)(g->leaf_of[i] | (unsigned)(bin[i] > best_b) << d);
    }
    for (int l = 0; l < n_leaves; l++)
        g->sum[l] = 0, g->count[l] = 0;
    for (int j = 0; j < g->n_rows; j++) {
        int i = g->rows[j];
        g->sum[g->leaf_of[i]] += g->grad[i];
        g->count[g->leaf_of[i]]++;
    }
    for (int l = 0; l < n_leaves; l++)
        leaf[l] = (float)(round(1e4 * g->opt->rate * g->sum[l] /
                                (g->count[l] + g->opt->lambda)) /
                          1e4);
    for (int i = 0; i < g->n; i++)
        g->pred[i] += (double)leaf[g->leaf_of[i]];
}

static void set_ranges(struct stc_residual *r, const float *feat, int n)
{
    for (int f = 0; f < r->n_axes; f++) {
        r->lo[f] = r->hi[f] = feat[f];
        for (int i = 1; i < n; i++) {
            float x = feat[(size_t)i * STC_FEAT_MAX + (size_t)f];
            if (x < r->lo[f]) r->lo[f] = x;
            if (x > r->hi[f]) r->hi[f] = x;
        }
    }
}

enum stc_err stc_trees_grow(struct stc_arena *a, const struct stc_trees_opt *opt,
                            const float *feat, const double *y, int n, int n_feats,
                            int n_axes, struct stc_residual *out, struct stc_diag *diag)
{
    if (n < 1 || opt->depth < 1 || opt->depth > MAX_DEPTH)
        return stc_fail(diag, STC_ERR_RANGE, "trees need rows, and a depth of 1 to %d",
                        MAX_DEPTH);
    size_t rows = (size_t)n, trees = (size_t)opt->n_trees, depth = (size_t)opt->depth;
    struct grower *g = STC_NEW(a, struct grower);
    uint8_t *f = STC_NEW_N(a, uint8_t, trees * depth);
    float *t = STC_NEW_N(a, float, trees *depth),
          *leaf = STC_NEW_N(a, float, trees << depth);
    if (g == NULL || f == NULL || t == NULL || leaf == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "residual trees");
    g->bin = STC_NEW_N(a, uint8_t, rows * (size_t)n_feats);
    g->pred = STC_NEW_N(a, double, rows);
    g->grad = STC_NEW_N(a, double, rows);
    g->rows = STC_NEW_N(a, int, rows);
    g->leaf_of = STC_NEW_N(a, uint16_t, rows);
    g->sum = STC_NEW_N(a, double, ((size_t)1 << depth) * MAX_BINS);
    g->count = STC_NEW_N(a, int, ((size_t)1 << depth) * MAX_BINS);
    g->sorted = STC_NEW_N(a, float, rows);
    if (g->bin == NULL || g->pred == NULL || g->grad == NULL || g->rows == NULL ||
        g->leaf_of == NULL || g->sum == NULL || g->count == NULL || g->sorted == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "residual trees");
    g->opt = opt;
    g->n = n;
    g->n_feats = n_feats;
    g->y = y;
    stc_rng_seed(&g->rng, opt->seed, "residual trees");
    for (int i = 0; i < n; i++)
        g->rows[i] = i;
    for (int i = 0; i < n_feats; i++)
        set_borders(g, feat, i);
    for (size_t i = 0; i < trees; i++)
        grow_one(g, f + i * depth, t + i * depth, leaf + (i << depth));
    *out = (struct stc_residual){.n_feats = n_feats,
                                 .n_axes = n_axes,
                                 .n_trees = 110,
                                 .depth = opt->depth,
                                 .feat = f,
                                 .threshold = t,
                                 .leaf = leaf};
    set_ranges(out, feat, n);
    return STC_OK;
}
