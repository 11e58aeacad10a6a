/*
 * bench_flow.c - the fluid network at work. Prints "name  n  value unit".
 *
 * flow_1k, flow_10k: the flows of tests/data/truth/flows_*.csv, all starting
 * at 0 on a three-level fat tree of 512 hosts, until the last has ended (best
 * of three). SimGrid 3.32 took 0.33 s and 47.7 s on one core of an AMD EPYC.
 * flow_incast: n equal flows into one port, each ending at its own time.
 * flow_local: n disjoint pairs of links; a change in one must not cost the others.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/engine/flow.h"
#include "tests/flows_csv.h"

#define TICK_S 1e-12

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(enum stc_err err)
{
    if (err == STC_OK) return;
    fprintf(stderr, "bench_flow: %s\n", "out of memory");
    exit(3);
}

static int64_t drain(struct stc_flownet *net)
{
    const uint64_t *tags;
    int64_t t, last = 0;
    while ((t = stc_flownet_next(net, NULL)) != INT64_MAX) {
        (void)stc_flownet_advance(net, t, &tags);
        last = t;
    }
    return last;
}

static void truth(const char *name, const char *path)
{
    struct flows_csv csv;
    struct stc_flownet *net;
    double best_s = INFINITY;
    int64_t end_tick = 0;

    if (!flows_csv_read(&csv, path)) {
        fprintf(stderr, "bench_flow: cannot read %s\n", path);
        exit(3);
    }
    must(stc_flownet_init(&net, csv.n_links, csv.capacity_Bps, TICK_S));
    for (int round = 0; round < 3; round++) {
        stc_flownet_clear(net);
        const double start_s = now_s();
        for (uint32_t i = 0; i < csv.n_flows; i++) {
            const struct stc_flow_spec spec = flows_csv_spec(&csv, i, TICK_S);
            must(stc_flow_start(net, 0, &spec, NULL));
        }
        end_tick = drain(net);
        best_s = fmin(best_s, now_s() - start_s);
    }
    const struct stc_flownet_stats st = stc_flownet_stats(net);
    printf("%-20s %8u  %10.4f s\n", name, csv.n_flows, best_s);
    printf("%-20s %8u  %10.9f s simulated\n", name, csv.n_flows,
           (double)end_tick * TICK_S);
    printf("%-20s %8u  %10.2f links solved per change\n", name, csv.n_flows,
           (double)st.n_links_solved / (double)st.n_solves);
    stc_flownet_free(net);
    flows_csv_free(&csv);
}

static void incast(uint32_t n)
{
    struct stc_flownet *net;
    double *capacity_Bps = malloc((n + (size_t)1) * sizeof *capacity_Bps);

    if (capacity_Bps == NULL) exit(3);
    for (uint32_t i = 0; i <= n; i++)
        capacity_Bps[i] = 50e9;
    must(stc_flownet_init(&net, n + 1, capacity_Bps, TICK_S));
    const double start_s = now_s();
    for (uint32_t i = 0; i < n; i++) {
        const struct stc_flow_use uses[] = {{i + 1, 1.0}, {0, 1.0}};
        const struct stc_flow_spec spec = {.uses = uses,
                                           .n_uses = 2,
                                           .weight = 1.0,
                                           .cap_Bps = INFINITY,
                                           .bytes = 1e6 + i};
        must(stc_flow_start(net, 0, &spec, NULL));
    }
    (void)drain(net);
    printf("%-20s %8u  %10.4f s\n", "flow_incast", n, now_s() - start_s);
    stc_flownet_free(net);
    free(capacity_Bps);
}

static void local(uint32_t n)
{
    struct stc_flownet *net;
    double *capacity_Bps = malloc(2 * (size_t)n * sizeof *capacity_Bps);
    const uint32_t n_rounds = 20;

    if (capacity_Bps == NULL) exit(3);
    for (uint32_t i = 0; i < 2 * n; i++)
        capacity_Bps[i] = 50e9;
    must(stc_flownet_init(&net, 2 * n, capacity_Bps, TICK_S));
    const double start_s = now_s();
    int64_t now_tick = 0;
    for (uint32_t round = 0; round < n_rounds; round++) {
        for (uint32_t i = 0; i < n; i++) {
            const struct stc_flow_use uses[] = {{2 * i, 1.0}, {2 * i + 1, 1.0}};
            const struct stc_flow_spec spec = {.uses = uses,
                                               .n_uses = 2,
                                               .weight = 1.0,
                                               .cap_Bps = INFINITY,
                                               .bytes = 1e6 + i};
            must(stc_flow_start(net, now_tick, &spec, NULL));
        }
        now_tick = drain(net);
    }
    printf("%-20s %8u  %10.3f us per flow\n", "flow_local", n,
           1e6 * (now_s() - start_s) / ((double)n * n_rounds));
    stc_flownet_free(net);
    free(capacity_Bps);
}

int main(void)
{
    truth("flow_1k", "tests/data/truth/flows_1k.csv");
    truth("flow_10k", "tests/data/truth/flows_10k.csv");
    incast(2000);
    local(10000);
    return 0;
}
