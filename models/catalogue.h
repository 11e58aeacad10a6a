/*
 * catalogue.h - entries of the shipped model and stack files, and of users' files.
 *
 * THEORY. A shipped catalogue is a folder of YAML files, each a map of names. A
 * look-up scans for the one entry and parses only its lines, so that it costs
 * microseconds however large the catalogue is, and needs no cache. Entries that a
 * user brought are already parsed; they lie over the shipped ones, and of two of
 * one name the later counts.
 *
 * NAMES compare without case, blanks, '-', '_' and '/': "LLAMA3_70B" is
 * "Llama-3 70B". An entry's `alias` list gives further names; `like` names an
 * entry of the same catalogue whose keys it starts from. A user's entry that is
 * `like` its own name starts from the entry that it hides; shipped entries start
 * from shipped ones alone, so that one changed entry does not change others.
 *
 * OWNERSHIP. The arrays and nodes of a catalogue are borrowed.
 */
#ifndef STC_MODELS_CATALOGUE_H
#define STC_MODELS_CATALOGUE_H

#include "sim/base/bind.h"

/* An entry of a user's file: its node is a map and knows its name, file and line. */
struct stc_cat_own {
    const struct stc_node *map;
};

struct stc_cat {
    const char *folder; /* of the shipped files: "models/data/" */
    const struct stc_cat_own *own;
    int n_own;
};

struct stc_cat_entry {
    const char *path; /* "models/data/gpt.yaml" */
    const char *text; /* its lines, the name's first; NULL: a user's */
    size_t len;
    int line; /* of the name, from 1 */
    char name[STC_NAME_BYTES];
    int own; /* which of the user's entries; -1: shipped */
};

/* A walk over the entries that are not hidden, shipped ones first. */
struct stc_cat_walk {
    const struct stc_cat *cat; /* the caller's */
    /* private, from 0: */
    int file, line, own;
    const struct stc_embed *embed;
    const char *at, *end;
};
bool stc_cat_next(struct stc_cat_walk *w,
                  struct stc_cat_entry *out); /* false: no more */
/* The i-th entry that is not hidden, shipped ones first; 0 past the end. */
int stc_cat_at(const struct stc_cat *c, int i, struct stc_cat_entry *out);
int stc_cat_count(const struct stc_cat *c);
/* By name or alias; an error lists near names. */
enum stc_err stc_cat_find(const struct stc_cat *c, const char *what, const char *name,
                          struct stc_cat_entry *out,
                          struct stc_diag *diag) STC_MUST_USE;
/* The entry's map. */
enum stc_err stc_cat_parse(struct stc_arena *a, const struct stc_cat *c,
                           const struct stc_cat_entry *e, const struct stc_node **map,
                           struct stc_diag *diag) STC_MUST_USE;
/* What the entry, whose map is given, is `like`; *found false: nothing. */
enum stc_err stc_cat_base(const struct stc_cat *c, const struct stc_cat_entry *e,
                          const struct stc_node *map, bool *found,
                          struct stc_cat_entry *out,
                          struct stc_diag *diag) STC_MUST_USE;
/* Binds the entry (after those it is `like`) into obj, whose defaults are set. */
enum stc_err stc_cat_bind(struct stc_arena *a, const struct stc_cat *c,
                          const struct stc_cat_entry *e, const struct stc_bind_table *t,
                          void *obj, struct stc_diag *diag) STC_MUST_USE;
/* False when a look at the text rules out that its list `key: [NAME, "NAME"]` holds
 * the name: most entries need not be parsed. */
bool stc_cat_may_list(const struct stc_cat_entry *e, const char *key, const char *name);
int stc_cat_same_name(const char *x, const char *y);

#endif
