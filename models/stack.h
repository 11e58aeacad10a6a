/*
 * stack.h - what a training framework of a given age does with a model: data,
 * not branches.
 *
 * THEORY. A stack selects and sizes; it never multiplies kernel or collective
 * seconds (a kernel's time is the hardware's and the kernel family's). It says
 * which operators are fused away, which collectives run beside compute, how
 * gradients are bucketed, what is kept in which precision, what the framework
 * itself occupies. At most four numbers a stack are fitted: host seconds per
 * launch, host seconds per step, framework bytes, allocator slack.
 *
 * SOURCES. Each field's reason is the comment beside it in models/stacks/NAME.yaml.
 */
#ifndef STC_MODELS_STACK_H
#define STC_MODELS_STACK_H

#include "models/op.h"
#include "sim/base/err.h"
#include <stddef.h>

enum { STC_STACK_MAX_FUSIONS = 32 };

struct stc_stack {
    char name[64];
    char framework[64];
    int32_t year_from, year_to;

    /* fusions: operators that cost no kernel of their own (their bytes vanish) */
    int32_t n_fused;
    uint8_t fused[STC_STACK_MAX_FUSIONS]; /* enum stc_op_id */
    int32_t bias_gelu_fused, masked_softmax_fused, unfused_dropout_mask_bytes;
    int32_t fused_xent;         /* cross-entropy without an fp32 copy of the logits */
    int32_t wgrad_accum_fused;  /* gradient accumulated inside the wgrad product */
    int32_t multi_tensor_optim; /* one fused optimizer kernel over buckets */
    int32_t
        masked_head_gather; /* BERT: only the masked tokens reach the vocabulary product */
    int32_t selective_blocks; /* selective recompute is of whole layers (fms-fsdp): 1 */
    int32_t
        selective_ops; /* selective recompute is per operator (torchtitan): every other product and the
                                    attention's output are kept, all else is recomputed; 2: the same, but
                                    of latent attention its up-projections alone (Megatron-Core's
                                    --recompute-modules mla_up_proj); 0: the attention core */
    int32_t
        elementwise_passes; /* extra HBM passes of eager element-wise code, 0: none */

    /* parallelism defaults when the scenario is silent */
    int32_t default_shard;        /* enum stc_sharding */
    int32_t default_seq_parallel; /* with tp > 1 */
    int32_t
        default_vp; /* interleaved when pp > 1: chunks a stage; 0: as many as layers allow; 1: no */
    int32_t default_recompute; /* enum stc_recompute */
    int32_t default_flash;
    int32_t default_dropout;
    int32_t
        balance_head; /* pipeline cut by cost: the last stage has fewer layers, the head counts for them */
    int32_t vocab_pad_multiple; /* padded to this times tp */

    /* overlap */
    int32_t overlap_grad_reduce;  /* gradient buckets beside the last backward */
    int32_t overlap_param_gather; /* zero-1 gathers beside the next forward */
    int32_t overlap_p2p;          /* pipeline send/recv beside compute */
    int32_t
        overlap_tp; /* tensor-parallel collectives: 0 in the way; 1 the backward's ride beside dgrad and
                                     wgrad; 2 also the forward's, cut into rings beside their products */
    int32_t
        overlap_moe; /* dispatch/combine beside another micro-batch's compute: 1 always, 2 where the
                                     expert group leaves its NVLink domain */
    int32_t
        p2p_scatter_gather; /* 1: activations cross nodes cut by tp, gathered inside (2104.04473 §4.1) */
    int32_t
        zero1_broadcast; /* parameters return by per-rank broadcasts, not one all-gather */
    int32_t
        reduce_whole_grads; /* zero-1 that all-reduces gradients instead of reduce-scatter: 1; 2: after the
                                    last backward, whatever others of the stack do */
    double bucket_bytes;     /* gradient bucket */
    int32_t prefetch_layers; /* FSDP units gathered ahead */
    int32_t
        moe_probs_in_act; /* a token's expert weights multiply the activation: the experts' outputs are not kept */
    int32_t moe_deepep;   /* a token once per destination node */
    int32_t
        moe_fused_mlp; /* block-scaled 8 and 4 bits: one grouped product of all experts, with activation
                                    and casts in its epilogue */
    int32_t
        attention_8bit; /* expert models trained in mxfp8: fused attention runs in 8 bits too */
    int32_t
        attention_kernel; /* of the fused attention: 0 the best of the generation (cuDNN, FlashAttention-3),
                                     1 FlashAttention-2, 2 FlashAttention-1 (CUDA or Triton) */
    int32_t
        reduce_every_micro; /* ZeRO-2/3, FSDP: gradients are scattered at every micro-batch, not only the last */

