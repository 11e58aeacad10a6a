/*
 * bench_machine.c - tasks a second of the engine alone. Prints "name  n  value unit".
 *
 * machine_work: n ranks with one stream of WORK each: pop, push, pull.
 * machine_pairs: rings of JOINs between neighbours, two streams a rank.
 * machine_waits: two streams that wait for each other's every task.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/engine/machine.h"

enum { N_TASKS = 200000, MAX_RANKS = 4096 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct load {
    uint32_t n_ranks, per_stream;
    uint32_t at[MAX_RANKS][2];
    enum stc_next (*make)(struct load *l, uint32_t rank, uint32_t stream, uint32_t k,
                          struct stc_task *out);
};

static enum stc_next next(void *self, uint32_t rank, uint32_t stream, int64_t now,
                          struct stc_task *out)
{
    struct load *l = self;
    uint32_t k = l->at[rank][stream]++;
    (void)now;
    if (k == l->per_stream) return STC_NEXT_END;
    *out = (struct stc_task){.kind = STC_TASK_WORK,
                             .amount = 1000 + (rank * 7919 + k * 104729) % 1000};
    return l->make(l, rank, stream, k, out);
}

static enum stc_next make_work(struct load *l, uint32_t rank, uint32_t stream,
                               uint32_t k, struct stc_task *out)
{
    (void)l, (void)rank, (void)stream, (void)k, (void)out;
    return STC_NEXT_TASK;
}

static enum stc_next make_pairs(struct load *l, uint32_t rank, uint32_t stream,
                                uint32_t k, struct stc_task *out)
{
    if (k % 2) { /* stream 0 meets the rank after, stream 1 the one before */
        out->kind = STC_TASK_JOIN;
        out->ref = stream == 0 ? rank : (rank + l->n_ranks - 1) % l->n_ranks;
        out->amount = 0;
    }
    return STC_NEXT_TASK;
}

static enum stc_next make_waits(struct load *l, uint32_t rank, uint32_t stream,
                                uint32_t k, struct stc_task *out)
{
    (void)l, (void)rank;
    out->wait[0] = stc_wait(1 - stream, stream == 0 ? k : k + 1);
    return STC_NEXT_TASK;
}

static void bench(const char *name, uint32_t n_ranks, uint32_t n_streams,
                  enum stc_next (*make)(struct load *, uint32_t, uint32_t, uint32_t,
                                        struct stc_task *))
{
    static struct load l;
    static uint32_t members[MAX_RANKS];
    static const struct stc_join_op op = {.fixed_ticks = 500};
    double best = INFINITY;
    for (uint32_t i = 0; i < MAX_RANKS; i++)
        members[i] = 2;
    for (int round = 0; round < 5; round++) {
        struct stc_machine *m;
        int64_t end;
        struct stc_diag d = {0};
        l = (struct load){.n_ranks = n_ranks,
                          .per_stream = N_TASKS / n_ranks / n_streams,
                          .make = make};
        struct stc_machine_conf c = {.n_ranks = n_ranks,
                                     .n_streams = n_streams,
                                     .n_comms = n_ranks,
                                     .comm_members = members,
                                     .n_ops = 1,
                                     .ops = &op,
                                     .prog = {.self = &l, .next = next}};
        if (stc_machine_make(&m, &c) != STC_OK) exit(3);
        double start = now_s();
        if (stc_machine_run(m, &end, &d) != STC_OK) {
            fprintf(stderr, "bench_machine: %s: %s\n", name, d.text);
            exit(3);
        }
        double took = (now_s() - start) / (double)stc_machine_stats(m).n_tasks;
        if (took < best) best = took;
        stc_machine_free(m);
    }
    printf("%-22s %8u  %12.3f Mtasks/s\n", name, n_ranks, 1e-6 / best);
}

int main(void)
{
    static const uint32_t sizes[] = {8, 64, 1024, 4096};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        bench("machine_work", sizes[i], 1, make_work);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        bench("machine_pairs", sizes[i], 2, make_pairs);
    bench("machine_waits", 64, 2, make_waits);
    return 0;
}
