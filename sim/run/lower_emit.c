/* lower_emit.c - writing tasks into the block at hand; see lower_int.h. */
#include "sim/run/lower_int.h"

#include <assert.h>
#include <string.h>

#include "sim/base/text.h"

/* Doubles an arena array; the old one stays behind in the arena. */
static void *grow(struct stc_low *w, void *old, size_t n, size_t elem, size_t *new_cap)
{
    *new_cap = n ? n * 2 : 16;
    void *p = stc_arena_alloc(w->o->a, *new_cap, elem);
    if (!p) {
        w->err = STC_ERR_NOMEM;
        return NULL;
    }
    if (n) memcpy(p, old, n * elem);
    return p;
}

struct stc_task *stc_low_task(struct stc_low *w, enum stc_stream s,
                              enum stc_task_kind kind)
{
    static const struct stc_task none;
    if (w->n[s] == w->cap[s]) {
        size_t cap;
        struct stc_task *p = grow(w, w->buf[s], w->n[s], sizeof *p, &cap);
        if (!p) return NULL;
        w->buf[s] = p;
        w->cap[s] = (uint32_t)cap;
    }
    struct stc_task *t = &w->buf[s][w->n[s]++];
    *t = none;
    t->kind = (uint8_t)kind;
    return t;
}

void stc_low_wait(struct stc_task *t, uint32_t rel)
{
    if (!t) return;
    for (int i = 0; i < STC_MAX_WAITS; i++) {
        if (t->wait[i] == rel) return;
        if (t->wait[i] == 0) {
            t->wait[i] = rel;
            return;
        }
    }
    assert(!"a task waits for at most STC_MAX_WAITS others");
}

static int same_op(const struct stc_comm_op *a, const struct stc_comm_op *b)
{
    return a->slot == b->slot && a->coll == b->coll && a->repeat == b->repeat &&
           stc_same_double(a->bytes, b->bytes);
}

static int32_t comm_op(struct stc_low *w, const struct stc_comm_op *op)
{
    struct stc_lowered *o = w->o;
    for (int32_t i = 0; i < o->n_ops; i++)
        if (same_op(&o->ops[i], op)) return i;
    if (o->n_ops == o->cap_ops) {
        size_t cap;
        struct stc_comm_op *p = grow(w, o->ops, (size_t)o->n_ops, sizeof *p, &cap);
        if (!p) return 0;
        o->ops = p;
        o->cap_ops = (int32_t)cap;
    }
    o->ops[o->n_ops] = *op;
    return o->n_ops++;
}

struct stc_task *stc_low_join_op(struct stc_low *w, enum stc_stream s,
                                 const struct stc_comm_op *op)
{
    struct stc_task *t = stc_low_task(w, s, STC_TASK_JOIN);
    if (!t) return NULL;
    t->ref = op->slot;
    t->amount = comm_op(w, op);
    t->tag = STC_COMM_TAG | (uint32_t)t->amount;
    w->o->has_joins[op->slot] = 1;
    return t;
}

struct stc_task *stc_low_join(struct stc_low *w, enum stc_stream s, enum stc_slot slot,
                              enum stc_coll coll, double bytes)
{
    struct stc_comm_op op = {(uint8_t)slot, (uint8_t)coll, 1, bytes};
    return stc_low_join_op(w, s, &op);
}

uint32_t stc_low_mark(const struct stc_low *w, enum stc_stream s)
{
    return stc_rel((uint32_t)s, w->n[s]);
}

uint32_t stc_low_segment(struct stc_low *w, const struct stc_segment *seg)
{
    struct stc_lowered *o = w->o;
    if (o->n_segs == o->cap_segs) {
        size_t cap;
        struct stc_segment *p = grow(w, o->segs, (size_t)o->n_segs, sizeof *p, &cap);
        if (!p) return 0;
        o->segs = p;
        o->cap_segs = (int32_t)cap;
    }
    o->segs[o->n_segs] = *seg;
    return (uint32_t)o->n_segs++;
}

void stc_low_host(struct stc_low *w, int32_t n_launches)
{
    stc_low_host_busy(w, stc_s_to_tick(w->host_s_per_launch * (double)n_launches));
}

void stc_low_host_busy(struct stc_low *w, stc_tick ticks)
{
    if (!w->host_bound || ticks == 0) return;
    struct stc_task *t = stc_low_task(w, STC_STREAM_HOST, STC_TASK_WORK);
    if (!t) return;
    t->amount = ticks;
    t->cls = STC_WORK_HOST;
    struct stc_segment seg = {.item = w->item, .name = "launch"};
    seg.part_ticks[STC_PART_HOST] = t->amount;
    t->tag = stc_low_segment(w, &seg);
}

void stc_low_need(struct stc_low *w, uint32_t rel)
{
    stc_low_cut(w);
    for (int i = 0; i < w->n_need; i++) {
        if (w->need[i] >> 28 != rel >> 28) continue;
        if (rel > w->need[i]) w->need[i] = rel; /* a stream's later task says it all */
        return;
    }
    if (w->n_need == STC_MAX_WAITS) { /* one task more, that only waits */
        stc_low_add(w, STC_PART_OTHER, 0);
        stc_low_cut(w);
    }
    w->need[w->n_need++] = rel;
}

