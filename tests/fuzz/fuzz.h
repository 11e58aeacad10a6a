/*
 * fuzz.h - what every fuzz target shares.
 *
 * A target is tests/fuzz/fuzz_NAME.c: it states what it reaches and what must
 * hold, and defines LLVMFuzzerTestOneInput. Its kept inputs are the files of
 * tests/fuzz/corpus/NAME. `make fuzz` links libFuzzer; `make check` replays the
 * corpus with the main below, and feeds cut and bent copies of every file too.
 */
#ifndef STC_TESTS_FUZZ_FUZZ_H
#define STC_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property: unlike assert it holds in every build. */
#define FUZZ_MUST(cond)                                                        \
 do {                                                                          \
  if (!(cond)) {                                                               \
   (void)fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #cond); \
   abort();                                                                    \
  }                                                                            \
 } while (0)

/* The input as C text (cut at the first NUL); the caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_MUST(text != NULL);
    if (size != 0) memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

#ifdef FUZZ_STANDALONE
# include <dirent.h>
# include <sys/stat.h>

/* The file itself, each of 16 heads of it, and 64 copies with bytes turned. */
static int fuzz_replay_file(const char *path)
{
    enum { MOST = 1 << 20 };
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(MOST);
    FUZZ_MUST(f != NULL && data != NULL);
    size_t n = fread(data, 1, MOST, f);
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(data, n);
    for (size_t i = 0; i < 16; i++)
        (void)LLVMFuzzerTestOneInput(data, n * i / 16);
    uint64_t x = 88172645463325252u; /* xorshift64 (Marsaglia 2003) */
    for (int i = 0; i < 64 && n > 0; i++) {
        uint8_t *bent = malloc(n);
        FUZZ_MUST(bent != NULL);
        memcpy(bent, data, n);
        for (int k = 0; k <= i / 8; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            bent[x % n] = (uint8_t)(x >> 40);
        }
        (void)LLVMFuzzerTestOneInput(bent, n);
        free(bent);
    }
    free(data);
    return 1 + 16 + 64;
}

int main(int argc, char **argv)
{
    int runs = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            (void)fprintf(stderr, "%s: no corpus\n", argv[i]);
            return EXIT_FAILURE;
        }
        for (struct dirent *e; (e = readdir(dir)) != NULL;) {
            char path[1024];
            struct stat st;
            (void)snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
            if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
                runs += fuzz_replay_file(path);
        }
        (void)closedir(dir);
    }
    (void)printf("replayed %d inputs\n", runs);
    return runs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif

#endif
