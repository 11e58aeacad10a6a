/* describe_host.c - ibstat, and scontrol show node. */
#include "hw/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 4096 };

/* ==== ibstat ==== */

/* Adapters by the maker's part number: NVIDIA's firmware release notes. */
static const struct {
    const char *type, *kind;
} adapters[] = {
    {"MT4115", "ConnectX-4"}, {"MT4119", "ConnectX-5"},    {"MT4121", "ConnectX-5 Ex"},
    {"MT4123", "ConnectX-6"}, {"MT4125", "ConnectX-6 Dx"}, {"MT4129", "ConnectX-7"},
    {"MT4131", "ConnectX-8"}, {"MT41686", "BlueField-2"},  {"MT41692", "BlueField-3"},
};

enum stc_err stc_describe_ibstat(struct stc_describe *d, const char *name,
                                 const char *text, size_t len, struct stc_diag *diag)
{
    char line[LINE], ca[32], type[32] = "";
    struct stc_desc_nic *nic = NULL;
    int n = 0;
    for (const char *at = text;
         stc_describe_line(&at, text + len, line, sizeof line);) {
        const char *v = strstr(line, "CA '");
        if (v != NULL) {
            size_t k = strcspn(v + 4, "'");
            (void)snprintf(ca, sizeof ca, "%.*s", (int)(k < 31 ? k : 31), v + 4);
            nic = ca[0] != '\0' ? stc_describe_nic(d, ca) : NULL;
            n += nic != NULL;
            if (nic != NULL) nic->Bps = 0.0;
        }
        if (nic == NULL) continue;
        if ((v = strstr(line, "CA type:")) != NULL && sscanf(v + 8, " %31s", type) == 1)
            for (size_t i = 0; i < sizeof adapters / sizeof adapters[0]; i++)
                if (strcmp(type, adapters[i].type) == 0)
                    (void)snprintf(nic->kind, sizeof nic->kind, "%s", adapters[i].kind);
        /* "Physical state:" has another spelling of the same. */
        if ((v = strstr(line, "State:")) != NULL)
            nic->down = strstr(v, "Active") == NULL;
        if ((v = strstr(line, "Rate:")) != NULL) {
            double gbps = strtod(v + 5, NULL);
            if (gbps > 0.0 && gbps < 1e5)
                nic->Bps += gbps * 1e9 / 8.0; /* ports add up */
        }
        if (strstr(line, "Link layer: InfiniBand") != NULL) nic->ib = true;
        if (strstr(line, "Link layer: Ethernet") != NULL) nic->ethernet = true;
    }
    if (n == 0) return stc_fail(diag, STC_ERR_PARSE, "%s: no adapter (CA '...')", name);
    d->ib = true;
    return STC_OK;
}

/* ==== scontrol show node ==== */

struct node_kind {
    char gres[48]; /* "h100" or "" */
    int n_gpus, n_nodes, cores, sockets;
    double ram_bytes;
};

struct node {
    int cpus, sockets, cores_per_socket, threads, n_gpus;
    double ram_mb;
    char gres[48];
    bool any;
};

static bool value_of(const char *s, const char *key, const char **v)
{
    size_t n = strlen(key);
    for (const char *p = s; (p = strstr(p, key)) != NULL; p += n) {
        if (p != s && p[-1] != ' ' && p[-1] != '\t') continue;
        *v = p + n;
        return true;
    }
    return false;
}

/* "gpu:h100:8(S:0-1)", "gpu:8", "(null)" */
static void gres(struct node *n, const char *v)
{
    char part[64], type[48];
    int count = 0;
    const char *gpu = strstr(v, "gpu");
    if (gpu == NULL || strcspn(v, " \t") < (size_t)(gpu - v)) return;
    (void)snprintf(part, sizeof part, "%.*s", (int)strcspn(gpu, ",( \t") % 63, gpu);
    if (sscanf(part, "gpu:%47[^:]:%d", type, &count) == 2)
        (void)snprintf(n->gres, sizeof n->gres, "%s", type);
    else if (sscanf(part, "gpu:%d", &count) != 1)
        count = strcmp(part, "gpu") == 0 ? 1 : 0;
    if (count > 0 && count < 1000) n->n_gpus = count;
}

