/*
 * bound_tight.c - the pipeline run item by item, alone on its machine.
 *
 * THEORY. Every stage works off its schedule; an item starts when the item
 * before it is done and what it needs has arrived. A message between two stages
 * leaves when both sides came to it and the one before it is through. That is
 * what the engine does, but for interference and shared links, which only make
 * it later. The items of all stages are visited round and round, each as soon as
 * it can be timed.
 */
#include "sim/run/bound_int.h"

#include <stdlib.h>
#include <string.h>

struct pipe {
    const struct stc_layout *l;
    const struct stc_chain *c;
    int32_t n_v;
    int overlap; /* sends beside compute */
    int eager;   /* receives are posted early: a message leaves when it is ready */
    int split;
    stc_tick *f,
        *b; /* [n_v][n_micro]: eager: there, else: ready to leave; -1: not yet */
    stc_tick *line_f, *line_b; /* [pp]: end of the last message that a stage sent */
    stc_tick *wait_f, *wait_b; /* [pp]: the same, -1 while its receiver has not come */
    stc_tick *now;             /* [pp]: compute */
    stc_tick *there; /* [pp]: what the next item needs has come; -1: not known */
    int32_t *at;
    struct stc_schedule *sched;
    struct stc_arena *arena;
};

static stc_tick later(stc_tick x, stc_tick y)
{
    return x > y ? x : y;
}

/* What one direction of a pipeline looks like from an item. */
struct way {
    stc_tick *sent, *got;  /* cells of this item's message and of the one it needs */
    stc_tick *line, *wait; /* of the stage that sends to it */
    stc_tick *own_line, *own_wait;
    stc_tick hop_in, hop_out;
};

static struct way way_of(const struct pipe *p, int32_t s, int fwd, int32_t v, int32_t m)
{
    int32_t pp = p->l->pp, n = p->l->n_micro, next = s + 1 < pp ? s + 1 : 0,
            prev = s > 0 ? s - 1 : pp - 1;
    struct way w;
    if (fwd) {
        w = (struct way){.sent = v < p->n_v - 1 ? &p->f[v * n + m] : NULL,
                         .got = v > 0 ? &p->f[(v - 1) * n + m] : NULL,
                         .line = &p->line_f[prev],
                         .wait = &p->wait_f[prev],
                         .own_line = &p->line_f[s],
                         .own_wait = &p->wait_f[s],
                         .hop_in = p->c->hop[prev],
                         .hop_out = p->c->hop[s]};
    } else {
        w = (struct way){.sent = v > 0 ? &p->b[v * n + m] : NULL,
                         .got = v < p->n_v - 1 ? &p->b[(v + 1) * n + m] : NULL,
                         .line = &p->line_b[next],
                         .wait = &p->wait_b[next],
                         .own_line = &p->line_b[s],
                         .own_wait = &p->wait_b[s],
                         .hop_in = p->c->hop[s],
                         .hop_out = p->c->hop[prev]};
    }
    return w;
}

/* When the message that an item needs is there; -1: not known yet. */
static stc_tick receive(const struct pipe *p, int32_t s, const struct way *w)
{
    if (!w->got) return 0;
    if (*w->got < 0 || p->eager) return *w->got;
    *w->line = later(later(*w->got, p->now[s]), *w->line) + w->hop_in;
    *w->wait = *w->line;
    return *w->line;
}

static void send(const struct pipe *p, int32_t s, const struct way *w)
{
    if (!w->sent) return;
    *w->sent = p->now[s];
    *w->own_wait = -1;
    if (!p->eager) return;
    *w->own_line = later(p->now[s], *w->own_line) + w->hop_out;
    *w->sent = *w->own_wait = *w->own_line;
}

/* Tries the next item of stage s; 1: it ran, 2: its message is known, but not yet
 * when its own sends are through. */
static int try_item(struct pipe *p, int32_t s)
{
    const struct stc_item *it = &p->sched[s].items[p->at[s]];
    int32_t v = it->chunk * p->l->pp + s;
    const struct stc_chunk_cost *k = &p->c->v[v];
    stc_tick start = p->now[s];
    if (it->kind == STC_ITEM_W) {
        p->now[s] += k->w;
        p->at[s]++;
        return 1;
    }
    int fwd = it->kind == STC_ITEM_F;
    struct way w = way_of(p, s, fwd, v, it->micro);
    int came = p->there[s] < 0;
    if (came) p->there[s] = receive(p, s, &w);
    if (p->there[s] < 0) return 0;
    start = later(start, p->there[s]);
    if (!p->overlap) { /* its own sends are in the way */
        if (p->wait_f[s] < 0 || p->wait_b[s] < 0) return came ? 2 : 0;
        start = later(start, later(p->wait_f[s], p->wait_b[s]));
    }
    p->now[s] = start + (fwd ? k->f : k->b - (p->split ? k->w : 0));
    p->at[s]++;
    p->there[s] = -1;
    send(p, s, &w);
    return 1;
}

static int take(struct stc_bounder *b, struct pipe *p)
{
    const struct stc_layout *l = p->l;
    size_t items = (size_t)p->n_v * (size_t)l->n_micro, pp = (size_t)l->pp;
    p->f = STC_NEW_N(p->arena, stc_tick, items);
    p->b = STC_NEW_N(p->arena, stc_tick, items);
    stc_tick *row = STC_NEW_N(p->arena, stc_tick, 6 * pp);
    p->at = STC_NEW_N(p->arena, int32_t, pp);
    p->sched = STC_NEW_N(p->arena, struct stc_schedule, pp);
    if (!p->f || !p->b || !row || !p->at || !p->sched) {
        b->err = STC_ERR_NOMEM;
        return 0;
    }
    memset(p->f, 0xff, items * sizeof *p->f); /* -1 */
    memset(p->b, 0xff, items * sizeof *p->b);
    p->line_f = row;
    p->line_b = row + pp;
    p->wait_f = row + 2 * pp;
    p->wait_b = row + 3 * pp;
    p->now = row + 4 * pp;
    p->there = row + 5 * pp;
    memset(p->there, 0xff, pp * sizeof *p->there);
    for (int32_t s = 0; s < l->pp && b->err == STC_OK; s++)
        b->err = stc_schedule_build(p->arena, l, s, &p->sched[s], b->diag);
    return b->err == STC_OK;
}

int stc_b_pipeline(struct stc_bounder *b, stc_tick start)
{
    const struct stc_layout *l = &b->s->layout;
    struct pipe p = {.l = l,
                     .c = &b->chain,
                     .n_v = l->pp * l->vp,
                     .overlap = b->s->stack.overlap_p2p,
                     .eager = b->s->stack.overlap_p2p || l->vp > 1,
                     .split = stc_b_split(b),
                     .arena = &b->scratch};
    stc_arena_reset(&b->scratch);
    if (!take(b, &p)) return 0;
    stc_tick host = stc_s_to_tick(stc_low_step_s(b->s));
    for (int32_t s = 0; s < l->pp; s++)
        p.now[s] = s == 0 ? start : host;
    for (int moved = 1; moved;) {
        moved = 0;
        for (int32_t s = 0; s < l->pp; s++) {
            int ran = 1;
            while (ran == 1 && p.at[s] < p.sched[s].n) {
                ran = try_item(&p, s);
                moved |= ran;
            }
        }
    }
    for (int32_t s = 0; s < l->pp; s++)
        b->chain.end[s] = later(b->chain.end[s], p.now[s]);
    return 1;
}
