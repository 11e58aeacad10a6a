#include "calib/fit_coll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Width of the bell over sizes, and the doubt against which evidence weighs. */
static const double width_octaves = 0.40, doubt = 0.06;
/* A row further than this from its neighbours' median is a hiccup of that run. */
static const double hiccup = 0.25;

struct point {
    double x, r; /* log2 bytes; log(measured / formula) */
};
enum { MAX_POINTS = 256 };

static bool same_series(const struct stc_coll_row *a, const struct stc_coll_row *b)
{
    return a->g.gen == b->g.gen && a->f.lib == b->f.lib && a->coll == b->coll &&
           a->g.n_ranks == b->g.n_ranks && a->g.n_nodes == b->g.n_nodes &&
           (a->g.n_nodes == 1 || a->g.net == b->g.net);
}

/* What says nothing of NCCL's own choice, or of the collective at all. */
static bool leave_out(const struct stc_coll_row *r)
{
    return r->f.algo != STC_ALGO_AUTO || r->f.min_ctas > 0 ||
           (r->skewed && r->bytes < STC_COLL_SKEW_BYTES);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median_near(const struct point *p, int n, double x)
{
    double v[MAX_POINTS];
    int m = 0;
    for (int i = 0; i < n; i++)
        if (fabs(p[i].x - x) < 1.01) v[m++] = p[i].r;
    if (m == 0) return 0.0;
    qsort(v, (size_t)m, sizeof v[0], by_value);
    return m % 2 == 1 ? v[m / 2] : 0.5 * (v[m / 2 - 1] + v[m / 2]);
}

static void smooth(const struct point *p, int n, struct stc_coll_res *out)
{
    double r[MAX_POINTS];
    for (int i = 0; i < n; i++) {
        double med = median_near(p, n, p[i].x);
        r[i] = fabs(p[i].r - med) > hiccup ? med : p[i].r;
    }
    for (int g = 0; g < STC_RES_POINTS; g++) {
        double x = STC_RES_LOG2_MIN + (double)g / STC_RES_PER_OCTAVE;
        double sum = 0.0, sum_w = doubt;
        for (int i = 0; i < n; i++) {
            double d = (p[i].x - x) / width_octaves;
            double w = exp(-0.5 * d * d);
            sum += w * r[i];
            sum_w += w;
        }
        out->log_ratio[g] = (float)(sum / sum_w);
    }
}

/* Seconds must not fall with bytes: pool neighbours that do (isotonic
 * regression on the logarithm), then turn back into ratios. */
static void make_monotone(const struct stc_coll_params *p, const struct stc_coll_row *r,
                          struct stc_coll_res *s)
{
    double base[STC_RES_POINTS], level[STC_RES_POINTS];
    int size[STC_RES_POINTS], n = 0;
    for (int g = 0; g < STC_RES_POINTS; g++) {
        struct stc_coll_est e;
        double bytes = exp2(STC_RES_LOG2_MIN + (double)g / STC_RES_PER_OCTAVE);
        stc_coll_time(p, &r->g, r->coll, bytes, &r->f, &e);
        base[g] = log(e.physics_s);
        level[n] = base[g] + (double)s->log_ratio[g];
        size[n++] = 1;
        while (n > 1 && level[n - 1] < level[n - 2]) {
            double a = (double)size[n - 2], b = (double)size[n - 1];
            level[n - 2] = (a * level[n - 2] + b * level[n - 1]) / (a + b);
            size[n - 2] += size[n - 1];
            n--;
        }
    }
    for (int b = 0, g = 0; b < n; b++)
        for (int i = 0; i < size[b]; i++, g++)
            /* A hair upwards, so that rounding to float cannot turn it round. */
            s->log_ratio[g] = (float)(level[b] - base[g] + 1e-6 * (double)g);
}

void stc_fit_coll_residuals(const struct stc_coll_rows *rows, const bool *keep,
                            struct stc_coll_params *p)
{
    bool use = p->use_residual;
    p->use_residual = false; /* ratios are against the formula */
    p->n_res = 0;
    for (int i = 0; i < rows->n; i++) {
        const struct stc_coll_row *first = &rows->v[i];
        if ((keep != NULL && !keep[i]) || leave_out(first)) continue;
        bool seen = false;
        for (int k = 0; k < i && !seen; k++)
            seen = (keep == NULL || keep[k]) && !leave_out(&rows->v[k]) &&
                   same_series(&rows->v[k], first);
        if (seen || p->n_res == STC_RES_SERIES) continue;
        struct point pts[MAX_POINTS];
        int n = 0;
        struct stc_coll_res *s = &p->res[p->n_res];
        *s = (struct stc_coll_res){.gen = first->g.gen,
                                   .lib = first->f.lib,
                                   .coll = first->coll,
                                   .net = first->g.net,
                                   .n_ranks = first->g.n_ranks,
                                   .n_nodes = first->g.n_nodes,
                                   .min_bytes = INFINITY};
        for (int k = i; k < rows->n && n < MAX_POINTS; k++) {
            const struct stc_coll_row *r = &rows->v[k];
            if ((keep != NULL && !keep[k]) || leave_out(r) || !same_series(r, first))
                continue;
            struct stc_coll_est e;
            stc_coll_time(p, &r->g, r->coll, r->bytes, &r->f, &e);
            pts[n++] = (struct point){log2(r->bytes), log(r->seconds / e.physics_s)};
            s->min_bytes = fmin(s->min_bytes, r->bytes);
            s->max_bytes = fmax(s->max_bytes, r->bytes);
        }
        smooth(pts, n, s);
        make_monotone(p, first, s);
        p->n_res++;
    }
    stc_coll_params_index(p);
    p->use_residual = use;
}
