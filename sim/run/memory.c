/* memory.c - see memory.h. */
#include "sim/run/memory.h"

/* What one item adds before it runs, needs while it runs, and frees after. */
struct delta {
    double before, during, after;
};

/* Where the backward is split the weight gradient frees, else the backward. The
 * loss's temporaries (copies of the logits, models/memory.h) stand while the
 * head's backward runs, recompute's while a layer's does. */
static struct delta item_delta(const struct stc_lowered *low,
                               const struct stc_stage_tmpl *t,
                               const struct stc_mem_est *closed, int32_t item)
{
    int32_t c = t->item_chunk[item];
    int split = low->s->layout.schedule == STC_SCHED_ZB_H1 ||
                low->s->layout.schedule == STC_SCHED_ZB_H2;
    double keep = t->chunk_keep_bytes[c], work = t->chunk_work_bytes[c];
    double loss =
        c == t->head_chunk ? closed->bytes[STC_MEM_LOGITS] - t->head_keep_bytes : 0;
    switch (t->item_kind[item]) {
    case STC_ITEM_F: return (struct delta){keep, 0, 0};
    case STC_ITEM_B:
        return (struct delta){0, loss > work ? loss : work, split ? 0 : -keep};
    case STC_ITEM_W: return (struct delta){0, 0, -keep};
    default: return (struct delta){0, 0, 0};
    }
}

static void point(struct stc_track *out, stc_tick t, double bytes)
{
    out->points[out->n_points++] = (struct stc_mem_point){t, bytes};
}

/* A short schedule is shown layer by layer, a long one item by item. */
static int32_t layers_shown(const struct stc_lowered *low,
                            const struct stc_stage_tmpl *t)
{
    enum { SHORT = 64, MOST = 128 };
    int32_t n = t->n_layers / (low->s->layout.vp > 0 ? low->s->layout.vp : 1);
    if (t->n_items > SHORT || n < 1) return 1;
    return n < MOST ? n : MOST;
}

/* Activations come and go with the layers; what an item needs beside them stands
 * until its first layer is through. */
static void item_points(struct stc_track *out, stc_tick start, stc_tick end,
                        int32_t layers, double before, const struct delta *d)
{
    point(out, start, before + d->before / layers + d->during);
    for (int32_t k = 1; k <= layers; k++) {
        double come = (double)(k < layers ? k + 1 : k) / layers,
               gone = (double)k / layers;
        point(out, start + (end - start) / layers * k,
              before + d->before * come + d->after * gone);
    }
}

enum stc_err stc_track_stage(struct stc_arena *a, const struct stc_lowered *low,
                             int32_t stage, const struct stc_mem_est *closed,
                             const struct stc_watch *w, struct stc_track *out)
{
    const struct stc_stage_tmpl *t = &low->stages[stage];
    *out = (struct stc_track){0};
    int timed = w->item_start != NULL;
    int32_t layers = layers_shown(low, t);
    if (timed) {
        out->points = STC_NEW_N(a, struct stc_mem_point,
                                (size_t)t->n_items * ((size_t)layers + 1) + 1);
        if (!out->points) return STC_ERR_NOMEM;
    }
    /* States do not move during a step: they are the closed form's by kind. */
    out->static_bytes = closed->bytes[STC_MEM_PARAM] + closed->bytes[STC_MEM_GRAD] +
                        closed->bytes[STC_MEM_OPTIM] + closed->bytes[STC_MEM_BUFFER] +
                        closed->bytes[STC_MEM_FRAMEWORK] + t->away_bytes;
    double now = out->static_bytes;
    out->peak_bytes = now;
    if (timed) point(out, 0, now);
    for (int32_t i = 0; i < t->n_items; i++) {
        struct delta d = item_delta(low, t, closed, i);
        now += d.before;
        double high = now + d.during;
        if (high > out->peak_bytes) {
            out->peak_bytes = high;
            out->peak_item = i;
        }
        if (timed && w->item_start[stage][i] >= 0 && (d.before != 0 || d.after != 0))
            item_points(out, w->item_start[stage][i], w->item_end[stage][i], layers,
                        now - d.before, &d);
        now += d.after;
    }
    return STC_OK;
}
