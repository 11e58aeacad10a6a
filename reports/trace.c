#include "reports/trace.h"

#include "sim/run/lower.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

static double us(stc_tick t)
{
    return (double)t * 1e-6;
}

/* Texts of a trace are ours (operator and collective names, titles of people):
 * what JSON forbids in a string is escaped. */
static void put_string(struct stc_text *out, const char *s)
{
    stc_text_put(out, "\"");
    for (; s && *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            stc_text_printf(out, "\\%c", c);
        else if (c < 0x20)
            stc_text_printf(out, "\\u%04x", c);
        else
            stc_text_put_n(out, s, 1);
    }
    stc_text_put(out, "\"");
}

static void header(const struct stc_scenario *s, const struct stc_result *r,
                   struct stc_text *out)
{
    const struct stc_gpu *g = &s->cluster.gpu;
    static const int major[] = {7, 7, 8, 8, 9, 10, 0, 0},
                     minor[] = {0, 5, 0, 9, 0, 0, 0, 0}; /* ORDER: enum stc_gen */
    stc_text_put(out, "{\n\"schemaVersion\": 1,\n\"deviceProperties\": [\n");
    for (int i = 0; i < r->n_stages; i++) {
        stc_text_printf(out,
                        "{\"id\": %d, \"name\": ", (int)r->stages[i].representative);
        put_string(out, g->name);
        stc_text_printf(out,
                        ", \"totalGlobalMem\": %.0f, \"computeMajor\": %d, "
                        "\"computeMinor\": %d, \"numSms\": %d}%s\n",
                        g->mem_bytes, major[g->gen], minor[g->gen], g->n_sm,
                        i + 1 < r->n_stages ? "," : "");
    }
    stc_text_printf(out,
                    "],\n\"distributedInfo\": {\"backend\": \"nccl\", \"rank\": %d, "
                    "\"world_size\": %d},\n",
                    r->n_stages ? (int)r->stages[0].representative : 0, (int)s->n_gpus);
    stc_text_put(out, "\"record_shapes\": 0,\n\"with_stack\": 0,\n\"profile_memory\": "
                      "1,\n\"with_flops\": 0,\n"
                      "\"displayTimeUnit\": \"ms\",\n\"traceName\": ");
    put_string(out, s->title[0] ? s->title : s->model_name);
    stc_text_put(out, ",\n\"traceEvents\": [\n");
}

static void name_tracks(const struct stc_result *r, struct stc_text *out)
{
    for (int i = 0; i < r->n_stages; i++) {
        int pid = r->stages[i].representative;
        stc_text_printf(
            out,
            "{\"ph\": \"M\", \"name\": \"process_name\", \"pid\": %d, \"tid\": 0, "
            "\"ts\": 0, \"args\": {\"name\": \"rank %d (stage %d)\"}},\n",
            pid, pid, i);
        stc_text_printf(out,
                        "{\"ph\": \"M\", \"name\": \"process_sort_index\", \"pid\": "
                        "%d, \"tid\": 0, \"ts\": 0, \"args\": {\"sort_index\": %d}},\n",
                        pid, i);
        for (int st = 0; st < STC_STREAM_COUNT; st++)
            stc_text_printf(
                out,
                "{\"ph\": \"M\", \"name\": \"thread_name\", \"pid\": %d, \"tid\": %d, "
                "\"ts\": 0, \"args\": {\"name\": \"stream %d %s\"}},\n",
                pid, st, st, stc_stream_name((enum stc_stream)st));
    }
}

static int is_comm(const struct stc_span *sp)
{
    return (sp->part >= STC_PART_TP_COMM && sp->part <= STC_PART_PP_COMM) ||
           sp->bytes > 0;
}

/* Readers know a collective by the name of NCCL's kernel. */
static void span(const struct stc_span *sp, int correlation, struct stc_text *out)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s", is_comm(sp) ? "ncclDevKernel_" : "",
             sp->name ? sp->name : "work");
    stc_text_printf(out, "{\"ph\": \"X\", \"cat\": \"%s\", \"name\": ",
                    sp->part == STC_PART_HOST ? "cpu_op" : "kernel");
    put_string(out, name);
    stc_text_printf(out,
                    ", \"pid\": %d, \"tid\": %d, \"ts\": %.6f, \"dur\": %.6f, "
                    "\"args\": {\"device\": %d, \"stream\": %d, \"correlation\": %d",
                    (int)sp->rank, sp->stream, us(sp->start), us(sp->end - sp->start),
                    (int)sp->rank, sp->stream, correlation);
    if (sp->part < STC_PART_COUNT)
        stc_text_printf(out, ", \"part\": \"%s\"",
                        stc_part_key((enum stc_part)sp->part));
    if (sp->micro >= 0) stc_text_printf(out, ", \"micro_batch\": %d", (int)sp->micro);
    if (sp->chunk >= 0) stc_text_printf(out, ", \"chunk\": %d", (int)sp->chunk);
    if (sp->bytes > 0) stc_text_printf(out, ", \"bytes\": %.0f", sp->bytes);
    stc_text_put(out, "}},\n");
}

