/* derive.c - see derive.h. */
#include "sim/run/derive.h"

#include <math.h>

#include "kernels/cost_params.h"
#include "sim/run/lower_int.h"
#include "sim/run/memory.h"

const char *stc_part_key(enum stc_part p)
{
    static const char *const keys[] = {
#define X(id, key, title) key,
        STC_PART_MAP(X)
#undef X
    };
    return keys[p];
}

const char *stc_part_title(enum stc_part p)
{
    static const char *const titles[] = {
#define X(id, key, title) title,
        STC_PART_MAP(X)
#undef X
    };
    return titles[p];
}

/* ---- rates ---- */

static void rates(struct stc_run *r)
{
    const struct stc_scenario *s = r->s;
    struct stc_result *o = r->out;
    double n = r->place.n_ranks, samples = s->train.global_batch;
    double tokens = samples * s->train.seq_len;
    o->step_ticks = r->step_ticks;
    o->step_s = stc_tick_to_s(r->step_ticks);
    o->samples_per_s = samples / o->step_s;
    o->tokens_per_s = tokens / o->step_s;
    o->tokens_per_s_per_gpu = o->tokens_per_s / n;
    for (int c = 0; c <= STC_FLOP_MEGATRON; c++)
        o->flop_per_s_per_gpu[c] =
            stc_model_flop(&s->model, (enum stc_flop_convention)c, tokens,
                           s->train.seq_len) /
            o->step_s / n;
    o->model_flop = stc_model_flop(&s->model, STC_FLOP_MODEL, tokens, s->train.seq_len);
    enum stc_math math = stc_dtype_info((enum stc_dtype)s->train.precision)->math;
    o->peak_flop_per_s = s->cluster.gpu.peak_flop_per_s[math];
    if (o->peak_flop_per_s <= 0)
        o->peak_flop_per_s = s->cluster.gpu.peak_flop_per_s[STC_MATH_FP32];
    int32_t per_stage = r->place.n_ranks / r->low.n_stages;
    double again_flop = 0;
    for (int32_t i = 0; i < r->low.n_stages; i++) {
        o->hw_flop += r->low.stages[i].hw_flop * per_stage;
        again_flop += r->low.stages[i].again_flop * per_stage;
    }
    o->mfu = o->flop_per_s_per_gpu[STC_FLOP_MODEL] / o->peak_flop_per_s;
    o->hfu = o->mfu + again_flop / o->step_s / n / o->peak_flop_per_s;
}

/* ---- stages ---- */

static int32_t representative(const struct stc_run *r, int32_t stage)
{
    return stage * (r->place.n_ranks / r->low.n_stages);
}

static enum stc_err stage(struct stc_run *r, int32_t i, struct stc_diag *diag)
{
    struct stc_stage_result *o = &r->out->stages[i];
    int32_t rank = representative(r, i), cls = r->comms.part.rank_class[rank];
    stc_watch_end(&r->watch, i, r->rank_end[cls], r->step_ticks);
    *o = (struct stc_stage_result){.stage = i,
                                   .n_layers = r->low.stages[i].n_layers,
                                   .n_ranks = r->place.n_ranks / r->low.n_stages,
                                   .representative = rank};
    for (int p = 0; p < STC_PART_COUNT; p++)
        o->part_ticks[p] = r->watch.parts[i][p];
    struct stc_build b = {&r->s->model, &r->s->layout, &r->s->train, &r->s->stack};
    enum stc_err e = stc_mem_estimate(&b, i, &o->mem, diag);
    if (e != STC_OK) return e;
    struct stc_track t;
    e = stc_track_stage(r->a, &r->low, i, &o->mem, &r->watch, &t);
    if (e != STC_OK) return e;
    o->tracked_peak_bytes = t.peak_bytes;
    o->n_mem_points = t.n_points;
    o->mem_points = t.points;
    return STC_OK;
}

