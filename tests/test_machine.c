/*
 * test_machine.c - streams, waits, joins, semaphores, pools, interference and
 * flows: histories reckoned by hand, then hundreds of random programs against
 * the obvious simulator of tests/ref_machine.c, then laws.
 */
#include "sim/engine/machine.h"

#include <stdio.h>

#include "sim/base/rng.h"
#include "tests/ref_machine.h"
#include "tests/testing.h"

#define TICK_S 1e-12

static struct stc_task work(int64_t ticks)
{
    return (struct stc_task){.kind = STC_TASK_WORK, .amount = ticks};
}
static struct stc_task join(uint32_t comm, int64_t op)
{
    return (struct stc_task){.kind = STC_TASK_JOIN, .ref = comm, .amount = op};
}
static struct stc_task mem(int64_t bytes)
{
    return (struct stc_task){.kind = STC_TASK_MEM, .amount = bytes};
}
static struct stc_task take(uint32_t sem, int64_t n)
{
    return (struct stc_task){.kind = STC_TASK_SEM_TAKE, .ref = sem, .amount = n};
}
static struct stc_task give(uint32_t sem, int64_t n)
{
    return (struct stc_task){.kind = STC_TASK_SEM_GIVE, .ref = sem, .amount = n};
}
static struct stc_task after(struct stc_task t, uint32_t stream, uint32_t ordinal)
{
    int i = 0;
    while (t.wait[i])
        i++;
    t.wait[i] = stc_wait(stream, ordinal);
    return t;
}

static struct script *new_script(uint32_t n_ranks, uint32_t n_streams)
{
    struct script *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->n_ranks = n_ranks;
    s->n_streams = n_streams;
    return s;
}

static enum stc_err run_conf(struct script *s, struct stc_machine_conf *c, int64_t *end,
                             struct stc_diag *d)
{
    struct stc_machine *m;
    c->n_ranks = s->n_ranks;
    c->n_streams = s->n_streams;
    c->prog = script_prog(s);
    c->observe = script_observe;
    c->observe_ctx = s;
    ck_assert_int_eq(stc_machine_make(&m, c), STC_OK);
    enum stc_err e = stc_machine_run(m, end, d);
    for (uint32_t r = 0; r < s->n_ranks; r++) {
        s->mem[r] = stc_machine_mem_now(m, r);
        s->mem_peak[r] = stc_machine_mem_peak(m, r);
    }
    stc_machine_free(m);
    return e;
}

/* Runs what has no operations with flows. */
static int64_t run(struct script *s, struct stc_machine_conf c)
{
    struct stc_diag d = {0};
    int64_t end = -1;
    stc_assert_ok(run_conf(s, &c, &end, &d), &d);
    return end;
}

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

/* ==== random programs ==== */

enum { N_LINKS = 4, N_OPS = 6, N_COMMS = 4 };

struct world { /* what a random program runs in */
    uint32_t members[N_COMMS];
    struct stc_join_op ops[N_OPS];
    struct stc_flow_use use[N_OPS][N_LINKS];
    double capacity_Bps[N_LINKS];
    int64_t sem_init[2];
    struct stc_machine_conf conf;
};

static int64_t below(struct stc_rng *g, int64_t n)
{
    return (int64_t)stc_rng_below(g, (uint64_t)n);
}

