/* describe_yaml.c - from the facts to a section `cluster:` or a catalogue row. */
#include "hw/describe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hw/catalogue.h"
#include "sim/base/text.h"
#include "sim/base/units.h"

/* What the texts say, put together. */
struct summary {
    const char *gpu; /* catalogue name; NULL: not known there */
    const struct stc_gpu *spec;
    enum stc_intra intra;
    bool intra_known;
    int n_nics; /* -1: not told */
    double nic_Bps;
    const char *nic_kind, *tech;
    bool near;           /* the NICs were chosen by their place */
    int gpus_per_switch; /* 0: not told */
};

/* ==== links ==== */

static void judge_links(const struct stc_describe *d, struct summary *s)
{
    int n = d->n_gpus, least = 1000, most = 0, partners_most = 0;
    int full = s->spec != NULL ? s->spec->n_nvlinks : 0;
    for (int i = 0; i < n; i++) {
        int partners = 0;
        for (int j = 0; j < n; j++) {
            if (i == j) continue;
            int l = d->n_links[i][j];
            if (l < least) least = l;
            if (l > most) most = l;
            partners += l > 0;
        }
        if (partners > partners_most) partners_most = partners;
    }
    s->intra_known = n > 1 && (d->topo || d->nccl);
    s->intra = STC_INTRA_PCIE;
    if (d->links_per_gpu > 0) {
        s->intra = STC_INTRA_NVSWITCH;
        s->intra_known = true;
    } else if (most > 0 && least > 0 && least == most &&
               (full > 0 ? most >= full && n > 2 : n > 4)) {
        /* All links of a GPU lead to every other: there is a switch between. */
        s->intra = STC_INTRA_NVSWITCH;
    } else if (most > 0) {
        s->intra = partners_most == 1 && n > 2 ? STC_INTRA_NVLINK_PAIRS
                                               : STC_INTRA_NVLINK_MESH;
        /* Two GPUs with all their links between them: a slice of a switch, or
         * two boards with a bridge. */
        if (n == 2)
            s->intra = full > 0 && most >= full && strstr(s->gpu, "SXM") != NULL
                           ? STC_INTRA_NVSWITCH
                           : STC_INTRA_NVLINK_PAIRS;
    } else if (d->nccl && !d->topo) {
        s->intra_known = false; /* the file may simply leave links out */
    }
    for (int i = 0; i < n; i++) { /* GPUs behind one PCIe switch */
        int together = 1;
        for (int j = 0; j < n; j++)
            together +=
                i != j && (d->rel[i][j] == STC_REL_PIX || d->rel[i][j] == STC_REL_PXB);
        if (together > s->gpus_per_switch && d->topo) s->gpus_per_switch = together;
    }
}

/* ==== NICs ==== */

static bool counts(const struct stc_desc_nic *nic, bool near, double best_Bps)
{
    if (nic->down) return false;
    if (near) return nic->near == STC_REL_PIX || nic->near == STC_REL_PXB;
    return best_Bps <= 0.0 || nic->Bps >= best_Bps;
}

static void judge_nics(const struct stc_describe *d, struct summary *s)
{
    double best = 0.0;
    bool told = d->ib || d->nccl || (d->topo && d->n_nics > 0);
    int ib = 0, ethernet = 0, efa = 0, far = 0;
    for (int i = 0; i < d->n_nics; i++) {
        const struct stc_desc_nic *nic = &d->nic[i];
        if (nic->down) continue;
        s->near = s->near || nic->near == STC_REL_PIX || nic->near == STC_REL_PXB;
        far += nic->near >= STC_REL_PHB;
        if (nic->Bps > best) best = nic->Bps;
    }
    s->n_nics = told ? 0 : -1;
    for (int i = 0; i < d->n_nics; i++) {
        const struct stc_desc_nic *nic = &d->nic[i];
        if (!counts(nic, s->near, best)) continue;
        s->n_nics++;
        ib += nic->ib;
        ethernet += nic->ethernet;
        efa += nic->efa || strncmp(nic->name, "rdmap", 5) == 0 ||
               strncmp(nic->name, "efa", 3) == 0;
        if (nic->Bps > s->nic_Bps) s->nic_Bps = nic->Bps;
        if (nic->kind[0] != '\0') s->nic_kind = nic->kind;
        if (strncmp(nic->name, "cxi", 3) == 0 || strncmp(nic->name, "hsn", 3) == 0)
            s->tech = "slingshot";
        if (strncmp(nic->name, "roce", 4) == 0) ethernet++;
    }
    if (s->tech == NULL)
        s->tech = efa > 0 ? "efa" : ib > 0 ? "ib" : ethernet > 0 ? "roce" : NULL;
}

static void summarise(const struct stc_describe *d, const struct stc_hw *hw,
                      struct summary *s)
{
    *s = (struct summary){.spec = stc_describe_gpu(d, hw)};
    if (s->spec != NULL) s->gpu = s->spec->name;
    judge_links(d, s);
    judge_nics(d, s);
}

/* ==== the catalogue's node ==== */

static bool about(double x, double y)
{
    return fabs(x - y) <= 0.12 * fmax(x, y);
}

