/* cmd_help.c - help, the manual page and shell completion: all from the rows. */
#include "sim/cli/cli.h"

#include <stdio.h>
#include <string.h>

static void overview(void)
{
    printf("stepcast %s - forecasts the training step before anyone pays for it\n\n"
           "usage: stepcast COMMAND [ARGUMENTS] [OPTIONS]\n\n",
           stc_version());
    for (int i = 0; cli_cmds[i]; i++)
        printf("  %-10s %s\n", cli_cmds[i]->name, cli_cmds[i]->about);
    printf("\nstepcast help COMMAND says more; stepcast help keys lists the keys of a "
           "scenario;\n"
           "stepcast help catalogue how to bring hardware, models and stacks of your "
           "own.\n"
           "Exit codes: 0 fine, 1 infeasible, 2 usage, 3 trouble.\n");
}

/* "text" with JSON's escapes. */
static void json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void json_head(void)
{
    printf("{\n \"what\": \"help\",\n \"schema\": 1,\n \"program\": \"stepcast\",\n "
           "\"version\": \"%s\",\n",
           stc_version());
}

static void json_pair(const char *key, const char *value, const char *end)
{
    json_string(key);
    printf(": ");
    json_string(value);
    printf("%s", end);
}

static void json_row(const struct cli_cmd *c)
{
    json_pair("name", c->name, ", ");
    json_pair("args", c->args, ", ");
    json_pair("about", c->about, "");
}

static void overview_json(void)
{
    json_head();
    printf(" \"commands\": [");
    for (int i = 0; cli_cmds[i]; i++) {
        printf("%s\n  {", i ? "," : "");
        json_row(cli_cmds[i]);
        printf("}");
    }
    printf("\n ]\n}\n");
}

static void command_json(const struct cli_cmd *c)
{
    json_head();
    putchar(' ');
    json_row(c);
    printf(",\n ");
    json_pair("details", c->details ? c->details : "", ",\n \"options\": [");
    for (int k = 0; k < CLI_OPTS_MAX && c->opts[k].name; k++) {
        printf("%s\n  {", k ? "," : "");
        json_pair("name", c->opts[k].name, ", ");
        json_pair("arg", c->opts[k].arg ? c->opts[k].arg : "", ", ");
        json_pair("help", c->opts[k].help, "}");
    }
    printf("\n ]\n}\n");
}

static enum cli_exit keys(const struct cli_args *a)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    enum stc_err err = stc_help_keys(cli_value(a, "markdown") != NULL, &out, &diag);
    if (err != STC_OK) return cli_fail(err, &diag);
    if (!a->json) return cli_print(&out);
    json_head();
    putchar(' ');
    json_pair("keys", out.data, "\n}\n");
    stc_out_free(&out);
    return CLI_FINE;
}

static enum cli_exit catalogue(const struct cli_args *a)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    enum stc_err err = stc_help_catalogue(&out, &diag);
    if (err != STC_OK) return cli_fail(err, &diag);
    if (!a->json) return cli_print(&out);
    json_head();
    putchar(' ');
    json_pair("catalogue", out.data, "\n}\n");
    stc_out_free(&out);
    return CLI_FINE;
}

/* Text as mdoc wants it: a sentence a line, no line that begins like a request.
 * Lines that begin with a blank keep their breaks by themselves. */
static void mdoc(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((c == text || c[-1] == '\n') && (*c == '.' || *c == '\''))
            fputs("\\&", stdout);
        if (*c == '\\')
            fputs("\\e", stdout);
        else if (*c == ' ' && c > text && c[-1] == '.' && c[1] >= 'A' && c[1] <= 'Z')
            putchar('\n');
        else
            putchar(*c);
    }
}

