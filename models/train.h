/*
 * train.h - the training job: what every rank of any layout is asked to do.
 *
 * UNITS. Samples and tokens are counts; dtypes are enum stc_dtype.
 */
#ifndef STC_MODELS_TRAIN_H
#define STC_MODELS_TRAIN_H

#include "sim/base/dtype.h"
#include <stdint.h>

enum stc_optimizer { STC_OPT_ADAM, STC_OPT_LAMB, STC_OPT_ADAFACTOR, STC_OPT_SGD };

struct stc_train {
    int32_t seq_len;      /* tokens a sample (encoder side of an encoder-decoder) */
    int32_t dec_seq_len;  /* decoder side; 0: seq_len */
    int32_t global_batch; /* samples a step */
    int32_t precision;    /* enum stc_dtype: what the big products run in */
    int32_t optimizer;    /* enum stc_optimizer */
    int32_t flash;        /* 1: fused attention, 0: scores in memory */
    int32_t async_tp;     /* tensor-parallel collectives ride beside their products */
    int32_t compile;      /* torch.compile: element-wise operators fused */
    int32_t cuda_graphs;
    int32_t dropout;          /* 1: dropout layers are there */
    int32_t routing_balanced; /* experts: 1 forced balance, 0 learned */
    int32_t fp16_loss_scaling;
    int32_t lora_rank;    /* 0: all weights train */
    int32_t frozen;       /* 1: with lora_rank: base weights frozen */
    int32_t offload;      /* 0 none, 1 optimizer to CPU, 2 optimizer and parameters */
    int32_t offload_nvme; /* 1: what is offloaded rests on local disks */
    int32_t
        offload_activations; /* layers of a stage whose activations wait on the host */
    int32_t
        offload_delayed; /* the host updates beside the next step (2101.06840 section 5.2) */
    double offload_frac; /* share of the optimizer's states that goes */
    double
        conv_workspace_bytes; /* the GPU's: what its library takes for convolutions */
    double
        data_s_per_sample; /* processor seconds of one loader for a sample; 0: none */
    double sample_bytes;   /* of a sample as loaded; 0: from the model */
    int32_t data_workers;  /* loader processes a rank that loads; 0: the rank itself */
    int32_t profiler;      /* torch.profiler watches, with stacks, shapes and memory */
    int32_t data_prefetch; /* batches read ahead, each worker */
    double doc_len;        /* packed: mean tokens of a document; 0: one a sample */
    double doc_len_cv;     /* of their lengths: standard deviation over mean */
    double moe_alpha;      /* experts' popularity falls as rank^-alpha; 0: not asked */
    double moe_imbalance;  /* busiest rank's tokens / mean; 0: the stack's */
    double moe_capacity_factor; /* 0: dropless */
};

#endif
