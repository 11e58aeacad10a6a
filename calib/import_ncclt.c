/*
 * import_ncclt.c - nccl-tests output as people paste it.
 *
 * THEORY. A row of results is "size count type [redop [root]] time algbw busbw
 * wrong [time algbw busbw wrong]". Anything may stand before it: MPI's
 * "[1,0]<stdout>:", srun's "0: ", dates, pod names. So a row is found by its
 * three leading words (two whole numbers and a type) wherever they stand, and
 * whether a root column is there is decided by the figures: algbw must be size /
 * time. Between rows, words tell the run: the program's name, "Rank N ... on
 * HOST device D [..] GPU", "nranks N", versions. Several runs may follow each
 * other; a run ends where the next one names its devices or its columns.
 *
 * What is not printed follows from busbw / algbw, which is 2 (n - 1) / n, (n - 1)
 * / n or 1 (nccl-tests, doc/PERFORMANCE.md): the ranks of an all-reduce whose
 * device list was cut off, the collective of a run without a name.
 */
#include "calib/import.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/intra.h"
#include "calib/source.h"

enum { MAX_ROWS = 512, MAX_WORDS = 48, MAX_HOSTS = 1024, NAME = 64 };

struct result {
    double bytes, count, us, algbw, busbw, in_us; /* in_us 0: none */
    char type[16], redop[12];
    int root, line;
};

struct run {
    char coll[20]; /* "" until a name was read */
    char hint[20]; /* a collective that other words named last */
    char gpu[NAME], version[24], algo[16], proto[16];
    uint64_t host[MAX_HOSTS]; /* hashes of names */
    int n_hosts, n_ranks, nranks_said, gpus_said;
    bool has_root, has_header, rccl;
    struct result row[MAX_ROWS];
    int n_rows;
};

struct reader {
    const struct stc_import_opts *o;
    const struct stc_sink *sink;
    struct stc_import_report *r;
    struct stc_diag *diag;
    struct run run;
    char file_coll[20];
    int64_t n_wrong, n_unnamed;
};

/* ==== names ==== */

static const struct {
    const char *word, *coll;
} names[] = {
    /* ORDER: a name before the names that are part of it */
    {"reduce_scatter", "reduce_scatter"}, {"reducescatter", "reduce_scatter"},
    {"all_reduce", "all_reduce"},         {"allreduce", "all_reduce"},
    {"all_gather", "all_gather"},         {"allgather", "all_gather"},
    {"alltoall", "all_to_all"},           {"all_to_all", "all_to_all"},
    {"broadcast", "broadcast"},           {"sendrecv", "send_recv"},
    {"send_recv", "send_recv"},           {"reduce-scatter", "reduce_scatter"},
    {"all-reduce", "all_reduce"},         {"all-gather", "all_gather"},
    {"all-to-all", "all_to_all"},         {"reduce", "reduce"},
};

/* The collective named at this place of a text; NULL: none. */
static const char *coll_at(const char *s, size_t *len)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *len = strlen(names[i].word);
        if (strncmp(s, names[i].word, *len) == 0) return names[i].coll;
    }
    return NULL;
}

/* The last "<collective>_perf" of a line; "" when none. */
static const char *coll_of_line(const char *s)
{
    const char *found = "";
    for (const char *p = s; (p = strpbrk(p, "rabs")) != NULL; p++) {
        size_t len = 0;
        if (p > s && (isalnum((unsigned char)p[-1]) || p[-1] == '_')) continue;
        const char *c = coll_at(p, &len);
        if (c != NULL && strncmp(p + len, "_perf", 5) == 0) found = c;
    }
    return found;
}

/* The last collective that any word of a line names; "" when none. */
static const char *hint_of_line(const char *s)
{
    const char *found = "";
    for (const char *p = s; (p = strpbrk(p, "rabs")) != NULL; p++) {
        size_t len = 0;
        if (p > s && isalnum((unsigned char)p[-1])) continue;
        const char *c = coll_at(p, &len);
        if (c != NULL && !isalnum((unsigned char)p[len]) && strcmp(c, "reduce") != 0)
            found = c;
    }
    return found;
}

