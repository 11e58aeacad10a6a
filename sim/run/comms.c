/* comms.c - see comms.h. */
#include "sim/run/comms.h"

#include <math.h>
#include <string.h>

#include "sim/run/links.h"
#include "sim/run/lower_int.h"

double stc_rank_factor(const struct stc_lowered *low, int32_t rank)
{
    const struct stc_cluster *c = low->place->cluster;
    double f = 1 / stc_cluster_factor(c, STC_DEGRADE_COMPUTE, rank / c->node.n_gpus,
                                      rank % c->node.n_gpus);
    if (rank == low->s->sim.straggler_rank) f *= low->s->sim.straggler_factor;
    return f;
}

static int32_t find_shape(struct stc_comms *c, const struct stc_group_shape *s)
{
    for (int32_t i = c->n_shapes - 1; i >= 0; i--)
        if (memcmp(&c->shapes[i], s, sizeof *s) == 0) return i;
    c->shapes[c->n_shapes] = *s;
    return c->n_shapes++;
}

/* Is the slot asked for by any template? Receives are the senders' communicators. */
static int slot_used(const struct stc_lowered *low, int slot)
{
    if (slot == STC_SLOT_FRECV || slot == STC_SLOT_BRECV) return 0;
    if (slot == STC_SLOT_FSEND)
        return low->has_joins[STC_SLOT_FSEND] || low->has_joins[STC_SLOT_FRECV];
    if (slot == STC_SLOT_BSEND)
        return low->has_joins[STC_SLOT_BSEND] || low->has_joins[STC_SLOT_BRECV];
    return low->has_joins[slot];
}

struct make { /* counters while filling */
    struct stc_lowered *low;
    struct stc_comms *c;
    const struct stc_layout *l;
    int32_t n_member;
};

static void add_member(struct make *m, int32_t rank, uint32_t role, int slot,
                       int32_t comm)
{
    m->c->member[m->n_member++] = (struct stc_member){rank, role};
    m->c->rank_comm[slot][rank] = comm;
}

/* Pairs of one direction: +1 forward, -1 backward; with vp > 1 the last stage
 * also hands to the first. */
static void add_pairs(struct make *m, int slot, int32_t dir)
{
    const struct stc_layout *l = m->l;
    int32_t per_stage = l->tp * l->cp * l->dp;
    int recv = slot == STC_SLOT_FSEND ? STC_SLOT_FRECV : STC_SLOT_BRECV;
    for (int32_t r = 0; r < per_stage * l->pp; r++) {
        int32_t stage = r / per_stage, to_stage = stage + dir;
        if (to_stage < 0 || to_stage >= l->pp) {
            if (l->vp == 1) continue;
            to_stage = (to_stage + l->pp) % l->pp;
        }
        int32_t to = r + (to_stage - stage) * per_stage, id = m->c->n++;
        struct stc_group_shape s;
        stc_place_pair_shape(m->low->place, r, to, &s);
        m->c->info[id] =
            (struct stc_comm_info){(uint8_t)slot,
                                   find_shape(m->c, &s),
                                   {.first = r, .stride = to - r, .n = 2, .block = 2}};
        m->c->member_off[id] = m->n_member;
        add_member(m, r, (uint32_t)slot, slot, id);
        add_member(m, to, (uint32_t)recv, recv, id);
    }
}

static void add_groups(struct make *m, int slot)
{
    enum stc_axis axis = stc_slot_axis((enum stc_slot)slot);
    int32_t n_ranks = m->low->place->n_ranks;
    for (int32_t r = 0; r < n_ranks; r++) {
        if (m->c->rank_comm[slot][r] >= 0) continue;
        struct stc_group g = stc_layout_group(m->l, axis, r);
        if (g.n < 2 || stc_group_index(&g, r) < 0)
            continue; /* middle stages hold no tied embedding */
        int32_t id = m->c->n++;
        struct stc_group_shape s;
        stc_place_shape(m->low->place, &g, &s);
        m->c->info[id] = (struct stc_comm_info){(uint8_t)slot, find_shape(m->c, &s), g};
        m->c->member_off[id] = m->n_member;
        for (int32_t i = 0; i < g.n; i++)
            add_member(m, stc_group_member(&g, i), (uint32_t)slot, slot, id);
    }
}

