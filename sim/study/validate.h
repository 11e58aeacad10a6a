/*
 * validate.h - forecasts every row of a table of measurements and compares.
 *
 * THEORY. A kind of file is data (struct stc_vkind, validate_kinds.c): the
 * columns that mark it, the columns it may read with the scenario key and the
 * converter of each, the quantities with their result field, and what a
 * missing cell means. A row's cells go through stc_scenario_set, so that the
 * scenario that --emit prints is the scenario that was simulated.
 *
 * QUERY KINDS. A row of a micro table is a question to the cost model instead
 * (sim/study/query.h): its cells go through stc_query_set, the line that --emit
 * prints is what `explain op` answers. Such tables have no `source` column; a
 * group is what the kind names (GPU, number format, ...).
 *
 * What may not be read (id, source, ref, notes, everything measured) is in no
 * column table; the forecast gets nothing but the scenario made from those
 * tables, so it cannot. A test blanks these columns and wants equal forecasts.
 *
 * SCORE. Mean over sources of each source's mean absolute percentage error of
 * the step time (of tokens/s/GPU where a row has no step time); a row without
 * a forecast counts 100 %. Memory the same, and apart for each mem_kind.
 *
 * OWNERSHIP. Rows, texts and scenarios live in the arena given.
 *
 * COST. One scenario and one step a row, in parallel with OpenMP.
 */
#ifndef STC_STUDY_VALIDATE_H
#define STC_STUDY_VALIDATE_H

#include "sim/base/arena.h"
#include "sim/base/err.h"
#include "sim/base/text.h"
#include "sim/run/result.h"
#include "sim/run/step.h"
#include "sim/study/query.h"
#include <stdio.h>

enum { STC_VQ_MAX = 2 }; /* quantities that one row can measure */

/* One measured quantity of one row. */
struct stc_vcase {
    const char *quantity; /* "step_time_s" */
    int is_mem;
    double measured, predicted; /* predicted NaN: none, the row's note says why */
    double lo90, hi90;          /* NaN: not known */
    double plain;     /* physics × efficiency alone; NaN for scenario kinds */
    double tolerance; /* the share that the table's own acceptance allows, from 1 on the
                       * factor either way; NaN or 0: none is said */
};

struct stc_vrow {
    const char *id, *source, *mem_kind;
    int line;         /* in the file */
    const char *note; /* "" or why there is no forecast */
    const char
        *scenario; /* the preset that the row was run as; NULL: of its own cells */
    const char *why_not; /* why its figure is not compared; NULL where it is */
    int n_cases;
    struct stc_vcase cases[STC_VQ_MAX];
    /* kept with opts.keep_parts */
    int simulated;
    double step_s, part_s[STC_PART_COUNT], mfu;
    int slowest_stage;
    struct stc_mem_est mem; /* of the fullest stage */
};

/* Error summary of one source, or of one (source, mem_kind). */
struct stc_vsum {
    const char *source, *mem_kind; /* mem_kind NULL for times */
    int n, n_missing;              /* rows; of them without a forecast */
    double mape, bias; /* bias: mean of (ours - measured) / measured over forecasts */
    const char *worst_id;
    double worst;    /* its signed error */
    double plain;    /* error of physics × efficiency alone; NaN: not told apart */
    double left_out; /* error with the source left out of the fit of the shipped
                      * numbers (calib/data/loso.csv); NaN: not of these rows */
};

struct stc_vreport {
    const char *kind;
    const char *title; /* of the first quantity: "Step time" */
    int is_query;      /* rows were questions to the cost model */
    int n_rows;
    struct stc_vrow *rows;
    int n_time, n_mem; /* sums */
    struct stc_vsum *time, *mem,
        *mem_kinds; /* by source; by source; by (source, mem_kind) */
    int n_mem_kinds;
    double time_score, mem_score;       /* mean over sources of their MAPE */
    double time_left_out, mem_left_out; /* of their left_out; NaN: not of these rows */
    int n_judged, n_held;               /* cases with a tolerance; of them within it */
    int n_time_forecast, n_mem_forecast, n_time_rows, n_mem_rows;
    double inside90; /* share of time rows inside their interval */
};

struct stc_vopts {
    const char *source;       /* substring of the source; NULL: all */
    const char *const *where; /* "column=value" or "column~part" */
    int n_where;
    int n_threads; /* 0: as OpenMP likes */
    int keep_parts;
    const struct stc_catalogues *catalogues;            /* NULL: the shipped ones */
    void (*progress)(void *ctx, long done, long total); /* may be NULL */
    void *ctx;
};

