#include "hw/describe.h"

#include <stdio.h>
#include <string.h>

void stc_describe_init(struct stc_describe *d)
{
    *d = (struct stc_describe){.n_gpus = 0};
}

struct stc_desc_nic *stc_describe_nic(struct stc_describe *d, const char *name)
{
    for (int i = 0; i < d->n_nics; i++)
        if (strcmp(d->nic[i].name, name) == 0) return &d->nic[i];
    if (d->n_nics == STC_DESC_NICS) return NULL;
    struct stc_desc_nic *n = &d->nic[d->n_nics++];
    *n = (struct stc_desc_nic){.Bps = 0.0};
    (void)snprintf(n->name, sizeof n->name, "%.31s", name);
    return n;
}

bool stc_describe_line(const char **at, const char *end, char *buf, size_t size)
{
    size_t o = 0;
    if (*at >= end) return false;
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    const char *to = stop != NULL ? stop : end;
    for (const char *p = *at; p < to; p++) {
        if (*p == '\033' && p + 1 < to && p[1] == '[') { /* a terminal's colours */
            p += 2;
            while (p < to && strchr("0123456789;?", *p) != NULL && *p != '\0')
                p++;
            continue;
        }
        if (o + 1 < size && *p != '\r') buf[o++] = *p == '\0' ? ' ' : *p;
    }
    buf[o] = '\0';
    *at = stop != NULL ? stop + 1 : end;
    return true;
}

static bool holds(const char *text, size_t len, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; (size_t)(text + len - p) >= n; p++) {
        p = memchr(p, word[0], (size_t)(text + len - p));
        if (p == NULL || (size_t)(text + len - p) < n) return false;
        if (memcmp(p, word, n) == 0) return true;
    }
    return false;
}

/* ORDER: the first kind whose mark the text holds. */
static const struct {
    const char *mark;
    stc_describe_fn *read;
} kinds[] = {
    {"<nvidia_smi_log", stc_describe_smi}, {"<system", stc_describe_nccl},
    {"NodeName=", stc_describe_slurm},     {"CA type:", stc_describe_ibstat},
    {"CA '", stc_describe_ibstat},         {"GPU0", stc_describe_topo},
};

enum stc_err stc_describe_add(struct stc_describe *d, const char *name,
                              const char *text, size_t len, struct stc_diag *diag)
{
    if (len > (16u << 20))
        return stc_fail(diag, STC_ERR_RANGE, "%s: more than 16 MiB", name);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!holds(text, len, kinds[i].mark)) continue;
        struct stc_describe copy = *d;
        enum stc_err err = kinds[i].read(&copy, name, text, len, diag);
        if (err == STC_OK) *d = copy;
        return err;
    }
    if (len == 0)
        return stc_fail(diag, STC_ERR_PARSE,
                        "%s: empty: the tool printed nothing here; leave the file out",
                        name);
    return stc_fail(
        diag, STC_ERR_PARSE,
        "%s: not the output of nvidia-smi topo -m, nvidia-smi -q -x, ibstat, "
        "scontrol show node, nor a topology file of NCCL",
        name);
}