static enum stc_err make_comms(struct make *m, struct stc_arena *a)
{
    struct stc_comms *c = m->c;
    size_t n_ranks = (size_t)m->low->place->n_ranks, slots = 0;
    for (int s = 0; s < STC_SLOT_COUNT; s++)
        slots += (size_t)slot_used(m->low, s);
    size_t most = n_ranks * (slots ? slots : 1);
    c->info = STC_NEW_N(a, struct stc_comm_info, most);
    c->shapes = STC_NEW_N(a, struct stc_group_shape, most);
    c->member_off = STC_NEW_N(a, int32_t, most + 1);
    c->use_off = STC_NEW_N(a, int32_t, most + 1);
    c->member = STC_NEW_N(a, struct stc_member, most * 2);
    if (!c->info || !c->shapes || !c->member_off || !c->use_off || !c->member)
        return STC_ERR_NOMEM;
    for (int s = 0; s < STC_SLOT_COUNT; s++) {
        int recv = (s == STC_SLOT_FRECV && slot_used(m->low, STC_SLOT_FSEND)) ||
                   (s == STC_SLOT_BRECV && slot_used(m->low, STC_SLOT_BSEND));
        if (!slot_used(m->low, s) && !recv) continue;
        c->rank_comm[s] = STC_NEW_N(a, int32_t, n_ranks);
        if (!c->rank_comm[s]) return STC_ERR_NOMEM;
        for (size_t r = 0; r < n_ranks; r++)
            c->rank_comm[s][r] = -1;
    }
    for (int s = 0; s < STC_SLOT_COUNT; s++) {
        if (!slot_used(m->low, s)) continue;
        if (s == STC_SLOT_FSEND)
            add_pairs(m, s, 1);
        else if (s == STC_SLOT_BSEND)
            add_pairs(m, s, -1);
        else
            add_groups(m, s);
    }
    c->member_off[c->n] = m->n_member;
    return STC_OK;
}

/* ---- who loads the network together ---- */

static int is_pipeline(int slot)
{
    return slot == STC_SLOT_FSEND || slot == STC_SLOT_BSEND;
}
/* Slots whose operations run on streams of their own, beside others; of the tied
 * embedding every tensor-parallel rank's group sends at once. */
static int is_concurrent(int slot)
{
    return is_pipeline(slot) || slot == STC_SLOT_DPCP || slot == STC_SLOT_EDP ||
           slot == STC_SLOT_SHARD || slot == STC_SLOT_REPLICA || slot == STC_SLOT_EMBED;
}

/* Links of every concurrent inter-node communicator. Upper bound of their number. */
static size_t max_uses(const struct stc_comms *c)
{
    size_t n = 0;
    for (int32_t i = 0; i < c->n; i++) {
        const struct stc_comm_info *x = &c->info[i];
        if (is_concurrent(x->slot) && c->shapes[x->shape].n_nodes > 1)
            n += (size_t)x->group.n * STC_ROUTE_MAX;
    }
    return n;
}

static void fill_uses(const struct stc_lowered *low, struct stc_comms *c)
{
    int32_t n = 0;
    for (int32_t i = 0; i < c->n; i++) {
        const struct stc_comm_info *x = &c->info[i];
        c->use_off[i] = n;
        if (!is_concurrent(x->slot) || c->shapes[x->shape].n_nodes < 2) continue;
        if (is_pipeline(x->slot)) {
            struct stc_route r;
            stc_topo_route(low->place->topo, x->group.first,
                           x->group.first + x->group.stride, &r);
            for (int k = 0; k < r.n_links; k++)
                c->use[n++] = (struct stc_link_use){r.link[k], r.coef[k]};
        } else {
            n += stc_place_ring_uses(low->place, &x->group, &c->use[n],
                                     x->group.n * STC_ROUTE_MAX);
        }
    }
    c->use_off[c->n] = n;
}

