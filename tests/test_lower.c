/*
 * test_lower.c - templates of random scenarios: what is sent is received, waits
 * look back, segments add up, folding layers keeps every tick and every message.
 */
#include "sim/run/lower.h"

#include "sim/run/comms.h"
#include "tests/step_kit.h"
#include "tests/testing.h"

enum { N_CASES = 200 };

static struct step_kit kit;

static void setup(void)
{
    step_kit_open(&kit);
}
static void teardown(void)
{
    step_kit_close(&kit);
}

struct lowered {
    struct stc_place place;
    struct stc_lowered low;
};

static void lower(struct stc_arena *a, const struct step_case *c, struct lowered *l)
{
    struct stc_topo *t;
    struct stc_diag d = {0};
    stc_assert_ok(stc_topo_make(a, &c->s.cluster, &t, &d), &d);
    l->place = (struct stc_place){&c->s.cluster, t, &c->s.layout,
                                  stc_layout_world(&c->s.layout)};
    enum stc_err e = stc_lower(a, &c->s, &kit.p, &l->place, &l->low, &d);
    ck_assert_msg(e == STC_OK, "%s\n%s", d.text, c->words);
}

/* Everything that a stage hands to one slot in a step, in bytes and in number. */
struct traffic {
    double bytes[STC_SLOT_COUNT];
    int64_t n[STC_SLOT_COUNT];
};

static void add_traffic(const struct stc_lowered *low, int32_t stage,
                        struct traffic *out)
{
    const struct stc_stage_tmpl *t = &low->stages[stage];
    *out = (struct traffic){.n = {0}};
    for (int32_t i = 0; i < t->n_items; i++) {
        const struct stc_block_tmpl *b = &t->blocks[t->item_block[i]];
        for (int s = 0; s < STC_STREAM_COUNT; s++) {
            for (uint32_t k = 0; k < b->n[s]; k++) {
                const struct stc_task *x = &t->tasks[b->off[s] + k];
                if (x->kind != STC_TASK_JOIN) continue;
                ck_assert_int_eq(low->ops[x->amount].slot, (int)x->ref);
                out->bytes[x->ref] +=
                    low->ops[x->amount].bytes * low->ops[x->amount].repeat;
                out->n[x->ref]++;
            }
        }
    }
}

START_TEST(lower_what_is_sent_is_received)
{
    struct stc_arena a = STC_ARENA_INIT;
    static struct step_case c;
    int64_t messages = 0;
    for (uint64_t n = 0; n < N_CASES; n++) {
        struct lowered l;
        step_case_random(&c, "lower", n);
        stc_arena_reset(&a);
        lower(&a, &c, &l);
        int32_t pp = l.low.n_stages;
        int64_t per_direction = (int64_t)c.s.layout.n_micro * (pp * c.s.layout.vp - 1),
                forward = 0, backward = 0;
        struct traffic *t = STC_NEW_N(&a, struct traffic, (size_t)pp);
        for (int32_t i = 0; i < pp; i++)
            add_traffic(&l.low, i, &t[i]);
        for (int32_t i = 0; i < pp; i++) {
            const struct traffic *next = &t[(i + 1) % pp],
                                 *prev = &t[(i + pp - 1) % pp];
            ck_assert_msg(t[i].n[STC_SLOT_FSEND] == next->n[STC_SLOT_FRECV] &&
                              t[i].n[STC_SLOT_BSEND] == prev->n[STC_SLOT_BRECV],
                          "stage %d of %d\n%s", (int)i, (int)pp, c.words);
            stc_assert_near(t[i].bytes[STC_SLOT_FSEND], next->bytes[STC_SLOT_FRECV], 0);
            stc_assert_near(t[i].bytes[STC_SLOT_BSEND], prev->bytes[STC_SLOT_BRECV], 0);
            forward += t[i].n[STC_SLOT_FSEND];
            backward += t[i].n[STC_SLOT_BSEND];
        }
        ck_assert_int_eq(forward, per_direction);
        ck_assert_int_eq(backward, per_direction);
        messages += forward + backward;
    }
    ck_assert_int_gt(messages, 1000);
    stc_arena_free(&a);
}
END_TEST

/* A wait names tasks of an earlier item, or earlier ones of the same item: the
 * templates alone cannot hang a rank. */
START_TEST(lower_waits_look_back)
{
    struct stc_arena a = STC_ARENA_INIT;
    static struct step_case c;
    for (uint64_t n = 0; n < N_CASES; n++) {
        struct lowered l;
        step_case_random(&c, "waits", n);
        stc_arena_reset(&a);
        lower(&a, &c, &l);
        for (int32_t i = 0; i < l.low.n_stages; i++) {
            const struct stc_stage_tmpl *t = &l.low.stages[i];
            uint32_t at[STC_STREAM_COUNT] = {0};
            for (int32_t k = 0; k < t->n_items; k++) {
                const struct stc_block_tmpl *b = &t->blocks[t->item_block[k]];
                ck_assert_mem_eq(at, &t->base[(size_t)k * STC_STREAM_COUNT], sizeof at);
                for (int s = 0; s < STC_STREAM_COUNT; s++) {
                    for (uint32_t x = 0; x < b->n[s]; x++)
                        for (int w = 0; w < STC_MAX_WAITS; w++) {
                            uint32_t rel = t->tasks[b->off[s] + x].wait[w];
                            if (rel == 0) continue;
                            ck_assert_uint_lt(rel >> 28, STC_STREAM_COUNT);
                            ck_assert_uint_le((rel & 0x0fffffffU) - 1, b->n[rel >> 28]);
                            if (rel >> 28 == (uint32_t)s)
                                ck_assert_uint_le((rel & 0x0fffffffU) - 1, x);
                        }
                    at[s] += b->n[s];
                }
            }
        }
    }
    stc_arena_free(&a);
}
END_TEST

