/* What must hold of every estimate, whatever the parameters: laws of scale,
 * order, tiers; and a few published figures that the priors alone must meet. */
#include "kernels/cost.h"
#include "kernels/cost_params.h"
#include "tests/testing.h"

static struct stc_cost cost; /* large: not on the stack */

static struct stc_gpu h100(void)
{
    struct stc_gpu g = {.name = "H100-test",
                        .n_sm = 132,
                        .clock_hz = 1.83e9,
                        .mem_Bps = 3.35e12,
                        .mem_bytes = 85e9,
                        .l2_bytes = 50e6,
                        .smem_bytes = 228 << 10,
                        .tdp_w = 700,
                        .gen = STC_GEN_HOPPER,
                        .nvlink_Bps = 450e9,
                        .pcie_Bps = 64e9};
    const double peak[STC_MATH_COUNT] = {67e12, 495e12, 989e12, 1979e12, 0, 1979e12};
    memcpy(g.peak_flop_per_s, peak, sizeof peak);
    return g;
}

static double gemm_s(int64_t m, int64_t n, int64_t k, enum stc_dtype d)
{
    struct stc_gpu g = h100();
    struct stc_gemm_q q = {.m = m, .n = n, .k = k, .dtype = d};
    struct stc_est e;
    stc_cost_gemm(&cost, &g, &q, &e);
    ck_assert(isfinite(e.seconds) && e.seconds > 0);
    ck_assert(e.sigma_log > 0 && e.efficiency > 0 && e.efficiency <= 1.5);
    return e.seconds;
}

static void setup(void)
{
    stc_cost_prior(&cost);
}

/* 8,192 rows of 128 took 9 us in cuDNN's kernel and 27 us in PyTorch's operators on
 * an H200 (memory_bound.csv); what a norm is worth is not known without its rows. */
START_TEST(norms_cost_by_whose_kernel_it_is)
{
    struct stc_gpu g = h100();
    const double bytes = 2.0 * 8192 * 128;
    struct stc_mem_q q = {
        .read_bytes = 2 * bytes, .write_bytes = bytes, .kind = STC_MEMK_NORM_BWD};
    struct stc_est any, fused, eager, rows_only;
    stc_cost_membound(&cost, &g, &q, &any);
    q.rows = 8192;
    q.cols = 128;
    stc_cost_membound(&cost, &g, &q, &rows_only);
    q.norm = STC_NORM_FUSED;
    stc_cost_membound(&cost, &g, &q, &fused);
    q.norm = STC_NORM_EAGER;
    stc_cost_membound(&cost, &g, &q, &eager);
    ck_assert_double_eq(any.seconds, rows_only.seconds);
    stc_assert_near(fused.seconds, 9e-6, 0.2);
    stc_assert_near(eager.seconds, 27e-6, 0.2);
    ck_assert_double_ne(fused.sigma_log, any.sigma_log);
}
END_TEST

START_TEST(nothing_costs_nothing)
{
    struct stc_gpu g = h100();
    struct stc_gemm_q q = {.m = 0, .n = 64, .k = 64, .dtype = STC_DTYPE_BF16};
    struct stc_mem_q mq = {.kind = STC_MEMK_COPY};
    struct stc_est e;
    stc_cost_gemm(&cost, &g, &q, &e);
    ck_assert_double_eq(e.seconds, 0);
    stc_cost_membound(&cost, &g, &mq, &e);
    ck_assert_double_eq(e.seconds, 0);
}
END_TEST

START_TEST(no_product_beats_the_specification)
{
    struct stc_gpu g = h100();
    for (int64_t m = 1; m <= 65536; m *= 4)
        for (int64_t n = 64; n <= 65536; n *= 8)
            for (int64_t k = 64; k <= 65536; k *= 8) {
                double flop_s = 2.0 * (double)m * (double)n * (double)k /
                                g.peak_flop_per_s[STC_MATH_FP16];
                ck_assert_double_ge(gemm_s(m, n, k, STC_DTYPE_BF16), flop_s);
            }
}
END_TEST

START_TEST(more_work_takes_no_less_time)
{
    for (int64_t n = 1024; n <= 16384; n *= 2)
        ck_assert_double_ge(gemm_s(8192, 2 * n, 8192, STC_DTYPE_BF16),
                            gemm_s(8192, n, 8192, STC_DTYPE_BF16));
}
END_TEST

START_TEST(one_tile_more_than_a_wave_is_a_wave_more)
{
    /* 132 SMs, 128 × 256 tiles: 132 tiles fill one wave, 144 need two. */
    double one = gemm_s(128 * 12, 256 * 11, 16384, STC_DTYPE_BF16);
    double two = gemm_s(128 * 13, 256 * 11, 16384, STC_DTYPE_BF16);
    ck_assert_double_gt(two, 1.2 * one);
}
END_TEST

START_TEST(fp8_is_faster_than_bf16_when_large)
{
    ck_assert_double_lt(gemm_s(8192, 8192, 8192, STC_DTYPE_FP8),
                        0.8 * gemm_s(8192, 8192, 8192, STC_DTYPE_BF16));
}
END_TEST

START_TEST(recipes_keep_their_order)
{
    /* Published steps: row-wise fp8 is hardly faster than bf16, mxfp8 a little slower
     * than per-tensor fp8. */
    double bf16 = gemm_s(8192, 8192, 8192, STC_DTYPE_BF16),
           fp8 = gemm_s(8192, 8192, 8192, STC_DTYPE_FP8);
    double row = gemm_s(8192, 8192, 8192, STC_DTYPE_FP8_ROW),
           mx = gemm_s(8192, 8192, 8192, STC_DTYPE_MXFP8);
    ck_assert(fp8 < mx && mx < row && row < bf16);
    ck_assert_double_lt(mx, 1.12 * fp8);
}
END_TEST

