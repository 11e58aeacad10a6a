/* price.c - see price.h. */
#include "sim/study/price.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/doc.h"
#include "sim/base/text.h"

static const char *text_of(const struct stc_node *row, const char *key)
{
    const struct stc_node *n = stc_node_get(row, key);
    return n && n->kind == STC_NODE_SCALAR ? n->text : "";
}

enum stc_err stc_price_of(const char *gpu, double *usd, char *source,
                          size_t source_size, struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_node *root = NULL;
    enum stc_err err = stc_doc_read_embed(&a, "hw/data/prices.yaml", &root, diag);
    *usd = (double)NAN;
    if (source_size) source[0] = '\0';
    if (err == STC_OK) {
        const struct stc_node *list = stc_node_get(root, "prices");
        for (const struct stc_node *row = list ? list->first : NULL; row;
             row = row->next) {
            if (strcmp(text_of(row, "gpu"), gpu) != 0) continue;
            if (!stc_text_to_double(text_of(row, "usd_per_gpu_hour"), usd))
                err = stc_fail(diag, STC_ERR_PARSE,
                               "hw/data/prices.yaml:%d: usd_per_gpu_hour is no number",
                               row->line);
            snprintf(source, source_size, "%s (%s)", text_of(row, "source"),
                     text_of(row, "date"));
        }
    }
    stc_arena_free(&a);
    return err;
}

double stc_watts(const struct stc_gpu *g, double busy_frac)
{
    const double idle_frac = 0.35;
    return g->tdp_w * (idle_frac + (1 - idle_frac) * busy_frac);
}
