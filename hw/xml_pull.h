/*
 * xml_pull.h - the little XML that nvidia-smi -q -x and NCCL's topology files
 * are written in, one token at a time.
 *
 * Elements, attributes, text and the five named entities; declarations, comments
 * and DOCTYPE are passed over (nothing in them is ever read, so no entity can be
 * declared). A library would bring ten times the code and its own history of
 * holes for five constructs.
 *
 * LIMITS. Depth 64, names 63 bytes, 24 attributes of 255 bytes, text 255 bytes
 * (longer is cut). End tags must match.
 *
 * ERRORS. STC_ERR_PARSE with the line.
 */
#ifndef STC_HW_XML_PULL_H
#define STC_HW_XML_PULL_H

#include <stddef.h>

#include "sim/base/err.h"

enum { STC_XML_DEPTH = 64, STC_XML_NAME = 64, STC_XML_VALUE = 256, STC_XML_ATTRS = 24 };

enum stc_xml_kind { STC_XML_START, STC_XML_STOP, STC_XML_TEXT, STC_XML_END };

struct stc_xml {
    const char *name, *at, *end; /* private but for name: for sentences */
    int line, depth;
    char open[STC_XML_DEPTH][STC_XML_NAME]; /* open[0] is the root */
    int closes;                             /* private: <x/> owes its STOP */
    enum stc_xml_kind kind;
    char tag[STC_XML_NAME];   /* START, STOP */
    char text[STC_XML_VALUE]; /* TEXT: without the blanks around it */
    int n_attrs;              /* START */
    char key[STC_XML_ATTRS][STC_XML_NAME];
    char value[STC_XML_ATTRS][STC_XML_VALUE];
};

/* text must outlive x. */
void stc_xml_open(struct stc_xml *x, const char *name, const char *text, size_t len);
/* Blank text is not reported. */
STC_MUST_USE enum stc_err stc_xml_next(struct stc_xml *x, struct stc_diag *diag);
/* The attribute's value, "" when absent. */
const char *stc_xml_attr(const struct stc_xml *x, const char *key);
/* The path ends with these names, "gpu/fb_memory_usage/total". */
int stc_xml_within(const struct stc_xml *x, const char *path);

#endif
