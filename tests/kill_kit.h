/*
 * kill_kit.h - kill -9 at a moment chosen by progress.
 *
 * THEORY. A moment measured on a clock beforehand is early or late when the machine
 * is busier than it was. Here the work under test reports steps; after the step
 * whose turn it is, the kernel sends the process SIGKILL a random while later. No
 * other process has to be scheduled for that: it dies under way, whatever the load.
 */
#ifndef STC_TESTS_KILL_KIT_H
#define STC_TESTS_KILL_KIT_H

#include "sim/base/rng.h"

struct stc_kill {
    long at;       /* of the steps, from 0; negative: never */
    long n_steps;  /* seen so far */
    long after_ns; /* from that step */
};

/* A step in [0, n_steps) and a while in [0, most_ns). */
void stc_kill_choose(struct stc_kill *k, struct stc_rng *r, long n_steps, long most_ns);

/* One step: the first is the start, before anything was done. */
void stc_kill_step(struct stc_kill *k);

#endif
