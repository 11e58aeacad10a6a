/* api_calibrate_fit.c - parameters from the store, and what they forecast of it. */
#include "sim/api.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calib/export.h"
#include "calib/fit.h"
#include "calib/fit_coll.h"
#include "calib/load_coll.h"
#include "calib/load_cost.h"
#include "reports/fit_json.h"
#include "reports/fmt.h"
#include "reports/json_util.h"
#include "reports/validate_text.h"
#include "sim/base/doc.h"
#include "sim/study/validate.h"

/* A folder beside the store that lives as long as a call: the fits and validate
 * read tables, and the store has rows. */
struct work {
    char folder[4096];
};

static void work_close(struct work *w);

/* Folders of calls that were killed: DB.work-PID-… whose process is gone. */
static void sweep_killed(const char *db)
{
    char dir[4096];
    const char *slash = strrchr(db, '/'), *base = slash ? slash + 1 : db;
    (void)snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - db) : 1,
                   slash ? db : ".");
    DIR *d = opendir(dir[0] ? dir : "/");
    size_t len = strlen(base);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        struct work w;
        if (strncmp(e->d_name, base, len) != 0 ||
            strncmp(e->d_name + len, ".work-", 6) != 0)
            continue;
        long pid = strtol(e->d_name + len + 6, NULL, 10);
        if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH) continue;
        int n = snprintf(w.folder, sizeof w.folder, "%s/%s", dir, e->d_name);
        if (n > 0 && (size_t)n < sizeof w.folder) work_close(&w);
    }
    if (d) (void)closedir(d);
}

static enum stc_err work_open(struct work *w, const char *db, struct stc_diag *diag)
{
    int n =
        snprintf(w->folder, sizeof w->folder, "%s.work-%ld-XXXXXX", db, (long)getpid());
    sweep_killed(db);
    if (n < 0 || (size_t)n >= sizeof w->folder || !mkdtemp(w->folder)) {
        w->folder[0] = '\0';
        return stc_fail(diag, STC_ERR_IO, "%s: no folder can be made beside it: %s", db,
                        strerror(errno));
    }
    return STC_OK;
}

static int path_of(const struct work *w, enum stc_form f, char *path, size_t size)
{
    if (stc_form_file(f)[0] == '\0') return 0;
    int n = snprintf(path, size, "%s/%s", w->folder, stc_form_file(f));
    return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}

static void work_close(struct work *w)
{
    char path[4200];
    if (w->folder[0] == '\0') return;
    for (int f = 0; f < STC_FORM_COUNT; f++)
        if (path_of(w, (enum stc_form)f, path, sizeof path)) (void)remove(path);
    (void)rmdir(w->folder);
}

static enum stc_err export_all(const struct stc_calibrate_opts *o, struct stc_store **s,
                               enum stc_db_mode mode, struct work *w, bool whole,
                               struct stc_diag *diag)
{
    enum stc_err err = stc_store_open(s, o->db, mode, diag);
    w->folder[0] = '\0';
    if (err == STC_OK && whole) err = stc_store_check(*s, diag);
    if (err == STC_OK) err = work_open(w, o->db, diag);
    if (err == STC_OK)
        err = stc_store_export(*s, w->folder, o->form, o->gpu, true, NULL, diag);
    return err;
}

static struct stc_calibrate_opts opts_of(const struct stc_calibrate_opts *given)
{
    struct stc_calibrate_opts o = STC_CALIBRATE_OPTS_INIT;
    if (given) memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    if (!o.db) o.db = "stepcast.db";
    return o;
}

/* ==== fit ==== */

static const enum stc_form compute_forms[] = {STC_FORM_GEMM,
                                              STC_FORM_GEMM_TORCH,
                                              STC_FORM_ATTENTION_DECODE,
                                              STC_FORM_ATTENTION_PREFILL,
                                              STC_FORM_ATTENTION_TRAIN,
                                              STC_FORM_MOE};
static const enum stc_form coll_forms[] = {STC_FORM_COLLECTIVES};

static enum stc_err keep_fit(struct stc_store *s, const char *name, const char *text,
                             const enum stc_form *forms, int n_forms, bool scored,
                             struct stc_diag *diag)
{
    char date[32] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm))
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return stc_store_add_fit(s, name, stc_version(), date, text, forms, n_forms, scored,
                             diag);
}

/* A fit and what it is told: holdout, and the shipped parameters behind it. */
struct job {
    struct stc_arena *a;
    struct stc_store *s;
    const struct work *w;
    const char *folder;          /* NULL: nothing is written */
    const struct stc_hw *hw;     /* GPUs that rows of kernels may name */
    const struct stc_hw *own_hw; /* of collectives; NULL: no catalogue was given */
    int holdout;
    struct stc_fit_said *said;
};

