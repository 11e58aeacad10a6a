/* out.c - sentences, results and files: nothing is left half-written. */
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

enum cli_exit cli_write_file(const char *path, const char *data, size_t size)
{
    char tmp[4096];
    int fd = open_beside(path, tmp, sizeof tmp);
    if (fd < 0) return trouble(path, NULL);
    int bad = write_all(fd, data, size);
    if (close(fd) != 0 || bad) return trouble(path, tmp);
    return move_in_place(tmp, path);
}

enum cli_exit cli_read_stdin(char **data, size_t *size)
{
    enum { MOST = 64 << 20 };
    size_t cap = 65536, n = 0;
    char *buf = malloc(cap);
    while (buf) {
        n += fread(buf + n, 1, cap - n, stdin);
        if (n < cap) break;
        char *more = cap < MOST ? realloc(buf, cap *= 2) : NULL;
        if (!more) {
            free(buf);
            cli_complain("standard input: more than 64 MiB");
            return CLI_TROUBLE;
        }
        buf = more;
    }
    if (!buf || ferror(stdin)) {
        free(buf);
        cli_complain("standard input: %s", strerror(errno));
        return CLI_TROUBLE;
    }
    *data = buf;
    *size = n;
    return CLI_FINE;
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

static enum cli_exit feed(const char *script, size_t size, int fd, const char *path)
{
    int pipes[2], status = 0;
    if (pipe(pipes) != 0) return trouble(path, NULL);
    pid_t pid = fork();
    if (pid < 0) return trouble(path, NULL);
    if (pid == 0) {
        close(pipes[1]);
        become_gnuplot(pipes[0], fd);
    }
    close(pipes[0]);
    write_all(pipes[1], script, size); /* a gnuplot that died says so by its status */
    close(pipes[1]);
    if (waitpid(pid, &status, 0) < 0) return trouble(path, NULL);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return CLI_FINE;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        cli_complain("%s: gnuplot is needed for plots and is not installed", path);
    else
        cli_complain("%s: gnuplot failed", path);
    return CLI_TROUBLE;
}

enum cli_exit cli_gnuplot(const char *script, size_t size, const char *path)
{
    char tmp[4096];
    int fd = open_beside(path, tmp, sizeof tmp);
    if (fd < 0) return trouble(path, NULL);
    enum cli_exit rc = feed(script, size, fd, path);
    close(fd);
    if (rc != CLI_FINE) {
        unlink(tmp);
        return rc;
    }
    return move_in_place(tmp, path);
}
