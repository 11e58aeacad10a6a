/*
 * bench_queue.c - the event queue under the hold model (Jones, CACM 1986;
 * PHOLD of ROSS is the same on one processor): n events pending; take the
 * first, call its handler, which pushes one with a random increment.
 * Prints "queue_hold/DISTRIBUTION  n  value unit": the best of five rounds.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/engine/event.h"

enum dist { UNIFORM, EXPONENTIAL, BURST, WIDE, SAME, N_DISTS };
static const char *const dist_names[N_DISTS] = {"uniform", "exponential", "burst",
                                                "wide", "same"};

#define N_INCREMENTS 65536U /* drawn beforehand: the bench times the queue, not log() */
static int64_t increments[N_INCREMENTS];

struct sim {
    struct stc_queue q;
    uint64_t n_done;
    uint32_t cursor;
};

static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* -ln(u) by halving: mean 1, exact enough for a bench, no libm. */
static double draw_exponential(uint64_t *state)
{
    double sum = 0.0;
    for (int k = 0; k < 4; k++)
        sum += (double)(mix(state) >> 11) * 0x1p-53;
    const uint64_t r = mix(state) | 1U;
    int zeros = 0;
    while (((r >> (63 - zeros)) & 1U) == 0U)
        zeros++;
    return 0.693147 * ((double)zeros + 0.25 * sum);
}

static void draw_increments(enum dist d)
{
    uint64_t state = 42;
    for (uint32_t i = 0; i < N_INCREMENTS; i++) {
        const uint64_t r = mix(&state);
        switch (d) {
        case UNIFORM: increments[i] = (int64_t)(r % 2000000U); break;
        case EXPONENTIAL:
            increments[i] = (int64_t)(1e6 * draw_exponential(&state));
            break;
        case BURST: increments[i] = (int64_t)(r % 4U) * 1000000; break;
        case WIDE: increments[i] = (int64_t)1 << (r % 40U); break;
        case SAME:
        case N_DISTS: increments[i] = 1000; break;
        }
    }
}

__attribute__((noinline)) static void handler(struct sim *s, const struct stc_event *e)
{
    s->n_done++;
    s->cursor = (s->cursor + 1U) % N_INCREMENTS;
    if (stc_queue_push(&s->q, e->t_tick + increments[s->cursor], 0, e->kind, e->arg) !=
        STC_OK)
        exit(3);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double best_rate(uint32_t n_pending, enum dist d)
{
    struct sim s = {0};
    double best = 0.0;

    draw_increments(d);
    if (stc_queue_init(&s.q, n_pending + 1U) != STC_OK) exit(3);
    for (uint32_t i = 0; i < n_pending; i++) {
        if (stc_queue_push(&s.q, increments[i % N_INCREMENTS], 0, 0, i) != STC_OK)
            exit(3);
    }
    const uint64_t n_round = n_pending < 100000U ? 1000000U : 1500000U;
    for (int round = 0; round < 5; round++) {
        struct stc_event e;
        const double start_s = now_s();
        for (uint64_t i = 0; i < n_round && stc_queue_pop(&s.q, &e); i++)
            handler(&s, &e);
        const double rate = (double)n_round / (now_s() - start_s);
        if (rate > best) best = rate;
    }
    stc_queue_free(&s.q);
    return best;
}

int main(void)
{
    static const uint32_t sizes[] = {1024, 262144};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int d = 0; d < N_DISTS; d++) {
            printf("queue_hold/%-12s %8" PRIu32 "  %8.2f Mevents/s\n", dist_names[d],
                   sizes[i], 1e-6 * best_rate(sizes[i], (enum dist)d));
        }
    }
    return 0;
}