static enum stc_err fit_coll(const struct job *j, struct stc_diag *diag)
{
    struct stc_arena *a = j->a;
    char path[4200];
    struct stc_text t;
    if (!path_of(j->w, STC_FORM_COLLECTIVES, path, sizeof path)) return STC_OK;
    struct stc_coll_params *p = STC_NEW(a, struct stc_coll_params);
    struct stc_coll_params *base = STC_NEW(a, struct stc_coll_params);
    struct stc_coll_cv *cv = STC_NEW(a, struct stc_coll_cv);
    if (!p || !cv || !base) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    if (j->holdout < 2) cv = NULL;
    enum stc_err err = stc_load_coll(base, diag);
    if (err == STC_OK)
        err = stc_fit_coll(a, j->own_hw, j->w->folder, base, p, cv, diag);
    j->said->has_coll = true;
    j->said->coll = cv;
    if (err != STC_OK || !j->folder) return err;
    stc_text_init(&t, 0);
    stc_coll_params_write(p, &t);
    err = stc_text_err(&t);
    if (err == STC_OK)
        err = stc_fit_put_text(j->folder, "fits_coll.yaml", stc_text_str(&t), diag);
    if (err == STC_OK)
        err = keep_fit(j->s, "collectives", stc_text_str(&t), coll_forms, 1,
                       j->holdout > 1, diag);
    stc_text_free(&t);
    return err;
}

static enum stc_err keep_compute(struct stc_arena *a, struct stc_store *s,
                                 const char *folder, bool scored, struct stc_diag *diag)
{
    char path[4200], *text = NULL;
    size_t len = 0;
    (void)snprintf(path, sizeof path, "%.4000s/fits.yaml", folder);
    enum stc_err err = stc_read_file(a, path, &text, &len, diag);
    if (err != STC_OK) return err;
    return keep_fit(s, "compute", text, compute_forms,
                    (int)(sizeof compute_forms / sizeof compute_forms[0]), scored,
                    diag);
}

static enum stc_err fit_compute(const struct job *j, struct stc_diag *diag)
{
    struct stc_arena *a = j->a;
    char path[4200];
    bool any = false;
    for (size_t i = 0; i < sizeof compute_forms / sizeof compute_forms[0]; i++)
        any = any || (compute_forms[i] != STC_FORM_GEMM_TORCH && /* only scored on */
                      path_of(j->w, compute_forms[i], path, sizeof path));
    if (!any) return STC_OK;
    struct stc_cost *c = NULL;
    struct stc_fit_report *rep = STC_NEW(a, struct stc_fit_report);
    struct stc_cost *base = NULL;
    if (!rep) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    enum stc_err err = stc_cost_load(a, &base, diag);
    const struct stc_fit_opt opt = {.holdout = j->holdout, .base = base, .hw = j->hw};
    if (err == STC_OK) err = stc_fit_compute(a, j->w->folder, &opt, &c, rep, diag);
    if (err == STC_OK && j->folder) err = stc_fit_write(c, j->folder, diag);
    if (err == STC_OK && j->folder)
        err = keep_compute(a, j->s, j->folder, j->holdout > 1, diag);
    if (err == STC_OK) j->said->kernels = rep;
    return err;
}

static enum stc_err fit_all(const struct job *j, struct stc_diag *diag)
{
    enum stc_err err = fit_coll(j, diag);
    return err == STC_OK ? fit_compute(j, diag) : err;
}

static void put_said(const struct stc_fit_said *s, struct stc_text *out)
{
    if (!s->has_coll)
        stc_text_put(out, "no collectives in the store: the shipped ones stay\n");
    if (s->coll) stc_fit_coll_report(s->coll, out);
    if (s->kernels)
        stc_fit_print(s->kernels, out);
    else
        stc_text_put(out, "nothing in the store to fit kernels to (gemm, attention, "
                          "moe): the shipped fits stay\n");
}

static enum stc_err fit_json(const struct stc_fit_said *s, const char *folder,
                             struct stc_text *out, struct stc_diag *diag)
{
    json_t *doc = stc_json_document("fit", 1), *said = stc_report_fit_json(s);
    stc_json_put(doc, "folder", json_string(folder));
    json_object_update(doc, said);
    json_decref(said);
    return stc_json_text(doc, out, diag);
}

enum stc_err stc_calibrate_fit(const struct stc_calibrate_opts *given,
                               const char *folder, enum stc_format format,
                               struct stc_out *out, struct stc_diag *diag)
{
    const struct stc_calibrate_opts o = opts_of(given);
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_store *s = NULL;
    struct stc_text t;
    struct work w = {""};
    struct stc_fit_said said = {0};
    const struct stc_hw *hw = NULL;
    stc_text_init(&t, 0);
    enum stc_err err = stc_api_hardware(&a, &o, &hw, diag);
    if (err == STC_OK) err = export_all(&o, &s, STC_DB_WRITE, &w, false, diag);
    const struct job j = {.a = &a,
                          .s = s,
                          .w = &w,
                          .folder = folder,
                          .hw = hw,
                          .own_hw = o.n_catalogues ? hw : NULL,
                          .holdout = o.holdout,
                          .said = &said};
    if (err == STC_OK) err = fit_all(&j, diag);
    work_close(&w);
    stc_store_close(s);
    if (err == STC_OK && format == STC_JSON) {
        err = fit_json(&said, folder, &t, diag);
    } else if (err == STC_OK) {
        put_said(&said, &t);
        stc_text_printf(&t, "parameters are in %s; forecast with them by --calib %s\n",
                        folder, folder);
    }
    stc_arena_free(&a);
    return stc_api_out(&t, err, out, diag);
}