/* The most that an operation of each communicator moves at: its closed form. */
static enum stc_err op_caps(struct stc_arena *a, const struct stc_lowered *low,
                            const struct stc_comms *c, double **out)
{
    double *of_shape = STC_NEW_N(a, double, ((size_t)c->n_shapes + 1) * STC_SLOT_COUNT);
    double *cap = *out = STC_NEW_N(a, double, (size_t)c->n + 1);
    struct stc_coll_force force = stc_low_force(low->s);
    if (!of_shape || !cap) return STC_ERR_NOMEM;
    for (int32_t i = 0; i < c->n; i++) {
        const struct stc_comm_info *x = &c->info[i];
        double *most = &of_shape[x->shape * STC_SLOT_COUNT + x->slot];
        if (c->use_off[i] == c->use_off[i + 1]) continue;
        for (int32_t k = 0; *most <= 0 && k < low->n_ops; k++) {
            if (low->ops[k].slot != x->slot) continue;
            struct stc_coll_est e;
            stc_coll_time(low->p->coll, &c->shapes[x->shape],
                          (enum stc_coll)low->ops[k].coll, low->ops[k].bytes, &force,
                          &e);
            double rate = e.net_bytes > 0 && e.seconds > e.latency_s
                              ? e.net_bytes / (e.seconds - e.latency_s)
                              : 0;
            if (rate > cap[i]) cap[i] = rate;
        }
        if (*most <= 0) *most = cap[i];
        cap[i] = *most;
    }
    return STC_OK;
}

static enum stc_err partition(struct stc_arena *a, struct stc_lowered *low,
                              struct stc_comms *c)
{
    int32_t n_ranks = low->place->n_ranks, per_stage = n_ranks / low->n_stages;
    struct stc_graph g = {.n_ranks = n_ranks,
                          .n_comms = c->n,
                          .n_links = c->n_links,
                          .member_off = c->member_off,
                          .member = c->member,
                          .use_off = c->use_off,
                          .use = c->use};
    g.rank_colour = STC_NEW_N(a, uint64_t, (size_t)n_ranks + 1);
    g.comm_colour = STC_NEW_N(a, uint64_t, (size_t)c->n + 1);
    g.link_colour = STC_NEW_N(a, uint64_t, (size_t)c->n_links + 1);
    if (!g.rank_colour || !g.comm_colour || !g.link_colour) return STC_ERR_NOMEM;
    for (int32_t r = 0; r < n_ranks; r++) {
        double f = stc_rank_factor(low, r);
        uint64_t bits;
        memcpy(&bits, &f, sizeof bits);
        g.rank_colour[r] =
            low->stages[r / per_stage].colour * 0x9e3779b97f4a7c15U + bits;
    }
    for (int32_t i = 0; i < c->n; i++)
        g.comm_colour[i] = (uint64_t)c->info[i].shape * 64 + c->info[i].slot + 1;
    const struct stc_link *links = stc_topo_links(low->place->topo);
    for (int32_t i = 0; i < c->n_links; i++) {
        double cap = links[c->link_id[i]].capacity_Bps;
        uint64_t bits;
        memcpy(&bits, &cap, sizeof bits);
        g.link_colour[i] = bits ^ links[c->link_id[i]].cls;
    }
    return stc_classes(a, &g, low->s->sim.fold_ranks, &c->part);
}

/* ---- the quotient ---- */

/* Distinct (class, role) among the members: how many arrivals an operation needs. */
static uint32_t arrivals(const struct stc_comms *c, int32_t comm, uint64_t *seen)
{
    uint32_t n = 0;
    for (int32_t i = c->member_off[comm]; i < c->member_off[comm + 1]; i++) {
        uint64_t key =
            (uint64_t)c->part.rank_class[c->member[i].rank] * STC_SLOT_COUNT +
            c->member[i].role + 1;
        size_t at = (size_t)(key * 0x9e3779b97f4a7c15U >> 40) & 0x3ff;
        int found = 0;
        if (c->member_off[comm + 1] - c->member_off[comm] <= 1024) {
            while (seen[at] && seen[at] != key)
                at = (at + 1) & 0x7ff;
            found = seen[at] == key;
            seen[at] = key;
        }
        if (!found) n++;
    }
    return n;
}

