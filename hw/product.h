/*
 * product.h - what drivers and CUDA call a GPU, in the catalogue's names.
 *
 * "NVIDIA H100 80GB HBM3" is H100-SXM5-80GB. Names as printed by nvidia-smi,
 * cudaGetDeviceProperties and rocm-smi, read in public logs.
 */
#ifndef STC_HW_PRODUCT_H
#define STC_HW_PRODUCT_H

#include <stddef.h>

/* The catalogue's name, NULL when the product is not known. mem_bytes (0: not
 * known) tells editions apart that share a name. Static text. */
const char *stc_gpu_of_product(const char *product, double mem_bytes);

/* The row of a product: one of the name as it stands, blanks as '-' and without the
 * maker (a user's catalogue may have it), else the table's; NULL: there is none. */
struct stc_gpu;
struct stc_hw;
const struct stc_gpu *stc_hw_gpu_of_product(const struct stc_hw *hw,
                                            const char *product, double mem_bytes);
/* "NVIDIA H100 CNX" -> "H100-CNX": what a row of it would be called. */
void stc_product_row_name(const char *product, char *out, size_t size);

/* The product without its maker: "NVIDIA A10G" -> "A10G". Points into product. */
const char *stc_product_bare(const char *product);

#endif
