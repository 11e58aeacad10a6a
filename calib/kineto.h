/*
 * kineto.h - private to the importer of profiler traces: one event, and what
 * its arguments say of a collective.
 */
#ifndef STC_CALIB_KINETO_H
#define STC_CALIB_KINETO_H

#include "calib/json_pull.h"
#include "sim/base/text.h"

enum { STC_KIN_NAME = 256, STC_KIN_DIMS = 384 };

enum stc_kin_cat { STC_KIN_OTHER, STC_KIN_OP, STC_KIN_KERNEL, STC_KIN_COPY };

struct stc_kin_event {
    bool complete; /* ph X */
    bool has_cat;
    enum stc_kin_cat cat;
    double dur_us;
    uint64_t ext_id, correlation; /* 0: none */
    char name[STC_KIN_NAME];
    char dims[STC_KIN_DIMS];     /* "[[4096,1024],[1024,512]]" */
    char types[STC_KIN_DIMS];    /* "[float,c10::BFloat16]" */
    char concrete[STC_KIN_DIMS]; /* scalars, "[,,,0.,True]"; newer traces */
    double bytes;                /* of a copy */
    /* of a collective */
    char coll[48], coll_dtype[24], ranks[128];
    int64_t in_elems, out_elems, group, rank_start, rank_stride;
};

/* The event whose '{' is the present token, up to and with its '}'. */
STC_MUST_USE enum stc_err stc_kin_event(struct stc_json *j, struct stc_kin_event *e,
                                        struct stc_diag *diag);

/* Lists of whole numbers in dims: "[[2,3],[3,4]]" gives n[0] = 2, v[0] = {2, 3}.
 * At most 4 lists of 6; returns how many. */
int stc_kin_lists(const char *dims, int n[4], int64_t v[4][6]);

/* "c10::BFloat16..." as our word, and its size when asked; NULL: unknown. */
const char *stc_kin_dtype(const char *type, int *bytes);

/* Puts the shape of a fused attention operator as attention_train has it; false: it
 * is none, or shapes or the mask were not recorded (record_shapes=True does). */
bool stc_kin_attention(const struct stc_kin_event *e, struct stc_text *t);

#endif
