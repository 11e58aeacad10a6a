/*
 * rng.h - seeded random streams by purpose.
 *
 * All chance in a run flows from one seed. Each purpose ("arrivals",
 * "failures") draws from a stream of its own, so that adding a draw in one
 * place does not shift the draws of another.
 *
 * THEORY. xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom
 * number generators", ACM TOMS 2021); its state is filled by splitmix64 from
 * the seed and a hash of the purpose. Normal variates by Box and Muller (1958),
 * one per call, so that the state is only the four words.
 *
 * OWNERSHIP. A plain value: copy it to fork a stream, no life cycle.
 */
#ifndef STC_BASE_RNG_H
#define STC_BASE_RNG_H

#include <stdint.h>

struct stc_rng {
    uint64_t s[4];
};

void stc_rng_seed(struct stc_rng *r, uint64_t seed, const char *purpose);

uint64_t stc_rng_u64(struct stc_rng *r);
/* In [0, 1), 53 random bits. */
double stc_rng_uniform(struct stc_rng *r);
/* In [0, n) without bias; n must not be 0. */
uint64_t stc_rng_below(struct stc_rng *r, uint64_t n);
double stc_rng_normal(struct stc_rng *r, double mean, double sd);
/* exp of a normal of mean mu and deviation sigma: the median is exp(mu). */
double stc_rng_lognormal(struct stc_rng *r, double mu, double sigma);
/* Gaps of a Poisson process of rate 1/mean. */
double stc_rng_exponential(struct stc_rng *r, double mean);

#endif
