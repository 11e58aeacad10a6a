/* query_int.h - private to query.c and query_keys.c: the key tables by kind. */
#ifndef STC_STUDY_QUERY_INT_H
#define STC_STUDY_QUERY_INT_H

#include "sim/study/query.h"

enum { STC_QUERY_PHASE_BOTH = 3 }; /* index of "fwd+bwd" among the phases */

extern const struct stc_bind_table stc_query_tables[STC_QUERY_COUNT];

#endif
