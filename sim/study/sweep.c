/* sweep.c - see sweep.h: the grid, and one point of it. */
#include "sim/study/sweep.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/study/price.h"
#include "sim/study/sweep_int.h"
#include "sim/study/tune_int.h"

#ifdef _OPENMP
# include <omp.h>
#endif

enum stc_err stc_sweep_vary(struct stc_sweep_opts *o, const char *words,
                            struct stc_diag *diag)
{
    const char *eq = strchr(words, '=');
    if (!eq || eq == words || !eq[1])
        return stc_fail(diag, STC_ERR_PARSE,
                        "vary: \"%s\" is not KEY=VALUE,VALUE as in cluster.nodes=16,32",
                        words);
    if (o->n_axes == STC_SWEEP_AXES)
        return stc_fail(diag, STC_ERR_RANGE, "vary: at most %d keys", STC_SWEEP_AXES);
    struct stc_sweep_axis *x = &o->axis[o->n_axes];
    memset(x, 0, sizeof *x);
    snprintf(x->key, sizeof x->key, "%.*s", (int)(eq - words), words);
    if (strncmp(x->key, "fabric.", 7) == 0) { /* the network is the cluster's */
        char rest[64];
        snprintf(rest, sizeof rest, "%s", x->key + 7);
        snprintf(x->key, sizeof x->key, "cluster.%.55s", rest);
    }
    if (stc_scenario_key(x->key) < 0)
        return stc_fail(
            diag, STC_ERR_UNKNOWN,
            "vary: %s is no key of a scenario; stepcast help keys lists them", x->key);
    const char *at = eq + 1;
    while (*at) {
        size_t n = strcspn(at, ",");
        if (x->n == STC_SWEEP_VALUES || n == 0 || n >= sizeof x->value[0])
            return stc_fail(diag, STC_ERR_RANGE,
                            "vary: %s: from 1 to %d values, none of them empty", x->key,
                            STC_SWEEP_VALUES);
        snprintf(x->value[x->n++], sizeof x->value[0], "%.*s", (int)n, at);
        at += n;
        if (*at == ',') at++;
    }
    o->n_axes++;
    return STC_OK;
}

static int64_t n_points(const struct stc_sweep_opts *o)
{
    int64_t n = 1;
    for (int i = 0; i < o->n_axes; i++)
        n *= o->axis[i].n;
    return n;
}

static void values_of(const struct stc_sweep_opts *o, int64_t id,
                      const char *value[STC_SWEEP_AXES])
{
    for (int i = o->n_axes - 1; i >= 0; i--) {
        value[i] = o->axis[i].value[id % o->axis[i].n];
        id /= o->axis[i].n;
    }
}

/* ==== one point ==== */

struct point {
    struct stc_sweep_row row;
    char message[256], layout[512];
};

static void nothing(struct stc_sweep_row *r)
{
    const double none = (double)NAN;
    r->global_batch = r->step_s = r->lo90_s = r->hi90_s = none;
    r->tokens_per_s = r->tokens_per_s_per_gpu = r->mfu = none;
    r->peak_bytes = r->watts = r->usd_per_mtok = none;
}

static void take_pick(struct point *out, const struct stc_tune_pick *k)
{
    struct stc_sweep_row *r = &out->row;
    r->n_gpus = k->n_gpus;
    r->step_s = k->step_s;
    r->lo90_s = k->lo90_s;
    r->hi90_s = k->hi90_s;
    r->tokens_per_s = k->tokens_per_s;
    r->tokens_per_s_per_gpu = k->tokens_per_s_per_gpu;
    r->mfu = k->mfu;
    r->peak_bytes = k->peak_bytes;
    r->watts = k->watts;
    r->usd_per_mtok = 1e6 * k->usd_per_token;
    snprintf(out->layout, sizeof out->layout, "%s", k->keys);
}

