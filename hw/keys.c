#include "hw/keys.h"

#include "hw/fabric.h"
#include "hw/gpu.h"
#include "hw/node.h"

/* One peak of struct stc_gpu: an element of an array, which STC_BIND_FIELD
 * cannot name. */
#define PEAK(key_, math_, help_)                                                  \
 {                                                                                \
  .section = "peak", .key = key_, .type = STC_BIND_REAL,                          \
  .offset = offsetof(struct stc_gpu, peak_flop_per_s) + (math_) * sizeof(double), \
  .size = sizeof(double), .dim = STC_DIM_FLOP_PER_S, .max = 1e18, .help = help_   \
 }
#define GPU(section_, key_, type_, member_) \
 STC_BIND_FIELD(section_, key_, type_, struct stc_gpu, member_)
#define NODE(section_, key_, type_, member_) \
 STC_BIND_FIELD(section_, key_, type_, struct stc_hw_node, member_)
#define FABRIC(key_, type_, member_) \
 STC_BIND_FIELD("", key_, type_, struct stc_fabric, member_)

/* ENUM rows index into these; the order is that of the X maps. */
#define GEN_TEXT(id, text) text,
#define TEXT(id, text)     text,
static const char *const gen_names[] = {STC_GEN_MAP(GEN_TEXT) NULL};
static const char *const intra_names[] = {STC_INTRA_MAP(TEXT) NULL};
static const char *const tech_names[] = {STC_FABRIC_TECH_MAP(TEXT) NULL};
static const char *const shape_names[] = {STC_FABRIC_SHAPE_MAP(TEXT) NULL};
#undef TEXT
#undef GEN_TEXT

_Static_assert(sizeof(enum stc_gen) == sizeof(int), "ENUM rows store an int");
_Static_assert(sizeof(enum stc_intra) == sizeof(int), "ENUM rows store an int");
_Static_assert(sizeof(enum stc_fabric_tech) == sizeof(int), "ENUM rows store an int");
_Static_assert(sizeof(enum stc_fabric_shape) == sizeof(int), "ENUM rows store an int");

