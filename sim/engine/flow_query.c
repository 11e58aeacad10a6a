#include <assert.h>
#include <math.h>

#include "sim/engine/flow_priv.h"

double stc_flow_rate_Bps(struct stc_flownet *net, uint32_t id)
{
    if (!net->solved) stc_fl_solve(net);
    assert(id < net->n_slots && net->flow[id].state != STC_FL_FREE);
    const struct stc_fl_flow *f = &net->flow[id];
    return f->state == STC_FL_LIVE ? f->weight * net->hot[f->link].level : 0.0;
}

double stc_flow_left_bytes(struct stc_flownet *net, uint32_t id)
{
    assert(id < net->n_slots && net->flow[id].state != STC_FL_FREE);
    const struct stc_fl_flow *f = &net->flow[id];
    if (f->state != STC_FL_LIVE) return f->bytes;
    stc_fl_settle(net, f->link);
    const double left =
        stc_fl_heap(net, f->link)[f->heap_pos].end - net->link[f->link].clock;
    return fmin(fmax(left, 0.0) * f->weight, f->bytes);
}

double stc_flownet_load_Bps(struct stc_flownet *net, uint32_t link)
{
    assert(link < net->n_links);
    if (!net->solved) stc_fl_solve(net);
    const struct stc_fl_on *on = stc_fl_list(net, link);
    double load = 0.0;
    for (uint32_t i = 0; i < net->link[link].n_list; i++)
        load +=
            stc_fl_uses(net)[on[i].use].cw * net->hot[net->flow[on[i].flow].link].level;
    return load;
}

double stc_flownet_carried_bytes(struct stc_flownet *net, uint32_t link)
{
    assert(link < net->n_links);
    const struct stc_fl_on *on = stc_fl_list(net, link);
    double bytes = net->link[link].done_bytes;
    for (uint32_t i = 0; i < net->link[link].n_list; i++) {
        const struct stc_fl_flow *f = &net->flow[on[i].flow];
        const double moved = f->bytes - stc_flow_left_bytes(net, on[i].flow);
        bytes += stc_fl_uses(net)[on[i].use].cw / f->weight * moved;
    }
    return bytes;
}

/* A thousandth of a byte a second is rounding, also on a link that is down. */
static bool near(double a, double b, double scale)
{
    return fabs(a - b) <= 1e-9 * scale + 1e-3;
}

static bool link_sane(struct stc_flownet *net, uint32_t link)
{
    const struct stc_fl_link *k = &net->link[link];
    const struct stc_fl_hot *h = &net->hot[link];
    const struct stc_fl_on *on = stc_fl_list(net, link);
    double other = 0.0, own = 0.0;
    uint32_t n_own = 0;

    if (k->n_list == 0) return k->n_own == 0;
    for (uint32_t i = 0; i < k->n_list; i++) {
        const struct stc_fl_use *u = &stc_fl_uses(net)[on[i].use];
        const uint32_t at = net->flow[on[i].flow].link;
        if (u->pos != i || u->link != link) return false;
        if (at == link) {
            own += u->cw;
            n_own++;
        } else {
            other += u->cw * net->hot[at].level;
        }
    }
    if (n_own != k->n_own || !near(other, h->other, k->capacity)) return false;
    if (n_own == 0)
        return other <= k->capacity * (1.0 + 1e-9) + 1e-3 && !(h->level < STC_INF);
    return fabs(own - k->own_cw) <= 1e-9 * own &&
           near(other + own * h->level, k->capacity, k->capacity);
}

static bool flow_sane(struct stc_flownet *net, uint32_t id)
{
    const struct stc_fl_flow *f = &net->flow[id];
    const struct stc_fl_use *u = stc_fl_uses(net) + f->use;
    bool crosses = false;

    if (f->state != STC_FL_LIVE) return f->state != STC_FL_FRESH;
    for (uint32_t i = 0; i < f->n_uses; i++) {
        crosses = crosses || u[i].link == f->link;
        if (net->hot[u[i].link].level < net->hot[f->link].level * (1.0 - 1e-9))
            return false;
    }
    return crosses && stc_fl_heap(net, f->link)[f->heap_pos].flow == id;
}

bool stc_flownet_sane(struct stc_flownet *net)
{
    if (!net->solved) stc_fl_solve(net);
    for (uint32_t i = 0; i < net->n_nodes; i++) {
        if (!link_sane(net, i)) return false;
    }
    for (uint32_t i = 0; i < net->n_slots; i++) {
        if (!flow_sane(net, i)) return false;
    }
    return stc_queue_sane(&net->latencies);
}
