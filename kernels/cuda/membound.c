#include "membound.h"

#include <math.h>
#include <string.h>

/* ==== references; b[] in the order of the op's row below ==== */

static void ref_layer_norm_fwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (r = 0; r < rows; r++) {
        const double *x = b[0] + r * cols;
        double mean = 0, var = 0;
        for (c = 0; c < cols; c++)
            mean += x[c];
        mean /= (double)cols;
        for (c = 0; c < cols; c++)
            var += (x[c] - mean) * (x[c] - mean);
        b[4][r] = mean;
        b[5][r] = 1 / sqrt(var / (double)cols + (double)STC_NORM_EPS);
        for (c = 0; c < cols; c++) {
            b[3][r * cols + c] = (x[c] - mean) * b[5][r] * b[1][c] + b[2][c];
        }
    }
}

/* With xh = (x - mean) rstd and g = dy gamma:
 * dx = rstd (g - average(g) - xh average(g xh)). */
static void ref_layer_norm_bwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (c = 0; c < cols; c++)
        b[6][c] = b[6][cols + c] = 0;
    for (r = 0; r < rows; r++) {
        const double *x = b[0] + r * cols, *dy = b[2] + r * cols;
        double mean = b[3][r], rstd = b[4][r], avg_g = 0, avg_gx = 0;
        for (c = 0; c < cols; c++) {
            double xh = (x[c] - mean) * rstd;
            avg_g += dy[c] * b[1][c] / (double)cols;
            avg_gx += dy[c] * b[1][c] * xh / (double)cols;
            b[6][c] += dy[c] * xh;
            b[6][cols + c] += dy[c];
        }
        for (c = 0; c < cols; c++) {
            double xh = (x[c] - mean) * rstd;
            b[5][r * cols + c] = rstd * (dy[c] * b[1][c] - avg_g - xh * avg_gx);
        }
    }
}

static void ref_rms_norm_fwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (r = 0; r < rows; r++) {
        const double *x = b[0] + r * cols;
        double sum = 0;
        for (c = 0; c < cols; c++)
            sum += x[c] * x[c];
        b[3][r] = 1 / sqrt(sum / (double)cols + (double)STC_NORM_EPS);
        for (c = 0; c < cols; c++)
            b[2][r * cols + c] = x[c] * b[3][r] * b[1][c];
    }
}

static void ref_rms_norm_bwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (c = 0; c < cols; c++)
        b[5][c] = 0;
    for (r = 0; r < rows; r++) {
        const double *x = b[0] + r * cols, *dy = b[2] + r * cols;
        double rstd = b[3][r], avg_gx = 0;
        for (c = 0; c < cols; c++) {
            avg_gx += dy[c] * b[1][c] * x[c] * rstd / (double)cols;
            b[5][c] += dy[c] * x[c] * rstd;
        }
        for (c = 0; c < cols; c++) {
            b[4][r * cols + c] = rstd * (dy[c] * b[1][c] - x[c] * rstd * avg_gx);
        }
    }
}

static const double gelu_a = 0.7978845608028654; /* sqrt(2 / pi) */
static const double gelu_b = 0.044715;

static void ref_gelu_fwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t i;
    for (i = 0; i < rows * cols; i++) {
        double x = b[0][i];
        b[1][i] = 0.5 * x * (1 + tanh(gelu_a * (x + gelu_b * x * x * x)));
    }
}

static void ref_gelu_bwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t i;
    for (i = 0; i < rows * cols; i++) {
        double x = b[0][i], t = tanh(gelu_a * (x + gelu_b * x * x * x));
        double slope =
            0.5 * (1 + t) + 0.5 * x * (1 - t * t) * gelu_a * (1 + 3 * gelu_b * x * x);
        b[2][i] = b[1][i] * slope;
    }
}

static void ref_swiglu_fwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (r = 0; r < rows; r++) {
        for (c = 0; c < cols; c++) {
            double a = b[0][2 * r * cols + c], u = b[0][(2 * r + 1) * cols + c];
            b[1][r * cols + c] = a / (1 + exp(-a)) * u;
        }
    }
}

static void ref_swiglu_bwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (r = 0; r < rows; r++) {
        for (c = 0; c < cols; c++) {
            double a = b[0][2 * r * cols + c], u = b[0][(2 * r + 1) * cols + c];
            double dy = b[1][r * cols + c], s = 1 / (1 + exp(-a));
            b[2][2 * r * cols + c] = dy * u * s * (1 + a * (1 - s));
            b[2][(2 * r + 1) * cols + c] = dy * a * s;
        }
    }
}

static void ref_dropout_add_fwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t i;
    for (i = 0; i < rows * cols; i++) {
        b[3][i] = stc_dropout_keep((uint64_t)i);
        b[2][i] = b[1][i] + b[0][i] * b[3][i] / (1 - (double)STC_DROPOUT_P);
    }
}

