#include "calib/cost_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/catalogue.h"
#include "sim/base/text.h"

struct reader {
    struct stc_arena *arena;
    const struct stc_hw *hw;
    struct stc_csv csv;
    struct stc_cost_rows *out;
    struct stc_diag *diag;
};

/* Turns the present row into *r; *use false leaves it out. */
typedef enum stc_err (*take_fn)(struct reader *rd, struct stc_cost_row *r, bool *use);

static enum stc_err number(struct reader *rd, const char *col, int64_t *out,
                           bool *given)
{
    int at = stc_csv_col(&rd->csv, col);
    return stc_csv_i64(&rd->csv, at, out, given, rd->diag);
}

static enum stc_err dtype_of(struct reader *rd, const char *col, enum stc_dtype *out)
{
    int at = stc_csv_col(&rd->csv, col);
    const char *text = stc_csv_text(&rd->csv, at);
    if (stc_dtype_parse(text, out)) return STC_OK;
    return stc_csv_fail(&rd->csv, at, rd->diag, STC_ERR_UNKNOWN,
                        "dtype \"%s\" is not known", text);
}

struct field {
    const char *col;
    int64_t *to;
};

static enum stc_err numbers(struct reader *rd, const struct field *f, size_t n,
                            bool *all)
{
    *all = true;
    for (size_t i = 0; i < n; i++) {
        bool given = false;
        enum stc_err err = number(rd, f[i].col, f[i].to, &given);
        if (err != STC_OK) return err;
        if (!given || *f[i].to <= 0) *all = false;
    }
    return STC_OK;
}

static enum stc_err take_gemm(struct reader *rd, struct stc_cost_row *r, bool *use)
{
    struct stc_gemm_q *q = &r->q.gemm;
    const struct field f[] = {{"m", &q->m}, {"n", &q->n}, {"k", &q->k}};
    r->family = STC_FAMILY_GEMM;
    q->batch = 1;
    enum stc_err err = dtype_of(rd, "dtype", &q->dtype);
    if (err == STC_OK) err = numbers(rd, f, sizeof f / sizeof f[0], use);
    r->variant = (uint8_t)q->dtype;
    return err;
}

static enum stc_err take_attn(struct reader *rd, struct stc_cost_row *r, bool *use,
                              const char *len)
{
    struct stc_attn_q *q = &r->q.attn;
    const struct field f[] = {{"batch", &q->batch},
                              {len, &q->kv_len},
                              {"heads", &q->heads},
                              {"kv_heads", &q->kv_heads},
                              {"head_dim", &q->head_dim}};
    enum stc_err err = dtype_of(rd, "dtype", &q->dtype);
    if (err == STC_OK) err = dtype_of(rd, "kv_dtype", &q->kv_dtype);
    if (err == STC_OK) err = numbers(rd, f, sizeof f / sizeof f[0], use);
    r->variant = (uint8_t)(stc_dtype_info(q->kv_dtype)->act_bytes < 2 ? STC_DTYPE_FP8
                                                                      : STC_DTYPE_BF16);
    q->causal = true;
    return err;
}

static enum stc_err take_prefill(struct reader *rd, struct stc_cost_row *r, bool *use)
{
    enum stc_err err = take_attn(rd, r, use, "seq_len");
    r->family = STC_FAMILY_ATTN_FWD;
    r->q.attn.q_len = r->q.attn.kv_len;
    return err;
}

static enum stc_err take_decode(struct reader *rd, struct stc_cost_row *r, bool *use)
{
    enum stc_err err = take_attn(rd, r, use, "kv_len");
    r->family = STC_FAMILY_ATTN_DECODE;
    r->q.attn.phase = STC_ATTN_DECODE;
    r->q.attn.q_len = 1;
    return err;
}

/* "...; window=1024; hd_vo=64": the two shape words that have no column. */
static int64_t word_after(const char *notes, const char *word)
{
    const char *at = strstr(notes, word);
    return at != NULL ? strtoll(at + strlen(word), NULL, 10) : 0;
}

