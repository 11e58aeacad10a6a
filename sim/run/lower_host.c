/*
 * lower_host.c - what a step does with the host's memory: states updated by the
 * processor, parameters and activations that wait there, data loaders.
 *
 * THEORY. Copies are WORK on a stream a direction, the processor's update on a
 * third, so they hide behind compute as far as their waits allow:
 *   gradients   leave bucket by bucket as they are reduced (ZeRO-Offload, Ren
 *               2101.06840 section 4.1); the update begins when all are there (the
 *               norm wants all) and returns parameters in tiles while it goes on;
 *   parameters  that rest on the host come before their gather (2104.07857);
 *   activations of a layer leave when its forward is done, and are back before its
 *               backward; at most STC_HOST_WINDOW layers are on their way.
 * The GPUs of a node share its memory: the update of one runs at a share of the
 * node's rate, a copy at the least of its link, its share of a PCIe switch's
 * uplink and of the memory.
 */
#include "models/build_int.h"
#include "models/host.h"
#include "sim/run/lower_int.h"

/* Share of a host's memory bandwidth that an update reaches. DeepSpeed's CPU Adam
 * updates 10 billion parameters in 2.6 s on a DGX-2 (2101.06840, table 4): at 30
 * bytes a parameter 115 of the two sockets' 200 GB/s. */
static const double update_eff = 0.58;
enum { TILES = 8 };

