/* words.h: the words of a command line, as a shell reads and writes them. */
#ifndef KIN_TOOLS_WORDS_H
#define KIN_TOOLS_WORDS_H

#include <stdio.h>

/* Writes the words, the last of which is followed by NULL, in such a way that a
   shell would read the same ones. */
void words_print(const char *const words[], FILE *);

#endif
