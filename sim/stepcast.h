/*
 * stepcast.h - the whole public interface.
 *
 *     struct stc_opts o = STC_OPTS_INIT;
 *     struct stc_diag diag;
 *     struct stc *sim;
 *     struct stc_step step;
 *     if (stc_open(&sim, &o, &diag)) ...                        // diag.text says why
 *     if (stc_load(sim, "scenarios/gpt3-13b-8xa100.yaml", &diag)) ...
 *     if (stc_set(sim, "layout.tp", "4", &diag)) ...            // any key of a scenario
 *     if (stc_simulate(sim, &step, &diag)) ...
 *     printf("%.3f s, %.1f%% MFU\n", step.step_s, 100 * step.mfu);
 *     stc_close(sim);
 *
 * LIFE CYCLE. open, load, set (any number, any order), simulate and report as
 * often as wished, close. A load or set that fails changes nothing. A load
 * replaces the scenario, a set forgets the last result.
 *
 * OWNERSHIP. struct stc_out is the caller's: {0} before, stc_out_free after.
 * Everything else belongs to the handle.
 *
 * THREADS. No global state that changes: two handles are two worlds, one thread
 * each at a time. stc_validate uses the threads it is told to.
 *
 * ERRORS. A code and a sentence "FILE:LINE: KEY: reason; what would be right".
 * The library never prints, exits or reads the environment.
 *
 * UNITS. SI always.
 */
#ifndef STC_STEPCAST_H
#define STC_STEPCAST_H

#include "sim/base/err.h"
#include <signal.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stc; /* one world: a scenario, the cost model, the last result */

/* Called now and then by long calls; keep it short. */
typedef void stc_progress_fn(void *ctx, long done, long total);

struct stc_opts {
    size_t size;               /* set by STC_OPTS_INIT; lets fields be added later */
    stc_progress_fn *progress; /* NULL: silent */
    void *progress_ctx;
    int n_threads; /* 0: as many as cores */
    /* A folder of stc_calibrate_fit, laid over the shipped parameters: what it
     * measured counts, all else stays. NULL: the shipped ones alone. */
    const char *calib;
    /* Files or folders of GPUs, nodes, fabrics, models and stacks, laid over the
     * shipped ones (stc_help_catalogue); of two rows of one name the later counts.
     * Over what a scenario itself names by `catalogue`. Read by stc_open. */
    const char *const *catalogues;
    int n_catalogues;
};
/* clang-format off */
#define STC_OPTS_INIT {sizeof(struct stc_opts), NULL, NULL, 0, NULL, NULL, 0}
/* clang-format on */

/* Bytes that a call made: text is NUL-terminated, size does not count the NUL. */
struct stc_out {
    char *data;
    size_t size;
};

enum stc_format { STC_TEXT, STC_JSON };

/* What most callers want of a step; reports have the rest. */
struct stc_step {
    double step_s, lo90_s, hi90_s;
    double tokens_per_s, samples_per_s;
    double model_flop_per_s_per_gpu;
    double mfu, hfu;
    double peak_bytes;    /* of the fullest GPU, as nvidia-smi shows it */
    double missing_bytes; /* 0 when it fits */
    int fits;
    int n_gpus, n_stages;
    double host_bytes;         /* of the fullest node's own memory */
    double host_missing_bytes; /* 0 when that is enough; fits asks for both */
};

STC_API const char *stc_version(void);

STC_API enum stc_err stc_open(struct stc **out, const struct stc_opts *o,
                              struct stc_diag *diag) STC_MUST_USE;
STC_API void stc_close(struct stc *sim); /* NULL is fine */
STC_API void stc_out_free(struct stc_out *out);

/* ==== the scenario ==== */

/* A file; where there is none of that name, a scenario that travels in the
 * library ("gpt3-175b-64xa100"). */
STC_API enum stc_err stc_load(struct stc *sim, const char *name,
                              struct stc_diag *diag) STC_MUST_USE;
/* YAML text; `name` is for messages. */
STC_API enum stc_err stc_load_text(struct stc *sim, const char *name, const char *text,
                                   size_t size, struct stc_diag *diag) STC_MUST_USE;
/* A value that changes the forecast also forgets the published measurement that
 * the scenario came with; say published.* of the new question afterwards. */
