/*
 * ref_maxmin.h - textbook progressive filling (Bertsekas and Gallager, Data
 * Networks, 2nd ed., 6.5.2), as short as it gets: the reference for flow.c.
 */
#ifndef STC_TESTS_REF_MAXMIN_H
#define STC_TESTS_REF_MAXMIN_H

#include "sim/engine/flow.h"

/* Rates of n flows (tags, bytes and latencies are not read) on the links. */
void ref_maxmin(uint32_t n_links, const double *capacity_Bps, uint32_t n,
                const struct stc_flow_spec *flow, double *rate_Bps);

#endif
