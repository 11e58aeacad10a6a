/*
 * flow_solve.c - the incremental solver: links whose equation was touched are
 * solved again until none is left (flow.h, THEORY).
 *
 * At any moment the sums of every link agree with the levels and bottlenecks
 * as they stand; solving a link changes its level, moves flows to it from
 * links where they ran faster (capture) or away to links that now hold them
 * lower (release), and queues the links whose sums changed. Any order leads to
 * the fixed point; lowest level first gets there with hardly a link solved
 * twice. Should an odd case need many visits, progressive filling takes over.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "sim/engine/flow_priv.h"

/* A link's sums are taken anew after so many solutions, or when an own flow
 * has left: differences of large sums must not pile up rounding. */
#define RESUM_AFTER 32U

/* fmax is a call. */
static inline double not_negative(double x)
{
    return x > 0.0 ? x : 0.0;
}

static inline void add_other(struct stc_flownet *net, uint32_t link, double delta)
{
    struct stc_fl_hot *h = &net->hot[link];
    h->other += delta;
    if (h->other > h->trigger) stc_fl_seed(net, link);
}

/* Makes `to` the bottleneck of the flow, which then runs at to's level. */
static void move_flow(struct stc_flownet *net, uint32_t flow, uint32_t to)
{
    struct stc_fl_flow *f = &net->flow[flow];
    const uint32_t from = f->link;
    const double old_level = net->hot[from].level, new_level = net->hot[to].level;
    const struct stc_fl_use *u = stc_fl_uses(net) + f->use;

    stc_fl_settle(net, from);
    stc_fl_settle(net, to);
    const double left =
        stc_fl_heap_take(net, from, f->heap_pos) - net->link[from].clock;
    stc_fl_heap_add(net, to, flow, net->link[to].clock + left);
    for (uint32_t i = 0; i < f->n_uses; i++) {
        if (u[i].link == from) {
            net->link[from].own_cw -= u[i].cw;
            net->link[from].n_since_scan = RESUM_AFTER;
            add_other(net, from, u[i].cw * new_level);
        } else if (u[i].link == to) {
            net->link[to].own_cw += u[i].cw;
            add_other(net, to, -u[i].cw * old_level);
        } else {
            add_other(net, u[i].link, u[i].cw * (new_level - old_level));
        }
    }
    stc_fl_mark_changed(net, from);
    stc_fl_mark_changed(net, to);
}

/* The link's level becomes new_level; its own flows take more or less of their
 * other links. Returns the number of flows, put in net->pick, that another link
 * now holds lower. The link itself must be queued or in hand (trigger infinite). */
static uint32_t change_level(struct stc_flownet *net, uint32_t link, double new_level)
{
    struct stc_fl_link *k = &net->link[link];
    struct stc_fl_hot *hot = net->hot;
    const double other = hot[link].other;
    const double delta = new_level - hot[link].level;
    const double release_below =
        delta > 0.0 ? new_level * (1.0 - STC_FLOW_TOL) : -STC_INF;
    const struct stc_fl_own *heap = stc_fl_heap(net, link);
    const struct stc_fl_use *uses = stc_fl_uses(net);
    uint32_t n_released = 0;

    stc_fl_settle(net, link);
    stc_fl_mark_changed(net, link);
    hot[link].level = STC_INF; /* not its own rival below */
    for (uint32_t i = 0; i < k->n_own; i++) {
        const struct stc_fl_use *u = uses + heap[i].use, *end = u + heap[i].n_uses;
        double least = STC_INF;
        uint32_t rival = STC_NONE;
        for (; u < end; u++) {
            struct stc_fl_hot *h = &hot[u->link];
            if (h->level < least) {
                least = h->level;
                rival = u->link;
            }
            h->other += u->cw * delta;
            if (h->other > h->trigger) {
                h->trigger = STC_INF;
                net->seeds[net->n_seeds++] = u->link;
            }
        }
        if (least < release_below)
            net->pick[n_released++] = (struct stc_fl_key){least, heap[i].flow, rival};
    }
    hot[link].level = new_level;
    hot[link].other = other; /* its own flows are not in it */
    return n_released;
}

/* Sums a link anew from its flows, and puts those of other links that run
 * faster than `level` into net->pick with their level as key. */
