/* step_text.c - the question and the answer; the sections stand in their own files. */
#include "reports/step_text.h"

#include "reports/fmt.h"
#include "reports/notes.h"
#include "scenarios/catalogues.h"
#include "sim/base/bind.h"

/* The word of a resolved choice, from the key table (names[0] is "auto"). */
static const char *word(int row, int value)
{
    return stc_scenario_keys()->rows[row].names[value + 1];
}

void stc_report_layout(const struct stc_scenario *s, struct stc_text *out)
{
    const struct stc_layout *l = &s->layout;
    stc_text_printf(out, "tp %d", (int)l->tp);
    if (l->seq_parallel) stc_text_put(out, " + sequence");
    if (l->cp > 1)
        stc_text_printf(out, ", cp %d (%s)", (int)l->cp,
                        word(STC_KEY_cp_kind, l->cp_kind));
    if (l->pp > 1) {
        stc_text_printf(out, ", pp %d", (int)l->pp);
        if (l->vp > 1) stc_text_printf(out, " x %d chunks", (int)l->vp);
        stc_text_printf(out, " (%s)", word(STC_KEY_schedule, l->schedule));
    }
    if (l->ep > 1) stc_text_printf(out, ", ep %d", (int)l->ep);
    if (s->model.n_experts > 0 && l->etp > 1)
        stc_text_printf(out, ", etp %d", (int)l->etp);
    stc_text_printf(out, ", dp %d", (int)l->dp);
    if (l->shard != STC_SHARD_NONE && l->dp * l->cp > 1) {
        stc_text_printf(out, " (%s", word(STC_KEY_shard, l->shard));
        if (l->shard_group > 0) stc_text_printf(out, " over %d", (int)l->shard_group);
        stc_text_put(out, ")");
    }
    stc_text_printf(out, ", %s recompute",
                    l->recompute == STC_RECOMPUTE_NONE
                        ? "no"
                        : word(STC_KEY_recompute, l->recompute));
}

enum { QUESTION = 10, ANSWER = 15 }; /* columns of the labels */

/* A labelled line of what was put together in t. */
static void put_line(struct stc_text *out, const char *label, int indent,
                     struct stc_text *t)
{
    stc_fmt_wrap(out, label, indent, stc_text_str(t));
    stc_text_clear(t);
}

static void question(const struct stc_scenario *s, struct stc_text *out)
{
    struct stc_fmt f;
    struct stc_text t;
    const struct stc_train *job = &s->train;
    stc_text_init(&t, 0);
    stc_fmt_wrap(out, "", 0, s->title[0] ? s->title : s->model_name);
    stc_fmt_fill(out, '=', STC_REPORT_COLUMNS);
    stc_text_put(out, "\n");
    stc_text_printf(&t, "%s: %d layers, hidden %d, %d heads, %sB parameters",
                    s->model_name, (int)stc_model_total_layers(&s->model),
                    (int)s->model.hidden, (int)s->model.n_heads,
                    stc_fmt_num(&f, stc_model_params(&s->model) / 1e9));
    put_line(out, "model", QUESTION, &t);
    stc_text_printf(&t, "%d x %s (%s, %s)", (int)s->n_gpus, s->gpu_name, s->node_name,
                    s->fabric_name);
    put_line(out, "cluster", QUESTION, &t);
    stc_report_warning(s, out);
    stc_report_layout(s, &t);
    put_line(out, "layout", QUESTION, &t);
    stc_text_printf(&t,
                    "%d samples of %d tokens = %d replicas x %d micro-batches of %d",
                    (int)job->global_batch, (int)job->seq_len, (int)s->layout.dp,
                    (int)s->layout.n_micro, (int)s->layout.micro_batch);
    put_line(out, "batch", QUESTION, &t);
    stc_text_printf(&t, "%s%s, %s, %s attention", s->stack_name,
                    s->stack_unsaid    ? " (the default: none is said)"
                    : s->stack_guessed ? " (stands in for what is not known)"
                                       : "",
                    word(STC_KEY_precision, job->precision),
                    job->flash ? "fused" : "unfused");
    put_line(out, "software", QUESTION, &t);
    if (s->catalogues) stc_fmt_wrap(out, "catalogue", QUESTION, s->catalogues->files);
    stc_text_free(&t);
}

static void measured(double ours, double theirs, int is_time, struct stc_text *out)
{
    struct stc_fmt f, g;
    if (theirs <= 0) return;
    stc_text_printf(out, "   measured %s: forecast %s",
                    is_time ? stc_fmt_s(&f, theirs) : stc_fmt_num(&f, theirs),
                    stc_fmt_signed_pct(&g, ours / theirs - 1));
}

