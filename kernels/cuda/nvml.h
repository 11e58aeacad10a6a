/*
 * nvml.h - clocks, power and temperature of one GPU, where the driver tells.
 *
 * THEORY. libnvidia-ml.so.1 comes with the driver, so it is opened at run time:
 * the program links and starts on machines without one, and every reading is
 * then "unknown" (NaN, an empty field). Only readings are made: nothing here can
 * change a clock, a limit or a mode.
 *
 * Function names and meanings: NVIDIA Management Library reference manual.
 */
#ifndef STC_KERNELS_CUDA_NVML_H
#define STC_KERNELS_CUDA_NVML_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stc_nvml {
    void *lib;
    void *device;
    void *clock_info, *power_usage, *temperature;
    char driver[80]; /* version, "" when unknown */
};

struct stc_gpu_state {
    double sm_mhz, mem_mhz, power_w, temp_c; /* NaN: unknown */
};

/* pci_bus_id as cudaDeviceGetPCIBusId prints it. Never fails: what is missing
 * stays unknown. */
void stc_nvml_open(struct stc_nvml *nvml, const char *pci_bus_id);
struct stc_gpu_state stc_nvml_read(const struct stc_nvml *nvml);
void stc_nvml_close(struct stc_nvml *nvml);

#ifdef __cplusplus
}
#endif
#endif
