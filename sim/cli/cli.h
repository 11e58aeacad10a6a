/*
 * cli.h - the program: a row and a file per command.
 *
 * A command is a row (struct cli_cmd) with its options as rows; parsing, help,
 * the manual page and shell completion come from them. To add one: a file
 * cmd_NAME.c with its row, a line in cli_cmds (main.c), a transcript in
 * tests/cli.
 *
 * ORDER. Results go to standard output, everything else to standard error.
 * Exit codes: 0 fine, 1 infeasible (it does not fit, the layout cannot be cut),
 * 2 usage (a word that is not understood), 3 trouble (files, memory).
 */
#ifndef STC_CLI_CLI_H
#define STC_CLI_CLI_H

#include "sim/stepcast.h"

enum cli_exit { CLI_FINE = 0, CLI_INFEASIBLE = 1, CLI_USAGE = 2, CLI_TROUBLE = 3 };

struct cli_opt {
    const char *name; /* "trace": written --trace */
    const char *arg;  /* "FILE"; NULL: a flag */
    const char *help;
};

enum { CLI_OPTS_MAX = 16, CLI_VALUES_MAX = 64 };

struct cli_args;
struct cli_cmd {
    const char *name;
    const char *args;       /* "SCENARIO [KEY=VALUE...]" */
    const char *about;      /* one line */
    const char *details;    /* further lines, each ends with a newline; may be NULL */
    int min_args, max_args; /* max -1: any */
    struct cli_opt opts[CLI_OPTS_MAX]; /* --json and --help are everybody's */
    enum cli_exit (*exec)(const struct cli_args *a);
};

struct cli_args {
    const struct cli_cmd *cmd;
    int json;
    int n;
    const char *const *arg; /* without options */
    int n_values;           /* options with an argument, in order */
    struct {
        const char *name, *value;
    } values[CLI_VALUES_MAX];
};

extern const struct cli_cmd *const cli_cmds[]; /* ends with NULL */
extern const struct cli_cmd cli_calibrate, cli_describe;
extern const struct cli_cmd cli_tune, cli_sweep;
extern const struct cli_cmd cli_simulate, cli_validate, cli_diff, cli_explain,
    cli_headroom, cli_import, cli_list, cli_show, cli_help;

/* ==== args.c ==== */

/* Parses what follows the command's name. On trouble prints and returns the
 * exit code; CLI_FINE with a->cmd NULL means that --help was printed. */
enum cli_exit cli_parse(const struct cli_cmd *cmd, int argc, char **argv,
                        const char **store, struct cli_args *a);
/* The option's last value; "" for a flag that was given; NULL when it was not. */
const char *cli_value(const struct cli_args *a, const char *name);
const struct cli_cmd *cli_find(const char *name);
void cli_print_usage(const struct cli_cmd *cmd);

/* ==== out.c ==== */

/* "stepcast: sentence" on standard error. */
void cli_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints the sentence and turns the code into an exit code. */
enum cli_exit cli_fail(enum stc_err err, const struct stc_diag *diag);
/* Prints to standard output and frees it. */
enum cli_exit cli_print(struct stc_out *out);
/* Writes a file whole or not at all (a temporary beside it, then rename); what is no
 * regular file (/dev/stdout, a pipe) is written to, not replaced. */
enum cli_exit cli_write_file(const char *path, const char *data, size_t size);
/* Everything of standard input; the caller frees *data. */
enum cli_exit cli_read_stdin(char **data, size_t *size);
/* Runs gnuplot on the script and puts what it prints into the file, whole or not at all. */
enum cli_exit cli_gnuplot(const char *script, size_t size, const char *path);

/* ==== scenario.c ==== */

/* Opens a handle with the program's progress bar and the parameters of --calib. */
enum cli_exit cli_open(struct stc **sim, const struct cli_args *a, int n_threads);
/* --catalogue and STEPCAST_CATALOGUE, in their order. */
struct cli_catalogues {
    const char *path[CLI_VALUES_MAX];
    int n;
    char env[4096]; /* holds what the variable says */
};
enum cli_exit cli_catalogues(struct cli_catalogues *c, const struct cli_args *a);
/* The option's row, for commands that look names up. */
#define CLI_CATALOGUE                                                             \
 {                                                                                \
  "catalogue", "PATH", "hardware, models and stacks of your own (help catalogue)" \
 }
/* The option's row, for commands that forecast. */
#define CLI_CALIB                                                 \
 {                                                                \
  "calib", "DIR", "forecast with what calibrate fit put into DIR" \
 }
/* Loads a file, a preset or "-" (standard input), then KEY=VALUE words. */
enum cli_exit cli_load(struct stc *sim, const char *name, const char *const *sets,
                       int n_sets);

/* ==== progress.c ==== */

/* A bar on standard error, when that is a terminal, after two seconds. */
void cli_progress(void *ctx, long done, long total);
void cli_progress_end(void);

#endif
