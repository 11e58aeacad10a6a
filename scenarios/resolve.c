/* resolve.c - a scenario's names become structs: cluster, stack, options. */
#include "scenarios/resolve.h"

#include "hw/catalogue.h"
#include "scenarios/catalogues.h"
#include "sim/base/bind.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* The stack when neither a name nor a framework is said: reports show it. */
static const char default_stack[] = "megatron-bridge-2026";

/* ==== said values to their targets ==== */

static int is_said(const struct stc_scenario *s, int row)
{
    const struct stc_bind_row *r = &stc_scenario_keys()->rows[row];
    const char *at = (const char *)s + r->offset;
    int32_t i;
    double d;
    if (r->type == STC_BIND_REAL) {
        memcpy(&d, at, sizeof d);
        return !(r->flags & STC_BIND_AUTO) || d >= 0;
    }
    if (r->type == STC_BIND_I64) return 1;
    memcpy(&i, at, sizeof i);
    if (r->type == STC_BIND_ENUM)
        return !stc_scenario_target(row)->auto_first || i != 0;
    return !(r->flags & STC_BIND_AUTO) || i != STC_AUTO;
}

static void put_int(void *to, uint32_t width, int32_t v)
{
    if (width == 1) {
        uint8_t v8 = (uint8_t)v;
        memcpy(to, &v8, 1);
    } else if (width == 2) {
        int16_t v16 = (int16_t)v;
        memcpy(to, &v16, 2);
    } else {
        memcpy(to, &v, 4);
    }
}

void stc_resolve_put(struct stc_scenario *s, const char *section)
{
    const struct stc_bind_table *t = stc_scenario_keys();
    for (int i = 0; i < t->n_rows; i++) {
        const struct stc_bind_row *r = &t->rows[i];
        const struct stc_key_target *to = stc_scenario_target(i);
        if (r->type == STC_BIND_NAME || to->offset == r->offset ||
            strcmp(r->section, section) != 0)
            continue;
        if (!is_said(s, i)) continue;
        if (r->type == STC_BIND_REAL || r->type == STC_BIND_I64) {
            memcpy((char *)s + to->offset, (const char *)s + r->offset, 8);
        } else {
            int32_t v;
            memcpy(&v, (const char *)s + r->offset, sizeof v);
            put_int((char *)s + to->offset, to->width, v - to->auto_first);
        }
    }
}

/* ==== cluster ==== */

static struct {
    struct stc_arena arena;
    struct stc_hw *hw;
    enum stc_err err;
    struct stc_diag diag;
} builtin;
static pthread_once_t builtin_once = PTHREAD_ONCE_INIT;

static void builtin_load(void)
{
    builtin.err = stc_hw_load(&builtin.arena, &builtin.hw, &builtin.diag);
}

enum stc_err stc_scenario_hw(const struct stc_catalogues *c, const struct stc_hw **out,
                             struct stc_diag *diag)
{
    if (c) {
        *out = c->hw;
        return STC_OK;
    }
    pthread_once(&builtin_once, builtin_load); /* written once, read by all */
    if (builtin.err != STC_OK)
        return stc_fail(diag, builtin.err, "%s", builtin.diag.text);
    *out = builtin.hw;
    return STC_OK;
}

static const char *name_or_null(const char *name)
{
    return name[0] ? name : NULL;
}

/* The row that a sentence about the whole cluster should point at. */
static int cluster_row(const struct stc_said *k)
{
    if (k->c_use[0]) return STC_KEY_c_use;
    return STC_KEY_c_gpu;
}

/* The fewest GPUs that the layout can be cut over; 0: no sensible number. */
static int32_t needed_gpus(const struct stc_said *k)
{
    int64_t inner = (int64_t)stc_said_or(k->tp, 1) * stc_said_or(k->cp, 1),
            pp = stc_said_or(k->pp, 1);
    int64_t ep = stc_said_or(k->ep, 1), etp = stc_said_or(k->etp, 1), dp = k->dp;
    if (dp == STC_AUTO)
        for (dp = 1; dp < ep * etp && dp * inner % (ep * etp) != 0;)
            dp++;
    int64_t n = inner * pp * dp;
    return n < 10000000 ? (int32_t)n : 0;
}

/* GPUs of the job: as said, or all of the nodes that are said, or what the
 * layout needs, filling one node when it divides it. */
static int32_t job_gpus(const struct stc_said *k, int32_t per_node)
{
    if (k->c_gpus != STC_AUTO) return k->c_gpus;
    if (k->c_nodes != STC_AUTO) return k->c_nodes * per_node;
    int32_t n = needed_gpus(k);
    return n == 0 || (k->dp == STC_AUTO && n < per_node && per_node % n == 0) ? per_node
                                                                              : n;
}

