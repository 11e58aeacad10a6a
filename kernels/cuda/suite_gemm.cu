/*
 * suite_gemm.cu - seconds of cuBLASLt products over the grid of plan_gemm.c.
 * Run:   stepcast-bench --suite gemm,gemm_steady --out DIR
 * First  each product is run on random operands into a poisoned result and
 *        sampled elements are compared with gemm_ref (CPU, fp64).
 * Then   25 samples of graphs that last 0.3 ms at least, fewer where the case's
 *        budget ends; burst after an idle moment, steady in the wake of seconds
 *        under load.
 */
#include <math.h>
#include <string.h>

#include "gemm.cuh"

static const char *lt_text(cublasStatus_t s)
{
    return s == CUBLAS_STATUS_NOT_SUPPORTED ? "not supported by cuBLASLt on this GPU"
                                            : cublasLtGetStatusString(s);
}

static enum stc_ran lt_failed(struct stc_frame *f, cublasStatus_t s, const char *what)
{
    snprintf(f->why, sizeof f->why, "%s: %s", what, lt_text(s));
    if (s == CUBLAS_STATUS_NOT_SUPPORTED || s == CUBLAS_STATUS_INVALID_VALUE ||
        s == CUBLAS_STATUS_ARCH_MISMATCH) {
        return STC_RAN_SKIP;
    }
    return STC_RAN_FAIL;
}

#define LT(f, call)                                                  \
 do {                                                                \
  cublasStatus_t s_ = (call);                                        \
  if (s_ != CUBLAS_STATUS_SUCCESS) return lt_failed((f), s_, #call); \
 } while (0)

static cudaDataType_t cuda_type(enum stc_num num)
{
    switch (num) {
    case STC_NUM_BF16: return CUDA_R_16BF;
    case STC_NUM_F16: return CUDA_R_16F;
    case STC_NUM_E4M3: return CUDA_R_8F_E4M3;
    default: return CUDA_R_32F;
    }
}

/* ==== making ==== */

static enum stc_ran make_desc(struct stc_frame *f, struct stc_gemm *g)
{
    cublasComputeType_t compute = g->shape.num == STC_NUM_TF32
                                      ? CUBLAS_COMPUTE_32F_FAST_TF32
                                      : CUBLAS_COMPUTE_32F;
    cublasOperation_t ta = g->shape.op[0] == 'T' ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasOperation_t tb = g->shape.op[1] == 'T' ? CUBLAS_OP_T : CUBLAS_OP_N;
    LT(f, cublasLtMatmulDescCreate(&g->desc, compute, CUDA_R_32F));
    LT(f, cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_TRANSA, &ta,
                                         sizeof ta));
    LT(f, cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_TRANSB, &tb,
                                         sizeof tb));
    if (g->shape.num == STC_NUM_E4M3) {
        const void *one = g->one;
        int8_t fast = 1;
        LT(f, cublasLtMatmulDescSetAttribute(
                  g->desc, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &one, sizeof one));
        LT(f, cublasLtMatmulDescSetAttribute(
                  g->desc, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &one, sizeof one));
        LT(f, cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_FAST_ACCUM,
                                             &fast, sizeof fast));
    }
    return STC_RAN_OK;
}

static enum stc_ran make_layout(struct stc_frame *f, cublasLtMatrixLayout_t *layout,
                                enum stc_num num, int64_t rows, int64_t cols,
                                int64_t batch)
{
    int32_t count = (int32_t)batch;
    int64_t stride = rows * cols;
    LT(f, cublasLtMatrixLayoutCreate(layout, cuda_type(num), (uint64_t)rows,
                                     (uint64_t)cols, rows));
    LT(f, cublasLtMatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                           &count, sizeof count));
    LT(f, cublasLtMatrixLayoutSetAttribute(*layout,
                                           CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                           &stride, sizeof stride));
    return STC_RAN_OK;
}

static enum stc_ran make_layouts(struct stc_frame *f, struct stc_gemm *g)
{
    const struct stc_gemm_shape *s = &g->shape;
    int a_t = s->op[0] == 'T', b_t = s->op[1] == 'T';
    STC_TRY(make_layout(f, &g->a_layout, s->num, a_t ? s->k : s->n, a_t ? s->n : s->k,
                        s->batch));
    STC_TRY(make_layout(f, &g->b_layout, s->num, b_t ? s->m : s->k, b_t ? s->k : s->m,
                        s->batch));
    return make_layout(f, &g->d_layout, g->out, s->n, s->m, s->batch);
}