static void random_world(struct stc_rng *g, struct world *w, int rates, int flows)
{
    *w = (struct world){.sem_init = {below(g, 3), below(g, 3)}};
    for (int l = 0; l < N_LINKS; l++)
        w->capacity_Bps[l] = 1e9 * (double)(1 + below(g, 20));
    for (int i = 0; i < N_OPS; i++) {
        w->ops[i] =
            (struct stc_join_op){.fixed_ticks = 1 + below(g, 1000000),
                                 .comm_class = (uint8_t)below(g, STC_COMM_CLASSES)};
        if (!flows || below(g, 3) == 0) continue;
        for (uint32_t l = 0; l < N_LINKS; l++)
            if (below(g, 2) || l == 0)
                w->use[i][w->ops[i].n_uses++] =
                    (struct stc_flow_use){l, 0.5 + stc_rng_uniform(g)};
        w->ops[i].uses = w->use[i];
        w->ops[i].flow_bytes = (double)(1 + below(g, 20000));
        w->ops[i].flow_cap_Bps =
            below(g, 2) ? HUGE_VAL : 1e9 * (1 + 10 * stc_rng_uniform(g));
    }
    w->conf = (struct stc_machine_conf){.n_comms = N_COMMS,
                                        .comm_members = w->members,
                                        .n_ops = N_OPS,
                                        .ops = w->ops,
                                        .n_sems = 2,
                                        .sem_init = w->sem_init};
    for (int k = 0; rates && k < 2; k++)
        for (int mask = 1; mask < 1 << STC_COMM_CLASSES; mask++)
            w->conf.rate[k][mask] = 0.3 + 0.7 * stc_rng_uniform(g);
}

/* Operations of the communicators first, in one order for all, so that most
 * programs end; now and then two are swapped and may hang. */
static void random_script(struct stc_rng *g, struct script *s, struct world *w,
                          int sems, int hang)
{
    struct {
        uint32_t comm, stream[SCRIPT_RANKS];
        uint32_t member[SCRIPT_RANKS];
    } k[N_COMMS];
    s->n_ranks = 1 + (uint32_t)below(g, SCRIPT_RANKS);
    s->n_streams = 1 + (uint32_t)below(g, SCRIPT_STREAMS);
    for (uint32_t c = 0; c < N_COMMS; c++) {
        for (uint32_t r = 0; r < s->n_ranks; r++) {
            k[c].member[r] = r == c % s->n_ranks || below(g, 2);
            k[c].stream[r] = (uint32_t)below(g, s->n_streams);
            w->members[c] += k[c].member[r];
        }
    }
    int n_rounds = 2 + (int)below(g, 6);
    for (int round = 0; round < n_rounds; round++) {
        uint32_t c = (uint32_t)below(g, N_COMMS);
        int64_t op = below(g, N_OPS);
        for (uint32_t r = 0; r < s->n_ranks; r++) {
            uint32_t b = (uint32_t)below(g, s->n_streams);
            struct stc_task t = work(below(g, 1000000));
            t.cls = (uint8_t)below(g, 3);
            uint32_t on = (uint32_t)below(g, s->n_streams), done = s->n[r][on];
            if (done > 0 && below(g, 2)) t = after(t, on, 1 + (uint32_t)below(g, done));
            if (hang && below(g, 40) == 0) t = after(t, on, done + 1);
            script_add(s, r, b, t);
            if (below(g, 3) == 0) script_add(s, r, 0, mem(below(g, 1000) - 300));
            if (sems && below(g, 3) == 0) {
                script_add(s, r, b, give(0, 1));
                script_add(s, r, s->n_streams - 1, take(0, 1)); /* one taker: no race */
            }
            if (!k[c].member[r]) continue;
            struct stc_task j =
                join(c, hang && below(g, 60) == 0 ? below(g, N_OPS) : op);
            script_add(s, r, k[c].stream[r], j);
        }
    }
}

static void same_history(const struct script *a, const struct script *b,
                         double tol_ticks, uint64_t n)
{
    for (uint32_t r = 0; r < a->n_ranks; r++) {
        for (uint32_t i = 0; i < a->n_streams; i++)
            for (uint32_t t = 0; t < a->n[r][i]; t++)
                ck_assert_msg(fabs(a->end[r][i][t] - b->end[r][i][t]) <= tol_ticks &&
                                  fabs(a->start[r][i][t] - b->start[r][i][t]) <=
                                      tol_ticks,
                              "program %llu, rank %u, stream %u, task %u: %.3f..%.3f, "
                              "reference %.3f..%.3f",
                              (unsigned long long)n, r, i, t, a->start[r][i][t],
                              a->end[r][i][t], b->start[r][i][t], b->end[r][i][t]);
        ck_assert_int_eq(a->mem[r], b->mem[r]);
        ck_assert_int_eq(a->mem_peak[r], b->mem_peak[r]);
    }
}

