/* notes_json.h - what the text says as a WARNING (notes.h), for JSON. */
#ifndef STC_REPORTS_NOTES_JSON_H
#define STC_REPORTS_NOTES_JSON_H

#include "scenarios/scenario.h"
#include <jansson.h>

/* A list, empty when there is nothing to say, of any scenario: what cannot be resolved
 * is said elsewhere. */
json_t *stc_report_notes_json(const struct stc_scenario *s);

#endif
