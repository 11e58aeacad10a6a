/* tune_space.c - see tune_space.h: axes, their values in words and in numbers. */
#include "sim/study/tune_space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/bind.h"
#include "sim/study/price.h"

/* ==== the axes ==== */

enum kind { NUMBER, WORD, PAIR };

static const struct {
    const char *name, *key; /* key of the scenario that an axis sets */
    int tune_row;           /* row that says which values are tried */
    enum kind kind;
} axis_rows[STC_TA_COUNT] = {
    {"gpus", "cluster.gpus", STC_KEY_t_gpus, NUMBER},
    {"tp", "layout.tp", STC_KEY_t_tp, NUMBER},
    {"cp", "layout.cp", STC_KEY_t_cp, NUMBER},
    {"ep", "layout.ep", STC_KEY_t_ep, NUMBER},
    {"etp", "layout.etp", STC_KEY_t_etp, NUMBER},
    {"pp", "layout.pp", STC_KEY_t_pp, NUMBER},
    {"micro_batch", "layout.micro_batch", STC_KEY_t_micro_batch, NUMBER},
    {"precision", "train.precision", STC_KEY_t_precision, WORD},
    {"overlap_tp", "stack.overlap_tp", STC_KEY_t_overlap_tp, WORD},
    {"seq_parallel", "layout.seq_parallel", STC_KEY_t_seq_parallel, WORD},
    {"recompute", "layout.recompute", STC_KEY_t_recompute, WORD},
    {"recompute_layers", "layout.recompute_layers", STC_KEY_t_recompute_layers, NUMBER},
    {"schedule", "layout.schedule", STC_KEY_t_schedule, WORD},
    {"vp", "layout.vp", STC_KEY_t_vp, NUMBER},
    {"split", "layout.first_stage_extra", STC_KEY_t_split, PAIR},
    {"shard", "layout.shard", STC_KEY_t_shard, WORD},
    {"shard_group", "layout.shard_group", STC_KEY_t_shard_group, NUMBER},
    {"reshard_after_forward", "layout.reshard_after_forward", STC_KEY_t_reshard, WORD},
    {"overlap_grad_reduce", "stack.overlap_grad_reduce", STC_KEY_t_overlap_grad, WORD},
    {"overlap_param_gather", "stack.overlap_param_gather", STC_KEY_t_overlap_gather,
     WORD},
    {"overlap_p2p", "stack.overlap_p2p", STC_KEY_t_overlap_p2p, WORD},
};

const char *stc_tune_axis_name(enum stc_tune_axis x)
{
    return axis_rows[x].name;
}

int stc_tune_axis_find(const char *key)
{
    for (int x = 0; x < STC_TA_COUNT; x++)
        if (strcmp(key, axis_rows[x].name) == 0 || strcmp(key, axis_rows[x].key) == 0)
            return x;
    return -1;
}

static const struct stc_bind_row *row_of(int x)
{
    return &stc_scenario_keys()->rows[stc_scenario_key(axis_rows[x].key)];
}

enum { PAIR_BASE = 2001, PAIR_ZERO = 1000 };
static int32_t pair_of(int first, int last)
{
    return (first + PAIR_ZERO) * PAIR_BASE + last + PAIR_ZERO;
}
static int pair_first(int32_t v)
{
    return v / PAIR_BASE - PAIR_ZERO;
}
static int pair_last(int32_t v)
{
    return v % PAIR_BASE - PAIR_ZERO;
}

const char *stc_tune_value_text(enum stc_tune_axis x, int32_t v, char *buf, size_t size)
{
    if (axis_rows[x].kind == WORD)
        snprintf(buf, size, "%s", row_of((int)x)->names[v]);
    else if (axis_rows[x].kind == PAIR)
        snprintf(buf, size, "%d/%d", pair_first(v), pair_last(v));
    else if (v == STC_AUTO)
        snprintf(buf, size, "auto");
    else
        snprintf(buf, size, "%d", (int)v);
    return buf;
}

static int32_t *said_field(struct stc_scenario *s, int x)
{
    return (int32_t *)(void *)((char *)s + row_of(x)->offset);
}

void stc_tune_say_axis(const struct stc_tune_space *sp, int x, int32_t v,
                       struct stc_scenario *s)
{
    if (x == STC_TA_GPUS) {
        if (sp->axis[x].n > 1 || v != sp->own_gpus) { /* as many nodes as it takes */
            s->said.c_gpus = v;
            s->said.c_nodes = STC_AUTO;
        } else if (s->said.c_nodes == STC_AUTO) {
            s->said.c_gpus = v;
        }
    } else if (axis_rows[x].kind == PAIR) {
        s->said.first_extra = pair_first(v);
        s->said.last_extra = pair_last(v);
    } else {
        *said_field(s, x) = v;
    }
}

