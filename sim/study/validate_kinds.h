/* validate_kinds.h - private to validate's kinds: the tables of validate_micro.c and
 * validate_course.c. */
#ifndef STC_STUDY_VALIDATE_KINDS_H
#define STC_STUDY_VALIDATE_KINDS_H

#include "sim/study/validate.h"

extern const struct stc_vkind stc_vkind_gemm, stc_vkind_gemm_torch,
    stc_vkind_attention_prefill, stc_vkind_attention_decode, stc_vkind_attention_train,
    stc_vkind_moe, stc_vkind_collectives, stc_vkind_memory, stc_vkind_course;

#endif