static void coll_of_path(const char *path, char out[20])
{
    const char *base = strrchr(path, '/');
    out[0] = '\0';
    for (const char *p = base != NULL ? base + 1 : path; *p != '\0'; p++) {
        size_t len = 0;
        const char *c = coll_at(p, &len);
        if (c == NULL) continue;
        (void)snprintf(out, 20, "%s", c);
        return;
    }
}

static bool is_type(const char *w)
{
    static const char *const types[] = {
        "int8",    "uint8",   "int32",    "uint32", "int64",   "uint64",   "half",
        "float",   "double",  "bfloat16", "f8e4m3", "f8e5m2",  "fp8_e4m3", "fp8_e5m2",
        "fp8e4m3", "fp8e5m2", "char",     "int",    "float16", "float32"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(w, types[i]) == 0) return true;
    return false;
}

/* truth's word for a type. */
static const char *dtype_of(const char *type)
{
    static const struct {
        const char *type, *dtype;
    } t[] = {{"half", "fp16"},      {"float16", "fp16"}, {"float", "float32"},
             {"f8e4m3", "fp8"},     {"f8e5m2", "fp8"},   {"fp8_e4m3", "fp8"},
             {"fp8_e5m2", "fp8"},   {"fp8e4m3", "fp8"},  {"fp8e5m2", "fp8"},
             {"double", "float64"}, {"int", "int32"},    {"char", "int8"}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        if (strcmp(type, t[i].type) == 0) return t[i].dtype;
    return type;
}

/* ==== a row of results ==== */

static bool whole(const char *w)
{
    size_t n = strspn(w, "0123456789");
    return n > 0 && n < 18 && w[n] == '\0';
}

/* Does algbw fit size and time, as rounded as it is printed? */
static bool fits(double bytes, double us, double algbw)
{
    if (!(us > 0.0)) return false;
    double want = bytes / us * 1e-3;
    return fabs(algbw - want) <= fmax(0.011, 0.02 * want);
}

/* Numbers from word i on: time algbw busbw. */
static bool figures(char *const *w, int n, int i, double bytes, struct result *r)
{
    if (i + 3 > n) return false;
    return stc_text_to_double(w[i], &r->us) &&
           stc_text_to_double(w[i + 1], &r->algbw) &&
           stc_text_to_double(w[i + 2], &r->busbw) && fits(bytes, r->us, r->algbw);
}

static bool is_op(const char *w)
{
    static const char *const ops[] = {"sum", "prod", "max",  "min",
                                      "avg", "all",  "none", "mulsum"};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(w, ops[i]) == 0) return true;
    return false;
}

/* The row that begins at word i; false when its figures do not fit together. */
static bool parse_row(const struct run *run, char *const *w, int n, int i,
                      struct result *r, bool *wrong)
{
    double n_wrong = 0.0, in_alg = 0.0, in_us = 0.0;
    int64_t root = -1;
    *wrong = false;
    (void)stc_text_to_double(w[i], &r->bytes);
    (void)stc_text_to_double(w[i + 1], &r->count);
    (void)snprintf(r->type, sizeof r->type, "%s", w[i + 2]);
    r->redop[0] = '\0';
    r->root = -1;
    r->in_us = 0.0;
    i += 3;
    if (i < n && is_op(w[i])) (void)snprintf(r->redop, sizeof r->redop, "%s", w[i++]);
    bool root_first = run->has_header ? run->has_root : (n - i) % 4 == 1;
    int at = root_first ? i + 1 : i;
    if (!figures(w, n, at, r->bytes, r)) {
        at = root_first ? i : i + 1;
        if (!figures(w, n, at, r->bytes, r)) return false;
    }
    if (at > i && stc_text_to_i64(w[i], &root)) r->root = (int)root;
    if (at + 3 < n && stc_text_to_double(w[at + 3], &n_wrong) && run->has_header &&
        n_wrong >= 1.0)
        *wrong = true;
    at += 4;
    if (at + 2 < n && stc_text_to_double(w[at], &in_us) &&
        stc_text_to_double(w[at + 1], &in_alg) && fits(r->bytes, in_us, in_alg))
        r->in_us = in_us;
    return true;
}

