/*
 * import_log.c - training logs as anchors: Megatron-LM, NeMo, DeepSpeed,
 * torchtitan.
 *
 * THEORY. Frameworks print a line now and then with the time of a step. Which
 * words stand before which figure is the table below; everything around them
 * (rank prefixes, dates, colours, progress bars) is skipped. The forecast is
 * compared with the steady state, so the first steps (compilation, caches,
 * autotuning) are left out: a tenth of what was printed, at least one and at
 * most 20 lines. A batch that ramps up leaves the lines of its last size. The
 * median and the 10 and 90 % quantiles of the rest are robust against
 * checkpoints and stragglers.
 *
 * UNITS. Megatron-LM prints megabytes as 2^20 bytes, DeepSpeed and torchtitan
 * gigabytes as 2^30. torchtitan's tps (earlier: wps) is per GPU.
 */
#include "calib/import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/source.h"
#include "sim/base/stats.h"

enum { MAX_OBS = 1 << 16, MAX_WARM = 20 };

enum what { STEP_S, SAMPLES_PER_S, TOKENS_PER_S, N_SERIES, BATCH, ALLOC, RESERVED };

static const struct rule {
    const char *words; /* just before the figure */
    const char *also;  /* must stand on the line too; NULL: nothing */
    const char *framework;
    enum what what;
    double scale;
} rules[] = {
    {"elapsed time per iteration (ms):", NULL, "Megatron-LM", STEP_S, 1e-3},
    {"elapsed time per iteration (s):", NULL, "Megatron-LM", STEP_S, 1.0},
    {"global batch size:", "iteration", "Megatron-LM", BATCH, 1.0},
    {"max allocated:", "memory (MB)", "Megatron-LM", ALLOC, 1048576.0},
    {"max reserved:", "memory (MB)", "Megatron-LM", RESERVED, 1048576.0},
    {"mem-max-allocated-bytes:", NULL, "Megatron-LM", ALLOC, 1.0},
    {"train_step_timing in s:", NULL, "NeMo", STEP_S, 1.0},
    {"train_step_timing in s=", NULL, "NeMo", STEP_S, 1.0},
    {"\"train_step_timing in s\":", NULL, "NeMo", STEP_S, 1.0},
    {"global_batch_size:", "train_step_timing", "NeMo", BATCH, 1.0},
    {"iter time (s):", NULL, "DeepSpeed", STEP_S, 1.0},
    {"samples/sec:", "iter time (s)", "DeepSpeed", SAMPLES_PER_S, 1.0},
    {"CurrSamplesPerSec=", NULL, "DeepSpeed", SAMPLES_PER_S, 1.0},
    {"MaxMemAllocated=", NULL, "DeepSpeed", ALLOC, 1073741824.0},
    {"Max_MA ", "MA ", "DeepSpeed", ALLOC, 1073741824.0},
    {"tps: ", "loss:", "torchtitan", TOKENS_PER_S, 1.0},
    {"wps: ", "loss:", "torchtitan", TOKENS_PER_S, 1.0},
    {"memory: ", "loss:", "torchtitan", RESERVED, 1073741824.0},
};

struct log {
    double *v[N_SERIES];
    int64_t *batch; /* at each entry of STEP_S */
    int n[N_SERIES];
    double alloc, reserved;
    int64_t now_batch;
    const char *framework;
};

/* A figure such as 6,785 or 0.123E+02 right after the words (blanks between). */
static bool figure(const char *s, double *out)
{
    char buf[48];
    size_t n = 0;
    s += strspn(s, " \t");
    for (; n + 1 < sizeof buf && *s != '\0'; s++) {
        if (*s == ',' && s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9' &&
            s[3] >= '0' && s[3] <= '9')
            continue;
        if (strchr("0123456789.", *s) == NULL && !(n > 0 && (*s == 'e' || *s == 'E')) &&
            !(n > 0 && (*s == '+' || *s == '-') &&
              (buf[n - 1] == 'e' || buf[n - 1] == 'E')))
            break;
        buf[n++] = *s;
    }
    buf[n] = '\0';
    while (n > 0 && (buf[n - 1] == '.' || buf[n - 1] == 'e' || buf[n - 1] == 'E'))
        buf[--n] = '\0';
    return n > 0 && stc_text_to_double(buf, out) && *out > 0.0 && *out < 1e18;
}

static void take(struct log *l, const struct rule *rule, double v)
{
    switch (rule->what) {
    case BATCH: l->now_batch = v < 1e9 ? (int64_t)v : 0; break;
    case ALLOC: l->alloc = fmax(l->alloc, v); break;
    case RESERVED: l->reserved = fmax(l->reserved, v); break;
    default:
        if (l->framework == NULL) l->framework = rule->framework;
        if (strcmp(l->framework, rule->framework) != 0 || l->n[rule->what] == MAX_OBS)
            return;
        if (rule->what == STEP_S)
            l->batch[l->n[STEP_S]] = 0; /* set at the line's end */
        l->v[rule->what][l->n[rule->what]++] = v;
    }
}

