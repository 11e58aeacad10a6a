/* validate: what may not be read is not read, every measured quantity has a line, and the score is the README's. */
#include "sim/study/validate.h"

#include "sim/api.h"
#include "sim/base/bind.h"
#include "sim/study/validate_sum.h"
#include "tests/testing.h"

#include <stdio.h>

static const char truth[] = "tests/data/truth/training.csv";
static const char held_out[] = "tests/data/held_out/training.csv";

static struct stc *opened(void)
{
    struct stc *sim = NULL;
    struct stc_opts o = STC_OPTS_INIT;
    struct stc_diag diag = {""};
    ck_assert_msg(stc_open(&sim, &o, &diag) == STC_OK, "%s", diag.text);
    return sim;
}

/* Every 12th row of the table; `blank` empties what may not be read. */
static char *sample(struct stc_arena *a, int blank, size_t *len)
{
    static const char *const hidden[] = {"ref", "notes",   "tflops_per_gpu", "mfu",
                                         "hfu", "derived", "samples_per_s",  "tier"};
    static const char *const values[] = {"step_time_s", "tokens_per_s_per_gpu",
                                         "peak_mem_gb"};
    struct stc_csv csv;
    char *text = NULL;
    bool got = true;
    FILE *f = open_memstream(&text, len);
    struct stc_csv_writer w = {.file = f};
    ck_assert_int_eq(stc_csv_open(&csv, truth, NULL), STC_OK);
    for (int c = 0; c < csv.n_cols; c++)
        stc_csv_put_text(&w, csv.header[c]);
    stc_csv_end_row(&w);
    for (int n = 0; stc_csv_next(&csv, &got, NULL) == STC_OK && got; n++) {
        if (n % 12 != 0) continue;
        for (int c = 0; c < csv.n_cols; c++) {
            const char *cell = csv.field[c];
            for (size_t k = 0; blank && k < sizeof hidden / sizeof hidden[0]; k++)
                if (strcmp(csv.header[c], hidden[k]) == 0) cell = "";
            /* measured cells must be there to get a line; their figure may be anything */
            for (size_t k = 0; blank && k < sizeof values / sizeof values[0]; k++)
                if (strcmp(csv.header[c], values[k]) == 0 && cell[0]) cell = "1";
            if (blank && (strcmp(csv.header[c], "id") == 0 ||
                          strcmp(csv.header[c], "source") == 0))
                cell = "";
            stc_csv_put_text(&w, cell);
        }
        stc_csv_end_row(&w);
    }
    stc_csv_close(&csv);
    fclose(f);
    char *kept = stc_arena_alloc(a, *len + 1, 1);
    memcpy(kept, text, *len);
    free(text);
    return kept;
}

static struct stc_vreport run(struct stc_arena *a, const struct stc *sim,
                              const char *text, size_t len, int threads)
{
    struct stc_vreport r;
    struct stc_diag diag = {""};
    const struct stc_vopts o = {.n_threads = threads};
    ck_assert_msg(
        stc_validate_mem(a, "t.csv", text, len, &sim->params, &o, &r, &diag) == STC_OK,
        "%s", diag.text);
    return r;
}

static void must_be_equal(const struct stc_vreport *x, const struct stc_vreport *y)
{
    ck_assert_int_eq(x->n_rows, y->n_rows);
    ck_assert_int_gt(x->n_rows, 50);
    for (int i = 0; i < x->n_rows; i++) {
        ck_assert_int_eq(x->rows[i].n_cases, y->rows[i].n_cases);
        for (int c = 0; c < x->rows[i].n_cases; c++) {
            double p = x->rows[i].cases[c].predicted, q = y->rows[i].cases[c].predicted;
            ck_assert_msg(p == q || (isnan(p) && isnan(q)), "%s: %g, %g", x->rows[i].id,
                          p, q);
        }
    }
}

