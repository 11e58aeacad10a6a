/*
 * source.h - bytes of a file, a gzip file or memory, as blocks or as lines.
 *
 * LIMITS. A line longer than STC_SOURCE_LINE is cut; the rest of it is dropped.
 * NULs become blanks. A gzip stream that is cut short or damaged is an error,
 * once everything before it was given.
 */
#ifndef STC_CALIB_SOURCE_H
#define STC_CALIB_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/err.h"

enum { STC_SOURCE_BLOCK = 1 << 18, STC_SOURCE_LINE = 65536 };

struct stc_source {
    const char *name; /* the caller's, must outlive this */
    void *gz;         /* private: gzFile; NULL: memory */
    const char *mem;
    size_t mem_len, mem_pos;
    char *buf; /* private, for lines */
    size_t buf_len, buf_pos;
    char *line_buf;
    int line;      /* of the present line, from 1 */
    uint64_t hash; /* FNV-1a of the decompressed bytes given so far */
    int64_t bytes; /* how many */
};

STC_MUST_USE enum stc_err stc_source_open(struct stc_source *s, const char *path,
                                          struct stc_diag *diag);
/* text must outlive the source. */
void stc_source_open_mem(struct stc_source *s, const char *name, const char *text,
                         size_t len);
void stc_source_close(struct stc_source *s); /* twice is fine */

/* Up to size bytes; *n 0 at the end. */
STC_MUST_USE enum stc_err stc_source_read(struct stc_source *s, void *to, size_t size,
                                          size_t *n, struct stc_diag *diag);
/* The next line without its end (LF or CRLF); NULL at the end. Terminal colours
 * (ESC [ ... m) are taken out. The line lives until the next call. */
STC_MUST_USE enum stc_err stc_source_line(struct stc_source *s, char **line,
                                          struct stc_diag *diag);

#endif
