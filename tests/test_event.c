#include "sim/engine/event.h"

#include "sim/base/rng.h"
#include "tests/testing.h"

static void push(struct stc_queue *q, int64_t t_tick, uint8_t prio, uint32_t arg)
{
    ck_assert_int_eq(stc_queue_push(q, t_tick, prio, 7, arg), STC_OK);
}

static const struct {
    const char *what;
    struct {
        int64_t t_tick;
        uint8_t prio;
        char letter;
    } add[6];
    const char *history;
} rows[] = {
    {"earliest first", {{30, 0, 'a'}, {10, 0, 'b'}, {20, 0, 'c'}}, "bca"},
    {"equal times: first pushed", {{10, 0, 'a'}, {10, 0, 'b'}, {10, 0, 'c'}}, "abc"},
    {"equal times: lower prio", {{10, 2, 'a'}, {10, 1, 'b'}, {10, 0, 'c'}}, "cba"},
    {"time before prio", {{11, 0, 'a'}, {10, 255, 'b'}}, "ba"},
    {"prio before number",
     {{5, 1, 'a'}, {5, 0, 'b'}, {5, 1, 'c'}, {5, 0, 'd'}},
     "bdac"},
    {"the ends of time",
     {{INT64_MAX, 0, 'a'}, {0, 255, 'b'}, {INT64_MAX - 1, 9, 'c'}},
     "bca"},
    {"nothing", {{0, 0, 0}}, ""},
};

START_TEST(event_order_is_time_then_prio_then_push)
{
    struct stc_queue q = STC_QUEUE_INIT;
    char history[8] = "";
    size_t n = 0;
    struct stc_event e;

    for (size_t i = 0; i < 6 && rows[_i].add[i].letter != 0; i++)
        push(&q, rows[_i].add[i].t_tick, rows[_i].add[i].prio,
             (uint32_t)(unsigned char)rows[_i].add[i].letter);
    while (stc_queue_pop(&q, &e)) {
        ck_assert_uint_eq(e.kind, 7);
        history[n++] = (char)e.arg;
    }
    ck_assert_msg(strcmp(history, rows[_i].history) == 0, "%s: %s, want %s",
                  rows[_i].what, history, rows[_i].history);
    stc_queue_free(&q);
}
END_TEST

/* The order by definition: a list searched from end to end. */
struct ref {
    struct stc_event at[4096];
    size_t n;
    uint64_t next_seq;
};

static void ref_push(struct ref *r, int64_t t_tick, uint8_t prio, uint32_t arg)
{
    r->at[r->n++] =
        (struct stc_event){t_tick, (uint64_t)prio << 56 | r->next_seq++, 7, arg};
}

static struct stc_event ref_pop(struct ref *r)
{
    size_t first = 0;
    for (size_t i = 1; i < r->n; i++) {
        const struct stc_event *a = &r->at[i], *b = &r->at[first];
        if (a->t_tick < b->t_tick || (a->t_tick == b->t_tick && a->order < b->order))
            first = i;
    }
    const struct stc_event e = r->at[first];
    r->at[first] = r->at[--r->n];
    return e;
}

static int64_t draw_increment(struct stc_rng *rng, int kind)
{
    switch (kind) {
    case 0: return (int64_t)stc_rng_below(rng, 1000);    /* spread */
    case 1: return (int64_t)stc_rng_below(rng, 3);       /* bursts of equal times */
    case 2: return (int64_t)1 << stc_rng_below(rng, 40); /* any scale */
    default: return 0;                                   /* all at once */
    }
}

