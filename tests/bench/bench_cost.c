/*
 * bench_cost.c - the compute cost model at work. Prints "name  n  value unit".
 *
 * cost_*: one estimate of a shape that no memo holds (cold), sizes walked.
 * cost_*_warm: the same shapes again, through a memo. cost_swept: the median of
 * estimates each after the caches, code and all, were swept by 64 MiB. cost_load: the shipped parameters. cost_fit: the default
 * fit, without cross-validation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "calib/fit.h"
#include "calib/load_cost.h"
#include "hw/catalogue.h"
#include "kernels/cost_memo.h"
#include "sim/base/stats.h"
#include "tests/bench/bench.h"

enum { N_QUERIES = 100000, N_SHAPES = 512, N_COLD = 200, SWEEP_BYTES = 64 << 20 };

struct setup {
    const struct stc_cost *cost;
    const struct stc_gpu *gpu;
    struct stc_cost_memo memo;
    double sum; /* so that nothing is optimised away */
};

static struct stc_gemm_q gemm_at(int i)
{
    int s = i % N_SHAPES;
    return (struct stc_gemm_q){.m = 64 + 37 * (s % 211),
                               .n = 1024 + 64 * (s % 97),
                               .k = 512 + 64 * (s % 101),
                               .batch = 1,
                               .dtype = STC_DTYPE_BF16};
}

static struct stc_attn_q attn_at(int i, bool decode)
{
    int s = i % N_SHAPES;
    return (struct stc_attn_q){.batch = 1 + s % 64,
                               .q_len = decode ? 1 : 512 + 16 * (s % 97),
                               .kv_len = 512 + 16 * (s % 97),
                               .heads = 32,
                               .kv_heads = 8,
                               .head_dim = 128,
                               .causal = true,
                               .phase = decode ? STC_ATTN_DECODE : STC_ATTN_FWD,
                               .dtype = STC_DTYPE_BF16,
                               .kv_dtype = STC_DTYPE_BF16};
}

static struct stc_moe_q moe_at(int i)
{
    int s = i % N_SHAPES;
    return (struct stc_moe_q){.tokens = 1 + 17 * s,
                              .hidden = 4096,
                              .ffn = 1536,
                              .topk = 8,
                              .experts = 128,
                              .moe_tp = 1,
                              .moe_ep = 8,
                              .alpha = 1.2,
                              .gated = true,
                              .dtype = STC_DTYPE_BF16};
}

/* The questions are made before the clock runs. */
static struct stc_gemm_q gemms[N_SHAPES];
static struct stc_attn_q attns[2][N_SHAPES];
static struct stc_moe_q moes[N_SHAPES];

static void make_questions(void)
{
    for (int i = 0; i < N_SHAPES; i++) {
        gemms[i] = gemm_at(i);
        attns[0][i] = attn_at(i, false);
        attns[1][i] = attn_at(i, true);
        moes[i] = moe_at(i);
    }
}

static void ask(struct setup *s, int kind, int i, bool warm)
{
    unsigned at = (unsigned)i % N_SHAPES;
    struct stc_est e;
    if (kind == 0 && warm)
        stc_memo_gemm(&s->memo, s->cost, s->gpu, &gemms[at], &e);
    else if (kind == 0)
        stc_cost_gemm(s->cost, s->gpu, &gemms[at], &e);
    else if (kind < 3 && warm)
        stc_memo_attn(&s->memo, s->cost, s->gpu, &attns[kind - 1][at], &e);
    else if (kind < 3)
        stc_cost_attn(s->cost, s->gpu, &attns[kind - 1][at], &e);
    else if (warm)
        stc_memo_moe(&s->memo, s->cost, s->gpu, &moes[at], &e);
    else
        stc_cost_moe(s->cost, s->gpu, &moes[at], &e);
    s->sum += e.seconds;
}

static void queries(struct setup *s)
{
    static const char *const names[] = {"cost_gemm", "cost_attn", "cost_decode",
                                        "cost_moe"};
    for (int kind = 0; kind < 4; kind++)
        for (int warm = 0; warm < 2; warm++) {
            char name[32];
            for (int i = 0; i < N_SHAPES; i++)
                ask(s, kind, i, warm == 1);
            double t0 = bench_cpu_s();
            for (int i = 0; i < N_QUERIES; i++)
                ask(s, kind, i, warm == 1);
            snprintf(name, sizeof name, "%s%s", names[kind], warm == 1 ? "_warm" : "");
            printf("%-18s %8d %10.1f ns/query\n", name, N_QUERIES,
                   1e9 * (bench_cpu_s() - t0) / N_QUERIES);
        }
}

static void cold(struct setup *s)
{
    volatile unsigned char *sweep = malloc(SWEEP_BYTES);
    double spent[N_COLD];
    if (sweep == NULL) return;
    for (int i = 0; i < N_COLD; i++) {
        for (size_t j = 0; j < SWEEP_BYTES; j += 64)
            sweep[j] = (unsigned char)i;
        double t0 = bench_cpu_s();
        ask(s, i % 4, 7 * i, false);
        spent[i] = bench_cpu_s() - t0;
    }
    free((void *)(uintptr_t)sweep);
    printf("%-18s %8d %10.1f ns/query\n", "cost_swept", N_COLD,
           1e9 * stc_quantile(spent, N_COLD, 0.5));
}

int main(void)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {{0}};
    struct stc_cost *cost, *fitted;
    struct stc_hw *hw;
    struct setup s = {0};

    double t0 = bench_cpu_s();
    bench_must(stc_cost_load(&a, &cost, &diag), &diag);
    printf("%-18s %8d %10.2f ms\n", "cost_load", cost->n_fits,
           1e3 * (bench_cpu_s() - t0));
    bench_must(stc_hw_load(&a, &hw, &diag), &diag);
    bench_must(stc_hw_find_gpu(hw, "H100-SXM5-80GB", &s.gpu, &diag), &diag);
    bench_must(stc_cost_memo_init(&s.memo, &a, 8192, &diag), &diag);
    s.cost = cost;
    make_questions();
    queries(&s);
    cold(&s);
    static struct stc_fit_report rep;
    const struct stc_fit_opt opt = {0};
    bench_must(stc_fit_compute(&a, "tests/data/truth", &opt, &fitted, &rep, &diag),
               &diag);
    printf("%-18s %8d %10.1f s\n", "cost_fit", fitted->n_fits, rep.seconds);
    stc_arena_free(&a);
    return s.sum > 0 ? 0 : 1;
}
