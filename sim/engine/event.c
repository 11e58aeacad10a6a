#include "sim/engine/event.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Children of place i (root: 0) are 4i+1..4i+4. */
#define ARITY    4U
#define MIN_CAP  64U
#define SEQ_BITS 56

__extension__ typedef unsigned __int128
    u128; /* one compare for time, prio and number */

static inline u128 key_of(const struct stc_event *e)
{
    return ((u128)(uint64_t)e->t_tick << 64) | e->order;
}

enum stc_err stc_queue_init(struct stc_queue *q, size_t n_reserve)
{
    *q = (struct stc_queue)STC_QUEUE_INIT;
    return n_reserve > 0 ? stc_queue_reserve(q, n_reserve) : STC_OK;
}

void stc_queue_free(struct stc_queue *q)
{
    free(q->at);
    *q = (struct stc_queue)STC_QUEUE_INIT;
}

void stc_queue_clear(struct stc_queue *q)
{
    q->n = 0;
    q->next_seq = 0;
    q->now_tick = 0;
    q->open_root = false;
}

enum stc_err stc_queue_reserve(struct stc_queue *q, size_t n)
{
    if (n < SIZE_MAX / sizeof *q->at) n++; /* the open root takes a place */
    if (n <= q->cap) return STC_OK;
    if (n > SIZE_MAX / 2 / sizeof *q->at) return STC_ERR_NOMEM;
    struct stc_event *at = realloc(q->at, n * sizeof *at);
    if (at == NULL) return STC_ERR_NOMEM;
    q->at = at;
    q->cap = n;
    return STC_OK;
}

/* The least of the children first..first+3, all of which exist. A tournament
 * of selects: which child wins is a coin toss, so branches would mispredict. */
static inline size_t least_of_four(const struct stc_event *at, size_t first)
{
    const u128 k0 = key_of(&at[first]), k1 = key_of(&at[first + 1]);
    const u128 k2 = key_of(&at[first + 2]), k3 = key_of(&at[first + 3]);
    const size_t left = first + (size_t)(k1 < k0);
    const size_t right = first + 2 + (size_t)(k3 < k2);
    const u128 kl = k1 < k0 ? k1 : k0;
    const u128 kr = k3 < k2 ? k3 : k2;
    return kr < kl ? right : left;
}

/* Puts e where it belongs on the way down from the root, whose place is free. */
static void fill_root(struct stc_queue *q, struct stc_event e)
{
    struct stc_event *at = q->at;
    const u128 key = key_of(&e);
    const size_t n = q->n;
    size_t i = 0;

    for (;;) {
        const size_t first = ARITY * i + 1;
        size_t c;
        if (first + ARITY <= n) {
            c = least_of_four(at, first);
        } else {
            if (first >= n) break;
            c = first;
            for (size_t k = first + 1; k < n; k++) {
                if (key_of(&at[k]) < key_of(&at[c])) c = k;
            }
        }
        if (key < key_of(&at[c])) break;
        at[i] = at[c];
        i = c;
    }
    at[i] = e;
}

/* After a pop with no push since: the last event takes the root's place. */
static void close_root(struct stc_queue *q)
{
    q->open_root = false;
    const struct stc_event last = q->at[--q->n];
    if (q->n > 0) fill_root(q, last);
}

static void append(struct stc_queue *q, struct stc_event e)
{
    struct stc_event *at = q->at;
    const u128 key = key_of(&e);
    size_t i = q->n++;

    while (i > 0) {
        const size_t up = (i - 1) / ARITY;
        if (key_of(&at[up]) < key) break;
        at[i] = at[up];
        i = up;
    }
    at[i] = e;
}

static enum stc_err grow(struct stc_queue *q)
{
    return stc_queue_reserve(q, q->cap < MIN_CAP ? MIN_CAP : 2 * q->cap);
}

enum stc_err stc_queue_push(struct stc_queue *q, stc_tick t_tick, uint8_t prio,
                            uint32_t kind, uint32_t arg)
{
    assert(t_tick >= q->now_tick);
    assert(q->next_seq < (UINT64_C(1) << SEQ_BITS));
    const struct stc_event e = {
        .t_tick = t_tick,
        .order = ((uint64_t)prio << SEQ_BITS) | q->next_seq,
        .kind = kind,
        .arg = arg,
    };

    if (q->open_root) {
        q->open_root = false;
        fill_root(q, e);
    } else {
        if (q->n == q->cap && grow(q) != STC_OK) return STC_ERR_NOMEM;
        append(q, e);
    }
    q->next_seq++;
    return STC_OK;
}

bool stc_queue_pop(struct stc_queue *q, struct stc_event *out)
{
    if (q->open_root) close_root(q);
    if (q->n == 0) return false;
    *out = q->at[0];
    q->now_tick = out->t_tick;
    q->open_root = true;
    return true;
}

stc_tick stc_queue_peek_tick(struct stc_queue *q)
{
    if (q->open_root) close_root(q);
    return q->n > 0 ? q->at[0].t_tick : INT64_MAX;
}

bool stc_queue_sane(const struct stc_queue *q)
{
    const uint64_t seq_mask = (UINT64_C(1) << SEQ_BITS) - 1;
    const size_t skip = q->open_root ? 1 : 0;

    if (q->n > q->cap || q->n < skip) return false;
    for (size_t i = skip; i < q->n; i++) {
        const struct stc_event *e = &q->at[i];
        const size_t up = i > 0 ? (i - 1) / ARITY : 0;
        if (e->t_tick < q->now_tick || (e->order & seq_mask) >= q->next_seq)
            return false;
        if (i > 0 && up >= skip && key_of(e) < key_of(&q->at[up])) return false;
    }
    return true;
}