START_TEST(event_history_equals_that_of_a_searched_list)
{
    struct stc_queue q = STC_QUEUE_INIT;
    struct ref *ref = calloc(1, sizeof *ref);
    struct stc_rng rng;

    ck_assert_ptr_nonnull(ref);
    stc_rng_seed(&rng, (uint64_t)_i, "events");
    for (int step = 0; step < 3000; step++) {
        const uint64_t what = stc_rng_below(&rng, 10);
        if (what < 5 && ref->n < 4096) {
            const int64_t t = q.now_tick + draw_increment(&rng, _i % 4);
            const uint8_t prio = (uint8_t)stc_rng_below(&rng, 3);
            push(&q, t, prio, (uint32_t)step);
            ref_push(ref, t, prio, (uint32_t)step);
        } else if (what < 9 && ref->n > 0) {
            struct stc_event e;
            const struct stc_event want = ref_pop(ref);
            ck_assert(stc_queue_pop(&q, &e));
            ck_assert_int_eq(e.t_tick, want.t_tick);
            ck_assert_uint_eq(e.arg, want.arg);
            ck_assert_uint_eq(stc_event_prio(&e), want.order >> 56);
            ck_assert_int_eq(q.now_tick, want.t_tick);
        } else if (ref->n > 0) {
            const struct stc_event want = ref_pop(ref);
            ck_assert_int_eq(stc_queue_peek_tick(&q), want.t_tick);
            ref->at[ref->n++] = want;
        }
        ck_assert_uint_eq(stc_queue_n_pending(&q), ref->n);
        ck_assert(stc_queue_sane(&q));
    }
    stc_queue_free(&q);
    free(ref);
}
END_TEST

START_TEST(event_memory_is_reserved_once)
{
    struct stc_queue q;
    struct stc_event e;

    ck_assert_int_eq(stc_queue_init(&q, 1000), STC_OK);
    const struct stc_event *at = q.at;
    const size_t cap = q.cap;
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 1000; i++)
            push(&q, i, 0, i);
        for (uint32_t i = 0; i < 5000; i++) {
            ck_assert(stc_queue_pop(&q, &e));
            push(&q, e.t_tick + 1000, 0, i);
        }
        ck_assert_uint_eq(stc_queue_n_pending(&q), 1000);
        stc_queue_clear(&q);
        ck_assert_int_eq(stc_queue_peek_tick(&q), INT64_MAX);
        ck_assert(!stc_queue_pop(&q, &e));
    }
    ck_assert_ptr_eq(q.at, at);
    ck_assert_uint_eq(q.cap, cap);
    ck_assert_int_eq(stc_queue_reserve(&q, SIZE_MAX), STC_ERR_NOMEM);
    ck_assert_int_eq(stc_queue_reserve(&q, SIZE_MAX / 24), STC_ERR_NOMEM);
    ck_assert(stc_queue_sane(&q));
    stc_queue_free(&q);
}
END_TEST

START_TEST(event_sane_sees_a_broken_heap)
{
    struct stc_queue q = STC_QUEUE_INIT;
    struct stc_event e;

    for (uint32_t i = 0; i < 20; i++)
        push(&q, 100 + i, 0, i);
    ck_assert(stc_queue_sane(&q));
    q.at[19].t_tick = 50; /* before its parent */
    ck_assert(!stc_queue_sane(&q));
    q.at[19].t_tick = 119;
    ck_assert(stc_queue_pop(&q, &e));
    ck_assert(stc_queue_sane(&q));
    q.at[1].t_tick = 99; /* before now */
    ck_assert(!stc_queue_sane(&q));
    q.at[1].t_tick = 101;
    q.at[1].order += 1000; /* a number never given */
    ck_assert(!stc_queue_sane(&q));
    stc_queue_free(&q);
}
END_TEST

static Suite *event_suite(void)
{
    Suite *s = suite_create("event");
    TCase *t = tcase_create("queue");

    tcase_add_loop_test(t, event_order_is_time_then_prio_then_push, 0,
                        (int)(sizeof rows / sizeof rows[0]));
    tcase_add_loop_test(t, event_history_equals_that_of_a_searched_list, 0, 12);
    tcase_add_test(t, event_memory_is_reserved_once);
    tcase_add_test(t, event_sane_sees_a_broken_heap);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(event_suite)
