/* Reached: doc_yaml.c, doc_build.c and the getters of doc.c. Holds: fuzz_doc.h. */
#include "tests/fuzz/fuzz_doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_doc(stc_doc_parse_yaml, data, size);
}
