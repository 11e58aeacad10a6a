#include "sim/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char own_table[] = "tests/data/truth/training.csv";

static enum cli_exit emit(struct stc *sim, const char *path, const char *id)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    enum stc_err err = stc_validate_emit_yaml(sim, path, id, &out, &diag);
    return err == STC_OK ? cli_print(&out) : cli_fail(err, &diag);
}

static enum cli_exit compare(const struct cli_args *a, struct stc *sim,
                             const char *path)
{
    struct stc_validate_opts o = STC_VALIDATE_OPTS_INIT;
    struct stc_out report = {0}, rows = {0};
    struct stc_diag diag = {""};
    const char *where[CLI_VALUES_MAX], *rows_path = cli_value(a, "rows");
    o.source = cli_value(a, "source");
    o.parts = cli_value(a, "parts") != NULL;
    for (int i = 0; i < a->n_values; i++)
        if (strcmp(a->values[i].name, "where") == 0)
            where[o.n_where++] = a->values[i].value;
    o.where = where;
    enum stc_err err = stc_validate(sim, path, &o, a->json ? STC_JSON : STC_TEXT,
                                    &report, rows_path ? &rows : NULL, &diag);
    if (err != STC_OK) return cli_fail(err, &diag);
    enum cli_exit rc = CLI_FINE;
    if (rows_path) {
        rc = cli_write_file(rows_path, rows.data, rows.size);
        stc_out_free(&rows);
    }
    if (rc == CLI_FINE) return cli_print(&report);
    stc_out_free(&report);
    return rc;
}

static enum cli_exit exec(const struct cli_args *a)
{
    struct stc *sim = NULL;
    const char *threads = cli_value(a, "threads"), *id = cli_value(a, "emit");
    const char *path = a->n > 0 ? a->arg[0] : own_table;
    char *end = NULL;
    long n = threads ? strtol(threads, &end, 10) : 0;
    if (threads && (end == threads || *end || n < 1 || n > 4096)) {
        cli_complain("validate: --threads %s: not a number of threads", threads);
        return CLI_USAGE;
    }
    enum cli_exit rc = cli_open(&sim, a, (int)n);
    if (rc != CLI_FINE) return rc;
    rc = id ? emit(sim, path, id) : compare(a, sim, path);
    stc_close(sim);
    return rc;
}

const struct cli_cmd cli_validate = {
    .name = "validate",
    .args = "[FILE.csv]",
    .about =
        "forecast every row of a table of measurements and print the errors by source",
    .details = "Without FILE: the published runs of tests/data/truth/training.csv. "
               "Columns as that table's\n"
               "README has them. The forecast reads no measured column, no id, source, "
               "reference or note.\n",
    .max_args = 1,
    .opts = {{"rows", "OUT.csv", "write id,quantity,measured,predicted,lo90,hi90,note"},
             {"emit", "ID", "print the scenario of one row as YAML"},
             {"source", "TEXT", "only rows whose source contains TEXT"},
             {"where", "COL=VALUE",
              "only rows with that cell (COL~PART: that contain); may be repeated"},
             {"parts", NULL, "the parts of each row's time and memory"},
             CLI_CALIB,
             CLI_CATALOGUE,
             {"threads", "N", "threads to use; all cores when not said"}},
    .exec = exec,
};
