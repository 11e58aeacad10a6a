/* api_fit_steps.c - numbers of generations and stacks from a table of runs. */
#include "sim/api.h"

#include "calib/load_platform.h"
#include "reports/fit_json.h"
#include "sim/study/fit_platform.h"

enum { PLATFORM, STACKS, LOSO, FILES };

static enum stc_err texts(const struct stc_stepfit *f, enum stc_format format,
                          struct stc_out *report, struct stc_out files[FILES],
                          struct stc_diag *diag)
{
    struct stc_text t[FILES + 1];
    enum stc_err err = STC_OK;
    for (int i = 0; i <= FILES; i++)
        stc_text_init(&t[i], 0);
    stc_platform_write(f->cost, f->gen_rows, &t[PLATFORM]);
    stc_stepfit_stacks_yaml(f, &t[STACKS]);
    stc_stepfit_loso_csv(f, &t[LOSO]);
    if (format == STC_JSON)
        err = stc_report_stepfit_json(f, &t[FILES], diag);
    else
        stc_stepfit_report(f, &t[FILES]);
    for (int i = 0; i <= FILES; i++) /* frees each, also after an error */
        err = stc_api_out(&t[i], err, i < FILES ? &files[i] : report, diag);
    for (int i = 0; err != STC_OK && i < FILES; i++)
        stc_out_free(&files[i]);
    return err;
}

enum stc_err stc_calibrate_fit_steps(struct stc *sim, const char *csv_path,
                                     enum stc_format format, struct stc_out *report,
                                     struct stc_out files[3], struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_stepfit f;
    const struct stc_stepfit_opts o = {.n_threads = sim->opts.n_threads,
                                       .progress = sim->opts.progress,
                                       .ctx = sim->opts.progress_ctx};
    for (int i = 0; i < FILES; i++)
        files[i] = (struct stc_out){0};
    enum stc_err err = stc_stepfit_run(&a, csv_path, &sim->params, &o, &f, diag);
    if (err == STC_OK) err = texts(&f, format, report, files, diag);
    stc_arena_free(&a);
    return err;
}
