#include "nvml.h"

#include <dlfcn.h>
#include <math.h>
#include <string.h>

/* The library's own names for these: NVML_CLOCK_SM, NVML_CLOCK_MEM,
 * NVML_TEMPERATURE_GPU. Results are 0 on success. */
enum { CLOCK_SM = 1, CLOCK_MEM = 2, SENSOR_GPU = 0 };

typedef int no_args_fn(void);
typedef int by_bus_fn(const char *, void **);
typedef int driver_fn(char *, unsigned);
typedef int reading_fn(void *, unsigned *);
typedef int kind_reading_fn(void *, int, unsigned *);

/* ISO C has no cast from object to function pointer; POSIX says the bits fit. */
#define CALL(type, address, args)       \
 do {                                   \
  type *fn_ = NULL;                     \
  memcpy(&fn_, &(address), sizeof fn_); \
  result = fn_ ? fn_ args : -1;         \
 } while (0)

void stc_nvml_open(struct stc_nvml *nvml, const char *pci_bus_id)
{
    void *init, *find, *driver;
    int result;
    memset(nvml, 0, sizeof *nvml);
    nvml->lib = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!nvml->lib) return;
    init = dlsym(nvml->lib, "nvmlInit_v2");
    find = dlsym(nvml->lib, "nvmlDeviceGetHandleByPciBusId_v2");
    driver = dlsym(nvml->lib, "nvmlSystemGetDriverVersion");
    nvml->clock_info = dlsym(nvml->lib, "nvmlDeviceGetClockInfo");
    nvml->power_usage = dlsym(nvml->lib, "nvmlDeviceGetPowerUsage");
    nvml->temperature = dlsym(nvml->lib, "nvmlDeviceGetTemperature");
    CALL(no_args_fn, init, ());
    if (result != 0) return;
    CALL(driver_fn, driver, (nvml->driver, sizeof nvml->driver));
    if (result != 0) nvml->driver[0] = '\0';
    CALL(by_bus_fn, find, (pci_bus_id, &nvml->device));
    if (result != 0) nvml->device = NULL;
}

struct stc_gpu_state stc_nvml_read(const struct stc_nvml *nvml)
{
    struct stc_gpu_state s = {(double)NAN, (double)NAN, (double)NAN, (double)NAN};
    unsigned value = 0;
    int result;
    if (!nvml->device) return s;
    CALL(kind_reading_fn, nvml->clock_info, (nvml->device, CLOCK_SM, &value));
    if (result == 0) s.sm_mhz = value;
    CALL(kind_reading_fn, nvml->clock_info, (nvml->device, CLOCK_MEM, &value));
    if (result == 0) s.mem_mhz = value;
    CALL(reading_fn, nvml->power_usage, (nvml->device, &value));
    if (result == 0) s.power_w = value / 1000.0;
    CALL(kind_reading_fn, nvml->temperature, (nvml->device, SENSOR_GPU, &value));
    if (result == 0) s.temp_c = value;
    return s;
}

void stc_nvml_close(struct stc_nvml *nvml)
{
    if (nvml->lib) dlclose(nvml->lib);
    memset(nvml, 0, sizeof *nvml);
}
