/*
 * bench_step.c - seconds of one simulated training step. Prints "name  n  value unit".
 *
 * step_typical: GPT-3 175B on 64 GPUs, 8 stages × 64 micro-batches, folded (bar: 1 ms).
 * step_2000: the same with 250 micro-batches: stages × micro-batches = 2,000 (bar: 1 ms).
 * step_vp: the first interleaved, 8 stages × 192 (micro-batch, chunk) pairs.
 * step_1t: the 1T model on 3,072 GPUs, 64 stages × 512 micro-batches, folded (bar: 50 ms).
 * step_1t_ranks: the same with every rank of its own (bar: 10 s and 2 GB).
 * step_16k_ranks: 16,384 GPUs, ranks unfolded, layers as segments (bar: seconds, about 2 GB).
 * Times are the CPU's: a step runs in one thread, and a busy machine must not count.
 * n is the number of ranks. The best of several rounds; peak is of the process.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "calib/load_coll.h"
#include "kernels/cost_params.h"
#include "sim/run/step.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(enum stc_err e, const struct stc_diag *d)
{
    if (e == STC_OK) return;
    fprintf(stderr, "bench_step: %s: %s\n", stc_err_text(e), d->text);
    exit(3);
}

static void set(struct stc_scenario *s, const char *words)
{
    struct stc_diag d = {0};
    char buf[1024], *save = NULL;
    (void)snprintf(buf, sizeof buf, "%s", words);
    for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char *value = strchr(w, '=');
        *value++ = '\0';
        must(stc_scenario_set(s, w, value, &d), &d);
    }
}

/* Only those whose name begins so, when the program is given one. */
static const char *only;

static void bench(const char *name, const struct stc_run_params *p, const char *words,
                  double budget_s)
{
    static struct stc_scenario s;
    if (only && strncmp(name, only, strlen(only)) != 0) return;
    struct stc_diag d = {0};
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_result r = {0};
    double best = INFINITY, until = now_s() + budget_s;
    stc_scenario_init(&s);
    set(&s, words);
    must(stc_scenario_resolve(&s, &d), &d);
    do {
        stc_arena_reset(&a);
        double start = now_s();
        must(stc_step_run(&s, p, &a, &r, &d), &d);
        double took = now_s() - start;
        if (took < best) best = took;
    } while (now_s() < until);
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%-22s %8d  %12.4f ms\n", name, (int)r.counts.n_ranks, best * 1e3);
    printf("%-22s %8d  %12.3f Mtasks/s\n", "  tasks", (int)r.counts.n_ranks,
           (double)r.counts.tasks / best * 1e-6);
    printf("%-22s %8d  %12.3f classes\n", "  rank_classes", (int)r.counts.n_ranks,
           (double)r.counts.n_rank_classes);
    printf("%-22s %8d  %12.4f s\n", "  simulated_step", (int)r.counts.n_ranks,
           r.step_s);
    printf("%-22s %8d  %12.1f MB\n", "  peak_rss", (int)r.counts.n_ranks,
           (double)u.ru_maxrss / 1024);
    stc_arena_free(&a);
}

#define GPT175                                                                \
 "model.name=GPT-3-175B model.family=gpt model.layers=96 model.hidden=12288 " \
 "model.heads=96 model.vocab=51200 "                                          \
 "model.max_positions=2048 cluster=dgx-a100-80gb cluster.nic_bw=200Gbps "     \
 "train.seq_len=2048 stack=megatron-lm-2022 "
#define GPT1T                                                                         \
 "model.name=GPT-1T model.family=gpt model.layers=128 model.hidden=25600 "            \
 "model.heads=160 model.vocab=51200 "                                                 \
 "model.max_positions=2048 cluster=dgx-a100-80gb cluster.nodes=384 "                  \
 "cluster.nic_bw=200Gbps layout.tp=8 "                                                \
 "layout.pp=64 layout.recompute=full train.global_batch=3072 stack=megatron-lm-2021 " \
 "layout.vp=1 "

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
    struct stc_cost *cost = calloc(1, sizeof *cost);
    struct stc_coll_params *coll = calloc(1, sizeof *coll);
    struct stc_diag d = {0};
    if (!cost || !coll) return 3;
    stc_cost_prior(cost);
    must(stc_load_coll(coll, &d), &d);
    struct stc_run_params p = {.cost = cost, .coll = coll};
    bench("step_typical", &p,
          GPT175
          "cluster.nodes=8 layout.tp=8 layout.pp=8 layout.vp=1 train.global_batch=64",
          1);
    bench("step_2000", &p,
          GPT175 "cluster.nodes=8 layout.tp=8 layout.pp=8 layout.vp=1 "
                 "train.global_batch=250",
          1);
    bench("step_vp", &p,
          GPT175
          "cluster.nodes=8 layout.tp=8 layout.pp=8 layout.vp=3 train.global_batch=64",
          1);
    bench("step_zero1_flows", &p,
          GPT175 "cluster.nodes=64 layout.tp=8 layout.pp=8 layout.vp=1 "
                 "train.global_batch=512 layout.shard=zero1 "
                 "stack.overlap_grad_reduce=yes stack.overlap_p2p=yes",
          1);
    bench("step_1t", &p, GPT1T, 2);
    bench("step_1t_ranks", &p, GPT1T "sim.fold_ranks=off", 0);
    bench("step_16k_ranks", &p,
          GPT175 "cluster.nodes=2048 layout.tp=8 layout.pp=8 layout.vp=1 "
                 "train.global_batch=4096 sim.fold_ranks=off",
          0);
    free(cost);
    free(coll);
    return 0;
}
