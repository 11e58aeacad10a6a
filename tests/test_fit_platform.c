/* fit_platform: what a fit of whole steps must hold: its numbers come back from the
 * files it writes, stay in their bounds, never belong to one source, and a table
 * made by the model itself with other numbers gives those numbers back. */
#include "sim/study/fit_platform.h"

#include "calib/load_platform.h"
#include "scenarios/scenario.h"
#include "sim/api.h"
#include "sim/study/fit_int.h"
#include "tests/testing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct stc *opened(void)
{
    struct stc *sim = NULL;
    struct stc_opts o = STC_OPTS_INIT;
    struct stc_diag diag = {""};
    ck_assert_msg(stc_open(&sim, &o, &diag) == STC_OK, "%s", diag.text);
    return sim;
}

/* ==== a table whose truth is known ==== */

static const char header[] =
    "id,source,gpu,gpus,gpus_per_node,layers,hidden,heads,vocab,seq_len,tp,pp,dp,"
    "micro_batch,global_batch,precision,recompute,flash_attn,framework,year,model,"
    "family,"
    "mlp,nics_per_node,nic_gbps,step_time_s\n";

static void row(FILE *f, int i, const char *source, const char *gpu, int hidden,
                int micro, double seconds)
{
    fprintf(f,
            "r%d,%s,%s,8,8,24,%d,%d,51200,2048,8,1,1,%d,%d,bf16,none,yes,Megatron-LM,"
            "2022,synthetic,gpt,gelu,8,200,%.17g\n",
            i, source, gpu, hidden, hidden / 128, micro, 8 * micro, seconds);
}

/* Twelve runs of three sources; times NULL: one second each. */
static void write_table(const char *path, const double *times)
{
    static const char *const sources[] = {"first", "second", "third"};
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(header, f);
    for (int i = 0; i < 12; i++)
        row(f, i, sources[i % 3], "A100-SXM4-80GB", 4096 + 1024 * (i / 3),
            1 + i % 2 * 3, times ? times[i] : 1);
    fclose(f);
}

static void forecast(const char *path, const struct stc_run_params *p, double *times)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_vopts o = {.n_threads = 2};
    struct stc_vreport r;
    struct stc_diag diag = {""};
    ck_assert_msg(stc_validate_file(&a, path, p, &o, &r, &diag) == STC_OK, "%s",
                  diag.text);
    ck_assert_int_eq(r.n_rows, 12);
    for (int i = 0; i < 12; i++) {
        ck_assert_msg(r.rows[i].cases[0].predicted > 0, "%s", r.rows[i].note);
        times[i] = r.rows[i].cases[0].predicted;
    }
    stc_arena_free(&a);
}

START_TEST(numbers_that_made_a_table_are_found)
{
    char path[] = "/tmp/stepcast-fit-XXXXXX";
    double times[12];
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    struct stc_stepfit fit, again;
    struct stc *sim = opened();
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    struct stc_cost *made = STC_NEW(&a, struct stc_cost);
    *made = *sim->cost;
    made->platform[STC_GEN_AMPERE].in_situ[STC_MATH_FP16] = 0.80;
    const struct stc_run_params other = {
        .cost = made, .coll = sim->params.coll, .overlap = sim->params.overlap};
    write_table(path, NULL);
    forecast(path, &other, times);
    write_table(path, times);
    const struct stc_stepfit_opts o = {.pull = 1e-6, .n_threads = 2};
    enum stc_err err = stc_stepfit_run(&a, path, &sim->params, &o, &fit, &diag);
    ck_assert_msg(err == STC_OK, "%s", diag.text);
    /* what was fitted before does not matter: the start is the priors */
    err = stc_stepfit_run(&a, path, &other, &o, &again, &diag);
    unlink(path);
    ck_assert_msg(err == STC_OK, "%s", diag.text);
    ck_assert_double_eq(fit.cost->platform[STC_GEN_AMPERE].in_situ[STC_MATH_FP16],
                        again.cost->platform[STC_GEN_AMPERE].in_situ[STC_MATH_FP16]);
    ck_assert_double_eq(fit.left_out_score[0], again.left_out_score[0]);
    ck_assert_int_eq(fit.n_sources, 3);
    ck_assert_int_eq(fit.gen_rows[STC_GEN_AMPERE], 12);
    ck_assert_double_eq_tol(fit.cost->platform[STC_GEN_AMPERE].in_situ[STC_MATH_FP16],
                            0.80, 0.03);
    ck_assert_double_le(fit.score[0], 0.01);
    ck_assert_double_le(fit.left_out_score[0], 0.02);
    ck_assert_double_le(fit.score[0], fit.prior_score[0]);
    /* a generation without rows is left alone */
    ck_assert_double_eq(fit.cost->platform[STC_GEN_ADA].in_situ[STC_MATH_FP16],
                        sim->cost->platform[STC_GEN_ADA].in_situ[STC_MATH_FP16]);
    stc_arena_free(&a);
    stc_close(sim);
}
END_TEST

/* ==== files ==== */

