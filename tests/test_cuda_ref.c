/*
 * test_cuda_ref.c - the references that stepcast-bench trusts: products,
 * memory-bound operations and collectives, against textbook forms, laws and
 * difference quotients.
 */
#include "tests/testing.h"

#include "kernels/cuda/membound.c"

#include "kernels/cuda/gemm_ref.c"

#include "kernels/cuda/coll_ref.c"

/* ==== products ==== */

/* The whole product from matrices laid out as cuBLAS would be given them. */
static void check_product(const char *op, int64_t batch_at)
{
    struct stc_gemm_shape s = {{0}, STC_NUM_BF16, 5, 7, 11, 3};
    float a[3 * 7 * 11], b[3 * 5 * 11];
    memcpy(s.op, op, 3);
    for (uint64_t i = 0; i < 3 * 7 * 11; i++) {
        a[i] = stc_num_round(s.num, stc_rand_normal(STC_SEED_A, i));
    }
    for (uint64_t i = 0; i < 3 * 5 * 11; i++) {
        b[i] = stc_num_round(s.num, stc_rand_normal(STC_SEED_B, i));
    }
    for (int64_t i = 0; i < s.m; i++) {
        for (int64_t j = 0; j < s.n; j++) {
            const float *pa = a + batch_at * 77, *pb = b + batch_at * 55;
            double sum = 0;
            for (int64_t l = 0; l < s.k; l++) {
                float x = op[0] == 'T' ? pa[j * 11 + l] : pa[l * 7 + j];
                float y = op[1] == 'N' ? pb[i * 11 + l] : pb[l * 5 + i];
                sum += (double)x * (double)y;
            }
            stc_assert_near(stc_gemm_ref(&s, batch_at, i, j), sum, 1e-12);
        }
    }
}

START_TEST(products_of_every_transposition)
{
    check_product("TN", 0);
    check_product("NN", 1);
    check_product("NT", 2);
}
END_TEST

START_TEST(every_result_element_has_its_own_place)
{
    struct stc_gemm_shape s = {"TN", STC_NUM_BF16, 5, 7, 11, 3};
    int seen[3 * 5 * 7] = {0};
    for (int64_t b = 0; b < 3; b++) {
        for (int64_t i = 0; i < 5; i++) {
            for (int64_t j = 0; j < 7; j++)
                seen[stc_gemm_d_index(&s, b, i, j)]++;
        }
    }
    for (int i = 0; i < 105; i++)
        ck_assert_int_eq(seen[i], 1);
}
END_TEST

START_TEST(errors_know_nan_and_scale)
{
    struct stc_gemm_shape s = {"TN", STC_NUM_BF16, 1, 1, 100, 1};
    ck_assert(isinf(stc_gemm_error(&s, 1.0, (double)NAN)));
    stc_assert_near(stc_gemm_error(&s, 10.0, 12.0), 0.1, 1e-12);
    for (int d = 0; d < STC_NUM_COUNT; d++) {
        ck_assert_double_lt(stc_gemm_tolerance((enum stc_num)d), 0.05);
    }
    double ref[2] = {1, -1}, bad[2] = {1, (double)NAN};
    ck_assert(isinf(stc_mb_error(ref, bad, 2)));
    ck_assert_double_eq(stc_mb_error(ref, ref, 2), 0);
}
END_TEST

/* ==== memory-bound operations ==== */

enum { R = 3, C = 64 };

/* All buffers of an operation, filled as the bench fills them. */
struct rig {
    const struct stc_mb_op *op;
    double *b[STC_MB_BUFS];
    int64_t n[STC_MB_BUFS];
    int n_bufs;
};

static struct rig rig_of(const char *name)
{
    struct rig r = {stc_mb_find(name), {NULL}, {0}, 0};
    ck_assert_ptr_nonnull(r.op);
    for (int i = 0; i < STC_MB_BUFS && r.op->buf[i].ext != STC_MB_NONE; i++) {
        const struct stc_mb_buf *b = &r.op->buf[i];
        int32_t limit = b->fill == STC_MB_TOKEN ? (int32_t)stc_mb_vocab(R) : C;
        r.n[i] = stc_mb_elements(b->ext, R, C);
        r.b[i] = malloc((size_t)r.n[i] * sizeof(double));
        for (int64_t k = 0; k < r.n[i]; k++) {
            float x = stc_mb_value(b->fill, (uint64_t)i, (uint64_t)k, limit);
            r.b[i][k] = b->dir == STC_MB_OUT ? (double)NAN : (double)x;
        }
        r.n_bufs = i + 1;
    }
    return r;
}

static void run_rig(struct rig *r)
{
    r->op->ref(R, C, r->b);
}

static void drop_rig(struct rig *r)
{
    for (int i = 0; i < r->n_bufs; i++)
        free(r->b[i]);
}

