/* links.c - see links.h. */
#include "sim/run/links.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct user {
    int32_t comm;
    double coef;
};

struct prune {
    struct stc_comms *c;
    const struct stc_link *topo; /* by topology number */
    const double *cap_Bps;       /* [comms] */
    int32_t n;                   /* links, compact */
    int32_t *off;                /* [n + 1]: users of a link */
    struct user *user;
    uint8_t *drop;
};

static double capacity(const struct prune *p, uint32_t link)
{
    return p->topo[p->c->link_id[link]].capacity_Bps;
}

/* Slack for sums of doubles: a link that is filled to the last bit slows nobody. */
static const double within = 1 + 1e-9;

/* ---- numbering ---- */

static enum stc_err number_links(struct stc_arena *a, size_t n_topo,
                                 struct stc_comms *c)
{
    int32_t *number = STC_NEW_N(a, int32_t, n_topo), n_uses = c->use_off[c->n];
    c->link_id = STC_NEW_N(a, uint32_t, n_topo + 1);
    if (!number || !c->link_id) return STC_ERR_NOMEM;
    for (int32_t u = 0; u < n_uses; u++) {
        int32_t *x = &number[c->use[u].link];
        if (*x == 0) {
            c->link_id[c->n_links] = c->use[u].link;
            *x = ++c->n_links;
        }
        c->use[u].link = (uint32_t)*x - 1;
    }
    return STC_OK;
}

/* ---- feeders: NIC by NIC, before a link that comes twice is added up ---- */

struct fed {
    uint32_t link, nic;
    double ratio;
};

static int by_link_nic(const void *x, const void *y)
{
    const struct fed *a = x, *b = y;
    if (a->link != b->link) return a->link < b->link ? -1 : 1;
    return a->nic < b->nic ? -1 : a->nic > b->nic;
}

static int is_trunk(const struct prune *p, uint32_t link)
{
    uint8_t cls = p->topo[p->c->link_id[link]].cls;
    return cls == STC_LINK_TRUNK || cls == STC_LINK_CORE;
}

/* The NIC that use u's bytes came by (or, on the way down, leave by): uses stand
 * in order of travel, route after route. -1: none. */
static int32_t nic_of(const struct prune *p, int32_t from, int32_t to, int32_t u)
{
    const struct stc_link_use *use = p->c->use;
    int in = p->topo[p->c->link_id[use[u].link]].is_in;
    for (int32_t i = u;
         i >= from && i < to && i - u < STC_ROUTE_MAX && u - i < STC_ROUTE_MAX;
         i += in ? 1 : -1) {
        const struct stc_link *l = &p->topo[p->c->link_id[use[i].link]];
        if (l->cls == STC_LINK_NIC && (l->is_in != 0) == (in != 0)) return i;
    }
    return -1;
}

static int32_t list_fed(const struct prune *p, struct fed *out)
{
    const struct stc_comms *c = p->c;
    int32_t n = 0;
    for (int32_t i = 0; i < c->n; i++) {
        for (int32_t u = c->use_off[i]; u < c->use_off[i + 1]; u++) {
            if (!is_trunk(p, c->use[u].link)) continue;
            int32_t v = nic_of(p, c->use_off[i], c->use_off[i + 1], u);
            out[n++] = v < 0 ? (struct fed){c->use[u].link, UINT32_MAX, HUGE_VAL}
                             : (struct fed){c->use[u].link, c->use[v].link,
                                            c->use[u].coef / c->use[v].coef};
        }
    }
    return n;
}

static enum stc_err drop_fed(struct stc_arena *a, struct prune *p)
{
    struct fed *f = STC_NEW_N(a, struct fed, (size_t)p->c->use_off[p->c->n] + 1);
    if (!f) return STC_ERR_NOMEM;
    int32_t n = list_fed(p, f);
    qsort(f, (size_t)n, sizeof *f, by_link_nic);
    for (int32_t i = 0; i < n;) {
        uint32_t link = f[i].link;
        double most = 0;
        while (i < n && f[i].link == link) {
            uint32_t nic = f[i].nic;
            double ratio = 0;
            for (; i < n && f[i].link == link && f[i].nic == nic; i++)
                ratio = fmax(ratio, f[i].ratio);
            most += nic == UINT32_MAX ? HUGE_VAL : ratio * capacity(p, nic);
        }
        if (most <= capacity(p, link) * within) p->drop[link] = 1;
    }
    return STC_OK;
}

/* ---- users ---- */

/* A link that comes twice in a communicator's list counts once, with the sum. */
static enum stc_err add_up(struct stc_arena *a, struct stc_comms *c)
{
    int32_t *seen = STC_NEW_N(a, int32_t, (size_t)c->n_links + 1), n = 0;
    if (!seen) return STC_ERR_NOMEM;
    for (int32_t i = 0; i < c->n; i++) {
        int32_t from = c->use_off[i], to = c->use_off[i + 1];
        c->use_off[i] = n;
        for (int32_t u = from; u < to; u++) {
            int32_t *at = &seen[c->use[u].link];
            if (*at > c->use_off[i]) {
                c->use[*at - 1].coef += c->use[u].coef;
                continue;
            }
            c->use[n++] = c->use[u];
            *at = n;
        }
    }
    c->use_off[c->n] = n;
    return STC_OK;
}