static double ranks_on_node(const struct stc_low *w)
{
    int n = w->time.s->cluster.node.n_gpus, world = w->o->place->n_ranks;
    return n < world ? n : world;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static stc_tick copy_ticks(const struct stc_low *w, double bytes, enum stc_copy_dir dir)
{
    const struct stc_hw_node *n = &w->time.s->cluster.node;
    const struct stc_gpu *g = &w->time.s->cluster.gpu;
    struct stc_copy_q q = {.bytes = bytes, .dir = dir, .pinned = true};
    struct stc_est e;
    stc_cost_host_copy(w->time.p->cost, g, &q, &e);
    double limit = 1e30;
    if (n->ram_Bps > 0) limit = n->ram_Bps / ranks_on_node(w);
    if (g->c2c_Bps <= 0 && n->pcie_Bps > 0) {
        limit = least(limit, stc_hw_node_pcie_Bps(n));
        double share = least(n->gpus_per_switch, ranks_on_node(w));
        if (share > 1) limit = least(limit, n->switch_up_Bps * n->pcie_eff / share);
    }
    double s = bytes / limit;
    return stc_s_to_tick(s > e.seconds ? s : e.seconds);
}

static double nvme_s(const struct stc_low *w, double read_bytes, double write_bytes)
{
    const struct stc_hw_node *n = &w->time.s->cluster.node;
    double s = n->nvme_read_Bps > 0 ? read_bytes / n->nvme_read_Bps : 0;
    s += n->nvme_write_Bps > 0 ? write_bytes / n->nvme_write_Bps : 0;
    return s * ranks_on_node(w);
}

static struct stc_task *side_work(struct stc_low *w, enum stc_stream s, stc_tick ticks,
                                  enum stc_part part, const char *name)
{
    struct stc_task *t = stc_low_task(w, s, STC_TASK_WORK);
    if (!t) return NULL;
    struct stc_segment seg = {.item = w->item, .name = name};
    seg.part_ticks[part] = ticks;
    t->amount = ticks;
    t->cls = STC_WORK_HOST;
    t->tag = stc_low_segment(w, &seg);
    return t;
}

static uint32_t copy(struct stc_low *w, enum stc_copy_dir dir, double bytes,
                     uint32_t wait, uint32_t also)
{
    enum stc_stream s = dir == STC_COPY_D2H ? STC_STREAM_D2H : STC_STREAM_H2D;
    struct stc_task *t = side_work(w, s, copy_ticks(w, bytes, dir), STC_PART_OFFLOAD,
                                   dir == STC_COPY_D2H ? "to host" : "to GPU");
    if (wait) stc_low_wait(t, wait);
    if (also) stc_low_wait(t, also);
    return stc_low_mark(w, s);
}

/* ---- activations ---- */

void stc_low_away_begin(struct stc_low *w, const struct stc_chunk *c, int32_t k,
                        const uint32_t *out)
{
    (void)c;
    if (k >= STC_HOST_WINDOW && out[k - STC_HOST_WINDOW])
        stc_low_need(w, out[k - STC_HOST_WINDOW]);
}

uint32_t stc_low_away_end(struct stc_low *w, const struct stc_chunk *c, int32_t k)
{
    if (c->units[k].away_bytes <= 0) return 0;
    return copy(w, STC_COPY_D2H, c->units[k].away_bytes,
                stc_low_mark(w, STC_STREAM_COMPUTE), 0);
}

void stc_low_away_back(struct stc_low *w, const struct stc_chunk *c, int32_t k,
                       const uint32_t *compute)
{
    double bytes = c->units[c->n - 1 - k].away_bytes;
    if (bytes <= 0) return;
    uint32_t room = k >= STC_HOST_WINDOW ? compute[k - STC_HOST_WINDOW]
                                         : stc_rel(STC_STREAM_COMPUTE, 0);
    stc_low_need(w, copy(w, STC_COPY_H2D, bytes, room, stc_rel(STC_STREAM_D2H, 0)));
}

/* ---- states ---- */

static double owned_share(const struct stc_low *w, const struct stc_param_count *p)
{
    int cut = w->b.layout->shard != STC_SHARD_NONE;
    double dense = p->dense / (cut ? w->shape[STC_AXIS_SHARD].n_ranks : 1);
    return dense + p->expert / (cut ? w->shape[STC_AXIS_EDP].n_ranks : 1);
}

void stc_low_grads_out(struct stc_low *w, const struct stc_param_count *p,
                       uint32_t wait)
{
    double n =
        owned_share(w, p) * stc_host_share(w->b.train) * stc_build_trained_share(&w->b);
    if (n <= 0) return;
    uint32_t there = copy(w, STC_COPY_D2H, n * w->b.stack->grad_reduce_bytes, wait, 0);
    if (w->b.stack->offload_blocking) stc_low_need(w, there);
}

uint32_t stc_low_params_in(struct stc_low *w, const struct stc_param_count *p,
                           uint32_t wait)
{
    if (!stc_host_params_away(&w->b)) return 0;
    double bytes = owned_share(w, p) * stc_build_elem_bytes(&w->b);
    if (bytes <= 0) return 0;
    if (w->b.train->offload_nvme) { /* the disk first, then the copy behind it */
        struct stc_task *t =
            side_work(w, STC_STREAM_H2D, stc_s_to_tick(nvme_s(w, bytes, 0)),
                      STC_PART_OFFLOAD, "from disk");
        if (wait) stc_low_wait(t, wait);
        wait = 0;
    }
    return copy(w, STC_COPY_H2D, bytes, wait, 0);
}

static stc_tick update_ticks(const struct stc_low *w, double n)
{
    double rate = w->time.s->cluster.node.ram_Bps / ranks_on_node(w) * update_eff;
    double s = rate > 0 ? n * stc_host_update_bytes(&w->b) / rate : 0;
    if (w->b.train
            ->offload_nvme) { /* the disks' pass hides the processor's, or the other way round */
        double states = n * stc_host_state_bytes(&w->b),
               disk = nvme_s(w, states, states);
        s = disk > s ? disk : s;
    }
    return stc_s_to_tick(s);
}

/* The update in tiles, each on its way back as soon as it is done; `wait`: for the
 * gradients and their norm, 0 where they are the last step's. */
static uint32_t update(struct stc_low *w, double n_owned, uint32_t wait)
{
    double n = n_owned * stc_host_share(w->b.train) * stc_build_trained_share(&w->b);
    if (n <= 0) return 0;
    int tiles = w->b.stack->offload_blocking ? 1 : TILES,
        stay = stc_host_params_away(&w->b);
    for (int i = 0; i < tiles; i++) {
        struct stc_task *t = side_work(w, STC_STREAM_CPU, update_ticks(w, n / tiles),
                                       STC_PART_OFFLOAD, "update");
        if (wait) stc_low_wait(t, stc_low_mark(w, STC_STREAM_D2H));
        if (wait) stc_low_wait(t, wait);
        if (!stay)
            (void)copy(w, STC_COPY_H2D, n / tiles * stc_build_elem_bytes(&w->b),
                       stc_low_mark(w, STC_STREAM_CPU), 0);
    }
    return stc_low_mark(w, stay ? STC_STREAM_CPU : STC_STREAM_H2D);
}

/* One step late, the last step's update runs from this one's begin. */
void stc_low_host_begin(struct stc_low *w)
{
    struct stc_param_count all = {0, 0};
    if (!w->b.train->offload_delayed) return;
    for (int32_t c = 0; c < w->b.layout->vp; c++) {
        struct stc_param_count p = stc_low_chunk_params(w, c);
        all.dense += p.dense;
        all.expert += p.expert;
    }
    (void)update(w, owned_share(w, &all), 0);
}

void stc_low_host_update(struct stc_low *w, double n_owned)
{
    if (stc_host_share(w->b.train) <= 0) return;
    uint32_t there =
        w->b.train->offload_delayed
            ? stc_rel(stc_host_params_away(&w->b) ? STC_STREAM_CPU : STC_STREAM_H2D, 0)
            : update(w, n_owned, w->norm_mark);
    if (!there) return;
    stc_low_need(w, there);
    if (w->b.train->offload_delayed)
        stc_low_need(w,
                     stc_low_mark(w, STC_STREAM_D2H)); /* the next needs the buffers */
    stc_low_add(w, STC_PART_OFFLOAD, 0);
    stc_low_cut(w);
}

/* ---- pace ---- */

static double thread_speed(const struct stc_scenario *s)
{
    double speed = s->cluster.node.thread_speed;
    return speed > 0 ? speed : 1;
}

double stc_low_launch_s(const struct stc_scenario *s)
{
    double watched = s->train.profiler ? s->stack.profiled_s_per_launch : 0;
    return s->stack.host_s_per_launch / thread_speed(s) +
           watched * s->cluster.node.timer_cost;
}

double stc_low_step_s(const struct stc_scenario *s)
{
    return s->stack.host_s_per_step / thread_speed(s);
}

/* ---- data ---- */

/* Seconds of a step's samples: the loaders of a node share its cores. */
static double loader_s(const struct stc_low *w)
{
    const struct stc_layout *l = w->b.layout;
    double work = stc_host_loader_s(&w->b), workers = w->b.train->data_workers;
    double loading = ranks_on_node(w) / (l->tp * l->cp * l->pp),
           cores = w->time.s->cluster.node.cpu_cores;
    if (loading < 1) loading = 1;
    if (workers < 1) workers = 1;
    if (cores > 0 && workers * loading > cores) workers = cores / loading;
    return work / workers;
}

/* Loaders that read ahead prepare the next step's data during this one; others
 * begin when they are asked. */
void stc_low_loader_begin(struct stc_low *w)
{
    if (w->b.train->data_s_per_sample <= 0) return;
    stc_tick ticks = stc_s_to_tick(loader_s(w));
    if (w->b.train->data_workers == 0 || w->b.train->data_prefetch == 0)
        stc_low_add(w, STC_PART_HOST, ticks);
    else
        (void)side_work(w, STC_STREAM_LOADER, ticks, STC_PART_HOST, "data");
}

void stc_low_loader_end(struct stc_low *w)
{
    if (w->b.train->data_s_per_sample <= 0 || w->b.train->data_workers == 0 ||
        w->b.train->data_prefetch == 0)
        return;
    stc_low_need(w, stc_rel(STC_STREAM_LOADER, 0));
    stc_low_add(w, STC_PART_HOST, 0);
    stc_low_cut(w);
}
