#include <math.h>

#include "sim/engine/flow_priv.h"

void stc_fl_settle(struct stc_flownet *net, uint32_t link)
{
    struct stc_fl_link *k = &net->link[link];

    if (k->n_own == 0) {
        k->clock = 0.0; /* a fresh start keeps the clock's digits */
    } else if (net->now_tick > k->clock_tick) {
        k->clock += net->hot[link].level *
                    ((double)(net->now_tick - k->clock_tick) * net->tick_s);
    }
    k->clock_tick = net->now_tick;
}

static void put(struct stc_flownet *net, struct stc_fl_own *heap, uint32_t i,
                struct stc_fl_own o)
{
    heap[i] = o;
    net->flow[o.flow].heap_pos = i;
}

static bool earlier(const struct stc_flownet *net, const struct stc_fl_own *a,
                    const struct stc_fl_own *b)
{
    if (a->end < b->end) return true;
    return a->end <= b->end && net->flow[a->flow].seq < net->flow[b->flow].seq;
}

static void sift_up(struct stc_flownet *net, struct stc_fl_own *heap, uint32_t i,
                    struct stc_fl_own o)
{
    while (i > 0) {
        const uint32_t up = (i - 1) / 2;
        if (!earlier(net, &o, &heap[up])) break;
        put(net, heap, i, heap[up]);
        i = up;
    }
    put(net, heap, i, o);
}

static void sift_down(struct stc_flownet *net, struct stc_fl_own *heap, uint32_t n,
                      struct stc_fl_own o)
{
    uint32_t i = net->flow[o.flow].heap_pos;
    for (;;) {
        uint32_t c = 2 * i + 1;
        if (c >= n) break;
        if (c + 1 < n && earlier(net, &heap[c + 1], &heap[c])) c++;
        if (!earlier(net, &heap[c], &o)) break;
        put(net, heap, i, heap[c]);
        i = c;
    }
    put(net, heap, i, o);
}

void stc_fl_heap_add(struct stc_flownet *net, uint32_t link, uint32_t flow, double end)
{
    struct stc_fl_flow *f = &net->flow[flow];
    const struct stc_fl_own o = {
        .end = end, .flow = flow, .use = f->use, .n_uses = f->n_uses};

    f->link = link;
    sift_up(net, stc_fl_heap(net, link), net->link[link].n_own++, o);
}

double stc_fl_heap_take(struct stc_flownet *net, uint32_t link, uint32_t pos)
{
    struct stc_fl_own *heap = stc_fl_heap(net, link);
    const double end = heap[pos].end;
    const uint32_t n = --net->link[link].n_own;

    if (pos < n) {
        const struct stc_fl_own last = heap[n];
        if (pos > 0 && earlier(net, &last, &heap[(pos - 1) / 2])) {
            sift_up(net, heap, pos, last);
        } else {
            net->flow[last.flow].heap_pos = pos;
            sift_down(net, heap, n, last);
        }
    }
    return end;
}

stc_tick stc_fl_tick_of(const struct stc_flownet *net, uint32_t link, double end)
{
    const struct stc_fl_link *k = &net->link[link];
    /* Ends that only rounding puts past a tick belong to it: the clock's own
     * (first term) and that of the division. */
    const double left = end - k->clock - 1e-15 * end;
    const double level = net->hot[link].level;

    if (left <= 0.0) return k->clock_tick;
    if (!(level > 0.0)) return INT64_MAX; /* stalled */
    const double ticks = ceil(left / level / net->tick_s * (1.0 - 1e-13));
    if (!(ticks < 9e18 - (double)k->clock_tick)) return INT64_MAX;
    return k->clock_tick + (stc_tick)ticks;
}

static void set_end(struct stc_flownet *net, uint32_t link)
{
    const struct stc_fl_link *k = &net->link[link];
    const stc_tick new = k->n_own > 0
                             ? stc_fl_tick_of(net, link, stc_fl_heap(net, link)->end)
                             : INT64_MAX;
    const stc_tick old = net->end_tick[link];
    const uint32_t b = link / STC_FL_BLOCK;

    net->end_tick[link] = new;
    if (new <= net->block_end_tick[b]) {
        net->block_end_tick[b] = new;
    } else if (old == net->block_end_tick[b] && !net->block_stale[b]) {
        net->block_stale[b] = true;
        net->blocks_stale[net->n_blocks_stale++] = b;
    }
}

static stc_tick least(const stc_tick *at, uint32_t n)
{
    stc_tick m = INT64_MAX;
    for (uint32_t i = 0; i < n; i++)
        m = at[i] < m ? at[i] : m;
    return m;
}

void stc_fl_refresh_ends(struct stc_flownet *net)
{
    for (uint32_t i = 0; i < net->n_changed; i++) {
        const uint32_t link = net->changed[i];
        net->link[link].changed = false;
        set_end(net, link);
    }
    net->n_changed = 0;
    for (uint32_t i = 0; i < net->n_blocks_stale; i++) {
        const uint32_t b = net->blocks_stale[i], first = b * STC_FL_BLOCK;
        const uint32_t n =
            net->n_nodes - first < STC_FL_BLOCK ? net->n_nodes - first : STC_FL_BLOCK;
        net->block_end_tick[b] = least(&net->end_tick[first], n);
        net->block_stale[b] = false;
    }
    net->n_blocks_stale = 0;
    net->next_tick =
        least(net->block_end_tick, (net->n_nodes + STC_FL_BLOCK - 1) / STC_FL_BLOCK);
    const stc_tick latency_tick = stc_queue_peek_tick(&net->latencies);
    if (latency_tick < net->next_tick) net->next_tick = latency_tick;
}