static const struct {
    const char *what;
    int rates, flows, sems, hang;
    double tol_ticks;
} kinds[] = {
    {"closed forms", 0, 0, 0, 0, 0},
    {"semaphores", 0, 0, 1, 0, 0},
    {"what may hang", 0, 0, 1, 1, 0},
    {"interference", 1, 0, 0, 0, 40}, /* the machine rounds ends up to ticks */
    {"flows", 0, 1, 0, 0, 40},
    {"interference and flows", 1, 1, 0, 0, 60},
};

START_TEST(machine_agrees_with_the_obvious_simulator)
{
    struct stc_rng g;
    int ended = 0, hung = 0;
    struct script *a = new_script(1, 1), *b = new_script(1, 1);
    stc_rng_seed(&g, 11, kinds[_i].what);
    for (uint64_t n = 0; n < 300; n++) {
        struct world w;
        struct stc_diag d = {0};
        int64_t end = 0;
        double ref_end = 0;
        memset(a, 0, sizeof *a);
        random_world(&g, &w, kinds[_i].rates, kinds[_i].flows);
        random_script(&g, a, &w, kinds[_i].sems, kinds[_i].hang);
        *b = *a;
        if (kinds[_i].flows)
            ck_assert_int_eq(
                stc_flownet_init(&w.conf.net, N_LINKS, w.capacity_Bps, TICK_S), STC_OK);
        enum stc_err e = run_conf(a, &w.conf, &end, &d);
        enum stc_err ref =
            ref_machine(b, &w.conf, N_LINKS, w.capacity_Bps, TICK_S, &ref_end);
        stc_flownet_free(w.conf.net);
        ck_assert_msg(e == ref, "%s %llu: %s (%s), reference: %s", kinds[_i].what,
                      (unsigned long long)n, stc_err_text(e), d.text,
                      stc_err_text(ref));
        if (e != STC_OK) {
            ck_assert_int_gt((int)strlen(d.text), 30);
            hung++;
            continue;
        }
        ended++;
        ck_assert_msg(fabs((double)end - ref_end) <= kinds[_i].tol_ticks,
                      "%s %llu: %lld, reference %.3f", kinds[_i].what,
                      (unsigned long long)n, (long long)end, ref_end);
        same_history(a, b, kinds[_i].tol_ticks, n);
    }
    printf("machine: %-24s %d programs ended, %d hung, as the reference says\n",
           kinds[_i].what, ended, hung);
    ck_assert_int_ge(ended, 100);
    if (kinds[_i].hang) ck_assert_int_ge(hung, 20);
    free(a);
    free(b);
}
END_TEST

/* ==== laws ==== */

/* Without a network, a longer task makes nothing end earlier: waits and joins
 * are maxima. */
START_TEST(machine_longer_work_never_ends_earlier)
{
    struct stc_rng g;
    struct script *a = new_script(1, 1), *b = new_script(1, 1);
    stc_rng_seed(&g, 3, "monotone");
    for (int n = 0; n < 300; n++) {
        struct world w;
        memset(a, 0, sizeof *a);
        random_world(&g, &w, 0, 0);
        random_script(&g, a, &w, 1, 0);
        *b = *a;
        uint32_t r = (uint32_t)below(&g, a->n_ranks),
                 i = (uint32_t)below(&g, a->n_streams);
        for (uint32_t t = 0; t < b->n[r][i]; t++)
            if (b->task[r][i][t].kind == STC_TASK_WORK) b->task[r][i][t].amount *= 2;
        struct stc_diag d = {0};
        int64_t before, then;
        if (run_conf(a, &w.conf, &before, &d) != STC_OK) continue;
        stc_assert_ok(run_conf(b, &w.conf, &then, &d), &d);
        ck_assert_int_ge(then, before);
        for (r = 0; r < a->n_ranks; r++)
            for (i = 0; i < a->n_streams; i++)
                for (uint32_t t = 0; t < a->n[r][i]; t++)
                    ck_assert(b->end[r][i][t] >= a->end[r][i][t]);
    }
    free(a);
    free(b);
}
END_TEST

