/* args.c - options from rows: --name, --name VALUE, --name=VALUE, --. */
#include "sim/cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct cli_opt everybody[] = {{"json", NULL, "the result as JSON"},
                                           {"help", NULL, "this text"}};
enum { N_EVERYBODY = sizeof everybody / sizeof everybody[0] };

static int n_opts(const struct cli_cmd *cmd)
{
    int n = 0;
    while (n < CLI_OPTS_MAX && cmd->opts[n].name)
        n++;
    return n;
}

static void print_opt(const struct cli_opt *o)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "",
             o->arg ? o->arg : "");
    printf("  %-22s %s\n", left, o->help);
}

void cli_print_usage(const struct cli_cmd *cmd)
{
    printf("usage: stepcast %s %s\n\n%s\n", cmd->name, cmd->args, cmd->about);
    if (cmd->details) printf("\n%s", cmd->details);
    printf("\noptions\n");
    for (int i = 0; i < n_opts(cmd); i++)
        print_opt(&cmd->opts[i]);
    for (int i = 0; i < N_EVERYBODY; i++)
        print_opt(&everybody[i]);
}

const struct cli_cmd *cli_find(const char *name)
{
    for (int i = 0; cli_cmds[i]; i++)
        if (strcmp(cli_cmds[i]->name, name) == 0) return cli_cmds[i];
    return NULL;
}

const char *cli_value(const struct cli_args *a, const char *name)
{
    for (int i = a->n_values - 1; i >= 0; i--)
        if (strcmp(a->values[i].name, name) == 0) return a->values[i].value;
    return NULL;
}

static const struct cli_opt *find_opt(const struct cli_cmd *cmd, const char *word,
                                      size_t len)
{
    for (int i = 0; i < n_opts(cmd); i++)
        if (strlen(cmd->opts[i].name) == len &&
            strncmp(cmd->opts[i].name, word, len) == 0)
            return &cmd->opts[i];
    for (int i = 0; i < N_EVERYBODY; i++)
        if (strlen(everybody[i].name) == len &&
            strncmp(everybody[i].name, word, len) == 0)
            return &everybody[i];
    return NULL;
}

static enum cli_exit unknown_opt(const struct cli_cmd *cmd, const char *word)
{
    const char *names[CLI_OPTS_MAX + N_EVERYBODY];
    char near[128], plain[64];
    size_t n = 0;
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(word, "="), word);
    for (int i = 0; i < n_opts(cmd); i++)
        names[n++] = cmd->opts[i].name;
    for (int i = 0; i < N_EVERYBODY; i++)
        names[n++] = everybody[i].name;
    cli_complain("%s: --%s: no such option%s", cmd->name, plain,
                 stc_did_you_mean(plain, names, n, near, sizeof near));
    return CLI_USAGE;
}

/* One option at argv[*i]; moves *i over its argument. */
static enum cli_exit take_opt(const struct cli_cmd *cmd, int argc, char **argv, int *i,
                              struct cli_args *a)
{
    const char *word = argv[*i] + 2, *eq = strchr(word, '=');
    const struct cli_opt *o =
        find_opt(cmd, word, eq ? (size_t)(eq - word) : strlen(word));
    if (!o) return unknown_opt(cmd, word);
    if (!o->arg && eq) {
        cli_complain("%s: --%s takes no value", cmd->name, o->name);
        return CLI_USAGE;
    }
    if (o->arg && !eq && *i + 1 >= argc) {
        cli_complain("%s: --%s needs a value: --%s %s", cmd->name, o->name, o->name,
                     o->arg);
        return CLI_USAGE;
    }
    if (a->n_values == CLI_VALUES_MAX) {
        cli_complain("%s: too many options", cmd->name);
        return CLI_USAGE;
    }
    a->values[a->n_values].name = o->name;
    a->values[a->n_values++].value = !o->arg ? "" : eq ? eq + 1 : argv[++*i];
    return CLI_FINE;
}

enum cli_exit cli_parse(const struct cli_cmd *cmd, int argc, char **argv,
                        const char **store, struct cli_args *a)
{
    int only_words = 0;
    *a = (struct cli_args){.cmd = cmd, .arg = store};
    for (int i = 0; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = 1;
        } else if (!only_words && strncmp(argv[i], "--", 2) == 0) {
            enum cli_exit rc = take_opt(cmd, argc, argv, &i, a);
            if (rc != CLI_FINE) return rc;
        } else {
            store[a->n++] = argv[i];
        }
    }
    if (cli_value(a, "help")) {
        cli_print_usage(cmd);
        a->cmd = NULL;
        return CLI_FINE;
    }
    a->json = cli_value(a, "json") != NULL;
    if (a->n < cmd->min_args || (cmd->max_args >= 0 && a->n > cmd->max_args)) {
        cli_complain("usage: stepcast %s %s", cmd->name, cmd->args);
        return CLI_USAGE;
    }
    return CLI_FINE;
}
