/*
 * test_breakdown.c - where a stage's time goes, told a history that is written by
 * hand: whose fault a wait was, and how a slowed segment is shared out.
 */
#include "sim/run/breakdown.h"

#include "tests/testing.h"

struct bed {
    struct stc_arena a;
    struct stc_scenario s;
    struct stc_layout layout;
    struct stc_place place;
    struct stc_lowered low;
    struct stc_stage_tmpl stage;
    struct stc_task task[1]; /* of its template: the segment */
    struct stc_comms comms;
    struct stc_segment seg[1];
    struct stc_seg_piece piece[3];
    struct stc_comm_op op[3];
    int32_t rep[1];
    struct stc_watch w;
};

static const struct stc_task segment = {.kind = STC_TASK_WORK, .amount = 100, .tag = 0};

/* One stage, one rank; segment 0: 60 ticks of products, 30 of attention, 10 more
 * of products. Operations: 0 a pipeline receive, 1 a gradient's reduction, 2 the
 * world's all-reduce. */
static void bed_open(struct bed *b)
{
    memset(b, 0, sizeof *b);
    b->a = (struct stc_arena)STC_ARENA_INIT;
    b->s.sim.record = STC_RECORD_TOTALS;
    b->place = (struct stc_place){.layout = &b->layout, .n_ranks = 1};
    b->seg[0] = (struct stc_segment){.first_piece = 0, .n_pieces = 3, .name = "F"};
    b->seg[0].part_ticks[STC_PART_GEMM] = 70;
    b->seg[0].part_ticks[STC_PART_ATTENTION] = 30;
    b->task[0] = segment;
    b->stage.tasks = b->task;
    b->stage.n_tasks = 1;
    b->piece[0] = (struct stc_seg_piece){60, STC_PART_GEMM};
    b->piece[1] = (struct stc_seg_piece){90, STC_PART_ATTENTION};
    b->piece[2] = (struct stc_seg_piece){100, STC_PART_GEMM};
    b->op[0] = (struct stc_comm_op){STC_SLOT_FRECV, STC_COLL_SEND_RECV, 1, 8};
    b->op[1] = (struct stc_comm_op){STC_SLOT_DPCP, STC_COLL_ALL_REDUCE, 1, 8};
    b->op[2] = (struct stc_comm_op){STC_SLOT_WORLD, STC_COLL_ALL_REDUCE, 1, 8};
    b->low = (struct stc_lowered){.a = &b->a,
                                  .s = &b->s,
                                  .place = &b->place,
                                  .n_stages = 1,
                                  .stages = &b->stage,
                                  .segs = b->seg,
                                  .n_segs = 1,
                                  .pieces = b->piece,
                                  .n_pieces = 3,
                                  .ops = b->op,
                                  .n_ops = 3};
    b->comms.part.rank_rep = b->rep;
    ck_assert_int_eq(stc_watch_init(&b->a, &b->low, &b->comms, &b->w), STC_OK);
}

static struct stc_task_info work(const struct stc_task *t, stc_tick idle_from,
                                 stc_tick start, stc_tick end)
{
    return (struct stc_task_info){.stream = STC_STREAM_COMPUTE,
                                  .task = t,
                                  .idle_from = idle_from,
                                  .start = start,
                                  .arrive = start,
                                  .end = end,
                                  .since = start,
                                  .rate = 1,
                                  .cause_stream = STC_MAX_STREAMS};
}

static void check(const struct bed *b, enum stc_part p, stc_tick want)
{
    ck_assert_msg(b->w.parts[0][p] == want, "%s: %lld, want %lld", stc_part_key(p),
                  (long long)b->w.parts[0][p], (long long)want);
}

START_TEST(breakdown_work_goes_to_its_parts)
{
    struct bed b;
    bed_open(&b);
    struct stc_task_info i = work(&segment, 0, 0, 100);
    stc_watch_task(&b.w, &i);
    stc_watch_end(&b.w, 0, 100, 130);
    check(&b, STC_PART_GEMM, 70);
    check(&b, STC_PART_ATTENTION, 30);
    check(&b, STC_PART_BUBBLE, 30); /* the other stages' */
    stc_arena_free(&b.a);
}
END_TEST

/* 0..80 at rate 1/2 (40 ticks of products), then 60 at full rate. */
START_TEST(breakdown_slowed_work_is_told_piece_by_piece)
{
    struct bed b;
    bed_open(&b);
    struct stc_task_info i = work(&segment, 0, 0, 80);
    i.rate = 0.5;
    stc_watch_stretch(&b.w, &i);
    i = work(&segment, 0, 0, 140);
    i.since = 80;
    i.done_ticks = 40;
    stc_watch_task(&b.w, &i);
    stc_watch_end(&b.w, 0, 140, 140);
    check(&b, STC_PART_GEMM, 80 + 20 + 10);
    check(&b, STC_PART_ATTENTION, 30);
    stc_arena_free(&b.a);
}
END_TEST

