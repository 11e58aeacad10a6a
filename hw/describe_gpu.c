/* describe_gpu.c - the GPU of a description: its row, or how to write one. */
#include "hw/describe.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hw/catalogue.h"
#include "hw/product.h"
#include "sim/base/text.h"

const struct stc_gpu *stc_describe_gpu(const struct stc_describe *d,
                                       const struct stc_hw *hw)
{
    static const struct {
        const char *gres, *product;
    } rows[] = {{"a100", "A100-SXM4-80GB"}, {"h100", "H100 80GB HBM3"},
                {"h200", "H200"},           {"b200", "B200"},
                {"v100", "V100-SXM2"},      {"l40s", "L40S"},
                {"gh200", "GH200 480GB"},   {"a40", "A40"}};
    if (d->product[0] == '\0') return NULL;
    const struct stc_gpu *gpu = stc_hw_gpu_of_product(hw, d->product, d->gpu_mem_bytes);
    for (size_t i = 0; gpu == NULL && i < sizeof rows / sizeof rows[0]; i++)
        if (strcasecmp(d->product, rows[i].gres) == 0)
            gpu = stc_hw_gpu_of_product(hw, rows[i].product, d->gpu_mem_bytes);
    return gpu;
}

/* The catalogue's GPU of the same first word ("H100") whose memory is nearest. */
static const struct stc_gpu *nearest(const struct stc_describe *d,
                                     const struct stc_hw *hw, const char *name)
{
    const struct stc_gpu *best = NULL;
    double least = INFINITY;
    size_t n = strcspn(name, "-");
    for (size_t i = 0; n > 0 && i < stc_hw_n_gpus(hw); i++) {
        const struct stc_gpu *g = stc_hw_gpu_at(hw, i);
        double apart = fabs(g->mem_bytes - d->gpu_mem_bytes);
        if (strncasecmp(g->name, name, n) != 0 || isalnum((unsigned char)g->name[n]))
            continue;
        if (apart >= least) continue;
        best = g;
        least = apart;
    }
    return best;
}

void stc_describe_gpu_row(const struct stc_describe *d, const struct stc_hw *hw,
                          const char *margin, char *name, size_t size,
                          struct stc_text *out)
{
    stc_product_row_name(d->product, name, size);
    if (name[0] == '\0') snprintf(name, size, "my-gpu");
    const struct stc_gpu *like = nearest(d, hw, name);
    stc_text_printf(out, "%sgpus:\n%s  %s:\n%s    like: %s # ", margin, margin, name,
                    margin, like ? like->name : "NAME");
    stc_text_put(out, like ? "the nearest by name and memory\n"
                           : "the nearest of stepcast list gpus\n");
    if (d->gpu_mem_bytes > 0)
        stc_text_printf(out, "%s    memory: {size: %.0fMiB} # add bandwidth: ...\n",
                        margin, d->gpu_mem_bytes / 1048576.0);
    if (d->gpu_power_w > 0)
        stc_text_printf(out, "%s    tdp: %.6gW\n", margin, d->gpu_power_w);
    stc_text_printf(out, "%s    source: its data sheet; say what else differs\n",
                    margin);
}
