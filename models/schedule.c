#include "models/schedule.h"

#include <stddef.h>

/* A list being written, and the forwards it holds alive. */
struct writer {
    struct stc_item *items;
    int32_t n, cap;
    int32_t alive, most;
    int split; /* backward is B then W: the activation lives until W */
};

static void put(struct writer *w, enum stc_item_kind kind, int32_t chunk, int32_t micro)
{
    if (w->n < w->cap) {
        w->items[w->n] = (struct stc_item){
            .kind = (uint8_t)kind, .chunk = (uint8_t)chunk, .micro = micro};
    }
    w->n++;
    if (kind == STC_ITEM_F) {
        w->alive++;
        w->most = w->alive > w->most ? w->alive : w->most;
    } else if (kind == (w->split ? STC_ITEM_W : STC_ITEM_B)) {
        w->alive--;
    }
}

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static void gpipe(struct writer *w, const struct stc_layout *l)
{
    for (int32_t c = 0; c < l->vp; c++) {
        for (int32_t m = 0; m < l->n_micro; m++) {
            put(w, STC_ITEM_F, c, m);
        }
    }
    for (int32_t c = l->vp - 1; c >= 0; c--) {
        for (int32_t m = 0; m < l->n_micro; m++) {
            put(w, STC_ITEM_B, c, m);
        }
    }
}

static void one_f_one_b(struct writer *w, const struct stc_layout *l, int32_t stage)
{
    int32_t warm = min32(l->pp - stage - 1, l->n_micro);
    for (int32_t m = 0; m < warm; m++) {
        put(w, STC_ITEM_F, 0, m);
    }
    for (int32_t m = warm; m < l->n_micro; m++) {
        put(w, STC_ITEM_F, 0, m);
        put(w, STC_ITEM_B, 0, m - warm);
    }
    for (int32_t m = l->n_micro - warm; m < l->n_micro; m++) {
        put(w, STC_ITEM_B, 0, m);
    }
}

/* The k-th forward (or backward) of a stage: micro-batches go through the
 * chunks in rounds of `round` micro-batches. */
static void put_kth(struct writer *w, enum stc_item_kind kind, int32_t k, int32_t round,
                    int32_t vp)
{
    int32_t in_round = k % (round * vp);
    int32_t chunk = in_round / round,
            micro = k / (round * vp) * round + in_round % round;
    put(w, kind, kind == STC_ITEM_F ? chunk : vp - 1 - chunk, micro);
}

static void interleaved(struct writer *w, const struct stc_layout *l, int32_t stage)
{
    int32_t n_rounds = l->n_micro / l->pp > 1 ? l->n_micro / l->pp : 1;
    int32_t round = l->n_micro / n_rounds, total = l->n_micro * l->vp;
    int32_t warm = min32((l->pp - stage - 1) * 2 + (l->vp - 1) * round, total);
    for (int32_t k = 0; k < warm; k++) {
        put_kth(w, STC_ITEM_F, k, round, l->vp);
    }
    for (int32_t k = warm; k < total; k++) {
        put_kth(w, STC_ITEM_F, k, round, l->vp);
        put_kth(w, STC_ITEM_B, k - warm, round, l->vp);
    }
    for (int32_t k = total - warm; k < total; k++) {
        put_kth(w, STC_ITEM_B, k, round, l->vp);
    }
}

/* Later stages put their weight gradients off by as many micro-batches as there
 * are stages before them (twice that for H2), so that input gradients travel
 * upstream early and the weight gradients fill the cool-down; the stages then
 * hold about equally many activations (Qi 2401.10241 §2.2-2.3). */
static void zero_bubble(struct writer *w, const struct stc_layout *l, int32_t stage,
                        int h2)
{
    int32_t warm = min32(h2 ? 2 * (l->pp - stage - 1) : l->pp - stage - 1, l->n_micro);
    int32_t lag = h2 ? 2 * stage : stage, next_w = 0;
    w->split = 1;
    for (int32_t m = 0; m < warm; m++) {
        put(w, STC_ITEM_F, 0, m);
    }
    for (int32_t b = 0; b < l->n_micro; b++) {
        if (warm + b < l->n_micro) {
            put(w, STC_ITEM_F, 0, warm + b);
        }
        put(w, STC_ITEM_B, 0, b);
        /* once no forward is left there is nothing to hurry for but B */
        if (b >= lag) {
            put(w, STC_ITEM_W, 0, next_w++);
        }
    }
    while (next_w < l->n_micro) {
        put(w, STC_ITEM_W, 0, next_w++);
    }
}

