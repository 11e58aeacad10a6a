/* api_params.c - the cost parameters of a handle: the shipped fits. */
#include "sim/api.h"

#include "calib/load_coll.h"

enum stc_err stc_api_params(struct stc *sim, struct stc_diag *diag)
{
    sim->cost = STC_NEW(&sim->arena, struct stc_cost);
    sim->coll = STC_NEW(&sim->arena, struct stc_coll_params);
    if (!sim->cost || !sim->coll) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    stc_cost_prior(sim->cost);
    sim->params = (struct stc_run_params){.cost = sim->cost, .coll = sim->coll};
    return stc_load_coll(sim->coll, diag);
}
