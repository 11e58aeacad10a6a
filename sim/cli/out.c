/* out.c - sentences, results and files: nothing is left half-written. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "sim/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int in_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && !(no && no[0]);
}

void cli_complain(const char *fmt, ...)
{
    va_list ap;
    cli_progress_end();
    fputs(in_colour() ? "\033[31mstepcast:\033[0m " : "stepcast: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

enum cli_exit cli_fail(enum stc_err err, const struct stc_diag *diag)
{
    cli_complain("%s", diag->text[0] ? diag->text : stc_err_text(err));
    switch (err) {
    case STC_OK: return CLI_FINE;
    case STC_ERR_INFEASIBLE:
    case STC_ERR_DEADLOCK: return CLI_INFEASIBLE;
    case STC_ERR_PARSE:
    case STC_ERR_RANGE:
    case STC_ERR_UNKNOWN: return CLI_USAGE;
    case STC_ERR_NOMEM:
    case STC_ERR_IO:
    case STC_ERR_BUG:
    case STC_ERR_INTERRUPTED: break;
    }
    return CLI_TROUBLE;
}

enum cli_exit cli_print(struct stc_out *out)
{
    cli_progress_end();
    int bad =
        fwrite(out->data, 1, out->size, stdout) != out->size || fflush(stdout) != 0;
    stc_out_free(out);
    if (!bad) return CLI_FINE;
    cli_complain("standard output: %s", strerror(errno));
    return CLI_TROUBLE;
}

/* ==== files ==== */

/* Where a file's bytes go: beside a regular or new file first, then renamed; into a
 * device or pipe (/dev/stdout, /dev/full) at once, for it must not be replaced. */
struct target {
    char path[4096]; /* links followed */
    char tmp[4120];  /* "": straight into the path */
    int fd;
};

/* A temporary beside the file, so that rename stays within one file system. */
static int open_beside(const char *path, char *tmp, size_t size)
{
    if ((size_t)snprintf(tmp, size, "%s.XXXXXX", path) >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkstemp(tmp);
}

static enum cli_exit trouble(const char *path, const char *tmp)
{
    cli_complain("%s: %s", path, strerror(errno));
    if (tmp) unlink(tmp);
    return CLI_TROUBLE;
}

/* As an ordinary new file would be readable. */
static enum cli_exit move_in_place(const char *tmp, const char *path)
{
    mode_t mask = umask(0);
    umask(mask);
    if (chmod(tmp, 0666 & ~mask) != 0 || rename(tmp, path) != 0)
        return trouble(path, tmp);
    return CLI_FINE;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* A link's own file, so that the link stays. */
static int follow(const char *path, char *out, size_t size)
{
    struct stat st;
    char *full =
        lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ? realpath(path, NULL) : NULL;
    int n = snprintf(out, size, "%s", full ? full : path);
    free(full);
    if (n >= 0 && (size_t)n < size) return 0;
    errno = ENAMETOOLONG;
    return -1;
}

static enum cli_exit open_target(const char *path, struct target *t)
{
    struct stat st;
    t->tmp[0] = '\0';
    if (strcmp(path, "/dev/stdout") == 0) /* perhaps a file, whose end is ours */
        t->fd = dup(STDOUT_FILENO);
    else if (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0 ||
             (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
        t->fd = open(path, O_WRONLY | O_APPEND);
    else if (follow(path, t->path, sizeof t->path) != 0)
        t->fd = -1;
    else
        t->fd = open_beside(t->path, t->tmp, sizeof t->tmp);
    return t->fd < 0 ? trouble(path, NULL) : CLI_FINE;
}

/* Ends it: what was written takes its place, or nothing is left of it. */
static enum cli_exit close_target(const char *path, struct target *t, enum cli_exit rc)
{
    if (close(t->fd) != 0 && rc == CLI_FINE) rc = trouble(path, NULL);
    if (t->tmp[0] && rc != CLI_FINE) unlink(t->tmp);
    return t->tmp[0] && rc == CLI_FINE ? move_in_place(t->tmp, t->path) : rc;
}

enum cli_exit cli_write_file(const char *path, const char *data, size_t size)
{
    struct target t;
    enum cli_exit rc = open_target(path, &t);
    if (rc != CLI_FINE) return rc;
    if (write_all(t.fd, data, size) != 0) rc = trouble(path, NULL);
    return close_target(path, &t, rc);
}

/* Everything of a stream, at most 64 MiB; the name is for sentences. */
static enum cli_exit read_stream(FILE *f, const char *name, char **data, size_t *size)
{
    enum { MOST = 64 << 20 };
    size_t cap = 65536, n = 0;
    char *buf = malloc(cap);
    while (buf) {
        n += fread(buf + n, 1, cap - n, f);
        if (n < cap) break;
        char *more = cap < MOST ? realloc(buf, cap *= 2) : NULL;
        if (!more) {
            free(buf);
            cli_complain("%s: more than 64 MiB", name);
            return CLI_TROUBLE;
        }
        buf = more;
    }
    if (!buf || ferror(f)) {
        free(buf);
        cli_complain("%s: %s", name, strerror(errno));
        return CLI_TROUBLE;
    }
    *data = buf;
    *size = n;
    return CLI_FINE;
}

enum cli_exit cli_read_stdin(char **data, size_t *size)
{
    return read_stream(stdin, "standard input", data, size);
}

/* ==== gnuplot ==== */

static void become_gnuplot(int in, int out)
{
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    close(in);
    close(out);
    execlp("gnuplot", "gnuplot", "-", (char *)NULL);
    _exit(127); /* not there */
}

static enum cli_exit ended(pid_t pid, const char *path)
{
    int status = 0;
    if (waitpid(pid, &status, 0) < 0) return trouble(path, NULL);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return CLI_FINE;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        cli_complain("%s: gnuplot is needed for plots and is not installed", path);
    else
        cli_complain("%s: gnuplot failed", path);
    return CLI_TROUBLE;
}

/* What gnuplot prints of the script in the file `in`. It passes over a full disk in
 * silence, so its picture is not left to it to write. */
static enum cli_exit draw(int in, const char *path, char **data, size_t *size)
{
    int pipes[2];
    if (pipe(pipes) != 0) return trouble(path, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        become_gnuplot(in, pipes[1]);
    }
    close(pipes[1]);
    FILE *f = pid > 0 ? fdopen(pipes[0], "rb") : NULL;
    if (!f) {
        enum cli_exit rc = trouble(path, NULL);
        close(pipes[0]);
        if (pid > 0) (void)ended(pid, path);
        return rc;
    }
    enum cli_exit rc = read_stream(f, path, data, size);
    fclose(f);
    enum cli_exit end = ended(pid, path);
    if (rc == CLI_FINE && end != CLI_FINE) free(*data);
    return rc == CLI_FINE ? end : rc;
}

enum cli_exit cli_gnuplot(const char *script, size_t size, const char *path)
{
    char *picture = NULL;
    size_t n = 0;
    FILE *f = tmpfile();
    if (!f) return trouble("a temporary file", NULL);
    enum cli_exit rc = CLI_FINE;
    if (fwrite(script, 1, size, f) != size || fflush(f) != 0 ||
        lseek(fileno(f), 0, SEEK_SET) != 0)
        rc = trouble("a temporary file", NULL);
    if (rc == CLI_FINE) rc = draw(fileno(f), path, &picture, &n);
    fclose(f);
    if (rc != CLI_FINE) return rc;
    rc = cli_write_file(path, picture, n);
    free(picture);
    return rc;
}