static enum stc_err check(const struct stc_layout *l, struct stc_diag *diag)
{
    const char *name = stc_schedule_name((enum stc_schedule_kind)l->schedule);
    if (l->n_micro < 1) {
        return stc_fail(diag, STC_ERR_INFEASIBLE,
                        "schedule: %s needs at least one micro-batch, not %d", name,
                        (int)l->n_micro);
    }
    int chunked =
        l->schedule == STC_SCHED_INTERLEAVED || l->schedule == STC_SCHED_GPIPE;
    if (!chunked && l->vp > 1) {
        return stc_fail(
            diag, STC_ERR_INFEASIBLE,
            "schedule: %s has one chunk a stage, not vp %d; use interleaved", name,
            (int)l->vp);
    }
    if (l->vp > UINT8_MAX) {
        return stc_fail(diag, STC_ERR_INFEASIBLE,
                        "schedule: vp %d is more than %d chunks", (int)l->vp,
                        UINT8_MAX);
    }
    int32_t n_rounds = l->n_micro / l->pp > 1 ? l->n_micro / l->pp : 1;
    if (l->schedule == STC_SCHED_INTERLEAVED && l->n_micro % n_rounds != 0) {
        return stc_fail(diag, STC_ERR_INFEASIBLE,
                        "schedule: interleaved needs micro-batches (%d) that divide "
                        "into equal rounds over pp %d",
                        (int)l->n_micro, (int)l->pp);
    }
    return STC_OK;
}

enum stc_err stc_schedule_build(struct stc_arena *a, const struct stc_layout *l,
                                int32_t stage, struct stc_schedule *out,
                                struct stc_diag *diag)
{
    enum stc_err err = check(l, diag);
    if (err) {
        return err;
    }
    struct writer w = {.cap = 3 * l->n_micro * l->vp};
    w.items = STC_NEW_N(a, struct stc_item, (size_t)w.cap);
    if (!w.items) {
        return stc_fail(diag, STC_ERR_NOMEM, "schedule: no memory for %d items",
                        (int)w.cap);
    }
    switch ((enum stc_schedule_kind)l->schedule) {
    case STC_SCHED_GPIPE: gpipe(&w, l); break;
    case STC_SCHED_1F1B: one_f_one_b(&w, l, stage); break;
    case STC_SCHED_INTERLEAVED: interleaved(&w, l, stage); break;
    case STC_SCHED_ZB_H1: zero_bubble(&w, l, stage, 0); break;
    case STC_SCHED_ZB_H2: zero_bubble(&w, l, stage, 1); break;
    case STC_SCHED_COUNT:
        return stc_fail(diag, STC_ERR_BUG, "schedule: %d is no schedule", l->schedule);
    }
    *out = (struct stc_schedule){.items = w.items, .n = w.n, .in_flight = w.most};
    return STC_OK;
}

/* Which items of which (virtual stage, micro-batch) have run: one bit each. */
enum { DONE_F = 1, DONE_B = 2, DONE_W = 4 };

static int ready(const uint8_t *done, const struct stc_layout *l, int32_t stage,
                 const struct stc_item *it)
{
    int32_t v = it->chunk * l->pp + stage, m = l->n_micro, last = l->pp * l->vp - 1;
    uint8_t own = done[v * m + it->micro];
    switch (it->kind) {
    case STC_ITEM_F:
        return !(own & DONE_F) && (v == 0 || (done[(v - 1) * m + it->micro] & DONE_F));
    case STC_ITEM_B:
        return (own & DONE_F) && !(own & DONE_B) &&
               (v == last || (done[(v + 1) * m + it->micro] & DONE_B));
    default: return (own & DONE_B) && !(own & DONE_W);
    }
}

static int run_all(const struct stc_layout *l, const struct stc_schedule *all,
                   uint8_t *done, int32_t *at)
{
    for (int moved = 1; moved;) {
        moved = 0;
        for (int32_t s = 0; s < l->pp; s++) {
            while (at[s] < all[s].n) {
                const struct stc_item *it = &all[s].items[at[s]];
                if (it->chunk >= l->vp || it->micro < 0 || it->micro >= l->n_micro ||
                    !ready(done, l, s, it)) {
                    break;
                }
                done[(it->chunk * l->pp + s) * l->n_micro + it->micro] |=
                    (uint8_t)(1u << it->kind);
                at[s]++;
                moved = 1;
            }
        }
    }
    for (int32_t s = 0; s < l->pp; s++) {
        if (at[s] < all[s].n) {
            return 0;
        }
    }
    for (int32_t i = 0; i < l->pp * l->vp * l->n_micro; i++) {
        if ((done[i] & (DONE_F | DONE_B)) != (DONE_F | DONE_B)) {
            return 0;
        }
    }
    return 1;
}

int stc_schedule_sane(const struct stc_layout *l, const struct stc_schedule *all)
{
    struct stc_arena a = STC_ARENA_INIT;
    uint8_t *done = STC_NEW_N(&a, uint8_t, (size_t)(l->pp * l->vp * l->n_micro));
    int32_t *at = STC_NEW_N(&a, int32_t, (size_t)l->pp);
    int ok = done && at && run_all(l, all, done, at);
    stc_arena_free(&a);
    return ok;
}

const char *stc_schedule_name(enum stc_schedule_kind k)
{
    static const char *const names[STC_SCHED_COUNT] = {
        [STC_SCHED_GPIPE] = "gpipe",
        [STC_SCHED_1F1B] = "1f1b",
        [STC_SCHED_INTERLEAVED] = "interleaved",
        [STC_SCHED_ZB_H1] = "zb-h1",
        [STC_SCHED_ZB_H2] = "zb-h2",
    };
    return (unsigned)k < STC_SCHED_COUNT ? names[k] : "?";
}
