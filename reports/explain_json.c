/* explain_json.c - the reasoning behind one estimate as JSON. */
#include "reports/explain_text.h"

#include "reports/json_util.h"
#include "sim/base/bind.h"

static json_t *terms(const struct stc_explain *e)
{
    json_t *list = json_array();
    for (int i = 0; i < e->n_terms; i++) {
        json_t *j = json_object();
        stc_json_put(j, "name", json_string(e->terms[i].name));
        stc_json_put(j, "value", stc_json_num(e->terms[i].value));
        stc_json_put(j, "cost_s", stc_json_num(e->terms[i].cost_s));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *fit(const struct stc_explain *e)
{
    if (!e->fit) return json_null();
    json_t *j = json_object();
    stc_json_put(j, "family",
                 json_string(stc_family_name((enum stc_family)e->fit->family)));
    stc_json_put(j, "gpu", json_string(e->fit->gpu));
    stc_json_put(j, "rows", json_integer(e->fit->n_rows));
    stc_json_put(j, "exact", json_boolean(e->exact));
    stc_json_put(j, "error_without_residual", stc_json_num(e->fit->err_plain));
    stc_json_put(j, "error", stc_json_num(e->fit->err_resid));
    stc_json_put(j, "terms", terms(e));
    return j;
}

static json_t *kernel(const struct stc_explain *e)
{
    const struct stc_est *x = &e->a.est;
    json_t *j = json_object();
    stc_json_put(j, "flop", stc_json_num(x->flop));
    stc_json_put(j, "bytes", stc_json_num(x->bytes));
    stc_json_put(j, "peak_flop_per_s", stc_json_num(e->peak_flop_per_s));
    stc_json_put(j, "arithmetic_s", stc_json_num(e->math_s));
    stc_json_put(j, "memory_s", stc_json_num(e->memory_s));
    stc_json_put(j, "physics_s", stc_json_num(x->physics_s));
    stc_json_put(j, "efficiency", stc_json_num(x->efficiency));
    stc_json_put(j, "residual", stc_json_num(x->residual));
    stc_json_put(j, "bound_by", json_string(x->bound));
    stc_json_put(j, "octaves_outside", stc_json_num(x->distance));
    stc_json_put(j, "fit", fit(e));
    return j;
}

static json_t *candidates(const struct stc_explain *e)
{
    json_t *list = json_array();
    for (int i = 0; i < e->n_candidates; i++) {
        const struct stc_coll_candidate *c = &e->candidates[i];
        json_t *j = json_object();
        stc_json_put(j, "algorithm", json_string(stc_coll_algo_name(c->algo)));
        stc_json_put(j, "protocol", json_string(stc_coll_proto_name(c->proto)));
        stc_json_put(j, "latency_s", stc_json_num(c->latency_s));
        stc_json_put(j, "bandwidth_s", stc_json_num(c->bw_s));
        stc_json_put(j, "port_bytes", stc_json_num(c->intra_bytes));
        stc_json_put(j, "nic_bytes", stc_json_num(c->net_bytes));
        stc_json_put(j, "chosen", json_boolean(c->chosen));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *collective(const struct stc_explain *e)
{
    const struct stc_coll_est *x = &e->a.coll;
    const struct stc_group_shape *g = &e->q.q.coll.shape;
    json_t *j = json_object();
    stc_json_put(j, "ranks", json_integer(g->n_ranks));
    stc_json_put(j, "nodes", json_integer(g->n_nodes));
    stc_json_put(j, "port_Bps", stc_json_num(g->intra_Bps));
    stc_json_put(j, "nics", json_integer(g->n_nics));
    stc_json_put(j, "nic_Bps", stc_json_num(g->nic_Bps));
    stc_json_put(j, "algorithm", json_string(stc_coll_algo_name(x->algo)));
    stc_json_put(j, "protocol", json_string(stc_coll_proto_name(x->proto)));
    stc_json_put(j, "channels", json_integer(x->n_channels));
    stc_json_put(j, "latency_s", stc_json_num(x->latency_s));
    stc_json_put(j, "physics_s", stc_json_num(x->physics_s));
    stc_json_put(j, "residual", stc_json_num(x->residual));
    stc_json_put(j, "port_bytes", stc_json_num(x->bytes_per_rank));
    stc_json_put(j, "nic_bytes", stc_json_num(x->net_bytes));
    stc_json_put(j, "bus_Bps", stc_json_num(x->bus_Bps));
    stc_json_put(j, "octaves_away", stc_json_num(x->distance));
    stc_json_put(j, "candidates", candidates(e));
    return j;
}

static json_t *near(const struct stc_explain *e)
{
    json_t *list = json_array();
    for (int i = 0; i < e->n_near; i++) {
        json_t *j = json_object();
        stc_json_put(j, "shape", json_string(e->near[i].what));
        stc_json_put(j, "row", json_integer(e->near[i].row));
        stc_json_put(j, "octaves_away", stc_json_num(e->near[i].distance));
        stc_json_put(j, "measured_s", stc_json_num(e->near[i].measured_s));
        stc_json_put(j, "estimate_s", stc_json_num(e->near[i].ours_s));
        json_array_append_new(list, j);
    }
    return list;
}

enum stc_err stc_report_explain_json(const struct stc_explain *e, struct stc_text *out,
                                     struct stc_diag *diag)
{
    json_t *doc = stc_json_document("explanation", 1);
    struct stc_text q;
    stc_text_init(&q, 4096);
    stc_query_write(&e->q, &q);
    stc_json_put(doc, "question", json_string(stc_text_str(&q)));
    stc_text_free(&q);
    stc_json_put(doc, "seconds", stc_json_num(e->a.seconds));
    stc_json_put(doc, "lo90_s", stc_json_num(e->a.lo90_s));
    stc_json_put(doc, "hi90_s", stc_json_num(e->a.hi90_s));
    stc_json_put(doc, "sigma_log", stc_json_num(e->a.sigma_log));
    stc_json_put(doc, "tier", json_string(stc_tier_name(e->a.tier)));
    stc_json_put(doc, "family", json_string(stc_family_name(e->a.family)));
    if (e->q.kind == STC_QUERY_COLLECTIVE)
        stc_json_put(doc, "collective", collective(e));
    else
        stc_json_put(doc, "kernel", kernel(e));
    stc_json_put(doc, "nearest", near(e));
    return stc_json_text(doc, out, diag);
}

/* ==== what can be asked ==== */

enum stc_err stc_report_explain_kinds_json(struct stc_text *out, struct stc_diag *diag)
{
    json_t *doc = stc_json_document("questions", 1), *list = json_array();
    for (int i = 0; i < STC_QUERY_COUNT; i++) {
        json_t *j = json_object();
        stc_json_put(j, "name", json_string(stc_query_kind_name((enum stc_qkind)i)));
        stc_json_put(j, "about", json_string(stc_query_kind_about((enum stc_qkind)i)));
        json_array_append_new(list, j);
    }
    stc_json_put(doc, "kinds", list);
    return stc_json_text(doc, out, diag);
}

static json_t *key(const struct stc_bind_row *row)
{
    char name[160];
    struct stc_text type;
    json_t *j = json_object();
    stc_text_init(&type, 0);
    stc_bind_type(row, &type);
    stc_json_put(j, "key", json_string(stc_bind_key(row, name, sizeof name)));
    stc_json_put(j, "about", json_string(row->help ? row->help : ""));
    stc_json_put(j, "type", json_string(stc_text_str(&type)));
    stc_json_put(j, "default",
                 row->def && row->def[0] ? json_string(row->def) : json_null());
    stc_json_put(j, "required", json_boolean(row->flags & STC_BIND_REQUIRED));
    stc_text_free(&type);
    return j;
}

enum stc_err stc_report_explain_keys_json(enum stc_qkind kind, struct stc_text *out,
                                          struct stc_diag *diag)
{
    const struct stc_bind_table *t = stc_query_keys(kind);
    json_t *doc = stc_json_document("keys", 1), *list = json_array();
    for (int i = 0; i < t->n_rows; i++)
        json_array_append_new(list, key(&t->rows[i]));
    stc_json_put(doc, "kind", json_string(stc_query_kind_name(kind)));
    stc_json_put(doc, "keys", list);
    return stc_json_text(doc, out, diag);
}