static enum stc_ran pick_algorithm(struct stc_frame *f, struct stc_gemm *g)
{
    cublasLtMatmulPreference_t wish = NULL;
    cublasLtMatmulHeuristicResult_t best;
    size_t workspace = STC_GEMM_WORKSPACE_BYTES;
    cublasStatus_t status;
    int n = 0;
    memset(&best, 0, sizeof best);
    LT(f, cublasLtMatmulPreferenceCreate(&wish));
    status = cublasLtMatmulPreferenceSetAttribute(
        wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace);
    if (status == CUBLAS_STATUS_SUCCESS) {
        status = cublasLtMatmulAlgoGetHeuristic((cublasLtHandle_t)f->lt, g->desc,
                                                g->a_layout, g->b_layout, g->d_layout,
                                                g->d_layout, wish, 1, &best, &n);
    }
    cublasLtMatmulPreferenceDestroy(wish);
    if (status == CUBLAS_STATUS_SUCCESS && n == 0) status = CUBLAS_STATUS_NOT_SUPPORTED;
    if (status != CUBLAS_STATUS_SUCCESS)
        return lt_failed(f, status, "choosing an algorithm");
    g->algo = best.algo;
    return STC_RAN_OK;
}

static enum stc_ran take_operands(struct stc_frame *f, struct stc_gemm *g, int n_sets)
{
    const struct stc_gemm_shape *s = &g->shape;
    size_t a = (size_t)(s->n * s->k * s->batch), b = (size_t)(s->m * s->k * s->batch);
    size_t d_bytes = (size_t)(s->m * s->n * s->batch) * (size_t)stc_num_bytes(g->out);
    size_t bytes = (size_t)stc_num_bytes(s->num);
    float one = 1;
    int i;
    g->workspace = stc_pool_take(f, STC_GEMM_WORKSPACE_BYTES);
    g->one = (float *)stc_pool_take(f, sizeof one);
    if (!g->workspace || !g->one) return STC_RAN_SKIP;
    STC_CUDA(f, cudaMemcpy(g->one, &one, sizeof one, cudaMemcpyHostToDevice));
    for (i = 0; i < n_sets; i++) {
        g->a[i] = stc_pool_take(f, a * bytes);
        g->b[i] = stc_pool_take(f, b * bytes);
        g->d[i] = stc_pool_take(f, d_bytes);
        if (!g->a[i] || !g->b[i] || !g->d[i]) {
            if (i == 0) return STC_RAN_SKIP;
            break; /* fewer sets will do */
        }
        if (stc_fill_random(f, g->a[i], s->num, a, STC_SEED_A + 100u * (unsigned)i) ||
            stc_fill_random(f, g->b[i], s->num, b, STC_SEED_B + 100u * (unsigned)i) ||
            stc_poison(f, g->d[i], d_bytes)) {
            return STC_RAN_FAIL;
        }
        g->n_sets = i + 1;
    }
    return STC_RAN_OK;
}

enum stc_ran stc_gemm_make(struct stc_frame *f, const struct stc_case *c,
                           struct stc_gemm *g)
{
    int n_sets = (int)c->d[STC_D_SETS];
    int64_t batch = c->d[STC_D_BATCH] > 0 ? c->d[STC_D_BATCH] : 1;
    memset(g, 0, sizeof *g);
    memcpy(g->shape.op, c->op[0] == 'T' || c->op[0] == 'N' ? c->op : "TN", 2);
    g->shape.num = c->num;
    g->shape.m = c->d[STC_D_M];
    g->shape.n = c->d[STC_D_N];
    g->shape.k = c->d[STC_D_K];
    g->shape.batch = batch;
    g->out = c->num == STC_NUM_E4M3 ? STC_NUM_BF16 : c->num;
    if (n_sets <= 0) n_sets = stc_sets_for(f, c->move_bytes > 0 ? c->move_bytes : 1e9);
    if (!f->lt) {
        cublasLtHandle_t handle;
        LT(f, cublasLtCreate(&handle));
        f->lt = handle;
    }
    STC_TRY(take_operands(f, g, n_sets));
    STC_TRY(make_desc(f, g));
    STC_TRY(make_layouts(f, g));
    return pick_algorithm(f, g);
}

