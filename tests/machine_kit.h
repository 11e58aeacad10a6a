/*
 * machine_kit.h - scripts for the machine in few words: tasks by kind, and a run.
 */
#ifndef STC_TESTS_MACHINE_KIT_H
#define STC_TESTS_MACHINE_KIT_H

#include "sim/engine/machine.h"
#include "tests/ref_machine.h"
#include "tests/testing.h"

#define TICK_S 1e-12

static inline struct stc_task work(int64_t ticks)
{
    return (struct stc_task){.kind = STC_TASK_WORK, .amount = ticks};
}
static inline struct stc_task join(uint32_t comm, int64_t op)
{
    return (struct stc_task){.kind = STC_TASK_JOIN, .ref = comm, .amount = op};
}
static inline struct stc_task mem(int64_t bytes)
{
    return (struct stc_task){.kind = STC_TASK_MEM, .amount = bytes};
}
static inline struct stc_task take(uint32_t sem, int64_t n)
{
    return (struct stc_task){.kind = STC_TASK_SEM_TAKE, .ref = sem, .amount = n};
}
static inline struct stc_task give(uint32_t sem, int64_t n)
{
    return (struct stc_task){.kind = STC_TASK_SEM_GIVE, .ref = sem, .amount = n};
}
static inline struct stc_task after(struct stc_task t, uint32_t stream,
                                    uint32_t ordinal)
{
    int i = 0;
    while (t.wait[i])
        i++;
    t.wait[i] = stc_wait(stream, ordinal);
    return t;
}

static inline struct script *new_script(uint32_t n_ranks, uint32_t n_streams)
{
    struct script *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->n_ranks = n_ranks;
    s->n_streams = n_streams;
    return s;
}

static inline enum stc_err run_conf(struct script *s, struct stc_machine_conf *c,
                                    int64_t *end, struct stc_diag *d)
{
    struct stc_machine *m;
    c->n_ranks = s->n_ranks;
    c->n_streams = s->n_streams;
    c->prog = script_prog(s);
    c->observe = script_observe;
    c->observe_ctx = s;
    ck_assert_int_eq(stc_machine_make(&m, c), STC_OK);
    enum stc_err e = stc_machine_run(m, end, d);
    for (uint32_t r = 0; r < s->n_ranks; r++) {
        s->mem[r] = stc_machine_mem_now(m, r);
        s->mem_peak[r] = stc_machine_mem_peak(m, r);
    }
    stc_machine_free(m);
    return e;
}

/* Runs what has no operations with flows. */
static inline int64_t run(struct script *s, struct stc_machine_conf c)
{
    struct stc_diag d = {0};
    int64_t end = -1;
    stc_assert_ok(run_conf(s, &c, &end, &d), &d);
    return end;
}

#endif
