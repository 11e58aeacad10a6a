/* api_catalogue.c - users' catalogues of a handle: those of its options, laid over
 * the one that its scenario names. */
#include "sim/api.h"

#include "reports/catalogue_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void stc_api_world_close(struct stc_api_world *w)
{
    if (!w) return;
    stc_arena_free(&w->arena);
    free(w);
}

const struct stc_catalogues *stc_api_own(const struct stc *sim)
{
    return sim->world ? sim->world->built : NULL;
}

/* As a whole path, so that a scenario written elsewhere finds it, too; one that has
 * no room stays as it is. */
static void make_absolute(char *path, size_t size)
{
    char here[4096], full[8192];
    if (path[0] == '/' || !getcwd(here, sizeof here)) return;
    int n = snprintf(full, sizeof full, "%s/%s", here, path);
    if (n > 0 && (size_t)n < size) memcpy(path, full, (size_t)n + 1);
}

/* What the scenario says, first: what is said outside of it lies above, as a
 * KEY=VALUE does. */
static enum stc_err build(const struct stc_catalogue_docs *over, struct stc_scenario *s,
                          struct stc_api_world *w, struct stc_diag *diag)
{
    struct stc_catalogue_docs *docs = STC_NEW(&w->arena, struct stc_catalogue_docs);
    struct stc_diag why = {""};
    if (!docs) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    if (s->said.catalogue[0]) {
        enum stc_err err =
            stc_catalogues_read(&w->arena, s->said.catalogue, docs, &why);
        if (err == STC_ERR_IO)
            return stc_scenario_fail(s, STC_KEY_catalogue, diag, err, "%s", why.text);
        if (err != STC_OK) return stc_fail(diag, err, "%s", why.text);
        make_absolute(s->said.catalogue, sizeof s->said.catalogue);
    }
    if (docs->n + over->n > STC_CATALOGUE_FILES)
        return stc_fail(diag, STC_ERR_RANGE, "more than %d files of catalogues",
                        STC_CATALOGUE_FILES);
    for (int i = 0; i < over->n; i++)
        docs->v[docs->n++] = over->v[i];
    enum stc_err err =
        docs->n ? stc_catalogues_build(&w->arena, docs, &w->built, diag) : STC_OK;
    s->catalogues = w->built;
    return err;
}

enum stc_err stc_api_world(struct stc *sim, struct stc_scenario *s,
                           struct stc_api_world **old, struct stc_diag *diag)
{
    struct stc_api_world *w = calloc(1, sizeof *w);
    if (!w) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    enum stc_err err = build(&sim->docs, s, w, diag);
    if (err != STC_OK) {
        stc_api_world_close(w);
        return err;
    }
    *old = sim->world;
    sim->world = w;
    return STC_OK;
}

int stc_api_same_question(const struct stc *sim, const struct stc_scenario *s)
{
    static const struct stc_catalogue_docs none;
    struct stc_scenario with = *s, without = *s;
    struct stc_api_world *w = sim->docs.n ? calloc(1, sizeof *w) : NULL;
    if (!w) return 1;
    int same = build(&none, &without, w, NULL) == STC_OK &&
               stc_scenario_resolve(&with, NULL) == STC_OK &&
               stc_scenario_resolve(&without, NULL) == STC_OK &&
               memcmp(&with.model, &without.model, sizeof with.model) == 0 &&
               memcmp(&with.cluster, &without.cluster, sizeof with.cluster) == 0 &&
               memcmp(&with.stack, &without.stack, sizeof with.stack) == 0;
    stc_api_world_close(w);
    return same;
}

enum stc_err stc_api_catalogues(struct stc *sim, struct stc_diag *diag)
{
    struct stc_api_world *old = NULL;
    enum stc_err err = STC_OK;
    for (int i = 0; i < sim->opts.n_catalogues && err == STC_OK; i++)
        err =
            stc_catalogues_read(&sim->arena, sim->opts.catalogues[i], &sim->docs, diag);
    if (err == STC_OK) err = stc_api_world(sim, &sim->scenario, &old, diag);
    sim->opts.catalogues = NULL; /* the caller's; not kept */
    return err;
}

enum stc_err stc_api_hardware(struct stc_arena *a, const struct stc_calibrate_opts *o,
                              const struct stc_hw **out, struct stc_diag *diag)
{
    const struct stc_catalogues *own = NULL;
    struct stc_catalogue_docs *docs = STC_NEW(a, struct stc_catalogue_docs);
    enum stc_err err = docs ? STC_OK : stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    for (int i = 0; i < o->n_catalogues && err == STC_OK; i++)
        err = stc_catalogues_read(a, o->catalogues[i], docs, diag);
    if (err == STC_OK && docs->n) err = stc_catalogues_build(a, docs, &own, diag);
    return err == STC_OK ? stc_scenario_hw(own, out, diag) : err;
}

enum stc_err stc_help_catalogue(struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    stc_text_init(&t, 0);
    stc_report_catalogue_help(&t);
    return stc_api_out(&t, STC_OK, out, diag);
}
