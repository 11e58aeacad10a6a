/* fit_search.c - coordinate search over what the scan tabulated. */
#include "sim/study/fit_int.h"

#include <math.h>
#include <string.h>

enum { GRID = 48, FINE = 6, MAX_SWEEPS = 12 };

double fit_error(const struct fit_row *r, int quantity, double value)
{
    double measured = r->v->cases[r->at[quantity]].measured;
    if (isnan(value)) return 1;
    if (quantity == FIT_TIME && r->rate_s > 0) value = r->rate_s / value;
    return fabs(value / measured - 1);
}

/* The row's quantity with this kind at x, the others at the centre. */
static double read_off(const struct fit_kind *k, const double *node, double x)
{
    int i = 0;
    while (i < FIT_NODES - 2 && x > k->node[i + 1])
        i++;
    double u = k->inverse ? 1 / x : x, a = k->inverse ? 1 / k->node[i] : k->node[i],
           b = k->inverse ? 1 / k->node[i + 1] : k->node[i + 1];
    return node[i] + (node[i + 1] - node[i]) * (u - a) / (b - a);
}

struct search {
    const struct fit *f;
    int without;
    double *x;
    double *value[FIT_QUANTITIES]; /* [row] */
};

/* Change of the objective when a slot goes from its x to `to`. */
static double gain(const struct search *s, int kind, int slot, double to)
{
    const struct fit *f = s->f;
    const struct fit_kind *k = &f->kinds[kind];
    int q = k->quantity;
    double d = log(to / f->prior[slot]) / k->spread,
           d0 = log(s->x[slot] / f->prior[slot]) / k->spread,
           sum = f->pull * (d * d - d0 * d0);
    for (int n = 0; n < f->n_slot_rows[slot]; n++) {
        int i = f->slot_rows[slot][n];
        const struct fit_row *r = &f->rows[i];
        if (r->source == s->without || !(r->moves & 1u << kind)) continue;
        double rise =
            read_off(k, r->node[kind], to) - read_off(k, r->node[kind], s->x[slot]);
        sum += f->weight[q][i] * (fit_error(r, q, s->value[q][i] + rise) -
                                  fit_error(r, q, s->value[q][i]));
    }
    return sum;
}

static void move(struct search *s, int kind, int slot, double to)
{
    const struct fit *f = s->f;
    const struct fit_kind *k = &f->kinds[kind];
    for (int n = 0; n < f->n_slot_rows[slot]; n++) {
        int i = f->slot_rows[slot][n];
        const struct fit_row *r = &f->rows[i];
        if (!(r->moves & 1u << kind)) continue;
        s->value[k->quantity][i] +=
            read_off(k, r->node[kind], to) - read_off(k, r->node[kind], s->x[slot]);
    }
    s->x[slot] = to;
}

/* Three digits: what is written is what was scored. */
static double rounded(double v)
{
    double unit = pow(10, floor(log10(v)) - 2);
    return round(v / unit) * unit;
}

static int improve(struct search *s, int kind, int slot, int fine)
{
    const struct fit_kind *k = &s->f->kinds[kind];
    double best = s->x[slot], most = -1e-9, ratio = log(k->high / k->low) / GRID;
    int from = fine ? -FINE : 0, to = fine ? FINE : GRID;
    for (int i = from; i <= to; i++) {
        double v =
            fine ? s->x[slot] * exp(ratio * i / (FINE + 1)) : k->low * exp(ratio * i);
        v = rounded(fmin(fmax(v, k->low), k->high));
        double g = gain(s, kind, slot, v);
        if (g < most) {
            most = g;
            best = v;
        }
    }
    if (gain(s, kind, slot, s->f->prior[slot]) < most) best = s->f->prior[slot];
    if (best == s->x[slot]) return 0; /* bits: it was never moved */
    move(s, kind, slot, best);
    return 1;
}

static void to_prior(struct search *s)
{
    for (int k = 0; k < s->f->n_kinds; k++)
        for (int i = 0; i < s->f->kinds[k].n_slots; i++)
            move(s, k, s->f->kinds[k].first_slot + i,
                 s->f->prior[s->f->kinds[k].first_slot + i]);
}

/* What hardly helps a stack goes back to its prior: noise is not a finding. */
static void back_to_prior(struct search *s)
{
    static const double worth = 0.003; /* of one source's error */
    const struct fit *f = s->f;
    for (int k = 0; k < f->n_kinds; k++)
        for (int i = 0; i < f->kinds[k].n_slots && f->kinds[k].of_stack; i++) {
            int slot = f->kinds[k].first_slot + i;
            if (gain(s, k, slot, f->prior[slot]) < worth)
                move(s, k, slot, f->prior[slot]);
        }
}

static int told(const struct fit *f, const struct fit_kind *k, int i)
{
    return !k->of_stack || f->out->stacks[i].n_sources[k->quantity] >= f->least_sources;
}

enum stc_err fit_search(const struct fit *f, int without, double *x,
                        struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct search s = {.f = f, .without = without, .x = x};
    memcpy(x, f->x, (size_t)f->n_slots * sizeof *x);
    for (int q = 0; q < FIT_QUANTITIES; q++) {
        s.value[q] = STC_NEW_N(&a, double, (size_t)f->n_rows + 1);
        if (!s.value[q]) {
            stc_arena_free(&a);
            return stc_fail(diag, STC_ERR_NOMEM, "fit: out of memory");
        }
        for (int i = 0; i < f->n_rows; i++)
            s.value[q][i] = f->rows[i].base[q];
    }
    to_prior(&s);
    for (int sweep = 0, moved = 1; sweep < MAX_SWEEPS && moved; sweep++) {
        moved = 0;
        for (int k = 0; k < f->n_kinds; k++)
            for (int i = 0; i < f->kinds[k].n_slots; i++)
                if (told(f, &f->kinds[k], i))
                    moved |= improve(&s, k, f->kinds[k].first_slot + i, sweep % 2);
        if (sweep % 2 == 0) moved = 1; /* the finer grid has yet to look */
    }
    back_to_prior(&s);
    stc_arena_free(&a);
    return STC_OK;
}
