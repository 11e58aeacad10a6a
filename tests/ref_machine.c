#include "tests/ref_machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ref_maxmin.h"
#include "tests/testing.h"

uint32_t script_add(struct script *s, uint32_t rank, uint32_t stream, struct stc_task t)
{
    ck_assert_uint_lt(rank, SCRIPT_RANKS);
    ck_assert_uint_lt(stream, SCRIPT_STREAMS);
    ck_assert_uint_lt(s->n[rank][stream], SCRIPT_TASKS);
    t.user2 = s->n[rank][stream];
    s->task[rank][stream][s->n[rank][stream]++] = t;
    return s->n[rank][stream];
}

static enum stc_next script_next(void *self, uint32_t rank, uint32_t stream,
                                 int64_t now, struct stc_task *out)
{
    struct script *s = self;
    (void)now;
    if (s->at[rank][stream] == s->n[rank][stream]) return STC_NEXT_END;
    *out = s->task[rank][stream][s->at[rank][stream]++];
    return STC_NEXT_TASK;
}

struct stc_prog script_prog(struct script *s)
{
    memset(s->at, 0, sizeof s->at);
    return (struct stc_prog){.self = s, .next = script_next};
}

void script_observe(void *ctx, const struct stc_task_info *info)
{
    struct script *s = ctx;
    s->start[info->rank][info->stream][info->task->user2] = (double)info->start;
    s->end[info->rank][info->stream][info->task->user2] = (double)info->end;
}

/* ==== the obvious simulator ==== */

struct ref_stream { /* of task number `done` */
    uint32_t done;
    int begun;   /* WORK runs, JOIN has arrived */
    double left; /* WORK: ticks at full rate */
};

struct ref_comm {
    uint32_t arrived, op;
    int running;
    double latency_left, bytes_left;
};

struct ref {
    struct script *s;
    const struct stc_machine_conf *c;
    struct ref_stream st[SCRIPT_RANKS][SCRIPT_STREAMS];
    struct ref_comm comm[32];
    int64_t sem[SCRIPT_RANKS][8];
    uint32_t n_links;
    const double *capacity_Bps;
    double now, tick_s;
    int mismatch;
};

static int member_here(const struct ref *r, uint32_t rank, uint32_t stream,
                       uint32_t comm)
{
    const struct ref_stream *st = &r->st[rank][stream];
    const struct stc_task *t = &r->s->task[rank][stream][st->done];
    return st->done < r->s->n[rank][stream] && st->begun && t->kind == STC_TASK_JOIN &&
           t->ref == comm;
}

static void finish(struct ref *r, uint32_t rank, uint32_t stream)
{
    struct ref_stream *st = &r->st[rank][stream];
    r->s->end[rank][stream][st->done] = r->now;
    *st = (struct ref_stream){.done = st->done + 1};
}

/* Starts or does what the stream's task can now; true when something changed. */
static int step(struct ref *r, uint32_t rank, uint32_t stream)
{
    struct ref_stream *st = &r->st[rank][stream];
    if (st->done == r->s->n[rank][stream] || st->begun) return 0;
    const struct stc_task *t = &r->s->task[rank][stream][st->done];
    for (int i = 0; i < STC_MAX_WAITS; i++)
        if (r->st[rank][t->wait[i] >> 28].done < (t->wait[i] & 0x0fffffffU)) return 0;
    if (t->kind == STC_TASK_SEM_TAKE && r->sem[rank][t->ref] < t->amount) return 0;
    r->s->start[rank][stream][st->done] = r->now;
    switch ((enum stc_task_kind)t->kind) {
    case STC_TASK_WORK:
        st->begun = 1;
        st->left = (double)t->amount;
        return 1;
    case STC_TASK_JOIN: {
        struct ref_comm *c = &r->comm[t->ref];
        st->begun = 1;
        if (c->arrived > 0 && c->op != (uint32_t)t->amount) r->mismatch = 1;
        c->op = (uint32_t)t->amount;
        if (++c->arrived == r->c->comm_members[t->ref]) {
            c->running = 1;
            c->latency_left = (double)r->c->ops[c->op].fixed_ticks;
            c->bytes_left = r->c->ops[c->op].uses ? r->c->ops[c->op].flow_bytes : 0;
        }
        return 1;
    }
    case STC_TASK_MEM:
        r->s->mem[rank] += t->amount;
        if (r->s->mem[rank] > r->s->mem_peak[rank])
            r->s->mem_peak[rank] = r->s->mem[rank];
        break;
    case STC_TASK_SEM_TAKE: r->sem[rank][t->ref] -= t->amount; break;
    case STC_TASK_SEM_GIVE: r->sem[rank][t->ref] += t->amount; break;
    }
    finish(r, rank, stream);
    return 1;
}

/* A JOIN starts for all when its last member has arrived. */
static void note_join_start(struct ref *r)
{
    for (uint32_t k = 0; k < r->c->n_comms; k++) {
        if (r->comm[k].running != 1) continue;
        r->comm[k].running = 2;
        for (uint32_t a = 0; a < r->s->n_ranks; a++)
            for (uint32_t b = 0; b < r->s->n_streams; b++)
                if (member_here(r, a, b, k))
                    r->s->start[a][b][r->st[a][b].done] = r->now;
    }
}

