/* tune_pick.c - a layout that was chosen, in full, and how it differs from the first. */
#include "sim/study/tune_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/study/price.h"

static double busy_share(const struct stc_result *r)
{
    static const int idle[] = {STC_PART_DP_COMM, STC_PART_PP_COMM, STC_PART_BUBBLE,
                               STC_PART_HOST, STC_PART_OTHER};
    double waits = 0;
    for (int32_t s = 0; s < r->n_stages; s++)
        for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
            waits += stc_tick_to_s(r->stages[s].part_ticks[idle[i]]);
    return 1 - waits / r->n_stages / r->step_s;
}

void stc_tune_fill(const struct stc_tune_space *sp, const struct stc_scenario *s,
                   const struct stc_result *r, struct stc_tune_pick *k)
{
    const struct stc_stage_result *st = &r->stages[r->slowest_stage];
    double tokens = (double)s->train.global_batch * s->train.seq_len;
    k->layout = s->layout;
    k->n_gpus = stc_layout_world(&s->layout);
    k->step_s = r->step_s;
    k->lo90_s = r->lo90_s;
    k->hi90_s = r->hi90_s;
    k->mfu = r->mfu;
    k->tokens_per_s = r->tokens_per_s;
    k->tokens_per_s_per_gpu = r->tokens_per_s_per_gpu;
    const struct stc_mem_est *m = &r->stages[r->peak_stage].mem;
    k->peak_bytes = stc_mem_allocated(m) + m->bytes[STC_MEM_CONTEXT];
    k->capacity_bytes = r->mem_capacity_bytes;
    for (int p = 0; p < STC_PART_COUNT; p++)
        k->part_s[p] = stc_tick_to_s(st->part_ticks[p]);
    memcpy(k->family_frac, r->family_frac, sizeof k->family_frac);
    memcpy(k->family_sigma, r->family_sigma, sizeof k->family_sigma);
    k->busy_frac = busy_share(r);
    k->watts = stc_watts(&s->cluster.gpu, k->busy_frac);
    k->joules_per_token = k->watts * k->n_gpus * k->step_s / tokens;
    k->usd_per_token = sp->usd_per_gpu_hour / 3600 * k->n_gpus * k->step_s / tokens;
    k->days = sp->tokens > 0 ? sp->tokens / tokens * k->step_s / 86400 : (double)NAN;
    k->cost = stc_tune_cost(sp, s, k->step_s, k->busy_frac * k->step_s, k->peak_bytes);
}

enum stc_err stc_search_pick(struct stc_search *q, uint64_t id,
                             struct stc_tune_pick *out)
{
    struct stc_tune_walker *w = q->walker[0];
    const struct stc_result *r = NULL;
    const struct stc_scenario *s = NULL;
    struct stc_tune_sim sim;
    uint32_t variant;
    int32_t digit[STC_TA_COUNT];
    memset(out, 0, sizeof *out);
    enum stc_err err = stc_tune_simulate(w, id, &sim, &r, q->diag);
    if (err != STC_OK) return err;
    struct stc_result kept = *r;
    if (!stc_tune_scenario(w, id, &s, &variant))
        return stc_fail(q->diag, STC_ERR_BUG, "tune: a chosen layout got lost");
    out->id = id;
    stc_tune_fill(q->sp, s, &kept, out);
    out->cost = sim.cost;
    stc_tune_digits(q->sp, id, digit);
    stc_tune_keys(q->sp, digit, &s->layout, out->keys, sizeof out->keys);
    return STC_OK;
}

/* ==== differences ==== */

/* Errors inside one family are the same in both; what differs is how much each
 * weighs. What has no family (waits, overlap) counts by how much of it differs. */
