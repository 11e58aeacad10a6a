/* tune_int.h - private to sim/study/tune*.c: a search in progress. */
#ifndef STC_STUDY_TUNE_INT_H
#define STC_STUDY_TUNE_INT_H

#include <stdatomic.h>

#include "sim/study/tune_space.h"

enum { STC_TUNE_BUCKETS = 16 }; /* of memory, for the front's first guesses */

/* What a walk over a node found; a record of the journal. */
struct stc_node_sum {
    uint64_t n[STC_TUNE_REASONS];
    double least[STC_TUNE_REASONS], sum[STC_TUNE_REASONS];
    char why[96]; /* the first sentence of what does not divide the model */
    struct stc_tune_leaf best;
    struct stc_tune_leaf bucket[STC_TUNE_BUCKETS];
    uint64_t n_fit;
    uint32_t done, pad;
};

/* An append-only file that a search can be taken up from after any death. */
struct stc_journal {
    int fd; /* -1: none */
    uint64_t n_bad;
};
typedef void stc_journal_fn(void *ctx, char kind, uint64_t key, const void *data,
                            size_t n);
/* Opens or makes it; calls fn for every whole record of the same search. */
STC_MUST_USE enum stc_err stc_journal_open(struct stc_journal *j, const char *path,
                                           uint64_t hash, stc_journal_fn *fn, void *ctx,
                                           struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_journal_put(struct stc_journal *j, char kind,
                                          uint64_t key, const void *data, size_t n,
                                          struct stc_diag *diag);
void stc_journal_close(struct stc_journal *j);

struct stc_leaves { /* a growing array, malloc'd */
    struct stc_tune_leaf *v;
    size_t n, cap;
};
STC_MUST_USE enum stc_err stc_leaves_put(struct stc_leaves *l,
                                         const struct stc_tune_leaf *leaf);

struct stc_search {
    const struct stc_tune_space *sp;
    const struct stc_run_params *p;
    const struct stc_tune_opts *o;
    const struct stc_team *team;
    struct stc_arena *a;
    struct stc_journal journal;
    int n_threads;
    struct stc_tune_walker **walker; /* [n_threads] */
    struct stc_node_sum *node;       /* [n_nodes] */
    struct stc_tune_sim *sim;        /* in the order they were simulated; malloc'd */
    size_t n_sims, cap_sims;
    uint64_t *seen; /* hash set of simulated ids + 1 */
    size_t cap_seen, n_seen;
    struct stc_tune_sim *kept; /* of the journal, sorted by id */
    size_t n_kept;
    int top_n;
    _Atomic int stopped; /* threads see it and set it */
    uint64_t n_tight;
    double best_s;
    struct stc_diag *diag;
};

/* tune_work.c: what is done in parallel, in rounds that do not depend on by whom. */
STC_MUST_USE enum stc_err stc_search_walk_all(struct stc_search *q);
/* Leaves of all nodes for which want(ctx, leaf) is true. */
STC_MUST_USE enum stc_err stc_search_collect(
    struct stc_search *q, int (*want)(const void *ctx, const struct stc_tune_leaf *l),
    int (*open)(const void *ctx, const struct stc_node_sum *s), const void *ctx,
    struct stc_leaves *out);
/* Simulates those of ids that were not yet; adds them to q->sim. */
STC_MUST_USE enum stc_err stc_search_simulate(struct stc_search *q, const uint64_t *ids,
                                              size_t n);
STC_MUST_USE enum stc_err stc_search_tight(struct stc_search *q,
                                           struct stc_tune_leaf *leaf, size_t n);
int stc_search_seen(const struct stc_search *q, uint64_t id);
int stc_search_stop(struct stc_search *q);
/* The cost of the N-th best simulated; infinity while there are fewer. */
double stc_search_cutoff(const struct stc_search *q, int n);

/* tune_rules.c: why the scenario's framework does not offer its layout; NULL: it
 * does. asked: the search set the overlap, the stack did not. */
const char *stc_tune_no_interleaving(const struct stc_scenario *s);
const char *stc_tune_no_experts(const struct stc_scenario *s, int moe);
const char *stc_tune_no_shard(const struct stc_scenario *s);
const char *stc_tune_no_p2p(const struct stc_scenario *s, int asked);

/* tune_front.c */
STC_MUST_USE enum stc_err stc_search_front(struct stc_search *q, uint64_t **ids,
                                           size_t *n);
/* tune_pick.c */
STC_MUST_USE enum stc_err stc_search_pick(struct stc_search *q, uint64_t id,
                                          struct stc_tune_pick *out);
void stc_tune_compare(const struct stc_tune_space *sp, const struct stc_tune_pick *best,
                      struct stc_tune_pick *k);
void stc_tune_fill(const struct stc_tune_space *sp, const struct stc_scenario *s,
                   const struct stc_result *r, struct stc_tune_pick *k);

#endif
