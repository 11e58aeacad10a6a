/* kineto_event.c - one event of a Chrome trace as Kineto writes it. */
#include "calib/kineto.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void copy(char *to, size_t size, const char *from, size_t len)
{
    if (len >= size) len = size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
}

static enum stc_kin_cat cat_of(const char *s)
{
    static const struct {
        const char *name;
        enum stc_kin_cat cat;
    } cats[] = {{"cpu_op", STC_KIN_OP},       {"Operator", STC_KIN_OP},
                {"kernel", STC_KIN_KERNEL},   {"Kernel", STC_KIN_KERNEL},
                {"gpu_memcpy", STC_KIN_COPY}, {"Memcpy", STC_KIN_COPY},
                {"gpu_memset", STC_KIN_COPY}, {"Memset", STC_KIN_COPY}};
    for (size_t i = 0; i < sizeof cats / sizeof cats[0]; i++)
        if (strcmp(s, cats[i].name) == 0) return cats[i].cat;
    return STC_KIN_OTHER;
}

/* A nested list as compact text: numbers and strings without quotes. */
static enum stc_err compact(struct stc_json *j, char *to, size_t size,
                            struct stc_diag *diag)
{
    size_t n = 0;
    int level = j->depth - 1;
    bool comma = false, full = false;
    enum stc_err err = stc_json_next(j, diag);
    if (err != STC_OK) return err;
    if (j->kind != STC_JSON_ARRAY) {
        if (j->kind == STC_JSON_STRING) copy(to, size, j->text, j->text_len);
        return stc_json_skip(j, diag);
    }
    level = j->depth - 1;
    for (;;) {
        bool opens = j->kind == STC_JSON_ARRAY || j->kind == STC_JSON_OBJECT;
        bool closes = j->kind == STC_JSON_ARRAY_END || j->kind == STC_JSON_OBJECT_END;
        const char *text = opens ? "[" : closes ? "]" : j->text;
        size_t len = strlen(text);
        if (n + len + 2 >= size) full = true;
        if (!full) {
            if (comma && !closes) to[n++] = ',';
            memcpy(to + n, text, len);
            n += len;
        }
        comma = !opens;
        if (j->depth == level) break;
        if ((err = stc_json_next(j, diag)) != STC_OK) return err;
    }
    to[n] = '\0';
    return STC_OK;
}

static int64_t whole(const struct stc_json *j)
{
    if (j->kind != STC_JSON_NUMBER && j->kind != STC_JSON_STRING) return 0;
    long long v = strtoll(j->text, NULL, 10);
    return v > 0 && v < (1LL << 52) ? v : 0;
}

enum arg {
    A_EXT,
    A_DIMS,
    A_TYPES,
    A_CONCRETE,
    A_COLL,
    A_DTYPE,
    A_IN,
    A_OUT,
    A_GROUP,
    A_RANKS,
    A_START,
    A_STRIDE,
    A_BYTES,
    A_CORR,
    A_NONE
};

static enum arg arg_of(const char *s)
{
    static const char *const names[A_NONE] = {[A_EXT] = "External id",
                                              [A_DIMS] = "Input Dims",
                                              [A_TYPES] = "Input type",
                                              [A_CONCRETE] = "Concrete Inputs",
                                              [A_COLL] = "Collective name",
                                              [A_DTYPE] = "dtype",
                                              [A_IN] = "In msg nelems",
                                              [A_OUT] = "Out msg nelems",
                                              [A_GROUP] = "Group size",
                                              [A_RANKS] = "Process Group Ranks",
                                              [A_START] = "Global rank start",
                                              [A_STRIDE] = "Global rank stride",
                                              [A_BYTES] = "bytes",
                                              [A_CORR] = "correlation"};
    for (int i = 0; i < A_NONE; i++)
        if ((s[0] | 0x20) == (names[i][0] | 0x20) && strcasecmp(s, names[i]) == 0)
            return (enum arg)i;
    return A_NONE;
}