/* A rank whose kernels take twice as long. */
START_TEST(breakdown_slow_ranks_stretch_every_piece)
{
    static const struct stc_task twice = {
        .kind = STC_TASK_WORK, .amount = 200, .tag = 0};
    struct bed b;
    bed_open(&b);
    struct stc_task_info i = work(&twice, 0, 0, 200);
    stc_watch_task(&b.w, &i);
    stc_watch_end(&b.w, 0, 200, 200);
    check(&b, STC_PART_GEMM, 140);
    check(&b, STC_PART_ATTENTION, 60);
    stc_arena_free(&b.a);
}
END_TEST

/* Idle from 10 to 50, and who ended it. */
static const struct {
    const char *what;
    uint32_t stream, tag;
    stc_tick arrive, start; /* of the task that ended the wait */
    enum stc_part a, b;
    stc_tick in_a, in_b;
} waits[] = {
    {"the host", STC_STREAM_HOST, 0, 0, 0, STC_PART_HOST, STC_PART_BUBBLE, 40, 0},
    {"a receive whose sender came at 30", STC_STREAM_FRECV, STC_COMM_TAG | 0, 5, 30,
     STC_PART_BUBBLE, STC_PART_PP_COMM, 20, 20},
    {"a receive under way before", STC_STREAM_BRECV, STC_COMM_TAG | 0, 5, 8,
     STC_PART_BUBBLE, STC_PART_PP_COMM, 0, 40},
    {"a reduction, all there", STC_STREAM_REDUCE, STC_COMM_TAG | 1, 5, 5,
     STC_PART_DP_COMM, STC_PART_BUBBLE, 40, 0},
    {"a reduction that waited for members from 15 to 35", STC_STREAM_REDUCE,
     STC_COMM_TAG | 1, 15, 35, STC_PART_DP_COMM, STC_PART_BUBBLE, 20, 20},
};

START_TEST(breakdown_a_wait_belongs_to_what_ended_it)
{
    struct bed b;
    bed_open(&b);
    struct stc_task_info i = work(&segment, 0, 0, 10);
    struct stc_task ten = {.kind = STC_TASK_WORK, .amount = 10, .tag = 0};
    i.task = &ten;
    stc_watch_task(&b.w, &i);
    stc_tick parts[STC_PART_COUNT];
    memcpy(parts, b.w.parts[0], sizeof parts);
    i = work(&segment, 10, 50, 150);
    i.cause_stream = waits[_i].stream;
    i.cause_tag = waits[_i].tag;
    i.cause_arrive = waits[_i].arrive;
    i.cause_start = waits[_i].start;
    stc_watch_task(&b.w, &i);
    ck_assert_msg(b.w.parts[0][waits[_i].a] - parts[waits[_i].a] == waits[_i].in_a,
                  "%s", waits[_i].what);
    ck_assert_msg(b.w.parts[0][waits[_i].b] - parts[waits[_i].b] == waits[_i].in_b,
                  "%s", waits[_i].what);
    stc_arena_free(&b.a);
}
END_TEST

START_TEST(breakdown_the_world_waits_in_a_bubble)
{
    static const struct stc_task all = {
        .kind = STC_TASK_JOIN, .amount = 2, .tag = STC_COMM_TAG | 2};
    struct bed b;
    bed_open(&b);
    struct stc_task_info i = work(&segment, 0, 0, 100);
    stc_watch_task(&b.w, &i);
    i = work(&all, 100, 160, 170);
    i.arrive = 100;
    stc_watch_task(&b.w, &i);
    stc_watch_end(&b.w, 0, 175, 180);
    check(&b, STC_PART_BUBBLE, 60 + 5);
    check(&b, STC_PART_OPTIMIZER, 10);
    check(&b, STC_PART_DP_COMM, 5); /* transfers that still ran */
    stc_arena_free(&b.a);
}
END_TEST

static Suite *breakdown_suite(void)
{
    Suite *s = suite_create("breakdown");
    TCase *t = tcase_create("breakdown");
    tcase_add_test(t, breakdown_work_goes_to_its_parts);
    tcase_add_test(t, breakdown_slowed_work_is_told_piece_by_piece);
    tcase_add_test(t, breakdown_slow_ranks_stretch_every_piece);
    tcase_add_loop_test(t, breakdown_a_wait_belongs_to_what_ended_it, 0,
                        (int)(sizeof waits / sizeof waits[0]));
    tcase_add_test(t, breakdown_the_world_waits_in_a_bubble);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(breakdown_suite)
