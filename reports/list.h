/*
 * list.h - what the catalogues hold: names with a few figures, or all that is
 * known of one name, as YAML that could be put in a catalogue of one's own, and
 * how to write one.
 */
#ifndef STC_REPORTS_LIST_H
#define STC_REPORTS_LIST_H

#include "sim/base/text.h"

struct stc_catalogues; /* NULL: the shipped ones */

/* what: "gpus", "nodes", "fabrics", "models", "stacks", "scenarios",
 * "prices". */
STC_MUST_USE enum stc_err stc_report_list(const struct stc_catalogues *own,
                                          const char *what, int json,
                                          struct stc_text *out, struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_report_show(const struct stc_catalogues *own,
                                          const char *name, int json,
                                          struct stc_text *out, struct stc_diag *diag);

#endif