static void put_time(const struct stc_scenario *s, const struct stc_result *r,
                     struct stc_text *t)
{
    struct stc_fmt f, g, h;
    stc_text_put(t, stc_fmt_s(&f, r->step_s));
    if (r->hi90_s > r->lo90_s)
        stc_text_printf(t, " (90 %%: %s to %s)", stc_fmt_s(&g, r->lo90_s),
                        stc_fmt_s(&h, r->hi90_s));
    measured(r->step_s, s->said.p_step, 1, t);
}

static void put_tokens(const struct stc_scenario *s, const struct stc_result *r,
                       struct stc_text *t)
{
    struct stc_fmt f, g, h;
    stc_text_printf(
        t, "%s, %s of each GPU; %s samples/s", stc_fmt_num(&f, r->tokens_per_s),
        stc_fmt_num(&g, r->tokens_per_s_per_gpu), stc_fmt_num(&h, r->samples_per_s));
    measured(r->tokens_per_s_per_gpu, s->said.p_tokens, 0, t);
}

static void put_flop(const struct stc_result *r, struct stc_text *t)
{
    struct stc_fmt f, g, h, k;
    const double *flop = r->flop_per_s_per_gpu;
    stc_text_printf(
        t, "%s model (full attention), %s causal, %s 6N, %s Megatron (recompute in)",
        stc_fmt_num(&f, flop[STC_FLOP_MODEL] / 1e12),
        stc_fmt_num(&g, flop[STC_FLOP_MODEL_CAUSAL] / 1e12),
        stc_fmt_num(&h, flop[STC_FLOP_6N] / 1e12),
        stc_fmt_num(&k, flop[STC_FLOP_MEGATRON] / 1e12));
}

static void put_measured_mem(const struct stc_scenario *s, const struct stc_result *r,
                             struct stc_text *t)
{
    struct stc_fmt f, g, h;
    double ours = r->peak_bytes[s->mem_kind];
    stc_text_printf(t, "measured %s: forecast %s (%s), %s",
                    stc_fmt_gib(&f, s->said.p_mem), stc_fmt_gib(&g, ours),
                    word(STC_KEY_p_mem_kind, s->mem_kind),
                    stc_fmt_signed_pct(&h, ours / s->said.p_mem - 1));
}

void stc_report_headline(const struct stc_scenario *s, const struct stc_result *r,
                         struct stc_text *out)
{
    struct stc_fmt f, g, h;
    struct stc_text t;
    stc_text_init(&t, 0);
    question(s, out);
    stc_text_put(out, "\n");
    put_time(s, r, &t);
    put_line(out, "step time", ANSWER, &t);
    put_tokens(s, r, &t);
    put_line(out, "tokens/s", ANSWER, &t);
    if (s->said.total_tokens > 0 && r->tokens_per_s > 0) {
        double days = s->said.total_tokens / r->tokens_per_s / 86400;
        stc_text_printf(&t, "%.4g tokens take %s days, %s GPU-hours",
                        s->said.total_tokens, stc_fmt_num(&f, days),
                        stc_fmt_num(&g, days * 24 * s->n_gpus));
        put_line(out, "training", ANSWER, &t);
    }
    put_flop(r, &t);
    put_line(out, "TFLOP/s/GPU", ANSWER, &t);
    stc_text_printf(&t, "%s; HFU (recompute in) %s; of %s TFLOP/s",
                    stc_fmt_pct(&f, r->mfu), stc_fmt_pct(&g, r->hfu),
                    stc_fmt_num(&h, r->peak_flop_per_s / 1e12));
    put_line(out, "MFU", ANSWER, &t);
    stc_report_verdict(s, r, &t);
    put_line(out, "memory", ANSWER, &t);
    if (s->said.p_mem > 0 && r->n_stages > 0) {
        put_measured_mem(s, r, &t);
        put_line(out, "", ANSWER, &t);
    }
    if (s->said.p_source[0]) stc_fmt_wrap(out, "source", ANSWER, s->said.p_source);
    stc_text_free(&t);
}

void stc_report_step(const struct stc_scenario *s, const struct stc_result *r,
                     struct stc_text *out)
{
    stc_report_headline(s, r, out);
    stc_report_time(r, out);
    stc_report_pipeline(r, out);
    stc_report_memory(s, r, out);
    stc_report_network(r, out);
    stc_report_evidence(r, out);
}