void stc_tune_say(const struct stc_tune_space *sp, const int32_t digit[STC_TA_COUNT],
                  struct stc_scenario *s)
{
    for (int x = 0; x < STC_TA_COUNT; x++)
        stc_tune_say_axis(sp, x, sp->axis[x].v[digit[x]], s);
    s->said.dp = s->said.grad_accum = STC_AUTO;
    s->resolved = 0;
}

/* ==== values ==== */

static void add(struct stc_tune_axis_values *a, int32_t v)
{
    for (int32_t i = 0; i < a->n; i++)
        if (a->v[i] == v) return;
    if (a->n < STC_TA_VALUES) a->v[a->n++] = v;
}

static void add_divisors(struct stc_tune_axis_values *a, int64_t of, int64_t most)
{
    for (int64_t d = 1; d <= of && d <= most; d++)
        if (of % d == 0) add(a, (int32_t)d);
}

static void add_words(struct stc_tune_axis_values *a, const int32_t *v, int n)
{
    for (int i = 0; i < n; i++)
        add(a, v[i]);
}

/* What is known before a layout is: model, cluster, batch. */
struct basis {
    const struct stc_scenario *said;
    struct stc_scenario r; /* resolved with some layout */
    int own;               /* that of the scenario itself */
    const struct stc_tune_axis_values *gpus;
};

static int has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static int sharded_family(const struct stc_scenario *s)
{
    return s->stack.default_shard >= STC_SHARD_ZERO2 || has(s->stack.name, "fsdp") ||
           has(s->stack.name, "torchtitan");
}

/* ORDER: said values: "auto", none, zero1, zero2, zero3, hsdp. */
static void shards(struct stc_tune_axis_values *a, const struct stc_scenario *s,
                   int all)
{
    static const int32_t every[] = {1, 2, 3, 4, 5}, deepspeed[] = {1, 2, 3, 4},
                         fsdp[] = {3, 4}, plain[] = {1, 2};
    if (all)
        add_words(a, every, 5);
    else if (sharded_family(s))
        add_words(a, fsdp, 2);
    else if (has(s->stack.name, "deepspeed"))
        add_words(a, deepspeed, 4);
    else
        add_words(a, plain, 2);
}

static void depths(struct stc_tune_axis_values *a, int32_t layers)
{
    static const int32_t some[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48};
    add(a, STC_AUTO);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        if (some[i] < layers) add(a, some[i]);
}

/* All values that can make sense on an axis. */
static void free_values(const struct basis *b, int x, struct stc_tune_axis_values *a)
{
    static const int32_t no_yes[] = {1, 2}, three[] = {1, 2, 3}, sched[] = {0, 1, 4, 5};
    const struct stc_scenario *s = &b->r;
    int32_t layers = stc_model_pipeline_layers(&s->model), experts = s->model.n_experts;
    switch ((enum stc_tune_axis)x) {
    case STC_TA_GPUS: add(a, s->n_gpus); break;
    case STC_TA_TP:
    case STC_TA_CP:
    case STC_TA_PP:
    case STC_TA_SHARD_GROUP:
        if (x == STC_TA_SHARD_GROUP) add(a, 0);
        for (int32_t i = 0; i < b->gpus->n; i++)
            add_divisors(a, b->gpus->v[i],
                         x == STC_TA_PP   ? layers
                         : x == STC_TA_TP ? s->model.n_heads
                                          : b->gpus->v[i]);
        break;
    case STC_TA_EP: add_divisors(a, experts > 0 ? experts : 1, experts + 1); break;
    case STC_TA_ETP:
        add(a, STC_AUTO);
        add_divisors(a, s->cluster.node.n_gpus, 64);
        break;
    case STC_TA_MICRO:
        add_divisors(a, s->train.global_batch, s->train.global_batch);
        break;
    case STC_TA_VP: add_divisors(a, layers, layers > 1 ? layers / 2 : 1); break;
    case STC_TA_DEPTH: depths(a, layers); break;
    case STC_TA_SCHEDULE: add_words(a, sched, 4); break;
    case STC_TA_SPLIT:
        add(a, pair_of(0, 0));
        add(a, pair_of(-1, -1));
        add(a, pair_of(0, -1));
        add(a, pair_of(-1, 0));
        break;
    case STC_TA_SHARD: shards(a, s, 1); break;
    case STC_TA_RECOMPUTE:
    case STC_TA_OVERLAP_TP: add_words(a, three, 3); break;
    case STC_TA_PRECISION:
    case STC_TA_SEQ:
    case STC_TA_RESHARD:
    case STC_TA_GRAD:
    case STC_TA_GATHER:
    case STC_TA_P2P: add_words(a, no_yes, 2); break;
    case STC_TA_COUNT: break;
    }
}

