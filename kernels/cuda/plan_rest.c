/*
 * plan_rest.c - the grids of every suite but the matrix products.
 */
#include <stdio.h>
#include <string.h>

#include "membound.h"
#include "plan.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static void start(struct stc_case *c, int suite, const char *op, enum stc_num num)
{
    memset(c, 0, sizeof *c);
    c->suite = suite;
    snprintf(c->op, sizeof c->op, "%s", op);
    c->num = num;
    c->n_samples = 15;
}

/* ==== memory-bound kernels ==== */

static int add_mem(struct stc_plan *plan, int suite, const struct stc_mb_op *op,
                   enum stc_num num, int64_t rows, int64_t cols, double budget_s)
{
    struct stc_case c;
    if (cols < op->least_cols || (op->most_cols && cols > op->most_cols)) return 0;
    start(&c, suite, op->name, num);
    c.d[STC_D_ROWS] = rows;
    c.d[STC_D_COLS] = cols;
    c.move_bytes = stc_mb_bytes(op, num, rows, cols);
    c.budget_s = budget_s;
    /* The reference takes about 0.1 us an element of its 16 rows. */
    c.overhead_s = 0.04 + c.move_bytes / 200e9 + 16e-7 * (double)cols;
    return stc_plan_add(plan, &c);
}

int stc_plan_membound(struct stc_plan *plan, int suite, const struct stc_plan_opts *o)
{
    static const int cols_all[] = {768,  1024, 1600,  2048,  2560,  3072,
                                   4096, 8192, 14336, 50304, 128256};
    static const int rows_all[] = {1024, 4096, 16384};
    static const int cols_quick[] = {1600, 4096, 50304};
    static const int rows_quick[] = {4096};
    const int *cols = o->quick ? cols_quick : cols_all;
    const int *rows = o->quick ? rows_quick : rows_all;
    size_t n_cols = o->quick ? LEN(cols_quick) : LEN(cols_all);
    size_t n_rows = o->quick ? LEN(rows_quick) : LEN(rows_all);
    size_t i, j;
    int op;
    double budget_s = 0.03;
    for (op = 0; op < stc_mb_n_ops; op++) {
        const struct stc_mb_op *t = &stc_mb_ops[op];
        for (i = 0; i < n_cols; i++) {
            for (j = 0; j < n_rows; j++) {
                if ((double)cols[i] * rows[j] > 1.2e9) continue;
                if (add_mem(plan, suite, t, STC_NUM_BF16, rows[j], cols[i], budget_s)) {
                    return -1;
                }
            }
        }
        if (t->any_format && add_mem(plan, suite, t, STC_NUM_F32, 4096,
                                     t->least_cols > 4096 ? 50304 : 4096, budget_s)) {
            return -1;
        }
    }
    return 0;
}

/* ==== copies ==== */

int stc_plan_copy(struct stc_plan *plan, int suite, const struct stc_plan_opts *o)
{
    static const struct {
        const char *op;
        double most_bytes;
        double moved; /* bytes through the slower memory per byte copied */
        int n_gpus;
    } kinds[] = {
        {"device_to_device memcpy", 2147483648.0, 2, 1},
        {"host_to_device pinned", 268435456.0, 1, 1},
        {"device_to_host pinned", 268435456.0, 1, 1},
        {"host_to_device pageable", 67108864.0, 1, 1},
        {"device_to_host pageable", 67108864.0, 1, 1},
        {"both_ways pinned", 268435456.0, 2, 1},
        {"device_to_device_peer", 1073741824.0, 1, 2},
    };
    struct stc_case c;
    size_t i;
    double bytes;
    for (i = 0; i < LEN(kinds); i++) {
        if (o->n_gpus < kinds[i].n_gpus) continue;
        for (bytes = 4096; bytes <= kinds[i].most_bytes; bytes *= o->quick ? 16 : 4) {
            start(&c, suite, kinds[i].op, STC_NUM_U8);
            c.d[STC_D_BYTES] = (int64_t)bytes;
            c.move_bytes = bytes * kinds[i].moved;
            c.budget_s = 0.05;
            c.overhead_s = 0.03 + bytes / 2e9;
            if (stc_plan_add(plan, &c)) return -1;
        }
    }
    return 0;
}

/* ==== launches ==== */