static enum stc_err take_train(struct reader *rd, struct stc_cost_row *r, bool *use)
{
    struct stc_attn_q *q = &r->q.attn;
    const struct field f[] = {{"batch", &q->batch},       {"seqlen_q", &q->q_len},
                              {"seqlen_kv", &q->kv_len},  {"heads", &q->heads},
                              {"kv_heads", &q->kv_heads}, {"head_dim", &q->head_dim}};
    int64_t causal = 0;
    bool given;
    const char *text = stc_csv_text(&rd->csv, stc_csv_col(&rd->csv, "dtype"));
    if (!stc_dtype_parse(text, &q->dtype) && !stc_dtype_parse("bf16", &q->dtype))
        return STC_ERR_BUG;
    const char *phase = stc_csv_text(&rd->csv, stc_csv_col(&rd->csv, "phase"));
    const char *notes = stc_csv_text(&rd->csv, stc_csv_col(&rd->csv, "notes"));
    const char *impl = stc_csv_text(&rd->csv, stc_csv_col(&rd->csv, "impl"));
    enum stc_err err = numbers(rd, f, sizeof f / sizeof f[0], use);
    if (err == STC_OK) err = number(rd, "causal", &causal, &given);
    q->causal = causal != 0;
    q->phase = strcmp(phase, "bwd") == 0 ? STC_ATTN_BWD : STC_ATTN_FWD;
    q->impl = strncmp(impl, "PyTorch", 7) == 0 ? STC_ATTN_FLASH2 : STC_ATTN_FLASH;
    q->kv_dtype = q->dtype;
    q->window = word_after(notes, "window=");
    q->head_dim_v = word_after(notes, "hd_vo=");
    r->family = q->phase == STC_ATTN_BWD ? STC_FAMILY_ATTN_BWD : STC_FAMILY_ATTN_FWD;
    r->variant = (uint8_t)(stc_dtype_info(q->dtype)->act_bytes < 2 ? STC_DTYPE_FP8
                                                                   : STC_DTYPE_BF16);
    if (strcmp(phase, "fwdbwd") == 0)
        *use = false; /* the sum of two rows that stand beside it */
    return err;
}

static enum stc_err take_moe(struct reader *rd, struct stc_cost_row *r, bool *use)
{
    struct stc_moe_q *q = &r->q.moe;
    const struct field f[] = {{"tokens", &q->tokens},   {"hidden", &q->hidden},
                              {"expert_ffn", &q->ffn},  {"topk", &q->topk},
                              {"experts", &q->experts}, {"moe_tp", &q->moe_tp},
                              {"moe_ep", &q->moe_ep}};
    const char *routing = stc_csv_text(&rd->csv, stc_csv_col(&rd->csv, "routing"));
    enum stc_err err = dtype_of(rd, "dtype", &q->dtype);
    if (err == STC_OK) err = numbers(rd, f, sizeof f / sizeof f[0], use);
    r->family = STC_FAMILY_MOE_GEMM;
    r->variant = (uint8_t)q->dtype;
    q->gated = true;
    q->alpha = strncmp(routing, "power_law_", 10) == 0 ? strtod(routing + 10, NULL) : 0;
    return err;
}

static enum stc_err push(struct reader *rd, const struct stc_cost_row *r)
{
    struct stc_cost_rows *o = rd->out;
    if (o->n == o->cap) {
        int cap = o->cap > 0 ? 2 * o->cap : 4096;
        struct stc_cost_row *v = STC_NEW_N(rd->arena, struct stc_cost_row, (size_t)cap);
        if (v == NULL) return stc_fail(rd->diag, STC_ERR_NOMEM, "measured rows");
        if (o->n > 0) memcpy(v, o->v, (size_t)o->n * sizeof *v);
        o->v = v;
        o->cap = cap;
    }
    o->v[o->n++] = *r;
    return STC_OK;
}

static enum stc_err read_rows(struct reader *rd, take_fn take)
{
    int gpu_col, time_col;
    enum stc_err err = stc_csv_need(&rd->csv, "gpu", &gpu_col, rd->diag);
    if (err == STC_OK) err = stc_csv_need(&rd->csv, "time_us", &time_col, rd->diag);
    for (int32_t id = 1; err == STC_OK; id++) {
        bool got, use = false, given = false;
        struct stc_cost_row r;
        memset(&r, 0, sizeof r);
        double us = 0;
        err = stc_csv_next(&rd->csv, &got, rd->diag);
        if (err != STC_OK || !got) break;
        err =
            stc_hw_find_gpu(rd->hw, stc_csv_text(&rd->csv, gpu_col), &r.gpu, rd->diag);
        if (err == STC_OK)
            err = stc_csv_double(&rd->csv, time_col, &us, &given, rd->diag);
        if (err == STC_OK) err = take(rd, &r, &use);
        if (err != STC_OK || !use || !given || us <= 0) continue;
        r.id = id;
        r.seconds = us * 1e-6;
        err = push(rd, &r);
    }
    return err;
}