/* What the scenario itself has. */
static int32_t own_value(const struct basis *b, int x)
{
    const struct stc_layout *l = &b->r.layout;
    const struct stc_said *k = &b->said->said;
    switch ((enum stc_tune_axis)x) {
    case STC_TA_GPUS: return b->r.n_gpus;
    case STC_TA_TP: return b->own ? l->tp : k->tp == STC_AUTO ? 1 : k->tp;
    case STC_TA_CP: return b->own ? l->cp : k->cp == STC_AUTO ? 1 : k->cp;
    case STC_TA_EP: return b->own ? l->ep : k->ep == STC_AUTO ? 1 : k->ep;
    case STC_TA_PP: return b->own ? l->pp : k->pp == STC_AUTO ? 1 : k->pp;
    case STC_TA_MICRO:
        return b->own                       ? l->micro_batch
               : k->micro_batch == STC_AUTO ? 1
                                            : k->micro_batch;
    case STC_TA_VP: return b->own ? l->vp : k->vp == STC_AUTO ? 1 : k->vp;
    case STC_TA_SPLIT: return pair_of(k->first_extra, k->last_extra);
    case STC_TA_SHARD_GROUP: return k->shard_group == STC_AUTO ? 0 : k->shard_group;
    default: break;
    }
    struct stc_scenario s = *b->said;
    return *said_field(&s, x);
}

static void auto_values(const struct basis *b, int x, struct stc_tune_axis_values *a)
{
    const struct stc_scenario *s = &b->r;
    int32_t layers = stc_model_pipeline_layers(&s->model);
    switch ((enum stc_tune_axis)x) {
    case STC_TA_TP:
        for (int32_t i = 0; i < b->gpus->n; i++)
            add_divisors(a, b->gpus->v[i], stc_cluster_nvlink_domain_gpus(&s->cluster));
        return;
    case STC_TA_MICRO: add_divisors(a, s->train.global_batch, 16); return;
    case STC_TA_VP: add_divisors(a, layers, 16); return;
    case STC_TA_SHARD: shards(a, s, 0); return;
    case STC_TA_PP:
    case STC_TA_SEQ:
    case STC_TA_RECOMPUTE: free_values(b, x, a); return;
    case STC_TA_EP:
        if (s->model.n_experts > 0) {
            free_values(b, x, a);
            return;
        }
        break;
    default: break;
    }
    add(a, own_value(b, x));
}

/* ==== words of the tune: section ==== */

static enum stc_err bad(const struct stc_scenario *s, int x, const char *word,
                        struct stc_diag *diag)
{
    return stc_scenario_fail(s, axis_rows[x].tune_row, diag, STC_ERR_PARSE,
                             "\"%s\" is no value of %s; auto, free, fixed, a list as "
                             "in \"1,2,4\" or a range \"1..8\" would be right",
                             word, axis_rows[x].key);
}

static int parse_value(int x, const char *word, int32_t *v)
{
    int64_t n;
    if (axis_rows[x].kind == WORD) {
        for (int i = 0; row_of(x)->names[i]; i++)
            if (strcmp(row_of(x)->names[i], word) == 0) {
                *v = i;
                return 1;
            }
        return 0;
    }
    if (axis_rows[x].kind == PAIR) {
        int first, last, used = 0;
        if (sscanf(word, "%d/%d%n", &first, &last, &used) != 2 || word[used]) return 0;
        if (abs(first) > PAIR_ZERO || abs(last) > PAIR_ZERO) return 0;
        *v = pair_of(first, last);
        return 1;
    }
    if (strcmp(word, "auto") == 0 || strcmp(word, "all") == 0) {
        *v = x == STC_TA_SHARD_GROUP ? 0 : STC_AUTO;
        return x == STC_TA_DEPTH || x == STC_TA_ETP || x == STC_TA_SHARD_GROUP;
    }
    if (!stc_text_to_i64(word, &n) || n < (x == STC_TA_SHARD_GROUP ? 0 : 1) ||
        n > 10000000)
        return 0;
    *v = (int32_t)n;
    return 1;
}