void stc_gemm_free(struct stc_gemm *g)
{
    if (g->desc) cublasLtMatmulDescDestroy(g->desc);
    if (g->a_layout) cublasLtMatrixLayoutDestroy(g->a_layout);
    if (g->b_layout) cublasLtMatrixLayoutDestroy(g->b_layout);
    if (g->d_layout) cublasLtMatrixLayoutDestroy(g->d_layout);
}

/* ==== running ==== */

int stc_gemm_call(struct stc_frame *f, void *ctx, int i, cudaStream_t stream)
{
    struct stc_gemm *g = (struct stc_gemm *)ctx;
    int set = i % g->n_sets;
    float alpha = 1, beta = 0;
    cublasStatus_t s = cublasLtMatmul(
        (cublasLtHandle_t)f->lt, g->desc, &alpha, g->a[set], g->a_layout, g->b[set],
        g->b_layout, &beta, g->d[set], g->d_layout, g->d[set], g->d_layout, &g->algo,
        g->workspace, STC_GEMM_WORKSPACE_BYTES, stream);
    if (s == CUBLAS_STATUS_SUCCESS) return 0;
    lt_failed(f, s, "cublasLtMatmul");
    return -1;
}

static enum stc_ran compare_one(struct stc_frame *f, const struct stc_gemm *g,
                                int64_t batch, int64_t i, int64_t j, double *worst)
{
    const struct stc_gemm_shape *s = &g->shape;
    size_t bytes = (size_t)stc_num_bytes(g->out);
    size_t at = (size_t)stc_gemm_d_index(s, batch, i, j);
    char raw[8];
    double err;
    STC_CUDA(f, cudaMemcpy(raw, (const char *)g->d[0] + at * bytes, bytes,
                           cudaMemcpyDeviceToHost));
    err = stc_gemm_error(s, stc_gemm_ref(s, batch, i, j),
                         (double)stc_num_get(g->out, raw, 0));
    if (err > *worst) *worst = err;
    return STC_RAN_OK;
}

enum stc_ran stc_gemm_check(struct stc_frame *f, struct stc_gemm *g, double *rel_err)
{
    const struct stc_gemm_shape *s = &g->shape;
    uint64_t q;
    long nan;
    *rel_err = 0;
    if (stc_gemm_call(f, g, 0, f->stream)) return STC_RAN_FAIL;
    nan = stc_count_nan(f, g->d[0], g->out, (size_t)(s->m * s->n * s->batch));
    if (nan < 0) return STC_RAN_FAIL;
    if (nan > 0) {
        snprintf(f->why, sizeof f->why, "%ld elements of the result were not written",
                 nan);
        return STC_RAN_WRONG;
    }
    /* Both corners of the first and last matrix, then elements drawn anywhere. */
    STC_TRY(compare_one(f, g, 0, 0, 0, rel_err));
    STC_TRY(compare_one(f, g, s->batch - 1, s->m - 1, s->n - 1, rel_err));
    for (q = 0; q < 14; q++) {
        STC_TRY(compare_one(f, g, stc_rand_index(3, 3 * q, (int32_t)s->batch),
                            stc_rand_index(3, 3 * q + 1, (int32_t)s->m),
                            stc_rand_index(3, 3 * q + 2, (int32_t)s->n), rel_err));
    }
    if (*rel_err > stc_gemm_tolerance(s->num)) {
        snprintf(f->why, sizeof f->why,
                 "differs from the reference by %.3g, allowed %.3g", *rel_err,
                 stc_gemm_tolerance(s->num));
        return STC_RAN_WRONG;
    }
    return STC_RAN_OK;
}

/* ==== the suites ==== */