static stc_tick busy_ticks(const struct stc_stage_result *s)
{
    stc_tick t = 0;
    for (int p = 0; p < STC_PART_COUNT; p++)
        if (p != STC_PART_BUBBLE && p != STC_PART_PP_COMM && p != STC_PART_OTHER)
            t += s->part_ticks[p];
    return t;
}

static enum stc_err stages(struct stc_run *r, struct stc_diag *diag)
{
    struct stc_result *o = r->out;
    o->n_stages = r->low.n_stages;
    o->stages = STC_NEW_N(r->a, struct stc_stage_result, (size_t)o->n_stages);
    if (!o->stages) return STC_ERR_NOMEM;
    for (int32_t i = 0; i < o->n_stages; i++) {
        enum stc_err e = stage(r, i, diag);
        if (e != STC_OK) return e;
        if (busy_ticks(&o->stages[i]) > busy_ticks(&o->stages[o->slowest_stage]))
            o->slowest_stage = i;
    }
    return STC_OK;
}

/* ---- memory ---- */

static void memory(struct stc_run *r)
{
    struct stc_result *o = r->out;
    o->mem_capacity_bytes = r->s->cluster.gpu.mem_bytes;
    double worst = 0;
    for (int32_t i = 0; i < o->n_stages; i++) {
        const struct stc_mem_est *m = &o->stages[i].mem;
        double alloc = stc_mem_allocated(m), smi = stc_mem_smi(m);
        if (alloc > o->peak_bytes[STC_MEMREP_ALLOCATED])
            o->peak_bytes[STC_MEMREP_ALLOCATED] = alloc;
        double reserved = stc_mem_reserved(m);
        if (reserved > o->peak_bytes[STC_MEMREP_UNSTATED])
            o->peak_bytes[STC_MEMREP_UNSTATED] = reserved;
        if (smi > o->peak_bytes[STC_MEMREP_SMI]) o->peak_bytes[STC_MEMREP_SMI] = smi;
        if (i == o->n_stages - 1) o->peak_bytes[STC_MEMREP_ALLOCATED_LAST] = alloc;
        double need =
            alloc +
            m->bytes[STC_MEM_CONTEXT]; /* the cache gives way before a job dies */
        if (need > worst) {
            worst = need;
            o->peak_stage = i;
        }
    }
    double room = o->mem_capacity_bytes - r->s->sim.mem_margin_bytes;
    o->fits = worst <= room;
    o->mem_missing_bytes = o->fits ? 0 : worst - room;
}

/* ---- the machines' own memory ---- */

static void add_host(struct stc_host_est *to, const struct stc_host_est *x)
{
    for (int k = 0; k < STC_HOST_COUNT; k++)
        to->bytes[k] += x->bytes[k];
    to->nvme_bytes += x->nvme_bytes;
}

/* Each replica's data are loaded by its first rank. */
static enum stc_err host_memory(struct stc_run *r)
{
    struct stc_result *o = r->out;
    const struct stc_layout *l = &r->s->layout;
    const struct stc_build b = {&r->s->model, l, &r->s->train, &r->s->stack};
    int32_t n_ranks = r->place.n_ranks, per_node = r->s->cluster.node.n_gpus,
            per_stage = n_ranks / o->n_stages;
    struct stc_host_est *of =
        STC_NEW_N(r->a, struct stc_host_est, (size_t)o->n_stages * 2);
    if (!of) return STC_ERR_NOMEM;
    for (int32_t i = 0; i < o->n_stages; i++)
        for (int loads = 0; loads < 2; loads++)
            stc_host_estimate(&b, i, loads, &of[2 * i + loads]);
    for (int32_t first = 0; first < n_ranks; first += per_node) {
        struct stc_host_est node = {{0}, 0};
        for (int32_t rank = first; rank < first + per_node && rank < n_ranks; rank++) {
            int32_t stage = rank / per_stage;
            add_host(&node,
                     &of[2 * stage + (stage == 0 && rank % (l->tp * l->cp) == 0)]);
        }
        if (stc_host_sum(&node) > stc_host_sum(&o->host)) o->host = node;
    }
    o->host_capacity_bytes = r->s->cluster.node.ram_bytes;
    o->host_fits =
        o->host_capacity_bytes <= 0 || stc_host_sum(&o->host) <= o->host_capacity_bytes;
    o->fits = o->fits && o->host_fits;
    return STC_OK;
}