/* ==== a run's end ==== */

/* Bytes of one element; 0: not known. */
static int type_bytes(const char *type)
{
    static const struct {
        const char *word;
        int bytes;
    } t[] = {{"64", 8}, {"double", 8}, {"32", 4},    {"16", 2}, {"half", 2},
             {"8", 1},  {"char", 1},   {"float", 4}, {"int", 4}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        if (strstr(type, t[i].word) != NULL) return t[i].bytes;
    return 0;
}

/* All-gather and all-to-all print the elements of one rank's share. */
static int ranks_of_count(const struct result *r)
{
    double share = r->count * type_bytes(r->type);
    double n = share > 0.0 ? r->bytes / share : 0.0;
    return n >= 2.0 && n <= 65536.0 && fabs(n - round(n)) < 1e-9 ? (int)round(n) : 0;
}

static const struct result *largest(const struct run *run)
{
    const struct result *best = NULL;
    for (int i = 0; i < run->n_rows; i++)
        if (best == NULL || run->row[i].algbw > best->algbw) best = &run->row[i];
    return best;
}

/* From an all-reduce's factor f = 2 (n - 1) / n. */
static int ranks_of_factor(double f)
{
    double n = f < 1.9999 ? 2.0 / (2.0 - f) : 0.0;
    double near = round(n);
    return near >= 2.0 && near <= 4096.0 && fabs(2.0 * (near - 1.0) / near - f) < 0.004
               ? (int)near
               : 0;
}

/* The collective that the figures show; "" when they leave it open. */
static const char *coll_of_figures(const struct result *big, int n)
{
    if (big->algbw < 1.0 || n < 3) return "";
    double f = big->busbw / big->algbw, ring = (n - 1.0) / n;
    bool op = big->redop[0] != '\0' && strcmp(big->redop, "none") != 0;
    if (fabs(f - 2.0 * ring) < 0.01 * f) return "all_reduce";
    if (fabs(f - ring) < 0.01 * f && op) return "reduce_scatter";
    if (fabs(f - 1.0) < 0.01 && big->root >= 0) return op ? "reduce" : "broadcast";
    return "";
}

/* Words around a run may speak of anything: the figures must agree. */
static bool hint_fits(const char *hint, const struct result *big, int n)
{
    if (hint[0] == '\0' || big->algbw < 1.0 || n < 2) return false;
    double f = big->busbw / big->algbw, ring = (n - 1.0) / n;
    bool op = big->redop[0] != '\0' && strcmp(big->redop, "none") != 0;
    if (strcmp(hint, "all_gather") == 0 || strcmp(hint, "all_to_all") == 0)
        return !op && big->root < 0 && fabs(f - ring) < 0.01 * ring;
    return strcmp(hint, "send_recv") == 0 && !op && big->root < 0 &&
           fabs(f - 1.0) < 0.01;
}

static void settle(const struct reader *rd, struct run *run)
{
    const struct result *big = largest(run);
    double f = big->algbw >= 1.0 ? big->busbw / big->algbw : 0.0;
    int n = run->n_ranks > 0 ? run->n_ranks : run->nranks_said;
    if (run->nranks_said > n) n = run->nranks_said;
    if (n == 0 && (run->coll[0] == '\0' || strcmp(run->coll, "all_reduce") == 0) &&
        f > 1.0)
        n = ranks_of_factor(f);
    if (n == 0) n = ranks_of_count(big);
    if (n == 0) n = run->gpus_said;
    run->n_ranks = n;
    const char *seen = coll_of_figures(big, n);
    /* A name that the figures contradict was of another program of a script. */
    if (seen[0] != '\0') (void)snprintf(run->coll, sizeof run->coll, "%s", seen);
    if (run->coll[0] == '\0' && hint_fits(run->hint, big, n))
        (void)snprintf(run->coll, sizeof run->coll, "%s", run->hint);
    if (run->coll[0] == '\0')
        (void)snprintf(run->coll, sizeof run->coll, "%s", rd->file_coll);
}

static void shape_of(const struct reader *rd, const struct run *run,
                     const struct result *r, bool in_place, struct stc_text *t)
{
    int nodes = run->n_hosts > 0 ? run->n_hosts : 0;
    char gbps[32] = "";
    stc_text_clear(t);
    stc_shape_put(t, "library", run->rccl ? "rccl" : "nccl");
    stc_shape_put(t, "collective", run->coll);
    stc_shape_put(t, "dtype", dtype_of(r->type));
    if (nodes > 0 && run->n_ranks % nodes == 0)
        stc_shape_put_i64(t, "gpus_per_node", run->n_ranks / nodes);
    if (nodes > 0) stc_shape_put_i64(t, "nodes", nodes);
    stc_shape_put_i64(t, "ranks", run->n_ranks);
    stc_shape_put(t, "intra", stc_intra_words(run->gpu));
    if (nodes == 1)
        stc_shape_put(t, "inter", "none");
    else if (rd->o->fabric != NULL)
        stc_shape_put(t, "inter", rd->o->fabric);
    if (nodes > 1 && rd->o->nics_per_node > 0)
        stc_shape_put_i64(t, "nics_per_node", rd->o->nics_per_node);
    if (nodes > 1 && rd->o->nic_gbps > 0.0) {
        (void)snprintf(gbps, sizeof gbps, "%.10g", rd->o->nic_gbps);
        stc_shape_put(t, "nic_gbps", gbps);
    }
    stc_shape_put_i64(t, "bytes", (int64_t)r->bytes);
    stc_shape_put(t, "algo", run->algo);
    stc_shape_put(t, "proto", run->proto);
    if (in_place) stc_shape_put(t, "place", "in");
}

static enum stc_err put_run(struct reader *rd, struct stc_text *shape)
{
    struct run *run = &rd->run;
    char notes[160];
    enum stc_err err = STC_OK;
    int len = snprintf(notes, sizeof notes, "nccl-tests%s%s",
                       run->version[0] != '\0' ? "; NCCL " : "", run->version);
    if (run->algo[0] != '\0' && len > 0 && (size_t)len < sizeof notes)
        (void)snprintf(notes + len, sizeof notes - (size_t)len, "; NCCL_ALGO=%s",
                       run->algo);
    for (int i = 0; i < 2 * run->n_rows && err == STC_OK; i++) {
        const struct result *r = &run->row[i / 2];
        double us = i % 2 == 0 ? r->us : r->in_us;
        if (us <= 0.0 || r->bytes < 1.0) continue;
        shape_of(rd, run, r, i % 2 == 1, shape);
        const struct stc_meas m = {.form = STC_FORM_COLLECTIVES,
                                   .shape = stc_text_str(shape),
                                   .gpu = run->gpu,
                                   .machine = rd->o->machine,
                                   .source = "nccl-tests",
                                   .notes = notes,
                                   .unit = "s",
                                   .value = us * 1e-6,
                                   .min = (double)NAN,
                                   .p95 = (double)NAN,
                                   .line = r->line};
        rd->r->n_rows++;
        err = stc_text_err(shape);
        if (err == STC_OK) err = rd->sink->meas(rd->sink->ctx, &m, rd->diag);
    }
    return err;
}

/* What the next run keeps: what is said once for all. */
static void next_run(struct run *run, bool keep_devices)
{
    run->n_rows = 0;
    run->has_header = run->has_root = false;
    if (keep_devices) return;
    run->n_hosts = run->n_ranks = run->nranks_said = run->gpus_said = 0;
    run->gpu[0] = run->coll[0] = '\0';
    run->rccl = false;
}

static enum stc_err end_run(struct reader *rd, bool keep_devices)
{
    struct run *run = &rd->run;
    struct stc_text shape;
    enum stc_err err = STC_OK;
    if (run->n_rows > 0) {
        int ranks = run->n_ranks;
        settle(rd, run);
        if (run->coll[0] == '\0' || run->n_ranks < 1) {
            rd->n_unnamed += run->n_rows;
            rd->r->n_skipped += run->n_rows;
        } else {
            if (run->gpu[0] == '\0')
                (void)snprintf(run->gpu, sizeof run->gpu, "%s",
                               rd->o->gpu != NULL ? rd->o->gpu : "unknown");
            stc_text_init(&shape, 1u << 16);
            err = put_run(rd, &shape);
            stc_text_free(&shape);
        }
        run->n_ranks = ranks;
    }
    next_run(run, keep_devices);
    return err;
}

/* ==== lines ==== */

/* "... Rank  3 Group  0 Pid 12 on HOST device  3 [0x51] NVIDIA A100-SXM4-40GB" */
static bool device_line(struct run *run, const char *s, enum stc_err *err,
                        struct reader *rd)
{
    const char *rank = strstr(s, "Rank "), *on = NULL, *dev = NULL, *name = NULL;
    if (rank == NULL || (on = strstr(rank, " on ")) == NULL ||
        (dev = strstr(on, " device ")) == NULL || (name = strchr(dev, ']')) == NULL)
        return false;
    long id = strtol(rank + 5, NULL, 10);
    if (id < 0 || id > 100000) return false;
    if (run->n_rows > 0) *err = end_run(rd, false);
    uint64_t h = stc_hash64(STC_HASH_INIT, on + 4, strcspn(on + 4, " "));
    bool known = false;
    for (int i = 0; i < run->n_hosts; i++)
        known = known || run->host[i] == h;
    if (!known && run->n_hosts < MAX_HOSTS) run->host[run->n_hosts++] = h;
    if ((int)id + 1 > run->n_ranks) run->n_ranks = (int)id + 1;
    name += 1 + strspn(name + 1, " ");
    if (*name != '\0') {
        char product[96];
        size_t len = strcspn(name, "\"\\|`");
        (void)snprintf(product, sizeof product, "%.*s", (int)(len < 95 ? len : 95),
                       name);
        for (size_t k = strlen(product); k > 0 && product[k - 1] == ' '; k--)
            product[k - 1] = '\0';
        (void)stc_import_gpu(rd->o->hw, product, 0.0, run->gpu, sizeof run->gpu);
        run->rccl =
            strstr(product, "AMD") != NULL || strstr(product, "Instinct") != NULL;
    }
    return true;
}

/* The word after `key` up to a blank or quote, if the line has it. */
static void after(const char *s, const char *key, char *out, size_t size)
{
    const char *at = strstr(s, key);
    if (at == NULL) return;
    at += strlen(key);
    size_t n =
        strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._");
    if (n > 0) (void)snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), at);
}