static void manual_of(const struct cli_cmd *c)
{
    printf(".It Cm %s Ar %s\n%s.\n", c->name, c->args, c->about);
    if (c->details) mdoc(c->details);
    printf(".Bl -tag -width Ds -compact\n");
    for (int k = 0; k < CLI_OPTS_MAX && c->opts[k].name; k++)
        printf(".It Fl -%s%s%s\n%s.\n", c->opts[k].name, c->opts[k].arg ? " Ar " : "",
               c->opts[k].arg ? c->opts[k].arg : "", c->opts[k].help);
    printf(".It Fl -json\nthe result as JSON.\n.El\n");
}

static void manual(void)
{
    printf(".Dd $Mdocdate$\n.Dt STEPCAST 1\n.Os\n.Sh NAME\n.Nm stepcast\n.Nd forecast "
           "a training step\n.Sh SYNOPSIS\n.Nm\n"
           ".Ar command\n.Op Ar arguments\n.Op Ar options\n.Sh COMMANDS\n.Bl -tag "
           "-width Ds\n");
    for (int i = 0; cli_cmds[i]; i++)
        manual_of(cli_cmds[i]);
    printf(
        ".El\n.Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
        ".It Ev STEPCAST_DB\nthe calibration store where\n.Fl -db\nis not said.\n"
        ".It Ev STEPCAST_CATALOGUE\nfiles and folders of hardware, models and stacks "
        "of your own, with : between them.\n"
        ".It Ev NO_COLOR\nno colour, even on a terminal.\n.El\n"
        ".Sh EXIT STATUS\n0 fine, 1 infeasible, 2 usage, 3 trouble.\n"
        ".Sh EXAMPLES\n.Dl stepcast simulate gpt3-175b-64xa100\n"
        ".Dl stepcast diff llama3-70b-256xh100 layout.tp=8\n"
        ".Dl stepcast tune llama3-70b-256xh100\n");
}

static void completion(void)
{
    printf("_stepcast() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n  if [ "
           "\"$COMP_CWORD\" = 1 ]; then\n    COMPREPLY=($(compgen -W \"");
    for (int i = 0; cli_cmds[i]; i++)
        printf("%s%s", i ? " " : "", cli_cmds[i]->name);
    printf("\" -- \"$cur\")); return\n  fi\n  case ${COMP_WORDS[1]} in\n");
    for (int i = 0; cli_cmds[i]; i++) {
        printf("    %s) COMPREPLY=($(compgen -f -W \"--json --help", cli_cmds[i]->name);
        for (int k = 0; k < CLI_OPTS_MAX && cli_cmds[i]->opts[k].name; k++)
            printf(" --%s", cli_cmds[i]->opts[k].name);
        printf("\" -- \"$cur\"));;\n");
    }
    printf("  esac\n}\ncomplete -o filenames -F _stepcast stepcast\n");
}

static enum cli_exit exec(const struct cli_args *a)
{
    if (a->n == 0) {
        if (a->json)
            overview_json();
        else
            overview();
        return CLI_FINE;
    }
    if (strcmp(a->arg[0], "keys") == 0) return keys(a);
    if (strcmp(a->arg[0], "catalogue") == 0) return catalogue(a);
    if (strcmp(a->arg[0], "man") == 0) {
        manual();
        return CLI_FINE;
    }
    if (strcmp(a->arg[0], "completion") == 0) {
        completion();
        return CLI_FINE;
    }
    const struct cli_cmd *cmd = cli_find(a->arg[0]);
    if (!cmd) {
        cli_complain("help: %s: no such command; stepcast help lists them", a->arg[0]);
        return CLI_USAGE;
    }
    if (a->json)
        command_json(cmd);
    else
        cli_print_usage(cmd);
    return CLI_FINE;
}

const struct cli_cmd cli_help = {
    .name = "help",
    .args = "[COMMAND|keys|catalogue|man|completion]",
    .about = "say what the commands are, what one does, or what keys a scenario has",
    .details =
        "keys: every key of a scenario; catalogue: how to bring hardware, models "
        "and stacks of\n"
        "your own; man: the manual page as mdoc; completion: for bash.\n",
    .max_args = 1,
    .opts = {{"markdown", NULL, "keys as a markdown table"}},
    .exec = exec,
};
