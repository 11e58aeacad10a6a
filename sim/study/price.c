/* price.c - see price.h. */
#include "sim/study/price.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "scenarios/catalogues.h"
#include "sim/base/doc.h"
#include "sim/base/text.h"

static const char *text_of(const struct stc_node *row, const char *key)
{
    const struct stc_node *n = stc_node_get(row, key);
    return n && n->kind == STC_NODE_SCALAR ? n->text : "";
}

/* The price of the row when it is the GPU's. */
static enum stc_err take(const struct stc_node *row, const char *gpu, double *usd,
                         char *source, size_t source_size, struct stc_diag *diag)
{
    if (strcasecmp(text_of(row, "gpu"), gpu) != 0) return STC_OK;
    if (!stc_text_to_double(text_of(row, "usd_per_gpu_hour"), usd))
        return stc_node_fail(row, diag, STC_ERR_PARSE, "usd_per_gpu_hour is no number");
    const char *date = text_of(row, "date"), *from = text_of(row, "source");
    snprintf(source, source_size, date[0] ? "%s (%s)" : "%s",
             from[0] ? from : row->file, date);
    return STC_OK;
}

enum stc_err stc_price_of(const struct stc_catalogues *own, const char *gpu,
                          double *usd, char *source, size_t source_size,
                          struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_node *root = NULL;
    enum stc_err err = stc_doc_read_embed(&a, "hw/data/prices.yaml", &root, diag);
    *usd = (double)NAN;
    if (source_size) source[0] = '\0';
    const struct stc_node *list = err == STC_OK ? stc_node_get(root, "prices") : NULL;
    for (const struct stc_node *row = list ? list->first : NULL; row && err == STC_OK;
         row = row->next)
        err = take(row, gpu, usd, source, source_size, diag);
    for (int i = 0; own && i < own->n_prices && err == STC_OK; i++)
        err = take(own->prices[i], gpu, usd, source, source_size, diag);
    stc_arena_free(&a);
    return err;
}

double stc_watts(const struct stc_gpu *g, double busy_frac)
{
    const double idle_frac = 0.35;
    return g->tdp_w * (idle_frac + (1 - idle_frac) * busy_frac);
}