/* Consecutive compute spans of one (micro-batch, chunk, direction) under one label. */
static void annotations(const struct stc_result *r, struct stc_text *out)
{
    for (int i = 0; i < r->n_spans;) {
        const struct stc_span *a = &r->spans[i];
        int j = i + 1;
        while (j < r->n_spans && r->spans[j].rank == a->rank &&
               r->spans[j].stream == a->stream && r->spans[j].micro == a->micro &&
               r->spans[j].chunk == a->chunk && r->spans[j].name && a->name &&
               r->spans[j].name[0] == a->name[0])
            j++;
        if (a->stream == STC_STREAM_COMPUTE && a->micro >= 0 && a->name)
            stc_text_printf(out,
                            "{\"ph\": \"X\", \"cat\": \"gpu_user_annotation\", "
                            "\"name\": \"%c micro-batch %d chunk %d\", \"pid\": %d, "
                            "\"tid\": %d, \"ts\": %.6f, \"dur\": %.6f, \"args\": "
                            "{\"device\": %d, \"stream\": %d}},\n",
                            a->name[0], (int)a->micro, a->chunk < 0 ? 0 : a->chunk,
                            (int)a->rank, a->stream, us(a->start),
                            us(r->spans[j - 1].end - a->start), (int)a->rank,
                            a->stream);
        i = j;
    }
}

static void memory(const struct stc_stage_result *st, struct stc_text *out)
{
    double before = 0;
    for (int k = 0; k < st->n_mem_points; k++) {
        const struct stc_mem_point *p = &st->mem_points[k];
        stc_text_printf(
            out,
            "{\"ph\": \"i\", \"cat\": \"cpu_instant_event\", \"s\": \"t\", \"name\": "
            "\"[memory]\", \"pid\": %d, \"tid\": 0, \"ts\": %.6f, "
            "\"args\": {\"Device Type\": 1, \"Device Id\": %d, \"Addr\": 0, \"Bytes\": "
            "%.0f, \"Total Allocated\": %.0f, \"Total Reserved\": %.0f}},\n",
            (int)st->representative, us(p->t), (int)st->representative,
            p->bytes - before, p->bytes, p->bytes);
        stc_text_printf(out,
                        "{\"ph\": \"C\", \"name\": \"allocated\", \"pid\": %d, \"ts\": "
                        "%.6f, \"args\": {\"GiB\": %.4f}},\n",
                        (int)st->representative, us(p->t), p->bytes / 1073741824.0);
        before = p->bytes;
    }
}

enum stc_err stc_report_trace(const struct stc_scenario *s, const struct stc_result *r,
                              struct stc_text *out, struct stc_diag *diag)
{
    header(s, r, out);
    name_tracks(r, out);
    for (int i = 0; i < r->n_spans; i++)
        span(&r->spans[i], i + 1, out);
    annotations(r, out);
    for (int i = 0; i < r->n_stages; i++)
        memory(&r->stages[i], out);
    for (int i = 0; i < r->n_stages; i++)
        stc_text_printf(out,
                        "{\"ph\": \"X\", \"cat\": \"user_annotation\", \"name\": "
                        "\"ProfilerStep#0\", \"pid\": %d, \"tid\": 0, \"ts\": 0.0, "
                        "\"dur\": %.6f, \"args\": {}}%s\n",
                        (int)r->stages[i].representative, us(r->step_ticks),
                        i + 1 < r->n_stages ? "," : "");
    stc_text_put(out, "]\n}\n");
    enum stc_err err = stc_text_err(out);
    return err == STC_OK ? STC_OK
                         : stc_fail(diag, err,
                                    "trace: %s; fewer micro-batches or "
                                    "sim.record=stages would be right",
                                    stc_err_text(err));
}

enum stc_err stc_report_gzip(const struct stc_text *text, struct stc_text *out,
                             struct stc_diag *diag)
{
    enum { PIECE = 65536, GZIP = 16 };
    static const size_t most = (size_t)1 << 30;
    z_stream z;
    unsigned char buf[PIECE / 4];
    int rc;
    memset(&z, 0, sizeof z);
    if (text->len > most)
        return stc_fail(diag, STC_ERR_RANGE, "trace: more than 1 GiB");
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return stc_fail(diag, STC_ERR_NOMEM, "trace: zlib: out of memory");
    z.next_in = (unsigned char *)text->ptr; /* zlib reads only */
    z.avail_in = (unsigned)text->len;
    do {
        z.next_out = buf;
        z.avail_out = sizeof buf;
        rc = deflate(&z, Z_FINISH);
        stc_text_put_n(out, (const char *)buf, sizeof buf - z.avail_out);
    } while (rc == Z_OK);
    deflateEnd(&z);
    enum stc_err err = stc_text_err(out);
    if (rc != Z_STREAM_END) err = STC_ERR_BUG;
    return err == STC_OK ? STC_OK
                         : stc_fail(diag, err, "trace: could not be compressed");
}
