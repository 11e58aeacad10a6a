/* Reached: import_csv.c, forms.c. Holds: tests/fuzz/fuzz_import.h. */
#include "tests/fuzz/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_import(stc_import_csv, data, size);
    return 0;
}
