/* notes_json.c - see notes_json.h. */
#include "reports/notes_json.h"

#include "reports/json_util.h"
#include "reports/notes.h"

static json_t *machine(const char *node, const struct stc_cluster *c)
{
    json_t *j = json_object();
    stc_json_put(j, "node", json_string(node));
    if (!c) return j;
    stc_json_put(j, "nvlink_Bps", stc_json_num(stc_cluster_nvlink_Bps(c)));
    stc_json_put(j, "nics", json_integer(c->node.n_nics));
    stc_json_put(j, "nic_Bps", stc_json_num(c->node.nic_Bps));
    stc_json_put(j, "fabric", json_string(c->fabric.name));
    return j;
}

json_t *stc_report_notes_json(const struct stc_scenario *s)
{
    struct stc_scenario own = *s;
    struct stc_gpu_note n;
    struct stc_diag diag;
    struct stc_text t;
    json_t *list = json_array(), *j;
    if (stc_scenario_resolve(&own, &diag) != STC_OK) return list;
    stc_report_gpu_note(&own, &n);
    if (!n.is_swapped) return list;
    j = json_object();
    stc_text_init(&t, 0);
    stc_report_notes(&own, &t);
    stc_json_put(j, "key", json_string("cluster.gpu"));
    stc_json_put(j, "text", json_string(stc_text_str(&t)));
    stc_text_free(&t);
    stc_json_put(j, "gpu", json_string(own.gpu_name));
    stc_json_put(j, "own_gpu", json_string(n.own_gpu));
    stc_json_put(j, "forecast", machine(own.node_name, &own.cluster));
    stc_json_put(j, "usual_is", n.node ? json_string(n.words) : json_null());
    stc_json_put(j, "usual",
                 n.node ? machine(n.node, n.is_known ? &n.usual : NULL) : json_null());
    json_array_append_new(list, j);
    return list;
}
