#include "calib/coll_rows.h"

#include <stdio.h>
#include <string.h>

#include "hw/catalogue.h"
#include "sim/base/text.h"

/* Columns that are read, in the order of `enum col`. */
enum col {
    GPU,
    LIBRARY,
    COLLECTIVE,
    PER_NODE,
    NODES,
    RANKS,
    INTRA,
    INTER,
    NICS,
    GBPS,
    BYTES,
    TIME,
    SOURCE,
    NOTES,
    N_COLS
};
static const char *const names[N_COLS] = {
    "gpu",   "library", "collective", "gpus_per_node", "nodes",
    "ranks", "intra",   "inter",      "nics_per_node", "nic_gbps",
    "bytes", "time_us", "source",     "notes"};

/* GPU families by the start of their name; HBM as the makers' data sheets say. */
static const struct {
    const char *prefix;
    enum stc_gen gen;
    double mem_Bps;
} gpus[] = {
    {"V100", STC_GEN_VOLTA, 0.9e12},    {"A100", STC_GEN_AMPERE, 2.039e12},
    {"A800", STC_GEN_AMPERE, 2.039e12}, {"H100", STC_GEN_HOPPER, 3.35e12},
    {"H200", STC_GEN_HOPPER, 4.8e12},   {"H800", STC_GEN_HOPPER, 3.35e12},
    {"GH200", STC_GEN_HOPPER, 4.0e12},  {"B200", STC_GEN_BLACKWELL, 8e12},
    {"GB200", STC_GEN_BLACKWELL, 8e12}, {"B300", STC_GEN_BLACKWELL, 8e12},
    {"GB300", STC_GEN_BLACKWELL, 8e12},
};
/* One GPU's NVLink, one direction, by generation of the link (data sheets). */
static const double nvlink_Bps[] = {0.0, 80e9, 150e9, 300e9, 450e9, 900e9};

static enum stc_err parse_gpu(const struct stc_csv *c, const struct stc_hw *hw,
                              const char *name, struct stc_coll_row *r,
                              struct stc_diag *diag)
{
    const struct stc_gpu *own = NULL;
    if (hw && stc_hw_find_gpu(hw, name, &own, NULL) == STC_OK) {
        r->g.gen = own->gen;
        r->g.mem_Bps = own->mem_Bps;
        return STC_OK;
    }
    for (size_t i = 0; i < sizeof gpus / sizeof gpus[0]; i++)
        if (strncmp(name, gpus[i].prefix, strlen(gpus[i].prefix)) == 0) {
            r->g.gen = gpus[i].gen;
            r->g.mem_Bps = gpus[i].mem_Bps;
            return STC_OK;
        }
    return stc_fail(diag, STC_ERR_UNKNOWN,
                    "%s:%d: gpu: %s is not a GPU whose links are known; a catalogue of "
                    "yours may say them (stepcast help catalogue)",
                    c->name, c->line, name);
}

static enum stc_err parse_intra(const struct stc_csv *c, const char *text,
                                struct stc_coll_row *r, struct stc_diag *diag)
{
    int link = 0;
    if (sscanf(text, "NVLink%d", &link) != 1 || link < 1 || link > 5)
        return stc_fail(diag, STC_ERR_PARSE,
                        "%s:%d: intra: \"%s\"; NVLink1 to NVLink5 are known", c->name,
                        c->line, text);
    r->g.intra_Bps = nvlink_Bps[link];
    r->g.intra =
        strstr(text, "NVSwitch") != NULL ? STC_INTRA_NVSWITCH : STC_INTRA_NVLINK_MESH;
    return STC_OK;
}

static enum stc_fabric_tech parse_inter(const char *text)
{
    static const struct {
        const char *word;
        enum stc_fabric_tech tech;
    } words[] = {{"EFA", STC_FABRIC_EFA},
                 {"RoCE", STC_FABRIC_ROCE},
                 {"Omni", STC_FABRIC_OPA},
                 {"TCPX", STC_FABRIC_TCPX},
                 {"Slingshot", STC_FABRIC_SLINGSHOT},
                 {"Ethernet", STC_FABRIC_ETHERNET},
                 {"Socket", STC_FABRIC_SOCKET}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(text, words[i].word) != NULL) return words[i].tech;
    return STC_FABRIC_IB;
}

/* Whose machines: issue threads hold runs of several people, named by the first
 * word of the note; a second run on the same machines is the same cluster. */
static void parse_cluster(const char *source, const char *notes, struct stc_coll_row *r)
{
    const char *slash = strrchr(source, '/');
    const char *who = slash != NULL ? slash + 1 : source;
    bool thread = strstr(source, "issue") != NULL;
    if (thread)
        who = strncmp(notes, "gj-aion", 7) == 0 ? "gj-aion"
              : r->g.n_nodes > 2                ? "qoofyk-vms"
                                                : "qoofyk-xe9680";
    (void)snprintf(r->cluster_name, sizeof r->cluster_name, "%s", who);
    uint32_t h = 2166136261u; /* FNV-1a */
    for (const char *p = r->cluster_name; *p != '\0'; p++)
        h = (h ^ (uint8_t)*p) * 16777619u;
    r->cluster = h;
}

