#include "models/layout.h"

#include <assert.h>
#include <stddef.h>

/* Ranks of one pipeline stage. */
static int32_t stage_ranks(const struct stc_layout *l)
{
    return l->tp * l->cp * l->dp;
}

/* Ranks a state is cut over. A shard group that names all of dp means all that
 * hold the same parameters: frameworks shard over dp x cp (Megatron-Core's
 * dp_cp group, torchtitan's dp_shard_cp mesh). */
static int32_t shard_ranks(const struct stc_layout *l)
{
    return l->shard_group <= 0 || l->shard_group == l->dp ? l->dp * l->cp
                                                          : l->shard_group;
}

int32_t stc_layout_world(const struct stc_layout *l)
{
    return stage_ranks(l) * l->pp;
}

struct stc_coord stc_layout_coord(const struct stc_layout *l, int32_t rank)
{
    struct stc_coord c;
    int32_t inner = rank % stage_ranks(l);
    c.tp = rank % l->tp;
    c.cp = rank / l->tp % l->cp;
    c.dp = rank / (l->tp * l->cp) % l->dp;
    c.pp = rank / stage_ranks(l);
    c.etp = inner % l->etp;
    c.ep = inner / l->etp % l->ep;
    c.edp = inner / (l->etp * l->ep);
    return c;
}

int32_t stc_layout_rank(const struct stc_layout *l, const struct stc_coord *c)
{
    return c->tp + l->tp * (c->cp + l->cp * (c->dp + l->dp * c->pp));
}

int32_t stc_layout_axis_size(const struct stc_layout *l, enum stc_axis axis)
{
    switch (axis) {
    case STC_AXIS_TP: return l->tp;
    case STC_AXIS_CP: return l->cp;
    case STC_AXIS_DP: return l->dp;
    case STC_AXIS_DPCP: return l->dp * l->cp;
    case STC_AXIS_PP: return l->pp;
    case STC_AXIS_EP: return l->ep;
    case STC_AXIS_ETP: return l->etp;
    case STC_AXIS_EDP: return stage_ranks(l) / (l->ep * l->etp);
    case STC_AXIS_SHARD: return shard_ranks(l);
    case STC_AXIS_REPLICA: return l->dp * l->cp / shard_ranks(l);
    case STC_AXIS_EMBED: return l->pp > 1 ? 2 : 1;
    case STC_AXIS_WORLD: return stc_layout_world(l);
    case STC_AXIS_COUNT: break;
    }
    return 1;
}

static struct stc_group progression(int32_t first, int32_t stride, int32_t n)
{
    return (struct stc_group){
        .first = first, .stride = stride, .n = n, .block = n, .outer_stride = 0};
}

struct stc_group stc_layout_group(const struct stc_layout *l, enum stc_axis axis,
                                  int32_t rank)
{
    struct stc_coord c = stc_layout_coord(l, rank);
    int32_t n = stc_layout_axis_size(l, axis), per_stage = stage_ranks(l);
    int32_t base = c.pp * per_stage, tpcp = l->tp * l->cp;
    int32_t shard = shard_ranks(l), replica = c.cp + l->cp * c.dp;
    switch (axis) {
    case STC_AXIS_TP: return progression(rank - c.tp, 1, n);
    case STC_AXIS_CP: return progression(rank - c.cp * l->tp, l->tp, n);
    case STC_AXIS_DP: return progression(rank - c.dp * tpcp, tpcp, n);
    case STC_AXIS_DPCP: return progression(base + c.tp, l->tp, n);
    case STC_AXIS_PP: return progression(rank - base, per_stage, n);
    case STC_AXIS_EP:
        return progression(base + c.etp + l->etp * l->ep * c.edp, l->etp, n);
    case STC_AXIS_ETP: return progression(rank - c.etp, 1, n);
    case STC_AXIS_EDP:
        return progression(base + c.etp + l->etp * c.ep, l->etp * l->ep, n);
    case STC_AXIS_SHARD:
        return progression(base + c.tp + l->tp * (replica / shard * shard), l->tp, n);
    case STC_AXIS_REPLICA:
        return progression(base + c.tp + l->tp * (replica % shard), l->tp * shard, n);
    case STC_AXIS_EMBED:
        return progression(rank - base, per_stage * (l->pp > 1 ? l->pp - 1 : 1), n);
    case STC_AXIS_WORLD: return progression(0, 1, n);
    case STC_AXIS_COUNT: break;
    }
    assert(!"axis");
    return progression(rank, 1, 1);
}

