/* describe_json.c - see describe_json.h. */
#include "reports/describe_json.h"

#include "reports/json_util.h"
#include "sim/base/arena.h"
#include "sim/base/doc.h"

#include <string.h>

static json_t *scalar(const struct stc_node *n)
{
    double v;
    int64_t i;
    if (!n->quoted && stc_text_to_i64(n->text, &i)) return json_integer(i);
    if (!n->quoted && stc_text_to_double(n->text, &v)) return stc_json_num(v);
    return json_string(n->text);
}

/* Depth is bounded by the document's (doc.h). */
static json_t *value(const struct stc_node *n)
{
    json_t *j;
    if (n->kind == STC_NODE_SCALAR) return scalar(n);
    if (n->kind != STC_NODE_MAP && n->kind != STC_NODE_LIST) return json_null();
    j = n->kind == STC_NODE_MAP ? json_object() : json_array();
    for (const struct stc_node *c = n->first; c; c = c->next)
        if (n->kind == STC_NODE_MAP)
            stc_json_put(j, c->key, value(c));
        else
            json_array_append_new(j, value(c));
    return j;
}

static json_t *remarks(const char *yaml)
{
    json_t *list = json_array();
    while (*yaml) {
        size_t n = strcspn(yaml, "\n");
        const char *at = yaml + strspn(yaml, " ");
        if (*at == '#') {
            at += 1 + strspn(at + 1, " ");
            json_array_append_new(list, json_stringn(at, (size_t)(yaml + n - at)));
        }
        yaml += n + (yaml[n] == '\n');
    }
    return list;
}

enum stc_err stc_report_describe_json(const char *yaml, struct stc_text *out,
                                      struct stc_diag *diag)
{
    struct stc_arena a = STC_ARENA_INIT;
    const struct stc_node *root = NULL;
    enum stc_err err =
        stc_doc_parse_yaml(&a, "cluster", yaml, strlen(yaml), &root, diag);
    if (err == STC_OK) {
        json_t *doc = stc_json_document("cluster", 1);
        for (const struct stc_node *c = root->first; c; c = c->next)
            stc_json_put(doc, c->key, value(c));
        stc_json_put(doc, "remarks", remarks(yaml));
        stc_json_put(doc, "yaml", json_string(yaml));
        err = stc_json_text(doc, out, diag);
    }
    stc_arena_free(&a);
    return err;
}
