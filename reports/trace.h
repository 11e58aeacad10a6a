/*
 * trace.h - a simulated step as a Chrome/Perfetto trace with the keys and
 * categories of a PyTorch profiler trace (Kineto), so that its readers
 * (Perfetto, chrome://tracing, TensorBoard's plugin, HTA) show it.
 *
 * FORM. One process a stage's representative rank, one thread a stream.
 * Kernels have cat "kernel", the step "user_annotation" ("ProfilerStep#0"),
 * micro-batches "gpu_user_annotation", memory "cpu_instant_event" ("[memory]")
 * with the bytes that stand, and a counter track for Perfetto.
 *
 * UNITS. Kineto's: microseconds.
 */
#ifndef STC_REPORTS_TRACE_H
#define STC_REPORTS_TRACE_H

#include "scenarios/scenario.h"
#include "sim/base/text.h"
#include "sim/run/result.h"

STC_MUST_USE enum stc_err stc_report_trace(const struct stc_scenario *s,
                                           const struct stc_result *r,
                                           struct stc_text *out, struct stc_diag *diag);

/* The text as a gzip file (zlib); out is binary. */
STC_MUST_USE enum stc_err stc_report_gzip(const struct stc_text *text,
                                          struct stc_text *out, struct stc_diag *diag);

#endif