STC_API enum stc_err stc_set(struct stc *sim, const char *key, const char *value,
                             struct stc_diag *diag) STC_MUST_USE;
/* The scenario as YAML that loads to the same. */
STC_API enum stc_err stc_write(struct stc *sim, struct stc_out *out,
                               struct stc_diag *diag) STC_MUST_USE;

/* ==== one training step ==== */

/* INFEASIBLE when the layout cannot be cut; a model that does not fit in memory
 * is an answer (step.fits 0), not an error. step may be NULL. */
STC_API enum stc_err stc_simulate(struct stc *sim, struct stc_step *step,
                                  struct stc_diag *diag) STC_MUST_USE;
/* These simulate when that has not happened yet. */
STC_API enum stc_err stc_simulate_report(struct stc *sim, enum stc_format format,
                                         struct stc_out *out,
                                         struct stc_diag *diag) STC_MUST_USE;
/* Chrome/Perfetto trace; gzip 1: compressed. */
STC_API enum stc_err stc_simulate_trace(struct stc *sim, int gzip, struct stc_out *out,
                                        struct stc_diag *diag) STC_MUST_USE;
/* A gnuplot script that writes a PNG of memory over time to standard output. */
STC_API enum stc_err stc_simulate_memory_plot(struct stc *sim, struct stc_out *out,
                                              struct stc_diag *diag) STC_MUST_USE;

/* ==== against measurements ==== */

struct stc_validate_opts {
    size_t size;              /* set by STC_VALIDATE_OPTS_INIT */
    const char *source;       /* only rows whose source holds this; NULL: all */
    const char *const *where; /* "column=value" or "column~part" */
    int n_where;
    int parts; /* text: a line a row with its parts instead of the tables */
};
/* clang-format off */
#define STC_VALIDATE_OPTS_INIT {sizeof(struct stc_validate_opts), NULL, NULL, 0, 0}
/* clang-format on */

/* rows (may be NULL): CSV with id,quantity,measured,predicted,lo90,hi90,note. */
STC_API enum stc_err stc_validate(struct stc *sim, const char *csv_path,
                                  const struct stc_validate_opts *o,
                                  enum stc_format format, struct stc_out *report,
                                  struct stc_out *rows,
                                  struct stc_diag *diag) STC_MUST_USE;
/* The scenario of one row as YAML. */
STC_API enum stc_err stc_validate_emit_yaml(struct stc *sim, const char *csv_path,
                                            const char *id, struct stc_out *out,
                                            struct stc_diag *diag) STC_MUST_USE;

/* ==== calibration (stores: calib/README.md) ==== */

struct stc_calibrate_opts {
    size_t size;         /* set by STC_CALIBRATE_OPTS_INIT */
    const char *db;      /* the store; made by an import when it is not there */
    const char *machine; /* import: the owner's name for it; NULL: as the file says */
    const char *gpu; /* import: of files that do not name it; others: only this one */
    const char *fabric; /* import of nccl-tests over nodes: "IB NDR" */
    int nics_per_node;  /* likewise; 0: unknown */
    double nic_gbps;
    const char *form;              /* show, export: only this table; NULL: all */
    int holdout;                   /* fit, check: folds of cross-validation; 0: none */
    const char *const *catalogues; /* import, fit: as of struct stc_opts */
    int n_catalogues;
};
/* clang-format off */
#define STC_CALIBRATE_OPTS_INIT {sizeof(struct stc_calibrate_opts), NULL, NULL, NULL, NULL, 0, 0, NULL, 0, NULL, 0}
/* clang-format on */

/* One file into the store; out: a line about it. */
STC_API enum stc_err stc_calibrate_import(const struct stc_calibrate_opts *o,
                                          const char *path, enum stc_format format,
                                          struct stc_out *out,
                                          struct stc_diag *diag) STC_MUST_USE;
STC_API enum stc_err stc_calibrate_show(const struct stc_calibrate_opts *o,
                                        enum stc_format format, struct stc_out *out,
                                        struct stc_diag *diag) STC_MUST_USE;
/* CSVs in truth/micro's forms into an existing folder. */
STC_API enum stc_err stc_calibrate_export(const struct stc_calibrate_opts *o,
                                          const char *folder, enum stc_format format,
                                          struct stc_out *out,
                                          struct stc_diag *diag) STC_MUST_USE;
