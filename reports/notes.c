/* notes.c - see notes.h. */
#include "reports/notes.h"

#include "hw/catalogue.h"
#include "reports/fmt.h"

#include <stdio.h>
#include <string.h>

static void add_word(struct stc_gpu_note *n, struct stc_scenario *other,
                     const char *key, const char *value)
{
    struct stc_diag diag;
    size_t at = strlen(n->words);
    if (stc_scenario_set(other, key, value, &diag) != STC_OK) return;
    snprintf(n->words + at, sizeof n->words - at, "%s%s=%s", at ? " " : "", key, value);
}

/* What to say for the machine of node n->node, network included, and what it is. */
static void usual_machine(const struct stc_scenario *s, const char *fabric,
                          struct stc_gpu_note *n)
{
    struct stc_scenario other;
    struct stc_diag diag;
    stc_scenario_init(&other);
    other.said = s->said;
    other.catalogues = s->catalogues;
    other.said.c_gpu[0] = '\0';
    add_word(n, &other, "cluster.use", n->node);
    if (s->said.c_fabric[0] && fabric[0] && strcmp(s->fabric_name, fabric) != 0)
        add_word(n, &other, "cluster.fabric", fabric);
    if (s->said.c_nic_bw > 0) add_word(n, &other, "cluster.nic_bw", "auto");
    if (s->said.c_nics_per_node != STC_AUTO)
        add_word(n, &other, "cluster.nics_per_node", "auto");
    if (stc_scenario_resolve(&other, &diag) != STC_OK) return;
    n->usual = other.cluster;
    n->is_known = 1;
}

/* Of the size that is asked for, else of any. */
static const struct stc_hw_node *usual_node(const struct stc_hw *hw,
                                            const struct stc_cluster *c)
{
    const struct stc_hw_node *node;
    struct stc_cluster usual;
    const int sizes[] = {c->node.n_gpus, 0};
    for (int i = 0; i < 2; i++)
        if (stc_cluster_default_for_gpu(hw, c->gpu.name, sizes[i], 0, &usual, NULL) ==
                STC_OK &&
            stc_hw_find_node(hw, usual.node.name, &node, NULL) == STC_OK)
            return node;
    return NULL;
}

void stc_report_gpu_note(const struct stc_scenario *s, struct stc_gpu_note *out)
{
    const struct stc_hw *hw;
    const struct stc_hw_node *node;
    const struct stc_gpu *own;
    memset(out, 0, sizeof *out);
    if (!s->said.c_gpu[0] || !s->said.c_use[0]) return;
    if (stc_scenario_hw(s->catalogues, &hw, NULL) != STC_OK ||
        stc_hw_find_node(hw, s->node_name, &node, NULL) != STC_OK ||
        stc_hw_find_gpu(hw, node->gpu_name, &own, NULL) != STC_OK)
        return;
    if (strcmp(own->name, s->gpu_name) == 0) return;
    out->is_swapped = 1;
    out->own_gpu = own->name;
    node = usual_node(hw, &s->cluster);
    if (!node) return;
    out->node = node->name;
    usual_machine(s, node->fabric_name, out);
}

/* "NVLink 391.5 GB/s a GPU, 8 NICs of 400 Gbit/s, ib-ndr" */
static void put_machine(const struct stc_cluster *c, struct stc_text *out)
{
    struct stc_fmt f;
    if (c->node.intra == STC_INTRA_PCIE)
        stc_text_put(out, "no NVLink");
    else
        stc_text_printf(out, "NVLink %s a GPU",
                        stc_fmt_rate(&f, stc_cluster_nvlink_Bps(c)));
    stc_text_printf(out, ", %d NIC%s of %.0f Gbit/s", c->node.n_nics,
                    c->node.n_nics == 1 ? "" : "s", c->node.nic_Bps * 8e-9);
    if (c->fabric.name[0]) stc_text_printf(out, ", %s", c->fabric.name);
}

void stc_report_notes(const struct stc_scenario *s, struct stc_text *out)
{
    struct stc_gpu_note n;
    stc_report_gpu_note(s, &n);
    if (!n.is_swapped) return;
    stc_text_printf(out,
                    "%s is built with %s; cluster.gpu changed its GPUs alone. Forecast "
                    "here: ",
                    s->node_name, n.own_gpu);
    put_machine(&s->cluster, out);
    if (!n.node) {
        stc_text_printf(out, ". No node of the catalogue is built with %s.",
                        s->gpu_name);
        return;
    }
    stc_text_printf(out, ". Machines of %s are %s", s->gpu_name, n.words);
    if (n.is_known) {
        stc_text_put(out, ": ");
        put_machine(&n.usual, out);
    }
    stc_text_put(out, ".");
}

void stc_report_warning(const struct stc_scenario *s, struct stc_text *out)
{
    enum { LABEL = 10 };
    struct stc_scenario own = *s;
    struct stc_diag diag;
    struct stc_text t;
    if (stc_scenario_resolve(&own, &diag) != STC_OK) return; /* said elsewhere */
    stc_text_init(&t, 0);
    stc_report_notes(&own, &t);
    if (*stc_text_str(&t)) stc_fmt_wrap(out, "WARNING", LABEL, stc_text_str(&t));
    stc_text_free(&t);
}
