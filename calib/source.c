#include "calib/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "sim/base/text.h"

enum stc_err stc_source_open(struct stc_source *s, const char *path,
                             struct stc_diag *diag)
{
    *s = (struct stc_source){.name = path, .hash = STC_HASH_INIT};
    errno = 0;
    gzFile gz = gzopen(path, "rb");
    if (gz == NULL)
        return stc_fail(diag, errno != 0 ? STC_ERR_IO : STC_ERR_NOMEM, "%s: %s", path,
                        errno != 0 ? strerror(errno) : "out of memory");
    (void)gzbuffer(gz, STC_SOURCE_BLOCK);
    s->gz = gz;
    return STC_OK;
}

void stc_source_open_mem(struct stc_source *s, const char *name, const char *text,
                         size_t len)
{
    *s = (struct stc_source){
        .name = name, .mem = text, .mem_len = len, .hash = STC_HASH_INIT};
}

void stc_source_close(struct stc_source *s)
{
    if (s->gz != NULL) (void)gzclose((gzFile)s->gz);
    free(s->buf);
    free(s->line_buf);
    s->gz = NULL;
    s->buf = s->line_buf = NULL;
}

enum stc_err stc_source_read(struct stc_source *s, void *to, size_t size, size_t *n,
                             struct stc_diag *diag)
{
    *n = 0;
    if (s->gz == NULL) {
        size_t left = s->mem_len - s->mem_pos;
        *n = left < size ? left : size;
        if (*n > 0) memcpy(to, s->mem + s->mem_pos, *n);
        s->mem_pos += *n;
    } else {
        if (size > 1u << 30) size = 1u << 30;
        int got = gzread((gzFile)s->gz, to, (unsigned)size), code = 0;
        if (got < 0) {
            const char *why = gzerror((gzFile)s->gz, &code);
            size_t len = strlen(s->name); /* zlib may have put the name first */
            if (strncmp(why, s->name, len) == 0 && strncmp(why + len, ": ", 2) == 0)
                why += len + 2;
            return stc_fail(diag, code == Z_ERRNO ? STC_ERR_IO : STC_ERR_PARSE,
                            "%s: %s", s->name, code == Z_ERRNO ? strerror(errno) : why);
        }
        *n = (size_t)got;
        if (got == 0) { /* the end, or a stream that was cut short */
            (void)gzerror((gzFile)s->gz, &code);
            if (code == Z_BUF_ERROR)
                return stc_fail(diag, STC_ERR_PARSE, "%s: the gzip stream is cut short",
                                s->name);
        }
    }
    s->bytes += (int64_t)*n;
    return STC_OK;
}

/* ==== lines ==== */

/* Takes terminal colours out, in place. */
static void plain(char *s)
{
    char *to = s;
    for (; *s != '\0'; s++) {
        if (*s == '\033' && s[1] == '[') {
            s += 2 + strspn(s + 2, "0123456789;?");
            if (*s == '\0') break;
            continue;
        }
        *to++ = *s;
    }
    *to = '\0';
}

static enum stc_err refill(struct stc_source *s, struct stc_diag *diag)
{
    if (s->buf == NULL) {
        s->buf = malloc(STC_SOURCE_BLOCK);
        s->line_buf = malloc(STC_SOURCE_LINE + 1);
        if (s->buf == NULL || s->line_buf == NULL)
            return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", s->name);
    }
    s->buf_pos = 0;
    enum stc_err err = stc_source_read(s, s->buf, STC_SOURCE_BLOCK, &s->buf_len, diag);
    if (err == STC_OK) s->hash = stc_hash64(s->hash, s->buf, s->buf_len);
    return err;
}

enum stc_err stc_source_line(struct stc_source *s, char **line, struct stc_diag *diag)
{
    size_t len = 0;
    bool any = false;
    *line = NULL;
    for (;;) {
        if (s->buf_pos == s->buf_len) {
            enum stc_err err = refill(s, diag);
            if (err != STC_OK) return err;
            if (s->buf_len == 0) break;
        }
        any = true;
        const char *at = s->buf + s->buf_pos;
        size_t left = s->buf_len - s->buf_pos;
        const char *end = memchr(at, '\n', left);
        size_t n = end != NULL ? (size_t)(end - at) : left;
        size_t keep = n < STC_SOURCE_LINE - len ? n : STC_SOURCE_LINE - len;
        memcpy(s->line_buf + len, at, keep);
        len += keep;
        s->buf_pos += n + (end != NULL ? 1 : 0);
        if (end != NULL) break;
    }
    if (!any) return STC_OK;
    if (len > 0 && s->line_buf[len - 1] == '\r') len--;
    for (size_t i = 0; i < len; i++)
        if (s->line_buf[i] == '\0') s->line_buf[i] = ' ';
    s->line_buf[len] = '\0';
    if (memchr(s->line_buf, '\033', len) != NULL) plain(s->line_buf);
    s->line++;
    *line = s->line_buf;
    return STC_OK;
}