/* ---- uncertainty, tiers ---- */

static double part_s(const struct stc_stage_result *s, enum stc_part p)
{
    return stc_tick_to_s(s->part_ticks[p]);
}

/* Adds what is exposed of joins: their sigma, weighted by how much of the stage
 * waits for them. */
static void join_sigma(const struct stc_run *r, double exposed_s, int pipeline,
                       double *family_s, double *family_var)
{
    double s = 0, var[STC_FAMILY_COUNT] = {0}, sec[STC_FAMILY_COUNT] = {0};
    for (int32_t k = 0; k < r->comms.part.n_comms; k++) {
        const struct stc_comm_info *x = &r->comms.info[r->comms.part.comm_rep[k]];
        int is_pipe = x->slot == STC_SLOT_FSEND || x->slot == STC_SLOT_BSEND;
        if (is_pipe != pipeline) continue;
        const struct stc_coll_est *e = &r->comms.op_est[r->comms.op_index[k]];
        s += e->seconds;
        sec[e->family] += e->seconds;
        var[e->family] += e->seconds * e->sigma_log;
    }
    for (int f = 0; f < STC_FAMILY_COUNT && s > 0; f++) {
        family_s[f] += exposed_s * sec[f] / s;
        family_var[f] += exposed_s * var[f] / s;
    }
}

/* The lowering's own error (overlap, what stacks do) has no family: it is fitted
 * per class of step (calib/data/platform.yaml). */
static enum stc_lowering lowering_class(const struct stc_run *r, double host_s)
{
    if (r->s->stack_guessed) return STC_LOWERING_GUESSED;
    if (r->s->model.n_experts > 0) return STC_LOWERING_EXPERTS;
    return host_s > r->out->step_s / 20 ? STC_LOWERING_HOST : STC_LOWERING_DENSE;
}

static void uncertainty(struct stc_run *r)
{
    struct stc_result *o = r->out;
    const struct stc_stage_result *s = &o->stages[o->slowest_stage];
    const struct stc_ledger *l = &r->low.stages[o->slowest_stage].ledger;
    double fs[STC_FAMILY_COUNT], fv[STC_FAMILY_COUNT], total = 0, var = 0, tiers = 0;
    for (int f = 0; f < STC_FAMILY_COUNT; f++) {
        fs[f] = l->family_s[f];
        fv[f] = l->family_var[f];
    }
    join_sigma(r, part_s(s, STC_PART_DP_COMM), 0, fs, fv);
    join_sigma(r, part_s(s, STC_PART_PP_COMM), 1, fs, fv);
    double host = part_s(s, STC_PART_HOST);
    fs[STC_FAMILY_HOST] += host;
    fv[STC_FAMILY_HOST] += 0.3 * host;
    double copies = part_s(s, STC_PART_OFFLOAD);
    fs[STC_FAMILY_COPY] += copies;
    fv[STC_FAMILY_COPY] +=
        0.3 * copies; /* links and processors of one kind of host differ as much */
    for (int f = 0; f < STC_FAMILY_COUNT; f++) {
        total += fs[f];
        var += fv[f] * fv[f];
    }
    for (int f = 0; f < STC_FAMILY_COUNT && total > 0; f++) {
        o->family_frac[f] = fs[f] / total;
        o->family_sigma[f] = fs[f] > 0 ? fv[f] / fs[f] : 0;
    }
    for (int k = 0; k < STC_TIER_COUNT; k++)
        tiers += l->tier_s[k];
    for (int k = 0; k < STC_TIER_COUNT && tiers > 0; k++)
        o->tier_frac[k] = l->tier_s[k] / tiers;
    double rel = total > 0 ? var / (total * total) : 0;
    o->lowering = lowering_class(r, host);
    o->lowering_sigma_log = r->cost->lowering_sigma_log[o->lowering];
    double sigma = sqrt(rel + o->lowering_sigma_log * o->lowering_sigma_log);
    o->lo90_s = o->step_s * exp(-1.645 * sigma);
    o->hi90_s = o->step_s * exp(1.645 * sigma);
    o->outside = l->outside;
}