START_TEST(what_is_written_is_read_back)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_text t;
    struct stc_diag diag = {""};
    const struct stc_node *root;
    int rows[STC_GEN_COUNT];
    struct stc_cost *c = STC_NEW(&a, struct stc_cost),
                    *d = STC_NEW(&a, struct stc_cost);
    stc_cost_prior(c);
    stc_cost_prior(d);
    for (int g = 0; g < STC_GEN_COUNT; g++) {
        rows[g] = 1 + g;
        for (int i = 0; i < stc_n_platform_pars; i++) {
            const struct stc_platform_par *p = &stc_platform_pars[i];
            *stc_platform_at(&c->platform[g], p) =
                p->low + (p->high - p->low) * (double)(1 + (g + i) % 7) / 8;
        }
    }
    for (int k = 0; k < STC_LOWERING_COUNT; k++)
        c->lowering_sigma_log[k] = 0.1 * (k + 1);
    stc_text_init(&t, 0);
    stc_platform_write(c, rows, &t);
    ck_assert_msg(stc_doc_parse_yaml(&a, "t", stc_text_str(&t), t.len, &root, &diag) ==
                          STC_OK &&
                      stc_platform_read(root, d, &diag) == STC_OK,
                  "%s", diag.text);
    for (int g = 0; g < STC_GEN_COUNT; g++)
        for (int i = 0; i < stc_n_platform_pars; i++) {
            const struct stc_platform_par *p = &stc_platform_pars[i];
            double x = *stc_platform_at(&c->platform[g], p),
                   y = *stc_platform_at(&d->platform[g], p);
            ck_assert_double_eq_tol(x, y, 1e-3 * fabs(x));
        }
    for (int k = 0; k < STC_LOWERING_COUNT; k++)
        ck_assert_double_eq_tol(c->lowering_sigma_log[k], d->lowering_sigma_log[k],
                                1e-9);
    stc_text_free(&t);
    stc_arena_free(&a);
}
END_TEST

static const struct {
    const char *text, *part;
} refused[] = {
    {"version: 2\ngenerations: {}\n", "version 2"},
    {"generations: {}\n", "version"},
    {"version: 1\ngenerations:\n  kepler:\n    in_situ_fp16: 0.9\n", "generation"},
    {"version: 1\ngenerations:\n  hopper:\n    in_situ_fp16: 1.9\n", "1.9"},
    {"version: 1\ngenerations:\n  hopper:\n    clock: 1\n", "not a number of"},
    {"version: 1\nlowering_sigma_log: {odd: 1}\ngenerations: {}\n", "class"},
    {"version: 1\ngenerations:\n  hopper:\n    in_situ_fp16: fast\n", "fast"},
};

START_TEST(wrong_files_are_refused_with_their_line)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {""};
    const struct stc_node *root;
    struct stc_cost *c = STC_NEW(&a, struct stc_cost);
    stc_cost_prior(c);
    ck_assert_int_eq(stc_doc_parse_yaml(&a, "t", refused[_i].text,
                                        strlen(refused[_i].text), &root, &diag),
                     STC_OK);
    ck_assert_int_ne(stc_platform_read(root, c, &diag), STC_OK);
    ck_assert_msg(strstr(diag.text, refused[_i].part), "%s", diag.text);
    stc_arena_free(&a);
}
END_TEST

/* ==== what ships ==== */

START_TEST(shipped_numbers_stand_in_their_bounds)
{
    struct stc *sim = opened();
    for (int g = 0; g < STC_GEN_COUNT; g++)
        for (int i = 0; i < stc_n_platform_pars; i++) {
            const struct stc_platform_par *p = &stc_platform_pars[i];
            double v = *stc_platform_at(&sim->cost->platform[g], p);
            ck_assert_msg(v >= p->low && v <= p->high, "%s %s %g",
                          stc_gen_name((enum stc_gen)g), p->name, v);
        }
    for (int k = 0; k < STC_LOWERING_COUNT; k++) {
        ck_assert_double_ge(sim->cost->lowering_sigma_log[k], 0.02);
        ck_assert_double_le(sim->cost->lowering_sigma_log[k], 0.5);
    }
    stc_close(sim);
}
END_TEST

START_TEST(twins_are_worse_than_fits_and_of_this_table)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_loso_row *v;
    int n;
    double sum[2] = {0};
    ck_assert_int_eq(stc_loso_load(&a, &v, &n, NULL), STC_OK);
    ck_assert_int_gt(n, 40);
    for (int i = 0; i < n; i++) {
        ck_assert_int_gt(v[i].n, 0);
        sum[0] += v[i].error;
        sum[1] += v[i].left_out_error;
    }
    ck_assert_double_le(sum[0], sum[1]);
    stc_arena_free(&a);
}
END_TEST

/* Every stack can be found without its fit, and the fit changes only what is fitted. */
START_TEST(fits_of_stacks_change_four_numbers)
{
    char name[64];
    for (int i = 0; i < stc_stack_catalogue_n(NULL); i++) {
        struct stc_stack prior, now;
        stc_stack_catalogue_name(NULL, i, name, sizeof name);
        ck_assert_int_eq(stc_stack_prior(name, &prior, NULL), STC_OK);
        ck_assert_int_eq(stc_stack_find(NULL, name, &now, NULL), STC_OK);
        prior.host_s_per_launch = now.host_s_per_launch;
        prior.host_s_per_step = now.host_s_per_step;
        prior.framework_bytes = now.framework_bytes;
        prior.allocator_slack_frac = now.allocator_slack_frac;
        ck_assert_msg(memcmp(&prior, &now, sizeof now) == 0, "%s", name);
    }
}
END_TEST

static Suite *fit_platform_suite(void)
{
    Suite *s = suite_create("fit_platform");
    TCase *t = tcase_create("fit_platform");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, numbers_that_made_a_table_are_found);
    tcase_add_test(t, what_is_written_is_read_back);
    tcase_add_loop_test(t, wrong_files_are_refused_with_their_line, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(t, shipped_numbers_stand_in_their_bounds);
    tcase_add_test(t, twins_are_worse_than_fits_and_of_this_table);
    tcase_add_test(t, fits_of_stacks_change_four_numbers);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(fit_platform_suite)
