/*
 * validate_micro.c - tables of single kernels and collectives: each row is a
 * question to the cost model (truth/README.md, "micro/").
 *
 * Notes are not read, though a few hold a part of the question (a pinned NCCL_ALGO,
 * a trace's waits): such rows show what the columns alone say.
 */
#include "sim/study/validate_kinds.h"

#include <stdio.h>
#include <string.h>

static double as_us(const struct stc_query *q, double seconds)
{
    (void)q;
    return seconds * 1e6;
}

/* ==== cells that are no key as they stand ==== */

/* "power_law_1.2" or "balanced". */
static enum stc_err put_routing(const struct stc_vctx *c, const char *cell,
                                struct stc_query *q, struct stc_diag *diag)
{
    static const char power[] = "power_law_";
    (void)c;
    if (strncmp(cell, power, sizeof power - 1) != 0) return STC_OK;
    return stc_query_set(q, "alpha", cell + sizeof power - 1, diag);
}

/* "fwd", "bwd", "fwdbwd". */
static enum stc_err put_phase(const struct stc_vctx *c, const char *cell,
                              struct stc_query *q, struct stc_diag *diag)
{
    (void)c;
    return stc_query_set(q, "phase", strcmp(cell, "fwdbwd") == 0 ? "fwd+bwd" : cell,
                         diag);
}

/* "cuDNN 9.1", "PyTorch SDPA (flash)": PyTorch's is FlashAttention-2. */
static enum stc_err put_impl(const struct stc_vctx *c, const char *cell,
                             struct stc_query *q, struct stc_diag *diag)
{
    (void)c;
    return stc_query_set(q, "impl",
                         strncmp(cell, "PyTorch", 7) == 0 ? "flash2" : "flash", diag);
}

static enum stc_err put_flag(const struct stc_vctx *c, const char *cell,
                             struct stc_query *q, struct stc_diag *diag)
{
    (void)c;
    return stc_query_set(q, "causal", strcmp(cell, "1") == 0 ? "yes" : "no", diag);
}

/* Two shapes name their model, and with it what has no column: a head of 192 is
 * DeepSeek's latent attention, whose values are 128 wide (arXiv:2412.19437,
 * section 4.2); 64 heads of 64 over 8 are gpt-oss (its model card), of which
 * cudnn-frontend's benchmark times the windowed layers, at 1024 tokens. Our own rows
 * have columns for both. */
static enum stc_err put_head_dim(const struct stc_vctx *c, const char *cell,
                                 struct stc_query *q, struct stc_diag *diag)
{
    enum stc_err err = stc_query_set(q, "head_dim", cell, diag);
    if (err != STC_OK) return err;
    if (strcmp(cell, "192") == 0) return stc_query_set(q, "head_dim_v", "128", diag);
    if (strcmp(cell, "64") == 0 && strcmp(stc_vctx_cell(c, "heads"), "64") == 0 &&
        strcmp(stc_vctx_cell(c, "kv_heads"), "8") == 0)
        return stc_query_set(q, "window", "1024", diag);
    return STC_OK;
}

/* "IB NDR400", "EFA v2 (p5.48xlarge)", "none": the technology is its first word. */
static enum stc_err put_inter(const struct stc_vctx *c, const char *cell,
                              struct stc_query *q, struct stc_diag *diag)
{
    static const struct {
        const char *word, *fabric;
    } words[] = {{"EFA", "efa"},         {"RoCE", "roce"},
                 {"Omni", "opa"},        {"TCPX", "tcpx"},
                 {"Sling", "slingshot"}, {"Ethernet", "ethernet"},
                 {"Socket", "socket"},   {"IB", "ib"}};
    (void)c;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(cell, words[i].word))
            return stc_query_set(q, "fabric", words[i].fabric, diag);
    return STC_OK;
}

/* "0" stands for no network: the rate of a node's NICs does not matter then. */
static enum stc_err put_nics(const struct stc_vctx *c, const char *cell,
                             struct stc_query *q, struct stc_diag *diag)
{
    (void)c;
    return strcmp(cell, "0") == 0 ? STC_OK : stc_query_set(q, "nics", cell, diag);
}

