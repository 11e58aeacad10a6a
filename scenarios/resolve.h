/*
 * resolve.h - private to scenarios/: the steps of stc_scenario_resolve.
 *
 * ORDER. model -> cluster -> stack -> training job -> layout -> checks. Each
 * step takes what catalogues or the stack say, then puts the said keys over it.
 */
#ifndef STC_SCENARIOS_RESOLVE_H
#define STC_SCENARIOS_RESOLVE_H

#include "scenarios/scenario.h"

/* Copies every said value of a section's rows to its target. */
void stc_resolve_put(struct stc_scenario *s, const char *section);

STC_MUST_USE enum stc_err stc_resolve_model(struct stc_scenario *s,
                                            struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_resolve_cluster(struct stc_scenario *s,
                                              struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_resolve_stack(struct stc_scenario *s,
                                            struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_resolve_train(struct stc_scenario *s,
                                            struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_resolve_layout(struct stc_scenario *s,
                                             struct stc_diag *diag);
/* Can the layout be cut from this model on this cluster? */
STC_MUST_USE enum stc_err stc_resolve_check(const struct stc_scenario *s,
                                            struct stc_diag *diag);

/* The said number, or `other` when it was not said. */
static inline int32_t stc_said_or(int32_t said, int32_t other)
{
    return said == STC_AUTO ? other : said;
}
/* The same of an enumeration that begins with "auto". */
static inline int32_t stc_chosen_or(int32_t said, int32_t other)
{
    return said == 0 ? other : said - 1;
}

#endif
