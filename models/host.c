/* host.c - see host.h. */
#include "models/host.h"

#include "models/build_int.h"
#include "models/memory.h"

#include <string.h>

/* A rank's process and a loader's, resident. The first from the course's
 * notebooks (DeepSpeed 0.6.5, see_memory_usage, whose GB are 2^30): 19.55 GB in use with four ranks
 * and next to no states; a worker is an interpreter with the framework imported,
 * a tenth of that: an estimate. */
static const double process_bytes = 5.25e9, worker_bytes = 0.5e9;

static const char *const names[STC_HOST_COUNT] = {
#define STC_HOST_ROW(id, name) [STC_HOST_##id] = name,
    STC_HOST_KIND_MAP(STC_HOST_ROW)
#undef STC_HOST_ROW
};

const char *stc_host_name(enum stc_host_kind k)
{
    return (unsigned)k < STC_HOST_COUNT ? names[k] : "?";
}

double stc_host_sum(const struct stc_host_est *e)
{
    double sum = 0;
    for (int k = 0; k < STC_HOST_COUNT; k++)
        sum += e->bytes[k];
    return sum;
}

double stc_host_share(const struct stc_train *t)
{
    return t->offload > 0 ? t->offload_frac : 0;
}

int stc_host_params_away(const struct stc_build *b)
{
    return b->train->offload == 2 && b->layout->shard >= STC_SHARD_ZERO3;
}

double stc_build_trained_share(const struct stc_build *b)
{
    if (b->train->lora_rank <= 0 || !b->train->frozen) return 1;
    double share = 4.0 * b->train->lora_rank / b->model->hidden;
    return share < 1 ? share : 1;
}

int stc_host_layer_away(const struct stc_build *b, int32_t i, int32_t n)
{
    int32_t most = b->layout->pp == 1 ? n - 1 : n, want = b->train->offload_activations;
    return i < (want < most ? want : most);
}

/* fp32 numbers a parameter beside its master copy. */
static double n_states(const struct stc_build *b)
{
    static const double states[] = {[STC_OPT_ADAM] = 2,
                                    [STC_OPT_LAMB] = 2,
                                    [STC_OPT_ADAFACTOR] = 0.01,
                                    [STC_OPT_SGD] = 1};
    return states[b->train->optimizer];
}

double stc_host_state_bytes(const struct stc_build *b)
{
    return 4 + 4 * n_states(b);
}

double stc_host_update_bytes(const struct stc_build *b)
{
    double working = stc_build_elem_bytes(b) > 2 ? 0 : b->stack->param_bytes;
    return 4 + 2 * stc_host_state_bytes(b) + working;
}

/* A sample as the loader hands it over: token ids and their targets in 64 bits,
 * or an image in 32. */
static double sample_bytes(const struct stc_build *b)
{
    const struct stc_model *m = b->model;
    if (b->train->sample_bytes > 0) return b->train->sample_bytes;
    if (m->kind == STC_MODEL_VIT || m->kind == STC_MODEL_CNN)
        return 4.0 * (m->channels > 0 ? m->channels : 3) * m->image * m->image;
    return 16.0 * b->train->seq_len;
}

double stc_host_loader_s(const struct stc_build *b)
{
    double samples = (double)b->layout->micro_batch * b->layout->n_micro;
    return b->train->data_s_per_sample * samples;
}

static void loaders(const struct stc_build *b, struct stc_host_est *e)
{
    const struct stc_train *t = b->train;
    double batch = b->layout->micro_batch * sample_bytes(b);
    double ahead = t->data_workers > 0 ? (double)t->data_workers * t->data_prefetch : 1;
    e->bytes[STC_HOST_LOADER] = t->data_workers * worker_bytes + ahead * batch;
    e->bytes[STC_HOST_PINNED] += 2 * batch; /* the batch at hand and the next */
}

/* States that left the GPU. Buffers: gradients on their way out and parameters on
 * their way in, a bucket each, twice. */
static void states(const struct stc_build *b, int32_t stage, struct stc_host_est *e)
{
    const struct stc_layout *l = b->layout;
    double f = stc_host_share(b->train);
    if (f <= 0) return;
    struct stc_param_count n = stc_mem_stage_params(b, stage);
    int cut = l->shard >= STC_SHARD_ZERO1;
    double dense = n.dense / (cut ? stc_layout_axis_size(l, STC_AXIS_SHARD) : 1),
           expert = n.expert / (cut ? stc_layout_axis_size(l, STC_AXIS_EDP) : 1),
           owned = (dense + expert) * stc_build_trained_share(b) * f;
    double one = b->stack->bucket_bytes, all = owned * stc_build_elem_bytes(b);
    e->bytes[STC_HOST_PINNED] += 4 * (all < one ? all : one);
    *(b->train->offload_nvme ? &e->nvme_bytes : &e->bytes[STC_HOST_OPTIM]) +=
        owned * stc_host_state_bytes(b);
    e->bytes[STC_HOST_GRAD] += owned * 4;
    if (!stc_host_params_away(b)) return;
    double params = (dense + expert) * stc_build_elem_bytes(b);
    *(b->train->offload_nvme ? &e->nvme_bytes : &e->bytes[STC_HOST_PARAM]) += params;
}

static double act_bytes(const struct stc_build *b, int32_t stage)
{
    const struct stc_layout *l = b->layout;
    int32_t total = stc_model_pipeline_layers(b->model);
    double sum = 0;
    for (int32_t c = 0; c < l->vp; c++) {
        int32_t v = c * l->pp + stage, n = stc_layout_layers(l, total, v),
                first = stc_layout_first_layer(l, total, v);
        for (int32_t i = 0; i < n; i++) {
            if (!stc_host_layer_away(b, i, n)) continue;
            sum += stc_build_layer_recomputed(b, i, n)
                       ? stc_build_boundary_bytes(b)
                       : stc_mem_layer_act(b, first + i);
        }
    }
    return sum / l->vp * stc_mem_in_flight(l, stage);
}

void stc_host_estimate(const struct stc_build *b, int32_t stage, int loads,
                       struct stc_host_est *out)
{
    memset(out, 0, sizeof *out);
    out->bytes[STC_HOST_PROCESS] = process_bytes;
    if (loads) loaders(b, out);
    states(b, stage, out);
    if (b->train->offload_activations > 0)
        out->bytes[STC_HOST_ACT] = act_bytes(b, stage);
}
