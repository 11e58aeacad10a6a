/* test_fit_coll.c - the fit of the collectives: its bars, its file, its reader. */
#include "tests/testing.h"

#include "calib/coll_lm.h"
#include "calib/fit_coll.h"
#include "calib/load_coll.h"

static struct stc_coll_params fitted;

static void setup(void)
{
    struct stc_diag diag = {{0}};
    stc_assert_ok(stc_load_coll(&fitted, &diag), &diag);
}

START_TEST(coll_the_fit_meets_its_bars_and_the_shipped_file_is_what_it_writes)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {{0}};
    static struct stc_coll_params p;
    static struct stc_coll_cv cv;
    stc_assert_ok(stc_fit_coll(&a, NULL, "tests/data/truth", NULL, &p, &cv, &diag),
                  &diag);
    int bars = 0;
    for (int i = 0; i < cv.n; i++) {
        const struct stc_coll_cv_line *l = &cv.v[i];
        if (l->bar <= 0.0) continue;
        bars++;
        ck_assert_msg(l->full_mape <= l->bar, "%s: %.4f, bar %.2f", l->what,
                      l->full_mape, l->bar);
        /* physics × efficiency alone must reach twice the bar */
        ck_assert_msg(l->physics_mape <= 2.0 * l->bar, "%s: physics %.4f", l->what,
                      l->physics_mape);
        ck_assert_msg(l->coverage >= 0.85 && l->coverage <= 0.95,
                      "%s: %.3f of the rows inside", l->what, l->coverage);
        ck_assert_msg(l->width_ratio <= 3.0, "%s: half-width %.2f times the error",
                      l->what, l->width_ratio);
    }
    ck_assert_int_ge(bars, 5);
    stc_assert_ok(stc_coll_params_round(&a, &p, &diag), &diag);
    for (int g = 0; g < STC_GEN_COUNT; g++)
        for (int i = 0; i < STC_CG_COUNT; i++)
            stc_assert_near(fitted.gen[g].v[i], p.gen[g].v[i], 2e-3);
    ck_assert_int_eq(fitted.n_res, p.n_res);
    stc_arena_free(&a);
}
END_TEST

START_TEST(coll_parameters_survive_writing_and_reading)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {{0}};
    struct stc_coll_params p = fitted;
    stc_assert_ok(stc_coll_params_round(&a, &p, &diag), &diag);
    ck_assert_int_eq(p.n_res, fitted.n_res);
    for (int i = 0; i < p.n_res; i++)
        for (int g = 0; g < STC_RES_POINTS; g++)
            stc_assert_near((double)p.res[i].log_ratio[g] + 1.0,
                            (double)fitted.res[i].log_ratio[g] + 1.0, 1e-6);
    stc_assert_near(
        p.custom[STC_COLL_LIB_TRTLLM][STC_GEN_HOPPER].v[STC_CC_EFF_ONE],
        fitted.custom[STC_COLL_LIB_TRTLLM][STC_GEN_HOPPER].v[STC_CC_EFF_ONE], 1e-12);
    stc_arena_free(&a);
}
END_TEST

START_TEST(coll_bad_parameter_files_are_refused_with_their_line)
{
    static const struct {
        const char *text, *words;
        enum stc_err err;
    } rows[] = {
        {"generations:\n  hoper: {rows: 1}\n", ":2: ", STC_ERR_UNKNOWN},
        {"generations:\n  hopper: {bases: 1}\n", "bases", STC_ERR_UNKNOWN},
        {"generations:\n  hopper: {base_s: -1}\n", "base_s", STC_ERR_RANGE},
        {"fabrics:\n  ib: {eff: x}\n", "eff", STC_ERR_PARSE},
        {"fabric: {}\n", "fabric", STC_ERR_UNKNOWN},
        {"sigma_log:\n  coll_net: [1, 2]\n", "4 numbers", STC_ERR_PARSE},
        {"residuals:\n  - {generation: hopper}\n", "library", STC_ERR_PARSE},
    };
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {{0}};
    const struct stc_node *root;
    static struct stc_coll_params p, before;
    p = before = fitted;
    stc_assert_ok(stc_doc_parse_yaml(&a, "f.yaml", rows[_i].text, strlen(rows[_i].text),
                                     &root, &diag),
                  &diag);
    enum stc_err err = stc_load_coll_doc(root, &p, &diag);
    ck_assert_int_eq(err, rows[_i].err);
    ck_assert_msg(strstr(diag.text, rows[_i].words) != NULL, "%s", diag.text);
    ck_assert_double_eq(p.gen[STC_GEN_HOPPER].v[0], before.gen[STC_GEN_HOPPER].v[0]);
    stc_arena_free(&a);
}
END_TEST

