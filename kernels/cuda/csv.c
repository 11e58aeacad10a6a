#include "csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ==== rows ==== */

static void put_char(struct stc_row *row, char c)
{
    if (row->len + 1 >= sizeof row->text) {
        row->overflow = 1;
        return;
    }
    row->text[row->len++] = c;
    row->text[row->len] = '\0';
}

void stc_row_start(struct stc_row *row)
{
    row->text[0] = '\0';
    row->len = 0;
    row->n_fields = 0;
    row->overflow = 0;
}

void stc_row_text(struct stc_row *row, const char *text)
{
    const char *p;
    int quote = text != NULL && strpbrk(text, ",\"\r\n") != NULL;
    if (row->n_fields++ > 0) put_char(row, ',');
    if (quote) put_char(row, '"');
    for (p = text ? text : ""; *p; p++) {
        if (*p == '"') put_char(row, '"');
        put_char(row, *p == '\n' || *p == '\r' ? ' ' : *p);
    }
    if (quote) put_char(row, '"');
}

void stc_row_int(struct stc_row *row, long long value)
{
    char buf[32];
    snprintf(buf, sizeof buf, "%lld", value);
    stc_row_text(row, buf);
}

void stc_row_num(struct stc_row *row, double value)
{
    char buf[40];
    if (isnan(value)) {
        stc_row_text(row, "");
        return;
    }
    snprintf(buf, sizeof buf, "%.6g", value);
    stc_row_text(row, buf);
}

/* ==== keys ==== */

static size_t hash_text(const char *key)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (; *key; key++) {
        h = (h ^ (unsigned char)*key) * 1099511628211u;
    }
    return (size_t)h;
}

static size_t find_slot(const struct stc_keys *keys, const char *key)
{
    size_t i = hash_text(key) & (keys->n_slots - 1);
    while (keys->slots[i] && strcmp(keys->slots[i], key) != 0) {
        i = (i + 1) & (keys->n_slots - 1);
    }
    return i;
}

static int grow(struct stc_keys *keys)
{
    struct stc_keys wider = {NULL, keys->n, keys->n_slots ? 2 * keys->n_slots : 256};
    size_t i;
    wider.slots = (char **)calloc(wider.n_slots, sizeof *wider.slots);
    if (!wider.slots) return -1;
    for (i = 0; i < keys->n_slots; i++) {
        if (keys->slots[i])
            wider.slots[find_slot(&wider, keys->slots[i])] = keys->slots[i];
    }
    free(keys->slots);
    *keys = wider;
    return 0;
}

int stc_keys_add(struct stc_keys *keys, const char *key)
{
    size_t i, len = strlen(key) + 1;
    if (2 * keys->n >= keys->n_slots && grow(keys)) return -1;
    i = find_slot(keys, key);
    if (keys->slots[i]) return 0;
    keys->slots[i] = (char *)malloc(len);
    if (!keys->slots[i]) return -1;
    memcpy(keys->slots[i], key, len);
    keys->n++;
    return 0;
}

int stc_keys_has(const struct stc_keys *keys, const char *key)
{
    return keys->n > 0 && keys->slots[find_slot(keys, key)] != NULL;
}

void stc_keys_free(struct stc_keys *keys)
{
    size_t i;
    for (i = 0; i < keys->n_slots; i++) {
        free(keys->slots[i]);
    }
    free(keys->slots);
    keys->slots = NULL;
    keys->n = keys->n_slots = 0;
}

/* ==== files ==== */

int stc_csv_fields(const char *line, size_t len, char *last, size_t n_last)
{
    size_t i, out = 0;
    int n = 1, quoted = 0;
    for (i = 0; i < len; i++) {
        char c = line[i];
        if (c == '"') {
            if (quoted && i + 1 < len && line[i + 1] == '"') {
                i++;
            } else {
                quoted = !quoted;
                continue;
            }
        } else if (c == ',' && !quoted) {
            n++;
            out = 0;
            continue;
        }
        if (out + 1 < n_last) last[out++] = c;
    }
    if (n_last > 0) last[out] = '\0';
    return quoted ? -1 : n;
}

static char *read_all(FILE *file, size_t *n_bytes)
{
    char *text;
    long end;
    if (fseek(file, 0, SEEK_END) || (end = ftell(file)) < 0) return NULL;
    rewind(file);
    text = (char *)malloc((size_t)end + 1);
    if (!text) return NULL;
    *n_bytes = fread(text, 1, (size_t)end, file);
    text[*n_bytes] = '\0';
    return text;
}

/* Walks the complete lines; returns how many bytes they take, or -1. */
static long scan(struct stc_csv *csv, const char *text, size_t n_bytes,
                 const char *columns, struct stc_keys *keys)
{
    size_t at = 0;
    char key[512];
    while (at < n_bytes) {
        const char *end = (const char *)memchr(text + at, '\n', n_bytes - at);
        size_t len;
        if (!end) break;
        len = (size_t)(end - (text + at));
        if (at == 0) {
            if (len != strlen(columns) || memcmp(text, columns, len) != 0) return -1;
        } else if (stc_csv_fields(text + at, len, key, sizeof key) != csv->n_columns) {
            csv->n_damaged++;
        } else {
            csv->n_rows++;
            if (stc_keys_add(keys, key)) return -1;
        }
        at += len + 1;
    }
    csv->torn = at < n_bytes;
    return (long)at;
}

static int refuse(struct stc_csv *csv, const char *path, const char *reason,
                  char why[STC_WHY_BYTES])
{
    snprintf(why, STC_WHY_BYTES, "%s: %s", path, reason);
    stc_csv_close(csv);
    return -1;
}

int stc_csv_open(struct stc_csv *csv, const char *path, const char *columns,
                 struct stc_keys *keys, char why[STC_WHY_BYTES])
{
    char *text, dummy[8];
    size_t n_bytes = 0;
    long whole;
    memset(csv, 0, sizeof *csv);
    csv->n_columns = stc_csv_fields(columns, strlen(columns), dummy, sizeof dummy);
    csv->file = fopen(path, "a+b");
    if (!csv->file) return refuse(csv, path, strerror(errno), why);
    text = read_all(csv->file, &n_bytes);
    if (!text) return refuse(csv, path, "cannot be read back", why);
    whole = scan(csv, text, n_bytes, columns, keys);
    free(text);
    if (whole < 0) return refuse(csv, path, "has other columns; move it away", why);
    if (csv->torn && ftruncate(fileno(csv->file), whole)) {
        return refuse(csv, path, "its torn last line cannot be cut off", why);
    }
    if (fseek(csv->file, 0, SEEK_END)) return refuse(csv, path, strerror(errno), why);
    if (whole == 0 && (fprintf(csv->file, "%s\n", columns) < 0 || fflush(csv->file))) {
        return refuse(csv, path, strerror(errno), why);
    }
    return 0;
}

int stc_csv_put(struct stc_csv *csv, const struct stc_row *row, char why[STC_WHY_BYTES])
{
    if (row->overflow || row->n_fields != csv->n_columns) {
        snprintf(why, STC_WHY_BYTES, "internal: a row of %d fields for %d columns%s",
                 row->n_fields, csv->n_columns, row->overflow ? ", and too long" : "");
        return -1;
    }
    if (fprintf(csv->file, "%s\n", row->text) < 0 || fflush(csv->file)) {
        snprintf(why, STC_WHY_BYTES, "a row cannot be written: %s", strerror(errno));
        return -1;
    }
    return 0;
}

void stc_csv_close(struct stc_csv *csv)
{
    if (csv->file) fclose(csv->file);
    csv->file = NULL;
}