/* clang-format off */
static const struct stc_bind_row gpu_rows[] = {
    {GPU("", "maker", NAME, maker), .help = "who makes it"},
    {GPU("", "generation", ENUM, gen), .names = gen_names, .help = "architecture"},
    {GPU("peak", "fp64", REAL, fp64_flop_per_s), .dim = STC_DIM_FLOP_PER_S, .max = 1e18, .help = "dense peak, vector units"},
    PEAK("fp32", STC_MATH_FP32, "dense peak, vector units"),
    PEAK("tf32", STC_MATH_TF32, "dense peak, matrix units"),
    PEAK("fp16", STC_MATH_FP16, "dense peak of fp16 and bf16, matrix units"),
    PEAK("fp8", STC_MATH_FP8, "dense peak, matrix units"),
    PEAK("fp4", STC_MATH_FP4, "dense peak, matrix units"),
    PEAK("int8", STC_MATH_INT8, "dense peak, matrix units"),
    {GPU("", "bf16", BOOL, has_bf16), .def = "yes", .help = "the matrix units know bf16"},
    {GPU("", "sm", INT, n_sm), .min = 0, .max = 4096, .help = "multiprocessors (compute units)"},
    {GPU("", "clock", REAL, clock_hz), .dim = STC_DIM_HZ, .max = 1e10, .help = "boost clock that the peaks assume"},
    {GPU("memory", "bandwidth", REAL, mem_Bps), .dim = STC_DIM_BPS, .max = 1e15, .help = "HBM or GDDR"},
    {GPU("memory", "size", REAL, mem_bytes), .dim = STC_DIM_BYTES, .max = 1e14, .help = "total as nvidia-smi shows it"},
    {GPU("memory", "cuda", REAL, mem_cuda_bytes), .dim = STC_DIM_BYTES, .max = 1e14, .help = "total as a program sees it; 0: as size"},
    {GPU("", "l2", REAL, l2_bytes), .dim = STC_DIM_BYTES, .max = 1e11, .help = "last-level cache"},
    {GPU("", "smem", REAL, smem_bytes), .dim = STC_DIM_BYTES, .max = 1e9, .help = "shared memory of one SM"},
    {GPU("", "exp", REAL, exp_per_clock), .max = 1024, .def = "16", .help = "exponentials an SM and clock (special-function units)"},
    {GPU("", "tdp", REAL, tdp_w), .dim = STC_DIM_WATT, .max = 1e5, .help = "board power limit"},
    {GPU("nvlink", "bandwidth", REAL, nvlink_Bps), .dim = STC_DIM_BPS, .max = 1e14, .help = "all links, one direction"},
    {GPU("nvlink", "gen", INT, nvlink_gen), .min = 0, .max = 9, .help = "generation"},
    {GPU("nvlink", "links", INT, n_nvlinks), .min = 0, .max = 64, .help = "links per GPU"},
    {GPU("", "pcie", REAL, pcie_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "slot, one direction"},
    {GPU("", "conv_workspace", REAL, conv_workspace_bytes), .dim = STC_DIM_BYTES, .max = 1e11, .def = "80MiB", .help = "of the hungriest convolution that cuDNN chooses"},
    {GPU("", "c2c", REAL, c2c_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "NVLink-C2C to the CPU, one direction"},
    {GPU("", "source", NAME, source), .help = "where the row was read"},
};

static const struct stc_bind_row node_rows[] = {
    {NODE("", "gpu", NAME, gpu_name), .help = "GPU row"},
    {NODE("", "gpus", INT, n_gpus), .min = 1, .max = STC_NODE_MAX_GPUS, .def = "8", .help = "GPUs of a node"},
    {NODE("", "fabric", NAME, fabric_name), .help = "fabric of its reference cluster"},
    {NODE("", "intra", ENUM, intra), .names = intra_names, .def = "pcie", .help = "how GPUs of a node are joined"},
    {NODE("nvlink", "bandwidth", REAL, nvlink_Bps), .dim = STC_DIM_BPS, .max = 1e14, .help = "per GPU, one direction; 0: the GPU's"},
    {NODE("nvlink", "efficiency", REAL, nvlink_eff), .dim = STC_DIM_FRAC, .min = 0.01, .max = 1, .def = "0.9", .help = "share that a large copy reaches"},
    {NODE("nvlink", "latency", REAL, nvlink_latency_s), .dim = STC_DIM_SECONDS, .max = 1, .def = "1us", .help = "GPU to GPU"},
    {NODE("nvlink", "domain_nodes", INT, nvlink_domain_nodes), .min = 1, .max = 4096, .def = "1", .help = "nodes of one NVLink domain"},
    {NODE("nvlink", "nvls", BOOL, nvls), .def = "no", .help = "switches reduce in flight"},
    {NODE("pcie", "gpus_per_switch", INT, gpus_per_switch), .min = 1, .max = 16, .def = "1", .help = "GPUs behind a PCIe switch"},
    {NODE("pcie", "switches_per_socket", INT, switches_per_socket), .min = 1, .max = 16, .def = "4", .help = "switches (slots) of a socket"},
    {NODE("pcie", "bandwidth", REAL, pcie_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "a GPU's slot; 0: the GPU's"},
    {NODE("pcie", "efficiency", REAL, pcie_eff), .dim = STC_DIM_FRAC, .min = 0.01, .max = 1, .def = "0.83", .help = "share that a large copy reaches"},
    {NODE("pcie", "latency", REAL, pcie_latency_s), .dim = STC_DIM_SECONDS, .max = 1, .def = "1us", .help = "GPU to GPU or host"},
    {NODE("pcie", "switch_uplink", REAL, switch_up_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "switch to socket; 0: as one slot"},
    {NODE("pcie", "socket", REAL, socket_Bps), .dim = STC_DIM_BPS, .max = 1e13, .def = "40GB/s", .help = "between two sockets"},
    {NODE("pcie", "p2p", BOOL, pcie_p2p), .def = "yes", .help = "peer copies over PCIe"},
    {NODE("shm", "bandwidth", REAL, shm_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "staged in host memory, per GPU and direction; 0: 40 % of the slot"},
    {NODE("shm", "duplex", REAL, shm_duplex_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "both directions of a GPU together; 0: 1.4 times one"},
    {NODE("shm", "ring", REAL, shm_ring_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "what a ring's kernels get there, per GPU and direction; 0: half of duplex"},
    {NODE("shm", "latency", REAL, shm_latency_s), .dim = STC_DIM_SECONDS, .max = 1, .def = "15us", .help = "GPU to GPU"},
    {NODE("nic", "count", INT, n_nics), .min = 0, .max = 64, .def = "1", .help = "NICs of a node"},
    {NODE("nic", "bandwidth", REAL, nic_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "of one NIC, one direction"},
    {NODE("nic", "kind", NAME, nic_kind), .help = "product"},
    {NODE("nic", "on_switch", BOOL, nic_on_switch), .def = "no", .help = "beside the GPUs on their PCIe switch"},
    {NODE("host", "cores", INT, cpu_cores), .min = 0, .max = 100000, .help = "CPU cores"},
    {NODE("host", "thread", REAL, thread_speed), .min = 0.05, .max = 20, .def = "1", .help = "speed of one core running Python; 1: an EPYC of 2020"},
    {NODE("host", "timer", REAL, timer_cost), .min = 0.1, .max = 1000, .def = "1", .help = "cost of a profiler's event; 1: a clock that user code can read"},
    {NODE("host", "ram", REAL, ram_bytes), .dim = STC_DIM_BYTES, .max = 1e15, .help = "host memory"},
    {NODE("host", "ram_bandwidth", REAL, ram_Bps), .dim = STC_DIM_BPS, .max = 1e14, .help = "all sockets"},
    {NODE("nvme", "size", REAL, nvme_bytes), .dim = STC_DIM_BYTES, .max = 1e16, .help = "local disks"},
    {NODE("nvme", "read", REAL, nvme_read_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "all disks, sequential"},
    {NODE("nvme", "write", REAL, nvme_write_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "all disks, sequential"},
    {NODE("", "reference", BOOL, reference), .def = "no", .help = "the usual machine of its GPU"},
    {NODE("", "source", NAME, source), .help = "where the row was read"},
};

static const struct stc_bind_row fabric_rows[] = {
    {FABRIC("tech", ENUM, tech), .names = tech_names, .help = "technology"},
    {FABRIC("shape", ENUM, shape), .names = shape_names, .def = "fat-tree", .help = "topology"},
    {FABRIC("link", REAL, link_Bps), .dim = STC_DIM_BPS, .max = 1e13, .help = "line rate of a port, one direction"},
    {FABRIC("efficiency", REAL, efficiency), .dim = STC_DIM_FRAC, .min = 0.01, .max = 1, .def = "0.95", .help = "share that large messages reach"},
    {FABRIC("stream", REAL, stream_Bps), .dim = STC_DIM_BPS, .max = 1e13, .def = "0GB/s", .help = "most that one group's connections move out of a process (sockets: a CPU thread); 0: the port's rate"},
    {FABRIC("latency", REAL, base_latency_s), .dim = STC_DIM_SECONDS, .max = 1, .def = "2us", .help = "NIC to NIC over one switch"},
    {FABRIC("hop_latency", REAL, hop_latency_s), .dim = STC_DIM_SECONDS, .max = 1, .def = "200ns", .help = "each further switch"},
    {FABRIC("nodes_per_leaf", INT, nodes_per_leaf), .min = 1, .max = 100000, .def = "16", .help = "nodes of one leaf (rail-optimised: of one group of leaves)"},
    {FABRIC("leafs_per_pod", INT, leafs_per_pod), .min = 0, .max = 100000, .def = "0", .help = "leaves (leaf groups, routers) of a pod or group; 0: one pod"},
    {FABRIC("oversubscription", REAL, oversubscription), .min = 1, .max = 1000, .def = "1", .help = "ports below / links above, at the leaf"},
    {FABRIC("core_oversubscription", REAL, core_oversubscription), .min = 1, .max = 1000, .def = "1", .help = "the same at the pod"},
    {FABRIC("hashed_ecmp", BOOL, hashed_ecmp), .def = "no", .help = "flows pinned to one of the parallel links by a hash"},
    {FABRIC("gpudirect", BOOL, gpudirect), .def = "yes", .help = "NICs read GPU memory"},
    {FABRIC("sharp", BOOL, sharp), .def = "no", .help = "switches reduce in flight"},
    {FABRIC("source", NAME, source), .help = "where the row was read"},
};

static const char *const row_also[] = {"like", NULL};
static const char *const node_also[] = {"like", "links", NULL};
/* clang-format on */

const struct stc_bind_table stc_gpu_keys = {.what = "GPU",
                                            .rows = gpu_rows,
                                            .n_rows = STC_N_ELEM(gpu_rows),
                                            .struct_size = sizeof(struct stc_gpu),
                                            .also = row_also};
const struct stc_bind_table stc_hw_node_keys = {.what = "node",
                                                .rows = node_rows,
                                                .n_rows = STC_N_ELEM(node_rows),
                                                .struct_size =
                                                    sizeof(struct stc_hw_node),
                                                .also = node_also};
const struct stc_bind_table stc_fabric_keys = {.what = "fabric",
                                               .rows = fabric_rows,
                                               .n_rows = STC_N_ELEM(fabric_rows),
                                               .struct_size = sizeof(struct stc_fabric),
                                               .also = row_also};
