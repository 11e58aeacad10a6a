/* headroom_text.c - see headroom_text.h. */
#include "reports/headroom_text.h"

#include "reports/fmt.h"
#include "reports/json_util.h"
#include "reports/notes_json.h"

#include <stdio.h>
#include <string.h>

enum { PEAK_KINDS = 3 };

/* "activations 61.2 GiB, logits 8.1, parameters 5.0": the largest kinds. */
static void peak(const struct stc_headroom_point *p, char *buf, size_t size)
{
    int used[STC_MEM_COUNT] = {0};
    size_t n = 0;
    buf[0] = '\0';
    for (int i = 0; i < PEAK_KINDS; i++) {
        int best = -1;
        for (int k = 0; k < STC_MEM_COUNT; k++)
            if (!used[k] && k != STC_MEM_SLACK && p->mem.bytes[k] > 0 &&
                (best < 0 || p->mem.bytes[k] > p->mem.bytes[best]))
                best = k;
        if (best < 0 || n >= size) return;
        used[best] = 1;
        int w = snprintf(buf + n, size - n, "%s%s %.1f", i ? ", " : "",
                         stc_mem_name((enum stc_mem_kind)best),
                         p->mem.bytes[best] / 1073741824.0);
        n += w > 0 ? (size_t)w : 0;
    }
}

/* The answer in words: "12", "none", with the layout where that is the answer. */
static void answer(const struct stc_headroom *h, char *buf, size_t size)
{
    const struct stc_headroom_point *b = &h->best;
    if (b->value == 0)
        snprintf(buf, size, "none");
    else if (h->axis == STC_HEADROOM_GPUS)
        snprintf(buf, size, "%lld (tp %d pp %d dp %d)", (long long)b->value, (int)b->tp,
                 (int)b->pp, (int)b->dp);
    else if (h->axis == STC_HEADROOM_LAYERS || h->axis == STC_HEADROOM_HIDDEN)
        snprintf(buf, size, "%lld (%.3gB)%s", (long long)b->value, b->n_params * 1e-9,
                 h->endless ? " or more" : "");
    else
        snprintf(buf, size, "%lld%s", (long long)b->value,
                 h->endless ? " or more" : "");
}

static void line(const struct stc_headroom_report *r, const struct stc_headroom *h,
                 struct stc_text *out)
{
    struct stc_fmt f;
    char text[64], kinds[160];
    answer(h, text, sizeof text);
    stc_text_printf(out, "%-12s %-20s %8lld  %-24s %10s\n", stc_headroom_name(h->axis),
                    stc_headroom_about(h->axis), (long long)h->now, text,
                    h->best.value ? stc_fmt_gib(&f, h->best.need_bytes) : "-");
    if (h->beyond.value > 0) {
        peak(&h->beyond, kinds, sizeof kinds);
        snprintf(text, sizeof text, "  at %lld:", (long long)h->beyond.value);
        stc_text_printf(out, "%-14s %.1f GiB too much on stage %d: %s GiB\n", text,
                        (h->beyond.need_bytes - r->capacity_bytes) / 1073741824.0,
                        (int)h->beyond.stage, kinds);
    }
    if (h->stopped_by[0]) stc_fmt_wrap(out, "  beyond:", 15, h->stopped_by);
}

void stc_report_headroom(const struct stc_headroom_report *r, struct stc_text *out)
{
    struct stc_fmt f, g;
    char kinds[160];
    peak(&r->now, kinds, sizeof kinds);
    stc_text_printf(out, "now       %s of %s on stage %d: %s GiB\n",
                    stc_fmt_gib(&f, r->now.need_bytes),
                    stc_fmt_gib(&g, r->capacity_bytes), (int)r->now.stage, kinds);
    stc_text_printf(out, "\n%-12s %-20s %8s  %-24s %10s\n", "axis", "", "now", "fits",
                    "needs");
    for (int i = 0; i < 100; i++)
        stc_text_put(out, "-");
    stc_text_put(out, "\n");
    for (int i = 0; i < r->n; i++)
        line(r, &r->v[i], out);
}

static json_t *point(const struct stc_headroom_point *p)
{
    if (p->value == 0) return json_null();
    json_t *j = json_object(), *m = json_object();
    stc_json_put(j, "value", json_integer((json_int_t)p->value));
    stc_json_put(j, "need_bytes", stc_json_num(p->need_bytes));
    stc_json_put(j, "stage", json_integer(p->stage));
    stc_json_put(j, "parameters", stc_json_num(p->n_params));
    stc_json_put(j, "tp", json_integer(p->tp));
    stc_json_put(j, "pp", json_integer(p->pp));
    stc_json_put(j, "dp", json_integer(p->dp));
    for (int k = 0; k < STC_MEM_COUNT; k++)
        stc_json_put(m, stc_mem_name((enum stc_mem_kind)k),
                     stc_json_num(p->mem.bytes[k]));
    stc_json_put(j, "memory", m);
    return j;
}

enum stc_err stc_report_headroom_json(const struct stc_scenario *s,
                                      const struct stc_headroom_report *r,
                                      struct stc_text *out, struct stc_diag *diag)
{
    json_t *doc = stc_json_document("headroom", 1), *list = json_array();
    stc_json_put(doc, "capacity_bytes", stc_json_num(r->capacity_bytes));
    stc_json_put(doc, "need_bytes", stc_json_num(r->now.need_bytes));
    stc_json_put(doc, "notes", stc_report_notes_json(s));
    for (int i = 0; i < r->n; i++) {
        const struct stc_headroom *h = &r->v[i];
        json_t *j = json_object();
        stc_json_put(j, "axis", json_string(stc_headroom_name(h->axis)));
        stc_json_put(j, "now", json_integer((json_int_t)h->now));
        stc_json_put(j, "fits", point(&h->best));
        stc_json_put(j, "beyond", point(&h->beyond));
        stc_json_put(j, "endless", json_boolean(h->endless));
        stc_json_put(j, "stopped_by", json_string(h->stopped_by));
        json_array_append_new(list, j);
    }
    stc_json_put(doc, "axes", list);
    return stc_json_text(doc, out, diag);
}
