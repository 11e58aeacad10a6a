/* Every row of the GPU catalogue against relations that hold for any GPU: a
 * slip of a factor (bits for bytes, both ways for one, sparse for dense) breaks
 * at least one of them. */
#include <stdio.h>

#include "hw/catalogue.h"
#include "hw/gpu.h"
#include "tests/testing.h"

static struct stc_arena arena = STC_ARENA_INIT;
static struct stc_hw *hw;

static void load(void)
{
    struct stc_diag diag = {""};
    stc_assert_ok(stc_hw_load(&arena, &hw, &diag), &diag);
}

static void unload(void)
{
    stc_arena_free(&arena);
}

static const struct stc_gpu *gpu(const char *name)
{
    const struct stc_gpu *g = NULL;
    struct stc_diag diag = {""};
    stc_assert_ok(stc_hw_find_gpu(hw, name, &g, &diag), &diag);
    return g;
}

#define EACH_GPU(g)                                \
 for (size_t i_ = 0; i_ < stc_hw_n_gpus(hw); i_++) \
  for (const struct stc_gpu *g = stc_hw_gpu_at(hw, i_); g; g = NULL)

#define HOLDS(g, cond) ck_assert_msg(cond, "%s: %s", (g)->name, #cond)

START_TEST(gpu_every_row_is_complete_and_says_where_it_was_read)
{
    ck_assert_uint_ge(stc_hw_n_gpus(hw), 30);
    EACH_GPU(g)
    {
        HOLDS(g, strlen(g->source) > 20);
        HOLDS(g, strcmp(g->maker, "NVIDIA") == 0 || strcmp(g->maker, "AMD") == 0);
        HOLDS(g, g->n_sm >= 32 && g->n_sm <= 320);
        HOLDS(g, g->clock_hz > 1e9 && g->clock_hz < 3e9);
        HOLDS(g, g->tdp_w >= 70 && g->tdp_w <= 1400);
        HOLDS(g, g->smem_bytes >= 64 * 1024.0 && g->smem_bytes <= 256 * 1024.0);
        HOLDS(g, g->l2_bytes >= 4e6 && g->l2_bytes <= 300e6);
        HOLDS(g, g->pcie_Bps > 0 || g->c2c_Bps > 0);
        HOLDS(g, strcmp(stc_gen_name(g->gen), "?") != 0);
    }
}
END_TEST

/* Half rate where sums are fp32: GeForce, and the cards sold beside their full-rate
 * siblings (A10, L40S). */
static bool sums_in_fp32(const struct stc_gpu *g)
{
    static const char *const half[] = {"A10G", "L40", "L20"};
    bool is = strncmp(g->name, "GeForce", 7) == 0;
    for (size_t i = 0; i < sizeof half / sizeof half[0]; i++)
        is = is || strcmp(g->name, half[i]) == 0;
    return is;
}

START_TEST(gpu_peaks_double_as_the_format_halves)
{
    EACH_GPU(g)
    {
        const double *p = g->peak_flop_per_s;
        HOLDS(g, p[STC_MATH_FP16] > p[STC_MATH_FP32]);
        HOLDS(g, g->fp64_flop_per_s <= p[STC_MATH_FP32]);
        if (p[STC_MATH_FP8] > 0) {
            HOLDS(g, fabs(p[STC_MATH_FP8] / p[STC_MATH_FP16] - 2) < 0.03);
        }
        if (p[STC_MATH_TF32] > 0) {
            HOLDS(g, fabs(p[STC_MATH_FP16] / p[STC_MATH_TF32] - 2) < 0.03);
        }
        if (p[STC_MATH_FP4] >
            0) { /* Blackwell 2, Ultra 3; fp4 is not halved in GeForce */
            HOLDS(g, p[STC_MATH_FP4] / p[STC_MATH_FP8] > 1.98);
            HOLDS(g,
                  p[STC_MATH_FP4] / p[STC_MATH_FP8] < (sums_in_fp32(g) ? 4.02 : 3.02));
        }
    }
}
END_TEST

