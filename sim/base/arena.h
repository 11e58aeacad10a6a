/*
 * arena.h - memory of one run.
 *
 * Nearly everything a run makes (ops, tasks, groups, names) dies together, so
 * it is carved from one arena and released by one stc_arena_free. Nothing
 * handed out here may be passed to free().
 *
 * ERRORS. An allocation returns NULL when memory or the cap is exhausted, or
 * when count * size overflows; the caller turns that into STC_ERR_NOMEM.
 * Memory is zeroed and aligned for any type.
 */
#ifndef STC_BASE_ARENA_H
#define STC_BASE_ARENA_H

#include <stddef.h>

struct stc_arena {
    struct stc_arena_block *head; /* private */
    size_t used_bytes;            /* handed out since the last reset */
    size_t cap_bytes;             /* 0: no limit; tests lower it to make it fail */
};

#define STC_ARENA_INIT \
 {                     \
  0                    \
 }

/* Zeroed memory for `count` elements of `size` bytes, or NULL. count 0 gives a
 * valid pointer to nothing. */
void *stc_arena_alloc(struct stc_arena *a, size_t count, size_t size);

/* A copy of the text in the arena, or NULL. */
char *stc_arena_strdup(struct stc_arena *a, const char *text);
char *stc_arena_printf(struct stc_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Forgets everything but keeps one block for reuse; the cap stays. */
void stc_arena_reset(struct stc_arena *a);
/* Gives all memory back; the arena is as after STC_ARENA_INIT. */
void stc_arena_free(struct stc_arena *a);

#define STC_NEW(a, type)      ((type *)stc_arena_alloc((a), 1, sizeof(type)))
#define STC_NEW_N(a, type, n) ((type *)stc_arena_alloc((a), (n), sizeof(type)))

#endif
