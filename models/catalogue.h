/*
 * catalogue.h - entries of the embedded model and stack files.
 *
 * THEORY. A catalogue is a folder of YAML files, each a map of names. A look-up
 * scans for the one entry and parses only its lines, so that it costs
 * microseconds however large the catalogue is, and needs no cache.
 *
 * NAMES compare without case, blanks, '-', '_' and '/': "LLAMA3_70B" is
 * "Llama-3 70B". An entry's `alias` list gives further names; `like` names an
 * entry of the same catalogue whose keys it starts from.
 */
#ifndef STC_MODELS_CATALOGUE_H
#define STC_MODELS_CATALOGUE_H

#include "sim/base/bind.h"

struct stc_cat_entry {
    const char *path; /* "models/data/gpt.yaml" */
    const char *text; /* its lines, the name's first */
    size_t len;
    int line; /* of the name, from 1 */
    char name[STC_NAME_BYTES];
};

/* The i-th entry of a folder ("models/data/"); 0 past the end. */
int stc_cat_at(const char *folder, int i, struct stc_cat_entry *out);
int stc_cat_count(const char *folder);
/* By name or alias; an error lists near names. */
enum stc_err stc_cat_find(const char *folder, const char *what, const char *name,
                          struct stc_cat_entry *out,
                          struct stc_diag *diag) STC_MUST_USE;
/* The entry's map. */
enum stc_err stc_cat_parse(struct stc_arena *a, const struct stc_cat_entry *e,
                           const struct stc_node **map,
                           struct stc_diag *diag) STC_MUST_USE;
/* Binds the entry (after those it is `like`) into obj, whose defaults are set. */
enum stc_err stc_cat_bind(struct stc_arena *a, const char *folder,
                          const struct stc_cat_entry *e, const struct stc_bind_table *t,
                          void *obj, struct stc_diag *diag) STC_MUST_USE;
int stc_cat_same_name(const char *x, const char *y);

#endif
