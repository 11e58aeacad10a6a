/* kineto_attn.c - fused attention of a profiler trace as a question of attention_train. */
#include "calib/kineto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/forms.h"

/* Where operators have their tensors and whether they are causal: their schemas in
 * PyTorch's aten/src/ATen/native/native_functions.yaml (2.5 on), and those of the
 * flash-attn package's custom operators. */
static const struct row {
    const char *op, *impl, *phase;
    int query;        /* input that is the query; key and value follow */
    int causal;       /* input that says so */
    bool heads_first; /* [batch, heads, seq, dim], else [batch, seq, heads, dim] */
} rows[] = {
    {"aten::_flash_attention_forward", "PyTorch SDPA (flash)", "fwd", 0, 8, false},
    {"aten::_flash_attention_backward", "PyTorch SDPA (flash)", "bwd", 1, 11, false},
    {"aten::_scaled_dot_product_flash_attention", "PyTorch SDPA (flash)", "fwd", 0, 4,
     true},
    {"aten::_scaled_dot_product_flash_attention_backward", "PyTorch SDPA (flash)",
     "bwd", 1, 11, true},
    {"aten::_cudnn_attention_forward", "cudnn", "fwd", 0, 10, true},
    {"aten::_scaled_dot_product_cudnn_attention", "cudnn", "fwd", 0, 6, true},
    {"aten::_scaled_dot_product_cudnn_attention_backward", "cudnn", "bwd", 1, 14, true},
    {"aten::_efficient_attention_forward", "PyTorch SDPA (efficient)", "fwd", 0, 9,
     false},
    {"aten::_efficient_attention_backward", "PyTorch SDPA (efficient)", "bwd", 1, 14,
     false},
    {"flash_attn::_flash_attn_forward", "PyTorch flash-attn", "fwd", 0, 5, false},
    {"flash_attn::_flash_attn_backward", "PyTorch flash-attn", "bwd", 1, 11, false},
};

/* The index-th of "[a,b,,c]": 1 true (a mask's kind above 0 is causal), 0 false, -1
 * not said. */
static int truth(const char *concrete, int index)
{
    const char *p = concrete + (*concrete == '[');
    for (; index > 0 && p != NULL; index--)
        p = (p = strchr(p, ',')) != NULL ? p + 1 : NULL;
    if (p == NULL) return -1;
    if (strncmp(p, "True", 4) == 0 || strncmp(p, "true", 4) == 0) return 1;
    if (strncmp(p, "False", 5) == 0 || strncmp(p, "false", 5) == 0) return 0;
    return *p >= '0' && *p <= '9' && p[1] != '.' ? *p > '0' : -1;
}

static const char *type_at(const char *types, int index)
{
    const char *p = types + (*types == '[');
    for (; index > 0 && p != NULL; index--)
        p = (p = strchr(p, ',')) != NULL ? p + 1 : NULL;
    return p != NULL ? p : "";
}

bool stc_kin_attention(const struct stc_kin_event *e, struct stc_text *t)
{
    const struct row *r = NULL;
    int n[4];
    int64_t v[4][6];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && r == NULL; i++)
        if (strcmp(e->name, rows[i].op) == 0) r = &rows[i];
    if (r == NULL) return false;
    int q = r->query, k = q + 1, causal = truth(e->concrete, r->causal);
    const char *dtype = stc_kin_dtype(type_at(e->types, q), NULL);
    if (causal < 0 || dtype == NULL || stc_kin_lists(e->dims, n, v) <= k || n[q] != 4 ||
        n[k] != 4)
        return false; /* packed sequences have three: their lengths are not told */
    int seq = r->heads_first ? 2 : 1, head = r->heads_first ? 1 : 2;
    for (int i = 0; i < 4; i++)
        if (v[q][i] < 1 || v[k][i] < 1) return false;
    if (v[q][0] != v[k][0] || v[q][head] % v[k][head] != 0) return false;
    stc_shape_put(t, "impl", r->impl);
    stc_shape_put(t, "phase", r->phase);
    stc_shape_put_i64(t, "causal", causal);
    stc_shape_put(t, "dtype", dtype);
    stc_shape_put_i64(t, "batch", v[q][0]);
    stc_shape_put_i64(t, "heads", v[q][head]);
    stc_shape_put_i64(t, "kv_heads", v[k][head]);
    stc_shape_put_i64(t, "head_dim", v[q][3]);
    stc_shape_put_i64(t, "seqlen_q", v[q][seq]);
    stc_shape_put_i64(t, "seqlen_kv", v[k][seq]);
    return true;
}