/* y = a exp(-b t) with every tenth point spoilt by a factor of 5: the robust loss
 * must find a and b nonetheless. */
static void decay(void *arg, const double *x, double *r)
{
    const double *y = (const double *)arg;
    for (int i = 0; i < 100; i++)
        r[i] = log(exp(x[0]) * exp(-exp(x[1]) * 0.05 * i) / y[i]);
}

START_TEST(lm_finds_the_parameters_in_spite_of_outliers)
{
    double y[100], work[100 * 4], x[2] = {0.0, 0.0};
    const double prior[2] = {0.0, 0.0};
    for (int i = 0; i < 100; i++)
        y[i] = 3.0 * exp(-0.7 * 0.05 * i) * (i % 10 == 5 ? 5.0 : 1.0);
    struct stc_lm p = {.n_par = 2,
                       .n_res = 100,
                       .residuals = decay,
                       .arg = y,
                       .prior = prior,
                       .pull = 1e-6,
                       .corner = 0.01,
                       .max_steps = 100,
                       .work = work};
    (void)stc_lm_run(&p, x);
    stc_assert_near(exp(x[0]), 3.0, 0.01);
    stc_assert_near(exp(x[1]), 0.7, 0.01);
}
END_TEST

START_TEST(rows_refuse_what_they_do_not_know_and_name_the_line)
{
    static const struct {
        const char *row, *words;
    } rows[] = {
        {"x,Q9000,nccl,all_reduce,fp16,8,1,8,NVLink4 NVSwitch,none,0,0,1024,9.0,",
         ":2: gpu"},
        {"x,H100-SXM5-80GB,mpi,all_reduce,fp16,8,1,8,NVLink4 "
         "NVSwitch,none,0,0,1024,9.0,",
         ":2: "},
        {"x,H100-SXM5-80GB,nccl,all_reduce,fp16,8,1,8,Token ring,none,0,0,1024,9.0,",
         ":2: intra"},
        {"x,H100-SXM5-80GB,nccl,all_reduce,fp16,8,1,8,NVLink4 "
         "NVSwitch,none,0,0,1024,-9,",
         ":2: "},
        {"x,H100-SXM5-80GB,nccl,all_reduce,fp16,8,0,8,NVLink4 "
         "NVSwitch,none,0,0,1024,9,",
         ":2: "},
    };
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_diag diag = {{0}};
    struct stc_coll_rows got;
    char path[] = "/tmp/stc_collXXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    FILE *f = fdopen(fd, "w");
    ck_assert_ptr_nonnull(f);
    (void)fprintf(
        f,
        "source,gpu,library,collective,dtype,gpus_per_node,nodes,ranks,intra,inter,"
        "nics_per_node,nic_gbps,bytes,time_us,notes\n%s\n",
        rows[_i].row);
    (void)fclose(f);
    ck_assert_int_ne(stc_coll_rows_read(&a, NULL, path, 0.0, &got, &diag), STC_OK);
    ck_assert_msg(strstr(diag.text, rows[_i].words) != NULL, "%s", diag.text);
    (void)remove(path);
    stc_arena_free(&a);
}
END_TEST

static Suite *fit_coll_suite(void)
{
    Suite *s = suite_create("fit_coll");
    TCase *t = tcase_create("fit_coll");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t,
                   coll_the_fit_meets_its_bars_and_the_shipped_file_is_what_it_writes);
    tcase_add_test(t, coll_parameters_survive_writing_and_reading);
    tcase_add_loop_test(t, coll_bad_parameter_files_are_refused_with_their_line, 0, 7);
    tcase_add_test(t, lm_finds_the_parameters_in_spite_of_outliers);
    tcase_add_loop_test(t, rows_refuse_what_they_do_not_know_and_name_the_line, 0, 5);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(fit_coll_suite)
