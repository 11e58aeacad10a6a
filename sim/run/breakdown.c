/* breakdown.c - see breakdown.h. */
#include "sim/run/breakdown.h"

#include <string.h>

static const uint8_t slot_part[STC_SLOT_COUNT] = {
    [STC_SLOT_FSEND] = STC_PART_PP_COMM, [STC_SLOT_FRECV] = STC_PART_PP_COMM,
    [STC_SLOT_BSEND] = STC_PART_PP_COMM, [STC_SLOT_BRECV] = STC_PART_PP_COMM,
    [STC_SLOT_TP] = STC_PART_TP_COMM,    [STC_SLOT_CP] = STC_PART_CP_COMM,
    [STC_SLOT_EP] = STC_PART_EP_COMM,    [STC_SLOT_ETP] = STC_PART_EP_COMM,
    [STC_SLOT_DPCP] = STC_PART_DP_COMM,  [STC_SLOT_EDP] = STC_PART_DP_COMM,
    [STC_SLOT_SHARD] = STC_PART_DP_COMM, [STC_SLOT_REPLICA] = STC_PART_DP_COMM,
    [STC_SLOT_EMBED] = STC_PART_PP_COMM, [STC_SLOT_WORLD] = STC_PART_OPTIMIZER};

static enum stc_err item_times(struct stc_arena *a, const struct stc_lowered *low,
                               struct stc_watch *out)
{
    out->item_start = STC_NEW_N(a, stc_tick *, (size_t)low->n_stages);
    out->item_end = STC_NEW_N(a, stc_tick *, (size_t)low->n_stages);
    if (!out->item_start || !out->item_end) return STC_ERR_NOMEM;
    for (int32_t s = 0; s < low->n_stages; s++) {
        size_t n = (size_t)low->stages[s].n_items;
        out->item_start[s] = STC_NEW_N(a, stc_tick, n);
        out->item_end[s] = STC_NEW_N(a, stc_tick, n);
        if (!out->item_start[s] || !out->item_end[s]) return STC_ERR_NOMEM;
        for (size_t i = 0; i < n; i++)
            out->item_start[s][i] = -1;
    }
    return STC_OK;
}

enum stc_err stc_watch_init(struct stc_arena *a, const struct stc_lowered *low,
                            const struct stc_comms *comms, struct stc_watch *out)
{
    *out = (struct stc_watch){.low = low,
                              .comms = comms,
                              .a = a,
                              .record = low->s->sim.record,
                              .per_stage = low->place->n_ranks / low->n_stages};
    out->parts = stc_arena_alloc(a, (size_t)low->n_stages, sizeof *out->parts);
    out->compute_end = STC_NEW_N(a, stc_tick, (size_t)low->n_stages);
    out->slowed = STC_NEW_N(a, struct stc_slowed, (size_t)low->n_stages);
    out->whole = STC_NEW_N(a, uint32_t, (size_t)low->n_segs + 1);
    if (!out->parts || !out->compute_end || !out->slowed || !out->whole)
        return STC_ERR_NOMEM;
    return out->record == STC_RECORD_TOTALS ? STC_OK : item_times(a, low, out);
}

static int is_join(const struct stc_task *t)
{
    return t->kind == STC_TASK_JOIN;
}
static const struct stc_comm_op *op_of(const struct stc_watch *w, uint32_t tag)
{
    return &w->low->ops[tag & ~STC_COMM_TAG];
}

/* The stretch [from, to) in which the compute stream stood still. */
static void wait_parts(const struct stc_watch *w, int32_t stage,
                       const struct stc_task_info *i, stc_tick from, stc_tick to)
{
    stc_tick *parts = w->parts[stage];
    if (to <= from) return;
    switch (i->cause_stream) {
    case STC_STREAM_HOST:
    case STC_STREAM_LOADER: parts[STC_PART_HOST] += to - from; return;
    case STC_STREAM_D2H:
    case STC_STREAM_H2D:
    case STC_STREAM_CPU: parts[STC_PART_OFFLOAD] += to - from; return;
    case STC_STREAM_GATHER:
    case STC_STREAM_REDUCE: {
        stc_tick a = i->cause_arrive > from ? i->cause_arrive : from,
                 b = i->cause_start < to ? i->cause_start : to;
        stc_tick missed = b > a ? b - a : 0;
        parts[STC_PART_BUBBLE] += missed;
        parts[slot_part[op_of(w, i->cause_tag)->slot]] += to - from - missed;
        return;
    }
    case STC_STREAM_FSEND:
    case STC_STREAM_FRECV:
    case STC_STREAM_BSEND:
    case STC_STREAM_BRECV: {
        stc_tick met = i->cause_start < from ? from
                       : i->cause_start > to ? to
                                             : i->cause_start;
        parts[STC_PART_BUBBLE] += met - from;
        parts[STC_PART_PP_COMM] += to - met;
        return;
    }
    default: parts[STC_PART_OTHER] += to - from;
    }
}

