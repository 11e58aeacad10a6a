#include "sim/cli/cli.h"

#include <stdio.h>
#include <string.h>

static enum cli_exit import_hf(const struct cli_args *a)
{
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    const char *path = cli_value(a, "out");
    enum stc_err err = stc_import_hf_model(a->arg[1], cli_value(a, "name"),
                                           a->json ? STC_JSON : STC_TEXT, &out, &diag);
    if (err != STC_OK) return cli_fail(err, &diag);
    if (!path) return cli_print(&out);
    enum cli_exit rc = cli_write_file(path, out.data, out.size);
    stc_out_free(&out);
    return rc;
}

static const struct {
    const char *name;
    enum cli_exit (*run)(const struct cli_args *a);
} formats[] = {{"hf", import_hf}};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static enum cli_exit exec(const struct cli_args *a)
{
    const char *names[N_FORMATS];
    char near[64];
    for (int i = 0; i < N_FORMATS; i++) {
        names[i] = formats[i].name;
        if (strcmp(a->arg[0], names[i]) == 0) return formats[i].run(a);
    }
    stc_did_you_mean(a->arg[0], names, N_FORMATS, near, sizeof near);
    cli_complain("import: %s: not a format that is known%s", a->arg[0],
                 near[0] ? near : "; hf would be right");
    return CLI_USAGE;
}

const struct cli_cmd cli_import = {
    .name = "import",
    .args = "hf config.json",
    .about = "turn a Hugging Face config into a model of the catalogue's form",
    .details =
        "Printed: the entry as YAML, with the parameters counted. The name is the "
        "file's, or its\n"
        "folder's when the file is called config.json.\n",
    .min_args = 2,
    .max_args = 2,
    .opts = {{"name", "NAME", "what the model is called"},
             {"out", "FILE", "write it there instead of to standard output"}},
    .exec = exec,
};
