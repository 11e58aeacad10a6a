/*
 * bench_coll.c - the collectives' cost at work. Prints "name  n  value unit".
 *
 * coll_node, coll_net: one estimate, all-reduce of 8 ranks in a node and of 32
 * ranks on 4 nodes, sizes walked so that neither caches nor branches learn one
 * answer. coll_emit_a2a: flows of an all-to-all on 64 ranks. coll_fit: the fit
 * of the shipped measurements with all cross-validation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "calib/fit_coll.h"
#include "calib/load_coll.h"
#include "kernels/coll.h"
#include "kernels/coll_params.h"
#include "tests/bench/bench.h"

enum { N_QUERIES = 200000, ROUNDS = 5 };

static void queries(const char *name, const struct stc_coll_params *p,
                    const struct stc_group_shape *g)
{
    double best_s = 1e9, sum = 0.0;
    for (int round = 0; round < ROUNDS; round++) {
        double start_s = bench_cpu_s();
        double bytes = 1024.0;
        for (int i = 0; i < N_QUERIES; i++) {
            struct stc_coll_est e;
            stc_coll_time(p, g, STC_COLL_ALL_REDUCE, bytes, NULL, &e);
            sum += e.seconds;
            bytes = bytes < 5e8 ? bytes * 1.37 : 1024.0;
        }
        double s = bench_cpu_s() - start_s;
        best_s = s < best_s ? s : best_s;
    }
    printf("%-14s %8d %10.1f ns/query%s\n", name, N_QUERIES, 1e9 * best_s / N_QUERIES,
           sum > 0.0 ? "" : "?");
}

int main(void)
{
    static struct stc_coll_params p, fit;
    static struct stc_coll_cv cv;
    struct stc_diag diag = {{0}};
    struct stc_arena a = STC_ARENA_INIT;
    bench_must(stc_load_coll(&p, &diag), &diag);
    struct stc_group_shape node = {.n_ranks = 8,
                                   .n_nodes = 1,
                                   .ranks_per_node = 8,
                                   .domain_ranks = 8,
                                   .intra = STC_INTRA_NVSWITCH,
                                   .gen = STC_GEN_HOPPER,
                                   .intra_Bps = 450e9};
    struct stc_group_shape net = node;
    net.n_ranks = 32;
    net.n_nodes = 4;
    net.net = STC_FABRIC_IB;
    net.n_nics = 8;
    net.nic_Bps = 50e9;
    queries("coll_node", &p, &node);
    queries("coll_net", &p, &net);

    net.n_ranks = 64;
    net.n_nodes = 8;
    struct stc_coll_flows f = {.arena = &a};
    double start_s = bench_cpu_s();
    for (int i = 0; i < 100; i++) {
        stc_arena_reset(&a);
        bench_must(stc_coll_emit(&p, &net, STC_COLL_ALL_TO_ALL, 1e8, NULL, &f), &diag);
    }
    printf("%-14s %8zu %10.2f us\n", "coll_emit_a2a", f.n,
           1e4 * (bench_cpu_s() - start_s));

    start_s = bench_cpu_s();
    bench_must(stc_fit_coll(&a, NULL, "tests/data/truth", NULL, &fit, &cv, &diag),
               &diag);
    printf("%-14s %8d %10.2f s\n", "coll_fit", cv.n, bench_cpu_s() - start_s);
    stc_arena_free(&a);
    return 0;
}
