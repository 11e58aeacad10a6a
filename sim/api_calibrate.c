/* api_calibrate.c - the store of measurements: import, show, export, forget; anchors. */
#include "sim/api.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calib/export.h"
#include "calib/import.h"
#include "calib/store.h"
#include "reports/anchor_text.h"
#include "reports/json_util.h"
#include "sim/study/anchor.h"

static struct stc_calibrate_opts opts_of(const struct stc_calibrate_opts *given)
{
    struct stc_calibrate_opts o = STC_CALIBRATE_OPTS_INIT;
    if (given) memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    if (!o.db) o.db = "stepcast.db";
    return o;
}

static void today(char buf[32])
{
    time_t now = time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm) || strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        buf[0] = '\0';
}

/* ==== import ==== */

static void import_line(const char *path, const struct stc_import_report *r,
                        enum stc_format format, struct stc_text *t)
{
    if (format == STC_JSON) {
        stc_text_put(t, "{");
        stc_json_head(t, "import", 1);
        stc_text_put(t, ", \"file\": ");
        stc_json_quote(t, path);
        stc_text_printf(t,
                        ", \"kind\": \"%s\", \"rows\": %lld, \"new\": %lld, "
                        "\"skipped\": %lld, \"remark\": ",
                        r->kind, (long long)r->n_rows, (long long)r->n_new,
                        (long long)r->n_skipped);
        stc_json_quote(t, r->remark);
        stc_text_put(t, "}\n");
        return;
    }
    stc_text_printf(t, "%s: %s, %lld facts, %lld new", path, r->kind,
                    (long long)r->n_rows, (long long)r->n_new);
    if (r->n_skipped > 0)
        stc_text_printf(t, ", %lld lines hold none", (long long)r->n_skipped);
    if (r->known) stc_text_put(t, " (this file was imported before)");
    stc_text_printf(t, "%s%s\n", r->remark[0] ? "; " : "", r->remark);
}

/* A store that an import made and put nothing into goes again. */
static void take_back(struct stc_store *s, const char *db)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    int64_t n = 1;
    char path[4096];
    bool empty = stc_store_count(s, "measurement", &n, NULL) == STC_OK && n == 0;
    stc_store_close(s);
    for (size_t i = 0; empty && i < sizeof ends / sizeof ends[0]; i++)
        if (snprintf(path, sizeof path, "%s%s", db, ends[i]) < (int)sizeof path)
            (void)remove(path);
}

enum stc_err stc_calibrate_import(const struct stc_calibrate_opts *given,
                                  const char *path, enum stc_format format,
                                  struct stc_out *out, struct stc_diag *diag)
{
    const struct stc_calibrate_opts o = opts_of(given);
    char date[32], tool[64];
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_hw *hw = NULL;
    struct stc_store *s = NULL;
    struct stc_import_report r;
    struct stc_text t;
    today(date);
    (void)snprintf(tool, sizeof tool, "stepcast %s", stc_version());
    enum stc_err err = stc_api_hardware(&a, &o, &hw, diag);
    const struct stc_import_opts io = {.machine = o.machine,
                                       .gpu = o.gpu,
                                       .fabric = o.fabric,
                                       .nics_per_node = o.nics_per_node,
                                       .nic_gbps = o.nic_gbps,
                                       .tool = tool,
                                       .date = date,
                                       .hw = hw};
    bool is_new = access(o.db, F_OK) != 0;
    if (err == STC_OK) err = stc_store_open(&s, o.db, STC_DB_CREATE, diag);
    if (err == STC_OK) err = stc_import_file(s, path, &io, &r, diag);
    if (err != STC_OK && s && is_new)
        take_back(s, o.db);
    else
        stc_store_close(s);
    stc_arena_free(&a);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    import_line(path, &r, format, &t);
    return stc_api_out(&t, STC_OK, out, diag);
}

/* ==== show ==== */

struct show {
    struct stc_text *t;
    enum stc_format format;
    const struct stc_calibrate_opts *o;
    int n;
};

static enum stc_err show_line(void *ctx, const struct stc_store_line *l,
                              struct stc_diag *diag)
{
    struct show *s = ctx;
    (void)diag;
    if ((s->o->form && strcmp(s->o->form, l->form) != 0) ||
        (s->o->gpu && strcmp(s->o->gpu, l->gpu) != 0))
        return STC_OK;
    if (s->format == STC_JSON) {
        stc_text_printf(s->t, "%s\n  {\"form\": ", s->n > 0 ? "," : "");
        stc_json_quote(s->t, l->form);
        stc_text_put(s->t, ", \"gpu\": ");
        stc_json_quote(s->t, l->gpu);
        stc_text_printf(s->t, ", \"rows\": %lld, \"files\": %lld, \"machines\": %lld}",
                        (long long)l->n_rows, (long long)l->n_files,
                        (long long)l->n_machines);
    } else {
        stc_text_printf(s->t, "%-18s %-26s %9lld rows %4lld files %4lld machines\n",
                        l->form, l->gpu, (long long)l->n_rows, (long long)l->n_files,
                        (long long)l->n_machines);
    }
    s->n++;
    return STC_OK;
}

/* One table of one GPU asked for: its facts, not their number. */
static enum stc_err show_fact(void *ctx, const struct stc_meas_row *r,
                              struct stc_diag *diag)
{
    struct show *s = ctx;
    (void)diag;
    if (s->n++ < 200)
        stc_text_printf(s->t, "%.6g %s  %s  (%s:%d%s%s)\n", r->m.value, r->m.unit,
                        r->m.shape, r->file, r->m.line, r->m.machine[0] ? "; " : "",
                        r->m.machine);
    return STC_OK;
}