static void one_line(struct log *l, const char *s)
{
    int before = l->n[STEP_S];
    if (strchr(s, ':') == NULL && strchr(s, '=') == NULL) return;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        double v = 0.0;
        if (rule->also != NULL && strstr(s, rule->also) == NULL) continue;
        const char *at = strstr(s, rule->words), *next;
        if (at == NULL) continue;
        /* A progress bar writes many states into one line: the last counts. */
        while ((next = strstr(at + 1, rule->words)) != NULL)
            at = next;
        if (figure(at + strlen(rule->words), &v)) take(l, rule, v * rule->scale);
    }
    for (int i = before; i < l->n[STEP_S]; i++)
        l->batch[i] = l->now_batch;
}

/* ==== the steady part ==== */

/* Entries from warm-up's end on, of the last batch size; returns how many and
 * moves them to the front. */
static int steady(double *v, const int64_t *batch, int n, int *skipped)
{
    int kept = 0, warm = n / 10 < 1 ? 1 : n / 10;
    if (warm > MAX_WARM) warm = MAX_WARM;
    if (n == 1) warm = 0; /* better one figure than none */
    for (int i = warm; i < n; i++) {
        if (batch != NULL && batch[i] != batch[n - 1]) continue;
        v[kept++] = v[i];
    }
    *skipped = n - kept;
    stc_sort(v, (size_t)kept);
    return kept;
}

static void conclude(struct log *l, struct stc_anchor *out)
{
    int skipped = 0, kept[N_SERIES];
    *out = (struct stc_anchor){
        .step_s = (double)NAN,
        .lo_s = (double)NAN,
        .hi_s = (double)NAN,
        .tokens_per_s_per_gpu = (double)NAN,
        .samples_per_s = (double)NAN,
        .allocated_bytes = l->alloc > 0.0 ? l->alloc : (double)NAN,
        .reserved_bytes = l->reserved > 0.0 ? l->reserved : (double)NAN};
    (void)snprintf(out->framework, sizeof out->framework, "%s", l->framework);
    double *const to[N_SERIES] = {&out->step_s, &out->samples_per_s,
                                  &out->tokens_per_s_per_gpu};
    for (int s = 0; s < N_SERIES; s++) {
        kept[s] = steady(l->v[s], s == STEP_S ? l->batch : NULL, l->n[s], &skipped);
        if (kept[s] == 0) continue;
        *to[s] = stc_quantile_sorted(l->v[s], (size_t)kept[s], 0.5);
        if (kept[s] > out->n_steps) {
            out->n_steps = kept[s];
            out->n_skipped = skipped;
        }
    }
    if (kept[STEP_S] > 0) {
        out->lo_s = stc_quantile_sorted(l->v[STEP_S], (size_t)kept[STEP_S], 0.1);
        out->hi_s = stc_quantile_sorted(l->v[STEP_S], (size_t)kept[STEP_S], 0.9);
    }
    out->global_batch = l->now_batch;
}

static bool start(struct log *l)
{
    *l = (struct log){0};
    bool ok = (l->batch = malloc(MAX_OBS * sizeof *l->batch)) != NULL;
    for (int s = 0; s < N_SERIES; s++)
        ok = (l->v[s] = malloc(MAX_OBS * sizeof *l->v[s])) != NULL && ok;
    return ok;
}

static void stop(struct log *l)
{
    free(l->batch);
    for (int s = 0; s < N_SERIES; s++)
        free(l->v[s]);
}

enum stc_err stc_log_read(struct stc_source *src, const char *name,
                          struct stc_anchor *out, struct stc_diag *diag)
{
    struct log l;
    char *line = NULL;
    enum stc_err err = STC_OK;
    if (!start(&l)) err = stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", name);
    while (err == STC_OK && (err = stc_source_line(src, &line, diag)) == STC_OK &&
           line != NULL)
        one_line(&l, line);
    if (err == STC_OK && l.framework == NULL)
        err = stc_fail(diag, STC_ERR_PARSE,
                       "%s: no step times; logs of Megatron-LM, NeMo, DeepSpeed and "
                       "torchtitan are known",
                       name);
    if (err == STC_OK) conclude(&l, out);
    stop(&l);
    return err;
}

enum stc_err stc_log_read_file(const char *path, struct stc_anchor *out,
                               struct stc_diag *diag)
{
    struct stc_source src;
    enum stc_err err = stc_source_open(&src, path, diag);
    if (err != STC_OK) return err;
    err = stc_log_read(&src, path, out, diag);
    stc_source_close(&src);
    return err;
}

enum stc_err stc_import_log(struct stc_source *src, const char *name,
                            const struct stc_import_opts *o,
                            const struct stc_sink *sink, struct stc_import_report *r,
                            struct stc_diag *diag)
{
    struct stc_anchor a;
    (void)o;
    enum stc_err err = stc_log_read(src, name, &a, diag);
    if (err != STC_OK) return err;
    r->n_rows++;
    (void)snprintf(r->remark, sizeof r->remark,
                   "%s: median of %d entries, %d of warm-up left out", a.framework,
                   a.n_steps, a.n_skipped);
    return sink->anchor(sink->ctx, &a, diag);
}
