#include "frame.cuh"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ==== device kernels of the frame ==== */

static __global__ void fill_random(void *to, enum stc_num num, size_t n, uint64_t seed)
{
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (; i < n; i += stride) {
        stc_num_put(num, to, i, stc_rand_normal(seed, i));
    }
}

static __global__ void count_nan(const void *from, enum stc_num num, size_t n,
                                 unsigned *count)
{
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    size_t stride = (size_t)gridDim.x * blockDim.x;
    unsigned mine = 0;
    for (; i < n; i += stride) {
        float x = stc_num_get(num, from, i);
        mine += x != x;
    }
    if (mine) atomicAdd(count, mine);
}

static int grid_for(const struct stc_frame *f, size_t n)
{
    size_t blocks = (n + 255) / 256, most = (size_t)f->prop.multiProcessorCount * 16;
    return (int)(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

/* ==== opening ==== */

double stc_wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum stc_ran stc_cuda_failed(struct stc_frame *f, cudaError_t e, const char *what)
{
    snprintf(f->why, sizeof f->why, "%s: %s", what, cudaGetErrorString(e));
    cudaGetLastError(); /* clears what is not sticky */
    return e == cudaErrorMemoryAllocation ? STC_RAN_SKIP : STC_RAN_FAIL;
}

static void name_things(struct stc_frame *f)
{
    int driver = 0, runtime = 0;
    time_t now = time(NULL);
    struct tm utc;
    if (f->labels.gpu) {
        snprintf(f->gpu, sizeof f->gpu, "%s", f->labels.gpu);
    } else {
        stc_gpu_truth_name(f->prop.name, (double)f->prop.totalGlobalMem, f->gpu,
                           sizeof f->gpu);
    }
    if (f->labels.machine) {
        snprintf(f->machine, sizeof f->machine, "%s", f->labels.machine);
    } else if (gethostname(f->machine, sizeof f->machine - 1)) {
        snprintf(f->machine, sizeof f->machine, "unnamed");
    }
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    snprintf(f->cuda, sizeof f->cuda, "%d.%d", runtime / 1000, runtime % 1000 / 10);
    if (gmtime_r(&now, &utc)) strftime(f->date, sizeof f->date, "%Y-%m-%d", &utc);
}

enum stc_ran stc_frame_open(struct stc_frame *f)
{
    char bus[32] = "";
    size_t free_bytes = 0, total = 0, most = (size_t)20 << 30;
    STC_CUDA(f, cudaSetDevice(f->device));
    STC_CUDA(f, cudaGetDeviceProperties(&f->prop, f->device));
    STC_CUDA(f, cudaStreamCreateWithFlags(&f->stream, cudaStreamNonBlocking));
    STC_CUDA(f, cudaDeviceGetPCIBusId(bus, (int)sizeof bus, f->device));
    STC_CUDA(f, cudaMemGetInfo(&free_bytes, &total));
    f->pool_bytes = free_bytes / 10 * 7;
    if (f->pool_bytes > most) f->pool_bytes = most;
    STC_CUDA(f, cudaMalloc((void **)&f->pool, f->pool_bytes));
    STC_CUDA(f, cudaMalloc((void **)&f->count, sizeof *f->count));
    stc_nvml_open(&f->nvml, bus);
    name_things(f);
    return STC_RAN_OK;
}

void stc_frame_close(struct stc_frame *f)
{
    if (f->pool) cudaFree(f->pool);
    if (f->count) cudaFree(f->count);
    if (f->stream) cudaStreamDestroy(f->stream);
    stc_nvml_close(&f->nvml);
}

/* ==== memory ==== */

void stc_pool_reset(struct stc_frame *f)
{
    f->pool_used = 0;
}

void *stc_pool_take(struct stc_frame *f, size_t n_bytes)
{
    size_t rounded = (n_bytes + 1023) / 1024 * 1024;
    void *p;
    if (rounded > f->pool_bytes - f->pool_used) {
        snprintf(f->why, sizeof f->why, "needs more than the pool of %.1f GiB",
                 (double)f->pool_bytes / 1073741824.0);
        return NULL;
    }
    p = f->pool + f->pool_used;
    f->pool_used += rounded;
    return p;
}

int stc_fill_random(struct stc_frame *f, void *to, enum stc_num num, size_t n,
                    uint64_t seed)
{
    fill_random<<<grid_for(f, n), 256, 0, f->stream>>>(to, num, n, seed);
    STC_CUDA_INT(f, cudaGetLastError());
    return 0;
}

int stc_poison(struct stc_frame *f, void *to, size_t n_bytes)
{
    STC_CUDA_INT(f, cudaMemsetAsync(to, 0xff, n_bytes, f->stream));
    return 0;
}

long stc_count_nan(struct stc_frame *f, const void *from, enum stc_num num, size_t n)
{
    unsigned count = 0;
    STC_CUDA_INT(f, cudaMemsetAsync(f->count, 0, sizeof *f->count, f->stream));
    count_nan<<<grid_for(f, n), 256, 0, f->stream>>>(from, num, n, f->count);
    STC_CUDA_INT(f, cudaGetLastError());
    STC_CUDA_INT(f, cudaMemcpyAsync(&count, f->count, sizeof count,
                                    cudaMemcpyDeviceToHost, f->stream));
    STC_CUDA_INT(f, cudaStreamSynchronize(f->stream));
    return (long)count;
}

int stc_sets_for(const struct stc_frame *f, double bytes_of_one)
{
    double l2 = f->prop.l2CacheSize > 0 ? f->prop.l2CacheSize : 64e6;
    double n = ceil(3 * l2 / bytes_of_one);
    return n < 1 ? 1 : n > STC_MOST_SETS ? STC_MOST_SETS : (int)n;
}

/* ==== timing ==== */

struct runner {
    struct stc_frame *f;
    stc_call *call;
    void *ctx;
    cudaGraphExec_t graph; /* NULL: calls one by one */
    int n_inner, next;
};

static int run_sample(struct runner *r)
{
    struct stc_frame *f = r->f;
    int i;
    if (r->graph) {
        STC_CUDA_INT(f, cudaGraphLaunch(r->graph, f->stream));
        return 0;
    }
    for (i = 0; i < r->n_inner; i++) {
        if (r->call(f, r->ctx, r->next++, f->stream)) return -1;
    }
    return 0;
}

/* Seconds of one call, from two after one to warm up. */
static enum stc_ran first_look(struct runner *r, cudaEvent_t a, cudaEvent_t b,
                               double *call_s)
{
    struct stc_frame *f = r->f;
    float ms = 0;
    int i;
    if (r->call(f, r->ctx, 0, f->stream)) return STC_RAN_FAIL;
    STC_CUDA(f, cudaEventRecord(a, f->stream));
    for (i = 1; i <= 2; i++) {
        if (r->call(f, r->ctx, i, f->stream)) return STC_RAN_FAIL;
    }
    STC_CUDA(f, cudaEventRecord(b, f->stream));
    STC_CUDA(f, cudaEventSynchronize(b));
    STC_CUDA(f, cudaEventElapsedTime(&ms, a, b));
    *call_s = (double)ms * 1e-3 / 2;
    return STC_RAN_OK;
}

static enum stc_ran capture(struct runner *r)
{
    struct stc_frame *f = r->f;
    cudaGraph_t graph = NULL;
    int i, bad = 0;
    STC_CUDA(f, cudaStreamBeginCapture(f->stream, cudaStreamCaptureModeThreadLocal));
    for (i = 0; i < r->n_inner && !bad; i++) {
        bad = r->call(f, r->ctx, i, f->stream);
    }
    STC_CUDA(f, cudaStreamEndCapture(f->stream, &graph));
    if (bad) return STC_RAN_FAIL;
    STC_CUDA(f, cudaGraphInstantiate(&r->graph, graph, 0));
    STC_CUDA(f, cudaGraphDestroy(graph));
    return STC_RAN_OK;
}

static enum stc_ran heat(struct runner *r, cudaEvent_t a, double seconds)
{
    struct stc_frame *f = r->f;
    double start = stc_wall_s();
    int i;
    do {
        for (i = 0; i < 8; i++) {
            if (run_sample(r)) return STC_RAN_FAIL;
        }
        STC_CUDA(f, cudaEventRecord(a, f->stream));
        /* One batch stays queued while the host waits for the one before. */
        for (i = 0; i < 2; i++) {
            if (run_sample(r)) return STC_RAN_FAIL;
        }
        STC_CUDA(f, cudaEventSynchronize(a));
    } while (stc_wall_s() - start < seconds);
    return STC_RAN_OK;
}

static enum stc_ran sample(struct runner *r, int n, double *us,
                           struct stc_gpu_state *state)
{
    struct stc_frame *f = r->f;
    cudaEvent_t at[STC_MOST_SAMPLES + 1];
    float ms;
    int i;
    for (i = 0; i <= n; i++)
        STC_CUDA(f, cudaEventCreate(&at[i]));
    STC_CUDA(f, cudaEventRecord(at[0], f->stream));
    for (i = 0; i < n; i++) {
        if (run_sample(r)) return STC_RAN_FAIL;
        STC_CUDA(f, cudaEventRecord(at[i + 1], f->stream));
        if (i == n / 2) {
            STC_CUDA(f, cudaEventSynchronize(at[n / 4]));
            *state = stc_nvml_read(&f->nvml);
        }
    }
    STC_CUDA(f, cudaStreamSynchronize(f->stream));
    for (i = 0; i < n; i++) {
        STC_CUDA(f, cudaEventElapsedTime(&ms, at[i], at[i + 1]));
        us[i] = (double)ms * 1e3 / r->n_inner;
    }
    for (i = 0; i <= n; i++)
        cudaEventDestroy(at[i]);
    return STC_RAN_OK;
}

static enum stc_ran time_with(struct runner *r, const struct stc_case *c, int use_graph,
                              double heat_s, cudaEvent_t a, cudaEvent_t b,
                              struct stc_timing *t)
{
    struct stc_frame *f = r->f;
    double call_s = 0, us[STC_MOST_SAMPLES];
    int n;
    STC_TRY(first_look(r, a, b, &call_s));
    r->n_inner = stc_inner_calls(call_s, 300e-6, 64);
    if (use_graph) STC_TRY(capture(r));
    if (run_sample(r)) return STC_RAN_FAIL;
    STC_CUDA(f, cudaStreamSynchronize(f->stream));
    n = stc_sample_count(c, call_s * r->n_inner);
    if (n > STC_MOST_SAMPLES) n = STC_MOST_SAMPLES;
    if (heat_s > 0) STC_TRY(heat(r, a, heat_s));
    STC_TRY(sample(r, n, us, &t->state));
    t->us = stc_quantiles_of(us, n);
    t->n_repeats = n;
    t->n_inner = r->n_inner;
    return STC_RAN_OK;
}

enum stc_ran stc_time(struct stc_frame *f, const struct stc_case *c, stc_call *call,
                      void *ctx, int use_graph, double heat_s, struct stc_timing *t)
{
    struct runner r = {f, call, ctx, NULL, 1, 0};
    cudaEvent_t a, b;
    enum stc_ran ran;
    STC_CUDA(f, cudaEventCreate(&a));
    STC_CUDA(f, cudaEventCreate(&b));
    ran = time_with(&r, c, use_graph, heat_s, a, b, t);
    if (r.graph) cudaGraphExecDestroy(r.graph);
    cudaEventDestroy(a);
    cudaEventDestroy(b);
    return ran;
}

void stc_timing_from(struct stc_frame *f, double *us, int n, int n_inner,
                     struct stc_timing *t)
{
    t->us = stc_quantiles_of(us, n);
    t->n_repeats = n;
    t->n_inner = n_inner;
    t->rel_err = NAN;
    t->state = stc_nvml_read(&f->nvml);
}

/* ==== rows ==== */

void stc_row_tail(const struct stc_frame *f, struct stc_row *row,
                  const struct stc_timing *t)
{
    stc_row_num(row, t->us.min);
    stc_row_num(row, t->us.median);
    stc_row_num(row, t->us.p95);
    stc_row_int(row, t->n_repeats);
    stc_row_int(row, t->n_inner);
    stc_row_num(row, t->rel_err);
    stc_row_text(row, f->machine);
    stc_row_text(row, f->nvml.driver);
    stc_row_text(row, f->cuda);
    stc_row_num(row, t->state.sm_mhz);
    stc_row_num(row, t->state.mem_mhz);
    stc_row_num(row, t->state.power_w);
    stc_row_num(row, t->state.temp_c);
    stc_row_text(row, f->date);
    stc_row_text(row, f->key);
}

enum stc_ran stc_put(struct stc_frame *f, const struct stc_row *row)
{
    if (!f->csv) return STC_RAN_OK; /* a process that writes nothing */
    return stc_csv_put(f->csv, row, f->why) ? STC_RAN_FAIL : STC_RAN_OK;
}