static enum stc_err read_file(struct reader *rd, const char *folder, const char *name,
                              take_fn take, bool *found)
{
    char path[1024];
    int n = snprintf(path, sizeof path, "%s/micro/%s", folder, name);
    if (n > 0 && (size_t)n < sizeof path && access(path, R_OK) != 0)
        n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n <= 0 || (size_t)n >= sizeof path)
        return stc_fail(rd->diag, STC_ERR_RANGE, "%s: path too long", folder);
    if (access(path, R_OK) != 0) return STC_OK;
    *found = true;
    enum stc_err err = stc_csv_open(&rd->csv, path, rd->diag);
    if (err == STC_OK) err = read_rows(rd, take);
    stc_csv_close(&rd->csv);
    return err;
}

static int by_group(const void *a, const void *b)
{
    const struct stc_cost_row *x = a, *y = b;
    if (x->family != y->family) return x->family < y->family ? -1 : 1;
    int c = strcmp(x->gpu->name, y->gpu->name);
    if (c != 0) return c;
    if (x->variant != y->variant) return x->variant < y->variant ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

struct source {
    const char *file;
    take_fn take;
};

static enum stc_err read_all(struct stc_arena *a, const struct stc_hw *hw,
                             const char *folder, const struct source *s, size_t n,
                             struct stc_cost_rows *out, struct stc_diag *diag)
{
    struct stc_hw *shipped;
    struct reader rd = {.arena = a, .hw = hw, .out = out, .diag = diag};
    bool found = false;

    *out = (struct stc_cost_rows){0};
    enum stc_err err = hw ? STC_OK : stc_hw_load(a, &shipped, diag);
    if (err != STC_OK) return err;
    if (!hw) rd.hw = shipped;
    for (size_t i = 0; i < n && err == STC_OK; i++)
        err = read_file(&rd, folder, s[i].file, s[i].take, &found);
    if (err == STC_OK && !found)
        err = stc_fail(diag, STC_ERR_IO,
                       "%s: holds none of the micro tables (gemm.csv, …)", folder);
    if (err == STC_OK && out->n > 0)
        qsort(out->v, (size_t)out->n, sizeof *out->v, by_group);
    return err;
}

enum stc_err stc_cost_rows_read(struct stc_arena *a, const struct stc_hw *hw,
                                const char *folder, struct stc_cost_rows *out,
                                struct stc_diag *diag)
{
    static const struct source sources[] = {
        {"gemm.csv", take_gemm},
        {"attention_prefill.csv", take_prefill},
        {"attention_decode.csv", take_decode},
        {"attention_train.csv", take_train},
        {"attention_train_nvl72.csv", take_train},
        {"moe.csv", take_moe},
    };
    return read_all(a, hw, folder, sources, sizeof sources / sizeof sources[0], out,
                    diag);
}

enum stc_err stc_cost_rows_torch(struct stc_arena *a, const struct stc_hw *hw,
                                 const char *folder, struct stc_cost_rows *out,
                                 struct stc_diag *diag)
{
    static const struct source source = {"gemm_torch.csv", take_gemm};
    return read_all(a, hw, folder, &source, 1, out, diag);
}

void stc_cost_row_terms(const struct stc_cost_row *r, const double *v,
                        struct stc_terms *t)
{
    switch (r->family) {
    case STC_FAMILY_GEMM: stc_gemm_terms(r->gpu, v, &r->q.gemm, t); break;
    case STC_FAMILY_ATTN_DECODE: stc_decode_terms(r->gpu, v, &r->q.attn, t); break;
    case STC_FAMILY_MOE_GEMM: stc_moe_terms(r->gpu, v, &r->q.moe, t); break;
    default: stc_attn_terms(r->gpu, v, &r->q.attn, t); break;
    }
}

int stc_cost_n_feats(enum stc_family f, int *n_axes)
{
    switch (f) {
    case STC_FAMILY_GEMM: *n_axes = STC_GEMM_AXES; return STC_GEMM_FEATS;
    case STC_FAMILY_ATTN_DECODE: *n_axes = STC_DECODE_AXES; return STC_DECODE_FEATS;
    case STC_FAMILY_MOE_GEMM: *n_axes = STC_MOE_AXES; return STC_MOE_FEATS;
    default: *n_axes = STC_ATTN_AXES; return STC_ATTN_FEATS;
    }
}