/* NULL: no row fits every fact. */
static const struct stc_hw_node *find_node(const struct stc_describe *d,
                                           const struct stc_hw *hw,
                                           const struct summary *s)
{
    const struct stc_hw_node *best = NULL;
    if (s->gpu == NULL || d->n_gpus < 1) return NULL;
    for (size_t i = 0; i < stc_hw_n_nodes(hw); i++) {
        const struct stc_hw_node *n = stc_hw_node_at(hw, i);
        if (strcmp(n->gpu_name, s->gpu) != 0 || n->n_gpus != d->n_gpus) continue;
        if (s->intra_known && n->intra != s->intra) continue;
        if (s->n_nics >= 0 && n->n_nics != s->n_nics) continue;
        if (s->nic_Bps > 0.0 && !about(n->nic_Bps, s->nic_Bps)) continue;
        if (s->tech != NULL && strncmp(n->fabric_name, s->tech, strlen(s->tech)) != 0)
            continue;
        if (best == NULL || (n->reference && !best->reference)) best = n;
    }
    return best;
}

/* The first fabric of that technology and rate; NULL: none. */
static const char *fabric_of(const struct stc_hw *hw, const struct summary *s)
{
    for (size_t i = 0; s->tech != NULL && i < stc_hw_n_fabrics(hw); i++) {
        const struct stc_fabric *f = stc_hw_fabric_at(hw, i);
        if (strcmp(stc_fabric_tech_name(f->tech), s->tech) == 0 &&
            about(f->link_Bps, s->nic_Bps))
            return f->name;
    }
    return NULL;
}

/* ==== text ==== */

static void sources(const struct stc_describe *d, struct stc_text *out)
{
    const struct {
        bool read;
        const char *name;
    } all[] = {{d->topo, "nvidia-smi topo -m"},
               {d->smi, "nvidia-smi -q -x"},
               {d->ib, "ibstat"},
               {d->slurm, "scontrol show node"},
               {d->nccl, "NCCL's topology"}};
    bool any = false;
    stc_text_put(out, "# From ");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!all[i].read) continue;
        stc_text_printf(out, "%s%s", any ? ", " : "", all[i].name);
        any = true;
    }
    stc_text_put(out, any ? ".\n" : "nothing.\n");
}

static void not_told(const struct stc_describe *d, const struct summary *s,
                     bool node_known, struct stc_text *out)
{
    const struct {
        bool missing;
        const char *what;
    } all[] = {
        {d->product[0] == '\0', "which GPU it is (nvidia-smi -q -x tells)"},
        {d->n_gpus == 0, "how many GPUs a node has"},
        {!s->intra_known && d->n_gpus > 1,
         "how the GPUs reach each other (nvidia-smi topo -m tells)"},
        {s->n_nics < 0, "how many NICs a node has (nvidia-smi topo -m, ibstat tell)"},
        {s->n_nics > 0 && s->nic_Bps <= 0.0, "the rate of a NIC (ibstat tells)"},
        {s->n_nics > 0 && s->tech == NULL, "InfiniBand or Ethernet (ibstat tells)"},
        {!d->slurm, "how many nodes there are (scontrol show node tells)"},
        {!node_known,
         "CPU memory, PCIe switches and disks beyond the GPU's usual node"},
        {s->n_nics != 0, "switches: shape, over-subscription, nodes of a leaf (no tool "
                         "of a node tells)"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].missing) stc_text_printf(out, "# Not told: %s\n", all[i].what);
}

/* A foreign text inside a comment: what is not plain ASCII becomes '?'. */
static void put_plain(struct stc_text *out, const char *s)
{
    for (; *s != '\0'; s++)
        stc_text_put_n(out, *s >= 0x20 && *s < 0x7f ? s : "?", 1);
}

static void remarks(const struct stc_describe *d, const struct summary *s,
                    struct stc_text *out)
{
    if (d->mixed_gpus)
        stc_text_put(out,
                     "# The node has GPUs of several kinds; the first was taken\n");
    if (d->mig)
        stc_text_put(
            out,
            "# MIG is on: a program sees slices of a GPU, not what is said here\n");
    if (d->n_gpus_told > 0 && d->n_gpus > 0 && d->n_gpus_told != d->n_gpus)
        stc_text_printf(out,
                        "# nvidia-smi says that %d GPUs are attached, but shows %d\n",
                        d->n_gpus_told, d->n_gpus);
    if (d->n_nodes_other > 0)
        stc_text_printf(out, "# %d further nodes have other GPUs; they are left out\n",
                        d->n_nodes_other);
    if (s->near && d->n_nics > s->n_nics)
        stc_text_printf(
            out, "# %d of %d NICs share a PCIe switch with a GPU and are counted\n",
            s->n_nics, d->n_nics);
    if (s->n_nics == 0) stc_text_put(out, "# No NIC was found: one node, or sockets\n");
}

static void put_rate(struct stc_text *out, const char *key, double Bps)
{
    stc_text_printf(out, "  %s: %.6gGbps\n", key, Bps * 8.0 / 1e9);
}