static enum stc_err parse_list(const struct basis *b, int x, const char *text,
                               struct stc_tune_axis_values *a, struct stc_diag *diag)
{
    char copy[128], *save = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *w = strtok_r(copy, ", []", &save); w;
         w = strtok_r(NULL, ", []", &save)) {
        int32_t v;
        if (!parse_value(x, w, &v)) return bad(b->said, x, w, diag);
        add(a, v);
    }
    return a->n > 0 ? STC_OK : bad(b->said, x, text, diag);
}

static enum stc_err axis_values(const struct basis *b, int x,
                                struct stc_tune_axis_values *a, struct stc_diag *diag)
{
    const struct stc_bind_row *row = &stc_scenario_keys()->rows[axis_rows[x].tune_row];
    const char *text = (const char *)b->said + row->offset;
    int lo, hi, used = 0;
    a->n = 0;
    if (!text[0] || strcmp(text, "auto") == 0) {
        auto_values(b, x, a);
    } else if (strcmp(text, "free") == 0) {
        free_values(b, x, a);
    } else if (strcmp(text, "fixed") == 0) {
        add(a, own_value(b, x));
    } else if (axis_rows[x].kind == NUMBER &&
               sscanf(text, "%d..%d%n", &lo, &hi, &used) == 2 && !text[used]) {
        struct stc_tune_axis_values all = {0};
        if (x == STC_TA_GPUS) /* doubling from the low end */
            for (int64_t g = lo; g <= hi && g > 0; g *= 2)
                add(a, (int32_t)g);
        else
            free_values(b, x, &all);
        for (int32_t i = 0; i < all.n; i++)
            if (all.v[i] >= lo && all.v[i] <= hi) add(a, all.v[i]);
        if (a->n == 0) return bad(b->said, x, text, diag);
    } else {
        return parse_list(b, x, text, a, diag);
    }
    return STC_OK;
}

/* ==== making a space ==== */

/* The plainest layout that resolves: some tp and pp for which the batch divides. */
static enum stc_err resolve_any(const struct stc_scenario *said, int32_t gpus,
                                struct stc_scenario *out, struct stc_diag *diag)
{
    struct stc_diag why = {""};
    enum stc_err err = STC_ERR_INFEASIBLE;
    for (int32_t tp = 1; tp <= gpus; tp++) {
        if (gpus % tp != 0) continue;
        for (int32_t pp = 1; pp <= gpus / tp; pp++) {
            if (gpus / tp % pp != 0) continue;
            struct stc_scenario s = *said;
            struct stc_said *k = &s.said;
            k->tp = tp;
            k->pp = pp;
            k->vp = k->cp = k->ep = k->micro_batch = 1;
            k->dp = k->grad_accum = k->etp = STC_AUTO;
            k->shard = k->schedule = k->recompute = 0;
            k->shard_group = STC_AUTO;
            k->first_extra = k->last_extra = 0;
            s.resolved = 0;
            err = stc_scenario_resolve(&s, &why);
            if (err == STC_OK) {
                *out = s;
                return STC_OK;
            }
            if (err != STC_ERR_INFEASIBLE) break;
        }
    }
    return stc_fail(diag, err, "%s", why.text);
}

static enum stc_err find_basis(const struct stc_scenario *s, struct basis *b,
                               struct stc_diag *diag)
{
    struct stc_diag unused;
    b->said = s;
    b->r = *s;
    b->r.resolved = 0;
    b->own = stc_scenario_resolve(&b->r, &unused) == STC_OK;
    if (b->own) return STC_OK;
    int32_t gpus = s->said.c_gpus;
    if (gpus == STC_AUTO) { /* nodes are said: ask with one GPU what a node has */
        struct stc_scenario one = *s;
        one.said.c_gpus = 1;
        enum stc_err err = resolve_any(&one, 1, &one, diag);
        if (err != STC_OK) return err;
        gpus = stc_cluster_n_gpus(&one.cluster);
    }
    return resolve_any(s, gpus, &b->r, diag);
}