START_TEST(gpu_formats_exist_from_their_generation_on)
{
    EACH_GPU(g)
    {
        bool nvidia = g->gen <= STC_GEN_BLACKWELL;
        const double *p = g->peak_flop_per_s;
        if (nvidia) HOLDS(g, g->has_bf16 == (g->gen >= STC_GEN_AMPERE));
        if (nvidia) HOLDS(g, (p[STC_MATH_TF32] > 0) == (g->gen >= STC_GEN_AMPERE));
        if (nvidia) HOLDS(g, (p[STC_MATH_FP8] > 0) == (g->gen >= STC_GEN_ADA));
        HOLDS(g, (p[STC_MATH_FP4] > 0) == (g->gen == STC_GEN_BLACKWELL));
    }
}
END_TEST

/* The matrix peak is SMs x flop per SM and clock x clock: three columns that
 * must agree. Flop per clock from the architecture whitepapers. H20 is held
 * below what its SMs would give, and is the one exception. */
START_TEST(gpu_peak_is_what_its_multiprocessors_give)
{
    static const double per_clock[STC_GEN_COUNT] = {
        [STC_GEN_VOLTA] = 1024, [STC_GEN_TURING] = 1024, [STC_GEN_AMPERE] = 2048,
        [STC_GEN_ADA] = 1024,   [STC_GEN_HOPPER] = 4096, [STC_GEN_BLACKWELL] = 8192,
        [STC_GEN_CDNA2] = 1024, [STC_GEN_CDNA3] = 2048};
    EACH_GPU(g)
    {
        double flop = per_clock[g->gen];
        if (g->gen == STC_GEN_AMPERE && g->smem_bytes < 164 * 1024.0) flop = 1024;
        if (g->gen == STC_GEN_BLACKWELL && g->smem_bytes < 228 * 1024.0) flop = 1024;
        flop *= sums_in_fp32(g) ? 0.5 : 1;
        double peak = g->n_sm * flop * g->clock_hz;
        double share = g->peak_flop_per_s[STC_MATH_FP16] / peak;
        if (strcmp(g->name, "H20-SXM-96GB") == 0) {
            HOLDS(g, share < 0.5);
        } else {
            ck_assert_msg(fabs(share - 1) < 0.02, "%s: peak is %.3f of SMs x clock",
                          g->name, share);
        }
    }
}
END_TEST

/* Flop per byte of memory at the peak. V100 139, A100 153 to 200, H100 295,
 * B200 292; L4 403 and H20 37 are the ends. A factor of 8 would leave it. */
START_TEST(gpu_ridge_point_is_of_the_right_order)
{
    EACH_GPU(g)
    {
        double ridge = g->peak_flop_per_s[STC_MATH_FP16] / g->mem_Bps;
        HOLDS(g, ridge > 30 && ridge < 450);
    }
    stc_assert_near(gpu("H100-SXM5-80GB")->peak_flop_per_s[STC_MATH_FP16] /
                        gpu("H100-SXM5-80GB")->mem_Bps,
                    295, 0.01);
}
END_TEST

START_TEST(gpu_links_are_slower_than_memory_and_in_order)
{
    EACH_GPU(g)
    {
        HOLDS(g, g->nvlink_Bps < g->mem_Bps / 2.5);
        HOLDS(g, g->pcie_Bps < g->mem_Bps / 9);
        HOLDS(g, (g->nvlink_Bps > 0) == (g->n_nvlinks > 0));
        if (g->gen > STC_GEN_BLACKWELL || g->n_nvlinks == 0) continue;
        HOLDS(g, g->nvlink_Bps > g->pcie_Bps);
        /* One link: 25 GB/s each way in generations 2 to 4 (GA102: 14), 50 in 5. */
        double link = g->nvlink_Bps / g->n_nvlinks;
        double want = g->nvlink_gen == 5 ? 50e9 : g->n_nvlinks == 4 ? link : 25e9;
        HOLDS(g, fabs(link / want - 1) < 1e-9);
    }
}
END_TEST

