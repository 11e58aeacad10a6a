/* Reached: import_kineto.c, kineto_event.c, json_pull.c, opstats.c. Holds: tests/fuzz/fuzz_import.h. */
#include "tests/fuzz/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_import(stc_import_kineto, data, size);
    return 0;
}