/* ==== check ==== */

/* The report of one table of the store; NULL: it cannot be forecast. */
static enum stc_err put_forecast(const struct stc_vreport *r, enum stc_form f,
                                 enum stc_format format, struct stc_text *t,
                                 struct stc_diag *diag)
{
    if (format == STC_JSON) {
        stc_text_printf(t, "\"%s\": ", stc_form_name(f));
        if (r) return stc_report_validate_json(r, t, diag);
        stc_text_put(t, "null");
    } else if (r) {
        stc_fmt_section(t, stc_form_name(f));
        stc_report_validate(r, t);
    } else {
        stc_text_printf(t, "%s: not forecast\n", stc_form_name(f));
    }
    return STC_OK;
}

static enum stc_err forecasts(struct stc *sim, const struct work *w,
                              enum stc_format format, struct stc_text *t,
                              struct stc_diag *diag)
{
    const struct stc_vopts v = {.n_threads = sim->opts.n_threads,
                                .catalogues = stc_api_own(sim),
                                .progress = sim->opts.progress,
                                .ctx = sim->opts.progress_ctx};
    enum stc_err err = STC_OK;
    int n = 0;
    if (format == STC_JSON) stc_text_put(t, ",\n \"tables\": {");
    for (int f = 0; f < STC_FORM_COUNT && err == STC_OK; f++) {
        char path[4200];
        struct stc_arena a = STC_ARENA_INIT;
        struct stc_vreport r;
        if (!path_of(w, (enum stc_form)f, path, sizeof path)) continue;
        if (format == STC_JSON) stc_text_put(t, n++ ? ",\n " : "\n ");
        err = stc_validate_file(&a, path, &sim->params, &v, &r, NULL);
        if (err == STC_ERR_NOMEM)
            (void)stc_fail(diag, err, "out of memory");
        else
            err = put_forecast(err == STC_OK ? &r : NULL, (enum stc_form)f, format, t,
                               diag);
        stc_arena_free(&a);
    }
    if (format == STC_JSON) stc_text_put(t, "}");
    return err;
}

static void check_head(const char *db, enum stc_format format, struct stc_text *t)
{
    if (format == STC_TEXT) {
        stc_text_printf(t, "%s: whole\n", db);
        return;
    }
    stc_text_put(t, "{");
    stc_json_head(t, "check", 1);
    stc_text_put(t, ",\n \"db\": ");
    stc_json_quote(t, db);
    stc_text_put(t, ", \"whole\": true");
}

/* What left-out rows say of a fit. */
static enum stc_err left_out(const struct job *j, enum stc_format format,
                             struct stc_text *t, struct stc_diag *diag)
{
    enum stc_err err = fit_all(j, diag);
    if (err != STC_OK) return err;
    if (format == STC_TEXT) {
        put_said(j->said, t);
        return STC_OK;
    }
    stc_text_put(t, ",\n \"left_out\": ");
    return stc_json_text(stc_report_fit_json(j->said), t, diag);
}

enum stc_err stc_calibrate_check(struct stc *sim,
                                 const struct stc_calibrate_opts *given,
                                 enum stc_format format, struct stc_out *out,
                                 struct stc_diag *diag)
{
    const struct stc_calibrate_opts o = opts_of(given);
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_store *s = NULL;
    struct stc_text t;
    struct work w;
    const struct stc_hw *hw = NULL;
    stc_text_init(&t, 0);
    enum stc_err err = stc_scenario_hw(stc_api_own(sim), &hw, diag);
    w.folder[0] = '\0';
    if (err == STC_OK) err = export_all(&o, &s, STC_DB_READ, &w, true, diag);
    if (err == STC_OK) check_head(o.db, format, &t);
    if (err == STC_OK) err = forecasts(sim, &w, format, &t, diag);
    if (err == STC_OK && o.holdout > 1) {
        struct stc_fit_said said = {0};
        const struct job j = {.a = &a,
                              .s = s,
                              .w = &w,
                              .hw = hw,
                              .own_hw = stc_api_own(sim) ? hw : NULL,
                              .holdout = o.holdout,
                              .said = &said};
        err = left_out(&j, format, &t, diag);
    }
    if (format == STC_JSON) stc_text_put(&t, "}\n");
    work_close(&w);
    stc_store_close(s);
    stc_arena_free(&a);
    return stc_api_out(&t, err, out, diag);
}