static enum stc_err put_gbps(const struct stc_vctx *c, const char *cell,
                             struct stc_query *q, struct stc_diag *diag)
{
    char text[48];
    (void)c;
    if (strcmp(cell, "0") == 0) return STC_OK;
    snprintf(text, sizeof text, "%.30sGbps", cell);
    return stc_query_set(q, "nic_bw", text, diag);
}

static enum stc_err put_bytes(const struct stc_vctx *c, const char *cell,
                              struct stc_query *q, struct stc_diag *diag)
{
    char text[48];
    (void)c;
    snprintf(text, sizeof text, "%.40sB", cell);
    return stc_query_set(q, "bytes", text, diag);
}

/* ==== columns ==== */

#define COPY(column_, key_)          \
 {                                   \
  .column = (column_), .key = (key_) \
 }
#define CALL(column_, fn_)                                \
 {                                                        \
  .column = (column_), .conv = STC_VCONV_FN, .qfn = (fn_) \
 }

static const struct stc_vcol gemm_cols[] = {COPY("gpu", "gpu"), COPY("dtype", "dtype"),
                                            COPY("m", "m"), COPY("n", "n"),
                                            COPY("k", "k")};
static const struct stc_vcol prefill_cols[] = {
    COPY("gpu", "gpu"),           COPY("dtype", "dtype"),
    COPY("kv_dtype", "kv_dtype"), COPY("batch", "batch"),
    COPY("seq_len", "kv_len"),    COPY("heads", "heads"),
    COPY("kv_heads", "kv_heads"), COPY("head_dim", "head_dim")};
static const struct stc_vcol decode_cols[] = {
    COPY("gpu", "gpu"),           COPY("dtype", "dtype"),
    COPY("kv_dtype", "kv_dtype"), COPY("batch", "batch"),
    COPY("kv_len", "kv_len"),     COPY("heads", "heads"),
    COPY("kv_heads", "kv_heads"), COPY("head_dim", "head_dim")};
static const struct stc_vcol train_cols[] = {COPY("gpu", "gpu"),
                                             CALL("impl", put_impl),
                                             CALL("phase", put_phase),
                                             CALL("causal", put_flag),
                                             COPY("dtype", "dtype"),
                                             COPY("batch", "batch"),
                                             COPY("heads", "heads"),
                                             COPY("kv_heads", "kv_heads"),
                                             CALL("head_dim", put_head_dim),
                                             COPY("head_dim_v", "head_dim_v"),
                                             COPY("window", "window"),
                                             COPY("seqlen_q", "q_len"),
                                             COPY("seqlen_kv", "kv_len")};
static const struct stc_vcol moe_cols[] = {
    COPY("gpu", "gpu"),          COPY("dtype", "dtype"),    COPY("tokens", "tokens"),
    COPY("hidden", "hidden"),    COPY("expert_ffn", "ffn"), COPY("topk", "topk"),
    COPY("experts", "experts"),  COPY("moe_tp", "moe_tp"),  COPY("moe_ep", "moe_ep"),
    CALL("routing", put_routing)};
static const struct stc_vcol coll_cols[] = {COPY("gpu", "gpu"),
                                            COPY("library", "library"),
                                            COPY("collective", "collective"),
                                            COPY("gpus_per_node", "gpus_per_node"),
                                            COPY("nodes", "nodes"),
                                            COPY("ranks", "ranks"),
                                            CALL("inter", put_inter),
                                            CALL("nics_per_node", put_nics),
                                            CALL("nic_gbps", put_gbps),
                                            CALL("bytes", put_bytes)};

static const struct stc_vquantity time_us[] = {
    {.quantity = "time_us", .column = "time_us", .scale = 1, .qget = as_us}};

#define SIGNATURE(name_, ...) \
 static const char *const name_##_signature[] = {__VA_ARGS__, NULL}
#define GROUP(name_, ...) static const char *const name_##_group[] = {__VA_ARGS__, NULL}

