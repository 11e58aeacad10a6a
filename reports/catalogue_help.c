/* catalogue_help.c - see catalogue_help.h. */
#include "reports/catalogue_help.h"

#include "hw/keys.h"
#include "models/model.h"
#include "models/stack.h"

/* A transcript simulates with it, so it cannot go stale. */
static const char about[] =
    "A catalogue brings GPUs, nodes, fabrics, models and stacks of your own, without "
    "building:\n"
    "a YAML file, or a folder of them, laid over what the program ships. It is named "
    "by\n"
    "\n"
    "  --catalogue FILE|DIR   any number; the later lies above\n"
    "  STEPCAST_CATALOGUE     files and folders with : between them; --catalogue lies "
    "above\n"
    "  catalogue: FILE|DIR    in a scenario, beside the scenario's file; both lie "
    "above\n"
    "\n"
    "A row may say `like: NAME` and then only what differs; a row of a shipped name "
    "takes its\n"
    "place. stepcast show NAME prints all that a row holds. An example:\n"
    "\n"
    "  gpus:\n"
    "    H100-64GB:\n"
    "      like: H100-SXM5-80GB\n"
    "      memory: {size: 65536MiB, bandwidth: 2.0TB/s}\n"
    "      source: our data sheet\n"
    "  nodes:\n"
    "    our-node:\n"
    "      like: dgx-h100\n"
    "      gpu: H100-64GB\n"
    "      fabric: our-network\n"
    "      nic: {count: 4, bandwidth: 200Gbps}\n"
    "      reference: yes          # what cluster: {gpu: H100-64GB} stands for\n"
    "  fabrics:\n"
    "    our-network: {like: ib-ndr, link: 200Gbps, oversubscription: 2}\n"
    "  models:\n"
    "    our-9b: {like: llama-3-8b, n_layers: 36}\n"
    "  stacks:\n"
    "    our-fsdp: {like: torchtitan-2025, prefetch_layers: 2}\n"
    "  prices:\n"
    "    - {gpu: H100-64GB, usd_per_gpu_hour: 2.1}\n"
    "\n"
    "Files of hw/data, models/data and models/stacks and what stepcast import hf and "
    "stepcast\n"
    "describe --node print are catalogues as they stand (models and stacks may do "
    "without\n"
    "their section). Kernels of a GPU that nobody measured are forecast from its "
    "generation and\n"
    "its specification.\n";

void stc_report_catalogue_help(struct stc_text *out)
{
    static const struct {
        const char *title;
        const struct stc_bind_table *(*keys)(void);
        const struct stc_bind_table *table;
    } kinds[] = {
        {"Keys of a GPU", NULL, &stc_gpu_keys},
        {"Keys of a node, and links: [0-1, 0-3x2] of a mesh", NULL, &stc_hw_node_keys},
        {"Keys of a fabric", NULL, &stc_fabric_keys},
        {"Keys of a model, and alias: [NAME, ...]", stc_model_keys, NULL},
        {"Keys of a stack, and alias, frameworks: [NAME, ...], years: [FROM, TO], "
         "fused: [OP, ...]",
         stc_stack_keys, NULL}};
    stc_text_put(out, about);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        stc_text_printf(out, "\n%s\n\n", kinds[i].title);
        stc_bind_help(kinds[i].table ? kinds[i].table : kinds[i].keys(), false, out);
    }
}