static void parse_notes(const char *notes, struct stc_coll_row *r)
{
    const char *algo = strstr(notes, "NCCL_ALGO=");
    if (algo != NULL) {
        char word[16] = {0};
        if (sscanf(algo, "NCCL_ALGO=%15[A-Za-z]", word) == 1)
            (void)stc_coll_algo_parse(word, &r->f.algo);
    }
    const char *ctas = strstr(notes, "MIN_CTAS=");
    if (ctas != NULL) (void)sscanf(ctas, "MIN_CTAS=%d", &r->f.min_ctas);
    /* Kernel times of a profiler's trace, launched op by op: a rank that comes
     * early waits inside the kernel. Point-to-point does not. */
    r->skewed = strstr(notes, "kineto") != NULL && r->coll == STC_COLL_ALL_REDUCE;
}

static bool whole(const char *text, int *out)
{
    int64_t v;
    if (!stc_text_to_i64(text, &v) || v < 0 || v > 1000000) return false;
    *out = (int)v;
    return true;
}

static enum stc_err parse_row(const struct stc_csv *c, const struct stc_hw *hw,
                              char *const f[N_COLS], struct stc_coll_row *r,
                              struct stc_diag *diag)
{
    double time_us = 0.0, gbps = 0.0;
    int per_node = 0, nics = 0;
    *r = (struct stc_coll_row){.f = STC_COLL_FORCE_INIT};
    enum stc_err err = parse_gpu(c, hw, f[GPU], r, diag);
    if (err == STC_OK) err = parse_intra(c, f[INTRA], r, diag);
    if (err != STC_OK) return err;
    if (!stc_coll_lib_parse(f[LIBRARY], &r->f.lib) ||
        !stc_coll_parse(f[COLLECTIVE], &r->coll))
        return stc_fail(diag, STC_ERR_UNKNOWN,
                        "%s:%d: library or collective: %s %s is not known", c->name,
                        c->line, f[LIBRARY], f[COLLECTIVE]);
    if (!whole(f[PER_NODE], &per_node) || !whole(f[NODES], &r->g.n_nodes) ||
        !whole(f[RANKS], &r->g.n_ranks) || !stc_text_to_double(f[BYTES], &r->bytes) ||
        !stc_text_to_double(f[TIME], &time_us) || r->g.n_nodes < 1 ||
        r->g.n_ranks < r->g.n_nodes || per_node < 1 || time_us <= 0.0 ||
        r->bytes <= 0.0)
        return stc_fail(diag, STC_ERR_PARSE,
                        "%s:%d: a size, count or time is no positive number", c->name,
                        c->line);
    r->seconds = time_us * 1e-6;
    r->g.ranks_per_node = (r->g.n_ranks + r->g.n_nodes - 1) / r->g.n_nodes;
    r->g.domain_ranks = per_node;
    r->g.nic_share = 1.0;
    if (r->g.n_nodes > 1) {
        /* No count and rate: the DGX of that GPU, one 400 Gb/s NIC a GPU. */
        if (!whole(f[NICS], &nics) || nics < 1) nics = per_node;
        if (!stc_text_to_double(f[GBPS], &gbps) || gbps <= 0.0) gbps = 400.0;
        r->g.net = parse_inter(f[INTER]);
        int mine = nics * r->g.ranks_per_node / per_node;
        r->g.n_nics = mine > 0 ? mine : 1;
        r->g.nic_Bps = gbps * 1e9 / 8.0;
    }
    parse_cluster(f[SOURCE], f[NOTES], r);
    parse_notes(f[NOTES], r);
    return STC_OK;
}

static enum stc_err find_columns(const struct stc_csv *c, int at[N_COLS],
                                 struct stc_diag *diag)
{
    for (int i = 0; i < N_COLS; i++) {
        at[i] = -1;
        for (int j = 0; j < c->n_cols; j++)
            if (strcmp(c->header[j], names[i]) == 0) at[i] = j;
        if (at[i] < 0)
            return stc_fail(diag, STC_ERR_PARSE, "%s:1: column %s is missing", c->name,
                            names[i]);
    }
    return STC_OK;
}

static enum stc_err push(struct stc_arena *a, struct stc_coll_rows *rows, int *cap,
                         const struct stc_coll_row *r)
{
    if (rows->n == *cap) {
        int more = *cap > 0 ? 2 * *cap : 1024;
        struct stc_coll_row *v = STC_NEW_N(a, struct stc_coll_row, (size_t)more);
        if (v == NULL) return STC_ERR_NOMEM;
        if (rows->n > 0) memcpy(v, rows->v, (size_t)rows->n * sizeof *v);
        rows->v = v;
        *cap = more;
    }
    rows->v[rows->n++] = *r;
    return STC_OK;
}

enum stc_err stc_coll_rows_read(struct stc_arena *a, const struct stc_hw *hw,
                                const char *path, double min_bytes,
                                struct stc_coll_rows *out, struct stc_diag *diag)
{
    struct stc_csv c;
    int at[N_COLS], cap = 0;
    *out = (struct stc_coll_rows){0};
    enum stc_err err = stc_csv_open(&c, path, diag);
    if (err != STC_OK) return err;
    err = find_columns(&c, at, diag);
    bool got = true;
    while (err == STC_OK) {
        err = stc_csv_next(&c, &got, diag);
        if (err != STC_OK || !got) break;
        char *f[N_COLS];
        for (int i = 0; i < N_COLS; i++)
            f[i] = c.field[at[i]];
        struct stc_coll_row r;
        err = parse_row(&c, hw, f, &r, diag);
        r.row = ++out->n_all;
        if (err == STC_OK && r.bytes >= min_bytes) err = push(a, out, &cap, &r);
        if (err == STC_ERR_NOMEM) err = stc_fail(diag, err, "%s: out of memory", path);
    }
    stc_csv_close(&c);
    return err;
}
