/*
 * attn.h - seconds of fused attention: whole sequences, backward, decode.
 *
 * THEORY. A fused kernel cuts the queries of every (sequence, head) into blocks
 * of 128 rows, each a CTA that walks the keys it may see in blocks of 128
 * (Dao, "FlashAttention-2", arXiv:2307.08691, §3). A causal mask skips the
 * blocks above the diagonal, a window those before it. One pair of blocks costs
 *
 *     math = 2 · 128 · 128 · (d + dv) / (peak/S · eff_math · head factor)
 *     exp  = 128 · 128 / (16 per clock · eff_exp)
 *
 * (16 exponentials per clock and SM: CUDA C Programming Guide, table of
 * arithmetic throughput; Shah et al., "FlashAttention-3", arXiv:2407.08608,
 * §1, name it as the reason why head_dim 64 is slow; Blackwell Ultra has 32,
 * gpu.exp of the catalogue), the larger plus `serial`
 * of the lesser. With U pairs and N CTAs over S SMs
 *
 *     busy = (U · pair + N · cta_s) / S        longest = keys/128 · pair + cta_s
 *     t = launch + max(busy + tail · longest if N > S, longest, hbm) + …
 *
 * Backward recomputes the scores: five products instead of two (arXiv:2307.08691
 * §3.1), so a pair costs (3 d + 2 dv) / (d + dv) as many FLOP.
 *
 * Decode has one query: the cache is read once, split over CTAs so that all
 * SMs pull (flash-decoding; Dao, Haziza, Massa, Sizov, PyTorch blog 2023), the
 * query heads of a group share it. It is bound by HBM, or by latency when small.
 *
 * UNFUSED attention is two batched products and a softmax whose scores cross
 * HBM; stc_cost_attn composes it from gemm.h and membound.h.
 */
#ifndef STC_KERNELS_ATTN_H
#define STC_KERNELS_ATTN_H

#include "kernels/cost_params.h"

#endif
