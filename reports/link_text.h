/* link_text.h - what the links of a node give, pair by pair. */
#ifndef STC_REPORTS_LINK_TEXT_H
#define STC_REPORTS_LINK_TEXT_H

#include "hw/catalogue.h"
#include "sim/base/text.h"

/* The matrices of p2pBandwidthLatencyTest as comment lines: GB/s of a copy alone and
 * of one each way together, and the latency, with peer access and without. Nothing
 * for a node that cannot be resolved. */
void stc_report_link_matrix(const struct stc_hw *hw, const char *node,
                            struct stc_text *out);

#endif
