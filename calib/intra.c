#include "calib/intra.h"

#include <stddef.h>
#include <string.h>

/* NVLink generations by product: the makers' datasheets (hw/data/gpus.yaml). */
static const struct {
    const char *gpu, *words;
} rows[] = {
    {"V100-SXM3", "NVLink2 NVSwitch"}, {"V100-SXM", "NVLink2 mesh"},
    {"A100-SXM", "NVLink3 NVSwitch"},  {"A800-SXM", "NVLink3 NVSwitch"},
    {"H100-SXM", "NVLink4 NVSwitch"},  {"H800-SXM", "NVLink4 NVSwitch"},
    {"H20", "NVLink4 NVSwitch"},       {"GH200", "NVLink4 NVSwitch"},
    {"B200", "NVLink5 NVSwitch"},      {"B300", "NVLink5 NVSwitch"},
    {"GB200", "NVLink5 NVSwitch"},     {"GB300", "NVLink5 NVSwitch"},
    {"MI", "Infinity Fabric"},
};

const char *stc_intra_words(const char *gpu)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strncmp(gpu, rows[i].gpu, strlen(rows[i].gpu)) == 0) return rows[i].words;
    return gpu[0] == '\0' || strcmp(gpu, "unknown") == 0 ? "" : "PCIe";
}
