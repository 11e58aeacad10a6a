/*
 * test_machine.c - streams, waits, joins, semaphores, pools, interference and
 * flows: histories reckoned by hand, what hangs, and programs that are pulled.
 * Random programs and laws: tests/test_machine_random.c.
 */
#include "tests/machine_kit.h"

#include <stdio.h>

/* ==== by hand ==== */

START_TEST(machine_streams_are_fifo_and_waits_cross_them)
{
    struct script *s = new_script(1, 3);
    uint32_t a = script_add(s, 0, 0, work(10));
    script_add(s, 0, 0, work(5));              /* 10..15 */
    script_add(s, 0, 1, after(work(7), 0, a)); /* 10..17 */
    script_add(s, 0, 1, after(work(1), 0, 2)); /* 17..18: its stream is the later */
    script_add(s, 0, 2, after(after(work(2), 0, 2), 1, 1)); /* both: 17..19 */
    ck_assert_int_eq(run(s, (struct stc_machine_conf){.n_comms = 0}), 19);
    stc_assert_near(s->start[0][1][0], 10.0, 0);
    stc_assert_near(s->start[0][1][1], 17.0, 0);
    stc_assert_near(s->start[0][2][0], 17.0, 0);
    free(s);
}
END_TEST

START_TEST(machine_joins_start_with_the_last_and_keep_order)
{
    static const uint32_t members[] = {3};
    static const struct stc_join_op ops[] = {{.fixed_ticks = 4}, {.fixed_ticks = 100}};
    struct script *s = new_script(3, 1);
    for (uint32_t r = 0; r < 3; r++) {
        script_add(s, r, 0, work(10 * (r + 1)));
        script_add(s, r, 0, join(0, 0)); /* 30..34 */
        script_add(s, r, 0, work(3 - r));
        script_add(s, r, 0, join(0, 1)); /* 37..137 */
    }
    ck_assert_int_eq(run(s, (struct stc_machine_conf){.n_comms = 1,
                                                      .comm_members = members,
                                                      .n_ops = 2,
                                                      .ops = ops}),
                     137);
    for (uint32_t r = 0; r < 3; r++) {
        stc_assert_near(s->start[r][0][1], 30.0, 0);
        stc_assert_near(s->end[r][0][1], 34.0, 0);
        stc_assert_near(s->start[r][0][3], 37.0, 0);
    }
    free(s);
}
END_TEST

START_TEST(machine_semaphores_bound_how_far_a_stream_runs_ahead)
{
    static const int64_t init[] = {2};
    struct script *s = new_script(1, 2);
    for (uint32_t i = 0; i < 4;
         i++) { /* a producer of 1, a consumer of 10, two buffers */
        script_add(s, 0, 0, take(0, 1));
        uint32_t made = script_add(s, 0, 0, work(1));
        script_add(s, 0, 1, after(work(10), 0, made));
        script_add(s, 0, 1, give(0, 1));
    }
    /* made at 1, 2, then 12 (first buffer free at 11), 22; used from 1, 11, 21, 31 */
    ck_assert_int_eq(run(s, (struct stc_machine_conf){.n_sems = 1, .sem_init = init}),
                     41);
    stc_assert_near(s->start[0][0][4], 11.0, 0);
    stc_assert_near(s->start[0][0][6], 21.0, 0);
    free(s);
}
END_TEST

START_TEST(machine_pools_keep_their_peak)
{
    struct script *s = new_script(2, 2);
    script_add(s, 0, 0, mem(100));
    script_add(s, 0, 0, work(10));
    script_add(s, 0, 0, mem(-100));
    script_add(s, 0, 1, work(5));
    script_add(s, 0, 1, mem(40)); /* at 5: 140 */
    script_add(s, 1, 0, work(1));
    ck_assert_int_eq(run(s, (struct stc_machine_conf){.n_comms = 0}), 10);
    ck_assert_int_eq(s->mem_peak[0], 140);
    ck_assert_int_eq(s->mem[0], 40);
    ck_assert_int_eq(s->mem_peak[1], 0);
    free(s);
}
END_TEST

START_TEST(machine_work_beside_communication_is_slower_only_then)
{
    static const uint32_t members[] = {2};
    static const struct stc_join_op ops[] = {{.fixed_ticks = 100, .comm_class = 1}};
    struct script *s = new_script(2, 2);
    struct stc_machine_conf c = {
        .n_comms = 1, .comm_members = members, .n_ops = 1, .ops = ops};
    c.rate[0][1 << 1] = 0.5;
    script_add(s, 0, 0, work(200)); /* join from 60 to 160: 60 + 100 * 0.5 + 90 */
    script_add(s, 0, 1, work(60));
    script_add(s, 0, 1, join(0, 0));
    script_add(s, 1, 1, join(0, 0));
    script_add(s, 1, 0, work(10)); /* before it begins: untouched */
    struct stc_task other = work(300);
    other.cls = 1; /* a class that feels nothing */
    script_add(s, 1, 0, other);
    ck_assert_int_eq(run(s, c), 310);
    stc_assert_near(s->end[0][0][0], 250.0, 0);
    stc_assert_near(s->end[1][0][0], 10.0, 0);
    free(s);
}
END_TEST