START_TEST(every_reference_writes_every_output)
{
    struct rig r = rig_of(stc_mb_ops[_i].name);
    ck_assert_double_gt(stc_mb_bytes(r.op, STC_NUM_BF16, R, C), 0);
    run_rig(&r);
    for (int i = 0; i < r.n_bufs; i++) {
        for (int64_t k = 0; k < r.n[i]; k++) {
            ck_assert_msg(isfinite(r.b[i][k]), "%s: buffer %d, element %lld",
                          r.op->name, i, (long long)k);
        }
    }
    drop_rig(&r);
}
END_TEST

/* d/dx of sum(dy · f(x)) by central differences against the backward reference. */
static void check_slope(const char *fwd, const char *bwd, int x_in, int y_out,
                        int dy_in, int dx_out)
{
    struct rig f = rig_of(fwd), g = rig_of(bwd);
    const double h = 1e-5;
    memcpy(g.b[x_in], f.b[x_in], (size_t)f.n[x_in] * sizeof(double));
    if (g.n_bufs > 5) { /* layer_norm: statistics come from the forward pass */
        run_rig(&f);
        memcpy(g.b[1], f.b[1], C * sizeof(double));
        memcpy(g.b[3], f.b[4], R * sizeof(double));
        memcpy(g.b[4], f.b[5], R * sizeof(double));
    }
    run_rig(&g);
    for (int64_t k = 0; k < f.n[x_in]; k += 7) {
        double at = f.b[x_in][k], up = 0, down = 0;
        f.b[x_in][k] = at + h;
        run_rig(&f);
        for (int64_t i = 0; i < f.n[y_out]; i++)
            up += f.b[y_out][i] * g.b[dy_in][i];
        f.b[x_in][k] = at - h;
        run_rig(&f);
        for (int64_t i = 0; i < f.n[y_out]; i++)
            down += f.b[y_out][i] * g.b[dy_in][i];
        f.b[x_in][k] = at;
        ck_assert_msg(fabs((up - down) / (2 * h) - g.b[dx_out][k]) < 1e-6,
                      "%s, element %lld: %g by differences, %g", bwd, (long long)k,
                      (up - down) / (2 * h), g.b[dx_out][k]);
    }
    drop_rig(&f);
    drop_rig(&g);
}

START_TEST(backward_references_are_the_slopes_of_the_forward_ones)
{
    check_slope("layer_norm fwd", "layer_norm bwd", 0, 3, 2, 5);
    check_slope("gelu fwd", "gelu bwd", 0, 1, 1, 2);
    check_slope("swiglu fwd", "swiglu bwd", 0, 1, 1, 2);
}
END_TEST

/* rms_norm's rstd is an input of its backward, softmax's y too. */
START_TEST(rms_norm_and_softmax_backward)
{
    struct rig f = rig_of("rms_norm fwd"), g = rig_of("rms_norm bwd");
    struct rig sf = rig_of("softmax fwd"), sg = rig_of("softmax bwd");
    const double h = 1e-5;
    run_rig(&f);
    memcpy(g.b[0], f.b[0], (size_t)f.n[0] * sizeof(double));
    memcpy(g.b[1], f.b[1], C * sizeof(double));
    memcpy(g.b[3], f.b[3], R * sizeof(double));
    run_rig(&g);
    run_rig(&sf);
    memcpy(sg.b[0], sf.b[1], (size_t)sf.n[1] * sizeof(double));
    run_rig(&sg);
    for (int64_t k = 0; k < R * C; k += 5) {
        double at = f.b[0][k], sat = sf.b[0][k], d = 0, sd = 0;
        for (int sign = -1; sign <= 1; sign += 2) {
            f.b[0][k] = at + sign * h;
            sf.b[0][k] = sat + sign * h;
            run_rig(&f);
            run_rig(&sf);
            for (int64_t i = 0; i < R * C; i++) {
                d += sign * f.b[2][i] * g.b[2][i] / (2 * h);
                sd += sign * sf.b[1][i] * sg.b[1][i] / (2 * h);
            }
        }
        f.b[0][k] = at;
        sf.b[0][k] = sat;
        ck_assert_double_lt(fabs(d - g.b[4][k]), 1e-6);
        ck_assert_double_lt(fabs(sd - sg.b[2][k]), 1e-6);
    }
    drop_rig(&f);
    drop_rig(&g);
    drop_rig(&sf);
    drop_rig(&sg);
}
END_TEST

