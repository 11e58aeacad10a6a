/*
 * plan.h - what stepcast-bench will measure, and how long that takes.
 *
 * THEORY. A plan is a list of cases. A case is a flat record: a suite, an
 * operation, a number format, up to eight sizes, and a budget of seconds for
 * its samples. Its key is text that names all of that; it is the last column
 * of the CSV, and what is resumed by. Nothing here needs a GPU: the grids can
 * be printed, counted and tested anywhere.
 *
 *     seconds of a case = overhead (operands, reference, first call)
 *                       + max(budget, least number of samples × one call)
 *
 * where one call is the larger of FLOP / rate and bytes / bandwidth on an
 * assumed GPU, plus launch costs. The budget is what the frame really keeps
 * to, so the estimate depends little on the GPU assumed.
 *
 * ORDER. Cases come out suite by suite in the order of stc_bench_suites; inside
 * a suite in the order of its grid. The order is part of no promise.
 *
 * UNITS. Seconds, bytes, FLOP (a multiply-add is two).
 *
 * OWNERSHIP. stc_plan_free releases the list; cases borrow nothing.
 */
#ifndef STC_KERNELS_CUDA_PLAN_H
#define STC_KERNELS_CUDA_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "num.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { STC_N_DIMS = 8, STC_OP_BYTES = 48, STC_KEY_BYTES = 160 };

/* What d[] means, per suite. */
enum {
    STC_D_M = 0, /* gemm, gemm_steady, overlap, clocks: product of m × k and k × n */
    STC_D_N = 1,
    STC_D_K = 2,
    STC_D_BATCH = 3,
    STC_D_SETS =
        4, /* operand sets rotated through, so that L2 holds none; 1: L2-warm */
    STC_D_ROWS = 0, /* membound */
    STC_D_COLS = 1,
    STC_D_BYTES = 0, /* copy, coll: bytes of the whole buffer, as nccl-tests counts */
    STC_D_RANKS = 1, /* coll: ranks of the communicator; 0: all there are */
    STC_D_COUNT = 0, /* launch: nodes of a graph, bytes of arguments */
    STC_D_PARTNER_BYTES = 4, /* overlap: bytes of the partner's one operation */
    STC_D_PARTNER_CTAS = 5   /* overlap: thread blocks of a copy kernel; 0: not one */
};

struct stc_case {
    int suite;               /* index into stc_bench_suites */
    char op[STC_OP_BYTES];   /* "TN fwd", "layer_norm fwd", "host_to_device pinned" */
    enum stc_num num;        /* format of the operands */
    int64_t d[STC_N_DIMS];   /* sizes, see above; unused ones are 0 */
    double flop, move_bytes; /* of one call */
    double budget_s;         /* seconds that samples may take */
    double overhead_s;       /* everything around them */
    int n_samples;           /* wanted; at least STC_LEAST_SAMPLES are taken */
    char key[STC_KEY_BYTES]; /* no commas, no blanks */
};

enum { STC_LEAST_SAMPLES = 5 };

struct stc_plan {
    struct stc_case *cases;
    size_t n, n_room;
};

struct stc_plan_opts {
    int quick;      /* the short grids */
    int n_gpus;     /* GPUs in this process's reach; suites that need more give none */
    int n_ranks;    /* ranks of the largest communicator (n_gpus on one node) */
    int multi_node; /* ranks lie on several nodes: only suites over all ranks */
    const char *only; /* comma-separated suite names; NULL: all */
};

struct stc_suite_info {
    const char *name;
    const char *what;    /* one line for --list */
    const char *file;    /* CSV in the folder of --out */
    const char *columns; /* before the common tail */
    int n_gpus;          /* needs at least */
    int (*build)(struct stc_plan *plan, int suite, const struct stc_plan_opts *o);
};

extern const struct stc_suite_info stc_bench_suites[];
extern const int stc_bench_n_suites;

/* Columns that every file ends with, after the suite's own. */
#define STC_TAIL_COLUMNS                                                  \
 "min_us,median_us,p95_us,n_repeats,n_inner,rel_err,machine,driver,cuda," \
 "sm_mhz,mem_mhz,power_w,temp_c,date,key"

/* Figures of a GPU, only to estimate how long a plan takes. */
struct stc_assumed_gpu {
    const char *name;
    double tensor_flop_per_s; /* dense bf16 in practice; fp8 2×, tf32 0.5× */
    double fp32_flop_per_s;
    double mem_Bps;
    double host_Bps; /* pinned copies over PCIe */
    int has_fp8;
};

const struct stc_assumed_gpu *stc_assumed_find(const char *name); /* NULL: default */

/* 0, or -1 when memory ran out or `only` names an unknown suite (then
 * *unknown points into `only`). */
int stc_plan_build(struct stc_plan *plan, const struct stc_plan_opts *o,
                   const char **unknown);
void stc_plan_free(struct stc_plan *plan);

double stc_case_call_s(const struct stc_case *c, const struct stc_assumed_gpu *gpu);
double stc_case_estimate_s(const struct stc_case *c, const struct stc_assumed_gpu *gpu);

/* For the builders: appends a copy, filling in the key; a case that is there
 * already is left out. */
int stc_plan_add(struct stc_plan *plan, const struct stc_case *c);

/* The builders, one per suite (plan_gemm.c, plan_rest.c). */
int stc_plan_gemm(struct stc_plan *plan, int suite, const struct stc_plan_opts *o);
int stc_plan_gemm_steady(struct stc_plan *plan, int suite,
                         const struct stc_plan_opts *o);
int stc_plan_membound(struct stc_plan *plan, int suite, const struct stc_plan_opts *o);
int stc_plan_copy(struct stc_plan *plan, int suite, const struct stc_plan_opts *o);
int stc_plan_launch(struct stc_plan *plan, int suite, const struct stc_plan_opts *o);
int stc_plan_coll(struct stc_plan *plan, int suite, const struct stc_plan_opts *o);
int stc_plan_overlap(struct stc_plan *plan, int suite, const struct stc_plan_opts *o);
int stc_plan_clocks(struct stc_plan *plan, int suite, const struct stc_plan_opts *o);

/* The least, the middle and the 95th percentile of n > 0 samples (nearest
 * rank; the middle of an even number is the mean of the two). Sorts x. */
struct stc_quantiles {
    double min, median, p95;
};
struct stc_quantiles stc_quantiles_of(double *x, int n);

/* How many calls make one sample: enough for `least_s`, at most `most`. */
int stc_inner_calls(double call_s, double least_s, int most);
/* How many samples: the wanted number, fewer where the budget ends first, never
 * fewer than STC_LEAST_SAMPLES. */
int stc_sample_count(const struct stc_case *c, double sample_s);

/* Truth's name of a GPU from the driver's name and its memory, e.g. "NVIDIA
 * H200" -> "H200-SXM-141GB"; blanks become '-' where the table has no row. */
void stc_gpu_truth_name(const char *driver_name, double mem_bytes, char *out, size_t n);

#ifdef __cplusplus
}
#endif
#endif
