/*
 * machine.c - see machine.h. One flat array of stream states, one event queue,
 * a work list of streams to try; no recursion, so a chain of zero-time tasks
 * cannot overflow the stack.
 */
#include "sim/engine/machine.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/engine/event.h"

enum state { FREE, BLOCKED, RUNNING, JOINING, SEM_WAIT, PROG_WAIT, ENDED };
enum event_kind { EV_WORK, EV_JOIN, EV_POKE };
enum { NONE = UINT32_MAX };
enum { LINE_BYTES = 64 };

/* Three cache lines: what others of the rank look at, the task, its work. */
struct stream {
    _Alignas(LINE_BYTES) uint32_t done; /* tasks finished */
    uint32_t last_tag;
    int64_t last_arrive, last_start;
    uint32_t needs;   /* BLOCKED: so many tasks done of the stream it waits for */
    uint16_t waiters; /* streams of this rank blocked on this one */
    uint16_t epoch;   /* of the WORK's event */
    uint8_t state, cause_stream, waited; /* waited: a wait held it up */
    uint8_t has_task;
    uint32_t next_joiner; /* list of arrived members of a communicator */
    int64_t idle_from, start, arrive;
    struct stc_task task;
    int64_t cause_arrive, cause_start;
    uint32_t cause_tag;
    double left_ticks; /* WORK: at full rate, as of `since` */
    double
        ahead_ticks; /* of the WORK before: what rounding its end up to a tick did too much */
    int64_t since;
    int64_t ends_at,
        event_at; /* WORK: its end as of now; its event, which may be early */
    double rate;  /* of the WORK that runs */
};

struct comm {
    uint32_t arrived, first, last; /* list of streams */
    uint32_t op;
    int64_t start;
};

struct rank_state {
    int64_t mem, mem_peak, end;
    uint8_t comm_active[STC_COMM_CLASSES];
    uint8_t mask;
    uint16_t prog_waiting;
    uint16_t running; /* streams whose WORK runs */
};

struct stc_machine {
    struct stc_machine_conf c;
    uint32_t shift;    /* stream s of rank r is number (r << shift) + s */
    struct stream *st; /* [n_ranks << shift] */
    struct rank_state *rk;
    struct comm *comms;
    int64_t *sems;   /* [n_ranks * n_sems] */
    uint32_t *todo;  /* ring of streams to try */
    uint8_t *queued; /* [n_ranks << shift] */
    uint32_t todo_cap, todo_head, todo_n;
    struct stc_queue q;
    int64_t now;
    bool has_rates;
    enum stc_err err;
    struct stc_diag *diag;
    struct stc_machine_stats stats;
};

static void fail(struct stc_machine *m, enum stc_err e)
{
    if (m->err == STC_OK) m->err = e;
}

/* Of a stream among those of its rank. */
static inline uint16_t stream_bit(const struct stc_machine *m, uint32_t s)
{
    return (uint16_t)(1U << (s & ((1U << m->shift) - 1)));
}

static inline void todo_push(struct stc_machine *m, uint32_t s)
{
    if (m->queued[s]) return;
    m->queued[s] = 1;
    assert(m->todo_n < m->todo_cap);
    uint32_t at = m->todo_head + m->todo_n++;
    if (at >= m->todo_cap) at -= m->todo_cap;
    m->todo[at] = s;
}

static uint32_t todo_pop(struct stc_machine *m)
{
    uint32_t s = m->todo[m->todo_head];
    m->todo_head = m->todo_head + 1 == m->todo_cap ? 0 : m->todo_head + 1;
    m->todo_n--;
    m->queued[s] = 0;
    return s;
}