/* what: "file", "machine", "gpu", "form", "source". */
STC_API enum stc_err stc_calibrate_forget(const struct stc_calibrate_opts *o,
                                          const char *what, const char *value,
                                          enum stc_format format, struct stc_out *out,
                                          struct stc_diag *diag) STC_MUST_USE;
/* Parameters from the store, written into an existing folder as text (as
 * calib/data) and kept in the store. */
STC_API enum stc_err stc_calibrate_fit(const struct stc_calibrate_opts *o,
                                       const char *folder, enum stc_format format,
                                       struct stc_out *out,
                                       struct stc_diag *diag) STC_MUST_USE;
/* The store is whole; the handle's forecasts of what is in it; with holdout what
 * left-out rows say of a fit. */
STC_API enum stc_err stc_calibrate_check(struct stc *sim,
                                         const struct stc_calibrate_opts *o,
                                         enum stc_format format, struct stc_out *out,
                                         struct stc_diag *diag) STC_MUST_USE;
/* Numbers of GPU generations and stacks from a table of training runs (tests/data/
 * truth/training.csv), beside the error with each source left out. files:
 * platform.yaml, stacks.yaml and loso.csv of calib/data, in this order. */
STC_API enum stc_err stc_calibrate_fit_steps(struct stc *sim, const char *csv_path,
                                             enum stc_format format,
                                             struct stc_out *report,
                                             struct stc_out files[3],
                                             struct stc_diag *diag) STC_MUST_USE;
/* A training log beside the handle's scenario, and the one term that would
 * explain the difference. */
STC_API enum stc_err stc_calibrate_anchor(struct stc *sim, const char *log_path,
                                          enum stc_format format, struct stc_out *out,
                                          struct stc_diag *diag) STC_MUST_USE;

/* ==== a cluster from its own tools ==== */

struct stc_describe_input {
    const char *name, *text; /* name is for sentences */
    size_t size;
};
/* Texts of nvidia-smi topo -m, nvidia-smi -q -x, ibstat, scontrol show node and
 * NCCL topology files, any number, as the section `cluster:` of a scenario; with
 * node_name as a row of a catalogue of nodes. What no text told is said. JSON: the
 * same as one text, and apart as values and remarks. */
STC_API enum stc_err stc_describe_cluster(struct stc *sim,
                                          const struct stc_describe_input *in, size_t n,
                                          const char *node_name, enum stc_format format,
                                          struct stc_out *out,
                                          struct stc_diag *diag) STC_MUST_USE;

/* ==== two scenarios ==== */

/* The difference between two handles' scenarios. */
STC_API enum stc_err stc_diff(struct stc *a, struct stc *b, enum stc_format format,
                              struct stc_out *out, struct stc_diag *diag) STC_MUST_USE;

/* ==== how far it can grow ==== */

/* The largest micro-batch, sequence, depth and width and the fewest GPUs with which
 * the scenario fits; axis: only that one, NULL: all. */
STC_API enum stc_err stc_headroom_report(struct stc *sim, const char *axis,
                                         enum stc_format format, struct stc_out *out,
                                         struct stc_diag *diag) STC_MUST_USE;

/* ==== what others wrote ==== */

/* A Hugging Face config.json as an entry of the model catalogue (YAML; JSON holds it
 * with the counts). name NULL: the file's. */
STC_API enum stc_err stc_import_hf_model(const char *path, const char *name,
                                         enum stc_format format, struct stc_out *out,
                                         struct stc_diag *diag) STC_MUST_USE;

/* ==== one kernel or collective ==== */

/* Why the cost model gives these seconds. op: "gemm", "attention", "collective",
 * ...; sets: "KEY=VALUE". tables: a folder of measured kernels, whose rows nearest
 * to the question are shown; NULL: none. */
STC_API enum stc_err stc_explain_op(struct stc *sim, const char *op,
                                    const char *const *sets, size_t n_sets,
                                    const char *tables, enum stc_format format,
                                    struct stc_out *out,
                                    struct stc_diag *diag) STC_MUST_USE;
/* The keys of an op; op NULL: the ops. */
STC_API enum stc_err stc_explain_keys(const char *op, enum stc_format format,
                                      struct stc_out *out,
                                      struct stc_diag *diag) STC_MUST_USE;

/* ==== the best layout ==== */

