/*
 * catalogues.h - all that a scenario's names are looked up in: the shipped
 * catalogues with what a user laid over them.
 *
 * FORM. A file is YAML (or JSON, when its name ends so) in the form of the shipped
 * ones: the sections `gpus`, `nodes`, `fabrics`, `aliases` and `prices` of hw/data,
 * entries of models and stacks by name as in models/data and models/stacks, or
 * under `models:` and `stacks:`. One file may hold all of them. A row may say
 * `like: NAME` and then only what differs.
 *
 * ORDER. Files lie over the shipped rows in the order given, a folder's by name; of
 * two rows of one name the later counts. A row may name rows of any file of its set.
 *
 * LIFE CYCLE. read (any number) -> build -> use. What was built is immutable:
 * shared by threads. NULL stands for the shipped catalogues alone.
 *
 * OWNERSHIP. Everything lives in the arena; documents must outlive what is built.
 *
 * ERRORS. "FILE:LINE: KEY: reason; what would be right", at build for every row
 * that is not hidden, whether it is used or not.
 */
#ifndef STC_SCENARIOS_CATALOGUES_H
#define STC_SCENARIOS_CATALOGUES_H

#include "models/catalogue.h"
#include "sim/base/err.h"
#include <stdint.h>

struct stc_hw;

enum { STC_CATALOGUE_FILES = 64 };

struct stc_catalogue_docs {
    int n;
    struct {
        const struct stc_node *root;
        uint64_t hash; /* of the text */
    } v[STC_CATALOGUE_FILES];
};

struct stc_catalogues {
    struct stc_hw *hw;
    struct stc_cat models, stacks;
    const struct stc_node **prices; /* rows {gpu, usd_per_gpu_hour} */
    int n_prices;
    const char *files; /* "my-hw.yaml, my-model.yaml": for reports */
    uint64_t hash;     /* of all texts */
};

/* A file, or every .yaml, .yml and .json of a folder. On an error docs is as before. */
STC_MUST_USE enum stc_err stc_catalogues_read(struct stc_arena *a, const char *path,
                                              struct stc_catalogue_docs *docs,
                                              struct stc_diag *diag);
/* The same of a text; `name` is for messages. */
STC_MUST_USE enum stc_err stc_catalogues_parse(struct stc_arena *a, const char *name,
                                               const char *text, size_t len,
                                               struct stc_catalogue_docs *docs,
                                               struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_catalogues_build(struct stc_arena *a,
                                               const struct stc_catalogue_docs *docs,
                                               const struct stc_catalogues **out,
                                               struct stc_diag *diag);

static inline const struct stc_cat *stc_catalogues_models(
    const struct stc_catalogues *c)
{
    return c ? &c->models : NULL;
}
static inline const struct stc_cat *stc_catalogues_stacks(
    const struct stc_catalogues *c)
{
    return c ? &c->stacks : NULL;
}

#endif