/* nvidia-smi's total is near the size in the name (which is GB or GiB as the
 * maker likes), and CUDA keeps at most 3 % of it. */
START_TEST(gpu_memory_fits_its_name)
{
    EACH_GPU(g)
    {
        HOLDS(g, g->mem_cuda_bytes <= g->mem_bytes * 1.0001);
        HOLDS(g, g->mem_cuda_bytes > g->mem_bytes * 0.95);
        HOLDS(g, g->mem_bytes > 14e9 && g->mem_bytes < 320e9);
        const char *end = strstr(g->name, "GB");
        if (!end || end == g->name || end[-1] < '0' || end[-1] > '9') continue;
        const char *s = end;
        while (s > g->name && s[-1] >= '0' && s[-1] <= '9')
            s--;
        double named_GB = strtod(s, NULL);
        HOLDS(g, g->mem_bytes > named_GB * 0.98e9);
        HOLDS(g, g->mem_bytes < named_GB * 1.08e9);
    }
    /* By name: the total that PyTorch prints on a course A100. */
    stc_assert_near(gpu("A100-SXM4-80GB")->mem_cuda_bytes, 79.15 * 1073741824.0, 1e-9);
}
END_TEST

/* Figures that everybody knows, one per kind of slip. */
START_TEST(gpu_well_known_figures)
{
    static const struct {
        const char *name;
        double fp16, mem_Bps, nvlink_Bps;
    } rows[] = {
        {"V100-SXM2-16GB", 125e12, 900e9, 150e9},
        {"A100-SXM4-40GB", 312e12, 1555e9, 300e9},
        {"A100-SXM4-80GB", 312e12, 2039e9, 300e9},
        {"H100-SXM5-80GB", 989.4e12, 3350e9, 450e9},
        {"H100-SXM5-96GB-HBM2e-500W", 989.4e12, 2400e9, 450e9},
        {"H200-SXM-141GB", 989.4e12, 4800e9, 450e9},
        {"B200-SXM-180GB", 2250e12, 7700e9, 900e9},
        {"GB200-NVL72", 2500e12, 8000e9, 900e9},
        {"L40S", 362e12, 864e9, 0},
        {"RTX 4090", 165.2e12, 1008e9, 0}, /* as nvidia-smi nearly calls it */
        {"NVIDIA GeForce RTX 3090", 71.2e12, 936.2e9, 56.25e9},
        {"NVIDIA RTX A6000", 154.8e12, 768e9, 56.25e9},
        {"NVIDIA A10G", 70e12, 600e9, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct stc_gpu *g = gpu(rows[i].name);
        stc_assert_near(g->peak_flop_per_s[STC_MATH_FP16], rows[i].fp16, 1e-3);
        stc_assert_near(g->mem_Bps, rows[i].mem_Bps, 1e-9);
        stc_assert_near(g->nvlink_Bps, rows[i].nvlink_Bps, 1e-9);
    }
    ck_assert(gpu("H100-SXM5-96GB-HBM2e-500W")->tdp_w < 501);
}
END_TEST

static Suite *gpu_suite(void)
{
    Suite *s = suite_create("gpu");
    TCase *c = tcase_create("rows");
    tcase_add_checked_fixture(c, load, unload);
    tcase_add_test(c, gpu_every_row_is_complete_and_says_where_it_was_read);
    tcase_add_test(c, gpu_peaks_double_as_the_format_halves);
    tcase_add_test(c, gpu_formats_exist_from_their_generation_on);
    tcase_add_test(c, gpu_peak_is_what_its_multiprocessors_give);
    tcase_add_test(c, gpu_ridge_point_is_of_the_right_order);
    tcase_add_test(c, gpu_links_are_slower_than_memory_and_in_order);
    tcase_add_test(c, gpu_memory_fits_its_name);
    tcase_add_test(c, gpu_well_known_figures);
    suite_add_tcase(s, c);
    return s;
}

STC_TEST_MAIN(gpu_suite)
