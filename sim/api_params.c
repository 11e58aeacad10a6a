/* api_params.c - the cost parameters of a handle: the shipped fits. */
#include "sim/api.h"

#include "calib/load_coll.h"
#include "calib/load_cost.h"

enum stc_err stc_api_params(struct stc *sim, struct stc_diag *diag)
{
    struct stc_cost *cost;
    enum stc_err err = stc_cost_load(&sim->arena, &cost, diag);
    if (err != STC_OK) return err;
    sim->cost = cost;
    sim->coll = STC_NEW(&sim->arena, struct stc_coll_params);
    if (!sim->coll) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    sim->params = (struct stc_run_params){.cost = sim->cost, .coll = sim->coll};
    return stc_load_coll(sim->coll, diag);
}
