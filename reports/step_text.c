/* step_text.c - the question and the answer; the sections stand in their own files. */
#include "reports/step_text.h"

#include "reports/fmt.h"
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

static void question(const struct stc_scenario *s, struct stc_text *out)
{
    struct stc_fmt f;
    const struct stc_train *t = &s->train;
    stc_text_printf(out, "%s\n", s->title[0] ? s->title : s->model_name);
    stc_fmt_fill(out, '=', STC_REPORT_COLUMNS);
    stc_text_printf(
        out, "\nmodel     %s: %d layers, hidden %d, %d heads, %sB parameters\n",
        s->model_name, (int)stc_model_total_layers(&s->model), (int)s->model.hidden,
        (int)s->model.n_heads, stc_fmt_num(&f, stc_model_params(&s->model) / 1e9));
    stc_text_printf(out, "cluster   %d x %s (%s, %s)\n", (int)s->n_gpus, s->gpu_name,
                    s->node_name, s->fabric_name);
    stc_text_put(out, "layout    ");
    stc_report_layout(s, out);
    stc_text_printf(
        out,
        "\nbatch     %d samples of %d tokens = %d replicas x %d micro-batches of %d\n",
        (int)t->global_batch, (int)t->seq_len, (int)s->layout.dp,
        (int)s->layout.n_micro, (int)s->layout.micro_batch);
    stc_text_printf(out, "software  %s%s, %s, %s attention\n", s->stack_name,
                    s->stack_unsaid ? " (the default: none is said)" : "",
                    word(STC_KEY_precision, t->precision),
                    t->flash ? "fused" : "unfused");
}

static void measured(double ours, double theirs, int is_time, struct stc_text *out)
{
    struct stc_fmt f, g;
    if (theirs <= 0) return;
    stc_text_printf(out, "   measured %s: forecast %s",
                    is_time ? stc_fmt_s(&f, theirs) : stc_fmt_num(&f, theirs),
                    stc_fmt_signed_pct(&g, ours / theirs - 1));
}

static void rates(const struct stc_scenario *s, const struct stc_result *r,
                  struct stc_text *out)
{
    struct stc_fmt f, g, h, k;
    const double *flop = r->flop_per_s_per_gpu;
    stc_text_printf(out, "tokens/s       %s, %s of each GPU; %s samples/s",
                    stc_fmt_num(&f, r->tokens_per_s),
                    stc_fmt_num(&g, r->tokens_per_s_per_gpu),
                    stc_fmt_num(&h, r->samples_per_s));
    measured(r->tokens_per_s_per_gpu, s->said.p_tokens, 0, out);
    stc_text_printf(out,
                    "\nTFLOP/s/GPU    %s model (full attention), %s causal, %s as 6N, "
                    "%s Megatron (recompute counted)\n",
                    stc_fmt_num(&f, flop[STC_FLOP_MODEL] / 1e12),
                    stc_fmt_num(&g, flop[STC_FLOP_MODEL_CAUSAL] / 1e12),
                    stc_fmt_num(&h, flop[STC_FLOP_6N] / 1e12),
                    stc_fmt_num(&k, flop[STC_FLOP_MEGATRON] / 1e12));
    stc_text_printf(out,
                    "MFU            %s; HFU (recompute counted) %s; of %s TFLOP/s\n",
                    stc_fmt_pct(&f, r->mfu), stc_fmt_pct(&g, r->hfu),
                    stc_fmt_num(&h, r->peak_flop_per_s / 1e12));
}

void stc_report_headline(const struct stc_scenario *s, const struct stc_result *r,
                         struct stc_text *out)
{
    struct stc_fmt f, g, h;
    question(s, out);
    stc_text_printf(out, "\nstep time      %s", stc_fmt_s(&f, r->step_s));
    if (r->hi90_s > r->lo90_s)
        stc_text_printf(out, " (90 %%: %s to %s)", stc_fmt_s(&g, r->lo90_s),
                        stc_fmt_s(&h, r->hi90_s));
    measured(r->step_s, s->said.p_step, 1, out);
    stc_text_put(out, "\n");
    rates(s, r, out);
    stc_text_put(out, "memory         ");
    stc_report_verdict(s, r, out);
    stc_text_put(out, "\n");
    if (s->said.p_mem > 0 && r->peak_bytes[s->mem_kind] > 0)
        stc_text_printf(
            out, "               measured %s: forecast %s (%s), %s\n",
            stc_fmt_gib(&f, s->said.p_mem), stc_fmt_gib(&g, r->peak_bytes[s->mem_kind]),
            word(STC_KEY_p_mem_kind, s->mem_kind),
            stc_fmt_signed_pct(&h, r->peak_bytes[s->mem_kind] / s->said.p_mem - 1));
    if (s->said.p_source[0])
        stc_text_printf(out, "source         %s\n", s->said.p_source);
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