static bool lacks_gpu(const struct stc_describe *d, const struct summary *s)
{
    return d->product[0] != '\0' && s->gpu == NULL;
}

/* What to do about a GPU that the catalogue lacks; own: what its row is called. */
static void how_to_add(const struct stc_describe *d, const struct stc_hw *hw,
                       char own[64], struct stc_text *out)
{
    stc_text_put(out, "# The catalogue has no \"");
    put_plain(out, d->product);
    stc_text_put(out, "\". Put this into a file,\n# complete it (stepcast help "
                      "catalogue) and give it by --catalogue FILE:\n");
    stc_describe_gpu_row(d, hw, "#   ", own, 64, out);
}

void stc_describe_yaml(const struct stc_describe *d, const struct stc_hw *hw,
                       struct stc_text *out)
{
    struct summary s;
    char own[64] = "";
    summarise(d, hw, &s);
    const struct stc_hw_node *node = find_node(d, hw, &s);
    sources(d, out);
    not_told(d, &s, node != NULL, out);
    remarks(d, &s, out);
    if (lacks_gpu(d, &s)) how_to_add(d, hw, own, out);
    if (d->product[0] != '\0') {
        stc_text_put(out, "# GPU: ");
        put_plain(out, d->product);
        stc_text_put(out, d->driver[0] != '\0' ? ", driver " : "");
        put_plain(out, d->driver);
        stc_text_put(out, "\n");
    }
    stc_text_put(out, "cluster:\n");
    if (node != NULL) {
        stc_text_printf(out, "  use: %s\n", node->name);
    } else {
        if (s.gpu != NULL || own[0] != '\0')
            stc_text_printf(out, "  gpu: %s\n", s.gpu != NULL ? s.gpu : own);
        if (d->n_gpus > 0) stc_text_printf(out, "  gpus_per_node: %d\n", d->n_gpus);
        if (s.n_nics > 0) stc_text_printf(out, "  nics_per_node: %d\n", s.n_nics);
        if (s.n_nics > 0 && s.nic_Bps > 0.0) put_rate(out, "nic_bw", s.nic_Bps);
        if (s.n_nics > 0 && s.tech != NULL)
            stc_text_printf(out, "  fabric: %s\n", s.tech);
    }
    stc_text_printf(out, "  nodes: %d\n", d->n_nodes > 0 ? d->n_nodes : 1);
    if (node == NULL && s.intra_known)
        stc_text_printf(
            out,
            "# GPUs of a node: %s. No node of the catalogue is like this one; "
            "describe --node prints a row for it.\n",
            stc_intra_name(s.intra));
}

void stc_describe_node_yaml(const struct stc_describe *d, const struct stc_hw *hw,
                            const char *row_name, struct stc_text *out)
{
    struct summary s;
    char own[64] = "";
    summarise(d, hw, &s);
    sources(d, out);
    not_told(d, &s, true, out);
    remarks(d, &s, out);
    if (s.gpu == NULL)
        stc_text_printf(out, "# To be %s before it is used: gpu\n",
                        lacks_gpu(d, &s) ? "completed" : "filled in");
    if (lacks_gpu(d, &s)) {
        stc_describe_gpu_row(d, hw, "", own, sizeof own, out);
        s.gpu = own;
    }
    stc_text_printf(out, "nodes:\n  %s:\n", row_name);
    stc_text_printf(out, "    gpu: %s\n    gpus: %d\n",
                    s.gpu != NULL ? s.gpu : "unknown", d->n_gpus > 0 ? d->n_gpus : 1);
    const char *fabric = fabric_of(hw, &s);
    if (fabric != NULL) stc_text_printf(out, "    fabric: %s\n", fabric);
    stc_text_printf(out, "    intra: %s\n", stc_intra_name(s.intra));
    if (s.intra == STC_INTRA_NVLINK_MESH || s.intra == STC_INTRA_NVLINK_PAIRS) {
        const char *comma = "";
        stc_text_put(out, "    links: [");
        for (int i = 0; i < d->n_gpus; i++)
            for (int j = i + 1; j < d->n_gpus; j++) {
                int n = d->n_links[i][j];
                if (n < 1) continue;
                stc_text_printf(out, n > 1 ? "%s%d-%dx%d" : "%s%d-%d", comma, i, j, n);
                comma = ", ";
            }
        stc_text_put(out, "]\n");
    }
    if (s.gpus_per_switch > 0)
        stc_text_printf(out, "    pcie: {gpus_per_switch: %d}\n", s.gpus_per_switch);
    if (s.n_nics > 0 && s.nic_Bps > 0.0)
        stc_text_printf(
            out, "    nic: {count: %d, bandwidth: %.6gGbps, kind: %s, on_switch: %s}\n",
            s.n_nics, s.nic_Bps * 8.0 / 1e9,
            s.nic_kind != NULL ? s.nic_kind : "unknown", s.near ? "yes" : "no");
    if (d->cpu_cores > 0 && d->ram_bytes > 0.0)
        stc_text_printf(out, "    host: {cores: %d, ram: %.6gGB}\n", d->cpu_cores,
                        d->ram_bytes / 1e9);
    stc_text_put(out, "    source: described from this machine's own tools\n");
}
