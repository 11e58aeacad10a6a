#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/engine/flow_priv.h"

static void set_limit(struct stc_flownet *net, uint32_t link, double capacity_Bps)
{
    assert(capacity_Bps >= 0.0 && capacity_Bps < STC_INF);
    net->link[link].capacity = capacity_Bps;
    net->hot[link].limit = capacity_Bps * (1.0 + STC_FLOW_TOL);
}

enum stc_err stc_flownet_init(struct stc_flownet **out, uint32_t n_links,
                              const double *capacity_Bps, double tick_s)
{
    assert(tick_s > 0.0);
    struct stc_flownet *net = calloc(1, sizeof *net);
    if (net == NULL) return STC_ERR_NOMEM;
    net->n_links = net->n_nodes = n_links;
    net->tick_s = tick_s;
    net->free_slot = STC_NONE;
    net->max_visits = 8;
    stc_fl_pool_init(&net->uses, sizeof(struct stc_fl_use));
    stc_fl_pool_init(&net->lists, sizeof(struct stc_fl_on));
    stc_fl_pool_init(&net->heaps, sizeof(struct stc_fl_own));
    net->seen = malloc((n_links + (size_t)1) * sizeof *net->seen);
    if (net->seen == NULL || stc_fl_reserve_slots(net, 64) != STC_OK) {
        stc_fl_free_all(net);
        return STC_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n_links; i++) {
        net->seen[i] = STC_NONE;
        set_limit(net, i, capacity_Bps[i]);
    }
    stc_flownet_clear(net);
    *out = net;
    return STC_OK;
}

void stc_flownet_free(struct stc_flownet *net)
{
    if (net != NULL) stc_fl_free_all(net);
}

/* Takes a flow's uses out of the pool and its slot back. */
static void release_slot(struct stc_flownet *net, uint32_t slot)
{
    struct stc_fl_flow *f = &net->flow[slot];
    const struct stc_fl_use *u = stc_fl_uses(net) + f->use;

    for (uint32_t i = 0; i < f->n_uses; i++)
        net->link[u[i].link].n_reserved--;
    stc_fl_pool_give(&net->uses, f->use, f->use_class);
    f->state = STC_FL_FREE;
    f->next_free = net->free_slot;
    net->free_slot = slot;
    net->n_flows--;
}

void stc_flownet_clear(struct stc_flownet *net)
{
    for (uint32_t i = net->n_slots; i-- > 0;) {
        if (net->flow[i].state != STC_FL_FREE) release_slot(net, i);
    }
    for (uint32_t i = 0; i < net->cap_nodes; i++) {
        struct stc_fl_link *k = &net->link[i];
        struct stc_fl_hot *h = &net->hot[i];
        k->n_list = k->n_own = 0;
        k->own_cw = k->clock = k->done_bytes = 0.0;
        k->clock_tick = 0;
        k->changed = k->guessed = false;
        h->level = STC_INF;
        h->other = 0.0;
        h->trigger = h->limit;
        net->end_tick[i] = INT64_MAX;
        net->block_end_tick[i / STC_FL_BLOCK] = INT64_MAX;
    }
    stc_queue_clear(&net->latencies);
    net->now_tick = 0;
    net->next_tick = INT64_MAX;
    net->next_seq = 0;
    net->n_fresh = net->n_done = net->n_seeds = net->n_changed = net->n_busy_links = 0;
    net->solved = true;
    net->epoch++;
    net->stats = (struct stc_flownet_stats){0};
}

static void solve(struct stc_flownet *net)
{
    if (!net->solved) stc_fl_solve(net);
}

static void unsettle(struct stc_flownet *net)
{
    if (net->solved) net->epoch++;
    net->solved = false;
}

/* Brings time forward without passing an event. */
static void go_to(struct stc_flownet *net, stc_tick now_tick)
{
    assert(now_tick >= net->now_tick);
    if (now_tick == net->now_tick) return;
    solve(net);
    assert(now_tick <= net->next_tick);
    net->now_tick = now_tick;
}

/* Room for one more flow with these uses; nothing else changes. */
static enum stc_err reserve(struct stc_flownet *net, const struct stc_flow_spec *spec,
                            uint32_t size_class, uint32_t *use)
{
    if (net->free_slot == STC_NONE &&
        stc_fl_reserve_slots(net, net->n_slots + 1) != STC_OK)
        return STC_ERR_NOMEM;
    for (uint32_t i = 0; i < spec->n_uses; i++) {
        const uint32_t link = spec->uses[i].link;
        assert(link < net->n_links);
        if (stc_fl_reserve_on(net, link, net->link[link].n_reserved + 1) != STC_OK)
            return STC_ERR_NOMEM;
    }
    const uint32_t slot = net->free_slot != STC_NONE ? net->free_slot : net->n_slots;
    if (stc_fl_reserve_on(net, net->n_links + slot, 1) != STC_OK) return STC_ERR_NOMEM;
    if (stc_queue_reserve(&net->latencies, net->n_flows + 1) != STC_OK)
        return STC_ERR_NOMEM;
    *use = stc_fl_pool_take(&net->uses, size_class);
    return *use != STC_NONE ? STC_OK : STC_ERR_NOMEM;
}