static enum stc_err make_variants(struct stc_arena *a, struct stc_tune_space *sp,
                                  int32_t batch, struct stc_diag *diag)
{
    sp->n_variants = (uint32_t)(sp->axis[STC_TA_GPUS].n * sp->axis[STC_TA_PRECISION].n *
                                sp->axis[STC_TA_OVERLAP_TP].n);
    sp->variant = STC_NEW_N(a, struct stc_scenario, sp->n_variants);
    sp->variant_ok = STC_NEW_N(a, uint8_t, sp->n_variants);
    if (!sp->variant || !sp->variant_ok)
        return stc_fail(diag, STC_ERR_NOMEM, "tune: out of memory");
    struct stc_diag why = {""};
    int any = 0;
    int32_t d[STC_TA_COUNT] = {0};
    for (d[STC_TA_GPUS] = 0; d[STC_TA_GPUS] < sp->axis[STC_TA_GPUS].n; d[STC_TA_GPUS]++)
        for (d[STC_TA_PRECISION] = 0;
             d[STC_TA_PRECISION] < sp->axis[STC_TA_PRECISION].n; d[STC_TA_PRECISION]++)
            for (d[STC_TA_OVERLAP_TP] = 0;
                 d[STC_TA_OVERLAP_TP] < sp->axis[STC_TA_OVERLAP_TP].n;
                 d[STC_TA_OVERLAP_TP]++) {
                uint32_t v = stc_tune_variant(sp, d);
                struct stc_scenario s = *sp->s;
                stc_tune_say(sp, d, &s);
                s.said.global_batch = batch;
                sp->variant_ok[v] =
                    resolve_any(&s, sp->axis[STC_TA_GPUS].v[d[STC_TA_GPUS]],
                                &sp->variant[v], &why) == STC_OK;
                any |= sp->variant_ok[v];
            }
    return any ? STC_OK : stc_fail(diag, STC_ERR_INFEASIBLE, "%s", why.text);
}

static enum stc_err money(struct stc_tune_space *sp, const struct stc_scenario *r,
                          struct stc_diag *diag)
{
    const struct stc_said *k = &sp->s->said;
    const char *word = k->t_objective[0] ? k->t_objective : "step_time";
    int o = stc_tune_objective_find(word);
    char source[160];
    if (o < 0)
        return stc_scenario_fail(
            sp->s, STC_KEY_t_objective, diag, STC_ERR_UNKNOWN,
            "\"%s\" is no objective; step_time, tokens_per_gpu, "
            "dollars, energy, days, gpus or headroom would be right",
            word);
    sp->objective = (enum stc_tune_objective)o;
    sp->tokens = k->t_tokens;
    sp->deadline_s = k->t_deadline;
    sp->slower = k->t_slower < 0 ? 0.05 : k->t_slower;
    enum stc_err err = stc_step_check_length(r, diag);
    if (err == STC_OK)
        err = stc_price_of(sp->s->catalogues, r->gpu_name, &sp->usd_per_gpu_hour,
                           source, sizeof source, diag);
    if (err != STC_OK) return err;
    if (k->t_price >= 0) sp->usd_per_gpu_hour = k->t_price;
    if (sp->objective == STC_OBJ_DOLLARS && isnan(sp->usd_per_gpu_hour))
        return stc_scenario_fail(sp->s, STC_KEY_t_price, diag, STC_ERR_PARSE,
                                 "the price table does not know %s; tune.price, as in "
                                 "2.5USD, would be right",
                                 r->gpu_name);
    int budget = sp->objective == STC_OBJ_DAYS || sp->objective == STC_OBJ_GPUS;
    if (budget && sp->tokens < 0)
        return stc_scenario_fail(sp->s, STC_KEY_t_tokens, diag, STC_ERR_PARSE,
                                 "not said, but the objective asks for it; tokens to "
                                 "train on, as in 300B");
    if (sp->objective == STC_OBJ_GPUS && sp->deadline_s < 0)
        return stc_scenario_fail(sp->s, STC_KEY_t_deadline, diag, STC_ERR_PARSE,
                                 "not said, but the objective asks for it; as in 30d");
    return STC_OK;
}

