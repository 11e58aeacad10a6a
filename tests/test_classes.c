/*
 * test_classes.c - folding in space on random graphs of ranks, communicators and
 * links: the partition is equitable, no coarser than the initial colours and as
 * coarse as a naive refinement makes it; leaving links out changes no share.
 */
#include "sim/run/classes.h"

#include <stdio.h>

#include "sim/base/rng.h"
#include "sim/run/links.h"
#include "tests/ref_maxmin.h"
#include "tests/testing.h"

enum { MAX_RANKS = 60, MAX_COMMS = 60, MAX_LINKS = 24, MAX_EDGES = 2000 };

struct graph {
    struct stc_graph g;
    uint64_t rank_colour[MAX_RANKS], comm_colour[MAX_COMMS], link_colour[MAX_LINKS];
    int32_t member_off[MAX_COMMS + 1], use_off[MAX_COMMS + 1];
    struct stc_member member[MAX_EDGES];
    struct stc_link_use use[MAX_EDGES];
    uint64_t first_rank[MAX_RANKS], first_comm[MAX_COMMS],
        first_link[MAX_LINKS]; /* copies: the originals are overwritten */
};

static int32_t below(struct stc_rng *r, int32_t n)
{
    return (int32_t)stc_rng_below(r, (uint64_t)n);
}

/* A few copies of one small random pattern, some of them spoilt: much symmetry,
 * not all of it. */
static void random_graph(struct stc_rng *r, struct graph *x)
{
    memset(x, 0, sizeof *x);
    int32_t copies = 1 + below(r, 6), ranks = 1 + below(r, 8), comms = 1 + below(r, 8),
            links = 1 + below(r, 4);
    struct {
        int32_t n_members, rank[8], role[8], n_uses, link[6];
        double coef[6];
        uint64_t colour;
    } p[8];
    uint64_t rank_colour[8], link_colour[4];
    for (int32_t i = 0; i < ranks; i++)
        rank_colour[i] = (uint64_t)below(r, 2);
    for (int32_t i = 0; i < links; i++)
        link_colour[i] = (uint64_t)below(r, 2);
    for (int32_t c = 0; c < comms; c++) {
        p[c].n_members = 1 + below(r, 5);
        p[c].n_uses = below(r, 4);
        p[c].colour = (uint64_t)below(r, 2);
        for (int32_t i = 0; i < p[c].n_members; i++) {
            p[c].rank[i] = below(r, ranks);
            p[c].role[i] = below(r, 2);
        }
        for (int32_t i = 0; i < p[c].n_uses; i++) {
            p[c].link[i] = below(r, links);
            p[c].coef[i] = 1 + below(r, 2);
        }
    }
    int ring = below(
        r,
        2); /* a communicator's last member may be in the next copy: long-range order */
    int32_t n_m = 0, n_u = 0;
    for (int32_t k = 0; k < copies; k++) {
        for (int32_t i = 0; i < ranks; i++)
            x->rank_colour[k * ranks + i] = rank_colour[i];
        for (int32_t i = 0; i < links; i++)
            x->link_colour[k * links + i] = link_colour[i];
        for (int32_t c = 0; c < comms; c++) {
            int32_t id = k * comms + c;
            x->comm_colour[id] = p[c].colour;
            x->member_off[id] = n_m;
            x->use_off[id] = n_u;
            for (int32_t i = 0; i < p[c].n_members; i++) {
                int32_t at = i == p[c].n_members - 1 && ring ? (k + 1) % copies : k;
                x->member[n_m++] = (struct stc_member){at * ranks + p[c].rank[i],
                                                       (uint32_t)p[c].role[i]};
            }
            for (int32_t i = 0; i < p[c].n_uses; i++)
                x->use[n_u++] = (struct stc_link_use){
                    (uint32_t)(k * links + p[c].link[i]), p[c].coef[i]};
        }
    }
    x->g = (struct stc_graph){
        copies * ranks, copies * comms, copies * links, x->rank_colour, x->comm_colour,
        x->link_colour, x->member_off,  x->member,      x->use_off,     x->use};
    x->member_off[x->g.n_comms] = n_m;
    x->use_off[x->g.n_comms] = n_u;
    if (below(r, 2)) x->rank_colour[below(r, x->g.n_ranks)] ^= 7; /* a straggler */
    if (below(r, 4) == 0) x->link_colour[below(r, x->g.n_links)] ^= 7;
    memcpy(x->first_rank, x->rank_colour, sizeof x->first_rank);
    memcpy(x->first_comm, x->comm_colour, sizeof x->first_comm);
    memcpy(x->first_link, x->link_colour, sizeof x->first_link);
}