static uint32_t take_slot(struct stc_flownet *net)
{
    uint32_t slot = net->free_slot;
    if (slot != STC_NONE) {
        net->free_slot = net->flow[slot].next_free;
        return slot;
    }
    slot = net->n_slots++;
    net->flow[slot].stamp = 0;
    net->n_nodes = net->n_links + net->n_slots;
    return slot;
}

/* Copies the uses, the same link merged into one, and the cap as the last. */
static uint32_t copy_uses(struct stc_flownet *net, const struct stc_flow_spec *spec,
                          struct stc_fl_use *u, uint32_t slot)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < spec->n_uses; i++) {
        const struct stc_flow_use *s = &spec->uses[i];
        assert(s->coeff > 0.0 && s->coeff < STC_INF);
        if (net->seen[s->link] != STC_NONE) {
            u[net->seen[s->link]].cw += s->coeff * spec->weight;
            continue;
        }
        net->seen[s->link] = n;
        u[n++] = (struct stc_fl_use){.link = s->link, .cw = s->coeff * spec->weight};
    }
    for (uint32_t i = 0; i < n; i++)
        net->seen[u[i].link] = STC_NONE;
    if (spec->cap_Bps < STC_INF) {
        const uint32_t own = net->n_links + slot;
        set_limit(net, own, spec->cap_Bps);
        if (net->hot[own].trigger < STC_INF)
            net->hot[own].trigger = net->hot[own].limit;
        u[n++] = (struct stc_fl_use){.link = own, .cw = spec->weight};
    }
    return n;
}

/* The flow begins to move bytes: onto the lists of its links. */
static void join(struct stc_flownet *net, uint32_t slot)
{
    struct stc_fl_flow *f = &net->flow[slot];
    struct stc_fl_use *u = stc_fl_uses(net) + f->use;

    for (uint32_t i = 0; i < f->n_uses; i++) {
        struct stc_fl_link *k = &net->link[u[i].link];
        if (k->n_list == 0) net->n_busy_links++;
        u[i].pos = k->n_list;
        stc_fl_list(net, u[i].link)[k->n_list++] = (struct stc_fl_on){slot, f->use + i};
    }
    f->state = STC_FL_FRESH;
    f->link = STC_NONE;
    net->fresh[net->n_fresh++] = slot;
    unsettle(net);
}

enum stc_err stc_flow_start(struct stc_flownet *net, stc_tick now_tick,
                            const struct stc_flow_spec *spec, uint32_t *id)
{
    const uint32_t size_class = stc_fl_class_for(spec->n_uses + 1);
    uint32_t use;

    assert(spec->weight > 0.0 && spec->weight < STC_INF && spec->cap_Bps > 0.0);
    assert(spec->bytes >= 0.0 && spec->bytes < STC_INF && spec->latency_tick >= 0);
    go_to(net, now_tick);
    if (reserve(net, spec, size_class, &use) != STC_OK) return STC_ERR_NOMEM;
    const uint32_t slot = take_slot(net);
    struct stc_fl_flow *f = &net->flow[slot];
    const uint32_t n_uses = copy_uses(net, spec, stc_fl_uses(net) + use, slot);
    *f = (struct stc_fl_flow){
        .weight = spec->weight,
        .bytes = spec->bytes,
        .tag = spec->tag,
        .seq = net->next_seq++,
        .link = STC_NONE,
        .use = use,
        .n_uses = n_uses,
        .use_class = size_class,
        .stamp = f->stamp,
        .state = STC_FL_WAITING,
    };
    for (uint32_t i = 0; i < n_uses; i++)
        net->link[stc_fl_uses(net)[use + i].link].n_reserved++;
    net->n_flows++;
    if (id != NULL) *id = slot;
    if (spec->latency_tick == 0 && spec->bytes > 0.0 && n_uses > 0) {
        join(net, slot);
        return STC_OK;
    }
    unsettle(net);
    return stc_queue_push(&net->latencies, now_tick + spec->latency_tick, 0, 0, slot);
}

void stc_flownet_set_capacity(struct stc_flownet *net, stc_tick now_tick, uint32_t link,
                              double capacity_Bps)
{
    struct stc_fl_hot *h = &net->hot[link];

    assert(link < net->n_links);
    go_to(net, now_tick);
    set_limit(net, link, capacity_Bps);
    if (net->link[link].n_own > 0 || h->other > h->limit) {
        stc_fl_seed(net, link);
    } else if (h->trigger < STC_INF) {
        h->trigger = h->limit;
    }
    unsettle(net);
}

stc_tick stc_flownet_next(struct stc_flownet *net, uint32_t *epoch)
{
    solve(net);
    if (epoch != NULL) *epoch = net->epoch;
    return net->next_tick;
}

