#include "kernels/coll_alg.h"

#include <math.h>
#include <string.h>

static enum stc_err add(struct stc_coll_flows *f, int src, int dst, double bytes,
                        bool inter)
{
    if (src == dst || bytes <= 0.0) return STC_OK;
    if (f->n == f->cap) {
        size_t cap = f->cap > 0 ? 2 * f->cap : 64;
        struct stc_coll_flow *v = STC_NEW_N(f->arena, struct stc_coll_flow, cap);
        if (v == NULL) return STC_ERR_NOMEM;
        if (f->n > 0) memcpy(v, f->v, f->n * sizeof *v);
        f->v = v;
        f->cap = cap;
    }
    f->v[f->n++] = (struct stc_coll_flow){src, dst, bytes, inter};
    return STC_OK;
}

/* Ranks of a node: k, fewer in the last one. */
static int node_ranks(const struct stc_group_shape *g, int node)
{
    int left = g->n_ranks - node * g->ranks_per_node;
    return left < g->ranks_per_node ? (left > 0 ? left : 1) : g->ranks_per_node;
}

static int member(const struct stc_group_shape *g, int node, int local)
{
    int m = node * g->ranks_per_node + local % node_ranks(g, node);
    return m < g->n_ranks ? m : g->n_ranks - 1;
}

/* The member whose NIC is rail r of a node. */
static int rail_member(const struct stc_coll_ctx *c, int node, int r)
{
    int n_rails = (int)c->n_rails;
    return member(c->g, node, (int)((long)r * c->g->ranks_per_node / n_rails));
}

/* Every port of a node sends `bytes` to its neighbour. */
static enum stc_err emit_inside(const struct stc_coll_ctx *c, double bytes,
                                struct stc_coll_flows *out)
{
    for (int a = 0; a < c->g->n_nodes; a++) {
        int k = node_ranks(c->g, a);
        for (int i = 0; i < k; i++) {
            enum stc_err err = add(out, member(c->g, a, i),
                                   member(c->g, a, (i + 1) % k), bytes, false);
            if (err != STC_OK) return err;
        }
    }
    return STC_OK;
}

enum stc_err stc_coll_emit_ring(const struct stc_coll_ctx *c,
                                const struct stc_coll_terms *t,
                                struct stc_coll_flows *out)
{
    enum stc_err err = emit_inside(c, t->intra_bytes, out);
    if (c->g->n_nodes <= 1) return err;
    for (int r = 0; err == STC_OK && r < (int)c->n_rails; r++)
        for (int a = 0; err == STC_OK && a < c->g->n_nodes; a++)
            err = add(out, rail_member(c, a, r),
                      rail_member(c, (a + 1) % c->g->n_nodes, r), t->net_bytes, true);
    return err;
}

/* In-order binary tree (Sanders, Speck, Träff 2009): the parent of v clears its
 * lowest set bit and sets the one above; leaves are odd. Mirrored, every leaf
 * of one tree is an inner node of the other. */
static int parent_plain(int v, int n)
{
    if (v == 0) return -1;
    int bit = v & -v;
    int up = (v ^ bit) | (bit << 1);
    return up < n ? up : v ^ bit;
}

int stc_coll_tree_parent(int v, int n_nodes, bool mirrored)
{
    if (!mirrored) return parent_plain(v, n_nodes);
    if (n_nodes % 2 == 0) {
        int up = parent_plain(n_nodes - 1 - v, n_nodes);
        return up < 0 ? -1 : n_nodes - 1 - up;
    }
    /* An odd count cannot be mirrored onto leaves: it is shifted by one. */
    int up = parent_plain((v + n_nodes - 1) % n_nodes, n_nodes);
    return up < 0 ? -1 : (up + 1) % n_nodes;
}

enum stc_err stc_coll_emit_tree(const struct stc_coll_ctx *c,
                                const struct stc_coll_terms *t,
                                struct stc_coll_flows *out)
{
    enum stc_err err = emit_inside(c, t->intra_bytes, out);
    int n_nodes = c->g->n_nodes;
    if (n_nodes <= 1) return err;
    double edge_bytes = 0.5 * t->net_bytes / stc_coll_tree_load(c->nodes);
    for (int r = 0; r < (int)c->n_rails; r++)
        for (int half = 0; half < 2; half++)
            for (int a = 0; err == STC_OK && a < n_nodes; a++) {
                int up = stc_coll_tree_parent(a, n_nodes, half == 1);
                if (up < 0) continue;
                err = add(out, rail_member(c, a, r), rail_member(c, up, r), edge_bytes,
                          true);
                if (err == STC_OK)
                    err = add(out, rail_member(c, up, r), rail_member(c, a, r),
                              edge_bytes, true);
            }
    return err;
}

enum stc_err stc_coll_emit_pairs(const struct stc_coll_ctx *c,
                                 const struct stc_coll_terms *t,
                                 struct stc_coll_flows *out)
{
    const struct stc_group_shape *g = c->g;
    if (c->coll == STC_COLL_SEND_RECV)
        return g->n_ranks == 2 ? add(out, 0, 1, c->bytes, g->n_nodes > 1)
                               : stc_coll_emit_ring(c, t, out);
    enum stc_err err = STC_OK;
    double pair_bytes = c->k > 1.0 ? t->intra_bytes / (c->k - 1.0) : 0.0;
    for (int a = 0; a < g->n_nodes; a++) {
        int k = node_ranks(g, a);
        for (int i = 0; i < k; i++)
            for (int j = 0; err == STC_OK && j < k; j++)
                err = add(out, member(g, a, i), member(g, a, j), pair_bytes, false);
    }
    /* One flow per (node pair, rail): what all ranks of a node send to another
     * node is spread over its rails (PXN). */
    double rail_bytes = c->nodes > 1.0 ? t->net_bytes / (c->nodes - 1.0) : 0.0;
    for (int r = 0; r < (int)c->n_rails; r++)
        for (int a = 0; a < g->n_nodes; a++)
            for (int b = 0; err == STC_OK && b < g->n_nodes; b++)
                if (a != b)
                    err = add(out, rail_member(c, a, r), rail_member(c, b, r),
                              rail_bytes, true);
    return err;
}
