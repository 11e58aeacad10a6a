/* lower_int.h - private to sim/run/lower*.c: the state of lowering one stage. */
#ifndef STC_RUN_LOWER_INT_H
#define STC_RUN_LOWER_INT_H

#include "sim/run/lower.h"

/* One unit of a chunk: embedding, a layer, the head; its lists both ways. */
struct stc_unit {
    struct stc_pieces fwd, bwd;
    struct stc_param_count params;
    enum stc_block block;
    int32_t layer;
    double keep_bytes; /* on the GPU */
    double away_bytes; /* on the host, until the backward */
    int32_t n_tensors; /* parameters, as tensors */
};

struct stc_chunk {
    struct stc_unit *units;
    int32_t n;
    int first, last; /* virtual stage is the model's first, last */
    int away;        /* some units' activations wait on the host */
};

struct stc_low {
    struct stc_lowered *o;
    struct stc_stage_tmpl *t;
    struct stc_build b;
    struct stc_optime time;
    struct stc_group_shape shape[STC_AXIS_COUNT];
    struct stc_chunk *chunks; /* [vp] */
    int32_t stage;
    double host_s_per_launch, n_tensors; /* parameters of the stage, as tensors */
    int host_bound;                      /* the host stream is there */
    /* the block being written */
    struct stc_task *buf[STC_STREAM_COUNT];
    uint32_t n[STC_STREAM_COUNT], cap[STC_STREAM_COUNT];
    /* the open segment of the compute stream */
    struct stc_segment seg;
    stc_tick seg_ticks;
    int seg_open;
    uint32_t need[STC_MAX_WAITS];
    int n_need;
    uint32_t
        norm_mark; /* the end of the step: compute after the gradients' norm is agreed */
    uint8_t item;  /* enum stc_item_kind, 3: ends of the step */
    const char *name;
    enum stc_err err;
    struct stc_diag *diag;
};

/* ---- tasks (lower_emit.c) ---- */
struct stc_task *stc_low_task(struct stc_low *w, enum stc_stream s,
                              enum stc_task_kind kind);
void stc_low_wait(struct stc_task *t, uint32_t rel);
struct stc_task *stc_low_join_op(struct stc_low *w, enum stc_stream s,
                                 const struct stc_comm_op *op);
struct stc_task *stc_low_join(struct stc_low *w, enum stc_stream s, enum stc_slot slot,
                              enum stc_coll coll, double bytes);
void stc_low_host_busy(struct stc_low *w, stc_tick ticks);
void stc_low_host(struct stc_low *w, int32_t n_launches);
uint32_t stc_low_segment(struct stc_low *w,
                         const struct stc_segment *seg); /* its number: a WORK's tag */
/* "Everything written so far on this stream", relative to the item's start. */
uint32_t stc_low_mark(const struct stc_low *w, enum stc_stream s);

/* The compute stream. need: its next task waits for rel. pieces: appends a list
 * to the open segment (or, with explicit operators, tasks). cut: closes the
 * segment; afterwards mark(COMPUTE) covers everything appended. */
enum stc_which { STC_WHICH_ALL, STC_WHICH_NO_WGRAD, STC_WHICH_WGRAD };
void stc_low_need(struct stc_low *w, uint32_t rel);
void stc_low_pieces(struct stc_low *w, const struct stc_pieces *p,
                    enum stc_which which);
void stc_low_add(struct stc_low *w, enum stc_part part, stc_tick ticks);
void stc_low_cut(struct stc_low *w);
/* Closes the block; its index, -1 when memory ran out. */
int32_t stc_low_block_end(struct stc_low *w);

/* What the scenario pins of NCCL. */
/* The host's time for a launch and for a step's odds and ends: the stack's, on this
 * node's cores, with the profiler if it watches. */
double stc_low_launch_s(const struct stc_scenario *s);
double stc_low_step_s(const struct stc_scenario *s);
struct stc_coll_force stc_low_force(const struct stc_scenario *s);
void stc_low_overlap(const struct stc_run_params *p, struct stc_overlap_params *out);

/* ---- blocks (lower_items.c, lower_ends.c) ---- */
struct stc_item_variant {
    uint8_t kind; /* enum stc_item_kind */
    int32_t chunk;
    int first_micro; /* first micro-batch of this chunk: parameters may still be arriving */
    int last_micro; /* last: gradients leave */
};
void stc_low_item(struct stc_low *w, const struct stc_item_variant *v);
void stc_low_begin_step(struct stc_low *w);
void stc_low_end_step(struct stc_low *w);

/* ---- the host's memory (lower_host.c) ---- */
/* Units of a chunk whose activations leave: before unit k computes forward, after
 * it; before the k-th unit of the backward. marks: compute after each unit of it. */
void stc_low_away_begin(struct stc_low *w, const struct stc_chunk *c, int32_t k,
                        const uint32_t *out);
uint32_t stc_low_away_end(struct stc_low *w, const struct stc_chunk *c, int32_t k);
void stc_low_away_back(struct stc_low *w, const struct stc_chunk *c, int32_t k,
                       const uint32_t *compute);
/* Gradients of p parameters, reduced: what is updated on the host goes there. */
void stc_low_grads_out(struct stc_low *w, const struct stc_param_count *p,
                       uint32_t wait);
/* Parameters of p that rest on the host, on their way to a gather; 0: they do not. */
uint32_t stc_low_params_in(struct stc_low *w, const struct stc_param_count *p,
                           uint32_t wait);
/* The update of n_owned parameters' share, and the way back. */
void stc_low_host_begin(struct stc_low *w);
void stc_low_host_update(struct stc_low *w, double n_owned);
void stc_low_loader_begin(struct stc_low *w);
void stc_low_loader_end(struct stc_low *w);

/* Parameters of the stage that the data-parallel axes carry. */
struct stc_param_count stc_low_chunk_params(const struct stc_low *w, int32_t chunk);
int stc_low_fsdp(const struct stc_low *w); /* parameters are gathered unit by unit */
void stc_low_reduce_grads(struct stc_low *w, const struct stc_param_count *p,
                          uint32_t wait);

#endif