/* Cutting slowed work into pieces changes its end by no tick. */
START_TEST(machine_fractions_of_ticks_carry_over)
{
    static const uint32_t members[] = {1};
    static const struct stc_join_op ops[] = {{.fixed_ticks = 700, .comm_class = 0}};
    int64_t ends[2];
    for (int cut = 0; cut < 2; cut++) {
        struct script *s = new_script(1, 2);
        struct stc_machine_conf c = {
            .n_comms = 1, .comm_members = members, .n_ops = 1, .ops = ops};
        c.rate[0][1] = 0.7;
        for (int i = 0; i < (cut ? 30 : 1); i++)
            script_add(s, 0, 0, work(cut ? 21 : 630));
        script_add(s, 0, 1, join(0, 0));
        ends[cut] = run(s, c); /* 700 * 0.7 = 490 by 700, then 140 at full rate */
        free(s);
    }
    ck_assert_int_eq(ends[0], 840);
    ck_assert_int_eq(ends[1], 840);
}
END_TEST

START_TEST(machine_flow_joins_share_links)
{
    static const uint32_t members[] = {1, 1};
    static const double capacity[] = {1e9};
    static const struct stc_flow_use use[] = {{0, 1.0}};
    static const struct stc_join_op ops[] = {{.fixed_ticks = 1000000,
                                              .uses = use,
                                              .n_uses = 1,
                                              .flow_bytes = 1000,
                                              .flow_cap_Bps = HUGE_VAL},
                                             {.fixed_ticks = 0,
                                              .uses = use,
                                              .n_uses = 1,
                                              .flow_bytes = 3000,
                                              .flow_cap_Bps = HUGE_VAL}};
    struct script *s = new_script(2, 1);
    struct stc_diag d = {0};
    struct stc_machine_conf c = {
        .n_comms = 2, .comm_members = members, .n_ops = 2, .ops = ops};
    int64_t end;
    ck_assert_int_eq(stc_flownet_init(&c.net, 1, capacity, TICK_S), STC_OK);
    script_add(s, 0, 0, join(0, 0)); /* 1 us latency, then half the link */
    script_add(
        s, 1, 0,
        join(
            1,
            1)); /* alone for 1 us: 1000 bytes; both: 1000 each by 3 us; the rest by 4 us */
    stc_assert_ok(run_conf(s, &c, &end, &d), &d);
    stc_assert_near(s->end[0][0][0], 3e6, 1e-9);
    stc_assert_near(s->end[1][0][0], 4e6, 1e-9);
    stc_flownet_free(c.net);
    free(s);
}
END_TEST

/* ==== what hangs ==== */

START_TEST(machine_says_what_a_job_would_hang_on)
{
    static const uint32_t members[] = {2, 2};
    static const struct stc_join_op ops[] = {{.fixed_ticks = 4}, {.fixed_ticks = 5}};
    static const int64_t init[] = {0};
    struct stc_machine_conf c = {.n_comms = 2,
                                 .comm_members = members,
                                 .n_ops = 2,
                                 .ops = ops,
                                 .n_sems = 1,
                                 .sem_init = init};
    struct stc_diag d = {0};
    int64_t end;

    struct script *s = new_script(2, 2); /* different operations meet */
    script_add(s, 0, 0, join(0, 0));
    script_add(s, 1, 0, join(0, 1));
    stc_assert_fails(run_conf(s, &c, &end, &d), STC_ERR_DEADLOCK, &d,
                     "different operations");
    free(s);

    s = new_script(2, 2); /* two communicators in different order: the classic */
    script_add(s, 0, 0, join(0, 0));
    script_add(s, 0, 0, join(1, 0));
    script_add(s, 1, 0, join(1, 0));
    script_add(s, 1, 0, join(0, 0));
    stc_assert_fails(run_conf(s, &c, &end, &d), STC_ERR_DEADLOCK, &d,
                     "rank 0 waits on stream 0 in communicator 0");
    ck_assert_msg(strstr(d.text, "1 of 2 members") != NULL, "%s", d.text);
    free(s);

    s = new_script(1, 2); /* a semaphore that nobody gives */
    script_add(s, 0, 1, take(0, 1));
    stc_assert_fails(run_conf(s, &c, &end, &d), STC_ERR_DEADLOCK, &d,
                     "stream 1 is waiting for a semaphore");
    free(s);

    s = new_script(1, 2); /* streams that wait for each other */
    script_add(s, 0, 0, after(work(1), 1, 1));
    script_add(s, 0, 1, after(work(1), 0, 1));
    stc_assert_fails(run_conf(s, &c, &end, &d), STC_ERR_DEADLOCK, &d,
                     "wait for each other");
    free(s);

    s = new_script(1, 2); /* a wait for a task that never comes */
    script_add(s, 0, 0, work(1));
    script_add(s, 0, 1, after(work(1), 0, 2));
    stc_assert_fails(run_conf(s, &c, &end, &d), STC_ERR_DEADLOCK, &d,
                     "blocked on a task of its own rank");
    free(s);
}
END_TEST

