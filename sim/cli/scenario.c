/* scenario.c - what several commands do first: open a handle, load a scenario. */
#include "sim/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The variable's paths, with : between them; empty ones are none. */
static enum cli_exit from_environment(struct cli_catalogues *c)
{
    const char *env = getenv("STEPCAST_CATALOGUE");
    if (!env) return CLI_FINE;
    if ((size_t)snprintf(c->env, sizeof c->env, "%s", env) >= sizeof c->env) {
        cli_complain("STEPCAST_CATALOGUE: longer than %zu bytes", sizeof c->env - 1);
        return CLI_USAGE;
    }
    char *rest = NULL;
    for (char *word = strtok_r(c->env, ":", &rest); word;
         word = strtok_r(NULL, ":", &rest)) {
        if (c->n == CLI_VALUES_MAX) {
            cli_complain("STEPCAST_CATALOGUE: more than %d paths", CLI_VALUES_MAX);
            return CLI_USAGE;
        }
        c->path[c->n++] = word;
    }
    return CLI_FINE;
}

enum cli_exit cli_catalogues(struct cli_catalogues *c, const struct cli_args *a)
{
    c->n = 0;
    enum cli_exit rc = from_environment(c);
    for (int i = 0; i < a->n_values && rc == CLI_FINE; i++) {
        if (strcmp(a->values[i].name, "catalogue") != 0) continue;
        if (c->n == CLI_VALUES_MAX) {
            cli_complain("--catalogue: more than %d paths", CLI_VALUES_MAX);
            return CLI_USAGE;
        }
        c->path[c->n++] = a->values[i].value;
    }
    return rc;
}

enum cli_exit cli_open(struct stc **sim, const struct cli_args *a, int n_threads)
{
    struct cli_catalogues own;
    enum cli_exit rc = cli_catalogues(&own, a);
    if (rc != CLI_FINE) return rc;
    struct stc_opts o = STC_OPTS_INIT;
    struct stc_diag diag = {""};
    o.progress = cli_progress;
    o.n_threads = n_threads;
    o.calib = cli_value(a, "calib");
    o.catalogues = own.path;
    o.n_catalogues = own.n;
    enum stc_err err = stc_open(sim, &o, &diag);
    return err == STC_OK ? CLI_FINE : cli_fail(err, &diag);
}

static enum cli_exit load_stdin(struct stc *sim)
{
    struct stc_diag diag = {""};
    char *text = NULL;
    size_t size = 0;
    enum cli_exit rc = cli_read_stdin(&text, &size);
    if (rc != CLI_FINE) return rc;
    enum stc_err err = stc_load_text(sim, "<stdin>", text, size, &diag);
    free(text);
    return err == STC_OK ? CLI_FINE : cli_fail(err, &diag);
}

static enum cli_exit set_word(struct stc *sim, const char *word)
{
    struct stc_diag diag = {""};
    const char *eq = strchr(word, '=');
    char key[128];
    if (!eq || (size_t)(eq - word) >= sizeof key) {
        cli_complain("%s: not KEY=VALUE, as in layout.tp=4", word);
        return CLI_USAGE;
    }
    snprintf(key, sizeof key, "%.*s", (int)(eq - word), word);
    enum stc_err err = stc_set(sim, key, eq + 1, &diag);
    return err == STC_OK ? CLI_FINE : cli_fail(err, &diag);
}

enum cli_exit cli_load(struct stc *sim, const char *name, const char *const *sets,
                       int n_sets)
{
    struct stc_diag diag = {""};
    if (strcmp(name, "-") == 0) {
        enum cli_exit rc = load_stdin(sim);
        if (rc != CLI_FINE) return rc;
    } else {
        enum stc_err err = stc_load(sim, name, &diag);
        if (err != STC_OK) return cli_fail(err, &diag);
    }
    for (int i = 0; i < n_sets; i++) {
        enum cli_exit rc = set_word(sim, sets[i]);
        if (rc != CLI_FINE) return rc;
    }
    return CLI_FINE;
}
