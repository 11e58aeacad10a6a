/*
 * scenario.h - the question: one struct that holds a whole scenario.
 *
 * THEORY. A scenario says what (model, training job), where (cluster) and how
 * (layout, stack). It is filled from YAML, from KEY=VALUE on a command line and
 * from rows of run tables, always through the same key table (scenarios/keys.c),
 * so one text means one thing. Then it is *resolved*: names are looked up in the
 * catalogues, unstated keys get the stack's defaults, dp and n_micro follow from
 * gpus and global_batch, and everything is checked against everything.
 *
 * LIFE CYCLE. init -> load / set (any number, any order) -> resolve -> use.
 * A load or set that fails leaves the struct untouched.
 *
 * A forecast never depends on `title`, `model.name` or `published`.
 *
 * OWNERSHIP. A flat value: copy with =. Texts are arrays or borrowed from the
 * hardware catalogue, which lives as long as the program.
 *
 * ERRORS. "FILE:LINE: KEY: reason; what would be right". Resolving remembers
 * where each key was said, so that its sentences name the line too.
 */
#ifndef STC_SCENARIOS_SCENARIO_H
#define STC_SCENARIOS_SCENARIO_H

#include "hw/cluster.h"
#include "models/build.h"
#include "sim/base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { STC_SCENARIO_SCHEMA = 1 };

/* What the person wrote; STC_AUTO (-1) or an empty name: not said. */
enum { STC_AUTO = -1 };

enum stc_record_level { STC_RECORD_TOTALS, STC_RECORD_STAGES, STC_RECORD_ALL };

struct stc_sim_opts {
    int32_t fold_layers; /* 1: consecutive work of one stream is one segment */
    int32_t fold_ranks;  /* 1: one rank of each class runs */
    int32_t record;      /* enum stc_record_level */
    int64_t seed;
    int32_t straggler_rank;  /* -1: none */
    double straggler_factor; /* its kernels take this times as long */
    char nccl_algo[24],
        nccl_proto[24];    /* as NCCL_ALGO and NCCL_PROTO; empty: NCCL's choice */
    int32_t nccl_max_ctas; /* 0: NCCL's choice */
    int32_t nccl_p2p_disable;
    int32_t nccl_nvls_disable; /* NCCL_NVLS_ENABLE=0 */
    int32_t
        nccl_collnet_enable; /* NCCL_COLLNET_ENABLE=1: SHARP where the fabric has it */
    double mem_margin_bytes; /* verdict "fits" leaves this much free */
};

/* What the person said, key by key, exactly: one field for each row of
 * scenarios/fields.def. Numbers: STC_AUTO when not said; enumerations that begin
 * with "auto": 0, else 1 + the value. */
struct stc_said {
#define SELF(member)                                                    member
#define K_NAME(section, key, member, bytes, help)                       char member[bytes];
#define K_INT(section, key, member, target, dim, min, max, help)        int32_t member;
#define K_REAL(section, key, member, target, dim, min, max, help)       double member;
#define K_ENUM(section, key, member, target, names, help)               int32_t member;
#define K_FINT(section, key, member, target, def, min, max, help)       int32_t member;
#define K_FREAL(section, key, member, target, dim, def, min, max, help) double member;
#define K_FENUM(section, key, member, target, names, def, help)         int32_t member;
#define K_I64(section, key, member, target, def, min, max, help)        int64_t member;
#include "scenarios/fields.def"
#include "scenarios/fields_undef.h"
};

/* Rows of the table: one line each. */
enum {
#define SELF(member)                                              member
#define K_NAME(section, key, member, bytes, help)                 STC_KEY_##member,
#define K_INT(section, key, member, target, dim, min, max, help)  STC_KEY_##member,
#define K_REAL(section, key, member, target, dim, min, max, help) STC_KEY_##member,
#define K_ENUM(section, key, member, target, names, help)         STC_KEY_##member,
#define K_FINT(section, key, member, target, def, min, max, help) STC_KEY_##member,
#define K_FREAL(section, key, member, target, dim, def, min, max, help) \
 STC_KEY_##member,
#define K_FENUM(section, key, member, target, names, def, help)  STC_KEY_##member,
#define K_I64(section, key, member, target, def, min, max, help) STC_KEY_##member,
#include "scenarios/fields.def"
#include "scenarios/fields_undef.h"
    STC_KEY_COUNT
};

