/* validate_kinds.h - private to validate's kinds: the tables of validate_micro.c and
 * validate_course.c. */
#ifndef STC_STUDY_VALIDATE_KINDS_H
#define STC_STUDY_VALIDATE_KINDS_H

#include "sim/study/validate.h"

extern const struct stc_vkind stc_vkind_gemm, stc_vkind_gemm_torch,
    stc_vkind_attention_prefill, stc_vkind_attention_decode, stc_vkind_attention_train,
    stc_vkind_moe, stc_vkind_collectives, stc_vkind_memory, stc_vkind_course;

/* ---- validate_row.c ---- */

/* Cells by column of the kind: a scenario, unresolved, or a query. A framework that
 * models/stacks does not know gets a stand-in. */
STC_MUST_USE enum stc_err stc_vrow_scenario(const struct stc_vkind *kind,
                                            const struct stc_catalogues *own,
                                            const char *const *cell,
                                            struct stc_scenario *s,
                                            struct stc_diag *diag);
STC_MUST_USE enum stc_err stc_vrow_query(const struct stc_vkind *kind,
                                         const char *const *cell, struct stc_query *q,
                                         struct stc_diag *diag);

/* As if nobody knew the framework: the well-known one of its age that works alike,
 * sharded data parallel (DeepSpeed came first, then FSDP, then FSDP2) or Megatron's
 * tensor and pipeline parallelism, and stack.guessed. */
STC_MUST_USE enum stc_err stc_vrow_stand_in(struct stc_scenario *s,
                                            struct stc_diag *diag);

#endif
