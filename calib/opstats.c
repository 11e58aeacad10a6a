#include "calib/opstats.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/stats.h"
#include "sim/base/text.h"

enum { SLOTS = 4 * STC_OPSTATS_MOST };

bool stc_opstats_init(struct stc_opstats *s)
{
    *s = (struct stc_opstats){.rng = 88172645463325252u, .n = 1};
    s->v = calloc(STC_OPSTATS_MOST, sizeof *s->v);
    s->slot = calloc(SLOTS, sizeof *s->slot);
    if (s->v != NULL && s->slot != NULL) return true;
    stc_opstats_free(s);
    return false;
}

void stc_opstats_free(struct stc_opstats *s)
{
    stc_arena_free(&s->arena);
    free(s->v);
    free(s->slot);
    s->v = NULL;
    s->slot = NULL;
}

uint32_t stc_opstats_name(struct stc_opstats *s, const char *name, size_t len)
{
    uint64_t h = stc_hash64(STC_HASH_INIT, name, len);
    uint32_t at = (uint32_t)(h >> 20) & (SLOTS - 1);
    for (; s->slot[at] != 0; at = (at + 1) & (SLOTS - 1)) {
        const struct stc_opstat *o = &s->v[s->slot[at]];
        if (o->hash == h && strncmp(o->name, name, len) == 0 && o->name[len] == '\0')
            return s->slot[at];
    }
    if (s->n == STC_OPSTATS_MOST) {
        s->n_refused++;
        return 0;
    }
    char *copy = stc_arena_alloc(&s->arena, len + 1, 1);
    if (copy == NULL) return 0;
    memcpy(copy, name, len);
    s->v[s->n] = (struct stc_opstat){.name = copy, .hash = h};
    s->slot[at] = s->n;
    return s->n++;
}

bool stc_opstats_add(struct stc_opstats *s, uint32_t i, double seconds)
{
    struct stc_opstat *o = &s->v[i];
    if (i == 0 || !(seconds > 0.0)) return true;
    if (o->sample == NULL &&
        (o->sample = STC_NEW_N(&s->arena, float, STC_OPSTATS_SAMPLE)) == NULL)
        return false;
    uint64_t at = (uint64_t)o->n++;
    if (o->n == 1 || seconds < o->min_s) o->min_s = seconds;
    if (at >= STC_OPSTATS_SAMPLE) { /* keep the newcomer with chance SAMPLE / n */
        s->rng ^= s->rng << 13, s->rng ^= s->rng >> 7, s->rng ^= s->rng << 17;
        at = s->rng % (uint64_t)o->n;
        if (at >= STC_OPSTATS_SAMPLE) return true;
    }
    o->sample[at] = (float)seconds;
    return true;
}

void stc_opstats_quantiles(const struct stc_opstats *s, uint32_t i, double *median,
                           double *p95)
{
    const struct stc_opstat *o = &s->v[i];
    double v[STC_OPSTATS_SAMPLE];
    size_t n = o->n < STC_OPSTATS_SAMPLE ? (size_t)o->n : STC_OPSTATS_SAMPLE;
    for (size_t k = 0; k < n; k++)
        v[k] = (double)o->sample[k];
    stc_sort(v, n);
    *median = stc_quantile_sorted(v, n, 0.5);
    *p95 = stc_quantile_sorted(v, n, 0.95);
}