START_TEST(a_loop_is_slower_than_a_burst)
{
    struct stc_gpu g = h100();
    struct stc_gemm_q q = {.m = 8192, .n = 8192, .k = 8192, .dtype = STC_DTYPE_BF16};
    struct stc_est burst, loop;
    stc_cost_gemm(&cost, &g, &q, &burst);
    q.regime = STC_REGIME_IN_SITU;
    stc_cost_gemm(&cost, &g, &q, &loop);
    ck_assert_double_gt(loop.seconds, burst.seconds);
}
END_TEST

START_TEST(widths_off_the_tile_are_slower)
{
    /* Hidden 14400 at tp 8 loses a quarter of the speed (published step times). */
    double on = gemm_s(8192, 1792, 14336, STC_DTYPE_BF16),
           off = gemm_s(8192, 1800, 14336, STC_DTYPE_BF16);
    ck_assert_double_gt(off, 1.15 * on);
}
END_TEST

START_TEST(causal_attention_is_about_half)
{
    struct stc_gpu g = h100();
    struct stc_attn_q q = {.batch = 4,
                           .q_len = 8192,
                           .kv_len = 8192,
                           .heads = 32,
                           .kv_heads = 8,
                           .head_dim = 128,
                           .dtype = STC_DTYPE_BF16,
                           .kv_dtype = STC_DTYPE_BF16};
    struct stc_est full, half, back;
    stc_cost_attn(&cost, &g, &q, &full);
    q.causal = true;
    stc_cost_attn(&cost, &g, &q, &half);
    ck_assert_double_gt(half.seconds, 0.45 * full.seconds);
    ck_assert_double_lt(half.seconds, 0.62 * full.seconds);
    q.phase = STC_ATTN_BWD;
    stc_cost_attn(&cost, &g, &q, &back);
    ck_assert_double_gt(back.seconds, 1.8 * half.seconds);
    ck_assert_double_lt(back.seconds, 4.5 * half.seconds);
    q.phase = STC_ATTN_FWD;
    q.impl = STC_ATTN_UNFUSED;
    stc_cost_attn(&cost, &g, &q, &full);
    ck_assert_double_gt(full.seconds, 2 * half.seconds);
}
END_TEST

START_TEST(decode_reads_the_cache_once)
{
    struct stc_gpu g = h100();
    struct stc_attn_q q = {.batch = 64,
                           .q_len = 1,
                           .kv_len = 32768,
                           .heads = 32,
                           .kv_heads = 8,
                           .head_dim = 128,
                           .phase = STC_ATTN_DECODE,
                           .dtype = STC_DTYPE_BF16,
                           .kv_dtype = STC_DTYPE_BF16};
    struct stc_est e;
    stc_cost_attn(&cost, &g, &q, &e);
    double floor_s = 64.0 * 32768 * 8 * 256 * 2 / g.mem_Bps;
    ck_assert_double_ge(e.seconds, floor_s);
    ck_assert_double_le(e.seconds, 2 * floor_s);
}
END_TEST

START_TEST(experts_imbalance_costs_time)
{
    struct stc_gpu g = h100();
    struct stc_moe_q q = {.tokens = 8192,
                          .hidden = 4096,
                          .ffn = 1536,
                          .topk = 8,
                          .experts = 128,
                          .moe_tp = 1,
                          .moe_ep = 8,
                          .gated = true,
                          .dtype = STC_DTYPE_BF16};
    struct stc_est even, skew;
    stc_cost_moe(&cost, &g, &q, &even);
    q.alpha = 1.2;
    stc_cost_moe(&cost, &g, &q, &skew);
    ck_assert_double_gt(skew.seconds, even.seconds);
}
END_TEST

START_TEST(a_gpu_without_a_fit_says_so)
{
    struct stc_gpu g = h100();
    struct stc_gemm_q q = {.m = 4096, .n = 4096, .k = 4096, .dtype = STC_DTYPE_BF16};
    struct stc_est e;
    stc_cost_gemm(&cost, &g, &q, &e);
    ck_assert_int_ge(e.tier, STC_TIER_TRANSFERRED);
    ck_assert_double_eq(e.residual, 1);
}
END_TEST

static Suite *cost_suite(void)
{
    Suite *s = suite_create("cost");
    TCase *t = tcase_create("laws");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, nothing_costs_nothing);
    tcase_add_test(t, norms_cost_by_whose_kernel_it_is);
    tcase_add_test(t, no_product_beats_the_specification);
    tcase_add_test(t, more_work_takes_no_less_time);
    tcase_add_test(t, one_tile_more_than_a_wave_is_a_wave_more);
    tcase_add_test(t, fp8_is_faster_than_bf16_when_large);
    tcase_add_test(t, recipes_keep_their_order);
    tcase_add_test(t, a_loop_is_slower_than_a_burst);
    tcase_add_test(t, widths_off_the_tile_are_slower);
    tcase_add_test(t, causal_attention_is_about_half);
    tcase_add_test(t, decode_reads_the_cache_once);
    tcase_add_test(t, experts_imbalance_costs_time);
    tcase_add_test(t, a_gpu_without_a_fit_says_so);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(cost_suite)