START_TEST(validate_forecasts_do_not_depend_on_what_may_not_be_read)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc *sim = opened();
    size_t n_full, n_blank;
    char *full = sample(&a, 0, &n_full), *blank = sample(&a, 1, &n_blank);
    struct stc_vreport x = run(&a, sim, full, n_full, 1),
                       y = run(&a, sim, blank, n_blank, 1);
    must_be_equal(&x, &y);
    ck_assert_str_eq(y.rows[0].id, "1"); /* a row without an id is its number */
    stc_close(sim);
    stc_arena_free(&a);
}
END_TEST

/* An unsaid number of GPUs: 32 replicas where they share the optimizer, fewer where
 * the batch feeds fewer; a rank alone where they share nothing. */
START_TEST(validate_unsaid_gpus_are_a_whole_job)
{
    static const struct {
        const char *shard, *batch, *gpus;
    } rows[] = {{"zero1", "", "128"}, {"zero1", "32", "32"}, {"none", "", "4"}};
    static const char *const head =
        "gpu,gpus,layers,hidden,heads,vocab,framework,year,tp,"
        "pp,shard,micro_batch,global_batch,seq_len,"
        "peak_mem_gb\n";
    struct stc *sim = opened();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stc_arena a = STC_ARENA_INIT;
        double bytes[2];
        for (int said = 0; said < 2; said++) {
            char text[512];
            int n =
                snprintf(text, sizeof text,
                         "%sH100-SXM5-80GB,%s,24,2048,16,50257,Megatron-LM dev,2026,"
                         "4,1,%s,4,%s,2048,9\n",
                         head, said ? rows[i].gpus : "", rows[i].shard, rows[i].batch);
            struct stc_vreport r = run(&a, sim, text, (size_t)n, 1);
            ck_assert_int_eq(r.n_rows, 1);
            bytes[said] = r.rows[0].cases[0].predicted;
        }
        ck_assert_double_gt(bytes[0], 1e9);
        ck_assert_double_eq(bytes[0], bytes[1]);
        stc_arena_free(&a);
    }
    stc_close(sim);
}
END_TEST

START_TEST(validate_no_readable_column_is_a_measured_or_hidden_one)
{
    static const char *const hidden[] = {"id",
                                         "tier",
                                         "source",
                                         "ref",
                                         "notes",
                                         "derived",
                                         "step_time_s",
                                         "tokens_per_s_per_gpu",
                                         "samples_per_s",
                                         "tflops_per_gpu",
                                         "mfu",
                                         "hfu",
                                         "peak_mem_gb"};
    for (int k = 0; stc_vkinds[k]; k++)
        for (int c = 0; c < stc_vkinds[k]->n_cols; c++) {
            const struct stc_vcol *col = &stc_vkinds[k]->cols[c];
            const int calls = col->fn != NULL || col->qfn != NULL;
            /* a column that only other columns' converters look at has neither */
            const int looked_at =
                col->conv == STC_VCONV_FN && !col->key && stc_vkinds[k]->is_query;
            ck_assert_msg((col->conv == STC_VCONV_FN) == (calls || looked_at), "%s",
                          col->column);
            if (col->key && !stc_vkinds[k]->is_query)
                ck_assert_msg(stc_scenario_key(col->key) >= 0, "%s: no key %s",
                              col->column, col->key);
            for (size_t h = 0; h < sizeof hidden / sizeof hidden[0]; h++)
                ck_assert_str_ne(col->column, hidden[h]);
        }
}
END_TEST

START_TEST(validate_threads_change_nothing)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc *sim = opened();
    size_t n;
    char *text = sample(&a, 0, &n);
    struct stc_vreport x = run(&a, sim, text, n, 1), y = run(&a, sim, text, n, 4);
    must_be_equal(&x, &y);
    ck_assert_double_eq(x.time_score, y.time_score);
    stc_close(sim);
    stc_arena_free(&a);
}
END_TEST