static enum stc_ran put_row(struct stc_frame *f, const struct stc_case *c,
                            const struct stc_gemm *g, const char *mode,
                            const struct stc_timing *t)
{
    struct stc_row row;
    const char *pass = strchr(c->op, ' ');
    stc_row_start(&row);
    stc_row_text(&row, f->gpu);
    stc_row_text(&row, stc_num_name(c->num));
    stc_row_int(&row, g->shape.m);
    stc_row_int(&row, g->shape.n);
    stc_row_int(&row, g->shape.k);
    stc_row_num(&row, t->us.median);
    stc_row_text(&row, g->shape.op);
    stc_row_text(&row, pass ? pass + 1 : "");
    stc_row_int(&row, g->shape.batch);
    stc_row_text(&row, stc_num_name(g->out));
    stc_row_text(&row, mode);
    stc_row_int(&row, g->n_sets);
    stc_row_num(&row, c->flop / t->us.median * 1e-6);
    stc_row_tail(f, &row, t);
    return stc_put(f, &row);
}

static enum stc_ran run_with(struct stc_frame *f, const struct stc_case *c,
                             struct stc_gemm *g, const char *mode, double heat_s)
{
    struct stc_timing t;
    double err = NAN;
    STC_TRY(stc_gemm_make(f, c, g));
    STC_TRY(stc_gemm_check(f, g, &err));
    STC_TRY(stc_time(f, c, stc_gemm_call, g, 1, heat_s, &t));
    t.rel_err = err;
    return put_row(f, c, g, mode, &t);
}

enum stc_ran stc_run_gemm(struct stc_frame *f, const struct stc_case *c)
{
    struct stc_gemm g;
    enum stc_ran ran = run_with(f, c, &g, "burst", 0);
    stc_gemm_free(&g);
    return ran;
}

enum stc_ran stc_run_gemm_steady(struct stc_frame *f, const struct stc_case *c)
{
    struct stc_gemm g;
    /* A card that was under load a moment ago needs little to be warm again. */
    double idle_s = f->last_hot_s > 0 ? stc_wall_s() - f->last_hot_s : 1e9;
    enum stc_ran ran = run_with(f, c, &g, "steady", idle_s < 3 ? 1 : 6);
    f->last_hot_s = stc_wall_s();
    stc_gemm_free(&g);
    return ran;
}

enum stc_ran stc_run_clocks(struct stc_frame *f, const struct stc_case *c)
{
    enum { most = 200, calls = 64 };
    struct stc_gemm g;
    double us[most], at_s[most], start, err = NAN;
    struct stc_gpu_state state[most];
    enum stc_ran ran = stc_gemm_make(f, c, &g);
    int i, n = 0;
    if (ran == STC_RAN_OK) ran = stc_gemm_check(f, &g, &err);
    start = stc_wall_s();
    while (ran == STC_RAN_OK && n < most && stc_wall_s() - start < c->budget_s) {
        double before = stc_wall_s();
        for (i = 0; i < calls && ran == STC_RAN_OK; i++) {
            if (stc_gemm_call(f, &g, i, f->stream)) ran = STC_RAN_FAIL;
        }
        state[n] = stc_nvml_read(&f->nvml); /* the calls are still running */
        if (cudaStreamSynchronize(f->stream) != cudaSuccess) {
            ran = stc_cuda_failed(f, cudaGetLastError(), "running the product");
        }
        at_s[n] = stc_wall_s() - start;
        us[n++] = (stc_wall_s() - before) * 1e6 / calls;
    }
    stc_gemm_free(&g);
    for (i = 0; ran == STC_RAN_OK && i < n; i++) {
        struct stc_row row;
        double one = us[i];
        struct stc_timing t;
        stc_timing_from(f, &one, 1, calls, &t);
        t.state = state[i];
        t.rel_err = err;
        stc_row_start(&row);
        stc_row_text(&row, f->gpu);
        stc_row_text(&row, stc_num_name(c->num));
        stc_row_int(&row, c->d[STC_D_M]);
        stc_row_int(&row, c->d[STC_D_N]);
        stc_row_int(&row, c->d[STC_D_K]);
        stc_row_num(&row, at_s[i]);
        stc_row_num(&row, us[i]);
        stc_row_num(&row, c->flop / us[i] * 1e-6);
        stc_row_tail(f, &row, &t);
        ran = stc_put(f, &row);
    }
    return ran;
}
