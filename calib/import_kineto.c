/*
 * import_kineto.c - PyTorch profiler traces (.json, .json.gz) as measurements.
 *
 * THEORY. Kineto links a kernel to the operator that launched it by "External
 * id". A table id -> (operator, sum of its kernels' durations) is filled from
 * both sides, so the order of events does not matter. In the end every operator
 * that had kernels gives one duration to the statistics of its name, input
 * shapes and types. Matrix products become rows of gemm_torch (in situ), fused
 * attention whose mask was recorded rows of attention_train (kineto_attn.c), the
 * kernels of collectives rows of collectives, and every kernel counts under its
 * own name.
 *
 * A collective's kernel also waits for the last rank to arrive, so its time is
 * no less than the collective's: the notes say so ("kineto").
 *
 * LIMITS. 3 million operators are linked (64 MB); further ones count by their
 * kernels only, and the remark says so.
 *
 * COST. 1 GB in about 4 s and 33 MB (make bench: kineto_json).
 */
#include "calib/import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/intra.h"
#include "calib/kineto.h"
#include "calib/opstats.h"
#include "calib/source.h"
#include "sim/base/text.h"

enum { LINKS_MOST = 1 << 22 };

struct link {
    uint64_t id; /* 0: free */
    uint32_t op; /* into stats; 0: not seen yet */
    float us;
};

struct kin {
    const struct stc_hw *hw;
    struct stc_json json;
    struct stc_kin_event e;
    struct stc_opstats stats;
    struct link *link;
    size_t n_links, cap_links;
    int64_t n_events, n_unlinked;
    char gpu[64], nccl[24];
    int n_devices;
    bool any;
};

/* ==== links ==== */