enum stc_err stc_machine_make(struct stc_machine **out,
                              const struct stc_machine_conf *conf)
{
    assert(conf->n_streams <= STC_MAX_STREAMS && conf->n_ranks < (1U << 28));
    struct stc_machine *m = calloc(1, sizeof *m);
    if (!m) return STC_ERR_NOMEM;
    m->c = *conf;
    if (m->c.observed_streams == 0) m->c.observed_streams = UINT16_MAX;
    while (1U << m->shift < conf->n_streams)
        m->shift++;
    size_t n = (size_t)conf->n_ranks << m->shift;
    m->todo_cap = conf->n_ranks * conf->n_streams + 1;
    m->st = aligned_alloc(LINE_BYTES, (n ? n : 1) * sizeof *m->st);
    m->queued = calloc(n ? n : 1, 1);
    m->rk = calloc(conf->n_ranks ? conf->n_ranks : 1, sizeof *m->rk);
    m->comms = calloc(conf->n_comms ? conf->n_comms : 1, sizeof *m->comms);
    m->sems = calloc((size_t)conf->n_ranks * conf->n_sems + 1, sizeof *m->sems);
    m->todo = calloc(m->todo_cap, sizeof *m->todo);
    if (!m->st || !m->queued || !m->rk || !m->comms || !m->sems || !m->todo ||
        stc_queue_init(&m->q, (size_t)conf->n_ranks * 4 + 64) != STC_OK) {
        stc_machine_free(m);
        return STC_ERR_NOMEM;
    }
    memset(m->st, 0, n * sizeof *m->st);
    for (uint32_t r = 0; r < conf->n_ranks; r++)
        for (uint32_t i = 0; i < conf->n_sems; i++)
            m->sems[(size_t)r * conf->n_sems + i] = conf->sem_init[i];
    for (uint32_t i = 0; i < conf->n_comms; i++)
        m->comms[i].first = m->comms[i].last = NONE;
    for (int w = 0; w < STC_WORK_CLASSES; w++) {
        for (int k = 0; k < 1 << STC_COMM_CLASSES; k++) {
            double *r = &m->c.rate[w][k];
            if (*r <= 0) *r = 1;
            if (*r < 1) m->has_rates = true;
        }
    }
    *out = m;
    return STC_OK;
}

void stc_machine_free(struct stc_machine *m)
{
    if (!m) return;
    free(m->st);
    free(m->queued);
    free(m->rk);
    free(m->comms);
    free(m->sems);
    free(m->todo);
    stc_queue_free(&m->q);
    free(m);
}

/* ==== work ==== */

static void push_event(struct stc_machine *m, int64_t at, uint32_t kind, uint32_t arg)
{
    /* before now: the sum went over the end of the clock */
    enum stc_err e =
        at < m->q.now_tick ? STC_ERR_RANGE : stc_queue_push(&m->q, at, 0, kind, arg);
    if (e != STC_OK) fail(m, e);
}

/* EV_WORK carries its epoch in the kind's upper half. */
static void push_work(struct stc_machine *m, uint32_t s)
{
    struct stream *st = &m->st[s];
    st->event_at = st->ends_at;
    push_event(m, st->ends_at, EV_WORK | ((uint32_t)st->epoch << 8), s);
}

/* Up to the next tick; a millionth of one is rounding of the rates. Over the end of
 * the clock (2048: doubles there are so coarse): -1, which push_event refuses. */
static int64_t work_end(const struct stc_machine *m, const struct stream *st)
{
    double ticks = ceil(st->left_ticks / st->rate - 1e-6);
    if (ticks >= (double)(INT64_MAX - m->now) - 2048) return -1;
    return m->now + (ticks > 0 ? (int64_t)ticks : 0);
}

/* What the observer is told of the task that stream s is at. */
static struct stc_task_info info_of(const struct stc_machine *m, uint32_t s)
{
    const struct stream *st = &m->st[s];
    return (struct stc_task_info){
        .rank = s >> m->shift,
        .stream = s & ((1U << m->shift) - 1),
        .task = &st->task,
        .idle_from = st->idle_from,
        .start = st->start,
        .end = m->now,
        .arrive = st->arrive,
        .cause_stream = st->waited ? st->cause_stream : STC_MAX_STREAMS,
        .cause_tag = st->cause_tag,
        .cause_arrive = st->cause_arrive,
        .cause_start = st->cause_start,
        .since = st->since,
        .done_ticks = (double)st->task.amount - st->left_ticks,
        .rate = st->rate};
}

