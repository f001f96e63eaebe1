/* options.h: the options of a command line, by a table. */
#ifndef KIN_TOOLS_OPTIONS_H
#define KIN_TOOLS_OPTIONS_H

#include <kin/error.h>

typedef struct option option;
struct option {
    const char *name;  /* as in --name */
    char letter;       /* as in -l; 0: none */
    const char *value; /* what its value is called; NULL: it takes none */
    /* Puts it into `into`. `text` is the value, or NULL. A REFUSED says what is
       wrong with it. */
    kin_error *(*take)(void *into, const option *self, const char *text);
    size_t where; /* for take: the offset of what it sets in `into` */
    int choice;   /* for take: to what */
};

typedef struct option_table {
    const option *options;
    size_t count;
    /* What is no option. */
    kin_error *(*operand)(void *into, const char *text);
} option_table;

/* Reads --name, --name=value, --name value, -l, -lvalue, -l value and operands,
   up to the end or a `--`. *rest is what follows that, or NULL where none
   stood. Both are borrowed from argv, which starts with the first argument and
   ends with NULL. Fails with REFUSED at the first thing that is wrong. */
KIN_MUST_USE kin_error *options_parse(const option_table *, void *into,
                                      char **argv, char ***rest);

#endif
