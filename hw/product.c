#include "hw/product.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "hw/catalogue.h"

/* ORDER: the first row whose words begin the product and whose memory (in GB,
 * 0: any) is not exceeded wins. `end`: nothing may follow but other words. */
static const struct {
    const char *words;
    double least_GB;
    const char *name;
} rows[] = {
    {"V100-SXM2-16GB", 0, "V100-SXM2-16GB"},
    {"V100-SXM2-32GB", 0, "V100-SXM2-32GB"},
    {"V100-SXM2", 20, "V100-SXM2-32GB"},
    {"V100-SXM2", 0, "V100-SXM2-16GB"},
    {"V100-SXM3-32GB", 0, "V100-SXM3-32GB"},
    {"V100-SXM3", 0, "V100-SXM3-32GB"},
    {"V100-PCIE-16GB", 0, "V100-PCIe-16GB"},
    {"T4", 0, "T4"},
    {"A100-SXM4-40GB", 0, "A100-SXM4-40GB"},
    {"A100-SXM4-80GB", 0, "A100-SXM4-80GB"},
    {"A100-SXM-80GB", 0, "A100-SXM4-80GB"},
    {"A100-SXM-40GB", 0, "A100-SXM4-40GB"},
    {"A100-SXM-64GB", 0, NULL},
    {"A100-PG509-200", 0, "A100-SXM4-40GB"},
    {"A100-PCIE-40GB", 0, "A100-PCIe-40GB"},
    {"A100-PCIE-80GB", 0, "A100-PCIe-80GB"},
    {"A100 80GB PCIE", 0, "A100-PCIe-80GB"},
    {"A800-SXM4-80GB", 0, "A800-SXM4-80GB"},
    {"A30", 0, "A30"},
    {"A40", 0, "A40"},
    {"A10", 0, "A10"},
    {"A10G", 0, "A10G"},
    {"RTX A6000", 0, "RTX-A6000"},
    {"RTX 6000 ADA", 0, "RTX-6000-Ada"},
    {"GEFORCE RTX 3090 TI", 0, NULL}, /* editions of other multiprocessors */
    {"GEFORCE RTX 4090 D", 0, NULL},
    {"GEFORCE RTX 4090 LAPTOP", 0, NULL},
    {"GEFORCE RTX 5090 D", 0, NULL},
    {"GEFORCE RTX 5090 LAPTOP", 0, NULL},
    {"GEFORCE RTX 3090", 0, "GeForce-RTX-3090"},
    {"GEFORCE RTX 4090", 0, "GeForce-RTX-4090"},
    {"GEFORCE RTX 5090", 0, "GeForce-RTX-5090"},
    {"RTX 3090", 0, "GeForce-RTX-3090"},
    {"RTX 4090", 0, "GeForce-RTX-4090"},
    {"RTX 5090", 0, "GeForce-RTX-5090"},
    {"L40S", 0, "L40S"},
    {"L40", 0, "L40"},
    {"L20", 0, "L20"},
    {"L4", 0, "L4"},
    {"H100 80GB HBM3", 0, "H100-SXM5-80GB"},
    {"H100 80GB HBM2E", 0, "H100-PCIe-80GB"},
    {"H100 SXM5", 0, "H100-SXM5-80GB"},
    {"H100-SXM5-80GB", 0, "H100-SXM5-80GB"},
    {"H100 PCIE", 0, "H100-PCIe-80GB"},
    {"H100-PCIE-80GB", 0, "H100-PCIe-80GB"},
    {"H100-SXM5-96GB", 0, NULL},
    {"H100 NVL", 0, "H100-NVL-94GB"},
    {"H100-NVL", 0, "H100-NVL-94GB"},
    {"H100", 90, NULL}, /* 94 and 96 GB editions differ in memory and power */
    {"H100", 0, "H100-SXM5-80GB"},
    {"H800 PCIE", 0, NULL},
    {"H800", 0, "H800-SXM5-80GB"},
    {"H200 NVL", 0, "H200-NVL-141GB"},
    {"H200-NVL", 0, "H200-NVL-141GB"},
    {"H200", 0, "H200-SXM-141GB"},
    {"H20-3E", 0, NULL},
    {"H20", 120, NULL},
    {"H20", 0, "H20-SXM-96GB"},
    {"GH200 144G", 0, "GH200-144GB"},
    {"GH200-144GB", 0, "GH200-144GB"},
    {"GH200", 120, "GH200-144GB"},
    {"GH200", 0, "GH200-96GB"},
    {"B200", 0, "B200-SXM-180GB"},
    {"B300", 0, "B300-SXM-288GB"},
    {"GB200", 0, "GB200-NVL72"},
    {"GB300", 0, "GB300-NVL72"},
    {"RTX PRO 6000 BLACKWELL", 0, "RTX-PRO-6000-96GB"},
    {"MI250X", 0, "MI250X"},
    {"MI300X", 0, "MI300X"},
};

static size_t skip_word(const char *s, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < n; i++)
        if (toupper((unsigned char)s[i]) != word[i]) return 0;
    return s[n] == ' ' ? n + 1 : 0;
}

const char *stc_product_bare(const char *product)
{
    static const char *const makers[] = {"NVIDIA", "TESLA", "AMD", "INSTINCT"};
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
        product += skip_word(product, makers[i]);
    return product;
}

const char *stc_gpu_of_product(const char *product, double mem_bytes)
{
    const char *p = stc_product_bare(product);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *w = rows[i].words;
        size_t n = 0;
        while (w[n] != '\0' && toupper((unsigned char)p[n]) == w[n])
            n++;
        /* "A10" is no A10G: the word must end. */
        if (w[n] != '\0' || isalnum((unsigned char)p[n])) continue;
        if (rows[i].least_GB > 0.0 && mem_bytes < rows[i].least_GB * 1e9) continue;
        return rows[i].name;
    }
    return NULL;
}

void stc_product_row_name(const char *product, char *out, size_t size)
{
    size_t n = 0;
    for (const char *p = stc_product_bare(product); *p && n + 1 < size; p++) {
        if (isalnum((unsigned char)*p) || *p == '.' || *p == '_')
            out[n++] = *p;
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    out[n] = '\0';
}

const struct stc_gpu *stc_hw_gpu_of_product(const struct stc_hw *hw,
                                            const char *product, double mem_bytes)
{
    const struct stc_gpu *gpu = NULL;
    char own[64];
    stc_product_row_name(product, own, sizeof own);
    bool found = own[0] && stc_hw_find_gpu(hw, own, &gpu, NULL) == STC_OK;
    if (found && strcasecmp(gpu->name, own) == 0) return gpu;
    /* an alias is only a word for it where the table has none */
    const char *name = stc_gpu_of_product(product, mem_bytes);
    if (name) found = stc_hw_find_gpu(hw, name, &gpu, NULL) == STC_OK;
    return found ? gpu : NULL;
}