/* The emitted scenario, loaded and simulated, gives the row's number. */
START_TEST(validate_an_emitted_row_simulates_to_the_same_number)
{
    /* the last two leave micro-batch and recompute open */
    static const char *const ids[] = {"meglm-057", "bloom-130",     "titan-001",
                                      "mpt-039",   "internevo-033", "zb-013",
                                      "meglm-048", "meglm-090"};
    struct stc_arena a = STC_ARENA_INIT;
    struct stc *sim = opened();
    struct stc_vreport r;
    struct stc_diag diag = {""};
    struct stc_step step;
    char where[64];
    const char *conditions[] = {where};
    const struct stc_vopts o = {.where = conditions, .n_where = 1, .n_threads = 1};
    struct stc_out yaml = {0};
    snprintf(where, sizeof where, "id=%s", ids[_i]);
    ck_assert_int_eq(stc_validate_file(&a, truth, &sim->params, &o, &r, &diag), STC_OK);
    ck_assert_int_eq(r.n_rows, 1);
    ck_assert_msg(!r.rows[0].note[0], "%s", r.rows[0].note);
    ck_assert_int_eq(stc_validate_emit_yaml(sim, truth, ids[_i], &yaml, &diag), STC_OK);
    ck_assert_msg(stc_load_text(sim, "emitted", yaml.data, yaml.size, &diag) == STC_OK,
                  "%s\n%s", diag.text, yaml.data);
    ck_assert_msg(stc_simulate(sim, &step, &diag) == STC_OK, "%s", diag.text);
    ck_assert_double_eq(step.step_s, r.rows[0].cases[0].predicted);
    ck_assert_ptr_nonnull(strstr(yaml.data, "published:"));
    stc_out_free(&yaml);
    stc_close(sim);
    stc_arena_free(&a);
}
END_TEST

/* ==== rows ==== */

static const char three[] =
    "id,source,gpu,gpus,gpus_per_node,family,layers,hidden,heads,seq_len,framework,"
    "year,global_batch,micro_batch,"
    "step_time_s,tokens_per_s_per_gpu,peak_mem_gb,mem_kind\n"
    "a,one,A100-SXM4-80GB,8,8,gpt,24,2048,16,1024,Megatron-LM,2022,16,2,2,1000,40,"
    "nvidia-smi\n"
    ",one,A100-SXM4-80GB,8,8,gpt,24,2048,16,1024,Megatron-LM,2022,16,2,,1000,,\n"
    "\"c,\"\"q\"\"\",two,A100-SXM4-81GB,8,8,gpt,24,2048,16,1024,Megatron-LM,2022,16,2,"
    "2,,40,\n";

START_TEST(validate_rows_have_a_line_for_every_measured_quantity)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc *sim = opened();
    struct stc_vreport r = run(&a, sim, three, strlen(three), 1);
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    ck_assert_int_eq(stc_validate_write_rows(&r, f), STC_OK);
    fclose(f);
    struct stc_csv csv;
    bool got;
    ck_assert(strncmp(text, "id,quantity,measured,predicted,lo90,hi90,note\n", 46) ==
              0);
    ck_assert_int_eq(stc_csv_open_mem(&csv, "rows", text, len, NULL), STC_OK);
    static const struct {
        const char *id, *quantity;
        double measured;
        int forecast;
    } lines[] = {
        {"a", "step_time_s", 2, 1},
        {"a", "peak_mem_bytes", 40 * 1073741824.0, 1},
        {"2", "tokens_per_s_per_gpu", 1000, 1}, /* a row without an id is its number */
        {"c,\"q\"", "step_time_s", 2, 0},       /* no such GPU: the note says so */
        {"c,\"q\"", "peak_mem_bytes", 40 * 1073741824.0, 0},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        double measured = 0;
        ck_assert_int_eq(stc_csv_next(&csv, &got, NULL), STC_OK);
        ck_assert(got);
        ck_assert_str_eq(csv.field[0], lines[i].id);
        ck_assert_str_eq(csv.field[1], lines[i].quantity);
        ck_assert_int_eq(stc_csv_double(&csv, 2, &measured, NULL, NULL), STC_OK);
        ck_assert_double_eq(measured, lines[i].measured);
        ck_assert_int_eq(csv.field[3][0] != '\0', lines[i].forecast);
        ck_assert_int_eq(csv.field[6][0] == '\0', lines[i].forecast);
    }
    ck_assert_int_eq(stc_csv_next(&csv, &got, NULL), STC_OK);
    ck_assert(!got);
    stc_csv_close(&csv);
    free(text);
    stc_close(sim);
    stc_arena_free(&a);
}
END_TEST