/* The gradients of gain and shift: sums over rows, by differences again. */
START_TEST(norm_gains_have_the_right_gradient)
{
    struct rig f = rig_of("layer_norm fwd"), g = rig_of("layer_norm bwd");
    run_rig(&f);
    memcpy(g.b[3], f.b[4], R * sizeof(double));
    memcpy(g.b[4], f.b[5], R * sizeof(double));
    run_rig(&g);
    for (int which = 0; which < 2; which++) {
        for (int64_t c = 0; c < C; c += 9) {
            double slope = 0; /* y is linear in both, so any step is exact */
            for (int sign = -1; sign <= 1; sign += 2) {
                f.b[1 + which][c] += sign * (sign > 0 ? 1.0 : 0.5);
                run_rig(&f);
                for (int64_t i = 0; i < R * C; i++)
                    slope += sign * f.b[3][i] * g.b[2][i];
            }
            f.b[1 + which][c] -= 0.5;
            stc_assert_near(slope, g.b[6][which * C + c], 1e-9);
        }
    }
    drop_rig(&f);
    drop_rig(&g);
}
END_TEST

START_TEST(dropout_keeps_nine_in_ten_and_scales)
{
    struct rig f = rig_of("dropout_add fwd");
    double kept = 0;
    for (uint64_t i = 0; i < 100000; i++)
        kept += stc_dropout_keep(i);
    stc_assert_near(kept / 100000, 0.9, 5e-3);
    run_rig(&f);
    for (int64_t i = 0; i < R * C; i++) {
        double want =
            f.b[1][i] + (f.b[3][i] > 0 ? f.b[0][i] / (1 - (double)STC_DROPOUT_P) : 0);
        stc_assert_near(f.b[2][i], want, 1e-12);
    }
    drop_rig(&f);
}
END_TEST

START_TEST(cross_entropy_is_a_loss_and_its_slope)
{
    struct rig f = rig_of("cross_entropy");
    double loss[R], grad[R * C], sum;
    const double h = 1e-5;
    run_rig(&f);
    memcpy(loss, f.b[2], sizeof loss);
    memcpy(grad, f.b[3], sizeof grad);
    for (int r = 0; r < R; r++) {
        ck_assert_double_gt(loss[r], 0);
        sum = 0;
        for (int c = 0; c < C; c++)
            sum += grad[r * C + c];
        ck_assert_double_lt(fabs(sum), 1e-12); /* adding a constant changes nothing */
    }
    for (int64_t k = 0; k < R * C; k += 11) {
        f.b[0][k] += h;
        run_rig(&f);
        sum = f.b[2][0] + f.b[2][1] + f.b[2][2] - loss[0] - loss[1] - loss[2];
        ck_assert_double_lt(fabs(sum / h / R - grad[k]), 1e-5);
        f.b[0][k] -= h;
    }
    drop_rig(&f);
}
END_TEST

/* A rotation: lengths of pairs stay where cos² + sin² = 1, and turning back
 * gives what was there. */
START_TEST(rotary_turns)
{
    struct rig f = rig_of("rotary");
    double first[R * C];
    memcpy(first, f.b[0], sizeof first);
    for (int64_t i = 0; i < f.n[1]; i++) {
        f.b[2][i] = sin(f.b[1][i]);
        f.b[1][i] = cos(f.b[1][i]);
    }
    run_rig(&f);
    memcpy(f.b[0], f.b[3], sizeof first);
    for (int64_t i = 0; i < f.n[2]; i++)
        f.b[2][i] = -f.b[2][i];
    run_rig(&f);
    for (int64_t i = 0; i < R * C; i++)
        ck_assert_double_lt(fabs(f.b[3][i] - first[i]), 1e-12);
    drop_rig(&f);
}
END_TEST

/* At step 1 with zero moments Adam moves each weight by the rate against the
 * sign of its gradient (Kingma, Ba 2015, sec. 2.1), and decay shrinks it. */
START_TEST(the_first_step_of_adam)
{
    struct rig f = rig_of("adam fp32");
    double before[R * C];
    memcpy(before, f.b[0], sizeof before);
    for (int64_t i = 0; i < R * C; i++)
        f.b[1][i] = f.b[2][i] = 0;
    run_rig(&f);
    for (int64_t i = 0; i < R * C; i++) {
        double sign = f.b[3][i] > 0 ? 1 : -1;
        double want = before[i] * (1 - 1e-4) - sign * 1e-3;
        if (fabs(f.b[3][i]) > 1e-3) ck_assert_double_lt(fabs(f.b[0][i] - want), 1e-6);
    }
    drop_rig(&f);
}
END_TEST

