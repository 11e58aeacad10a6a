#include "calib/evidence_pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BASE = 91, TIME_ZERO = -24, TIME_STEPS = 340 };

static int digit(int i)
{
    int c = '#' + i;
    return c >= ',' ? c + 1 : c;
}

static int undigit(char c)
{
    int x = (unsigned char)c;
    if (x < '#' || x > '~' || x == ',') return -1;
    return x > ',' ? x - '#' - 1 : x - '#';
}

/* ==== make ==== */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static bool same(float x, float y)
{
    return fabsf(x - y) < 1e-4f * (1 + fabsf(x));
}

static bool set_axis(struct stc_evidence *e, int axis, const float *feat, int n,
                     float *scratch)
{
    int made = 0;
    for (int i = 0; i < n; i++)
        scratch[i] = feat[(size_t)i * STC_FEAT_MAX + (size_t)axis];
    qsort(scratch, (size_t)n, sizeof *scratch, by_value);
    for (int i = 0; i < n; i++) {
        if (made > 0 && same(scratch[i], e->value[axis][made - 1])) continue;
        if (made == STC_EVIDENCE_VALUES) return false;
        e->value[axis][made++] = scratch[i];
    }
    e->n_values[axis] = made;
    return true;
}

static uint8_t index_of(const struct stc_evidence *e, int axis, float x)
{
    for (int i = 0; i < e->n_values[axis]; i++)
        if (same(x, e->value[axis][i])) return (uint8_t)i;
    return 0;
}

enum stc_err stc_evidence_make(struct stc_arena *a, const float *feat,
                               const double *seconds, const int32_t *id, int n,
                               struct stc_residual *r, struct stc_diag *diag)
{
    struct stc_evidence *e = STC_NEW(a, struct stc_evidence);
    uint8_t *index = STC_NEW_N(a, uint8_t, (size_t)n * (size_t)r->n_axes);
    float *log2_s = STC_NEW_N(a, float, (size_t)n),
          *scratch = STC_NEW_N(a, float, (size_t)n);
    int32_t *ids = STC_NEW_N(a, int32_t, (size_t)n);
    if (e == NULL || index == NULL || log2_s == NULL || scratch == NULL || ids == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "evidence");
    *e = (struct stc_evidence){
        .n = n, .n_axes = r->n_axes, .index = index, .log2_s = log2_s, .id = ids};
    for (int i = 0; i < r->n_axes; i++)
        if (!set_axis(e, i, feat, n, scratch)) return STC_OK;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < r->n_axes; j++)
            index[i * r->n_axes + j] =
                index_of(e, j, feat[(size_t)i * STC_FEAT_MAX + (size_t)j]);
        log2_s[i] = (float)log2(seconds[i]);
        ids[i] = id[i];
    }
    r->evidence = e;
    return stc_evidence_done(a, r, diag);
}

/* ==== write ==== */

static void put_two(FILE *f, int x)
{
    x = x < 0 ? 0 : x >= BASE * BASE ? BASE * BASE - 1 : x;
    fputc(digit(x / BASE), f);
    fputc(digit(x % BASE), f);
}

void stc_evidence_write(FILE *f, const char *prefix, const struct stc_evidence *e)
{
    for (int a = 0; a < e->n_axes; a++) {
        fprintf(f, "%s,axis,%d,", prefix, a);
        for (int i = 0; i < e->n_values[a]; i++)
            fprintf(f, "%s%.7g", i > 0 ? " " : "", (double)e->value[a][i]);
        fputs(",\n", f);
    }
    for (int i = 0; i < e->n; i++) {
        if (i % STC_EVIDENCE_CHUNK == 0)
            fprintf(f, "%s%s,rows,%d,", i > 0 ? ",\n" : "", prefix,
                    i / STC_EVIDENCE_CHUNK);
        for (int a = 0; a < e->n_axes; a++)
            fputc(digit(e->index[i * e->n_axes + a]), f);
        put_two(f, (int)lrint(((double)e->log2_s[i] - TIME_ZERO) * TIME_STEPS));
        put_two(f, e->id[i] - (i > 0 ? e->id[i - 1] : 0));
    }
    fputs(",\n", f);
}

/* ==== read ==== */

/* The list while it grows; kept behind the public struct. */
static struct stc_evidence *evidence_of(struct stc_arena *a, struct stc_residual *r)
{
    if (r->evidence == NULL) {
        struct stc_evidence *e = STC_NEW(a, struct stc_evidence);
        r->evidence = e;
        return e;
    }
    return (struct stc_evidence *)(uintptr_t)r->evidence;
}