/* The batch grows with the GPUs, against the first value of the axis. */
static enum stc_err scale_batch(const struct stc_scenario *base, struct stc_scenario *s,
                                struct stc_diag *diag)
{
    struct stc_scenario r = *base, t = *s;
    enum stc_err err = stc_scenario_resolve(&r, diag);
    if (err == STC_OK) err = stc_scenario_resolve(&t, diag);
    if (err != STC_OK) return err;
    int64_t b = (int64_t)r.train.global_batch * t.n_gpus / r.n_gpus;
    s->said.global_batch = b > 0 ? (int32_t)b : 1;
    return STC_OK;
}

static enum stc_err step_point(struct stc_scenario *s, const struct stc_run_params *p,
                               struct stc_arena *a, struct point *out,
                               struct stc_diag *diag)
{
    struct stc_result r;
    struct stc_tune_pick k = {0};
    struct stc_tune_space sp = {.objective = STC_OBJ_STEP, .tokens = -1};
    char source[160];
    enum stc_err err = stc_scenario_resolve(s, diag);
    if (err == STC_OK) err = stc_step_run(s, p, a, &r, diag);
    if (err == STC_OK)
        err = stc_price_of(s->catalogues, s->gpu_name, &sp.usd_per_gpu_hour, source,
                           sizeof source, diag);
    if (err != STC_OK) return err;
    if (s->said.t_price >= 0) sp.usd_per_gpu_hour = s->said.t_price;
    stc_tune_fill(&sp, s, &r, &k);
    take_pick(out, &k);
    out->row.global_batch = s->train.global_batch;
    if (!r.fits) {
        out->row.status = "does not fit";
        snprintf(out->message, sizeof out->message, "%.2f GiB too much on stage %d",
                 r.mem_missing_bytes / 1073741824.0, (int)r.peak_stage);
    }
    return STC_OK;
}

static enum stc_err tune_point(const struct stc_scenario *s,
                               const struct stc_run_params *p,
                               const struct stc_sweep_opts *o, struct stc_arena *a,
                               struct point *out, struct stc_diag *diag)
{
    struct stc_tune_result *r = STC_NEW(a, struct stc_tune_result);
    struct stc_tune_opts t = {.top_n = 1, .n_threads = o->n_threads, .stop = o->stop};
    if (!r) return stc_fail(diag, STC_ERR_NOMEM, "sweep: out of memory");
    enum stc_err err = stc_tune_run(a, s, p, &t, r, diag);
    if (err == STC_OK && r->interrupted)
        err = stc_fail(diag, STC_ERR_INTERRUPTED, "stopped");
    if (err != STC_OK) return err;
    take_pick(out, &r->picks[0]);
    out->row.global_batch = r->picks[0].layout.dp * r->picks[0].layout.micro_batch *
                            r->picks[0].layout.n_micro;
    return STC_OK;
}

/* What cannot be run is a result too; what went wrong is an error. */
static enum stc_err one_point(const struct stc_scenario *base,
                              const struct stc_run_params *p,
                              const struct stc_sweep_opts *o, int64_t id,
                              struct stc_arena *a, struct point *out,
                              struct stc_diag *diag)
{
    struct stc_scenario s = *base, first = *base;
    enum stc_err err = STC_OK;
    const char *zero[STC_SWEEP_AXES];
    memset(out, 0, sizeof *out);
    out->row.id = id;
    out->row.status = "ok";
    nothing(&out->row);
    values_of(o, id, out->row.value);
    values_of(o, 0, zero);
    for (int i = 0; err == STC_OK && i < o->n_axes; i++) {
        err = stc_scenario_set(&s, o->axis[i].key, out->row.value[i], diag);
        if (err == STC_OK)
            err = stc_scenario_set(&first, o->axis[i].key, zero[i], diag);
    }
    if (err != STC_OK) return err; /* a typing error in --vary */
    if (o->weak) err = scale_batch(&first, &s, diag);
    if (err == STC_OK)
        err = o->tune ? tune_point(&s, p, o, a, out, diag)
                      : step_point(&s, p, a, out, diag);
    if (err == STC_ERR_INFEASIBLE || err == STC_ERR_DEADLOCK || err == STC_ERR_RANGE) {
        out->row.status = "infeasible";
        snprintf(out->message, sizeof out->message, "%.250s", diag->text);
        err = STC_OK;
    }
    out->row.message = out->message;
    out->row.layout = out->layout;
    return err;
}