/* Against counting by hand: bf16 rows in and out, fp32 statistics. */
START_TEST(bytes_are_each_input_once_and_each_output_once)
{
    double rc = 128.0 * 256, c = 256, r = 128;
    stc_assert_near(stc_mb_bytes(stc_mb_find("layer_norm fwd"), STC_NUM_BF16, 128, 256),
                    2 * rc + 2 * rc + 4 * c + 8 * r, 0);
    stc_assert_near(stc_mb_bytes(stc_mb_find("adam fp32 copy"), STC_NUM_BF16, 128, 256),
                    (8 + 8 + 8 + 4 + 2) * rc, 0);
    stc_assert_near(stc_mb_bytes(stc_mb_find("embedding fwd"), STC_NUM_BF16, 128, 256),
                    4 * r + 4 * rc, 0);
    stc_assert_near(stc_mb_bytes(stc_mb_find("swiglu bwd"), STC_NUM_BF16, 128, 256),
                    10 * rc, 0);
    stc_assert_near(stc_mb_bytes(stc_mb_find("cast bf16 fp8"), STC_NUM_BF16, 128, 256),
                    3 * rc, 0);
}
END_TEST

/* ==== collectives ==== */

enum { N = 6, ALL = 60 };

/* Carries a collective out rank by rank, element by element. */
static void by_hand(enum stc_coll_kind k, int me, double out[ALL])
{
    int n = ALL / N;
    for (int i = 0; i < ALL; i++) {
        out[i] = 0;
        for (int r = 0; r < N; r++) {
            double v = (double)stc_coll_value(r, (uint64_t)i);
            double mine = (double)stc_coll_value(r, (uint64_t)(me * n + i % n));
            if (k == STC_ALL_REDUCE || k == STC_REDUCE) out[i] += v;
            if (k == STC_REDUCE_SCATTER && i < n) out[i] += mine;
            if (k == STC_ALLTOALL && r == i / n) out[i] = mine;
            if (k == STC_ALL_GATHER && r == i / n) {
                out[i] = (double)stc_coll_value(r, (uint64_t)(i % n));
            }
            if (k == STC_BROADCAST && r == 0) out[i] = v;
            if (k == STC_SEND_RECV && (r + 1) % N == me) out[i] = v;
        }
    }
}

START_TEST(collectives_leave_what_they_should)
{
    enum stc_coll_kind k = (enum stc_coll_kind)_i;
    double want[ALL];
    int64_t n = stc_coll_recv_n(k, ALL, N);
    ck_assert_int_eq(n, k == STC_REDUCE_SCATTER ? ALL / N : ALL);
    ck_assert_int_eq(stc_coll_send_n(k, ALL, N), k == STC_ALL_GATHER ? ALL / N : ALL);
    for (int me = 0; me < (k == STC_REDUCE ? 1 : N); me++) {
        by_hand(k, me, want);
        for (int64_t i = 0; i < n; i++) {
            stc_assert_near(stc_coll_expect(k, ALL, N, me, i), want[i], 0);
        }
    }
}
END_TEST

/* nccl-tests, doc/PERFORMANCE.md. */
START_TEST(bus_factors_as_published)
{
    stc_assert_near(stc_coll_bus_factor(stc_coll_find("all_reduce"), 8), 1.75, 1e-15);
    stc_assert_near(stc_coll_bus_factor(stc_coll_find("all_gather"), 8), 0.875, 1e-15);
    stc_assert_near(stc_coll_bus_factor(stc_coll_find("reduce_scatter"), 2), 0.5,
                    1e-15);
    stc_assert_near(stc_coll_bus_factor(stc_coll_find("alltoall"), 4), 0.75, 1e-15);
    stc_assert_near(stc_coll_bus_factor(stc_coll_find("broadcast"), 8), 1.0, 0);
    ck_assert_int_eq(stc_coll_find("gather"), STC_N_COLL_KINDS);
}
END_TEST

static Suite *cuda_ref_suite(void)
{
    Suite *s = suite_create("cuda_ref");
    TCase *t = tcase_create("references");
    tcase_add_test(t, products_of_every_transposition);
    tcase_add_test(t, every_result_element_has_its_own_place);
    tcase_add_test(t, errors_know_nan_and_scale);
    tcase_add_loop_test(t, every_reference_writes_every_output, 0, stc_mb_n_ops);
    tcase_add_test(t, backward_references_are_the_slopes_of_the_forward_ones);
    tcase_add_test(t, rms_norm_and_softmax_backward);
    tcase_add_test(t, norm_gains_have_the_right_gradient);
    tcase_add_test(t, dropout_keeps_nine_in_ten_and_scales);
    tcase_add_test(t, cross_entropy_is_a_loss_and_its_slope);
    tcase_add_test(t, rotary_turns);
    tcase_add_test(t, the_first_step_of_adam);
    tcase_add_test(t, bytes_are_each_input_once_and_each_output_once);
    tcase_add_loop_test(t, collectives_leave_what_they_should, 0, STC_N_COLL_KINDS);
    tcase_add_test(t, bus_factors_as_published);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(cuda_ref_suite)