enum stc_err stc_evidence_axis(struct stc_arena *a, struct stc_residual *r, int axis,
                               const char *text, struct stc_diag *diag)
{
    struct stc_evidence *e = evidence_of(a, r);
    if (e == NULL) return stc_fail(diag, STC_ERR_NOMEM, "evidence");
    if (axis < 0 || axis >= STC_EVIDENCE_AXES)
        return stc_fail(diag, STC_ERR_RANGE, "axis %d", axis);
    if (e->n > 0)
        return stc_fail(diag, STC_ERR_PARSE, "an axis after the rows that use it");
    int n = 0;
    for (const char *s = text; *s != '\0';) {
        char *end;
        float x = strtof(s, &end);
        if (end == s || !isfinite(x) || n == STC_EVIDENCE_VALUES)
            return stc_fail(diag, STC_ERR_PARSE, "not the values of an axis");
        e->value[axis][n++] = x;
        s = *end == ' ' ? end + 1 : end;
    }
    e->n_values[axis] = n;
    if (axis >= e->n_axes) e->n_axes = axis + 1;
    return STC_OK;
}

static enum stc_err make_room(struct stc_arena *a, struct stc_evidence *e, int more,
                              struct stc_diag *diag)
{
    size_t n = (size_t)e->n, all = n + (size_t)more, axes = (size_t)e->n_axes;
    uint8_t *index = STC_NEW_N(a, uint8_t, all * axes);
    float *log2_s = STC_NEW_N(a, float, all);
    int32_t *id = STC_NEW_N(a, int32_t, all);
    if (index == NULL || log2_s == NULL || id == NULL)
        return stc_fail(diag, STC_ERR_NOMEM, "evidence");
    if (n > 0) {
        memcpy(index, e->index, n * axes);
        memcpy(log2_s, e->log2_s, n * sizeof *log2_s);
        memcpy(id, e->id, n * sizeof *id);
    }
    e->index = index;
    e->log2_s = log2_s;
    e->id = id;
    return STC_OK;
}

enum stc_err stc_evidence_rows(struct stc_arena *a, struct stc_residual *r,
                               const char *text, struct stc_diag *diag)
{
    struct stc_evidence *e = evidence_of(a, r);
    if (e == NULL) return stc_fail(diag, STC_ERR_NOMEM, "evidence");
    size_t len = strlen(text), width = (size_t)e->n_axes + 4;
    if (e->n_axes == 0 || len % width != 0)
        return stc_fail(diag, STC_ERR_PARSE, "not packed rows");
    int n = (int)(len / width);
    enum stc_err err = make_room(a, e, n, diag);
    if (err != STC_OK) return err;
    uint8_t *index = (uint8_t *)(uintptr_t)e->index;
    float *log2_s = (float *)(uintptr_t)e->log2_s;
    int32_t *id = (int32_t *)(uintptr_t)e->id;
    for (int i = e->n; i < e->n + n; i++, text += width) {
        int x[STC_EVIDENCE_AXES + 4] = {0};
        for (size_t j = 0; j < width; j++)
            if ((x[j] = undigit(text[j])) < 0)
                return stc_fail(diag, STC_ERR_PARSE, "not packed rows");
        for (int j = 0; j < e->n_axes; j++) {
            if (x[j] >= e->n_values[j])
                return stc_fail(diag, STC_ERR_PARSE,
                                "packed row names a value that its axis lacks");
            index[i * e->n_axes + j] = (uint8_t)x[j];
        }
        const int *y = x + e->n_axes;
        log2_s[i] = (float)((y[0] * BASE + y[1]) / (double)TIME_STEPS + TIME_ZERO);
        id[i] = y[2] * BASE + y[3] + (i > 0 ? id[i - 1] : 0);
    }
    e->n += n;
    return STC_OK;
}

enum stc_err stc_evidence_done(struct stc_arena *a, struct stc_residual *r,
                               struct stc_diag *diag)
{
    const struct stc_evidence *e = r->evidence;
    if (e == NULL || e->n == 0) return STC_OK;
    if (e->n_axes != r->n_axes)
        return stc_fail(diag, STC_ERR_PARSE, "evidence has %d axes, its residual %d",
                        e->n_axes, r->n_axes);
    uint32_t size = 64;
    while (size < 2 * (uint32_t)e->n)
        size *= 2;
    uint64_t *seen = STC_NEW_N(a, uint64_t, size);
    if (seen == NULL) return stc_fail(diag, STC_ERR_NOMEM, "evidence");
    for (int i = 0; i < e->n; i++) {
        float at[STC_EVIDENCE_AXES];
        for (int j = 0; j < e->n_axes; j++)
            at[j] = e->value[j][e->index[i * e->n_axes + j]];
        uint64_t h = stc_residual_hash(at, e->n_axes);
        uint32_t slot = (uint32_t)h & (size - 1);
        while (seen[slot] != 0 && seen[slot] != h)
            slot = (slot + 1) & (size - 1);
        seen[slot] = h;
    }
    r->seen = seen;
    r->n_seen = size;
    return STC_OK;
}
