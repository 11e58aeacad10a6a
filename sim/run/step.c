/* step.c - see step.h: place, lower, fold, run, derive. */
#include "sim/run/step.h"

#include <math.h>
#include <string.h>

#include "sim/run/breakdown.h"
#include "sim/run/derive.h"
#include "sim/run/lower_int.h"
#include "sim/run/memory.h"
#include "sim/run/prog.h"

static enum stc_err check_world(const struct stc_scenario *s, struct stc_diag *diag)
{
    int32_t world = stc_layout_world(&s->layout);
    int have = stc_cluster_n_gpus(&s->cluster);
    if (world <= have) return STC_OK;
    return stc_fail(diag, STC_ERR_INFEASIBLE,
                    "layout: tp %d x cp %d x dp %d x pp %d needs %d GPUs, the cluster "
                    "has %d; use more nodes or a smaller layout",
                    s->layout.tp, s->layout.cp, s->layout.dp, s->layout.pp, world,
                    have);
}

static enum stc_err too_long(const struct stc_scenario *s, struct stc_diag *diag)
{
    return stc_scenario_fail(s, STC_KEY_global_batch, diag, STC_ERR_RANGE,
                             "the step takes longer than the simulated clock holds "
                             "(106 days); a smaller batch or model would be right");
}

/* A day at the peak of all GPUs leaves room for what they do not reach of it. */
enum stc_err stc_step_check_length(const struct stc_scenario *s, struct stc_diag *diag)
{
    double tokens = (double)s->train.global_batch * s->train.seq_len;
    double flop =
        stc_model_flop(&s->model, STC_FLOP_MODEL_CAUSAL, tokens, s->train.seq_len);
    double peak = s->cluster.gpu.peak_flop_per_s[STC_MATH_FP16] * s->n_gpus;
    if (flop < peak * 86400) return STC_OK;
    return stc_scenario_fail(s, STC_KEY_global_batch, diag, STC_ERR_RANGE,
                             "the step takes more than a day even at the peak of all "
                             "GPUs; a smaller batch or model would be right");
}

/* Names as NCCL's environment has them; what is pinned must exist. */
static enum stc_err check_nccl(const struct stc_scenario *s, struct stc_diag *diag)
{
    enum stc_coll_algo algo;
    enum stc_coll_proto proto;
    if (s->sim.nccl_algo[0] && !stc_coll_algo_parse(s->sim.nccl_algo, &algo))
        return stc_fail(diag, STC_ERR_UNKNOWN,
                        "sim.nccl_algo: NCCL has no \"%s\"; Ring, Tree, NVLS, "
                        "NVLSTree, CollnetDirect or PAT would be right",
                        s->sim.nccl_algo);
    if (s->sim.nccl_proto[0] && !stc_coll_proto_parse(s->sim.nccl_proto, &proto))
        return stc_fail(
            diag, STC_ERR_UNKNOWN,
            "sim.nccl_proto: NCCL has no \"%s\"; LL, LL128 or Simple would be right",
            s->sim.nccl_proto);
    return STC_OK;
}

/* How fast compute goes beside communication: per communication class, the
 * operation that takes most of the GPU. */
static void rates(const struct stc_lowered *low, const struct stc_comms *c,
                  struct stc_machine_conf *conf)
{
    double rate[STC_COMM_CLASSES] = {1, 1, 1, 1};
    struct stc_overlap_params over;
    stc_low_overlap(low->p, &over);
    for (int32_t i = 0; i < c->n_join_ops; i++) {
        struct stc_overlap_comm beside;
        stc_overlap_of_coll(&c->op_est[i], &beside);
        double r = stc_overlap_compute_rate(&over, &low->s->cluster.gpu,
                                            STC_FAMILY_GEMM, &beside);
        if (r < rate[c->ops[i].comm_class]) rate[c->ops[i].comm_class] = r;
    }
    for (int mask = 0; mask < 1 << STC_COMM_CLASSES; mask++) {
        double r = 1;
        for (int k = 0; k < STC_COMM_CLASSES; k++)
            if (mask & (1 << k)) r *= rate[k];
        conf->rate[STC_WORK_GPU][mask] = r; /* the host feels nothing: left at 1 */
    }
}