static int number_after(const char *s, const char *key)
{
    const char *at = strstr(s, key);
    long v = at != NULL ? strtol(at + strlen(key), NULL, 10) : 0;
    return v > 0 && v < 1000000 ? (int)v : 0;
}

/* Lines that tell of the run rather than of a size. */
static enum stc_err context_line(struct reader *rd, const char *s)
{
    struct run *run = &rd->run;
    enum stc_err err = STC_OK;
    if (device_line(run, s, &err, rd)) return err;
    const char *coll = coll_of_line(s);
    bool start = strstr(s, "nThread ") != NULL && strstr(s, "minBytes") != NULL;
    bool header = strstr(s, "algbw") != NULL && strstr(s, "busbw") != NULL &&
                  strstr(s, "size") != NULL;
    const char *hint = hint_of_line(s);
    if (hint[0] != '\0' && run->n_rows == 0)
        (void)snprintf(run->hint, sizeof run->hint, "%s", hint);
    if (coll[0] != '\0' && strstr(s, "concluded") == NULL) {
        if (run->n_rows > 0) err = end_run(rd, false);
        (void)snprintf(run->coll, sizeof run->coll, "%s", coll);
    }
    /* Each process of an MPI run prints this; only after results it is a new run. */
    if (start && run->n_rows > 0 && err == STC_OK) err = end_run(rd, false);
    if (start) run->gpus_said = number_after(s, "nGpus ");
    if (header) {
        if (run->n_rows > 0 && err == STC_OK) err = end_run(rd, true);
        run->has_header = true;
        run->has_root = strstr(s, "root") != NULL;
    }
    int nranks = number_after(s, " nranks ");
    if (nranks == 0) nranks = number_after(s, " nRanks ");
    if (nranks > run->nranks_said && strstr(s, "NCCL INFO") != NULL)
        run->nranks_said = nranks;
    if (run->version[0] == '\0')
        after(s, "NCCL version ", run->version, sizeof run->version);
    after(s, "NCCL_ALGO=", run->algo, sizeof run->algo);
    after(s, "NCCL_PROTO=", run->proto, sizeof run->proto);
    if (strstr(s, "rccl-tests") != NULL || strstr(s, "RCCL version") != NULL)
        run->rccl = true;
    return err;
}

