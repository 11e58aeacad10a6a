/* cmd_describe.c - a cluster from what its own tools print, live or from files. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { INPUTS_MAX = 64, TEXT_MAX = 16 << 20 };

struct inputs {
    struct stc_describe_input v[INPUTS_MAX];
    char *text[INPUTS_MAX];
    size_t n;
};

/* Everything of a stream; NULL when memory or the limit does not suffice. */
static char *slurp(FILE *f, size_t *size)
{
    size_t cap = 1 << 16, n = 0, got;
    char *text = malloc(cap);
    while (text && (got = fread(text + n, 1, cap - n - 1, f)) > 0) {
        n += got;
        if (cap - n > 1) continue;
        char *more = cap < TEXT_MAX ? realloc(text, cap *= 2) : NULL;
        if (!more) {
            free(text);
            return NULL;
        }
        text = more;
    }
    if (text) text[n] = '\0';
    *size = n;
    return text;
}

static void put(struct inputs *in, const char *name, char *text, size_t size)
{
    in->text[in->n] = text;
    in->v[in->n++] =
        (struct stc_describe_input){.name = name, .text = text, .size = size};
}

static enum cli_exit from_file(struct inputs *in, const char *path)
{
    size_t size = 0;
    char *text = NULL;
    if (in->n == INPUTS_MAX) {
        cli_complain("describe: more than %d files", INPUTS_MAX);
        return CLI_USAGE;
    }
    if (strcmp(path, "-") == 0) {
        enum cli_exit rc = cli_read_stdin(&text, &size);
        if (rc == CLI_FINE) put(in, "<stdin>", text, size);
        return rc;
    }
    FILE *f = fopen(path, "rb");
    if (!f) {
        cli_complain("%s: %s", path, strerror(errno));
        return CLI_TROUBLE;
    }
    text = slurp(f, &size);
    int bad = ferror(f);
    fclose(f);
    if (!text || bad) {
        cli_complain("%s: could not be read, or is larger than 16 MiB", path);
        free(text);
        return CLI_TROUBLE;
    }
    put(in, path, text, size);
    return CLI_FINE;
}

/* Fixed commands: nothing of a user's reaches the shell. */
static void live(struct inputs *in)
{
    static const struct {
        const char *name, *command;
    } tools[] = {{"nvidia-smi topo -m", "nvidia-smi topo -m 2>/dev/null"},
                 {"nvidia-smi -q -x", "nvidia-smi -q -x 2>/dev/null"},
                 {"ibstat", "ibstat 2>/dev/null"},
                 {"scontrol show node", "scontrol show node 2>/dev/null"}};
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        size_t size = 0;
        FILE *f = popen(tools[i].command, "r");
        if (!f) continue;
        char *text = slurp(f, &size);
        int rc = pclose(f);
        if (text && size > 0 && rc != -1 && WIFEXITED(rc) && WEXITSTATUS(rc) == 0)
            put(in, tools[i].name, text, size);
        else
            free(text);
    }
}

static enum cli_exit exec(const struct cli_args *a)
{
    struct inputs in = {.n = 0};
    struct stc_out out = {0};
    struct stc_diag diag = {""};
    struct stc *sim = NULL;
    enum cli_exit rc = CLI_FINE;
    for (int i = 0; i < a->n && rc == CLI_FINE; i++)
        rc = from_file(&in, a->arg[i]);
    if (a->n == 0) live(&in);
    if (rc == CLI_FINE && in.n == 0) {
        cli_complain(
            "describe: no nvidia-smi, ibstat or scontrol answers here; give files "
            "with their output");
        rc = CLI_TROUBLE;
    }
    if (rc == CLI_FINE) rc = cli_open(&sim, a, 0);
    if (rc == CLI_FINE) {
        enum stc_err err =
            stc_describe_cluster(sim, in.v, in.n, cli_value(a, "node"),
                                 a->json ? STC_JSON : STC_TEXT, &out, &diag);
        rc = err == STC_OK ? cli_print(&out) : cli_fail(err, &diag);
    }
    stc_close(sim);
    for (size_t i = 0; i < in.n; i++)
        free(in.text[i]);
    return rc;
}

const struct cli_cmd cli_describe = {
    .name = "describe",
    .args = "[FILE...]",
    .about =
        "write the cluster: section of a scenario from what the machine's tools print",
    .details =
        "Without FILE the tools are run here: nvidia-smi topo -m, nvidia-smi -q -x, "
        "ibstat,\n"
        "scontrol show node. Files hold their output, or NCCL's topology "
        "(NCCL_TOPO_DUMP_FILE);\n"
        "\"-\" is standard input. What no tool told is said in comments.\n",
    .max_args = -1,
    .opts = {{"node", "NAME", "print a row for a catalogue of nodes instead"},
             CLI_CATALOGUE},
    .exec = exec,
};