struct stc_tune_options {
    size_t size;         /* set by STC_TUNE_OPTIONS_INIT */
    int top_n;           /* 0: 10 */
    int front;           /* also the Pareto front of time, memory and GPUs */
    int world;           /* share the work with all processes of the MPI job */
    int no_times;        /* leave wall time out of the text */
    const char *journal; /* a killed search goes on from this file; NULL: none */
    const char *explain; /* "tp=4,pp=8": why is it not chosen?; NULL */
    const volatile sig_atomic_t *stop; /* becomes non-zero: answer now; NULL */
    /* NULL: the handle's progress. best_s infinity: none yet */
    void (*status)(void *ctx, const char *what, long done, long total, double best_s);
};
/* clang-format off */
#define STC_TUNE_OPTIONS_INIT {sizeof(struct stc_tune_options), 0, 0, 0, 0, NULL, NULL, NULL, NULL}
/* clang-format on */

/* Searches the space that the scenario's tune: section spans. yaml (may be NULL):
 * the scenario with the best layout. In an MPI job only the first process gets
 * text; the others get nothing. INFEASIBLE when no layout can be run. */
STC_API enum stc_err stc_tune(struct stc *sim, const struct stc_tune_options *o,
                              enum stc_format format, struct stc_out *out,
                              struct stc_out *yaml, struct stc_diag *diag) STC_MUST_USE;
/* Which measured layout the forecast would have chosen, group by group. */
STC_API enum stc_err stc_tune_judge_report(struct stc *sim, const char *csv_path,
                                           enum stc_format format, struct stc_out *out,
                                           struct stc_diag *diag) STC_MUST_USE;

/* ==== a grid of scenarios ==== */

struct stc_sweep_options {
    size_t size;             /* set by STC_SWEEP_OPTIONS_INIT */
    const char *const *vary; /* "cluster.nodes=16,32,64" */
    int n_vary;
    int tune, weak; /* the best layout of each point; the batch grows with the GPUs */
    int shard, n_shards; /* every n-th point from the shard-th; 0 of 0: all */
    int world;           /* share the points with all processes of the MPI job */
    const volatile sig_atomic_t
        *stop; /* becomes non-zero: finish the points at hand; NULL */
};
/* clang-format off */
#define STC_SWEEP_OPTIONS_INIT {sizeof(struct stc_sweep_options), NULL, 0, 0, 0, 0, 0, 0, NULL}
/* clang-format on */

enum stc_sweep_format { STC_SWEEP_TEXT, STC_SWEEP_CSV, STC_SWEEP_JSON, STC_SWEEP_PLOT };

/* Fills the SQLite file with the points that it lacks. In an MPI job processes but
 * the first get INTERRUPTED without a sentence: their points are in the file. */
STC_API enum stc_err stc_sweep(struct stc *sim, const struct stc_sweep_options *o,
                               const char *path, struct stc_diag *diag) STC_MUST_USE;
STC_API enum stc_err stc_sweep_merge_files(struct stc *sim, const char *out,
                                           const char *const *in, int n,
                                           struct stc_diag *diag) STC_MUST_USE;
STC_API enum stc_err stc_sweep_report(struct stc *sim, const char *path,
                                      enum stc_sweep_format format, struct stc_out *out,
                                      struct stc_diag *diag) STC_MUST_USE;

/* ==== what there is ==== */

/* what: "gpus", "nodes", "fabrics", "models", "stacks", "scenarios",
 * "prices". */
STC_API enum stc_err stc_list(struct stc *sim, const char *what, enum stc_format format,
                              struct stc_out *out, struct stc_diag *diag) STC_MUST_USE;
/* Everything the catalogues say of a name. */
STC_API enum stc_err stc_show(struct stc *sim, const char *name, enum stc_format format,
                              struct stc_out *out, struct stc_diag *diag) STC_MUST_USE;
/* Every key of a scenario: plain text, or markdown. */
STC_API enum stc_err stc_help_keys(int markdown, struct stc_out *out,
                                   struct stc_diag *diag) STC_MUST_USE;
/* How to write a catalogue: an example, and the keys of its rows. */
STC_API enum stc_err stc_help_catalogue(struct stc_out *out,
                                        struct stc_diag *diag) STC_MUST_USE;
/* "; did you mean simulate?", or "": for programs that look names up. */
STC_API const char *stc_did_you_mean(const char *name, const char *const *names,
                                     size_t n, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
