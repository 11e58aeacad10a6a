/*
 * step_text.h - what a simulated training step was like, for a person: within
 * 100 columns, plain ASCII, 4 significant digits.
 *
 * ORDER. Question, answer (time, rates, memory verdict; the measured figure
 * beside it when the scenario carries one), then why: where time goes, stage by
 * stage, the pipeline, memory by kind, links, collectives, evidence.
 */
#ifndef STC_REPORTS_STEP_TEXT_H
#define STC_REPORTS_STEP_TEXT_H

#include "scenarios/scenario.h"
#include "sim/base/text.h"
#include "sim/run/result.h"

void stc_report_step(const struct stc_scenario *s, const struct stc_result *r,
                     struct stc_text *out);

/* "fits: stage 0 needs ..." or "does not fit: ...", one line, no newline. */
void stc_report_verdict(const struct stc_scenario *s, const struct stc_result *r,
                        struct stc_text *out);

/* Sections of their own files. */
void stc_report_headline(const struct stc_scenario *s, const struct stc_result *r,
                         struct stc_text *out);
void stc_report_time(const struct stc_result *r,
                     struct stc_text *out); /* bars and stages */
void stc_report_pipeline(const struct stc_result *r,
                         struct stc_text *out); /* Gantt, from the spans */
void stc_report_memory(const struct stc_scenario *s, const struct stc_result *r,
                       struct stc_text *out);
void stc_report_network(const struct stc_result *r,
                        struct stc_text *out); /* links, collectives */
void stc_report_evidence(const struct stc_result *r, struct stc_text *out);

/* "tp 8, pp 8 x 3 chunks (interleaved), ...": one or two lines of the question. */
void stc_report_layout(const struct stc_scenario *s, struct stc_text *out);

#endif
