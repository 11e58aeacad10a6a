/*
 * validate_kinds.c - the kinds of tables that validate reads, as data.
 *
 * To add a kind: a table of columns, a table of quantities, a row in stc_vkinds.
 * A column that is not in the table does not exist for the forecast.
 */
#include "sim/study/validate_kinds.h"

#include "scenarios/catalogues.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_OF(a) ((int)(sizeof(a) / sizeof((a)[0])))

static enum stc_err set(struct stc_scenario *s, const char *key, const char *value,
                        struct stc_diag *diag)
{
    return stc_scenario_set(s, key, value, diag);
}

/* ==== training runs: truth/README.md, "training.csv" ==== */

/* The model's name gives what the columns leave out (attention, tied weights,
 * shared experts); a name that the catalogue lacks is only a label. */
static enum stc_err put_model(const struct stc_vctx *c, const char *cell,
                              struct stc_scenario *s, struct stc_diag *diag)
{
    struct stc_model m;
    struct stc_diag unused;
    (void)c;
    if (stc_model_find(stc_catalogues_models(s->catalogues), cell, &m, &unused) ==
        STC_OK)
        return set(s, "model.use", cell, diag);
    return set(s, "model.name", cell, diag);
}

/* The family's habits, unless the catalogue knows the model (column order:
 * model comes first). BLOOM's tuning runs are of its own architecture. */
static enum stc_err put_family(const struct stc_vctx *c, const char *cell,
                               struct stc_scenario *s, struct stc_diag *diag)
{
    if (strncmp(stc_vctx_cell(c, "model"), "BLOOM", 5) == 0) cell = "bloom";
    return set(s, "model.family", cell, diag);
}

/* In rows of expert models `ffn` is the width of one expert; the dense layers'
 * width is the catalogue's. */
static enum stc_err put_ffn(const struct stc_vctx *c, const char *cell,
                            struct stc_scenario *s, struct stc_diag *diag)
{
    return set(s, stc_vctx_cell(c, "experts")[0] ? "model.expert_ffn" : "model.ffn",
               cell, diag);
}

/* "The same figure in both places": one number for the first and last stage. */
static enum stc_err put_end_layers(const struct stc_vctx *c, const char *cell,
                                   struct stc_scenario *s, struct stc_diag *diag)
{
    (void)c;
    enum stc_err err = set(s, "layout.first_stage_extra", cell, diag);
    return err == STC_OK ? set(s, "layout.last_stage_extra", cell, diag) : err;
}

/* A printed vp that does not divide the layers (a typing error of a table)
 * becomes the nearest smaller one that does. */
static enum stc_err put_vp(const struct stc_vctx *c, const char *cell,
                           struct stc_scenario *s, struct stc_diag *diag)
{
    long layers = strtol(stc_vctx_cell(c, "layers"), NULL, 10),
         pp = strtol(stc_vctx_cell(c, "pp"), NULL, 10);
    long vp = strtol(cell, NULL, 10);
    char text[24];
    if (layers <= 0 || pp <= 1 || vp <= 1 || stc_vctx_cell(c, "end_stage_layers")[0] ||
        layers % pp != 0)
        return set(s, "layout.vp", cell, diag);
    while (vp > 1 && layers / pp % vp != 0)
        vp--;
    snprintf(text, sizeof text, "%ld", vp);
    return set(s, "layout.vp", text, diag);
}

/* A few rows leave the heads out: the catalogue's, else heads of about 128 that
 * tp divides. */
static enum stc_err put_heads(const struct stc_vctx *c, const char *cell,
                              struct stc_scenario *s, struct stc_diag *diag)
{
    char text[24];
    long hidden = strtol(stc_vctx_cell(c, "hidden"), NULL, 10),
         tp = strtol(stc_vctx_cell(c, "tp"), NULL, 10);
    if (cell[0]) return set(s, "model.heads", cell, diag);
    if (s->said.model_use[0]) return STC_OK;
    if (hidden <= 0 || hidden > 1000000)
        return STC_OK; /* resolving says what is missing */
    long best = 0;
    for (long h = tp > 0 ? tp : 1; h <= hidden; h += tp > 0 ? tp : 1)
        if (hidden % h == 0 && labs(128 * h - hidden) < labs(128 * best - hidden))
            best = h;
    if (best == 0) return STC_OK;
    snprintf(text, sizeof text, "%ld", best);
    return set(s, "model.heads", text, diag);
}