/* The compute stream's next task, with the waits that were asked for. */
static struct stc_task *compute_task(struct stc_low *w, enum stc_task_kind kind)
{
    struct stc_task *t = stc_low_task(w, STC_STREAM_COMPUTE, kind);
    if (!t) return NULL;
    for (int i = 0; i < w->n_need; i++)
        stc_low_wait(t, w->need[i]);
    w->n_need = 0;
    return t;
}

static void flush_segment(struct stc_low *w)
{
    struct stc_task *t = compute_task(w, STC_TASK_WORK);
    w->seg_open = 0;
    if (!t) return;
    t->amount = w->seg_ticks;
    t->tag = stc_low_segment(w, &w->seg);
    w->seg_ticks = 0;
}

void stc_low_cut(struct stc_low *w)
{
    if (w->seg_open) flush_segment(w);
}

static void add_piece(struct stc_low *w, enum stc_part part)
{
    struct stc_lowered *o = w->o;
    struct stc_seg_piece *last = w->seg.n_pieces ? &o->pieces[o->n_pieces - 1] : NULL;
    if (last && last->part == part) {
        last->end = w->seg_ticks;
        return;
    }
    if (o->n_pieces == o->cap_pieces) {
        size_t cap;
        struct stc_seg_piece *p =
            grow(w, o->pieces, (size_t)o->n_pieces, sizeof *p, &cap);
        if (!p) return;
        o->pieces = p;
        o->cap_pieces = (int32_t)cap;
    }
    o->pieces[o->n_pieces++] = (struct stc_seg_piece){w->seg_ticks, (uint8_t)part};
    w->seg.n_pieces++;
}

void stc_low_add(struct stc_low *w, enum stc_part part, stc_tick ticks)
{
    if (!w->seg_open) {
        w->seg = (struct stc_segment){
            .item = w->item, .name = w->name, .first_piece = w->o->n_pieces};
        w->seg_ticks = 0;
        w->seg_open = 1;
    }
    w->seg.part_ticks[part] += ticks;
    w->seg_ticks += ticks;
    add_piece(w, part);
}

static void explicit_join(struct stc_low *w, const struct stc_piece *p)
{
    stc_low_cut(w);
    struct stc_task *t =
        stc_low_join(w, STC_STREAM_COMPUTE, stc_axis_slot((enum stc_axis)p->axis),
                     (enum stc_coll)p->coll, p->coll_bytes);
    for (int i = 0; t && i < w->n_need; i++)
        stc_low_wait(t, w->need[i]);
    w->n_need = 0;
}

void stc_low_pieces(struct stc_low *w, const struct stc_pieces *p, enum stc_which which)
{
    for (int32_t i = 0; i < p->n; i++) {
        const struct stc_piece *pc = &p->v[i];
        int wgrad = pc->pass == STC_PASS_WGRAD;
        if ((which == STC_WHICH_NO_WGRAD && wgrad) ||
            (which == STC_WHICH_WGRAD && !wgrad))
            continue;
        if (w->o->explicit_joins && pc->is_coll && pc->hidden == 0) {
            explicit_join(w, pc);
            continue;
        }
        stc_low_add(w, (enum stc_part)pc->part, pc->ticks - pc->exposed);
        if (pc->exposed)
            stc_low_add(w,
                        pc->axis == STC_AXIS_CP   ? STC_PART_CP_COMM
                        : pc->axis == STC_AXIS_TP ? STC_PART_TP_COMM
                                                  : STC_PART_EP_COMM,
                        pc->exposed);
        if (w->o->explicit_ops) stc_low_cut(w);
    }
}

/* Moves the buffers behind the stage's task array and makes a block of them. */
int32_t stc_low_block_end(struct stc_low *w)
{
    stc_low_cut(w);
    struct stc_stage_tmpl *t = w->t;
    uint32_t total = 0;
    for (int s = 0; s < STC_STREAM_COUNT; s++)
        total += w->n[s];
    while (w->err == STC_OK && (uint32_t)t->n_tasks + total > (uint32_t)t->cap_tasks) {
        size_t cap = t->cap_tasks ? (size_t)t->cap_tasks * 2 : 64;
        struct stc_task *p = STC_NEW_N(w->o->a, struct stc_task, cap);
        if (!p) {
            w->err = STC_ERR_NOMEM;
            break;
        }
        if (t->n_tasks) memcpy(p, t->tasks, (size_t)t->n_tasks * sizeof *p);
        t->tasks = p;
        t->cap_tasks = (int32_t)cap;
    }
    if (w->err != STC_OK) return -1;
    struct stc_block_tmpl *b = &t->blocks[t->n_blocks];
    for (int s = 0; s < STC_STREAM_COUNT; s++) {
        b->off[s] = (uint32_t)t->n_tasks;
        b->n[s] = w->n[s];
        if (w->n[s])
            memcpy(t->tasks + t->n_tasks, w->buf[s], w->n[s] * sizeof *t->tasks);
        t->n_tasks += (int32_t)w->n[s];
        w->n[s] = 0;
    }
    assert(w->n_need == 0);
    return t->n_blocks++;
}