static void ref_dropout_add_bwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t i;
    for (i = 0; i < rows * cols; i++) {
        b[2][i] = b[0][i] * b[1][i] / (1 - (double)STC_DROPOUT_P);
    }
}

static void softmax_row(int64_t cols, const double *x, double *y)
{
    double most = x[0], sum = 0;
    int64_t c;
    for (c = 1; c < cols; c++)
        most = x[c] > most ? x[c] : most;
    for (c = 0; c < cols; c++)
        sum += y[c] = exp(x[c] - most);
    for (c = 0; c < cols; c++)
        y[c] /= sum;
}

static void ref_softmax_fwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r;
    for (r = 0; r < rows; r++)
        softmax_row(cols, b[0] + r * cols, b[1] + r * cols);
}

static void ref_softmax_bwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (r = 0; r < rows; r++) {
        const double *y = b[0] + r * cols, *dy = b[1] + r * cols;
        double dot = 0;
        for (c = 0; c < cols; c++)
            dot += y[c] * dy[c];
        for (c = 0; c < cols; c++)
            b[2][r * cols + c] = y[c] * (dy[c] - dot);
    }
}

static void ref_rotary(int64_t rows, int64_t cols, double *const b[])
{
    enum { half = STC_MB_HALF_HEAD };
    int64_t r, h, i;
    for (r = 0; r < rows; r++) {
        for (h = 0; h < cols; h += 2 * half) {
            for (i = 0; i < half; i++) {
                double cs = b[1][r * half + i], sn = b[2][r * half + i];
                double lo = b[0][r * cols + h + i], hi = b[0][r * cols + h + half + i];
                b[3][r * cols + h + i] = lo * cs - hi * sn;
                b[3][r * cols + h + half + i] = hi * cs + lo * sn;
            }
        }
    }
}

/* Loss and the gradient of its mean over the rows. */
static void ref_cross_entropy(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (r = 0; r < rows; r++) {
        double *p = b[3] + r * cols;
        int64_t target = (int64_t)b[1][r];
        softmax_row(cols, b[0] + r * cols, p);
        b[2][r] = -log(p[target]);
        p[target] -= 1;
        for (c = 0; c < cols; c++)
            p[c] /= (double)rows;
    }
}

static void ref_embedding_fwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (r = 0; r < rows; r++) {
        for (c = 0; c < cols; c++)
            b[2][r * cols + c] = b[1][(int64_t)b[0][r] * cols + c];
    }
}

static void ref_embedding_bwd(int64_t rows, int64_t cols, double *const b[])
{
    int64_t r, c;
    for (r = 0; r < rows; r++) {
        for (c = 0; c < cols; c++)
            b[2][(int64_t)b[0][r] * cols + c] += b[1][r * cols + c];
    }
}

/* b: parameter, first moment, second moment, gradient, [copy of the parameter] */
static void adam(int64_t n, double *const b[])
{
    int64_t i;
    double beta1 = (double)STC_ADAM_BETA1, beta2 = (double)STC_ADAM_BETA2;
    double lr = (double)STC_ADAM_LR;
    for (i = 0; i < n; i++) {
        double g = b[3][i];
        b[1][i] = beta1 * b[1][i] + (1 - beta1) * g;
        b[2][i] = beta2 * b[2][i] + (1 - beta2) * g * g;
        b[0][i] = b[0][i] * (1 - lr * (double)STC_ADAM_DECAY) -
                  lr * (b[1][i] / (double)STC_ADAM_CORR1) /
                      (sqrt(b[2][i] / (double)STC_ADAM_CORR2) + (double)STC_ADAM_EPS);
    }
}

static void ref_adam(int64_t rows, int64_t cols, double *const b[])
{
    adam(rows * cols, b);
}

static void ref_adam_copy(int64_t rows, int64_t cols, double *const b[])
{
    adam(rows * cols, b);
    memcpy(b[4], b[0], (size_t)(rows * cols) * sizeof(double));
}

static void ref_grad_norm(int64_t rows, int64_t cols, double *const b[])
{
    int64_t i;
    b[1][0] = 0;
    for (i = 0; i < rows * cols; i++)
        b[1][0] += b[0][i] * b[0][i];
}

static void ref_copy(int64_t rows, int64_t cols, double *const b[])
{
    memcpy(b[1], b[0], (size_t)(rows * cols) * sizeof(double));
}

static void ref_add(int64_t rows, int64_t cols, double *const b[])
{
    int64_t i;
    for (i = 0; i < rows * cols; i++)
        b[2][i] = b[0][i] + b[1][i];
}

static void ref_fill(int64_t rows, int64_t cols, double *const b[])
{
    int64_t i;
    for (i = 0; i < rows * cols; i++)
        b[0][i] = 1.5;
}

/* ==== the table ==== */