/* ==== the grid ==== */

struct sweep {
    const struct stc_scenario *s;
    const struct stc_run_params *p;
    const struct stc_sweep_opts *o;
    struct stc_db *db;
    uint8_t *done; /* [n] */
    int64_t n;
    long n_done, n_mine;
    _Atomic int err; /* enum stc_err; threads look at it without the lock */
    struct stc_diag *diag;
};

static enum stc_err mark_done(struct sweep *w, struct stc_db *db)
{
    struct stc_db_stmt *st = NULL;
    enum stc_err err = stc_db_prepare(db, "SELECT id FROM point", &st, w->diag);
    for (bool row = true; err == STC_OK && row;) {
        err = stc_db_step(st, &row, w->diag);
        if (err != STC_OK || !row) break;
        int64_t id = stc_db_col_i64(st, 0);
        if (id >= 0 && id < w->n) w->done[id] = 1;
    }
    stc_db_finish(st);
    return err;
}

/* Two sweeps are the same when scenario, parameters, axes and ways are. */
static void signature(const struct stc_scenario *s, const struct stc_run_params *p,
                      const struct stc_sweep_opts *o, char out[24])
{
    uint64_t h = stc_scenario_hash(s);
    h = stc_hash64(h, &p->hash, sizeof p->hash);
    for (int i = 0; i < o->n_axes; i++)
        h = stc_hash64(h, &o->axis[i], sizeof o->axis[i]);
    const int ways[] = {o->tune, o->weak};
    h = stc_hash64(h, ways, sizeof ways);
    snprintf(out, 24, "%016" PRIx64, h);
}

static enum stc_err put_head(const struct sweep *w)
{
    char hash[24], have[64], text[8192], number[24];
    const struct stc_sweep_opts *o = w->o;
    signature(w->s, w->p, o, hash);
    enum stc_err err = stc_sweep_get_meta(w->db, "hash", have, sizeof have, w->diag);
    if (err != STC_OK) return err;
    if (have[0])
        return strcmp(have, hash) == 0
                   ? STC_OK
                   : stc_fail(
                         w->diag, STC_ERR_PARSE,
                         "the results file holds another sweep; another file would "
                         "be right");
    text[0] = '\0';
    size_t n = 0;
    for (int i = 0; i < o->n_axes; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "",
                              o->axis[i].key);
    const char *title = w->s->said.title[0] ? w->s->said.title : w->s->file;
    snprintf(number, sizeof number, "%" PRId64, w->n);
    err = stc_db_begin(w->db, w->diag);
    if (err == STC_OK) err = stc_sweep_put_meta(w->db, "hash", hash, w->diag);
    if (err == STC_OK) err = stc_sweep_put_meta(w->db, "axes", text, w->diag);
    if (err == STC_OK) err = stc_sweep_put_meta(w->db, "points", number, w->diag);
    if (err == STC_OK) err = stc_sweep_put_meta(w->db, "title", title, w->diag);
    if (err == STC_OK)
        err = stc_sweep_put_meta(w->db, "weak", o->weak ? "1" : "0", w->diag);
    if (err == STC_OK)
        err = stc_sweep_put_meta(w->db, "tuned", o->tune ? "1" : "0", w->diag);
    return err == STC_OK ? stc_db_commit(w->db, w->diag) : err;
}

static int mine(const struct sweep *w, int64_t id)
{
    int n = w->o->n_shards > 0 ? w->o->n_shards : 1;
    const struct stc_team *t = w->o->team;
    if (w->done[id] || id % n != w->o->shard) return 0;
    return !t || id / n % t->size == t->rank;
}

