/* memory_rows.h - rows of the run table that measure memory, as builds. */
#ifndef STC_TESTS_MEMORY_ROWS_H
#define STC_TESTS_MEMORY_ROWS_H

#include "models/memory.h"
#include "sim/base/text.h"

struct stc_mem_row {
    struct stc_model model;
    struct stc_layout layout;
    struct stc_train train;
    struct stc_stack stack;
    double measured_bytes;
    int last_stage;                            /* measured there only */
    double (*how)(const struct stc_mem_est *); /* which memory was measured */
    char source[128];
};

/* The next row that measures memory; 0 at the end. Reads only what describes
 * the run (never id, source for the forecast, notes or measured columns). */
int stc_mem_rows_next(struct stc_csv *c, struct stc_mem_row *row);
/* Forecast of the row's quantity; negative when it cannot be. */
double stc_mem_row_forecast(const struct stc_mem_row *row);

#endif
