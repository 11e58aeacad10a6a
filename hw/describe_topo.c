/* describe_topo.c - the matrix of nvidia-smi topo -m. */
#include "hw/describe.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 4096, MAX_COLS = STC_NODE_MAX_GPUS + STC_DESC_NICS };

struct matrix {
    char col[MAX_COLS][32];
    int gpu[MAX_COLS]; /* number of a GPU column; -1: a NIC */
    int n_cols, n_gpus, n_rows;
    int numa[STC_NODE_MAX_GPUS];
    bool has_numa, too_many;
};

/* "GPU12" -> 12; -1 for anything else. */
static int gpu_number(const char *w)
{
    size_t n = strspn(w + 3 * (strncmp(w, "GPU", 3) == 0), "0123456789");
    if (strncmp(w, "GPU", 3) != 0 || n == 0 || n > 3 || w[3 + n] != '\0') return -1;
    return atoi(w + 3);
}

static enum stc_rel relation(const char *w, int *links)
{
    static const struct {
        const char *word;
        enum stc_rel rel;
    } rows[] = {{"X", STC_REL_SELF},  {"PIX", STC_REL_PIX},   {"PXB", STC_REL_PXB},
                {"PHB", STC_REL_PHB}, {"NODE", STC_REL_NODE}, {"SYS", STC_REL_SYS},
                {"SOC", STC_REL_SYS}};
    *links = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(w, rows[i].word) == 0) return rows[i].rel;
    size_t n = strncmp(w, "NV", 2) == 0 ? strspn(w + 2, "0123456789") : 0;
    if (n == 0 || n > 2 || w[2 + n] != '\0') return STC_REL_NONE;
    *links = atoi(w + 2);
    return STC_REL_NV;
}

/* The header: names of columns up to "CPU Affinity". */
static bool header(struct matrix *m, char *line)
{
    char *save = NULL;
    int n = 0, gpus = 0;
    m->has_numa = strstr(line, "NUMA Affinity") != NULL;
    m->too_many = false;
    for (char *w = strtok_r(line, " \t|", &save); w != NULL;
         w = strtok_r(NULL, " \t|", &save)) {
        int g = gpu_number(w);
        if (strcmp(w, "CPU") == 0) break;
        if (n == 0 && g != 0) return false; /* GPU0 comes first */
        if (g < 0 && n == gpus && strlen(w) < 2) return false;
        if (n == MAX_COLS || g >= STC_NODE_MAX_GPUS) {
            m->too_many = true;
            break;
        }
        if (g >= 0 && g != gpus) return false;
        (void)snprintf(m->col[n], sizeof m->col[n], "%.31s", w);
        m->gpu[n++] = g;
        gpus += g >= 0;
    }
    m->n_cols = n;
    m->n_gpus = gpus;
    return gpus > 0;
}

static void set_nic(struct stc_describe *d, const char *name, enum stc_rel rel)
{
    struct stc_desc_nic *nic = stc_describe_nic(d, name);
    if (nic != NULL && (nic->near == STC_REL_NONE || rel < nic->near)) nic->near = rel;
}

/* A row of a GPU; false when it is none. */
static bool row(struct matrix *m, struct stc_describe *d, char *line)
{
    char *save = NULL, *w = strtok_r(line, " \t|", &save);
    int me = -1, i = 0, numa_at = 0;
    /* A pod's or rank's name may stand before it. */
    for (int k = 0; w != NULL && k < 3 && (me = gpu_number(w)) < 0; k++)
        w = strtok_r(NULL, " \t|", &save);
    if (w == NULL || me < 0 || me >= m->n_gpus) return false;
    for (; i < m->n_cols && (w = strtok_r(NULL, " \t|", &save)) != NULL; i++) {
        int links = 0, you = m->gpu[i];
        enum stc_rel rel = relation(w, &links);
        if (rel == STC_REL_NONE) return false;
        if (you >= 0) {
            d->rel[me][you] = rel;
            d->n_links[me][you] = links;
        } else {
            set_nic(d, m->col[i], rel);
        }
    }
    if (i < m->n_cols) return false;
    m->numa[me] = -1;
    while (m->has_numa && (w = strtok_r(NULL, " \t|", &save)) != NULL)
        if (++numa_at == 2 && isdigit((unsigned char)w[0])) m->numa[me] = atoi(w);
    m->n_rows++;
    return true;
}

/* "  NIC0: mlx5_0" */
static void legend(struct stc_describe *d, const char *line)
{
    char from[32], to[32];
    if (sscanf(line, " %31[A-Z0-9]: %31s", from, to) != 2 ||
        strncmp(from, "NIC", 3) != 0)
        return;
    for (int i = 0; i < d->n_nics; i++) {
        if (strcmp(d->nic[i].name, from) != 0) continue;
        enum stc_rel near = d->nic[i].near;
        d->nic[i] = d->nic[--d->n_nics]; /* its facts move to the real name */
        set_nic(d, to, near);
        return;
    }
}

static int distinct_numa(const struct matrix *m)
{
    int n = 0;
    for (int i = 0; i < m->n_gpus; i++) {
        bool seen = m->numa[i] < 0;
        for (int k = 0; k < i; k++)
            seen = seen || m->numa[k] == m->numa[i];
        n += !seen;
    }
    return n;
}

enum stc_err stc_describe_topo(struct stc_describe *d, const char *name,
                               const char *text, size_t len, struct stc_diag *diag)
{
    struct matrix m = {.n_cols = 0};
    char line[LINE];
    int number = 0;
    for (const char *at = text;
         stc_describe_line(&at, text + len, line, sizeof line);) {
        number++;
        if (m.n_cols == 0 || m.n_rows < m.n_gpus) {
            char copy[LINE];
            memcpy(copy, line, sizeof copy);
            if (m.n_cols == 0)
                (void)(strstr(line, "GPU0") != NULL && header(&m, copy));
            else
                (void)row(&m, d, copy);
            if (m.too_many)
                return stc_fail(diag, STC_ERR_RANGE,
                                "%s:%d: more than %d GPUs or too many NICs in a node",
                                name, number, STC_NODE_MAX_GPUS);
            if (m.n_gpus == 0) m.n_cols = 0;
        } else {
            legend(d, line);
        }
    }
    if (m.n_rows < m.n_gpus || m.n_gpus == 0)
        return stc_fail(
            diag, STC_ERR_PARSE,
            "%s: the matrix of nvidia-smi topo -m is not whole: %d of %d GPUs", name,
            m.n_rows, m.n_gpus);
    d->n_gpus = m.n_gpus;
    if (m.has_numa && distinct_numa(&m) > 0 && d->n_sockets == 0)
        d->n_sockets = distinct_numa(&m);
    d->topo = true;
    return STC_OK;
}