static enum stc_err count_arrivals(struct stc_arena *a, struct stc_comms *c)
{
    c->members = STC_NEW_N(a, uint32_t, (size_t)c->part.n_comms + 1);
    uint64_t *seen = STC_NEW_N(a, uint64_t, 2048);
    uint8_t *mark = STC_NEW_N(a, uint8_t, (size_t)c->part.n_ranks + 1);
    if (!c->members || !seen || !mark) return STC_ERR_NOMEM;
    for (int32_t k = 0; k < c->part.n_comms; k++) {
        int32_t comm = c->part.comm_rep[k],
                n = c->member_off[comm + 1] - c->member_off[comm];
        if (n <= 1024) {
            memset(seen, 0, 2048 * sizeof *seen);
            c->members[k] = arrivals(c, comm, seen);
            continue;
        }
        memset(mark, 0, (size_t)c->part.n_ranks); /* large groups have one role */
        for (int32_t i = c->member_off[comm]; i < c->member_off[comm + 1]; i++) {
            uint8_t *m = &mark[c->part.rank_class[c->member[i].rank]];
            c->members[k] += *m == 0;
            *m = 1;
        }
    }
    return STC_OK;
}

static int flow_uses(struct stc_arena *a, const struct stc_comms *c, int32_t cls,
                     struct stc_flow_use **out, uint32_t *n);

static uint8_t comm_class_of(const struct stc_group_shape *s, int slot)
{
    if (is_pipeline(slot)) return 2;
    return s->n_nodes > 1 ? 1 : 0;
}

static void make_op(const struct stc_coll_est *e, const struct stc_group_shape *s,
                    int slot, struct stc_join_op *op, struct stc_flow_use *uses,
                    uint32_t n_uses)
{
    *op = (struct stc_join_op){.fixed_ticks = stc_s_to_tick(e->seconds),
                               .comm_class = comm_class_of(s, slot)};
    if (n_uses == 0 || e->net_bytes <= 0 || e->seconds <= e->latency_s) return;
    op->fixed_ticks = stc_s_to_tick(e->latency_s);
    op->uses = uses;
    op->n_uses = n_uses;
    op->flow_bytes = e->net_bytes;
    op->flow_cap_Bps = e->net_bytes / (e->seconds - e->latency_s);
}

static void repeat_est(struct stc_coll_est *e, int32_t times)
{
    e->seconds *= times;
    e->latency_s *= times;
    e->bytes_per_rank *= times;
    e->net_bytes *= times;
}

/* Operations of every communicator class: closed forms are shared by shape. */
static enum stc_err make_ops(struct stc_arena *a, struct stc_lowered *low,
                             struct stc_comms *c)
{
    int32_t slot_n[STC_SLOT_COUNT] = {0};
    c->op_rank = STC_NEW_N(a, int32_t, (size_t)low->n_ops + 1);
    c->op_index = STC_NEW_N(a, int32_t, (size_t)c->part.n_comms + 1);
    if (!c->op_rank || !c->op_index) return STC_ERR_NOMEM;
    for (int32_t i = 0; i < low->n_ops; i++) {
        int slot = low->ops[i].slot;
        if (slot == STC_SLOT_FRECV) slot = STC_SLOT_FSEND; /* one message, two ends */
        if (slot == STC_SLOT_BRECV) slot = STC_SLOT_BSEND;
        if (low->ops[i].slot == slot) c->op_rank[i] = slot_n[slot]++;
    }
    size_t total = 0;
    for (int32_t k = 0; k < c->part.n_comms; k++)
        total += (size_t)slot_n[c->info[c->part.comm_rep[k]].slot];
    c->ops = STC_NEW_N(a, struct stc_join_op, total + 1);
    c->op_est = STC_NEW_N(a, struct stc_coll_est, total + 1);
    int32_t *shape_first =
        STC_NEW_N(a, int32_t, ((size_t)c->n_shapes + 1) * STC_SLOT_COUNT);
    if (!c->ops || !c->op_est || !shape_first) return STC_ERR_NOMEM;
    struct stc_coll_force force = stc_low_force(low->s);
    for (int32_t k = 0; k < c->part.n_comms; k++) {
        const struct stc_comm_info *x = &c->info[c->part.comm_rep[k]];
        int32_t *shared = &shape_first[x->shape * STC_SLOT_COUNT + x->slot];
        struct stc_flow_use *uses = NULL;
        uint32_t n_uses = 0;
        if (!flow_uses(a, c, k, &uses, &n_uses)) return STC_ERR_NOMEM;
        if (n_uses == 0 && *shared > 0) {
            c->op_index[k] = *shared - 1;
            continue;
        }
        c->op_index[k] = c->n_join_ops;
        if (n_uses == 0) *shared = c->n_join_ops + 1;
        for (int32_t i = 0; i < low->n_ops; i++) {
            if (low->ops[i].slot != x->slot) continue;
            struct stc_coll_est *e = &c->op_est[c->n_join_ops];
            stc_coll_time(low->p->coll, &c->shapes[x->shape],
                          (enum stc_coll)low->ops[i].coll, low->ops[i].bytes, &force,
                          e);
            repeat_est(e, low->ops[i].repeat);
            make_op(e, &c->shapes[x->shape], x->slot, &c->ops[c->n_join_ops++], uses,
                    n_uses);
        }
    }
    return STC_OK;
}

