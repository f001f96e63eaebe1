/* template.h: what --each-line makes of every line: a command, in which the line
   takes the place of {}. */
#ifndef KIN_TOOLS_TEMPLATE_H
#define KIN_TOOLS_TEMPLATE_H

#include "command.h"

typedef struct template
{
    char **words; /* the last is NULL; one block with their texts */
    size_t count;
    const char *delimiter; /* between fields; NULL: blanks and tabs; borrowed */
}
template;

/* Splits the text into words, once, as a shell would: quotes and backslashes
   keep together what they enclose, and nothing else means anything. REFUSED:
   there is no word, or a quote has no end. */
KIN_MUST_USE kin_error *template_parse(template *, const char *text);
void template_deinit(template *);
/* The program, where that is known without a line; else NULL. */
const char *template_program(const template *);

/* The command of one line: in each word {} becomes the line, {1} its first
   field, and so on; one that it has not is empty. A word stays one word,
   whatever is in the line. It is named after the line. REFUSED out of memory. */
KIN_MUST_USE kin_error *template_fill(const template *, const char *line,
                                      size_t length, command *made);

#endif
