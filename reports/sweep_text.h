/* sweep_text.h - a sweep's results: table, scaling curves, CSV, JSON, a picture. */
#ifndef STC_REPORTS_SWEEP_TEXT_H
#define STC_REPORTS_SWEEP_TEXT_H

#include "sim/base/text.h"
#include "sim/study/sweep.h"

/* base: the scenario that was varied, for what must be said of its points (notes.h);
 * NULL: only the file is at hand. */
void stc_report_sweep(const struct stc_sweep_table *t, const struct stc_scenario *base,
                      struct stc_text *out);
void stc_report_sweep_csv(const struct stc_sweep_table *t, struct stc_text *out);
STC_MUST_USE enum stc_err stc_report_sweep_json(const struct stc_sweep_table *t,
                                                const struct stc_scenario *base,
                                                struct stc_text *out,
                                                struct stc_diag *diag);
/* A gnuplot script that writes a PNG to standard output: rate and efficiency over
 * GPUs where they vary, else tokens/s/GPU over the first axis. */
STC_MUST_USE enum stc_err stc_report_sweep_plot(const struct stc_sweep_table *t,
                                                struct stc_text *out,
                                                struct stc_diag *diag);

#endif