/* ---- collectives and links ---- */

/* A send counts, its receive is the same. */
static bool is_counted(const struct stc_task *t)
{
    return t->kind == STC_TASK_JOIN && t->ref != STC_SLOT_FRECV &&
           t->ref != STC_SLOT_BRECV;
}

/* Counts the joins of one rank's step into its ledger. */
static void count_joins(const struct stc_run *r, int32_t stage_i, struct stc_ledger *l)
{
    const struct stc_stage_tmpl *t = &r->low.stages[stage_i];
    int32_t rank = representative(r, stage_i);
    bool joins[STC_STREAM_COUNT] = {false};
    int streams[STC_STREAM_COUNT] = {0}, n_streams = 0;
    for (int32_t i = 0; i < t->n_blocks; i++)
        for (int s = 0; s < STC_STREAM_COUNT; s++)
            for (uint32_t k = 0; k < t->blocks[i].n[s]; k++)
                joins[s] |= is_counted(&t->tasks[t->blocks[i].off[s] + k]);
    for (int s = 0; s < STC_STREAM_COUNT; s++)
        if (joins[s]) streams[n_streams++] = s;
    for (int32_t i = 0; i < t->n_items; i++) {
        const struct stc_block_tmpl *b = &t->blocks[t->item_block[i]];
        for (int x = 0; x < n_streams; x++) {
            int s = streams[x];
            for (uint32_t k = 0; k < b->n[s]; k++) {
                const struct stc_task *task = &t->tasks[b->off[s] + k];
                if (!is_counted(task)) continue;
                int32_t comm = r->comms.rank_comm[task->ref][rank];
                int32_t op = r->comms.op_index[r->comms.part.comm_class[comm]] +
                             r->comms.op_rank[task->amount];
                const struct stc_comm_op *co = &r->low.ops[task->amount];
                stc_ledger_coll(l, stc_slot_axis((enum stc_slot)task->ref),
                                (enum stc_coll)co->coll,
                                &r->comms.shapes[r->comms.info[comm].shape],
                                &r->comms.op_est[op], co->bytes, 1);
            }
        }
    }
}

static struct stc_group_shape axis_shape(const struct stc_run *r, enum stc_axis x)
{
    struct stc_group_shape s;
    struct stc_group g =
        stc_layout_group(&r->s->layout, x, representative(r, r->out->slowest_stage));
    stc_place_shape(&r->place, &g, &s);
    return s;
}

/* Blocking collectives are closed forms whatever the network carries. */
static int on_own_stream(enum stc_axis x)
{
    return x == STC_AXIS_PP || x == STC_AXIS_DPCP || x == STC_AXIS_EDP ||
           x == STC_AXIS_SHARD || x == STC_AXIS_REPLICA;
}

static void comm_row(struct stc_run *r, enum stc_axis x, enum stc_coll c,
                     const struct stc_coll_book *b)
{
    struct stc_comm_result *o = &r->out->comms[r->out->n_comms++];
    struct stc_group_shape s = axis_shape(r, x);
    struct stc_coll_est e;
    struct stc_coll_force f = stc_low_force(r->s);
    if (x == STC_AXIS_PP) s.n_ranks = 2;
    stc_coll_time(r->low.p->coll, &s, c, b->bytes / b->calls, &f, &e);
    *o = (struct stc_comm_result){
        .axis = stc_axis_name(x),
        .coll = stc_coll_name(c),
        .algo = stc_coll_algo_name(e.algo),
        .proto = stc_coll_proto_name(e.proto),
        .group_size = s.n_ranks,
        .group_nodes = s.n_nodes,
        .calls = b->calls,
        .bytes = b->bytes,
        .busy_s = b->busy_s,
        .bus_Bps = b->busy_s > 0
                       ? stc_coll_bus_factor(c, s.n_ranks) * b->bytes / b->busy_s
                       : 0,
        .by_flows = (uint8_t)(r->low.needs_flows && s.n_nodes > 1 && on_own_stream(x))};
}

