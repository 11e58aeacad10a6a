/*
 * breakdown.h - where a stage's time goes, told by watching the compute stream
 * of its representative rank.
 *
 * THEORY. The stream is either working (the segment says on what) or waiting.
 * A wait belongs to what ended it: the host; a gather or reduction of the
 * data-parallel axes; a pipeline transfer, of which the time before its sender
 * arrived is bubble and the rest exposed communication. After the stream's last
 * task come the transfers that still run and the wait for other stages. So the
 * parts add up to the step, in ticks, by construction.
 */
#ifndef STC_RUN_BREAKDOWN_H
#define STC_RUN_BREAKDOWN_H

#include "sim/run/comms.h"

struct stc_watch {
    const struct stc_lowered *low;
    const struct stc_comms *comms;
    struct stc_arena *a;
    int32_t per_stage;
    stc_tick (*parts)[STC_PART_COUNT]; /* [n_stages] */
    struct stc_slowed {
        double parts[STC_PART_COUNT];
        stc_tick ticks;
    } * slowed;            /* [n_stages]: of work that was slowed */
    uint32_t *whole;       /* [n_segs]: runs at full rate, told when the step ends */
    stc_tick *compute_end; /* [n_stages] */
    stc_tick **item_start,
        **item_end; /* [n_stages][items] on the compute stream; NULL at STC_RECORD_TOTALS */
    int record;     /* enum stc_record_level */
    struct stc_span *spans;
    int32_t n_spans, cap_spans;
    enum stc_err err;
};

STC_MUST_USE enum stc_err stc_watch_init(struct stc_arena *a,
                                         const struct stc_lowered *low,
                                         const struct stc_comms *comms,
                                         struct stc_watch *out);
/* The observer of the machine; ctx is a struct stc_watch. */
void stc_watch_task(void *ctx, const struct stc_task_info *info);
/* The same for a WORK whose rate changes: accounts for the stretch behind it. */
void stc_watch_stretch(void *ctx, const struct stc_task_info *info);
/* Accounts for the time after the last task of each stage. */
void stc_watch_end(struct stc_watch *w, int32_t stage, stc_tick rank_end,
                   stc_tick step_end);

#endif