START_TEST(machine_has_one_history)
{
    struct stc_rng g;
    struct script *a = new_script(1, 1), *b = new_script(1, 1);
    stc_rng_seed(&g, 5, "once");
    for (int n = 0; n < 100; n++) {
        struct world w;
        struct stc_diag d = {0};
        int64_t x, y;
        memset(a, 0, sizeof *a);
        random_world(&g, &w, 1, 1);
        random_script(&g, a, &w, 0, 0);
        *b = *a;
        ck_assert_int_eq(stc_flownet_init(&w.conf.net, N_LINKS, w.capacity_Bps, TICK_S),
                         STC_OK);
        enum stc_err e = run_conf(a, &w.conf, &x, &d);
        stc_flownet_clear(w.conf.net);
        ck_assert_int_eq(run_conf(b, &w.conf, &y, &d), e);
        if (e == STC_OK) {
            ck_assert_int_eq(x, y);
            same_history(a, b, 0, (uint64_t)n);
        }
        stc_flownet_free(w.conf.net);
    }
    free(a);
    free(b);
}
END_TEST

/* Stretches at one rate add up: time to the task's span, work to its amount. */
struct sums {
    double work, ticks;
};

static void add_stretch(void *ctx, const struct stc_task_info *i)
{
    struct sums *s = ctx;
    if (i->task->kind != STC_TASK_WORK || i->stream != 0) return;
    s->ticks += (double)(i->end - i->since);
    s->work += (double)(i->end - i->since) * i->rate;
}

START_TEST(machine_stretches_add_up)
{
    static const uint32_t members[] = {1};
    static const struct stc_join_op ops[] = {{.fixed_ticks = 1234, .comm_class = 0},
                                             {.fixed_ticks = 777, .comm_class = 1}};
    struct sums sum = {0};
    struct stc_diag d = {0};
    int64_t end;
    struct script *s = new_script(1, 2);
    struct stc_machine_conf c = {.n_ranks = 1,
                                 .n_streams = 2,
                                 .n_comms = 1,
                                 .comm_members = members,
                                 .n_ops = 2,
                                 .ops = ops,
                                 .prog = script_prog(s),
                                 .observe = add_stretch,
                                 .rerated = add_stretch,
                                 .observe_ctx = &sum};
    struct stc_machine *m;
    c.rate[0][1] = 0.75;
    c.rate[0][2] = 0.5;
    script_add(s, 0, 0, work(100000));
    for (int i = 0; i < 6; i++) {
        script_add(s, 0, 1, work(500));
        script_add(s, 0, 1, join(0, i % 2));
    }
    ck_assert_int_eq(stc_machine_make(&m, &c), STC_OK);
    stc_assert_ok(stc_machine_run(m, &end, &d), &d);
    stc_machine_free(m);
    /* 3 × 1234 at 3/4 and 3 × 777 at 1/2 lose 925.5 + 1165.5 */
    ck_assert_int_eq(end, 102091);
    stc_assert_near(sum.ticks, 102091.0, 0);
    stc_assert_near(sum.work, 100000.0, 1e-5);
    free(s);
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
    t = tcase_create("random");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, machine_agrees_with_the_obvious_simulator, 0,
                        (int)(sizeof kinds / sizeof kinds[0]));
    tcase_add_test(t, machine_longer_work_never_ends_earlier);
    tcase_add_test(t, machine_has_one_history);
    tcase_add_test(t, machine_stretches_add_up);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(machine_suite)
