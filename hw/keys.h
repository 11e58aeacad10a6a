/*
 * keys.h - the keys of a row of each catalogue file, as bind tables.
 *
 * The same rows read hw/data, a user's file and the figures that a scenario
 * changes on its own copy (`cluster: {use: dgx-a100-80gb, node: {nics: 4}}`:
 * bind into cluster.node, then stc_cluster_finish).
 *
 * Names are not keys: a row's name is the key it stands under. Besides the
 * rows, a row may hold `like: NAME` (start from that row) and nodes `links`
 * ([0-1, 0-3x2]: a mesh), which hw/catalogue.c reads.
 */
#ifndef STC_HW_KEYS_H
#define STC_HW_KEYS_H

#include "sim/base/bind.h"

extern const struct stc_bind_table stc_gpu_keys;     /* struct stc_gpu */
extern const struct stc_bind_table stc_hw_node_keys; /* struct stc_hw_node */
extern const struct stc_bind_table stc_fabric_keys;  /* struct stc_fabric */

#endif