static inline void observe(const struct stc_machine *m, uint32_t s, stc_observe_fn *fn)
{
    if (!(m->c.observed_streams & stream_bit(m, s)) || !fn) return;
    if (m->c.observed && !m->c.observed[s >> m->shift]) return;
    struct stc_task_info info = info_of(m, s);
    fn(m->c.observe_ctx, &info);
}

static double work_rate(const struct stc_machine *m, uint32_t rank,
                        const struct stc_task *t)
{
    return m->c.rate[t->cls][m->rk[rank].mask];
}

static void start_work(struct stc_machine *m, uint32_t s)
{
    struct stream *st = &m->st[s];
    st->state = RUNNING;
    m->rk[s >> m->shift].running |= stream_bit(m, s);
    /* Fractions carry over, so that cutting WORK in pieces changes no end. */
    st->left_ticks =
        (double)st->task.amount - (st->idle_from == m->now ? st->ahead_ticks : 0);
    st->since = m->now;
    st->rate = m->has_rates ? work_rate(m, s >> m->shift, &st->task) : 1.0;
    st->epoch++;
    st->ends_at = work_end(m, st);
    push_work(m, s);
}

/* The set of communication classes on a rank changed: bring its WORK up to
 * date and give it new ends. */
static void rerate(struct stc_machine *m, uint32_t rank)
{
    for (unsigned w = m->rk[rank].running; w; w &= w - 1) {
        uint32_t s = (rank << m->shift) + (uint32_t)__builtin_ctz(w);
        struct stream *st = &m->st[s];
        double rate = work_rate(m, rank, &st->task);
        if (rate >= st->rate && rate <= st->rate) continue;
        observe(m, s, m->c.rerated);
        st->left_ticks -= (double)(m->now - st->since) * st->rate;
        st->since = m->now;
        st->rate = rate;
        st->ends_at = work_end(m, st);
        if (st->ends_at >= st->event_at)
            continue; /* the event will see that it is early */
        st->epoch++;
        push_work(m, s);
    }
}

static inline void comm_active(struct stc_machine *m, uint32_t rank, uint8_t cls,
                               int delta)
{
    struct rank_state *r = &m->rk[rank];
    r->comm_active[cls] = (uint8_t)(r->comm_active[cls] + delta);
    /* Only the first to come and the last to go change anything. */
    if (r->comm_active[cls] != (delta > 0)) return;
    r->mask ^= (uint8_t)(1U << cls);
    if (m->has_rates && r->running) rerate(m, rank);
}

/* ==== joins ==== */

static void start_join(struct stc_machine *m, uint32_t comm_id)
{
    struct comm *cm = &m->comms[comm_id];
    const struct stc_join_op *op = &m->c.ops[cm->op];
    cm->start = m->now;
    m->stats.n_joins++;
    for (uint32_t s = cm->first; s != NONE; s = m->st[s].next_joiner) {
        m->st[s].start = m->now;
        comm_active(m, s >> m->shift, op->comm_class, 1);
    }
    if (!op->uses) {
        push_event(m, m->now + op->fixed_ticks, EV_JOIN, comm_id);
        return;
    }
    struct stc_flow_spec f = {.uses = op->uses,
                              .n_uses = op->n_uses,
                              .weight = 1,
                              .cap_Bps = op->flow_cap_Bps,
                              .bytes = op->flow_bytes,
                              .latency_tick = op->fixed_ticks,
                              .tag = comm_id};
    enum stc_err e = stc_flow_start(m->c.net, m->now, &f, NULL);
    if (e != STC_OK) fail(m, e);
    m->stats.n_flow_joins++;
    m->stats.n_flows++;
}