static enum stc_err comms_and_links(struct stc_run *r)
{
    struct stc_result *o = r->out;
    struct stc_link_class_info info[STC_LINK_CLASS_COUNT];
    double intra = 0, net = 0, intra_most = 0, net_most = 0;
    int32_t per_stage = r->place.n_ranks / r->low.n_stages;
    o->comms = STC_NEW_N(r->a, struct stc_comm_result,
                         (size_t)STC_AXIS_COUNT * STC_COLL_KINDS);
    o->links = STC_NEW_N(r->a, struct stc_link_result, STC_LINK_CLASS_COUNT);
    if (!o->comms || !o->links) return STC_ERR_NOMEM;
    for (int32_t i = 0; i < o->n_stages; i++) {
        struct stc_ledger *l = &r->low.stages[i].ledger;
        count_joins(r, i, l);
        double a = 0, b = 0;
        for (int x = 0; x < STC_AXIS_COUNT; x++) {
            for (int c = 0; c < STC_COLL_KINDS; c++) {
                a += l->coll[x][c].intra_bytes;
                b += l->coll[x][c].net_bytes;
            }
        }
        intra += a * per_stage;
        net += b * per_stage;
        if (a > intra_most) intra_most = a;
        if (b > net_most) net_most = b;
    }
    const struct stc_ledger *l = &r->low.stages[o->slowest_stage].ledger;
    for (int x = 0; x < STC_AXIS_COUNT; x++)
        for (int c = 0; c < STC_COLL_KINDS; c++)
            if (l->coll[x][c].calls > 0)
                comm_row(r, (enum stc_axis)x, (enum stc_coll)c, &l->coll[x][c]);
    stc_topo_link_classes(r->place.topo, info);
    const double carried[2] = {intra, net}, most[2] = {intra_most, net_most};
    int cls[2] = {STC_LINK_NVLINK, STC_LINK_NIC};
    if (info[STC_LINK_NVLINK].n_links == 0) cls[0] = STC_LINK_PCIE;
    for (int k = 0; k < 2; k++) {
        const struct stc_link_class_info *x = &info[cls[k]];
        if (x->n_links == 0) continue;
        double per_gpu =
            x->capacity_Bps / 2 / stc_topo_n_gpus(r->place.topo); /* one direction */
        o->links[o->n_links++] = (struct stc_link_result){
            .name = x->name,
            .n_links = (int32_t)x->n_links,
            .capacity_Bps = x->capacity_Bps / (double)x->n_links,
            .bytes = carried[k],
            .busiest_frac = most[k] / (per_gpu * o->step_s)};
    }
    return STC_OK;
}

static void counts(struct stc_run *r)
{
    struct stc_counts *c = &r->out->counts;
    *c = (struct stc_counts){.events = r->stats.n_events,
                             .tasks = r->stats.n_tasks,
                             .joins = r->stats.n_joins,
                             .joins_flows = r->stats.n_flow_joins,
                             .joins_closed = r->stats.n_joins - r->stats.n_flow_joins,
                             .flows = r->stats.n_flows,
                             .n_ranks = r->place.n_ranks,
                             .n_rank_classes = r->comms.part.n_ranks,
                             .n_links = r->comms.n_links,
                             .n_link_classes = r->comms.part.n_links};
}

enum stc_err stc_derive(struct stc_run *r, struct stc_diag *diag)
{
    r->out->schema = STC_RESULT_SCHEMA;
    rates(r);
    enum stc_err e = stages(r, diag);
    if (e != STC_OK) return e;
    memory(r);
    e = host_memory(r);
    if (e != STC_OK) return e;
    uncertainty(r);
    e = comms_and_links(r);
    counts(r);
    r->out->spans = r->watch.spans;
    r->out->n_spans = r->watch.n_spans;
    return e;
}
