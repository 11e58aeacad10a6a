/*
 * test_machine_random.c - hundreds of random programs against the obvious
 * simulator of tests/ref_machine.c, then laws: longer work never ends earlier, one
 * program has one history, stretches add up.
 */
#include "tests/machine_kit.h"

#include <stdio.h>

#include "sim/base/rng.h"

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

static Suite *machine_random_suite(void)
{
    Suite *s = suite_create("machine_random");
    TCase *t = tcase_create("random");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, machine_agrees_with_the_obvious_simulator, 0,
                        (int)(sizeof kinds / sizeof kinds[0]));
    tcase_add_test(t, machine_longer_work_never_ends_earlier);
    tcase_add_test(t, machine_has_one_history);
    tcase_add_test(t, machine_stretches_add_up);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(machine_random_suite)