/* Parts and pieces of a segment add up to its task. */
START_TEST(lower_segments_add_up)
{
    struct stc_arena a = STC_ARENA_INIT;
    static struct step_case c;
    for (uint64_t n = 0; n < N_CASES; n++) {
        struct lowered l;
        step_case_random(&c, "segments", n);
        stc_arena_reset(&a);
        lower(&a, &c, &l);
        for (int32_t i = 0; i < l.low.n_stages; i++) {
            const struct stc_stage_tmpl *t = &l.low.stages[i];
            for (int32_t k = 0; k < t->n_tasks; k++) {
                const struct stc_task *x = &t->tasks[k];
                if (x->kind != STC_TASK_WORK) continue;
                const struct stc_segment *seg = &l.low.segs[x->tag];
                stc_tick sum = 0, before = 0, part[STC_PART_COUNT] = {0};
                for (int p = 0; p < STC_PART_COUNT; p++)
                    sum += seg->part_ticks[p];
                ck_assert_int_eq(sum, x->amount);
                if (x->cls == STC_WORK_HOST) continue;
                for (int32_t p = 0; p < seg->n_pieces; p++) {
                    const struct stc_seg_piece *pc =
                        &l.low.pieces[seg->first_piece + p];
                    ck_assert_int_ge(pc->end, before);
                    part[pc->part] += pc->end - before;
                    before = pc->end;
                }
                ck_assert_mem_eq(part, seg->part_ticks, sizeof part);
            }
        }
    }
    stc_arena_free(&a);
}
END_TEST

/* Ticks of a stage's compute stream in one step, alone. */
static stc_tick compute_ticks(const struct stc_stage_tmpl *t)
{
    stc_tick sum = 0;
    for (int32_t i = 0; i < t->n_items; i++) {
        const struct stc_block_tmpl *b = &t->blocks[t->item_block[i]];
        for (uint32_t k = 0; k < b->n[STC_STREAM_COMPUTE]; k++) {
            const struct stc_task *x = &t->tasks[b->off[STC_STREAM_COMPUTE] + k];
            sum += x->kind == STC_TASK_WORK ? x->amount : 0;
        }
    }
    return sum;
}

START_TEST(lower_folded_layers_keep_every_tick_and_message)
{
    struct stc_arena a = STC_ARENA_INIT;
    static struct step_case c, off;
    int64_t folded = 0, whole = 0;
    for (uint64_t n = 0; n < N_CASES; n++) {
        struct lowered x, y;
        step_case_random(&c, "layers", n);
        off = c;
        off.s.sim.fold_layers = 0;
        stc_arena_reset(&a);
        lower(&a, &c, &x);
        lower(&a, &off, &y);
        for (int32_t i = 0; i < x.low.n_stages; i++) {
            struct traffic p, q;
            ck_assert_int_eq(compute_ticks(&x.low.stages[i]),
                             compute_ticks(&y.low.stages[i]));
            add_traffic(&x.low, i, &p);
            add_traffic(&y.low, i, &q);
            ck_assert_mem_eq(&p, &q, sizeof p);
            folded += x.low.stages[i].n_tasks;
            whole += y.low.stages[i].n_tasks;
        }
    }
    ck_assert_msg(folded * 2 < whole, "%lld tasks folded, %lld not", (long long)folded,
                  (long long)whole);
    stc_arena_free(&a);
}
END_TEST

/* The communicators partition: a rank is in at most one of a slot, and in the
 * list of the one it is told. */
START_TEST(lower_communicators_hold_their_ranks)
{
    struct stc_arena a = STC_ARENA_INIT;
    static struct step_case c;
    for (uint64_t n = 0; n < N_CASES; n++) {
        struct lowered l;
        struct stc_comms m;
        struct stc_diag d = {0};
        step_case_random(&c, "comms", n);
        stc_arena_reset(&a);
        lower(&a, &c, &l);
        stc_assert_ok(stc_comms_make(&a, &l.low, &m, &d), &d);
        for (int s = 0; s < STC_SLOT_COUNT; s++) {
            for (int32_t r = 0; m.rank_comm[s] && r < l.place.n_ranks; r++) {
                int32_t id = m.rank_comm[s][r], here = 0;
                if (id < 0) continue;
                for (int32_t i = m.member_off[id]; i < m.member_off[id + 1]; i++)
                    here += m.member[i].rank == r && (int)m.member[i].role == s;
                ck_assert_int_eq(here, 1);
            }
        }
        for (int32_t k = 0; k < m.part.n_comms; k++) {
            ck_assert_uint_ge(m.members[k], 1);
            ck_assert_int_ge(m.op_index[k], 0);
        }
        for (int32_t i = 0; i < m.n_links; i++)
            ck_assert_uint_lt(m.link_id[i], stc_topo_n_links(l.place.topo));
    }
    stc_arena_free(&a);
}
END_TEST

static Suite *lower_suite(void)
{
    Suite *s = suite_create("lower");
    TCase *t = tcase_create("lower");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, lower_what_is_sent_is_received);
    tcase_add_test(t, lower_waits_look_back);
    tcase_add_test(t, lower_segments_add_up);
    tcase_add_test(t, lower_folded_layers_keep_every_tick_and_message);
    tcase_add_test(t, lower_communicators_hold_their_ranks);
    suite_add_tcase(s, t);
    return s;
}

STC_TEST_MAIN(lower_suite)