SIGNATURE(gemm, "gpu", "dtype", "m", "n", "k", "time_us");
SIGNATURE(torch, "source", "gpu", "dtype", "m", "n", "k", "time_us");
SIGNATURE(prefill, "gpu", "kv_dtype", "seq_len", "kv_heads", "time_us");
SIGNATURE(decode, "gpu", "kv_dtype", "kv_len", "kv_heads", "time_us");
SIGNATURE(train, "gpu", "impl", "phase", "seqlen_q", "seqlen_kv", "time_us");
SIGNATURE(moe, "gpu", "expert_ffn", "moe_tp", "moe_ep", "routing", "time_us");
SIGNATURE(coll, "gpu", "library", "collective", "ranks", "bytes", "time_us");
GROUP(dtype, "gpu", "dtype");
GROUP(cache, "gpu", "kv_dtype");
GROUP(train, "gpu", "impl", "phase");
GROUP(coll, "gpu", "library", "nodes", "collective");

static const struct stc_vfixed in_situ[] = {{"regime", "in-situ"}, {NULL, NULL}};
static const struct stc_vfixed decode_phase[] = {{"phase", "decode"}, {NULL, NULL}};

#define KIND(title_, query_, sig_, cols_, group_)                                    \
 .title = (title_), .is_query = 1, .query = STC_QUERY_##query_,                      \
 .signature = sig_##_signature, .cols = cols_##_cols,                                \
 .n_cols = STC_N_ELEM(cols_##_cols), .group = group_##_group, .quantities = time_us, \
 .n_quantities = STC_N_ELEM(time_us)

const struct stc_vkind stc_vkind_gemm = {.name = "gemm",
                                         KIND("Product time", GEMM, gemm, gemm, dtype)};
const struct stc_vkind stc_vkind_gemm_torch = {
    .name = "gemm in a model",
    .fixed = in_situ,
    KIND("Product time", GEMM, torch, gemm, dtype)};
const struct stc_vkind stc_vkind_attention_prefill = {
    .name = "attention prefill",
    KIND("Attention time", ATTENTION, prefill, prefill, cache)};
const struct stc_vkind stc_vkind_attention_decode = {
    .name = "attention decode",
    .fixed = decode_phase,
    KIND("Attention time", ATTENTION, decode, decode, cache)};
const struct stc_vkind stc_vkind_attention_train = {
    .name = "attention training",
    KIND("Attention time", ATTENTION, train, train, train)};
const struct stc_vkind stc_vkind_moe = {.name = "expert products",
                                        KIND("Layer time", MOE, moe, moe, dtype)};
const struct stc_vkind stc_vkind_collectives = {
    .name = "collective", KIND("Collective time", COLLECTIVE, coll, coll, coll)};

/* ==== memory_bound.csv: rates of passes, copies and norms ==== */

/* GB/s of what crosses the memory or the link. */
static double as_rate(const struct stc_query *q, double seconds)
{
    double bytes = q->kind == STC_QUERY_COPY
                       ? q->q.copy.bytes
                       : q->q.mem.read_bytes + q->q.mem.write_bytes;
    return bytes / seconds * 1e-9;
}

static enum stc_err put_pass(struct stc_query *q, const char *pass, double read,
                             double write, struct stc_diag *diag)
{
    char text[40];
    enum stc_err err = stc_query_set(q, "pass", pass, diag);
    snprintf(text, sizeof text, "%.0fB", read);
    if (err == STC_OK) err = stc_query_set(q, "read", text, diag);
    snprintf(text, sizeof text, "%.0fB", write);
    return err == STC_OK ? stc_query_set(q, "write", text, diag) : err;
}

/* "rms_norm cudnn bwd": whose kernel. */
static enum stc_err put_whose(const char *test, struct stc_query *q,
                              struct stc_diag *diag)
{
    static const struct {
        const char *word, *norm;
    } whose[] = {
        {" cudnn ", "fused"}, {" pytorch ", "eager"}, {" torch_compile ", "compiled"}};
    for (size_t i = 0; i < STC_N_ELEM(whose); i++)
        if (strstr(test, whose[i].word))
            return stc_query_set(q, "norm", whose[i].norm, diag);
    return STC_OK;
}

static enum stc_err put_count(struct stc_query *q, const char *key, long long n,
                              struct stc_diag *diag)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", n);
    return stc_query_set(q, key, text, diag);
}

