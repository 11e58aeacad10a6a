/*
 * overlap.h - what communication and compute cost each other on one GPU.
 *
 * THEORY. A collective that runs beside a kernel takes three things from it:
 *   SMs    a NCCL channel is one thread block that keeps an SM busy while it
 *          waits; `sm_hold` is how much of the SM the kernel loses (a second
 *          block may still fit beside it). A persistent GEMM sized for all SMs
 *          loses at least what the missing SMs would have done;
 *   HBM    each byte on the wire is read and written in memory `hbm_per_wire`
 *          times; what a family needs of HBM decides how much it feels that
 *          (`feel_hbm`: 1 for memory-bound kernels, little for products);
 *   power  links and SMs that move data take from the same budget (`power`).
 * The kernel then progresses at
 *
 *     rate = (1 - sm_hold c / n_sm) (1 - feel_hbm u) (1 - power),
 *     u    = min(1, hbm_per_wire wire_Bps / mem_Bps)
 *
 * and the collective at 1 - slow_comm(family), because its loads queue behind
 * the kernel's. Copy-engine transfers hold no SM. Alone, both rates are 1.
 *
 * SOURCES of the priors. Rashidi et al., "Enabling Compute-Communication
 * Overlap in Distributed Deep Learning Training Platforms" (ISCA 2021): SMs and
 * memory bandwidth taken by collectives; Lee et al., "Characterizing
 * Compute-Communication Overlap in GPU-Accelerated Distributed Deep Learning"
 * (2025): products slow by 19 % in the mean, 40 % at most; Megatron-LM's advice
 * CUDA_DEVICE_MAX_CONNECTIONS=1 and fewer CTAs for the same reason. They are
 * priors: the overlap suite of kernels/cuda measures them on a machine.
 *
 * UNITS. Rates are shares in (0, 1]. OWNERSHIP. Plain values. COST. ~10 ns.
 */
#ifndef STC_KERNELS_OVERLAP_H
#define STC_KERNELS_OVERLAP_H

#include "hw/gpu.h"
#include "kernels/coll.h"
#include "kernels/cost.h"

struct stc_overlap_gen {
    double sm_hold;      /* share of an SM that one channel takes from a kernel */
    double hbm_per_wire; /* HBM bytes moved for each byte that leaves the port */
    double power;        /* clock lost to the power budget while both run */
};

struct stc_overlap_family {
    double feel_hbm;  /* how much of the HBM share taken the kernel feels */
    double slow_comm; /* what the kernel takes from a collective beside it */
};

struct stc_overlap_params {
    struct stc_overlap_gen gen[STC_GEN_COUNT];
    struct stc_overlap_family family[STC_FAMILY_COUNT]; /* compute families are read */
    double min_rate; /* no kernel is stopped altogether */
};

/* A communication as its neighbour sees it. */
struct stc_overlap_comm {
    int n_channels;  /* SMs held; 0 for the copy engines */
    double wire_Bps; /* leaving the GPU on average while it runs */
};

/* The literature's figures; what any machine starts with. */
void stc_overlap_prior(struct stc_overlap_params *p);

/* From an estimate: its channels, and its bytes over its time. */
void stc_overlap_of_coll(const struct stc_coll_est *e, struct stc_overlap_comm *out);

/* At which a kernel of the family progresses beside the communication; NULL or
 * an idle one: 1. */
double stc_overlap_compute_rate(const struct stc_overlap_params *p,
                                const struct stc_gpu *gpu, enum stc_family family,
                                const struct stc_overlap_comm *comm);

/* At which the communication progresses beside a kernel of the family. */
double stc_overlap_comm_rate(const struct stc_overlap_params *p,
                             enum stc_family family);

#endif