#define CASE STC_NUM_COUNT
#define IN(ext, num, fill)                    \
 {                                            \
  STC_MB_##ext, STC_MB_IN, num, STC_MB_##fill \
 }
#define OUT(ext, num)                          \
 {                                             \
  STC_MB_##ext, STC_MB_OUT, num, STC_MB_NORMAL \
 }
#define UPD(ext, num, fill)                      \
 {                                               \
  STC_MB_##ext, STC_MB_INOUT, num, STC_MB_##fill \
 }
#define F32  STC_NUM_F32
#define BF16 STC_NUM_BF16
#define I32  STC_NUM_I32
#define END                                  \
 {                                           \
  STC_MB_NONE, STC_MB_IN, F32, STC_MB_NORMAL \
 }

const struct stc_mb_op stc_mb_ops[] = {
    {"layer_norm fwd",
     1,
     0,
     16384,
     {IN(RC, CASE, NORMAL), IN(C, CASE, ONEISH), IN(C, CASE, NORMAL), OUT(RC, CASE),
      OUT(R, F32), OUT(R, F32), END},
     ref_layer_norm_fwd},
    /* The last buffer holds the gradients of gain and of shift, one after the other. */
    {"layer_norm bwd",
     1,
     0,
     16384,
     {IN(RC, CASE, NORMAL), IN(C, CASE, ONEISH), IN(RC, CASE, NORMAL),
      IN(R, F32, NORMAL), IN(R, F32, ONEISH), OUT(RC, CASE), OUT(C2, F32)},
     ref_layer_norm_bwd},
    {"rms_norm fwd",
     1,
     0,
     16384,
     {IN(RC, CASE, NORMAL), IN(C, CASE, ONEISH), OUT(RC, CASE), OUT(R, F32), END},
     ref_rms_norm_fwd},
    {"rms_norm bwd",
     1,
     0,
     16384,
     {IN(RC, CASE, NORMAL), IN(C, CASE, ONEISH), IN(RC, CASE, NORMAL),
      IN(R, F32, ONEISH), OUT(RC, CASE), OUT(C, F32), END},
     ref_rms_norm_bwd},
    {"gelu fwd", 1, 0, 16384, {IN(RC, CASE, NORMAL), OUT(RC, CASE), END}, ref_gelu_fwd},
    {"gelu bwd",
     0,
     0,
     16384,
     {IN(RC, CASE, NORMAL), IN(RC, CASE, NORMAL), OUT(RC, CASE), END},
     ref_gelu_bwd},
    {"swiglu fwd",
     0,
     0,
     16384,
     {IN(RC2, CASE, NORMAL), OUT(RC, CASE), END},
     ref_swiglu_fwd},
    {"swiglu bwd",
     0,
     0,
     16384,
     {IN(RC2, CASE, NORMAL), IN(RC, CASE, NORMAL), OUT(RC2, CASE), END},
     ref_swiglu_bwd},
    {"dropout_add fwd",
     0,
     0,
     16384,
     {IN(RC, CASE, NORMAL), IN(RC, CASE, NORMAL), OUT(RC, CASE), OUT(RC, STC_NUM_U8),
      END},
     ref_dropout_add_fwd},
    {"dropout_add bwd",
     0,
     0,
     16384,
     {IN(RC, CASE, NORMAL), IN(RC, STC_NUM_U8, MASK), OUT(RC, CASE), END},
     ref_dropout_add_bwd},
    {"softmax fwd",
     1,
     1024,
     16384,
     {IN(RC, CASE, NORMAL), OUT(RC, CASE), END},
     ref_softmax_fwd},
    {"softmax bwd",
     0,
     1024,
     16384,
     {IN(RC, CASE, NORMAL), IN(RC, CASE, NORMAL), OUT(RC, CASE), END},
     ref_softmax_bwd},
    {"rotary",
     0,
     0,
     8192,
     {IN(RC, CASE, NORMAL), IN(RH, F32, NORMAL), IN(RH, F32, NORMAL), OUT(RC, CASE),
      END},
     ref_rotary},
    {"cross_entropy",
     1,
     32768,
     0,
     {IN(RC, CASE, NORMAL), IN(R, I32, CLASS), OUT(R, F32), OUT(RC, CASE), END},
     ref_cross_entropy},
    {"embedding fwd",
     0,
     0,
     8192,
     {IN(R, I32, TOKEN), IN(VC, CASE, NORMAL), OUT(RC, CASE), END},
     ref_embedding_fwd},
    {"embedding bwd",
     0,
     0,
     8192,
     {IN(R, I32, TOKEN), IN(RC, CASE, NORMAL), UPD(VC, F32, NORMAL), END},
     ref_embedding_bwd},
    {"adam fp32",
     0,
     0,
     16384,
     {UPD(RC, F32, NORMAL), UPD(RC, F32, NORMAL), UPD(RC, F32, POSITIVE),
      IN(RC, F32, NORMAL), END},
     ref_adam},
    {"adam fp32 copy",
     0,
     0,
     16384,
     {UPD(RC, F32, NORMAL), UPD(RC, F32, NORMAL), UPD(RC, F32, POSITIVE),
      IN(RC, F32, NORMAL), OUT(RC, BF16), END},
     ref_adam_copy},
    {"adam bf16",
     0,
     0,
     16384,
     {UPD(RC, BF16, NORMAL), UPD(RC, BF16, NORMAL), UPD(RC, BF16, POSITIVE),
      IN(RC, BF16, NORMAL), END},
     ref_adam},
    {"grad_norm",
     1,
     0,
     16384,
     {IN(RC, CASE, NORMAL), OUT(ONE, F32), END},
     ref_grad_norm},
    {"cast fp32 bf16",
     0,
     0,
     16384,
     {IN(RC, F32, NORMAL), OUT(RC, BF16), END},
     ref_copy},
    {"cast bf16 fp32",
     0,
     0,
     16384,
     {IN(RC, BF16, NORMAL), OUT(RC, F32), END},
     ref_copy},
    {"cast bf16 fp8",
     0,
     0,
     16384,
     {IN(RC, BF16, NORMAL), OUT(RC, STC_NUM_E4M3), END},
     ref_copy},
    {"copy", 1, 0, 16384, {IN(RC, CASE, NORMAL), OUT(RC, CASE), END}, ref_copy},
    {"add",
     1,
     0,
     16384,
     {IN(RC, CASE, NORMAL), IN(RC, CASE, NORMAL), OUT(RC, CASE), END},
     ref_add},
    {"fill", 1, 0, 16384, {OUT(RC, CASE), END}, ref_fill},
};
const int stc_mb_n_ops = (int)(sizeof stc_mb_ops / sizeof stc_mb_ops[0]);

