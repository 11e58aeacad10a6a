/*
 * gemm.h - seconds of one matrix product by tiles and waves.
 *
 * THEORY. A product C(m,n) = A(m,k) B(k,n) is cut into tiles of tm × tn
 * outputs. Each tile walks k in steps; `s` tiles may share one k (split-k, a
 * reduction follows). With S multiprocessors
 *
 *     tiles = ceil(m/tm) ceil(n/tn) s        waves = ceil(tiles / S)
 *     math  = waves · 2 tm tn (k/s) / (peak/S · eff_math / feed(tm,tn))
 *     hbm   = (A + W + C not resident in L2) / (mem_Bps · eff_hbm)
 *     l2    = (tiles · (k/s) (a tm + w tn) + C) / (l2_ratio · mem_Bps)
 *     sm    = waves · (k/s) (a tm + w tn) / (sm_pull mem_Bps / S)
 *     pipe  = ceil(tiles / (S · occupancy)) · (k/s)/64 · kstep_s
 *     out   = waves · 2 tm tn / (push mem_Bps / S)
 *
 * (a, w: bytes per element of activations and weights.) The bounds overlap but
 * not wholly: with hi the larger of math side and memory side and lo the lesser
 *
 *     t = launch + hi (1 + serial (lo/hi)²) + min(k/64, 8) fill_s
 *         + (waves - 1) wave_s + out + split
 *
 * and the cheapest (tile, split) is taken, as a vendor library's heuristic
 * means to. Since Hopper the library's kernels are persistent: no wave_s is paid,
 * and besides the usual tiles there are 64 or 128 by any multiple of 16,
 * so that 1, 2, … waves hold all tiles (kernel names in public profiles:
 * nvjet_sm100_tst_176x128_…, 24x64, 256x96). Long work meets the power limit:
 * the math rate is divided by 1 + throttle · heat · x/(x + throttle_s), x the
 * product's whole math time, heat the peak per watt and what the process takes for
 * it, relative to the H100's.
 * fp8, fp4 and int8 recipes quantise their activations first: one more launch
 * and quant_pass bytes per element.
 *
 * Wave quantisation: NVIDIA, "Matrix Multiplication Background User's Guide"
 * (tiles, waves, alignment). Split-k and stream-k: NVIDIA CUTLASS
 * documentation, "Efficient GEMM in CUDA".
 *
 * COST. At most 40 candidates, no transcendental: about 200 ns; the residual's
 * features add a dozen logarithms.
 */
#ifndef STC_KERNELS_GEMM_H
#define STC_KERNELS_GEMM_H

#include "kernels/cost_params.h"

#endif