static enum stc_err counts(struct stc_store *s, enum stc_format format,
                           struct stc_text *t, struct stc_diag *diag)
{
    static const char *const what[] = {"anchor", "fit", "retracted", "file"};
    for (size_t i = 0; i < sizeof what / sizeof what[0]; i++) {
        int64_t n = 0;
        enum stc_err err = stc_store_count(s, what[i], &n, diag);
        if (err != STC_OK) return err;
        if (format == STC_JSON) {
            stc_text_printf(t, ", \"%s%s\": %lld", what[i], i == 2 ? "" : "s",
                            (long long)n);
            continue;
        }
        stc_text_printf(t, "%s%lld %s%s", i ? ", " : "", (long long)n,
                        i == 2 ? "facts " : "", what[i]);
        if (n != 1 && i != 2) stc_text_put(t, "s");
    }
    stc_text_put(t, format == STC_JSON ? "}\n" : "\n");
    return STC_OK;
}

enum stc_err stc_calibrate_show(const struct stc_calibrate_opts *given,
                                enum stc_format format, struct stc_out *out,
                                struct stc_diag *diag)
{
    const struct stc_calibrate_opts o = opts_of(given);
    struct stc_store *s = NULL;
    struct stc_text t;
    struct show show = {.t = &t, .format = format, .o = &o};
    enum stc_err err = stc_store_open(&s, o.db, STC_DB_READ, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (format == STC_JSON) {
        stc_text_put(&t, "{");
        stc_json_head(&t, "store", 1);
        stc_text_put(&t, ",\n \"tables\": [");
    }
    if (format == STC_TEXT && o.form && o.gpu) {
        err = stc_store_each(s, o.form, o.gpu, show_fact, &show, diag);
        if (show.n > 200) stc_text_printf(&t, "... and %d more\n", show.n - 200);
    } else {
        err = stc_store_summary(s, show_line, &show, diag);
        if (format == STC_JSON) stc_text_put(&t, "\n ]");
        if (err == STC_OK) err = counts(s, format, &t, diag);
    }
    stc_store_close(s);
    return stc_api_out(&t, err, out, diag);
}

/* ==== export, forget ==== */

enum stc_err stc_calibrate_export(const struct stc_calibrate_opts *given,
                                  const char *folder, enum stc_format format,
                                  struct stc_out *out, struct stc_diag *diag)
{
    const struct stc_calibrate_opts o = opts_of(given);
    struct stc_store *s = NULL;
    struct stc_text t;
    int64_t n = 0;
    enum stc_err err = stc_store_open(&s, o.db, STC_DB_READ, diag);
    if (err == STC_OK)
        err = stc_store_export(s, folder, o.form, o.gpu, false, &n, diag);
    stc_store_close(s);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (format == STC_TEXT) {
        stc_text_printf(&t, "%s: %lld facts\n", folder, (long long)n);
        return stc_api_out(&t, STC_OK, out, diag);
    }
    json_t *doc = stc_json_document("export", 1);
    stc_json_put(doc, "folder", json_string(folder));
    stc_json_put(doc, "facts", json_integer(n));
    err = stc_json_text(doc, &t, diag);
    return stc_api_out(&t, err, out, diag);
}

enum stc_err stc_calibrate_forget(const struct stc_calibrate_opts *given,
                                  const char *what, const char *value,
                                  enum stc_format format, struct stc_out *out,
                                  struct stc_diag *diag)
{
    const struct stc_calibrate_opts o = opts_of(given);
    struct stc_store *s = NULL;
    struct stc_text t;
    char date[32];
    int64_t n = 0;
    today(date);
    enum stc_err err = stc_store_open(&s, o.db, STC_DB_WRITE, diag);
    if (err == STC_OK) err = stc_store_forget(s, what, value, date, &n, diag);
    stc_store_close(s);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (format == STC_TEXT) {
        stc_text_printf(
            &t, "%lld facts retracted; importing their file again brings them back\n",
            (long long)n);
        return stc_api_out(&t, STC_OK, out, diag);
    }
    json_t *doc = stc_json_document("forget", 1);
    stc_json_put(doc, what, json_string(value));
    stc_json_put(doc, "retracted", json_integer(n));
    err = stc_json_text(doc, &t, diag);
    return stc_api_out(&t, err, out, diag);
}

/* ==== anchor ==== */

enum stc_err stc_calibrate_anchor(struct stc *sim, const char *log_path,
                                  enum stc_format format, struct stc_out *out,
                                  struct stc_diag *diag)
{
    struct stc_anchor run;
    struct stc_anchor_report r;
    struct stc_text t;
    enum stc_err err = stc_log_read_file(log_path, &run, diag);
    if (err == STC_OK) err = stc_api_run(sim, 0, diag);
    if (err != STC_OK) return err;
    err = stc_anchor_explain(&sim->resolved, &sim->params, &run, &r, diag);
    if (err != STC_OK) return err;
    stc_text_init(&t, 0);
    if (format == STC_JSON)
        stc_report_anchor_json(&r, &run, &t);
    else
        stc_report_anchor(&r, &run, &t);
    return stc_api_out(&t, STC_OK, out, diag);
}
