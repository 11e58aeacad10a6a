/*
 * step_kit.h - what the tests of sim/run share: cost parameters, scenarios from
 * lines of KEY=VALUE, and random small scenarios that reach every mechanism.
 */
#ifndef STC_TESTS_STEP_KIT_H
#define STC_TESTS_STEP_KIT_H

#include "sim/base/rng.h"
#include "sim/run/step.h"

struct step_kit {
    struct stc_cost *cost;
    struct stc_coll_params *coll;
    struct stc_run_params p;
};

/* The priors of the kernels and the shipped figures of the collectives. */
void step_kit_open(struct step_kit *k);
void step_kit_close(struct step_kit *k);

/* "KEY=VALUE KEY=VALUE …" (no spaces in values) on top of what s holds, then
 * resolved. */
enum stc_err step_scenario(struct stc_scenario *s, const char *words,
                           struct stc_diag *diag);
/* Only sets. */
enum stc_err step_set(struct stc_scenario *s, const char *words, struct stc_diag *diag);

/* What a scenario hits, by name. */
#define STEP_FEATURES(X)         \
 X(INTERLEAVED, "interleaving")  \
 X(UNEVEN, "uneven stages")      \
 X(OVERSUB, "over-subscription") \
 X(SHARED_NIC, "shared NIC")     \
 X(ZERO1, "ZeRO-1")              \
 X(ZERO2, "ZeRO-2")              \
 X(ZERO3, "ZeRO-3")              \
 X(HSDP, "HSDP")                 \
 X(TP, "tp")                     \
 X(CP, "cp")                     \
 X(PP, "pp")                     \
 X(DP, "dp")                     \
 X(EP, "ep")                     \
 X(STRAGGLER, "straggler")       \
 X(DEGRADED, "lame GPU")         \
 X(NODES, "several nodes")       \
 X(OFFLOAD, "offload")           \
 X(LOADER, "data loaders")       \
 X(GPIPE, "GPipe")               \
 X(ZB, "zero bubble")            \
 X(FLOWS, "flows")               \
 X(FOLDED, "fewer classes than ranks")

enum step_feature {
#define STEP_ROW(id, text) STEP_##id,
    STEP_FEATURES(STEP_ROW)
#undef STEP_ROW
        STEP_FEATURE_COUNT
};
extern const char *const step_feature_names[STEP_FEATURE_COUNT];

struct step_case {
    struct stc_scenario s; /* resolved */
    char words[2048];      /* what made it: for the message of a failure */
    unsigned hits; /* 1 << enum step_feature; FLOWS and FOLDED are the runner's */
};

/* The n-th random scenario of a purpose; draws until one can be laid out. */
void step_case_random(struct step_case *c, const char *purpose, uint64_t n);

#endif
