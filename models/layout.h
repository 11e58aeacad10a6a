/*
 * layout.h - how a model is cut over ranks: pure arithmetic.
 *
 * THEORY. A rank has coordinates (tp, cp, dp, pp); ranks are numbered as
 * Megatron-LM numbers them ("tp-cp-ep-dp-pp", Megatron-Core parallel_state):
 *     rank = tp + TP * (cp + CP * (dp + DP * pp)).
 * Expert parallelism re-cuts the same tp*cp*dp ranks of a stage: with expert
 * tensor parallelism ETP, inner index i = rank mod (TP*CP*DP) is
 *     i = etp + ETP * (ep + EP * edp).
 * Every axis partitions the ranks of the world (a property test holds that).
 *
 * A layout is a 64-byte value: it copies, compares (memcmp) and hashes.
 */
#ifndef STC_MODELS_LAYOUT_H
#define STC_MODELS_LAYOUT_H

#include "sim/base/err.h"
#include <stdint.h>

enum stc_axis {
    STC_AXIS_TP,
    STC_AXIS_CP,
    STC_AXIS_DP,   /* replicas of one (tp, cp, pp) shard */
    STC_AXIS_DPCP, /* dp x cp: those that hold the same dense parameters */
    STC_AXIS_PP,
    STC_AXIS_EP,
    STC_AXIS_ETP,
    STC_AXIS_EDP,     /* those that hold the same experts */
    STC_AXIS_SHARD,   /* the shard_group ranks of DPCP a state is cut over */
    STC_AXIS_REPLICA, /* HSDP: across shard groups */
    STC_AXIS_EMBED,   /* first and last stage, tied embeddings */
    STC_AXIS_WORLD,
    STC_AXIS_COUNT
};

enum stc_sharding {
    STC_SHARD_NONE,
    STC_SHARD_ZERO1,
    STC_SHARD_ZERO2,
    STC_SHARD_ZERO3,
    STC_SHARD_HSDP
};
enum stc_schedule_kind {
    STC_SCHED_GPIPE,
    STC_SCHED_1F1B,
    STC_SCHED_INTERLEAVED,
    STC_SCHED_ZB_H1,
    STC_SCHED_ZB_H2,
    STC_SCHED_COUNT
};
enum stc_recompute { STC_RECOMPUTE_NONE, STC_RECOMPUTE_SELECTIVE, STC_RECOMPUTE_FULL };
enum stc_cp_kind { STC_CP_RING, STC_CP_ULYSSES };

struct stc_layout {
    int32_t tp, pp, vp, cp, ep, etp, dp; /* all >= 1; vp: chunks a stage */
    int32_t shard_group; /* ranks a ZeRO/FSDP state is cut over; 0: all of dp*cp */
    int32_t micro_batch; /* samples a micro-batch and replica */
    int32_t n_micro;     /* micro-batches a step and replica = global / (micro*dp) */
    int32_t recompute_layers; /* of each stage's layers; -1: all */
    int16_t first_stage_extra,
        last_stage_extra;          /* layers more (or less: < 0) than the even share */
    uint8_t shard;                 /* enum stc_sharding */
    uint8_t schedule;              /* enum stc_schedule_kind */
    uint8_t recompute;             /* enum stc_recompute */
    uint8_t seq_parallel;          /* 0 or 1 */
    uint8_t cp_kind;               /* enum stc_cp_kind */
    uint8_t reshard_after_forward; /* FSDP: gather again for the backward */
    uint8_t pad_[10];
};
_Static_assert(sizeof(struct stc_layout) == 64, "a layout is a 64-byte value");

/* Members of one group: first + i * stride for i < block, repeated every
 * outer_stride for n / block blocks. */
struct stc_group {
    int32_t first, stride, n;
    int32_t block; /* n when the group is one arithmetic progression */
    int32_t outer_stride;
};

struct stc_coord {
    int32_t tp, cp, dp, pp, ep, etp, edp;
};

int32_t stc_layout_world(const struct stc_layout *l);
struct stc_coord stc_layout_coord(const struct stc_layout *l, int32_t rank);
int32_t stc_layout_rank(const struct stc_layout *l,
                        const struct stc_coord *c); /* from tp, cp, dp, pp */
int32_t stc_layout_axis_size(const struct stc_layout *l, enum stc_axis axis);
/* The group of `axis` that `rank` is in, and one of its members. */
struct stc_group stc_layout_group(const struct stc_layout *l, enum stc_axis axis,
                                  int32_t rank);
int32_t stc_group_member(const struct stc_group *g, int32_t i);
/* Index of the rank in the group, -1 when it is not in it. */
int32_t stc_group_index(const struct stc_group *g, int32_t rank);
const char *stc_axis_name(enum stc_axis axis); /* "tp", "dp", … */

/* Layers of virtual stage v (0 <= v < pp*vp), `n_layers` cut as evenly as the
 * extras allow; v = chunk * pp + stage. -1 when it cannot be cut. */
int32_t stc_layout_layers(const struct stc_layout *l, int32_t n_layers, int32_t v);
/* First layer's index of virtual stage v. */
int32_t stc_layout_first_layer(const struct stc_layout *l, int32_t n_layers, int32_t v);

/* True when every axis divides, sizes are >= 1 and each axis partitions the
 * ranks; O(world), for assert and tests. */
int stc_layout_sane(const struct stc_layout *l);

#endif