const struct stc_mb_op *stc_mb_find(const char *name)
{
    int i;
    for (i = 0; i < stc_mb_n_ops; i++) {
        if (strcmp(stc_mb_ops[i].name, name) == 0) return &stc_mb_ops[i];
    }
    return NULL;
}

/* ==== sizes ==== */

int64_t stc_mb_vocab(int64_t rows)
{
    return rows <= STC_MB_CHECK_ROWS ? 64 : 32768;
}

int64_t stc_mb_elements(enum stc_mb_ext ext, int64_t rows, int64_t cols)
{
    switch (ext) {
    case STC_MB_RC: return rows * cols;
    case STC_MB_RC2: return 2 * rows * cols;
    case STC_MB_C: return cols;
    case STC_MB_C2: return 2 * cols;
    case STC_MB_R: return rows;
    case STC_MB_RH: return rows * STC_MB_HALF_HEAD;
    case STC_MB_VC: return stc_mb_vocab(rows) * cols;
    case STC_MB_ONE: return 1;
    case STC_MB_NONE: break;
    }
    return 0;
}

double stc_mb_bytes(const struct stc_mb_op *op, enum stc_num num, int64_t rows,
                    int64_t cols)
{
    double sum = 0;
    int i;
    for (i = 0; i < STC_MB_BUFS && op->buf[i].ext != STC_MB_NONE; i++) {
        const struct stc_mb_buf *b = &op->buf[i];
        enum stc_mb_ext ext = b->ext == STC_MB_VC ? STC_MB_RC : b->ext;
        int64_t n = stc_mb_elements(ext, rows, cols);
        int bytes = stc_num_bytes(b->num == CASE ? num : b->num);
        sum += (double)n * bytes * (b->dir == STC_MB_INOUT ? 2 : 1);
    }
    return sum;
}

/* ==== comparing ==== */

double stc_mb_tolerance(enum stc_num out)
{
    switch (out) {
    case STC_NUM_BF16: return 1e-2; /* half a unit in the last place is 2^-9 */
    case STC_NUM_F16: return 2e-3;
    case STC_NUM_E4M3: return 7e-2; /* 2^-4 */
    case STC_NUM_F32:
    case STC_NUM_TF32: return 2e-4; /* sums of many terms in fp32, fast exp */
    default: return 0;
    }
}

double stc_mb_error(const double *ref, const double *got, int64_t n)
{
    double sum = 0, rms, worst = 0;
    int64_t i;
    for (i = 0; i < n; i++)
        sum += ref[i] * ref[i];
    rms = sqrt(sum / (double)(n > 0 ? n : 1));
    for (i = 0; i < n; i++) {
        double diff = fabs(got[i] - ref[i]);
        if (!(diff <= 1e300)) return INFINITY;
        if (diff > 0) diff /= fabs(ref[i]) + rms;
        if (diff > worst) worst = diff;
    }
    return worst;
}