static enum stc_err one_line(struct reader *rd, char *s, int line)
{
    char *w[MAX_WORDS];
    int n = 0;
    char *tag = strstr(s, "<stdout>:");
    if (tag == NULL) tag = strstr(s, "<stderr>:");
    if (tag != NULL) s = tag + 9;
    enum stc_err err = context_line(rd, s);
    if (err != STC_OK) return err;
    char *save = NULL;
    for (char *p = strtok_r(s, " \t|", &save); p != NULL && n < MAX_WORDS;
         p = strtok_r(NULL, " \t|", &save))
        w[n++] = p;
    for (int i = 0; i + 5 < n; i++) {
        struct result r = {.line = line};
        bool wrong = false;
        if (!whole(w[i]) || !whole(w[i + 1]) || !is_type(w[i + 2])) continue;
        if (!parse_row(&rd->run, w, n, i, &r, &wrong) || wrong) {
            rd->n_wrong += wrong ? 1 : 0;
            rd->r->n_skipped++;
            return STC_OK;
        }
        if (r.bytes < 1.0) return STC_OK; /* sizes below one element a rank */
        if (rd->run.n_rows == MAX_ROWS) err = end_run(rd, true);
        rd->run.row[rd->run.n_rows++] = r;
        return err;
    }
    return STC_OK;
}

enum stc_err stc_import_ncclt(struct stc_source *src, const char *name,
                              const struct stc_import_opts *o,
                              const struct stc_sink *sink, struct stc_import_report *r,
                              struct stc_diag *diag)
{
    struct reader *rd = calloc(1, sizeof *rd);
    if (rd == NULL) return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", name);
    rd->o = o;
    rd->sink = sink;
    rd->r = r;
    rd->diag = diag;
    coll_of_path(name, rd->file_coll);
    char *line = NULL;
    enum stc_err err;
    while ((err = stc_source_line(src, &line, diag)) == STC_OK && line != NULL)
        if ((err = one_line(rd, line, src->line)) != STC_OK) break;
    if (err == STC_OK) err = end_run(rd, false);
    if (rd->n_unnamed > 0)
        (void)snprintf(r->remark, sizeof r->remark,
                       "%lld results without the name of their collective or their "
                       "number of ranks were left out",
                       (long long)rd->n_unnamed);
    else if (rd->n_wrong > 0)
        (void)snprintf(r->remark, sizeof r->remark,
                       "%lld results that nccl-tests found wrong were left out",
                       (long long)rd->n_wrong);
    free(rd);
    return err;
}