struct stc_catalogues;

struct stc_scenario {
    /* What names are looked up in; NULL: the shipped catalogues. Borrowed. Who loads
     * a scenario that says `catalogue` builds it (scenarios/catalogues.h). */
    const struct stc_catalogues *catalogues;
    /* as written */
    struct stc_said said;
    char file[128];              /* where it was read; "" when set by hand */
    int32_t line[STC_KEY_COUNT]; /* of each key; 0: not said, -1: on the command line */

    /* resolved: names as they were understood */
    char title[128];
    char model_name[64];
    char stack_name[64];
    char framework[64];
    int32_t year;
    char node_name[64];
    char fabric_name[64];
    char gpu_name[64];
    int32_t n_gpus;        /* of the job */
    int32_t mem_kind;      /* which memory the person compares with: enum below */
    int32_t stack_unsaid;  /* 1: nobody named a stack, the default was taken */
    int32_t stack_guessed; /* 1: it stands in for one that nobody described */
    /* resolved: what the forecast is made of */
    struct stc_model model;
    struct stc_cluster cluster;
    struct stc_layout layout;
    struct stc_train train;
    struct stc_stack stack;
    struct stc_sim_opts sim;
    int resolved;
};

enum stc_mem_report {
    STC_MEMREP_ALLOCATED,
    STC_MEMREP_ALLOCATED_LAST,
    STC_MEMREP_SMI,
    STC_MEMREP_UNSTATED
};

void stc_scenario_init(struct stc_scenario *s);

/* Reads a YAML document. "name" is for messages, and a `catalogue` said in it is
 * beside it: said.catalogue becomes a path from here. */
STC_MUST_USE enum stc_err stc_scenario_load(struct stc_scenario *s, const char *name,
                                            const char *text, size_t len,
                                            struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_scenario_load_file(struct stc_scenario *s,
                                                 const char *path,
                                                 struct stc_diag *diag);

/* "layout.tp", "4": the very same conversion as a line of YAML. */
STC_MUST_USE enum stc_err stc_scenario_set(struct stc_scenario *s, const char *key,
                                           const char *value, struct stc_diag *diag);

/* Looks names up, fills what is unsaid, checks. INFEASIBLE with a sentence when
 * the layout cannot be cut from the model or the cluster. Idempotent. */
STC_MUST_USE enum stc_err stc_scenario_resolve(struct stc_scenario *s,
                                               struct stc_diag *diag);

/* Writes the scenario as YAML that loads to an equal struct. */
struct stc_text;
STC_MUST_USE enum stc_err stc_scenario_write(const struct stc_scenario *s,
                                             struct stc_text *out);

/* 64-bit hash of everything that the forecast depends on. */
uint64_t stc_scenario_hash(const struct stc_scenario *s);

/* The key table, for help and for validate. Rows bind to struct stc_scenario. */
struct stc_bind_table;
const struct stc_bind_table *stc_scenario_keys(void);

/* Where resolve puts a said value: offset and width in bytes in struct
 * stc_scenario; the offset of the said field itself when resolve decides. */
struct stc_key_target {
    uint32_t offset, width;
    uint8_t auto_first;
};
const struct stc_key_target *stc_scenario_target(int row);

/* Row of a key, its short forms ("model", "cluster", "stack") included; -1. */
int stc_scenario_key(const char *key);

/* "FILE:LINE: KEY: sentence" with the place where `row` was said. */
enum stc_err stc_scenario_fail(const struct stc_scenario *s, int row,
                               struct stc_diag *diag, enum stc_err err, const char *fmt,
                               ...) STC_PRINTF(5, 6);

/* The hardware of the catalogues; c NULL: the embedded one, loaded once and then
 * immutable. */
struct stc_hw;
STC_MUST_USE enum stc_err stc_scenario_hw(const struct stc_catalogues *c,
                                          const struct stc_hw **out,
                                          struct stc_diag *diag);

/* A scenario file that travels in the library: "gpt3-175b-64xa100" or its path;
 * UNKNOWN with near names. */
STC_MUST_USE enum stc_err stc_scenario_load_preset(struct stc_scenario *s,
                                                   const char *name,
                                                   struct stc_diag *diag);

#endif
