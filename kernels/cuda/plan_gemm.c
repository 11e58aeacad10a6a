/*
 * plan_gemm.c - which matrix products are timed.
 *
 * THEORY. A linear layer y[m,n] = x[m,k] W[n,k]^T gives three products. With
 * every matrix row-major, cuBLAS (column-major) sees them as
 *
 *     fwd    y  = x W^T     m × n, over k    op "TN"
 *     dgrad  dx = dy W      m × k, over n    op "NN"
 *     wgrad  dW = dy^T x    n × k, over m    op "NT"
 *
 * The columns m, n, k are of the product that runs: rows and columns of the
 * row-major result, then the length of the sums.
 *
 * GRID. Layers of GPT and Llama models over numbers of tokens; cubes; a fine
 * sweep of m and of n, which shows tiles and waves; products with few rows, as
 * decoding has; strided batches, as attention without fusion has.
 */
#include "plan.h"

#include <stdio.h>
#include <string.h>

struct layer {
    int n, k;
};

/* (outputs, inputs) of qkv, projection, MLP up, MLP down. */
static const struct layer gpt_layers[] = {
    {2304, 768},   {768, 768},   {3072, 768},   {768, 3072},   /* GPT-2 small */
    {3072, 1024},  {1024, 1024}, {4096, 1024},  {1024, 4096},  /* medium */
    {3840, 1280},  {1280, 1280}, {5120, 1280},  {1280, 5120},  /* large */
    {4800, 1600},  {1600, 1600}, {6400, 1600},  {1600, 6400},  /* XL */
    {7680, 2560},  {2560, 2560}, {10240, 2560}, {2560, 10240}, /* 2.7B */
    {12288, 4096}, {4096, 4096}, {16384, 4096}, {4096, 16384}, /* 6.7B */
};
static const struct layer llama_layers[] = {
    {3072, 2048},  {2048, 2048}, {16384, 2048}, {2048, 8192},  /* 1B */
    {5120, 3072},  {3072, 3072}, {16384, 3072}, {3072, 8192},  /* 3B */
    {6144, 4096},  {4096, 4096}, {28672, 4096}, {4096, 14336}, /* 8B */
    {10240, 8192}, {8192, 8192}, {57344, 8192}, {8192, 28672}, /* 70B, tp 1 */
    {1280, 8192},  {8192, 1024}, {7168, 8192},  {8192, 3584},  /* 70B, tp 8 */
};
static const struct layer logits[] = {
    {50304, 768}, {50304, 1600}, {50304, 4096}, {128256, 2048}, {128256, 4096},
};
static const int cubes[] = {256,  384,  512,  768,  1024, 1536,  2048,  2560,
                            3072, 4096, 5120, 6144, 8192, 10240, 12288, 16384};

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* One product; sets 0: as many as leave nothing in L2. */
static int add(struct stc_plan *plan, int suite, const char *op, enum stc_num num,
               int64_t m, int64_t n, int64_t k, int64_t batch, int64_t sets,
               double budget_s)
{
    struct stc_case c;
    int bytes = stc_num_bytes(num), out_bytes = num == STC_NUM_E4M3 ? 2 : bytes;
    double elements = (double)(m * k + k * n);
    memset(&c, 0, sizeof c);
    c.suite = suite;
    snprintf(c.op, sizeof c.op, "%s", op);
    c.num = num;
    c.d[STC_D_M] = m;
    c.d[STC_D_N] = n;
    c.d[STC_D_K] = k;
    c.d[STC_D_BATCH] = batch;
    c.d[STC_D_SETS] = sets;
    c.flop = 2.0 * (double)m * (double)n * (double)k * (double)batch;
    c.move_bytes = (double)batch * (elements * bytes + (double)(m * n) * out_bytes);
    c.n_samples = 25;
    c.budget_s = budget_s;
    /* Loading a kernel for the first time, heuristic, graph; poison and fill at a
     * few hundred GB/s; the reference at 10 ns a term. */
    c.overhead_s = 0.05 + c.move_bytes / 300e9 + 16 * (double)k * 10e-9;
    return stc_plan_add(plan, &c);
}

/* The three products of a linear layer of n outputs and k inputs. */
static int add_layer(struct stc_plan *plan, int suite, enum stc_num num, int64_t m,
                     struct layer l, double budget_s)
{
    /* fp8 products on Hopper exist as TN only: frameworks transpose copies. */
    const char *dgrad = num == STC_NUM_E4M3 ? "TN dgrad" : "NN dgrad";
    const char *wgrad = num == STC_NUM_E4M3 ? "TN wgrad" : "NT wgrad";
    return add(plan, suite, "TN fwd", num, m, l.n, l.k, 1, 0, budget_s) ||
           add(plan, suite, dgrad, num, m, l.k, l.n, 1, 0, budget_s) ||
           add(plan, suite, wgrad, num, l.n, l.k, m, 1, 0, budget_s);
}

