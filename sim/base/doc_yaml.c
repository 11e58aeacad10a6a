#include <string.h>
#include <yaml.h>

#include "sim/base/doc_build.h"

static int line_of(yaml_mark_t m)
{
    return (int)(m.line < 1000000000 ? m.line + 1 : 0);
}
static int column_of(yaml_mark_t m)
{
    return (int)(m.column < 1000000000 ? m.column + 1 : 0);
}

static bool is_null(const yaml_event_t *e)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp((const char *)e->data.scalar.value, words[i]) == 0) return true;
    return false;
}

static bool is_anchored(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_ALIAS_EVENT: return true;
    case YAML_SCALAR_EVENT: return e->data.scalar.anchor != NULL;
    case YAML_SEQUENCE_START_EVENT: return e->data.sequence_start.anchor != NULL;
    case YAML_MAPPING_START_EVENT: return e->data.mapping_start.anchor != NULL;
    default: return false;
    }
}

static const char *tag_of(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return (const char *)e->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT: return (const char *)e->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT: return (const char *)e->data.mapping_start.tag;
    default: return NULL;
    }
}

static enum stc_err add_scalar(struct stc_doc_build *b, const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t len = e->data.scalar.length;
    int line = line_of(e->start_mark), column = column_of(e->start_mark);
    if (stc_doc_wants_key(b)) return stc_doc_key(b, text, len, line, column);
    enum stc_err err = stc_doc_add(b, is_null(e) ? STC_NODE_NULL : STC_NODE_SCALAR,
                                   text, len, line, column);
    if (err == STC_OK && e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        stc_doc_set_quoted(b);
    return err;
}

static enum stc_err add_event(struct stc_doc_build *b, const yaml_event_t *e)
{
    int line = line_of(e->start_mark), column = column_of(e->start_mark);
    const char *tag = tag_of(e);
    if (is_anchored(e))
        return stc_fail(
            b->diag, STC_ERR_PARSE,
            "%s:%d: anchors and aliases (& and *) are not read; write the value out",
            b->file, line);
    if (tag != NULL && strncmp(tag, "tag:yaml.org,2002:", 18) != 0 &&
        strcmp(tag, "!") != 0)
        return stc_fail(b->diag, STC_ERR_PARSE, "%s:%d: the tag \"%.60s\" is not known",
                        b->file, line, tag);
    bool is_start =
        e->type == YAML_SEQUENCE_START_EVENT || e->type == YAML_MAPPING_START_EVENT;
    if (is_start && stc_doc_wants_key(b))
        return stc_fail(b->diag, STC_ERR_PARSE, "%s:%d: a key must be a plain word",
                        b->file, line);
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->root == NULL) return STC_OK;
        return stc_fail(b->diag, STC_ERR_PARSE, "%s:%d: a second document; one is read",
                        b->file, line);
    case YAML_SCALAR_EVENT: return add_scalar(b, e);
    case YAML_SEQUENCE_START_EVENT:
        return stc_doc_add(b, STC_NODE_LIST, "", 0, line, column);
    case YAML_MAPPING_START_EVENT:
        return stc_doc_add(b, STC_NODE_MAP, "", 0, line, column);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: stc_doc_pop(b); return STC_OK;
    default: return STC_OK;
    }
}

static enum stc_err syntax(struct stc_doc_build *b, const yaml_parser_t *p)
{
    const char *problem = p->problem != NULL ? p->problem : "not YAML";
    if (p->error == YAML_MEMORY_ERROR)
        return stc_fail(b->diag, STC_ERR_NOMEM, "%s: out of memory", b->file);
    if (p->error == YAML_READER_ERROR)
        return stc_fail(b->diag, STC_ERR_PARSE, "%s: byte %zu: %s", b->file,
                        p->problem_offset, problem);
    return stc_fail(b->diag, STC_ERR_PARSE, "%s:%d: %s%s%s", b->file,
                    line_of(p->problem_mark), problem, p->context != NULL ? " " : "",
                    p->context != NULL ? p->context : "");
}

/* libyaml compares each %TAG with all before it: a file of nothing else would take
 * hours. No file here needs one. */
static enum stc_err check_directives(const char *name, const char *text, size_t len,
                                     struct stc_diag *diag)
{
    enum { MOST = 16 };
    const char *end = text + len;
    int n = 0, line = 1;
    for (const char *at = text; at != NULL && end - at > 4; line++) {
        n += memcmp(at, "%TAG", 4) == 0;
        if (n > MOST)
            return stc_fail(diag, STC_ERR_PARSE, "%s:%d: more than %d %%TAG directives",
                            name, line, MOST);
        at = memchr(at, '\n', (size_t)(end - at));
        if (at != NULL) at++;
    }
    return STC_OK;
}

enum stc_err stc_doc_parse_yaml(struct stc_arena *a, const char *name, const char *text,
                                size_t len, const struct stc_node **out,
                                struct stc_diag *diag)
{
    struct stc_doc_build b;
    yaml_parser_t parser;
    bool end = false;
    enum stc_err err = check_directives(name, text, len, diag);
    if (err == STC_OK) err = stc_doc_begin(&b, a, name, diag);
    if (err != STC_OK) return err;
    if (!yaml_parser_initialize(&parser))
        return stc_fail(diag, STC_ERR_NOMEM, "%s: out of memory", name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    while (err == STC_OK && !end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            err = syntax(&b, &parser);
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        err = add_event(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    /* An empty file, or one of comments only, says nothing: an empty map. */
    if (err == STC_OK && (b.root == NULL || b.root->kind == STC_NODE_NULL)) {
        b.root = NULL;
        err = stc_doc_add(&b, STC_NODE_MAP, "", 0, 1, 1);
    }
    if (err == STC_OK) *out = b.root;
    return err;
}
