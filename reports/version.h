/* version.h - the program's version, printed in every machine-readable output. */
#ifndef STC_REPORTS_VERSION_H
#define STC_REPORTS_VERSION_H

#define STC_VERSION "0.1.0"

#endif