static int add_layers(struct stc_plan *plan, int suite, enum stc_num num,
                      const struct layer *l, size_t n, int64_t m, double budget_s)
{
    size_t i;
    for (i = 0; i < n; i++) {
        if (add_layer(plan, suite, num, m, l[i], budget_s)) return -1;
    }
    return 0;
}

static int add_cubes(struct stc_plan *plan, int suite, enum stc_num num, int most,
                     double budget_s)
{
    size_t i;
    for (i = 0; i < LEN(cubes) && cubes[i] <= most; i++) {
        int64_t s = cubes[i];
        if (add(plan, suite, "TN fwd", num, s, s, s, 1, 0, budget_s)) return -1;
        if (num == STC_NUM_BF16 && s <= 8192 &&
            add(plan, suite, "TN fwd", num, s, s, s, 1, 1, budget_s)) {
            return -1; /* the same with operands that may stay in L2 */
        }
    }
    return 0;
}

/* Tiles and waves: one size moves in fine steps while the others stand. */
static int add_sweeps(struct stc_plan *plan, int suite, double budget_s)
{
    int64_t s;
    for (s = 128; s <= 4096; s += s < 2048 ? 128 : 256) {
        if (add(plan, suite, "TN fwd", STC_NUM_BF16, s, 4096, 4096, 1, 0, budget_s) ||
            add(plan, suite, "TN fwd", STC_NUM_BF16, 4096, s, 1024, 1, 0, budget_s)) {
            return -1;
        }
    }
    for (s = 64; s <= 32768; s *= 2) {
        if (add(plan, suite, "TN fwd", STC_NUM_BF16, 2048, 2048, s, 1, 0, budget_s) ||
            add(plan, suite, "NT wgrad", STC_NUM_BF16, 2048, 2048, s, 1, 0, budget_s)) {
            return -1;
        }
    }
    return 0;
}

static int add_decode(struct stc_plan *plan, int suite, enum stc_num num,
                      double budget_s)
{
    static const struct layer l[] = {
        {6144, 4096}, {28672, 4096}, {4096, 14336}, {1600, 6400}};
    static const int rows[] = {1, 4, 16, 32, 64, 128, 256, 512};
    size_t i, j;
    for (i = 0; i < LEN(l); i++) {
        for (j = 0; j < LEN(rows); j++) {
            if (num == STC_NUM_E4M3 && rows[j] < 16) continue;
            if (add(plan, suite, "TN fwd", num, rows[j], l[i].n, l[i].k, 1, 0,
                    budget_s)) {
                return -1;
            }
        }
    }
    return 0;
}

/* Scores and values of unfused attention: batch = sequences × heads. */
static int add_batched(struct stc_plan *plan, int suite, double budget_s)
{
    static const struct {
        int seq, dim, batch;
    } rows[] = {{1024, 64, 96}, {1024, 64, 192}, {2048, 64, 64},  {2048, 128, 32},
                {512, 64, 256}, {4096, 128, 16}, {1024, 128, 64}, {2048, 128, 64}};
    size_t i;
    for (i = 0; i < LEN(rows); i++) {
        int64_t s = rows[i].seq, d = rows[i].dim, b = rows[i].batch;
        if (add(plan, suite, "TN batched", STC_NUM_BF16, s, s, d, b, 0, budget_s) ||
            add(plan, suite, "NN batched", STC_NUM_BF16, s, d, s, b, 0, budget_s) ||
            add(plan, suite, "NT batched", STC_NUM_BF16, s, d, s, b, 0, budget_s)) {
            return -1;
        }
    }
    return 0;
}

static int quick_grid(struct stc_plan *plan, int suite)
{
    static const enum stc_num nums[] = {STC_NUM_BF16, STC_NUM_F16, STC_NUM_TF32,
                                        STC_NUM_E4M3};
    double b = 0.05;
    size_t i;
    if (add_layers(plan, suite, STC_NUM_BF16, gpt_layers + 12, 12, 4096, b) ||
        add_layers(plan, suite, STC_NUM_BF16, llama_layers + 8, 4, 8192, b) ||
        add_layers(plan, suite, STC_NUM_BF16, logits, LEN(logits), 4096, b) ||
        add_decode(plan, suite, STC_NUM_BF16, b) || add_batched(plan, suite, b)) {
        return -1;
    }
    for (i = 0; i < LEN(nums); i++) {
        if (add_cubes(plan, suite, nums[i], 8192, b)) return -1;
        if (i > 0 && add_layers(plan, suite, nums[i], gpt_layers + 20, 4, 4096, b))
            return -1;
    }
    return add_cubes(plan, suite, STC_NUM_F32, 4096, b);
}