/* Rows of InternEvo's memory table leave it out: configs/7B_sft.py has
 * SEQ_LEN = 2048, and its throughput rows say the same. */
static enum stc_err put_seq_len(const struct stc_vctx *c, const char *cell,
                                struct stc_scenario *s, struct stc_diag *diag)
{
    if (!cell[0] && strcmp(stc_vctx_cell(c, "framework"), "InternEvo") == 0)
        cell = "2048";
    return cell[0] ? set(s, "train.seq_len", cell, diag) : STC_OK;
}

/* A job of unsaid size that divides its optimizer over its replicas (release tests
 * of Megatron-LM, on whole clusters): so many of them that a share is little, and no
 * more than the batch has micro-batches. Without sharding the size is of no matter
 * to memory. */
static enum stc_err put_gpus(const struct stc_vctx *c, const char *cell,
                             struct stc_scenario *s, struct stc_diag *diag)
{
    enum { MANY = 32 }; /* replicas: an inference, no published figure */
    static const char *const cut[] = {"tp", "pp", "cp"};
    const char *shard = stc_vctx_cell(c, "shard");
    long gpus = MANY, batch = strtol(stc_vctx_cell(c, "global_batch"), NULL, 10),
         micro = strtol(stc_vctx_cell(c, "micro_batch"), NULL, 10);
    char text[24];
    if (cell[0]) return set(s, "cluster.gpus", cell, diag);
    if (strncmp(shard, "zero", 4) != 0 || stc_vctx_cell(c, "dp")[0]) return STC_OK;
    while (gpus > 1 && batch > 0 && micro > 0 && gpus * micro > batch)
        gpus /= 2;
    for (int i = 0; i < 3; i++) {
        long n = strtol(stc_vctx_cell(c, cut[i]), NULL, 10);
        if (n > 1 && n < 100000) gpus *= n;
    }
    snprintf(text, sizeof text, "%ld", gpus);
    return set(s, "cluster.gpus", text, diag);
}

/* A container's release is part of the framework's name: "NAME 26.06". */
static enum stc_err put_release(const struct stc_vctx *c, const char *cell,
                                struct stc_scenario *s, struct stc_diag *diag)
{
    char text[96];
    snprintf(text, sizeof text, "%s %s", stc_vctx_cell(c, "framework"), cell);
    return set(s, "framework", text, diag);
}

static enum stc_err put_routing(const struct stc_vctx *c, const char *cell,
                                struct stc_scenario *s, struct stc_diag *diag)
{
    (void)c;
    if (strcmp(cell, "tokendrop") == 0)
        return set(s, "train.moe_capacity_factor", "1", diag);
    return set(s, "train.routing_balanced",
               strcmp(cell, "balanced") == 0 ? "yes" : "no", diag);
}

#define COPY(column_, key_)          \
 {                                   \
  .column = (column_), .key = (key_) \
 }
#define CALL(column_, fn_)                               \
 {                                                       \
  .column = (column_), .conv = STC_VCONV_FN, .fn = (fn_) \
 }

