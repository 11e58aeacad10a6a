/* tune_json.c - a search's answer as JSON. */
#include "reports/json_util.h"
#include "reports/notes_json.h"
#include "reports/tune_text.h"

#include "scenarios/scenario.h"

static void put_int(json_t *o, const char *key, int64_t v)
{
    stc_json_put(o, key, json_integer(v));
}

static json_t *pick(const struct stc_tune_pick *k)
{
    json_t *o = json_object(), *parts = json_object();
    const struct stc_layout *l = &k->layout;
    if (k->keys[0]) stc_json_put(o, "set", json_string(k->keys));
    put_int(o, "gpus", k->n_gpus);
    put_int(o, "tp", l->tp);
    put_int(o, "pp", l->pp);
    put_int(o, "vp", l->vp);
    put_int(o, "cp", l->cp);
    put_int(o, "ep", l->ep);
    put_int(o, "dp", l->dp);
    put_int(o, "micro_batch", l->micro_batch);
    put_int(o, "n_micro", l->n_micro);
    stc_json_put(o, "step_s", stc_json_num(k->step_s));
    stc_json_put(o, "lo90_s", stc_json_num(k->lo90_s));
    stc_json_put(o, "hi90_s", stc_json_num(k->hi90_s));
    stc_json_put(o, "mfu", stc_json_num(k->mfu));
    stc_json_put(o, "tokens_per_s", stc_json_num(k->tokens_per_s));
    stc_json_put(o, "tokens_per_s_per_gpu", stc_json_num(k->tokens_per_s_per_gpu));
    stc_json_put(o, "peak_bytes", stc_json_num(k->peak_bytes));
    stc_json_put(o, "capacity_bytes", stc_json_num(k->capacity_bytes));
    stc_json_put(o, "watts_per_gpu", stc_json_num(k->watts));
    stc_json_put(o, "joules_per_token", stc_json_num(k->joules_per_token));
    stc_json_put(o, "usd_per_token", stc_json_num(k->usd_per_token));
    stc_json_put(o, "days", stc_json_num(k->days));
    stc_json_put(o, "cost", stc_json_num(k->cost));
    stc_json_put(o, "indistinct", json_boolean(k->indistinct));
    stc_json_put(o, "differs", json_string(k->differs));
    for (int p = 0; p < STC_PART_COUNT; p++)
        stc_json_put(parts, stc_part_key((enum stc_part)p), stc_json_num(k->part_s[p]));
    stc_json_put(o, "parts_s", parts);
    return o;
}

static json_t *list(const struct stc_tune_pick *v, int n)
{
    json_t *a = json_array();
    for (int i = 0; a && i < n; i++)
        if (json_array_append_new(a, pick(&v[i])) != 0) break;
    return a;
}

enum stc_err stc_report_tune_json(const struct stc_scenario *s,
                                  const struct stc_tune_result *r, struct stc_text *out,
                                  struct stc_diag *diag)
{
    json_t *o = stc_json_document("tune", 1), *why = json_object();
    stc_json_put(o, "scenario", json_string(s->file));
    stc_json_put(o, "scenario_hash", stc_json_hash(stc_scenario_hash(s)));
    stc_json_put(o, "objective", json_string(stc_tune_objective_name(r->objective)));
    put_int(o, "layouts", (int64_t)r->n_layouts);
    stc_json_put(o, "axes", json_string(r->axes));
    stc_json_put(o, "proven", json_boolean(!r->interrupted));
    for (int i = 0; i < STC_TUNE_REASONS; i++)
        put_int(why, stc_tune_reason_name((enum stc_tune_reason)i),
                (int64_t)r->count[i].n);
    stc_json_put(o, "settled", why);
    stc_json_put(o, "cutoff", stc_json_num(r->cutoff_s));
    stc_json_put(o, "wall_s", stc_json_num(r->wall_s));
    stc_json_put(o, "settled_per_s_per_core", stc_json_num(r->settled_per_s));
    stc_json_put(o, "usd_per_gpu_hour", stc_json_num(r->usd_per_gpu_hour));
    stc_json_put(o, "price_source", json_string(r->price_source));
    stc_json_put(o, "notes", stc_report_notes_json(s));
    stc_json_put(o, "best", list(r->picks, r->n_picks));
    stc_json_put(o, "front", list(r->front, r->n_front));
    if (r->has_own) stc_json_put(o, "own", pick(&r->own));
    return stc_json_text(o, out, diag);
}

enum stc_err stc_report_judge_json(const struct stc_judge *j, struct stc_text *out,
                                   struct stc_diag *diag)
{
    json_t *o = stc_json_document("judge", 1), *a = json_array();
    for (int i = 0; a && i < j->n; i++) {
        const struct stc_judge_group *g = &j->group[i];
        json_t *x = json_object();
        stc_json_put(x, "source", json_string(g->source));
        stc_json_put(x, "what", json_string(g->what));
        stc_json_put(x, "chosen", json_string(g->chosen));
        stc_json_put(x, "best", json_string(g->best));
        put_int(x, "runs", g->n);
        put_int(x, "pairs", g->n_pairs);
        stc_json_put(x, "loss", stc_json_num(g->loss));
        stc_json_put(x, "tau", stc_json_num(g->tau));
        if (json_array_append_new(a, x) != 0) break;
    }
    stc_json_put(o, "groups", a);
    stc_json_put(o, "loss", stc_json_num(j->loss));
    stc_json_put(o, "tau", stc_json_num(j->tau));
    return stc_json_text(o, out, diag);
}