static stc_tick seg_ticks(const struct stc_watch *w, const struct stc_segment *seg)
{
    return seg->n_pieces ? w->low->pieces[seg->first_piece + seg->n_pieces - 1].end : 0;
}

/* Adds k times the parts of a segment's first `work` ticks. Pieces are counted
 * from the nearer end. */
static void add_first(const struct stc_watch *w, const struct stc_segment *seg,
                      double work, double k, double *parts)
{
    const struct stc_seg_piece *p = &w->low->pieces[seg->first_piece];
    stc_tick total = seg_ticks(w, seg), at = 0;
    if (work <= 0) return;
    if (work < 0.5 * (double)total) {
        for (int32_t i = 0; (double)at < work; at = p[i++].end)
            parts[p[i].part] += k * ((double)p[i].end < work ? (double)(p[i].end - at)
                                                             : work - (double)at);
        return;
    }
    for (int q = 0; q < STC_PART_COUNT; q++)
        parts[q] += k * (double)seg->part_ticks[q];
    at = total;
    for (int32_t i = seg->n_pieces - 1; (double)at > work; i--) {
        stc_tick from = i > 0 ? p[i - 1].end : 0;
        parts[p[i].part] -=
            k * ((double)at - ((double)from > work ? (double)from : work));
        at = from;
    }
}

/* A stretch of a segment at one rate, by its pieces. Fractions of ticks are kept
 * until the end, and what the task before did ahead (sim/engine/machine.c) is
 * told here, so that cutting work in pieces changes no part. */
static void stretch_parts(struct stc_watch *w, int32_t stage,
                          const struct stc_task_info *i)
{
    const struct stc_segment *seg = &w->low->segs[i->task->tag];
    stc_tick total = seg_ticks(w, seg);
    struct stc_slowed *x = &w->slowed[stage];
    x->ticks += i->end - i->since;
    if (total == 0) return;
    double scale = (double)i->task->amount / (double)total; /* a slow rank */
    double from = i->since == i->start ? 0 : i->done_ticks / scale;
    double to = (i->done_ticks + (double)(i->end - i->since) * i->rate) / scale;
    if (to > (double)total) to = (double)total;
    add_first(w, seg, to, scale / i->rate, x->parts);
    add_first(w, seg, from, -scale / i->rate, x->parts);
}

static void work_parts(struct stc_watch *w, int32_t stage,
                       const struct stc_task_info *i)
{
    const struct stc_segment *seg = &w->low->segs[i->task->tag];
    if (i->since > i->start || i->rate < 1 || i->end - i->start != i->task->amount ||
        i->task->amount != seg_ticks(w, seg)) {
        stretch_parts(w, stage, i);
        return;
    }
    w->whole[i->task->tag]++;
}

/* The parts of the stage's segments, as often as they ran whole. */
static void whole_parts(struct stc_watch *w, int32_t stage)
{
    const struct stc_stage_tmpl *t = &w->low->stages[stage];
    for (int32_t i = 0; i < t->n_tasks; i++) {
        if (t->tasks[i].kind != STC_TASK_WORK) continue;
        uint32_t *times = &w->whole[t->tasks[i].tag];
        const struct stc_segment *seg = &w->low->segs[t->tasks[i].tag];
        for (int p = 0; *times > 0 && p < STC_PART_COUNT; p++)
            w->parts[stage][p] += *times * seg->part_ticks[p];
        *times = 0;
    }
}

