/* prog.c - see prog.h. */
#include "sim/run/prog.h"

static void translate_waits(const uint32_t *base, struct stc_task *out)
{
    for (int i = 0; i < STC_MAX_WAITS; i++) {
        uint32_t w = out->wait[i];
        if (w == 0) break;
        uint32_t s = w >> 28;
        out->wait[i] = stc_wait(s, base[s] + (w & 0x0fffffffU) - 1);
    }
}

/* To the first task of the stream's busy-th item. */
static void seat(const struct stc_stage_tmpl *t, uint32_t stream, struct stc_cursor *at)
{
    at->task = NULL;
    if (at->busy >= t->n_busy[stream]) return;
    at->item = t->busy[stream][at->busy];
    const struct stc_block_tmpl *b = &t->blocks[t->item_block[at->item]];
    at->task = &t->tasks[b->off[stream]];
    at->left = b->n[stream];
    at->base = &t->base[(size_t)at->item * STC_STREAM_COUNT];
    __builtin_prefetch(at->task);
    __builtin_prefetch(at->base);
}

static enum stc_next next(void *self, uint32_t cls, uint32_t stream, int64_t now,
                          struct stc_task *out)
{
    (void)now;
    struct stc_step_prog *p = self;
    const struct stc_rank_view *v = &p->view[cls];
    struct stc_cursor *at = &p->at[cls * STC_STREAM_COUNT + stream];
    if (at->task == NULL) return STC_NEXT_END;
    *out = *at->task;
    translate_waits(at->base, out);
    out->user2 = (uint32_t)at->item;
    if (out->kind == STC_TASK_JOIN) {
        out->amount = v->op_first[out->ref] + p->comms->op_rank[out->amount];
        out->ref = (uint32_t)v->comm[out->ref];
    } else if (v->factor > 1) {
        out->amount = (int64_t)((double)out->amount * v->factor + 0.5);
    }
    at->task++;
    if (--at->left == 0) {
        at->busy++;
        seat(v->tmpl, stream, at);
    }
    return STC_NEXT_TASK;
}

static void look(const struct stc_lowered *low, const struct stc_comms *c, int32_t rank,
                 struct stc_rank_view *v)
{
    *v = (struct stc_rank_view){
        .tmpl = &low->stages[rank / (low->place->n_ranks / low->n_stages)],
        .factor = stc_rank_factor(low, rank)};
    for (int s = 0; s < STC_SLOT_COUNT; s++) {
        int32_t comm = c->rank_comm[s] ? c->rank_comm[s][rank] : -1;
        v->comm[s] = comm < 0 ? -1 : c->part.comm_class[comm];
        v->op_first[s] = comm < 0 ? -1 : c->op_index[v->comm[s]];
    }
}

enum stc_err stc_step_prog_init(struct stc_arena *a, const struct stc_lowered *low,
                                const struct stc_comms *comms,
                                struct stc_step_prog *out)
{
    size_t n = (size_t)comms->part.n_ranks;
    *out = (struct stc_step_prog){.low = low, .comms = comms};
    out->view = STC_NEW_N(a, struct stc_rank_view, n);
    out->at = STC_NEW_N(a, struct stc_cursor, n * STC_STREAM_COUNT);
    if (!out->view || !out->at) return STC_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        look(low, comms, comms->part.rank_rep[i], &out->view[i]);
        for (uint32_t k = 0; k < STC_STREAM_COUNT; k++)
            seat(out->view[i].tmpl, k, &out->at[i * STC_STREAM_COUNT + k]);
    }
    return STC_OK;
}

struct stc_prog stc_step_prog(struct stc_step_prog *p)
{
    return (struct stc_prog){.self = p, .next = next};
}