static void arrive(struct stc_machine *m, uint32_t s)
{
    struct stream *st = &m->st[s];
    struct comm *cm = &m->comms[st->task.ref];
    st->state = JOINING;
    st->arrive = m->now;
    st->next_joiner = NONE;
    uint32_t op = (uint32_t)st->task.amount;
    if (cm->arrived == 0) {
        cm->op = op;
        cm->first = s;
    } else if (cm->op != op) {
        fail(m,
             stc_fail(m->diag, STC_ERR_DEADLOCK,
                      "rank %u and rank %u meet in communicator %u with different "
                      "operations (%u, %u): "
                      "a real job would hang here",
                      s >> m->shift, cm->first >> m->shift, st->task.ref, op, cm->op));
        return;
    } else {
        m->st[cm->last].next_joiner = s;
    }
    cm->last = s;
    if (++cm->arrived == m->c.comm_members[st->task.ref]) start_join(m, st->task.ref);
}

/* ==== streams ==== */

/* A task of stream s is done: count it, tell, release who waited for it. */
static void finish(struct stc_machine *m, uint32_t s)
{
    struct stream *st = &m->st[s];
    uint32_t rank = s >> m->shift;
    m->stats.n_tasks++;
    observe(m, s, m->c.observe);
    if (m->c.prog.done)
        m->c.prog.done(m->c.prog.self, rank, s & ((1U << m->shift) - 1), &st->task,
                       m->now);
    st->done++;
    st->last_tag = st->task.tag;
    st->last_arrive = st->arrive;
    st->last_start = st->start;
    if (st->task.kind != STC_TASK_WORK && m->now > st->idle_from) st->ahead_ticks = 0;
    st->idle_from = m->now;
    st->has_task = 0;
    st->state = FREE;
    if (m->now > m->rk[rank].end) m->rk[rank].end = m->now;
    uint32_t base = rank << m->shift;
    for (unsigned w = st->waiters; w; w &= w - 1) {
        uint32_t waiter = base + (uint32_t)__builtin_ctz(w);
        if (m->st[waiter].needs <= st->done) todo_push(m, waiter);
    }
    todo_push(m, s);
}

/* True when all waits hold; otherwise registers with the first that does not. */
static bool waits_hold(struct stc_machine *m, uint32_t s)
{
    struct stream *st = &m->st[s];
    struct stream *rank = &m->st[s & ~((1U << m->shift) - 1U)];
    const uint16_t bit = stream_bit(m, s);
    for (int i = 0; i < STC_MAX_WAITS; i++) {
        uint32_t w = st->task.wait[i];
        if (w == 0) continue;
        struct stream *on = &rank[w >> 28];
        if (on->done >= (w & 0x0fffffffU)) {
            on->waiters = (uint16_t)(on->waiters & ~bit);
            continue;
        }
        on->waiters = (uint16_t)(on->waiters | bit);
        st->waited = 1;
        st->needs = w & 0x0fffffffU;
        st->cause_stream = (uint8_t)(w >> 28);
        return false;
    }
    if (st->waited) {
        const struct stream *on = &rank[st->cause_stream];
        st->cause_tag = on->last_tag;
        st->cause_arrive = on->last_arrive;
        st->cause_start = on->last_start;
    }
    return true;
}

static void sem_give(struct stc_machine *m, uint32_t rank, uint32_t sem, int64_t n)
{
    m->sems[(size_t)rank * m->c.n_sems + sem] += n;
    for (uint32_t i = 0; i < m->c.n_streams; i++) {
        uint32_t s = (rank << m->shift) + i;
        if (m->st[s].state == SEM_WAIT && m->st[s].task.ref == sem) todo_push(m, s);
    }
}