/* Edges of a communicator: to a class of ranks in a role, or to a class of links
 * with a coefficient. */
static int32_t members_in(const struct graph *x, const int32_t *rank_class,
                          int32_t comm, int32_t cls, uint32_t role)
{
    int32_t n = 0;
    for (int32_t i = x->member_off[comm]; i < x->member_off[comm + 1]; i++)
        n += rank_class[x->member[i].rank] == cls && x->member[i].role == role;
    return n;
}

static int32_t uses_in(const struct graph *x, const int32_t *link_class, int32_t comm,
                       int32_t cls, double coef)
{
    int32_t n = 0;
    for (int32_t i = x->use_off[comm]; i < x->use_off[comm + 1]; i++)
        n += link_class[x->use[i].link] == cls && x->use[i].coef >= coef &&
             x->use[i].coef <= coef;
    return n;
}

static int32_t comms_of_rank(const struct graph *x, const int32_t *comm_class,
                             int32_t rank, int32_t cls, uint32_t role)
{
    int32_t n = 0;
    for (int32_t c = 0; c < x->g.n_comms; c++)
        for (int32_t i = x->member_off[c];
             i < x->member_off[c + 1] && comm_class[c] == cls; i++)
            n += x->member[i].rank == rank && x->member[i].role == role;
    return n;
}

static int32_t comms_of_link(const struct graph *x, const int32_t *comm_class,
                             int32_t link, int32_t cls, double coef)
{
    int32_t n = 0;
    for (int32_t c = 0; c < x->g.n_comms; c++)
        for (int32_t i = x->use_off[c]; i < x->use_off[c + 1] && comm_class[c] == cls;
             i++)
            n += (int32_t)x->use[i].link == link && x->use[i].coef >= coef &&
                 x->use[i].coef <= coef;
    return n;
}

/* Members of a class see equally many edges of every kind to every class. */
static void check_equitable(const struct graph *x, const struct stc_partition *p)
{
    for (int32_t c = 0; c < x->g.n_comms; c++) {
        int32_t rep = p->comm_rep[p->comm_class[c]];
        ck_assert(x->first_comm[c] == x->first_comm[rep]);
        for (int32_t k = 0; k < p->n_ranks; k++)
            for (uint32_t role = 0; role < 2; role++)
                ck_assert_int_eq(members_in(x, p->rank_class, c, k, role),
                                 members_in(x, p->rank_class, rep, k, role));
        for (int32_t k = 0; k < p->n_links; k++)
            for (int coef = 1; coef <= 2; coef++)
                ck_assert_int_eq(uses_in(x, p->link_class, c, k, coef),
                                 uses_in(x, p->link_class, rep, k, coef));
    }
    for (int32_t r = 0; r < x->g.n_ranks; r++) {
        int32_t rep = p->rank_rep[p->rank_class[r]];
        ck_assert(x->first_rank[r] == x->first_rank[rep] && rep <= r);
        for (int32_t k = 0; k < p->n_comms; k++)
            for (uint32_t role = 0; role < 2; role++)
                ck_assert_int_eq(comms_of_rank(x, p->comm_class, r, k, role),
                                 comms_of_rank(x, p->comm_class, rep, k, role));
    }
    for (int32_t l = 0; l < x->g.n_links; l++) {
        int32_t rep = p->link_rep[p->link_class[l]];
        ck_assert(x->first_link[l] == x->first_link[rep]);
        for (int32_t k = 0; k < p->n_comms; k++)
            for (int coef = 1; coef <= 2; coef++)
                ck_assert_int_eq(comms_of_link(x, p->comm_class, l, k, coef),
                                 comms_of_link(x, p->comm_class, rep, k, coef));
    }
}

static void check_sizes(const int32_t *cls, const int32_t *rep, const int32_t *size,
                        int32_t n, int32_t n_classes)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < n_classes; k++) {
        sum += size[k];
        ck_assert_int_eq(cls[rep[k]], k);
    }
    ck_assert_int_eq(sum, n);
}