START_TEST(validate_the_interval_holds_the_forecast)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc *sim = opened();
    struct stc_vreport r = run(&a, sim, three, strlen(three), 1);
    for (int i = 0; i < 2; i++) {
        const struct stc_vcase *c = &r.rows[i].cases[0];
        ck_assert_double_lt(c->lo90, c->predicted);
        ck_assert_double_gt(c->hi90, c->predicted);
    }
    stc_close(sim);
    stc_arena_free(&a);
}
END_TEST

/* ==== score ==== */

/* By hand. one: errors +10 %, -20 %: MAPE 15 %, bias -5 %. two: one row 50 %
 * off, one without a forecast (100 %): MAPE 75 %. Score: (15 + 75) / 2 = 45 %. */
START_TEST(validate_the_score_is_the_mean_over_sources)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_vrow rows[] = {
        {.id = "p",
         .source = "one",
         .mem_kind = "-",
         .n_cases = 1,
         .cases = {{.measured = 10, .predicted = 11, .lo90 = 9, .hi90 = 12}}},
        {.id = "q",
         .source = "one",
         .mem_kind = "-",
         .n_cases = 1,
         .cases = {{.measured = 10, .predicted = 8, .lo90 = 7, .hi90 = 9}}},
        {.id = "r",
         .source = "two",
         .mem_kind = "-",
         .n_cases = 1,
         .cases = {{.measured = 4, .predicted = 6, .lo90 = 5, .hi90 = 7}}},
        {.id = "s",
         .source = "two",
         .mem_kind = "-",
         .n_cases = 1,
         .cases = {{.measured = 4, .predicted = (double)NAN}}},
    };
    struct stc_vreport r = {.rows = rows, .n_rows = 4};
    ck_assert_int_eq(stc_validate_sum(&a, &r, NULL), STC_OK);
    ck_assert_int_eq(r.n_time, 2);
    ck_assert_double_eq_tol(r.time[0].mape, 0.15, 1e-12);
    ck_assert_double_eq_tol(r.time[0].bias, -0.05, 1e-12);
    ck_assert_str_eq(r.time[0].worst_id, "q");
    ck_assert_double_eq_tol(r.time[1].mape, 0.75, 1e-12);
    ck_assert_int_eq(r.time[1].n_missing, 1);
    ck_assert_double_eq_tol(r.time_score, 0.45, 1e-12);
    ck_assert_double_eq_tol(r.inside90, 1.0 / 3, 1e-12);
    ck_assert(isnan(r.mem_score));
    stc_arena_free(&a);
}
END_TEST

/* ==== refused ==== */

static const struct {
    const char *what, *text, *where, *says;
} refused[] = {
    {"not such a table", "a,b\n1,2\n", NULL, "t.csv:1"},
    {"empty", "", NULL, "t.csv"},
    {"a short row", "gpu,gpus,layers,hidden,framework,global_batch\nx\n", NULL,
     "t.csv:2"},
    {"no such column", "gpu,gpus,layers,hidden,framework,global_batch\n", NULL, ""},
    {"where without =", "gpu,gpus,layers,hidden,framework,global_batch\na,1,1,1,f,1\n",
     "gpu", "column=value"},
    {"where of no column",
     "gpu,gpus,layers,hidden,framework,global_batch\na,1,1,1,f,1\n", "gpuu=x", "gpu"},
    {"a word for a measurement",
     "gpu,gpus,layers,hidden,framework,global_batch,step_time_s\na,1,1,1,f,1,fast\n",
     NULL, "t.csv:2"},
};

