/* api_sweep.c - a scenario over a grid of changed keys. */
#include "sim/api.h"

#include "reports/sweep_text.h"
#include "sim/study/sweep.h"

#include <string.h>

enum stc_err stc_sweep(struct stc *sim, const struct stc_sweep_options *o,
                       const char *path, struct stc_diag *diag)
{
    struct stc_team team;
    sim->simulated = sim->recorded = 0;
    stc_arena_reset(&sim->run);
    struct stc_sweep_opts *s = STC_NEW(&sim->run, struct stc_sweep_opts);
    if (!s) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    *s = (struct stc_sweep_opts){.tune = o->tune,
                                 .weak = o->weak,
                                 .shard = o->shard,
                                 .n_shards = o->n_shards,
                                 .n_threads = sim->opts.n_threads,
                                 .stop = o->stop,
                                 .progress = sim->opts.progress,
                                 .ctx = sim->opts.progress_ctx};
    enum stc_err err = STC_OK;
    for (int i = 0; err == STC_OK && i < o->n_vary; i++)
        err = stc_sweep_vary(s, o->vary[i], diag);
    if (err == STC_OK && o->n_vary == 0)
        err = stc_fail(
            diag, STC_ERR_PARSE,
            "sweep: nothing is varied; --vary cluster.nodes=16,32 would be right");
    if (err != STC_OK) return err;
    if (o->world) {
        stc_team_world(&team);
        s->team = &team;
    }
    err = stc_sweep_run(&sim->scenario, &sim->params, s, path, diag);
    int quiet = o->world && team.rank > 0;
    if (o->world) stc_team_finish(&team);
    return err == STC_OK && quiet ? STC_ERR_INTERRUPTED : err;
}

enum stc_err stc_sweep_merge_files(struct stc *sim, const char *out,
                                   const char *const *in, int n, struct stc_diag *diag)
{
    (void)sim;
    return stc_sweep_merge(out, in, n, diag);
}

enum stc_err stc_sweep_report(struct stc *sim, const char *path,
                              enum stc_sweep_format format, struct stc_out *out,
                              struct stc_diag *diag)
{
    struct stc_text t;
    /* a handle without a scenario only looks at the file */
    const struct stc_scenario *base = sim->scenario.file[0] ? &sim->scenario : NULL;
    sim->simulated = sim->recorded = 0;
    stc_arena_reset(&sim->run);
    struct stc_sweep_table *table = STC_NEW(&sim->run, struct stc_sweep_table);
    if (!table) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    enum stc_err err = stc_sweep_load(&sim->run, path, table, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    switch (format) {
    case STC_SWEEP_TEXT: stc_report_sweep(table, base, &t); break;
    case STC_SWEEP_CSV: stc_report_sweep_csv(table, &t); break;
    case STC_SWEEP_JSON: err = stc_report_sweep_json(table, base, &t, diag); break;
    case STC_SWEEP_PLOT: err = stc_report_sweep_plot(table, &t, diag); break;
    }
    return stc_api_out(&t, err, out, diag);
}
