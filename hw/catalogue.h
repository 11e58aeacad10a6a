/*
 * catalogue.h - GPUs, nodes and fabrics by name.
 *
 * The rows are YAML (hw/data), embedded at build time, every one with its
 * source; documents loaded later (a user's file) win over rows of the same
 * name, and a row may start from another by `like: NAME`. Names are compared
 * without regard to case. Unknown names are errors that list near ones.
 *
 * OWNERSHIP. Everything lives in the arena given to stc_hw_load. Rows found
 * stay valid for the arena's life; adding a document does not move them but
 * later finds give the new ones.
 * Immutable while only finds are called: shared by threads.
 */
#ifndef STC_HW_CATALOGUE_H
#define STC_HW_CATALOGUE_H

#include "hw/cluster.h"
#include "hw/fabric.h"
#include "hw/gpu.h"
#include "hw/node.h"
#include "sim/base/arena.h"
#include "sim/base/err.h"

#include <stddef.h>

struct stc_hw;

/* The embedded catalogue. */
STC_MUST_USE enum stc_err stc_hw_load(struct stc_arena *a, struct stc_hw **out,
                                      struct stc_diag *diag);
/* The same rows in an arena of its own, to be laid over: `base` stays as it is and
 * must outlive it. */
STC_MUST_USE enum stc_err stc_hw_copy(struct stc_arena *a, const struct stc_hw *base,
                                      struct stc_hw **out, struct stc_diag *diag);
/* Adds the rows of a YAML text with the keys `gpus`, `nodes`, `fabrics` (any of
 * them); `file` is for messages. Refused text changes nothing. */
STC_MUST_USE enum stc_err stc_hw_add_yaml(struct stc_hw *hw, const char *text,
                                          size_t len, const char *file,
                                          struct stc_diag *diag);

/* The same of documents together, whose other sections somebody else reads: a row
 * may name rows of any of them, and of two of one name the later counts. */
struct stc_node;
STC_MUST_USE enum stc_err stc_hw_add_docs(struct stc_hw *hw,
                                          const struct stc_node *const *roots, size_t n,
                                          struct stc_diag *diag);

STC_MUST_USE enum stc_err stc_hw_find_gpu(const struct stc_hw *hw, const char *name,
                                          const struct stc_gpu **out,
                                          struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_hw_find_node(const struct stc_hw *hw, const char *name,
                                           const struct stc_hw_node **out,
                                           struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_hw_find_fabric(const struct stc_hw *hw, const char *name,
                                             const struct stc_fabric **out,
                                             struct stc_diag *diag);

/* Lists in the order of the files; user rows in the place of those they hide.
 */
size_t stc_hw_n_gpus(const struct stc_hw *hw);
const struct stc_gpu *stc_hw_gpu_at(const struct stc_hw *hw, size_t i);
size_t stc_hw_n_nodes(const struct stc_hw *hw);
const struct stc_hw_node *stc_hw_node_at(const struct stc_hw *hw, size_t i);
size_t stc_hw_n_fabrics(const struct stc_hw *hw);
const struct stc_fabric *stc_hw_fabric_at(const struct stc_hw *hw, size_t i);

#endif
