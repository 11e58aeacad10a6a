#include "gemm_ref.h"

#include <math.h>

int64_t stc_gemm_a_index(const struct stc_gemm_shape *s, int64_t batch, int64_t j,
                         int64_t l)
{
    int64_t at = s->op[0] == 'T' ? l + j * s->k : j + l * s->n;
    return batch * s->n * s->k + at;
}

int64_t stc_gemm_b_index(const struct stc_gemm_shape *s, int64_t batch, int64_t i,
                         int64_t l)
{
    int64_t at = s->op[1] == 'N' ? l + i * s->k : i + l * s->m;
    return batch * s->m * s->k + at;
}

int64_t stc_gemm_d_index(const struct stc_gemm_shape *s, int64_t batch, int64_t i,
                         int64_t j)
{
    return batch * s->m * s->n + j + i * s->n;
}

static double operand(const struct stc_gemm_shape *s, uint64_t seed, int64_t index)
{
    return (double)stc_num_round(s->num, stc_rand_normal(seed, (uint64_t)index));
}

double stc_gemm_ref(const struct stc_gemm_shape *s, int64_t batch, int64_t i, int64_t j)
{
    double sum = 0;
    int64_t l;
    for (l = 0; l < s->k; l++) {
        sum += operand(s, STC_SEED_A, stc_gemm_a_index(s, batch, j, l)) *
               operand(s, STC_SEED_B, stc_gemm_b_index(s, batch, i, l));
    }
    return sum;
}

double stc_gemm_error(const struct stc_gemm_shape *s, double ref, double got)
{
    double diff = fabs(got - ref);
    if (!(diff <= 1e300)) return INFINITY;
    return diff / (fabs(ref) + sqrt((double)s->k));
}

double stc_gemm_tolerance(enum stc_num num)
{
    switch (num) {
    case STC_NUM_F32: return 1e-4;
    case STC_NUM_TF32: return 3e-3; /* operands lose 13 bits: 2^-11 each */
    case STC_NUM_F16: return 3e-3;
    case STC_NUM_E4M3: return 4e-2; /* Hopper keeps about 14 bits while summing */
    default: return 1e-2;           /* bf16 result: half a last place is 2^-9 */
    }
}
