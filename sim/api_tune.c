/* api_tune.c - the best layout of a scenario. */
#include "sim/api.h"

#include "reports/notes.h"
#include "reports/tune_text.h"
#include "sim/study/tune.h"

#include <string.h>

struct tell { /* the handle's progress, in the search's words */
    struct stc *sim;
    const struct stc_tune_options *o;
};

static void progress(void *ctx, const char *what, long done, long total, double best_s)
{
    const struct tell *t = ctx;
    if (t->o->status)
        t->o->status(t->sim->opts.progress_ctx, what, done, total, best_s);
    else if (t->sim->opts.progress)
        t->sim->opts.progress(t->sim->opts.progress_ctx, done, total);
}

static enum stc_err write_best(const struct stc *sim, const struct stc_tune_result *r,
                               struct stc_out *yaml, struct stc_diag *diag)
{
    struct stc_text t;
    struct stc_scenario *best = NULL;
    struct stc_arena a = STC_ARENA_INIT;
    enum stc_err err = STC_OK;
    best = STC_NEW(&a, struct stc_scenario);
    if (!best) err = stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    if (err == STC_OK) err = stc_tune_apply(&sim->scenario, &r->picks[0], best, diag);
    if (err == STC_OK) {
        stc_text_init(&t, 0);
        err = stc_scenario_write(best, &t);
        err = stc_api_out(&t, err, yaml, diag);
    }
    stc_arena_free(&a);
    return err;
}

static enum stc_err report(struct stc *sim, const struct stc_tune_options *o,
                           enum stc_format format, const struct stc_tune_result *r,
                           struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    struct stc_tune_why *w = STC_NEW(&sim->run, struct stc_tune_why);
    enum stc_err err = STC_OK;
    if (!w) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    stc_text_init(&t, 0);
    if (format == STC_JSON) {
        err = stc_report_tune_json(&sim->scenario, r, &t, diag);
    } else {
        stc_report_warning(&sim->scenario, &t);
        stc_report_tune(&sim->scenario, r, !o->no_times, &t);
        if (o->explain)
            err = stc_tune_explain(&sim->run, &sim->scenario, &sim->params, r,
                                   o->explain, w, diag);
        if (o->explain && err == STC_OK) stc_report_why(r, w, o->explain, &t);
    }
    return stc_api_out(&t, err, out, diag);
}

enum stc_err stc_tune(struct stc *sim, const struct stc_tune_options *o,
                      enum stc_format format, struct stc_out *out, struct stc_out *yaml,
                      struct stc_diag *diag)
{
    struct stc_team team = {0};
    struct stc_tune_result *r = NULL;
    sim->simulated = sim->recorded = 0; /* its arena is used for the search */
    stc_arena_reset(&sim->run);
    r = STC_NEW(&sim->run, struct stc_tune_result);
    if (!r) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    struct tell tell = {sim, o};
    struct stc_tune_opts opts = {.top_n = o->top_n,
                                 .n_threads = sim->opts.n_threads,
                                 .front = o->front,
                                 .journal = o->journal,
                                 .stop = o->stop,
                                 .progress = progress,
                                 .ctx = &tell};
    if (o->world) {
        stc_team_world(&team);
        opts.team = &team;
    }
    enum stc_err err =
        stc_tune_run(&sim->run, &sim->scenario, &sim->params, &opts, r, diag);
    int mine = !o->world || team.rank == 0;
    if (err == STC_OK && mine) err = report(sim, o, format, r, out, diag);
    if (err == STC_OK && mine && yaml) err = write_best(sim, r, yaml, diag);
    if (o->world) stc_team_finish(&team);
    return err;
}

enum stc_err stc_tune_judge_report(struct stc *sim, const char *csv_path,
                                   enum stc_format format, struct stc_out *out,
                                   struct stc_diag *diag)
{
    struct stc_text t;
    struct stc_judge j;
    sim->simulated = sim->recorded = 0;
    stc_arena_reset(&sim->run);
    enum stc_err err = stc_tune_judge(&sim->run, stc_api_own(sim), csv_path,
                                      &sim->params, sim->opts.n_threads, &j, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (format == STC_JSON)
        err = stc_report_judge_json(&j, &t, diag);
    else
        stc_report_judge(&j, &t);
    return stc_api_out(&t, err, out, diag);
}
