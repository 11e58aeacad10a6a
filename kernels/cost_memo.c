#include "kernels/cost_memo.h"

#include <string.h>

enum stc_err stc_cost_memo_init(struct stc_cost_memo *m, struct stc_arena *a, size_t n,
                                struct stc_diag *diag)
{
    size_t size = 64;
    while (size < n && size < (size_t)1 << 24)
        size *= 2;
    *m = (struct stc_cost_memo){.slot = STC_NEW_N(a, struct stc_cost_memo_slot, size),
                                .mask = size - 1};
    return m->slot != NULL ? STC_OK : stc_fail(diag, STC_ERR_NOMEM, "cost memo");
}

/* Fields one by one: the padding of a struct holds anything. */
struct key {
    uint64_t a, b;
};

static void mix(struct key *k, uint64_t x)
{
    k->a = (k->a ^ x) * 0x9e3779b97f4a7c15u;
    k->a ^= k->a >> 32;
    k->b = (k->b + x) * 0xd6e8feb86659fd93u;
    k->b ^= k->b >> 29;
}

static void mix_i(struct key *k, int64_t x)
{
    mix(k, (uint64_t)x);
}

static struct key start(int family, const struct stc_cost *c, const struct stc_gpu *gpu)
{
    struct key k = {(uint64_t)family + 1, 0x5851f42d4c957f2du};
    mix(&k, (uint64_t)(uintptr_t)c);
    mix(&k, (uint64_t)(uintptr_t)gpu);
    return k;
}

/* The slot of a key; *hit when it holds the answer, else it is taken over. */
static struct stc_est *slot_of(struct stc_cost_memo *m, struct key k, bool *hit)
{
    struct stc_cost_memo_slot *s = &m->slot[k.a & m->mask];
    *hit = s->key == k.a && s->check == (k.b | 1);
    if (*hit)
        m->n_hits++;
    else
        m->n_misses++;
    s->key = k.a;
    s->check = k.b | 1;
    return &s->est;
}

void stc_memo_gemm(struct stc_cost_memo *m, const struct stc_cost *c,
                   const struct stc_gpu *gpu, const struct stc_gemm_q *q,
                   struct stc_est *out)
{
    struct key k = start(STC_FAMILY_GEMM, c, gpu);
    bool hit;
    mix_i(&k, q->m);
    mix_i(&k, q->n);
    mix_i(&k, q->k);
    mix_i(&k, q->batch);
    mix(&k, (uint64_t)q->dtype | (uint64_t)q->layout << 8 | (uint64_t)q->regime << 16 |
                (uint64_t)q->accumulate << 24 | (uint64_t)q->quantized << 25);
    struct stc_est *e = slot_of(m, k, &hit);
    if (!hit) stc_cost_gemm(c, gpu, q, e);
    *out = *e;
}

void stc_memo_attn(struct stc_cost_memo *m, const struct stc_cost *c,
                   const struct stc_gpu *gpu, const struct stc_attn_q *q,
                   struct stc_est *out)
{
    struct key k = start(STC_FAMILY_ATTN_FWD, c, gpu);
    bool hit;
    mix_i(&k, q->batch);
    mix_i(&k, q->q_len);
    mix_i(&k, q->kv_len);
    mix_i(&k, q->heads);
    mix_i(&k, q->kv_heads);
    mix_i(&k, q->head_dim);
    mix_i(&k, q->head_dim_v);
    mix_i(&k, q->window);
    mix(&k, (uint64_t)q->causal | (uint64_t)q->phase << 4 | (uint64_t)q->impl << 8 |
                (uint64_t)q->dtype << 16 | (uint64_t)q->kv_dtype << 24 |
                (uint64_t)q->regime << 32);
    struct stc_est *e = slot_of(m, k, &hit);
    if (!hit) stc_cost_attn(c, gpu, q, e);
    *out = *e;
}

void stc_memo_moe(struct stc_cost_memo *m, const struct stc_cost *c,
                  const struct stc_gpu *gpu, const struct stc_moe_q *q,
                  struct stc_est *out)
{
    struct key k = start(STC_FAMILY_MOE_GEMM, c, gpu);
    uint64_t alpha;
    bool hit;
    memcpy(&alpha, &q->alpha, sizeof alpha);
    mix_i(&k, q->tokens);
    mix_i(&k, q->hidden);
    mix_i(&k, q->ffn);
    mix_i(&k, q->topk);
    mix_i(&k, q->experts);
    mix_i(&k, q->moe_tp);
    mix_i(&k, q->moe_ep);
    mix(&k, alpha);
    mix(&k, (uint64_t)q->gated | (uint64_t)q->dtype << 8 | (uint64_t)q->regime << 16);
    struct stc_est *e = slot_of(m, k, &hit);
    if (!hit) stc_cost_moe(c, gpu, q, e);
    *out = *e;
}
