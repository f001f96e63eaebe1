/* words.c: see words.h. No state. */
#include "words.h"

#include <string.h>

static void print_word(const char *word, FILE *stream)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-_./:=,@%+";
    if (*word && !word[strspn(word, plain)]) {
        fputs(word, stream);
        return;
    }
    putc('\'', stream);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", stream);
        else
            putc(*word, stream);
    }
    putc('\'', stream);
}

void words_print(const char *const words[], FILE *stream)
{
    for (size_t i = 0; words[i]; i++) {
        if (i > 0)
            putc(' ', stream);
        print_word(words[i], stream);
    }
}
