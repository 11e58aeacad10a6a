/*
 * machine.h - ranks that work off programs: streams, waits, joins, semaphores,
 * memory pools, and a network that joins and copies load.
 *
 * THEORY. A rank owns up to 15 streams. A stream is a FIFO of tasks, as a CUDA
 * stream is: a task starts when the one before it on its stream is done and
 * every task it waits for is done. Streams pull: the machine asks the program
 * for the next task of a stream only when the stream is free, so nothing is
 * written out ahead and a rank costs about 200 bytes a stream. (The design names one
 * cursor a rank; one a stream needs no bound on how far the host may run ahead
 * and gives the same history whatever is folded.)
 *
 * WAITS. A task is named by (stream, ordinal): "stream 3 has finished 17 tasks"
 * (stc_wait(3, 17)). Waits look at streams of the same rank; ranks meet in JOINs.
 *
 * JOIN. A communicator has a number of members. The n-th JOIN of every member
 * is one operation: it starts when the last member arrives, in order, and all
 * members go on when it ends. Members must bring the same operation; another
 * one is the mismatch that hangs a real job, and is reported as that. An
 * operation takes fixed ticks (a closed form), or a latency and then flows
 * through the fluid network (sim/engine/flow.h).
 *
 * INTERFERENCE. WORK of class c progresses at rate[c][mask], mask being the
 * communication classes (0..3) active on its rank; 1 when alone. Rates change
 * only when a JOIN starts or ends there.
 *
 * MEMORY. MEM adds bytes to its rank's pool when it is reached and takes no
 * time. SEM_TAKE blocks its stream until the semaphore holds `amount`; SEM_GIVE
 * adds.
 *
 * ORDER. At equal ticks the network's completions come first, then others in the order they were made;
 * inside a rank streams are tried by number. One program has one history.
 *
 * ERRORS. DEADLOCK: nothing can happen and some stream still waits; the
 * sentence names a rank, its stream and what it waits for. A program's `next`
 * may return WAIT: the machine asks again after stc_machine_poke.
 *
 * UNITS. Ticks; the machine does not know how long one is (the network does).
 *
 * COST. One event a WORK or closed-form JOIN; nothing is allocated while it
 * runs unless the network has flows. 15 to 35 M tasks/s (make bench: machine_*).
 */
#ifndef STC_ENGINE_MACHINE_H
#define STC_ENGINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/err.h"
#include "sim/engine/flow.h"

enum {
    STC_MAX_STREAMS = 15,
    STC_MAX_WAITS = 4,
    STC_COMM_CLASSES = 4,
    STC_WORK_CLASSES = 8
};

enum stc_task_kind {
    STC_TASK_WORK,
    STC_TASK_JOIN,
    STC_TASK_MEM,
    STC_TASK_SEM_TAKE,
    STC_TASK_SEM_GIVE
};

struct stc_task { /* 40 bytes */
    int64_t
        amount; /* WORK: ticks at full rate; MEM: bytes, signed; SEM: count; JOIN: index of the operation */
    uint32_t ref;                 /* JOIN: communicator; SEM: semaphore of the rank */
    uint32_t tag;                 /* the program's own; handed to the observer */
    uint32_t wait[STC_MAX_WAITS]; /* stc_wait(); 0: none */
    uint8_t kind;                 /* enum stc_task_kind */
    uint8_t cls;                  /* WORK: interference class */
    uint16_t user;                /* the program's own, e.g. which item */
    uint32_t user2;
};

/* "stream has finished `ordinal` tasks"; ordinal 0 is always true. */
static inline uint32_t stc_wait(uint32_t stream, uint32_t ordinal)
{
    return ordinal == 0 ? 0 : (stream << 28) | ordinal;
}

enum stc_next { STC_NEXT_TASK, STC_NEXT_WAIT, STC_NEXT_END };