static uint32_t scan_faster(struct stc_flownet *net, uint32_t link, double level)
{
    const struct stc_fl_on *on = stc_fl_list(net, link);
    const struct stc_fl_use *uses = stc_fl_uses(net);
    const double faster_than = level * (1.0 + STC_FLOW_TOL);
    double other = 0.0, own_cw = 0.0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < net->link[link].n_list; i++) {
        const uint32_t at = net->flow[on[i].flow].link;
        const double cw = uses[on[i].use].cw;
        if (at == link) {
            own_cw += cw;
            continue;
        }
        if (at == STC_NONE) continue; /* fresh: not placed yet */
        const double l = net->hot[at].level;
        other += cw * l;
        if (l > faster_than)
            net->pick[n++] = (struct stc_fl_key){l, on[i].flow, on[i].use};
    }
    net->hot[link].other = other;
    net->link[link].own_cw = own_cw;
    return n;
}

/* Level at which the link is full when the flows in net->pick (n of them, more
 * than needed) that would be slowed join its own. Newton's method from below
 * on a concave, piecewise linear function: exact after a few steps. Leaves the
 * flows to capture in net->pick and their number in *n. */
static double level_with_captured(struct stc_flownet *net, uint32_t link, uint32_t *n)
{
    const struct stc_fl_use *uses = stc_fl_uses(net);
    const struct stc_fl_link *k = &net->link[link];
    double level;

    for (;;) {
        double cw = k->own_cw, other = net->hot[link].other;
        for (uint32_t i = 0; i < *n; i++) {
            const double c = uses[net->pick[i].aux].cw;
            cw += c;
            other -= c * net->pick[i].key;
        }
        if (!(cw > 0.0)) return STC_INF;
        level = not_negative((k->capacity - other) / cw);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < *n; i++) {
            if (net->pick[i].key > level * (1.0 + STC_FLOW_TOL))
                net->pick[kept++] = net->pick[i];
        }
        if (kept == *n) return level;
        *n = kept;
    }
}

/* A link with no own flows: not full, or fuller than it may be. */
static void solve_free(struct stc_flownet *net, uint32_t link)
{
    struct stc_fl_hot *h = &net->hot[link];
    uint32_t n = 0;
    double level = STC_INF;

    net->link[link].own_cw = 0.0;
    net->link[link].guessed = false;
    if (h->other > h->limit) {
        n = scan_faster(net, link, 0.0);
        if (h->other > h->limit) level = level_with_captured(net, link, &n);
    }
    if (n == 0 || level == STC_INF) {
        h->level = STC_INF;
        h->trigger = h->limit;
        return;
    }
    h->level = level;
    for (uint32_t i = 0; i < n; i++)
        move_flow(net, net->pick[i].id, link);
    h->trigger = -STC_INF;
}

static void solve_full(struct stc_flownet *net, uint32_t link)
{
    struct stc_fl_hot *h = &net->hot[link];
    struct stc_fl_link *k = &net->link[link];
    uint32_t n_captured = 0, n_released = 0;

    if (++k->n_since_scan >= RESUM_AFTER) {
        (void)scan_faster(net, link, STC_INF);
        k->n_since_scan = 0;
    }
    double level = not_negative((k->capacity - h->other) / k->own_cw);
    if (level < h->level || k->guessed) {
        n_captured = scan_faster(net, link, level);
        level = level_with_captured(net, link, &n_captured);
        for (uint32_t i = 0; i < n_captured; i++)
            net->walk_flows[i] = net->pick[i].id;
        k->n_since_scan = 0;
        k->guessed = false;
    }
    if (fabs(level - h->level) > 1e-15 * level)
        n_released = change_level(net, link, level);
    for (uint32_t i = 0; i < n_captured; i++)
        move_flow(net, net->walk_flows[i], link);
    h->trigger = n_released > 0 ? STC_INF : -STC_INF;
    for (uint32_t i = 0; i < n_released; i++)
        move_flow(net, net->pick[i].id, net->pick[i].aux);
    if (n_released > 0)
        net->seeds[net->n_seeds++] = link; /* those left share what is freed */
}

/* Gives a fresh flow a first bottleneck; solving puts the rest right. */
static void place(struct stc_flownet *net, uint32_t flow)
{
    struct stc_fl_flow *f = &net->flow[flow];
    const struct stc_fl_use *u = stc_fl_uses(net) + f->use;
    double least = STC_INF, least_free = STC_INF;
    uint32_t at = STC_NONE, at_free = STC_NONE;

    for (uint32_t i = 0; i < f->n_uses; i++) {
        const struct stc_fl_hot *h = &net->hot[u[i].link];
        const double share =
            not_negative((net->link[u[i].link].capacity - h->other) / u[i].cw);
        if (h->level < least) {
            least = h->level;
            at = u[i].link;
        } else if (h->level == STC_INF && share < least_free) {
            least_free = share;
            at_free = u[i].link;
        }
    }
    if (at == STC_NONE) {
        at = at_free;
        least = least_free;
        net->hot[at].level = least;
        net->link[at].guessed = true;
    }
    stc_fl_settle(net, at);
    f->state = STC_FL_LIVE;
    stc_fl_heap_add(net, at, flow, net->link[at].clock + f->bytes / f->weight);
    for (uint32_t i = 0; i < f->n_uses; i++) {
        if (u[i].link == at) {
            net->link[at].own_cw += u[i].cw;
        } else {
            add_other(net, u[i].link, u[i].cw * least);
        }
    }
    stc_fl_seed(net, at);
    stc_fl_mark_changed(net, at);
}