/* ==== pulled programs ==== */

struct
    server { /* stream 0 works when the queue has requests; stream 1 makes one every 10 ticks */
    struct stc_machine *m;
    int made, queued, served;
};

static enum stc_next server_next(void *self, uint32_t rank, uint32_t stream,
                                 int64_t now, struct stc_task *out)
{
    struct server *s = self;
    (void)rank;
    (void)now;
    if (stream == 1) {
        if (s->made == 5) return STC_NEXT_END;
        s->made++;
        *out = work(10);
        return STC_NEXT_TASK;
    }
    if (s->queued > 0) {
        s->queued--;
        *out = work(4);
        return STC_NEXT_TASK;
    }
    return s->served == 5 ? STC_NEXT_END : STC_NEXT_WAIT;
}

static void server_done(void *self, uint32_t rank, uint32_t stream,
                        const struct stc_task *t, int64_t now)
{
    struct server *s = self;
    (void)t;
    (void)now;
    if (stream == 0) {
        s->served++;
        return;
    }
    s->queued++;
    stc_machine_poke(s->m, rank);
}

START_TEST(machine_asks_a_waiting_program_again_when_poked)
{
    struct server s = {0};
    struct stc_diag d = {0};
    struct stc_machine_conf c = {
        .n_ranks = 1, .n_streams = 2, .prog = {&s, server_next, server_done}};
    int64_t end;
    ck_assert_int_eq(stc_machine_make(&s.m, &c), STC_OK);
    stc_assert_ok(stc_machine_run(s.m, &end, &d), &d);
    ck_assert_int_eq(end, 54); /* the fifth request comes at 50 */
    ck_assert_int_eq(s.served, 5);
    ck_assert_int_eq(stc_machine_rank_end(s.m, 0), 54);
    stc_machine_free(s.m);
}
END_TEST

struct alarm {
    struct stc_machine *m;
    int asked;
};

static enum stc_next alarm_next(void *self, uint32_t rank, uint32_t stream, int64_t now,
                                struct stc_task *out)
{
    struct alarm *a = self;
    (void)stream;
    a->asked++;
    if (now < 100) {
        if (a->asked == 1)
            ck_assert_int_eq(stc_machine_poke_at(a->m, rank, 100), STC_OK);
        return STC_NEXT_WAIT;
    }
    if (a->asked > 2) return STC_NEXT_END;
    *out = work(5);
    return STC_NEXT_TASK;
}

START_TEST(machine_pokes_at_a_given_time)
{
    struct alarm a = {0};
    struct stc_diag d = {0};
    struct stc_machine_conf c = {
        .n_ranks = 1, .n_streams = 1, .prog = {&a, alarm_next, NULL}};
    int64_t end;
    ck_assert_int_eq(stc_machine_make(&a.m, &c), STC_OK);
    stc_assert_ok(stc_machine_run(a.m, &end, &d), &d);
    ck_assert_int_eq(end, 105);
    ck_assert_int_eq(a.asked, 3);
    stc_machine_free(a.m);
}
END_TEST

static Suite *machine_suite(void)
{
    Suite *s = suite_create("machine");
    TCase *t = tcase_create("by hand");
    tcase_add_test(t, machine_streams_are_fifo_and_waits_cross_them);
    tcase_add_test(t, machine_joins_start_with_the_last_and_keep_order);
    tcase_add_test(t, machine_semaphores_bound_how_far_a_stream_runs_ahead);
    tcase_add_test(t, machine_pools_keep_their_peak);
    tcase_add_test(t, machine_work_beside_communication_is_slower_only_then);
    tcase_add_test(t, machine_fractions_of_ticks_carry_over);
    tcase_add_test(t, machine_flow_joins_share_links);
    tcase_add_test(t, machine_says_what_a_job_would_hang_on);
    tcase_add_test(t, machine_asks_a_waiting_program_again_when_poked);
    tcase_add_test(t, machine_pokes_at_a_given_time);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(machine_suite)
