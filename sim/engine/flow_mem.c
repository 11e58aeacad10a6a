#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/engine/flow_priv.h"

void stc_fl_pool_init(struct stc_flow_pool *p, size_t elem_bytes)
{
    assert(elem_bytes >= sizeof(uint32_t));
    *p = (struct stc_flow_pool){.elem_bytes = elem_bytes};
    for (int c = 0; c < STC_POOL_CLASSES; c++)
        p->free_head[c] = STC_NONE;
}

void stc_fl_pool_free(struct stc_flow_pool *p)
{
    free(p->base);
    p->base = NULL;
}

uint32_t stc_fl_class_for(uint32_t n)
{
    return n <= 1 ? 0 : 32U - (uint32_t)__builtin_clz(n - 1);
}

static char *pool_at(const struct stc_flow_pool *p, uint32_t offset)
{
    return (char *)p->base + (size_t)offset * p->elem_bytes;
}

uint32_t stc_fl_pool_take(struct stc_flow_pool *p, uint32_t size_class)
{
    if (size_class >= STC_POOL_CLASSES) return STC_NONE;
    const uint32_t head = p->free_head[size_class];
    if (head !=
        STC_NONE) { /* a free array holds the offset of the next in its first bytes */
        memcpy(&p->free_head[size_class], pool_at(p, head), sizeof head);
        return head;
    }
    const uint64_t need = (uint64_t)p->used + (UINT64_C(1) << size_class);
    if (need > p->cap) {
        uint64_t cap = p->cap < 256 ? 256 : (uint64_t)p->cap * 2;
        while (cap < need)
            cap *= 2;
        if (cap >= STC_NONE) return STC_NONE;
        void *base = realloc(p->base, (size_t)cap * p->elem_bytes);
        if (base == NULL) return STC_NONE;
        p->base = base;
        p->cap = (uint32_t)cap;
    }
    const uint32_t offset = p->used;
    p->used = (uint32_t)need;
    return offset;
}

void stc_fl_pool_give(struct stc_flow_pool *p, uint32_t offset, uint32_t size_class)
{
    memcpy(pool_at(p, offset), &p->free_head[size_class], sizeof offset);
    p->free_head[size_class] = offset;
}

static bool grow(void *array, size_t n, size_t elem_bytes)
{
    void *old;
    memcpy(&old, array, sizeof old);
    void *new = realloc(old, n * elem_bytes);
    if (new == NULL) return false;
    memcpy(array, &new, sizeof new);
    return true; // cppcheck-suppress memleak ; the array owns it
}

#define GROW(array, n) grow(&(array), (n), sizeof *(array))

static enum stc_err reserve_nodes(struct stc_flownet *net, uint32_t n)
{
    const uint32_t n_blocks = n / STC_FL_BLOCK + 1;
    const uint32_t old_blocks =
        net->cap_nodes > 0 ? net->cap_nodes / STC_FL_BLOCK + 1 : 0;

    if (!GROW(net->hot, n) || !GROW(net->link, n) || !GROW(net->end_tick, n) ||
        !GROW(net->seeds, n) || !GROW(net->changed, n) || !GROW(net->pick, n) ||
        !GROW(net->walk_links, n) || !GROW(net->block_end_tick, n_blocks) ||
        !GROW(net->block_stale, n_blocks) || !GROW(net->blocks_stale, n_blocks))
        return STC_ERR_NOMEM;
    for (uint32_t i = net->cap_nodes; i < n; i++) {
        net->hot[i] = (struct stc_fl_hot){.level = STC_INF};
        net->link[i] = (struct stc_fl_link){.size_class = STC_NONE};
        net->end_tick[i] = INT64_MAX;
    }
    for (uint32_t b = old_blocks; b < n_blocks; b++) {
        net->block_end_tick[b] = INT64_MAX;
        net->block_stale[b] = false;
    }
    net->cap_nodes = n;
    return STC_OK;
}

enum stc_err stc_fl_reserve_slots(struct stc_flownet *net, uint32_t n_slots)
{
    if (n_slots <= net->cap_slots && net->cap_nodes > 0) return STC_OK;
    uint32_t n = net->cap_slots < 64 ? 64 : 2 * net->cap_slots;
    if (n < n_slots) n = n_slots;
    if ((uint64_t)net->n_links + n >= STC_NONE / 2) return STC_ERR_NOMEM;

    if (reserve_nodes(net, net->n_links + n) != STC_OK) return STC_ERR_NOMEM;
    if (!GROW(net->flow, n) || !GROW(net->fresh, n) || !GROW(net->done_tag, n) ||
        !GROW(net->done_seq, n) || !GROW(net->walk_flows, n) ||
        stc_queue_reserve(&net->latencies, n) != STC_OK)
        return STC_ERR_NOMEM;
    for (uint32_t i = net->cap_slots; i < n; i++)
        net->flow[i] = (struct stc_fl_flow){0};
    net->cap_slots = n;
    return STC_OK;
}

enum stc_err stc_fl_reserve_on(struct stc_flownet *net, uint32_t link, uint32_t n)
{
    struct stc_fl_link *k = &net->link[link];
    const uint32_t new_class = stc_fl_class_for(n);

    if (k->size_class != STC_NONE && new_class <= k->size_class) return STC_OK;
    const uint32_t list = stc_fl_pool_take(&net->lists, new_class);
    if (list == STC_NONE) return STC_ERR_NOMEM;
    const uint32_t heap = stc_fl_pool_take(&net->heaps, new_class);
    if (heap == STC_NONE) {
        stc_fl_pool_give(&net->lists, list, new_class);
        return STC_ERR_NOMEM;
    }
    if (k->size_class != STC_NONE) {
        memcpy(pool_at(&net->lists, list), pool_at(&net->lists, k->list),
               k->n_list * net->lists.elem_bytes);
        memcpy(pool_at(&net->heaps, heap), pool_at(&net->heaps, k->heap),
               k->n_own * net->heaps.elem_bytes);
        stc_fl_pool_give(&net->lists, k->list, k->size_class);
        stc_fl_pool_give(&net->heaps, k->heap, k->size_class);
    }
    k->list = list;
    k->heap = heap;
    k->size_class = new_class;
    return STC_OK;
}

void stc_fl_free_all(struct stc_flownet *net)
{
    free(net->hot);
    free(net->link);
    free(net->end_tick);
    free(net->block_end_tick);
    free(net->flow);
    free(net->fresh);
    free(net->seeds);
    free(net->changed);
    free(net->blocks_stale);
    free(net->block_stale);
    free(net->done_tag);
    free(net->done_seq);
    free(net->pick);
    free(net->walk_links);
    free(net->walk_flows);
    free(net->seen);
    stc_fl_pool_free(&net->uses);
    stc_fl_pool_free(&net->lists);
    stc_fl_pool_free(&net->heaps);
    stc_queue_free(&net->latencies);
    free(net);
}