static bool grow(struct kin *k)
{
    size_t cap = k->cap_links == 0 ? 1 << 14 : k->cap_links * 2;
    if (cap > LINKS_MOST) return false;
    struct link *v = calloc(cap, sizeof *v);
    if (v == NULL) return false;
    for (size_t i = 0; i < k->cap_links; i++) {
        if (k->link[i].id == 0) continue;
        size_t at =
            (size_t)(k->link[i].id * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (cap - 1);
        while (v[at].id != 0)
            at = (at + 1) & (cap - 1);
        v[at] = k->link[i];
    }
    free(k->link);
    k->link = v;
    k->cap_links = cap;
    return true;
}

/* NULL when there is no room. */
static struct link *link_of(struct kin *k, uint64_t id)
{
    if (k->n_links * 4 >= k->cap_links * 3 && !grow(k) &&
        (k->cap_links == 0 || k->n_links * 8 >= k->cap_links * 7))
        return NULL;
    size_t at = (size_t)(id * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (k->cap_links - 1);
    while (k->link[at].id != 0 && k->link[at].id != id)
        at = (at + 1) & (k->cap_links - 1);
    if (k->link[at].id == 0) {
        k->link[at].id = id;
        k->n_links++;
    }
    return &k->link[at];
}

/* ==== collectives ==== */

static const char *coll_of(const char *name)
{
    static const struct {
        const char *part, *coll;
    } rows[] = {{"reduce_scatter", "reduce_scatter"},
                {"reducescatter", "reduce_scatter"},
                {"allreduce", "all_reduce"},
                {"all_reduce", "all_reduce"},
                {"allgather", "all_gather"},
                {"all_gather", "all_gather"},
                {"alltoall", "all_to_all"},
                {"all_to_all", "all_to_all"},
                {"broadcast", "broadcast"},
                {"send", "send_recv"},
                {"recv", "send_recv"},
                {"reduce", "reduce"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strstr(name, rows[i].part) != NULL) return rows[i].coll;
    return NULL;
}

static const struct {
    const char *type, *dtype;
    int bytes;
} types[] = {
    {"BFloat16", "bfloat16", 2}, {"Half", "fp16", 2},      {"Float8", "fp8", 1},
    {"Float", "float32", 4},     {"Double", "float64", 8}, {"Int", "int32", 4},
    {"Long", "int64", 8},        {"Byte", "uint8", 1},     {"Char", "int8", 1},
    {"Bool", "uint8", 1},        {"float", "float32", 4},  {"double", "float64", 8},
    {"int", "int32", 4},         {"long int", "int64", 8}};

static int type_of(const char *s)
{
    if (strncmp(s, "c10::", 5) == 0) s += 5;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strncmp(s, types[i].type, strlen(types[i].type)) == 0) return (int)i;
    return -1;
}

const char *stc_kin_dtype(const char *type, int *bytes)
{
    int i = type_of(type);
    if (i >= 0 && bytes != NULL) *bytes = types[i].bytes;
    return i >= 0 ? types[i].dtype : NULL;
}

/* Nodes of a group, from its ranks and the devices of one node; 0: unknown. */
static int nodes_of(const struct kin *k)
{
    const struct stc_kin_event *e = &k->e;
    int n = 0;
    long last = -1;
    if (k->n_devices < 1 || e->group < 1) return 0;
    if (e->ranks[0] == '[' && strstr(e->ranks, "...") == NULL &&
        strlen(e->ranks) + 1 < sizeof e->ranks) {
        for (const char *p = e->ranks + 1; *p != '\0' && *p != ']';) {
            char *end;
            long node = strtol(p, &end, 10) / k->n_devices;
            if (end == p) return 0;
            if (node != last) n++;
            last = node;
            p = end + strspn(end, ", ");
        }
        return n;
    }
    if (e->rank_stride < 1) return e->group <= 1 ? 1 : 0;
    int64_t first = e->rank_start / k->n_devices;
    int64_t end = (e->rank_start + (e->group - 1) * e->rank_stride) / k->n_devices;
    return (int)(e->rank_stride >= k->n_devices ? e->group : end - first + 1);
}

/* The name under which this collective is counted: 'c', then its shape. */
static uint32_t coll_name(struct kin *k, struct stc_text *t)
{
    const struct stc_kin_event *e = &k->e;
    const char *coll = coll_of(e->coll);
    int ty = type_of(e->coll_dtype), nodes = nodes_of(k);
    if (coll == NULL || ty < 0 || e->group < 2) return 0;
    int64_t elems = e->in_elems > e->out_elems ? e->in_elems : e->out_elems;
    if (elems < 1) return 0;
    stc_text_clear(t);
    stc_shape_put(t, "library", "nccl");
    stc_shape_put(t, "collective", coll);
    stc_shape_put(t, "dtype", types[ty].dtype);
    if (nodes > 0 && e->group % nodes == 0)
        stc_shape_put_i64(t, "gpus_per_node", k->n_devices);
    if (nodes > 0) stc_shape_put_i64(t, "nodes", nodes);
    stc_shape_put_i64(t, "ranks", e->group);
    stc_shape_put(t, "intra", stc_intra_words(k->gpu));
    if (nodes == 1) stc_shape_put(t, "inter", "none");
    stc_shape_put_i64(t, "bytes", elems * types[ty].bytes);
    char name[512];
    int n = snprintf(name, sizeof name, "c%s", stc_text_str(t));
    return n > 0 && (size_t)n < sizeof name
               ? stc_opstats_name(&k->stats, name, (size_t)n)
               : 0;
}

/* ==== events ==== */

static uint32_t op_name(struct kin *k, struct stc_text *t)
{
    char name[STC_KIN_NAME + 2 * STC_KIN_DIMS + 8];
    int n;
    stc_text_clear(t);
    if (stc_kin_attention(&k->e, t))
        n = snprintf(name, sizeof name, "a%s", stc_text_str(t));
    else
        n = snprintf(name, sizeof name, "o%s\x1f%s\x1f%s", k->e.name, k->e.dims,
                     k->e.types);
    return n > 0 ? stc_opstats_name(&k->stats, name, (size_t)n) : 0;
}

static uint32_t kernel_name(struct kin *k)
{
    char name[STC_KIN_NAME + 32];
    int n = k->e.cat == STC_KIN_COPY
                ? snprintf(name, sizeof name, "m%s\x1f%.0f", k->e.name, k->e.bytes)
                : snprintf(name, sizeof name, "k%s", k->e.name);
    return n > 0 ? stc_opstats_name(&k->stats, name, (size_t)n) : 0;
}

static bool event(struct kin *k, struct stc_text *t)
{
    const struct stc_kin_event *e = &k->e;
    if (!e->complete || e->cat == STC_KIN_OTHER) return true;
    k->n_events++;
    if (e->cat == STC_KIN_OP) {
        struct link *l = e->ext_id != 0 ? link_of(k, e->ext_id) : NULL;
        if (l == NULL)
            k->n_unlinked += e->ext_id != 0;
        else
            l->op = e->coll[0] != '\0' ? coll_name(k, t) : op_name(k, t);
        return true;
    }
    if (!(e->dur_us > 0.0) || !(e->dur_us < 1e12)) return true;
    if (!stc_opstats_add(&k->stats, kernel_name(k), e->dur_us * 1e-6)) return false;
    if (e->coll[0] != '\0') /* newer traces say it at the kernel itself */
        return stc_opstats_add(&k->stats, coll_name(k, t), e->dur_us * 1e-6);
    /* Of a kernel that no operator launched, older traces repeat the correlation
     * as external id: another number space. */
    bool linked = e->ext_id != 0 && e->ext_id != e->correlation;
    struct link *l = linked ? link_of(k, e->ext_id) : NULL;
    if (l != NULL) l->us += (float)e->dur_us;
    return true;
}

static enum stc_err events(struct kin *k, struct stc_text *t, struct stc_diag *diag)
{
    enum stc_err err;
    while ((err = stc_json_next(&k->json, diag)) == STC_OK &&
           k->json.kind != STC_JSON_ARRAY_END) {
        if (k->json.kind != STC_JSON_OBJECT) {
            if ((err = stc_json_skip(&k->json, diag)) != STC_OK) return err;
            continue;
        }
        if ((err = stc_kin_event(&k->json, &k->e, diag)) != STC_OK) return err;
        if (!event(k, t)) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    }
    k->any = true;
    return err;
}

/* deviceProperties: a list of {name, totalGlobalMem, ...}. */
static enum stc_err devices(struct kin *k, struct stc_diag *diag)
{
    char product[96] = "";
    double mem = 0.0;
    enum stc_err err = stc_json_next(&k->json, diag);
    if (err != STC_OK || k->json.kind != STC_JSON_ARRAY)
        return err != STC_OK ? err : stc_json_skip(&k->json, diag);
    int level = k->json.depth;
    while ((err = stc_json_next(&k->json, diag)) == STC_OK && k->json.depth >= level) {
        if (k->json.kind == STC_JSON_OBJECT && k->json.depth == level + 1)
            k->n_devices++;
        if (k->json.kind != STC_JSON_KEY) continue;
        bool name = strcmp(k->json.text, "name") == 0;
        bool total = strcmp(k->json.text, "totalGlobalMem") == 0;
        if (!name && !total) continue;
        if ((err = stc_json_next(&k->json, diag)) != STC_OK) return err;
        if (name && product[0] == '\0')
            (void)snprintf(product, sizeof product, "%.95s", k->json.text);
        if (total && mem <= 0.0) mem = strtod(k->json.text, NULL);
        if ((err = stc_json_skip(&k->json, diag)) != STC_OK) return err;
    }
    if (product[0] != '\0')
        (void)stc_import_gpu(k->hw, product, mem, k->gpu, sizeof k->gpu);
    return err;
}

static enum stc_err top(struct kin *k, struct stc_text *t, struct stc_diag *diag)
{
    enum stc_err err = stc_json_next(&k->json, diag);
    if (err != STC_OK) return err;
    if (k->json.kind == STC_JSON_ARRAY) {
        err = events(k, t, diag);
    } else if (k->json.kind == STC_JSON_OBJECT) {
        while ((err = stc_json_next(&k->json, diag)) == STC_OK &&
               k->json.kind == STC_JSON_KEY) {
            if (strcmp(k->json.text, "traceEvents") == 0) {
                err = stc_json_next(&k->json, diag);
                if (err == STC_OK)
                    err = k->json.kind == STC_JSON_ARRAY
                              ? events(k, t, diag)
                              : stc_json_skip(&k->json, diag);
            } else if (strcmp(k->json.text, "deviceProperties") == 0) {
                err = devices(k, diag);
            } else {
                err = stc_json_skip(&k->json, diag);
            }
            if (err != STC_OK) return err;
        }
    }
    return err != STC_OK ? err : stc_json_next(&k->json, diag);
}

/* ==== facts ==== */

/* A product's shape from its operator's inputs; false: it is none. */
static bool gemm_of(const char *op, const char *dims, const char *ty,
                    struct stc_text *t)
{
    static const struct {
        const char *op;
        int first; /* input that is the left operand */
    } rows[] = {{"aten::mm", 0},
                {"aten::addmm", 1},
                {"aten::bmm", 0},
                {"aten::baddbmm", 1},
                {"aten::_scaled_mm", 0}};
    int n[4];
    int64_t v[4][6], batch = 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(op, rows[i].op) != 0) continue;
        int a = rows[i].first, b = a + 1;
        const char *type = ty + (ty[0] == '[');
        for (int skip = 0; skip < a && type != NULL; skip++)
            type = (type = strchr(type, ',')) != NULL ? type + 1 : NULL;
        int dt = type != NULL ? type_of(type) : -1;
        if (dt < 0 || stc_kin_lists(dims, n, v) <= b || n[a] != n[b] || n[a] < 2 ||
            n[a] > 3)
            return false;
        int last = n[a] - 1;
        if (n[a] == 3) batch = v[a][0];
        if (v[a][last] != v[b][last - 1] || v[a][last - 1] < 1 || v[a][last] < 1 ||
            v[b][last] < 1 || batch < 1)
            return false;
        stc_shape_put(t, "dtype", types[dt].dtype);
        stc_shape_put_i64(t, "m", v[a][last - 1]);
        stc_shape_put_i64(t, "n", v[b][last]);
        stc_shape_put_i64(t, "k", v[a][last]);
        if (n[a] == 3) stc_shape_put_i64(t, "batch", batch);
        return true;
    }
    return false;
}

