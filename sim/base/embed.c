#include "sim/base/embed.h"

#include <string.h>

/* Written by the Makefile into $(BUILD)/embed_data.c, sorted by strcmp. */
const struct stc_embed *stc_embed_table(int *n);

const struct stc_embed *stc_embed_find(const char *path)
{
    int n, lo = 0;
    const struct stc_embed *t = stc_embed_table(&n);
    int hi = n;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        int cmp = strcmp(t[mid].path, path);
        if (cmp == 0) return &t[mid];
        if (cmp < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

int stc_embed_count(void)
{
    int n;
    (void)stc_embed_table(&n);
    return n;
}

const struct stc_embed *stc_embed_at(int i)
{
    int n;
    const struct stc_embed *t = stc_embed_table(&n);
    return i >= 0 && i < n ? &t[i] : NULL;
}