/* Buckets of levels, 1/256 of an octave each: a queue without a heap's cost,
 * as the order need only be nearly right. */
static uint64_t level_key(double level)
{
    uint64_t bits;
    memcpy(&bits, &level, sizeof bits);
    return bits >> 44;
}

static void start_buckets(struct stc_flownet *net)
{
    uint64_t base = UINT64_MAX;
    for (uint32_t i = 0; i < net->n_seeds; i++) {
        const uint64_t key = level_key(net->hot[net->seeds[i]].level);
        if (key < base) base = key;
    }
    net->bucket_base = base > 64 ? base - 64 : 0;
}

static void queue_seeds(struct stc_flownet *net)
{
    for (uint32_t i = 0; i < net->n_seeds; i++) {
        const uint32_t link = net->seeds[i];
        const uint64_t key = level_key(net->hot[link].level);
        uint64_t b = key > net->bucket_base ? key - net->bucket_base : 0;
        if (b >= STC_FL_BUCKETS) b = STC_FL_BUCKETS - 1;
        if ((net->bucket_bits[b / 64] >> (b % 64) & 1U) == 0) net->bucket[b] = STC_NONE;
        net->link[link].next_queued = net->bucket[b];
        net->bucket[b] = link;
        net->bucket_bits[b / 64] |= UINT64_C(1) << (b % 64);
        net->bucket_words |= UINT64_C(1) << (b / 64);
    }
    net->n_seeds = 0;
}

static uint32_t take_lowest(struct stc_flownet *net)
{
    if (net->bucket_words == 0) return STC_NONE;
    const uint32_t word = (uint32_t)__builtin_ctzll(net->bucket_words);
    const uint32_t b = word * 64 + (uint32_t)__builtin_ctzll(net->bucket_bits[word]);
    const uint32_t link = net->bucket[b];
    net->bucket[b] = net->link[link].next_queued;
    if (net->bucket[b] == STC_NONE) {
        net->bucket_bits[word] &= net->bucket_bits[word] - 1;
        if (net->bucket_bits[word] == 0) net->bucket_words &= net->bucket_words - 1;
    }
    return link;
}

/* The lowest of the queued and the seeds; mostly there is but one. */
static uint32_t take_next(struct stc_flownet *net)
{
    if (net->n_seeds == 1 && net->bucket_words == 0) {
        net->n_seeds = 0;
        return net->seeds[0];
    }
    queue_seeds(net);
    return take_lowest(net);
}

/* Solves queued links until none is left. False, with what is left back among
 * the seeds, when that takes suspiciously many. */
static bool relax(struct stc_flownet *net)
{
    uint64_t budget = net->max_visits * (32 + (uint64_t)net->n_busy_links);

    start_buckets(net);
    for (uint32_t link; (link = take_next(net)) != STC_NONE;) {
        if (budget-- == 0) {
            do {
                net->seeds[net->n_seeds++] = link;
            } while ((link = take_lowest(net)) != STC_NONE);
            return false;
        }
        net->stats.n_links_solved++;
        if (net->link[link].n_own > 0) {
            solve_full(net, link);
        } else {
            solve_free(net, link);
        }
    }
    return true;
}

void stc_fl_solve(struct stc_flownet *net)
{
    if (net->n_seeds > 0 || net->n_fresh > 0) {
        net->stats.n_solves++;
        /* Filling costs a few visits of every flow, placing one of a good part. */
        bool done = false;
        if (net->n_fresh < 8 + net->n_flows / 64) {
            for (uint32_t i = 0; i < net->n_fresh; i++)
                place(net, net->fresh[i]);
            net->n_fresh = 0;
            done = relax(net);
        }
        if (!done) {
            stc_fl_fill(net);
            net->stats.n_full_solves++;
        }
    }
    stc_fl_refresh_ends(net);
    net->solved = true;
}
