/*
 * query.h - one question to the cost model, as text: an operator or a
 * collective on a GPU, key by key.
 *
 * THEORY. A kind of question (struct stc_qkind_info) is a key table and two
 * functions: what the keys mean, and which estimate answers it. `explain op`
 * and the micro tables of `validate` go through the same keys, so a measured
 * row and a line typed by hand get the same seconds.
 *
 * Collectives are asked of a machine: the reference cluster of the GPU, or the
 * node named, with NICs and fabric as said. Ranks fill nodes one after the other
 * unless `nodes` says how many they spread over.
 *
 * LIFE CYCLE. init (kind) -> set (any number, any order) -> resolve -> time.
 *
 * OWNERSHIP. A flat value; the GPU points into the hardware catalogue.
 *
 * ERRORS. "KEY: reason; what would be right", with near names.
 *
 * COST. A set ~0.3 us, resolve ~1 us (a collective: ~5 us).
 */
#ifndef STC_STUDY_QUERY_H
#define STC_STUDY_QUERY_H

#include "hw/catalogue.h"
#include "kernels/coll.h"
#include "kernels/cost.h"
#include "sim/base/bind.h"
#include "sim/run/step.h"

enum stc_qkind {
    STC_QUERY_GEMM,
    STC_QUERY_ATTENTION,
    STC_QUERY_GROUPED,
    STC_QUERY_MOE,
    STC_QUERY_MEMBOUND,
    STC_QUERY_COLLECTIVE,
    STC_QUERY_COPY,
    STC_QUERY_LAUNCH,
    STC_QUERY_COUNT
};
const char *stc_query_kind_name(enum stc_qkind k);
const char *stc_query_kind_about(enum stc_qkind k);
/* UNKNOWN with near names. */
STC_MUST_USE enum stc_err stc_query_kind_find(const char *name, enum stc_qkind *out,
                                              struct stc_diag *diag);
/* The keys of a kind, for help. Rows bind to struct stc_query_said. */
const struct stc_bind_table *stc_query_keys(enum stc_qkind k);

/* What was said; which of them a kind reads is in its table. */
struct stc_query_said {
    char gpu[64], dtype[32], kv_dtype[32];
    char collective[32], node[64], fabric[64], library[24], algo[24], proto[16];
    int64_t m, n, k, batch;
    int64_t q_len, kv_len, heads, kv_heads, head_dim, head_dim_v, window;
    int64_t tokens, hidden, ffn, topk, experts, moe_tp, moe_ep, groups, launches;
    int64_t rows, cols;
    int layout, regime, phase, impl, pass, norm, direction;
    int ranks, nodes, gpus_per_node, nics, max_ctas, min_ctas;
    bool accumulate, causal, gated, l2_resident, pinned, graph, p2p, sharp;
    double alpha, imbalance, read_bytes, write_bytes, bytes, nic_Bps;
};

struct stc_query_coll {
    struct stc_group_shape shape;
    struct stc_coll_force force;
    enum stc_coll coll;
    double bytes;
};

enum { STC_QUERY_FWD_AND_BWD = 1 }; /* struct stc_query.both */

struct stc_query {
    enum stc_qkind kind;
    struct stc_query_said said;
    struct stc_bind_seen seen;
    /* resolved */
    const struct stc_gpu *gpu;
    int both; /* attention: forward and backward, added */
    union {
        struct stc_gemm_q gemm;
        struct stc_attn_q attn;
        struct stc_grouped_q grouped;
        struct stc_moe_q moe;
        struct stc_mem_q mem;
        struct stc_copy_q copy;
        struct stc_query_coll coll;
        struct {
            int64_t n;
            bool graph;
        } launch;
    } q;
};

struct stc_query_answer {
    double seconds, lo90_s, hi90_s;
    double plain_s; /* physics × efficiency, without the residual */
    double sigma_log;
    enum stc_tier tier;
    enum stc_family family;
    struct stc_est est;       /* all kinds but collectives */
    struct stc_coll_est coll; /* collectives */
};

void stc_query_init(struct stc_query *q, enum stc_qkind kind);
/* A failure leaves the query untouched. */
STC_MUST_USE enum stc_err stc_query_set(struct stc_query *q, const char *key,
                                        const char *value, struct stc_diag *diag);
/* Looks names up and checks. */
STC_MUST_USE enum stc_err stc_query_resolve(struct stc_query *q,
                                            const struct stc_hw *hw,
                                            struct stc_diag *diag);
/* Of a resolved query. */
void stc_query_time(const struct stc_query *q, const struct stc_run_params *p,
                    struct stc_query_answer *out);
/* "gemm gpu=H100-SXM5-80GB m=4096 ...": the keys that were set. */
void stc_query_write(const struct stc_query *q, struct stc_text *out);

#endif