static double sigma_of_difference(const struct stc_tune_pick *x,
                                  const struct stc_tune_pick *y)
{
    const double overlap_sigma = 0.12; /* of a share that only one of both has */
    const double run_sigma = 0.003; /* one run to the next of the same job: a prior */
    double var = 0, moved = 0;
    for (int f = 0; f < STC_FAMILY_COUNT; f++) {
        double d = x->family_frac[f] * x->family_sigma[f] -
                   y->family_frac[f] * y->family_sigma[f];
        var += d * d;
    }
    for (int p = 0; p < STC_PART_COUNT; p++)
        moved += fabs(x->part_s[p] / x->step_s - y->part_s[p] / y->step_s);
    double d = 0.5 * moved * overlap_sigma;
    return sqrt(var + d * d + run_sigma * run_sigma);
}

static size_t differ(char *out, size_t size, size_t n, const char *name, int32_t mine,
                     int32_t best)
{
    if (mine == best || n >= size) return n;
    return n + (size_t)snprintf(out + n, size - n, "%s%s %d not %d", n ? ", " : "",
                                name, (int)mine, (int)best);
}

/* "key=value" words of `keys` that the other has otherwise. */
static size_t differ_words(char *out, size_t size, size_t n, const char *mine,
                           const char *best)
{
    char copy[512], *save = NULL;
    snprintf(copy, sizeof copy, "%s", mine);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char word[128];
        snprintf(word, sizeof word, "%.120s", w);
        const char *at = strstr(best, word);
        size_t len = strlen(word);
        if (at && (at[len] == ' ' || at[len] == '\0')) continue;
        const char *dot = strchr(word, '.');
        char *eq = strchr(word, '=');
        if (!eq || n >= size) continue;
        *eq = ' ';
        n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "",
                              dot ? dot + 1 : word);
    }
    return n;
}

void stc_tune_compare(const struct stc_tune_space *sp, const struct stc_tune_pick *best,
                      struct stc_tune_pick *k)
{
    (void)sp;
    const struct stc_layout *x = &k->layout, *y = &best->layout;
    k->sigma_to_best = sigma_of_difference(k, best);
    double gap = fabs(log(k->step_s / best->step_s));
    k->indistinct =
        k != best && gap <= 1.645 * k->sigma_to_best && k->n_gpus == best->n_gpus;
    size_t n = 0, size = sizeof k->differs;
    k->differs[0] = '\0';
    if (k == best) return;
    if (k->keys[0] && best->keys[0]) {
        differ_words(k->differs, size, 0, k->keys, best->keys);
        return;
    }
    n = differ(k->differs, size, n, "tp", x->tp, y->tp);
    n = differ(k->differs, size, n, "pp", x->pp, y->pp);
    n = differ(k->differs, size, n, "vp", x->vp, y->vp);
    n = differ(k->differs, size, n, "cp", x->cp, y->cp);
    n = differ(k->differs, size, n, "ep", x->ep, y->ep);
    n = differ(k->differs, size, n, "dp", x->dp, y->dp);
    n = differ(k->differs, size, n, "micro_batch", x->micro_batch, y->micro_batch);
    n = differ(k->differs, size, n, "shard", x->shard, y->shard);
    n = differ(k->differs, size, n, "seq_parallel", x->seq_parallel, y->seq_parallel);
    differ(k->differs, size, n, "recompute", x->recompute, y->recompute);
}

/* ==== back to a scenario ==== */

enum stc_err stc_tune_apply(const struct stc_scenario *s,
                            const struct stc_tune_pick *pick, struct stc_scenario *out,
                            struct stc_diag *diag)
{
    char copy[512], *save = NULL;
    struct stc_scenario r = *s;
    enum stc_err err = STC_OK;
    snprintf(copy, sizeof copy, "%s", pick->keys);
    r.said.dp = r.said.grad_accum = STC_AUTO;
    r.resolved = 0;
    int resized = strstr(pick->keys, "cluster.gpus=") != NULL;
    if (resized) r.said.c_nodes = STC_AUTO;
    for (char *w = strtok_r(copy, " ", &save); err == STC_OK && w;
         w = strtok_r(NULL, " ", &save)) {
        char *eq = strchr(w, '=');
        if (!eq) continue;
        *eq = '\0';
        err = stc_scenario_set(&r, w, eq + 1, diag);
    }
    if (err == STC_OK) *out = r;
    return err;
}
