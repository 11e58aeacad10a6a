/* catalogue_help.h - how to write hardware, models and stacks of one's own. */
#ifndef STC_REPORTS_CATALOGUE_HELP_H
#define STC_REPORTS_CATALOGUE_HELP_H

struct stc_text;

/* What a catalogue is, an example of one, and the keys of its rows. */
void stc_report_catalogue_help(struct stc_text *out);

#endif
