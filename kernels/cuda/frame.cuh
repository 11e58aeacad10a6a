/*
 * frame.cuh - what every suite shares: the device, a pool of its memory, random
 * operands, poison, timing, and rows of CSV.
 *
 * ORDER of a case. Operands are filled with random data and outputs with
 * poison (all bits set: a NaN in every floating format). One call runs; the
 * result is compared with a CPU reference, and poison left over means an
 * element that nobody wrote. Only then is it timed: a wrong kernel's time is
 * worth nothing.
 *
 * TIMING. Calls are captured into a CUDA graph of n_inner calls, so that gaps
 * between launches do not count, and the graph is replayed once per sample
 * between two events. Where the operands could stay in L2, calls rotate over
 * several sets of them. Clocks and power are read while the samples run.
 * A graph cannot hold copies from pageable memory; those run without one.
 *
 * ERRORS. A suite's run returns one of enum stc_ran; the sentence for anything
 * but STC_RAN_OK is in frame->why.
 *
 * OWNERSHIP. Pool memory lives until the next case.
 */
#ifndef STC_KERNELS_CUDA_FRAME_CUH
#define STC_KERNELS_CUDA_FRAME_CUH

#include <cuda_runtime.h>

#include "csv.h"
#include "nvml.h"
#include "plan.h"
#include "world.h"

enum stc_ran {
    STC_RAN_OK,
    STC_RAN_SKIP,  /* this GPU or library cannot; recorded in skipped.csv */
    STC_RAN_WRONG, /* differs from the reference: the program ends with 4 */
    STC_RAN_FAIL   /* CUDA, memory or files failed: the program ends with 1 */
};

enum { STC_MOST_SAMPLES = 64, STC_MOST_SETS = 16 };

struct stc_labels {      /* what the user says about the machine */
    const char *gpu;     /* NULL: from the driver's name */
    const char *machine; /* NULL: host name */
    const char *intra, *inter;
    int nics_per_node, nic_gbps;
};

struct stc_frame {
    struct stc_labels labels;
    struct stc_world world;
    cudaDeviceProp prop;
    int device, n_devices;
    cudaStream_t stream;
    char *pool;
    size_t pool_bytes, pool_used;
    unsigned *count;   /* one device word for counting poison */
    double last_hot_s; /* when a steady run last ended; 0: never */
    void *lt;          /* cublasLtHandle_t, made by the first product */
    void *coll;        /* NCCL communicators, made by the first collective */
    struct stc_nvml nvml;
    char gpu[96], machine[96], cuda[32], date[32];
    struct stc_csv *csv; /* of the suite that runs */
    const char *key;     /* of the case that runs */
    char why[STC_WHY_BYTES];
};

struct stc_timing {
    struct stc_quantiles us; /* microseconds of one call */
    int n_repeats, n_inner;
    double rel_err; /* against the reference; NaN: not compared */
    struct stc_gpu_state state;
};

/* Calls number i of the operation on `stream`; 0 or -1 with frame->why set. */
typedef int stc_call(struct stc_frame *f, void *ctx, int i, cudaStream_t stream);

enum stc_ran stc_frame_open(struct stc_frame *f);
void stc_frame_close(struct stc_frame *f);

/* Pool: take returns NULL when it is too small. */
void stc_pool_reset(struct stc_frame *f);
void *stc_pool_take(struct stc_frame *f, size_t n_bytes);

/* n elements of random_normal(seed, first + i), rounded to `num`. */
int stc_fill_random(struct stc_frame *f, void *to, enum stc_num num, size_t n,
                    uint64_t seed);
int stc_poison(struct stc_frame *f, void *to, size_t n_bytes);
/* Elements of a floating output that are still poison, or NaN; -1: failed. */
long stc_count_nan(struct stc_frame *f, const void *from, enum stc_num num, size_t n);

/* Sets to rotate over so that the L2 cannot hold them. */
int stc_sets_for(const struct stc_frame *f, double bytes_of_one);

/* heat_s > 0: run that long first and sample without a pause. */
enum stc_ran stc_time(struct stc_frame *f, const struct stc_case *c, stc_call *call,
                      void *ctx, int use_graph, double heat_s, struct stc_timing *t);
/* From samples taken otherwise, in microseconds of one call. */
void stc_timing_from(struct stc_frame *f, double *us, int n, int n_inner,
                     struct stc_timing *t);

/* The columns that every file ends with. */
void stc_row_tail(const struct stc_frame *f, struct stc_row *row,
                  const struct stc_timing *t);
enum stc_ran stc_put(struct stc_frame *f, const struct stc_row *row);

double stc_wall_s(void);

/* A failed CUDA call: the sentence, and whether it was for want of memory. */
enum stc_ran stc_cuda_failed(struct stc_frame *f, cudaError_t e, const char *what);

/* In functions that return enum stc_ran. */
#define STC_CUDA(f, call)                                        \
 do {                                                            \
  cudaError_t e_ = (call);                                       \
  if (e_ != cudaSuccess) return stc_cuda_failed((f), e_, #call); \
 } while (0)
/* In functions that return 0 or -1. */
#define STC_CUDA_INT(f, call)       \
 do {                               \
  cudaError_t e_ = (call);          \
  if (e_ != cudaSuccess) {          \
   stc_cuda_failed((f), e_, #call); \
   return -1;                       \
  }                                 \
 } while (0)
#define STC_TRY(call)              \
 do {                              \
  enum stc_ran r_ = (call);        \
  if (r_ != STC_RAN_OK) return r_; \
 } while (0)

/* The suites: suite_NAME.cu. */
typedef enum stc_ran stc_suite_run(struct stc_frame *f, const struct stc_case *c);
stc_suite_run stc_run_gemm, stc_run_gemm_steady, stc_run_membound, stc_run_copy,
    stc_run_launch, stc_run_coll, stc_run_overlap, stc_run_clocks;

/* Copies src to dst with a given number of thread blocks, as a collective's
 * kernel occupies few SMs (suite_overlap.cu uses it as a partner). */
int stc_copy_kernel(struct stc_frame *f, void *dst, const void *src, size_t n_bytes,
                    int ctas, cudaStream_t stream);

#endif