static void begin(struct stc_machine *m, uint32_t s)
{
    struct stream *st = &m->st[s];
    uint32_t rank = s >> m->shift;
    st->start = st->arrive = m->now;
    switch ((enum stc_task_kind)st->task.kind) {
    case STC_TASK_WORK: start_work(m, s); return;
    case STC_TASK_JOIN: arrive(m, s); return;
    case STC_TASK_MEM: {
        struct rank_state *r = &m->rk[rank];
        r->mem += st->task.amount;
        if (r->mem > r->mem_peak) r->mem_peak = r->mem;
        break;
    }
    case STC_TASK_SEM_TAKE: {
        int64_t *v = &m->sems[(size_t)rank * m->c.n_sems + st->task.ref];
        if (*v < st->task.amount) {
            st->state = SEM_WAIT;
            return;
        }
        *v -= st->task.amount;
        break;
    }
    case STC_TASK_SEM_GIVE: sem_give(m, rank, st->task.ref, st->task.amount); break;
    }
    finish(m, s);
}

static void try_stream(struct stc_machine *m, uint32_t s)
{
    struct stream *st = &m->st[s];
    if (st->state == RUNNING || st->state == JOINING || st->state == ENDED) return;
    uint32_t rank = s >> m->shift, i = s & ((1U << m->shift) - 1);
    if (!st->has_task) {
        enum stc_next n = m->c.prog.next(m->c.prog.self, rank, i, m->now, &st->task);
        if (n != STC_NEXT_TASK) {
            st->state = n == STC_NEXT_END ? ENDED : PROG_WAIT;
            uint16_t bit = (uint16_t)(1U << i);
            m->rk[rank].prog_waiting =
                (uint16_t)(n == STC_NEXT_END ? m->rk[rank].prog_waiting & ~bit
                                             : m->rk[rank].prog_waiting | bit);
            return;
        }
        st->has_task = 1;
        st->waited = 0;
        st->state = BLOCKED;
    }
    if (!waits_hold(m, s)) return;
    begin(m, s);
}

static void drain(struct stc_machine *m)
{
    while (m->todo_n && m->err == STC_OK)
        try_stream(m, todo_pop(m));
}

/* ==== the run ==== */

static void end_join(struct stc_machine *m, uint32_t comm_id)
{
    struct comm *cm = &m->comms[comm_id];
    uint8_t cls = m->c.ops[cm->op].comm_class;
    uint32_t s = cm->first;
    cm->first = cm->last = NONE;
    cm->arrived = 0;
    while (s != NONE) {
        uint32_t next = m->st[s].next_joiner;
        comm_active(m, s >> m->shift, cls, -1);
        finish(m, s);
        s = next;
    }
}

/* Goes to the network's next change when it comes before the queue's. */
static bool net_first(struct stc_machine *m)
{
    if (!m->c.net) return false;
    int64_t at = stc_flownet_next(m->c.net, NULL);
    if (at == INT64_MAX || at > stc_queue_peek_tick(&m->q)) return false;
    m->now = at;
    m->stats.n_events++;
    const uint64_t *tags;
    size_t n = stc_flownet_advance(m->c.net, at, &tags);
    for (size_t i = 0; i < n; i++)
        end_join(m, (uint32_t)tags[i]);
    return true;
}

static void work_event(struct stc_machine *m, uint32_t s, uint16_t epoch)
{
    struct stream *st = &m->st[s];
    if (st->state != RUNNING || st->epoch != epoch)
        return; /* it ends, or ended, before */
    if (st->ends_at > m->now) {
        push_work(m, s);
        return;
    }
    st->ahead_ticks = (double)(m->now - st->since) * st->rate - st->left_ticks;
    m->rk[s >> m->shift].running &= (uint16_t)~stream_bit(m, s);
    finish(m, s);
}

static void handle(struct stc_machine *m, const struct stc_event *e)
{
    m->stats.n_events++;
    switch ((enum event_kind)(e->kind & 0xff)) {
    case EV_WORK: work_event(m, e->arg, (uint16_t)(e->kind >> 8)); break;
    case EV_JOIN: end_join(m, e->arg); break;
    case EV_POKE: stc_machine_poke(m, e->arg); break;
    }
}

