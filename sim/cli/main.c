/* main.c - finds the command's row and runs it. */
#include "sim/cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct cli_cmd *const cli_cmds[] = {
    &cli_simulate,  &cli_validate, &cli_diff,   &cli_tune, &cli_sweep,
    &cli_explain,   &cli_headroom, &cli_import, &cli_list, &cli_show,
    &cli_calibrate, &cli_describe, &cli_help,   NULL};

static size_t n_cmds(void)
{
    size_t n = 0;
    while (cli_cmds[n])
        n++;
    return n;
}

static enum cli_exit unknown(const char *name)
{
    const char *names[32];
    char near[128];
    size_t n = 0;
    for (; n < sizeof names / sizeof names[0] && n < n_cmds(); n++)
        names[n] = cli_cmds[n]->name;
    cli_complain("%s: no such command%s; stepcast help lists them", name,
                 stc_did_you_mean(name, names, n, near, sizeof near));
    return CLI_USAGE;
}

static enum cli_exit run(const struct cli_cmd *cmd, int argc, char **argv)
{
    struct cli_args a;
    const char **store = calloc((size_t)argc + 1, sizeof *store);
    if (!store) {
        cli_complain("out of memory");
        return CLI_TROUBLE;
    }
    enum cli_exit rc = cli_parse(cmd, argc, argv, store, &a);
    if (rc == CLI_FINE && a.cmd) rc = cmd->exec(&a);
    free(store);
    return rc;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write, not a death */
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--version") == 0) {
        printf("stepcast %s\n", stc_version());
        return CLI_FINE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    const struct cli_cmd *cmd = cli_find(name);
    if (!cmd) return (int)unknown(name);
    int rest = argc > 2 ? argc - 2 : 0;
    return (int)run(cmd, rest, argv + (argc - rest));
}