STC_MUST_USE enum stc_err stc_validate_file(struct stc_arena *a, const char *path,
                                            const struct stc_run_params *p,
                                            const struct stc_vopts *o,
                                            struct stc_vreport *out,
                                            struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_validate_mem(struct stc_arena *a, const char *name,
                                           const char *text, size_t len,
                                           const struct stc_run_params *p,
                                           const struct stc_vopts *o,
                                           struct stc_vreport *out,
                                           struct stc_diag *diag);

/* One row (by id, or number from 1) as text: the YAML of its scenario, unresolved
 * but for what settle.h chose, with what was measured in its `published` keys; for
 * a query kind the words after `explain op`. */
STC_MUST_USE enum stc_err stc_validate_emit_text(const struct stc_run_params *p,
                                                 const struct stc_catalogues *own,
                                                 const char *path, const char *id,
                                                 struct stc_text *out,
                                                 struct stc_diag *diag);

/* Whether a case lies within its tolerance. */
int stc_validate_held(const struct stc_vcase *k);

/* ==== for fits ==== */

/* The rows of a table of runs with their scenarios, unresolved, nothing forecast. */
struct stc_vruns {
    const struct stc_vkind *kind;
    int n;
    struct stc_vrow *rows;
    struct stc_scenario *said;
    const char **why; /* NULL, or why a row makes no scenario */
};
STC_MUST_USE enum stc_err stc_validate_runs(struct stc_arena *a, const char *path,
                                            struct stc_vruns *out,
                                            struct stc_diag *diag);
/* Fills the forecasts of a row's cases from a result. */
void stc_validate_put(const struct stc_vkind *kind, const struct stc_result *r,
                      int mem_kind, struct stc_vrow *row);

/* id,quantity,measured,predicted,lo90,hi90,note: one line for every quantity of every row. */
STC_MUST_USE enum stc_err stc_validate_write_rows(const struct stc_vreport *r, FILE *f);

/* ==== kinds of files ==== */

struct stc_vctx { /* the cells of one row that a kind may read */
    const struct stc_vkind *kind;
    const char *const *cell; /* by column of the kind; "" when empty or absent */
};
/* The cell of a readable column; "" when the row does not say. */
const char *stc_vctx_cell(const struct stc_vctx *c, const char *column);

enum stc_vconv {
    STC_VCONV_TEXT, /* the cell as it stands, then the suffix ("200" + "Gbps") */
    STC_VCONV_FN    /* fn decides which keys to set */
};

struct stc_vcol {
    const char *column, *key;
    enum stc_vconv conv;
    const char *suffix;
    enum stc_err (*fn)(const struct stc_vctx *c, const char *cell,
                       struct stc_scenario *s, struct stc_diag *diag);
    int when_empty; /* 1: fn also runs for an empty cell (the rule of a missing cell) */
    enum stc_err (*qfn)(const struct stc_vctx *c, const char *cell, struct stc_query *q,
                        struct stc_diag *diag); /* of query kinds, instead of fn */
};

struct stc_vquantity {
    const char *quantity, *column;
    double scale;       /* cell x scale = SI */
    const char *unless; /* only when this column is empty; NULL: always */
    int is_mem;
    const char *published, *unit; /* key of the scenario that shows it, and its unit */
    /* Value and 90 % interval; NaN where there is none. */
    void (*get)(const struct stc_result *r, int mem_kind, double *value, double *lo90,
                double *hi90);
    /* Of query kinds: seconds (or an end of the interval) as the quantity. */
    double (*qget)(const struct stc_query *q, double seconds);
};

/* A key of a query that the whole table shares. */
struct stc_vfixed {
    const char *key, *value;
};

struct stc_vkind {
    const char *name;
    const char *title; /* of the first quantity */
    int is_query;      /* 1: rows are questions to the cost model */
    enum stc_qkind query;
    const struct stc_vfixed *fixed; /* of queries; ends with a NULL key; may be NULL */
    const char *const *group;       /* columns that name a row's group where there is
                                      * no source; ends with NULL; may be NULL */
    const char *const *signature;   /* columns that must be there; ends with NULL */
    const struct stc_vcol *cols;
    int n_cols;
    const struct stc_vquantity *quantities;
    int n_quantities;
    /* Of long tables, a figure a line: finds the cases, instead of the quantities'
     * columns. What it reads beyond `cols` no forecast sees. NULL: a wide table. */
    enum stc_err (*read_line)(const struct stc_csv *csv, struct stc_vrow *row,
                              struct stc_diag *diag);
};

extern const struct stc_vkind *const stc_vkinds[]; /* ends with NULL */

#endif
