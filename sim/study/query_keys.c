/* query_keys.c - the keys of each kind of question: one row a key. */
#include "sim/study/query_int.h"

static const char *const names_layout[] = {"tn", "nn", "nt", NULL};
static const char *const names_regime[] = {"burst", "in-situ", NULL};
static const char *const names_phase[] = {"fwd", "bwd", "decode", "fwd+bwd", NULL};
static const char *const names_impl[] = {[STC_ATTN_FLASH] = "flash",
                                         [STC_ATTN_FLASH2] = "flash2",
                                         [STC_ATTN_FLASH1] = "flash1",
                                         [STC_ATTN_UNFUSED] = "unfused",
                                         NULL};
static const char *const names_direction[] = {"h2d", "d2h", NULL};
static const char *const names_pass[] = {
#define ROW(id, name) name,
    STC_MEMK_MAP(ROW)
#undef ROW
        NULL};
static const char *const names_norm[] = {
#define ROW(id, name) name,
    STC_NORM_MAP(ROW)
#undef ROW
        NULL};

#define MUST STC_BIND_REQUIRED
/* clang-format off: one row a key */
#define NAME(key_, flags_, def_, help_)                         \
 {                                                              \
  STC_BIND_FIELD("", #key_, NAME, struct stc_query_said, key_), \
      .flags = flags_, .def = def_, .help = help_               \
 }
#define COUNT(key_, flags_, def_, lo_, help_)                                      \
 {                                                                                 \
  STC_BIND_FIELD("", #key_, I64, struct stc_query_said, key_),                     \
      .dim = STC_DIM_COUNT, .flags = flags_, .def = def_, .min = lo_, .max = 1e12, \
      .help = help_                                                                \
 }
#define SMALL(key_, flags_, def_, lo_, help_)                             \
 {                                                                        \
  STC_BIND_FIELD("", #key_, INT, struct stc_query_said, key_),            \
      .flags = flags_, .def = def_, .min = lo_, .max = 1e7, .help = help_ \
 }
#define YES(key_, def_, help_)                                                \
 {                                                                            \
  STC_BIND_FIELD("", #key_, BOOL, struct stc_query_said, key_), .def = def_,  \
                                                                .help = help_ \
 }
#define PICK(key_, names_, def_, help_)                         \
 {                                                              \
  STC_BIND_FIELD("", #key_, ENUM, struct stc_query_said, key_), \
      .def = def_, .names = names_, .help = help_               \
 }
#define REAL(key_, member_, dim_, flags_, def_, hi_, help_)                      \
 {                                                                               \
  STC_BIND_FIELD("", key_, REAL, struct stc_query_said, member_),                \
      .dim = STC_DIM_##dim_, .flags = flags_, .def = def_, .min = 0, .max = hi_, \
      .help = help_                                                              \
 }

#define GPU NAME(gpu, MUST, NULL, "GPU, as in stepcast list gpus")
#define DTYPE                                                                     \
 NAME(dtype, 0, "bf16",                                                           \
      "number format: bf16, fp16, tf32, fp32, fp8, fp8-blockwise, mxfp8, nvfp4, " \
      "int8_wo, ...")
#define REGIME                       \
 PICK(regime, names_regime, "burst", \
      "burst: a short, warm run; in-situ: inside a long training loop")
#define LAYOUT                    \
 PICK(layout, names_layout, "tn", \
      "tn: forward of a linear; nn: its data gradient; nt: its weight gradient")

static const struct stc_bind_row gemm_rows[] = {
    GPU,
    COUNT(m, MUST, NULL, 1, "rows of the result (tokens)"),
    COUNT(n, MUST, NULL, 1, "columns of the result (outputs)"),
    COUNT(k, MUST, NULL, 1, "inner dimension (inputs)"),
    COUNT(batch, 0, "1", 1, "products of that shape in one launch"),
    DTYPE,
    LAYOUT,
    REGIME,
    YES(accumulate, "no", "the result is added to in fp32 (fused weight gradient)"),
};

static const struct stc_bind_row attention_rows[] = {
    GPU,
    PICK(phase, names_phase, "fwd", "which pass"),
    COUNT(batch, 0, "1", 1, "sequences"),
    COUNT(q_len, 0, "0", 0, "queries of a sequence; 0: kv_len (decode: 1)"),
    COUNT(kv_len, MUST, NULL, 1, "keys of a sequence"),
    COUNT(heads, MUST, NULL, 1, "query heads"),
    COUNT(kv_heads, 0, "0", 0, "key/value heads; 0: heads"),
    COUNT(head_dim, 0, "128", 1, "width of a head"),
    COUNT(head_dim_v, 0, "0", 0, "width of a value head; 0: head_dim"),
    COUNT(window, 0, "0", 0, "sliding window in tokens; 0: none"),
    YES(causal, "yes", "a token sees only those before it"),
    PICK(impl, names_impl, "flash",
         "flash: the best fused kernel; flash2, flash1: FlashAttention-2, -1; unfused"),
    DTYPE,
    NAME(kv_dtype, 0, "", "number format of the cache; empty: dtype"),
    REGIME,
};

static const struct stc_bind_row grouped_rows[] = {
    GPU,
    COUNT(m, MUST, NULL, 1, "rows of all groups together"),
    COUNT(n, MUST, NULL, 1, "columns of each product"),
    COUNT(k, MUST, NULL, 1, "inner dimension"),
    COUNT(groups, MUST, NULL, 1, "products (local experts)"),
    REAL("imbalance", imbalance, NONE, 0, "1", 1e6, "busiest group over the mean"),
    DTYPE,
    LAYOUT,
    REGIME,
};

static const struct stc_bind_row moe_rows[] = {
    GPU,
    COUNT(tokens, MUST, NULL, 1, "tokens routed over the whole expert group"),
    COUNT(hidden, MUST, NULL, 1, "width of the model"),
    COUNT(ffn, MUST, NULL, 1, "width of one expert"),
    COUNT(topk, MUST, NULL, 1, "experts a token goes to"),
    COUNT(experts, MUST, NULL, 1, "experts of the layer"),
    COUNT(moe_tp, 0, "1", 1, "ranks that cut each expert"),
    COUNT(moe_ep, 0, "1", 1, "ranks that share the experts"),
    REAL("alpha", alpha, NONE, 0, "0", 10,
         "power law of the experts' popularity; 0: balanced"),
    YES(gated, "yes", "three matrices an expert (SwiGLU), else two"),
    DTYPE,
    REGIME,
};

static const struct stc_bind_row membound_rows[] = {
    GPU,
    PICK(pass, names_pass, "elementwise", "kind of kernel"),
    REAL("read", read_bytes, BYTES, 0, "0B", 1e15, "bytes read"),
    REAL("write", write_bytes, BYTES, 0, "0B", 1e15, "bytes written"),
    COUNT(launches, 0, "1", 1, "kernels it is cut into"),
    YES(l2_resident, "no", "its input was just written and fits the L2"),
    PICK(norm, names_norm, "any", "whose kernel, of norm_fwd and norm_bwd with rows"),
    COUNT(rows, 0, "0", 0, "rows that a norm is taken of, one by one"),
    COUNT(cols, 0, "0", 0, "elements of such a row"),
    REGIME,
};

static const struct stc_bind_row collective_rows[] = {
    NAME(collective, MUST, NULL,
         "all-reduce, all-gather, reduce-scatter, all-to-all, broadcast, reduce, "
         "send-recv, barrier"),
    GPU,
    NAME(node, 0, "",
         "machine, as in stepcast list nodes; empty: the usual one of that GPU"),
    SMALL(ranks, MUST, NULL, 1, "GPUs that take part"),
    SMALL(nodes, 0, "0", 0,
          "nodes (NVLink domains) they spread over; 0: as few as can be"),
    SMALL(gpus_per_node, 0, "0", 0, "GPUs of a node; 0: as the machine has"),
    REAL("bytes", bytes, BYTES, MUST, NULL, 1e15, "size as nccl-tests counts it"),
    NAME(fabric, 0, "",
         "network between nodes: a name of stepcast list fabrics, or ib, roce, efa, "
         "..."),
    SMALL(nics, 0, "0", 0, "NICs of a node; 0: as the machine has"),
    REAL("nic_bw", nic_Bps, BPS, 0, "0Gbps", 1e13,
         "rate of one NIC; 0: as the machine has"),
    NAME(library, 0, "nccl", "nccl, trtllm, vllm, vllm-eager"),
    NAME(algo, 0, "", "as NCCL_ALGO; empty: NCCL's choice"),
    NAME(proto, 0, "", "as NCCL_PROTO; empty: NCCL's choice"),
    SMALL(min_ctas, 0, "0", 0, "as NCCL_MIN_CTAS; 0: NCCL's own"),
    SMALL(max_ctas, 0, "0", 0, "as NCCL_MAX_CTAS; 0: NCCL's own"),
    YES(p2p, "yes",
        "GPUs of a node reach each other's memory (NCCL_P2P_DISABLE=1: no)"),
    YES(sharp, "no", "as NCCL_COLLNET_ENABLE, where the switches can"),
};

static const struct stc_bind_row copy_rows[] = {
    GPU,
    REAL("bytes", bytes, BYTES, MUST, NULL, 1e15, "bytes copied"),
    PICK(direction, names_direction, "h2d", "host to device or back"),
    YES(pinned, "yes", "page-locked host memory"),
};

static const struct stc_bind_row launch_rows[] = {
    GPU,
    COUNT(launches, 0, "1", 1, "kernels put on one stream"),
    YES(graph, "no", "inside a CUDA graph"),
};
/* clang-format on */

#define TABLE(name_)                                                        \
 {                                                                          \
  .what = #name_, .rows = name_##_rows, .n_rows = STC_N_ELEM(name_##_rows), \
  .struct_size = sizeof(struct stc_query_said)                              \
 }

const struct stc_bind_table stc_query_tables[STC_QUERY_COUNT] = {
    [STC_QUERY_GEMM] = TABLE(gemm),         [STC_QUERY_ATTENTION] = TABLE(attention),
    [STC_QUERY_GROUPED] = TABLE(grouped),   [STC_QUERY_MOE] = TABLE(moe),
    [STC_QUERY_MEMBOUND] = TABLE(membound), [STC_QUERY_COLLECTIVE] = TABLE(collective),
    [STC_QUERY_COPY] = TABLE(copy),         [STC_QUERY_LAUNCH] = TABLE(launch),
};
