/* Reached: import_ncclt.c, source.c. Holds: tests/fuzz/fuzz_import.h. */
#include "tests/fuzz/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_import(stc_import_ncclt, data, size);
    return 0;
}
