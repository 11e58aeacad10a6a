/*
 * event.h - the clock of the simulation: a queue of dated events.
 *
 * THEORY. A discrete-event run repeats: take the earliest event, move the
 * clock to its time, act on it, which may add later events. Between two
 * events nothing changes, so simulated time costs nothing to skip. The queue
 * is an implicit 4-ary heap (Johnson 1975; LaMarca and Ladner 1996 on caches)
 * with one refinement for the pattern "pop one, push one": a pop leaves the
 * root open, and the next push fills it with a single walk down instead of a
 * walk down and a walk up (hold operation, Jones 1986).
 *
 * ORDER. Events are totally ordered by (t_tick, prio, seq): earlier time
 * first; at equal times the lower prio first; then the order of the pushes.
 * So one scenario has one history, bit for bit, on every machine.
 *
 * There is no cancel: a user whose event may become stale keeps an epoch
 * (usually in `arg`) and ignores what comes too late.
 *
 * UNITS. Times are ticks >= 0 (stc_tick, int64) whose length the engine does not know.
 *
 * OWNERSHIP. The queue owns its array and keeps it through stc_queue_clear,
 * so that nothing is allocated in steady state.
 *
 * COST. push and pop O(log n) whatever the times are; 24 bytes an event
 * (make bench: queue_hold).
 *
 * ERRORS. A push fails with STC_ERR_NOMEM only when the array has to grow;
 * after stc_queue_reserve(q, n) no push does while at most n are pending.
 */
#ifndef STC_ENGINE_EVENT_H
#define STC_ENGINE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/err.h"
#include "sim/base/units.h"

struct stc_event {
    stc_tick t_tick; /* >= 0 */
    uint64_t order;  /* prio in the top byte, then the number of the push */
    uint32_t kind;   /* the caller's */
    uint32_t arg;    /* the caller's */
};

struct stc_queue {
    struct stc_event *at; /* private: a heap, root first */
    size_t n;             /* private: places in use, the open root included */
    size_t cap;           /* private */
    uint64_t next_seq;    /* private */
    stc_tick now_tick;    /* time of the last pop; 0 at first */
    bool open_root;       /* private: the root was popped and not yet replaced */
};

#define STC_QUEUE_INIT \
 {                     \
  0                    \
 }

/* An empty queue with room for n_reserve events (0: grows when needed). */
STC_MUST_USE enum stc_err stc_queue_init(struct stc_queue *q, size_t n_reserve);
void stc_queue_free(struct stc_queue *q);
/* Forgets all events and restarts clock and numbering; keeps the memory. */
void stc_queue_clear(struct stc_queue *q);
STC_MUST_USE enum stc_err stc_queue_reserve(struct stc_queue *q, size_t n);

/* t_tick >= q->now_tick (an event in the past is the caller's mistake). */
STC_MUST_USE enum stc_err stc_queue_push(struct stc_queue *q, stc_tick t_tick,
                                         uint8_t prio, uint32_t kind, uint32_t arg);
/* Takes the first event and moves now_tick to it; false when there is none. */
bool stc_queue_pop(struct stc_queue *q, struct stc_event *out);
/* Time of the first event, INT64_MAX when there is none. Closes the open root,
 * so "peek, then push" costs a little more than "pop, then push". */
stc_tick stc_queue_peek_tick(struct stc_queue *q);

static inline size_t stc_queue_n_pending(const struct stc_queue *q)
{
    return q->n - (q->open_root ? 1U : 0U);
}

static inline uint8_t stc_event_prio(const struct stc_event *e)
{
    return (uint8_t)(e->order >> 56);
}

/* True when the heap order holds, no event is before now_tick and every
 * number is below next_seq. O(n): for assert() and tests only. */
bool stc_queue_sane(const struct stc_queue *q);

#endif