static enum stc_err find_cluster(struct stc_scenario *s, const struct stc_hw *hw,
                                 struct stc_diag *diag)
{
    const struct stc_said *k = &s->said;
    struct stc_cluster_ask ask = {.use = name_or_null(k->c_use),
                                  .gpu = name_or_null(k->c_gpu),
                                  .fabric = name_or_null(k->c_fabric),
                                  .n_nodes = 1,
                                  .gpus_per_node = stc_said_or(k->c_gpus_per_node, 0),
                                  .nic_Bps = k->c_nic_bw < 0 ? 0 : k->c_nic_bw,
                                  .nvlink_domain_gpus =
                                      stc_said_or(k->c_nvlink_domain, 0)};
    struct stc_diag why = {""};
    enum stc_err err = stc_cluster_resolve(hw, &ask, &s->cluster, &why);
    if (err != STC_OK)
        return stc_scenario_fail(s, cluster_row(k), diag, err, "%s", why.text);
    int32_t per_node = s->cluster.node.n_gpus;
    s->n_gpus = job_gpus(k, per_node);
    ask.n_nodes =
        k->c_nodes != STC_AUTO ? k->c_nodes : (s->n_gpus + per_node - 1) / per_node;
    if (k->c_nics_per_node != STC_AUTO)
        ask.nics_per_node = k->c_nics_per_node;
    else if (k->c_nic_bw > 0)
        ask.nics_per_node = per_node; /* one a GPU */
    err = stc_cluster_resolve(hw, &ask, &s->cluster, &why);
    if (err != STC_OK)
        return stc_scenario_fail(s, cluster_row(k), diag, err, "%s", why.text);
    if (s->n_gpus > ask.n_nodes * per_node)
        return stc_scenario_fail(
            s, STC_KEY_c_gpus, diag, STC_ERR_INFEASIBLE,
            "%d GPUs are asked of %d nodes of %d; %d nodes would be right",
            (int)s->n_gpus, ask.n_nodes, per_node,
            (int)((s->n_gpus + per_node - 1) / per_node));
    return STC_OK;
}

enum stc_err stc_resolve_cluster(struct stc_scenario *s, struct stc_diag *diag)
{
    const struct stc_hw *hw = NULL;
    struct stc_diag why = {""};
    if (!s->said.c_use[0] && !s->said.c_gpu[0])
        return stc_scenario_fail(s, STC_KEY_c_use, diag, STC_ERR_PARSE,
                                 "no cluster is said; a node (stepcast list nodes) or "
                                 "cluster.gpu would be right");
    enum stc_err err = stc_scenario_hw(s->catalogues, &hw, diag);
    if (err == STC_OK) err = find_cluster(s, hw, diag);
    if (err != STC_OK) return err;
    stc_resolve_put(s, "cluster");
    err = stc_cluster_finish(&s->cluster, &why);
    if (err != STC_OK)
        return stc_scenario_fail(s, cluster_row(&s->said), diag, err, "%s", why.text);
    snprintf(s->gpu_name, sizeof s->gpu_name, "%s", s->cluster.gpu.name);
    snprintf(s->node_name, sizeof s->node_name, "%s", s->cluster.node.name);
    snprintf(s->fabric_name, sizeof s->fabric_name, "%s", s->cluster.fabric.name);
    return STC_OK;
}

/* ==== stack ==== */

static void put_comm_overlap(struct stc_scenario *s)
{
    enum { NOT_SAID, NONE, DP, DP_TP };
    struct stc_stack *k = &s->stack;
    if (s->said.comm_overlap == NOT_SAID) return;
    int dp = s->said.comm_overlap != NONE;
    k->overlap_grad_reduce = k->overlap_param_gather = dp;
    if (!dp) k->overlap_p2p = k->overlap_moe = k->prefetch_layers = 0;
    k->overlap_tp = s->said.comm_overlap == DP_TP ? STC_OVERLAP_NEXT : STC_OVERLAP_NONE;
}

enum stc_err stc_resolve_stack(struct stc_scenario *s, struct stc_diag *diag)
{
    struct stc_diag why = {""};
    const struct stc_cat *own = stc_catalogues_stacks(s->catalogues);
    int row = STC_KEY_stack_use;
    enum stc_err err;
    s->year = s->said.year;
    snprintf(s->framework, sizeof s->framework, "%s", s->said.framework);
    if (s->said.stack_use[0]) {
        err = stc_stack_find(own, s->said.stack_use, &s->stack, &why);
    } else if (s->said.framework[0]) {
        row = STC_KEY_framework;
        err = stc_stack_for(own, s->said.framework,
                            stc_said_or(s->said.year, STC_STACK_NEWEST),
                            stc_gen_name(s->cluster.gpu.gen), &s->stack, &why);
    } else {
        s->stack_unsaid = s->stack_guessed = 1;
        err = stc_stack_find(own, default_stack, &s->stack, &why);
    }
    if (err != STC_OK) return stc_scenario_fail(s, row, diag, err, "%s", why.text);
    snprintf(s->stack_name, sizeof s->stack_name, "%s", s->stack.name);
    put_comm_overlap(s);
    stc_resolve_put(s, "stack");
    return STC_OK;
}

/* ==== the whole ==== */

static void put_options(struct stc_scenario *s)
{
    s->sim.record = STC_RECORD_TOTALS;
    stc_resolve_put(s, "sim");
    snprintf(s->sim.nccl_algo, sizeof s->sim.nccl_algo, "%s", s->said.nccl_algo);
    snprintf(s->sim.nccl_proto, sizeof s->sim.nccl_proto, "%s", s->said.nccl_proto);
    s->mem_kind = stc_chosen_or(s->said.p_mem_kind, STC_MEMREP_UNSTATED);
    snprintf(s->title, sizeof s->title, "%s", s->said.title);
}

enum stc_err stc_scenario_resolve(struct stc_scenario *s, struct stc_diag *diag)
{
    if (s->resolved) return STC_OK;
    struct stc_scenario r = {.said = s->said, .catalogues = s->catalogues};
    memcpy(r.file, s->file, sizeof r.file);
    memcpy(r.line, s->line, sizeof r.line);
    enum stc_err err = stc_resolve_model(&r, diag);
    if (err == STC_OK) err = stc_resolve_cluster(&r, diag);
    if (err == STC_OK) err = stc_resolve_stack(&r, diag);
    if (err == STC_OK) err = stc_resolve_train(&r, diag);
    if (err == STC_OK) err = stc_resolve_layout(&r, diag);
    if (err != STC_OK) return err;
    put_options(&r);
    err = stc_resolve_check(&r, diag);
    if (err != STC_OK) return err;
    r.resolved = 1;
    *s = r;
    return STC_OK;
}
