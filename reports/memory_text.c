/* memory_text.c - what stands in a GPU's memory at the peak, and whether it fits. */
#include "reports/fmt.h"
#include "reports/step_text.h"

#include <math.h>
#include <stdio.h>

#define GIB 1073741824.0

static const char letters[STC_MEM_COUNT + 1] =
    "PGOALBFSC"; /* ORDER: enum stc_mem_kind */

/* Kinds by size, largest first. */
static void by_size(const struct stc_mem_est *m, int order[STC_MEM_COUNT])
{
    for (int i = 0; i < STC_MEM_COUNT; i++)
        order[i] = i;
    for (int i = 1; i < STC_MEM_COUNT; i++)
        for (int j = i; j > 0 && m->bytes[order[j]] > m->bytes[order[j - 1]]; j--) {
            int t = order[j];
            order[j] = order[j - 1];
            order[j - 1] = t;
        }
}

/* What must be there for the run to live: the allocator's cache gives way first. */
static double needed(const struct stc_mem_est *m)
{
    return stc_mem_allocated(m) + m->bytes[STC_MEM_CONTEXT];
}

void stc_report_verdict(const struct stc_scenario *s, const struct stc_result *r,
                        struct stc_text *out)
{
    struct stc_fmt f, g, h;
    if (r->n_stages <= 0) return;
    const struct stc_mem_est *m = &r->stages[r->peak_stage].mem;
    int order[STC_MEM_COUNT];
    by_size(m, order);
    stc_text_printf(out, "%s: stage %d needs %s of %s GiB",
                    r->fits ? "fits" : "does not fit", (int)r->peak_stage,
                    stc_fmt_num(&f, needed(m) / GIB),
                    stc_fmt_num(&g, r->mem_capacity_bytes / GIB));
    if (s->sim.mem_margin_bytes > 0)
        stc_text_printf(out, " less %s", stc_fmt_gib(&f, s->sim.mem_margin_bytes));
    stc_text_printf(out, " (%s allocated + %s context; %s with allocator slack)",
                    stc_fmt_num(&f, stc_mem_allocated(m) / GIB),
                    stc_fmt_num(&g, m->bytes[STC_MEM_CONTEXT] / GIB),
                    stc_fmt_num(&h, stc_mem_smi(m) / GIB));
    for (int i = 0, n = 0; i < STC_MEM_COUNT && n < 2; i++) {
        if (order[i] == STC_MEM_SLACK || m->bytes[order[i]] <= 0) continue;
        stc_text_printf(out, "%s %s %.1f", n ? "," : ":",
                        stc_mem_name((enum stc_mem_kind)order[i]),
                        m->bytes[order[i]] / GIB);
        n++;
    }
    if (!r->host_fits)
        stc_text_printf(out, "; a node needs %s of its own memory, of %s",
                        stc_fmt_gib(&f, stc_host_sum(&r->host)),
                        stc_fmt_gib(&g, r->host_capacity_bytes));
    if (r->mem_missing_bytes > 0)
        stc_text_printf(out, "; %s missing", stc_fmt_gib(&f, r->mem_missing_bytes));
}

static void bar(const struct stc_result *r, const struct stc_stage_result *st,
                struct stc_text *out)
{
    enum { WIDTH = 62 };
    double most = r->mem_capacity_bytes, at = 0;
    int done = 0, cap_cell;
    for (int i = 0; i < r->n_stages; i++)
        most = fmax(most, stc_mem_smi(&r->stages[i].mem));
    if (most <= 0) return;
    for (int k = 0; k < STC_MEM_COUNT; k++) {
        at += st->mem.bytes[k];
        int upto = (int)(at / most * WIDTH + 0.5);
        stc_fmt_fill(out, letters[k], upto - done);
        if (upto > done) done = upto;
    }
    cap_cell = (int)(r->mem_capacity_bytes / most * WIDTH + 0.5);
    if (done < cap_cell) {
        stc_fmt_fill(out, ' ', cap_cell - done);
        stc_text_put(out, "|");
    }
}

static int alike(const struct stc_stage_result *a, const struct stc_stage_result *b)
{
    for (int k = 0; k < STC_MEM_COUNT; k++)
        if (fabs(a->mem.bytes[k] - b->mem.bytes[k]) > 1e7) return 0;
    return 1;
}

