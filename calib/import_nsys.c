/*
 * import_nsys.c - Nsight Systems' SQLite export (nsys export --type sqlite).
 *
 * THEORY. CUPTI_ACTIVITY_KIND_KERNEL has start and end in nanoseconds and the
 * ids of names in StringIds; MEMCPY and MEMSET have bytes and a kind; NVTX_EVENTS
 * has ranges that people push. Every name gives one measurement: median, minimum
 * and 95 % quantile of its durations. Which tables and columns are there depends
 * on the version and on what was traced, so each is asked for.
 *
 * LIMITS. The file is somebody else's: opened for reading, views and triggers
 * off, rows walked one by one (sim/base/db.h, calib/opstats.h).
 */
#include "calib/import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/opstats.h"
#include "sim/base/db.h"

struct nsys {
    struct stc_db *db;
    struct stc_opstats stats;
    char gpu[64];
    const char *path;
    const struct stc_hw *hw;
};

static bool has(struct nsys *n, const char *table, const char *column)
{
    char sql[256];
    int64_t there = 0;
    struct stc_diag quiet;
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM pragma_table_info('%s') WHERE name = '%s'",
                   table, column);
    return stc_db_one_i64(n->db, sql, &there, &quiet) == STC_OK && there > 0;
}

/* Rows (name, start, end, bytes) of sql into the statistics under a letter. */
static enum stc_err walk(struct nsys *n, char letter, const char *sql,
                         struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    bool row = false;
    enum stc_err err = stc_db_prepare(n->db, sql, &st, diag);
    while (err == STC_OK && (err = stc_db_step(st, &row, diag)) == STC_OK && row) {
        char name[512];
        double start = stc_db_col_double(st, 1), end = stc_db_col_double(st, 2);
        int64_t bytes = stc_db_col_i64(st, 3);
        if (stc_db_col_is_null(st, 0) || !(end > start) || !(end - start < 1e15))
            continue;
        int len = letter == 'm' ? snprintf(name, sizeof name, "m%.255s\x1f%lld",
                                           stc_db_col_text(st, 0), (long long)bytes)
                                : snprintf(name, sizeof name, "%c%.255s", letter,
                                           stc_db_col_text(st, 0));
        uint32_t at = len > 0 ? stc_opstats_name(&n->stats, name, (size_t)len) : 0;
        if (!stc_opstats_add(&n->stats, at, (end - start) * 1e-9))
            err = stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", n->path);
    }
    stc_db_finish(st);
    return err;
}

static enum stc_err kernels(struct nsys *n, struct stc_diag *diag)
{
    static const char *const columns[] = {"demangledName", "shortName", "mangledName"};
    char sql[320];
    if (!has(n, "CUPTI_ACTIVITY_KIND_KERNEL", "start") || !has(n, "StringIds", "value"))
        return STC_OK;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (!has(n, "CUPTI_ACTIVITY_KIND_KERNEL", columns[i])) continue;
        (void)snprintf(sql, sizeof sql,
                       "SELECT s.value, k.start, k.\"end\", 0 FROM"
                       " CUPTI_ACTIVITY_KIND_KERNEL k JOIN StringIds s ON s.id = k.%s",
                       columns[i]);
        return walk(n, 'k', sql, diag);
    }
    return STC_OK;
}

static enum stc_err copies(struct nsys *n, struct stc_diag *diag)
{
    /* CUpti_ActivityMemcpyKind of CUPTI's documentation. */
    static const char sql[] =
        "SELECT CASE copyKind WHEN 1 THEN 'Memcpy HtoD' WHEN 2 THEN 'Memcpy DtoH'"
        " WHEN 8 THEN 'Memcpy DtoD' WHEN 10 THEN 'Memcpy PtoP'"
        " ELSE 'Memcpy kind ' || copyKind END, start, \"end\", bytes"
        " FROM CUPTI_ACTIVITY_KIND_MEMCPY";
    enum stc_err err = STC_OK;
    if (has(n, "CUPTI_ACTIVITY_KIND_MEMCPY", "copyKind") &&
        has(n, "CUPTI_ACTIVITY_KIND_MEMCPY", "bytes"))
        err = walk(n, 'm', sql, diag);
    if (err == STC_OK && has(n, "CUPTI_ACTIVITY_KIND_MEMSET", "bytes"))
        err = walk(n, 'm',
                   "SELECT 'Memset', start, \"end\", bytes"
                   " FROM CUPTI_ACTIVITY_KIND_MEMSET",
                   diag);
    return err;
}