/* A program: what each stream of each rank does. `now` is in ticks. */
struct stc_prog {
    void *self;
    enum stc_next (*next)(void *self, uint32_t rank, uint32_t stream, int64_t now,
                          struct stc_task *out);
    /* May be NULL. After a task is done and before the next is pulled. */
    void (*done)(void *self, uint32_t rank, uint32_t stream, const struct stc_task *t,
                 int64_t now);
};

/* One operation of a communicator. */
struct stc_join_op {
    int64_t fixed_ticks;             /* closed form, or the latency before the flow */
    const struct stc_flow_use *uses; /* NULL: closed form */
    uint32_t n_uses;
    uint8_t comm_class; /* < STC_COMM_CLASSES: what WORK beside it feels */
    double flow_bytes, flow_cap_Bps;
};

/* What the observer learns when a task ends. */
struct stc_task_info {
    uint32_t rank, stream;
    const struct stc_task *task;
    int64_t idle_from;  /* when the stream's previous task ended */
    int64_t start, end; /* JOIN: start is when the last member arrived; see arrive */
    int64_t arrive;     /* JOIN: when this member arrived; else = start */
    /* what released it, when it did not start at idle_from: */
    uint32_t cause_stream; /* STC_MAX_STREAMS: nothing, it was its own stream */
    uint32_t cause_tag;    /* tag of the last task there */
    int64_t cause_arrive, cause_start; /* when that task arrived, and began to run */
    /* WORK: the last stretch at one rate, [since, end) */
    int64_t since;
    double done_ticks; /* of the amount, at `since` */
    double rate;
};
typedef void stc_observe_fn(void *ctx, const struct stc_task_info *info);

struct stc_machine_conf {
    uint32_t n_ranks, n_streams; /* streams a rank, <= STC_MAX_STREAMS */
    uint32_t n_comms;
    const uint32_t *comm_members; /* [n_comms]: how many arrivals an operation needs */
    uint32_t n_ops;
    const struct stc_join_op *ops; /* borrowed */
    uint32_t n_sems;               /* a rank */
    const int64_t *sem_init;       /* [n_sems] */
    struct stc_flownet *net;       /* NULL: no operation has flows; borrowed */
    double rate[STC_WORK_CLASSES][1 << STC_COMM_CLASSES]; /* 0: read as 1 */
    struct stc_prog prog;
    stc_observe_fn *observe; /* NULL: nobody looks */
    stc_observe_fn *
        rerated; /* NULL, or: a WORK's stretch at one rate ended at `end`, it goes on at another */
    void *observe_ctx;
    const uint8_t *observed;   /* [n_ranks], NULL: all */
    uint16_t observed_streams; /* 1 << stream; 0: all */
};

struct stc_machine_stats {
    int64_t n_events, n_tasks, n_joins, n_flow_joins, n_flows;
};

struct stc_machine; /* opaque */

STC_MUST_USE enum stc_err stc_machine_make(struct stc_machine **out,
                                           const struct stc_machine_conf *conf);
void stc_machine_free(struct stc_machine *m); /* NULL is fine */

/* Runs until every stream has ended. *end: tick of the last completion. */
STC_MUST_USE enum stc_err stc_machine_run(struct stc_machine *m, int64_t *end,
                                          struct stc_diag *diag);

/* From inside next/done: ask the streams of a rank again that said WAIT. */
void stc_machine_poke(struct stc_machine *m, uint32_t rank);
/* From inside next/done: call next for that rank's waiting streams at `at`. */
STC_MUST_USE enum stc_err stc_machine_poke_at(struct stc_machine *m, uint32_t rank,
                                              int64_t at);

int64_t stc_machine_now(const struct stc_machine *m);
int64_t stc_machine_mem_now(const struct stc_machine *m, uint32_t rank);
int64_t stc_machine_mem_peak(const struct stc_machine *m, uint32_t rank);
int64_t stc_machine_rank_end(const struct stc_machine *m,
                             uint32_t rank); /* last completion there */
struct stc_machine_stats stc_machine_stats(const struct stc_machine *m);

#endif
