/*
 * describe.h - what a cluster's own tools print of it, as a cluster of ours.
 *
 * THEORY. Each tool knows a part: `nvidia-smi topo -m` the links and which NIC
 * is near which GPU; `nvidia-smi -q -x` the product, memory and PCIe; `ibstat`
 * the rates of the NICs; `scontrol show node` nodes, cores and memory; NCCL's
 * topology XML nearly all of one node. Texts are added in any order and fill the
 * same struct. Then the catalogue's node that fits every known fact is named; if
 * there is none, GPU, counts and rates are said one by one. What no text told is
 * written down as such, never guessed silently.
 *
 * WHICH NICS. Where some NICs share a PCIe switch with a GPU (PIX, PXB), those
 * carry the traffic and the others are for storage or logins. Otherwise the
 * active ports of the highest rate count.
 *
 * OWNERSHIP. A plain value; zero-initialise with stc_describe_init.
 *
 * ERRORS. "NAME:LINE: ..." for texts of no known kind or damaged ones; the
 * struct is then as before.
 */
#ifndef STC_HW_DESCRIBE_H
#define STC_HW_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>

#include "hw/node.h"
#include "sim/base/err.h"

struct stc_hw;   /* hw/catalogue.h */
struct stc_text; /* sim/base/text.h */

enum { STC_DESC_NICS = 64 };

/* ORDER: nearer first. */
enum stc_rel {
    STC_REL_NONE,
    STC_REL_SELF,
    STC_REL_NV,
    STC_REL_PIX,
    STC_REL_PXB,
    STC_REL_PHB,
    STC_REL_NODE,
    STC_REL_SYS
};

struct stc_desc_nic {
    char name[32];     /* "mlx5_0", or "NIC0" while no legend said more */
    double Bps;        /* 0: not told */
    enum stc_rel near; /* to the nearest GPU; NONE: not told */
    bool ib, ethernet, efa, down;
    char kind[32]; /* "ConnectX-7" */
};

struct stc_describe {
    /* which texts were read */
    bool topo, smi, ib, slurm, nccl;
    /* the node */
    char product[96]; /* as the driver calls it */
    char driver[32], cuda[32];
    double gpu_mem_bytes, gpu_power_w;
    int n_gpus, n_gpus_told; /* in the matrix or XML; as "attached" said */
    bool mixed_gpus, mig;
    int pcie_gen, pcie_width;
    int n_links[STC_NODE_MAX_GPUS][STC_NODE_MAX_GPUS]; /* NVLinks of a pair */
    enum stc_rel rel[STC_NODE_MAX_GPUS][STC_NODE_MAX_GPUS];
    int links_per_gpu; /* to NVSwitches, by NCCL's XML; 0: not told */
    int n_sockets, cpu_cores;
    double ram_bytes;
    struct stc_desc_nic nic[STC_DESC_NICS];
    int n_nics;
    /* the cluster */
    int n_nodes, n_nodes_other; /* of this kind; with other GPUs */
};

void stc_describe_init(struct stc_describe *d);

/* Looks at the text and reads it as what it is. */
STC_MUST_USE enum stc_err stc_describe_add(struct stc_describe *d, const char *name,
                                           const char *text, size_t len,
                                           struct stc_diag *diag);

/* The section `cluster:` of a scenario, with comments. */
void stc_describe_yaml(const struct stc_describe *d, const struct stc_hw *hw,
                       struct stc_text *out);
/* A row for a user's catalogue of nodes (stc_hw_add_yaml reads it), for machines
 * that the catalogue does not have. */
void stc_describe_node_yaml(const struct stc_describe *d, const struct stc_hw *hw,
                            const char *row_name, struct stc_text *out);

/* ==== one kind of text each; private to hw/describe*.c ==== */

typedef enum stc_err stc_describe_fn(struct stc_describe *d, const char *name,
                                     const char *text, size_t len,
                                     struct stc_diag *diag);
stc_describe_fn stc_describe_topo, stc_describe_smi, stc_describe_nccl,
    stc_describe_ibstat, stc_describe_slurm;
/* The row of the GPU that the texts tell of, a user's too; NULL: there is none. */
const struct stc_gpu *stc_describe_gpu(const struct stc_describe *d,
                                       const struct stc_hw *hw);
/* A section `gpus:` with a row for a GPU that the catalogue lacks, as far as the texts
 * go, each line after margin; name gets what the row is called. */
void stc_describe_gpu_row(const struct stc_describe *d, const struct stc_hw *hw,
                          const char *margin, char *name, size_t size,
                          struct stc_text *out);
/* The NIC of that name, added when new; NULL: no room. */
struct stc_desc_nic *stc_describe_nic(struct stc_describe *d, const char *name);
/* The next line of a text, without colours and end, in buf; false at the end. */
bool stc_describe_line(const char **at, const char *end, char *buf, size_t size);

#endif
