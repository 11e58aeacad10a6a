/*
 * result.h - the answer: what a simulated training step was like.
 *
 * THEORY. Everything here is derived from the record of one run. For each stage
 * the step's time is cut into parts by what the compute stream of its
 * representative rank did or waited for; the parts add up to the step exactly
 * (in ticks). Scenario and result are the only things that cross rooms.
 *
 * OWNERSHIP. Arrays live in the arena that stc_step_run was given.
 */
#ifndef STC_RUN_RESULT_H
#define STC_RUN_RESULT_H

#include "kernels/cost.h"
#include "models/host.h"
#include "models/memory.h"
#include "sim/base/units.h"
#include <stdint.h>

enum { STC_RESULT_SCHEMA = 1 };

/* X(id, key, title): where a stage's time goes. */
#define STC_PART_MAP(X)                                 \
 X(GEMM, "gemm", "matrix products")                     \
 X(ATTENTION, "attention", "attention")                 \
 X(MEMBOUND, "memory_bound", "memory-bound kernels")    \
 X(RECOMPUTE, "recompute", "recompute")                 \
 X(TP_COMM, "tp_comm", "exposed tensor-parallel comm")  \
 X(CP_COMM, "cp_comm", "exposed context-parallel comm") \
 X(EP_COMM, "ep_comm", "exposed expert-parallel comm")  \
 X(DP_COMM, "dp_comm", "exposed data-parallel comm")    \
 X(PP_COMM, "pp_comm", "exposed pipeline comm")         \
 X(BUBBLE, "bubble", "pipeline bubble")                 \
 X(OPTIMIZER, "optimizer", "optimizer")                 \
 X(OFFLOAD, "offload", "exposed host copies, updates")  \
 X(HOST, "host", "host (launches, data, logging)")      \
 X(OTHER, "other", "other waits")

enum stc_part {
#define STC_PART_ROW(id, key, title) STC_PART_##id,
    STC_PART_MAP(STC_PART_ROW)
#undef STC_PART_ROW
        STC_PART_COUNT
};
const char *stc_part_key(enum stc_part p);
const char *stc_part_title(enum stc_part p);

struct stc_span { /* one task of a representative rank, for traces and the Gantt */
    stc_tick start, end;
    const char *name; /* static or in the arena: "F", "B", "all_reduce", … */
    int32_t stage, rank;
    int32_t micro;  /* -1: none */
    int16_t chunk;  /* -1: none */
    uint8_t stream; /* enum stc_stream of sim/run/lower.h */
    uint8_t part;   /* enum stc_part */
    double bytes;   /* collectives and copies */
};

struct stc_mem_point {
    stc_tick t;
    double bytes;
}; /* allocated after this moment */

struct stc_stage_result {
    int32_t stage, n_layers, n_ranks;
    int32_t representative;              /* rank that was looked at */
    stc_tick part_ticks[STC_PART_COUNT]; /* adds up to step_ticks */
    struct stc_mem_est mem;              /* closed form, by kind, of the fullest rank */
    double tracked_peak_bytes; /* what the simulated run itself reached (allocated) */
    int32_t n_mem_points;      /* record level >= STAGES */
    const struct stc_mem_point *mem_points;
};

struct stc_link_result { /* one class of links */
    const char *name;    /* "nvlink", "pcie", "nic", "spine", … */
    int32_t n_links;
    double capacity_Bps; /* of one link */
    double bytes;        /* carried by all links of the class in the step */
    double busiest_frac; /* bytes / (capacity * step) of the busiest link */
};

struct stc_comm_result { /* one kind of collective over one axis */
    const char *axis, *coll, *algo, *proto;
    int32_t group_size, group_nodes;
    double calls, bytes; /* of the representative rank, a step; buffer bytes */
    double busy_s, bus_Bps;
    uint8_t by_flows; /* 1: timed by the network engine, 0: closed form */
};

struct stc_counts {
    int64_t events, tasks, joins, joins_closed, joins_flows, flows;
    int32_t n_ranks, n_rank_classes, n_links, n_link_classes;
};

struct stc_result {
    int32_t schema;
    uint64_t scenario_hash, cost_hash;
    stc_tick step_ticks;
    double step_s, lo90_s, hi90_s;
    int lowering; /* enum stc_lowering of kernels/cost_params.h */
    double
        lowering_sigma_log; /* of log step_s beside the kernels' own; within lo90_s, hi90_s */
    double tokens_per_s, tokens_per_s_per_gpu, samples_per_s;
    double model_flop;            /* a step, STC_FLOP_MODEL */
    double flop_per_s_per_gpu[4]; /* by enum stc_flop_convention */
    double hw_flop;               /* arithmetic actually done, recompute included */
    double peak_flop_per_s;       /* of one GPU in the job's precision */
    double mfu, hfu; /* model FLOP; with what is recomputed (2205.05198 §5) */

    int32_t n_stages;
    struct stc_stage_result *stages;
    int32_t slowest_stage; /* whose parts tell the story */

    double mem_capacity_bytes;
    double peak_bytes
        [4]; /* by enum stc_mem_report: allocated max, last stage, nvidia-smi, as unstated */
    int32_t peak_stage;
    int fits;                 /* reserved + context + margin <= capacity, every stage */
    double mem_missing_bytes; /* when it does not fit */
    struct stc_host_est host; /* of the fullest node, all its ranks */
    double host_capacity_bytes; /* its memory; 0: nobody knows */
    int host_fits;              /* `fits` asks for this, too */

    int32_t n_links;
    struct stc_link_result *links;
    int32_t n_comms;
    struct stc_comm_result *comms;
    double tier_frac[STC_TIER_COUNT]; /* shares of estimated time by evidence */
    double family_frac[STC_FAMILY_COUNT];
    double family_sigma[STC_FAMILY_COUNT];
    int outside; /* some shape was beyond the measured range */
    struct stc_counts counts;

    int32_t n_spans;
    struct stc_span *spans;
};

#endif
