#include "sim/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
# define STC_WITH_ASAN 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define STC_WITH_ASAN 1
# endif
#endif
#ifdef STC_WITH_ASAN
# include <sanitizer/asan_interface.h>
#else
# define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
# define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ALIGN = 16, FIRST_BYTES = 16 * 1024 - 64, MOST_BYTES = 4 * 1024 * 1024 };

/* The payload follows the header. Poisoned from `used` on, and between one
 * allocation and the next, so that ASan sees an overrun of an array. */
struct stc_arena_block {
    struct stc_arena_block *prev;
    size_t size, used;
    size_t pad; /* keeps the payload aligned */
};

_Static_assert(sizeof(struct stc_arena_block) % ALIGN == 0, "payload must be aligned");

static unsigned char *payload(struct stc_arena_block *b)
{
    return (unsigned char *)(b + 1);
}

static struct stc_arena_block *grow(struct stc_arena *a, size_t need)
{
    size_t size = a->head != NULL ? a->head->size * 2 : FIRST_BYTES;
    if (size > MOST_BYTES) size = MOST_BYTES;
    if (size < need) size = need;
    struct stc_arena_block *b = malloc(sizeof(*b) + size);
    if (b == NULL) return NULL;
    *b = (struct stc_arena_block){.prev = a->head, .size = size};
    ASAN_POISON_MEMORY_REGION(payload(b), size);
    a->head = b;
    return b;
}

void *stc_arena_alloc(struct stc_arena *a, size_t count, size_t size)
{
    enum {
        REDZONE =
#ifdef STC_WITH_ASAN
            ALIGN
#else
            0
#endif
    };
    if (size != 0 && count > SIZE_MAX / 4 / size) return NULL;
    size_t want = count * size;
    size_t need = (want + ALIGN - 1) / ALIGN * ALIGN;
    if (need == 0) need = ALIGN;
    /* The cap counts what was handed out, alike with and without ASan. */
    if (a->cap_bytes != 0 &&
        (need > a->cap_bytes || a->used_bytes > a->cap_bytes - need))
        return NULL;
    struct stc_arena_block *b = a->head;
    if (b == NULL || b->size - b->used < need + REDZONE) b = grow(a, need + REDZONE);
    if (b == NULL) return NULL;
    unsigned char *p = payload(b) + b->used;
    b->used += need + REDZONE;
    a->used_bytes += need;
    ASAN_UNPOISON_MEMORY_REGION(p, want);
    if (want != 0) memset(p, 0, want);
    return p;
}

char *stc_arena_strdup(struct stc_arena *a, const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = stc_arena_alloc(a, n, 1);
    if (p != NULL) memcpy(p, text, n);
    return p;
}

char *stc_arena_printf(struct stc_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n >= 0 ? stc_arena_alloc(a, (size_t)n + 1, 1) : NULL;
    if (p != NULL) (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

static void drop(struct stc_arena_block *b)
{
    while (b != NULL) {
        struct stc_arena_block *prev = b->prev;
        ASAN_UNPOISON_MEMORY_REGION(payload(b), b->size);
        free(b);
        b = prev;
    }
}

void stc_arena_reset(struct stc_arena *a)
{
    if (a->head != NULL) {
        drop(a->head->prev);
        a->head->prev = NULL;
        a->head->used = 0;
        ASAN_POISON_MEMORY_REGION(payload(a->head), a->head->size);
    }
    a->used_bytes = 0;
}

void stc_arena_free(struct stc_arena *a)
{
    drop(a->head);
    *a = (struct stc_arena)STC_ARENA_INIT;
}
