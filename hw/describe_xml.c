/* describe_xml.c - nvidia-smi -q -x, and NCCL's topology files. */
#include "hw/describe.h"
#include "hw/xml_pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ==== nvidia-smi -q -x ==== */

static void keep(char *to, size_t size, const char *from)
{
    if (to[0] == '\0') (void)snprintf(to, size, "%.31s", from);
}

static void product(struct stc_describe *d, const char *text)
{
    if (d->product[0] != '\0' && d->smi && strcmp(d->product, text) != 0)
        d->mixed_gpus = true;
    if (!d->smi || d->product[0] == '\0')
        (void)snprintf(d->product, sizeof d->product, "%.95s", text);
    d->smi = true;
}

static void smi_text(struct stc_describe *d, const struct stc_xml *x, int *n_gpus)
{
    const char *t = x->text;
    if (stc_xml_within(x, "nvidia_smi_log/driver_version"))
        keep(d->driver, sizeof d->driver, t);
    else if (stc_xml_within(x, "nvidia_smi_log/cuda_version"))
        keep(d->cuda, sizeof d->cuda, t);
    else if (stc_xml_within(x, "nvidia_smi_log/attached_gpus"))
        d->n_gpus_told = (int)strtol(t, NULL, 10);
    else if (stc_xml_within(x, "gpu/product_name"))
        product(d, t), ++*n_gpus;
    else if (stc_xml_within(x, "gpu/fb_memory_usage/total"))
        d->gpu_mem_bytes = strtod(t, NULL) * 1048576.0;
    else if (stc_xml_within(x, "gpu/mig_mode/current_mig"))
        d->mig = d->mig || strcmp(t, "Enabled") == 0;
    else if (stc_xml_within(x, "pcie_gen/max_link_gen"))
        d->pcie_gen = (int)strtol(t, NULL, 10);
    else if (stc_xml_within(x, "link_widths/max_link_width"))
        d->pcie_width = (int)strtol(t, NULL, 10);
    else if (stc_xml_within(x, "power_readings/default_power_limit") ||
             stc_xml_within(x, "gpu_power_readings/default_power_limit"))
        d->gpu_power_w = strtod(t, NULL);
}

enum stc_err stc_describe_smi(struct stc_describe *d, const char *name,
                              const char *text, size_t len, struct stc_diag *diag)
{
    static const char mark[] = "<nvidia_smi_log";
    struct stc_xml x;
    enum stc_err err;
    int n = 0;
    /* What a shell printed before it is not XML. */
    const char *end = text + len;
    while (end - text >= (long)sizeof mark && memcmp(text, mark, sizeof mark - 1) != 0)
        text++;
    stc_xml_open(&x, name, text, (size_t)(end - text));
    d->product[0] = '\0';
    while ((err = stc_xml_next(&x, diag)) == STC_OK && x.kind != STC_XML_END) {
        if (x.kind == STC_XML_TEXT) smi_text(d, &x, &n);
        /* A prompt may follow the log, too. */
        if (x.kind == STC_XML_STOP && x.depth == 0) break;
    }
    if (err != STC_OK) return err;
    if (n == 0) return stc_fail(diag, STC_ERR_PARSE, "%s: no GPU in it", name);
    if (d->n_gpus == 0) d->n_gpus = n < STC_NODE_MAX_GPUS ? n : STC_NODE_MAX_GPUS;
    if (n > STC_NODE_MAX_GPUS)
        return stc_fail(diag, STC_ERR_RANGE, "%s: more than %d GPUs in a node", name,
                        STC_NODE_MAX_GPUS);
    if (d->n_gpus_told <= 0) d->n_gpus_told = n;
    d->smi = true;
    return STC_OK;
}

/* ==== NCCL's topology ==== */

/* PCI device ids: appendix "Supported NVIDIA GPU Products" of the driver's README. */
static const struct {
    const char *device, *product;
} devices[] = {
    {"0x1db1", "Tesla V100-SXM2-16GB"},
    {"0x1db5", "Tesla V100-SXM2-32GB"},
    {"0x1db4", "Tesla V100-PCIE-16GB"},
    {"0x1db8", "Tesla V100-SXM3-32GB"},
    {"0x1eb8", "Tesla T4"},
    {"0x20b0", "NVIDIA A100-SXM4-40GB"},
    {"0x20b2", "NVIDIA A100-SXM4-80GB"},
    {"0x20f1", "NVIDIA A100-PCIE-40GB"},
    {"0x20b5", "NVIDIA A100 80GB PCIe"},
    {"0x20f3", "NVIDIA A800-SXM4-80GB"},
    {"0x20b7", "NVIDIA A30"},
    {"0x2235", "NVIDIA A40"},
    {"0x2236", "NVIDIA A10"},
    {"0x2237", "NVIDIA A10G"},
    {"0x27b8", "NVIDIA L4"},
    {"0x26b9", "NVIDIA L40S"},
    {"0x2330", "NVIDIA H100 80GB HBM3"},
    {"0x2331", "NVIDIA H100 PCIe"},
    {"0x2324", "NVIDIA H800"},
    {"0x2329", "NVIDIA H20"},
    {"0x2335", "NVIDIA H200"},
    {"0x2342", "NVIDIA GH200 480GB"},
    {"0x2901", "NVIDIA B200"},
    {"0x2941", "NVIDIA GB200"},
};

