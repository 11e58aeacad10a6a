/*
 * ref_machine.h - programs written out task by task, and the obvious simulator
 * of them: at every moment all streams are looked at from end to end, rates and
 * max-min shares are taken anew, and time goes on to whatever ends first. The
 * reference for sim/engine/machine.c; slow, and short enough to read.
 */
#ifndef STC_TESTS_REF_MACHINE_H
#define STC_TESTS_REF_MACHINE_H

#include "sim/engine/machine.h"

enum { SCRIPT_RANKS = 6, SCRIPT_STREAMS = 4, SCRIPT_TASKS = 40 };

struct script {
    uint32_t n_ranks, n_streams;
    uint32_t n[SCRIPT_RANKS][SCRIPT_STREAMS];
    struct stc_task task[SCRIPT_RANKS][SCRIPT_STREAMS][SCRIPT_TASKS];
    /* what a run notes: when each task started and ended */
    double start[SCRIPT_RANKS][SCRIPT_STREAMS][SCRIPT_TASKS],
        end[SCRIPT_RANKS][SCRIPT_STREAMS][SCRIPT_TASKS];
    int64_t mem[SCRIPT_RANKS], mem_peak[SCRIPT_RANKS];
    uint32_t at[SCRIPT_RANKS][SCRIPT_STREAMS]; /* the machine's cursor */
};

/* Appends a task; returns its ordinal (from 1), for stc_wait. */
uint32_t script_add(struct script *s, uint32_t rank, uint32_t stream,
                    struct stc_task t);

/* The script as a program, and an observer that fills start and end. */
struct stc_prog script_prog(struct script *s);
void script_observe(void *s, const struct stc_task_info *info);

/* Runs the script; conf as for the machine (its prog, net and observer are not
 * used; link capacities are given here, a tick is tick_s). DEADLOCK as the
 * machine says it. *end: the last completion. */
enum stc_err ref_machine(struct script *s, const struct stc_machine_conf *conf,
                         uint32_t n_links, const double *capacity_Bps, double tick_s,
                         double *end);

#endif
