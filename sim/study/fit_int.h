/* fit_int.h - private to sim/study/fit_*.c: rows, numbers and the scan. */
#ifndef STC_STUDY_FIT_INT_H
#define STC_STUDY_FIT_INT_H

#include "scenarios/scenario.h"
#include "sim/study/fit_platform.h"
#include "sim/study/validate.h"

enum { FIT_TIME, FIT_MEM, FIT_QUANTITIES };
enum { FIT_KINDS = 16, FIT_NODES = 5 };

/* A kind of number: one slot for each generation, or each stack. */
struct fit_kind {
    const char *name;
    int of_stack; /* else of a generation */
    int quantity; /* that it moves: FIT_TIME, FIT_MEM */
    size_t offset;
    double low, high, spread;
    int inverse;             /* what it moves is about linear in 1 / x, not x */
    double node[FIT_NODES];  /* ascending, low to high */
    int first_slot, n_slots; /* slot of generation or stack i: first_slot + i */
};

struct fit_row {
    struct stc_vrow *v;
    const struct stc_scenario *said;
    struct stc_scenario settled; /* at the centre */
    int ok;                      /* a scenario that runs */
    int gen, stack, source;
    int at[FIT_QUANTITIES]; /* index into v->cases; -1: not measured */
    double rate_s; /* the measured is a rate: rate × seconds; 0: it is seconds */
    double base[FIT_QUANTITIES];       /* at the centre: seconds, bytes */
    double node[FIT_KINDS][FIT_NODES]; /* with one number at a node */
    unsigned moves;                    /* bit k: kind k moves it */
    double rel;                        /* variance of log seconds from its kernels */
    int lowering;
};

struct fit {
    struct stc_arena *a;
    const struct stc_vkind *vkind;
    const struct stc_run_params *params;
    const struct stc_stepfit_opts *o;
    struct stc_stepfit *out;
    int n_rows;
    struct fit_row *rows;
    int n_kinds, n_slots;
    struct fit_kind kinds[FIT_KINDS];
    double *prior, *x; /* [slot]; x: the centre */
    int **slot_rows;   /* [slot]: rows that it may move */
    int *n_slot_rows;
    double *weight[FIT_QUANTITIES]; /* [row]: 1 / rows of its source */
    struct stc_cost *cost;          /* scratch */
    double pull;
    int least_sources;
    int threads;
    long done, total;
    long n_steps;
};

/* ---- fit_rows.c: the table, the numbers ---- */
enum stc_err fit_read(struct fit *f, const char *path, struct stc_diag *diag);
int fit_slot(const struct fit_kind *k, const struct fit_row *r);

/* ---- fit_scan.c: simulating ---- */
/* Puts the numbers of x where a row's step looks for them. */
void fit_put_cost(const struct fit *f, const double *x, struct stc_cost *c);
void fit_put_stack(const struct fit *f, const double *x, int stack,
                   struct stc_scenario *s, int said);
/* Settles and simulates the rows of a source (-1: all) with x; fills v->cases,
 * base, rel, lowering, settled. */
void fit_settle(struct fit *f, const double *x, int source);
/* The same of all rows as if nobody knew their frameworks. */
void fit_settle_guessed(struct fit *f, const double *x);
/* Fills node and moves of every row around f->x. */
void fit_scan(struct fit *f);

/* ---- fit_search.c ---- */
/* Error of a row's quantity if it took `value` seconds or bytes. */
double fit_error(const struct fit_row *r, int quantity, double value);
/* Searches from the priors without the rows of a source (-1: with all). */
enum stc_err fit_search(const struct fit *f, int without, double *x,
                        struct stc_diag *diag);

#endif