enum stc_err stc_tune_space_make(struct stc_arena *a, const struct stc_scenario *s,
                                 struct stc_tune_space *out, struct stc_diag *diag)
{
    struct basis *b = STC_NEW(a, struct basis);
    memset(out, 0, sizeof *out);
    out->s = s;
    if (!b) return stc_fail(diag, STC_ERR_NOMEM, "tune: out of memory");
    enum stc_err err = find_basis(s, b, diag);
    b->gpus = &out->axis[STC_TA_GPUS];
    out->own_gpus = b->r.n_gpus;
    for (int x = 0; err == STC_OK && x < STC_TA_COUNT; x++)
        err = axis_values(b, x, &out->axis[x], diag);
    if (err == STC_OK) err = money(out, &b->r, diag);
    if (err != STC_OK) return err;
    out->n_nodes = out->n_inner = 1;
    for (int x = 0; x < STC_TA_COUNT; x++)
        *(x < STC_TA_OUTER ? &out->n_nodes : &out->n_inner) *= (uint64_t)out->axis[x].n;
    if (out->n_nodes > UINT64_C(1) << 24 || out->n_inner > UINT64_C(1) << 36)
        return stc_fail(diag, STC_ERR_RANGE,
                        "tune: the space is too large; fix or bound an axis, as in "
                        "tune.tp=1..8");
    out->n_layouts = out->n_nodes * out->n_inner;
    return make_variants(a, out, b->r.train.global_batch, diag);
}

void stc_tune_space_text(const struct stc_tune_space *sp, struct stc_text *out)
{
    char buf[32];
    const char *sep = "";
    for (int x = 0; x < STC_TA_COUNT; x++) {
        const struct stc_tune_axis_values *a = &sp->axis[x];
        if (a->n < 2) continue;
        stc_text_printf(out, "%s%s", sep, axis_rows[x].name);
        for (int32_t i = 0; i < a->n; i++)
            stc_text_printf(
                out, " %s",
                stc_tune_value_text((enum stc_tune_axis)x, a->v[i], buf, sizeof buf));
        sep = "; ";
    }
}

uint64_t stc_tune_space_hash(const struct stc_tune_space *sp)
{
    uint64_t h = stc_scenario_hash(sp->s);
    for (int x = 0; x < STC_TA_COUNT; x++)
        h = stc_hash64(h, sp->axis[x].v,
                       (size_t)sp->axis[x].n * sizeof sp->axis[x].v[0]);
    const double v[] = {sp->usd_per_gpu_hour, sp->tokens, sp->deadline_s, sp->slower,
                        (double)sp->objective};
    return stc_hash64(h, v, sizeof v);
}

void stc_tune_digits(const struct stc_tune_space *sp, uint64_t id,
                     int32_t digit[STC_TA_COUNT])
{
    for (int x = STC_TA_COUNT - 1; x >= 0; x--) {
        digit[x] = (int32_t)(id % (uint64_t)sp->axis[x].n);
        id /= (uint64_t)sp->axis[x].n;
    }
}

uint64_t stc_tune_number(const struct stc_tune_space *sp,
                         const int32_t digit[STC_TA_COUNT])
{
    uint64_t id = 0;
    for (int x = 0; x < STC_TA_COUNT; x++)
        id = id * (uint64_t)sp->axis[x].n + (uint64_t)digit[x];
    return id;
}

uint32_t stc_tune_variant(const struct stc_tune_space *sp,
                          const int32_t digit[STC_TA_COUNT])
{
    int32_t v = digit[STC_TA_GPUS];
    v = v * sp->axis[STC_TA_PRECISION].n + digit[STC_TA_PRECISION];
    return (uint32_t)(v * sp->axis[STC_TA_OVERLAP_TP].n + digit[STC_TA_OVERLAP_TP]);
}

void stc_tune_keys(const struct stc_tune_space *sp, const int32_t digit[STC_TA_COUNT],
                   const struct stc_layout *l, char *out, size_t size)
{
    char buf[32];
    size_t n = 0;
    out[0] = '\0';
    for (int x = 0; x < STC_TA_COUNT; x++) {
        int32_t v = sp->axis[x].v[digit[x]];
        int usual =
            sp->axis[x].n < 2 &&
            (v == STC_AUTO || (axis_rows[x].kind == WORD && v == 0) ||
             (x == STC_TA_GPUS && v == sp->own_gpus) || x == STC_TA_SHARD_GROUP ||
             (x == STC_TA_SPLIT && v == pair_of(0, 0)));
        if (usual || n >= size) continue;
        if (x == STC_TA_SPLIT)
            n += (size_t)snprintf(
                out + n, size - n,
                " layout.first_stage_extra=%d layout.last_stage_extra=%d",
                pair_first(v), pair_last(v));
        else if (x == STC_TA_SHARD_GROUP && v == 0)
            continue;
        else
            n += (size_t)snprintf(
                out + n, size - n, "%s%s=%s", n ? " " : "", axis_rows[x].key,
                stc_tune_value_text((enum stc_tune_axis)x, v, buf, sizeof buf));
    }
    (void)l;
}