/* Form and shape of a counted name. */
static enum stc_form form_of(const char *name, struct stc_text *t)
{
    char part[STC_KIN_NAME + 2 * STC_KIN_DIMS + 8];
    char *save = NULL;
    (void)snprintf(part, sizeof part, "%s", name + 1);
    if (name[0] == 'c') {
        stc_text_put(t, name + 1);
        return STC_FORM_COLLECTIVES;
    }
    if (name[0] == 'a') {
        stc_text_put(t, name + 1);
        return STC_FORM_ATTENTION_TRAIN;
    }
    if (name[0] == 'k') {
        stc_shape_put(t, "kernel", part);
        return STC_FORM_KERNEL;
    }
    char *first = strtok_r(part, "\x1f", &save);
    char *second = strtok_r(NULL, "\x1f", &save),
         *third = strtok_r(NULL, "\x1f", &save);
    first = first != NULL ? first : part;
    second = second != NULL ? second : &part[sizeof part - 1];
    third = third != NULL ? third : &part[sizeof part - 1];
    part[sizeof part - 1] = '\0';
    if (name[0] == 'm') {
        stc_shape_put(t, "copy", first);
        stc_shape_put(t, "bytes", second);
        return STC_FORM_COPY;
    }
    if (gemm_of(first, second, third, t)) return STC_FORM_GEMM_TORCH;
    stc_text_clear(t);
    stc_shape_put(t, "op", first);
    stc_shape_put(t, "dims", second);
    stc_shape_put(t, "types", third);
    return STC_FORM_OP;
}