    /* what is kept in which precision: bytes a parameter */
    double param_bytes, grad_bytes, main_param_bytes,
        optim_state_bytes;     /* of 16-bit training */
    double grad_reduce_bytes;  /* a parameter on the wire */
    double param_gather_bytes; /* a parameter on the wire, zero-1 and FSDP */
    int32_t
        logits_bytes_compiled; /* the same when the loss is compiled; 0: no difference */
    int32_t
        logits_bytes; /* bytes a logit at the peak of 16-bit training: the copies that stand together */
    int32_t
        fp8_scales_at_hand; /* 8-bit scales come from the tensor at hand, which is read once more for them */
    int32_t
        fp8_saves_quantized; /* 8-bit training keeps the inputs of products in 8 bits */
    int32_t
        fp32_grads_by_dtype; /* bf16 gradients are also kept in fp32, unsharded; fp16 ones not (DeepSpeed) */
    int32_t
        fp32_grads_cast; /* a gradient is cast into a 32-bit copy of its own, then added to them */
    double
        step_bytes; /* a parameter this rank updates, only during the step: fp32 gradients, temporaries */
    int32_t
        n_reduce_buffers; /* gradient buckets held beside the gradients (pp 1: a pipeline reduces at its end) */
    int32_t
        grads_come_and_go; /* gradients are tensors made by the backward and freed by the step */
    int32_t
        pp_keeps_outputs; /* a stage's output stays allocated while its micro-batch is in flight */
    int32_t
        sp_keeps_gathered; /* gathered inputs of products are kept, not gathered again in the backward */
    int32_t
        pp_keeps_unsharded; /* FSDP under pp > 1: parameters stay gathered, gradients whole till the last micro */
    int32_t
        default_micro_per_stage; /* micro-batches a step when the micro-batch is unstated: this times pp; 0: no rule */
    int32_t fp8_weight_cache; /* fp8 copies of the weights are kept */

    /* host */
    int32_t
        offload_blocking; /* copies of offloaded states: in compute's way (1) or on streams of their own */
    int32_t
        offloads_activations; /* the framework can keep layers' activations on the host */
    int32_t
        launch_blocking; /* CUDA_LAUNCH_BLOCKING=1: the host waits for each kernel, so its time adds to the GPU's */
    /* launches and Python of as many, one after the other, for each parameter tensor:
     * of the optimizer's step with a 16-bit optimizer of whole tensors; with flat or
     * fp32 ones; of each pass that gathers and releases it (ZeRO-3) */
    int32_t step_tensor_launches, step_flat_launches, gather_tensor_launches;
    double profiled_s_per_launch; /* what torch.profiler with stacks, shapes and memory
                                   * adds to a launch */
    double host_s_per_launch;     /* fitted: CPU seconds to enqueue one kernel */
    double host_s_per_step;       /* fitted: data, logging, optimizer bookkeeping */
    int32_t
        default_cuda_graphs; /* 1: always, 2: where experts have a capacity, so that shapes stand */

    /* memory */
    double framework_bytes;      /* fitted: what the framework holds beside the model */
    double allocator_slack_frac; /* fitted: reserved / allocated - 1 */
    double context_bytes;        /* CUDA context and NCCL, seen by nvidia-smi */

    char nccl_version[16];
};

/* FITS. Where calib/data/stacks.yaml holds a fitted number of a stack, it stands
 * for the prior of models/stacks; a stack that is `like` another takes over what
 * the other's files say, not its fit. stc_stack_prior leaves fits out. */
enum { STC_STACK_FITTED = 4 };
extern const char
    *const stc_stack_fitted[STC_STACK_FITTED]; /* keys of stc_stack_keys */
enum stc_err stc_stack_prior(const char *name, struct stc_stack *out,
                             struct stc_diag *diag) STC_MUST_USE;

/* The stack of a name, or of (framework, year) as run tables name them, of
 * models/stacks with what a user laid over it; cat NULL: models/stacks. An entry
 * with `generations` is of those GPU generations alone and goes before one of all;
 * generation: as hw/gpu.h names it, NULL: entries of all. A user's stack that is
 * `like` a shipped one starts from it with its fit, and goes before the shipped. */
struct stc_cat;
enum stc_err stc_stack_find(const struct stc_cat *cat, const char *name,
                            struct stc_stack *out, struct stc_diag *diag) STC_MUST_USE;
enum { STC_STACK_NEWEST = 9999 }; /* as a year: the framework's newest entry */
enum stc_err stc_stack_for(const struct stc_cat *cat, const char *framework, int year,
                           const char *generation, struct stc_stack *out,
                           struct stc_diag *diag) STC_MUST_USE;
int stc_stack_catalogue_n(const struct stc_cat *cat);
/* Copies the i-th name; returns buf, NULL past the end. */
const char *stc_stack_catalogue_name(const struct stc_cat *cat, int i, char *buf,
                                     size_t size);
struct stc_bind_table;
const struct stc_bind_table *stc_stack_keys(void);
int stc_stack_fuses(const struct stc_stack *s, enum stc_op_id id);

#endif
