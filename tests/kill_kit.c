#include "tests/kill_kit.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

void stc_kill_choose(struct stc_kill *k, struct stc_rng *r, long n_steps, long most_ns)
{
    *k = (struct stc_kill){.at = (long)stc_rng_below(r, (uint64_t)n_steps),
                           .after_ns = (long)stc_rng_below(r, (uint64_t)most_ns)};
}

void stc_kill_step(struct stc_kill *k)
{
    timer_t timer;
    struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    /* A timer of 0 would be none. */
    const struct itimerspec when = {.it_value = {.tv_nsec = k->after_ns + 1}};
    if (k->n_steps++ != k->at) return;
    if (timer_create(CLOCK_MONOTONIC, &how, &timer) != 0 ||
        timer_settime(timer, 0, &when, NULL) != 0)
        _exit(9);
}