static enum stc_err ranges(struct nsys *n, struct stc_diag *diag)
{
    if (!has(n, "NVTX_EVENTS", "end") || !has(n, "NVTX_EVENTS", "text")) return STC_OK;
    bool ids = has(n, "NVTX_EVENTS", "textId") && has(n, "StringIds", "value");
    return walk(n, 'r',
                ids ? "SELECT coalesce(e.text, s.value), e.start, e.\"end\", 0 FROM"
                      " NVTX_EVENTS e LEFT JOIN StringIds s ON s.id = e.textId"
                      " WHERE e.\"end\" IS NOT NULL"
                    : "SELECT text, start, \"end\", 0 FROM NVTX_EVENTS"
                      " WHERE \"end\" IS NOT NULL",
                diag);
}

static enum stc_err device(struct nsys *n, struct stc_diag *diag)
{
    struct stc_db_stmt *st = NULL;
    bool row = false;
    if (!has(n, "TARGET_INFO_GPU", "name")) return STC_OK;
    bool mem = has(n, "TARGET_INFO_GPU", "totalMemory");
    enum stc_err err =
        stc_db_prepare(n->db,
                       mem ? "SELECT name, totalMemory FROM TARGET_INFO_GPU LIMIT 1"
                           : "SELECT name, 0 FROM TARGET_INFO_GPU LIMIT 1",
                       &st, diag);
    if (err == STC_OK) err = stc_db_step(st, &row, diag);
    if (err == STC_OK && row)
        (void)stc_import_gpu(n->hw, stc_db_col_text(st, 0), stc_db_col_double(st, 1),
                             n->gpu, sizeof n->gpu);
    stc_db_finish(st);
    return err;
}

static enum stc_form shape_of(const char *name, struct stc_text *t)
{
    char part[512];
    (void)snprintf(part, sizeof part, "%s", name + 1);
    char *sep = strchr(part, '\x1f');
    if (name[0] == 'm' && sep != NULL) {
        *sep = '\0';
        stc_shape_put(t, "copy", part);
        stc_shape_put(t, "bytes", sep + 1);
        return STC_FORM_COPY;
    }
    stc_shape_put(t, name[0] == 'r' ? "range" : "kernel", part);
    return name[0] == 'r' ? STC_FORM_RANGE : STC_FORM_KERNEL;
}

static enum stc_err facts(struct nsys *n, const struct stc_import_opts *o,
                          const struct stc_sink *sink, struct stc_import_report *r,
                          struct stc_diag *diag)
{
    struct stc_text t;
    enum stc_err err = STC_OK;
    stc_text_init(&t, 1u << 16);
    for (uint32_t i = 1; i < n->stats.n && err == STC_OK; i++) {
        const struct stc_opstat *s = &n->stats.v[i];
        if (s->n == 0) continue;
        stc_text_clear(&t);
        struct stc_meas m = {.form = shape_of(s->name, &t)};
        m.shape = stc_text_str(&t);
        m.gpu = n->gpu[0] != '\0' ? n->gpu : o->gpu != NULL ? o->gpu : "unknown";
        m.machine = o->machine;
        m.source = "Nsight Systems";
        m.notes = s->name[0] == 'r' ? "NVTX range: host time" : "kernel or copy time";
        m.unit = "s";
        m.repeats = s->n;
        m.min = s->min_s;
        stc_opstats_quantiles(&n->stats, i, &m.value, &m.p95);
        r->n_rows++;
        err = stc_text_err(&t);
        if (err == STC_OK) err = sink->meas(sink->ctx, &m, diag);
    }
    stc_text_free(&t);
    return err;
}

enum stc_err stc_import_nsys(const char *path, const struct stc_import_opts *o,
                             const struct stc_sink *sink, struct stc_import_report *r,
                             struct stc_diag *diag)
{
    struct nsys n = {.path = path, .hw = o->hw};
    if (!stc_opstats_init(&n.stats))
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", path);
    enum stc_err err = stc_db_open(&n.db, path, STC_DB_READ, NULL, diag);
    if (err == STC_OK) err = device(&n, diag);
    if (err == STC_OK) err = kernels(&n, diag);
    if (err == STC_OK) err = copies(&n, diag);
    if (err == STC_OK) err = ranges(&n, diag);
    if (err == STC_OK) err = facts(&n, o, sink, r, diag);
    if (err == STC_OK && r->n_rows == 0)
        err = stc_fail(diag, STC_ERR_PARSE,
                       "%s: an SQLite file, but no Nsight Systems export with kernels, "
                       "copies or ranges",
                       path);
    stc_db_close(n.db);
    stc_opstats_free(&n.stats);
    return err;
}
