#include "tests/memory_rows.h"

#include "tests/testing.h"

static const char *cell(const struct stc_csv *c, const char *column)
{
    return stc_csv_text(c, stc_csv_col(c, column));
}

static int32_t number(const struct stc_csv *c, const char *column, int32_t otherwise)
{
    const char *text = cell(c, column);
    return *text ? (int32_t)atof(text) : otherwise;
}

static int word_index(const char *text, const char *const *words, int otherwise)
{
    for (int i = 0; *text && words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            return i;
        }
    }
    return otherwise;
}

static void read_model(const struct stc_csv *c, struct stc_model *m)
{
    static const char *const mlps[] = {"gelu",   "relu",  "relu2",
                                       "swiglu", "geglu", NULL};
    struct stc_diag diag = {{0}};
    ck_assert_msg(stc_model_find(NULL, cell(c, "model"), m, &diag) == STC_OK, "%s",
                  diag.text);
    m->n_layers = number(c, "layers", m->n_layers);
    m->hidden = number(c, "hidden", m->hidden);
    if (m->n_experts > 0) { /* the table's ffn is the experts' */
        m->expert_ffn = number(c, "ffn", m->expert_ffn);
    } else {
        m->ffn = number(c, "ffn", m->ffn);
    }
    m->n_heads = number(c, "heads", m->n_heads);
    m->n_kv_heads =
        number(c, "kv_heads", *cell(c, "heads") ? m->n_heads : m->n_kv_heads);
    m->head_dim = number(c, "head_dim", m->head_dim);
    m->vocab = number(c, "vocab", m->vocab);
    m->dense_layers = number(c, "dense_layers", m->dense_layers);
    if (m->n_experts == 0) {
        m->mlp = word_index(cell(c, "mlp"), mlps, m->mlp);
    }
}

static void read_batches(const struct stc_csv *c, const struct stc_stack *s,
                         struct stc_layout *l, int32_t global)
{
    int32_t accum = number(c, "grad_accum", 0);
    l->micro_batch = number(c, "micro_batch", 1);
    if (!*cell(c, "micro_batch") && s->default_micro_per_stage > 0 && l->pp > 1 &&
        global > 0) {
        accum = l->pp * s->default_micro_per_stage;
        l->micro_batch = global / l->dp / accum > 1 ? global / l->dp / accum : 1;
    }
    if (accum == 0) {
        accum = global / (l->micro_batch * l->dp);
    }
    l->n_micro = accum > 0 ? accum : 1;
}

static void read_layout(const struct stc_csv *c, const struct stc_stack *s,
                        struct stc_layout *l)
{
    static const char *const shards[] = {"none",  "zero1", "zero2",
                                         "zero3", "hsdp",  NULL};
    static const char *const recomputes[] = {"none", "selective", "full", NULL};
    static const char *const schedules[] = {"gpipe", "1f1b",  "interleaved",
                                            "zb-h1", "zb-h2", NULL};
    static const char *const noyes[] = {"no", "yes", NULL};
    memset(l, 0, sizeof *l);
    l->tp = number(c, "tp", 1);
    l->pp = number(c, "pp", 1);
    l->cp = number(c, "cp", 1);
    l->ep = number(c, "ep", 1);
    l->vp = number(c, "vp", 1);
    l->etp = 1;
    int32_t gpus = number(c, "gpus", 0), one = l->tp * l->pp * l->cp;
    l->dp = number(c, "dp",
                   gpus > 0 ? gpus / one
                            : 64); /* unstated clusters of release runs are large */
    read_batches(c, s, l, number(c, "global_batch", 0));
    l->recompute_layers = -1;
    l->first_stage_extra = l->last_stage_extra =
        (int16_t)number(c, "end_stage_layers", 0);
    l->schedule =
        (uint8_t)word_index(cell(c, "schedule"), schedules,
                            l->vp > 1 ? STC_SCHED_INTERLEAVED : STC_SCHED_1F1B);
    if (l->schedule == STC_SCHED_INTERLEAVED && l->vp == 1) {
        l->schedule = STC_SCHED_1F1B;
    }
    l->shard = (uint8_t)word_index(cell(c, "shard"), shards, s->default_shard);
    l->shard_group = number(c, "shard_group", 0);
    l->recompute =
        (uint8_t)word_index(cell(c, "recompute"), recomputes, s->default_recompute);
    l->seq_parallel =
        (uint8_t)word_index(cell(c, "seq_parallel"), noyes, s->default_seq_parallel);
    l->reshard_after_forward = 1;
}

int stc_mem_rows_next(struct stc_csv *c, struct stc_mem_row *row)
{
    bool got = true;
    do {
        if (stc_csv_next(c, &got, NULL) != STC_OK || !got) {
            return 0;
        }
    } while (!*cell(c, "peak_mem_gb"));
    memset(row, 0, sizeof *row);
    read_model(c, &row->model);
    ck_assert_int_eq(stc_stack_for(NULL, cell(c, "framework"), number(c, "year", 0),
                                   NULL, &row->stack, NULL),
                     STC_OK);
    read_layout(c, &row->stack, &row->layout);
    enum stc_dtype dtype = STC_DTYPE_BF16;
    (void)stc_dtype_parse(cell(c, "precision"), &dtype);
    int flash = *cell(c, "flash_attn") ? strcmp(cell(c, "flash_attn"), "yes") == 0
                                       : row->stack.default_flash;
    row->train = (struct stc_train){.seq_len = number(c, "seq_len", 2048),
                                    .global_batch = number(c, "global_batch", 0),
                                    .precision = (int32_t)dtype,
                                    .flash = flash,
                                    .dropout = row->stack.default_dropout,
                                    .compile = strcmp(cell(c, "compile"), "yes") == 0,
                                    .routing_balanced = 1};
    row->measured_bytes = atof(cell(c, "peak_mem_gb")) * 1073741824.0;
    const char *kind = cell(c, "mem_kind");
    row->last_stage = strcmp(kind, "allocated-last-stage") == 0;
    row->how = strcmp(kind, "nvidia-smi") == 0 ? stc_mem_smi
               : strcmp(kind, "unstated") == 0 ? stc_mem_reserved
                                               : stc_mem_allocated;
    (void)snprintf(row->source, sizeof row->source, "%s", cell(c, "source"));
    return 1;
}

double stc_mem_row_forecast(const struct stc_mem_row *row)
{
    struct stc_build b = {&row->model, &row->layout, &row->train, &row->stack};
    double most = -1;
    for (int32_t s = row->last_stage ? row->layout.pp - 1 : 0; s < row->layout.pp;
         s++) {
        struct stc_mem_est e;
        if (stc_mem_estimate(&b, s, &e, NULL) != STC_OK) {
            return -1;
        }
        double bytes = row->how(&e);
        most = bytes > most ? bytes : most;
    }
    return most;
}
