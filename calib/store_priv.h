/* store_priv.h - what store.c lends to store_read.c. */
#ifndef STC_CALIB_STORE_PRIV_H
#define STC_CALIB_STORE_PRIV_H

#include "calib/store.h"

struct stc_db *stc_store_db(struct stc_store *s);

#endif
