/* progress.c - a bar on standard error, only on a terminal, only after two seconds. */
#include "sim/cli/cli.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* The program's one terminal; the library has no state like this. */
static struct {
    int started, shown;
    struct timespec begin, last;
} bar;

static double since(const struct timespec *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - t->tv_sec) + 1e-9 * (double)(now.tv_nsec - t->tv_nsec);
}

void cli_progress(void *ctx, long done, long total)
{
    enum { WIDTH = 40 };
    (void)ctx;
    if (!bar.started) {
        bar.started = 1;
        clock_gettime(CLOCK_MONOTONIC, &bar.begin);
        bar.last = bar.begin;
    }
    if (total <= 0 || !isatty(STDERR_FILENO) || since(&bar.begin) < 2 ||
        since(&bar.last) < 0.1)
        return;
    clock_gettime(CLOCK_MONOTONIC, &bar.last);
    bar.shown = 1;
    fputs("\r[", stderr);
    for (int i = 0; i < WIDTH; i++)
        fputc(i < WIDTH * done / total ? '#' : '.', stderr);
    fprintf(stderr, "] %ld of %ld", done, total);
    fflush(stderr);
}

void cli_progress_end(void)
{
    if (bar.shown) fputs("\r\033[K", stderr);
    bar.shown = bar.started = 0;
}
