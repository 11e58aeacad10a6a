#include "sim/base/rng.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "sim/base/text.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void stc_rng_seed(struct stc_rng *r, uint64_t seed, const char *purpose)
{
    /* The seed is mixed before it meets the purpose, so that seed 1 of one
     * purpose is not seed 2 of another. */
    uint64_t state =
        splitmix64(&seed) ^ stc_hash64(STC_HASH_INIT, purpose, strlen(purpose));
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix64(&state);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t stc_rng_u64(struct stc_rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

double stc_rng_uniform(struct stc_rng *r)
{
    return (double)(stc_rng_u64(r) >> 11) * 0x1p-53;
}

uint64_t stc_rng_below(struct stc_rng *r, uint64_t n)
{
    assert(n != 0);
    uint64_t reject = (0 - n) % n; /* 2^64 mod n: the uneven rest is thrown away */
    uint64_t x;
    do {
        x = stc_rng_u64(r);
    } while (x < reject);
    return x % n;
}

double stc_rng_normal(struct stc_rng *r, double mean, double sd)
{
    double u = 1.0 - stc_rng_uniform(r); /* (0, 1]: log is finite */
    double v = stc_rng_uniform(r);
    return mean + sd * sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

double stc_rng_lognormal(struct stc_rng *r, double mu, double sigma)
{
    return exp(stc_rng_normal(r, mu, sigma));
}

double stc_rng_exponential(struct stc_rng *r, double mean)
{
    return -mean * log(1.0 - stc_rng_uniform(r));
}