static enum stc_err one_arg(struct stc_json *j, struct stc_kin_event *e, enum arg a,
                            struct stc_diag *diag)
{
    if (a == A_DIMS) return compact(j, e->dims, sizeof e->dims, diag);
    if (a == A_TYPES) return compact(j, e->types, sizeof e->types, diag);
    if (a == A_CONCRETE) return compact(j, e->concrete, sizeof e->concrete, diag);
    if (a == A_RANKS) return compact(j, e->ranks, sizeof e->ranks, diag);
    enum stc_err err = stc_json_next(j, diag);
    if (err != STC_OK) return err;
    switch (a) {
    case A_EXT: e->ext_id = (uint64_t)whole(j); break;
    case A_COLL: copy(e->coll, sizeof e->coll, j->text, j->text_len); break;
    case A_DTYPE:
        copy(e->coll_dtype, sizeof e->coll_dtype, j->text, j->text_len);
        break;
    case A_IN: e->in_elems = whole(j); break;
    case A_OUT: e->out_elems = whole(j); break;
    case A_GROUP: e->group = whole(j); break;
    case A_START: e->rank_start = whole(j); break;
    case A_STRIDE: e->rank_stride = whole(j); break;
    case A_CORR: e->correlation = (uint64_t)whole(j); break;
    case A_BYTES: e->bytes = (double)whole(j); break;
    default: break;
    }
    return stc_json_skip(j, diag);
}

static enum stc_err args(struct stc_json *j, struct stc_kin_event *e,
                         struct stc_diag *diag)
{
    enum stc_err err = stc_json_next(j, diag);
    if (err != STC_OK || j->kind != STC_JSON_OBJECT)
        return err != STC_OK ? err : stc_json_skip(j, diag);
    while ((err = stc_json_next(j, diag)) == STC_OK && j->kind == STC_JSON_KEY) {
        enum arg a = arg_of(j->text);
        err = a == A_NONE ? stc_json_skip(j, diag) : one_arg(j, e, a, diag);
        if (err != STC_OK) return err;
    }
    return err;
}

static enum stc_err member(struct stc_json *j, struct stc_kin_event *e,
                           struct stc_diag *diag)
{
    char key[8];
    copy(key, sizeof key, j->text, j->text_len);
    if (strcmp(key, "args") == 0)
        /* A known category that nobody asks about: over it, fast. */
        return e->has_cat && e->cat == STC_KIN_OTHER ? stc_json_skip(j, diag)
                                                     : args(j, e, diag);
    enum stc_err err = stc_json_next(j, diag);
    if (err != STC_OK) return err;
    bool text = j->kind == STC_JSON_STRING;
    if (strcmp(key, "ph") == 0) {
        e->complete = strcmp(j->text, "X") == 0;
    } else if (strcmp(key, "cat") == 0 && text) {
        e->cat = cat_of(j->text);
        e->has_cat = true;
    } else if (strcmp(key, "name") == 0 && text) {
        copy(e->name, sizeof e->name, j->text, j->text_len);
    } else if (strcmp(key, "dur") == 0) {
        e->dur_us = strtod(j->text, NULL);
    }
    return stc_json_skip(j, diag);
}

enum stc_err stc_kin_event(struct stc_json *j, struct stc_kin_event *e,
                           struct stc_diag *diag)
{
    enum stc_err err;
    /* Field by field: zeroing the texts of millions of events costs seconds. */
    e->complete = e->has_cat = false;
    e->cat = STC_KIN_OTHER;
    e->dur_us = e->bytes = 0.0;
    e->ext_id = e->correlation = 0;
    e->name[0] = e->dims[0] = e->types[0] = e->concrete[0] = '\0';
    e->coll[0] = e->coll_dtype[0] = e->ranks[0] = '\0';
    e->in_elems = e->out_elems = e->group = e->rank_start = e->rank_stride = 0;
    while ((err = stc_json_next(j, diag)) == STC_OK && j->kind == STC_JSON_KEY)
        if ((err = member(j, e, diag)) != STC_OK) break;
    return err;
}

int stc_kin_lists(const char *dims, int n[4], int64_t v[4][6])
{
    int lists = 0;
    if (*dims != '[') return 0;
    dims++;
    while (lists < 4 && *dims != '\0' && *dims != ']') {
        n[lists] = 0;
        if (*dims == '[') {
            dims++;
            while (*dims != '\0' && *dims != ']') {
                char *end;
                long long x = strtoll(dims, &end, 10);
                if (end == dims || n[lists] == 6) return lists;
                v[lists][n[lists]++] = x;
                dims = *end == ',' ? end + 1 : end;
            }
            if (*dims == ']') dims++;
        } else {
            dims += strcspn(dims, ",]");
        }
        lists++;
        if (*dims == ',') dims++;
    }
    return lists;
}
