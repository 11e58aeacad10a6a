#include "reports/step_json.h"

#include "reports/json_util.h"
#include "reports/notes_json.h"
#include "reports/step_text.h"
#include "scenarios/catalogues.h"

static json_t *text_of(enum stc_err err, struct stc_text *t)
{
    json_t *j = err == STC_OK ? json_string(stc_text_str(t)) : json_null();
    stc_text_free(t);
    return j;
}

static json_t *scenario(const struct stc_scenario *s)
{
    struct stc_text t;
    json_t *j = json_object();
    stc_json_put(j, "title", json_string(s->title));
    stc_json_put(j, "model", json_string(s->model_name));
    stc_json_put(j, "parameters", stc_json_num(stc_model_params(&s->model)));
    stc_json_put(j, "gpu", json_string(s->gpu_name));
    stc_json_put(j, "node", json_string(s->node_name));
    stc_json_put(j, "fabric", json_string(s->fabric_name));
    stc_json_put(j, "stack", json_string(s->stack_name));
    stc_json_put(j, "catalogues",
                 s->catalogues ? json_string(s->catalogues->files) : json_null());
    stc_json_put(j, "n_gpus", json_integer(s->n_gpus));
    stc_json_put(j, "tp", json_integer(s->layout.tp));
    stc_json_put(j, "pp", json_integer(s->layout.pp));
    stc_json_put(j, "vp", json_integer(s->layout.vp));
    stc_json_put(j, "cp", json_integer(s->layout.cp));
    stc_json_put(j, "ep", json_integer(s->layout.ep));
    stc_json_put(j, "etp", json_integer(s->layout.etp));
    stc_json_put(j, "dp", json_integer(s->layout.dp));
    stc_json_put(j, "micro_batch", json_integer(s->layout.micro_batch));
    stc_json_put(j, "n_micro", json_integer(s->layout.n_micro));
    stc_json_put(j, "global_batch", json_integer(s->train.global_batch));
    stc_json_put(j, "seq_len", json_integer(s->train.seq_len));
    stc_text_init(&t, 0);
    stc_report_layout(s, &t);
    stc_json_put(j, "layout", text_of(stc_text_err(&t), &t));
    stc_text_init(&t, 0);
    enum stc_err err = stc_scenario_write(s, &t);
    stc_json_put(j, "yaml", text_of(err, &t));
    return j;
}

static json_t *memory(const struct stc_mem_est *m)
{
    json_t *j = json_object();
    for (int k = 0; k < STC_MEM_COUNT; k++)
        stc_json_put(j, stc_mem_name((enum stc_mem_kind)k), stc_json_num(m->bytes[k]));
    return j;
}