static int whole(const char *v)
{
    long n = strtol(v, NULL, 10);
    return n > 0 && n < 1000000 ? (int)n : 0;
}

static void fields(struct node *n, const char *line)
{
    const char *v;
    if (value_of(line, "CPUTot=", &v) || value_of(line, "CPUs=", &v))
        n->cpus = whole(v);
    if (value_of(line, "Sockets=", &v) || value_of(line, "SocketsPerBoard=", &v))
        n->sockets = whole(v);
    if (value_of(line, "CoresPerSocket=", &v)) n->cores_per_socket = whole(v);
    if (value_of(line, "ThreadsPerCore=", &v)) n->threads = whole(v);
    if (value_of(line, "RealMemory=", &v))
        n->ram_mb = (double)whole(v) > 0 ? strtod(v, NULL) : 0.0;
    if (value_of(line, "Gres=", &v) && n->n_gpus == 0) gres(n, v);
}

/* Adds the node to its kind. */
static void count(struct node *n, struct node_kind *kinds, int *n_kinds)
{
    int i = 0;
    if (!n->any) return;
    while (i < *n_kinds &&
           (strcmp(kinds[i].gres, n->gres) != 0 || kinds[i].n_gpus != n->n_gpus))
        i++;
    if (i == 32) return;
    if (i == *n_kinds) {
        kinds[(*n_kinds)++] = (struct node_kind){.n_gpus = n->n_gpus};
        memcpy(kinds[i].gres, n->gres, sizeof n->gres);
    }
    struct node_kind *k = &kinds[i];
    k->n_nodes++;
    int cores = n->sockets * n->cores_per_socket;
    if (cores == 0 && n->cpus > 0) cores = n->cpus / (n->threads > 0 ? n->threads : 1);
    if (cores > k->cores) k->cores = cores;
    if (n->sockets > k->sockets) k->sockets = n->sockets;
    if (n->ram_mb * 1048576.0 > k->ram_bytes) k->ram_bytes = n->ram_mb * 1048576.0;
    *n = (struct node){.any = false};
}

static void take(struct stc_describe *d, const struct node_kind *kinds, int n_kinds)
{
    const struct node_kind *best = kinds; /* the first of n_kinds >= 1 */
    int n_gpu_nodes = 0;
    for (int i = 0; i < n_kinds; i++) {
        if (kinds[i].n_gpus > 0) n_gpu_nodes += kinds[i].n_nodes;
        if (kinds[i].n_gpus * kinds[i].n_nodes > best->n_gpus * best->n_nodes)
            best = &kinds[i];
    }
    d->n_nodes = best->n_nodes;
    d->n_nodes_other = best->n_gpus > 0 ? n_gpu_nodes - best->n_nodes : 0;
    if (best->cores > 0) d->cpu_cores = best->cores;
    if (best->sockets > 0) d->n_sockets = best->sockets;
    if (best->ram_bytes > 0.0) d->ram_bytes = best->ram_bytes;
    if (d->n_gpus == 0 && best->n_gpus > 0 && best->n_gpus <= STC_NODE_MAX_GPUS)
        d->n_gpus = best->n_gpus;
    if (d->product[0] == '\0')
        (void)snprintf(d->product, sizeof d->product, "%s", best->gres);
}

enum stc_err stc_describe_slurm(struct stc_describe *d, const char *name,
                                const char *text, size_t len, struct stc_diag *diag)
{
    char line[LINE];
    struct node now = {.any = false};
    struct node_kind kinds[32];
    int n_kinds = 0;
    for (const char *at = text;
         stc_describe_line(&at, text + len, line, sizeof line);) {
        const char *v;
        if (value_of(line, "NodeName=", &v)) {
            count(&now, kinds, &n_kinds);
            now.any = true;
        }
        if (now.any) fields(&now, line);
    }
    count(&now, kinds, &n_kinds);
    if (n_kinds == 0) return stc_fail(diag, STC_ERR_PARSE, "%s: no node", name);
    take(d, kinds, n_kinds);
    d->slurm = true;
    return STC_OK;
}