static void note_done(struct stc_flownet *net, uint32_t slot)
{
    net->done_tag[net->n_done] = net->flow[slot].tag;
    net->done_seq[net->n_done++] = net->flow[slot].seq;
    release_slot(net, slot);
}

/* Off the lists and out of the sums of its links. */
static void leave(struct stc_flownet *net, uint32_t slot)
{
    const struct stc_fl_flow *f = &net->flow[slot];
    struct stc_fl_use *uses = stc_fl_uses(net);
    const double level = net->hot[f->link].level;

    for (uint32_t i = 0; i < f->n_uses; i++) {
        const struct stc_fl_use *u = &uses[f->use + i];
        struct stc_fl_link *k = &net->link[u->link];
        struct stc_fl_hot *h = &net->hot[u->link];
        struct stc_fl_on *list = stc_fl_list(net, u->link);
        const struct stc_fl_on last = list[--k->n_list];

        list[u->pos] = last;
        uses[last.use].pos = u->pos;
        k->done_bytes += u->cw / f->weight * f->bytes;
        if (u->link == f->link) {
            k->own_cw -= u->cw;
            k->n_since_scan = UINT32_MAX - 1;
        } else {
            h->other -= u->cw * level;
        }
        if (k->n_list == 0) {
            net->n_busy_links--;
            h->other = k->own_cw = 0.0;
        }
        if (h->level < STC_INF) stc_fl_seed(net, u->link);
    }
}

/* Ends the own flows of a link that are due. */
static void end_due(struct stc_flownet *net, uint32_t link)
{
    while (net->link[link].n_own > 0) {
        const struct stc_fl_own first = stc_fl_heap(net, link)[0];
        if (stc_fl_tick_of(net, link, first.end) > net->now_tick) break;
        (void)stc_fl_heap_take(net, link, 0);
        leave(net, first.flow);
        note_done(net, first.flow);
    }
    stc_fl_settle(net, link);
    stc_fl_mark_changed(net, link);
}

/* By order of start. Shell sort: short, nearly sorted, and nothing allocated. */
static void sort_done(struct stc_flownet *net)
{
    uint64_t *seq = net->done_seq, *tag = net->done_tag;
    const uint32_t n = net->n_done;

    uint32_t gap = 1;
    while (gap < n / 3)
        gap = 3 * gap + 1;
    for (; gap > 0; gap /= 3) {
        for (uint32_t i = gap; i < n; i++) {
            const uint64_t s = seq[i], t = tag[i];
            uint32_t j = i;
            for (; j >= gap && seq[j - gap] > s; j -= gap) {
                seq[j] = seq[j - gap];
                tag[j] = tag[j - gap];
            }
            seq[j] = s;
            tag[j] = t;
        }
    }
}

static void latencies_due(struct stc_flownet *net)
{
    struct stc_event e;
    while (stc_queue_peek_tick(&net->latencies) <= net->now_tick &&
           stc_queue_pop(&net->latencies, &e)) {
        const struct stc_fl_flow *f = &net->flow[e.arg];
        if (f->bytes > 0.0 && f->n_uses > 0) {
            join(net, e.arg);
        } else { /* nothing to move, or nothing that limits it */
            note_done(net, e.arg);
        }
    }
}

size_t stc_flownet_advance(struct stc_flownet *net, stc_tick now_tick,
                           const uint64_t **tags)
{
    solve(net);
    assert(now_tick >= net->now_tick && now_tick <= net->next_tick);
    net->n_done = 0;
    net->now_tick = now_tick;
    *tags = net->done_tag;
    if (now_tick < net->next_tick) return 0;

    const uint32_t n_blocks = (net->n_nodes + STC_FL_BLOCK - 1) / STC_FL_BLOCK;
    for (uint32_t b = 0; b < n_blocks; b++) {
        if (net->block_end_tick[b] > now_tick) continue;
        const uint32_t first = b * STC_FL_BLOCK, left = net->n_nodes - first;
        const uint32_t end = first + (left < STC_FL_BLOCK ? left : STC_FL_BLOCK);
        for (uint32_t i = first; i < end; i++) {
            if (net->end_tick[i] <= now_tick) end_due(net, i);
        }
    }
    latencies_due(net);
    unsettle(net);
    sort_done(net);
    return net->n_done;
}

stc_tick stc_flownet_now_tick(const struct stc_flownet *net)
{
    return net->now_tick;
}

uint32_t stc_flownet_n_links(const struct stc_flownet *net)
{
    return net->n_links;
}

size_t stc_flownet_n_flows(const struct stc_flownet *net)
{
    return net->n_flows;
}

double stc_flownet_capacity_Bps(const struct stc_flownet *net, uint32_t link)
{
    assert(link < net->n_links);
    return net->link[link].capacity;
}

struct stc_flownet_stats stc_flownet_stats(const struct stc_flownet *net)
{
    return net->stats;
}
