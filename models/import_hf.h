/*
 * import_hf.h - a Hugging Face config.json as a model.
 *
 * THEORY. A config names an architecture (`model_type`) and sizes under keys
 * that differ by family. One row per architecture (import_hf.c) says what its
 * code does and the config does not print: gated or not, which norms, which
 * biases, tied or not. SOURCE of the rows: transformers' modeling and
 * configuration files of the types, and the totals that publishers state.
 *
 * ERRORS. UNKNOWN for a type without a row (near names are listed), PARSE for a
 * file that is not a config or lacks a size, RANGE for sizes that do not fit.
 */
#ifndef STC_MODELS_IMPORT_HF_H
#define STC_MODELS_IMPORT_HF_H

#include "models/model.h"
#include "sim/base/doc.h"

/* The config is the root of a parsed JSON document; `name` becomes the model's. */
enum stc_err stc_import_hf(const struct stc_node *config, const char *name,
                           struct stc_model *out, struct stc_diag *diag) STC_MUST_USE;
/* The same from a file; the name is the file's without folder and ending, or
 * its folder's when the file is called config.json. */
enum stc_err stc_import_hf_file(const char *path, struct stc_model *out,
                                struct stc_diag *diag) STC_MUST_USE;

int stc_import_hf_n(void);             /* architectures that are known */
const char *stc_import_hf_type(int i); /* "llama", … */

#endif
