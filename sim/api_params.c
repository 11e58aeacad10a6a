/* api_params.c - the cost parameters of a handle: the shipped fits, and a user's
 * folder over them. */
#include "sim/api.h"

#include <stdio.h>
#include <unistd.h>

#include "calib/load_coll.h"
#include "calib/load_cost.h"
#include "sim/base/text.h"

/* A folder that holds none of the files is a mistake, not a calibration. */
static enum stc_err must_hold(const char *dir, struct stc_diag *diag)
{
    static const char *const names[] = {"fits.yaml", "fits_coll.yaml", "platform.yaml"};
    char path[1024];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int n = snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0) return STC_OK;
    }
    return stc_fail(diag, STC_ERR_IO,
                    "%.500s: holds no calibration (fits.yaml, fits_coll.yaml or "
                    "platform.yaml); stepcast calibrate fit writes one",
                    dir);
}

enum stc_err stc_api_params(struct stc *sim, struct stc_diag *diag)
{
    struct stc_cost *cost;
    const char *dir = sim->opts.calib;
    enum stc_err err = dir ? must_hold(dir, diag) : STC_OK;
    if (err == STC_OK)
        err = dir ? stc_cost_load_over(&sim->arena, dir, &cost, diag)
                  : stc_cost_load(&sim->arena, &cost, diag);
    if (err != STC_OK) return err;
    sim->cost = cost;
    sim->coll = STC_NEW(&sim->arena, struct stc_coll_params);
    if (!sim->coll) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    err =
        dir ? stc_load_coll_over(dir, sim->coll, diag) : stc_load_coll(sim->coll, diag);
    if (err != STC_OK) return err;
    const uint64_t both[] = {stc_cost_hash(cost), stc_coll_hash(sim->coll)};
    sim->params =
        (struct stc_run_params){.cost = sim->cost,
                                .coll = sim->coll,
                                .hash = stc_hash64(STC_HASH_INIT, both, sizeof both)};
    return STC_OK;
}
