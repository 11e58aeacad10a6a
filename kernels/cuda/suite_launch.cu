/*
 * suite_launch.cu - what it costs the host to give the device something to do.
 * Run:   stepcast-bench --suite launch --out DIR
 * These are host times (a monotonic clock around many calls), because a step of
 * a small model waits for the host. Kernels are checked to have run by a
 * counter that each of them raises.
 *
 *     kernel_async       1000 empty kernels in a row and the wait for the last
 *     kernel_host        the calls alone, the queue never full
 *     kernel_sync        one kernel and the wait for it
 *     kernel_args N      as kernel_async, with N bytes of arguments
 *     graph_launch N     a graph of N kernels and the wait for it, whole graph
 *     graph_instantiate  making such a graph runnable
 */
#include <math.h>
#include <string.h>

#include "frame.cuh"

static __global__ void touch(unsigned *count)
{
    if (threadIdx.x == 0) *count += 1; /* kernels of one stream run in order */
}

template <int N> struct args {
    char bytes[N];
};
template <int N> static __global__ void touch_args(unsigned *count, args<N> a)
{
    if (threadIdx.x == 0) *count += 1u + (unsigned)(a.bytes[N - 1] != 0);
}

static void launch_args(int n, unsigned *count, cudaStream_t s)
{
    if (n <= 64) {
        args<64> a = {};
        touch_args<<<1, 32, 0, s>>>(count, a);
    } else if (n <= 1024) {
        args<1024> a = {};
        touch_args<<<1, 32, 0, s>>>(count, a);
    } else {
        args<4000> a = {};
        touch_args<<<1, 32, 0, s>>>(count, a);
    }
}

struct rig {
    cudaEvent_t event;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    unsigned *count;
    int n;           /* calls in one sample */
    unsigned raised; /* by one sample */
};

static enum stc_ran build_graph(struct stc_frame *f, struct rig *r, int n_nodes)
{
    int i;
    STC_CUDA(f, cudaStreamBeginCapture(f->stream, cudaStreamCaptureModeThreadLocal));
    for (i = 0; i < n_nodes; i++)
        touch<<<1, 32, 0, f->stream>>>(r->count);
    STC_CUDA(f, cudaStreamEndCapture(f->stream, &r->graph));
    STC_CUDA(f, cudaGraphInstantiate(&r->exec, r->graph, 0));
    return STC_RAN_OK;
}

static enum stc_ran prepare(struct stc_frame *f, const struct stc_case *c,
                            struct rig *r)
{
    int count = (int)c->d[STC_D_COUNT];
    memset(r, 0, sizeof *r);
    r->count = f->count;
    STC_CUDA(f, cudaMemset(r->count, 0, sizeof *r->count));
    STC_CUDA(f, cudaEventCreateWithFlags(&r->event, cudaEventDisableTiming));
    r->n = strcmp(c->op, "kernel_async") == 0 || strcmp(c->op, "kernel_args") == 0
               ? 1000
           : strcmp(c->op, "kernel_host") == 0 ? 400
                                               : 100;
    r->raised = (unsigned)r->n;
    if (strncmp(c->op, "graph", 5) == 0) {
        r->n = strcmp(c->op, "graph_launch") == 0 ? 10 : 1;
        STC_TRY(build_graph(f, r, count));
        r->raised = strcmp(c->op, "graph_launch") == 0 ? 10u * (unsigned)count : 0;
    } else if (strncmp(c->op, "kernel", 6) != 0) {
        r->raised = 0;
    }
    return STC_RAN_OK;
}

static void release(struct rig *r)
{
    if (r->event) cudaEventDestroy(r->event);
    if (r->exec) cudaGraphExecDestroy(r->exec);
    if (r->graph) cudaGraphDestroy(r->graph);
}

/* The n calls of one sample; wait: for the device at the end of each. */
static enum stc_ran run_calls(struct stc_frame *f, const struct stc_case *c,
                              struct rig *r)
{
    cudaStream_t s = f->stream;
    int i, k = (int)c->d[STC_D_COUNT];
    for (i = 0; i < r->n; i++) {
        if (strcmp(c->op, "kernel_args") == 0) {
            launch_args(k, r->count, s);
        } else if (strcmp(c->op, "memset_async") == 0) {
            STC_CUDA(f, cudaMemsetAsync(f->pool, 0, 4, s));
        } else if (strcmp(c->op, "event_record") == 0) {
            STC_CUDA(f, cudaEventRecord(r->event, s));
        } else if (strcmp(c->op, "stream_wait") == 0) {
            STC_CUDA(f, cudaStreamWaitEvent(s, r->event, 0));
        } else if (strcmp(c->op, "graph_launch") == 0) {
            STC_CUDA(f, cudaGraphLaunch(r->exec, s));
            STC_CUDA(f, cudaStreamSynchronize(s));
        } else if (strcmp(c->op, "graph_instantiate") == 0) {
            cudaGraphExec_t again;
            STC_CUDA(f, cudaGraphInstantiate(&again, r->graph, 0));
            STC_CUDA(f, cudaGraphExecDestroy(again));
        } else {
            touch<<<1, 32, 0, s>>>(r->count);
            if (strcmp(c->op, "kernel_sync") == 0)
                STC_CUDA(f, cudaStreamSynchronize(s));
        }
    }
    STC_CUDA(f, cudaGetLastError());
    return STC_RAN_OK;
}

static enum stc_ran measure(struct stc_frame *f, const struct stc_case *c,
                            struct rig *r, struct stc_timing *t)
{
    double us[STC_MOST_SAMPLES];
    unsigned count = 0;
    int i, host_only = strcmp(c->op, "kernel_host") == 0;
    STC_TRY(prepare(f, c, r));
    for (i = -1; i < c->n_samples; i++) { /* the first one warms up */
        double before = stc_wall_s(), after;
        STC_TRY(run_calls(f, c, r));
        after = stc_wall_s();
        STC_CUDA(f, cudaStreamSynchronize(f->stream));
        if (!host_only) after = stc_wall_s();
        if (i >= 0) us[i] = (after - before) * 1e6 / r->n;
    }
    STC_CUDA(f, cudaMemcpy(&count, r->count, sizeof count, cudaMemcpyDeviceToHost));
    if (count != r->raised * (unsigned)(c->n_samples + 1)) {
        snprintf(f->why, sizeof f->why, "%u kernels ran of %u", count,
                 r->raised * (unsigned)(c->n_samples + 1));
        return STC_RAN_WRONG;
    }
    stc_timing_from(f, us, c->n_samples, r->n, t);
    t->rel_err = 0;
    return STC_RAN_OK;
}

enum stc_ran stc_run_launch(struct stc_frame *f, const struct stc_case *c)
{
    struct rig r;
    struct stc_timing t;
    struct stc_row row;
    enum stc_ran ran = measure(f, c, &r, &t);
    release(&r);
    if (ran != STC_RAN_OK) return ran;
    stc_row_start(&row);
    stc_row_text(&row, f->gpu);
    stc_row_text(&row, c->op);
    stc_row_int(&row, c->d[STC_D_COUNT]);
    stc_row_num(&row, t.us.median);
    stc_row_text(&row, "microseconds of one call");
    stc_row_tail(f, &row, &t);
    return stc_put(f, &row);
}
