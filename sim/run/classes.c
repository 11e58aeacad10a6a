/* classes.c - see classes.h. */
#include "sim/run/classes.h"

#include <string.h>

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9U;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static uint64_t mix2(uint64_t a, uint64_t b)
{
    return mix(a * 0x9e3779b97f4a7c15U + b + 0x632be59bd9b4e019U);
}

static uint64_t coef_bits(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* Open-addressing set of 64-bit colours, each with the class it got. */
struct set {
    uint64_t *key;
    int32_t *val;
    size_t mask;
    int32_t n;
};

static int32_t set_add(struct set *s, uint64_t key)
{
    if (key == 0) key = 1;
    size_t i = mix(key) & s->mask;
    while (s->key[i] != 0 && s->key[i] != key)
        i = (i + 1) & s->mask;
    if (s->key[i] == 0) {
        s->key[i] = key;
        s->val[i] = s->n++;
    }
    return s->val[i];
}

static void set_clear(struct set *s)
{
    memset(s->key, 0, (s->mask + 1) * sizeof *s->key);
    s->n = 0;
}

static int32_t count(struct set *s, const uint64_t *colour, int32_t n)
{
    set_clear(s);
    for (int32_t i = 0; i < n; i++)
        (void)set_add(s, colour[i]);
    return s->n;
}

/* One round: new colours from old ones. `acc` has room for ranks and links. */
static void refine(struct stc_graph *g, uint64_t *rank_acc, uint64_t *link_acc)
{
    memset(rank_acc, 0, (size_t)g->n_ranks * sizeof *rank_acc);
    memset(link_acc, 0, (size_t)g->n_links * sizeof *link_acc);
    for (int32_t c = 0; c < g->n_comms; c++) {
        uint64_t acc = 0;
        for (int32_t i = g->member_off[c]; i < g->member_off[c + 1]; i++)
            acc += mix2(g->rank_colour[g->member[i].rank], g->member[i].role);
        for (int32_t i = g->use_off[c]; i < g->use_off[c + 1]; i++)
            acc += mix2(g->link_colour[g->use[i].link] ^ 0x5555,
                        coef_bits(g->use[i].coef));
        g->comm_colour[c] = mix2(g->comm_colour[c], acc);
        for (int32_t i = g->member_off[c]; i < g->member_off[c + 1]; i++)
            rank_acc[g->member[i].rank] += mix2(g->comm_colour[c], g->member[i].role);
        for (int32_t i = g->use_off[c]; i < g->use_off[c + 1]; i++)
            link_acc[g->use[i].link] +=
                mix2(g->comm_colour[c], coef_bits(g->use[i].coef));
    }
    for (int32_t r = 0; r < g->n_ranks; r++)
        g->rank_colour[r] = mix2(g->rank_colour[r], rank_acc[r]);
    for (int32_t l = 0; l < g->n_links; l++)
        g->link_colour[l] = mix2(g->link_colour[l], link_acc[l]);
}

/* Classes in order of first appearance. fold 0: the identity. */
static int assign(struct stc_arena *a, struct set *s, const uint64_t *colour, int32_t n,
                  int fold, int32_t *n_classes, int32_t **cls, int32_t **rep,
                  int32_t **size)
{
    *cls = STC_NEW_N(a, int32_t, (size_t)n + 1);
    if (!*cls) return 0;
    set_clear(s);
    for (int32_t i = 0; i < n; i++)
        (*cls)[i] = fold ? set_add(s, colour[i]) : i;
    *n_classes = fold ? s->n : n;
    *rep = STC_NEW_N(a, int32_t, (size_t)*n_classes + 1);
    *size = STC_NEW_N(a, int32_t, (size_t)*n_classes + 1);
    if (!*rep || !*size) return 0;
    for (int32_t i = 0; i < n; i++)
        if ((*size)[(*cls)[i]]++ == 0) (*rep)[(*cls)[i]] = i;
    return 1;
}

enum stc_err stc_classes(struct stc_arena *a, struct stc_graph *g, int fold,
                         struct stc_partition *out)
{
    size_t most = (size_t)g->n_ranks;
    if ((size_t)g->n_comms > most) most = (size_t)g->n_comms;
    if ((size_t)g->n_links > most) most = (size_t)g->n_links;
    size_t cap = 16;
    while (cap < most * 2)
        cap *= 2;
    struct set s = {.mask = cap - 1};
    s.key = STC_NEW_N(a, uint64_t, cap);
    s.val = STC_NEW_N(a, int32_t, cap);
    uint64_t *racc = STC_NEW_N(a, uint64_t, (size_t)g->n_ranks + 1);
    uint64_t *lacc = STC_NEW_N(a, uint64_t, (size_t)g->n_links + 1);
    if (!s.key || !s.val || !racc || !lacc) return STC_ERR_NOMEM;

    for (int32_t before = -1, now = 0; fold && now != before;) {
        before = now;
        refine(g, racc, lacc);
        now = count(&s, g->rank_colour, g->n_ranks) +
              count(&s, g->comm_colour, g->n_comms) +
              count(&s, g->link_colour, g->n_links);
    }
    if (!assign(a, &s, g->rank_colour, g->n_ranks, fold, &out->n_ranks,
                &out->rank_class, &out->rank_rep, &out->rank_size) ||
        !assign(a, &s, g->comm_colour, g->n_comms, fold, &out->n_comms,
                &out->comm_class, &out->comm_rep, &out->comm_size) ||
        !assign(a, &s, g->link_colour, g->n_links, fold, &out->n_links,
                &out->link_class, &out->link_rep, &out->link_size))
        return STC_ERR_NOMEM;
    return STC_OK;
}
