/*
 * plot.h - gnuplot scripts; whoever runs gnuplot gives it the text on stdin.
 *
 * The script holds its data, writes a PNG to standard output and names its
 * axes with units. Lines are told apart by colour and by key.
 */
#ifndef STC_REPORTS_PLOT_H
#define STC_REPORTS_PLOT_H

#include "scenarios/scenario.h"
#include "sim/base/text.h"
#include "sim/run/result.h"

/* Memory over time, a line for up to 6 stages, and the GPU's capacity.
 * PARSE when the run kept no memory points. */
STC_MUST_USE enum stc_err stc_report_memory_plot(const struct stc_scenario *s,
                                                 const struct stc_result *r,
                                                 struct stc_text *out,
                                                 struct stc_diag *diag);

#endif
