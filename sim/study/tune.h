/*
 * tune.h - the best layout of a model on a cluster, with a proof and the reasons.
 *
 * THEORY. A space is the product of its axes (sim/study/tune_space.h). Each
 * layout goes down a ladder and stops at the first rung that settles it:
 *     divides -> the framework can run it -> memory in closed form -> fast bound
 *     -> tight bound -> the simulated step.
 * A bound is admissible (sim/run/bound.h), so a layout whose bound is not below
 * the N-th best simulated one cannot be among the first N. Layouts are taken in
 * the order of their bounds; when the next bound is no better than the N-th best,
 * the ranking is proven optimal within the model.
 *
 * ORDER. Ties are broken by the layout's number in the space. Work is cut into
 * rounds of fixed size, so that the ranking and every count are the same for any
 * number of threads and of MPI ranks.
 *
 * OWNERSHIP. Results live in the caller's arena.
 *
 * ERRORS. INFEASIBLE when no layout is left, with the reasons; INTERRUPTED is not
 * an error: the result says `interrupted` and holds what was found.
 */
#ifndef STC_STUDY_TUNE_H
#define STC_STUDY_TUNE_H

#include <signal.h>

#include "sim/base/arena.h"
#include "sim/base/text.h"
#include "sim/run/step.h"

/* X(id, name, text): why a layout is not among the simulated. */
#define STC_TUNE_REASON_MAP(X)                                                  \
 X(GPUS, "gpus", "tp*cp*pp does not divide the GPUs")                           \
 X(BATCH, "batch", "micro_batch*dp does not divide the batch")                  \
 X(MODEL, "model", "does not divide the model (heads, experts, sequence, …)")   \
 X(LAYERS, "layers", "layers cannot be cut into these stages and chunks")       \
 X(SCHEDULE, "schedule", "the schedule does not work with these micro-batches") \
 X(FRAMEWORK, "framework", "the framework does not offer it")                   \
 X(SAME, "same", "the same as another layout (an axis that has no effect)")     \
 X(MEMORY, "memory", "do not fit")                                              \
 X(BOUND, "bound", "cannot beat the N-th best: bound")                          \
 X(REFUSED, "refused", "refused when simulated")                                \
 X(SIMULATED, "simulated", "simulated")

enum stc_tune_reason {
#define STC_TUNE_ROW(id, name, text) STC_TUNE_##id,
    STC_TUNE_REASON_MAP(STC_TUNE_ROW)
#undef STC_TUNE_ROW
        STC_TUNE_REASONS
};
const char *stc_tune_reason_name(enum stc_tune_reason r);
const char *stc_tune_reason_text(enum stc_tune_reason r);

enum stc_tune_objective {
    STC_OBJ_STEP,     /* seconds a step */
    STC_OBJ_PER_GPU,  /* GPU-seconds a token */
    STC_OBJ_DOLLARS,  /* dollars a token */
    STC_OBJ_ENERGY,   /* joules a token */
    STC_OBJ_DAYS,     /* days to tune.tokens */
    STC_OBJ_GPUS,     /* fewest GPUs that train tune.tokens in tune.deadline */
    STC_OBJ_HEADROOM, /* least memory among layouts within tune.slower of the fastest */
    STC_OBJ_COUNT
};
const char *stc_tune_objective_name(enum stc_tune_objective o);
int stc_tune_objective_find(const char *name); /* -1 */

/* What sweeps and searches share over processes; all ranks call in step. */
struct stc_team {
    int rank, size;
    void *self;
    /* Everybody's bytes in rank order, malloc'd; *n_all gets their number. */
    enum stc_err (*gather)(void *self, const void *mine, size_t n, void **all,
                           size_t *n_all);
    /* True everywhere when it is true anywhere. */
    int (*any)(void *self, int mine);
};
/* The MPI world, where the library has MPI and was started under it; else alone.
 * finish is called once, before the process ends. */
void stc_team_world(struct stc_team *t);
void stc_team_finish(struct stc_team *t);
int stc_team_has_mpi(void);

struct stc_tune_opts {
    int top_n;           /* 0: 10 */
    int n_threads;       /* 0: as OpenMP likes */
    int exhaustive;      /* simulate all that fits: for tests */
    int front;           /* also the Pareto front of time, memory and GPUs */
    const char *journal; /* file; NULL: none */
    const volatile sig_atomic_t *stop; /* NULL or becomes non-zero: answer now */
    const struct stc_team *team;       /* NULL: alone */
    void (*progress)(void *ctx, const char *what, long done, long total, double best_s);
    void *ctx;
};