START_TEST(classes_are_equitable)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_rng r;
    static struct graph x;
    int32_t folded = 0, ranks = 0, classes = 0;
    stc_rng_seed(&r, 1, "classes");
    for (int n = 0; n < 400; n++) {
        struct stc_partition p;
        random_graph(&r, &x);
        stc_arena_reset(&a);
        ck_assert_int_eq(stc_classes(&a, &x.g, 1, &p), STC_OK);
        check_equitable(&x, &p);
        check_sizes(p.rank_class, p.rank_rep, p.rank_size, x.g.n_ranks, p.n_ranks);
        check_sizes(p.comm_class, p.comm_rep, p.comm_size, x.g.n_comms, p.n_comms);
        check_sizes(p.link_class, p.link_rep, p.link_size, x.g.n_links, p.n_links);
        folded += p.n_ranks < x.g.n_ranks;
        ranks += x.g.n_ranks;
        classes += p.n_ranks;
    }
    printf("classes: 400 graphs, %d fold, %d ranks in %d classes\n", (int)folded,
           (int)ranks, (int)classes);
    ck_assert_int_ge(folded, 150);
    stc_arena_free(&a);
}
END_TEST

/* Copies of a pattern that nothing spoils are one class each. */
START_TEST(classes_fold_what_is_alike)
{
    struct stc_arena a = STC_ARENA_INIT;
    static struct graph x;
    struct stc_partition p;
    memset(&x, 0, sizeof x);
    for (int32_t i = 0; i < 12; i++) { /* a ring of 12 pairs on 12 links */
        x.member_off[i] = 2 * i;
        x.use_off[i] = i;
        x.member[2 * i] = (struct stc_member){i, 0};
        x.member[2 * i + 1] = (struct stc_member){(i + 1) % 12, 1};
        x.use[i] = (struct stc_link_use){(uint32_t)i, 1};
    }
    x.member_off[12] = 24;
    x.use_off[12] = 12;
    x.g = (struct stc_graph){
        12,           12,       12,        x.rank_colour, x.comm_colour, x.link_colour,
        x.member_off, x.member, x.use_off, x.use};
    ck_assert_int_eq(stc_classes(&a, &x.g, 1, &p), STC_OK);
    ck_assert_int_eq(p.n_ranks, 1);
    ck_assert_int_eq(p.n_comms, 1);
    ck_assert_int_eq(p.n_links, 1);
    memset(x.rank_colour, 0, sizeof x.rank_colour);
    memset(x.comm_colour, 0, sizeof x.comm_colour);
    memset(x.link_colour, 0, sizeof x.link_colour);
    x.rank_colour[3] = 1; /* one differs: on a directed ring all do */
    ck_assert_int_eq(stc_classes(&a, &x.g, 1, &p), STC_OK);
    ck_assert_int_eq(p.n_ranks, 12);
    ck_assert_int_eq(stc_classes(&a, &x.g, 0, &p), STC_OK); /* switched off */
    ck_assert_int_eq(p.n_ranks, 12);
    ck_assert_int_eq(p.rank_size[5], 1);
    stc_arena_free(&a);
}
END_TEST

/* ==== links ==== */

static struct stc_topo *small_topo(struct stc_arena *a, struct stc_rng *r,
                                   struct stc_cluster *c)
{
    const struct stc_hw *hw;
    struct stc_diag d = {0};
    struct stc_topo *t;
    static const int nics[] = {1, 2, 8};
    struct stc_cluster_ask ask = {.use = "dgx-a100-80gb",
                                  .n_nodes = 2 + below(r, 5),
                                  .nics_per_node = nics[below(r, 3)]};
    stc_assert_ok(stc_scenario_hw(NULL, &hw, &d), &d);
    stc_assert_ok(stc_cluster_resolve(hw, &ask, c, &d), &d);
    c->fabric.oversubscription = 1 + below(r, 3);
    c->fabric.nodes_per_leaf = 1 + below(r, 3);
    stc_assert_ok(stc_cluster_finish(c, &d), &d);
    stc_assert_ok(stc_topo_make(a, c, &t, &d), &d);
    return t;
}

enum { N_ACTIVE = 24 };

