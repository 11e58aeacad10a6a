/* scenario.c - what several commands do first: open a handle, load a scenario. */
#include "sim/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum cli_exit cli_open(struct stc **sim, const struct cli_args *a, int n_threads)
{
    struct stc_opts o = STC_OPTS_INIT;
    struct stc_diag diag = {""};
    o.progress = cli_progress;
    o.n_threads = n_threads;
    o.calib = cli_value(a, "calib");
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