static json_t *stages(const struct stc_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n_stages; i++) {
        const struct stc_stage_result *st = &r->stages[i];
        json_t *j = json_object(), *parts = json_object();
        for (int p = 0; p < STC_PART_COUNT; p++)
            stc_json_put(parts, stc_part_key((enum stc_part)p),
                         stc_json_num(stc_tick_to_s(st->part_ticks[p])));
        stc_json_put(j, "stage", json_integer(st->stage));
        stc_json_put(j, "layers", json_integer(st->n_layers));
        stc_json_put(j, "ranks", json_integer(st->n_ranks));
        stc_json_put(j, "representative_rank", json_integer(st->representative));
        stc_json_put(j, "parts_s", parts);
        stc_json_put(j, "memory_bytes", memory(&st->mem));
        stc_json_put(j, "allocated_bytes", stc_json_num(stc_mem_allocated(&st->mem)));
        stc_json_put(j, "device_bytes", stc_json_num(stc_mem_smi(&st->mem)));
        stc_json_put(j, "tracked_peak_bytes", stc_json_num(st->tracked_peak_bytes));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *comms(const struct stc_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n_comms; i++) {
        const struct stc_comm_result *c = &r->comms[i];
        json_t *j = json_object();
        stc_json_put(j, "axis", json_string(c->axis ? c->axis : ""));
        stc_json_put(j, "collective", json_string(c->coll ? c->coll : ""));
        stc_json_put(j, "algorithm", json_string(c->algo ? c->algo : ""));
        stc_json_put(j, "protocol", json_string(c->proto ? c->proto : ""));
        stc_json_put(j, "ranks", json_integer(c->group_size));
        stc_json_put(j, "nodes", json_integer(c->group_nodes));
        stc_json_put(j, "calls", stc_json_num(c->calls));
        stc_json_put(j, "bytes", stc_json_num(c->bytes));
        stc_json_put(j, "busy_s", stc_json_num(c->busy_s));
        stc_json_put(j, "bus_Bps", stc_json_num(c->bus_Bps));
        stc_json_put(j, "by_flows", json_boolean(c->by_flows));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *links(const struct stc_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n_links; i++) {
        const struct stc_link_result *l = &r->links[i];
        json_t *j = json_object();
        stc_json_put(j, "name", json_string(l->name ? l->name : ""));
        stc_json_put(j, "n_links", json_integer(l->n_links));
        stc_json_put(j, "capacity_Bps", stc_json_num(l->capacity_Bps));
        stc_json_put(j, "bytes", stc_json_num(l->bytes));
        stc_json_put(j, "busiest_frac", stc_json_num(l->busiest_frac));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *evidence(const struct stc_result *r)
{
    json_t *j = json_object(), *tiers = json_object(), *families = json_object();
    for (int t = 0; t < STC_TIER_COUNT; t++)
        stc_json_put(tiers, stc_tier_name((enum stc_tier)t),
                     stc_json_num(r->tier_frac[t]));
    for (int k = 0; k < STC_FAMILY_COUNT; k++) {
        json_t *f = json_object();
        stc_json_put(f, "time_frac", stc_json_num(r->family_frac[k]));
        stc_json_put(f, "sigma_log", stc_json_num(r->family_sigma[k]));
        stc_json_put(families, stc_family_name((enum stc_family)k), f);
    }
    stc_json_put(j, "tiers", tiers);
    stc_json_put(j, "families", families);
    stc_json_put(j, "outside_measured_range", json_boolean(r->outside));
    return j;
}

static json_t *counts(const struct stc_counts *c)
{
    json_t *j = json_object();
    stc_json_put(j, "events", json_integer(c->events));
    stc_json_put(j, "tasks", json_integer(c->tasks));
    stc_json_put(j, "joins", json_integer(c->joins));
    stc_json_put(j, "joins_closed_form", json_integer(c->joins_closed));
    stc_json_put(j, "joins_as_flows", json_integer(c->joins_flows));
    stc_json_put(j, "flows", json_integer(c->flows));
    stc_json_put(j, "ranks", json_integer(c->n_ranks));
    stc_json_put(j, "rank_classes", json_integer(c->n_rank_classes));
    stc_json_put(j, "links", json_integer(c->n_links));
    stc_json_put(j, "link_classes", json_integer(c->n_link_classes));
    return j;
}

static void put_rates(json_t *doc, const struct stc_result *r)
{
    static const char *const conventions[] = {"model", "model_causal", "6n",
                                              "megatron"};
    json_t *rates = json_object();
    for (int c = 0; c < 4; c++)
        stc_json_put(rates, conventions[c], stc_json_num(r->flop_per_s_per_gpu[c]));
    stc_json_put(doc, "step_s", stc_json_num(r->step_s));
    stc_json_put(doc, "step_lo90_s", stc_json_num(r->lo90_s));
    stc_json_put(doc, "step_hi90_s", stc_json_num(r->hi90_s));
    stc_json_put(doc, "tokens_per_s", stc_json_num(r->tokens_per_s));
    stc_json_put(doc, "tokens_per_s_per_gpu", stc_json_num(r->tokens_per_s_per_gpu));
    stc_json_put(doc, "samples_per_s", stc_json_num(r->samples_per_s));
    stc_json_put(doc, "model_flop", stc_json_num(r->model_flop));
    stc_json_put(doc, "hardware_flop", stc_json_num(r->hw_flop));
    stc_json_put(doc, "flop_per_s_per_gpu", rates);
    stc_json_put(doc, "peak_flop_per_s", stc_json_num(r->peak_flop_per_s));
    stc_json_put(doc, "mfu", stc_json_num(r->mfu));
    stc_json_put(doc, "hfu", stc_json_num(r->hfu));
}

/* Of the fullest node. */
static json_t *host_kinds(const struct stc_host_est *h)
{
    json_t *j = json_object();
    for (int k = 0; k < STC_HOST_COUNT; k++)
        stc_json_put(j, stc_host_name((enum stc_host_kind)k),
                     stc_json_num(h->bytes[k]));
    if (h->nvme_bytes > 0) stc_json_put(j, "nvme", stc_json_num(h->nvme_bytes));
    return j;
}

static json_t *verdict(const struct stc_scenario *s, const struct stc_result *r)
{
    static const char *const kinds[] = {"allocated", "allocated-last-stage",
                                        "nvidia-smi", "unstated"};
    json_t *j = json_object(), *peaks = json_object();
    struct stc_text t;
    for (int k = 0; k < 4; k++)
        stc_json_put(peaks, kinds[k], stc_json_num(r->peak_bytes[k]));
    stc_json_put(j, "fits", json_boolean(r->fits));
    stc_json_put(j, "capacity_bytes", stc_json_num(r->mem_capacity_bytes));
    stc_json_put(j, "missing_bytes", stc_json_num(r->mem_missing_bytes));
    stc_json_put(j, "peak_stage", json_integer(r->peak_stage));
    stc_json_put(j, "peak_bytes", peaks);
    stc_json_put(j, "host_bytes", stc_json_num(stc_host_sum(&r->host)));
    stc_json_put(j, "host_capacity_bytes", stc_json_num(r->host_capacity_bytes));
    stc_json_put(j, "host", host_kinds(&r->host));
    stc_text_init(&t, 0);
    stc_report_verdict(s, r, &t);
    stc_json_put(j, "verdict", text_of(stc_text_err(&t), &t));
    return j;
}

static json_t *published(const struct stc_said *k)
{
    json_t *j = json_object();
    if (k->p_step >= 0) stc_json_put(j, "step_s", stc_json_num(k->p_step));
    if (k->p_tokens >= 0)
        stc_json_put(j, "tokens_per_s_per_gpu", stc_json_num(k->p_tokens));
    if (k->p_mem >= 0) stc_json_put(j, "peak_mem_bytes", stc_json_num(k->p_mem));
    if (k->p_source[0]) stc_json_put(j, "source", json_string(k->p_source));
    return j;
}

enum stc_err stc_report_step_json(const struct stc_scenario *s,
                                  const struct stc_result *r, struct stc_text *out,
                                  struct stc_diag *diag)
{
    json_t *doc = stc_json_document("training step", STC_RESULT_SCHEMA);
    stc_json_put(doc, "scenario_hash", stc_json_hash(r->scenario_hash));
    stc_json_put(doc, "cost_hash", stc_json_hash(r->cost_hash));
    stc_json_put(doc, "scenario", scenario(s));
    stc_json_put(doc, "notes", stc_report_notes_json(s));
    put_rates(doc, r);
    stc_json_put(doc, "memory", verdict(s, r));
    stc_json_put(doc, "slowest_stage", json_integer(r->slowest_stage));
    stc_json_put(doc, "stages", stages(r));
    stc_json_put(doc, "collectives", comms(r));
    stc_json_put(doc, "links", links(r));
    stc_json_put(doc, "evidence", evidence(r));
    stc_json_put(doc, "counts", counts(&r->counts));
    stc_json_put(doc, "published", published(&s->said));
    return stc_json_text(doc, out, diag);
}
