/* Schedules finish, hold no more than the papers say, and idle as long as they say. */
#include "models/schedule.h"

#include "models/memory.h"
#include "sim/base/rng.h"
#include "tests/testing.h"

static struct stc_layout job(enum stc_schedule_kind kind, int32_t pp, int32_t vp,
                             int32_t m)
{
    return (struct stc_layout){.tp = 1,
                               .cp = 1,
                               .dp = 1,
                               .pp = pp,
                               .vp = vp,
                               .ep = 1,
                               .etp = 1,
                               .micro_batch = 1,
                               .n_micro = m,
                               .recompute_layers = -1,
                               .schedule = (uint8_t)kind};
}

static struct stc_schedule *build_all(struct stc_arena *a, const struct stc_layout *l)
{
    struct stc_schedule *all = STC_NEW_N(a, struct stc_schedule, (size_t)l->pp);
    struct stc_diag diag;
    for (int32_t s = 0; s < l->pp; s++) {
        ck_assert_msg(stc_schedule_build(a, l, s, &all[s], &diag) == STC_OK, "%s",
                      diag.text);
    }
    return all;
}

/* Time until the last item ends when F, B and W of a chunk take these times and
 * messages none; the schedule is known to finish. */
static double makespan(struct stc_arena *a, const struct stc_layout *l,
                       const struct stc_schedule *all, const double cost[3])
{
    int32_t n = l->pp * l->vp * l->n_micro, m = l->n_micro, last = l->pp * l->vp - 1;
    double *end[3] = {STC_NEW_N(a, double, (size_t)n), STC_NEW_N(a, double, (size_t)n),
                      STC_NEW_N(a, double, (size_t)n)};
    double *free_at = STC_NEW_N(a, double, (size_t)l->pp), latest = 0;
    int32_t *at = STC_NEW_N(a, int32_t, (size_t)l->pp);
    for (int moved = 1; moved;) {
        moved = 0;
        for (int32_t s = 0; s < l->pp; s++) {
            while (at[s] < all[s].n) {
                const struct stc_item *it = &all[s].items[at[s]];
                int32_t v = it->chunk * l->pp + s;
                double need = it->kind == STC_ITEM_F
                                  ? (v == 0 ? 1e-9 : end[0][(v - 1) * m + it->micro])
                              : it->kind == STC_ITEM_B
                                  ? (v == last ? end[0][v * m + it->micro]
                                               : end[1][(v + 1) * m + it->micro])
                                  : end[1][v * m + it->micro];
                if (need == 0) {
                    break;
                }
                double start = need > free_at[s] ? need : free_at[s];
                free_at[s] = end[it->kind][v * m + it->micro] = start + cost[it->kind];
                latest = free_at[s] > latest ? free_at[s] : latest;
                at[s]++;
                moved = 1;
            }
        }
    }
    return latest;
}

START_TEST(schedule_always_finishes)
{
    struct stc_rng r;
    stc_rng_seed(&r, 7, "schedules");
    for (int k = 0; k < 300; k++) {
        struct stc_arena a = STC_ARENA_INIT;
        int kind = (int)stc_rng_below(&r, STC_SCHED_COUNT);
        int32_t pp = 1 + (int32_t)stc_rng_below(&r, 9),
                vp = 1 + (int32_t)stc_rng_below(&r, 4);
        int32_t m = 1 + (int32_t)stc_rng_below(&r, 30);
        if (kind != STC_SCHED_GPIPE && kind != STC_SCHED_INTERLEAVED) {
            vp = 1;
        }
        if (kind == STC_SCHED_INTERLEAVED) {
            m *= pp;
        }
        struct stc_layout l = job((enum stc_schedule_kind)kind, pp, vp, m);
        struct stc_schedule *all = build_all(&a, &l);
        ck_assert_msg(stc_schedule_sane(&l, all), "%s pp %d vp %d m %d",
                      stc_schedule_name((enum stc_schedule_kind)kind), pp, vp, m);
        for (int32_t s = 0; s < pp; s++) {
            /* the closed form of memory.h is the schedule's own count */
            ck_assert_int_eq(all[s].in_flight, stc_mem_in_flight(&l, s));
            int per = kind >= STC_SCHED_ZB_H1 ? 3 : 2;
            ck_assert_int_eq(all[s].n, per * m * vp);
        }
        stc_arena_free(&a);
    }
}
END_TEST

