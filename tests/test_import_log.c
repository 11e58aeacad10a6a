/* Training logs as anchors: each framework's words, warm-up, spikes, batch ramps. */
#include <stdarg.h>

#include "tests/import_kit.h"
#include "tests/testing.h"

static struct kit k;
static char text[1 << 18];

static void add(const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(text);
    va_start(ap, fmt);
    (void)vsnprintf(text + n, sizeof text - n, fmt, ap);
    va_end(ap);
}

static void run(void)
{
    stc_assert_ok(kit_run(&k, stc_import_log, "run.log", text, strlen(text), NULL),
                  &k.diag);
    ck_assert_int_eq(k.n_anchors, 1);
}

static void setup(void)
{
    text[0] = '\0';
}

START_TEST(log_megatron_warm_up_and_spikes_do_not_count)
{
    add("[Rank 0] (after 1 iterations) memory (MB) | allocated: 100.0 | max allocated: "
        "2048.0 | reserved: 4000.0 | max reserved: 4096.0\n");
    for (int i = 1; i <= 40; i++)
        add(" [2025-01-01 00:00:00] iteration %8d/     100 | consumed samples: 64 | "
            "elapsed "
            "time per iteration (ms): %.1f | learning rate: 1.0E-4 | global batch "
            "size:   "
            "512 | lm loss: 1.0E+01 |\n",
            i,
            i == 1    ? 90000.0
            : i == 20 ? 50000.0
                      : 2000.0 + (i % 3));
    run();
    ck_assert_str_eq(k.anchor.framework, "Megatron-LM");
    stc_assert_near(k.anchor.step_s, 2.001, 1e-3);
    ck_assert_int_eq(k.anchor.n_skipped, 4);
    ck_assert_int_eq(k.anchor.n_steps, 36);
    ck_assert_int_eq(k.anchor.global_batch, 512);
    stc_assert_near(k.anchor.allocated_bytes, 2048.0 * 1048576, 0);
    stc_assert_near(k.anchor.reserved_bytes, 4096.0 * 1048576, 0);
}
END_TEST

START_TEST(log_batch_ramp_leaves_the_last_size)
{
    for (int i = 1; i <= 60; i++)
        add(" iteration %d/ 60 | elapsed time per iteration (ms): %.1f | global batch "
            "size: "
            "%d |\n",
            i, i <= 40 ? 500.0 : 1000.0, i <= 40 ? 256 : 512);
    run();
    ck_assert_int_eq(k.anchor.n_steps, 20);
    stc_assert_near(k.anchor.step_s, 1.0, 1e-12);
}
END_TEST

START_TEST(log_torchtitan_has_a_rate_and_memory_in_colours)
{
    for (int i = 1; i <= 20; i++)
        add("[rank0]:2025-03-04 00:44:44 - root - INFO - \033[36mstep: %2d  "
            "\033[32mloss:  "
            "3.4370  \033[33mmemory: 68.50GiB(86.69%%)  \033[34mtps: 6,%03d  "
            "\033[35mmfu: "
            "39.73%%\033[39m\n",
            i, 700 + i);
    run();
    ck_assert_str_eq(k.anchor.framework, "torchtitan");
    ck_assert(isnan(k.anchor.step_s));
    stc_assert_near(k.anchor.tokens_per_s_per_gpu, 6711.5, 1e-3);
    stc_assert_near(k.anchor.reserved_bytes, 68.5 * 1073741824, 0);
}
END_TEST

START_TEST(log_nemo_bars_and_lines)
{
    add("Epoch 0: : 100%%|###| 3/3 [10:48<00:00, reduced_train_loss=0.0172, "
        "global_step=99.0, "
        "train_step_timing in s=9.900]\rEpoch 0: train_step_timing in s=3.100]\n");
    for (int i = 0; i < 9; i++)
        add("(pretraining, pid=1) Training epoch 0, iteration %d/9 | lr: 1e-06 | "
            "global_batch_size: 512 | global_step: %d | train_step_timing in s: 3.%d\n",
            i, i, i);
    run();
    ck_assert_str_eq(k.anchor.framework, "NeMo");
    ck_assert_int_eq(k.anchor.global_batch, 512);
    stc_assert_near(k.anchor.step_s, 3.4, 1e-9);
}
END_TEST

START_TEST(log_deepspeed_steps_and_samples)
{
    for (int i = 1; i <= 11; i++)
        add("steps: %d loss: 10.0 iter time (s): 2.5%d samples/sec: 102.4\n", i, i % 3);
    add("epoch=0/micro_step=4, RunningAvgSamplesPerSec=303.1, MemAllocated=17.5GB, "
        "MaxMemAllocated=66.5GB\n");
    run();
    ck_assert_str_eq(k.anchor.framework, "DeepSpeed");
    stc_assert_near(k.anchor.step_s, 2.51, 0.005);
    stc_assert_near(k.anchor.samples_per_s, 102.4, 1e-9);
    stc_assert_near(k.anchor.allocated_bytes, 66.5 * 1073741824, 0);
}
END_TEST

START_TEST(log_without_steps_is_refused)
{
    add("hello: world\nelapsed time per iteration (ms): none\n");
    stc_assert_fails(kit_run(&k, stc_import_log, "run.log", text, strlen(text), NULL),
                     STC_ERR_PARSE, &k.diag, "no step times");
}
END_TEST

static Suite *import_log_suite(void)
{
    Suite *s = suite_create("import_log");
    TCase *t = tcase_create("log");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, log_megatron_warm_up_and_spikes_do_not_count);
    tcase_add_test(t, log_batch_ramp_leaves_the_last_size);
    tcase_add_test(t, log_torchtitan_has_a_rate_and_memory_in_colours);
    tcase_add_test(t, log_nemo_bars_and_lines);
    tcase_add_test(t, log_deepspeed_steps_and_samples);
    tcase_add_test(t, log_without_steps_is_refused);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(import_log_suite)
