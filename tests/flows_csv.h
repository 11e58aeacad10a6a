/*
 * flows_csv.h - reads tests/data/truth/flows_*.csv: flows that all start at 0
 * on links of 50e9 B/s, with the end that SimGrid 3.32 gives them.
 */
#ifndef STC_TESTS_FLOWS_CSV_H
#define STC_TESTS_FLOWS_CSV_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/engine/flow.h"

#define FLOWS_CSV_BPS      50e9
#define FLOWS_CSV_MAX_USES 16U

struct flows_csv_row {
    struct stc_flow_use uses[FLOWS_CSV_MAX_USES];
    uint32_t n_uses;
    double bytes, latency_s, finish_s;
};

struct flows_csv {
    struct flows_csv_row *row;
    uint32_t n_flows, n_links;
    double *capacity_Bps;
};

static inline void flows_csv_free(struct flows_csv *c)
{
    free(c->row);
    free(c->capacity_Bps);
}

static inline bool flows_csv_line(char *line, struct flows_csv_row *row,
                                  uint32_t *n_links)
{
    char *save = NULL, *field[7] = {0};
    for (int i = 0; i < 7; i++) {
        field[i] = strtok_r(i == 0 ? line : NULL, ",\n", &save);
        if (field[i] == NULL) return false;
    }
    *row = (struct flows_csv_row){.bytes = strtod(field[3], NULL),
                                  .latency_s = strtod(field[4], NULL),
                                  .finish_s = strtod(field[6], NULL)};
    save = NULL;
    for (char *id = strtok_r(field[5], " ", &save); id != NULL;
         id = strtok_r(NULL, " ", &save)) {
        if (row->n_uses == FLOWS_CSV_MAX_USES) return false;
        const uint32_t link = (uint32_t)strtoul(id, NULL, 10);
        row->uses[row->n_uses++] = (struct stc_flow_use){link, 1.0};
        if (link >= *n_links) *n_links = link + 1;
    }
    return true;
}

static inline bool flows_csv_read(struct flows_csv *c, const char *path)
{
    char line[512];
    uint32_t cap = 16384;
    FILE *in = fopen(path, "r");
    bool ok = in != NULL && fgets(line, sizeof line, in) != NULL;

    *c = (struct flows_csv){.row = calloc(cap, sizeof *c->row)};
    while (ok && c->row != NULL && c->n_flows < cap &&
           fgets(line, sizeof line, in) != NULL) {
        ok = flows_csv_line(line, &c->row[c->n_flows], &c->n_links);
        c->n_flows++;
    }
    if (in != NULL) fclose(in);
    c->capacity_Bps = calloc(c->n_links + (size_t)1, sizeof *c->capacity_Bps);
    ok = ok && c->row != NULL && c->capacity_Bps != NULL;
    for (uint32_t i = 0; ok && i < c->n_links; i++)
        c->capacity_Bps[i] = FLOWS_CSV_BPS;
    if (!ok) flows_csv_free(c);
    return ok;
}

static inline struct stc_flow_spec flows_csv_spec(const struct flows_csv *c, uint32_t i,
                                                  double tick_s)
{
    const struct flows_csv_row *r = &c->row[i];
    return (struct stc_flow_spec){
        .uses = r->uses,
        .n_uses = r->n_uses,
        .weight = 1.0,
        .cap_Bps = INFINITY,
        .bytes = r->bytes,
        .latency_tick = (int64_t)(r->latency_s / tick_s + 0.5),
        .tag = i,
    };
}

#endif