/* Uses of a class in the quotient. */
static int flow_uses(struct stc_arena *a, const struct stc_comms *c, int32_t cls,
                     struct stc_flow_use **out, uint32_t *n)
{
    int32_t rep = c->part.comm_rep[cls];
    int32_t from = c->use_off[rep], to = c->use_off[rep + 1];
    *n = 0;
    if (from == to) return 1;
    *out = STC_NEW_N(a, struct stc_flow_use, (size_t)(to - from));
    if (!*out) return 0;
    /* Every communicator of the class loads links of a class alike, and every
     * link of a class is loaded alike: total load / number of links. */
    for (int32_t u = from; u < to; u++) {
        uint32_t link = (uint32_t)c->part.link_class[c->use[u].link];
        double k = c->use[u].coef * (double)c->part.comm_size[cls] /
                   (double)c->part.link_size[link];
        uint32_t at = 0;
        while (at < *n && (*out)[at].link != link)
            at++;
        if (at == *n) (*out)[(*n)++] = (struct stc_flow_use){link, 0};
        (*out)[at].coeff += k;
    }
    return 1;
}

static enum stc_err link_capacities(struct stc_arena *a, const struct stc_lowered *low,
                                    struct stc_comms *c)
{
    c->link_capacity_Bps = STC_NEW_N(a, double, (size_t)c->part.n_links + 1);
    if (!c->link_capacity_Bps) return STC_ERR_NOMEM;
    const struct stc_link *links = stc_topo_links(low->place->topo);
    for (int32_t i = 0; i < c->part.n_links; i++)
        c->link_capacity_Bps[i] = links[c->link_id[c->part.link_rep[i]]].capacity_Bps;
    return STC_OK;
}

enum stc_err stc_comms_make(struct stc_arena *a, struct stc_lowered *low,
                            struct stc_comms *out, struct stc_diag *diag)
{
    *out = (struct stc_comms){0};
    struct make m = {low, out, &low->s->layout, 0};
    enum stc_err e = make_comms(&m, a);
    if (e == STC_OK) {
        out->use = STC_NEW_N(a, struct stc_link_use, max_uses(out) + 1);
        e = out->use ? STC_OK : STC_ERR_NOMEM;
    }
    if (e == STC_OK) {
        double *cap_Bps;
        fill_uses(low, out);
        e = op_caps(a, low, out, &cap_Bps);
        if (e == STC_OK)
            e = stc_links_prune(a, low->place->topo, cap_Bps, out, &low->needs_flows);
    }
    if (e == STC_OK) e = partition(a, low, out);
    if (e == STC_OK) e = count_arrivals(a, out);
    if (e == STC_OK) e = make_ops(a, low, out);
    if (e == STC_OK) e = link_capacities(a, low, out);
    return e == STC_OK ? e
                       : stc_fail(diag, e, "out of memory for %d ranks' communicators",
                                  low->place->n_ranks);
}