int stc_plan_launch(struct stc_plan *plan, int suite, const struct stc_plan_opts *o)
{
    static const struct {
        const char *op;
        int count;
    } rows[] = {
        {"kernel_async", 0},         {"kernel_host", 0},     {"kernel_sync", 0},
        {"kernel_args", 64},         {"kernel_args", 1024},  {"kernel_args", 4000},
        {"memset_async", 0},         {"event_record", 0},    {"stream_wait", 0},
        {"graph_launch", 1},         {"graph_launch", 10},   {"graph_launch", 100},
        {"graph_launch", 300},       {"graph_launch", 1000}, {"graph_instantiate", 100},
        {"graph_instantiate", 1000},
    };
    struct stc_case c;
    size_t i;
    (void)o;
    for (i = 0; i < LEN(rows); i++) {
        start(&c, suite, rows[i].op, STC_NUM_U8);
        c.d[STC_D_COUNT] = rows[i].count;
        c.n_samples = 25;
        c.budget_s = 0.1;
        c.overhead_s = 0.05;
        if (stc_plan_add(plan, &c)) return -1;
    }
    return 0;
}

/* ==== collectives ==== */

int stc_plan_coll(struct stc_plan *plan, int suite, const struct stc_plan_opts *o)
{
    static const char *const kinds[] = {"all_reduce", "all_gather", "reduce_scatter",
                                        "alltoall",   "broadcast",  "reduce",
                                        "send_recv"};
    struct stc_case c;
    double bytes, most = o->quick ? 1073741824.0 : 4294967296.0;
    size_t i;
    int ranks;
    for (ranks = 2; ranks <= o->n_ranks; ranks *= 2) {
        /* On many nodes only the communicator of all ranks is timed. */
        int all = o->multi_node ? o->n_ranks : ranks;
        for (i = 0; i < LEN(kinds); i++) {
            for (bytes = 1024; bytes <= most; bytes *= o->quick ? 16 : 4) {
                start(&c, suite, kinds[i], STC_NUM_BF16);
                c.d[STC_D_BYTES] = (int64_t)bytes;
                c.d[STC_D_RANKS] = all;
                c.move_bytes = bytes;
                c.budget_s = 0.04;
                c.overhead_s = 0.03 + bytes / 100e9;
                if (stc_plan_add(plan, &c)) return -1;
            }
        }
        if (o->multi_node) break;
    }
    return 0;
}

/* ==== overlap ==== */

int stc_plan_overlap(struct stc_plan *plan, int suite, const struct stc_plan_opts *o)
{
    static const struct {
        const char *partner;
        int ctas, n_gpus, in_quick;
    } partners[] = {
        {"copy_kernel", 4, 1, 0},      {"copy_kernel", 8, 1, 1},
        {"copy_kernel", 16, 1, 1},     {"copy_kernel", 32, 1, 1},
        {"host_to_device", 0, 1, 1},   {"device_to_host", 0, 1, 1},
        {"device_to_device", 0, 1, 0}, {"all_reduce", 0, 2, 1},
        {"all_gather", 0, 2, 1},       {"reduce_scatter", 0, 2, 1},
        {"send_recv", 0, 2, 0},
    };
    static const int shapes[][3] = {
        {8192, 8192, 8192}, {8192, 4096, 4096}, {16384, 1600, 6400}};
    struct stc_case c;
    size_t i, j, n_shapes = o->quick ? 1 : LEN(shapes);
    int64_t bytes;
    for (i = 0; i < LEN(partners); i++) {
        if (o->n_gpus < partners[i].n_gpus || (o->quick && !partners[i].in_quick))
            continue;
        for (j = 0; j < n_shapes; j++) {
            for (bytes = 33554432; bytes <= 268435456; bytes *= 8) {
                start(&c, suite, partners[i].partner, STC_NUM_BF16);
                c.d[STC_D_M] = shapes[j][0];
                c.d[STC_D_N] = shapes[j][1];
                c.d[STC_D_K] = shapes[j][2];
                c.d[STC_D_PARTNER_BYTES] = bytes;
                c.d[STC_D_PARTNER_CTAS] = partners[i].ctas;
                c.flop = 2.0 * shapes[j][0] * (double)shapes[j][1] * shapes[j][2];
                c.n_samples = 7;
                c.budget_s = 0.5;
                c.overhead_s = 0.15;
                if (stc_plan_add(plan, &c)) return -1;
                if (o->quick) break;
            }
        }
    }
    return 0;
}

/* ==== clocks ==== */

int stc_plan_clocks(struct stc_plan *plan, int suite, const struct stc_plan_opts *o)
{
    static const enum stc_num nums[] = {STC_NUM_BF16, STC_NUM_TF32};
    struct stc_case c;
    size_t i;
    for (i = 0; i < (o->quick ? 1u : LEN(nums)); i++) {
        start(&c, suite, "TN fwd", nums[i]);
        c.d[STC_D_M] = c.d[STC_D_N] = c.d[STC_D_K] = 8192;
        c.d[STC_D_BATCH] = 1;
        c.flop = 2.0 * 8192 * 8192 * 8192;
        c.n_samples = 1;
        c.budget_s = o->quick ? 4 : 12;
        c.overhead_s = 1;
        if (stc_plan_add(plan, &c)) return -1;
    }
    return 0;
}