static const char *const state_text[] = {"free",
                                         "blocked on a task of its own rank",
                                         "running",
                                         "in a join whose other members never arrive",
                                         "waiting for a semaphore",
                                         "waiting for its program",
                                         "ended"};

static enum stc_err check_ended(struct stc_machine *m)
{
    for (uint32_t r = 0; r < m->c.n_ranks; r++) {
        for (uint32_t i = 0; i < m->c.n_streams; i++) {
            const struct stream *st = &m->st[(r << m->shift) + i];
            if (st->state == ENDED) continue;
            if (st->state == JOINING)
                return stc_fail(m->diag, STC_ERR_DEADLOCK,
                                "deadlock: rank %u waits on stream %u in communicator "
                                "%u (operation %lld): %u of %u "
                                "members arrived",
                                r, i, st->task.ref, (long long)st->task.amount,
                                m->comms[st->task.ref].arrived,
                                m->c.comm_members[st->task.ref]);
            if (st->state == BLOCKED &&
                m->st[(r << m->shift) + st->cause_stream].state == BLOCKED)
                continue;
            if (st->state == BLOCKED &&
                m->st[(r << m->shift) + st->cause_stream].state != ENDED)
                continue;
            return stc_fail(m->diag, STC_ERR_DEADLOCK,
                            "deadlock: rank %u, stream %u is %s after %u tasks", r, i,
                            state_text[st->state], st->done);
        }
    }
    for (uint32_t s = 0; s < m->c.n_ranks << m->shift; s++)
        if ((s & ((1U << m->shift) - 1)) < m->c.n_streams && m->st[s].state != ENDED)
            return stc_fail(m->diag, STC_ERR_DEADLOCK,
                            "deadlock: the streams of rank %u wait for each other",
                            s >> m->shift);
    return STC_OK;
}

enum stc_err stc_machine_run(struct stc_machine *m, int64_t *end, struct stc_diag *diag)
{
    m->diag = diag;
    for (uint32_t r = 0; r < m->c.n_ranks; r++)
        for (uint32_t i = 0; i < m->c.n_streams; i++)
            todo_push(m, (r << m->shift) + i);
    struct stc_event e;
    for (;;) {
        drain(m);
        if (m->err != STC_OK) break;
        if (net_first(m)) continue;
        if (!stc_queue_pop(&m->q, &e)) break;
        m->now = e.t_tick;
        handle(m, &e);
    }
    if (m->err == STC_ERR_NOMEM)
        return stc_fail(diag, STC_ERR_NOMEM, "out of memory while simulating");
    if (m->err != STC_OK) return m->err;
    enum stc_err err = check_ended(m);
    int64_t last = 0;
    for (uint32_t r = 0; r < m->c.n_ranks; r++)
        if (m->rk[r].end > last) last = m->rk[r].end;
    *end = last;
    return err;
}

void stc_machine_poke(struct stc_machine *m, uint32_t rank)
{
    for (uint16_t w = m->rk[rank].prog_waiting; w; w = (uint16_t)(w & (w - 1)))
        todo_push(m, (rank << m->shift) + (uint32_t)__builtin_ctz(w));
}

enum stc_err stc_machine_poke_at(struct stc_machine *m, uint32_t rank, int64_t at)
{
    return stc_queue_push(&m->q, at, 0, EV_POKE, rank);
}

int64_t stc_machine_now(const struct stc_machine *m)
{
    return m->now;
}
int64_t stc_machine_mem_now(const struct stc_machine *m, uint32_t rank)
{
    return m->rk[rank].mem;
}
int64_t stc_machine_mem_peak(const struct stc_machine *m, uint32_t rank)
{
    return m->rk[rank].mem_peak;
}
int64_t stc_machine_rank_end(const struct stc_machine *m, uint32_t rank)
{
    return m->rk[rank].end;
}
struct stc_machine_stats stc_machine_stats(const struct stc_machine *m)
{
    return m->stats;
}