/* clang-format off: one row a line */
static const struct stc_vcol training_cols[] = {
    CALL("model", put_model),
    CALL("family", put_family),
    COPY("layers", "model.layers"),
    COPY("dec_layers", "model.dec_layers"),
    COPY("hidden", "model.hidden"),
    CALL("ffn", put_ffn),
    {.column = "heads", .conv = STC_VCONV_FN, .fn = put_heads, .when_empty = 1},
    COPY("kv_heads", "model.kv_heads"),
    COPY("head_dim", "model.head_dim"),
    COPY("mlp", "model.mlp"),
    COPY("vocab", "model.vocab"),
    COPY("experts", "model.experts"),
    COPY("topk", "model.topk"),
    COPY("dense_layers", "model.dense_layers"),
    COPY("shared_ffn", "model.shared_ffn"),
    {.column = "seq_len", .conv = STC_VCONV_FN, .fn = put_seq_len, .when_empty = 1},
    CALL("routing", put_routing),
    COPY("gpu", "cluster.gpu"),
    COPY("gpus_per_node", "cluster.gpus_per_node"),
    COPY("nvlink_domain", "cluster.nvlink_domain"),
    COPY("nics_per_node", "cluster.nics_per_node"),
    {.column = "nic_gbps", .key = "cluster.nic_bw", .suffix = "Gbps"},
    COPY("fabric", "cluster.fabric"),
    {.column = "gpus", .conv = STC_VCONV_FN, .fn = put_gpus, .when_empty = 1},
    COPY("tp", "layout.tp"),
    COPY("pp", "layout.pp"),
    CALL("vp", put_vp),
    COPY("cp", "layout.cp"),
    COPY("ep", "layout.ep"),
    COPY("dp", "layout.dp"),
    COPY("schedule", "layout.schedule"),
    CALL("end_stage_layers", put_end_layers),
    COPY("shard", "layout.shard"),
    COPY("shard_group", "layout.shard_group"),
    COPY("seq_parallel", "layout.seq_parallel"),
    COPY("micro_batch", "layout.micro_batch"),
    COPY("global_batch", "train.global_batch"),
    COPY("grad_accum", "layout.grad_accum"),
    COPY("recompute", "layout.recompute"),
    COPY("precision", "train.precision"),
    COPY(
        "flash_attn",
        "train.flash_attn"), /* empty: the stack's default, fused from 2023 on almost everywhere */
    COPY("comm_overlap", "train.comm_overlap"),
    COPY("async_tp", "train.async_tp"),
    COPY("compile", "train.compile"),
    COPY("framework", "framework"),
    CALL("release", put_release), /* after the framework's */
    COPY("year", "year"),
    COPY("mem_kind", "published.mem_kind"),
};

/* clang-format on */

static void get_step(const struct stc_result *r, int mem_kind, double *value,
                     double *lo90, double *hi90)
{
    (void)mem_kind;
    *value = r->step_s;
    *lo90 = r->lo90_s;
    *hi90 = r->hi90_s;
}

static void get_tokens(const struct stc_result *r, int mem_kind, double *value,
                       double *lo90, double *hi90)
{
    (void)mem_kind;
    *value = r->tokens_per_s_per_gpu;
    *lo90 =
        r->hi90_s > 0 ? r->tokens_per_s_per_gpu * r->step_s / r->hi90_s : (double)NAN;
    *hi90 =
        r->lo90_s > 0 ? r->tokens_per_s_per_gpu * r->step_s / r->lo90_s : (double)NAN;
}

static void get_mem(const struct stc_result *r, int mem_kind, double *value,
                    double *lo90, double *hi90)
{
    *value = r->peak_bytes[mem_kind];
    *lo90 = *hi90 = (double)NAN;
}

/* clang-format off */
#define GIB 1073741824.0
static const struct stc_vquantity training_quantities[] = {
    {.quantity = "step_time_s", .column = "step_time_s", .scale = 1, .get = get_step, .published = "published.step_time", .unit = "s"},
    {.quantity = "tokens_per_s_per_gpu", .column = "tokens_per_s_per_gpu", .scale = 1, .unless = "step_time_s", .get = get_tokens, .published = "published.tokens_per_s_per_gpu", .unit = ""},
    {.quantity = "peak_mem_bytes", .column = "peak_mem_gb", .scale = GIB, .is_mem = 1, .get = get_mem, .published = "published.peak_mem", .unit = "B"},
};

/* clang-format on */

static const char *const training_signature[] = {
    "gpu", "gpus", "layers", "hidden", "framework", "global_batch", NULL};
static const struct stc_vkind training = {.name = "training",
                                          .title = "Step time",
                                          .signature = training_signature,
                                          .cols = training_cols,
                                          .n_cols = N_OF(training_cols),
                                          .quantities = training_quantities,
                                          .n_quantities = N_OF(training_quantities)};

/* The first whose signature fits: the narrower before the wider. */
const struct stc_vkind *const stc_vkinds[] = {&training,
                                              &stc_vkind_course,
                                              &stc_vkind_gemm_torch,
                                              &stc_vkind_gemm,
                                              &stc_vkind_attention_prefill,
                                              &stc_vkind_attention_decode,
                                              &stc_vkind_attention_train,
                                              &stc_vkind_moe,
                                              &stc_vkind_collectives,
                                              &stc_vkind_memory,
                                              NULL};
