/*
 * embed.h - files put into the library at build time.
 *
 * The catalogues (hw/data, models/data, models/stacks, calib/data, scenarios)
 * travel inside the library, so that it works from any folder. The Makefile
 * writes the table; paths are those of the source tree, sorted.
 */
#ifndef STC_BASE_EMBED_H
#define STC_BASE_EMBED_H

#include <stddef.h>

struct stc_embed {
    const char *path;          /* "hw/data/gpus.yaml" */
    const unsigned char *data; /* followed by a NUL that size does not count */
    size_t size;
};

/* NULL when there is no such file. */
const struct stc_embed *stc_embed_find(const char *path);
int stc_embed_count(void);
/* In order of path; NULL past the end. To walk a folder, compare prefixes. */
const struct stc_embed *stc_embed_at(int i);

#endif
