/*
 * host.h - what one rank of a training job keeps in the machine's own memory.
 *
 * THEORY. Three things live there. The process itself: Python, the framework,
 * the driver's context. The data loaders: worker processes, each with batches
 * read ahead. And what the job moves out of the GPU: optimizer states and with
 * ZeRO-2 the gradients (ZeRO-Offload, Ren 2101.06840 section 3: of 16 bytes a
 * parameter the GPU keeps the 16-bit parameters, all else goes), with ZeRO-3 the
 * parameters too (ZeRO-Infinity, Rajbhandari 2104.07857), activations of some
 * layers between forward and backward (Transformer Engine's cpu offloading).
 * Copies run at the link's rate only from page-locked memory, so buffers for
 * what is on its way are pinned. With NVMe the states rest on disks and pass
 * through pinned buffers.
 *
 * UNITS. Bytes of one rank; parameters are counts.
 */
#ifndef STC_MODELS_HOST_H
#define STC_MODELS_HOST_H

#include "models/build.h"

#define STC_HOST_KIND_MAP(X)      \
 X(PROCESS, "processes")          \
 X(LOADER, "data_loaders")        \
 X(PARAM, "offloaded_parameters") \
 X(GRAD, "offloaded_gradients")   \
 X(OPTIM, "offloaded_optimizer")  \
 X(ACT, "offloaded_activations")  \
 X(PINNED, "pinned_buffers")

enum stc_host_kind {
#define STC_HOST_ROW(id, name) STC_HOST_##id,
    STC_HOST_KIND_MAP(STC_HOST_ROW)
#undef STC_HOST_ROW
        STC_HOST_COUNT
};
const char *stc_host_name(enum stc_host_kind k);

struct stc_host_est {
    double bytes[STC_HOST_COUNT];
    double nvme_bytes;
};

/* Of a rank of `stage`; `loads`: it has data loaders (one rank a replica has). */
void stc_host_estimate(const struct stc_build *b, int32_t stage, int loads,
                       struct stc_host_est *out);
double stc_host_sum(const struct stc_host_est *e);

/* Share of the optimizer's states that the host keeps and updates; 0: none. */
double stc_host_share(const struct stc_train *t);
/* Parameters rest on the host and visit the GPU unit by unit. */
int stc_host_params_away(const struct stc_build *b);
/* Of the parameters a share learns: 1 without adapters. */
double stc_build_trained_share(const struct stc_build *b);
/* True when the activations of layer i of a stage's n wait on the host. Where the
 * backward follows at once (no pipeline) the last layer's stay (Megatron-Core's
 * cpu_offloading_num_layers is at most the layers - 1). */
int stc_host_layer_away(const struct stc_build *b, int32_t i, int32_t n);
/* Layers whose activations may be on their way at a time: a layer's copy must be
 * done when the forward is two further. */
enum { STC_HOST_WINDOW = 2 };

/* The update on the processor: bytes through its memory for one parameter
 * (gradient, master copy and moments read; the last two and the working copy
 * written), and bytes that rest there. */
double stc_host_update_bytes(const struct stc_build *b);
double stc_host_state_bytes(const struct stc_build *b);

/* The loaders: processor seconds a step that one rank's loaders need together,
 * and how many work at it; 0 seconds: not asked about. */
double stc_host_loader_s(const struct stc_build *b);

#endif
