/*
 * links.h - which links can hold anybody up, and so whether flows are needed.
 *
 * THEORY. Max-min shares depend only on links that can be full. A link is left
 * out when, whatever happens,
 *   caps      the flows through it, each at its own cap, do not fill it; or
 *   feeders   it is a trunk that the NICs below it cannot fill: the sum over the
 *             NICs through which its flows come of capacity × (their coefficient
 *             here / there) is within its capacity; or
 *   series    another link carries all its flows too, and is as tight for each.
 * What is left has the same shares, so this is exact; it also keeps classes
 * whole, because non-blocking trunks tell nobody apart. When no link that is
 * left has two users, nothing is shared and closed forms hold.
 *
 * ORDER. caps and feeders before series: a link that was left out in series with
 * another is implied by one that stays.
 *
 * COST. O(uses log uses). OWNERSHIP. Arena.
 */
#ifndef STC_RUN_LINKS_H
#define STC_RUN_LINKS_H

#include "sim/run/comms.h"

/* In: c->use (links of the topology) and cap_Bps[c->n], the most an operation of
 * the communicator moves at. Out: c->use, compact and pruned, c->link_id,
 * c->n_links; *shared: flows are needed. */
STC_MUST_USE enum stc_err stc_links_prune(struct stc_arena *a,
                                          const struct stc_topo *topo,
                                          const double *cap_Bps, struct stc_comms *c,
                                          int *shared);

#endif