/* Rounds that are not pp micro-batches long, as PyTorch cuts them. */
START_TEST(schedule_interleaved_takes_odd_rounds)
{
    static const int32_t odd[][3] = {
        {4, 2, 6}, {8, 2, 4}, {8, 3, 12}, {3, 4, 4}, {8, 4, 1}};
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_layout l =
        job(STC_SCHED_INTERLEAVED, odd[_i][0], odd[_i][1], odd[_i][2]);
    ck_assert(stc_schedule_sane(&l, build_all(&a, &l)));
    stc_arena_free(&a);
}
END_TEST

static const struct {
    int kind;
    const char *source;
} bubbles[] = {
    {STC_SCHED_GPIPE, "Narayanan 2104.04473 2.2.1: (p-1)(f+b)"},
    {STC_SCHED_1F1B, "the same"},
    {STC_SCHED_INTERLEAVED, "2.2.2: (p-1)(f+b)/v"},
    {STC_SCHED_ZB_H1, "Qi 2401.10241 table 1: (p-1)(f+b-w)"},
};

START_TEST(schedule_bubble_is_the_papers)
{
    struct stc_arena a = STC_ARENA_INIT;
    int kind = bubbles[_i].kind;
    for (int32_t pp = 2; pp <= 8; pp *= 2) {
        int32_t vp = kind == STC_SCHED_INTERLEAVED ? 3 : 1, m = 4 * pp;
        struct stc_layout l = job((enum stc_schedule_kind)kind, pp, vp, m);
        int split = kind == STC_SCHED_ZB_H1;
        double cost[3] = {1.0, split ? 1.0 : 2.0, 1.0};
        double ideal = m * vp * 3.0, bubble = split ? (pp - 1) * 1.0 : (pp - 1) * 3.0;
        double got = makespan(&a, &l, build_all(&a, &l), cost);
        ck_assert_msg(fabs(got - ideal - bubble) < 1e-6,
                      "%s pp %d: %g, not %g + %g (%s)",
                      stc_schedule_name((enum stc_schedule_kind)kind), pp, got, ideal,
                      bubble, bubbles[_i].source);
    }
    stc_arena_free(&a);
}
END_TEST

START_TEST(schedule_refuses_what_it_cannot_lay_out)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_schedule s;
    struct stc_diag diag = {{0}};
    struct stc_layout l = job(STC_SCHED_INTERLEAVED, 4, 2, 9); /* two rounds of 4.5 */
    ck_assert_int_eq(stc_schedule_build(&a, &l, 0, &s, &diag), STC_ERR_INFEASIBLE);
    ck_assert_ptr_nonnull(strstr(diag.text, "equal rounds"));
    l = job(STC_SCHED_1F1B, 4, 2, 8);
    ck_assert_int_eq(stc_schedule_build(&a, &l, 0, &s, &diag), STC_ERR_INFEASIBLE);
    l = job(STC_SCHED_1F1B, 4, 1, 0);
    ck_assert_int_eq(stc_schedule_build(&a, &l, 0, &s, &diag), STC_ERR_INFEASIBLE);
    stc_arena_free(&a);
}
END_TEST

START_TEST(schedule_sane_sees_a_deadlock)
{
    struct stc_arena a = STC_ARENA_INIT;
    struct stc_layout l = job(STC_SCHED_1F1B, 2, 1, 2);
    struct stc_schedule *all = build_all(&a, &l);
    struct stc_item first = all[0].items[0]; /* a backward before any forward */
    all[0].items[0] = all[0].items[all[0].n - 1];
    all[0].items[all[0].n - 1] = first;
    ck_assert_int_eq(stc_schedule_sane(&l, all), 0);
    stc_arena_free(&a);
}
END_TEST

static Suite *schedule_suite(void)
{
    Suite *s = suite_create("schedule");
    TCase *t = tcase_create("schedule");
    tcase_add_test(t, schedule_always_finishes);
    tcase_add_loop_test(t, schedule_interleaved_takes_odd_rounds, 0, 5);
    tcase_add_loop_test(t, schedule_bubble_is_the_papers, 0,
                        (int)(sizeof bubbles / sizeof bubbles[0]));
    tcase_add_test(t, schedule_refuses_what_it_cannot_lay_out);
    tcase_add_test(t, schedule_sane_sees_a_deadlock);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(schedule_suite)