static enum stc_err facts(struct kin *k, const struct stc_import_opts *o,
                          const struct stc_sink *sink, struct stc_import_report *r,
                          struct stc_text *t, struct stc_diag *diag)
{
    enum stc_err err = STC_OK;
    for (size_t i = 0; i < k->cap_links; i++) {
        const struct link *l = &k->link[i];
        if (l->op == 0 || !(l->us > 0.0f)) continue;
        if (!stc_opstats_add(&k->stats, l->op, (double)l->us * 1e-6))
            return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    }
    for (uint32_t i = 1; i < k->stats.n && err == STC_OK; i++) {
        const struct stc_opstat *s = &k->stats.v[i];
        if (s->n == 0) continue;
        stc_text_clear(t);
        struct stc_meas m = {.form = form_of(s->name, t)};
        m.shape = stc_text_str(t);
        m.gpu = k->gpu[0] != '\0' ? k->gpu : o->gpu != NULL ? o->gpu : "unknown";
        m.machine = o->machine;
        m.source = "profiler trace";
        m.notes = s->name[0] == 'c'
                      ? "kineto: kernel time, holds the wait for late ranks"
                      : "kineto: kernel time";
        m.unit = "s";
        m.repeats = s->n;
        m.min = s->min_s;
        stc_opstats_quantiles(&k->stats, i, &m.value, &m.p95);
        r->n_rows++;
        err = stc_text_err(t);
        if (err == STC_OK) err = sink->meas(sink->ctx, &m, diag);
    }
    return err;
}

enum stc_err stc_import_kineto(struct stc_source *src, const char *name,
                               const struct stc_import_opts *o,
                               const struct stc_sink *sink, struct stc_import_report *r,
                               struct stc_diag *diag)
{
    struct kin *k = calloc(1, sizeof *k);
    struct stc_text t;
    if (k == NULL || !stc_opstats_init(&k->stats)) {
        free(k);
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", name);
    }
    k->hw = o->hw;
    stc_text_init(&t, 1u << 20);
    enum stc_err err = stc_json_open(&k->json, src, diag);
    if (err == STC_OK) {
        err = top(k, &t, diag);
        stc_json_close(&k->json);
    }
    if (err == STC_OK && (!k->any || k->n_events == 0))
        err = stc_fail(diag, STC_ERR_PARSE,
                       "%s: no operators or kernels; a profiler's trace has a list "
                       "traceEvents with categories cpu_op and kernel",
                       name);
    if (err == STC_OK) err = facts(k, o, sink, r, &t, diag);
    if (k->n_unlinked > 0)
        (void)snprintf(r->remark, sizeof r->remark,
                       "%lld operators beyond 3 million were not linked to kernels",
                       (long long)k->n_unlinked);
    else if (k->stats.n_refused > 0)
        (void)snprintf(r->remark, sizeof r->remark,
                       "more than %d distinct operators and kernels: %lld events were "
                       "left out",
                       STC_OPSTATS_MOST - 1, (long long)k->stats.n_refused);
    stc_text_free(&t);
    stc_opstats_free(&k->stats);
    free(k->link);
    free(k);
    return err;
}