static double work_rate(const struct ref *r, uint32_t rank, uint32_t stream)
{
    const struct stc_task *t = &r->s->task[rank][stream][r->st[rank][stream].done];
    unsigned mask = 0;
    for (uint32_t k = 0; k < r->c->n_comms; k++)
        for (uint32_t b = 0; r->comm[k].running && b < r->s->n_streams; b++)
            if (member_here(r, rank, b, k))
                mask |= 1U << r->c->ops[r->comm[k].op].comm_class;
    double rate = r->c->rate[t->cls][mask];
    return rate > 0 ? rate : 1;
}

static void flow_rates(const struct ref *r, double *rate)
{
    struct stc_flow_spec f[32] = {{0}};
    uint32_t of[32], n = 0;
    double got[32] = {0};
    for (uint32_t k = 0; k < r->c->n_comms; k++) {
        const struct stc_join_op *op = &r->c->ops[r->comm[k].op];
        rate[k] = 0;
        if (!r->comm[k].running || r->comm[k].latency_left > 0 ||
            r->comm[k].bytes_left <= 0)
            continue;
        f[n] = (struct stc_flow_spec){.uses = op->uses,
                                      .n_uses = op->n_uses,
                                      .weight = 1,
                                      .cap_Bps = op->flow_cap_Bps};
        of[n++] = k;
    }
    ref_maxmin(r->n_links, r->capacity_Bps, n, f, got);
    for (uint32_t i = 0; i < n; i++)
        rate[of[i]] = got[i];
}

/* To the first end; false when nothing goes on. */
static int advance(struct ref *r)
{
    double rate[32], dt = HUGE_VAL;
    const double eps = 1e-6; /* of a tick: what is nearer than that is over */
    flow_rates(r, rate);
    for (uint32_t a = 0; a < r->s->n_ranks; a++)
        for (uint32_t b = 0; b < r->s->n_streams; b++)
            if (r->st[a][b].done < r->s->n[a][b] && r->st[a][b].begun &&
                r->s->task[a][b][r->st[a][b].done].kind == STC_TASK_WORK)
                dt = fmin(dt, r->st[a][b].left / work_rate(r, a, b));
    for (uint32_t k = 0; k < r->c->n_comms; k++) {
        const struct ref_comm *c = &r->comm[k];
        if (!c->running) continue;
        if (c->latency_left > 0 || c->bytes_left <= 0)
            dt = fmin(dt, c->latency_left);
        else
            dt = fmin(dt, c->bytes_left / rate[k] / r->tick_s);
    }
    if (dt == HUGE_VAL) return 0;
    double work[SCRIPT_RANKS][SCRIPT_STREAMS];
    for (uint32_t a = 0; a < r->s->n_ranks; a++)
        for (uint32_t b = 0; b < r->s->n_streams; b++)
            work[a][b] = r->st[a][b].done < r->s->n[a][b] && r->st[a][b].begun
                             ? work_rate(r, a, b) * dt
                             : 0;
    r->now += dt;
    for (uint32_t a = 0; a < r->s->n_ranks; a++)
        for (uint32_t b = 0; b < r->s->n_streams; b++) {
            struct ref_stream *st = &r->st[a][b];
            if (st->done == r->s->n[a][b] || !st->begun ||
                r->s->task[a][b][st->done].kind != STC_TASK_WORK)
                continue;
            st->left -= work[a][b];
            if (st->left <= eps) finish(r, a, b);
        }
    for (uint32_t k = 0; k < r->c->n_comms; k++) {
        struct ref_comm *c = &r->comm[k];
        if (!c->running) continue;
        if (c->latency_left > 0)
            c->latency_left -= dt;
        else if (c->bytes_left > 0)
            c->bytes_left -= rate[k] * dt * r->tick_s;
        if (c->latency_left <= eps) c->latency_left = 0;
        if (c->latency_left > 0 ||
            c->bytes_left > 1e-6 * r->c->ops[c->op].flow_bytes * 1e-6)
            continue;
        for (uint32_t a = 0; a < r->s->n_ranks; a++)
            for (uint32_t b = 0; b < r->s->n_streams; b++)
                if (member_here(r, a, b, k)) finish(r, a, b);
        *c = (struct ref_comm){0};
    }
    return 1;
}

enum stc_err ref_machine(struct script *s, const struct stc_machine_conf *conf,
                         uint32_t n_links, const double *capacity_Bps, double tick_s,
                         double *end)
{
    static struct ref r;
    memset(&r, 0, sizeof r);
    r.s = s;
    r.c = conf;
    r.n_links = n_links;
    r.capacity_Bps = capacity_Bps;
    r.tick_s = tick_s;
    memset(s->mem, 0, sizeof s->mem);
    memset(s->mem_peak, 0, sizeof s->mem_peak);
    for (uint32_t a = 0; a < s->n_ranks; a++)
        for (uint32_t i = 0; i < conf->n_sems; i++)
            r.sem[a][i] = conf->sem_init[i];
    do {
        for (int moved = 1; moved;) {
            moved = 0;
            for (uint32_t a = 0; a < s->n_ranks; a++)
                for (uint32_t b = 0; b < s->n_streams; b++)
                    moved |= step(&r, a, b);
            note_join_start(&r);
        }
        if (r.mismatch) return STC_ERR_DEADLOCK;
    } while (advance(&r));
    *end = 0;
    for (uint32_t a = 0; a < s->n_ranks; a++)
        for (uint32_t b = 0; b < s->n_streams; b++) {
            if (r.st[a][b].done < s->n[a][b]) return STC_ERR_DEADLOCK;
            for (uint32_t i = 0; i < s->n[a][b]; i++)
                *end = fmax(*end, s->end[a][b][i]);
        }
    return STC_OK;
}