/* Max-min shares of a random subset of communicators, alive together. */
static void shares(const struct stc_comms *c, const double *link_Bps, uint32_t n_links,
                   const uint8_t *alive, const double *cap, double *rate)
{
    static struct stc_flow_use use[N_ACTIVE * 1024];
    struct stc_flow_spec f[N_ACTIVE];
    uint32_t n = 0, n_use = 0;
    for (int32_t i = 0; i < c->n; i++) {
        if (!alive[i]) continue;
        f[n] =
            (struct stc_flow_spec){.uses = &use[n_use], .weight = 1, .cap_Bps = cap[i]};
        for (int32_t u = c->use_off[i]; u < c->use_off[i + 1]; u++)
            use[n_use++] = (struct stc_flow_use){c->use[u].link, c->use[u].coef};
        f[n].n_uses = (uint32_t)(&use[n_use] - f[n].uses);
        n++;
    }
    ref_maxmin(n_links, link_Bps, n, f, rate);
}

START_TEST(links_left_out_change_no_share)
{
    struct stc_rng r;
    int64_t before = 0, after = 0;
    stc_rng_seed(&r, 2, "links");
    for (int n = 0; n < 60; n++) {
        struct stc_arena a = STC_ARENA_INIT;
        struct stc_cluster cl;
        struct stc_topo *t = small_topo(&a, &r, &cl);
        int gpus = stc_topo_n_gpus(t), shared;
        static struct stc_link_use use[2 * N_ACTIVE * 1024];
        static int32_t off[N_ACTIVE + 1];
        static struct stc_link_use raw_use[2 * N_ACTIVE * 1024];
        static int32_t raw_off[N_ACTIVE + 1];
        double cap[N_ACTIVE];
        struct stc_comms c = {.n = N_ACTIVE, .use = use, .use_off = off};
        int32_t k = 0;
        for (int32_t i = 0; i < N_ACTIVE;
             i++) { /* pairs, and rings with the routes of a few hops */
            int hops = below(&r, 3) ? 1 : 2 + below(&r, 5), at = below(&r, gpus),
                step = 1 + below(&r, gpus - 1);
            off[i] = k;
            for (int h = 0; h < hops; h++, at = (at + step) % gpus) {
                struct stc_route route;
                stc_topo_route(t, at, (at + step) % gpus, &route);
                for (int l = 0; l < route.n_links; l++)
                    use[k++] = (struct stc_link_use){route.link[l], route.coef[l]};
            }
            cap[i] = 1e9 * (1 + 30 * stc_rng_uniform(&r));
        }
        off[N_ACTIVE] = k;
        memcpy(raw_use, use, sizeof use);
        memcpy(raw_off, off, sizeof off);
        struct stc_comms raw = {.n = N_ACTIVE, .use = raw_use, .use_off = raw_off};
        ck_assert_int_eq(stc_links_prune(&a, t, cap, &c, &shared), STC_OK);
        before += k;
        after += c.use_off[c.n];

        uint32_t n_topo = (uint32_t)stc_topo_n_links(t);
        double *all_Bps = STC_NEW_N(&a, double, n_topo),
               *left_Bps = STC_NEW_N(&a, double, n_topo);
        for (uint32_t l = 0; l < n_topo; l++)
            all_Bps[l] = stc_topo_links(t)[l].capacity_Bps;
        for (int32_t l = 0; l < c.n_links; l++)
            left_Bps[l] = all_Bps[c.link_id[l]];
        for (int subset = 0; subset < 8; subset++) {
            uint8_t alive[N_ACTIVE];
            double want[N_ACTIVE], got[N_ACTIVE];
            int32_t m = 0;
            for (int32_t i = 0; i < N_ACTIVE; i++)
                m += alive[i] = (uint8_t)(subset == 0 || below(&r, 3) > 0);
            shares(&raw, all_Bps, n_topo, alive, cap, want);
            shares(&c, left_Bps, (uint32_t)c.n_links, alive, cap, got);
            for (int32_t i = 0; i < m && shared; i++)
                stc_assert_near(got[i], want[i], 1e-9);
        }
        stc_arena_free(&a);
    }
    printf("links: %lld of %lld uses are left\n", (long long)after, (long long)before);
    ck_assert(after < before / 2);
}
END_TEST

static Suite *classes_suite(void)
{
    Suite *s = suite_create("classes");
    TCase *t = tcase_create("classes");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, classes_are_equitable);
    tcase_add_test(t, classes_fold_what_is_alike);
    tcase_add_test(t, links_left_out_change_no_share);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(classes_suite)