/* One layout, simulated. */
struct stc_tune_pick {
    uint64_t id; /* its number in the space */
    struct stc_layout layout;
    int32_t n_gpus;
    char keys[512]; /* "layout.tp=4 layout.pp=8 …": what sets it */
    double cost;    /* of the objective, per unit (see stc_tune_cost) */
    double bound_s, step_s, lo90_s, hi90_s, mfu, tokens_per_s, tokens_per_s_per_gpu;
    double peak_bytes, capacity_bytes; /* what it needs against what there is */
    double part_s[STC_PART_COUNT];     /* of the busiest stage */
    double family_frac[STC_FAMILY_COUNT], family_sigma[STC_FAMILY_COUNT];
    double busy_frac, watts, joules_per_token, usd_per_token, days;
    double sigma_to_best; /* of log(step / best's step), shared families cancelled */
    int indistinct;       /* from the first, within the interval of their difference */
    char differs[160];    /* from the first: "pp 8 not 16, recompute full not none" */
};

struct stc_tune_count {
    uint64_t n;
    double least, sum; /* MEMORY: bytes missing; BOUND: seconds above the N-th best */
    char example[160];
};

struct stc_tune_result {
    uint64_t n_layouts; /* of the space */
    struct stc_tune_count count[STC_TUNE_REASONS];
    int n_axes;
    const char *axes; /* "tp 1 2 4 8, pp 1 … ": the space in words */
    int n_picks;
    struct stc_tune_pick *picks; /* best first */
    int n_front;
    struct stc_tune_pick *front; /* by time */
    int has_own;                 /* the scenario's own layout can be simulated */
    struct stc_tune_pick own;
    int own_fits;
    enum stc_tune_objective objective;
    double
        cutoff_s; /* what bounds had to beat: the N-th best, in the objective's unit */
    int interrupted, resumed;
    double wall_s, settled_per_s; /* whole space over wall time and cores */
    int n_threads, n_ranks;
    uint64_t n_tight;
    double usd_per_gpu_hour; /* NaN: no price known */
    char price_source[160];
    double tokens;
};

STC_MUST_USE enum stc_err stc_tune_run(
    struct stc_arena *a, const struct stc_scenario *s, const struct stc_run_params *p,
    const struct stc_tune_opts *o, struct stc_tune_result *out, struct stc_diag *diag);

/* s with the pick's layout: simulating it gives the pick's step. */
STC_MUST_USE enum stc_err stc_tune_apply(const struct stc_scenario *s,
                                         const struct stc_tune_pick *pick,
                                         struct stc_scenario *out,
                                         struct stc_diag *diag);

/* Why is this layout not the first? `words`: "tp=4,pp=8,…"; what they leave open is
 * searched. */
struct stc_tune_why {
    enum stc_tune_reason reason; /* the rung of the ladder where it stops */
    char sentence[256];          /* when nothing is left */
    double least;                /* of that rung: bytes missing */
    int n_axes;                  /* axes that the words fix */
    uint64_t n_layouts;          /* that they leave */
    struct stc_tune_pick pick;   /* the best of those, when simulated */
    int simulated;
    double need_bytes, room_bytes, bound_s;
    int32_t stage;             /* the fullest */
    struct stc_mem_est memory; /* its memory by kind */
};
STC_MUST_USE enum stc_err stc_tune_explain(struct stc_arena *a,
                                           const struct stc_scenario *s,
                                           const struct stc_run_params *p,
                                           const struct stc_tune_result *r,
                                           const char *words, struct stc_tune_why *out,
                                           struct stc_diag *diag);

/* ==== how good are the choices? ==== */

/* A group of measured runs that share model, GPUs, batch, precision and framework
 * and differ in layout. */
struct stc_judge_group {
    const char *source,
        *what; /* "GPT-3 175B, 512 x A100-SXM4-80GB, batch 1536, fp16" */
    const char *chosen, *best; /* ids: ranked first by the forecast; by the clock */
    int n, n_pairs;            /* runs; pairs that differ by > 4 % */
    double loss;               /* measured time of the chosen over the best's, - 1 */
    double tau;                /* Kendall's over those pairs; NaN: no such pair */
};
struct stc_judge {
    int n;
    struct stc_judge_group *group;
    int n_sources;
    double loss, tau;           /* means over sources of their means */
    double mean_loss, mean_tau; /* over groups */
};
STC_MUST_USE enum stc_err stc_tune_judge(struct stc_arena *a,
                                         const struct stc_catalogues *own,
                                         const char *csv_path,
                                         const struct stc_run_params *p, int n_threads,
                                         struct stc_judge *out, struct stc_diag *diag);

#endif