static enum stc_err list_users(struct stc_arena *a, struct prune *p)
{
    const struct stc_comms *c = p->c;
    int32_t n_uses = c->use_off[c->n];
    p->off = STC_NEW_N(a, int32_t, (size_t)p->n + 2);
    p->user = STC_NEW_N(a, struct user, (size_t)n_uses + 1);
    if (!p->off || !p->user) return STC_ERR_NOMEM;
    for (int32_t u = 0; u < n_uses; u++)
        p->off[c->use[u].link + 2]++;
    for (int32_t l = 2; l <= p->n; l++)
        p->off[l] += p->off[l - 1];
    for (int32_t i = 0; i < c->n; i++)
        for (int32_t u = c->use_off[i]; u < c->use_off[i + 1]; u++)
            p->user[p->off[c->use[u].link + 1]++] = (struct user){i, c->use[u].coef};
    return STC_OK;
}

static void drop_capped(struct prune *p)
{
    for (int32_t l = 0; l < p->n; l++) {
        double most = 0;
        for (int32_t k = p->off[l]; k < p->off[l + 1]; k++)
            most += p->user[k].coef * p->cap_Bps[p->user[k].comm];
        if (most <= capacity(p, (uint32_t)l) * within) p->drop[l] = 1;
    }
}

/* ---- series ---- */

/* Does link m carry every user of link l, and is as tight for each? */
static int covers(const struct prune *p, uint32_t m, uint32_t l)
{
    int32_t j = p->off[m], end = p->off[m + 1];
    double cm = capacity(p, m), cl = capacity(p, l);
    if (end - j < p->off[l + 1] - p->off[l]) return 0;
    for (int32_t k = p->off[l]; k < p->off[l + 1]; k++, j++) {
        while (j < end && p->user[j].comm < p->user[k].comm)
            j++;
        if (j == end || p->user[j].comm != p->user[k].comm) return 0;
        if (p->user[j].coef * cl < p->user[k].coef * cm * (1 - 1e-12)) return 0;
    }
    return 1;
}

/* Candidates stand near l in the list of its first user. */
static int covered(const struct prune *p, const int32_t *first_use, uint32_t l)
{
    const struct stc_comms *c = p->c;
    int32_t comm = p->user[p->off[l]].comm, users = p->off[l + 1] - p->off[l];
    int32_t from = first_use[l] - STC_ROUTE_MAX, to = first_use[l] + STC_ROUTE_MAX;
    if (from < c->use_off[comm]) from = c->use_off[comm];
    if (to > c->use_off[comm + 1]) to = c->use_off[comm + 1];
    for (int32_t u = from; u < to; u++) {
        uint32_t m = c->use[u].link;
        if (m == l || p->drop[m] || p->off[m + 1] - p->off[m] > users * 16 + 64)
            continue;
        if (covers(p, m, l)) return 1;
    }
    return 0;
}

static enum stc_err drop_series(struct stc_arena *a, struct prune *p)
{
    int32_t *first = STC_NEW_N(a, int32_t, (size_t)p->n + 1);
    if (!first) return STC_ERR_NOMEM;
    for (int32_t u = p->c->use_off[p->c->n] - 1; u >= 0; u--)
        first[p->c->use[u].link] = u;
    for (int32_t l = 0; l < p->n; l++)
        if (!p->drop[l] && covered(p, first, (uint32_t)l)) p->drop[l] = 1;
    return STC_OK;
}

/* ---- what is left ---- */

static int any_shared(const struct prune *p)
{
    for (int32_t l = 0; l < p->n; l++)
        if (!p->drop[l] && p->off[l + 1] - p->off[l] > 1) return 1;
    return 0;
}

static enum stc_err keep(struct stc_arena *a, struct prune *p, int shared)
{
    struct stc_comms *c = p->c;
    int32_t *number = STC_NEW_N(a, int32_t, (size_t)p->n + 1), n = 0;
    if (!number) return STC_ERR_NOMEM;
    c->n_links = 0;
    for (int32_t l = 0; l < p->n; l++) {
        if (!shared || p->drop[l])
            number[l] = -1;
        else {
            c->link_id[c->n_links] = c->link_id[l];
            number[l] = c->n_links++;
        }
    }
    for (int32_t i = 0; i < c->n; i++) {
        int32_t from = c->use_off[i], to = c->use_off[i + 1];
        c->use_off[i] = n;
        for (int32_t u = from; u < to; u++)
            if (number[c->use[u].link] >= 0)
                c->use[n++] = (struct stc_link_use){(uint32_t)number[c->use[u].link],
                                                    c->use[u].coef};
    }
    c->use_off[c->n] = n;
    return STC_OK;
}

enum stc_err stc_links_prune(struct stc_arena *a, const struct stc_topo *topo,
                             const double *cap_Bps, struct stc_comms *c, int *shared)
{
    struct prune p = {.c = c, .topo = stc_topo_links(topo), .cap_Bps = cap_Bps};
    enum stc_err e = number_links(a, stc_topo_n_links(topo), c);
    if (e != STC_OK) return e;
    p.n = c->n_links;
    p.drop = STC_NEW_N(a, uint8_t, (size_t)p.n + 1);
    if (!p.drop) return STC_ERR_NOMEM;
    e = drop_fed(a, &p);
    if (e == STC_OK) e = add_up(a, c);
    if (e == STC_OK) e = list_users(a, &p);
    if (e != STC_OK) return e;
    drop_capped(&p);
    e = drop_series(a, &p);
    if (e != STC_OK) return e;
    *shared = any_shared(&p);
    return keep(a, &p, *shared);
}