/* "rms_norm cudnn bwd" of "bfloat16 N=8192 C=128 name": forward reads and writes
 * the tensor, backward reads two and writes one. */
static enum stc_err put_norm(const char *test, const char *op, struct stc_query *q,
                             struct stc_diag *diag)
{
    long long n = 0, c = 0;
    const char *at = strstr(op, "N=");
    if (!at || sscanf(at, "N=%lld C=%lld", &n, &c) != 2 || n < 1 || c < 1)
        return stc_fail(diag, STC_ERR_PARSE, "op: \"%s\" has no N= and C=", op);
    double bytes = 2.0 * (double)n * (double)c;
    int back = strstr(test, " bwd") != NULL;
    enum stc_err err = put_pass(q, back ? "norm_bwd" : "norm_fwd",
                                back ? 2 * bytes : bytes, bytes, diag);
    if (err == STC_OK) err = put_whose(test, q, diag);
    if (err == STC_OK) err = put_count(q, "rows", n, diag);
    return err == STC_OK ? put_count(q, "cols", c, diag) : err;
}

/* BabelStream's arrays are 2^25 doubles (its README); the op says how many it
 * touches. */
static enum stc_err put_stream(const char *op, struct stc_query *q,
                               struct stc_diag *diag)
{
    const double array = 8.0 * 33554432.0;
    int reads = strcmp(op, "copy") == 0 || strcmp(op, "mul") == 0 ? 1 : 2;
    if (strcmp(op, "dot") == 0) return put_pass(q, "reduce", 2 * array, 0, diag);
    return put_pass(q, "copy", reads * array, array, diag);
}

static enum stc_err put_host_copy(const char *op, struct stc_query *q,
                                  struct stc_diag *diag)
{
    stc_query_init(q, STC_QUERY_COPY);
    enum stc_err err = stc_query_set(
        q, "direction", strcmp(op, "host_to_device") == 0 ? "h2d" : "d2h", diag);
    return err == STC_OK ? stc_query_set(q, "bytes", "512MiB", diag) : err;
}

static enum stc_err put_test(const struct stc_vctx *c, const char *cell,
                             struct stc_query *q, struct stc_diag *diag)
{
    const char *op = stc_vctx_cell(c, "op");
    if (strstr(cell, "_norm ")) return put_norm(cell, op, q, diag);
    if (strncmp(cell, "BabelStream", 11) == 0) return put_stream(op, q, diag);
    if (strcmp(op, "host_to_device") == 0 || strcmp(op, "device_to_host") == 0)
        return put_host_copy(op, q, diag);
    return stc_fail(diag, STC_ERR_UNKNOWN,
                    "test: %s %s is no operator of the cost model", cell, op);
}

static const struct stc_vcol memory_cols[] = {
    CALL("test", put_test), {.column = "op", .conv = STC_VCONV_FN}, COPY("gpu", "gpu")};
static const struct stc_vquantity memory_rate[] = {
    {.quantity = "bandwidth_GBps", .column = "value", .scale = 1, .qget = as_rate}};
SIGNATURE(memory, "gpu", "test", "op", "value");
GROUP(memory, "gpu", "test");

const struct stc_vkind stc_vkind_memory = {.name = "memory pass",
                                           .title = "Rate",
                                           .is_query = 1,
                                           .query = STC_QUERY_MEMBOUND,
                                           .signature = memory_signature,
                                           .cols = memory_cols,
                                           .n_cols = STC_N_ELEM(memory_cols),
                                           .group = memory_group,
                                           .quantities = memory_rate,
                                           .n_quantities = STC_N_ELEM(memory_rate)};
