/*
 * flow_fill.c - progressive filling of a connected component from the start:
 * for many changes at once, and the way out when the incremental solver takes
 * long. Exact, O(uses * log links).
 */
#include <assert.h>
#include <math.h>

#include "sim/engine/flow_priv.h"

static void visit_link(struct stc_flownet *net, uint32_t link, uint32_t *n_links)
{
    if (net->link[link].stamp == net->stamp) return;
    net->link[link].stamp = net->stamp;
    net->walk_links[(*n_links)++] = link;
}

/* Links and flows connected with the seeds and the fresh flows. */
static void collect(struct stc_flownet *net, uint32_t *n_links, uint32_t *n_flows)
{
    const struct stc_fl_use *uses = stc_fl_uses(net);

    *n_links = *n_flows = 0;
    net->stamp++;
    for (uint32_t i = 0; i < net->n_seeds; i++)
        visit_link(net, net->seeds[i], n_links);
    for (uint32_t i = 0; i < net->n_fresh; i++)
        visit_link(net, uses[net->flow[net->fresh[i]].use].link, n_links);
    for (uint32_t i = 0; i < *n_links; i++) {
        const uint32_t link = net->walk_links[i];
        const struct stc_fl_on *on = stc_fl_list(net, link);
        for (uint32_t j = 0; j < net->link[link].n_list; j++) {
            struct stc_fl_flow *f = &net->flow[on[j].flow];
            if (f->stamp == net->stamp) continue;
            f->stamp = net->stamp;
            f->fill_link = STC_NONE;
            net->walk_flows[(*n_flows)++] = on[j].flow;
            for (uint32_t u = 0; u < f->n_uses; u++)
                visit_link(net, uses[f->use + u].link, n_links);
        }
    }
}

static void sift_down(struct stc_fl_key *heap, uint32_t n, uint32_t i)
{
    const struct stc_fl_key e = heap[i];
    for (;;) {
        uint32_t c = 2 * i + 1;
        if (c >= n) break;
        if (c + 1 < n && heap[c + 1].key < heap[c].key) c++;
        if (!(heap[c].key < e.key)) break;
        heap[i] = heap[c];
        i = c;
    }
    heap[i] = e;
}

/* The link is full at `level`: its flows not yet frozen freeze there. */
static void freeze(struct stc_flownet *net, uint32_t link, double level)
{
    const struct stc_fl_on *on = stc_fl_list(net, link);
    const struct stc_fl_use *uses = stc_fl_uses(net);

    for (uint32_t i = 0; i < net->link[link].n_list; i++) {
        struct stc_fl_flow *f = &net->flow[on[i].flow];
        if (f->fill_link != STC_NONE) continue;
        f->fill_link = link;
        for (uint32_t u = 0; u < f->n_uses; u++) {
            struct stc_fl_link *k = &net->link[uses[f->use + u].link];
            k->fill_left -= uses[f->use + u].cw * level;
            k->fill_cw -= uses[f->use + u].cw;
            k->fill_n--;
        }
    }
}

/* Share of the link for its unfrozen flows, summed anew: the running sums only
 * order the links. */
static double exact_share(const struct stc_flownet *net, uint32_t link)
{
    const struct stc_fl_on *on = stc_fl_list(net, link);
    const struct stc_fl_use *uses = stc_fl_uses(net);
    double left = net->link[link].capacity, cw = 0.0;

    for (uint32_t i = 0; i < net->link[link].n_list; i++) {
        const uint32_t at = net->flow[on[i].flow].fill_link;
        if (at == STC_NONE) {
            cw += uses[on[i].use].cw;
        } else {
            left -= uses[on[i].use].cw * net->link[at].fill_level;
        }
    }
    return fmax(left / cw, 0.0);
}

static void fill_levels(struct stc_flownet *net, uint32_t n_links)
{
    const struct stc_fl_use *uses = stc_fl_uses(net);
    struct stc_fl_key *heap = net->pick;
    uint32_t n = 0;

    for (uint32_t i = 0; i < n_links; i++) {
        const uint32_t link = net->walk_links[i];
        struct stc_fl_link *k = &net->link[link];
        const struct stc_fl_on *on = stc_fl_list(net, link);
        k->fill_left = k->capacity;
        k->fill_cw = 0.0;
        k->fill_n = k->n_list;
        k->fill_level = STC_INF;
        for (uint32_t j = 0; j < k->n_list; j++)
            k->fill_cw += uses[on[j].use].cw;
        if (k->n_list > 0)
            heap[n++] = (struct stc_fl_key){k->fill_left / k->fill_cw, link, 0};
    }
    for (uint32_t i = n / 2; i-- > 0;)
        sift_down(heap, n, i);
    while (n > 0) { /* a key is never above the link's share: shares only rise */
        const uint32_t link = heap[0].id;
        struct stc_fl_link *k = &net->link[link];
        if (k->fill_n > 0) {
            const double share = fmax(k->fill_left / k->fill_cw, heap[0].key);
            if (share > heap[0].key * (1.0 + STC_FLOW_TOL)) {
                heap[0].key = share;
                sift_down(heap, n, 0);
                continue;
            }
            k->fill_level = exact_share(net, link);
            freeze(net, link, k->fill_level);
        }
        heap[0] = heap[--n];
        if (n > 0) sift_down(heap, n, 0);
    }
}

/* Levels, bottlenecks and sums of the component as filled. */
static void apply(struct stc_flownet *net, uint32_t n_links, uint32_t n_flows)
{
    const struct stc_fl_use *uses = stc_fl_uses(net);

    for (uint32_t i = 0; i < n_links; i++) {
        stc_fl_settle(net, net->walk_links[i]);
        stc_fl_mark_changed(net, net->walk_links[i]);
    }
    for (uint32_t i = 0; i < n_flows; i++) {
        struct stc_fl_flow *f = &net->flow[net->walk_flows[i]];
        double left = f->bytes / f->weight;
        assert(f->fill_link != STC_NONE);
        if (f->link == f->fill_link) continue;
        if (f->link != STC_NONE)
            left =
                stc_fl_heap_take(net, f->link, f->heap_pos) - net->link[f->link].clock;
        f->state = STC_FL_LIVE;
        stc_fl_settle(net, f->fill_link);
        stc_fl_heap_add(net, f->fill_link, net->walk_flows[i],
                        net->link[f->fill_link].clock + left);
    }
    for (uint32_t i = 0; i < n_links; i++) {
        const uint32_t link = net->walk_links[i];
        struct stc_fl_link *k = &net->link[link];
        struct stc_fl_hot *h = &net->hot[link];
        const struct stc_fl_on *on = stc_fl_list(net, link);
        h->level = k->fill_level;
        h->other = k->own_cw = 0.0;
        k->guessed = false;
        for (uint32_t j = 0; j < k->n_list; j++) {
            const uint32_t at = net->flow[on[j].flow].link;
            if (at == link) {
                k->own_cw += uses[on[j].use].cw;
            } else {
                h->other += uses[on[j].use].cw * net->link[at].fill_level;
            }
        }
        h->trigger = k->n_own > 0 ? -STC_INF : h->limit;
    }
}

void stc_fl_fill(struct stc_flownet *net)
{
    uint32_t n_links, n_flows;

    collect(net, &n_links, &n_flows);
    fill_levels(net, n_links);
    apply(net, n_links, n_flows);
    net->n_seeds = 0;
    net->n_fresh = 0;
}
