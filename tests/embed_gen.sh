#!/bin/sh
# embed_gen.sh LIST - prints the C file that holds the files named in LIST, one
# path a line and sorted. The bytes come in by the assembler's .incbin.
set -eu
export LC_ALL=C
cat <<'C'
/* Made by tests/embed_gen.sh from the files of the tree; do not edit. */
#include "sim/base/embed.h"

const struct stc_embed *stc_embed_table(int *n);
C
files=$(sort -u "$1")
i=0
for f in $files; do
    cat <<C
__asm__(".section .rodata\n.hidden stc_embed_$i\n.globl stc_embed_$i\nstc_embed_$i:\n"
        ".incbin \"$f\"\n.byte 0\n.previous\n");
extern const unsigned char stc_embed_$i[];
C
    i=$((i + 1))
done
echo 'static const struct stc_embed table[] = {'
i=0
for f in $files; do
    printf '    {"%s", stc_embed_%d, %d},\n' "$f" "$i" "$(wc -c <"$f")"
    i=$((i + 1))
done
cat <<C
    {0, 0, 0},
};

const struct stc_embed *stc_embed_table(int *n)
{
    *n = $i;
    return table;
}
C
