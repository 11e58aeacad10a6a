/* api_simulate.c - one training step and its reports. */
#include "sim/api.h"

#include "reports/plot.h"
#include "reports/step_json.h"
#include "reports/step_text.h"
#include "reports/trace.h"

#include <string.h>

enum stc_err stc_api_run(struct stc *sim, int record, struct stc_diag *diag)
{
    if (sim->simulated && (sim->recorded || !record)) return STC_OK;
    struct stc_scenario s = sim->scenario;
    enum stc_err err = stc_scenario_resolve(&s, diag);
    if (err != STC_OK) return err;
    if (record && s.said.record == 0)
        s.sim.record = STC_RECORD_STAGES; /* auto: what the output needs */
    stc_arena_reset(&sim->run);
    memset(&sim->result, 0, sizeof sim->result);
    sim->simulated = 0;
    err = stc_step_run(&s, &sim->params, &sim->run, &sim->result, diag);
    if (err != STC_OK) return err;
    sim->result.scenario_hash = stc_scenario_hash(&s);
    sim->result.cost_hash = sim->params.hash;
    sim->resolved = s;
    sim->simulated = 1;
    sim->recorded = record;
    return STC_OK;
}

enum stc_err stc_simulate(struct stc *sim, struct stc_step *step, struct stc_diag *diag)
{
    enum stc_err err = stc_api_run(sim, 0, diag);
    const struct stc_result *r = &sim->result;
    if (err != STC_OK || !step) return err;
    *step = (struct stc_step){.step_s = r->step_s,
                              .lo90_s = r->lo90_s,
                              .hi90_s = r->hi90_s,
                              .tokens_per_s = r->tokens_per_s,
                              .samples_per_s = r->samples_per_s,
                              .model_flop_per_s_per_gpu =
                                  r->flop_per_s_per_gpu[STC_FLOP_MODEL],
                              .mfu = r->mfu,
                              .hfu = r->hfu,
                              .peak_bytes = r->peak_bytes[STC_MEMREP_SMI],
                              .missing_bytes = r->fits ? 0 : r->mem_missing_bytes,
                              .fits = r->fits,
                              .n_gpus = sim->resolved.n_gpus,
                              .n_stages = r->n_stages,
                              .host_bytes = stc_host_sum(&r->host)};
    if (!r->host_fits)
        step->host_missing_bytes = step->host_bytes - r->host_capacity_bytes;
    return STC_OK;
}

enum stc_err stc_simulate_report(struct stc *sim, enum stc_format format,
                                 struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    enum stc_err err =
        stc_api_run(sim, format == STC_TEXT, diag); /* the Gantt needs spans */
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (format == STC_JSON)
        err = stc_report_step_json(&sim->resolved, &sim->result, &t, diag);
    else
        stc_report_step(&sim->resolved, &sim->result, &t);
    return stc_api_out(&t, err, out, diag);
}

enum stc_err stc_simulate_trace(struct stc *sim, int gzip, struct stc_out *out,
                                struct stc_diag *diag)
{
    struct stc_text t, z;
    enum stc_err err = stc_api_run(sim, 1, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, (size_t)1 << 30);
    err = stc_report_trace(&sim->resolved, &sim->result, &t, diag);
    if (err != STC_OK || !gzip) return stc_api_out(&t, err, out, diag);
    stc_text_init(&z, (size_t)1 << 30);
    err = stc_report_gzip(&t, &z, diag);
    stc_text_free(&t);
    return stc_api_out(&z, err, out, diag);
}

enum stc_err stc_simulate_memory_plot(struct stc *sim, struct stc_out *out,
                                      struct stc_diag *diag)
{
    struct stc_text t;
    enum stc_err err = stc_api_run(sim, 1, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    err = stc_report_memory_plot(&sim->resolved, &sim->result, &t, diag);
    return stc_api_out(&t, err, out, diag);
}