static void do_point(struct sweep *w, int64_t id, struct stc_arena *a)
{
    struct point pt;
    struct stc_diag diag = {""};
    int stop = w->o->stop && *w->o->stop;
    if (w->err != STC_OK || stop || !mine(w, id)) return;
    stc_arena_reset(a);
    enum stc_err err = one_point(w->s, w->p, w->o, id, a, &pt, &diag);
#ifdef _OPENMP
# pragma omp critical(stc_sweep_write)
#endif
    {
        if (err == STC_OK && w->err == STC_OK)
            err = stc_sweep_put_row(w->db, &pt.row, w->o->n_axes, &diag);
        if (err != STC_OK && err != STC_ERR_INTERRUPTED && w->err == STC_OK) {
            w->err = (int)err;
            *w->diag = diag;
        }
        w->n_done++;
        if (w->o->progress) w->o->progress(w->o->ctx, w->n_done, w->n_mine);
    }
}

static enum stc_err run_points(struct sweep *w)
{
    int threads = w->o->tune || w->o->n_threads == 1 ? 1 : w->o->n_threads;
    for (int64_t i = 0; i < w->n; i++)
        w->n_mine += mine(w, i);
#ifdef _OPENMP
# pragma omp parallel num_threads(threads > 0 ? threads : omp_get_max_threads())
#endif
    {
        struct stc_arena a = STC_ARENA_INIT;
        (void)threads;
#ifdef _OPENMP
# pragma omp for schedule(dynamic, 1)
#endif
        for (int64_t i = 0; i < w->n; i++)
            do_point(w, i, &a);
        stc_arena_free(&a);
    }
    return (enum stc_err)w->err;
}

/* Processes write files of their own; the first puts them together. */
static enum stc_err join_team(const struct sweep *w, const char *path)
{
    const struct stc_team *t = w->o->team;
    if (t->any(t->self, w->err != STC_OK) || t->rank != 0) return (enum stc_err)w->err;
    for (int r = 1; r < t->size; r++) {
        char part[4096];
        const char *one = part;
        snprintf(part, sizeof part, "%s.%d", path, r);
        enum stc_err err = stc_sweep_merge(path, &one, 1, w->diag);
        if (err != STC_OK) return err;
        unlink(part);
    }
    return STC_OK;
}

enum stc_err stc_sweep_run(const struct stc_scenario *s, const struct stc_run_params *p,
                           const struct stc_sweep_opts *o, const char *path,
                           struct stc_diag *diag)
{
    struct sweep w = {.s = s, .p = p, .o = o, .n = n_points(o), .diag = diag};
    const struct stc_team *t = o->team && o->team->size > 1 ? o->team : NULL;
    char own[4096];
    struct stc_db *whole = NULL;
    if (w.n > 10000000)
        return stc_fail(diag, STC_ERR_RANGE, "sweep: more than ten million points");
    snprintf(own, sizeof own, "%s", path);
    if (t && t->rank > 0) snprintf(own, sizeof own, "%s.%d", path, t->rank);
    w.done = calloc((size_t)w.n, 1);
    enum stc_err err = w.done ? STC_OK : stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    if (err == STC_OK) err = stc_sweep_open(&w.db, own, STC_DB_CREATE, diag);
    if (err == STC_OK) err = put_head(&w);
    if (err == STC_OK) err = mark_done(&w, w.db);
    if (t && t->any(t->self, 0)) err = STC_ERR_BUG; /* all files are there now */
    if (err == STC_OK && t && t->rank > 0 &&
        stc_sweep_open(&whole, path, STC_DB_READ, diag) == STC_OK)
        err = mark_done(&w, whole);
    stc_db_close(whole);
    if (err == STC_OK) err = run_points(&w);
    w.err = (int)err;
    stc_db_close(w.db);
    if (t) err = join_team(&w, path);
    free(w.done);
    return err;
}
