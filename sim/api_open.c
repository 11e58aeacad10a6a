/* api_open.c - handles, outputs, and the scenario of a handle. */
#include "sim/api.h"

#include "reports/version.h"
#include "sim/base/bind.h"
#include "sim/base/doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *stc_version(void)
{
    return STC_VERSION;
}

enum stc_err stc_open(struct stc **out, const struct stc_opts *o, struct stc_diag *diag)
{
    struct stc *sim = calloc(1, sizeof *sim);
    if (!sim) return stc_fail(diag, STC_ERR_NOMEM, "out of memory");
    /* an older caller's struct is shorter: the rest stays zero */
    if (o) memcpy(&sim->opts, o, o->size < sizeof *o ? o->size : sizeof *o);
    stc_scenario_init(&sim->scenario);
    enum stc_err err = stc_api_params(sim, diag);
    if (err == STC_OK) err = stc_api_catalogues(sim, diag);
    if (err != STC_OK) {
        stc_close(sim);
        return err;
    }
    *out = sim;
    return STC_OK;
}

void stc_close(struct stc *sim)
{
    if (!sim) return;
    stc_api_world_close(sim->world);
    stc_arena_free(&sim->run);
    stc_arena_free(&sim->arena);
    free(sim);
}

/* ==== outputs ==== */

enum stc_err stc_api_out(struct stc_text *t, enum stc_err err, struct stc_out *out,
                         struct stc_diag *diag)
{
    if (err == STC_OK && stc_text_err(t) != STC_OK)
        err = stc_fail(diag, stc_text_err(t), "output: %s",
                       stc_err_text(stc_text_err(t)));
    if (err == STC_OK) {
        char *data = malloc(t->len + 1);
        if (!data) {
            err = stc_fail(diag, STC_ERR_NOMEM, "out of memory");
        } else {
            if (t->len) memcpy(data, t->ptr, t->len);
            data[t->len] = '\0';
            *out = (struct stc_out){.data = data, .size = t->len};
        }
    }
    stc_text_free(t);
    return err;
}

void stc_out_free(struct stc_out *out)
{
    free(out->data);
    *out = (struct stc_out){0};
}

/* ==== scenario ==== */

static void changed(struct stc *sim)
{
    sim->simulated = sim->recorded = 0;
}

static int is_there(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    fclose(f);
    return 1;
}

/* What was measured was measured of the scenario as it stood: another question
 * is not compared with it, unless its own measurement is said afterwards. */
static void forget_measured(struct stc_scenario *s)
{
    s->said.p_step = s->said.p_tokens = s->said.p_mem = STC_AUTO;
    s->said.p_source[0] = '\0'; /* it often says the figure, too */
}

/* The scenario takes its place, with the catalogues that it names. */
static enum stc_err take(struct stc *sim, struct stc_scenario *s, struct stc_diag *diag)
{
    struct stc_api_world *old = NULL;
    enum stc_err err = stc_api_world(sim, s, &old, diag);
    if (err != STC_OK) return err;
    if (!stc_api_same_question(sim, s)) forget_measured(s);
    sim->scenario = *s;
    changed(sim);
    stc_api_world_close(old);
    return STC_OK;
}

enum stc_err stc_load(struct stc *sim, const char *name, struct stc_diag *diag)
{
    struct stc_scenario s;
    struct stc_diag none;
    stc_scenario_init(&s);
    /* A name that is neither: the file's sentence if it looks like a path. */
    enum stc_err err = is_there(name) ? stc_scenario_load_file(&s, name, diag)
                                      : stc_scenario_load_preset(&s, name, &none);
    if (err == STC_ERR_UNKNOWN && !is_there(name))
        return stc_fail(diag, STC_ERR_IO, "%s: no such file%s", name,
                        strchr(none.text, ';') ? strchr(none.text, ';') : "");
    return err == STC_OK ? take(sim, &s, diag) : err;
}

enum stc_err stc_load_text(struct stc *sim, const char *name, const char *text,
                           size_t size, struct stc_diag *diag)
{
    struct stc_scenario s;
    stc_scenario_init(&s);
    enum stc_err err = stc_scenario_load(&s, name, text, size, diag);
    return err == STC_OK ? take(sim, &s, diag) : err;
}

enum stc_err stc_set(struct stc *sim, const char *key, const char *value,
                     struct stc_diag *diag)
{
    struct stc_scenario s = sim->scenario;
    enum stc_err err = stc_scenario_set(&s, key, value, diag);
    if (err == STC_OK && strcmp(s.said.catalogue, sim->scenario.said.catalogue) != 0) {
        struct stc_api_world *old = NULL;
        err = stc_api_world(sim, &s, &old, diag);
        if (err == STC_OK && stc_scenario_hash(&s) != stc_scenario_hash(&sim->scenario))
            forget_measured(&s);
        if (err == STC_OK) sim->scenario = s;
        if (err == STC_OK) changed(sim);
        stc_api_world_close(old);
        return err;
    }
    if (err != STC_OK) return err;
    if (stc_scenario_hash(&s) != stc_scenario_hash(&sim->scenario)) forget_measured(&s);
    sim->scenario = s;
    changed(sim);
    return STC_OK;
}

enum stc_err stc_write(struct stc *sim, struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    stc_text_init(&t, 0);
    return stc_api_out(&t, stc_scenario_write(&sim->scenario, &t), out, diag);
}

enum stc_err stc_help_keys(int markdown, struct stc_out *out, struct stc_diag *diag)
{
    struct stc_text t;
    stc_text_init(&t, 0);
    stc_bind_help(stc_scenario_keys(), markdown != 0, &t);
    return stc_api_out(&t, STC_OK, out, diag);
}

const char *stc_did_you_mean(const char *name, const char *const *names, size_t n,
                             char *buf, size_t size)
{
    return stc_near_text(name, names, n, buf, size);
}
