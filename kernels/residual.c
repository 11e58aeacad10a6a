#include "kernels/residual.h"

#include <math.h>
#include <stddef.h>

uint64_t stc_residual_hash(const float *feat, int n_axes)
{
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < n_axes; i++) {
        /* 1/4096 of an octave: rounding of log2 cannot split equal sizes. */
        uint64_t x = (uint64_t)(int64_t)lrintf(feat[i] * 4096.0f);
        h = (h ^ x) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h != 0 ? h : 1;
}

static bool is_seen(const struct stc_residual *r, const float *feat)
{
    if (r->n_seen == 0) return false;
    uint64_t h = stc_residual_hash(feat, r->n_axes);
    uint32_t mask = r->n_seen - 1;
    for (uint32_t i = (uint32_t)h & mask, n = 0; n < r->n_seen;
         i = (i + 1) & mask, n++) {
        if (r->seen[i] == h) return true;
        if (r->seen[i] == 0) return false;
    }
    return false;
}

static double tree_sum(const struct stc_residual *r, const float *feat)
{
    enum { AHEAD = 256 };
    const uint8_t *f = r->feat;
    const float *t = r->threshold, *leaf = r->leaf;
    uint16_t at[AHEAD];
    double sum = 0;
    for (int first = 0; first < r->n_trees; first += AHEAD) {
        int n = r->n_trees - first < AHEAD ? r->n_trees - first : AHEAD;
        for (int i = 0; i < n; i++) {
            unsigned x = 0;
            for (int j = 0; j < r->depth; j++)
                x |= (unsigned)(feat[f[j]] > t[j]) << j;
            f += r->depth;
            t += r->depth;
            at[i] = (uint16_t)x;
            __builtin_prefetch(&leaf[((size_t)i << r->depth) + x]);
        }
        for (int i = 0; i < n; i++)
            sum += (double)leaf[((size_t)i << r->depth) + at[i]];
        leaf += (size_t)n << r->depth;
    }
    return sum;
}

static void ahead(const void *from, size_t n)
{
    const char *p = from;
    for (size_t i = 0; i < n; i += 64)
        __builtin_prefetch(p + i);
}

void stc_residual_ahead(const struct stc_residual *r)
{
    size_t n = (size_t)r->n_trees * (size_t)r->depth;
    ahead(r->feat, n);
    ahead(r->threshold, n * sizeof *r->threshold);
}

void stc_residual_at(const struct stc_residual *r, const float *feat,
                     struct stc_residual_hit *hit)
{
    double d2 = 0;
    for (int i = 0; i < r->n_axes; i++) {
        double x = (double)feat[i], lo = (double)r->lo[i], hi = (double)r->hi[i];
        double d = x < lo ? lo - x : x > hi ? x - hi : 0;
        d2 += d * d;
    }
    hit->distance = sqrt(d2);
    hit->log_factor = tree_sum(r, feat) / (1 + d2);
    hit->seen = is_seen(r, feat);
}