static uint8_t *pick_observed(struct stc_arena *a, const struct stc_lowered *low,
                              const struct stc_comms *c)
{
    uint8_t *seen = STC_NEW_N(a, uint8_t, (size_t)c->part.n_ranks + 1);
    int32_t per_stage = low->place->n_ranks / low->n_stages;
    int all = low->s->sim.record == STC_RECORD_ALL;
    for (int32_t k = 0; seen && k < c->part.n_ranks; k++)
        seen[k] = (uint8_t)(all || c->part.rank_rep[k] % per_stage == 0);
    return seen;
}

static enum stc_err simulate(struct stc_arena *a, const struct stc_lowered *low,
                             const struct stc_comms *comms, struct stc_watch *watch,
                             struct stc_run *run, struct stc_diag *diag)
{
    struct stc_step_prog prog;
    enum stc_err e = stc_step_prog_init(a, low, comms, &prog);
    if (e != STC_OK)
        return stc_fail(diag, e, "out of memory for %d ranks", comms->part.n_ranks);
    struct stc_machine_conf conf = {.n_ranks = (uint32_t)comms->part.n_ranks,
                                    .n_streams = STC_STREAM_COUNT,
                                    .n_comms = (uint32_t)comms->part.n_comms,
                                    .comm_members = comms->members,
                                    .n_ops = (uint32_t)comms->n_join_ops,
                                    .ops = comms->ops,
                                    .prog = stc_step_prog(&prog),
                                    .observe = stc_watch_task,
                                    .rerated = stc_watch_stretch,
                                    .observe_ctx = watch};
    conf.observed = pick_observed(a, low, comms);
    if (low->s->sim.record == STC_RECORD_TOTALS)
        conf.observed_streams = 1U << STC_STREAM_COMPUTE;
    rates(low, comms, &conf);
    struct stc_flownet *net = NULL;
    struct stc_machine *m = NULL;
    if (!conf.observed) e = STC_ERR_NOMEM;
    if (e == STC_OK && low->needs_flows)
        e = stc_flownet_init(&net, (uint32_t)comms->part.n_links,
                             comms->link_capacity_Bps, 1 / STC_TICKS_PER_S);
    conf.net = net;
    if (e == STC_OK) e = stc_machine_make(&m, &conf);
    if (e == STC_OK)
        e = stc_machine_run(m, &run->step_ticks, diag);
    else
        e = stc_fail(diag, e, "out of memory for %d ranks", comms->part.n_ranks);
    if (e == STC_OK) e = watch->err;
    if (e == STC_OK) {
        run->stats = stc_machine_stats(m);
        run->rank_end = STC_NEW_N(a, stc_tick, (size_t)comms->part.n_ranks);
        if (!run->rank_end) e = STC_ERR_NOMEM;
        for (int32_t k = 0; run->rank_end && k < comms->part.n_ranks; k++)
            run->rank_end[k] = stc_machine_rank_end(m, (uint32_t)k);
    }
    stc_machine_free(m);
    stc_flownet_free(net);
    return e;
}

enum stc_err stc_step_run(const struct stc_scenario *s, const struct stc_run_params *p,
                          struct stc_arena *a, struct stc_result *out,
                          struct stc_diag *diag)
{
    memset(out, 0, sizeof *out);
    enum stc_err e = check_world(s, diag);
    if (e == STC_OK) e = check_nccl(s, diag);
    if (e == STC_OK) e = stc_step_check_length(s, diag);
    if (e != STC_OK) return e;
    struct stc_run run = {.s = s, .cost = p->cost, .a = a, .out = out};
    struct stc_topo *topo;
    e = stc_topo_make(a, &s->cluster, &topo, diag);
    if (e != STC_OK) return e;
    run.place =
        (struct stc_place){&s->cluster, topo, &s->layout, stc_layout_world(&s->layout)};
    e = stc_lower(a, s, p, &run.place, &run.low, diag);
    if (e == STC_OK) e = stc_comms_make(a, &run.low, &run.comms, diag);
    if (e != STC_OK) return e;
    e = stc_watch_init(a, &run.low, &run.comms, &run.watch);
    if (e == STC_OK) e = simulate(a, &run.low, &run.comms, &run.watch, &run, diag);
    if (e == STC_ERR_RANGE) return too_long(s, diag);
    if (e == STC_OK) e = stc_derive(&run, diag);
    if (e == STC_ERR_NOMEM)
        return stc_fail(diag, e, "out of memory while simulating %d ranks",
                        run.place.n_ranks);
    return e;
}