static void kinds(const struct stc_result *r, struct stc_text *out)
{
    struct stc_fmt f;
    const struct stc_stage_result *st = &r->stages[r->peak_stage];
    int column = 0;
    for (int k = 0; k < STC_MEM_COUNT; k++) {
        if (st->mem.bytes[k] <= 0) continue;
        stc_text_printf(out, "%s%c %-16s%10s", column ? "    " : "", letters[k],
                        stc_mem_name((enum stc_mem_kind)k),
                        stc_fmt_gib(&f, st->mem.bytes[k]));
        if (++column == 3) {
            stc_text_put(out, "\n");
            column = 0;
        }
    }
    if (column) stc_text_put(out, "\n");
}

static void stage_line(const struct stc_result *r, int from, int to,
                       struct stc_text *out)
{
    struct stc_fmt f;
    char name[32];
    if (from == to)
        snprintf(name, sizeof name, "%d", from);
    else
        snprintf(name, sizeof name, "%d-%d", from, to);
    stc_text_printf(out, "stage %-6s %10s  ", name,
                    stc_fmt_gib(&f, stc_mem_smi(&r->stages[from].mem)));
    bar(r, &r->stages[from], out);
    stc_text_put(out, "\n");
}

/* Neighbours that look alike share a line; of many stages some are shown. */
static void stages(const struct stc_result *r, struct stc_text *out)
{
    enum { MOST = 16 };
    if (r->n_stages > MOST) {
        for (int i = 0; i < MOST; i++) {
            int st = stc_fmt_spread(i, MOST, r->n_stages);
            stage_line(r, st, st, out);
        }
        stc_text_printf(out, "(%d of %d stages)\n", MOST, (int)r->n_stages);
        return;
    }
    for (int from = 0, to; from < r->n_stages; from = to + 1) {
        for (to = from;
             to + 1 < r->n_stages && alike(&r->stages[from], &r->stages[to + 1]);)
            to++;
        stage_line(r, from, to, out);
    }
}

/* Of the fullest node, where more than the processes themselves is there. */
static void host(const struct stc_scenario *s, const struct stc_result *r,
                 struct stc_text *out)
{
    struct stc_fmt f, g;
    const struct stc_train *t = &s->train;
    if (t->offload == 0 && t->offload_activations == 0 && t->data_s_per_sample <= 0 &&
        r->host_fits)
        return;
    stc_text_printf(out, "memory of a node's host %s",
                    stc_fmt_gib(&f, stc_host_sum(&r->host)));
    if (r->host_capacity_bytes > 0)
        stc_text_printf(out, " of %s", stc_fmt_gib(&g, r->host_capacity_bytes));
    if (r->host.nvme_bytes > 0)
        stc_text_printf(out, ", of its disks %s", stc_fmt_gib(&f, r->host.nvme_bytes));
    stc_text_put(out, ":\n");
    int column = 0;
    for (int k = 0; k < STC_HOST_COUNT; k++) {
        if (r->host.bytes[k] <= 0) continue;
        stc_text_printf(out, "%s%-21s%10s", column ? "  " : "",
                        stc_host_name((enum stc_host_kind)k),
                        stc_fmt_gib(&f, r->host.bytes[k]));
        if (++column == 3) {
            stc_text_put(out, "\n");
            column = 0;
        }
    }
    if (column) stc_text_put(out, "\n");
}

/* What each of the sums holds. The run lives while `needed` fits: slack gives way. */
static void figures(const struct stc_result *r, struct stc_text *out)
{
    struct stc_fmt f, g;
    const struct stc_stage_result *st = &r->stages[r->peak_stage];
    stc_text_printf(out, "allocated  %10s  all but S and C; in the simulated run %s\n",
                    stc_fmt_gib(&f, stc_mem_allocated(&st->mem)),
                    stc_fmt_gib(&g, st->tracked_peak_bytes));
    stc_text_printf(out,
                    "needed     %10s  allocated and C: S is given back when memory "
                    "runs short\n",
                    stc_fmt_gib(&f, needed(&st->mem)));
    stc_text_printf(out, "reserved   %10s  allocated and S\n",
                    stc_fmt_gib(&f, stc_mem_reserved(&st->mem)));
    stc_text_printf(out, "nvidia-smi %10s  reserved and C: the bars\n",
                    stc_fmt_gib(&f, stc_mem_smi(&st->mem)));
}

void stc_report_memory(const struct stc_scenario *s, const struct stc_result *r,
                       struct stc_text *out)
{
    if (r->n_stages <= 0) return;
    stc_fmt_section(out, "Memory of one GPU at its peak, as nvidia-smi shows it");
    stages(r, out);
    stc_text_printf(out, "of stage %d:\n", (int)r->peak_stage);
    kinds(r, out);
    figures(r, out);
    host(s, r, out);
}