int32_t stc_group_member(const struct stc_group *g, int32_t i)
{
    assert(i >= 0 && i < g->n);
    return g->first + i % g->block * g->stride + i / g->block * g->outer_stride;
}

int32_t stc_group_index(const struct stc_group *g, int32_t rank)
{
    int32_t n_blocks = g->block > 0 ? g->n / g->block : 0;
    for (int32_t b = 0; b < n_blocks; b++) {
        int32_t off = rank - g->first - b * g->outer_stride;
        if (off >= 0 && off % g->stride == 0 && off / g->stride < g->block) {
            return b * g->block + off / g->stride;
        }
    }
    return -1;
}

const char *stc_axis_name(enum stc_axis axis)
{
    static const char *const names[STC_AXIS_COUNT] = {
        [STC_AXIS_TP] = "tp",       [STC_AXIS_CP] = "cp",
        [STC_AXIS_DP] = "dp",       [STC_AXIS_DPCP] = "dp-cp",
        [STC_AXIS_PP] = "pp",       [STC_AXIS_EP] = "ep",
        [STC_AXIS_ETP] = "etp",     [STC_AXIS_EDP] = "edp",
        [STC_AXIS_SHARD] = "shard", [STC_AXIS_REPLICA] = "replica",
        [STC_AXIS_EMBED] = "embed", [STC_AXIS_WORLD] = "world",
    };
    return (unsigned)axis < STC_AXIS_COUNT ? names[axis] : "?";
}

/* A remainder goes to the middle stages first, because the first also holds the
 * embedding and the last the head; of two stages the first takes it. */
static int32_t remainder_share(int32_t v, int32_t n_virtual, int32_t rest)
{
    if (v == n_virtual - 1) {
        return rest >= n_virtual;
    }
    if (v == 0) {
        return rest >= n_virtual - 1;
    }
    return v <= rest;
}

int32_t stc_layout_layers(const struct stc_layout *l, int32_t n_layers, int32_t v)
{
    int32_t n_virtual = l->pp * l->vp;
    if (v < 0 || v >= n_virtual) {
        return -1;
    }
    if (n_virtual == 1) {
        return n_layers;
    }
    int32_t even_sum = n_layers - l->first_stage_extra - l->last_stage_extra;
    if (even_sum < 0) {
        return -1;
    }
    int32_t even = even_sum / n_virtual, rest = even_sum % n_virtual;
    int32_t n = even + remainder_share(v, n_virtual, rest);
    if (v == 0) {
        n += l->first_stage_extra;
    }
    if (v == n_virtual - 1) {
        n += l->last_stage_extra;
    }
    return n >= 0 ? n : -1;
}

int32_t stc_layout_first_layer(const struct stc_layout *l, int32_t n_layers, int32_t v)
{
    int32_t first = 0;
    for (int32_t i = 0; i < v; i++) {
        int32_t n = stc_layout_layers(l, n_layers, i);
        if (n < 0) {
            return -1;
        }
        first += n;
    }
    return first;
}

static int divides(const struct stc_layout *l)
{
    if (l->tp < 1 || l->pp < 1 || l->vp < 1 || l->cp < 1 || l->ep < 1 || l->etp < 1 ||
        l->dp < 1 || l->micro_batch < 1 || l->n_micro < 1) {
        return 0;
    }
    return stage_ranks(l) % (l->ep * l->etp) == 0 &&
           l->dp * l->cp % shard_ranks(l) == 0;
}

int stc_layout_sane(const struct stc_layout *l)
{
    if (!divides(l)) {
        return 0;
    }
    int32_t world = stc_layout_world(l);
    for (int a = 0; a < STC_AXIS_COUNT; a++) {
        if (a == STC_AXIS_EMBED) {
            continue; /* middle stages are in no such group */
        }
        for (int32_t r = 0; r < world; r++) {
            struct stc_group g = stc_layout_group(l, (enum stc_axis)a, r);
            int32_t i = stc_group_index(&g, r);
            struct stc_group of_first = stc_layout_group(l, (enum stc_axis)a, g.first);
            if (i < 0 || stc_group_member(&g, i) != r || of_first.first != g.first ||
                of_first.n != g.n || of_first.stride != g.stride ||
                stc_group_member(&g, g.n - 1) >= world) {
                return 0;
            }
        }
    }
    return 1;
}