struct topo {
    char bus[STC_NODE_MAX_GPUS][24];
    char target[STC_NODE_MAX_GPUS][24][24]; /* of direct links */
    int count[STC_NODE_MAX_GPUS][24], n_targets[STC_NODE_MAX_GPUS];
    int n_gpus, n_cpus, n_switched, n_class_nics;
    char nic_bus[24];
    int gpu_level; /* depth of the PCI bridge above the present device */
};

static bool is_gpu_class(const char *c)
{
    return strncmp(c, "0x0302", 6) == 0 || strncmp(c, "0x0300", 6) == 0;
}

static bool is_nic_class(const char *c)
{
    return strncmp(c, "0x0207", 6) == 0 || strncmp(c, "0x0200", 6) == 0;
}

static void pci(struct stc_describe *d, struct topo *t, const struct stc_xml *x)
{
    const char *cls = stc_xml_attr(x, "class"), *device = stc_xml_attr(x, "device");
    if (is_nic_class(cls)) {
        char name[40];
        t->n_class_nics++;
        (void)snprintf(t->nic_bus, sizeof t->nic_bus, "%.23s",
                       stc_xml_attr(x, "busid"));
        (void)snprintf(name, sizeof name, "pci-%.23s", t->nic_bus);
        struct stc_desc_nic *nic = stc_describe_nic(d, name);
        if (nic == NULL) return;
        nic->ib = strncmp(cls, "0x0207", 6) == 0;
        nic->ethernet = !nic->ib && strcmp(stc_xml_attr(x, "vendor"), "0x15b3") == 0;
        /* Amazon's vendor number: an Elastic Fabric Adapter. */
        nic->efa = strcmp(stc_xml_attr(x, "vendor"), "0x1d0f") == 0;
    }
    if (!is_gpu_class(cls) || t->n_gpus == STC_NODE_MAX_GPUS) return;
    (void)snprintf(t->bus[t->n_gpus++], 24, "%.23s", stc_xml_attr(x, "busid"));
    for (size_t i = 0; i < sizeof devices / sizeof devices[0] && !d->smi; i++)
        if (strcmp(device, devices[i].device) == 0)
            (void)snprintf(d->product, sizeof d->product, "%s", devices[i].product);
}

static void nvlink(struct topo *t, const struct stc_xml *x)
{
    int g = t->n_gpus - 1, count = (int)strtol(stc_xml_attr(x, "count"), NULL, 10);
    if (g < 0 || count < 1 || count > 64) return;
    if (strncmp(stc_xml_attr(x, "tclass"), "0x0680", 6) == 0) {
        if (g == 0) t->n_switched += count;
        return;
    }
    int k = t->n_targets[g];
    if (k == 24) return;
    (void)snprintf(t->target[g][k], 24, "%.23s", stc_xml_attr(x, "target"));
    t->count[g][k] = count;
    t->n_targets[g]++;
}

/* A net says more than the PCI device it sits on, and takes its place. */
static void net(struct stc_describe *d, const struct topo *t, const struct stc_xml *x)
{
    const char *name = stc_xml_attr(x, "name");
    char bus[40];
    bool ib = false, efa = false, ethernet = false;
    if (name[0] == '\0') return;
    (void)snprintf(bus, sizeof bus, "pci-%.23s", t->nic_bus);
    for (int i = 0; i < d->n_nics; i++) {
        if (strcmp(d->nic[i].name, bus) != 0) continue;
        ib = d->nic[i].ib;
        efa = d->nic[i].efa;
        ethernet = d->nic[i].ethernet;
        d->nic[i] = d->nic[--d->n_nics];
        break;
    }
    struct stc_desc_nic *nic = stc_describe_nic(d, name);
    double mbps = strtod(stc_xml_attr(x, "speed"), NULL);
    if (nic == NULL) return;
    if (mbps > 0.0 && mbps < 1e7) nic->Bps = mbps * 1e6 / 8.0;
    nic->ib = nic->ib || ib;
    nic->efa = nic->efa || efa;
    nic->ethernet = nic->ethernet || ethernet;
}

static void links(struct stc_describe *d, const struct topo *t)
{
    for (int i = 0; i < t->n_gpus; i++)
        for (int k = 0; k < t->n_targets[i]; k++)
            for (int j = 0; j < t->n_gpus; j++) {
                if (i == j || strcmp(t->bus[j], t->target[i][k]) != 0) continue;
                d->n_links[i][j] = t->count[i][k];
                d->rel[i][j] = STC_REL_NV;
            }
}

enum stc_err stc_describe_nccl(struct stc_describe *d, const char *name,
                               const char *text, size_t len, struct stc_diag *diag)
{
    struct topo t = {.n_gpus = 0};
    struct stc_xml x;
    enum stc_err err;
    stc_xml_open(&x, name, text, len);
    while ((err = stc_xml_next(&x, diag)) == STC_OK && x.kind != STC_XML_END) {
        if (x.kind != STC_XML_START) continue;
        if (strcmp(x.tag, "cpu") == 0) t.n_cpus++;
        if (strcmp(x.tag, "pci") == 0) pci(d, &t, &x);
        if (strcmp(x.tag, "nvlink") == 0) nvlink(&t, &x);
        if (strcmp(x.tag, "net") == 0) net(d, &t, &x);
    }
    if (err != STC_OK) return err;
    if (t.n_gpus == 0)
        return stc_fail(diag, STC_ERR_PARSE, "%s: no GPU in it (class 0x0302)", name);
    if (!d->topo) {
        d->n_gpus = t.n_gpus;
        links(d, &t);
    }
    d->links_per_gpu = t.n_switched;
    if (d->n_sockets == 0) d->n_sockets = t.n_cpus;
    d->nccl = true;
    return STC_OK;
}