START_TEST(validate_refuses_with_file_and_line)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc *sim = opened();
    struct stc_vreport r;
    struct stc_diag diag = {""};
    const char *where[] = {refused[_i].where};
    const struct stc_vopts o = {
        .where = where, .n_where = refused[_i].where ? 1 : 0, .n_threads = 1};
    enum stc_err err =
        stc_validate_mem(&a, "t.csv", refused[_i].text, strlen(refused[_i].text),
                         &sim->params, &o, &r, &diag);
    ck_assert_int_eq(err == STC_OK, refused[_i].says[0] == '\0');
    ck_assert_msg(strstr(diag.text, refused[_i].says) != NULL, "%s: %s",
                  refused[_i].what, diag.text);
    stc_close(sim);
    stc_arena_free(&a);
}
END_TEST

/* ==== rows that nothing is fitted on ==== */

/* The distinct sources of a table, a line each; how many rows it has. */
static char *sources_of(struct stc_arena *a, const char *path, int *n_rows)
{
    struct stc_csv csv;
    struct stc_text t;
    bool got = true;
    int source;
    *n_rows = 0;
    stc_text_init(&t, 1 << 20);
    stc_text_printf(&t, "\n");
    ck_assert_int_eq(stc_csv_open(&csv, path, NULL), STC_OK);
    ck_assert_int_eq(stc_csv_need(&csv, "source", &source, NULL), STC_OK);
    for (; stc_csv_next(&csv, &got, NULL) == STC_OK && got; ++*n_rows) {
        char line[256];
        snprintf(line, sizeof line, "\n%s\n", csv.field[source]);
        if (!strstr(stc_text_str(&t), line))
            stc_text_printf(&t, "%s\n", csv.field[source]);
    }
    stc_csv_close(&csv);
    char *kept = stc_arena_strdup(a, stc_text_str(&t));
    stc_text_free(&t);
    return kept;
}

START_TEST(validate_every_row_held_out_has_a_forecast_or_a_reason)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc *sim = opened();
    struct stc_vreport r;
    struct stc_diag diag = {""};
    const struct stc_vopts o = {0};
    int n_rows, n_truth, n_without = 0;
    char *mine = sources_of(&a, held_out, &n_rows);
    const char *fitted = sources_of(&a, truth, &n_truth);
    ck_assert_msg(stc_validate_file(&a, held_out, &sim->params, &o, &r, &diag) ==
                      STC_OK,
                  "%s", diag.text);
    ck_assert_int_eq(r.n_rows, n_rows);
    ck_assert_int_ge(n_rows, 50);
    ck_assert_int_ge(r.n_time, 12);
    for (int i = 0; i < r.n_rows; i++)
        for (int c = 0; c < r.rows[i].n_cases; c++) {
            const struct stc_vcase *k = &r.rows[i].cases[c];
            int has = isfinite(k->predicted) && k->predicted > 0;
            n_without += !has;
            ck_assert_msg(has || r.rows[i].note[0], "%s: neither forecast nor reason",
                          r.rows[i].id);
        }
    ck_assert_int_le(n_without, 1); /* DualPipe */
    for (char *s = strtok(mine, "\n"); s; s = strtok(NULL, "\n")) {
        char line[256];
        snprintf(line, sizeof line, "\n%s\n", s);
        ck_assert_msg(!strstr(fitted, line), "%s is fitted on", s);
    }
    stc_close(sim);
    stc_arena_free(&a);
}
END_TEST

static Suite *validate_suite(void)
{
    Suite *s = suite_create("validate");
    TCase *t = tcase_create("validate");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, validate_forecasts_do_not_depend_on_what_may_not_be_read);
    tcase_add_test(t, validate_unsaid_gpus_are_a_whole_job);
    tcase_add_test(t, validate_no_readable_column_is_a_measured_or_hidden_one);
    tcase_add_test(t, validate_threads_change_nothing);
    tcase_add_loop_test(t, validate_an_emitted_row_simulates_to_the_same_number, 0, 8);
    tcase_add_test(t, validate_rows_have_a_line_for_every_measured_quantity);
    tcase_add_test(t, validate_the_interval_holds_the_forecast);
    tcase_add_test(t, validate_the_score_is_the_mean_over_sources);
    tcase_add_loop_test(t, validate_refuses_with_file_and_line, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(t, validate_every_row_held_out_has_a_forecast_or_a_reason);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(validate_suite)