void stc_watch_stretch(void *ctx, const struct stc_task_info *i)
{
    struct stc_watch *w = ctx;
    int32_t rank = w->comms->part.rank_rep[i->rank], stage = rank / w->per_stage;
    if (i->end == i->since) return; /* its rate changed as it began */
    if (i->stream == STC_STREAM_COMPUTE && rank == stage * w->per_stage)
        stretch_parts(w, stage, i);
}

static void add_span(struct stc_watch *w, const struct stc_task_info *i,
                     const struct stc_span *s)
{
    if (i->end <= i->start) return;
    if (w->n_spans == w->cap_spans) {
        int32_t cap = w->cap_spans ? w->cap_spans * 2 : 256;
        struct stc_span *p = STC_NEW_N(w->a, struct stc_span, (size_t)cap);
        if (!p) {
            w->err = STC_ERR_NOMEM;
            return;
        }
        if (w->n_spans) memcpy(p, w->spans, (size_t)w->n_spans * sizeof *p);
        w->spans = p;
        w->cap_spans = cap;
    }
    w->spans[w->n_spans++] = *s;
}

static void record_span(struct stc_watch *w, const struct stc_task_info *i,
                        int32_t rank, int32_t stage)
{
    const struct stc_stage_tmpl *t = &w->low->stages[stage];
    struct stc_span s = {.start = i->start,
                         .end = i->end,
                         .stage = stage,
                         .rank = rank,
                         .micro = t->item_micro[i->task->user2],
                         .chunk = t->item_chunk[i->task->user2],
                         .stream = (uint8_t)i->stream};
    if (is_join(i->task)) {
        const struct stc_comm_op *op = op_of(w, i->task->tag);
        s.name = stc_coll_name((enum stc_coll)op->coll);
        s.part = slot_part[op->slot];
        s.bytes = op->bytes;
    } else {
        const struct stc_segment *seg = &w->low->segs[i->task->tag];
        s.name = seg->name;
        int largest = 0;
        for (int p = 0; p < STC_PART_COUNT; p++)
            if (seg->part_ticks[p] > seg->part_ticks[largest]) largest = p;
        s.part = (uint8_t)largest;
    }
    add_span(w, i, &s);
}

void stc_watch_task(void *ctx, const struct stc_task_info *i)
{
    struct stc_watch *w = ctx;
    int32_t rank = w->comms->part.rank_rep[i->rank], stage = rank / w->per_stage;
    if (w->record >= STC_RECORD_STAGES) record_span(w, i, rank, stage);
    if (i->stream != STC_STREAM_COMPUTE) return;
    if (w->record == STC_RECORD_ALL && rank != stage * w->per_stage) return;
    stc_tick *parts = w->parts[stage];
    if (is_join(i->task)) {
        wait_parts(w, stage, i, i->idle_from, i->arrive);
        parts[op_of(w, i->task->tag)->slot == STC_SLOT_WORLD ? STC_PART_BUBBLE
                                                             : STC_PART_OTHER] +=
            i->start - i->arrive;
        parts[slot_part[op_of(w, i->task->tag)->slot]] += i->end - i->start;
    } else {
        wait_parts(w, stage, i, i->idle_from, i->start);
        work_parts(w, stage, i);
    }
    w->compute_end[stage] = i->end;
    if (!w->item_start) return;
    stc_tick *first = &w->item_start[stage][i->task->user2];
    if (*first < 0) *first = i->start;
    w->item_end[stage][i->task->user2] = i->end;
}

/* What was told in fractions, in whole ticks; the rest goes to the largest part. */
static void round_slowed(struct stc_watch *w, int32_t stage)
{
    const struct stc_slowed *x = &w->slowed[stage];
    stc_tick given = 0, *parts = w->parts[stage];
    int largest = 0;
    for (int p = 0; p < STC_PART_COUNT; p++) {
        stc_tick t = (stc_tick)(x->parts[p] + 0.5);
        parts[p] += t;
        given += t;
        if (parts[p] > parts[largest]) largest = p;
    }
    parts[largest] += x->ticks - given;
}

void stc_watch_end(struct stc_watch *w, int32_t stage, stc_tick rank_end,
                   stc_tick step_end)
{
    stc_tick from = w->compute_end[stage];
    whole_parts(w, stage);
    round_slowed(w, stage);
    w->parts[stage][STC_PART_DP_COMM] += rank_end - from;
    w->parts[stage][STC_PART_BUBBLE] += step_end - rank_end;
}