int stc_plan_gemm(struct stc_plan *plan, int suite, const struct stc_plan_opts *o)
{
    static const int tokens[] = {1024, 2048, 4096, 8192, 16384, 32768};
    static const enum stc_num nums[] = {STC_NUM_BF16, STC_NUM_F16, STC_NUM_TF32,
                                        STC_NUM_E4M3};
    double b = 0.05;
    size_t i;
    if (o->quick) return quick_grid(plan, suite);
    for (i = 0; i < LEN(tokens); i++) {
        int m = tokens[i];
        if (add_layers(plan, suite, STC_NUM_BF16, gpt_layers, LEN(gpt_layers), m, b))
            return -1;
        if (m <= 16384 && m >= 2048 &&
            add_layers(plan, suite, STC_NUM_BF16, llama_layers, LEN(llama_layers), m,
                       b)) {
            return -1;
        }
        if (m <= 8192 &&
            add_layers(plan, suite, STC_NUM_BF16, logits, LEN(logits), m, b)) {
            return -1;
        }
        if ((m == 4096 || m == 16384) &&
            (add_layers(plan, suite, STC_NUM_E4M3, llama_layers, 16, m, b) ||
             add_layers(plan, suite, STC_NUM_E4M3, gpt_layers + 12, 12, m, b))) {
            return -1;
        }
    }
    for (i = 0; i < LEN(nums); i++) {
        if (add_cubes(plan, suite, nums[i], 16384, b)) return -1;
    }
    if (add_layers(plan, suite, STC_NUM_F16, gpt_layers, LEN(gpt_layers), 4096, b) ||
        add_layers(plan, suite, STC_NUM_TF32, gpt_layers, LEN(gpt_layers), 4096, b) ||
        add_layers(plan, suite, STC_NUM_TF32, logits, 2, 4096, b) ||
        add_layers(plan, suite, STC_NUM_F32, gpt_layers, 16, 4096, b) ||
        add_layers(plan, suite, STC_NUM_F32, logits, 1, 4096, b)) {
        return -1;
    }
    return add_cubes(plan, suite, STC_NUM_F32, 6144, b) || add_sweeps(plan, suite, b) ||
           add_decode(plan, suite, STC_NUM_BF16, b) ||
           add_decode(plan, suite, STC_NUM_E4M3, b) || add_batched(plan, suite, b);
}

int stc_plan_gemm_steady(struct stc_plan *plan, int suite,
                         const struct stc_plan_opts *o)
{
    static const struct {
        enum stc_num num;
        int m, n, k;
    } rows[] = {
        /* The first ones are the quick grid. */
        {STC_NUM_BF16, 8192, 8192, 8192},    {STC_NUM_BF16, 8192, 28672, 4096},
        {STC_NUM_BF16, 16384, 4096, 4096},   {STC_NUM_E4M3, 8192, 8192, 8192},
        {STC_NUM_TF32, 8192, 8192, 8192},    {STC_NUM_BF16, 4096, 4096, 4096},
        {STC_NUM_BF16, 16384, 6400, 1600},   {STC_NUM_BF16, 16384, 1600, 6400},
        {STC_NUM_BF16, 16384, 16384, 4096},  {STC_NUM_BF16, 16384, 4096, 16384},
        {STC_NUM_BF16, 16384, 3072, 768},    {STC_NUM_BF16, 16384, 50304, 1600},
        {STC_NUM_BF16, 16384, 10240, 2560},  {STC_NUM_BF16, 16384, 2560, 2560},
        {STC_NUM_BF16, 16384, 16384, 16384}, {STC_NUM_F16, 8192, 8192, 8192},
        {STC_NUM_E4M3, 16384, 28672, 4096},  {STC_NUM_E4M3, 16384, 4096, 14336},
        {STC_NUM_TF32, 8192, 6400, 1600},    {STC_NUM_F32, 8192, 8192, 8192},
    };
    size_t i, n = o->quick ? 5 : LEN(rows);
    for (i = 0; i < n; i++) {
        size_t before = plan->n;
        if (add(plan, suite, "TN fwd", rows[i].num, rows[i].m, rows[i].n, rows[i].k, 1,
                0, 0.3)) {
            return -1;
        }
        /* Heating: 6 s before the first case, 1 s before every other. */
        plan->cases[before].overhead_s += i == 0 ? 6 : 1;
        plan->cases[before].n_samples = 25;
    }
    return 0;
}
