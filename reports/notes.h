/*
 * notes.h - what a forecast must not pass over in silence.
 *
 * cluster.gpu beside a node (cluster.use, or `cluster: NAME`) exchanges the GPUs
 * of that node and nothing else: board, host, NICs and fabric stay. Who types
 * cluster.gpu=H100 at a scenario of A100 machines mostly means H100 machines, so
 * the report says what stayed and which word changes all of it.
 *
 * OWNERSHIP. The names are borrowed from the hardware catalogue. ERRORS. A note
 * that cannot be made is left out: the forecast itself is as it was asked for.
 */
#ifndef STC_REPORTS_NOTES_H
#define STC_REPORTS_NOTES_H

#include "scenarios/scenario.h"
#include "sim/base/text.h"

struct stc_gpu_note {
    int is_swapped; /* 0: the node has the GPUs it is built with; nothing below counts */
    const char *own_gpu; /* what it is built with */
    const char *node;    /* the usual one of the GPU that was asked for; NULL: none */
    char words[160];     /* "cluster.use=... cluster.fabric=..." that give it, whole */
    int is_known;        /* 1: `usual` is the machine that these words give */
    struct stc_cluster usual;
};

/* Of a resolved scenario. */
void stc_report_gpu_note(const struct stc_scenario *s, struct stc_gpu_note *out);
/* A paragraph without a newline; nothing when there is nothing to say. */
void stc_report_notes(const struct stc_scenario *s, struct stc_text *out);
/* The same of any scenario as lines of a report, "WARNING   ...". */
void stc_report_warning(const struct stc_scenario *s, struct stc_text *out);

#endif
