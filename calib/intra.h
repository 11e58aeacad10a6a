/*
 * intra.h - how the GPUs of the usual node of a GPU reach each other, in the
 * words of truth/micro/collectives.csv ("NVLink4 NVSwitch", "PCIe").
 */
#ifndef STC_CALIB_INTRA_H
#define STC_CALIB_INTRA_H

/* "" for a GPU that the catalogue does not know. Static text. */
const char *stc_intra_words(const char *gpu);

#endif
