/*
 * tune_journal.c - records of fixed form, each with its checksum, appended whole.
 *
 * A process that is killed loses at most the record it was writing: reading stops
 * at the first record that is not whole, and writing goes on from there.
 */
#include "sim/study/tune_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct head {
    char magic[8];
    uint64_t hash;
};
struct record {
    uint32_t n;
    char kind, pad[3];
    uint64_t key, sum;
};
static const char magic[8] = "stctune1";

static uint64_t checksum(const struct record *r, const void *data)
{
    uint64_t h = stc_hash64(STC_HASH_INIT, &r->n, sizeof r->n);
    h = stc_hash64(h, &r->kind, sizeof r->kind);
    h = stc_hash64(h, &r->key, sizeof r->key);
    return stc_hash64(h, data, r->n);
}

/* Reads what is whole; the offset after it. */
static off_t replay(int fd, stc_journal_fn *fn, void *ctx, uint64_t *n_bad)
{
    enum { MOST = 1 << 16 };
    off_t at = (off_t)sizeof(struct head);
    char *data = malloc(MOST);
    FILE *f = fdopen(dup(fd), "rb");
    if (f && data && fseeko(f, at, SEEK_SET) == 0) {
        struct record r;
        while (fread(&r, sizeof r, 1, f) == 1) {
            if (r.n > MOST || fread(data, 1, r.n, f) != r.n ||
                checksum(&r, data) != r.sum) {
                ++*n_bad;
                break;
            }
            fn(ctx, r.kind, r.key, data, r.n);
            at += (off_t)sizeof r + (off_t)r.n;
        }
    }
    if (f) fclose(f);
    free(data);
    return at;
}

static enum stc_err trouble(const char *path, struct stc_diag *diag)
{
    return stc_fail(diag, STC_ERR_IO, "%s: %s", path, strerror(errno));
}

enum stc_err stc_journal_open(struct stc_journal *j, const char *path, uint64_t hash,
                              stc_journal_fn *fn, void *ctx, struct stc_diag *diag)
{
    struct head h;
    *j = (struct stc_journal){.fd = open(path, O_RDWR | O_CREAT, 0666)};
    if (j->fd < 0) return trouble(path, diag);
    ssize_t n = read(j->fd, &h, sizeof h);
    if (n == (ssize_t)sizeof h && memcmp(h.magic, magic, sizeof magic) != 0)
        return stc_fail(diag, STC_ERR_PARSE, "%s: not a journal of a search", path);
    if (n == (ssize_t)sizeof h && h.hash != hash)
        return stc_fail(diag, STC_ERR_PARSE,
                        "%s: the journal of another search; another file, or removing "
                        "it, would be right",
                        path);
    off_t at = 0;
    if (n == (ssize_t)sizeof h) at = replay(j->fd, fn, ctx, &j->n_bad);
    if (ftruncate(j->fd, at) != 0 || lseek(j->fd, at, SEEK_SET) < 0)
        return trouble(path, diag);
    if (at > 0) return STC_OK;
    memcpy(h.magic, magic, sizeof magic);
    h.hash = hash;
    return write(j->fd, &h, sizeof h) == (ssize_t)sizeof h ? STC_OK
                                                           : trouble(path, diag);
}

enum stc_err stc_journal_put(struct stc_journal *j, char kind, uint64_t key,
                             const void *data, size_t n, struct stc_diag *diag)
{
    char buf[sizeof(struct record) + 4096];
    struct record r = {.n = (uint32_t)n, .kind = kind, .key = key};
    if (j->fd < 0) return STC_OK;
    if (n > 4096) return stc_fail(diag, STC_ERR_BUG, "journal: a record is too long");
    r.sum = checksum(&r, data);
    memcpy(buf, &r, sizeof r);
    memcpy(buf + sizeof r, data, n);
    ssize_t want = (ssize_t)(sizeof r + n);
    if (write(j->fd, buf, (size_t)want) == want) return STC_OK;
    return stc_fail(diag, STC_ERR_IO, "journal: %s", strerror(errno));
}

void stc_journal_close(struct stc_journal *j)
{
    if (j->fd >= 0) close(j->fd);
    j->fd = -1;
}
