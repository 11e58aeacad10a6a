#include "models/stack.h"

#include "models/catalogue.h"

#include <stdio.h>
#include <string.h>

static const struct stc_cat shipped = {.folder = "models/stacks/"};

static const struct stc_cat *or_shipped(const struct stc_cat *c)
{
    return c ? c : &shipped;
}

/* ORDER: enums of layout.h. */
static const char *const shardings[] = {"none",  "zero1", "zero2",
                                        "zero3", "hsdp",  NULL};
static const char *const recomputes[] = {"none", "selective", "full", NULL};

#define I(member, help_)                                                             \
 {                                                                                   \
  STC_BIND_FIELD("", #member, INT, struct stc_stack, member), .min = 0, .max = 4096, \
                                                              .help = help_          \
 }
#define R(member, dim_, help_)                                    \
 {                                                                \
  STC_BIND_FIELD("", #member, REAL, struct stc_stack, member),    \
      .dim = STC_DIM_##dim_, .min = 0, .max = 1e12, .help = help_ \
 }

static const struct stc_bind_row rows[] = {
    I(bias_gelu_fused,
      "bias with activation, bias with dropout and add: one kernel each"),
    I(masked_softmax_fused, "scale, mask and softmax are one kernel"),
    I(unfused_dropout_mask_bytes, "bytes an element of a dropout mask"),
    I(fused_xent, "cross-entropy without an fp32 copy of the logits"),
    I(wgrad_accum_fused, "the weight-gradient product adds into the main gradient"),
    I(multi_tensor_optim, "optimizer kernels over many tensors"),
    I(masked_head_gather, "BERT: only masked tokens reach the vocabulary product"),
    I(selective_blocks, "selective recompute is of whole layers"),
    I(selective_ops, "selective recompute is per operator (1), of named modules (2)"),
    I(elementwise_passes, "extra HBM passes of eager element-wise code"),
    {STC_BIND_FIELD("", "default_shard", ENUM, struct stc_stack, default_shard),
     .names = shardings, .help = "sharding of states when unstated"},
    I(default_seq_parallel, "sequence parallel when tp > 1"),
    I(default_vp, "chunks a stage when pp > 1; 0: as many as divide the layers"),
    {STC_BIND_FIELD("", "default_recompute", ENUM, struct stc_stack, default_recompute),
     .names = recomputes, .help = "recompute when unstated"},
    I(default_flash, "fused attention when unstated"),
    I(default_dropout, "dropout layers are there"),
    I(balance_head, "the last stage has fewer layers for its head"),
    I(vocab_pad_multiple, "vocabulary padded to this times tp"),
    I(overlap_grad_reduce, "gradient buckets beside the last backward"),
    I(overlap_param_gather, "zero-1 gathers beside the next forward"),
    I(overlap_p2p, "pipeline transfers beside compute"),
    I(overlap_tp, "0 none, 1 the backward's, 2 also the forward's as rings"),
    I(overlap_moe,
      "expert exchange beside other compute; 2: where it leaves the NVLink domain"),
    I(p2p_scatter_gather, "activations cross nodes cut by tp"),
    I(zero1_broadcast, "parameters return by broadcasts"),
    I(reduce_whole_grads,
      "1: zero-1 all-reduces gradients; 2: after the last backward"),
    R(bucket_bytes, BYTES, "gradient bucket"),
    I(prefetch_layers, "FSDP units gathered ahead"),
    I(moe_probs_in_act, "expert weights multiply the activation, not the output"),
    I(moe_deepep, "a token travels once per destination node"),
    I(attention_8bit, "expert models in mxfp8: attention in 8 bits"),
    I(moe_fused_mlp,
      "grouped products with activation and casts inside (mxfp8, nvfp4)"),
    I(reduce_every_micro, "FSDP, ZeRO-2: gradients are scattered at every micro-batch"),
    I(attention_kernel,
      "0 the generation's best, 1 FlashAttention-2, 2 FlashAttention-1"),
    R(param_bytes, NONE, "bytes a parameter: working copy"),
    R(grad_bytes, NONE, "gradient"),
    R(main_param_bytes, NONE, "master copy"),
    R(optim_state_bytes, NONE, "both moments"),
    R(grad_reduce_bytes, NONE, "gradient on the wire"),
    R(param_gather_bytes, NONE, "gathered parameter on the wire"),
    R(step_bytes, NONE, "bytes a parameter only during the step"),
    I(n_reduce_buffers, "gradient buckets held beside the gradients"),
    I(grads_come_and_go, "gradients are made by the backward and freed by the step"),
    I(pp_keeps_outputs, "a stage's output stays allocated"),
    I(sp_keeps_gathered, "gathered inputs are kept"),
    I(logits_bytes_compiled, "bytes a logit at the peak, compiled loss"),
    I(pp_keeps_unsharded, "FSDP under a pipeline stays gathered"),
    I(default_micro_per_stage, "micro-batches a stage when unstated"),
    I(fp8_scales_at_hand, "8-bit scales come from the tensor at hand, read once more"),
    I(fp8_saves_quantized, "inputs of 8-bit products are kept in 8 bits"),
    I(fp32_grads_by_dtype, "bf16 gradients are also kept in fp32, unsharded"),
    I(fp32_grads_cast, "a gradient is cast into a 32-bit copy, then added to them"),
    I(fp8_weight_cache, "8-bit copies of the weights are kept"),
    I(logits_bytes, "bytes a logit at the peak, 16-bit training"),
    I(launch_blocking, "CUDA_LAUNCH_BLOCKING=1: launches are serial with kernels"),
    I(offload_blocking, "copies of offloaded states are in compute's way"),
    I(offloads_activations, "layers' activations can wait on the host"),
    I(step_tensor_launches, "launches a parameter tensor in a 16-bit optimizer's step"),
    I(step_flat_launches, "the same with flat or fp32 tensors"),
    I(gather_tensor_launches, "launches' worth of Python to gather a tensor (ZeRO-3)"),
    R(profiled_s_per_launch, SECONDS, "CPU time that a profiler adds to a launch"),
    R(host_s_per_launch, SECONDS, "CPU time to enqueue a kernel (fitted)"),
    R(host_s_per_step, SECONDS, "CPU time a step beside kernels (fitted)"),
    I(default_cuda_graphs, "CUDA graphs; 2: where experts have a capacity"),
    R(framework_bytes, BYTES, "what the framework holds (fitted)"),
    R(allocator_slack_frac, FRAC, "reserved / allocated - 1 (fitted)"),
    R(context_bytes, BYTES, "CUDA context and NCCL"),
    {STC_BIND_FIELD("", "nccl_version", NAME, struct stc_stack, nccl_version),
     .help = "NCCL of the time"},
};
static const char *const also[] = {"alias",       "like",  "frameworks", "years",
                                   "generations", "fused", "source",     NULL};
static const struct stc_bind_table table = {.what = "stack",
                                            .rows = rows,
                                            .n_rows = STC_N_ELEM(rows),
                                            .struct_size = sizeof(struct stc_stack),
                                            .also = also};

const struct stc_bind_table *stc_stack_keys(void)
{
    return &table;
}

static enum stc_err read_fused(const struct stc_node *list, struct stc_stack *s,
                               struct stc_diag *diag)
{
    s->n_fused = 0;
    for (const struct stc_node *c = list->first; c; c = c->next) {
        int id = stc_op_find(c->text);
        if (id < 0) {
            const char *names[STC_OP_COUNT];
            char near[128];
            for (int i = 0; i < STC_OP_COUNT; i++)
                names[i] = stc_op_name((enum stc_op_id)i);
            return stc_node_fail(
                c, diag, STC_ERR_UNKNOWN, "\"%s\" is no operator%s", c->text,
                stc_near_text(c->text, names, STC_OP_COUNT, near, sizeof near));
        }
        if (s->n_fused == STC_STACK_MAX_FUSIONS) {
            return stc_node_fail(c, diag, STC_ERR_RANGE, "more than %d fused operators",
                                 STC_STACK_MAX_FUSIONS);
        }
        s->fused[s->n_fused++] = (uint8_t)id;
    }
    return STC_OK;
}

/* Keys that are not plain: names, years, fused operators. */
static enum stc_err read_rest(const struct stc_node *map, struct stc_stack *s,
                              struct stc_diag *diag)
{
    const struct stc_node *years = stc_node_get(map, "years"),
                          *fused = stc_node_get(map, "fused");
    const struct stc_node *names = stc_node_get(map, "frameworks");
    if (names && names->first) {
        (void)snprintf(s->framework, sizeof s->framework, "%s", names->first->text);
    }
    if (years) {
        int from = 0, to = 0;
        const struct stc_node *a = stc_node_at(years, 0), *b = stc_node_at(years, 1);
        if (!a || !b || stc_node_int(a, &from, diag) || stc_node_int(b, &to, diag) ||
            from < 1900 || to < from || to > STC_STACK_NEWEST) {
            return stc_node_fail(years, diag, STC_ERR_PARSE,
                                 "years are two numbers, [2021, 2022]");
        }
        s->year_from = from;
        s->year_to = to;
    }
    return fused ? read_fused(fused, s, diag) : STC_OK;
}

static enum stc_err rest_chain(struct stc_arena *a, const struct stc_cat_entry *e,
                               struct stc_stack *s, int depth, struct stc_diag *diag)
{
    const struct stc_node *map;
    struct stc_cat_entry base;
    bool has_base = false;
    enum stc_err err = stc_cat_parse(a, &shipped, e, &map, diag);
    if (!err && depth < 16)
        err = stc_cat_base(&shipped, e, map, &has_base, &base, diag);
    if (!err && has_base) err = rest_chain(a, &base, s, depth + 1, diag);
    return err ? err : read_rest(map, s, diag);
}

/* ==== fits ==== */

const char *const stc_stack_fitted[STC_STACK_FITTED] = {
    "host_s_per_launch", "host_s_per_step", "framework_bytes", "allocator_slack_frac"};
static const struct stc_cat fits = {.folder = "calib/data/stacks.yaml"};

static int is_fitted(const char *key)
{
    for (int i = 0; i < STC_STACK_FITTED; i++)
        if (strcmp(key, stc_stack_fitted[i]) == 0) return 1;
    return 0;
}

/* The file may hold nothing else of a stack: the rest is not fitted. */
static enum stc_err put_fit(struct stc_stack *s, struct stc_diag *diag)
{
    struct stc_cat_entry e;
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_node *map = NULL;
    struct stc_cat_walk walk = {.cat = &fits};
    enum stc_err err = STC_OK;
    while (stc_cat_next(&walk, &e)) {
        if (strcmp(e.name, s->name) != 0) continue;
        err = stc_cat_parse(&a, &fits, &e, &map, diag);
        for (const struct stc_node *n = err ? NULL : map->first; n && !err; n = n->next)
            err = is_fitted(n->key)
                      ? stc_bind_set(&table, s, n->key, n->text, NULL, &a, diag)
                      : stc_node_fail(n, diag, STC_ERR_UNKNOWN,
                                      "not a fitted number of a stack");
        break;
    }
    stc_arena_free(&a);
    return err;
}

static enum stc_err read_entry(const struct stc_cat_entry *e, struct stc_stack *out,
                               struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_stack s;
    memset(&s, 0, sizeof s);
    enum stc_err err = stc_cat_bind(&a, &shipped, e, &table, &s, diag);
    if (!err) {
        err = rest_chain(&a, e, &s, 0, diag);
    }
    if (!err) {
        (void)snprintf(s.name, sizeof s.name, "%s", e->name);
        *out = s;
    }
    stc_arena_free(&a);
    return err;
}

static enum stc_err read_fitted(const struct stc_cat_entry *e, struct stc_stack *out,
                                struct stc_diag *diag)
{
    struct stc_stack s;
    enum stc_err err = read_entry(e, &s, diag);
    if (!err) err = put_fit(&s, diag);
    if (!err) *out = s;
    return err;
}

/* ==== users' stacks ==== */

/* What no default can stand in for. */
static enum stc_err check_own(const struct stc_node *map, const struct stc_stack *s,
                              struct stc_diag *diag)
{
    if (s->param_bytes > 0 && s->grad_bytes > 0 && s->grad_reduce_bytes > 0)
        return STC_OK;
    return stc_node_fail(map, diag, STC_ERR_RANGE,
                         "a stack needs param_bytes, grad_bytes and grad_reduce_bytes "
                         "above 0; `like: NAME` starts from one that has them");
}

static enum stc_err read_own(struct stc_arena *a, const struct stc_cat *c,
                             const struct stc_cat_entry *e, int depth,
                             struct stc_stack *s, struct stc_diag *diag)
{
    const struct stc_node *map = c->own[e->own].map;
    struct stc_cat_entry base;
    bool has_base = false;
    enum stc_err err = stc_cat_base(c, e, map, &has_base, &base, diag);
    if (err) return err;
    if (has_base && depth > 16)
        return stc_node_fail(map, diag, STC_ERR_PARSE, "`like` goes round in a circle");
    if (has_base)
        err = base.own >= 0 ? read_own(a, c, &base, depth + 1, s, diag)
                            : read_fitted(&base, s, diag);
    if (!err) err = stc_bind_doc(&table, map, s, NULL, a, diag);
    if (!err) err = read_rest(map, s, diag);
    if (!err) err = check_own(map, s, diag);
    if (!err) (void)snprintf(s->name, sizeof s->name, "%s", e->name);
    return err;
}

static enum stc_err read_any(const struct stc_cat *c, const struct stc_cat_entry *e,
                             struct stc_stack *out, struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_stack s;
    if (e->own < 0) return read_fitted(e, out, diag);
    memset(&s, 0, sizeof s);
    enum stc_err err = read_own(&a, c, e, 0, &s, diag);
    if (!err) *out = s;
    stc_arena_free(&a);
    return err;
}

/* ==== finding ==== */

enum stc_err stc_stack_prior(const char *name, struct stc_stack *out,
                             struct stc_diag *diag)
{
    struct stc_cat_entry e;
    enum stc_err err = stc_cat_find(&shipped, "stack", name, &e, diag);
    return err ? err : read_entry(&e, out, diag);
}

enum stc_err stc_stack_find(const struct stc_cat *cat, const char *name,
                            struct stc_stack *out, struct stc_diag *diag)
{
    struct stc_cat_entry e;
    const struct stc_cat *c = or_shipped(cat);
    enum stc_err err = stc_cat_find(c, "stack", name, &e, diag);
    return err ? err : read_any(c, &e, out, diag);
}

static int lists(const struct stc_node *names, const char *name)
{
    for (const struct stc_node *c = names ? names->first : NULL; c; c = c->next)
        if (stc_cat_same_name(c->text, name)) return 1;
    return 0;
}

/* A run whose stack is sought. */
struct wanted {
    const struct stc_cat *cat;
    const char *framework, *generation; /* NULL: of no generation in particular */
    int year;
};

/* How far an entry is: the years between a run and its range; of equal ones a user's
 * goes before, then one of the run's generation alone. -1: another framework or
 * generation. */
static int distance(struct stc_arena *a, const struct stc_cat_entry *e,
                    const struct wanted *w)
{
    const struct stc_node *map;
    if (stc_cat_parse(a, w->cat, e, &map, NULL)) {
        return -1;
    }
    const struct stc_node *years = stc_node_get(map, "years"),
                          *only = stc_node_get(map, "generations");
    int from = 0, to = 0, mine = w->generation && lists(only, w->generation);
    const struct stc_node *lo = stc_node_at(years, 0), *hi = stc_node_at(years, 1);
    if (!lists(stc_node_get(map, "frameworks"), w->framework) || (only && !mine) ||
        !lo || !hi || stc_node_int(lo, &from, NULL) || stc_node_int(hi, &to, NULL)) {
        return -1;
    }
    int years_off = w->year < from ? from - w->year : w->year > to ? w->year - to : 0;
    return 4 * years_off + 2 * (e->own < 0) + !mine;
}

static int best_entry(const struct wanted *w, struct stc_cat_entry *best)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_cat_walk walk = {.cat = w->cat};
    struct stc_cat_entry e;
    int best_distance = -1;
    while (stc_cat_next(&walk, &e)) {
        if (!stc_cat_may_list(&e, "frameworks", w->framework)) {
            continue;
        }
        int d = distance(&a, &e, w);
        if (d >= 0 && (best_distance < 0 || d < best_distance)) {
            *best = e;
            best_distance = d;
        }
        stc_arena_reset(&a);
    }
    stc_arena_free(&a);
    return best_distance >= 0;
}

enum stc_err stc_stack_for(const struct stc_cat *cat, const char *framework, int year,
                           const char *generation, struct stc_stack *out,
                           struct stc_diag *diag)
{
    struct stc_cat_entry e;
    char name[64];
    struct wanted w = {.cat = or_shipped(cat),
                       .framework = framework,
                       .generation = generation,
                       .year = year};
    if (best_entry(&w, &e)) return read_any(w.cat, &e, out, diag);
    /* "NAME RELEASE" without an entry of its own: the name without the release,
     * which begins with a digit ("PyTorch FSDP" is no release of PyTorch) */
    (void)snprintf(name, sizeof name, "%s", framework);
    char *space = strrchr(name, ' ');
    if (space && space[1] >= '0' && space[1] <= '9') {
        *space = 0;
        w.framework = name;
        if (best_entry(&w, &e)) return read_any(w.cat, &e, out, diag);
    }
    return stc_stack_find(cat, framework, out,
                          diag); /* a name of the catalogue will do, too */
}

int stc_stack_catalogue_n(const struct stc_cat *cat)
{
    return stc_cat_count(or_shipped(cat));
}

const char *stc_stack_catalogue_name(const struct stc_cat *cat, int i, char *buf,
                                     size_t size)
{
    struct stc_cat_entry e;
    if (!stc_cat_at(or_shipped(cat), i, &e)) {
        return NULL;
    }
    (void)snprintf(buf, size, "%s", e.name);
    return buf;
}

int stc_stack_fuses(const struct stc_stack *s, enum stc_op_id id)
{
    for (int i = 0; i < s->n_fused; i++) {
        if (s->fused[i] == id) {
            return 1;
        }
    }
    return 0;
}
